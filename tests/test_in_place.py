"""Rewriting in place, several sources at once, and the difference that it would make."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

import gencode
from cases import CONV, model
from gencode.command import main
from gencode.command.differences import coloured, difference
from sources import BOTH, BROKEN, GROUPED, LEFT, PLAIN, SPLIT, on_disk, text, write


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def rewritten() -> list[str]:
    """The files that hold the split source."""
    files = [each for each in Path().rglob("*") if each.is_file() and not each.is_symlink()]
    return sorted(each.as_posix() for each in files if each.read_bytes() == SPLIT.encode())


def test_files_and_directories(capsys) -> None:
    names = ("a.py", "sub/b.py", "sub/deep/c.py", "other/d.py", "e.py", "script")
    write(dict.fromkeys(names, GROUPED))
    write({"sub/b.txt": GROUPED, "sub/plain.py": PLAIN, "sub/empty.py": ""})
    assert main(["-i", "a.py", "sub", "script"]) == 0
    assert rewritten() == ["a.py", "script", "sub/b.py", "sub/deep/c.py"]
    assert text("sub/b.txt") == text("other/d.py") == text("e.py") == GROUPED
    out, err = capsys.readouterr()
    assert out == ""
    assert [each.partition(":")[0] for each in err.splitlines()] == [
        *("a.py", "sub/b.py", "sub/deep/c.py", "script", "gencode")
    ]
    assert err.splitlines()[-1] == (
        "gencode: files: 4 split, 2 unchanged; grouped convolutions: 4 split"
    )
    was = on_disk()
    assert main(["-i", "a.py", "sub", "script"]) == 0
    assert on_disk() == was


def test_one_directory_has_its_name_in_the_summary(capsys) -> None:
    write({"sub/a.py": GROUPED, "sub/b.py": GROUPED})
    assert main(["-i", "sub"]) == 0
    assert capsys.readouterr().err.splitlines()[-1] == (
        "sub: files: 2 split; grouped convolutions: 2 split"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["models/z.py", "models/z.py"],
        ["models/z.py", "./models/../models/z.py"],
        ["models", "models/z.py"],
        ["models/z.py", "models"],
        ["models", "models"],
        ["models", "."],
        ["link", "models"],
        ["models", "link"],
        ["link/z.py", "models/z.py"],
        ["models/a_link.py", "models/z.py"],
        ["models/a_link.py"],
        ["models"],
    ],
)
def test_a_file_is_rewritten_once_however_it_is_reached(arguments: list[str], capsys) -> None:
    # The link comes before the file.
    write({"models/z.py": GROUPED})
    Path("models/a_link.py").symlink_to("z.py")
    Path("link").symlink_to("models")
    assert main(["--check", *arguments]) == 1
    assert main(["-i", *arguments]) == 0
    assert capsys.readouterr().err.count("Net.conv") == 2
    assert rewritten() == ["models/z.py"]
    assert Path("models/a_link.py").is_symlink() and Path("link").is_symlink()
    assert main(["--check", *arguments]) == 0


def test_the_order_is_that_of_the_command_line(capsys) -> None:
    write({"a.py": LEFT, "b.py": LEFT, "c/d.py": LEFT, "e.py": LEFT})
    assert main(["-i", "b.py", "c", "a.py", "b.py", ".", "c/d.py"]) == 3
    said = [each.partition(":")[0] for each in capsys.readouterr().err.splitlines()]
    assert said == ["b.py", "c/d.py", "a.py", "e.py", "gencode"]


def test_what_git_ignores_is_left_unless_it_is_named(capsys) -> None:
    names = ("a.py", "build/b.py", "sub/c.py", "venv/d.py", "__pycache__/e.py")
    write(dict.fromkeys(names, GROUPED))
    write({".gitignore": "build/\n/sub/c.py\n", "venv/pyvenv.cfg": "", ".git/HEAD": ""})
    assert main(["-i", "."]) == 0
    assert rewritten() == ["a.py"]
    assert "2 ignored" in capsys.readouterr().err
    assert main(["-i", ".", "sub/c.py", "build"]) == 0
    assert rewritten() == ["a.py", "build/b.py", "sub/c.py"]


def test_links_out_of_a_directory_are_not_followed(capsys) -> None:
    write({"models/a.py": GROUPED, "outside/b.py": GROUPED, "c.py": GROUPED})
    Path("models/out").symlink_to("../outside")
    Path("models/c.py").symlink_to("../c.py")
    Path("models/loop").symlink_to("loop")
    Path("models/self").symlink_to(".")
    Path("models/up").symlink_to("..")
    Path("models/broken.py").symlink_to("missing.py")
    for arguments in (["--check"], ["--list"], ["--diff"], ["-i"]):
        assert main([*arguments, "models"]) == ("--check" in arguments)
    assert rewritten() == ["models/a.py"]
    # One that is named is, and stays a link.
    assert main(["-i", "models/c.py"]) == 0
    assert rewritten() == ["c.py", "models/a.py"]
    assert Path("models/c.py").is_symlink()
    assert main(["-i", "models/loop"]) == 123
    assert main(["-i", "models/broken.py"]) == 123
    assert not Path("models/missing.py").exists()
    said = capsys.readouterr().err
    assert "models/loop: cannot be read: Too many levels of symbolic links\n" in said
    assert "models/broken.py: cannot be read: No such file or directory\n" in said


def test_modes_are_kept_and_no_temporary_file_is_left() -> None:
    modes = {"a.py": 0o755, "b.py": 0o640, "c.py": 0o444, "d.py": 0o4755}
    write(dict.fromkeys(modes, GROUPED))
    for name, mode in modes.items():
        Path(name).chmod(mode)
    main(["-i", *modes])
    for name, mode in modes.items():
        if text(name) == SPLIT or name != "c.py":  # which only root can write to
            assert text(name) == SPLIT
        assert stat.S_IMODE(Path(name).stat().st_mode) == mode
    assert sorted(on_disk()) == sorted(modes)


def test_a_file_that_changes_meanwhile_is_not_overwritten(monkeypatch, capsys) -> None:
    write({"a.py": GROUPED, "b.py": GROUPED, "c.py": GROUPED})
    original = gencode.split_source

    def slow(source: str, options: gencode.Options, location: object) -> gencode.Result:
        calls.append(source)
        if len(calls) == 1:
            write({"a.py": "saved by an editor"})
        if len(calls) == 2:
            Path("b.py").unlink()
        return original(source, options)

    calls: list[str] = []
    monkeypatch.setattr("gencode.file_split.split_source", slow)
    assert main(["-i", "a.py", "b.py", "c.py"]) == 123
    assert on_disk().keys() == {"a.py", "c.py"}
    assert (text("a.py"), text("c.py")) == ("saved by an editor", SPLIT)
    said = capsys.readouterr().err.splitlines()
    assert said[:2] == [
        "a.py: cannot be written: it changed while it was being split",
        "b.py: cannot be read: No such file or directory",
    ]
    assert said[-1] == "gencode: files: 1 split; 2 failed; grouped convolutions: 1 split"


def test_every_file_of_a_batch_is_done_when_some_fail(capsys) -> None:
    files = {
        "a.py": BROKEN,
        "b.py": GROUPED,
        "c.py": b"x = '\xff'\n",
        "d.py": b"x = '\0'\n" + GROUPED.encode(),
        "e.py": GROUPED,
        "g.py": LEFT,
    }
    write(files)
    Path("h.py").mkdir()
    assert main(["-i", "missing.py", *files, "h.py", "z.py"]) == 123
    assert rewritten() == ["b.py", "e.py"]
    for name in ("a.py", "c.py", "d.py", "g.py"):
        expected = files[name]
        data = expected if isinstance(expected, bytes) else expected.encode()
        assert Path(name).read_bytes() == data
    said = capsys.readouterr().err
    for start in ("missing.py: cannot be read", "a.py:2:20: ", "c.py: cannot be decoded", "d.py"):
        assert f"\n{start}" in f"\n{said}"
    assert "files: 2 split, 1 unchanged; 5 failed; grouped convolutions: 2 split, 1 not" in said


def test_a_full_disk_leaves_every_file_as_it_was(monkeypatch, capsys) -> None:
    write({"a.py": GROUPED, "b.py": GROUPED})
    was = on_disk()

    def full(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    assert main(["-i", "a.py", "b.py"]) == 123
    assert on_disk() == was
    assert capsys.readouterr().err.count(".py: cannot be written: No space left on device\n") == 2


@pytest.mark.parametrize("name", ["a.py", "sub"])
def test_what_vanishes_between_listing_and_reading(name: str, monkeypatch, capsys) -> None:
    write({"a.py": GROUPED, "sub/b.py": GROUPED, "z.py": GROUPED})
    original = Path.iterdir

    def vanishing(path: Path) -> list[Path]:
        found = list(original(path))
        if path == Path("sub" if name == "sub" else "."):
            for each in [Path("sub/b.py"), Path("sub")] if name == "sub" else [Path("a.py")]:
                each.rmdir() if each.is_dir() else each.unlink()
        return found

    monkeypatch.setattr(Path, "iterdir", vanishing)
    assert main(["-i", "."]) == 123
    assert "cannot be read: No such file or directory" in capsys.readouterr().err
    assert rewritten() == (["a.py", "z.py"] if name == "sub" else ["sub/b.py", "z.py"])


def test_a_directory_that_cannot_be_read(monkeypatch, capsys) -> None:
    write({"sub/b.py": GROUPED, "z.py": GROUPED})
    original = Path.iterdir

    def denied(path: Path) -> object:
        if path.name == "sub":
            raise PermissionError(13, "Permission denied")
        return original(path)

    monkeypatch.setattr(Path, "iterdir", denied)
    assert main(["-i", "."]) == 123
    assert main(["-i", "sub", "z.py"]) == 123
    assert rewritten() == ["z.py"]
    assert capsys.readouterr().err.count("sub: cannot be read: Permission denied\n") == 2


def test_a_working_directory_that_is_gone(tmp_path: Path, monkeypatch, capsys) -> None:
    write({"a.py": GROUPED, "gone/x": ""})
    monkeypatch.chdir(tmp_path / "gone")
    Path("x").unlink()
    (tmp_path / "gone").rmdir()
    for arguments in (["a.py"], ["-"], [], ["-i", "a.py"]):
        assert main(arguments) == 2
        assert capsys.readouterr().err == "gencode: the working directory is gone\n"


def test_a_directory_above_that_cannot_be_looked_into(monkeypatch) -> None:
    write({"sub/a.py": GROUPED})

    def denying(original: Callable[..., object]) -> Callable[..., object]:
        def denied(path: object, **more: object) -> object:
            if str(path).endswith(("pyproject.toml", "setup.py", ".git")):
                raise PermissionError(13, "Permission denied")
            return original(path, **more)

        return denied

    with monkeypatch.context() as patch:  # for root, too
        for name in ("stat", "lstat"):
            patch.setattr(os, name, denying(getattr(os, name)))
        assert main(["sub/a.py", "-o", "out.py"]) == 0
    assert text("out.py") == f"# Generated by gencode from a.py.\n{SPLIT}"


# Several sources to a directory


def test_several_sources_go_into_a_directory(capsys) -> None:
    write({"a.py": GROUPED, "sub/b.py": LEFT, "nets/c.py": GROUPED, "nets/d": "d"})
    Path("out").mkdir()
    assert main(["a.py", "sub/b.py", "nets", "-o", "out"]) == 3
    assert text("out/a.py") == f"# Generated by gencode from a.py.\n{SPLIT}"
    assert text("out/b.py") == LEFT
    assert text("out/nets/c.py") == f"# Generated by gencode from c.py.\n{SPLIT}"
    assert text("out/nets/d") == "d"
    assert capsys.readouterr().err.splitlines()[-1] == (
        "gencode: files: 2 split, 2 copied unchanged; grouped convolutions: 2 split, 1 not split"
    )
    assert main(["--check", "a.py", "sub/b.py", "nets", "-o", "out"]) == 3
    assert main(["--check", "a.py", "a.py", "nets", "-o", "out"]) == 0
    write({"a.py": BROKEN})
    assert main(["a.py", "nets", "-o", "out"]) == 123
    assert text("out/a.py").endswith(SPLIT)
    # Where they are themselves they are rewritten.
    write({"a.py": GROUPED})
    assert main(["a.py", "sub/b.py", "-o", "."]) == 3
    assert (text("a.py"), text("b.py")) == (SPLIT, LEFT)


SEVERAL = "several sources: rewrite them with -i, or name a directory to write them to, with -o"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.py", "b.py"], SEVERAL),
        (["a.py", "a.py"], SEVERAL),
        (["a.py", "b.py", "-o", "-"], "- is not a directory, which several sources need"),
        (["a.py", "b.py", "-o", "missing"], "missing is not a directory, which several sources"),
        (["a.py", "b.py", "-o", "c.py"], "c.py is not a directory, which several sources need"),
        (["a.py", "-", "-o", "sub"], "standard input has no name in a directory"),
        (["a.py", "sub/a.py", "-o", "out"], "a.py and sub/a.py would both be written to out/a.py"),
        (["a.py", "./a.py", "-o", "out"], "a.py and ./a.py would both be written to out/a.py"),
        (["-i", "a.py", "-o", "b.py"], "-i does not go with -o"),
        (["-i", "-"], "-i does not go with standard input"),
        (["-i", "a.py", "-"], "-i does not go with standard input"),
        (["-o", "b.py"], "-o needs a SOURCE"),
        (["-o", ""], "-o names nothing"),
        (["a.py", "-o", "new/"], "new/ names a directory, and a.py is a file"),
        (["-", "-o", "sub/"], "sub/ names a directory, and <stdin> is a file"),
        (["--generated", "a.py"], "--generated does not go with a SOURCE"),
        (["--generated", "-i"], "--generated does not go with -i"),
        (["-i", "a.py", "--helper-module", "b"], "--helper-module is for a directory"),
        (["--check", "sub", "-o", "sub"], "sub is the directory that is read: name another"),
        (["--check", "sub", "-o", "-"], "sub is a directory: name one to write it to, with -o,"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, capsys) -> None:
    write({"a.py": GROUPED, "b.py": GROUPED, "c.py": PLAIN, "sub/a.py": GROUPED, "out/x": ""})
    was = on_disk()
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"gencode: {message}") and err.count("\n") == 1
    assert on_disk() == was


@pytest.mark.parametrize("options", [["-i", "--"], ["-i"]])
def test_options_may_stand_anywhere(options: list[str]) -> None:
    write({"a.py": GROUPED, "b.py": GROUPED})
    assert main([*options, "a.py", "b.py"]) == 0
    assert rewritten() == ["a.py", "b.py"]
    write({"a.py": GROUPED, "b.py": GROUPED})
    assert main(["a.py", "-i", "b.py", "--style", "auto"]) == 0
    assert rewritten() == ["a.py", "b.py"]


def test_the_shell_completes_what_is_typed(monkeypatch) -> None:
    write({"a.py": GROUPED})
    monkeypatch.setenv("_ARGCOMPLETE", "1")
    monkeypatch.setitem(sys.modules, "argcomplete", None)  # it is not installed
    assert main(["-i", "a.py"]) == 0
    completed = []
    module = SimpleNamespace(autocomplete=lambda made: completed.append(made.prog))
    monkeypatch.setitem(sys.modules, "argcomplete", module)
    assert main(["-i", "a.py"]) == 0
    assert completed == ["gencode"]
    monkeypatch.delenv("_ARGCOMPLETE")
    assert main(["-i", "a.py"]) == 0
    assert completed == ["gencode"]


def test_the_arguments_are_those_of_the_process(monkeypatch) -> None:
    write({"a.py": GROUPED})
    monkeypatch.setattr(sys, "argv", ["gencode", "-i", "a.py"])
    assert main() == 0
    assert rewritten() == ["a.py"]


# What would change

DIFFERENT = {
    "a.py": GROUPED.encode(),
    "crlf.py": GROUPED.replace("\n", "\r\n").encode(),
    "cr.py": GROUPED.replace("\n", "\r").encode(),
    "mixed.py": b"x = 1\r\ny = 2\rz = 3\n" + GROUPED.encode() + b"x = 1\r\n\x0c\n",
    "no_end.py": GROUPED.rstrip().encode(),
    "no_end_far.py": GROUPED.encode() + b"\n" * 9 + b"x = 1",
    "latin.py": "# coding: latin-1\nx = 'caf\xe9'\n".encode("latin-1") + GROUPED.encode(),
    "bom.py": b"\xef\xbb\xbf" + GROUPED.encode(),
    "sub/a b.py": GROUPED.encode(),
    "sub/caf\xe9.py": GROUPED.encode(),
    'sub/a"b\\.py': GROUPED.encode(),
    "sub/tab\there.py": GROUPED.encode(),
    "dashes.py": b"-- x\n".replace(b"-- x", b"x = (\n--1\n)") + GROUPED.encode(),
    "plain.py": PLAIN.encode(),
}
APPLY = [["patch", "-p0", "--binary"], ["git", "apply", "-p0", "--whitespace=nowarn"]]


def needs(tool: str) -> None:
    try:
        subprocess.run([tool, "--version"], capture_output=True, check=True)
    except OSError:
        pytest.skip(f"there is no {tool}")


@pytest.mark.parametrize("apply", APPLY, ids=lambda each: each[0])
def test_the_diff_makes_what_in_place_makes(apply: list[str], capfdbinary) -> None:
    needs(apply[0])
    write(DIFFERENT)
    was = on_disk()
    assert main(["--diff", "."]) == 0
    assert main(["--diff", "--check", "."]) == 1
    out, err = capfdbinary.readouterr()
    diff = out[: len(out) // 2]
    assert out == diff + diff
    assert b"to be split" in err
    assert on_disk() == was
    done = subprocess.run(apply, input=diff, capture_output=True)
    assert done.returncode == 0, done.stderr
    patched = on_disk()
    write(DIFFERENT)
    assert main(["-i", "."]) == 0
    assert on_disk() == patched != was


@pytest.mark.parametrize("apply", APPLY, ids=lambda each: each[0])
def test_the_diff_makes_what_an_output_would_be(apply: list[str], capfdbinary) -> None:
    needs(apply[0])
    write({"a.py": GROUPED, "b.py": GROUPED.rstrip(), "c.py": GROUPED.replace("\n", "\r\n")}, "src")
    write({"out/b.py": "before"})
    assert main(["--diff", "--check", "src", "-o", "out"]) == 1
    diff = capfdbinary.readouterr().out
    assert diff.startswith(b"--- /dev/null\n+++ out/a.py\n@@ -0,0 +1,")
    done = subprocess.run(apply, input=diff, capture_output=True)
    assert done.returncode == 0, done.stderr
    patched = on_disk("out")
    assert main(["--check", "--diff", "src", "-o", "out"]) == 0
    assert capfdbinary.readouterr().out == b""
    assert main(["src", "-o", "out"]) == 0
    assert on_disk("out") == patched


def test_the_diff_of_standard_input(capsysbinary, monkeypatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GROUPED.encode())))
    assert main(["--diff", "-"]) == 0
    out = capsysbinary.readouterr().out
    assert out == difference(GROUPED.encode(), SPLIT.encode(), "<stdin>")
    assert out.startswith(b"--- <stdin>\n+++ <stdin>\n")


def test_a_diff_of_nothing() -> None:
    assert difference(b"a\n", b"a\n", "a") == b""
    assert difference(None, b"", "a") == b""
    assert difference(b"", b"a", "a") == (
        b"--- a\n+++ a\n@@ -0,0 +1 @@\n+a\n\\ No newline at end of file\n"
    )


@pytest.mark.parametrize(
    ("is_terminal", "no_colour", "is_coloured"),
    [(True, None, True), (True, "", True), (True, "1", False), (False, None, False)],
)
def test_colours_are_for_terminals(
    is_terminal: bool, no_colour: str | None, is_coloured: bool, monkeypatch, capsysbinary
) -> None:
    write({"a.py": GROUPED})
    if no_colour is None:
        monkeypatch.delenv("NO_COLOR", raising=False)
    else:
        monkeypatch.setenv("NO_COLOR", no_colour)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    assert main(["--diff", "--check", "a.py"]) == 1
    out = capsysbinary.readouterr().out
    assert (b"\x1b[" in out) is is_coloured
    plain = difference(GROUPED.encode(), SPLIT.encode(), "a.py")
    assert out == (coloured(plain) if is_coloured else plain)


def test_the_colours() -> None:
    assert coloured(b"--- a\n+++ b\n@@ -1 +1 @@\n x\n-y\r\n+z") == (
        b"\x1b[1m--- a\x1b[0m\n\x1b[1m+++ b\x1b[0m\n\x1b[36m@@ -1 +1 @@\x1b[0m\n x\n"
        b"\x1b[31m-y\x1b[0m\r\n\x1b[32m+z\x1b[0m"
    )


# What would be done


def test_the_list_goes_to_standard_output(capsys, monkeypatch) -> None:
    write({"a.py": BOTH, "b.py": PLAIN, "sub/c.py": model(CONV.replace("2)", "16)"))})
    was = on_disk()
    assert main(["--list", "."]) == 3
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "a.py:9:21: Net.conv to be split into 2 Conv2d of 8 -> 16 channels (explicit)",
        "a.py:10:22: Net.other not split: F.conv2d is a function: there is no module to split,"
        " and PLiNIO takes none",
        "sub/c.py:9:21: Net.conv to be split into 16 Conv2d of 1 -> 2 channels (loop);"
        " one convolution for each channel: what reads it is not known (line 12)",
    ]
    assert err == ".: grouped convolutions: 2 to be split, 1 not split\n"
    assert on_disk() == was
    assert main(["--list", "--check", "."]) == 3
    assert main(["--list", "--diff", "sub"]) == 0
    out = capsys.readouterr().out
    assert "--- sub/c.py" in out and "sub/c.py:9:21: Net.conv to be split" in out
    assert main(["--list", "b.py"]) == 0
    assert capsys.readouterr() == ("", "b.py: no grouped convolutions\n")


def test_the_list_needs_nothing_that_is_slow(monkeypatch, capsys) -> None:
    write({"a.py": GROUPED})
    monkeypatch.setattr("gencode.rewriting.rewrite.rewritten", lambda *_: pytest.fail("rewrites"))
    assert main(["--list", "a.py"]) == 0


SKIPPED = model(f"{CONV}  # gencode: skip")
HELPED = model("self.a = [nn.Conv2d(4, 4, 1, groups=g)]")


def test_a_helper_is_written_before_what_imports_it(capsys, monkeypatch) -> None:
    write({"src/a.py": HELPED, "src/b.py": SKIPPED, "src/c.py": HELPED})
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", failing_for("h.py"))
        assert main(["-i", "src", "--helper-module", "p.h"]) == 123
    said = [each for each in capsys.readouterr().err.splitlines() if "cannot be written" in each]
    assert said == [
        "src/p/h.py: cannot be written: No space left on device",
        "src/a.py: cannot be written: its helper src/p/h.py could not be",
        "src/c.py: cannot be written: its helper src/p/h.py could not be",
    ]
    assert (text("src/a.py"), text("src/c.py")) == (HELPED, HELPED)
    assert main(["-i", "src", "--helper-module", "p.h"]) == 0
    Path("src/p/h.py").unlink()  # what imports it is split already
    assert main(["--check", "src", "--helper-module", "p.h"]) == 1
    assert main(["-i", "src", "--helper-module", "p.h"]) == 0
    assert text("src/p/h.py") == gencode.helper_source()  # what they need of it is not known


def failing_for(name: str):
    original = Path.replace

    def replace(source: Path, target: Path) -> Path:
        if target.name == name:
            raise OSError(28, "No space left on device")
        return original(source, target)

    return replace


def test_what_is_no_regular_file_is_not_rewritten(capsys) -> None:
    assert main(["-i", os.devnull]) == 0
    os.mkfifo("pipe")
    write({"a.py": GROUPED})
    assert main(["--check", "a.py", "-o", "pipe"]) == 123
    assert "pipe: cannot be compared: it is a pipe" in capsys.readouterr().err
    writer = threading.Thread(target=lambda: Path("pipe").write_text(GROUPED))
    writer.start()
    assert main(["-i", "pipe"]) == 123
    writer.join()
    assert "pipe: cannot be written: it is no regular file" in capsys.readouterr().err


def test_standard_output_by_its_path() -> None:
    write({"a.py": GROUPED})
    command = "echo before; $0 -m gencode a.py -o /dev/stdout 2> /dev/null; echo after"
    for place in ("| cat > out", "> out"):
        script = f"( {command} ) {place}"
        subprocess.run(["bash", "-c", script, sys.executable], check=True)
        assert text("out") == f"before\n{SPLIT}after\n"
    os.mkfifo("end")
    script = "$0 -m gencode a.py -o >(cat > other; echo > end) 2> /dev/null; cat end"
    subprocess.run(["bash", "-c", script, sys.executable], check=True)
    assert text("other").endswith(SPLIT)


def test_the_owner_is_kept(monkeypatch) -> None:
    write({"a.py": GROUPED})
    owned = []
    monkeypatch.setattr(os, "chown", lambda path, *ids: owned.append(ids))
    assert main(["-i", "a.py"]) == 0
    status = Path("a.py").stat()
    assert owned == [(status.st_uid, status.st_gid)]
    monkeypatch.delattr(os, "chown")
    write({"a.py": GROUPED})
    assert main(["-i", "a.py"]) == 0
    assert text("a.py") == SPLIT
