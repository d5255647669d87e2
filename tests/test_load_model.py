"""A model is built of the source and the expression that a user names."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

pytest.importorskip("torch")

from gencode.files import FileError
from gencode.load_model import ModelError, load_model, model_source

NET = """\
from torch import nn

class Net(nn.Linear):
    def __init__(self, width=2):
        super().__init__(width, width)
"""


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def write(path: str, text: str = "") -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(dedent(text), encoding="utf-8")


def width(text: str) -> int:
    return load_model(model_source(text)).in_features


def failure(text: str) -> str:
    with pytest.raises(ModelError) as caught:
        load_model(model_source(text))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Net", 2),
        ("Net()", 2),
        ("Net(width=3)", 3),
        ("Net(**{'width': 4})", 4),
        ("make", 5),
        ("make(6)", 6),
        ("lambda: Net(7)", 7),
        ("built", 8),
        ("nn.Linear(9, 1)", 9),
        ("[Net(width) for width in (1, 10)][1]", 10),
    ],
)
@pytest.mark.parametrize("place", ["model.py", "model"])
def test_expressions(expression: str, expected: int, place: str) -> None:
    write("model.py", NET + "\ndef make(width=5):\n    return Net(width)\n\nbuilt = Net(8)\n")
    assert width(f"{place}:{expression}") == expected


def test_a_file_in_a_package_is_imported_with_it() -> None:
    write("src/outer/__init__.py", "WIDTH = 3")
    write("src/outer/inner/__init__.py", "from .. import WIDTH")
    write("src/outer/inner/net.py", NET + "\nfrom . import WIDTH\nfrom .. import inner\n")
    assert width("src/outer/inner/net.py:Net(WIDTH)") == 3
    assert width("src/outer/inner/__init__.py:net.Net(WIDTH + 1)") == 4
    sys.path.append("src")
    assert width("outer.inner.net:Net(inner.WIDTH)") == 3


def test_what_is_beside_a_file_can_be_imported() -> None:
    write("models/widths.py", "WIDTH = 3")
    write("models/net.py", NET + "\nfrom widths import WIDTH\n")
    assert width("models/net.py:Net(WIDTH)") == 3


@pytest.mark.parametrize("name", ["copy.py", "torch.py", "model.v2.py", "two words.py"])
def test_a_file_may_have_any_name(name: str) -> None:
    write(f"models/{name}", NET)
    before = dict(sys.modules)
    assert width(f"models/{name}:Net(3)") == 3
    assert [sys.modules[each] for each in before] == list(before.values())


def test_a_file_is_read_anew() -> None:
    for number in "345":  # all of the same length, and within a second
        write("model.py", NET.replace("=2", f"={number}"))
        assert width("model.py:Net") == int(number)
    assert not Path("__pycache__").exists()


def test_an_encoding_and_a_dataclass() -> None:
    write("model.py", "from __future__ import annotations\nimport dataclasses\n" + NET)
    data = f"# coding: latin-1\n{NET}\nname = 'caf\xe9'\n".encode("latin-1")
    Path("model.py").write_bytes(
        data + b"import dataclasses\n@dataclasses.dataclass\nclass Config:\n    width: 'int' = 3\n"
    )
    assert width("model.py:Net(Config().width * len(name) // 4)") == 3


def test_annotations_are_those_of_the_file() -> None:
    write("model.py", NET + "\ndef make(width: int):\n    return Net(width)\n")
    assert width("model.py:Net(make.__annotations__['width']('3'))") == 3


# What goes wrong


def test_a_file_that_is_not_there() -> None:
    for name in ("missing.py", "models.py"):
        Path("models.py").mkdir(exist_ok=True)
        with pytest.raises(FileError, match="cannot be read: "):
            load_model(model_source(f"{name}:Net"))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "\nimport missing_module",
            "ModuleNotFoundError: No module named 'missing_module' (line 2)",
        ),
        (
            "from . import blocks",
            "ImportError: attempted relative import with no known parent package",
        ),
        ("class Net(:\n", "SyntaxError: invalid syntax (model.py, line 1)"),
        ("\n\nraise SystemExit", "SystemExit (line 3)"),
        ("assert False", "AssertionError (line 1)"),
        ("raise ValueError('one\\ntwo')", "ValueError: one (line 1)"),
    ],
)
def test_a_source_that_cannot_be_imported(source: str, message: str) -> None:
    write("model.py", source)
    assert failure("model.py:Net").startswith(f"cannot be imported: {message}")


def test_a_module_that_cannot_be_imported() -> None:
    message = "cannot be imported: ModuleNotFoundError: No module named 'missing_module'"
    assert failure("missing_module:Net") == message


@pytest.mark.parametrize("place", ["model.py", "model"])
def test_an_expression_that_raises(place: str) -> None:
    write("model.py", NET.replace("(width, width)", "(width, WIDTH)"))
    message = "Net(3) raises: NameError: name 'WIDTH' is not defined (line 5)"
    assert failure(f"{place}:Net(3)") == message
    message = "Other raises: NameError: name 'Other' is not defined"
    assert failure(f"{place}:Other") == message
    write("other.py", "def make(width):\n    return 1 / width\n")
    message = "make raises: TypeError: make() missing 1 required positional argument: 'width'"
    assert failure("other.py:make") == message
    write("other.py", "def make(width):\n    return half(width)\n\ndef half(width):\n    0 / 0\n")
    message = "make(0) raises: ZeroDivisionError: division by zero (line 5)"
    assert failure("other.py:make(0)") == message


def test_what_is_no_model() -> None:
    write("model.py", NET)
    assert failure("model.py:{}") == "{} gives a dict, and not a torch.nn.Module"
    assert failure("model.py:lambda: Net") == "lambda: Net gives a type, and not a torch.nn.Module"


def test_another_package_of_the_same_name() -> None:
    write("one/package/__init__.py")
    write("one/package/net.py", NET)
    write("two/package/__init__.py")
    write("two/package/net.py", NET)
    write("two/package/other.py", NET)
    assert width("one/package/net.py:Net(3)") == 3
    message = failure("two/package/net.py:Net(3)")
    assert message.startswith("cannot be imported: ImportError: package.net is already that of ")
    assert failure("two/package/other.py:Net") == (
        "cannot be imported: ModuleNotFoundError: No module named 'package.other'"
    )
