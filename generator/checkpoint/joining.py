"""Find the parts of what a model has as a whole, or in parts of other names, and join them.

What gencode emits, or has emitted in earlier versions, calls the parts of ``conv.weight``::

    conv.parts.0.weight    conv.convs.0.weight    norm.norms.0.weight
    conv.0.weight    conv_0.weight
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor

from ..reading.naming import series_stems
from .state_dicts import StateDict, notes_of, with_notes

Joins = Mapping[str, tuple[str, ...]]
"""By the key of a whole those of its parts, in their order."""
_IDENTITY: Final = "same.weight"
"""The key of what stands behind a whole that is added to others, and that no original has."""
_LISTS: Final = ("parts.", "convs.", "norms.", "")
_FIRST_PARTS: Final = (
    (re.compile(r"(?:(?<=\.)|^)(?:(?:parts|convs|norms)\.)?0\."), ""),
    (re.compile(r"(?:_group|_branch)?_0\."), "."),
    (re.compile(r"(?:(?<=\.)|^)(?:grouped|split)_([^.]+)_0\."), r"\1."),
)


def find_joins(given: Mapping[str, Any], wanted: Collection[str]) -> Joins:
    """The keys of a state dict that are parts of what a model has otherwise.

    Args:
        given: the state dict.
        wanted: the keys that the model has.
    """
    wholes = dict.fromkeys(wanted)
    for key in wanted:
        wholes |= dict.fromkeys(_wholes(key))
    found = {each: _parts(each, given, wanted) for each in wholes if each not in given}
    return {whole: parts for whole, parts in found.items() if parts}


def joined(given: StateDict, joins: Joins) -> StateDict:
    """The same state dict with wholes in the place of parts; of what has no parts the first."""
    gone = {each for parts in joins.values() for each in parts}
    gone |= {f"{whole.rpartition('weight')[0]}{_IDENTITY}" for whole in joins}
    gone = {each for each in gone if not each.endswith(_IDENTITY) or _is_identity(given.get(each))}
    state = OrderedDict((key, each) for key, each in given.items() if key not in gone)
    for whole, parts in joins.items():
        values = [given[each] for each in parts]
        state[whole] = torch.cat(values) if values[0].dim() else values[0]
    return with_notes(state, notes_of(given))


def check_counts(given: StateDict, joins: Joins) -> None:
    """See that what is the same of all parts, such as a number of batches, is.

    Raises:
        RuntimeError: it is not.
    """
    for whole, parts in joins.items():
        values = [given[each] for each in parts]
        if values[0].dim() == 0 and not all(torch.equal(each, values[0]) for each in values):
            numbers = ", ".join(str(each.item()) for each in values)
            raise RuntimeError(f"the parts of {whole} are to have one value, and have {numbers}")


def _is_identity(value: object) -> bool:
    """Whether a tensor is the weight of a convolution that gives what it takes."""
    if not isinstance(value, Tensor) or value.dim() < 3 or value.shape[0] != value.numel() ** 0.5:
        return False
    return torch.equal(value, torch.nn.init.dirac_(torch.empty_like(value)))


def _wholes(key: str) -> Iterator[str]:
    """What a key may be the first part of."""
    for pattern, replacement in _FIRST_PARTS:
        for match in pattern.finditer(key):
            yield key[: match.start()] + match.expand(replacement) + key[match.end() :]


def _parts(whole: str, given: Mapping[str, Any], wanted: Collection[str]) -> tuple[str, ...]:
    """The keys of the parts of a whole, which are alike; none if there are none."""
    for before, after in _layouts(whole):
        parts: list[str] = []
        while (key := f"{before}{len(parts)}{after}") in given and key not in wanted:
            parts.append(key)
        if parts and _are_alike([given[each] for each in parts]):
            return tuple(parts)
    return ()


def _layouts(whole: str) -> Iterator[tuple[str, str]]:
    """What may stand before and after the number of a part."""
    names = whole.split(".")
    for count in range(len(names)):
        path, name = "".join(f"{each}." for each in names[:count]), ".".join(names[count:])
        yield from ((path + each, f".{name}") for each in _LISTS)
        if count:
            owner, attribute = "".join(f"{each}." for each in names[: count - 1]), names[count - 1]
            yield from ((f"{owner}{each}_", f".{name}") for each in _stems(attribute))


def _stems(attribute: str) -> tuple[str, ...]:
    """What an attribute may be called in explicit style, but for the number."""
    private = re.fullmatch(r"_[^_]\w*?__(\w+)", attribute)
    if private is None:
        return series_stems(attribute)
    return series_stems(f"_{private[1].strip('_') or 'conv'}")


def _are_alike(values: Sequence[object]) -> bool:
    kinds = {(each.shape, each.dtype) for each in values if isinstance(each, Tensor)}
    return len(kinds) == 1 and all(isinstance(each, Tensor) for each in values)
