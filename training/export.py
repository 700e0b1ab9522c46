"""Write what needs no calibration of a checkpoint as ONNX: the signal tower in fp32 and fp16, the reference tower."""

import argparse
import datetime
import os

import numpy as np
import onnx

import graph
from families import CLIP, MIN_SAMPLES, WINDOWS, Family
from loop import load
from model import DIM, NESTED, REFERENCE, SEGMENTS, Layers, Tower
from precision import Half


def folded(tower: Tower) -> graph.Weights:
    return [(w.detach().numpy().astype(np.float32), b.detach().numpy().astype(np.float32)) for w, b in tower.folded()]


def flops_per_sample(layers: Layers, window: int) -> float:
    """Signal tower, 2 FLOP per multiply-accumulate of its convolutions, at one window."""
    length, total = window, 0
    for layer in layers:
        length = (length + 2 * layer.padding - (layer.kernel - 1) * layer.dilation - 1) // layer.stride + 1
        total += length * layer.kernel * layer.inputs * layer.outputs
    total += SEGMENTS * layers[-1].outputs * DIM
    return 2 * total / window


def metadata(
    family: Family, layers: Layers, weights: graph.Weights, signal_digest: str, about: dict[str, str]
) -> dict[str, str]:
    values = {
        "model.id": family.id,
        "model.version": family.id.rsplit("@v", 1)[1],
        "weights.sha256": graph.digest(weights),
        "signal.weights.sha256": signal_digest,
        "embedding.dim": DIM,
        "embedding.nested": ",".join(map(str, NESTED)),
        "input.windows": ",".join(map(str, sorted(WINDOWS))),
        "input.default_window": WINDOWS[0],
        "input.min_samples": MIN_SAMPLES,
        "sample_rate_hz": family.sample_rate_hz,
        "chemistry": family.chemistry,
        "norm.method": "medmad",
        "norm.clip": CLIP,
        "leader.samples": family.leader_samples,
        "reference.samples_per_base": family.samples_per_base,
        "quant.scheme": "none",
        "quant.calibration": "none",
        "teacher": "none",
        "flops_per_sample": f"{flops_per_sample(layers, WINDOWS[0]):.0f}",
        "parameters": sum(w.size + b.size for w, b in weights),
        "trained": f"{datetime.date.today()}",
        "licence": "Apache-2.0",
    }
    return {key: str(value) for key, value in (values | about).items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint")
    parser.add_argument("--models", required=True, help="folder of the model files")
    args = parser.parse_args()
    family, towers, saved = load(args.checkpoint)
    layers, signal, reference = towers.signal.layers, folded(towers.signal), folded(towers.reference)
    learned = {"quant.peaks": ",".join(f"{p:.6g}" for p in saved["peaks"])} if "peaks" in saved else {}
    half = Half()
    for kind, weights, model, extra in (
        ("fp32", signal, graph.signal_tower(layers, signal), learned),
        ("fp16", signal, graph.signal_tower(layers, signal, half), {"quant.scheme": half.scheme}),
        ("reference", reference, graph.reference_tower(REFERENCE, reference), {}),
    ):
        graph.set_metadata(model, metadata(family, layers, weights, graph.digest(signal), saved["about"] | extra))
        path = os.path.join(args.models, f"{family.id}.{kind}.onnx")
        onnx.save(model, path)
        print(path, os.path.getsize(path), "bytes")


if __name__ == "__main__":
    main()
