"""Where unlabelled reads come from: the best place of every ten windows in each genome, with the lead of its vote in nats."""

import argparse

import numpy as np
import pod5

import runtime
from cache import Indices
from evaluate import read_genome
from families import FAMILIES, WINDOWS
from locus import locate, vote
from simulate import median_mad

TOGETHER, MOST = 10, 120  # windows per vote, windows per read


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("--models", required=True, help="folder of the model files")
    parser.add_argument("--genome", action="append", required=True, type=read_genome, metavar="NAME=FASTA[:START-END]")
    parser.add_argument("--cache", required=True, help="folder for indices")
    parser.add_argument("pod5", nargs="+", help="POD5 files")
    args = parser.parse_args()
    family, window = FAMILIES[args.family], WINDOWS[0]
    stem = f"{args.models}/{family.id}"
    embed, indices = runtime.signal_embedder(stem + ".int8.onnx"), Indices(stem + ".reference.onnx", args.cache)
    reads = []
    for path in args.pod5:
        with pod5.Reader(path) as file:
            for read in file.reads():
                starts = np.arange(family.leader_samples, len(read.signal) - window + 1, window)[:MOST]
                if len(starts):
                    adc = read.signal[starts[:, None] + np.arange(window)]
                    reads.append((read.read_id, starts, embed(adc, *median_mad(adc))))
    for name, genome, _ in args.genome:
        index = indices.of(genome, family.span(window))
        for read_id, starts, vectors in reads:
            places = []
            for i in range(0, len(starts), TOGETHER):
                part = slice(i, i + TOGETHER)
                passed = (starts[part] - starts[i] + window / 2) / family.samples_per_base
                found = locate(vote(index, vectors[part], [passed])[0])
                places.append(f"{found.base / 1000:.0f}kb{'+' if found.strand > 0 else '-'} ({found.confidence:.0f})")
            print(name, read_id, f"{len(starts)} windows:", *places, flush=True)


if __name__ == "__main__":
    main()
