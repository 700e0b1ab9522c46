"""Locus retrieval: an index of reference windows, and chunks that look for their place in it."""

from collections.abc import Callable
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
    count = len(starts)
    return Index(np.concatenate(vectors), np.tile(starts + span // 2, 2), np.repeat([1, -1], count), span)


def simulate_chunks(
    genome: np.ndarray, pore: PoreModel, family: Family, samples: int, count: int, seed: int,
    conditions: Conditions = HARSH,
) -> Chunks:  # fmt: skip
    """Chunks from uniformly random places and strands of a genome without N."""
    rng = np.random.default_rng(seed)
    half = flank(family, samples)
    centre = rng.integers(half, len(genome) - half, count)
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
    """Chunk recall. A hit is a window of the right strand whose centre is within one stride of the chunk's.

    `overlap@1` counts windows of the right strand that share at least half their bases with the chunk's.
    dim > 0 searches with that prefix of the vectors.
    """
    order = nearest(index, queries, 10, dim)
    distance = np.abs(index.centre[order] - centre[:, None])
    right = index.strand[order] == strand[:, None]
    hit = right & (distance <= STRIDE)
    overlap = right & (distance <= index.span / 2)
    return {"@1": hit[:, 0].mean(), "@10": hit.any(1).mean(), "overlap@1": overlap[:, 0].mean()}


def nearest(index: Index, queries: np.ndarray, count: int, dim: int = 0) -> np.ndarray:
    """The `count` most similar windows by falling cosine similarity, int [queries, count]."""
    dim, count = dim or queries.shape[1], min(count, len(index.centre))
    vectors = index.vectors[:, :dim] / np.linalg.norm(index.vectors[:, :dim], axis=1, keepdims=True)

    def search(part: np.ndarray) -> np.ndarray:
        score = part[:, :dim] @ vectors.T
        best = np.argpartition(-score, count - 1, axis=1)[:, :count]
        return np.take_along_axis(best, np.argsort(-np.take_along_axis(score, best, 1), axis=1), 1)

    return in_batches(search, queries)


def in_batches(embed: Embed, *arrays: np.ndarray, size: int = 128) -> np.ndarray:
    """Run embed over slices of the leading axis and join the results."""
    return np.concatenate([embed(*(a[i : i + size] for a in arrays)) for i in range(0, len(arrays[0]), size)])
