"""The helper of the built style: its names, and how a source comes to have it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, Final

from ...reading.names import is_unknown_star
from ...reading.naming import fresh, names_in
from ...reading.parts import walk
from ...reading.source import Source
from ...reading.spelling import spell_in_module
from ...rewriting.edits import Insertion
from ...rewriting.places import line_above_comments, place_beside_imports, place_for_definition
from ..emitted_earlier import is_of_helper
from .blocks import ALL_BLOCKS, BLOCKS_OF, blocks_in
from .layers import Joining, blocks_for, joinings
from .plan import BuiltPlan, Line

if TYPE_CHECKING:
    from ...rewriting.templating import Templates

TEMPLATE: Final = "built.py.jinja"


@dataclass(frozen=True)
class Names:
    """What the classes and functions of the helper are called in a source."""

    branches: str = "Branches"
    module: str = "SplitGroups"
    unjoined: str = "UnjoinedGroups"
    joined: str = "JoinedGroups"
    transposed: str = "SplitTransposed"
    unjoined_transposed: str = "UnjoinedTransposed"
    parts: str = "plain_parts"
    kind: str = "class_of_torch"
    grouped: str = "is_grouped"
    split: str = "split_conv"
    split_norm: str = "split_conv_norm"
    is_split: str = "is_split"
    fits: str = "is_norm_of"
    layers: str = "split_layers"
    pairs: str = "split_pairs"
    by_filter: str = "split_by_filter"
    build: str = "build_split"
    weight_norm: str = "weight_norm_of"
    outputs: str = "outputs_of"
    each: str = "apply_each"
    identity: str = "add_identity"
    padded: str = "apply_padded"
    copy_pad: str = "copy_padding"
    multiplier: str = "Multiplier"
    unjoined_multiplier: str = "UnjoinedMultiplier"
    joined_multiplier: str = "JoinedMultiplier"
    is_multiplier: str = "is_multiplier"
    order: str = "order_of"
    source: str = "SplitSource"
    unjoined_source: str = "UnjoinedSource"
    split_sliced_conv: str = "split_sliced_conv"
    split_sliced: str = "split_sliced"
    slices: str = "slices_of"
    halves: str = "halves_of"
    joined_layers: str = "JoinedLayers"
    with_layers: str = "with_layers"


_FUNCTIONS: Final = (
    *("split", "split_norm", "layers", "pairs", "by_filter", "build"),
    *("outputs", "each", "padded", "copy_pad", "identity", "split_sliced_conv", "split_sliced"),
    *("slices", "halves"),
)
_OF_CHANGE: Final = {
    **{"conv": "split", "conv_norm": "split_norm", "padding": "copy_pad", "listed": "layers"},
    **{each: each for each in ("layers", "pairs", "split", "by_filter", "build")},
    **{"source": "split_sliced_conv", "source_norm": "split_sliced"},
}
"""By the kind of a change the function that it calls."""
_COPYING: Final = {"by_filter", "copy_pad", "pads"}
_STANDARD: Final = ("copy", "warnings")
_KNOWN: Final = re.compile(rf"({'|'.join(str(each.default) for each in fields(Names))})(_\d+)?")
SPLITTING: Final = tuple(
    str(getattr(Names, each))
    for each in (
        *("split", "split_norm", "layers", "pairs", "by_filter", "build"),
        *("split_sliced_conv", "split_sliced"),
    )
)
"""The functions that split, each by its usual name."""
_SPLITTING: Final = re.compile(rf"({'|'.join(SPLITTING)})(_\d+)?")


def function_of(kind: str) -> str:
    """The usual name of the function that a change of some kind calls."""
    return str(getattr(Names, _OF_CHANGE[kind]))


@dataclass(frozen=True)
class Helper:
    """The helper as the templates are given it.

    Attributes:
        names: of its classes and functions.
        blocks: which of them are needed besides those that always are.
        torch: how the source calls torch.
        nn: how it calls torch.nn.
        copy, warnings: how it calls these modules.
        path: the module to import it from; empty where it stands in the source.
        imports: what to import from there, with ``as`` where it has another name here.
        missing: the modules that the source must import for it, with ``as`` likewise.
        is_there: whether the source has it already.
        joinings: its classes that join norms with layers of their own.
    """

    names: Names = Names()
    blocks: frozenset[str] = ALL_BLOCKS
    torch: str = "torch"
    nn: str = "nn"
    copy: str = "copy"
    warnings: str = "warnings"
    path: str = ""
    imports: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    is_there: bool = False
    joinings: tuple[Joining, ...] = ()


def helper_of(
    names: Names,
    blocks: frozenset[str],
    torch: str,
    nn: str,
    copy: str,
    warnings: str,
    missing: tuple[str, ...] = (),
) -> Helper:
    """A helper that has some blocks, as ``Helper`` says it."""
    joined = joinings(blocks, names.joined_layers)
    return Helper(names, blocks, torch, nn, copy, warnings, missing=missing, joinings=joined)


def emitted(tree: ast.Module) -> list[ast.stmt]:
    """The classes and functions of the helper in a source that has it."""
    named = [each for each in tree.body if _KNOWN.fullmatch(getattr(each, "name", ""))]
    return named if any(_is_ours(each) for each in named) else []


def _is_ours(definition: ast.stmt) -> bool:
    """Whether a function is the helper's, and none that has its name by chance."""
    names = {each.id for each in walk(definition) if isinstance(each, ast.Name)}
    is_splitting = _SPLITTING.fullmatch(getattr(definition, "name", "")) is not None
    return is_splitting and any(_KNOWN.fullmatch(each) for each in names)


def is_splitting(source: Source, function: ast.expr) -> bool:
    """Whether what is called is one of the helper's functions that split."""
    return is_of_helper(source, function, _SPLITTING, _is_ours)


def make_helper(
    source: Source,
    plan: BuiltPlan,
    path: str,
    more: frozenset[str] = frozenset(),
    used: frozenset[str] = frozenset(),
) -> Helper:
    """Name the helper so that nothing else in the source has its names.

    Args:
        source: the source.
        plan: what it is needed for.
        path: the module to import it from; empty to have it in the source.
        more: the blocks of copies in the source that give way to the import.
        used: the names of those copies that it uses.
    """
    needed = frozenset(_functions(plan))
    blocks = plan.blocks.union(*(BLOCKS_OF.get(each, frozenset()) for each in needed))
    blocks |= {"norm"} if blocks & {"layers", "pairs", "source"} else set()
    blocks |= blocks_for(plan.own_norms, source, path)[0]
    if path:
        return _imported(source, needed, blocks | more, path, used)
    if _is_there(source, blocks):
        return Helper(blocks=blocks, is_there=True)
    taken = names_in(source.tree)
    names = {each.name: fresh(str(each.default), taken) for each in fields(Names)}
    before = place_for_definition(source, plan.users()).lineno
    scope = source.scope(source.tree)
    missing: list[str] = []

    def spelled(path: str) -> str:
        found = spell_in_module(source, path, before)
        if found is None or (path in _STANDARD and _may_be_hidden(source)):
            found = fresh(path, {*scope.bindings, *(_STANDARD if _may_be_hidden(source) else ())})
            missing.append(path if found == path else f"{path} as {found}")
        return found

    torch = spelled("torch")
    nn = spell_in_module(source, "torch.nn", before) or f"{torch}.nn"
    copy = spelled("copy") if blocks & _COPYING else ""
    warnings = spelled("warnings") if "weight_norm" in blocks else ""
    return helper_of(Names(**names), blocks, torch, nn, copy, warnings, tuple(missing))


def _may_be_hidden(source: Source) -> bool:
    """Whether any name may be another: after ``from utils import *`` copy may be anything."""
    scope = source.scope(source.tree)
    return any(is_unknown_star(each.path) for each in scope.star_imports)


def _functions(plan: BuiltPlan) -> Iterator[str]:
    """The fields of ``Names`` that a source calls."""
    yield from (_OF_CHANGE[each.kind] for each in plan.changes)
    if any(isinstance(each, Line) and each.condition for each in plan.changes):
        yield "split"
    if plan.calls.feeds:
        yield "outputs"
    if any("identity" in each.marks for each in plan.changes):
        yield "identity"
    if any(not step.is_known for each in plan.calls.feeds for step in each.steps):
        yield "each"
    if plan.carried:
        yield "slices"
    if plan.halved:
        yield "halves"
    if plan.calls.padded:
        yield "padded"


def _imported(
    source: Source, needed: frozenset[str], blocks: frozenset[str], path: str, used: frozenset[str]
) -> Helper:
    """The helper of another module, of which the source imports what it has not imported yet."""
    bindings = source.scope(source.tree).bindings
    taken = names_in(source.tree)
    imports = {each: each for each in used}
    names = {}
    for key in _FUNCTIONS:
        usual = names[key] = str(getattr(Names(), key))
        found = bindings.get(usual, [])
        is_imported = bool(found) and all(each.path.endswith(f".{usual}") for each in found)
        if key in needed and usual not in used and not is_imported:
            names[key] = fresh(usual, taken)
            imports[names[key]] = usual
    shown = (usual if usual == name else f"{usual} as {name}" for name, usual in imports.items())
    imported = tuple(sorted(shown))
    return Helper(Names(**names), blocks, path=path, imports=imported, is_there=not imports)


def _is_there(source: Source, blocks: frozenset[str]) -> bool:
    """Whether the source holds what is needed of the helper already."""
    there = {getattr(each, "name", "") for each in emitted(source.tree)}
    return blocks <= blocks_there(source) and all(
        str(each.default) in there
        for each in fields(Names)
        if BLOCKS_OF.get(each.name, frozenset()) <= blocks
    )


def blocks_there(source: Source) -> frozenset[str]:
    """The blocks of the helper that a source holds."""
    spans = map(source.span, emitted(source.tree))
    return blocks_in("\n".join(source.text[each.start : each.end] for each in spans))


def helper_source(templates: Templates, blocks: frozenset[str]) -> str:
    """The module that holds some of the helper, for sources that import it; not formatted."""
    copy = "copy" if blocks & _COPYING else ""
    warnings = "warnings" if "weight_norm" in blocks else ""
    return templates.render(
        TEMPLATE, "module", helper_of(Names(), blocks, "torch", "nn", copy, warnings)
    )


def insert_helper(
    source: Source, helper: Helper, users: Iterable[ast.AST], templates: Templates
) -> Iterator[Insertion]:
    """What puts the helper, or its import, into the source."""
    if helper.is_there:
        return
    if helper.path:
        place, above, below = place_beside_imports(source, helper.path)
        imported = partial(templates.render, TEMPLATE, "imported", helper)
        yield Insertion(place, imported, below, above)
        return
    place = line_above_comments(source, place_for_definition(source, users))
    definitions = partial(templates.render, TEMPLATE, "definitions", helper)
    yield Insertion(place, definitions, blank_lines=2, blank_lines_above=2)
