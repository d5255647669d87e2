"""Render templates in Jinja's sandbox; also what the process does that renders those of a user.

That process imports this file by itself, and so it takes nothing of gencode's. See
``template_process.py``.
"""

from __future__ import annotations

import faulthandler
import json
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO, TypeAlias

import jinja2
from jinja2.loaders import split_template_path
from jinja2.sandbox import ImmutableSandboxedEnvironment

_LONGEST_REASON = 300

Loaded: TypeAlias = "tuple[str, str, Callable[[], bool]]"
"""A template's text, its file, and whether that is still the same."""


class Faulty(ValueError):
    """A template cannot be rendered; the message names it, and the line if known."""


class Renderer:
    """Renders macros of templates: each template is a file of macros.

    Args:
        built_in: gives the text of a built-in template, or None.
        directory: one whose files replace those of the same name.
        longest: the bytes that a file of it may have.
    """

    def __init__(
        self,
        built_in: Callable[[str], str | None],
        directory: Path | None = None,
        longest: int = sys.maxsize,
    ) -> None:
        self._built_in = built_in
        self._directory = directory
        self._longest = longest
        self._names: dict[str, str] = {}
        self._environment = ImmutableSandboxedEnvironment(
            loader=jinja2.FunctionLoader(self._load),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(self, template: str, macro: str, value: object) -> str:
        """The text that a template's macro makes of a value.

        Raises:
            Faulty: there is no such macro, or something in it fails.
        """
        found = getattr(self._module(template), macro, None)
        if found is None:
            raise Faulty(f"template {template}: it has no macro {macro}")
        try:
            text = str(found(value)).strip()
            text.encode()  # or no file could hold it
        except Exception as error:  # a template is a program, and may fail in any way
            raise self._named(template, error) from error
        return text

    def _module(self, template: str) -> object:
        try:
            return self._environment.get_template(template).module
        except Exception as error:
            raise self._named(template, error) from error

    def _named(self, template: str, error: Exception) -> Faulty:
        name, line = self._place(template, error)
        reason = str(error)[:_LONGEST_REASON].partition("\n")[0] or type(error).__name__
        if isinstance(error, MemoryError):
            reason = "it needs too much memory"
        return Faulty(f"template {name}{f' line {line}' if line else ''}: {reason}")

    def _place(self, template: str, error: Exception) -> tuple[str, int | None]:
        """Where an error comes from: a template, or one that it imports, and the line if known."""
        if isinstance(error, jinja2.TemplateSyntaxError):
            return error.name or template, error.lineno
        for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
            name = self._names.get(frame.f_code.co_filename)
            if name is not None:
                return name, self._environment.get_template(name).get_corresponding_lineno(line)
        return template, None

    def _load(self, name: str) -> Loaded | None:
        loaded = self._replaced(self._directory, name) if self._directory is not None else None
        if loaded is None:
            text = self._built_in(name)
            if text is None:
                return None
            loaded = text, f"<{name}>", lambda: True
        self._names[loaded[1]] = name
        return loaded

    def _replaced(self, directory: Path, name: str) -> Loaded | None:
        """A template of the directory; None if it has none of the name.

        A link that leads out of it would put any file of the user's into what is emitted, and
        to open what is no file, such as a pipe, may take for ever.
        """
        path = directory.joinpath(*split_template_path(name))
        if not os.path.lexists(path):
            return None
        real = path.resolve()
        if not real.is_relative_to(directory.resolve()):
            raise ValueError(f"it is a link to what is outside of {directory}")
        if not real.is_file():
            raise ValueError("it is not a file")
        changed = real.stat().st_mtime_ns
        with real.open("rb") as file:
            data = file.read(min(self._longest, sys.maxsize - 1) + 1)
        if len(data) > self._longest:
            raise ValueError(f"it has more than {self._longest} bytes")
        return data.decode(), str(path), lambda: real.stat().st_mtime_ns == changed


class _Answering:
    """Answers questions, each a line of JSON.

    Args:
        setting: the texts of the built-in templates, and the limits.
    """

    def __init__(self, setting: Mapping[str, Any]) -> None:
        self._built_in: Mapping[str, str] = setting["built_in"]
        self._longest: int = setting["characters"]
        self._renderers: dict[str, Renderer] = {}

    def answer(self, line: bytes) -> bytes:
        """The answer to a question: the text of a macro."""
        question = json.loads(line)
        template, macro = question["template"], question["macro"]
        try:
            renderer = self._renderer(question["directory"])
            text = renderer.render(template, macro, named(question["value"]))
            if len(text) > len(line) + self._longest:  # what it is given it may repeat
                raise Faulty(f"template {template}: it adds more than {self._longest} characters")
            answer = {"text": text}
        except Faulty as error:
            answer = {"error": str(error)}
        return json.dumps(answer).encode() + b"\n"

    def _renderer(self, directory: str) -> Renderer:
        if directory not in self._renderers:
            own = Renderer(self._built_in.get, Path(directory), self._longest)
            self._renderers[directory] = own
        return self._renderers[directory]


def named(data: object) -> object:
    """JSON as templates are given it: objects by their attributes, lists that do not change."""
    if isinstance(data, dict):
        return SimpleNamespace(**{name: named(value) for name, value in data.items()})
    return tuple(map(named, data)) if isinstance(data, list) else data


def main(questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer questions, and end with them, or where one takes too long."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who asks ends this process where it is to end
    setting = json.loads(questions.readline())
    _limit_memory(setting["megabytes"])
    answering = _Answering(setting)
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_pass_on, args=(questions, lines), daemon=True).start()
    while True:
        line = lines.get()
        # Who asks ends this process sooner, but may have been killed.
        faulthandler.dump_traceback_later(2 * setting["seconds"], exit=True)
        answers.write(answering.answer(line))
        answers.flush()
        faulthandler.cancel_dump_traceback_later()


def _pass_on(questions: Iterable[bytes], lines: queue.SimpleQueue[bytes]) -> None:
    """Pass questions on, and end the process with them, whatever it is at."""
    for line in questions:
        lines.put(line)
    os._exit(0)


def _limit_memory(megabytes: int) -> None:
    """Have the system refuse more memory than that, and any file, where it can."""
    try:
        import resource
    except ImportError:  # as on Windows
        return
    limits = ((resource.RLIMIT_AS, megabytes * 2**20), (resource.RLIMIT_FSIZE, 0))
    for limit, most in (*limits, (resource.RLIMIT_CORE, 0)):
        try:
            resource.setrlimit(limit, (most, most))
        except (OSError, ValueError):  # a lower one holds already, or it cannot be set
            continue
