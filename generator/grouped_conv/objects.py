"""What a source does with the object that a convolution is, besides calling it.

A module that holds the branches can take the place of a convolution wherever it is called, kept,
listed or handed on. It has no weight and no bias of its own, it is no ``nn.Conv2d`` to isinstance,
and to set its stride has no effect. So each such use is carried over to the branches where that is
exact, and is else a reason to leave the convolution as it is.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import Final

from ..calls import is_repeatable
from ..classes import REPARAMETRISING, ClassIndex
from ..flow import Reached
from ..names import meaning
from ..naming import outermost_function
from ..scopes import FUNCTIONS, Function
from ..source import Source
from .indirect import holds_class, values_of
from .initialisation import is_exact_by_branch
from .reading import is_only_read
from .refusal import Refusal, line_of
from .subclasses import find_subclass

_WEIGHTS: Final = ("weight", "bias")
_SETTINGS: Final = frozenset(
    (
        *("in_channels", "out_channels", "groups", "kernel_size", "stride", "padding"),
        *("dilation", "padding_mode", "output_padding", "transposed"),
    )
)
_INSIDES: Final = frozenset(
    (
        *("__class__", "_parameters", "_conv_forward", "register_parameter", "get_parameter"),
        *("state_dict", "load_state_dict", "named_parameters", "__dict__", "__setattr__"),
        *("weight_g", "weight_v", "weight_orig", "weight_mask", "parametrizations"),
        *("extra_repr", "_reversed_padding_repeated_twice"),
    )
)
_TAKING: Final = frozenset(("add_param_group", "dict", "extend", "chain"))
_HOOKS: Final = frozenset(("register_forward_hook", "register_forward_pre_hook"))
_NEEDING: Final = re.compile(
    r"torch\..*(fuse_\w+|_ConvNd\.forward|Conv(Transpose)?[123]d\.\w+)|object\.__setattr__"
)
_ALIKE: Final = frozenset(("device", "dtype", "requires_grad", "is_cuda"))
_WEIGHT_NORMS: Final = frozenset(
    (
        *("torch.nn.utils.weight_norm", "torch.nn.utils.remove_weight_norm"),
        *(
            "torch.nn.utils.weight_norm.weight_norm",
            "torch.nn.utils.weight_norm.remove_weight_norm",
        ),
        "torch.nn.utils.parametrizations.weight_norm",
    )
)


@dataclass(frozen=True)
class Repeat:
    """A statement to be repeated for each branch; ``parts`` are where the object stands in it."""

    statement: ast.stmt
    parts: tuple[ast.expr, ...]


@dataclass(frozen=True)
class Assignment:
    """A statement that gives the weight or the bias of an object its values.

    Attributes:
        statement: the statement.
        object: the object.
        weight: its weight or bias, in the statement.
        value: what it is given.
    """

    statement: ast.stmt
    object: ast.expr
    weight: ast.Attribute
    value: ast.expr

    @property
    def expands(self) -> bool:
        """Whether the values may have to be brought to the shape of the weight, as by copy_."""
        return isinstance(self.statement, ast.Expr)


@dataclass
class Uses:
    """What must change besides the construction where some objects are split.

    Attributes:
        repeats: the statements to be repeated for each branch.
        firsts: expressions for an object of which any branch tells what is asked.
        applications: the calls of weight_norm, to be made for each branch.
        readings: the weights and biases that are read, and nothing else, by the objects.
        assignments: the statements that give them their values.
    """

    repeats: dict[ast.stmt, Repeat] = field(default_factory=dict)
    firsts: dict[ast.expr, None] = field(default_factory=dict)
    applications: dict[ast.Call, None] = field(default_factory=dict)
    readings: dict[ast.Attribute, ast.expr] = field(default_factory=dict)
    assignments: dict[ast.stmt, Assignment] = field(default_factory=dict)

    def add(self, other: Uses) -> None:
        """Take in what other objects need."""
        self.repeats |= other.repeats
        self.firsts |= other.firsts
        self.applications |= other.applications
        self.readings |= other.readings
        self.assignments |= other.assignments


def find_uses(index: ClassIndex, reached: Reached) -> Uses:
    """What is done with an object that is to be split, from where it may get to.

    Raises:
        Refusal: something that cannot be carried over to the branches.
    """
    search = _Search(index)
    for each in sorted(reached.expressions, key=index.source.span):
        search.look_at(each)
    search.check_aliases()
    return search.uses


class _Search:
    def __init__(self, index: ClassIndex) -> None:
        self.index = index
        self.source = index.source
        self.uses = Uses()

    def check_aliases(self) -> None:
        """Refuse a variable that holds a weight where the same function gives that new values."""
        changing = [*self.uses.repeats, *self.uses.assignments]
        changed = {outermost_function(self.source, each) for each in changing}
        for weight in self.uses.readings:
            is_named = isinstance(self.source.statement(weight), ast.Assign)
            if is_named and outermost_function(self.source, weight) in changed:
                raise Refusal(f"its {weight.attr} is kept and changed ({line_of(weight)})")

    def look_at(self, node: ast.expr) -> None:
        """Note what is done with one expression that may be the object."""
        parent = self.source.parent(node)
        if self._is_ruled_out(node):
            return
        if isinstance(parent, ast.Attribute):
            self._attribute(node, parent)
        elif isinstance(parent, ast.Match):
            raise Refusal(f"its class is asked for ({line_of(parent)})")
        elif isinstance(parent, ast.Call) and node in parent.args:
            self._argument(node, parent)
        elif isinstance(parent, ast.keyword):
            call = self.source.parent(parent)
            if isinstance(call, ast.Call):
                self._argument(node, call)

    def _is_ruled_out(self, node: ast.expr) -> bool:
        """Whether a class is asked for before, as in ``if isinstance(m, nn.Linear): m.weight``."""
        inner: ast.AST = node
        for outer in self.source.ancestors(node):
            if isinstance(outer, ast.If) and inner in outer.body:
                match outer.test:
                    case ast.Call(func=ast.Name(id="isinstance"), args=[asked, classes]):
                        is_same = ast.dump(asked) == ast.dump(node)
                        is_torchs = meaning(self.source, classes).path.startswith("torch.nn.")
                        if is_same and is_torchs and not holds_class(self.index, classes):
                            return not _is_base(meaning(self.source, classes).path)
            inner = outer
        return False

    def _attribute(self, node: ast.expr, attribute: ast.Attribute) -> None:
        name = attribute.attr
        if name in _WEIGHTS:
            self._weight(node, attribute)
        elif name in _SETTINGS and _is_set(attribute):
            raise Refusal(f"its {name} is set ({line_of(attribute)})")
        elif name in _INSIDES or (name == "forward" and _is_set(attribute)):
            raise Refusal(f"its {name} is used ({line_of(attribute)})")
        elif name == "reset_parameters":
            self._repeat(node, attribute)
        elif name in _HOOKS:
            self._hook(attribute)
        elif name == "parameters" and not _is_gone_through(self.source, attribute):
            raise Refusal(f"its parameters are told apart ({line_of(attribute)})")

    def _argument(self, node: ast.expr, call: ast.Call) -> None:
        function = call.func
        path = meaning(self.source, function).path
        name = function.id if isinstance(function, ast.Name) else ""
        where = line_of(call)
        if name == "isinstance" and len(call.args) == 2 and node is call.args[0]:
            if self._may_be_conv(call.args[1]):
                raise Refusal(f"its class is asked for ({where})")
        elif name in ("type", "vars") and len(call.args) == 1:
            raise Refusal(f"its class is asked for ({where})")
        elif name in ("getattr", "setattr", "hasattr", "delattr") and len(call.args) > 1:
            self._named(node, call, str(getattr(call.args[1], "value", "")))
        elif _NEEDING.fullmatch(path or self.source.code(function)):
            raise Refusal(f"{self.source.code(function)} needs a convolution ({where})")
        elif REPARAMETRISING.fullmatch(path):
            self._reparametrisation(node, call, path)
        elif not path and self._may_reparametrise(function):
            raise Refusal(f"it may be given another parametrization ({where})")

    def _named(self, node: ast.expr, call: ast.Call, name: str) -> None:
        """Look at ``getattr(conv, name)`` and the like; ``name`` is empty where it is computed."""
        sets = getattr(call.func, "id", "") in ("setattr", "delattr")
        if node is call.args[0] and (name in _WEIGHTS or (sets and name in ("", *_SETTINGS))):
            raise Refusal(f"its {name or 'weight'} may be reached by name ({line_of(call)})")

    def _may_be_conv(self, classes: ast.expr) -> bool:
        """Whether what isinstance is given may be, or hold, the class of a convolution."""
        if holds_class(self.index, classes):
            return True
        for node in ast.walk(classes):
            if isinstance(node, (ast.Name, ast.Attribute)):
                found = meaning(self.source, node)
                is_own = isinstance(found.node, ast.ClassDef) and find_subclass(
                    self.index, found.node
                )
                if is_own or found.path.endswith("._ConvNd"):
                    return True
        return False

    def _may_reparametrise(self, function: ast.expr) -> bool:
        """Whether a variable that is called may hold a function such as spectral_norm."""
        return any(
            REPARAMETRISING.fullmatch(meaning(self.source, each).path)
            for value in values_of(self.index, function)
            for each in ast.walk(value)
            if isinstance(each, (ast.Name, ast.Attribute))
        )

    def _hook(self, attribute: ast.Attribute) -> None:
        """Refuse a hook that looks at the module, which it is given first."""
        call = self.source.parent(attribute)
        hook = call.args[0] if isinstance(call, ast.Call) and call.args else None
        function: Function | ast.Lambda | None = hook if isinstance(hook, ast.Lambda) else None
        if isinstance(hook, (ast.Name, ast.Attribute)):
            found = meaning(self.source, hook).node
            function = found if isinstance(found, FUNCTIONS) else None
            if function is None and isinstance(hook, ast.Attribute):
                raise Refusal(f"a hook of it may look at it ({line_of(attribute)})")
        names = [each.arg for each in function.args.args] if function is not None else []
        inside = ast.walk(function) if function is not None else ()
        if names and any(isinstance(each, ast.Name) and each.id == names[0] for each in inside):
            raise Refusal(f"a hook of it may look at it ({line_of(attribute)})")

    def _reparametrisation(self, node: ast.expr, call: ast.Call, path: str) -> None:
        name = path.rpartition(".")[2]
        if path not in _WEIGHT_NORMS:
            raise Refusal(f"{name} takes its weight as a whole ({line_of(call)})")
        if not is_weight_norm(self.source, call) or node is not call.args[0]:
            raise Refusal(f"{name} with another dim than 0 couples its groups ({line_of(call)})")
        self._keep_whole(call, call.args[0])
        self.uses.applications[call] = None

    def _weight(self, node: ast.expr, weight: ast.Attribute) -> None:
        parent = self.source.parent(weight)
        if isinstance(parent, ast.Compare) and _is_none_test(parent, weight):
            self._first(node)
        elif isinstance(parent, ast.Attribute) and parent.attr in _ALIKE:
            if isinstance(parent.ctx, ast.Load):
                self._first(node)
            else:
                self._repeat(node, weight)
        elif is_exact_by_branch(self.source, weight):
            self._repeat(node, weight)
        elif is_only_read(self.source, weight):
            self._keep_whole(weight, node)
            self.uses.readings[weight] = node
        elif not self._assign(node, weight):
            raise Refusal(f"its {weight.attr} is used by itself ({line_of(weight)})")

    def _assign(self, node: ast.expr, weight: ast.Attribute) -> bool:
        """Note that a statement gives a weight its values; False where it does not."""
        statement = self.source.statement(weight)
        value = _assigned_value(statement, weight)
        if value is None or not _stands_alone(self.source, statement):
            return False
        if not is_repeatable(self.source, node):
            return False
        self.uses.assignments[statement] = Assignment(statement, node, weight, value)
        return True

    def _first(self, node: ast.expr) -> None:
        self._keep_whole(node, node)
        self.uses.firsts[node] = None

    def _keep_whole(self, expression: ast.expr, part: ast.expr) -> None:
        """See that an expression can be written anew around a part of it."""
        where = line_of(expression)
        if any(isinstance(each, ast.JoinedStr) for each in self.source.ancestors(expression)):
            raise Refusal(f"its weight is used inside an f-string ({where})")
        if "#" in self.source.code(expression).replace(self.source.code(part), "", 1):
            raise Refusal(f"a comment stands inside of what uses its weight ({where})")

    def _repeat(self, node: ast.expr, place: ast.expr) -> None:
        """Repeat the statement that a place is in, if it is about this object only."""
        statement = self.source.statement(place)
        known = self.uses.repeats.get(statement)
        parts = (*(known.parts if known else ()), node)
        if not _stands_alone(self.source, statement) or not is_repeatable(self.source, node):
            raise Refusal(
                f"its {getattr(place, 'attr', 'weight')} is used by itself ({line_of(place)})"
            )
        if len({self.source.code(each) for each in parts}) > 1:
            raise Refusal(f"{line_of(place)} is about the weights of several convolutions")
        self.uses.repeats[statement] = Repeat(statement, parts)


def _is_base(path: str) -> bool:
    """Whether a class of torch is one that a convolution, or a container, inherits from."""
    return path.rpartition(".")[2] in ("Module", "_ConvNd", "Sequential", "ModuleList")


def _is_gone_through(source: Source, attribute: ast.Attribute) -> bool:
    """Whether what ``conv.parameters()`` gives is treated alike, however many there are.

    They are frozen, or handed to an optimizer; or only the device of one is asked for.
    """
    call = source.parent(attribute)
    parent = source.parent(call)
    if isinstance(parent, ast.keyword):
        parent = source.parent(parent)
    if isinstance(parent, ast.For):
        return all("requires_grad" in source.code(each) for each in parent.body)
    if not isinstance(parent, ast.Call):
        return isinstance(parent, ast.Dict)
    name = getattr(parent.func, "id", "") or getattr(parent.func, "attr", "")
    if name == "next":
        return getattr(source.parent(parent), "attr", "") in _ALIKE
    return meaning(source, parent.func).path.startswith("torch.optim.") or name in _TAKING


def _is_set(attribute: ast.Attribute) -> bool:
    return not isinstance(attribute.ctx, ast.Load)


def _is_none_test(test: ast.Compare, weight: ast.expr) -> bool:
    right = test.comparators[0]
    is_none = isinstance(right, ast.Constant) and right.value is None
    return test.left is weight and len(test.ops) == 1 and is_none


def is_weight_norm(source: Source, call: ast.Call) -> bool:
    """Whether a call is of weight_norm along dimension 0, or takes that away."""
    return meaning(source, call.func).path in _WEIGHT_NORMS and _has_defaults(call)


def _has_defaults(call: ast.Call) -> bool:
    """Whether weight_norm is called for the weight, along dimension 0."""
    if not call.args or any(isinstance(each, ast.Starred) for each in call.args):
        return False
    expected: dict[str, object] = {"name": "weight", "dim": 0}
    given: dict[str, ast.expr] = dict(zip(expected, call.args[1:], strict=False))
    given |= {str(each.arg): each.value for each in call.keywords}
    return all(
        isinstance(value, ast.Constant) and name in expected and value.value == expected[name]
        for name, value in given.items()
    )


def _assigned_value(statement: ast.stmt, weight: ast.Attribute) -> ast.expr | None:
    """What ``conv.weight.data = value`` or ``conv.weight.data.copy_(value)`` gives a weight."""
    match statement:
        case ast.Assign(targets=[ast.Attribute(value=target, attr="data")], value=value):
            return value if target is weight else None
        case ast.Expr(
            value=ast.Call(
                func=ast.Attribute(value=target, attr="copy_"), args=[value], keywords=[]
            )
        ):
            if isinstance(target, ast.Attribute) and target.attr == "data":
                target = target.value
            return value if target is weight else None
    return None


def _stands_alone(source: Source, statement: ast.stmt) -> bool:
    """Whether a simple statement has its lines to itself."""
    if not isinstance(statement, (ast.Expr, ast.Assign)) or not source.is_first_on_line(statement):
        return False
    end = source.span(statement).end
    rest = source.text[end : source.line_of(end).end].strip()
    return not rest or rest.startswith("#")
