"""The norms in one nn.ModuleList that follow the grouped convolutions in another."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from cases import BARE, left, model
from gencode import Options, Result, split_source

torch = pytest.importorskip("torch")

from norms import check, notes  # noqa: E402

from equivalence import run_source  # noqa: E402

CONV, NORM = "nn.Conv2d(16, 16, 1, groups=2)", "nn.BatchNorm2d(16)"
CONVS = "self.convs = nn.ModuleList([CONV for _ in range(2)])"
BNS = "self.bns = nn.ModuleList([NORM for _ in range(2)])"
BOTH = f"{CONVS}\n{BNS}"
ZIP = "for conv, bn in zip(self.convs, self.bns):\n    x = bn(conv(x)).relu()\nreturn x"
NUMBERS = "for i in range(2):\n    x = self.bns[i](self.convs[i](x)).relu()\nreturn x"
APPENDED = (
    "convs, bns = [], []\nfor _ in range(2):\n    convs.append(CONV)\n    bns.append(NORM)\n"
    "self.convs = nn.ModuleList(convs)\nself.bns = nn.ModuleList(bns)"
)


def said(result: Result) -> str:
    """All that is said of a source."""
    return "; ".join([notes(result), *(each.message for each in result.warnings)])


def source(init: str, forward: str, top: str = "") -> str:
    """A model with convolutions and norms in lists; CONV and NORM stand for the two."""
    text = model(init.replace("CONV", CONV).replace("NORM", NORM), forward, top)
    return text.replace("def __init__(self)", "def __init__(self, x=None)")


# What of the lists is used otherwise, or in an order that is not seen.
USED = {
    "numbers and more": (
        BOTH,
        "for i in range(1):\n    x = self.bns[i + 1](self.convs[i + 1](x)).relu()\nreturn x",
    ),
    "numbers from 1": (
        BOTH,
        "for i in range(1, 3):\n    x = self.bns[i - 1](self.convs[i - 1](x)).relu()\nreturn x",
    ),
    "a number that is shifted": (
        BOTH.replace("NORM for _ in range(2)", "NORM for _ in range(3)"),
        "for i in range(2):\n    x = self.bns[i + 1](self.convs[i](x))\nreturn x",
    ),
    "numbers from the end": (
        BOTH,
        "return self.bns[-1](self.convs[-1](x))",
    ),
    "numbers that count down": (
        BOTH,
        "for i in range(1, -1, -1):\n    x = self.bns[i](self.convs[i](x))\nreturn x",
    ),
    "numbers that begin below 0": (
        BOTH,
        "for i in range(2):\n    x = self.bns[i - 1](self.convs[i - 1](x))\nreturn x",
    ),
    "numbers of enumerate from another start": (
        BOTH,
        "for i, _ in enumerate([0, 0], start=-1):\n    x = self.bns[i](self.convs[i](x))\nreturn x",
    ),
    "names for one of each": (
        BOTH,
        "conv, bn = self.convs[0], self.bns[0]\nreturn bn(conv(x))",
    ),
    "a number that is no loop's": (
        BOTH,
        "i = 0\nx = self.bns[i](self.convs[i](x))\nreturn x",
    ),
    "a number that is computed": (
        BOTH,
        "it = iter([0, 0])\nreturn self.bns[next(it)](self.convs[next(it)](x))",
    ),
    "a number that changes": (
        BOTH,
        "for i in range(1):\n    x = self.bns[i](self.convs[i](x * (i := i + 1)))\nreturn x",
    ),
    "a number of others": (
        BOTH,
        "i = 0\ndef step():\n    nonlocal i\n    i += 1\n    return 0\nfor i in range(1):\n"
        "    x = self.bns[i](self.convs[i](x + step()))\nreturn x",
    ),
    "a number of a function inside": (
        BOTH,
        "def step():\n    nonlocal i\n    i -= 1\n    return 0\nfor i in range(1):\n"
        "    x = self.convs[i](x) + step()\n    x = self.bns[i](self.convs[i](x))\nreturn x",
    ),
    "a number that is the model's": (
        BOTH + "\nself.i = 0",
        "return self.bns[self.i](self.convs[self.i](x))",
    ),
    "range of another": (
        BOTH,
        "range = lambda n: [-1, 0]\nfor i in range(2):\n    x = self.bns[i](self.convs[i](x))\n"
        "return x",
    ),
    "an if": (
        BOTH + "\nself.on = True",
        "for conv, bn in zip(self.convs, self.bns):\n    x = conv(x)\n    if self.on:\n"
        "        x = bn(x)\nreturn x",
    ),
    "a choice": (
        BOTH + "\nself.on = True",
        "for i in range(2):\n    x = self.convs[i](x)\n    x = self.bns[i](x) if self.on else x\n"
        "return x",
    ),
    "the norm twice": (
        BOTH,
        "for conv, bn in zip(self.convs, self.bns):\n    x = bn(bn(conv(x)))\nreturn x",
    ),
    "the norm after the loop": (
        BOTH,
        ZIP.replace("return x", "return bn(x)"),
    ),
    "another norm in its place": (
        BOTH + "\nself.bn = NORM",
        "for conv, bn in zip(self.convs, self.bns):\n    bn = self.bn\n    x = bn(conv(x))\n"
        "return x",
    ),
    "another norm in its place in the second loop": (
        BOTH,
        "for _ in range(2):\n    for conv, bn in zip(self.convs, self.bns):\n"
        "        x = bn(conv(x))\n        for bn in ():\n            pass\nreturn x",
    ),
    "a loop over the norms": (
        BOTH,
        f"for bn in self.bns:\n    x = bn(x)\n{ZIP}",
    ),
    "a loop over the convolutions": (
        BOTH,
        f"for conv in self.convs:\n    x = conv(x)\n{ZIP}",
    ),
    "a norm by its number": (
        BOTH,
        f"x = self.bns[0](x)\n{ZIP}",
    ),
    "a convolution by its number": (
        BOTH,
        f"x = self.convs[0](x)\n{ZIP}",
    ),
    "the convolution twice": (
        BOTH,
        "for conv, bn in zip(self.convs, self.bns):\n    x = x + conv(conv(x))\n" + NUMBERS,
    ),
    "what the convolution gives, twice": (
        BOTH,
        "for i in range(2):\n    y = self.convs[i](x)\n    x = self.bns[i](y) + y\n" + NUMBERS,
    ),
    "another list of norms": (
        f"{BOTH}\n{BNS.replace('bns', 'bns2')}",
        ZIP.replace("return x", "") + NUMBERS.replace("bns", "bns2"),
    ),
    "convolutions of another list": (
        f"{BOTH}\n{CONVS.replace('convs', 'convs2')}",
        ZIP.replace("return x", "") + NUMBERS.replace("convs", "convs2"),
    ),
    "the weight of a norm": (
        BOTH + "\nnn.init.zeros_(self.bns[-1].weight)",
        ZIP,
    ),
    "a momentum": (
        BOTH + "\nfor bn in self.bns:\n    bn.momentum = 0.3",
        ZIP,
    ),
    "another name for the list": (
        BOTH + "\nbns = self.bns\nbns[0].momentum = 0.3",
        ZIP,
    ),
    "one more": (
        BOTH + "\nself.bns += [NORM]",
        ZIP,
    ),
    "many more": (
        BOTH + "\nself.bns.extend([NORM])",
        ZIP,
    ),
    "one in front": (
        BOTH + "\nself.bns.insert(0, NORM)",
        ZIP,
    ),
    "one in its place": (
        BOTH + "\nself.bns[0] = NORM",
        ZIP,
    ),
    "one less": (
        BOTH + "\ndel self.bns[0]\ndel self.convs[0]",
        ZIP,
    ),
    "another list under an if": (
        BOTH + f"\nif x is None:\n    {BNS}",
        ZIP,
    ),
    "other convolutions under an if": (
        BOTH + f"\nif x is None:\n    {CONVS}",
        ZIP,
    ),
    "one of them under an if": (
        f"if x is None:\n    {CONVS}\n{BNS}",
        ZIP,
    ),
    "on one line": (
        "if x is None: " + BOTH.replace("\n", "; "),
        ZIP,
    ),
    "a norm in an attribute": (
        f"self.bn = NORM\n{CONVS}\nself.bns = nn.ModuleList([self.bn, NORM])",
        ZIP.replace("return x", "return self.bn(x)"),
    ),
    "a convolution in an attribute": (
        f"self.conv = CONV\nself.convs = nn.ModuleList([self.conv, CONV])\n{BNS}",
        ZIP.replace("return x", "return self.conv(x)"),
    ),
    "a norm in two lists": (
        f"bn = NORM\n{CONVS}\nself.bns = nn.ModuleList([bn, NORM])\n"
        "self.more = nn.ModuleList([bn])",
        ZIP.replace("return x", "return self.more[0](x)"),
    ),
    "a norm twice": (
        f"bn = NORM\n{CONVS}\nself.bns = nn.ModuleList([bn, bn])",
        ZIP,
    ),
    "a norm for each": (
        f"bn = NORM\n{CONVS}\nself.bns = nn.ModuleList([bn for _ in range(2)])",
        ZIP,
    ),
    "a convolution for each": (
        f"conv = CONV\nself.convs = nn.ModuleList([conv for _ in range(2)])\n{BNS}",
        ZIP,
    ),
    "a norm times a number": (
        f"bn = NORM\n{CONVS}\nself.bns = nn.ModuleList([bn] * 2)",
        ZIP,
    ),
    "a list that is used for something else": (
        APPENDED + "\nself.head = nn.Sequential(*bns)",
        ZIP.replace("return x", "return self.head(x)"),
    ),
    "added to in a function inside": (
        CONVS + "\nself.bns = nn.ModuleList()\ndef add():\n    self.bns.append(NORM)\nadd()\nadd()",
        ZIP,
    ),
    "a string": (
        BOTH,
        f'for bn in getattr(self, "bns"):\n    x = bn(x)\n{ZIP}',
    ),
    "a string for the convolutions": (
        BOTH,
        f'for conv in getattr(self, "convs"):\n    x = conv(x)\n{ZIP}',
    ),
    "a computed name": (
        BOTH,
        f"for bn in getattr(self, f\"bn{{'s'}}\"):\n    x = bn(x)\n{ZIP}",
    ),
    "all modules": (
        BOTH,
        f"for bns in list(self.children())[1:]:\n    for bn in bns:\n        x = bn(x)\n{ZIP}",
    ),
    "no statistics": (
        BOTH.replace("NORM", "nn.BatchNorm2d(16, track_running_stats=False)"),
        ZIP,
    ),
}
TOP = "def make_norms():\n    return [nn.BatchNorm2d(16), nn.BatchNorm2d(16)]\n"


@pytest.mark.parametrize("form", USED)
def test_stays_where_it_is_not_certain(form: str) -> None:
    result = check(source(*USED[form], TOP), {16})
    assert "split_pairs" not in result.text
    assert "stays" in said(result)


WITH_METHODS = """
import torch
from torch import nn


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(16, 16, 1, groups=2) for _ in range(2)])
        self.bns = nn.ModuleList([nn.BatchNorm2d(16) for _ in range(2)])

    def forward(self, x):
        for conv, bn in zip(self.convs, self.bns):
            x = bn(conv(x)).relu()
        return x


class Net(Base):
"""


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        (
            "def forward(self, x):\n        return self.bns[0](super().forward(x))",
            "self.bns is used elsewhere too (line 20)",
        ),
        (
            "def show(self):\n        return len(self.__dict__)",
            "self.convs may be gone through with others (line 20)",
        ),
        (
            "def forward(self, x):\n        return super().forward(self.convs[1](x))",
            "self.convs is used elsewhere too",
        ),
        (
            "def __init__(self):\n        super().__init__()\n"
            "        self.bns = nn.ModuleList([nn.BatchNorm2d(16), nn.BatchNorm2d(16)])",
            "self.bns is not built at one place",
        ),
        (
            "def __init__(self):\n        super().__init__()\n"
            "        self.bns.append(nn.BatchNorm2d(16))",
            "self.bns is added to elsewhere (line 21)",
        ),
        (
            "def __init__(self):\n        super().__init__()\n"
            "        self.add_module('bns', nn.ModuleList(nn.BatchNorm2d(16) for _ in range(2)))",
            "it may be another one (line 21)",
        ),
    ],
)
def test_stays_for_what_a_subclass_does(method: str, reason: str) -> None:
    assert f"stays after the concatenation: {reason}" in notes(
        check(f"{WITH_METHODS}    {method}\n", {16})
    )


def test_stays_for_what_another_object_does() -> None:
    text = WITH_METHODS + (
        "    def __init__(self):\n        super().__init__()\n        self.more = Base()\n\n"
        "    def forward(self, x):\n        return self.more.bns[0](super().forward(x))\n"
    )
    result = check(text, {16})
    assert "self.bns is used elsewhere too (line 24)" in notes(result)


def test_stays_for_what_is_added_to_another_object() -> None:
    text = WITH_METHODS + (
        "    def __init__(self):\n        super().__init__()\n        self.more = Base()\n"
        "        self.more.bns.append(nn.BatchNorm2d(16))\n"
    )
    result = check(text, {16})
    assert "self.bns is used elsewhere too (line 22)" in notes(result)


def test_stays_for_what_is_added_to_another_object_where_it_is_built() -> None:
    more = "\n        if deep:\n            self.more = Base(False)\n"
    more += "            self.more.bns.append(nn.BatchNorm2d(16))"
    bns = "self.bns = nn.ModuleList([nn.BatchNorm2d(16) for _ in range(2)])"
    text = WITH_METHODS.replace(bns, bns + more).replace("(self):", "(self, deep=True):", 1)
    result = check(f"{text}    pass\n", {16})
    assert "self.bns is used elsewhere too (line 13)" in notes(result)


def test_stays_where_the_norms_are_those_of_another_object() -> None:
    forward = (
        "class Step(Net):\n    def forward(me, x):\n"
        "        for conv, bn in zip(self.convs, me.bns):\n            x = bn(conv(x))\n"
        "        return x\nreturn Step.forward(self.other[0], x)"
    )
    text = source(f"{BOTH}\nself.other = nn.ModuleList([] if x else [Net(True)])", forward)
    result = check(text, {16})
    assert "split_pairs" not in result.text


def test_norms_over_several_channels_stay() -> None:
    result = check(source(BOTH.replace("NORM", "nn.GroupNorm(2, 16)"), ZIP), set())
    assert "self.bns stays after the concatenation: a GroupNorm goes over" in notes(result)


# What is no pair of a convolution and a norm: nothing is said of it.
APART = {
    "activations": (
        "self.acts = nn.ModuleList([nn.ReLU() for _ in range(2)])\n" + CONVS,
        "for conv, act in zip(self.convs, self.acts):\n    x = act(conv(x))\nreturn x",
        set(),
    ),
    "each by itself": (
        BOTH,
        "for bn, conv in zip(self.bns, self.convs):\n    x = conv(bn(x))\nreturn x",
        {16},
    ),
    "a sequence of both": (
        "self.convs = nn.ModuleList([nn.Sequential(CONV, NORM) for _ in range(2)])\n" + BNS,
        ZIP,
        {8, 16},
    ),
}


@pytest.mark.parametrize("form", APART)
def test_what_is_no_pair(form: str) -> None:
    init, forward, expected = APART[form]
    result = check(source(init, forward), expected)
    assert "split_pairs" not in result.text


# Where the norm is not found in a list: it stays for another reason.
OTHERWISE = {
    "reversed": "for conv, bn in zip(self.convs, reversed(self.bns)):\n"
    "    x = bn(conv(x))\nreturn x",
    "sorted": "pairs = zip(self.convs, self.bns)\n"
    "for conv, bn in sorted(pairs, key=lambda each: each[1].eps):\n    x = bn(conv(x))\nreturn x",
    "sorted in place": "for conv, bn in sorted(zip(self.convs, self.bns), key=lambda each: 1):\n"
    "    x = bn(conv(x))\nreturn x",
    "a slice": "for conv, bn in zip(self.convs, self.bns[:]):\n    x = bn(conv(x))\nreturn x",
    "slices": "for conv, bn in zip(self.convs[1:], self.bns[1:]):\n    x = bn(conv(x))\nreturn x",
    "another zip": "zip = lambda a, b: [(a[0], b[1])]\n" + ZIP,
    "another enumerate": "enumerate = lambda a: [(0, list(a)[0])]\n"
    "for i, (conv, bn) in enumerate(zip(self.convs, self.bns)):\n    x = bn(conv(x))\nreturn x",
    "beside a loop": "for conv in [conv for conv in self.convs if zip(self.convs, self.bns)]:\n"
    "    x = conv(x)\nfor bn in self.bns:\n    x = bn(x)\nreturn x",
    "a pair": "for pair in zip(self.convs, self.bns):\n    x = pair[1](pair[0](x))\nreturn x",
    "a numbered pair": "for i, pair in enumerate(zip(self.convs, self.bns)):\n"
    "    conv, bn = pair\n    x = bn(conv(x))\nreturn x",
    "a numbered whole": "for each in enumerate(zip(self.convs, self.bns)):\n"
    "    x = each[1][1](each[1][0](x))\nreturn x",
    "the rest": "for conv, *bn in zip(self.convs, self.bns):\n    x = bn[0](conv(x))\nreturn x",
    "lists in a list": "for conv, bn in zip(*[self.convs, self.bns]):\n"
    "    x = bn(conv(x))\nreturn x",
    "lists after others": "for _, conv, bn in zip(*[[0, 0]], self.convs, self.bns):\n"
    "    x = bn(conv(x))\nreturn x",
    "a list of pairs": "pairs = zip(self.convs, self.bns)\nfor conv, bn in pairs:\n"
    "    x = bn(conv(x))\nreturn x",
    "different loops": "outs = []\nfor conv in self.convs:\n    outs.append(conv(x))\n"
    "for i, bn in enumerate(self.bns):\n    x = x + bn(outs[i])\nreturn x",
    "loops in loops": "for conv in self.convs:\n    for bn in self.bns:\n        x = bn(conv(x))\n"
    "return x",
    "something between": "for conv, bn in zip(self.convs, self.bns):\n    x = bn(conv(x).relu())\n"
    "return x",
    "another statement between": "for conv, bn in zip(self.convs, self.bns):\n    x = conv(x)\n"
    "    x = x.relu()\n    x = bn(x)\nreturn x",
    "the convolution after the loop": ZIP.replace("return x", "return conv(x)"),
    "another convolution in its place": "for conv, bn in zip(self.convs, self.bns):\n"
    "    conv = self.conv\n    x = bn(conv(x))\nreturn x",
    "a convolution of others": "conv = None\n\ndef step(x):\n    nonlocal conv\n"
    "    for conv, bn in zip(self.convs, self.bns):\n        x = bn(conv(x))\n    return x\n"
    "return step(x)",
    "the convolution once more": "for conv, bn in zip(self.convs, self.bns):\n"
    "    x = bn(conv(x)) + conv(x)\nreturn x",
    "handed on": "for conv, bn in zip(self.convs, self.bns):\n    x = bn(apply(conv, x))\nreturn x",
    "by a function": "for i in range(2):\n    x = self.bns[i](apply(self.convs[i], x))\nreturn x",
    "not called": "for i in range(2):\n    conv = self.convs[i]\n    x = self.bns[i](conv(x))\n"
    "return x",
    "of another object": "for conv, bn in zip(self.convs, self.other.bns):\n    x = bn(conv(x))\n"
    "return x",
    "of a variable": "bns = self.bns\nfor conv, bn in zip(self.convs, bns):\n    x = bn(conv(x))\n"
    "return x",
}
OTHER = "self.conv = CONV\nself.other = nn.ModuleList()\nself.other.bns = self.bns"


@pytest.mark.parametrize("form", OTHERWISE)
def test_stays_where_they_are_not_gone_through_together(form: str) -> None:
    needs_other = "other" in OTHERWISE[form] or "self.conv\n" in OTHERWISE[form]
    init = f"{BOTH}\n{OTHER}" if needs_other else BOTH
    text = source(init, OTHERWISE[form], "def apply(conv, x):\n    return conv(x)\n")
    result = check(text, {16})
    assert "split_pairs" not in result.text


# __init__ and forward; CONV and NORM stand for the two.
MOVES = {
    "zip": (BOTH, ZIP),
    "zip, strictly": (BOTH, ZIP.replace("bns)", "bns, strict=True)")),
    "zip with others": (
        BOTH,
        "for y, conv, bn in zip([x, x], self.convs, self.bns):\n    x = x + bn(conv(y))\nreturn x",
    ),
    "zip the other way": (
        BOTH,
        "for bn, conv in zip(self.bns, self.convs):\n    x = bn(conv(x)).relu()\nreturn x",
    ),
    "enumerate": (
        BOTH,
        "for i, (conv, bn) in enumerate(zip(self.convs, self.bns)):\n"
        "    x = bn(conv(x + i * (i + 1))).relu() * (i + 1)\nreturn x",
    ),
    "two statements": (
        BOTH,
        "for conv, bn in zip(self.convs, self.bns):\n    x = conv(x)\n    x = bn(x)\nreturn x",
    ),
    "another variable": (
        BOTH,
        "for conv, bn in zip(self.convs, self.bns):\n    y = conv(x)\n    x = x + bn(y)\nreturn x",
    ),
    "a comprehension": (
        BOTH,
        "return torch.cat([bn(conv(x)) for conv, bn in zip(self.convs, self.bns)], 1)",
    ),
    "two loops": (BOTH, f"{ZIP.replace('return x', '')}{ZIP}"),
    "two loops and a function": (
        BOTH,
        ZIP.replace("return x", "def step(conv):\n    return conv\n") + NUMBERS,
    ),
    "a variable of the same name inside": (
        BOTH,
        "for conv, bn in zip(self.convs, self.bns):\n"
        "    x = bn(conv(x)) + sum(bn for conv in (0, 1) for bn in (1, conv))\nreturn x",
    ),
    "numbers": (BOTH, NUMBERS),
    "numbers of enumerate": (
        BOTH,
        "for i, y in enumerate([x, x]):\n    x = x + self.bns[i](self.convs[i](y))\nreturn x",
    ),
    "numbers of two loops": (BOTH, NUMBERS.replace("return x", "") + NUMBERS),
    "a number": (BOTH, "return self.bns[1](self.convs[1](x))"),
    "numbers in a comprehension": (
        BOTH,
        "return torch.cat([self.bns[i](self.convs[i](x)) for i in range(2)], 1)",
    ),
    "numbers, in two statements": (
        BOTH,
        "for i in range(2):\n    y = self.convs[i](x)\n    x = self.bns[i](y).relu()\nreturn x",
    ),
    "both ways": (BOTH, ZIP.replace("return x", "") + NUMBERS),
    "len": (BOTH, NUMBERS.replace("range(2)", "range(len(self.convs))")),
    "len of the norms": (BOTH, NUMBERS.replace("range(2)", "range(len(self.bns))")),
    "the norms first": (f"{BNS}\n{CONVS}", ZIP),
    "something between": (f"{CONVS}\nself.relu = nn.ReLU()\n{BNS}", ZIP),
    "under an if": (f"if x is None:\n    {CONVS}\n    {BNS}", ZIP),
    "lists that are written out": (
        "self.convs = nn.ModuleList([CONV, CONV])\nself.bns = nn.ModuleList([NORM, NORM])",
        ZIP,
    ),
    "generators": (
        "self.convs = nn.ModuleList(CONV for _ in range(2))\n"
        "self.bns = nn.ModuleList(NORM for _ in range(2))",
        ZIP,
    ),
    "variables": (
        "convs = [CONV for _ in range(2)]\nbns = [NORM, NORM]\n"
        "self.convs = nn.ModuleList(convs)\nself.bns = nn.ModuleList(bns)",
        ZIP,
    ),
    "appended": (APPENDED.replace("convs, bns = [], []", "convs = []\nbns = []"), ZIP),
    "appended at once": (APPENDED, ZIP),
    "appended to the attributes": (
        "self.convs = nn.ModuleList()\nself.bns = nn.ModuleList()\nfor _ in range(2):\n"
        "    self.convs.append(CONV)\n    self.bns.append(NORM)\nself.relu = nn.ReLU()",
        NUMBERS,
    ),
    "appended to the attributes, apart": (
        "self.convs = nn.ModuleList([])\nfor _ in range(2):\n    self.convs.append(CONV)\n"
        "self.bns = nn.ModuleList([NORM])\nself.bns.append(NORM)",
        ZIP,
    ),
    "appended by their names": (
        "convs = []\nfor _ in range(2):\n    conv = CONV\n    convs.append(conv)\n"
        f"self.convs = nn.ModuleList(convs)\n{BNS}",
        ZIP,
    ),
    "a choice of norms": (
        BOTH.replace("NORM", "(NORM if x is None else nn.Identity())"),
        ZIP,
    ),
    "a norm layer": (
        "norm_layer = x or nn.BatchNorm2d\n" + BOTH.replace("NORM", "norm_layer(16)"),
        ZIP,
    ),
    "stars": (
        CONVS + "\nbns = []\nbns.append(*[NORM])\nbns.append(NORM)\nself.bns = nn.ModuleList(bns)",
        ZIP,
    ),
    "a list that is given twice": (
        APPENDED.replace("convs, bns = [], []", "convs = []\nbns = []\nbns = []"),
        ZIP,
    ),
    "a list with another in it": (
        f"bns = [NORM for _ in range(2)]\n{CONVS}\nself.bns = nn.ModuleList([*bns])",
        ZIP,
    ),
    "a list by a keyword": (
        f"{CONVS}\nself.bns = nn.ModuleList(modules=[NORM, NORM])",
        ZIP,
    ),
    "what a function gives": (
        f"{CONVS}\nself.bns = nn.ModuleList(make_norms())",
        ZIP,
    ),
    "InstanceNorm": (BOTH.replace("NORM", "nn.InstanceNorm2d(16, affine=True)"), ZIP),
    "initialisation": (
        BOTH + "\nfor m in self.modules():\n    if isinstance(m, nn.BatchNorm2d):\n"
        "        nn.init.ones_(m.weight)\n        m.momentum = 0.3",
        ZIP,
    ),
}


@pytest.mark.parametrize("form", MOVES)
def test_moves(form: str) -> None:
    result = check(source(*MOVES[form], TOP), {8})
    assert result.text.count("split_pairs(self.convs, self.bns)\n") == 1
    assert all("with Net.bns in each" in record.detail for record in result.records)
    assert "stays" not in notes(result)


def test_it_is_said_that_they_stay_where_the_list_is_one_of_two_targets() -> None:
    init = f"{CONVS}\n{BNS}".replace("self.convs = ", "self.convs, self.n = ")
    init = init.replace("range(2)])\nself.bns", "range(2)]), 2\nself.bns")
    result = check(source(init, ZIP), {16})
    assert "self.bns stays after the concatenation: self.convs is held elsewhere" in notes(result)


def test_becomes() -> None:
    split = split_source(source(BOTH, ZIP), BARE).text
    assert split.endswith("""
class Net(nn.Module):
    def __init__(self, x=None):
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(16, 16, 1, groups=2) for _ in range(2)])
        self.bns = nn.ModuleList([nn.BatchNorm2d(16) for _ in range(2)])
        split_pairs(self.convs, self.bns)

    def forward(self, x):
        for conv, bn in zip(self.convs, self.bns):
            x = bn(conv(x)).relu()
        return x
""")
    assert split_source(split, BARE).text is split


def test_becomes_where_they_are_appended() -> None:
    split = split_source(source(APPENDED, ZIP), BARE).text
    assert (
        """
        convs, bns = [], []
        for _ in range(2):
            convs.append(nn.Conv2d(16, 16, 1, groups=2))
            bns.append(nn.BatchNorm2d(16))
        self.convs = nn.ModuleList(convs)
        self.bns = nn.ModuleList(bns)
        split_pairs(self.convs, self.bns)

    def forward"""
        in split
    )


def test_becomes_where_they_are_appended_to_the_attributes() -> None:
    split = split_source(source(*MOVES["appended to the attributes"]), BARE).text
    assert (
        """
            self.convs.append(nn.Conv2d(16, 16, 1, groups=2))
            self.bns.append(nn.BatchNorm2d(16))
        split_pairs(self.convs, self.bns)
        self.relu = nn.ReLU()
"""
        in split
    )


@pytest.mark.parametrize(
    ("loop", "norm", "conv"),
    [
        ("for conv, bn in zip(self.convs, self.bns):", "bn", "conv"),
        ("for i in range(2):", "self.bns[i]", "self.convs[i]"),
    ],
)
def test_what_a_loop_collects_is_collected_branch_by_branch(
    loop: str, norm: str, conv: str
) -> None:
    forward = f"out = []\n{loop}\n    out.append({norm}({conv}(x)))\nreturn torch.cat(out, 1)"
    result = check(source(BOTH, forward), {8})
    assert f"out.extend(outputs_of({norm}, {conv}(x)))" in result.text


def test_several_convolutions_in_a_list() -> None:
    init = (
        "self.convs = nn.ModuleList([CONV, nn.Conv2d(16, 16, 1), nn.Conv2d(16, 32, 3, groups=4)])\n"
        "self.bns = nn.ModuleList([NORM, NORM, nn.BatchNorm2d(32)])"
    )
    result = check(source(init, ZIP), {8, 16})
    assert [record.status for record in result.records] == ["split", "split"]
    assert result.text.count("split_pairs(self.convs, self.bns)\n") == 1


def test_what_turns_out_plain_or_depthwise_when_it_is_built() -> None:
    convs = "self.convs = nn.ModuleList([nn.Conv2d(16, 16, 1, groups=g) for g in (1, 2, 4, 16)])"
    bns = "self.bns = nn.ModuleList([NORM for _ in range(4)])"
    check(source(f"{convs}\n{bns}", ZIP), {16, 8, 4})


def test_norms_that_cannot_be_split_beside_some_that_can() -> None:
    bns = (
        "self.bns = nn.ModuleList([NORM, nn.GroupNorm(2, 16), nn.Identity(),\n"
        "    nn.BatchNorm2d(16, track_running_stats=False)])"
    )
    check(source(f"{CONVS.replace('2)])', '4)])')}\n{bns}", ZIP), {8, 16})


@pytest.mark.parametrize(("convs", "bns", "expected"), [(2, 3, {8, 16}), (3, 2, {8})])
def test_lists_of_different_lengths(convs: int, bns: int, expected: set[int]) -> None:
    init = f"{CONVS.replace('2', str(convs))}\n{BNS.replace('2', str(bns))}"
    result = check(source(init, ZIP), expected)
    (statement,) = [each for each in result.text.splitlines() if "split_pairs(self" in each]
    assert statement.strip() == "split_pairs(self.convs, self.bns)"


def test_a_convolution_behind_the_last_norm_joins_its_outputs() -> None:
    init = BOTH.replace("range(2)", "range(3)", 1)
    result = split_source(source(init, ZIP))
    net = run_source(result.text).Net()
    found = [type(each).__name__ for each in net.convs]
    assert found == ["UnjoinedGroups", "UnjoinedGroups", "SplitGroups"]
    assert net.convs[2](torch.randn(2, 16, 4, 4)).shape == (2, 16, 4, 4)


SHARED = """
import functools


@functools.lru_cache
def make_norm():
    return nn.BatchNorm2d(16)


@functools.lru_cache
def make_conv():
    return nn.Conv2d(16, 16, 1, groups=2)
"""


@pytest.mark.parametrize(
    "init", [BOTH.replace("CONV ", "make_conv() "), BOTH.replace("NORM", "make_norm()")]
)
def test_what_turns_out_shared_when_it_is_built(init: str) -> None:
    check(source(init, ZIP, SHARED), {16})


def test_the_same_in_a_comment_that_leaves_it_alone() -> None:
    for line in ("self.bns = nn.ModuleList", "for conv, bn in", "x = bn(conv(x))"):
        text = source(BOTH, ZIP)
        lines = [f"{each}  # gencode: skip" if line in each else each for each in text.splitlines()]
        result = check("\n".join(lines) + "\n", {16})
        assert "self.bns stays after the concatenation: " in notes(result), line


def test_it_is_said_that_they_stay_where_a_comment_leaves_another_alone() -> None:
    """Then each convolution of the two is split where it is built, before the lists are there."""
    init = BOTH.replace("CONV", "make_conv()") + "\nself.more = make_conv()  # gencode: skip"
    top = "\n\ndef make_conv():\n    return nn.Conv2d(16, 16, 1, groups=2)\n"
    result = split_source(source(init, ZIP, top))
    reason = "the convolutions are not split together with the list"
    assert f"self.bns stays after the concatenation: {reason}" in notes(result)


def test_without_norms() -> None:
    result = check(source(BOTH, ZIP), {16}, norm=False)
    assert "split_pairs" not in result.text


def test_a_helper_module_has_it() -> None:
    options = Options(helper_module="helper")
    text = split_source(source(BOTH, ZIP), options).text
    assert "from helper import split_pairs\n" in text


BY_NAME = (
    "for i in range(2):\n    setattr(self, f'conv{i}', CONV)\n    setattr(self, f'bn{i}', NORM)",
    "for i in range(2):\n    x = getattr(self, f'bn{i}')(getattr(self, f'conv{i}')(x)).relu()\n"
    "return x",
)


def test_it_is_said_that_a_norm_with_a_computed_name_stays() -> None:
    result = check(source(*BY_NAME), {16})
    assert "nn.BatchNorm2d(16) stays behind the concatenation of nn.Conv2d" in said(result)


def test_a_weight_is_found_by_a_computed_name() -> None:
    init = BY_NAME[0] + "\n    nn.init.constant_(getattr(self, f'conv{i}').weight, 0.5)"
    assert (
        left(source(init, BY_NAME[1])) == "its weight is set (line 12) once it is split (line 10)"
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", ["zip", "two statements", "enumerate"])
def test_torchscript_takes_it(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"split_lists_{form.replace(' ', '_')}"
    text = split_source(source(*MOVES[form])).text.replace(", x=None", "")
    (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    net = importlib.import_module(name).Net().double().eval()
    x = torch.randn(2, 16, 4, 4).double()
    torch.testing.assert_close(torch.jit.script(net)(x), net(x))


ENDS = {
    "two lists": (
        "self.convs = nn.ModuleList([nn.Conv2d(8, 8, 1, groups=groups) for _ in range(2)])\n"
        "self.bns = nn.ModuleList([nn.BatchNorm2d(8) for _ in range(2)])",
        "for conv, bn in zip(self.convs, self.bns):\n    x = bn(conv(x))\nreturn x",
    ),
    "a norm before its convolution": (
        "self.bn = nn.BatchNorm2d(8)\nself.conv = nn.Conv2d(8, 8, 1, groups=groups)",
        "return self.bn(self.conv(x))",
    ),
    "the same under an if": (
        "self.bn = nn.BatchNorm2d(8)\n"
        "if groups:\n    self.conv = nn.Conv2d(8, 8, 1, groups=groups)",
        "return self.bn(self.conv(x))",
    ),
    "an nn.Sequential": (
        "self.s = nn.Sequential()\nself.s.add_module('a', nn.Conv2d(8, 8, 1, groups=groups))\n"
        "self.s.add_module('b', nn.BatchNorm2d(8))",
        "return self.s(x)",
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_what_is_last_in_the_initialiser_stays_in_it(name: str) -> None:
    """The method that loads the weights of what is written out follows at the same place."""
    torch = pytest.importorskip("torch")
    from equivalence import assert_equivalent

    init, forward = ENDS[name]
    stem = "self.stem = nn.Conv2d(8, 8, 1, groups=2)"
    text = model(f"{stem}\n{init}", f"x = self.stem(x)\n{forward}")
    text = text.replace("__init__(self)", "__init__(self, groups=4)")
    result = assert_equivalent(text, lambda module: module.Net(), torch.randn(2, 8, 5, 5))
    own = result.text.partition("class Net(")[2].partition("def forward")[0]
    initialiser, method, loading = own.partition("def _load_from_state_dict")
    assert method
    assert "split_" in initialiser and "split_" not in loading
