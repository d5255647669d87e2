"""Decide which norms are split with the convolutions before them, in built style."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from ...facts.heap import union
from ...facts.values import NOTHING
from ...reading.callees import parameters_given
from ...reading.classes import ClassIndex
from ...reading.flow import Reached
from ...reading.names import meaning
from ...reading.scopes import FUNCTIONS, Function, assigned_value
from ...reading.source import Source
from ..find import Site
from ..refusal import Refusal
from .lists import Found, ListPair, Lists
from .loose import find_loose_norm, seems_a_norm
from .pairs import Pair, Pairs
from .sequential import Sequence, find_sequences

_CONTAINERS = (ast.List, ast.Tuple, ast.Dict, ast.Set, ast.ListComp, ast.DictComp)


@dataclass(frozen=True)
class NormPlan:
    """The norms of one source that can be split with the convolutions before them.

    Attributes:
        pairs: those in attributes, by the class and the attribute of the convolution.
        sequences: for each construction, the nn.Sequential that it may get into beside one.
        lists: for each, the lists that it may get into, each with one of norms.
        notes: for each, why a norm after it is to stay.
    """

    pairs: Mapping[tuple[ast.ClassDef, str], Pair] = field(default_factory=dict)
    sequences: Mapping[ast.Call, tuple[Sequence, ...]] = field(default_factory=dict)
    lists: Mapping[ast.Call, tuple[ListPair, ...]] = field(default_factory=dict)
    notes: Mapping[ast.Call, tuple[str, ...]] = field(default_factory=dict)


def plan_norms(finder: Pairs, sites: Iterable[tuple[Site, Reached]]) -> NormPlan:
    """Find the norms after some convolutions."""
    sites = list(sites)
    in_sequences = {
        site.call: [_if_free(finder, each) for each in find_sequences(finder, site.call, reached)]
        for site, reached in sites
    }
    # All norms of an nn.Sequential are split, or none.
    kept = {
        each.place: each.reason for found in in_sequences.values() for each in found if each.reason
    }
    planning = _Planning(finder, kept)
    for site, reached in sites:
        planning.add(site, reached, in_sequences[site.call])
    return NormPlan(planning.pairs, planning.sequences, planning.lists, planning.notes)


class _Planning:
    """Takes in one convolution after the other; ``kept`` says which nn.Sequential stay, and why."""

    def __init__(self, finder: Pairs, kept: Mapping[ast.AST, str]) -> None:
        self.finder = finder
        self.source = finder.source
        self.kept = kept
        self.in_lists = Lists(finder)
        self.pairs: dict[tuple[ast.ClassDef, str], Pair] = {}
        self.sequences: dict[ast.Call, tuple[Sequence, ...]] = {}
        self.lists: dict[ast.Call, tuple[ListPair, ...]] = {}
        self.notes: dict[ast.Call, tuple[str, ...]] = {}

    def add(self, site: Site, reached: Reached, sequences: Iterable[Sequence]) -> None:
        """Take a convolution in."""
        reasons: list[str] = []
        for owner, name in attributes_of(self.finder.index, site, reached):
            pair = self.finder.find(owner, name)
            if isinstance(pair, Refusal):
                reasons.append(str(pair))
            elif pair is not None:
                self.pairs[owner, name] = pair
        reasons += [self.kept[each.place] for each in sequences if each.place in self.kept]
        self.sequences[site.call] = tuple(each for each in sequences if each.place not in self.kept)
        known: set[ast.AST] = set()
        lists: list[ListPair] = []
        for found in _in_lists(self.in_lists, site, reached):
            known |= found.calls
            if isinstance(found.pair, Refusal):
                reasons.append(str(found.pair))
            else:
                lists.append(found.pair)
        self.lists[site.call] = tuple(lists)
        reasons += _loose(self.source, reached, known)
        self.notes[site.call] = tuple(dict.fromkeys(reasons))


def _in_lists(lists: Lists, site: Site, reached: Reached) -> Iterable[Found]:
    """What follows the lists that hold the convolution itself, in the order of their names."""
    attributes = [(owner, name) for owner, name in reached.attributes if owner is not None]
    for owner, name in sorted(attributes, key=lambda each: (each[0].lineno, each[1])):
        items = lists.items(owner, name)
        if any(_is_conv(lists.source, each, site, reached) for each in items):
            found = lists.find(owner, name)
            if found is not None:
                yield found


def _if_free(finder: Pairs, sequence: Sequence) -> Sequence:
    """An nn.Sequential, with the reason why it stays if something is to be left alone."""
    directives, after = finder.directives, sequence.after
    found = directives.skip(after) if after is not None else directives.forbids(sequence.node)
    skip = next(filter(None, [found, *map(directives.skip, sequence.norms)]), None)
    what = "the norm stays after" if sequence.has_norm else "the padding stays before"
    if skip is not None:
        return replace(sequence, reason=f"{what} it: {skip.standing('there')}")
    around = finder.surroundings
    norms = union(map(around.facts.values, sequence.norms)) if around.has_others else NOTHING
    place = around.uses_any(norms) or around.changes_items(sequence.node)
    if place:
        return replace(sequence, reason=f"{what} it: it is used in another file ({place})")
    return sequence


def _loose(source: Source, reached: Reached, known: Collection[ast.AST]) -> Iterable[str]:
    """Why the norms stay that follow a convolution which is no attribute."""
    for each in sorted(reached.expressions, key=source.span):
        call = source.parent(each)
        if call in known or _is_of_self(each):
            continue
        if isinstance(call, ast.Call) and call.func is each:
            refusal = find_loose_norm(source, call, partial(seems_a_norm, source))
            if refusal is not None:
                yield str(refusal)


def _is_of_self(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)


def attributes_of(
    index: ClassIndex, site: Site, reached: Reached
) -> Iterable[tuple[ast.ClassDef, str]]:
    """The attributes that hold the convolution itself, in the order of the source."""
    found = set()
    for owner, name in reached.attributes:
        if owner is None:
            continue
        relatives = index.classes[owner].relatives()
        for access in index.accesses(name):
            if access.owner is None or index.classes[access.owner] not in relatives:
                continue
            value = assigned_value(index.source.parent_of, access.node)
            is_set = isinstance(access.node.ctx, ast.Store)
            if is_set and _is_conv(index.source, value, site, reached):
                found.add((owner, name))
    return sorted(found, key=lambda each: (each[0].lineno, each[1]))


def _is_conv(source: Source, value: ast.expr | None, site: Site, reached: Reached) -> bool:
    """Whether an attribute is given the convolution itself, which may be grouped there."""
    if value not in reached.expressions or isinstance(value, _CONTAINERS):
        return False
    if not isinstance(value, ast.Call) or value is site.call:
        return True
    callee = meaning(source, value.func)
    if callee.path.startswith("torch.nn."):
        return not callee.path.endswith(("Sequential", "ModuleList", "ModuleDict"))
    if not isinstance(callee.node, FUNCTIONS):
        return True
    return passes_groups(source, callee.node, value, site)


def passes_groups(source: Source, function: Function, call: ast.Call, site: Site) -> bool:
    """Whether a call of a function that builds the convolution may have it be grouped."""
    groups = site.arguments.by_name.get("groups")
    if not isinstance(groups, ast.Name) or function not in source.ancestors(site.call):
        return True
    bindings = source.scope(function.body[0]).bindings.get(groups.id, [])
    match bindings:
        case [each] if each.kind == "parameter":
            default = each.value
        case _:
            return True
    if not isinstance(default, ast.Constant) or default.value != 1:
        return True
    given: list[tuple[ast.expr, str | None]] = [(each, None) for each in call.args]
    if any(isinstance(each, ast.Starred) for each in call.args):
        return True
    if any(each.arg is None for each in call.keywords):
        return True
    given += [(each.value, each.arg) for each in call.keywords]
    return any(
        groups.id in parameters_given(source, function, value, call, keyword)
        for value, keyword in given
    )
