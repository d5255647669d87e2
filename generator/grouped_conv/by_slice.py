"""A forward of a subclass that gives for slices of the channels the slices of what it gives.

    def forward(self, x):                         def forward(self, x):
        x = F.pad(x, (self.left, 0))                  w = self.weight.data
        return super().forward(x)                     self.weight.data = torch.renorm(w, 2, 0, 1.0)
                                                      return super().forward(x)

It pads its input in space, or cuts it, by numbers that are the same for each slice; or it bounds
the norm of each filter. So of its tensors, and of the weights and groups of the convolution, all
that is done with them stands where they do, in the forward or in a function that it calls; and
whatever else it calls makes numbers of numbers.
"""

from __future__ import annotations

import ast
import re
from typing import Final

from ..facts.values import Bound, External, Object, Tensor, Value, Values
from ..facts.values import Function as FunctionValue
from ..reading.classes import ClassIndex
from ..reading.convolutions import CONV_CLASSES, is_functional_convolution
from ..reading.parts import parts, walk
from ..reading.scopes import Function
from .source_facts import facts_of_source

PADDING: Final = re.compile(
    r"torch\.nn\.((Zero|Constant|Reflection|Replication|Circular)Pad[123]d|Identity)"
)
"""The modules that pad in space, or do nothing."""
_PAD: Final = "torch.nn.functional.pad"
_RENORM: Final = "torch.renorm"
_PURE: Final = re.compile(
    r"builtins\.(max|min|int|float|bool|sum|len|abs|round|tuple|list|range|zip|reversed|sorted"
    r"|enumerate|divmod|any|all|isinstance|super)|math\.\w+|torch\.no_grad"
)
_SHARED: Final = frozenset(("weight", "bias", "groups"))
"""What of the convolution is another one for each slice, but for numbers of channels."""
_SIZES: Final = frozenset(("shape", "size"))
_METHODS: Final = _SIZES | {"contiguous", "clone", "float", "half", "double", "dim", "ndim", "data"}
_PLACES: Final = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")


def is_by_slice(index: ClassIndex, forward: Function, base: str) -> bool:
    """Whether a forward of a subclass of a convolution, of the name ``base``, is such a one."""
    given, owner = forward.args, index.source.class_around(forward)
    others = given.kwonlyargs or given.vararg or given.kwarg or forward.decorator_list
    if len(given.args) != 2 or others or base not in CONV_CLASSES or owner is None:
        return False
    look = _BySlice(index, owner, CONV_CLASSES[base].dimensions)
    is_told = facts_of_source(index).is_complete and look.is_whole(forward)
    return is_told and look.is_same(forward)


class _BySlice:
    """Looks at one forward, and at the functions that it calls."""

    def __init__(self, index: ClassIndex, owner: ast.ClassDef, dimensions: int) -> None:
        self.facts = facts_of_source(index)
        self.dimensions = dimensions
        self._instances = frozenset(self.facts.instances(owner))
        self._inputs = {one for each in self._instances for one in self.facts.given_to(each)}
        self._this = ""
        self._functions: list[ast.AST] = []
        self._nodes: dict[ast.AST, None] = {}
        self._parent: dict[ast.AST, ast.AST] = {}  # of another file too

    def is_whole(self, function: ast.AST, around: tuple[ast.AST, ...] = ()) -> bool:
        """Whether all is seen of a function and of those that it calls: none calls itself."""
        if function in around or not isinstance(function, ast.FunctionDef):
            return False
        self._functions.append(function)
        own = [each for one in function.body for each in walk(one)]
        self._nodes |= dict.fromkeys(own)
        self._parent |= {part: each for each in walk(function) for part in parts(each)}
        calls = [each.func for each in own if isinstance(each, ast.Call)]
        called = {each for call in calls for each in self.facts.functions(call)}
        return all(self.is_whole(each, (*around, function)) for each in called)

    def is_same(self, forward: Function) -> bool:
        """Whether a forward gives for slices the slices of what it gives."""
        self._this = forward.args.args[0].arg
        nodes = [each for one in forward.body for each in walk(one)]
        results = [each.value for each in nodes if isinstance(each, ast.Return)]
        is_told = bool(results) and all(self._is_data(each, only=True) for each in results)
        return is_told and all(map(self._is_allowed, self._nodes))

    # --- what an expression is ---------------------------------------------------------------

    def _values(self, node: ast.AST | None) -> Values:
        return self.facts.values(node) if isinstance(node, ast.expr) else frozenset()

    def _is_data(self, node: ast.AST | None, only: bool = False) -> bool:
        """Whether an expression is what the forward is given, or a tensor that it makes of it."""
        found = [
            each in self._inputs or (isinstance(each, Tensor) and each.site in self._nodes)
            for each in self._values(node)
            if each in self._inputs or getattr(each, "function", None) not in self._functions
            if getattr(each, "value", ...) is not None
        ]  # but for what others may give a function, and for None
        return any(found) and (all(found) or not only)

    def _shared(self, node: ast.AST | None) -> str:
        """Which of the weight, bias and groups of the convolution an expression may be."""
        for value in self._values(node):
            path = list[str]()
            while isinstance(value, Bound):
                path.append(value.name)
                value = value.receiver
            if path and path[-1] in _SHARED and value in self._instances:
                return path[-1]
        return ""

    def _callee(self, call: ast.Call) -> str:
        """What a call runs, by one word; empty for what is not known, or several."""
        kinds = {self._kind(each, call) for each in self._values(call.func)}
        return kinds.pop() if len(kinds) == 1 else ""

    def _kind(self, value: Value, call: ast.Call) -> str:
        match value:
            case External(path=path):
                known = {_PAD: "pad", _RENORM: "renorm"}
                if is_functional_convolution(path):
                    return "conv"
                return known.get(path, "pure" if _PURE.fullmatch(path) else "")
            case Object(kind=kind):
                return "padding" if PADDING.fullmatch(kind) else ""
            case FunctionValue() | Bound(function=FunctionValue()):
                return "function"  # which is looked at too
            case Bound(receiver=receiver, name=name) if receiver in self._instances:
                return {"super.forward": "forward", "_conv_forward": "own"}.get(name, "")
            case Bound(name=name):
                base = getattr(call.func, "value", None)
                is_tensor = self._is_data(base) or bool(self._shared(base))
                return "method" if is_tensor and name in _METHODS else ""
        return ""

    # --- what is done ------------------------------------------------------------------------

    def _is_allowed(self, node: ast.AST) -> bool:
        """Whether a node does nothing that is another thing for slices."""
        match node:
            case ast.Global() | ast.Nonlocal() | ast.Yield() | ast.YieldFrom() | ast.Delete():
                return False
            case ast.Attribute(attr="in_channels" | "out_channels"):
                return False
            case ast.Attribute(ctx=ast.Store()) | ast.Subscript(ctx=ast.Store()):
                return self._is_bounded(self._parent[node])
            case ast.Name(ctx=ast.Store(), id=name):
                return name != self._this
            case ast.Call() if not self._is_known(node):
                return False
            case ast.Attribute(attr=name) if name in _METHODS:
                return True  # what it is of has been looked at
        if isinstance(node, ast.expr) and (self._is_data(node) or self._shared(node)):
            return self._goes_on(node, self._parent[node])
        return True

    def _is_known(self, call: ast.Call) -> bool:
        """Whether a call is one of the convolution, of its padding, or for numbers."""
        kind, first = self._callee(call), next(iter(call.args), None)
        match kind:
            case "renorm":
                return self._is_bounded(self._parent[call])
            case "forward" | "padding" | "own" | "pad" | "conv":
                if not self._is_data(first, only=True):
                    return False
        match kind:
            case "forward" | "padding":
                return len(call.args) == 1 and not call.keywords
            case "own":
                given = [*map(self._shared, call.args)]
                return given == ["", "weight", "bias"] and not call.keywords
            case "pad":
                return self._pads_space(call)
            case "conv":
                return self._is_convolution(call)
        return bool(kind)

    def _is_convolution(self, call: ast.Call) -> bool:
        """Whether a function is given the weight, bias and groups of the convolution itself."""
        given = dict(zip(_PLACES, call.args, strict=False))
        given |= {str(each.arg): each.value for each in call.keywords}
        is_open = any(isinstance(each, ast.Starred) for each in call.args) or "None" in given
        bias = given.pop("bias", None)
        has_bias = bias is not None and not isinstance(bias, ast.Constant)
        return (
            not is_open
            and (not has_bias or self._shared(bias) == "bias")
            and all(self._shared(given.get(each)) == each for each in ("weight", "groups"))
        )

    def _goes_on(self, node: ast.expr, parent: ast.AST) -> bool:
        """Whether a tensor, or what the slices do not share, stands where it may."""
        match parent:
            case ast.Return() | ast.AnnAssign() | ast.Assign(targets=[ast.Name()]):
                return True
            case ast.Compare(ops=[ast.Is() | ast.IsNot()]):
                return True
            case ast.IfExp(test=test):
                return node is not test
            case ast.Attribute(attr=name):
                return self._is_of_space(parent) if name in _SIZES else name in _METHODS
            case ast.Subscript(value=value, slice=index):
                return node is value and self._is_data(node) and self._cuts_space(index)
            case ast.keyword(arg=name):
                call = self._parent[parent]
                return isinstance(call, ast.Call) and self._takes(call, node, str(name))
            case ast.Call(args=arguments) if node in arguments:
                place = arguments.index(node)
                return self._takes(parent, node, "".join(_PLACES[place : place + 1]))
        return False

    def _takes(self, call: ast.Call, node: ast.expr, place: str) -> bool:
        """Whether a call is given something at its own place."""
        kind = self._callee(call)
        if kind == "renorm":
            return place == "input"
        own = self._shared(node) or "input"
        return kind == "function" or (kind not in ("", "pure", "method") and place == own)

    def _is_bounded(self, statement: ast.AST) -> bool:
        """Whether a statement bounds the norm of each filter of the weight."""
        match statement:
            case ast.Assign(
                targets=[ast.Attribute(value=weight, attr="data")],
                value=ast.Call(args=[first, *others], keywords=keywords) as call,
            ):
                dims = [*others[1:2], *(each.value for each in keywords if each.arg == "dim")]
                is_of_weight = {self._shared(each) for each in (weight, first)} == {"weight"}
                is_0 = [getattr(each, "value", None) for each in dims] == [0]
                return is_of_weight and is_0 and self._callee(call) == "renorm"
        return False

    # --- numbers of space --------------------------------------------------------------------

    def _pads_space(self, call: ast.Call) -> bool:
        """Whether the list that ``F.pad`` is given is surely for dimensions behind the channels."""
        given = [*call.args[1:2], *(each.value for each in call.keywords if each.arg == "pad")]
        lengths = [self._length(value) for one in given for value in self._values(one)]
        return len(given) == 1 and all(0 < each <= 2 * self.dimensions for each in lengths or [0])

    def _length(self, value: Value) -> int:
        heap = self.facts.heap
        slots = heap.slots(value) if heap.is_container(value) and not heap.is_loose(value) else []
        return len(slots) if all(each.is_one for each in slots) else 0

    def _is_of_space(self, attribute: ast.AST) -> bool:
        """Whether only lengths in space are taken of a ``shape``, or of what ``size`` gives."""
        parent = self._parent[attribute]
        if isinstance(parent, ast.Call):
            if parent.args:
                return len(parent.args) == 1 and self._is_place(parent.args[0])
            attribute, parent = parent, self._parent[parent]
        is_item = isinstance(parent, ast.Subscript) and parent.value is attribute
        return is_item and self._is_place(getattr(parent, "slice", None))

    def _is_place(self, index: ast.expr | None) -> bool:
        """Whether an index is one of dimensions behind the channels."""
        match index:
            case ast.Slice(lower=ast.expr() as lower, upper=None, step=None):
                return self._is_place(lower)
            case ast.Constant(value=int(place)) if not isinstance(place, bool):
                return place >= 2
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(place))):
                return 0 < place <= self.dimensions
        return False

    def _cuts_space(self, index: ast.expr) -> bool:
        """Whether an index takes slices of the dimensions behind the channels."""
        match index:
            case ast.Tuple(elts=[ast.Constant(value=value), *rest]) if value is ...:
                is_behind = len(rest) <= self.dimensions
            case ast.Tuple(elts=[ast.Slice() as batch, ast.Slice() as channels, *rest]):
                is_behind = ast.dump(batch) == ast.dump(channels) == "Slice()"
            case _:
                return False
        return is_behind and all(isinstance(each, ast.Slice) for each in rest)
