"""Simulated reads of one length, and how sure an answer about them must be."""

from dataclasses import dataclass

import numpy as np

from answers import Answers, calibrate, joined
from bench import Bench
from families import Family
from locus import Locus
from plans import Plan
from pore import PoreModel
from sequence import random_bases, reverse_complement
from simulate import HARSH, Conditions, digitize, flank, simulate

BATCH = 32
TOLERANCE = 500  # bases between an answer and the read's span
CALIBRATION_SEED, DECOY_SEED = 301, 302
DECOY_LENGTH = 1_000_000  # bases of random sequence that decoys come from


@dataclass(frozen=True)
class Reads:
    """adc: one int16 [samples] per read; span: first and last base in forward coordinates [reads, 2]; strand [reads]."""

    adc: list[np.ndarray]
    span: np.ndarray
    strand: np.ndarray

    def middle(self, samples: int, family: Family) -> "Reads":
        """The samples around the reads' middle: where that is on the genome is known whatever the speed."""
        start = (len(self.adc[0]) - samples) // 2
        reach = round(samples / family.samples_per_base / 2)
        span = self.span.mean(1, keepdims=True).round().astype(int) + reach * np.array([-1, 1])
        return Reads([adc[start : start + samples] for adc in self.adc], span, self.strand)

    def answers(self, loci: list[Locus | None], real: bool = True) -> Answers:
        """Right: on the strand, and within TOLERANCE of the span."""
        confidence = np.array([l.confidence if l else -np.inf for l in loci])
        base = np.array([l.base if l else np.nan for l in loci])
        strand = np.array([l.strand if l else 0 for l in loci])
        inside = (base >= self.span[:, 0] - TOLERANCE) & (base < self.span[:, 1] + TOLERANCE)
        return Answers(confidence, real & inside & (strand == self.strand), np.full(len(loci), real))


def simulated_reads(
    genome: np.ndarray, pore: PoreModel, family: Family, samples: int, count: int, seed: int,
    conditions: Conditions = HARSH,
) -> Reads:  # fmt: skip
    """Stretches without a leader from random places and strands of a genome without N.

    Speed, noise and drift are drawn once per read. The span is that of a read at the nominal speed.
    """
    rng = np.random.default_rng(seed)
    half = flank(family, samples)
    reach = round(samples / family.samples_per_base / 2)
    centre = rng.integers(half, len(genome) - half, count)
    strand = rng.choice([1, -1], count)
    adc = []
    for i in range(0, count, BATCH):
        part = slice(i, i + BATCH)
        bases = genome[centre[part, None] + np.arange(-half, half)]
        bases[strand[part] < 0] = reverse_complement(bases[strand[part] < 0])
        middle = np.where(strand[part] > 0, half, half - 1)
        adc += list(digitize(family, simulate(pore, family, bases, middle, samples, rng, conditions), rng))
    return Reads(adc, centre[:, None] + reach * np.array([-1, 1]), strand)


def threshold(bench: Bench, genome: np.ndarray, plan: Plan, count: int) -> float:
    """The confidence to answer at, from `count` harsh reads of the genome and half as many of random sequence, fp32."""
    samples, start = plan.samples - plan.leader, Plan(plan.samples - plan.leader, 0)
    random = random_bases(np.random.default_rng(DECOY_SEED), 1, DECOY_LENGTH)[0]
    parts = []
    for source, seed, number in ((genome, CALIBRATION_SEED, count), (random, DECOY_SEED, count // 2)):
        reads = simulated_reads(source, bench.pore, bench.family, samples, number, seed)
        parts.append(reads.answers(bench.locate("fp32", genome, start, reads.adc), real=source is genome))
    return calibrate(joined(*parts))
