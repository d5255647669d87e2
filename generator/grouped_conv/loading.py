"""Have a class load the weights of an original into the attributes that were split."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..reading.naming import mangled
from ..reading.places import insert_after
from ..reading.source import Source
from ..rewriting.edits import Insertion
from .model import SplitAttribute
from .refusal import Refusal

if TYPE_CHECKING:
    from ..reading.classes import Class
    from ..rewriting.templating import Templates

METHOD: Final = "_load_from_state_dict"


@dataclass(frozen=True)
class PartsContext:
    """An attribute that was split: its name, and the code of the list of its parts' paths."""

    name: str
    paths: str


@dataclass(frozen=True)
class OwnerContext:
    """What the macro ``method`` is given as ``owner``.

    Attributes:
        load: the name of the helper's function.
        parts: the attributes.
    """

    load: str
    parts: tuple[PartsContext, ...]


def check_loading(owner: Class) -> None:
    """See that a class can be given a method that loads its weights.

    Raises:
        Refusal: it has one, or torch may not call it.
    """
    if METHOD in owner.names:
        raise Refusal(f"{owner.node.name} loads its weights by a {METHOD} of its own")
    is_mixin = not any(each.node.bases for each in owner.ancestors())
    name = owner.node.name
    if is_mixin and any(getattr(each.node.bases[0], "id", "") != name for each in owner.derived):
        raise Refusal(f"{name} is a mixin, which torch may not ask to load its weights")


def insert_loading(
    source: Source, attributes: Iterable[SplitAttribute], load: str, templates: Templates
) -> Iterator[Insertion]:
    """What gives each class with split attributes the method that loads their weights."""
    by_owner: dict[ast.ClassDef, list[SplitAttribute]] = defaultdict(list)
    for each in attributes:
        by_owner[each.owner].append(each)
    # Where the methods of two classes end at one place, that of the inner class goes first.
    for owner in sorted(by_owner, key=lambda each: -each.col_offset):
        split = sorted(by_owner[owner], key=lambda each: source.span(each.candidates[0].statement))
        parts = tuple(part for each in split for part in _parts(owner, each))
        code = templates.render("checkpoint.py.jinja", "method", OwnerContext(load, parts))
        method = _method(source, owner, split[0])
        yield insert_after(source, method, code, blank_lines=1)


def _parts(owner: ast.ClassDef, attribute: SplitAttribute) -> Iterator[PartsContext]:
    yield _part(owner, attribute, attribute.attribute, attribute.names)
    if attribute.norm is not None:
        yield _part(owner, attribute, attribute.norm.attribute, attribute.norm.names)


def _part(
    owner: ast.ClassDef, attribute: SplitAttribute, name: str, names: tuple[str, ...]
) -> PartsContext:
    own = mangled(owner, name)
    if attribute.style == "explicit":
        return PartsContext(own, f"[{', '.join(f'{mangled(owner, each)!r}' for each in names)}]")
    count = str(attribute.groups)
    if attribute.may_be_plain:
        count = f'len(getattr(self, "{own}", ()))'
    return PartsContext(own, f'[f"{own}.{{i}}" for i in range({count})]')


def _method(source: Source, owner: ast.ClassDef, attribute: SplitAttribute) -> ast.stmt:
    """The statement of the class's body that builds an attribute: most often its __init__."""
    around = [*source.ancestors(attribute.candidates[0].statement)]
    method = around[around.index(owner) - 1]
    assert isinstance(method, ast.stmt)
    return method
