"""Tensors: what makes them, and what they are given to."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Final

from .. import torch_api
from .arguments import Arguments
from .frames import Frame
from .heap import Slot, union
from .interpreter import Interpreter
from .values import (
    ANYTHING,
    MADE_OF_IT,
    NOTHING,
    Bound,
    Constant,
    Function,
    Instance,
    Object,
    Parameter,
    Partial,
    Size,
    Tensor,
    Value,
    Values,
    made_of,
)

_MOST_INPUTS: Final = 12
"""How many tensors a module may be applied to at one place before one stands for all of them."""
NUMBERS: Final = frozenset(
    (
        *("dim", "ndimension", "numel", "nelement", "is_contiguous", "stride", "get_device"),
        *("size", "item", "tolist"),
    )
)
"""Methods that give numbers, and so nothing of the tensor."""
_OPERATORS: Final[dict[type[ast.AST], str]] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.MatMult: "matmul",
    ast.Div: "truediv",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
    ast.Pow: "pow",
    ast.LShift: "lshift",
    ast.RShift: "rshift",
    ast.BitOr: "or",
    ast.BitAnd: "and",
    ast.BitXor: "xor",
}
"""How the methods are called that a class defines for operators."""
_MADE: Final = frozenset(("data", "T", "mT", "real", "imag", "grad"))


@dataclass(eq=False)
class Tensors:
    """Interprets what is done with tensors."""

    interpreter: Interpreter

    # --- what gives them ---------------------------------------------------------------------

    def _inputs(self, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        """The tensors that a call is given, those in lists too, and what may be one.

        Nothing else is expected there, and so it has escaped.
        """
        heap = self.interpreter.heap
        found: set[Value] = set()
        for values in given.all():
            for value in values:
                if isinstance(value, (Tensor, Parameter)):
                    found.add(value)
                    continue
                reached = heap.reachable(value) if heap.is_container(value) else (value,)
                for each in [*reached]:
                    if isinstance(each, (Tensor, Parameter)):
                        found.add(each)
                    elif _is_held(each) and not heap.is_container(each):
                        self.interpreter.escape((each,), node, frame)
        return frozenset(found)

    def applied(
        self,
        value: Value,
        given: Arguments,
        node: ast.AST,
        frame: Frame,
        step: object = None,
        like: Values | None = None,
    ) -> Values:
        """What a module gives; it has the shape of what it is applied to, or of something else."""
        inputs = self._inputs(given, node, frame)
        if len(inputs) > _MOST_INPUTS:
            inputs = self.interpreter.any_of(inputs, node, frame, ("inputs", step))
        like = given.get(0, "input") if like is None else like
        made = self.interpreter.tensor(value, inputs, node, frame, step, like)
        self.interpreter.use((value,), "call", node, frame, result=made)
        return frozenset((made,))

    # --- functions and methods ---------------------------------------------------------------

    def function(self, path: str, given: Arguments, node: ast.AST, frame: Frame) -> Values:
        """What a function of torch gives."""
        name = path.rpartition(".")[2]
        first = given.get(0, "input") | given.named.get("tensors", NOTHING)
        inputs = self._inputs(given, node, frame)
        tensors = self._inputs(Arguments((first,)), node, frame)
        producer = self.interpreter.external(path)
        made = self.interpreter.tensor(
            producer, inputs, node, frame, None, tensors, given.without_first()
        )
        return self._results(name, made, node, frame)

    def _results(self, name: str, made: Tensor, node: ast.AST, frame: Frame) -> Values:
        if name not in torch_api.SEVERAL:
            return frozenset((made,))
        several = self.interpreter.container(node, "builtins.tuple", frame)
        parts = Slot(frozenset((made,)), many=True, is_optional=True)
        self.interpreter.heap.put(several, "each", parts)
        self.interpreter.heap.loosen(several)
        return frozenset((several,))

    def method(
        self, value: Tensor | Parameter, name: str, given: Arguments, node: ast.AST, frame: Frame
    ) -> Values:
        """What a method of a tensor, or of what may be one, gives."""
        interpreter = self.interpreter
        if name == "size":
            return self._size(value, given)
        if name in NUMBERS:
            return ANYTHING
        if name not in torch_api.METHODS:
            interpreter.escape((value,), node, frame, name)
            return interpreter.unknown(given, node, frame, name)
        if isinstance(value, Parameter) and name == "add":  # which may be a set
            interpreter.unknown(given, node, frame, name)
        receiver = frozenset((value,))
        inputs = self._inputs(given, node, frame) | receiver
        producer = interpreter.external(f"torch.Tensor.{name}")
        made = self.interpreter.tensor(producer, inputs, node, frame, None, receiver, given)
        if not name.endswith("_"):
            return self._results(name, made, node, frame)
        interpreter.use(receiver, "write", node, frame, name=name)
        interpreter.use(inputs - receiver, "input", node, frame, by=producer, result=value)
        return frozenset((made, value))

    def _size(self, value: Value, given: Arguments) -> Values:
        intern = self.interpreter.intern
        dimensions = given.get(0, "dim")
        if not dimensions:
            return frozenset((intern(Size, value, None),))
        return union(
            frozenset((intern(Size, value, each.value),))
            if isinstance(each, Constant)
            else ANYTHING
            for each in dimensions
        )

    def property(self, node: ast.Attribute, value: Tensor, frame: Frame) -> Values:
        """What an attribute of a tensor is."""
        if node.attr not in _MADE:
            self.interpreter.noted(node, node.attr)  # it may be no tensor after all
            return ANYTHING
        receiver = frozenset((value,))
        producer = self.interpreter.external(f"torch.Tensor.{node.attr}")
        return frozenset(
            (self.interpreter.tensor(producer, receiver, node, frame, None, receiver),)
        )

    def operation(self, node: ast.AST, operands: list[Values], frame: Frame) -> Values:
        """What an operator gives."""
        interpreter = self.interpreter
        own = self._by_method(node, operands, frame) if len(operands) == 2 else None
        if own is not None:
            return own
        values = union(operands)
        for each in operands:
            interpreter.use(each, "operand", node, frame)
        held = frozenset(each for each in values if _is_held(each))
        interpreter.escape(held, node, frame, "operator")
        tensors = frozenset(each for each in values if isinstance(each, Tensor))
        weights = frozenset(map(self._of_weight, filter(is_weight, values)))
        if not tensors:
            return ANYTHING | weights
        others = frozenset(each for each in values if isinstance(each, Parameter))
        producer = interpreter.external("operator")
        made = self.interpreter.tensor(producer, tensors | others, node, frame, None, tensors)
        return weights | {made}

    def _by_method(self, node: ast.AST, operands: list[Values], frame: Frame) -> Values | None:
        """What an operator gives that a class of the project defines; None if none surely does."""
        (left, right), operator = operands, getattr(node, "op", None)
        name = _OPERATORS.get(type(operator), "") if isinstance(operator, ast.AST) else ""
        in_place = [f"__i{name}__"] * isinstance(node, ast.AugAssign)
        for methods, owners, given in (
            ([*in_place, f"__{name}__"], left, right),
            ([f"__r{name}__"], right, left),
        ):
            found = {each: self._method(each, methods) for each in owners}
            if found and all(found.values()):
                interpreter, arguments = self.interpreter, Arguments((given,))
                return union(
                    interpreter.special(each, method, arguments, node, frame)
                    for each, method in found.items()
                    if isinstance(each, Instance)
                )
        return None

    def _method(self, value: Value, names: list[str]) -> str:
        """The first of some methods that the class of an instance has in the project."""
        cls = value.cls if isinstance(value, Instance) else None
        found = (each for each in names if cls and self.interpreter.of_class_body(cls, each))
        return next(found, "")

    def _of_weight(self, weight: Value) -> Value:
        """What an operator makes of a weight."""
        if made_of(weight) is not None:
            return weight
        return self.interpreter.intern(Bound, weight, MADE_OF_IT, None)

    # --- parts of them -----------------------------------------------------------------------

    def sliced(self, node: ast.AST, value: Value, frame: Frame) -> Values:
        """What ``x[...]`` gives."""
        if isinstance(value, Parameter):  # which may be a list as well
            return ANYTHING
        producer = self.interpreter.external("torch.Tensor.__getitem__")
        return frozenset((self.interpreter.tensor(producer, frozenset((value,)), node, frame),))

    def part(self, node: ast.AST, value: Value, place: object, frame: Frame) -> Values:
        """What one of several names is bound to by ``a, b = x``, or each item in turn."""
        if not isinstance(value, Tensor):
            return ANYTHING
        producer = self.interpreter.external("torch.Tensor.unbind")
        made = self.interpreter.tensor(producer, frozenset((value,)), node, frame, place)
        return frozenset((made,))

    def elements(self, value: Value, frame: Frame) -> Values:
        """What going over a tensor, or over what may be one, gives."""
        if isinstance(value, Tensor):
            return self.part(value.site, value, ("each", value.producer, value.step), frame)
        return ANYTHING


def is_weight(value: Value) -> bool:
    """Whether a value is a weight, or an attribute that may be one; so is what is made of it."""
    if isinstance(value, Object):
        return value.kind == torch_api.WALKED["parameters"]
    if not isinstance(value, Bound):
        return False
    is_of_module = isinstance(value.receiver, Object) and value.name in torch_api.TENSORS
    return is_of_module or is_weight(value.receiver)


def _is_held(value: Value) -> bool:
    """Whether a value is an object, or leads to one, that code might keep."""
    if isinstance(value, Bound):
        return value.function is not None
    return isinstance(value, (Instance, Object, Function, Partial))
