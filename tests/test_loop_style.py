"""Loop style with channels and groups that are known only at run time."""

from __future__ import annotations

from textwrap import dedent, indent

import pytest

from cases import assert_becomes, wrapped
from gencode import Options, split_source

LOOP = Options(style="loop", black={"line-length": 100})


def net(init: str, forward: str = "return self.conv(x)") -> str:
    """A model of some width and number of groups."""
    return (
        "import torch\nimport torch.nn as nn\n\nFOUR = 4\n\n\nclass Net(nn.Module):\n"
        "    def __init__(self, c, g):\n        super().__init__()\n"
        f"{indent(init, ' ' * 8)}\n\n    def forward(self, x):\n{indent(forward, ' ' * 8)}\n"
    )


SLICES = """\
width = self.conv[0].in_channels
conv = [branch(x[:, width * i : width * (i + 1)]) for i, branch in enumerate(self.conv)]
return torch.cat(conv, dim=1)"""
SINGLE = """\
if len(self.conv) == 1:
    return self.conv[0](x)
width = self.conv[0].in_channels
parts = [branch(x[:, width * i : width * (i + 1)]) for i, branch in enumerate(self.conv)]
return torch.cat(parts, dim=1)"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "nn.Conv2d(c, 2 * c, 3, groups=4)",
            "nn.ModuleList(nn.Conv2d(c // 4, 2 * c // 4, 3) for _ in range(4))",
        ),
        (
            "nn.Conv2d(c, c * 2, 3, groups=4)",
            "nn.ModuleList(nn.Conv2d(c // 4, c * 2 // 4, 3) for _ in range(4))",
        ),
        (
            "nn.Conv2d(F.c, 2 * F.c, 3, groups=4)",
            "nn.ModuleList(nn.Conv2d(F.c // 4, 2 * F.c // 4, 3) for _ in range(4))",
        ),
        (
            "nn.Conv3d(c, c, 3, groups=2)",
            "nn.ModuleList(nn.Conv3d(c // 2, c // 2, 3) for _ in range(2))",
        ),
        (
            "nn.Conv2d(c, 16, 3, 1, 1, 1, 4, False)",
            "nn.ModuleList(nn.Conv2d(c // 4, 4, 3, 1, 1, 1, bias=False) for _ in range(4))",
        ),
    ],
)
def test_what_is_certainly_grouped_is_a_loop(before: str, after: str) -> None:
    options = Options(black=LOOP.black)
    assert_becomes(net(f"self.conv = {before}"), net(f"self.conv = {after}", SLICES), options)


@pytest.mark.parametrize(
    ("conv", "after"),
    [
        ("c, 2 * c, 3, groups=2", "c // 2, c, 3) for _ in range(2)"),
        ("c, c * 6, 3, groups=2", "c // 2, 3 * c, 3) for _ in range(2)"),
        ("self.c, 4 * self.c, 3, groups=2", "self.c // 2, 2 * self.c, 3) for _ in range(2)"),
        ("16, 4 * (c + 1), 3, groups=2", "8, 4 * (c + 1) // 2, 3) for _ in range(2)"),
        ("16, 3 * c, 3, groups=2", "8, 3 * c // 2, 3) for _ in range(2)"),
        ("16, c * g, 3, groups=2", "8, c * g // 2, 3) for _ in range(2)"),
        ("24 * 2, c, 3, groups=4 * 4 // (3 - 2 + 1)", "6, c // 8, 3) for _ in range(8)"),
        (
            "16, c - g, 3, groups=7 % 4",
            "16 // (7 % 4), (c - g) // (7 % 4), 3) for _ in range(7 % 4)",
        ),
        ("16, c, 3, groups=3", "16 // 3, c // 3, 3) for _ in range(3)"),
        ("16, c // 2, 3, groups=FOUR", "16 // FOUR, c // 2 // FOUR, 3) for _ in range(FOUR)"),
        (
            "16, c, 3, groups=2 if FOUR else 4",
            "16 // (2 if FOUR else 4), c // (2 if FOUR else 4), 3",
        ),
    ],
)
def test_numbers_are_written_as_such_and_names_kept(conv: str, after: str) -> None:
    text = split_source(
        net(f"self.conv = nn.Conv2d({conv})"), Options(black={"line-length": 200})
    ).text
    assert f"self.conv = nn.ModuleList(nn.Conv2d({after}" in text


def test_the_norm_after_it_has_such_a_number_too() -> None:
    init = "self.conv = nn.Conv2d({})\nself.bn = nn.BatchNorm2d({})"
    forward = "return self.bn(self.conv(x))"
    for sizes, channels, after in [
        ("c, 16, 3, groups=2", "16", "8"),
        ("c, 4 * c, 3, groups=2", "num_features=4 * c", "num_features=2 * c"),
        ("c, c, 3, groups=FOUR, dilation=2", "c", "c // len(self.conv)"),
        ("c, c, 3, groups=2", "c + 0", "(c + 0) // len(self.conv)"),
    ]:
        text = split_source(net(init.format(sizes, channels), forward), LOOP).text
        assert f"self.bn = nn.ModuleList(nn.BatchNorm2d({after}) for _ in self.conv)\n" in text


@pytest.mark.parametrize(
    ("groups", "after"),
    [
        ("2 *\n    1", "c"),
        ("2 *  # groups\n    1", "c"),
        ("(2 *\n    FOUR)", "2 * c // len(self.conv)"),
        ("FOUR +  # groups\n    1", "2 * c // len(self.conv)"),
    ],
)
def test_a_number_of_groups_over_two_lines(groups: str, after: str) -> None:
    init = f"self.conv = nn.Conv2d(c, 2 * c, 3, groups={groups})\nself.bn = nn.BatchNorm2d(2 * c)"
    text = split_source(net(init, "return self.bn(self.conv(x))"), LOOP).text
    assert f"self.bn = nn.ModuleList(nn.BatchNorm2d({after}) for _ in self.conv)\n" in text
    assert text.count("# groups\n") == init.count("# groups\n")


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


INIT = "self.conv = nn.Conv2d(c, c, 3, groups=g)\nself.bn = nn.BatchNorm2d(c)"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "y = self.conv(x)  # first\nreturn y",
            """\
# first
if len(self.conv) == 1:
    y = self.conv[0](x)
else:
    width = self.conv[0].in_channels
    parts = [
        branch(x[:, width * i : width * (i + 1)]) for i, branch in enumerate(self.conv)
    ]
    y = torch.cat(parts, dim=1)
return y""",
        ),
        (
            "width = parts = self.bn(self.conv(x + 1)) * 2\nreturn width",
            """\
conv_input = x + 1
if len(self.conv) == 1:
    conv = self.bn[0](self.conv[0](conv_input))
else:
    group_width = self.conv[0].in_channels
    parts_2 = [
        norm(branch(conv_input[:, group_width * i : group_width * (i + 1)]))
        for i, (branch, norm) in enumerate(zip(self.conv, self.bn))
    ]
    conv = torch.cat(parts_2, dim=1)
width = parts = conv * 2
return width""",
        ),
        (
            "if g: return self.bn(self.conv(x))",
            """\
if g:
    if len(self.conv) == 1:
        return self.bn[0](self.conv[0](x))
    width = self.conv[0].in_channels
    parts = [
        norm(branch(x[:, width * i : width * (i + 1)]))
        for i, (branch, norm) in enumerate(zip(self.conv, self.bn))
    ]
    return torch.cat(parts, dim=1)""",
        ),
        (
            "y = self.conv(x)\nz = self.bn(y)\nreturn z",
            """\
if len(self.conv) == 1:
    y = self.bn[0](self.conv[0](x))
else:
    width = self.conv[0].in_channels
    parts = [
        norm(branch(x[:, width * i : width * (i + 1)]))
        for i, (branch, norm) in enumerate(zip(self.conv, self.bn))
    ]
    y = torch.cat(parts, dim=1)
z = y
return z""",
        ),
        (
            "return [x + 1, self.conv(x)]",
            """\
return [
    x + 1,
    (
        self.conv[0](x)
        if len(self.conv) == 1
        else torch.cat(
            [
                conv_part(x[:, conv_part.in_channels * i : conv_part.in_channels * (i + 1)])
                for i, conv_part in enumerate(self.conv)
            ],
            dim=1,
        )
    ),
]""",
        ),
    ],
)
def test_a_call_of_what_may_turn_out_plain(before: str, after: str) -> None:
    text = split_source(net(INIT, before), LOOP).text
    assert dedent(text.partition("    def forward(self, x):\n")[2]) == after + "\n"


@pytest.mark.parametrize("groups", [1, 2, 4, 8])
@pytest.mark.parametrize(
    "forward",
    [
        "return self.bn(self.conv(x))",
        "x = self.conv(x)\nx = self.bn(x)\nreturn torch.relu(self.bn(self.conv(x)))",
        "x = torch.relu(self.bn(self.conv(x + 1)))\nreturn x",
        "y = self.conv(x); return self.bn(y)",
        "y = 0; y = self.bn(self.conv(x)); return y",
        "x = self.conv(x); x = self.bn(x); y = x + 1;  # end\nreturn y",
        "if self: y = self.bn(self.conv(x)); return y",
        "if self: y = 1; return self.bn(self.conv(x + 1));",
        "y = self.bn(self.conv(x)) \\\n    ; return y",
    ],
)
def test_it_computes_the_same_however_it_turns_out(forward: str, groups: int) -> None:
    torch = pytest.importorskip("torch")
    from equivalence import randomise, run_source

    source = net(INIT, forward)
    original = run_source(source).Net(8, groups).eval()
    randomise(original)
    split = run_source(split_source(source, LOOP).text).Net(8, groups).eval()
    split.load_state_dict(original.state_dict())
    x = torch.randn(2, 8, 9, 9, dtype=torch.float64)
    torch.testing.assert_close(split.double()(x), original.double()(x))


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
        ("self.conv = nn.Conv2d(c, c, 3, **g)", "return self.conv(x)", "may be in *args"),
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
    assert result.records[0].style == "built" and words in result.records[0].note


def test_one_attribute_with_and_without_known_numbers() -> None:
    init = "self.conv = nn.Conv2d(c, 8, 1, groups=2)\nif g:\n"
    init += "    self.conv = nn.Conv2d(8, 8, 1, groups=2)"
    records = split_source(net(init), LOOP).records
    assert [record.style for record in records] == ["built", "built"]
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
    assert [record.style for record in records] == ["built", "built"]
    assert "differ in class, in_channels or groups" in records[0].note
