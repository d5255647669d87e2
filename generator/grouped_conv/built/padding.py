"""Have the module that pads the input of a convolution pad each slice, once that is split."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import replace

from ..call_plan import CallPlan, PaddedCall
from ..tracing import Tracing
from .plan import Line, Way


def plan_padding(
    tracing: Tracing, calls: CallPlan, ways: Iterable[Way]
) -> tuple[CallPlan, tuple[Line, ...]]:
    """The calls, and the lines that copy the modules which pad in them.

    A module is copied where a line splits the convolution, if it is there by then; else the one
    module pads all slices.
    """
    lines: dict[ast.Attribute, Line] = {}
    padded: list[PaddedCall] = []
    known = list(ways)
    for each in calls.padded:
        store, function = each.padding.store, each.call.func
        way = next((way for way in known if _splits(tracing, way, function)), None)
        line = way.change if way is not None else None
        if store is None or way is None or not isinstance(line, Line) or store not in way.done:
            padded.append(replace(each, padding=replace(each.padding, store=None)))
            continue
        code = f"{tracing.index.source.code(store.value)}.{store.attr}"
        lines[store] = Line("padding", line.after, code, line.code)
        padded.append(each)
    return replace(calls, padded=tuple(padded)), tuple(lines.values())


def _splits(tracing: Tracing, way: Way, function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and way.held == (
        tracing.index.self_class(function.value),
        function.attr,
    )
