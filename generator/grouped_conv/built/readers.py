"""See that nothing reads what a module gives but plain convolutions and linear layers.

    x = self.pool(F.relu(self.depthwise(x)))
    return self.pointwise(x)

Between them stands only what goes over each channel by itself. What is not known counts as harmful.
"""

from __future__ import annotations

import ast
from typing import Final, Literal, TypeAlias

from ... import torch_api
from ...facts.heap import Use
from ...facts.values import ANY_OF_SEVERAL, External, Object, Tensor, Value
from ..refusal import Refusal
from ..tracing import Tracing

State: TypeAlias = Literal["channels", "flat"]
"""How channels come out of a layer: as they went in, or each flattened."""

_FLATTEN: Final = {"torch.flatten": 1, "torch.Tensor.flatten": 0}
"""With the number of arguments before that for the first dimension."""


class Readers:
    """Who reads what some modules give.

    Args:
        tracing: of the source.
        with_norm: whether a norm that directly follows is split with each, and reads no index.
    """

    def __init__(self, tracing: Tracing, with_norm: bool) -> None:
        self.tracing = tracing
        self.facts = tracing.surroundings.facts
        self.with_norm = with_norm
        self._seen: set[tuple[Value | None, State]] = set()

    def check(self, conv: Value) -> None:
        """See who reads what a convolution gives.

        Raises:
            Refusal: something else than plain convolutions and linear layers may.
        """
        uses = self.facts.uses(conv)
        calls = [each for each in uses if each.kind == "call"]
        escaped = [each for each in uses if each.kind == "escape"]
        if not calls or escaped:
            raise Refusal("what reads it is not known")
        # An nn.Sequential is also applied where it is built, for whoever may: to no reader behind.
        around = [holder for holder, _ in self.facts.heap.holders(conv)]
        places = {each.site for each in around if isinstance(each, Object)}
        for each in [each for each in calls if each.node not in places] or calls:
            self._check(each, "channels", self.with_norm)

    def _check(self, giving: Use, state: State, with_norm: bool = False) -> None:
        tensor = giving.result
        if (tensor, state) in self._seen:  # it is in a loop, or read by two
            return
        self._seen.add((tensor, state))
        all_uses = self.facts.uses(tensor) if isinstance(tensor, Tensor) else []
        uses = [each for each in all_uses if each.kind != "method"]
        uses.sort(key=lambda each: each.by is None)  # what is known is named first
        if tensor is None or not uses or [*self.facts.heap.holders(tensor)]:
            raise self._unknown(giving)
        for use in uses:
            after = state if with_norm and self._joins(use.by) else self._after(use, state)
            if after is not None:
                self._check(use, after)

    def _joins(self, norm: Value | None) -> bool:
        """Whether a norm surely is split with the convolution before it."""
        if not isinstance(norm, Object) or norm.kind not in torch_api.BATCH_NORMS:
            return False
        kind = self.tracing.pairs.modules.kinds.of_values(frozenset((norm,)), "")
        if kind.name == "unclear":
            raise Refusal("the norm after it may stay")
        return not kind.reason

    def _after(self, use: Use, state: State) -> State | None:
        """What comes out of what reads a tensor; None where all channels are mixed."""
        if use.kind == "input" and isinstance(use.by, Object):
            return self._after_layer(use, use.by, state)
        if use.kind == "input" and isinstance(use.by, External):
            path = use.by.path
            is_channelwise = torch_api.keeps_batch(path) and "softmax" not in path
            if is_channelwise or path == ANY_OF_SEVERAL:
                return state
            if path in _FLATTEN and _is_from_1(use.node, _FLATTEN[path]):
                return "flat"
        raise self._unknown(use)

    def _after_layer(self, use: Use, layer: Object, state: State) -> State | None:
        name = layer.kind.rpartition(".")[2]
        if layer.kind in torch_api.BY_CHANNEL:
            return state
        if name == "Flatten" and isinstance(layer.site, ast.Call):
            if not layer.site.args and not layer.site.keywords:
                return "flat"
        is_conv = layer.kind in torch_api.CONVOLUTIONS
        is_plain = is_conv and "Transpose" not in name and self.facts.is_plain(layer)
        if is_plain if state == "channels" else name == "Linear":
            return None
        what = f"{name} with groups" if is_conv else name
        raise Refusal(f"a {what} reads it ({self.tracing.line(use.node)})")

    def _unknown(self, use: Use) -> Refusal:
        return Refusal(f"what reads it is not known ({self.tracing.line(use.node)})")


def _is_from_1(node: ast.AST, first: int) -> bool:
    """Whether what is flattened is all but the first dimension."""
    match node:
        case ast.Call(args=args, keywords=[]) if len(args) == first + 1:
            return getattr(args[first], "value", None) == 1
        case ast.Call(args=args, keywords=[ast.keyword("start_dim", ast.Constant(1))]):
            return len(args) == first
    return False
