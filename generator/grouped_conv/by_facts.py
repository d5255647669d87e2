"""What is said of a source by the facts of it, once it is known what is split."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cached_property
from typing import Final

from .. import torch_api
from ..facts.facts import Facts, facts_of
from ..facts.project import bound_names
from ..outcome import Warning
from ..reading.parts import walk
from ..reading.scopes import FUNCTIONS, Function
from ..reading.source import Source
from .built.plan import BuiltPlan
from .find import Site
from .model import SplitAttribute
from .norms.behind import warn_of_norms
from .records import name_of
from .tracing import Tracing
from .walks import Split, norms_after, warn_of_walks

_WORDS: Final = frozenset(
    (
        *(*torch_api.WALKS, *torch_api.GIVES_CHILDREN, *torch_api.BY_PATH, "apply"),
        *("setattr", "getattr", "delattr", "attrgetter", "exec", "eval"),
        "param_groups",
    )
)
"""What code speaks of that may get at modules which it does not name."""
_PATCHES: Final = r"\b(F|functional|torch|nn)\.\w+\s*=[^=]"
_TOO_MUCH: Final = (
    "there is too much in this file to follow: norms that stay behind a concatenation, and what"
    " goes over modules, are not all said"
)


def warn_by_facts(
    tracing: Tracing,
    attributes: Collection[SplitAttribute],
    built: BuiltPlan,
    branches_norms: bool,
    told: Collection[int],
) -> Iterator[Warning]:
    """Say what the flow of objects and tensors shows of what is split.

    Args:
        tracing: of the source.
        attributes: what is split by writing it out.
        built: what is split once it is built.
        branches_norms: whether norms are to be split as well.
        told: the lines of which something has been said already.
    """
    index, source = tracing.index, tracing.index.source
    names = {each.attribute for each in attributes} | built.names()
    split = [each.site.call for each in built.sites]
    written = [each.site.call for one in attributes for each in one.candidates]
    found = [tracing.reached(each).attributes for each in _sites(attributes, built)]
    held = {name for each in found for _, name in each}
    facts = facts_of(source.tree, _speaks_of(source, [*split, *written], names | held))
    if not facts.is_complete:
        yield Warning(*source.place(min([*split, *written], key=source.span)), _TOO_MUCH)
        return
    unsaid = _without_norm(attributes, built) if branches_norms else []
    named = ((each.call, name_of(index, each)) for each in unsaid)
    of_norms = [*warn_of_norms(source, facts, named)]
    yield from of_norms
    is_done = built.is_done_before if not attributes else _never
    joined = {each for each in split if built.norms(each)}
    joined |= {
        each.site.call for one in attributes if one.norm is not None for each in one.candidates
    }
    is_seen = _Seen(tracing, facts, [*_sites(attributes, built)]).__contains__
    what = Split((*split, *written), frozenset(joined), names, is_seen, is_done)
    yield from warn_of_walks(source, facts, what, {*told, *(each.line for each in of_norms)})


def _sites(attributes: Iterable[SplitAttribute], built: BuiltPlan) -> Iterator[Site]:
    """The convolutions that are split."""
    yield from (each.site for each in built.sites)
    yield from (each.site for one in attributes for each in one.candidates)


class _Seen:
    """The expressions that are known to stand for what is split, or for the norm after it."""

    def __init__(self, tracing: Tracing, facts: Facts, sites: list[Site]) -> None:
        self.tracing = tracing
        self.facts = facts
        self.sites = sites

    @cached_property
    def _expressions(self) -> frozenset[ast.AST]:
        reached = [self.tracing.reached(each).expressions for each in self.sites]
        for site in self.sites:
            for conv in self.facts.values(site.call):
                for norm in norms_after(self.facts, conv):
                    if isinstance(norm.site, ast.expr):
                        reached.append(self.tracing.flow.reached(norm.site).expressions)
        return frozenset[ast.AST]().union(*reached)

    def __contains__(self, node: object) -> bool:
        return node in self._expressions


def _without_norm(attributes: Iterable[SplitAttribute], built: BuiltPlan) -> list[Site]:
    """The convolutions that are split for themselves, and of no norm is said why."""
    sites = [
        each.site
        for each in built.sites
        if not built.norms(each.site.call) and not _says_that_it_stays(built.notes[each.site.call])
    ]
    for attribute in attributes:
        if attribute.norm is None and not _says_that_it_stays([attribute.note]):
            sites += [each.site for each in attribute.candidates]
    return sites


def _says_that_it_stays(notes: Iterable[str]) -> bool:
    """Whether some notes say of a norm why it is not split."""
    return any("stays" in each for each in notes)


def _never(node: ast.AST) -> bool:
    return False


def _speaks_of(
    source: Source, split: Iterable[ast.Call], names: Collection[str]
) -> Callable[[ast.stmt], bool]:
    """Whether the text of a function or class speaks of what is split, or goes over modules.

    What it speaks of are the attributes, functions and classes that hold or build that.
    """
    around = (each for call in split for each in source.ancestors(call))
    defined = {each.name for each in around if isinstance(each, (*FUNCTIONS, ast.ClassDef))}
    words = {each for each in defined | {*names} if not each.startswith("__")} - {"forward"}
    words |= _WORDS
    nodes = [each for each in walk(source.tree) if isinstance(each, (*FUNCTIONS, ast.ClassDef))]
    while True:  # who speaks of what speaks of it
        known = "|".join(map(re.escape, sorted(words)))
        pattern = re.compile(rf"\b({known}|Conv(Transpose)?[123]d\.\w+)\b|{_PATCHES}")
        found = {each for each in nodes if pattern.search(source.text, *source.span(each))}
        more = {name for each in found for name in _made_by(each)} - words
        if not more:
            return found.__contains__
        words |= more


def _made_by(node: Function | ast.ClassDef) -> Iterator[str]:
    """By what names others get at what a function or class speaks of."""
    if node.name in ("__getattr__", "__getattribute__"):
        for each in walk(node):
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                yield from re.findall(r"\w+", each.value)
    if isinstance(node, ast.ClassDef):  # which a descriptor of it may be an attribute of
        fields = (each for each in node.body if isinstance(each, (ast.Assign, ast.AnnAssign)))
        yield from (name for each in fields for name in bound_names(each))
    if node.name != "forward" and not node.name.startswith("__"):
        yield node.name
