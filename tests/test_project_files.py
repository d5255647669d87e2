"""Which files belong to the project of a file, what imports them, and what they mean by a name."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path

import pytest

from gencode import project_files
from gencode.facts.project import Module
from gencode.project_files import Locator, ProjectFiles
from sources import deny, write

CONV = re.compile(r"\.conv\b")


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def located(path: str) -> tuple[str, str]:
    """The root of a file's project, from here, and the file's path in it."""
    found = Locator().locate(Path.cwd() / path)
    return os.path.relpath(found.files.root), found.path


def project(files: dict[str, str]) -> ProjectFiles:
    write({"pyproject.toml": "", **files})
    return ProjectFiles(Path.cwd())


def meant(files: ProjectFiles, name: str, importer: str | None = None) -> str | None:
    """The file that a name means; None for what is not of the project."""
    by = None if importer is None else Module("", False, ast.parse(""), "", importer)
    found = files.find(name, by)
    return found.file if found is not None else None


def readers(files: ProjectFiles, path: str, *names: str) -> list[str]:
    return [each.file for each in files.readers(path, names, CONV)]


# The root


@pytest.mark.parametrize("mark", ["pyproject.toml", "setup.py", ".git"])
def test_the_root_is_the_nearest_directory_with_a_mark(mark: str) -> None:
    write({f"work/{mark}": "", "work/pkg/__init__.py": "", "work/pkg/sub/a.py": "", ".git": ""})
    assert located("work/pkg/sub/a.py") == ("work", "pkg/sub/a.py")


def test_without_one_it_is_the_topmost_package_by_itself() -> None:
    write({"pkg/__init__.py": "", "pkg/sub/__init__.py": "", "pkg/sub/a.py": "", "other/b.py": ""})
    write({"c.py": ""})
    assert located("pkg/sub/a.py") == (".", "pkg/sub/a.py")
    files = Locator().locate(Path.cwd() / "pkg/sub/a.py").files
    assert meant(files, "pkg.sub.a") == "pkg/sub/a.py"
    assert meant(files, "c") is None
    assert meant(files, "other.b") is None


def test_a_file_by_itself_has_those_beside_it() -> None:
    write({"some/a.py": "", "some/b.py": "", "some/deep/c.py": ""})
    assert located("some/a.py") == ("some", "a.py")
    files = Locator().locate(Path.cwd() / "some/a.py").files
    assert meant(files, "b", "a.py") == "b.py"
    assert meant(files, "deep.c", "a.py") is None


@pytest.mark.parametrize("barred", ["home", "environment", "site-packages"])
def test_a_home_or_an_environment_is_no_project(barred: str, monkeypatch) -> None:
    write({f"{barred}/.git": "", f"{barred}/pkg/__init__.py": "", f"{barred}/pkg/a.py": ""})
    write({f"{barred}/b.py": "", ".git": ""})
    if barred == "home":
        monkeypatch.setattr(Path, "home", lambda: Path.cwd() / "home")
    if barred == "environment":
        write({"environment/pyvenv.cfg": ""})
    assert located(f"{barred}/pkg/a.py") == (barred, "pkg/a.py")
    files = Locator().locate(Path.cwd() / barred / "pkg/a.py").files
    assert meant(files, "b") is None


def test_a_project_is_found_once() -> None:
    write({"pyproject.toml": "", "a.py": "", "sub/b.py": ""})
    locator = Locator()
    first, second = locator.locate(Path.cwd() / "a.py"), locator.locate(Path.cwd() / "sub/b.py")
    assert first.files is second.files


# What a name means


def test_where_imports_look() -> None:
    files = project(
        {
            "tool.py": "",
            "src/pkg/__init__.py": "",
            "src/pkg/a.py": "",
            "scripts/run.py": "",
            "scripts/tool.py": "",
            "spaced/inner/b.py": "",
        }
    )
    assert meant(files, "tool", "src/pkg/a.py") == "tool.py"
    assert meant(files, "tool", "scripts/run.py") == "scripts/tool.py"
    assert meant(files, "pkg.a", "scripts/run.py") == "src/pkg/a.py"
    assert meant(files, "pkg", "src/pkg/a.py") == "src/pkg/__init__.py"
    assert meant(files, "src.pkg.a") == "src/pkg/a.py"
    assert meant(files, "spaced.inner", "tool.py") == "spaced/inner/"
    assert meant(files, "spaced.inner.b", "tool.py") == "spaced/inner/b.py"
    assert meant(files, "gone", "tool.py") is None
    assert meant(files, "pkg.a", "src/pkg/a.py") == "src/pkg/a.py"


def test_torch_is_never_of_the_project() -> None:
    """What is named so is torch's, whatever lies there."""
    files = project({"torch/__init__.py": "", "torch/nn.py": "", "torchlike.py": ""})
    assert meant(files, "torch.nn", "torchlike.py") is None
    assert meant(files, "torchlike") == "torchlike.py"


def test_what_does_not_belong_to_it() -> None:
    files = project(
        {
            ".hidden/a.py": "",
            "__pycache__/a.py": "",
            "node_modules/a.py": "",
            "v1.0/a.py": "",
            "env/pyvenv.cfg": "",
            "env/a.py": "",
            "kept/a.py": "",
        }
    )
    assert meant(files, "kept.a") == "kept/a.py"
    assert [meant(files, f"{each}.a") for each in ("hidden", "__pycache__", "env", "v1")] == (
        [None] * 4
    )


def test_what_cannot_be_read_or_is_no_python_is_not_known(monkeypatch) -> None:
    files = project({"bad.py": "def (", "shut.py": "x = 1", "good.py": "x = 1"})
    deny(monkeypatch, "shut.py")
    assert meant(files, "bad") is None
    shut = files.find("shut", None)
    assert shut is not None and shut.text == ""
    assert meant(files, "good") == "good.py"


def test_what_was_read_stays_as_it_was() -> None:
    files = project({"a.py": "x = 1"})
    before = files.find("a", None)
    write({"a.py": "x = 2"})
    after = files.find("a", None)
    assert after is before
    assert after is not None and after.text == "x = 1"


def test_not_all_trees_are_kept(monkeypatch) -> None:
    monkeypatch.setattr(project_files, "_MOST_KEPT", 20)
    files = project({"a.py": "x = 1 # long", "b.py": "y = 2 # long"})
    first = files.find("a", None)
    files.find("b", None)
    again = files.find("a", None)
    assert first is not None and again is not None
    assert again is not first
    assert again.text == first.text


def test_a_project_of_too_many_files_is_not_whole(monkeypatch) -> None:
    assert project({"a.py": "", "b.py": ""}).is_whole
    monkeypatch.setattr(project_files, "_MOST_FILES", 2)
    assert not ProjectFiles(Path.cwd()).is_whole


# Who imports what

UNIT = "class Unit:\n    pass\n"
READER = "def strip(net):\n    u = UNIT()\n    u.conv = None\n"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("net.py", "from pkg.unit import Unit\n" + READER.replace("UNIT", "Unit")),
        ("net.py", "from pkg.unit import Other, Unit as U\n" + READER.replace("UNIT", "U")),
        (
            "net.py",
            "from pkg.unit import (  # all\n    Unit,\n)\n" + READER.replace("UNIT", "Unit"),
        ),
        ("net.py", "from pkg.unit import Other, \\\n    Unit\n" + READER.replace("UNIT", "Unit")),
        ("net.py", "from pkg.unit import *\n" + READER.replace("UNIT", "Unit")),
        ("net.py", "from pkg import unit\n" + READER.replace("UNIT", "unit.Unit")),
        ("net.py", "import pkg.unit as u\n" + READER.replace("UNIT", "u.Unit")),
        ("net.py", "import pkg\n" + READER.replace("UNIT", "pkg.unit.Unit")),
        ("net.py", "from pkg import Unit\n" + READER.replace("UNIT", "Unit")),
        ("pkg/net.py", "from .unit import Unit\n" + READER.replace("UNIT", "Unit")),
        ("pkg/net.py", "from . import unit\n" + READER.replace("UNIT", "unit.Unit")),
        ("pkg/deep/net.py", "from ..unit import Unit\n" + READER.replace("UNIT", "Unit")),
        ("net.py", "def f():\n    from pkg.unit import Unit\n    Unit().conv = 1\n"),
        ("net.py", "from pkg.unit import Unit\nclass Two(Unit):\n    pass\n"),
        ("net.py", "from pkg.unit import Unit\nclass Two(\n    Unit,\n):\n    pass\n"),
    ],
)
def test_who_reads_a_file(path: str, text: str) -> None:
    files = project(
        {"pkg/__init__.py": "from .unit import Unit\n", "pkg/unit.py": UNIT, path: text}
    )
    assert readers(files, "pkg/unit.py", "Unit") == [path]


@pytest.mark.parametrize(
    "text",
    [
        "from pkg.unit import Unit\n",
        "from pkg.unit import Unit\nx = Unit()\n",
        "from pkg.unit import Other\nUnit = 1\ny = Unit.conv\n",
        "from elsewhere import Unit\nUnit().conv = 1\n",
        "from .....unit import Unit\nUnit().conv = 1\n",
        "def (",
    ],
)
def test_who_does_nothing_with_it(text: str) -> None:
    files = project({"pkg/__init__.py": "", "pkg/unit.py": UNIT, "pkg/net.py": text})
    assert readers(files, "pkg/unit.py", "Unit") == []


def test_who_reads_what_speaks_of_it() -> None:
    """Through others, as far as it goes; and not the file itself."""
    files = project(
        {
            "unit.py": f"from net import Net\n{UNIT}Net().conv = 1\n",
            "net.py": "from unit import Unit\nclass Net:\n    a = Unit()\ndef other(): ...\n",
            "outer.py": "import net\nclass Outer:\n    a = net.Net()\n",
            "train.py": "from outer import Outer\ndef strip():\n    Outer().a.conv = 1\n",
            "apart.py": "from net import other\nother().conv = 1\n",
        }
    )
    assert readers(files, "unit.py", "Unit") == ["train.py"]


def test_which_statements_of_it_matter() -> None:
    text = "from unit import Unit\nx = Unit().conv\ny = Unit()\n@Unit.conv\ndef f(): ...\nz = 1\n"
    files = project({"unit.py": UNIT, "net.py": text})
    ((module, matters),) = files.readers("unit.py", ["Unit"], CONV).items()
    assert [matters(each) for each in module.tree.body] == [True, True, True, True, False]


@pytest.mark.parametrize(
    ("path", "is_apart"),
    [
        ("net.py", False),
        ("pkg/contest.py", False),
        ("test_net.py", True),
        ("pkg/net_test.py", True),
        ("tests/net.py", True),
        ("examples/a/net.py", True),
        ("setup.py", True),
        ("conftest.py", True),
    ],
)
def test_tests_and_scripts_run_apart(path: str, is_apart: bool) -> None:
    assert Module("net", False, ast.parse(""), "", path).runs_apart is is_apart


def test_a_package_that_is_the_root_itself() -> None:
    files = project(
        {"__init__.py": "", "a.py": UNIT, "b.py": "from . import a\na.Unit().conv = 1\n"}
    )
    assert readers(files, "a.py", "Unit") == ["b.py"]
