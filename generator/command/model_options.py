"""``--model`` on the command line: which models are run, on what, and for how long."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..files import STDIN, UsageError, is_directory
from ..limits import MODEL_GIGABYTES, MODEL_SECONDS
from .extras import is_installed

if TYPE_CHECKING:
    from ..proof import Asked

_NEED_A_MODEL: Final = (
    *("input_shape", "inputs", "verify", "force", "plinio", "time_limit", "memory_limit"),
)


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that have a model run."""
    group = parser.add_argument_group("to run a model, and to prove what is written")
    group.add_argument(
        "--model",
        metavar="[FILE:]EXPRESSION",
        action="append",
        help="build this model, as it is and as split, each in a process of its own that runs its"
        " code, and prove that both compute the same: Net(groups=2) in the SOURCE,"
        " models/net.py:Net, or package.module:build(), which is imported; called if it is a class"
        " or a function; may be repeated. With --convert-checkpoint, the model that NEW is for,"
        " split or, to have parts joined again, the original: parts are joined if they are all"
        " there and equal, those too that an earlier gencode has split (conv.convs.0.weight). It"
        " needs torch",
    )
    group.add_argument(
        "--input-shape",
        metavar="N,N",
        action="append",
        type=_shape,
        help="the shape of the model's input, without the batch; may be repeated, for several"
        " inputs (default: the model's own input_shape, as PLiNIO has it)",
    )
    group.add_argument(
        "--inputs",
        metavar="EXPRESSION",
        help="what to call the model with, where it is something else: one value, a tuple of them,"
        ' or a dict of keyword arguments, as in "torch.randint(9, (2, 5)), None"',
    )
    group.add_argument(
        "--facts",
        metavar="FILE",
        help="keep in FILE what a model was seen to do (python -m pydoc gencode.seen.schema), which"
        " rules ask where the source does not tell; without --model, ask what an earlier run has"
        " kept there: what it says of a file that has changed since is not used, which is said",
    )
    group.add_argument(
        "--no-verify",
        dest="verify",
        action="store_false",
        default=None,
        help="do not prove what is written",
    )
    group.add_argument(
        "--force",
        action="store_true",
        default=None,
        help="write what is not proved, too; it is said, and the exit status is 4",
    )
    group.add_argument(
        "--plinio",
        action="store_true",
        default=None,
        help="give the model to PLiNIO's methods PIT, MPS and SuperNet too, as it is and as it is"
        " to be, and say what is first in the way of each, where, and what to do; without PLiNIO,"
        " which is not on PyPI, what a trace of the model shows to be in their way",
    )
    group.add_argument(
        "--time-limit",
        metavar="SECONDS",
        type=_positive,
        help=f"how long a model may take to be built and run (default: {MODEL_SECONDS})",
    )
    group.add_argument(
        "--memory-limit",
        metavar="GIGABYTES",
        type=_positive,
        help=f"and how much memory, where the system has such a limit (default: {MODEL_GIGABYTES})",
    )


def asked_models(parsed: argparse.Namespace, are_proved: bool = True) -> Asked | None:
    """The models that a command line asks to be run, if it does.

    Args:
        parsed: the command line.
        are_proved: whether those are meant that are to be proved, and not all.

    Raises:
        UsageError: they cannot be meant, or torch is not there.
    """
    if parsed.model is None:
        for name in _NEED_A_MODEL:
            if getattr(parsed, name) is not None:
                option = "no-verify" if name == "verify" else name.replace("_", "-")
                raise UsageError(f"--{option} goes with --model")
        return None
    _check(parsed)
    if parsed.verify is False and are_proved and not parsed.plinio:
        return None
    from ..load_model import model_source  # slow to import
    from ..proof import Asked

    default = _default(parsed.sources)
    return Asked(
        models=tuple(model_source(each, default) for each in parsed.model),
        shapes=tuple(parsed.input_shape or ()),
        inputs=parsed.inputs,
        seconds=parsed.time_limit or MODEL_SECONDS,
        gigabytes=parsed.memory_limit or MODEL_GIGABYTES,
        is_to_prove=parsed.verify is not False,
        is_to_try=bool(parsed.plinio),
    )


def _check(parsed: argparse.Namespace) -> None:
    if parsed.list:
        raise UsageError("--model does not go with --list, which makes nothing that could be run")
    if STDIN in parsed.sources:
        raise UsageError("--model does not go with standard input")
    if parsed.input_shape and parsed.inputs is not None:
        raise UsageError("--input-shape does not go with --inputs")
    if parsed.inputs is not None:
        try:
            compile(parsed.inputs, "<inputs>", "eval")
        except (SyntaxError, ValueError) as error:
            raise UsageError(f"--inputs {parsed.inputs!r} is no expression") from error
    if not is_installed("torch"):
        raise UsageError("--model needs torch: pip install 'torch'")


def _default(sources: list[str]) -> Path | None:
    """The file that an expression by itself is for: the one that is split."""
    is_one = len(sources) == 1 and not is_directory(sources[0])
    return Path(sources[0]) if is_one else None


def _shape(text: str) -> tuple[int, ...]:
    parts = [each.strip() for each in text.split(",")]
    if not all(each.isdecimal() and int(each) > 0 for each in parts):
        raise argparse.ArgumentTypeError(f"{text} is not a shape, as 3,32,32 is")
    return tuple(map(int, parts))


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return number
