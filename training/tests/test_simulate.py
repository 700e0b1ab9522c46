"""The simulator: alignment, determinism, units."""

from dataclasses import replace

import numpy as np
import pytest

from families import CLIP, FAMILIES
from pore import PoreModel
from sequence import encode, one_hot, random_bases, reverse_complement
from simulate import PLAIN, digitize, flank, normalize, simulate, training_batch

R9, R10 = FAMILIES["r9"], FAMILIES["r10"]


def toy_pore(k: int = 3) -> PoreModel:
    """Levels 60..150 pA in k-mer order, centre in the middle."""
    level = np.linspace(60, 150, 4**k, dtype=np.float32)
    return PoreModel(k, level, np.full(4**k, 2, np.float32), k // 2)


def test_reverse_complement_and_one_hot():
    assert reverse_complement(encode("AACGN")).tolist() == encode("NCGTT").tolist()
    assert one_hot(encode("TN")[None])[0].T.tolist() == [[0, 0, 0, 1], [0, 0, 0, 0]]


def test_random_bases_follow_their_gc():
    bases = random_bases(np.random.default_rng(0), 400, 500)
    gc = np.isin(bases, (1, 2)).mean(1)
    assert abs(gc.mean() - 0.5) < 0.03 and 0.1 < gc.std() < 0.18  # Beta(6, 6): sd 0.139


def test_kmers_are_centred():
    pore = toy_pore()
    kmers = pore.kmers(encode("ACGTA")[None])[0]
    assert kmers.tolist() == [0b000110, 0b000110, 0b011011, 0b101100, 0b101100]  # ACG CGT GTA, ends repeated


def test_the_middle_sample_is_the_centre_base():
    rng = np.random.default_rng(1)
    pore = replace(toy_pore(), sd=np.zeros(64, np.float32))
    bases = random_bases(rng, 8, 2 * flank(R10, 1024))
    centre = np.full(8, flank(R10, 1024))
    quiet = replace(PLAIN, noise=(0, 0), dwell_shape=(1e6, 1e6))
    current = simulate(pore, R10, bases, centre, 1024, rng, quiet)
    level = pore.level[pore.kmers(bases)]
    assert np.allclose(current[:, 512], level[np.arange(8), centre])
    step = R10.samples_per_base
    assert np.allclose(current[:, 512 + int(10.5 * step)], level[np.arange(8), centre + 10])


@pytest.mark.parametrize("family", [R9, R10])
@pytest.mark.parametrize("samples", [2048, 4096])
def test_batches_are_seeded_and_in_range(family, samples):
    first, again = (training_batch(toy_pore(), family, 4, samples, np.random.default_rng(3)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again))
    signal, bases = first
    assert signal.shape == (16, samples) and signal.dtype == np.float32
    assert bases.shape == (16, family.span(samples)) and bases.max() <= 3
    assert np.abs(signal).max() <= CLIP and 0.5 < signal.std() < 1.5


def test_a_group_ends_with_its_reverse_complement():
    _, bases = training_batch(toy_pore(), R10, 4, 4096, np.random.default_rng(3))
    assert np.array_equal(bases[12:], reverse_complement(bases[:4]))


@pytest.mark.parametrize("family", [R9, R10])
def test_adc_counts_normalize_like_current(family):
    rng = np.random.default_rng(5)
    current = rng.normal(90, 15, (3, 4096)).astype(np.float32)
    adc = digitize(family, current, rng)
    assert np.abs(normalize(adc) - normalize(current)).max() < 0.04  # a few adc counts
