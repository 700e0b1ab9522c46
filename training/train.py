"""Train signal and reference tower of one family on simulated reads of random sequence.

Batches are simulated as they are needed, each from (seed, step): a run that is stopped and started
again continues from its last checkpoint and draws the same data as one that was never stopped.
"""

import argparse

import numpy as np
import torch

import pore
from families import FAMILIES, WINDOWS, Family
from loop import LOG_EVERY, Run, generator, load, run_arguments
from model import STUDENT, TEACHER, TwoTowers, grow, twins
from retrieval import build_index, in_batches, recall, simulate_chunks
from sequence import one_hot, read_fasta
from simulate import normalize, places, same_place, training_batch

SHORT = 0.3  # share of the batches cut at the smaller window
TWINS = 0.5  # weight of the pairs of signal and signal
PROBE_CHUNKS, PROBE_SEED, PROBE_EVERY = 512, 7, 5 * LOG_EVERY
SIZES = {"student": STUDENT, "teacher": TEACHER}


@torch.no_grad()
def probe(towers: TwoTowers, genome: np.ndarray, table: pore.PoreModel, family: Family) -> dict[str, float]:
    """Recall on a genome that is never trained on, default window, fp32."""
    towers.eval()
    window = WINDOWS[0]
    index = build_index(genome, family.span(window), lambda b: towers.reference(torch.from_numpy(b)).numpy())
    chunks = simulate_chunks(genome, table, family, window, PROBE_CHUNKS, PROBE_SEED)
    queries = in_batches(lambda b: towers.signal(torch.from_numpy(b[:, None])).numpy(), normalize(chunks.adc))
    towers.train()
    return recall(index, queries, chunks.centre, chunks.strand)


def start_towers(size: str, start: str | None) -> tuple[TwoTowers, list[str]]:
    """Fresh towers, or those of a checkpoint grown to the size, and what was done so far."""
    towers = TwoTowers(SIZES[size])
    if not start:
        return towers, []
    _, small, saved = load(start)
    towers.load_state_dict(small.state_dict() | grow(small.signal, SIZES[size]).state_dict(prefix="signal."))
    return towers, [saved["about"]["recipe"]]


def train(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    family, table = FAMILIES[args.family], pore.load(args.pore_model)
    held_out = read_fasta(args.held_out) if args.held_out else None
    towers, history = start_towers(args.size, args.start)
    history.append(f"{args.size}, {args.steps} steps")
    same = torch.from_numpy(same_place(places(args.groups)))
    run = Run(args.out, args.family, towers, args.steps, args.lr, {"recipe": "; ".join(history)})
    towers.train()
    while run.going():
        rng = generator(args.seed, run.step)
        window = WINDOWS[int(rng.random() < SHORT)]
        signal, bases = training_batch(table, family, args.groups, window, rng)
        with torch.autocast("cpu", torch.bfloat16, enabled=args.bf16):
            vectors = towers.signal(torch.from_numpy(signal)[:, None])
            references = towers.reference(torch.from_numpy(one_hot(bases)))
        contrast, accuracy = towers.loss(vectors, references, same)
        pairs, _ = towers.loss(*twins(vectors))
        run.descend(contrast + TWINS * pairs, contrast=contrast, accuracy=accuracy, twins=pairs)
        if run.due(LOG_EVERY):
            look = held_out is not None and run.due(PROBE_EVERY)
            run.log(**(probe(towers, held_out, table, family) if look else {}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    run_arguments(parser, steps=4500, lr=2e-3, seed=1)
    parser.add_argument("--size", choices=SIZES, default="student")
    parser.add_argument("--start", help="checkpoint whose towers are continued, grown where --size is larger")
    train(parser.parse_args())


if __name__ == "__main__":
    main()
