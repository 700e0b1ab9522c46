"""The vote of a read's chunks, on votes whose right place is known."""

import numpy as np

from families import STRIDE
from locus import Votes, chance, locate, vote
from retrieval import Index

WINDOWS, COUNT = 100_000, 20


def votes(begin: float, strand: int, speed: float, heard: list[bool], seed: int = 0) -> Votes:
    """Chunks every 400 nominal bases of a read; a chunk that is not heard names only random windows."""
    rng = np.random.default_rng(seed)
    passed = 200 + 400 * np.arange(len(heard), dtype=float)
    centre = rng.uniform(0, WINDOWS * STRIDE / 2, (len(heard), COUNT))
    strands = rng.choice([1, -1], centre.shape)
    share = np.full(centre.shape, 0.01)
    share[:, 0] = 0.3
    centre[heard, 5] = begin + strand * speed * passed[heard]
    strands[heard, 5] = strand
    share[heard, 5] = 0.1  # never a chunk's best window
    return Votes(passed, centre, strands, share, WINDOWS)


def test_chunks_that_agree_win_over_better_single_windows_at_any_speed():
    for strand in (1, -1):
        for speed in (0.75, 1.0, 1.3):
            found = locate(votes(500_000, strand, speed, [True] * 6))
            assert found.strand == strand
            assert min(abs(found.base - 500_000 - strand * speed * (200 + 400 * np.arange(6)))) < 1
            assert found.confidence > 5


def test_the_wrong_strand_and_lost_chunks():
    found = locate(votes(500_000, -1, 1.1, [True, False, False, True, True]))
    assert found.strand == -1 and abs(found.base - 500_000) < 3000
    v = votes(500_000, 1, 1.0, [True] * 5)
    v.strand[[0, 2, 4], 5] = -1  # now they contradict each other
    assert locate(v).confidence < locate(votes(500_000, 1, 1.0, [True] * 5)).confidence - 3


def test_a_repeat_and_noise_give_little_confidence():
    v = votes(500_000, 1, 1.0, [True] * 5)
    v.centre[:, 6], v.strand[:, 6], v.share[:, 6] = v.centre[:, 5] + 700_000, v.strand[:, 5], v.share[:, 5]
    assert locate(v).confidence < 0.1
    noise = [locate(votes(0, 1, 1.0, [False] * 5, seed)).confidence for seed in range(20)]
    assert np.median(noise) < 2 < locate(votes(500_000, 1, 1.0, [True] * 5)).confidence


def index() -> Index:
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((4000, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Index(vectors, np.tile(np.arange(2000) * STRIDE, 2), np.repeat([1, -1], 2000), 400)


def test_a_chunk_unlike_every_window_has_small_shares():
    toy = index()
    near, far = toy.vectors[[50]], -toy.vectors[[50]]
    both = vote(toy, np.concatenate([near, far]), [np.zeros(1), np.zeros(1)])
    assert both[0].share[0, 0] > 0.9 and both[0].centre[0, 0] == 50 * STRIDE
    assert both[1].share[0, 0] < 0.3
    repeats = Index(toy.vectors.copy(), toy.centre, toy.strand, toy.span)
    repeats.vectors[:40] = repeats.vectors[2040:2080]
    assert abs(chance(repeats) - chance(toy)) < 0.5
