"""Where a convolution may get to: what may be it, or holds it, as the facts show."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from ..facts.children import is_module
from ..facts.facts import Facts
from ..facts.values import Instance, Object, Value, Values
from ..reading.classes import ClassIndex

_LOAD: Final = ast.Load()
_MOST_OTHERS: Final = 3
"""How many other modules an expression may be."""


@dataclass(frozen=True)
class Reached:
    """Where an object may get to within one source.

    Attributes:
        itself: the expressions that may be the object.
        expressions: these, and those that may be a container that holds it.
        attributes: the classes and names of the attributes that it, or such a container, is kept
            under; no class for what a container has by name.
    """

    itself: frozenset[ast.expr]
    expressions: frozenset[ast.expr]
    attributes: frozenset[tuple[ast.ClassDef | None, str]]


def reached(index: ClassIndex, facts: Facts, made: Iterable[Value]) -> Reached:
    """Where one of some objects may get to."""
    objects = [each for each in made if isinstance(each, (Object, Instance))]
    around = dict.fromkeys(objects)
    attributes: dict[tuple[ast.ClassDef | None, str], None] = {}
    todo = [*objects]
    while todo:
        value = todo.pop()
        for holder, name in facts.heap.holders(value):
            if isinstance(holder, Instance) and name:
                attributes |= dict.fromkeys(_owners(index, holder, name))
            elif isinstance(holder, (Object, Instance)):
                attributes |= {(None, each): None for each in _names(facts, holder, value)}
                if holder not in around:
                    around[holder] = None
                    todo.append(holder)
    # What a class does with its own weight, it does to the parts as well, or it is not split.
    found = _loads(index, expressions(facts, objects))
    itself = frozenset(each for each in found if index.self_class(each) is None)
    holding = (one for each in around if each not in objects for one in facts.expressions(each))
    return Reached(itself, itself.union(_loads(index, holding)), frozenset(attributes))


def _loads(index: ClassIndex, found: Iterable[ast.expr]) -> Iterator[ast.expr]:
    for each in found:
        if isinstance(getattr(each, "ctx", _LOAD), ast.Load) and index.source.has(each):
            yield each


def expressions(facts: Facts, made: Iterable[Value]) -> Iterator[ast.expr]:
    """What may be one of some objects, in all files.

    What may be one of many other modules as well goes over modules: that is a walk (walks.py).
    """
    made = frozenset(made)
    for value in made:
        yield from (x for x in facts.expressions(value) if not is_one_of_many(facts, x, made))


def is_one_of_many(facts: Facts, node: ast.expr, made: Values) -> bool:
    """Whether an expression may be one of many other modules as well as some objects."""
    others = facts.values(node) - made
    return len({_place(each) for each in others if is_module(each)}) > _MOST_OTHERS


def _place(module: Value) -> object:
    return module.site if isinstance(module, Object) else module


def _names(facts: Facts, container: Value, value: Value) -> Iterator[str]:
    for slot in facts.heap.slots(container):
        if value in slot.values and isinstance(slot.name, str):
            yield slot.name


def _owners(index: ClassIndex, holder: Instance, name: str) -> Iterator[tuple[ast.ClassDef, str]]:
    """The classes of the source whose methods give an instance its attribute."""
    order = [each.node for each in holder.cls.order if each.node in index.classes]
    storing = [each for each in order if each in index.storing(name)]
    yield from ((each, name) for each in storing or order[:1])
