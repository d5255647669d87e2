"""What is done with a module by itself, wherever containers may take it.

The module and what it is in are told apart by levels: 0 is the module itself, 1 a list or an
nn.Sequential that holds it, 2 an nn.ModuleList of these, and so on.
"""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final

from ...reading.classes import Class, ClassIndex
from ...reading.flow import Flow, Reached, Search
from ...reading.parts import walk
from ...reading.scopes import COMPREHENSIONS, FUNCTIONS, assigned_value

_DEEPEST: Final = 4
_LOOPS: Final = (ast.For, ast.AsyncFor, ast.While, *COMPREHENSIONS)
_DISPLAYS: Final = (ast.List, ast.Tuple, ast.Set, ast.Dict)
_PUTTING: Final = frozenset(("append", "insert", "add", "add_module", "register_module"))
_SPREADING: Final = frozenset(("ModuleList", "list", "tuple", "extend", "OrderedDict", "chain"))
_PAIRING: Final = frozenset(("zip", "enumerate"))
_BY_LEVEL: Final = {"items": 1, "named_children": 1, "pop": -1, "get": -1, "next": -1}
_TAKING_APART: Final = frozenset(("get_submodule", "__getitem__"))
_HOOKS: Final = frozenset(("register_forward_hook", "register_forward_pre_hook"))
KEEPING: Final = frozenset(
    ("train", "eval", "requires_grad_", "to", "cpu", "cuda", "float", "double", "half")
)
"""The methods of a module that do to its parts what they do to it."""


class Holding:
    """What may be done with modules of one source."""

    def __init__(self, index: ClassIndex, flow: Flow) -> None:
        self.index = index
        self.source = index.source
        self.flow = flow

    def obstacle(
        self,
        start: ast.expr,
        known: Collection[ast.expr] = (),
        is_norm: bool = False,
        is_harmless: Callable[[ast.expr, ast.AST], bool] = lambda node, parent: False,
    ) -> ast.expr | None:
        """Where a module is used directly, or held twice.

        Args:
            start: what builds it, or a name for it.
            known: the uses of it, or of what holds it, that are known.
            is_norm: whether it is a norm, of which no attribute may be asked for.
            is_harmless: tells of an expression that seems to be it, and of what that stands in.
        """
        search = _Levels(self.flow, known)
        search.run(self._origins(start))
        puts: Counter[object] = Counter()
        for node, level in sorted(search.levels, key=self._order):
            is_taken = (node, level) in search.taken
            if level == 0 and is_harmless(node, self.source.parent(node)):
                continue
            if is_norm and level == 0 and self._is_kept(node):
                return node
            if self._is_used(node, level, is_taken or is_norm, is_norm):
                return node
            if self._is_put(node, level) and isinstance(node, (ast.Name, ast.Attribute)):
                puts[self._variable(node)] += 1
                if puts[self._variable(node)] > 1 or self._is_repeated(node):
                    return node
        return None

    def _order(self, item: tuple[ast.expr, int]) -> tuple[int, int]:
        return self.source.span(item[0]).start, item[1]

    def _origins(self, node: ast.expr) -> list[ast.expr]:
        """What builds the object that a name stands for, as far as that is one place."""
        if isinstance(node, ast.Name):
            known = self.source.scope(node).only_value(node.id)
            if known is not None:
                return self._origins(known[1])
        if isinstance(node, ast.Attribute):
            stores = (each.node for each in self.index.accesses(node.attr))
            values = [assigned_value(self.source.parent_of, each) for each in stores]
            return [node, *(each for each in values if each is not None)]
        return [node]

    def _is_kept(self, node: ast.expr) -> bool:
        """Whether an expression is an attribute, or is given to one."""
        parent = self.source.parent(node)
        targets = _targets(parent) if isinstance(parent, (ast.Assign, ast.AnnAssign)) else [node]
        return any(isinstance(each, ast.Attribute) for each in targets)

    def _is_used(self, node: ast.expr, level: int, asks: bool, is_norm: bool) -> bool:
        """Whether an expression for the module, or for what holds it, takes it by itself."""
        parent = self.source.parent(node)
        if level == 1 and isinstance(parent, ast.Attribute):
            return parent.attr in _TAKING_APART
        if level == 1 and isinstance(parent, ast.Subscript) and parent.value is node:
            is_load = isinstance(parent.ctx, ast.Load)
            is_key = isinstance(getattr(parent.slice, "value", None), str)  # of a dict
            return isinstance(parent.slice, ast.Slice) or not (is_load or is_key)
        if level == 1 and isinstance(parent, ast.Call) and node in parent.args:
            return _is_computed_access(parent)
        if level != 0:
            return False
        match parent:
            case ast.Call(func=function) if function is node:
                return True
            case ast.Attribute(attr=name):
                return name in _HOOKS or (asks and not (is_norm and name in KEEPING))
            case ast.Call(func=function, args=arguments) if node in arguments:
                name = getattr(function, "attr", getattr(function, "id", ""))
                return asks and name in ("isinstance", "type", "getattr", "setattr", "hasattr")
        return False

    def _is_put(self, node: ast.expr, level: int) -> bool:
        """Whether an expression puts the module, or all that holds it, somewhere."""
        parent = self.source.parent(node)
        if level == 1:
            match parent:
                case ast.Starred():
                    return True
                case ast.BinOp():
                    return not self._is_rebound(node, parent)
                case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                    return node in parent.args and name in _SPREADING
            return False
        if level != 0:
            return False
        if isinstance(parent, (ast.Call, ast.keyword)):
            is_init = isinstance(parent, ast.Call) and self._initialises(parent)
            return node is not getattr(parent, "func", None) and not is_init
        if isinstance(parent, (ast.Assign, ast.AnnAssign)):
            return not any(isinstance(each, ast.Name) for each in _targets(parent))
        return isinstance(parent, (*_DISPLAYS, *COMPREHENSIONS))

    def _is_rebound(self, node: ast.expr, whole: ast.BinOp) -> bool:
        """Whether a list is the same with more in it, as in ``layers = layers + [norm]``."""
        match self.source.parent(whole), node:
            case ast.Assign(targets=[ast.Name(id=target)]), ast.Name(id=name):
                return target == name
        return False

    def _initialises(self, call: ast.Call) -> bool:
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        return "init" in name.strip("_") or name in ("isinstance", "hasattr", "print", "len")

    def _variable(self, node: ast.Name | ast.Attribute) -> object:
        if isinstance(node, ast.Attribute):
            return node.attr
        found = self.source.scope(node).lookup(node.id)
        return node.id if found is None else (found[0], node.id)

    def _is_repeated(self, node: ast.Name | ast.Attribute) -> bool:
        """Whether a loop goes over an expression, but not over what gives it its value."""
        loop = None
        for each in self.source.ancestors(node):
            if isinstance(each, (*FUNCTIONS, ast.Lambda)):
                break
            if isinstance(each, _LOOPS) and not _is_first_iterated(each, node):
                loop = each
                break
        if loop is None:
            return False
        name = node.attr if isinstance(node, ast.Attribute) else node.id
        return not any(
            isinstance(each, type(node))
            and getattr(each, "attr", getattr(each, "id", "")) == name
            and isinstance(each.ctx, ast.Store)
            for each in walk(loop)
        )


class _Levels(Search):
    """Where a module may get to, with the number of containers around it.

    Attributes:
        known: the expressions that are not followed.
        levels: each expression, with the number of containers.
        taken: those that take it out of a container.
    """

    def __init__(self, flow: Flow, known: Collection[ast.expr]) -> None:
        super().__init__(flow)
        self.known = known
        self.levels: set[tuple[ast.expr, int]] = set()
        self.taken: set[tuple[ast.expr, int]] = set()
        self.level = 0
        self.is_taken = False
        self._is_of_self = False
        self._waiting: list[tuple[ast.expr, int, bool]] = []
        self._callers: dict[ast.AST, list[ast.expr]] = defaultdict(list)

    def run(self, start: Iterable[ast.expr]) -> Reached:
        """Follow the module from the expressions that give it."""
        self._reach(start)
        while self._waiting:
            expression, self.level, self.is_taken = self._waiting.pop()
            self._follow(expression, self.source.parent(expression))
        return self.found

    def _reach(self, expressions: Iterable[ast.expr]) -> None:
        for each in expressions:
            item = each, self.level
            if each in self.known or item in self.levels or not 0 <= self.level <= _DEEPEST:
                continue
            self.levels.add(item)
            if self.is_taken:
                self.taken.add(item)
            self._waiting.append((each, self.level, self.is_taken))

    def _at(self, change: int) -> _At:
        return _At(self, change)

    def _follow(self, node: ast.expr, parent: ast.AST) -> None:
        match parent:
            case ast.For(iter=iterated) | ast.comprehension(iter=iterated) if iterated is node:
                change = -1
            case ast.Subscript(value=value, slice=chosen) if value is node:
                change = 0 if isinstance(chosen, ast.Slice) else -1
            case ast.Tuple(elts=[_, named]) if named is node and self._is_name(parent.elts[0]):
                change = 0  # a name and a module: as good as the module
            case ast.List() | ast.Set() | ast.Tuple() | ast.Dict():
                change = 0 if isinstance(node, ast.Starred) else 1
            case _ if isinstance(parent, COMPREHENSIONS):
                change = 1
            case ast.Yield():
                change = 1
            case _:
                change = 0
        with self._at(change):
            super()._follow(node, parent)

    def _is_name(self, node: ast.expr) -> bool:
        """Whether an expression is a string, as far as is seen."""
        match node:
            case ast.Constant(value=value):
                return isinstance(value, str)
            case ast.Call(func=ast.Name(id="str") | ast.Attribute(attr="format")):
                return True
        return isinstance(node, (ast.JoinedStr, ast.BinOp))

    def _store(self, target: ast.expr) -> None:
        if isinstance(target, (ast.Tuple, ast.List)):
            for each in target.elts:
                with self._at(0 if isinstance(each, ast.Starred) else -1):
                    super()._store(each)
        elif isinstance(target, ast.Subscript):
            with self._at(1):
                super()._store(target)
        else:
            super()._store(target)

    def _pass(self, node: ast.expr, call: ast.Call, keyword: str | None = None) -> None:
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        is_whole = isinstance(node, ast.Starred) or name in ("extend", "update", "dict")
        is_one = not is_whole and not self._is_named(node, call)
        change = 0
        if name in _PUTTING or name in _PAIRING:
            change = 1
        elif name in ("__init__", "Sequential") and is_one:
            change = 1
        elif name in ("dict", "OrderedDict") and keyword is not None:
            change = 1
        elif name == "next":
            change = -1
        with self._at(change):
            super()._pass(node, call, keyword)
        if name == "add_module" and isinstance(call.func, ast.Attribute):
            self._store_named(call.args, call.func.value)

    def _is_named(self, node: ast.expr, call: ast.Call) -> bool:
        """Whether an argument of nn.Sequential may be a dict of what it holds."""
        name = getattr(node, "func", None)
        return (self.level > 0 and len(call.args) == 1) and (
            getattr(name, "id", getattr(name, "attr", "")) == "OrderedDict"
            or isinstance(node, (ast.Name, ast.Attribute))
        )

    def _given_by_method(self, attribute: ast.Attribute) -> Iterator[ast.expr]:
        with self._at(_BY_LEVEL.get(attribute.attr, 0)):
            self._reach(list(super()._given_by_method(attribute)))
        yield from ()

    def _store_in_self(self, instance: ast.expr) -> None:
        self._is_of_self = True  # the level is that of the object, and not of what it holds
        super()._store_in_self(instance)
        self._is_of_self = False

    def _children_of(self, each: Class) -> Iterator[ast.expr]:
        for listing in super()._children_of(each):
            function = getattr(listing, "func", None)
            name = getattr(function, "attr", getattr(function, "id", ""))
            change = {"named_children": 2, "getattr": 0, "get_submodule": 0}.get(name, 1)
            with self._at(change - self._is_of_self):
                self.is_taken = True
                self._reach([listing])
        yield from ()

    def _give_to_callers(self, function: ast.AST, values: list[ast.expr]) -> None:
        if function not in self._callers:
            known = Search(self.flow, {function}).run(values)
            for each in known.expressions:
                call = self.source.parent(each)
                if isinstance(call, ast.Call) and call.func is each:
                    self._callers[function].append(call)
        self._reach(self._callers[function])


class _At:
    """Another level, for as long as something is followed."""

    def __init__(self, search: _Levels, change: int) -> None:
        self.search = search
        self.change = change
        self.before = search.level, search.is_taken

    def __enter__(self) -> None:
        self.search.level += self.change
        is_taken = self.search.is_taken and self.change == 0
        self.search.is_taken = is_taken or self.change < 0

    def __exit__(self, *_: object) -> None:
        self.search.level, self.search.is_taken = self.before


def _is_computed_access(call: ast.Call) -> bool:
    """Whether a call such as ``getattr(layers, name)`` may take any of them."""
    match call:
        case ast.Call(func=ast.Name(id="getattr" | "setattr" | "delattr"), args=[_, name, *_]):
            return not isinstance(name, ast.Constant)
    return False


def _targets(statement: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return statement.targets if isinstance(statement, ast.Assign) else [statement.target]


def _is_first_iterated(loop: ast.AST, node: ast.AST) -> bool:
    """Whether a node is in what a loop goes over, which is evaluated once."""
    iterated = getattr(loop, "iter", None)
    if isinstance(loop, COMPREHENSIONS):
        iterated = loop.generators[0].iter
    return iterated is not None and any(each is node for each in walk(iterated))
