"""Where what a split convolution gives is added to what may be a concatenation as well.

    return x + self.bn2(self.conv2(y))

PLiNIO's PIT prunes what is added by one mask, and takes that of one of the concatenations; what it
exports then differs, without a word. An identity convolution behind a concatenation has a mask of
its own. It costs the square of the channels, and so is put there only where that is asked for.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Final

from ..facts.facts import Facts
from ..facts.values import Object
from ..outcome import Finding
from ..reading.source import Source
from .built.helper import emitted
from .built.plan import Way, marked
from .find import Site
from .flow import Flow
from .tracing import Tracing

CODE: Final = "sum-of-cats"
_ASK: Final = (
    "is added to what may be a concatenation too, and PIT's export after pruning is wrong; --select"
    " sum-of-cats puts a frozen identity convolution behind it, with the square of its channels"
)
_WALKED: Final = "an identity convolution behind it would be met by what goes over all modules ({})"
_NO_PLACE: Final = "there is no place for an identity convolution behind it"
_WALKING: Final = frozenset(
    (
        *("modules", "named_modules", "children", "named_children", "_modules", "apply"),
        *("parameters", "named_parameters", "_parameters", "named_apply"),
    )
)
_FOR_OPTIMISERS: Final = ("optim.", "sum", "clip_grad_norm_")
_NO_IDENTITY: Final = ("by_filter", "build")
"""The kinds of changes that have no place for an identity."""


class Sums:
    """The sums of one source.

    Args:
        tracing: of the source.
    """

    def __init__(self, tracing: Tracing) -> None:
        self.tracing = tracing
        self.source = tracing.index.source

    @property
    def facts(self) -> Facts:
        """The facts of the source, and of those that speak of what it builds."""
        return self.tracing.surroundings.facts

    def of(self, site: Site) -> ast.AST | None:
        """The first sum that what a convolution gives goes into, with something that may be one."""
        built = self.tracing.made(site)
        made = (x for x in built if not isinstance(x, Object) or not self.facts.is_plain(x))
        given = (use.result for each in made for use in self.facts.calls(each))
        return self.flow.sum_of([each for each in given if each is not None])

    @cached_property
    def flow(self) -> Flow:
        """Where tensors go."""
        return Flow(self.facts, self.tracing.surroundings.source_of)

    def finding(self, site: Site, ways: Iterable[Way], is_asked: bool) -> Finding | None:
        """What is said of the sum that what a convolution gives goes into, if there is one.

        Args:
            site: the convolution.
            ways: how it is split once it is built.
            is_asked: whether an identity is to be put behind.
        """
        node = self.of(site)
        if node is None:
            return None
        at = node if self.source.has(node) else site.call
        assert isinstance(at, ast.expr | ast.stmt), "uses have a place"
        shown = f"{self.source.shown(at)}: {self.source.shown(site.call)}"
        if any(each.has("identity") for each in ways):
            said = f"{shown} gets an identity convolution behind it"
            return Finding(CODE, *self.source.place(at), "rewritten", said)
        return Finding(CODE, *self.source.place(at), "left", f"{shown}: {self._reason(is_asked)}")

    def _reason(self, is_asked: bool) -> str:
        """Why a sum stays as it is."""
        if not is_asked:
            return _ASK
        return _WALKED.format(self.walk) if self.walk else _NO_PLACE

    @cached_property
    def walk(self) -> str:
        """The line that goes over all modules or weights, and so would come to an identity."""
        others = [each.index.source for each in self.tracing.surroundings.others]
        for source in (self.source, *others):
            helper = {*emitted(source.tree)}
            for node in source.nodes:
                name = getattr(node, "attr", getattr(node, "id", ""))
                if name not in _WALKING or not isinstance(node, (ast.Attribute, ast.Name)):
                    continue
                if helper.isdisjoint(source.ancestors(node)) and not _is_for_optimiser(
                    source, node
                ):
                    return self.tracing.line(node)
        return ""


def _is_for_optimiser(source: Source, node: ast.AST) -> bool:
    """Whether weights are only handed to an optimiser, or counted: the identity's do not learn."""
    call = source.parent(node)
    around = source.parent(call)
    if getattr(node, "attr", "") != "parameters" or not isinstance(around, ast.Call):
        return False
    code = ast.unparse(around.func)
    return call in around.args and any(each in code for each in _FOR_OPTIMISERS)


def with_identities(
    ways: Mapping[ast.Call, tuple[Way, ...]], summed: Iterable[ast.Call]
) -> dict[ast.Call, tuple[Way, ...]]:
    """Some ways in which an identity is put behind what is added up, where that is possible."""
    changes = (each.change for call in summed for each in ways.get(call, ()))
    own = {each for each in changes if each is not None and each.kind not in _NO_IDENTITY}
    return marked(ways, own, "identity")
