"""Measure a family's model files with ONNX Runtime, part by part, into one JSON report.

Parts: a, recall of simulated chunks; b, loci of simulated reads; c, noise and speed; d, loci of real reads; e, species.
Every part reports fp32, int8 and their difference. A part that is run again, or for another genome, replaces only its
own figures. With --write, retention.* of part a (harsh chunks of the first genome, default window) goes into the model files.
"""

import argparse
import datetime
import json
import os
import platform
import re
import shlex
import sys
import time
from dataclasses import replace

import numpy as np

import bench
import read_loci
import reads
import real_reads
import retention
import runtime
import simulated_chunks
import species
import sweep
from families import FAMILIES
from sequence import read_fasta

PARTS = "abcde"


def read_genome(text: str) -> tuple[str, np.ndarray, int]:
    """NAME=FASTA or NAME=FASTA:START-END, 0-based and half-open: the name, the codes with N as A, and where they start."""
    name, path = text.split("=", 1)
    start, end = 0, None
    if not os.path.exists(path):
        path, bounds = path.rsplit(":", 1)
        start, end = map(int, bounds.split("-"))
    bases = read_fasta(path)[start:end]
    return name, np.where(bases < 4, bases, 0).astype(np.uint8), start


def command(arguments: list[str]) -> str:
    """The command line, without the folders of absolute paths: they say nothing elsewhere."""
    line = shlex.join(["python", os.path.basename(arguments[0]), *arguments[1:]])
    return re.sub(r"(?<![^\s=])/(?:[^/\s=]+/)*", "", line)


def hardware() -> str:
    """The processor's name, and how many of them."""
    name = platform.processor()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as file:
            name = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} cores"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("--parts", type=lambda text: text.split(","), default=list(PARTS), help="for example a,c")
    parser.add_argument("--pore-model", required=True, help="table of k-mer levels")
    parser.add_argument("--models", required=True, help="folder of the model files")
    parser.add_argument("--id", help="model id in that folder, where it is not the family's")
    parser.add_argument("--genome", action="append", default=[], type=read_genome, metavar="NAME=FASTA[:START-END]")
    parser.add_argument("--labelled", help="folder of real reads with truth.tsv")
    parser.add_argument("--real", action="append", default=[], metavar="LABEL=MODELS", help="real reads, and whose towers place them (d)")
    parser.add_argument(
        "--exclude", action="append", default=[], metavar="NAME=LABEL",
        help="no chunk of this genome is centred where a labelled read maps (a)",
    )  # fmt: skip
    parser.add_argument("--chunks", type=int, default=2000, help="simulated chunks per row (a, c)")
    parser.add_argument("--reads", type=int, default=500, help="simulated reads per measurement, and per calibration")
    parser.add_argument("--cache", required=True, help="folder for indices")
    parser.add_argument("--report", required=True, help="JSON file that is added to")
    parser.add_argument("--write", action="store_true", help="write retention.* into the model files")
    args = parser.parse_args()
    family = FAMILIES[args.family]
    family = replace(family, id=args.id or family.id)
    genomes = {name: bases for name, bases, _ in args.genome}
    offset = {name: begin for name, _, begin in args.genome}
    exclude, start = dict(text.split("=", 1) for text in args.exclude), time.time()
    report: dict = {}
    if os.path.exists(args.report):
        with open(args.report) as file:
            report = json.load(file)

    def add(part: str, name: str, entry: dict) -> None:
        report.setdefault(part, {})[name] = entry
        print(json.dumps({part: name, "seconds": round(time.time() - start)}), flush=True)

    towers = bench.load(family, args.models, args.pore_model, args.cache)
    for name, genome in genomes.items():
        if "a" in args.parts:
            spans = reads.spans(args.labelled, exclude[name]) if name in exclude else []
            excluded = [(max(0, s - offset[name]), max(0, e - offset[name])) for s, e in spans]
            add("a", name, simulated_chunks.measure(towers, genome, args.chunks, excluded))
        if "b" in args.parts:
            add("b", name, read_loci.measure(towers, genome, args.reads))
        if "c" in args.parts:
            add("c", name, sweep.measure(towers, genome, args.chunks, args.reads))
    for label, models in (text.split("=", 1) for text in args.real if "d" in args.parts):
        adapted = bench.load(family, models, args.pore_model, args.cache)
        entry = real_reads.measure(adapted, genomes[label], reads.labelled_reads(args.labelled, label), args.reads)
        add("d", f"{label}, adapted on {entry['adapted']}", entry | {"label": label})
    if "e" in args.parts:
        add("e", ", ".join(genomes), species.measure(towers, genomes, args.reads))
    if args.write:
        retention.write(report["a"][next(iter(genomes))], args.models, family)

    report["model"] = {"model.id": family.id} | towers.about
    report.setdefault("runs", []).append({
        "command": command(sys.argv),
        "date": str(datetime.date.today()),
        "hardware": hardware(),
        "onnxruntime": runtime.ort.__version__,
        "seconds": round(time.time() - start),
    })  # fmt: skip
    with open(args.report, "w") as file:
        json.dump(report, file, indent=1, default=lambda v: v.tolist())
        file.write("\n")


if __name__ == "__main__":
    main()
