"""What is answered of a model: what a method makes of it, and what else is in the way."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib import import_module
from typing import Any

import torch
from torch import nn

from ..one_line import in_one_line
from ..proof.worker.failures import NoProofError
from ..proof.worker.running import Inputs, default_dtype, seed
from ..proof.worker.weights import randomise
from .faults import faults
from .obstacle import Obstacle
from .outcome import MISCOUNTED, Outcome, outcome_of


def answer_for(method: str, model: nn.Module, inputs: Inputs) -> dict[str, Any]:
    """What a method makes of a model with random weights, in float32.

    Args:
        method: of PLiNIO; empty where it is not to be asked.
        model: the model, which is changed.
        inputs: what to call it with.

    Raises:
        NoProofError: it cannot be given to PLiNIO.
        Exception: whatever the model raises.
    """
    seed(0)
    model.eval().to(torch.float32)
    randomise(model, 0, with_buffers=False)
    given = _positional(model, inputs)
    with default_dtype(torch.float32), torch.no_grad():
        model(*given)
    found = faults(model, given)
    answer: dict[str, Any] = {"others": [asdict(each) for each in found], "obstacle": None}
    if method:
        _see_that_it_is_there()
        seed(0)
        obstacle = explained(method, outcome_of(method, model, given), found)
        answer["obstacle"] = None if obstacle is None else asdict(obstacle)
    return answer


def explained(method: str, outcome: Outcome, found: Sequence[Obstacle]) -> Obstacle | None:
    """What is in the way of a method; by what was found in the graph where it does not tell.

    Args:
        method: of PLiNIO.
        outcome: what it makes of a model.
        found: what is known to be in its way.
    """
    if not outcome.what:
        return None
    own = [each for each in found if method in each.methods]
    same = [each for each in own if outcome.place is not None and _line(each) == _line(outcome)]
    same += [each for each in own if each.what == outcome.what]
    if outcome.place is None:
        same += own
    if not same:
        return Obstacle(outcome.what, (method,), "", outcome.place, outcome.said)
    place = outcome.place or same[0].place
    wrong = MISCOUNTED if outcome.what.endswith(MISCOUNTED) else outcome.what
    said = outcome.said or ("" if wrong == same[0].what else wrong)
    return replace(same[0], methods=(method,), place=place, said=said)


def _line(found: Outcome | Obstacle) -> tuple[str, int] | None:
    return None if found.place is None else (found.place.file, found.place.line)


def _positional(model: nn.Module, inputs: Inputs) -> tuple[Any, ...]:
    """Inputs as PLiNIO gives them: by position, in float32."""
    given = inputs.mapped(lambda each: each.float() if each.is_floating_point() else each)
    if not given.keywords:
        return given.arguments
    bound = inspect.signature(model.forward).bind(*given.arguments, **given.keywords)
    if bound.kwargs:
        names = ", ".join(bound.kwargs)
        raise NoProofError(f"is given {names} by keyword, as PLiNIO's methods cannot")
    return bound.args


def _see_that_it_is_there() -> None:
    try:
        import_module("plinio.methods")
    except Exception as error:
        raise NoProofError(
            f"cannot be given to PLiNIO: importing it raises {in_one_line(error)}"
        ) from error
