"""Norms that stay behind a concatenation, wherever the flow of tensors shows them: each is said."""

from __future__ import annotations

from textwrap import dedent

import pytest

from gencode import Options, split_source

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"
CONV = "nn.Conv2d(8, 16, 3, groups=g)"

# The classes of a source, and the lines of the norms that are said to stay.
SOURCES = {
    "no norm": (
        """
        class Net(nn.Module):
            def __init__(self, g):
                super().__init__()
                self.conv = nn.Conv2d(8, 16, 3, groups=g)
                self.bn = nn.BatchNorm2d(3)

            def forward(self, x):
                return self.conv(self.bn(x)).relu()
        """,
        [],
    ),
    "split with it": (
        """
        class Net(nn.Module):
            def __init__(self, g):
                super().__init__()
                self.conv = nn.Conv2d(8, 16, 3, groups=g)
                self.bn = nn.BatchNorm2d(16)

            def forward(self, x):
                return self.bn(self.conv(x))
        """,
        [],
    ),
    "a list that forward goes through": (
        """
        class Net(nn.Module):
            def __init__(self, g):
                super().__init__()
                self.body = nn.ModuleList([nn.Conv2d(8, 16, 3, groups=g), nn.BatchNorm2d(16)])

            def forward(self, x):
                for layer in self.body:
                    x = layer(x)
                return x
        """,
        [8],
    ),
    "its children": (
        """
        class Net(nn.Module):
            def __init__(self, g):
                super().__init__()
                self.conv = nn.Conv2d(8, 16, 3, groups=g)
                self.bn = nn.BatchNorm2d(16)

            def forward(self, x):
                for layer in self.children():
                    x = layer(x)
                return x
        """,
        [9],
    ),
    "in the caller": (
        """
        class Same(nn.Module):
            def __init__(self, g):
                super().__init__()
                self.conv = nn.Conv2d(8, 16, 3, groups=g)

            def forward(self, x):
                return self.conv(x)

        class Net(nn.Module):
            def __init__(self, g):
                super().__init__()
                self.conv = Same(g)
                self.bn = nn.BatchNorm2d(16)

            def forward(self, x):
                return self.bn(self.conv(x))
        """,
        [17],
    ),
    "behind a pooling, in the caller": (
        """
        class Same(nn.Module):
            def __init__(self, g):
                super().__init__()
                self.conv = nn.Conv2d(8, 16, 3, groups=g)
                self.pool = nn.AvgPool2d(2)

            def forward(self, x):
                x = self.pool(self.conv(x))
                while x.shape[2] > 4:
                    x = self.pool(x)
                return x

        class Net(nn.Module):
            def __init__(self, g):
                super().__init__()
                self.conv = Same(g)
                self.bn = nn.BatchNorm2d(16)

            def forward(self, x):
                return self.bn(self.conv(x))
        """,
        [21],
    ),
    "an activation between": (
        """
        class Same(nn.Module):
            def __init__(self, g):
                super().__init__()
                self.conv = nn.Conv2d(8, 16, 3, groups=g)

            def forward(self, x):
                return torch.relu(self.conv(x))

        class Net(nn.Module):
            def __init__(self, g):
                super().__init__()
                self.conv = Same(g)
                self.bn = nn.BatchNorm2d(16)

            def forward(self, x):
                return self.bn(self.conv(x))
        """,
        [],
    ),
    "attributes of an nn.Sequential": (
        """
        class ConvBN(nn.Sequential):
            def __init__(self, g):
                super().__init__()
                self.c = nn.Conv2d(8, 16, 3, groups=g)
                self.bn = nn.BatchNorm2d(16)
        """,
        [9],
    ),
    "a subclass of a norm": (
        """
        class Norm(nn.BatchNorm2d):
            pass

        class Net(nn.Module):
            def __init__(self, g):
                super().__init__()
                self.body = nn.ModuleList([nn.Conv2d(8, 16, 3, groups=g), Norm(16)])

            def forward(self, x):
                for layer in self.body:
                    x = layer(x)
                return x
        """,
        [15],
    ),
    "what may be a norm, by its name": (
        """
        class Same(nn.Module):
            def __init__(self, g):
                super().__init__()
                self.conv = nn.Conv2d(8, 16, 3, groups=g)

            def forward(self, x):
                return self.conv(x)

        class Net(nn.Module):
            def __init__(self, g, norms):
                super().__init__()
                self.conv = Same(g)
                self.norm = norms[0]

            def forward(self, x):
                return self.norm(self.conv(x))
        """,
        [20],
    ),
    "what is a norm by no sign": (
        """
        class Net(nn.Module):
            def __init__(self, g, others):
                super().__init__()
                self.body = nn.ModuleDict({"conv": nn.Conv2d(8, 16, 3, groups=g)})
                self.other = others[0]

            def forward(self, x):
                return self.other(self.body["conv"](x))
        """,
        [],
    ),
    "a factory whose other convolutions are plain": (
        """
        def conv(g=1):
            return nn.Conv2d(8, 16, 3, groups=g)

        class Net(nn.Module):
            def __init__(self, g):
                super().__init__()
                self.plain = nn.ModuleList([conv(), nn.BatchNorm2d(16)])
                self.body = nn.ModuleList([conv(g), nn.BatchNorm2d(16)])

            def forward(self, x):
                for layer in self.plain:
                    x = layer(x)
                for layer in self.body:
                    x = layer(x)
                return x
        """,
        [12],
    ),
}


SOURCES["two convolutions before one norm"] = (
    """
    class Same(nn.Module):
        def __init__(self, g):
            super().__init__()
            self.one = nn.Conv2d(8, 16, 3, groups=g)
            self.two = nn.Conv2d(8, 16, 3, groups=g)

        def forward(self, x, y):
            while y:
                y = self.one(x)
            if x.sum() > 0:
                return self.one(x)
            return self.two(x)

    class Net(nn.Module):
        def __init__(self, g):
            super().__init__()
            self.conv = Same(g)
            self.bn = nn.BatchNorm2d(16)

        def forward(self, x):
            return self.bn(self.conv(x))
    """,
    [22],
)


def said(text: str, options: Options = Options()) -> dict[int, str]:
    """What is said of norms that stay, by their lines."""
    warnings = split_source(text, options).warnings
    return {each.line: each.message for each in warnings if "stays behind" in each.message}


@pytest.mark.parametrize("name", SOURCES)
def test_a_norm_that_stays_is_said(name: str) -> None:
    classes, lines = SOURCES[name]
    assert [*said(HEAD + dedent(classes))] == lines


@pytest.mark.parametrize("style", ["explicit", "loop"])
def test_a_norm_behind_what_is_written_out(style: str) -> None:
    classes, lines = SOURCES["in the caller"]
    text = HEAD + dedent(classes).replace("groups=g", "groups=2")
    result = split_source(text, Options(style=style))  # type: ignore[arg-type]
    assert result.records[0].style == style
    assert [each.line for each in result.warnings] == lines


def test_what_is_said() -> None:
    text = HEAD + dedent(SOURCES["in the caller"][0])
    assert said(text) == {
        17: "nn.BatchNorm2d(16) stays behind the concatenation of Same.conv: PIT's export after"
        " pruning is wrong then, and MPS does not fold it"
    }
    text = HEAD + dedent(SOURCES["what may be a norm, by its name"][0])
    assert said(text)[20].startswith("self.norm, which may be a norm, stays behind the")


def test_who_wants_norms_to_stay_is_told_nothing() -> None:
    text = HEAD + dedent(SOURCES["in the caller"][0])
    assert said(text, Options(norm=False)) == {}
    assert said(text, Options(ignore=("branch-norm",))) == {}
