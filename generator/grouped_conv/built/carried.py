"""Find slices that are taken of a norm's output, through activations, into one variable.

Before::

    out = self.conv1(x)
    out = self.bn1(out)
    out = self.relu(out)
    spx = torch.split(out, self.width, 1)

After, where a line of the constructor splits both into parts of that width::

    out = self.conv1(x)
    spx = slices_of(out, self.width, self.bn1, self.relu)

The activations go over each slice, where they are known to go over each value by itself; or else,
and where the two are no parts of that width, all is done as it was.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from ... import torch_api
from ...facts.values import External, Object, Value, Values, is_strange
from ...reading.names import meaning
from ...reading.source import Source
from ..norms.norm_after import Pair
from ..reads import binds, reads_after, reads_in
from ..refusal import Refusal, line_of
from ..tracing import Tracing
from .plan import Carried

_SPLITS: Final = ("torch.split", "torch.functional.split")


def splits(source: Source) -> Iterator[tuple[ast.Call, ast.expr, ast.expr]]:
    """The calls that give a variable slices along dimension 1, with the tensor and their width."""
    for node in source.nodes:
        match node:
            case ast.Assign(targets=[ast.Name()], value=ast.Call() as call):
                given = _given(source, call)
                if given is not None:
                    yield call, *given


def _given(source: Source, call: ast.Call) -> tuple[ast.expr, ast.expr] | None:
    """The tensor and the width of its slices, where a call is of ``split``."""
    names: tuple[str, ...]
    if meaning(source, call.func).path in _SPLITS:
        names = ("tensor", "split_size_or_sections", "dim")
    elif isinstance(call.func, ast.Attribute) and call.func.attr == "split":
        names = ("split_size", "dim")
    else:
        return None
    found = {str(each.arg): each.value for each in call.keywords}
    found |= dict(zip(names, call.args, strict=False))
    if isinstance(call.func, ast.Attribute) and len(names) == 2:
        found["tensor"] = call.func.value
    width = found.pop("split_size", None) or found.pop("split_size_or_sections", None)
    match found:
        case {"tensor": tensor, "dim": ast.Constant(value=1)} if len(found) == 2:
            return (tensor, width) if width is not None else None
    return None


class Chain:
    """What a convolution gives on its way to such a call, from there back.

    Args:
        tracing: of the source.
        pair: the convolution with its norm.
    """

    def __init__(self, tracing: Tracing, pair: Pair) -> None:
        self.source = tracing.index.source
        self.facts = tracing.surroundings.facts
        self.norms = {each.norm for each in pair.followed}

    def carried(self, call: ast.Call, tensor: ast.expr, width: ast.expr) -> Carried | None:
        """The call with all that is between; None where the norm is not what it comes from."""
        first = self.source.statement(call)
        gone: list[ast.stmt] = []
        activations: list[ast.expr] = []
        while True:
            if isinstance(tensor, ast.Name):
                before = self._before(first)
                if not isinstance(before, ast.Assign) or not binds(before, tensor.id):
                    return None
                gone.insert(0, before)
                first, tensor = before, before.value
            match tensor:
                case ast.Call(args=[given], keywords=[]) if tensor in self.norms:
                    norm = tensor.func
                    break
                case ast.Call(args=[given], keywords=[]):
                    activations.insert(0, tensor.func)
                    tensor = given
                case _:
                    return None
        return Carried(call, given, norm, tuple(activations), width, tuple(gone))

    def _before(self, statement: ast.stmt) -> ast.stmt | None:
        block = self.source.block(statement)
        at = block.index(statement)
        return block[at - 1] if at > 0 else None

    def check(self, found: Carried) -> None:
        """See that the statements can go, and that the activations go over each value.

        Raises:
            Refusal: that is not so.
        """
        source, own = self.source, self.source.statement(found.call)
        for each in found.activations:
            if not self._is_elementwise(self.facts.values(each)):
                shown = source.shown(each)
                raise Refusal(f"{shown} is not known to go over each value ({line_of(each)})")
        for statement, after in pairwise((*found.statements, own)):
            (name,) = (each.id for each in getattr(statement, "targets", ()))
            if not binds(own, name) and reads_after(source, own, name) != []:
                raise Refusal(f"{name} is read again ({line_of(own)})")
            if len(reads_in(after, name)) != 1 or not source.has_own_lines(statement):
                raise Refusal(f"{name} is read twice ({line_of(after)})")

    def _is_elementwise(self, callees: Values) -> bool:
        """Whether what is called is elementwise, or may be a module, of which the helper asks."""
        known = [each for each in callees if not is_strange(each)]
        return bool(known) and all(
            self._is_function(each) if isinstance(each, External) else self._is_module(each)
            for each in known
        )

    def _is_function(self, callee: External) -> bool:
        module, _, name = callee.path.rpartition(".")
        is_torchs = module in ("torch", "torch.nn.functional")
        return is_torchs and f"torch.nn.{name}".lower() in _ELEMENTWISE

    def _is_module(self, callee: Value) -> bool:
        return isinstance(callee, Object) and callee.kind in torch_api.ELEMENTWISE


_ELEMENTWISE: Final = frozenset(
    each.lower() for each in torch_api.ELEMENTWISE if "ropout" not in each and "PReLU" not in each
) - {"torch.nn.rrelu", "torch.nn.identity", "torch.nn.threshold"}
"""Classes by whose name, in small letters, functions are called that do the same."""
