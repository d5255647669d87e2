"""What a model consists of, and what of it PLiNIO would not take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

ConvNd = nn.modules.conv._ConvNd
_CONVS: Final = {
    *(torch.conv1d, torch.conv2d, torch.conv3d, F.conv1d, F.conv2d, F.conv3d),
}
_TRANSPOSED: Final = {
    *(torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d),
    *(F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d),
}
_PRODUCTS: Final = {
    *(F.linear, torch.matmul, torch.mm, torch.bmm, Tensor.matmul, Tensor.mm, Tensor.bmm),
    *(Tensor.__matmul__,),
}


def grouped_convs(model: nn.Module) -> dict[str, ConvNd]:
    """The convolutions with groups, by their paths."""
    convs = ((path, each) for path, each in model.named_modules() if isinstance(each, ConvNd))
    return {path: each for path, each in convs if each.groups != 1}


def is_refused(conv: ConvNd) -> bool:
    """Whether PLiNIO does not take a convolution for its groups: it takes depthwise ones."""
    is_depthwise = conv.groups == conv.in_channels == conv.out_channels
    return not (is_depthwise and len(conv.kernel_size) < 3 and not conv.transposed)


def parameters(model: nn.Module) -> int:
    """How many numbers a model learns."""
    return sum(each.numel() for each in model.parameters())


class Counting(TorchFunctionMode):
    """Counts what is multiplied in convolutions, linear layers and products of matrices.

    A mode of dispatch would see more, and takes seconds to import.

    Attributes:
        multiply_adds: how many.
        lowered: the types with fewer digits than the wanted one in which something is computed.
    """

    def __init__(self, wanted: torch.dtype) -> None:
        super().__init__()
        self._least = torch.finfo(wanted).eps
        self.multiply_adds = 0
        self.lowered: set[torch.dtype] = set()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor):
            given = [each for each in (*args, *(kwargs or {}).values()) if isinstance(each, Tensor)]
            self.multiply_adds += _multiplied(func, given, result)
            if result.is_floating_point() and torch.finfo(result.dtype).eps > self._least:
                self.lowered.add(result.dtype)
        return result


def _multiplied(func: Any, given: Sequence[Tensor], result: Tensor) -> int:
    if len(given) < 2:
        return 0
    if func in _CONVS:
        return result.numel() * given[1][0].numel()
    if func in _TRANSPOSED:
        return given[0].numel() * given[1][0].numel()
    if func in _PRODUCTS:
        return result.numel() * given[0].shape[-1]
    return 0
