"""Scores of answers that may be withheld, with bootstrap intervals."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

RESAMPLES, SEED = 2000, 7
SLACK = 0.01  # of F1, about the error of its estimate


@dataclass(frozen=True)
class Answers:
    """One per read, all arrays [reads]; a read of no genome in the index is not `real` and has no right answer."""

    confidence: np.ndarray  # -inf: no answer
    right: np.ndarray  # bool
    real: np.ndarray  # bool

    def over(self, asked: np.ndarray) -> "Answers":
        """With the confidence that each read's answer has beyond what is asked of it."""
        return replace(self, confidence=self.confidence - asked)

    def scores(self, threshold: float, rows: np.ndarray | slice = slice(None)) -> dict[str, float]:
        """Answers with less confidence than the threshold are withheld.

        Precision is over the answered (1 where none is), recall over the real reads; `always`: recall of all answers.
        """
        right, real = self.right[rows], self.real[rows].sum()
        answered = self.confidence[rows] >= threshold
        correct, given = (answered & right).sum(), answered.sum()
        return {
            "precision": correct / given if given else 1.0,
            "recall": correct / real,
            "f1": 2 * correct / (given + real),
            "always": right.sum() / real,
        }


def joined(*parts: Answers) -> Answers:
    return Answers(*(np.concatenate([getattr(p, f) for p in parts]) for f in ("confidence", "right", "real")))


def calibrate(answers: Answers) -> float:
    """The lowest confidence to answer at whose F1 is within SLACK of the largest.

    F1 is flat near its maximum; the lowest keeps reads that are less clear than the simulated ones.
    """
    levels = np.unique(answers.confidence[np.isfinite(answers.confidence)])
    f1 = np.array([answers.scores(level)["f1"] for level in levels])
    return float(levels[f1 >= f1.max() - SLACK][0])


def with_interval(statistic: Callable[[np.ndarray], dict[str, float]], count: int) -> dict[str, list[float]]:
    """Each figure of statistic(rows) as [value, low, high]: of all items, and its 95 % percentile bootstrap interval.

    Every call with the same count resamples alike.
    """
    rng = np.random.default_rng(SEED)
    value = statistic(np.arange(count))
    samples = [list(statistic(rng.integers(0, count, count)).values()) for _ in range(RESAMPLES)]
    low, high = np.nanpercentile(samples, (2.5, 97.5), axis=0)  # NaN: a resample in which the figure has no meaning
    return {name: [float(v), float(l), float(h)] for (name, v), l, h in zip(value.items(), low, high)}


def compared(statistic: Callable[[str, np.ndarray], dict[str, float]], count: int) -> dict[str, dict[str, list[float]]]:
    """statistic(precision, rows) of the same items for fp32 and int8, and the difference with a paired interval."""

    def difference(rows: np.ndarray) -> dict[str, float]:
        before, after = statistic("fp32", rows), statistic("int8", rows)
        return {name: after[name] - before[name] for name in after}

    report = {kind: with_interval(lambda rows: statistic(kind, rows), count) for kind in ("fp32", "int8")}
    return report | {"int8 - fp32": with_interval(difference, count)}
