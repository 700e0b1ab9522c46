"""Pruned towers: what goes, and what stays as it was."""

import sys

import pytest
import torch

import prune
from loop import load
from model import DIM, STUDENT, Layer, Tower, TwoTowers, grow
from test_model import tower

WIDTHS = [layer.outputs for layer in STUDENT]
NARROW = [24, 48, 48, 48, 144]


def vectors(model: Tower) -> torch.Tensor:
    with torch.no_grad():
        return model(torch.randn(4, 1, 2048, generator=torch.Generator().manual_seed(1)))


def test_pruning_nothing_changes_nothing():
    assert torch.equal(vectors(prune.prune(tower(STUDENT), WIDTHS)), vectors(tower(STUDENT)))


def test_a_pruned_tower_runs():
    small = prune.prune(tower(STUDENT), NARROW)
    assert [layer.outputs for layer in small.layers] == NARROW
    assert vectors(small).shape == (4, DIM)


def test_channels_that_add_nothing_go_first():
    """A grown tower's new channels are heard by none of the old; what was grown is pruned away again."""
    small = tower(tuple(Layer(i, o, l.kernel, l.stride, l.dilation) for i, o, l in zip([1, *NARROW], NARROW, STUDENT)))
    large = grow(small, STUDENT).eval()
    with torch.no_grad():
        for conv, count in zip(large.convs[1:], NARROW):
            conv.weight[:, count:] = 0
    again = prune.prune(large, NARROW)
    assert all(torch.equal(a, b) for a, b in zip(again.state_dict().values(), small.state_dict().values()) if a.ndim)
    assert torch.allclose(vectors(again), vectors(large), atol=1e-6)


def test_dead_channels_go_first():
    whole = tower(STUDENT)
    dead = torch.arange(0, 64, 4)
    with torch.no_grad():
        whole.norms[1].weight[dead] = 0
        whole.norms[1].bias[dead] = -1
    small = prune.prune(whole, [32, 48, 64, 64, 192])
    assert torch.allclose(vectors(small), vectors(whole), atol=1e-6)


def test_the_mean_of_removed_channels_is_kept():
    """A constant channel is removed, and only the padding at the ends notices."""
    whole = tower(STUDENT)
    with torch.no_grad():
        whole.norms[4].weight[7] = 0
        whole.norms[4].bias[7] = 0.8
    small = prune.prune(whole, [32, 64, 64, 64, 191])
    assert torch.allclose(vectors(small), vectors(whole), atol=1e-6)


def test_the_moments_of_a_rectified_normal():
    norm = torch.nn.BatchNorm1d(3)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, -0.5, 2.0]))
        norm.bias.copy_(torch.tensor([0.0, 0.3, -1.0]))
        sample = torch.relu(torch.randn(200_000, 3, generator=torch.Generator().manual_seed(0)) * norm.weight + norm.bias)
        mean, variance = prune.rectified(norm)
    assert torch.allclose(mean, sample.mean(0), atol=0.01) and torch.allclose(variance, sample.var(0), atol=0.02)


@pytest.fixture
def checkpoint(tmp_path):
    towers = TwoTowers(STUDENT)
    signal = [(layer.inputs, layer.outputs, layer.kernel, layer.stride, layer.dilation) for layer in STUDENT]
    state = {"family": "r9", "signal": signal, "towers": towers.state_dict(), "step": 7, "about": {"recipe": "none"}}
    torch.save(state | {"peaks": [4.0] * len(STUDENT)}, tmp_path / "whole.pt")
    return tmp_path / "whole.pt"


def test_a_pruned_checkpoint_loads(checkpoint, tmp_path, monkeypatch):
    out = tmp_path / "pruned"
    monkeypatch.setattr(sys, "argv", ["prune.py", str(checkpoint), "--keep", ",".join(map(str, NARROW)), "--out", str(out)])
    prune.main()
    _, towers, saved = load(str(out / "checkpoint.pt"))
    assert [layer.outputs for layer in towers.signal.layers] == NARROW
    assert saved["about"]["recipe"].endswith("pruned to 24,48,48,48,144 channels") and "peaks" not in saved
