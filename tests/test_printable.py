"""Names and texts of others in messages: no line can be forged, and no terminal told anything."""

from __future__ import annotations

import ast
import shutil
import subprocess
from pathlib import Path

import pytest

import gencode
from cases import model
from gencode.command import main
from gencode.command.differences import difference
from gencode.key_lists import shortened
from gencode.printable import printable
from sources import BOTH, BROKEN, GROUPED, SPLIT, text, write

# What a line ends with, to one program or another; what a terminal takes for a command; what turns
# the direction of writing; and what is no character.
ODD = [
    *("\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"),
    *("\x1b[2K\x1b[1A", "\x1b]0;title\x07", "\x9b2K", "\b", "\x7f", "\x00"),
    *("\u202e", "\u2066", "\u200b", "\ufeff", "\U000e0041"),
    *("\udcff", "\ud800", "\uffff"),
]
IN_NAMES = [each for each in ODD if each not in ("\x00", "\ud800")]
FORGED = "z: grouped convolutions: 9 split"


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def said(capfd):
    """What the command says, and prints, of which no line is forged and all can be printed."""

    def run(*arguments: str, status: int) -> list[str]:
        assert main(list(arguments)) == status
        lines = "".join(capfd.readouterr()).splitlines()
        assert all(each.isprintable() for each in lines), lines
        assert FORGED not in lines
        assert lines
        return lines

    return run


@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_what_cannot_be_printed_is_escaped(odd: str) -> None:
    shown = printable(f"a{odd}b")
    assert shown.isprintable() and shown.isascii()
    assert ast.literal_eval(f"'{shown}'") == f"a{odd}b"


@pytest.mark.parametrize("each", ["a b", "caf\xe9", "a\\nb", "\u4e2d", "\U0001f600", "'\"", ""])
def test_what_can_be_printed_stays(each: str) -> None:
    assert printable(each) == each


@pytest.mark.parametrize("odd", IN_NAMES, ids=ascii)
def test_a_name_in_every_message(odd: str, said) -> None:
    directory, name = f"m{odd}{FORGED}", f"a{odd}{FORGED}"
    files = {f"{name}.py": BOTH, f"{name}_broken.py": BROKEN, f"{name}_latin.py": b"'\xff'\n"}
    write({**files, f"{name}_excluded.py": GROUPED, name: "x"}, directory)
    Path(directory, f"{name}_link").symlink_to(name)
    exclude = ["--exclude", "*_excluded.py"]
    for options in (["--check"], ["--list"], ["-o", "out"], ["--check", "-o", "out"], ["-i"]):
        lines = said(*options, directory, *exclude, status=123)
        assert lines[-1].startswith(f"{printable(directory)}: ")
        shown = f"{printable(f'{directory}/{name}.py')}:10:22: Net.other not split: "
        assert any(each.startswith(shown) for each in lines)
    said(f"{directory}/{name}_excluded.py", *exclude, "-o", f"out{odd}{FORGED}.py", status=0)
    said(f"{directory}/missing{odd}{FORGED}", status=123)
    said(directory, "-o", f"{directory}/{name}", status=2)
    said("-i", "--", f"{directory}/{name}.py", f"{directory}/{name}_broken.py", status=123)
    said(f"{directory}/{name}.py", "-o", f"missing{odd}{FORGED}/out.py", status=123)
    said(directory, "-o", "out", "--helper-module", f"a{odd}{FORGED}", status=2)
    write({"pyproject.toml/x": ""}, directory)
    said(f"{directory}/{name}.py", status=2)


def test_a_name_that_is_taken_for_an_option(capsys) -> None:
    forged = "models/a.py:1:1:forged"  # with a space it would be taken for a name
    for arguments in ([f"--x\n{forged}"], ["a.py", "--templates", f"x\x1b\n{forged}"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 2 and all(each.isprintable() for each in lines)
        assert lines[1].startswith("gencode: error: ") and forged in lines[1]


def test_what_a_configuration_says(said) -> None:
    write({"a.py": GROUPED})
    value = f"x\\r\\n\\u202e{FORGED}"
    for line in (
        f'style = "{value}"',
        f'templates = "{value}"',
        f'"{value}" = 1',
        f'exclude = [3, "{value}"]',
        f'helper-module = "{value}"',
        f'[[tool.gencode.generate]]\nsource = "{value}"\noutput = "{value}"',
        f'[[tool.gencode.generate]]\nsource = "a.py"\n"{value}" = 3',
        f"{value.encode().decode('unicode_escape')}",
    ):
        write({"pyproject.toml": f"[tool.gencode]\n{line}\n"})
        (message,) = said("a.py", status=2)
        assert message.startswith("gencode: ")


def test_what_a_source_says(said) -> None:
    forged = f"\\r\\n{FORGED}\u202e\u2028\x1b"
    write({"a.py": model(f"self.a = nn.Conv2d(4, 4, 1, groups=g['{forged}'])")})
    assert "groups=g" in "".join(said("a.py", "-o", "out.py", status=0))
    assert "groups=g" in "".join(said("--list", "a.py", status=0))
    write({"a.py": f"{GROUPED}\nx = 1  # gencode: skipp={forged}\n"})
    assert "gencode" in said("-i", "a.py", status=123)[0]
    write({"a.py": f"x = '{forged}' 3\n"})
    said("-i", "a.py", status=123)


@pytest.mark.parametrize("odd", IN_NAMES, ids=ascii)
def test_a_name_in_the_first_line_of_what_is_generated(odd: str) -> None:
    name = f"a{odd}import evil{odd}.py"
    for source in (GROUPED, f"# coding: latin-1\n{GROUPED}"):
        write({name: source})
        assert main([name, "-o", "out.py"]) == 0
        out = text("out.py")
        header = next(each for each in out.split("\n") if "Generated" in each)
        assert header.isprintable() and "import evil" in header
        assert out.replace(f"{header}\n", "") == gencode.split_source(source).text
        assert main(["out.py", "-o", "again.py"]) == 0  # where it is known for what it is
        assert text("again.py") == out


def needs(tool: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"there is no {tool}")


@pytest.mark.parametrize(
    "apply", [["patch", "-p0"], ["git", "apply", "-p0"]], ids=lambda each: each[0]
)
def test_a_patch_of_odd_names_applies_and_its_heads_are_lines(
    apply: list[str], capfdbinary
) -> None:
    needs(apply[0])
    names = [f"a{odd}+++ {number}.py" for number, odd in enumerate(IN_NAMES)]
    names += ["caf\xe9.py", "a b.py", "\u4e2d.py", '"a".py', "a\\n.py"]
    write(dict.fromkeys(names, GROUPED))
    assert main(["--diff", "."]) == 0
    diff = capfdbinary.readouterr().out
    heads = [each for each in diff.decode().split("\n") if each.startswith(("---", "+++"))]
    assert all(each.rstrip("\t").isprintable() for each in heads) and len(heads) == 2 * len(names)
    done = subprocess.run(apply, input=diff, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert {text(name) for name in names} == {SPLIT}


def test_names_in_a_diff_are_as_git_has_them(tmp_path: Path) -> None:
    for name, expected in {
        "a.py": b"a.py",
        "a b.py": b"a b.py\t",
        "caf\xe9.py": b"caf\xc3\xa9.py",
        "a\n.py": b'"a\\012.py"',
        "\udcff\u202e\x9b.py": b'"\\377\\342\\200\\256\\302\\233.py"',
        'a"\\ \xe9.py': b'"a\\042\\134 \xc3\xa9.py"',
    }.items():
        head = difference(b"a", b"b", name).split(b"\n")[0]
        assert head == b"--- " + expected


def test_the_columns_of_a_line_that_cannot_be_printed(capsys) -> None:
    write({"a.py": "'\x1b\u202e\t', ]\n"})
    assert main(["-i", "a.py"]) == 123
    assert capsys.readouterr().err == "a.py:1:8: unmatched ']'\n    '??\t', ]\n       \t   ^\n"


# Checkpoints


def test_the_lines_of_torch_s_complaint() -> None:
    complaint = f'Error(s) for Net:\n\tMissing key(s): "a\n{FORGED}", "b". \n\tsize mismatch'
    assert shortened(complaint) == [
        "Error(s) for Net:",
        f'Missing key(s): "a\n{FORGED}", "b".',
        "size mismatch",
    ]


def test_the_keys_of_a_checkpoint(said) -> None:
    torch = pytest.importorskip("torch")
    key = f"a\r\n{FORGED}\x1b[2K"
    source = f"""\
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.ModuleDict({{{key!r}: nn.Conv1d(1, 1, 1)}})
"""
    write({"net.py": source})
    old = {f"conv.{key}.weight": torch.zeros(1, 1, 1), f"conv.{key}.bias": torch.zeros(1)}
    more = {f"{key}.more": torch.zeros(1)}
    convert = ["--convert-checkpoint", "old.pt", "new.pt", "--model", "net.py:Net"]
    torch.save(old, "old.pt")
    said(*convert, status=0)
    torch.save({**old, **more}, "old.pt")
    assert said(*convert, status=123)[0].startswith("old.pt: does not fit the model: ")
    torch.save(more, "old.pt")
    lines = said(*convert, status=123)
    assert lines[-1].startswith("    --no-checkpoint")
    assert all(each.startswith("    ") for each in lines[1:])
    torch.save({key: old, f"{key}2": old, "optimizer": 3}, "old.pt")
    said(*convert, status=123)
    torch.save({key: 3}, "old.pt")
    said(*convert, status=123)
    said(*convert, "--checkpoint-key", f"x\r\n{FORGED}", status=123)
    torch.save({key: old, "b": {"state": 1, "param_groups": 2}}, "old.pt")
    said(*convert, status=0)
    said(*convert[:-1], f"net.py:x\n{FORGED}", status=2)
    raising = f"raise Exception({f'x{chr(13)}{FORGED}'!r})"
    said(*convert[:-1], f"net.py:exec({raising!r})", status=123)
    said("--convert-checkpoint", f"x\r\n{FORGED}", *convert[2:], status=123)
    write({f"x\r\n{FORGED}.pt": b"x"})
    said("--convert-checkpoint", f"x\r\n{FORGED}.pt", *convert[2:], status=123)
