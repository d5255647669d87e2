"""What is said of a run, in which words, and with which exit status it ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Literal

from ..files import shown
from ..key_lists import compressed
from ..outcome import Finding, Record, Result, SourceError
from .formats import Level, Said, Voice, pointed
from .readiness import count, methods

if TYPE_CHECKING:
    from ..checkpoint import Converted
    from ..load_model import ModelSource
    from ..proof import Asked, Proof
    from ..proof.trying import Tried
    from .delivery import Delivered

LeftOut = Literal["ignored", "excluded", "failed"]
_VERBS = {
    **{"split": "split", "may be split": "may be split", "kept": "kept:", "left": "not split:"},
    **{"skipped": "skipped:", "function": "is a function call:"},
}
_OF_FINDINGS = {"rewritten": "rewritten:", "left": "not rewritten:", "skipped": "skipped:"}
_OF_OBSTACLES = {"no form": "no form known:", "costs parameters": "costs parameters:"}
_STALE = {"stale": "is out of date", "missing": "is missing"}


class Status(IntEnum):
    """The exit statuses; where several apply, the first of FILE, UNPROVED, LEFT, CHANGES, DONE."""

    DONE = 0
    CHANGES = 1
    USAGE = 2
    LEFT = 3
    UNPROVED = 4
    FILE = 123


class Report:
    """Counts what happens, has it said, and knows the exit status.

    Args:
        voice: says it.
        will_split: whether what is said to be done is only what would be.
        checks: whether it counts in the exit status that something would change.
        lists: whether what is said of each convolution goes to standard output.
    """

    def __init__(
        self,
        voice: Voice,
        will_split: bool = False,
        checks: bool = False,
        lists: bool = False,
    ) -> None:
        self._voice = voice
        self._will_split = will_split
        self._checks = checks
        self._lists = lists
        self._counts: Counter[str] = Counter()
        self._codes: frozenset[str] = frozenset()
        self._later: list[Said] = []
        self._delivered: dict[str, str] = {}

    @property
    def will_split(self) -> bool:
        """Whether what is said to be done is only what would be."""
        return self._will_split

    @property
    def status(self) -> Status:
        """The exit status of all that was reported."""
        if self._counts["failed"]:
            return Status.FILE
        if self._counts["unproved"]:
            return Status.UNPROVED
        if self._counts["left"]:
            return Status.LEFT
        changes = self._counts["written"] + self._counts["stale"] + self._counts["missing"]
        return Status.CHANGES if self._checks and changes else Status.DONE

    def result(self, path: str, result: Result) -> None:
        """Say what was done in a source, or why not."""
        path = shown(path)
        self._codes |= result.codes
        found = [self._of_record(path, each) for each in result.records]
        found += [self._of_finding(path, each) for each in result.findings]
        if result.findings:
            found.sort(key=lambda each: (each.line, each.column))
        count(result, self._counts)
        warnings = [
            Said(
                *("warning", each.message, path, each.line, each.column, "warning"),
                data=each,
                columns=("warning", "", each.message),
            )
            for each in result.warnings
        ]
        self._voice.say(*found, *warnings)

    def delivered(self, path: str, delivered: Delivered | None) -> None:
        """Count what became of a file; say it of one that is no longer what it is to be."""
        if delivered is None:
            return
        self._counts[delivered] += 1
        self._delivered[path] = delivered
        if delivered in _STALE:
            self._voice.say(Said("file", _STALE[delivered], path, level="warning"))

    def left_out(self, reason: LeftOut) -> None:
        """Count a path of which no more is to be said."""
        self._counts[reason] += 1

    def skipped(self, path: str, reason: str) -> None:
        """Say that something is left out, which is no failure."""
        self._voice.say(Said("skipped", f"skipped: {reason}", path))

    def warning(self, path: str, message: str) -> None:
        """Say what else there is to know of a file."""
        self._voice.say(Said("warning", message, path, level="warning"))

    def old_links(self, path: str, count: int) -> None:
        """Say that a file has been replaced, and what else it was called has not."""
        links = "another hard link keeps" if count == 1 else f"{count} other hard links keep"
        self.warning(path, f"{links} the old text: a file is replaced as a whole")

    def converted(self, path: str, converted: Converted) -> Status:
        """Say which keys of a checkpoint moved, and how many in all."""
        to_same: dict[tuple[str, ...], list[str]] = {}
        for key, keys in converted.moved.items():
            to_same.setdefault(keys, []).append(key)
        for keys, old in to_same.items():
            self._voice.say(Said("key", f"{compressed(old)} -> {compressed(keys)}"))
        for key in converted.gone:
            self._voice.say(Said("key", f"{key} is gone"))
        for key in converted.new:
            self._voice.say(Said("key", f"{key} is new, with a value of the model's own"))
        places = {key for keys in converted.moved.values() for key in keys}
        moved = f"{len(converted.moved)} moved to {len(places)}"
        counts = {"gone": len(converted.gone), "new": len(converted.new), "kept": converted.kept}
        parts = [f"{count} {what}" for what, count in counts.items() if count]
        said = ", ".join([moved if converted.moved else "none moved", *parts])
        self._voice.say(Said("summary", f"keys: {said}", path))
        return self.status

    def running(self, asked: Asked, model: ModelSource) -> None:
        """Say that a model is run."""
        from . import proof_words  # what it imports is slow

        self._voice.say(proof_words.running(asked, model))

    def seeing(self, asked: Asked, model: ModelSource) -> None:
        """Say that a model is run for its facts."""
        from . import proof_words

        self._voice.say(proof_words.seeing(asked, model))

    def proof(self, proof: Proof) -> bool:
        """Say what was found of a model, behind what is said of sources; whether it is proved."""
        from . import proof_words

        self._later += proof_words.said(proof)
        self._counts["unproved"] += proof.failure is not None
        return proof.failure is None

    def trying(self, asked: Asked, model: ModelSource) -> None:
        """Say that PLiNIO is given a model."""
        from . import plinio_words

        self._voice.say(plinio_words.trying(asked, model))

    def no_plinio(self) -> None:
        """Say that PLiNIO is not there, and how it would be."""
        from . import plinio_words

        self._later.append(Said("plinio", f"gencode: {plinio_words.NOT_THERE}", level="warning"))

    def tried(self, found: Sequence[Tried], codes: Mapping[str, bool]) -> None:
        """Say what PLiNIO makes of a model, behind all else; it changes no exit status."""
        from . import plinio_words

        self._later += plinio_words.said(found, codes)

    def withheld(self, has_files: bool) -> None:
        """Say that what is not proved is not written, where it belongs in files."""
        if has_files:
            self._will_split = True
            reason = "nothing is written, as it is not proved; --force writes it"
            self._later.append(Said("proof", f"gencode: {reason}"))

    def summary(self, label: str, one_file: bool) -> Status:
        """Say how much was done in all."""
        self._voice.say(*self._later)
        if one_file and self._counts["failed"]:
            return self.status  # which has been said
        parts = [] if one_file or self._lists else self._files()
        self._voice.say(Said("summary", "; ".join([*parts, *self._found()]), label))
        if self._lists and "unsupported" in self._codes:
            each_method = (f"{name}: {said}" for name, said in methods(self._counts))
            self._voice.say(*(Said("summary", each) for each in each_method))
        return self.status

    def source_error(self, path: str, error: SourceError) -> Status:
        """Say that a source is not Python, and show where."""
        path = shown(path)
        if not error.line:
            return self.failure(path, error.message)
        source = pointed(error.source_line, error.column)
        place = path, error.line, error.column
        self._voice.say(Said("failure", error.message, *place, "error", source=source))
        self._counts["failed"] += 1
        return self.status

    def failure(self, path: str, reason: str, details: Sequence[str] = ()) -> Status:
        """Say that a file could not be read or written, and on lines of their own more of it."""
        self._counts["failed"] += 1
        self._voice.say(Said("failure", reason, path, level="error", details=tuple(details)))
        return self.status

    def wrong_usage(self, reason: str) -> Status:
        """Say that what the user asked for makes no sense."""
        self._voice.say(Said("failure", f"gencode: {reason}", level="error"))
        return Status.USAGE

    def end(self, status: int) -> None:
        """Have it said how the run ended."""
        self._voice.end(status, self._delivered, self._counts)

    def _files(self) -> list[str]:
        done = "to be split" if self._will_split else "split"
        files = self._counted(
            written=done,
            unchanged="unchanged",
            copied="copied unchanged",
            stale="out of date",
            missing="missing",
            current="up to date",
            withheld="not written",
        )
        others = self._counted(failed="failed", ignored="ignored", excluded="excluded")
        return [f"files: {files}" if files else "no files", *([others] if others else [])]

    def _found(self) -> Iterator[str]:
        """How many convolutions and other places there were, of those that were looked for."""
        done = "to be split" if self._will_split else "split"
        grouped = self._counted(
            **{"split": done, "may be split": "may be split", "left": "not split"},
            **{"kept": "kept", "skipped": "skipped"},
        )
        functions = self._counts["function"]
        will = "to be " if self._will_split else ""
        words = {"rewritten": f"{will}rewritten", "left": "not rewritten", "skipped": "skipped"}
        others = self._counted(**{f"place {status}": word for status, word in words.items()})
        if grouped:
            yield f"grouped convolutions: {grouped}"
        elif not self._codes or "grouped-conv" in self._codes:
            yield "no grouped convolutions"
        if functions:
            yield f"{functions} function call{'s' if functions > 1 else ''}"
        if others:
            yield f"other places: {others}"
        elif self._codes and "grouped-conv" not in self._codes:
            yield "nothing to rewrite"

    def _counted(self, **words: str) -> str:
        counts = ((self._counts[what], each) for what, each in words.items())
        return ", ".join(f"{count} {each}" for count, each in counts if count)

    def _of_record(self, path: str, record: Record) -> Said:
        will = "to be " if self._will_split and record.status == "split" else ""
        verb = f"{will}{_VERBS[record.status]}"
        rest = f"{record.detail}; {record.note}" if record.note else record.detail
        said = f"{record.name} {verb} {rest}"
        columns = verb.rstrip(":"), record.name, rest
        is_wrong = record.status == "left" or (self._checks and record.is_split)
        level: Level = "warning" if is_wrong else "notice"
        place = path, record.line, record.column
        return Said("record", said, *place, level, data=record, columns=columns)

    def _of_finding(self, path: str, finding: Finding) -> Said:
        will = "to be " if self._will_split and finding.status == "rewritten" else ""
        found = _OF_OBSTACLES.get(finding.obstacle or "", _OF_FINDINGS[finding.status])
        said = f"{finding.code}: {will}{found} {finding.message}"
        columns = f"{will}{found}".rstrip(":"), finding.code, finding.message
        is_wrong = self._checks and finding.status == "rewritten"
        level: Level = "warning" if is_wrong else "notice"
        place = path, finding.line, finding.column
        return Said("finding", said, *place, level, data=finding, columns=columns)
