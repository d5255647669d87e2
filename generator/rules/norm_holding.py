"""Make a class of norms with layers one of modules that hold the norm."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import partial
from typing import Final

from ..grouped_conv.norms.layered import INNER, Layered, layered
from ..grouped_conv.norms.own_norms import imported_function
from ..grouped_conv.norms.torch_forward import BATCH_NORM
from ..project_files import location_of
from ..reading.names import meaning
from ..reading.naming import names_in, numbered
from ..reading.source import Source
from ..rewriting.edits import Edit, Insertion, Removal, TextEdit
from ..rewriting.places import line_above_comments
from ..torch_api import NAMED_BATCH_NORM
from .norm_askers import askers
from .rule import Asking, Left, Proposal

_TEMPLATE: Final = "norm_subclass.py.jinja"
_HOLDER: Final = "NormWithLayers"


def held(asking: Asking, base: ast.expr) -> Proposal:
    """A class that holds the norm in place of torch's, and a call of the norm.

    Raises:
        Left: the class stays as it is.
    """
    source = asking.source
    cls = _class_of(source, base)
    what = _layered(source, cls)
    if what is None:
        raise Left("its forward is not known to be torch's with layers behind")
    _check_class(asking, cls)
    warnings = askers(source, asking.facts, cls)
    *_, forward = (each for each in cls.body if getattr(each, "name", "") == "forward")
    assert isinstance(forward, ast.FunctionDef), "it has been read"
    edits = [*_of_forward(asking, forward)]
    module, imports = asking.spelled("torch.nn.Module", cls)
    users = [each for each in source.tree.body if _base_of(source, each) == what.base]
    name = _name_for(source, what.base)
    value = {"name": name, "module": module, "norm": source.code(base)}
    definition = partial(asking.templates.render, _TEMPLATE, "definition", value)
    place = line_above_comments(source, users[0])
    skip = asking.directives.around(place)
    for each in (base, *(edit.node for edit in edits if isinstance(edit, TextEdit))):
        skip = skip or asking.directives.forbids(each)
    if skip is not None:
        raise Left(f"it is not changed: {skip}")
    holder = Insertion(place, definition, blank_lines=2, blank_lines_above=2)
    heading = TextEdit(base, base, lambda _: name)
    return Proposal(name, (heading, *edits, holder), imports, warnings)


def _class_of(source: Source, base: ast.expr) -> ast.ClassDef:
    cls = source.parent(base)
    assert isinstance(cls, ast.ClassDef), "sites are bases"
    return cls


def _layered(source: Source, cls: ast.ClassDef) -> Layered | None:
    location = location_of(source)
    if location is None:
        return layered(source, cls)
    module = location.module(source.tree, source.text)
    return layered(source, cls, partial(imported_function, module, location.files))


def _base_of(source: Source, node: ast.stmt) -> str:
    """The path of the norm of torch that a statement defines one with layers for, if it does."""
    if not isinstance(node, ast.ClassDef):
        return ""
    is_meant = any(NAMED_BATCH_NORM.search(source.code(each)) for each in node.bases)
    found = _layered(source, node) if is_meant else None
    return found.base if found is not None else ""


def _name_for(source: Source, base: str) -> str:
    """The name of what holds a norm of torch; one for each of its classes."""
    bases = dict.fromkeys(_base_of(source, each) for each in source.tree.body)
    taken = names_in(source.tree)
    free = (each for each in numbered(_HOLDER) if each not in taken)
    return next(name for name, each in zip(free, filter(None, bases), strict=False) if each == base)


def _check_class(asking: Asking, cls: ast.ClassDef) -> None:
    """See that the class itself does nothing that it can do only as a norm.

    Raises:
        Left: it does.
    """
    for each in asking.facts.classes(cls):
        if each.node is not cls:
            raise Left(f"{each.name} inherits from it", each.node)
    for node in ast.walk(cls):
        match node:
            case ast.Attribute(value=ast.Name(), attr=name) if name == INNER:
                raise Left(f"it has a {INNER} of its own", node)
            case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr=name):
                if name not in ("__init__", "forward"):
                    raise Left(f"it uses {name} of the norm", node)
            case ast.Attribute(attr="__dict__"):
                raise Left("it goes over the attributes of the norm", node)


def _of_forward(asking: Asking, forward: ast.FunctionDef) -> Iterator[Edit]:
    """What makes a forward call the norm that is held.

    What stands before is a copy of torch's, or checks its input, as the norm does for the rank.
    """
    source, body = asking.source, forward.body
    call = _applied(source, forward)
    at = next(i for i, each in enumerate(body) if call in ast.walk(each))
    is_copy = meaning(source, call.func).path == BATCH_NORM
    first = int(isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant))
    if any(_asks_shape(source, each) for each in body[first:at]):
        raise Left("it checks more of its input than the norm does")
    for each in (one for statement in body[first:at] for one in ast.walk(statement)):
        if isinstance(each, ast.stmt) and asking.directives.forbids(each) is not None:
            raise Left("a comment leaves a part of its forward alone", each)
    if first < at:
        yield Removal(body[first], body[at - 1], with_comments=True)
    given = call.args[0] if is_copy else call.args[-1]
    yield TextEdit(
        call, given, lambda code: asking.templates.render(_TEMPLATE, "call", {"x": code})
    )


def _applied(source: Source, forward: ast.FunctionDef) -> ast.Call:
    """The call in a forward that applies the norm."""
    return next(
        each
        for each in ast.walk(forward)
        if isinstance(each, ast.Call)
        and (
            meaning(source, each.func).path == BATCH_NORM
            or (isinstance(each.func, ast.Attribute) and each.func.attr == "forward")
        )
    )


def _asks_shape(source: Source, statement: ast.stmt) -> bool:
    """Whether a check asks for more than the rank of the input."""
    return any(
        isinstance(each, ast.Attribute)
        and each.attr in ("size", "shape")
        and getattr(getattr(source.parent(each), "func", None), "id", "") != "len"
        for each in ast.walk(statement)
    )
