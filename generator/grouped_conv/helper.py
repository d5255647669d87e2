"""The helper of the module style: what of it a source needs, and under which names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from ..reading.naming import fresh, names_in
from ..reading.places import (
    line_above_comments,
    line_of,
    place_for_definition,
    place_for_import,
)
from ..reading.scopes import FUNCTIONS
from ..reading.source import Source
from ..rewriting.edits import Insertion

if TYPE_CHECKING:
    from ..rewriting.templating import Templates

TEMPLATE: Final = "checkpoint.py.jinja"
_SPLITTING: Final = re.compile(r"(split_groups|split_by_filter|split_and_apply|build_split)(_\d+)?")


@dataclass(frozen=True)
class Names:
    """What the classes and functions of the helper are called in a source."""

    module: str = "SplitGroups"
    transposed: str = "SplitGroupsTransposed"
    grouped: str = "is_grouped"
    split: str = "split_groups"
    by_filter: str = "split_by_filter"
    build: str = "build_split"
    apply: str = "apply_to_parts"
    split_apply: str = "split_and_apply"
    parts: str = "parts_of"
    whole: str = "joined"
    assign: str = "parts_with"
    cut: str = "equal_parts"
    load: str = "load_parts"
    norm: str = "JoinGroups"
    split_norm: str = "split_norm"
    norms: str = "split_norms"
    each_norm: str = "split_each_norm"
    join: str = "join_outputs"
    outputs: str = "outputs_of"
    pad: str = "apply_padded"
    pads: str = "pad_slices"
    copy_pad: str = "copy_padding"


_KNOWN: Final = re.compile(rf"({'|'.join(str(each.default) for each in fields(Names))})(_\d+)?")


@dataclass(frozen=True)
class Helper:
    """The helper as the templates are given it.

    Attributes:
        names: of its classes and functions.
        features: what of it is needed.
        is_there: whether the source has it already.
    """

    names: Names
    features: frozenset[str]
    is_there: bool = False


def emitted(tree: ast.Module) -> list[ast.stmt]:
    """The classes and functions of the helper in a source that gencode has split."""
    named = [each for each in tree.body if _KNOWN.fullmatch(getattr(each, "name", ""))]
    is_ours = any(_is_ours(each) for each in named if isinstance(each, FUNCTIONS))
    return named if is_ours else []


def is_split_already(source: Source, call: ast.Call) -> bool:
    """Whether a call that builds a convolution is what gencode has written.

    It is an argument of a helper's function, or one of a loop's convolutions, which has groups
    only where it turns out depthwise.
    """
    parent = source.parent(call)
    around = parent.func if isinstance(parent, ast.Call) and call in parent.args else None
    if any(_is_helper(source, each) for each in (around, *call.args[:1])):
        return True
    match parent:
        case ast.GeneratorExp(
            generators=[
                ast.comprehension(
                    iter=ast.Call(func=ast.Name(id="range"), args=[ast.Name() as count])
                )
            ]
        ):
            return _is_count(source, count) and _are_divided_by(count.id, call)
    return False


def _is_count(source: Source, count: ast.Name) -> bool:
    """Whether a variable is 1 where something is depthwise, and else a number of groups."""
    found = source.scope(count).lookup(count.id)
    return found is not None and all(_is_one_if_depthwise(each.value) for each in found[1])


def _is_one_if_depthwise(value: ast.expr | None) -> bool:
    match value:
        case ast.IfExp(test=ast.Compare(ops=[ast.Eq(), *_]), body=ast.Constant(value=1)):
            return True
    return False


def _are_divided_by(count: str, call: ast.Call) -> bool:
    """Whether groups, and the channels before it, are divided by a variable."""
    groups = [each.value for each in call.keywords if each.arg == "groups"]
    channels = [each.value for each in call.keywords if each.arg in ("in_channels", "out_channels")]
    values = [*groups, *channels, *call.args[: 2 - len(channels)]]
    return len(values) == 3 and all(
        isinstance(each, ast.BinOp)
        and isinstance(each.op, ast.FloorDiv)
        and isinstance(each.right, ast.Name)
        and each.right.id == count
        for each in values
    )


def _is_helper(source: Source, function: ast.expr | None) -> bool:
    if not isinstance(function, ast.Name) or not _SPLITTING.fullmatch(function.id):
        return False
    found = source.scope(function).lookup(function.id)
    return found is not None and all(
        each.kind == "import" or (each.kind == "function" and _is_ours(each.node))
        for each in found[1]
    )


def _is_ours(function: ast.AST) -> bool:
    """Whether a function is the helper's, and not one that has its name by chance."""
    names = {each.id for each in ast.walk(function) if isinstance(each, ast.Name)}
    return any(_KNOWN.fullmatch(each) or each == "error_msgs" for each in names)


def make_helper(source: Source, features: frozenset[str], users: Iterable[ast.expr]) -> Helper:
    """Name what loads the weights of an original; nothing else in the source has that name."""
    load = Names().load
    found = source.scope(source.tree).bindings.get(load, [])
    if found and all(_is_ours(each.node) for each in found):
        return Helper(Names(), features, is_there=True)
    return Helper(Names(load=fresh(load, names_in(source.tree))), features)


def insert_imports(
    source: Source, missing: Iterable[str], users: Iterable[ast.AST], templates: Templates
) -> Iterator[Insertion]:
    """What puts the imports of some modules into the source, before all that needs them."""
    users = list(users)
    last = line_of(source, place_for_definition(source, users)) if users else len(source.text)
    by_place: dict[tuple[bool, int], list[str]] = {}
    blank_lines = {}
    for module in sorted(missing):
        is_torch = module.startswith("torch")
        offset, blank_lines[module] = place_for_import(source, module.partition(" ")[0])
        by_place.setdefault((is_torch, min(offset, last)), []).append(module)
    for (is_torch, offset), modules in sorted(by_place.items()):
        codes = [templates.render("import.py.jinja", "statement", each) for each in modules]
        is_above_torch = not is_torch and (True, offset) in by_place
        after = 1 if is_above_torch else blank_lines[modules[0]]
        yield Insertion(offset, "\n".join(codes), after)


def insert_helper(
    source: Source, helper: Helper, users: Iterable[ast.AST], templates: Templates
) -> Iterator[Insertion]:
    """What puts the helper, or its import, into the source."""
    if helper.is_there:
        return
    code = templates.render(TEMPLATE, "definition", helper)
    place = line_above_comments(source, place_for_definition(source, users))
    yield Insertion(place, code, blank_lines=2, blank_lines_above=2)
