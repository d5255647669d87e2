"""What PLiNIO's methods make of a model: they take it, or the first construct that they do not."""

from __future__ import annotations

import contextlib
import io
import linecache
import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from equivalence import grouped_left
from plinio_checks import (
    convert,
    example,
    exported,
    norms_after_cat,
    prune,
    randomise,
    true_size,
)

Further: TypeAlias = Callable[[str, nn.Module, Tensor], str]
METHODS = ("PIT", "MPS", "SuperNet")
TAKEN = "yes"
MISCOUNTED = "counted wrongly"
_UNSUPPORTED = re.compile(r"Unsupported node (\S+) \(op: (\w+), target: (.*)\)", re.DOTALL)
_FUNCTION = re.compile(r"<(?:built-in )?(?:function|method) (\w+)")
_OPERATORS = {"add": "+", "sub": "-", "mul": "*", "truediv": "/", "pow": "**", "neg": "-"}
# What its errors mean that do not say it; each was made to happen by a model of that and no more.
_MEANINGS = {
    "not other groupwise versions": "a grouped convolution",
    "only Conv3d with groups": "a grouped Conv3d",
    "'PITConcatFeaturesMasker' object has no attribute": "a torch.cat that reaches another one",
    "'input_features_set_by'": "a channel shuffle by view and transpose",
    "must match the size of tensor": "a sum of two torch.cat, when pruned",
}


def outcome(method: str, build: Callable[[], nn.Module]) -> str:
    """What a method makes of a model with random weights.

    ``TAKEN`` where it converts it, counts its true weights and computes the same, for PIT after
    pruning and export too; or else what is in its way.
    """
    torch.manual_seed(0)
    net = build().eval()
    randomise(net)
    return outcome_of(method, net)


def outcome_of(
    method: str,
    net: nn.Module,
    more: Further | None = None,
    place_of: Callable[[Exception], str] | None = None,
) -> str:
    """The same for a model in eval mode, of which its ``input_shape`` is known.

    Args:
        method: of PLiNIO.
        net: the model, which the method changes.
        more: what else is asked of one that is taken, with what the method has made of it.
        place_of: says where in the source of the model an error comes from.
    """
    x = example(net)
    with torch.no_grad():
        expected = net(x)
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # of torch.fx, about what is caught here
            return _taken(method, net, x, expected, more or _nothing_more)
    except Exception as error:
        place = place_of(error) if place_of is not None else ""
        return " at ".join(filter(None, (construct(error, net), place)))


def _nothing_more(method: str, converted: nn.Module, x: Tensor) -> str:
    return TAKEN


def _taken(method: str, net: nn.Module, x: Tensor, expected: Tensor, more: Further) -> str:
    sizes = _sizes(net, x, biases=method != "MPS")
    arguments = {"PIT": {"discrete_cost": True}, "SuperNet": {"full_cost": True}, "MPS": _bits()}
    converted = convert(method, net, copies=False, **arguments[method])
    unused = set() if method == "SuperNet" else _unused(converted)
    size = sum(count for name, count in sizes.items() if name not in unused)
    size *= 8 if method == "MPS" else 1
    if float(converted.cost) != size:
        return f"{_miscounted(net)}, {MISCOUNTED}"
    if method == "MPS":  # eight bits are not the same
        return more(method, converted, x)
    if not is_close(converted(x), expected):
        return "converts it, and computes something else"
    found = _pruned(converted, x) if method == "PIT" else TAKEN
    return more(method, converted, x) if found == TAKEN else found


@torch.no_grad()
def _sizes(net: nn.Module, x: Tensor, biases: bool) -> dict[str, int]:
    """What each layer weighs that is called: heads that are for training only are not."""
    found: dict[str, int] = {}
    handles = [
        each.register_forward_pre_hook(
            lambda module, _, name=name: found.update({name: true_size(module, biases)})
        )
        for name, each in net.named_modules()
        if not [*each.children()]
    ]
    net(x)
    for each in handles:
        each.remove()
    return found


def _unused(converted: nn.Module) -> set[str]:
    """The modules that are called for nothing, which PIT and MPS do not count."""
    nodes = [*converted.seed.graph.nodes]
    used = {node for node in nodes if node.op == "output"}
    for node in reversed(nodes):
        used.update(node.all_input_nodes if node in used else ())
    modules = {node for node in nodes if node.op == "call_module"}
    return {str(node.target) for node in modules} - {str(node.target) for node in used}


def _miscounted(net: nn.Module) -> str:
    if grouped_left(net):
        return "a grouped convolution"
    for each in net.modules():
        if getattr(each, "transposed", False):
            return f"nn.{type(each).__name__}"
    return "a layer"


@torch.no_grad()
def _pruned(pit: nn.Module, x: Tensor) -> str:
    """Whether what PIT exports of a pruned model is the masked one."""
    prune(pit)
    masked = pit(x)
    if is_close(exported(pit)(x), masked):
        return TAKEN
    is_late = norms_after_cat(pit.seed)
    return "a BatchNorm after a torch.cat, when pruned" if is_late else "exports something else"


def _bits() -> dict[str, Any]:
    from plinio.methods.mps import get_default_qinfo

    return {"qinfo": get_default_qinfo(w_precision=(8,), a_precision=(8,))}


def is_close(found: Tensor, expected: Tensor) -> bool:
    """Whether an output is the expected one, in float32."""
    return bool((found - expected).abs().max() <= 1e-4 * expected.abs().max())


def construct(error: Exception, net: nn.Module) -> str:
    """The construct of a model that made a method fail."""
    message = str(error)
    for words, meaning in _MEANINGS.items():
        if words in message:
            return meaning
    unsupported = _UNSUPPORTED.match(message)
    if unsupported is not None:
        return _of_node(*unsupported.groups(), net)
    if isinstance(error, KeyError) and isinstance(error.args[0], torch.fx.Node):
        return "a depthwise convolution of the input"
    frames = [each for each in traceback.extract_tb(error.__traceback__) if _is_of_zoo(each)]
    if frames:
        return f"`{_code(frames[-1])}`"
    return f"{type(error).__name__}: {message.partition('. ')[0]}"


def _of_node(name: str, operation: str, target: str, net: nn.Module) -> str:
    if operation == "call_module":
        return f"nn.{type(net.get_submodule(target)).__name__}"
    if operation == "call_method":
        return f"`.{target}()`"
    function = _FUNCTION.match(target)
    called = function.group(1) if function is not None else name
    return f"`{_OPERATORS[called]}`" if called in _OPERATORS else f"`{called}()`"


def _code(frame: traceback.FrameSummary) -> str:
    """The expression at fault, or its line where Python does not tell: before 3.11."""
    line = linecache.getline(frame.filename, frame.lineno or 0)
    return line[getattr(frame, "colno", 0) or 0 : getattr(frame, "end_colno", None)].strip()


def _is_of_zoo(frame: traceback.FrameSummary) -> bool:
    return bool({"zoo", "generated"} & set(Path(frame.filename).parts))
