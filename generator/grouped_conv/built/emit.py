"""Fill the template of the built style, and hand the code to the rewriter as edits."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ...reading.source import Source
from ...rewriting.edits import Edit, Naming, Removal, TextEdit
from ...rewriting.places import insert_after, insert_before
from ..emit_feeding import make_output_edits
from ..emit_padding import make_padding_edits
from .helper import TEMPLATE, Helper
from .plan import BuiltPlan, Carried, Line, Renamed, Wrap

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
        slices: the code of the convolution that slices what a plain one gives, or of their width.
        condition: the code of what decides whether the norm is applied; empty if nothing does.
        multiplier: whether a depthwise multiplier becomes depthwise convolutions.
        identity: whether an identity convolution is put behind.
    """

    helper: Helper
    code: str
    norm: str = ""
    pad: str = ""
    slices: str = ""
    condition: str = ""
    multiplier: bool = False
    identity: bool = False


def make_built_edits(
    source: Source, plan: BuiltPlan, helper: Helper, templates: Templates
) -> Iterator[Edit]:
    """The edits that carry the plan out, but for those that put the helper into the source.

    Raises:
        TemplateError: a template is faulty; raised when the edit's code is emitted.
    """

    def rendered(macro: str, code: str, norm: str = "", pad: str = "", **more: Any) -> str:
        return templates.render(TEMPLATE, macro, LineContext(helper, code, norm, pad, **more))

    by_place: dict[ast.stmt, list[Callable[[], str]]] = {}
    by_return: dict[ast.stmt, list[Callable[[], str]]] = {}
    for change in plan.changes:
        is_multiplied, has_identity = (each in change.marks for each in ("multiplier", "identity"))
        split = partial(rendered, change.kind, multiplier=is_multiplied, identity=has_identity)
        if isinstance(change, Line):
            more = {"condition": change.condition, "slices": change.slices}
            line = partial(split, change.code, change.norm, **more)
            by_place.setdefault(change.after, []).append(line)
            for each in change.returns:
                by_return.setdefault(each, []).append(line)
        elif isinstance(change, Renamed):
            yield Naming(change.statement, change.name)
            yield insert_after(source, change.place, partial(_returned, split, change.name))
        elif isinstance(change, Wrap):
            yield TextEdit(change.node, change.node, split)
    for after, lines in by_place.items():
        yield insert_after(source, after, partial(_joined, lines))
    for before, lines in by_return.items():
        yield insert_before(source, before, partial(_joined, lines))
    for carried in plan.carried:
        yield from _carried(source, carried, partial(rendered, "slices"))
    outputs, each_of = partial(rendered, "outputs"), partial(rendered, "each")
    yield from make_output_edits(source, plan.calls.feeds, outputs, each_of)
    yield from make_padding_edits(source, plan.calls, partial(rendered, "padded"))


def _carried(source: Source, carried: Carried, emit: Callable[..., str]) -> Iterator[Edit]:
    """What puts a call for slices in place of what is done one after the other."""
    given = (carried.width, carried.norm, *carried.activations)
    slices = ", ".join(map(source.code, given))
    code = source.code(carried.tensor)
    yield TextEdit(carried.call, carried.call, lambda _: emit(code, slices=slices))
    yield from map(Removal, carried.statements)


def _joined(lines: Iterable[Callable[[], str]]) -> str:
    return "\n".join(each() for each in lines)


def _returned(split: Callable[[str], str], name: str) -> str:
    return f"return {split(name)}"
