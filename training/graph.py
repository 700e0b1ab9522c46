"""The ONNX graphs, written by hand from folded weights: exact control, few operators.

Convolutions are Conv2D with H=1. The signal tower takes raw int16 samples and normalizes them in the
graph; its `Precision` says in which numbers its convolutions compute, while the head and the L2 norm stay
fp32. The head is a 1x1 convolution, not a matrix product, so a vector does not depend on the batch it is
computed in.
"""

import hashlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from families import CLIP
from model import DIM, SEGMENTS, Layer, Layers
from nodes import Builder
from precision import Full

Weights = list[tuple[np.ndarray, np.ndarray]]  # (weight [out, in, k], bias [out]) per layer, head last


def trunk(b: Builder, x: str, layers: Layers, weights: Weights, precision: Full) -> str:
    """Convolutions with ReLU; returns the frames [batch, channels, 1, T]."""
    x = precision.enter(b, x)
    for i, (layer, (weight, bias)) in enumerate(zip(layers, weights)):
        parameters = precision.parameters(b, i, weight[:, :, None, :], bias)
        x = b.convolution(f"conv{i}", layer, [precision.hear(b, x), *parameters])
        x = precision.say(b, i, b.node("Relu", [x], f"relu{i}"))
    return x


def pool(b: Builder, frames: str, precision: Full) -> str:
    """Segment means over T with boundaries floor(T*k/SEGMENTS): fp32 [batch, SEGMENTS*channels, 1, 1]."""
    frames = precision.frames(b, frames)
    axis = b.constant("time_axis", np.int64([3]))
    shape = b.node("Shape", [frames], "frames_shape")
    count = b.node("Gather", [shape, axis], "frame_count", axis=0)
    parts = b.constant("segments", np.int64([SEGMENTS]))
    bounds = [b.constant("bound0", np.int64([0]))]
    for k in range(1, SEGMENTS):
        product = b.node("Mul", [count, b.constant(f"segment{k}", np.int64([k]))], f"product{k}")
        bounds.append(b.node("Div", [product, parts], f"bound{k}"))
    bounds.append(count)
    means = []
    for k in range(SEGMENTS):
        part = b.node("Slice", [frames, bounds[k], bounds[k + 1], axis], f"part{k}")
        means.append(b.node("ReduceMean", [precision.segment(b, part), axis], f"mean{k}", keepdims=1))
    return precision.leave(b, b.node("Concat", means, "pooled", axis=1))


def head(b: Builder, pooled: str, weight: np.ndarray, bias: np.ndarray, precision: Full) -> None:
    """1x1 convolution and L2 norm: the output `embedding` [batch, DIM]."""
    x = b.node("Conv", [pooled, *precision.head(b, weight[:, :, None, :], bias)], "head", kernel_shape=[1, 1])
    norm = b.node("ReduceL2", [x, b.constant("channel_axis", np.int64([1]))], "norm", keepdims=1)
    norm = b.node("Max", [norm, b.constant("tiny", np.float32(1e-12))], "norm_floor")
    x = b.node("Div", [x, norm], "unit")
    b.node("Squeeze", [x, b.constant("map_axes", np.int64([2, 3]))], "embedding")


def model(
    b: Builder, name: str, inputs: list[onnx.ValueInfoProto], precision: Full, taps: tuple[str, ...] = ()
) -> onnx.ModelProto:
    results = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", DIM])]
    results += [helper.make_tensor_value_info(t, TensorProto.FLOAT, None) for t in taps]
    graph = helper.make_graph(b.nodes, name, inputs, results, b.constants)
    opset = [helper.make_opsetid("", precision.opset)]
    made = helper.make_model(graph, opset_imports=opset, ir_version=precision.ir_version, producer_name="porevec")
    if not taps:
        onnx.checker.check_model(made, full_check=True)
    return made


def signal_tower(
    layers: Layers, weights: Weights, precision: Full = Full(), tap: bool = False
) -> onnx.ModelProto:
    """signal int16 [batch,1,1,samples], shift and scale float32 [batch,1,1,1] in adc counts -> embedding.

    tap adds the output of every layer, for calibration.
    """
    b = Builder()
    x = b.node("Cast", ["signal"], "adc", to=TensorProto.FLOAT)
    x = b.node("Sub", [x, "shift"], "centred")
    x = b.node("Div", [x, "scale"], "standard")
    limits = [b.constant("clip_low", np.float32(-CLIP)), b.constant("clip_high", np.float32(CLIP))]
    x = b.node("Clip", [x, *limits], "clipped")
    head(b, pool(b, trunk(b, x, layers, weights, precision), precision), *weights[-1], precision)
    inputs = [
        helper.make_tensor_value_info("signal", TensorProto.INT16, ["batch", 1, 1, "samples"]),
        helper.make_tensor_value_info("shift", TensorProto.FLOAT, ["batch", 1, 1, 1]),
        helper.make_tensor_value_info("scale", TensorProto.FLOAT, ["batch", 1, 1, 1]),
    ]
    return model(b, "signal_tower", inputs, precision, tuple(f"relu{i}" for i in range(len(layers))) if tap else ())


def reference_tower(layers: Layers, weights: Weights) -> onnx.ModelProto:
    """bases float32 [batch,4,1,length], one-hot ACGT, N all zeros -> embedding."""
    b, precision = Builder(), Full()
    head(b, pool(b, trunk(b, "bases", layers, weights, precision), precision), *weights[-1], precision)
    bases = helper.make_tensor_value_info("bases", TensorProto.FLOAT, ["batch", 4, 1, "length"])
    return model(b, "reference_tower", [bases], precision)


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
