"""Find every use of an attribute that holds a grouped convolution, or why that cannot be done."""

from __future__ import annotations

import ast

from ..reading.classes import Access, Class, ClassIndex
from ..reading.naming import is_mangled, mangled
from ..reading.scopes import COMPREHENSIONS
from .refusal import Refusal, line_of


def find_calls(
    index: ClassIndex, owner: ast.ClassDef, name: str, definitions: list[ast.Attribute]
) -> tuple[ast.Call, ...]:
    """All calls of ``self.name``; ``definitions`` are the targets that give it a convolution.

    Raises:
        Refusal: it is, or may be, used in another way too.
    """
    own = index.classes[owner]
    relatives = own.relatives()
    obstacle = _unseen_use(index, own, relatives, name)
    if obstacle:
        raise Refusal(obstacle)
    calls: list[ast.Call] = []
    for access in index.accesses(name):
        if access.node in definitions:
            continue
        user = index.classes[access.owner] if access.owner is not None else None
        if user is not None and _is_another(index, user, own, name):
            continue
        obstacle = _obstacle_of(index, access, user, own, name)
        if obstacle:
            raise Refusal(obstacle)
        call = index.source.parent(access.node)
        assert isinstance(call, ast.Call)
        calls.append(call)
    if not calls:
        raise Refusal(f"no call of self.{name} found")
    return tuple(sorted(calls, key=lambda call: index.source.span(call)))


def _is_another(index: ClassIndex, user: Class, own: Class, name: str) -> bool:
    """Whether what a class calls ``self.name`` is certainly another attribute of that name."""
    if user in own.relatives():
        return is_mangled(name) and user is not own
    around = list(user.ancestors())
    if any(each.is_unclear for each in around):
        return False
    if any(each.outer_bases or name in each.names for each in around):
        return True
    storing = index.storing(name)
    return any(each.node in storing for each in around)


def _unseen_use(index: ClassIndex, own: Class, relatives: list[Class], name: str) -> str:
    """Why an attribute may be reached by another way than ``self.name``."""
    outer = [base for each in own.ancestors() for base in each.outer_bases]
    if outer:
        return f"the base class {outer[0]} may use self.{name}"
    declaring = [each for each in relatives if name in each.names]
    if declaring:
        return f"{name} is also declared in the body of class {declaring[0].node.name}"
    private = mangled(own.node, name)
    if private != name and (index.accesses(private) or private in index.mentions.quoted):
        return f"it is also reached as {private}"
    for node in index.mentions.quoted.get(name, ()):
        return f"{name!r} appears in a string ({line_of(node)})"
    for node in index.mentions.computed(name):
        return f"it may be reached by a computed name ({line_of(node)})"
    for node in (*(walk for each in relatives for walk in each.walks), *index.foreign_walks):
        return f"code goes through all modules or attributes ({line_of(node)})"
    for node in index.code_runners:
        return f"it may be reached by code in a string ({line_of(node)})"
    for node in index.reparametrisations:
        return f"it may be given another parametrization with all modules ({line_of(node)})"
    return ""


def _obstacle_of(
    index: ClassIndex, access: Access, user: Class | None, own: Class, name: str
) -> str:
    """Why one use of an attribute is not a call that can be rewritten."""
    node = access.node
    where = line_of(node)
    if user is None:
        return f"{index.source.code(node)} may be the same attribute ({where})"
    if user not in own.relatives():
        return f"{user.node.name} uses self.{name} too, and may get it from here ({where})"
    if not isinstance(node.ctx, ast.Load):
        return f"self.{name} is also assigned or deleted elsewhere ({where})"
    if user not in own.descendants():
        return f"{user.node.name}, from which its class inherits, uses self.{name} too ({where})"
    call = index.source.parent(node)
    if not isinstance(call, ast.Call) or call.func is not node:
        return f"self.{name} is not only called ({where})"
    if any(isinstance(parent, ast.JoinedStr) for parent in index.source.ancestors(node)):
        return f"it is called inside an f-string ({where})"
    scope = index.source.scope(call)
    while isinstance(scope.node, COMPREHENSIONS) and scope.parent is not None:
        scope = scope.parent
    if isinstance(scope.node, ast.ClassDef):
        return f"it is called in the body of a class ({where})"
    keywords = [keyword.arg for keyword in call.keywords]
    positional = [argument for argument in call.args if not isinstance(argument, ast.Starred)]
    if len(positional) != len(call.args) or None in keywords:
        return f"it is called with arguments behind * or ** ({where})"
    if not positional and "input" not in keywords:
        return f"it is called without an input ({where})"
    return ""
