"""Sources that Python parses, and refuses only when it compiles them."""

from __future__ import annotations

import warnings

import pytest

import gencode
from cases import CONV, assert_unchanged, model
from gencode import SourceError, list_source, split_source
from gencode.command import main
from sources import GROUPED, PLAIN, text, write

WRONG = [
    ("return 1", 1, "'return' outside function"),
    ("'ü'; return 1", 6, "'return' outside function"),
    ("await f()", 1, "'await' outside function"),
    ("nonlocal x", 1, "nonlocal declaration not allowed at module level"),
    ("def f(a, a): pass", 10, "duplicate argument 'a' in function definition"),
    ("break", 1, "'break' outside loop"),
    ("f(a=1, a=2)", 8, "keyword argument repeated"),
    ("def ü(): global x; x = 1; global x", 27, "name 'x' is assigned to before global"),
]
FUTURE = "from __future__ import nope\n"


@pytest.mark.parametrize(("statement", "column", "message"), WRONG)
@pytest.mark.parametrize("split", [split_source, list_source])
def test_what_only_compiling_finds_is_an_error_like_any(
    split, statement: str, column: int, message: str
) -> None:
    with pytest.raises(SourceError) as caught:
        split(f"{GROUPED}{statement}\n")
    error = caught.value
    assert error.message.startswith(message)
    assert (error.line, error.source_line) == (GROUPED.count("\n") + 1, statement)
    if statement != "f(a=1, a=2)" or error.column > 1:  # which not every Python places
        assert error.column == column


def test_an_unknown_feature() -> None:
    with pytest.raises(SourceError, match="future feature nope is not defined") as caught:
        split_source(FUTURE + GROUPED)
    assert (caught.value.line, caught.value.source_line) == (1, FUTURE.rstrip())


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_it_is_said_of_the_file_and_leaves_it_and_the_others_go_on(
    line_end: str, tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    source = f"x = 1\nreturn x\n{GROUPED}".replace("\n", line_end)
    write({"a.py": source, "b.py": GROUPED})
    assert main(["-i", "a.py", "b.py"]) == 123
    said = capsys.readouterr().err
    assert said.startswith("a.py:2:1: 'return' outside function\n    return x\n    ^\n")
    assert text("a.py") == source
    assert text("b.py") != GROUPED
    for option in ("--check", "--list", "--diff"):
        assert main([option, "a.py"]) == 123


def test_where_all_is_kept_it_is_an_error_too() -> None:
    with pytest.raises(SourceError):
        split_source(model("self.conv = nn.Conv2d(8, 8, 3, groups=8)") + "return 1\n")


def test_where_there_is_no_grouped_convolution_nothing_is_compiled(monkeypatch) -> None:
    monkeypatch.setattr("gencode.reading.parsing.compiled", lambda _: pytest.fail("compiles"))
    for source in (PLAIN, model("self.conv = nn.Conv2d(8, 8, 3, groups=1)"), "return 1\n"):
        assert_unchanged(source)


def test_no_warning_of_the_compiler_is_shown_or_raised(capfd) -> None:
    source = model(CONV, r"assert (x is 1, '\d')" + "\nreturn self.conv(x)")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = split_source(source)
    assert result.records[0].status == "split"
    assert capfd.readouterr().err == ""


def test_features_of_gencode_s_own_modules_do_not_hold_for_a_source() -> None:
    # Under ``from __future__ import annotations``, which gencode uses, this would be taken.
    with pytest.raises(SourceError, match="'yield'"):
        split_source(f"{GROUPED}x: (yield)\n")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RecursionError(), "nested too deeply"),
        (MemoryError(), "nested too deeply, or too large"),
        (ValueError("no such value"), "no such value"),
        (SyntaxError("wrong\nin two lines"), "wrong$"),
        (SyntaxError("wrong", ("", 10**6, 1, "")), "wrong$"),
    ],
)
def test_other_errors_of_the_compiler(error: Exception, message: str, monkeypatch) -> None:
    def refused(_: object) -> None:
        raise error

    monkeypatch.setattr("gencode.reading.parsing.compiled", refused)
    with pytest.raises(SourceError, match=message):
        gencode.split_source(GROUPED)
