"""A file's own copy of the helper gives way to the module of its package, if it is as emitted."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import gencode
from cases import model
from gencode import Options, Result, TemplateError, list_source, split_source
from gencode.command import main

ZOO = Path(__file__).parent / "zoo"
MOVES = "this copy of the helper gives way to what ..split_groups has"
EDITED = "this copy of the helper is not as gencode emits it, and stays"
UNUSED = "nothing here uses this copy of the helper, and it stays: other files may"
SOURCE = model("self.conv = nn.Conv2d(8, 8, 3, groups=g)")
OTHER = model(
    "self.conv = nn.Conv2d(8, 8, 3, groups=g)\nself.norm = nn.BatchNorm2d(8)",
    "return self.norm(self.conv(x))",
)
ALONE = split_source(SOURCE).text
IMPORTING = Options(helper_module="..split_groups")
IN_TREE = split_source(SOURCE, IMPORTING).text


def moved(text: str, **options: object) -> Result:
    return split_source(text, Options(helper_module="..split_groups", **options))  # type: ignore[arg-type]


def said(result: Result) -> list[str]:
    return [each.message for each in result.warnings if "copy of the helper" in each.message]


def without_imports(text: str) -> str:
    """A text without those that the helper may have been in need of, which stay."""
    return re.sub(r"^import (torch|copy|warnings)\n+", "", text, flags=re.MULTILINE)


def assert_stays(text: str, message: str = EDITED) -> None:
    result = moved(text)
    assert result.text == text
    assert said(result) == ([message] if message else [])
    assert not result.imports_helper


def assert_moves(text: str, expected: str) -> None:
    result = moved(text)
    assert without_imports(result.text) == without_imports(expected)
    assert said(result) == [MOVES]
    assert result.imports_helper
    again = moved(result.text)
    assert again.text == result.text and said(again) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("width * i : width", "width * i + 0 : width"),
        ("for each group", "for every group"),
        ("        self.parts =", "        # of mine\n        self.parts ="),
        (
            "        self.parts = nn.ModuleList(parts)",
            "        self.parts = nn.ModuleList(parts)  # x",
        ),
        ("class SplitGroups(", "@mine\nclass SplitGroups("),
        ("class Branches(", "@mine\nclass Branches("),
        ("def is_grouped(", "LIMIT = 1\n\n\ndef is_grouped("),
        ("class Net(", "split_conv = lru_cache(split_conv)\n\n\nclass Net("),
        ("class SplitGroups(", "class SplitGroups(Mixin, "),
    ],
)
def test_a_copy_that_somebody_has_edited_stays_and_is_said(old: str, new: str) -> None:
    text = ALONE.replace(old, new, 1)
    assert text != ALONE
    assert EDITED in said(moved(text)) and "class SplitGroups(" in moved(text).text


def test_a_copy_with_another_nn_or_torch_stays() -> None:
    assert_stays(ALONE.replace("import torch.nn as nn\n", "import mine as nn\n"))
    assert_stays(ALONE.replace("import torch\n", "import mine as torch\n"))


@pytest.mark.parametrize(
    ("use", "name"),
    [
        ("SplitGroups.forward = mine\n", "SplitGroups"),
        ("x = split_conv.__doc__\n", "split_conv"),
        ("x = [split_conv]\n", "split_conv"),
        ("x = map(split_conv, y)\n", "split_conv"),
    ],
)
def test_a_copy_with_which_more_is_done_stays(use: str, name: str) -> None:
    assert_stays(
        ALONE + use, f"this copy of the helper stays: more is done with {name} than to call it"
    )


def test_a_copy_that_only_other_files_may_use_stays() -> None:
    """Such is a module that somebody has made of it by hand."""
    assert_stays(ALONE.partition("class Net(")[0], UNUSED)


SILENT = (
    "this copy of the helper stays: a weight that is set here once it is split raises, and with the"
    " helper of others it might not"
)
RESET = "\n    def reset(self):\n        nn.init.zeros_(self.conv.weight)\n"


def test_what_raises_does_not_become_silent() -> None:
    """The module may give a weight to be read, into which an initialiser would write in vain."""
    alone = split_source(SOURCE + RESET)
    assert any("will raise" in each.message for each in alone.warnings)
    assert_stays(alone.text, SILENT)
    assert_stays(ALONE + 'NAMES = ["conv.weight"]\n', SILENT)
    read = SOURCE + "\n    def size(self):\n        return self.conv.weight.abs().sum()\n"
    alone = split_source(read)
    assert "def weight(self)" in alone.text
    assert_moves(alone.text, split_source(read, IMPORTING).text)


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (SOURCE, "self.conv = split_conv(self.conv)"),
        (OTHER, "self.conv, self.norm = split_conv_norm(self.conv, self.norm)"),
        (
            model("self.conv = [nn.Conv2d(8, 8, 3, groups=g)][0]\nself.list = [self.conv]"),
            "split_conv(nn.Conv2d(8, 8, 3, groups=g))",
        ),
        (
            model("self.conv = nn.Sequential(nn.Conv2d(8, 8, 3, groups=g), nn.BatchNorm2d(8))"),
            "split_layers(self.conv)",
        ),
    ],
    ids=range(4),
)
@pytest.mark.parametrize("resets", [False, True])
def test_that_is_known_however_it_is_split(source: str, line: str, resets: bool) -> None:
    reset = RESET.replace("self.conv.weight", "self.other.weight")
    more = "\n        self.other = nn.Conv2d(8, 8, 1, groups=g)\n\n    def forward"
    alone = split_source(
        source.replace("\n\n    def forward", more) + (reset if resets else "")
    ).text
    assert line in alone
    assert said(moved(alone)) == ([SILENT] if resets else [MOVES])


def test_that_is_known_of_a_partial() -> None:
    make = (
        "\n\ndef make(g):\n    from functools import partial\n\n"
        "    return partial(nn.Conv2d, groups=g)\n"
    )
    for more, message in (("", MOVES), (RESET, SILENT)):
        alone = split_source(OTHER + more + make).text
        assert "partial(build_split, nn.Conv2d" in alone
        assert said(moved(alone)) == [message]


def test_what_a_comment_leaves_alone_stays() -> None:
    assert_stays("# gencode: skip\n" + ALONE, "")


def test_a_module_that_others_import_is_no_copy() -> None:
    for text in (gencode.helper_source(), gencode.helper_source() + "x = split_conv\n"):
        assert_stays(text, "")


def test_without_a_module_to_import_it_stays_without_a_word() -> None:
    result = split_source(ALONE)
    assert result.text == ALONE and result.warnings == ()


def test_it_comes_out_as_if_the_module_had_been_there() -> None:
    assert_moves(ALONE, IN_TREE)
    assert_moves(ALONE.replace("\n", "\r\n"), IN_TREE.replace("\n", "\r\n"))
    assert list_source(ALONE, IMPORTING).text == ALONE
    assert said(list_source(ALONE, IMPORTING)) == [MOVES]


@pytest.mark.parametrize("path", sorted(ZOO.glob("*.py")), ids=lambda path: path.stem)
def test_each_of_the_zoo_comes_out_the_same_alone_and_in_a_tree(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    expected = split_source(text, IMPORTING)
    result = moved(split_source(text).text)
    assert without_imports(result.text) == without_imports(expected.text)
    assert result.blocks == (expected.blocks if expected.imports_helper else frozenset())
    assert result.imports_helper is expected.imports_helper


@pytest.mark.parametrize("line_length", [40, 79, 140])
def test_the_layout_of_a_copy_does_not_matter(line_length: int) -> None:
    text = split_source(OTHER, Options(black={"line-length": line_length})).text
    result = moved(text)
    assert "class SplitGroups(" not in result.text
    assert "\nfrom ..split_groups import split_conv_norm\n" in result.text


@pytest.mark.parametrize(
    "imports",
    ["import torch as T\nfrom torch import nn\n", "import torch\n", "import torch.nn as N\n"],
    ids=range(3),
)
def test_a_copy_may_call_torch_what_its_source_does(imports: str) -> None:
    body = OTHER.partition("class Net(")[2].replace("nn.", "torch.nn.")
    if "import nn" in imports:
        body = body.replace("torch.nn.", "nn.")
    elif " as N" in imports:
        body = body.replace("torch.nn.", "N.")
    source = f"{imports}\n\nclass Net({body}"
    assert_moves(split_source(source).text, split_source(source, IMPORTING).text)


def test_a_copy_with_other_names_than_the_usual_stays() -> None:
    source = SOURCE.replace("class Net(", "def split_conv():\n    pass\n\n\nclass Net(")
    alone = split_source(source).text
    assert "def split_conv_2(" in alone
    assert_stays(alone)


def test_all_that_the_source_speaks_of_is_imported() -> None:
    more = '__all__ = ["is_grouped"]\nassert isinstance(x, SplitGroups)\n'
    result = moved(ALONE + more)
    assert "\nfrom ..split_groups import SplitGroups, is_grouped, split_conv\n" in result.text
    assert result.text.endswith(more)


def test_of_two_copies_one_goes() -> None:
    first = split_source(SOURCE).text
    both = split_source(first + OTHER.partition("\n\n\n")[2].replace("Net", "Other")).text
    assert both.count("class Branches") == 2
    result = moved(both)
    assert sorted(said(result)) == [MOVES, EDITED]
    assert result.text.count("class Branches") == 1
    assert "import split_conv\n" in result.text


def test_what_is_split_in_the_same_run_imports_it_too() -> None:
    more = OTHER.partition("\n\n\n")[2].replace("Net", "Other")
    result = moved(ALONE + "\n\n" + more)
    assert "class Branches" not in result.text
    assert "\nfrom ..split_groups import split_conv, split_conv_norm\n" in result.text
    assert result.blocks == frozenset(("norm",))
    assert [each.is_split for each in result.records] == [True]
    again = moved(result.text)
    assert again.text == result.text


def test_a_copy_of_the_user_s_templates(tmp_path: Path) -> None:
    built = Path(gencode.__file__).with_name("templates") / "built.py.jinja"
    if not built.exists():
        built = Path(__file__).parents[1] / "templates" / "built.py.jinja"
    text = built.read_text(encoding="utf-8").replace("A layer in parts", "Parts")
    (tmp_path / "built.py.jinja").write_text(text, encoding="utf-8")
    own = split_source(SOURCE, Options(templates=tmp_path)).text
    assert_stays(own)
    assert moved(own, templates=tmp_path).text == IN_TREE
    (tmp_path / "built.py.jinja").write_text("{% nothing %}", encoding="utf-8")
    for function in (split_source, list_source):
        with pytest.raises(TemplateError):
            function(own, Options(helper_module=".x", templates=tmp_path))


def test_a_source_that_does_not_compile_is_said_to_be_at_fault() -> None:
    with pytest.raises(gencode.SourceError, match="outside function"):
        moved(ALONE + "return\n")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], dict[str, str]]:
    monkeypatch.chdir(tmp_path)
    for name, text in {"__init__": "", "a": ALONE, "sub/__init__": "", "sub/b": OTHER}.items():
        file = Path("pkg", f"{name}.py")
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return lambda: {str(each): each.read_text() for each in sorted(Path("pkg").rglob("*.py"))}


def test_a_tree_has_one_helper_whatever_was_split_before(
    package: Callable[[], dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-i", "pkg/sub/b.py"]) == 0
    assert "class JoinedGroups(" in package()["pkg/sub/b.py"]
    assert main(["--check", "pkg"]) == 1
    assert main(["-i", "pkg"]) == 0
    err = capsys.readouterr().err
    line = 5 if ALONE.splitlines()[4].startswith("class") else 6
    assert f"pkg/a.py:{line}:1: warning: {MOVES.replace('..', '.')}\n" in err
    files = package()
    assert files["pkg/split_groups.py"] == gencode.helper_source(blocks=frozenset(("norm",)))
    assert files["pkg/a.py"] == IN_TREE.replace("..split_groups", ".split_groups")
    assert files["pkg/sub/b.py"] == split_source(OTHER, IMPORTING).text
    assert main(["-i", "pkg"]) == main(["--check", "pkg"]) == 0
    assert package() == files


def test_a_file_by_itself_moves_its_copy_if_the_module_is_there(
    package: Callable[[], dict[str, str]],
) -> None:
    assert main(["-i", "pkg/a.py"]) == 0
    assert package()["pkg/a.py"] == ALONE
    assert main(["-i", "pkg/sub"]) == 0
    assert main(["-i", "pkg/a.py"]) == 0
    assert package()["pkg/a.py"] == IN_TREE.replace("..split_groups", ".split_groups")


def test_each_keeps_its_copy_where_it_is_to_have_one(
    package: Callable[[], dict[str, str]],
) -> None:
    before = package()
    assert main(["-i", "pkg", "--no-helper-module", "--exclude", "b.py"]) == 0
    assert package() == before
