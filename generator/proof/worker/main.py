"""The process: it is asked in a file, builds a model and runs it, and answers in another file."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ...files import FileError
from ...load_model import ModelError, ModelSource, build, load_module
from ...one_line import in_one_line
from .failures import NoProofError, place_of, told

if TYPE_CHECKING:
    from torch import nn

    from .running import Inputs
    from .watching import Place

Json = dict[str, Any]
_OFTEN = 0.2  # seconds


class UsageFailure(Exception):
    """What the user asks for cannot be meant."""


def main(file: str) -> None:
    """Do what a file asks for, and end the process."""
    asked = json.loads(Path(file).read_text(encoding="utf-8"))
    answering = Answering(asked)
    _limit_memory(asked["bytes"])
    answering.watch()
    answering.end(answer(asked))


def answer(asked: Json) -> Json:
    """Do what is asked for, and say what came of it, or what went wrong."""
    try:
        return _done(asked)
    except UsageFailure as error:
        return {"error": {"kind": "usage", "reason": str(error)}}
    except FileError as error:
        return {"error": {"reason": str(error), "file": error.path or asked["place"]}}
    except BaseException as error:
        return {"error": told(error, asked["expression"])}


class Answering:
    """Ends the process with an answer, be it that it takes too long."""

    def __init__(self, asked: Json) -> None:
        self._asked = asked
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._main = threading.get_ident()

    def end(self, answer: Json) -> None:
        """Answer, unless this is a process that the user's code has forked; and end."""
        if os.getpid() == self._process:
            with self._lock:
                target = Path(self._asked["answer"])
                temporary = target.with_suffix(".part")
                temporary.write_text(json.dumps(answer), encoding="utf-8")
                temporary.replace(target)
                for stream in (sys.stdout, sys.stderr):
                    with suppress(Exception):
                        stream.flush()
                os._exit(0)
        os._exit(0)

    def watch(self) -> None:
        """End once the time is over, with the line that runs, or who asked is gone."""
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        begin = time.monotonic()
        while time.monotonic() - begin < self._asked["seconds"]:
            time.sleep(_OFTEN)
            if os.getppid() != self._asked["parent"]:
                os._exit(1)
        frame = sys._current_frames().get(self._main)
        self.end(
            {"error": {"kind": "time", "reason": self._asked["expression"], **place_of(frame)}}
        )


def _limit_memory(count: int) -> None:
    """Let this process take so much memory, beside what it has; and leave no image of itself."""
    try:
        import resource
    except ImportError:  # on Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (count, count))
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (4 * count, 4 * count))


def _done(asked: Json) -> Json:
    source = ModelSource(
        Path(asked["place"]) if asked["is_file"] else asked["place"], asked["expression"]
    )
    sys.path[:] = _shadowed(sys.path, asked["shadow"])
    module = load_module(source, _shadowed(asked["roots"], asked["shadow"]))
    if asked["role"] == "facts":
        return _facts(asked, source, module)
    places: dict[int, Place] = {}
    with _building(places):
        model = build(source, module).cpu()
    if asked["shadow"]:
        _see_that_it_is_the_result(asked)  # now that all is imported that will be
    inputs = _inputs(asked, model, vars(module))
    _make_lazy_weights(model, inputs)
    if asked["role"] == "try":
        return _tried(asked, model, inputs) | {"file": module.__file__}
    if asked["role"] == "original":
        return _original(asked, model, inputs, places) | {"file": module.__file__}
    return _result(asked, model, inputs, places)


def _facts(asked: Json, source: ModelSource, module: ModuleType) -> Json:
    """What is seen in one run: see ``seen.schema``."""
    import torch

    from .recording import Recorder, recording_what_is_built
    from .running import seed
    from .told import files_told

    recorder = Recorder()
    seed(0)
    with recording_what_is_built(recorder):
        model = build(source, module).cpu()
    inputs = _inputs(asked, model, vars(module))
    _make_lazy_weights(model, inputs)
    recorder.note_built(model)
    recorder.run(model, inputs)
    return {
        "python": sys.version.partition(" ")[0],
        "torch": torch.__version__,
        "columns": recorder.has_columns,
        "files": files_told(recorder.seen, asked["roots"]),
    }


@contextmanager
def _building(places: dict[int, Place]) -> Iterator[None]:
    """Note where modules are built, with random numbers from the same seed each time."""
    if "torch" not in sys.modules:  # slow to import, and of no use where the source has not done so
        yield
        return
    from .running import seed
    from .watching import noting_where_built

    seed(0)
    with noting_where_built(places):
        yield


def _shadowed(paths: list[str], shadow: str) -> list[str]:
    """Directories to import from, each behind its shadow if it has one."""
    if not shadow:
        return paths
    found = []
    for each in paths:
        path = os.path.abspath(each or os.curdir)  # noqa: PTH100
        own = shadow + os.path.splitdrive(path)[1]
        found += [own, each] if os.path.isdir(own) else [each]  # noqa: PTH112
    return found


def _inputs(asked: Json, model: nn.Module, names: Mapping[str, Any]) -> Inputs:
    import torch

    from .running import inputs_of, random_inputs, seed

    if asked["inputs"] is not None:
        seed(0)
        try:
            return inputs_of(eval(asked["inputs"], {"torch": torch, **names}))
        except Exception as error:
            reason = f"--inputs {asked['inputs']} raises {in_one_line(error)}"
            raise ModelError(reason) from error
    shapes = asked["shapes"] or _own_shapes(model)
    if not shapes:
        reason = "has no input_shape: say what it takes with --input-shape 3,32,32 or --inputs"
        raise UsageFailure(f"{asked['expression']} {reason}")
    return random_inputs(shapes)


def _own_shapes(model: nn.Module) -> list[tuple[int, ...]]:
    """What a model says of the shape of its input, or of several, as PLiNIO has it."""
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, (tuple, list)) or not shape:
        return []
    shapes = [shape] if all(isinstance(each, int) for each in shape) else shape
    return [tuple(each) for each in shapes]


def _make_lazy_weights(model: nn.Module, inputs: Inputs) -> None:
    """Run a model once that has weights whose shape its first input tells."""
    import torch
    from torch.nn.parameter import is_lazy

    if any(is_lazy(each) for each in (*model.parameters(), *model.buffers())):
        given = inputs.mapped(lambda each: each.float() if each.is_floating_point() else each)
        with torch.no_grad():
            model.eval()(*given.arguments, **given.keywords)


def _original(asked: Json, model: nn.Module, inputs: Inputs, places: dict[int, Place]) -> Json:
    import torch

    from .reference import reference

    made = reference(model, inputs, places)
    torch.save((made, inputs.tensors()), asked["reference"])
    return {"notes": made.notes, "dtype": str(made.dtype).removeprefix("torch.")}


def _result(asked: Json, model: nn.Module, inputs: Inputs, places: dict[int, Place]) -> Json:
    import torch

    from .comparison import compare

    made, given = torch.load(asked["reference"], weights_only=False)
    now = inputs.tensors()
    if now.keys() != given.keys() or not all(torch.equal(given[key], now[key]) for key in now):
        raise NoProofError(
            "cannot be given the same twice: --inputs gives something else each time"
        )
    return asdict(compare(model, inputs, made, places))


def _tried(asked: Json, model: nn.Module, inputs: Inputs) -> Json:
    from ...plinio_check.answer import answer_for

    return answer_for(asked["method"], model, inputs)


def _see_that_it_is_the_result(asked: Json) -> None:
    """See that what is to be written is what was imported.

    Raises:
        NoProofError: it is not.
    """
    shadow = asked["shadow"]
    files = [str(getattr(each, "__file__", None) or "") for each in [*sys.modules.values()]]
    changed = {*asked["changed"]}
    real = {os.path.realpath(each) for each in changed}
    for file in files:
        if os.path.realpath(file) in real:
            raise NoProofError(f"imports {file} from where it is, and not as it is to be")
    if not any(file.startswith(shadow) and file[len(shadow) :] in changed for file in files):
        raise NoProofError("imports nothing of what changes, and so proves nothing of it")
