"""``[tool.gencode]`` of pyproject.toml: what each key does, where it holds, and what is faulty."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

import gencode
from cases import CONV, model
from gencode import Options
from gencode.command import main
from sources import GROUPED, LEFT, PLAIN, SPLIT, deny, on_disk, text, write

FIVE = model("self.conv = nn.Conv2d(10, 10, 3, groups=5)")
NORM = model(CONV + "\nself.bn = nn.BatchNorm2d(32)", "return self.bn(self.conv(x))")
TEMPLATE = (Path(gencode.templates.__path__[0]) / "explicit.py.jinja").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def configure(lines: str, directory: str = ".") -> None:
    write({"pyproject.toml": f"[tool.gencode]\n{lines}\n"}, directory)


def split(source: str, **options: object) -> str:
    return gencode.split_source(source, Options(**options)).text


def fails(capsys, *arguments: str) -> str:
    """What is said of a run that ends before anything is done."""
    was = on_disk()
    assert main(list(arguments)) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("gencode: ") and err.count("\n") == 1
    assert on_disk() == was
    return err.removeprefix("gencode: ").rstrip("\n")


@pytest.mark.parametrize(
    ("line", "typed", "source", "options"),
    [
        ('style = "loop"', ["--style", "loop"], GROUPED, {"style": "loop"}),
        ('style = "module"', ["--style", "module"], GROUPED, {"style": "built"}),
        ("max-unroll = 5", ["--max-unroll", "5"], FIVE, {"max_unroll": 5}),
        ("checkpoint = false", ["--no-checkpoint"], GROUPED, {"checkpoint": False}),
        ("norm = false", ["--no-norm"], NORM, {"norm": False}),
        ('templates = "mine"', ["--templates", "mine"], GROUPED, {"templates": Path("mine")}),
    ],
)
def test_a_key_does_what_its_option_does(
    line: str, typed: list[str], source: str, options: dict[str, object], capsys
) -> None:
    write({"model.py": source, "mine/explicit.py.jinja": TEMPLATE.replace(" = {{", " = 0 or {{")})
    assert main(["model.py"]) == 0
    default = capsys.readouterr().out
    assert main(["model.py", *typed]) == 0
    by_option = capsys.readouterr().out
    configure(line)
    assert main(["model.py"]) == 0
    assert capsys.readouterr().out == by_option
    assert by_option == split(source, **options) != default


def test_templates_are_relative_to_the_file(capsys, monkeypatch, tmp_path: Path) -> None:
    write({"project/mine/explicit.py.jinja": "{%", "project/a/model.py": GROUPED})
    configure('templates = "mine"', "project")
    for directory in (".", "project", "project/a"):
        monkeypatch.chdir(tmp_path / directory)
        path = os.path.relpath(tmp_path / "project/a/model.py")
        assert "template explicit.py.jinja line 1: " in fails(capsys, "-i", path)
    monkeypatch.chdir(tmp_path)
    configure('templates = "none"', "project")
    assert fails(capsys, "-i", "project/a/model.py") == (
        f"{tmp_path}/project/pyproject.toml: [tool.gencode]:"
        " templates is a directory, which none is not"
    )


def test_the_nearest_file_with_the_table_holds(capsys) -> None:
    configure('style = "loop"')
    write({"a/b/c/model.py": GROUPED, "a/b/pyproject.toml": "[tool.black]\n[project]\n"})
    loop = split(GROUPED, style="loop")

    def printed() -> str:
        assert main(["a/b/c/model.py"]) == 0
        return capsys.readouterr().out

    assert printed() == loop
    configure("checkpoint = false", "a")
    assert printed() == split(GROUPED, checkpoint=False)  # and nothing of what is further up
    configure("", "a/b/c")
    assert printed() == SPLIT
    write({"a/b/c/pyproject.toml": "tool = 3 # gencode\n"})
    assert printed() == split(GROUPED, checkpoint=False)


def test_the_directory_of_the_file_counts_and_not_the_one_of_the_command(
    capsys, monkeypatch, tmp_path: Path
) -> None:
    write({"a/model.py": GROUPED, "b/model.py": GROUPED, "c/model.py": GROUPED})
    configure('style = "loop"', "a")
    configure("checkpoint = false", "b")
    monkeypatch.chdir(tmp_path / "b")
    assert main(["-i", "../a/model.py", "model.py", "../c/model.py"]) == 0
    assert text("../a/model.py") == split(GROUPED, style="loop")
    assert text("model.py") == split(GROUPED, checkpoint=False)
    assert text("../c/model.py") == SPLIT
    # In a directory too.
    write({"a/model.py": GROUPED, "b/model.py": GROUPED}, "..")
    assert main([str(tmp_path), "-o", "../out"]) == 0
    assert text("../out/a/model.py").endswith(split(GROUPED, style="loop"))
    assert text("../out/b/model.py").endswith(split(GROUPED, checkpoint=False))


def test_standard_input_is_a_file_of_the_working_directory(capsys, monkeypatch, tmp_path) -> None:
    configure('style = "loop"\nexclude = ["*"]', "a")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GROUPED.encode())))
    monkeypatch.chdir(tmp_path / "a")
    assert main(["-"]) == 0
    assert capsys.readouterr().out == split(GROUPED, style="loop")


@pytest.mark.parametrize(
    ("line", "typed", "source", "options"),
    [
        ('style = "loop"', ["--style", "auto"], GROUPED, {}),
        ("max-unroll = 5", ["--max-unroll", "4"], FIVE, {}),
        ("checkpoint = false", ["--checkpoint"], GROUPED, {}),
        ("norm = false", ["--norm"], NORM, {}),
        ("checkpoint = true", ["--no-checkpoint"], GROUPED, {"checkpoint": False}),
        ('style = "loop"\nnorm = false', ["--norm"], NORM, {"style": "loop"}),
    ],
)
def test_the_command_line_wins(
    line: str, typed: list[str], source: str, options: dict[str, object], capsys
) -> None:
    configure(line)
    write({"model.py": source})
    assert main(["model.py", *typed]) == 0
    assert capsys.readouterr().out == split(source, **options)


STYLES = "auto, explicit, loop, built"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("stlye = 'loop'", "there is no key stlye; did you mean style?"),
        ("max_unroll = 3", "there is no key max_unroll; did you mean max-unroll?"),
        ("excludes = []", "there is no key excludes; did you mean exclude?"),
        ("'' = 1", "there is no key ; did you mean "),
        ("style = 'round'", f"style is one of {STYLES}, not 'round'"),
        ("style = ['loop']", f"style is one of {STYLES}, not ['loop']"),
        ("max-unroll = 0", "max-unroll is a number from 1, not 0"),
        ("max-unroll = true", "max-unroll is a number from 1, not True"),
        ("max-unroll = 2.0", "max-unroll is a number from 1, not 2.0"),
        ("max-unroll = '2'", "max-unroll is a number from 1, not '2'"),
        ("checkpoint = 0", "checkpoint is true or false, not 0"),
        ("norm = 'no'", "norm is true or false, not 'no'"),
        ("templates = 3", "templates is a string, not 3"),
        ("templates = ''", "templates is a string, not ''"),
        ('templates = "a\\u0000b"', "templates is a string, not 'a\\x00b'"),
        ("templates = 'model.py'", "templates is a directory, which model.py is not"),
        ("exclude = 'a.py'", "exclude is a list of patterns, not 'a.py'"),
        ("exclude = ['a.py', 3]", "exclude is a list of patterns, not ['a.py', 3]"),
        ("helper-module = []", "helper-module is a string, not []"),
        ("helper-module = 'a b'", "helper-module is the name of a module, which 'a b' is not"),
        ("generate = 3", "generate is a list of tables: [[tool.gencode.generate]]"),
        ("generate = {source = 'a', output = 'b'}", "generate is a list of tables: "),
        ("generate = ['a']", "generate is a list of tables with source and output, not of 'a'"),
        (
            "[[tool.gencode.generate]]\nsource = 'a'",
            "generate has a table without a path as output",
        ),
        (
            "[[tool.gencode.generate]]\noutput = 'a'",
            "generate has a table without a path as source",
        ),
        (
            "[[tool.gencode.generate]]\nsource = ''\noutput = 'a'",
            "generate has a table without a path as source",
        ),
        (
            "[[tool.gencode.generate]]\nsource = 'a'\noutput = 3",
            "generate has a table without a path as output",
        ),
        (
            '[[tool.gencode.generate]]\nsource = "a\\u0000"\noutput = "b"',
            "generate has a table without a path as source",
        ),
        (
            "[[tool.gencode.generate]]\nsource = 'a'\noutput = 'b'\nstyle = 'loop'",
            "generate has a table that is faulty: there is no key style; did you mean source?",
        ),
        (
            "[[tool.gencode.generate]]\nsource = 'a'\noutput = './x/../a'",
            "generate would write a over itself",
        ),
        (
            "[[tool.gencode.generate]]\nsource = 'a'\noutput = 'x/c'\n"
            "[[tool.gencode.generate]]\nsource = 'b'\noutput = './x/c'",
            "generate writes x/c twice",
        ),
    ],
)
def test_a_faulty_table_is_named_before_anything_is_written(
    line: str, message: str, capsys, tmp_path: Path
) -> None:
    write({"model.py": GROUPED, "deep/down/model.py": GROUPED})
    configure(line, "deep")
    write({"deep/model.py": GROUPED, "deep/down/pyproject.toml": ""})
    start = f"{tmp_path}/deep/pyproject.toml: [tool.gencode]: {message}"
    assert fails(capsys, "-i", "model.py", "deep/down/model.py").startswith(start)
    assert fails(capsys, "-i", ".").startswith(start)
    assert fails(capsys, ".", "-o", "out").startswith(start)
    assert fails(capsys, "--check", "deep/model.py").startswith(start)
    # One that holds for no file that is asked for is no matter.
    assert main(["-i", "model.py"]) == 0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[tool.gencode\n", "Expected ']'"),
        (b"[tool.gencode]\nstyle = 'loop'\nstyle = 'loop'\n", "Cannot overwrite a value"),
        (b"tool.gencode = 3\n", "tool.gencode is not a table"),
        (b"[[tool.gencode]]\n", "tool.gencode is not a table"),
        (b"# gencode \xff\n", "is not UTF-8"),
    ],
)
def test_a_file_that_is_not_toml(data: bytes, message: str, capsys, tmp_path: Path) -> None:
    write({"model.py": GROUPED, "pyproject.toml": data})
    said = fails(capsys, "-i", "model.py")
    assert said.startswith(f"{tmp_path}/pyproject.toml: {message}")
    # What is faulty elsewhere in it is no matter.
    write({"pyproject.toml": data.replace(b"gencode", b"g")})
    assert main(["model.py"]) == (2 if b"\xff" in data else 0)


def test_a_file_with_a_byte_order_mark_and_crlf(capsys) -> None:
    write({"model.py": GROUPED})
    write({"pyproject.toml": b"\xef\xbb\xbf[tool.gencode]\r\nstyle = 'loop'\r\n"})
    assert main(["model.py"]) == 0
    assert capsys.readouterr().out == split(GROUPED, style="loop")


def test_a_file_that_cannot_be_read(capsys, tmp_path: Path) -> None:
    write({"model.py": GROUPED})
    Path("pyproject.toml").symlink_to("missing")
    assert fails(capsys, "-i", "model.py") == (
        f"{tmp_path}/pyproject.toml: cannot be read: No such file or directory"
    )


# Exclusions


def test_exclusions_are_relative_to_the_file(capsys, monkeypatch, tmp_path: Path) -> None:
    names = ("a.py", "b.py", "old/a.py", "new/old/a.py", "new/a.py")
    write(dict.fromkeys(names, GROUPED), "project")
    configure('exclude = ["/a.py", "/old/", "!/old/b.py", "new/a.py"]', "project")
    left = ["a.py", "new/a.py", "old/a.py"]
    for directory in (".", "project", "project/new"):
        monkeypatch.chdir(tmp_path / directory)
        root = Path(os.path.relpath(tmp_path / "project"))
        every = [str(root / name) for name in names]
        for arguments, are_named in [(every, True), ([str(root)], False)]:
            write(dict.fromkeys(names, GROUPED), str(root))
            assert main(["-i", *arguments]) == 0
            said = capsys.readouterr().err
            assert [name for name in sorted(names) if text(root / name) == GROUPED] == left
            skipped = [each for each in said.splitlines() if " skipped: it is excluded" in each]
            assert len(skipped) == (3 if are_named else 0)
            assert "2 split; 3 excluded; " in said


def test_the_directory_of_what_is_generated_is_made() -> None:
    write({"a.py": GROUPED, "real/x": ""})
    Path("gen").symlink_to("real")
    configure(
        '[[tool.gencode.generate]]\nsource = "a.py"\noutput = "new/deep/a.py"\n'
        '[[tool.gencode.generate]]\nsource = "a.py"\noutput = "gen/a.py"'
    )
    assert main(["--check"]) == 1
    assert not Path("new").exists()
    assert main([]) == 0
    assert text("new/deep/a.py") == text("real/a.py")
    assert Path("gen").is_symlink()
    write({"file": ""})
    configure('[[tool.gencode.generate]]\nsource = "a.py"\noutput = "file/a.py"')
    assert main([]) == 123


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("a.py", "b.py"), ("b.py", "c.py")], "has b.py as a source, which is generated itself"),
        ([("b.py", "c.py"), ("a.py", "b.py")], "has b.py as a source, which is generated itself"),
        ([("m", "out"), ("a.py", "out/a.py")], "writes out twice"),
        ([("a.py", "out/a.py"), ("m", "out")], "writes out/a.py twice"),
        ([("a.py", "link.py")], "would write a.py over itself"),
        ([("a.py", "pyproject.toml")], "would write over pyproject.toml, with pyproject.toml"),
        ([("m", ".")], "would write over pyproject.toml, with ."),
    ],
)
def test_pairs_that_contradict_each_other(pairs, message: str, capsys) -> None:
    write({"a.py": GROUPED, "m/a.py": GROUPED})
    Path("link.py").symlink_to("a.py")
    configure("".join(PAIR.format(*each) for each in pairs))
    was = on_disk()
    assert main([]) == 2
    assert f"generate {message}" in capsys.readouterr().err
    assert on_disk() == was


PAIR = '[[tool.gencode.generate]]\nsource = "{}"\noutput = "{}"\n'


def test_outputs_are_not_read_again() -> None:
    write({"models/a.py": GROUPED, "models/b.py": GROUPED})
    pairs = [("models", "models/one"), ("models", "models/two"), ("models/b.py", "models/c.py")]
    configure("".join(PAIR.format(*each) for each in pairs))
    assert main([]) == 0
    done = sorted(each for each in on_disk() if Path(each).is_file())
    assert done == [
        *("models/a.py", "models/b.py", "models/c.py"),
        *("models/one/a.py", "models/one/b.py", "models/two/a.py", "models/two/b.py"),
        "pyproject.toml",
    ]
    assert main(["--check"]) == 0
    assert main([]) == 0
    assert sorted(each for each in on_disk() if Path(each).is_file()) == done


def test_what_something_is_generated_from_is_not_rewritten_in_place(capsys) -> None:
    write({"a.py": GROUPED, "models/b.py": GROUPED, "c.py": GROUPED})
    configure(PAIR.format("a.py", "x.py") + PAIR.format("models", "y"))
    assert main([]) == 0
    capsys.readouterr()
    assert main(["-i", "a.py", "models", "c.py"]) == 0
    assert (text("a.py"), text("models/b.py"), text("c.py")) == (GROUPED, GROUPED, SPLIT)
    err = capsys.readouterr().err
    assert "a.py: skipped: what is generated from it is configured" in err
    assert main(["--generated", "--check"]) == 0
    assert main(["--check", "a.py"]) == 1


def test_a_helper_of_pairs_may_be_named_on_the_command_line() -> None:
    write({"models/a.py": model("self.a = [nn.Conv2d(4, 4, 1, groups=g)]")})
    configure(PAIR.format("models", "out"))
    for _ in range(2):
        assert main(["--helper-module", "new.parts"]) == 0
        assert "from new.parts import split_conv" in text("out/a.py")
        assert "def split_conv" in text("out/new/parts.py")
        assert text("out/new/__init__.py") == ""


def test_what_is_generated_may_be_excluded_from_what_is_rewritten() -> None:
    write({"models/a.py": GROUPED, "models/b.py": GROUPED})
    configure(
        'exclude = ["models/"]\n[[tool.gencode.generate]]\nsource = "models"\noutput = "split"\n'
        '[[tool.gencode.generate]]\nsource = "models/a.py"\noutput = "a_split.py"'
    )
    assert main(["-i", ".", "models/a.py"]) == 0
    assert text("models/a.py") == GROUPED
    assert main([]) == 0
    assert all("conv_0" in text(each) for each in ("split/a.py", "split/b.py", "a_split.py"))
    assert main(["--exclude", "b.py"]) == 0
    assert text("split/b.py") == GROUPED


def test_what_is_excluded_is_copied(capsys, tmp_path: Path) -> None:
    write({"a.py": LEFT, "b.py": GROUPED}, "models")
    configure('exclude = ["a.py"]')
    assert main(["models/a.py", "-o", "out.py"]) == 0
    assert main(["models/a.py"]) == 0
    out, err = capsys.readouterr()
    assert text("out.py") == out == LEFT
    assert err.startswith("models/a.py: skipped: it is excluded\n")
    assert main(["models", "-o", "out"]) == 0
    assert text("out/a.py") == LEFT
    assert text("out/b.py").endswith(SPLIT)
    assert main(["--check", "models", "-o", "out"]) == 0
    write({"out/a.py": "else"})
    assert main(["--check", "models", "-o", "out"]) == 1
    assert main(["--check", "models/a.py"]) == 0


def test_patterns_that_are_typed_replace_those_of_the_file(capsys) -> None:
    write({"a.py": GROUPED, "b.py": GROUPED, "sub/b.py": GROUPED})
    configure('exclude = ["a.py"]')
    assert main(["-i", ".", "--exclude", "/b.py"]) == 0
    assert [text(name) == GROUPED for name in ("a.py", "b.py", "sub/b.py")] == [0, 1, 0]
    write({"a.py": GROUPED, "sub/b.py": GROUPED})
    # Relative to the working directory, if a file is named; to the directory, if one is.
    assert main(["-i", "a.py", "sub/b.py", "--exclude", "/sub", "--exclude", "/c.py"]) == 0
    assert [text(name) == GROUPED for name in ("a.py", "sub/b.py")] == [0, 1]
    assert main(["-i", "sub", "--exclude", "/sub"]) == 0
    assert text("sub/b.py") == SPLIT


def test_a_file_outside_of_what_patterns_are_relative_to(tmp_path: Path, monkeypatch) -> None:
    write({"elsewhere/a.py": GROUPED, "here/x": ""})
    monkeypatch.chdir(tmp_path / "here")
    assert main(["-i", "../elsewhere/a.py", "--exclude", "*"]) == 0
    assert text("../elsewhere/a.py") == SPLIT


# Pairs

PAIRS = """
[[tool.gencode.generate]]
source = "src/model.py"
output = "gen/model_split.py"
[[tool.gencode.generate]]
source = "src/nets"
output = "gen/nets"
"""


@pytest.fixture
def pairs() -> None:
    configure(PAIRS)
    write({"model.py": GROUPED, "nets/a.py": GROUPED, "nets/b.txt": "b"}, "src")
    Path("gen").mkdir()


def generated() -> dict[str, str]:
    return {
        name: text(name)
        for name in ("gen/model_split.py", "gen/nets/a.py", "gen/nets/b.txt")
        if Path(name).exists()
    }


@pytest.mark.parametrize("directory", [".", "src", "src/nets"])
@pytest.mark.parametrize("arguments", [[], ["--generated"]])
def test_pairs_are_generated_from_anywhere(
    directory: str, arguments: list[str], pairs, monkeypatch, tmp_path: Path, capsys
) -> None:
    monkeypatch.chdir(tmp_path / directory)
    assert main(arguments) == 0
    to = "" if directory == "." else f"{os.path.relpath(tmp_path)}/"
    assert f"{os.path.relpath(tmp_path / 'src/model.py')}:9:21: Net.conv" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    assert generated() == {
        "gen/model_split.py": f"# Generated by gencode from src/model.py.\n{SPLIT}",
        "gen/nets/a.py": f"# Generated by gencode from src/nets/a.py.\n{SPLIT}",
        "gen/nets/b.txt": "b",
    }
    assert to == "" or to.startswith("..")
    # As if they were named.
    was = generated()
    main(["src/model.py", "-o", "gen/model_split.py"])
    main(["src/nets", "-o", "gen/nets"])
    assert generated() == was


def test_pairs_are_checked(pairs, capsys) -> None:
    assert main(["--check"]) == 1
    assert generated() == {}
    assert capsys.readouterr().err.splitlines()[-1] == (
        "gencode: files: 3 missing; grouped convolutions: 2 split"
    )
    assert main([]) == 0
    capsys.readouterr()
    assert main(["--check", "--generated"]) == main(["--check", "--diff"]) == 0
    out, err = capsys.readouterr()
    assert out == "" and "3 up to date" in err
    write({"gen/nets/a.py": SPLIT, "gen/nets/b.txt": "c"})
    assert main(["--check", "--diff"]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("--- gen/nets/a.py\n+++ gen/nets/a.py\n")
    assert "gen/nets/a.py: is out of date\ngen/nets/b.txt: is out of date\n" in "\n".join(
        each for each in [*err.splitlines(), ""] if " is " in each or not each
    )
    assert "files: 2 out of date, 1 up to date;" in err
    assert text("gen/nets/a.py") == SPLIT
    assert main(["--diff"]) == 0
    assert main(["--list"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "src/model.py:9:21: Net.conv to be split into 2 Conv2d of 8 -> 16 channels (explicit)",
        "src/nets/a.py:9:21: Net.conv to be split into 2 Conv2d of 8 -> 16 channels (explicit)",
    ]


def test_pairs_take_the_options_that_are_typed(pairs) -> None:
    assert main(["--style", "loop", "--exclude", "a.py"]) == 0
    assert generated()["gen/model_split.py"].endswith(split(GROUPED, style="loop"))
    assert generated()["gen/nets/a.py"] == GROUPED


def test_every_pair_is_done_when_one_fails(pairs, capsys) -> None:
    write({"src/model.py": "class\n"})
    assert main([]) == 123
    assert list(generated()) == ["gen/nets/a.py", "gen/nets/b.txt"]
    Path("src/model.py").unlink()
    assert main(["--check"]) == 123
    assert "src/model.py: cannot be read: No such file or directory" in capsys.readouterr().err


def test_nothing_is_configured(capsys) -> None:
    write({"model.py": GROUPED, "pyproject.toml": "[tool.black]\n"})
    nothing = "there is nothing to generate: no [[tool.gencode.generate]] in pyproject.toml"
    assert fails(capsys, "--generated") == nothing
    assert fails(capsys, "--check", "--generated") == nothing
    assert fails(capsys) == (
        "name a SOURCE to split, or what to generate, as [[tool.gencode.generate]] in"
        " pyproject.toml; see gencode --help"
    )
    # A hook that is given no files has nothing to do.
    for arguments in (["-i"], ["--check"], ["-i", "--check"], ["--diff"], ["--list"]):
        assert main(arguments) == 0
    assert capsys.readouterr().err.splitlines()[0] == ("gencode: no files; no grouped convolutions")


def test_pairs_that_cannot_be(pairs, capsys, tmp_path: Path) -> None:
    configure('[[tool.gencode.generate]]\nsource = "src/nets"\noutput = "src/model.py"\n')
    assert fails(capsys) == "src/model.py is not a directory"
    configure('[[tool.gencode.generate]]\nsource = "src/nets"\noutput = "src"\n')
    assert fails(capsys) == "src holds the directory that is read: name another with -o"
    configure("generate = []")
    assert fails(capsys, "--generated").startswith("there is nothing to generate")


def test_files_that_are_called_like_standard_input(capsys, monkeypatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    configure('[[tool.gencode.generate]]\nsource = "a.py"\noutput = "-"\n')
    write({"a.py": GROUPED})
    assert main(["--check"]) == 1
    assert main([]) == main(["--check"]) == 0
    assert capsys.readouterr().out == ""
    assert text("./-") == f"# Generated by gencode from a.py.\n{SPLIT}"
    configure('[[tool.gencode.generate]]\nsource = "-"\noutput = "b.py"\n')
    assert main(["--check"]) == 1
    assert main([]) == 0
    assert text("b.py") == text("./-")


def test_a_helper_module_is_for_the_directories_of_a_file(capsys) -> None:
    wrapped = model("self.convs = nn.Sequential(nn.Conv2d(4, 4, 1, groups=g))")
    write({"src/a.py": wrapped, "src/b.py": wrapped, "src/c.py": PLAIN})
    configure('helper-module = "layers.splitting"')
    assert main(["src", "-o", "out"]) == 0
    assert "from layers.splitting import split_conv" in text("out/a.py")
    assert Path("out/layers/splitting.py").is_file()
    assert main(["src/a.py"]) == 0
    assert "def split_conv" in capsys.readouterr().out
    assert main(["-i", "--check", "src"]) == 1
    assert not Path("src/layers").exists()
    assert main(["-i", "src"]) == main(["-i", "--check", "src"]) == 0
    assert text("src/layers/splitting.py") == text("out/layers/splitting.py")
    assert main(["--check", "src", "-o", "out"]) == 1  # the source is another one by now


def test_a_helper_that_cannot_be_read(capsys, monkeypatch) -> None:
    write({"src/a.py": GROUPED, "src/splitting.py": ""})
    with monkeypatch.context() as patch:
        deny(patch, "splitting.py")
        assert main(["src", "-o", "out", "--helper-module", "splitting"]) == 2
    assert capsys.readouterr().err == (
        "gencode: --helper-module: src/splitting.py cannot be read: Permission denied\n"
    )
