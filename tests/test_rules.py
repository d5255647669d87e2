"""Which rules apply, how they go together, and what is said of what they find."""

from __future__ import annotations

import importlib
from pathlib import Path
from textwrap import dedent

import pytest

from gencode import Options, SourceError, list_source, split_source
from gencode import rules as rules_room
from gencode.codes import CODES, TARGETS
from gencode.command import main
from gencode.facts import interpretation
from gencode.file_split import split_path
from gencode.outcome import Style
from gencode.rules import RULES

torch = pytest.importorskip("torch")

from rules import HEAD, PLINIO, becomes, module, run, stays  # noqa: E402

SOURCE = module("x = F.avg_pool2d(x, 2)\nreturn x.view(x.size(0), -1)")
BOTH = module(
    "x = F.avg_pool2d(self.conv(x), 2)\nreturn x.view(x.size(0), -1)",
    "self.conv = nn.Conv2d(4, 8, 3, groups=2)",
)


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def applied(source: str, **options: object) -> set[str]:
    """The rules by which something was rewritten."""
    result = split_source(source, Options(**options))
    codes = {each.code for each in result.findings if each.status == "rewritten"}
    return codes | {"grouped-conv" for each in result.records if each.is_split}


# --- the rules themselves ---------------------------------------------------------------------


def test_each_rule_is_named_in_the_help() -> None:
    named = {line.split()[0] for line in str(rules_room.__doc__).splitlines() if line[:4] == "    "}
    assert named == {each.__name__.rpartition(".")[2] for each in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.CODE)
def test_the_examples_of_a_rule(rule) -> None:
    _, before, *rest = rule.__doc__.split("::\n\n")
    if not rest:  # it changes nothing
        before = "\n".join(line for line in before.split("\n") if not line or line[0] == " ")
        found = list_source(f"{dedent(before).strip()}\n", PLINIO).findings
        assert {each.code for each in found if each.status == "left"} == {rule.CODE}
        return
    (after,) = rest
    before = before.rpartition("After")[0]
    after = "\n".join(line for line in after.split("\n") if not line or line[0] == " ")
    result = becomes(f"{dedent(before).strip()}\n", f"{dedent(after).strip()}\n")
    assert {each.code for each in result.findings} == {rule.CODE}


def test_the_codes() -> None:
    own = {"grouped-conv", "branch-norm", "source-split"}
    assert {rule.CODE for rule in RULES} == {*CODES} - own
    assert {*TARGETS["plinio"]} == {*CODES}


# --- which apply ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"grouped-conv"}),
        ({"target": "grouped"}, {"grouped-conv"}),
        ({"target": "plinio"}, {"grouped-conv", "flatten", "pool"}),
        ({"target": "plinio", "ignore": ("pool",)}, {"grouped-conv", "flatten"}),
        ({"select": ("flatten",)}, {"flatten"}),
        ({"select": ("flatten", "pool")}, {"flatten", "pool"}),
        ({"select": ("pool", "flatten"), "ignore": ("pool",)}, {"flatten"}),
        ({"target": "plinio", "ignore": ("grouped-conv",)}, {"flatten", "pool"}),
        ({"ignore": ("grouped-conv",)}, set()),
        ({"select": ()}, set()),
    ],
)
def test_which_rules_apply(options: dict[str, object], expected: set[str]) -> None:
    assert applied(BOTH, **options) == expected


def test_branch_norm_is_a_rule_of_its_own() -> None:
    source = module(
        "return self.bn(self.conv(x))",
        "self.conv = nn.Conv2d(4, 8, 3, groups=2)\nself.bn = nn.BatchNorm2d(8)",
    )
    assert "bn_0" in split_source(source).text
    assert "bn_0" not in split_source(source, Options(ignore=("branch-norm",))).text
    assert "bn_0" not in split_source(source, Options(select=("grouped-conv",))).text


@pytest.mark.parametrize("style", ["explicit", "loop", "built"])
@pytest.mark.parametrize("place", ["nn.Conv2d(4, 8, 3, groups=2)", "nn.BatchNorm2d(8)", "F.relu"])
def test_a_comment_may_leave_the_norm_where_it_is(place: str, style: Style) -> None:
    source = module(
        "x = self.conv(x)\nx = self.bn(x)\nreturn F.relu(x)",
        "self.conv = nn.Conv2d(4, 8, 3, groups=2)\nself.bn = nn.BatchNorm2d(8)",
    )
    lines = [
        f"{each}  # gencode: skip[branch-norm]" if place in each else each
        for each in source.split("\n")
    ]
    (record,) = split_source("\n".join(lines), Options(style=style)).records
    assert record.is_split
    note = "" if place == "F.relu" else "self.bn stays after the concatenation: # gencode: skip"
    assert record.note.startswith(note) and bool(record.note) == bool(note)
    assert ("in each" in record.detail) is not bool(note)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "tflite"}, "target is one of grouped, plinio, not 'tflite'"),
        ({"select": ("flaten",)}, "there is no rule 'flaten': did you mean flatten?"),
        ({"ignore": ("pooling",)}, "there is no rule 'pooling': did you mean pool?"),
    ],
)
def test_what_there_is_not(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError) as error:
        Options(**options)
    assert str(error.value) == message


# --- comments ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("skip", set()),
        ("skip[flatten]", {"grouped-conv", "pool"}),
        ("skip[pool, grouped-conv]", {"flatten"}),
        ("skip [ pool ]", {"grouped-conv", "flatten"}),
        ("skip[branch-norm]", {"grouped-conv", "flatten", "pool"}),
    ],
)
def test_a_comment_may_name_rules(comment: str, expected: set[str]) -> None:
    assert applied(f"# gencode: {comment}\n{BOTH}", target="plinio") == expected


@pytest.mark.parametrize(
    ("comment", "message"),
    [
        ("skip[flaten]", "there is no rule 'flaten': did you mean flatten?"),
        ("skip[]", "there is no rule ''"),
        ("skip[pool,]", "there is no rule ''"),
        ("skip[pool", "is unknown: did you mean"),
        ("skip(pool)", "is unknown: did you mean"),
        ("skip[pool] and more", ""),
    ],
)
@pytest.mark.parametrize("target", ["grouped", "plinio"])
def test_a_comment_that_names_no_rule(comment: str, message: str, target: str) -> None:
    source = f"x = 1  # gencode: {comment}\n{BOTH}"
    if not message:
        split_source(source, Options(target=target))
        return
    with pytest.raises(SourceError) as error:
        split_source(source, Options(target=target))
    assert message in error.value.message
    assert (error.value.line, error.value.column) == (1, 8)


def test_a_comment_for_another_rule_is_where_nothing_else_is() -> None:
    with pytest.raises(SourceError, match="stands neither at nor directly above"):
        split_source(f"{SOURCE}# gencode: skip[pool]\n", PLINIO)


# --- places -----------------------------------------------------------------------------------


def test_places_are_those_of_the_text_that_was_given() -> None:
    result = split_source(BOTH, PLINIO)
    assert result.text.count("\n") > BOTH.count("\n") + 5
    for each in result.findings:
        line = BOTH.split("\n")[each.line - 1]
        assert line[each.column - 1 :].startswith(each.message.partition(" -> ")[0])
    listed = list_source(BOTH, PLINIO)
    assert listed.text is BOTH
    assert listed.findings == result.findings
    assert [each.code for each in result.findings] == ["pool", "flatten"]


def test_each_place_is_said_once() -> None:
    source = module("y = x.view(x.size(0), -1); z = y.view(x.size(1), -1)\nreturn y, z")
    result = split_source(source, PLINIO)
    assert [(each.column, each.status) for each in result.findings] == [
        (13, "rewritten"),
        (40, "left"),
    ]


def test_what_only_another_rewrite_makes_known() -> None:
    source = f"import numpy\nfrom other import net\n{HEAD}" + (
        "def f(x):\n    y = net(x)\n    y = y.view(y.size(0), -1); z = y.reshape(y.shape[0], -1)\n"
        "    return z, z.reshape(z.shape[1], -1)\n"
    )
    result = split_source(source, PLINIO)
    assert split_source(result.text, PLINIO).text is result.text
    assert [(each.line, each.column, each.status) for each in result.findings] == [
        *((10, 9, "rewritten"), (10, 36, "rewritten"), (11, 15, "left")),
    ]
    assert result.findings[1].message == "y.reshape(y.shape[0], -1) -> torch.flatten(y, 1)"


def test_findings_are_in_the_order_of_the_source() -> None:
    source = module(
        "y = x.view(x.size(0), -1)\nreturn F.max_pool2d(x, 2), x.view(x.size(1), -1), y"
    )
    assert [each.code for each in split_source(source, PLINIO).findings] == [
        *("flatten", "pool", "flatten"),
    ]


def test_one_construct_in_another() -> None:
    source = module("return F.avg_pool2d(x.view(x.size(0), -1), 2).view(x.size(0), -1)")
    after = module(
        "return torch.flatten(self.avg_pool2d(torch.flatten(x, 1)), 1)",
        "self.avg_pool2d = nn.AvgPool2d(2)",
    )
    result = split_source(source, PLINIO)
    assert "self.avg_pool2d(torch.flatten(x, 1))" in result.text
    assert split_source(result.text, PLINIO).text is result.text
    assert after.count("\n") == result.text.count("\n")


def test_all_rules_of_one_file_compute_the_same() -> None:
    torch.manual_seed(0)
    one, other = run(BOTH).Net().double(), run(split_source(BOTH, PLINIO).text).Net().double()
    other.load_state_dict(one.state_dict())
    x = torch.randn(2, 4, 8, 8, dtype=torch.float64)
    assert torch.allclose(one(x), other(x), rtol=0, atol=1e-13)


# --- what cannot be known ---------------------------------------------------------------------


def test_a_file_that_is_too_large_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpretation, "_BUDGET", 10)
    findings = stays(SOURCE)
    assert {each.code for each in findings} == {"flatten", "pool"}
    for each in findings:
        assert each.status == "left"
        assert each.message.endswith(": the file is too large for what happens in it to be known")


def test_what_python_does_not_compile_is_said_where_something_changes() -> None:
    with pytest.raises(SourceError):
        split_source(f"{SOURCE}return 1\n", PLINIO)
    assert not stays(f"{module('return x')}return 1\n")


def test_a_source_without_a_construct_is_returned_as_it_is() -> None:
    for source in ("", "x = 1\n", HEAD, module("return x.view_as(x)")):
        assert not stays(source)


# --- the command ------------------------------------------------------------------------------


def write(text: str, name: str = "model.py") -> None:
    Path(name).write_text(text, encoding="utf-8")


def test_what_the_command_says(capsys) -> None:
    skipped = "return F.avg_pool2d(x, 2), F.avg_pool2d(x, k), y  # gencode: skip[flatten]"
    write(module(f"y = F.max_pool2d(x, 2)\nz = x.view(x.size(0), -1)  # gencode: skip\n{skipped}"))
    assert main(["--target", "plinio", "model.py"]) == 0
    out, err = capsys.readouterr()
    assert "self.avg_pool2d(x)" in out
    assert err.splitlines() == [
        "model.py:11:13: pool: rewritten: F.max_pool2d(x, 2) -> self.max_pool2d(x)",
        "model.py:12:13: flatten: skipped: x.view(x.size(0), -1): # gencode: skip (line 12)",
        "model.py:13:16: pool: rewritten: F.avg_pool2d(x, 2) -> self.avg_pool2d(x)",
        "model.py:13:36: pool: not rewritten: F.avg_pool2d(x, k): kernel_size is not a literal",
        "model.py: no grouped convolutions; other places: 2 rewritten, 1 not rewritten, 1 skipped",
    ]


@pytest.mark.parametrize(
    ("arguments", "summary"),
    [
        (["--target", "plinio"], "grouped convolutions: 1 split; other places: 2 rewritten"),
        (["--select", "flatten"], "other places: 1 rewritten"),
        (["--select", "flatten, pool"], "other places: 2 rewritten"),
        (["--target", "plinio", "--ignore", "pool"], "1 split; other places: 1 rewritten"),
        (["--ignore", "grouped-conv"], "model.py: nothing to rewrite"),
        ([], "model.py: grouped convolutions: 1 split"),
    ],
)
def test_options(arguments: list[str], summary: str, capsys) -> None:
    write(BOTH)
    assert main([*arguments, "model.py"]) == 0
    assert capsys.readouterr().err.splitlines()[-1].endswith(summary)


def test_check_diff_and_list(capsys) -> None:
    write(SOURCE)
    assert main(["--target", "plinio", "--check", "model.py"]) == 1
    assert "other places: 2 to be rewritten" in capsys.readouterr().err
    assert main(["--target", "plinio", "--diff", "model.py"]) == 0
    assert "+        self.avg_pool2d = nn.AvgPool2d(2)" in capsys.readouterr().out
    assert main(["--target", "plinio", "--list", "model.py"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "model.py:11:13: pool: to be rewritten: F.avg_pool2d(x, 2) -> self.avg_pool2d(x)",
        "model.py:12:16: flatten: to be rewritten: x.view(x.size(0), -1) -> torch.flatten(x, 1)",
    ]
    assert main(["--check", "model.py"]) == 0
    assert main(["--target", "plinio", "-i", "model.py"]) == 0
    assert main(["--target", "plinio", "--check", "model.py"]) == 0
    assert Path("model.py").read_text(encoding="utf-8") == split_source(SOURCE, PLINIO).text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "tflite"], "argument --target: invalid choice: 'tflite'"),
        (["--select", "flaten"], "argument --select: there is no rule 'flaten': did you mean fl"),
        (["--ignore", "flatten,pol"], "argument --ignore: there is no rule 'pol': did you mean po"),
        (["--select", ""], "argument --select: there is no rule ''"),
    ],
)
def test_wrong_options(arguments: list[str], message: str, capsys) -> None:
    write(SOURCE)
    with pytest.raises(SystemExit) as error:
        main([*arguments, "model.py"])
    assert error.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lines", "arguments", "expected"),
    [
        ('target = "plinio"', [], {"avg_pool2d", "flatten"}),
        ('select = ["pool"]', [], {"avg_pool2d"}),
        ('target = "plinio"\nignore = ["pool"]', [], {"flatten"}),
        ('target = "plinio"', ["--target", "grouped"], set()),
        ('target = "plinio"', ["--select", "flatten"], {"flatten"}),
        ('select = ["pool"]', ["--select", "flatten"], {"flatten"}),
        ('ignore = ["pool"]', ["--target", "plinio", "--ignore", "flatten"], {"avg_pool2d"}),
    ],
)
def test_configuration(lines: str, arguments: list[str], expected: set[str], capsys) -> None:
    write(SOURCE)
    write(f"[tool.gencode]\n{lines}\n", "pyproject.toml")
    assert main([*arguments, "model.py"]) == 0
    out = capsys.readouterr().out
    new = {"avg_pool2d": "self.avg_pool2d", "flatten": "torch.flatten"}
    assert {name for name, code in new.items() if code in out} == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('target = "tflite"', "target is one of grouped, plinio, not 'tflite'"),
        ("target = 1", "target is one of grouped, plinio, not 1"),
        ('select = "pool"', "select is a list of rules, of grouped-conv, branch-norm, source-"),
        ('ignore = ["pol"]', "ignore names what is none: there is no rule 'pol': did you mean po"),
        ("ignore = [1]", "ignore names what is none: there is no rule 1: did you mean"),
    ],
)
def test_wrong_configuration(line: str, message: str, capsys) -> None:
    write(SOURCE)
    write(f"[tool.gencode]\n{line}\n", "pyproject.toml")
    assert main(["model.py"]) == 2
    assert message in capsys.readouterr().err


# --- PLiNIO -----------------------------------------------------------------------------------

MODEL = module(
    """
    x = F.max_pool2d(torch.relu(self.bn(self.conv(x))), 2)
    x = F.adaptive_avg_pool2d(self.conv2(x), 1)
    return self.fc(x.view(x.size(0), -1))
    """,
    """
    self.conv = nn.Conv2d(4, 8, 3, padding=1)
    self.bn = nn.BatchNorm2d(8)
    self.conv2 = nn.Conv2d(8, 6, 3, padding=1)
    self.fc = nn.Linear(6, 3)
    """,
)
METHODS = ("pit.PIT", "mps.MPS", "supernet.SuperNet")


def converted(source: str, method: str) -> torch.nn.Module:
    name, _, cls = method.partition(".")
    made = getattr(importlib.import_module(f"plinio.methods.{name}"), cls)
    torch.manual_seed(0)
    return made(run(source).Net(), input_shape=(4, 8, 8))


@pytest.mark.parametrize("method", METHODS)
def test_plinio_takes_what_it_refused(method: str) -> None:
    pytest.importorskip("plinio")
    after = split_source(MODEL, PLINIO).text
    if method != "supernet.SuperNet":  # which takes any
        with pytest.raises(Exception):  # noqa: B017
            converted(MODEL, method)
    net = converted(after, method).eval()
    x = torch.randn(2, 4, 8, 8)
    assert net(x).shape == (2, 3)


# --- over files -------------------------------------------------------------------------------


BLOCKS = f"""{HEAD}class Gate(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 1)

    def forward(self, x):
        return torch.sigmoid(self.conv(x))


def scale(width):
    return width
"""
GATED = f"""{HEAD}from blocks import Gate, scale


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = Gate(4)
        self.width = scale(4)

    def forward(self, x):
        width = self.width * scale(2)
        y = self.gate(x)
        z = y * self.gate(y)
        return z.mean(-1), width
"""


def test_what_other_files_give_is_known_to_be_a_tensor() -> None:
    """A product of what their modules give, and the rank of it; a number is none."""
    for name, source in {"blocks.py": BLOCKS, "net.py": GATED, "pyproject.toml": ""}.items():
        write(source, name)
    text = split_path("net.py", PLINIO).result.text
    assert "z = torch.multiply(y, self.gate(y))" in text
    assert "width = self.width * scale(2)" in text
    assert "torch.mean(z, 3)" in text
    assert split_source(GATED, PLINIO).text == GATED
