"""Comments leave convolutions alone, and what stands beside them, or choose a style."""

from __future__ import annotations

import re
from textwrap import dedent

import pytest

from cases import BARE, CONV, assert_unchanged, model
from gencode import Options, Record, Result, SourceError, helper_source, split_source
from gencode.outcome import Style
from gencode.reading.directives import Directives
from gencode.reading.parsing import parse
from gencode.reading.source import Source
from gencode.rewriting.apply import Rewrite, check_left_alone
from gencode.rewriting.edits import CallEdit, Edit, Insertion, Removal, Replacement, TextEdit

NEW = "nn.Conv2d(4, 4, 1, groups=2)"
TOP = "import torch.nn as nn\n"
ENDS = pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])


def split(source: str, options: Options = BARE) -> Result:
    """The result for a source in which NEW is a convolution; a second run changes nothing."""
    result = split_source(re.sub(r"\bNEW\b", NEW, dedent(source)), options)
    again = split_source(result.text, options)
    assert again.text is result.text
    assert names(again, "skipped") == names(result, "skipped")
    return result


def names(result: Result, status: str) -> str:
    """What the convolutions of a status are given to."""
    found = (each.name for each in result.records if each.status == status)
    return " ".join(each.rpartition(".")[2] for each in found)


def held(source: str) -> str:
    """The names of what is skipped; all else is split."""
    result = split(TOP + dedent(source))
    assert {each.status for each in result.records} <= {"skipped", "split", "may be split"}
    return names(result, "skipped")


def record_of(result: Result, name: str = "Net.conv") -> Record:
    """The record of a name."""
    return next(each for each in result.records if each.name == name)


@pytest.mark.parametrize(
    ("source", "skipped"),
    [
        ("a = NEW  # gencode: skip\nb = NEW", "a"),
        ("a = NEW; b = NEW  # gencode: skip\nc = NEW", "a b"),
        ("a = 1; b = NEW  # gencode: skip\nc = NEW", "b"),
        ("if a: b = NEW  # gencode: skip\nelse: c = NEW", "b"),
        ("if a: b = NEW\nelse: c = NEW  # gencode: skip", "c"),
        ("for a in b: c = NEW  # gencode: skip", "c"),
        ("if NEW: a = 1  # gencode: skip\nb = NEW", "Conv2d"),
        ("class A: a = NEW; b = NEW  # gencode: skip\nc = NEW", "a b"),
        ("a = \\\n    NEW  # gencode: skip", "a"),
        ("a = [NEW for _ in b]; c = lambda: NEW  # gencode: skip", "Conv2d Conv2d"),
        ("a = (  # gencode: skip\n    NEW\n)", "a"),
        ("a = (\n    NEW\n)  # gencode: skip", "a"),
        ("a = (\n    # gencode: skip\n    NEW\n)", "a"),
        ("a = (\n    # gencode: skip\n    # more\n\n    NEW\n)", "a"),
    ],
)
def test_on_a_line_of_a_statement(source: str, skipped: str) -> None:
    assert held(source) == skipped


@pytest.mark.parametrize(
    ("line", "skipped"),
    [
        *((1, "ssss."), (2, "s...."), (3, ".ss.."), (6, ".ss.."), (7, "...s."), (9, "...s.")),
        *((12, "...s."), (14, "...s."), (15, "ssss."), (16, "ssss.")),
    ],
)
def test_on_a_line_of_a_long_statement(line: int, skipped: str) -> None:
    source = """\
        import torch.nn as nn
        a = nn.Sequential(  # 1
            NEW,  # 2
            # 3
            # of two
            NEW, NEW,  # 6
            nn.Conv2d(  # 7
                4,
                # 9

                4,
                1,  # 12
                groups=2,
            ),  # 14
            nn.ReLU(),  # 15
        )  # 16
        b = NEW
        """
    records = split(source.replace(f"# {line}\n", "# gencode: skip\n")).records
    statuses = ["s" if each.status == "skipped" else "." for each in records]
    assert "".join(statuses) == skipped


@pytest.mark.parametrize(
    ("line", "statuses"),
    [(1, "ss"), (2, "ls"), (3, "ls"), (4, "ls"), (5, "ls"), (6, "ss"), (7, "ss")],
)
def test_on_a_line_of_one_in_another(line: int, statuses: str) -> None:
    source = """\
        import torch.nn as nn
        def f(conv_layer=nn.Conv2d):
            return conv_layer(  # 1
                4,
                # 2
                nn.Conv2d(  # 3
                    4, 4,  # 4
                    1, groups=2,
                ),  # 5
                {  # 6
                },
                groups=2,
            )  # 7
        """
    result = split(source.replace(f"# {line}\n", "# gencode: skip\n"))
    assert "".join(each.status[0] for each in result.records) == statuses
    if statuses == "us":
        row = source.split(f"# {line}\n")[0].count("\n") + 1
        detail = f"# gencode: skip stands where it is split (line {row})"
        assert result.records[0].detail == detail


@pytest.mark.parametrize(
    ("source", "skipped"),
    [
        ("a = NEW\n# gencode: skip\nb = NEW\nc = NEW", "b"),
        ("a = NEW\n# gencode: skip\n# more\nb = NEW; c = NEW\nd = NEW", "b c"),
        ("a = NEW\n# gencode: skip\nb = [\n    NEW,\n    NEW\n]\nc = NEW", "Conv2d Conv2d"),
        (
            """
            if a:
                b = NEW
                # gencode: skip
                c = NEW
            # gencode: skip
            else:
                d = NEW
                if e: f = NEW
            g = NEW
            """,
            "c d f",
        ),
        (
            """
            # gencode: skip
            if a:
                b = NEW
            elif NEW:
                c = NEW
            else: d = NEW
            e = NEW
            """,
            "b Conv2d c d",
        ),
        (
            """
            if a:
                b = NEW
            # gencode: skip
            elif c:
                d = NEW
            else:
                e = NEW
            """,
            "d",
        ),
        (
            """
            def a():
                # gencode: skip
                try:
                    b = NEW
                except NEW:
                    c = NEW
                else:
                    d = NEW
                finally:
                    e = NEW
            try: f = NEW
            except: pass
            """,
            "b Conv2d c d e",
        ),
        (
            """
            @a(NEW)
            # gencode: skip
            @a(NEW)
            # more
            class B(NEW):
                c = NEW

                def d(self, e=NEW):
                    self.f = NEW
            g = NEW
            """,
            "Conv2d Conv2d Conv2d c Conv2d f",
        ),
        ("a = 1\n# gencode: skip\nclass B: c = NEW\nd = NEW", "c"),
    ],
)
def test_above_a_statement(source: str, skipped: str) -> None:
    assert held(source) == skipped


@pytest.mark.parametrize(
    ("source", "skipped"),
    [
        (
            """
            class A(nn.Module):  # gencode: skip
                class B:
                    c = NEW

                async def f(self, x):
                    async with x: self.d = NEW

            class E: f = NEW
            """,
            "c d",
        ),
        (
            """
            @a(NEW)  # gencode: skip
            @b(NEW)
            def c(d=NEW):
                e = NEW
            f = NEW
            """,
            "Conv2d Conv2d Conv2d e",
        ),
        (
            """
            @a(NEW)
            def c(
                x,
                # gencode: skip
                d=NEW,
            ):
                e = NEW
                def f(): return NEW
            g = NEW
            """,
            "Conv2d Conv2d e Conv2d",
        ),
        (
            """
            if a(NEW):  # gencode: skip
                b = NEW
            elif c:
                d = NEW
            else:
                e = NEW
            """,
            "Conv2d b",
        ),
        (
            """
            for a in b:
                c = NEW
            else:  # gencode: skip
                d = NEW
            """,
            "d",
        ),
        (
            """
            match a:
                case 1:  # gencode: skip
                    b = NEW
                case 2:
                    c = NEW
            """,
            "b",
        ),
    ],
)
def test_at_the_head_of_a_block(source: str, skipped: str) -> None:
    assert held(source) == skipped


@pytest.mark.parametrize(
    "top",
    [
        "# gencode: skip\n",
        "#!/usr/bin/env python\n# -*- coding: utf-8 -*-\n# (c) me\n\n#gencode:skip\n\n",
        '"""Doc."""\n\n# gencode: skip\n',
        '"""Doc.\n"""  # gencode: skip\n',
        '# gencode: skip\n"""Doc."""\n',
        '(  # gencode: skip\n    "Doc."\n)\n',
        "# gencode: skip\n@decorated\nclass A: ...\n",
        "\f\n# gencode: skip\n",
    ],
)
@ENDS
def test_at_the_top_of_the_file(top: str, end: str) -> None:
    text = f"{top}{TOP}a = {NEW}\n\nb = {NEW}\n".replace("\n", end)
    result = split_source(text)
    assert result.text is text
    assert names(result, "skipped") == "a b"
    line = text[: text.index("gencode")].count(end) + 1
    assert result.records[0].detail == f"# gencode: skip at the top of the file (line {line})"


def test_not_at_the_top_of_the_file() -> None:
    assert names(split(f'"""Doc."""\n{TOP}# gencode: skip\na = NEW\nb = NEW\n'), "skipped") == "a"
    future = "from __future__ import annotations\n# gencode: skip\n"
    assert names(split(f"{future}{TOP}a = NEW\n"), "skipped") == ""


@ENDS
def test_any_line_end(end: str) -> None:
    text = f"{TOP}é = 'ü'; a = NEW  # gencode: skip\nb = (\n    NEW,\n    NEW,  #gencode:skip\n)\n"
    result = split(text.replace("\n", end))
    assert [each.status for each in result.records] == ["skipped", "split", "skipped"]
    assert f"; a = {NEW}  # gencode: skip{end}" in result.text
    assert f"{end}    {NEW},  #gencode:skip{end})" in result.text


@pytest.mark.parametrize(
    "comment",
    [
        *("#gencode:skip", "#  gencode :  skip", "## gencode: skip", "# gencode: skip (needed)"),
        *("# noqa: E501  # gencode: skip", "# gencode: skip  # noqa", "# gencode: skip#noqa"),
        "# gencode: skip  # gencode: style=loop",
    ],
)
def test_spellings(comment: str) -> None:
    assert held(f"a = NEW  {comment}\nb = NEW\n") == "a"


@pytest.mark.parametrize(
    "source",
    [
        "a = NEW  # Generated by gencode from a#gencode: b.py",
        "a = NEW  # by gencode: skipped, not so",
        "a = NEW; b = '# gencode: skip'",
        'a = NEW; b = """\n# gencode: skip\n"""',
        "a = NEW; '# gencode: skp'",
        "a = NEW  # degencode: skip",
    ],
)
def test_what_is_no_such_comment(source: str) -> None:
    assert held(source) == ""


@pytest.mark.parametrize(
    ("comment", "column", "message"),
    [
        ("# gencode: skp", 0, '"# gencode: skp" is unknown: did you mean "# gencode: skip"?'),
        ("# gencode: Skip", 0, 'did you mean "# gencode: skip"?'),
        ("# GENCODE: skip", 0, 'did you mean "# gencode: skip"?'),
        ("# gencode: SKIP", 0, 'did you mean "# gencode: skip"?'),
        ("# gencode: skip, please", 0, '"# gencode: skip," is unknown'),
        ("# gencode:", 0, '"# gencode:" is unknown'),
        ("# noqa # gencode: style=looop", 7, 'did you mean "# gencode: style=loop"?'),
        ("# gencode: style loop", 0, 'did you mean "# gencode: style='),
        ("# noqa, gencode: skip", 8, '"gencode: skip" stands behind no # of its own'),
    ],
)
@ENDS
def test_a_misspelt_one(comment: str, column: int, message: str, end: str) -> None:
    line = f"é = Conv2d(groups=2)  {comment}"
    with pytest.raises(SourceError) as raised:
        split_source(f"{TOP}{line}\nb = 1\n".replace("\n", end))
    assert message in raised.value.message
    place = raised.value.line, raised.value.column, raised.value.source_line
    assert place == (2, line.index("#") + column + 1, line)


@pytest.mark.parametrize(
    "source",
    [
        "a = NEW\n# gencode: skip\n\nb = NEW",
        "a = NEW\n# gencode: skip",
        "if a:\n    b = NEW\n    # gencode: skip\nc = NEW",
        "if a:\n    b = NEW\n    # gencode: skip\nelse:\n    c = NEW",
    ],
)
def test_one_that_stands_nowhere(source: str) -> None:
    with pytest.raises(SourceError, match="neither at nor directly above a statement"):
        split(TOP + source)
    for record in split(TOP + source.replace("skip", "style=loop")).records:
        assert "style" not in record.note


def test_nothing_is_tokenised_without_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gencode.reading.directives.Comments", None)
    assert held("a = NEW  # gencode says: skip") == ""


def test_what_is_plain_or_depthwise_stays_so() -> None:
    source = """
        import torch.nn as nn
        class Net(nn.Module):  # gencode: skip
            def __init__(self):
                self.a = nn.Conv2d(4, 4, 1, groups=4)
                self.b = nn.ConvTranspose2d(4, 4, 1, groups=2)
                self.c = nn.LazyConv2d(4, 1, groups=2)
                self.d = nn.Conv2d(4, 4, 1, groups=1)
        """
    result = assert_unchanged(source)
    assert [each.status for each in result.records] == ["kept", "skipped", "skipped"]
    assert not result.warnings


def test_a_style_that_is_asked_of_nothing_is_warned_of() -> None:
    source = model(f"# gencode: style=loop\n\n{CONV}")
    (warning,) = split_source(source).warnings
    line = source[: source.index("# gencode")].count("\n") + 1
    message = '"# gencode: style=loop" stands neither at nor directly above a statement'
    assert (warning.line, warning.column, warning.message) == (line, 9, message)


def test_a_hash_within_a_word_is_none() -> None:
    (record,) = split_source(model(f"# see doc/#gencode: docs\n{CONV}")).records
    assert record.is_split


def test_no_warning_where_nothing_is_split() -> None:
    drawn = "nn.init.kaiming_normal_(m.weight, mode='fan_out')"
    init = f"{CONV}\nself.apply(lambda m: {drawn})\nself.keep = self.conv"
    assert split(model(init)).warnings
    assert not assert_unchanged(model(init.replace("\n", "  # gencode: skip\n", 1))).warnings


def test_the_record_of_a_skipped_one() -> None:
    (record,) = assert_unchanged(model(f"{CONV}  # gencode: skip")).records
    assert (record.line, record.column, record.name) == (9, 21, "Net.conv")
    assert (record.status, record.detail) == ("skipped", "# gencode: skip (line 9)")
    assert (record.style, record.note, record.branches) == (None, "", ())


def test_the_nearest_is_named() -> None:
    init = f"# gencode: skip\nif x:\n    {CONV}  # gencode: skip\nself.a = {NEW}"
    source = model(init).replace("Module):", "Module):  # gencode: skip")
    source = source.replace("class", "# gencode: skip\nclass")
    result = assert_unchanged(source)
    assert record_of(result).detail == "# gencode: skip (line 12)"
    assert record_of(result, "Net.a").detail == "# gencode: skip (line 7)"
    inner = source.replace(f"{CONV}  # gencode: skip", CONV)
    assert record_of(assert_unchanged(inner)).detail == "# gencode: skip (line 10)"


def test_the_nearest_may_stand_above_another() -> None:
    source = f"{TOP}a = [\n    NEW,  # gencode: skip\n    NEW,\n]  # gencode: skip\n"
    details = [each.detail for each in split(source).records]
    assert details == ["# gencode: skip (line 3)", "# gencode: skip (line 5)"]


LINE = "self.conv = split_conv(self.conv)"
SPLIT_BELOW = f"{CONV}\n{LINE}"


def bodies(text: str) -> str:
    """The class of a model."""
    return text[text.index("class Net") :]


@pytest.mark.parametrize(
    "forward",
    [
        "x = F.relu(x)\nreturn self.conv(x)  # gencode: skip",
        "# gencode: skip\nreturn self.conv(x)",
        "return F.relu(\n    self.conv(\n        x\n    ),  # gencode: skip\n)",
        "if x:  # gencode: skip\n    return self.conv(x)\nreturn x",
        "for y in self.conv(x):  # gencode: skip\n    print(y)",
        "x = F.relu(x); return self.conv(x)  # gencode: skip",
    ],
)
@pytest.mark.parametrize("style", ["auto", "explicit", "loop"])
def test_a_statement_that_calls_it(forward: str, style: Style) -> None:
    result = split(model(CONV, forward), Options(style=style, checkpoint=False))
    (record,) = result.records
    line = model(CONV, forward).split("# gencode")[0].count("\n") + 1
    assert record.note == f"# gencode: skip stands at its call (line {line})"
    assert bodies(result.text) == bodies(model(SPLIT_BELOW, forward))


def test_a_statement_on_the_line_of_a_skipped_one() -> None:
    forward = "y = nn.Conv2d(4, 4, 1, groups=2)(x); return self.conv(y)  # gencode: skip"
    result = split(model(CONV, forward))
    assert [each.status for each in result.records] == ["split", "skipped"]
    assert bodies(result.text) == bodies(model(SPLIT_BELOW, forward))


def test_a_forward_that_is_skipped() -> None:
    init = f"{CONV}\nself.bn = nn.BatchNorm2d(32)"
    source = model(init, "return self.bn(self.conv(x))").replace("x):", "x):  # gencode: skip")
    (record,) = split(source).records
    assert record.note == (
        "# gencode: skip stands at its call (line 12);"
        " self.bn stays after the concatenation: # gencode: skip stands at it (line 12)"
    )


def test_a_comment_in_the_head_alone() -> None:
    forward = "for y in self.conv(x):\n    x = x + nn.Conv2d(4, 4, 1, groups=2)(y)  # gencode: skip"
    result = split(model(CONV, forward))
    assert [each.style for each in result.records] == ["built", None]


def test_a_definition_with_a_skipped_one_in_it() -> None:
    init = (
        "self.conv = nn.Conv2d(\n    16,\n    32,\n    f(NEW),  # gencode: skip\n    groups=2,\n)"
    )
    result = split(model(init))
    assert [each.status for each in result.records] == ["split", "skipped"]
    changed = init.replace("NEW", NEW) + f"\n{LINE}"
    assert bodies(result.text) == bodies(model(changed))


NORM = "self.bn = nn.BatchNorm2d(32)"
MARKED = "  # gencode: skip"


@pytest.mark.parametrize(
    ("init", "forward", "note"),
    [
        (f"{CONV}\n{NORM}{MARKED}", "return self.bn(self.conv(x))", "at it (line 10)"),
        (f"{CONV}\n{NORM}", f"x = self.conv(x)\nx = self.bn(x){MARKED}", "at it (line 14)"),
        (f"{NORM}\n{CONV}", f"x = self.conv(x)\nx = self.bn(x){MARKED}", "at it (line 14)"),
        (
            f"{CONV}\n{NORM}",
            "x = self.conv(x)\nif self.training:\n    x = self.bn(x)\nelse:\n    # gencode: skip\n"
            "    x = x + 1",
            "at it (line 17)",
        ),
        (
            f"{CONV}\n{NORM}",
            f"x = self.bn(self.conv(x))\nreturn self.conv(x){MARKED}",
            "at its convolution (line 14)",
        ),
    ],
)
@pytest.mark.parametrize("style", ["auto", "loop", "built"])
def test_a_norm_that_is_left_alone(init: str, forward: str, note: str, style: Style) -> None:
    result = split(model(init, forward), Options(style=style, checkpoint=False))
    (record,) = result.records
    expected = f"self.bn stays after the concatenation: # gencode: skip stands {note}"
    assert expected in record.note
    assert "self.bn = " not in result.text.replace(NORM, "")


def test_a_line_after_what_is_left_alone() -> None:
    """It changes nothing of that, and finds what that has done to the whole."""
    forward = "return self.bn(self.conv(x))"
    for uses in ("nn.init.zeros_(self.bn.weight)", "nn.init.zeros_(self.conv.weight)"):
        init = f"{CONV}\n{NORM}\n{uses}{MARKED}"
        result = split(model(init, forward))
        line = "self.conv, self.bn = split_conv_norm(self.conv, self.bn)"
        assert bodies(result.text) == bodies(model(f"{init}\n{line}", forward))


def test_no_line_where_all_is_left_alone() -> None:
    top = "def conv(c):\n    return nn.Conv2d(c, 32, 3, groups=2)"
    for init in (
        "with x:  # gencode: skip\n    self.conv = conv(16)",
        "if x:\n    pass\nelse:  # gencode: skip\n    self.conv = conv(16)",
        "# gencode: skip\nfor _ in x:\n    self.conv = conv(16)",
    ):
        (record,) = assert_unchanged(model(init, top=top)).records
        assert record.status == "skipped"


def test_a_norm_before_its_convolution_that_a_function_builds() -> None:
    source = model(
        f"{NORM}\nself.conv = conv(16)  # gencode: skip",
        "return self.bn(self.conv(x))",
        top="def conv(c):\n    return nn.Conv2d(c, 32, 3, groups=2)",
    )
    (record,) = assert_unchanged(source).records
    assert (record.status, record.detail) == ("skipped", "Net.conv: # gencode: skip (line 11)")


@pytest.mark.parametrize(
    ("init", "note"),
    [
        (
            "a = []\na.append(CONV)\na.append(NORM)  # gencode: skip\nself.net = nn.Sequential(*a)",
            "the norm stays after it: # gencode: skip stands there (line 11)",
        ),
        (
            "a = [CONV]\na.append(NORM)\nself.net = nn.Sequential(*a)  # gencode: skip",
            "the norm stays after it: # gencode: skip stands there (line 11)",
        ),
        (
            "a = nn.Conv1d(16, 32, 3, groups=2)\n"
            "self.net = nn.Sequential(nn.ConstantPad1d(1, 0), a)  # gencode: skip",
            "the padding stays before it: # gencode: skip stands there (line 10)",
        ),
    ],
)
def test_a_sequence_that_is_left_alone(init: str, note: str) -> None:
    init = init.replace("CONV", "nn.Conv2d(16, 32, 3, groups=2)")
    init = init.replace("NORM", "nn.BatchNorm2d(32)")
    (record,) = split(model(init, "return self.net(x)")).records
    assert record.is_split
    assert note in record.note


def test_a_sequence_with_a_skipped_one() -> None:
    entries = "nn.Conv2d(16, 32, 3, groups=2),{}\nnn.BatchNorm2d(32),\n"
    listed = entries.format("  # gencode: skip") + entries.replace("16", "32").format("")
    result = split(model(f"self.net = nn.Sequential(\n{listed})", "return self.net(x)"))
    assert [each.status for each in result.records] == ["skipped", "split"]
    assert "split_conv(nn.Conv2d(32, 32, 3, groups=2)),\n" in result.text
    assert "the norm after it stays after the concatenation: " in result.records[1].note
    # Here the whole has no name.
    result = split(model(f"self.use(nn.Sequential(\n{listed}))", "return self.net(x)"))
    note = "the norm stays after it: # gencode: skip stands there (line 10)"
    assert result.records[1].note.endswith(note)


@pytest.mark.parametrize(
    "line",
    [
        "nn.init.normal_(self.conv.weight)",
        "self.conv.weight.data.copy_(x)",
        "print(self.conv.weight)",
        "if self.conv.bias is None: print()",
        "self.conv = nn.utils.weight_norm(self.conv)",
        "nn.utils.weight_norm(self.conv)",
    ],
)
def test_what_uses_its_weight_is_left_alone(line: str) -> None:
    result = split(model(f"{CONV}\n{line}{MARKED}"))
    assert result.records[0].status in ("split", "may be split", "left")
    assert f"        {line}{MARKED}\n" in result.text


CONV_1D = "self.conv = nn.Conv1d(16, 32, 3, groups=2)"
PAD = "self.pad = nn.ConstantPad1d((2, 0), 0.0)"


@pytest.mark.parametrize(
    ("init", "forward"),
    [
        (CONV_1D, "x = F.pad(x, (2, 0)){}\nreturn self.conv(x)"),
        (CONV_1D, "x = F.pad(x, (2, 0))\nreturn self.conv(x){}"),
        (f"{CONV_1D}\n{PAD}{{}}", "return self.conv(self.pad(x))"),
        (f"{PAD}{{}}\n{CONV_1D}", "return self.conv(self.pad(x))"),
        (CONV_1D, "y = self.conv(x)\nreturn torch.cat([y, x], 1){}"),
        (CONV_1D, "y = self.conv(x){}\nreturn torch.cat([y, x], 1)"),
    ],
)
@pytest.mark.parametrize("style", ["auto", "loop", "built"])
def test_a_padding_or_a_concatenation_that_is_left_alone(
    init: str, forward: str, style: Style
) -> None:
    options = Options(style=style, checkpoint=False)
    free = split(model(init.format(""), forward.format("")), options)
    source = model(init.format(MARKED), forward.format(MARKED))
    result = split(source, options)
    (line,) = (each for each in source.split("\n") if MARKED in each)
    assert line in result.text.split("\n")
    is_built = free.records[0].style == "built"
    assert line.removesuffix(MARKED) not in free.text.split("\n") or is_built
    assert result.records[0].status == "split"


def test_a_padding_whose_convolution_a_function_builds() -> None:
    source = model(
        f"{PAD}\nself.conv = conv(16)  # gencode: skip",
        "return self.conv(self.pad(x))",
        top="def conv(c):\n    return nn.Conv1d(c, 32, 3, groups=2)",
    )
    assert "self.pad = copy_padding(" in split(source.replace(MARKED, "")).text
    assert assert_unchanged(source).records[0].status == "skipped"


def test_another_convolution_of_the_same_attribute() -> None:
    init = "if x:\n    self.conv = NEW  # gencode: skip\nelse:\n    self.conv = NEW"
    one, other = split(model(init)).records
    assert one.status == "skipped"
    assert (other.style, other.note) == (
        "built",
        "self.conv is also assigned or deleted elsewhere (line 10)",
    )


def test_a_function_that_builds_it_elsewhere() -> None:
    top = """
        def conv(c):
            return nn.Conv2d(c, 32, 3, groups=2)

        class Block(nn.Module):
            def __init__(self, c):
                super().__init__()
                self.conv = nn.Conv2d(c, 32, 3, groups=2)
        """
    init = "self.a = conv(16)  # gencode: skip\nself.b = [Block(16), conv(1), Block(1)]"
    assert not split(model(init.replace(MARKED, ""), top=top)).warnings
    init += MARKED
    found = [(each.line, each.message) for each in split(model(init, top=top)).warnings]
    assert found == [
        (18, "# gencode: skip (line 18) does not hold for what Block builds (line 11)"),
    ]
    of_function, of_block = split(model(init, top=top)).records
    assert (of_function.status, of_block.status) == ("skipped", "split")
    assert of_function.detail == (
        "Net.a: # gencode: skip (line 17); conv(1): # gencode: skip (line 18)"
    )


@pytest.mark.parametrize(
    "top",
    [
        "from functools import partial\nconv = partial(nn.Conv2d, kernel_size=1, groups=2)",
        "def conv(c, d):\n    return nn.Conv2d(c, d, 1, groups=2)",
    ],
)
def test_nothing_is_split_where_what_is_left_alone_is_built_too(top: str) -> None:
    init = "a = conv(4, 4)\nself.net = nn.Sequential(conv(4, 4), nn.ReLU(), a)  # gencode: skip"
    (record,) = assert_unchanged(model(init, "return self.net(x)", top)).records
    assert record.status == "left"
    assert "# gencode: skip" in record.detail


def test_what_a_function_builds_for_another_too() -> None:
    top = "def conv(c):\n    return nn.Conv2d(c, 32, 3, groups=2)"
    init = "self.conv = conv(16)\nself.kept = conv(16)  # gencode: skip"
    result = split(model(init, top=top))
    assert result.records[0].note.endswith("Net.kept: # gencode: skip (line 11)")
    assert bodies(result.text) == bodies(model(f"{init}\n{LINE}", top=top))
    init = "if x:\n    self.conv = conv(16)\nelse:\n    self.conv = conv(16)  # gencode: skip"
    result = split(model(init, top=top))
    assert "    self.conv = split_conv(conv(16))\n" in result.text
    assert "    self.conv = conv(16)  # gencode: skip\n" in result.text
    assert LINE not in result.text


@pytest.mark.parametrize("style", ["explicit", "loop", "built", "auto"])
def test_a_style_for_one(style: Style) -> None:
    init = "self.a = NEW  # gencode: style=STYLE\nself.b = nn.Conv2d(64, 64, 3, groups=16)"
    result = split(model(init.replace("STYLE", style), "return self.a(self.b(x))"))
    a, b = result.records
    assert a.style == ("explicit" if style == "auto" else style)
    assert a.note == f"style={style} by its comment (line 9)"
    assert (b.style, b.note) == ("loop", "")
    assert f"  # gencode: style={style}\n" in result.text


@pytest.mark.parametrize("spelling", ["#gencode:style=module", "# gencode: style  =  built (why)"])
def test_spellings_of_a_style(spelling: str) -> None:
    assert split(model(f"{CONV}  {spelling}")).records[0].style == "built"


def test_more_groups_than_are_written_out_by_themselves() -> None:
    conv = "self.conv = nn.Conv2d(64, 64, 3, groups=16)  # gencode: style=explicit"
    assert len(split(model(conv)).records[0].branches) == 16


def test_a_style_that_cannot_be_written() -> None:
    (record,) = split(model(f"{CONV}  # gencode: style=loop", "return f'{self.conv(x)}'")).records
    assert record.style == "built"
    assert record.note == (
        "style=loop by its comment (line 9); it is called inside an f-string (line 12)"
    )
    for asked in ("loop", "explicit"):
        conv = f"self.conv = nn.Conv2d(c, c, 3, groups=g)  # gencode: style={asked}"
        assert split(model(conv)).records[0].style == "built"


def test_the_nearest_style_is_taken() -> None:
    source = """\
        # gencode: style=loop
        import torch.nn as nn
        # gencode: style=built
        class Net(nn.Module):
            def __init__(self):  # gencode: style=explicit
                super().__init__()
                self.a = NEW
                self.b = NEW  # gencode: style=auto
                self.c = NEW  # gencode: style=loop  # gencode: skip

            def more(self):
                self.d = NEW

            def forward(self, x):
                return self.d(self.c(self.b(self.a(x))))

        class Other(nn.Module):
            def __init__(self):
                super().__init__()
                self.e = NEW

            def forward(self, x):
                return self.e(x)
        """
    result = split(source, Options(style="explicit", checkpoint=False))
    styles = {each.name: each.style for each in result.records}
    explicit = {"Net.a": "explicit", "Net.b": "explicit", "Net.c": None}
    assert styles == {**explicit, "Net.d": "built", "Other.e": "loop"}
    note = "style=loop by the comment at the top of the file (line 1)"
    assert record_of(result, "Other.e").note == note


def test_assignments_in_different_styles() -> None:
    init = "if x:\n    self.conv = NEW  # gencode: style=loop\nelse:\n    self.conv = NEW{}"
    one, other = split(model(init.format(""))).records
    assert one.style == other.style == "built"
    assert one.note == (
        "style=loop by its comment (line 10); self.conv is assigned several convolutions"
    )
    assert other.note == "self.conv is assigned several convolutions"


def test_a_comment_of_a_style_stays_where_its_statement_goes() -> None:
    init = f"{CONV}\n{NORM}"
    for comment in ("# gencode: style=loop", "# gencode: style=explicit"):
        forward = f"x = self.conv(x)\n{comment}\nx = self.bn(x)  {comment}\n\nreturn x"
        above = f"{comment}\n{CONV}  {comment}\n{NORM}"
        for options in (BARE, Options(style="loop")):
            assert split(model(init, forward), options).text.count(comment) == 2
            assert split(model(above), options).text.count(comment) == 2


def test_what_is_emitted_holds_no_such_comment() -> None:
    assert "gencode:" not in helper_source()


def edits_of(source: Source) -> list[Edit]:
    """One of each kind in the first statement, and one that inserts."""
    statement = source.tree.body[1]
    call = getattr(statement, "value")  # noqa: B009
    return [
        CallEdit(call, lambda _: Replacement("")),
        TextEdit(call, call, str),
        Removal(statement),
        Insertion(source.span(statement).start + 2, str),
    ]


@pytest.mark.parametrize("number", range(4))
def test_no_edit_goes_against_a_comment(number: int) -> None:
    for mark in ("skip", "style=loop"):
        text = f"import x\ny = f()  # gencode: {mark}\n"
        source = Source(text, parse(text))
        rewrites = [Rewrite((), (edits_of(source)[number],))]
        if mark == "skip":
            with pytest.raises(SourceError) as raised:
                check_left_alone(source, Directives(source), rewrites)
            assert (raised.value.line, raised.value.column) == (2, 10)
        else:
            check_left_alone(source, Directives(source), rewrites)
