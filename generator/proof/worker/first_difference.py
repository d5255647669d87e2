"""The first module of an original that gives something else in the result."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...checkpoint.key_origins import key_origins
from .computed import Computed
from .watching import Call, Given, Place, Seen, paths_of

Parts = Mapping[str, Sequence[str]]
"""By the path of a module of the original those of its parts in the result, in their order."""
_CLOSE = 1e-3  # how much sums may differ, of the root of the tolerance


@dataclass(frozen=True)
class Culprit:
    """A module that gives something else.

    Attributes:
        path: where it is in the original.
        kind: its class there.
        built: the line that builds it there.
        called: the line that calls it, or its parts, in the result.
        what: what of it differs.
    """

    path: str
    kind: str
    built: Place | None
    called: Place | None
    what: str = ""


def parts_of(model: nn.Module, state: Mapping[str, Any]) -> Parts:
    """The modules that hold parts of the original's, found by how the state dict loads."""
    try:
        twin = deepcopy(model)
        origins = key_origins(dict(state), twin, {})
    except Exception:
        return {}  # not every model can be copied
    found: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for key, sources in origins.items():
        for source in sources:
            if source != key:
                found[source.rpartition(".")[0]][key.rpartition(".")[0]] = None
    return {path: [*parts] for path, parts in found.items()}


def first_difference(
    made: Computed, found: Computed, mode: str, parts: Parts, what: str
) -> Culprit | None:
    """The first module, in the order of the original, of which one gives something else.

    Args:
        made: what the original computed.
        found: what the result computed.
        mode: in which it differs.
        parts: the modules of the result that are parts.
        what: what was found to differ, where no module does.
    """
    before, now = made.seen[mode], found.seen[mode]
    close = _closeness(made)
    unsure: Call | None = None
    for call, given in before.given.items():
        if call[0] in parts:
            reason, called, is_sure = _of_parts(call, given, now, parts[call[0]], close)
            if reason:
                return _culprit(made, call, given, called, reason)
            unsure = call if not is_sure else unsure
            continue
        if call not in now.given:
            continue
        if not _is_close(given, now.given[call], close):
            if unsure is not None and _is_whole(call, made):
                given = before.given[unsure]
                return _culprit(made, unsure, given, None, "or what becomes of it")
            return _culprit(made, call, given, now.given[call].place, "")
        unsure = None
    return _by_name(made, parts, what)


def is_seen_same(made: Computed, found: Computed, parts: Parts, path: str) -> bool:
    """Whether what a split module itself gives, and what comes next, was seen to be the same.

    So it is known to be right also where the outputs hardly depend on it.
    """
    checked = 0
    for mode, before in made.seen.items():
        now, calls = found.seen.get(mode, Seen()), [*before.given]
        close = _closeness(made)
        for place, call in enumerate(calls):
            if call[0] != path:
                continue
            reason, _, is_sure = _of_parts(
                call, before.given[call], now, parts.get(path, ()), close
            )
            if not reason and not is_sure and place + 1 < len(calls):
                is_sure = _is_sure(calls[place + 1], before, now, parts, close)
            if reason or not is_sure:
                return False
            checked += 1
    return checked > 0


def _is_sure(call: Call, before: Seen, now: Seen, parts: Parts, close: float) -> bool:
    """Whether what a module gives was seen to be the same, and as a whole."""
    if call[0] in parts:
        reason, _, is_sure = _of_parts(call, before.given[call], now, parts[call[0]], close)
        return is_sure and not reason
    return call in now.given and _is_close(before.given[call], now.given[call], close)


def _closeness(made: Computed) -> float:
    return max(float(made.tolerance**0.5) * _CLOSE, made.tolerance)


def _is_whole(call: Call, made: Computed) -> bool:
    """Whether a module is one that holds others, and so only tells that one of them differs."""
    start = f"{call[0]}." if call[0] else ""
    return any(path.startswith(start) and path != call[0] for path, _, _ in made.seen["eval"].given)


def _of_parts(
    call: Call, given: Given, now: Seen, parts: Sequence[str], close: float
) -> tuple[str, Place | None, bool]:
    """What differs of a split module, the line that calls it, and whether all of it was seen."""
    _, number, output = call
    calls = [(part, number, output) for part in parts]
    pieces = [now.given[each] for each in calls if each in now.given]
    called = pieces[0].place if pieces else None
    if call in now.given and _is_close(given, now.given[call], close):
        return "", called, True
    if len(pieces) < len(parts):
        idle = next((each for each, *rest in calls if (each, *rest) not in now.given), "")
        return (f"its part {idle} does not run" if pieces else ""), called, False
    rows = torch.cat([each.rows for each in pieces])
    if rows.shape != given.rows.shape:
        return "its parts have other channels", called, True
    if not _is_close(given, Given(given.kind, rows, given.scale), close):
        for index, piece in enumerate(pieces):
            size = len(piece.rows)
            start = sum(len(each.rows) for each in pieces[:index])
            if not _near(piece.rows, given.rows[start : start + size], given.scale, close):
                if not _near(_in_order(rows), _in_order(given.rows), given.scale, close):
                    return f"its part {parts[index]}", piece.place, True
                return "the order of its parts", called, True
    for joined, value in now.joined.items():
        if {*joined} == {*calls} and [each[1] for each in joined] == [number] * len(joined):
            if not _is_close(given, value, close):
                return f"the order of its parts {', '.join(paths_of(joined))}", called, True
            return "", called, True
    return "", called, False


def _in_order(rows: Tensor) -> Tensor:
    return rows[rows[:, 0].argsort()]


def _is_close(one: Given, other: Given, close: float) -> bool:
    return _near(one.rows, other.rows, max(one.scale, 1e-30), close)


def _near(one: Tensor, other: Tensor, scale: float, close: float) -> bool:
    if one.shape != other.shape:
        return False
    return not one.numel() or bool((one - other).abs().max() <= close * scale)


def _culprit(made: Computed, call: Call, given: Given, called: Place | None, what: str) -> Culprit:
    return Culprit(call[0], given.kind, made.built.get(call[0]), called, what)


def _by_name(made: Computed, parts: Parts, what: str) -> Culprit | None:
    """The module whose gradient or statistic it is, where all that modules give is the same."""
    key = next((each for each in what.split() if "." in each), "")
    path = key.rpartition(".")[0]
    whole = next((each for each, own in parts.items() if path in own), path)
    return Culprit(whole, "", made.built.get(whole), None) if whole else None
