"""Files that nobody typed the path of: what is none of them is never opened, nor waited for."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import gencode
from cases import model
from gencode.command import main
from gencode.command.run import Run
from gencode.files import found_file, read_found
from sources import GROUPED, PLAIN, SPLIT, deny, on_disk, text, write

HELPED = model("self.convs = nn.Sequential(nn.Conv2d(4, 4, 1, groups=g))")


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def pipe(path: str) -> None:
    os.mkfifo(path)


def to_a_pipe(path: str) -> None:
    os.mkfifo("elsewhere")
    Path(path).symlink_to(Path("elsewhere").resolve())


def a_socket(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)


def device(path: str) -> None:
    Path(path).symlink_to("/dev/tty")


def directory(path: str) -> None:
    Path(path).mkdir()


def to_itself(path: str) -> None:
    Path(path).symlink_to(Path(path).name)


def to_nothing(path: str) -> None:
    Path(path).symlink_to("missing")


NO_FILE = [
    (pipe, "it is no regular file"),
    (to_a_pipe, "it is no regular file"),
    (a_socket, "it is no regular file"),
    (device, "it is no regular file"),
    (directory, "Is a directory"),
    (to_itself, "Too many levels of symbolic links"),
    (to_nothing, "No such file or directory"),
]
EACH = pytest.mark.parametrize(
    ("make", "reason"), NO_FILE, ids=[make.__name__ for make, _ in NO_FILE]
)


@pytest.fixture(autouse=True)
def nothing_is_waited_for() -> Iterator[None]:
    def fail(*_: object) -> None:
        pytest.fail("something is waited for")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def run(capsys) -> Callable[..., tuple[int, str]]:
    """Runs the command; gives its status and the messages."""
    return lambda *arguments: (main(arguments), capsys.readouterr().err)


@EACH
def test_an_ignore_file_that_cannot_be_read(make: Callable[[str], None], reason: str, run) -> None:
    write({"models/a.py": GROUPED, "models/sub/b.py": GROUPED, "models/z.py": GROUPED})
    make("models/sub/.gitignore")
    was = on_disk("models")
    line = f"models/sub/.gitignore: cannot be read: {reason}"
    for arguments in (["--check", "models"], ["models", "-o", "out"], ["-i", "models"]):
        status, said = run(*arguments)
        assert status == 123
        assert said.splitlines().count(line) == 1
        assert "2 split; 1 failed" in said.replace("to be split", "split")
        if "-i" not in arguments:
            assert on_disk("models") == was
    # Nobody knows what is ignored there.
    assert text("models/sub/b.py") == GROUPED and not Path("out/sub").exists()
    assert text("models/a.py") == text("models/z.py") == SPLIT


@EACH
def test_an_ignore_file_above_or_of_the_directory(
    make: Callable[[str], None], reason: str, run
) -> None:
    write({"models/a.py": GROUPED, "other/a.py": PLAIN, ".git/HEAD": ""})
    make(".gitignore")
    above = Path(".gitignore").absolute()
    for named, place in (("models", above), (".", ".gitignore")):
        for options in (["-i"], ["-o", "../out"]):
            status, said = run(named, *options)
            assert status == 123
            assert said.startswith(f"{place}: cannot be read: {reason}\n")
            assert said.count("\n") == 2
    assert text("models/a.py") == GROUPED
    Path(".gitignore").rename("away")
    assert run("-i", "models")[0] == 0


def test_an_ignore_file_that_may_not_be_read(monkeypatch, capsys) -> None:
    write({"models/a.py": GROUPED, "models/.gitignore": ""})
    deny(monkeypatch, ".gitignore")
    assert main(["-i", "models"]) == 123
    assert capsys.readouterr().err == (
        "models/.gitignore: cannot be read: Permission denied\n"
        "models: no files; 1 failed; no grouped convolutions\n"
    )
    assert text("models/a.py") == GROUPED


def test_an_ignore_file_that_is_a_link_to_a_file_holds() -> None:
    write({"models/a.py": GROUPED, "models/b.py": GROUPED, "ignored": "a.py\n"})
    Path("models/.gitignore").symlink_to("../ignored")
    assert main(["-i", "models"]) == 0
    assert (text("models/a.py"), text("models/b.py")) == (GROUPED, SPLIT)


@EACH
def test_a_configuration_that_cannot_be_read(make: Callable[[str], None], reason: str, run) -> None:
    write({"models/deep/a.py": GROUPED})
    make("pyproject.toml")
    place = Path("pyproject.toml").absolute()
    for arguments in (["models/deep/a.py"], ["-i", "models"], ["--check", "models"], []):
        status, said = run(*arguments)
        assert status == 2
        assert said == f"gencode: {place}: cannot be read: {reason}\n"
    assert text("models/deep/a.py") == GROUPED


@EACH
def test_a_configured_source_that_is_no_file(make: Callable[[str], None], reason: str, run) -> None:
    pairs = "[[tool.gencode.generate]]\nsource = 'a.py'\noutput = 'out.py'\n"
    write({"pyproject.toml": pairs + pairs.replace("a.py", "b.py").replace("out.", "other.")})
    write({"b.py": GROUPED})
    make("a.py")
    if make is directory:
        pytest.skip("it can be generated from")
    status, said = run()
    assert status == 123
    assert said.splitlines()[0] == f"a.py: cannot be read: {reason}"
    assert text("other.py").endswith(SPLIT) and not Path("out.py").exists()
    write({"pyproject.toml": f"[tool.gencode]\nexclude = ['*']\n{pairs}"})
    assert run()[0] == run("--check")[0] == 123


@pytest.mark.parametrize("make", [pipe, to_a_pipe, a_socket, device])
def test_a_configured_output_that_is_no_file(make: Callable[[str], None], run) -> None:
    pairs = "[[tool.gencode.generate]]\nsource = 'a.py'\noutput = 'out.py'\n"
    write({"pyproject.toml": pairs, "a.py": GROUPED})
    make("out.py")
    status, said = run()
    assert status == 123
    assert said.splitlines()[0] == "out.py: cannot be written: it is no regular file"
    status, said = run("--check")
    assert status == 123
    assert said.startswith("out.py: cannot be ")
    assert not Path("out.py").is_file()


@pytest.mark.parametrize("make", [pipe, to_a_pipe, a_socket, device])
def test_an_output_in_a_directory_that_is_typed(make: Callable[[str], None], run) -> None:
    write({"a.py": GROUPED, "b.py": GROUPED, "out/x": ""})
    make("out/a.py")
    status, said = run("a.py", "b.py", "-o", "out")
    assert status == 123
    assert "out/a.py: cannot be written: it is no regular file\n" in said
    assert text("out/b.py").endswith(SPLIT) and not Path("out/a.py").is_file()
    status, said = run("--check", "a.py", "b.py", "-o", "out")
    assert status == 123
    assert "out/a.py: cannot be " in said


@pytest.mark.parametrize("make", [pipe, to_a_pipe, a_socket])
def test_a_helper_module_that_is_no_file(make: Callable[[str], None], run) -> None:
    write({"models/a.py": HELPED})
    make("models/helper.py")
    status, said = run("-i", "models", "--helper-module", "helper")
    assert status == 2
    assert said == (
        "gencode: --helper-module: models/helper.py cannot be read: it is no regular file\n"
    )
    Path("models/helper.py").rename("away")
    Path("out").mkdir()
    Path("out/helper.py").symlink_to("../away")
    status, said = run("models", "-o", "out", "--helper-module", "helper")
    assert status == 123
    assert "out/helper.py: cannot be read: it is no regular file\n" in said
    assert "out/a.py: cannot be written: its helper out/helper.py could not be\n" in said
    status, said = run("--check", "models", "-o", "out", "--helper-module", "helper")
    assert status == 123
    assert "out/helper.py: cannot be " in said


@pytest.mark.parametrize("make", [pipe, to_a_pipe, a_socket])
def test_what_a_copy_is_compared_with(make: Callable[[str], None], run) -> None:
    write({"models/a.py": PLAIN, "models/data": "x", "out/x": ""})
    make("out/data")
    Path("out/a.py").symlink_to("data")
    status, said = run("--check", "models", "-o", "out")
    assert status == 123
    assert "out/data: is missing\n" in said
    assert "out/a.py: cannot be " in said


@pytest.mark.parametrize("name", ["a.py", "data", "excluded.py"])
@pytest.mark.parametrize("option", ["-o", "-i", "--check"])
def test_what_becomes_a_pipe_once_it_has_been_found(
    name: str, option: str, run, monkeypatch
) -> None:
    """As it may between the look at a directory and the reading of what is in it."""
    write({"models/a.py": GROUPED, "models/data": "x", "models/excluded.py": GROUPED})
    original = Run.do

    def do(self: Run, jobs: object) -> None:
        Path("models", name).unlink()
        pipe(f"models/{name}")
        original(self, jobs)

    monkeypatch.setattr(Run, "do", do)
    arguments = ["models", "--exclude", "excluded.py", *(["-o", "out"] if option != "-i" else [])]
    write({"data": "x"}, "out")
    status, said = run(*([] if option == "-o" else [option]), *arguments)
    is_touched = option != "-i" or name == "a.py"
    assert (f"models/{name}: cannot be read: it is no regular file\n" in said) is is_touched
    assert status == (123 if is_touched else 0)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").glob("*")))  # 0 where there is no such directory


def test_what_becomes_a_pipe_while_it_is_opened(monkeypatch) -> None:
    write({"file": "x"})
    pipe("pipe")
    original = os.stat
    monkeypatch.setattr(os, "stat", lambda path, **more: original("file"))
    count = open_files()
    with pytest.raises(gencode.FileError, match="cannot be read: it is no regular file") as caught:
        read_found("pipe")
    assert caught.value.path == "pipe"
    assert open_files() == count


def test_what_cannot_be_read_once_it_is_open(monkeypatch) -> None:
    write({"file": "x"})
    with found_file("file") as file:
        assert file.read() == b"x"
    with pytest.raises(gencode.FileError, match=r"cannot be read: .*null"):
        read_found("fi\0le")


@pytest.mark.parametrize("size", [0, 1, 1 << 16, (1 << 17) + 1])
def test_copies_are_compared_to_the_end(size: int, capsys) -> None:
    write({"models/data": b"x" * size, "out/data": b"x" * size})
    assert main(["--check", "models", "-o", "out"]) == 0
    for other in (b"x" * size + b"y", b"x" * (size - 1) + b"y", b"x" * (size - 1)):
        write({"out/data": other})
        is_same = other == b"x" * size
        assert main(["--check", "models", "-o", "out"]) == (0 if is_same else 1)


def test_what_is_typed_may_be_a_pipe() -> None:
    write({"a.py": GROUPED, "source": GROUPED})
    script = """
        $0 -m gencode <(cat source) > piped.py &&
        $0 -m gencode <(cat source) -o written.py &&
        $0 -m gencode --check <(cat source) > /dev/null; [ $? = 1 ] &&
        $0 -m gencode /dev/stdin < source > stdin.py &&
        cat source | $0 -m gencode /dev/stdin -o >(cat > out.py) && wait && sleep 0.3
        """
    done = subprocess.run(["bash", "-c", script, sys.executable], stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
    assert text("piped.py") == text("stdin.py") == SPLIT
    assert text("out.py").endswith(SPLIT) and text("written.py").endswith(SPLIT)
