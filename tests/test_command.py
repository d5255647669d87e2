"""The command: where code and messages go, and with which status it ends."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import gencode
from cases import CONV, model
from gencode.command import main

GROUPED = model(CONV)
PLAIN = "import torch\n"
WRAPPED = model("self.convs = nn.Sequential(nn.Conv2d(4, 4, 1, groups=g))")
UNSPLIT = model(CONV + "\nself.other = F.conv2d(x, w, groups=2)")
BROKEN = "import torch.nn as nn\nclass Net(nn.Module:\n    pass\n"


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(text: str, name: str = "model.py") -> str:
    Path(name).write_bytes(text.encode())
    return name


def run(*arguments: str, stdin: bytes = b"", **more: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "gencode", *arguments], input=stdin, capture_output=True, **more
    )


def test_code_goes_to_standard_output_and_messages_to_standard_error(capfdbinary) -> None:
    assert main([write(GROUPED)]) == 0
    out, err = capfdbinary.readouterr()
    assert out.decode() == gencode.split_source(GROUPED).text
    assert err.decode().splitlines() == [
        "model.py:9:21: Net.conv split into 2 Conv2d of 8 -> 16 channels (explicit)",
        "model.py: grouped convolutions: 1 split",
    ]


@pytest.mark.parametrize(
    ("text", "status", "summary"),
    [
        (PLAIN, 0, "model.py: no grouped convolutions"),
        ("", 0, "model.py: no grouped convolutions"),
        (GROUPED, 0, "model.py: grouped convolutions: 1 split"),
        (WRAPPED, 0, "model.py: grouped convolutions: 1 split"),
        (UNSPLIT, 3, "model.py: grouped convolutions: 1 split, 1 not split"),
        (
            model(CONV + "\nself.a = nn.Conv2d(4, 4, 1, groups=4)"),
            0,
            "model.py: grouped convolutions: 1 split, 1 kept",
        ),
    ],
)
@pytest.mark.parametrize("output", ["stdout", "file", "stdin"])
def test_status_and_summary(
    text: str, status: int, summary: str, output: str, capfdbinary, monkeypatch
) -> None:
    name = write(text)
    expected = gencode.split_source(text).text.encode()
    if output == "file":
        assert main([name, "-o", "out.py"]) == status
        out, err = capfdbinary.readouterr()
        assert out == b""
        assert Path("out.py").read_bytes() == expected
    elif output == "stdin":
        monkeypatch.setattr(sys, "stdin", open(name, encoding="utf-8"))  # noqa: SIM115, PTH123
        assert main(["-"]) == status
        out, err = capfdbinary.readouterr()
        assert out == expected
        summary = summary.replace("model.py", "<stdin>")
    else:
        assert main([name]) == status
        out, err = capfdbinary.readouterr()
        assert out == expected
    assert err.decode().splitlines()[-1] == summary


def test_what_is_not_split_is_named_with_its_place_and_reason(capsys) -> None:
    main([write(UNSPLIT)])
    assert (
        "model.py:10:22: Net.other not split: F.conv2d is a function: there is no module to split,"
        " and PLiNIO takes none" in capsys.readouterr().err.splitlines()
    )


def test_what_is_wrapped_is_named_with_its_place_and_the_reason(capsys) -> None:
    main([write(WRAPPED)])
    assert capsys.readouterr().err.splitlines()[0] == (
        "model.py:9:36: nn.Conv2d split into plain ones when it is built (module);"
        " groups=g is known only at run time"
    )


def test_a_warning_is_shown(capsys) -> None:
    main([write(model("self.conv = nn.ConvTranspose1d(4, 4, 1, groups=2)"))])
    assert "model.py:9:21: warning: PLiNIO takes no transposed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            BROKEN.encode(),
            "model.py:2:20: invalid syntax\n    class Net(nn.Module:\n                       ^\n",
        ),
        (b"x = 1\n\ty = 'caf\xc3\xa9' 2\n", "model.py:2:1: unexpected indent\n"),
        (b"x = 'caf\xe9'\n", "model.py: cannot be decoded: "),
        (b"x = 1\n\n\nx = 'caf\xe9'\n", "model.py: is not utf-8, and has no encoding cookie"),
        (b"# coding: nonsense\n", "model.py: cannot be decoded: unknown encoding"),
        (b"x = '\0'\n", "model.py"),
        (b"x = " + b"(" * 400 + b")" * 400, "model.py"),
        (b"conv2d(groups=" + b"-" * 20000 + b"1)", "model.py"),
    ],
)
@pytest.mark.parametrize("output", [(), ("-o", "out.py")])
def test_a_source_that_cannot_be_read(
    data: bytes, message: str, output: tuple[str, ...], capfd
) -> None:
    Path("model.py").write_bytes(data)
    Path("out.py").write_text("before", encoding="utf-8")
    assert main(["model.py", *output]) == 123
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith(message)
    assert "Traceback" not in err
    assert Path("out.py").read_text(encoding="utf-8") == "before"


def test_a_file_that_is_not_there(capsys) -> None:
    assert main(["missing.py"]) == 123
    assert capsys.readouterr().err == "missing.py: cannot be read: No such file or directory\n"


def test_an_output_that_cannot_be_written(capsys) -> None:
    name = write(GROUPED)
    Path("package").mkdir()
    for output, reason in [
        ("package", "Is a directory"),
        ("missing/out.py", "No such file or directory"),
        (f"{name}/out.py", "Not a directory"),
    ]:
        assert main([name, "-o", output]) == 123
        assert capsys.readouterr().err == f"{output}: cannot be written: {reason}\n"
    assert sorted(each.name for each in Path().iterdir()) == [name, "package"]


def test_a_read_only_output_is_not_written(capsys, monkeypatch) -> None:
    name, output = write(GROUPED), write("before", "out.py")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write to anything
    assert main([name, "-o", output]) == 123
    assert "out.py: cannot be written: Permission denied" in capsys.readouterr().err
    assert Path(output).read_text(encoding="utf-8") == "before"


def test_a_full_disk_leaves_what_was_there(capsys, monkeypatch) -> None:
    name, output = write(GROUPED), write("before", "out.py")

    def full(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert main([name, "-o", output]) == 123
    assert "out.py: cannot be written: No space left on device" in capsys.readouterr().err
    assert Path(output).read_text(encoding="utf-8") == "before"
    assert sorted(each.name for each in Path().iterdir()) == [name, output]


def test_modes_and_links_are_kept() -> None:
    name, output = write(GROUPED), write("before", "out.py")
    Path(output).chmod(0o754)
    Path("link.py").symlink_to(output)
    assert main([name, "-o", "link.py"]) == 0
    assert Path("link.py").is_symlink()
    assert stat.S_IMODE(Path(output).stat().st_mode) == 0o754
    assert "self.conv_0" in Path(output).read_text(encoding="utf-8")
    os.umask(before := os.umask(0o027))
    assert main([name, "-o", "new.py"]) == 0
    assert stat.S_IMODE(Path("new.py").stat().st_mode) == 0o666 & ~before
    assert main([name, "-o", name]) == 0
    assert "self.conv_0" in Path(name).read_text(encoding="utf-8")


def test_what_is_no_regular_file_is_written_to() -> None:
    assert main([write(GROUPED), "-o", os.devnull]) == 0
    assert not Path(os.devnull).is_file()


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + GROUPED.encode(),
        "# coding: latin-1\n# caf\xe9\n".encode("latin-1") + GROUPED.encode(),
        GROUPED.replace("\n", "\r\n").encode(),
        GROUPED.rstrip().encode(),
        b"\xef\xbb\xbf# nothing\r\nx = 1\n\r\ty = 2"[:15],
    ],
)
def test_bytes_are_kept(data: bytes) -> None:
    Path("model.py").write_bytes(data)
    main(["model.py", "-o", "out.py"])
    out = Path("out.py").read_bytes()
    assert out[:40] == data[:40]
    assert out.endswith(b"\n") is data.endswith(b"\n")
    assert out.count(b"\n") - out.count(b"\r\n") == 0 or b"\r\n" not in data
    main(["out.py", "-o", "again.py"])
    assert Path("again.py").read_bytes() == out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: MODEL"),
        (["model.py", "other.py"], "unrecognized arguments: other.py"),
        (["--unknown", "model.py"], "unrecognized arguments: --unknown"),
        (["model.py", "--style", "round"], "invalid choice: 'round'"),
        (["model.py", "--max-unroll", "0"], "0 is not a number from 1"),
        (["model.py", "--max-unroll", "few"], "few is not a number from 1"),
        (["model.py", "--templates", "missing"], "missing is not a directory"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, capsys) -> None:
    write(GROUPED)
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_a_faulty_template_is_wrong_usage(capsys) -> None:
    Path("explicit.py.jinja").write_text("{%", encoding="utf-8")
    assert main([write(GROUPED), "--templates", ".", "-o", "out.py"]) == 2
    assert capsys.readouterr().err.startswith("gencode: template explicit.py.jinja line 1: ")
    assert not Path("out.py").exists()


def test_the_project_s_configuration_of_black(capsys) -> None:
    name = write(model("self.conv = nn.Conv2d(4, 4, 1, padding_mode='zeros', groups=2)"))
    Path("pyproject.toml").write_text("[tool.black]\nskip-string-normalization = true\n")
    assert main([name]) == 0
    assert "padding_mode='zeros')" in capsys.readouterr().out
    Path("deep").mkdir()
    Path(name).rename("deep/model.py")
    assert main(["deep/model.py"]) == 0
    assert "padding_mode='zeros')" in capsys.readouterr().out
    for other in ("[tool.ruff]\n", "tool = 3  # black\n", "# black\n"):
        Path("deep/pyproject.toml").write_text(other)
        assert main(["deep/model.py"]) == 0
        assert 'padding_mode="zeros")' in capsys.readouterr().out
    for faulty, message in [
        ("[tool.black\n", "Expected"),
        ("tool.black = 3\n", "tool.black is not a table"),
        (b"# black \xff\n", "is not UTF-8"),
        ("[tool.black]\nline-length = true\n", "line-length is a number of columns, not True"),
        ("[tool.black]\nline-length = 'a'\n", "line-length is a number of columns, not 'a'"),
        ("[tool.black]\nline_length = 0\n", "line-length is a number of columns, not 0"),
    ]:
        data = faulty if isinstance(faulty, bytes) else faulty.encode()
        Path("deep/pyproject.toml").write_bytes(data)
        assert main(["deep/model.py", "-o", "out.py"]) == 2
        err = capsys.readouterr().err
        assert err.startswith("gencode: ") and "pyproject.toml: " in err and message in err
    Path("deep/pyproject.toml").unlink()
    Path("deep/pyproject.toml").mkdir()
    assert main(["deep/model.py"]) == 2
    assert "pyproject.toml: cannot be read: Is a directory" in capsys.readouterr().err
    assert not Path("out.py").exists()


def test_options_reach_the_source(capsys) -> None:
    assert main([write(GROUPED), "--style", "loop"]) == 0
    assert "nn.ModuleList" in capsys.readouterr().out
    assert main(["model.py", "--max-unroll", "1"]) == 0
    assert "nn.ModuleList" in capsys.readouterr().out


def test_version_and_help(capsys) -> None:
    for option, words in [("--version", gencode.__version__), ("--help", "exit status:")]:
        with pytest.raises(SystemExit) as caught:
            main([option])
        assert caught.value.code == 0
        assert words in capsys.readouterr().out


def test_the_installed_command_and_the_module_from_standard_input() -> None:
    expected = gencode.split_source(GROUPED).text.encode()
    done = run("-", stdin=GROUPED.encode())
    assert (done.returncode, done.stdout) == (0, expected)
    done = subprocess.run(
        [Path(sys.executable).parent / "gencode", "-"], input=GROUPED.encode(), capture_output=True
    )
    assert (done.returncode, done.stdout) == (0, expected)


def test_a_reader_that_goes_away() -> None:
    write(model(CONV) + "# a comment\n" * 100_000)
    command = f"{sys.executable} -m gencode model.py 2> messages | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True)
    assert (done.returncode, done.stdout) == (0, b"import torch\n")
    assert "Traceback" not in Path("messages").read_text(encoding="utf-8")
    assert "Exception" not in Path("messages").read_text(encoding="utf-8")


def test_an_output_of_no_name_and_standard_output_by_name(capsys) -> None:
    assert main([write(GROUPED), "-o", ""]) == 123
    assert capsys.readouterr().err == "'': cannot be written: Is a directory\n"
    assert main([""]) == 123
    assert capsys.readouterr().err == "'': cannot be read: Is a directory\n"
    assert main(["model.py", "-o", "-"]) == 0
    assert "self.conv_0" in capsys.readouterr().out
    assert not Path("-").exists()


def test_a_template_that_the_encoding_of_the_source_cannot_hold(capsys) -> None:
    built_in = Path(__file__).parents[1] / "templates" / "explicit.py.jinja"
    macro = "{% macro statements(call) %}"
    text = built_in.read_text(encoding="utf-8").replace(macro, f"{macro}\n# \u2713")
    Path("explicit.py.jinja").write_text(text, encoding="utf-8")
    Path("model.py").write_bytes(b"# coding: latin-1\n" + GROUPED.encode())
    assert main(["model.py", "--templates", ".", "-o", "out.py"]) == 123
    assert "its encoding, iso-8859-1, has no '\u2713'" in capsys.readouterr().err
    assert not Path("out.py").exists()


class Closed:
    """A standard output that cannot be written to."""

    def __init__(self, error: OSError) -> None:
        self.error = error
        self.buffer = self

    def write(self, data: bytes) -> None:
        raise self.error

    def fileno(self) -> int:
        return os.open(os.devnull, os.O_WRONLY)


def test_a_reader_that_goes_away_is_no_failure(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "stdout", Closed(BrokenPipeError()))
    assert main([write(UNSPLIT)]) == 3
    assert "model.py:10:22: Net.other not split" in capsys.readouterr().err


def test_a_standard_output_that_is_full_or_closed(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "stdout", Closed(OSError(28, "No space left on device")))
    assert main([write(GROUPED)]) == 123
    assert capsys.readouterr().err == "<stdout>: cannot be written: No space left on device\n"
    monkeypatch.setattr(sys, "stdout", None)
    assert main([write(GROUPED)]) == 123
    assert capsys.readouterr().err == "<stdout>: cannot be written: it is closed\n"


def test_a_standard_input_that_is_closed(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["-"]) == 123
    assert capsys.readouterr().err == "<stdin>: cannot be read: standard input is closed\n"


def test_a_standard_error_that_is_full_or_closed(monkeypatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert main([write(UNSPLIT), "-o", "out.py"]) == 3
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123
        monkeypatch.setattr(sys, "stderr", full)
        assert main(["model.py", "-o", "out.py"]) == 3
        monkeypatch.undo()
        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())


@pytest.mark.parametrize("cookie", ["rot13", "hex", "undefined", "unicode_escape"])
def test_a_cookie_of_no_text(cookie: str, capsys) -> None:
    Path("model.py").write_bytes(f"# coding: {cookie}\nx = 1\n".encode())
    assert main(["model.py", "-o", "out.py"]) == 123
    assert capsys.readouterr().err.startswith("model.py: cannot be decoded: ")
    assert not Path("out.py").exists()


def test_an_escape_of_old_code_is_not_ours_to_point_out(capfd) -> None:
    assert main([write(GROUPED + "\nx = '\\d'\n")]) == 0
    assert "Warning" not in capfd.readouterr().err


def test_an_error_without_a_line_to_show(capsys, monkeypatch) -> None:
    def failing(*_: object) -> None:
        raise gencode.SourceError("it is odd", 3, 1, "  ")

    monkeypatch.setattr("gencode.command.split_source", failing)
    assert main([write(GROUPED)]) == 123
    assert capsys.readouterr().err == "model.py:3:1: it is odd\n"


def test_an_interruption_ends_without_a_traceback(monkeypatch, capsys) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gencode.command.split_source", interrupted)
    assert main([write(GROUPED)]) == 130
    assert capsys.readouterr().err == ""


def test_torch_and_what_is_slow_are_not_imported_for_nothing() -> None:
    write(UNSPLIT.replace(CONV, "pass"))
    code = (
        "import sys, gencode.command as c; c.main(['model.py', '-o', 'out.py']);"
        "print(*{'torch', 'libcst', 'jinja2', 'black'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == ""
    done = subprocess.run(
        [sys.executable, "-c", code.replace("model.py", write(GROUPED))],
        capture_output=True,
        text=True,
    )
    assert "torch" not in done.stdout.split()
    assert "libcst" in done.stdout.split()
