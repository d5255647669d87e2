"""Read and write checkpoints, as torch or, by the suffix of the name, as safetensors does."""

from __future__ import annotations

import io
import json
import os
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from ..command.extras import needing
from ..file_writing import write_typed
from ..files import FileError, read_bytes
from ..one_line import in_one_line
from ..temporaries import remove_dead_in


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds.

    Attributes:
        whole: a state dict, or what else was saved, with one in it.
        header: the texts that a file of safetensors has besides.
    """

    whole: object
    header: Mapping[str, str] = field(default_factory=dict)


def is_safetensors(path: str) -> bool:
    """Whether a file is one of safetensors, which holds tensors alone."""
    return Path(path).suffix.lower() == ".safetensors"


def read_checkpoint(path: str) -> Checkpoint:
    """Read a checkpoint to the CPU, without running any code that is in it.

    Raises:
        FileError: it cannot be read, or not without running code.
        UsageError: safetensors is not installed.
    """
    data = read_bytes(path)
    if is_safetensors(path):
        return _read_safetensors(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old files, and of those of TorchScript
            return Checkpoint(torch.load(io.BytesIO(data), map_location="cpu", weights_only=True))
    except UnpicklingError as error:
        raise FileError(_refusal(path, str(error))) from error
    except Exception as error:  # torch raises what it happens to meet
        reason = in_one_line(error).partition(". ")[0]  # what follows is advice for a programmer
        raise FileError(f"is no checkpoint that torch can read: {reason}") from error


def write_checkpoint(path: str, checkpoint: Checkpoint) -> int:
    """Write a checkpoint as a whole or not at all.

    Returns:
        How many other hard links to the file keep what it had.

    Raises:
        FileError: it cannot be written.
        UsageError: safetensors is not installed.
    """
    if is_safetensors(path):
        data = _safetensors(checkpoint)
    else:
        buffer = io.BytesIO()
        torch.save(checkpoint.whole, buffer)
        data = buffer.getvalue()
    remove_dead_in(Path(os.path.realpath(path)).parent)
    return write_typed(Path(path), data)


def _refusal(path: str, message: str) -> str:
    found = re.search(r"(?:GLOBAL|class) (\S+)", message)
    if found is None:
        return "is no checkpoint that torch can read safely"
    return (
        f"is not read, as loading it may run code ({found[1]}); if you trust the file, save its"
        f" state dict alone, from torch.load({path!r}, weights_only=False)"
    )


def _read_safetensors(data: bytes) -> Checkpoint:
    library = _library()
    try:
        tensors = library.load(data)
    except Exception as error:  # of a class that is not exported everywhere
        raise FileError(f"is no file of safetensors: {in_one_line(error)}") from error
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return Checkpoint(tensors, header.get("__metadata__", {}))


def _safetensors(checkpoint: Checkpoint) -> bytes:
    library = _library()
    header = {"format": "pt", **checkpoint.header}  # without which some do not read it
    try:
        data: bytes = library.save(_each_once(checkpoint.whole), header)
    except Exception as error:
        raise FileError(f"cannot be written: {in_one_line(error)}") from error
    return data


def _each_once(state: Any) -> dict[str, Any]:
    """A state dict in which no two tensors share memory, which safetensors does not take."""
    seen: set[int] = set()
    result = {}
    for key, value in state.items():
        result[key] = value.clone() if isinstance(value, Tensor) and id(value) in seen else value
        seen.add(id(value))
    return result


def _library() -> ModuleType:
    with needing("safetensors[torch]"):
        import safetensors.torch
    return safetensors.torch
