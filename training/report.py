"""Write docs/evaluation.md and its plots: every number from the reports of evaluate.py, then findings.md as it is."""

import argparse
import json
import os

import plots
from glance import glance
from tables import compared, figure, table

HERE = os.path.dirname(__file__)
HEAD = ["", "FP32", "INT8", "INT8 − FP32"]
SCORES = ["precision", "recall", "f1", "always"]

INTRODUCTION = """# Evaluation

How well the encoders find the place a chunk or a read comes from, and what quantization costs. This file is written by
`training/report.py` from the JSON reports of `training/evaluate.py`, with the commands that make them again; its last part,
what was tried, is `training/findings.md`.

Every figure is followed by its 95 % interval: 2,000 bootstrap resamples, of chunks for chunks and of reads for reads. INT8 −
FP32 is measured on the same items, and its interval is paired. Where all of n items are right, resampling cannot show
doubt: read [1.000, 1.000] as "at least 1 − 3/n".

**Right** means: a chunk's window is on the right strand with its centre within 32 bases (`overlap@1`: it shares at least
half its bases); a read's place is on the right strand within 500 bases of the true span. **Precision** is over the
answered reads, **recall** over all of them. A read is answered when its vote leads the best other place by a threshold,
which is set once per index and number of chunks, on simulated reads of the harsh conditions with half as many
reads of random sequence, with FP32: the lowest whose F1 is within 0.01 of the best. It is then used unchanged, for INT8 and for real reads
too. `always` is the share of right answers when every read is answered. **Harsh** are the conditions of training, **plain**
is independent noise at the table's level and one speed (`training/simulate.py`). "4096 · 128" is a window in samples and how many
values of the vector are used.
"""


def chunks(entries: dict, path: str) -> str:
    """Part a."""
    plots.recall(entries, path)
    rows = []
    for genome, entry in entries.items():
        for window, by in entry["windows"].items():
            for conditions in ("harsh", "plain"):
                for dim, values in by[conditions]["dimensions"].items():
                    for name, *figures in compared(values, ["@1", "@10", "overlap@1"] if dim == "128" else ["@1", "@10"]):
                        rows.append([f"{genome} ({by['index_windows']:,})", conditions, f"{window} · {dim}", name, *figures])
    samples = "; ".join(
        f"{genome}: {e['chunks']:,} chunks" + (f", none centred in {e['excluded_bases']:,} bases that labelled reads map to" * bool(e["excluded_bases"]))
        for genome, e in entries.items()
    )
    cosines = [
        [genome, window, conditions, f"{by[conditions]['cos_mean']:.4f}", f"{by[conditions]['cos_p1']:.4f}"]
        for genome, e in entries.items() for window, by in e["windows"].items() for conditions in ("harsh", "plain")
    ]  # fmt: skip
    return f"""### Chunks

![recall by index size]({os.path.basename(path)})

Simulated chunks against all windows of both strands (their number in brackets). {samples}.

{table(["genome", "conditions", "window · values", "", *HEAD[1:]], rows)}
Cosine between FP32 and INT8 of the same chunk:

{table(["genome", "window", "conditions", "mean", "1st percentile"], cosines)}"""


def loci(entries: dict) -> str:
    """Part b."""
    rows = []
    for genome, entry in entries.items():
        for count, values in entry["chunks"].items():
            rows += [[genome, count, f"{values['threshold']:.1f}", *row] for row in compared(values, SCORES)]
    samples = "; ".join(f"{genome}: {e['reads']:,} reads" for genome, e in entries.items())
    return f"""### Simulated reads

Harsh; one speed, noise and drift per read; windows of 4096 samples one after another. {samples}, and as many for
each threshold (nats).

{table(["genome", "chunks", "threshold", "", *HEAD[1:]], rows)}"""


def sweep(entries: dict, path: str) -> str:
    """Part c."""
    plots.sweep(entries, path)
    rows = []
    for genome, entry in entries.items():
        for what in ("noise", "dwell"):
            for factor, values in entry[what].items():
                rows += [[genome, f"{what} × {factor}", *row] for row in compared(values, ["@1", "precision", "recall", "f1"])]
    samples = "; ".join(f"{g}: {e['chunks']:,} chunks per row, threshold {e['threshold']:.1f}" for g, e in entries.items())
    return f"""### Noise and speed

![F1 by noise and dwell]({os.path.basename(path)})

One window of 4096 samples, plain but for the factor: noise times the pore model's standard deviation; dwell times the family's
samples per base, the same for all reads, while the index keeps the nominal one. The threshold is that of harsh reads. {samples}.

{table(["genome", "", "", *HEAD[1:]], rows)}"""


def real(entries: dict, peers: dict, path: str) -> str:
    """Part d."""
    plots.real(entries, peers, path)
    text = f"""### Real reads

![F1 of real reads]({os.path.basename(path)})

All reads of the set count in recall, however short. *Strict*: only the first n · 4000 samples of a read, its leader
included, so that one chunk is two windows of 2048 samples that overlap; more are windows of 4096, the last of which ends with the
budget and overlaps its neighbour. *After the leader*: n windows of 4096 samples after it. A read that is shorter uses the longest
window of 4096, 2048, 1536 or 1024 samples that fits. RawHash2 ({peers["tool"]}) saw the same files from their first sample; its figures have no intervals.

"""
    for name, entry in entries.items():
        known, rows = peers.get(entry["label"], {}), []
        for budget, by_chunks in entry["loci"].items():
            for count, values in by_chunks.items():
                for score, *figures in compared(values, SCORES):
                    peer = known.get(count, [])
                    column = f"{peer[SCORES.index(score)]:.3f}" if peer and score != "always" else ""
                    rows.append([budget, count, f"{values['threshold']:.1f}", score, *figures, column])
        recalls = [
            [window, f"{e['chunks']} of {e['reads']} reads", *row, figure(e["int8"]["chance"])]
            for window, e in entry["chunks"].items() for row in compared(e, ["@1", "@10"])
        ]  # fmt: skip
        text += f"""#### {entry["label"]}: {entry["reads"]} reads, encoder adapted on: {entry["adapted"]}

Thresholds from {entry["calibration_reads"]} simulated reads.

{table(["budget", "chunks", "threshold", "", *HEAD[1:], "RawHash2"], rows)}
Up to ten chunks per read after the leader; right is any window inside the read's span ± 500 bases; intervals by read.

{table(["window", "chunks", "", *HEAD[1:], "chance"], recalls)}
"""
    return text


def species(entries: dict) -> str:
    """Part e."""
    text = """### Species

Which genome a read comes from, or none: harsh simulated reads, as many of each genome as of none. "None" is half random
sequence of the genomes' compositions and half the genomes reversed without being complemented. Two statistics:
*similarity*, the mean over chunks of the best similarity in an index; *support*, the log likelihood ratio of the best locus.
A larger index has larger maxima of both, so each is calibrated per index: reads of random sequence give the location and scale of a
Gumbel distribution, and the score is (statistic − location) / scale. The read goes to the best genome, or to none below a threshold from other
simulated reads. Calibration does not change an AUROC, which looks at one index. Lambda and E. coli share prophage sequence.

"""
    for names, entry in entries.items():
        rows = [
            [statistic, *row]
            for statistic, values in entry.items() if isinstance(values, dict) and "int8" in values
            for row in compared(values, list(values["int8"]))
        ]  # fmt: skip
        sizes = ", ".join(f"{g} {n:,}" for g, n in entry["index_windows"].items())
        text += f"{entry['reads']:,} reads of {entry['chunks']} chunks; windows: {sizes}.\n\n{table(['statistic', '', *HEAD[1:]], rows)}\n"
    return text


def family(report: dict, peers: dict, stem: str) -> str:
    """All parts that the report has."""
    parts = {
        "d": lambda e: real(e, peers, f"{stem}-real.svg"),
        "a": lambda e: chunks(e, f"{stem}-chunks.svg"),
        "b": loci,
        "c": lambda e: sweep(e, f"{stem}-sweep.svg"),
        "e": species,
    }
    about = report["model"]
    facts = [[k, about.get(k, "none")] for k in ("weights.sha256", "teacher", "adapted", "quant.scheme", "parameters", "flops_per_sample")]
    body = "\n".join(write(report[part]) for part, write in parts.items() if part in report)
    runs = "\n".join(f"# {r['date']}, {r['hardware']}, onnxruntime {r['onnxruntime']}, {r['seconds']:,} s\n{r['command']}" for r in report["runs"])
    return f"## {about['model.id']}\n\n{glance(report)}\n{table(['', ''], facts)}\n{body}\n### Commands\n\n```\n{runs}\n```\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reports", nargs="+", help="one per family")
    parser.add_argument("--peers", default=os.path.join(HERE, "rawhash2.json"))
    parser.add_argument("--out", default=os.path.join(HERE, "../docs/evaluation.md"))
    args = parser.parse_args()
    with open(args.peers) as file:
        peers = json.load(file)
    sections = [INTRODUCTION]
    for path in args.reports:
        with open(path) as file:
            report = json.load(file)
        chemistry = report["model"]["model.id"].split("_")[1].split(".")[0]
        sections.append(family(report, peers, f"{os.path.splitext(args.out)[0]}-{chemistry}"))
    with open(os.path.join(HERE, "findings.md")) as file:
        sections.append(file.read())
    with open(args.out, "w") as file:
        file.write("\n".join(sections))


if __name__ == "__main__":
    main()
