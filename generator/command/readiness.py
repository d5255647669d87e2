"""What stays in the way of each of PLiNIO's methods, as far as sources show it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ..outcome import Result


def count(result: Result, counts: Counter[str]) -> None:
    """Count what was found in a source, by what became of it and what is in the way."""
    counts.update(each.status for each in result.records)
    counts.update(f"place {each.status}" for each in result.findings)
    counts.update(each.obstacle for each in result.findings if each.obstacle is not None)


def methods(counts: Counter[str]) -> Iterator[tuple[str, str]]:
    """Each method, and what stays in its way."""
    places, grouped, functions = counts["place left"], counts["left"], counts["function"]
    kinds = ", ".join(
        f"{number} {words}"
        for number, words in (
            (functions + counts["no form"], "without a form that is known"),
            (counts["not proven"] + grouped, "not proven"),
            (counts["costs parameters"], "whose form costs parameters"),
        )
        if number
    )
    rest = f": {kinds}" if kinds else ""
    for method in ("PIT", "MPS"):
        refused = _counted(places + grouped + functions, "place")
        yield method, f"{refused} in its way, as far as sources show it{rest}"
    yield "SuperNet", f"{_counted(grouped, 'grouped convolution')} would be counted wrongly"


def _counted(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"
