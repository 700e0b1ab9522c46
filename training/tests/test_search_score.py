"""Scores of made-up answers whose worth is known."""

import json

import numpy as np
import pytest

from families import FAMILIES
from search_score import BINS, EVEN, Answer, Reliability, after, delay, every, parse, rates, read_answers, relevant, score, separation
from search_truth import NONE, Truth

R9 = FAMILIES["r9"]
WINDOW = 4096


def truth(read_id: str, genome: str = "g", strand: int = 1) -> Truth:
    if genome == NONE:
        return Truth(read_id, NONE, 0, 0, 0, "harsh random", 0, 0, ())
    marks = tuple(10_000 + 400 * i * strand for i in range(11))
    return Truth(read_id, genome, min(marks), max(marks) + 1, strand, "harsh", 1500, WINDOW, marks)


def answer(read_id: str, chunks: int = 1, probability: float = 0.9, called: bool = True, start: int = 10_000, length: int = 400, **more) -> Answer:
    known = dict(target="g", strand=1, lead=2.0, final=called) | more
    return Answer(read_id, start=start, end=start + length, probability=probability, called=called, chunks=chunks, samples=1500 + chunks * WINDOW, **known)


def line(**more) -> str:
    fields = dict(
        read_id="a", run="r", channel=1, target="g", target_length=9, start=5, end=7, strand="-", probability=0.75, target_probability=0.8,
        lead_nats=1.5, called=True, final=True, chunks=2, samples=9692, read_start=0, read_seconds=2.4, seconds=2.4,
    )  # fmt: skip
    return json.dumps(fields | more)


def test_a_line_is_parsed():
    assert parse(line()) == Answer("a", "g", 5, 7, -1, 0.75, 1.5, True, True, 2, 9692)
    lost = parse(line(target=None, start=None, end=None, strand=None, lead_nats=-3.0, probability=0.3, called=False))
    assert lost.target is None and lost.probability == 0 and lost.lead == -np.inf and not lost.called


@pytest.mark.parametrize(
    "given, right",
    [
        (answer("a"), True),
        (answer("a", start=9501), True),
        (answer("a", start=9499), False),  # more than 500 bases before the read
        (answer("a", start=10_500, length=401), False),  # ends beyond what was heard by then
        (answer("a", chunks=2, start=10_500, length=401), True),
        (answer("a", target="h"), False),
        (answer("a", strand=-1), False),
        (answer("a", target=None), False),
    ],
)
def test_right_is_target_strand_and_place(given, right):
    assert given.right(truth("a")) is right
    assert not given.right(truth("a", NONE))


def test_a_final_answer_stays_and_silence_counts(tmp_path):
    path = tmp_path / "answers"
    path.write_text(line(chunks=2, samples=9692) + "\n" + line(chunks=1, samples=5596, called=False, final=False) + "\n")
    answers = read_answers(str(path))
    reads = [truth("a", strand=-1), truth("silent")]
    assert [after(reads, answers, 1500 + n * WINDOW).chunks.tolist() for n in (0.5, 1, 2, 10)] == [[0, 0], [1, 0], [2, 0], [2, 0]]
    assert len(every(reads, answers).read) == 2


def made_up() -> tuple[list[Truth], dict[str, list[Answer]]]:
    """Of ten reads six are called right, two wrong, two not; of five of none one is called."""
    reads = [truth(f"r{i}") for i in range(10)] + [truth(f"n{i}", NONE) for i in range(5)]
    answers = {f"r{i}": [answer(f"r{i}", probability=0.99 - 0.01 * i)] for i in range(6)}
    answers |= {f"r{i}": [answer(f"r{i}", start=90_000, probability=0.8)] for i in (6, 7)}
    answers |= {"r8": [answer("r8", called=False, probability=0.6)]}
    answers |= {f"n{i}": [answer(f"n{i}", called=i == 0, probability=0.7 - 0.1 * i)] for i in range(5)}
    return reads, answers


def test_rates():
    table = after(*made_up(), np.inf)
    assert rates(table) == pytest.approx({"precision": 6 / 8, "recall": 0.6, "f1": 12 / 18, "false": 0.2, "fdr": (0.2 + 0.2) / (0.8 + 0.2)})
    assert rates(table, np.array([8, 9])) == {"precision": 1.0, "recall": 0.0, "f1": 0.0, "false": 0.0, "fdr": 0.0}


def test_separation():
    areas = separation(after(*made_up(), np.inf))
    # Right: .99 to .94 and .6; wrong: .8, .8 and silence.
    assert areas["AUROC place"] == pytest.approx((6 * 3 + 1) / 21)
    # Real: eight above .7, one at .6, one silent; none: .7, .6, .5, .4, .3.
    assert areas["AUROC index"] == pytest.approx((8 * 5 + 3.5 + 0) / 50)
    assert np.isnan(separation(after(*made_up(), np.inf), np.arange(9))["AUROC index"])


def test_reliability_weighs_reads_of_none_like_the_others():
    reads = [truth(f"r{i}") for i in range(4)] + [truth("n0", NONE)]
    answers = {r.read_id: [answer(r.read_id, probability=0.55)] for r in reads}
    table = every(reads, answers)
    assert table.weight() == pytest.approx([0.25] * 4 + [1])
    even, rows = Reliability.of(table, EVEN), np.arange(5)
    assert even.error(rows)["ECE"] == pytest.approx(0.05)  # 0.55 said, half of the weight right
    assert even.error(rows[:4])["ECE"] == pytest.approx(0.45)
    assert Reliability.of(table, BINS).bins(rows) == {"3": pytest.approx(0.5)}


def test_probabilities_that_come_true_have_no_calibration_error():
    rng = np.random.default_rng(0)
    reads, answers = [], {}
    for i, p in enumerate(rng.random(4000)):
        reads.append(truth(f"r{i}"))
        answers[f"r{i}"] = [answer(f"r{i}", probability=p, start=10_000 if rng.random() < p else 50_000)]
    even = Reliability.of(every(reads, answers), EVEN)
    assert even.error(np.arange(4000))["ECE"] < 0.02


def test_delay_is_of_reads_of_the_index():
    reads = [truth("a"), truth("b"), truth("n", NONE)]
    answers = {"a": [answer("a", 1)], "b": [answer("b", 3)], "n": [answer("n", 10)]}
    seconds = delay(after(reads, answers, np.inf), 4000)
    assert seconds["median"] == pytest.approx((1500 + 2 * WINDOW) / 4000)


def test_a_report_has_all_figures(monkeypatch):
    monkeypatch.setattr("answers.RESAMPLES", 50)
    report = score(*made_up(), R9)
    assert (report["reads"], report["none"]) == (10, 5)
    assert report["chunks"]["final"]["f1"][0] == pytest.approx(12 / 18)
    assert report["chunks"]["1"]["f1"][1] <= 12 / 18 <= report["chunks"]["1"]["f1"][2]
    assert "AUROC place" not in report["chunks"]["final"]  # three wrong ones are too few
    assert sum(r["answers"] for r in report["reliability"]) == 14
    json.dumps(report, allow_nan=False)


def test_reads_of_a_condition():
    other = Truth("p", "g", 0, 9, 1, "plain", 0, 0, ())
    reads = {t.read_id: t for t in (truth("a"), truth("n", NONE), truth("h", "h"), other)}
    assert [t.read_id for t in relevant(reads, ["g", NONE], "harsh")] == ["a", "n"]
