"""Loci of simulated reads by the number of chunks heard."""

import numpy as np

from answers import compared
from bench import KINDS, Bench
from families import WINDOWS
from plans import Plan
from simulated_reads import simulated_reads, threshold

CHUNKS = 1, 2, 3, 5, 10
SEED = 201


def measure(bench: Bench, genome: np.ndarray, count: int) -> dict:
    """Scores per number of chunks, of harsh reads without a leader; the threshold comes from other reads."""
    most = max(CHUNKS) * WINDOWS[0]
    reads = simulated_reads(genome, bench.pore, bench.family, most, count, SEED)
    report: dict = {"reads": count, "chunks": {}}
    for chunks in CHUNKS:
        plan = Plan(chunks * WINDOWS[0], 0)
        part = reads.middle(plan.samples, bench.family)
        answers = {kind: part.answers(bench.locate(kind, genome, plan, part.adc)) for kind in KINDS}
        level = threshold(bench, genome, plan, count)
        scores = compared(lambda kind, rows: answers[kind].scores(level, rows), count)
        report["chunks"][str(chunks)] = {"samples": plan.samples, "threshold": level} | scores
    return report
