"""What every measurement needs: a family's towers, its pore model and its indices."""

from dataclasses import dataclass

import numpy as np
import onnx

import pore
import runtime
from cache import Indices
from families import Family
from locus import Locus, locate, vote
from plans import Plan
from retrieval import Embed
from simulate import median_mad

KINDS = "fp32", "int8"


@dataclass(frozen=True)
class Bench:
    """Signal towers by kind, and where their reference tower puts genomes."""

    family: Family
    pore: pore.PoreModel
    embed: dict[str, Embed]
    indices: Indices
    about: dict[str, str]  # metadata of the int8 file

    def locate(self, kind: str, genome: np.ndarray, plan: Plan, reads: list[np.ndarray]) -> list[Locus | None]:
        """A place for each read (adc, int16 [samples]); None where no window fits."""
        cuts = [plan.windows(len(adc)) for adc in reads]
        loci: list[Locus | None] = [None] * len(reads)
        for window in {window for window, _ in cuts} - {0}:
            rows = [i for i, cut in enumerate(cuts) if cut[0] == window]
            chunks = [reads[i][cuts[i][1][:, None] + np.arange(window)] for i in rows]
            vectors = np.concatenate([self.embed[kind](adc, *median_mad(adc)) for adc in chunks])
            passed = [(cuts[i][1] + window / 2) / self.family.samples_per_base for i in rows]
            index = self.indices.of(genome, self.family.span(window))
            for i, votes in zip(rows, vote(index, vectors, passed)):
                loci[i] = locate(votes)
        return loci


def load(family: Family, models: str, pore_model: str, cache: str) -> Bench:
    """The family's files in the folder `models`."""
    base = f"{models}/{family.id}"
    about = {p.key: p.value for p in onnx.load(f"{base}.int8.onnx").metadata_props}
    embed = {kind: runtime.signal_embedder(f"{base}.{kind}.onnx") for kind in KINDS}
    return Bench(family, pore.load(pore_model), embed, Indices(f"{base}.reference.onnx", cache), about)
