"""How many weights a model has, by which the costs of PLiNIO's methods are checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import fx, nn

_LAYERS = (nn.modules.conv._ConvNd, nn.Linear)


def true_size(net: nn.Module, biases: bool = True) -> int:
    """The number of weights of its convolutions and linear layers."""
    found = [each for each in net.modules() if isinstance(each, _LAYERS)]
    values = [each.weight for each in found]
    values += [each.bias for each in found if biases and each.bias is not None]
    return sum(value.numel() for value in values)


def size_of_used(
    net: nn.Module, inputs: Sequence[Any], graph: fx.Graph | None, biases: bool
) -> int:
    """The number of weights of what is called: heads that are for training only are not.

    Args:
        net: the model.
        inputs: what to call it with.
        graph: in which modules that are called for nothing do not count; None where they do.
        biases: whether biases count.
    """
    unused = set() if graph is None else _unused(graph)
    sizes = _sizes(net, inputs, biases)
    return sum(count for name, count in sizes.items() if name not in unused)


@torch.no_grad()
def _sizes(net: nn.Module, inputs: Sequence[Any], biases: bool) -> dict[str, int]:
    """What each layer weighs that is called."""
    found: dict[str, int] = {}
    handles = [
        each.register_forward_pre_hook(
            lambda module, _, name=name: found.update({name: true_size(module, biases)})
        )
        for name, each in net.named_modules()
        if not [*each.children()]
    ]
    net(*inputs)
    for each in handles:
        each.remove()
    return found


def _unused(graph: fx.Graph) -> set[str]:
    """The modules that are called for nothing, which PIT and MPS do not count."""
    nodes = [*graph.nodes]
    used = {node for node in nodes if node.op == "output"}
    for node in reversed(nodes):
        used.update(node.all_input_nodes if node in used else ())
    modules = {node for node in nodes if node.op == "call_module"}
    return {str(node.target) for node in modules} - {str(node.target) for node in used}
