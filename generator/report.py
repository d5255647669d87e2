"""What is said of a run, in which words, and with which exit status it ends."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from enum import IntEnum
from typing import TYPE_CHECKING, Literal, TextIO

from .key_lists import compressed
from .outcome import Record, Result, SourceError

if TYPE_CHECKING:
    from .checkpoint import Converted

_LONGEST_SHOWN = 200
PathOutcome = Literal["written", "copied", "ignored"]
_VERBS = {"split": "split into", "kept": "kept:", "unsplit": "not split:", "skipped": "skipped:"}


class Status(IntEnum):
    """The exit statuses; where several apply, the first of FILE, UNSPLIT, DONE."""

    DONE = 0
    USAGE = 2
    UNSPLIT = 3
    FILE = 123


class Report:
    """Counts what happens, says it on a stream, and knows the exit status.

    Args:
        stream: None where there is none to say anything on.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._counts: Counter[str] = Counter()

    @property
    def status(self) -> Status:
        """The exit status of all that was reported."""
        if self._counts["failed"]:
            return Status.FILE
        return Status.UNSPLIT if self._counts["unsplit"] else Status.DONE

    def result(self, path: str, result: Result) -> Status:
        """Say what was done in a source, or why not, and how much in all."""
        self.records(path, result)
        self._say(f"{path}: {self._convolutions()}")
        return self.status

    def records(self, path: str, result: Result) -> None:
        """Say what was done in a source, or why not."""
        for record in result.records:
            self._counts[record.status] += 1
            self._say(f"{path}:{record.line}:{record.column}: {_sentence(record)}")
        for warning in result.warnings:
            self._say(f"{path}:{warning.line}:{warning.column}: warning: {warning.message}")

    def count(self, outcome: PathOutcome) -> None:
        """Count what became of one path of a tree."""
        self._counts[outcome] += 1

    def skipped(self, path: str, reason: str) -> None:
        """Say that something is left out, which is no failure."""
        self._say(f"{path}: skipped: {reason}")

    def warning(self, path: str, message: str) -> None:
        """Say what else there is to know of a file."""
        self._say(f"{path}: warning: {message}")

    def converted(self, path: str, converted: Converted) -> Status:
        """Say which keys of a checkpoint moved, and how many in all."""
        for key, keys in converted.moved.items():
            self._say(f"{key} -> {compressed(keys)}")
        for key in converted.gone:
            self._say(f"{key} is gone")
        for key in converted.new:
            self._say(f"{key} is new, with a value of the model's own")
        moved = f"{len(converted.moved)} moved to {sum(map(len, converted.moved.values()))}"
        counts = {"gone": len(converted.gone), "new": len(converted.new), "kept": converted.kept}
        parts = [f"{count} {what}" for what, count in counts.items() if count]
        self._say(
            f"{path}: keys: {', '.join([moved if converted.moved else 'none moved', *parts])}"
        )
        return self.status

    def tree(self, path: str) -> Status:
        """Say how much was done in all of a tree."""
        files = self._counted(written="split", copied="copied unchanged")
        others = self._counted(failed="failed", ignored="ignored")
        parts = [f"files: {files}" if files else "no files", *([others] if others else [])]
        self._say(f"{path}: {'; '.join([*parts, self._convolutions()])}")
        return self.status

    def source_error(self, path: str, error: SourceError) -> Status:
        """Say that a source is not Python, and show where."""
        if not error.line:
            return self.failure(path, error.message)
        self._say(f"{path}:{error.line}:{error.column}: {error.message}")
        line = error.source_line.rstrip()
        if line and len(line) <= _LONGEST_SHOWN:
            before = line[: error.column - 1]
            margin = "".join(each if each.isspace() else " " for each in before)
            self._say(f"    {line}\n    {margin}^")
        self._counts["failed"] += 1
        return self.status

    def failure(self, path: str, reason: str) -> Status:
        """Say that a file could not be read or written."""
        self._counts["failed"] += 1
        self._say(f"{path}: {reason}")
        return self.status

    def wrong_usage(self, reason: str) -> Status:
        """Say that what the user asked for makes no sense."""
        self._say(f"gencode: {reason}")
        return Status.USAGE

    def _convolutions(self) -> str:
        counted = self._counted(split="split", unsplit="not split", kept="kept", skipped="skipped")
        return f"grouped convolutions: {counted}" if counted else "no grouped convolutions"

    def _counted(self, **words: str) -> str:
        counts = ((self._counts[what], each) for what, each in words.items())
        return ", ".join(f"{count} {each}" for count, each in counts if count)

    def _say(self, text: str) -> None:
        if self._stream is not None:
            # Where messages cannot be written, nobody is there to be told so.
            with suppress(OSError):
                self._stream.write(f"{text}\n")
                self._stream.flush()


def _sentence(record: Record) -> str:
    sentence = f"{record.name} {_VERBS[record.status]} {record.detail}"
    return f"{sentence}; {record.note}" if record.note else sentence
