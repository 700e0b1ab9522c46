"""The two towers: signal and bases into one space.

Both are a few dense strided convolutions, a pooling that keeps order, one linear layer and an L2
normalization. They differ only in their first layers.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

DIM = 128
NESTED = (32, 64, 128)  # prefixes that are embeddings of their own
SEGMENTS = 8  # means over time, in order; the mean of the whole would be a sum of these


@dataclass(frozen=True)
class Layer:
    """One convolution with BatchNorm and ReLU."""

    inputs: int
    outputs: int
    kernel: int
    stride: int = 1
    dilation: int = 1

    @property
    def padding(self) -> int:
        return (self.kernel - 1) * self.dilation // 2


Layers = tuple[Layer, ...]

# Signal towers: 12 samples per frame, about one frame per base.
STUDENT: Layers = (
    Layer(1, 32, 13, stride=4),
    Layer(32, 64, 5, stride=3),
    Layer(64, 64, 5),
    Layer(64, 64, 5, dilation=3),
    Layer(64, 192, 1),
)
TEACHER: Layers = (
    Layer(1, 48, 13, stride=4),
    Layer(48, 96, 5, stride=3),
    Layer(96, 96, 5),
    Layer(96, 96, 5, dilation=3),
    Layer(96, 288, 1),
)
# Reference tower: 2 bases per frame. Teacher and student share it, and with it their space.
REFERENCE: Layers = (
    Layer(4, 96, 11, stride=2),
    Layer(96, 96, 5),
    Layer(96, 96, 5, dilation=2),
    Layer(96, 192, 1),
)


def pool(frames: Tensor) -> Tensor:
    """[batch, channels, T] -> [batch, SEGMENTS*channels, 1]: the mean of each segment, one after another.

    A product with a [T, SEGMENTS] matrix: the gradient of slices is far slower.
    """
    length = frames.shape[2]
    weights = frames.new_zeros(length, SEGMENTS)
    for i in range(SEGMENTS):
        start, end = length * i // SEGMENTS, length * (i + 1) // SEGMENTS
        weights[start:end, i] = 1 / (end - start)
    return (frames @ weights).transpose(1, 2).flatten(1).unsqueeze(2)


class Tower(nn.Module):
    """[batch, channels, length] -> L2-normalized [batch, DIM]."""

    def __init__(self, layers: Layers):
        super().__init__()
        self.layers = layers
        self.convs = nn.ModuleList(
            nn.Conv1d(l.inputs, l.outputs, l.kernel, l.stride, l.padding, l.dilation, bias=False) for l in layers
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(l.outputs) for l in layers)
        self.head = nn.Conv1d(SEGMENTS * layers[-1].outputs, DIM, 1)

    def forward(self, x: Tensor) -> Tensor:
        for conv, norm in zip(self.convs, self.norms):
            x = F.relu(norm(conv(x)))
        return self.finish(x)

    def finish(self, frames: Tensor) -> Tensor:
        """Pooling, head and L2 norm, in fp32."""
        pooled = pool(frames)
        with torch.autocast("cpu", enabled=False):
            return F.normalize(self.head(pooled.float()).squeeze(2), dim=1)

    def folded(self) -> list[tuple[Tensor, Tensor]]:
        """(weight, bias) of every convolution with its BatchNorm folded in, then of the head."""
        pairs = []
        for conv, norm in zip(self.convs, self.norms):
            gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            pairs.append((conv.weight * gain[:, None, None], norm.bias - norm.running_mean * gain))
        pairs.append((self.head.weight, self.head.bias))
        return pairs


@torch.no_grad()
def grow(small: Tower, layers: Layers) -> Tower:
    """A wider tower that computes what the small one does: new channels are heard by none of the old ones."""
    large = Tower(layers)
    for source, target in zip(small.convs, large.convs):
        rows, columns = source.weight.shape[:2]
        target.weight[:rows] = 0
        target.weight[:rows, :columns] = source.weight
    for source, target in zip(small.norms, large.norms):
        for name in ("weight", "bias", "running_mean", "running_var"):
            getattr(target, name)[: len(source.weight)] = getattr(source, name)
    old, new = small.layers[-1].outputs, layers[-1].outputs
    large.head.weight.zero_()
    large.head.weight.view(DIM, SEGMENTS, new)[:, :, :old] = small.head.weight.view(DIM, SEGMENTS, old)
    large.head.bias.copy_(small.head.bias)
    return large


def twins(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """The two reads of the same windows in a training batch (simulate.training_batch) of 4 rows per group."""
    groups = len(vectors) // 4
    return vectors[:groups], vectors[groups : 2 * groups]


class TwoTowers(nn.Module):
    """Signal tower, reference tower and the learned temperature of their similarity."""

    MAX_SCALE = 60.0

    def __init__(self, signal: Layers = STUDENT):
        super().__init__()
        self.signal = Tower(signal)
        self.reference = Tower(REFERENCE)
        self.log_scale = nn.Parameter(torch.tensor(14.0).log())

    def loss(self, signal: Tensor, other: Tensor, same: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Symmetric InfoNCE over embeddings [batch, DIM], mean over the nested heads; in-batch accuracy.

        same: bool [batch, batch], pairs that come from one place and are no negatives of each other.
        """
        scale = self.log_scale.exp().clamp(max=self.MAX_SCALE)
        target = torch.arange(len(signal))
        losses = []
        for dim in NESTED:
            logits = scale * F.normalize(signal[:, :dim], dim=1) @ F.normalize(other[:, :dim], dim=1).T
            if same is not None:
                logits = logits.masked_fill(same & ~torch.eye(len(signal), dtype=torch.bool), -1e4)
            losses.append((F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2)
        return sum(losses) / len(losses), (logits.argmax(1) == target).float().mean()
