"""What is written out by the numbers that were seen in a run, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from test_facts_of_run import with_columns  # noqa: E402
from test_facts_of_run_asked import facts  # noqa: E402

import rules  # noqa: E402
from gencode import Options, Result, split_source  # noqa: E402
from gencode.outcome import Style  # noqa: E402

pytestmark = with_columns
NET = """\
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, width, groups=1):
        super().__init__()
        inner = 2 * width
        self.conv = nn.Conv2d(inner, inner, 3, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(inner)

    def forward(self, x):
        return torch.relu(self.bn(self.conv(x)))


class Net(nn.Module):
    def __init__(self, width=4, groups=2):
        super().__init__()
        self.one = Block(width, groups)
        self.two = Block(width, groups)

    def forward(self, x):
        return self.two(self.one(x))
"""
SEEN = "as seen in a run, and anything else raises"


def split(tmp_path: Path, text: str, style: Style = "explicit") -> Result:
    seen = facts(tmp_path, text, (8, 8, 8))
    return split_source(text, Options(style=style, seen=seen))


@pytest.mark.parametrize("style", ["explicit", "loop"])
def test_it_computes_the_same_and_raises_for_other_numbers(tmp_path: Path, style: Style) -> None:
    result = split(tmp_path, NET, style)
    (record,) = result.records
    assert (record.status, record.style) == ("split", style) and SEEN in record.note
    assert "split_" not in result.text and "self.bn" in record.detail
    torch.manual_seed(0)
    one, other = rules.run(NET).Net().double(), rules.run(result.text).Net().double()
    other.load_state_dict(one.state_dict())
    x = torch.randn(2, 8, 8, 8, dtype=torch.float64)
    for training in (True, False):
        one.train(training), other.train(training)
        assert torch.allclose(one(x), other(x), rtol=0, atol=1e-12)
    for wrong in ({"groups": 4}, {"width": 2}, {"groups": 1}):
        rules.run(NET).Net(**wrong)
        with pytest.raises(ValueError, match="conv is written out for inner = 8, groups = 2"):
            rules.run(result.text).Net(**wrong)


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    text = split(tmp_path, NET).text
    assert split(tmp_path, text).text is text


@pytest.mark.parametrize("style", ["auto", "built"])
def test_no_other_style_asks(tmp_path: Path, style: Style) -> None:
    assert split(tmp_path, NET, style) == split_source(NET, Options(style=style))


def test_without_a_run_it_is_as_before(tmp_path: Path) -> None:
    (record,) = split_source(NET, Options(style="explicit")).records
    assert record.style == "built" and "run, " not in record.note


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("Block(width, groups)\n\n", "Block(width, 4)\n\n", "had several numbers"),
        ("groups=2)", "groups=8)", "was not grouped in a run"),
        ("groups=2)", "groups=1)", "was not grouped in a run"),
        ("def __init__(self, width=4", "def __init__(self, width=4, cls=Block", ""),
        ("inner, inner,", "inner, torch.tensor(inner).item(),", "cannot be looked at before"),
    ],
)
def test_what_is_not_written_out(tmp_path: Path, old: str, new: str, why: str) -> None:
    assert old in NET
    text = NET.replace(old, new)
    (record,) = split(tmp_path, text).records
    assert (record.style == "built" and why in record.note) if why else record.style == "explicit"


def test_what_was_not_built_in_a_run(tmp_path: Path) -> None:
    text = NET.replace("Block(width, groups)", "nn.ReLU()")
    (record,) = split(tmp_path, text).records
    assert record.style == "built" and "nothing was seen of it in a run" in record.note


def test_a_norm_of_other_channels_has_it_split_when_built(tmp_path: Path) -> None:
    text = NET.replace("BatchNorm2d(inner)", "BatchNorm2d(8)")
    (record,) = split(tmp_path, text).records
    assert record.style == "built" and "num_features" in record.note


def test_code_that_is_no_plain_name(tmp_path: Path) -> None:
    text = NET.replace("groups=groups,", "groups=(groups if groups > 1 else 1),")
    result = split(tmp_path, text)
    assert "or (groups if groups > 1 else 1) != 2:" in result.text
