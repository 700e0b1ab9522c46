"""Indices of whole genomes, kept on disk: building one is most of an evaluation's time.

An index depends on the reference tower, the genome, the span and the stride, and its file is named after all four.
Families and students that share a reference tower share its indices.
"""

import hashlib
import os

import numpy as np
import onnx

import runtime
from families import STRIDE
from retrieval import Index, build_index, place


class Indices:
    """Indices of one reference tower, built when first asked for and then kept in memory too.

    model:  path of the reference tower's ONNX file
    folder: where vectors are kept, float16 [windows of both strands, dim] per file
    """

    def __init__(self, model: str, folder: str):
        self.model, self.folder, self.open = model, folder, {}
        self.weights = {p.key: p.value for p in onnx.load(model).metadata_props}["weights.sha256"]
        os.makedirs(folder, exist_ok=True)

    def of(self, genome: np.ndarray, span: int, stride: int = STRIDE) -> Index:
        """The index of a genome (codes, uint8 [length]) in windows of `span` bases."""
        name = self.name(genome, span, stride)
        if name in self.open:
            return self.open[name]
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            index = build_index(genome, span, runtime.reference_embedder(self.model), stride)
            np.save(path + ".new.npy", index.vectors.astype(np.float16))
            os.replace(path + ".new.npy", path)
        centre, strand = place(len(genome), span, stride)
        self.open[name] = Index(np.load(path).astype(np.float32), centre, strand, span)
        return self.open[name]

    def name(self, genome: np.ndarray, span: int, stride: int) -> str:
        sequence = hashlib.sha256(genome.tobytes()).hexdigest()
        return f"{self.weights[:16]}-{sequence[:16]}-{span}-{stride}.npy"
