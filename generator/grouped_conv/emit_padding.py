"""Have the slices of a split convolution padded one by one."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import TypeAlias

from ..reading.evaluation import can_be_hoisted
from ..reading.naming import fresh, names_in, outermost_function
from ..reading.source import Source
from ..rewriting.edits import Edit, Removal, TextEdit
from .call_plan import CallPlan, PaddedCall
from .padding import Padding
from .reads import binds

Padded: TypeAlias = Callable[[str, str, str], str]
"""What makes a call of the code of a convolution, its input, and what pads that."""


def make_padding_edits(source: Source, plan: CallPlan, emit: Padded) -> Iterator[Edit]:
    """The edits of the calls whose slices are padded by themselves."""
    for each in plan.padded:
        yield from _padded_edits(source, each, emit)


def _padded_edits(source: Source, padded: PaddedCall, emit: Padded) -> Iterator[Edit]:
    padding, call = padded.padding, padded.call
    variable = fresh("part", names_in(outermost_function(source, call)))
    open_, rest = padding.around(source)
    pad = f"lambda {variable}: {open_}{variable}{rest}"
    if not padding.call.keywords and len(padding.call.args) == 1:
        pad = source.code(padding.call.func)

    def applied(code: str) -> str:
        return emit(source.code(call.func), code, pad)

    if padding.statement is None:
        yield TextEdit(call, padding.input, applied)
    elif _stays_apart(source, padding, call):
        yield TextEdit(padding.call, padding.input, applied)
        yield TextEdit(call, call.args[0], lambda code: code)
    else:
        yield TextEdit(call, padding.input, applied)
        yield Removal(padding.statement)


def _stays_apart(source: Source, padding: Padding, call: ast.Call) -> bool:
    """Whether a call can be made where its input is padded, in a statement just before.

    The variable then holds another value, so that its name must not be one for what is padded:
    it is that of the value before, or after. Where the call is all of its own statement, that
    takes the place of both.
    """
    statement, argument = source.statement(call), call.args[0]
    assert isinstance(argument, ast.Name)
    is_general = binds(statement, argument.id) or argument.id == source.code(padding.input)
    is_part = source.parent(call) is not statement and "#" not in source.code(call)
    return is_general and is_part and can_be_hoisted(source, statement, call)
