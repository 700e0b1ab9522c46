"""Measure model files against each other: what each costs, and what it keeps. One JSON report per family and genome.

The first variant is the baseline that the others are compared with, chunk by chunk. All run with ONNX Runtime's CPU
provider on one thread, also those made for a GPU: their recall holds there, their speed does not.
"""

import argparse
import datetime
import gzip
import json
import os
import time

import numpy as np
import onnx

import pore
import runtime
from answers import with_interval
from cache import Indices
from evaluate import hardware, read_genome
from families import FAMILIES, WINDOWS
from retrieval import Chunks, Embed, hits, nearest, simulate_chunks

SEED = 101
BATCH, ROUNDS = 8, 200

Hits = dict[str, np.ndarray]  # per figure ("@1", "@10"), bool [chunks]


def cost(path: str) -> dict:
    """What a file says of itself, and its size."""
    with open(path, "rb") as file:
        content = file.read()
    about = {p.key: p.value for p in onnx.load_from_string(content).metadata_props}
    return {
        "file": os.path.basename(path),
        "scheme": about["quant.scheme"],
        "calibration": about["quant.calibration"],
        "recipe": about.get("recipe", ""),
        "bytes": len(content),
        "gzip_bytes": len(gzip.compress(content)),
        "parameters": int(about["parameters"]),
        "flops_per_sample": int(about["flops_per_sample"]),
    }


def speeds(embed: dict[str, Embed], chunks: Chunks) -> dict[str, float]:
    """Samples per second, the best of many rounds; every round runs each variant once."""
    part = chunks.adc[:BATCH], chunks.shift[:BATCH], chunks.scale[:BATCH]
    best = dict.fromkeys(embed, np.inf)
    for _ in range(ROUNDS):
        for name, run in embed.items():
            start = time.perf_counter()
            run(*part)
            best[name] = min(best[name], time.perf_counter() - start)
    return {name: part[0].size / seconds for name, seconds in best.items()}


def compared(hit: Hits, baseline: Hits) -> dict[str, list[float]]:
    """Recall, its share of the baseline's and its distance from it, each [value, low, high]; the same chunks are resampled in both."""

    def figures(rows: np.ndarray) -> dict[str, float]:
        result = {}
        for name, found in hit.items():
            own, base = found[rows].mean(), baseline[name][rows].mean()
            result |= {f"recall{name}": own, f"kept{name}": own / base, f"difference{name}": own - base}
        return result

    return with_interval(figures, len(hit["@1"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", choices=FAMILIES, required=True)
    parser.add_argument("--pore-model", required=True)
    parser.add_argument("--genome", required=True, metavar="NAME=FASTA[:START-END]", help="never trained on")
    parser.add_argument("--variant", action="append", required=True, metavar="NAME=FILE", help="the first is the baseline")
    parser.add_argument("--reference", required=True, help="reference tower of all of them")
    parser.add_argument("--cache", required=True, help="folder for indices")
    parser.add_argument("--chunks", type=int, default=2000)
    parser.add_argument("--out", required=True, help="JSON report")
    args = parser.parse_args()
    family, table = FAMILIES[args.family], pore.load(args.pore_model)
    label, genome, _ = read_genome(args.genome)
    files = dict(text.split("=", 1) for text in args.variant)
    baseline = next(iter(files))
    embed = {name: runtime.signal_embedder(path) for name, path in files.items()}
    indices = Indices(args.reference, args.cache)
    report = {
        "family": args.family,
        "model.id": family.id,
        "genome": label,
        "genome_bases": len(genome),
        "chunks": args.chunks,
        "date": str(datetime.date.today()),
        "hardware": hardware(),
        "onnxruntime": runtime.ort.__version__,
        "reference": os.path.basename(args.reference),
        "baseline": baseline,
        "variants": {name: cost(path) for name, path in files.items()},
        "windows": {},
    }
    for window in WINDOWS:
        index = indices.of(genome, family.span(window))
        chunks = simulate_chunks(genome, table, family, window, args.chunks, SEED)
        if window == WINDOWS[0]:
            for name, speed in speeds(embed, chunks).items():
                report["variants"][name]["samples_per_s"] = speed
        vectors = {name: runtime.embed_chunks(run, chunks) for name, run in embed.items()}
        found: dict[str, Hits] = {}
        for name, v in vectors.items():
            all_hits = hits(index, nearest(index, v, 10)[0], chunks.centre, chunks.strand)
            found[name] = {figure: all_hits[figure] for figure in ("@1", "@10")}
        entry: dict = {"index_windows": len(index.centre), "variants": {}}
        for name, v in vectors.items():
            cosine = (v * vectors[baseline]).sum(1)
            entry["variants"][name] = {"cos_mean": cosine.mean(), "cos_p1": np.percentile(cosine, 1)}
            entry["variants"][name] |= compared(found[name], found[baseline])
        report["windows"][str(window)] = entry
    with open(args.out, "w") as file:
        json.dump(report, file, indent=1, default=float)
        file.write("\n")


if __name__ == "__main__":
    main()
