"""What noise and speed do to one window: plain conditions otherwise, the threshold of harsh reads."""

from dataclasses import replace

import numpy as np

import runtime
from answers import compared
from bench import KINDS, Bench
from families import WINDOWS, Family
from locus import locate, vote
from plans import Plan
from retrieval import hits, nearest, simulate_chunks
from simulate import PLAIN, Conditions
from simulated_reads import Reads, threshold

NOISE = 1.0, 1.5, 2.0, 3.0  # times the pore model's standard deviation
DWELL = 0.8, 0.9, 1.0, 1.1, 1.25  # times the family's samples per base
SEED = 401


def measure(bench: Bench, genome: np.ndarray, count: int, calibration: int) -> dict:
    """Chunk recall and scores of single windows as reads, by noise and by dwell."""
    level = threshold(bench, genome, Plan(WINDOWS[0], 0), calibration)
    noise = {str(f): replace(PLAIN, noise=(f, f)) for f in NOISE}
    dwell = {str(f): replace(bench.family, samples_per_base=f * bench.family.samples_per_base) for f in DWELL}
    return {
        "chunks": count,
        "threshold": level,
        "noise": {f: scores(bench, genome, count, level, bench.family, conditions) for f, conditions in noise.items()},
        "dwell": {f: scores(bench, genome, count, level, family, PLAIN) for f, family in dwell.items()},
    }


def scores(bench: Bench, genome: np.ndarray, count: int, level: float, family: Family, conditions: Conditions) -> dict:
    """Chunks simulated with `family` and `conditions`, sought in the index of the bench's family."""
    window = WINDOWS[0]
    span = bench.family.span(window)
    index = bench.indices.of(genome, span)
    chunks = simulate_chunks(genome, bench.pore, family, window, count, SEED, conditions)
    reads = Reads(list(chunks.adc), chunks.centre[:, None] + np.array([-span, span]) // 2, chunks.strand)
    hit, answers = {}, {}
    for kind in KINDS:
        vectors = runtime.embed_chunks(bench.embed[kind], chunks)
        hit[kind] = hits(index, nearest(index, vectors, 10)[0], chunks.centre, chunks.strand)["@1"]
        answers[kind] = reads.answers([locate(v) for v in vote(index, vectors, [np.zeros(1)] * count)])
    return compared(lambda kind, rows: {"@1": hit[kind][rows].mean()} | answers[kind].scores(level, rows), count)
