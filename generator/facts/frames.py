"""The variables of a function while it is interpreted."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from .classes import Class
from .heap import Around
from .values import NOTHING, ClassValue, Context, Instance, ModuleValue, Scope, Values
from .worklist import Worklist

Env: TypeAlias = dict[str, Values]
"""What each local variable may be at one point of a function."""


@dataclass(eq=False)
class Frame(Scope):
    """One function, or the body of a module or class, in one context.

    Attributes:
        parent: the frame that it was defined in; None for a module.
        worklist: told when a variable may be more than before.
        context: the calls of plain functions that led here.
        owner: the instance whose method it is, or whose method called it; None outside of these.
        cls: the class in whose body it is defined, if any.
        holder: the module or class whose attributes its variables are, if any.
        env: what each variable may be at the point that is interpreted.
        every: all that each variable has ever been, for functions that are defined in it.
        outer: the names that it declares ``nonlocal``.
        of_module: the names that it declares ``global``.
        returned: what it may return.
        yielded: what it may yield.
        path: the loops and branches around the point, in its callers too, the outermost first.
        left: the conditional statements before the point that leave a loop or function early.
        breaks: what the variables may be where the loop around the point is left early.
        continues: the same where its next turn begins early.
        turns: which turn it is of each loop around the point whose turns are told apart.
        turn_count: how many turns these have in all.
    """

    parent: Frame | None
    worklist: Worklist
    context: Context = ()
    owner: Instance | None = None
    cls: Class | None = None
    holder: ModuleValue | ClassValue | None = None
    env: Env = field(default_factory=dict)
    every: Env = field(default_factory=dict)
    outer: frozenset[str] = frozenset()
    of_module: frozenset[str] = frozenset()
    returned: Values = NOTHING
    yielded: Values = NOTHING
    path: tuple[Around, ...] = ()
    left: tuple[ast.AST, ...] = ()
    breaks: list[Env] = field(default_factory=list)
    continues: list[Env] = field(default_factory=list)
    turns: tuple[int, ...] = ()
    turn_count: int = 1

    def bind(self, name: str, values: Values) -> None:
        """Assign to a variable; what it was before is gone."""
        self.env[name] = values
        self.widen(name, values)

    def widen(self, name: str, values: Values) -> None:
        """Note that a variable may be something at some time."""
        before = self.every.get(name)
        if before is None or not values <= before:
            self.every[name] = values if before is None else before | values
            self.worklist.grew((self, name))

    def start(self, caller: Frame | None, path: tuple[Around, ...]) -> None:
        """Begin to interpret it, where it is called or for whoever may call it."""
        self.env, self.returned, self.yielded = {}, NOTHING, NOTHING
        self.path = path if caller is None else caller.path
        self.left = () if caller is None else caller.left
        self.turns, self.turn_count = (
            ((), 1) if caller is None else (caller.turns, caller.turn_count)
        )


def joined(envs: Iterable[Env]) -> Env:
    """What the variables may be where several ways meet; there is one at least."""
    first, *rest = envs
    result = dict(first)
    for env in rest:
        for name, values in env.items():
            before = result.get(name)
            if before is None:
                result[name] = values
            elif before is not values and not values <= before:
                result[name] = before | values
    return result


def everything(frame: Frame | None, name: str) -> Values:
    """All that a variable has been in a frame or in those around it, but for that of the module."""
    while frame is not None and frame.parent is not None:
        frame.worklist.read((frame, name))
        found = frame.every.get(name)
        if found is not None:
            return found
        frame = frame.parent
    return NOTHING
