"""What is said of a source by the facts of it, once it is known what is split."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property
from typing import Final

from ..outcome import Warning
from .built.plan import BuiltPlan
from .find import Site
from .norms.behind import warn_of_norms
from .reached import expressions
from .records import name_of
from .tracing import Tracing
from .walks import Split, norms_after, warn_of_walks
from .written import Written

_UNKNOWN: Final = "what others do with the convolution itself is not known"
_TOO_MUCH: Final = (
    "there is too much in this file to follow: norms that stay behind a concatenation, and what"
    " goes over modules, are not all said"
)


def warn_by_facts(
    tracing: Tracing,
    attributes: Collection[Written],
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
    index, around, source = tracing.index, tracing.surroundings, tracing.index.source
    names = {each.attribute for each in attributes} | built.names()
    split = [each.site.call for each in built.sites]
    written = [each.candidate.site.call for each in attributes]
    facts, first = around.facts, min([*split, *written], key=source.span)
    if around.not_followed:
        said = f"{around.not_followed} other files use this, too many to follow: {_UNKNOWN}"
        yield Warning(*source.place(first), said)
    if not around.is_whole:
        yield Warning(
            *source.place(first), f"the project has too many files to look at: {_UNKNOWN}"
        )
    if not facts.is_complete:
        yield Warning(*source.place(first), _TOO_MUCH)
        return
    unsaid = _without_norm(attributes, built) if branches_norms else []
    named = ((each.call, name_of(index, each)) for each in unsaid)
    of_norms = [*warn_of_norms(around, named, built.joined())]
    yield from of_norms
    is_done = built.is_done_before if not attributes else _never
    joined = {each for each in split if _takes_all(built, each)}
    joined |= {each.candidate.site.call for each in attributes if each.norm is not None}
    seen = _Seen(tracing, [*_sites(attributes, built)])
    is_seen, is_norm_seen = seen.convs.__contains__, seen.norms.__contains__
    calls, applied = (*split, *written), built.applied()
    what = Split(calls, frozenset(joined), names, is_seen, is_norm_seen, is_done, applied)
    yield from warn_of_walks(around, first, what, {*told, *(each.line for each in of_norms)})


def _sites(attributes: Iterable[Written], built: BuiltPlan) -> Iterator[Site]:
    """The convolutions that are split."""
    yield from (each.site for each in built.sites)
    yield from (each.candidate.site for each in attributes)


class _Seen:
    """The expressions that are known to stand for what is split, or for the norm after it."""

    def __init__(self, tracing: Tracing, sites: list[Site]) -> None:
        self.tracing = tracing
        self.sites = sites

    @cached_property
    def convs(self) -> frozenset[ast.AST]:
        """Those that stand for a convolution."""
        facts, made = self.tracing.surroundings.facts, map(self.tracing.made, self.sites)
        return frozenset[ast.AST]().union(*(expressions(facts, each) for each in made))

    @cached_property
    def norms(self) -> frozenset[ast.AST]:
        """Those in the source that stand for a norm."""
        tracing, facts = self.tracing, self.tracing.surroundings.facts
        convs = [each for site in self.sites for each in tracing.made(site)]
        norms = dict.fromkeys(norm for conv in convs for norm in norms_after(facts, conv))
        found = (one for norm in norms for one in facts.expressions(norm))
        return frozenset(filter(tracing.index.source.has, found))


def _without_norm(attributes: Iterable[Written], built: BuiltPlan) -> list[Site]:
    """The convolutions that are split for themselves, and of no norm is said why."""
    sites = [
        each.site
        for each in built.sites
        if not _takes_all(built, each.site.call)
        and not _says_that_it_stays(built.notes[each.site.call])
    ]
    sites += [
        each.candidate.site
        for each in attributes
        if each.norm is None and not _says_that_it_stays([each.note])
    ]
    return sites


def _takes_all(built: BuiltPlan, call: ast.Call) -> bool:
    """Whether a convolution is split with its norm where it is built."""
    return any(each.norm for each in built.ways[call] if not each.joined)


def _says_that_it_stays(notes: Iterable[str]) -> bool:
    """Whether some notes say of a norm why it is not split."""
    return any("stays" in each for each in notes)


def _never(node: ast.AST) -> bool:
    return False
