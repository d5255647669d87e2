"""Tell what is done with the steps of an nn.Sequential besides applying it, as facts show it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from typing import Final

from ... import torch_api
from ...facts.facts import Facts
from ...facts.heap import Use
from ...facts.values import STRANGE, Constant, Object, Value
from ...reading.source import Source
from ..refusal import line_of
from ..weights import Obstacle, Uses, Weights
from .by_flow import HANDING, NORMS, sequence_of
from .kinds import NORM_READS, is_statistic_read

_ASKED: Final = NORM_READS | torch_api.GIVES_SELF


@dataclass(frozen=True)
class Steps:
    """Some convolutions and norms of an nn.Sequential, as far as they are known.

    Attributes:
        source: where.
        facts: of it.
        modules: what they are.
        uses: what is done with the norms, and what may be one of them.
        reads: the attributes of all of them that are read.
    """

    source: Source
    facts: Facts
    modules: frozenset[Object] = frozenset()
    uses: Uses = field(default_factory=Uses)
    reads: frozenset[ast.AST] = frozenset()

    def is_harmless(self, node: ast.expr, parent: ast.AST) -> bool:
        """Whether an expression is none of them, or nothing comes of reading an attribute."""
        if parent in self.reads or self._is_other(node):
            return True
        weights = Weights(self.source)
        match parent:
            case ast.Attribute(attr="weight" | "bias"):
                weights.look_at(parent)
            case ast.Attribute(attr=name) if name not in NORM_READS:
                if not is_statistic_read(self.source, parent):
                    return False
                weights.note_read(parent)
            case _:
                return isinstance(parent, ast.Attribute) and isinstance(parent.ctx, ast.Load)
        self.uses.reads.update(weights.uses.reads)
        self.uses.writes.update(weights.uses.writes)
        return not weights.uses.obstacles

    def _is_other(self, node: ast.expr) -> bool:
        values = self.facts.values(node)
        is_strange = any(getattr(each, "kind", STRANGE).startswith(STRANGE) for each in values)
        is_known = bool(values) and bool(self.modules) and not is_strange
        return is_known and self.modules.isdisjoint(values)


def steps_of(
    source: Source, facts: Facts, wholes: Iterable[Value], built: Iterable[ast.expr]
) -> Steps:
    """Some steps of an nn.Sequential, and what is done with them.

    Args:
        source: that of the facts.
        facts: what may happen in it.
        wholes: what the nn.Sequential may be.
        built: what builds its convolutions and norms.
    """
    weights, known, modules = Weights(source), {*wholes}, set[Object]()
    for values in map(facts.values, built):
        if not values or not all(isinstance(each, (Object, Constant)) for each in values):
            return Steps(source, facts)
        modules |= {each for each in values if isinstance(each, Object)}
    if not all(_is_applied_by(facts, known, each) for each in modules):
        return Steps(source, facts)
    reads = set[ast.AST]()
    for step in modules:
        for use in facts.uses(step):
            if step.kind in NORMS and torch_api.may_have_method(step.kind, use.name):
                _note(use, weights)
            if use.kind == "read":
                reads.add(use.node)
    reads -= {each.node for each in weights.uses.obstacles}
    return Steps(source, facts, frozenset(modules), weights.uses, frozenset(reads))


def _is_applied_by(facts: Facts, wholes: Set[Value], step: Object) -> bool:
    """Whether only an nn.Sequential applies a module of it, and nothing else has that."""
    for use in facts.uses(step):
        is_apart = use.kind == "call" and sequence_of(use) not in wholes
        if is_apart or use.kind in HANDING:
            return False
    for holder, _ in facts.heap.holders(step):
        is_list = isinstance(holder, Object) and holder.kind.startswith("builtins.")
        if holder not in wholes and not is_list:
            return False
    return True


def _note(use: Use, weights: Weights) -> None:
    """Note what is done with a norm."""
    node = use.node
    if use.kind not in ("read", "method") or "." in use.name or use.name in _ASKED:
        return
    assert isinstance(node, ast.expr)
    if isinstance(node, ast.Attribute) and use.name in ("weight", "bias"):
        weights.look_at(node)
    elif isinstance(node, ast.Attribute) and is_statistic_read(weights.source, node):
        weights.note_read(node)
    else:
        reason = f"its {use.name.strip('*')} is used ({line_of(node)})"
        weights.uses.obstacles.append(Obstacle(node, reason))
