"""Every place where a convolution is built, every way to pass groups, every class of torch."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import indent

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from equivalence import assert_equivalent, grouped_left, run_source  # noqa: E402
from gencode import Options, split_source  # noqa: E402
from gencode.outcome import Style  # noqa: E402

CLASSES = [f"Conv{kind}{d}d" for kind in ("", "Transpose") for d in (1, 2, 3)]

# KIND is the class, and GROUPS what passes the number of groups to it.
WAYS = {
    "a literal": "8, 16, 3, padding=1, groups=4",
    "a parameter": "width, 16, 3, padding=1, groups=groups",
    "an attribute": "width, 2 * width, 3, padding=1, groups=cfg.groups",
    "an expression": "width, 16, 3, padding=1, groups=width // 2",
    "a condition": "width, 16, 3, padding=1, groups=groups if width > 4 else 1",
    "a place": "width, 16, 3, 1, 1, MIDDLE, groups, False",
    "a dict": "width, 16, 3, **options",
    "a dict beside a place": "width, 16, 3, 1, 1, MIDDLE, groups, **plain",
}

# What stands at the top of the module, in __init__, and the expression for the output.
CONTEXTS = {
    "an attribute": ("", "self.NAME = CONV", "self.NAME(x)"),
    "a branch": (
        "",
        "if width > 4:\n    self.NAME = CONV\nelse:\n    self.NAME = None",
        "self.NAME(x) if self.NAME is not None else x",
    ),
    "a sequence or itself": (
        "",
        "if width < 4:\n    self.NAME = nn.Sequential(CONV)\nelse:\n    self.NAME = CONV",
        "self.NAME(x)",
    ),
    "a conditional expression": (
        "",
        "self.NAME = CONV if width > 4 else nn.Identity()",
        "self.NAME(x)",
    ),
    "nn.Sequential": ("", "self.NAME = nn.Sequential(CONV, nn.ReLU())", "self.NAME(x)"),
    "OrderedDict": (
        "",
        'self.NAME = nn.Sequential(OrderedDict([("conv", CONV), ("act", nn.ReLU())]))',
        "self.NAME.act(self.NAME.conv(x))",
    ),
    "a list": (
        "",
        "layers = [CONV, nn.ReLU()]\nself.NAME = nn.Sequential(*layers)",
        "self.NAME(x)",
    ),
    "+=": (
        "",
        "layers = []\nlayers += [CONV, nn.ReLU()]\nself.NAME = nn.Sequential(*layers)",
        "self.NAME(x)",
    ),
    "append": (
        "",
        "layers = []\nlayers.append(CONV)\nself.NAME = nn.Sequential(*layers)",
        "self.NAME(x)",
    ),
    "add_module": ("", 'self.add_module("NAME", CONV)', "self.NAME(x)"),
    "ModuleList": (
        "",
        "self.NAME = nn.ModuleList([CONV, CONV])",
        "self.NAME[0](x) - 2 * self.NAME[1](x)",
    ),
    "ModuleList.append": (
        "",
        "self.NAME = nn.ModuleList()\nfor _ in range(2):\n    self.NAME.append(CONV)",
        "sum(conv(x) for conv in self.NAME)",
    ),
    "ModuleDict": ("", 'self.NAME = nn.ModuleDict({"k": CONV})', 'self.NAME["k"](x)'),
    "a dict item": (
        "",
        'items = {}\nitems["k"] = CONV\nself.NAME = nn.ModuleDict(items)',
        'self.NAME["k"](x)',
    ),
    "a comprehension": (
        "",
        "self.NAME = nn.ModuleList([CONV for _ in range(2)])",
        "self.NAME[0](x) - 2 * self.NAME[1](x)",
    ),
    "a comprehension beside a depthwise one": (
        "",
        "self.NAME = nn.ModuleList(\n"
        "    [nn.Sequential(nn.LOWER(8, 8, 1, groups=8), CONV) for _ in range(2)]\n)",
        "self.NAME[0](x) - 2 * self.NAME[1](x)",
    ),
    "a generator": (
        "",
        "self.NAME = nn.Sequential(*(CONV for _ in range(1)))",
        "self.NAME(x)",
    ),
    "a lambda": ("", "make = lambda: CONV\nself.NAME = make()", "self.NAME(x)"),
    "a factory": (
        "def make_NAME(width, groups, options, plain):\n    return CONV",
        "self.NAME = make_NAME(width, groups, options, plain)",
        "self.NAME(x)",
    ),
    "a local variable": ("", "conv = CONV\nself.NAME = conv", "self.NAME(x)"),
    "setattr": ("", 'setattr(self, "NAME", CONV)', "self.NAME(x)"),
    "the module": (
        "width, groups, options, plain = settings()\nnet_NAME = nn.Sequential(CONV, nn.ReLU())",
        "self.NAME = net_NAME",
        "self.NAME(x)",
    ),
    "super().__init__": (
        "class Block_NAME(nn.Sequential):\n"
        "    def __init__(self, width, groups, options, plain):\n"
        "        super().__init__(CONV, nn.ReLU())",
        "self.NAME = Block_NAME(width, groups, options, plain)",
        "self.NAME(x)",
    ),
    "super().__init__ with a list": (
        "class Layers_NAME(nn.Sequential):\n"
        "    def __init__(self, width, groups, options, plain, conv_layer_NAME=KIND):\n"
        "        layers = [HELD]\n"
        "        layers.append(nn.ReLU())\n"
        "        super().__init__(*layers)",
        "self.NAME = Layers_NAME(width, groups, options, plain)",
        "self.NAME(x)",
    ),
    "a default": (
        "width, groups, options, plain = settings()\ndef give_NAME(conv=CONV):\n    return conv",
        "self.NAME = give_NAME()",
        "self.NAME(x)",
    ),
    "a partial": (
        "",
        "self.NAME = functools.partial(KIND, bias=True, **options)(8, 16, 3)",
        "self.NAME(x)",
    ),
    "a partial with groups": (
        "",
        "make = functools.partial(KIND, groups=4)\nself.NAME = make(8, 16, 3, padding=1)",
        "self.NAME(x)",
    ),
    "a held class": ("", "conv_layer_NAME = [KIND][0]\nself.NAME = HELD", "self.NAME(x)"),
    "a dict of classes": (
        "",
        'conv_layers_NAME = {"k": KIND}\nconv_layer_NAME = conv_layers_NAME["k"]\nself.NAME = HELD',
        "self.NAME(x)",
    ),
    "an alias": ("", "conv_layer_NAME = KIND\nself.NAME = HELD", "self.NAME(x)"),
    "a subclass": (
        "class Own_NAME(KIND):\n    pass",
        "conv_layer_NAME = Own_NAME\nself.NAME = HELD",
        "self.NAME(x)",
    ),
    "called by the base class": (
        "class Base_NAME(nn.Module):\n    def forward(self, x):\n        return self.conv(x)\n\n\n"
        "class Derived_NAME(Base_NAME):\n"
        "    def __init__(self, width, groups, options, plain):\n"
        "        super().__init__()\n"
        "        self.conv = CONV",
        "self.NAME = Derived_NAME(width, groups, options, plain)",
        "self.NAME(x)",
    ),
    "zip": (
        "",
        "self.NAME = nn.ModuleList([CONV])\nself.acts = nn.ModuleList([nn.ReLU()])",
        "[act(conv(x)) for conv, act in zip(self.NAME, self.acts)][0]",
    ),
    "_modules": (
        "class Group_NAME(nn.Module):\n"
        "    def __init__(self, width, groups, options, plain):\n"
        "        super().__init__()\n"
        "        self.one = CONV\n"
        "        self.two = CONV\n\n"
        "    def forward(self, xs):\n"
        "        return [each(x) for x, each in zip(xs, self._modules.values())]",
        "self.NAME = Group_NAME(width, groups, options, plain)",
        "torch.cat(self.NAME([x, 2 * x]))",
    ),
}

SOURCE = """\
import functools
from collections import OrderedDict

import torch
import torch.nn as nn


class cfg:
    groups = int("4")


def settings():
    return 8, 4, dict(padding=1, groups=4), dict(bias=False)


TOP


class Net(nn.Module):
    def __init__(
        self,
        width=8,
        groups=4,
        options=dict(padding=1, groups=4),
        plain=dict(bias=False),
    ):
        super().__init__()
INIT
        self.norm = nn.BatchNormDd(16)

    def forward(self, x):
        return {OUTPUTS}
"""


def source(kind: str, way: str) -> str:
    """A model with a convolution in every context."""
    dimensions = kind[-2]
    arguments = WAYS[way].replace("MIDDLE", "0" if "Transpose" in kind else "1")
    tops, inits, outputs = [], [], []
    for number, (top, init, output) in enumerate(CONTEXTS.values()):
        pieces = []
        for piece in (top, init, output):
            piece = piece.replace("CONV", f"KIND({arguments})")
            piece = piece.replace("HELD", f"conv_layer_NAME({arguments})")
            piece = piece.replace("LOWER", f"Conv{dimensions}d").replace("KIND", f"nn.{kind}")
            pieces.append(piece.replace("NAME", f"c{number}"))
        tops.append(pieces[0])
        inits.append(indent(pieces[1], " " * 8))
        outputs.append(f'"{number}": self.norm({pieces[2]})')
    text = SOURCE.replace("TOP", "\n\n\n".join(filter(None, tops)))
    text = text.replace("INIT", "\n".join(inits)).replace("Dd(", f"{dimensions}d(")
    return text.replace("OUTPUTS", ",\n            ".join(outputs))


def half(ways: Iterable[str]) -> list[tuple[str, str]]:
    """Every other way for each class, so that each way meets three, of one, two and three
    dimensions; all with all would take a minute."""
    pairs = ((i + j, kind, way) for i, kind in enumerate(CLASSES) for j, way in enumerate(ways))
    return [(kind, way) for number, kind, way in pairs if number % 2 == 0]


@pytest.mark.parametrize(("kind", "way"), half(WAYS))
def test_every_context(kind: str, way: str) -> None:
    sizes = {"1": (9,), "2": (6, 5), "3": (4, 3, 4)}[kind[-2]]
    torch.manual_seed(3)
    result = assert_equivalent(
        source(kind, way), lambda module: module.Net(), torch.randn(2, 8, *sizes)
    )
    assert {record.status for record in result.records} <= {"split", "may be split", "kept"}


@pytest.mark.parametrize("style", ["built", "loop"])
@pytest.mark.parametrize(("kind", "way"), half(["a literal", "an attribute", "a place"]))
def test_every_context_in_a_style(kind: str, style: Style, way: str) -> None:
    sizes = {"1": (9,), "2": (6, 5), "3": (4, 3, 4)}[kind[-2]]
    result = assert_equivalent(
        source(kind, way),
        lambda module: module.Net(),
        torch.randn(2, 8, *sizes),
        options=Options(style=style),
    )
    styles = {record.style for record in result.records if record.is_split}
    assert styles <= {style, "built"}


SIZES = [(8, 8, 8), (8, 8, 4), (8, 16, 8), (8, 8, 1), (8, 4, 2), (1, 1, 1)]


@pytest.mark.parametrize("numbers", SIZES)
@pytest.mark.parametrize("style", ["auto", "loop"])
@pytest.mark.parametrize("kind", CLASSES)
def test_what_turns_out_plain_or_depthwise(
    kind: str, style: Style, numbers: tuple[int, int, int]
) -> None:
    text = f"""\
import torch
import torch.nn as nn


class Net(nn.Module):
    def __init__(self, width, outputs, groups):
        super().__init__()
        self.conv = nn.{kind}(width, outputs, 1, groups=groups)

    def forward(self, x):
        return self.conv(x) * 2
"""
    result = split_source(text, Options(style=style))
    assert [record.status for record in result.records] == ["may be split"]
    torch.manual_seed(0)
    original = run_source(text).Net(*numbers).double()
    torch.manual_seed(0)
    split = run_source(result.text).Net(*numbers).double()
    split.load_state_dict(renamed(original, split))
    x = torch.randn(2, numbers[0], *[3] * int(kind[-2])).double()
    torch.testing.assert_close(split(x), original(x))
    convs = [each for each in split.modules() if isinstance(each, nn.modules.conv._ConvNd)]
    width, outputs, groups = numbers
    is_taken = "3" not in kind and "Transpose" not in kind
    depthwise = width == outputs == groups and is_taken
    assert len(convs) == (1 if depthwise else groups)
    assert grouped_left(split) == []


def renamed(original: nn.Module, split: nn.Module) -> dict[str, torch.Tensor]:
    """The weight and bias of the one convolution, in as many parts as the split model has."""
    names = list(split.state_dict())
    found = {}
    for key in ("weight", "bias"):
        own = [name for name in names if name.endswith(key)]
        parts = original.state_dict()[f"conv.{key}"].chunk(len(own))
        found |= dict(zip(own, parts, strict=True))
    return found
