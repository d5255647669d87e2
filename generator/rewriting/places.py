"""Where in a module new imports and new definitions go."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable
from itertools import takewhile

from ..reading.parts import walk
from ..reading.scopes import FUNCTIONS
from ..reading.source import Source
from .edits import Insertion

Import = (ast.Import, ast.ImportFrom)


def place_for_import(source: Source, module: str) -> tuple[int, int]:
    """Where ``import module`` goes, and how many empty lines after it.

    torch goes before the first import of something of torch, another module among those of the
    standard library, in the order of the alphabet; where there is no import, both go after the
    docstring.
    """
    is_torch = module == "torch"
    imports = list(filter(_imports_torch, _imports(source))) if is_torch else []
    if imports:
        outside = [each for each in imports if isinstance(source.parent(each), ast.Module)]
        return line_of(source, min(outside or imports, key=lambda each: each.lineno)), 0
    if not is_torch:
        return _place_among_standard(source, module)
    first = _first_to_follow(source)
    return line_of(source, first), _lines_before(first, 0)


def place_beside_imports(source: Source, path: str) -> tuple[int, int, int]:
    """Where an import from a module beside the source goes, and how many empty lines it needs.

    These are those above it, and those that are missing below.

    On the line after the last import that stands at the top, in a section of its own unless that
    is relative too: then where it belongs among those of its kind, if they are in order. What
    imports only if something holds stands among them, or else alone.
    """
    first = _first_to_follow(source)
    rest = source.tree.body[source.tree.body.index(first) :]
    top = list(takewhile(lambda each: _imports_something(each) or _is_dunder(each), rest))
    made = list(filter(_imports_something, top))
    imports = [each for each in made if isinstance(each, Import)] or made
    if not imports:
        return line_of(source, first), 0, 0
    is_beside = _is_relative(imports[-1])
    follower = _follower(list(takewhile(_is_relative, reversed(imports)))[::-1], path)
    if follower is not None and source.is_first_on_line(follower):
        return line_above_comments(source, follower), 0, 0
    place = _next_line(source, imports[-1])
    start, end = source.line_of(place)
    is_followed = imports[-1] is made[-1] and source.text[start:end].strip()
    return place, 0 if is_beside else 1, 1 if is_followed else 0


def _is_relative(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.level > 0


def _follower(imports: list[ast.stmt], path: str) -> ast.stmt | None:
    """Before which of some relative imports one from a path belongs, if they are in order.

    Formatters put those of the outermost package first, or else those of the innermost.
    """
    paths = [
        ("." * getattr(each, "level", 0)) + (getattr(each, "module", "") or "") for each in imports
    ]
    for sign in (-1, 1):
        keys = [
            (sign * (len(each) - len(each.lstrip("."))), each.lower()) for each in (*paths, path)
        ]
        new = keys.pop()
        if path.startswith(".") and keys == sorted(keys):
            return next((each for each, key in zip(imports, keys, strict=True) if key > new), None)
    return None


def place_for_definition(source: Source, users: Iterable[ast.AST]) -> ast.stmt:
    """The statement of the module before which a definition goes that some nodes make use of.

    It is the first function or class, or what stands before that and makes use of it.
    """
    using = {id(_outermost(source, each)) for each in users}
    return next(
        each
        for each in source.tree.body
        if isinstance(each, (*FUNCTIONS, ast.ClassDef)) or id(each) in using
    )


def line_of(source: Source, statement: ast.stmt) -> int:
    """Where the line begins that a statement begins on, or its first decorator."""
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    at = source.span(decorators[0] if decorators else statement).start
    return source.line_of(at).start


def line_above_comments(source: Source, statement: ast.stmt) -> int:
    """The same, but above the comments that stand directly over it."""
    start = line_of(source, statement)
    indent = source.indent_of_line(start)
    while start > 0:
        end = start - (2 if source.text[:start].endswith("\r\n") else 1)
        above = source.line_of(end)
        if not source.text[above.start : above.end].startswith(f"{indent}#"):
            break
        start = above.start
    return start


def insert_before(source: Source, statement: ast.stmt, emit: Callable[[], str]) -> Insertion:
    """Statements before another one that begins its line, above the comments on it."""
    return Insertion(line_above_comments(source, statement), emit)


def insert_after(
    source: Source, statement: ast.stmt, emit: Callable[[], str], blank_lines: int = 0
) -> Insertion:
    """Statements behind another one, at its indent, with empty lines around them."""
    indent = source.indent_of_line(source.span(statement).start)
    place = _line_after(source, statement, indent)
    below = source.line_of(place)
    is_empty = not source.text[below.start : below.end].strip()
    is_within = not is_empty and source.indent_of_line(place) == indent
    return Insertion(place, emit, blank_lines if is_within else 0, blank_lines, indent)


def _line_after(source: Source, statement: ast.stmt, indent: str) -> int:
    """Where the line begins after a statement, and after the comments that end its block."""
    found = at = _next_line(source, statement)
    while at < len(source.text):
        line = source.line_of(at)
        at = line_end(source, line.end)
        text = source.text[line.start : line.end]
        is_inside = text.startswith(indent) and text[len(indent) :][:1].isspace()
        if is_inside and text.lstrip().startswith("#"):
            found = at
        elif text.strip():
            break
    return found


def _imports(source: Source) -> list[ast.Import | ast.ImportFrom]:
    """The imports of the module that stand at the start of a line, or in a try there."""
    return [
        node
        for node in source.nodes
        if isinstance(node, Import)
        and source.scope(node).parent is None
        and all(isinstance(each, (ast.Module, ast.Try)) for each in source.ancestors(node))
        and source.is_first_on_line(node)
    ]


def _imports_torch(node: ast.Import | ast.ImportFrom) -> bool:
    return _root(node) == "torch"


def _root(node: ast.Import | ast.ImportFrom) -> str:
    """The top module that an import is of; empty for a relative one."""
    if isinstance(node, ast.ImportFrom):
        return "" if node.level else (node.module or "").partition(".")[0]
    return node.names[0].name.partition(".")[0]


def _place_among_standard(source: Source, module: str) -> tuple[int, int]:
    """In the first section of the imports, where those of the standard library stand."""
    first = _first_to_follow(source)
    rest = source.tree.body[source.tree.body.index(first) :]
    standard = [each for each in takewhile(_is_standard_import, rest) if isinstance(each, Import)]
    for each in standard:
        if isinstance(each, ast.ImportFrom) or _root(each) > module:
            return line_of(source, each), 0
    if standard:
        return _next_line(source, standard[-1]), 0
    return line_of(source, first), _lines_before(first, 1)


def _lines_before(statement: ast.stmt, section: int) -> int:
    """How many empty lines stand between an import and what follows it.

    Args:
        statement: what follows it.
        section: how many do where that is an import too.
    """
    if isinstance(statement, Import):
        return section
    return 1 if _imports_something(statement) else 2


def _imports_something(statement: ast.stmt) -> bool:
    """Whether a statement is an import, or holds one that is made in a case, and calls nothing."""
    if isinstance(statement, (ast.Try, ast.If)):
        return any(isinstance(each, Import) for each in statement.body) and not _calls(statement)
    return isinstance(statement, Import)


def _is_standard_import(statement: ast.stmt) -> bool:
    return isinstance(statement, Import) and _root(statement) in sys.stdlib_module_names


def _first_to_follow(source: Source) -> ast.stmt:
    """The first statement of the module that an import may stand before."""
    body = source.tree.body
    start = next(at for at, each in enumerate(body) if not _must_come_first(each))
    return next((each for each in body[start:] if source.is_first_on_line(each)), body[start])


def _must_come_first(statement: ast.stmt) -> bool:
    """Whether an import stands behind a statement: a docstring, an import of a feature, __all__."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    is_feature = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
    return is_feature or _is_dunder(statement)


def _is_dunder(statement: ast.stmt) -> bool:
    """Whether a statement says something of the module, as ``__all__ = ["Net"]`` does."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name.startswith("__") and name.endswith("__") and not _calls(statement)
    return False


def _calls(statement: ast.stmt) -> bool:
    """Whether something is called in a statement, which may need what is imported before it."""
    return any(isinstance(each, ast.Call) for each in walk(statement))


def _next_line(source: Source, statement: ast.stmt) -> int:
    return line_end(source, source.line_of(source.span(statement).end).end)


def line_end(source: Source, end: int) -> int:
    """Where the next line begins after the end of one."""
    ends = source.text[end : end + 2]
    return end + (2 if ends == "\r\n" else len(ends[:1]))


def _outermost(source: Source, node: ast.AST) -> ast.AST:
    around = [node, *source.ancestors(node)]
    return around[-2] if len(around) > 1 else node
