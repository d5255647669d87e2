"""Have an original run and then its result, each in a process, and say what was found."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..files import UsageError, absolute
from ..load_model import ModelSource
from .process import Ended, run
from .shadow import Contents, lay_out, within


@dataclass(frozen=True)
class Asked:
    """What the user asks to be run.

    Attributes:
        models: what builds each.
        shapes: of the inputs, without the batch; none for the model's own.
        inputs: an expression that gives them instead.
        seconds: how long each may take.
        gigabytes: how much memory it may take.
        is_to_prove: whether results are to be proved.
        is_to_try: whether PLiNIO's methods are to try them.
    """

    models: tuple[ModelSource, ...]
    shapes: tuple[tuple[int, ...], ...]
    inputs: str | None
    seconds: float
    gigabytes: float
    is_to_prove: bool = True
    is_to_try: bool = False


@dataclass(frozen=True)
class Place:
    """A line of a file; of one that is to be written as it is to be."""

    file: str
    line: int
    column: int = 0
    source_line: str = ""


@dataclass(frozen=True)
class Failure:
    """Why a model is not proved.

    Attributes:
        reason: in one line, of which the model is the subject.
        place: where it happened, or what is to be looked at.
        module: the first that gives something else, as its path, class, and what of it.
        built: the line that builds it.
        called: the line that calls it in the result.
    """

    reason: str
    place: Place | None = None
    module: tuple[str, str, str] | None = None
    built: Place | None = None
    called: Place | None = None


@dataclass(frozen=True)
class Compared:
    """What was compared of a kind.

    Attributes:
        kind: of values, as in "gradients in train mode".
        count: how many tensors.
        difference: the largest, relative to the largest value of a tensor.
        tolerance: how large it may be.
    """

    kind: str
    count: int
    difference: float
    tolerance: float


@dataclass(frozen=True)
class Convolution:
    """A convolution of the original that has groups, as it is when it runs.

    Attributes:
        path: in the model.
        kind: the name of its class.
        inputs: the channels that it takes.
        outputs: those that it gives.
        groups: how many.
        kernel: the size of its kernel.
        is_split: whether it has become plain ones.
        built: the line that builds it.
    """

    path: str
    kind: str
    inputs: int
    outputs: int
    groups: int
    kernel: tuple[int, ...]
    is_split: bool
    built: Place | None = None


@dataclass(frozen=True)
class Proof:
    """What was found of one model.

    Attributes:
        model: what builds it.
        failure: why it is not proved; None where it is.
        is_of_result: whether that was seen of the result.
        split: how many of its convolutions are split.
        difference: the largest that was seen, relative to the largest value of a tensor.
        dtype: that it was run in.
        modes: that it was run in.
        parameters: how many.
        multiply_adds: how many.
        grouped: the grouped convolutions that are left, with the lines that build them.
        behind: the norms behind a concatenation, likewise.
        by_itself: what hardly matters to the outputs, and was seen to give the same itself.
        notes: how the proof is a lesser one, and what else there is to know.
        compared: what was compared.
        convolutions: those of the original that have groups.
    """

    model: ModelSource
    failure: Failure | None = None
    is_of_result: bool = False
    split: int = 0
    difference: float = 0.0
    dtype: str = ""
    modes: tuple[str, ...] = ()
    parameters: int = 0
    multiply_adds: int = 0
    grouped: Mapping[str, Place | None] = field(default_factory=dict)
    behind: Mapping[str, Place | None] = field(default_factory=dict)
    by_itself: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    compared: tuple[Compared, ...] = ()
    convolutions: tuple[Convolution, ...] = ()


@dataclass(frozen=True)
class Written:
    """What a run is to write.

    Attributes:
        contents: by absolute paths what is to be there.
        changed: those of them that are not so yet.
        targets: by the absolute path of a source that of what becomes of it, where it is another.
        roots: the directories that the sources are imported from.
    """

    contents: Contents
    changed: Sequence[Path]
    targets: Mapping[Path, Path]
    roots: Sequence[Path]


def prove(asked: Asked, written: Written) -> Iterator[Proof]:
    """Prove each of some models.

    Raises:
        UsageError: what is asked for cannot be meant.
    """
    with laid_out(asked, written) as (scratch, shadow):
        for model in asked.models:
            yield _Proving(asked, written, scratch, shadow, model).proof()


@contextmanager
def laid_out(asked: Asked, written: Written) -> Iterator[tuple[Path, Path]]:
    """A directory for what a process is asked, and one with the result as it is to be."""
    with tempfile.TemporaryDirectory(prefix="gencode-", ignore_cleanup_errors=True) as directory:
        scratch = Path(directory).resolve()
        shadow = scratch / "shadow"
        # What builds a model imports from its own directory first, and that as it is to be.
        files = [absolute(each.place) for each in asked.models if isinstance(each.place, Path)]
        own: Contents = {each: each for each in files if each.is_file()}
        lay_out(shadow, {**own, **written.contents})
        yield scratch, shadow


def facts_of_runs(
    asked: Asked, roots: Sequence[Path]
) -> Iterator[tuple[ModelSource, dict[str, Any] | Failure]]:
    """What is seen of each of some models in a run: see ``seen.schema``.

    Args:
        asked: which models to run, and how.
        roots: the directories of the files of which it is wanted.

    Raises:
        UsageError: what is asked for cannot be meant.
    """
    with tempfile.TemporaryDirectory(prefix="gencode-", ignore_cleanup_errors=True) as directory:
        scratch = Path(directory).resolve()
        for model in asked.models:
            running = _Proving(asked, Written({}, (), {}, roots), scratch, scratch, model)
            yield model, running.facts()


class _Proving:
    """Proves one model."""

    def __init__(
        self, asked: Asked, written: Written, scratch: Path, shadow: Path, model: ModelSource
    ) -> None:
        self._asked = asked
        self._written = written
        self._scratch = scratch
        self._shadow = shadow
        self._model = model

    def proof(self) -> Proof:
        place = self._model.place
        original = run(self._question("original", place, ""), self._scratch)
        said = self._said(original)
        if isinstance(said, Failure):
            return Proof(self._model, said)
        result = run(self._question("result", self._target(said), str(self._shadow)), self._scratch)
        found = self._said(result)
        if isinstance(found, Failure):
            return Proof(self._model, found, is_of_result=True)
        notes = [*said["notes"]]
        if original.lines:
            notes.append(f"what it prints is not shown ({original.printed[:60]!r})")
        return self._found(found, said["dtype"], notes)

    def facts(self) -> dict[str, Any] | Failure:
        """What is seen of it in a run."""
        return self._said(run(self._question("facts", self._model.place, ""), self._scratch))

    def _question(self, role: str, place: Path | str, shadow: str) -> dict[str, Any]:
        is_file = isinstance(place, Path)
        asked = self._asked
        return {
            "role": role,
            "place": str(place.absolute() if isinstance(place, Path) else place),
            "is_file": is_file,
            "expression": self._model.expression,
            "roots": [str(each) for each in self._written.roots],
            "shadow": shadow,
            "changed": [str(each) for each in self._written.changed],
            "shapes": asked.shapes,
            "inputs": asked.inputs,
            "reference": str(self._scratch / "reference.pt"),
            "seconds": asked.seconds,
            "bytes": int(asked.gigabytes * 1e9),
        }

    def _target(self, said: Mapping[str, Any]) -> Path | str:
        """What the result is imported from."""
        is_file = isinstance(self._model.place, Path)
        source = Path(said["file"]) if said.get("file") else None
        if source is None:
            return self._model.place
        target = self._written.targets.get(source)
        if target is None and not is_file:
            return self._model.place
        own = within(self._shadow, target or source)
        return own if own.exists() else source

    def _said(self, ended: Ended) -> dict[str, Any] | Failure:
        if ended.answer is None:
            return Failure(self._abrupt(ended))
        error = ended.answer.get("error")
        if error is None:
            return ended.answer
        kind = error.get("kind")
        if kind == "usage":
            raise UsageError(error["reason"])
        reason = error["reason"]
        if kind == "time":
            reason += f" takes more than {self._asked.seconds:g} s (--time-limit)"
        elif kind == "memory":
            reason += f" takes more than {self._asked.gigabytes:g} GB (--memory-limit)"
        return Failure(reason, self._place(error))

    def _abrupt(self, ended: Ended) -> str:
        """What is to be said of a process that ended without an answer."""
        name = self._model.expression
        if ended.code is None:
            return f"{name} takes more than {self._asked.seconds:g} s (--time-limit)"
        if ended.code >= 0:
            return f"{name} ends its process, with exit status {ended.code}"
        said = f": {ended.complaint}" if ended.complaint else ""
        return f"{name} has its process ended by {signal.Signals(-ended.code).name}{said}"

    def _place(self, error: Mapping[str, Any]) -> Place | None:
        if "file" not in error:
            return None
        file, line = self._real(error["file"]), error.get("line", 0)
        return Place(file, line, error.get("column", 0), error.get("source_line", ""))

    def _at(self, place: Sequence[Any] | None) -> Place | None:
        return None if place is None else Place(self._real(place[0]), place[1])

    def _real(self, file: str) -> str:
        """The path of a file as it is to be, of the one in the shadow."""
        shadow = str(self._shadow)
        return file.removeprefix(shadow) if file.startswith(shadow) else file

    def _found(self, found: Mapping[str, Any], dtype: str, notes: Sequence[str]) -> Proof:
        places = found["places"]
        return Proof(
            self._model,
            self._failure(found) if found["reason"] else None,
            is_of_result=True,
            split=found["split"],
            difference=found["difference"],
            dtype=dtype,
            modes=tuple(found["modes"]),
            parameters=found["parameters"][1],
            multiply_adds=found["multiply_adds"][1],
            grouped={each: self._at(places.get(each)) for each in found["grouped"]},
            behind={each: self._at(places.get(each)) for each in found["behind"]},
            by_itself=tuple(found["by_itself"]),
            notes=tuple(notes),
            compared=tuple(Compared(**each) for each in found["compared"].values()),
            convolutions=tuple(map(self._convolution, found["convolutions"])),
        )

    def _convolution(self, seen: Mapping[str, Any]) -> Convolution:
        more = {"kernel": tuple(seen["kernel"]), "built": self._at(seen["built"])}
        return Convolution(**{**seen, **more})

    def _failure(self, found: Mapping[str, Any]) -> Failure:
        culprit = found["culprit"]
        reason = f"{self._model.expression} {found['reason']}"
        if culprit is None:
            return Failure(reason)
        module = culprit["path"], culprit["kind"], culprit["what"]
        built, called = self._at(culprit["built"]), self._at(culprit["called"])
        return Failure(reason, None, module, built, called)
