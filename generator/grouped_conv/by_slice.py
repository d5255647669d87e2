"""A forward of a subclass that gives for slices of the channels the slices of what it gives.

    def forward(self, x):                         def forward(self, x):
        x = F.pad(x, (self.left, 0))                  self.weight.data.renorm_(2, dim=0, maxnorm=1)
        return super().forward(x)                     return super().forward(x)

It pads its input in space, or cuts it, by numbers that are the same for each slice; or it changes
each filter by itself. Expressions are of two kinds: tensors, whose channels are those of the input
or of the convolution, and numbers.
"""

from __future__ import annotations

import ast
import re
from typing import Final, Literal, TypeAlias

from ..facts.values import NOTHING, Object, Value, Values
from ..reading.calls import values_given
from ..reading.classes import ClassIndex
from ..reading.convolutions import CONV_CLASSES, GROUPS_POSITION, is_functional_convolution
from ..reading.names import meaning
from ..reading.parts import walk
from ..reading.scopes import FUNCTIONS, Function
from .source_facts import facts_of_source

Kind: TypeAlias = Literal["tensor", "number"]

PADDING: Final = re.compile(
    r"torch\.nn\.(modules\.(padding\.)?)?((Zero|Constant|Reflection|Replication|Circular)Pad[123]d"
    r"|Identity)"
)
"""The modules that pad in space, or do nothing."""
_PAD: Final = "torch.nn.functional.pad"
_PURE: Final = frozenset(
    (
        *("max", "min", "int", "float", "bool", "sum", "len", "abs", "round", "tuple", "list"),
        *("range", "zip", "reversed", "sorted", "enumerate", "divmod", "any", "all", "isinstance"),
    )
)
_OF_CHANNELS: Final = frozenset(("in_channels", "out_channels", "groups", "weight", "bias"))
_SAME: Final = frozenset(("contiguous", "clone", "float", "half", "double"))
_ELEMENTWISE: Final = frozenset(("clamp_", "clip_", "clamp_min_", "clamp_max_", "abs_"))
_MADE_OF: Final = (
    *(ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.Tuple, ast.List, ast.Starred),
    *(ast.IfExp, ast.Slice),
)
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

    def gives(self, body: list[ast.stmt], kinds: dict[str, Kind]) -> Kind | None:
        """What some statements return at their end; None where that is not known."""
        *before, last = body
        if not all(self._is_harmless(each, kinds) for each in before):
            return None
        if isinstance(last, ast.Return) and last.value is not None:
            return self._kind(last.value, kinds)
        if isinstance(last, ast.If) and last.orelse and self._is_number(last.test, kinds):
            one = self.gives(last.body, dict(kinds))
            return one if one == self.gives(last.orelse, dict(kinds)) else None
        return None

    def _is_harmless(self, statement: ast.stmt, kinds: dict[str, Kind]) -> bool:
        match statement:
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                return True
            case ast.Assert(test=test):
                return self._is_number(test, kinds)
            case ast.Assign(targets=[ast.Attribute(value=weight, attr="data")], value=value):
                return self._is_weight(weight) and self._is_renorm(value, kinds)
            case ast.Assign(targets=[target], value=value):
                return self._assign(target, value, kinds)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                return self._assign(target, value, kinds)
            case ast.AugAssign(target=ast.Name(id=name), value=value):
                return kinds.get(name) == "number" and self._is_number(value, kinds)
            case ast.If(test=test, body=body, orelse=orelse):
                return self._is_number(test, kinds) and all(
                    self._is_harmless(each, kinds) for each in (*body, *orelse)
                )
            case ast.With(items=[ast.withitem(context_expr=ast.Call(func=function))], body=body):
                is_no_grad = meaning(self.index.source, function).path == "torch.no_grad"
                return is_no_grad and all(self._is_harmless(each, kinds) for each in body)
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=weight, attr=name)) as call):
                return self._is_weight(weight) and self._changes_filters(name, call, kinds)
        return False

    def _assign(self, target: ast.expr, value: ast.expr, kinds: dict[str, Kind]) -> bool:
        kind = self._kind(value, kinds)
        names = target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
        return (kind == "number" or (kind == "tensor" and names == [target])) and all(
            isinstance(each, ast.Name)
            and each.id != self.this
            and kinds.setdefault(each.id, kind) == kind
            for each in names
        )

    def _is_number(self, node: ast.expr, kinds: dict[str, Kind]) -> bool:
        return self._kind(node, kinds) == "number"

    def _kind(self, node: ast.expr, kinds: dict[str, Kind]) -> Kind | None:
        match node:
            case ast.Constant():
                return "number"
            case ast.Name(id=name):
                return kinds.get(name)
            case ast.Attribute(attr=attr) if self._is_own(node):
                return "number" if attr not in _OF_CHANNELS else None
            case ast.Call():
                return self._of_call(node, kinds)
            case ast.Subscript():
                return self._of_subscript(node, kinds)
            case ast.IfExp(test=test, body=body, orelse=orelse) if self._is_number(test, kinds):
                kind = self._kind(body, kinds)
                return kind if kind == self._kind(orelse, kinds) else None
            case ast.ListComp() | ast.GeneratorExp():
                inner = dict(kinds)
                for each in node.generators:
                    bound = (one.id for one in walk(each.target) if isinstance(one, ast.Name))
                    is_number = self._is_number(each.iter, inner)
                    inner |= dict.fromkeys(bound, "number")
                    if not is_number or not self._are_numbers(each.ifs, inner):
                        return None
                return "number" if self._is_number(node.elt, inner) else None
            case ast.Compare(ops=[ast.Is() | ast.IsNot()], left=left):
                return "number" if self._kind(left, kinds) is not None else None
        parts = [each for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr)]
        is_number = isinstance(node, _MADE_OF) and self._are_numbers(parts, kinds)
        return "number" if is_number else None

    def _are_numbers(self, nodes: list[ast.expr], kinds: dict[str, Kind]) -> bool:
        return all(self._is_number(each, kinds) for each in nodes)

    # --- calls -------------------------------------------------------------------------------

    def _of_call(self, call: ast.Call, kinds: dict[str, Kind]) -> Kind | None:
        callee = meaning(self.index.source, call.func)
        given = values_given(call)
        if self._is_convolved(call, callee.path, kinds):
            return "tensor"
        if callee.path == _PAD:
            is_padded = bool(given) and self._kind(given[0], kinds) == "tensor"
            is_padded = is_padded and self._are_numbers(given[1:], kinds)
            return "tensor" if is_padded and self._pads_space(call) else None
        match call.func:
            case ast.Name(id=name) if name in _PURE and callee.kind == "unknown":
                return "number" if self._are_numbers(given, kinds) else None
            case ast.Attribute(value=value, attr="size") if self._is_sized(value, kinds):
                return "number" if self._is_of_space(call, given) else None
            case ast.Attribute(value=value, attr="dim") if self._kind(value, kinds) == "tensor":
                return "number"
            case ast.Attribute(value=value, attr=attr) if attr in _SAME and not given:
                return self._kind(value, kinds)
            case ast.Attribute(attr=attr) if self._is_own(call.func):
                return self._of_own(attr, call, kinds)
        if callee.path.startswith("math."):
            return "number" if self._are_numbers(given, kinds) else None
        if isinstance(callee.node, FUNCTIONS):
            return self._of_function(callee.node, call, kinds)
        return None

    def _is_convolved(self, call: ast.Call, path: str, kinds: dict[str, Kind]) -> bool:
        """Whether the convolution itself is applied to a tensor."""
        if not call.args or self._kind(call.args[0], kinds) != "tensor":
            return False
        match call.func:
            case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="forward"):
                return len(call.args) == 1 and not call.keywords
        if self._is_own(call.func, "_conv_forward"):
            given = [ast.unparse(each) for each in call.args[1:]]
            return given == [f"{self.this}.weight", f"{self.this}.bias"]
        if not is_functional_convolution(path):
            return False
        names = ["weight", "bias", "stride", "padding", "dilation", "groups"]
        if len(call.args) > GROUPS_POSITION + 1 or any(each.arg is None for each in call.keywords):
            return False
        passed = dict(zip(names, call.args[1:], strict=False))
        passed |= {str(each.arg): each.value for each in call.keywords}
        if not {"weight", "groups"} <= passed.keys():
            return False
        own = {each: passed.pop(each) for each in ("weight", "bias", "groups") if each in passed}
        are_own = all(self._is_own(each, name) for name, each in own.items())
        return are_own and self._are_numbers([*passed.values()], kinds)

    def _pads_space(self, call: ast.Call) -> bool:
        """Whether the list that ``F.pad`` is given is surely for dimensions behind the channels."""
        given = [*call.args[1:2], *(each.value for each in call.keywords if each.arg == "pad")]
        if len(given) != 1:
            return False
        match given[0]:
            case ast.Attribute(attr="_reversed_padding_repeated_twice"):
                return True
            case ast.BinOp(left=each, op=ast.Mult(), right=ast.Constant(value=int(times))):
                pass
            case each:
                times = 1
        values = self._values(each)
        lengths = [self._length(value) * times for value in values]
        return bool(lengths) and all(0 < each <= 2 * self.dimensions for each in lengths)

    def _length(self, value: Value) -> int:
        heap = facts_of_source(self.index).heap
        slots = heap.slots(value) if heap.is_container(value) and not heap.is_loose(value) else []
        return len(slots) if all(each.is_one for each in slots) else 0

    def _values(self, node: ast.expr) -> Values:
        facts = facts_of_source(self.index)
        return facts.values(node) if facts.is_complete else NOTHING

    def _of_own(self, name: str, call: ast.Call, kinds: dict[str, Kind]) -> Kind | None:
        """What a method of the class itself gives, or a module that pads."""
        owner = self.index.source.class_around(call)
        lineage = [*self.index.classes[owner].ancestors()] if owner is not None else []
        bound = [each.node for one in lineage for each in one.scope.bindings.get(name, [])]
        if bound and isinstance(bound[0], FUNCTIONS):
            return self._of_function(bound[0], call, kinds, is_method=True)
        is_given = [self._kind(each, kinds) for each in call.args] == ["tensor"]
        values = self._values(call.func)
        pads = all(isinstance(each, Object) and PADDING.fullmatch(each.kind) for each in values)
        return "tensor" if is_given and not call.keywords and values and pads else None

    def _of_function(
        self, function: Function, call: ast.Call, kinds: dict[str, Kind], is_method: bool = False
    ) -> Kind | None:
        """What a function of the source gives."""
        given = {each.arg: self._kind(each.value, kinds) for each in call.keywords}
        parameters = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
        is_static = is_staticmethod(self.index, function)
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

    # --- each filter by itself ---------------------------------------------------------------

    def _changes_filters(self, name: str, call: ast.Call, kinds: dict[str, Kind]) -> bool:
        """Whether a method changes each filter of the weight without a look at the others."""
        if name == "copy_":
            return len(call.args) == 1 and self._is_renorm(call.args[0], kinds)
        if name == "renorm_":
            return self._has_dim_0(call, call.args, kinds)
        return name in _ELEMENTWISE and self._are_numbers(values_given(call), kinds)

    def _is_renorm(self, value: ast.expr, kinds: dict[str, Kind]) -> bool:
        """Whether something is the weight with the norm of each filter bounded."""
        if not isinstance(value, ast.Call):
            return False
        if meaning(self.index.source, value.func).path == "torch.renorm":
            is_own = bool(value.args) and self._is_weight(value.args[0])
            return is_own and self._has_dim_0(value, value.args[1:], kinds)
        match value.func:
            case ast.Attribute(value=weight, attr="renorm"):
                return self._is_weight(weight) and self._has_dim_0(value, value.args, kinds)
        return False

    def _has_dim_0(self, call: ast.Call, places: list[ast.expr], kinds: dict[str, Kind]) -> bool:
        dims = [*places[1:2], *(each.value for each in call.keywords if each.arg == "dim")]
        is_0 = [getattr(each, "value", None) for each in dims] == [0]
        return is_0 and self._are_numbers([*places, *(e.value for e in call.keywords)], kinds)

    def _is_weight(self, expression: ast.expr) -> bool:
        """Whether an expression is ``self.weight`` or its ``.data``."""
        if isinstance(expression, ast.Attribute) and expression.attr == "data":
            expression = expression.value
        return self._is_own(expression, "weight")

    def _is_own(self, node: ast.expr, name: str = "") -> bool:
        """Whether an expression is an attribute of ``self``, perhaps of a certain name."""
        match node:
            case ast.Attribute(value=ast.Name(id=this), attr=attr):
                return this == self.this and name in ("", attr)
        return False

    # --- numbers of space --------------------------------------------------------------------

    def _is_sized(self, node: ast.expr, kinds: dict[str, Kind]) -> bool:
        """Whether an expression has a size, that of each slice in space."""
        return self._is_own(node, "weight") or self._kind(node, kinds) == "tensor"

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
            case ast.Constant(value=int(place)) if not isinstance(place, bool):
                return place >= 2
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(place))):
                return 0 < place <= self.dimensions
        return False

    def _of_subscript(self, node: ast.Subscript, kinds: dict[str, Kind]) -> Kind | None:
        match node.value:
            case ast.Attribute(value=value, attr="shape") if self._is_sized(value, kinds):
                return "number" if self._is_place(node.slice) else None
        kind = self._kind(node.value, kinds)
        if kind == "tensor":
            return "tensor" if self._cuts_space(node.slice, kinds) else None
        return kind if self._is_number(node.slice, kinds) else None

    def _cuts_space(self, index: ast.expr, kinds: dict[str, Kind]) -> bool:
        """Whether an index takes slices of the dimensions behind the channels."""
        match index:
            case ast.Tuple(elts=[ast.Constant(value=value), *rest]) if value is ...:
                is_behind = len(rest) <= self.dimensions
            case ast.Tuple(elts=[ast.Slice() as batch, ast.Slice() as channels, *rest]):
                is_behind = ast.dump(batch) == ast.dump(channels) == "Slice()"
            case _:
                return False
        return is_behind and all(
            isinstance(each, ast.Slice) and self._is_number(each, kinds) for each in rest
        )


def is_staticmethod(index: ClassIndex, method: Function) -> bool:
    """Whether a method is given no instance, and nothing else decorates it."""
    match method.decorator_list:
        case [ast.Name(id="staticmethod") as decorator]:
            return index.source.scope(decorator).lookup("staticmethod") is None
    return False
