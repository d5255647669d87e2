"""``--convert-checkpoint`` on the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..files import STDIN, UsageError

if TYPE_CHECKING:
    from ..load_model import ModelSource

_OURS = ("--convert-checkpoint", "--checkpoint-key")


@dataclass(frozen=True)
class Conversion:
    """What is to be converted.

    Attributes:
        old: the file to read.
        new: the file to write.
        model: what builds the model that the new file is for.
        key: what the file has the state dict under; None to look for it.
    """

    old: str
    new: str
    model: ModelSource
    key: str | None


def add_conversion_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that make a command line one to convert a checkpoint."""
    group = parser.add_argument_group("for a checkpoint")
    group.add_argument(
        "--convert-checkpoint",
        nargs=2,
        metavar=("OLD", "NEW"),
        help="have the model load the weights in OLD, and write to NEW what it then holds, under"
        " the keys of its own; say which moved; split nothing. Both are files of torch or, by their"
        " suffix, .safetensors. The precision and a prefix of all keys, such as module., are kept;"
        " tensors are on the CPU. In a checkpoint of a training the state dict is replaced, and all"
        " else stays: the state of an optimizer fits the old model only, which a warning says. What"
        " does not fit the model is refused in torch's words, and nothing is written",
    )
    group.add_argument(
        "--checkpoint-key",
        metavar="KEY",
        help="what OLD has the state dict under, where it has several",
    )


def conversion_of(
    parsed: argparse.Namespace, make_parser: Callable[[], argparse.ArgumentParser]
) -> Conversion | None:
    """The conversion that a command line asks for, if it does.

    Args:
        parsed: what was given.
        make_parser: makes the parser of it, to tell what was.

    Raises:
        UsageError: it asks for something else too, or not for all of it.
    """
    set_to = {_name(key): value for key, value in vars(parsed).items()}
    ours = [name for name in set_to if name in _OURS and set_to[name] is not None]
    if not ours:
        return None
    defaults = {_name(key): value for key, value in vars(make_parser().parse_args([])).items()}
    allowed = (*_OURS, "--model", "--format")
    others = [name for name in set_to if name not in allowed and set_to[name] != defaults[name]]
    if parsed.convert_checkpoint is None:
        raise UsageError(f"{ours[0]} goes with --convert-checkpoint OLD NEW")
    if others:
        raise UsageError(f"--convert-checkpoint does not go with {', '.join(others)}")
    if parsed.model is None or len(parsed.model) != 1:
        raise UsageError("--convert-checkpoint needs the model: --model FILE:EXPRESSION")
    old, new = parsed.convert_checkpoint
    if STDIN in (old, new):
        raise UsageError("--convert-checkpoint takes two files, and no -")
    from ..load_model import model_source  # slow to import

    return Conversion(old, new, model_source(parsed.model[0]), parsed.checkpoint_key)


def _name(key: str) -> str:
    return "a SOURCE" if key == "sources" else f"--{key.replace('_', '-')}"
