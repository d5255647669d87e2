"""What the source shows never to be grouped: nothing is emitted for it, and it is said."""

from __future__ import annotations

from textwrap import dedent

import pytest

from cases import assert_unchanged
from gencode import split_source


def net(call: str, before: str = "", parameters: str = "c, x", after: str = "") -> str:
    return (
        "import torch\nfrom torch import nn\n\n\n"
        "class Net(nn.Module):\n"
        f"    def __init__(self, {parameters}):\n"
        "        super().__init__()\n"
        + "".join(f"        {line}\n" for line in before.split("\n") if line)
        + f"        self.conv = nn.{call}\n\n"
        f"    def forward(self, x):\n        return self.conv(x)\n{after}"
    )


DEPTHWISE = [
    ("Conv2d(c, c, 3, groups=c)", ""),
    ("Conv2d(c, c, 3, 1, 1, 1, c)", ""),
    ("Conv1d(out_channels=c, in_channels=c, kernel_size=3, groups=c)", ""),
    ("Conv2d(c, c, 3, groups=d)", "d = c"),
    ("Conv2d(c, d, 3, groups=c)", "e = c\nd = e"),
    ("Conv2d(c, c, 3, groups=int(c))", ""),
    ("Conv2d(int(c), c * 1, 3, groups=1 * c)", ""),
    ("Conv2d(c // 1, c + 0, 3, groups=c - 0)", ""),
    ("Conv2d(2 * c, c * 2, 3, groups=d)", "d = 2 * c"),
    ("Conv2d(int(c * x), int(c * x), 3, groups=int(x * c))", ""),
    ("Conv2d(c, c, 3, groups=self.c)", "self.c = c"),
    ("Conv2d(c, c, 3, **k)", "d = 2 * c\nk = dict(groups=c)"),
    ("Conv2d(c, c, 3, **k)", "d = c\nk = {'groups': d}"),
    ("Conv2d(c, c, 3, **{'groups': c})", ""),
    ("Conv2d(self.c, self.c, 3, groups=c)", "d = c\nself.c = d"),
    ("Conv2d(self.c, self.c, 3, groups=self.c)", "self.c = c\nself.c *= 2"),
    ("Conv2d(x.c, x.c, 3, groups=x.c)", ""),
    ("Conv2d(c[0], c[0], 3, groups=c[0])", ""),
    ("Conv2d(c, c, 3, groups=c)", "c = 2 * c"),
    ("Conv2d(d, d, 3, groups=d)", "d = c if x else 2 * c"),
]


@pytest.mark.parametrize(("call", "before"), DEPTHWISE)
def test_what_is_depthwise_in_any_spelling(call: str, before: str) -> None:
    (record,) = assert_unchanged(net(call, before)).records
    assert (record.status, record.detail) == ("kept", "depthwise, which PLiNIO takes as it is")


@pytest.mark.parametrize(
    ("call", "status"),
    [
        ("Conv2d(c, c, 3, groups=c)", "kept"),
        ("NormedConv1d(in_channels=c, out_channels=c, kernel_size=3, groups=c)", "kept"),
        ("Conv2d(c, 2 * c, 3, groups=c)", "may be split"),
        ("Conv3d(c, c, 3, groups=c)", "may be split"),
        ("Conv2dTranspose(c, c, 3, groups=c)", "may be split"),
    ],
)
def test_a_depthwise_one_of_another_library(call: str, status: str) -> None:
    source = net(call).replace("nn.Conv2d", "ops.Conv2d").replace(f"nn.{call}", f"ops.{call}")
    (record,) = split_source(f"import ops\n{source}").records
    assert record.status == status


EITHER = [
    ("Conv2d(c, c, 3, groups=c if x else 1)", ""),
    ("Conv2d(c, c, 3, groups=1 if x else int(c))", ""),
    ("Conv2d(c, c, 3, groups=c if x is None else 1 if x > 3 else c)", ""),
    ("Conv2d(c, c, 3, groups=d)", "d = c if x else 1"),
    ("Conv2d(c, c, 3, groups=d)", "if x:\n    d = c\nelse:\n    d = 1"),
    ("Conv2d(c, c, 3, groups=self.d)", "e = c\nself.d = e if x else 1"),
    ("Conv2d(8, 8, 3, groups=8 if x else 1)", ""),
]


@pytest.mark.parametrize(("call", "before"), EITHER)
def test_what_is_depthwise_or_plain(call: str, before: str) -> None:
    (record,) = assert_unchanged(net(call, before)).records
    assert (record.status, record.detail) == ("kept", "depthwise or plain")


def test_what_is_plain_whatever_decides() -> None:
    assert assert_unchanged(net("Conv2d(c, 2 * c, 3, groups=1 if x else True)")).records == ()


MAY_BE_GROUPED = [
    ("Conv2d(c, 2 * c, 3, groups=c)", ""),
    ("Conv2d(c, c, 3, groups=c // 2)", ""),
    ("Conv2d(c - x, x - c, 3, groups=c - x)", ""),
    ("Conv2d(c, c, 3, groups=d)", "d = c\nc = 2 * c"),
    ("Conv2d(c, c, 3, groups=d)", "d = c\nd = 2"),
    ("Conv2d(c, c, 3, groups=d)", "for d in (c, 2):\n    pass"),
    ("Conv2d(c, c, 3, **k)", "k = dict(groups=c)\nc = 2 * c"),
    ("Conv2d(c, c, 3, **k)", "k = dict(groups=c)\nk['groups'] = 2"),
    ("Conv2d(c, c, 3, **k)", "k = {**x, 'groups': c}"),
    ("Conv2d(c, c, 3, groups=d)", "d = c\nd //= 2"),
    ("Conv2d(c, c, 3, groups=d)", "d = c\ndef f():\n    nonlocal d\n    d = 2\nf()"),
    ("Conv2d(c, c, 3, groups=d)", "d = c\ndef f():\n    nonlocal c\n    c = 2\nf()"),
    ("Conv2d(c, c, 3, groups=d)", "global d\nd = c"),
    ("Conv2d(c, c, 3, groups=d)", "d = d"),
    ("Conv2d(c, c, 3, groups=d)", "d = x.c\nx.c = 2"),
    ("Conv2d(c, c, 3, groups=self.d)", "self.d = c\nif x:\n    self.d = 2"),
    ("Conv2d(int(c) * 2, int(c) * 2, 3, groups=int(c * 2))", ""),
    ("Conv2d(f(), f(), 3, groups=f())", ""),
    ("Conv2d(int(c), int(c), 3, groups=int(c))", "int = f"),
    ("Conv2d(c, c, 3, groups=(c := 2))", ""),
    ("Conv2d(c, c, (c := 3), groups=c)", ""),
    ("Conv2d(c, c, 3, groups=c if x else 2)", ""),
    ("Conv2d(c, c, 3, groups=x and c or 1)", ""),
    ("Conv2d(c, c, 3, groups=d)", "d = c if x else 1\nc = 2"),
    ("Conv2d(c, c, 3, groups=d)", "if x:\n    d = c\nelse:\n    d = 2"),
    ("Conv2d(c, c, 3, groups=d)", "if x:\n    d = c\nfor d in x:\n    pass"),
    ("Conv2d(c, x, 3, groups=c if x else 1)", ""),
    ("Conv3d(c, c, 3, groups=c if x else 1)", ""),
    ("Conv3d(c, c, 3, groups=c)", ""),
    ("LazyConv2d(c, 3, groups=c if x else 1)", ""),
    ("Sequential(f := lambda c: nn.Conv2d(c, c, 3, groups=d))", "d = c"),
]


@pytest.mark.parametrize(("call", "before"), MAY_BE_GROUPED)
def test_what_may_be_grouped_is_found(call: str, before: str) -> None:
    (record,) = split_source(net(call, before)).records
    assert record.status in ("split", "may be split", "left")


def test_an_attribute_that_another_method_sets_is_not_known() -> None:
    source = net("Conv2d(c, c, 3, groups=self.d)").replace("__init__(self, c", "build(self, c")
    (record,) = split_source(source.replace(".conv =", ".d = c\n        self.conv =")).records
    assert record.is_split


def test_an_attribute_that_something_else_may_set_is_not_known() -> None:
    after = "\n\ndef change(net):\n    net.d = 2\n"
    call = "Conv2d(c, c, 3, groups=self.d)"
    assert assert_unchanged(net(call, "self.d = c")).records[0].status == "kept"
    (record,) = split_source(
        net(call, "self.d = c", after=f"{after}\n\nnet = Net(3)\nnet.d = 3\n")
    ).records
    assert record.is_split


NO_CONVOLUTION = [
    """
    counters = {nn.Conv2d: count_conv, "conv2d": count_conv}
    def flops(node, key):
        return counters[key](node.shapes, node.outs, *node.args, **node.kwargs)
    """,
    """
    counters = {nn.Conv2d: count_conv}
    def flops(node, key, **kwargs):
        count = counters.get(type(key))
        return count(node, **kwargs)
    """,
    """
    def call(m, fn, *args, **kwargs):
        return fn(*args, **kwargs) if isinstance(m, (nn.Conv2d, nn.Linear)) else m
    """,
    "net = blocks.Conv3d5x1x1BnAct(24, 24, bias=False, groups=24, use_bn=True)",
    "net = blocks.Conv2dNormActivation(24, 24, groups=2)",
    "net = blocks.Conv2dReLU(24, 24, groups=2)",
    "net = qlib.Conv2d(24, 24, 3, **options())",
    "net = qlib.Conv2d(*options())",
    "y = nn.functional.group_norm(x, 2, groups=2)",
    "table = frame.groupby(x, groups=2)",
    "y = nn.Linear(8, 8, groups=2)",
    "def add(x, groups): return x + groups\ny = add(x, groups=2)",
]


@pytest.mark.parametrize("source", NO_CONVOLUTION)
def test_a_call_of_what_is_no_convolution(source: str) -> None:
    top = "import torch\nfrom torch import nn\nimport blocks\nimport qlib\n"
    assert assert_unchanged(top + dedent(source)).records == ()


CONVOLUTION = [
    """
    table = {"conv": nn.Conv2d}
    def make(key, *args, **kwargs):
        return table[key](*args, **kwargs)
    """,
    """
    table = {nn.Conv2d: 3}
    def make(*args, **kwargs):
        for kind in table:
            return kind(*args, **kwargs)
    """,
    "net = qlib.Conv2d(24, 24, 3, groups=2)",
    "net = qlib.Conv2d(24, 24, 3, 1, 0, 1, 2)",
    "net = blocks.NormedConv2d(24, 24, 3, groups=2)",
    "net = Conv2dSame(24, 24, 3, **options())",
]


@pytest.mark.parametrize("source", CONVOLUTION)
def test_a_call_of_what_may_be_a_convolution(source: str) -> None:
    top = "import torch\nfrom torch import nn\nimport blocks\nimport qlib\n"
    (record,) = split_source(f"{top}from .conv import Conv2dSame\n{dedent(source)}").records
    assert record.is_split


UNIT = """
import torch
from torch import nn


class Unit(nn.Module):
    def __init__(self, a, b, **kwargs):
        super().__init__()
        self.conv = nn.Conv2d(a, b, bias=False, **kwargs)

    def forward(self, x):
        return self.conv(x)


def unit(a, **more):
    return nn.Conv2d(a, a, **more)


"""


@pytest.mark.parametrize(
    "calls",
    [
        "Unit(3, 8, kernel_size=3)",
        "nets = [Unit(3, 8, kernel_size=3), Unit(8, 8, padding=1, **{'kernel_size': 3})]",
        "for kind in (Unit, nn.ReLU):\n    kind(3, 8, kernel_size=1)",
        "def make(a, **others):\n    return Unit(a, a, **others)\nmake(3, kernel_size=1)",
        "class Other(nn.Module):\n    def __init__(self, **others):\n"
        "        super().__init__(**others)\n        self.unit = Unit(3, 8, kernel_size=3)",
        "class More(Unit):\n    def __init__(self, a, **others):\n"
        "        super().__init__(a, a, padding=1, **others)\nMore(8, kernel_size=3)",
        "class More(Unit):\n    pass\nMore(3, 8, kernel_size=3)",
        "from functools import partial\nmake = partial(Unit, kernel_size=3)\nmake(3, 8)",
    ],
)
def test_keywords_that_are_never_groups(calls: str) -> None:
    first, second = assert_unchanged(f"{UNIT}{calls}\nunit(8, kernel_size=3)\n").records
    assert (first.status, first.detail) == ("kept", "no call of Unit here passes groups")
    assert (second.status, second.detail) == ("kept", "no call of unit here passes groups")


@pytest.mark.parametrize(
    "calls",
    [
        "",
        "Unit(3, 8, kernel_size=3)\nUnit(8, 8, groups=2)",
        "Unit(3, 8, **options())",
        "build(Unit, 3)\nUnit(3, 8, kernel_size=1)",
        "class More(Unit):\n    pass\nUnit(3, 8, kernel_size=1)\nMore(8, 8, groups=2)",
        "__all__ = ['Unit']\nUnit(3, 8, kernel_size=1)",
        "def make(a, **others):\n    return Unit(a, a, **others)",
        "def make(a, **others):\n    make(a, **others)\n    return Unit(a, a, **others)\nmake(1)",
        "@decorated\ndef make(a, **others):\n    return Unit(a, a, **others)\nmake(1)",
        "def make(a, others):\n    return Unit(a, a, **others)\nmake(1, {'groups': 2})",
        "def make(a, **others):\n    others['groups'] = a\n    Unit(a, a, **others)\nmake(1)",
        "net = Unit(3, 8, kernel_size=1)\ntype(net)(8, 8, groups=2)",
        "net = Unit(3, 8, kernel_size=1)\nnet.__class__(8, 8, groups=2)",
        "net = Unit(3, 8, kernel_size=1)\nUnit.__init__(net, 8, 8, groups=2)",
        "import functools\nnet = Unit(3, 8, kernel_size=1)\nfunctools.partial(Unit, groups=2)(8)",
        "import functools\nnet = functools.partial(Unit, 3, **options())(8, kernel_size=1)",
        "class More(Unit):\n    def __init__(self, a, **others):\n"
        "        super().__init__(a, a, **others)\nMore(8, kernel_size=3, groups=2)",
        "class Maker:\n    def make(self, **others):\n        Unit(1, 1, **others)\nMaker().make()",
    ],
)
def test_keywords_that_may_be_groups(calls: str) -> None:
    records = [each for each in split_source(f"{UNIT}{calls}\n").records if each.line == 9]
    assert [each.status for each in records] == ["may be split"]


@pytest.mark.parametrize("use", ["make = unit", "unit(8)\nmake = [unit]", "unit(8, groups=2)"])
def test_a_function_that_may_be_given_groups(use: str) -> None:
    records = [each for each in split_source(f"{UNIT}{use}\n").records if each.line == 16]
    assert [each.status for each in records] == ["may be split"]


def test_keywords_beside_a_parameter_for_groups() -> None:
    source = UNIT.replace("**kwargs):", "groups=1, **kwargs):").replace(
        "**more):", "*, groups, **more):"
    )
    assert assert_unchanged(source).records == ()
    source = source.replace("        super", "        kwargs['groups'] = groups\n        super")
    (record,) = split_source(source).records
    assert record.is_split


LOSS = """
import torch
import torch.nn.functional as F


def window(size, channel):
    g = torch.exp(-(torch.arange(size) - size // 2) / 4.5)
    return (g[:, None] * g[None]).expand(channel, 1, size, size).contiguous()


def mean(x, w, channel):
    return F.conv2d(x, w, groups=channel)


def loss(x, size=5, w=None):
    {}
    return F.conv2d(x, {}, padding=size // 2, groups=x.shape[1])
"""


@pytest.mark.parametrize(
    ("statement", "weight"),
    [
        ("w = window(size, x.size(1)).to(x)", "w"),
        ("channel = x.shape[1]", "window(size * 2 + 1, channel)"),
        ("_, channel, _, _ = x.size()", "window(11, channel)[0:1]"),
        ("_, channel, *_ = x.shape", "window(11, channel)"),
        ("v = window(5, 1)\n    w = v", "weight=w"),
        ("pass", "window(5, channel=3)"),
        ("pass", "x"),
        ("pass", "window(x, 3)"),
        ("pass", "torch.exp(3)"),
        ("pass", "window(conv.weight, 3)"),  # no more than numbers up to it
        ("pass", "window(unknown, 3)"),
        ("w = torch.ones(size, 1, 2, 2).to(x) / 4.0", "w"),
        ("w = window(5, 3) if size else None", "w"),
        ("w = torch.Tensor([[1, 0], [0, 1]]).repeat(3, 1, 1, 1)", "w"),
    ],
)
def test_a_function_with_the_weight_of_no_module(statement: str, weight: str) -> None:
    source = LOSS.format(statement, weight) + "\n\nmean(x, window(5, 3), 3)\n"
    records = assert_unchanged(source).records
    detail = "its weight belongs to no module"
    assert [(each.status, each.detail) for each in records] == [("function", detail)] * 2


@pytest.mark.parametrize(
    ("statement", "weight"),
    [
        ("pass", "conv.weight"),
        ("a, b = conv", "a"),
        ("pass", "other(3)"),
        ("v = v", "v"),
        ("for v in x:\n        pass", "v"),
        ("pass", "*w"),
        ("pass", "w[conv]"),
    ],
)
def test_a_function_with_what_may_be_a_module_s_weight(statement: str, weight: str) -> None:
    source = LOSS.format(statement, weight) + "\n\ndef other(x):\n    return NET.weight\n"
    records = assert_unchanged(source).records
    assert [each.status for each in records] == ["left"] * 2


def test_a_variable_that_is_a_function() -> None:
    call = "conv = F.conv1d if size == 1 else F.conv2d\n    return conv(x, NET.weight, groups=2)"
    source = f"import torch.nn.functional as F\n\n\ndef f(x, size):\n    {call}\n"
    (record,) = assert_unchanged(source).records
    assert record.detail.startswith("conv is a function: there is no module to split")
