"""Run one process that has the user's model, and hear what it says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

# Our package under another name, and of it only what is asked for: neither its name nor its
# directory is there for the user's code to meet. What -c puts first on the path is nobody's.
_COMMAND: Final = (
    "import sys; sys.path[:1] = sys.path[:1] if sys.path[:1] != [''] else [];"
    " sys.dont_write_bytecode = True; _package = type(sys)('_gencode');"
    " _package.__path__ = [sys.argv[1]]; sys.modules['_gencode'] = _package;"
    " _asked = sys.argv[2]; sys.argv[1:] = [];"
    " from _gencode.proof.worker.main import main; main(_asked)"
)
_HOUSE: Final = str(Path(__file__).resolve().parents[1])
_GRACE: Final = 3  # seconds that it has to end by itself, once its time is over
_KEPT: Final = 4000  # bytes of what it prints
_OFTEN: Final = 0.02


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Attributes:
        answer: what it says; None where it ended without.
        code: its exit status, negative for a signal; None where it was ended for its time.
        printed: the first line that it printed to standard output.
        lines: how many it printed there.
        complaint: the last line that it printed to standard error.
    """

    answer: dict[str, Any] | None
    code: int | None
    printed: str
    lines: int
    complaint: str


def run(asked: dict[str, Any], scratch: Path) -> Ended:
    """Have a process do something, and end all that it has started.

    Args:
        asked: what ``worker.main`` is asked; its answer and limits are added.
        scratch: a directory for the two files.
    """
    question, answer = scratch / "asked.json", scratch / "answer.json"
    answer.unlink(missing_ok=True)
    asked = {**asked, "answer": str(answer), "parent": os.getpid()}
    question.write_text(json.dumps(asked), encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-c", _COMMAND, _HOUSE, str(question)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None and process.stderr is not None
    out, err = _Reader(process.stdout), _Reader(process.stderr)
    try:
        is_over = not _ended_in(process, asked["seconds"] + _GRACE)
    finally:
        _end_all(process)
    said = _read(answer)
    code = None if is_over else process.returncode
    return Ended(said, code, out.first(), out.lines, err.last())


def _ended_in(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait for a process, and leave it to be taken notice of: till then nobody has its number."""
    if not hasattr(os, "waitid"):
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        return process.returncode is not None
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None:
            return True
        time.sleep(_OFTEN)
    return False


def _end_all(process: subprocess.Popen[bytes]) -> None:
    """End a process, and what it has started and is still there."""
    if process.returncode is None:
        with suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        process.wait()


def _read(answer: Path) -> dict[str, Any] | None:
    try:
        said = json.loads(answer.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return said if isinstance(said, dict) else None


class _Reader:
    """Reads what a process prints, and keeps its beginning and its end."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._begin, self._end, self.lines = b"", b"", 0
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def first(self) -> str:
        """The first line."""
        self._thread.join(1)
        return next(iter(_lines(self._begin)), "")

    def last(self) -> str:
        """The last line."""
        self._thread.join(1)
        return next(iter(_lines(self._end)[::-1]), "")

    def _read(self) -> None:
        with self._stream:
            while data := os.read(self._stream.fileno(), _KEPT):
                self._begin = (self._begin + data)[:_KEPT]
                self._end = (self._end + data)[-_KEPT:]
                self.lines += data.count(b"\n")


def _lines(data: bytes) -> list[str]:
    return [each.strip() for each in data.decode(errors="replace").splitlines() if each.strip()]
