"""A BatchNorm behind a module that concatenates what its convolutions give: one for each of these.

Before::

    import torch
    from torch import nn


    class Pyramid(nn.Module):
        def __init__(self, kernels):
            super().__init__()
            self.levels = nn.ModuleList([nn.Conv2d(3, 4, k, padding=k // 2) for k in kernels])

        def forward(self, x):
            out = [level(x) for level in self.levels]
            return torch.cat(out, dim=1)


    class Block(nn.Module):
        def __init__(self, kernels):
            super().__init__()
            self.conv = Pyramid(kernels)
            self.bn = nn.BatchNorm2d(4 * len(kernels))

        def forward(self, x):
            return torch.relu(self.bn(self.conv(x)))

After::

    import torch
    from torch import nn


    class NormOfParts(nn.Module):
        \"\"\"A norm in parts, one for each of several inputs; concatenates what they give.\"\"\"

        def __init__(self, norm, layers):
            super().__init__()
            parts = [part for layer in layers for part in getattr(layer, "parts", [layer])]
            self.widths = [part.out_channels for part in parts]
            others = norm.eps, norm.momentum, norm.affine
            self.parts = nn.ModuleList(type(norm)(width, *others) for width in self.widths)
            self.to(norm.running_mean)
            self.train(norm.training)
            self.load_state_dict(norm.state_dict())
            for part in self.parts:
                for name, weight in part.named_parameters():
                    weight.requires_grad_(norm.get_parameter(name).requires_grad)

        def forward(self, inputs):
            return torch.cat([norm(inputs[i]) for i, norm in enumerate(self.parts)], dim=1)

        def shares(self, whole):
            \"\"\"The share of a tensor that each part has; a count of batches has none.\"\"\"
            if whole.dim() == 0:
                return [whole.clone() for _ in self.parts]
            return whole.split(self.widths)

        def _load_from_state_dict(self, state_dict, prefix, *args):
            for name in self.parts[0].state_dict():
                if prefix + name in state_dict:
                    shares = self.shares(state_dict.pop(prefix + name))
                    for i, share in enumerate(shares):
                        state_dict[f"{prefix}parts.{i}.{name}"] = share
            super()._load_from_state_dict(state_dict, prefix, *args)


    class Pyramid(nn.Module):
        is_joined = True  # else it gives a list, which the norm behind it joins

        def __init__(self, kernels):
            super().__init__()
            self.levels = nn.ModuleList([nn.Conv2d(3, 4, k, padding=k // 2) for k in kernels])

        def forward(self, x):
            out = [level(x) for level in self.levels]
            return torch.cat(out, dim=1) if self.is_joined else out


    class Block(nn.Module):
        def __init__(self, kernels):
            super().__init__()
            self.conv = Pyramid(kernels)
            self.bn = nn.BatchNorm2d(4 * len(kernels))
            if type(self.conv) is Pyramid:
                self.bn = NormOfParts(self.bn, self.conv.levels)
                self.conv.is_joined = False

        def forward(self, x):
            return torch.relu(self.bn(self.conv(x)))

It is as behind a concatenation (``cat_norm``), and where the module is something else when it is
built, a convolution say, the norm stays as it is.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from ..facts.emitted import usual_name
from ..facts.values import ClassValue, Instance, Value
from ..reading.mentions import Mentions
from ..reading.source import Source
from ..rewriting.edits import Edit, Insertion, TextEdit
from ..rewriting.places import insert_after, line_above_comments
from . import cat_norm
from .built_layers import is_set_once
from .cat import CATS, dimension_of
from .cat_norm import TEMPLATE, check_whole, class_of_norms, norm_call, norm_of
from .cat_norm_layers import is_of_conv, list_gone_over
from .new_module import NewModules, instance_of
from .rule import Asking, Left, Proposal
from .tensors import function_of, is_in_model, literal_dimensions

CODE: Final = "cat-norm"
_FLAG: Final = "is_joined"
_SPLITTING: Final = ("split_conv", "split_sliced")

may_apply = cat_norm.may_apply


@dataclass(frozen=True)
class Held:
    """A module that another one holds, before a norm of its own.

    Attributes:
        constructor: where both are built.
        module: the attribute that has the module, and the norm.
    """

    constructor: ast.FunctionDef | ast.AsyncFunctionDef
    module: str
    norm: str


def sites(source: Source) -> Iterator[ast.Call]:
    """The concatenations that a forward returns."""
    for node in cat_norm.sites(source):
        function = source.function_around(node)
        if isinstance(source.parent(node), ast.Return) and function is not None:
            if function.name == "forward" and isinstance(source.parent(function), ast.ClassDef):
                yield node


def is_meant(asking: Asking, node: ast.Call) -> bool:
    """Whether convolutions give it, and a norm takes what the module gives."""
    if not is_in_model(asking, node) or function_of(asking, node) not in CATS.values():
        return False
    asking = asking.in_project()
    inputs = cat_norm.inputs(asking, node)
    if not inputs or not all(map(is_of_conv, inputs)):
        return False
    return any(map(partial(cat_norm.is_before_norm, asking), _calls(asking, node)))


def _calls(asking: Asking, node: ast.Call) -> Iterator[ast.Call]:
    """The calls in the source of what may be the module that concatenates."""
    owner = asking.source.class_around(node)
    for each in asking.source.nodes:
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute):
            values = asking.facts.values(each.func)
            if any(isinstance(x, Instance) and x.cls.node is owner for x in values):
                yield each


def propose(asking: Asking, node: ast.Call) -> Proposal:
    """A list in place of the concatenation, where a norm of parts stands behind the module.

    Raises:
        Left: the norm stays as it is.
    """
    asking = asking.in_project()
    source, facts = asking.source, asking.facts
    if not facts.is_complete:
        raise Left("its project is too large for what happens in it to be known")
    forward, owner = source.function_around(node), source.class_around(node)
    assert forward is not None and owner is not None, "others are no sites"
    if literal_dimensions(dimension_of(node)) != [1] or len(node.args) + len(node.keywords) != 2:
        raise Left("it is not known to concatenate channels")
    given = node.args[0]
    if not isinstance(given, ast.Name):
        raise Left("what is concatenated has no name")
    this = instance_of(forward)
    levels = list_gone_over(asking, node, this).attr
    _check_module(asking, owner, levels)
    held = [_held(asking, each, owner) for each in _calls(asking, node)]
    asking.keep_comments(node, given)
    name, definition, imports = class_of_norms(asking)
    value = {"name": name, "kind": owner.name, "flag": _FLAG, "levels": levels}
    first = next(each for each in owner.body if isinstance(each, ast.FunctionDef))
    code = source.code(node)
    flag = partial(asking.templates.render, TEMPLATE, "flag", value)
    edits: list[Edit] = [
        TextEdit(node, given, lambda x: f"{code} if {this}.{_FLAG} else {x}"),
        Insertion(line_above_comments(source, first), flag, blank_lines=1),
        *definition,
    ]
    for each in held:
        owned = f"{instance_of(each.constructor)}."
        parts = {**value, "module": f"{owned}{each.module}", "attribute": f"{owned}{each.norm}"}
        emit = partial(asking.templates.render, TEMPLATE, "within", parts)
        edits.append(insert_after(source, each.constructor.body[-1], emit))
    shown = ", ".join(f"{each.norm} in parts, behind {each.module}" for each in held)
    return Proposal(shown, tuple(edits), imports)


def _check_module(asking: Asking, owner: ast.ClassDef, levels: str) -> None:
    """See that a class has its convolutions once it is built, and what else is done with it.

    Raises:
        Left: it may have others later, or be somewhere else too.
    """
    source, facts = asking.source, asking.facts
    if owner.decorator_list or any(Mentions(source).computed(_FLAG)) or _FLAG in source.text:
        raise Left(f"{owner.name} is no plain class")
    for use in facts.uses_of_instances(owner):
        function = source.function_around(use.node) if source.has(use.node) else None
        is_built = getattr(function, "name", "") == "__init__" and (
            source.class_around(use.node) is owner
        )
        is_written = use.kind == "write" and use.name in (levels, "*")
        if is_written and not is_built:
            raise Left(f"{owner.name} may have other convolutions later", use.node)
        if use.kind == "escape" or (use.kind == "method" and use.name == "forward"):
            raise Left(f"it is not known what becomes of {owner.name}", use.node)
    for each in source.nodes:
        if isinstance(each, ast.Call) and _may_be(facts.values(each.func), owner):
            parent = source.parent(each)
            is_new = isinstance(parent, ast.Return) or (
                isinstance(parent, ast.Assign) and isinstance(parent.targets[0], ast.Attribute)
            )
            around = source.function_around(each)
            if not is_new or around is None or around.decorator_list:
                raise Left(f"it is not known where {owner.name} is kept", each)


def _may_be(values: frozenset[Value], owner: ast.ClassDef) -> bool:
    """Whether values have a class among them."""
    return any(isinstance(each, ClassValue) and each.cls.node is owner for each in values)


def _held(asking: Asking, call: ast.Call, module: ast.ClassDef) -> Held:
    """What applies the module, and a norm of its own behind it.

    Raises:
        Left: something else does.
    """
    facts = asking.facts
    norm = norm_call(asking, call)
    owner, method, constructor = NewModules(asking).place(norm)
    assert isinstance(call.func, ast.Attribute), "others are not looked for"
    name, held = call.func.attr, call.func.value
    if not isinstance(held, ast.Name) or held.id != instance_of(method):
        raise Left("the module is applied from elsewhere", call)
    if not is_set_once(owner, name):
        raise Left(f"{name} is not set once by the constructor", call)
    is_splitting = partial(_is_splitting, asking, name)
    attribute = norm_of(asking, norm, owner, is_splitting)
    check_whole(asking, constructor)
    for value in facts.values(call.func):
        if not isinstance(value, Instance) or value.cls.node is not module:
            continue
        for holder, its in facts.heap.holders(value):
            if isinstance(holder, Instance) and its != name:
                raise Left(f"{module.name} is kept elsewhere too", call)
            if not isinstance(holder, Instance) and not is_splitting(holder):
                raise Left(f"{module.name} is kept elsewhere too", call)
        for use in facts.uses(value):
            is_call = use.node is call or use.kind in ("method", "read", "write", "return")
            if not is_call and not is_splitting(use):
                raise Left(f"something else is done with {module.name}", use.node)
    return Held(constructor, name, attribute)


def _is_splitting(asking: Asking, module: str, of: object) -> bool:
    """Whether something is what the helper does that splits a convolution in place of a module."""
    node = getattr(of, "site", getattr(of, "node", None))
    if not isinstance(node, ast.AST) or not asking.source.has(node):
        return False
    if asking.source.is_emitted(node):
        return True
    nodes = [node, *asking.source.ancestors(node)]
    return any(
        isinstance(each, ast.Call)
        and module in [getattr(x, "attr", "") for x in _arguments(each)]
        and any(_is_of_helper(asking, x) for x in asking.facts.values(each.func))
        for each in nodes
    )


def _is_of_helper(asking: Asking, value: Value) -> bool:
    """Whether something is a function of the helper, be it in the source or imported."""
    node = getattr(value, "node", None)
    is_here = isinstance(node, ast.AST) and asking.source.is_emitted(node)
    return is_here or usual_name(value).startswith(_SPLITTING)


def _arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(each.value for each in call.keywords)]
