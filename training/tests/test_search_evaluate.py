"""The driver with a program that answers everything right, and the page made of its report."""

import json
import os
import sys

import numpy as np
import pytest

import search_evaluate
import search_reads
import search_report
from families import FAMILIES
from pore import PoreModel
from search_run import Searcher
from search_truth import write_truth
from sequence import random_bases

R9 = FAMILIES["r9"]
LEVELS = PoreModel(1, np.array([80, 90, 100, 110], np.float32), np.full(4, 0.01, np.float32), 0)
PROGRAM = """#!{python}
import json, os, sys
a = sys.argv[1:]
open(os.path.join({folder!r}, "log"), "a").write(" ".join(a) + "\\n")
out = open(a[a.index("-o") + 1], "w")
if a[1] == "search":
    truth = [line.rstrip("\\n").split("\\t") for line in open(os.path.join({folder!r}, "truth.tsv"))][1:]
    for read_id, genome, start, end, strand, *_ in truth:
        if genome == "-":
            continue
        print(json.dumps(dict(read_id=read_id, target=genome, start=int(start), end=int(end), strand=strand, probability=0.97,
            lead_nats=5.0, called=True, final=True, chunks=10, samples=1500 + 40960)), file=out)
"""


@pytest.fixture
def run(tmp_path) -> Searcher:
    genome = random_bases(np.random.default_rng(1), 1, 20_000)[0]
    reads = search_reads.marked_reads(genome, "lambda", "harsh", LEVELS, R9, 6, 3)
    reads += search_reads.reads_of_none({"lambda": genome}, "harsh", LEVELS, R9, 3, 4)
    search_reads.write_fasta(str(tmp_path / "lambda.fa"), "lambda", genome)
    write_truth(str(tmp_path / "truth.tsv"), [r.truth for r in reads])
    program = tmp_path / "program"
    program.write_text(PROGRAM.format(python=sys.executable, folder=str(tmp_path)))
    program.chmod(0o755)
    return Searcher(str(program), R9, str(tmp_path), str(tmp_path / "work"))


def test_right_answers_score_well_and_the_page_says_so(run, tmp_path, monkeypatch):
    monkeypatch.setattr("answers.RESAMPLES", 5)
    evaluation = search_evaluate.Evaluation(run)
    assert evaluation.indices(["lambda"]) == {"lambda": ("lambda",)} and evaluation.bases(("lambda",)) == 20_000
    entry = evaluation.measure("lambda", ("lambda",), "harsh")
    assert (entry["reads"], entry["none"]) == (6, 6)
    assert entry["chunks"]["final"]["f1"][0] == 1 and entry["chunks"]["1"]["f1"][0] == 0
    rate = evaluation.rate("lambda", ("lambda",), 0.05)
    assert rate["fdr"][0] == 0
    log = (tmp_path / "log").read_text().splitlines()
    assert [line.split()[1] for line in log] == ["build", "search", "search"] and "--fdr 0.05" in log[2]

    report = {
        "model": R9.id, "sizes": {"lambda": {"harsh": entry, "plain": entry}}, "noise": {"lambda": {"2.0": entry}},
        "windows": {"lambda": {"4096": entry}}, "rates": {"lambda": {"0.05": rate}}, "real": {"lambda": {"built in": entry}},
        "runs": [{"command": "python search_evaluate.py", "date": "", "hardware": "", "seconds": 1}],
    }  # fmt: skip
    text = search_report.family(json.loads(json.dumps(report, allow_nan=False)), str(tmp_path / "page-r9"))
    assert "| lambda (0.02 Mb) | harsh | final | 1.000 [1.000, 1.000] | 1.000 [1.000, 1.000] | 1.000 [1.000, 1.000] |" in text
    assert (tmp_path / "page-r9-seconds.svg").exists() and (tmp_path / "page-r9-reliability.svg").exists()


def test_a_failing_program_is_named(run):
    with pytest.raises(RuntimeError, match="exit code"):
        run.search("x.pvi", ["lambda.harsh"], "no/such/folder")


def test_an_index_older_than_the_program_is_built_again(run, tmp_path):
    first = run.index("lambda", ["lambda"])
    assert run.index("lambda", ["lambda"]) == first
    assert len((tmp_path / "log").read_text().splitlines()) == 1
    os.utime(first, (1, 1))
    run.index("lambda", ["lambda"])
    assert len((tmp_path / "log").read_text().splitlines()) == 2
