"""PLiNIO takes the index that a channel shuffle becomes, and prunes what stands before it."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("plinio.methods")

from torch import nn  # noqa: E402

from gencode import split_source  # noqa: E402
from gencode.plinio_check.obstacle import METHODS  # noqa: E402
from rules import HEAD, PLINIO, run  # noqa: E402
from zoo_plinio import TAKEN, outcome  # noqa: E402

NET = f"""{HEAD}
def channel_shuffle(x, groups):
    n, c, h, w = x.size()
    x = x.view(n, groups, c // groups, h, w)
    return x.transpose(1, 2).reshape(n, c, h, w)


class Net(nn.Module):
    input_shape = (3, 16, 16)

    def __init__(self, width=24, groups=3):
        super().__init__()
        self.groups = groups
        middle = width // 2
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.compress = nn.Conv2d(width, middle, 1, groups=groups, bias=False)
        self.compress_bn = nn.BatchNorm2d(middle)
        self.depthwise = nn.Conv2d(middle, middle, 3, padding=1, groups=middle)
        self.depthwise_bn = nn.BatchNorm2d(middle)
        self.side = nn.Conv2d(middle, 6, 1)
        self.side_bn = nn.BatchNorm2d(6)
        self.gate = nn.Conv2d(6, middle, 1)
        self.gate_bn = nn.BatchNorm2d(middle)
        self.expand = nn.Conv2d(middle, width, 1, groups=groups, bias=False)
        self.expand_bn = nn.BatchNorm2d(width)
        self.last = nn.Conv2d(width, 8, 1)
        self.fc = nn.Linear(8, 4)

    def forward(self, x):
        x = F.relu(self.compress_bn(self.compress(F.relu(self.stem(x)))))
        x = channel_shuffle(x, self.groups)
        {{gate}}
        x = F.relu(self.expand_bn(self.expand(x)))
        return self.fc(torch.mean(self.last(x), (2, 3)))
"""
DEPTHWISE = "x = self.depthwise_bn(self.depthwise(x))"
GATED = f"""y = F.relu(self.side_bn(self.side(x)))
        {DEPTHWISE}
        x = x * torch.sigmoid(self.gate_bn(self.gate(y)))"""


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("gate", [DEPTHWISE, GATED, "x = x"], ids=["depthwise", "gated", "plain"])
def test_units(method: str, gate: str) -> None:
    text = NET.format(gate=gate)
    if gate is not GATED:  # or what is not called would be missed where weights are counted
        lines = text.splitlines(keepends=True)
        text = "".join(
            each for each in lines if "self.side" not in each and "self.gate" not in each
        )
    if gate == "x = x":
        lines = text.splitlines(keepends=True)
        text = "".join(each for each in lines if "depthwise" not in each and each.strip() != gate)
    module = run(split_source(text, PLINIO).text)

    def build() -> nn.Module:
        made = module.Net()
        assert isinstance(made, nn.Module)
        return made

    assert outcome(method, build) == TAKEN
    assert outcome(method, run(text).Net) != TAKEN
