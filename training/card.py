"""Write a family's model card from its model files and the report of evaluate.py."""

import argparse
import json
import os

import onnx

import tables
from families import FAMILIES, STRIDE, Family
from glance import glance
from graph import layers_of, weights_of
from model import DIM, Layers
from tables import figure


def layers(stack: Layers) -> str:
    parts = []
    for l in stack:
        extra = (f", stride {l.stride}" if l.stride > 1 else "") + (f", dilation {l.dilation}" if l.dilation > 1 else "")
        parts.append(f"conv {l.inputs}→{l.outputs} k{l.kernel}{extra}")
    return "; ".join(parts)


def simulated(report: dict) -> str:
    """Chunk recall of the whole vector."""
    rows = [
        [genome, f"{entry['index_windows']:,}", window, conditions, *(figure(entry[conditions]["dimensions"][str(DIM)][k]["@1"]) for k in tables.KINDS[:2])]
        for genome, part in report["a"].items()
        for window, entry in part["windows"].items()
        for conditions in ("harsh", "plain")
    ]
    return tables.table(["genome", "windows in the index", "window", "conditions", "fp32 @1", "int8 @1"], rows)


def real(report: dict) -> str:
    """F1 of real reads; says so where none were measured."""
    rows = [
        [entry["label"], entry["reads"], entry["adapted"], budget, chunks, *(figure(values[k]["f1"]) for k in tables.KINDS[:2])]
        for entry in report.get("d", {}).values()
        for budget, by_chunks in entry["loci"].items()
        for chunks, values in by_chunks.items()
    ]
    head = ["reads of", "reads", "encoder adapted on", "budget", "chunks", "fp32 F1", "int8 F1"]
    return tables.table(head, rows) if rows else "No labelled reads of this chemistry were to be had; where unlabelled ones were placed stands at the end of `docs/evaluation.md`.\n"


def card(family: Family, models: str, report: dict) -> str:
    kinds = "int8", "fp16", "s8s8", "fp32", "reference"
    files = {k: os.path.join(models, f"{family.id}.{k}.onnx") for k in kinds}
    graphs = {k: onnx.load(f) for k, f in files.items()}
    meta = {p.key: p.value for p in graphs["int8"].metadata_props}
    reference = sum(w.size + b.size for w, b in weights_of(graphs["reference"]))
    sizes = [[os.path.basename(f), kind, f"{os.path.getsize(f):,}"] for kind, f in files.items()]
    return f"""# {family.id}

Raw nanopore current of {family.chemistry} at {family.sample_rate_hz} Hz → {meta['embedding.dim']} numbers, L2-normalized;
prefixes of 32 and 64 are embeddings of their own once normalized again. A second tower puts bases into the same space.

{tables.table(["file", "kind", "bytes"], sizes)}
## Architecture

* Signal tower: {layers(layers_of(graphs["fp32"]))}; ReLU after each, BatchNorm folded; means of 8 equal segments of the frames, in order;
  1×1 convolution to 128; L2. {int(meta['parameters']):,} parameters, {int(meta['flops_per_sample']):,} FLOP per sample (2 per multiply-accumulate).
* Reference tower: {layers(layers_of(graphs["reference"]))}; the same pooling and head. {reference:,} parameters.
* Input: int16 samples with shift and scale; (adc − median) / (1.4826 · MAD) per chunk; clipped to ± {meta['norm.clip']}. Windows {meta['input.windows']},
  shorter chunks down to {meta['input.min_samples']}. The first {family.leader_samples} samples of a read are left out.
* A window of n samples stands for n / {family.samples_per_base} bases, aligned at the centre.
* int8: {meta['quant.scheme']}; {meta['quant.calibration']}. The head and the L2 norm stay fp32. Vectors are bit-identical
  whatever the batch size.

## Data and recipe

Random sequence (GC ~ Beta(6, 6)) through a published table of k-mer levels and the simulator of `training/simulate.py`; no genome.

* Steps: {meta["recipe"]}.
* Teacher, which gave the reference tower too: {meta["teacher"]}.
* Adapted on real reads: {meta["adapted"]}.
* Trained {meta["trained"]}. SHA-256 of the folded fp32 weights:
  `{meta["weights.sha256"]}`. How to repeat it: `training/README.md`; what was tried: the end of `docs/evaluation.md`.

## Measured

Values are followed by their 95 % bootstrap intervals. `docs/evaluation.md` has all figures, what they mean and
the commands; `docs/compression.md` has sizes and speeds of every form.

{glance(report)}
### Recall@1 of simulated chunks

Both strands indexed every {STRIDE} bases; right within {STRIDE} bases on the right strand. *harsh* are the conditions of training; *plain* is
independent noise at the table's level and nothing else.

{simulated(report)}
### F1 of real reads

{real(report)}
## Limits

* Simulation is not reality: expect lower recall on real reads, and check before relying on it. pA scale and noise of
  the R10.4.1 table are assumptions (91.9 + 20.5 z pA, sd 3 pA).
* Recall falls as the index grows: compare the genomes above.
* Do not compare vectors across versions.
* Position is found to about one stride and only if the read's speed is near the nominal one.
* Only this pore, this speed and this sampling rate; DNA, not RNA. Not a basecaller, and no medical device.

Licence: {meta['licence']}.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("--report", required=True, help="JSON report of evaluate.py")
    parser.add_argument("--models", required=True, help="folder of the model files")
    args = parser.parse_args()
    family = FAMILIES[args.family]
    with open(args.report) as file:
        report = json.load(file)
    with open(os.path.join(args.models, family.id + ".md"), "w") as file:
        file.write(card(family, args.models, report))


if __name__ == "__main__":
    main()
