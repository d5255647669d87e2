"""Tell what comes of reading the steps of an nn.Sequential, and what is none of them."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from ...facts.facts import Facts
from ...facts.values import STRANGE, Object
from ...reading.classes import ClassIndex
from ...reading.convolutions import SETTINGS
from ..weights import Uses, Weights
from .kinds import NORM_READS, is_statistic_read


@dataclass(frozen=True)
class Steps:
    """Some convolutions and norms of an nn.Sequential.

    Attributes:
        index: of their source.
        facts: of it.
        modules: what they are; none where that is not all known.
        uses: what reads and sets weights of what may be one of them.
    """

    index: ClassIndex
    facts: Facts
    modules: frozenset[Object]
    uses: Uses = field(default_factory=Uses)

    def is_harmless(self, node: ast.expr, parent: ast.AST) -> bool:
        """Whether an expression is none of them, or no more is done than to read an attribute."""
        if self._is_other(node):
            return True
        if not isinstance(parent, ast.Attribute) or parent.value is not node:
            return False
        weights = Weights(self.index)
        if parent.attr in ("weight", "bias"):
            weights.look_at(parent)
        elif is_statistic_read(self.index, parent):
            weights.note_read(parent)
        else:
            is_setting = parent.attr in NORM_READS | SETTINGS
            return is_setting and isinstance(parent.ctx, ast.Load)
        self.uses.reads.update(weights.uses.reads)
        self.uses.writes.update(weights.uses.writes)
        return not weights.uses.obstacles

    def _is_other(self, node: ast.expr) -> bool:
        values = self.facts.values(node)
        is_strange = any(getattr(each, "kind", STRANGE).startswith(STRANGE) for each in values)
        is_known = bool(values) and bool(self.modules) and not is_strange
        return is_known and self.modules.isdisjoint(values)


def steps_of(index: ClassIndex, facts: Facts, built: Iterable[ast.expr | None]) -> Steps:
    """Some steps of an nn.Sequential.

    Args:
        index: of the source.
        facts: what may happen in it.
        built: what builds them; None for what is not seen.
    """
    modules = set[Object]()
    for each in built:
        values = facts.values(each) if each is not None else frozenset()
        objects = {one for one in values if isinstance(one, Object)}
        if not objects or len(objects) < len(values):
            return Steps(index, facts, frozenset())
        modules |= objects
    return Steps(index, facts, frozenset(modules))
