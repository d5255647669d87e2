"""Which construct of a model made one of PLiNIO's methods fail, told from its error."""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterator
from types import FrameType
from typing import Final

from torch import fx, nn

from ..one_line import in_one_line
from .places import users_frames

GROUPED: Final = "a grouped convolution"
GROUPED_3D: Final = "a grouped Conv3d"
NESTED_CAT: Final = "a torch.cat that reaches another one"
SHUFFLE: Final = "a channel shuffle by view and transpose"
SUM_OF_CATS: Final = "a sum of two torch.cat, when pruned"
NORM_AFTER_CAT: Final = "a BatchNorm after a torch.cat, when pruned"
OF_THE_INPUT: Final = "a depthwise convolution of the input"
GIVEN_TWICE: Final = "a layer that is called twice"

# What its errors mean that do not say it; each was made to happen by a model of that and no more.
# (PLiNIO, commit 3d6b5e0)
_MEANINGS: Final = {
    "not other groupwise versions": GROUPED,
    "only Conv3d with groups": GROUPED_3D,
    "'PITConcatFeaturesMasker' object has no attribute": NESTED_CAT,
    "'input_features_set_by'": SHUFFLE,
    "must match the size of tensor": SUM_OF_CATS,
}
_UNSUPPORTED: Final = re.compile(r"Unsupported node (\S+) \(op: (\w+), target: (.*)\)", re.DOTALL)
_ADDRESS: Final = re.compile(r" at 0x[0-9a-f]+")
_FUNCTION: Final = re.compile(r"<(?:built-in )?(?:function|method) (\w+)")
_OPERATORS: Final = {"add": "+", "sub": "-", "mul": "*", "truediv": "/", "pow": "**", "neg": "-"}


def construct(error: Exception, net: nn.Module) -> str:
    """The construct of a model that made a method fail.

    Args:
        error: what the method has raised.
        net: the model.
    """
    message = str(error)
    for words, meaning in _MEANINGS.items():
        if words in message:
            return meaning
    unsupported = _UNSUPPORTED.match(message)
    if unsupported is not None:
        return _of_node(net, *unsupported.groups())
    if isinstance(error, KeyError) and isinstance(error.args[0], fx.Node):
        return OF_THE_INPUT
    running = [*users_frames(error.__traceback__)]
    if running:
        return f"`{_code(*running[-1])}`"
    return f"{type(error).__name__}: {message.partition('. ')[0]}"


def own_words(error: Exception) -> str:
    """What an error says, in one line, without what is another in each run."""
    return _ADDRESS.sub("", in_one_line(error))


def called(function: str) -> str:
    """A function or an operator as it stands in a source."""
    return f"`{_OPERATORS[function]}`" if function in _OPERATORS else f"`{function}()`"


def _of_node(net: nn.Module, name: str, operation: str, target: str) -> str:
    if operation == "call_module":
        return f"nn.{type(net.get_submodule(target)).__name__}"
    if operation == "call_method":
        return f"`.{target}()`"
    function = _FUNCTION.match(target)
    return called(function.group(1) if function is not None else name)


def _code(frame: FrameType, last: int, line: int) -> str:
    """The expression at fault, or its line where Python does not tell: before 3.11."""
    text = linecache.getline(frame.f_code.co_filename, line)
    first, end, start, stop = _position(frame, last)
    is_in_line = first == end == line and start is not None
    return (text.encode()[start:stop].decode() if is_in_line else text).strip()


def _position(frame: FrameType, last: int) -> tuple[int | None, ...]:
    positions: Iterator[tuple[int | None, ...]] = getattr(
        frame.f_code, "co_positions", lambda: iter(())
    )()
    for number, each in enumerate(positions):
        if number == last // 2:
            return each
    return None, None, None, None
