"""Attention over two branches that are stacked for a module of its own."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from gencode import Options, split_source  # noqa: E402
from rules import HEAD, PLINIO, run, stays  # noqa: E402

ONLY = Options(target="plinio", select=("two-way",))
ATTENTION = """\
class Attention(nn.Module):
    def __init__(self, channels, branches):
        super().__init__()
        self.branches = branches
        self.reduce = nn.Conv2d(channels, 5, 1)
        self.bn = nn.BatchNorm2d(5)
        self.select = nn.Conv2d(5, branches * channels, 1)

    def forward(self, x):
        # of all branches together
        x = torch.mean(x.sum(1), (2, 3), keepdim=True)
        x = torch.relu(self.bn(self.reduce(x)))
        x = self.select(x)
        B, C, H, W = x.shape
        x = x.view(B, self.branches, C // self.branches, H, W)
        return torch.softmax(x, dim=1)


"""
SELECTIVE = """\
class Net(nn.Module):
    def __init__(self, kernels=(3, 5)):
        super().__init__()
        self.paths = nn.ModuleList(nn.Conv2d(3, 4, k, padding=k // 2) for k in kernels)
        self.attention = Attention(4, len(kernels))

    def forward(self, x):
        paths = [path(x) for path in self.paths]
        x = torch.stack(paths, dim=1)
        weights = self.attention(x)
        x = x * weights
        x = torch.sum(x, dim=1)
        return x
"""
SOURCE = HEAD + ATTENTION + SELECTIVE
CHOICE = """\
        paths = [path(x) for path in self.paths]
        if len(paths) == self.attention.branches == 2:
            first, second = paths
            weight = self.attention.weight_of_two(first + second)
            return torch.multiply(first - second, weight) + second
        x = torch.stack(paths, dim=1)
"""
METHOD = '''
    def weight_of_two(self, x):
        """The weight of the first of two branches, by their sum; the second has the rest of 1."""
        x = torch.mean(x, (2, 3), keepdim=True)
        x = torch.relu(self.bn(self.reduce(x)))
        x = self.select(x)
        half = self.reduce.in_channels
        return torch.sigmoid(x[:, :half] - x[:, half : 2 * half])
'''


def test_a_method_weighs_two_by_their_sum() -> None:
    after = split_source(SOURCE, ONLY).text
    softmax = "        return torch.softmax(x, dim=1)\n"
    expected = SOURCE.replace(softmax, softmax + METHOD)
    lines = (
        "        paths = [path(x) for path in self.paths]\n        x = torch.stack(paths, dim=1)\n"
    )
    assert lines in expected
    assert after == expected.replace(lines, CHOICE)
    assert split_source(after, ONLY).text is after


@pytest.mark.parametrize("kernels", [(3, 5), (1, 3, 5), (3,)])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("x = torch.sum(x, dim=1)\n        return x", "return torch.sum(x, dim=1)"),
        ("x = torch.sum(x, dim=1)\n        return x", "return x.sum(1)"),
        ("x = x * weights", "x = weights.mul(x)"),
        ("x = x * weights", "x = torch.multiply(x, weights)"),
    ],
)
def test_it_computes_the_same(kernels: tuple[int, ...], before: str, after: str) -> None:
    source = SOURCE.replace(before, after) if before else SOURCE
    rewritten = split_source(source, PLINIO).text
    assert "weight_of_two" in rewritten
    one, other = run(source).Net(kernels).double(), run(rewritten).Net(kernels).double()
    other.load_state_dict(one.state_dict())
    x = torch.randn(2, 3, 6, 5, dtype=torch.float64)
    for mode in (True, False):
        one.train(mode), other.train(mode)
        torch.testing.assert_close(other(x), one(x), rtol=1e-12, atol=1e-12)
    one(x).sum().backward(), other(x).sum().backward()
    for mine, its in zip(other.parameters(), one.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, its.grad, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = torch.stack(paths, dim=1)", "x = torch.stack(paths, dim=2)"),
        ("x = torch.stack(paths, dim=1)", "x = torch.stack(tuple(paths), dim=1)"),
        ("x = torch.stack(paths, dim=1)", "x = torch.stack(paths)"),
        ("x = torch.stack(paths, dim=1)", "x = torch.stack(paths, dim=1)[:]"),
        ("x = x * weights", "x = torch.add(x, weights)"),
        ("x = x * weights", "x = x + weights"),
        ("x = x * weights", "x = (x * weights)[:]"),
        ("x = x * weights", "x = torch.mul(x * 2, weights)"),
        ("x = torch.sum(x, dim=1)\n", "if self.training:\n            x = torch.sum(x, dim=1)\n"),
        ("x.sum(1), (2, 3)", "x.sum(1) + x.view(2, 2, 4, 6, 5).sum(1), (2, 3)"),
        (
            "        x = torch.relu(self",
            "        if self.bn:\n            return x\n        x = torch.relu(self",
        ),
        ("x = x * weights", "x = x * weights * 2"),
        ("x = x * weights", "x = weights * weights"),
        ("        return x\n", "        return x, weights\n"),
        ("        weights =", "        print(x)\n        weights ="),
        ("self.attention(x)", "self.attention(x, x)"),
        ("paths = [path(x) for path in self.paths]", "paths = x"),
        ("x.sum(1), (2, 3)", "x.amax(1), (2, 3)"),
        ("x.sum(1), (2, 3)", "x.sum(2), (2, 3)"),
        ("torch.softmax(x, dim=1)", "torch.softmax(x, dim=2)"),
        ("torch.softmax(x, dim=1)", "torch.sigmoid(x)"),
        ("x = self.select(x)", "x = self.select(x)\n        x = x + 1"),
        ("C // self.branches, H, W)", "C // self.branches, H, W).transpose(1, 2)"),
        ("        # of all branches together\n", "        y = x[:, 0]\n"),
        ("def forward(self, x):\n        #", "def forward(self, x, *more):\n        #"),
    ],
)
def test_what_is_not_shown_stays(before: str, after: str) -> None:
    assert before in SOURCE
    stays(SOURCE.replace(before, after, 1), ONLY)


def test_a_module_of_another_kind_stays() -> None:
    assert (
        "not known of this file"
        in stays(SOURCE.replace("Attention(4, len(kernels))", "make(4)"), ONLY)[0].message
    )
