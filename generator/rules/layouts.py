"""How the channels of two branches lie in the dimensions of a tensor: what view and transpose do.

A tensor of shape ``(N, 2 * C, H, W)`` has its channels in two branches. Each of its dimensions is a
sequence of axes, of which ``view`` makes other sequences, and ``transpose`` another order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from .rule import Left

BATCH, BRANCH, CHANNELS, HEIGHT, WIDTH = "batch", "branch", "channels", "height", "width"
Layout: TypeAlias = tuple[tuple[str, ...], ...]
"""The axes of each dimension, the outermost first."""
WHOLE: Final[Layout] = ((BATCH,), (BRANCH, CHANNELS), (HEIGHT,), (WIDTH,))
"""What a convolution gives."""
POOLED: Final[Layout] = ((BATCH,), (BRANCH, CHANNELS), (), ())
"""The same of an image of one pixel."""
APART: Final[Layout] = ((BATCH,), (BRANCH,), (CHANNELS,), (HEIGHT,), (WIDTH,))
"""The same with its branches in a dimension of their own."""
_MOVED: Final = "it is not known how it takes the branches apart"


@dataclass(frozen=True)
class Number:
    """A number that is known but for the lengths of some axes, which it is a product with.

    Attributes:
        factor: the number.
        axes: in the order of the alphabet.
    """

    factor: int
    axes: tuple[str, ...] = ()

    def times(self, other: Number) -> Number:
        """The product with another one."""
        return Number(self.factor * other.factor, tuple(sorted(self.axes + other.axes)))

    def over(self, other: Number) -> Number | None:
        """The quotient, where nothing is left over; None where that is not known."""
        axes = [*self.axes]
        for each in other.axes:
            if each not in axes:
                return None
            axes.remove(each)
        if other.factor == 0 or self.factor % other.factor:
            return None
        return Number(self.factor // other.factor, tuple(axes))


ONE: Final = Number(1)
REST: Final = Number(-1)
"""What ``view`` is given for what is left."""


def length(axes: Sequence[str]) -> Number:
    """The length of a dimension of some axes."""
    found = ONE
    for each in axes:
        found = found.times(Number(2) if each == BRANCH else Number(1, (each,)))
    return found


def viewed(layout: Layout, sizes: Sequence[Number]) -> Layout:
    """The layout that ``view`` gives.

    Raises:
        Left: the sizes take some axes apart.
    """
    axes = [axis for dimension in layout for axis in dimension]
    count = next((i for i, each in enumerate(sizes) if each == REST), len(sizes))
    front = [_taken(axes, each, 0) for each in sizes[:count]]
    back = [_taken(axes, each, -1) for each in reversed(sizes[count + 1 :])]
    if count == len(sizes):
        if axes:
            raise Left(_MOVED)
        return tuple(front)
    return (*front, tuple(axes), *reversed(back))


def _taken(axes: list[str], size: Number, end: int) -> tuple[str, ...]:
    """The axes at one end that make up a size, which are taken from the others."""
    found: list[str] = []
    while length(found) != size:
        if not axes:
            raise Left(_MOVED)
        each = axes.pop(end)
        if end:
            found.insert(0, each)
        else:
            found.append(each)
    return tuple(found)


def place(layout: Layout, dimension: int) -> int:
    """A dimension, counted from the first one.

    Raises:
        Left: there is no such dimension.
    """
    if not -len(layout) <= dimension < len(layout):
        raise Left(_MOVED)
    return dimension % len(layout)


def transposed(layout: Layout, one: int, other: int) -> Layout:
    """The layout with two dimensions swapped."""
    found = [*layout]
    one, other = place(layout, one), place(layout, other)
    found[one], found[other] = found[other], found[one]
    return tuple(found)


def unsqueezed(layout: Layout, dimension: int) -> Layout:
    """The layout with a dimension of length one more."""
    at = place((*layout, ()), dimension)
    return (*layout[:at], (), *layout[at:])
