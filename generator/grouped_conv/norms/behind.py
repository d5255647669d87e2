"""Find the norms that take what a concatenation gives, wherever the flow of tensors shows them.

PLiNIO (commit 3d6b5e0) takes such a norm, and PIT's export after pruning then differs from the
masked model; MPS does not fold it. In 3d it takes none.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Set
from typing import Final

from ... import torch_api
from ...facts.facts import Facts
from ...facts.heap import Use
from ...facts.values import Instance, Object, Tensor, Value
from ...outcome import Warning
from ..surroundings import Surroundings
from .kinds import is_like_a_norm

_NORMS: Final = torch_api.BATCH_NORMS | torch_api.INSTANCE_NORMS
_BETWEEN: Final = torch_api.POOLINGS | frozenset(
    ("torch.nn.Identity", *(f"torch.nn.Dropout{each}" for each in ("", "1d", "2d", "3d")))
)
"""Modules that leave each channel by itself, and may stand between a convolution and its norm."""


def warn_of_norms(
    around: Surroundings,
    convolutions: Iterable[tuple[ast.Call, str]],
    joined: Set[ast.AST] = frozenset(),
) -> Iterator[Warning]:
    """Say which norms stay behind the concatenations of some convolutions.

    Args:
        around: the facts of their source, and of the files that speak of it.
        convolutions: the constructions of those whose norm is not split with them, as far as that
            is known, each with what a person calls it.
        joined: what builds norms that do not stay.
    """
    told: set[object] = set()
    facts = around.facts
    for call, name in convolutions:
        made = [each for each in facts.values(call) if isinstance(each, Object)]
        for conv in sorted(made, key=lambda each: len(each.context)):
            if facts.is_plain(conv):
                continue
            for use in facts.uses(conv):
                if use.kind == "call" and use.result is not None:
                    for norm in _norms_after(facts, use.result):
                        place = norm.by if isinstance(norm.by, Object) else norm.node
                        site = place.site if isinstance(place, Object) else place
                        if site not in told and site not in joined:
                            told.add(site)
                            yield _warning(around, norm, name, call)


def _warning(around: Surroundings, norm: Use, name: str, call: ast.Call) -> Warning:
    node = norm.node
    if isinstance(norm.by, Object) and isinstance(norm.by.site, ast.Call):
        node = norm.by.site
    assert isinstance(node, ast.Call)
    shown = around.source_of(node).shown(node if node is not norm.node else node.func)
    what = "" if norm.by is not None else ", which may be a norm,"
    message = (
        f"{shown}{what} stays behind the concatenation of {name}: PIT's export after pruning is"
        " wrong then, and MPS does not fold it"
    )
    return around.warning(node, message, call)


def _norms_after(facts: Facts, tensor: Value) -> Iterator[Use]:
    """The uses by norms that take a tensor, perhaps from where it is returned to."""
    seen: set[Value] = set()
    todo = [tensor]
    while todo:
        each = todo.pop()
        if each in seen:
            continue
        seen.add(each)
        for use in facts.uses(each):
            if isinstance(use.node, ast.Call) and _is_norm(facts, use):
                yield use
            elif use.result is not None and _is_passed(use):
                todo.append(use.result)
            elif use.kind == "input" and isinstance(use.by, Instance):
                todo += facts.given_to(use.by)
            elif use.kind == "return" and isinstance(each, Tensor) and each.owner is not None:
                todo += _given_to_callers(facts, each.owner)


def _given_to_callers(facts: Facts, owner: Instance) -> Iterator[Value]:
    """What calling a module gives, where it is called."""
    for use in facts.uses(owner):
        if use.kind == "call" and use.result is not None:
            yield use.result


def _is_norm(facts: Facts, use: Use) -> bool:
    """Whether a tensor is given to a norm, or to what is not known and called like one."""
    match use.by:
        case Object(kind=kind):
            return kind in _NORMS
        case Instance(cls=cls):
            return any(each in _NORMS for each in cls.externals)
    if use.kind != "escape" or not isinstance(use.node, ast.Call):
        return False
    callees = facts.values(use.node.func)
    name = ast.unparse(use.node.func).rpartition(".")[2]
    is_of_torch = any(getattr(each, "path", "").startswith("torch.") for each in callees)
    is_function = is_of_torch or name.endswith("_")  # such as trunc_normal_
    return not is_function and is_like_a_norm(name)


def _is_passed(use: Use) -> bool:
    """Whether what is made of a tensor has its channels, each by itself."""
    kind = use.by.kind if isinstance(use.by, Object) else getattr(use.by, "path", "")
    return kind in _BETWEEN or kind == "any of several"
