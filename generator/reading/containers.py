"""The containers of torch, by their paths."""

from __future__ import annotations

from typing import Final, Literal

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
