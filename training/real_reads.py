"""Loci of real reads with a known place, under two budgets of samples."""

from collections.abc import Callable

import numpy as np

from answers import compared
from bench import KINDS, Bench
from families import WINDOWS, Family
from plans import Plan, after_leader, strict
from reads import LabelledRead
from retrieval import nearest
from simulate import median_mad
from simulated_reads import TOLERANCE, Reads, threshold

BUDGETS: dict[str, Callable[[Family, int], Plan]] = {"strict": strict, "after the leader": after_leader}
CHUNKS = 1, 2, 3, 5, 10
MOST = 10  # chunks of a read that chunk recall looks at


def loci(bench: Bench, genome: np.ndarray, reads: list[LabelledRead], calibration: int) -> dict:
    """Scores by budget and number of chunks; intervals by read.

    A read that ends before its budget is held to the threshold of the smallest budget that it fills: what is asked
    of an answer follows what was heard.
    """
    known = Reads([r.adc for r in reads], np.array([(r.start, r.end) for r in reads]), np.array([r.strand for r in reads]))
    lengths = np.array([len(r.adc) for r in reads])
    report: dict = {}
    for name, budget in BUDGETS.items():
        levels: list[float] = []
        for i, chunks in enumerate(CHUNKS):
            plan = budget(bench.family, chunks)
            levels.append(threshold(bench, genome, plan, calibration))
            filled = np.searchsorted([budget(bench.family, c).samples for c in CHUNKS[:i]], lengths)
            asked = np.array(levels)[filled]
            answers = {kind: known.answers(bench.locate(kind, genome, plan, known.adc)).over(asked) for kind in KINDS}
            scores = compared(lambda kind, rows: answers[kind].scores(0.0, rows), len(reads))
            report.setdefault(name, {})[str(chunks)] = {"samples": plan.samples, "threshold": levels[-1]} | scores
    return report


def chunks(bench: Bench, genome: np.ndarray, reads: list[LabelledRead], window: int) -> dict:
    """Chunk recall inside the read's span, right strand, and the share of windows that would be right; intervals by read."""
    index = bench.indices.of(genome, bench.family.span(window))
    hits: dict[str, list] = {kind: [] for kind in KINDS}
    for read in reads:
        starts = np.arange(bench.family.leader_samples, len(read.adc) - window + 1, window)[:MOST]
        if not len(starts):
            continue
        adc = read.adc[starts[:, None] + np.arange(window)]
        right = index.strand == read.strand
        right &= (index.centre >= read.start - TOLERANCE) & (index.centre < read.end + TOLERANCE)
        for kind in KINDS:
            found = right[nearest(index, bench.embed[kind](adc, *median_mad(adc)), 10)[0]]
            sums = found[:, 0].sum(), found.any(1).sum(), right.mean() * len(starts), len(starts)
            hits[kind].append(sums)
    table = {kind: np.array(rows, float) for kind, rows in hits.items()}

    def share(kind: str, rows: np.ndarray) -> dict[str, float]:
        one, ten, chance, count = table[kind][rows].sum(0)
        return {"@1": one / count, "@10": ten / count, "chance": chance / count}

    number = len(table["int8"])
    return {"reads": number, "chunks": int(table["int8"][:, 3].sum())} | compared(share, number)


def measure(bench: Bench, genome: np.ndarray, reads: list[LabelledRead], calibration: int) -> dict:
    """Everything about one set of reads, and what the encoder was adapted on."""
    return {
        "reads": len(reads),
        "adapted": bench.about.get("adapted", "none"),
        "calibration_reads": calibration,
        "loci": loci(bench, genome, reads, calibration),
        "chunks": {str(window): chunks(bench, genome, reads, window) for window in WINDOWS},
    }
