"""Tensors: what makes them, what they are given to, and what is known of their shape."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .. import torch_api
from .arguments import Arguments
from .heap import union
from .values import (
    ANYTHING,
    NOTHING,
    Constant,
    External,
    Instance,
    Object,
    Parameter,
    Size,
    Tensor,
    Unknown,
    Value,
    Values,
)

if TYPE_CHECKING:
    from .frames import Frame
    from .interpreter import Interpreter


_MOST_INPUTS: Final = 12
"""How many tensors a module may be applied to at one place before one stands for all of them."""


@dataclass(frozen=True)
class Shape:
    """What is known of the shape of a tensor.

    Attributes:
        rank: how many dimensions it has; None if that is not known.
        channels: its length in dimension 1, likewise.
    """

    rank: int | None = None
    channels: int | None = None


class Tensors:
    """Interprets what is done with tensors."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self._shapes: dict[Value, Shape] = {}
        self._inputs_of: dict[Value, Values] = {}

    def shape(self, value: Value) -> Shape:
        """What is known of the shape of something."""
        return self._shapes.get(value, Shape())

    def inputs_of(self, value: Value) -> Values:
        """What a tensor is made of."""
        return self._inputs_of.get(value, NOTHING)

    # --- what gives them ---------------------------------------------------------------------

    def _made(
        self,
        producer: Value,
        inputs: Values,
        node: ast.AST,
        frame: Frame,
        step: object,
        shape: Shape,
    ) -> Tensor:
        interpreter = self.interpreter
        made = interpreter.intern(Tensor, node, producer, frame.context, frame.owner, step)
        assert isinstance(made, Tensor)
        before = self._shapes.get(made)
        if before is None:
            self._shapes[made] = shape
        elif before != shape:
            rank = shape.rank if shape.rank == before.rank else None
            channels = shape.channels if shape.channels == before.channels else None
            self._shapes[made] = Shape(rank, channels)
        self._inputs_of[made] = self._inputs_of.get(made, NOTHING) | inputs
        interpreter.use(inputs, "input", node, frame, by=producer, result=made)
        return made

    def _inputs(self, given: Arguments) -> Values:
        """The tensors that a call is given, those in lists too, and what may be one."""
        found: set[Value] = set()
        for values in given.all():
            for value in values:
                if isinstance(value, (Tensor, Parameter)):
                    found.add(value)
                elif self.interpreter.heap.is_container(value):
                    reached = self.interpreter.heap.reachable(value)
                    found |= {each for each in reached if isinstance(each, (Tensor, Parameter))}
        return frozenset(found)

    def applied(
        self, value: Value, given: Arguments, node: ast.AST, frame: Frame, step: object = None
    ) -> Values:
        """What a module gives."""
        inputs = self._inputs(given)
        first = given.get(0, "input")
        if len(inputs) > _MOST_INPUTS:
            inputs = self.any_of(inputs, node, frame, ("inputs", step))
        shape = self._of_module(value, first)
        made = self._made(value, inputs, node, frame, step, shape)
        self.interpreter.use((value,), "call", node, frame, result=made)
        return frozenset((made,))

    def any_of(self, values: Values, node: ast.AST, frame: Frame, step: object) -> Values:
        """One tensor that stands for any of some; the same at each asking."""
        producer = self.interpreter.external("any of several")
        return frozenset((self._made(producer, values, node, frame, step, Shape()),))

    def _of_module(self, value: Value, first: Values) -> Shape:
        known = self._common(first)
        if not isinstance(value, Object):
            return Shape()
        dimensions = torch_api.dimensions(value.kind)
        rank = known.rank if dimensions is None else dimensions + 2
        if value.kind in torch_api.SAME_CHANNELS:
            return Shape(rank, known.channels)
        if value.kind in torch_api.CONVOLUTIONS:
            return Shape(rank, self.out_channels(value))
        if value.kind == "torch.nn.Flatten":
            return Shape(2 if self.interpreter.given.get(value) == Arguments() else None)
        return Shape(known.rank if value.kind == "torch.nn.Linear" else None)

    def out_channels(self, conv: Object) -> int | None:
        """The number of channels that a convolution gives, where it is a number."""
        given = self.interpreter.given.get(conv)
        place = 0 if ".Lazy" in conv.kind else 1
        values = given.get(place, "out_channels") if given is not None else NOTHING
        found = [each.value for each in values if isinstance(each, Constant)]
        is_one = len(values) == 1 and len(found) == 1
        return found[0] if is_one and isinstance(found[0], int) else None

    def _common(self, values: Values) -> Shape:
        shapes = {self.shape(each) for each in values}
        return shapes.pop() if len(shapes) == 1 else Shape()

    def function(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        """What a function of torch gives."""
        name = path.rpartition(".")[2]
        first = given.get(0, "input") | given.get(99, "tensors")
        known = self._common(self._inputs(Arguments((first,))) or first)
        shape = self._of_function(name, known, given, 1)
        producer = self.interpreter.external(path)
        return self._results(name, producer, self._inputs(given), node, frame, shape)

    def _of_function(self, name: str, known: Shape, given: Arguments, place: int) -> Shape:
        rank = torch_api.rank_of(name, known.rank)
        if name == "flatten":
            start = given.get(place, "start_dim")
            is_from_one = [each.value for each in start if isinstance(each, Constant)] == [1]
            rank = (
                2 if is_from_one and len(given.positional) + len(given.named) == place + 1 else None
            )
        return Shape(rank, known.channels if torch_api.keeps_channels(name) else None)

    def _results(
        self,
        name: str,
        producer: Value,
        inputs: Values,
        node: ast.AST,
        frame: Frame,
        shape: Shape,
    ) -> Values:
        made = self._made(producer, inputs, node, frame, None, shape)
        if name not in torch_api.SEVERAL:
            return frozenset((made,))
        several = self.interpreter.container(node, "builtins.tuple", frame)
        self.interpreter.heap.put(several, "each", frozenset((made,)), many=True)
        self.interpreter.heap.loosen(several)
        return frozenset((several,))

    def method(
        self, value: Tensor | Parameter, name: str, given: Arguments, node: ast.AST, frame: Frame
    ) -> Values:
        """What a method of a tensor, or of what may be one, gives."""
        interpreter = self.interpreter
        if name == "size":
            return self._size(value, given)
        if name in (
            "dim",
            "ndimension",
            "numel",
            "nelement",
            "is_contiguous",
            "stride",
            "get_device",
        ):
            return ANYTHING
        if name not in torch_api.METHODS:
            interpreter.use((value,), "escape", node, frame, name=name)
            for values in given.all():
                interpreter.escape(values, node, frame, name)
            return ANYTHING
        shape = self._of_function(name, self.shape(value), given, 0)
        inputs = self._inputs(given) | {value}
        producer = interpreter.external(f"torch.Tensor.{name}")
        return self._results(name, producer, inputs, node, frame, shape)

    def _size(self, value: Value, given: Arguments) -> Values:
        dimensions = given.get(0, "dim")
        if not dimensions:
            return frozenset((self.interpreter.intern(Size, value, None),))
        return union(
            frozenset((self.interpreter.intern(Size, value, each.value),))
            if isinstance(each, Constant)
            else ANYTHING
            for each in dimensions
        )

    def property(self, node: ast.Attribute, value: Tensor, frame: Frame) -> Values:
        """What an attribute of a tensor is."""
        if node.attr not in ("data", "T", "mT", "real", "imag", "grad"):
            return ANYTHING
        producer = self.interpreter.external(f"torch.Tensor.{node.attr}")
        shape = self.shape(value) if node.attr == "data" else Shape()
        return frozenset((self._made(producer, frozenset((value,)), node, frame, None, shape),))

    def operation(self, node: ast.AST, operands: list[Values], frame: Frame) -> Values:
        """What an operator gives."""
        interpreter = self.interpreter
        values = union(operands)
        tensors = frozenset(each for each in values if isinstance(each, Tensor))
        for each in operands:
            interpreter.use(each, "operand", node, frame)
        if not tensors:
            return ANYTHING
        shape = self._common(tensors)
        producer = interpreter.external("operator")
        others = frozenset(each for each in values if isinstance(each, Parameter))
        return frozenset((self._made(producer, tensors | others, node, frame, None, shape),))

    # --- parts of them -----------------------------------------------------------------------

    def sliced(self, node: ast.AST, value: Value, frame: Frame) -> Values:
        """What ``x[...]`` gives."""
        if isinstance(value, Parameter):  # which may be a list as well
            return ANYTHING
        producer = self.interpreter.external("torch.Tensor.__getitem__")
        return frozenset((self._made(producer, frozenset((value,)), node, frame, None, Shape()),))

    def part(self, node: ast.AST, value: Value, place: object, frame: Frame) -> Values:
        """What one of several names is bound to by ``a, b = x``."""
        if not isinstance(value, Tensor):
            return ANYTHING
        producer = self.interpreter.external("torch.Tensor.unbind")
        made = self._made(producer, frozenset((value,)), node, frame, place, Shape())
        return frozenset((made,))

    def elements(self, value: Value, frame: Frame) -> Values:
        """What going over a tensor, or over what may be one, gives."""
        if isinstance(value, Tensor):
            return self.part(value.site, value, "each", frame)
        return ANYTHING


__all__ = ["External", "Instance", "Shape", "Tensors", "Unknown"]
