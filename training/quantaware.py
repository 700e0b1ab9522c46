"""Quantization-aware training: a signal tower computed as its integers will be.

The same grid as precision.py writes: uint8 activations from 0 to a peak per layer, the clipped input on
+-CLIP, 7-bit weights per output channel. Rounding passes gradients straight through; peaks are learned.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from families import CLIP
from model import Tower
from precision import WEIGHT_MAX


def _rounded(x: Tensor) -> Tensor:
    return x + (x.round() - x).detach()


class Aware(nn.Module):
    """[batch, 1, samples] -> [batch, DIM], with the weights of `tower` and its BatchNorm frozen and folded."""

    def __init__(self, tower: Tower, peaks: list[float]):
        super().__init__()
        self.tower = tower.eval()
        self.log_peaks = nn.Parameter(torch.tensor(peaks).log())

    def forward(self, x: Tensor) -> Tensor:
        step = 2 * CLIP / 255
        x = (_rounded(x / step) + 128).clamp(0, 255).sub(128) * step
        *convs, _ = self.tower.folded()
        for layer, (weight, bias), log_peak in zip(self.tower.layers, convs, self.log_peaks):
            grid = weight.detach().abs().amax(dim=(1, 2), keepdim=True).clamp(min=1e-12) / WEIGHT_MAX
            weight = _rounded(weight / grid) * grid
            x = F.relu(F.conv1d(x, weight, bias, layer.stride, layer.padding, layer.dilation))
            step = log_peak.exp() / 255
            x = _rounded((x / step).clamp(max=255)) * step
        return self.tower.finish(x)
