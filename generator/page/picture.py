"""A split convolution as a picture: the channels before and after, and what each branch takes.

Two drawings, each of which fits a phone: the grouped convolution with its weight, of which only the
blocks along the diagonal are there; and the slices, the branches and their concatenation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

_SHOWN: Final = 4  # groups of which each is drawn
_COLOURS: Final = 4
_TOP: Final = 46
_LANE, _WITH_NORM, _DOTS, _GAP = 48, 76, 26, 8
_LEAST: Final = 168
_BAR: Final = 22
_CELLS: Final = 8  # channels of a group that are drawn one by one
_MATRIX: Final = 92.0
_BLOCKS: Final = 32
_LONGEST: Final = 23  # characters in a box
MINUS, ARROW, DOTS = "\N{MINUS SIGN}", "\N{RIGHTWARDS ARROW}", "\N{HORIZONTAL ELLIPSIS}"
Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True)
class Rect:
    """A rectangle, and its class in the style sheet."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    radius: float = 2


@dataclass(frozen=True)
class Text:
    """A text at a point of its base line."""

    x: float
    y: float
    text: str
    kind: str = ""
    anchor: Anchor = "middle"


@dataclass(frozen=True)
class Arrow:
    """An arrow from left to right."""

    x: float
    y: float
    end: float
    kind: str


@dataclass
class Drawing:
    """One drawing.

    Attributes:
        label: what it shows, for whom it cannot be seen.
        width: of it.
        height: likewise.
        shapes: from behind.
    """

    label: str
    width: float
    height: float
    rects: list[Rect] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)


@dataclass(frozen=True)
class Shape:
    """What is drawn: numbers where they are known, and letters where they are not.

    Attributes:
        conv: the class of each branch.
        inputs: the channels that the whole takes.
        outputs: those that it gives.
        groups: how many branches there are.
        kernel: as it is to be shown.
        norm: what follows in each branch; empty for nothing.
        is_multiplier: whether each branch takes all channels.
    """

    conv: str
    inputs: int | str
    outputs: int | str
    groups: int | str
    kernel: str = ""
    norm: str = ""
    is_multiplier: bool = False

    @property
    def branch_inputs(self) -> str:
        """The channels that a branch takes."""
        return str(self.inputs) if self.is_multiplier else _part(self.inputs, self.groups)

    @property
    def branch_outputs(self) -> str:
        """Those that it gives."""
        return str(self.inputs) if self.is_multiplier else _part(self.outputs, self.groups)

    @property
    def branches(self) -> int | str:
        """How many branches there are."""
        if not self.is_multiplier:
            return self.groups
        if isinstance(self.inputs, int) and isinstance(self.outputs, int):
            return self.outputs // self.inputs
        return f"{self.outputs}/{self.inputs}"


def _part(channels: int | str, groups: int | str) -> str:
    if isinstance(channels, int) and isinstance(groups, int):
        return str(channels // groups)
    return "1" if channels == groups else f"{channels}/{groups}"


@dataclass(frozen=True)
class _Lane:
    """A branch, from the top; ``number`` is None for those that are not drawn."""

    y: float
    height: float
    number: int | None
    name: str

    @property
    def middle(self) -> float:
        return self.y + self.height / 2

    @property
    def colour(self) -> str:
        return "gn" if self.number is None else f"g{self.number % _COLOURS}"


def drawings(shape: Shape) -> tuple[Drawing, Drawing]:
    """A convolution before and after it is split."""
    lanes = _lanes(shape)
    return _before(shape, lanes), _after(shape, lanes)


def _lanes(shape: Shape) -> list[_Lane]:
    count = shape.branches
    names: list[tuple[int | None, str]]
    if isinstance(count, int) and count <= _SHOWN:
        names = [(each, str(each)) for each in range(count)]
    elif isinstance(count, int):
        names = [(0, "0"), (1, "1"), (None, ""), (count - 1, str(count - 1))]
    else:
        last = f"({count}){MINUS}1" if "/" in count else f"{count}{MINUS}1"
        names = [(0, "0"), (1, "1"), (None, ""), (3, last)]
    whole = sum(number is not None for number, _ in names)
    height = _WITH_NORM if shape.norm else _LANE
    height = max(height, (_LEAST - _GAP * (len(names) - 1)) // len(names) if whole < 3 else 0)
    found, y = [], float(_TOP)
    for number, name in names:
        tall = _DOTS if number is None else height
        found.append(_Lane(y, tall, number, name))
        y += tall + _GAP
    return found


def _end(lanes: list[_Lane]) -> float:
    return lanes[-1].y + lanes[-1].height


def _before(shape: Shape, lanes: list[_Lane]) -> Drawing:
    width, end = 300, _end(lanes)
    label = f"{shape.conv} of {shape.inputs} to {shape.outputs} channels in {shape.groups} groups"
    drawn = Drawing(label, width, end + 12)
    _ends(drawn, shape, width, "before")
    _bar(drawn, 6, lanes, shape, shape.branch_inputs)
    _bar(drawn, width - 6 - _BAR, lanes, shape, shape.branch_outputs)
    middle, left, right = (_TOP + end) / 2, 66, width - 66
    drawn.rects.append(Rect(left, _TOP, right - left, end - _TOP, "box", 8))
    drawn.arrows += [
        Arrow(6 + _BAR + 5, middle, left - 5, "gn"),
        Arrow(right + 5, middle, width - 11 - _BAR, "gn"),
    ]
    height = _matrix_size(shape)[1]
    top = middle - (height + 38) / 2
    drawn.texts += [
        Text(width / 2, top + 12, f"{shape.conv} {shape.kernel}".strip()[:_LONGEST], "code"),
        Text(width / 2, top + 28, f"groups = {shape.groups}", "code soft"),
    ]
    _matrix(drawn, width / 2, top + 38, shape)
    return drawn


def _matrix_size(shape: Shape) -> tuple[float, float]:
    """How wide and how high the weight is drawn: as wide as there are inputs."""
    if not isinstance(shape.inputs, int) or not isinstance(shape.outputs, int):
        return _MATRIX, _MATRIX
    ratio = min(max(shape.inputs / shape.outputs, 0.4), 2.5)
    return (_MATRIX, _MATRIX / ratio) if ratio > 1 else (_MATRIX * ratio, _MATRIX)


def _matrix(drawn: Drawing, x: float, y: float, shape: Shape) -> None:
    """The weight of a grouped convolution: of all pairs of channels only the blocks are there."""
    wide, high = _matrix_size(shape)
    left = x - wide / 2
    drawn.rects.append(Rect(left, y, wide, high, "zero", 1))
    count = min(shape.groups, _BLOCKS) if isinstance(shape.groups, int) else _SHOWN
    for each in range(count):
        size = wide / count, high / count
        place = left + each * size[0], y + each * size[1]
        drawn.rects.append(Rect(*place, *size, f"g{each % _COLOURS}", 0.5))


def _after(shape: Shape, lanes: list[_Lane]) -> Drawing:
    width, left, right = 400, 108, 292
    label = (
        f"{shape.branches} branches, each a {shape.conv} of {shape.branch_inputs} to"
        f" {shape.branch_outputs} channels, and their concatenation"
    )
    drawn = Drawing(label, width, _end(lanes) + 12)
    _ends(drawn, shape, width, "after")
    _bar(drawn, 6, lanes, shape, shape.branch_inputs)
    _bar(drawn, width - 6 - _BAR, lanes, shape, shape.branch_outputs)
    for lane in lanes:
        if lane.number is None:
            middle = (left + right) / 2
            drawn.texts.append(Text(middle, lane.middle + 5, DOTS, "dots"))
            continue
        begin, end = 6 + _BAR + 5, width - 11 - _BAR
        drawn.arrows += [
            Arrow(begin, lane.middle, left - 5, lane.colour),
            Arrow(right + 5, lane.middle, end, lane.colour),
        ]
        above = lane.middle - 7
        drawn.texts.append(Text((begin + left) / 2 - 4, above, _slice(shape, lane), "code tiny"))
        gives = shape.branch_outputs
        drawn.texts.append(Text((right + end) / 2 - 2, above, gives, "code tiny"))
        _branch(drawn, shape, lane, left, right)
    return drawn


def _branch(drawn: Drawing, shape: Shape, lane: _Lane, left: float, right: float) -> None:
    high, x = _LANE - 6, (left + right) / 2
    y = lane.middle - (high + (28 if shape.norm else 0)) / 2
    drawn.rects.append(Rect(left, y, right - left, high, f"box edge {lane.colour}", 7))
    name = f"{shape.conv} {shape.kernel}".strip()[:_LONGEST]
    of = f"{shape.branch_inputs} {ARROW} {shape.branch_outputs}"
    drawn.texts += [Text(x, y + 17, name, "code"), Text(x, y + 33, of, "code soft")]
    if shape.norm:
        drawn.rects.append(Rect(left, y + high + 4, right - left, 24, f"box edge {lane.colour}", 7))
        drawn.texts.append(Text(x, y + high + 20, shape.norm[:_LONGEST], "code"))


def _slice(shape: Shape, lane: _Lane) -> str:
    """Which channels a branch takes."""
    if shape.is_multiplier:
        return "all"
    if isinstance(shape.inputs, int) and isinstance(shape.groups, int):
        assert lane.number is not None
        size = shape.inputs // shape.groups
        return f"{lane.number * size}:{(lane.number + 1) * size}"
    return f"slice {lane.name}" if len(lane.name) < 4 else lane.name


def _ends(drawn: Drawing, shape: Shape, width: float, title: str) -> None:
    """What is written above."""
    drawn.texts += [
        Text(5, 16, "input", "head", "start"),
        Text(5, 33, _channels(shape.inputs), "soft", "start"),
        Text(width - 5, 16, "output", "head", "end"),
        Text(width - 5, 33, _channels(shape.outputs), "soft", "end"),
        Text(width / 2, 16, title, "title"),
    ]
    if title == "after":
        count = f"{shape.branches} branches, then a cat"
        drawn.texts.append(Text(width / 2, 33, count, "soft"))


def _channels(count: int | str) -> str:
    return f"{count} channel{'' if count == 1 else 's'}"


def _bar(drawn: Drawing, x: float, lanes: list[_Lane], shape: Shape, part: str) -> None:
    """The channels of a tensor, those of each group in its colour."""
    for lane in lanes:
        if lane.number is None:
            drawn.texts.append(Text(x + _BAR / 2, lane.middle + 5, "\N{VERTICAL ELLIPSIS}", "dots"))
            continue
        colour = "gn" if shape.is_multiplier and x < _BAR else lane.colour
        cells = int(part) if part.isdecimal() and int(part) <= _CELLS else 1
        high = lane.height / cells
        for each in range(cells):
            gap = 2 if cells > 1 else 0
            drawn.rects.append(Rect(x, lane.y + each * high, _BAR, high - gap, colour))
