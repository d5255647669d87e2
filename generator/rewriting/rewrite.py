"""Make edits in a source, by splicing the new code of the statements that change into its text.

All other text is not looked at, and so stays as it is to the byte.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import takewhile

from ..outcome import Options, TemplateError
from ..reading.parsing import LINE_END, compiled
from ..reading.source import Source, Span
from ..reading.width import width_of
from .edits import CallEdit, Edit, Insertion, Naming, Removal, StatementEdit, TextEdit
from .formatting import Formatter
from .fragment import Fragment
from .places import line_above_comments, line_end
from .splicing import Splice, TextRewrite, longest, spliced

_EMPTY_LINES = re.compile(r"(?:[ \t\f]*(?:\r\n|\r|\n))*")
_TOO_DEEP = "too many nested parentheses"


def rewritten(source: Source, edits: Sequence[Edit], options: Options) -> str:
    """The text of a source after some edits, laid out as its project, or else it itself, is.

    Raises:
        TemplateError: the code of an edit, or the source after it, is not Python.
        SourceError: libcst does not see in a statement what ``ast`` does.
        RecursionError: it is nested too deeply.
    """
    inserted = [(each, each.emit()) for each in edits if isinstance(each, Insertion)]
    black = {"line-length": width_of(source), **options.black}
    whole = "\n".join([source.text, *(code for _, code in inserted)])
    formatter = Formatter(black, source.indentation, source.line_end, whole)
    by_statement: dict[ast.stmt, list[CallEdit | StatementEdit]] = defaultdict(list)
    texts: dict[ast.stmt, list[TextEdit]] = defaultdict(list)
    names: dict[ast.stmt, Naming] = {}
    splices: list[Splice] = []
    for edit in edits:
        if isinstance(edit, Removal):
            splices.append(_remove(source, edit))
        elif isinstance(edit, Naming):
            names[edit.statement] = edit
        elif isinstance(edit, TextEdit):
            texts[source.statement(edit.node)].append(edit)
        elif isinstance(edit, (CallEdit, StatementEdit)):
            by_statement[source.statement(edit.call)].append(edit)
    # Where several blocks end at one place, what belongs to the innermost goes first.
    inserted.sort(key=lambda each: -len(_indent(source, each[0])))
    splices += (_insert(source, *each, formatter) for each in inserted)
    for statement, group in by_statement.items():
        splices.append(_rewritten_statement(source, statement, group, formatter))
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
        if edit.with_comments:
            start = line_above_comments(source, edit.statement)
        return Splice(Span(source.line_of(start).start, empty.end()), "")
    rest = source.text[end : source.line_of(end).end]
    if rest.strip():  # a comment
        return Splice(Span(start, end + len(rest) - len(rest.lstrip())), "")
    return Splice(Span(source.line_of(start).start, line_end(source, source.line_of(end).end)), "")


def _indent(source: Source, insertion: Insertion) -> str:
    if insertion.indent is not None:
        return insertion.indent
    return source.indent_of_line(insertion.offset)


def _insert(source: Source, insertion: Insertion, code: str, formatter: Formatter) -> Splice:
    indent = _indent(source, insertion)
    code = formatter.joined(formatter.statements(code, indent), indent)
    before = LINE_END.split(source.text[: insertion.offset])[:-1]
    empty = len(list(takewhile(lambda line: not line.strip(), reversed(before))))
    above = max(insertion.blank_lines_above - empty, 0) if len(before) > empty else 0
    span = Span(insertion.offset, insertion.offset)
    end = source.line_end
    if source.text[: insertion.offset][-1:] in "\r\n":  # or nothing
        return Splice(span, end * above + indent + code + end * (1 + insertion.blank_lines))
    return Splice(span, end * (1 + above) + indent + code)  # after a last line without an end


def _rewritten_statement(
    source: Source,
    statement: ast.stmt,
    edits: Sequence[CallEdit | StatementEdit],
    formatter: Formatter,
) -> Splice:
    """A statement on lines of its own, with what is edited in it."""
    span, indent = source.span(statement), source.indent_of_line(source.span(statement).start)
    fragment = Fragment(source, span, edits, formatter)
    rest = source.text[span.end : source.line_of(span.end).end]
    comment = rest if rest.lstrip().startswith("#") else ""
    whole = next((each for each in edits if isinstance(each, StatementEdit)), None)
    if whole is not None:
        outcome = fragment.run()
        code = "\n".join([*outcome.before, whole.emit(outcome.codes[whole.call])])
        lines = formatter.statements(code, indent)
        limit, comments = formatter.line_length - len(indent), fragment.comments()
        commented = f"{lines[0]}  {comment.strip()}"
        if lines[0].endswith(")") and len(commented) <= limit:
            lines[0] = commented if comment else lines[0]
        else:
            comments += [comment.strip()] if comment else []
        end = span.end + len(comment)
        return Splice(Span(span.start, end), formatter.joined([*comments, *lines], indent))
    limit = max(formatter.line_length, longest(indent + fragment.text + comment))
    outcome = fragment.run()
    if longest(indent + outcome.code + comment) > limit:
        outcome = fragment.run(short=True)
    code = outcome.code.replace("\n", source.line_end)
    if longest(indent + outcome.code + comment) > limit:
        code = formatter.joined(formatter.statements(outcome.code + comment, indent), indent)
        span = Span(span.start, span.end + len(comment))
    before = fragment.comments()
    before += formatter.statements("\n".join(outcome.before), indent) if outcome.before else []
    if before:
        code = formatter.joined(before, indent) + source.line_end + indent + code
    return Splice(span, code)
