"""What is said of a source by the facts of it, once it is known what is split."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from ..outcome import Warning
from ..reading.classes import ClassIndex
from .built.plan import BuiltPlan
from .find import Site
from .model import SplitAttribute
from .norms.behind import warn_of_norms
from .records import name_of
from .surroundings import Surroundings
from .walks import warn_of_walks

_UNKNOWN: Final = "what others do with the convolution itself is not known"
_TOO_MUCH: Final = (
    "there is too much in this file to follow: norms that stay behind a concatenation, and what"
    " goes over modules, are not all said"
)


def warn_by_facts(
    index: ClassIndex,
    around: Surroundings,
    attributes: Collection[SplitAttribute],
    built: BuiltPlan,
    branches_norms: bool,
    told: Collection[int],
) -> Iterator[Warning]:
    """Say what the flow of objects and tensors shows of what is split.

    Args:
        index: of the source.
        around: its facts, and those of the files that speak of it.
        attributes: what is split by writing it out.
        built: what is split once it is built.
        branches_norms: whether norms are to be split as well.
        told: the lines of which something has been said already.
    """
    source = index.source
    names = {each.attribute for each in attributes} | built.names()
    split = [each.site.call for each in built.sites]
    written = [each.site.call for one in attributes for each in one.candidates]
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
    of_norms = [*warn_of_norms(around, named)]
    yield from of_norms
    is_done = built.is_done_before if not attributes else _never
    lines = {*told, *(each.line for each in of_norms)}
    yield from warn_of_walks(around, first, split, names, is_done, lines)


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
