"""What PIT prunes and exports."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import torch
from torch import fx, nn

Norm = nn.modules.batchnorm._NormBase


def norms(net: nn.Module) -> list[str]:
    """The paths of all BatchNorms and InstanceNorms."""
    return [name for name, each in net.named_modules() if isinstance(each, Norm)]


def norms_after_cat(graph: fx.GraphModule) -> list[str]:
    """The norms that get their values straight from a concatenation."""
    return [
        str(node.target)
        for node in graph.graph.nodes
        if isinstance(_called(graph, node), Norm)
        and any(each.target is torch.cat for each in node.all_input_nodes)
    ]


@torch.no_grad()
def prune(pit: Any, protects: bool = True) -> int:
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
            for part in torch.split(alive, widths.get(masker, len(alive))):
                part[torch.randint(len(part), ())] = True
            alive[-1] = True
            masker.alpha.copy_(alive)
            masked += int((~alive).sum())
    return masked


def exported(pit: Any) -> nn.Module:
    """What PIT exports, with the weights and statistics of the norms.

    PIT exports those as new, as fine-tuning is to follow.
    """
    found: nn.Module = pit.export()
    for name, layer in pit.seed.named_modules():
        norm = getattr(layer, "bn", None)
        if hasattr(layer, "out_features_masker") and norm is not None:
            alive = layer.features_mask.bool()
            values = norm.state_dict()
            values = {key: each[alive] if each.dim() else each for key, each in values.items()}
            found.get_submodule(f"{name}_exported_bn").load_state_dict(values)
    return found.eval()


def _called(graph: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    return graph.get_submodule(str(node.target)) if node.op == "call_module" else None


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


def _sources(graph: fx.GraphModule, node: fx.Node) -> Iterator[Any]:
    """The layers with masks that a node gets its channels from."""
    for each in node.all_input_nodes:
        found = _called(graph, each)
        if hasattr(found, "out_features_masker"):
            yield found
        else:
            yield from _sources(graph, each)
