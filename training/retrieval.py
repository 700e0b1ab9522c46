"""Locus retrieval: an index of reference windows, and chunks that look for their place in it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from families import STRIDE, Family
from pore import PoreModel
from sequence import one_hot, reverse_complement
from simulate import HARSH, Conditions, digitize, flank, median_mad, simulate

Embed = Callable[..., np.ndarray]  # arrays with a leading batch axis -> [batch, dim]


@dataclass(frozen=True)
class Index:
    """All windows of both strands: vectors [n, dim], centre (base, forward coordinates) and strand (+1, -1)."""

    vectors: np.ndarray
    centre: np.ndarray
    strand: np.ndarray
    span: int


@dataclass(frozen=True)
class Chunks:
    """Simulated chunks as the sequencer stores them, and where they come from (forward coordinates)."""

    adc: np.ndarray  # int16 [n, samples]
    shift: np.ndarray  # float32 [n, 1], adc counts
    scale: np.ndarray  # float32 [n, 1], adc counts
    centre: np.ndarray
    strand: np.ndarray


def build_index(genome: np.ndarray, span: int, embed: Embed, stride: int = STRIDE) -> Index:
    """Index a genome; embed takes one-hot bases [batch, 4, span]."""
    starts = np.arange(0, len(genome) - span + 1, stride)
    windows = genome[starts[:, None] + np.arange(span)]
    vectors = [in_batches(lambda b: embed(one_hot(b)), w) for w in (windows, reverse_complement(windows))]
    return Index(np.concatenate(vectors), *place(len(genome), span, stride), span)


def place(length: int, span: int, stride: int = STRIDE) -> tuple[np.ndarray, np.ndarray]:
    """Centre (base, forward coordinates) and strand of all windows of a genome of `length` bases."""
    centre = np.arange(span // 2, length - span + 1 + span // 2, stride)
    return np.tile(centre, 2), np.repeat([1, -1], len(centre))


def simulate_chunks(
    genome: np.ndarray, pore: PoreModel, family: Family, samples: int, count: int, seed: int,
    conditions: Conditions = HARSH, excluded: Sequence[tuple[int, int]] = (),
) -> Chunks:  # fmt: skip
    """Chunks from uniformly random places and strands of a genome without N; no centre lies in an excluded span."""
    rng = np.random.default_rng(seed)
    half = flank(family, samples)
    allowed = np.ones(len(genome), bool)
    for start, end in excluded:
        allowed[start:end] = False
    centre = rng.integers(half, len(genome) - half, count)
    while not allowed[centre].all():
        taken = np.flatnonzero(~allowed[centre])
        centre[taken] = rng.integers(half, len(genome) - half, len(taken))
    strand = rng.choice([1, -1], count)
    bases = genome[centre[:, None] + np.arange(-half, half)]
    middle = np.where(strand > 0, half, half - 1)  # the same base after reversal
    bases[strand < 0] = reverse_complement(bases[strand < 0])
    parts = []
    for i in range(0, count, 256):
        part = slice(i, i + 256)
        parts.append(simulate(pore, family, bases[part], middle[part], samples, rng, conditions))
    adc = digitize(family, np.concatenate(parts), rng)
    return Chunks(adc, *median_mad(adc), centre, strand)


def recall(index: Index, queries: np.ndarray, centre: np.ndarray, strand: np.ndarray, dim: int = 0) -> dict[str, float]:
    """Chunk recall: the share of queries with each kind of hit. dim > 0 searches with that prefix of the vectors."""
    order, _ = nearest(index, queries, 10, dim)
    return {name: hit.mean() for name, hit in hits(index, order, centre, strand).items()}


def hits(index: Index, order: np.ndarray, centre: np.ndarray, strand: np.ndarray) -> dict[str, np.ndarray]:
    """Which queries found their place, bool [queries]; order: their most similar windows, int [queries, 10].

    A hit is a window of the right strand whose centre is within one stride of the chunk's. `overlap@1` counts windows
    of the right strand that share at least half their bases with the chunk's.
    """
    distance = np.abs(index.centre[order] - centre[:, None])
    right = index.strand[order] == strand[:, None]
    hit = right & (distance <= STRIDE)
    overlap = right & (distance <= index.span / 2)
    return {"@1": hit[:, 0], "@10": hit.any(1), "overlap@1": overlap[:, 0]}


def nearest(index: Index, queries: np.ndarray, count: int, dim: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The `count` most similar windows, int [queries, count], and their cosine similarities, falling."""
    dim, count = dim or queries.shape[1], min(count, len(index.centre))
    vectors = unit(index.vectors[:, :dim]).T

    def search(part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        score = unit(part[:, :dim]) @ vectors
        best = largest(score, count)
        return best, np.take_along_axis(score, best, 1)

    order, score = zip(*(search(queries[i : i + 64]) for i in range(0, len(queries), 64)))
    return np.concatenate(order), np.concatenate(score)


def largest(score: np.ndarray, count: int, block: int = 64) -> np.ndarray:
    """Places of the `count` largest values of each row, largest first.

    They lie in the `count` blocks of columns with the largest maxima, so most columns are only compared once.
    """
    rows, columns = score.shape
    whole = columns // block * block
    if whole <= count * block:
        return np.argsort(-score, axis=1, kind="stable")[:, :count]
    peak = score[:, :whole].reshape(rows, -1, block).max(2)
    kept = np.argpartition(-peak, count - 1, axis=1)[:, :count]
    inside = (kept[:, :, None] * block + np.arange(block)).reshape(rows, -1)
    candidates = np.concatenate([inside, np.tile(np.arange(whole, columns), (rows, 1))], axis=1)
    order = np.argsort(-np.take_along_axis(score, candidates, 1), axis=1, kind="stable")[:, :count]
    return np.take_along_axis(candidates, order, 1)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows [n, dim] scaled to length 1."""
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def in_batches(embed: Embed, *arrays: np.ndarray, size: int = 128) -> np.ndarray:
    """Run embed over slices of the leading axis and join the results."""
    return np.concatenate([embed(*(a[i : i + size] for a in arrays)) for i in range(0, len(arrays[0]), size)])
