"""PLiNIO prunes attention over two branches that the parts of a split convolution give."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("plinio.methods")

from torch import nn  # noqa: E402

from gencode import Options, split_source  # noqa: E402
from gencode.plinio_check.obstacle import METHODS  # noqa: E402
from rules import HEAD, run  # noqa: E402
from zoo_plinio import TAKEN, outcome  # noqa: E402

NET = f"""{HEAD}
class Attention(nn.Module):
    def __init__(self, width=16, radix=2, groups=1):
        super().__init__()
        self.radix = radix
        self.conv = nn.Conv2d(width, width * radix, 3, padding=1, groups=groups * radix, bias=False)
        self.bn = nn.BatchNorm2d(width * radix)
        self.act = nn.ReLU()
        self.fc1 = nn.Conv2d(width, 8, 1, groups=groups)
        self.bn1 = nn.BatchNorm2d(8)
        self.fc2 = nn.Conv2d(8, width * radix, 1, groups=groups)

    def forward(self, x):
        x = self.act(self.bn(self.conv(x)))
        n, c, h, w = x.shape
        x = x.reshape((n, self.radix, c // self.radix, h, w))
        gap = torch.mean(x.sum(dim=1), (2, 3), keepdim=True)
        attention = self.fc2(F.relu(self.bn1(self.fc1(gap))))
        attention = torch.softmax(attention.view(n, self.radix, -1, 1, 1), dim=1)
        return (x * attention).sum(dim=1)


class Net(nn.Module):
    input_shape = (3, 16, 16)

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.stem_bn = nn.BatchNorm2d(16)
        self.one = Attention()
        self.last = nn.Conv2d(16, 16, 1)
        self.two = Attention()
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        x = F.relu(self.stem_bn(self.stem(x)))
        x = self.two(F.relu(self.last(self.one(x))))
        return self.head(torch.flatten(torch.mean(x, (2, 3)), 1))
"""


def rewritten(*ignored: str) -> nn.Module:
    options = Options(target="plinio", ignore=ignored)
    return run(split_source(NET, options).text).Net()  # type: ignore[no-any-return]


@pytest.mark.parametrize("method", METHODS)
def test_it_is_taken(method: str) -> None:
    assert outcome(method, rewritten) == TAKEN


def test_slices_of_a_concatenation_are_not_pruned_together() -> None:
    expected = "a sum of two torch.cat, when pruned"
    assert outcome("PIT", lambda: rewritten("source-split")) == expected
