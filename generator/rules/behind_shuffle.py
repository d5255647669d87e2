"""Who reads what a channel shuffle gives, and which layers may as well stand before it.

A layer that keeps the channels apart gives the same before a shuffle, if its weights are put in
order; so does what gives the other factor of a product. What mixes all channels reads them in any
order: there an index is right.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Final

from .. import torch_api
from ..facts.facts import Facts
from ..facts.heap import Use
from ..facts.order import in_order
from ..facts.values import Constant, External, Object, Tensor, Value
from ..reading.scopes import Function
from ..reading.source import Source
from .built_layers import BuiltLayers
from .rule import Left

_CHANNELWISE: Final = torch_api.BY_CHANNEL - torch_api.RANDOM
_FUNCTIONS: Final = frozenset(
    (
        *("relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "hardswish"),
        *("hardsigmoid", "hardtanh", "sigmoid", "tanh", "avg_pool1d", "avg_pool2d", "max_pool1d"),
        *("max_pool2d", "adaptive_avg_pool1d", "adaptive_avg_pool2d"),
    )
)
"""Functions and methods of one tensor that go over each channel by itself."""
_PRODUCTS: Final = ("mul", "multiply")
_ASKING: Final = frozenset(("size", "dim", "ndimension", "numel")) | torch_api.ABOUT_TENSORS
_MODULES: Final = ("torch", "torch.nn.functional", "torch.Tensor")
_DEPTHWISE: Final = ("torch.nn.Conv1d", "torch.nn.Conv2d")


class BehindShuffle:
    """Follows what a shuffle gives through a method.

    Attributes:
        moved: the layers that are to stand before the shuffle, by the attributes that hold them.
        readers: what the layers that mix the channels are applied to.
        channels: how many channels there are, in the terms of the constructor.

    Args:
        source: where the shuffle stands.
        facts: what may happen in it.
        method: the method that it stands in.
        layers: what is built by the constructor of its class.
        groups: the factors of its number of groups, in each case.
    """

    def __init__(
        self,
        source: Source,
        facts: Facts,
        method: Function,
        layers: BuiltLayers,
        groups: Sequence[frozenset[tuple[str, int]] | None],
    ) -> None:
        self.moved: dict[str, ast.Call] = {}
        self.readers: dict[ast.expr, None] = {}
        self.channels: ast.expr | None = None
        self._source = source
        self._facts = facts
        self._method = method
        self._layers = layers
        self._groups = groups
        self._before: dict[Value, None] = {}
        self._passed: dict[ast.AST, None] = {}

    def follow(self, shuffle: ast.Call) -> None:
        """Go through all that is done with what a shuffle gives.

        Raises:
            Left: something else is, or may be.
        """
        todo = in_order(self._facts.values(shuffle))
        if not todo or not all(isinstance(each, Tensor) for each in todo):
            raise Left("what it gives is not known to be a tensor")
        given = frozenset(todo)
        for tensor in todo:  # which grows
            if tensor in self._before:
                continue
            self._before[tensor] = None
            todo += self._read(tensor, is_first=tensor in given)
        for node in self._passed:
            for each in ast.iter_child_nodes(node):
                values = self._facts.values(each) if isinstance(each, ast.expr) else frozenset()
                if not self._before.keys().isdisjoint(values) and not values <= self._before.keys():
                    raise Left("something else may be read in its place", each)

    def _read(self, tensor: Value, is_first: bool) -> Sequence[Value]:
        """What is made of a tensor by what keeps the channels apart."""
        if [*self._facts.heap.holders(tensor)]:
            raise Left("what it gives is kept")
        uses = [each for each in self._facts.uses(tensor) if not _is_asking(each)]
        if not uses:
            raise Left("what reads what it gives is not known")
        made = []
        for use in uses:
            result = self._result(use, tensor, is_first)
            if result is not None:
                made.append(result)
        return made

    def _result(self, use: Use, tensor: Value, is_first: bool) -> Value | None:
        """What one reader gives, with the channels still apart."""
        node = use.node
        if use.kind == "return":
            raise Left("it is returned, to what is not followed", node)
        is_here = self._source.has(node) and self._source.function_around(node) is self._method
        if use.kind != "input" or not is_here:
            raise Left("what reads what it gives is not known", node)
        self._passed[node] = None
        if isinstance(node, ast.Call):
            self._passed |= dict.fromkeys((node.func, *node.keywords))
        if isinstance(use.by, Object) and isinstance(node, ast.Call):
            return self._of_layer(use, use.by, node, tensor, is_first)
        path = getattr(use.by, "path", "")
        module, _, name = path.rpartition(".")
        if path == "operator" or (module in _MODULES and name in _PRODUCTS):
            self._see_factors(node)
        elif module not in _MODULES or name not in _FUNCTIONS or is_first:
            raise Left(f"{name or 'something'} reads what it gives", node)
        return use.result

    # --- layers ------------------------------------------------------------------------------

    def _of_layer(
        self, use: Use, layer: Object, call: ast.Call, tensor: Value, is_first: bool
    ) -> Value | None:
        shown = self._source.shown(call.func)
        if layer.kind in _CHANNELWISE and not is_first:
            return use.result
        if layer.kind in torch_api.BATCH_NORMS:
            before = getattr(tensor, "producer", None)
            is_of_conv = isinstance(before, Object) and before.kind in _DEPTHWISE
            if not is_of_conv or getattr(tensor, "site", None) not in self.moved.values():
                raise Left(f"{shown} is a norm that follows no convolution of its own", call)
            self._move(call)
            return use.result
        given = self._built(layer, call) if layer.kind in torch_api.CONVOLUTIONS else None
        if given is None:
            raise Left(f"{shown} is not known to be a convolution", call)
        if self._layers.is_depthwise(given) and layer.kind in _DEPTHWISE:
            self._move(call)
            self.channels = given["in_channels"]
            return use.result
        if not self._mixes(given):
            raise Left(f"{shown} may be depthwise", call)
        self.readers[_argument(call)] = None
        self.channels = self.channels or given.get("in_channels")
        return None

    def _mixes(self, given: Mapping[str, ast.expr]) -> bool:
        """Whether a convolution is depthwise at most where the shuffle changes nothing."""
        if self._layers.is_plain(given):
            return True
        factors = self._layers.factors
        groups, channels = factors(given.get("groups")), factors(given.get("in_channels"))
        if groups is None or channels is None:
            return False
        # One group of the shuffle, or one channel in each, changes nothing.
        return all(
            each is not None
            and (not each or each == groups or _product(each, groups) == dict(channels))
            for each in self._groups
        )

    def _built(self, layer: Object, call: ast.Call) -> Mapping[str, ast.expr] | None:
        """What a convolution is given where it is built."""
        if isinstance(layer.site, ast.Call) and self._layers.has(layer.site):
            return self._layers.convolution(layer.site)
        name = self._attribute(call.func)
        value = self._layers.built(name) if name else None
        return self._layers.convolution(value) if value is not None else None

    def _attribute(self, node: ast.expr) -> str:
        """The name of an attribute of the instance; empty for anything else."""
        match node:
            case ast.Attribute(value=ast.Name(id=owner), attr=name):
                return name if owner == self._method.args.args[0].arg else ""
        return ""

    def _move(self, call: ast.Call) -> None:
        """Have a layer before the shuffle."""
        name = self._attribute(call.func)
        if not name:
            raise Left(f"{self._source.shown(call.func)} is no attribute", call)
        if self.moved.setdefault(name, call) is not call:
            raise Left(f"{name} is applied twice", call)

    # --- products ----------------------------------------------------------------------------

    def _see_factors(self, node: ast.AST) -> None:
        """See that all factors of a product can be had as they are before the shuffle."""
        match node:
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                factors = [left, right]
            case ast.Call(func=function, args=args, keywords=[]) if len(args) in (1, 2):
                receiver = [function.value] if isinstance(function, ast.Attribute) else []
                factors = [*args] if len(args) == 2 else [*receiver, *args]
            case _:
                raise Left("it is added, or else put together with something", node)
        for each in factors:
            values = in_order(self._facts.values(each))
            if self._before.keys() >= {*values} and values:
                continue
            for value in values or (None,):
                self._see_factor(value, node)

    def _see_factor(self, value: Value | None, consumer: ast.AST) -> None:
        """See that what gives a factor can give it as it is before the shuffle."""
        if isinstance(value, Constant) and isinstance(value.value, (int, float)):
            return
        if not isinstance(value, Tensor):
            raise Left("what it is multiplied by is not known", consumer)
        if value in self._before:  # of a loop, or of one case of several
            raise Left("what it is multiplied by may be itself", consumer)
        call = value.site
        others = [
            each
            for each in self._facts.uses(value)
            if not _is_asking(each) and each.node is not consumer
        ]
        is_here = self._source.has(call) and self._source.function_around(call) is self._method
        if others or not is_here or not isinstance(call, ast.Call):
            raise Left("what it is multiplied by is read elsewhere too", consumer)
        producer = value.producer
        if isinstance(producer, Object):
            if producer.kind in torch_api.CONVOLUTIONS:
                given = self._built(producer, call) if "Transpose" not in producer.kind else None
                if given is None or not self._layers.is_plain(given):
                    raise Left("what it is multiplied by comes of no plain convolution", consumer)
                return self._move(call)
            if producer.kind in torch_api.BATCH_NORMS:
                self._move(call)
            elif producer.kind not in _CHANNELWISE:
                raise Left("what it is multiplied by comes of no convolution", consumer)
        elif isinstance(producer, External):
            module, _, name = producer.path.rpartition(".")
            if module not in _MODULES or name not in _FUNCTIONS:
                raise Left("what it is multiplied by comes of no convolution", consumer)
        else:
            raise Left("what it is multiplied by comes of no convolution", consumer)
        for each in in_order(self._facts.inputs_of(value)) or (None,):
            self._see_factor(each, call)


def _is_asking(use: Use) -> bool:
    """Whether a use of a tensor tells no more than its shape, or is told by another one as well."""
    if use.kind in ("method", "read"):
        return use.name in _ASKING or use.kind == "method"
    return use.kind == "operand"


def _argument(call: ast.Call) -> ast.expr:
    """What a layer is applied to."""
    given = [*call.args, *(each.value for each in call.keywords)]
    if len(given) != 1 or isinstance(given[0], ast.Starred):
        raise Left("a layer is given more than what it is applied to", call)
    return given[0]


def _product(one: frozenset[tuple[str, int]], other: frozenset[tuple[str, int]]) -> dict[str, int]:
    found = dict(one)
    for name, count in other:
        found[name] = found.get(name, 0) + count
    return found
