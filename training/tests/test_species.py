"""Scores of species on tables whose answers are known."""

import numpy as np
import pytest

from species import auroc, classify, gumbel, macro_f1


def test_auroc():
    positive = np.array([1, 1, 0, 0], bool)
    assert auroc(np.array([4, 3, 2, 1.0]), positive) == 1
    assert auroc(np.array([1, 2, 3, 4.0]), positive) == 0
    assert auroc(np.array([1, 3, 2, 0.0]), positive) == 0.75
    assert auroc(np.ones(4), positive) == 0.5


def test_none_is_a_class_of_its_own():
    found = classify(np.array([[3, 1], [1, 3], [1, 1.5], [3, 1]]), level=2)
    assert found.tolist() == [0, 1, 2, 0]
    assert macro_f1(found, np.array([0, 1, 2, 0]), 3) == 1
    assert macro_f1(found, np.array([0, 1, 2, 2]), 3) == pytest.approx((2 / 3 + 1 + 2 / 3) / 3)


def test_maxima_of_indices_of_any_size_are_alike_once_calibrated():
    rng = np.random.default_rng(0)
    scores = np.stack([rng.standard_normal((2000, n)).max(1) for n in (100, 2000)], 1)
    location, scale = gumbel(scores)
    assert location[1] > location[0] + 0.5
    standard = (scores - location) / scale
    assert np.allclose(np.median(standard, 0), -np.log(np.log(2)), atol=0.15)
