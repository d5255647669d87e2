"""Fill the template of the built style, and hand the code to the rewriter as edits."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...reading.places import insert_after
from ...reading.source import Source
from ...rewriting.edits import Edit, TextEdit
from ..emit_outputs import make_output_edits
from .helper import TEMPLATE, Helper
from .plan import BuiltPlan, Line

if TYPE_CHECKING:
    from ...rewriting.templating import Templates


@dataclass(frozen=True)
class LineContext:
    """What the macros are given as ``line``.

    Attributes:
        helper: the helper.
        code: of the convolution, of the nn.Sequential, or of what gives it.
        norm: the code of the norm, or of the input.
    """

    helper: Helper
    code: str
    norm: str = ""


def make_built_edits(
    source: Source, plan: BuiltPlan, helper: Helper, templates: Templates
) -> Iterator[Edit]:
    """The edits that carry the plan out, but for those that put the helper into the source.

    Raises:
        TemplateError: a template is faulty; raised when the edit's code is emitted.
    """

    def rendered(macro: str) -> Callable[[str], str]:
        return lambda code: templates.render(TEMPLATE, macro, LineContext(helper, code))

    by_place: dict[ast.stmt, list[str]] = {}
    for line in plan.lines:
        code = _line(source, line, helper, templates)
        by_place.setdefault(line.place.after, []).append(code)
    for sequence in plan.sequences:
        if sequence.after is None:
            yield TextEdit(sequence.node, sequence.node, rendered("listed"))
        else:
            by_place.setdefault(sequence.after, []).append(rendered("layers")(sequence.code))
    for each in plan.lists:
        context = LineContext(helper, source.code(each.convs), source.code(each.norms))
        by_place.setdefault(each.last, []).append(templates.render(TEMPLATE, "pairs", context))
    for after, codes in by_place.items():
        yield insert_after(source, after, "\n".join(codes))
    for call in plan.wrapped:
        yield TextEdit(call, call, rendered("split"))

    def outputs(function: str, code: str) -> str:
        return templates.render(TEMPLATE, "outputs", LineContext(helper, function, code))

    yield from make_output_edits(source, plan.calls, outputs)


def _line(source: Source, line: Line, helper: Helper, templates: Templates) -> str:
    owner = source.code(line.target.value)
    norm = f"{owner}.{line.norm}" if line.norm else ""
    context = LineContext(helper, f"{owner}.{line.target.attr}", norm)
    return templates.render(TEMPLATE, "conv_norm" if norm else "conv", context)
