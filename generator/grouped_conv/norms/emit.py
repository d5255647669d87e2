"""Fill the template of norms, and hand the code to the rewriter as edits."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Final

from ...reading.places import insert_after, line_of
from ...reading.source import Source
from ...rewriting.edits import Edit, Insertion, TextEdit
from ..helper import Helper
from .following import Following
from .lists import ListPair
from .pairs import Pair
from .plan import NormPlan
from .sequential import Sequence

if TYPE_CHECKING:
    from ...rewriting.templating import Templates

TEMPLATE: Final = "norm.py.jinja"


@dataclass(frozen=True)
class NormContext:
    """What the macros are given as ``norm``.

    Attributes:
        helper: the helper.
        code: of the norm or norms, of the nn.Sequential, of the outputs or of the variable.
        conv: the code of the convolution or convolutions before it.
    """

    helper: Helper
    code: str
    conv: str = ""


def make_norm_edits(
    source: Source, plan: NormPlan, helper: Helper, templates: Templates
) -> Iterator[Edit]:
    """The edits that have norms split where they are built, after convolutions in module style.

    Raises:
        TemplateError: a template is faulty; raised when the edit's code is emitted.
    """
    emission = _Emission(source, helper, templates)
    for pair in plan.pairs:
        yield from emission.pair(pair)
    for each in plan.sequences:
        if each.after is None:
            yield TextEdit(each.node, each.node, emission.listed(each))
        else:
            yield insert_after(source, each.after, emission.listed(each)(each.code))
    for lists in plan.lists:
        yield emission.lists(lists)


class _Emission:
    def __init__(self, source: Source, helper: Helper, templates: Templates) -> None:
        self.source = source
        self.helper = helper
        self.templates = templates

    def rendered(self, macro: str, conv: str = "") -> Callable[[str], str]:
        """What makes new text of the text of an expression."""
        return lambda code: self.templates.render(
            TEMPLATE, macro, NormContext(self.helper, code, conv)
        )

    def listed(self, sequence: Sequence) -> Callable[[str], str]:
        """What makes an expression for an nn.Sequential one that sees to its norms and paddings."""
        macros = ["listed"] * sequence.has_norm + ["padded"] * sequence.has_padding
        return lambda code: reduce(lambda inner, macro: self.rendered(macro)(inner), macros, code)

    def lists(self, lists: ListPair) -> Edit:
        """The edit for the norms after the convolutions of a list."""
        code = self.rendered("paired", self.source.code(lists.convs))(self.source.code(lists.norms))
        return insert_after(self.source, lists.last, code)

    def pair(self, pair: Pair) -> Iterator[Edit]:
        """The edits for the norm after one convolution."""
        for target in pair.convs if pair.is_late else ():
            norm = f"{self.source.code(target.value)}.{pair.norm}"
            statement = self.source.statement(target)
            code = self.rendered("after", self.source.code(target))(norm)
            yield insert_after(self.source, statement, code)
        for store in () if pair.is_late else pair.deciding(self.source):
            conv = f"{self.source.code(store.target.value)}.{pair.conv}"
            yield TextEdit(store.value, store.value, self.rendered("moved", conv))
        for call in pair.alone:
            yield TextEdit(call, call, self.rendered("joined"))
        for each in pair.followed:
            if each.may_be_skipped:
                yield self._joining(each)

    def _joining(self, following: Following) -> Edit:
        """What joins the outputs where the norm is not applied."""
        guard = following.guard
        if isinstance(guard, ast.IfExp):
            return TextEdit(guard.orelse, guard.orelse, self.rendered("joined"))
        assert isinstance(guard, ast.If)
        code = self.rendered("joining")(following.output)
        if not guard.orelse:
            return insert_after(self.source, guard, code)
        return Insertion(line_of(self.source, guard.orelse[0]), code)
