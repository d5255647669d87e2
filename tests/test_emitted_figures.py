"""What tests/emitted_figures.py counts."""

from __future__ import annotations

from pathlib import Path

from cases import CONV, model
from emitted_figures import FIGURES, figures, of_file
from gencode import Options, helper_source, split_source


def counted(before: str, after: str) -> list[int]:
    found = of_file(before, after)
    return [found[name] for name in FIGURES]


def test_a_file_that_carries_the_helper() -> None:
    before = model("self.conv = nn.Conv2d(8, 8, 3, groups=g)")
    after = split_source(before).text
    lines = [each for each in after.splitlines() if each.strip()]
    changed, with_helper, helper, added, removed, is_rough = counted(before, after)
    assert (changed, with_helper, added, removed, is_rough) == (1, 1, 1, 0, 0)
    assert helper == len(lines) - len([each for each in before.splitlines() if each.strip()]) - 1


def test_what_loads_the_weights_is_not_the_author_s() -> None:
    before = model(CONV)
    with_loading = counted(before, split_source(before).text)
    without = counted(before, split_source(before, Options(checkpoint=False)).text)
    assert without == [1, 0, 0, 5, 2, 0]
    assert with_loading[3:5] == without[3:5]
    assert with_loading[2] == 8


def test_a_helper_in_a_module_of_its_own() -> None:
    before = model("self.conv = nn.Conv2d(8, 8, 3, groups=g)")
    after = split_source(before, Options(helper_module=".splitting")).text
    assert counted(before, after) == [1, 0, 0, 2, 0, 0]
    small, whole = helper_source(blocks=frozenset()), helper_source()
    for there, helper, is_rough in (("", small, 0), ("", whole, 1), (small, whole, 1)):
        lines = [each for each in helper.splitlines() if each.strip()]
        assert counted(there, helper) == [1, 1, len(lines), 0, 0, is_rough]


def test_a_tree(tmp_path: Path) -> None:
    """A package has one helper, and what is in no package carries its own."""
    before = model("self.conv = nn.Conv2d(8, 8, 3, groups=g)")
    for name in ("a.py", "b.py", "c.py"):
        Path(tmp_path, name).write_text(before)
    assert figures(tmp_path)["files with a helper"] == 3
    Path(tmp_path, "__init__.py").touch()
    found = figures(tmp_path)
    assert (found["files that change"], found["files with a helper"]) == (4, 1)
    lines = [each for each in helper_source(blocks=frozenset()).splitlines() if each.strip()]
    assert found["lines of helper and loading"] == len(lines)


def test_what_does_not_change_counts_nothing() -> None:
    assert counted(model(CONV), model(CONV)) == [0] * len(FIGURES)
