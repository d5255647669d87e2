"""``view`` and ``reshape`` that flatten: as ``torch.flatten``, which PLiNIO takes.

Before::

    x = x.view(x.size(0), -1)
    y = y.reshape(y.shape[0], -1)

After::

    x = torch.flatten(x, 1)
    y = torch.flatten(y, 1)

PLiNIO (commit 3d6b5e0) refuses ``view`` and ``reshape`` as unsupported nodes. Both are the same for
every tensor of two or more dimensions; of one, ``view`` gives a matrix and ``flatten`` raises.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from ..facts.values import Constant, Parameter, Size, Tensor
from ..reading.source import Source
from ..rewriting.edits import TextEdit
from .rule import Asking, Rewrite

CODE = "flatten"
_METHODS = ("view", "reshape")


def may_apply(text: str) -> bool:
    """Whether a tensor may be reshaped in a text."""
    return any(f".{each}(" in text for each in _METHODS)


def sites(source: Source) -> Iterator[ast.Call]:
    """The calls of the form ``x.view(n, -1)``."""
    for node in source.nodes:
        match node:
            case ast.Call(func=ast.Attribute(attr=name), keywords=[]) if name in _METHODS:
                if len(_dimensions(node)) == 2:
                    yield node


def rewrites(asking: Asking, sites: Iterable[ast.Call]) -> Iterator[Rewrite]:
    """Flatten where the first dimension stays and the second takes the rest."""
    for call in sites:
        assert isinstance(call.func, ast.Attribute)
        first, second = _dimensions(call)
        receiver = call.func.value
        rest = asking.facts.values(second)
        if {each.value for each in rest if isinstance(each, Constant)} != {-1} or len(rest) != 1:
            continue
        if not _is_own_batch(asking, first, receiver):
            continue
        yield _rewrite(asking, call, receiver, first)


def _dimensions(call: ast.Call) -> list[ast.expr]:
    """The new shape, which may be given as a tuple."""
    if len(call.args) == 1 and isinstance(call.args[0], (ast.Tuple, ast.List)):
        return call.args[0].elts
    return call.args


def _is_own_batch(asking: Asking, first: ast.expr, receiver: ast.expr) -> bool:
    """Whether a dimension is the first one of what is reshaped, in each case that there is."""
    sizes, tensors = asking.facts.values(first), asking.facts.values(receiver)
    if not sizes or not tensors or not all(isinstance(each, Size) for each in sizes):
        return False
    lengths = {each for each in sizes if isinstance(each, Size)}
    if any(each.dimension != 0 for each in lengths):
        return False
    batches = {asking.facts.batch_of(each.of) for each in lengths}
    return len(batches) == 1 and batches == {asking.facts.batch_of(each) for each in tensors}


def _rewrite(asking: Asking, call: ast.Call, receiver: ast.expr, first: ast.expr) -> Rewrite:
    source = asking.source
    skip = asking.directives.skip(call) or asking.directives.forbids(call)
    if skip is not None:
        return Rewrite(asking.finding(CODE, call, "skipped", f"{source.shown(call)}: {skip}"))
    reason = _obstacle(asking, call, receiver, first)
    spelled = asking.spelled("torch.flatten", call)
    if reason is None and spelled is None:
        reason = "torch has no name here"
    if reason is not None:
        message = f"{source.shown(call)}: {reason}"
        return Rewrite(asking.finding(CODE, call, "left", message))
    assert spelled is not None
    function, imports = spelled

    def emit(code: str) -> str:
        value = {"function": function, "x": code}
        return asking.templates.render("flatten.py.jinja", "expression", value)

    message = f"{source.shown(call)} -> {function}({source.shown(receiver)}, 1)"
    finding = asking.finding(CODE, call, "rewritten", message)
    return Rewrite(finding, (TextEdit(call, receiver, emit),), imports)


def _obstacle(asking: Asking, call: ast.Call, receiver: ast.expr, first: ast.expr) -> str | None:
    """Why a call cannot be replaced, if so."""
    if isinstance(receiver, (ast.NamedExpr, ast.Yield, ast.YieldFrom)):
        return "what is flattened is an assignment"
    if any(isinstance(each, (ast.NamedExpr, ast.Await, ast.Yield)) for each in ast.walk(first)):
        return "its arguments have side effects"
    if asking.has_comment_outside(call, receiver):
        return "a comment in it would be lost"
    values = asking.facts.values(receiver)
    if not all(isinstance(each, (Tensor, Parameter)) for each in values):
        return "what is flattened is not known to be a tensor"
    return None
