"""The figures of a report that one looks for first."""

from families import WINDOWS
from model import DIM
from tables import figure, table


def glance(report: dict) -> str:
    """INT8 with 95 % intervals, and what INT8 costs; a Markdown table of what the report has."""
    window, rows = str(WINDOWS[0]), []
    for genome, part in report.get("a", {}).items():
        entry = part["windows"][window]
        for conditions in ("harsh", "plain"):
            by = entry[conditions]["dimensions"][str(DIM)]
            rows.append([f"{genome}, {entry['index_windows']:,} windows: recall@1 of one chunk, {conditions}", figure(by["int8"]["@1"]), figure(by["int8 - fp32"]["@1"], True)])
    for genome, part in report.get("b", {}).items():
        by = part["chunks"]["3"]
        rows.append([f"{genome}: reads of 3 chunks placed right, harsh", figure(by["int8"]["always"]), figure(by["int8 - fp32"]["always"], True)])
    for genome, part in report.get("c", {}).items():
        by = part["noise"]["2.0"]
        rows.append([f"{genome}: F1 of one chunk at twice the noise", figure(by["int8"]["f1"]), figure(by["int8 - fp32"]["f1"], True)])
    for part in report.get("d", {}).values():
        for chunks in ("1", "2", "10"):
            by = part["loci"]["strict"][chunks]
            seen = part["adapted"].split(":")[0]
            rows.append([f"real reads of {part['label']}, encoder adapted on {seen}: F1, ≤ {chunks} · 4000 samples", figure(by["int8"]["f1"]), figure(by["int8 - fp32"]["f1"], True)])
    for genome, part in report.get("a", {}).items():
        by = part["windows"][window]["harsh"]
        rows.append([f"cosine of INT8 and FP32, {genome}, harsh: mean / 1st percentile", f"{by['cos_mean']:.4f} / {by['cos_p1']:.4f}", ""])
    return table([f"window {window}, {DIM} values", "INT8", "INT8 − FP32"], rows)
