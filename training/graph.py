"""The ONNX graphs, written by hand from folded weights: exact control, few operators.

Convolutions are Conv2D with H=1. The signal tower takes raw int16 samples and normalizes them in the
graph; with `Quantization` its convolutions are wrapped in QuantizeLinear/DequantizeLinear (uint8
activations, per-channel int8 weights of 7 bits), while the head and the L2 norm stay fp32. The head is a
1x1 convolution, not a matrix product, so a vector does not depend on the batch it is computed in.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from families import CLIP
from model import DIM, SEGMENTS, Layer, Layers

OPSET, IR_VERSION = 17, 8
WEIGHT_MAX = 63  # two 7-bit weights and a uint8 activation cannot saturate int16 sums

Weights = list[tuple[np.ndarray, np.ndarray]]  # (weight [out, in, k], bias [out]) per layer, head last


@dataclass(frozen=True)
class Quantization:
    """Largest activation of each layer (after its ReLU); the clipped input spans +-CLIP."""

    peaks: tuple[float, ...]


class _Builder:
    def __init__(self):
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, op: str, inputs: list[str], output: str, **attributes) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def quantize(self, x: str, scale: float, zero: int) -> tuple[str, list[str]]:
        """QuantizeLinear of an activation, uint8 per tensor, and the names of its scale and zero point."""
        grid = [self.constant(x + "_scale", np.float32(scale)), self.constant(x + "_zero", np.uint8(zero))]
        return self.node("QuantizeLinear", [x, *grid], x + "_q"), grid

    def quantized_weight(self, name: str, weight: np.ndarray, bias: np.ndarray, in_scale: float) -> list[str]:
        """DequantizeLinear of an int8 weight and its int32 bias, both per output channel."""
        scale = (np.abs(weight).max(axis=(1, 2, 3)) / WEIGHT_MAX).astype(np.float32)
        scale = np.maximum(scale, np.float32(1e-12))
        levels = np.rint(weight / scale[:, None, None, None]).astype(np.int8)
        bias_scale = (scale * np.float32(in_scale)).astype(np.float32)
        outputs = []
        for part, value, step in (
            ("weight", levels, scale),
            ("bias", np.rint(bias / bias_scale).astype(np.int32), bias_scale),
        ):
            base = f"{name}_{part}"
            grid = [
                self.constant(base + "_q", value),
                self.constant(base + "_scale", step),
                self.constant(base + "_zero", np.zeros(len(step), value.dtype)),
            ]
            outputs.append(self.node("DequantizeLinear", grid, base, axis=0))
        return outputs

    def trunk(
        self, x: str, layers: Layers, weights: Weights, quantization: Quantization | None
    ) -> tuple[str, list[str]]:
        """Convolutions with ReLU; returns the frames [batch, channels, 1, T], uint8 with their grid if quantized."""
        grid: list[str] = []
        scale = 2 * CLIP / 255
        if quantization:
            x, grid = self.quantize(x, scale, 128)
        for i, (layer, (weight, bias)) in enumerate(zip(layers, weights)):
            name, weight = f"conv{i}", weight[:, :, None, :]
            if quantization:
                x = self.node("DequantizeLinear", [x, *grid], x + "_dq")
                parameters = self.quantized_weight(name, weight, bias, scale)
            else:
                parameters = [self.constant(name + "_weight", weight), self.constant(name + "_bias", bias)]
            x = self.node(
                "Conv", [x, *parameters], name,
                kernel_shape=[1, layer.kernel], strides=[1, layer.stride], dilations=[1, layer.dilation],
                pads=[0, layer.padding, 0, layer.padding],
            )  # fmt: skip
            x = self.node("Relu", [x], f"relu{i}")
            if quantization:
                scale = quantization.peaks[i] / 255
                x, grid = self.quantize(x, scale, 0)
        return x, grid

    def pool(self, frames: str, grid: list[str]) -> str:
        """Segment means over T with boundaries floor(T*k/SEGMENTS): [batch, SEGMENTS*channels, 1, 1].

        Quantized frames are dequantized segment by segment, so that each is dequantized once.
        """
        axis = self.constant("time_axis", np.int64([3]))
        shape = self.node("Shape", [frames], "frames_shape")
        count = self.node("Gather", [shape, axis], "frame_count", axis=0)
        parts = self.constant("segments", np.int64([SEGMENTS]))
        bounds = [self.constant("bound0", np.int64([0]))]
        for k in range(1, SEGMENTS):
            product = self.node("Mul", [count, self.constant(f"segment{k}", np.int64([k]))], f"product{k}")
            bounds.append(self.node("Div", [product, parts], f"bound{k}"))
        bounds.append(count)
        means = []
        for k in range(SEGMENTS):
            part = self.node("Slice", [frames, bounds[k], bounds[k + 1], axis], f"part{k}")
            if grid:
                part = self.node("DequantizeLinear", [part, *grid], part + "_dq")
            means.append(self.node("ReduceMean", [part], f"mean{k}", axes=[3], keepdims=1))
        return self.node("Concat", means, "pooled", axis=1)

    def head(self, pooled: str, weight: np.ndarray, bias: np.ndarray) -> str:
        """1x1 convolution and L2 norm: [batch, DIM]."""
        names = [self.constant("head_weight", weight[:, :, None, :]), self.constant("head_bias", bias)]
        x = self.node("Conv", [pooled, *names], "head", kernel_shape=[1, 1])
        norm = self.node("ReduceL2", [x], "norm", axes=[1], keepdims=1)
        norm = self.node("Max", [norm, self.constant("tiny", np.float32(1e-12))], "norm_floor")
        x = self.node("Div", [x, norm], "unit")
        return self.node("Squeeze", [x, self.constant("map_axes", np.int64([2, 3]))], "embedding")

    def model(self, name: str, inputs: list[onnx.ValueInfoProto], outputs: tuple[str, ...] = ()) -> onnx.ModelProto:
        results = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", DIM])]
        results += [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs]
        graph = helper.make_graph(self.nodes, name, inputs, results, self.constants)
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="porevec")
        if not outputs:
            onnx.checker.check_model(model, full_check=True)
        return model


def signal_tower(
    layers: Layers, weights: Weights, quantization: Quantization | None = None, tap: bool = False
) -> onnx.ModelProto:
    """signal int16 [batch,1,1,samples], shift and scale float32 [batch,1,1,1] in adc counts -> embedding.

    tap adds the output of every layer, for calibration.
    """
    b = _Builder()
    x = b.node("Cast", ["signal"], "adc", to=TensorProto.FLOAT)
    x = b.node("Sub", [x, "shift"], "centred")
    x = b.node("Div", [x, "scale"], "standard")
    limits = [b.constant("clip_low", np.float32(-CLIP)), b.constant("clip_high", np.float32(CLIP))]
    x = b.node("Clip", [x, *limits], "clipped")
    b.head(b.pool(*b.trunk(x, layers, weights, quantization)), *weights[-1])
    inputs = [
        helper.make_tensor_value_info("signal", TensorProto.INT16, ["batch", 1, 1, "samples"]),
        helper.make_tensor_value_info("shift", TensorProto.FLOAT, ["batch", 1, 1, 1]),
        helper.make_tensor_value_info("scale", TensorProto.FLOAT, ["batch", 1, 1, 1]),
    ]
    return b.model("signal_tower", inputs, tuple(f"relu{i}" for i in range(len(layers))) if tap else ())


def reference_tower(layers: Layers, weights: Weights) -> onnx.ModelProto:
    """bases float32 [batch,4,1,length], one-hot ACGT, N all zeros -> embedding."""
    b = _Builder()
    b.head(b.pool(*b.trunk("bases", layers, weights, None)), *weights[-1])
    bases = helper.make_tensor_value_info("bases", TensorProto.FLOAT, ["batch", 4, 1, "length"])
    return b.model("reference_tower", [bases])


def weights_of(model: onnx.ModelProto) -> Weights:
    """The folded weights of an fp32 graph, as they went in."""
    values = {c.name: numpy_helper.to_array(c) for c in model.graph.initializer}
    names = [n.name for n in model.graph.node if n.op_type == "Conv"]
    return [(values[n + "_weight"][:, :, 0, :], values[n + "_bias"]) for n in names]


def layers_of(model: onnx.ModelProto) -> Layers:
    """The convolutions of a signal tower's graph, without its head."""
    shapes = {c.name: c.dims for c in model.graph.initializer}
    layers = []
    for node in model.graph.node:
        if node.op_type != "Conv" or node.name == "head":
            continue
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        outputs, inputs = shapes[node.name + "_weight"][:2]
        kernel, stride, dilation = (attributes[a][1] for a in ("kernel_shape", "strides", "dilations"))
        layers.append(Layer(inputs, outputs, kernel, stride, dilation))
    return tuple(layers)


def digest(weights: Weights) -> str:
    """SHA-256 of the folded fp32 weights and biases, little-endian, in layer order."""
    sha = hashlib.sha256()
    for weight, bias in weights:
        sha.update(weight.astype("<f4").tobytes())
        sha.update(bias.astype("<f4").tobytes())
    return sha.hexdigest()


def set_metadata(model: onnx.ModelProto, values: dict[str, str]) -> None:
    """Add to metadata_props, replacing keys that are there."""
    helper.set_model_props(model, {p.key: p.value for p in model.metadata_props} | values)
