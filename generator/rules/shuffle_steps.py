"""The steps of a shuffle: the lengths that a tensor is given on its way, and what it becomes."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from .tensors import literal_number


@dataclass(frozen=True)
class Order:
    """The order that a shuffle puts channels in.

    Attributes:
        groups: how many groups it takes the channels for, as an expression.
        is_inverse: whether it is that of so many channels in each group.
    """

    groups: ast.expr
    is_inverse: bool = False


@dataclass(frozen=True)
class Length:
    """A length of the tensor, by its dimension."""

    dimension: int


@dataclass(frozen=True)
class Share:
    """The channels of the tensor divided by a number."""

    by: str


@dataclass(frozen=True)
class Given:
    """A number that is known where the shuffle is applied."""

    node: ast.expr

    @property
    def code(self) -> str:
        """The same for the same number."""
        return ast.unparse(self.node)


@dataclass(frozen=True)
class Sizes:
    """Lengths of the tensor, from one of its dimensions on."""

    first: int = 0


@dataclass(frozen=True)
class Shaped:
    """The tensor, on its way.

    Attributes:
        step: what has become of it; detached, it is asked for its lengths only.
        order: the one that it gets.
    """

    step: Literal["whole", "detached", "apart", "turned", "shuffled"] = "whole"
    order: Order | None = None


Known: TypeAlias = "Length | Share | Given | Sizes | Shaped"


class UnknownStepError(Exception):
    """Something else is done."""


def reshaped(tensor: Shaped, lengths: Sequence[Known]) -> Shaped:
    """The tensor with its channels in two dimensions, or in one again."""
    is_apart = tensor.step == "whole"
    count = 3 if is_apart else 2
    first, channels, rest = lengths[:1], lengths[1:count], lengths[count:]
    is_rest = [*rest] == [Sizes(2)] or (
        bool(rest) and [*rest] == [Length(2 + place) for place in range(len(rest))]
    )
    if [*first] != [Length(0)] or not is_rest:
        raise UnknownStepError
    if is_apart:
        return Shaped("apart", _order_of(*channels))
    is_all = [*channels] == [Length(1)] or _is_rest(channels[0])
    if tensor.step == "turned" and is_all:
        return replace(tensor, step="shuffled")
    raise UnknownStepError


def _order_of(groups: Known, size: Known) -> Order:
    """The order of channels that are taken for so many groups of a size."""
    if isinstance(groups, Given) and not _is_rest(groups):
        if size == Share(groups.code) or _is_rest(size):
            return Order(groups.node)
    if isinstance(size, Given) and not _is_rest(size):
        if groups == Share(size.code) or _is_rest(groups):
            return Order(size.node, is_inverse=True)
    raise UnknownStepError


def _is_rest(length: Known) -> bool:
    return isinstance(length, Given) and length.code == "-1"


def sizes_of(tensor: Known) -> Sizes:
    """All lengths of the tensor, as it is at first."""
    if tensor not in (Shaped(), Shaped("detached")):
        raise UnknownStepError
    return Sizes()


def share(channels: Known, by: Known) -> Share:
    """The channels divided by a number."""
    if channels != Length(1) or not isinstance(by, Given):
        raise UnknownStepError
    return Share(by.code)


def number(node: ast.expr) -> int:
    """The value of a literal number."""
    found = literal_number(node)
    if found is None:
        raise UnknownStepError
    return found
