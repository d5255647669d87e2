"""What earlier versions of gencode have emitted, which is left as it is.

They split a convolution where it was built: ``split_groups(nn.Conv2d(...))``. Of those of a loop it
is still known only at run time whether they are depthwise.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from typing import Final

from ..outcome import Warning
from ..reading.directives import Directives
from ..reading.parts import walk
from ..reading.scopes import FUNCTIONS
from ..reading.source import Source

_NAMES: Final = (
    *("SplitGroups", "SplitGroupsTransposed", "is_grouped", "split_groups", "split_by_filter"),
    *("build_split", "apply_to_parts", "split_and_apply", "parts_of", "joined"),
    *("parts_with", "equal_parts", "load_parts", "JoinGroups", "split_norm"),
    *("split_norms", "split_each_norm", "join_outputs", "outputs_of", "apply_padded"),
    *("pad_slices", "copy_padding"),
)
_KNOWN: Final = re.compile(rf"({'|'.join(_NAMES)})(_\d+)?")
_SPLITTING: Final = re.compile(r"(split_groups|split_by_filter|split_and_apply|build_split)(_\d+)?")
_STILL: Final = (
    *("SplitGroups", "is_grouped", "split_by_filter", "build_split"),
    *("outputs_of", "apply_padded", "copy_padding"),
)
_GONE: Final = re.compile(rf"({'|'.join(each for each in _NAMES if each not in _STILL)})(_\d+)?")
_OF_NOW: Final = re.compile(r"Branches(_\d+)?")
_LEFT: Final = (
    "an earlier gencode has emitted this, and it is left as it is: split the original again to have"
    " it as it would be now"
)


def emitted(tree: ast.Module) -> list[ast.stmt]:
    """The classes and functions of the helper in a source that gencode has split."""
    named = [each for each in tree.body if _KNOWN.fullmatch(getattr(each, "name", ""))]
    is_ours = any(_is_ours(each) for each in named if isinstance(each, FUNCTIONS))
    return named if is_ours else []


def helper_of_earlier(tree: ast.Module) -> list[ast.stmt]:
    """Those of them that are of an earlier version; the helper of now has some of its names."""
    found = emitted(tree)
    if not any(_OF_NOW.fullmatch(getattr(each, "name", "")) for each in tree.body):
        return found
    return [each for each in found if _GONE.fullmatch(getattr(each, "name", ""))]


def warn_of_earlier(source: Source, directives: Directives) -> Iterator[Warning]:
    """Say where a source first has what an earlier version has emitted."""
    found: list[ast.stmt | ast.expr] = [*helper_of_earlier(source.tree)]
    if not found:
        calls = (each for each in source.nodes if isinstance(each, ast.Call))
        found = [each for each in calls if _is_given(source, each, _GONE)]
    first = min(found, key=source.span, default=None)
    if first is not None and directives.skip(first) is None:
        yield Warning(*source.place(first), _LEFT)


def is_split_already(source: Source, call: ast.Call) -> bool:
    """Whether a call that builds a convolution is what gencode has written.

    It is an argument of a helper's function, or one of a loop's convolutions, which has groups
    only where it turns out depthwise.
    """
    return _is_given(source, call, _SPLITTING) or _is_in_loop(source, call)


def _is_in_loop(source: Source, call: ast.Call) -> bool:
    """Whether a call is made as often as its groups are divided by, beside an earlier helper."""
    match source.parent(call):
        case ast.GeneratorExp(
            generators=[ast.comprehension(iter=ast.Call(args=[ast.Name(id=count)]))]
        ):
            groups = [ast.unparse(each.value) for each in call.keywords if each.arg == "groups"]
            is_divided = any(each.endswith(f" // {count}") for each in groups)
            return is_divided and bool(helper_of_earlier(source.tree))
    return False


def _is_given(source: Source, call: ast.Call, names: re.Pattern[str]) -> bool:
    """Whether a call is an argument of a helper's function, or has one as its first."""
    parent = source.parent(call)
    around = parent.func if isinstance(parent, ast.Call) and call in parent.args else None
    return any(is_of_helper(source, each, names, _is_ours) for each in (around, *call.args[:1]))


def is_of_helper(
    source: Source,
    function: ast.expr | None,
    names: re.Pattern[str],
    is_ours: Callable[[ast.stmt], bool],
) -> bool:
    """Whether an expression is a name of a helper: imported, or of a function of that here."""
    if not isinstance(function, ast.Name) or not names.fullmatch(function.id):
        return False
    found = source.scope(function).lookup(function.id)
    return found is not None and all(
        each.kind == "import" or (isinstance(each.node, ast.FunctionDef) and is_ours(each.node))
        for each in found[1]
    )


def _is_ours(function: ast.AST) -> bool:
    """Whether a function is the helper's, and not one that has its name by chance."""
    names = {each.id for each in walk(function) if isinstance(each, ast.Name)}
    return any(_KNOWN.fullmatch(each) or each == "error_msgs" for each in names)
