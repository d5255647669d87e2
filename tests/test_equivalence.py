"""The split source computes what the original does: outputs, gradients, and statistics."""

from __future__ import annotations

import pytest

from cases import model
from gencode import Options

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from equivalence import assert_equivalent  # noqa: E402

STYLES = ("explicit", "loop")
SIZE = {1: (9,), 2: (7, 6), 3: (4, 5, 3)}


def inputs(channels: int, dimensions: int, seed: int = 0):
    torch.manual_seed(seed)
    return torch.randn(2, channels, *SIZE[dimensions])


def norm_model(conv: str, dimensions: int, forward: str = "return F.relu(self.norm(self.conv(x)))"):
    channels = 8
    return model(f"self.conv = {conv}\nself.norm = nn.BatchNorm{dimensions}d({channels})", forward)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("groups", [2, 4])
@pytest.mark.parametrize(
    "arguments",
    [
        "3, groups={g}",
        "3, 1, 1, 1, {g}, False",
        "3, stride=2, padding=2, dilation=2, groups={g}, bias=False",
        "3, padding='same', padding_mode='circular', groups={g}",
        "3, padding=1, padding_mode='reflect', groups={g}, device='cpu', dtype=torch.float32",
    ],
)
def test_convolutions(style: str, dimensions: int, groups: int, arguments: str) -> None:
    source = norm_model(f"nn.Conv{dimensions}d(12, 8, {arguments.format(g=groups)})", dimensions)
    x = inputs(12, dimensions)
    assert_equivalent(source, lambda module: module.Net(), x, options=Options(style=style))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize(
    ("arguments", "call"),
    [
        ("3, groups=4", "self.conv(x)"),
        ("2, 2, 0, 0, 2, False, 2", "self.conv(x)"),
        ("3, stride=2, padding=1, output_padding=1, groups=2", "self.conv(x)"),
        ("3, 2, 1, 1, 4, True, 1", "self.conv(F.relu(x))"),
        ("3, stride=2, groups=2", "self.conv(x, output_size=[2 * s + 2 for s in x.shape[2:]])"),
        ("3, stride=2, groups=2", "self.conv(x, [2 * s + 1 for s in x.shape[2:]])"),
    ],
)
def test_transposed_convolutions(style: str, dimensions: int, arguments: str, call: str) -> None:
    conv = f"nn.ConvTranspose{dimensions}d(12, 8, {arguments})"
    source = norm_model(conv, dimensions, f"return self.norm({call})")
    x = inputs(12, dimensions)
    assert_equivalent(source, lambda module: module.Net(), x, options=Options(style=style))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("conv", "dimensions"),
    [
        ("nn.Conv1d(4, 8, 3, groups=4)", 1),  # a depth multiplier
        ("nn.Conv2d(4, 12, 3, groups=4)", 2),
        ("nn.Conv2d(8, 4, 3, groups=4)", 2),  # groups = out < in
        ("nn.Conv3d(6, 6, 3, groups=6)", 3),  # depthwise
        ("nn.ConvTranspose3d(6, 6, 3, groups=6)", 3),
        ("nn.ConvTranspose2d(4, 12, 3, groups=4)", 2),
    ],
)
def test_shapes_of_groups(style: str, conv: str, dimensions: int) -> None:
    channels = int(conv.split("(")[1].split(",")[0])
    source = model(f"self.conv = {conv}")
    x = inputs(channels, dimensions)
    assert_equivalent(source, lambda module: module.Net(), x, options=Options(style=style))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "forward",
    [
        "return self.conv(self.conv(x))",
        "return self.conv(x) + self.other(x)",
        "x = self.other(self.norm(self.conv(F.relu(x))))\nreturn x",
        "y = x.mean() * 2 + self.conv(torch.sin(x))\nreturn y",
        "y = self.conv(x) if x.sum() > 1e9 else self.other(x) - self.conv(x + 1)\nreturn y",
        "return [self.conv(y) for y in (x, self.other(x))]",
        "f = lambda y: self.conv(torch.cos(y))\nreturn f(x) + f(f(x))",
        "x = x * 1; x += self.conv(x * 1)\nx += self.other(x * 2)\nreturn x",
        "for i in x[:2]:\n    if 1: x = self.conv(x); x = self.other(x)\nreturn x",
        "return {'a': self.conv(x), 'b': (self.other(input=x), self.conv(x)[:, :2])}",
        "y = (z := self.conv(x)) + 1\nreturn y * z",
        "return torch.cat([self.conv(x), x, self.other(x + 0)], 1)",
        "a, *b = self.conv(x), self.conv(x - 1)\nreturn a * b[0]",
        "def inner(y):\n    return self.conv(y)\nreturn inner(x) + inner(x * x)",
        "try:\n    return self.conv(x)[:, 99]\nexcept IndexError:\n    return self.conv(x)[:, 1]",
        "y = x\ndef f():\n    nonlocal y\n    y = y * 2\n    return x\nreturn y, self.conv(f())",
        "while x.std() < 1e3:\n    x = 9 * self.conv(x) + x\nreturn x",
        "assert self.conv(x).shape[1] == 8\nreturn self.other(x)",
    ],
)
def test_calls_in_every_place(style: str, forward: str) -> None:
    init = """
        self.conv = nn.Conv2d(8, 8, 3, padding=1, groups=2)
        self.norm = nn.BatchNorm2d(8)
        if True: self.other = nn.Conv2d(8, 8, 1, 1, 0, 1, 4)
    """
    x = inputs(8, 2)
    assert_equivalent(
        model(init, forward), lambda module: module.Net(), x, options=Options(style=style)
    )


def test_an_argument_is_evaluated_once() -> None:
    forward = """
        self.count = 0
        y = self.step(x) + self.conv(self.step(x))
        y = y + self.conv(self.step(x))
        assert self.count == 3
        return y
    """
    source = model("self.conv = nn.Conv1d(4, 4, 1, groups=2)", forward)
    source += "\n    def step(self, x):\n        self.count += 1\n        return x * self.count\n"
    for style in STYLES:
        x = inputs(4, 1)
        assert_equivalent(source, lambda module: module.Net(), x, options=Options(style=style))


def test_nested_models_and_subclasses() -> None:
    source = model("self.conv = nn.Conv1d(4, 4, 1, groups=2)", "return self.conv(x) + 1")
    source += """

class Sub(Net):
    def forward(self, x):
        return super().forward(x) * self.conv(x)


class Whole(nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = nn.Sequential(Net(), nn.BatchNorm1d(4), Sub())
        self.conv = Net()

    def forward(self, x):
        return self.conv(self.parts(x))
"""
    for style in STYLES:
        x = inputs(4, 1)
        assert_equivalent(source, lambda module: module.Whole(), x, options=Options(style=style))


@given(
    dimensions=st.integers(1, 3),
    transposed=st.booleans(),
    groups=st.integers(2, 6),
    per_group=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    kernel=st.integers(1, 3),
    stride=st.integers(1, 2),
    padding=st.integers(0, 1),
    bias=st.booleans(),
    positional=st.booleans(),
    style=st.sampled_from(["auto", *STYLES]),
    max_unroll=st.integers(1, 6),
)
@settings(max_examples=60, deadline=None)
def test_any_convolution(
    dimensions: int,
    transposed: bool,
    groups: int,
    per_group: tuple[int, int],
    kernel: int,
    stride: int,
    padding: int,
    bias: bool,
    positional: bool,
    style: str,
    max_unroll: int,
) -> None:
    taken, given_ = (each * groups for each in per_group)
    name = f"Conv{'Transpose' if transposed else ''}{dimensions}d"
    if dimensions < 3 and taken == given_ == groups:
        return  # depthwise
    if positional:
        extra = "0" if transposed else "1"
        rest = f"{stride}, {padding}, {extra}, {groups}, {bias}"
    else:
        rest = f"bias={bias}, padding={padding}, groups={groups}, stride={stride}"
    source = model(f"self.conv = nn.{name}({taken}, {given_}, {kernel}, {rest})")
    assert_equivalent(
        source,
        lambda module: module.Net(),
        inputs(taken, dimensions),
        options=Options(style=style, max_unroll=max_unroll),
    )


def test_a_wrong_order_of_groups_would_be_seen() -> None:
    from gencode import split_source

    source = norm_model("nn.Conv2d(12, 8, 3, groups=2)", 2)
    text = split_source(source).text
    for right, wrong in [("(conv_0, conv_1)", "(conv_1, conv_0)"), ("x[:, 6:12]", "x[:, 0:6]")]:
        assert right in text
        with pytest.raises(AssertionError):
            assert_equivalent(
                source, lambda module: module.Net(), inputs(12, 2), edit=(right, wrong)
            )
