"""The order of values and uses by where they stand: that in which they are found is any."""

from __future__ import annotations

from collections.abc import Iterable

from .heap import Use
from .values import Value


def in_order(values: Iterable[Value]) -> list[Value]:
    """Some values in the order of the text, by where they are made: that of a set is any.

    Tensors that are given at one place, as by the layers of an nn.Sequential, are in the order of
    these.
    """
    return sorted(values, key=_place_of)


def _place_of(value: Value | None) -> tuple[int | str, ...]:
    site = getattr(value, "site", getattr(getattr(value, "cls", None), "node", None))
    kind = getattr(value, "kind", getattr(value, "path", type(value).__name__))
    place = getattr(site, "lineno", 0), getattr(site, "col_offset", 0), str(kind)
    producer = getattr(value, "producer", None)
    return (*place, *_place_of(producer)) if producer is not None else place


def place_of_use(use: Use) -> tuple[object, ...]:
    """Where something is done with a value, and what, in the order of the text."""
    place = getattr(use.node, "lineno", 0), getattr(use.node, "col_offset", 0)
    return *place, use.kind, use.name, _place_of(use.by)
