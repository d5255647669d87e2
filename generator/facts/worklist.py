"""Which functions are to be interpreted, and which again because what they have read has grown."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple


class Unit(NamedTuple):
    """What is interpreted as a whole: a function for whoever may call it, or a module's body."""

    what: Hashable
    owner: Hashable = None


class Worklist:
    """The units that are still to be interpreted.

    Attributes:
        current: the one that is being interpreted.
        memo: what has been worked out in the interpretation of it that goes on.
    """

    def __init__(self) -> None:
        self.current: Unit | None = None
        self.memo: dict[Hashable, Any] = {}
        self._runs: dict[Unit, int] = {}
        self._todo: dict[Unit, Callable[[], None]] = {}
        self._known: dict[Unit, Callable[[], None]] = {}
        self._readers: dict[Hashable, dict[Unit, int]] = {}
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
        current = self.current
        if current is not None:
            readers = self._readers.get(key)
            if readers is None:
                readers = self._readers[key] = {}
            readers[current] = self._runs[current]

    def grew(self, key: Hashable) -> None:
        """Have what depends on something interpreted again: what has read it when run last."""
        for unit, run in self._readers.get(key, {}).items():
            if run == self._runs[unit]:
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
        around, memo = self.current, self.memo
        self.current, self.memo = unit, {}
        self._runs[unit] = self._runs.get(unit, 0) + 1
        self._waiting.pop(unit, None)
        self._known[unit]()
        self.current, self.memo = around, memo
