"""What .gitignore says of a path: as git has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gencode.ignore import Patterns, ignore_file, ignore_files_above, is_ignored


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("lines", "path", "expected"),
    [
        ("", "a", None),
        ("a", "b", None),
        ("a", "a", True),
        ("a", "b/a", True),
        ("a", "ab", None),
        ("/a", "a", True),
        ("/a", "b/a", None),
        ("b/a", "b/a", True),
        ("b/a", "c/b/a", None),
        ("a/", "a", None),  # a file
        ("a/", "a/", True),
        ("a/", "b/a/", True),
        ("*.log", "a.log", True),
        ("*.log\n!a.log", "a.log", False),
        ("!a.log\n*.log", "a.log", True),
        ("*.log\n!a.log", "b.log", True),
        # A directory that is taken back in does not bring what is in it.
        ("*\n!*/\n!*.py", "a/", False),
        ("*\n!*/\n!*.py", "a/b/", False),
        ("*\n!*/\n!*.py", "a/b.txt", True),
        ("*\n!*/\n!*.py", "a/b.py", False),
        ("*.log\n/*\n!/src", "src/", False),
        ("*.log\n/*\n!/src", "src/a.log", True),
        ("*.log\n/*\n!/src", "src/a.py", None),
        ("data/**\n!data/**/\n!data/**/*.py", "data/a/", False),
        ("data/**\n!data/**/\n!data/**/*.py", "data/a/b.txt", True),
        ("data/**\n!data/**/\n!data/**/*.py", "data/a/b.py", False),
        ("x\nd\n!d", "d/x", True),
        ("**/a", "a", True),
        ("**/a", "b/c/a", True),
        ("a/**", "a/", None),
        ("a/**", "a/b/c", True),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/c/d/b", True),
        ("a/**/b", "a/b/c", None),
        ("[ab].py", "b.py", True),
        ("[^a].py", "b.py", True),
        ("[^a].py", "a.py", None),
        ("[!a].py", "a.py", None),
        ("a?", "ab", True),
        ("# a", "# a", None),
        ("\\#a", "#a", True),
        ("\\!a", "!a", True),
        ("a  ", "a", True),
        ("a\\ ", "a ", True),
        ("a\\ ", "a", None),
        ("[[]a]", "[a]", True),
        # git takes none of these for a pattern.
        ("!", "a", None),
        ("/", "a", None),
        ("a\\", "a", None),
        ("[z-a]", "a", None),
        ("[a", "a", None),
    ],
)
def test_a_pattern(lines: str, path: str, expected: bool | None) -> None:
    names = path.removesuffix("/").split("/")
    assert Patterns(lines.split("\n")).verdict(names, path.endswith("/")) is expected


def test_what_is_nearest_decides() -> None:
    outer, inner = Patterns(["*.log", "/b.py"]), Patterns(["!a.log", "/b.py"], depth=1)
    assert is_ignored((outer, inner), ("sub", "b.log"), False)
    assert not is_ignored((outer, inner), ("sub", "a.log"), False)
    assert is_ignored((outer, inner), ("sub", "b.py"), False)
    assert not is_ignored((outer, inner), ("sub", "sub", "b.py"), False)
    assert not is_ignored((), ("a",), False)


@pytest.mark.parametrize("data", [b"a/\r\n# b\r\nc", b"\xef\xbb\xbfa/\nc\n"])
def test_a_file_as_editors_write_it(data: bytes, tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_bytes(data)
    (patterns,) = ignore_file(tmp_path, 0)
    assert [patterns.verdict((name,), True) for name in "abc"] == [True, None, True]


def test_a_file_that_is_not_there() -> None:
    assert ignore_file(Path("missing"), 0) == ()


def test_the_files_above_up_to_the_repository_s_root(tmp_path: Path) -> None:
    inner = tmp_path / "repository" / "src" / "models"
    inner.mkdir(parents=True)
    (tmp_path / ".gitignore").write_text("outside\n")
    (inner.parents[1] / ".gitignore").write_text("/src/models/root\nname\n")
    (inner.parents[0] / ".gitignore").write_text("/models/src\n")
    (inner / ".gitignore").write_text("own\n")
    assert ignore_files_above(inner) == ((), ())
    (inner.parents[1] / ".git").write_text("gitdir: elsewhere\n")  # as in a worktree
    levels, names = ignore_files_above(inner)
    ignored = {
        name: is_ignored(levels, (*names, name), False)
        for name in ("outside", "root", "name", "src", "own")
    }
    assert ignored == {"outside": False, "root": True, "name": True, "src": True, "own": False}
