"""A BatchNorm behind a concatenation of what convolutions give: one for each of these.

Before::

    import torch
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.one = nn.Conv2d(3, 8, 1)
            self.two = nn.Conv2d(3, 4, 3, padding=1)
            self.bn = nn.BatchNorm2d(12)

        def forward(self, x):
            return self.bn(torch.cat((self.one(x), self.two(x)), dim=1))

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


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.one = nn.Conv2d(3, 8, 1)
            self.two = nn.Conv2d(3, 4, 3, padding=1)
            self.bn = nn.BatchNorm2d(12)
            self.bn = NormOfParts(self.bn, [self.one, self.two])

        def forward(self, x):
            return self.bn((self.one(x), self.two(x)))

PLiNIO (commit 3d6b5e0) takes a norm behind a concatenation, and what PIT exports after pruning then
differs from the masked model. A norm does the same with each channel by itself. It stays where it
takes something else too, or others see it. What a grouped convolution gives comes in parts, by
``outputs_of`` of the helper that splits it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from .. import torch_api
from ..facts.values import Instance, Object, Value
from ..reading.naming import numbered
from ..reading.scopes import Function
from ..reading.source import Source
from ..rewriting.edits import Edit, Insertion, TextEdit
from ..rewriting.places import insert_after, line_above_comments
from .cat import CATS, dimension_of
from .cat_norm_layers import is_of_conv, layers_before, site_of
from .new_module import NewModules, instance_of
from .rule import Asking, Left, Proposal
from .tensors import function_of, is_in_model, literal_dimensions

CODE: Final = "cat-norm"
TEMPLATE: Final = "cat_norm.py.jinja"
_NAME: Final = "NormOfParts"
_SPELLED: Final = {"module": "torch.nn.Module", "list": "torch.nn.ModuleList", "cat": "torch.cat"}
_OF_NORMS: Final = frozenset(("num_features", "running_mean", "running_var", "track_running_stats"))
_OF_WHOLE: Final = _OF_NORMS | frozenset(
    ("parameters", "named_parameters", "buffers", "named_buffers", "state_dict")
)
"""What code may ask that goes over weights, or asks norms for what parts have less of."""


def may_apply(text: str) -> bool:
    """Whether a text may have such a norm in a model."""
    return "BatchNorm" in text and "cat" in text and "def forward" in text


def sites(source: Source) -> Iterator[ast.Call]:
    """The calls of what is named as a concatenation."""
    for node in source.nodes:
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("cat", *CATS):
            yield node


def is_meant(asking: Asking, node: ast.Call) -> bool:
    """Whether a BatchNorm takes what is concatenated, all of which convolutions give."""
    if not is_in_model(asking, node) or function_of(asking, node) not in CATS.values():
        return False
    if not is_before_norm(asking, node):
        return False
    return all(map(is_of_conv, inputs(asking.in_project(), node)))


def inputs(asking: Asking, cat: ast.Call) -> list[Value]:
    """The tensors that are concatenated; something else where that is not known."""
    facts = asking.facts
    lists = facts.values(cat.args[0]) if cat.args else ()
    held = [slot.values for each in lists for slot in facts.heap.slots(each)]
    return [*dict.fromkeys(each for values in held for each in values)] or [*lists]


def is_before_norm(asking: Asking, call: ast.Call) -> bool:
    """Whether a BatchNorm of torch takes what a call gives."""
    found = (use.by for each in asking.facts.values(call) for use in asking.facts.uses(each))
    return any(isinstance(x, Object) and x.kind in torch_api.BATCH_NORMS for x in found)


def propose(asking: Asking, node: ast.Call) -> Proposal:
    """A norm of parts, which is given what would be concatenated.

    Raises:
        Left: the norm stays as it is.
    """
    asking = asking.in_project()
    source, facts = asking.source, asking.facts
    if not facts.is_complete:
        raise Left("its project is too large for what happens in it to be known")
    if literal_dimensions(dimension_of(node)) != [1] or len(node.args) + len(node.keywords) != 2:
        raise Left("it is not known to concatenate channels")
    call = norm_call(asking, node)
    owner, _, constructor = NewModules(asking).place(call)
    norm = norm_of(asking, call, owner)
    this = instance_of(constructor)
    layers = layers_before(asking, node, owner, this)
    check_whole(asking, constructor)
    last = constructor.body[-1]
    asking.keep_comments(node, node.args[0])
    name, definition, imports = class_of_norms(asking)
    value = {"name": name, "attribute": f"{this}.{norm}", "layers": layers}
    emit = partial(asking.templates.render, TEMPLATE, "split", value)
    edits: tuple[Edit, ...] = (
        TextEdit(node, node.args[0], lambda code: code),
        insert_after(source, last, emit),
        *definition,
    )
    return Proposal(f"{this}.{norm} in parts, one for each convolution", edits, imports)


def class_of_norms(asking: Asking) -> tuple[str, tuple[Insertion, ...], tuple[str, ...]]:
    """The class of a norm in parts: its name, its definition where there is none, its imports.

    Raises:
        Left: it cannot be defined.
    """
    source = asking.source
    meant = {one for each in sites(source) for one in source.ancestors(each)}
    first = next(each for each in source.tree.body if each in meant)
    if (skip := asking.directives.forbids_beside(first)) is not None:
        raise Left(f"nothing is added there: {skip}")
    spelled = {name: asking.spelled(path, first) for name, path in _SPELLED.items()}
    imports = dict.fromkeys(each for _, new in spelled.values() for each in new)
    if any(map(_is_ours, source.tree.body)):
        return _NAME, (), tuple(imports)
    taken = source.scope(source.tree).bindings
    name = next(each for each in numbered(_NAME) if each not in taken)
    value = {"name": name, **{each: code for each, (code, _) in spelled.items()}}
    definition = partial(asking.templates.render, TEMPLATE, "definition", value)
    place = line_above_comments(source, first)
    inserted = Insertion(place, definition, blank_lines=2, blank_lines_above=2)
    return name, (inserted,), tuple(imports)


def norm_call(asking: Asking, node: ast.Call) -> ast.Call:
    """The call that alone takes what another call gives.

    Raises:
        Left: there is none, or it takes something else too.
    """
    facts = asking.facts
    results = facts.values(node)
    uses = [use for each in results for use in facts.uses(each)]
    nodes = {use.node for use in uses}
    (taker,) = nodes if len(nodes) == 1 else (None,)
    if not isinstance(taker, ast.Call) or any(facts.heap.holders(each) for each in results):
        raise Left("what it gives has another use too")
    if not asking.source.has(taker) or len(taker.args) != 1 or taker.keywords:
        raise Left("it is not known what takes it")
    if not facts.values(taker.args[0]) <= results:
        raise Left("the norm may take something else", taker)
    if asking.source.function_around(taker) is not asking.source.function_around(node):
        raise Left("the norm is applied elsewhere", taker)
    return taker


def _never(_: object) -> bool:
    return False


def norm_of(
    asking: Asking, call: ast.Call, owner: ast.ClassDef, is_known: Callable[[object], bool] = _never
) -> str:
    """The attribute that alone has the norm, of which nothing is known but this call.

    Args:
        asking: what may be asked.
        call: the call of the norm.
        owner: the class that has it.
        is_known: whether another use, or what keeps it, is known to do nothing.

    Raises:
        Left: others have it, or do something with it.
    """
    facts = asking.facts
    name = getattr(call.func, "attr", "")
    norms = facts.attribute(owner, name)
    is_of_self = isinstance(call.func, ast.Attribute) and facts.values(call.func) == norms
    if site_of(norms) is None or not is_of_self:
        raise Left("it is not known to be one norm", call)
    for norm in norms:
        assert isinstance(norm, Object), "it has a site"
        _check_norm(asking, norm, name, call, owner, is_known)
    if facts.loose(name):
        raise Left("an attribute of its name is used", facts.loose(name)[0])
    return name


def _check_norm(
    asking: Asking,
    norm: Object,
    name: str,
    call: ast.Call,
    owner: ast.ClassDef,
    is_known: Callable[[object], bool],
) -> None:
    """See that a norm is kept by one attribute alone, and only called.

    Raises:
        Left: it may not be.
    """
    facts, source = asking.facts, asking.source
    if norm.kind not in torch_api.BATCH_NORMS or "Lazy" in norm.kind or "Sync" in norm.kind:
        raise Left("the norm is of another kind", call)
    if facts.argument(norm, 4, "track_running_stats"):
        raise Left("the norm may have no statistics", norm.site)
    holders = [each for each in facts.heap.holders(norm) if not is_known(each[0])]
    if any(not isinstance(each, Instance) or its != name for each, its in holders):
        raise Left("the norm is kept elsewhere too", norm.site)
    if not source.has(norm.site) or source.class_around(norm.site) is not owner:
        raise Left("the norm is built elsewhere", call)
    for use in facts.uses(norm):
        if use.node is not call and not is_known(use):
            raise Left("something else is done with the norm", use.node)
    for use in facts.uses_of_instances(owner):
        if use.kind == "write" and use.name in (name, "*") and use.node is not norm.site:
            if source.function_around(use.node) is not source.function_around(norm.site):
                raise Left("the norm may be another one", use.node)


def check_whole(asking: Asking, constructor: Function) -> None:
    """See that nobody asks norms, or all weights, for what the parts have less of.

    Raises:
        Left: somebody may.
    """
    source = asking.source
    for node in source.nodes:
        is_asked = isinstance(node, ast.Attribute) and node.attr in _OF_WHOLE
        if is_asked and not any(map(_is_ours, source.ancestors(node))):
            assert isinstance(node, ast.Attribute)
            if node.attr not in _OF_NORMS or not _is_no_norm(asking, node.value):
                raise Left("code that goes over weights or norms may notice", node)
    this = instance_of(constructor)
    for node in ast.walk(constructor):
        is_self = isinstance(node, ast.Name) and node.id == this
        if is_self and not isinstance(source.parent(node), ast.Attribute):
            call = source.parent(node)
            if getattr(getattr(call, "func", None), "id", "") != "super":
                raise Left("the constructor hands the module on", node)


def _is_no_norm(asking: Asking, node: ast.expr) -> bool:
    """Whether an expression is surely an object of a class of the project."""
    values = asking.facts.values(node)
    return bool(values) and all(isinstance(each, Instance) for each in values)


def _is_ours(node: ast.AST) -> bool:
    """Whether a class is the one that is emitted."""
    return isinstance(node, ast.ClassDef) and node.name == _NAME
