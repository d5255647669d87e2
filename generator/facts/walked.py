"""What walks over modules go over: all modules, weights or names, and the lists of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Set
from typing import Final

from .. import torch_api
from .children import is_module
from .heap import Heap
from .values import Object, Value, Values

_WALKED: Final = frozenset((*torch_api.WALKED.values(), torch_api.WALKED_NAME))


class Walked:
    """Tells them by a heap."""

    def __init__(self, heap: Heap) -> None:
        self._heap = heap

    def things(self) -> Iterator[Object]:
        """What stands for all modules, weights or names that a walk over a module goes over."""
        for made in self._heap.walks:
            for value in self._held(made):
                if isinstance(value, Object) and value.kind in _WALKED:
                    yield value

    def containers(self) -> Iterator[Value]:
        """The lists and dicts of what walks go over, and their copies."""
        found = dict.fromkeys(self._heap.walks)
        for value in self.things():
            for holder, _ in self._heap.holders(value):
                if isinstance(holder, Object) and _is_copy(holder):
                    found[holder] = None
        yield from found

    def sites(self, container: Value) -> Iterator[ast.AST]:
        """Where the walks are made of which a container has what they go over."""
        if container in self._heap.walks:
            yield from self._heap.walks[container]
            return
        for value in self._held(container):
            if isinstance(value, Object) and value.kind in _WALKED:
                yield value.site

    def holds_none(self, container: Value, values: Set[Value]) -> bool:
        """Whether all modules that a container has are known, and none of some is among them."""
        held = [*self._held(container)]
        return (
            any(map(is_module, held))
            and all(is_module(each) or self._is_no_module(each) for each in held)
            and values.isdisjoint(held)
        )

    def _is_no_module(self, value: Value) -> bool:
        """Whether something is the name of a module, or a tuple with one."""
        return isinstance(value, Object) and (
            value.kind == torch_api.WALKED_NAME
            or (value.kind.startswith("builtins.") and self._heap.is_container(value))
        )

    def _held(self, container: Value) -> Iterator[Value]:
        for slot in self._heap.slots(container):
            yield from self._within(slot.values)

    def _within(self, values: Values) -> Iterator[Value]:
        for value in values:
            yield value
            if self._heap.is_container(value):
                for slot in self._heap.slots(value):
                    yield from slot.values


def _is_copy(container: Object) -> bool:
    """Whether a container may have all that a walk goes over."""
    return container.kind.startswith("builtins.") and "tuple " not in container.kind
