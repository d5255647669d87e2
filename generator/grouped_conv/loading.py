"""Have a class load the weights of an original into the attributes that were split."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from ..reading.classes import Class, ClassIndex
from ..reading.naming import mangled
from ..reading.source import Source
from ..rewriting.edits import Insertion
from ..rewriting.places import insert_after
from .norms.kinds import NORM_TENSORS, tensors_of
from .refusal import Refusal, line_of
from .written import Written

if TYPE_CHECKING:
    from ..rewriting.templating import Templates

METHOD: Final = "_load_from_state_dict"
_HOOKS: Final = ("_register_load_state_dict_pre_hook", "register_load_state_dict_pre_hook")


@dataclass(frozen=True)
class PartsContext:
    """An attribute that was split.

    Attributes:
        name: its path in a state dict of the original.
        part: that of each part, but for the number that follows.
        count: their number.
    """

    name: str
    part: str
    count: int


@dataclass(frozen=True)
class OwnerContext:
    """What the macro ``method`` is given as ``owner``.

    Attributes:
        tensors: the names of what the attributes may have in a state dict.
        parts: the attributes.
    """

    tensors: tuple[str, ...]
    parts: tuple[PartsContext, ...]


def check_loading(index: ClassIndex, owner: Class) -> None:
    """See that a class can be given a method that loads its weights.

    Raises:
        Refusal: it has one, or torch may not call it, or what it calls then wants the old names.
    """
    name = owner.node.name
    if METHOD in owner.names:
        raise Refusal(f"{name} loads its weights by a {METHOD} of its own")
    is_mixin = not any(each.node.bases for each in owner.ancestors())
    if is_mixin and any(getattr(each.node.bases[0], "id", "") != name for each in owner.derived):
        raise Refusal(f"{name} is a mixin, which torch may not ask to load its weights")
    relatives = {each.node for each in owner.relatives()}
    for hook in (access for each in _HOOKS for access in index.accesses(each)):
        if hook.owner is None or hook.owner in relatives:
            raise Refusal(f"a hook may change the weights that {name} loads ({line_of(hook.node)})")


def insert_loading(
    source: Source, attributes: Iterable[Written], templates: Templates
) -> Insertion:
    """What gives the class of some attributes the method that loads their weights."""
    split = sorted(attributes, key=lambda each: source.span(each.candidate.statement))
    around = [*source.ancestors(split[0].candidate.statement)]
    method = around[around.index(split[0].candidate.owner) - 1]  # most often its __init__
    assert isinstance(method, ast.stmt)
    context = _owner_context(source, split)
    emit = partial(templates.render, "checkpoint.py.jinja", "method", context)
    return insert_after(source, method, emit, blank_lines=1)


def _owner_context(source: Source, attributes: list[Written]) -> OwnerContext:
    tensors: set[str] = set()
    parts = []
    for each in attributes:
        bias = each.candidate.site.arguments.by_name.get("bias")
        tensors |= {"weight"}
        if not isinstance(bias, ast.Constant) or bias.value:
            tensors |= {"bias"}
        parts.append(_parts(each, each.attribute, each.names))
        found = tensors_of(source, each.norm.call) if each.norm is not None else frozenset()
        if each.norm is not None and found:
            tensors |= found
            parts.append(_parts(each, each.norm.attribute, each.norm.names))
    return OwnerContext(tuple(each for each in NORM_TENSORS if each in tensors), tuple(parts))


def _parts(written: Written, name: str, names: tuple[str, ...]) -> PartsContext:
    owner = written.candidate.owner
    own = mangled(owner, name)
    part = mangled(owner, names[0]).removesuffix("0") if names else f"{own}."
    return PartsContext(own, part, written.candidate.groups)
