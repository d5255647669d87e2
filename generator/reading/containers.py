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
