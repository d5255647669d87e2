"""Find what adds modules to an object one by one, and where that is done with."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from ...reading.directives import Directives
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
        function = next(
            (each for each in self.source.ancestors(receiver) if isinstance(each, FUNCTIONS)), None
        )
        added = [
            call
            for call in (self.source.inside(function) if function is not None else ())
            if isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and call.func.attr in ADDING
            and self.source.code(call.func.value) == code
            and call.args
        ]
        return sorted(added, key=self.source.span)

    def last_statement(self, receiver: ast.expr, last: ast.Call) -> ast.stmt:
        """The statement that a call is in, in the block in which an object is built."""
        code = self.source.code(receiver)
        outer = [last, *self.source.ancestors(last)]
        function = next(each for each in outer if isinstance(each, FUNCTIONS))
        blocks = [self.source.parent(each) for each in self._assignments(function, code)]
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
            nodes = list(ast.walk(each))
            functions = [call.func for call in added if call in nodes]
            is_left = any(isinstance(node, ast.Return) for node in nodes)
            if is_left or self._directives.skip(each) or self._is_used(receiver, nodes, functions):
                break
            last = each if functions else last
        return last

    def _is_used(self, receiver: ast.expr, nodes: list[ast.AST], functions: list[ast.expr]) -> bool:
        """Whether some nodes may use an object, but for some functions that add to it."""
        roots = {node.id for node in ast.walk(receiver) if isinstance(node, ast.Name)}
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

    def _assignments(self, function: ast.AST, code: str) -> Iterator[ast.stmt]:
        for each in ast.walk(function):
            if isinstance(each, ast.Assign) and code in map(self.source.code, each.targets):
                yield each
