"""Decide which norms are split with the convolutions before them, in built style."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from ...facts.heap import union
from ...facts.values import NOTHING, Instance, Object, Value
from ...reading.callees import parameters_given
from ...reading.classes import ClassIndex
from ...reading.flow import Reached
from ...reading.names import meaning
from ...reading.scopes import FUNCTIONS, Function, assigned_value
from ...reading.source import Source
from ..find import Site, is_partial
from ..refusal import Refusal
from .lists import ListPair, Lists
from .norm_after import Pair
from .pairs import Pairs
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


def plan_norms(pairs: Pairs, sites: Iterable[tuple[Site, Reached]]) -> NormPlan:
    """Find the norms after some convolutions."""
    planning = _Planning(pairs, list(sites))
    for site, reached in planning.sites:
        planning.add(site, reached)
    return NormPlan(planning.pairs, planning.sequences, planning.lists, planning.notes)


class _Planning:
    """Takes in one convolution after the other."""

    def __init__(self, finder: Pairs, sites: list[tuple[Site, Reached]]) -> None:
        self.finder = finder
        self.source = finder.source
        self.facts = finder.surroundings.facts
        self.sites = sites
        self.convs = {site.call: self._convs(site, reached) for site, reached in sites}
        self.found = {
            call: [_if_free(finder, each) for each in find_sequences(finder, convs)]
            for call, convs in self.convs.items()
        }
        # All norms of an nn.Sequential are split, or none.
        found = [each for one in self.found.values() for each in one]
        self.kept = {each.place: each.reason for each in found if each.reason}
        self.in_lists = Lists(finder)
        self.pairs: dict[tuple[ast.ClassDef, str], Pair] = {}
        self.sequences: dict[ast.Call, tuple[Sequence, ...]] = {}
        self.lists: dict[ast.Call, tuple[ListPair, ...]] = {}
        self.notes: dict[ast.Call, tuple[str, ...]] = {}

    def _convs(self, site: Site, reached: Reached) -> list[Value]:
        """What a site makes that may be grouped; of a partial, what calling it does."""
        calls: list[ast.expr] = [site.call]
        if is_partial(site):
            calls = [each for each in reached.expressions if isinstance(each, ast.Call)]
        made = dict.fromkeys(value for each in calls for value in self.facts.values(each))
        convs = [each for each in made if isinstance(each, (Object, Instance))]
        return [
            each for each in convs if isinstance(each, Instance) or not self.facts.is_plain(each)
        ]

    def add(self, site: Site, reached: Reached) -> None:
        """Take a convolution in."""
        reasons: list[str] = []
        for owner, name in attributes_of(self.finder.index, site, reached):
            pair = self.finder.find(owner, name)
            if isinstance(pair, Refusal):
                reasons.append(str(pair))
            elif pair is not None:
                self.pairs[owner, name] = pair
        sequences = self.found[site.call]
        reasons += [self.kept[each.place] for each in sequences if each.place in self.kept]
        self.sequences[site.call] = tuple(each for each in sequences if each.place not in self.kept)
        lists: list[ListPair] = []
        for found in self._in_lists(self.convs[site.call]):
            if isinstance(found, Refusal):
                reasons.append(str(found))
            else:
                lists.append(found)
        self.lists[site.call] = tuple(lists)
        self.notes[site.call] = tuple(dict.fromkeys(reasons))

    def _in_lists(self, convs: Iterable[Value]) -> Iterator[ListPair | Refusal]:
        """What follows the lists of attributes that hold a convolution itself."""
        heap, index = self.facts.heap, self.finder.index
        held = {
            place
            for conv in convs
            for each, _ in heap.holders(conv)
            for place in heap.holders(each)
        }
        places = {
            (owner, name)
            for holder, name in held
            if isinstance(holder, Instance) and self.source.has(holder.cls.node)
            for each in self.finder.stores_of(holder.cls.node, name)
            if (owner := index.self_class(each.value)) is not None
        }
        for owner, name in sorted(places, key=lambda each: (each[0].lineno, each[1])):
            found = self.in_lists.find(owner, name)
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


def attributes_of(
    index: ClassIndex, site: Site, reached: Reached
) -> list[tuple[ast.ClassDef, str]]:
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
