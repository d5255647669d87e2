"""The arguments of a call, and the parameters of the project's functions that they go to."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .heap import Slot, union
from .values import NOTHING, Values

AnyFunction = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(eq=False, slots=True)
class Arguments:
    """What a call is given.

    Attributes:
        positional: in order, up to the first star.
        named: by their names.
        rest: what may stand behind a star or two, or anywhere.
        is_open: whether there is such.
        items: all that is given by place, what is behind a star too.
        is_loose: whether the order or the number of these is not known.
    """

    positional: tuple[Values, ...] = ()
    named: Mapping[str, Values] = field(default_factory=dict)
    rest: Values = NOTHING
    is_open: bool = False
    items: tuple[Slot, ...] = ()
    is_loose: bool = False

    def all(self) -> Iterator[Values]:
        """Each of them."""
        yield from self.positional
        yield from self.named.values()
        if self.is_open:
            yield self.rest

    def get(self, position: int, name: str) -> Values:
        """What goes to a parameter; nothing if none does."""
        found = self.named.get(name, NOTHING)
        if position < len(self.positional):
            found |= self.positional[position]
        return found | self.rest if self.is_open else found

    def behind(self, first: Values) -> Arguments:
        """The same behind another first argument."""
        return Arguments((first, *self.positional), self.named, self.rest, self.is_open)

    def without_first(self) -> Arguments:
        """The same without its first one; all, if it is not known which that is."""
        return Arguments(self.positional[1:], self.named, self.rest, self.is_open)

    def and_then(self, more: Arguments) -> Arguments:
        """Both, where the second name wins, as in ``functools.partial``."""
        both = self.positional + more.positional
        rest, is_open = self.rest | more.rest, self.is_open or more.is_open
        if self.is_open:  # what comes behind a star has no place
            both, rest = self.positional, union((rest, *more.positional))
        return Arguments(both, {**self.named, **more.named}, rest, is_open)

    def or_else(self, other: Arguments) -> Arguments:
        """What is given by one call or another."""
        common = zip(self.positional, other.positional, strict=False)
        short = len(self.positional) != len(other.positional) or set(self.named) != set(other.named)
        positional = tuple(a | b for a, b in common)
        left = (*self.positional[len(positional) :], *other.positional[len(positional) :])
        names = {**self.named, **other.named}
        named = {each: union(x.named.get(each, NOTHING) for x in (self, other)) for each in names}
        is_open = short or self.is_open or other.is_open
        return Arguments(positional, named, union((self.rest, other.rest, *left)), is_open)

    @property
    def key(self) -> tuple[object, ...]:
        """The same for the same arguments."""
        return self.positional, tuple(self.named.items()), self.rest, self.is_open


@dataclass(eq=False, slots=True)
class Bindings:
    """What each parameter of a function is given.

    Attributes:
        by_name: of those that are given anything.
        extra: what ``*args`` takes.
        extra_named: what ``**kwargs`` takes.
        rest: what may go to any of them.
    """

    by_name: Mapping[str, Values]
    extra: tuple[Values, ...]
    extra_named: Mapping[str, Values]
    rest: Values


def parameters(function: AnyFunction) -> list[str]:
    """The parameters that can be given by name or place, in order."""
    given = function.args
    return [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]


def defaults(function: AnyFunction) -> dict[str, ast.expr]:
    """The expression of each default."""
    given = function.args
    places = [each.arg for each in (*given.posonlyargs, *given.args)]
    found = dict(zip(reversed(places), reversed(given.defaults), strict=False))
    named = zip(given.kwonlyargs, given.kw_defaults, strict=True)
    return found | {each.arg: value for each, value in named if value is not None}


class Signature:
    """The parameters of a function.

    Attributes:
        names: those that can be given by name or place, in order.
        places: those that can be given by place.
        defaults: those that have one.
    """

    def __init__(self, function: AnyFunction) -> None:
        given = function.args
        self.names = dict.fromkeys(parameters(function))
        self.places = [each.arg for each in (*given.posonlyargs, *given.args)]
        self.defaults = defaults(function)

    def bound(self, given: Arguments) -> Bindings:
        """Say which parameter each argument goes to."""
        by_name = dict(zip(self.places, given.positional, strict=False))
        extra_named: dict[str, Values] = {}
        for name, values in given.named.items():
            target = by_name if name in self.names else extra_named
            target[name] = target[name] | values if name in target else values
        if given.is_open:
            settled = {*self.places[: len(given.positional)], *given.named}  # or it raises
            for name in self.names:
                if name not in settled:
                    by_name[name] = by_name.get(name, NOTHING) | given.rest
        return Bindings(by_name, given.positional[len(self.places) :], extra_named, given.rest)


def last_argument(node: ast.AST) -> ast.AST | None:
    """The last that a call is given by its place."""
    return node.args[-1] if isinstance(node, ast.Call) and node.args else None
