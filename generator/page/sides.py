"""Two texts side by side: which lines are the same, which belong together, what differs in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby, pairwise
from typing import Final, Literal

from .highlighting import Piece, highlighted, lines_of, visible

RowKind = Literal["same", "changed", "removed", "added"]
_CONTEXT: Final = 3
_WORTH_FOLDING: Final = 6
_LONG: Final = 40  # lines that are added in one go, such as a helper
_ALIKE: Final = 0.55
_MOST_COMPARED: Final = 600  # pairs of lines in one place
_WORDS: Final = re.compile(r"\w+|\s+|[^\w\s]")


@dataclass(frozen=True)
class Cell:
    """A line on one side."""

    number: int
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Row:
    """What stands in one row; None where that side has nothing."""

    kind: RowKind
    left: Cell | None
    right: Cell | None


@dataclass(frozen=True)
class Block:
    """Some rows.

    Attributes:
        rows: the rows; none of lines that are the same and left out.
        folded: what is written on them while they are folded up; empty where they are not.
    """

    rows: tuple[Row, ...]
    folded: str = ""


def side_by_side(before: str, after: str, is_whole: bool) -> list[Block]:
    """Two versions of a source.

    Args:
        before: one text.
        after: the other.
        is_whole: whether lines that are the same are there, folded up, or left out.
    """
    rows = [*_rows(lines_of(before), lines_of(after))]
    runs = [[*run] for _, run in groupby(rows, key=lambda each: each.kind)]
    blocks: list[Block] = []
    for number, run in enumerate(runs):
        if run[0].kind == "same":
            blocks += _same(run, is_whole, number == 0, number == len(runs) - 1)
        elif run[0].kind == "added" and len(run) > _LONG:
            blocks.append(Block(tuple(run), f"{len(run)} lines added"))
        else:
            blocks.append(Block(tuple(run)))
    return _joined(blocks)


def _same(rows: Sequence[Row], is_whole: bool, is_first: bool, is_last: bool) -> Iterator[Block]:
    """Lines that are the same: some around what changes, and the rest folded up."""
    start = 0 if is_first else _CONTEXT
    end = len(rows) - (0 if is_last else _CONTEXT)
    if end - start < _WORTH_FOLDING:
        yield Block(tuple(rows))
        return
    if start:
        yield Block(tuple(rows[:start]))
    hidden = rows[start:end]
    yield Block(tuple(hidden) if is_whole else (), f"{len(hidden)} unchanged lines")
    if rows[end:]:
        yield Block(tuple(rows[end:]))


def _joined(blocks: Sequence[Block]) -> list[Block]:
    """The same with neighbours that are not folded up as one."""
    found: list[Block] = []
    for each in blocks:
        if found and not each.folded and not found[-1].folded:
            found[-1] = Block((*found[-1].rows, *each.rows))
        else:
            found.append(each)
    return found


def _rows(before: Sequence[str], after: Sequence[str]) -> Iterator[Row]:
    old, new = highlighted(before), highlighted(after)
    for tag, i, i_end, j, j_end in _changes(before, after):
        if tag == "equal":
            for k in range(i_end - i):
                left, right = _cell(i + k, old[i + k]), _cell(j + k, new[j + k])
                yield Row("same", left, right)
            continue
        for one, other in _paired(before[i:i_end], after[j:j_end]):
            at = None if one is None else i + one
            now = None if other is None else j + other
            if at is None:
                assert now is not None
                yield Row("added", None, _cell(now, new[now]))
            elif now is None:
                yield Row("removed", _cell(at, old[at]), None)
            else:
                left_marks, right_marks = _marks(before[at], after[now])
                left = _cell(at, _marked(old[at], left_marks))
                yield Row("changed", left, _cell(now, _marked(new[now], right_marks)))


def _changes(
    before: Sequence[str], after: Sequence[str]
) -> Sequence[tuple[str, int, int, int, int]]:
    return SequenceMatcher(None, before, after, autojunk=False).get_opcodes()


def _paired(old: Sequence[str], new: Sequence[str]) -> list[tuple[int | None, int | None]]:
    """Which lines belong together, in their order: those that are most alike."""
    partners = _partners(old, new)
    found: list[tuple[int | None, int | None]] = []
    i = j = 0
    for one, other in [*partners, (len(old), len(new))]:
        found += ((each, None) for each in range(i, one))
        found += ((None, each) for each in range(j, other))
        if one < len(old):
            found.append((one, other))
        i, j = one + 1, other + 1
    return found


def _partners(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """The pairs of lines that have most in common in all, none crossing another."""
    if len(old) * len(new) > _MOST_COMPARED:
        return []
    best: list[list[tuple[float, tuple[tuple[int, int], ...]]]] = [
        [(0.0, ())] * (len(new) + 1) for _ in range(len(old) + 1)
    ]
    for i, one in enumerate(old):
        for j, other in enumerate(new):
            choices = [best[i][j + 1], best[i + 1][j]]
            by = _likeness(one, other)
            if by >= _ALIKE:
                score, pairs = best[i][j]
                choices.append((score + by, (*pairs, (i, j))))
            best[i + 1][j + 1] = max(choices, key=lambda each: each[0])
    return [*best[len(old)][len(new)][1]]


def _likeness(one: str, other: str) -> float:
    if not one.strip() or not other.strip():
        return 0.0
    return SequenceMatcher(None, _WORDS.findall(one), _WORDS.findall(other), False).ratio()


def _marks(one: str, other: str) -> tuple[list[range], list[range]]:
    """Which characters differ in two lines, on each side, by whole words."""
    words, others = _WORDS.findall(one), _WORDS.findall(other)
    starts, other_starts = _starts(words), _starts(others)
    left, right = [], []
    for tag, i, i_end, j, j_end in SequenceMatcher(None, words, others, False).get_opcodes():
        if tag != "equal":
            left.append(range(starts[i], starts[i_end]))
            right.append(range(other_starts[j], other_starts[j_end]))
    return left, right


def _starts(words: Sequence[str]) -> list[int]:
    starts = [0]
    for each in words:
        starts.append(starts[-1] + len(each))
    return starts


def _marked(pieces: Sequence[Piece], marks: Sequence[range]) -> list[Piece]:
    """Pieces, cut where a mark begins or ends."""
    found, start = [], 0
    cuts = sorted({cut for each in marks for cut in (each.start, each.stop)})
    for piece in pieces:
        end = start + len(piece.text)
        inside = [start, *(cut for cut in cuts if start < cut < end), end]
        for begin, stop in pairwise(inside):
            is_marked = any(begin in each for each in marks)
            text = piece.text[begin - start : stop - start]
            found.append(Piece(piece.kind, text, is_marked))
        start = end
    return found


def _cell(index: int, pieces: Sequence[Piece]) -> Cell:
    return Cell(index + 1, tuple(each._replace(text=visible(each.text)) for each in pieces))
