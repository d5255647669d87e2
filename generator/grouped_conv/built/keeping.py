"""Tell what statements may keep of a module that is split after them; it must leave nothing behind.

What is set, read, initialised or run before the split happens to the whole, as the author meant it.
What keeps the whole, its weights or what holds it, or may do so, must come after: an alias, a copy,
an optimizer, unknown code. Each expression that may be one of these, in what is run, must stand
where it is let go.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import Final

from ... import torch_api
from ...facts.values import Bound, External, Function, Object, Value
from ...reading.convolutions import SETTINGS
from ...reading.parts import parts
from ...reading.scopes import FUNCTIONS
from ..initialisation import is_exact_by_branch
from ..reading import is_only_read
from ..weight_norm import possible_norms
from .ties import may_be_tied
from .whole import VALUES, Whole

_SETTABLE: Final = SETTINGS | {
    *("weight", "bias", "data", "requires_grad", "eps", "momentum"),
    *("running_mean", "running_var", "training"),
}
"""What may be set of a convolution or a norm so that the split one has it too."""
_OF_OWNER: Final = frozenset(
    (*torch_api.GIVES_SELF, *torch_api.WALKS, *torch_api.BY_PATH, *torch_api.ADDS, "__init__")
) - {"share_memory"}
"""The methods of an owner that keep nothing of its parts but what they are given."""
_PASSING: Final = re.compile(
    r"builtins\.(list|tuple|set|dict|iter|next|enumerate|zip|reversed|isinstance|hasattr|getattr"
    r"|type|super)|torch\.nn\.init\.\w+"
)
"""Functions that keep nothing; what they give is looked at."""
_GONE: Final = (
    *(ast.Expr, ast.Compare, ast.UnaryOp, ast.BinOp, ast.AugAssign, ast.FormattedValue, ast.If),
    *(ast.While, ast.Assert, ast.For, ast.comprehension, ast.Subscript, ast.IfExp, ast.BoolOp),
    *(ast.List, ast.Tuple, ast.ListComp, ast.GeneratorExp),
)
"""Where an expression may stand that nothing holds on to; what is made of it is looked at too."""
_OPEN: Final = (ast.Global, ast.Nonlocal, ast.Yield, ast.YieldFrom)
"""What lets a function keep something once it has ended."""


class Keeping:
    """Looks for what keeps some modules.

    Attributes:
        methods: the functions of the source that were looked at, and whether they do.

    Args:
        whole: tells what may be one of the modules.
    """

    def __init__(self, whole: Whole) -> None:
        self.whole = whole
        self.index = whole.index
        self.source = whole.source
        self.facts = whole.facts
        self.methods: dict[ast.AST, bool] = {}
        self._inside: ast.AST | None = None

    # --- what is run -------------------------------------------------------------------------

    def keeps(self, statement: ast.stmt) -> bool:
        """Whether a statement of a method keeps them, or may do so."""
        self._inside = self.source.function_around(statement)
        return self._any([statement])

    def keeps_given(self, callees: Iterable[Value]) -> bool:
        """Whether some functions, which are given them, keep them or may do so."""
        functions = [*map(_function, callees)]
        return not all(each and self.source.has(each) and not self._in(each) for each in functions)

    def _any(self, nodes: Iterable[ast.AST]) -> bool:
        return any(self._keeps(each) for node in nodes for each in _all_run(node))

    def _in(self, function: ast.AST) -> bool:
        """Whether a function of the source keeps them once it is run."""
        if function not in self.methods:
            self.methods[function] = False  # as far as it calls itself
            body = getattr(function, "body", [])
            nodes = [*body] if isinstance(body, list) else [body]
            is_open = any(self._is_open(one) for each in nodes for one in _all_run(each))
            self.methods[function] = is_open or self._any(nodes)
        return self.methods[function]

    def _is_open(self, node: ast.AST) -> bool:
        """Whether a node may let a function keep something once it has ended."""
        if isinstance(node, ast.Name):
            return not self.facts.values(node) and self.whole.is_captured(node)
        return isinstance(node, _OPEN)

    def _keeps(self, node: ast.AST) -> bool:
        if node in self.whole.escapes and not self._is_known(node):
            return True
        if not isinstance(node, ast.expr):
            return False
        if isinstance(getattr(node, "ctx", None), ast.Del):
            return self.whole.is_own(node)
        if any(map(self._in, self._functions(node))):
            return True
        if isinstance(getattr(node, "ctx", None), ast.Store):
            return False
        if self.whole.is_part(node):
            return self.whole.is_captured(node) or not self._is_let_go(node)
        return self.whole.is_holder(node) and not self._is_left(node)

    def _is_known(self, node: ast.AST) -> bool:
        """Whether a call to unknown code is known to keep nothing, by what it is called."""
        weights = [each for each in getattr(node, "args", []) if isinstance(each, ast.Attribute)]
        return self._gives_back(node) or any(map(self._is_initialised, weights))

    def _functions(self, node: ast.expr) -> Iterator[ast.AST]:
        """The functions of the source that an expression may be, or may run as a property."""
        if not isinstance(node, (ast.Name, ast.Attribute, ast.Lambda)):
            return
        for value in self.facts.values(node):
            function = _function(value)
            if function is not None and self.source.has(function):
                yield function
        cls = self.index.self_class(node.value) if isinstance(node, ast.Attribute) else None
        if isinstance(node, ast.Attribute) and cls in self.index.classes:  # and not emitted
            for each in self.index.classes[cls].relatives():
                for binding in each.scope.bindings.get(node.attr, []):
                    if isinstance(binding.node, FUNCTIONS):
                        yield binding.node

    # --- what is done with it ----------------------------------------------------------------

    def _is_left(self, node: ast.expr) -> bool:
        """Whether what an expression for an owner stands in holds on to nothing."""
        parent = self.source.parent(node)
        match parent:
            case ast.Attribute(attr=name):
                return self._is_of_owner(node, name, parent)
            case ast.Call(func=function) if function is node:
                return False
        return not self.whole.is_captured(node) and self._is_let_go(node)

    def _is_of_owner(self, node: ast.expr, name: str, attribute: ast.Attribute) -> bool:
        call = self.source.parent(attribute)
        if not isinstance(call, ast.Call) or call.func is not attribute:
            return True
        for callee in self.facts.values(attribute):
            if isinstance(callee, Bound) and not self._is_function_of_source(callee):
                is_known = name in _OF_OWNER or isinstance(callee.receiver, Object)
                is_bad = name == "apply" and not self._applies_own(call)
                if callee.function is not None or not is_known or is_bad:
                    return False
        return True

    def _applies_own(self, call: ast.Call) -> bool:
        given = [*call.args, *(each.value for each in call.keywords)]
        values = [value for each in given for value in self.facts.values(each)]
        return bool(values) and all(map(self._is_function_of_source, values))

    def _is_function_of_source(self, value: Value) -> bool:
        function = _function(value)
        return function is not None and self.source.has(function)

    def _is_let_go(self, node: ast.expr) -> bool:
        """Whether what an expression for a module, or a part of one, stands in lets it go."""
        if isinstance(node, ast.Attribute) and self._is_initialised(node):
            return True
        parent = self.source.parent(node)
        match parent:
            case ast.Return():
                return self.whole.is_told(node)
            case ast.Attribute():
                return self._is_part_let_go(parent)
            case ast.Call(func=function) if function is node:
                return self.whole.is_module(node) or self._is_let_go(parent)
            case ast.Call():
                return self._is_given_away(parent)
            case ast.keyword() | ast.Starred():
                call = self.source.parent(parent)
                return isinstance(call, ast.Call) and self._is_given_away(call)
            case ast.Assign(targets=targets):
                return all(map(self._is_gone_with, targets))
            case ast.AnnAssign(target=target):
                return self._is_gone_with(target)
        return isinstance(parent, _GONE)

    def _is_gone_with(self, target: ast.expr) -> bool:
        """Whether what is assigned is gone with the function, or back where it was."""
        match target:
            case ast.Name():
                return self.source.function_around(target) is not self._inside
            case ast.Subscript(value=value):  # an item of a weight takes the values
                return self.whole.is_part(value) and not self.whole.is_holder(value)
        return self.whole.is_own(target)

    def _is_part_let_go(self, attribute: ast.Attribute) -> bool:
        """The same for an attribute of a module, which may be set."""
        name = attribute.attr
        if "hook" in name or name.startswith("__"):
            return False
        if not isinstance(attribute.ctx, ast.Load):
            return name in _SETTABLE and not may_be_tied(self.index, attribute)
        return name in VALUES or self._is_let_go(attribute)

    def _is_initialised(self, weight: ast.Attribute) -> bool:
        """Whether a weight is known to be initialised, or only read."""
        if weight.attr not in ("weight", "bias"):
            return False
        is_exact = is_exact_by_branch(self.source, weight)
        return is_exact or is_only_read(self.index, weight)

    def _is_given_away(self, call: ast.Call) -> bool:
        """Whether a call in which it is an argument keeps no hold of it."""
        if self._gives_back(call):
            return self._is_let_go(call)
        callees = self.facts.values(call.func)
        return bool(callees) and all(self._lets_go(each, call) for each in callees)

    def _gives_back(self, node: ast.AST) -> bool:
        """Whether a call is of weight_norm and the like, or may be, which give the module back."""
        if not isinstance(node, ast.Call):
            return False
        paths = {getattr(each, "path", "") for each in self.facts.values(node.func)}
        are_norms = bool(paths) and all(map(torch_api.GIVES_MODULE.fullmatch, paths))
        return are_norms or possible_norms(self.facts, node) is not None

    def _lets_go(self, callee: Value, call: ast.Call) -> bool:
        match callee:
            case External(path=path):
                if _PASSING.fullmatch(path) or path in torch_api.FUNCTIONS:
                    return self._is_let_go(call)
                return torch_api.HARMLESS.fullmatch(path) is not None or path == "builtins.sum"
            case Bound(function=None, name=name):
                if name in VALUES or name in torch_api.HARMLESS_METHODS:
                    return True
                return name in torch_api.METHODS and self._is_let_go(call)
        return self._is_function_of_source(callee)  # what is in it is looked at


def _function(callee: Value) -> ast.AST | None:
    if isinstance(callee, Bound):
        callee = callee.function or callee
    return callee.node if isinstance(callee, Function) else None


def _all_run(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that may be run with one, or once a function in it is called."""
    pending = [node]
    while pending:
        each = pending.pop()
        yield each
        is_class = isinstance(each, ast.ClassDef)  # its methods have a self of their own
        pending += [one for one in parts(each) if not (is_class and isinstance(one, FUNCTIONS))]
