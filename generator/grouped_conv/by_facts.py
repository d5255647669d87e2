"""What is said of a source by the facts of it, once it is known what is split."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final

from .. import torch_api
from ..facts.facts import Facts, facts_of
from ..outcome import Warning
from ..reading.classes import ClassIndex
from ..reading.flow import Reached
from ..reading.scopes import FUNCTIONS, assigned_value
from ..reading.source import Source
from .built.plan import BuiltPlan
from .find import Site
from .model import SplitAttribute
from .norms.behind import warn_of_norms
from .norms.kinds import TRYING, kind_of
from .records import name_of
from .walks import warn_of_walks

_WORDS: Final = frozenset(torch_api.WALKS) | torch_api.GIVES_CHILDREN | {"setattr"}
"""What code speaks of that may get at modules which it does not name."""
_TOO_MUCH: Final = (
    "there is too much in this file to follow: norms that stay behind a concatenation, and what"
    " goes over modules, are not all said"
)


def warn_by_facts(
    index: ClassIndex,
    facts: Facts,
    attributes: Collection[SplitAttribute],
    built: BuiltPlan,
    branches_norms: bool,
    told: Collection[int],
) -> Iterator[Warning]:
    """Say what the flow of objects and tensors shows of what is split.

    Args:
        index: of the source.
        facts: of it.
        attributes: what is split by writing it out.
        built: what is split once it is built.
        branches_norms: whether norms are to be split as well.
        told: the lines of which something has been said already.
    """
    source = index.source
    names = {each.attribute for each in attributes} | built.names()
    split = [each.site.call for each in built.sites]
    written = [each.site.call for one in attributes for each in one.candidates]
    if not facts.is_complete:
        yield Warning(*source.place(min([*split, *written], key=source.span)), _TOO_MUCH)
        return
    unsaid = _without_norm(attributes, built) if branches_norms else []
    named = ((each.call, name_of(index, each)) for each in unsaid)
    of_norms = [*warn_of_norms(source, facts, named, built.joined())]
    yield from of_norms
    is_done = built.is_done_before if not attributes else _never
    yield from warn_of_walks(
        source, facts, split, names, is_done, {*told, *(each.line for each in of_norms)}
    )


def facts_about(
    index: ClassIndex, convolutions: Collection[ast.Call], reached: Iterable[Reached]
) -> Facts:
    """What may happen in a source, as far as that speaks of some convolutions.

    Args:
        index: of the source.
        convolutions: their constructions.
        reached: where they may get to.
    """
    held = {place for each in reached for place in each.attributes}
    owners = {owner for owner, _ in held}
    norms = {
        name
        for name, accesses in index.by_attribute.items()
        if any(each.owner in owners and _gives_norm(index, each.node) for each in accesses)
    }
    names = norms | {name for _, name in held}
    return facts_of(index.source.tree, _speaks_of(index.source, convolutions, names))


def _gives_norm(index: ClassIndex, target: ast.Attribute) -> bool:
    """Whether a target is given what may be a norm."""
    if isinstance(target.ctx, ast.Load):
        return False
    value = assigned_value(index.source.parent_of, target)
    return kind_of(index, value, target.attr).name in TRYING


def _without_norm(attributes: Iterable[SplitAttribute], built: BuiltPlan) -> list[Site]:
    """The convolutions that are split for themselves, and of no norm is said why."""
    sites = [
        each.site
        for each in built.sites
        if not _takes_all(built, each.site.call)
        and not _says_that_it_stays(built.notes[each.site.call])
    ]
    for attribute in attributes:
        if attribute.norm is None and not _says_that_it_stays([attribute.note]):
            sites += [each.site for each in attribute.candidates]
    return sites


def _takes_all(built: BuiltPlan, call: ast.Call) -> bool:
    """Whether a convolution is split with its norm where it is built."""
    return any(each.norm for each in built.ways[call] if each.joined is None)


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
    words = (defined | {*names}) - {"__init__", "forward"}
    known = "|".join(map(re.escape, sorted(words | _WORDS)))
    pattern = re.compile(rf"\b({known}|Conv(Transpose)?[123]d\.\w+)\b")
    return lambda node: pattern.search(source.text, *source.span(node)) is not None
