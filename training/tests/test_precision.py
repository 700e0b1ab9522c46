"""Every kind of model file: close to fp32 with the CPU provider, and made as its own provider wants it."""

import numpy as np
import onnx
import onnx.reference
import pytest
from onnx import TensorProto, numpy_helper

import graph
import runtime
from model import STUDENT
from precision import Full, Half, Nibbles, Quantization, Symmetric
from quantize import calibrate
from test_model import chunks, int8, weights  # noqa: F401


def precision_of(kind: type[Full], weights) -> Full:
    if issubclass(kind, Quantization):
        return kind(calibrate(STUDENT, weights, chunks(64, 4096)).peaks)
    return kind()


@pytest.mark.parametrize("kind, least", [(Half, 0.99999), (Quantization, 0.995), (Symmetric, 0.99), (Nibbles, 0.95)])
@pytest.mark.parametrize("samples", [1500, 4096])
def test_vectors_stay_close_to_fp32(weights, kind, least, samples):  # noqa: F811
    c = chunks(32, samples, seed=9)
    vectors = [
        runtime.signal_embedder(graph.signal_tower(STUDENT, weights, p).SerializeToString())(c.adc, c.shift, c.scale)
        for p in (Full(), precision_of(kind, weights))
    ]
    assert vectors[1].dtype == np.float32
    assert (vectors[0] * vectors[1]).sum(1).min() > least


def test_half_reaches_from_the_clipped_signal_to_the_means(weights):  # noqa: F811
    model = graph.signal_tower(STUDENT, weights, Half())
    model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    kinds = {v.name: v.type.tensor_type.elem_type for v in model.graph.value_info}
    inside = [f"conv{i}" for i in range(len(STUDENT))] + [f"mean{k}" for k in range(8)]
    assert all(kinds[name] == TensorProto.FLOAT16 for name in inside)
    assert all(kinds[name] == TensorProto.FLOAT for name in ("standard", "clipped", "head", "unit"))


def test_half_survives_arithmetic_that_rounds_every_step(weights):  # noqa: F811
    """The CPU provider may compute fp16 nodes in fp32; ONNX's reference evaluator does not."""
    c = chunks(2, 1500, seed=9)
    feed = runtime.feed(c.adc, c.shift, c.scale)
    full, half = (
        onnx.reference.ReferenceEvaluator(graph.signal_tower(STUDENT, weights, p)).run(None, feed)[0]
        for p in (Full(), Half())
    )
    assert (full * half).sum(1).min() > 0.9999


def test_symmetric_has_no_zero_points_and_the_weights_of_the_cpu(weights, int8):  # noqa: F811
    symmetric = graph.signal_tower(STUDENT, weights, precision_of(Symmetric, weights))
    values, others = ({c.name: numpy_helper.to_array(c) for c in m.graph.initializer} for m in (symmetric, int8))
    zeros = [v for name, v in values.items() if name.endswith("_zero")]
    assert len(zeros) == 2 * len(STUDENT) + 1
    assert all(z.dtype == np.int8 and not z.any() for z in zeros)
    levels = [name for name in values if name.endswith("_weight_q")]
    assert len(levels) == len(STUDENT) and all(np.array_equal(values[n], others[n]) for n in levels)
    dequantized = {n.input[0] for n in symmetric.graph.node if n.op_type == "DequantizeLinear"}
    assert not any("bias" in name for name in dequantized)
