"""Which initialisations give a branch what they gave the whole, and where they do not.

A branch has the fan_in of the whole, since that counts the channels of one group already; its
fan_out is that of the whole divided by the groups. (torch 2.13, ``_calculate_fan_in_and_fan_out``.)
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from itertools import takewhile
from typing import Final

from ..outcome import Warning
from ..reading.calls import is_repeatable, values_given
from ..reading.convolutions import conv_class
from ..reading.names import meaning
from ..reading.parts import walk
from ..reading.source import Source
from .source_facts import index_of
from .surroundings import Surroundings

# By element, or by fan_in.
_BY_ELEMENT: Final = frozenset(
    (
        *("normal_", "uniform_", "trunc_normal_", "constant_", "zeros_", "ones_"),
        *("fill_", "zero_", "requires_grad_"),
    )
)
_BY_FAN: Final = frozenset(
    ("kaiming_normal_", "kaiming_uniform_", "kaiming_normal", "kaiming_uniform")
)
_BY_SHAPE: Final = frozenset(
    (
        *("xavier_normal_", "xavier_uniform_", "orthogonal_", "dirac_", "eye_", "sparse_"),
        *("xavier_normal", "xavier_uniform", "orthogonal"),
    )
)
_TENSORS: Final = frozenset(("weight", "bias"))
_VALUES: Final = _TENSORS | {"data"}
_CHANNELS: Final = frozenset(("in_channels", "out_channels"))
_OVER_ALL: Final = frozenset(("norm", "mean", "std"))
_FACTOR: Final = "sqrt(groups) times as large"
_OF_WHOLE: Final = _OVER_ALL | {"shape", "size", "numel"}
_WALKS: Final = frozenset(
    (
        *("modules", "named_modules", "children", "named_children"),
        *("parameters", "named_parameters"),
    )
)
_BY_WHOLE: Final = re.compile(r"fan_out|kaiming_|xavier_|orthogonal|_calculate_\w*fan")
"""What the text of an initialisation has that goes by the whole."""
_FANS: Final = frozenset(("_calculate_correct_fan", "_calculate_fan_in_and_fan_out"))


def is_exact_by_branch(source: Source, weight: ast.Attribute) -> bool:
    """Whether ``conv.weight`` or ``conv.bias`` is only initialised, by a whole statement.

    And in such a way that to do it for each branch gives the same, or the same distribution.
    """
    place: ast.expr = weight
    parent = source.parent(weight)
    if isinstance(parent, ast.Attribute) and parent.attr == "data":
        place, parent = parent, source.parent(parent)
    if isinstance(parent, ast.Attribute) and parent.attr in _BY_ELEMENT:
        call, others = source.parent(parent), 0  # conv.weight.data.normal_(0, 0.01)
    elif isinstance(parent, ast.Call) and place in parent.args[:1]:
        call, others = parent, 1  # nn.init.normal_(conv.weight, 0, 0.01)
        if not _is_initialiser(source, parent):
            return False
    else:
        return False
    return (
        isinstance(call, ast.Call)
        and isinstance(source.parent(call), ast.Expr)
        and all(is_repeatable(source, each) for each in call.args[others:])
        and all(is_repeatable(source, each.value) for each in call.keywords)
    )


def whole_initialiser(source: Source, weight: ast.Attribute) -> ast.Call | None:
    """The call of ``torch.nn.init`` that gives a weight its values, where it is a statement."""
    place: ast.expr = weight
    call = source.parent(weight)
    if isinstance(call, ast.Attribute) and call.attr == "data":
        place, call = call, source.parent(call)
    if isinstance(call, ast.Call) and place in call.args[:1]:
        is_of_torch = meaning(source, call.func).path.startswith("torch.nn.init.")
        return call if is_of_torch and isinstance(source.parent(call), ast.Expr) else None
    return None


def _is_initialiser(source: Source, call: ast.Call) -> bool:
    name = _function(source, call)
    if name in _BY_ELEMENT:
        return True
    return name in _BY_FAN and not _is_by_fan_out(call)


def _function(source: Source, call: ast.Call) -> str:
    """The name of the initialiser that is called, where it is one of torch or named like one."""
    path = meaning(source, call.func).path
    name = path.rpartition(".")[2] or getattr(call.func, "id", "")
    return name if path.startswith("torch.nn.init.") or name.endswith("_") else ""


def _is_by_fan_out(call: ast.Call) -> bool:
    """Whether the mode is, or may be, another than fan_in."""
    modes = [each.value for each in call.keywords if each.arg in ("mode", None)] + call.args[2:3]
    return not all(isinstance(each, ast.Constant) and each.value == "fan_in" for each in modes)


def initialisations(
    source: Source, is_done: Callable[[ast.AST], bool] | None = None
) -> Iterator[tuple[ast.expr, str]]:
    """Where the convolutions of a model are initialised by what a branch has less of.

    ``is_done`` tells what is done with before they are split.
    """
    for node in source.nodes:
        if isinstance(node, ast.Call):
            what = _differing(source, node)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            what = _reading(source, node)
        else:
            continue
        if what and not (is_done and is_done(node)) and _is_about_convolutions(source, node):
            yield node, f"{what}: each part is a convolution of its own"


def warn_of_initialisation_elsewhere(around: Surroundings, built: ast.Call) -> Iterator[Warning]:
    """The same of other files, in what builds the convolutions, said where one of them is built."""
    for module, matters in around.readers(_BY_WHOLE).items():
        lines = {
            line
            for each in module.tree.body
            if not module.runs_apart and matters(each)
            for line in range(each.lineno, (each.end_lineno or 0) + 1)
        }
        source = index_of(module).source
        for each, what in initialisations(source):
            if each.lineno in lines:
                said = f"{source.line(each)}: {what}"
                yield Warning(*around.source_of(built).place(built), said)


def _differing(source: Source, call: ast.Call) -> str:
    name = _function(source, call)
    if name in _BY_SHAPE:
        what = f"{name} depends on all filters of a convolution"
        is_by_both = name.startswith("xavier")
        return f"{what}, which makes weights up to {_FACTOR}" if is_by_both else what
    if name in _BY_FAN and _is_by_fan_out(call):
        return f"{name} by fan_out makes weights {_FACTOR}"
    return f"{name} depends on the number of groups" if name in _FANS else ""


def _reading(source: Source, attribute: ast.Attribute) -> str:
    """What an initialisation reads of a convolution that is another for a branch, if so.

    Channels that are divided by ``m.groups`` are the same.
    """
    if attribute.attr == "groups" and isinstance(source.parent(attribute), ast.Compare):
        return "the groups of a part are 1"
    is_channels = attribute.attr in _CHANNELS and isinstance(attribute.value, ast.Name)
    is_of_weight = attribute.attr in _OF_WHOLE and _is_weight_of_a_name(attribute.value)
    if not is_channels and not is_of_weight:
        return ""
    function = source.function_around(attribute) or source.tree
    names = {each.attr for each in walk(function) if isinstance(each, ast.Attribute)}
    gives_values = attribute.attr in _OVER_ALL or not names.isdisjoint(_BY_ELEMENT)
    if is_channels:
        gives_values = gives_values or _assigns_values(function)
    if not gives_values or (is_channels and _reads_groups_too(function, attribute)):
        return ""
    if is_channels:
        what = f"{attribute.attr} of a part is that of one group"
        return f"{what}, which makes weights {_FACTOR}" if _takes_root(function) else what
    return f"the {attribute.attr} of a part's weight is that of one group"


def _assigns_values(function: ast.AST) -> bool:
    """Whether a function gives weights other values, as ``m.weight.data = values`` does."""
    return any(
        isinstance(each, ast.Attribute)
        and (each.attr == "copy_" or (each.attr in _VALUES and isinstance(each.ctx, ast.Store)))
        for each in walk(function)
    )


def _takes_root(function: ast.AST) -> bool:
    """Whether a function has a square root in it, as what scales by the fan has."""
    return any(
        (isinstance(each, ast.Attribute) and each.attr == "sqrt")
        or (isinstance(each, ast.Name) and each.id == "sqrt")
        or (isinstance(each, ast.Constant) and each.value == 0.5)
        for each in walk(function)
    )


def _reads_groups_too(function: ast.AST, channels: ast.Attribute) -> bool:
    """Whether a function that reads ``m.out_channels`` reads ``m.groups`` of the same name."""
    groups = ast.Attribute(channels.value, "groups", ast.Load())
    return any(
        isinstance(each, ast.Attribute) and ast.dump(each) == ast.dump(groups)
        for each in walk(function)
    )


def _is_weight_of_a_name(value: ast.expr) -> bool:
    """Whether an expression is ``m.weight`` or its ``.data``."""
    if isinstance(value, ast.Attribute) and value.attr == "data":
        value = value.value
    is_weight = isinstance(value, ast.Attribute) and value.attr == "weight"
    return is_weight and isinstance(getattr(value, "value", None), ast.Name)


def _is_about_convolutions(
    source: Source, node: ast.AST, known: set[ast.AST] | None = None
) -> bool:
    """Whether a node stands in a function that goes over modules, for those that may be ones.

    ``known`` are the functions that it has been asked for already, which may call each other.
    """
    tests = [
        each.test
        for each in source.ancestors(node)
        if isinstance(each, (ast.If, ast.IfExp)) and not _is_in_else(source, node, each)
    ]
    asked = [each for test in tests for each in walk(test) if _asks_class(source, each)]
    if asked:
        return any(_names_convolution(source, each) for test in tests for each in walk(test))
    function = source.function_around(node) or source.tree
    if _goes_over_modules(function) or _is_applied(source, node):
        return True
    known = set() if known is None else known
    if function not in known:
        known.add(function)
        if _is_for_modules(source, function, known):
            return True
    # if not isinstance(m, nn.Conv2d): return
    left = [each.test for each in walk(function) if isinstance(each, ast.If) and _leaves(each)]
    return any(_names_convolution(source, each) for test in left for each in walk(test))


def _is_applied(source: Source, node: ast.AST) -> bool:
    """Whether a node is, or is in, what is handed to ``net.apply``, by a partial or a lambda."""
    inner = node
    for each in takewhile(lambda one: not isinstance(one, ast.stmt), source.ancestors(node)):
        if isinstance(each, ast.Call) and getattr(each.func, "attr", "") == "apply":
            return inner is not each.func
        inner = each
    return False


def _is_for_modules(source: Source, function: ast.AST, known: set[ast.AST]) -> bool:
    """Whether a function is given modules, or their weights, one by one."""
    name = getattr(function, "name", "")
    uses = (
        each
        for each in source.nodes
        if (isinstance(each, ast.Name) and each.id == name)
        or (isinstance(each, ast.Attribute) and each.attr == name)
    )
    for each in uses:
        call = source.parent(each)
        if not isinstance(call, ast.Call) or call.func is not each:
            is_given = _is_applied(source, each)
        else:
            is_given = _takes_variable(call) and _is_about_convolutions(source, call, known)
        if is_given:
            return True
    return False


def _takes_variable(call: ast.Call) -> bool:
    """Whether a call is given what a variable holds, or its weight."""
    values = values_given(call)
    return any(isinstance(each, ast.Name) or _is_weight_of_a_name(each) for each in values)


def _leaves(test: ast.If) -> bool:
    return any(isinstance(each, (ast.Return, ast.Continue)) for each in test.body)


def _asks_class(source: Source, node: ast.AST) -> bool:
    """Whether a part of a test asks for the class or the name of a module, and not for an option.

    As ``isinstance(m, nn.Linear)``, ``"fc" in name``; but not ``how == "xavier"``.
    """
    if not isinstance(node, ast.Constant):
        return isinstance(node, ast.Name) and node.id in ("isinstance", "type")
    match source.parent(node):
        case ast.Compare(left=ast.Name() | ast.Attribute(value=ast.Name()), ops=[ast.Eq()]):
            return False
    return isinstance(node.value, str) and node.value not in _TENSORS


def _names_convolution(source: Source, node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and "conv" in node.value.lower()
    if not isinstance(node, (ast.Name, ast.Attribute)):
        return False
    path = meaning(source, node).path
    return conv_class(path) is not None or path.endswith("._ConvNd")


def _is_in_else(source: Source, node: ast.AST, test: ast.If | ast.IfExp) -> bool:
    around = {id(each) for each in (node, *source.ancestors(node))}
    orelse = test.orelse if isinstance(test.orelse, list) else [test.orelse]
    return any(id(each) in around for each in orelse)


def _goes_over_modules(function: ast.AST) -> bool:
    return any(isinstance(each, ast.Attribute) and each.attr in _WALKS for each in walk(function))
