"""Truth of long simulated reads, and the cache of indices."""

import numpy as np
import pytest

from families import FAMILIES
from locus import Locus
from pore import PoreModel
from sequence import random_bases
from simulate import PLAIN
from simulated_reads import Reads, simulated_reads

R9 = FAMILIES["r9"]
LEVELS = PoreModel(1, np.array([80, 90, 100, 110], np.float32), np.full(4, 0.01, np.float32), 0)


def test_an_answer_needs_the_strand_and_the_place():
    reads = Reads([np.zeros(1, np.int16)] * 4, np.array([[1000, 1400]] * 4), np.array([1, 1, -1, 1]))
    loci = [Locus(1899, 1, 0, 2), Locus(1901, 1, 0, 2), Locus(1200, 1, 0, 2), None]
    answers = reads.answers(loci)
    assert answers.right.tolist() == [True, False, False, False] and answers.confidence[3] == -np.inf
    assert not reads.answers(loci, real=False).right.any()


@pytest.mark.parametrize("samples", [2048, 8192])
def test_the_middle_of_a_read_lies_where_it_is_said_to(samples):
    """Alternating halves of a genome: only A and C left of its middle, only G and T right of it."""
    rng = np.random.default_rng(2)
    genome = random_bases(rng, 1, 12_000)[0]
    genome = np.where(np.arange(12_000) < 6000, genome % 2, 2 + genome % 2).astype(np.uint8)
    reads = simulated_reads(genome, LEVELS, R9, 16_384, 20, 1, PLAIN)
    part = reads.middle(samples, R9)
    assert all(len(adc) == samples for adc in part.adc)
    assert (part.span[:, 1] - part.span[:, 0] == 2 * round(samples / 20)).all()
    for adc, (start, end), strand in zip(part.adc, part.span, part.strand):
        high = (adc + R9.offset_mean) / R9.counts_per_pa > 95  # G and T
        expected = np.clip((end - 6000) / (end - start), 0, 1)
        if strand < 0:
            expected = 1 - expected  # complements: C and A become G and T
        assert abs(high.mean() - expected) < 0.15
