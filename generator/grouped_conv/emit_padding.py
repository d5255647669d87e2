"""Have the slices of a split convolution padded one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeAlias

from ..reading.naming import fresh, names_in, outermost_function
from ..reading.source import Source
from ..rewriting.edits import Edit, Removal, TextEdit
from .call_plan import CallPlan, PaddedCall

Padded: TypeAlias = Callable[[str, str, str], str]
"""What makes a call of the code of a convolution, its input, and what pads that."""


def make_padding_edits(source: Source, plan: CallPlan, emit: Padded) -> Iterator[Edit]:
    """The edits of the calls whose slices are padded by themselves."""
    for each in plan.padded:
        padding, call = each.padding, each.call
        yield TextEdit(call, padding.input, partial(_applied, source, each, emit))
        if padding.statement is not None:
            yield Removal(padding.statement)


def _applied(source: Source, padded: PaddedCall, emit: Padded, code: str) -> str:
    padding, call = padded.padding, padded.call
    variable = fresh("part", names_in(outermost_function(source, call)))
    open_, rest = padding.around(source)
    pad = f"lambda {variable}: {open_}{variable}{rest}"
    if not padding.call.keywords and len(padding.call.args) == 1:
        pad = source.code(padding.call.func)
    return emit(source.code(call.func), code, pad)
