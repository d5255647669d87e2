"""Who goes over the modules of another one, and so comes across one that is new."""

from __future__ import annotations

import ast
import re
from typing import Final

from .. import torch_api
from ..facts.facts import Facts
from ..facts.values import Bound, ClassValue, External, Value
from ..facts.values import Function as FunctionValue
from ..reading.source import Source
from .rule import Left

_CHILDREN: Final = ("children", "named_children", "_modules")
_DESCENDANTS: Final = ("modules", "named_modules")
_APPLY: Final = "apply"
_CLASSES_OF_NEW: Final = torch_api.ELEMENTWISE | torch_api.POOLINGS | {"torch.nn.Module"}
_BASES_OF_NEW: Final = re.compile(
    r"builtins|abc|typing|collections|torch\.nn\.modules\.(module|pooling|activation|dropout)"
)


class Walks:
    """The places of a source where all modules in another one are gone over.

    Args:
        source: the source.
        facts: what may happen in it.
    """

    def __init__(self, source: Source, facts: Facts) -> None:
        self._source = source
        self._facts = facts

    def check(self, owner: ast.ClassDef) -> None:
        """See that nobody comes across a new module of a class.

        Raises:
            Left: somebody may.
        """
        for use in self._facts.uses_of_instances(owner):
            if use.name.lstrip("*") in _CHILDREN:
                raise Left("the modules in it are gone over", use.node)
        for read in (each for name in _CHILDREN for each in self._facts.loose(name)):
            if not self._source.is_emitted(read):  # which looks at convolutions
                raise Left("the modules in it may be gone over", read)
        for node in self._source.nodes:
            if isinstance(node, ast.Attribute) and node.attr in (*_DESCENDANTS, _APPLY):
                if not self._is_of_package(node.value) and not self._is_by_class(node):
                    raise Left("the modules in it may be gone over", node)

    def _is_of_package(self, node: ast.expr) -> bool:
        """Whether something is a package, or a class."""
        values = self._facts.values(node)
        return bool(values) and all(isinstance(each, (External, ClassValue)) for each in values)

    def _is_by_class(self, node: ast.Attribute) -> bool:
        """Whether what goes over all modules does something with those of some classes only.

        Of the form ``for m in self.modules(): if isinstance(m, nn.Conv2d): ...``, or the same in a
        function that is applied.
        """
        call = self._source.parent(node)
        loop = self._source.parent(call)
        if node.attr == _APPLY and isinstance(call, ast.Call) and len(call.args) == 1:
            applied = self._facts.values(call.args[0])
            return bool(applied) and all(self._is_function_by_class(each) for each in applied)
        if not isinstance(loop, ast.For) or loop.iter is not call or loop.orelse:
            return False
        return self._are_by_class(loop.body, _names(loop.target))

    def _is_function_by_class(self, value: Value) -> bool:
        function = value.function if isinstance(value, Bound) else value
        if not isinstance(function, FunctionValue) or isinstance(function.node, ast.Lambda):
            return False
        return self._are_by_class(function.node.body, _names(function.node.args))

    def _are_by_class(self, statements: list[ast.stmt], names: set[str]) -> bool:
        """Whether statements do something only where a variable is an instance of some class."""
        return all(self._is_statement_by_class(each, names) for each in statements)

    def _is_statement_by_class(self, statement: ast.stmt, names: set[str]) -> bool:
        if isinstance(statement, ast.If):
            is_asked = self._names_classes(statement.test, names)
            return is_asked and self._are_by_class(statement.orelse, names)
        is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        return is_text or isinstance(statement, ast.Pass)

    def _names_classes(self, test: ast.expr, names: set[str]) -> bool:
        """Whether a condition asks a variable for classes that no new module is of."""
        if isinstance(test, ast.BoolOp):
            enough = any if isinstance(test.op, ast.And) else all
            return enough(self._names_classes(each, names) for each in test.values)
        match test:
            case ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name(id=name), classes]) if (
                name in names
            ):
                each = classes.elts if isinstance(classes, ast.Tuple) else [classes]
                return all(self._has_weights(one) for one in each)
        return False

    def _has_weights(self, node: ast.expr) -> bool:
        values = self._facts.values(node)
        return bool(values) and all(
            isinstance(each, ClassValue)
            or (isinstance(each, External) and not _may_be_new(each.path))
            for each in values
        )


def _may_be_new(path: str) -> bool:
    """Whether new modules may be instances of a class."""
    return path in _CLASSES_OF_NEW or _BASES_OF_NEW.match(path) is not None


def _names(node: ast.AST) -> set[str]:
    """The variables that a target, or the parameters of a function, are."""
    return {
        str(getattr(each, "id", getattr(each, "arg", "")))
        for each in ast.walk(node)
        if isinstance(each, (ast.Name, ast.arg))
    }
