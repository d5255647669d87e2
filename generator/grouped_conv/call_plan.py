"""What changes where a convolution is called that is split once it is built."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from .feed import Feed
from .feeding import find_feed
from .find import Site
from .norms.lists import ListPair
from .norms.norm_after import Pair
from .norms.pairs import Pairs
from .norms.plan import grouped_at
from .padding import Padding, find_padding, with_stores


@dataclass(frozen=True)
class PaddedCall:
    """A call of a convolution, and what pads its input.

    Attributes:
        call: the call.
        padding: what pads.
    """

    call: ast.Call
    padding: Padding


@dataclass(frozen=True)
class CallPlan:
    """The calls of one source that change.

    Attributes:
        feeds: those whose results go into a concatenation one by one.
        padded: those whose slices are padded by themselves.
    """

    feeds: tuple[Feed, ...] = ()
    padded: tuple[PaddedCall, ...] = ()


def plan_calls(
    pairs: Pairs,
    sites: Iterable[Site],
    followed: Iterable[Pair],
    lists: Iterable[ListPair],
    is_flat: bool = False,
) -> CallPlan:
    """Plan the calls of some convolutions.

    Args:
        pairs: what finds the norms after them.
        sites: the convolutions.
        followed: those that are split with a norm.
        lists: the lists of those that are.
        is_flat: as ``find_feed`` has it.
    """
    sites, index, directives = list(sites), pairs.index, pairs.directives
    if not sites or "register_forward" in index.source.text:
        return CallPlan()  # a hook would not see what is not called as a whole
    facts = pairs.surroundings.facts
    values = _values(followed)
    feeds: dict[ast.Call, Feed] = {}
    padded: dict[ast.Call, PaddedCall] = {}
    called = [call for each in lists for call in each.applied]
    for site in sites:
        called += _calls(pairs, site)
        if site.conv is None or site.conv.dimensions != 1 or site.conv.transposed:
            continue
        for owner, name in pairs.holding(grouped_at(pairs, site), site.call):
            own: dict[ast.Call, Padding] = {}
            for call in pairs.calls(owner, name):
                is_plain = len(call.args) == 1 and not call.keywords
                is_own = index.self_class(getattr(call.func, "value", call)) is not None
                if not is_plain or not is_own:
                    continue
                padding = find_padding(index, directives, call, call.args[0])
                if padding is not None and values.get(call, call) is not None:
                    own[call] = padding
            paddings = with_stores(index, directives, list(own.values()))
            padded |= {
                call: PaddedCall(call, padding) for call, padding in zip(own, paddings, strict=True)
            }
    for call in dict.fromkeys(called):
        value = values.get(call, call)
        if value is not None and call not in padded:  # one of the two has to do
            feed = find_feed(index.source, facts, directives, value, is_flat)
            gathered = [each.list for each in feeds.values() if each.list is not None]
            if feed is not None and (feed.list is None or feed.list not in gathered):
                feeds[feed.call] = feed
    return CallPlan(tuple(feeds.values()), tuple(padded.values()))


def _calls(pairs: Pairs, site: Site) -> list[ast.Call]:
    """The calls in the source of what a site builds, in their order."""
    facts, source = pairs.surroundings.facts, pairs.source
    made = facts.values(site.call)
    nodes = {use.node for each in made for use in facts.uses(each) if use.kind == "call"}
    calls = [each for each in nodes if isinstance(each, ast.Call) and source.has(each)]
    calls = [each for each in calls if not made.isdisjoint(facts.values(each.func))]
    return sorted(calls, key=source.span)


def _values(pairs: Iterable[Pair]) -> dict[ast.Call, ast.Call | None]:
    """By the call of a convolution that of the norm after it; None where that may be left out."""
    followed = (each for pair in pairs for each in pair.followed)
    return {each.call: None if each.guard else each.norm for each in followed}
