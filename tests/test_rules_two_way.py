"""Softmax attention over two branches, as a sigmoid."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from gencode import split_source  # noqa: E402
from rules import HEAD, PLINIO, run, stays  # noqa: E402

CONSTRUCTOR = """\
class {name}(nn.Module):
    def __init__(self, radix=2, groups=1, use_conv=True):
        super().__init__()
        self.radix = radix
        self.groups = groups
        self.use_conv = use_conv
        self.conv = nn.Conv2d(3, 4 * radix, 3)
        self.bn = nn.BatchNorm2d(4 * radix)
        self.fc1 = nn.Conv2d(4, 6, 1)
        self.fc2 = nn.Conv2d(6, 4 * radix, 1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.softmax = nn.Softmax(dim=1)
        self.by_radix = BranchSoftmax(radix, groups)

    def forward(self, x):
"""
SOFTMAX = """\
class BranchSoftmax(nn.Module):
    def __init__(self, radix, cardinality):
        super().__init__()
        self.radix = radix
        self.cardinality = cardinality

    def forward(self, x):
        if self.radix == 1:
            return torch.sigmoid(x)
        batch = x.size(0)
        x = x.view(batch, self.cardinality, self.radix, -1).transpose(1, 2)
        return F.softmax(x, dim=1).reshape(batch, -1)


"""
CHAINED = """\
        x = self.bn(self.conv(x))
        n, c, h, w = x.shape
        x = x.reshape((n, self.radix, c // self.radix, h, w))
        gap = torch.mean(x.sum(dim=1), (2, 3), keepdim=True)
        a = self.fc2(torch.relu(self.fc1(gap)))
        a = torch.softmax(a.view(n, self.radix, -1), dim=1)
        return (x * a.unsqueeze(-1).unsqueeze(-1)).sum(dim=1)
"""
BY_MODULE = """\
        x = self.bn(self.conv(x))
        n, c, h, w = x.size()
        if self.radix > 1:
            x = x.view(n, self.radix, c // self.radix, h, w)
            gap = x.sum(dim=1)
        else:
            gap = x
        gap = self.pool(gap)
        if not self.use_conv:
            gap = gap * x.size(0)
        a = self.fc2(self.fc1(gap) if self.use_conv else self.fc1(-gap))
        a = self.by_radix(a).view(n, -1, 1, 1)
        if self.radix > 1:
            out = (x * a.reshape((n, self.radix, c // self.radix, 1, 1))).sum(dim=1)
        else:
            out = x * a
        return out.contiguous()
"""
BY_CLASS = """\
        x = self.bn(self.conv(x))
        n = x.size(0)
        x = x.view(n, self.radix, x.size(1) // self.radix, x.size(2), x.size(3))
        a = self.fc2(F.relu(self.fc1(self.pool(torch.sum(x, dim=1)))))
        a = a.view(n, self.groups, self.radix, -1)
        a = torch.transpose(a, 1, 2).contiguous()
        a = self.softmax(a).view(n, self.radix, -1, 1, 1)
        x = x * a
        x = x.sum(dim=1)
        return x
"""


def source(forward: str) -> str:
    """A source with a class of this forward."""
    return HEAD + SOFTMAX + CONSTRUCTOR.format(name="Net") + forward


def told(forward: str) -> list[str]:
    """What is said of a forward that stays, as far as this rule is concerned."""
    result = split_source(source(forward), PLINIO)
    assert "forward_of_two" not in result.text
    return [each.message for each in result.findings if each.code == "two-way"]


# --- nothing changes --------------------------------------------------------------------------


def test_a_sum_of_products_without_branches_is_no_two_way_attention() -> None:
    assert not stays(HEAD + "def softmax(x, y):\n    return torch.multiply(x, y).sum(dim=1)\n")
    (said,) = told("        return (self.conv(x) * self.softmax(self.conv(x))).sum(dim=1)\n")
    assert said.endswith("it is not shown to be attention over two branches")


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("c // self.radix, h, w", "c // self.radix, w, h", "takes the branches apart"),
        ("a.view(n, self.radix, -1)", "a.view(n, -1, self.radix)", "takes the branches apart"),
        ("dim=1)\n        return", "dim=2)\n        return", "not a softmax over two of them"),
        ("x.sum(dim=1)", "x.sum(dim=2)", "it sums something else than the branches (line "),
        ("x.sum(dim=1)", "x.mean(dim=1)", "x is used with its branches apart (line "),
        (").sum(dim=1)\n", ").sum(dim=1) + x.mean()\n", "x is used with its branches apart (line "),
        (
            "a = self.fc2(",
            "a = torch.relu(",
            "a is not known to be what a convolution gives (line ",
        ),
        (
            "self.fc1(gap)",
            "self.fc1(torch.cat((gap, gap), 1))",
            "how many channels a branch has is not known",
        ),
        ("gap = ", "c = lambda: 0\n        gap = ", "it has functions of its own (line "),
        (
            "        a = self",
            "        for _ in x: pass\n        a = self",
            "it is no plain statement (line ",
        ),
        (
            "        gap",
            "        x = y = x\n        gap",
            "x is used with its branches apart (line ",
        ),
    ],
)
def test_what_is_not_shown_stays(before: str, after: str, why: str) -> None:
    assert before in CHAINED
    (said,) = told(CHAINED.replace(before, after))
    assert why in said


def test_where_there_is_the_choice_it_is_not_made_again() -> None:
    after = split_source(source(CHAINED), PLINIO).text
    assert after.count("forward_of_two") == 2
    again = split_source(after, PLINIO)
    assert again.text == after
    assert not [each for each in again.findings if each.code == "two-way"]


@pytest.mark.parametrize(
    "line", ["    def forward(self, x):\n        x = self.bn", "        return (x"]
)
def test_it_is_left_out_where_a_comment_says_so(line: str) -> None:
    text = source(CHAINED)
    assert line in text
    text = text.replace(line, f"{line[: len(line) - len(line.lstrip())]}# gencode: skip\n{line}")
    assert "forward_of_two" not in split_source(text, PLINIO).text


# --- what becomes of what ---------------------------------------------------------------------


def test_the_forward_for_two() -> None:
    text = split_source(source(BY_MODULE), PLINIO).text
    assert (
        '''
    def forward_of_two(self, x):
        """The forward for two branches: their weights are w and 1 - w."""
        x = self.bn(self.conv(x))
        half = self.fc1.in_channels
        first, second = x[:, :half], x[:, half : 2 * half]
        gap = first + second
        gap = self.pool(gap)
        a = self.fc2(self.fc1(gap))
        weight = torch.sigmoid(a[:, :half] - a[:, half : 2 * half])
        out = torch.multiply(first - second, weight) + second
        return out
'''
        in text
    )
    assert (
        """
        if (
            self.radix == 2
            and self.use_conv
            and self.by_radix.radix == 2
            and self.by_radix.cardinality == 1
        ):
            return self.forward_of_two(x)
"""
        in text
    )


@pytest.mark.parametrize("forward", [CHAINED, BY_MODULE, BY_CLASS])
@pytest.mark.parametrize(("radix", "groups"), [(2, 1), (1, 1), (4, 1), (2, 2), (3, 1)])
def test_it_computes_the_same(forward: str, radix: int, groups: int) -> None:
    text = split_source(source(forward), PLINIO).text
    torch.manual_seed(0)
    if radix == 1 and forward is not BY_MODULE:
        return
    one, other = (run(each).Net(radix, groups).double() for each in (source(forward), text))
    other.load_state_dict(one.state_dict())
    if (radix, groups) == (2, 1):
        other.softmax = other.by_radix.forward = None  # it does without
    for training in (True, False):
        x = torch.randn(3, 3, 8, 7, dtype=torch.float64)
        found = []
        for net in (one.train(training), other.train(training)):
            given = x.clone().requires_grad_()
            result = net(given)
            (result**2).sum().backward()
            found.append((result, given.grad, net.conv.weight.grad, net.bn.running_mean))
        for a, b in zip(*found, strict=True):
            assert a.shape == b.shape
            assert (a - b).abs().max() < 1e-12
