"""Which windows of a read are embedded under a budget of samples."""

from dataclasses import dataclass

import numpy as np

from families import MIN_SAMPLES, WINDOWS, Family

CHUNK = 4000  # samples per chunk of the mappers that are compared with: one second of R9.4 at 4 kHz
LENGTHS = (*WINDOWS, 1536, MIN_SAMPLES)  # windows in samples, longest first: a short read takes the longest that fits


@dataclass(frozen=True)
class Plan:
    """At most the first `samples` samples of a read, of which the leader is not used."""

    samples: int
    leader: int

    def windows(self, length: int) -> tuple[int, np.ndarray]:
        """Window and starts, samples, in a read of `length` samples; window 0 where none fits.

        One after another; the last is shifted left to end where the budget or the read does, and overlaps its neighbour.
        """
        end = min(length, self.samples)
        window = next((w for w in LENGTHS if w <= end - self.leader), 0)
        if not window:
            return 0, np.empty(0, int)
        starts = np.arange(self.leader, end - window, window)
        return window, np.append(starts, end - window)


def strict(family: Family, chunks: int) -> Plan:
    """The first chunks * CHUNK samples of the read, leader included."""
    return Plan(chunks * CHUNK, family.leader_samples)


def after_leader(family: Family, chunks: int) -> Plan:
    """As many samples as `chunks` windows of the default length, after the leader."""
    return Plan(family.leader_samples + chunks * WINDOWS[0], family.leader_samples)
