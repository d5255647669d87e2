"""A model as PLiNIO sees it: a graph of functions and modules of torch, and what flows in it."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import torch
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from ..proof.worker.measures import ConvNd

_FUNCTIONAL: Final = (torch.conv1d, torch.conv2d, torch.conv3d)
Nodes: TypeAlias = frozenset[fx.Node]


class Traced:
    """The graph of a model.

    Args:
        net: the model, in eval mode, which stays as it is.
        inputs: what to call it with.

    Raises:
        Exception: whatever comes of it where it cannot be traced.
    """

    def __init__(self, net: nn.Module, inputs: Sequence[Any]) -> None:
        tracer = fx.Tracer()
        graph = tracer.trace(net)
        self.module = fx.GraphModule(tracer.root, graph)
        with torch.no_grad():
            ShapeProp(self.module).propagate(*inputs)
        self.nodes: list[fx.Node] = [*graph.nodes]

    def layer(self, node: fx.Node) -> nn.Module | None:
        """The module that a node calls."""
        if node.op != "call_module":
            return None
        return self.module.get_submodule(str(node.target))

    def given(self, node: fx.Node) -> list[fx.Node]:
        """The tensors that a node is given, but for weights."""
        return [each for each in node.all_input_nodes if is_tensor(each) and each.op != "get_attr"]

    def defines_channels(self, node: fx.Node) -> bool:
        """Whether what a node gives has channels of its own, with a mask of their own in PIT."""
        layer = self.layer(node)
        if isinstance(layer, (nn.Conv1d, nn.Conv2d, nn.Conv3d)):
            return not is_depthwise(layer)
        return (
            node.op == "placeholder" or isinstance(layer, nn.Linear) or node.target in _FUNCTIONAL
        )

    def reached(self, starts: Nodes) -> Mapping[fx.Node, Nodes]:
        """For each node which of some nodes it gets its channels from, be it through others."""
        found: dict[fx.Node, Nodes] = {}
        for node in self.nodes:
            own = frozenset((node,)) if node in starts else frozenset()
            if not own and not self.defines_channels(node) and not is_cat(node):
                own = frozenset().union(*(found[each] for each in self.given(node)))
            found[node] = own
        return found

    def components(self) -> Mapping[fx.Node, int]:
        """Which nodes share their channels, by a number: PIT prunes all of them alike."""
        number = {node: count for count, node in enumerate(self.nodes)}
        for node in self.nodes:
            if self.defines_channels(node) or is_cat(node) or node.op == "output":
                continue
            for each in self.given(node):
                one, other = number[node], number[each]
                number = {key: other if own == one else own for key, own in number.items()}
        return number


def is_tensor(node: fx.Node) -> bool:
    """Whether a node gives tensors."""
    return "tensor_meta" in node.meta


def shape_of(node: fx.Node) -> tuple[int, ...]:
    """The shape of the tensor that a node gives; empty where it gives others."""
    return tuple(getattr(node.meta.get("tensor_meta"), "shape", ()))


def is_cat(node: fx.Node) -> bool:
    """Whether a node concatenates along the channels."""
    return node.target is torch.cat and dim_of(node) in (1, 1 - len(shape_of(node)))


def dim_of(cat: fx.Node) -> object:
    """The dimension of a concatenation."""
    given = cat.args[1] if len(cat.args) > 1 else cat.kwargs.get("axis", 0)
    return cat.kwargs.get("dim", given)


def slices(nodes: Sequence[fx.Node]) -> Iterator[fx.Node]:
    """The nodes that take some of the channels by an index."""
    for node in nodes:
        index = index_of(node)
        if len(index) > 1 and index[1] != slice(None):
            yield node


def index_of(node: fx.Node) -> tuple[Any, ...]:
    """What stands between the brackets behind a tensor, one for each dimension from the first."""
    if node.target is not operator.getitem or not shape_of(node.all_input_nodes[0]):
        return ()
    index: Any = node.args[1]
    return index if isinstance(index, tuple) else (index,)


def is_depthwise(layer: object) -> bool:
    """Whether PLiNIO takes a convolution for a depthwise one."""
    if not isinstance(layer, ConvNd) or isinstance(layer, nn.Conv3d):
        return False
    return layer.groups == layer.in_channels == layer.out_channels
