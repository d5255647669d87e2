"""What earlier versions of gencode have emitted is known, left as it is, and said."""

from __future__ import annotations

from pathlib import Path

import pytest

from cases import model
from gencode import Options, Warning, helper_source, list_source, split_source
from gencode.command import main

EARLIER = Path(__file__).parent / "earlier"
ZOO = Path(__file__).parent / "zoo"
LEFT = (
    "an earlier gencode has emitted this, and it is left as it is: split the original again to have"
    " it as it would be now"
)
IMPORTED = model(
    "self.conv = split_groups(nn.Conv2d(8, 8, 3, groups=g))\n"
    "self.other = split_groups(nn.Conv2d(8, 8, 3, groups=g))"
)


def text(name: str) -> str:
    return (EARLIER / f"{name}.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "source",
    [
        *((ZOO / f"{each}.py").read_text(encoding="utf-8") for each in ("resnext", "grouped_3d")),
        helper_source(),
        "from torch import nn\n\n\ndef parts_of(conv):\n    return nn.Conv2d(8, 8, 3, groups=2)\n",
        IMPORTED.replace("split_groups", "halved").replace(
            "\n\n\n", "\n\n\ndef halved(conv):\n    return conv\n\n\n", 1
        ),
    ],
    ids=range(5),
)
@pytest.mark.parametrize("is_split", [False, True])
def test_what_is_none_of_an_earlier_version(source: str, is_split: bool) -> None:
    if is_split:
        source = split_source(source, Options(style="built")).text
    assert LEFT not in [each.message for each in split_source(source).warnings]


@pytest.mark.parametrize(
    ("name", "line"), [("grouped_3d", 8), ("grouped_multi", 12), ("resnext", 14)]
)
def test_a_helper_is_said_once_at_its_place(name: str, line: int) -> None:
    source = text(name)
    for result in (split_source(source), list_source(source)):
        assert result.text == source
        assert result.records == ()
        assert result.warnings == (Warning(line, 1, LEFT),)


def test_an_imported_helper_is_said_once_where_it_is_called() -> None:
    source = "from .splitting import split_groups\n" + IMPORTED
    result = split_source(source)
    assert result.text == source
    (place,) = [i for i, line in enumerate(source.splitlines(), 1) if "self.conv = " in line]
    assert [(each.line, each.message) for each in result.warnings] == [(place, LEFT)]


def test_what_is_added_to_a_source_is_split_beside_it() -> None:
    source = text("resnext") + model("self.conv = nn.Conv2d(8, 8, 3, groups=g)")
    result = split_source(source)
    assert [each.is_split for each in result.records] == [True]
    assert Warning(14, 1, LEFT) in result.warnings
    again = split_source(result.text)
    assert again.text == result.text
    assert [each.message for each in again.warnings].count(LEFT) == 1


def test_a_comment_leaves_it_alone_without_a_word() -> None:
    assert split_source("# gencode: skip\n" + text("resnext")).warnings == ()


def test_a_module_at_the_place_of_the_helper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pkg").mkdir()
    Path("pkg/__init__.py").touch()
    Path("pkg/a.py").write_text(model("self.conv = nn.Conv2d(8, 8, 3, groups=g)"))
    helper = text("resnext").partition("def conv3x3")[0]
    Path("pkg/split_groups.py").write_text(helper)
    there = (
        "it is there already, and an earlier gencode has written it: name another module with"
        " --helper-module, or split the originals again\n"
    )
    assert main(["-i", "pkg"]) == 123
    assert f"pkg/split_groups.py: cannot be written: {there}" in capsys.readouterr().err
    assert main(["-i", "pkg", "--helper-module", "split_groups"]) == 2
    assert capsys.readouterr().err == f"gencode: --helper-module: pkg/split_groups.py: {there}"
    assert main(["-i", "pkg", "--helper-module", "splitting"]) == 0
    assert f"pkg/split_groups.py:14:1: warning: {LEFT}\n" in capsys.readouterr().err
    assert Path("pkg/split_groups.py").read_text() == helper
