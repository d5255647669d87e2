"""Which norms of a model take what a concatenation of convolutions gives, seen in one run.

What gives a tensor is noted on the tensor itself. Only functions that leave its values and its
channels as they are keep the note: behind any other, a norm is not that of the convolution.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.overrides import TorchFunctionMode

Given = Literal["conv", "cat", ""]

CONVS = {
    *(torch.conv1d, torch.conv2d, torch.conv3d),
    *(torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d),
    *(F.conv1d, F.conv2d, F.conv3d, F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d),
}
CATS = {torch.cat, torch.concat, torch.concatenate}
NORMS = {F.batch_norm, F.instance_norm, torch.batch_norm, torch.instance_norm}
DROPOUTS = {F.dropout, F.dropout1d, F.dropout2d, F.dropout3d}
KEEP = {
    *(Tensor.contiguous, Tensor.to, Tensor.float, Tensor.double, Tensor.type_as),
    *(Tensor.clone, torch.clone, torch.index_select, Tensor.index_select),
}


class _Follower(TorchFunctionMode):
    """Notes on each tensor what gave it, and the modules in which a norm takes a concatenation."""

    def __init__(self) -> None:
        super().__init__()
        self.running: list[nn.Module] = []
        self.found: list[nn.Module] = []

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in NORMS and _given((*args, *kwargs.values())[0]) == "cat":
            self.found.append(self.running[-1])
        given = _gives(func, args, kwargs)
        result = func(*args, **kwargs)
        if isinstance(result, Tensor) and (given or _given(result)):
            result.given = given  # type: ignore[attr-defined]
        return result


def _given(value: object) -> Given:
    return getattr(value, "given", "")


def _gives(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Given:
    """What a function gives."""
    if func in CONVS:
        return "conv"
    first: Any = (*args, *kwargs.values())[0] if args or kwargs else None
    if func in CATS:
        dim = args[1] if len(args) > 1 else kwargs.get("dim", kwargs.get("axis", 0))
        along_channels = dim in (1, 1 - first[0].dim())
        return "cat" if along_channels and all(_given(each) for each in first) else ""
    if func in KEEP or func in DROPOUTS:
        return _given(first)
    if func is Tensor.__getitem__ and _keeps_channels(args[1]):
        return _given(first)
    return ""


def _keeps_channels(index: Any) -> bool:
    """Whether an index gives all channels, in another order: ``x[:, order]``."""
    return isinstance(index, tuple) and len(index) > 1 and isinstance(index[1], (Tensor, list))


@contextmanager
def _running(modules: list[nn.Module]) -> Iterator[None]:
    """Keep a list of the modules whose forward is running, the innermost last."""

    def end(*_: object) -> None:
        modules.pop()

    started = register_module_forward_pre_hook(lambda module, _: modules.append(module))
    ended = register_module_forward_hook(end, always_call=True)
    try:
        yield
    finally:
        started.remove()
        ended.remove()


def norms_behind_cats(model: nn.Module, run: Callable[[], object]) -> dict[str, nn.Module]:
    """The BatchNorms and InstanceNorms that take a concatenation of convolutions, by their path.

    A norm that is a function counts as the module that calls it.

    Args:
        model: the model.
        run: runs it.
    """
    follower = _Follower()
    with torch.no_grad(), _running(follower.running), follower:
        run()
    found = {id(each) for each in follower.found}
    return {path: each for path, each in model.named_modules() if id(each) in found}
