"""An ONNX graph in the making: nodes and constants, each named after what it computes."""

import numpy as np
import onnx
from onnx import helper, numpy_helper

from model import Layer


class Builder:
    def __init__(self):
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def packed(self, name: str, kind: int, levels: np.ndarray) -> str:
        """A constant of an ONNX type that numpy lacks, from whole numbers."""
        self.constants.append(helper.make_tensor(name, kind, levels.shape, levels.ravel()))
        return name

    def node(self, op: str, inputs: list[str], output: str, **attributes) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def convolution(self, name: str, layer: Layer, inputs: list[str]) -> str:
        """Conv2D with H=1; inputs: frames [batch, channels, 1, T], weight [out, in, 1, kernel], bias [out]."""
        return self.node(
            "Conv", inputs, name,
            kernel_shape=[1, layer.kernel], strides=[1, layer.stride], dilations=[1, layer.dilation],
            pads=[0, layer.padding, 0, layer.padding],
        )  # fmt: skip
