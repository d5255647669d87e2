"""Tell what a constructor may do with an attribute before that is split, and leave nothing behind.

What is set, read, initialised or run before the split happens to the whole, as the author meant it.
What keeps the whole, or may do so, must come after: an alias, a copy, an optimizer, unknown code.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from ...reading.callees import parameters_given
from ...reading.classes import Class, ClassIndex
from ...reading.convolutions import SETTINGS
from ...reading.names import meaning
from ...reading.parts import walk
from ...reading.scopes import FUNCTIONS, Function
from ..initialisation import is_exact_by_branch, whole_initialiser
from ..reading import is_only_read
from ..source_facts import facts_of_source
from ..weight_norm import is_weight_norm, possible_norms
from .handed import keeps_nothing
from .ties import may_be_tied

_ASKING: Final = frozenset(("isinstance", "hasattr", "type", "id", "len", "print", "repr", "str"))
_SEEING_ALL: Final = frozenset(("locals", "vars", "eval", "exec"))
_WALKS: Final = frozenset(
    (
        *("modules", "children", "parameters", "buffers", "_modules", "_parameters", "__dict__"),
        *("named_modules", "named_children", "named_parameters", "named_buffers"),
    )
)
_IN_PLACE: Final = frozenset(
    (
        *("train", "eval", "requires_grad_", "zero_grad", "to", "type", "float", "double", "half"),
        *("cpu", "cuda", "register_buffer", "register_parameter", "add_module"),
    )
)
"""The methods of nn.Module that keep nothing of its parts but what they are given."""
_KEPT_BY_SPLIT: Final = SETTINGS | {
    *("weight", "bias", "data", "requires_grad", "eps", "momentum"),
    *("running_mean", "running_var"),
}
"""What may be set of a convolution or a norm so that the split one has it too."""
_VALUES: Final = SETTINGS | {
    *("shape", "dtype", "device", "ndim", "size", "numel", "dim", "requires_grad", "is_cuda"),
    *("eps", "momentum", "num_features", "affine", "track_running_stats", "training"),
}
"""The attributes of a module or a tensor that keep nothing of it."""
_TESTS: Final = (
    *(ast.Expr, ast.Compare, ast.UnaryOp, ast.BinOp, ast.If, ast.While, ast.Assert, ast.IfExp),
    *(ast.FormattedValue, ast.comprehension),
)
"""Where an expression may stand that is then gone."""


class Keeping:
    """Looks for what keeps some attributes of the objects of a class.

    Attributes:
        methods: those of the class or its relatives, and the functions, that the statements call
            which were looked at.

    Args:
        index: the source.
        owner: the class.
        names: the attributes.
    """

    def __init__(self, index: ClassIndex, owner: ast.ClassDef, names: Collection[str]) -> None:
        self.index = index
        self.source = index.source
        self.names = names
        self.relatives: list[Class] = index.classes[owner].relatives()
        self.methods: dict[Function, bool] = {}
        self._known: set[ast.Name] = set()
        self._closures: set[ast.AST] = set()  # those that keep nothing, as far as is known

    def keeps(self, statement: ast.stmt) -> bool:
        """Whether a statement of a method keeps them, or may do so."""
        return any(map(self._keeps, _all_run(statement)))

    def _keeps(self, node: ast.AST) -> bool:
        match node:
            case ast.Name(ctx=ast.Load()) if self.index.self_class(node) is not None:
                return self._keeps_self(node, self.source.parent(node))
            case ast.Name(ctx=ast.Load()):
                return self._keeps_in_closure(node)
            case ast.Call(func=ast.Name(id=name)):
                return name in _SEEING_ALL
            case ast.Attribute(value=ast.Call(func=ast.Name(id="super"))):
                return self._keeps_in_method(node)
        return False

    def _keeps_in_closure(self, name: ast.Name) -> bool:
        """Whether a variable is a function of the method, and one that keeps them once it runs."""
        found = self.source.scope(name).lookup(name.id)
        if found is None or not isinstance(found[0].node, FUNCTIONS):
            return False
        for binding in found[1]:
            for each in (binding.node, binding.value):
                if isinstance(each, (*FUNCTIONS, ast.Lambda)) and each not in self._closures:
                    self._closures.add(each)
                    if any(self._keeps(inner) for inner in _all_run(each)):
                        return True
        return False

    def _keeps_self(self, node: ast.Name, parent: ast.AST) -> bool:
        match parent:
            case ast.Attribute(attr=name) if name in self.names:
                return self._keeps_own(parent)
            case ast.Attribute(attr=name) if name in _WALKS:
                return self._keeps_walk(parent)
            case ast.Attribute(attr="apply"):
                call = self.source.parent(parent)
                return self._keeps_applied(call) or self._keeps_what_is_given_back(call)
            case ast.Attribute():
                return self._keeps_in_method(parent)
            case ast.Call(func=ast.Name(id="getattr" | "setattr"), args=[_, name, *_]):
                return not isinstance(name, ast.Constant) or name.value in self.names
            case ast.Call(func=ast.Name(id=name)):
                return name not in _ASKING and name != "super"
        return True

    def _keeps_own(self, attribute: ast.Attribute) -> bool:
        """Whether one of the attributes is used so that what it holds is kept; to run it is not."""
        if not isinstance(attribute.ctx, ast.Load):
            return isinstance(attribute.ctx, ast.Del)  # there would be nothing left to split
        parent = self.source.parent(attribute)
        is_called = isinstance(parent, ast.Call) and parent.func is attribute
        return not is_called and self._keeps_value(attribute)

    def _keeps_value(self, node: ast.expr) -> bool:
        """Whether an expression for a module, or for a part of one, is used so that it is kept."""
        parent = self.source.parent(node)
        match parent:
            case ast.Attribute():
                return self._keeps_part(parent)
            case ast.Subscript(value=value) if value is node:
                return isinstance(parent.ctx, ast.Load) and self._keeps_value(parent)
            case ast.Call(func=function) if function is node:
                return isinstance(node, ast.Attribute) and self._keeps_value(parent)
            case ast.Call(func=ast.Name(id=name)) if name in _ASKING:
                return False
            case ast.Call(func=ast.Attribute(attr="load_state_dict")):
                return False  # it copies what it is given
            case ast.Call():
                return self._keeps_argument(node, parent)
            case ast.For(iter=iterated) | ast.comprehension(iter=iterated) if iterated is node:
                return self._keeps_each(parent)
            case ast.List() | ast.Tuple():
                around = self.source.parent(parent)
                return not isinstance(around, ast.For) or self._keeps_value(parent)
            case ast.BoolOp():
                return self._keeps_value(parent)
            case ast.IfExp(test=test):
                return test is not node
        return not isinstance(parent, _TESTS)

    def _keeps_part(self, attribute: ast.Attribute) -> bool:
        """The same for an attribute of a module, which may be set."""
        name = attribute.attr
        if "hook" in name or name.startswith("__"):
            return True
        if not isinstance(attribute.ctx, ast.Load):
            return name not in _KEPT_BY_SPLIT or may_be_tied(self.source, attribute)
        if name in ("weight", "bias") and self._is_known(attribute):
            return False
        return name not in _VALUES and self._keeps_value(attribute)

    def _is_known(self, weight: ast.Attribute) -> bool:
        """Whether a weight is initialised, or only read."""
        is_exact = is_exact_by_branch(self.source, weight) or is_only_read(self.index, weight)
        return is_exact or whole_initialiser(self.source, weight) is not None

    def _keeps_argument(self, node: ast.expr, call: ast.Call) -> bool:
        """Whether a function that is given a module or a weight keeps it."""
        callee = meaning(self.source, call.func)
        if callee.path.startswith("torch.nn.init."):
            return not isinstance(self.source.parent(call), ast.Expr)
        if is_weight_norm(self.source, call) or possible_norms(facts_of_source(self.index), call):
            return not self._is_put_back(call)
        if not isinstance(callee.node, FUNCTIONS):
            return not keeps_nothing(self.index, node)
        self.methods.setdefault(callee.node, False)
        names = set(parameters_given(self.source, callee.node, node, call, None))
        return self._keeps_named(names, callee.node.body)

    def _is_put_back(self, call: ast.Call) -> bool:
        """Whether what a call gives back goes to where it was, or nowhere."""
        match self.source.parent(call):
            case ast.Expr():
                return True
            case ast.Assign(targets=[ast.Attribute(value=instance, attr=name)]):
                return name in self.names and self.index.self_class(instance) is not None
        return False

    def _keeps_named(self, names: Collection[str], body: Iterable[ast.AST]) -> bool:
        """Whether some statements keep what variables hold that may be any module or weight."""
        loads = [
            each
            for statement in body
            for each in walk(statement)
            if isinstance(each, ast.Name) and each.id in names and each not in self._known
        ]
        self._known.update(loads)  # a function may call itself
        return any(map(self._keeps_value, loads))

    def _keeps_applied(self, call: ast.AST) -> bool:
        """Whether ``self.apply(function)`` hands the modules to something that keeps them."""
        match call:
            case ast.Call(args=[ast.Lambda(args=arguments, body=body)]):
                names = [each.arg for each in arguments.args]
                return arguments.vararg is not None or self._keeps_named(names, [body])
            case ast.Call(args=[function]):
                known = meaning(self.source, function).node
                candidates = [known] if isinstance(known, FUNCTIONS) else []
                if isinstance(function, ast.Attribute):
                    candidates += self._methods(function.attr)
                    if not candidates and not meaning(self.source, function).path:
                        return True  # such as self.layers.append
                return any(map(self._keeps_given, candidates))
        return True

    def _is_applied(self, method: ast.Attribute, call: ast.AST) -> bool:
        """Whether a method is given to ``self.apply``, which is looked at by itself."""
        match call:
            case ast.Call(func=ast.Attribute(value=instance, attr="apply"), args=[given]):
                return given is method and self.index.self_class(instance) is not None
        return False

    def _keeps_given(self, function: Function) -> bool:
        """Whether a function that is given a module, and no more, keeps it or another one."""
        arguments = function.args
        positional = [*arguments.posonlyargs, *arguments.args]
        needed = positional[: len(positional) - len(arguments.defaults)]
        if arguments.vararg is not None or not needed:
            return True
        return self._keeps_in_function(function) or self._keeps_named(
            [needed[-1].arg], function.body
        )

    def _keeps_walk(self, attribute: ast.Attribute) -> bool:
        """Whether more is done with all modules or weights than to go through them."""
        call = self.source.parent(attribute)
        around = self.source.parent(call)
        if isinstance(around, ast.Call) and getattr(around.func, "id", "") in ("list", "enumerate"):
            around = self.source.parent(around)
        return not isinstance(around, (ast.For, ast.comprehension)) or self._keeps_each(around)

    def _keeps_each(self, loop: ast.For | ast.comprehension) -> bool:
        """Whether a loop keeps what it goes over, one by one."""
        body = loop.body if isinstance(loop, ast.For) else [self.source.parent(loop)]
        return self._keeps_named(_targets(loop.target), body)

    def _keeps_in_method(self, attribute: ast.Attribute) -> bool:
        """Whether a method of the object that is called keeps them; other attributes do not."""
        call = self.source.parent(attribute)
        is_called = isinstance(call, ast.Call) and call.func is attribute
        methods = list(self._methods(attribute.attr))
        if methods and is_called:
            return any(map(self._keeps_in_function, methods))
        if methods:
            return not self._is_applied(attribute, call)
        if not is_called:
            return False
        if attribute.attr in _IN_PLACE:
            return self._keeps_what_is_given_back(call)
        return not any(
            isinstance(each.node.ctx, ast.Store)
            for each in self.index.accesses(attribute.attr)
            if each.owner is not None and self.index.classes[each.owner] in self.relatives
        )

    def _keeps_what_is_given_back(self, call: ast.AST) -> bool:
        """Whether the object itself, which a method has given back, is kept."""
        parent = self.source.parent(call)
        if isinstance(parent, ast.Attribute) and parent.attr in _IN_PLACE:
            return self._keeps_what_is_given_back(self.source.parent(parent))
        return not isinstance(parent, ast.Expr)

    def _methods(self, name: str) -> Iterator[Function]:
        for each in self.relatives:
            for binding in each.scope.bindings.get(name, []):
                if isinstance(binding.node, FUNCTIONS):
                    yield binding.node

    def _keeps_in_function(self, function: Function) -> bool:
        if function not in self.methods:
            self.methods[function] = False  # as far as it calls itself
            self.methods[function] = any(map(self.keeps, function.body))
        return self.methods[function]


def _targets(target: ast.expr) -> list[str]:
    """The variables of a loop over modules, but for one that holds their names or numbers."""
    if isinstance(target, ast.Tuple):
        target = target.elts[-1]
    return [each.id for each in walk(target) if isinstance(each, ast.Name)]


def _all_run(statement: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a statement that may be run with it, or once a function in it is called."""
    pending: list[ast.AST] = [statement]
    while pending:
        node = pending.pop()
        yield node
        children = ast.iter_child_nodes(node)
        is_class = isinstance(node, ast.ClassDef)  # its methods have a self of their own
        pending += (each for each in children if not (is_class and isinstance(each, FUNCTIONS)))
