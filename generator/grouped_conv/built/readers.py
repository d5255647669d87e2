"""See that nothing reads a value but plain convolutions and linear layers.

    x = self.pool(F.relu(self.depthwise(x)))
    return self.pointwise(x)

Between them stands only what goes over each channel by itself. What is not known counts as harmful.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Final, Literal, TypeAlias

from ...reading.classes import ClassIndex
from ...reading.containers import container
from ...reading.convolutions import bind_arguments, conv_class
from ...reading.names import meaning
from ...reading.scopes import assigned_value
from ..norms.items import items_of
from ..norms.naming import strings_naming
from ..norms.pairs import Pairs
from ..reads import reads_after
from ..refusal import Refusal, line_of

State: TypeAlias = Literal["channels", "flat", "read"]
"""How channels come out of a layer: as they went in, each flattened, or mixed with all others."""

_POOLS: Final = ("MaxPool", "AvgPool", "AdaptiveMaxPool", "AdaptiveAvgPool")
_ELEMENTWISE: Final = frozenset(
    (
        *("Identity", "ReLU", "ReLU6", "LeakyReLU", "ELU", "SELU", "CELU", "GELU", "SiLU", "Mish"),
        *("Hardswish", "Hardsigmoid", "Hardtanh", "Sigmoid", "Tanh", "Softplus", "Dropout"),
        *("Dropout1d", "Dropout2d", "Dropout3d"),
    )
)
_CHANNELWISE: Final = _ELEMENTWISE.union(f"{pool}{n}d" for pool in _POOLS for n in (1, 2, 3))
_FUNCTIONS: Final = frozenset(
    (
        *("relu", "relu_", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish"),
        *("hardswish", "hardsigmoid", "hardtanh", "sigmoid", "tanh", "softplus", "dropout"),
        *("dropout1d", "dropout2d", "dropout3d"),
        *(f"{pool}_pool{n}d" for pool in ("max", "avg") for n in (1, 2, 3)),
        *(f"adaptive_{pool}_pool{n}d" for pool in ("max", "avg") for n in (1, 2, 3)),
    )
)


class Readers:
    """Who reads what the layers of one source give."""

    def __init__(self, pairs: Pairs) -> None:
        self.pairs = pairs
        self.index: ClassIndex = pairs.index
        self.source = pairs.source
        self._seen: set[tuple[ast.expr, State]] = set()

    def check_value(self, value: ast.expr, state: State = "channels") -> None:
        """See who reads the value of an expression.

        Raises:
            Refusal: something else may.
        """
        if (value, state) in self._seen:  # it is in a loop, or read by two
            return
        self._seen.add((value, state))
        match self.source.parent(value):
            case ast.Assign(targets=[ast.Name(id=name)]) as statement:
                reads = reads_after(self.source, statement, name)
                if not reads:
                    raise Refusal(_unknown(value))
                for each in reads:
                    self.check_value(each, state)
            case ast.Call(args=[given, *_]) as call if given is value:
                after = self._after_call(call, state)
                if after != "read":
                    self.check_value(call, after)
            case ast.Attribute(attr="flatten") as function:
                flattened = self.source.parent(function)
                if not isinstance(flattened, ast.Call) or not _is_from_1(flattened, flattened.args):
                    raise Refusal(_unknown(value))
                self.check_value(flattened, "flat")
            case _:
                raise Refusal(_unknown(value))

    def check_items(self, items: Iterable[ast.expr | None], state: State = "channels") -> State:
        """See who reads what goes into some layers one after the other; say what comes out.

        Raises:
            Refusal: something else may.
        """
        for each in items:
            if each is None:
                raise Refusal("not all of its nn.Sequential is known")
            state = self._after_layer(each, state)
            if state == "read":
                break
        return state

    def _after_call(self, call: ast.Call, state: State) -> State:
        """What a call makes of its first argument."""
        function = call.func
        owner = self.index.self_class(getattr(function, "value", call))
        if owner is not None and isinstance(function, ast.Attribute):
            if len(call.args) != 1 or call.keywords:
                raise Refusal(_unknown(call))
            return self._after_attribute(owner, function.attr, state)
        module, _, name = meaning(self.source, function).path.rpartition(".")
        if module in ("torch", "torch.nn.functional") and name in _FUNCTIONS:
            return state
        if (module, name) == ("torch", "flatten") and _is_from_1(call, call.args[1:]):
            return "flat"
        raise Refusal(_unknown(call))

    def _after_attribute(self, owner: ast.ClassDef, name: str, state: State) -> State:
        """What comes out of a layer that an attribute of ``self`` holds."""
        named = [*strings_naming(self.index, name), *self.index.mentions.computed(name)]
        found = set[State]()
        for access in self.pairs.accesses(owner, name):
            if isinstance(access.node.ctx, ast.Load):
                continue
            value = assigned_value(self.source.parent_of, access.node)
            if value is None:
                raise Refusal(f"self.{name} may be another one ({line_of(access.node)})")
            found.add(self._after_layer(value, state))
        if len(found) != 1 or named or self.is_taken_apart(owner, name):
            raise Refusal(f"what self.{name} is, is not known")
        return found.pop()

    def is_taken_apart(self, owner: ast.ClassDef, name: str) -> bool:
        """Whether what an attribute of ``self`` holds may be changed."""
        accesses = (each.node for each in self.pairs.accesses(owner, name))
        loads = [each for each in accesses if isinstance(each.ctx, ast.Load)]
        return any(map(self._may_change, loads))

    def is_asked(self, name: ast.Name) -> bool:
        """Whether what a variable holds may be changed by its name."""
        uses = self.source.names(self.source.scope(name).node, name.id)
        return any(
            isinstance(self.source.parent(each), (ast.Attribute, ast.Subscript)) for each in uses
        )

    def _may_change(self, layer: ast.expr) -> bool:
        parent = self.source.parent(layer)
        is_read = isinstance(parent, ast.Attribute) and parent.attr in ("weight", "bias")
        return not is_read and not (isinstance(parent, ast.Call) and parent.func is layer)

    def _after_layer(self, layer: ast.expr, state: State) -> State:
        """What comes out of a layer that an expression builds."""
        path = meaning(self.source, layer.func).path if isinstance(layer, ast.Call) else ""
        if not isinstance(layer, ast.Call) or not path.startswith("torch.nn."):
            raise Refusal(f"{self.source.shown(layer)} ({line_of(layer)}) may read it")
        name = path.rpartition(".")[2]
        if name in _CHANNELWISE:
            return state
        if container(path) == "Sequential":
            return self.check_items(items_of(self.source, layer), state)
        if name == "Flatten" and not layer.args and not layer.keywords:
            return "flat"
        if state == "flat" and name == "Linear":
            return "read"
        if state == "channels" and is_plain(layer, path):
            return "read"
        what = f"{name} with groups" if conv_class(path) is not None else name
        raise Refusal(f"a {what} reads it ({line_of(layer)})")


def is_plain(call: ast.Call, path: str) -> bool:
    """Whether a call of what is at a path builds a plain convolution."""
    conv = conv_class(path)
    if conv is None or conv.transposed or conv.lazy:
        return False
    arguments = bind_arguments(call, conv.parameters)
    if arguments.starred or arguments.double_starred:
        return False
    groups = arguments.by_name.get("groups")
    return groups is None or (isinstance(groups, ast.Constant) and groups.value == 1)


def _is_from_1(call: ast.Call, arguments: list[ast.expr]) -> bool:
    """Whether what is flattened is all but the first dimension."""
    given = [*arguments, *(each.value for each in call.keywords if each.arg == "start_dim")]
    is_all = len(given) == 1 and len(given) == len(arguments) + len(call.keywords)
    return is_all and isinstance(given[0], ast.Constant) and given[0].value == 1


def _unknown(value: ast.expr) -> str:
    return f"what reads it is not known ({line_of(value)})"
