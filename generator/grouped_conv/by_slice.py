"""A forward of a subclass that gives for slices of the channels the slices of what it gives.

    def forward(self, x):
        x = F.pad(x, (self.left, 0))
        return super().forward(x)

It pads its input in space, or cuts it, by numbers that are the same for each slice. Expressions
are of two kinds: tensors, whose channels are those of the input or of the convolution, and numbers.
"""

from __future__ import annotations

import ast
from typing import Final, Literal, TypeAlias

from ..reading.classes import ClassIndex
from ..reading.convolutions import CONV_CLASSES, GROUPS_POSITION, is_functional_convolution
from ..reading.names import meaning
from ..reading.parts import walk
from ..reading.scopes import FUNCTIONS, Function
from .own_methods import kind_of_method
from .paddings import Paddings, pads

Kind: TypeAlias = Literal["tensor", "number"]

_PAD: Final = "torch.nn.functional.pad"
_PURE: Final = frozenset(
    (
        *("max", "min", "int", "float", "bool", "sum", "len", "abs", "round", "tuple", "list"),
        *("range", "zip", "reversed", "sorted", "enumerate", "divmod", "any", "all", "isinstance"),
    )
)
_OF_CHANNELS: Final = frozenset(("in_channels", "out_channels", "groups", "weight", "bias"))
_SAME: Final = frozenset(("contiguous", "clone", "float", "half", "double"))
_DEEPEST: Final = 3


def is_by_slice(index: ClassIndex, forward: Function, base: str) -> bool:
    """Whether a forward of a subclass of a convolution, of the name ``base``, is such a one."""
    names = [each.arg for each in forward.args.args]
    others = forward.args.kwonlyargs or forward.args.vararg or forward.args.kwarg
    if len(names) != 2 or others or forward.decorator_list or base not in CONV_CLASSES:
        return False
    look = _BySlice(index, names[0], CONV_CLASSES[base].dimensions)
    return look.gives(forward.body, {names[1]: "tensor"}) == "tensor"


class _BySlice:
    """Tells tensors from numbers in one forward, and in the functions that it calls."""

    def __init__(self, index: ClassIndex, this: str, dimensions: int, depth: int = 0) -> None:
        self.index = index
        self.this = this
        self.dimensions = dimensions
        self.depth = depth
        self.paddings = Paddings(index, this, dimensions)

    def gives(self, body: list[ast.stmt], kinds: dict[str, Kind]) -> Kind | None:
        """What some statements return at their end; None where that is not known."""
        *before, last = body
        if not all(self._is_harmless(each, kinds) for each in before):
            return None
        if isinstance(last, ast.Return) and last.value is not None:
            return self._kind(last.value, kinds)
        if isinstance(last, ast.If) and last.orelse:
            one = self.gives(last.body, dict(kinds)) if self._is_number(last.test, kinds) else None
            return one if one == self.gives(last.orelse, dict(kinds)) else None
        return None

    def _is_harmless(self, statement: ast.stmt, kinds: dict[str, Kind]) -> bool:
        match statement:
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                return True
            case ast.Assert(test=test):
                return self._is_number(test, kinds)
            case ast.Assign(targets=[target], value=value):
                return self._assign(target, value, kinds)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                return self._assign(target, value, kinds)
            case ast.AugAssign(target=ast.Name(id=name), value=value):
                is_number = kinds.get(name) == "number" and self._is_number(value, kinds)
                self.paddings.assigned.setdefault(name, []).append(value)
                return is_number
            case ast.If(test=test, body=body, orelse=orelse):
                return self._is_number(test, kinds) and all(
                    self._is_harmless(each, kinds) for each in (*body, *orelse)
                )
        return False

    def _assign(self, target: ast.expr, value: ast.expr, kinds: dict[str, Kind]) -> bool:
        kind = self._kind(value, kinds)
        names = target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
        if kind is None or (kind == "tensor" and names != [target]):
            return False
        for each in names:
            if not isinstance(each, ast.Name) or kinds.setdefault(each.id, kind) != kind:
                return False
            self.paddings.assigned.setdefault(each.id, []).append(value)
        return True

    def _is_number(self, node: ast.expr, kinds: dict[str, Kind]) -> bool:
        return self._kind(node, kinds) == "number"

    def _kind(self, node: ast.expr, kinds: dict[str, Kind]) -> Kind | None:
        match node:
            case ast.Constant():
                return "number"
            case ast.Name(id=name):
                return kinds.get(name)
            case ast.Attribute(value=ast.Name(id=this), attr=attr) if this == self.this:
                return "number" if attr not in _OF_CHANNELS and this not in kinds else None
            case ast.Call():
                return self._of_call(node, kinds)
            case ast.Subscript():
                return self._of_subscript(node, kinds)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                kind = self._kind(body, kinds)
                is_one = kind is not None and kind == self._kind(orelse, kinds)
                return kind if is_one and self._is_number(test, kinds) else None
            case ast.ListComp() | ast.GeneratorExp():
                return self._of_comprehension(node, kinds)
            case ast.Compare(ops=[ast.Is() | ast.IsNot()], left=left):
                return "number" if self._kind(left, kinds) is not None else None
        parts = (ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.Tuple, ast.List, ast.Starred)
        if isinstance(node, parts):
            inner = [each for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr)]
            return "number" if all(self._is_number(each, kinds) for each in inner) else None
        return None

    def _of_comprehension(
        self, node: ast.ListComp | ast.GeneratorExp, kinds: dict[str, Kind]
    ) -> Kind | None:
        inner = dict(kinds)
        for each in node.generators:
            if not self._is_number(each.iter, inner):
                return None
            bound = [one for one in walk(each.target) if isinstance(one, ast.Name)]
            inner.update({one.id: "number" for one in bound})
            if not all(self._is_number(one, inner) for one in each.ifs):
                return None
        return "number" if self._is_number(node.elt, inner) else None

    # --- calls -------------------------------------------------------------------------------

    def _of_call(self, call: ast.Call, kinds: dict[str, Kind]) -> Kind | None:
        callee = meaning(self.index.source, call.func)
        given = [*call.args, *(each.value for each in call.keywords)]
        if self._is_convolved(call, callee.path, kinds):
            return "tensor"
        if callee.path == _PAD:
            first = given[:1] and self._kind(given[0], kinds) == "tensor"
            is_padded = first and all(self._is_number(each, kinds) for each in given[1:])
            length = self.paddings.of(call)
            return "tensor" if is_padded and 0 < length <= 2 * self.dimensions else None
        match call.func:
            case ast.Name(id=name) if name in _PURE and callee.kind == "unknown":
                return "number" if all(self._is_number(each, kinds) for each in given) else None
            case ast.Attribute(value=value, attr="size") if self._is_sized(value, kinds):
                return "number" if self._is_of_space(call, given) else None
            case ast.Attribute(value=value, attr="dim" | "numel"):
                is_dim = call.func.attr == "dim" and self._kind(value, kinds) == "tensor"
                return "number" if is_dim else None
            case ast.Attribute(value=value, attr=attr) if attr in _SAME and not given:
                return self._kind(value, kinds)
            case ast.Attribute(value=ast.Name(id=this), attr=attr) if this == self.this:
                return self._of_own(attr, call, kinds)
        if callee.path.startswith("math."):
            return "number" if all(self._is_number(each, kinds) for each in given) else None
        if isinstance(callee.node, FUNCTIONS):
            return self._of_function(callee.node, call, kinds)
        return None

    def _is_convolved(self, call: ast.Call, path: str, kinds: dict[str, Kind]) -> bool:
        """Whether a call is that of the convolution itself on a tensor."""
        if not call.args or self._kind(call.args[0], kinds) != "tensor":
            return False
        match call.func:
            case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="forward"):
                return len(call.args) == 1 and not call.keywords
            case ast.Attribute(value=ast.Name(id=this), attr="_conv_forward"):
                return this == self.this and self._are_own(call.args[1:], ("weight", "bias"))
        if not is_functional_convolution(path) or any(each.arg is None for each in call.keywords):
            return False
        named = {each.arg: each.value for each in call.keywords}
        own = [*call.args[1:3], *(named.pop(each) for each in ("weight", "bias") if each in named)]
        groups = [*call.args[GROUPS_POSITION : GROUPS_POSITION + 1]]
        groups += [named.pop("groups")] if "groups" in named else []
        rest = [*call.args[3:GROUPS_POSITION], *named.values(), *call.args[GROUPS_POSITION + 1 :]]
        is_own = self._are_own(own, ("weight", "bias")) and self._are_own(groups, ("groups",))
        return is_own and all(self._is_number(each, kinds) for each in rest)

    def _are_own(self, given: list[ast.expr], names: tuple[str, ...]) -> bool:
        """Whether some expressions are just the attributes of ``self`` with some names."""
        return [ast.unparse(each) for each in given] == [f"{self.this}.{each}" for each in names]

    def _of_own(self, name: str, call: ast.Call, kinds: dict[str, Kind]) -> Kind | None:
        """What a method of the class gives, or a module of it that pads."""
        owner = self.index.source.class_around(call)
        lineage = [*self.index.classes[owner].ancestors()] if owner is not None else []
        methods = [
            each.node
            for one in lineage
            for each in one.scope.bindings.get(name, [])
            if isinstance(each.node, FUNCTIONS)
        ]
        if methods:
            return self._of_function(methods[0], call, kinds, is_method=True)
        is_padded = [self._kind(each, kinds) for each in call.args] == ["tensor"]
        return "tensor" if is_padded and not call.keywords and pads(self.index, name) else None

    def _of_function(
        self,
        function: Function,
        call: ast.Call,
        kinds: dict[str, Kind],
        is_method: bool = False,
    ) -> Kind | None:
        """What a function of the source gives."""
        given = {each.arg: self._kind(each.value, kinds) for each in call.keywords}
        parameters = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
        is_static = kind_of_method(self.index.source, function) == "staticmethod"
        this = parameters.pop(0) if is_method and parameters and not is_static else ""
        given |= dict(
            zip(parameters, (self._kind(each, kinds) for each in call.args), strict=False)
        )
        has_more = bool(function.decorator_list) and not is_static
        is_simple = not (function.args.vararg or function.args.kwarg or has_more)
        if None in given or None in given.values() or not is_simple:
            return None
        if "tensor" not in given.values() and not is_method:
            return "number"
        if self.depth == _DEEPEST or isinstance(function, ast.AsyncFunctionDef):
            return None
        parameters += [each.arg for each in function.args.kwonlyargs]
        names: dict[str, Kind] = dict.fromkeys(parameters, "number")
        names |= {str(name): kind for name, kind in given.items() if kind is not None}
        inner = _BySlice(self.index, this, self.dimensions, self.depth + 1)
        return inner.gives(function.body, names)

    # --- numbers of space --------------------------------------------------------------------

    def _is_sized(self, node: ast.expr, kinds: dict[str, Kind]) -> bool:
        """Whether an expression has a size, that of each slice in space."""
        is_weight = isinstance(node, ast.Attribute) and self._are_own([node], ("weight",))
        return is_weight or self._kind(node, kinds) == "tensor"

    def _is_of_space(self, size: ast.expr, given: list[ast.expr]) -> bool:
        """Whether only the lengths in space are taken of a size."""
        if given:
            return len(given) == 1 and self._is_place(given[0])
        match self.index.source.parent(size):
            case ast.Subscript(value=value, slice=index) if value is size:
                return self._is_place(index)
        return False

    def _is_place(self, index: ast.expr) -> bool:
        """Whether an index is one of dimensions behind the channels."""
        match index:
            case ast.Slice(lower=ast.expr() as lower, upper=None, step=None):
                return self._is_place(lower)
        try:
            place = ast.literal_eval(index)
        except ValueError:
            return False
        is_known = isinstance(place, int) and not isinstance(place, bool)
        return is_known and (place >= 2 or -self.dimensions <= place < 0)

    def _of_subscript(self, node: ast.Subscript, kinds: dict[str, Kind]) -> Kind | None:
        match node.value:
            case ast.Attribute(value=value, attr="shape") if self._is_sized(value, kinds):
                return "number" if self._is_place(node.slice) else None
        kind = self._kind(node.value, kinds)
        if kind == "tensor":
            return "tensor" if self._cuts_space(node.slice, kinds) else None
        parts = [each for each in ast.iter_child_nodes(node.slice) if isinstance(each, ast.expr)]
        inner = parts if isinstance(node.slice, ast.Slice) else [node.slice]
        return kind if all(self._is_number(each, kinds) for each in inner) else None

    def _cuts_space(self, index: ast.expr, kinds: dict[str, Kind]) -> bool:
        """Whether an index takes slices of the dimensions behind the channels."""
        match index:
            case ast.Tuple(elts=[ast.Constant(value=value), *rest]) if value is ...:
                is_behind = len(rest) <= self.dimensions
            case ast.Tuple(elts=[ast.Slice() as batch, ast.Slice() as channels, *rest]):
                is_behind = all(
                    each.lower is each.upper is each.step is None for each in (batch, channels)
                )
            case _:
                return False
        bounds = [
            bound
            for each in rest
            if isinstance(each, ast.Slice)
            for bound in (each.lower, each.upper, each.step)
            if bound is not None
        ]
        are_slices = all(isinstance(each, ast.Slice) for each in rest)
        return is_behind and are_slices and all(self._is_number(each, kinds) for each in bounds)
