"""All that a model computes with the weights that it has: what two models are compared by."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ...checkpoint.state_dicts import notes_of, with_notes
from ...one_line import in_one_line
from .failures import NoProofError
from .measures import Counting, parameters
from .norms_behind import norms_behind_cats
from .running import Inputs, Run, Tensors, difference, run
from .watching import Place, Seen, watched
from .weights import stored

# Of the largest value of a tensor. Another order of summation costs some 1e-15 or 1e-6 a layer,
# which hundreds of layers amplify; a wrong group changes the first digit.
TOLERANCES = {torch.float64: 1e-9, torch.float32: 1e-3}
MODES = {"eval": "eval mode", "train": "train mode", "large": "eval mode with large inputs"}
_LARGE = 10


@dataclass
class Grouped:
    """A convolution of an original that has groups.

    Attributes:
        kind: the name of its class.
        groups: how many.
        inputs: the channels that it takes.
        outputs: those that it gives.
        kernel: the size of its kernel.
        effects: how much each group matters to the outputs, relative to their size; none where it
            does not run.
        is_refused: whether PLiNIO does not take it.
    """

    kind: str
    groups: int
    inputs: int
    outputs: int
    kernel: tuple[int, ...]
    effects: list[float]
    is_refused: bool


@dataclass
class Computed:
    """What a model computes.

    Attributes:
        dtype: that it was run in.
        tolerance: how much a result may differ, relative to the largest value of a tensor.
        state: its state dict with the random values.
        plain_buffers: the buffers that no state dict holds.
        runs: by mode; without the train mode where it cannot be run in it.
        seen: what its modules gave, by mode.
        statistics: its buffers after the run in train mode, by their keys.
        grouped: its grouped convolutions by their paths.
        learns: by the paths of its parameters whether they are trained.
        behind: the norms behind a concatenation.
        parameters: how many.
        multiply_adds: how many.
        built: the line that built each module.
        notes: how the proof is a lesser one.
    """

    dtype: torch.dtype
    tolerance: float
    state: dict[str, Any]
    plain_buffers: Tensors
    runs: dict[str, Run] = field(default_factory=dict)
    seen: dict[str, Seen] = field(default_factory=dict)
    statistics: dict[str, Any] = field(default_factory=dict)
    grouped: dict[str, Grouped] = field(default_factory=dict)
    learns: dict[str, bool] = field(default_factory=dict)
    behind: list[str] = field(default_factory=list)
    parameters: int = 0
    multiply_adds: int = 0
    built: dict[str, Place] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def run_all(model: nn.Module, inputs: Inputs, made: Computed, lowered: set[torch.dtype]) -> None:
    """Run a model in both modes, and take down all that it computes.

    It is run with large inputs too, where what is cut off (ReLU6) has its effect.

    Raises:
        NoProofError: it gives something else when it is run again.
        Exception: whatever the model raises in eval mode.
    """
    seen = made.seen["eval"] = Seen()
    first = made.runs["eval"] = run(model, inputs, False, watched(model, seen))
    restore(model, made.state)
    made.parameters = parameters(model)
    weights = model.named_parameters(remove_duplicate=False)
    made.learns = {name: each.requires_grad for name, each in weights}
    counting = Counting(made.dtype)
    again = run(model, inputs, False, counting, with_gradients=False)
    made.multiply_adds = counting.multiply_adds
    lowered |= counting.lowered
    if not is_same(first, again, TOLERANCES[torch.float32]):
        raise NoProofError("gives other outputs each time, with the same random numbers")
    made.behind = list(norms_behind_cats(model, lambda: run_plainly(model, inputs)))
    restore(model, made.state)
    seen = made.seen["train"] = Seen()
    try:
        made.runs["train"] = run(model, inputs, True, watched(model, seen))
    except Exception as error:
        made.notes.append(f"not in train mode, where it raises {in_one_line(error)}")
    made.statistics = buffers(model)
    for mode, each in made.runs.items():
        if each.no_gradients:
            made.notes.append(f"without gradients in {MODES[mode]}: {each.no_gradients}")
    restore(model, made.state)
    with suppress(Exception):  # what is not made for such inputs
        large = inputs.mapped(lambda each: each * _LARGE if each.is_floating_point() else each)
        seen = made.seen["large"] = Seen()
        done = made.runs["large"] = run(model, large, False, watched(model, seen), False)
        if not all(each.isfinite().all() for each in done.outputs.values()):
            del made.runs["large"]


def run_plainly(model: nn.Module, inputs: Inputs) -> Run:
    """Run a model in eval mode, without gradients."""
    return run(model, inputs, training=False, with_gradients=False)


def is_same(one: Run, other: Run, tolerance: float) -> bool:
    """Whether two runs gave the same outputs."""
    return one.outputs.keys() == other.outputs.keys() and all(
        difference(each, other.outputs[name]) <= tolerance for name, each in one.outputs.items()
    )


def buffers(model: nn.Module) -> Tensors:
    """What a state dict holds besides parameters."""
    weights = {id(each) for each in model.parameters()}
    return {key: each.detach().clone() for key, each, _ in stored(model) if id(each) not in weights}


def copied(state: dict[str, Any]) -> dict[str, Any]:
    """A state dict of its own, with the notes that torch keeps on it."""
    own = {
        key: each.detach().clone() if isinstance(each, Tensor) else each
        for key, each in state.items()
    }
    return with_notes(OrderedDict(own), notes_of(state))


def plain_buffers(model: nn.Module) -> Tensors:
    """The buffers that no state dict holds."""
    return {
        f"{path}.{name}": buffer.clone()
        for path, each in model.named_modules()
        for name, buffer in each._buffers.items()
        if buffer is not None and name in each._non_persistent_buffers_set
    }


@torch.no_grad()
def restore(model: nn.Module, state: dict[str, Any], but: nn.Module | None = None) -> None:
    """Set what a run may have changed back, but what another module holds."""
    own = {id(each) for each in but.parameters()} if but is not None else ()
    for key, value, _ in stored(model):
        if isinstance(state.get(key), Tensor) and id(value) not in own:
            value.copy_(state[key])
