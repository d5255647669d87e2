"""Find the padding before a 1d convolution, which each slice then gets by itself.

PLiNIO's PIT learns the receptive field of each branch; padded slices keep that export right, where
slices of what was padded break it.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from typing import Final

from ..facts.values import Object
from ..reading.calls import is_repeatable
from ..reading.classes import ClassIndex
from ..reading.directives import Directives
from ..reading.names import meaning
from ..reading.source import Source
from .reads import reads_after
from .source_facts import facts_of_source

_MODULES: Final = re.compile(
    r"torch\.nn\.(\w+\.)*(Constant|Zero|Reflection|Replication|Circular)Pad1d"
)


@dataclass(frozen=True)
class Padding:
    """A call that pads the input of a convolution, and nothing else.

    Attributes:
        call: the call.
        input: what it pads.
        statement: the assignment that it stands in; None where it is the argument itself.
        store: where the module is built that does it, if that is to do it for each slice: PIT
            exports the padding of each branch by its module.
    """

    call: ast.Call
    input: ast.expr
    statement: ast.stmt | None = None
    store: ast.Attribute | None = None

    def around(self, source: Source) -> tuple[str, str]:
        """What stands before and after its input, on one line."""
        start, end = source.span(self.input).end, source.span(self.call).end
        function = source.code(self.call.func)
        return f"{function}(", " ".join(source.text[start:end].split())


def find_padding(
    index: ClassIndex, directives: Directives, call: ast.Call, argument: ast.expr
) -> Padding | None:
    """What pads the last dimension of an argument of a call just before it, and may change."""
    source = index.source
    padding = _padding_of(index, call, argument)
    if padding is None:
        return None
    statements = [source.statement(each) for each in (call, padding.call)]
    return None if any(map(directives.forbids, statements)) else padding


def _padding_of(index: ClassIndex, call: ast.Call, argument: ast.expr) -> Padding | None:
    source = index.source
    if isinstance(argument, ast.Call):
        return Padding(argument, argument.args[0]) if _pads(index, argument) else None
    if not isinstance(argument, ast.Name):
        return None
    statement = source.statement(call)
    block = source.block(statement)
    before = block[block.index(statement) - 1] if block[0] is not statement else None
    match before:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as padding):
            is_padded = name == argument.id and _pads(index, padding)
        case _:
            return None
    if not is_padded or not isinstance(padding.args[0], ast.Name):
        return None
    reads = reads_after(source, before, name)
    if reads != [argument] or not source.has_own_lines(before):
        return None
    return Padding(padding, padding.args[0], before)


def _pads(index: ClassIndex, call: ast.Call) -> bool:
    """Whether a call pads the last dimension, by no more than values that can be written twice."""
    source = index.source
    if not call.args or isinstance(call.args[0], ast.Starred) or "#" in source.code(call):
        return False
    if isinstance(call.func, ast.Attribute) and index.self_class(call.func.value) is not None:
        return len(call.args) == 1 and not call.keywords and is_padding(index, call.func)
    if meaning(source, call.func).path != "torch.nn.functional.pad":
        return False
    amounts = [*call.args[1:2], *(each.value for each in call.keywords if each.arg == "pad")]
    is_last = len(amounts) == 1 and len(getattr(amounts[0], "elts", ())) == 2
    others = [*call.args[1:], *(each.value for each in call.keywords)]
    return is_last and all(is_repeatable(source, each) for each in others)


def with_stores(
    index: ClassIndex, directives: Directives, paddings: list[Padding]
) -> list[Padding]:
    """The paddings of one convolution, with where their module is built if it pads nothing else."""
    functions = {id(each.call.func) for each in paddings}
    stores = [_own_store(index, each.call.func, functions) for each in paddings]
    return [
        replace(each, store=store)
        if store is not None and not directives.forbids(index.source.statement(store))
        else each
        for each, store in zip(paddings, stores, strict=True)
    ]


def _own_store(index: ClassIndex, function: ast.expr, functions: set[int]) -> ast.Attribute | None:
    owner = index.self_class(function.value) if isinstance(function, ast.Attribute) else None
    if owner is None or not isinstance(function, ast.Attribute):
        return None
    if function.attr in index.mentions.quoted or any(index.mentions.computed(function.attr)):
        return None
    relatives = index.classes[owner].relatives()
    accesses = [
        each
        for each in index.accesses(function.attr)
        if each.owner is None or index.classes[each.owner] in relatives
    ]
    stores = [each for each in accesses if not isinstance(each.node.ctx, ast.Load)]
    loads = [each.node for each in accesses if isinstance(each.node.ctx, ast.Load)]
    if len(stores) != 1 or any(id(each) not in functions for each in loads):
        return None
    is_plain = isinstance(index.source.parent(stores[0].node), ast.Assign)
    return stores[0].node if is_plain and stores[0].owner is not None else None


def is_padding(index: ClassIndex, expression: ast.expr) -> bool:
    """Whether an expression gives nothing but modules of torch that pad the last dimension."""
    values = facts_of_source(index).values(expression)
    return bool(values) and all(
        isinstance(each, Object) and _MODULES.fullmatch(each.kind) is not None for each in values
    )
