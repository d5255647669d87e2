"""What in a file tells norms of torch from other modules, or goes by the names of their weights."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from ..facts.facts import Facts
from ..facts.values import STRANGE, Instance, Object, Parameter, Unknown
from ..grouped_conv import emitted
from ..grouped_conv.norms.kinds import NORM_TENSORS, is_like_a_norm
from ..grouped_conv.norms.layered import INNER
from ..reading.classes import ClassIndex
from ..reading.names import meaning
from ..reading.scopes import FUNCTIONS, Function

_NAMES: Final = ("named_parameters", "named_buffers", "named_modules", "named_children")
_ALL: Final = ("modules", "named_modules")
_TORCHS: Final = re.compile(r"_?BatchNorm([123]d)?|_NormBase")
_OF_WEIGHT: Final = re.compile(rf"(?:^|.*\.)(\w+)\.({'|'.join(NORM_TENSORS)})")
_APPLIES: Final = re.compile("apply|partial")
_WITH_LAYERS: Final = (
    *("eval", "train", "requires_grad_", "parameters", "named_parameters", "apply", "buffers"),
    *("modules", "children", "named_modules", "named_children", "to", "half", "float", "double"),
)
"""What is done with a module and with all that it holds."""


class NormTests:
    """What in a file may notice that norms of a class are none of torch's any more.

    Args:
        index: what the file has.
        facts: makes the facts of it, if anything is to be known of what it does.
        name: of the class.
    """

    def __init__(self, index: ClassIndex, facts: Callable[[], Facts | None], name: str) -> None:
        self._source = index.source
        self._facts = facts
        self._name = name

    def noticing(self) -> Iterator[tuple[ast.AST, str]]:
        """What may notice, and in which way."""
        own = {node for each in emitted(self._source.tree) for node in ast.walk(each)}
        for node in self._source.nodes:
            what = self._way(node) if node not in own else ""
            if what:
                yield node, what

    def _way(self, node: ast.AST) -> str:
        """In which way a node may notice; empty for none."""
        match node:
            case ast.ClassDef(bases=bases) if self._name in map(_last, bases):
                return "inherits"
            case ast.Attribute(value=owner, ctx=ast.Store()) if _last(owner) == self._name:
                return "patches"
            case ast.Call(func=ast.Name(id=function), args=[asked, given, *_]):
                return self._of_call(node, function, asked, given)
            case ast.Compare(left=left, comparators=others):
                each = [left, *others]
                if any(map(_is_class_of, each)) and any(map(self._are_torchs, each)):
                    return "asks"
            case ast.Constant(value=str(text)):
                return self._of_text(node, text)
        return ""

    def _of_call(self, call: ast.Call, function: str, asked: ast.expr, given: ast.expr) -> str:
        """In which way a call of a builtin function may notice."""
        if function == "isinstance" and self._are_torchs(given):
            return self._of_test(call, asked)
        if function == "issubclass" and self._are_torchs(given):
            return "asks"
        if function in ("hasattr", "getattr") and isinstance(given, ast.Constant):
            if given.value == INNER:
                return "inner"
            if given.value in NORM_TENSORS and self._walk_around(call, asked) is not None:
                return "twice"
        return ""

    def _are_torchs(self, classes: ast.expr) -> bool:
        """Whether some classes may be such as norms of torch inherit from."""
        if isinstance(classes, (ast.Tuple, ast.List)):
            return any(map(self._are_torchs, classes.elts))
        found = meaning(self._source, classes)
        if found.kind == "import":
            return _TORCHS.fullmatch(found.path.rpartition(".")[2]) is not None
        is_known = found.kind in ("class", "function")
        return not is_known and is_like_a_norm(self._source.code(classes))

    def _of_test(self, test: ast.Call, asked: ast.expr) -> str:
        """In which way a test of whether something is a norm of torch may notice."""
        around = self._walk_around(test, asked)
        if around is None:
            return "asks" if self._may_be(asked) else ""
        if _calls_itself(around):
            return ""
        done = [node for each in self._done_if(test) or [around] for node in ast.walk(each)]
        if any(_is_method(each, _last(asked)) for each in done):
            return "layers"
        calls = [each for each in ast.walk(around) if isinstance(each, ast.Call)]
        tests = (each.args[1:] for each in calls if _last(each.func) == "isinstance")
        classes = (each for found in tests for one in found for each in ast.walk(one))
        return "asks" if any(_last(each) == self._name for each in classes) else ""

    def _done_if(self, test: ast.expr) -> Sequence[ast.AST]:
        """What is done if a test holds, where a statement asks it."""
        statement = self._source.statement(test)
        if not isinstance(statement, ast.If) or test not in ast.walk(statement.test):
            return ()
        return statement.body

    def _walk_around(self, node: ast.AST, asked: ast.expr) -> ast.AST | None:
        """What goes over all modules in turn, as the value of a variable where a node stands."""
        name = asked.id if isinstance(asked, ast.Name) else ""
        for around in self._source.ancestors(node) if name else ():
            if isinstance(around, ast.For) and name in map(_last, ast.walk(around.target)):
                return around if _goes_over_all(around) else None
            if isinstance(around, FUNCTIONS):
                given = (*around.args.posonlyargs, *around.args.args)
                is_given = name in [each.arg for each in given]
                return around if is_given and self._is_applied(around) else None
        return None

    def _is_applied(self, function: Function) -> bool:
        """Whether a function is applied to each module, or calls itself for what one holds."""
        calls = (each for each in self._source.nodes if isinstance(each, ast.Call))
        return _calls_itself(function) or any(
            self._is_walked(each)
            if _last(each.func) == function.name
            else _APPLIES.search(_last(each.func)) and function.name in map(_last, each.args)
            for each in calls
        )

    def _is_walked(self, call: ast.Call) -> bool:
        """Whether something is called for each of all modules."""
        around = self._source.parent(self._source.statement(call))
        if not isinstance(around, ast.For) or not call.args:
            return False
        is_of_loop = _last(call.args[0]) in map(_last, ast.walk(around.target))
        return is_of_loop and _goes_over_all(around)

    def _may_be(self, node: ast.expr) -> bool:
        """Whether an expression may be a norm of the class."""
        facts = self._facts()
        if facts is None or not facts.is_complete:
            return True
        return any(map(self._is_one, facts.values(node)))

    def _is_one(self, value: object) -> bool:
        if isinstance(value, Object):
            return value.kind.startswith(STRANGE)
        if isinstance(value, Instance):
            is_known = value.cls.is_known
            return not is_known or self._name in [each.name for each in value.cls.order]
        return isinstance(value, (Unknown, Parameter))

    def _of_text(self, node: ast.Constant, text: str) -> str:
        """In which way a string may notice: by names of weights, or of classes."""
        found = _OF_WEIGHT.fullmatch(text)
        if text.strip(".") == INNER or (found is not None and is_like_a_norm(found[1])):
            return "names" if any(each.attr in _NAMES for each in self._attributes(node)) else ""
        if len(text) < 2 or text.lower() not in "batchnorm2d":
            return ""
        named = (each for each in self._attributes(node) if each.attr == "__name__")
        return "asks" if any(_is_class_of(each.value) for each in named) else ""

    def _attributes(self, node: ast.AST) -> Iterator[ast.Attribute]:
        """The attributes in the function that a node stands in."""
        around = self._source.function_around(node) or self._source.tree
        yield from (each for each in ast.walk(around) if isinstance(each, ast.Attribute))


def _last(node: ast.AST) -> str:
    """The name that a dotted name ends with."""
    return str(getattr(node, "attr", getattr(node, "id", "")))


def _goes_over_all(loop: ast.For) -> bool:
    """Whether a loop goes over all modules in another one."""
    return not {*map(_last, ast.walk(loop.iter))}.isdisjoint(_ALL)


def _is_class_of(node: ast.expr) -> bool:
    """Whether an expression gives the class of something."""
    match node:
        case ast.Call(func=ast.Name(id="type"), args=[_]) | ast.Attribute(attr="__class__"):
            return True
    return False


def _is_method(node: ast.AST, name: str) -> bool:
    """Whether a node calls something of a variable that reaches what its module holds."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=receiver), attr=method)):
            return receiver == name and method in _WITH_LAYERS
    return False


def _calls_itself(node: ast.AST) -> bool:
    """Whether a function calls itself, as for what a module holds."""
    name = getattr(node, "name", None)
    calls = (each for each in ast.walk(node) if isinstance(each, ast.Call))
    return any(_last(each.func) == name for each in calls)
