"""Loop style with channels and groups that are known only at run time."""

from __future__ import annotations

from textwrap import indent

import pytest

from cases import assert_becomes, wrapped
from gencode import Options, split_source

LOOP = Options(style="loop")


def net(init: str, forward: str = "return self.conv(x)") -> str:
    """A model of some width and number of groups."""
    return (
        "import torch\nimport torch.nn as nn\n\n\nclass Net(nn.Module):\n"
        "    def __init__(self, c, g):\n        super().__init__()\n"
        f"{indent(init, ' ' * 8)}\n\n    def forward(self, x):\n{indent(forward, ' ' * 8)}\n"
    )


SLICES = """\
conv = [
    branch(x[:, branch.in_channels * i : branch.in_channels * (i + 1)])
    for i, branch in enumerate(self.conv)
]
return torch.cat(conv, dim=1)"""
SINGLE = """\
return (
    self.conv[0](x)
    if len(self.conv) == 1
    else torch.cat(
        [
            conv_part(
                x[
                    :,
                    conv_part.in_channels * i : conv_part.in_channels * (i + 1),
                ]
            )
            for i, conv_part in enumerate(self.conv)
        ],
        dim=1,
    )
)"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "nn.Conv2d(c, 2 * c, 3, groups=4)",
            "nn.ModuleList(nn.Conv2d(c // 4, (2 * c) // 4, 3) for _ in range(4))",
        ),
        (
            "nn.Conv2d(c, c * 2, 3, groups=4)",
            "nn.ModuleList(nn.Conv2d(c // 4, (c * 2) // 4, 3) for _ in range(4))",
        ),
        (
            "nn.Conv2d(F.c, 2 * F.c, 3, groups=4)",
            "nn.ModuleList(\n    nn.Conv2d(F.c // 4, (2 * F.c) // 4, 3) for _ in range(4)\n)",
        ),
        (
            "nn.Conv3d(c, c, 3, groups=2)",
            "nn.ModuleList(nn.Conv3d(c // 2, c // 2, 3) for _ in range(2))",
        ),
        (
            "nn.Conv2d(c, 16, 3, 1, 1, 1, 4, False)",
            "nn.ModuleList(\n"
            "    nn.Conv2d(c // 4, 16 // 4, 3, 1, 1, 1, bias=False) for _ in range(4)\n)",
        ),
    ],
)
def test_what_is_certainly_grouped_is_a_loop(before: str, after: str) -> None:
    assert_becomes(net(f"self.conv = {before}"), net(f"self.conv = {after}", SLICES))


@pytest.mark.parametrize(
    "conv",
    [
        "nn.Conv2d(c, c, 3, groups=4)",  # depthwise, for 4 channels
        "nn.Conv2d(c, 2 * g, 3, groups=4)",
        "nn.Conv2d(c, 1 * c, 3, groups=4)",
        "nn.Conv2d(c, c + 1, 3, groups=4)",
        "nn.Conv2d(c.a, 2 * c.b, 3, groups=4)",
        "nn.Conv2d(c, 2.0 * c, 3, groups=4)",
        "nn.Conv2d(c, 2 * f(c), 3, groups=4)",
        "nn.Conv2d(4, c, 3, groups=4)",
        "nn.Conv3d(c, c, 3, groups=g)",
        "nn.Conv2d(c, 2 * c, 3, groups=c)",
    ],
)
def test_what_may_be_plain_or_depthwise_is_not(conv: str) -> None:
    assert "is known only at run time" in wrapped(net(f"self.conv = {conv}"))


def test_a_loop_that_is_asked_for_may_turn_out_plain_or_depthwise() -> None:
    init = (
        "conv_count = 1 if g == c else g\n"
        "self.conv = nn.ModuleList(\n"
        "    nn.Conv2d(c // conv_count, c // conv_count, 3, groups=g // conv_count)\n"
        "    for _ in range(conv_count)\n)"
    )
    result = assert_becomes(
        net("self.conv = nn.Conv2d(c, c, 3, groups=g)"), net(init, SINGLE), LOOP
    )
    assert result.records[0].branches == ()


@pytest.mark.parametrize(
    "loop",
    [
        "nn.ModuleList(nn.Conv2d(8, 8, 1, groups=8 // g) for _ in range(g))",
        "nn.ModuleList(nn.Conv2d(c // g, 8, 1, groups=8 // g) for _ in range(g))",
        "nn.ModuleList(nn.Conv2d(c // g, c // g, 1, groups=8 // g) for _ in range(g))",
    ],
)
def test_what_only_looks_like_such_a_loop(loop: str) -> None:
    assert "known only at run time" in wrapped(net(f"self.conv = {loop}"))


def test_numbers_that_are_computed_once() -> None:
    result = split_source(net("self.conv = nn.Conv2d(f(c), c, 1, groups=f(g))"), LOOP)
    assert "conv_in_channels = f(c)\n" in result.text
    assert "conv_groups = f(g)\n" in result.text
    assert (
        "conv_count = 1 if conv_groups == c == conv_in_channels else conv_groups\n" in result.text
    )


@pytest.mark.parametrize(
    ("init", "forward", "words"),
    [
        ("self.conv = nn.Conv2d(c, c, 3, **g)", "return self.conv(x)", "may be among the *args"),
        (
            "self.conv = nn.Conv2d(c, c, 3, groups=g)",
            "return f(), self.conv(f(x))",
            "on an expression",
        ),
        ("self.conv = nn.Conv2d(c, c, 3, groups=g)", "return self.conv.stride", "not only called"),
        (
            "self.conv = nn.Conv2d(c, c, 3, groups=g) if g else nn.Conv2d(8, 8, 3, groups=2)",
            "return self.conv(x)",
            "known only at run time",
        ),
    ],
)
def test_what_cannot_be_a_loop_is_wrapped(init: str, forward: str, words: str) -> None:
    result = split_source(net(init, forward), LOOP)
    assert result.records[0].style == "module" and words in result.records[0].note


def test_one_attribute_with_and_without_known_numbers() -> None:
    init = "self.conv = nn.Conv2d(c, 8, 1, groups=2)\nif g:\n"
    init += "    self.conv = nn.Conv2d(8, 8, 1, groups=2)"
    records = split_source(net(init), LOOP).records
    assert [record.style for record in records] == ["module", "module"]
    assert "differ in class, in_channels or groups" in records[0].note


def test_one_attribute_with_several_unknown_numbers() -> None:
    init = "if g:\n    self.conv = nn.Conv2d(c, c, 1, groups=g)\nelse:\n"
    init += "    self.conv = nn.Conv2d(g, c, 1, groups=c)"
    result = split_source(net(init), LOOP)
    assert [record.style for record in result.records] == ["loop", "loop"]
    assert split_source(result.text, LOOP).text is result.text


def test_one_attribute_with_another_number_of_inputs() -> None:
    init = "if g:\n    self.conv = nn.Conv2d(16, c, 3, groups=2)\nelse:\n"
    init += "    self.conv = nn.Conv2d(8, c, 3, groups=2)"
    records = split_source(net(init)).records
    assert [record.style for record in records] == ["module", "module"]
    assert "differ in class, in_channels or groups" in records[0].note
