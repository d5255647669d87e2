"""Find code that goes over modules, parameters or a state dict and would do something else.

It finds the parts of what is split as well: more of them, of fewer channels, by other names, some
in a class of the helper. What does the same to each of them is harmless, and is listed here; all
else is said.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import takewhile
from typing import Final

from .. import torch_api
from ..facts.facts import Facts
from ..facts.heap import Use
from ..facts.values import External, Object, Value
from ..outcome import Warning
from ..reading.convolutions import SETTINGS
from ..reading.source import Source
from .norms.kinds import NORM_READS, NORM_TENSORS
from .surroundings import Surroundings

_SIZES: Final = frozenset(
    ("in_channels", "out_channels", "groups", "num_features", "numel", "shape", "size", "nelement")
)
_OVER_ALL: Final = frozenset(
    (
        *("norm", "mean", "std", "var", "max", "min", "amax", "amin", "median", "topk", "sort"),
        *("quantile", "kthvalue", "argmax", "argmin", "sum", "cumsum", "softmax", "unique"),
    )
)
"""Methods and functions that take a tensor as a whole, be it one of a part."""
_OF_CHILDREN: Final = frozenset(("children", "named_children", "modules", "named_modules"))
_ASKS: Final = frozenset(("_get_name", "extra_repr", "__repr__", "__str__"))
_ASKING: Final = frozenset(("builtins.str", "builtins.repr", "torch.typename"))
_KNOWN: Final = (
    SETTINGS - {"transposed"}
    | torch_api.GIVES_ACCESS
    | torch_api.HARMLESS_METHODS
    | {"weight", "bias", "training", "__class__", "register_forward_hook"}
    | {*NORM_READS, *NORM_TENSORS}
)
"""What a split convolution has, what is looked at elsewhere, and what no convolution has."""
_REPLACES: Final = re.compile(r"\*|\[\]|in_channels|out_channels|groups|num_features|weight|bias")
_SPLITS: Final = frozenset(("split", "rsplit", "count", "partition", "rpartition", "replace"))
_MATCHES: Final = frozenset(("endswith", "startswith", "find", "index", "rfind", "__eq__"))


def warn_of_walks(
    around: Surroundings,
    first: ast.Call,
    split: Iterable[ast.Call],
    names: Collection[str],
    is_done: Callable[[ast.AST], bool],
    told: Collection[int],
) -> Iterator[Warning]:
    """Say where something is done with all modules, or parameters, that is another for parts.

    Args:
        around: the facts of its source, and those of the files that speak of it.
        first: the first construction of what is split.
        split: those of what is split when it is built.
        names: the attributes that hold what is split.
        is_done: whether a node is done with before anything is split.
        told: the lines of which something has been said already.
    """
    facts, lines = around.facts, {("", each) for each in told}
    found = [*_differing(facts, names), *_of_objects(facts, split)]
    for use, what in sorted(found, key=lambda each: _place(each[0])):
        node = use.node
        if not isinstance(node, (ast.expr, ast.stmt)) or is_done(node):
            continue
        if not around.may_matter(node):
            continue
        its = around.source_of(node)
        if (its.name, node.lineno) in lines or _is_of_one_group(its, node):
            continue
        lines.add((its.name, node.lineno))
        message = f"{what}: the parts of what is split may give another result"
        yield around.warning(node, message, first)


def _is_of_one_group(source: Source, node: ast.AST) -> bool:
    """Whether a number of channels is divided by the groups: a part has as many by itself."""
    around = takewhile(lambda each: isinstance(each, ast.BinOp), source.ancestors(node))
    divided = (each for each in around if isinstance(each, ast.BinOp))
    return any(
        isinstance(each.op, (ast.FloorDiv, ast.Div)) and getattr(each.right, "attr", "") == "groups"
        for each in divided
    )


def _place(use: Use) -> tuple[int, int]:
    return getattr(use.node, "lineno", 0), getattr(use.node, "col_offset", 0)


def _differing(facts: Facts, names: Collection[str]) -> Iterator[tuple[Use, str]]:
    """What is done that depends on sizes, counts, classes or names, and how to call that."""
    for walked in facts.walked():
        if walked.kind == torch_api.WALKED_NAME:
            yield from _of_names(facts.uses(walked), names)
            continue
        for path, use in facts.uses_with_parts(walked):
            is_module = walked.kind == torch_api.WALKED["modules"]
            what = _of_module(path, use) if is_module else _of_tensor(use)
            if what:
                yield use, what
    for container in facts.walks():
        yield from _of_container(facts, container)
    for node, path in facts.patched():
        if path.startswith("torch.nn."):
            yield Use("write", node), f"{path} is changed"


def _of_objects(facts: Facts, split: Iterable[ast.Call]) -> Iterator[tuple[Use, str]]:
    """What is done with what is split itself that a split one does not know."""
    for call in split:
        made = (each for each in facts.values(call) if isinstance(each, Object))
        convs = (each for each in made if each.kind in torch_api.CONVOLUTIONS)
        for conv in convs:
            for use in () if facts.is_plain(conv) else facts.uses(conv):
                what = _of_object(use)
                if what:
                    yield use, f"{what} of a split convolution"


def _of_object(use: Use) -> str:
    """What is done with a convolution that a split one does not know, or answers otherwise."""
    if use.kind == "read" and use.name.lstrip("*") in _OF_CHILDREN:
        return "what is in it is asked for,"
    if use.kind == "read" and use.name not in _KNOWN and not use.name.startswith("*"):
        return f"{use.name} is asked for"
    if use.kind == "write" and use.name in SETTINGS:
        return f"{use.name} is set"
    if use.kind == "method" and use.name in _ASKS:
        return "the class is asked for"
    if use.kind == "argument" and _path(use) in _ASKING:
        return "the class is asked for"
    return ""


def _of_module(path: str, use: Use) -> str:
    """What is done with each module that depends on what it is; empty for what does not."""
    name = use.name.rpartition(".")[2]
    if use.kind == "read" and use.name in _SIZES:
        return f"{use.name} is read of each module"
    if use.kind in ("method", "argument") and path.partition(".")[0] in ("weight", "bias"):
        return _of_tensor(use)
    if use.kind == "method" and use.name.startswith(("weight.", "bias.")):
        return f"{name}() of a weight is taken" if name in _OVER_ALL | _SIZES else ""
    if use.kind == "read" and use.name.lstrip("*") in _OF_CHILDREN:
        return ""  # which is a walk by itself
    if use.kind == "write" and not path and _REPLACES.fullmatch(use.name):
        return "a module in each is replaced" if use.name in "*[]" else f"{use.name} is set"
    if use.kind == "read" and use.name.startswith("*hasattr"):
        return "what each module has is asked for"
    if use.kind == "method" and use.name in _ASKS:
        return "the class of each module is asked for"
    if use.kind == "escape" and not path and not _is_of_tree(use):
        return "each module is handed on"
    return ""


def _is_of_tree(use: Use) -> bool:
    """Whether something is handed on only as what is gone over itself, applied or printed."""
    is_applied = use.name == "()"
    is_told = use.name in ("_modules", "__dict__", "any of many")
    return is_applied or is_told or not isinstance(use.node, ast.Call)


def _of_tensor(use: Use) -> str:
    """What is done with each weight that takes it as a whole; empty for what does not."""
    name = use.name.rpartition(".")[2] if use.kind == "method" else ""
    if use.kind in ("argument", "input") and _path(use):
        name = _path(use).rpartition(".")[2]
    if name in _OVER_ALL and _path(use) != "builtins.sum":
        return f"{name}() of each weight is taken"
    return ""


def _path(use: Use) -> str:
    """What lies outside and is given a value; empty where that is something else."""
    return use.by.path if isinstance(use.by, External) else ""


def _of_names(uses: Iterable[Use], names: Collection[str]) -> Iterator[tuple[Use, str]]:
    """What is asked of the names of modules or weights that the parts have not."""
    for use in uses:
        if use.kind == "method" and use.name in _SPLITS:
            yield use, "the name of each is taken apart"
        elif use.kind == "compare" or (use.kind == "method" and use.name in _MATCHES):
            if any(set(re.split(r"\W", each)) & {*names} for each in _texts(use.node)):
                yield use, "one is chosen by its name"


def _texts(node: ast.AST) -> list[str]:
    """The texts in an expression."""
    return [
        each.value
        for each in ast.walk(node)
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    ]


def _of_container(facts: Facts, container: Value) -> Iterator[tuple[Use, str]]:
    """What is done with the list of all of them that depends on how many there are."""
    for use in facts.uses(container):
        if use.kind == "item":
            yield use, "one is chosen by its place"
        elif use.kind == "argument" and _path(use) == "builtins.len":
            yield use, "they are counted"
