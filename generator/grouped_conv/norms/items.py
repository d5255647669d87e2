"""Say what an nn.Sequential, or a list that goes into one, is given, as far as it is seen."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TypeGuard

from ...reading.kept import kept
from ...reading.parts import walk
from ...reading.scopes import FUNCTIONS
from ...reading.source import Source


class ItemsOf(tuple[ast.expr | None, ...]):
    """What goes into an nn.Sequential; None for what is not seen."""

    @cached_property
    def places(self) -> Mapping[ast.expr | None, list[int]]:
        """At which places each of them stands."""
        found = defaultdict(list)
        for place, each in enumerate(self):
            found[each].append(place)
        return found


@kept
def items_of(source: Source, call: ast.Call) -> ItemsOf:
    """What the arguments of a call add to an nn.Sequential."""
    items = _Items(source)
    return ItemsOf(each for one in call.args for each in items.of(one))


class _Items:
    """What calls of one source hold."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._building: set[str] = set()

    def of(self, argument: ast.expr) -> Iterator[ast.expr | None]:
        """What an argument of nn.Sequential adds to it; None for what is not seen."""
        match argument:
            case ast.Starred(value=value):
                yield from self._listed(value)
            case ast.Call(args=[listed]) if is_ordered_dict(argument):
                yield from self._listed(listed)
            case ast.Call(args=[], keywords=named) if is_ordered_dict(argument):
                yield from (each.value for each in named)
            case ast.Name() if self.is_dict(argument):
                yield from self._built_up(argument)
            case _:
                yield argument

    def is_dict(self, name: ast.Name) -> bool:
        """Whether a name is known to be a dict."""
        known = self.source.scope(name).only_value(name.id)
        if known is None:
            return False
        return isinstance(known[1], ast.Call) and is_ordered_dict(known[1])

    def _listed(self, value: ast.expr) -> Iterator[ast.expr | None]:
        match value:
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                for each in elements:
                    match each:
                        case ast.Tuple(elts=[_, named]):
                            yield named
                        case ast.Starred(value=inner):
                            yield from self._listed(inner)
                        case _:
                            yield each
            case ast.Dict(values=values):
                yield from values
            case ast.Name():
                yield from self._built_up(value)
            case ast.Subscript(value=inner, slice=ast.Slice(step=None)):
                # What is next to each other in a slice is so in the whole.
                yield from [*self._listed(inner)] or [None]
            case _:
                yield None

    def _built_up(self, name: ast.Name) -> Iterator[ast.expr | None]:
        """What a list holds that a function builds up, in the order of the text."""
        found = self.source.scope(name).lookup(name.id)
        is_own = name.id in self._building  # layers = [norm, *layers]
        if is_own or found is None or not isinstance(found[0].node, FUNCTIONS):
            yield None
            return
        self._building.add(name.id)
        yield from self._built_in(found[0].node, name)
        self._building.discard(name.id)

    def _built_in(self, function: ast.AST, name: ast.Name) -> Iterator[ast.expr | None]:
        nodes = [
            each
            for each in walk(function)
            if isinstance(each, (ast.Assign, ast.AugAssign, ast.Call))
        ]
        for each in sorted(nodes, key=self.source.span):
            match each:
                case (
                    ast.Assign(targets=[ast.Name(id=target)], value=value)
                    | ast.AugAssign(target=ast.Name(id=target), value=value)
                ) if target == name.id:
                    yield from () if _is_empty(value) else self._listed(value)
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id=target), attr="append" | "extend" as attr),
                    args=[value],
                ) if target == name.id:
                    yield from [value] if attr == "append" else self._listed(value)
                case ast.Assign(targets=[ast.Subscript(value=ast.Name(id=target))], value=value):
                    if target == name.id:
                        yield value


def is_ordered_dict(node: ast.expr) -> TypeGuard[ast.Call]:
    """Whether an expression builds an OrderedDict."""
    function = getattr(node, "func", None)
    return "OrderedDict" in (getattr(function, "id", ""), getattr(function, "attr", ""))


def _is_empty(value: ast.expr) -> bool:
    return isinstance(value, (ast.List, ast.Dict, ast.Call)) and not any(
        getattr(value, each, None) for each in ("elts", "values", "args", "keywords")
    )
