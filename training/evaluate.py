"""Measure a family's model files with ONNX Runtime.

Prints one JSON object. Simulated reads: chunk recall on a genome that was never trained on, fp32 and
int8, per window, under the training's conditions and under plain ones. Real reads, where given:
chunk recall, the chance level, and votes of whole reads. With --write the retention figures go into the
metadata of the model files.
"""

import argparse
import json
import os
import time

import numpy as np
import onnx

import graph
import pore
import runtime
from families import FAMILIES, WINDOWS, Family
from model import NESTED
from reads import LabelledRead, labelled_reads
from retrieval import Chunks, Embed, Index, build_index, nearest, recall, simulate_chunks
from sequence import read_fasta
from simulate import HARSH, PLAIN, median_mad

CHUNKS, SEED = 2000, 101
READ_CHUNKS = 10  # of a real read, from its trimmed start
TOLERANCE = 500  # bases, for real reads
VOTES, SHARPNESS = 20, 20.0  # windows per chunk and how fast their weight falls with similarity


def simulated(index: Index, chunks: Chunks, embed: dict[str, Embed]) -> tuple[dict, np.ndarray]:
    """Recall per precision and the cosines between fp32 and int8."""
    vectors = {kind: runtime.embed_chunks(e, chunks) for kind, e in embed.items()}
    report = {kind: recall(index, v, chunks.centre, chunks.strand) for kind, v in vectors.items()}
    for dim in NESTED[:-1]:
        report[f"int8, {dim} dimensions"] = recall(index, vectors["int8"], chunks.centre, chunks.strand, dim)
    return report, (vectors["fp32"] * vectors["int8"]).sum(1)


def real(reads: list[LabelledRead], family: Family, index: Index, embed: Embed, window: int) -> dict[str, float]:
    """Chunks and votes of real reads.

    A chunk is right when its best window is on the right strand with its centre inside the read's
    span +- TOLERANCE; a read when its vote is. `placed@1` is stricter: within TOLERANCE of where the chunk
    lies if the read's speed was constant. Chance is the share of windows that would be right.
    """
    hits, tens, placed, chances, placed_chances, votes = [], [], [], [], [], []
    for read in reads:
        starts = np.arange(family.leader_samples, len(read.adc) - window + 1, window)[:READ_CHUNKS]
        if not len(starts):
            continue
        adc = read.adc[starts[:, None] + np.arange(window)]
        vectors = embed(adc, *median_mad(adc))
        order = nearest(index, vectors, VOTES)
        right = index.strand == read.strand
        inside = right & (index.centre >= read.start - TOLERANCE) & (index.centre < read.end + TOLERANCE)
        hits += list(inside[order[:, 0]])
        tens += list(inside[order[:, :10]].any(1))
        chances += [inside.mean()] * len(starts)

        passed = (starts + window / 2 - family.leader_samples) / (len(read.adc) - family.leader_samples)
        passed *= read.end - read.start
        expected = read.start + passed if read.strand > 0 else read.end - passed
        near = right & (np.abs(index.centre - expected[:, None]) <= TOLERANCE)
        placed += list(near[np.arange(len(starts)), order[:, 0]])
        placed_chances += list(near.mean(1))

        locus, strand = vote(index, vectors, order, starts / family.samples_per_base)
        votes.append(strand == read.strand and read.start - TOLERANCE <= locus < read.end + TOLERANCE)
    names = "@1", "@10", "chance", "placed@1", "placed_chance", "read_vote"
    values = hits, tens, chances, placed, placed_chances, votes
    return {n: float(np.mean(v)) for n, v in zip(names, values)} | {"chunks": len(hits), "reads": len(votes)}


def vote(index: Index, vectors: np.ndarray, order: np.ndarray, passed: np.ndarray) -> tuple[float, int]:
    """Where the read begins (base, strand): the best supported of the windows its chunks found.

    passed: bases from the read's beginning to each chunk, at the family's nominal speed
    """
    score = np.einsum("cd,cvd->cv", vectors, index.vectors[order])
    weight = np.exp(SHARPNESS * (score - score.max())).ravel()
    strand = index.strand[order].ravel()
    locus = index.centre[order].ravel()
    origin = locus - strand * np.repeat(passed, order.shape[1])
    agree = (strand[:, None] == strand) & (np.abs(origin[:, None] - origin) <= TOLERANCE)
    best = int(np.argmax(agree @ weight))
    return float(locus[best]), int(strand[best])


def speed(embed: Embed, chunks: Chunks) -> float:
    """Samples per second of one thread, batch 8, the fastest of 20 runs."""
    part = chunks.adc[:8], chunks.shift[:8], chunks.scale[:8]
    times = []
    for _ in range(20):
        start = time.perf_counter()
        embed(*part)
        times.append(time.perf_counter() - start)
    return part[0].size / min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("--pore-model", required=True)
    parser.add_argument("--genome", required=True, help="FASTA that was never trained on")
    parser.add_argument("--models", required=True, help="folder of the model files")
    parser.add_argument("--labelled", help="folder of real reads with truth.tsv")
    parser.add_argument("--label", default="lambda", help="name of the genome, and label of the real reads that come from it")
    parser.add_argument("--write", action="store_true", help="write retention.* into the model files")
    args = parser.parse_args()
    family, table, genome = FAMILIES[args.family], pore.load(args.pore_model), read_fasta(args.genome)
    base = os.path.join(args.models, family.id)
    embed = {kind: runtime.signal_embedder(f"{base}.{kind}.onnx") for kind in ("fp32", "int8")}
    reference = runtime.reference_embedder(base + ".reference.onnx")
    reads = labelled_reads(args.labelled, args.label) if args.labelled else []

    windows, retention = {}, {}
    for window in WINDOWS:
        index = build_index(genome, family.span(window), reference)
        entry = {"index_windows": len(index.centre)}
        for name, conditions in (("harsh", HARSH), ("plain", PLAIN)):
            chunks = simulate_chunks(genome, table, family, window, CHUNKS, SEED, conditions)
            entry[name], cosine = simulated(index, chunks, embed)
            if name == "harsh":
                entry |= {"cos_mean": cosine.mean(), "cos_p1": np.percentile(cosine, 1)}
                entry |= {f"{kind}_samples_per_s": speed(e, chunks) for kind, e in embed.items()}
        if reads:
            entry["real"] = {kind: real(reads, family, index, e, window) for kind, e in embed.items()}
        windows[window] = entry
        if window == WINDOWS[0]:
            retention = {f"retention.{k}": f"{entry[k]:.4f}" for k in ("cos_mean", "cos_p1")}
            retention |= {f"retention.recall1_{k}": f"{entry['harsh'][k]['@1']:.4f}" for k in embed}
    for kind in embed if args.write else ():
        model = onnx.load(f"{base}.{kind}.onnx")
        graph.set_metadata(model, retention)
        onnx.save(model, f"{base}.{kind}.onnx")
    report = {"model.id": family.id, "genome": args.label, "windows": windows}
    print(json.dumps(report, indent=1, default=lambda v: round(float(v), 4)))


if __name__ == "__main__":
    main()
