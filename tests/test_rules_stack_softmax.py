"""A softmax over a stack that is only gone over."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from gencode import Options, split_source  # noqa: E402
from rules import PLINIO, module, run, stays  # noqa: E402

ONLY = Options(target="plinio", select=("two-way",))
CONSTRUCTOR = "self.convs = nn.ModuleList(nn.Conv2d(3, 4, 1) for _ in range({}))"
FORWARD = """\
ys = [conv(x) for conv in self.convs]
weights = torch.stack([torch.relu(y) for y in ys]).softmax(dim=0)
return sum(y * weight for y, weight in zip(ys, weights))
"""


def net(before: str = "", after: str = "", branches: int = 2) -> str:
    return module(FORWARD.replace(before, after), CONSTRUCTOR.format(branches))


@pytest.mark.parametrize("branches", [1, 2, 3])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        (
            "torch.stack([torch.relu(y) for y in ys]).softmax(dim=0)",
            "F.softmax(torch.stack([torch.relu(y) for y in ys], 0), dim=0)",
        ),
        ("return sum(y * weight for y, weight in zip(ys, weights))", "return ys[0] * weights[0]"),
        (
            "return sum(y * weight for y, weight in zip(ys, weights))",
            "z = 0\nfor weight, y in zip(weights, ys):\n    z = z + weight * y\nreturn z",
        ),
    ],
)
def test_it_computes_the_same(branches: int, before: str, after: str) -> None:
    source = net(before, after, branches) if before else net(branches=branches)
    rewritten = split_source(source, PLINIO).text
    assert "softmax_of([torch.relu(y) for y in ys])" in rewritten
    assert split_source(rewritten, PLINIO).text is rewritten
    one, other = run(source).Net().double(), run(rewritten).Net().double()
    other.load_state_dict(one.state_dict())
    x = torch.randn(2, 3, 6, 5, dtype=torch.float64)
    torch.testing.assert_close(other(x), one(x), rtol=1e-12, atol=1e-12)
    one(x).sum().backward(), other(x).sum().backward()
    for mine, its in zip(other.parameters(), one.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, its.grad, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("softmax(dim=0)", "softmax(dim=1)"),
        ("softmax(dim=0)", "softmax(dim=0, dtype=torch.float64)"),
        ("softmax(dim=0)", "softmax(0, 0)"),
        ("weights = torch.stack", "*weights, last = torch.stack"),
        ("y in ys])", "y in ys], dim=1)"),
        ("torch.stack([torch.relu(y) for y in ys])", "torch.stack(ys)"),
        ("return sum", "print(weights)\nreturn sum"),
        ("return sum", "self.weights = weights\nreturn sum"),
        ("return sum", "weights = weights[0]\nreturn sum"),
        ("zip(ys, weights)", "zip(ys, weights.flip(0))"),
        ("zip(ys, weights)", "zip(ys, weights, strict=True)"),
        ("zip(ys, weights)", "list(zip(ys, weights))"),
        ("zip(ys, weights)", "zip(ys, weights[:1])"),
        ("weights = torch.stack", "self.weights = weights = torch.stack"),
        ("weights = torch.stack", "return torch.stack"),
    ],
)
def test_what_is_not_only_gone_over_stays(before: str, after: str) -> None:
    assert before in FORWARD
    stays(net(before, after), ONLY)


def test_a_comment_keeps_it() -> None:
    lines = "torch.stack(\n    # all\n    [torch.relu(y) for y in ys]\n).softmax(dim=0)"
    found = stays(net("torch.stack([torch.relu(y) for y in ys]).softmax(dim=0)", lines), ONLY)
    assert "a comment in it would be lost" in found[0].message


def test_a_name_that_is_taken() -> None:
    source = net() + "\n\ndef softmax_of(x):\n    return x\n"
    assert "def softmax_of_2(scores)" in split_source(source, ONLY).text


def test_other_functions_of_the_name_are_no_finding() -> None:
    assert not stays(net("torch.stack(", "self.stack("), ONLY)


def test_weights_that_are_unpacked() -> None:
    source = net("weights =", "first, second =").replace(
        "zip(ys, weights)", "zip(ys, (second, first))"
    )
    after = split_source(source, ONLY).text
    assert "first, second = softmax_of([torch.relu(y) for y in ys])" in after


def test_a_function_of_that_name_is_left_alone() -> None:
    source = net().replace("def forward(self, x)", "def softmax_of(self, x)")
    assert not stays(
        f"{source}\n    def forward(self, x):\n        return self.softmax_of(x)\n", ONLY
    )
