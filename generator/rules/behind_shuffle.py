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
from ..facts.values import NOTHING, Constant, External, Object, Tensor, Value, Values
from ..reading.source import Source
from .built_layers import BuiltLayers, Factors, product
from .new_module import Place
from .rule import Left
from .shuffle_returned import CHANNELWISE, FUNCTIONS, MODULES, Returned, is_asking

_PRODUCTS: Final = ("mul", "multiply")
_NORMS: Final = tuple(f"torch.nn.BatchNorm{each}d" for each in (1, 2, 3))
_WITH_PARTS: Final = ("torch.nn.Conv1d", "torch.nn.Conv2d", "torch.nn.Conv3d")
_DEPTHWISE: Final = ("torch.nn.Conv1d", "torch.nn.Conv2d")


class BehindShuffle:
    """Follows what a shuffle gives through a method.

    Attributes:
        moved: the layers that are to stand before the shuffle, by the attributes that hold them.
        parted: norms of the same, each by its attribute with the call of the convolution that is
            shuffled; both may be in parts.
        readers: what the layers that mix the channels are applied to.
        channels: how many channels there are, in the terms of the constructor.

    Args:
        source: where the shuffle stands.
        facts: what may happen in it.
        place: the method that it stands in, and the constructor of its class.
        layers: what is built by the constructor of its class.
        groups: the factors of its number of groups, in each case.
    """

    def __init__(
        self,
        source: Source,
        facts: Facts,
        place: Place,
        layers: BuiltLayers,
        groups: Sequence[Factors | None],
    ) -> None:
        self.moved: dict[str, ast.Call] = {}
        self.parted: dict[str, ast.Call] = {}
        self.readers: dict[ast.expr, None] = {}
        self.channels: ast.expr | None = None
        self._source = source
        self._facts = facts
        self._method = place.method
        self._returned = Returned(source, facts, place, layers, groups)
        self._layers = layers
        self._groups = groups
        self._before: dict[Value, None] = {}
        self._passed: dict[ast.AST, None] = {}
        self._first: Values = NOTHING
        self._shuffled: Values = NOTHING

    def follow(self, shuffle: ast.Call, given: ast.expr) -> None:
        """Go through all that is done with what a shuffle gives.

        Args:
            shuffle: the shuffle.
            given: what it is given.

        Raises:
            Left: something else is, or may be.
        """
        todo = in_order(self._facts.values(shuffle))
        if not todo or not all(isinstance(each, Tensor) for each in todo):
            raise Left("what it gives is not known to be a tensor")
        self._first = frozenset(todo)
        self._shuffled = self._facts.values(given)
        for tensor in todo:  # which grows
            if tensor in self._before:
                continue
            self._before[tensor] = None
            todo += self._read(tensor, is_first=tensor in self._first)
        for node in self._passed:
            for each in ast.iter_child_nodes(node):
                values = self._facts.values(each) if isinstance(each, ast.expr) else frozenset()
                if not self._before.keys().isdisjoint(values) and not values <= self._before.keys():
                    raise Left("something else may be read in its place", each)

    def _read(self, tensor: Value, is_first: bool) -> Sequence[Value]:
        """What is made of a tensor by what keeps the channels apart."""
        if [*self._facts.heap.holders(tensor)]:
            raise Left("what it gives is kept")
        uses = [each for each in self._facts.uses(tensor) if not is_asking(each)]
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
            self._give_back(node, is_first)
            return None
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
        if path == "operator" or (module in MODULES and name in _PRODUCTS):
            self._see_factors(node)
        elif module not in MODULES or name not in FUNCTIONS or is_first:
            raise Left(f"{name or 'something'} reads what it gives", node)
        return use.result

    def _give_back(self, node: ast.AST, is_first: bool) -> None:
        """Have the index in what is returned, where all that reads it mixes the channels."""
        if is_first or not isinstance(node, ast.Return) or node.value is None:
            raise Left("it is returned, to what is not followed", node)
        self._returned.check(node)
        self._passed[node] = None
        self.readers[node.value] = None

    # --- layers ------------------------------------------------------------------------------

    def _of_layer(
        self, use: Use, layer: Object, call: ast.Call, tensor: Value, is_first: bool
    ) -> Value | None:
        shown = self._source.shown(call.func)
        if layer.kind in CHANNELWISE and not is_first:
            return use.result
        if layer.kind in torch_api.BATCH_NORMS and is_first:
            self._move_norm(layer, call)
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
            and (not each or each == groups or product(each, groups) == dict(channels))
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

    def _move_norm(self, norm: Object, call: ast.Call) -> None:
        """Have a norm that follows the shuffle behind the convolution that is shuffled."""
        shown = self._source.shown(call.func)
        (tensor,) = self._shuffled if len(self._shuffled) == 1 else (None,)
        conv = getattr(tensor, "site", None)
        producer = getattr(tensor, "producer", None)
        given = None
        if isinstance(conv, ast.Call) and isinstance(producer, Object):
            is_alone = self._facts.values(conv.func) == {producer} and self._attribute(conv.func)
            is_here = self._source.has(conv) and self._source.function_around(conv) is self._method
            if is_alone and is_here and producer.kind in _WITH_PARTS:
                given = self._built(producer, conv)
        if given is None or not isinstance(conv, ast.Call) or len(conv.args) != 1 or conv.keywords:
            raise Left(f"{shown} is a norm that follows no convolution of its own", call)
        has_statistics = not self._facts.argument(norm, 4, "track_running_stats")
        if not has_statistics or norm.kind not in _NORMS or not self._is_built_plainly(call):
            raise Left(f"{shown} may be a norm of another kind", call)
        self.channels = given.get("out_channels")
        if self._layers.is_plain(given):
            return self._move(call)
        factors = {self._layers.factors(given.get(f"{each}_channels")) for each in ("in", "out")}
        if len(factors) > 1 or None in factors:  # or it may have several outputs for each channel
            raise Left(f"{self._source.shown(conv.func)} may be a depthwise multiplier", conv)
        if any(use.node is not call for each in self._first for use in self._facts.uses(each)):
            raise Left(f"{shown} is not all that reads what it gives", call)
        self._move(call)
        self.parted[self._attribute(call.func)] = conv

    def _is_built_plainly(self, call: ast.Call) -> bool:
        """Whether a norm is built by the class of torch itself."""
        built = self._layers.built(self._attribute(call.func))
        return isinstance(built, ast.Call) and all(
            isinstance(each, External) for each in self._facts.values(built.func)
        )

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
            if not is_asking(each) and each.node is not consumer
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
            elif producer.kind not in CHANNELWISE:
                raise Left("what it is multiplied by comes of no convolution", consumer)
        elif isinstance(producer, External):
            module, _, name = producer.path.rpartition(".")
            if module not in MODULES or name not in FUNCTIONS:
                raise Left("what it is multiplied by comes of no convolution", consumer)
        else:
            raise Left("what it is multiplied by comes of no convolution", consumer)
        for each in in_order(self._facts.inputs_of(value)) or (None,):
            self._see_factor(each, call)


def _argument(call: ast.Call) -> ast.expr:
    """What a layer is applied to."""
    given = [*call.args, *(each.value for each in call.keywords)]
    if len(given) != 1 or isinstance(given[0], ast.Starred):
        raise Left("a layer is given more than what it is applied to", call)
    return given[0]
