"""Asks the facts of small sources: what an expression may be, and who uses it."""

from __future__ import annotations

import ast
from contextlib import suppress
from textwrap import dedent

from gencode.facts.facts import Facts
from gencode.facts.heap import Use
from gencode.facts.project import Module, Project
from gencode.facts.values import (
    Bound,
    ClassValue,
    Constant,
    External,
    Function,
    Instance,
    ModuleValue,
    Object,
    Parameter,
    Partial,
    Size,
    Super,
    Tensor,
    Value,
)

IMPORTS = """
import collections, copy, functools, itertools, operator, types, weakref
import torch
import torch.nn.functional as F
from torch import nn
from elsewhere import unknown
"""


class Asked:
    """The facts of a source, by the text of its expressions."""

    def __init__(self, source: str, name: str = "", imports: str = IMPORTS, **files: str) -> None:
        self.tree = ast.parse(imports + dedent(source))
        named = {path.replace("__", "."): imports + dedent(text) for path, text in files.items()}
        found = {}
        for path, text in named.items():
            with suppress(SyntaxError):
                is_package = path.endswith("package") or any(
                    each.startswith(f"{path}.") for each in named
                )
                found[path] = Module(path, is_package, ast.parse(text))
        self.module = Module(name, False, self.tree)
        self.project = Project(lambda name, importer: found.get(name))
        self.facts = Facts([self.module], self.project)

    def node(self, text: str) -> ast.expr:
        """The last expression of a text."""
        found = [
            each
            for each in ast.walk(self.tree)
            if isinstance(each, ast.expr) and ast.unparse(each) == text
        ]
        assert found, text
        return max(found, key=lambda each: (each.lineno, each.col_offset))

    def values(self, text: str) -> set[str]:
        """What an expression may be."""
        return {described(each) for each in self.facts.values(self.node(text))}

    def used(self, text: str) -> list[Use]:
        """All uses of what an expression may be."""
        return [
            use for value in self.facts.values(self.node(text)) for use in self.facts.uses(value)
        ]

    def uses(self, text: str) -> set[str]:
        """The kinds of them, with the names."""
        return {f"{each.kind} {each.name}".strip() for each in self.used(text)}

    def escapes(self, text: str) -> bool:
        """Whether what an expression may be is handed to what is not known."""
        return any(each.kind == "escape" for each in self.used(text))

    def consumers(self, text: str) -> set[str]:
        """What the tensors that a module gives are given to; of an expression that makes it."""
        found: set[str] = set()
        for use in self.used(text):
            if use.kind == "call" and use.result is not None:
                found |= self._consumers(use.result, set())
        return found

    def _consumers(self, tensor: Value, seen: set[Value]) -> set[str]:
        found: set[str] = set()
        for use in self.facts.uses(tensor):
            if use.kind != "input":
                found.add(use.kind)
            elif use.by == self.any_of_several:
                if use.result is not None and use.result not in seen:
                    seen.add(use.result)
                    found |= self._consumers(use.result, seen)
            else:
                assert use.by is not None
                found.add(described(use.by))
        return found

    @property
    def any_of_several(self) -> Value:
        return self.facts._interpreter.external("any of several")


def described(value: Value) -> str:
    """A value in a few words."""
    match value:
        case Constant(value=constant):
            return repr(constant)
        case External(path=path):
            return path
        case Object(kind=kind):
            return "strange" if kind == "?" else kind.rpartition(".")[2]
        case Instance(cls=cls):
            return cls.name
        case ClassValue(cls=cls):
            return f"class {cls.name}"
        case ModuleValue(module=module):
            return f"module {module.name}"
        case Function(node=node):
            return f"function {getattr(node, 'name', 'lambda')}"
        case Bound(receiver=receiver, name=name):
            return f"{described(receiver)}.{name}"
        case Partial(function=function):
            return f"partial {described(function)}"
        case Super(receiver=receiver):
            return f"super {described(receiver)}"
        case Tensor(producer=producer):
            return f"tensor of {described(producer)}"
        case Size(of=of, dimension=dimension):
            return f"size {dimension} of {described(of)}"
        case Parameter(name=name):
            return f"parameter {name}"
    return "anything"
