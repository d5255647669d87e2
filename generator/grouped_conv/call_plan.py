"""What changes where a convolution is called that is split once it is built."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

from .collecting import Collected, find_collected
from .find import Site
from .joining import Feed, find_feed
from .norms.lists import ListPair
from .norms.norm_after import Pair
from .norms.pairs import Pairs
from .norms.plan import grouped_at
from .padding import Padding, find_padding, with_stores
from .reached import Reached


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
        collected: those whose results a loop collects for a concatenation.
    """

    feeds: tuple[Feed, ...] = ()
    padded: tuple[PaddedCall, ...] = ()
    collected: tuple[Collected, ...] = ()

    def changed(self) -> list[ast.expr]:
        """For each statement that changes, an expression in it."""
        found: list[ast.expr] = []
        for feed in self.feeds:
            found += [feed.value, feed.cat]
        for each in self.padded:
            found += [each.call, each.padding.call]
        for one in self.collected:
            found += [one.place, one.cat]
        return found


def plan_calls(
    pairs: Pairs,
    sites: Iterable[tuple[Site, Reached]],
    followed: Iterable[Pair],
    lists: Iterable[ListPair],
) -> CallPlan:
    """Plan the calls of some convolutions.

    Args:
        pairs: what finds the norms after them.
        sites: the convolutions.
        followed: those that are split with a norm.
        lists: the lists of those that are.
    """
    index, directives = pairs.index, pairs.directives
    feeds: dict[ast.expr, Feed] = {}
    padded: dict[ast.Call, PaddedCall] = {}
    collected: dict[ast.Call, Collected] = {}
    if "register_forward" in index.source.text:
        return CallPlan()  # a hook would not see what is not called as a whole
    values = _values(followed)
    in_lists = {call.func for each in lists for call in each.applied}
    for site, reached in sites:
        is_1d = site.conv is not None and site.conv.dimensions == 1 and not site.conv.transposed
        for owner, name in pairs.holding(grouped_at(pairs, site), site.call):
            own: dict[ast.Call, Padding] = {}
            for call in pairs.calls(owner, name):
                if index.self_class(getattr(call.func, "value", call)) is None:
                    continue
                if len(call.args) != 1 or call.keywords or isinstance(call.args[0], ast.Starred):
                    continue
                value = values.get(call, call)
                feed = find_feed(index.source, directives, value) if value is not None else None
                if feed is not None:
                    feeds[feed.value] = feed
                padding = find_padding(index, directives, call, call.args[0]) if is_1d else None
                if padding is not None and value is not None:
                    own[call] = padding
            own_paddings = with_stores(index, directives, list(own.values()))
            padded |= {
                call: PaddedCall(call, padding)
                for call, padding in zip(own, own_paddings, strict=True)
            }
        found = find_collected(index.source, directives, reached.expressions | in_lists)
        collected |= {each.call: each for each in found}
    for each in padded:
        feeds.pop(each, None)  # one of the two has to do
        collected.pop(each, None)
    return CallPlan(tuple(feeds.values()), tuple(padded.values()), tuple(collected.values()))


def _values(pairs: Iterable[Pair]) -> dict[ast.Call, ast.Call | None]:
    """By the call of a convolution that of the norm after it; None where that may be left out."""
    followed = (each for pair in pairs for each in pair.followed)
    return {each.call: None if each.guard else each.norm for each in followed}
