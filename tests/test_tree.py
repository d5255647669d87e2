"""A directory is mirrored: what is split, copied, linked, left out, and said."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import gencode
from cases import CONV, model
from gencode import Options, Result
from gencode.command import main

GROUPED = model(CONV)
SPLIT = gencode.split_source(GROUPED).text
UNSPLIT = model("self.conv = nn.LazyConv2d(4, 1, groups=g)")
BROKEN = "class Net(\n"


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(files: dict[str, str | bytes], root: str = "models") -> None:
    Path(root).mkdir(exist_ok=True)
    for name, text in files.items():
        path = Path(root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())


def listed(root: str = "out") -> list[str]:
    """All files and links below a directory."""
    found = (each for each in Path(root).rglob("*") if each.is_symlink() or not each.is_dir())
    return sorted(each.relative_to(root).as_posix() for each in found)


def link(path: str, target: str | Path) -> None:
    Path(path).symlink_to(target)


def points_to(path: str) -> str:
    return str(Path(path).readlink())


def text(path: str) -> str:
    return Path(path).read_bytes().decode()


@pytest.fixture
def mirror(capsys) -> Callable[..., list[str]]:
    """Mirrors models in out; gives the messages, the summary last."""

    def run(*arguments: str, status: int = 0) -> list[str]:
        assert main(["models", "-o", "out", *arguments]) == status
        out, err = capsys.readouterr()
        assert out == ""
        return err.splitlines()

    return run


def denying(monkeypatch: pytest.MonkeyPatch, method: str, name: str, code: int = 13) -> None:
    """A method of Path is denied to paths of that name, which also holds for root."""
    original = getattr(Path, method)

    def denied(self: Path, *arguments: object, **more: object) -> object:
        if self.name == name:
            raise OSError(code, os.strerror(code))
        return original(self, *arguments, **more)

    monkeypatch.setattr(Path, method, denied)


def test_sources_are_split_and_all_else_is_copied(mirror) -> None:
    files = {
        "a.py": GROUPED,
        "sub/deep/b.py": GROUPED,
        "plain.py": "import torch\n",
        "types.pyi": GROUPED,
        "weights.bin": b"\0\xff\r\n",
        ".hidden": "x",
    }
    write(files)
    Path("models/empty").mkdir()
    messages = mirror()
    assert listed() == sorted(files)
    assert Path("out/empty").is_dir()
    for name, data in files.items():
        expected = SPLIT if name in ("a.py", "sub/deep/b.py") else data
        got = Path("out", name).read_bytes()
        assert got == (expected if isinstance(expected, bytes) else expected.encode())
    assert messages == [
        "models/a.py:9:21: Net.conv split into 2 Conv2d of 8 -> 16 channels (explicit)",
        "models/sub/deep/b.py:9:21: Net.conv split into 2 Conv2d of 8 -> 16 channels (explicit)",
        "models: files: 2 split, 4 copied unchanged; grouped convolutions: 2 split",
    ]


def test_a_second_run_over_the_result_changes_nothing(mirror) -> None:
    write({"a.py": GROUPED, "b.txt": "b"})
    link("models/c.py", "a.py")
    mirror()
    assert main(["out", "-o", "again"]) == 0
    assert main(["out", "-o", "again"]) == 0
    assert listed("again") == listed("out")
    assert all(text(f"again/{name}") == text(f"out/{name}") for name in listed())


def test_the_order_is_that_of_the_names(mirror, monkeypatch) -> None:
    write(dict.fromkeys(("b.py", "a/z.py", "a.py", "c/a.py", "a/b/c.py"), UNSPLIT))
    expected = mirror(status=3)
    original = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda self: sorted(original(self), reverse=True))
    assert mirror(status=3) == expected
    assert [each.partition(":")[0] for each in expected] == [
        *("models/a/b/c.py", "models/a/z.py", "models/a.py", "models/b.py", "models/c/a.py"),
        "models",
    ]


@pytest.mark.parametrize(
    ("files", "status", "summary"),
    [
        ({}, 0, "no files; no grouped convolutions"),
        ({"a.txt": "a"}, 0, "files: 1 copied unchanged; no grouped convolutions"),
        ({"a.py": GROUPED}, 0, "files: 1 split; grouped convolutions: 1 split"),
        (
            {"a.py": UNSPLIT, "b.py": model("self.a = nn.Conv2d(4, 4, 1, groups=4)\n" + CONV)},
            3,
            "files: 1 split, 1 copied unchanged;"
            " grouped convolutions: 1 split, 1 not split, 1 kept",
        ),
        (
            {"a.py": BROKEN, "b.py": UNSPLIT, ".gitignore": "data\n", "data/a": "", "data/b": ""},
            123,
            "files: 3 copied unchanged; 1 failed, 1 ignored; grouped convolutions: 1 not split",
        ),
    ],
)
def test_status_and_summary(files: dict[str, str], status: int, summary: str, mirror) -> None:
    write(files)
    assert mirror(status=status)[-1] == f"models: {summary}"
    assert Path("out").is_dir()


@pytest.mark.parametrize(
    ("typed", "shown"),
    [("models", "models/a.py"), ("./models/", "models/a.py"), (".", "models/a.py")],
)
def test_paths_are_shown_as_they_would_be_typed(typed: str, shown: str, capsys) -> None:
    write({"a.py": UNSPLIT})
    assert main([typed, "-o", "out"]) == 3
    assert capsys.readouterr().err.startswith(f"{shown}:9:21: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["models"], "models is a directory: name one to write it to, with -o"),
        (["models", "-o", "-"], "models is a directory: name one to write it to, with -o"),
        (["models", "-o", ""], "models is a directory: name one to write it to, with -o"),
        (["models", "-o", "file"], "file is not a directory"),
        (["models", "-o", "dangling"], "dangling is not a directory"),
        (["models", "-o", "models"], "models is the directory that is read: name another with -o"),
        (["models", "-o", "same"], "same is the directory that is read: name another with -o"),
        (["models", "-o", "."], ". holds the directory that is read: name another with -o"),
        (["models/a.py", "--exclude", "b"], "--exclude and --helper-module are for a directory"),
        (["-", "--helper-module", "b"], "--exclude and --helper-module are for a directory"),
        (
            ["models", "-o", "out", "--helper-module", ""],
            "--helper-module: '' is not the name of a module",
        ),
        (
            ["models", "-o", "out", "--helper-module", "a-b"],
            "--helper-module: 'a-b' is not the name of a module",
        ),
        (
            ["models", "-o", "out", "--helper-module", "a.class"],
            "--helper-module: 'a.class' is not the name of a module",
        ),
        (
            ["models", "-o", "out", "--helper-module", "../b"],
            "--helper-module: '../b' is not the name of a module",
        ),
        (
            ["models", "-o", "out", "--helper-module", "a"],
            "--helper-module: models/a.py is there already, and is another module",
        ),
        (
            ["models", "-o", "out", "--helper-module", "a.b"],
            "--helper-module: models/a.py is in the way of models/a/b.py",
        ),
        (
            ["models", "-o", "out", "--helper-module", "sub"],
            "--helper-module: models/sub is in the way of models/sub.py",
        ),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, capsys) -> None:
    write({"a.py": GROUPED, "sub/b.py": GROUPED})
    write({"file": "before"}, ".")
    link("dangling", "missing")
    link("same", "models")
    before = listed(".")
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"gencode: {message}\n")
    assert listed(".") == before
    assert not Path("out").exists()
    assert text("file") == "before"


def test_an_output_inside_the_directory_is_not_read(capsys) -> None:
    write({"a.py": GROUPED, "sub/b.py": "b"}, ".")
    for _ in range(2):
        assert main([".", "-o", "sub/out"]) == 0
        assert listed("sub/out") == ["a.py", "sub/b.py"]
    link("latest", "sub/out")
    link("newest.py", "sub/out/a.py")
    assert main([".", "-o", "sub/out"]) == 0
    assert listed("sub/out") == ["a.py", "sub/b.py"]


def test_what_tools_leave_behind_is_left_out(mirror) -> None:
    names = (".git", ".hg", ".svn", "__pycache__", ".tox", ".nox")
    names += (".mypy_cache", ".pytest_cache", ".ruff_cache")
    write({f"sub/{name}/a.py": GROUPED for name in names})
    write({"a.pyc": "", "env/pyvenv.cfg": "", "env/a.py": GROUPED, "venv/a.py": "", "a.py": ""})
    assert mirror() == ["models: files: 2 copied unchanged; no grouped convolutions"]
    assert listed() == ["a.py", "venv/a.py"]


def test_ignore_files_hold_below_their_own_directory(mirror) -> None:
    write({".git/HEAD": "", ".gitignore": "*.log\n/models/secret.py\n/a.py\n"}, ".")
    write(
        {
            ".gitignore": "build/\n/root.py\n",
            "a.py": "",
            "a.log": "",
            "secret.py": GROUPED,
            "root.py": GROUPED,
            "build/a.py": GROUPED,
            "build/b.py": GROUPED,
            "sub/root.py": "",
            "sub/.gitignore": "!keep.log\n*.tmp\n",
            "sub/keep.log": "",
            "sub/a.log": "",
            "sub/a.tmp": "",
            "a.tmp": "",
        }
    )
    link("models/build.log", "a.py")
    link("models/sub/build", "..")  # no directory to git
    assert mirror() == ["models: files: 7 copied unchanged; 7 ignored; no grouped convolutions"]
    assert listed() == [
        *(".gitignore", "a.py", "a.tmp"),
        *("sub/.gitignore", "sub/build", "sub/keep.log", "sub/root.py"),
    ]


def test_a_directory_that_is_named_is_not_ignored(mirror) -> None:
    write({".git/HEAD": "", ".gitignore": "/models/\n"}, ".")
    write({"a.py": GROUPED})
    mirror()
    assert text("out/a.py") == SPLIT


def test_what_is_excluded_is_copied_unchanged(mirror) -> None:
    write({f"{name}.py": GROUPED for name in ("a", "sub/a", "sub/b", "vendored/x/a")})
    write({"elsewhere/a.py": GROUPED}, ".")
    link("models/linked", Path("elsewhere").resolve())
    messages = mirror(
        *("--exclude", "vendored/", "--exclude", "/a.py", "--exclude", "sub/*"),
        *("--exclude", "!sub/b.py", "--exclude", "!vendored/x/a.py", "--exclude", "linked/"),
        *("--exclude", "b.py/"),
    )
    assert messages[-1].startswith("models: files: 1 split, 4 copied unchanged; ")
    assert [name for name in listed() if text(f"out/{name}") == SPLIT] == ["sub/b.py"]
    assert [name for name in listed() if text(f"out/{name}") == GROUPED] == [
        *("a.py", "linked/a.py", "sub/a.py", "vendored/x/a.py")
    ]


@pytest.mark.parametrize("target", ["a.py", "sub/../a.py", "{cwd}/models/a.py", "../models/a.py"])
def test_a_link_inside_stays_one(target: str, mirror, tmp_path: Path) -> None:
    write({"a.py": GROUPED, "sub/b.py": GROUPED})
    link("models/link.py", target.format(cwd=tmp_path))
    link("models/sub/link", tmp_path / "models")
    link("models/other", "sub")
    assert mirror()[-1].startswith("models: files: 2 split, 3 copied unchanged; ")
    assert points_to("out/link.py") == "a.py"
    assert points_to("out/sub/link") == ".."
    assert points_to("out/other") == "sub"
    assert text("out/sub/link/other/b.py") == SPLIT
    assert mirror()[-1].startswith("models: files: 2 split, 3 copied unchanged; ")


def test_a_link_to_what_is_outside_is_followed_once(mirror) -> None:
    write({"a.py": GROUPED, "sub/b.py": GROUPED, "data": "x"}, "other")
    write({})
    link("models/file.py", Path("other/a.py").resolve())
    link("models/left", "../other")
    link("models/right", "../other")
    link("models/within", "../other/sub")
    link("other/loop", ".")
    link("other/sub/up", "..")
    assert mirror()[-1] == (
        "models: files: 2 split, 6 copied unchanged; grouped convolutions: 2 split"
    )
    assert text("out/file.py") == text("out/left/sub/b.py") == SPLIT
    assert not Path("out/file.py").is_symlink()
    links = {name: points_to(f"out/{name}") for name in listed() if Path("out", name).is_symlink()}
    assert links == {
        "left/a.py": "../file.py",
        "left/loop": ".",
        "left/sub/up": "..",
        "right": "left",
        "within": "left/sub",
    }


def test_a_link_to_what_holds_the_directory_ends(mirror) -> None:
    write({"a.py": GROUPED, "b/c.py": ""})
    write({"z.py": GROUPED}, "elsewhere")
    link("models/up", "..")
    mirror()
    assert listed() == ["a.py", "b/c.py", "up/elsewhere/z.py", "up/models"]
    assert points_to("out/up/models") == ".."
    assert Path("out/up/models/b").resolve() == Path("out/b").resolve()


def test_a_broken_link_is_copied(mirror) -> None:
    write({})
    link("models/broken.py", "missing.py")
    link("models/self", "self")
    for _ in range(2):
        assert mirror() == ["models: files: 2 copied unchanged; no grouped convolutions"]
    assert points_to("out/broken.py") == "missing.py"
    assert points_to("out/self") == "self"


def test_what_is_in_the_output_gives_way_and_nothing_is_written_through_a_link(mirror) -> None:
    write({"a.py": GROUPED, "sub/b.py": GROUPED, "target": ""})
    write({"link": "before", "stays": "before"}, "out")
    link("out/a.py", "../models/a.py")
    link("out/sub", "../models/sub")
    link("models/link", "target")
    Path("models/a.py").chmod(0o444)
    for _ in range(2):
        mirror()
        assert text("models/a.py") == text("models/sub/b.py") == GROUPED
        assert text("out/a.py") == text("out/sub/b.py") == SPLIT
        assert points_to("out/link") == "target"
        assert text("out/stays") == "before"


def test_a_directory_that_is_a_link_is_read_and_written() -> None:
    write({"a.py": GROUPED})
    Path("real").mkdir()
    link("link", "models")
    link("out", "real")
    assert main(["link", "-o", "out"]) == 0
    assert text("real/a.py") == SPLIT
    assert Path("out").is_symlink()
    assert main(["link", "-o", "deep/down"]) == 0
    assert text("deep/down/a.py") == SPLIT


def test_what_is_no_file_is_skipped_with_a_word(mirror) -> None:
    write({"a.py": GROUPED})
    os.mkfifo("models/pipe.py")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("models/socket")
    assert mirror()[1:] == [
        "models/pipe.py: skipped: it is neither a file nor a directory",
        "models/socket: skipped: it is neither a file nor a directory",
        "models: files: 1 split; grouped convolutions: 1 split",
    ]
    assert listed() == ["a.py"]


def test_modes_are_kept(mirror) -> None:
    write({"a.py": "#!/usr/bin/env python\n" + GROUPED, "run.sh": "", "b.py": ""})
    modes = {"a.py": 0o755, "run.sh": 0o700, "b.py": 0o640}
    for name, mode in modes.items():
        Path("models", name).chmod(mode)
    mirror()
    for name, mode in modes.items():
        assert stat.S_IMODE(Path("out", name).stat().st_mode) == mode
    Path("models/run.sh").chmod(0o4755)
    mirror()
    assert stat.S_IMODE(Path("out/run.sh").stat().st_mode) == 0o755


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + GROUPED.encode(),
        "# coding: latin-1\n# caf\xe9\n".encode("latin-1") + GROUPED.encode(),
        GROUPED.replace("\n", "\r\n").encode(),
        GROUPED.rstrip().encode(),
    ],
)
def test_bytes_are_kept(data: bytes, mirror) -> None:
    write({"a.py": data, "b.py": data.replace(b"groups=2", b"groups=1")})
    mirror()
    assert Path("out/b.py").read_bytes() == Path("models/b.py").read_bytes()
    assert main(["models/a.py", "-o", "single.py"]) == 0
    assert Path("out/a.py").read_bytes() == Path("single.py").read_bytes() != data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (BROKEN, "models/b.py:1:10: '(' was never closed"),
        (b"x = '\xff'\n", "models/b.py: cannot be decoded: "),
        (b"# coding: nonsense\n", "models/b.py: cannot be decoded: unknown encoding"),
    ],
)
def test_a_source_that_cannot_be_split_is_copied_and_the_others_go_on(
    data: str | bytes, message: str, mirror
) -> None:
    write({"a.py": GROUPED, "b.py": data, "c.py": UNSPLIT})
    messages = mirror(status=123)
    assert messages[1].startswith(message)
    assert Path("out/b.py").read_bytes() == Path("models/b.py").read_bytes()
    assert text("out/a.py") == SPLIT
    assert text("out/c.py") == UNSPLIT
    assert "; 1 failed; " in messages[-1]


@pytest.mark.parametrize("name", ["b.py", "data"])
def test_a_file_that_cannot_be_read_is_named(name: str, mirror, monkeypatch) -> None:
    write({"a.py": GROUPED, name: "b", "z.py": GROUPED})
    denying(monkeypatch, "open" if name == "data" else "read_bytes", name)
    messages = mirror(status=123)
    assert f"models/{name}: cannot be read: Permission denied" in messages
    assert listed() == ["a.py", "z.py"]


def test_a_directory_that_cannot_be_read_is_named(mirror, monkeypatch) -> None:
    write({"a.py": GROUPED, "b/b.py": GROUPED, "c.py": GROUPED})
    denying(monkeypatch, "iterdir", "b")
    messages = mirror(status=123)
    assert messages[1] == "models/b: cannot be read: Permission denied"
    assert listed() == ["a.py", "c.py"]


def test_a_directory_that_cannot_be_read_at_all(mirror, monkeypatch) -> None:
    write({"a.py": GROUPED})
    with monkeypatch.context() as patch:
        denying(patch, "iterdir", "models")
        assert mirror(status=123)[0] == "models: cannot be read: Permission denied"
    with monkeypatch.context() as patch:
        denying(patch, "exists", ".git")
        assert mirror(status=123) == ["models: cannot be read: Permission denied"]
    with monkeypatch.context() as patch:
        denying(patch, "is_dir", "a.py")
        assert main(["models/a.py", "-o", "split.py"]) == 0


def test_what_cannot_be_written_is_named(mirror, monkeypatch) -> None:
    write({"a.py": GROUPED, "b/b.py": "", "c": "", "d.py": GROUPED})
    link("models/e", "c")
    write({"a.py/x": "", "b": "", "c/x": "", "e/x": ""}, "out")
    messages = mirror(status=123)
    assert [each for each in messages if each.startswith("out/")] == [
        "out/a.py: cannot be written: Is a directory",
        "out/b: cannot be written: File exists",
        "out/b/b.py: cannot be written: Not a directory",
        "out/c: cannot be written: Is a directory",
        "out/e: cannot be written: Is a directory",
    ]
    assert messages[-1] == "models: files: 1 split; 5 failed; grouped convolutions: 1 split"
    assert listed() == ["a.py/x", "b", "c/x", "d.py", "e/x"]


def test_an_output_that_cannot_be_made(capsys) -> None:
    write({"a.py": GROUPED, "b.py": GROUPED})
    assert main(["models", "-o", "models/a.py/out"]) == 123
    assert capsys.readouterr().err == "models/a.py/out: cannot be written: Not a directory\n"


def test_the_longest_name(mirror) -> None:
    name = "x" * 252 + ".py"
    write({name: GROUPED})
    mirror()
    assert text(f"out/{name}") == SPLIT


def test_each_file_has_the_nearest_configuration_of_black(mirror, monkeypatch) -> None:
    source = model("self.conv = nn.Conv2d(4, 4, 1, padding_mode='zeros', groups=2)")
    table = "[tool.black]\nskip-string-normalization = true\n"
    write({f"{name}.py": source for name in ("a", "b", "sub/a", "sub/deep/a")})
    write({"sub/pyproject.toml": table, "pyproject.toml": ""})
    asked = []
    original = gencode.command.black_config
    monkeypatch.setattr(
        "gencode.command.black_config", lambda path: asked.append(path) or original(path)
    )
    mirror()
    for name, quote in [("a", '"'), ("b", '"'), ("sub/a", "'"), ("sub/deep/a", "'")]:
        assert f"padding_mode={quote}zeros{quote})" in text(f"out/{name}.py")
    assert asked == ["models/a.py", "models/sub/a.py", "models/sub/deep/a.py"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"explicit.py.jinja": "{%"}, "gencode: template explicit.py.jinja line 1: "),
        ({"pyproject.toml": "[tool.black\n"}, "gencode: "),
        ({"pyproject.toml": "[tool.black]\nline-length = 0\n"}, "gencode: pyproject.toml: "),
    ],
)
def test_a_faulty_template_or_configuration_ends_the_run(
    files: dict[str, str], message: str, mirror
) -> None:
    write({"a.py": GROUPED, **files})
    (said,) = mirror("--templates", "models", status=2)
    assert said.startswith(message)
    assert not Path("out/a.py").exists()


def test_the_package_that_is_written_works() -> None:
    pytest.importorskip("torch")
    write(
        {
            "__init__.py": "from .nets import Net\n",
            "nets/__init__.py": "from .net import Net\n",
            "nets/net.py": "from models.sizes import groups\nfrom .. import other\n" + GROUPED,
            "other.py": "import pkgutil\ndata = pkgutil.get_data(__package__, 'd').decode()\n",
            "sizes.py": "groups = 2\n",
            "d": "data",
        }
    )
    main(["models", "-o", "out/models"])
    code = (
        "import models; from models.nets import net;"
        "print(models.Net.__module__, net.other.data, *dict(models.Net().named_modules()))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd="out", capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.split() == ["models.nets.net", "data", "conv_0", "conv_1"]


HELPER = "HELPED = 1\n"


@pytest.fixture
def helped(monkeypatch) -> None:
    """A source with a mark imports what a module of this text has."""

    def split(source: str, options: Options) -> Result:
        if "# helped" not in source or not options.helper_module:
            return Result(source)
        return Result(f"from {options.helper_module} import HELPED\n", imports_helper=True)

    monkeypatch.setattr("gencode.mirror.split_source", split)
    monkeypatch.setattr("gencode.mirror.helper_source", lambda options: HELPER)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "layers.splitting",
            {
                "__init__.py": ".layers.splitting",
                "x.py": ".layers.splitting",
                "a/__init__.py": "..layers.splitting",
                "a/b.py": "..layers.splitting",
                "a/c/d.py": "...layers.splitting",
                "layers/y.py": "..layers.splitting",
            },
        ),
        ("splitting", {"x.py": ".splitting", "a/b.py": "..splitting"}),
        ("new.one.splitting", {"x.py": ".new.one.splitting", "a/b.py": "..new.one.splitting"}),
    ],
)
def test_a_package_imports_its_helper_relatively(
    name: str, expected: dict[str, str], mirror, helped
) -> None:
    packages = {"__init__.py": "", "a/__init__.py": "", "a/c/__init__.py": "", "layers/z.py": ""}
    write({**packages, **dict.fromkeys(expected, "# helped\n")})
    main(["models", "-o", "out/models", "--helper-module", name])
    for path, module in expected.items():
        assert text(f"out/models/{path}") == f"from {module} import HELPED\n"
    place = name.replace(".", "/")
    assert text(f"out/models/{place}.py") == HELPER
    assert Path("out/models/layers/__init__.py").exists() is False  # what is there stays
    assert Path("out/models/new/one/__init__.py").exists() is name.startswith("new")
    assert Path("out/models/new/__init__.py").exists() is name.startswith("new")
    imports = "; ".join(
        f"import models.{path.removesuffix('.py').replace('/', '.')}".replace(".__init__", "")
        for path in expected
    )
    done = subprocess.run(
        [sys.executable, "-c", imports], cwd="out", capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_directory_that_is_no_package_imports_its_helper_absolutely(mirror, helped) -> None:
    write({"x.py": "# helped", "net/__init__.py": "# helped", "net/b.py": "# helped", "z.py": ""})
    mirror("--helper-module", "net.splitting")
    for name in ("x.py", "net/__init__.py", "net/b.py"):
        assert text(f"out/{name}") == "from net.splitting import HELPED\n"
    done = subprocess.run([sys.executable, "-c", "import x, net.b"], cwd="out", capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_helper_that_nobody_imports_is_not_written(mirror, helped) -> None:
    write({"x.py": "x = 1\n"})
    mirror("--helper-module", "layers.splitting")
    assert listed() == ["x.py"]


def test_a_helper_that_is_there_already(mirror, helped) -> None:
    write({"x.py": "# helped", "splitting.py": HELPER})
    mirror("--helper-module", "splitting")
    assert listed() == ["splitting.py", "x.py"]
    assert text("out/splitting.py") == HELPER
    write({"splitting.py": HELPER + "# helped, and changed\n"})
    (message,) = mirror("--helper-module", "splitting", status=2)
    assert message.endswith("models/splitting.py is there already, and is another module")


def test_a_helper_is_not_split_itself(mirror, helped, monkeypatch) -> None:
    monkeypatch.setattr("gencode.mirror.helper_source", lambda options: "# helped\n")
    write({"splitting.py": "# helped\n"})
    messages = mirror("--helper-module", "splitting")
    assert messages == ["models: files: 1 copied unchanged; no grouped convolutions"]
    assert text("out/splitting.py") == "# helped\n"


def test_without_the_option_nothing_imports_a_helper(mirror, helped) -> None:
    write({"x.py": "# helped"})
    mirror()
    assert text("out/x.py") == "# helped"


def test_a_helper_that_cannot_be_written(mirror, helped) -> None:
    write({"x.py": "# helped"})
    write({"splitting.py/x": ""}, "out")
    assert mirror("--helper-module", "splitting", status=123)[0] == (
        "out/splitting.py: cannot be written: Is a directory"
    )
