"""The classes of a source: who inherits from whom, and who uses which attribute how."""

from __future__ import annotations

import ast
import re
from collections.abc import Hashable, Iterator, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from .kept import kept
from .mentions import Mentions, is_anything
from .names import meaning
from .parts import walk
from .scopes import FUNCTIONS, Scope, statements_of_scope
from .source import Source

# Bases from outside the source that reach for no attribute by the name that a subclass gives it.
NEUTRAL_BASES = frozenset(
    (
        *("torch.nn.Module", "torch.nn.modules.Module", "torch.nn.modules.module.Module"),
        *("torch.jit.ScriptModule", "abc.ABC", "typing.Generic", "typing.Protocol"),
        *("lightning.LightningModule", "lightning.pytorch.LightningModule"),
        *("pytorch_lightning.LightningModule", "pytorch_lightning.core.LightningModule"),
        "pytorch_lightning.core.lightning.LightningModule",
        "pytorch_lightning.core.module.LightningModule",
        *("huggingface_hub.PyTorchModelHubMixin", "transformers.PreTrainedModel"),
    )
)
_MODULE_WALKS = frozenset(("children", "named_children", "_modules", "get_submodule"))
REPARAMETRISING = re.compile(
    r"torch\.nn\.utils\.("
    r"parametrize\.(register_parametrization|transfer_parametrizations_and_params)"
    r"|parametrizations\.\w+|prune\.(?!remove$|is_pruned$)\w+|(.*\.)?(weight|spectral)_norm)"
)
"""What gives a weight another parametrization."""
_CODE_RUNNERS = frozenset(("eval", "exec"))


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
        scope: that of its body.
        bases: those of its bases that the source defines.
        outer_bases: its other bases, as the source spells them, unless known to be neutral.
        is_unclear: whether some base is neither a class of the source nor imported, so that any
            class of the source may be behind it.
        names: what its body binds or annotates.
        walks: expressions by which its methods go through its modules or attributes one by one,
            or reach one by a wholly computed name.
    """

    node: ast.ClassDef
    scope: Scope
    bases: list[Class] = field(default_factory=list)
    outer_bases: list[str] = field(default_factory=list)
    is_unclear: bool = False
    derived: list[Class] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
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
    """All classes of a source and all attribute accesses in it.

    Attributes:
        source: the source.
        mentions: its strings.
        classes: by their definitions.
        by_attribute: the accesses to each attribute.
        foreign_walks: what goes through the modules or attributes of any object.
        code_runners: calls of eval and exec.
        kept: answers; see ``kept.kept``.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.mentions = Mentions(source)
        self.classes: dict[ast.ClassDef, Class] = {}
        self.by_attribute: dict[str, list[Access]] = {}
        self.foreign_walks: list[ast.AST] = []
        self.code_runners: list[ast.AST] = []
        self.kept: dict[Hashable, Any] = {}
        self._storing: dict[str, Set[ast.ClassDef]] = {}
        for node in source.nodes:
            if isinstance(node, ast.ClassDef):
                scope = source.scope(node.body[0])
                names = {*scope.bindings, *_annotated_in_body(node)}
                self.classes[node] = Class(node, scope, names=names)
        for each in self.classes.values():
            self._add_bases(each)
        for node in source.nodes:
            if isinstance(node, ast.Attribute):
                self._add_access(node)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                self._add_call(node, node.func)
        for instance, name, call in self.mentions.accesses:
            owner = self.self_class(instance)
            if owner is not None and is_anything(name):
                self.classes[owner].walks.append(call)

    def accesses(self, name: str) -> list[Access]:
        """The accesses to the attribute of a name, of whatever object."""
        return self.by_attribute.get(name, [])

    def storing(self, name: str) -> Set[ast.ClassDef]:
        """The classes that assign or delete the attribute of a name of their own."""
        if name not in self._storing:
            stores = (
                each for each in self.accesses(name) if not isinstance(each.node.ctx, ast.Load)
            )
            owners = {each.owner for each in stores if each.owner is not None}
            self._storing[name] = owners
        return self._storing[name]

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
        owner = self.source.scope(function).node
        if not isinstance(owner, ast.ClassDef) or _is_static(function):
            return None
        positional = [*function.args.posonlyargs, *function.args.args]
        return owner if positional and positional[0] is found[1][0].node else None

    @cached_property
    def names(self) -> dict[str, list[ast.Name]]:
        """The names that are read, by what they are."""
        found: dict[str, list[ast.Name]] = {}
        for node in self.source.nodes:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                found.setdefault(node.id, []).append(node)
        return found

    @cached_property
    def reparametrisations(self) -> list[ast.Call]:
        """Calls such as ``spectral_norm(m)`` of a module that may be any, as far as names tell."""
        return [
            node
            for node in self.source.nodes
            if isinstance(node, ast.Call)
            and node.args
            and isinstance(node.args[0], ast.Name)
            and REPARAMETRISING.fullmatch(meaning(self.source, node.func).path)
            and self._may_be_any(node.args[0])
        ]

    def _may_be_any(self, name: ast.Name) -> bool:
        """Whether a name is not just assigned to, but a parameter, a loop's or unknown."""
        found = self.source.scope(name).lookup(name.id)
        return found is None or any(each.kind != "assign" for each in found[1])

    def _add_bases(self, each: Class) -> None:
        for expression in each.node.bases:
            base = expression.value if isinstance(expression, ast.Subscript) else expression
            found = meaning(self.source, base)
            if found.kind == "class" and isinstance(found.node, ast.ClassDef):
                self._link(each, self.classes[found.node])
            elif found.path not in NEUTRAL_BASES and self.source.code(base) != "object":
                each.outer_bases.append(self.source.code(base))
                if found.kind != "import":
                    each.is_unclear = True
                    self._link_mentioned(each, base)

    def _link_mentioned(self, each: Class, expression: ast.expr) -> None:
        """Take every class whose name stands in an expression for a base."""
        names = {node.id for node in walk(expression) if isinstance(node, ast.Name)}
        names |= {node.attr for node in walk(expression) if isinstance(node, ast.Attribute)}
        for other in self.classes.values():
            if other.node.name in names and other not in each.descendants():
                self._link(each, other)

    @staticmethod
    def _link(each: Class, base: Class) -> None:
        each.bases.append(base)
        base.derived.append(each)

    def _add_access(self, node: ast.Attribute) -> None:
        owner = self.self_class(node.value)
        if owner is None and meaning(self.source, node.value).kind == "import":
            return  # such as F.conv2d
        self.by_attribute.setdefault(node.attr, []).append(Access(node, owner))
        if node.attr in _MODULE_WALKS or (node.attr == "__dict__" and owner is not None):
            self._add_walk(node, owner)

    def _add_walk(self, node: ast.AST, owner: ast.ClassDef | None) -> None:
        (self.classes[owner].walks if owner is not None else self.foreign_walks).append(node)

    def _add_call(self, call: ast.Call, function: ast.Name) -> None:
        if function.id in _CODE_RUNNERS and self.source.scope(call).lookup(function.id) is None:
            self.code_runners.append(call)
        elif function.id in ("vars", "dir") and call.args:
            owner = self.self_class(call.args[0])
            if owner is not None:
                self._add_walk(call, owner)


@kept
def classes_of(source: Source) -> ClassIndex:
    """The classes of a source, indexed once for all rules."""
    return ClassIndex(source)


def _annotated_in_body(node: ast.ClassDef) -> Iterator[str]:
    for statement in statements_of_scope(node.body):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            yield statement.target.id


def _is_static(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(
        isinstance(each, ast.Name) and each.id in ("staticmethod", "classmethod")
        for each in function.decorator_list
    )
