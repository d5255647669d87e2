"""The command line of ``--model``; none of it runs anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from cases import CONV, model
from gencode.command import main
from gencode.command.command_line import parsed
from gencode.command.model_options import asked_models
from gencode.limits import MODEL_GIGABYTES, MODEL_SECONDS
from gencode.load_model import ModelSource, model_source


@pytest.fixture(autouse=True)
def with_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(model(CONV))
    monkeypatch.setattr("gencode.command.model_options.is_installed", lambda _: True)


NET = ["model.py", "--model", "Net"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["model.py", "--input-shape", "3"], "--input-shape goes with --model"),
        (["model.py", "--inputs", "x"], "--inputs goes with --model"),
        (["model.py", "--no-verify"], "--no-verify goes with --model"),
        (["model.py", "--force"], "--force goes with --model"),
        (["model.py", "--time-limit", "3"], "--time-limit goes with --model"),
        (["model.py", "--memory-limit", "3"], "--memory-limit goes with --model"),
        (
            [*NET, "--list"],
            "--model does not go with --list, which makes nothing that could be run",
        ),
        (["-", "--model", "Net"], "--model does not go with standard input"),
        (
            [*NET, "--input-shape", "3", "--inputs", "x"],
            "--input-shape does not go with --inputs",
        ),
        ([*NET, "--inputs", "x ="], "--inputs 'x =' is no expression"),
        (["model.py", "--model", "Net("], "'Net(' is no expression: '(' was never closed"),
        (
            ["model.py", "--model", ""],
            "'' does not say how to build a model, as model.py:Net() does",
        ),
        (
            ["-i", "model.py", "other.py", "--model", "Net"],
            "'Net' does not say how to build a model, as model.py:Net() does",
        ),
        (
            ["-i", ".", "--model", "Net"],
            "'Net' does not say how to build a model, as model.py:Net() does",
        ),
    ],
)
def test_wrong_usage_is_one_line(arguments: list[str], message: str, capsys) -> None:
    before = Path("model.py").read_text()
    assert main(arguments) == 2
    assert capsys.readouterr().err == f"gencode: {message}\n"
    assert Path("model.py").read_text() == before


@pytest.mark.parametrize("shape", ["", "3,", "a", "3,-1", "0", "3x3", "3.5"])
def test_what_is_no_shape(shape: str, capsys) -> None:
    with pytest.raises(SystemExit):
        main([*NET, f"--input-shape={shape}"])
    assert f"{shape} is not a shape, as 3,32,32 is" in capsys.readouterr().err


@pytest.mark.parametrize("limit", ["0", "-1", "x", "inf", "nan"])
def test_what_is_no_limit(limit: str, capsys) -> None:
    with pytest.raises(SystemExit):
        main([*NET, f"--time-limit={limit}"])
    assert f"{limit} is not a number above 0" in capsys.readouterr().err


def test_without_torch_it_is_said_how_to_install_it(monkeypatch, capsys) -> None:
    monkeypatch.setattr("gencode.command.model_options.is_installed", lambda _: False)
    assert main(NET) == 2
    assert capsys.readouterr().err == "gencode: --model needs torch: pip install 'torch'\n"


@pytest.mark.parametrize(
    ("text", "place", "expression"),
    [
        ("Net", Path("net.py"), "Net"),
        ("Net(groups=2)", Path("net.py"), "Net(groups=2)"),
        (" Net(x[1:2]) ", Path("net.py"), "Net(x[1:2])"),
        ("{1: Net}[1]", Path("net.py"), "{1: Net}[1]"),
        ("lambda: Net(3)", Path("net.py"), "lambda: Net(3)"),
        ("package.module:build()", "package.module", "build()"),
        ("module:build", "module", "build"),
        ("other.py:build", Path("other.py"), "build"),
    ],
)
def test_what_names_a_model(text: str, place: Path | str, expression: str) -> None:
    assert model_source(text, Path("net.py")) == ModelSource(place, expression)


def test_what_is_asked_for() -> None:
    typed = [*NET, "--model", "a.b:c", "--input-shape", "3, 8", "--input-shape", "2"]
    asked = asked_models(parsed([*typed, "--time-limit", "1.5"]))
    assert asked is not None
    assert asked.models == (ModelSource(Path("model.py"), "Net"), ModelSource("a.b", "c"))
    assert asked.shapes == ((3, 8), (2,))
    assert (asked.seconds, asked.gigabytes) == (1.5, MODEL_GIGABYTES)
    asked = asked_models(parsed([*NET, "--inputs", "x"]))
    assert asked is not None and asked.inputs == "x" and asked.seconds == MODEL_SECONDS
    assert asked_models(parsed(["model.py"])) is None
    assert asked_models(parsed([*NET, "--no-verify"])) is None
