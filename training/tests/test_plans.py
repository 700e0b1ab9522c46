"""Windows under a budget."""

from families import FAMILIES
from plans import Plan, after_leader, strict

R9 = FAMILIES["r9"]


def test_strict_counts_the_leader():
    window, starts = strict(R9, 1).windows(100_000)
    assert window == 2048 and starts.tolist() == [1500, 1952]
    window, starts = strict(R9, 2).windows(100_000)
    assert window == 4096 and starts.tolist() == [1500, 3904]
    window, starts = strict(R9, 10).windows(100_000)
    assert starts[-1] + window == 40_000 and len(starts) == 10


def test_after_the_leader_windows_do_not_overlap():
    window, starts = after_leader(R9, 3).windows(100_000)
    assert window == 4096 and starts.tolist() == [1500, 5596, 9692]


def test_short_reads_use_what_they_have():
    plan = after_leader(R9, 10)
    assert plan.windows(1500 + 4096)[1].tolist() == [1500]
    assert plan.windows(1500 + 4095)[0] == 2048 and plan.windows(1500 + 4095)[1][-1] == 1500 + 4095 - 2048
    assert plan.windows(3150)[0] == 1536 and plan.windows(2600)[0] == 1024
    assert plan.windows(2500)[0] == 0 and len(Plan(4000, 1500).windows(100)[1]) == 0
