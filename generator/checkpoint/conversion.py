"""Convert a file with a checkpoint of the original to one for the split model, or back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import nn

from ..command.conversion_options import Conversion
from ..command.report import Report, Status
from ..files import FileError
from ..key_lists import shortened
from ..load_model import ModelError, load_model
from ..one_line import in_one_line
from .contents import Contents, contents_of, optimizers_in, state_dicts_in
from .convert import Converted, convert
from .files import Checkpoint, is_safetensors, read_checkpoint, write_checkpoint

_HINT = (
    "Is it a checkpoint of this model, split or not, built as it was then? If the source was split"
    " with",
    "--no-checkpoint, the model takes no weights of the original: split it again without.",
)


class _Failure(Exception):
    """What failed, why in one line, and more of it in others."""

    def __init__(self, path: str, reason: str, details: Sequence[str] = ()) -> None:
        super().__init__(reason)
        self.path = path
        self.reason = reason
        self.details = details


def convert_checkpoint(asked: Conversion, report: Report) -> Status:
    """Convert a file to a file, and say which keys moved.

    Raises:
        UsageError: safetensors is needed, and is not installed.
    """
    try:
        converted, contents, old_links = _write_converted(asked)
    except _Failure as failure:
        return report.failure(failure.path, failure.reason, failure.details)
    if old_links:
        report.old_links(asked.new, old_links)
    for warning in _warnings(contents, asked.new):
        report.warning(asked.old, warning)
    return report.converted(asked.new, converted)


def _write_converted(asked: Conversion) -> tuple[Converted, Contents, int]:
    with _failing(asked.old):
        read = read_checkpoint(asked.old)
        contents = contents_of(read.whole, asked.key)
    with _failing(str(asked.model.place)):
        model = load_model(asked.model)
    with _failing(asked.old):
        converted = _converted(asked.old, contents.state_dict, model)
    with _failing(asked.new):
        state = converted.state_dict
        whole = state if is_safetensors(asked.new) else contents.replaced(state)
        old_links = write_checkpoint(asked.new, Checkpoint(whole, read.header))
    return converted, contents, old_links


@contextmanager
def _failing(path: str) -> Iterator[None]:
    try:
        yield
    except (FileError, ModelError) as error:
        raise _Failure(path, str(error)) from error


def _converted(path: str, old: Mapping[str, Any], model: nn.Module) -> Converted:
    try:
        return convert(old, model)
    except RuntimeError as error:
        text = str(error)
        hint = _HINT if "Missing key" in text and "Unexpected key" in text else ()
        head, *lines = shortened(text)
        raise _Failure(path, f"does not fit the model: {head}", [*lines, *hint]) from error
    except Exception as error:  # a model loads as it likes
        raise FileError(f"cannot be loaded by the model: {in_one_line(error)}") from error


def _warnings(contents: Contents, new: str) -> Iterator[str]:
    others = contents.others
    if is_safetensors(new) and others:
        yield f"{', '.join(others)}: left out, as a file of safetensors holds one state dict alone"
        return
    for key in optimizers_in(others):
        yield f"{key}: kept as it was, but it is of the old parameters"
    for key in state_dicts_in(others):
        yield f"{key}: kept as it was, with the old keys"
