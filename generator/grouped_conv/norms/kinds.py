"""Tell whether an expression builds a norm that goes over each channel by itself."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Final, Literal

from ...reading.classes import ClassIndex
from ...reading.names import meaning
from ...reading.parts import walk
from ...reading.scopes import FUNCTIONS
from ...reading.source import Source
from ..reading import is_only_read
from .own_norms import own_norms

_BY_CHANNEL: Final = re.compile(r"torch\.nn\.(\w+\.)*(SyncBatchNorm|(Batch|Instance)Norm[123]d)")
_OVER_CHANNELS: Final = re.compile(
    r"torch\.nn\.(\w+\.)*(GroupNorm|LayerNorm|RMSNorm|LocalResponseNorm)"
)
_MORE: Final = re.compile(r"torch\.nn\.(\w+\.)*(Sequential|Linear|(Lazy)?Conv(Transpose)?[123]d)")
_LIKE_A_NORM: Final = re.compile(r"norm|bn|batch", re.IGNORECASE)
NORM_TENSORS: Final = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
"""What a norm by channel may have in a state dict."""
_SETTINGS: Final = ("num_features", "eps", "momentum", "affine", "track_running_stats")
NORM_READS: Final = frozenset(_SETTINGS)
"""What a norm in parts gives as the whole does."""


@dataclass(frozen=True)
class Kind:
    """What an expression builds.

    Attributes:
        name: ``"norm"``, by channel, of torch; ``"unclear"``, what may be one when it is built;
            ``"coupled"``, a norm over several channels; ``"other"``.
        reason: why it is to stay after the concatenation, if so.
    """

    name: Literal["norm", "unclear", "coupled", "other"]
    reason: str = ""


TRYING: Final = frozenset(("norm", "unclear"))
"""The kinds that are to be split, if they turn out so when they are built."""
_OTHER = Kind("other")
_UNCLEAR = Kind("unclear")


def kind_of(index: ClassIndex, value: ast.expr | None, attribute: str) -> Kind:
    """What an expression builds that is given to an attribute."""
    match value:
        case ast.IfExp(body=body, orelse=orelse):
            return _either(kind_of(index, body, attribute), kind_of(index, orelse, attribute))
        case ast.BoolOp(values=values):
            return _either(*(kind_of(index, each, attribute) for each in values))
        case ast.Call():
            return _of_call(index, value, attribute)
        case ast.Name():
            known = index.source.scope(value).only_value(value.id)
            if known is not None:
                return kind_of(index, known[1], attribute)
            return _by_name(value.id, attribute)
        case None | ast.Constant():
            return _OTHER
    return _by_name(index.source.code(value), attribute)


def is_by_channel(path: str) -> bool:
    """Whether a class is one of torch's norms that go over each channel by itself."""
    return _BY_CHANNEL.fullmatch(path) is not None


def is_over_channels(path: str) -> bool:
    """Whether a class is one of torch's norms that go over several channels."""
    return _OVER_CHANNELS.fullmatch(path) is not None


def _either(*kinds: Kind) -> Kind:
    """What one of several is."""
    found = [each for each in kinds if each.name != "other"]
    if not found:
        return _OTHER
    is_coupled = all(each.name == "coupled" for each in found)
    return found[0] if is_coupled else _UNCLEAR


def _of_call(index: ClassIndex, call: ast.Call, attribute: str) -> Kind:
    callee = meaning(index.source, call.func)
    if is_by_channel(callee.path):
        return _of_torch(call, callee.path.rpartition(".")[2])
    if is_over_channels(callee.path):
        name = callee.path.rpartition(".")[2]
        return Kind("coupled", f"a {name} goes over several channels")
    if callee.path.startswith("torch."):
        return _OTHER
    if isinstance(callee.node, ast.ClassDef):
        if callee.node in own_norms(index):
            return _UNCLEAR
        around = index.classes[callee.node].ancestors()
        bases = [base for each in around for base in each.node.bases]
        paths = [meaning(index.source, each).path for each in bases]
        base = next((each.rpartition(".")[2] for each in paths if is_by_channel(each)), "")
        reason = f"{callee.node.name} is a subclass of {base}"
        return Kind("unclear", reason) if base else _OTHER
    if isinstance(callee.node, FUNCTIONS):
        names = [each for each in walk(callee.node) if isinstance(each, ast.Attribute)]
        paths = [meaning(index.source, each).path for each in names]
        if any(_MORE.fullmatch(each) for each in paths):
            return _OTHER
        if any(map(is_by_channel, paths)):
            return _UNCLEAR
    return _by_name(index.source.code(call.func), attribute)


def _of_torch(call: ast.Call, name: str) -> Kind:
    if name.startswith("Instance"):
        return Kind("norm")
    given = _given(call)
    tracks = given.get("track_running_stats")
    if isinstance(tracks, ast.Constant) and not tracks.value:
        return Kind("norm", f"a {name} without running statistics is taken by PLiNIO only there")
    is_clear = tracks is None and not any(isinstance(each, ast.Starred) for each in call.args)
    return Kind("norm") if is_clear and "None" not in given else _UNCLEAR


def _given(call: ast.Call) -> dict[str, ast.expr]:
    """The arguments of a norm of torch, by parameter."""
    given = dict(zip(_SETTINGS, call.args, strict=False))
    return given | {str(each.arg): each.value for each in call.keywords}


def tensors_of(source: Source, call: ast.Call) -> set[str]:
    """The names of what a norm of torch that goes over each channel may have in a state dict."""
    is_batch_norm = "InstanceNorm" not in meaning(source, call.func).path
    given = _given(call)

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


def _by_name(code: str, attribute: str) -> Kind:
    """What cannot be seen is taken for a norm by its name; when it is built, that is checked."""
    return _UNCLEAR if is_like_a_norm(code) or is_like_a_norm(attribute) else _OTHER
