"""Tell what a call builds that does not name a convolution class of torch itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ..reading.callees import parameters_given
from ..reading.class_uses import uses_of_class
from ..reading.classes import ClassIndex
from ..reading.convolutions import (
    CONV_CLASSES,
    GROUPS_POSITION,
    conv_class,
    is_functional_convolution,
)
from ..reading.kept import kept
from ..reading.names import meaning
from ..reading.parts import walk
from ..reading.scopes import FUNCTIONS, Binding
from ..reading.source import Source
from .subclasses import Subclass, find_subclass
from .unknown_callee import is_made_elsewhere, is_used_as_module, makes_any_conv, role

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
    """

    kind: Literal["held", "subclass", "partial", "refused"]
    reason: str = ""
    subclass: Subclass | None = None


def find_indirect(index: ClassIndex, call: ast.Call) -> Indirect | None:
    """What a call may build; None where it is no convolution as far as the source tells."""
    source, function = index.source, call.func
    callee = meaning(source, function)
    if callee.kind == "import":
        return _imported(index, call, callee.path)
    if callee.kind == "class" and isinstance(callee.node, ast.ClassDef):
        subclass = find_subclass(index, callee.node)
        if subclass is None:
            return None
        if subclass.refusal:
            return refused_subclass(subclass)
        return Indirect("subclass", subclass=subclass)
    if isinstance(function, ast.Attribute):
        if function.attr == "__init__":
            return _initialiser(index, call)
        if function.attr in CONV_CLASSES:
            return Indirect("held")
    if callee.kind == "function":
        return None
    if callee.kind == "unknown" and _is_conv_name(source.code(function)):
        return Indirect("held")
    if any(keyword.arg == "groups" for keyword in call.keywords):
        if callee.kind in ("parameter", "value") and _is_named_like_a_class(function, call):
            return Indirect("held")
    elif _is_in_forward(source, call):
        return None  # of a module that was built with a class: self.block(x, **kwargs)
    is_conv = holds_class(index, function) or is_used_as_module(index, call)
    return Indirect("held") if is_conv or makes_any_conv(index, call) else None


def refused_subclass(subclass: Subclass) -> Indirect:
    """That a subclass cannot be split, with the reason."""
    reason = f"{subclass.node.name} is a subclass of {subclass.base}: {subclass.refusal}"
    return Indirect("refused", reason)


def _initialiser(index: ClassIndex, call: ast.Call) -> Indirect | None:
    """What a subclass passes to the ``__init__`` of its base: it is split where it is called."""
    owner = index.source.class_around(call)
    subclass = find_subclass(index, owner) if owner is not None else None
    if subclass is None:
        return None
    if subclass.refusal:
        is_told = uses_of_class(index, subclass.node).direct
        return refused_subclass(subclass) if not is_told else None
    reason = (
        f"{subclass.node.name} is a subclass of {subclass.base}, to be split where it is called"
    )
    reason += ", which is not seen"
    is_called, unseen = False, []
    for each in index.classes[subclass.node].descendants():
        uses, kind = uses_of_class(index, each.node), find_subclass(index, each.node)
        is_called |= bool(uses.direct or uses.calls)
        unseen += uses.escapes
        unseen += uses.calls if kind is not None and not kind.is_plain else []
    if unseen:
        line = min(each.lineno for each in unseen)
        return Indirect("refused", f"{reason} where it is passed on (line {line})")
    return Indirect("refused", f"{reason} here") if not is_called else None


def _is_named_like_a_class(function: ast.expr, call: ast.Call) -> bool:
    """Whether what is called is a ``conv_layer`` by its name, and given what that would take."""
    name = getattr(function, "attr", "") or getattr(function, "id", "")
    return _HELD_NAME.fullmatch(name) is not None and len(call.args) + len(call.keywords) > 3


def _is_in_forward(source: Source, call: ast.Call) -> bool:
    return any(getattr(each, "name", "") == "forward" for each in source.ancestors(call))


def _imported(index: ClassIndex, call: ast.Call, path: str) -> Indirect | None:
    module, _, name = path.rpartition(".")
    if is_functional_convolution(path):
        owner = index.source.class_around(call)
        if owner is not None and find_subclass(index, owner) is not None:
            return None  # of the forward of a convolution
        shown = _shown(index.source, call.func)
        return Indirect(
            "refused", f"{shown} is a function: there is no module to split, and PLiNIO takes none"
        )
    if path == "torch.nn.utils.skip_init":
        return Indirect("held") if call.args and holds_class(index, call.args[0]) else None
    if path == "functools.partial":
        makes_conv = bool(call.args) and holds_class(index, call.args[0])
        return Indirect("partial") if makes_conv else None
    if conv_class(module) is not None and name == "__init__":
        return _initialiser(index, call) or Indirect(
            "refused",
            f"{_shown(index.source, call.func)} is called for an object that is there",
        )
    root = module.partition(".")[0]
    if root in _OTHER_FRAMEWORKS or (root and not passes_groups(call)):
        return None  # of a library that has another class of the name; or that knows no groups
    if not _is_conv_name(name):
        if is_made_elsewhere(index, call):
            return Indirect("held", "another file builds it")
        return Indirect("held") if is_used_as_module(index, call) else None
    return Indirect("held") if role(index, call) != "other" else None


def passes_groups(call: ast.Call) -> bool:
    """Whether groups are among the arguments of a call for all to see."""
    is_named = any(keyword.arg == "groups" for keyword in call.keywords)
    return is_named or len(call.args) > GROUPS_POSITION


def _is_conv_name(name: str) -> bool:
    """Whether a class is a convolution by its name, and not one with a norm or more behind it."""
    return _CONV_NAME.fullmatch(name) is not None and _BLOCK_NAME.search(name) is None


@kept
def holds_class(
    index: ClassIndex, expression: ast.expr, depth: int = 3, with_keys: bool = True
) -> bool:
    """Whether an expression, or what it is bound to, mentions a convolution class.

    What is looked up in a dict, as in ``counters[type(m)]``, is none of its keys.
    """
    source = index.source
    if any(_mentioned(source, expression, with_keys)):
        return True
    if depth == 0:
        return False
    return any(
        holds_class(index, given, depth - 1, with_keys and not _is_looked_up_in(source, node))
        for node in walk(expression)
        for given in _given(index, node)
    )


def _is_looked_up_in(source: Source, node: ast.AST) -> bool:
    match source.parent(node):
        case ast.Subscript(value=value):
            return value is node
        case ast.Attribute(attr=attr):
            return attr in ("get", "pop")
    return False


def values_of(index: ClassIndex, expression: ast.expr) -> list[ast.expr]:
    """An expression, and what the names in it may get their values from."""
    given = [each for node in walk(expression) for each in _given(index, node)]
    more = [each for value in given for node in walk(value) for each in _given(index, node)]
    return [expression, *given, *more]


def _given(index: ClassIndex, node: ast.AST) -> Iterator[ast.expr]:
    """The expressions that a name or an attribute may get its value from."""
    source = index.source
    if isinstance(node, ast.Name):
        found = source.scope(node).lookup(node.id)
        for binding in found[1] if found is not None else ():
            yield from _given_by(index, binding)
    elif isinstance(node, ast.Attribute):
        for access in index.accesses(node.attr):
            if isinstance(access.node.ctx, ast.Store):
                yield from _assigned_in(source.statement(access.node))
        for each in index.classes.values():
            for binding in each.scope.bindings.get(node.attr, []):
                yield from _given_by(index, binding)


def _given_by(index: ClassIndex, binding: Binding) -> Iterator[ast.expr]:
    if binding.kind == "parameter":
        if binding.value is not None:
            yield binding.value
        yield from _passed_to(index, binding)
    elif isinstance(binding.node, FUNCTIONS):
        for node in walk(binding.node):
            if isinstance(node, ast.Return) and node.value is not None:
                yield node.value
    elif binding.kind in ("assign", "other"):
        yield from _assigned_in(index.source.statement(binding.node))


def _passed_to(index: ClassIndex, binding: Binding) -> Iterator[ast.expr]:
    """What the calls in the source may pass to the parameter that a binding is of."""
    source = index.source
    function = source.parent(source.parent(binding.node))
    own = getattr(function, "name", "")
    around = [each.name for each in source.ancestors(function) if isinstance(each, ast.ClassDef)]
    for name in {own, *around}:
        is_run = own in (name, "__init__") and not getattr(function, "decorator_list", [])
        for call in index.calls_of.get(name, []):
            given: list[tuple[ast.expr, str | None]] = [(each, None) for each in call.args]
            given += [(each.value, each.arg) for each in call.keywords]
            for value, keyword in given:
                if isinstance(function, FUNCTIONS) and is_run:
                    names = parameters_given(source, function, value, call, keyword)
                    if getattr(binding.node, "arg", "") not in names:
                        continue
                yield value


def _assigned_in(statement: ast.stmt) -> Iterator[ast.expr]:
    if isinstance(statement, (ast.For, ast.AsyncFor)):
        yield statement.iter
    elif isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
        yield statement.value


def _mentioned(source: Source, value: ast.expr, with_keys: bool) -> Iterator[str]:
    """The convolution classes that an expression mentions without calling them."""
    dicts = [each for each in walk(value) if isinstance(each, ast.Dict) and not with_keys]
    keys = [key for each in dicts for key in each.keys]
    for node in walk(value):
        if node in keys:
            continue
        if isinstance(node, (ast.Name, ast.Attribute)):
            path, parent = meaning(source, node).path, source.parent(node)
            is_called = isinstance(parent, ast.Call) and parent.func is node
            if conv_class(path) is not None and not is_called:
                yield path
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            if node.func.id == "getattr" and "Conv" in source.code(node):
                if meaning(source, node.args[0]).path.startswith("torch.nn"):
                    yield source.code(node)


def _shown(source: Source, function: ast.expr) -> str:
    """Code on one line, cut where it is long."""
    line = source.one_line(function)
    return line if len(line) <= 40 else f"{line[:37]}..."
