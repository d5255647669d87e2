"""What is seen of a model in a run: by which expression, and what of it is kept."""

from __future__ import annotations

import ast
import json
import sys
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from gencode.facts.seen import place_of  # noqa: E402
from gencode.proof.worker.recording import Recorder, recording_what_is_built  # noqa: E402
from gencode.proof.worker.running import Inputs, random_inputs  # noqa: E402
from gencode.proof.worker.told import files_told  # noqa: E402
from gencode.seen.schema import SchemaError, Seen, joined, loaded, text_hash  # noqa: E402
from zoo_models import NAMES, ORIGINALS, load, model_class  # noqa: E402

with_columns = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="Python tells columns from 3.11 on"
)
HEAD = "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n\n\n"
NET = f"""{HEAD}class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(4, width, 3, groups=2)
        self.body = nn.Sequential(nn.ReLU(), nn.Conv2d(width, 4, 1))

    def forward(self, x):
        return self.body(self.conv(x))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList(Block(width) for width in (4, 8))

    def forward(self, x, flag=True):
        for each in self.blocks:
            x = each(x)
        x = (x * 2
             .__abs__()).mean((2, -1), keepdim=flag)
        return F.dropout(x, 0.5, self.training)
"""


def recorded(file: Path, name: str, inputs: Inputs) -> Recorder:
    """What is seen of a class of a file."""
    names: dict[str, Any] = {}
    exec(compile(file.read_text(), str(file), "exec"), names)
    recorder = Recorder()
    with recording_what_is_built(recorder):
        model = names[name]()
    recorder.note_built(model)
    recorder.run(model, inputs)
    return recorder


def told(recorder: Recorder, *roots: Path) -> dict[str, Any]:
    """The same as plain data, as it comes out of a process."""
    files = files_told(recorder.seen, [str(each) for each in roots])
    run = {"python": "3", "torch": "2", "columns": recorder.has_columns, "files": files}
    content: dict[str, Any] = json.loads(joined([("Net", run)]).dumped())
    return content


@pytest.fixture
def seen(tmp_path: Path) -> dict[str, Any]:
    file = tmp_path / "net.py"
    file.write_text(NET)
    return told(recorded(file, "Net", random_inputs([(4, 8, 8)])), tmp_path)


def by_code(content: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """What was seen, by the text of the expressions on their first line."""
    (file,) = content["files"].values()
    found = {}
    for each in file["expressions"]:
        line, start, end_line, end = each["place"]
        text = NET.splitlines()[line - 1]
        found[text[start : end if end_line == line else None]] = each["seen"]
    return found


@with_columns
@pytest.mark.parametrize("name", NAMES)
def test_each_call_of_the_zoo_is_one_expression(name: str) -> None:
    recorder = Recorder()
    with recording_what_is_built(recorder):
        made = load(ORIGINALS, name)
        model = model_class(made)()
    recorder.note_built(model)
    recorder.run(model, random_inputs([model.input_shape]))
    own = [key for key in recorder.seen if key[0].startswith(str(ORIGINALS))]
    assert recorder.has_columns and len(own) > 5
    for file in {file for file, _ in own}:
        nodes = [*ast.walk(ast.parse(Path(file).read_bytes()))]
        places = Counter(place_of(each) for each in nodes if isinstance(each, ast.expr))
        statements = {
            (each.lineno, each.col_offset, each.end_lineno, each.end_col_offset)
            for each in nodes
            if isinstance(each, ast.AugAssign)
        }
        for where, place in own:
            if where == file:
                assert places[place] == 1 or place in statements, (file, place)


@with_columns
def test_what_is_kept_of_a_call(seen: dict[str, Any]) -> None:
    found = by_code(seen)
    one, other = found["self.conv(x)"]
    assert (one["kind"], one["what"], one["direct"]) == ("module", "torch.nn.Conv2d", True)
    assert one["modules"] == ["blocks.0"] and one["modes"] == ["eval", "train"]
    assert one["given"] == [{"shape": [2, 4, 8, 8], "dtype": "float32", "from": "input"}]
    assert one["gave"]["shape"] == [2, 4, 6, 6] and other["gave"]["shape"] == [2, 8, 4, 4]
    assert one["gave"]["from"].split(":")[1:] == ["13", "25", "13", "37"]
    assert other["given"][0]["from"].split(":")[1] == "13"  # what the body of the first gave
    blocks = found["each(x)"]
    assert {each["what"].rpartition(".")[2] for each in blocks} == {"Block"}
    dropped = found["F.dropout(x, 0.5, self.training)"]
    assert [each["named"]["training"] for each in dropped] == [{"value": False}, {"value": True}]


@with_columns
def test_what_modules_of_torch_do_is_not_the_users(seen: dict[str, Any]) -> None:
    assert {each["what"] for each in by_code(seen)["self.body(self.conv(x))"]} == {
        "torch.nn.Sequential"
    }


@with_columns
def test_what_is_built(seen: dict[str, Any]) -> None:
    built = by_code(seen)["nn.Conv2d(4, width, 3, groups=2)"]
    assert [each["modules"] for each in built] == [["blocks.0.conv"], ["blocks.1.conv"]]
    assert [each["has"]["out_channels"] for each in built] == [{"value": 4}, {"value": 8}]
    assert [each["has"]["groups"] for each in built] == [{"value": 2}] * 2
    (block,) = by_code(seen)["Block(width)"]
    assert block["what"].endswith("Block") and block["modules"] == ["blocks.0", "blocks.1"]


@with_columns
def test_a_method_on_a_line_of_its_own(seen: dict[str, Any]) -> None:
    (mean,) = by_code(seen)["mean((2, -1), keepdim=flag)"][:1]
    assert mean["what"] == "torch.Tensor.mean"
    assert mean["given"][1] == {"items": [{"value": 2}, {"value": -1}]}
    assert mean["named"] == {"keepdim": {"value": True}}


def test_without_columns_there_are_lines(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("gencode.proof.worker.recording.CodeType", SimpleNamespace(), raising=True)
    file = tmp_path / "net.py"
    file.write_text(NET)
    content = told(recorded(file, "Net", random_inputs([(4, 8, 8)])), tmp_path)
    assert content["columns"] is False
    (seen,) = content["files"].values()
    assert [13, -1, 13, -1] in [each["place"] for each in seen["expressions"]]
    assert loaded(json.dumps(content)).of(NET) == {}


def test_only_files_of_the_project(tmp_path: Path) -> None:
    inside = tmp_path / "site-packages"
    inside.mkdir()
    file = inside / "net.py"
    file.write_text(NET)
    recorder = recorded(file, "Net", random_inputs([(4, 8, 8)]))
    assert told(recorder, tmp_path)["files"] == {}
    assert told(recorder, tmp_path / "other")["files"] == {}
    assert len(told(recorder, inside)["files"]) == 1
    file.unlink()
    assert told(recorder, inside)["files"] == {}


def test_values_that_are_no_plain_data(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(
        f"{HEAD}class Net(nn.Module):\n"
        "    def forward(self, x):\n"
        "        x = torch.clamp(x, float('-inf'), 1.0)[0:1]\n"
        "        return torch.split(x, [2, 2], 1) + (x.reshape(x.shape),)\n"
    )
    content = told(recorded(file, "Net", random_inputs([(4, 8)])), tmp_path)
    (seen,) = content["files"].values()
    given = {each["seen"][0]["what"]: each["seen"][0] for each in seen["expressions"]}
    assert given["torch.clamp"]["given"][1:] == [{"class": "float"}, {"value": 1.0}]
    assert given["torch.Tensor.__getitem__"]["given"][1] == {"class": "builtins.slice"}
    assert [len(each["shape"]) for each in given["torch.functional.split"]["gave"]["items"]] == [
        3,
        3,
    ]
    assert given["torch.Tensor.reshape"]["given"][1] == {"size": [1, 4, 8]}


def test_too_much_is_not_kept(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("gencode.proof.worker.recording._MOST", 3)
    file = tmp_path / "net.py"
    file.write_text(
        f"{HEAD}class Net(nn.Module):\n"
        "    def forward(self, x):\n"
        "        for n in range(9):\n"
        "            x = x.add(n)\n"
        "        return x\n"
    )
    content = told(recorded(file, "Net", random_inputs([(4,)])), tmp_path)
    (seen,) = content["files"].values()
    assert any(one["kind"] == "too many" for each in seen["expressions"] for one in each["seen"])


def test_torch_is_as_before() -> None:
    construct, call = nn.Module.__init__, nn.Module.__call__
    recorder = Recorder()
    with pytest.raises(RuntimeError), recording_what_is_built(recorder):
        nn.Conv2d(3, 3, 3)
        raise RuntimeError
    with pytest.raises(RuntimeError):
        recorder.run(nn.Linear(3, 3), random_inputs([(4,)]))
    assert (nn.Module.__init__, nn.Module.__call__) == (construct, call)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "is no JSON"),
        ("[]", "has no facts of a run"),
        ('{"schema": "gencode facts", "version": 2}', "has facts of version 2, and not 1"),
        ('{"schema": "gencode facts", "version": 1}', "not as they were written"),
        (
            '{"schema": "gencode facts", "version": 1, "columns": true, "files": {"a": {"sha256":'
            ' "", "expressions": [{"place": [1], "seen": []}]}}}',
            "not as they were written",
        ),
        (
            '{"schema": "gencode facts", "version": 1, "columns": true, "files": {"a": {"sha256":'
            ' "", "expressions": [1]}}}',
            "not as they were written",
        ),
    ],
)
def test_what_is_no_file_of_facts(text: str, why: str) -> None:
    with pytest.raises(SchemaError, match=why):
        loaded(text)


def test_only_the_very_text_is_known() -> None:
    expressions = [{"place": [1, 0, 1, 4], "seen": []}]
    file = {"sha256": text_hash("x = 1\n"), "expressions": expressions}
    seen = Seen({"columns": True, "files": {"a.py": file}})
    assert seen.of("x = 1\n") == {(1, 0, 1, 4): []}
    assert seen.of("x = 1 \n") == {}


def test_counting_steps_changes_nothing_that_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "net.py"
    file.write_text(NET)
    inputs = random_inputs([(4, 8, 8)])
    counted = recorded(file, "Net", inputs)
    tracer = sys.gettrace()
    monkeypatch.setattr(Recorder, "_counting", lambda self: nullcontext())
    noted = recorded(file, "Net", inputs)
    assert sys.gettrace() is tracer
    uncounted = {"not each time": {"kind": "not each time"}}  # as nothing is done each time
    assert {key: each | uncounted for key, each in counted.seen.items()} == {
        key: each | uncounted for key, each in noted.seen.items()
    }
