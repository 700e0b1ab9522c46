"""Teach a student: simulated pairs, a teacher's vectors and, where given, real pairs.

The student's signal tower learns in the teacher's space: the reference tower is the teacher's, frozen. The
same step adapts a student to real signal (--real), heals a pruned one, and prepares one for its integers
(--aware: fake quantization).
"""

import argparse

import numpy as np
import torch

import pore
from export import folded
from families import FAMILIES, WINDOWS, Family
from loop import LOG_EVERY, Run, generator, load, run_arguments
from model import NESTED, TwoTowers, twins
from quantaware import Aware
from quantize import calibrate, calibration_chunks
from real import RealSet, real_batch, real_set
from sequence import one_hot, read_fasta
from simulate import places, same_place, training_batch
from train import PROBE_EVERY, SHORT, TWINS, probe

DISTILLATION = 4.0  # weight of the distance to the teacher's vectors


def distance(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """1 - cosine, mean over batch and nested heads."""
    return sum((1 - torch.cosine_similarity(student[:, :d], teacher[:, :d])).mean() for d in NESTED) / len(NESTED)


def peaks(towers: TwoTowers, table: pore.PoreModel, family: Family) -> list[float]:
    """Where quantization-aware training starts: what post-training calibration finds."""
    layers = towers.signal.layers
    return list(calibrate(layers, folded(towers.signal), calibration_chunks(family, table)).peaks)


def about(args: argparse.Namespace, saved: dict, sets: list[RealSet]) -> dict[str, str]:
    """The history of the run, for the model files."""
    aware = ", quantization-aware" if args.aware else ""
    step = f"distilled {args.steps} steps{aware}"
    if sets:
        step += f" with {args.real_pairs} real pairs each"
    labels = [spec.split("=")[0] for spec in args.real]
    adapted = "; ".join(f"{label}: {s}" for label, s in zip(labels, sets)) or saved["about"].get("adapted", "no real read")
    _, _, taught = load(args.teacher)
    teacher = taught["about"].get("teacher", taught["about"]["recipe"])  # a student that teaches itself names its own
    return {"recipe": f"{saved['about']['recipe']}; {step}", "teacher": teacher, "adapted": adapted}


def distill(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    family, table = FAMILIES[args.family], pore.load(args.pore_model)
    held_out = read_fasta(args.held_out) if args.held_out else None
    _, teacher, _ = load(args.teacher)
    _, start, saved = load(args.start)
    sets: list[RealSet] = [real_set(s, args.labelled) for s in args.real]

    towers = TwoTowers(start.signal.layers)
    towers.load_state_dict(start.state_dict() | teacher.reference.state_dict(prefix="reference."))
    towers.log_scale.data.copy_(teacher.log_scale)
    towers.reference.requires_grad_(False)
    towers.log_scale.requires_grad_(False)
    encode = Aware(towers.signal, peaks(towers, table, family)) if args.aware else towers.signal
    log_peaks = encode.log_peaks if args.aware else None
    run = Run(args.out, args.family, towers, args.steps, args.lr, about(args, saved, sets), log_peaks)
    while run.going():
        rng = generator(args.seed, run.step)
        window = WINDOWS[int(rng.random() < SHORT)]
        towers.train()
        towers.reference.eval()
        signal, bases = training_batch(table, family, args.groups, window, rng)
        simulated, place = len(signal), places(args.groups)
        if sets:
            x, b, p = real_batch(sets, family, args.real_pairs, window, rng)
            signal, bases, place = np.concatenate([signal, x]), np.concatenate([bases, b]), np.concatenate([place, p - (1 << 40)])
        x = torch.from_numpy(signal)[:, None]
        with torch.autocast("cpu", torch.bfloat16, enabled=args.bf16):
            with torch.autocast("cpu", enabled=args.bf16 and not args.aware):
                vectors = encode(x)
            with torch.no_grad():
                references = towers.reference(torch.from_numpy(one_hot(bases)))
                targets = teacher.signal(x[:simulated])
        contrast, accuracy = towers.loss(vectors, references, torch.from_numpy(same_place(place)))
        pairs, _ = towers.loss(*twins(vectors[:simulated]))
        away = distance(vectors[:simulated], targets)
        run.descend(contrast + TWINS * pairs + DISTILLATION * away, contrast=contrast, accuracy=accuracy, twins=pairs, distance=away)
        if run.due(LOG_EVERY):
            look = held_out is not None and run.due(PROBE_EVERY)
            run.log(**(probe(towers, held_out, table, family) if look else {}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    run_arguments(parser, steps=3000, lr=1e-3, seed=3)
    parser.add_argument("--teacher", required=True, help="checkpoint of the teacher; its reference tower is kept")
    parser.add_argument("--start", required=True, help="checkpoint whose signal tower is taught")
    parser.add_argument("--labelled", help="folder of real reads with truth.tsv")
    parser.add_argument("--real", nargs="*", default=[], metavar="LABEL=ALIGNMENTS=FASTA", help="real reads to adapt to")
    parser.add_argument("--real-pairs", type=int, default=128, help="real pairs per batch")
    parser.add_argument("--aware", action="store_true", help="fake quantization; BatchNorm frozen")
    distill(parser.parse_args())


if __name__ == "__main__":
    main()
