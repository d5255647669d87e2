"""Whether a result computes what its original does, with the original's state dict in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...key_lists import shortened
from .computed import MODES, Computed, Grouped, copied, plain_buffers, run_all
from .effects import faint
from .first_difference import Culprit, first_difference, is_seen_same, parts_of
from .measures import grouped_convs, is_refused
from .running import Inputs, default_dtype, difference
from .verdict import Compared, Convolution, Pair, Verdict
from .watching import Place

# A gradient that ought to be zero, as of a bias before a BatchNorm, is all rounding: what a value
# is taken to be at least, relative to the largest beside it.
_NOISE = 1e-6
_LOOSER = 10  # for gradients, which sum up more


def compare(
    model: nn.Module,
    inputs: Inputs,
    made: Computed,
    places: dict[int, Place] | None = None,
) -> Verdict:
    """Give a result the original's state dict, run it, and compare all that it computes.

    Args:
        model: the result, which is changed.
        inputs: what to call it with.
        made: what the original computes.
        places: the lines that built the result's modules, by their ``id``.

    Raises:
        Exception: whatever the result raises.
    """
    verdict = Verdict(modes=[each for each in made.runs if each in ("eval", "train")])
    model.to(made.dtype)
    inputs = inputs.mapped(lambda each: each.to(made.dtype) if each.is_floating_point() else each)
    try:
        model.load_state_dict(copied(made.state))
    except RuntimeError as error:
        verdict.reason, verdict.culprit = _not_loaded(error, made)
        return verdict
    _take_plain_buffers(model, made)
    found = Computed(made.dtype, made.tolerance, copied(model.state_dict()), plain_buffers(model))
    with default_dtype(made.dtype):
        run_all(model, inputs, found, set())
    _measure(model, made, found, verdict, places or {})
    _compare_all(model, made, found, verdict)
    return verdict


def _not_loaded(error: RuntimeError, made: Computed) -> tuple[str, Culprit | None]:
    """What torch says of a state dict that does not fit, and the module that it is about."""
    head, *lines = shortened(str(error))
    said = " ".join(lines[:2] or [head])
    key = said.split('"')[1] if '"' in said else said.partition("size mismatch for ")[2]
    path = key.partition(":")[0].rpartition(".")[0]
    culprit = Culprit(path, "", made.built.get(path), None) if path else None
    return f"does not load the original's weights: {said}", culprit


@torch.no_grad()
def _take_plain_buffers(model: nn.Module, made: Computed) -> None:
    """Have the same in buffers that no state dict holds, which may be drawn at random."""
    for path, given in made.plain_buffers.items():
        owner, _, name = path.rpartition(".")
        module = dict(model.named_modules()).get(owner)
        buffer = None if module is None else module._buffers.get(name)
        if buffer is not None and given.shape == buffer.shape:
            buffer.copy_(given)


def _measure(
    model: nn.Module,
    made: Computed,
    found: Computed,
    verdict: Verdict,
    places: dict[int, Place],
) -> None:
    convs = grouped_convs(model)
    verdict.parameters = made.parameters, found.parameters
    verdict.multiply_adds = made.multiply_adds, found.multiply_adds
    verdict.grouped = [path for path, each in convs.items() if is_refused(each)]
    verdict.behind = [path for path in found.behind if path not in made.behind]
    named = dict(model.named_modules())
    verdict.places = {
        path: places[id(named[path])]
        for path in (*verdict.grouped, *verdict.behind)
        if id(named[path]) in places
    }


def _compare_all(model: nn.Module, made: Computed, found: Computed, verdict: Verdict) -> None:
    is_split = {
        path: each for path, each in made.grouped.items() if not _is_as_before(model, path, each)
    }
    verdict.split = len(is_split)
    verdict.convolutions = [
        _convolution(path, each, path in is_split, made) for path, each in made.grouped.items()
    ]
    verdict.reason = _different_set(made, found)
    for pair in _pairs(model, made, found):
        by = difference(pair.expected, pair.value, pair.least)
        _note(verdict, pair)
        if not by <= pair.tolerance and not verdict.reason:
            verdict.reason = _said(pair.what, by, pair.expected, pair.value)
            parts = parts_of(model, made.state)
            verdict.culprit = first_difference(made, found, pair.mode, parts, pair.what)
    if not verdict.reason:
        verdict.reason = _other_size(verdict)
    if not verdict.reason:
        _see_that_it_counts(model, made, found, [*is_split], verdict)


def _note(verdict: Verdict, pair: Pair) -> None:
    """Note that two values were compared, and how much they differ."""
    # Of a gradient relative to the largest of all: one that ought to be zero is all rounding.
    by = difference(pair.expected, pair.value, pair.least / _NOISE)
    verdict.difference = max(verdict.difference, by)
    compared = verdict.compared.setdefault(pair.kind, Compared(pair.kind))
    compared.count += 1
    compared.difference = max(compared.difference, by)
    compared.tolerance = pair.tolerance


def _convolution(path: str, conv: Grouped, is_split: bool, made: Computed) -> Convolution:
    sizes = conv.inputs, conv.outputs, conv.groups, conv.kernel
    return Convolution(path, conv.kind, *sizes, is_split, made.built.get(path))


def _see_that_it_counts(
    model: nn.Module, made: Computed, found: Computed, split: Sequence[str], verdict: Verdict
) -> None:
    """See that outputs depend on all that is split, or that what that gives was seen itself."""
    silent = faint(made, split)
    parts = parts_of(model, made.state) if silent else {}
    for path, group in silent.items():
        if group >= 0 and is_seen_same(made, found, parts, path):
            verdict.by_itself.append(path)
        else:
            verdict.reason = _unseen(path, group)
            verdict.culprit = Culprit(path, made.grouped[path].kind, made.built.get(path), None)
            return


def _pairs(model: nn.Module, made: Computed, found: Computed) -> Iterator[Pair]:
    """What is compared."""
    for mode, done in made.runs.items():
        if mode not in found.runs:
            continue
        for name, each in done.outputs.items():
            if name in found.runs[mode].outputs:
                value = found.runs[mode].outputs[name]
                kind, what = f"outputs in {MODES[mode]}", f"{name} in {MODES[mode]}"
                yield Pair(kind, what, mode, each, value, 0.0, made.tolerance)
    if "train" in made.runs:
        state = _carried_over(model, _with(made, made.statistics))
        for name, value in found.statistics.items():
            if isinstance(value, Tensor) and isinstance(state.get(name), Tensor):
                what = f"{name} after a step"
                kind = "buffers after a step"
                yield Pair(kind, what, "train", state[name], value, 0.0, made.tolerance)
    flags = _carried_over(model, _with(made, _flags(made.learns, made.state)))
    for name, learns in found.learns.items():
        what = f"whether {name} is trained"
        value = torch.tensor(float(learns))
        flag = flags[name].flatten()[:1].sum()
        yield Pair("which parameters are trained", what, "eval", flag, value, 1.0, 0.5)
    for mode in made.runs:
        if mode in found.runs:
            yield from _gradients(model, made, found, mode)


def _gradients(model: nn.Module, made: Computed, found: Computed, mode: str) -> Iterator[Pair]:
    gradients, now = made.runs[mode].gradients, found.runs[mode].gradients
    if not gradients:
        return
    largest = max(
        (float(each.abs().max()) for each in gradients.values() if each.numel()), default=0
    )
    as_state = {key: gradients.get(key, each) for key, each in made.state.items()}
    same = {key: each for key, each in gradients.items() if _same_shape(now.get(key), each)}
    parts = {} if len(same) == len(now) else _carried_over(model, _with(made, as_state))
    for name, value in now.items():
        expected = same.get(name, parts.get(name))
        if expected is not None:
            what = f"the gradient of {name} in {MODES[mode]}"
            kind, tolerance = f"gradients in {MODES[mode]}", made.tolerance * _LOOSER
            yield Pair(kind, what, mode, expected, value, _NOISE * largest, tolerance)


def _with(made: Computed, state: dict[str, Any]) -> dict[str, Any]:
    """A state dict with other values."""
    own = copied(made.state)
    own.update(state)
    return own


def _flags(learns: dict[str, bool], state: dict[str, Any]) -> dict[str, Any]:
    """A state dict that says of each parameter whether it is trained."""
    return {
        key: torch.full_like(state[key], float(each))
        for key, each in learns.items()
        if key in state and state[key].is_floating_point()
    }


def _same_shape(one: Tensor | None, other: Tensor) -> bool:
    return one is not None and one.shape == other.shape


def _carried_over(model: nn.Module, state: dict[str, Any]) -> dict[str, Any]:
    """What belongs to an original's state dict, as the result loads it."""
    before = copied(model.state_dict())
    model.load_state_dict(copied(state))
    loaded = copied(model.state_dict())
    model.load_state_dict(before)
    return loaded


def _said(what: str, by: float, expected: Tensor, value: Tensor) -> str:
    if expected.shape != value.shape:
        return (
            f"differs: {what} is of shape {tuple(value.shape)}, and was of {tuple(expected.shape)}"
        )
    return f"differs: {what}, by {by:.1e} of its largest value"


def _different_set(made: Computed, found: Computed) -> str:
    for mode, done in made.runs.items():
        if mode not in found.runs:
            return f"cannot be run in {MODES[mode]}: {found.notes[0] if found.notes else ''}"
        if found.runs[mode].outputs.keys() != done.outputs.keys():
            now, before = len(found.runs[mode].outputs), len(done.outputs)
            return f"gives {now} tensors in {MODES[mode]}, and gave {before}, or under other names"
        if bool(found.runs[mode].gradients) != bool(done.gradients):
            return f"has no gradients in {MODES[mode]}, and had some"
    return ""


def _other_size(verdict: Verdict) -> str:
    for name, (before, now) in (
        ("parameters", verdict.parameters),
        ("multiply-adds", verdict.multiply_adds),
    ):
        if before != now:
            return f"has {now} {name}, and had {before}"
    return ""


def _unseen(path: str, group: int) -> str:
    if group < 0:
        return f"does not run {path}, which is split: nothing is known of it"
    return f"gives outputs that hardly depend on group {group} of {path}, which is split"


def _is_as_before(model: nn.Module, path: str, conv: Grouped) -> bool:
    now = grouped_convs(model).get(path)
    return now is not None and now.groups == conv.groups
