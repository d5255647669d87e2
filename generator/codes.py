"""The codes of the rules, and which of them each target has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

Target = Literal["grouped", "plinio"]

_GROUPED = ("grouped-conv", "branch-norm")
SOURCE_SPLIT = "source-split"
TARGETS: Mapping[str, tuple[str, ...]] = {
    "grouped": _GROUPED,
    "plinio": (
        *_GROUPED,
        SOURCE_SPLIT,
        "norm-subclass",
        "flatten",
        "pool",
        "multiply",
        "mean",
        "function",
        "activation",
        "cat",
        "cat-norm",
        "slices",
        "noop",
        "two-way",
        "shuffle",
        "shape-reads",
        "flat-cat",
        "sum-of-cats",
        "lone-norm",
        "unsupported",
    ),
}
"""``grouped``: what grouped convolutions need; ``plinio``: what PLiNIO refuses by spelling too."""
OF_GROUPED = frozenset((*_GROUPED, SOURCE_SPLIT))
"""The rules of grouped convolutions; all others are of one construct each."""
ONLY_SAID = frozenset(("sum-of-cats", "lone-norm", "unsupported"))
"""The rules that say where something is and change nothing: of use where it is listed."""
_ASKED_FOR = frozenset(("sum-of-cats",))
"""Those of them that do change it where they are selected by name, since it costs parameters."""
CODES: tuple[str, ...] = tuple(dict.fromkeys(code for each in TARGETS.values() for code in each))


def chosen(target: str, select: tuple[str, ...] | None, ignore: tuple[str, ...]) -> frozenset[str]:
    """The rules that apply: those selected, or else those of the target, but for those ignored."""
    return frozenset(TARGETS[target] if select is None else select) - frozenset(ignore)


def only_said(select: tuple[str, ...] | None) -> frozenset[str]:
    """The rules that change nothing, where some are selected."""
    return ONLY_SAID - (_ASKED_FOR & frozenset(select or ()))


def unknown(codes: Iterable[object]) -> str:
    """What to say of the first of some codes that no rule has; empty where there is none."""
    for each in codes:
        if each not in CODES:
            from difflib import get_close_matches

            (nearest,) = get_close_matches(str(each), CODES, n=1, cutoff=0)
            return f"there is no rule {each!r}: did you mean {nearest}?"
    return ""
