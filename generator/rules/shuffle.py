"""Channel shuffles: as an index that plain convolutions read, which PLiNIO takes.

Before::

    from torch import nn


    def channel_shuffle(x, groups):
        n, c, h, w = x.size()
        x = x.view(n, groups, c // groups, h, w)
        return x.transpose(1, 2).reshape(n, c, h, w)


    class Unit(nn.Module):
        def __init__(self, width, groups):
            super().__init__()
            self.groups = groups
            self.reduce = nn.Conv2d(width, width, 1)
            self.depthwise = nn.Conv2d(width, width, 3, groups=width)
            self.expand = nn.Conv2d(width, width, 1)

        def forward(self, x):
            x = channel_shuffle(self.reduce(x), self.groups)
            x = self.depthwise(x)
            return self.expand(x)

After::

    from torch import nn


    def channel_shuffle(x, groups):
        n, c, h, w = x.size()
        x = x.view(n, groups, c // groups, h, w)
        return x.transpose(1, 2).reshape(n, c, h, w)


    def shuffled(channels, groups):
        \"\"\"Where a channel shuffle takes each channel from.\"\"\"
        size = channels // groups
        return [size * group + i for i in range(size) for group in range(groups)]


    class BeforeShuffle(nn.Module):
        \"\"\"A layer before a channel shuffle; loads the weights that it has behind one.\"\"\"

        def __init__(self, layer, order):
            super().__init__()
            self.layer = layer
            self.places = sorted(range(len(order)), key=order.__getitem__)
            for tensor in layer.state_dict().values():
                tensor.copy_(self.moved(tensor))

        def forward(self, input):
            return self.layer(input)

        def moved(self, tensor):
            has_channels = tensor.shape[:1] == (len(self.places),)
            return tensor[self.places] if has_channels else tensor

        def _load_from_state_dict(self, state_dict, prefix, *args):
            for name in self.layer.state_dict():
                old, new = f"{prefix}{name}", f"{prefix}layer.{name}"
                if old in state_dict and new not in state_dict:
                    state_dict[new] = self.moved(state_dict.pop(old))
            super()._load_from_state_dict(state_dict, prefix, *args)


    class Unit(nn.Module):
        def __init__(self, width, groups):
            super().__init__()
            self.groups = groups
            self.reduce = nn.Conv2d(width, width, 1)
            self.depthwise = nn.Conv2d(width, width, 3, groups=width)
            self.expand = nn.Conv2d(width, width, 1)
            self.order = shuffled(width, groups)
            self.depthwise = BeforeShuffle(self.depthwise, self.order)

        def forward(self, x):
            x = self.reduce(x)
            x = self.depthwise(x)
            return self.expand(x[:, self.order])

PLiNIO (commit 3d6b5e0) refuses ``view`` and ``transpose``. It takes an index, and what PIT exports
is right where nothing but plain convolutions reads that; before a depthwise one or a norm it is
wrong, without a word. So these go before the shuffle, with their weights in its order: a state dict
of the original is loaded so. Where all weights are drawn anew after that, the same seed gives those
layers the same values for other channels. The index stands in the place of the shuffle where there
are no such layers.

A norm right behind the shuffle goes behind the convolution before it, with as many parts as that is
split into. What the forward returns is followed to what reads it in the project; the index stands
in the ``return`` where all of that mixes the channels.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from ..facts.values import Function, Tensor
from ..project_files import location_of
from ..reading.naming import numbered
from ..reading.source import Source
from ..rewriting.edits import Edit, Insertion, Removal, TextEdit
from ..rewriting.places import insert_after, line_above_comments, place_for_definition
from .behind_shuffle import BehindShuffle
from .built_layers import BuiltLayers
from .channel_orders import ChannelOrders
from .moved_layers import MovedLayers
from .new_module import NewModules, Place, instance_of
from .rule import Asking, Left, Proposal
from .shuffle_steps import Order
from .tensors import is_in_model

CODE: Final = "shuffle"
_TEMPLATE: Final = "shuffle.py.jinja"
_NAMES: Final = {
    "order": "shuffled",
    "layer": "BeforeShuffle",
    "norm": "NormBeforeShuffle",
    "outputs": "outputs_apart",
}
_PATHS: Final = {"module": "torch.nn.Module", "list": "torch.nn.ModuleList", "cat": "torch.cat"}
"""What the template calls by names of its own, and what of torch."""
_TURNING: Final = ("transpose", "swapaxes", "swapdims", "permute")
_STRAIGHT: Final = (ast.Assign, ast.Assert, ast.Expr, ast.Return)
_PLAIN: Final = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)
"""What an index can follow."""


def may_apply(text: str) -> bool:
    """Whether a text may shuffle channels in a model."""
    is_model = "torch" in text and "def forward" in text
    return is_model and ("huffle" in text or any(f"{each}(" in text for each in _TURNING))


def sites(source: Source) -> Iterator[ast.Call]:
    """The calls of what is named as a shuffle, or may be one by what the source has of it."""
    functions = {
        each.name
        for each in source.tree.body
        if isinstance(each, ast.FunctionDef) and _may_shuffle(each)
    }
    classes = {
        each.name
        for each in source.tree.body
        if isinstance(each, ast.ClassDef) and any(map(_may_shuffle, each.body))
    }
    held = {
        getattr(each.targets[0], "attr", "")
        for each in source.nodes
        if isinstance(each, ast.Assign) and isinstance(each.value, ast.Call)
        if getattr(each.value.func, "id", "") in classes
    }
    for node in source.nodes:
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in functions | held or _is_named(name):
                yield node


def _is_named(name: str) -> bool:
    """Whether something is named as a shuffle of channels, and not of pixels."""
    return "shuffle" in name.lower() and "pixel" not in name.lower()


def _may_shuffle(function: ast.stmt) -> bool:
    """Whether a function may do no more than to shuffle channels, by its statements."""
    body = function.body if isinstance(function, ast.FunctionDef) else []
    is_straight = all(isinstance(each, _STRAIGHT) for each in body)
    return is_straight and any(
        getattr(each, "attr", "") in _TURNING for one in body for each in ast.walk(one)
    )


def is_meant(asking: Asking, node: ast.Call) -> bool:
    """Whether channels are shuffled, in what is no shuffle itself."""
    function = asking.source.function_around(node)
    if not is_in_model(asking, node) or not isinstance(function, ast.FunctionDef):
        return False
    own = ChannelOrders(asking.facts)
    if own.of_call(node) is None:
        if not _may_be_of_other_file(asking, node.func):
            return False
        own = ChannelOrders(asking.in_project().facts)
    return own.of_call(node) is not None and not own.is_shuffle(function)


def _may_be_of_other_file(asking: Asking, callee: ast.expr) -> bool:
    """Whether a shuffle, by its name, may be what another file of the project defines."""
    name = getattr(callee, "attr", getattr(callee, "id", ""))
    if not _is_named(name) or location_of(asking.source) is None:
        return False
    paths = [getattr(each, "path", "") for each in asking.facts.values(callee)]
    return not any(each.startswith(("torch.", "random.", "numpy.")) for each in paths)


def propose(asking: Asking, node: ast.Call) -> Proposal:
    """An index, behind the layers that keep the channels apart."""
    return _Shuffle(asking, node).proposal()


class _Shuffle:
    """A shuffle that becomes an index.

    Args:
        asking: what the rule asks.
        call: the shuffle.

    Raises:
        Left: it stays.
    """

    def __init__(self, asking: Asking, call: ast.Call) -> None:
        self._asking = asking
        self._source = asking.source
        self._facts = asking.in_project().facts
        self._call = call
        found = ChannelOrders(self._facts).of_call(call)
        if found is None:
            raise Left("by the rest of the project it may be something else")
        self._order, self._given = found
        self._modules = NewModules(asking)
        self._place: Place = self._modules.place(call)
        self._layers = BuiltLayers(self._source, self._facts, self._place.constructor)

    def proposal(self) -> Proposal:
        """What is to stand in its place.

        Raises:
            Left: it stays.
        """
        if not self._facts.is_complete:
            raise Left("what happens in the project is too much to be known")
        groups = self._groups(self._order)
        if self._layers.factors(groups) is None:
            shown = ast.unparse(self._order.groups)
            raise Left(f"{shown} is not known to be what the constructor is given")
        behind = BehindShuffle(
            self._source, self._facts, self._place, self._layers, self._layers.cases(groups)
        )
        behind.follow(self._call, self._given)
        channels = behind.channels
        if channels is None or self._layers.factors(channels) is None:
            raise Left("the number of channels is not known when it is built")
        moved = MovedLayers(self._asking, self._place, self._layers)
        for name, call in behind.moved.items():
            moved.check(name, call)
        return self._proposed(ast.unparse(channels), ast.unparse(groups), behind)

    def _proposed(self, channels: str, groups: str, behind: BehindShuffle) -> Proposal:
        last = self._place.constructor.body[-1]
        own = self._modules.fresh(self._place.owner, "order")
        value, imports = self._value(behind, own)
        value |= {
            "channels": channels,
            "groups": f"{channels} // {groups}" if self._order.is_inverse else groups,
        }
        render = partial(self._asking.templates.render, _TEMPLATE)
        defined = ["order", *(["layer"] if value["moved"] else [])]
        defined += ["norm", "outputs"] if behind.parted else []
        edits: list[Edit] = [insert_after(self._source, last, partial(render, "lines", value))]
        edits += (self._definition(partial(render, each, value)) for each in defined)
        attribute = f"{instance_of(self._place.method)}.{own}"
        if behind.moved:
            edits.append(self._without_shuffle(is_parted=bool(behind.parted)))
            edits += (self._indexed(each, each, attribute) for each in behind.readers)
            edits += (self._apart(each, value["outputs"]) for each in behind.parted.values())
        else:
            edits.append(self._indexed(self._call, self._given, attribute))
        shown = f"[:, {attribute}]"
        if behind.moved:
            shown += f" behind {', '.join(behind.moved)}, whose weights are put in that order"
        return Proposal(shown, tuple(edits), imports)

    def _value(self, behind: BehindShuffle, own: str) -> tuple[dict[str, Any], tuple[str, ...]]:
        """What the template is given, and what is to be imported for it."""
        instance = instance_of(self._place.constructor)
        taken = self._source.scope(self._source.tree).bindings
        names = {
            kind: next(each for each in numbered(name) if each not in taken)
            for kind, name in _NAMES.items()
        }
        paths = _PATHS if behind.parted else {"module": _PATHS["module"]}
        spelled = {
            name: self._asking.spelled(path, self._place.owner) for name, path in paths.items()
        }
        moved = [each for each in behind.moved if each not in behind.parted]
        parted = [
            (f"{instance}.{norm}", f"{instance}.{getattr(conv.func, 'attr', '')}")
            for norm, conv in behind.parted.items()
        ]
        value = {
            **names,
            **{name: code for name, (code, _) in spelled.items()},
            "attribute": f"{instance}.{own}",
            "moved": [f"{instance}.{each}" for each in moved],
            "parted": parted,
        }
        return value, tuple(dict.fromkeys(each for _, new in spelled.values() for each in new))

    def _apart(self, conv: ast.Call, outputs: str) -> TextEdit:
        """What a convolution gives, in as many parts as it is in itself."""
        self._asking.keep_comments(conv, conv.func, conv.args[0])

        def emit(func: str, x: str) -> str:
            value = {"outputs": outputs, "conv": func, "x": x}
            return self._asking.templates.render(_TEMPLATE, "apart", value)

        return TextEdit(conv, conv.func, emit, (conv.args[0],))

    def _definition(self, emit: partial[str]) -> Insertion:
        statement = place_for_definition(self._source, [self._place.owner])
        statement = self._place.top(self._source, statement)
        place = line_above_comments(self._source, statement)
        return Insertion(place, emit, blank_lines=2, blank_lines_above=2)

    def _indexed(self, node: ast.expr, part: ast.expr, attribute: str) -> TextEdit:
        """An index behind a part of an expression, in its place."""

        def emit(code: str) -> str:
            code = code if isinstance(part, _PLAIN) else f"({code})"
            return self._asking.templates.render(
                _TEMPLATE, "index", {"x": code, "attribute": attribute}
            )

        if node is not part:
            self._asking.keep_comments(node, part)
        return TextEdit(node, part, emit)

    def _without_shuffle(self, *, is_parted: bool) -> Edit:
        """What is shuffled, in place of the shuffle; nothing where that would be ``x = x``."""
        source, statement = self._source, self._source.statement(self._call)
        self._see_that_it_is_read_once(is_parted=is_parted)
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if value is self._call:
                if getattr(self._given, "id", "") == name and source.has_own_lines(statement):
                    self._asking.keep_comments(statement)
                    return Removal(statement)
        self._asking.keep_comments(self._call, self._given)
        return TextEdit(self._call, self._given, str)

    def _see_that_it_is_read_once(self, *, is_parted: bool) -> None:
        """See that what is shuffled is read by nothing else, which could be changed in place.

        Args:
            is_parted: whether it becomes a list of parts, which has no shape to be asked for.

        Raises:
            Left: it may be.
        """
        values = self._facts.values(self._given)
        inside: set[ast.AST] = {self._call}
        for callee in self._facts.values(self._call.func):
            if isinstance(callee, Function):
                inside.update(ast.walk(callee.node))
        for each in values:
            uses = self._facts.uses(each)
            is_new = isinstance(each, Tensor) and not [*self._facts.heap.holders(each)]
            others = [each for each in uses if each.node not in inside]
            if not is_new or any(is_parted or _is_use(each.kind) for each in others):
                raise Left("what is shuffled is read elsewhere too")

    # --- numbers -----------------------------------------------------------------------------

    def _groups(self, order: Order) -> ast.expr:
        """The number of groups in the terms of the constructor."""
        instance = instance_of(self._place.method)
        value: ast.expr | None = None
        match order.groups:
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner == instance:
                value = self._layers.built(name)
            case ast.Attribute(value=ast.Attribute(value=ast.Name(id=owner), attr=held), attr=name):
                built = self._layers.built(held) if owner == instance else None
                value = self._given_to_module(built, name)
        return value if value is not None else order.groups

    def _given_to_module(self, built: ast.expr | None, name: str) -> ast.expr | None:
        """What the constructor of a module is given for an attribute of it."""
        return self._layers.given_to_module(built, name) if isinstance(built, ast.Call) else None


def _is_use(kind: str) -> bool:
    return kind not in ("method", "read", "operand")
