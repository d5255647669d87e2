"""Which nodes of a graph PLiNIO supports, how each is written, and which rule rewrites it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any, Final

import torch
from torch import fx, nn

from ..torch_api import plinio
from .constructs import called
from .traced import Traced

_METHOD: Final = "torch.Tensor."
_CONTAINERS: Final = frozenset(("Module", "Sequential", "ModuleList", "ModuleDict"))
_SHUFFLING: Final = ("transpose", "permute", "swapaxes", "movedim")
_RESHAPING: Final = ("view", "reshape")


def _functions() -> Iterator[Callable[..., Any]]:
    yield from (operator.add, operator.sub, operator.getitem)
    for path in plinio.FUNCTIONS:
        *above, name = path.split(".")[1:]
        if not path.startswith(_METHOD) and not name.startswith("conv"):  # as modules alone
            found: Any = torch
            for each in (*above, name):
                found = getattr(found, each)
            yield found


_FUNCTIONS: Final = frozenset(_functions())
_METHODS: Final = frozenset(
    each.removeprefix(_METHOD) for each in plinio.FUNCTIONS if each.startswith(_METHOD)
)
_CLASSES: Final = tuple(
    getattr(nn, each.rpartition(".")[2])
    for each in sorted(plinio.MODULES)
    if each.rpartition(".")[2] not in _CONTAINERS
)


def is_supported(traced: Traced, node: fx.Node) -> bool:
    """Whether a node is one of those that PLiNIO has something for."""
    match node.op:
        case "call_module":
            return isinstance(traced.layer(node), _CLASSES)
        case "call_function":
            return node.target in _FUNCTIONS
        case "call_method":
            return node.target in _METHODS
        case _:
            return True


def written(traced: Traced, node: fx.Node) -> str:
    """What a node calls, as it stands in a source."""
    layer = traced.layer(node)
    if layer is not None:
        return f"nn.{type(layer).__name__}"
    return f"`.{node.target}()`" if node.op == "call_method" else called(_name(traced, node))


def code_of(traced: Traced, node: fx.Node) -> str:
    """The code of the rule that rewrites what a node calls; empty where there is none."""
    name = _name(traced, node)
    if name in _SHUFFLING or (name in _RESHAPING and _is_of_shuffle(traced, node)):
        return "shuffle"
    return plinio.REWRITTEN_BY.get(name, "")


def _is_of_shuffle(traced: Traced, node: fx.Node) -> bool:
    """Whether a view stands before or behind what swaps dimensions."""
    return any(_name(traced, each) in _SHUFFLING for each in (*node.users, *node.all_input_nodes))


def _name(traced: Traced, node: fx.Node) -> str:
    layer = traced.layer(node)
    if layer is not None:
        return type(layer).__name__
    return str(getattr(node.target, "__name__", node.target))
