"""LeakyReLU, ELU, Hardswish and Hardsigmoid, which PLiNIO refuses, out of functions that it takes.

Before::

    import torch
    import torch.nn.functional as F
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3)
            self.act = nn.Hardswish()

        def forward(self, x):
            return self.act(self.conv(x))

After::

    import torch
    import torch.nn.functional as F
    from torch import nn


    class Hardswish(nn.Hardswish):
        \"\"\"The same function, out of simpler ones.\"\"\"

        def forward(self, input):
            return torch.multiply(input, torch.multiply(F.relu6(input + 3.0), 1 / 6))


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3)
            self.act = Hardswish()

        def forward(self, x):
            return self.act(self.conv(x))

It stays a subclass, with the same settings and no weights. They are the
same but for rounding, with the gradients at zero: there is no ``relu(-x)``, which has none. Up to
zero ELU has ``exp(x)`` as ``s / (1 - s)`` of the sigmoid ``s``, which is cut off at 1/2, and six
factors of that series are all that float64 has room for. What works
in place does not any more: it is rewritten where nothing else reads what it is applied to. A class
that is handed on (``activation_layer=nn.Hardswish``) becomes the new one too, where all is known
that is made of it. (PLiNIO commit 3d6b5e0)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Final

from .. import torch_api
from ..facts.order import in_order
from ..facts.values import Constant, External, Function, Object, Partial, Tensor, Unknown, Value
from ..reading.naming import numbered
from ..reading.source import Source
from ..rewriting.edits import Insertion, TextEdit
from ..rewriting.places import line_above_comments, place_for_definition
from ..torch_api.plinio import WITH_A_FORM
from .rule import Asking, Left, Proposal

CODE: Final = "activation"
_NAMES: Final = frozenset(each.rpartition(".")[2] for each in WITH_A_FORM)
_FUNCTIONS: Final = ("torch.multiply", "torch.sub", "torch.sigmoid")
_OF_NN: Final = ("torch.nn.functional.relu", "torch.nn.functional.relu6")
_INPLACE_SECOND: Final = ("LeakyReLU", "ELU")
_HANDING_ON: Final = (ast.keyword, ast.arguments, ast.IfExp, ast.Assign)
"""Where a class stands that is handed on."""
_KNOWN_USES: Final = ("argument", "call", "compare")
_FRESH: Final = torch_api.CONVOLUTIONS | torch_api.BATCH_NORMS | {"torch.nn.Linear"}


def may_apply(text: str) -> bool:
    """Whether a text has one of the names."""
    is_of_torch = "torch" in text or "import *" in text
    return is_of_torch and any(each in text for each in _NAMES)


def sites(source: Source) -> Iterator[ast.expr]:
    """The calls of what is named so, and where it is handed on."""
    for node in source.nodes:
        if getattr(node, "attr", getattr(node, "id", "")) not in _NAMES:
            continue
        assert isinstance(node, ast.expr), "statements have no such names"
        parent = source.parent(node)
        if isinstance(parent, ast.Call) and parent.func is node:
            yield parent
        elif isinstance(parent, _HANDING_ON):
            yield node


def is_meant(asking: Asking, node: ast.expr) -> bool:
    """Whether a module of torch is built, or may be elsewhere."""
    return bool(_kind(_knowing(asking, node), node))


def _knowing(asking: Asking, node: ast.expr) -> Asking:
    """What knows the class: the file, or its project where ``nn`` comes with a star from there."""
    is_known = any(not isinstance(each, Unknown) for each in asking.facts.values(_class_at(node)))
    has_star = "import *" in asking.source.text
    return asking if is_known or not has_star else asking.in_project()


def _kind(asking: Asking, node: ast.expr) -> str:
    """The name of the class; empty where it is another one."""
    values = asking.facts.values(_class_at(node))
    (value,) = values if len(values) == 1 else (None,)
    if not isinstance(value, External) or value.path not in WITH_A_FORM:
        return ""
    return _name(value.path)


def _name(path: str) -> str:
    return path.rpartition(".")[2]


def _class_at(node: ast.expr) -> ast.expr:
    """Where the class stands: what is called, or all of it."""
    return node.func if isinstance(node, ast.Call) else node


def propose(asking: Asking, node: ast.expr) -> Proposal:
    """A class of the source, before whatever makes use of it."""
    asking = _knowing(asking, node)
    kind = _kind(asking, node)
    _check_class(asking, kind)
    if isinstance(node, ast.Call):
        _check_in_place(asking, node)
    else:
        _check_handed_on(asking.in_project(), node)
    source, templates = asking.source, asking.templates
    statement = place_for_definition(source, [node])
    spelled = {each: asking.spelled(each, statement) for each in (*_FUNCTIONS, *_OF_NN)}
    whole, imports = asking.spelled(f"torch.nn.{kind}", statement)
    taken = source.scope(source.tree).bindings
    name = next(each for each in numbered(kind) if each not in taken)
    value = {each.rpartition(".")[2]: code for each, (code, _) in spelled.items()}
    value |= {"name": name, "kind": kind, "whole": whole}

    def emit_definition() -> str:
        return templates.render("activation.py.jinja", "definition", value)

    place = line_above_comments(source, statement)
    inserted = Insertion(place, emit_definition, blank_lines=2, blank_lines_above=2)
    edit = TextEdit(_class_at(node), _class_at(node), lambda code: name)
    more = tuple(dict.fromkeys((*imports, *(each for _, new in spelled.values() for each in new))))
    return Proposal(f"{name}, with a forward of its own", (edit, inserted), more)


def _check_class(asking: Asking, kind: str) -> None:
    """See that no code compares classes with one of which there is a subclass then.

    Raises:
        Left: one may.
    """
    for node in asking.source.nodes:
        if kind != getattr(node, "attr", getattr(node, "id", "")):
            continue
        if not isinstance(
            asking.source.parent(node), (ast.Call, ast.ClassDef, ast.Tuple, *_HANDING_ON)
        ):
            raise Left(f"the class {kind} is named for something else", node)
        assert isinstance(node, ast.expr), "statements have no such names"
        for use in (
            each for value in asking.facts.values(node) for each in asking.facts.uses(value)
        ):
            if use.kind == "compare" and not _is_with_none(use.node):
                raise Left(f"the class {kind} is compared with others", use.node)


def _is_with_none(node: ast.AST) -> bool:
    """Whether something is only asked whether it is None."""
    compared = node.comparators if isinstance(node, ast.Compare) else []
    return len(compared) == 1 and getattr(compared[0], "value", 0) is None


def _check_handed_on(asking: Asking, node: ast.expr) -> None:
    """See that all is known that is made of a class that is handed on.

    Raises:
        Left: it is not.
    """
    facts = asking.facts
    (value,) = facts.values(node) or (None,)
    if not facts.is_complete or not isinstance(value, External):
        raise Left("it is handed on, and what happens in its project is not known")
    uses = facts.uses(value)
    strange = next((each.node for each in uses if each.kind not in _KNOWN_USES), None)
    holders = (each for each, _ in facts.heap.holders(value))
    if strange is not None or any(not isinstance(each, (Function, Partial)) for each in holders):
        raise Left("it is handed on to what is not known, where it may work in place", strange)
    made = [each for each in facts.heap.used() if isinstance(each, Object)]
    own = [each for each in made if each.kind == value.path and _may_be_in_place(asking, each)]
    if own:
        _check_modules(asking, own)


def _may_be_in_place(asking: Asking, module: Object) -> bool:
    """Whether a module may be given another ``inplace`` than False."""
    given = asking.facts.argument(module, int(_name(module.kind) in _INPLACE_SECOND), "inplace")
    return any(not isinstance(each, Constant) or each.value is not False for each in given)


def _check_in_place(asking: Asking, node: ast.Call) -> None:
    """See that nothing tells whether a module works in place.

    Raises:
        Left: it does, or may, and what it is applied to may be read elsewhere.
    """
    given = [each.value for each in node.keywords if each.arg in ("inplace", None)]
    given += node.args[1:] if _kind(asking, node) in _INPLACE_SECOND else node.args
    if not all(isinstance(each, ast.Constant) and each.value is False for each in given):
        made = (each for each in in_order(asking.facts.values(node)) if isinstance(each, Object))
        _check_modules(asking, [*made])


def _check_modules(asking: Asking, modules: Sequence[Object]) -> None:
    """See that what some modules are applied to is read nowhere else.

    Raises:
        Left: it may be.
    """
    uses = [use for module in modules for use in asking.facts.uses(module)]
    calls = [each for each in uses if each.kind == "call"]
    if not calls or any(each.kind in ("escape", "return") for each in uses):
        raise Left("it may work in place, and what it is applied to is not known")
    for use in calls:
        inputs = asking.facts.inputs_of(use.result) if isinstance(use.result, Tensor) else ()
        if not inputs or not all(_is_only_for(asking, each, use.node) for each in inputs):
            raise Left("what it changes in place may be read elsewhere", use.node)


def _is_only_for(asking: Asking, value: Value, node: ast.AST) -> bool:
    """Whether a tensor is new, and has no use but at one place.

    What one layer of an nn.Sequential gives the next has no other: where it is used elsewhere, it
    is what the last layer gives.
    """
    if not isinstance(value, Tensor) or getattr(value.producer, "kind", "") not in _FRESH:
        return False
    return value.site is node or all(each.node is node for each in asking.facts.uses(value))
