"""Where in a checkpoint the state dict of its model is, and what else is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..files import FileError

_MOST_SHOWN = 8


@dataclass(frozen=True)
class Contents:
    """All that a checkpoint holds.

    Attributes:
        whole: the state dict, or a dict that has it under one of its keys.
        key: that key; None where the whole is the state dict.
    """

    whole: Mapping[Any, Any]
    key: str | None

    @property
    def state_dict(self) -> Mapping[str, Any]:
        """The state dict to convert."""
        state: Mapping[str, Any] = self.whole if self.key is None else self.whole[self.key]
        return state

    def replaced(self, state_dict: Mapping[str, Any]) -> Mapping[Any, Any]:
        """The same with another state dict."""
        if self.key is None:
            return state_dict
        return {**self.whole, self.key: state_dict}

    @property
    def others(self) -> Mapping[str, Any]:
        """What stands beside the state dict."""
        if self.key is None:
            return {}
        return {str(key): each for key, each in self.whole.items() if key != self.key}


def contents_of(whole: object, wanted: str | None) -> Contents:
    """Find the state dict of a checkpoint.

    Args:
        whole: what was read.
        wanted: the key that it is under; if None, there must be but one state dict.

    Raises:
        FileError: there is none, or there are several.
    """
    if not isinstance(whole, Mapping):
        raise FileError(f"holds no state dict, but a {type(whole).__name__}")
    if wanted is not None:
        if not isinstance(whole.get(wanted), Mapping):
            raise FileError(f"holds no state dict under {wanted!r}; {_keys(whole)}")
        return Contents(whole, wanted)
    if _is_state_dict(whole):
        return Contents(whole, None)
    found = state_dicts_in(whole)
    if not found:
        raise FileError(f"holds no dict of tensors alone; {_keys(whole)}")
    if len(found) > 1:
        raise FileError(
            f"holds several state dicts, {', '.join(found)}: name one with --checkpoint-key"
        )
    return Contents(whole, found[0])


def state_dicts_in(values: Mapping[Any, Any]) -> list[str]:
    """The keys of what may be state dicts."""
    return [str(key) for key, each in values.items() if _is_state_dict(each)]


def optimizers_in(values: Mapping[Any, Any]) -> list[str]:
    """The keys of the states of optimizers, which know parameters by their numbers."""
    return [str(key) for key, each in values.items() if _is_optimizer(each)]


def _is_state_dict(value: object) -> bool:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        return False
    # A module may add what it likes under this name.
    tensors = (each for key, each in value.items() if not key.endswith("_extra_state"))
    return bool(value) and all(isinstance(each, Tensor) for each in tensors)


def _is_optimizer(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_is_optimizer, value))
    return isinstance(value, Mapping) and {"state", "param_groups"} <= value.keys()


def _keys(whole: Mapping[Any, Any]) -> str:
    names = [str(key) for key in whole]
    shown = ", ".join([*names[:_MOST_SHOWN], "..."] if len(names) > _MOST_SHOWN else names)
    return f"it has {shown}" if shown else "it is empty"
