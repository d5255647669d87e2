"""The variables of a function while it is interpreted."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from .classes import Class
from .project import Module
from .values import NOTHING, Context, Instance, Values

Env: TypeAlias = dict[str, Values]
"""What each local variable may be at one point of a function."""


@dataclass(eq=False)
class Frame:
    """One function, or the body of a module, in one context.

    Attributes:
        node: the function; the tree of a module for its body.
        module: the module that it stands in.
        parent: the frame that it was defined in; None for a module.
        context: the calls of plain functions that led here.
        owner: the instance whose method it is, or whose method called it; None outside of these.
        cls: the class in whose body it is defined, if any.
        env: what each variable may be at the point that is interpreted.
        every: all that each variable has ever been, for functions that are defined in it.
        outer: the names that it declares ``nonlocal`` or ``global``.
        returned: what it may return.
        loops: the loops around that point whose iterations are not told apart, then its branches.
        exits: what the variables may be where a loop is left or goes on early.
        turns: which turn of each loop whose iterations are told apart it is.
    """

    node: ast.AST
    module: Module
    parent: Frame | None
    context: Context = ()
    owner: Instance | None = None
    cls: Class | None = None
    env: Env = field(default_factory=dict)
    every: Env = field(default_factory=dict)
    outer: frozenset[str] = frozenset()
    returned: Values = NOTHING
    loops: tuple[ast.AST, ...] = ()
    branches: int = 0
    exits: list[Env] = field(default_factory=list)
    turns: tuple[int, ...] = ()
    turn_count: int = 1

    def bind(self, name: str, values: Values) -> None:
        """Assign to a variable; what it was before is gone."""
        self.env[name] = values
        self.widen(name, values)

    def widen(self, name: str, values: Values) -> None:
        """Note that a variable may be something at some time."""
        self.every[name] = self.every.get(name, NOTHING) | values


def joined(envs: Iterable[Env]) -> Env:
    """What the variables may be where several ways meet."""
    first, *rest = envs
    result = dict(first)
    for env in rest:
        for name, values in env.items():
            before = result.get(name)
            result[name] = values if before is None or before is values else before | values
    return result


def everything(frame: Frame, name: str) -> Values:
    """All that a variable has been in a frame or in those around it; nothing if they have none."""
    around: Frame | None = frame
    while around is not None:
        found = around.every.get(name)
        if found is not None:
            return found
        around = around.parent
    return NOTHING
