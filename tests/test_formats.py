"""``--format``: what a run says, as data and as annotations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gencode import list_source
from gencode.command import formats, main
from gencode.command.formats import Said
from sources import BOTH, BROKEN, GROUPED, PLAIN


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(**modules: str) -> None:
    for name, text in modules.items():
        Path(f"{name}.py").write_text(text)


def document(text: str) -> dict[str, Any]:
    """A document that has the members that it is to have, and no others."""
    found: dict[str, Any] = json.loads(text)
    assert [*found] == ["version", "status", "files", "counts", "messages"]
    assert found["version"] == 1
    members = ["kind", "level", "path", "line", "column", "message", "details", "data"]
    assert all([*each] == members for each in found["messages"])
    return found


@pytest.mark.parametrize(
    ("arguments", "status", "goes_to_out"),
    [
        (["model.py"], 3, False),
        (["model.py", "-o", "-"], 3, False),
        (["model.py", "-o", "new.py"], 3, True),
        (["-i", "model.py"], 3, True),
        (["--check", "model.py"], 3, True),
        (["--diff", "model.py"], 3, False),
        (["--list", "model.py"], 3, True),
        (["-i", "missing.py"], 123, True),
        (["model.py", "-i", "-o", "new.py"], 2, True),
        (["-i", "."], 3, True),
        ([], 2, True),
    ],
)
def test_every_mode_gives_one_document(
    arguments: list[str], status: int, goes_to_out: bool, capsysbinary
) -> None:
    write(model=BOTH)
    assert main([*arguments, "--format", "json"]) == status
    out, err = capsysbinary.readouterr()
    found = document(out if goes_to_out else err)
    assert found["status"] == status
    assert goes_to_out is (err == b"")


def test_what_is_in_it(capsys) -> None:
    write(model=BOTH)
    assert main(["model.py", "-o", "new.py", "--format", "json"]) == 3
    found = document(capsys.readouterr().out)
    assert found["files"] == {"new.py": "written"}
    assert found["counts"] == {"split": 1, "left": 1, "written": 1}
    records = list_source(BOTH).records
    said = [each for each in found["messages"] if each["kind"] == "record"]
    assert [each["data"] for each in said] == json.loads(
        json.dumps([formats._plain(each) for each in records])
    )
    assert [(each["line"], each["column"]) for each in said] == [
        (each.line, each.column) for each in records
    ]
    assert {each["data"]["status"]: each["level"] for each in said} == {
        "split": "notice",
        "left": "warning",
    }
    last = found["messages"][-1]
    assert last["kind"] == "summary" and last["path"] == "model.py" and last["line"] is None


def test_the_messages_are_those_of_the_text(capsys) -> None:
    write(model=BOTH, broken=BROKEN, plain=PLAIN)
    typed = ["--check", "model.py", "broken.py", "plain.py"]
    assert main(typed) == 123
    lines = [each for each in capsys.readouterr().err.splitlines() if not each.startswith("    ")]
    assert main([*typed, "--format", "json"]) == 123
    found = document(capsys.readouterr().out)["messages"]
    places = (
        ":".join(str(each[name]) for name in ("path", "line", "column") if each[name])
        for each in found
    )
    marks = ("warning: " if each["kind"] == "warning" else "" for each in found)
    texts = (each["message"] for each in found)
    assert lines == [
        f"{place}: {mark}{text}" for place, mark, text in zip(places, marks, texts, strict=True)
    ]


def annotations(capsys) -> Iterator[str]:
    return (each for each in capsys.readouterr().err.splitlines() if each.startswith("::"))


def test_what_matters_is_annotated(capsys) -> None:
    write(model=BOTH, broken=BROKEN)
    assert main(["-i", "model.py", "broken.py", "--format", "github"]) == 123
    left = next(each for each in list_source(BOTH).records if each.status == "left")
    found = [*annotations(capsys)]
    assert found[0].startswith(f"::warning file=model.py,line={left.line},col={left.column}::Net.")
    assert found[1].startswith("::error file=broken.py,line=2,col=20::invalid syntax")
    assert len(found) == 2


def test_what_would_change_is_annotated_where_that_fails(capsys) -> None:
    write(model=GROUPED)
    assert main(["--check", "model.py", "--format", "github"]) == 1
    assert next(annotations(capsys)).startswith("::warning file=model.py,line=")
    assert main(["--diff", "model.py", "--format", "github"]) == 0
    assert not [*annotations(capsys)]


def test_a_name_forges_no_command() -> None:
    github = formats.Github(None, lists=False)
    said = Said("failure", "50 % of\nit\x1b", "a,b:c\n::error::d.py", 3, level="error")
    line = "::error file=a%2Cb%3Ac%0A%3A%3Aerror%3A%3Ad.py,line=3::50 %25 of%0Ait\\x1b"
    assert github._lines(said) == [line]
    said = Said("failure", "no", "<stdin>", 3, 4, "error", ("more", "of it"))
    assert github._lines(said) == ["::error ::no%0Amore%0Aof it"]


def test_a_checkpoint_has_its_document(capsys) -> None:
    typed = ["--convert-checkpoint", "old.pt", "new.pt", "--model", "model.py:Net"]
    pytest.importorskip("torch")
    assert main([*typed, "--format", "json"]) == 123
    found = document(capsys.readouterr().out)
    assert found["messages"][0]["path"] == "old.pt"
