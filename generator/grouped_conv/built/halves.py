"""Attention over two branches that split convolutions give: of their parts, not of slices.

The rule ``two-way`` writes a forward that takes both halves of what a convolution gives, with the
norm and the activations behind it; where a line of the constructor splits it, ``halves_of`` has the
halves of the parts. What gives the weights of both is split as well, behind the line that splits it
where it has groups::

    self.fc2 = split_conv(self.fc2)
    self.fc2 = split_sliced_conv(self.fc2, by=self.fc1.in_channels)
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ..tracing import Tracing
from .plan import BuiltPlan, Line, Way
from .sources import Sources

if TYPE_CHECKING:
    from ...rules.carrying import Carrying
    from ...rules.rule import Finder

_SEEING: Final = ("register_forward", "jit.script")
"""What may see that a layer is not called, but its parts are."""


def with_halves(
    plan: BuiltPlan, tracing: Tracing, sources: Sources, attention: Finder | None
) -> BuiltPlan:
    """A plan with what takes halves of parts.

    Args:
        plan: what is split.
        tracing: of the source.
        sources: what tells which attributes hold it.
        attention: the rule that writes the forwards for two branches.
    """
    source = tracing.index.source
    if attention is None or not plan.ways or any(each in source.text for each in _SEEING):
        return plan
    ways, halved = dict(plan.ways), dict[ast.AST, "Carrying"]()
    for node in attention.free():
        found = _carrying(tracing, sources, attention, node, _lines(plan, tracing, sources, node))
        if found is not None:
            carrying, more = found
            halved[node] = carrying
            ways |= {call: (*plan.ways[call], *added) for call, added in more.items()}
    if not halved:
        return plan
    return replace(plan, ways=ways, halved=halved, blocks=plan.blocks | {"halves", "source"})


def _lines(
    plan: BuiltPlan, tracing: Tracing, sources: Sources, node: ast.expr
) -> dict[str, list[tuple[ast.Call, Way, Line]]]:
    """The lines of a constructor that split what the attributes of the class around a node hold."""
    owner = tracing.index.source.class_around(node)
    found: dict[str, list[tuple[ast.Call, Way, Line]]] = {}
    for call, ways in plan.ways.items():
        for way in ways:
            line = way.change
            if (
                not isinstance(line, Line)
                or line.condition
                or line.returns
                or "identity" in line.marks
            ):
                continue
            around = tracing.index.source.function_around(line.after)
            for cls, name in sources.held(way):
                if cls is owner and around is not None and around.name == "__init__":
                    found.setdefault(name, []).append((call, way, line))
    return found


def _carrying(
    tracing: Tracing,
    sources: Sources,
    attention: Finder,
    node: ast.expr,
    lines: Mapping[str, list[tuple[ast.Call, Way, Line]]],
) -> tuple[Carrying, dict[ast.Call, list[Way]]] | None:
    """What a sum of two branches takes halves of, and what splits what gives the weights."""
    from ...rules.two_way import in_parts  # which asks for much

    assert isinstance(node, ast.Call), "others are not summed"
    every = [each for found in lines.values() for _, _, each in found]
    norms = {each.norm.rpartition(".")[2] for each in every if each.kind == "conv_norm"}
    convs = {name for name, found in lines.items() if all(x.kind == "conv" for *_, x in found)}
    carrying = in_parts(attention.asking, node, norms, convs)
    if carrying is None:
        return None
    more: dict[ast.Call, list[Way]] = {}
    for call, way, line in lines[carrying.conv]:
        if not _is_there(tracing, way, line, carrying.width):
            return None
        change = replace(line, kind="source", slices=carrying.width)
        more.setdefault(call, []).append(replace(way, change=change))
    return carrying, more


def _is_there(tracing: Tracing, way: Way, line: Line, width: str) -> bool:
    """Whether the layer whose width a line asks for is set before, by the same name."""
    instance, *names = width.split(".")
    source = tracing.index.source
    if len(names) != 2:
        return False
    name, _ = names
    owner = source.class_around(line.after)
    stores = [*tracing.pairs.stores_of(owner, name)] if owner is not None else []
    return (
        line.code.partition(".")[0] == instance
        and bool(stores)
        and all(source.scope(each) is source.scope(line.after) for each in stores)
        and all(each in way.done for each in stores)
    )
