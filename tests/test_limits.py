"""Inputs that would take minutes: what is bounded, and the word that says so."""

from __future__ import annotations

import re

import pytest

from cases import CONV, assert_unchanged, assert_wrapped, left, model
from gencode import Options, split_source
from gencode.limits import LONGEST_CODE, MOST_GROUPS

CONSTRUCTION = "nn.Conv2d(16, 32, 3, groups=2)"
HUGE = f"[{', '.join(map(str, range(8000)))}]"
LONG_CONSTRUCTION = f"{CONSTRUCTION[:-1]}, bias={HUGE})"
TOO_LONG = f"has more than {LONGEST_CODE} characters"


@pytest.fixture(autouse=True)
def only_little_is_formatted(monkeypatch: pytest.MonkeyPatch) -> None:
    """See that black is given nothing long, which is what takes the time."""
    import black

    real = black.format_str

    def short(code: str, *, mode: black.Mode) -> str:
        assert len(code) < 1.5 * LONGEST_CODE
        return real(code, mode=mode)

    monkeypatch.setattr("gencode.rewriting.formatting.black.format_str", short)


WRAPPER = """
class f(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.layer = layers[0]

    def forward(self, x):
        return self.layer(x)
"""


@pytest.mark.parametrize(
    "statement",
    [
        f"self.conv, self.table = {CONSTRUCTION}, {HUGE}",
        f"self.all = [{CONSTRUCTION}, {HUGE}]",
        f"self.all = {{'conv': {CONSTRUCTION}, 'table': {HUGE}}}",
        f"self.all = '{'x' * 60_000}', {CONSTRUCTION}",
        f"if f({CONSTRUCTION}, {HUGE}):\n    pass",
        f"self.all = [\n    {CONSTRUCTION},\n{'    1,' * 8000}\n]",
        f"self.all = f({LONG_CONSTRUCTION})",
        f"self.all = [\n    f({CONSTRUCTION}, {HUGE}),\n]",
    ],
)
def test_nothing_is_wrapped_in_a_huge_statement(statement: str) -> None:
    assert left(model(statement)) == f"the statement of line 9 {TOO_LONG}"


@pytest.mark.parametrize(
    ("statements", "line"),
    [
        (f"self.conv = {LONG_CONSTRUCTION}", "self.conv = split_conv(self.conv)"),
        (f"self.conv = {CONSTRUCTION} if {HUGE} else None", "self.conv = split_conv(self.conv)"),
        (
            f"self.conv = nn.Sequential({CONSTRUCTION}, nn.BatchNorm2d(32, eps={HUGE}))",
            "split_layers(self.conv)",
        ),
        (
            f"{CONV}\nself.conv.weight.data = torch.tensor({HUGE})",
            "self.conv = split_conv(self.conv)",
        ),
    ],
)
def test_a_line_comes_after_a_huge_statement(statements: str, line: str) -> None:
    source = model(statements)
    assert_wrapped(source)
    expected = model(f"{statements}\n{line}").split("class Net")[1]
    assert split_source(source).text.endswith(expected)


def test_a_huge_block_around_a_construction() -> None:
    source = model(
        f"if self.on:\n    self.all = f({CONSTRUCTION})\n    self.x = {HUGE}", top=WRAPPER
    )
    text = split_source(source).text
    assert f"            self.all = f(split_conv({CONSTRUCTION}))\n" in text
    assert f"            self.x = {HUGE}\n" in text


def test_a_long_line_of_many_constructions() -> None:
    calls = [CONSTRUCTION] * 300
    text = split_source(model(f"self.all = f({', '.join(calls)})", top=WRAPPER)).text
    assert text.count(f"            split_conv({CONSTRUCTION}),\n") == 300


@pytest.mark.parametrize(
    ("init", "forward", "line"),
    [
        (CONV, f"return self.conv(x), {HUGE}", 12),
        (CONV, f"return self.conv(f({HUGE}))", 12),
        (f"{CONV}\nself.bn = nn.BatchNorm2d(32, eps={HUGE})", "return self.bn(self.conv(x))", 10),
        (
            f"{CONV}\nself.bn = nn.BatchNorm2d(32)",
            f"x = self.conv(x)\nx, y = self.bn(x), {HUGE}",
            14,
        ),
        (f"{CONV[:-1]}, bias={HUGE})", "return self.conv(x)", 9),
    ],
)
def test_a_huge_statement_is_not_written_out(init: str, forward: str, line: int) -> None:
    result = split_source(model(init, forward))
    (record,) = result.records
    assert record.style == "built"
    assert f"the statement of line {line} {TOO_LONG}" in record.note
    assert HUGE in result.text


def test_beside_a_huge_statement_all_is_as_ever() -> None:
    plain, beside = (split_source(model(f"{CONV}{more}")) for more in ("", f"\nself.x = {HUGE}"))
    assert beside.records == plain.records
    assert beside.text == plain.text.replace(
        "self.conv_1 = nn.Conv2d(8, 16, 3)",
        f"self.conv_1 = nn.Conv2d(8, 16, 3)\n        self.x = {HUGE}",
    )


OPTIONS = pytest.mark.parametrize(
    "options", [Options(style="explicit"), Options(max_unroll=50_000)], ids=["style", "unroll"]
)


def grouped(groups: int) -> str:
    return model(f"self.conv = nn.Conv2d({2 * groups}, {groups}, 3, groups={groups})")


@OPTIONS
def test_more_groups_than_are_written_out_become_a_loop(options: Options) -> None:
    (record,) = split_source(grouped(50_000), options).records
    assert record.style == "loop"
    assert record.note == (
        "written out for each of 50000 groups, it would have more than 20000 characters"
    )
    assert not split_source(grouped(50_000)).records[0].note


@OPTIONS
def test_how_many_are_written_out(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    length = len("nn.Conv2d(20, 10, 3, groups=10)")
    monkeypatch.setattr("gencode.grouped_conv.written_out.LONGEST_CODE", 10 * length)
    assert split_source(grouped(10), options).records[0].style == "explicit"
    assert split_source(grouped(11), options).records[0].style == "loop"
    called = model("self.conv = nn.Conv2d(20, 10, 3, groups=10)", f"return self.conv({'x' * 30})")
    assert split_source(called, options).records[0].style == "loop"


def test_a_comment_asks_for_more_groups_than_are_written_out() -> None:
    source = model("self.conv = nn.Conv2d(4000, 2000, 3, groups=2000)  # gencode: style=explicit")
    (record,) = split_source(source).records
    assert record.style == "loop"
    assert record.note.endswith("it would have more than 20000 characters")


def test_a_loop_with_two_notes() -> None:
    conv = "self.conv = nn.Conv2d(4000, 2000, 3, groups=2000)\nself.bn = nn.BatchNorm2d(2000)"
    source = model(conv, "x = self.conv(x)\nreturn self.bn(x) + x")
    (record,) = split_source(source, Options(style="explicit")).records
    first, second = record.note.split("; ", 1)
    assert first.endswith("20000 characters")
    assert second.startswith("self.bn stays after the concatenation")


def test_more_groups_than_have_names() -> None:
    groups = MOST_GROUPS + 1
    for style in ("auto", "explicit", "loop"):
        result = split_source(grouped(groups), Options(style=style))
        assert result.records[0].style == "built"
        assert result.records[0].note == f"it has more than {MOST_GROUPS} groups"
    assert len(split_source(grouped(MOST_GROUPS)).records[0].branches) == MOST_GROUPS


def test_a_huge_file_without_a_convolution_is_unchanged() -> None:
    assert_unchanged(model(f"self.table = {HUGE}", "return x"))


def test_messages_show_no_more_than_the_start_of_long_code() -> None:
    sources = (
        model(f"self.conv = nn.Conv2d(16, 32, 3, groups=f({HUGE}))"),
        model(f"self.all[f({HUGE})] = {CONSTRUCTION}"),
        model(f"self.conv = g({HUGE})(16, 32, 3, groups=2)"),
    )
    for source in sources:
        for record in split_source(source).records:
            assert len(f"{record.name}{record.detail}{record.note}") < 400


def test_what_stands_around_in_a_huge_element_stays() -> None:
    """The element is below the limit, and above it with the calls of the helper."""
    call, joined = "nn.Conv2d(4, 4, 1,\n        groups=2)", "nn.Conv2d(4, 4, 1, groups=2)"
    lines = "".join(f"    x, {call},\n" for _ in range(50))
    lines += "    3 ,\n" * (LONGEST_CODE // 16 - 200)
    source = model(f"self.all = [\n    f(\n{lines}    )\n]", top=WRAPPER)
    start = source.index("self.all")
    statement = source[start : source.index("]", start) + 1]
    assert LONGEST_CODE - 50 * len("split_conv()") < len(statement) < LONGEST_CODE
    after = re.sub(r"1,\s*groups", "1, groups", source).replace(joined, f"split_conv({joined})")
    assert split_source(source).text.endswith(after.split("class Net")[1])


def test_what_is_not_known_as_there_is_too_much_to_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gencode.facts.interpretation._BUDGET", 10)
    (warning,) = split_source(model(CONV)).warnings
    assert warning.message.startswith("there is too much in this file to follow")
