"""Train the two towers of one family on simulated reads of random sequence.

Batches are simulated as they are needed, each from (seed, step): a run that is stopped and started
again continues from its last checkpoint and draws the same data as one that was never stopped.
"""

import argparse
import json
import math
import os
import time

import numpy as np
import torch

import pore
from families import CLIP, FAMILIES, WINDOWS, Family
from model import TwoTowers
from retrieval import build_index, in_batches, recall, simulate_chunks
from sequence import one_hot, read_fasta
from simulate import training_batch

WARMUP = 200  # steps
SHORT = 0.3  # share of the batches cut at the smaller window
PROBE_CHUNKS, PROBE_SEED = 512, 7


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Linear warm-up, then a cosine to zero."""
    if step < WARMUP:
        return peak * (step + 1) / WARMUP
    return peak * 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / max(1, steps - WARMUP)))


@torch.no_grad()
def probe(towers: TwoTowers, genome: np.ndarray, table: pore.PoreModel, family: Family) -> dict[str, float]:
    """Recall on a genome that is never trained on, default window, fp32."""
    towers.eval()
    window = WINDOWS[0]
    index = build_index(genome, family.span(window), lambda b: towers.reference(torch.from_numpy(b)).numpy())
    chunks = simulate_chunks(genome, table, family, window, PROBE_CHUNKS, PROBE_SEED)
    x = np.clip((chunks.adc - chunks.shift) / chunks.scale, -CLIP, CLIP)
    queries = in_batches(lambda b: towers.signal(torch.from_numpy(b[:, None])).numpy(), x)
    towers.train()
    return recall(index, queries, chunks.centre, chunks.strand)


def train(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    family, table = FAMILIES[args.family], pore.load(args.pore_model)
    held_out = read_fasta(args.held_out) if args.held_out else None
    towers = TwoTowers()
    optimizer = torch.optim.AdamW(towers.parameters(), lr=args.lr, weight_decay=0.01)
    step = pairs = 0
    path = os.path.join(args.out, "checkpoint.pt")
    os.makedirs(args.out, exist_ok=True)
    if os.path.exists(path):
        saved = torch.load(path, weights_only=True)
        towers.load_state_dict(saved["towers"])
        optimizer.load_state_dict(saved["optimizer"])
        step, pairs = saved["step"], saved["pairs"]

    def save() -> None:
        state = {"towers": towers.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "pairs": pairs}
        torch.save(state | {"family": args.family, "seed": args.seed}, path + ".new")
        os.replace(path + ".new", path)

    start, losses, accuracies = time.time(), [], []
    while step < args.steps:
        rng = np.random.default_rng([args.seed, step])
        window = WINDOWS[int(rng.random() < SHORT)]
        signal, bases = training_batch(table, family, args.groups, window, rng)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, args.steps, args.lr)
        with torch.autocast("cpu", torch.bfloat16, enabled=args.bf16):
            vectors = towers.signal(torch.from_numpy(signal)[:, None])
            references = towers.reference(torch.from_numpy(one_hot(bases)))
        loss, accuracy = towers.loss(vectors, references)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        step, pairs = step + 1, pairs + len(signal)
        losses.append(loss.item())
        accuracies.append(accuracy.item())
        if step % args.log_every == 0 or step == args.steps:
            log = {"step": step, "seconds": round(time.time() - start), "loss": np.mean(losses), "accuracy": np.mean(accuracies)}
            losses, accuracies = [], []
            if held_out is not None and (step % (args.log_every * 5) == 0 or step == args.steps):
                log |= probe(towers, held_out, table, family)
            print(json.dumps({k: round(float(v), 4) for k, v in log.items()}), flush=True)
            save()
    save()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("--pore-model", required=True, help="table of k-mer levels (.model or .npz)")
    parser.add_argument("--out", required=True, help="folder of the checkpoint; continues where it stopped")
    parser.add_argument("--held-out", help="FASTA to probe recall on; never trained on")
    parser.add_argument("--steps", type=int, default=4500)
    parser.add_argument("--groups", type=int, default=64, help="sequences per batch, four pairs each")
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--log-every", type=int, default=50)
    parser.add_argument("--no-bf16", dest="bf16", action="store_false", help="train in fp32 (CPUs without AVX-512 BF16)")
    train(parser.parse_args())


if __name__ == "__main__":
    main()
