"""Random values for all that a model holds."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def stored(model: nn.Module) -> Iterator[tuple[str, Tensor, bool]]:
    """All tensors that a state dict holds, by their true path, past any hook; and which it is.

    Yields:
        The path, the tensor, and whether it is a buffer that is no statistic of a norm.
    """
    for path, owner in model.named_modules(remove_duplicate=False):
        start = f"{path}." if path else ""
        for name, value in {**owner._parameters, **owner._buffers}.items():
            if value is not None and name not in owner._non_persistent_buffers_set:
                is_constant = name in owner._buffers and name not in _STATISTICS
                yield start + name, value, is_constant


@torch.no_grad()
def randomise(model: nn.Module, seed: int, with_buffers: bool) -> None:
    """Give a model random weights and statistics, and other buffers too where that is asked for.

    Integers are left but for a count of batches: they are indices. So are buffers with infinities,
    which are masks.
    """
    for key, value, is_constant in stored(model):
        if key.endswith("num_batches_tracked"):
            value.fill_(1 + zlib.crc32(key.encode()) % 9)
        if not value.is_floating_point() or (is_constant and not with_buffers):
            continue
        if not is_constant or value.isfinite().all():
            value.copy_(_drawn(key, value.shape, seed))


def _drawn(key: str, shape: torch.Size, seed: int) -> Tensor:
    """Values of a moderate size, always the same ones for a key."""
    generator = torch.Generator().manual_seed(zlib.crc32(key.encode()) + seed)
    if len(shape) > 1:
        fan_in = max(torch.Size(shape[1:]).numel(), 1)
        return torch.randn(shape, generator=generator, dtype=torch.float64) / float(fan_in**0.5)
    if key.endswith(("bias", "running_mean", "beta")):
        return torch.randn(shape, generator=generator, dtype=torch.float64) / 10
    return torch.rand(shape, generator=generator, dtype=torch.float64) + 0.5
