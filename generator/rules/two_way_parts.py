"""The two branches of an attention, and their weights, as what the parts of layers give.

Before, in the forward for two::

    x = self.act(self.bn(self.conv(x)))
    half = self.fc1.in_channels
    first, second = x[:, :half], x[:, half : 2 * half]
    ...
    attention = self.fc2(gap)
    weight = torch.sigmoid(attention[:, :half] - attention[:, half : 2 * half])

After, where lines of the constructor split the convolutions::

    half = self.fc1.in_channels
    first, second = halves_of(self.conv(x), half, self.bn, self.act)
    ...
    first_attention, second_attention = halves_of(gap, half, self.fc2)
    weight = torch.sigmoid(first_attention - second_attention)

A slice of a concatenation has no mask of its own in PLiNIO's PIT (commit 3d6b5e0): both branches
are pruned otherwise, and their sum, exported, "must match the size". What two parts give has one.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Sequence
from dataclasses import dataclass, field

from ..reading.naming import numbered
from .carrying import Carrying
from .rule import Left


@dataclass(eq=False)
class Line:
    """A statement of the new forward.

    Attributes:
        code: its text.
        reads: the variables that it reads.
        binds: the variables that it binds, if it matters only where one of these is read.
        obstacle: why it cannot stand there.
        statement: what it is taken from as it stands, if it is.
    """

    code: str
    reads: set[str] = field(default_factory=set)
    binds: set[str] = field(default_factory=set)
    obstacle: Left | None = None
    statement: ast.stmt | None = None


@dataclass(frozen=True)
class Branched:
    """A forward for two branches.

    Attributes:
        lines: its statements.
        module: what it calls its module.
        tensor: the variable whose channels are both branches.
        halves: the line that takes them apart, to two variables.
        half: the variable with the number of channels of one.
        width: the code of that number.
        weights: the variable whose channels are the weights of both.
        weight: the line that makes one of them.
        taken: the names that it has.
    """

    lines: Sequence[Line]
    module: str
    tensor: str
    halves: Line
    half: str
    width: str
    weights: str
    weight: Line
    taken: Container[str]


def carried(
    branched: Branched, function: str, norms: Container[str], convs: Container[str]
) -> tuple[Carrying, list[Line]] | None:
    """What is in parts, and the lines that take the halves of that; None where none is.

    Args:
        branched: the forward.
        function: what takes both halves.
        norms: the attributes with norms that are split with the convolution before them.
        convs: those with convolutions that no norm is split with.
    """
    layers, gone = _chain(branched, norms)
    made = _weights(branched, convs)
    if layers is None or made is None:
        return None
    given, *names = layers
    weighing, conv, argument = made
    modules = ", ".join(f"{branched.module}.{name}" for name in names)
    apart = branched.halves.code.partition(" = ")[0]
    both = [
        next(each for each in numbered(f"{which}_{branched.weights}") if each not in branched.taken)
        for which in ("first", "second")
    ]
    of_conv = f"{function}({argument}, {branched.half}, {branched.module}.{conv})"
    weight, _, sliced = branched.weight.code.partition(" = ")
    code = {
        branched.halves: f"{apart} = {function}({given}, {branched.half}, {modules})",
        weighing: f"{', '.join(both)} = {of_conv}",
        branched.weight: f"{weight} = {sliced.partition('(')[0]}({' - '.join(both)})",
    }
    kept = [each for each in branched.lines if each not in gone]
    lines = [
        Line(code.get(each, each.code), each.reads, each.binds, each.obstacle) for each in kept
    ]
    others = [new for old, new in zip(kept, lines, strict=True) if old not in code]
    start = min(map(branched.lines.index, gone))
    before = {*map(id, others[:start])}
    if _are_read(lines, [each for each in others if id(each) not in before], branched):
        return None
    return Carrying(function, names[0], conv, branched.width), lines


def _are_read(lines: Sequence[Line], others: Sequence[Line], branched: Branched) -> bool:
    """Whether something else reads what is only there in parts now."""
    stay = needed(lines)
    return any(
        each in stay and not each.reads.isdisjoint((branched.tensor, branched.weights))
        for each in others
    )


def needed(lines: Sequence[Line]) -> list[Line]:
    """Those of some lines that stay, without what binds only what none reads."""
    found: list[Line] = []
    read: set[str] = set()
    for line in reversed(lines):
        if not line.binds or line.binds & read:
            found.insert(0, line)
            read |= line.reads
    return found


def codes(lines: Sequence[Line]) -> list[str]:
    """The statements that some lines are.

    Raises:
        Left: a length of two branches is used.
    """
    found = needed(lines)
    for each in reversed(found):
        if each.obstacle is not None:
            raise each.obstacle
    return [each.code for each in found]


def _chain(branched: Branched, norms: Container[str]) -> tuple[list[str] | None, list[Line]]:
    """What a norm is given, the attributes with it and with the layers behind, and their lines."""
    names: list[str] = []
    gone: list[Line] = []
    for line in reversed(branched.lines[: branched.lines.index(branched.halves)]):
        if line.binds or not line.reads:
            continue  # lengths, which may not matter; and how many channels a half has
        value = _bound(line, branched.tensor)
        gone.append(line)
        while (found := _applied(value, branched.module)) is not None:
            name, value = found
            names.insert(0, name)
            if name in norms:
                is_plain = isinstance(value, ast.Name) or _applied(value, branched.module)
                return [ast.unparse(value), *names] if is_plain else None, gone
        if not isinstance(value, ast.Name) or value.id != branched.tensor:
            break
    return None, gone


def _weights(branched: Branched, convs: Container[str]) -> tuple[Line, str, str] | None:
    """The line that calls a convolution for the weights, the attribute, and what it is given."""
    for line in reversed(branched.lines[: branched.lines.index(branched.weight)]):
        if _bound(line, branched.weights) is not None:
            (statement,) = ast.parse(line.code).body
            found = _applied(getattr(statement, "value", None), branched.module)
            if found is None or found[0] not in convs:
                return None
            return line, found[0], ast.get_source_segment(line.code, found[1]) or ""
    return None


def _bound(line: Line, name: str) -> ast.expr | None:
    """What a line binds a variable to, if it does nothing else."""
    match line.statement:
        case ast.Assign(targets=[ast.Name(id=found)], value=value) if found == name:
            return value
    return None


def _applied(value: ast.expr | None, module: str) -> tuple[str, ast.expr] | None:
    """The attribute of a module that is called, and the only thing that it is given."""
    match value:
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id=instance), attr=name), args=[given], keywords=[]
        ) if instance == module and not isinstance(given, ast.Starred):
            return name, given
    return None
