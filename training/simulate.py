"""Squiggles from bases, harsher than the usual simulators.

The expected level of each k-mer is held for a random dwell; noise, drift, spikes and stalls are laid
on top. Gain and offset errors need no simulation: every chunk is normalized by its own median and MAD. Everything is vectorized over a batch of chunks and drawn
from one numpy Generator, so a seed reproduces a batch exactly.
"""

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from families import CLIP, STRIDE, Family
from pore import PoreModel
from sequence import random_bases, reverse_complement

MARGIN = 1.9  # simulated bases per nominal base of a chunk: room for the fastest reads


@dataclass(frozen=True)
class Conditions:
    """Ranges are uniform unless said otherwise; currents in pA.

    The defaults enclose what alignments of 162 real R9.4.1 reads of two runs showed (align.py): dwell of a read
    8-12 samples per base, its Gamma shape 1.0-1.7, 13-18 % walk over 50 bases; level error 1.3-1.8 pA per k-mer;
    noise 0.7-0.9 of the table's sd with lag-1 correlation 0.4-0.7 inside a base, spread 1.5 times that in the mean.
    """

    speed: float = 0.30  # dwell factor of the read: exp(U(-speed, speed))
    wander: float = 0.12  # sd of the log dwell's slow walk along the read
    dwell_shape: tuple[float, float] = (1.0, 4.0)  # Gamma shape of single dwells
    level_jitter: tuple[float, float] = (0.6, 2.0)  # sd of the level error, drawn for every base; the sd is the read's
    noise: tuple[float, float] = (0.5, 2.2)  # factor on the pore model's sample sd
    noise_spread: float = 0.35  # sd of the log of that factor from base to base
    coloured: tuple[float, float] = (0.1, 0.9)  # share of the noise variance that is AR(1)
    drift: float = 1.0  # sd of the random walk over a chunk
    spike_rate: float = 1e-4  # per sample, +-30..80 pA
    stall_rate: float = 0.15  # chunks with one k-mer held for 200..1200 samples


HARSH = Conditions()
# What common simulators do: independent noise, no calibration error, one speed.
PLAIN = Conditions(
    speed=0.0, wander=0.0, dwell_shape=(9.0, 9.0), level_jitter=(0.0, 0.0), noise=(1.0, 1.0),
    noise_spread=0.0, coloured=(0.0, 0.0), drift=0.0, spike_rate=0.0, stall_rate=0.0,
)  # fmt: skip

_AR = 0.8  # lag-1 correlation of the coloured part of the noise
_WALK = 0.98  # the same for the dwell's walk: about 50 bases
_KNOTS = 17  # points of the drift's walk over a chunk


def flank(family: Family, samples: int) -> int:
    """Bases needed on each side of a chunk's centre."""
    return int(samples / family.samples_per_base * MARGIN / 2) + 2 * STRIDE


def simulate(
    pore: PoreModel, family: Family, bases: np.ndarray, centre: np.ndarray, samples: int,
    rng: np.random.Generator, conditions: Conditions = HARSH,
) -> np.ndarray:  # fmt: skip
    """Current of one chunk per row, float32 [batch, samples], pA; the arguments as in trace."""
    return trace(pore, family, bases, centre, samples, rng, conditions)[0]


def trace(
    pore: PoreModel, family: Family, bases: np.ndarray, centre: np.ndarray, samples: int,
    rng: np.random.Generator, conditions: Conditions = HARSH,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Current of one chunk per row, float32 [batch, samples], pA, and which base is in the pore, int64 [batch, samples].

    bases:  ACGT codes [batch, length]
    centre: int [batch], the base in the pore at the chunk's middle sample
    """
    batch, length = bases.shape
    c = conditions

    def per_read(low: float, high: float) -> np.ndarray:
        return rng.uniform(low, high, (batch, 1)).astype(np.float32)

    dwell = _dwells(family, batch, length, rng, c)
    stalled = np.flatnonzero(rng.random(batch) < c.stall_rate)
    reach = int(samples / family.samples_per_base / 2)
    where = centre[stalled] + rng.integers(-reach, reach, stalled.size)
    dwell[stalled, np.clip(where, 0, length - 1)] += rng.uniform(200, 1200, stalled.size)
    base = _base_of_sample(dwell, centre, samples)

    kmer = pore.kmers(bases)
    level = pore.level[kmer] + per_read(*c.level_jitter) * rng.standard_normal((batch, length), np.float32)
    current = np.take_along_axis(level, base, 1)
    factor = per_read(*c.noise) * np.exp(c.noise_spread * rng.standard_normal((batch, length), np.float32))
    spread = np.take_along_axis(pore.sd[kmer] * factor, base, 1)
    current += spread * _noise(batch, samples, per_read(*c.coloured), rng)
    if c.drift:
        current += _drift(batch, samples, c.drift, rng)
    spikes = rng.integers(0, current.size, rng.poisson(c.spike_rate * current.size))
    current.reshape(-1)[spikes] += rng.uniform(30, 80, spikes.size) * rng.choice([-1, 1], spikes.size)
    return current, base


def _dwells(family: Family, batch: int, length: int, rng: np.random.Generator, c: Conditions) -> np.ndarray:
    """Samples spent on each base, float64 [batch, length]."""
    walk = rng.standard_normal((batch, length), np.float32) * np.float32(c.wander * (1 - _WALK**2) ** 0.5)
    walk[:, 0] = rng.standard_normal(batch) * c.wander
    walk = lfilter(np.float32([1]), np.float32([1, -_WALK]), walk)
    shape = rng.uniform(*c.dwell_shape, (batch, 1))
    speed = np.exp(rng.uniform(-c.speed, c.speed, (batch, 1)))
    return family.samples_per_base * speed * np.exp(walk) * rng.standard_gamma(shape, (batch, length)) / shape


def _base_of_sample(dwell: np.ndarray, centre: np.ndarray, samples: int) -> np.ndarray:
    """Which base is in the pore at each sample, int64 [batch, samples]."""
    batch, length = dwell.shape
    ends = dwell.cumsum(1)
    ends -= np.take_along_axis(ends, centre[:, None] - 1, 1) - samples / 2
    ends = np.clip(np.ceil(ends), 0, samples).astype(np.int64)
    ends += np.arange(batch)[:, None] * (samples + 1)
    left = np.bincount(ends.ravel(), minlength=batch * (samples + 1)).reshape(batch, samples + 1)
    return np.minimum(left[:, :samples].cumsum(1), length - 1)


def _noise(batch: int, samples: int, coloured: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Unit noise, float32 [batch, samples]: white plus AR(1), mixed per read."""
    white = rng.standard_normal((batch, samples), np.float32)
    ar = rng.standard_normal((batch, samples), np.float32)
    ar = lfilter(np.float32([(1 - _AR**2) ** 0.5]), np.float32([1, -_AR]), ar)
    return np.sqrt(1 - coloured) * white + np.sqrt(coloured) * ar


def _drift(batch: int, samples: int, sd: float, rng: np.random.Generator) -> np.ndarray:
    """A slow random walk with zero mean, float32 [batch, samples], pA."""
    knots = rng.standard_normal((batch, _KNOTS), np.float32).cumsum(1) * np.float32(sd / _KNOTS**0.5)
    knots -= knots.mean(1, keepdims=True)
    position = np.linspace(0, _KNOTS - 1, samples, dtype=np.float32)
    tent = np.maximum(0, 1 - np.abs(position - np.arange(_KNOTS, dtype=np.float32)[:, None]))
    return knots @ tent


def digitize(family: Family, current: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """pA -> what the sequencer stores: int16 adc [batch, samples]."""
    return to_adc(family, current, offsets(family, len(current), rng))


def offsets(family: Family, count: int, rng: np.random.Generator) -> np.ndarray:
    """Calibration offset of each read's channel, float32 [count, 1], adc counts."""
    return rng.normal(family.offset_mean, family.offset_sd, (count, 1)).round().astype(np.float32)


def to_adc(family: Family, current: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """pA and calibration offsets -> int16 adc [batch, samples]."""
    adc = current * np.float32(family.counts_per_pa) - offset
    return np.clip(adc, -32768, 32767).astype(np.int16)


def median_mad(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """shift and scale of each chunk, float32 [batch, 1]: (x - shift) / scale has median 0 and 1.4826 MAD 1."""
    x = x.astype(np.float32)
    shift = np.median(x, 1, keepdims=True)
    mad = np.median(np.abs(x - shift), 1, keepdims=True)
    return shift, np.maximum(1.4826 * mad, 1e-3)


def normalize(x: np.ndarray) -> np.ndarray:
    """Current or adc counts -> network input, float32 [batch, samples], clipped."""
    shift, scale = median_mad(x)
    return np.clip((x - shift) / scale, -CLIP, CLIP)


def training_batch(
    pore: PoreModel, family: Family, groups: int, samples: int, rng: np.random.Generator,
    conditions: Conditions = HARSH,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Pairs of chunk and reference window: signal float32 [4*groups, samples], bases uint8 [4*groups, span].

    A group is one random sequence seen four times: a window, its twin (the same window in another read),
    a neighbour 1-3 strides to the left or right, and its reverse complement. Each is a pair of its own;
    neighbour and reverse complement are hard negatives of the window. A chunk's centre lies up to half a
    stride from its reference window's.
    """
    half = flank(family, samples)
    long = random_bases(rng, groups, 2 * (half + 3 * STRIDE))
    middle = np.full(groups, half + 3 * STRIDE)
    shift = rng.integers(STRIDE, 3 * STRIDE + 1, groups) * rng.choice([-1, 1], groups)
    starts = np.concatenate([middle, middle, middle + shift, middle]) - half
    rows = np.tile(np.arange(groups), 4)
    bases = long[rows[:, None], starts[:, None] + np.arange(2 * half)]
    bases[3 * groups :] = reverse_complement(bases[3 * groups :])

    centre = half + rng.integers(-STRIDE // 2, STRIDE // 2 + 1, 4 * groups)
    signal = normalize(simulate(pore, family, bases, centre, samples, rng, conditions))
    first = half - family.span(samples) // 2
    return signal, bases[:, first : first + family.span(samples)]


def places(groups: int) -> np.ndarray:
    """Where the rows of a training batch come from, int64 [4*groups]: equal for a window and its twin."""
    place = np.arange(4 * groups) << 40
    place[groups : 2 * groups] = place[:groups]
    return place


def same_place(place: np.ndarray) -> np.ndarray:
    """bool [pairs, pairs]: chunks less than a stride apart are no negatives of each other."""
    return np.abs(place[:, None] - place) < STRIDE
