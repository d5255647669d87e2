"""Tell what a call builds that does not name a convolution class of torch itself."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Literal

from ..reading.classes import ClassIndex
from ..reading.convolutions import (
    GROUPS_POSITION,
    conv_class,
    is_functional_convolution,
)
from ..reading.names import meaning
from ..reading.source import Source
from .called import (
    callables,
    calls_of,
    escapes,
    gives_conv,
    holds_conv,
    speaks_of_classes,
)
from .functional import has_weight_of_its_convolution
from .subclasses import Subclass, find_subclass
from .unknown_callee import (
    hands_on_to_builder,
    is_foreign,
    is_made_elsewhere,
    is_named_as_convolution,
    may_build,
    name_of,
)

# Those with classes of the same names that are not torch's.
_OTHER_FRAMEWORKS = frozenset(("flax", "jittor", "mindspore", "mlx", "paddle", "tinygrad"))
_PARTIAL = "functools.partial"
_MAKING = (_PARTIAL, "torch.nn.utils.skip_init")
"""What is given a class to make something of it."""


@dataclass(frozen=True)
class Indirect:
    """What a call may build that gets a convolution class in another way than by its own name.

    Attributes:
        kind: ``"held"`` where the class is known only at run time, if it is one; ``"subclass"``
            where it is defined in the source; ``"partial"`` for a ``functools.partial`` of a
            convolution class; ``"refused"`` where there is nothing that could be split.
        reason: why it cannot be split, if refused; else what is known of it.
        subclass: what is known of it, or of one that a variable may hold.
        is_function: whether it is a convolution as a function.
    """

    kind: Literal["held", "subclass", "partial", "refused"]
    reason: str = ""
    subclass: Subclass | None = None
    is_function: bool = False


def find_indirect(index: ClassIndex, call: ast.Call) -> Indirect | None:
    """What a call may build; None where it is no convolution as far as the source tells."""
    callee = meaning(index.source, call.func)
    if getattr(call.func, "attr", "") == "__init__":
        return _initialiser(index, call)
    is_of_interest = callee.kind not in ("class", "function") and _may_matter(
        index, call, callee.path
    )
    return _called(index, call, callee.path) if is_of_interest else None


def refused(subclass: Subclass) -> Indirect:
    """That a subclass cannot be split, with the reason."""
    reason = f"{subclass.node.name} is a subclass of {subclass.base}: {subclass.refusal}"
    return Indirect("refused", reason)


def _may_matter(index: ClassIndex, call: ast.Call, path: str) -> bool:
    """Whether the text alone does not tell that a call builds no grouped convolution."""
    has_groups = any(keyword.arg == "groups" for keyword in call.keywords)
    if is_functional_convolution(path) or (path in _MAKING and speaks_of_classes(index)):
        return True
    root, dot, _ = path.partition(".")
    if root in _OTHER_FRAMEWORKS:
        return False  # of a library that has another class of the name
    if path and root and not passes_groups(call):
        return hands_on_to_builder(index, call, path)  # a library knows no groups else
    if path and dot:
        return passes_groups(call) or "conv" in name_of(call.func).lower()
    return has_groups or speaks_of_classes(index) or is_named_as_convolution(index, call)


def _called(index: ClassIndex, call: ast.Call, path: str) -> Indirect | None:
    """What a call of something may build, by what that may be."""
    if path in _MAKING:
        is_made = bool(call.args) and holds_conv(index, call.args[0])
        return Indirect("partial" if path == _PARTIAL else "held") if is_made else None
    if gives_conv(index, call.func):
        return Indirect("held")
    found = [*callables(index, call.func)]
    paths = [path] if path else [getattr(each, "path", "") for each in found]
    if paths and all(map(is_functional_convolution, paths)):
        return _function(index, call)
    if any(map(is_foreign, found)) or not found:
        return Indirect("held") if may_build(index, call) else None
    is_elsewhere = is_made_elsewhere(index, call)
    return Indirect("held", "another file builds it") if is_elsewhere else None


def _initialiser(index: ClassIndex, call: ast.Call) -> Indirect | None:
    """What a subclass passes to the ``__init__`` of its base: it is split where it is called."""
    owner = index.source.class_around(call)
    subclass = find_subclass(index, owner) if owner is not None else None
    if subclass is None:
        of_torch = conv_class(meaning(index.source, call.func).path.rpartition(".")[0])
        shown = _shown(index.source, call.func)
        reason = f"{shown} is called for an object that is there"
        return Indirect("refused", reason) if of_torch is not None else None
    called, unseen = list[ast.Call](), list[int]()
    for each in index.classes[subclass.node].descendants():
        calls, kind = calls_of(index, each.node), find_subclass(index, each.node)
        direct = [one for one in calls if meaning(index.source, one.func).node is each.node]
        called += direct if subclass.refusal else calls
        unseen += (getattr(one, "lineno", 0) for one in escapes(index, each.node))
        if kind is not None and not kind.is_plain:
            unseen += (one.lineno for one in calls if one not in direct)
    if subclass.refusal:
        return refused(subclass) if not called else None
    if called and not unseen:
        return None
    where = f"where it is passed on (line {min(unseen)})" if unseen else "here"
    name = f"{subclass.node.name} is a subclass of {subclass.base}"
    return Indirect("refused", f"{name}, to be split where it is called, which is not seen {where}")


def _function(index: ClassIndex, call: ast.Call) -> Indirect | None:
    """A convolution as a function, but for that of a forward of a convolution."""
    owner = index.source.class_around(call)
    is_own = owner is not None and find_subclass(index, owner) is not None
    if is_own or has_weight_of_its_convolution(index, call):
        return None
    reason = "is a function: there is no module to split, and PLiNIO takes none"
    shown = _shown(index.source, call.func)
    return Indirect("refused", f"{shown} {reason}", is_function=True)


def passes_groups(call: ast.Call) -> bool:
    """Whether groups are among the arguments of a call for all to see."""
    is_named = any(keyword.arg == "groups" for keyword in call.keywords)
    return is_named or len(call.args) > GROUPS_POSITION


def _shown(source: Source, function: ast.expr) -> str:
    """Code on one line, cut where it is long."""
    line = source.one_line(function)
    return line if len(line) <= 40 else f"{line[:37]}..."
