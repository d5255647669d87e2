"""Find the norms that take what a concatenation gives, wherever the flow of tensors shows them.

PLiNIO (commit 3d6b5e0) takes such a norm, and PIT's export after pruning then differs from the
masked model; MPS does not fold it. In 3d it takes none.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Set
from dataclasses import replace
from typing import Final

from ... import torch_api
from ...facts.facts import Facts
from ...facts.heap import Use
from ...facts.values import ANY_OF_SEVERAL, Constant, Instance, Object, Tensor, Value, is_strange
from ...outcome import Warning
from ..surroundings import Surroundings
from .kinds import is_like_a_norm, is_norm, name_of

_FUNCTIONS: Final = frozenset(f"torch.nn.functional.{each}_norm" for each in ("batch", "instance"))
_FUNCTIONS_BETWEEN: Final = re.compile(
    r"torch\.(nn\.functional\.|Tensor\.)?(\w*pool[123]d|dropout[123]?d?|interpolate|upsample|pad"
    rf"|contiguous|clone|to|float|half|double|type_as)|{ANY_OF_SEVERAL}"
)
_BETWEEN: Final = frozenset(
    each
    for each in torch_api.SAME_CHANNELS
    if re.search(r"Pool\dd|Pad\dd|Upsampl|Dropout|Identity", each)
)
"""What leaves each channel by itself, and may stand between a convolution and its norm."""


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
    for call, name in convolutions:
        for norm, why in _norms_behind(around.facts, call):
            place = norm.by if isinstance(norm.by, Object) else norm.node
            site = place.site if isinstance(place, Object) else place
            if site not in told and site not in joined:
                told.add(site)
                yield _warning(around, norm, f"{name}{why}", call)


def _norms_behind(facts: Facts, construction: ast.Call) -> Iterator[tuple[Use, str]]:
    """The uses by norms of what a convolution gives, wherever it is applied."""
    made = [each for each in facts.values(construction) if isinstance(each, Object)]
    for conv in sorted(made, key=lambda each: len(each.context)):
        for use in facts.calls(conv) if not facts.is_plain(conv) else ():
            is_norm = use.by is None and is_strange(conv) and _is_like_a_norm(facts, use.node)
            if use.result is not None and not is_norm:  # which something may be that is not known
                yield from _norms_after(facts, use.result)


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
    return replace(around.warning(node, message, call), code="branch-norm")


def applied_walk(around: Surroundings) -> Use | None:
    """Where modules are applied that a walk goes over, be they what they may."""
    for walked in filter(around.may_go_over, around.facts.walked.things()):
        for use in around.facts.uses(walked):
            if use.kind == "call" or (use.kind == "escape" and use.name == "()"):
                return use
    return None


def sequence_of(use: Use) -> Value | None:
    """The nn.Sequential that a module is applied as a step of; None where it is called itself."""
    step = use.result.step if isinstance(use.result, Tensor) else None
    while isinstance(step, tuple):
        (step, *_) = step
    return step if isinstance(step, (Instance, Object)) else None


def _norms_after(facts: Facts, tensor: Value) -> Iterator[tuple[Use, str]]:
    """The uses by norms that take a tensor, perhaps from where it is returned to.

    Each with why a convolution does not have it to itself, as far as that is seen.
    """
    seen: set[Value] = set()
    todo = [(tensor, "")]
    while todo:
        each, why = todo.pop()
        if each in seen:
            continue
        seen.add(each)
        todo += ((given, why) for given in _returned_with_others(facts, each))
        taken = facts.uses(each)
        if len({use.node for use in taken}) > 1:
            why = why or ", whose output has another use"
        for use in taken:
            if isinstance(use.node, ast.Call) and _is_norm(facts, use):
                yield use, why
            elif use.result is not None and _is_passed(facts, use):
                todo.append((use.result, ", which it does not follow directly"))
            elif use.kind == "input" and isinstance(use.by, Instance):
                todo += ((given, why) for given in facts.given_to(use.by))
            elif use.kind == "return" and isinstance(each, Tensor) and each.owner is not None:
                todo += ((given, why) for given in _given_to_callers(facts, each.owner))


def _given_to_callers(facts: Facts, owner: Instance) -> Iterator[Value]:
    """What calling a module gives, where it is called."""
    for use in facts.calls(owner):
        if use.result is not None:
            yield use.result


def _returned_with_others(facts: Facts, tensor: Value) -> Iterator[Value]:
    """What a tensor is where a module is called that returns it in a tuple."""
    slots = facts.heap.slots
    for holder, _ in facts.heap.holders(tensor):
        is_returned = any(use.kind == "return" for use in facts.uses(holder))
        if isinstance(holder, Object) and holder.owner is not None and is_returned:
            at = [place for place, each in enumerate(slots(holder)) if tensor in each.values]
            for given in _given_to_callers(facts, holder.owner):
                if isinstance(given, Tensor) and given.step in {(None, place) for place in at}:
                    yield given


def _is_norm(facts: Facts, use: Use) -> bool:
    """Whether a tensor is given to a norm, or to what is not known and called like one."""
    if use.by is not None:
        return is_norm((use.by,)) or getattr(use.by, "path", "") in _FUNCTIONS
    return use.kind == "escape" and _is_like_a_norm(facts, use.node)


def _is_like_a_norm(facts: Facts, call: ast.AST) -> bool:
    """Whether what is called may be a norm, by the name of it or of what makes it."""
    if not isinstance(call, ast.Call):
        return False
    callees = facts.values(call.func)
    name = ast.unparse(call.func).rpartition(".")[2]
    is_of_torch = any(getattr(each, "path", "").startswith("torch.") for each in callees)
    is_function = is_of_torch or name.endswith("_")  # such as trunc_normal_
    return not is_function and any(map(is_like_a_norm, (name, *map(name_of, callees))))


def _is_passed(facts: Facts, use: Use) -> bool:
    """Whether what is made of a tensor has its channels, each by itself."""
    kind = use.by.kind if isinstance(use.by, Object) else getattr(use.by, "path", "")
    if kind == "operator":
        operands = (getattr(use.node, name, None) for name in ("left", "right", "value"))
        others = [facts.values(each) for each in operands if isinstance(each, ast.expr)]
        return any(isinstance(each, Constant) for found in others for each in found)
    return kind in _BETWEEN or _FUNCTIONS_BETWEEN.fullmatch(kind) is not None
