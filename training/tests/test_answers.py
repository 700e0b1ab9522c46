"""Scores, calibration and intervals on answers whose scores are known."""

import numpy as np
import pytest

from answers import Answers, calibrate, compared, joined, with_interval


def answers(confidence: list[float], right: list[int], real: list[int]) -> Answers:
    return Answers(np.array(confidence, float), np.array(right, bool), np.array(real, bool))


def test_scores():
    a = answers([9, 8, 7, 1, -np.inf, 6], [1, 1, 0, 1, 0, 0], [1, 1, 1, 1, 1, 0])
    s = a.scores(5)
    assert s["precision"] == 2 / 4 and s["recall"] == 2 / 5 and s["always"] == 3 / 5
    assert s["f1"] == pytest.approx(2 * 0.5 * 0.4 / 0.9)
    assert a.scores(100) == {"precision": 1.0, "recall": 0.0, "f1": 0.0, "always": 3 / 5}
    assert a.scores(5, np.array([0, 1]))["f1"] == 1


def test_an_unanswered_read_is_never_answered():
    a = answers([-np.inf, 3], [0, 1], [1, 1])
    assert a.scores(-1e9)["precision"] == 1 and calibrate(a) == 3


def test_calibration_rejects_decoys_and_keeps_the_plateau():
    real = answers([30, 20, 10, 9], [1, 1, 1, 1], [1, 1, 1, 1])
    decoys = answers([4, 3, 2], [0, 0, 0], [0, 0, 0])
    assert calibrate(joined(real, decoys)) == 9
    assert calibrate(joined(real, answers([25], [0], [0]))) == 9  # one decoy costs less than two reads


def test_intervals_hold_the_value_and_shrink():
    rng = np.random.default_rng(0)
    widths = []
    for count in (50, 5000):
        hits = rng.random(count) < 0.3
        value, low, high = with_interval(lambda rows: {"share": hits[rows].mean()}, count)["share"]
        assert low < value < high and low < 0.3 < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 5


def test_differences_are_paired():
    """Two measurements that differ in two items: their own intervals are wide, that of the difference is not."""
    fp32 = np.random.default_rng(1).random(400) < 0.5
    int8 = fp32.copy()
    int8[np.flatnonzero(fp32)[:2]] = False
    table = {"fp32": fp32, "int8": int8}
    report = compared(lambda kind, rows: {"share": table[kind][rows].mean()}, 400)
    value, low, high = report["int8 - fp32"]["share"]
    assert value == pytest.approx(-2 / 400) and -0.02 < low < value < high <= 0
    assert report["fp32"]["share"][2] - report["fp32"]["share"][1] > 0.08
