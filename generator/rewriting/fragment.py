"""A piece of a source, taken apart by libcst so that calls in it can be replaced."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from ..outcome import SourceError
from ..reading.parsing import LINE_END
from ..reading.source import Source, Span
from .edits import CallEdit, StatementEdit
from .formatting import Formatter


class Outcome(NamedTuple):
    """A fragment after its edits.

    Attributes:
        code: of the fragment.
        before: statements that are to stand before it, in their order.
        codes: the code of the arguments of each call whose whole statement is to be replaced.
    """

    code: str
    before: list[str]
    codes: Mapping[ast.Call, list[str]]


class Fragment:
    """A statement, taken out of the source to be edited.

    Raises:
        SourceError: libcst does not see in it what ``ast`` does.
    """

    def __init__(
        self,
        source: Source,
        span: Span,
        edits: Iterable[CallEdit | StatementEdit],
        formatter: Formatter,
    ) -> None:
        self.formatter = formatter
        self.text = LINE_END.sub("\n", source.text[span.start : span.end])
        self.module = _parsed(self.text, source, span)
        ranges = MetadataWrapper(self.module, unsafe_skip_copy=True).resolve(PositionProvider)
        places = {}
        for edit in edits:
            places[self._place(source, span, source.span(edit.call))] = edit
        self.edit_of: dict[cst.CSTNode, CallEdit | StatementEdit] = {}
        for node, range_ in ranges.items():
            if isinstance(node, cst.Call):
                start, end = range_.start, range_.end
                edit_here = places.get((start.line, start.column, end.line, end.column))
                if edit_here is not None:
                    self.edit_of[node] = edit_here
        if len(self.edit_of) != len(places):
            raise _misread(source, span)

    def run(self, short: bool = False) -> Outcome:
        """Make the edits; ``short`` takes the replacements for lines that are too long."""
        transformer = _Transformer(self, short)
        module = self.module.visit(transformer)
        return Outcome(module.code.rstrip("\n"), transformer.before, transformer.codes)

    def comments(self) -> list[str]:
        """The comments inside what is replaced, which the new code has no place for."""
        collector = _Comments(self.edit_of)
        self.module.visit(collector)
        return collector.found

    @staticmethod
    def _place(source: Source, span: Span, call: Span) -> tuple[int, int, int, int]:
        place: list[int] = []
        for offset in call:
            before = LINE_END.sub("\n", source.text[span.start : offset])
            place += [before.count("\n") + 1, len(before) - before.rfind("\n") - 1]
        return place[0], place[1], place[2], place[3]


def _parsed(text: str, source: Source, span: Span) -> cst.Module:
    try:
        return cst.parse_module(text)
    except cst.ParserSyntaxError as error:
        raise _misread(source, span) from error


def _misread(source: Source, span: Span) -> SourceError:
    """What to say where libcst does not see what ``ast`` does, such as syntax newer than it."""
    line = source.line_of(span.start)
    number = len(LINE_END.findall(source.text, 0, span.start)) + 1
    shown = source.text[line.start : line.end]
    return SourceError("libcst misreads this", number, span.start - line.start + 1, shown)


class _Transformer(cst.CSTTransformer):
    def __init__(self, fragment: Fragment, short: bool) -> None:
        super().__init__()
        self.fragment = fragment
        self.short = short
        self.before: list[str] = []
        self.codes: dict[ast.Call, list[str]] = {}

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        edit = self.fragment.edit_of.get(original_node)
        if edit is None:
            return updated_node
        codes = [_code(argument.value) for argument in updated_node.args]
        if isinstance(edit, StatementEdit):
            self.codes[edit.call] = codes
            return updated_node
        replacement = edit.emit(codes)
        if self.short and replacement.short is not None:
            replacement = replacement.short
        self.before += [replacement.before] if replacement.before else []
        value = self.fragment.formatter.expression(replacement.value)
        expression = cst.parse_expression(value)
        if isinstance(expression, (cst.Call, cst.Name, cst.Attribute, cst.Subscript)):
            return expression
        return expression.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


class _Comments(cst.CSTVisitor):
    def __init__(self, edit_of: Mapping[cst.CSTNode, CallEdit | StatementEdit]) -> None:
        super().__init__()
        self.edit_of = edit_of
        self.whole = any(isinstance(edit, StatementEdit) for edit in edit_of.values())
        self.depth = 0
        self.found: list[str] = []

    def visit_Call(self, node: cst.Call) -> None:
        self.depth += node in self.edit_of

    def leave_Call(self, original_node: cst.Call) -> None:
        self.depth -= original_node in self.edit_of

    def visit_Comment(self, node: cst.Comment) -> None:
        if self.depth or self.whole:
            self.found.append(node.value)


class _OnOneLine(cst.CSTTransformer):
    """Takes line breaks, and the comments at them, out of an expression."""

    def leave_ParenthesizedWhitespace(
        self,
        original_node: cst.ParenthesizedWhitespace,
        updated_node: cst.ParenthesizedWhitespace,
    ) -> cst.BaseParenthesizableWhitespace:
        return cst.SimpleWhitespace(" ")


def _code(expression: cst.BaseExpression) -> str:
    changed = expression.visit(_OnOneLine())
    assert isinstance(changed, cst.BaseExpression)
    if isinstance(changed, cst.Name):
        changed = changed.with_changes(lpar=[], rpar=[])
    elif isinstance(changed, cst.GeneratorExp):  # the only argument of a call goes without
        changed = changed.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return cst.Module([]).code_for_node(changed)
