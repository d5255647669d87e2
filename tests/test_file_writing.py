"""What is written is whole, and leaves nothing behind: also of a run that was killed."""

from __future__ import annotations

import errno
import os
import re
import runpy
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import gencode
from cases import model
from gencode import temporaries
from gencode.command import main
from gencode.file_writing import put_directory, put_link, write_atomically
from gencode.files import FileError
from gencode.temporaries import is_temporary, temporary_directory, temporary_file
from sources import GROUPED, PLAIN, SPLIT, on_disk, text, write

NORMED = model("self.c = nn.Sequential(nn.Conv2d(4, 4, 1, groups=g), nn.BatchNorm2d(4))")
HERE = temporaries._machine()
LEFT = f".a.py.{HERE}-0123456789abcdef.gencode-tmp"
fcntl = pytest.importorskip("fcntl")


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(params=["nameless", "named", "not to be named", "no /proc", "no locks", "Windows"])
def system(request, monkeypatch) -> str:
    """Systems and file systems that can do less and less."""
    lacking = OSError(errno.EOPNOTSUPP, "Operation not supported")

    def fail(*_: object, **__: object) -> None:
        raise lacking

    if request.param == "nameless":
        if not hasattr(os, "O_TMPFILE") or not Path("/proc/self/fd").exists():
            pytest.skip("there are no files without a name")
    elif request.param == "named":
        monkeypatch.setattr(temporaries, "_NAMELESS", 0)
    elif request.param == "not to be named":
        monkeypatch.setattr(os, "link", fail)
    elif request.param == "no /proc":
        monkeypatch.setattr(temporaries, "_DESCRIPTORS", Path("missing"))
    elif request.param == "no locks":
        monkeypatch.setattr(fcntl, "flock", fail)
    else:
        monkeypatch.setattr(temporaries, "fcntl", None)
        monkeypatch.setattr(temporaries, "_NAMELESS", 0)
        monkeypatch.delattr(os, "uname")
        monkeypatch.delattr(os, "chown")
    return request.param


def names(root: str = ".") -> list[str]:
    return sorted(on_disk(root))


# Hard links


@pytest.mark.parametrize(
    ("count", "words"), [(1, "another hard link keeps"), (2, "2 other hard links keep")]
)
def test_the_other_hard_links_of_a_file_are_named(count: int, words: str, capsys) -> None:
    write({"models/a.py": GROUPED, "models/b.py": GROUPED, "out.py": "old", "models/p.py": PLAIN})
    for number in range(count):
        for name in ("models/a.py", "models/p.py", "out.py"):
            os.link(name, f"{Path(name).name}{number}")
    warning = f"warning: {words} the old text: a file is replaced as a whole"

    def said() -> list[str]:
        return [each for each in capsys.readouterr().err.splitlines() if "hard link" in each]

    for arguments in (["--check", "models"], ["--diff", "models"], ["--list", "models"]):
        main(arguments)
        main([*arguments[:1], "models/a.py", "-o", "out.py"])
        assert said() == []
    assert main(["models/a.py", "-o", "out.py"]) == 0
    assert said() == [f"out.py: {warning}"]
    assert text("out.py0") == "old" and text("out.py").endswith(SPLIT)
    assert main(["-i", "models"]) == 0
    assert said() == [f"models/a.py: {warning}"]
    assert text("models/a.py") == SPLIT and text("a.py0") == GROUPED
    assert main(["-i", "models"]) == main(["models/a.py", "-o", "out.py"]) == 0
    assert said() == []


def test_the_hard_links_of_an_output(capsys) -> None:
    write({"models/a.py": GROUPED, "models/data": "new", "models/h.py": NORMED})
    old = dict.fromkeys(("a.py", "data", "link"), "old")
    old["splitting.py"] = gencode.helper_source(blocks=frozenset())
    write(old, "out")
    Path("models/link").symlink_to("data")
    Path("before").mkdir()
    for name in names("out"):
        os.link(f"out/{name}", f"before/{name}")
    os.link("models/data", "data")  # of what is only read
    assert main(["models", "-o", "out", "--helper-module", "splitting"]) == 0
    said = [each for each in capsys.readouterr().err.splitlines() if "hard link" in each]
    assert sorted(each.partition(":")[0] for each in said) == [
        *("out/a.py", "out/data", "out/link", "out/splitting.py"),
    ]
    assert {name: text(f"before/{name}") for name in names("before")} == old
    assert text("out/data") == "new"


def test_a_link_to_a_file_of_several_names_is_written_through(capsys) -> None:
    write({"a.py": GROUPED, "real/b.py": "old"})
    os.link("real/b.py", "other.py")
    Path("link.py").symlink_to("real/b.py")
    assert main(["a.py", "-o", "link.py"]) == 0
    assert "link.py: warning: another hard link keeps" in capsys.readouterr().err
    assert Path("link.py").is_symlink() and text("real/b.py").endswith(SPLIT)


def test_a_checkpoint_of_several_names(capsys) -> None:
    torch = pytest.importorskip("torch")
    write({"net.py": "from torch import nn\nNet = nn.Linear(1, 1)\n", f"{LEFT}": ""})
    torch.save(torch.nn.Linear(1, 1).state_dict(), "old.pt")
    os.link("old.pt", "other.pt")
    assert main(["--convert-checkpoint", "old.pt", "old.pt", "--model", "net.py:Net"]) == 0
    assert capsys.readouterr().err.startswith("old.pt: warning: another hard link keeps the old")
    assert not Path(LEFT).exists()


# What is there stays until the new is


def test_a_file_is_put_on_any_system(system: str) -> None:
    for name in ("new.py", "old.py"):
        write({"old.py": "old", "a.py": GROUPED})
        Path("old.py").chmod(0o640)
        assert main(["a.py", "-o", name]) == 0
        assert text(name).endswith(SPLIT)
    assert stat.S_IMODE(Path("old.py").stat().st_mode) == 0o640
    assert names() == ["a.py", "new.py", "old.py"]


def test_links_and_directories_are_put_on_any_system(system: str) -> None:
    write({"models/sub/a.py": PLAIN, "out/link": "old", "elsewhere/x": ""})
    Path("models/link").symlink_to("sub")
    Path("models/new").symlink_to("sub")
    Path("out/sub").symlink_to("../elsewhere")
    for _ in range(2):
        assert main(["models", "-o", "out"]) == 0
        assert names("out") == ["link", "new", "sub", "sub/a.py"]
        assert str(Path("out/link").readlink()) == str(Path("out/new").readlink()) == "sub"
    assert names("elsewhere") == ["x"]


@contextmanager
def failing(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a module or class of the system does is refused."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    owner, _, method = name.partition(".")
    with monkeypatch.context() as patch:
        patch.setattr({"Path": Path, "os": os}[owner], method, fail)
        with pytest.raises(FileError, match="cannot be written: No space left on device"):
            yield


@pytest.mark.parametrize("method", ["Path.symlink_to", "Path.replace", "Path.mkdir"])
def test_what_a_link_is_to_replace_stays_if_it_cannot_be_made(method: str, monkeypatch) -> None:
    write({"link": "old", "other": ""})
    Path("dangling").symlink_to("missing")
    for name in ("link", "dangling"):
        was = on_disk()
        with failing(method, monkeypatch):
            put_link(Path(name), "other")
        assert on_disk() == was
    put_link(Path("link"), "other")
    assert str(Path("link").readlink()) == "other"


def test_a_link_that_a_directory_is_to_replace_stays_if_it_cannot_be_made(monkeypatch) -> None:
    Path("link").symlink_to("missing")
    was = on_disk()
    with failing("Path.mkdir", monkeypatch):
        put_directory(Path("link"))
    assert on_disk() == was


@pytest.mark.parametrize("method", ["os.fsync", "Path.replace", "Path.chmod"])
def test_a_file_stays_if_the_new_one_cannot_be_written(
    method: str, system: str, monkeypatch
) -> None:
    write({"a.py": "old"})
    was = on_disk()
    with failing(method, monkeypatch):
        write_atomically(Path("a.py"), b"new")
    assert on_disk() == was


@pytest.mark.parametrize("option", ["-i", "-o"])
def test_a_file_is_on_the_disk_before_it_takes_its_place(option: str, monkeypatch) -> None:
    write({"src/a.py": GROUPED, "src/b": ""})
    done: list[str] = []
    sync, replace = os.fsync, Path.replace

    def noting(descriptor: int) -> None:
        is_directory = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        done.append("directory" if is_directory else "file")
        sync(descriptor)

    def put(path: Path, target: Path) -> None:
        done.append("replaced")
        replace(path, target)

    monkeypatch.setattr(os, "fsync", noting)
    monkeypatch.setattr(Path, "replace", put)
    assert main(["-i", "src/a.py"] if option == "-i" else ["src/a.py", "-o", "b.py"]) == 0
    assert done == ["file", "replaced", "directory"]
    del done[:]
    # What can be made again from what is left as it is: there may be thousands of files.
    assert main(["src", "-o", "out"]) == 0
    assert set(done) == {"replaced"}


def test_a_directory_that_cannot_be_flushed(monkeypatch) -> None:
    sync = os.fsync

    def fail(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fail)
    write_atomically(Path("a.py"), b"new")
    assert text("a.py") == "new"


# What killed runs leave


def left_behind(directory: str = ".") -> list[str]:
    """Something of each kind that a run may leave there, and of two names."""
    write({LEFT: "half"}, directory)
    empty, linked = (
        Path(directory, LEFT.replace("abc", "abd")),
        Path(directory, LEFT.replace("abc", "abe")),
    )
    empty.mkdir()
    linked.mkdir()
    (linked / "link").symlink_to("anything")
    return [Path(directory, LEFT).as_posix(), empty.as_posix(), linked.as_posix()]


def lookalikes(directory: str) -> None:
    """What is not quite what a run leaves."""
    odd = [
        "x.gencode-tmp",
        ".x.gencode-tmp",
        f"a{LEFT}",
        f"{LEFT}x",
        LEFT.upper(),
        ".a.py.0123456789abcdef.tmp",
    ]
    write({**dict.fromkeys(odd, "x"), f"{LEFT.replace('a.py', 'full')}/x": "x"}, directory)
    os.mkfifo(Path(directory, LEFT.replace("a.py", "pipe")))
    Path(directory, LEFT.replace("a.py", "to")).symlink_to("x.gencode-tmp")


def test_names_that_are_ours() -> None:
    for name in ("a.py", "x" * 255, "a\nb", "\U0001f600" * 60):
        made = temporaries._beside(Path("sub", name))
        assert is_temporary(made.name) and made.parent == Path("sub")
        assert len(os.fsencode(made.name)) <= 255
    lookalikes(".")
    taken = [each.name for each in Path().iterdir() if is_temporary(each.name)]
    assert sorted(taken) == [LEFT.replace("a.py", each) for each in ("full", "pipe", "to")]


@pytest.mark.parametrize("arguments", [["-i", "models"], ["models", "-o", "out"]])
def test_what_killed_runs_have_left_is_removed_and_not_copied(arguments: list[str], capsys) -> None:
    files = {"a.py": GROUPED, "sub/b.py": GROUPED}
    for root in ("models", "out"):
        for directory in (root, f"{root}/sub", f"{root}/ignored"):
            left_behind(directory)
    lookalikes("models/sub")
    lookalikes("out/sub")
    write({**files, ".gitignore": "ignored\n", "ignored/x": ""}, "models")
    was, before = on_disk("models"), on_disk("out")
    for option in ("--check", "--diff", "--list"):
        main([option, *[each for each in arguments if each != "-i"]])
        assert (on_disk("models"), on_disk("out")) == (was, before)
        assert "gencode-tmp: is missing" not in capsys.readouterr().err.replace(f"a{LEFT}", "")
    assert main(arguments) == 0
    written = "models" if "-i" in arguments else "out"
    assert [each for each in names(written) if is_temporary(Path(each).name)] == [
        *(f"ignored/{each}" for each in sorted(map(os.path.basename, left_behind("elsewhere")))),
        *(f"sub/{LEFT.replace('a.py', each)}" for each in ("full", "pipe", "to")),
    ]
    assert written == "models" or on_disk("models") == was  # which is only read
    assert text(f"{written}/sub/a{LEFT}") == "x"


@pytest.mark.parametrize(
    "arguments",
    [
        ["-i", "a.py"],
        ["a.py", "-o", "b.py"],
        ["a.py", "-o", "link"],
        ["a.py", "-o", "there/new"],
        [],
    ],
)
def test_what_is_left_where_one_file_is_written(arguments: list[str]) -> None:
    write({"a.py": GROUPED, "there/b": "", "other/x": ""})
    if not arguments:
        pairs = "[[tool.gencode.generate]]\nsource = 'a.py'\noutput = 'there/c'\n"
        write({"pyproject.toml": pairs})
    Path("link").symlink_to("there/b")
    here, there, other = left_behind(), left_behind("there"), left_behind("other")
    main([*arguments[:1], "--check", *arguments[1:]])
    assert all(os.path.lexists(each) for each in (*here, *there, *other))
    assert main(arguments) == 0
    is_there = not arguments or arguments[-1] in ("link", "there/new")
    assert not any(os.path.lexists(each) for each in (there if is_there else here))
    assert all(os.path.lexists(each) for each in (*other, *(here if is_there else there)))


def test_what_another_run_is_at_stays() -> None:
    write({"a.py": GROUPED, "b.py": "old"})
    with temporary_file(Path("b.py")) as temporary:
        temporary.file.write(b"new")
        path = temporary.name()
        with temporary_directory(Path("c")) as directory:
            assert main(["-i", "."]) == main(["a.py", "-o", "d.py"]) == 0
            assert path.is_file() and directory.is_dir()
        path.replace("b.py")
    assert names() == ["a.py", "b.py", "d.py"]


@pytest.mark.parametrize("system", ["named"], indirect=True)
def test_what_another_run_takes_for_dead_just_before_it_is_locked(system: str, monkeypatch) -> None:
    lock, removed = fcntl.flock, []

    def late(descriptor: int, how: int) -> None:
        found = [each.name for each in Path().iterdir() if is_temporary(each.name)]
        if how == fcntl.LOCK_EX and len(removed) < 3:
            removed.extend(found)
            temporaries.remove_dead_in(Path())
            assert not any(map(os.path.lexists, found))
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    write_atomically(Path("a.py"), b"new")
    assert text("a.py") == "new" and len(removed) == 3
    del removed[:]
    Path("link").symlink_to("x")
    put_link(Path("link"), "other")
    assert str(Path("link").readlink()) == "other" and len(removed) == 3
    assert names() == ["a.py", "link"]


def test_what_another_machine_has_left_stays_for_a_day() -> None:
    write({"a.py": GROUPED})
    other = LEFT.replace(HERE, f"{int(HERE, 16) ^ 1:08x}")
    write({other: "half"})
    assert main(["-i", "a.py"]) == 0
    assert Path(other).exists()
    os.utime(other, (time.time() - 25 * 3600,) * 2)
    write({"a.py": GROUPED})
    assert main(["-i", "a.py"]) == 0
    assert not Path(other).exists()


@pytest.mark.parametrize("system", ["no locks", "Windows"], indirect=True)
def test_nothing_is_removed_where_nothing_can_be_locked(system: str) -> None:
    write({"models/a.py": GROUPED})
    left = left_behind("models")
    assert main(["-i", "models"]) == 0
    assert all(map(os.path.lexists, left))
    assert main(["models", "-o", "out"]) == 0
    assert names("out") == ["a.py"]


def test_where_there_are_no_locks_to_import(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    assert runpy.run_path(temporaries.__file__)["fcntl"] is None


def test_what_cannot_be_removed_is_no_failure(monkeypatch) -> None:
    write({"models/a.py": GROUPED, f"models/{LEFT}": ""})

    def fail(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "unlink", fail)
    assert main(["-i", "models"]) == 0
    assert names("models") == [LEFT, "a.py"]


def test_a_new_file_has_no_name_while_it_is_written(system: str) -> None:
    with temporary_file(Path("a.py")) as temporary:
        temporary.file.write(b"half")
        assert (names() == []) is (system in ("nameless", "not to be named", "no locks"))
        temporary.name().replace("a.py")


def test_kills() -> None:
    if not hasattr(os, "fork"):
        pytest.skip("nothing can be forked")
    script = Path(__file__).with_name("kills.py")
    done = subprocess.run([sys.executable, script, "12"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"-i: 6 kills, .* none torn.*\n-o: 6 kills", done.stdout)
