"""State dicts as torch has them: a tensor by its key, and notes on the modules beside."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

StateDict = dict[str, Any]  # a tensor each, but for what a module may add as its extra state
Notes = Mapping[str, Any]  # by the path of a module: the version of the layout of its keys


def notes_of(state: Mapping[str, Any]) -> Notes:
    """The notes of a state dict; none where it is a plain dict."""
    return getattr(state, "_metadata", {})


def with_notes(state: Any, notes: Notes) -> StateDict:
    """Put the notes where torch has them, on an OrderedDict."""
    state._metadata = OrderedDict(notes)
    result: StateDict = state
    return result


def below(prefix: str, state: Mapping[str, Any]) -> StateDict:
    """A copy to load, without a prefix of all keys: torch writes into the notes that it loads."""
    start = len(prefix)
    notes = {key[start:]: each for key, each in notes_of(state).items() if _is_in(prefix, key)}
    values = (each.detach() if isinstance(each, Tensor) else each for each in state.values())
    keys = (key[start:] for key in state)
    return with_notes(OrderedDict(zip(keys, values, strict=True)), deepcopy(notes))


def above(prefix: str, state: StateDict, around: Mapping[str, Any]) -> StateDict:
    """The same with a prefix to all keys, and with the notes of another on what is around it."""
    notes = {key: each for key, each in notes_of(around).items() if not _is_in(prefix, key)}
    for key, each in notes_of(state).items():
        notes[f"{prefix}{key}".removesuffix(".")] = each
    return with_notes(OrderedDict((prefix + key, each) for key, each in state.items()), notes)


def _is_in(prefix: str, path: str) -> bool:
    return f"{path}.".startswith(prefix)


def view_of(tensor: Tensor) -> object:
    """What only tensors have in common that are the same part of memory, seen in the same way."""
    place = (tensor.untyped_storage().data_ptr(), tensor.storage_offset())
    return (*place, tensor.shape, tensor.stride(), tensor.dtype)


def with_own_storages(state: StateDict) -> StateDict:
    """The same with contiguous copies of the tensors: one for those that are the same one."""
    copies: dict[object, Tensor] = {}

    def copied(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        view = view_of(value)
        if view not in copies:
            copies[view] = value.clone(memory_format=torch.contiguous_format)
        return copies[view]

    own = OrderedDict((key, copied(each)) for key, each in state.items())
    return with_notes(own, notes_of(state))
