"""What is known of the shape of tensors, worked out from what they are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from .. import torch_api
from .arguments import Arguments
from .values import (
    ANY_OF_SEVERAL,
    NOTHING,
    External,
    Instance,
    Object,
    Tensor,
    Value,
    Values,
    only_constant,
)

_NONE: Final = Arguments()


@dataclass(frozen=True)
class Shape:
    """What is known of the shape of a tensor.

    Attributes:
        rank: how many dimensions it has; None if that is not known.
        channels: its length in dimension 1, likewise.
    """

    rank: int | None = None
    channels: int | None = None


class Shapes:
    """Answers when all is interpreted; until then it only notes what a shape depends on."""

    def __init__(self, constructed: Mapping[Value, Arguments]) -> None:
        self._constructed = constructed
        self._first: dict[Value, Values] = {}
        self._given: dict[Value, Arguments] = {}
        self._known: dict[Value, Shape | None] = {}

    def note(self, value: Tensor, first: Values, given: Arguments | None) -> None:
        """Note what the shape of a tensor depends on."""
        self._first[value] = self._first.get(value, NOTHING) | first
        if given is not None:
            before = self._given.get(value)
            self._given[value] = given if before is None else before.or_else(given)

    def of(self, value: Value) -> Shape:
        """What is known of the shape of something."""
        if value not in self._known:
            self._settle(value)
        return self._known[value] or Shape()

    def _settle(self, value: Value) -> None:
        """Work out a shape, and those that it depends on: these may depend on it in turn."""
        found: dict[Value, None] = {}
        todo = [value]
        while todo:
            each = todo.pop()
            if each not in self._known and each not in found:
                found[each] = None
                todo += self._first.get(each, ())
        self._known |= found
        order = [*reversed(found)]
        while order:  # each shape loses at most its rank and its channels
            before = {each: self._known[each] for each in order}
            for each in order:
                self._known[each] = self._next(each)
            if all(self._known[each] == shape for each, shape in before.items()):
                return

    def _next(self, value: Value) -> Shape | None:
        """A shape by what is known so far of others; None for nothing yet."""
        if not isinstance(value, Tensor):
            return Shape()
        shapes = [self._known[each] for each in self._first.get(value, ())]
        known = _common([each for each in shapes if each is not None])
        if shapes and not any(shapes):
            return None
        if isinstance(value.producer, Object):
            return self._of_module(value.producer, known)
        if isinstance(value.producer, External):
            return self._of_function(value.producer.path, known, self._given.get(value, _NONE))
        return known if isinstance(value.producer, Instance) else Shape()

    def _of_module(self, module: Object, known: Shape) -> Shape:
        kind = module.kind
        dimensions = torch_api.dimensions(kind)
        rank = known.rank if dimensions is None else dimensions + 2
        if kind in torch_api.SAME_CHANNELS:
            return Shape(rank, known.channels)
        if kind in torch_api.CONVOLUTIONS:
            return Shape(rank, self._out_channels(module))
        if kind == "torch.nn.Flatten":
            given = self._constructed.get(module)
            has_none = given is not None and not [*given.all()]
            return Shape(2 if has_none else None)
        return Shape(known.rank if kind == "torch.nn.Linear" else None)

    def _out_channels(self, conv: Object) -> int | None:
        """The number of channels that a convolution gives, where it is a number."""
        given = self._constructed.get(conv)
        place = 0 if ".Lazy" in conv.kind else 1
        known = only_constant(given.get(place, "out_channels")) if given is not None else None
        return known.value if known is not None and isinstance(known.value, int) else None

    def _of_function(self, path: str, known: Shape, given: Arguments) -> Shape:
        name = path.rpartition(".")[2]
        if path in ("operator", "torch.Tensor.data", ANY_OF_SEVERAL):
            return known
        if name == "flatten":
            start = only_constant(given.get(0, "start_dim"))
            is_from_1 = start is not None and start.value == 1 and len([*given.all()]) == 1
            return Shape(2 if is_from_1 else None)
        channels = known.channels if torch_api.keeps_channels(name) else None
        return Shape(torch_api.rank_of(name, known.rank), channels)


def _common(shapes: Sequence[Shape]) -> Shape:
    """What several shapes have in common."""
    ranks, channels = {each.rank for each in shapes}, {each.channels for each in shapes}
    return Shape(
        ranks.pop() if len(ranks) == 1 else None, channels.pop() if len(channels) == 1 else None
    )
