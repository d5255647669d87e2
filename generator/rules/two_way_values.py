"""What is known of values in a forward with attention over two branches."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from .layouts import (
    APART,
    BATCH,
    BRANCH,
    CHANNELS,
    HEIGHT,
    WHOLE,
    WIDTH,
    Layout,
    Number,
    place,
    transposed,
    unsqueezed,
)
from .rule import Left

_WEIGHTS: Final = ((BATCH,), (BRANCH,), (CHANNELS,))


@dataclass(frozen=True)
class Variable:
    """Any value of a variable.

    Attributes:
        name: of it.
        node: where it is read.
    """

    name: str
    node: ast.expr


@dataclass(frozen=True)
class Setting:
    """An attribute of a module, by its path."""

    path: str


@dataclass(frozen=True)
class Sizes:
    """The lengths of all dimensions of a tensor."""

    layout: Layout


@dataclass(frozen=True)
class Branches:
    """A tensor of two branches.

    Attributes:
        of: the variable that it was made of.
        layout: of its dimensions.
        is_soft: whether a softmax over the branches was taken.
    """

    of: Variable
    layout: Layout
    is_soft: bool = False


@dataclass(frozen=True)
class Weighted:
    """The product of two branches and their weights."""

    branches: Branches
    weights: Branches


Known: TypeAlias = Variable | Setting | Sizes | Number | Branches | Weighted | None


def is_plain(value: Known) -> bool:
    """Whether a value is as it was."""
    return value is None or isinstance(value, Variable)


def sizes_of(value: Known) -> Sizes | None:
    """The lengths of the dimensions of a tensor, where it is one."""
    if isinstance(value, Variable):
        return Sizes(WHOLE)
    return Sizes(value.layout) if isinstance(value, Branches) else None


def moved(value: Branches, name: str, given: Sequence[int]) -> Branches | None:
    """What a function of dimensions makes of two branches."""
    layout = value.layout
    if name == "transpose" and len(given) == 2:
        return Branches(value.of, transposed(layout, *given), value.is_soft)
    if name == "unsqueeze":
        return Branches(value.of, unsqueezed(layout, given[0]), value.is_soft)
    if name == "softmax" and not value.is_soft and layout[place(layout, given[0])] == (BRANCH,):
        return Branches(value.of, layout, is_soft=True)
    return None


def weighted(left: Known, right: Known) -> Weighted:
    """The product of two branches and their weights, in either order."""
    if isinstance(left, Branches) and isinstance(right, Branches):
        weights, branches = (left, right) if left.is_soft else (right, left)
        *axes, height, width = weights.layout
        is_of_each = (*axes,) == _WEIGHTS and height in ((), (HEIGHT,)) and width in ((), (WIDTH,))
        if weights.is_soft and not branches.is_soft and is_of_each and branches.layout == APART:
            return Weighted(branches, weights)
    raise Left("what the branches are multiplied by is not a softmax over two of them")
