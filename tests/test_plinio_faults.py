"""What stands in PLiNIO's way, found in a traced model; and that PLiNIO says so, where it is."""

from __future__ import annotations

import importlib.util

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from equivalence import run_source  # noqa: E402
from gencode.plinio_check.faults import faults  # noqa: E402
from gencode.plinio_check.outcome import outcome_of  # noqa: E402
from gencode.proof.worker.weights import randomise  # noqa: E402

NET = """
import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 16, 3, padding=1)
        self.a, self.b, self.c, self.d = (nn.Conv2d(16, 8, 3, padding=1) for _ in range(4))
        self.one, self.two = (nn.Conv2d(16, 16, 3, padding=1) for _ in range(2))
        self.small, self.small2 = (nn.Conv2d(8, 8, 3, padding=1) for _ in range(2))
        self.depthwise = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.depthwise8 = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.depthwise3 = nn.Conv2d(3, 3, 3, padding=1, groups=3)
        self.of3 = nn.Conv2d(3, 16, 1)
        self.grouped = nn.Conv2d(16, 16, 3, padding=1, groups=2)
        self.bn, self.bn2 = nn.BatchNorm2d(16), nn.BatchNorm2d(16)
        self.bn8 = nn.BatchNorm2d(8)
        self.gelu = nn.GELU()
        self.gamma = nn.Parameter(torch.rand(16, 1, 1))
        self.order = [*range(8, 16), *range(8)]
        self.last = nn.Conv2d(16, 16, 1)
        self.last8 = nn.Conv2d(8, 16, 1)
        self.last32 = nn.Conv2d(32, 16, 1)

    def forward(self, x):
        y = self.first(x)
"""
CAT, CAT2 = "torch.cat((self.a(y), self.b(y)), 1)", "torch.cat((self.c(y), self.d(y)), 1)"
GROUPED, SUM = "a grouped convolution", "a sum of two torch.cat, when pruned"
NESTED, LONE = "a torch.cat that reaches another one", "a BatchNorm behind no convolution"
INDEX, AXIS = "an index that is no x[:, a:b]", "a torch.cat by dim=-3 or axis="
TAKEN = {
    "a concatenation": f"self.last({CAT})",
    "with a convolution added": f"self.last({CAT} + self.one(y))",
    "with what it is of": f"self.last({CAT} + y)",
    "with a gate": f"self.last(torch.multiply({CAT}, torch.sigmoid(self.one(y))))",
    "a slice beside its convolution": "self.last(torch.cat((self.small(y[:, :8]), y[:, 8:]), 1))",
    "a negative bound": "self.last8(self.small(y[:, -8:]))",
    "a step": "self.last8(self.small(y[:, ::2]))",
    "three dots behind": "self.last8(self.small(y[:, :8, ...]))",
    "a slice of pixels": "self.last(y[:, :, 1:, 1:])",
    "an index before a convolution": "self.last(self.one(y[:, self.order]))",
    "a norm behind a depthwise convolution": "self.last(self.one(self.bn(self.depthwise(y))))",
    "a difference": "self.last(self.one(y) - y)",
    "a number that multiplies": "self.last(torch.multiply(self.one(y), 0.5))",
    "a gate of its own": "self.last(torch.multiply(y, torch.sigmoid(self.one(y))))",
    "a shape that is read": "(y.shape, self.last(y))[1]",
}
REFUSED = {
    "a grouped convolution": ("self.last(self.grouped(y))", [GROUPED]),
    "a method": ("self.last(y.relu())", ["`.relu()`"]),
    "a function": ("self.last(F.avg_pool2d(y, 2))", ["`avg_pool2d()`"]),
    "an operator": ("self.last(y * 2)", ["`*`"]),
    "a gate that is an operator": ("self.last(y * torch.sigmoid(self.one(y)))", ["`*`"]),
    "a module": ("self.last(self.gelu(y))", ["nn.GELU"]),
    "a functional convolution": ("self.last(F.conv2d(y, self.one.weight))", ["`conv2d()`"]),
    "a length": ("(y.size(0), self.last(y))[1]", ["`.size()`"]),
    "a view by a length": (
        "nn.functional.linear(y.view(y.size(0), -1), torch.ones(3, 1024))",
        ["`.view()`", "`linear()`"],
    ),
    "a nested concatenation": (
        f"self.last32(torch.cat(({CAT}, self.one(y)), 1))",
        [NESTED],
    ),
    "nested by a slice": (
        f"(z := {CAT}, self.last(torch.cat((self.small(z[:, :8]), z[:, 8:]), 1)))[1]",
        [NESTED],
    ),
    "nested by a sum": (f"self.last32(torch.cat(({CAT} + y, self.one(y)), 1))", [NESTED]),
    "a sum of concatenations": (f"self.last({CAT} + {CAT2})", [SUM]),
    "a product of concatenations": (
        f"self.last(torch.multiply({CAT}, {CAT2}))",
        ["a product of two torch.cat, when pruned"],
    ),
    "a slice in a sum": (
        "self.last8(self.small(y[:, :8]) + y[:, 8:])",
        ["a sum with a slice of channels"],
    ),
    "a sum of slices": (
        "self.last8(self.small(y[:, :8] + y[:, 8:]))",
        ["a sum with a slice of channels"],
    ),
    "a depthwise convolution of a slice": (
        "self.last8(self.small(self.depthwise8(y[:, :8])))",
        ["a depthwise convolution of a slice of channels, when pruned"],
    ),
    "a norm of a slice": (
        "self.last8(self.small(self.bn8(y[:, :8])))",
        ["a BatchNorm of a slice of channels, when pruned", LONE],
    ),
    "a depthwise convolution of an index": (
        "self.last(self.one(self.depthwise(y[:, self.order])))",
        ["a depthwise convolution of an index of channels, when pruned"],
    ),
    "a scale": (
        "self.last(torch.multiply(self.one(y), self.gamma))",
        ["a parameter for each channel, when pruned"],
    ),
    "a depthwise convolution of the input": (
        "self.last(self.of3(self.depthwise3(x)))",
        ["a depthwise convolution of the input"],
    ),
    "an output that is a concatenation": (CAT, ["an output that is a torch.cat, when pruned"]),
    "a norm behind an activation": ("self.last(self.bn(F.relu(y)))", [LONE]),
    "a norm behind a norm": ("self.last(self.bn2(self.bn(y)))", [LONE]),
    "a norm behind a concatenation": (
        f"self.last(self.bn({CAT}))",
        ["a BatchNorm after a torch.cat, when pruned"],
    ),
    "a norm of what is read": (
        "self.last(self.bn(y) + y)",
        ["a BatchNorm of what another layer reads too"],
    ),
    "a dimension from behind": ("self.last(torch.cat((self.a(y), self.b(y)), -3))", [AXIS]),
    "an axis": ("self.last(torch.cat((self.a(y), self.b(y)), axis=1))", [AXIS]),
    "three dots": ("self.last8(self.small(y[..., :8, :, :]))", [INDEX]),
    "a bound that is read": ("self.last8(self.small(y[:, :y.shape[1] // 2]))", [INDEX]),
    "a slice of the batch": ("self.last(y[0:])", [INDEX]),
    "a number that is added": (
        "self.last(1 + y)",
        ["a value that is not 0 for a pruned channel"],
    ),
    "a sigmoid": (
        "self.last(torch.sigmoid(y))",
        ["a value that is not 0 for a pruned channel"],
    ),
    "a layer that is called twice": (
        "self.last(self.one(self.one(y)))",
        ["a layer that is called twice"],
    ),
    "what depends on values": (
        "self.last(y if y.sum() > 0 else y)",
        ["`self.last(y if y.sum() > 0 else y)`"],
    ),
}
X = (torch.rand(2, 3, 8, 8),)
IS_THERE = importlib.util.find_spec("plinio") is not None


def net(expression: str) -> nn.Module:
    torch.manual_seed(0)
    made: nn.Module = run_source(f"{NET}        return {expression}\n").Net().eval()
    randomise(made, 0, with_buffers=False)
    return made


@pytest.mark.parametrize("expression", TAKEN.values(), ids=TAKEN)
def test_nothing_is_said_of_what_is_taken(expression: str) -> None:
    assert not faults(net(expression), X)


@pytest.mark.parametrize(("expression", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_is_in_the_way(expression: str, expected: list[str]) -> None:
    found = faults(net(expression), X)
    assert [each.what for each in found] == expected or expected[0].startswith("`self")


def test_a_norm_in_3d_is_behind_a_convolution() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bn = nn.BatchNorm3d(3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.bn(torch.relu(x))

    (found,) = faults(Net().eval(), (torch.rand(2, 3, 4, 4, 4),))
    assert found.what == "an nn.BatchNorm3d behind no convolution"


@pytest.mark.skipif(not IS_THERE, reason="PLiNIO is not there")
@pytest.mark.parametrize("expression", TAKEN.values(), ids=TAKEN)
def test_plinio_takes_it(expression: str) -> None:
    for method in ("PIT", "MPS", "SuperNet"):
        torch.manual_seed(1)
        assert outcome_of(method, net(expression), X).what == ""


@pytest.mark.skipif(not IS_THERE, reason="PLiNIO is not there")
@pytest.mark.parametrize("expression", [each for each, _ in REFUSED.values()], ids=REFUSED)
def test_plinio_does_not_take_it(expression: str) -> None:
    """It is refused or wrong, by each method that is said not to take it first, and no other."""
    made = net(expression)
    said = {method for each in faults(made, X) for method in each.methods}
    for method in ("PIT", "SuperNet"):
        torch.manual_seed(1)
        assert bool(outcome_of(method, made, X).what) == (method in said)
