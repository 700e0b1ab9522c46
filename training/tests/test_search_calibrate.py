"""The fit of probabilities to made-up leads."""

import numpy as np
import pytest

from search_calibrate import fit, line, logistic, loss, study
from search_score import Table


def table(a: float, b: float, count: int, seed: int) -> Table:
    """Answers that are right with the probability of a lead; half of the wrong ones come from reads of none."""
    rng = np.random.default_rng(seed)
    lead = rng.uniform(-3, 6, count)
    right = rng.random(count) < logistic(a + b * lead)
    zeros = np.zeros(count, int)
    return Table(np.arange(count), np.ones(count, bool), logistic(lead), lead, zeros > 0, right, zeros > 0, zeros + 1, zeros)


def test_the_coefficients_are_found():
    t = table(-1.0, 0.7, 20_000, 0)
    assert fit(line(t.lead), t.right, np.ones(20_000)) == pytest.approx([-1.0, 0.7], abs=0.06)


def test_weights_are_heeded():
    lead, right = np.zeros(4), np.array([True, True, True, False])
    features = line(lead)
    assert logistic(fit(features, right, np.array([1, 1, 1, 3.0]))[0]) == pytest.approx(0.5, abs=1e-3)
    assert logistic(fit(features, right, np.ones(4))[0]) == pytest.approx(0.75, abs=1e-3)


def test_a_fit_is_finite_where_right_and_wrong_are_apart():
    lead = np.array([-2, -1, 1, 2.0])
    found = fit(line(lead), lead > 0, np.ones(4))
    assert np.isfinite(found).all() and found[1] > 1


def test_the_loss_of_a_sure_and_wrong_answer_is_large():
    one = np.ones(1)
    assert loss(np.array([5.0]), np.array([True]), one) < 0.01 < 4 < loss(np.array([5.0]), np.array([False]), one)


def test_groups_that_agree_lie_near_the_pooled_fit_and_others_do_not():
    alike = study({("x", 1): table(-1, 1, 4000, 1), ("y", 1): table(-1, 1, 4000, 2)}, {"x": 100, "y": 1000})
    assert alike["pooled"] == pytest.approx({"a": -1, "b": 1}, abs=0.15)
    assert max(g["distance"] for g in alike["by index"].values()) < 0.02
    apart = study({("x", 1): table(1, 1, 4000, 1), ("y", 1): table(-3, 1, 4000, 2)}, {"x": 100, "y": 1000})
    assert min(g["distance"] for g in apart["by index"].values()) > 0.05
    losses = {name: f["nats per answer"] for name, f in apart["forms"].items()}
    assert losses["a + b·lead + c·ln(windows)"] < losses["a + b·lead"] - 0.02


def test_reads_without_a_place_are_left_out():
    t = table(-1, 1, 2000, 3)
    t.lead[:500] = -np.inf
    t.right[:500] = False
    found = study({("x", 1): t}, {"x": 10})
    assert found["by index"]["x"]["answers"] == 1500 and np.isfinite(found["pooled"]["a"])
