"""The models of the zoo: their originals, and what gencode has made of them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gencode import Record, list_source
from gencode.command import main

ROOT = Path(__file__).parents[1]
ORIGINALS = ROOT / "tests" / "zoo"
SPLIT = ROOT / "generated"
FILES = sorted(path.relative_to(ORIGINALS) for path in ORIGINALS.rglob("*.py"))
NAMES = sorted({path.parts[0].removesuffix(".py") for path in FILES})


def files_of(name: str) -> list[Path]:
    """The files of a model, which is a module or a package, below the zoo or generated/."""
    return [path for path in FILES if path.parts[0] in (name, f"{name}.py")]


def source(folder: Path, name: str) -> str:
    """The source of a model, or of the package that it is."""
    return "\n".join((folder / path).read_text(encoding="utf-8") for path in files_of(name))


def records(name: str) -> list[Record]:
    """What gencode says of the convolutions of a model."""
    texts = [(ORIGINALS / path).read_text(encoding="utf-8") for path in files_of(name)]
    return [record for text in texts for record in list_source(text).records]


def load(folder: Path, name: str) -> ModuleType:
    """A model's module, imported anew."""
    path = folder / f"{name}.py"
    path = path if path.exists() else folder / name / "__init__.py"
    imported = f"{folder.name}_{name}"
    for each in [key for key in sys.modules if key.partition(".")[0] == imported]:
        del sys.modules[each]
    spec = importlib.util.spec_from_file_location(imported, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[imported] = module
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)  # where those of generated/ find their helper
        spec.loader.exec_module(module)
    return module


def model_class(module: ModuleType) -> Any:
    """The last class that a module, or a package, defines: the model as a whole."""
    *_, last = (
        each
        for each in vars(module).values()
        if isinstance(each, type) and each.__module__.startswith(module.__name__)
    )
    return last


def rewrite(name: str, tree: Path) -> None:
    """Write a model into an empty tree, and rewrite it there for PLiNIO."""
    for path in files_of(name):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes((ORIGINALS / path).read_bytes())
    assert main(["-i", "--target", "plinio", str(tree)]) in (0, 3)


def built(folder: Path, name: str) -> Any:
    """A model, which has an ``input_shape`` and needs no arguments."""
    return model_class(load(folder, name))()
