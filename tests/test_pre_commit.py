"""The hooks, as pre-commit installs them and runs them in a repository."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import gencode
from cases import CONV, model
from gencode.command import main

pytest.importorskip("pre_commit")
ROOT = Path(__file__).parents[1]
pytestmark = [
    pytest.mark.skipif(shutil.which("git") is None, reason="git is missing"),
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no checkout"),
]

GROUPED = model(CONV)
SPLIT = gencode.split_source(GROUPED).text
PLAIN = "import torch\n"
DEPTHWISE = model("self.conv = nn.Conv2d(4, 4, 3, groups=4)")
LEFT = model(forward="return F.conv2d(x, self.w, groups=2)", init="self.w = w")
BROKEN = "import torch.nn as nn\nclass Net(nn.Module:\n    pass\n"
PAIR = '[[tool.gencode.generate]]\nsource = "{}"\noutput = "{}"\n'


class Hooks(NamedTuple):
    """A repository that has the hooks, at a revision, and where their environment is kept."""

    repository: Path
    revision: str
    home: Path

    @property
    def commands(self) -> Path:
        (python,) = self.home.glob("repo*/py_env-*/bin/python")
        return python.parent


def called(*command: str | Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
    )
    output = done.stdout.decode("utf-8", "replace")
    return subprocess.CompletedProcess(command, done.returncode, output)


def git(*arguments: str, status: int = 0) -> str:
    identity = ("-c", "user.name=Tests", "-c", "user.email=tests@example.com")
    done = called("git", *identity, *arguments)
    assert done.returncode == status, done.stdout
    return done.stdout


def pre_commit(*arguments: str, status: int = 0) -> str:
    done = called(sys.executable, "-m", "pre_commit", *arguments)
    assert done.returncode == status, done.stdout
    return done.stdout


def passes(*arguments: str) -> str:
    output = pre_commit("run", *arguments)
    assert "Passed" in output
    return output


def fails(*arguments: str, status: int) -> str:
    """Run a hook that ends with this status, 0 where it only changes files; gives what is said."""
    output = pre_commit("run", *arguments, status=1)
    assert re.findall("- exit code: (.*)", output) == ([str(status)] if status else []), output
    return output


def stage(files: dict[str, str]) -> None:
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(text.encode())
    git("add", "--all")


def text(path: str | Path) -> str:
    return Path(path).read_bytes().decode()


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hooks]:
    """The hooks of this checkout, as it is; what git and pre-commit are told by others is unset."""
    repository, home = tmp_path_factory.mktemp("gencode"), tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("GIT_", "PRE_COMMIT")) or name in ("SKIP", "PYTHONPATH"):
                patch.delenv(name)
        patch.chdir(ROOT)
        for name in git("ls-files", "-z").split("\0"):
            if Path(name).is_file():
                (repository / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(name, repository / name)
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.setenv("PRE_COMMIT_HOME", str(home))
        patch.chdir(repository)
        git("init")
        git("add", "--all")
        git("commit", "-m", "hooks")
        yield Hooks(repository, git("rev-parse", "HEAD").strip(), home)


@pytest.fixture
def using(hooks: Hooks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Configures hooks in a new repository, which is the current directory."""
    monkeypatch.chdir(tmp_path)
    git("init")

    def configure(*ids: str) -> None:
        repository = json.dumps(str(hooks.repository))
        config = f"repos:\n- repo: {repository}\n  rev: {hooks.revision}\n  hooks:\n"
        listed = "".join(f"  - id: {each}\n" for each in ids)
        stage({".pre-commit-config.yaml": config + listed})

    return configure


@pytest.fixture
def generate(hooks: Hooks, using) -> Callable[[], None]:
    """Generates what is configured, with the command that the hooks run, and stages it."""

    def run() -> None:
        done = called(hooks.commands / "gencode")
        assert done.returncode == 0, done.stdout
        git("add", "--all")

    return run


def test_the_manifest_is_valid() -> None:
    pre_commit("validate-manifest", str(ROOT / ".pre-commit-hooks.yaml"))


def test_their_environment_has_the_command_and_no_torch(hooks: Hooks, using) -> None:
    using("gencode", "gencode-check", "gencode-generated")
    pre_commit("install-hooks")
    found = (
        "import importlib.util as u; print(*(bool(u.find_spec(x)) for x in ('gencode', 'torch')))"
    )
    assert called(hooks.commands / "python", "-c", found).stdout.split() == ["True", "False"]
    version = called(hooks.commands / "gencode", "--version").stdout
    assert version == f"gencode {gencode.__version__}\n"


def test_a_commit_is_stopped_until_what_was_rewritten_is_staged(using) -> None:
    using("gencode")
    pre_commit("install")
    stage({"model.py": GROUPED})
    output = git("commit", "-m", "a model", status=1)
    assert "- files were modified by this hook\n" in output
    assert "model.py:9:21: Net.conv split into 2 Conv2d of 8 -> 16 channels (explicit)\n" in output
    assert text("model.py") == SPLIT
    git("commit", "-m", "a model", status=1)
    git("add", "--all")
    git("commit", "-m", "a model")
    assert git("show", "HEAD:model.py") == SPLIT
    assert git("status", "--porcelain") == ""


def test_what_is_not_python_is_left_alone(using) -> None:
    using("gencode", "gencode-check")
    stage({"notes.md": GROUPED, "types.pyi": GROUPED})
    Path("link.py").symlink_to("notes.md")
    git("add", "--all")
    assert pre_commit("run", "--all-files").count("(no files to check)Skipped\n") == 2
    assert text("notes.md") == text("types.pyi") == GROUPED


@pytest.mark.parametrize(
    ("hook", "status"), [("gencode", 0), ("gencode-check", 0), ("gencode-generated", 2)]
)
def test_without_files_or_pairs(hook: str, status: int, tmp_path, monkeypatch) -> None:
    import yaml  # pre-commit needs it

    monkeypatch.chdir(tmp_path)
    (entry,) = (
        each["entry"]
        for each in yaml.safe_load(text(ROOT / ".pre-commit-hooks.yaml"))
        if each["id"] == hook
    )
    assert main(shlex.split(entry)[1:]) == status


def test_many_files_are_one_call(using) -> None:
    using("gencode")
    names = ["two words.py", "café.py", *(f"models/{each}.py" for each in range(40))]
    stage(dict.fromkeys(names, GROUPED) | {"plain.py": PLAIN})
    Path("script").write_text(f"#!/usr/bin/env python3\n{GROUPED}", encoding="utf-8")
    Path("script").chmod(0o755)
    git("add", "--all")
    output = fails(status=0)
    summary = "gencode: files: 43 split, 1 unchanged; grouped convolutions: 43 split"
    assert [line for line in output.splitlines() if line.startswith("gencode: ")] == [summary]
    assert {text(name) for name in names} == {SPLIT}
    assert text("script") == gencode.split_source(f"#!/usr/bin/env python3\n{GROUPED}").text
    git("add", "--all")
    passes()


def test_more_files_than_one_call_can_name(using) -> None:
    using("gencode")
    folder = "/".join(["d" * 100] * 6)
    names = [f"{folder}/{each:03}.py" for each in range(400)]  # of more than 128 KiB
    stage(dict.fromkeys(names, PLAIN) | dict.fromkeys([names[0], names[-1]], GROUPED))
    output = fails(status=0)
    assert len([line for line in output.splitlines() if line.startswith("gencode: ")]) > 1
    assert text(names[0]) == text(names[-1]) == SPLIT


def test_one_that_cannot_be_parsed_does_not_keep_the_others(using) -> None:
    using("gencode")
    stage({"a.py": GROUPED, "models/broken.py": BROKEN, "z.py": GROUPED})
    output = fails(status=123)
    where = "    class Net(nn.Module:\n                       ^\n"
    assert f"models/broken.py:2:20: invalid syntax\n{where}" in output
    assert text("a.py") == text("z.py") == SPLIT
    assert text("models/broken.py") == BROKEN
    git("add", "--all")
    output = fails(status=123)
    assert "files were modified" not in output


@pytest.mark.parametrize("hook", ["gencode", "gencode-check"])
def test_one_that_cannot_be_split_fails_each_time(hook: str, using) -> None:
    using(hook)
    stage({"model.py": LEFT})
    for _ in range(2):
        assert "model.py:12:16: F.conv2d not split: " in fails(status=3)
    assert text("model.py") == LEFT


def test_a_check_fails_where_there_is_something_to_split(using) -> None:
    using("gencode-check")
    stage({"model.py": GROUPED, "plain.py": PLAIN, "depthwise.py": DEPTHWISE})
    output = fails(status=1)
    assert "model.py:9:21: Net.conv to be split into 2 Conv2d of 8 -> 16" in output
    assert "files were modified" not in output
    assert text("model.py") == GROUPED
    stage({"model.py": SPLIT})
    passes()


@pytest.mark.parametrize("hook", ["gencode", "gencode-check"])
def test_what_the_project_excludes_is_left_though_it_is_named(hook: str, using) -> None:
    using(hook)
    excluded = '[tool.gencode]\nexclude = ["legacy/"]\n'
    stage({"pyproject.toml": excluded, "legacy/model.py": GROUPED, "models/legacy.py": PLAIN})
    passes()
    assert text("legacy/model.py") == GROUPED
    stage({"models/legacy.py": GROUPED})
    fails(status=int(hook == "gencode-check"))
    assert text("legacy/model.py") == GROUPED


def test_generated_files_that_are_up_to_date(using, generate) -> None:
    using("gencode-generated")
    stage({"pyproject.toml": PAIR.format("model.py", "split.py"), "model.py": GROUPED})
    assert "split.py: is missing\n" in fails(status=1)
    assert not Path("split.py").exists()
    generate()
    passes()
    git("commit", "-m", "all")
    passes()  # with no file to commit
    stage({"model.py": GROUPED.replace("16", "32")})
    assert "split.py: is out of date\n" in fails(status=1)
    assert text("split.py").endswith(SPLIT)
    generate()
    passes()


# The only file of a commit, what it has then or None, and what is said.
BEHIND = [
    ("models/a.py", GROUPED.replace("16", "32"), "split/a.py: is out of date"),
    ("split/a.py", SPLIT, "split/a.py: is out of date"),
    ("split/a.py", None, "split/a.py: is missing"),
    ("models/weights.txt", "2", "split/weights.txt: is out of date"),
    ("models/b.py", PLAIN, "split/b.py: is missing"),
    (
        "pyproject.toml",
        PAIR.format("models", "split") + '[tool.gencode]\nstyle = "loop"\n',
        "split/a.py: is out of date",
    ),
]


def test_a_commit_that_leaves_a_generated_file_behind_is_stopped(using, generate) -> None:
    using("gencode-generated")
    models = {"models/a.py": GROUPED, "models/weights.txt": "1"}
    stage({"pyproject.toml": PAIR.format("models", "split"), **models})
    generate()
    git("commit", "-m", "all")
    for file, content, message in BEHIND:
        if content is None:
            git("rm", file)
        else:
            stage({file: content})
        output = fails(status=1)
        assert [line for line in output.splitlines() if " is " in line] == [message]
        git("reset", "--hard")


def test_nothing_to_generate_is_wrong_usage(using) -> None:
    using("gencode-generated")
    output = fails(status=2)
    assert "gencode: there is nothing to generate: no [[tool.gencode.generate]]" in output


def test_generated_files_are_not_looked_at_where_there_is_no_commit(using) -> None:
    using("gencode-generated")
    message = ("--hook-stage", "commit-msg", "--commit-msg-filename", ".pre-commit-config.yaml")
    assert pre_commit("run", *message) == ""
