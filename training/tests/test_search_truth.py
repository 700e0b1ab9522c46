"""What is known of a read's place, and that simulated reads lie there."""

import numpy as np
import pytest

import search_reads
from families import FAMILIES
from pore import PoreModel
from search_truth import NONE, Truth, read_truth, write_truth
from sequence import random_bases

R9 = FAMILIES["r9"]
LEVELS = PoreModel(1, np.array([80, 90, 100, 110], np.float32), np.full(4, 0.01, np.float32), 0)


def test_the_place_of_a_beginning_of_a_read():
    forward = Truth("a", "g", 100, 501, 1, "harsh", 1500, 4096, (100, 300, 500))
    assert forward.heard(1500 + 4096) == (100, 300)
    assert forward.heard(1500 + 4096 + 2048) == (100, 400)
    assert forward.heard(10**6) == (100, 500)
    reverse = Truth("b", "g", 100, 501, -1, "harsh", 1500, 4096, (500, 300, 100))
    assert reverse.heard(1500 + 4096) == (300, 500)
    assert Truth("c", "g", 7, 9, 1, "real", 0, 0, ()).heard(1) == (7, 9)


def test_truth_survives_its_file(tmp_path):
    truth = [Truth("a", "g", 1, 9, -1, "harsh", 1500, 4096, (8, 5, 1)), Truth("b", NONE, 0, 0, 0, "harsh random", 0, 0, ())]
    write_truth(str(tmp_path / "t"), truth)
    assert read_truth(str(tmp_path / "t")) == {"a": truth[0], "b": truth[1]}


@pytest.mark.parametrize("condition", ["plain", "harsh"])
def test_every_window_holds_the_bases_that_its_marks_name(condition, monkeypatch):
    """On a genome whose composition changes along it, the current of a window tells where it is."""
    monkeypatch.setattr(search_reads, "CHUNKS", 3)
    rng = np.random.default_rng(1)
    genome = (random_bases(rng, 1, 9000)[0] % 2 + 2 * (np.arange(9000) // 100 % 2)).astype(np.uint8)  # A, C and G, T in turns
    reads = search_reads.marked_reads(genome, "g", condition, LEVELS, R9, 10, 3)
    assert {r.truth.strand for r in reads} == {1, -1} and len({r.truth.read_id for r in reads}) == 10
    for read in reads:
        assert len(read.adc) == R9.leader_samples + 3 * 4096
        t = read.truth
        assert (t.start, t.end) == (min(t.marks), max(t.marks) + 1) and 300 < t.end - t.start < 3000
        assert np.sign(np.diff(t.marks)).tolist() == [t.strand] * 3
        current = (read.adc.astype(float) + read.offset) * read.scale
        for i in range(3):
            part = current[t.leader + i * t.step : t.leader + (i + 1) * t.step]
            low, high = sorted(t.marks[i : i + 2])
            bases = genome[low : high + 1] if t.strand > 0 else 3 - genome[low : high + 1][::-1]
            # The window's first and last stretches of a hundred bases tell its ends.
            seen = [np.median(half) > 95 for half in (part[:60], part[-60:])]
            there = [np.median(half) > 1.5 for half in (bases[:5], bases[-5:])]
            if condition == "plain" and all(len(set((b > 1).tolist())) == 1 for b in (bases[:8], bases[-8:])):
                assert seen == there
            assert abs((part > 95).mean() - (bases > 1).mean()) < (0.1 if condition == "plain" else 0.3)


def test_reads_of_none_have_no_place():
    genome = random_bases(np.random.default_rng(1), 1, 20_000)[0]
    reads = search_reads.reads_of_none({"g": genome, "h": genome[::2]}, "plain", LEVELS, R9, 3, 5)
    assert [r.truth.condition for r in reads].count("plain random") == 3 and len(reads) == 6
    assert all(r.truth.genome == NONE and not r.truth.marks for r in reads) and len({r.truth.read_id for r in reads}) == 6


def test_a_pod5_file_holds_the_reads(tmp_path):
    import pod5

    genome = random_bases(np.random.default_rng(1), 1, 20_000)[0]
    reads = search_reads.marked_reads(genome, "g", "plain", LEVELS, R9, 2, 3)
    path = str(tmp_path / "x.pod5")
    for _ in range(2):  # the second time over the first
        search_reads.write(path, R9, search_reads.PRODUCTS["r9"], reads)
    with pod5.Reader(path) as file:
        for read, made in zip(file.reads(), reads, strict=True):
            assert str(read.read_id) == made.truth.read_id and (read.signal == made.adc).all()
            assert read.run_info.flow_cell_product_code == "FLO-MIN106" and read.run_info.sample_rate == 4000
            assert read.calibration.scale == pytest.approx(made.scale) and read.calibration.offset == made.offset
