"""Which names a source binds, in which scope, and to what."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal, TypeAlias

from .parts import parts

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_Comprehension: TypeAlias = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_WITH_SCOPE: Final = frozenset((*FUNCTIONS, ast.Lambda, ast.ClassDef, *COMPREHENSIONS))
_BINDING: Final = frozenset(
    (
        *(ast.Name, ast.Import, ast.ImportFrom, ast.ClassDef, *FUNCTIONS, ast.ExceptHandler),
        *(ast.MatchAs, ast.MatchStar, ast.MatchMapping),
    )
)

BindingKind = Literal["import", "assign", "parameter", "class", "function", "other"]


@dataclass(frozen=True)
class Binding:
    """One place that binds a name.

    Attributes:
        kind: how it is bound; ``"other"`` is a loop target, ``with``, ``except``, ``del``, ...
        node: the statement, definition, parameter or target that binds it.
        path: the dotted path of an import; relative ones begin with a dot.
        value: the expression assigned, for ``"assign"``; the default, for a ``"parameter"``.
    """

    kind: BindingKind
    node: ast.AST
    path: str = ""
    value: ast.expr | None = None


@dataclass(eq=False)
class Scope:
    """A module, class, function, lambda or comprehension, and the names that it binds."""

    node: ast.AST
    parent: Scope | None = None
    bindings: dict[str, list[Binding]] = field(default_factory=dict)
    star_imports: list[Binding] = field(default_factory=list)
    globals: set[str] = field(default_factory=set)
    nonlocals: set[str] = field(default_factory=set)  # of the whole source, in its module's scope

    def bind(self, name: str, binding: Binding) -> None:
        """Note that ``name`` is bound here, or in the module where ``global`` says so."""
        scope = self.module if name in self.globals else self
        scope.bindings.setdefault(name, []).append(binding)

    def lookup(self, name: str) -> tuple[Scope, list[Binding]] | None:
        """The scope that a use of ``name`` here refers to, and all its bindings there."""
        for scope in self.visible():
            where = self.module if name in scope.globals else scope
            if bindings := where.bindings.get(name):
                return where, bindings
        return None

    @cached_property
    def by_path(self) -> Mapping[str, list[str]]:
        """The names that imports bind here, by the dotted path of what they bring."""
        found: dict[str, list[str]] = {}
        for name, bindings in self.bindings.items():
            for path in {each.path for each in bindings}:
                found.setdefault(path, []).append(name)
        return found

    def only_value(self, name: str) -> tuple[Scope, ast.expr] | None:
        """Where ``name`` is bound and to what, if one assignment is all that ever binds it."""
        found = self.lookup(name)
        if found is None or name in self.module.nonlocals:
            return None
        scope, bindings = found
        if len(bindings) != 1 or bindings[0].kind != "assign" or bindings[0].value is None:
            return None
        return scope, bindings[0].value

    def visible(self) -> Iterator[Scope]:
        """This scope and those around it; classes are seen only from directly inside."""
        yield self
        outer = self.parent
        while outer is not None:
            if not isinstance(outer.node, ast.ClassDef):
                yield outer
            outer = outer.parent

    @property
    def module(self) -> Scope:
        """The module's scope."""
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope


class Tree:
    """Where each node of a tree stands, and the scope that it is evaluated in.

    It is gone through without recursion: sources are nested more deeply than calls may be.

    Attributes:
        nodes: all statements and expressions, and most else, in the order of the text or nearly so.
        scope_of: the scope that each of them is evaluated in.
        parent_of: what each of them, and all else, stands in.
    """

    def __init__(self, tree: ast.Module) -> None:
        self._scope = Scope(tree)
        self._pending: list[ast.AST] = []
        self.nodes: list[ast.AST] = [tree]
        self.scope_of: dict[ast.AST, Scope] = {tree: self._scope}
        self.parent_of: dict[ast.AST, ast.AST] = {}
        self._later(tree.body, tree, self._scope)
        while self._pending:
            node = self._pending.pop()
            self.nodes.append(node)
            self._scope = self.scope_of[node]
            if type(node) in _BINDING:
                self._bind(node)
            if type(node) in _WITH_SCOPE:
                self._visit_scope(node)
            else:
                self._later(parts(node), node, self._scope)

    def _later(self, nodes: Sequence[ast.AST], parent: ast.AST, scope: Scope) -> None:
        """Have some nodes visited next, in their order, in a scope."""
        for node in nodes:
            self.parent_of[node] = parent
            self.scope_of[node] = scope
        self._pending += reversed(nodes)

    def _visit_scope(self, node: ast.AST) -> None:
        if isinstance(node, ast.ClassDef):
            self._visit_body(Scope(node, self._scope), node)
            self._later([*node.decorator_list, *node.bases, *node.keywords], node, self._scope)
        elif isinstance(node, COMPREHENSIONS):
            self._visit_comprehension(node)
        else:
            assert isinstance(node, (*FUNCTIONS, ast.Lambda))
            self._visit_function(node)

    def _visit_body(self, scope: Scope, node: Function | ast.ClassDef) -> None:
        type_parameters: list[ast.AST] = getattr(node, "type_params", [])  # from Python 3.12
        scope.bindings |= {
            str(getattr(each, "name", "")): [Binding("other", each)] for each in type_parameters
        }
        self._later(type_parameters, node, self._scope)
        for statement in statements_of_scope(node.body):
            if isinstance(statement, ast.Global):
                scope.globals.update(statement.names)
            elif isinstance(statement, ast.Nonlocal):
                scope.module.nonlocals.update(statement.names)
        self._later(node.body, node, scope)

    def _visit_function(self, node: Function | ast.Lambda) -> None:
        arguments = node.args
        scope = Scope(node, self._scope)
        parameters = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        parameters += [each for each in (arguments.vararg, arguments.kwarg) if each is not None]
        defaults = _defaults(arguments)
        self.parent_of[arguments] = node
        for parameter in parameters:
            self.parent_of[parameter] = arguments
            default = defaults.get(parameter.arg)
            scope.bind(parameter.arg, Binding("parameter", parameter, value=default))
        outside: list[ast.AST] = [*arguments.defaults]
        outside += [default for default in arguments.kw_defaults if default is not None]
        outside += [each.annotation for each in parameters if each.annotation is not None]
        if isinstance(node, ast.Lambda):
            self._later([node.body], node, scope)
        else:
            outside += node.decorator_list
            outside += [node.returns] if node.returns is not None else []
            self._visit_body(scope, node)
        self._later(outside, arguments, self._scope)

    def _visit_comprehension(self, node: _Comprehension) -> None:
        scope = Scope(node, self._scope)
        self._later(
            [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt], node, scope
        )
        for generator in reversed(node.generators):
            self.parent_of[generator] = node
            first = generator is node.generators[0]
            self._later([generator.target, *generator.ifs], generator, scope)
            self._later([generator.iter], generator, self._scope if first else scope)

    def _bind(self, node: ast.AST) -> None:
        bind = self._scope.bind
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            if not _is_bare_annotation(self.parent_of[node]):
                self._bind_target(node)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                path = alias.name if alias.asname else alias.name.partition(".")[0]
                bind(alias.asname or path, Binding("import", node, path))
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                if alias.name == "*":
                    self._scope.star_imports.append(Binding("import", node, module))
                else:
                    path = f"{module}.{alias.name}" if node.module else f"{module}{alias.name}"
                    bind(alias.asname or alias.name, Binding("import", node, path))
        elif isinstance(node, ast.ClassDef):
            bind(node.name, Binding("class", node))
        elif isinstance(node, FUNCTIONS):
            bind(node.name, Binding("function", node))
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            bind(node.name, Binding("other", node))
        elif isinstance(node, ast.MatchMapping) and node.rest:
            bind(node.rest, Binding("other", node))

    def _bind_target(self, target: ast.Name) -> None:
        scope = self._scope
        if isinstance(self.parent_of[target], ast.NamedExpr):
            while isinstance(scope.node, COMPREHENSIONS) and scope.parent is not None:
                scope = scope.parent
        value = assigned_value(self.parent_of, target)
        kind: BindingKind = "other" if value is None else "assign"
        scope.bind(target.id, Binding(kind, target, value=value))


def assigned_value(parent_of: Mapping[ast.AST, ast.AST], target: ast.expr) -> ast.expr | None:
    """What a target is given by an assignment, alone or as one of as many; else None."""
    parent = parent_of[target]
    if isinstance(parent, (ast.Assign, ast.AnnAssign, ast.NamedExpr)):
        return parent.value
    assignment = parent_of.get(parent)
    if not (isinstance(parent, ast.Tuple) and isinstance(assignment, ast.Assign)):
        return None
    if not isinstance(assignment.value, ast.Tuple):
        return None
    targets, values = parent.elts, assignment.value.elts
    starred = any(isinstance(each, ast.Starred) for each in (*targets, *values))
    if starred or len(targets) != len(values):
        return None
    return values[targets.index(target)]


def _defaults(arguments: ast.arguments) -> dict[str, ast.expr]:
    positional = [*arguments.posonlyargs, *arguments.args]
    with_default = positional[len(positional) - len(arguments.defaults) :]
    defaults = {
        each.arg: default for each, default in zip(with_default, arguments.defaults, strict=True)
    }
    for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if default is not None:
            defaults[each.arg] = default
    return defaults


def _is_bare_annotation(node: ast.AST) -> bool:
    return isinstance(node, ast.AnnAssign) and node.value is None


def statements_of_scope(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """The statements of a body, nested ones included, but for those of scopes inside."""
    pending: list[ast.AST] = [*body]
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            children = ast.iter_child_nodes(node)
            blocks = (ast.stmt, ast.ExceptHandler, ast.match_case)
            pending += [child for child in children if isinstance(child, blocks)]
