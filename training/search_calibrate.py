"""How sure a lead makes: the probability that an answer of `porevec index search` is right, from its lead in nats.

Fits p = 1 / (1 + exp(-(a + b · lead))) to harsh simulated reads and as many, by weight, of none; apart for every index
and number of chunks, and pooled. Shows how far the pooled fit lies from the others, what more terms would gain, and how far
the program's own probabilities are from what came true.
"""

import argparse
import json
import os
import sys

import numpy as np
from scipy.optimize import minimize

from evaluate import command
from families import FAMILIES
from search_run import Searcher
from search_score import EVEN, Reliability, Table, every, read_answers, relevant
from search_truth import NONE, read_truth

CHUNKS = 1, 2, 3, 5, 10
ASKED = 0.01  # rate of false answers, at which forms are compared
NEVER = "1e-300"  # --fdr: no answer is final before the last chunk
RIDGE = 1e-3  # keeps the fit finite where right and wrong are apart
GENOMES = "lambda", "ecoli1M", "saureus", "ecoli"


def logistic(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(x / 2))


def loss(log_odds: np.ndarray, right: np.ndarray, weight: np.ndarray) -> float:
    """Mean negative log likelihood, nats per answer."""
    return float((weight * (np.logaddexp(0, log_odds) - right * log_odds)).sum() / weight.sum())


def fit(features: np.ndarray, right: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Coefficients [terms] of the log odds: features [answers, terms], right bool, weight [answers]."""
    weight = weight / weight.sum()

    def target(c: np.ndarray) -> tuple[float, np.ndarray]:
        x = features @ c
        gradient = features.T @ (weight * (logistic(x) - right))
        return loss(x, right, weight) + RIDGE / 2 * (c**2).sum() / len(right), gradient + RIDGE * c / len(right)

    return minimize(target, np.zeros(features.shape[1]), jac=True, method="BFGS").x


def line(lead: np.ndarray) -> np.ndarray:
    """The terms of the shipped form, [answers, 2]."""
    return np.stack([np.ones(len(lead)), lead], 1)


def forms(lead: np.ndarray, chunks: np.ndarray, windows: np.ndarray) -> dict[str, np.ndarray]:
    """Terms of the log odds that were tried, each [answers, terms]."""
    one, k = np.ones(len(lead)), np.maximum(chunks, 1)
    columns = {
        "a + b·lead": [one, lead],
        "a + b·lead + c·ln(chunks)": [one, lead, np.log(k)],
        "a + b·lead + c·lead/chunks": [one, lead, lead / k],
        "a + b·lead + c·ln(windows)": [one, lead, np.log(windows)],
        "a + b·lead + c·ln(chunks) + d·ln(windows)": [one, lead, np.log(k), np.log(windows)],
        "a + b·lead + c·ln(chunks) + d·lead/chunks": [one, lead, np.log(k), lead / k],
        "a + b·lead + c·ln(chunks) + d·lead·(chunks = 1)": [one, lead, np.log(k), lead * (k == 1)],
        "a + b·lead + c·chunks": [one, lead, k],
        "a + b·lead + c·√chunks": [one, lead, np.sqrt(k)],
        "a + b·lead, apart for 1, 2 and more chunks": [one * (k == 1), lead * (k == 1), one * (k == 2), lead * (k == 2), one * (k > 2), lead * (k > 2)],
        "a + b·min(lead, 8)": [one, np.minimum(lead, 8)],
        "a + b·max(lead, 0) + c·min(lead, 0)": [one, np.maximum(lead, 0), np.minimum(lead, 0)],
    }
    return {name: np.stack(terms, 1) for name, terms in columns.items()}


def study(groups: dict[tuple[str, int], Table], windows: dict[str, int]) -> dict:
    """Fits of every group (index, chunks) and pooled; each group weighs as much as any other, real and none alike.

    tables have one answer per read; reads where nothing was found are left out.
    """
    groups = {key: table.take(np.isfinite(table.lead)) for key, table in groups.items()}
    names = [key for key, table in groups.items() for _ in table.lead]
    lead = np.concatenate([t.lead for t in groups.values()])
    right = np.concatenate([t.right for t in groups.values()])
    weight = np.concatenate([t.weight() / t.weight().sum() for t in groups.values()])
    chunks = np.array([n for _, n in names])
    own = np.clip(np.concatenate([t.probability for t in groups.values()]), 1e-12, 1 - 1e-12)
    size = np.array([windows[index] for index, _ in names], float)

    tried = {}
    for name, features in forms(lead, chunks, size).items():
        found = fit(features, right, weight)
        said = logistic(features @ found)
        sure = said >= 1 - ASKED
        gaps = [np.average((said - right)[part], weights=weight[part]) for part in (chunks == n for n in dict.fromkeys(chunks))]
        tried[name] = {
            "coefficients": found.tolist(), "nats per answer": loss(features @ found, right, weight),
            "largest gap": float(np.abs(gaps).max()),  # between the mean probability and the share right after some number of chunks
            "recall": float((weight * right * sure).sum() / (weight * right).sum()),
            "false": float((weight * ~right * sure).sum() / max(1e-12, (weight * sure).sum())),
        }  # fmt: skip
    pooled = np.array(tried["a + b·lead"]["coefficients"])

    def beside(part: np.ndarray) -> dict:
        """The fit of some answers, and how far the pooled one is from it and from what came true."""
        own = fit(line(lead[part]), right[part], weight[part])
        x, y, w = line(lead[part]), right[part], weight[part] / weight[part].sum()
        said, alone = logistic(x @ pooled), logistic(x @ own)
        return {
            "answers": int(part.sum()), "wrong": int((~y).sum()), "a": own[0], "b": own[1],
            "distance": float((w * np.abs(said - alone)).sum()), "largest": float(np.abs(said - alone).max()),
            "said": float((w * said).sum()), "right": float((w * y).sum()),
            "nats lost": loss(x @ pooled, y, w) - loss(x @ own, y, w),
        }  # fmt: skip

    index = np.array([i for i, _ in names])
    called = {}
    for rate in (0.01, 0.05, 0.1):
        asked = logistic(line(lead) @ pooled) >= 1 - rate
        called[str(rate)] = {
            n: float((weight * ~right)[asked & (index == n)].sum() / max(1e-12, weight[asked & (index == n)].sum()))
            for n in dict.fromkeys(index)
        }
    return {
        "pooled": {"a": pooled[0], "b": pooled[1]},
        "forms": tried,
        "by index": {n: beside(index == n) for n in dict.fromkeys(index)},
        "by chunks": {str(n): beside(chunks == n) for n in dict.fromkeys(chunks)},
        "by both": {f"{i}, {n}": beside((index == i) & (chunks == n)) for i, n in groups},
        "false among those surer than asked": called,
        "program": {
            "said": {str(n): float(np.average(own[chunks == n], weights=weight[chunks == n])) for n in dict.fromkeys(chunks)},
            "right": {str(n): float(np.average(right[chunks == n], weights=weight[chunks == n])) for n in dict.fromkeys(chunks)},
            "nats per answer": loss(np.log(own / (1 - own)), right, weight),
            "recall": float((weight * right * (own >= 1 - ASKED)).sum() / (weight * right).sum()),
            "false": float((weight * ~right * (own >= 1 - ASKED)).sum() / max(1e-12, (weight * (own >= 1 - ASKED)).sum())),
        },
    }  # fmt: skip


def heard(table: Table, chunks: int) -> Table:
    """The answers after exactly so many chunks."""
    return table.take(table.chunks == chunks)


def show(report: dict) -> None:
    print("pooled: a {a:+.4f}, b {b:.4f}".format(**report["pooled"]))
    for name, f in report["forms"].items():
        print(
            f"  {f['nats per answer']:.5f} nats, gap {f['largest gap']:.3f}, at {ASKED}: recall {f['recall']:.3f} false {f['false']:.4f}  {name}: ",
            *(f"{c:+.4f}" for c in f["coefficients"]),
        )  # fmt: skip
    for group in ("by index", "by chunks", "by both"):
        print(group + ":      a       b   | pooled - own: mean  largest  nats | said  right | wrong of answers")
        for name, g in report[group].items():
            print(
                f"  {name:12} {g['a']:+7.3f} {g['b']:7.3f}  | {g['distance']:18.4f} {g['largest']:7.3f} {g['nats lost']:.5f}"
                f" | {g['said']:.3f} {g['right']:.3f} | {g['wrong']} of {g['answers']}"
            )
    p = report["program"]
    print(f"the program: {p['nats per answer']:.5f} nats, at {ASKED}: recall {p['recall']:.3f} false {p['false']:.4f}; said, right after chunks: ", end="")
    print(*(f"{n}: {p['said'][n]:.3f} {p['right'][n]:.3f};" for n in p["said"]))
    print("false among those surer than asked, pooled fit:")
    for rate, by in report["false among those surer than asked"].items():
        print(f"  {rate}: ", ", ".join(f"{n} {v:.4f}" for n, v in by.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("families", nargs="+", metavar="FAMILY=READS", help="folder of search_reads.py with harsh reads of another seed")
    parser.add_argument("--porevec", required=True, help="the program")
    parser.add_argument("--work", required=True, help="folder for indices and answers; a folder per family")
    parser.add_argument("--genome", action="append", help=f"{', '.join(GENOMES)}, unless said")
    parser.add_argument("--report", required=True, help="JSON file to write")
    args = parser.parse_args()
    report, both = {"command": command(sys.argv)}, {}
    for name, data in (text.split("=", 1) for text in args.families):
        run = Searcher(args.porevec, FAMILIES[name], data, os.path.join(args.work, name))
        truth = read_truth(os.path.join(data, "truth.tsv"))
        for genome in args.genome or GENOMES:
            path = run.search(run.index(genome, [genome]), [f"{genome}.harsh", "none.harsh"], f"{genome}.calibration", "--fdr", NEVER)
            table = every(relevant(truth, [genome, NONE], "harsh"), read_answers(path))
            both |= {(f"{name} {genome}", n): heard(table, n) for n in CHUNKS}
            even = Reliability.of(table, EVEN)
            report[f"ECE of the program, {name} {genome}"] = even.error(np.arange(len(even.weight)))["ECE"]
            with open(os.path.join(data, f"{genome}.fa")) as file:
                report.setdefault("bases", {})[f"{name} {genome}"] = sum(len(line.strip()) for line in file if line[0] != ">")
    windows = {name: bases // 16 for name, bases in report["bases"].items()}  # both strands, a window every 32 bases
    for name in ("all", *(text.split("=", 1)[0] for text in args.families)):
        groups = {key: t for key, t in both.items() if name in ("all", key[0].split()[0])}
        report[name] = study(groups, windows)
        print(f"== {name}")
        show(report[name])
    with open(args.report, "w") as file:
        json.dump(report, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
