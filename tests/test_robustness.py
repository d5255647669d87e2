"""Sources that are odd or enormous: one clear line each, and nothing is lost."""

from __future__ import annotations

import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

import gencode
from cases import CONV, model
from gencode import FileError, Options, SourceError
from gencode.command import main
from sources import BOTH, BROKEN, GROUPED, PLAIN, SPLIT, on_disk, text, write


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def nested(depth: int) -> dict[str, str]:
    """Sources with a grouped convolution and one deep expression, beside it or around it."""
    blocks = min(depth, 1200)  # whose text is the square of it
    body = {
        "parentheses": f"x = {'(' * depth}1{')' * depth}",
        "lists": f"x = {'[' * depth}{']' * depth}",
        "minus": f"x = {'-' * depth}1",
        "not": f"x = {'not ' * depth}1",
        "attributes": f"x = a{'.b' * depth}",
        "sum": f"x = {'1 + ' * depth}1",
        "blocks": "".join(f"{' ' * level}if x:\n" for level in range(blocks)) + " " * blocks + "x",
    }
    call = {
        "sum of it": f"return self.conv(x){' + x' * depth}",
        "sum in it": f"return self.conv({'x + ' * depth}x)",
        "calls around it": f"return {'f(' * depth}self.conv(x){')' * depth}",
        "chain from it": f"return self.conv(x){'.relu()' * depth}",
        "not of it": f"return {'not ' * depth}self.conv(x)",
        "choice of it": f"return self.conv(x){' if x else y' * depth}",
        "power of it": f"return self.conv(x){' ** x' * depth}",
        "lambda around it": f"return {'lambda: ' * depth}self.conv(x)",
        "strings beside it": "return self.conv(x)," + " ''" * depth,
        "branches before it": "if x:\n    y\n" + "elif x:\n    y\n" * depth + "return self.conv(x)",
    }
    init = {
        "minus in it": f"bias={'-' * depth}1",
        "sum as groups": f"groups={'0 + ' * depth}2",
        "attributes in it": f"bias=a{'.b' * depth}",
    }
    made = {name: f"{GROUPED}\n{each}\n" for name, each in body.items()}
    made |= {name: model(CONV, each) for name, each in call.items()}
    made |= {
        name: model(
            f"self.conv = nn.Conv2d(16, 16, 3, groups=2, {each})".replace("groups=2, g", "g")
        )
        for name, each in init.items()
    }
    return made


# The depths at which, in one Python or another, its parser, its tree, or what is done with the
# tree come to their ends.
@pytest.mark.parametrize("depth", [90, 250, 1200, 6000, 20_000])
def test_deep_nesting_never_crashes(depth: int) -> None:
    sources = nested(depth)
    files = {f"{name.replace(' ', '_')}.py": each for name, each in sources.items()}
    write(files)
    done = subprocess.run(
        [sys.executable, "-m", "gencode", "-i", *files], capture_output=True, text=True
    )
    assert done.returncode in (0, 3, 123)
    assert "Traceback" not in done.stderr
    for name, source in files.items():
        said = [each for each in done.stderr.splitlines() if each.startswith(f"{name}:")]
        said = [each for each in said if "too much in this file to follow" not in each]
        assert len(said) == 1, said
        assert (text(name) == source) is (" split into " not in said[0])
        compile(text(name), name, "exec") if " split into " in said[0] else None
        assert len(said[0]) < 200
    if depth == 90:
        assert done.returncode == 0, done.stderr
    if depth > 6000:
        assert done.returncode == 123


def test_what_is_too_deep_for_the_tokenizer_only(monkeypatch) -> None:
    def refused(_: object) -> None:
        raise tokenize.TokenError("too many nested parentheses", (1, 1))

    monkeypatch.setattr("gencode.rewriting.formatting.tokenize.generate_tokens", refused)
    with pytest.raises(SourceError, match="nested too deeply"):
        gencode.split_source(GROUPED)


def test_what_parentheses_that_black_adds_make_too_deep(monkeypatch) -> None:
    def refused(_: str) -> None:
        raise SyntaxError("too many nested parentheses")

    monkeypatch.setattr("gencode.rewriting.rewrite.compiled", refused)
    with pytest.raises(SourceError, match="nested too deeply"):
        gencode.split_source(GROUPED)


@pytest.mark.parametrize("conv", [True, False])
def test_a_huge_source(conv: bool) -> None:
    # As large as 30 MB, most of which is data: one long string, and one on many lines.
    data = f"a = '{'x' * 15_000_000}'\nb = '''\n{('y' * 99 + chr(10)) * 150_000}'''\n"
    write({"a.py": data + (GROUPED if conv else PLAIN)})
    assert main(["-i", "a.py"]) == 0
    assert text("a.py").startswith(data)
    assert text("a.py").endswith("torch.cat((conv_0, conv_1), dim=1)\n" if conv else PLAIN)


def test_a_null_byte_has_a_place(capsys) -> None:
    write({"a.py": "x = 1\ny = '\0'\n"})
    assert main(["-i", "a.py"]) == 123
    assert capsys.readouterr().err == "a.py:2:6: it has a null byte\n    y = '?'\n         ^\n"


def test_a_null_byte_in_a_name() -> None:
    with pytest.raises(gencode.FileError, match=r"cannot be read: .*null"):
        gencode.split_file("a\0.py")


def test_a_huge_line_that_is_wrong_is_not_shown(capsys) -> None:
    write({"a.py": f"a = '{'x' * 1_000_000}' 3\n"})
    assert main(["-i", "a.py"]) == 123
    assert capsys.readouterr().err == "a.py:1:1000008: invalid syntax\n"
    write({"a.py": "a = 1\n" * 300_000 + "b = = 3\n"})
    assert main(["-i", "a.py"]) == 123
    assert capsys.readouterr().err == ("a.py:300001:5: invalid syntax\n    b = = 3\n        ^\n")


def test_a_source_that_memory_does_not_hold(monkeypatch, capsys) -> None:
    def exhausted(_: str) -> None:
        raise MemoryError

    write({"a.py": GROUPED})
    monkeypatch.setattr("gencode.reading.parsing.ast.parse", exhausted)
    assert main(["-i", "a.py"]) == 123
    assert capsys.readouterr().err == "a.py: it is nested too deeply, or too large\n"


@pytest.mark.parametrize(
    ("data", "start"),
    [
        (b"\0", "a.py"),
        (b"x = 1\n\0\n", "a.py"),
        (GROUPED.encode() + b"\0", "a.py"),
        (b"\xff\xfe" + GROUPED.encode("utf-16-le"), "a.py: cannot be decoded: "),
        (b"\x7fELF\x02\x01\x01", "a.py:1:1: "),
        (b"'\x1b[31m\x03'\n]\n", "a.py:2:1: unmatched ']'\n    ]\n    ^\n"),
        (b"]\x1b[31m\x03\n", "a.py:1:1: unmatched ']'\n    ]?[31m?\n    ^\n"),
        (b"\x1f\x8b\x08", "a.py: cannot be decoded: "),
        (b"\r" * 9 + b"x = (\r\n\r\n", "a.py:10:5: '(' was never closed\n    x = (\n        ^\n"),
        (b"if x:\n\ty\n        z\n", "a.py:3:"),
        (b"\xef\xbb\xbf\xef\xbb\xbfx = 1\n", "a.py:1:1: "),
        (b"x = 1 \x1a\n", "a.py:1:7: "),
        (b"# coding: utf-16\nx = 1\n", "a.py: "),
        (b"\xef\xbb\xbf# coding: latin-1\nx = 1\n", "a.py: cannot be decoded: "),
        (b"# coding: utf-8\n# \xe9\n", "a.py: "),
        (b"# coding: \n" * 3 + b"\xe9\n", "a.py: is not utf-8, and has no encoding cookie"),
    ],
)
def test_what_is_no_source(data: bytes, start: str, capsys) -> None:
    write({"a.py": data, "b.py": GROUPED})
    assert main(["-i", "a.py", "b.py"]) == 123
    said = capsys.readouterr().err
    assert said.startswith(start)
    assert "Traceback" not in said
    assert "\0" not in said
    assert Path("a.py").read_bytes() == data
    assert text("b.py") == SPLIT


def test_a_name_as_long_as_names_can_be_and_odd_ones() -> None:
    names = ["x" * 252 + ".py", "a b.py", "-x.py", "\n.py", "caf\xe9.py", "\udcff.py", "*.py"]
    write(dict.fromkeys(names, GROUPED))
    assert main(["-i", "."]) == 0
    assert {text(name) for name in names} == {SPLIT}
    write(dict.fromkeys(names, GROUPED))
    assert main(["-i", "--", *names]) == 0
    assert {text(name) for name in names} == {SPLIT}
    assert set(on_disk()) == set(names)
    assert main(["-i", "x" * 300 + ".py"]) == 123


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_full_devices(capsys) -> None:
    write({"a.py": GROUPED})
    assert main(["a.py", "-o", "/dev/full"]) == 123
    assert capsys.readouterr().err == "/dev/full: cannot be written: No space left on device\n"
    for option in ("--diff", "--list"):
        with Path("/dev/full").open("w", encoding="utf-8") as full:
            done = subprocess.run(
                [sys.executable, "-m", "gencode", option, "a.py"],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
            )
        assert done.returncode == 123
        assert done.stderr.startswith("<stdout>: cannot be written: No space left on device\n")


# From Python


def test_a_file_is_split_from_python(tmp_path: Path) -> None:
    write({"a.py": GROUPED})
    split = gencode.split_file("a.py")
    assert split.before == GROUPED.encode()
    assert split.after == SPLIT.encode()
    assert split.result == gencode.split_source(GROUPED)
    assert list(on_disk()) == ["a.py"]
    written = gencode.split_file(tmp_path / "a.py", Path("out.py"))
    assert text("out.py") == f"# Generated by gencode from a.py.\n{SPLIT}"
    assert written.after == Path("out.py").read_bytes()
    assert written.result == split.result
    assert gencode.split_file("a.py", "./a.py").after == SPLIT.encode()
    assert text("a.py") == SPLIT
    again = gencode.split_file("a.py", "again.py")
    assert again.after is again.before
    assert text("again.py") == SPLIT


def test_options_from_python_are_all_that_counts() -> None:
    write({"a.py": GROUPED, "pyproject.toml": "[tool.gencode]\nstyle = 'loop'\n"})
    loop = gencode.split_source(GROUPED, Options(style="loop"))
    assert gencode.split_file("a.py").result == loop
    assert gencode.split_file("a.py", options=Options()).after == SPLIT.encode()
    write({"pyproject.toml": "[tool.gencode]\nstlye = 'loop'\n"})
    with pytest.raises(gencode.ConfigError, match="there is no key stlye; did you mean style"):
        gencode.split_file("a.py", "out.py")
    assert gencode.split_file("a.py", options=Options()).after == SPLIT.encode()
    with pytest.raises(gencode.TemplateError):
        gencode.split_file("a.py", "out.py", Options(templates=Path("missing")))
    assert not Path("out.py").exists()


@pytest.mark.parametrize(
    ("data", "output", "error", "message"),
    [
        (None, "out.py", FileError, "cannot be read: No such file or directory"),
        (b"'\xff'", "out.py", FileError, "cannot be decoded: "),
        (BROKEN.encode(), "out.py", SourceError, "invalid syntax"),
        (GROUPED.encode(), "missing/out.py", FileError, "cannot be written: No such file or dir"),
        (GROUPED.encode(), "mine", FileError, "cannot be written: Is a directory"),
    ],
)
def test_errors_from_python(
    data: bytes | None, output: str, error: type[Exception], message: str
) -> None:
    Path("mine").mkdir()
    if data is not None:
        write({"a.py": data})
    with pytest.raises(error) as caught:
        gencode.split_file("a.py", output)
    assert str(caught.value).startswith(message)
    assert set(on_disk()) <= {"a.py", "mine"}


def test_a_text_that_no_file_can_hold() -> None:
    with pytest.raises(SourceError, match="surrogates not allowed"):
        gencode.split_source("x = '\ud800'\n")


def test_a_source_is_listed_from_python(monkeypatch) -> None:
    expected = gencode.split_source(BOTH)
    monkeypatch.setattr("gencode.rewriting.rewrite.rewritten", lambda *_: pytest.fail("rewrites"))
    listed = gencode.list_source(BOTH)
    assert listed.text is BOTH
    assert listed.records == expected.records
    assert listed.warnings == expected.warnings
    assert gencode.list_source(PLAIN).records == ()
    assert gencode.list_source(BOTH, Options(style="loop")).records[0].style == "loop"
    assert gencode.list_source(BOTH, Options(templates=Path("missing"))).records
    with pytest.raises(SourceError):
        gencode.list_source(BROKEN)
