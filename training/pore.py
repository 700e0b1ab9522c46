"""Pore models: the expected current of a k-mer.

Two published table formats are read; the tables themselves are never part of the project:
  *.model  text, one row per k-mer with level_mean and level_stdv in pA (R9.4, 6-mer)
  *.npz    `current.mean`, standardized levels of all k-mers in order AA..A-TT..T (R10.4.1, 9-mer)
"""

from dataclasses import dataclass

import numpy as np

from sequence import encode

# ONT publishes no pA scale and no spread for the standardized tables: an assumption.
STANDARDIZED_MEAN_PA, STANDARDIZED_SD_PA, SAMPLE_SD_PA = 91.9, 20.5, 3.0


@dataclass(frozen=True)
class PoreModel:
    """level and sd: float32 [4**k], pA; centre: the k-mer position that moves the level most."""

    k: int
    level: np.ndarray
    sd: np.ndarray
    centre: int

    def kmers(self, bases: np.ndarray) -> np.ndarray:
        """ACGT codes [batch, length] -> k-mer index, int32 [batch, length].

        Position i holds the k-mer whose centre is base i; the ends repeat the outermost k-mers.
        """
        count = bases.shape[1] - self.k + 1
        index = np.zeros((bases.shape[0], count), np.int32)
        for i in range(self.k):
            index = index * 4 + bases[:, i : i + count]
        return np.pad(index, ((0, 0), (self.centre, self.k - 1 - self.centre)), mode="edge")


def load(path: str) -> PoreModel:
    """Read a table in either format, by its file name."""
    if path.endswith(".npz"):
        level = np.load(path)["current.mean"] * STANDARDIZED_SD_PA + STANDARDIZED_MEAN_PA
        sd = np.full(level.shape, SAMPLE_SD_PA)
    else:
        level, sd = _read_text(path)
    k = round(np.log(level.size) / np.log(4))
    return PoreModel(k, level.astype(np.float32), sd.astype(np.float32), _centre(level, k))


def _read_text(path: str) -> tuple[np.ndarray, np.ndarray]:
    with open(path) as file:
        rows = [line.split() for line in file if not line.startswith("#")]
    header, rows = rows[0], rows[1:]
    mean, stdv = header.index("level_mean"), header.index("level_stdv")
    table = {int("".join(map(str, encode(r[0]))), 4): (float(r[mean]), float(r[stdv])) for r in rows}
    level, sd = zip(*(table[i] for i in range(len(table))))
    return np.array(level), np.array(sd)


def _centre(level: np.ndarray, k: int) -> int:
    """The position whose base explains most of the variance of the level."""
    cube = level.reshape((4,) * k)
    spread = [cube.mean(axis=tuple(a for a in range(k) if a != i)).var() for i in range(k)]
    return int(np.argmax(spread))
