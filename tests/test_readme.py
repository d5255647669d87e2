"""What the README shows is what happens."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import indent

import pytest

import gencode
from cases import model
from gencode.command import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(name: str) -> str:
    """The code after the comment of that name."""
    found = re.search(rf"<!-- {name} -->\n```\w*\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found.group(1)


def without_load_parts(text: str) -> str:
    """A source without the function that hands weights on, which the README only mentions."""
    before, function, after = text.partition("def load_parts(")
    return before + after[after.index("class ") :] if function else text


@pytest.mark.parametrize(("name", "folder"), [("before", "tests/zoo"), ("after", "generated")])
def test_the_example_is_a_model_of_the_repository(name: str, folder: str) -> None:
    text = (ROOT / folder / "grouped_1d.py").read_text("utf-8")
    assert without_load_parts(text.split('"""\n', 1)[-1]).strip() == block(name).strip()


def test_the_example_of_the_module_style() -> None:
    before = f"import torch\nfrom torch import nn\n\n\n{block('module before')}"
    assert gencode.split_source(before).text.endswith(f"\n\n\n{block('module after')}")


def test_the_example_of_a_norm() -> None:
    init = """
        self.conv1 = nn.Conv1d(16, 8, 3, groups=2)
        self.bn1 = nn.BatchNorm1d(8)
        self.relu = nn.ReLU()
        """
    split = gencode.split_source(model(init, f"{block('norm before')}return x")).text
    assert indent(block("norm after"), " " * 8) in split


def test_the_main_command_splits_that_model(monkeypatch, tmp_path: Path) -> None:
    command = block("main command").strip().rpartition("/gencode ")[2].split()
    monkeypatch.chdir(ROOT)
    output = tmp_path / command[-1]
    assert main([*command[:-1], str(output)]) == 0
    text = output.read_text(encoding="utf-8")
    assert without_load_parts(text).endswith(block("after"))
    assert text == (ROOT / "generated" / "grouped_1d.py").read_text(encoding="utf-8")


def test_both_commands_are_one_line_and_make_their_own_environment() -> None:
    for name in ("main command", "test command"):
        command = block(name)
        assert command.count("\n") == 1
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install --quiet ")


def test_the_messages_are_those_of_the_command(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(
        "import torch\nimport torch.nn as nn\n\n\nclass Net(nn.Module):\n"
        "    def __init__(self, groups):\n        super().__init__()\n\n"
        "        self.conv1 = nn.Conv1d(16, 8, 3, groups=2)\n"
        "        self.conv2 = nn.Conv1d(8, 8, 3, groups=8)\n"
        "        self.conv3 = nn.Conv1d(8, 8, 3, groups=groups)\n"
        "        self.conv4 = nn.Conv1d(8, 8, 3, groups=groups)\n"
        "        self.tied = self.conv4.weight\n\n"
        "    def forward(self, x):\n        return self.conv1(x)\n"
    )
    assert main(["model.py"]) == 3
    err = capsys.readouterr().err
    assert f"```text\n{err}```" in README


def test_the_exit_statuses_and_examples_are_those_of_the_help(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    statuses = shown.partition("exit status:\n")[2].strip().splitlines()
    for line in statuses:
        number, _, meaning = line.strip().partition(" ")
        assert f"| {number} | {meaning.strip()} |" in README
    for line in shown.partition("examples:\n")[2].partition("\n\n")[0].splitlines():
        assert line.strip() in README


def test_all_that_is_public_is_documented() -> None:
    for name in gencode.__all__:
        assert name == "__version__" or getattr(gencode, name).__doc__
