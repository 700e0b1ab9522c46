"""Write docs/compression.md and docs/compression.svg from reports of compress.py: every figure comes from them."""

import argparse
import json
import os

import matplotlib
from matplotlib import pyplot

from families import WINDOWS
from precision import Half, Symmetric
from tables import figure, table

NOISE = 0.05  # speeds that differ by less are the same
GPU = {Half.scheme: "CUDA", Symmetric.scheme: "TensorRT"}  # schemes whose speed on a CPU means nothing


def percent(share: list[float], signed: bool = False) -> str:
    """[value, low, high] in hundredths."""
    number = "{:+.1f}" if signed else "{:.1f}"
    return f"{number} [{number}, {number}]".format(*(100 * part for part in share))


def made_for(variant: dict) -> str:
    return GPU.get(variant["scheme"], "CPU")


def relative(report: dict, name: str, key: str) -> float:
    """A cost of a variant over the baseline's."""
    return report["variants"][name][key] / report["variants"][report["baseline"]][key]


def worst_kept(report: dict, name: str) -> float:
    """The lowest end of the intervals of the share of recall@1 kept, over the windows."""
    return min(entry["variants"][name]["kept@1"][1] for entry in report["windows"].values())


def as_fast(report: dict, name: str, other: str) -> bool:
    return relative(report, name, "samples_per_s") >= (1 - NOISE) * relative(report, other, "samples_per_s")


def chosen(report: dict, gate: float) -> str:
    """The fastest variant for the CPU that certainly keeps the share `gate` of the baseline's recall@1 in every window.

    Of equally fast ones, that with the highest recall@1.
    """
    able = [n for n, v in report["variants"].items() if made_for(v) == "CPU" and worst_kept(report, n) >= gate]
    fastest = max(able, key=lambda name: relative(report, name, "samples_per_s"))
    recall = {n: sum(e["variants"][n]["recall@1"][0] for e in report["windows"].values()) for n in able}
    return max((n for n in able if as_fast(report, n, fastest)), key=recall.get)


def costs(report: dict) -> str:
    rows = []
    for name, v in report["variants"].items():
        note = "" if made_for(v) == "CPU" else "*"
        speed = f"{v['samples_per_s'] / 1e6:.1f}{note}", f"{relative(report, name, 'samples_per_s'):.2f}{note}"
        sizes = (f"{v[key]:,}" for key in ("bytes", "gzip_bytes", "parameters", "flops_per_sample"))
        rows.append([name, made_for(v), *sizes, *speed])
    return table(["variant", "for", "bytes", "gzipped", "parameters", "FLOP/sample", "M samples/s", "× baseline"], rows)


def accuracies(report: dict, window: str) -> str:
    rows = []
    for name, v in report["windows"][window]["variants"].items():
        same = name == report["baseline"]
        cosines = ["–", "–"] if same else [f"{v['cos_mean']:.4f}", f"{v['cos_p1']:.4f}"]
        lost = ["–", "–"] if same else [percent(v["kept@1"]), percent(v["difference@1"], signed=True)]
        rows.append([name, *cosines, figure(v["recall@1"]), figure(v["recall@10"]), *lost])
    head = ["variant", "cosine, mean", "1st percentile", "recall@1", "recall@10", "@1 kept, %", "@1 difference, points"]
    return table(head, rows)


def verdict(report: dict, name: str, gate: float, ships: str) -> str:
    """One sentence per variant: its cost, what it keeps, and why it does not ship."""
    v, window = report["variants"][name], str(WINDOWS[0])
    kept = percent(report["windows"][window]["variants"][name]["kept@1"])
    size = relative(report, name, "bytes")
    text = f"* **{name}**: {size:.2f} × the bytes, {relative(report, name, 'flops_per_sample'):.2f} × the FLOP"
    if made_for(v) == "CPU":
        text += f", {relative(report, name, 'samples_per_s'):.2f} × the speed"
    text += f"; keeps {kept} % of recall@1 at {window}. "
    if name == ships:
        return text + "**The one to ship for the CPU.**"
    if worst_kept(report, name) < gate:
        return text + f"It may keep less than {100 * gate:.0f} % in one of the windows (down to {100 * worst_kept(report, name):.1f} %)."
    if made_for(v) != "CPU":
        return text + f"For the {made_for(v)} provider; its speed there is not measured here."
    return text + (f"No faster than {ships}, with less recall over the windows." if as_fast(report, name, ships) else f"Slower than {ships}.")


def trade_off(report: dict, gate: float) -> str:
    ships, baseline = chosen(report, gate), report["baseline"]
    lines = [verdict(report, name, gate, ships) for name in report["variants"] if name != baseline]
    if ships == baseline:
        lines.insert(0, f"* No variant is faster than **{baseline}** and certain to keep {100 * gate:.0f} % of its recall@1: it ships.")
    return "\n".join(lines)


def section(report: dict, gate: float) -> str:
    parts = [
        f"## {report['model.id']}, {report['genome']} ({report['genome_bases']:,} bases)",
        f"Against **{report['baseline']}**, the baseline:\n\n{trade_off(report, gate)}",
        f"### Cost\n\n{costs(report)}".rstrip(),
    ]
    if any(made_for(v) != "CPU" for v in report["variants"].values()):
        parts.append("\\* made for a GPU, run here on the CPU only to check it.")
    for window, entry in report["windows"].items():
        parts.append(f"### Window {window}: {entry['index_windows']:,} windows in the index\n\n{accuracies(report, window)}".rstrip())
    return "\n\n".join(parts)


def command(report: dict) -> str:
    lines = [f"python compress.py --family {report['family']} --pore-model TABLE --genome {report['genome']}=FASTA --chunks {report['chunks']}"]
    lines += [f'--variant "{name}={v["file"]}"' for name, v in report["variants"].items()]
    lines.append(f"--reference {report['reference']} --cache CACHE --out REPORT")
    return " \\\n    ".join(lines)


def document(reports: list[dict], gate: float) -> str:
    ran = sorted({f"{r['date']}: {r['hardware']}, ONNX Runtime {r['onnxruntime']}" for r in reports})
    return f"""# Compression: what each form of an encoder costs and keeps

Written by `training/compress_report.py` from measurements; not edited by hand.

![Recall against speed](compression.svg)

Hollow triangles are made for a GPU and run on the CPU only to check them: their speed says nothing.

How a variant is chosen: the fastest one for the CPU of which it is certain (lower end of the 95 % interval, every window)
that it keeps {100 * gate:.0f} % of the baseline's recall@1; of those within {100 * NOISE:.0f} % of its speed, the one with the highest recall@1.
Recall, not cosine, decides: a variant that was trained again may say the same in other vectors.

{(chr(10) * 2).join(section(r, gate) for r in reports)}

## How it was measured

{chr(10).join(f"* {line}" for line in ran)}
* Simulated chunks under the training's harsh conditions ({", ".join(f"{r['chunks']:,} of {r['genome']} for {r['family']}" for r in reports)}), each looked for in an
  index of both strands. `recall@1`, `recall@10`: a window of the right strand with its centre within a stride of the chunk's.
* In brackets and as bars, 95 % intervals: bootstrap over chunks; shares and differences resample the same chunks in both variants.
* Cosine: to the baseline's vectors of the same chunks.
* Speed: one thread, batch 8, window {WINDOWS[0]}, the best of many rounds that run every variant once: variants compare within
  a report, not across reports.
* FLOP: 2 per multiply-accumulate, as metadata `flops_per_sample`; quantization does not change their number, only their price.

```
{(chr(10)).join(command(r) for r in reports)}
python compress_report.py REPORT... --docs ../docs
```
"""


def draw(reports: list[dict], path: str) -> None:
    """Recall@1 against speed: a row per window, a column per report."""
    matplotlib.rcParams |= {"svg.hashsalt": "porevec", "font.size": 10}
    names = list(dict.fromkeys(name for r in reports for name in r["variants"]))
    colour = dict(zip(names, pyplot.get_cmap("tab10" if len(names) <= 10 else "tab20").colors))
    grid = {"sharey": "row", "squeeze": False, "layout": "constrained"}
    plot, axes = pyplot.subplots(len(WINDOWS), len(reports), figsize=(1.5 + 4.2 * len(reports), 3.4 * len(WINDOWS)), **grid)
    marks = {}
    for row, window in zip(axes, map(str, WINDOWS)):
        for ax, report in zip(row, reports):
            for name, v in report["variants"].items():
                value, low, high = report["windows"][window]["variants"][name]["recall@1"]
                cpu = made_for(v) == "CPU"
                marks[name] = ax.errorbar(
                    v["samples_per_s"] / 1e6, value, [[value - low], [high - value]], color=colour[name], capsize=3,
                    fmt="o" if cpu else "^", markerfacecolor=colour[name] if cpu else "white", markersize=7,
                    label=name if cpu else f"{name} (for {made_for(v)})",
                )  # fmt: skip
            ax.set_title(f"{report['model.id']}\n{report['genome']}, window {window}", fontsize=10)
            ax.set_xlim(left=0)
            ax.grid(alpha=0.3)
    for ax in axes[-1]:
        ax.set_xlabel("million samples per second, one CPU thread")
    for ax in axes[:, 0]:
        ax.set_ylabel("recall@1, 95 % interval")
    plot.legend(handles=list(marks.values()), loc="outside right center", frameon=False)
    plot.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reports", nargs="+", metavar="REPORT")
    parser.add_argument("--docs", required=True, help="folder of compression.md and compression.svg")
    parser.add_argument("--gate", type=float, default=0.95, help="share of the baseline's recall@1 that what ships must keep")
    args = parser.parse_args()
    reports = []
    for path in args.reports:
        with open(path) as file:
            reports.append(json.load(file))
    with open(os.path.join(args.docs, "compression.md"), "w") as file:
        file.write(document(reports, args.gate))
    draw(reports, os.path.join(args.docs, "compression.svg"))


if __name__ == "__main__":
    main()
