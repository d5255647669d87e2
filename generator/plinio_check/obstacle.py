"""What stands in the way of PLiNIO's methods, as data; without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..proof.prove import Place

METHODS: Final = ("PIT", "MPS", "SuperNet")
"""The methods of PLiNIO that a model is given to."""


@dataclass(frozen=True)
class Obstacle:
    """What stands in the way of a method.

    Attributes:
        what: it is, as far as it is known.
        methods: those that it is in the way of.
        code: the rule of gencode that rewrites it where it can, if there is one.
        place: the line of the model's source that it is in, where it is known.
        said: what the method says of it, or does wrong; empty where it was not asked.
    """

    what: str
    methods: tuple[str, ...]
    code: str = ""
    place: Place | None = None
    said: str = ""
