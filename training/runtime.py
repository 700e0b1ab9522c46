"""ONNX Runtime sessions as plain functions, one thread each."""

import numpy as np
import onnxruntime as ort

from retrieval import Chunks, Embed, in_batches


def session(model: str | bytes) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def reference_embedder(model: str | bytes) -> Embed:
    """One-hot bases [batch, 4, length] -> [batch, dim]."""
    run = session(model)
    return lambda bases: run.run(["embedding"], {"bases": bases[:, :, None, :]})[0]


def signal_embedder(model: str | bytes) -> Embed:
    """adc int16 [batch, samples], shift and scale float32 [batch, 1] -> [batch, dim]."""
    run = session(model)
    return lambda adc, shift, scale: run.run(["embedding"], feed(adc, shift, scale))[0]


def feed(adc: np.ndarray, shift: np.ndarray, scale: np.ndarray) -> dict[str, np.ndarray]:
    """Inputs of a signal tower."""
    return {"signal": adc[:, None, None, :], "shift": shift[:, :, None, None], "scale": scale[:, :, None, None]}


def embed_chunks(embed: Embed, chunks: Chunks) -> np.ndarray:
    return in_batches(embed, chunks.adc, chunks.shift, chunks.scale, size=32)
