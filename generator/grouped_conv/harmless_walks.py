"""What may be done with the names of all modules or weights, with their lists, and in loops."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from typing import Final

from .. import torch_api
from ..facts.facts import Facts
from ..facts.heap import Use
from ..facts.values import Constant, External, Object, Value
from ..reading.parts import walk
from ..reading.scopes import FUNCTIONS
from ..reading.source import Source
from .weights import ALIKE

_APART: Final = frozenset(("split", "rsplit", "count", "partition", "rpartition", "replace"))
_MATCHES: Final = frozenset(("endswith", "startswith", "find", "index", "rfind", "__eq__"))
_SAME: Final = frozenset(("format", "lower", "upper", "strip", "join", "ljust", "rjust", "encode"))
_NAMED_APART: Final = re.compile(r"re\.\w+|fnmatch\.\w+")
_COUNTED: Final = "they are counted"
_BY_PLACE: Final = "one is chosen by its place"
_ANY: Final = "it is asked whether there are any"
OF_NUMBERS: Final = frozenset((_COUNTED, _BY_PLACE, _ANY))
"""What depends on how many there are."""
_KEEPING: Final = frozenset(("append", "add", "extend", "update", "key", "any of many"))
_ADDED: Final = frozenset(("numel", "nelement", "sum", "size", "shape", "prod"))
_GOING_ON: Final = frozenset(("next", "pop", "popleft", "append", "add", "insert", "appendleft"))
_TESTING: Final = frozenset(("builtins.bool", "builtins.any"))
_COUNTING: Final = frozenset(
    ("builtins.len", "builtins.enumerate", "itertools.islice", "functools.reduce")
)
_CHANGING: Final = frozenset(
    ("update", "clear", "popitem", "move_to_end", "__setitem__", "__delitem__")
)


def of_name(use: Use, names: Collection[str]) -> str:
    """What is asked of the name of each that the parts have not."""
    path = use.by.path if isinstance(use.by, External) else ""
    if use.kind == "method" and use.name in _APART:
        return "the name of each is taken apart"
    if use.kind == "compare" or (use.kind == "method" and use.name in _MATCHES):
        return "one is chosen by its name" if _may_choose(use.node, names) else ""
    if use.kind == "escape" and use.name not in _KEEPING and isinstance(use.node, ast.Call):
        is_of_name = getattr(use.node.func, "attr", "") in _SAME | _MATCHES | _APART
        if is_of_name or (_NAMED_APART.fullmatch(use.name) and not _may_choose(use.node, names)):
            return ""
        return "the name of each is handed on"
    if use.kind == "argument" and path == "builtins.len":
        return "the name of each is measured"
    if use.kind == "item":
        return "the name of each is taken apart"
    return ""


def _may_choose(node: ast.AST, names: Collection[str]) -> bool:
    """Whether a text to compare with may be that of what is split, or is not known."""
    texts = [
        each.value
        for each in walk(node)
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    ]
    words = {word for text in texts for word in re.split(r"\W", text)}
    return not texts or bool(words & {*names}) or any(each.isdecimal() for each in words)


def of_container(facts: Facts, use: Use) -> str:
    """What is done with the list of all of them that depends on how many there are."""
    path = use.by.path if isinstance(use.by, External) else ""
    match use.kind:
        case "item":
            return "" if _is_by_walked_name(facts, use) else _BY_PLACE
        case "method" if use.name == "index":
            return _BY_PLACE
        case "write" | "method" if use.name == "[]" or use.name in _CHANGING:
            return "one is replaced"
        case "compare" if _is_asked_for(use.node):
            return "it is asked whether there is one by its name"
        case "argument" if path in _COUNTING:
            return _COUNTED
        case "test" | "argument" if use.kind == "test" or path in _TESTING:
            return _ANY
        case "argument" if path == "builtins.zip":
            return "" if _are_alike(use.node) else _COUNTED
        case "argument" if path == "builtins.next":
            return "" if _is_alike(facts, use.node) else _BY_PLACE
        case "escape" if isinstance(use.node, ast.Call):
            is_known = torch_api.ELEMENTWISE_ON_WEIGHTS.fullmatch(use.name)
            return "" if is_known or use.name in _KEEPING else "all are handed on"
    return ""


def _is_asked_for(node: ast.AST) -> bool:
    """Whether something is looked for in a list or a dict."""
    operations = node.ops if isinstance(node, ast.Compare) else []
    return any(isinstance(each, (ast.In, ast.NotIn)) for each in operations)


def _is_by_walked_name(facts: Facts, use: Use) -> bool:
    """Whether one of a dict is taken by a name that comes from a walk as well."""
    if not isinstance(use.node, ast.Subscript):
        return False
    values = facts.values(use.node.slice)
    return bool(values) and all(map(_is_name, values))


def _is_name(value: Value) -> bool:
    return isinstance(value, Object) and value.kind == torch_api.WALKED_NAME


def _are_alike(node: ast.AST) -> bool:
    """Whether zip is given nothing but the same walk over several modules."""
    arguments = node.args if isinstance(node, ast.Call) else []
    names = {
        each.func.attr
        for each in arguments
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and not each.args
    }
    is_each = all(isinstance(each, ast.Call) for each in arguments)
    return is_each and len(names) == 1 and names <= torch_api.WALKS.keys()


def _is_alike(facts: Facts, node: ast.AST) -> bool:
    """Whether only something is asked of the first that is the same of all."""
    values = facts.values(node) if isinstance(node, ast.expr) else ()
    found = [each for each in values if not isinstance(each, Constant)]
    return (
        bool(found)
        and all(
            isinstance(each, Object) and each.kind == torch_api.WALKED["parameters"]
            for each in found
        )
        and all(
            use.kind in ("test", "compare") or (use.kind == "read" and use.name in ALIKE)
            for each in found
            for use in facts.uses(each)
        )
    )


def of_loop(source: Source, node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """What is done in a loop over all of them that depends on how many there are, or on which."""
    loop = source.parent(node)
    if isinstance(loop, ast.comprehension):
        yield from _of_comprehension(source, loop)
    if not isinstance(loop, (ast.For, ast.AsyncFor)):
        return
    body = [one for statement in loop.body for one in walk(statement)]
    targets = _made_of(_names(loop.target), body)
    around = getattr(source.function_around(loop), "name", "")
    for each in body:
        match each:
            case ast.Break() if _loop_around(source, each) is loop:
                yield each, _BY_PLACE
            case ast.Return(value=ast.expr() as value) if _mentions(value, targets):
                if getattr(value, "attr", "") not in ALIKE:
                    yield each, _BY_PLACE
            case ast.Assign(value=value, targets=[target]) if not _mentions(target, targets):
                is_kept = isinstance(target, ast.Attribute) and _mentions(value, targets)
                if is_kept or (isinstance(value, ast.Name) and value.id in targets):
                    yield each, _BY_PLACE
                elif isinstance(target, ast.Name) and _mentions(value, {target.id}):
                    yield each, _COUNTED
            case ast.AugAssign(value=value) if not _mentions(value, targets):
                yield each, _COUNTED
            case ast.Call() if _goes_on(each, targets):
                yield each, _COUNTED
            case ast.Call(func=ast.Name(id=name)) if name == around and _grows(each, targets):
                yield each, "it depends on how deep each is"


def of_applied(function: ast.AST, by_apply: bool) -> Iterator[tuple[ast.AST, str]]:
    """What is done in a function that is applied to all that depends on how many, or on which."""
    arguments = getattr(function, "args", None)
    if not isinstance(function, FUNCTIONS) or not isinstance(arguments, ast.arguments):
        return
    names = {each.arg for each in arguments.args} - {"self"}
    body = [one for each in function.body for one in walk(each)]
    outer = {x for one in body if isinstance(one, (ast.Nonlocal, ast.Global)) for x in one.names}
    for each in body:
        match each:
            case ast.Assign(value=value, targets=[target]) if _is_kept_by(target, names, outer):
                if _mentions(value, names) and (not by_apply or each not in function.body):
                    yield each, _BY_PLACE  # apply itself ends with the whole model
                elif isinstance(target, ast.Name) and _mentions(value, {target.id}):
                    yield each, _COUNTED
            case ast.AugAssign(target=target, value=value) if _is_kept_by(target, names, outer):
                if not _mentions(value, names):
                    yield each, _COUNTED
            case ast.Call() if _goes_on(each, names):
                yield each, _COUNTED


def called_in(source: Source, node: ast.AST) -> Iterator[ast.expr]:
    """What is called with each, in a loop over all of them."""
    loop = source.parent(node)
    if isinstance(loop, (ast.For, ast.AsyncFor)):
        for each in (one for statement in loop.body for one in walk(statement)):
            if isinstance(each, ast.Call) and any(
                isinstance(one, ast.Name) and one.id in _names(loop.target) for one in each.args
            ):
                yield each.func


def _is_kept_by(target: ast.expr, names: set[str], outer: set[str]) -> bool:
    """Whether what is assigned is there once a function has ended, and is none of its arguments."""
    if isinstance(target, ast.Name):
        return target.id in outer
    return isinstance(target, ast.Attribute) and not _mentions(target, names)


def _of_comprehension(source: Source, loop: ast.comprehension) -> Iterator[tuple[ast.AST, str]]:
    whole = source.parent(loop)
    around = source.parent(whole)
    element = getattr(whole, "elt", getattr(whole, "key", None))
    name = getattr(around.func, "id", "") if isinstance(around, ast.Call) else ""
    if element is None:
        return
    is_sum = name == "sum" and not any(
        getattr(each, "attr", "") in _ADDED for each in walk(element)
    )
    if is_sum or name == "len" or not _mentions(element, _names(loop.target)):
        yield whole, _COUNTED


def _made_of(names: set[str], body: list[ast.AST]) -> set[str]:
    """The variables of a loop that are made of some."""
    found = set(names)
    for each in body:
        if isinstance(each, (ast.For, ast.comprehension)) and _mentions(each.iter, found):
            found |= _names(each.target)
        elif isinstance(each, ast.Assign) and _mentions(each.value, names):
            targets = [one for one in each.targets if isinstance(one, (ast.Name, ast.Tuple))]
            is_itself = isinstance(each.value, ast.Name)
            found |= set() if is_itself else set().union(*map(_names, targets))
    return found


def _goes_on(call: ast.Call, targets: set[str]) -> bool:
    """Whether a call takes the next of something else, or puts the same somewhere each time."""
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    is_same = not any(_mentions(each, targets) for each in (*call.args, call.func))
    return is_same and name in _GOING_ON


def _grows(call: ast.Call, targets: set[str]) -> bool:
    """Whether a function that calls itself is given another number each time."""
    return any(isinstance(each, ast.BinOp) and not _mentions(each, targets) for each in call.args)


def _loop_around(source: Source, node: ast.AST) -> ast.AST:
    return next(
        each
        for each in source.ancestors(node)
        if isinstance(each, (ast.For, ast.AsyncFor, ast.While))
    )


def _names(target: ast.AST) -> set[str]:
    return {each.id for each in walk(target) if isinstance(each, ast.Name)}


def _mentions(node: ast.AST, names: set[str]) -> bool:
    return any(isinstance(each, ast.Name) and each.id in names for each in walk(node))
