"""The classes of a source: who inherits from whom, and who uses which attribute how."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from .names import meaning
from .scopes import FUNCTIONS
from .source import Source

# Bases from outside the source that reach for no attribute by the name that a subclass gives it.
_NEUTRAL_BASES = frozenset(
    (
        *("torch.nn.Module", "torch.nn.modules.Module", "torch.nn.modules.module.Module"),
        *("torch.jit.ScriptModule", "abc.ABC", "typing.Generic", "typing.Protocol"),
        *("lightning.LightningModule", "lightning.pytorch.LightningModule"),
        *("pytorch_lightning.LightningModule", "pytorch_lightning.core.LightningModule"),
        *("huggingface_hub.PyTorchModelHubMixin", "transformers.PreTrainedModel"),
    )
)
_MODULE_WALKS = frozenset(("children", "named_children", "_modules", "__dict__", "get_submodule"))
_ACCESS_BY_NAME = frozenset(("getattr", "setattr", "hasattr", "delattr"))
_REGISTERING_METHODS = frozenset(
    ("add_module", "register_module", "register_buffer", "register_parameter")
)
_ANYTHING = ".*"
_PERCENT_FIELD = re.compile(r"%[-#0 +]*\d*(?:\.\d+)?[a-zA-Z]")
_BRACE_FIELD = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True)
class Access:
    """One ``object.attribute`` in the source.

    Attributes:
        node: the expression.
        owner: the class whose ``self`` the object is; None where it is any other object.
    """

    node: ast.Attribute
    owner: ast.ClassDef | None


@dataclass(eq=False)
class Class:
    """A class of the source.

    Attributes:
        node: its definition.
        bases: those of its bases that the source defines.
        outer_bases: its other bases, as the source spells them, unless known to be neutral.
        names: what its body binds or annotates.
        patterns: what names its methods may give to ``getattr``, ``setattr`` and the like on
            ``self``, each with the expression.
        walks: expressions by which its methods go through its modules or attributes one by one.
    """

    node: ast.ClassDef
    bases: list[Class] = field(default_factory=list)
    outer_bases: list[str] = field(default_factory=list)
    derived: list[Class] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    patterns: list[tuple[re.Pattern[str], ast.AST]] = field(default_factory=list)
    walks: list[ast.AST] = field(default_factory=list)

    def ancestors(self) -> Iterator[Class]:
        """The classes of the source that this one inherits from, itself first."""
        yield self
        for base in self.bases:
            yield from base.ancestors()

    def descendants(self) -> Iterator[Class]:
        """The classes of the source that inherit from this one, itself first."""
        yield self
        for each in self.derived:
            yield from each.descendants()

    def relatives(self) -> list[Class]:
        """All classes whose methods can meet an instance of this one or of a descendant."""
        found = {each: None for below in self.descendants() for each in below.ancestors()}
        return list(found)


class ClassIndex:
    """All classes of a source and all attribute accesses in it."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.classes: dict[ast.ClassDef, Class] = {}
        self.accesses: dict[str, list[Access]] = defaultdict(list)
        self.foreign_patterns: list[tuple[re.Pattern[str], ast.AST]] = []
        self.foreign_walks: list[ast.AST] = []
        self.has_computed_access = False
        for node in source.nodes:
            if isinstance(node, ast.ClassDef):
                self.classes[node] = Class(node, names=set(_names_in_body(node)))
        for each in self.classes.values():
            self._add_bases(each)
        for node in source.nodes:
            if isinstance(node, ast.Attribute):
                self._add_access(node)
            elif isinstance(node, ast.Call):
                self._add_access_by_name(node)

    def self_class(self, expression: ast.expr) -> ast.ClassDef | None:
        """The class whose instance a name is, being the first parameter of one of its methods."""
        if not isinstance(expression, ast.Name):
            return None
        found = self.source.scope(expression).lookup(expression.id)
        if found is None or len(found[1]) != 1 or found[1][0].kind != "parameter":
            return None
        function = found[0].node
        if not isinstance(function, FUNCTIONS):
            return None
        owner = self.source.parent(function)
        if not isinstance(owner, ast.ClassDef) or _is_static(function):
            return None
        positional = [*function.args.posonlyargs, *function.args.args]
        return owner if positional and positional[0] is found[1][0].node else None

    def matching_patterns(self, name: str, classes: list[Class]) -> Iterator[ast.AST]:
        """Where an attribute of this name may be reached by a computed or quoted name."""
        known = [pattern for each in classes for pattern in each.patterns]
        for pattern, node in (*known, *self.foreign_patterns):
            if pattern.fullmatch(name):
                yield node

    @cached_property
    def strings(self) -> dict[str, list[ast.Constant]]:
        """The parts, between dots, of all strings that may name attributes."""
        found: dict[str, list[ast.Constant]] = defaultdict(list)
        for node in self.source.nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if re.fullmatch(r"[\w.]+", node.value) and not self._is_mere_text(node):
                    for part in node.value.split("."):
                        found[part].append(node)
        return found

    def _is_mere_text(self, node: ast.Constant) -> bool:
        """Whether a string is a docstring, is printed, or is a key where no key names a module."""
        parent = self.source.parent(node)
        if isinstance(parent, ast.Expr):
            return True
        if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name):
            return parent.func.id == "print"
        is_key = isinstance(parent, ast.Subscript) or (
            isinstance(parent, ast.Dict) and any(key is node for key in parent.keys)
        )
        return is_key and "." not in str(node.value) and not self._keys_may_name_modules

    @cached_property
    def _keys_may_name_modules(self) -> bool:
        return self.has_computed_access or "named_modules" in self.accesses

    def _add_bases(self, each: Class) -> None:
        for expression in each.node.bases:
            base = expression.value if isinstance(expression, ast.Subscript) else expression
            found = meaning(self.source, base)
            if found.kind == "class" and isinstance(found.node, ast.ClassDef):
                local = self.classes[found.node]
                each.bases.append(local)
                local.derived.append(each)
            elif found.path not in _NEUTRAL_BASES and self.source.code(base) != "object":
                each.outer_bases.append(self.source.code(base))

    def _add_access(self, node: ast.Attribute) -> None:
        owner = self.self_class(node.value)
        if owner is None and meaning(self.source, node.value).kind == "import":
            return  # something of a module, such as F.conv2d
        self.accesses[node.attr].append(Access(node, owner))
        if node.attr in _MODULE_WALKS:
            self._add_walk(node, owner)

    def _add_walk(self, node: ast.AST, owner: ast.ClassDef | None) -> None:
        (self.classes[owner].walks if owner is not None else self.foreign_walks).append(node)

    def _add_access_by_name(self, call: ast.Call) -> None:
        function = call.func
        if isinstance(function, ast.Name) and function.id in _ACCESS_BY_NAME:
            if len(call.args) > 1:
                self._add_pattern(call.args[0], call.args[1], call)
        elif isinstance(function, ast.Name) and function.id in ("vars", "dir") and call.args:
            self._add_walk(call, self.self_class(call.args[0]))
        elif isinstance(function, ast.Attribute) and function.attr in _REGISTERING_METHODS:
            if call.args:
                self._add_pattern(function.value, call.args[0], call)

    def _add_pattern(self, instance: ast.expr, name: ast.expr, call: ast.Call) -> None:
        owner, pattern = self.self_class(instance), _pattern_of(name)
        self.has_computed_access |= pattern.pattern == _ANYTHING
        if owner is not None:
            self.classes[owner].patterns.append((pattern, call))
        elif pattern.pattern != _ANYTHING:  # elsewhere, a wholly computed name tells nothing
            self.foreign_patterns.append((pattern, call))


def _names_in_body(node: ast.ClassDef) -> Iterator[str]:
    for statement in node.body:
        if isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
            yield statement.name
        elif isinstance(statement, (ast.Assign, ast.AnnAssign, ast.If, ast.For, ast.With)):
            for each in ast.walk(statement):
                if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
                    yield each.id


def _is_static(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(
        isinstance(each, ast.Name) and each.id in ("staticmethod", "classmethod")
        for each in function.decorator_list
    )


def _pattern_of(name: ast.expr) -> re.Pattern[str]:
    return re.compile(_expression_for(name), re.DOTALL)


def _expression_for(name: ast.expr) -> str:
    """A regular expression that matches every string that ``name`` may evaluate to."""
    match name:
        case ast.Constant():
            return re.escape(str(name.value))
        case ast.JoinedStr(values=parts):
            return "".join(map(_expression_for, parts))
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _expression_for(left) + _expression_for(right)
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod()):
            return _between(_PERCENT_FIELD, text)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")):
            return _between(_BRACE_FIELD, text)
    return _ANYTHING


def _between(fields: re.Pattern[str], text: str) -> str:
    return _ANYTHING.join(map(re.escape, fields.split(text)))
