"""What PLiNIO is known not to take, found in the traced model: it need not be there for that.

Each was seen to be refused or wrong in a model of that and no more (PLiNIO, commit 3d6b5e0).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from torch import fx, nn

from ..proof.prove import Place
from ..proof.worker.failures import is_of_memory
from ..proof.worker.measures import ConvNd, is_refused
from .constructs import GROUPED, GROUPED_3D, construct, own_words
from .flow_faults import Found, flow_faults
from .obstacle import METHODS, Obstacle
from .places import keep_places, place_of, place_of_node
from .supported import code_of, is_supported, written
from .traced import Traced, dim_of, index_of, is_cat, is_tensor

_BOTH: Final = ("PIT", "MPS")


def faults(net: nn.Module, inputs: Sequence[Any]) -> list[Obstacle]:
    """What stands in the way of PLiNIO's methods; each thing in a line of the source once.

    Args:
        net: the model, in eval mode.
        inputs: what to call it with.
    """
    keep_places()
    try:
        traced = Traced(net, inputs)
    except Exception as error:
        if is_of_memory(error):
            raise
        return [Obstacle(construct(error, net), METHODS, "", place_of(error), own_words(error))]
    found: dict[tuple[str, Place | None], Obstacle] = {}
    for node, what, methods, code in (*_spelling(traced), *flow_faults(traced)):
        place = place_of_node(node)
        found.setdefault((what, place), Obstacle(what, methods, code, place))
    return [*found.values()]


def _spelling(traced: Traced) -> Iterator[Found]:
    """What is wrong with a node by itself."""
    for node in traced.nodes:
        layer = traced.layer(node)
        if isinstance(layer, ConvNd) and is_grouped(layer):
            yield (
                node,
                GROUPED_3D if isinstance(layer, nn.Conv3d) else GROUPED,
                METHODS,
                "grouped-conv",
            )
        elif _is_length(node) or (is_tensor(node) and not is_supported(traced, node)):
            yield node, written(traced, node), _BOTH, code_of(traced, node)
        elif is_cat(node) and (dim_of(node) != 1 or "axis" in node.kwargs):
            yield node, "a torch.cat by dim=-3 or axis=", _BOTH, "cat"
        elif not _is_plain(node):
            yield node, "an index that is no x[:, a:b]", _BOTH, "slices"


def _is_length(node: fx.Node) -> bool:
    """Whether a node asks for a length, and not for what is refused itself."""
    return node.target == "size" and not (
        node.users and all(each.target in ("view", "reshape") for each in node.users)
    )


def is_grouped(layer: ConvNd) -> bool:
    """Whether a convolution has groups that PLiNIO does not take; it takes no transposed one."""
    return layer.groups != 1 and not layer.transposed and is_refused(layer)


def _is_plain(node: fx.Node) -> bool:
    """Whether an index, if a node is one, has the whole batch, and bounds that are known."""
    index = index_of(node)
    if not index or isinstance(node.args[1], int):
        return True
    channels = index[1] if len(index) > 1 else None
    bounds = getattr(channels, "start", None), getattr(channels, "stop", None)
    is_tuple = isinstance(node.args[1], tuple)
    return (
        is_tuple
        and index[0] == slice(None)
        and not any(isinstance(each, fx.Node) for each in bounds)
    )
