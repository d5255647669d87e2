"""``--model`` as a command: what is run, said, written and left behind."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")

from gencode.command import main
from gencode.load_model import ModelError
from gencode.proof import Asked, Failure, Place, Proof, process
from gencode.proof.prove import Written
from gencode.proof.shadow import lay_out, within
from gencode.proof.worker import main as worker
from gencode.proof.worker.failures import NoProofError
from zoo_models import ROOT

TEMPLATES = ROOT / "templates"

NET = """\
import torch
from torch import nn


class Net(nn.Module):
    input_shape = (4, 5)

    def __init__(self, groups=2):
        super().__init__()
        self.conv = nn.Conv1d(4, 4, 3, padding=1, groups=2)
        self.fc = nn.Linear(5, 3)

    def forward(self, x):
        return self.fc(self.conv(x))
"""
BUILT = NET.replace("groups=2)\n        self", "groups=groups)\n        self")
RUNNING = "running {}, as it is and as split (at most 600 s and 8 GB each)"
WITHHELD = "gencode: nothing is written, as it is not proved; --force writes it"
PROVED = "the same outputs, gradients and statistics in eval and train mode (float64, "


@pytest.fixture(autouse=True)
def in_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is run has its own place for temporary files, in which nothing may be left."""
    scratch, work = tmp_path / "scratch", tmp_path / "work"
    scratch.mkdir()
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    yield
    assert not any(scratch.iterdir())


def files() -> dict[str, str]:
    found = sorted(each for each in Path().rglob("*") if each.is_file())
    return {each.as_posix(): each.read_text() for each in found}


def write(texts: dict[str, str] | None = None, **modules: str) -> None:
    """Write files by their paths, and modules by their names."""
    for name, text in {
        **(texts or {}),
        **{f"{name}.py": each for name, each in modules.items()},
    }.items():
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_what_is_proved_is_written(capsys) -> None:
    write(model=NET)
    assert main(["model.py", "-o", "model_split.py", "--model", "Net"]) == 0
    err = capsys.readouterr().err.splitlines()
    assert err[0] == f"model.py: {RUNNING.format('Net')}"
    assert err[2].startswith(f"model.py: Net proved: {PROVED}")
    assert err[2].endswith(
        "; 1 of its convolutions split; 46 parameters and 360 multiply-adds, as before; "
        "no grouped convolutions left; "
        "no norms behind a concatenation"
    )
    assert err[3] == "model.py: grouped convolutions: 1 split" and len(err) == 4
    assert [*files()] == ["model.py", "model_split.py"]


def test_a_difference_is_named_with_its_places(capsys) -> None:
    write(model=NET)
    shutil.copytree(TEMPLATES, "wrong")
    template = Path("wrong/explicit.py.jinja")
    text = template.read_text()
    template.write_text(text.replace('"output") | join', '"output") | reverse | join'))
    before = files()
    assert main(["-i", "model.py", "--templates", "wrong", "--model", "Net()"]) == 4
    err = capsys.readouterr().err.splitlines()
    assert err[1].startswith("model.py:10:21: Net.conv to be split into 2 Conv1d")
    place = "model.py:10: not proved: as split, Net() differs: output in eval mode, by "
    assert err[2].startswith(place)
    said = ", first in conv (Conv1d, the order of its parts conv_1, conv_0, called in model.py:"
    assert said in err[2]
    assert err[3:] == [WITHHELD, "model.py: grouped convolutions: 1 to be split"]
    assert files() == before


def test_a_package_is_imported_as_it_is_to_be(capsys) -> None:
    blocks = BUILT.replace("class Net", "class Block")
    net = (
        "from pathlib import Path\n\nfrom .blocks import Block\n\n\ndef build():\n"
        "    groups = (Path(__file__).parent / 'groups.txt').read_text()\n"
        "    return Block(int(groups))\n"
    )
    write({"lib/nets/__init__.py": "", "lib/nets/blocks.py": blocks, "lib/nets/net.py": net})
    write({"lib/nets/groups.txt": "2"})
    before = files()
    assert main(["lib/nets", "-o", "new", "--model", "nets.net:build()"]) == 0
    err = capsys.readouterr().err
    assert f"nets.net: build() proved: {PROVED}" in err
    assert "no grouped convolutions left" in err
    assert {*files()} - {*before} == {
        *("new/__init__.py", "new/blocks.py", "new/groups.txt", "new/net.py"),
        "new/split_groups.py",
    }


def test_what_builds_a_model_may_be_another_file(capsys) -> None:
    """And what it imports is as it is to be, though it is beside it as it is."""
    write(
        {"p/__init__.py": "", "p/net.py": BUILT},
        build="def net():\n    from p.net import Net\n\n    return Net()\n",
    )
    assert main(["-i", "p", "--model", "build.py:net"]) == 0
    assert "build.py: net proved: " in capsys.readouterr().err
    write({"p/net.py": BUILT}, build="from q import *\n", q=BUILT)
    assert main(["-i", "p", "--model", "build.py:Net"]) == 4
    said = "build.py: not proved: as split, Net imports nothing of what changes, and so proves"
    assert said in capsys.readouterr().err


# What is to be written, whatever is found


def found(monkeypatch: pytest.MonkeyPatch, failure: Failure | None) -> list[Written]:
    """Have that be found of each model, and note what was to be written."""
    seen = []

    def prove(asked: Asked, written: Written) -> Iterator[Proof]:
        seen.append(written)
        return iter([Proof(each, failure) for each in asked.models])

    monkeypatch.setattr("gencode.command.proving.prove", prove)
    return seen


WRONG = Failure("Net raises an eyebrow")


@pytest.mark.parametrize(
    "arguments",
    [
        ["-i", "model.py", "--model", "Net"],
        ["model.py", "-o", "old.py", "--model", "Net"],
        ["model.py", "-o", "new.py", "--model", "Net"],
        ["-i", ".", "--model", "model:Net"],
        [".", "-o", "new", "--model", "model:Net"],
        ["--model", "model.py:Net"],
    ],
)
def test_what_is_not_proved_is_not_written_but_by_force(
    arguments: list[str], monkeypatch, capsys
) -> None:
    pairs = '[[tool.gencode.generate]]\nsource = "model.py"\noutput = "made.py"\n'
    write(model=NET, old="# what was there\n")
    Path("pyproject.toml").write_text(pairs)
    before = files()
    found(monkeypatch, WRONG)
    if arguments[:2] == ["-i", "model.py"] or arguments[:2] == ["-i", "."]:
        Path("pyproject.toml").write_text("")
        before = files()
    assert main(arguments) == 4
    err = capsys.readouterr().err
    assert "not proved: Net raises an eyebrow\n" in err and f"{WITHHELD}\n" in err
    assert files() == before
    assert main([*arguments, "--force"]) == 4
    err = capsys.readouterr().err
    assert "not proved: Net raises an eyebrow\n" in err and WITHHELD not in err
    assert files() != before


def test_what_else_is_to_be_known(monkeypatch, capsys) -> None:
    write(model=NET)

    def prove(asked: Asked, written: Written) -> Iterator[Proof]:
        more = {"grouped": dict.fromkeys("abcd"), "behind": {"n": Place("/else/where.py", 3)}}
        known = {"modes": ("eval",), "dtype": "float32", "difference": 2e-4, "split": 2}
        notes = {"by_itself": ("conv",), "notes": ("in float32",)}
        return iter([Proof(asked.models[0], None, True, **known, **more, **notes)])

    monkeypatch.setattr("gencode.command.proving.prove", prove)
    assert main(["--check", "model.py", "--model", "Net"]) == 1
    err = capsys.readouterr().err
    assert "model.py: Net: its outputs hardly depend on conv; what that itself gives is" in err
    assert "model.py: Net: in float32\n" in err
    assert "in eval mode (float32, at most 2.0e-04 apart); 2 of its convolutions split" in err
    assert "grouped convolutions left: a, b, c, 1 more; norms behind a concatenation: n" in err
    assert "n (/else/where.py:3)" in err


def test_where_a_process_cannot_be_looked_at_it_is_waited_for(monkeypatch, capsys) -> None:
    monkeypatch.delattr(os, "waitid", raising=False)
    assert "ends its process, with exit status 5" in said(capsys, "os._exit(5)")


def test_standard_output_and_what_is_only_compared(monkeypatch, capsys) -> None:
    write(model=NET)
    found(monkeypatch, WRONG)
    for options in ([], ["--check"], ["--diff"]):
        assert main(["model.py", *options, "--model", "Net"]) == 4
        out, err = capsys.readouterr()
        assert bool(out) is (options != ["--check"])
        assert WITHHELD not in err and "not proved" in err
    found(monkeypatch, None)
    assert main(["model.py", "--check", "--model", "Net"]) == 1
    assert main(["model.py", "--diff", "--model", "Net"]) == 0


def test_the_first_of_the_statuses(monkeypatch, capsys) -> None:
    left = NET.replace("return ", "self.other = self.conv.weight\n        return ")
    left = left.replace("self.fc = ", "self.tied = self.conv.weight\n        self.fc = ")
    write(model=NET, other=left, broken="class")
    found(monkeypatch, WRONG)
    model = ["--model", "model.py:Net"]
    assert main(["-i", "model.py", "other.py", *model]) == 4
    assert main(["-i", "model.py", "broken.py", *model]) == 123
    found(monkeypatch, None)
    assert main(["--check", "model.py", "other.py", *model]) in (1, 3)
    capsys.readouterr()


def test_a_proof_as_data(monkeypatch, capsys) -> None:
    write(model=NET)
    here = str(Path.cwd() / "model.py")
    place = Place(here, 10, 9, "        self.conv = nn.Conv1d(...)")
    found(monkeypatch, replace(WRONG, place=place, module=("conv", "Conv1d", "")))
    typed = ["model.py", "-o", "new.py", "--model", "Net", "--format"]
    assert main([*typed, "json"]) == 4
    said = json.loads(capsys.readouterr().out)
    assert said["status"] == 4 and said["files"] == {"new.py": "withheld"}
    proof = next(each for each in said["messages"] if each["kind"] == "proof")
    assert (proof["path"], proof["line"], proof["column"]) == ("model.py", 10, 9)
    assert proof["level"] == "error" and proof["data"]["failure"]["module"][0] == "conv"
    assert proof["data"]["model"] == {"place": "model.py", "expression": "Net"}
    assert main([*typed, "github"]) == 4
    line = "::error file=model.py,line=10,col=9::not proved: Net raises an eyebrow, first in conv"
    assert line in capsys.readouterr().err


def test_nothing_is_run_where_nothing_changes(monkeypatch, capsys) -> None:
    write(model="x = 1\n")
    seen = found(monkeypatch, WRONG)
    assert main(["model.py", "-o", "new.py", "--model", "Net"]) == 0
    assert not seen and "running" not in capsys.readouterr().err
    write(model=NET)
    assert main(["model.py", "-o", "new.py", "--model", "Net", "--no-verify"]) == 0
    assert not seen


def test_what_is_to_be_where(monkeypatch, capsys) -> None:
    write({"a/p/__init__.py": "", "a/p/net.py": BUILT, "a/p/plain.py": "x = 1\n"}, alone=NET)
    here = Path.cwd()
    seen = found(monkeypatch, None)
    typed = ["--model", "p.net:Net"]
    assert main(["a/p", "-o", "b", *typed]) == 0
    assert {*seen[0].contents} == {
        here / "b" / each for each in ("__init__.py", "net.py", "plain.py", "split_groups.py")
    }
    assert seen[0].changed == [here / "b/net.py"] and seen[0].roots == [here / "a"]
    assert seen[0].targets[here / "a/p/net.py"] == here / "b/net.py"
    assert main(["-i", "a/p/net.py", "alone.py", "--helper-module", "x.y", *typed]) == 2
    assert main(["-i", "a/p", "alone.py", *typed]) == 0
    assert {*seen[1].contents} == {
        *(here / "a/p/net.py", here / "a/p/split_groups.py", here / "alone.py"),
    }
    assert not seen[1].targets and seen[1].roots == [here, here / "a"]
    capsys.readouterr()


# Models that misbehave: each in a process without torch, which is soon there


def said(capsys, build: str, *options: str) -> str:
    """What is said of a model that is built so, where nothing of it can be proved."""
    write(model=NET, other=f"import os, sys, time\n\n\ndef build():\n    {build}\n")
    before = files()
    assert main(["-i", "model.py", "--model", "other.py:build()", *options]) == 4
    lines = capsys.readouterr().err.splitlines()
    start = [each for each in lines if "not proved: " in each]
    assert len(start) == 1 and WITHHELD in lines and files() == before
    rest = lines[lines.index(start[0]) + 1 : lines.index(WITHHELD)]
    return "\n".join([*start, *rest])


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (
            "raise ValueError('no such width')",
            "other.py:5:5: not proved: build() raises: ValueError: no such width\n"
            "        raise ValueError('no such width')\n        ^",
        ),
        (
            "sys.exit(3)",
            "other.py:5:5: not proved: build() raises: SystemExit: 3\n"
            "        sys.exit(3)\n        ^",
        ),
        (
            "print('hello'); raise KeyboardInterrupt",
            "other.py:5:21: not proved: build() raises KeyboardInterrupt\n"
            "        print('hello'); raise KeyboardInterrupt\n                        ^",
        ),
        (
            "input()",
            "other.py:5:5: not proved: build() raises: EOFError: EOF when reading a line\n"
            "        input()\n        ^",
        ),
        ("os._exit(5)", "other.py: not proved: build() ends its process, with exit status 5"),
        ("os._exit(0)", "other.py: not proved: build() ends its process, with exit status 0"),
        (
            "print('bad', file=sys.stderr, flush=True); os.abort()",
            "other.py: not proved: build() has its process ended by SIGABRT: bad",
        ),
    ],
)
def test_a_model_that_ends_otherwise(build: str, expected: str, capsys) -> None:
    if sys.version_info < (3, 11):  # where the column is not known
        expected = expected.replace("other.py:5:21", "other.py:5:1")
    assert said(capsys, build) == expected


def test_a_model_that_takes_for_ever(capsys) -> None:
    expected = "other.py:5:5: not proved: build() takes more than 0.5 s (--time-limit)\n"
    assert said(capsys, "while True: pass", "--time-limit", "0.5").startswith(expected)


def test_a_model_that_takes_all_memory(capsys) -> None:
    build = "return [bytearray(10**8) for _ in range(10**4)]"
    line = said(capsys, build, "--memory-limit", "0.5").splitlines()[0]
    assert line.endswith(": not proved: build() takes more than 0.5 GB (--memory-limit)")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="nothing tells what runs")
def test_what_a_model_starts_is_ended(capsys) -> None:
    pid = Path("pid").absolute()
    start = (
        "    child = os.fork()\n    if not child:\n        time.sleep(60)\n"
        f"    open({str(pid)!r}, 'a').write(str(child))\n"
    )
    write(model=NET, other=f"import os, time\n\n\ndef build():\n{start}")
    begin = time.monotonic()
    assert main(["-i", "model.py", "--model", "other.py:build()"]) == 4
    assert time.monotonic() - begin < 50
    assert "not proved: build() gives a NoneType, and not" in capsys.readouterr().err
    state = Path(f"/proc/{pid.read_text()}/stat")
    assert not state.exists() or ") Z " in state.read_text()  # ended, be it that nobody has looked


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked here")
def test_a_process_that_a_model_forks_and_goes_on_says_nothing(capsys) -> None:
    child = "child = os.fork()"
    parent = "if child: os.waitpid(child, 0); os._exit(7)"
    line = said(capsys, f"{child}\n    {parent}\n    raise ValueError('it goes on')")
    assert line == "other.py: not proved: build() ends its process, with exit status 7"


def test_a_file_with_an_error_and_one_that_is_not_there(capsys) -> None:
    write(model=NET, other="import missing_module\n")
    assert main(["-i", "model.py", "--model", "other.py:build()"]) == 4
    reason = "cannot be imported: ModuleNotFoundError: No module named 'missing_module'"
    assert f"other.py:1:1: not proved: {reason}\n" in capsys.readouterr().err
    assert main(["-i", "model.py", "--model", "none.py:build()"]) == 4
    reason = "cannot be read: No such file or directory"
    assert f"none.py: not proved: {reason}\n" in capsys.readouterr().err


def test_nothing_of_gencode_is_there_for_a_model(capsys, monkeypatch) -> None:
    house = str(Path(process.__file__).parents[2])
    monkeypatch.delenv("PYTHONPATH", raising=False)
    check = f"raise ValueError([each for each in sys.path if each in ('', {house!r})])"
    assert "ValueError: []" in said(capsys, check)
    check = (
        "raise ValueError([each for each in sys.modules if 'gencode' == each.partition('.')[0]])"
    )
    assert "ValueError: []" in said(capsys, check)
    assert "ValueError: ['-c']" in said(capsys, "raise ValueError(sys.argv)")


# What a process is asked, in this one


def asked(**more: object) -> dict[str, object]:
    known = {"role": "original", "place": "model.py", "is_file": True, "expression": "Net()"}
    others = {"roots": [], "shadow": "", "changed": [], "shapes": [], "inputs": None}
    return {**known, **others, "reference": str(Path("reference.pt").absolute()), **more}


@pytest.fixture
def own_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])


@pytest.mark.usefixtures("own_path")
def test_an_original_and_its_result(monkeypatch) -> None:
    write(model=NET)
    Path("shadow").mkdir()
    new = NET.replace("Conv1d(4, 4, 3, padding=1", "Conv1d(4, 4, 3, padding=1, bias=True")
    here = Path.cwd()
    lay_out(here / "shadow", {here / "model.py": new.encode()})
    done = worker._done(asked())
    assert done["dtype"] == "float64" and done["file"] == str(here / "model.py")
    place = str(here / "shadow" / (here / "model.py").relative_to("/"))
    other = {"role": "result", "place": place, "shadow": str(here / "shadow")}
    verdict = worker._done(asked(**other, changed=[str(here / "model.py")]))
    assert verdict["reason"] == "" and verdict["grouped"] == ["conv"]
    assert verdict["places"] == {"conv": (place, 10)}
    with pytest.raises(NoProofError, match="imports nothing of what changes"):
        worker._done(asked(**other, changed=[str(here / "another.py")]))
    with pytest.raises(NoProofError, match=r"imports .*model\.py from where it is, and not as"):
        worker._done(asked(**{**other, "place": "model.py"}, changed=[str(here / "model.py")]))


@pytest.mark.usefixtures("own_path")
def test_inputs() -> None:
    write(model=NET + "\n\nSIZE = 5\n\n\nclass Bare(Net):\n    input_shape = None\n")
    worker._done(asked(expression="Bare()", shapes=[[4, 5]]))
    worker._done(asked(expression="Bare()", inputs="torch.randn(3, 4, SIZE),"))
    worker._done(asked(expression="Bare()", inputs="{'x': torch.randn(3, 4, SIZE)}"))
    with pytest.raises(worker.UsageFailure, match=r"Bare\(\) has no input_shape: say what it"):
        worker._done(asked(expression="Bare()"))
    with pytest.raises(ModelError, match=r"--inputs 1 / 0 raises ZeroDivisionError: division by"):
        worker._done(asked(inputs="1 / 0"))


@pytest.mark.usefixtures("own_path")
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 / 0", {"reason": "1 / 0 raises: ZeroDivisionError: division by zero"}),
        (
            "Net(how=3)",
            {"reason": "Net(how=3) raises: TypeError: Net.__init__() got an unexpected"},
        ),
        ("Net().fails", {"line": 18, "column": 16, "source_line": "        return {}[self]"}),
        ("Net().full", {"kind": "memory", "reason": "Net().full", "line": 22}),
        (
            "Net().still",
            {"reason": "Net().still gives a constant in eval mode, whatever its input"},
        ),
        ("Bare()", {"kind": "usage"}),
    ],
)
def test_what_goes_wrong_is_plain_data(expression: str, expected: dict[str, object]) -> None:
    more = (
        "\n    @property\n    def fails(self):\n        return {}[self]\n"
        "\n    @property\n    def full(self):\n        raise MemoryError\n"
        "\n    @property\n    def still(self):\n        self.fc = type(self).Still()\n"
        "        return self\n"
        "\n    class Still(nn.Module):\n        def forward(self, x):\n            return x * 0\n"
        "\n\nclass Bare(Net):\n    input_shape = None\n"
    )
    write(model=NET.rstrip() + "\n" + more)
    error = worker.answer(asked(expression=expression))["error"]
    for name, value in expected.items():
        found = error[name]
        assert found.startswith(value) if isinstance(value, str) else found == value


@pytest.mark.usefixtures("own_path")
def test_an_answer_ends_the_process(monkeypatch) -> None:
    ended = []
    monkeypatch.setattr(worker.os, "_exit", ended.append)
    monkeypatch.setattr(worker, "_limit_memory", lambda _: None)
    # Its thread would end this process too, once its time is over.
    monkeypatch.setattr(worker.Answering, "watch", lambda _: None)
    answer = Path("answer.json").absolute()
    limits = {"answer": str(answer), "seconds": 60, "bytes": 10**9, "parent": os.getppid()}
    Path("asked.json").write_text(json.dumps(asked(place="missing.py", **limits)))
    worker.main("asked.json")
    error = {"reason": "cannot be read: No such file or directory", "file": "missing.py"}
    assert json.loads(answer.read_text()) == {"error": error}
    late = worker.Answering({**asked(), **limits, "seconds": 0})
    late._watch()
    said = json.loads(answer.read_text())["error"]
    assert said["kind"] == "time" and said["file"] == __file__
    orphan = worker.Answering({**asked(), **limits, "seconds": 0.1, "parent": 0})
    ended.clear()
    orphan._watch()
    assert ended[0] == 1


def test_several_shapes_of_a_model() -> None:
    class Net:
        input_shape = ((3, 4), [5])

    assert worker._own_shapes(Net()) == [(3, 4), (5,)]  # type: ignore[arg-type]
    assert worker._own_shapes(object()) == []  # type: ignore[arg-type]


@pytest.mark.usefixtures("own_path")
def test_weights_whose_shape_an_input_tells() -> None:
    write(model=NET.replace("nn.Linear(5, 3)", "nn.LazyLinear(3)"))
    assert worker._done(asked())["notes"] == []


# The directory of links


def test_a_shadow_has_what_changes_and_links_to_the_rest(tmp_path: Path) -> None:
    write({"a/p/__init__.py": "", "a/p/q/__init__.py": "", "a/p/q/net.py": "1"})
    write({"a/p/r/data.py": "2", "a/b.py": "3"})
    Path("a/p/q/__pycache__").mkdir()
    here, shadow = Path.cwd(), tmp_path / "work" / "shadow"
    lay_out(shadow, {here / "a/p/q/net.py": b"new", here / "c/new.py": here / "a/b.py"})
    own = within(shadow, here)
    assert (own / "a/p/q/net.py").read_text() == "new"
    assert (own / "c/new.py").read_text() == "3"
    assert (own / "a/p/r").is_symlink() and (own / "a/p/__init__.py").is_symlink()
    assert (own / "a/p/q/__init__.py").is_symlink()
    assert not (own / "a/b.py").exists() and not (own / "a/p/q/__pycache__").exists()
    shutil.rmtree(shadow)
    assert files()["a/p/r/data.py"] == "2"


def test_where_there_can_be_no_links_there_are_copies(tmp_path: Path, monkeypatch) -> None:
    def fails(*_: object) -> None:
        raise OSError("a privilege is not held")

    monkeypatch.setattr(Path, "symlink_to", fails)
    write({"p/__init__.py": "", "p/net.py": "1", "p/q/other.py": "2"})
    here, shadow = Path.cwd(), tmp_path / "work" / "shadow"
    lay_out(shadow, {here / "p/net.py": b"new"})
    assert (within(shadow, here) / "p/q/other.py").read_text() == "2"
    assert (within(shadow, here) / "p/__init__.py").read_text() == ""
