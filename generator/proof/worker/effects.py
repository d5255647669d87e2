"""How much the outputs of a model depend on each group of its convolutions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from .computed import Computed, Grouped, restore, run_plainly
from .measures import grouped_convs, is_refused
from .running import Inputs, Run, default_dtype, difference


def faint(made: Computed, paths: Sequence[str] | None = None) -> dict[str, int]:
    """The convolutions that the outputs would not tell wrong, and of which group.

    Args:
        made: what the original computes.
        paths: the convolutions to look at; by default those that PLiNIO does not take.
    """
    found = {}
    for path, conv in made.grouped.items():
        if conv.is_refused if paths is None else path in paths:
            least = min(range(len(conv.effects)), key=conv.effects.__getitem__, default=-1)
            if least < 0 or not conv.effects[least] > made.tolerance:
                found[path] = least
    return found


def note_effects(model: nn.Module, inputs: Inputs, made: Computed) -> None:
    """Note how much each group of each convolution matters to the outputs."""
    named = {id(each): name for name, each in model.named_parameters()}
    for path, conv in grouped_convs(model).items():
        ran = any(call[0] == path for seen in made.seen.values() for call in seen.given)
        effects = [0.0] * conv.groups if ran else []
        for mode, done in made.runs.items():
            weight = _weight(conv)
            gradient = done.gradients.get(named.get(id(weight), ""))
            if gradient is not None and ran:
                products = (gradient * weight).detach().abs().double()
                size = _size(made.runs[mode]) or 1.0
                found = (products.reshape(conv.groups, -1).sum(1) / size).tolist()
                effects = [*map(max, effects, found)]
        is_still = not any(done.gradients for done in made.runs.values())
        if ran and (is_still or not _weight(conv).requires_grad):
            effects = [_effect_of_change(model, conv, inputs, made)]
        made.grouped[path] = Grouped(
            type(conv).__name__,
            conv.groups,
            conv.in_channels,
            conv.out_channels,
            tuple(conv.kernel_size),
            effects,
            is_refused(conv),
        )


def _size(done: Run) -> float:
    outputs = [each.double() for each in done.outputs.values() if each.is_floating_point()]
    return float(sum(float(each.square().sum()) for each in outputs) ** 0.5)


def _weight(conv: nn.Module) -> Tensor:
    """The parameter that a convolution has its weight from."""
    return max(conv.parameters(), key=lambda each: (each.dim(), each.numel()))


def _effect_of_change(model: nn.Module, conv: nn.Module, inputs: Inputs, made: Computed) -> float:
    """How much outputs change with a weight, where nothing can be differentiated."""
    with _changed(_weight(conv)), default_dtype(made.dtype):
        restore(model, made.state, but=conv)
        done = run_plainly(model, inputs)
    before = made.runs["eval"].outputs
    return max(
        (difference(before[name], each) for name, each in done.outputs.items() if name in before),
        default=0.0,
    )


@contextmanager
def _changed(weight: Tensor) -> Iterator[None]:
    """Have a weight be another one for a while."""
    before = weight.detach().clone()
    with torch.no_grad():
        weight.add_(torch.randn_like(weight))
    try:
        yield
    finally:
        with torch.no_grad():
            weight.copy_(before)
