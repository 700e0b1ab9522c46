"""Real reads with a known place: single-read FAST5 files and a truth table."""

import csv
import os
from dataclasses import dataclass

import h5py
import numpy as np


@dataclass(frozen=True)
class LabelledRead:
    """Raw samples of one read and where it maps: 0-based [start, end) on the forward strand."""

    read_id: str
    adc: np.ndarray  # int16 [samples]
    offset: float  # adc counts
    counts_per_pa: float  # pA = (adc + offset) / counts_per_pa
    start: int
    end: int
    strand: int


def spans(folder: str, label: str) -> list[tuple[int, int]]:
    """Where the reads of one label map: 0-based, half-open."""
    with open(os.path.join(folder, "truth.tsv")) as table:
        return [(int(r["start"]), int(r["end"])) for r in csv.DictReader(table, delimiter="\t") if r["label"] == label]


def labelled_reads(folder: str, label: str) -> list[LabelledRead]:
    """Reads of one label from `folder`/truth.tsv; its file column ends in <set>/<file>.fast5 below the folder."""
    reads = []
    with open(os.path.join(folder, "truth.tsv")) as table:
        for row in csv.DictReader(table, delimiter="\t"):
            if row["label"] != label:
                continue
            path = os.path.join(folder, *row["file"].split("/")[-2:])
            with h5py.File(path) as file:
                adc = next(iter(file["Raw/Reads"].values()))["Signal"][:]
                channel = file["UniqueGlobalKey/channel_id"].attrs
                offset, counts = float(channel["offset"]), float(channel["digitisation"] / channel["range"])
            strand = 1 if row["strand"] == "+" else -1
            span = int(row["start"]), int(row["end"])
            reads.append(LabelledRead(row["read_id"], adc, offset, counts, *span, strand))
    return reads
