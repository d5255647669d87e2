"""Which objects are containers of torch itself, whose attributes no method of the source reads."""

from __future__ import annotations

import ast
from typing import Final, Literal

from .classes import ClassIndex
from .names import meaning
from .scopes import assigned_value

Container = Literal["Sequential", "ModuleList", "ModuleDict"]
_NAMES: Final[tuple[Container, ...]] = ("Sequential", "ModuleList", "ModuleDict")
_CONTAINERS: Final[dict[str, Container]] = {
    f"torch.nn.{module}{name}": name
    for module in ("", "modules.", "modules.container.")
    for name in _NAMES
}
_DICTS: Final = frozenset(("dict", "OrderedDict"))


def container(path: str) -> Container | None:
    """Which container of torch is at a dotted path such as ``torch.nn.Sequential``, if any."""
    return _CONTAINERS.get(path)


def is_container(index: ClassIndex, instance: ast.expr) -> bool:
    """Whether an expression is known to be an nn.Sequential, nn.ModuleList or nn.ModuleDict.

    And so no object of a class that the source defines.
    """
    match instance:
        case ast.Call():
            return container(meaning(index.source, instance.func).path) is not None
        case ast.Name():
            known = index.source.scope(instance).only_value(instance.id)
            return known is not None and is_container(index, known[1])
        case ast.Attribute() if not index.mentions.has_computed_store:
            stores = [
                assigned_value(index.source.parent_of, each.node)
                for each in index.accesses(instance.attr)
                if isinstance(each.node.ctx, ast.Store)
            ]
            return bool(stores) and all(
                isinstance(each, ast.Call) and is_container(index, each) for each in stores
            )
    return False


def names_a_child(index: ClassIndex, key: ast.expr) -> bool:
    """Whether a key, or a name before an entry, is that of a child of such a container."""
    around = next(each for each in index.source.ancestors(key) if not _holds_names(each))
    return isinstance(around, ast.Call) and is_container(index, around)


def _holds_names(node: ast.AST) -> bool:
    """Whether a node is a display, or makes a dict of one."""
    if isinstance(node, ast.Call):
        return getattr(node.func, "attr", getattr(node.func, "id", "")) in _DICTS
    return isinstance(node, (ast.Tuple, ast.List, ast.Dict))
