"""What every training run has in common: its rate, its checkpoint, its log."""

import argparse
import json
import math
import os
import sys
import time
from dataclasses import astuple

import numpy as np
import torch

from families import FAMILIES, Family
from model import Layer, Layers, TwoTowers

WARMUP = 200  # steps
LOG_EVERY = 50  # steps; a checkpoint too


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Linear warm-up, then a cosine to zero."""
    if step < WARMUP:
        return peak * (step + 1) / WARMUP
    return peak * 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / max(1, steps - WARMUP)))


def load(path: str) -> tuple[Family, TwoTowers, dict]:
    """A checkpoint's family, its towers ready for inference, and the rest of it."""
    saved = torch.load(path, weights_only=True)
    layers: Layers = tuple(Layer(*l) for l in saved["signal"])
    towers = TwoTowers(layers)
    towers.load_state_dict(saved["towers"])
    return FAMILIES[saved["family"]], towers.eval(), saved


def run_arguments(parser: argparse.ArgumentParser, steps: int, lr: float, seed: int) -> None:
    """What every program that trains asks for."""
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("--pore-model", required=True, help="table of k-mer levels (.model or .npz)")
    parser.add_argument("--out", required=True, help="folder of the checkpoint; continues where it stopped")
    parser.add_argument("--held-out", help="FASTA to probe recall on; never trained on")
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--groups", type=int, default=64, help="simulated sequences per batch, four pairs each")
    parser.add_argument("--lr", type=float, default=lr)
    parser.add_argument("--seed", type=int, default=seed)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--no-bf16", dest="bf16", action="store_false", help="train in fp32 (CPUs without AVX-512 BF16)")


class Run:
    """A training run that continues where its last checkpoint ended.

    `about` goes into the checkpoint and into the metadata of the model files: how the run came about.
    log_peaks: the learned peaks of a quantization-aware run.
    """

    def __init__(
        self, out: str, family: str, towers: TwoTowers, steps: int, peak: float, about: dict[str, str],
        log_peaks: torch.nn.Parameter | None = None,
    ):  # fmt: skip
        self.path, self.family, self.towers, self.steps, self.peak = os.path.join(out, "checkpoint.pt"), family, towers, steps, peak
        self.log_peaks = log_peaks
        trained = [p for p in towers.parameters() if p.requires_grad] + ([] if log_peaks is None else [log_peaks])
        self.optimizer = torch.optim.AdamW(trained, lr=peak, weight_decay=0.01)
        self.step, self.about, self.start, self.done = 0, about, time.time(), 0
        self.sums, self.count = {}, 0
        os.makedirs(out, exist_ok=True)
        if os.path.exists(self.path):
            saved = torch.load(self.path, weights_only=True)
            towers.load_state_dict(saved["towers"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.step = saved["step"]
            if log_peaks is not None:
                log_peaks.data = torch.tensor(saved["peaks"]).log()

    def going(self) -> bool:
        return self.step < self.steps

    def descend(self, loss: torch.Tensor, **figures: torch.Tensor | float) -> None:
        """One step of the optimizer; the figures' means are logged."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.steps, self.peak)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.step += 1
        self.count += 1
        self.done += 1
        for name, value in {"loss": loss, **figures}.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(value)
        if sys.stderr.isatty():
            left = (time.time() - self.start) / self.done * (self.steps - self.step) / 60
            print(f"\rstep {self.step}/{self.steps}, loss {float(loss):.3f}, {left:.0f} min left ", end="", file=sys.stderr)

    def due(self, every: int) -> bool:
        return self.step % every == 0 or not self.going()

    def log(self, **figures: float) -> None:
        """One JSON object on stdout, and a checkpoint."""
        means = {name: total / self.count for name, total in self.sums.items()}
        self.sums, self.count = {}, 0
        line = {"step": self.step, "seconds": time.time() - self.start} | means | figures
        print(json.dumps({k: round(float(v), 4) for k, v in line.items()}), flush=True)
        state = {"towers": self.towers.state_dict(), "optimizer": self.optimizer.state_dict(), "step": self.step}
        state |= {"family": self.family, "signal": [astuple(l) for l in self.towers.signal.layers], "about": self.about}
        if self.log_peaks is not None:
            state["peaks"] = self.log_peaks.detach().exp().tolist()
        torch.save(state, self.path + ".new")
        os.replace(self.path + ".new", self.path)


def generator(seed: int, step: int) -> np.random.Generator:
    """The randomness of one step: a run that was stopped draws what it would have drawn."""
    return np.random.default_rng([seed, step])
