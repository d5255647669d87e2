"""What was seen in a run, as a file of JSON has it.

The file, as ``--facts`` writes it::

    {
      "schema": "gencode facts",
      "version": 1,
      "python": "3.11.7",
      "torch": "2.13.0",
      "columns": true,
      "models": ["Net(groups=2)"],
      "files": {
        "models/net.py": {
          "sha256": "of its text in UTF-8",
          "expressions": [{"place": [12, 8, 12, 30], "seen": [...]}]
        }
      }
    }

A path is relative to the file of facts where it lies below its directory. A place is line, column,
last line and last column as ``ast`` has them: lines from 1, columns in bytes of UTF-8 from 0;
without ``columns`` (Python 3.10 does not tell them) columns are -1, and rules do not use what was
seen. ``seen`` has all that was different from one time to another::

    {
      "kind": "function",                what was called: "function" of torch, or "module";
                                         "built" of a module that is constructed;
                                         "too many" where there was too much to be kept;
                                         "not each time" where it was evaluated otherwise too
      "what": "torch.Tensor.view",       its path; of a module its class
      "direct": true,                    whether the expression itself calls it
      "given": [V, ...],                 its arguments
      "named": {"dim": V},               those by name
      "gave": V,                         its result
      "has": {"groups": V},              of what is built: its settings
      "modules": ["layer1.0", ...],      in which modules; of what is built: which
      "modes": ["eval", "train"]         in which modes
    }

A value ``V`` is one of ``{"shape": [2, 8, 4, 4], "dtype": "float32", "from": "..."}`` of a tensor,
with ``"parameter": true`` of a parameter; ``{"value": 3}`` of a number, a string, True, False or
None; ``{"size": [2, 8]}`` of a shape; ``{"items": [V, ...]}`` of a tuple or list; and
``{"class": "slice"}`` of anything else. A tensor stems ``from`` ``input``, or from an expression:
``models/net.py:12:8:12:30``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

SCHEMA: Final = "gencode facts"
VERSION: Final = 1
_COLONS: Final = 4  # in what a tensor stems from, behind the path
Place = tuple[int, int, int, int]
Event = Mapping[str, Any]


class SchemaError(ValueError):
    """What was read is no file of facts; the message says why."""


def text_hash(text: str) -> str:
    """What tells the state of a source."""
    from hashlib import sha256  # slow to import

    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Seen:
    """What was seen in one run or several.

    Attributes:
        content: the whole, as a file has it.
    """

    content: Mapping[str, Any]

    @property
    def files(self) -> Mapping[str, Mapping[str, Any]]:
        """The files that something was seen of, by their paths."""
        files: Mapping[str, Mapping[str, Any]] = self.content["files"]
        return files

    @property
    def has_columns(self) -> bool:
        """Whether an expression is told from others on its line."""
        return bool(self.content["columns"])

    @cached_property
    def _by_hash(self) -> dict[str, list[Mapping[str, Any]]]:
        found: dict[str, list[Mapping[str, Any]]] = {}
        for each in self.files.values():
            found.setdefault(each["sha256"], []).append(each)
        return found

    def of(self, text: str) -> Mapping[Place, Sequence[Event]]:
        """What was seen in a source with this text, by places; nothing of another state of it."""
        found: dict[Place, list[Event]] = {}
        for file in self._by_hash.get(text_hash(text), ()) if self.has_columns else ():
            for each in file["expressions"]:
                start, column, end, end_column = each["place"]
                found.setdefault((start, column, end, end_column), []).extend(each["seen"])
        return found

    def dumped(self) -> str:
        """The text of a file."""
        return json.dumps(self.content, indent=1, sort_keys=False) + "\n"


def loaded(text: str) -> Seen:
    """What a file has.

    Raises:
        SchemaError: it has something else.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SchemaError("is no JSON") from error
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise SchemaError("has no facts of a run")
    if content.get("version") != VERSION:
        raise SchemaError(f"has facts of version {content.get('version')}, and not {VERSION}")
    if not _is_well_formed(content):
        raise SchemaError("has facts that are not as they were written")
    return Seen(content)


def _is_well_formed(content: Mapping[str, Any]) -> bool:
    files = content.get("files")
    return (
        isinstance(content.get("columns"), bool)
        and isinstance(files, dict)
        and all(
            isinstance(each, dict)
            and isinstance(each.get("sha256"), str)
            and isinstance(each.get("expressions"), list)
            and all(map(_is_expression, each["expressions"]))
            for each in files.values()
        )
    )


def _is_expression(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    place, seen = value.get("place"), value.get("seen")
    return (
        isinstance(place, list)
        and len(place) == 4
        and all(isinstance(each, int) for each in place)
        and isinstance(seen, list)
        and all(isinstance(each, dict) and isinstance(each.get("kind"), str) for each in seen)
    )


def joined(runs: Sequence[tuple[str, Mapping[str, Any]]]) -> Seen:
    """What was seen in several runs, each of which a model's expression is told of."""
    files: dict[str, dict[str, Any]] = {}
    for _, run in runs:
        for path, told in run["files"].items():
            own = files.setdefault(path, {"sha256": told["sha256"], "expressions": []})
            own["expressions"] += told["expressions"]
    _, first = runs[0]
    return Seen(
        {
            **{"schema": SCHEMA, "version": VERSION},
            **{"python": first["python"], "torch": first["torch"]},
            "columns": all(run["columns"] for _, run in runs),
            "models": [model for model, _ in runs],
            "files": files,
        }
    )


def with_paths(seen: Seen, renamed: Callable[[str], str]) -> Seen:
    """The same with other paths of its files, also where they say what a tensor stems from."""

    def of(value: Any) -> Any:
        if isinstance(value, list):
            return [*map(of, value)]
        if not isinstance(value, dict):
            return value
        found = {name: of(each) for name, each in value.items()}
        if isinstance(found.get("from"), str) and found["from"].count(":") >= _COLONS:
            path, *place = found["from"].rsplit(":", _COLONS)
            found["from"] = ":".join([renamed(path), *place])
        return found

    files = {renamed(path): of(told) for path, told in seen.files.items()}
    return Seen({**seen.content, "files": files})
