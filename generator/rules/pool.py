"""Functional poolings: as modules, which PLiNIO takes.

Before::

    def __init__(self):
        ...

    def forward(self, x):
        x = F.avg_pool2d(x, 4)

After::

    def __init__(self):
        ...
        self.avg_pool2d = nn.AvgPool2d(4)

    def forward(self, x):
        x = self.avg_pool2d(x)

PLiNIO (commit 3d6b5e0) refuses functional poolings as unsupported nodes. A pooling has no weights,
and so no key in a state dict. Its arguments must be literals: they are given once.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Final

from ..facts.values import External
from ..reading.naming import fresh
from ..reading.places import insert_after
from ..reading.scopes import FUNCTIONS, Function
from ..reading.source import Source
from ..rewriting.edits import TextEdit
from .rule import Asking, Rewrite

CODE: Final = "pool"
_PARAMETERS: Final = {
    "avg_pool": ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"),
    "max_pool": ("kernel_size", "stride", "padding", "dilation", "ceil_mode"),
    "adaptive_avg_pool": ("output_size",),
    "adaptive_max_pool": ("output_size",),
}
"""The parameters behind the input: the functions and the classes have the same ones, but that in
the classes of max_pool ``return_indices`` stands before ``ceil_mode`` (torch 2.13)."""
_CLASSES: Final = {
    "avg_pool": "AvgPool",
    "max_pool": "MaxPool",
    "adaptive_avg_pool": "AdaptiveAvgPool",
    "adaptive_max_pool": "AdaptiveMaxPool",
}


def may_apply(text: str) -> bool:
    """Whether a text speaks of a functional pooling."""
    return "_pool1d(" in text or "_pool2d(" in text


def sites(source: Source) -> Iterator[ast.Call]:
    """The calls of what is named as a pooling in one or two dimensions."""
    for node in source.nodes:
        if isinstance(node, ast.Call) and node.args:
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name[:-2] in _PARAMETERS and name[-2:] in ("1d", "2d"):
                yield node


def rewrites(asking: Asking, sites: Iterable[ast.Call]) -> Iterator[Rewrite]:
    """A module for each pooling whose arguments are literals; equal ones of a class share one."""
    named: dict[tuple[ast.ClassDef, str], str] = {}
    for call in sites:
        path = _path(asking, call)
        if path is not None:
            yield _Pooling(asking, call, path.rpartition(".")[2]).rewrite(named)


def _path(asking: Asking, call: ast.Call) -> str | None:
    """The function of torch that is called, if it surely is one."""
    callees = asking.facts.values(call.func)
    paths = {each.path for each in callees if isinstance(each, External)}
    if len(callees) != 1 or len(paths) != 1:
        return None
    path = paths.pop()
    return path if path.rpartition(".")[0] in ("torch", "torch.nn.functional") else None


class _Left(Exception):
    """A pooling stays, for a stated reason."""


class _Pooling:
    """One functional pooling."""

    def __init__(self, asking: Asking, call: ast.Call, function: str) -> None:
        self.asking = asking
        self.source = asking.source
        self.call = call
        self.function = function

    def rewrite(self, named: dict[tuple[ast.ClassDef, str], str]) -> Rewrite:
        """What is to be done with it; ``named`` are the modules that classes are given."""
        shown = self.source.shown(self.call)
        skip = self.asking.directives.skip(self.call) or self.asking.directives.forbids(self.call)
        if skip is not None:
            return Rewrite(self.asking.finding(CODE, self.call, "skipped", f"{shown}: {skip}"))
        try:
            return self._rewritten(named, shown)
        except _Left as reason:
            message = f"{shown}: {reason}"
            return Rewrite(self.asking.finding(CODE, self.call, "left", message))

    def _rewritten(self, named: dict[tuple[ast.ClassDef, str], str], shown: str) -> Rewrite:
        arguments = self._arguments()
        owner, method, constructor = self._place()
        spelled = self.asking.spelled(self._class(), self.call)
        if spelled is None:
            raise _Left("torch has no name here")
        if self.asking.has_comment_outside(self.call, self.call.args[0]):
            raise _Left("a comment in it would be lost")
        (name, imports), render = spelled, self.asking.templates.render
        key = owner, f"{name}({', '.join(arguments)})"
        is_new = key not in named
        attribute = named.setdefault(key, fresh(self.function, self._taken(named)))
        definition = {
            "attribute": f"{_self(constructor)}.{attribute}",
            "constructor": name,
            "arguments": arguments,
        }
        applied = f"{_self(method)}.{attribute}"

        def emit(code: str) -> str:
            return render("pool.py.jinja", "call", {"attribute": applied, "x": code})

        code = render("pool.py.jinja", "definition", definition)
        replaced = TextEdit(self.call, self.call.args[0], emit)
        defined = insert_after(self.source, constructor.body[-1], code)
        finding = self.asking.finding(CODE, self.call, "rewritten", f"{shown} -> {applied}(...)")
        return Rewrite(finding, (replaced, defined) if is_new else (replaced,), imports)

    def _class(self) -> str:
        return f"torch.nn.{_CLASSES[self.function[:-2]]}{self.function[-2:]}"

    def _arguments(self) -> list[str]:
        """What the class is given.

        Raises:
            _Left: that is not known where it is constructed.
        """
        names = _PARAMETERS[self.function[:-2]]
        given: list[tuple[str, ast.expr]] = []
        if len(self.call.args) > len(names) + 1:
            raise _Left("it has an argument that the module has not")
        for name, value in zip(names, self.call.args[1:], strict=False):
            given.append((name, value))
        for keyword in self.call.keywords:
            if keyword.arg not in names:
                raise _Left(f"the module has no {keyword.arg or 'unpacked arguments'}")
            given.append((keyword.arg, keyword.value))
        found = []
        for place, (name, value) in enumerate(given):
            try:
                ast.literal_eval(value)
            except ValueError:
                raise _Left(f"{name} is not a literal") from None
            is_named = place >= len(self.call.args) - 1 or name == "ceil_mode"
            found.append(
                f"{name}={self.source.code(value)}" if is_named else self.source.code(value)
            )
        return found

    def _place(self) -> tuple[ast.ClassDef, Function, Function]:
        """The class and the method that it stands in, and the constructor of the class.

        Raises:
            _Left: there is no place for the module, or somebody would notice it.
        """
        method = self.source.parent(self.source.statement(self.call))
        while isinstance(method, ast.stmt) and not isinstance(method, (*FUNCTIONS, ast.ClassDef)):
            method = self.source.parent(method)
        owner = self.source.parent(method) if isinstance(method, FUNCTIONS) else None
        if not isinstance(method, FUNCTIONS) or not isinstance(owner, ast.ClassDef):
            raise _Left("it stands in no method of a module")
        if not _self(method) or self.source.scope(self.call) is not self.source.scope(
            method.body[0]
        ):
            raise _Left("it stands in no method of a module")
        constructor = next(
            (
                each
                for each in owner.body
                if isinstance(each, FUNCTIONS) and each.name == "__init__"
            ),
            None,
        )
        if constructor is None or constructor is method:
            raise _Left("the class has no constructor of its own")
        self._check_constructor(owner, constructor)
        return owner, method, constructor

    def _check_constructor(self, owner: ast.ClassDef, constructor: Function) -> None:
        """See that what its end defines is there, and that nothing else notices it.

        Raises:
            _Left: it may not be, or may be noticed.
        """
        facts = self.asking.facts
        if not facts.is_module(owner):
            raise _Left(f"{owner.name} is not shown to be a module")
        if facts.is_container(owner):
            raise _Left(f"{owner.name} applies each module that it has")
        if any(isinstance(each, ast.Return) for each in ast.walk(constructor)):
            raise _Left("the constructor may return before its end")
        lost = facts.constructed_without(owner)
        if lost:
            raise _Left(f"{lost} does not call the constructor of {owner.name}")
        line = facts.line_of_walk(owner)
        if line:
            raise _Left(f"the modules in it are gone over (line {line})")
        if self.asking.directives.forbids_beside(constructor.body[-1]) is not None:
            raise _Left("a comment leaves the constructor alone")

    def _taken(self, named: dict[tuple[ast.ClassDef, str], str]) -> set[str]:
        """The names that an attribute may have already."""
        found = set(named.values())
        for node in self.source.nodes:
            if isinstance(node, ast.Attribute) and not self._is_of_package(node):
                found.add(node.attr)
            elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                found.add(node.name)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
        return found

    def _is_of_package(self, node: ast.Attribute) -> bool:
        """Whether something is an attribute of a package, and of no object."""
        values = self.asking.facts.values(node)
        return bool(values) and all(isinstance(each, External) for each in values)


def _self(function: Function) -> str:
    """The name of the instance in a method; empty if it has none."""
    given = [*function.args.posonlyargs, *function.args.args]
    is_bound = not any(
        getattr(each, "id", "") == "staticmethod" for each in function.decorator_list
    )
    return given[0].arg if given and is_bound else ""
