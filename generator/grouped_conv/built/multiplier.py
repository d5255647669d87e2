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

from ... import torch_api
from ...facts.order import in_order
from ...facts.values import Object, Value
from ..find import Site
from ..numbers import Numbers
from ..refusal import Refusal
from ..tracing import Tracing
from .ends import End
from .plan import Line, Way, Wrap, marked
from .readers import Readers


class Multipliers:
    """Decides about the depthwise multipliers of one source."""

    def __init__(self, tracing: Tracing) -> None:
        self.tracing = tracing
        self._numbers = Numbers(tracing.index)

    def is_multiplier(self, site: Site) -> bool:
        """Whether the source shows that a site may build one: it has a group for each channel."""
        if site.conv is None or site.conv.transposed or site.conv.lazy or site.conv.dimensions == 3:
            return False
        given = (site.arguments.by_name.get(each) for each in ("in_channels", "out_channels"))
        inputs, outputs = (each and self._numbers.form(each) for each in given)
        groups = site.arguments.by_name.get("groups")
        if inputs is None or outputs == inputs or groups is None:
            return False
        return any(self._numbers.form(each) == inputs for each in self._numbers.cases(groups))

    def marked(self, way: Way, end: End | None) -> Way:
        """A way of splitting one, which makes depthwise convolutions of it or says why not.

        Args:
            way: how it is split.
            end: where it ends up; None where that is not known.
        """
        change = way.change
        if change is None:
            return way
        try:
            if end is None:
                raise Refusal("what reads it is not known")
            if isinstance(change, Line) and change.condition:
                raise Refusal("the norm is not always applied")
            is_whole = isinstance(change, (Line, Wrap)) and change.kind in ("layers", "listed")
            self.check([end.item], bool(way.norm), is_whole)
        except Refusal as refusal:
            return replace(way, note="; ".join(filter(None, (way.note, note_of(refusal)))))
        return replace(way, change=replace(change, marks=frozenset(("multiplier",))))

    def check(
        self, built: Iterable[ast.expr], with_norm: bool = False, is_whole: bool = False
    ) -> None:
        """See who reads what convolutions give, or the norms that are split with them.

        Args:
            built: what gives the convolutions.
            with_norm: whether the norm that follows is split with each.
            is_whole: whether all others of their nn.Sequential are split as well.

        Raises:
            Refusal: something else than plain convolutions and linear layers may.
        """
        facts = self.tracing.surroundings.facts
        made = dict.fromkeys(each for node in built for each in in_order(facts.values(node)))
        if is_whole:
            made |= dict.fromkeys(chain.from_iterable(map(self._beside, [*made])))
        readers = Readers(self.tracing, with_norm)
        for each in made:
            readers.check(each)

    def _beside(self, conv: Value) -> Iterable[Value]:
        """The other convolutions of an nn.Sequential that may be grouped."""
        facts = self.tracing.surroundings.facts
        for holder, _ in facts.heap.holders(conv):
            for slot in facts.heap.slots(holder):
                for each in in_order(slot.values):
                    if not isinstance(each, Object) or not torch_api.is_nn_class(each.kind):
                        raise Refusal("its nn.Sequential may hold others")
                    if each.kind in torch_api.CONVOLUTIONS and not facts.is_plain(each):
                        yield each


def note_of(reason: object) -> str:
    """What to say of a depthwise multiplier that does not become depthwise ones."""
    return f"one convolution for each channel: {reason}"


def joined(ways: Mapping[ast.Call, tuple[Way, ...]]) -> dict[ast.Call, tuple[Way, ...]]:
    """Some ways in which each change is one: it is marked, where it is for one of them."""
    changes = (each.change for each in chain(*ways.values()) if each.has("multiplier"))
    own = {replace(each, marks=frozenset()) for each in changes if each is not None}
    return marked(ways, own, "multiplier")
