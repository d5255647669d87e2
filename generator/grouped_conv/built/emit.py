"""Fill the template of the built style, and hand the code to the rewriter as edits."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ...reading.source import Source
from ...rewriting.edits import Edit, Naming, TextEdit
from ...rewriting.places import insert_after, insert_before
from ..emit_outputs import make_output_edits
from ..emit_padding import make_padding_edits
from .helper import TEMPLATE, Helper
from .plan import BuiltPlan, Line, Renamed

if TYPE_CHECKING:
    from ...rewriting.templating import Templates


@dataclass(frozen=True)
class LineContext:
    """What the macros are given as ``line``.

    Attributes:
        helper: the helper.
        code: of the convolution, of the nn.Sequential, or of what gives it.
        norm: the code of the norm, of the input, or of the convolution that is padded.
        pad: the code of what pads each slice.
        condition: the code of what decides whether the norm is applied; empty if nothing does.
        multiplier: whether a depthwise multiplier becomes depthwise convolutions.
    """

    helper: Helper
    code: str
    norm: str = ""
    pad: str = ""
    condition: str = ""
    multiplier: bool = False


def make_built_edits(
    source: Source, plan: BuiltPlan, helper: Helper, templates: Templates
) -> Iterator[Edit]:
    """The edits that carry the plan out, but for those that put the helper into the source.

    Raises:
        TemplateError: a template is faulty; raised when the edit's code is emitted.
    """

    def rendered(macro: str, code: str, norm: str = "", *, multiplier: bool = False) -> str:
        context = LineContext(helper, code, norm, multiplier=multiplier)
        return templates.render(TEMPLATE, macro, context)

    by_place: dict[ast.stmt, list[str]] = {}
    by_return: dict[ast.stmt, list[str]] = {}
    for change in plan.changes:
        if isinstance(change, Line):
            context = LineContext(
                *(helper, change.code, change.norm, "", change.condition, change.multiplier)
            )
            code = templates.render(TEMPLATE, change.kind, context)
            by_place.setdefault(change.after, []).append(code)
            for each in change.returns:
                by_return.setdefault(each, []).append(code)
        elif isinstance(change, Renamed):
            yield Naming(change.statement, change.name)
            split = rendered(change.kind, change.name, multiplier=change.multiplier)
            code = f"return {split}"
            yield insert_after(source, change.after, code)
        else:
            wrapping = partial(rendered, change.kind, multiplier=change.multiplier)
            yield TextEdit(change.node, change.node, wrapping)
    for after, codes in by_place.items():
        yield insert_after(source, after, "\n".join(codes))
    for before, codes in by_return.items():
        yield insert_before(source, before, "\n".join(codes))

    def outputs(function: str, code: str) -> str:
        return rendered("outputs", function, code)

    yield from make_output_edits(source, plan.calls, outputs)

    def padded(function: str, code: str, pad: str) -> str:
        context = LineContext(helper, function, code, pad)
        return templates.render(TEMPLATE, "padded", context)

    yield from make_padding_edits(source, plan.calls, padded)
