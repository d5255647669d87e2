"""Make edits in a source, by splicing the new code of the statements that change into its text.

All other text is not looked at, and so stays as it is to the byte.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import takewhile

from ..outcome import Options, TemplateError
from ..reading.parts import walk
from ..reading.scopes import FUNCTIONS
from ..reading.source import LINE_END, Source, Span, compiled
from ..reading.width import width_of
from .edits import CallEdit, Edit, Insertion, Naming, Removal, StatementEdit, TextEdit
from .formatting import Formatter
from .fragment import Fragment
from .places import line_end
from .splicing import Splice, TextRewrite, longest, spliced

_COMPOUND = (
    *(*FUNCTIONS, ast.ClassDef, ast.If, ast.For, ast.AsyncFor, ast.While),
    *(ast.With, ast.AsyncWith, ast.Try, ast.Match),
)
_COMPOUND += (ast.TryStar,) if hasattr(ast, "TryStar") else ()  # from Python 3.11
_EMPTY_LINES = re.compile(r"(?:[ \t\f]*(?:\r\n|\r|\n))*")
_TOO_DEEP = "too many nested parentheses"


def rewritten(source: Source, edits: Sequence[Edit], options: Options) -> str:
    """The text of a source after some edits, laid out as its project, or else it itself, is.

    Raises:
        TemplateError: the code of an edit, or the source after it, is not Python.
        SourceError: libcst does not see in a statement what ``ast`` does.
        RecursionError: it is nested too deeply.
    """
    inserted = (each.code for each in edits if isinstance(each, Insertion))
    black = {"line-length": width_of(source), **options.black}
    whole = "\n".join([source.text, *inserted])
    return rewrite(source, edits, Formatter(black, source.indentation, source.line_end, whole))


def rewrite(source: Source, edits: Iterable[Edit], formatter: Formatter) -> str:
    """The text of a source after some edits.

    Raises:
        TemplateError: the code of an edit, or the source after it, is not Python.
        SourceError: libcst does not see in a statement what ``ast`` does.
        RecursionError: it is nested too deeply.
    """
    by_statement: dict[ast.stmt, list[CallEdit | StatementEdit]] = defaultdict(list)
    texts: dict[ast.stmt, list[TextEdit]] = defaultdict(list)
    names: dict[ast.stmt, Naming] = {}
    insertions: list[Insertion] = []
    splices: list[Splice] = []
    for edit in edits:
        if isinstance(edit, Insertion):
            insertions.append(edit)
        elif isinstance(edit, Removal):
            splices.append(_remove(source, edit))
        elif isinstance(edit, Naming):
            names[edit.statement] = edit
        elif isinstance(edit, TextEdit):
            texts[source.statement(edit.node)].append(edit)
        else:
            by_statement[source.statement(edit.call)].append(edit)
    # Where several blocks end at one place, what belongs to the innermost goes first.
    for each in sorted(insertions, key=lambda each: -len(_indent(source, each))):
        splices.append(_insert(source, each, formatter))
    for statement, group in by_statement.items():
        splices += _StatementRewrite(source, statement, group, formatter).splices()
    for statement in {**names, **texts}:
        naming = names.get(statement)
        splices += TextRewrite(source, statement, texts[statement], formatter, naming).splices()
    text = spliced(source, Span(0, len(source.text)), dict.fromkeys(splices))
    _check(text)
    return text


def _check(text: str) -> None:
    """See that what was Python still is: the templates may have emitted anything."""
    try:
        compiled(text)
    except SyntaxError as error:
        if error.msg == _TOO_DEEP:  # by those that black has put around expressions
            raise RecursionError from error
        raise TemplateError(f"the templates emit what is not Python: {error}") from error


def _remove(source: Source, edit: Removal) -> Splice:
    start, end = source.span(edit.statement)
    if edit.last is not None:
        below = line_end(source, source.line_of(source.span(edit.last).end).end)
        empty = _EMPTY_LINES.match(source.text, below)
        assert empty is not None, "there may be none"
        return Splice(Span(source.line_of(start).start, empty.end()), "")
    rest = source.text[end : source.line_of(end).end]
    if rest.strip():  # a comment
        return Splice(Span(start, end + len(rest) - len(rest.lstrip())), "")
    return Splice(Span(source.line_of(start).start, line_end(source, source.line_of(end).end)), "")


def _indent(source: Source, insertion: Insertion) -> str:
    if insertion.indent is not None:
        return insertion.indent
    return source.indent_of_line(insertion.offset)


def _insert(source: Source, insertion: Insertion, formatter: Formatter) -> Splice:
    indent = _indent(source, insertion)
    code = formatter.joined(formatter.statements(insertion.code, indent), indent)
    before = LINE_END.split(source.text[: insertion.offset])[:-1]
    empty = len(list(takewhile(lambda line: not line.strip(), reversed(before))))
    above = max(insertion.blank_lines_above - empty, 0) if len(before) > empty else 0
    span = Span(insertion.offset, insertion.offset)
    end = source.line_end
    if source.text[: insertion.offset][-1:] in "\r\n":  # or nothing
        return Splice(span, end * above + indent + code + end * (1 + insertion.blank_lines))
    return Splice(span, end * (1 + above) + indent + code)  # after a last line without an end


class _StatementRewrite:
    """Rewrites what is edited in one statement."""

    def __init__(
        self,
        source: Source,
        statement: ast.stmt,
        edits: list[CallEdit | StatementEdit],
        formatter: Formatter,
    ) -> None:
        self.source = source
        self.statement = statement
        self.edits = edits
        self.formatter = formatter
        self.line_end = source.line_end

    def splices(self) -> list[Splice]:
        """What to put where in the text."""
        if isinstance(self.statement, _COMPOUND):
            return self._header_splices()
        for edit in self.edits:
            if isinstance(edit, StatementEdit):
                return self._replaced_statement(edit)
        return self._edited_statement()

    def _replaced_statement(self, edit: StatementEdit) -> list[Splice]:
        span, indent = self.source.span(edit.statement), self._indent()
        fragment = Fragment(self.source, span, self.edits, self.formatter)
        outcome = fragment.run()
        code = "\n".join([*outcome.before, edit.emit(outcome.codes[edit.call])])
        lines = self.formatter.statements(code, indent)
        comments = fragment.comments()
        trailing = self._trailing_comment(span)
        if trailing:
            span = Span(span.start, span.end + len(trailing))
            function = ast.unparse(edit.call.func)
            starts = [at for at, line in enumerate(lines) if not line.startswith((" ", ")", "]"))]
            at = next((at for at in starts if f"{function}(" in lines[at]), 0)
            commented = f"{lines[at]}  {trailing.strip()}"
            if lines[at].endswith(")") and len(indent + commented) <= self.formatter.line_length:
                lines[at] = commented
            else:
                comments.append(trailing.strip())
        return self._placed(span, self.formatter.joined([*comments, *lines], indent), indent)

    def _edited_statement(self) -> list[Splice]:
        span, indent = self.source.span(self.statement), self._indent()
        fragment = Fragment(self.source, span, self.edits, self.formatter)
        trailing = self._trailing_comment(span)
        limit = max(self.formatter.line_length, longest(indent + fragment.text + trailing))
        outcome = fragment.run()
        if longest(indent + outcome.code + trailing) > limit:
            outcome = fragment.run(short=True)
        code = outcome.code.replace("\n", self.line_end)
        if longest(indent + outcome.code + trailing) > limit:
            lines = self.formatter.statements(outcome.code + trailing, indent)
            code = self.formatter.joined(lines, indent)
            span = Span(span.start, span.end + len(trailing))
        before = fragment.comments()
        if outcome.before:
            before += self.formatter.statements("\n".join(outcome.before), indent)
        if before:
            code = self.formatter.joined(before, indent) + self.line_end + indent + code
        return self._placed(span, code, indent)

    def _trailing_comment(self, span: Span) -> str:
        """The comment after a statement on its last line, with the space before it."""
        rest = self.source.text[span.end : self.source.line_of(span.end).end]
        return rest if rest.lstrip().startswith("#") else ""

    def _header_splices(self) -> list[Splice]:
        raw: list[Splice] = []
        comments: list[str] = []
        indent = self.source.indent_of_line(self.source.span(self.statement).start)
        for edit in self.edits:
            if any(edit.call in walk(other.call) for other in self.edits if other is not edit):
                continue
            span = self.source.span(edit.call)
            fragment = Fragment(self.source, span, self.edits, self.formatter, is_expression=True)
            raw.append(Splice(span, fragment.run().code))
            comments += fragment.comments()
        head, whole = TextRewrite(self.source, self.statement, [], self.formatter), None
        if all(head.span.start <= each.span.start for each in raw):  # in no decorator
            whole = head.formatted(raw)
        splices = [whole] if whole is not None else [self._fitted(each, indent) for each in raw]
        start = self.source.line_of(self.source.span(self.statement).start).start
        if comments:
            text = "".join(indent + comment + self.line_end for comment in comments)
            splices.append(Splice(Span(start, start), text))
        return splices

    def _fitted(self, splice: Splice, indent: str) -> Splice:
        """An expression in a head that nobody has formatted, over several lines if it has to be."""
        (start, end), code = splice
        first, last = self.source.line_of(start), self.source.line_of(end)
        length = start - first.start + len(code) + last.end - end
        if length <= max(self.formatter.line_length, first.end - first.start):
            return splice
        lines = self.formatter.broken_expression(code, indent)
        return Splice(splice.span, self.formatter.joined(lines, indent))

    def _placed(self, span: Span, code: str, indent: str) -> list[Splice]:
        """Code in place of a span that begins with the statement."""
        splice = Splice(span, code)
        if self.source.is_first_on_line(self.statement):
            return [splice]
        line = self.source.line_of(span.start)
        is_long = span.start - line.start + len(code) > self.formatter.line_length
        if LINE_END.search(code) or is_long:
            return [*self._broken_line(indent), splice]
        return [splice]

    def _broken_line(self, indent: str) -> list[Splice]:
        """Line breaks in place of the colon's space or the semicolons before the statement."""
        block = self.source.block(self.statement)
        position = block.index(self.statement)
        found = []
        if not self.source.is_first_on_line(block[0]):
            first = self.source.span(block[0]).start
            colon = self.source.text.rindex(":", 0, first) + 1
            found.append(Splice(Span(colon, first), self.line_end + indent))
        if position > 0:
            previous = self.source.span(block[position - 1]).end
            start = self.source.span(self.statement).start
            found.append(Splice(Span(previous, start), self.line_end + indent))
        return found

    def _indent(self) -> str:
        """The indent of the statement, or that it has once it stands on a line of its own."""
        block = self.source.block(self.statement)
        if self.source.is_first_on_line(block[0]):
            return self.source.indent_of_line(self.source.span(block[0]).start)
        parent = self.source.parent(self.statement)
        if isinstance(parent, ast.match_case):
            pattern = self.source.offset(parent.pattern.lineno, parent.pattern.col_offset)
            header = self.source.text.rindex("case", 0, pattern)
        else:
            assert isinstance(parent, (ast.stmt, ast.ExceptHandler))
            header = self.source.offset(parent.lineno, 0)
        return self.source.indent_of_line(header) + self.source.indentation
