"""``Record.size``: what a source shows of the size of what is, or may be, split."""

from __future__ import annotations

import pytest

from cases import model
from gencode import Size, split_source


@pytest.mark.parametrize(
    ("line", "size"),
    [
        ("nn.Conv2d(16, 32, 3, groups=2)", Size("Conv2d", "16", "32", "2", "3")),
        ("nn.Conv1d(16, 2 * n, k, groups=n)", Size("Conv1d", "16", "2 * n", "n", "k")),
        ("nn.Conv2d(n, n, (3, 1), 1, 0, 1, 4)", Size("Conv2d", "n", "n", "4", "(3, 1)")),
        ("nn.Conv2d(n, n,\n    3, groups=f(n,\n    2))", Size("Conv2d", "n", "n", "f(n, 2)", "3")),
        ("nn.Conv2d(*n, **k)", Size("Conv2d", "", "", "", "")),
        (
            "nn.ConvTranspose3d(8, 4, 2, groups=4)",
            Size("ConvTranspose3d", "8", "4", "4", "2"),
        ),
    ],
)
def test_sizes_are_numbers_or_what_is_passed(line: str, size: Size) -> None:
    source = model(f"self.conv = {line}").replace("__init__(self", "__init__(self, n, k, f")
    (record,) = split_source(source).records
    assert record.size == size


def test_what_goes_into_the_branches_is_named() -> None:
    source = """\
from torch import nn


class Net(nn.Module):
    def __init__(self, groups):
        super().__init__()
        self.conv = nn.Conv2d(16, 16, 3, groups=2)
        self.bn = nn.BatchNorm2d(16)
        self.other = nn.Conv2d(16, 16, 3, groups=groups)
        self.norm = nn.BatchNorm2d(16)
        self.deep = nn.Conv2d(16, 32, 3, groups=16)
        self.mix = nn.Conv2d(32, 8, 1)

    def forward(self, x):
        x = self.norm(self.other(self.bn(self.conv(x))))
        return self.mix(self.deep(x))
"""
    sizes = [each.size for each in split_source(source).records]
    assert all(sizes)
    assert [each.norms for each in sizes if each] == [("self.bn",), ("Net.norm",), ()]
    assert [each.is_multiplier for each in sizes if each] == [False, False, True]


def test_what_stays_has_no_size() -> None:
    (record,) = split_source(model("self.conv = nn.Conv2d(8, 8, 3, groups=8)")).records
    assert record.status == "kept" and record.size is None
