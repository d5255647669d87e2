"""Tell whether something is a norm that goes over each channel by itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from ... import torch_api
from ...facts.classes import Class
from ...facts.facts import Facts
from ...facts.project import Module
from ...facts.values import (
    STRANGE,
    Bound,
    Constant,
    External,
    Instance,
    Object,
    Value,
    Values,
    is_strange,
)
from ...reading.classes import ClassIndex
from ...reading.kept import kept
from ...reading.names import meaning
from ...reading.parts import walk
from ...reading.scopes import FUNCTIONS
from ...reading.source import Source
from ..reading import is_only_read
from .layered import norm_held
from .own_norms import own_norms

NORMS: Final = torch_api.BATCH_NORMS | torch_api.INSTANCE_NORMS
"""torch's norms that go over each channel by itself."""
_COUPLED: Final = frozenset(
    f"torch.nn.{each}" for each in ("GroupNorm", "LayerNorm", "RMSNorm", "LocalResponseNorm")
)
_LIKE_A_NORM: Final = re.compile(r"norm|bn|batch", re.IGNORECASE)
_BY_CHANNEL: Final = re.compile(r"(Batch|Instance)Norm")
_OWN_MODULE: Final = {"torch.nn.Module"}
"""What a class inherits from that is a module of its own."""
NORM_TENSORS: Final = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
"""What a norm by channel may have in a state dict."""
_SETTINGS: Final = ("num_features", "eps", "momentum", "affine", "track_running_stats")
NORM_READS: Final = frozenset(_SETTINGS)
"""What a norm in parts gives as the whole does."""


@dataclass(frozen=True)
class Kind:
    """What an expression gives.

    Attributes:
        name: ``"norm"``, by channel, of torch; ``"unclear"``, what may be one when it is built;
            ``"coupled"``, a norm over several channels; ``"other"``.
        reason: why it is to stay after the concatenation, if so.
    """

    name: Literal["norm", "unclear", "coupled", "other"]
    reason: str = ""


TRYING: Final = frozenset(("norm", "unclear"))
"""The kinds that are to be split, if they turn out so when they are built."""
_OTHER: Final = Kind("other")
_UNCLEAR: Final = Kind("unclear")


class Kinds:
    """Tells what the expressions of one source give."""

    def __init__(self, index: ClassIndex, facts: Facts) -> None:
        self.index = index
        self.facts = facts

    def of(self, value: ast.expr, attribute: str = "") -> Kind:
        """What an expression gives, that an attribute may be given."""
        shown = f"{ast.unparse(value)} {attribute}"
        return self.of_values(self.facts.values(value), shown)

    def of_values(self, values: Values, shown: str) -> Kind:
        """What one of some values is.

        Args:
            values: the values.
            shown: how they are named: what is not known is taken for a norm by its name; when it
                is built, that is checked.
        """
        if not values:
            return _OTHER  # it is never run
        kinds = {self._of_value(each, shown) for each in values}
        found = [each for each in kinds if each.name != "other"]
        if len(kinds) == 1 or (found and all(each.name == "coupled" for each in found)):
            return min(found or kinds, key=lambda each: each.reason)
        return _UNCLEAR if found else _OTHER

    def _of_value(self, value: Value, shown: str) -> Kind:
        match value:
            case Object(kind=kind) if kind in NORMS:
                return self._of_torch(value, kind.rpartition(".")[2])
            case Object(kind=kind) if kind in _COUPLED:
                return Kind("coupled", f"a {kind.rpartition('.')[2]} goes over several channels")
            case Object(kind=kind) if not kind.startswith(STRANGE):
                return _OTHER
            case Instance(cls=cls):
                if not is_norm((value,)):
                    return _OTHER
                is_split = cls.node in own_norms(self.index)
                if is_split or not self.index.source.has(cls.node):
                    return _UNCLEAR
                base = next((each for each in cls.externals if each in NORMS), "")
                of = f"a subclass of {base.rpartition('.')[2]}" if base else "more than a norm"
                return Kind("unclear", f"{cls.name} is {of}")
            case Constant() | External() | Bound():
                return _OTHER
        return _by_name(f"{shown} {name_of(value)}")

    def _of_torch(self, norm: Object, name: str) -> Kind:
        if norm.kind in torch_api.INSTANCE_NORMS:
            return Kind("norm")
        tracks = self.facts.argument(norm, 4, "track_running_stats")
        known = [each.value for each in tracks if isinstance(each, Constant)]
        if known and len(known) == len(tracks) and not any(known):
            reason = f"a {name} without running statistics is taken by PLiNIO only there"
            return Kind("norm", reason)
        return Kind("norm") if all(known) and len(known) == len(tracks) else _UNCLEAR

    def may_be_norm(self, node: ast.expr) -> bool:
        """Whether an expression may be a norm that goes over each channel by itself."""
        return not self.facts.values(node) or self.of(node, "norm").name in TRYING


def seems_a_norm(index: ClassIndex, value: ast.expr, attribute: str) -> bool:
    """Whether what an attribute is given may be a norm, by the text alone."""
    source = index.source
    if is_like_a_norm(attribute):
        return True
    callees = [each.func for each in walk(value) if isinstance(each, ast.Call)]
    found = [meaning(source, each) for each in callees]
    codes = [source.code(each.node) for each in found if isinstance(each.node, FUNCTIONS)]
    if any(map(_BY_CHANNEL.search, codes)):
        return True
    return any(is_like_a_norm(source.code(each)) for each in callees)


def is_norm(values: Iterable[Value]) -> bool:
    """Whether one of some values is a norm by channel of torch, or of a subclass of it."""
    return any(
        (isinstance(each, Object) and each.kind in NORMS)
        or (isinstance(each, Instance) and not NORMS.isdisjoint(each.cls.externals))
        or (isinstance(each, Instance) and _holds_norm(each.cls))
        for each in values
    )


def may_be_split(value: Value) -> bool:
    """Whether a value may be what is split, or hold it: no module of a class of its own.

    Instances of a class are not told apart, and those of such a class are split by nobody.
    """
    if isinstance(value, Instance):
        return {*value.cls.externals} != _OWN_MODULE or is_norm((value,))
    return isinstance(value, Object)


def _holds_norm(cls: Class) -> bool:
    """Whether a class is one that the rule norm-subclass has made a module that holds a norm."""
    return any(_is_made_to_hold_norm(each.module, each.node) for each in cls.order)


@kept
def _is_made_to_hold_norm(module: Module, node: ast.ClassDef) -> bool:
    return norm_held(node) is not None


def tensors_of(source: Source, call: ast.Call) -> set[str]:
    """The names of what a norm of torch that goes over each channel may have in a state dict."""
    is_batch_norm = "InstanceNorm" not in meaning(source, call.func).path
    given = dict(zip(_SETTINGS, call.args, strict=False))
    given |= {str(each.arg): each.value for each in call.keywords}

    def may_be(parameter: str) -> bool:
        value = given.get(parameter)
        if value is None:
            return is_batch_norm
        return not isinstance(value, ast.Constant) or bool(value.value)

    found = {*NORM_TENSORS[:2]} if may_be("affine") else set()
    return found | ({*NORM_TENSORS[2:]} if may_be("track_running_stats") else set())


def is_statistic_read(index: ClassIndex, attribute: ast.Attribute) -> bool:
    """Whether an attribute gives the statistics of a norm, and they are only read."""
    is_statistic = attribute.attr in ("running_mean", "running_var")
    return is_statistic and is_only_read(index, attribute)


def is_like_a_norm(name: str) -> bool:
    """Whether something may be a norm by its name."""
    return _LIKE_A_NORM.search(name) is not None


def name_of(value: Value) -> str:
    """What is written where something is made that is not known: a norm is named there."""
    site = getattr(value, "site", None)
    return ast.unparse(site.func) if isinstance(site, ast.Call) and is_strange(value) else ""


def _by_name(shown: str) -> Kind:
    return _UNCLEAR if is_like_a_norm(shown) else _OTHER
