"""What each module gives in one run, in a few numbers for each channel.

What a split convolution gives is there in parts, and what it gave is their concatenation: both are
kept, so that a wrong part is told from parts in a wrong order.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.overrides import TorchFunctionMode

from .failures import is_the_users
from .running import tensors_in

Place = tuple[str, int]  # a file and a line of it
Call = tuple[str, int, int]  # the path of a module, the number of its call, and of its output
_CATS = {torch.cat, torch.concat, torch.concatenate}
_MOST = 50_000  # calls that are kept


@dataclass
class Given:
    """What a module gave in one call.

    Attributes:
        kind: the name of its class.
        rows: some sums of each channel, which a change of any value changes.
        scale: the size of what was summed.
        place: the line that called it.
    """

    kind: str
    rows: Tensor
    scale: float
    place: Place | None = None


@dataclass
class Seen:
    """What was seen in one run, in the order in which the modules were done."""

    given: dict[Call, Given] = field(default_factory=dict)
    joined: dict[tuple[Call, ...], Given] = field(default_factory=dict)


@torch.no_grad()
def sums(kind: str, value: Tensor, place: Place | None = None) -> Given:
    """Some numbers that tell a tensor from another, for each index along its channels."""
    numbers = value.detach().to("cpu", torch.float64)
    rows = numbers.movedim(1, 0).flatten(1) if numbers.dim() > 1 else numbers.reshape(1, -1)
    count = torch.arange(rows.shape[1], dtype=torch.float64)
    factors = torch.stack([(0.7391 * count + 0.1).sin(), (1.3217 * count).cos()], 1)
    scale = float(rows.norm(dim=1).max()) if rows.numel() else 0.0
    return Given(kind, rows @ factors, scale, place)


class _Joins(TorchFunctionMode):
    """Notes the concatenations of what modules have given."""

    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self._seen = seen

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in _CATS and args and isinstance(args[0], (tuple, list)):
            calls: Any = tuple(getattr(each, "_given_by", ()) for each in args[0])
            if all(calls) and len(self._seen.joined) < _MOST:
                self._seen.joined[calls] = sums("cat", result)
        return result


@contextmanager
def watched(model: nn.Module, seen: Seen) -> Iterator[None]:
    """Note what each module of a model gives while it runs."""
    paths = {id(each): path for path, each in model.named_modules()}
    counts: Counter[str] = Counter()
    places: list[Place | None] = []

    def begins(module: nn.Module, arguments: object) -> None:
        places.append(_caller() if id(module) in paths else None)

    def ends(module: nn.Module, arguments: object, output: object) -> None:
        place = places.pop()
        path = paths.get(id(module))
        if path is None or len(seen.given) >= _MOST:
            return
        for number, (_, each) in enumerate(tensors_in(output)):
            call = (path, counts[path], number)
            seen.given[call] = sums(type(module).__name__, each, place)
            each._given_by = call  # type: ignore[attr-defined]
        counts[path] += 1

    started = register_module_forward_pre_hook(begins)
    ended = register_module_forward_hook(ends, always_call=True)
    try:
        with _Joins(seen):
            yield
    finally:
        started.remove()
        ended.remove()


@contextmanager
def noting_where_built(places: dict[int, Place]) -> Iterator[None]:
    """Note the line that builds each module, past those of its own constructors, by its ``id``."""
    construct = nn.Module.__init__

    def noting(self: nn.Module, *args: Any, **kwargs: Any) -> None:
        construct(self, *args, **kwargs)
        place = _caller(self)
        if place is not None:
            places[id(self)] = place

    nn.Module.__init__ = noting  # type: ignore[method-assign]
    try:
        yield
    finally:
        nn.Module.__init__ = construct  # type: ignore[method-assign]


def _caller(built: nn.Module | None = None) -> Place | None:
    """The innermost line of the user's that is running, past the methods of what is built."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if is_the_users(code.co_filename):
            first = code.co_varnames[0] if code.co_varnames else ""
            if built is None or frame.f_locals.get(first) is not built:
                return code.co_filename, frame.f_lineno
        frame = frame.f_back
    return None


def paths_of(calls: Sequence[Call]) -> tuple[str, ...]:
    """The modules whose calls these are."""
    return tuple(path for path, _, _ in calls)
