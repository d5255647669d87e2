"""What is said of a proof, in lines."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..load_model import ModelSource
from ..proof import Asked, Failure, Place, Proof

_MOST_NAMED = 3


def running(asked: Asked) -> Iterator[str]:
    """That models are run, for whom may not have expected it."""
    limits = f"at most {asked.seconds:g} s and {asked.gigabytes:g} GB each"
    for model in asked.models:
        yield f"{_label(model)}: running {model.expression}, as it is and as split ({limits})"


def place_of(proof: Proof) -> tuple[str, Place | None]:
    """Where what is said of a model belongs, and what of the source to show."""
    failure = proof.failure
    place = None if failure is None else failure.place or failure.built
    if place is None:
        return _label(proof.model), None
    return _shown(place), place


def sentence(proof: Proof) -> str:
    """What was found of a model."""
    return _proved(proof) if proof.failure is None else _not_proved(proof, proof.failure)


def notes(proof: Proof) -> Iterator[str]:
    """What else is to be known of it, each in a line."""
    name = f"{_label(proof.model)}: {proof.model.expression}"
    for each in proof.by_itself:
        hardly = f"its outputs hardly depend on {each}; what that itself gives is the same"
        yield f"{name}: {hardly}"
    for each in proof.notes:
        yield f"{name}: {each}"


def _proved(proof: Proof) -> str:
    modes = " and ".join(proof.modes)
    same = f"the same outputs, gradients and statistics in {modes} mode"
    apart = f"at most {proof.difference:.1e} apart" if proof.difference else "to the last bit"
    by = f"{proof.dtype}, {apart}"
    counts = f"{proof.parameters} parameters and {proof.multiply_adds} multiply-adds, as before"
    left = "; ".join(
        _named(found, what)
        for found, what in (
            (proof.grouped, "grouped convolutions left"),
            (proof.behind, "norms behind a concatenation"),
        )
    )
    return f"{proof.model.expression} proved: {same} ({by}); {counts}; {left}"


def _not_proved(proof: Proof, failure: Failure) -> str:
    said = failure.reason
    if proof.is_of_result:
        said = f"as split, {said}"
    if failure.module is not None:
        path, kind, what = failure.module
        first = path or "the model as a whole"
        said += f", first in {first}"
        details = [kind, what, _called(failure.called)]
        if any(details):
            said += f" ({', '.join(each for each in details if each)})"
    return f"not proved: {said}"


def _called(place: Place | None) -> str:
    return "" if place is None else f"called in {_shown(place)}"


def _named(found: Mapping[str, Place | None], what: str) -> str:
    if not found:
        return f"no {what}"
    some = [f"{path} ({_shown(at)})" if at else path for path, at in found.items()]
    more = len(some) - _MOST_NAMED
    named = [*some[:_MOST_NAMED], *([f"{more} more"] if more > 0 else [])]
    return f"{what}: {', '.join(named)}"


def _label(model: ModelSource) -> str:
    return str(model.place)


def _shown(place: Place) -> str:
    """A place as the user would type it."""
    file = Path(place.file)
    here = Path(os.path.abspath(os.curdir))  # noqa: PTH100
    path = file.relative_to(here) if file.is_relative_to(here) else file
    return ":".join(str(each) for each in (path, place.line, place.column) if each)
