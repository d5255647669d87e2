"""What was seen in a run as plain data: by files, and in each by expressions."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ...files import FileError, decoded, read_bytes
from ...seen.schema import text_hash

Json = dict[str, Any]


def files_told(seen: Mapping[Any, Mapping[str, Json]], roots: Sequence[str]) -> Json:
    """What was seen, as ``seen.schema`` has it, in the files below some directories."""
    files: dict[str, Json] = {}
    for (file, place), events in seen.items():
        if file not in files:
            files[file] = _start(file, roots)
        if files[file]:
            told = [_with_places(each) for each in events.values()]
            files[file]["expressions"].append({"place": [*place], "seen": told})
    return {os.path.realpath(file): told for file, told in files.items() if told}


def _start(file: str, roots: Sequence[str]) -> Json:
    """A file of which nothing is told yet; nothing for one that is no source of the project's."""
    paths = (os.path.abspath(file), os.path.realpath(file))  # noqa: PTH100
    if not any(_is_below(path, root) for path in paths for root in roots):
        return {}
    try:
        text = decoded(read_bytes(file)).text
    except FileError:
        return {}
    return {"sha256": text_hash(text), "expressions": []}


def _is_below(path: str, root: str) -> bool:
    """Whether a file is of the project in a directory, and not of what is installed in that."""
    installed = f"{os.sep}site-packages{os.sep}"
    return any(
        path.startswith(each) and installed not in path[len(each) - 1 :]
        for each in (os.path.join(root, ""), os.path.join(os.path.realpath(root), ""))  # noqa: PTH118
    )


def _with_places(value: Any) -> Any:
    """Plain data with the expressions that tensors stem from as text."""
    if isinstance(value, dict):
        return {name: _with_places(each) for name, each in value.items()}
    if isinstance(value, list):
        return [*map(_with_places, value)]
    if isinstance(value, tuple):
        file, place = value
        return ":".join(map(str, (os.path.realpath(file), *place)))
    return value
