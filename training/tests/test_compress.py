"""Comparing model files: paired intervals, which one ships, and the document."""

import copy
import json
import sys

import numpy as np
import onnx
import pytest

import compress
import compress_report
import export
import graph
from families import FAMILIES
from model import REFERENCE, STUDENT
from precision import Full, Half
from sequence import random_bases
from test_model import tower
from test_train import toy_table


def test_the_same_hits_differ_by_nothing():
    found = np.random.default_rng(0).random(500) < 0.7
    figures = compress.compared({"@1": found}, {"@1": found})
    assert figures["difference@1"] == [0, 0, 0] and figures["kept@1"] == [1, 1, 1]
    value, low, high = figures["recall@1"]
    assert low < value < high


def variant(speed: float, scheme: str = "none") -> dict:
    cost = dict.fromkeys(("bytes", "gzip_bytes", "parameters", "flops_per_sample"), 1)
    return cost | {"samples_per_s": speed, "scheme": scheme, "file": "x.onnx"}


def entry(recall: float, kept: float) -> dict:
    share = [kept, kept - 0.01, kept + 0.01] if kept < 1 else [1, 1, 1]
    return {"recall@1": [recall] * 3, "recall@10": [recall] * 3, "kept@1": share, "difference@1": share, "cos_mean": 1, "cos_p1": 1}


@pytest.fixture
def report() -> dict:
    names = {"fp32": (1.0, 0.90, 1.0), "int8": (2.0, 0.89, 0.99), "aware": (1.98, 0.90, 0.998), "pruned": (3.0, 0.80, 0.89)}
    variants = {name: variant(speed) for name, (speed, _, _) in names.items()}
    entries = {name: entry(recall, kept) for name, (_, recall, kept) in names.items()}
    windows = {w: {"index_windows": 1, "variants": copy.deepcopy(entries)} for w in ("4096", "2048")}
    return {"baseline": "fp32", "variants": variants, "windows": windows}


def test_the_fastest_that_keeps_enough_ships(report):
    assert compress_report.chosen(report, 0.95) == "aware"  # as fast as int8, and better
    assert compress_report.chosen(report, 0.85) == "pruned"
    assert compress_report.chosen(report, 0.995) == "fp32"


def test_what_is_made_for_a_gpu_does_not_ship_for_the_cpu(report):
    report["variants"]["half"] = variant(9.0, Half.scheme)
    for window in report["windows"].values():
        window["variants"]["half"] = entry(0.9, 1.0)
    assert compress_report.chosen(report, 0.95) == "aware"


def test_one_bad_window_is_enough(report):
    report["windows"]["2048"]["variants"]["aware"] = entry(0.5, 0.6)
    assert compress_report.chosen(report, 0.95) == "int8"


def test_from_files_to_the_document(tmp_path, monkeypatch):
    family, weights, reference = FAMILIES["r9"], export.folded(tower(STUDENT)), export.folded(tower(REFERENCE))
    made = {
        "student": (weights, graph.signal_tower(STUDENT, weights)),
        "half": (weights, graph.signal_tower(STUDENT, weights, Half())),
        "reference": (reference, graph.reference_tower(REFERENCE, reference)),
    }
    for name, (own, model) in made.items():
        scheme = (Half if name == "half" else Full).scheme
        graph.set_metadata(model, export.metadata(family, STUDENT, own, "", {"quant.scheme": scheme}))
        onnx.save(model, tmp_path / f"{name}.onnx")
    genome = "".join("ACGT"[b] for b in random_bases(np.random.default_rng(0), 1, 4000)[0])
    (tmp_path / "toy.fa").write_text(">toy\n" + genome + "\n")
    monkeypatch.setattr(compress, "ROUNDS", 2)
    # A tower of random weights finds nothing: every chunk counts as found, so that shares are defined.
    monkeypatch.setattr(compress, "hits", lambda index, order, centre, strand: dict.fromkeys(("@1", "@10"), centre >= 0))
    arguments = ["--family", "r9", "--pore-model", toy_table(tmp_path / "toy.model"), "--genome", f"toy={tmp_path}/toy.fa"]
    arguments += ["--variant", f"student={tmp_path}/student.onnx", "--variant", f"half={tmp_path}/half.onnx", "--chunks", "40"]
    arguments += ["--reference", f"{tmp_path}/reference.onnx", "--cache", f"{tmp_path}/cache", "--out", f"{tmp_path}/report.json"]
    monkeypatch.setattr(sys, "argv", ["compress.py", *arguments])
    compress.main()
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["windows"]["4096"]["variants"]["half"]["cos_mean"] > 0.999
    assert 0 < report["variants"]["half"]["bytes"] < report["variants"]["student"]["bytes"]

    monkeypatch.setattr(sys, "argv", ["compress_report.py", f"{tmp_path}/report.json", "--docs", str(tmp_path)])
    compress_report.main()
    text = (tmp_path / "compression.md").read_text()
    assert "**half**" in text and "it ships" in text and str(tmp_path) not in text
    assert (tmp_path / "compression.svg").stat().st_size > 1000
