"""Plots of a report, as SVG."""

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams |= {"svg.hashsalt": "porevec", "svg.fonttype": "none", "axes.spines.top": False, "axes.spines.right": False}

from matplotlib import pyplot as plt  # noqa: E402


def line(axes: plt.Axes, x: list, values: list[list[float]], label: str, **style) -> None:
    """Values [value, low, high] with their intervals as bars."""
    middle = [v[0] for v in values]
    bars = [[v[0] - v[1] for v in values], [v[2] - v[0] for v in values]]
    axes.errorbar(x, middle, [[max(0.0, b) for b in side] for side in bars], label=label, capsize=2, marker="o", ms=3, **style)


def save(figure: plt.Figure, path: str) -> None:
    for axes in figure.axes:
        axes.set_ylim(0, 1.02)
        axes.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def real(entries: dict, peers: dict, path: str) -> None:
    """F1 of real reads by the number of chunks, int8, beside the peer's."""
    figure, axes = plt.subplots(1, len(entries), figsize=(4.5 * len(entries), 3.2), squeeze=False)
    for ax, entry in zip(axes[0], entries.values()):
        for budget, by_chunks in entry["loci"].items():
            line(ax, list(by_chunks), [e["int8"]["f1"] for e in by_chunks.values()], f"porevec, {budget}")
        known = peers.get(entry["label"], {})
        ax.plot(list(known), [scores[2] for scores in known.values()], "k--", label="RawHash2", marker="s", ms=3)
        ax.set(title=f"real reads of {entry['label']}", xlabel="chunks", ylabel="F1 of reads")
    save(figure, path)


def recall(entries: dict, path: str) -> None:
    """Chunk recall@1 by index size, int8."""
    figure, ax = plt.subplots(figsize=(5.5, 3.2))
    for window in next(iter(entries.values()))["windows"]:
        for conditions, style in (("plain", "--"), ("harsh", "-")):
            points = sorted((e["windows"][window]["index_windows"], e["windows"][window][conditions]) for e in entries.values())
            values = [c["dimensions"]["128"]["int8"]["@1"] for _, c in points]
            line(ax, [n for n, _ in points], values, f"{window} samples, {conditions}", ls=style)
    ax.set(xscale="log", xlabel="windows in the index", ylabel="recall@1 of chunks")
    save(figure, path)


def sweep(entries: dict, path: str) -> None:
    """F1 of single windows by noise and by dwell, int8."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2))
    for ax, what in zip(axes, ("noise", "dwell")):
        for name, entry in entries.items():
            line(ax, [float(f) for f in entry[what]], [e["int8"]["f1"] for e in entry[what].values()], name)
        ax.set(xlabel=f"{what}, times the usual", ylabel="F1, one window of 4096")
    save(figure, path)


def seconds(entries: dict, chunks: list[str], heard: list[float], path: str) -> None:
    """F1 of a search by seconds heard of each read, harsh, one line per index."""
    figure, ax = plt.subplots(figsize=(6, 3.4))
    for name, entry in sorted(entries.items(), key=lambda item: item[1]["harsh"]["bases"]):
        by = entry["harsh"]["chunks"]
        line(ax, heard, [by[n]["f1"] for n in chunks], f"{name}, {entry['harsh']['bases'] / 1e6:.2g} Mb")
    ax.set(xlabel="seconds of a read, its leader among them", ylabel="F1 of called reads")
    save(figure, path)


def reliability(entries: dict, path: str) -> None:
    """Share of right answers by the probability that was said, harsh, one line per index."""
    figure, ax = plt.subplots(figsize=(4.6, 3.6))
    ax.plot([0, 1], [0, 1], "k:", lw=1)
    for name, entry in sorted(entries.items(), key=lambda item: item[1]["harsh"]["bases"]):
        rows = [r for r in entry["harsh"]["reliability"] if r["right"]]
        line(ax, [r["said"] for r in rows], [r["right"] for r in rows], name)
    ax.set(xlabel="probability said", ylabel="share right")
    save(figure, path)
