"""Find the norm that alone takes what a convolution in an attribute gives."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from ...facts.heap import Use
from ...facts.values import Instance, Object, Tensor, Value, Values
from ...reading.parts import walk
from ...reading.scopes import assigned_value
from ..refusal import Refusal, check_free, line_of
from ..weights import Uses, Weights
from .attributes import Attributes, Store
from .behind import applied_walk, sequence_of
from .following import Following, find_following
from .kinds import NORMS, TRYING
from .modules import Modules


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


class NormAfter:
    """Looks for the norm after one convolution."""

    def __init__(self, attributes: Attributes, owner: ast.ClassDef, conv: str) -> None:
        self.attributes = attributes
        self.modules: Modules = attributes.modules
        self.facts = attributes.surroundings.facts
        self.source = attributes.source
        self.owner = owner
        self.conv = conv
        self.instances = [*self.facts.instances(owner)]

    def pair(self) -> Pair | None:
        """The convolution with its norm; None where none is seen.

        Raises:
            Refusal: the norm is to stay.
        """
        if not self.facts.is_complete:
            return None
        followed, alone = [], list[ast.Call]()
        for call in self._calls():
            found = find_following(self.source, call, self._is_norm)
            if found is not None:
                followed.append((found.attribute, found))
            elif (by_flow := self._by_flow(call)) is not None:
                followed.append(by_flow)
            else:
                alone.append(call)
        names = {name for name, _ in followed}
        if not names:
            return None
        norm = min(names)
        try:
            if len(names) > 1:
                raise Refusal(f"another norm follows self.{self.conv} too")
            return self._checked(norm, tuple(each for _, each in followed), tuple(alone))
        except Refusal as refusal:
            reason = f"self.{norm} stays after the concatenation: {refusal}"
            raise Refusal(reason) from refusal

    def _checked(
        self, norm: str, followed: tuple[Following, ...], alone: tuple[ast.Call, ...]
    ) -> Pair:
        attributes, owner = self.attributes, self.owner
        stores = tuple(attributes.stores(owner, norm))
        if not stores:
            raise Refusal("it is no attribute of self")
        splitting = [each for each in stores if each.kind.name in TRYING]
        for each in stores:
            if each.kind.reason and (not splitting or each in splitting):
                raise Refusal(each.kind.reason)
        self._check_conv([*(each.call for each in followed), *alone])
        self._check_held(norm, stores)
        uses, is_plain = self._uses(norm, stores, followed)
        convs = tuple(attributes.stores_of(owner, self.conv))
        places: list[ast.expr] = [*convs, *(each.target for each in stores)]
        places += [each.norm for each in followed]
        free = [(self.source.statement(each), "at it") for each in places]
        free += [(each, "at it") for one in followed for each in one.alternative]
        free += [(self.source.statement(each), "at its convolution") for each in alone]
        check_free(attributes.of_norms, free)
        attributes.check_elsewhere(owner, self.conv, norm)
        return Pair(owner, self.conv, norm, convs, stores, followed, alone, uses, is_plain)

    # --- where the convolution is applied ----------------------------------------------------

    def _values(self, name: str) -> Values:
        return self.facts.attribute(self.owner, name)

    def _calls(self) -> list[ast.Call]:
        """Where the convolution is applied: its calls, and those of what it is a layer of."""
        found = {*self.attributes.calls(self.owner, self.conv)}
        for value in self._values(self.conv):
            for use in self.facts.uses(value) if isinstance(value, Object) else ():
                if use.kind == "call" and isinstance(use.node, ast.Call):
                    found |= {use.node} if self.source.has(use.node) else set()
        return sorted(found, key=self.source.span)

    def _check_conv(self, calls: list[ast.Call]) -> None:
        """See that the convolution is called in no other way, and held nowhere else.

        Raises:
            Refusal: it may be.
        """
        weights = Weights(self.attributes.index)
        try:
            self._check_held(self.conv, tuple(self.attributes.stores(self.owner, self.conv)))
            for node in self._expressions(self.conv):
                self.modules.look_at(weights, node, calls, is_norm=False)
        except Refusal as refusal:
            raise Refusal(f"self.{self.conv} may be used elsewhere: {refusal}") from refusal

    def _expressions(self, name: str) -> list[ast.expr]:
        """The expressions that may be what an attribute holds, but for what it is given."""
        accesses = (each.node for each in self.attributes.accesses(self.owner, name))
        found: set[ast.expr] = {each for each in accesses if isinstance(each.ctx, ast.Load)}
        known = [each for each in self._values(name) if isinstance(each, Object)]
        found |= {*self.modules.expressions(known)}
        return sorted(found, key=self.source.span)

    # --- what follows ------------------------------------------------------------------------

    def _is_norm(self, function: ast.expr) -> bool:
        """Whether what is called is an attribute of self, and may be a norm."""
        is_of_self = isinstance(function, ast.Attribute) and (
            self.attributes.index.self_class(function.value) is not None
        )
        return is_of_self and self.modules.kinds.of(function).name != "other"

    def _results(self, call: ast.Call) -> list[Use]:
        """What the convolution gives at a place, each as the result of a use."""
        calls = (use for each in self._values(self.conv) for use in self.facts.calls(each))
        return [use for use in calls if use.node is call]

    def _by_flow(self, call: ast.Call) -> tuple[str, Following] | None:
        """The norm that alone takes what the convolution gives, as the flow of tensors shows it.

        Raises:
            Refusal: something else does too, or it may be that of another object.
        """
        uses = self._results(call)
        taken = [one for use in uses if use.result for one in self.facts.uses(use.result)]
        norms = [each for each in taken if isinstance(each.by, Object) and each.by.kind in NORMS]
        names = {
            name
            for each in norms
            if each.by is not None
            for holder, name in self.facts.heap.holders(each.by)
            if holder in self.instances and name
        }
        if not names:
            return None
        name = min(names)
        node = norms[0].node
        reason = ""
        is_kept = any(use.result and [*self.facts.heap.holders(use.result)] for use in uses)
        if len(names) > 1 or len({each.node for each in taken}) > 1 or is_kept:
            reason = "what it takes has another use too"
        elif not isinstance(node, ast.Call) or not self.source.has(node):
            reason = "it is applied in another file"
        elif not self._is_of_same(uses[0], norms[0], name):
            reason = "it may be that of another object"
        elif not self._takes_no_other(name, node):
            reason = "it takes something else too"
        elif (walk_use := applied_walk(self.facts)) is not None:
            node, reason = walk_use.node, "it may be applied with others"
        if reason:
            where = line_of(node)
            raise Refusal(f"self.{name} stays after the concatenation: {reason} ({where})")
        assert isinstance(node, ast.Call)
        return name, Following(call, node, "flow")

    def _takes_no_other(self, norm: str, node: ast.AST) -> bool:
        """Whether a norm takes what the convolution gives at a place, and nothing else."""
        convs = self._values(self.conv)
        return all(
            getattr(each, "producer", None) in convs
            for value in self._values(norm)
            for use in self.facts.uses(value)
            if use.kind == "call" and use.node is node and isinstance(use.result, Tensor)
            for each in self.facts.inputs_of(use.result) or (value,)
        )

    def _is_of_same(self, conv: Use, norm: Use, name: str) -> bool:
        """Whether a convolution and a norm are reached from the same object."""
        wholes = {sequence_of(conv), sequence_of(norm)}
        if wholes != {None}:
            return len(wholes) == 1 and not wholes.isdisjoint(self.instances)
        around = {self.source.function_around(each.node) for each in (conv, norm)}
        (function,) = around if len(around) == 1 else (None,)
        return function is not None and not any(
            self._is_another(each, name) for each in walk(function) if isinstance(each, ast.expr)
        )

    def _is_another(self, node: ast.expr, norm: str) -> bool:
        """Whether an expression may be another instance, or an attribute of one."""
        index = self.attributes.index
        if isinstance(node, ast.Attribute) and node.attr in (self.conv, norm):
            return index.self_class(node.value) is None
        is_self = isinstance(node, ast.Name) and index.self_class(node) is not None
        return not is_self and not self.facts.values(node).isdisjoint(self.instances)

    # --- what else is done with both ---------------------------------------------------------

    def _check_held(self, name: str, stores: tuple[Store, ...]) -> None:
        """See that an attribute alone holds what it is given.

        Raises:
            Refusal: something else may.
        """
        # What a base class sets is that of these instances, and of others that inherit from it.
        classes = {cls.node for each in self.instances for cls in each.cls.order}
        places: list[tuple[Value, str]] = [
            (each, name)
            for each in self.facts.heap.having(name)
            if isinstance(each, Instance)
            and not classes.isdisjoint(cls.node for cls in each.cls.order)
        ]
        for store in stores:
            for each in self.modules.made(self.facts.values(store.value)):
                if self.modules.is_alone(each, store.target):
                    self.modules.check_held(each, *places)
                else:
                    self._check_new(store, name, each)

    def _check_new(self, store: Store, name: str, value: Value) -> None:
        """See that what a function gives is a new object whenever it is called."""
        where = f"it may be kept elsewhere too ({line_of(store.value)})"
        if not _is_call(store.value):
            raise Refusal(where)
        for _, key in self.facts.heap.holders(value) if isinstance(value, Object) else ():
            if not key:
                raise Refusal(where)
            for access in self.attributes.index.accesses(key):
                given = assigned_value(self.source.parent_of, access.node)
                if given is not None and value in self.facts.values(given):
                    if getattr(value, "site", None) is given or not _is_call(given):
                        raise Refusal(where)

    def _uses(
        self, norm: str, stores: tuple[Store, ...], followed: Iterable[Following]
    ) -> tuple[Uses, bool]:
        """What else is done with the norm, and whether it is only called."""
        weights = Weights(self.attributes.index)
        calls = {each.norm for each in followed}
        values = {each.value for each in stores}
        others = []
        for node in self._expressions(norm):
            parent = self.source.parent(node)
            is_call = isinstance(parent, ast.Call) and parent.func is node and parent in calls
            if not is_call and node not in values:
                others.append(node)
                self.modules.look_at(weights, node, calls, is_norm=True)
                self._check_seen(node, parent)
        return weights.uses, not others

    def _check_seen(self, node: ast.expr, parent: ast.AST) -> None:
        """See that what is not told apart from others is given to nothing that goes on with it."""
        is_told = not any(isinstance(each, Instance) for each in self.facts.values(node))
        keeps = (ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.Return, ast.List, ast.Tuple)
        is_argument = isinstance(parent, ast.Call) and node in parent.args
        is_asked = is_argument and getattr(getattr(parent, "func", None), "id", "") == "isinstance"
        if not is_told and (isinstance(parent, keeps) or (is_argument and not is_asked)):
            raise Refusal(f"it is handed on ({line_of(node)})")


def _is_call(value: ast.expr) -> bool:
    """Whether an expression gives what a call gives, or a constant."""
    match value:
        case ast.IfExp(body=one, orelse=other):
            return _is_call(one) and _is_call(other)
        case ast.BoolOp(values=values):
            return all(map(_is_call, values[-1:] if isinstance(value.op, ast.And) else values))
    return isinstance(value, (ast.Call, ast.Constant))
