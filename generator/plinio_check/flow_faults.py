"""What PLiNIO does not take of how channels flow in a traced model, though each node is fine."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Final, TypeAlias

import torch
from torch import fx, nn

from ..proof.worker.measures import ConvNd
from .constructs import GIVEN_TWICE, NESTED_CAT, NORM_AFTER_CAT, OF_THE_INPUT, SUM_OF_CATS
from .traced import Nodes, Traced, index_of, is_cat, is_depthwise, slices

Found: TypeAlias = tuple[fx.Node, str, tuple[str, ...], str]
"""A node, what is wrong with it, the methods that do not take it, and the rule that rewrites it."""

_PIT: Final = ("PIT",)
_BOTH: Final = ("PIT", "MPS")
_NORMS: Final = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_SUMS: Final = (operator.add, operator.sub, torch.add, torch.sub)
_PRODUCTS: Final = (operator.mul, torch.mul, torch.multiply, "mul")


def flow_faults(traced: Traced) -> Iterator[Found]:
    """All of them, those of a kind in the order in which they run."""
    yield from _cats(traced)
    yield from _slices(traced)
    yield from _norms(traced)
    yield from _not_zero(traced)
    yield from _of_the_input(traced)
    yield from _called_twice(traced)


def _cats(traced: Traced) -> Iterator[Found]:
    """Concatenations that meet, or that are the output."""
    number = traced.components()
    cats = [each for each in traced.nodes if is_cat(each)]
    parts = {number[each] for each in cats}
    for cat in cats:
        if any(number[each] in parts for each in traced.given(cat)):
            yield cat, NESTED_CAT, _PIT, "flat-cat"
    reached = traced.reached(frozenset(cats))
    for node in traced.nodes:
        found = [reached[each] for each in traced.given(node)]
        if node.op == "output":
            if any(found):
                cat = next(iter(frozenset().union(*found)))
                yield cat, "an output that is a torch.cat, when pruned", _PIT, ""
        elif not is_cat(node) and not traced.defines_channels(node) and _differ(found):
            is_sum = node.target in _SUMS
            what = SUM_OF_CATS if is_sum else "a product of two torch.cat, when pruned"
            yield node, what, _PIT, "sum-of-cats" if is_sum else ""


def _differ(found: list[Nodes]) -> bool:
    """Whether at least two of some inputs reach something, and not the same."""
    return len({each for each in found if each}) > 1


def _slices(traced: Traced) -> Iterator[Found]:
    """Slices of channels that something else than a convolution works on."""
    cut = [*slices(traced.nodes)]
    lists = frozenset(each for each in cut if not isinstance(index_of(each)[1], slice))
    reached = traced.reached(frozenset(cut))
    for node in traced.nodes:
        given = [reached[each] for each in traced.given(node)]
        if not any(given) or is_cat(node) or node.op == "output":
            continue
        layer = traced.layer(node)
        if isinstance(layer, _NORMS) or is_depthwise(layer):
            what = (
                "an index of channels" if lists.intersection(*given[:1]) else "a slice of channels"
            )
            yield node, f"a {_said(layer)} of {what}, when pruned", _PIT, "source-split"
        elif len(given) > 1 and not traced.defines_channels(node):
            yield node, "a sum with a slice of channels", _PIT, "source-split"


def _said(layer: object) -> str:
    return "BatchNorm" if isinstance(layer, _NORMS) else "depthwise convolution"


def _norms(traced: Traced) -> Iterator[Found]:
    """BatchNorms that do not follow a convolution or a linear layer of their own."""
    for node in traced.nodes:
        layer = traced.layer(node)
        if not isinstance(layer, _NORMS) or not traced.given(node):
            continue
        before = traced.given(node)[0]
        given_by = traced.layer(before)
        if isinstance(given_by, (ConvNd, nn.Linear)):
            if len(before.users) > 1:
                yield node, "a BatchNorm of what another layer reads too", _BOTH, ""
        elif isinstance(layer, nn.BatchNorm3d):
            yield node, "an nn.BatchNorm3d behind no convolution", _BOTH, "cat-norm"
        elif is_cat(before):
            yield node, NORM_AFTER_CAT, _BOTH, "cat-norm"
        else:
            yield node, "a BatchNorm behind no convolution", _BOTH, ""


def _not_zero(traced: Traced) -> Iterator[Found]:
    """What makes of a channel that is masked another value than zero, where a layer reads that."""
    starts = frozenset(each for each in traced.nodes if _is_not_zero(traced, each))
    reached: dict[fx.Node, Nodes] = {}
    number = traced.components()
    fixed = {number[each] for each in traced.nodes if each.op == "placeholder"}
    said: set[fx.Node] = set()
    for node in traced.nodes:
        given = [reached.get(each, frozenset()) for each in traced.given(node)]
        own: Nodes = frozenset().union(*given)
        if traced.defines_channels(node):
            for each in own - said if own else ():
                if number[each] not in fixed:
                    said.add(each)
                    yield each, "a value that is not 0 for a pruned channel", _PIT, ""
            own = frozenset()
        elif node.target in _PRODUCTS and not all(given):
            own = frozenset()  # what is zero stays so
        reached[node] = own | ({node} if node in starts else frozenset())


def _is_not_zero(traced: Traced, node: fx.Node) -> bool:
    if node.target in _SUMS:
        return any(not isinstance(each, fx.Node) and each for each in node.args)
    return node.target is torch.sigmoid or isinstance(traced.layer(node), nn.Sigmoid)


def _of_the_input(traced: Traced) -> Iterator[Found]:
    """Depthwise convolutions of the input, and parameters by which channels are multiplied."""
    inputs = frozenset(each for each in traced.nodes if each.op == "placeholder")
    reached = traced.reached(inputs)
    for node in traced.nodes:
        if is_depthwise(traced.layer(node)) and any(reached[each] for each in traced.given(node)):
            yield node, OF_THE_INPUT, ("MPS",), ""
        if node.target in (*_PRODUCTS, *_SUMS):
            weights = [each for each in node.all_input_nodes if each.op == "get_attr"]
            if any(getattr(each.meta.get("tensor_meta"), "shape", ()) for each in weights):
                yield node, "a parameter for each channel, when pruned", _PIT, ""


def _called_twice(traced: Traced) -> Iterator[Found]:
    """Layers with weights that are called more than once."""
    seen: set[object] = set()
    for node in traced.nodes:
        layer = traced.layer(node)
        if isinstance(layer, (ConvNd, nn.Linear, *_NORMS)):
            if node.target in seen and node.users:
                yield node, GIVEN_TWICE, _BOTH, ""
            seen.add(node.target)
