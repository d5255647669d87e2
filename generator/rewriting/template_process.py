"""Render the templates of a user in a process of its own, with a limit of time and memory.

Jinja's sandbox keeps a template from doing harm, but not from going on for ever or filling the
memory, be it when it is compiled or when it is rendered. The process is started when it is first
needed, serves all sources of a run, and ends with this one, however that ends. It is told plain
data and tells plain text, both as lines of JSON.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from importlib.util import find_spec
from pathlib import Path

from ..limits import TEMPLATE_CHARACTERS, TEMPLATE_MEGABYTES, TEMPLATE_SECONDS
from ..outcome import TemplateError

# Neither what is in the current directory, nor in the environment, nor in a site is imported, so
# that it starts fast and imports the sandbox and jinja2 from where they are here, and no more.
_COMMAND = (
    "import sys; sys.path += sys.argv[1:]; import sandbox;"
    " sandbox.main(sys.stdin.buffer, sys.stdout.buffer)"
)
_AS_JSON = 12  # characters, for the rarest one


class ForeignTemplates:
    """The templates of a directory, and the built-in ones for what it has not.

    Args:
        directory: of the user.
        built_in: the texts of the built-in ones.
    """

    def __init__(self, directory: Path, built_in: Mapping[str, str]) -> None:
        self._directory = str(directory.absolute())
        self._built_in = built_in
        self._seconds: float = TEMPLATE_SECONDS
        self._characters = TEMPLATE_CHARACTERS

    def render(self, template: str, macro: str, value: object) -> str:
        """The text that a template's macro makes of a value.

        Raises:
            TemplateError: there is no such macro, something in it fails, or is over the limits.
        """
        return self._ask({"template": template, "macro": macro, "value": plain(value)})

    def _ask(self, question: Mapping[str, object]) -> str:
        line = json.dumps({**question, "directory": self._directory}).encode() + b"\n"
        answer, taken = _process.answer(line, self._built_in, self._seconds)
        self._seconds -= taken
        told = _told(answer)
        if "error" in told:
            raise TemplateError(told["error"])
        name = f"template {question['template']}"
        if self._seconds <= 0:
            raise TemplateError(f"{name}: it takes more than {TEMPLATE_SECONDS} seconds")
        if "text" not in told:
            reason = f"it may need more than {TEMPLATE_MEGABYTES} MB"
            raise TemplateError(f"{name}: the process that rendered it ended abruptly; {reason}")
        self._characters -= max(len(told["text"]) - len(line), 0)  # what it is given it may repeat
        if self._characters < 0:
            raise TemplateError(f"{name}: it adds more than {TEMPLATE_CHARACTERS} characters")
        return told["text"]


def _told(answer: bytes) -> dict[str, str]:
    """What an answer says: what was asked for, or an error, or neither; all else is passed over."""
    try:
        told = json.loads(answer)
    except (ValueError, RecursionError):
        return {}
    items = told.items() if isinstance(told, dict) else ()
    return {name: value for name, value in items if isinstance(value, str)}


def plain(value: object) -> object:
    """A value as JSON has it: dataclasses by their fields, sets in order."""
    if is_dataclass(value):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, frozenset):
        return sorted(value)
    return [plain(each) for each in value] if isinstance(value, (tuple, list)) else value


class _Process:
    """The process, for one question at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: subprocess.Popen[bytes] | None = None

    def answer(
        self, line: bytes, built_in: Mapping[str, str], seconds: float
    ) -> tuple[bytes, float]:
        """The answer to a question, and the seconds it took; no line where there is none in time.

        Raises:
            TemplateError: no process can be started.
        """
        with self._lock:
            answer, begin = b"", time.monotonic()
            try:
                answer = self._answer(line, built_in, seconds)
            finally:
                taken = time.monotonic() - begin
                # Also where a signal ends this process, or the timer was just going off.
                if not answer.endswith(b"\n") or taken >= seconds:
                    self.end()
            return answer, taken

    def _answer(self, line: bytes, built_in: Mapping[str, str], seconds: float) -> bytes:
        if self._running is None or self._running.poll() is not None:
            self.end()
            self._running = _started()
            line = _setting(built_in) + line
        running = self._running
        assert running.stdin is not None and running.stdout is not None
        timer = threading.Timer(max(seconds, 0), running.kill)
        timer.start()
        try:
            running.stdin.write(line)
            running.stdin.flush()
            return running.stdout.readline(_AS_JSON * (TEMPLATE_CHARACTERS + len(line)))
        except OSError:  # it has ended
            return b""
        finally:
            timer.cancel()
            timer.join()

    def end(self) -> None:
        """End the process, if there is one."""
        running, self._running = self._running, None
        if running is not None:
            running.kill()
            with suppress(OSError), running:
                pass  # closes the pipes, and waits

    def before_fork(self) -> None:
        """See that nothing is under way."""
        self._lock.acquire()

    def after_fork(self) -> None:
        """Go on."""
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """Leave the process to the one that started it, and let go of what would keep it."""
        running, self._running = self._running, None
        if running is not None:
            assert running.stdin is not None and running.stdout is not None
            running.stdin.close()
            running.stdout.close()
            running.returncode = 0  # it is not for this process to wait for
        self._lock.release()


def _started() -> subprocess.Popen[bytes]:
    paths = [str(Path(__file__).parent), *map(_found, ("jinja2", "markupsafe"))]
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _COMMAND, *paths],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except (OSError, ValueError) as error:
        raise TemplateError(f"no process can be started to render templates: {error}") from error


def _found(package: str) -> str:
    """Where Python has found a package."""
    spec = find_spec(package)
    assert spec is not None and spec.submodule_search_locations
    return str(Path(spec.submodule_search_locations[0]).parent)


def _setting(built_in: Mapping[str, str]) -> bytes:
    setting = {
        "built_in": dict(built_in),
        "seconds": TEMPLATE_SECONDS,
        "megabytes": TEMPLATE_MEGABYTES,
        "characters": TEMPLATE_CHARACTERS,
    }
    return json.dumps(setting).encode() + b"\n"


_process = _Process()
atexit.register(_process.end)
if_it_forks = getattr(os, "register_at_fork", lambda **_: None)  # Windows has no fork
if_it_forks(
    before=_process.before_fork,
    after_in_parent=_process.after_fork,
    after_in_child=_process.after_fork_in_child,
)
