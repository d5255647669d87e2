"""Have a class load the weights of an original into the attributes that were split."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..reading.classes import Class, ClassIndex
from ..reading.naming import mangled
from ..reading.source import Source
from ..rewriting.edits import Insertion
from ..rewriting.places import insert_after
from .model import SplitAttribute
from .norms.kinds import NORM_TENSORS, tensors_of
from .refusal import Refusal, line_of

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
        count: the code of their number.
    """

    name: str
    part: str
    count: str


@dataclass(frozen=True)
class OwnerContext:
    """What the macro ``method`` is given as ``owner``.

    Attributes:
        tensors: the names of what the attributes may have in a state dict.
        parts: the attributes.
        may_be_missing: whether an attribute may not be there, and then has no parts.
        mark: what stands between the name and the number of each part, if it is the same in all.
        count: the code of the number of parts, if it is the same for all.
    """

    tensors: tuple[str, ...]
    parts: tuple[PartsContext, ...]
    may_be_missing: bool
    mark: str
    count: str


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
    source: Source, attributes: Iterable[SplitAttribute], templates: Templates
) -> Iterator[Insertion]:
    """What gives each class with split attributes the method that loads their weights."""
    by_owner: dict[ast.ClassDef, list[SplitAttribute]] = defaultdict(list)
    for each in attributes:
        by_owner[each.owner].append(each)
    # Where the methods of two classes end at one place, that of the inner class goes first.
    for owner in sorted(by_owner, key=lambda each: -each.col_offset):
        split = sorted(by_owner[owner], key=lambda each: source.span(each.candidates[0].statement))
        context = _owner_context(source, split)
        code = templates.render("checkpoint.py.jinja", "method", context)
        yield insert_after(source, _method(source, owner, split[0]), code, blank_lines=1)


def _owner_context(source: Source, attributes: list[SplitAttribute]) -> OwnerContext:
    tensors: set[str] = set()
    parts = []
    for each in attributes:
        tensors |= _conv_tensors(each)
        parts.append(_parts(each, each.attribute, each.names))
        if each.norm is not None:
            found = set().union(*(tensors_of(source, one.call) for one in each.norm.definitions))
            tensors |= found
            if found:
                parts.append(_parts(each, each.norm.attribute, each.norm.names))
    marks = {each.part.removeprefix(each.name) for each in parts}
    counts = {each.count for each in parts}
    return OwnerContext(
        tuple(each for each in NORM_TENSORS if each in tensors),
        tuple(parts),
        any(each.may_be_missing for each in attributes),
        marks.pop() if marks in ({"_"}, {"."}) else "",
        counts.pop() if len(counts) == 1 else "",
    )


def _conv_tensors(attribute: SplitAttribute) -> set[str]:
    given = [each.site.arguments.by_name.get("bias") for each in attribute.candidates]
    has_none = all(isinstance(each, ast.Constant) and not each.value for each in given)
    return {"weight"} if has_none else {"weight", "bias"}


def _parts(attribute: SplitAttribute, name: str, names: tuple[str, ...]) -> PartsContext:
    own = mangled(attribute.owner, name)
    part = f"{own}."
    if attribute.style == "explicit":
        part = mangled(attribute.owner, names[0]).removesuffix("0")
    count = str(attribute.groups)
    if attribute.may_be_missing:
        count = f'len(getattr(self, "{mangled(attribute.owner, attribute.attribute)}", ()))'
    elif attribute.may_be_plain:
        count = f"len(self.{attribute.attribute})"
    return PartsContext(own, part, count)


def _method(source: Source, owner: ast.ClassDef, attribute: SplitAttribute) -> ast.stmt:
    """The statement of the class's body that builds an attribute: most often its __init__."""
    around = [*source.ancestors(attribute.candidates[0].statement)]
    method = around[around.index(owner) - 1]
    assert isinstance(method, ast.stmt)
    return method
