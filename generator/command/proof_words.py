"""What is said of a proof."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..load_model import ModelSource
from ..proof import Asked, Failure, Place, Proof
from .formats import Said, pointed

_MOST_NAMED = 3


def running(asked: Asked, model: ModelSource) -> Said:
    """That a model is run, for whom may not have expected it."""
    said = f"running {model.expression}, as it is and as split ({limits(asked)} each)"
    return Said("running", said, label_of(model))


def seeing(asked: Asked, model: ModelSource) -> Said:
    """That a model is run for what it does."""
    said = f"running {model.expression}, to see what it does ({limits(asked)})"
    return Said("running", said, label_of(model))


def limits(asked: Asked) -> str:
    """How much a run may take."""
    return f"at most {asked.seconds:g} s and {asked.gigabytes:g} GB"


def said(proof: Proof) -> Iterator[Said]:
    """What was found of a model, and what else is to be known of it."""
    failure, label = proof.failure, label_of(proof.model)
    if failure is None:
        yield Said("proof", _proved(proof), label, data=proof)
    else:
        yield _not_proved(proof, failure, label)
    for each in proof.by_itself:
        hardly = f"its outputs hardly depend on {each}; what that itself gives is the same"
        yield Said("proof", f"{proof.model.expression}: {hardly}", label)
    for each in proof.notes:
        yield Said("proof", f"{proof.model.expression}: {each}", label)


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
    split = f"{proof.split or 'none'} of its convolutions split"
    return f"{proof.model.expression} proved: {same} ({by}); {split}; {counts}; {left}"


def _not_proved(proof: Proof, failure: Failure, label: str) -> Said:
    said = f"as split, {failure.reason}" if proof.is_of_result else failure.reason
    if failure.module is not None:
        path, kind, what = failure.module
        said += f", first in {path or 'the model as a whole'}"
        details = [each for each in (kind, what, _called(failure.called)) if each]
        said += f" ({', '.join(details)})" if details else ""
    place = failure.place or failure.built
    if place is None:
        return Said("proof", f"not proved: {said}", label, level="error", data=proof)
    source = pointed(place.source_line, place.column)
    at = relative(place.file), place.line, place.column
    return Said("proof", f"not proved: {said}", *at, "error", source=source, data=proof)


def _called(place: Place | None) -> str:
    return "" if place is None else f"called in {shown(place)}"


def _named(found: Mapping[str, Place | None], what: str) -> str:
    if not found:
        return f"no {what}"
    some = [f"{path} ({shown(at)})" if at else path for path, at in found.items()]
    more = len(some) - _MOST_NAMED
    named = [*some[:_MOST_NAMED], *([f"{more} more"] if more > 0 else [])]
    return f"{what}: {', '.join(named)}"


def label_of(model: ModelSource) -> str:
    """What stands before what is said of a model."""
    return str(model.place)


def shown(place: Place) -> str:
    """A place as the user would type it."""
    parts = (relative(place.file), place.line, place.column)
    return ":".join(str(each) for each in parts if each)


def relative(path: str) -> str:
    """A path as the user would type it."""
    file, here = Path(path), Path(os.path.abspath(os.curdir))  # noqa: PTH100
    return str(file.relative_to(here) if file.is_relative_to(here) else file)
