"""What int8 keeps of fp32, written into the model files."""

import os

import onnx

import graph
from bench import KINDS
from families import WINDOWS, Family
from model import DIM


def write(report: dict, models: str, family: Family) -> None:
    """retention.* from the harsh chunks of one genome at the first window of WINDOWS."""
    harsh = report["windows"][str(WINDOWS[0])]["harsh"]
    values = {f"retention.{name}": f"{harsh[name]:.4f}" for name in ("cos_mean", "cos_p1")}
    recall = harsh["dimensions"][str(DIM)]
    values |= {f"retention.recall1_{kind}": f"{recall[kind]['@1'][0]:.4f}" for kind in KINDS}
    for kind in KINDS:
        path = os.path.join(models, f"{family.id}.{kind}.onnx")
        model = onnx.load(path)
        graph.set_metadata(model, values)
        onnx.save(model, path)
