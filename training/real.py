"""Training pairs from real reads: aligned chunks and the bases they show."""

from dataclasses import dataclass

import numpy as np

from align import Alignment, load
from families import STRIDE, Family
from reads import LabelledRead, labelled_reads
from sequence import read_fasta, reverse_complement
from simulate import normalize

TRUSTED = 1.2  # mean cost of an alignment that is used
WARP = 0.15  # chunks are played up to e**WARP faster or slower
NOISE = 0.3  # white noise is added up to this share of a chunk's spread


@dataclass(frozen=True)
class RealSet:
    """Aligned reads of one genome."""

    reads: list[LabelledRead]
    alignments: list[Alignment]
    genome: np.ndarray

    def __str__(self) -> str:
        return f"{len(self.reads)} reads, {sum(len(r.adc) for r in self.reads):,} samples"


def real_set(spec: str, labelled: str) -> RealSet:
    """spec: LABEL=ALIGNMENTS=FASTA; reads whose alignment is not trusted are left out."""
    label, path, fasta = spec.split("=")
    alignments = load(path)
    reads = [r for r in labelled_reads(labelled, label) if alignments[r.read_id].cost < TRUSTED]
    return RealSet(reads, [alignments[r.read_id] for r in reads], read_fasta(fasta))


def real_batch(
    sets: list[RealSet], family: Family, pairs: int, samples: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """signal float32 [pairs, samples], bases uint8 [pairs, span], place int64 [pairs].

    The second half are neighbours of the first, 1-3 strides on, as hard negatives where the read goes on.
    place is the base in the middle, negative on the reverse strand; see `simulate.same_place`.
    """
    span, weights = family.span(samples), [sum(len(r.adc) for r in s.reads) for s in sets]
    signal, bases, place = [], [], []
    while len(signal) < pairs:
        i = rng.choice(len(sets), p=np.array(weights) / sum(weights))
        chunks = _chunks(sets[i], span, samples, rng)
        for x, b, p in chunks[: pairs - len(signal)]:
            signal.append(x)
            bases.append(b)
            place.append(p - (i << 32))
    x = np.stack(signal)
    spread = 1.4826 * np.median(np.abs(x - np.median(x, 1, keepdims=True)), 1, keepdims=True)
    noise = rng.uniform(0, NOISE, (pairs, 1)).astype(np.float32) * spread
    x = x + noise * rng.standard_normal(x.shape, np.float32)
    return normalize(x), np.stack(bases), np.array(place)


def _chunks(source: RealSet, span: int, samples: int, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray, int]]:
    """A chunk of a random read and its neighbour, each (samples, bases, place); fewer at a read's ends."""
    lengths = np.array([len(r.adc) for r in source.reads], float)
    k = rng.choice(len(source.reads), p=lengths / lengths.sum())
    read, alignment = source.reads[k], source.alignments[k]
    speed = np.exp(rng.uniform(-WARP, WARP))
    reach = int(samples * speed / 2) + 1
    edges = alignment.edges
    centre = int(np.searchsorted(edges, rng.integers(0, len(read.adc))))
    result = []
    for base in (centre, centre + int(rng.integers(STRIDE, 3 * STRIDE + 1))):
        if not 0 <= base < len(edges) - 1:
            continue
        middle = (edges[base] + edges[base + 1]) // 2
        if middle < reach + edges[0] or middle + reach >= edges[-1]:
            continue
        at = middle + np.linspace(-samples / 2, samples / 2, samples, endpoint=False) * speed
        x = np.interp(at, np.arange(middle - reach, middle + reach + 1), read.adc[middle - reach : middle + reach + 1])
        window = alignment.first + base + int(rng.integers(-STRIDE // 2, STRIDE // 2 + 1)) - span // 2
        if read.strand > 0:
            start = read.start + window
            bases, place = source.genome[start : start + span], read.start + alignment.first + base
        else:
            start = read.end - window - span
            bases = reverse_complement(source.genome[start : start + span])
            place = -(read.end - alignment.first - base)
        if start >= 0 and len(bases) == span:
            result.append((x.astype(np.float32), bases, place))
    return result
