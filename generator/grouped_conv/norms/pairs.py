"""Find the attribute that holds the norm after a convolution, or why that is to stay."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from ...reading.classes import Access, ClassIndex
from ...reading.directives import Directives
from ...reading.flow import Flow
from ...reading.names import meaning
from ...reading.scopes import assigned_value
from ..refusal import Refusal, check_free, line_of
from ..surroundings import Surroundings
from ..weights import Obstacle, Uses, Weights
from .following import Following, find_following
from .holding import KEEPING, Holding
from .kinds import NORM_READS, Kind, is_statistic_read, kind_of
from .loose import find_loose_norm, seems_a_norm
from .naming import strings_naming

if TYPE_CHECKING:
    from .by_flow import FlowOfTensors
    from .outside import Outside

_MODULE_METHODS: Final = KEEPING | frozenset(
    (
        *("weight", "bias", "stride", "groups", "in_channels", "out_channels", "kernel_size"),
        *("reset_parameters", "parameters", "padding", "dilation", "apply"),
    )
)


@dataclass(frozen=True)
class Store:
    """A place where the norm is given to its attribute.

    Attributes:
        target: the attribute.
        value: what it is given.
        kind: what that builds.
    """

    target: ast.Attribute
    value: ast.expr
    kind: Kind


@dataclass(frozen=True, eq=False)
class Pair:
    """A convolution and the norm that takes what it gives, as attributes of one object.

    Attributes:
        owner: the class whose attribute the convolution is.
        conv: its attribute.
        norm: that of the norm.
        convs: the targets that are given the convolution.
        stores: where the norm is given to its attribute.
        followed: the calls of the convolution that the norm follows.
        alone: those that it does not follow.
        uses: what else is done with the norm.
        is_plain: whether nothing else is done with the norm than to call it.
    """

    owner: ast.ClassDef
    conv: str
    norm: str
    convs: tuple[ast.Attribute, ...]
    stores: tuple[Store, ...]
    followed: tuple[Following, ...]
    alone: tuple[ast.Call, ...]
    uses: Uses = field(default_factory=Uses)
    is_plain: bool = True

    @property
    def conditions(self) -> list[ast.expr | None]:
        """On what it depends whether the norm is applied, each of these once; None for nothing."""
        tests = [each.condition for each in self.followed]
        return list({each and ast.dump(each): each for each in tests}.values())


class Pairs:
    """Finds pairs in one source."""

    def __init__(
        self, index: ClassIndex, flow: Flow, directives: Directives, surroundings: Surroundings
    ) -> None:
        self.index = index
        self.surroundings = surroundings
        self.source = index.source
        self.flow = flow
        self.directives = directives
        self.holding = Holding(index, flow)
        self._found: dict[tuple[ast.ClassDef, str], Pair | Refusal | None] = {}

    def find(self, owner: ast.ClassDef, conv: str) -> Pair | Refusal | None:
        """The norm after a convolution; None where there is none, a reason where it is to stay."""
        if (owner, conv) not in self._found:
            found = self._find(owner, conv)
            if not isinstance(found, Pair):
                found = self._by_flow(owner, conv) or found
            self._found[owner, conv] = found
        return self._found[owner, conv]

    def outside(self, owner: ast.ClassDef, conv: str) -> list[Outside]:
        """The norms outside of a class that take what a convolution of it gives."""
        if self._find(owner, conv) is not None or "torch.jit" in self.source.text:
            return []
        from .outside import Outsides  # slow to import

        return Outsides(self.index, self.surroundings.facts).of(owner, conv)

    def _by_flow(self, owner: ast.ClassDef, conv: str) -> Pair | None:
        """The norm that the flow of tensors shows behind a convolution."""
        try:
            behind = self._flow_of_tensors.behind(owner, conv)
            if behind is None:
                return None
            norm = behind.norm
            stores = tuple(self._stores(owner, norm))
            followed = tuple(Following(each.conv, each.norm, "flow") for each in behind.applied)
            self._check_kinds(norm, stores)
            self._check_unnamed(norm)
            uses, _ = self._uses(stores, followed)
            convs = tuple(self.stores_of(owner, conv))
            pair = Pair(owner, conv, norm, convs, stores, followed, (), uses, is_plain=False)
            self._check_free(pair)
            self.check_elsewhere(owner, conv, norm)
        except Refusal:
            return None
        return pair

    @cached_property
    def _flow_of_tensors(self) -> FlowOfTensors:
        from .by_flow import FlowOfTensors  # slow to import

        return FlowOfTensors(self.index, self.surroundings.facts)

    def _find(self, owner: ast.ClassDef, conv: str) -> Pair | Refusal | None:
        followed, alone = [], []
        calls = list(self.calls(owner, conv))
        for call in calls:
            found = find_following(self.index, call)
            kinds = self._kinds(owner, found.attribute) if found is not None else {"other"}
            if found is None or kinds <= {"other"}:
                alone.append(call)
            else:
                followed.append(found)
        if not followed:
            return self._loose(owner, alone)
        norm = followed[0].attribute
        try:
            stores = tuple(self._stores(owner, norm))
            if len({each.attribute for each in followed}) > 1:
                raise Refusal(f"another norm follows self.{conv} too")
            self._check_called(owner, conv, alone)
            self._check_held(owner, conv, calls)
            self._check_kinds(norm, stores)
            self._check_unnamed(norm)
            uses, is_plain = self._uses(stores, followed)
            convs = tuple(self.stores_of(owner, conv))
            pair = Pair(
                *(owner, conv, norm, convs, stores),
                *(tuple(followed), tuple(alone), uses, is_plain),
            )
            self._check_free(pair)
            self.check_elsewhere(owner, conv, norm)
        except Refusal as refusal:
            return Refusal(f"self.{norm} stays after the concatenation: {refusal}")
        return pair

    def check_elsewhere(self, owner: ast.ClassDef, *names: str) -> None:
        """See that no other file uses, or sets, attributes of a class.

        Raises:
            Refusal: one does.
        """
        for name in names:
            place = self.surroundings.uses_attribute(owner, name)
            if place:
                raise Refusal(f"self.{name} is used in another file ({place})")

    def _check_free(self, pair: Pair) -> None:
        """See that nothing is to be left alone that would change."""
        own = [*(each.target for each in pair.stores), *(each.norm for each in pair.followed)]
        statements = [(self.source.statement(each), "at it") for each in own]
        statements += [(each, "at it") for one in pair.followed for each in one.alternative]
        statements += [(self.source.statement(each), "at its convolution") for each in pair.alone]
        check_free(self.directives, statements)

    def _loose(self, owner: ast.ClassDef, calls: list[ast.Call]) -> Refusal | None:
        """Why the norm after one of some calls is to stay, if there is one."""

        def is_norm(function: ast.expr) -> bool:
            if isinstance(function, ast.Attribute) and self.index.self_class(function.value):
                return not self._kinds(owner, function.attr) <= {"other"}
            return seems_a_norm(self.source, function)

        found = (find_loose_norm(self.source, call, is_norm) for call in calls)
        return next((each for each in found if each is not None), None)

    def accesses(self, owner: ast.ClassDef, name: str) -> Iterator[Access]:
        """The accesses to an attribute of an object of a class, or of one that is not known."""
        relatives = self.index.classes[owner].relatives()
        for each in self.index.accesses(name):
            if each.owner is not None:
                is_one = self.index.classes[each.owner] in relatives
            else:
                is_one = self._flow_of_tensors.may_be_of(owner, each.node.value)
            if is_one:
                yield each

    def calls(self, owner: ast.ClassDef, name: str) -> Iterator[ast.Call]:
        """The calls of an attribute of an object of a class."""
        for each in self.accesses(owner, name):
            call = self.source.parent(each.node)
            if isinstance(call, ast.Call) and call.func is each.node:
                yield call

    def stores_of(self, owner: ast.ClassDef, name: str) -> Iterator[ast.Attribute]:
        """Where an attribute of an object of a class is given its value."""
        for each in self.accesses(owner, name):
            if isinstance(each.node.ctx, ast.Store) and each.owner is not None:
                yield each.node

    def _stores(self, owner: ast.ClassDef, name: str) -> Iterator[Store]:
        for each in self.accesses(owner, name):
            if isinstance(each.node.ctx, ast.Load):
                continue
            value = assigned_value(self.source.parent_of, each.node)
            if each.owner is None or value is None:
                raise Refusal(f"it may be another one ({line_of(each.node)})")
            yield Store(each.node, value, kind_of(self.index, value, name))

    def _kinds(self, owner: ast.ClassDef, name: str) -> set[str]:
        values = (
            assigned_value(self.source.parent_of, each.node)
            for each in self.accesses(owner, name)
            if not isinstance(each.node.ctx, ast.Load)
        )
        return {kind_of(self.index, each, name).name for each in values}

    def all_calls(self, owner: ast.ClassDef, name: str) -> list[ast.Call]:
        """The calls of a convolution, or of what holds it, which is called in no other way.

        Raises:
            Refusal: it may be.
        """
        calls = list(self.calls(owner, name))
        self._check_called(owner, name, calls)
        self._check_held(owner, name, calls)
        return calls

    def _check_called(self, owner: ast.ClassDef, conv: str, calls: list[ast.Call]) -> None:
        """See that all that is made of what the convolution gives is known."""
        for call in calls:
            parent = self.source.parent(call.func)
            if self.index.self_class(getattr(call.func, "value", call)) is None:
                raise Refusal(f"self.{conv} may be called elsewhere ({line_of(parent)})")
        for node in strings_naming(self.index, conv):
            called = self._flow_of_tensors.calls(owner, conv)
            if not called <= {*self.calls(owner, conv)}:
                raise Refusal(f"{conv!r} appears in a string ({line_of(node)})")
        for access in self.accesses(owner, conv):
            parent = self.source.parent(access.node)
            if isinstance(access.node.ctx, ast.Load) and not _is_no_call(parent, access.node):
                raise Refusal(f"self.{conv} may be called elsewhere ({line_of(access.node)})")

    def _check_held(self, owner: ast.ClassDef, conv: str, calls: list[ast.Call]) -> None:
        """See that the convolution is not called by another way as well."""
        for target in self.stores_of(owner, conv):
            value = assigned_value(self.source.parent_of, target)
            if value is not None:
                obstacle = self.holding.obstacle(value, [each.func for each in calls])
                if obstacle is not None:
                    raise Refusal(f"self.{conv} is used elsewhere too ({line_of(obstacle)})")

    def _check_kinds(self, norm: str, stores: tuple[Store, ...]) -> None:
        splitting = _splitting(stores)
        for each in stores:
            if each.kind.reason and (not splitting or each in splitting):
                raise Refusal(each.kind.reason)
            if _may_be_another_s(each.value) and each in splitting:
                raise Refusal(f"it may be kept elsewhere too ({line_of(each.value)})")

    def _check_unnamed(self, norm: str) -> None:
        """See that the norm is reached in no other way than by its name."""
        for node in strings_naming(self.index, norm):
            raise Refusal(f"{norm!r} appears in a string ({line_of(node)})")
        for node in self.index.mentions.computed(norm):
            raise Refusal(f"it may be reached by a computed name ({line_of(node)})")

    def _uses(self, stores: tuple[Store, ...], followed: Iterable[Following]) -> tuple[Uses, bool]:
        """What else is done with the norm, and whether it is only called."""
        weights = Weights(self.index)
        calls = {id(one) for each in followed for one in _called(each.norm.func)}
        values = {id(each.value) for each in stores}
        reached = {
            node
            for each in _splitting(stores)
            for node in self.flow.reached(each.value).expressions
        }
        others = [each for each in reached if id(each) not in calls | values]
        for node in sorted(others, key=self.source.span):
            self._look_at(weights, node)
        return weights.uses, not others

    def _look_at(self, weights: Weights, node: ast.expr) -> None:
        """Note one use of the norm that is no call of it after the convolution."""
        parent = self.source.parent(node)
        where = line_of(node)
        match parent:
            case ast.Attribute(attr="weight" | "bias"):
                weights.look_at(parent)
            case ast.Attribute(attr=name) if is_statistic_read(self.index, parent):
                weights.note_read(parent)
            case ast.Attribute(attr=name, ctx=ast.Load()):
                if name not in NORM_READS | KEEPING:
                    raise Refusal(f"its {name} is used ({where})")
            case ast.Attribute(attr=name):
                raise Refusal(f"its {name} is set ({where})")
            case ast.Call(func=function) if function is node:
                raise Refusal(f"it is called elsewhere too ({where})")
            case ast.Call() | ast.keyword():
                call = parent if isinstance(parent, ast.Call) else self.source.parent(parent)
                if self._asks_for_a_class(call):
                    if not self._asks_for_a_module(call):
                        obstacle = Obstacle(node, f"code asks for its class ({where})")
                        weights.uses.obstacles.append(obstacle)
                elif not self._is_followed_into(call):
                    raise Refusal(f"it is handed on ({where})")

    def _is_followed_into(self, call: ast.AST) -> bool:
        """Whether a call is of a function of the source, in which an argument is looked at too."""
        return isinstance(call, ast.Call) and meaning(self.source, call.func).kind == "function"

    def _asks_for_a_class(self, call: ast.AST) -> bool:
        """Whether a call asks only for the class of something."""
        match call:
            case ast.Call(func=ast.Name(id="isinstance" as name), args=[_, _], keywords=[]):
                return name in self.source.free_names
        return False

    def _asks_for_a_module(self, call: ast.AST) -> bool:
        """Whether it asks whether that is a module, which is so of what is split too."""
        assert isinstance(call, ast.Call)
        return meaning(self.source, call.args[1]).path == "torch.nn.Module"


def _splitting(stores: tuple[Store, ...]) -> list[Store]:
    return [each for each in stores if each.kind.name in ("norm", "unclear")]


def _is_no_call(parent: ast.AST, node: ast.Attribute) -> bool:
    """Whether a use of a convolution calls it in no other way than by its name."""
    match parent:
        case ast.Call(func=function) if function is node:
            return True
        case ast.Attribute(attr=name):
            return name in _MODULE_METHODS
        case ast.Compare() | ast.If() | ast.IfExp() | ast.BoolOp() | ast.UnaryOp():
            return True
        case ast.Call(func=function):
            name = getattr(function, "attr", getattr(function, "id", ""))
            return "init" in name or "norm" in name
    return False


def _called(function: ast.expr) -> Iterator[ast.expr]:
    """What is called, where that is a module or its forward."""
    yield function
    if isinstance(function, ast.Attribute) and function.attr == "forward":
        yield function.value


def _may_be_another_s(value: ast.expr) -> bool:
    """Whether an expression may give what something else has as well."""
    match value:
        case ast.IfExp(body=one, orelse=other):
            return _may_be_another_s(one) or _may_be_another_s(other)
        case ast.BoolOp(values=values):
            return any(map(_may_be_another_s, values))
    return isinstance(value, (ast.Name, ast.Attribute))
