"""Recall of simulated chunks: how often the index window nearest to a chunk is the one it came from."""

from collections.abc import Sequence

import numpy as np

import runtime
from answers import compared
from bench import KINDS, Bench
from families import WINDOWS
from model import NESTED
from retrieval import Chunks, Index, hits, nearest, simulate_chunks
from simulate import HARSH, PLAIN

CONDITIONS = {"harsh": HARSH, "plain": PLAIN}
SEED = 101


def measure(bench: Bench, genome: np.ndarray, count: int, excluded: Sequence[tuple[int, int]]) -> dict:
    """Per window and conditions: recall and its intervals, recall with shorter prefixes, cosines of fp32 and int8.

    excluded: spans of the genome that no chunk's centre lies in
    """
    left_out = np.zeros(len(genome), bool)
    for start, end in excluded:
        left_out[start:end] = True
    report: dict = {"chunks": count, "excluded_bases": int(left_out.sum()), "windows": {}}
    for window in WINDOWS:
        index = bench.indices.of(genome, bench.family.span(window))
        entry: dict = {"index_windows": len(index.centre)}
        for name, conditions in CONDITIONS.items():
            chunks = simulate_chunks(genome, bench.pore, bench.family, window, count, SEED, conditions, excluded)
            vectors = {kind: runtime.embed_chunks(bench.embed[kind], chunks) for kind in KINDS}
            cosine = (vectors["fp32"] * vectors["int8"]).sum(1)
            entry[name] = {"dimensions": {str(dim): recalls(index, chunks, vectors, dim) for dim in NESTED}}
            entry[name] |= {"cos_mean": float(cosine.mean()), "cos_p1": float(np.percentile(cosine, 1))}
        report["windows"][str(window)] = entry
    return report


def recalls(index: Index, chunks: Chunks, vectors: dict[str, np.ndarray], dim: int) -> dict:
    """Recall of both kinds with the first `dim` values of their vectors."""
    table = {kind: hits(index, nearest(index, v, 10, dim)[0], chunks.centre, chunks.strand) for kind, v in vectors.items()}
    return compared(lambda kind, rows: {name: hit[rows].mean() for name, hit in table[kind].items()}, len(chunks.adc))
