"""Build split models, put them through PLiNIO, and see what it makes of them."""

from __future__ import annotations

import copy
import functools
import operator
from collections.abc import Iterator
from typing import Any

import torch
from plinio import methods
from plinio.methods.pit.nn import PITModule
from torch import fx, nn

from equivalence import run_source
from gencode import Options, split_source
from gencode.outcome import Style
from plinio_models import MODELS

Norm = nn.modules.batchnorm._NormBase
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


def norms(net: nn.Module) -> list[str]:
    return [name for name, each in net.named_modules() if isinstance(each, Norm)]


def true_size(net: nn.Module, biases: bool = True) -> int:
    """The number of weights of its convolutions and linear layers."""
    layers = (nn.modules.conv._ConvNd, nn.Linear)
    found = [each for each in net.modules() if isinstance(each, layers)]
    values = [each.weight for each in found]
    values += [each.bias for each in found if biases and each.bias is not None]
    return sum(value.numel() for value in values)


def has_index(net: nn.Module) -> bool:
    """Whether a depthwise convolution has become depthwise ones, put in order by an index."""
    return any(type(each).__name__.endswith("Multiplier") for each in net.modules())


# What a traced model does


def norms_after_cat(graph: fx.GraphModule) -> list[str]:
    """The norms that get their values straight from a concatenation."""
    return [
        str(node.target)
        for node in graph.graph.nodes
        if isinstance(_called(graph, node), Norm)
        and any(each.target is torch.cat for each in node.all_input_nodes)
    ]


def _called(graph: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    return graph.get_submodule(str(node.target)) if node.op == "call_module" else None


def _sources(graph: fx.GraphModule, node: fx.Node) -> Iterator[nn.Module]:
    """The layers with masks that a node gets its channels from."""
    for each in node.all_input_nodes:
        found = _called(graph, each)
        if hasattr(found, "out_features_masker"):
            yield found
        else:
            yield from _sources(graph, each)


# What PIT prunes


@torch.no_grad()
def prune(pit: nn.Module, protects: bool = True) -> int:
    """Mask random channels, but for one in each slice of them; say how many.

    PLiNIO itself keeps alive no more than the last channel of a layer, in whatever way a model is
    written, and cannot export a slice of none: that is so where none is to be protected.
    """
    widths = _narrowest_slices(pit.seed) if protects else {}
    masked = 0
    layers = [each for each in pit.modules() if hasattr(each, "out_features_masker")]
    for masker in {each.out_features_masker: None for each in layers}:
        if masker.trainable and hasattr(masker, "alpha"):  # and no concatenation of others
            alive = torch.rand(masker.out_channels) > 0.4
            for part in alive.split(widths.get(masker, len(alive))):
                part[torch.randint(len(part), ())] = True
            alive[-1] = True
            masker.alpha.copy_(alive)
            masked += int((~alive).sum())
    return masked


def _narrowest_slices(graph: fx.GraphModule) -> dict[nn.Module, int]:
    """For the mask of each layer: the fewest of its channels that a slice takes."""
    widths: dict[nn.Module, int] = {}
    for node in graph.graph.nodes:
        index = node.args[1] if node.target is operator.getitem else ()
        channels = index[1] if isinstance(index, tuple) and len(index) > 1 else None
        if isinstance(channels, slice) and isinstance(channels.stop, int):
            for layer in _sources(graph, node):
                masker = layer.out_features_masker
                width = channels.stop - (channels.start or 0)
                widths[masker] = min(width, widths.get(masker, width))
    return widths


def exported(pit: nn.Module) -> nn.Module:
    """What PIT exports, with the weights and statistics of the norms.

    PIT exports those as new, as fine-tuning is to follow.
    """
    found = pit.export()
    for name, layer in pit.seed.named_modules():
        norm = getattr(layer, "bn", None)
        if isinstance(layer, PITModule) and norm is not None:
            alive = layer.features_mask.bool()
            values = norm.state_dict()
            values = {key: each[alive] if each.dim() else each for key, each in values.items()}
            found.get_submodule(f"{name}_exported_bn").load_state_dict(values)
    return found.eval()
