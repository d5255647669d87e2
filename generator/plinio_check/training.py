"""A few steps of training of what a method has made of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..proof.worker.running import tensors_in

_STEPS = 2


def train(net: Any, inputs: Sequence[Any]) -> str:
    """What is wrong with a few steps of training, if anything; the model is in eval mode again."""
    net.train()
    optimizer = torch.optim.SGD(net.parameters(), 1e-4)
    for _ in range(_STEPS):
        optimizer.zero_grad()
        loss = first(net(*inputs)).square().mean() + 1e-9 * net.cost
        if not loss.isfinite():
            return "its loss is not finite"
        loss.backward()
        without = [name for name, each in net.named_nas_parameters() if _lacks_gradient(each)]
        if without:
            return f"{without[0]} has no gradient, of {len(without)}"
        optimizer.step()
    net.eval()
    return ""


def is_constant(output: object) -> bool:
    """Whether the main output is the same number everywhere."""
    return bool(first(output).std() == 0)


def first(output: object) -> Tensor:
    """The main output of a network that has others when it is trained."""
    return next(each for _, each in tensors_in(output))


def _lacks_gradient(parameter: nn.Parameter) -> bool:
    """Whether there is a choice that is not trained: one of one is none."""
    return parameter.requires_grad and parameter.numel() > 1 and parameter.grad is None
