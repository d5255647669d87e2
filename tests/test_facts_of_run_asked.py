"""What rules do by facts of a run: as a guide where the source agrees, and never otherwise."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from test_facts_of_run import HEAD, recorded, told, with_columns  # noqa: E402

import rules  # noqa: E402
from gencode import Options, split_source  # noqa: E402
from gencode.command import main  # noqa: E402
from gencode.facts.seen import SeenHere, place_of  # noqa: E402
from gencode.facts.seen_carried import carried  # noqa: E402
from gencode.outcome import Finding, Result  # noqa: E402
from gencode.proof.worker.running import random_inputs  # noqa: E402
from gencode.reading.source import Source  # noqa: E402
from gencode.seen.schema import Seen, text_hash  # noqa: E402

pytestmark = with_columns
SEEN = " (as seen in a run)"


def facts(tmp_path: Path, text: str, *shapes: tuple[int, ...]) -> Seen:
    """What is seen of ``Net`` in a run."""
    file = tmp_path / "seen.py"
    file.write_text(text)
    return Seen(told(recorded(file, "Net", random_inputs(shapes)), tmp_path))


def split(tmp_path: Path, text: str, *shapes: tuple[int, ...]) -> Result:
    seen = facts(tmp_path, text, *shapes or [(4, 8, 8)])
    return split_source(text, Options(target="plinio", seen=seen))


def messages(found: tuple[Finding, ...]) -> list[str]:
    return [each.message for each in found]


HELPERS = f"""{HEAD}class Gate(nn.Module):
    def __init__(self, by):
        super().__init__()
        self.by = by

    def forward(self, xs):
        x, y = xs
        return x * y / self.by


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.gates = nn.ModuleList(Gate(by) for by in (2, 4.0))

    def forward(self, x):
        outs = [gate((x, x)) for gate in self.gates]
        return torch.cat(outs, -3).mean((-2, -1))
"""


def test_what_the_source_does_not_tell_is_seen(tmp_path: Path) -> None:
    before = rules.stays(HELPERS)
    assert len(before) >= 1 and not any(SEEN in each.message for each in before)
    result = split(tmp_path, HELPERS)
    assert all(each.status == "rewritten" for each in result.findings)
    assert all(each.message.endswith(SEEN) for each in result.findings)
    assert "torch.multiply(torch.multiply(x, y), 1 / self.by)" in result.text
    assert "torch.mean(torch.cat(outs, dim=1), (2, 3))" in result.text
    assert "2" not in result.text[result.text.index("class Gate") : result.text.index("class Net")]


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    text = split(tmp_path, HELPERS).text
    again = split(tmp_path, text)
    assert again.text is text


def test_it_computes_the_same(tmp_path: Path) -> None:
    text = split(tmp_path, HELPERS).text
    x = torch.randn(2, 4, 8, 8, dtype=torch.float64)
    assert torch.equal(rules.run(HELPERS).Net()(x), rules.run(text).Net()(x))


INSTANCES = f"""{HEAD}class Any(nn.Module):
    def forward(self, xs):
        return xs[0].add(1).mean(-1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.any = Any()

    def forward(self, x):
        return self.any([x]) {{0}}
"""


def test_where_instances_disagree_all_stays(tmp_path: Path) -> None:
    one = INSTANCES.format("")
    assert "torch.mean(xs[0].add(1), 3)" in split(tmp_path, one).text
    other = INSTANCES.format("+ self.any([x[0]])")
    result = split(tmp_path, other)
    assert "xs[0].add(1).mean(-1)" in result.text


def test_what_was_no_tensor_once_is_none(tmp_path: Path) -> None:
    text = (
        f"{HEAD}class Net(nn.Module):\n    def forward(self, x):\n"
        "        for a, b in ((x, x), (3, x)):\n            x = torch.add(b, a)\n"
        "        return x\n"
    )
    seen = facts(tmp_path, text, (4,))
    source = Source(text, ast.parse(text), seen=seen.of(text))
    call = next(each for each in source.nodes if isinstance(each, ast.Call))
    here = SeenHere(source)
    assert [here.is_tensor(each) for each in (call, *call.args)] == [True, True, False]
    assert here.numbers(call.args[1]) == []


def test_what_was_not_seen_each_time_is_not_known(tmp_path: Path) -> None:
    text = (
        f"{HEAD}class Scale(nn.Module):\n    def forward(self, xs):\n        x, y = xs\n"
        "        return x * y\n\n\n"
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.scale, self.other = Scale(), Scale()\n\n    def forward(self, x):\n"
        "        return self.scale((x, x)) + self.other((2, 3))\n"
    )
    assert split(tmp_path, text).text is text
    same = text.replace("(2, 3)", "(x, x)")
    assert "torch.multiply(x, y)" in split(tmp_path, same).text


def test_facts_of_another_text_are_not_used(tmp_path: Path) -> None:
    seen = facts(tmp_path, HELPERS, (4, 8, 8))
    changed = HELPERS + "\n"
    result = split_source(changed, Options(target="plinio", seen=seen))
    assert result.text is changed


@pytest.mark.parametrize(
    ("code", "values"),
    [
        ("list(map(self.layer, [x]))[0]", {"list(map(self.layer, [x]))": False, "x": False}),
        ("reduce(self.layer, [x, x])", {"reduce(self.layer, [x, x])": False}),
        ("self.layer(x)", {"self.layer(x)": True, "x": True}),
        ("self.layer(*[x])", {"self.layer(*[x])": True, "*[x]": False, "x": False}),
        ("self.layer(input=x)", {"self.layer(input=x)": True, "x": True}),
        ("2 - x", {"2 - x": True, "x": True, "2": False}),
        ("x - 2", {"x - 2": True, "x": True, "2": False}),
        ("2 * x", {"2 * x": True, "x": True, "2": False}),
        ("x * 2", {"x * 2": True, "x": True, "2": False}),
        ("x * n", {"x * n": True, "x": False, "n": False}),
        ("n * x", {"n * x": True, "x": False, "n": False}),
        ("n / x", {"x": True, "n": False}),
        ("x @ x.T", {"x @ x.T": True, "x": True, "x.T": True}),
        ("(lambda y: y * x[0])(x)", {"y * x[0]": True, "y": False}),
        ("x[0] * x", {"x[0] * x": True, "x[0]": True}),
        ("-x", {"-x": True, "x": True}),
        ("x[:, :2]", {"x[:, :2]": True, "x": True}),
        ("x.T", {"x.T": True, "x": True}),
        ("torch.cat([x, x], 1)", {"x": True, "[x, x]": False, "1": False}),
        ("torch.cat([*[x, x]], 1)", {"*[x, x]": False}),
        ("F.softmax(x, -1)", {"F.softmax(x, -1)": True, "x": True, "-1": False}),
        ("copy.deepcopy(x)", {"copy.deepcopy(x)": False, "x": False}),
        ("f(x)", {"f(x)": False, "x": False}),
        ("getattr(x, 'add')(1)", {"getattr(x, 'add')(1)": False}),
        ("x.add(*[1])", {"x.add(*[1])": True, "x": False}),
    ],
)
def test_only_what_an_expression_itself_calls(
    tmp_path: Path, code: str, values: dict[str, bool]
) -> None:
    text = (
        f"import copy\nfrom functools import reduce\n{HEAD}f = torch.relu\nn = 3\n\n\n"
        "class Layer(nn.Module):\n    def forward(self, input, other=None):\n"
        "        return input\n\n\n"
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        f"        self.layer = Layer()\n\n    def forward(self, x):\n        return {code}\n"
    )
    seen = facts(tmp_path, text, (4,))
    source = Source(text, ast.parse(text), seen=seen.of(text))
    here = SeenHere(source)
    (returned,) = [each for each in source.nodes if isinstance(each, ast.Return)][1:]
    found = {
        source.code(each): here.is_tensor(each)
        for each in ast.walk(returned)
        if isinstance(each, ast.expr)
    }
    assert {name: found[name] for name in values} == values


def test_numbers_and_ranks(tmp_path: Path) -> None:
    text = (
        f"{HEAD}class Net(nn.Module):\n    def forward(self, x):\n"
        "        y = x / self.scale\n        return torch.stack([x, y], dim=-1)\n"
        "    scale = 2\n"
    )
    seen = facts(tmp_path, text, (4,))
    source = Source(text, ast.parse(text), seen=seen.of(text))
    here = SeenHere(source)
    by_code = {source.code(each): each for each in source.nodes if isinstance(each, ast.expr)}
    assert here.numbers(by_code["self.scale"]) == [2]
    assert here.rank(by_code["[x, y]"]) == 2 == here.rank(by_code["y"]) - 0
    assert here.rank(by_code["-1"]) is None


# What is known after a pass

F = """\
class Net:
    def f(self, x, y):
        x = self.a(x)
        {}
        z = x / y
        return x

    def g(self, x):
        return self.a(x)
"""
TENSOR = {"shape": [2, 3], "dtype": "float32"}


def seen_calls(text: str) -> dict[Any, Any]:
    """As if each call of a method and each quotient had been seen."""
    found: dict[Any, Any] = {}
    for node in ast.walk(ast.parse(text)):
        event = {"kind": "module", "what": "a.A", "direct": True, "named": {}, "gave": TENSOR}
        if isinstance(node, ast.Call):
            found[place_of(node)] = [{**event, "given": [TENSOR]}]
        elif isinstance(node, ast.BinOp):
            given = [TENSOR, {"value": 2}]
            what = {"kind": "function", "what": "torch.Tensor.div", "given": given}
            found[place_of(node)] = [{**event, **what}]
    return found


def known_after(before: str, after: str, *apart: int) -> set[str]:
    """The expressions of the text after a pass that are known to be tensors."""
    source = Source(before, ast.parse(before), seen=seen_calls(before))
    tree = ast.parse(after)
    now = Source(after, tree, seen=carried(source, tree, apart))
    here = SeenHere(now)
    nodes = (each for each in now.nodes if isinstance(each, ast.expr))
    return {f"{each.lineno}: {now.code(each)}" for each in nodes if here.is_tensor(each)}


def test_what_is_known_of_a_statement_that_moves() -> None:
    before, after = F.format("pass"), "import a\n\n" + F.format("pass")
    found = known_after(before, after, 1)
    assert {"5: self.a(x)", "5: x", "7: x / y", "7: x", "11: self.a(x)"} <= found
    assert "5: self" not in found and "7: y" not in found


def test_what_is_known_of_a_statement_that_changes() -> None:
    before = F.format("w = self.b(x / y)")
    after = F.format("w = torch.add(self.b(x), x)")
    found = known_after(before, after)
    assert {"4: x", "3: self.a(x)", "5: x / y"} <= found and "4: self.b(x)" not in found
    for odd in ("[x for x in y]", "(lambda: x)()", "(x := y)"):
        before = F.format(f"w = self.b(x / y, {odd})")
        assert "4: x" not in known_after(before, F.format(f"w = torch.add(x, {odd})"))


def test_where_statements_come_and_go_only_the_same_are_known() -> None:
    before, after = F.format("w = x / 2"), F.format("w = x * 2\n        v = self.a(y)")
    found = known_after(before, after, 4)
    assert {"3: self.a(x)", "6: x / y"} <= found
    assert not found & {"4: x", "5: self.a(y)"}
    shifted = F.format("pass").replace("pass\n        z = x / y", "z = x / y\n        v = f(x)")
    assert "4: x / y" in known_after(F.format("w = x / 2"), shifted, 4)
    assert "5: x" not in known_after(F.format("w = x / 2"), shifted, 4)
    twice = F.format("x = self.a(x)")
    assert "3: self.a(x)" not in known_after(twice, F.format("pass"), 4)


def test_of_twins_nothing_is_known() -> None:
    before = F.format("pass") + F.format("pass")
    assert known_after(before, before) == set()
    assert known_after("x = a.b(x)\n", "x = a.b(x)\n") == set()


# The command


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    file = Path("net.py")
    file.write_text(
        HELPERS.replace(
            "class Net(nn.Module):", "class Net(nn.Module):\n    input_shape = (4, 8, 8)\n"
        )
    )
    return file


MODEL = ["net.py", "--target", "plinio", "--model", "Net"]


def test_facts_are_kept_and_used_again(net: Path, capsys) -> None:
    assert main([*MODEL, "--facts", "facts.json", "-o", "out.py"]) == 0
    said = capsys.readouterr().err
    assert "net.py: running Net, to see what it does (at most 600 s and 8 GB)\n" in said
    assert SEEN in said and "Net proved" in said
    content = json.loads(Path("facts.json").read_text())
    assert list(content["files"]) == ["net.py"] and content["models"] == ["Net"]
    assert content["files"]["net.py"]["sha256"] == text_hash(net.read_text())
    stems = [
        one["given"][0].get("from", "")
        for one in content["files"]["net.py"]["expressions"][-1]["seen"]
    ]
    assert all(each.startswith("net.py:") for each in stems)
    once = Path("out.py").read_text()
    assert main(["net.py", "--target", "plinio", "--facts", "facts.json", "-o", "out.py"]) == 0
    assert "running" not in capsys.readouterr().err
    assert Path("out.py").read_text() == once
    assert main(["--list", "net.py", "--target", "plinio", "--facts", "facts.json"]) == 0
    assert SEEN in capsys.readouterr().out


def test_what_is_stale_is_said_and_not_used(net: Path, capsys) -> None:
    assert main([*MODEL, "--no-verify", "--facts", "facts.json", "-o", "out.py"]) == 0
    net.write_text(net.read_text() + "\n")
    capsys.readouterr()
    assert main(["--list", "net.py", "--target", "plinio", "--facts", "facts.json"]) == 0
    said = capsys.readouterr()
    assert SEEN not in said.out
    stale = "what was seen of net.py is not used: the text was another one; --model makes it anew"
    assert f"facts.json: warning: {stale}\n" in said.err


def test_without_the_option_facts_are_used_and_not_kept(net: Path, capsys) -> None:
    assert main([*MODEL, "-o", "out.py"]) == 0
    assert SEEN in capsys.readouterr().err
    assert sorted(each.name for each in Path().iterdir()) == ["net.py", "out.py"]


def test_a_dry_run_keeps_nothing(net: Path, capsys) -> None:
    assert main([*MODEL, "--facts", "facts.json", "--diff", "--no-verify"]) == 0
    assert not Path("facts.json").exists() and SEEN in capsys.readouterr().err


def test_a_model_is_not_run_for_what_no_rule_asks(net: Path, capsys) -> None:
    assert main(["net.py", "--model", "Net", "-o", "out.py"]) == 0
    assert "to see what it does" not in capsys.readouterr().err


def test_a_model_that_does_not_run_is_said(net: Path, capsys) -> None:
    arguments = [*MODEL, "--no-verify", "--input-shape", "3", "-o", "out.py"]
    assert main(arguments) == 0
    said = capsys.readouterr().err
    assert "net.py: warning: nothing is seen in a run: Net raises " in said
    assert "net.py, line " in said and SEEN not in said


def test_lines_alone_are_not_used(net: Path, capsys) -> None:
    assert main([*MODEL, "--no-verify", "--facts", "facts.json", "-o", "out.py"]) == 0
    content = json.loads(Path("facts.json").read_text())
    Path("facts.json").write_text(json.dumps({**content, "columns": False}))
    capsys.readouterr()
    assert main(["net.py", "--target", "plinio", "--facts", "facts.json", "-o", "out.py"]) == 0
    said = capsys.readouterr().err
    assert "facts.json: warning: what was seen in a run has lines alone" in said
    assert SEEN not in said


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "--facts facts.json cannot be read: No such file or directory; --model makes it"),
        ("{}", "--facts facts.json has no facts of a run"),
    ],
)
def test_what_cannot_be_read(net: Path, capsys, text: str | None, why: str) -> None:
    if text is not None:
        Path("facts.json").write_text(text)
    assert main(["net.py", "--facts", "facts.json"]) == 2
    assert capsys.readouterr().err == f"gencode: {why}\n"


def test_what_cannot_be_written(net: Path, capsys) -> None:
    Path("facts.json").mkdir()
    assert main([*MODEL, "--no-verify", "--facts", "facts.json", "-o", "out.py"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("gencode: --facts facts.json ")
    assert not Path("out.py").exists()
