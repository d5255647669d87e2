"""The helper of the module style: what of it a source needs, and under which names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from ..reading.names import is_unknown_star
from ..reading.naming import fresh, names_in
from ..reading.places import (
    line_above_comments,
    line_of,
    place_after_imports,
    place_for_definition,
    place_for_import,
)
from ..reading.scopes import FUNCTIONS, Binding
from ..reading.source import Source
from ..reading.spelling import spell_in_module
from ..rewriting.edits import Insertion
from .norms.checks import ALL_CHECKS

if TYPE_CHECKING:
    from ..rewriting.templating import Templates

TEMPLATE: Final = "module.py.jinja"
_FUNCTIONS: Final = (
    *("split", "by_filter", "build", "apply", "split_apply", "parts", "whole", "assign"),
    *("load", "split_norm", "norms", "each_norm", "join", "outputs", "pad", "pads", "copy_pad"),
)
_ALL_FEATURES: Final = frozenset(
    (
        *("module", "norm", "transposed", "held", "flat", "3d", "weight_g", "named", "batches"),
        *("couple", "conv_outputs", "norm_outputs", "common_pad", *ALL_CHECKS, *_FUNCTIONS),
    )
)
_SIGNS: Final = tuple(
    (frozenset(needed.split()), name, frozenset(signs.split("|")))
    for needed, name, signs in (
        ("held", "split", "isinstance"),
        ("couple", "split_apply", "warn"),
        ("subclass", "cut", "__mro__"),
        ("flat module", "grouped", "in_channels"),
        ("3d module", "grouped", "kernel_size|Whether a convolution is grouped."),
        ("load module", "module", "def _load_from_state_dict"),
        ("load batches", "load", "num_batches_tracked"),
        ("load weight_g", "load", "weight_g"),
        ("norm_kind", "split_norm", "_NormBase"),
        ("norm_class", "split_norm", "startswith"),
        ("norm_channels", "split_norm", "num_features"),
        ("norm_statistics", "split_norm", "running_mean"),
        ("norm_shared norms", "norms", "count"),
        ("conv_outputs", "module", "def outputs"),
        ("norm_outputs", "norm", "def outputs"),
        ("pads", "module", "pads"),
        ("common_pad", "module", "pad"),
        ("pad copy_pad", "module", "paddings"),
    )
)
"""With which features a definition of the helper is not as it may be without: what it then has."""
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
class Modules:
    """How a source calls the modules that the helper makes use of."""

    torch: str = "torch"
    nn: str = "nn"
    copy: str = "copy"
    warnings: str = "warnings"


@dataclass(frozen=True)
class Helper:
    """The helper as the templates are given it.

    Attributes:
        names: of its classes and functions.
        modules: what it calls torch and others.
        features: what of it is needed.
        path: the module to import it from; empty where it is emitted in the source.
        imports: what to import from there, with ``as`` where it has another name here.
        missing: the modules that the source must import for it, with ``as`` likewise.
        is_there: whether the source has it already.
    """

    names: Names
    features: frozenset[str]
    modules: Modules = Modules()
    path: str = ""
    imports: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
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


def make_helper(
    source: Source, features: frozenset[str], users: Iterable[ast.expr], path: str
) -> Helper:
    """Name the helper, and what it needs, so that nothing else in the source has these names."""
    if path:
        return _imported(source, features, path)
    if _is_there(source, features):
        return Helper(Names(), features, is_there=True)
    taken = names_in(source.tree)
    names = {}
    for each in fields(Names):
        names[each.name] = fresh(str(each.default), taken)
        taken.add(names[each.name])
    before = place_for_definition(source, users).lineno
    missing: list[str] = []

    scope = source.scope(source.tree)
    # After ``from utils import *`` copy may be anything.
    may_hide = any(is_unknown_star(each.path) for each in scope.star_imports)
    hidden = {"copy", "warnings"} if may_hide else set()

    def spelled(path: str) -> str:
        found = spell_in_module(source, path, before) if path not in hidden else None
        if found is None:
            found = fresh(path, {*scope.bindings, *hidden})
            missing.append(path if found == path else f"{path} as {found}")
        return found

    modules = Modules()
    if "module" in features:
        torch = spelled("torch")
        modules = Modules(
            torch,
            spell_in_module(source, "torch.nn", before) or f"{torch}.nn",
            spelled("copy"),
            spelled("warnings") if features & {"held", "couple"} else "",
        )
    return Helper(Names(**names), features, modules, missing=tuple(missing))


def _imported(source: Source, features: frozenset[str], path: str) -> Helper:
    """The helper, of which the source imports what it has not imported yet."""
    bindings = source.scope(source.tree).bindings
    taken = names_in(source.tree)
    names, imports = {}, []
    for key in _FUNCTIONS:
        name = names[key] = getattr(Names(), key)
        if key in features and not _is_imported(bindings.get(name, []), name):
            names[key] = fresh(name, taken)
            imports.append(name if names[key] == name else f"{name} as {names[key]}")
    imported = tuple(imports)
    return Helper(Names(**names), features, path=path, imports=imported, is_there=not imports)


def _is_imported(bindings: list[Binding], name: str) -> bool:
    return bool(bindings) and all(each.path.endswith(f".{name}") for each in bindings)


def _is_there(source: Source, features: frozenset[str]) -> bool:
    """Whether the source holds what is needed of the helper already."""
    bindings = source.scope(source.tree).bindings
    needed = [each for each in fields(Names) if each.name in features]
    found = [each for one in needed for each in bindings.get(str(one.default), [])]
    if len(found) != len(needed) or any(each.kind not in ("function", "class") for each in found):
        return False
    if not all(_is_ours(each.node) for each in found if each.kind == "function"):
        return False
    words = {
        name: {word for each in bindings.get(name, []) for word in _words_of(each.node)}
        for name in map(str, vars(Names()).values())
    }
    return all(
        words[getattr(Names(), key)] & signs for each, key, signs in _SIGNS if each <= features
    )


def _words_of(definition: ast.AST) -> Iterator[str]:
    """The names, and the strings, in a definition."""
    for each in ast.walk(definition):
        match each:
            case ast.Name(id=word) | ast.arg(arg=word) | ast.Attribute(attr=word):
                yield word
            case ast.Constant(value=str(word)):
                yield word
            case ast.FunctionDef(name=name):
                yield f"def {name}"


def helper_source(templates: Templates, checkpoint: bool) -> str:
    """The module that holds all of the helper, for sources that import it; not formatted."""
    features = _ALL_FEATURES if checkpoint else _ALL_FEATURES - {"load"}
    return templates.render(TEMPLATE, "module", Helper(Names(), features))


def insert_imports(
    source: Source, missing: Iterable[str], users: Iterable[ast.expr], templates: Templates
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
    source: Source, helper: Helper, users: Iterable[ast.expr], templates: Templates
) -> Iterator[Insertion]:
    """What puts the helper, or its import, into the source."""
    if helper.is_there:
        return
    if helper.path:
        code = templates.render(TEMPLATE, "imported", helper)
        yield Insertion(place_after_imports(source), code)
        return
    code = templates.render(TEMPLATE, "definitions", helper)
    place = line_above_comments(source, place_for_definition(source, users))
    yield Insertion(place, code, blank_lines=2, blank_lines_above=2)
