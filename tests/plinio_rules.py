"""The rules of source that PLiNIO takes, and which of them a model breaks.

PLiNIO traces a model with torch.fx, refuses some of the graphs that come out, converts some of them
wrongly, and takes the rest. What was measured of that is written here as rules about the graph: to
ask whether a model keeps them needs nothing of PLiNIO.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.fx import Node
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.instancenorm import _InstanceNorm

from plinio_graph import (
    Branch,
    Graph,
    UntraceableError,
    holds_convolutions,
    is_depthwise,
    is_pad,
    is_relu,
    name_of,
    norm_of,
    shape_of,
)

RULES = {
    "1": "a Conv1d or Conv2d, transposed or not, is plain or depthwise",
    "2": "a Conv3d, transposed or not, is plain",
    "3": "no branch is a Conv1d or Conv2d of one channel to one, which is taken for depthwise",
    "4": "no convolution is transposed, a function or of a subclass, which are refused even plain",
    "5": "a branch is plain, of exactly a class of torch, not parametrized, and called once",
    "6": "a slice is written x[:, a:b]",
    "7": "the bounds of a slice are ints, and not read off a tensor",
    "8": "a branch needs no chunk, split, narrow, index_select, contiguous, list or tensor index",
    "9": "between a slice and its convolution there are at most ReLUs and pads",
    "10": "branches are joined by torch.cat(..., dim=1)",
    "11": "the model can be traced, and what a split works on is not asked for its shape",
    "12": "what holds convolutions is not a convolution itself",
    "13": "a BatchNorm is in the branches, right after its own convolution, as its only consumer",
    "13 (instance norm)": "so is an InstanceNorm",
    "14": "all branches of a split have a norm of their width with the same settings, or none has",
    "15": "a BatchNorm that tracks no statistics stays after the join",
    "15 (instance norm)": "so does an InstanceNorm",
    "17": "a join of branches does not only feed another join: together they are one flat join",
    "18": "where a branch is one channel wide, all are, and give the same number of channels",
    "19": "in 1d, each branch is padded after its slice, not the source before the slices",
    "channels": "the slices of a split are the channels of its source, in order and each once",
}
# Rules 12, in all else, and 16 say what is allowed as well, and no rule here is against it.

CLASSES = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
FUNCTIONS = {f"conv{kind}{size}d" for kind in ("", "_transpose") for size in (1, 2, 3)}

Finding = tuple[str, str]  # a rule, and what breaks it


def broken(model: nn.Module, *inputs: Any) -> dict[str, list[str]]:
    """The rules that a model breaks, each with the modules and the nodes that break it.

    The inputs are an example of what the model takes. Of a model that cannot be traced, 11 tells
    the tracer's message, and of the other rules only 1, 2 and 12 are asked.
    """
    found: dict[str, dict[str, None]] = {rule: {} for rule in RULES}
    for rule, name in _findings(model, inputs):
        found[rule][name] = None
    return {rule: list(names) for rule, names in found.items() if names}


def splits(model: nn.Module, *inputs: Any) -> list[list[str]]:
    """The branches of each split that is seen: without any, most rules have nothing to say."""
    seen = Graph(model, inputs).splits
    return [[_path(branch.node) for branch in split.branches] for split in seen]


def _findings(model: nn.Module, inputs: tuple[Any, ...]) -> Iterator[Finding]:
    yield from _modules(model)
    try:
        graph = Graph(model, inputs)
    except UntraceableError as error:
        yield "11", str(error)
    else:
        for rule in (_refused, _branches, _slices, _questions, _norms, _alike, _joins, _channels):
            yield from rule(graph)


def _modules(model: nn.Module) -> Iterator[Finding]:
    """Rules 1, 2 and 12: what is in the model, called or not."""
    for path, conv in model.named_modules():
        if isinstance(conv, _ConvNd):
            if conv.groups != 1 and not is_depthwise(conv):
                yield "2" if len(conv.kernel_size) == 3 else "1", path
            if holds_convolutions(conv):
                yield "12", path


def _refused(graph: Graph) -> Iterator[Finding]:
    """Rule 4, and of functions rules 1 and 2."""
    branches = {branch.node for branch in graph.branches}
    for node in graph.nodes:
        conv = node.meta["module"]
        if name_of(node) in FUNCTIONS:
            yield "4", node.name
            groups = node.args[6] if len(node.args) > 6 else node.kwargs.get("groups", 1)
            if groups != 1:
                yield "2" if name_of(node).endswith("3d") else "1", node.name
        elif isinstance(conv, _ConvNd):
            is_of_torch = type(conv).__module__.startswith("torch.nn")
            if isinstance(conv, TRANSPOSED) or not (is_of_torch or node in branches):
                yield "4", _path(node)


def _branches(graph: Graph) -> Iterator[Finding]:
    """Rules 3, 5 and 9: what is done with a slice."""
    for branch in graph.branches:
        conv, path = branch.conv, _path(branch.node)
        if isinstance(conv, (nn.Conv1d, nn.Conv2d)) and conv.in_channels == conv.out_channels == 1:
            yield "3", path
        is_own = type(conv) in CLASSES + TRANSPOSED and "weight" in conv._parameters
        is_plain = conv.groups == 1 or is_depthwise(conv)
        if not (is_own and is_plain and graph.calls[branch.node.target] == 1):
            yield "5", path
        if is_depthwise(conv):
            yield "9", path
        for node in branch.before:
            if not (is_relu(node) or is_pad(node) or name_of(node) == "contiguous"):
                yield "9", _path(node)


def _slices(graph: Graph) -> Iterator[Finding]:
    """Rules 6 to 8: how some of the channels are taken."""
    for branch in graph.branches:
        cut, index = branch.cut.name, branch.index
        if not index or any(isinstance(each, (Node, list)) for each in index):
            yield "8", cut
        elif not _is_plain_slice(*index) or None in branch.bounds:
            yield "6", cut
        if not all(isinstance(bound, int | None) for bound in branch.bounds):
            yield "7", cut
        for node in branch.before + branch.after:
            if name_of(node) == "contiguous":
                yield "8", node.name


def _is_plain_slice(batch: Any, channels: Any, *rest: Any) -> bool:
    whole = (slice(None), Ellipsis)
    in_steps_of_one = isinstance(channels, slice) and channels.step in (None, 1)
    return batch == slice(None) and in_steps_of_one and all(each in whole for each in rest)


def _questions(graph: Graph) -> Iterator[Finding]:
    """Rule 11; what is not on the way of a branch, the author of the model may have asked."""
    way: set[Node] = set()
    for branch in graph.branches:
        way |= {branch.source, branch.cut, *branch.before, branch.node, *branch.after}
    for node in graph.nodes:
        is_shape = name_of(node) == "getattr" and node.args[1] in ("shape", "ndim")
        asks = is_shape or name_of(node) in ("size", "dim")
        if asks and node.all_input_nodes[0] in way:
            yield "11", node.name


def _norms(graph: Graph) -> Iterator[Finding]:
    """Rules 13 and 15: where the norms are."""
    for split in graph.splits:
        users = list(split.join.users)
        norm = norm_of(users[0]) if len(users) == 1 else None
        bare = [branch.node for branch in split.branches] == split.join.all_input_nodes
        if norm and bare and norm.track_running_stats and graph.calls[users[0].target] == 1:
            yield _of(norm, "13"), _path(users[0])
        for branch in split.branches:
            yield from _norms_of(branch, graph)


def _norms_of(branch: Branch, graph: Graph) -> Iterator[Finding]:
    for node, norm in branch.norms:
        is_next = node is branch.after[0] and len(branch.node.users) == 1
        if not is_next or graph.calls[node.target] > 1:
            yield _of(norm, "13"), _path(node)
        if not norm.track_running_stats:
            yield _of(norm, "15"), _path(node)


def _of(norm: _NormBase, rule: str) -> str:
    return f"{rule} (instance norm)" if isinstance(norm, _InstanceNorm) else rule


def _alike(graph: Graph) -> Iterator[Finding]:
    """Rules 14 and 18: what the branches of a split have in common."""
    for split in graph.splits:
        norms = [_settings(branch) for branch in split.branches]
        fit = all(
            norm.num_features == branch.conv.out_channels
            for branch in split.branches
            for _, norm in branch.norms
        )
        if not fit or any(each != norms[0] for each in norms):
            yield "14", split.join.name
        widths = {(branch.conv.in_channels, branch.conv.out_channels) for branch in split.branches}
        if len(widths) > 1 and min(widths)[0] == 1:
            yield "18", split.join.name


def _settings(branch: Branch) -> list[tuple[Any, ...]]:
    """What the norms of a branch share with those of all others."""
    return [
        (type(norm), norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        for _, norm in branch.norms
    ]


def _joins(graph: Graph) -> Iterator[Finding]:
    """Rules 10, 17 and 19: what is around the branches."""
    for split in graph.splits:
        join, source = split.join, split.source
        dim = join.args[1] if len(join.args) > 1 else join.kwargs.get("dim")
        if join.target is not torch.cat or dim != 1:
            yield "10", join.name
        if len(join.users) == 1 and next(iter(join.users)) in graph.joins:
            yield "17", join.name
        if is_pad(source) and isinstance(split.branches[0].conv, nn.Conv1d):
            yield "19", _path(source)


def _channels(graph: Graph) -> Iterator[Finding]:
    """That each channel is in one slice; where slices have no bounds, rules 6 to 8 tell."""
    for split in graph.splits:
        if all(isinstance(bound, int) for branch in split.branches for bound in branch.bounds):
            end = 0
            for branch in split.branches:
                start, stop = branch.bounds
                if start != end or stop - start != branch.conv.in_channels:
                    yield "channels", branch.cut.name
                end = stop
            if end != shape_of(split.source)[1]:
                yield "channels", split.join.name


def _path(node: Node) -> str:
    """The path of the module that a node calls, or else its own name."""
    return str(node.target) if node.op == "call_module" else node.name
