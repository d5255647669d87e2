"""Where a statement stores what it builds, so that a line behind it can split that.

self.pool = Pool(            self.pool = Pool(
    nn.Conv2d(                   nn.Conv2d(
        ...                          ...
    ),                           ),
    norm,                        norm,
)                            )
                             self.pool.conv = split_conv(self.pool.conv)
"""

from __future__ import annotations

import ast
from typing import Final

from ...reading.callees import parameters_given
from ...reading.calls import is_plain
from ...reading.classes import ClassIndex
from ...reading.containers import container, is_container
from ...reading.names import meaning
from ...reading.scopes import FUNCTIONS, Function, assigned_value

_DISPLAYS: Final = (ast.List, ast.ListComp, ast.Dict, ast.DictComp)
_MODULES: Final = frozenset(("torch.nn.Module", "torch.nn.modules.module.Module"))
_ADDING: Final = frozenset(("add_module", "register_module"))
_UNUSUAL: Final = frozenset(("__new__", "__setattr__", "__getattribute__", *_ADDING))
"""The methods by which an attribute may be something else than it was given."""


def stored_as(index: ClassIndex, node: ast.expr) -> str | None:
    """The code that is what an expression has given, once its statement is done."""
    parent = index.source.parent(node)
    match parent:
        case ast.Assign(targets=[target], value=value) if value is node:
            return _read_again(index, target)
        case ast.AnnAssign(target=target, value=value) if value is node:
            return _read_again(index, target)
        case ast.Call(func=ast.Attribute(value=instance, attr=name)) if name in _ADDING:
            return _added(index, parent, instance, node)
        case ast.Call() if node in parent.args:
            return _argument(index, parent, node)
        case ast.keyword(arg=str(name)):
            return _argument(index, index.source.parent(parent), node, name)
        case ast.List() | ast.Dict():
            return _entry(index, parent, node)
    return None


def _read_again(index: ClassIndex, target: ast.expr) -> str | None:
    """The code of a target, where that gives what has just been assigned to it."""
    match target:
        case ast.Name():
            return target.id
        case ast.Attribute(value=ast.Name(id=name) as instance, attr=attr):
            return f"{name}.{attr}" if _is_usual(index, instance, attr) else None
        case ast.Subscript(value=held, slice=key) if is_plain(key) and _keeps_all(index, held):
            return ast.unparse(target)
    return None


def _is_usual(index: ClassIndex, instance: ast.expr, attribute: str) -> bool:
    """Whether an object is a self whose attribute is what it has been given."""
    owner = index.self_class(instance)
    return owner is not None and not any(
        {attribute, *_UNUSUAL} & each.scope.bindings.keys()
        for each in index.classes[owner].relatives()
    )


def _keeps_all(index: ClassIndex, held: ast.expr) -> bool:
    """Whether a list or a dict, of Python or of torch, is all that an expression may be."""
    source, values = index.source, list[ast.expr | None]()
    match held:
        case ast.Name(id=name):
            found = source.scope(held).lookup(name)
            values = [each.value for each in found[1]] if found is not None else []
        case ast.Attribute(value=instance, attr=attr) if index.self_class(instance) is not None:
            stores = [each.node for each in index.accesses(attr)]
            stores = [each for each in stores if isinstance(each.ctx, ast.Store)]
            values = [assigned_value(source.parent_of, each) for each in stores]
    shown = [each.left if isinstance(each, ast.BinOp) else each for each in values]
    return bool(shown) and all(
        isinstance(each, _DISPLAYS) or (isinstance(each, ast.Call) and is_container(index, each))
        for each in shown
    )


def _added(index: ClassIndex, call: ast.Call, instance: ast.expr, node: ast.expr) -> str | None:
    """The child that a method of torch's has made of an expression."""
    match call:
        case ast.Call(args=[ast.Constant(value=str(name)), given], keywords=[]):
            is_done = given is node and isinstance(index.source.parent(call), ast.Expr)
            is_held = isinstance(instance, (ast.Name, ast.Attribute)) and name.isidentifier()
            is_told = _is_usual(index, instance, name) or is_container(index, instance)
            return f"{ast.unparse(instance)}.{name}" if is_done and is_held and is_told else None
    return None


def _argument(
    index: ClassIndex, call: ast.AST, node: ast.expr, keyword: str | None = None
) -> str | None:
    """The code for what a container of torch, or an object of the source, is built with."""
    assert isinstance(call, ast.Call)
    callee = meaning(index.source, call.func)
    place: str | None = None
    if container(callee.path) == "Sequential" and keyword is None:
        before = call.args[: call.args.index(node)]
        is_told = not any(isinstance(each, ast.Starred) for each in before)
        place = f"[{len(before)}]" if is_told else None
    elif isinstance(callee.node, ast.ClassDef):
        place = _attribute(index, callee.node, call, node, keyword)
    around = stored_as(index, call) if place is not None else None
    return f"{around}{place}" if around is not None else None


def _entry(index: ClassIndex, display: ast.List | ast.Dict, node: ast.expr) -> str | None:
    """The code for what an nn.ModuleList or an nn.ModuleDict is built with."""
    call = index.source.parent(display)
    if not isinstance(call, ast.Call) or call.args != [display] or call.keywords:
        return None
    kind, key = container(meaning(index.source, call.func).path), None
    if isinstance(display, ast.List) and kind == "ModuleList":
        at = display.elts.index(node)
        is_told = not any(isinstance(each, ast.Starred) for each in display.elts[:at])
        key = str(at) if is_told else None
    elif isinstance(display, ast.Dict) and kind == "ModuleDict" and node in display.values:
        named = display.keys[display.values.index(node)]
        key = ast.unparse(named) if isinstance(named, ast.Constant) else None
    around = stored_as(index, call) if key is not None else None
    return f"{around}[{key}]" if around is not None else None


def _attribute(
    index: ClassIndex, owner: ast.ClassDef, call: ast.Call, node: ast.expr, keyword: str | None
) -> str | None:
    """The attribute that an argument goes to of a class whose constructor does no more with it."""
    source, scope = index.source, index.classes[owner].scope
    found = [each.node for each in scope.bindings.get("__init__", [])]
    paths = [meaning(source, each).path for each in owner.bases]
    is_simple = not owner.decorator_list and not owner.keywords and len(paths) == 1
    if not is_simple or paths[0] not in _MODULES or len(found) != 1:
        return None
    (function,) = found
    if not isinstance(function, FUNCTIONS) or function.decorator_list:
        return None
    stars = {each.arg for each in (function.args.vararg, function.args.kwarg) if each is not None}
    given = set(parameters_given(source, function, node, call, keyword)) - stars
    uses = list(source.names(function, *given)) if len(given) == 1 else []
    match [source.parent(each) for each in uses]:
        case [ast.Assign(targets=[ast.Attribute(attr=name) as target], value=value) as stored] if (
            stored in function.body and value is uses[0] and _is_usual(index, target.value, name)
        ):
            return f".{name}" if _only_stores(index, function, target) else None
    return None


def _only_stores(index: ClassIndex, function: Function, target: ast.Attribute) -> bool:
    """Whether a constructor hands its self to nobody, and speaks of an attribute only once."""
    source = index.source
    for each in source.names(function, function.args.args[0].arg):
        match source.parent(each):
            case ast.Attribute(attr=attr) as access:
                around = source.parent(access)
                is_called = isinstance(around, ast.Call) and around.func is access
                if is_called or (attr == target.attr and access is not target):
                    return False
            case ast.Call(func=ast.Name(id="super")):
                pass
            case _:
                return False
    return True
