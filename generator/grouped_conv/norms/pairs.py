"""The norms after the convolutions of one source that are attributes, or why they are to stay."""

from __future__ import annotations

import ast

from ...reading.classes import ClassIndex
from ...reading.directives import Directives
from ..refusal import Refusal
from ..surroundings import Surroundings
from .attributes import Attributes
from .norm_after import NormAfter, Pair
from .outside import Outside, Outsides


class Pairs(Attributes):
    """Finds them; what it has found is kept.

    Attributes:
        apart: the constructions of what is split without the norm behind it, and why.
    """

    def __init__(
        self, index: ClassIndex, directives: Directives, surroundings: Surroundings
    ) -> None:
        super().__init__(index, directives, surroundings)
        self.apart: dict[ast.Call, str] = {}
        self._found: dict[tuple[ast.ClassDef, str], Pair | Refusal | None] = {}

    def find(self, owner: ast.ClassDef, conv: str) -> Pair | Refusal | None:
        """The norm after a convolution; None where there is none, a reason where it is to stay."""
        if (owner, conv) not in self._found:
            try:
                found: Pair | Refusal | None = NormAfter(self, owner, conv).pair()
            except Refusal as refusal:
                found = refusal
            self._found[owner, conv] = found
        return self._found[owner, conv]

    def outside(self, owner: ast.ClassDef, conv: str) -> list[Outside]:
        """The norms outside of a class that take what a convolution of it gives."""
        if self.find(owner, conv) is not None or "jit.script" in self.source.text:
            return []  # it takes no list of tensors from a module
        return Outsides(self).of(owner, conv)
