"""The command line of ``--convert-checkpoint``; none of it needs torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gencode.command import main
from gencode.files import UsageError
from gencode.load_model import ModelSource, model_source

FILES = ["--convert-checkpoint", "old.pt", "new.pt"]
MODEL = ["--model", "model.py:Net"]


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (FILES, "--convert-checkpoint needs the model: --model FILE:EXPRESSION"),
        ([*FILES, *MODEL, *MODEL], "--convert-checkpoint needs the model: --model FILE:EXPRESSION"),
        (
            ["model.py", "--checkpoint-key", "ema"],
            "--checkpoint-key goes with --convert-checkpoint OLD NEW",
        ),
        ([*FILES, *MODEL, "model.py"], "--convert-checkpoint does not go with a SOURCE"),
        (
            [*FILES, *MODEL, "-o", "out.py", "--style", "loop", "--exclude", "a"],
            "--convert-checkpoint does not go with --output, --style, --exclude",
        ),
        (
            ["--convert-checkpoint", "old.pt", "-", *MODEL],
            "--convert-checkpoint takes two files, and no -",
        ),
        (
            [*FILES, "--model", "model.py"],
            "'model.py' does not say how to build a model, as model.py:Net() does",
        ),
        (
            [*FILES, "--model", ":Net"],
            "':Net' does not say how to build a model, as model.py:Net() does",
        ),
        ([*FILES, "--model", "model.py:"], "'' is no expression: invalid syntax"),
        (
            [*FILES, "--model", "model.py:Net(groups="],
            "'Net(groups=' is no expression: '(' was never closed",
        ),
        ([*FILES, "--model", "model.py:import os"], "'import os' is no expression: invalid syntax"),
    ],
)
def test_wrong_usage_is_one_line(arguments: list[str], message: str, capsys) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err == f"gencode: {message}\n"
    assert not any(Path().iterdir())


def test_an_expression_that_python_cannot_even_read() -> None:
    with pytest.raises(UsageError, match="null"):
        ModelSource("model", "Net\0")


def test_what_argparse_says(capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--convert-checkpoint", "old.pt", *MODEL])
    assert caught.value.code == 2
    assert "error: " in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("text", "place", "expression"),
    [
        ("model.py:Net", Path("model.py"), "Net"),
        ("model.py: Net(groups=2) ", Path("model.py"), "Net(groups=2)"),
        ("a:b/model.py:Net(**{'a': 1})", Path("a:b/model.py"), "Net(**{'a': 1})"),
        ("model.py:Net('other.py:Net')", Path("model.py"), "Net('other.py:Net')"),
        (r"C:\models\model.py:Net()", Path(r"C:\models\model.py"), "Net()"),
        ("package.model:Net({1: 2})", "package.model", "Net({1: 2})"),
        ("model:lambda: 3", "model", "lambda: 3"),
    ],
)
def test_what_names_a_model(text: str, place: Path | str, expression: str) -> None:
    assert model_source(text) == ModelSource(place, expression)


def test_a_missing_package_is_named_with_the_command_that_brings_it() -> None:
    code = (
        "import sys; sys.modules['torch'] = None; from gencode.command import main;"
        f"sys.exit(main({[*FILES, *MODEL]}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("gencode: this needs torch (")
    assert done.stderr.endswith("): pip install 'torch'\n")
