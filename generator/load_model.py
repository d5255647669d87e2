"""Build a model from its source: the one thing here that runs the user's code."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from .files import UsageError, read_bytes
from .one_line import in_one_line

if TYPE_CHECKING:
    from torch import nn

_MODULE: Final = re.compile(r"(?!lambda\b)[^\W\d]\w*(\.[^\W\d]\w*)*")


class ModelError(Exception):
    """A model cannot be built from its source; the message says why, in one line.

    Attributes:
        reason: the same without the line where it happened.
    """

    def __init__(self, reason: str, place: str = "") -> None:
        super().__init__(f"{reason}{place}")
        self.reason = reason


@dataclass(frozen=True)
class ModelSource:
    """What builds a model.

    Attributes:
        place: the file of its source, or the name of its module.
        expression: what gives it there, such as ``Net(groups=2)``; what can be called, such as
            ``Net``, is called.

    Raises:
        UsageError: that is no expression.
    """

    place: Path | str
    expression: str

    def __post_init__(self) -> None:
        try:
            compile(self.expression, "<expression>", "eval")
        except (SyntaxError, ValueError) as error:
            reason = error.msg if isinstance(error, SyntaxError) else error
            raise UsageError(f"{self.expression!r} is no expression: {reason}") from error


def model_source(text: str, default: Path | None = None) -> ModelSource:
    """What is written ``directory/model.py:Net(groups=2)``, ``package.model:Net``, or ``Net()``.

    Args:
        text: what is written.
        default: the file that an expression by itself is for; None where there must be one.

    Raises:
        UsageError: it is written otherwise.
    """
    file, is_file, expression = text.partition(".py:")  # there may be the colon of a drive before
    if is_file:
        return ModelSource(Path(f"{file}.py"), expression.strip())
    name, _, expression = text.partition(":")
    if name and expression and (default is None or _MODULE.fullmatch(name)):
        return ModelSource(name, expression.strip())
    if default is None or not text.strip():
        raise UsageError(f"{text!r} does not say how to build a model, as model.py:Net() does")
    return ModelSource(default, text.strip())


def load_model(source: ModelSource, roots: Sequence[str] = ()) -> nn.Module:
    """Build a model; the directory of its source is one to import from, then and afterwards.

    Args:
        source: what builds it.
        roots: directories to import a module that is named from, before the current one.

    Raises:
        ModelError: its source cannot be imported, or the expression gives no model.
        FileError: its source cannot be read.
    """
    return build(source, load_module(source, roots))


def load_module(source: ModelSource, roots: Sequence[str] = ()) -> ModuleType:
    """Import what an expression is for; as ``load_model`` does, which builds the model too."""
    if isinstance(source.place, Path):
        return _from_file(source.place)
    return _named(source.place, roots)


def build(source: ModelSource, module: ModuleType) -> nn.Module:
    """The model that an expression gives in a module.

    Raises:
        ModelError: it gives none.
    """
    with _running(f"{source.expression} raises", module.__file__):
        model: Any = eval(source.expression, dict(vars(module)))
        from torch import nn

        if callable(model) and not isinstance(model, nn.Module):
            model = model()
    if not isinstance(model, nn.Module):
        kind = type(model).__name__
        raise ModelError(f"{source.expression} gives a {kind}, and not a torch.nn.Module")
    return model


def _named(name: str, roots: Sequence[str]) -> ModuleType:
    sys.path[:0] = [*roots, str(Path.cwd())]
    with _running("cannot be imported"):
        return import_module(name)


def _from_file(path: Path) -> ModuleType:
    data = read_bytes(str(path))
    file = path.absolute()
    is_in_package = (file.parent / "__init__.py").is_file()
    root = _root(file) if is_in_package else file.parent
    sys.path.insert(0, str(root))
    with _running("cannot be imported", str(file)):
        return _of_package(file, root) if is_in_package else _alone(file, data)


def _root(file: Path) -> Path:
    """The directory that the outermost package around a file is in."""
    return next(each for each in file.parents if not (each / "__init__.py").is_file())


def _of_package(file: Path, root: Path) -> ModuleType:
    names = file.relative_to(root).with_suffix("").parts
    name = ".".join(names[:-1] if names[-1] == "__init__" else names)
    module = import_module(name)
    if not file.samefile(str(module.__file__)):
        raise ImportError(f"{name} is already that of {module.__file__}")
    return module


def _alone(file: Path, data: bytes) -> ModuleType:
    """Import a file that is in no package, whatever else has its name."""
    module = ModuleType(f"_model_{file.stem}")
    module.__file__ = str(file)
    sys.modules[module.__name__] = module
    exec(compile(data, module.__file__, "exec", dont_inherit=True), vars(module))
    return module


@contextmanager
def _running(failure: str, file: str | None = None) -> Iterator[None]:
    """Run the user's code, and say in one line what it raises, and at which line of the file.

    Raises:
        ModelError: it raises something.
    """
    try:
        yield
    except (Exception, SystemExit) as error:
        import traceback

        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == file]
        place = f" (line {lines[-1]})" if lines else ""
        raise ModelError(f"{failure}: {in_one_line(error)}", place) from error
