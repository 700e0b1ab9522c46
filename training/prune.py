"""Structured pruning: a checkpoint whose signal tower keeps the most important channels of each convolution.

A channel's importance is the standard deviation of what it adds to the next layer: that of its activation, times the
norm of its outgoing weights, each scaled by the gain of the BatchNorm that it goes into. After BatchNorm and before
ReLU a channel has the mean `bias` and the standard deviation `weight`, whatever its incoming weights are, so taking that
distribution as normal gives the activation's moments without data. The mean of what a removed channel added moves into
the next layer. Its variation is lost, and the variances of the BatchNorms behind it no longer fit: both are for a
distillation with BatchNorm in training to make good, and until then a pruned tower is of little use.
"""

import argparse
import os
from dataclasses import astuple, replace

import torch
from torch import Tensor, nn

from loop import load
from model import DIM, SEGMENTS, Tower

NORMAL = torch.distributions.Normal(0.0, 1.0)


def rectified(norm: nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    """Mean and variance [channels] of ReLU(BatchNorm), whose input is taken as normal."""
    mean, sd = norm.bias, norm.weight.abs().clamp(min=1e-12)
    ratio = mean / sd
    density, below = NORMAL.log_prob(ratio).exp(), NORMAL.cdf(ratio)
    first = mean * below + sd * density
    second = (mean**2 + sd**2) * below + mean * sd * density
    return first, (second - first**2).clamp(min=0)


def outgoing(tower: Tower) -> list[Tensor]:
    """Weights [out, channels, taps] that hear each convolution's channels: the next one's, at the end the head's."""
    return [conv.weight for conv in tower.convs[1:]] + [tower.head.weight.view(DIM, SEGMENTS, -1).transpose(1, 2)]


def gains(tower: Tower) -> list[Tensor]:
    """What scales the output of the layer after each convolution, [out]."""
    return [n.weight / torch.sqrt(n.running_var + n.eps) for n in tower.norms[1:]] + [torch.ones(DIM)]


def importance(tower: Tower) -> list[Tensor]:
    """[channels] of each convolution."""
    return [
        rectified(norm)[1].sqrt() * (weight * gain[:, None, None]).flatten(2).norm(dim=(0, 2))
        for norm, weight, gain in zip(tower.norms, outgoing(tower), gains(tower))
    ]


@torch.no_grad()
def prune(tower: Tower, keep: list[int]) -> Tower:
    """The tower with the keep[i] most important channels of convolution i, in their order."""
    kept = [score.argsort(descending=True)[:count].sort().values for score, count in zip(importance(tower), keep)]
    inputs = [torch.arange(tower.layers[0].inputs), *kept]
    layers = tuple(replace(l, inputs=len(i), outputs=len(o)) for l, i, o in zip(tower.layers, inputs, kept))
    small = Tower(layers)
    lost = torch.zeros(tower.layers[0].outputs)  # mean of what removed channels added to each convolution's output
    for i, rows in enumerate(kept):
        small.convs[i].weight.copy_(tower.convs[i].weight[rows][:, inputs[i]])
        for name in ("weight", "bias", "running_mean", "running_var"):
            getattr(small.norms[i], name).copy_(getattr(tower.norms[i], name)[rows])
        small.norms[i].running_mean -= lost[rows]
        mean = rectified(tower.norms[i])[0]
        mean[rows] = 0
        lost = outgoing(tower)[i].sum(2) @ mean
    small.head.weight.copy_(outgoing(tower)[-1][:, kept[-1]].transpose(1, 2).reshape(DIM, -1, 1))
    small.head.bias.copy_(tower.head.bias + lost)
    return small.train(tower.training)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("--keep", required=True, help="channels of each convolution; multiples of 16 are fastest")
    parser.add_argument("--out", required=True, help="folder of the pruned checkpoint")
    args = parser.parse_args()
    _, towers, saved = load(args.checkpoint)
    keep = [int(count) for count in args.keep.split(",")]
    limits = [layer.outputs for layer in towers.signal.layers]
    if len(keep) != len(limits) or not all(0 < k <= limit for k, limit in zip(keep, limits)):
        parser.error(f"--keep needs {len(limits)} counts, at most {limits}")
    towers.signal = prune(towers.signal, keep)
    state = {
        "family": saved["family"],
        "signal": [astuple(layer) for layer in towers.signal.layers],
        "towers": towers.state_dict(),
        "step": saved["step"],
        "about": saved["about"] | {"recipe": f"{saved['about']['recipe']}; pruned to {args.keep} channels"},
    }
    os.makedirs(args.out, exist_ok=True)
    torch.save(state, os.path.join(args.out, "checkpoint.pt"))
    count = sum(p.numel() for p in towers.signal.parameters())
    print(os.path.join(args.out, "checkpoint.pt"), f"{count:,} parameters in the signal tower")


if __name__ == "__main__":
    main()
