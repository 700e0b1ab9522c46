"""Where a read comes from: the votes of its chunks, joined under an unknown speed.

Every chunk names the index windows it is most similar to. exp(SHARPNESS * similarity) is taken as a window's share of the
chunk's probability, beside the share that the whole index would have by chance. A hypothesis is a strand, a place and a
speed: it says where each chunk should lie. A chunk speaks for it by how much of its probability falls near that place, over
how much of the index does: a likelihood ratio, with a floor, since a chunk may be lost. The hypothesis with the largest sum
of logarithms wins; its lead over the best one elsewhere is the confidence, in nats.
"""

from dataclasses import dataclass

import numpy as np

from families import STRIDE
from retrieval import Index, nearest, unit

VOTES = 20  # windows per chunk
SHARPNESS = 30.0  # per unit of cosine
LOST = 0.2  # probability that a chunk says nothing about its place
SPEEDS = np.exp(np.linspace(-0.35, 0.35, 15))  # bases per nominal base; steps of 5 %
TOLERANCE, WANDER = 2 * STRIDE, 0.05  # bases, and more per base between two chunks
ANCHORS = 100  # most probable windows that are tried as places
APART = 1000  # bases: a hypothesis closer than this to the best is the same place
SAMPLE = 1000  # pairs of windows are taken from two samples of this size to see what chance gives


@dataclass(frozen=True)
class Votes:
    """The windows that a read's chunks found.

    passed:    nominal bases from the read's first sample to the middle of each chunk, float [chunks]
    centre:    float [chunks, VOTES], forward coordinates
    strand:    int [chunks, VOTES]
    share:     probability of each window, float [chunks, VOTES]
    windows:   in the whole index
    """

    passed: np.ndarray
    centre: np.ndarray
    strand: np.ndarray
    share: np.ndarray
    windows: int


@dataclass(frozen=True)
class Locus:
    """A place on the genome (base in forward coordinates, strand), its support and its lead over the best other one, nats."""

    base: float
    strand: int
    support: float
    confidence: float


def chance(index: Index) -> float:
    """Log of the mean of exp(SHARPNESS * similarity) between a window and the rest of the index.

    The median over windows, so that repeats do not count; a window's own neighbourhood is left out.
    """
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, len(index.centre), (2, SAMPLE))
    score = unit(index.vectors[one]) @ unit(index.vectors[other]).T
    own = (index.strand[one, None] == index.strand[other]) & (np.abs(index.centre[one, None] - index.centre[other]) < index.span)
    return float(np.median(np.log(np.exp(SHARPNESS * score).mean(1, where=~own))))


def vote(index: Index, vectors: np.ndarray, passed: list[np.ndarray]) -> list[Votes]:
    """What the chunks of reads name.

    vectors: [chunks of all reads, dim]; passed: one array per read, as in Votes
    """
    order, score = nearest(index, vectors, VOTES)
    weight = np.exp(SHARPNESS * score.astype(float))
    share = weight / (weight.sum(1, keepdims=True) + len(index.centre) * np.exp(chance(index)))
    votes, end = [], 0
    for read in passed:
        rows = slice(end, end := end + len(read))
        centre, strand = index.centre[order[rows]].astype(float), index.strand[order[rows]]
        votes.append(Votes(read, centre, strand, share[rows], len(index.centre)))
    return votes


def locate(votes: Votes) -> Locus:
    """The best supported place."""
    chunks, count = votes.share.shape
    anchor = np.argsort(-votes.share, axis=None, kind="stable")[:ANCHORS]
    chunk, centre, strand = anchor // count, votes.centre.ravel()[anchor], votes.strand.ravel()[anchor]

    away = votes.passed - votes.passed[chunk, None]  # [anchors, chunks]
    near = TOLERANCE + WANDER * np.abs(away)
    expected = centre[:, None, None] + (strand[:, None] * away)[:, None] * SPEEDS[:, None]  # [anchors, speeds, chunks]
    agree = np.abs(votes.centre - expected[..., None]) <= near[:, None, :, None]
    agree &= votes.strand == strand[:, None, None, None]
    mass = np.einsum("asck,ck->asc", agree, votes.share)
    random = np.minimum(1, (2 * near / STRIDE + 1) / votes.windows)[:, None]
    support = np.log(LOST + (1 - LOST) * mass / random).sum(2)  # [anchors, speeds]

    best, speed = np.unravel_index(np.argmax(support), support.shape)
    elsewhere = (strand != strand[best]) | (np.abs(centre - expected[best, speed, chunk]) > APART)
    rival = support[elsewhere].max(initial=chunks * np.log(LOST))
    found = support[best, speed]
    return Locus(float(centre[best]), int(strand[best]), float(found), float(found - rival))
