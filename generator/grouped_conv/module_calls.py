"""What changes where a convolution in module style is called."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..reading.flow import Reached
from .collecting import Collected, find_collected
from .find import Site
from .joining import Feed, find_feed
from .norms.order import is_set_before
from .norms.pairs import Pair, Pairs
from .norms.plan import NormPlan, attributes_of
from .padding import Padding, find_padding, with_stores


@dataclass(frozen=True)
class PaddedCall:
    """A call of a convolution, and what pads its input.

    Attributes:
        call: the call.
        padding: what pads.
        conv: where the convolution is built, if that is after the module that pads.
    """

    call: ast.Call
    padding: Padding
    conv: ast.Attribute | None = None


@dataclass(frozen=True)
class CallPlan:
    """The calls of one source that change.

    Attributes:
        feeds: those whose results go into a concatenation one by one.
        padded: those whose slices are padded by themselves.
        collected: those whose results a loop collects for a concatenation.
        norms: the calls of norms that follow a convolution.
    """

    feeds: tuple[Feed, ...] = ()
    padded: tuple[PaddedCall, ...] = ()
    collected: tuple[Collected, ...] = ()
    norms: frozenset[ast.expr] = frozenset()

    @property
    def features(self) -> frozenset[str]:
        """What is needed of the helper."""
        own = [each for each in self.padded if each.padding.store is not None]
        of_norms = [each for each in self.feeds if each.value in self.norms]
        found = {
            "outputs": bool(self.feeds or self.collected),
            "norm_outputs": bool(of_norms),
            "conv_outputs": len(of_norms) < len(self.feeds) or bool(self.collected),
            "pad": bool(self.padded),
            "copy_pad": bool(own),
            "common_pad": len(own) < len(self.padded),
        }
        return frozenset(name for name, is_needed in found.items() if is_needed)

    def changed(self) -> list[ast.expr]:
        """For each statement that changes, an expression in it."""
        found: list[ast.expr] = []
        for feed in self.feeds:
            found += [feed.value, feed.cat]
        for each in self.padded:
            found += [each.call, each.padding.call]
            found += [each.padding.store] if each.padding.store is not None else []
        for one in self.collected:
            found += [one.place, one.cat]
        return found


def plan_calls(pairs: Pairs, sites: Iterable[tuple[Site, Reached]], norms: NormPlan) -> CallPlan:
    """Plan the calls of some convolutions, of which some are followed by a norm."""
    index, directives = pairs.index, pairs.directives
    feeds: dict[ast.expr, Feed] = {}
    padded: dict[ast.Call, PaddedCall] = {}
    collected: dict[ast.Call, Collected] = {}
    if "register_forward" in index.source.text:
        return CallPlan()  # a hook would not see what is not called as a whole
    values = _values(norms.pairs)
    in_lists = {call.func for each in norms.lists for call in each.applied}
    for site, reached in sites:
        is_1d = site.conv is not None and site.conv.dimensions == 1 and not site.conv.transposed
        for owner, name in attributes_of(index, site, reached):
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
            padded |= {each.call: each for each in _with_stores(pairs, owner, name, own)}
        found = find_collected(index.source, directives, reached.expressions | in_lists)
        collected |= {each.call: each for each in found}
    for each in padded:
        feeds.pop(each, None)  # one of the two has to do
        collected.pop(each, None)
    followed = frozenset(filter(None, values.values()))
    return CallPlan(
        tuple(feeds.values()), tuple(padded.values()), tuple(collected.values()), followed
    )


def _with_stores(
    pairs: Pairs, owner: ast.ClassDef, name: str, paddings: dict[ast.Call, Padding]
) -> Iterator[PaddedCall]:
    """The padded calls of a convolution; with where the module is built that pads."""
    source, directives = pairs.source, pairs.directives
    convs = list(pairs.stores_of(owner, name))
    found = with_stores(pairs.index, directives, list(paddings.values()))
    for call, padding in zip(paddings, found, strict=True):
        store = padding.store
        if store is not None and is_set_before(pairs.index, convs, store):
            yield PaddedCall(call, padding)
        elif (
            store is not None
            and len(convs) == 1
            and source.has_own_lines(source.statement(convs[0]))
            and not directives.forbids(source.statement(convs[0]))
            and is_set_before(pairs.index, [store], convs[0])
        ):
            yield PaddedCall(call, padding, convs[0])
        else:
            yield PaddedCall(call, paddings[call])


def _values(pairs: Iterable[Pair]) -> dict[ast.Call, ast.Call | None]:
    """By the call of a convolution that of the norm after it; None where others join it."""
    found: dict[ast.Call, ast.Call | None] = {}
    for pair in pairs:
        found |= dict.fromkeys(pair.alone)
        found |= {each.call: None if each.guard else each.norm for each in pair.followed}
    return found
