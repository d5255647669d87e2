"""Have the outputs of a split convolution go into a concatenation one by one."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import TypeAlias

from ..reading.naming import fresh, names_in, outermost_function
from ..reading.source import Source
from ..rewriting.edits import Edit, TextEdit
from .call_plan import CallPlan
from .collecting import Collected
from .joining import Feed

Outputs: TypeAlias = Callable[[str, str], str]
"""What makes, of the code of a module and that of its input, that of a list of its outputs."""


def make_output_edits(source: Source, plan: CallPlan, outputs: Outputs) -> Iterator[Edit]:
    """The edits of the calls whose results a concatenation takes one by one."""
    taken: dict[ast.AST, set[str]] = {}
    for feed in plan.feeds:
        function = outermost_function(source, feed.value)
        if function not in taken:
            taken[function] = names_in(function)
        yield from _feed_edits(source, feed, taken[function], outputs)
    for collected in plan.collected:
        yield from _collected_edits(source, collected, outputs)


def _feed_edits(source: Source, feed: Feed, taken: set[str], outputs: Outputs) -> Iterator[Edit]:
    """The edits of one call; ``taken`` are the names that a variable must not have."""
    assert isinstance(feed.value, ast.Call)
    function = source.code(feed.value.func)
    star = "*" if feed.target is None else ""

    def emit(code: str) -> str:
        rest = code.removeprefix(function).lstrip().removeprefix("(")
        return star + outputs(function, rest.removesuffix(")"))

    yield TextEdit(feed.value, feed.value, emit)
    if feed.target is not None:
        name = fresh("outputs", taken)
        taken.add(name)
        yield TextEdit(feed.target, feed.target, lambda code: name)
        yield TextEdit(feed.element, feed.element, lambda code: f"*{name}")


def _collected_edits(source: Source, collected: Collected, outputs: Outputs) -> Iterator[Edit]:
    """The edits of a call whose results a loop is to collect one by one."""
    call, place = collected.call, collected.place

    def emit(code: str) -> str:
        return outputs(source.code(call.func), code)

    if isinstance(place, ast.ListComp):
        variable = fresh("output", names_in(outermost_function(source, place)))
        found: list[str] = []

        def element(code: str) -> str:
            found.append(emit(code))
            return variable

        yield TextEdit(call, call.args[0], element)
        yield TextEdit(
            place, place, lambda code: f"{code[:-1].rstrip()} for {variable} in {found[-1]}]"
        )
    else:
        assert isinstance(place.func, ast.Attribute)
        listed = source.code(place.func.value)
        yield TextEdit(place, call.args[0], lambda code: f"{listed}.extend({emit(code)})")
