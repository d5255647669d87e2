"""Which functions are to be interpreted, and which again because what they have read has grown."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import NamedTuple


class Unit(NamedTuple):
    """What is interpreted as a whole: a function for whoever may call it, or a module's body."""

    what: Hashable
    owner: Hashable = None


class Worklist:
    """The units that are still to be interpreted.

    Attributes:
        current: the one that is being interpreted.
    """

    def __init__(self) -> None:
        self.current: Unit | None = None
        self._todo: dict[Unit, Callable[[], None]] = {}
        self._known: dict[Unit, Callable[[], None]] = {}
        self._readers: dict[Hashable, dict[Unit, None]] = {}
        self._waiting: dict[Unit, None] = {}

    def add(self, unit: Unit, interpret: Callable[[], None]) -> None:
        """Have a unit interpreted, once."""
        if unit not in self._known:
            self._known[unit] = self._todo[unit] = interpret

    def demand(self, unit: Unit, interpret: Callable[[], None]) -> None:
        """Have a unit interpreted at once, if it never was."""
        if unit not in self._known:
            self._known[unit] = interpret
            self._interpret(unit)

    def read(self, key: Hashable) -> None:
        """Note that the current unit depends on something."""
        if self.current is not None:
            self._readers.setdefault(key, {})[self.current] = None

    def grew(self, key: Hashable) -> None:
        """Have what depends on something interpreted again."""
        for unit in self._readers.get(key, ()):
            self._todo[unit] = self._known[unit]

    def wait(self) -> None:
        """Note that the current unit has met what is not there, and may come yet."""
        if self.current is not None:
            self._waiting[self.current] = None

    def stop_waiting(self) -> None:
        """Have those interpreted again that still miss something."""
        for unit in self._waiting:
            self._todo[unit] = self._known[unit]

    def run(self) -> None:
        """Interpret until nothing grows any more."""
        while self._todo:
            unit = next(iter(self._todo))
            del self._todo[unit]
            self._interpret(unit)

    def _interpret(self, unit: Unit) -> None:
        around, self.current = self.current, unit
        self._waiting.pop(unit, None)
        self._known[unit]()
        self.current = around
