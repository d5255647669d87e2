"""What is shown of each convolution that is, or may be, split."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..outcome import Record, Size
from ..proof import Convolution, Proof
from .picture import Drawing, Shape, drawings

_MOST_PATHS: Final = 4
_MOST_DRAWN: Final = 2
_LONGEST_NORM: Final = 20

Instances = Mapping[tuple[str, int], Sequence[Convolution]]
"""The convolutions of the models that were run, by the file and line that builds them."""


@dataclass(frozen=True)
class Picture:
    """One shape of a convolution, drawn.

    Attributes:
        before: the drawing of what there was.
        after: the drawing of what there is.
        said: what it shows, in sentences.
        letters: what the letters in it stand for; empty where no source shows it.
    """

    before: Drawing
    after: Drawing
    said: tuple[str, ...]
    letters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Seen:
    """Convolutions of one shape that a line built in a model that was run.

    Attributes:
        first: one of them.
        count: how many there are.
        paths: those of some.
        more: how many others there are.
    """

    first: Convolution
    count: int
    paths: tuple[str, ...]
    more: int


@dataclass(frozen=True)
class Card:
    """What is shown of one record.

    Attributes:
        record: the record.
        pictures: of its shapes, the most frequent first.
        seen: all shapes that were seen.
    """

    record: Record
    pictures: tuple[Picture, ...]
    seen: tuple[Seen, ...]


def instances(proofs: Iterable[Proof]) -> Instances:
    """The convolutions of some models, by the file and line that builds them."""
    found = defaultdict[tuple[str, int], list[Convolution]](list)
    for proof in proofs:
        for each in proof.convolutions:
            if each.built is not None:
                found[os.path.realpath(each.built.file), each.built.line].append(each)
    return found


def card(record: Record, built: Sequence[Convolution]) -> Card:
    """What is shown of a record, and of what its line built in the models that were run."""
    seen = _seen(built)
    assert record.size is not None, "it is split"
    drawn = [each.first for each in seen if each.first.is_split][:_MOST_DRAWN]
    if drawn:
        return Card(record, tuple(_real(each, record.size) for each in drawn), seen)
    return Card(record, (_symbolic(record, record.size),), seen)


def _seen(built: Sequence[Convolution]) -> tuple[Seen, ...]:
    alike = defaultdict[object, list[Convolution]](list)
    for each in built:
        key = each.kind, each.inputs, each.outputs, each.groups, each.kernel, each.is_split
        alike[key].append(each)
    found = []
    for some in alike.values():
        paths = tuple(each.path or "the model itself" for each in some)
        rest = max(len(paths) - _MOST_PATHS, 0)
        found.append(Seen(some[0], len(some), paths[:_MOST_PATHS], rest))
    return tuple(sorted(found, key=lambda each: (not each.first.is_split, -each.count)))


def _real(conv: Convolution, size: Size) -> Picture:
    kernel = "\N{MULTIPLICATION SIGN}".join(map(str, conv.kernel))
    norm = _norm(size)
    is_multiplier = size.is_multiplier and conv.inputs == conv.groups
    numbers = conv.inputs, conv.outputs, conv.groups
    shape = Shape(conv.kind, *numbers, kernel, norm, is_multiplier)
    weights = conv.inputs * conv.outputs // conv.groups
    for each in conv.kernel:
        weights *= each
    before, after = drawings(shape)
    return Picture(before, after, (*_said(shape), _of_weights(weights, conv.groups)))


def _symbolic(record: Record, size: Size) -> Picture:
    letters: list[tuple[str, str]] = []

    def known(letter: str, expression: str) -> int | str:
        if expression.isdecimal():
            return int(expression)
        same = next((each for each, other in letters if expression and other == expression), "")
        if not same:
            letters.append((letter, expression))
        return same or letter

    sizes = known("C", size.inputs), known("D", size.outputs), known("G", size.groups)
    conv, kernel = size.conv or "Conv", size.kernel if size.kernel.isdecimal() else ""
    if kernel and conv[-2:-1].isdecimal():
        kernel = "\N{MULTIPLICATION SIGN}".join([kernel] * int(conv[-2]))
    shape = Shape(conv, *sizes, kernel, _norm(size), size.is_multiplier)
    before, after = drawings(shape)
    said = _said(shape)
    if record.status == "may be split":
        said.append("That is decided when it is built: one that turns out plain stays as it is.")
    return Picture(before, after, tuple(said), tuple(letters))


def _norm(size: Size) -> str:
    """What is written in a branch of the norms behind it."""
    names = " / ".join(size.norms)
    return names if len(names) <= _LONGEST_NORM else "its norm"


def _said(shape: Shape) -> list[str]:
    if shape.is_multiplier:
        return [
            f"Each of the {shape.branches} branches takes all {shape.inputs} channels, one by one,"
            " and gives one of each; an index then puts them into the order that they had."
        ]
    norm = ", with a norm of these channels alone behind it" if shape.norm else ""
    return [
        f"Each of the {shape.groups} groups takes {shape.branch_inputs} of the {shape.inputs}"
        f" channels and gives {shape.branch_outputs} of the {shape.outputs}. Of the weight, outputs"
        " by inputs, only the coloured blocks are there.",
        f"So each block is a plain convolution of its slice{norm}.",
    ]


def _of_weights(weights: int, groups: int) -> str:
    without = f"{weights * groups:,}"
    return f"{weights:,} weights, before and after; without groups there would be {without}."
