"""What an original computes with random weights: all that its result is compared with."""

from __future__ import annotations

import torch
from torch import nn

from .computed import MODES, TOLERANCES, Computed, buffers, copied, plain_buffers, restore, run_all
from .effects import faint, note_effects
from .failures import NoProofError, is_of_memory
from .measures import parameters
from .running import Inputs, default_dtype
from .watching import Place
from .weights import randomise, stored

LARGEST_DOUBLE = 300_000_000  # parameters; what has more is run in float32
_ROUNDINGS = 30  # that may add up, in units of the last digit
_ATTEMPTS = ((0, True), (1, True), (2, False))  # seeds, and whether buffers are random too


def reference(model: nn.Module, inputs: Inputs, places: dict[int, Place] | None = None) -> Computed:
    """Run an original with random weights, in float64 if it can be.

    Weights that say nothing, since a group is dead with them, are drawn again.

    Args:
        model: the original, which is changed.
        inputs: what to call it with.
        places: the lines that built its modules, by their ``id``.

    Raises:
        NoProofError: its outputs would be the same whatever it computes.
        Exception: whatever the model raises.
    """
    no_proof: NoProofError | None = None
    failure: Exception | None = None
    is_large = parameters(model) > LARGEST_DOUBLE
    built = buffers(model)
    for dtype in (torch.float32,) if is_large else (torch.float64, torch.float32):
        fair: Computed | None = None
        for seed, with_buffers in _ATTEMPTS:
            restore(model, built)
            try:
                made = _made(model, inputs, dtype, seed, with_buffers)
            except NoProofError as error:
                no_proof = no_proof or error
                continue
            except Exception as error:
                if is_of_memory(error):
                    raise
                failure = error
                continue
            if not faint(made):
                fair = made
                break
            fair = fair or made
        if fair is not None:
            fair.built = {
                path: places[id(each)]
                for path, each in model.named_modules()
                if places and id(each) in places
            }
            return fair
        if no_proof is not None:
            raise no_proof
    assert failure is not None
    raise failure


def _made(
    model: nn.Module, inputs: Inputs, dtype: torch.dtype, seed: int, with_buffers: bool
) -> Computed:
    model.to(dtype)
    inputs = inputs.mapped(lambda each: each.to(dtype) if each.is_floating_point() else each)
    randomise(model, seed, with_buffers)
    made = Computed(dtype, TOLERANCES[dtype], copied(model.state_dict()), plain_buffers(model))
    lowered: set[torch.dtype] = set()
    with default_dtype(dtype):
        run_all(model, inputs, made, lowered)
    check_that_it_tells(made)
    if lowered and dtype is torch.float64:
        coarsest = max(torch.finfo(each).eps for each in lowered)
        made.tolerance = max(TOLERANCES[torch.float32], _ROUNDINGS * coarsest)
        made.notes.append(f"some of it computes in {_names(lowered)}")
    if dtype is torch.float32:
        made.notes.append("in float32")
    if not with_buffers and any(is_constant for _, _, is_constant in stored(model)):
        made.notes.append("buffers other than statistics as they were built")
    if any(each.draws for each in made.runs.values()):
        made.notes.append("random numbers, as of dropout, from the same seed")
    note_effects(model, inputs, made)
    return made


def check_that_it_tells(made: Computed) -> None:
    """See that outputs are numbers, and not the same one everywhere.

    Raises:
        NoProofError: they say nothing.
    """
    for mode, done in made.runs.items():
        if not done.outputs:
            raise NoProofError("gives back no tensor")
        many = []
        for name, each in done.outputs.items():
            if not each.isfinite().all():
                raise NoProofError(f"gives what is not finite in {MODES[mode]} ({name})")
            if each.numel() > 1:
                low, high = each.double().min().item(), each.double().max().item()
                many.append(high - low <= 1e-9 * max(abs(low), abs(high)))
        if many and all(many):
            raise NoProofError(f"gives a constant in {MODES[mode]}, whatever its input")


def _names(dtypes: set[torch.dtype]) -> str:
    return ", ".join(sorted(str(each).removeprefix("torch.") for each in dtypes))
