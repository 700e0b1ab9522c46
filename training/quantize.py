"""Quantize an exported fp32 signal tower: calibrate on simulated chunks and write the int8 file beside it."""

import argparse
import os

import numpy as np
import onnx

import graph
import pore
import runtime
from families import FAMILIES, WINDOWS, Family
from model import Layers
from retrieval import Chunks, simulate_chunks
from sequence import random_bases

CHUNKS, SEED = 1024, 11
PERCENTILE = 99.99  # of each layer's activations; the few above it are clipped


def calibration_chunks(family: Family, table: pore.PoreModel) -> Chunks:
    """Chunks of random sequence at the default window."""
    genome = random_bases(np.random.default_rng(SEED), 50, 20_000).reshape(-1)
    return simulate_chunks(genome, table, family, WINDOWS[0], CHUNKS, SEED)


def calibrate(layers: Layers, weights: graph.Weights, chunks: Chunks) -> graph.Quantization:
    """The mean over batches of a high percentile of every layer's output."""
    run = runtime.session(graph.signal_tower(layers, weights, tap=True).SerializeToString())
    names = [f"relu{i}" for i in range(len(layers))]
    peaks = []
    for i in range(0, len(chunks.adc), 64):
        part = slice(i, i + 64)
        taps = run.run(names, runtime.feed(chunks.adc[part], chunks.shift[part], chunks.scale[part]))
        peaks.append([np.percentile(t, PERCENTILE) for t in taps])
    return graph.Quantization(tuple(float(p) for p in np.mean(peaks, 0)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("--pore-model", required=True)
    parser.add_argument("--models", required=True, help="folder of the model files")
    args = parser.parse_args()
    family = FAMILIES[args.family]
    fp32 = onnx.load(os.path.join(args.models, family.id + ".fp32.onnx"))
    layers, weights = graph.layers_of(fp32), graph.weights_of(fp32)
    quantization = calibrate(layers, weights, calibration_chunks(family, pore.load(args.pore_model)))
    model = graph.signal_tower(layers, weights, quantization)
    graph.set_metadata(model, {p.key: p.value for p in fp32.metadata_props})
    calibration = f"percentile {PERCENTILE} on {CHUNKS} simulated chunks"
    graph.set_metadata(model, {"quant.scheme": "qdq-u8s8-per-channel-reduce-range", "quant.calibration": calibration})
    path = os.path.join(args.models, f"{family.id}.int8.onnx")
    onnx.save(model, path)
    print(path, os.path.getsize(path), "bytes; peaks", [round(p, 2) for p in quantization.peaks])


if __name__ == "__main__":
    main()
