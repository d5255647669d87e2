"""Callables of which some arguments are given already."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Final

from .arguments import Arguments
from .frames import Frame
from .heap import PARTIAL, union
from .interpreter import Interpreter
from .values import Partial, Value, Values

_MOST: Final = 3
"""How many in one another are told apart."""


@dataclass(eq=False)
class Partials:
    """What ``functools.partial`` gives."""

    interpreter: Interpreter

    def __post_init__(self) -> None:
        self._given: dict[Value, Arguments] = {}

    def given(self, value: Partial) -> Arguments:
        """The arguments that are given already."""
        self.interpreter.worklist.read(("partial", value))
        return self._given[value]

    def made(self, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        """What ``functools.partial`` gives."""
        interpreter = self.interpreter
        rest = given.without_first()
        made: set[Value] = set()
        for function in given.get(0, "func"):
            if _depth(function) >= _MOST:
                interpreter.escape((function,), node, frame)
                made |= interpreter.unknown(rest, node, frame)
                continue
            value = interpreter.intern(Partial, node, function, frame.context)
            before = self._given.get(value)
            both = rest if before is None else before.or_else(rest)
            if before is None or both.key != before.key:
                self._given[value] = both
                interpreter.worklist.grew(("partial", value))
            interpreter.heap.store(value, PARTIAL, union(rest.all()))
            made.add(value)
        return frozenset(made)


def _depth(value: Value) -> int:
    """How many callables of ``functools.partial`` are in one another."""
    return 1 + _depth(value.function) if isinstance(value, Partial) else 0
