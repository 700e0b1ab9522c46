"""Quantize an exported fp32 signal tower: int8 for the CPU, and from the same peaks s8s8 for TensorRT.

The peaks of the activations are those that quantization-aware training learned (metadata `quant.peaks` of the
fp32 file) or else calibrated on simulated chunks.
"""

import argparse
import os

import numpy as np
import onnx

import graph
import pore
import runtime
from families import FAMILIES, WINDOWS, Family
from model import Layers
from precision import Nibbles, Quantization, Symmetric
from retrieval import Chunks, simulate_chunks
from sequence import random_bases

CHUNKS, SEED = 1024, 11
PERCENTILE = 99.99  # of each layer's activations; the few above it are clipped


def calibration_chunks(family: Family, table: pore.PoreModel) -> Chunks:
    """Chunks of random sequence at the default window."""
    genome = random_bases(np.random.default_rng(SEED), 50, 20_000).reshape(-1)
    return simulate_chunks(genome, table, family, WINDOWS[0], CHUNKS, SEED)


def calibrate(layers: Layers, weights: graph.Weights, chunks: Chunks) -> Quantization:
    """The mean over batches of a high percentile of every layer's output."""
    run = runtime.session(graph.signal_tower(layers, weights, tap=True).SerializeToString())
    names = [f"relu{i}" for i in range(len(layers))]
    peaks = []
    for i in range(0, len(chunks.adc), 64):
        part = slice(i, i + 64)
        taps = run.run(names, runtime.feed(chunks.adc[part], chunks.shift[part], chunks.scale[part]))
        peaks.append([np.percentile(t, PERCENTILE) for t in taps])
    return Quantization(tuple(float(p) for p in np.mean(peaks, 0)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("--pore-model", required=True)
    parser.add_argument("--models", required=True, help="folder of the model files")
    parser.add_argument("--out", help="folder for what is written, if another")
    parser.add_argument("--post-training", action="store_true", help="calibrate, also where peaks were learned")
    parser.add_argument("--int4", action="store_true", help="write int4 weights too, to compare")
    args = parser.parse_args()
    family = FAMILIES[args.family]
    fp32 = onnx.load(os.path.join(args.models, family.id + ".fp32.onnx"))
    layers, weights = graph.layers_of(fp32), graph.weights_of(fp32)
    about = {p.key: p.value for p in fp32.metadata_props if not p.key.startswith("retention.")}
    learned = about.pop("quant.peaks", None)
    if learned and not args.post_training:
        peaks, calibration = tuple(map(float, learned.split(","))), "quantization-aware training"
    else:
        peaks = calibrate(layers, weights, calibration_chunks(family, pore.load(args.pore_model))).peaks
        calibration = f"percentile {PERCENTILE} on {CHUNKS} simulated chunks"
    variants = [("int8", Quantization(peaks), calibration), ("s8s8", Symmetric(peaks), calibration)]
    variants += [("int4", Nibbles(), "none")] if args.int4 else []
    for kind, precision, source in variants:
        model = graph.signal_tower(layers, weights, precision)
        graph.set_metadata(model, about | {"quant.scheme": precision.scheme, "quant.calibration": source})
        path = os.path.join(args.out or args.models, f"{family.id}.{kind}.onnx")
        onnx.save(model, path)
        print(path, os.path.getsize(path), "bytes")
    print(calibration, "- peaks", [round(p, 2) for p in peaks])


if __name__ == "__main__":
    main()
