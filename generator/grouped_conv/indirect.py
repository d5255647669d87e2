"""Tell what a call builds that does not name a convolution class of torch itself."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Literal

from ..reading.classes import ClassIndex
from ..reading.convolutions import (
    CONV_CLASSES,
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
    is_other_class,
    speaks_of_classes,
)
from .functional import has_weight_of_its_convolution
from .subclasses import Subclass, find_subclass
from .unknown_callee import is_foreign, is_made_elsewhere, is_used_as_module, makes_any_conv, role

# Those with classes of the same names that are not torch's.
_OTHER_FRAMEWORKS = frozenset(("flax", "jittor", "mindspore", "mlx", "paddle", "tinygrad"))
_HELD_NAME = re.compile(
    r"(\w*_)?conv([123]?d)?(_?(layer|cls|class|type|op|fn|func|module|block|builder|factory))?",
    re.IGNORECASE,
)
_CONV_NAME = re.compile(r"[A-Z]\w*Conv(Transpose)?[123]d|Conv(Transpose)?[123]d\w*")
_BLOCK_NAME = re.compile(r"[123]d(.*[\da-z_])?(BN|Bn|bn|Norm|Act|ReLU|Relu|Block)")


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
    if callee.kind == "import":
        return _imported(index, call, callee.path)
    if callee.kind == "class" and isinstance(callee.node, ast.ClassDef):
        subclass = find_subclass(index, callee.node)
        if subclass is None:
            return None
        return refused(subclass) if subclass.refusal else Indirect("subclass", subclass=subclass)
    if getattr(call.func, "attr", "") == "__init__":
        return _initialiser(index, call)
    return None if callee.kind == "function" else _called(index, call)


def refused(subclass: Subclass) -> Indirect:
    """That a subclass cannot be split, with the reason."""
    reason = f"{subclass.node.name} is a subclass of {subclass.base}: {subclass.refusal}"
    return Indirect("refused", reason)


def _called(index: ClassIndex, call: ast.Call) -> Indirect | None:
    """What a call of a variable may build, by what the variable may be."""
    has_groups = any(keyword.arg == "groups" for keyword in call.keywords)
    if not (has_groups or speaks_of_classes(index) or _may_be_conv_by_text(index, call)):
        return None
    if gives_conv(index, call.func):
        return Indirect("held")
    found = [*callables(index, call.func)]
    paths = [getattr(each, "path", "") for each in found]
    if paths and all(map(is_functional_convolution, paths)):
        return _function(index, call)
    if found and not any(map(is_foreign, found)):
        return None
    if has_groups and _is_named_like_a_class(call):
        return Indirect("held")
    is_conv = _may_be_conv_by_text(index, call) or is_used_as_module(index, call)
    return Indirect("held") if is_conv else None


def _may_be_conv_by_text(index: ClassIndex, call: ast.Call) -> bool:
    """Whether what is called is named as a convolution class, or looked up by such a name."""
    name = getattr(call.func, "attr", "") or getattr(call.func, "id", "")
    is_name = isinstance(call.func, ast.Name) and _is_conv_name(name)
    is_named = name in CONV_CLASSES or is_name
    return is_named or _is_getattr_of_conv(index, call.func) or makes_any_conv(index, call)


def _is_getattr_of_conv(index: ClassIndex, callee: ast.expr) -> bool:
    """Whether something is called that a computed name gives, as ``getattr(nn, f"Conv{n}d")``."""
    if isinstance(callee, ast.Name):
        known = index.source.scope(callee).only_value(callee.id)
        callee = known[1] if known is not None else callee
    match callee:
        case ast.Call(func=ast.Name(id="getattr"), args=[module, name, *_]):
            is_of_nn = meaning(index.source, module).path.startswith("torch.nn")
            return is_of_nn and "Conv" in index.source.code(name)
    return False


def _is_named_like_a_class(call: ast.Call) -> bool:
    """Whether what is called is a ``conv_layer`` by its name, and given what that would take."""
    name = getattr(call.func, "attr", "") or getattr(call.func, "id", "")
    return _HELD_NAME.fullmatch(name) is not None and len(call.args) + len(call.keywords) > 3


def _initialiser(index: ClassIndex, call: ast.Call) -> Indirect | None:
    """What a subclass passes to the ``__init__`` of its base: it is split where it is called."""
    owner = index.source.class_around(call)
    subclass = find_subclass(index, owner) if owner is not None else None
    if subclass is None:
        return None
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


def _imported(index: ClassIndex, call: ast.Call, path: str) -> Indirect | None:
    module, _, name = path.rpartition(".")
    if is_functional_convolution(path):
        return _function(index, call)
    if path in ("torch.nn.utils.skip_init", "functools.partial"):
        may_matter = passes_groups(call) or speaks_of_classes(index)
        makes_conv = may_matter and bool(call.args) and holds_conv(index, call.args[0])
        return Indirect("partial" if module == "functools" else "held") if makes_conv else None
    if conv_class(module) is not None and name == "__init__":
        return _initialiser(index, call) or Indirect(
            "refused",
            f"{_shown(index.source, call.func)} is called for an object that is there",
        )
    root = module.partition(".")[0]
    if root in _OTHER_FRAMEWORKS or (root and not passes_groups(call)):
        return None  # of a library that has another class of the name; or that knows no groups
    found = [*callables(index, call.func)]
    if found and all(map(is_other_class, found)):
        return None
    if not _is_conv_name(name):
        may_matter = passes_groups(call) or "conv" in name.lower()
        if may_matter and is_made_elsewhere(index, call):
            return Indirect("held", "another file builds it")
        return Indirect("held") if is_used_as_module(index, call) else None
    return Indirect("held") if role(index, call) != "other" else None


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


def _is_conv_name(name: str) -> bool:
    """Whether a class is a convolution by its name, and not one with a norm or more behind it."""
    return _CONV_NAME.fullmatch(name) is not None and _BLOCK_NAME.search(name) is None


def _shown(source: Source, function: ast.expr) -> str:
    """Code on one line, cut where it is long."""
    line = source.one_line(function)
    return line if len(line) <= 40 else f"{line[:37]}..."
