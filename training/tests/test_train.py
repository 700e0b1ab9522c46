"""The training loop: a run that was stopped goes on as if it had not been."""

import argparse
import itertools

import pytest
import torch

import pore
from distill import distill
from loop import learning_rate, load
from train import train


def toy_table(path) -> str:
    """A 3-mer table in the text format of pore models."""
    rows = ["kmer\tlevel_mean\tlevel_stdv"]
    rows += [f"{''.join(kmer)}\t{60 + i}\t2" for i, kmer in enumerate(itertools.product("ACGT", repeat=3))]
    path.write_text("\n".join(rows) + "\n")
    return str(path)


def run(table: str, out, steps: int) -> dict[str, torch.Tensor]:
    train(argparse.Namespace(
        family="r9", pore_model=table, out=str(out), held_out=None, steps=steps, groups=2, lr=1e-3, seed=1,
        threads=1, bf16=False, size="student", start=None,
    ))  # fmt: skip
    return torch.load(out / "checkpoint.pt", weights_only=True)["towers"]


def test_a_stopped_run_goes_on(tmp_path):
    table = toy_table(tmp_path / "toy.model")
    whole = run(table, tmp_path / "whole", 3)
    run(table, tmp_path / "parts", 1)
    parts = run(table, tmp_path / "parts", 3)
    # Within the warm-up the rate does not depend on the number of steps.
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_the_rate_warms_up_and_falls_to_nothing():
    rates = [learning_rate(step, 1000, 1.0) for step in range(1001)]
    assert rates[0] < 0.01 and max(rates) == 1.0 and rates[1000] < 1e-9


def test_the_text_table_is_read_in_kmer_order(tmp_path):
    table = pore.load(toy_table(tmp_path / "toy.model"))
    assert table.k == 3 and table.level[0] == 60 and table.level[63] == 123 and table.centre == 0


def teach(table: str, start, out, steps: int, aware: bool) -> dict:
    checkpoint = str(start / "checkpoint.pt")
    distill(argparse.Namespace(
        family="r9", pore_model=table, teacher=checkpoint, start=checkpoint, out=str(out), held_out=None, steps=steps,
        groups=2, lr=1e-3, seed=1, threads=1, bf16=False, labelled=None, real=[], real_pairs=0, aware=aware,
    ))  # fmt: skip
    return torch.load(out / "checkpoint.pt", weights_only=True)


@pytest.mark.parametrize("aware", [False, True])
def test_a_student_learns_in_the_teachers_space(tmp_path, aware):
    table = toy_table(tmp_path / "toy.model")
    before = run(table, tmp_path / "start", 1)
    whole = teach(table, tmp_path / "start", tmp_path / "whole", 3, aware)
    teach(table, tmp_path / "start", tmp_path / "parts", 1, aware)
    parts = teach(table, tmp_path / "start", tmp_path / "parts", 3, aware)
    after = whole["towers"]
    assert all(torch.equal(after[n], before[n]) for n in before if n.startswith("reference."))
    assert any(not torch.equal(after[n], before[n]) for n in before if n.startswith("signal.convs"))
    assert ("peaks" in whole) == aware
    if aware:
        assert torch.allclose(torch.tensor(whole["peaks"]), torch.tensor(parts["peaks"]))
        assert all(torch.equal(after[n], before[n]) for n in before if n.endswith("running_mean"))
    else:
        assert all(torch.equal(after[n], parts["towers"][n]) for n in before)
    assert load(str(tmp_path / "whole" / "checkpoint.pt"))[2]["about"]["adapted"] == "no real read"
