"""Real reads: aligned to the base, and cut into pairs that show what they say."""

import numpy as np
import pytest

from align import align, viterbi
from families import FAMILIES
from pore import PoreModel
from reads import LabelledRead
from real import RealSet, real_batch
from sequence import random_bases, reverse_complement
from simulate import same_place

R9 = FAMILIES["r9"]
LEADER = 700  # samples


def toy_pore() -> PoreModel:
    level = np.random.default_rng(0).permutation(np.linspace(60, 120, 4**4)).astype(np.float32)
    return PoreModel(4, level, np.full(4**4, 2, np.float32), 2)


def toy_read(genome: np.ndarray, strand: int) -> tuple[LabelledRead, np.ndarray]:
    """A read of genome[500:2500] with a leader, and the first sample of every base."""
    rng, pore = np.random.default_rng(strand + 5), toy_pore()
    bases = genome[500:2500] if strand > 0 else reverse_complement(genome[500:2500])
    dwell = rng.integers(4, 18, len(bases))
    current = np.repeat(pore.level[pore.kmers(bases[None])[0]], dwell)
    current = np.concatenate([rng.normal(90, 8, LEADER), current])
    current += rng.normal(0, 2, len(current))
    edges = LEADER + np.concatenate([[0], np.cumsum(dwell)])
    return LabelledRead("toy", (current * 5 - 13).astype(np.int16), 13, 5, 500, 2500, strand), edges


@pytest.fixture(scope="module")
def genome() -> np.ndarray:
    return random_bases(np.random.default_rng(1), 1, 4000)[0]


@pytest.mark.parametrize("strand", [1, -1])
def test_bases_are_found_in_the_signal(genome, strand):
    read, edges = toy_read(genome, strand)
    found = align(read, genome, toy_pore())
    wrong = np.abs(found.edges[:-1] - edges[found.first : found.first + len(found.edges) - 1])
    assert len(found.edges) > 1950 and np.median(wrong) <= 2 and np.percentile(wrong, 99) < 40
    assert found.cost < 1 and abs(found.scale - 1 / 5) < 0.01


@pytest.mark.parametrize("strand", [1, -1])
def test_pairs_show_their_bases(genome, strand):
    """A chunk follows the levels of its own bases, and not those of another pair."""
    read, _ = toy_read(genome, strand)
    source = RealSet([read], [align(read, genome, toy_pore())], genome)
    signal, bases, place = real_batch([source], R9, 16, 2048, np.random.default_rng(2))
    assert signal.shape == (16, 2048) and bases.shape == (16, R9.span(2048)) and signal.dtype == np.float32
    assert all(place > 0) if strand > 0 else all(place < 0)
    level = toy_pore().level[toy_pore().kmers(bases)]
    level = (level - 90) / (1.4826 * 15)
    frames = signal[:, 400:1600].reshape(16, -1, 2).mean(2)
    own, other = ([viterbi(f, l)[1] for f, l in zip(frames, levels)] for levels in (level, np.roll(level, 5, 0)))
    assert np.median(own) < 0.9 * np.median(other)


def test_chunks_of_one_place_are_no_negatives():
    assert same_place(np.array([100, 110, 200, -100])).sum() == 6
