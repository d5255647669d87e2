"""Convert a state dict by having a model load it: the split one, or the original.

The split model itself knows how: its classes take a state dict of the original apart when they load
it. What they made of it is read back, so that nothing here depends on how a convolution was split.
For the original, and from what another version of gencode has split, the parts are joined before,
by their names; that it was right is shown by the model, which loads strictly.

    from gencode.checkpoint import convert

    converted = convert(torch.load("old.pt", weights_only=True), Net())
    torch.save(converted.state_dict, "new.pt")
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, takewhile
from typing import Any

import torch
from torch import nn

from .joining import Joins, check_counts, find_joins, joined
from .key_origins import Origins, key_origins
from .state_dicts import StateDict, above, below, with_own_storages


@dataclass(frozen=True)
class Converted:
    """A state dict as the split model has it.

    Attributes:
        state_dict: what the model's own ``state_dict()`` gives once it is loaded, in the original's
            precision and with the prefix that the original's keys had. No tensor is a view of
            another; what was one tensor under two keys still is.
        moved: for each key whose values are now elsewhere, where they are; in the new order.
        gone: the keys whose values are nowhere any more.
        new: the keys that have a value of the model's own.
        kept: how many keys are as they were.
    """

    state_dict: StateDict
    moved: Mapping[str, tuple[str, ...]]
    gone: tuple[str, ...]
    new: tuple[str, ...]
    kept: int


def convert(old: Mapping[str, Any], model: nn.Module) -> Converted:
    """Convert the state dict of an original for its split model, or the other way round.

    A prefix of all keys that the model has not, such as ``module.``, stays where it is.

    Args:
        old: of the original, or of a split model; it is left as it is.
        model: the split model, or the original. It has the converted weights afterwards, not copies
            of them.

    Raises:
        RuntimeError: it does not fit the model; torch's own message.
    """
    prefix, given, joins = _loaded(old, model)
    state = with_own_storages(model.state_dict())
    origins = key_origins(given, model, joins)
    model.load_state_dict(below("", state), assign=True)  # what is handed out does load
    targets: defaultdict[str, list[str]] = defaultdict(list)
    new: list[str] = []
    for key in state:
        sources = _sources(key, given, state, origins) or joins.get(key, ())
        for source in sources:
            targets[prefix + source].append(prefix + key)
        if not sources:
            new.append(prefix + key)
    for first, *others in joins.values():
        if given[first].dim() == 0:  # the others have the same value
            targets.update({prefix + each: targets[prefix + first] for each in others})
    moved = {key: tuple(keys) for key, keys in targets.items() if keys != [key]}
    return Converted(
        state_dict=above(prefix, state, old),
        moved=moved,
        gone=tuple(key for key in old if key not in targets),
        new=tuple(new),
        kept=len(targets) - len(moved),
    )


def _sources(key: str, given: StateDict, state: StateDict, origins: Origins) -> list[str]:
    """The old keys that a new one has its values from; none where they are the model's own."""
    known = origins.get(key, [])
    # A module under two names is loaded twice, and knows of the second time only.
    if key in given and (not known or _is_same(given[key], state[key])):
        return [key]
    return known


def _is_same(one: Any, other: Any) -> bool:
    return one.dtype == other.dtype and torch.equal(one, other)


def _loaded(old: Mapping[str, Any], model: nn.Module) -> tuple[str, StateDict, Joins]:
    """Load a state dict; the prefix without which that worked, what was loaded, and what joined."""
    errors: list[Exception] = []
    for prefix in _prefixes(old):
        given = below(prefix, old)
        found = find_joins(given, model.state_dict().keys())
        for joins in ({}, found) if found else ({},):
            try:
                check_counts(given, joins)
                model.load_state_dict(joined(below("", given), joins), assign=True)
            except Exception as error:
                errors.append(error)
            else:
                return prefix, given, joins
    raise min(errors, key=lambda error: len(str(error)))  # of what came nearest


def _prefixes(keys: Iterable[str]) -> Iterator[str]:
    """What all keys begin with, as far as it may be the path of a module: nothing, then more."""
    paths = (key.split(".")[:-1] for key in keys)
    common = takewhile(lambda names: len(set(names)) == 1, zip(*paths, strict=False))
    return accumulate((f"{names[0]}." for names in common), initial="")
