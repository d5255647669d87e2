"""What is done with a convolution or a norm besides calling it: who holds it, and who asks it."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator
from itertools import takewhile
from typing import Final

from ... import torch_api
from ...facts.facts import Facts
from ...facts.heap import Slot, Use
from ...facts.values import Constant, External, Object, Value, Values
from ...reading.classes import ClassIndex
from ...reading.convolutions import SETTINGS
from ...reading.parts import walk
from ...reading.scopes import COMPREHENSIONS, FUNCTIONS
from ..refusal import Refusal, line_of
from ..weights import Obstacle, Weights
from .kinds import NORM_READS, Kinds, is_statistic_read

_LOOPS: Final = (ast.For, ast.AsyncFor, ast.While, *COMPREHENSIONS)
_MODULE: Final = {"torch.nn.Module"}
_ASKING: Final = frozenset(
    f"builtins.{each}" for each in ("isinstance", "type", "vars", "hasattr", "getattr", "dir")
)
"""What tells a norm from one in parts, or may."""
_READS: Final = SETTINGS | NORM_READS
"""What one of them gives in parts as a whole, or does not have at all."""
_OF_NORM: Final = (torch_api.GIVES_SELF - {"apply"}) | _READS | {"forward"}
_OF_CONV: Final = (
    _OF_NORM
    | {"apply", "weight", "bias", "parameters", "reset_parameters"}
    | {"running_mean", "running_var"}
)


class Modules:
    """The convolutions and norms of one source."""

    def __init__(self, index: ClassIndex, facts: Facts) -> None:
        self.index = index
        self.source = index.source
        self.facts = facts
        self.kinds = Kinds(index, facts)

    # --- what it is --------------------------------------------------------------------------

    def made(self, values: Values) -> list[Value]:
        """Those of some values that may be modules.

        Raises:
            Refusal: one may be given again where it seems to be made.
        """
        found: list[Value] = [one for one in values if not isinstance(one, (Constant, External))]
        for each in found:
            if isinstance(each, Object) and self.facts.is_given_again(each):
                raise Refusal(f"it may be one that is kept ({line_of(each.site)})")
        return found

    def is_alone(self, module: Value, *places: ast.AST) -> bool:
        """Whether what an object stands for is another one whenever a place is run.

        So it is if it is made by the same run of the same function; ``places`` are the place, and
        the calls that led there, the outermost last.
        """
        made = (module.site, *reversed(module.context)) if isinstance(module, Object) else ()
        around = self.source.function_around
        for place in filter(self.source.has, places):
            for own in filter(self.source.has, made):
                if around(own) is around(place):
                    return self._loops(place) <= self._loops(own)
        return False

    def _loops(self, node: ast.AST) -> set[ast.AST]:
        """The loops of a function in which a node is run more than once."""
        found, inner = set[ast.AST](), node
        around = self.source.ancestors(node)
        for each in takewhile(lambda one: not isinstance(one, (*FUNCTIONS, ast.Lambda)), around):
            first = each.generators[0] if isinstance(each, COMPREHENSIONS) else each
            is_first = inner in (first, getattr(first, "iter", None))
            if isinstance(each, _LOOPS) and not is_first and not _binds(each, node):
                found.add(each)
            inner = each
        return found

    def check_items(
        self, slot: Slot, holders: Iterable[Value], names: Iterable[str], *calls: ast.AST
    ) -> None:
        """See that what is at a place of a container is in no other, nor twice in it.

        Args:
            slot: the place.
            holders: the container.
            names: by which its items are attributes of it as well.
            calls: which led to where that is made, the outermost last.

        Raises:
            Refusal: it may be.
        """
        places = [(each, name) for each in holders for name in ("", *names)]
        for each in self.made(slot.values):
            node = slot.node or getattr(each, "site", None)
            if not isinstance(node, ast.AST) or not self.source.has(node):
                raise Refusal("it is not seen where it is put together")
            if isinstance(each, Object):
                self.check_held(each, *places)
            is_new = isinstance(each, Object) and self.is_alone(each, node, *calls)
            if not is_new and (isinstance(each, Object) or not isinstance(node, ast.Call)):
                raise Refusal(f"it may be the same in several places ({line_of(node)})")

    def look_at_items(
        self, weights: Weights, slot: Slot, called: Collection[ast.AST], is_norm: bool
    ) -> None:
        """As ``look_at``, of all that may be what is at a place of a container."""
        for node in self.expressions(each for each in slot.values if isinstance(each, Object)):
            self.look_at(weights, node, called, is_norm)

    def _is_put_once(self, module: Value, holder: Value) -> bool:
        """Whether a list or another container has a module at one place only."""
        slots = [each for each in self.facts.heap.slots(holder) if module in each.values]
        nodes = {each.node for each in slots}
        is_repeated = any(each.many and not any(one.repeats for one in each.path) for each in slots)
        return not is_repeated and len(nodes) < 2 and (len(slots) < 2 or None not in nodes)

    # --- where it is called ------------------------------------------------------------------

    def calls(self, module: Value) -> Iterator[Use]:
        """Where a module is called by itself, and not as a layer of what holds it."""
        for use in self.facts.uses(module):
            if use.kind == "call" and isinstance(use.node, ast.Call):
                if self.is_called_at(module, use.node):
                    yield use

    def is_called_at(self, module: Value, node: ast.Call) -> bool:
        """Whether a call is one of a module, or of its forward."""
        function = node.func
        callees = self.facts.values(function)
        if isinstance(function, ast.Attribute) and function.attr in ("forward", "__call__"):
            callees |= self.facts.values(function.value)
        return module in callees

    # --- who holds it ------------------------------------------------------------------------

    def check_held(self, module: Value, *places: tuple[Value, str]) -> None:
        """See that nothing else holds a module; lists and dicts of Python are followed anyway.

        Raises:
            Refusal: something does.
        """
        for holder, name in self.facts.heap.holders(module):
            if isinstance(module, Object) and not self._is_put_once(module, holder):
                raise Refusal("it is at several places")
            is_list = isinstance(holder, Object) and holder.kind.startswith(("builtins.", "coll"))
            is_known = any(holder is each and name in (key, "") for each, key in places)
            if not is_known and not is_list and not self.is_copy(holder):
                where = f" ({line_of(holder.site)})" if isinstance(holder, Object) else ""
                raise Refusal(f"it is held elsewhere too{where}")

    def is_copy(self, holder: Value) -> bool:
        """Whether a container was made by ``copy.deepcopy``, so that what it holds are copies."""
        site = holder.site if isinstance(holder, Object) else None
        callees = self.facts.values(site.func) if isinstance(site, ast.Call) else ()
        return any(getattr(each, "path", "") == "copy.deepcopy" for each in callees)

    # --- what else is done with it -----------------------------------------------------------

    def expressions(self, modules: Iterable[Value]) -> list[ast.expr]:
        """The expressions of the source that may be one of some modules, in their order."""
        found = (node for each in modules for node in self.facts.expressions(each))
        own = {node for node in found if self.source.has(node)}
        return sorted(own, key=self.source.span)

    def look_at(
        self, weights: Weights, node: ast.expr, called: Collection[ast.AST], is_norm: bool
    ) -> None:
        """Note what is done with an expression that may be a module.

        Args:
            weights: takes what is done with its weights.
            node: the expression.
            called: the calls that are known.
            is_norm: whether it is a norm; what is done with the weights of a convolution is looked
                at anyway.

        Raises:
            Refusal: it may be called elsewhere, or it is handed on.
        """
        parent, where = self.source.parent(node), line_of(node)
        match parent:
            case ast.Call(func=function) if function is node:
                if parent not in called:
                    raise Refusal(f"it is called elsewhere too ({where})")
            case ast.Attribute():
                self._attribute(weights, node, parent, called, is_norm)
            case ast.Call() | ast.keyword() | ast.Starred():
                calls = (each for each in self.source.ancestors(node) if _is_call(each))
                call = next(calls, None)
                if call is None:  # of a class
                    raise Refusal(f"it is handed on ({where})")
                self._argument(weights, node, call, is_norm)

    def _attribute(
        self,
        weights: Weights,
        node: ast.expr,
        attribute: ast.Attribute,
        called: Collection[ast.AST],
        is_norm: bool,
    ) -> None:
        name, where = attribute.attr, line_of(node)
        call = self.source.parent(attribute)
        is_call = isinstance(call, ast.Call) and call.func is attribute
        if is_norm and name in ("weight", "bias"):
            weights.look_at(attribute)
        elif is_norm and is_statistic_read(self.index, attribute):
            weights.note_read(attribute)
        elif is_norm and name in ("add_module", "append"):
            # Before the split it is an nn.Sequential that is filled, or the helper refuses it.
            obstacle = Obstacle(node, f"something is added to it ({where})")
            weights.uses.obstacles.append(obstacle)
        elif name in ("forward", "__call__") and is_call and call not in called:
            raise Refusal(f"it is called elsewhere too ({where})")
        elif is_norm and not isinstance(attribute.ctx, ast.Load):
            raise Refusal(f"its {name} is set ({where})")
        elif name not in (_OF_NORM if is_norm else _OF_CONV):
            raise Refusal(f"its {name} is used ({where})")

    def _argument(self, weights: Weights, node: ast.expr, call: ast.AST, is_norm: bool) -> None:
        where = line_of(node)
        match call:
            case ast.Call(func=ast.Name(id="isinstance"), args=[_, asked]):
                if {getattr(each, "path", "") for each in self.facts.values(asked)} == _MODULE:
                    return
        values = self.facts.values(node)
        uses = [use for each in values for use in self.facts.uses(each) if use.node is call]
        path = next(
            (
                each.path
                for each in self.facts.values(getattr(call, "func", node))
                if isinstance(each, External)
            ),
            "",
        )
        if is_norm and path in _ASKING:
            reason = f"code asks for its class ({where})"
            weights.uses.obstacles.append(Obstacle(node, reason))
        for use in uses:
            path = getattr(use.by, "path", "")
            # As a layer of what it is handed to, one that is not known is called there.
            is_escape = use.kind == "escape" and use.name != "()"
            is_handed_on = is_escape or use.kind == "write" or path.startswith("copy.")
            if is_handed_on and (is_norm or not self._is_known(call)):
                raise Refusal(f"it is handed on ({where})")

    def _is_known(self, call: ast.AST) -> bool:
        """Whether a call is of what initialises a convolution, or normalises its weight."""
        function = call.func if isinstance(call, ast.Call) else call
        name = str(getattr(function, "attr", getattr(function, "id", "")))
        return "init" in name or "norm" in name


def _binds(loop: ast.AST, node: ast.AST) -> bool:
    """Whether a loop gives a variable, or an attribute, its value."""
    name = getattr(node, "id", getattr(node, "attr", ""))
    return bool(name) and any(
        isinstance(each, type(node))
        and getattr(each, "attr", getattr(each, "id", "")) == name
        and isinstance(getattr(each, "ctx", None), ast.Store)
        for each in walk(loop)
    )


def _is_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call)
