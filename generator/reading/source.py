"""A source text, its tree, and the questions that every rule asks of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from ..seen.schema import Event, Place
from .kept import kept
from .parsing import LINE_END
from .parts import walk
from .scopes import FUNCTIONS, Function, Scope, Tree

_LONGEST_SHOWN = 100
_JOINED_SPACE = re.compile(r"(?:[ \t\f]|\\(?:\r\n|\r|\n))*")


class Span(NamedTuple):
    """A stretch of the text: character offsets, the end not included."""

    start: int
    end: int


class Source:
    """A parsed source.

    Attributes:
        text: as given.
        tree: what ``ast`` makes of it.
        location: where it lies in a project, as ``project_files`` knows it; None for nowhere.
        name: what a person calls its file, where that is to be told from others; empty for the one
            that is split.
        seen: what was seen in a run, by places: see ``seen.schema``.
        kept: answers; see ``kept.kept``.

    Args:
        text: as given.
        tree: what ``ast`` makes of it.
        emitted: the statements of the tree that a rule has written itself, and knows.
        location: where it lies in a project, as ``project_files`` knows it; None for nowhere.
        name: what a person calls its file, where that is to be told from others.
        seen: what was seen in a run.
    """

    def __init__(
        self,
        text: str,
        tree: ast.Module,
        emitted: Iterable[ast.stmt] = (),
        location: object = None,
        name: str = "",
        seen: Mapping[Place, Sequence[Event]] | None = None,
    ) -> None:
        self.text = text
        self.tree = tree
        self.location = location
        self.name = name
        self.seen = seen or {}
        self._emitted = {node for each in emitted for node in walk(each)}
        self._tree = Tree(tree)
        self.parent_of = self._tree.parent_of
        self.kept: dict[Hashable, Any] = {}
        self._line_starts = [0, *(match.end() for match in LINE_END.finditer(text))]
        self._spans: dict[ast.AST, Span] = {}

    @cached_property
    def nodes(self) -> Sequence[ast.AST]:
        """All statements and expressions, and most else, in the order of the text or nearly so.

        But for those in what a rule has written.
        """
        if not self._emitted:
            return self._tree.nodes
        return [each for each in self._tree.nodes if each not in self._emitted]

    def is_emitted(self, node: ast.AST) -> bool:
        """Whether a node stands in what a rule has written."""
        return node in self._emitted

    @kept
    def inside(self, node: ast.AST) -> Sequence[ast.AST]:
        """All that ``walk`` finds in a node that is asked for again and again."""
        return [*walk(node)]

    def line(self, node: ast.AST) -> str:
        """How a message names the line of a node."""
        line = f"line {getattr(node, 'lineno', 0)}"
        return f"{self.name}, {line}" if self.name else line

    def scope(self, node: ast.AST) -> Scope:
        """The scope that a node is evaluated in."""
        return self._tree.scope_of[node]

    def parent(self, node: ast.AST) -> ast.AST:
        """The node that a node stands in."""
        return self.parent_of[node]

    def has(self, node: ast.AST) -> bool:
        """Whether a node stands in this source, and not in another one."""
        return node in self.parent_of

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """What a node stands in, from its parent outwards to the module."""
        while node in self.parent_of:
            node = self.parent_of[node]
            yield node

    @kept
    def names(self, function: ast.AST, name: str) -> Sequence[ast.Name]:
        """Where a function, or another node, speaks of a name, in the order of the text."""
        return sorted(self._names(function).get(name, ()), key=self.span)

    @kept
    def _names(self, function: ast.AST) -> Mapping[str, list[ast.Name]]:
        found: dict[str, list[ast.Name]] = {}
        for each in walk(function):
            if isinstance(each, ast.Name):
                found.setdefault(each.id, []).append(each)
        return found

    def statement(self, node: ast.AST) -> ast.stmt:
        """The statement that an expression belongs to."""
        return next(each for each in self.ancestors(node) if isinstance(each, ast.stmt))

    def block(self, statement: ast.stmt) -> list[ast.stmt]:
        """The statements of the block that a statement is one of."""
        fields = ast.iter_fields(self.parent(statement))
        blocks = (value for _, value in fields if isinstance(value, list))
        return next(block for block in blocks if statement in block)

    def offset(self, line: int, utf8_column: int) -> int:
        """The character offset of a position as ``ast`` gives it."""
        start, content = self._line_starts[line - 1], self._line(line)
        if content.isascii():
            return start + utf8_column
        return start + len(content.encode()[:utf8_column].decode())

    def _line(self, number: int) -> str:
        """The text of a line, counted from 1, with its end."""
        start, is_last = self._line_starts[number - 1], number == len(self._line_starts)
        return self.text[start : None if is_last else self._line_starts[number]]

    def span(self, node: ast.expr | ast.stmt | ast.keyword) -> Span:
        """Where a node stands in the text."""
        if node not in self._spans:
            assert node.end_lineno is not None and node.end_col_offset is not None
            start = self.offset(node.lineno, node.col_offset)
            self._spans[node] = Span(start, self.offset(node.end_lineno, node.end_col_offset))
        return self._spans[node]

    def head(self, statement: ast.stmt) -> Span:
        """Where a statement stands, up to the block in it if there is one."""
        span = self.span(statement)
        if isinstance(statement, ast.Match):
            pattern = statement.cases[0].pattern
            start = self.offset(pattern.lineno, pattern.col_offset)
            return Span(span.start, self.text.rindex("case", span.start, start))
        body: list[ast.stmt] = getattr(statement, "body", [])
        return Span(span.start, self.span(body[0]).start) if body else span

    def line_start(self, line: int) -> int:
        """The character offset at which a line begins, counted from 1."""
        return self._line_starts[line - 1]

    def code(self, node: ast.expr | ast.stmt | ast.keyword) -> str:
        """The text of a node."""
        span = self.span(node)
        return self.text[span.start : span.end]

    def one_line(self, node: ast.expr | ast.stmt) -> str:
        """The text of a node, with a space for each stretch of white space."""
        return " ".join(self.code(node).split())

    def shown(self, node: ast.expr | ast.stmt) -> str:
        """The same for a message, cut where it is long."""
        line = self.one_line(node)
        return line if len(line) <= _LONGEST_SHOWN else f"{line[: _LONGEST_SHOWN - 3]}..."

    def class_around(self, node: ast.AST) -> ast.ClassDef | None:
        """The innermost class that a node stands in."""
        return next((each for each in self.ancestors(node) if isinstance(each, ast.ClassDef)), None)

    def function_around(self, node: ast.AST) -> Function | None:
        """The innermost function, and no lambda, that a node stands in."""
        return next((each for each in self.ancestors(node) if isinstance(each, FUNCTIONS)), None)

    def place(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Line and column of a node as people count them: from 1, in characters."""
        start = self.offset(node.lineno, node.col_offset)
        return node.lineno, start - self._line_starts[node.lineno - 1] + 1

    def line_of(self, offset: int) -> Span:
        """The line around an offset, without its end."""
        start = max(self.text.rfind("\n", 0, offset), self.text.rfind("\r", 0, offset)) + 1
        end = LINE_END.search(self.text, offset)
        return Span(start, end.start() if end else len(self.text))

    @cached_property
    def free_names(self) -> frozenset[str]:
        """The names that are used but bound nowhere, such as builtins."""
        names = (node for node in self.nodes if isinstance(node, ast.Name))
        return frozenset(each.id for each in names if self.scope(each).lookup(each.id) is None)

    def is_before(self, node: ast.expr | ast.stmt, other: ast.AST) -> bool:
        """Whether a node begins before a statement or expression does."""
        assert isinstance(other, (ast.expr, ast.stmt))
        return (node.lineno, node.col_offset) < (other.lineno, other.col_offset)

    def is_first_on_line(self, node: ast.expr | ast.stmt) -> bool:
        """Whether only white space stands before a node on its line, and on lines joined to it."""
        first = node.lineno
        while first > 1 and self._line(first - 1).rstrip("\r\n").endswith("\\"):
            first -= 1
        before = self.text[self.line_start(first) : self.span(node).start]
        return _JOINED_SPACE.fullmatch(before) is not None

    def has_own_lines(self, statement: ast.stmt) -> bool:
        """Whether nothing but a comment stands beside a statement."""
        return self.is_first_on_line(statement) and self.ends_line(statement)

    def ends_line(self, statement: ast.stmt) -> bool:
        """Whether nothing but a comment follows a statement on its last line."""
        end = self.span(statement).end
        rest = self.text[end : self.line_of(end).end].strip()
        return not rest or rest.startswith("#")

    @cached_property
    def line_end(self) -> str:
        """The line end that the text uses first."""
        found = LINE_END.search(self.text)
        return found.group() if found else "\n"

    def indent_of_line(self, offset: int) -> str:
        """The white space at the start of the line around an offset."""
        line = self.line_of(offset)
        text = self.text[line.start : line.end]
        return text[: len(text) - len(text.lstrip(" \t\f"))].rpartition("\f")[2]

    @cached_property
    def indentation(self) -> str:
        """What the text indents a block by: that of its first definition with an indented one."""
        definitions = (node for node in self.nodes if isinstance(node, (*FUNCTIONS, ast.ClassDef)))
        indents = (
            (self.indent_of_line(self.span(each).start), self.span(each.body[0]).start)
            for each in definitions
        )
        inner = (self.indent_of_line(start).removeprefix(outer) for outer, start in indents)
        return next(filter(None, inner), "    ")
