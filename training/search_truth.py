"""Where the reads of an evaluation of `porevec search` come from: truth.tsv, and what part of a read was heard."""

import csv
from dataclasses import astuple, dataclass, fields

import numpy as np

NONE = "-"  # the genome of a read that comes from none


@dataclass(frozen=True)
class Truth:
    """One read: 0-based [start, end) on the forward strand of a genome, whole read; strand 1, -1, or 0 of none.

    marks: forward positions of the bases in the pore after `leader` samples and then every `step` samples, up to the last
    sample; empty where only the whole span is known, as of real reads.
    """

    read_id: str
    genome: str
    start: int
    end: int
    strand: int
    condition: str
    leader: int
    step: int
    marks: tuple[int, ...]

    def heard(self, samples: int) -> tuple[float, float]:
        """Lowest and highest forward position of the read's first `samples` samples, its leader among them.

        Between two marks it is interpolated: exact at whole windows. Without marks, the whole span.
        """
        if not self.marks:
            return self.start, self.end
        last = np.interp((samples - self.leader) / self.step, np.arange(len(self.marks)), self.marks)
        return min(self.marks[0], last), max(self.marks[0], last)


def write_truth(path: str, truth: list[Truth]) -> None:
    """Tab-separated; strands as + and -, marks with commas."""
    with open(path, "w", newline="") as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        table.writerow([f.name for f in fields(Truth)])
        for t in truth:
            *row, marks = astuple(t)
            row[4] = {1: "+", -1: "-", 0: "."}[t.strand]
            table.writerow([*row, ",".join(map(str, marks))])


def read_truth(path: str) -> dict[str, Truth]:
    """By read id."""
    truth = {}
    with open(path) as file:
        for r in csv.DictReader(file, delimiter="\t"):
            marks = tuple(map(int, r["marks"].split(","))) if r["marks"] else ()
            strand = {"+": 1, "-": -1, ".": 0}[r["strand"]]
            truth[r["read_id"]] = Truth(
                r["read_id"], r["genome"], int(r["start"]), int(r["end"]), strand, r["condition"],
                int(r["leader"]), int(r["step"]), marks,
            )  # fmt: skip
    return truth
