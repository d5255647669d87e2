"""Tell which expressions may be some modules, parts of them, or what holds them."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Set
from typing import Final

from ... import torch_api
from ...facts.values import MADE_OF_IT, Bound, External, Instance, Object, Value, made_of
from ...reading.classes import ClassIndex
from ...reading.scopes import FUNCTIONS
from ..source_facts import facts_of_source

VALUES: Final = torch_api.PLAIN | {
    *("shape", "dtype", "device", "ndim", "size", "numel", "dim", "requires_grad", "is_cuda"),
    *("clone", "item", "tolist", "std", "mean", "sum", "load_state_dict", "zero_grad"),
}
"""Attributes and methods of a module or a tensor that give and keep nothing of it."""
_WALKED: Final = frozenset(torch_api.WALKED.values())
_WITH_NAMES: Final = (*FUNCTIONS, ast.Lambda)


class Whole:
    """Some modules of one source.

    What a walk goes over counts as one of them. An instance of a class of the project is not told
    from others of it: an attribute that has one is known by its name, a variable or an item of a
    list by what it may be.

    Attributes:
        escapes: where they, what they have or what holds them is given to unknown code.

    Args:
        index: the source.
        made: what may be the modules.
        owner: the class that has them as attributes, if one does.
        names: these attributes.
    """

    def __init__(
        self,
        index: ClassIndex,
        made: Iterable[Value],
        owner: ast.ClassDef | None = None,
        names: Collection[str] = (),
    ) -> None:
        self.index = index
        self.source = index.source
        self.facts = facts_of_source(index)
        self.names = names
        self.made = {each for each in made if isinstance(each, (Object, Instance))}
        self.told = {each for each in self.made if isinstance(each, Object)}
        self.holders = {*self._around()}
        self.holders |= {*self.facts.instances(owner)} if owner is not None else set()
        self.escapes = {*self._escapes()}

    def _around(self) -> Iterator[Value]:
        """What holds the modules, and what holds that."""
        seen, todo = {*self.made}, [*self.made]
        while todo:
            for holder, _ in self.facts.heap.holders(todo.pop()):
                if holder not in seen and isinstance(holder, (Object, Instance)):
                    seen.add(holder)
                    todo.append(holder)
                    yield holder

    def _escapes(self) -> Iterator[ast.AST]:
        """Where the modules, what they have or what holds them is given to unknown code."""
        for each in (*self.made, *self.holders):
            for path, use in self.facts.uses_with_parts(each):
                is_new = MADE_OF_IT in path.split(".")
                if use.kind == "escape" and not is_new and not self._is_item(use.node):
                    yield use.node

    def _is_item(self, node: ast.AST) -> bool:
        """Whether an item of a weight is given values."""
        is_set = isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)
        return is_set and isinstance(node, ast.Subscript) and self.is_part(node.value)

    def is_own(self, node: ast.AST) -> bool:
        """Whether an expression is one of the attributes, by its name."""
        return (
            isinstance(node, ast.Attribute)
            and node.attr in self.names
            and self.index.self_class(node.value) is not None
        )

    def is_part(self, node: ast.expr) -> bool:
        """Whether an expression may be one of the modules, a part of one, or any module."""
        made = self.made if self._is_taken(node) else self.told
        values = self.facts.values(node)
        return self.is_own(node) or any(self._is_of_it(each, made) for each in values)

    def _is_taken(self, node: ast.expr) -> bool:
        """Whether an expression has what a variable or a list holds, and no other of its class."""
        if isinstance(node, ast.Call):
            callees = self.facts.values(node.func)
            return bool(callees) and all(isinstance(each, External) for each in callees)
        return isinstance(node, (ast.Name, ast.Subscript))

    def is_module(self, node: ast.expr) -> bool:
        """Whether an expression may be one of the modules itself, or any module."""
        values = self.facts.values(node)
        kinds = {getattr(each, "kind", "") for each in values}
        return self.is_own(node) or not self.made.isdisjoint(values) or "? module" in kinds

    def _is_of_it(self, value: Value, made: Set[Value]) -> bool:
        if isinstance(value, Bound) and (value.name in VALUES or made_of(value) is not None):
            return False
        while isinstance(value, Bound) and value.function is None:
            value = value.receiver
        return value in made or getattr(value, "kind", "") in _WALKED

    def is_holder(self, node: ast.expr) -> bool:
        """Whether an expression may be what holds the modules."""
        return any(map(self._holds, self.facts.values(node)))

    def _holds(self, value: Value, depth: int = 3) -> bool:
        if value in self.holders:
            return True
        return depth > 0 and any(
            self._is_of_it(each, self.told) or self._holds(each, depth - 1)
            for slot in self.facts.heap.slots(value)
            for each in slot.values
        )

    def is_captured(self, node: ast.expr) -> bool:
        """Whether a variable is one of a function around that in which it is read."""
        if not isinstance(node, ast.Name) or self.index.self_class(node) is not None:
            return False
        found = self.source.scope(node).lookup(node.id)
        around = (each for each in self.source.ancestors(node) if isinstance(each, _WITH_NAMES))
        where = found[0].node if found is not None else None
        return isinstance(where, _WITH_NAMES) and where is not next(around, None)

    def is_told(self, node: ast.expr) -> bool:
        """Whether an expression is told from others of its class, wherever it gets to."""
        return not self.is_own(node) or {*self.facts.values(node)} <= self.told
