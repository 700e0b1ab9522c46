"""Towers and graphs: shapes, folding, quantization, independence of the batch."""

import numpy as np
import onnx
import pytest
import torch

import graph
import runtime
from export import flops_per_sample, folded
from families import CLIP, MIN_SAMPLES
from model import DIM, REFERENCE, STUDENT, TEACHER, Tower, TwoTowers, grow
from precision import Quantization
from quantaware import Aware
from quantize import calibrate
from retrieval import Chunks


def tower(layers) -> Tower:
    """Random weights with BatchNorm statistics that folding must not lose."""
    torch.manual_seed(0)
    result = Tower(layers)
    for norm in result.norms:
        torch.nn.init.uniform_(norm.running_mean, -0.3, 0.3)
        torch.nn.init.uniform_(norm.running_var, 0.2, 2)
        torch.nn.init.uniform_(norm.bias, -0.2, 0.2)
    return result.eval()


def chunks(count: int, samples: int, seed: int = 0) -> Chunks:
    rng = np.random.default_rng(seed)
    adc = rng.integers(300, 900, (count, samples)).astype(np.int16)
    shift = rng.uniform(550, 650, (count, 1)).astype(np.float32)
    scale = rng.uniform(80, 160, (count, 1)).astype(np.float32)
    return Chunks(adc, shift, scale, np.zeros(count), np.ones(count))


@pytest.fixture(scope="module")
def weights() -> graph.Weights:
    return folded(tower(STUDENT))


@pytest.fixture(scope="module")
def int8(weights) -> onnx.ModelProto:
    return graph.signal_tower(STUDENT, weights, calibrate(STUDENT, weights, chunks(64, 4096)))


def test_loss_prefers_true_pairs():
    towers = TwoTowers()
    a = torch.nn.functional.normalize(torch.randn(16, DIM), dim=1)
    same, accuracy = towers.loss(a, a)
    other, _ = towers.loss(a, a.roll(1, 0))
    assert same < other and accuracy == 1


@pytest.mark.parametrize("samples", [MIN_SAMPLES, 1501, 4096])
def test_onnx_equals_torch(weights, samples):
    c = chunks(4, samples)
    x = np.clip((c.adc - c.shift) / c.scale, -CLIP, CLIP)
    with torch.no_grad():
        expected = tower(STUDENT)(torch.from_numpy(x)[:, None]).numpy()
    got = runtime.signal_embedder(graph.signal_tower(STUDENT, weights).SerializeToString())(c.adc, c.shift, c.scale)
    assert got.shape == (4, DIM) and np.abs(got - expected).max() < 1e-5


def test_reference_onnx_equals_torch():
    bases = np.eye(4, dtype=np.float32)[np.random.default_rng(0).integers(0, 4, (3, 328))].transpose(0, 2, 1)
    model = tower(REFERENCE)
    with torch.no_grad():
        expected = model(torch.from_numpy(bases)).numpy()
    embed = runtime.reference_embedder(graph.reference_tower(REFERENCE, folded(model)).SerializeToString())
    assert np.abs(embed(bases) - expected).max() < 1e-5


@pytest.mark.parametrize("quantized", [False, True])
@pytest.mark.parametrize("samples", [MIN_SAMPLES, 1500, 4096])
def test_vectors_do_not_depend_on_the_batch(weights, int8, quantized, samples):
    model = int8 if quantized else graph.signal_tower(STUDENT, weights)
    embed = runtime.signal_embedder(model.SerializeToString())
    c = chunks(32, samples)
    full = embed(c.adc, c.shift, c.scale)
    rng = np.random.default_rng(1)
    for size in (1, 3, 8, 31):
        rows = rng.permutation(32)[:size]
        assert np.array_equal(embed(c.adc[rows], c.shift[rows], c.scale[rows]), full[rows])


def test_quantization_keeps_the_vectors(weights, int8):
    c = chunks(32, 4096, seed=9)
    vectors = [
        runtime.signal_embedder(m.SerializeToString())(c.adc, c.shift, c.scale)
        for m in (graph.signal_tower(STUDENT, weights), int8)
    ]
    assert (vectors[0] * vectors[1]).sum(1).min() > 0.99


def test_weight_pairs_cannot_saturate(int8):
    for constant in int8.graph.initializer:
        if constant.name.endswith("_weight_q"):
            assert np.abs(onnx.numpy_helper.to_array(constant).astype(int)).max() <= 64


def test_convolutions_fuse_to_integers(int8, tmp_path):
    options = runtime.ort.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 3
    runtime.ort.InferenceSession(int8.SerializeToString(), options, providers=["CPUExecutionProvider"])
    operators = [n.op_type for n in onnx.load(options.optimized_model_filepath).graph.node]
    assert operators.count("QLinearConv") == len(STUDENT)
    assert operators.count("QuantizeLinear") == 1


def test_weights_survive_the_file(weights):
    restored = graph.weights_of(graph.signal_tower(STUDENT, weights))
    assert graph.digest(restored) == graph.digest(weights)


def test_cost():
    assert 10_000 < flops_per_sample(STUDENT, 4096) < 11_500


def test_a_grown_tower_computes_what_the_small_one_did():
    small = tower(STUDENT)
    x = torch.randn(3, 1, 2048)
    with torch.no_grad():
        assert torch.allclose(grow(small, TEACHER).eval()(x), small(x), atol=1e-5)


def test_the_layers_survive_the_file(weights):
    assert graph.layers_of(graph.signal_tower(STUDENT, weights)) == STUDENT


def test_awareness_computes_what_the_integers_do(weights):
    """Fake quantization and the int8 file agree, also where activations are clipped."""
    small, c = tower(STUDENT), chunks(16, 4096)
    peaks = [p * 0.7 for p in calibrate(STUDENT, weights, c).peaks]
    x = np.clip((c.adc - c.shift) / c.scale, -CLIP, CLIP)
    with torch.no_grad():
        expected = Aware(small, peaks)(torch.from_numpy(x)[:, None]).numpy()
        plain = small(torch.from_numpy(x)[:, None]).numpy()
    model = graph.signal_tower(STUDENT, weights, Quantization(tuple(peaks)))
    got = runtime.signal_embedder(model.SerializeToString())(c.adc, c.shift, c.scale)
    assert (got * expected).sum(1).min() > 0.9999 > (got * plain).sum(1).min()
