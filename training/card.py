"""Write a family's model card from its model files and the reports of evaluate.py."""

import argparse
import json
import os
import re

import onnx

from families import FAMILIES, STRIDE, WINDOWS, Family
from graph import weights_of
from model import REFERENCE, STUDENT, Layers

RECALL = "@1", "@10", "overlap@1"

REAL = """Up to ten chunks per read, after the fixed leader. A chunk is right when its best window is on the right strand with its
centre inside the read's mapped span ± 500 bases; *placed* asks for ± 500 bases around where the chunk must lie if the
read's speed was constant. The read vote joins the 20 best windows of each chunk.

"""


def layers(stack: Layers) -> str:
    parts = []
    for l in stack:
        extra = (f", stride {l.stride}" if l.stride > 1 else "") + (f", dilation {l.dilation}" if l.dilation > 1 else "")
        parts.append(f"conv {l.inputs}→{l.outputs} k{l.kernel}{extra}")
    return "; ".join(parts)


def table(head: list[str], rows: list[list]) -> str:
    cells = [head, ["---"] * len(head)] + [[f"{c:.3f}" if isinstance(c, float) else str(c) for c in row] for row in rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in cells)


def simulated_section(report: dict) -> str:
    """Recall of simulated chunks of one genome."""
    rows = [
        [window, conditions, kind, *(float(values[r]) for r in RECALL)]
        for window, entry in report["windows"].items()
        for conditions in ("harsh", "plain")
        for kind, values in entry[conditions].items()
    ]
    count = report["windows"][str(WINDOWS[0])]["index_windows"]
    return f"""### Simulated reads of {report['genome']}: {count:,} windows in the index

{table(["window", "conditions", "tower", *RECALL], rows)}"""


def real_section(report: dict) -> str:
    """Recall of real chunks of one genome; empty where none were measured."""
    keys = "@1", "@10", "chance", "placed@1", "placed_chance", "read_vote"
    rows = [
        [window, kind, *(float(values[k]) for k in keys), values["chunks"], values["reads"]]
        for window, entry in report["windows"].items()
        for kind, values in entry.get("real", {}).items()
    ]
    head = ["window", "tower", "@1", "@10", "chance", "placed @1", "its chance", "read vote", "chunks", "reads"]
    return f"### Real reads of {report['genome']}\n\n{table(head, rows)}\n\n" if rows else ""


def card(family: Family, models: str, reports: list[dict]) -> str:
    files = {k: os.path.join(models, f"{family.id}.{k}.onnx") for k in ("int8", "fp32", "reference")}
    meta = {p.key: p.value for p in onnx.load(files["int8"]).metadata_props}
    reference = sum(w.size + b.size for w, b in weights_of(onnx.load(files["reference"])))
    sizes = [[os.path.basename(f), kind, f"{os.path.getsize(f):,}"] for kind, f in files.items()]
    short = next(k for k, f in FAMILIES.items() if f is family)
    first = reports[0]["windows"]
    speeds = [[w, *(f"{e[k + '_samples_per_s'] / 1e6:.1f}" for k in ("fp32", "int8"))] for w, e in first.items()]
    cosines = [[w, f"{e['cos_mean']:.4f}", f"{e['cos_p1']:.4f}"] for w, e in first.items()]
    real = "".join(map(real_section, reports))
    real = real + REAL if real else "Real reads: not measured, for want of labelled reads of this chemistry.\n\n"
    steps = re.search(r"(\d+) steps", meta["trained"]).group(1)
    return f"""# {family.id}

**A preview.** Short training on one CPU thread, simulated reads only; it is here so that everything around it can be
built and measured, and will be replaced. Do not compare vectors across versions.

Raw nanopore current of {family.chemistry} at {family.sample_rate_hz} Hz → {meta['embedding.dim']} numbers, L2-normalized;
prefixes of 32 and 64 are embeddings of their own once normalized again. A second tower puts bases into the same space.

{table(["file", "kind", "bytes"], sizes)}

## Architecture

* Signal tower: {layers(STUDENT)}; ReLU after each, BatchNorm folded; means of 8 equal segments of the frames, in order;
  1×1 convolution to 128; L2. {int(meta['parameters']):,} parameters, {int(meta['flops_per_sample']):,} FLOP per sample (2 per multiply-accumulate).
* Reference tower: {layers(REFERENCE)}; the same pooling and head. {reference:,} parameters.
* Input: int16 samples with shift and scale; (adc − median) / (1.4826 · MAD) per chunk; clipped to ± {meta['norm.clip']}. Windows {meta['input.windows']},
  shorter chunks down to {meta['input.min_samples']}. The first {family.leader_samples} samples of a read are left out.
* A window of n samples stands for n / {family.samples_per_base} bases, aligned at the centre.
* int8: {meta['quant.scheme']}; {meta['quant.calibration']}. The head and the L2 norm stay fp32. Vectors are bit-identical
  whatever the batch size.

## Data and recipe

Random sequence (GC ~ Beta(6, 6)) through a published table of k-mer levels and the simulator of `training/simulate.py`
with its `HARSH` conditions: speed per read e^±0.3, Gamma dwell, level error per k-mer, white and AR(1) noise, drift,
spikes, stalls, gain and offset error. No genome and no real read was trained on; the nominal dwell of R9.4 and the range
of the R10.4.1 offset were chosen after looking at a few real reads.

Symmetric InfoNCE between the towers with a learned temperature, on prefixes of 32, 64 and 128; 64 sequences × 4 windows per batch, where
the four (neighbours at 1–3 strides of {STRIDE} bases and the reverse complement) are each other's hard negatives; 70 % of the
batches at 4096 samples, 30 % at 2048; AdamW, peak rate 2e-3, cosine; BF16 arithmetic.

Trained {meta['trained']}, seed 1: `python train.py {short} --pore-model TABLE --held-out lambda.fa --out RUN --steps {steps}`.
Teacher: {meta['teacher']}. SHA-256 of the folded fp32 weights: `{meta['weights.sha256']}`.

## Measured

With ONNX Runtime on a CPU, one thread, for each genome below (none was trained on):

`python evaluate.py {short} --pore-model TABLE --genome FASTA --label NAME --models ../embed/models [--labelled DIR]`

{"".join(simulated_section(r) + chr(10) * 2 for r in reports)}2000 chunks per row; both strands indexed every {STRIDE} bases. `@1`, `@10`: a window of the right strand with its centre
within {STRIDE} bases of the chunk's. `overlap@1`: the best window shares at least half its bases with the chunk. *harsh*
are the conditions of training; *plain* is independent noise at the table's level and nothing else.

{real}### int8 against fp32: cosine on the harsh chunks of {reports[0]['genome']}

{table(["window", "mean", "1st percentile"], cosines)}

### Speed: million samples per second, one thread of a shared server CPU with AVX-512 VNNI, batch 8, best run

{table(["window", "fp32", "int8"], speeds)}

## Limits

* Simulation is not reality: expect lower recall on real reads, and check before relying on it. pA scale and noise of
  the R10.4.1 table are assumptions (91.9 + 20.5 z pA, sd 3 pA).
* Recall falls as the index grows: compare the genomes above.
* Position is found to about one stride and only if the read's speed is near the nominal one.
* Only this pore, this speed and this sampling rate; DNA, not RNA. Not a basecaller, and no medical device.

Licence: {meta['licence']}.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("--reports", nargs="+", required=True, help="outputs of evaluate.py, one per genome")
    parser.add_argument("--models", required=True, help="folder of the model files")
    args = parser.parse_args()
    family, reports = FAMILIES[args.family], []
    for path in args.reports:
        with open(path) as file:
            reports.append(json.load(file))
    with open(os.path.join(args.models, family.id + ".md"), "w") as file:
        file.write(card(family, args.models, reports))


if __name__ == "__main__":
    main()
