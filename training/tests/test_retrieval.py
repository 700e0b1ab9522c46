"""Index and recall with vectors whose neighbours are known."""

import numpy as np

from families import FAMILIES
from pore import PoreModel
from retrieval import Index, build_index, largest, nearest, recall, simulate_chunks
from sequence import random_bases, reverse_complement
from simulate import PLAIN


def toy_index() -> Index:
    """Eight orthogonal windows, 32 bases apart, four on each strand."""
    return Index(np.eye(8, dtype=np.float32), np.tile(np.arange(4) * 32, 2), np.repeat([1, -1], 4), span=128)


def test_recall_counts_strand_and_distance():
    index = toy_index()
    queries = index.vectors[[0, 1, 5, 7]] + 0.01
    centre = np.array([0, 80, 32, 96])  # the second lies 48 bases away: overlap, but no hit
    strand = np.array([1, 1, -1, 1])  # the last is on the wrong strand
    result = recall(index, queries, centre, strand)
    assert result["@1"] == 0.5 and result["overlap@1"] == 0.75
    assert nearest(index, queries, 2)[0][:, 0].tolist() == [0, 1, 5, 7]


def test_index_covers_both_strands():
    genome = random_bases(np.random.default_rng(0), 1, 1000)[0]
    index = build_index(genome, 300, lambda b: b.argmax(1).astype(np.float32), stride=32)
    starts = np.arange(0, 701, 32)
    assert index.centre.tolist() == [*(starts + 150)] * 2
    back = genome[64:364]
    assert np.array_equal(index.vectors[len(starts) + 2], reverse_complement(back))


def test_largest_agrees_with_sorting():
    score = np.random.default_rng(3).standard_normal((5, 1000)).astype(np.float32)
    score[0, -1] = 9  # in the last, shorter block of columns
    for count in (1, 3, 20):
        assert np.array_equal(largest(score, count, block=64), np.argsort(-score, axis=1)[:, :count])


def test_no_chunk_is_centred_in_an_excluded_span():
    genome = random_bases(np.random.default_rng(0), 1, 4000)[0]
    table = PoreModel(1, np.array([80, 90, 100, 110], np.float32), np.ones(4, np.float32), 0)
    chunks = simulate_chunks(genome, table, FAMILIES["r9"], 1024, 50, 3, PLAIN, [(0, 1500), (1700, 4000)])
    assert chunks.centre.min() >= 1500 and chunks.centre.max() < 1700
    assert len(set(chunks.centre)) > 20 and chunks.adc.shape == (50, 1024)
