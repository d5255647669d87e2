"""Who reads what a method returns behind a channel shuffle: all of it must mix the channels.

An index is right there only before plain convolutions, and such that are depthwise at most where
the shuffle changes nothing. They may be those of other objects of the same class: these have the
same groups where one call builds all of them, and is given the same number each time.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Final

from .. import torch_api
from ..facts.facts import Facts
from ..facts.heap import Use
from ..facts.values import ANY_OF_SEVERAL, External, Function, Instance, Object, Tensor, Value
from ..project_files import location_of
from ..reading.source import Source
from .built_layers import BuiltLayers, Factors, product
from .new_module import Place
from .rule import Left

CHANNELWISE: Final = torch_api.BY_CHANNEL - torch_api.RANDOM
FUNCTIONS: Final = frozenset(
    (
        *("relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "hardswish"),
        *("hardsigmoid", "hardtanh", "sigmoid", "tanh", "avg_pool1d", "avg_pool2d", "max_pool1d"),
        *("max_pool2d", "adaptive_avg_pool1d", "adaptive_avg_pool2d"),
    )
)
"""Functions and methods of one tensor that go over each channel by itself."""
MODULES: Final = ("torch", "torch.nn.functional", "torch.Tensor")
_ASKING: Final = frozenset(("size", "dim", "ndimension", "numel")) | torch_api.ABOUT_TENSORS
_LOST: Final = "it is returned, to what is not followed"


class Returned:
    """Follows what a forward returns to all that reads it.

    Args:
        source: where the forward stands.
        facts: what may happen in its project.
        place: its class and constructor.
        layers: what that builds.
        groups: the factors of the number of groups of the shuffle, in each case.
    """

    def __init__(
        self,
        source: Source,
        facts: Facts,
        place: Place,
        layers: BuiltLayers,
        groups: Sequence[Factors | None],
    ) -> None:
        self._source = source
        self._facts = facts
        self._place = place
        self._layers = layers
        self._groups = groups

    def check(self, node: ast.AST) -> None:
        """See that all that reads what is returned mixes the channels.

        Args:
            node: the return.

        Raises:
            Left: something else does, or may.
        """
        seen = dict.fromkeys(self._given(node))
        todo = [*seen]
        for value in todo:  # which grows
            if [*self._facts.heap.holders(value)]:
                raise Left("what it gives is kept")
            uses = [each for each in self._facts.uses(value) if not is_asking(each)]
            if not uses:
                raise Left(_LOST, node)
            inputs = {each.node for each in uses if each.kind == "input"}
            for use in uses:
                if use.kind == "argument" and isinstance(use.by, Function) and use.node in inputs:
                    continue  # which is the forward of what it is the input of
                new = [each for each in self._behind(use, value) if each not in seen]
                seen |= dict.fromkeys(new)
                todo += new

    def _given(self, node: ast.AST) -> Iterator[Value]:
        """What the calls of the module give."""
        owner, method = self._place.owner, self._place.method
        instances = [*self._facts.instances(owner)]
        if method.name != "forward" or len(instances) != 1 or self._may_read(owner, owner.name):
            raise Left(_LOST, node)
        calls = [*self._facts.calls(instances[0])]
        if any(each.kind == "escape" for each in self._facts.uses(instances[0])):
            raise Left(_LOST, node)
        is_applied = False
        for each in calls:
            user = self._source.class_around(each.node) if self._source.has(each.node) else None
            if user is None or not isinstance(each.result, Tensor) or self._may_apply_its(user):
                raise Left(_LOST, node)
            function = self._source.function_around(each.node)
            is_applied |= getattr(function, "name", "__init__") != "__init__"
            yield each.result
        if not is_applied:
            raise Left(_LOST, node)

    def _may_apply_its(self, user: ast.ClassDef) -> bool:
        """Whether other files of the project may apply what a class has."""
        names = {
            re.escape(each.attr)
            for each in ast.walk(user)
            if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store)
        }
        return bool(names) and self._may_read(user, rf"(?:{'|'.join(sorted(names))})")

    def _may_read(self, owner: ast.ClassDef, what: str) -> bool:
        """Whether other files of the project speak of a class, and of something of it."""
        location = location_of(self._source)
        if location is None:
            return False
        does = re.compile(rf"\b{what}\b")
        readers = location.files.readers(location.path, {owner.name}, does)
        return not all(module.runs_apart for module in readers)

    def _behind(self, use: Use, value: Value) -> Sequence[Value]:
        """What one reader hands on with the channels still apart."""
        node, by = use.node, use.by
        if use.kind != "input":
            raise Left(_LOST, node)
        if isinstance(by, Instance):
            given = [*self._facts.given_to(by)]
            if len(given) != 1 or not self._source.has(given[0].function):
                raise Left(_LOST, node)
            return given
        if isinstance(by, Object):
            if by.kind in torch_api.CONVOLUTIONS:
                self._see_that_it_mixes(by)
                return ()
            if by.kind == "torch.nn.Linear" and _is_flat(value):
                return ()
        is_handed_on = isinstance(by, Object) and by.kind in CHANNELWISE
        if isinstance(by, External):
            module, _, name = by.path.rpartition(".")
            is_handed_on = by.path == ANY_OF_SEVERAL or (
                module in MODULES and (name in FUNCTIONS or _flattens(by.path, node))
            )
        if not is_handed_on or use.result is None:
            raise Left("it is returned to what does not mix the channels", node)
        return (use.result,)

    def _see_that_it_mixes(self, conv: Object) -> None:
        """See that a convolution is depthwise at most where the shuffle changes nothing.

        Raises:
            Left: it may be.
        """
        if "Transpose" not in conv.kind and self._facts.is_plain(conv):
            return
        site = conv.site
        if not isinstance(site, ast.Call) or not self._layers.has(site):
            raise Left("it is returned to what may be depthwise", site)
        given = self._layers.convolution(site) or {}
        factors = self._layers.factors
        groups, channels = factors(given.get("groups")), factors(given.get("in_channels"))
        for each in self._groups:
            if each is None or groups is None or product(each, groups) != dict(channels or ()):
                raise Left("it is returned to what may be depthwise", site)
            for name, _ in each:
                if not name.isdecimal() and not self._is_everywhere_the_same(name):
                    raise Left(f"{name} may be another number in what it is returned to", site)

    def _is_everywhere_the_same(self, name: str) -> bool:
        """Whether one call builds all objects of the class, and gives a parameter one number.

        It stands in the constructor of the class that applies them.
        """
        owner, constructor = self._place.owner, self._place.constructor
        spoken = [*self._facts.speaking_of(owner)]
        call = self._source.parent(spoken[0]) if len(spoken) == 1 else None
        if not isinstance(call, ast.Call) or call.func is not spoken[0]:
            return False
        if any(isinstance(each, ast.Starred) for each in call.args) or not self._is_of_user(call):
            return False
        names = [each.arg for each in constructor.args.args[1:]]
        given = dict(zip(names, call.args))  # noqa: B905  # the others have names, or defaults
        given |= {each.arg: each.value for each in call.keywords if each.arg is not None}
        value = given.get(name)
        if not isinstance(value, ast.Name):
            return isinstance(value, ast.Constant)
        bindings = self._source.scope(call).bindings.get(value.id, [])
        nonlocals = self._source.scope(self._source.tree).nonlocals
        is_one = [each.kind for each in bindings] == ["parameter"]
        return is_one and value.id not in nonlocals

    def _is_of_user(self, call: ast.Call) -> bool:
        """Whether a call stands in the constructor of the one class that applies the module."""
        source = self._source
        function, user = source.function_around(call), source.class_around(call)
        name = function.name if function is not None and source.parent(function) is user else ""
        (instance,) = self._facts.instances(self._place.owner)
        calls = (each.node for each in self._facts.calls(instance))
        is_one = all(source.has(each) and source.class_around(each) is user for each in calls)
        return is_one and name == "__init__"


def is_asking(use: Use) -> bool:
    """Whether a use of a tensor tells no more than its shape, or is told by another one as well."""
    if use.kind in ("method", "read"):
        return use.name in _ASKING or use.kind == "method"
    return use.kind == "operand"


def _flattens(path: str, node: ast.AST) -> bool:
    """Whether a call makes one dimension of all but the first."""
    count = {"torch.Tensor.flatten": 1, "torch.flatten": 2}.get(path)
    match node:
        case ast.Call(args=[*_, ast.Constant(value=1)] as args, keywords=[]):
            return len(args) == count
    return False


def _is_flat(value: Value) -> bool:
    """Whether a tensor has nothing but features."""
    return getattr(getattr(value, "producer", None), "path", "").endswith(".flatten")
