"""Decide which norms are split with the convolutions before them, in built style."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from ...facts.heap import union
from ...facts.order import in_order
from ...facts.values import NOTHING, Instance, Object, Value
from ...reading.callees import parameters_given
from ...reading.scopes import Function
from ...reading.source import Source
from ..find import Site, is_partial, lacks_groups
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


def plan_norms(pairs: Pairs, sites: Iterable[Site]) -> NormPlan:
    """Find the norms after some convolutions."""
    sites = list(sites)
    if not sites:
        return NormPlan()  # before any facts are made
    planning = _Planning(pairs, sites)
    for site in planning.sites:
        planning.add(site)
    return NormPlan(planning.pairs, planning.sequences, planning.lists, planning.notes)


class _Planning:
    """Takes in one convolution after the other."""

    def __init__(self, finder: Pairs, sites: list[Site]) -> None:
        self.finder = finder
        self.source = finder.source
        self.facts = finder.surroundings.facts
        self.sites = sites
        self.convs = {each.call: grouped_at(finder, each) for each in sites}
        self.found = {
            call: [_if_free(finder, each) for each in find_sequences(finder, self._listed(call))]
            for call in self.convs
        }
        # All norms of an nn.Sequential are split, or none.
        found = [each for one in self.found.values() for each in one]
        self.kept = {each.place: each.reason for each in found if each.reason}
        self.apart: dict[tuple[ast.ClassDef, str], str] = {}
        for call, reason in finder.apart.items():
            places = (each.place for each in self.found.get(call, ()))
            self.kept |= dict.fromkeys(places, f"the norm stays after it: {reason}")
            held = [*self.finder.holding(self.convs.get(call, ()), call)]
            self.apart |= dict.fromkeys([*held, *self._lists_of(self.convs.get(call, ()))], reason)
        self.in_lists = Lists(finder)
        self.pairs: dict[tuple[ast.ClassDef, str], Pair] = {}
        self.sequences: dict[ast.Call, tuple[Sequence, ...]] = {}
        self.lists: dict[ast.Call, tuple[ListPair, ...]] = {}
        self.notes: dict[ast.Call, tuple[str, ...]] = {}

    def add(self, site: Site) -> None:
        """Take a convolution in."""
        reasons: list[str] = []
        for owner, name in self.finder.holding(self.convs[site.call], site.call):
            pair = self.finder.find(owner, name)
            if isinstance(pair, Refusal):
                reasons.append(str(pair))
            elif pair is not None and (owner, name) in self.apart:
                reason = self.apart[owner, name]
                reasons.append(f"self.{pair.norm} stays after the concatenation: {reason}")
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

    def _listed(self, call: ast.Call) -> list[Value]:
        """What a site makes that a list may hold; instances of a class are not told apart."""
        convs = self.convs[call]
        is_held = any(isinstance(each, Instance) for each in convs) and (
            bool(self.finder.holding(convs, call))
        )
        return [each for each in convs if isinstance(each, Object) or not is_held]

    def _in_lists(self, convs: Iterable[Value]) -> Iterator[ListPair | Refusal]:
        """What follows the lists of attributes that hold a convolution itself."""
        for owner, name in self._lists_of(convs):
            found = self.in_lists.find(owner, name)
            if isinstance(found, ListPair) and (owner, name) in self.apart:
                reason = self.apart[owner, name]
                found = Refusal(f"self.{found.norms.attr} stays after the concatenation: {reason}")
            if found is not None:
                yield found

    def _lists_of(self, convs: Iterable[Value]) -> Iterator[tuple[ast.ClassDef, str]]:
        """The attributes that hold a list with a convolution."""
        lists = [each for conv in convs for each, _ in self.facts.heap.holders(conv)]
        yield from self.finder.holding(lists)


def grouped_at(pairs: Pairs, site: Site) -> list[Value]:
    """What a site makes that may be grouped; of a partial, what calling it does."""
    facts = pairs.surroundings.facts
    calls = [site.call]
    if is_partial(site):
        made = facts.values(site.call)
        found = (each for each in pairs.source.nodes if isinstance(each, ast.Call))
        calls = [each for each in found if not made.isdisjoint(facts.values(each.func))]
    values = dict.fromkeys(value for each in calls for value in in_order(facts.values(each)))
    return [
        each
        for each in values
        if isinstance(each, Instance) or (isinstance(each, Object) and not facts.is_plain(each))
    ]


def _if_free(finder: Pairs, sequence: Sequence) -> Sequence:
    """An nn.Sequential, with the reason why it stays if something is to be left alone."""
    directives, after = finder.of_norms, sequence.after
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
    if any(each.arg is None and not lacks_groups(source, each.value) for each in call.keywords):
        return True
    given += [(each.value, each.arg) for each in call.keywords if each.arg is not None]
    return any(
        groups.id in parameters_given(source, function, value, call, keyword)
        for value, keyword in given
    )
