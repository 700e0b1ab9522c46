"""Bases as small integers: A, C, G, T = 0, 1, 2, 3 and N = 4."""

import numpy as np

_CODE = np.full(256, 4, np.uint8)
for _i, _base in enumerate("ACGT"):
    _CODE[ord(_base)] = _CODE[ord(_base.lower())] = _i


def encode(text: str) -> np.ndarray:
    """Letters to codes, uint8 [length]; anything but ACGT is N."""
    return _CODE[np.frombuffer(text.encode("ascii"), np.uint8)]


def read_fasta(path: str) -> np.ndarray:
    """The first sequence of a FASTA file as codes, uint8 [length]."""
    lines: list[str] = []
    with open(path) as file:
        for line in file:
            if line.startswith(">"):
                if lines:
                    break
            else:
                lines.append(line.strip())
    return encode("".join(lines))


def reverse_complement(bases: np.ndarray) -> np.ndarray:
    """Reverse complement along the last axis; N stays N."""
    flipped = bases[..., ::-1]
    return np.where(flipped < 4, 3 - flipped, flipped).astype(np.uint8)


def one_hot(bases: np.ndarray) -> np.ndarray:
    """uint8 [batch, length] -> float32 [batch, 4, length]; N is all zeros."""
    return (bases[:, None, :] == np.arange(4, dtype=np.uint8)[:, None]).astype(np.float32)


def random_bases(rng: np.random.Generator, count: int, length: int) -> np.ndarray:
    """Random sequences, uint8 [count, length], each with its own GC ~ Beta(6, 6)."""
    gc = rng.beta(6, 6, (count, 1)).astype(np.float32)
    strong = rng.random((count, length), np.float32) < gc  # C or G
    second = rng.integers(0, 2, (count, length), np.uint8)  # C or A first, G or T second
    return np.where(strong, 1 + second, 3 * second).astype(np.uint8)
