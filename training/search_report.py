"""Write docs/search.md and its plots: every number from the reports of search_evaluate.py, then search_findings.md as it is."""

import argparse
import json
import os

import plots
from families import FAMILIES, WINDOWS
from search_score import CHUNKS
from tables import figure, table

HERE = os.path.dirname(__file__)
COLUMNS = {
    "precision": "precision", "recall": "recall", "f1": "F1", "false": "of none, called", "fdr": "false of called",
    "AUROC place": "AUROC right", "AUROC index": "AUROC in the index", "ECE": "calibration error",
}  # fmt: skip
SHORT = {name: COLUMNS[name] for name in ("precision", "recall", "f1", "false")}

INTRODUCTION = """# Search

How well `porevec index search` finds where reads come from, how sure it is, and how soon. This file is written by
`training/search_report.py` from the JSON reports of `training/search_evaluate.py`, with the commands that make them again; its last
part, what it is not good for, is `training/search_findings.md`. Terms beside those of [evaluation.md](evaluation.md):

* **Right**: the target and the strand are, and the stretch that is named reaches at most 500 bases beyond what was heard of the read. Of
  simulated reads the place of every beginning is known; of real reads only that of the whole read.
* **Called**: the program takes the answer as sure enough (`--fdr`, 0.01 unless said). Precision, recall and F1 are of the called
  reads among those of the index's genomes. *Of none, called*: the share of reads of no genome that are called; half of them are random sequence of
  the genomes' compositions, half the genomes read backwards. *False of called*: of all called, those that are wrong, if as many reads are of
  none as of the index.
* **AUROC right**: does the probability part right answers from wrong ones, among reads of the index (– where fewer than 5 are wrong)? *AUROC in the index*: does it part
  these reads from those of none? *Calibration error*: mean distance of the probability from the share that is right, in ten bins.
* **Chunks**: the last answer that was given by the end of so many windows of 4096 samples after the leader. A final answer stays, as in the program.

Brackets hold 95 % intervals of 2,000 bootstrap resamples of the reads. Where all of n are right, read [1.000, 1.000] as "at least 1 − 3/n".
`ecoli1M` is one megabase of E. coli, `panel` one index of all genomes. Repeats longer than a read have no right place: in E. coli
seven rRNA operons of 5 kb count as wrong where the program names another copy.
"""


def cell(value: list[float] | None) -> str:
    return figure(value) if value else "–"


def scores(entry: dict, columns: dict[str, str] = COLUMNS) -> list[str]:
    return [cell(entry.get(name)) for name in columns]


def bases(entry: dict) -> str:
    return f"{entry['bases'] / 1e6:.3g} Mb"


def by_size(entries: dict) -> list[tuple[str, dict]]:
    """Indices from the smallest to the largest."""
    return sorted(entries.items(), key=lambda item: next(iter(item[1].values())).get("bases", 0))


def sizes(entries: dict, rate: int, leader: int, stem: str) -> str:
    heard = [(leader + n * WINDOWS[0]) / rate for n in CHUNKS]
    plots.seconds(entries, [str(n) for n in CHUNKS], heard, f"{stem}-seconds.svg")
    plots.reliability(entries, f"{stem}-reliability.svg")
    rows, delays, reliable = [], [], []
    for name, by in by_size(entries):
        for conditions, entry in by.items():
            rows += [[f"{name} ({bases(entry)})", conditions, n, *scores(values)] for n, values in entry["chunks"].items()]
            delays.append([name, conditions, *(cell(entry["seconds"][k]) for k in ("median", "90 %"))])
        reliable += [
            [name, f"{r['from']:g}–{r['to']:g}", r["answers"], f"{r['said']:.4f}", cell(r["right"])]
            for r in by["harsh"]["reliability"] if r["answers"]
        ]  # fmt: skip
    counts = "; ".join(f"{name}: {by['harsh']['reads']} and {by['harsh']['none']}" for name, by in by_size(entries))
    beginning = os.path.basename(stem)
    return f"""### Size of the index, and chunks

![F1 by seconds heard]({beginning}-seconds.svg)

Simulated reads of ten windows, at one speed, noise and drift each. Reads of the index and of none: {counts}.

{table(["index", "conditions", "chunks", *COLUMNS.values()], rows)}
### Seconds until an answer is final

Of reads of the index, in seconds of sequencing since their start; a read that is never called is heard for ten windows.

{table(["index", "conditions", "median", "90 %"], delays)}
### Is the probability right?

![share right by probability]({beginning}-reliability.svg)

All answers given about harsh reads, one after each chunk until the final one; reads of the index and of none weigh alike. Intervals by read.

{table(["index", "probability", "answers", "mean probability", "share right"], reliable)}"""


def noise(entries: dict) -> str:
    rows = [
        [name, f"× {factor}", n, *scores(entry["chunks"][n], SHORT)]
        for name, by in by_size(entries) for factor, entry in by.items() for n in ("1", "3", "final")
    ]  # fmt: skip
    return f"""### Noise

Plain conditions, with the noise of the pore model times a factor.

{table(["index", "noise", "chunks", *SHORT.values()], rows)}"""


def windows(entries: dict) -> str:
    rows = [
        [name, window, n, *scores(entry["chunks"][n], SHORT)]
        for name, by in by_size(entries) for window, entry in by.items() for n in ("1", "2", "3", "final")
    ]  # fmt: skip
    return f"""### Windows

Harsh. The same samples of each read, as windows of 4096 or as twice as many of 2048; an index of each kind.

{table(["index", "window", "samples / 4096", *SHORT.values()], rows)}"""


def asked(entries: dict) -> str:
    names = "recall", "precision", "false", "fdr"
    rows = [[index, f"{float(f):g}", *(cell(values[n]) for n in names)] for index, by in entries.items() for f, values in by.items()]
    return f"""### False answers: asked and got

Harsh, last answers, as many reads of none as of the index by weight. *False of called* is what `--fdr` promises to stay below.

{table(["index", "--fdr", *(COLUMNS[n] for n in names)], rows)}"""


def real(entries: dict) -> str:
    rows, delays = [], []
    for name, by in by_size(entries):
        for encoder, entry in by.items():
            label = f"{name} ({entry['reads']} reads, {entry['none']} of none)"
            rows += [[label, encoder, n, *scores(values)] for n, values in entry["chunks"].items()]
            delays.append([name, encoder, *(cell(entry["seconds"][k]) for k in ("median", "90 %"))])
    return f"""### Real reads

Labelled R9.4.1 reads; all count in recall, however short. Reads of none are the real reads of the other genome (lambda shares prophage
sequence with E. coli). The built-in encoder has learned from 100 of the 112 E. coli reads, and not from lambda's: its figures for E. coli
are no test of it. *Other* is an encoder that has not seen reads of that genome.

{table(["index", "encoder", "chunks", *COLUMNS.values()], rows)}
Seconds until an answer is final:

{table(["index", "encoder", "median", "90 %"], delays)}"""


def family(report: dict, stem: str) -> str:
    """All parts that the report has."""
    chemistry = next(f for f in FAMILIES.values() if f.id == report["model"])
    parts = {
        "sizes": lambda e: sizes(e, chemistry.sample_rate_hz, chemistry.leader_samples, stem),
        "noise": noise, "windows": windows, "rates": asked, "real": real,
    }  # fmt: skip
    body = "\n".join(write(report[part]) for part, write in parts.items() if part in report)
    runs = "\n".join(f"# {r['date']}, {r['hardware']}, {r['seconds']:,} s\n{r['command']}" for r in report["runs"])
    return f"## {report['model']}\n\n{glance(report)}\n{body}\n### Commands\n\n```\n{runs}\n```\n"


def glance(report: dict) -> str:
    """F1 by index and chunks, and what the last answers are worth."""
    rows = []
    for name, by in by_size(report.get("sizes", {})):
        for conditions, entry in by.items():
            f1 = [f"{entry['chunks'][n]['f1'][0]:.3f}" for n in ("1", "2", "3", "5", "10")]
            last = entry["chunks"]["final"]
            rows.append([f"{name}, {bases(entry)}", conditions, *f1, f"{last['precision'][0]:.3f}", f"{last['fdr'][0]:.3f}", f"{entry['seconds']['median'][0]:.1f}"])
    for name, by in by_size(report.get("real", {})):
        for encoder, entry in by.items():
            f1 = [f"{entry['chunks'][n]['f1'][0]:.3f}" for n in ("1", "2", "3", "5", "10")]
            last = entry["chunks"]["final"]
            rows.append([f"{name}, {bases(entry)}", f"real reads, encoder: {encoder}", *f1, f"{last['precision'][0]:.3f}", f"{last['fdr'][0]:.3f}", f"{entry['seconds']['median'][0]:.1f}"])
    return table(["index", "reads", "F1: 1 chunk", "2", "3", "5", "10", "precision, last", "false of called, last", "median s"], rows)


def calibration(report: dict) -> str:
    """The fit of the probability, both families together and apart."""
    text = f"""## How sure a lead makes

```
{report["command"]}
```

The program says p = 1 / (1 + exp(−(a + b · lead))) with the lead in nats, and a and b by the number of chunks. Fitted with `training/search_calibrate.py` to harsh reads of another seed and as
many of none, after 1, 2, 3, 5 and 10 chunks without stopping early; every index and number of chunks weighs alike. *Distance*: of the
pooled probability (first form) from that of a fit to the row's answers alone, mean and largest. *Largest gap*: between the mean probability and the
share right of the answers after some number of chunks. *Recall and false at 0.01*: of the answers whose probability of being wrong is 0.01 at most.

"""
    for name, study in report.items():
        if not isinstance(study, dict) or "pooled" not in study:
            continue
        tried = [
            [form, f"{f['nats per answer']:.4f}", f"{f['largest gap']:.3f}", f"{f['recall']:.3f}", f"{f['false']:.4f}", ", ".join(f"{c:+.3f}" for c in f["coefficients"])]
            for form, f in study["forms"].items()
        ]  # fmt: skip
        said = study["program"]
        gap = max(abs(said["said"][n] - said["right"][n]) for n in said["said"])
        tried.append(["the program's own", f"{said['nats per answer']:.4f}", f"{gap:.3f}", f"{said['recall']:.3f}", f"{said['false']:.4f}", ""])
        rows = [
            [label, f"{g['a']:+.3f}", f"{g['b']:.3f}", f"{g['distance']:.4f}", f"{g['largest']:.3f}", f"{g['said']:.3f}", f"{g['right']:.3f}", f"{g['wrong']} of {g['answers']}"]
            for group in ("by index", "by chunks") for label, g in study[group].items()
        ]  # fmt: skip
        text += f"""### {name}: a = {study["pooled"]["a"]:.4f}, b = {study["pooled"]["b"]:.4f}

{table(["form of the log odds", "loss, nats", "largest gap", "recall at 0.01", "false at 0.01", "coefficients"], tried)}
{table(["answers", "a", "b", "distance", "largest", "mean probability", "share right", "wrong"], rows)}
"""
    return text


def measured(tables: list[dict]) -> str:
    """Speed and memory: [{title, command, head, rows, note}] as somebody measured them."""
    return "## Speed and memory\n\n" + "\n".join(
        f"### {t['title']}\n\n`{t['command']}`\n\n{table(t['head'], t['rows'])}" + (f"\n{t['note']}\n" if t.get("note") else "") for t in tables
    )


def load(path: str) -> dict | list:
    with open(path) as file:
        return json.load(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reports", nargs="+", help="of search_evaluate.py, one per family")
    parser.add_argument("--calibration", help="JSON of search_calibrate.py")
    parser.add_argument("--measured", help="JSON list of tables of speed and memory: title, command, head, rows, and note where there is one")
    parser.add_argument("--findings", default=os.path.join(HERE, "search_findings.md"))
    parser.add_argument("--out", default=os.path.join(HERE, "../docs/search.md"))
    args = parser.parse_args()
    sections = [INTRODUCTION]
    for path in args.reports:
        report = load(path)
        chemistry = report["model"].split("_")[1].split(".")[0]
        sections.append(family(report, f"{os.path.splitext(args.out)[0]}-{chemistry}"))
    if args.calibration:
        sections.append(calibration(load(args.calibration)))
    if args.measured:
        sections.append(measured(load(args.measured)))
    with open(args.findings) as file:
        sections.append(file.read())
    with open(args.out, "w") as file:
        file.write("\n".join(sections))


if __name__ == "__main__":
    main()
