"""Find what adds modules to an object one by one, and where that is done with."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from ...reading.directives import Directives
from ...reading.kept import kept
from ...reading.parts import walk
from ...reading.scopes import FUNCTIONS
from ...reading.source import Source

ADDING: Final = frozenset(("append", "add_module", "insert", "extend", "register_module"))
"""The methods that add to an nn.Sequential."""


class Additions:
    """What is added to the objects of one source."""

    def __init__(self, source: Source, directives: Directives) -> None:
        self.source = source
        self._directives = directives

    def calls(self, receiver: ast.expr) -> list[ast.Call]:
        """The calls in a function that add to an object, in the order of the text."""
        code = self.source.code(receiver)
        function = self.source.function_around(receiver)
        return [*_added_in(self.source, function).get(code, ())] if function is not None else []

    def last_statement(self, receiver: ast.expr, last: ast.Call) -> ast.stmt:
        """The statement that a call is in, in the block in which an object is built."""
        code = self.source.code(receiver)
        outer = [last, *self.source.ancestors(last)]
        function = next(each for each in outer if isinstance(each, FUNCTIONS))
        assignments = _assignments_in(self.source, function).get(code, ())
        blocks = [self.source.parent(each) for each in assignments]
        inside = outer[: outer.index(function) + 1]
        block = next((each for each in inside if each in blocks), function)
        statement = inside[inside.index(block) - 1]
        assert isinstance(statement, ast.stmt)
        return statement

    def end_of_series(
        self, receiver: ast.expr, added: list[ast.Call], statement: ast.stmt
    ) -> ast.stmt:
        """The last statement of a block that adds to an object before it is used otherwise."""
        block = self.source.block(statement)
        last = statement
        for each in block[block.index(statement) + 1 :]:
            nodes = list(walk(each))
            functions = [call.func for call in added if call in nodes]
            is_left = any(isinstance(node, ast.Return) for node in nodes)
            if is_left or self._directives.skip(each) or self._is_used(receiver, nodes, functions):
                break
            last = each if functions else last
        return last

    def _is_used(self, receiver: ast.expr, nodes: list[ast.AST], functions: list[ast.expr]) -> bool:
        """Whether some nodes may use an object, but for some functions that add to it."""
        roots = {node.id for node in walk(receiver) if isinstance(node, ast.Name)}
        for node in nodes:
            if isinstance(node, ast.Name) and node.id in roots:
                path: ast.AST = node
                while isinstance(parent := self.source.parent(path), ast.Attribute):
                    path = parent
                is_method = isinstance(parent, ast.Call) and parent.func is path
                code, own = ast.unparse(path), ast.unparse(receiver)
                is_near = code.startswith(own) or own.startswith(code)
                if path not in functions and (is_method or is_near):
                    return True
        return False


@kept
def _added_in(source: Source, function: ast.AST) -> Mapping[str, list[ast.Call]]:
    """The calls in a function that add to objects, by the code of the object, in their order."""
    found: dict[str, list[ast.Call]] = defaultdict(list)
    for node in source.inside(function):
        match node:
            case ast.Call(func=ast.Attribute(value=receiver, attr=attr), args=[_, *_]):
                if attr in ADDING:
                    found[source.code(receiver)].append(node)
    return {code: sorted(calls, key=source.span) for code, calls in found.items()}


@kept
def _assignments_in(source: Source, function: ast.AST) -> Mapping[str, list[ast.stmt]]:
    """The assignments in a function, by the code of what they assign to."""
    found: dict[str, list[ast.stmt]] = defaultdict(list)
    for each in source.inside(function):
        if isinstance(each, ast.Assign):
            for target in each.targets:
                found[source.code(target)].append(each)
    return found
