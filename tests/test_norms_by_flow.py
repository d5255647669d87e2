"""Norms behind a convolution that no text beside its call shows, but the flow of tensors does."""

from __future__ import annotations

import pytest

from cases import model

torch = pytest.importorskip("torch")

from norms import check, notes  # noqa: E402

from equivalence import assert_same_models, run_source  # noqa: E402
from gencode import Options, split_source  # noqa: E402
from plinio_rules import broken  # noqa: E402

CONV = "self.conv = nn.Conv2d(16, 32, 3, groups=2)\n"
BUILT = CONV + "self.bn = nn.BatchNorm2d(32)\n"
NESTED = "return self.bn(self.conv(x)).relu()"
CHILDREN = "for layer in self.children():\n    x = layer(x)\nreturn x"
SEQUENTIAL = """
class Unit(nn.Sequential):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(16, 32, 3, groups=2)
        self.bn = nn.BatchNorm2d(32)
        self.act = nn.ReLU()
"""
FUSE = """
def fuse(unit):
    conv, bn = unit.conv, unit.bn
    scale = bn.weight / (bn.running_var + bn.eps) ** 0.5
    weight = conv.weight * scale[:, None, None, None]
    bias = bn.bias + (conv.bias - bn.running_mean) * scale
    return weight, bias
"""

# What the constructor and forward do, and what stands before the class; the norm moves.
MOVES = {
    "children": (BUILT + "self.act = nn.ReLU()", CHILDREN, ""),
    "one of two made by a function": (
        CONV + "self.bn = make(32) if self.training else make(32, 0.1)",
        NESTED,
        "def make(*args):\n    return nn.BatchNorm2d(*args)\n",
    ),
    "children with their names": (
        BUILT,
        "for name, layer in self.named_children():\n    x = layer(x)\nreturn x",
        "",
    ),
    "a list of both": (
        BUILT + "self.layers = [self.conv, self.bn]",
        "for layer in self.layers:\n    x = layer(x)\nreturn x",
        "",
    ),
    "attributes of an nn.Sequential": ("self.unit = Unit()", "return self.unit(x)", SEQUENTIAL),
    "attributes of an nn.Sequential in another order, with a forward": (
        "self.unit = Unit()",
        "return self.unit(x)",
        "class Unit(nn.Sequential):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.bn = nn.BatchNorm2d(32)\n"
        "        self.conv = nn.Conv2d(16, 32, 3, groups=2)\n"
        "    def forward(self, x):\n"
        "        return self.bn(self.conv(x))\n",
    ),
    "both by a name of torch that is not known": (
        "self.conv = getattr(nn, f'Conv{RANK}d')(16, 32, 3, groups=2)\n"
        "self.after = getattr(nn, f'BatchNorm{RANK}d')(32)\n",
        "return self.after(self.conv(x))",
        "RANK = 0 * len(__name__) + 2\n",
    ),
    "a name for it": (BUILT, "bn = self.bn\ny = self.conv(x)\nprint('')\nreturn bn(y)", ""),
    "one of two calls": (
        BUILT,
        "x = self.conv(x) if self.training else self.conv(x + 1)\nx = self.bn(x)\nreturn x",
        "",
    ),
    "forward is called": (BUILT, "return self.bn.forward(self.conv.forward(x))", ""),
    "a name in between": (
        BUILT,
        "y = self.conv(x)\nprint('')\nz = self.bn(y)\nreturn z.relu()",
        "",
    ),
    "a string that is no name of it": (
        BUILT,
        NESTED,
        "NAMES = ('stem.conv', 'stem.linear')\n",
    ),
    "a string that nothing reads": (BUILT + 'self.names = ["bn"]', NESTED, ""),
    "statistics that are read": (BUILT, NESTED, FUSE),
    "in a tuple": (
        BUILT,
        "y = self.conv(x)\nconv, bn = [self.conv, self.bn][:2]\nprint()\nreturn bn(y)",
        "",
    ),
    "an attribute of the same name": (
        BUILT + "self.other = Other()",
        NESTED,
        "class Other(nn.Module):\n    bn = None\n\n"
        "def drop(net: 'Net'):\n    other = Other()\n    other.bn = nn.Identity()\n",
    ),
}


@pytest.mark.parametrize("form", MOVES)
def test_moves(form: str) -> None:
    init, forward, top = MOVES[form]
    result = check(model(init, forward, top), {16})
    assert "in each" in result.records[0].detail
    assert "stays" not in notes(result)
    assert not [each for each in result.warnings if "of a norm" in each.message]
    assert "13" not in broken(run_source(result.text).Net().eval(), torch.randn(3, 16, 7, 6))


# The same, but the norm stays; and the reason, as far as one is given.
STAYS = {
    "children in an order that is not known": (
        "self.act = None\n" + BUILT + "self.act = nn.ReLU()",
        CHILDREN,
    ),
    "children, one of them not always there": (
        BUILT + "if self.training:\n    self.more = nn.ReLU()",
        CHILDREN,
    ),
    "a constructor that returns": (
        "self.act = nn.ReLU()\n" + BUILT + "if self.training:\n    return",
        CHILDREN,
    ),
    "another use": (BUILT, "y = self.conv(x)\nz = self.bn(y)\nreturn z + y.mean()"),
    "kept": (BUILT, "self.last = self.conv(x)\nreturn self.bn(self.last)"),
    "something else": (BUILT, "y = self.conv(x)\nprint()\nreturn self.bn(y) + self.bn(y * 2)"),
}


STAYS |= {
    "two norms": (
        BUILT + "self.two = nn.BatchNorm2d(32)",
        "y = self.conv(x)\nprint()\ny = self.bn(y)\nz = self.conv(x)\nprint()\n"
        "return self.two(z) + y",
    ),
    "a name that is made use of": (
        BUILT + "self.names = ['conv', 'other']",
        "y = getattr(self, self.names[0])(x)\nreturn self.bn(self.conv(x)) + y.mean()",
    ),
    "given to a function": (
        BUILT,
        "def apply(layer, y):\n    return layer(y)\ny = self.conv(x)\nprint()\n"
        "return apply(self.bn, y)",
    ),
    "by the one or the other": (
        BUILT + "self.two = nn.BatchNorm2d(32)",
        "y = self.conv(x)\nlayer = self.bn if x.sum() > 0 else self.two\nprint()\nreturn layer(y)",
    ),
    "a variable of itself": (
        BUILT + "self.one = [self]",
        "net = self\nfor _ in range(2):\n    net = net.one[0]\ny = self.conv(x)\nprint()\n"
        "return net.bn(y)",
    ),
}


KEEPING = """
class Unit(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(16, 32, 3, groups=2)
        self.bn = self.make()

    def make(self):
        self.kept = nn.BatchNorm2d(32)
        return self.kept

    def forward(self, x):
        return self.bn(self.conv(x))
"""
OF_CLASS = """
class Unit(nn.Module):
    bn = nn.BatchNorm2d(32)

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(16, 32, 3, groups=2)

    def forward(self, x):
        return self.bn(self.conv(x))
"""
OWN = "class Norm(nn.BatchNorm2d):\n    pass\n"
STAYS |= {
    "forward of something else": (
        BUILT,
        "return self.bn(self.conv(x)) + self.bn.forward(torch.cat([x, x], 1)[..., 1:-1, 1:-1])",
    ),
    "one of an own class that is handed on": (
        CONV + "self.bn = Norm(32)",
        "self.kept = [self.bn]\nreturn self.bn(self.conv(x))",
        OWN,
    ),
    "what a method keeps": ("self.unit = Unit()", "return self.unit(x)", KEEPING),
    "a child by its name": (
        CONV + "self.add_module('bn', nn.BatchNorm2d(32))",
        NESTED,
    ),
}


@pytest.mark.parametrize("form", STAYS)
def test_stays(form: str) -> None:
    check(model(*STAYS[form]), {32})


OTHERS = """
class Unit(nn.Module):
    def __init__(self, other=None):
        super().__init__()
        self.conv = nn.Conv2d(16, 32, 3, groups=2)
        self.bn = nn.BatchNorm2d(32)
        self.other = other

    def forward(self, x):
        y = self.conv(x)
        print()
        return self.bn(y) if self.other is None else self.other.bn(y)
"""


def test_a_norm_of_the_class_stays() -> None:
    result = split_source(
        model("self.unit = Unit()", "return self.unit(x)", OF_CLASS), Options(style="built")
    )
    assert "it is no attribute of self" in notes(result)


CACHED = """
import functools


@functools.lru_cache
def make():
    return nn.BatchNorm2d(16)
"""


def test_a_norm_that_a_function_keeps_stays() -> None:
    init = "".join(
        f"self.conv{i} = nn.Conv2d(16, 16, 1, groups=2)\nself.bn{i} = make()\n" for i in (1, 2)
    )
    forward = "return self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))"
    result = check(model(init, forward, CACHED), {16}, "built")
    assert "it may be one that is kept (line 10)" in notes(result)


def test_the_norm_of_another_object_of_the_class() -> None:
    init = "self.one = Unit()\nself.two = Unit(self.one)"
    result = check(model(init, "return self.two(x) + self.one(x)", OTHERS), {32})
    assert "in each" not in result.records[0].detail


def test_what_reads_statistics_gives_the_same() -> None:
    source = model(BUILT, NESTED, FUSE)
    original, result = run_source(source), split_source(source, Options(style="built"))
    one, other = original.Net(), run_source(result.text).Net()
    other.load_state_dict(one.state_dict())
    for given, found in zip(original.fuse(one), original.fuse(other), strict=True):
        torch.testing.assert_close(found, given)
    assert_same_models(one.double(), other.double(), torch.randn(3, 16, 7, 6).double())


REPARAMETERISED = """
def conv_bn(kernel):
    result = nn.Sequential()
    result.add_module("conv", nn.Conv2d(16, 32, kernel, groups=2))
    result.add_module("bn", nn.BatchNorm2d(32))
    return result


class Unit(nn.Sequential):
    def __init__(self):
        super().__init__()
        self.add_module("c", nn.Conv2d(16, 32, 3, groups=2))
        self.add_module("bn", nn.BatchNorm2d(32))
        nn.init.constant_(self.bn.weight, 0.5)

    def fuse(self):
        conv, bn = self._modules.values()
        scale = bn.weight / (bn.running_var + bn.eps).sqrt()
        kernel = conv.weight * scale.reshape(-1, 1, 1, 1)
        return kernel, bn.bias + (conv.bias - bn.running_mean) * scale


def fused(branch):
    scale = branch.bn.weight / (branch.bn.running_var + branch.bn.eps).sqrt()
    kernel = branch.conv.weight * scale.reshape(-1, 1, 1, 1)
    return kernel, branch.bn.bias + (branch.conv.bias - branch.bn.running_mean) * scale
"""
MERGE = """
class Merging(nn.Module):
    def __init__(self):
        super().__init__()
        self.big = conv_bn(3)
        self.small = nn.Sequential(nn.Conv2d(16, 32, 3, groups=2), nn.BatchNorm2d(32))
        self.unit = Unit()

    def forward(self, x):
        return self.big(x) + self.small(x) + self.unit(x)

    def merged(self):
        small = self.small[0].weight * self.small[1].running_var.sqrt().reshape(-1, 1, 1, 1)
        return fused(self.big), small, self.unit.fuse()
"""


def test_a_block_that_merges_its_sequences_gives_the_same() -> None:
    source = f"import torch\nfrom torch import nn\n{REPARAMETERISED}\n{MERGE}"
    result = check(source, {16}, build=lambda module: module.Merging())
    one, other = run_source(source).Merging(), run_source(result.text).Merging()
    other.load_state_dict(one.state_dict())
    torch.testing.assert_close(other.merged(), one.merged())


def test_a_walk_that_applies_what_it_goes_over() -> None:
    top = "def outputs(net, x):\n    return [each(x) for each in net.modules()]\n"
    init, forward, _ = MOVES["a name in between"]
    check(model(init, forward, top), {32})


def test_the_norm_of_a_sequence_that_changes_later_stays() -> None:
    init = "self.net = nn.Sequential(nn.Conv2d(16, 32, 3, groups=2), nn.BatchNorm2d(32))"
    for change in ("running_mean.zero_()", "tag = 1"):
        forward = f"self.net[1].{change}\nreturn self.net(x)"
        result = check(model(init, forward), {32})
        assert "the norm stays after it" in notes(result)


def test_the_norm_of_a_sequence_whose_weight_is_set_later_stays() -> None:
    init = """
    self.net = nn.Sequential()
    self.net.add_module("a", nn.Conv2d(16, 32, 3, groups=2))
    self.net.add_module("b", nn.BatchNorm2d(32))
    """
    forward = "nn.init.ones_(self.net.b.weight)\nreturn self.net(x)"
    result = check(model(init, forward), {32})
    assert "the norm stays after it: its weight is set (line 14) once it is split" in notes(result)
