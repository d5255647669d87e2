"""From which keys of a state dict the values of a model's own keys come, once it has loaded it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from .state_dicts import StateDict, notes_of, with_notes

# The numbers that stand for keys: none that a model is likely to have by itself, and exact in
# float32 too.
_FIRST_TAG = 1_000_003


def key_origins(given: StateDict, model: nn.Module) -> Mapping[str, list[str]]:
    """The keys of a state dict that each key of a model gets values from.

    The model loads tensors of the same shapes, each full of a number of its own, which then tell
    where they went. A key has no entry, or an empty one, where that does not say it.
    """
    tags = {float(_FIRST_TAG + number): key for number, key in enumerate(given)}
    tagged = OrderedDict((key, _tagged(given[key], tag)) for tag, key in tags.items())
    try:
        model.load_state_dict(with_notes(tagged, notes_of(given)), assign=True)
        return {
            key: [tags[number] for number in _numbers(each) if number in tags]
            for key, each in model.state_dict().items()
            if isinstance(each, Tensor)
        }
    except Exception:
        return {}  # a model may look at the values that it loads, and not take these


def _tagged(value: object, tag: float) -> object:
    if not isinstance(value, Tensor):
        return value
    return torch.tensor(tag, dtype=torch.float64).expand(value.shape)  # takes no memory


def _numbers(tensor: Tensor) -> list[float]:
    """The values in a tensor, in order; quickly where there is but one."""
    if not tensor.numel():
        return []
    low, high = tensor.aminmax()
    return [low.item()] if low == high else sorted(set(tensor.flatten().tolist()))
