"""What the expressions of a source were seen to be in a run: see ``seen.schema``.

Only where the source agrees: what was called has the name of the function that an expression calls,
or is a module where it calls a variable or an attribute, and was given as much.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ..reading.kept import kept
from ..reading.scopes import COMPREHENSIONS, FUNCTIONS
from ..reading.source import Source
from ..seen.schema import Event, Place

Value = Mapping[str, Any]
_OF_TENSORS: Final = "torch.Tensor."
_NONE: Final = 1 << 30
_ORDERED: Final = (ast.Sub, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
_NOTHING: Final[Value] = {}
_LOCAL: Final = (*FUNCTIONS, ast.Lambda, *COMPREHENSIONS)


class SeenHere:
    """What was seen in a source.

    Args:
        source: the source.
    """

    def __init__(self, source: Source) -> None:
        self._source = source

    def is_tensor(self, node: ast.expr) -> bool:
        """Whether an expression was a tensor each time that it was seen."""
        return self._are(node, "shape")

    def rank(self, node: ast.expr) -> int | None:
        """How many dimensions it had, or all in it had if it is a tuple or list, each time."""
        found: set[int | None] = set()
        for each in self.values(node):
            for value in each.get("items", (each,)):
                found.add(len(value["shape"]) if "shape" in value else None)
        return found.pop() if len(found) == 1 else None

    def numbers(self, node: ast.expr) -> list[float]:
        """The numbers that it was; none where it was ever something else."""
        found: list[Any] = [each.get("value") for each in self.values(node)]
        numbers = [float(each) for each in found if type(each) in (int, float)]
        return numbers if len(numbers) == len(found) else []

    def built(self, node: ast.expr) -> Sequence[Event]:
        """The modules that it constructed."""
        return [each for each in self._at(node) if each["kind"] == "built"]

    def _are(self, node: ast.expr, what: str) -> bool:
        values = self.values(node)
        return bool(values) and all(what in each for each in values)

    def values(self, node: ast.expr) -> list[Value]:
        """What an expression was, each time that it was seen to be something else."""
        own = [each.get("gave", _NOTHING) for each in self._calls(node)]
        return own or [*self._as_part(node)]

    def _as_part(self, node: ast.AST) -> Iterator[Value]:
        """The same by what was done with it."""
        around = self._around(node)
        if isinstance(around, (ast.Tuple, ast.List)):
            if any(isinstance(each, ast.Starred) for each in around.elts):
                return
            place = around.elts.index(node)  # type: ignore[arg-type]
            for each in self._as_part(around):
                items = each.get("items", ())
                yield items[place] if len(items) == len(around.elts) else _NOTHING
        elif isinstance(around, ast.keyword):
            for event in self._calls(self._source.parent(around)):
                yield event.get("named", _NOTHING).get(around.arg, _NOTHING)
        elif isinstance(around, ast.BinOp):
            yield from (_operand(around, node, each) for each in self._calls(around))
        elif around is not None:
            for event in self._calls(around):
                given = event.get("given", ())
                yield next(iter(given[_place(around, node, event) :]), _NOTHING)

    def _around(self, node: ast.AST) -> ast.AST | None:
        """What an expression stands in: of one whose method is called, that call."""
        around = self._source.parent_of.get(node)
        if isinstance(around, ast.Attribute):
            call = self._source.parent_of.get(around)
            if isinstance(call, ast.Call) and call.func is around:
                return call
        return around

    def _calls(self, node: ast.AST) -> Sequence[Event]:
        """What was called by an expression, if all of that is what it calls."""
        found = [each for each in self._at(node) if each["kind"] != "built"]
        return found if all(self._is_meant(node, each) for each in found) else ()

    def _at(self, node: ast.AST) -> Sequence[Event]:
        if not isinstance(node, ast.expr):
            return ()
        return self._source.seen.get(place_of(node), ())

    def _is_meant(self, node: ast.AST, event: Event) -> bool:
        """Whether it is the expression itself that has called something."""
        if event["kind"] == "value":  # of a statement that has changed since: ``seen_carried``
            return True
        if not event.get("direct") or not isinstance(event.get("given"), list):
            return False
        what = str(event["what"])
        match node:
            case ast.Call(func=function):
                name = getattr(function, "attr", getattr(function, "id", ""))
                if event["kind"] == "function":
                    return name == what.rpartition(".")[2]
                return len(event["given"]) == len(node.args) and self._is_variable(function)
            case ast.Attribute(attr=name):
                return what == f"{_OF_TENSORS}{name}.__get__"
            case ast.BinOp():
                return what.startswith(_OF_TENSORS) and len(event["given"]) == 2
            case ast.UnaryOp() | ast.Subscript():
                return what.startswith(_OF_TENSORS)
        return False

    def _is_variable(self, node: ast.expr) -> bool:
        """Whether an expression is a variable of a function, or an attribute or item of one."""
        while isinstance(node, (ast.Attribute, ast.Subscript)):
            node = node.value
        if not isinstance(node, ast.Name):
            return False
        found = self._source.scope(node).lookup(node.id)
        return found is not None and isinstance(found[0].node, _LOCAL)


@kept
def seen_in(source: Source) -> SeenHere:
    """What was seen in a source."""
    return SeenHere(source)


def place_of(node: ast.expr) -> Place:
    """Where Python says that an expression is evaluated: from 3.11 on, as ``co_positions`` does.

    What calls a method on another line than that of the receiver begins with the name. (CPython
    3.11 to 3.14, ``update_start_location_to_match_attr``.)
    """
    assert node.end_lineno is not None and node.end_col_offset is not None
    line, column = node.lineno, node.col_offset
    match node:
        case ast.Call(func=ast.Attribute(value=receiver, attr=name) as function):
            if receiver.end_lineno != function.end_lineno:
                assert function.end_lineno is not None and function.end_col_offset is not None
                line, column = function.end_lineno, function.end_col_offset - len(name.encode())
    return line, column, node.end_lineno, node.end_col_offset


def _operand(around: ast.BinOp, node: ast.AST, event: Event) -> Value:
    """What one side of an operator was.

    Of what may be turned around, torch is given the tensor first, on whichever side it stands: then
    only a number that is written tells. (torch 2.13)
    """
    given = event.get("given", ())
    if len(given) != 2:
        return _NOTHING
    first: Value
    second: Value
    first, second = given
    if isinstance(around.op, _ORDERED):
        is_turned = str(event["what"]).startswith(f"{_OF_TENSORS}__r")
        return second if (node is around.left) == is_turned else first
    if "shape" in first and "shape" in second:
        is_alike = len(first["shape"]) == len(second["shape"])
        return first if is_alike else _NOTHING
    other = around.right if node is around.left else around.left
    if isinstance(other, ast.Constant):
        return first
    return second if isinstance(node, ast.Constant) else _NOTHING


def _place(around: ast.AST, node: ast.AST, event: Event) -> int:
    """Which of the values that were given is that of a part of an expression; many for none."""
    match around:
        case ast.Call(func=function, args=args):
            is_method = str(event["what"]).startswith(_OF_TENSORS)
            if is_method and isinstance(function, ast.Attribute):
                args = [function.value, *args]
            if any(isinstance(each, ast.Starred) for each in args) or node not in args:
                return _NONE
            place = args.index(node)
            # Functions that are written in Python may say what they are given in another order.
            return place if place == 0 or len(args) == len(event["given"]) else _NONE
        case ast.UnaryOp() | ast.Subscript() | ast.Attribute():
            is_first = node is getattr(around, "operand", getattr(around, "value", None))
            return 0 if is_first else _NONE
    return _NONE
