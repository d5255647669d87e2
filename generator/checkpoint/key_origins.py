"""From which keys of a state dict the values of a model's own keys come, once it has loaded it."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Mapping, Sequence
from itertools import takewhile

import torch
from torch import Tensor, nn

from .joining import Joins, joined
from .state_dicts import StateDict, notes_of, view_of, with_notes

# The numbers that stand for keys: none that a model is likely to have by itself, and exact in
# float32 too.
_FIRST_TAG = 1_000_003

Origins = Mapping[str, list[str]]


def key_origins(given: StateDict, model: nn.Module, joins: Joins) -> Origins:
    """The keys of a state dict that each key of a model gets values from.

    The model loads tensors of the same shapes, each full of a number of its own, which then tell
    where they went. A key has no entry, or an empty one, where that does not say it.

    Args:
        given: the state dict.
        model: the model.
        joins: what of it is joined before.
    """
    tags: dict[object, float] = {}  # one for all keys of what is one tensor
    tagged: StateDict = OrderedDict()
    owners: defaultdict[float, list[str]] = defaultdict(list)
    for key, value in given.items():
        if isinstance(value, Tensor):
            tag = tags.setdefault(view_of(value), float(_FIRST_TAG + len(tags)))
            owners[tag].append(key)
            value = _full(tag, value)
        tagged[key] = value
    try:
        state = joined(with_notes(tagged, notes_of(given)), joins)
        model.load_state_dict(state, assign=True)
        return {
            key: [_nearest(key, owners[tag]) for tag in _numbers(each) if tag in owners]
            for key, each in model.state_dict().items()
            if isinstance(each, Tensor)
        }
    except Exception:
        return {}  # a model may look at the values that it loads, and not take these


def _full(tag: float, like: Tensor) -> Tensor:
    return torch.tensor(tag, dtype=torch.float64).expand(like.shape)  # takes no memory


def _numbers(tensor: Tensor) -> list[float]:
    """The values in a tensor, in order; quickly where there is but one."""
    if not tensor.numel():
        return []
    low, high = tensor.aminmax()
    return [low.item()] if low == high else sorted(set(tensor.flatten().tolist()))


def _nearest(key: str, others: Sequence[str]) -> str:
    """The one of several keys that begins most like another."""

    def alike(other: str) -> int:
        pairs = zip(key, other, strict=False)
        return len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))

    return max(others, key=alike)
