"""What PLiNIO's methods make of a model: they take it, or the first construct that they do not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from gencode.plinio_check.answer import explained
from gencode.plinio_check.faults import faults
from gencode.plinio_check.outcome import ANOTHER, Outcome, outcome_of
from plinio_checks import example, randomise

TAKEN = "yes"


def outcome(method: str, build: Callable[[], nn.Module]) -> str:
    """What a method makes of a model with random weights.

    ``TAKEN`` where it converts it, counts its true weights and computes the same, for PIT after
    pruning and export too; or else what is in its way.
    """
    torch.manual_seed(0)
    net = build().eval()
    randomise(net)
    inputs = (example(net),)
    found = outcome_of(method, net, inputs, in_full=False)
    if found.what == ANOTHER:  # which of two faults a sum has depends on the masks
        found = explained(method, found, faults(net, inputs)) or found
    return found.what or TAKEN


def in_full(method: str, net: nn.Module, directory: Path) -> str:
    """The same of all that is asked of a model, and where in a directory that stands."""
    found = outcome_of(method, net, (example(net),))
    return " at ".join(filter(None, (found.what, _place(found, directory)))) or TAKEN


def _place(found: Outcome, directory: Path) -> str:
    if found.place is None:
        return ""
    file = Path(found.place.file)
    above = directory.parent
    shown = file.relative_to(above) if file.is_relative_to(above) else file
    return f"{shown.as_posix()}:{found.place.line}"
