"""In which numbers a signal tower computes: one class per kind of model file.

The head and the L2 norm are computed in fp32 whatever the trunk does. Every class runs with the CPU provider,
which is how it is checked, also where it is made for another one.
"""

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from families import CLIP
from nodes import Builder

WEIGHT_MAX = 63  # two 7-bit weights and a uint8 activation cannot saturate int16 sums
NIBBLE_MAX = 7


class Full:
    """fp32; what the others change of it are the steps of a tower, in the order of the graph."""

    scheme = "none"
    opset, ir_version = 18, 8

    def enter(self, b: Builder, x: str) -> str:
        """The normalized, clipped signal, fp32 -> what goes from layer to layer."""
        return x

    def hear(self, b: Builder, x: str) -> str:
        """What goes from layer to layer -> what a convolution takes."""
        return x

    def parameters(self, b: Builder, i: int, weight: np.ndarray, bias: np.ndarray) -> list[str]:
        """Weight [out, in, 1, kernel] and bias [out] of convolution i."""
        return [b.constant(f"conv{i}_weight", weight), b.constant(f"conv{i}_bias", bias)]

    def say(self, b: Builder, i: int, x: str) -> str:
        """What a convolution and its ReLU gave -> what goes from layer to layer."""
        return x

    def frames(self, b: Builder, x: str) -> str:
        """What the last layer said -> what is cut into segments."""
        return x

    def segment(self, b: Builder, x: str) -> str:
        """A segment of the frames -> what is averaged."""
        return x

    def leave(self, b: Builder, x: str) -> str:
        """Means of the segments -> fp32."""
        return x

    def head(self, b: Builder, weight: np.ndarray, bias: np.ndarray) -> list[str]:
        """Weight [DIM, in, 1, 1] and bias [DIM] of the head."""
        return [b.constant("head_weight", weight), b.constant("head_bias", bias)]


class Half(Full):
    """fp16 from the clipped signal to the means, for the CUDA provider with prefer_nhwc=1.

    Raw samples exceed what fp16 resolves, so they are normalized before. That provider sums means in fp32; even
    in fp16 the sum of a segment would stay far below 65504.
    """

    scheme = "fp16"

    def enter(self, b: Builder, x: str) -> str:
        return b.node("Cast", [x], x + "_half", to=TensorProto.FLOAT16)

    def parameters(self, b: Builder, i: int, weight: np.ndarray, bias: np.ndarray) -> list[str]:
        return super().parameters(b, i, weight.astype(np.float16), bias.astype(np.float16))

    def leave(self, b: Builder, x: str) -> str:
        return b.node("Cast", [x], x + "_full", to=TensorProto.FLOAT)


@dataclass(frozen=True)
class Quantization(Full):
    """uint8 activations and per-channel int8 weights of 7 bits, for the CPU provider.

    peaks: the largest activation of each layer (after its ReLU); the clipped input spans +-CLIP.
    """

    peaks: tuple[float, ...]

    scheme = "qdq-u8s8-per-channel-reduce-range"

    def step(self, i: int) -> float:
        """One level of what layer i takes."""
        return self.peaks[i - 1] / 255 if i else 2 * CLIP / 255

    def zero(self, i: int) -> np.generic:
        """The level of 0 in what layer i takes."""
        return np.uint8(0 if i else 128)

    def quantize(self, b: Builder, i: int, x: str) -> str:
        grid = [b.constant(x + "_scale", np.float32(self.step(i))), b.constant(x + "_zero", self.zero(i))]
        return b.node("QuantizeLinear", [x, *grid], x + "_q")

    def dequantize(self, b: Builder, x: str, source: str) -> str:
        """x: `source` as quantize() made it, or a part of that."""
        source = source.removesuffix("_q")
        return b.node("DequantizeLinear", [x, source + "_scale", source + "_zero"], x + "_dq")

    def enter(self, b: Builder, x: str) -> str:
        return self.quantize(b, 0, x)

    def hear(self, b: Builder, x: str) -> str:
        return self.dequantize(b, x, x)

    def parameters(self, b: Builder, i: int, weight: np.ndarray, bias: np.ndarray) -> list[str]:
        levels, scale = per_channel(weight, WEIGHT_MAX)
        step = (scale * np.float32(self.step(i))).astype(np.float32)
        return [
            constant_levels(b, f"conv{i}_weight", levels.astype(np.int8), scale),
            constant_levels(b, f"conv{i}_bias", np.rint(bias / step).astype(np.int32), step),
        ]

    def say(self, b: Builder, i: int, x: str) -> str:
        return self.quantize(b, i + 1, x)

    def segment(self, b: Builder, x: str) -> str:
        """Dequantized segment by segment, so that each frame is dequantized once."""
        return self.dequantize(b, x, f"relu{len(self.peaks) - 1}_q")


class Symmetric(Quantization):
    """int8 activations and weights, all zero points 0, for the TensorRT provider (which leaves the int16 Cast to CUDA).

    The same weights as on the CPU. Biases stay fp32: TensorRT has no int32 dequantization. After a ReLU only the
    levels 0 to 127 are used.
    """

    scheme = "qdq-s8s8-per-channel-symmetric"

    def step(self, i: int) -> float:
        return (self.peaks[i - 1] if i else CLIP) / 127

    def zero(self, i: int) -> np.generic:
        return np.int8(0)

    def parameters(self, b: Builder, i: int, weight: np.ndarray, bias: np.ndarray) -> list[str]:
        levels, scale = per_channel(weight, WEIGHT_MAX)
        return [constant_levels(b, f"conv{i}_weight", levels.astype(np.int8), scale), b.constant(f"conv{i}_bias", bias)]

    def frames(self, b: Builder, x: str) -> str:
        return self.hear(b, x)

    def segment(self, b: Builder, x: str) -> str:
        return x


class Nibbles(Full):
    """int4 weights per output channel, the head's too; activations fp32: smaller, not faster.

    The first layer stays fp32: few weights, and every one of them is heard by all that follows.
    """

    scheme = "weight-only-int4-per-channel"
    opset, ir_version = 21, 10

    def parameters(self, b: Builder, i: int, weight: np.ndarray, bias: np.ndarray) -> list[str]:
        if i == 0:
            return super().parameters(b, i, weight, bias)
        return [self.nibbles(b, f"conv{i}_weight", weight), b.constant(f"conv{i}_bias", bias)]

    def head(self, b: Builder, weight: np.ndarray, bias: np.ndarray) -> list[str]:
        return [self.nibbles(b, "head_weight", weight), b.constant("head_bias", bias)]

    def nibbles(self, b: Builder, name: str, weight: np.ndarray) -> str:
        levels, scale = per_channel(weight, NIBBLE_MAX)
        grid = [b.packed(name + "_q", TensorProto.INT4, levels.astype(int)), b.constant(name + "_scale", scale)]
        return b.node("DequantizeLinear", grid, name, axis=0)


def per_channel(weight: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
    """weight [out, in, 1, kernel] = levels in -top..top, times scale float32 [out]."""
    scale = (np.abs(weight).max(axis=(1, 2, 3)) / top).astype(np.float32)
    scale = np.maximum(scale, np.float32(1e-12))
    return np.rint(weight / scale[:, None, None, None]), scale


def constant_levels(b: Builder, name: str, levels: np.ndarray, scale: np.ndarray) -> str:
    """DequantizeLinear of a constant, per output channel."""
    zero = np.zeros(len(scale), levels.dtype)
    grid = [b.constant(name + "_q", levels), b.constant(name + "_scale", scale), b.constant(name + "_zero", zero)]
    return b.node("DequantizeLinear", grid, name, axis=0)
