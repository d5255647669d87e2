"""Where a source names attributes in strings, or computes strings that may name them."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property

from .source import Source

_ANYTHING = ".*"
_PERCENT_FIELD = re.compile(r"%[-#0 +]*\d*(?:\.\d+)?[a-zA-Z]")
_BRACE_FIELD = re.compile(r"\{[^{}]*\}")
_ACCESS_FUNCTIONS = frozenset(("getattr", "setattr", "hasattr", "delattr"))
_ACCESS_METHODS = frozenset(
    (
        *("add_module", "register_module", "register_buffer", "register_parameter"),
        *("__getattr__", "__getattribute__", "__setattr__", "__delattr__", "set_submodule"),
    )
)
_UNBOUND = {"__getattribute__": 2, "__setattr__": 3, "__delattr__": 2}
"""How many arguments these have where they are called of a class."""
_MESSAGES = frozenset(
    (
        *("debug", "info", "warning", "warn", "error", "critical", "exception", "log"),
        *("add_scalar", "add_histogram", "range_push", "record_function"),
    )
)
_MATCHING = frozenset(
    (
        *("match", "search", "fullmatch", "compile", "sub", "findall", "replace"),
        *("startswith", "endswith", "split"),
    )
)


class Mentions:
    """The strings of a source, as names of attributes."""

    def __init__(self, source: Source) -> None:
        self.source = source

    @cached_property
    def quoted(self) -> Mapping[str, list[ast.AST]]:
        """The names in all strings but docstrings, and in patterns of ``match``."""
        found: dict[str, list[ast.AST]] = defaultdict(list)
        for node in self.source.nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                for keyword in node.keywords if node.func.id == "dict" else ():
                    found[str(keyword.arg)].append(node)
            elif isinstance(node, ast.MatchClass):
                for name in node.kwd_attrs:
                    found[name].append(node)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                for name in self._names_in(node, node.value):
                    found[name].append(node)
        return found

    def _names_in(self, node: ast.Constant, text: str) -> list[str]:
        parent = self.source.parent(node)
        if isinstance(parent, ast.Expr):
            return []  # a docstring
        if isinstance(parent, ast.Attribute) or _is_matching(parent):
            return re.findall(r"\w+", text)  # "conv1 conv2".split(), re.match("(conv1|bn)", ...)
        return text.split(".") if re.fullmatch(r"[\w.]+", text) else []

    @cached_property
    def accesses(self) -> list[tuple[ast.expr, ast.expr, ast.Call]]:
        """The object, the name, and the call of each access to an attribute by its name."""
        found = []
        for node in self.source.nodes:
            match node:
                case ast.Call(func=ast.Name(id=function), args=[instance, name, *_]) if (
                    function in _ACCESS_FUNCTIONS
                ):
                    found.append((instance, name, node))
                case ast.Call(
                    func=ast.Attribute(attr=function), args=[instance, name, *_] as given
                ) if _UNBOUND.get(function) == len(given):
                    found.append((instance, name, node))
                case ast.Call(
                    func=ast.Attribute(value=instance, attr=function), args=[name, *_]
                ) if function in _ACCESS_METHODS:
                    found.append((instance, name, node))
        return found

    def computed(self, name: str) -> Iterator[ast.AST]:
        """The expressions that may compute a string with this name."""
        for pattern, node in self._patterns:
            if pattern.fullmatch(name) and not _is_message(self.source.parent(node)):
                yield node

    @cached_property
    def _patterns(self) -> list[tuple[re.Pattern[str], ast.AST]]:
        accessed = [
            (each, name) for _, name, _ in self.accesses for each in pattern_of(name).split(r"\.")
        ]
        found = [(pattern, node) for pattern, node in accessed if pattern != _ANYTHING]
        for node in self.source.nodes:
            if isinstance(node, ast.expr) and self._is_whole_computed_string(node):
                for part in pattern_of(node).split(r"\."):
                    fixed = part.replace(_ANYTHING, "").replace("\\", "")
                    if re.fullmatch(r"\w*", fixed) and len(re.findall(r"[^\W\d_]", fixed)) > 1:
                        found.append((part, node))
        return [(re.compile(pattern, re.DOTALL), node) for pattern, node in found]

    def _is_whole_computed_string(self, node: ast.expr) -> bool:
        if isinstance(node, ast.BinOp):
            parent = self.source.parent(node)
            return not isinstance(parent, ast.BinOp) and not is_anything(node)
        return isinstance(node, (ast.JoinedStr, ast.Call)) and not is_anything(node)


def _is_message(parent: ast.AST) -> bool:
    """Whether a string in a call is printed or logged."""
    if not isinstance(parent, ast.Call):
        return False
    if isinstance(parent.func, ast.Name):
        return parent.func.id in ("print", *_MESSAGES)
    return isinstance(parent.func, ast.Attribute) and parent.func.attr in _MESSAGES


def _is_matching(parent: ast.AST) -> bool:
    """Whether a string in a call is a pattern, or is looked for in another."""
    function = parent.func if isinstance(parent, ast.Call) else None
    return isinstance(function, ast.Attribute) and function.attr in _MATCHING


def is_anything(name: ast.expr) -> bool:
    """Whether nothing is known of the string that an expression evaluates to."""
    return pattern_of(name) == _ANYTHING


def pattern_of(name: ast.expr) -> str:
    """A regular expression that matches every string that ``name`` may evaluate to."""
    match name:
        case ast.Constant(value=str(text)):
            return re.escape(text)
        case ast.JoinedStr(values=parts):
            return "".join(map(pattern_of, parts))
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _joined(pattern_of(left), pattern_of(right))
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod()):
            return _between(_PERCENT_FIELD, text)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")):
            return _between(_BRACE_FIELD, text)
    return _ANYTHING


def _joined(left: str, right: str) -> str:
    return _ANYTHING if left == right == _ANYTHING else left + right


def _between(fields: re.Pattern[str], text: str) -> str:
    return _ANYTHING.join(map(re.escape, fields.split(text)))
