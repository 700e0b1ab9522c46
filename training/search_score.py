"""Scores of the answers of `porevec index search`: whom it calls, how sure it is, and how soon.

An answer is right where target and strand are, and its stretch reaches at most TOLERANCE bases beyond what was heard of the
read. Precision, recall and F1 are over reads of the index's genomes; the rate of false answers and everything about
probabilities are over as many reads of none, by weight. What a read's answer is after n windows' worth of samples is the
last one given by then: a final answer stays.
"""

import json
from dataclasses import dataclass

import numpy as np

from answers import with_interval
from families import WINDOWS, Family
from search_truth import NONE, Truth
from species import auroc

TOLERANCE = 500  # bases
CHUNKS = 1, 2, 3, 5, 10  # windows of WINDOWS[0] samples after the leader
BINS = np.array([0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99, 0.999, 1])  # of the reliability table
EVEN = np.linspace(0, 1, 11)  # of the expected calibration error
FEWEST = 5  # right and wrong answers that an AUROC needs, each


@dataclass(frozen=True)
class Answer:
    """What the program said about a read after some samples, its leader among them; no target: nothing found."""

    read_id: str
    target: str | None
    start: int
    end: int
    strand: int
    probability: float
    lead: float  # nats; -inf: nothing found
    called: bool
    final: bool
    chunks: int
    samples: int

    def right(self, truth: Truth) -> bool:
        if self.target is None or self.target != truth.genome or self.strand != truth.strand:
            return False
        low, high = truth.heard(self.samples)
        return bool(low - TOLERANCE <= self.start < self.end <= high + TOLERANCE)


def parse(line: str) -> Answer:
    """One line of --format ndjson. All knowledge of its names is here."""
    a = json.loads(line)
    found = a["target"] is not None
    lead = a["lead_nats"] if found and a["lead_nats"] is not None else -np.inf
    strand = {"+": 1, "-": -1}[a["strand"]] if found else 0
    return Answer(
        a["read_id"], a["target"], a["start"] if found else 0, a["end"] if found else 0, strand,
        a["probability"] if found and a["probability"] is not None else 0.0, lead,
        a["called"] and found, a["final"], a["chunks"], a["samples"],
    )  # fmt: skip


def read_answers(path: str) -> dict[str, list[Answer]]:
    """The answers about each read, in the order in which it was heard."""
    reads: dict[str, list[Answer]] = {}
    with open(path) as file:
        for line in file:
            answer = parse(line)
            reads.setdefault(answer.read_id, []).append(answer)
    for answers in reads.values():
        answers.sort(key=lambda a: (a.samples, a.final))
    return reads


@dataclass(frozen=True)
class Table:
    """One answer per read, or several: all arrays [answers].

    read: number of the read; real: it comes from a genome of the index
    """

    read: np.ndarray
    real: np.ndarray
    probability: np.ndarray
    lead: np.ndarray
    called: np.ndarray
    right: np.ndarray
    final: np.ndarray
    chunks: np.ndarray
    samples: np.ndarray

    def take(self, rows: np.ndarray) -> "Table":
        return Table(*(column[rows] for column in vars(self).values()))

    def weight(self) -> np.ndarray:
        """Answers about real reads and about reads of none weigh 1 in sum, each."""
        share = np.where(self.real, max(1, self.real.sum()), max(1, (~self.real).sum()))
        return 1 / share


def _table(rows: list[tuple[int, Truth, Answer | None]]) -> Table:
    columns = [
        (i, t.genome != NONE, a.probability, a.lead, a.called, a.right(t), a.final, a.chunks, a.samples)
        if a else (i, t.genome != NONE, 0.0, -np.inf, False, False, False, 0, 0)
        for i, t, a in rows
    ]  # fmt: skip
    types = int, bool, float, float, bool, bool, bool, int, int
    return Table(*(np.array(column, kind) for column, kind in zip(zip(*columns), types)))


def after(truth: list[Truth], answers: dict[str, list[Answer]], samples: float) -> Table:
    """The last answer about each read within a budget of samples; one row per read, silence included."""
    last = [next((a for a in reversed(answers.get(t.read_id, [])) if a.samples <= samples), None) for t in truth]
    return _table([(i, t, a) for (i, t), a in zip(enumerate(truth), last)])


def every(truth: list[Truth], answers: dict[str, list[Answer]]) -> Table:
    """All answers that found a place or not, as often as they were given."""
    return _table([(i, t, a) for i, t in enumerate(truth) for a in answers.get(t.read_id, [])])


def rates(table: Table, rows: np.ndarray | slice = slice(None)) -> dict[str, float]:
    """Scores of the called answers; `false` is the share of reads of none that are called.

    fdr: of the called, those that are wrong, when as many reads are of none as of the index's genomes.
    """
    real, called, right = table.real[rows], table.called[rows], table.right[rows]
    reads, others = max(1, real.sum()), max(1, (~real).sum())
    given, correct = (called & real).sum(), (called & right).sum()
    false = (called & ~real).sum() / others
    answered = given / reads + false
    return {
        "precision": correct / given if given else 1.0,
        "recall": correct / reads,
        "f1": 2 * correct / (given + reads),
        "false": false,
        "fdr": ((given - correct) / reads + false) / answered if answered else 0.0,
    }


def separation(table: Table, rows: np.ndarray | slice = slice(None)) -> dict[str, float]:
    """AUROC of the probability: right among all answers about real reads; real among all reads. NaN where it has no meaning."""
    real, right, probability = table.real[rows], table.right[rows], table.probability[rows]

    def area(score: np.ndarray, positive: np.ndarray) -> float:
        return auroc(score, positive) if min(positive.sum(), (~positive).sum()) else np.nan

    return {"AUROC place": area(probability[real], right[real]), "AUROC index": area(probability, real)}


@dataclass(frozen=True)
class Reliability:
    """Sums over the answers of each read in bins of probability, float [reads, bins]: weight, and weight times p and right."""

    weight: np.ndarray
    said: np.ndarray
    right: np.ndarray

    @classmethod
    def of(cls, table: Table, edges: np.ndarray) -> "Reliability":
        bins, reads = len(edges) - 1, table.read.max() + 1
        cell = table.read * bins + np.clip(np.searchsorted(edges, table.probability, "right") - 1, 0, bins - 1)
        weight = table.weight()

        def total(values: np.ndarray) -> np.ndarray:
            return np.bincount(cell, weight * values, reads * bins).reshape(reads, bins)

        return cls(total(np.ones(len(weight))), total(table.probability), total(table.right))

    def error(self, rows: np.ndarray) -> dict[str, float]:
        """Expected calibration error: the mean distance of what was said from what came true."""
        weight, said, right = (x[rows].sum(0) for x in (self.weight, self.said, self.right))
        return {"ECE": float(np.abs(said - right).sum() / weight.sum())}

    def bins(self, rows: np.ndarray) -> dict[str, float]:
        """Share right in each bin that is not empty; NaN where it is empty in these rows."""
        weight, right = self.weight[rows].sum(0), self.right[rows].sum(0)
        return {str(i): right[i] / weight[i] if weight[i] else np.nan for i in np.flatnonzero(self.weight.sum(0))}


def delay(table: Table, rate: float, rows: np.ndarray | slice = slice(None)) -> dict[str, float]:
    """Seconds of sequencing until the answer is final, its leader among them: median and 90 % of real reads."""
    seconds = table.samples[rows][table.real[rows]] / rate
    return {"median": np.median(seconds), "90 %": np.quantile(seconds, 0.9)}


def intervals(statistic, count: int) -> dict[str, list[float] | None]:
    """with_interval, and None for what has no meaning."""
    figures = with_interval(statistic, count)
    return {name: None if np.isnan(v[0]) else v for name, v in figures.items()}


def score(truth: list[Truth], answers: dict[str, list[Answer]], family: Family, leader: int | None = None) -> dict:
    """All figures of one search: after each number of windows, at the end, reliability and delay."""
    leader = family.leader_samples if leader is None else leader
    budgets = {str(n): leader + n * WINDOWS[0] for n in CHUNKS} | {"final": np.inf}
    report: dict = {"reads": sum(t.genome != NONE for t in truth), "none": sum(t.genome == NONE for t in truth), "chunks": {}}
    for name, samples in budgets.items():
        table = after(truth, answers, samples)
        apart = separation(table)
        wrong = (table.real & ~table.right).sum()
        entry = intervals(lambda rows: rates(table, rows), len(truth))
        if wrong >= FEWEST and not np.isnan(apart["AUROC place"]):
            entry |= {"AUROC place": intervals(lambda rows: {"x": separation(table, rows)["AUROC place"]}, len(truth))["x"]}
        if not np.isnan(apart["AUROC index"]):
            entry |= {"AUROC index": intervals(lambda rows: {"x": separation(table, rows)["AUROC index"]}, len(truth))["x"]}
        even = Reliability.of(table, EVEN)
        report["chunks"][name] = entry | intervals(even.error, len(truth))
    table = every(truth, answers)
    given = Reliability.of(table, BINS)
    figures = intervals(given.bins, len(given.weight))
    cell = np.clip(np.searchsorted(BINS, table.probability, "right") - 1, 0, len(BINS) - 2)
    report["reliability"] = [
        {
            "from": float(BINS[i]), "to": float(BINS[i + 1]), "answers": int((cell == i).sum()),
            "said": float(given.said[:, i].sum() / max(given.weight[:, i].sum(), 1e-300)), "right": figures.get(str(i)),
        }
        for i in range(len(BINS) - 1)
    ]  # fmt: skip
    report |= intervals(Reliability.of(table, EVEN).error, len(given.weight))
    last = after(truth, answers, np.inf)
    report["seconds"] = intervals(lambda rows: delay(last, family.sample_rate_hz, rows), len(truth))
    return report


def relevant(truth: dict[str, Truth], names: list[str], condition: str) -> list[Truth]:
    """Reads of these genomes (NONE among them) under one condition; those of none say after it what they are made of."""
    return [t for t in truth.values() if t.genome in names and t.condition.split()[0] == condition]


def main() -> None:
    import argparse

    from families import FAMILIES
    from search_truth import read_truth

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("--truth", required=True, help="truth.tsv of search_reads.py")
    parser.add_argument("--genome", action="append", required=True, help="a genome of the index whose reads were searched")
    parser.add_argument("--condition", default="harsh")
    parser.add_argument("answers", help="NDJSON of porevec index search --each-chunk")
    args = parser.parse_args()
    truth = relevant(read_truth(args.truth), [*args.genome, NONE], args.condition)
    print(json.dumps(score(truth, read_answers(args.answers), FAMILIES[args.family]), indent=1))


if __name__ == "__main__":
    main()
