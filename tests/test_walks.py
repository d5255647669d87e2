"""Code that goes over modules, weights or names, and would do something else for parts."""

from __future__ import annotations

from textwrap import dedent, indent

import pytest

from gencode import Options, split_source

TOP = """\
import functools
import torch
from torch import nn

class Block(nn.Module):
    def __init__(self, g):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, groups=g)
        self.bn = nn.BatchNorm2d(8)

    def forward(self, x):
        return self.bn(self.conv(x))

class Net(nn.Module):
    def __init__(self, g):
        super().__init__()
        self.block = Block(g)
        self.last = nn.Conv2d(8, 8, 1)

    def forward(self, x):
        return self.last(self.block(x))

def walk(net, seen, other):
"""
FIRST = TOP.count("\n") + 1
MODULES = "for name, m in net.named_modules():\n    "
WEIGHTS = "for name, p in net.named_parameters():\n    "

SAME = {
    "counted in all": "return sum(p.numel() for p in net.parameters())",
    "frozen": WEIGHTS + "p.requires_grad = False",
    "initialised": MODULES + "if isinstance(m, nn.Conv2d): nn.init.zeros_(m.weight)",
    "by its data": MODULES + "if isinstance(m, nn.Conv2d): m.weight.data.normal_(0, 0.1)",
    "the mode": MODULES + "m.eval()",
    "the same for all": MODULES + "if isinstance(m, nn.BatchNorm2d): m.momentum = 0.3",
    "the device": "return next(net.parameters()).device",
    "a printed one": MODULES + "print(name, m)",
    "another name": MODULES + "if name == 'head': m.eval()",
    "the end of a name": WEIGHTS + "if name.endswith('.weight'): p.requires_grad = False",
    "elementwise": WEIGHTS + "p.data.mul_(0.5).abs_()",
    "of one group": MODULES + "print(9 * m.out_channels // m.groups)",
    "another walk": MODULES + "for each in m.children():\n        each.eval()",
    "another package": MODULES + "m.eval()\nfunctools.level = other",
    "the keys": "return [key for key, value in net.state_dict().items()]",
    "its walk": MODULES + "for p in m.parameters():\n        p.requires_grad = False",
    "another layer": "other.last.padding = 1\nreturn str(other.last)",
}
OTHERS = {
    "a size": (MODULES + "print(m.out_channels)", "out_channels is read of each module"),
    "channels of a norm": (MODULES + "m.eps = 1 / m.num_features", "num_features is read"),
    "the size of a weight": (MODULES + "print(m.weight.numel())", "numel() of a weight is taken"),
    "the largest": (MODULES + "print(m.weight.abs().max())", "max() of a weight is taken"),
    "by a function": (MODULES + "print(torch.norm(m.weight))", "norm() of each weight is taken"),
    "of a parameter": (WEIGHTS + "print(p.data.std())", "std() of each weight is taken"),
    "of one, by a function": (WEIGHTS + "print(torch.max(p))", "max() of each weight is taken"),
    "handed on": (MODULES + "seen(m)", "each module is handed on"),
    "replaced": (MODULES + "setattr(m, name, other)", "a module in each is replaced"),
    "set": (MODULES + "m.groups = 1", "groups is set"),
    "asked for": (MODULES + "print(hasattr(m, 'weight'))", "what each module has is asked for"),
    "its class": (MODULES + "print(m._get_name())", "the class of each module is asked for"),
    "a name": (MODULES + "if name == 'block.conv': m.eval()", "one is chosen by its name"),
    "a suffix": (WEIGHTS + "print(name.endswith('bn.weight'))", "one is chosen by its name"),
    "in a name": (MODULES + "if 'conv' in name: m.eval()", "one is chosen by its name"),
    "a part of a name": (WEIGHTS + "print(name.split('.')[-2])", "the name of each is taken apart"),
    "a place": ("weights = [*net.parameters()]\nreturn weights[3]", "one is chosen by its place"),
    "a slice": ("return list(net.children())[:-1]", "one is chosen by its place"),
    "how many": ("return len(list(net.modules()))", "they are counted"),
    "by another function": (
        "def size(m): return m.out_channels\nreturn [size(m) for m in net.modules()]",
        "out_channels is read of each module",
    ),
    "what is in it": (
        "net = Net(2)\nreturn list(net.block.conv.children())",
        "what is in it is asked for, of a split convolution",
    ),
    "an attribute": (
        "net = Net(2)\nreturn getattr(net.block.conv, 'transposed', False)",
        "transposed is asked for of a split convolution",
    ),
    "a setting": (
        "net = Net(2)\nfor m in map(lambda m: m, [net.block.conv]): m.padding = (1, 1)",
        "padding is set of a split convolution",
    ),
    "its text": (
        "net = Net(2)\nreturn str(net.block.conv)",
        "the class is asked for of a split convolution",
    ),
    "the name of its class": (
        "net = Net(2)\nreturn net.block.conv._get_name()",
        "the class is asked for of a split convolution",
    ),
    "torch itself": ("nn.Conv2d.forward = other", "torch.nn.Conv2d.forward is changed"),
}


def said(body: str, options: Options = Options()) -> dict[int, str]:
    """What is said of the last lines of a source, by their numbers."""
    warnings = split_source(TOP + indent(dedent(body), "    ") + "\n", options).warnings
    return {each.line: each.message for each in warnings}


@pytest.mark.parametrize("name", SAME)
def test_what_is_the_same_for_each_part_is_not_said(name: str) -> None:
    assert said(SAME[name]) == {}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_another_for_parts_is_said(name: str) -> None:
    body, what = OTHERS[name]
    found = said(body)
    assert [each for each in found if each < FIRST] == []
    assert any(what in each for each in found.values())
    assert all("the parts of what is split may give another result" in x for x in found.values())


def test_what_is_done_before_the_split_is_not_said() -> None:
    text = TOP.replace(
        "        self.bn = nn.BatchNorm2d(8)\n",
        "        self.bn = nn.BatchNorm2d(8)\n"
        "        for m in self.modules():\n"
        "            if isinstance(m, nn.BatchNorm2d): m.eps = 1 / m.num_features\n",
    )
    assert split_source(f"{text}    return net\n").warnings == ()


def test_a_convolution_that_stays_plain_is_not_spoken_of() -> None:
    body = "net = Net(2)\nreturn str(net.last)"
    assert said(body) == {}
    text = TOP.replace("groups=g", "groups=1") + "    return list(net.parameters())[3]\n"
    assert split_source(text).warnings == ()


def test_other_functions_that_nothing_calls_are_looked_at_too() -> None:
    more = "    return net\n\ndef prune(net):\n    return [m.out_channels for m in net.modules()]\n"
    found = split_source(TOP + more).warnings
    assert [each.line for each in found] == [FIRST + 3]


def test_what_is_too_much_to_follow_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gencode.facts.facts._BUDGET", 9)
    (warning,) = split_source(f"{TOP}    return net\n").warnings
    assert warning.line == 8
    assert warning.message.startswith("there is too much in this file to follow")
