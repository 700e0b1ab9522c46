"""Measure `porevec index search` on reads whose place is known, part by part, into one JSON report.

Parts: sizes, by genome and number of chunks; noise; windows, of 4096 and 2048 samples; rates, the false answers asked for and
got; real, labelled reads. Every search is of the reads of the index's genomes and of those of none under the same condition;
beside the real reads of a genome, the real reads of another are those of none.
"""

import argparse
import datetime
import json
import os
import sys
import time
from dataclasses import replace

from evaluate import command, hardware
from families import FAMILIES, WINDOWS
from search_run import Searcher
from search_score import after, intervals, rates, read_answers, relevant, score
from search_truth import NONE, Truth, read_truth

PARTS = "sizes", "noise", "windows", "rates", "real"
GENOMES = "lambda", "ecoli1M", "saureus", "ecoli"
PANEL = "lambda", "saureus", "ecoli"  # ecoli1M is a part of ecoli
NOISE = {"1.0": "plain", "1.5": "noise1.5", "2.0": "noise2.0", "3.0": "noise3.0"}
RATES = 0.001, 0.01, 0.05, 0.1


class Evaluation:
    """The searches of one family's data and their scores."""

    def __init__(self, run: Searcher):
        self.run = run
        self.truth = read_truth(os.path.join(run.data, "truth.tsv"))

    def bases(self, targets: tuple[str, ...]) -> int:
        total = 0
        for target in targets:
            with open(os.path.join(self.run.data, f"{target}.fa")) as file:
                total += sum(len(line.strip()) for line in file if not line.startswith(">"))
        return total

    def indices(self, genomes: list[str]) -> dict[str, tuple[str, ...]]:
        """One per genome, and one of all that are no part of another."""
        panel = tuple(g for g in PANEL if g in genomes)
        return {g: (g,) for g in genomes} | ({"panel": panel} if len(panel) > 1 else {})

    def reads(self, targets: tuple[str, ...], condition: str) -> tuple[list[str], list[Truth]]:
        """Names of POD5 files, and what is true of their reads."""
        if condition == "real":  # real reads of other genomes are of none
            known = relevant(self.truth, list(GENOMES), condition)
            files = [f"{g}.real" for g in GENOMES if any(t.genome == g for t in known)]
            return files, [t if t.genome in targets else replace(t, genome=NONE) for t in known]
        return [f"{g}.{condition}" for g in (*targets, "none")], relevant(self.truth, [*targets, NONE], condition)

    def measure(self, name: str, targets: tuple[str, ...], condition: str, *options: str, model: str | None = None, window: int | None = None) -> dict:
        files, truth = self.reads(targets, condition)
        index = self.run.index(name if model is None else f"{name}.other", list(targets), model, window)
        label = f"{name}.{condition}{f'.{window}' if window else ''}{'.other' if model else ''}"
        answers = self.run.search(index, files, label, *options)
        return score(truth, read_answers(answers), self.run.family) | {"bases": self.bases(targets), "targets": list(targets)}

    def rate(self, name: str, targets: tuple[str, ...], asked: float) -> dict:
        """What --fdr gives: the rates of the last answers."""
        files, truth = self.reads(targets, "harsh")
        answers = read_answers(self.run.search(self.run.index(name, list(targets)), files, f"{name}.harsh.{asked}", "--fdr", str(asked)))
        table = after(truth, answers, float("inf"))
        return intervals(lambda rows: rates(table, rows), len(truth))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("--porevec", required=True, help="the program")
    parser.add_argument("--data", required=True, help="folder of search_reads.py")
    parser.add_argument("--work", required=True, help="folder for indices and answers")
    parser.add_argument("--parts", type=lambda text: text.split(","), default=list(PARTS), help="for example sizes,noise")
    parser.add_argument("--genome", action="append", help=f"{', '.join(GENOMES)}, unless said")
    parser.add_argument(
        "--real-model", action="append", default=[], metavar="NAME=FILE",
        help="encoder (.onnx, its reference tower beside it) for the real reads of a genome, where the built-in one has learned from them",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--report", required=True, help="JSON file that is added to")
    args = parser.parse_args()
    start, report = time.time(), {}
    if os.path.exists(args.report):
        with open(args.report) as file:
            report = json.load(file)
    evaluation = Evaluation(Searcher(args.porevec, FAMILIES[args.family], args.data, args.work, args.threads))
    genomes = args.genome or list(GENOMES)
    indices = evaluation.indices(genomes)

    def add(part: str, name: str, kind: str, entry: dict) -> None:
        report.setdefault(part, {}).setdefault(name, {})[kind] = entry
        print(f"{part} {name} {kind}: {time.time() - start:.0f} s", flush=True)

    for name, targets in indices.items():
        if "sizes" in args.parts:
            for condition in ("harsh", "plain"):
                add("sizes", name, condition, evaluation.measure(name, targets, condition))
        if "noise" in args.parts:
            for factor, condition in NOISE.items():
                add("noise", name, factor, evaluation.measure(name, targets, condition))
        if "windows" in args.parts:
            for window in WINDOWS:
                most = str(10 * WINDOWS[0] // window)
                add("windows", name, str(window), evaluation.measure(name, targets, "harsh", "--window", str(window), "--max-chunks", most, window=window))
        if "rates" in args.parts:
            for asked in RATES:
                add("rates", name, str(asked), evaluation.rate(name, targets, asked))
        if "real" in args.parts and any(t.genome != NONE for t in evaluation.reads(targets, "real")[1]):
            add("real", name, "built in", evaluation.measure(name, targets, "real"))
            for other in (text.split("=", 1)[1] for text in args.real_model if text.split("=", 1)[0] == name):
                add("real", name, "other", evaluation.measure(name, targets, "real", "--model", other, model=other))

    report["model"] = FAMILIES[args.family].id
    report.setdefault("runs", []).append({
        "command": command(sys.argv), "date": str(datetime.date.today()), "hardware": hardware(), "seconds": round(time.time() - start),
    })  # fmt: skip
    with open(args.report, "w") as file:
        json.dump(report, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
