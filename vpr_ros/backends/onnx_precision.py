# SPDX-License-Identifier: Apache-2.0
"""Other arithmetic for an ONNX graph: half precision, or weights of eight bits."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

# Matrix products and convolutions are where the time goes, and what GPUs do twice as fast in half
# precision. Products that a sort follows stay exact: half precision makes equal of what is not.
_PRODUCTS = ("MatMul", "Gemm", "Conv")
# What may follow them without going back: it moves values, or works on each by itself, or adds
# a bias. Everything else is computed in fp32: sums over many values (layer normalization, softmax,
# norms), the residual stream, positions and scores.
_FOLLOWERS = (
    *("Add", "Mul", "Div", "Erf", "Relu", "MaxPool"),
    *("Reshape", "Transpose", "Slice", "Split", "Squeeze", "Unsqueeze"),
)
_SORTED = ("TopK",)
_MOVES = ("Transpose", "Reshape")


def in_precision(model: ModelProto, precision: str) -> ModelProto:
    """An fp32 graph as a graph of fp32, fp16 or int8."""
    return {"fp32": _with_types, "fp16": to_half, "int8": to_int8}[precision](model)


def to_half(model: ModelProto) -> ModelProto:
    """The same network with weights and products in fp16; inputs and outputs stay fp32.

    Casts say which value is of which type, so that every runtime computes the same.
    """
    model = _with_types(model)
    _Halving(model).apply()
    return _with_types(model)


def to_int8(model: ModelProto) -> ModelProto:
    """The same network with the weights of matrix products in 8 bits, for CPUs.

    What they are multiplied with is rounded to 8 bits while the network runs, by its own range
    each time (dynamic quantization).
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    source = _without_types(model)
    # It infers the types itself; this says that it need not ask for it in the log.
    helper.set_model_props(source, {"onnx.quant.pre_process": "onnxruntime.quant"})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "int8.onnx"
        quantize_dynamic(
            source,
            path,
            op_types_to_quantize=["MatMul", "Gemm"],
            per_channel=True,
            # Seven bits of eight: CPUs without VNNI (Intel before 2019, AMD before 2022) add two
            # products in 16 bits and would cut larger sums off, without a word.
            reduce_range=True,
            weight_type=QuantType.QInt8,
            extra_options={"MatMulConstBOnly": True},
        )
        return onnx.load(path)


class _Halving:
    """One pass over a graph, in the order in which it computes."""

    def __init__(self, model: ModelProto) -> None:
        self._graph = model.graph
        self._constants = {each.name: each for each in self._graph.initializer}
        known = [*self._graph.input, *self._graph.value_info, *self._graph.output]
        kinds = {each.name: each.type.tensor_type.elem_type for each in known}
        kinds.update({name: each.data_type for name, each in self._constants.items()})
        self._exact = {name for name, kind in kinds.items() if kind == TensorProto.FLOAT}
        self._half: set[str] = set()  # values that are fp16 now
        self._made: dict[tuple[str, int], str] = {}  # (value, type) -> its copy of that type
        self._nodes: list[NodeProto] = []

    def apply(self) -> None:
        """Rewrite the graph."""
        to_sort = set(_before_sorting(list(self._graph.node)))
        for node in self._graph.node:
            if self._is_half(node) and not to_sort & set(node.output):
                self._take(node, self._exact, TensorProto.FLOAT16)
                self._half.update(node.output)
                self._exact.difference_update(node.output)
            else:
                self._take(node, self._half, TensorProto.FLOAT)
        del self._graph.node[:]
        self._graph.node.extend(self._nodes)
        self._drop_unused()

    def _is_half(self, node: NodeProto) -> bool:
        """Whether it is a product, or follows one: all of its inputs but constants are half."""
        computed = [name for name in node.input if name in self._exact | self._half]
        computed = [name for name in computed if name not in self._constants]
        follows = bool(computed) and self._half.issuperset(computed)
        return node.op_type in _PRODUCTS or (node.op_type in _FOLLOWERS and follows)

    def _take(self, node: NodeProto, wrong: set[str], kind: int) -> None:
        """Append a node, with copies in place of inputs that are of the wrong type."""
        for number, name in enumerate(node.input):
            if name in wrong:
                node.input[number] = self._copy(name, kind)
        self._nodes.append(node)

    def _copy(self, name: str, kind: int) -> str:
        if (name, kind) not in self._made:
            copy = f"{name}_{TensorProto.DataType.Name(kind).lower()}"
            if name in self._constants:
                values = numpy_helper.to_array(self._constants[name]).astype(np.float16)
                self._graph.initializer.append(numpy_helper.from_array(values, copy))
            else:
                self._nodes.append(helper.make_node("Cast", [name], [copy], f"to_{copy}", to=kind))
            self._made[name, kind] = copy
        return self._made[name, kind]

    def _drop_unused(self) -> None:
        used = {name for node in self._graph.node for name in node.input}
        for each in list(self._graph.initializer):
            if each.name not in used:
                self._graph.initializer.remove(each)


def _before_sorting(nodes: list[NodeProto]) -> Iterator[str]:
    """Values that are sorted, maybe after they were moved about."""
    wanted: set[str] = set()
    for node in reversed(nodes):
        if node.op_type in _SORTED or (node.op_type in _MOVES and set(node.output) & wanted):
            wanted.add(node.input[0])
            yield node.input[0]


def _without_types(model: ModelProto) -> ModelProto:
    """A copy without the types of values in between, which passes over a graph make wrong."""
    copy = ModelProto()
    copy.CopyFrom(model)
    del copy.graph.value_info[:]
    return copy


def _with_types(model: ModelProto) -> ModelProto:
    """A checked copy with the types of all values."""
    inferred = onnx.shape_inference.infer_shapes(_without_types(model), strict_mode=True)
    onnx.checker.check_model(inferred)
    return inferred
