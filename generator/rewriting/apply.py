"""Apply what rules propose to a source: each rewrite as a whole, a weaker one, or none."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from ..outcome import Finding, Options, Record, SourceError, Warning
from ..reading.directives import Directives
from ..reading.parsing import LINE_END
from ..reading.source import Source
from .edits import CallEdit, Edit, Insertion, Naming, Removal, StatementEdit, TextEdit

if TYPE_CHECKING:
    from .templating import Templates

_CLASH = "its call stands in a statement that builds another one"


@dataclass(frozen=True)
class Rewrite:
    """What a rule found, and what it changes there: all of it, or nothing.

    Attributes:
        said: what is told of it: of one place, or of several that are changed together.
        edits: what changes; nothing where all stays.
        users: what needs the imports, which are put before it.
        imports: the modules that the edits need and the source does not import.
        key: by what the rule knows it, if there is a weaker form that it can propose instead.
        blocks: what it needs of the helper.
        imports_helper: whether it imports that.
    """

    said: tuple[Record | Finding, ...]
    edits: tuple[Edit, ...] = ()
    users: tuple[ast.AST, ...] = ()
    imports: tuple[str, ...] = ()
    key: ast.AST | None = None
    blocks: frozenset[str] = frozenset()
    imports_helper: bool = False


class Proposer(Protocol):
    """A rule in one source."""

    directives: Directives

    def propose(self, barred: Mapping[ast.AST, str]) -> Sequence[Rewrite]:
        """What it would change, and what it says of all else.

        Args:
            barred: the keys of those that cannot be, each with the reason: weaker ones are wanted.
        """

    def warnings(self) -> Iterable[Warning]:
        """What the user should know besides of what it has proposed."""


def arbitrated(source: Source, proposers: Iterable[Proposer]) -> list[Rewrite]:
    """What some rules propose, of which no two take apart and edit the same statement.

    Where two would, one is made in a weaker form, or else the later one is to wait until the other
    is done: it has no edits.

    Raises:
        SourceError: a rewrite would change what a comment leaves alone.
    """
    found: list[Rewrite] = []
    for proposer in proposers:
        barred: dict[ast.AST, str] = {}
        own = proposer.propose(barred)
        while (key := _clashing(source, own)) is not None:
            barred[key] = _CLASH
            own = proposer.propose(barred)
        check_left_alone(source, proposer.directives, own)
        before = [edit for each in found for edit in each.edits]
        found += (
            replace(each, edits=()) if _clash(source, before, each.edits) else each for each in own
        )
    return found


def _clashing(source: Source, rewrites: Sequence[Rewrite]) -> ast.AST | None:
    """The key of a rewrite that does not go together with another one."""
    for each in rewrites:
        others = [edit for other in rewrites if other is not each for edit in other.edits]
        if each.key is not None and _clash(source, each.edits, others):
            return each.key
    return None


def _clash(source: Source, some: Iterable[Edit], others: Iterable[Edit]) -> bool:
    """Whether a statement is to be taken apart, and pieces of its text to be replaced as well."""
    one, other = _statements(source, some), _statements(source, others)
    return not one[0].isdisjoint(other[1]) or not one[1].isdisjoint(other[0])


def _statements(source: Source, edits: Iterable[Edit]) -> tuple[set[ast.stmt], set[ast.stmt]]:
    """The statements that edits take apart, and those in which they replace pieces of the text."""
    apart: set[ast.stmt] = set()
    pieces: set[ast.stmt] = set()
    for each in edits:
        if isinstance(each, TextEdit):
            pieces.add(source.statement(each.node))
        elif isinstance(each, Naming):
            pieces.add(each.statement)
        elif isinstance(each, Removal) and each.last is not None:
            apart.update(_removed(source, each.statement, each.last))
        elif not isinstance(each, Insertion):
            apart.add(_statement(source, each))
    return apart, pieces


def _removed(source: Source, first: ast.stmt, last: ast.stmt) -> Iterator[ast.stmt]:
    """Some statements of a block, with all that they hold."""
    block = source.block(first)
    for statement in block[block.index(first) : block.index(last) + 1]:
        yield from (each for each in ast.walk(statement) if isinstance(each, ast.stmt))


def _statement(source: Source, edit: CallEdit | StatementEdit | Removal | Naming) -> ast.stmt:
    return source.statement(edit.call) if isinstance(edit, CallEdit) else edit.statement


def check_left_alone(source: Source, directives: Directives, rewrites: Iterable[Rewrite]) -> None:
    """See that no edit changes what a comment leaves alone, whatever proposed it.

    Raises:
        SourceError: one would.
    """
    for edit in (edit for each in rewrites for edit in each.edits):
        if isinstance(edit, Insertion):
            skip = directives.around(edit.offset)
        elif isinstance(edit, TextEdit):
            skip = directives.forbids(edit.node)
        else:
            skip = directives.forbids(_statement(source, edit))
        if skip is not None:
            line = source.line_of(source.line_start(skip.line))
            shown = source.text[line.start : line.end]
            column = shown.index("#") + 1
            raise SourceError("this would not be left alone", skip.line, column, shown)


def applied(
    source: Source, rewrites: Iterable[Rewrite], options: Options, templates: Templates
) -> str:
    """The text of a source after some rewrites; the very text where nothing changes.

    Raises:
        TemplateError: a template is faulty, or the source after it is not Python.
        SourceError: libcst does not see in a statement what ``ast`` does.
        RecursionError: it is nested too deeply.
    """
    rewrites = list(rewrites)
    edits: list[Edit] = [*_imports(source, rewrites, templates)]
    edits += (edit for each in rewrites for edit in each.edits)
    if not edits:
        return source.text
    from .rewrite import rewritten  # slow to import, and so only for a source that changes

    return rewritten(source, edits, options)


def lines_apart(source: Source, rewrites: Iterable[Rewrite]) -> Iterator[int]:
    """The lines at which some rewrites put statements, or take them away or apart."""
    for edit in (edit for each in rewrites for edit in each.edits):
        if isinstance(edit, Insertion):
            yield len(LINE_END.findall(source.text, 0, edit.offset)) + 1
        elif not isinstance(edit, TextEdit):
            yield _statement(source, edit).lineno


def _imports(
    source: Source, rewrites: Sequence[Rewrite], templates: Templates
) -> Iterator[Insertion]:
    from .imports import insert_imports

    made = [each for each in rewrites if each.edits]
    missing = dict.fromkeys(name for each in made for name in each.imports)
    users = [node for each in made for node in each.users]
    yield from insert_imports(source, missing, users, templates)
