"""From a checkpoint to model files: whose peaks the quantized ones have."""

import sys
from dataclasses import astuple

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

import export
import quantize
from families import FAMILIES
from model import STUDENT, TwoTowers
from test_train import toy_table

PEAKS = [3.0, 4.0, 5.0, 6.0, 7.0]


def run(monkeypatch, module, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", [module.__name__, *map(str, arguments)])
    module.main()


@pytest.fixture
def models(tmp_path, monkeypatch):
    """A folder with the exported files of a checkpoint that has learned peaks."""
    towers = TwoTowers(STUDENT)
    state = {"family": "r9", "signal": [astuple(layer) for layer in STUDENT], "towers": towers.state_dict()}
    torch.save(state | {"peaks": PEAKS, "about": {"recipe": "none"}}, tmp_path / "checkpoint.pt")
    run(monkeypatch, export, tmp_path / "checkpoint.pt", "--models", tmp_path)
    return tmp_path


def read(folder, kind: str) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    model = onnx.load(folder / f"{FAMILIES['r9'].id}.{kind}.onnx")
    return {p.key: p.value for p in model.metadata_props}, {c.name: numpy_helper.to_array(c) for c in model.graph.initializer}


def peaks(values: dict[str, np.ndarray], levels: int) -> np.ndarray:
    return np.array([values[f"relu{i}_scale"] for i in range(len(STUDENT))]) * levels


def test_learned_peaks_are_used(models, monkeypatch):
    run(monkeypatch, quantize, "r9", "--pore-model", "none", "--models", models, "--int4")
    assert read(models, "fp32")[0]["quant.peaks"] == "3,4,5,6,7"
    schemes = {kind: read(models, kind)[0]["quant.scheme"] for kind in ("fp32", "fp16", "int8", "s8s8", "int4")}
    assert len(set(schemes.values())) == len(schemes)
    for kind, levels in (("int8", 255), ("s8s8", 127)):
        about, values = read(models, kind)
        assert about["quant.calibration"] == "quantization-aware training"
        assert np.allclose(peaks(values, levels), PEAKS, rtol=1e-6)


def test_post_training_calibrates_all_the_same(models, monkeypatch, tmp_path):
    monkeypatch.setattr(quantize, "CHUNKS", 32)
    (out := tmp_path / "out").mkdir()
    table = toy_table(tmp_path / "toy.model")
    run(monkeypatch, quantize, "r9", "--pore-model", table, "--models", models, "--out", out, "--post-training")
    about, values = read(out, "int8")
    assert "simulated chunks" in about["quant.calibration"] and "quant.peaks" not in about
    assert not np.isclose(peaks(values, 255), PEAKS, rtol=0.01).any()
    assert not (models / f"{FAMILIES['r9'].id}.int8.onnx").exists()
