"""Where the channels of a tensor go, as they are: into sums, and into concatenations."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from .. import torch_api
from ..facts.facts import Facts
from ..facts.heap import Use
from ..facts.values import ANY_OF_SEVERAL, External, Object, Tensor, Value
from ..reading.source import Source

_ADDING: Final = ("add", "add_", "sub", "sub_", "subtract")
_TAKING_PARTS: Final = ("split", "chunk", "unbind", "__getitem__")
CATS: Final = frozenset(("torch.cat", "torch.concat", "torch.concatenate"))


class Flow:
    """Follows tensors through layers that keep the channels apart.

    Args:
        facts: what may happen.
        source_of: the source that a node stands in.
    """

    def __init__(self, facts: Facts, source_of: Callable[[ast.AST], Source]) -> None:
        self.facts = facts
        self._source_of = source_of

    def sum_of(self, given: Iterable[Value]) -> ast.AST | None:
        """The first sum that some tensors go into with what may be a concatenation as well."""
        found = self._taking(given, _is_sum)
        sums = [each for each in found if not self._is_the_only(each, found)]
        return min(sums, key=_place, default=None)

    def cat_of(self, given: Iterable[Value]) -> ast.AST | None:
        """The first concatenation of channels that some tensors go into."""
        return min(self._taking(given, is_cat), key=_place, default=None)

    def _taking(
        self, given: Iterable[Value], is_meant: Callable[[Use], bool]
    ) -> dict[ast.AST, set[Value]]:
        """What some tensors go into, be it behind others of that, each with what it takes."""
        found: dict[ast.AST, set[Value]] = {}
        seen = dict.fromkeys(given)
        todo = [*seen]
        while todo:
            value = todo.pop()
            for use in self.facts.uses(value):
                if is_meant(use):
                    found.setdefault(use.node, set()).add(value)
                for each in self._made_of(use):
                    if each not in seen:
                        seen[each] = None
                        todo.append(each)
        return found

    def _made_of(self, use: Use) -> Iterator[Value]:
        """What comes of a tensor where its channels stay as they are."""
        if use.kind == "operand":
            values = self.facts.values(use.node) if isinstance(use.node, ast.expr) else ()
            yield from (each for each in values if isinstance(each, Tensor))
        elif use.kind == "input" and use.result is not None and _keeps_channels(use.by):
            yield use.result
        elif use.kind == "return":
            yield from self._of_calls(use.node)

    def _of_calls(self, node: ast.AST) -> Iterator[Value]:
        """What the modules give whose forward returns something there."""
        source = self._source_of(node)
        function, owner = source.function_around(node), source.class_around(node)
        if owner is None or getattr(function, "name", "") != "forward":
            return
        for each in self.facts.instances(owner):
            for use in self.facts.calls(each):
                if use.result is not None:
                    yield use.result

    def _is_the_only(self, node: ast.AST, sums: Mapping[ast.AST, set[Value]]) -> bool:
        """Whether nothing else that is added there may be a concatenation."""
        if len(sums) > 1 or not isinstance(node, ast.BinOp):
            return False
        values = self.facts.values(node.left) | self.facts.values(node.right)
        others = values - sums[node]
        made = [each for each in self.facts.values(node) if isinstance(each, Tensor)]
        is_given_back = any(
            any(self.facts.heap.holders(each))
            or any(use.kind == "return" for use in self.facts.uses(each))
            for each in made
        )
        return bool(others) and not is_given_back and all(map(self._is_plain, others))

    def _is_plain(self, value: Value) -> bool:
        """Whether something surely comes from a plain convolution, through elementwise layers."""
        seen: list[Value] = []
        while value not in seen and isinstance(value, Tensor):
            producer = value.producer
            if isinstance(producer, Object) and producer.kind in torch_api.CONVOLUTIONS:
                return self.facts.is_plain(producer)
            inputs = self.facts.inputs_of(value)
            name = str(getattr(producer, "path", "")).rpartition(".")[2]
            if len(inputs) != 1 or not (_keeps_channels(producer) or name in _TAKING_PARTS):
                return False
            seen.append(value)
            (value,) = inputs
        return False


def _place(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


def is_cat(use: Use) -> bool:
    """Whether a use of a tensor concatenates it to others along dimension 1."""
    path = use.by.path if isinstance(use.by, External) else ""
    return use.kind == "input" and path in CATS and is_of_channels(use.node)


def is_of_channels(cat: ast.AST) -> bool:
    """Whether a call concatenates along dimension 1."""
    if not isinstance(cat, ast.Call):
        return False
    named = [each.value for each in cat.keywords if each.arg in ("dim", "axis")]
    return [getattr(each, "value", 0) for each in (*cat.args[1:], *named)] == [1]


def _is_sum(use: Use) -> bool:
    """Whether a use of a tensor adds it to another, or takes it off."""
    if use.kind == "operand":
        return isinstance(getattr(use.node, "op", None), (ast.Add, ast.Sub))
    path = use.by.path if isinstance(use.by, External) else ""
    return use.kind == "input" and path.rpartition(".")[2] in _ADDING


def _keeps_channels(layer: Value | None) -> bool:
    """Whether what is given to a layer comes out with its channels as they were."""
    if isinstance(layer, Object):
        return layer.kind in torch_api.SAME_CHANNELS
    if not isinstance(layer, External):
        return False
    name = layer.path.rpartition(".")[2]
    is_same = torch_api.keeps_channels(name.removesuffix("_")) or name in ("operator", "contiguous")
    return is_same or layer.path == ANY_OF_SEVERAL
