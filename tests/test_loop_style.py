"""Channels and groups that are known only at run time are split when built, in any style."""

from __future__ import annotations

from textwrap import indent

import pytest

from cases import wrapped
from gencode import Options, split_source

LOOP = Options(style="loop", black={"line-length": 100})


def net(init: str, forward: str = "return self.conv(x)") -> str:
    """A model of some width and number of groups."""
    return (
        "import torch\nimport torch.nn as nn\n\nFOUR = 4\n\n\nclass Net(nn.Module):\n"
        "    def __init__(self, c, g):\n        super().__init__()\n"
        f"{indent(init, ' ' * 8)}\n\n    def forward(self, x):\n{indent(forward, ' ' * 8)}\n"
    )


@pytest.mark.parametrize(
    "conv",
    [
        "nn.Conv2d(c, c, 3, groups=4)",  # depthwise, for 4 channels
        "nn.Conv2d(c, 2 * c, 3, groups=4)",  # which torch refuses for 6 channels
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
@pytest.mark.parametrize("options", [Options(), LOOP])
def test_what_is_known_only_at_run_time_is_no_loop(conv: str, options: Options) -> None:
    assert "is known only at run time" in wrapped(net(f"self.conv = {conv}"), options)


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
