"""A model as PLiNIO sees it, a graph of functions and modules of torch, and what is split in it.

A branch is a convolution that works on some of the channels of a tensor, its source. A split is two
branches or more of one source, side by side in a join such as torch.cat.
"""

from __future__ import annotations

import copy
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx import Node
from torch.fx.passes.shape_prop import ShapeProp, TensorMetadata
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

PARTS = {"chunk", "split", "tensor_split"}
CUTS = {"getitem", "narrow", "index_select"}
JOINS = {"cat", "concat", "concatenate", "hstack"}


class UntraceableError(Exception):
    """What the tracer says of a model that it cannot trace."""


@dataclass(frozen=True)
class Branch:
    """A convolution that works on some of the channels of its source."""

    node: Node
    conv: _ConvNd
    cut: Node  # takes the channels
    before: tuple[Node, ...]  # from there to the convolution
    after: tuple[Node, ...] = ()  # from the convolution to the join

    @property
    def source(self) -> Node:
        return self.cut.all_input_nodes[0]

    @property
    def index(self) -> Any:
        """What stands between the brackets of the slice; nothing if the cut is not one."""
        return self.cut.args[1] if name_of(self.cut) == "getitem" else ()

    @property
    def bounds(self) -> tuple[Any, Any]:
        """The first channel, and that after the last, as far as a slice says them."""
        channels = self.index[1] if self.index else None
        return (channels.start, channels.stop) if isinstance(channels, slice) else (None, None)

    @property
    def norms(self) -> list[tuple[Node, _NormBase]]:
        return [(node, norm) for node in self.after if (norm := norm_of(node))]


@dataclass(frozen=True)
class Split:
    """The branches that stand side by side in a join, which may have other inputs."""

    join: Node
    branches: list[Branch]

    @property
    def source(self) -> Node:
        return self.branches[0].source


class Graph:
    """The nodes of a traced copy of a model, each with its module and the shape of its result."""

    def __init__(self, model: nn.Module, inputs: tuple[Any, ...]) -> None:
        self.nodes = list(_traced(model, inputs).graph.nodes)
        self.calls = Counter(node.target for node in self.nodes if node.op == "call_module")
        found = (_branch(node) for node in self.nodes if is_convolution(node))
        self._by_node = {branch.node: branch for branch in found if branch}
        self.joins = [node for node in self.nodes if inputs_of(node)]
        self.splits = [split for join in self.joins for split in self._splits(join)]
        joined = {branch.node: branch for split in self.splits for branch in split.branches}
        self.branches = list((self._by_node | joined).values())

    def _splits(self, join: Node) -> Iterator[Split]:
        """Those of a join: neighbours of one source, until a slice ends with its last channel."""
        found = [self._ending_in(node) for node in inputs_of(join)]
        for _, run in itertools.groupby(found, lambda branch: branch and branch.source):
            branches = [branch for branch in run if branch]
            if len(branches) < 2:
                continue
            width = shape_of(branches[0].source)[1]
            ends = [i for i, branch in enumerate(branches, 1) if branch.bounds[1] == width]
            for start, stop in itertools.pairwise(sorted({0, *ends, len(branches)})):
                yield Split(join, branches[start:stop])

    def _ending_in(self, node: Node) -> Branch | None:
        """The branch whose result a node is, be there a norm or a ReLU after the convolution."""
        after: list[Node] = []
        while node not in self._by_node:
            if len(node.all_input_nodes) != 1 or is_convolution(node):
                return None
            after.insert(0, node)
            node = node.all_input_nodes[0]
        return replace(self._by_node[node], after=tuple(after))


class _Tracer(fx.Tracer):
    """Goes down to the modules of torch, as PLiNIO does.

    But a subclass of a convolution is one node: what is inside would not tell what it is.
    """

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        is_conv = isinstance(m, _ConvNd) and not holds_convolutions(m)
        return is_conv or super().is_leaf_module(m, module_qualified_name)


def _traced(model: nn.Module, inputs: tuple[Any, ...]) -> fx.GraphModule:
    tracer = _Tracer()
    try:
        graph = tracer.trace(_copy(model).eval())
    except Exception as error:
        raise UntraceableError(str(error)) from error
    traced = fx.GraphModule(tracer.root, graph)
    with torch.no_grad():
        ShapeProp(traced).propagate(*inputs)
    for node in graph.nodes:
        is_module = node.op == "call_module"
        node.meta["module"] = traced.get_submodule(node.target) if is_module else None
    return traced


def _copy(model: nn.Module) -> nn.Module:
    """A copy; weight_norm keeps a weight that it has computed, which deepcopy alone refuses."""
    values = [value for module in model.modules() for value in vars(module).values()]
    tensors = [value for value in values if isinstance(value, Tensor)]
    return copy.deepcopy(model, {id(each): each.detach().clone() for each in tensors})


def _branch(node: Node) -> Branch | None:
    """The branch that a convolution is, if it is given some of the channels of a tensor."""
    before: list[Node] = []
    last = node.all_input_nodes[0]
    while not (cut := _cut(last)):
        conv = last.meta["module"]
        mixes_channels = isinstance(conv, _ConvNd) and not is_depthwise(conv)
        if len(last.all_input_nodes) != 1 or mixes_channels:
            return None
        before.insert(0, last)
        last = last.all_input_nodes[0]
    return Branch(node, node.meta["module"], cut, tuple(before))


def _cut(node: Node) -> Node | None:
    """What takes some of the channels of a tensor: this node, or that of whose parts it is one."""
    if name_of(node) not in CUTS:
        return None
    whole = node.all_input_nodes[0]
    cut = whole if name_of(whole) in PARTS else node
    shape, whole_shape = shape_of(node), shape_of(cut.all_input_nodes[0])
    return cut if len(shape) == len(whole_shape) > 2 and shape[1] < whole_shape[1] else None


def inputs_of(join: Node) -> list[Node]:
    """What a node joins along the channels, if it does."""
    if name_of(join) not in JOINS:
        return []
    tensors = join.args[0] if join.args else join.kwargs.get("tensors")
    dim = join.args[1] if len(join.args) > 1 else 1 if name_of(join) == "hstack" else 0
    dim = join.kwargs.get("dim", join.kwargs.get("axis", dim))
    along_channels = dim in (1, 1 - len(shape_of(join)))
    return list(tensors) if isinstance(tensors, (tuple, list)) and along_channels else []


def name_of(node: Node) -> str:
    """What the function or the method that a node calls is called."""
    if node.op == "call_function":
        return getattr(node.target, "__name__", "")
    return str(node.target) if node.op == "call_method" else ""


def shape_of(node: Node) -> tuple[int, ...]:
    """The shape of a tensor; nothing for all else."""
    meta = node.meta.get("tensor_meta")
    return tuple(meta.shape) if isinstance(meta, TensorMetadata) else ()


def norm_of(node: Node) -> _NormBase | None:
    """The BatchNorm or InstanceNorm that a node calls."""
    module = node.meta["module"]
    return module if isinstance(module, _NormBase) else None


def is_convolution(node: Node) -> bool:
    return isinstance(node.meta["module"], _ConvNd)


def is_relu(node: Node) -> bool:
    is_function = node.op == "call_function" and name_of(node) == "relu"
    return is_function or type(node.meta["module"]) is nn.ReLU


def is_pad(node: Node) -> bool:
    is_module = type(node.meta["module"]).__module__ == nn.modules.padding.__name__
    return is_module or name_of(node) == "pad"


def is_depthwise(conv: _ConvNd) -> bool:
    """Whether PLiNIO knows a grouped convolution as depthwise, which it does not in 3d."""
    in_3d = len(conv.kernel_size) == 3
    return conv.groups == conv.in_channels == conv.out_channels > 1 and not in_3d


def holds_convolutions(module: nn.Module) -> bool:
    """Whether there are convolutions inside of a module, be it one itself or not."""
    return any(isinstance(each, _ConvNd) for each in module.modules() if each is not module)
