"""Golden vectors for the tests of every runtime: samples in, embeddings of ONNX Runtime on the CPU out."""

import argparse
import base64
import json
import os

import numpy as np

import pore
import runtime
from families import FAMILIES
from retrieval import simulate_chunks
from sequence import random_bases

CASES = (4096, 4096, 2048, 1500)  # samples
SEED = 23
RUNTIME = f"onnxruntime {runtime.ort.__version__}, CPU"


def numbers(vector: np.ndarray) -> list[float]:
    """Nine digits: enough to restore every float32."""
    return [float(f"{v:.9g}") for v in vector]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("--pore-model", required=True)
    parser.add_argument("--models", required=True, help="folder of the model files")
    args = parser.parse_args()
    family, table = FAMILIES[args.family], pore.load(args.pore_model)
    base = os.path.join(args.models, family.id)
    int8, fp32 = (runtime.signal_embedder(f"{base}.{kind}.onnx") for kind in ("int8", "fp32"))
    genome = random_bases(np.random.default_rng(SEED), 1, 10_000)[0]
    cases = []
    for i, samples in enumerate(CASES):
        chunk = simulate_chunks(genome, table, family, samples, 1, SEED + i)
        inputs = chunk.adc, chunk.shift, chunk.scale
        cases.append({
            "samples": samples,
            "signal_int16_le_base64": base64.b64encode(chunk.adc.astype("<i2").tobytes()).decode(),
            "shift": float(chunk.shift[0, 0]),
            "scale": float(chunk.scale[0, 0]),
            "embedding": numbers(int8(*inputs)[0]),
            "embedding_fp32": numbers(fp32(*inputs)[0]),
        })  # fmt: skip
    with open(base + ".golden.json", "w") as file:
        json.dump({"model.id": family.id, "runtime": RUNTIME, "window": CASES[0], "cases": cases}, file)
        file.write("\n")
    print(base + ".golden.json", os.path.getsize(base + ".golden.json"), "bytes")


if __name__ == "__main__":
    main()
