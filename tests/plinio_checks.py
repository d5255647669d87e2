"""Build split models, put them through PLiNIO, and see what it makes of them."""

from __future__ import annotations

import copy
import functools
from typing import Any

import torch
from plinio import methods
from torch import nn

from equivalence import run_source
from gencode import Options, split_source
from gencode.outcome import Style
from plinio_models import MODELS

STYLES: tuple[Style, ...] = ("explicit", "loop", "built", "auto")


@functools.cache
def split_text(text: str, style: Style, norm: bool) -> str:
    return split_source(text, Options(style=style, norm=norm)).text


def variants() -> list[tuple[str, Style]]:
    """Each model in each style, but for those that another style writes alike."""
    texts = {
        (name, split_text(text, style, True)): (name, style)
        for name, text in MODELS.items()
        for style in reversed(STYLES)
    }
    return sorted(texts.values())


def built(text: str) -> nn.Module:
    """The model of a source, which is its last class."""
    classes = [each for each in vars(run_source(text)).values() if isinstance(each, type)]
    return classes[-1]().eval()


@torch.no_grad()
def randomise(net: nn.Module) -> None:
    """Random weights and statistics, such that values stay of a moderate size."""
    for name, value in net.state_dict().items():
        if value.dim() > 1:
            nn.init.normal_(value, std=(2 / value[0].numel()) ** 0.5)
        elif name.endswith(("running_mean", "bias")):
            nn.init.normal_(value, std=0.3)
        elif value.is_floating_point():
            nn.init.uniform_(value, 0.5, 1.5)


def split_from(text: str, style: Style = "auto", norm: bool = True) -> tuple[nn.Module, nn.Module]:
    """The model of a source with random weights, and the same one split."""
    torch.manual_seed(0)
    original = built(text)
    randomise(original)
    split = built(split_text(text, style, norm))
    split.load_state_dict(original.state_dict())
    return original, split


def convert(method: str, net: nn.Module, *, copies: bool = True, **arguments: Any) -> nn.Module:
    """A model in one of PLiNIO's methods, which change what they are given."""
    arguments = {"input_shape": getattr(net, "input_shape", None), **arguments}
    return getattr(methods, method)(copy.deepcopy(net) if copies else net, **arguments)


def example(net: nn.Module) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.rand(2, *net.input_shape)


def has_index(net: nn.Module) -> bool:
    """Whether a depthwise convolution has become depthwise ones, put in order by an index."""
    return any(type(each).__name__.endswith("Multiplier") for each in net.modules())
