"""The cache of indices: what it is keyed by, and that it gives back what was built."""

import numpy as np
import onnx
import pytest
import torch

import graph
import runtime
from cache import Indices
from export import folded
from model import REFERENCE, Tower
from retrieval import build_index
from sequence import random_bases


@pytest.fixture
def tower(tmp_path):
    torch.manual_seed(0)
    weights = folded(Tower(REFERENCE).eval())
    model = graph.reference_tower(REFERENCE, weights)
    graph.set_metadata(model, {"weights.sha256": graph.digest(weights)})
    onnx.save(model, tmp_path / "reference.onnx")
    return str(tmp_path / "reference.onnx")


def test_an_index_is_built_once_per_tower_genome_and_span(tower, tmp_path):
    one, other = random_bases(np.random.default_rng(0), 2, 1200)
    folder = tmp_path / "cache"
    built = build_index(one, 205, runtime.reference_embedder(tower))
    Indices(tower, str(folder)).of(one, 205)
    again = Indices(tower, str(folder)).of(one, 205)  # from disk
    assert np.abs(again.vectors - built.vectors).max() < 1e-3
    assert np.array_equal(again.centre, built.centre) and np.array_equal(again.strand, built.strand)
    indices = Indices(tower, str(folder))
    for genome, span in ((one, 205), (other, 205), (one, 410)):
        indices.of(genome, span)
    assert len(list(folder.iterdir())) == 3
