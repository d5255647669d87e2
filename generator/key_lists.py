"""Many keys of a state dict in a few words."""

from __future__ import annotations

import re
from collections.abc import Sequence

_MOST_SHOWN = 8
_QUOTED_KEYS = re.compile(r'"[^"]*"(?:, "[^"]*")+')


def compressed(keys: Sequence[str]) -> str:
    """Keys as one where they differ in one number: ``conv_{0,1}.bias``, ``conv.{0..31}.bias``."""
    parts = [re.split(r"(\d+)", key) for key in keys]  # each second one is a number
    columns = list(zip(*parts, strict=False))
    varying = [place for place, column in enumerate(columns) if len(set(column)) > 1]
    if len(set(map(len, parts))) > 1 or len(varying) != 1 or not varying[0] % 2:
        return ", ".join(keys)
    start, end = "".join(parts[0][: varying[0]]), "".join(parts[0][varying[0] + 1 :])
    return f"{start}{{{_series(columns[varying[0]])}}}{end}"


def _series(numbers: Sequence[str]) -> str:
    first = int(numbers[0])
    is_run = list(numbers) == [str(first + count) for count in range(len(numbers))]
    return f"{numbers[0]}..{numbers[-1]}" if is_run and len(numbers) > 2 else ",".join(numbers)


def shortened(complaint: str) -> list[str]:
    """The lines of what torch says of a state dict that does not fit, without most of it.

    Those are torch's own, which begin with a tab: other breaks of lines are a key's.
    """
    text = _QUOTED_KEYS.sub(lambda match: ", ".join(_first(match[0].split(", "))), complaint)
    head, *lines = text.split("\n\t")
    return [head, *_first([line.strip() for line in lines])]


def _first(items: Sequence[str]) -> Sequence[str]:
    more = len(items) - _MOST_SHOWN
    return [*items[:_MOST_SHOWN], f"and {more} more"] if more > 0 else items
