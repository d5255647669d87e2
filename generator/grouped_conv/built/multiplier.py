"""Tell where a depthwise convolution with several outputs a channel becomes depthwise ones.

    self.depthwise = nn.Conv2d(c, k * c, 3, groups=c)

As k depthwise convolutions it can lose any channel. What they give is put in order by an index,
which PLiNIO takes rightly where a plain convolution or a linear layer reads it: before a depthwise
convolution, PIT is wrong without a word. There it becomes one convolution for each channel.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain

from ...reading.containers import container
from ...reading.convolutions import conv_class, is_module_of_torch
from ...reading.names import meaning
from ..find import Site
from ..norms.items import items_of
from ..norms.norm_after import Pair
from ..norms.pairs import Pairs
from ..norms.sequential import Sequence, is_sequential
from ..numbers import Values
from ..refusal import Refusal, line_of
from ..symbols import Symbols
from .ends import End, InAttribute, InSequence
from .plan import Change, Way
from .readers import Readers, is_plain


class Multipliers:
    """Decides about the depthwise multipliers of one source."""

    def __init__(self, pairs: Pairs) -> None:
        self.pairs = pairs
        self.source = pairs.source
        self._symbols = Symbols(Values(pairs.index))

    def is_multiplier(self, site: Site) -> bool:
        """Whether the source shows that a site may build one: it has a group for each channel."""
        if site.conv is None or site.conv.transposed or site.conv.lazy or site.conv.dimensions == 3:
            return False
        given = (site.arguments.by_name.get(each) for each in ("in_channels", "out_channels"))
        inputs, outputs = (each and self._symbols.form(each) for each in given)
        groups = site.arguments.by_name.get("groups")
        if inputs is None or outputs == inputs or groups is None:
            return False
        return any(self._symbols.form(each) == inputs for each in self._symbols.cases(groups))

    def marked(
        self, way: Way, end: End | None, pair: Pair | None = None, sequence: Sequence | None = None
    ) -> Way:
        """A way of splitting one, which makes depthwise convolutions of it or says why not.

        Args:
            way: how it is split.
            end: where it ends up; None where that is not known.
            pair: it and the norm that is split with it, as attributes.
            sequence: the nn.Sequential that is split as a whole.
        """
        if way.change is None:
            return way
        try:
            match end:
                case InAttribute(owner=owner, target=target):
                    self.check_attribute(owner, target.attr, pair)
                case InSequence():
                    self._check_sequence(end, sequence)
                case _:
                    raise Refusal("what reads it is not known")
        except Refusal as refusal:
            return replace(way, note="; ".join(filter(None, (way.note, note_of(refusal)))))
        return replace(way, change=replace(way.change, multiplier=True))

    def check_attribute(self, owner: ast.ClassDef, name: str, pair: Pair | None) -> None:
        """See who reads what an attribute of ``self`` gives, or the norm that is split with it.

        Raises:
            Refusal: something else than plain convolutions and linear layers may.
        """
        followed = {each.call: each for each in pair.followed} if pair is not None else {}
        readers = Readers(self.pairs)
        for call in self._calls(owner, name):
            found = followed.get(call)
            if found is not None and found.guard is not None:
                raise Refusal(f"self.{found.attribute} is not always applied")
            readers.check_value(found.norm if found is not None else call)

    def _calls(self, owner: ast.ClassDef, name: str) -> list[ast.Call]:
        calls = self.pairs.all_calls(owner, name)
        if not calls:
            raise Refusal(f"no call of self.{name} is seen")
        return calls

    def _check_sequence(self, end: InSequence, sequence: Sequence | None) -> None:
        """See who reads what comes out of a layer of an nn.Sequential.

        Where this is split as a whole, that holds for each of its convolutions.
        """
        is_whole = sequence is None or sequence.node is end.call
        path = meaning(self.source, end.call.func).path
        items = items_of(self.source, end.call)
        if container(path) != "Sequential" or end.item not in items or not is_whole:
            raise Refusal("not all of its nn.Sequential is known")
        self._check_apart(end.item)
        for place, each in enumerate(items):
            if each is end.item or (sequence is not None and self._may_be_split(each)):
                self._check_from(end.call, items[place + 1 :], sequence)

    def _check_apart(self, item: ast.expr) -> None:
        """See that one of an nn.Sequential is in no other, and not called by itself."""
        modules, facts = self.pairs.modules, self.pairs.surroundings.facts
        made = modules.made(facts.values(item))
        for each in made:
            for use in modules.calls(each):
                raise Refusal(f"one of its nn.Sequential is used directly ({line_of(use.node)})")
            if sum(map(is_sequential, (holder for holder, _ in facts.heap.holders(each)))) > 1:
                raise Refusal("one of its nn.Sequential is in another, too")
        if not made:
            raise Refusal("it is not known who reads it")

    def _may_be_split(self, item: ast.expr | None) -> bool:
        """Whether one of an nn.Sequential may be split as well."""
        path = meaning(self.source, item.func).path if isinstance(item, ast.Call) else ""
        if not isinstance(item, ast.Call) or not is_module_of_torch(path):
            raise Refusal("its nn.Sequential may hold others")
        return conv_class(path) is not None and not is_plain(item, path)

    def _check_from(
        self, call: ast.Call, items: tuple[ast.expr | None, ...], sequence: Sequence | None
    ) -> None:
        """See who reads what goes into some layers of an nn.Sequential, or comes out of it."""
        if sequence is not None and sequence.has_norm and items:
            kind = self.pairs.modules.kinds.of(items[0])
            if kind.name == "unclear":
                raise Refusal("the norm after it may stay")
            items = items[1:] if kind.name == "norm" and not kind.reason else items
        readers = Readers(self.pairs)
        state = readers.check_items(items)
        target = getattr(self.source.parent(call), "targets", [None])[0]
        if isinstance(target, ast.Attribute):
            owner = self.pairs.index.self_class(target.value)
            if owner is None or readers.is_taken_apart(owner, target.attr):
                raise Refusal("its nn.Sequential may be changed")
            for each in self._calls(owner, target.attr) if state != "read" else ():
                readers.check_value(each, state)
        elif state != "read":
            raise Refusal("what reads its nn.Sequential is not known")
        elif isinstance(target, ast.Name) and readers.is_asked(target):
            raise Refusal("its nn.Sequential may be changed")


def note_of(reason: object) -> str:
    """What to say of a depthwise multiplier that does not become depthwise ones."""
    return f"one convolution for each channel: {reason}"


def joined(ways: Mapping[ast.Call, tuple[Way, ...]]) -> dict[ast.Call, tuple[Way, ...]]:
    """Some ways in which each change is one: it is marked, where it is for one of them."""
    marked = {_unmarked(each.change) for each in chain(*ways.values()) if is_marked(each.change)}

    def one(way: Way) -> Way:
        if way.change is None or way.change not in marked:
            return way
        return replace(way, change=replace(way.change, multiplier=True))

    return {call: tuple(map(one, found)) for call, found in ways.items()}


def is_marked(change: Change | None) -> bool:
    """Whether a change makes depthwise convolutions of a depthwise multiplier."""
    return change is not None and change.multiplier


def has_marked(ways: Iterable[Way]) -> bool:
    """Whether one of some changes does."""
    return any(is_marked(each.change) for each in ways)


def _unmarked(change: Change | None) -> Change | None:
    return replace(change, multiplier=False) if change is not None else None
