"""Loops: turn by turn where the items are few and known, else until nothing changes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from .assignment import Assignment
from .frames import Env, Frame, joined
from .heap import Around, Slot
from .interpreter import Interpreter
from .lookups import lasting
from .narrowing import narrowed, truth_of
from .values import NOTHING, Tensor, Values

_MOST_TURNS: Final = 12
"""How many turns loops in loops may have for their turns to be told apart."""


@dataclass(eq=False)
class Loops:
    """Interprets loops."""

    interpreter: Interpreter
    assignment: Assignment

    def __post_init__(self) -> None:
        self.interpreter.statements.update(
            {
                ast.For: self._for,
                ast.AsyncFor: self._for,
                ast.While: self._while,
            }
        )

    def turns(self, node: ast.AST, iterable: ast.expr, frame: Frame) -> Iterator[Slot]:
        """The turns of a loop: each item by itself where they are few and known."""
        interpreter, heap = self.interpreter, self.interpreter.heap
        values = interpreter.ev(iterable, frame)
        interpreter.use(values, "iterate", iterable, frame)
        slots = interpreter.items(values, iterable, frame)
        path, turns, before = frame.path, frame.turns, frame.turn_count
        is_known = len(values) == 1 and not any(map(heap.is_loose, values))
        is_told_apart = is_known and all(each.is_one for each in slots)
        is_told_apart = is_told_apart and before * len(slots) <= _MOST_TURNS
        for number, slot in enumerate(slots):
            if is_told_apart:
                frame.turns, frame.turn_count = (*turns, number), before * len(slots)
            else:
                frame.path = (*path, Around(node, True))
            yield slot
            frame.path, frame.turns, frame.turn_count = path, turns, before

    def _for(self, node: ast.For | ast.AsyncFor, frame: Frame) -> bool:
        interpreter = self.interpreter
        breaks, continues = frame.breaks, frame.continues
        frame.breaks, is_reached = [], True
        for slot in self.turns(node, node.iter, frame):
            repeats = bool(frame.path) and frame.path[-1].node is node
            if repeats:
                frame.env = self._settled(node, slot.values, frame)
            elif is_reached:
                frame.continues = []
                self.assignment.assign(node.target, slot.values, frame)
                ends = [frame.env] if interpreter.block(node.body, frame) else []
                ends += frame.continues
                is_reached = bool(ends)
                frame.env = joined(ends) if ends else frame.env
        return self._ended(node, is_reached, frame, breaks, continues)

    def _while(self, node: ast.While, frame: Frame) -> bool:
        breaks, continues, path = frame.breaks, frame.continues, frame.path
        frame.breaks, frame.path = [], (*path, Around(node, True))
        if truth_of(self.interpreter, node.test, frame) is not False:
            frame.env = self._settled(node, None, frame)
            truth_of(self.interpreter, node.test, frame)
        frame.path = path
        frame.env = narrowed(self.interpreter, node.test, frame.env, False)
        return self._ended(node, True, frame, breaks, continues)

    def _ended(
        self,
        node: ast.For | ast.AsyncFor | ast.While,
        is_reached: bool,
        frame: Frame,
        breaks: list[Env],
        continues: list[Env],
    ) -> bool:
        """Go on behind a loop."""
        own, frame.breaks, frame.continues = frame.breaks, breaks, continues
        ends = list(own)
        if is_reached and self.interpreter.block(node.orelse, frame):
            ends.append(frame.env)
        if ends:
            frame.env = joined(ends)
        return bool(ends)

    def _settled(
        self, node: ast.For | ast.AsyncFor | ast.While, values: Values | None, frame: Frame
    ) -> Env:
        """The variables behind a loop that may have any number of turns."""
        interpreter = self.interpreter
        start = frame.env
        while True:
            frame.env, frame.continues = dict(start), []
            if values is not None and not isinstance(node, ast.While):
                self.assignment.assign(node.target, values, frame)
            ends = [frame.env] if interpreter.block(node.body, frame) else []
            after = joined([start, *ends, *frame.continues])
            carried = {
                name: self._carried(name, start.get(name, NOTHING), given, node, frame)
                for name, given in after.items()
            }
            if carried == start:
                return after
            start = carried

    def _carried(
        self, name: str, before: Values, after: Values, node: ast.AST, frame: Frame
    ) -> Values:
        """What a variable may be at the beginning of a turn.

        What a place gave in the turn before is not what it gives in this one.
        """
        new = after - before
        tensors = frozenset(each for each in new if isinstance(each, Tensor))
        found = before | lasting(new - tensors)
        if tensors:
            found |= self.interpreter.any_of(tensors, node, frame, ("turn", name))
        return found
