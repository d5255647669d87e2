"""Decide which norms are split with the convolutions before them, in built style."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import replace

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


class NormPlan:
    """The norms of one source that can be split with the convolutions before them.

    Attributes:
        pairs: those in attributes, by the class and the attribute of the convolution.
        sequences: for each construction, the nn.Sequential that it may get into beside one.
        lists: for each, the lists that it may get into, each with one of norms.
        notes: for each, why a norm after it is to stay.
    """

    def __init__(self, finder: Pairs, sites: Iterable[Site]) -> None:
        self.pairs: dict[tuple[ast.ClassDef, str], Pair] = {}
        self.sequences: dict[ast.Call, tuple[Sequence, ...]] = {}
        self.lists: dict[ast.Call, tuple[ListPair, ...]] = {}
        self.notes: dict[ast.Call, tuple[str, ...]] = {}
        self._finder = finder
        self._convs = {each.call: grouped_at(finder, each) for each in sites}
        if not self._convs:
            return  # before any facts are made
        self._facts, self._in_lists = finder.surroundings.facts, Lists(finder)
        found = {
            call: [_if_free(finder, each) for each in find_sequences(finder, self._listed(call))]
            for call in self._convs
        }
        # All norms of an nn.Sequential are split, or none.
        every = [each for one in found.values() for each in one]
        kept = {each.place: each.reason for each in every if each.reason}
        self._apart: dict[tuple[ast.ClassDef, str], str] = {}
        for call, reason in finder.apart.items():
            places = (each.place for each in found.get(call, ()))
            kept |= dict.fromkeys(places, f"the norm stays after it: {reason}")
            convs = self._convs.get(call, [])
            held = (*finder.holding(convs, call), *self._lists_of(convs))
            self._apart |= dict.fromkeys(held, reason)
        for call, sequences in found.items():
            self._add(call, sequences, kept)

    def _add(self, call: ast.Call, sequences: list[Sequence], kept: Mapping[ast.AST, str]) -> None:
        """Take a convolution in; ``kept`` has why some of its nn.Sequentials stay."""
        reasons, lists, convs = list[str](), list[ListPair](), self._convs[call]
        for place in self._finder.holding(convs, call):
            pair = self._finder.find(*place)
            if isinstance(pair, Pair) and place not in self._apart:
                self.pairs[place] = pair
            elif pair is not None:
                reasons.append(self._reason(place, pair))
        reasons += [kept[each.place] for each in sequences if each.place in kept]
        for place in self._lists_of(convs):
            found = self._in_lists.find(*place)
            if isinstance(found, ListPair) and place not in self._apart:
                lists.append(found)
            elif found is not None:
                reasons.append(self._reason(place, found))
        self.sequences[call] = tuple(each for each in sequences if each.place not in kept)
        self.lists[call] = tuple(lists)
        self.notes[call] = tuple(dict.fromkeys(reasons))

    def _reason(self, place: tuple[ast.ClassDef, str], found: Pair | ListPair | Refusal) -> str:
        """Why the norm that follows what an attribute has is to stay."""
        if isinstance(found, Refusal):
            return str(found)
        norm = found.norm if isinstance(found, Pair) else found.norms.attr
        return f"self.{norm} stays after the concatenation: {self._apart[place]}"

    def _listed(self, call: ast.Call) -> list[Value]:
        """What a site makes that a list may hold; instances of a class are not told apart."""
        convs = self._convs[call]
        has_own = any(isinstance(each, Instance) for each in convs)
        is_held = has_own and bool(self._finder.holding(convs, call))
        return [each for each in convs if isinstance(each, Object) or not is_held]

    def _lists_of(self, convs: Iterable[Value]) -> list[tuple[ast.ClassDef, str]]:
        """The attributes that hold a list with a convolution."""
        lists = [each for conv in convs for each, _ in self._facts.heap.holders(conv)]
        return self._finder.holding(lists)


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
