"""The rule for functional poolings."""

from __future__ import annotations

import copy
import pickle
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from gencode import split_source

torch = pytest.importorskip("torch")

from gencode.command import main  # noqa: E402
from rules import HEAD, PLINIO, assert_same, becomes, module, reason, run, stays  # noqa: E402

POOL = "return F.avg_pool2d(x, 2)"


# --- nothing changes: the call ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("F.avg_pool2d(x, self.k)", "kernel_size is not a literal"),
        ("F.max_pool2d(x, x.shape[2:])", "kernel_size is not a literal"),
        ("F.avg_pool2d(x, 2, stride=K)", "stride is not a literal"),
        ("F.avg_pool2d(x, (2, K))", "kernel_size is not a literal"),
        ("F.avg_pool2d(x, '2')", "kernel_size is not a literal"),
        ("F.avg_pool2d(x, 2.0)", "kernel_size is not a literal"),
        ("F.adaptive_avg_pool2d(x, K)", "output_size is not a literal"),
        ("F.max_pool2d(x, 2, return_indices=True)[0]", "it gives indices, or may"),
        ("F.max_pool2d(x, 2, 2, 0, 1, False, True)[0]", "it gives indices, or may"),
        ("F.adaptive_max_pool2d(x, 2, True)[0]", "it gives indices, or may"),
        ("F.avg_pool2d(x, 2, nothing=1)", "it has no nothing"),
        ("F.avg_pool1d(x, 2, divisor_override=1)", "it has no divisor_override"),
        ("F.avg_pool2d(x, *a)", "its arguments are unpacked"),
        ("F.avg_pool2d(x, **a)", "its arguments are unpacked"),
        ("F.avg_pool2d(*a)", "its input is unpacked"),
        ("F.avg_pool2d(**a)", "its input is unpacked"),
        ("F.avg_pool2d(kernel_size=2)", "its input is unpacked"),
        ("F.avg_pool2d(x, 2  # two\n)", "a comment in it would be lost"),
    ],
)
def test_arguments(code: str, why: str) -> None:
    assert reason(module(f"return {code}")) == why


SQUARE = "it is the mean over all positions only where the input is square"
NEITHER = "kernel_size is neither a literal nor all positions of the input"


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("F.avg_pool2d(x, x.size(2))", SQUARE),
        ("F.avg_pool2d(x, x.shape[3])", SQUARE),
        ("F.avg_pool2d(x, x.shape[1:])", NEITHER),
        ("F.avg_pool2d(x, x.shape[2:4])", NEITHER),
        ("F.avg_pool2d(x, x.shape[:2])", NEITHER),
        ("F.avg_pool2d(x, x.shape[2::1])", NEITHER),
        ("F.avg_pool2d(x, x.shape[-1:])", NEITHER),
        ("F.avg_pool2d(x, (x.size(3), x.size(2)))", NEITHER),
        ("F.avg_pool2d(x, (x.size(2), x.size(2)))", NEITHER),
        ("F.avg_pool2d(x, (x.size(2) // 2, x.size(3)))", NEITHER),
        ("F.avg_pool2d(x, y.shape[2:])", NEITHER),
        ("F.avg_pool2d(x, (y.size(2), x.size(3)))", NEITHER),
        ("F.avg_pool2d(f(x), f(x).shape[2:])", NEITHER),
        ("F.avg_pool1d(x, x.size(1))", NEITHER),
        ("F.avg_pool2d(x, x.shape[2:], f())", "stride may be another one in each call"),
        ("F.avg_pool2d(x, x.shape[2:], 0)", "stride may be another one in each call"),
        (
            "F.avg_pool2d(x, x.shape[2:], ceil_mode=f())",
            "ceil_mode may be another one in each call",
        ),
        ("F.avg_pool2d(x, x.shape[2:], divisor_override=4)", "it is given divisor_override"),
        ("F.avg_pool2d(x, x.shape[2:], padding=f())", "padding is not a literal"),
        ("F.avg_pool2d(x, x.shape[2:], padding=1) + 1", "padding is not a literal"),
        ("F.avg_pool2d(x, x.shape[2:]  # all\n)", "a comment in it would be lost"),
    ],
)
def test_what_is_not_the_mean_over_all_positions(code: str, why: str) -> None:
    assert reason(module(f"return {code}")) == why


@pytest.mark.parametrize(
    ("code", "shape", "mean"),
    [
        ("F.avg_pool2d(x, x.size()[2:])", (2, 3, 5, 7), "torch.mean(x, (2, 3), keepdim=True)"),
        ("F.avg_pool2d(x, x.shape[-2:])", (2, 3, 5, 7), "torch.mean(x, (2, 3), keepdim=True)"),
        (
            "F.avg_pool2d(x, [x.size(2), x.shape[-1]], stride=1, ceil_mode=True)",
            (2, 3, 5, 7),
            "torch.mean(x, (2, 3), keepdim=True)",
        ),
        (
            "F.avg_pool2d(kernel_size=tuple(x.shape[2:]), input=x, stride=None)",
            (2, 3, 5, 7),
            "torch.mean(x, (2, 3), keepdim=True)",
        ),
        ("F.avg_pool1d(x, x.size(2), (2,), 0)", (2, 3, 5), "torch.mean(x, 2, keepdim=True)"),
        ("F.avg_pool1d(x, x.shape[2:])", (2, 3, 5), "torch.mean(x, 2, keepdim=True)"),
    ],
)
def test_mean_over_all_positions(code: str, shape: tuple[int, ...], mean: str) -> None:
    before, after = module(f"return {code}"), module(f"return {mean}")
    becomes(before, after)
    x = torch.randn(*shape, dtype=torch.float64)
    assert torch.allclose(run(before).Net()(x), run(after).Net()(x), rtol=1e-12)


WITH_PADDING = (
    HEAD
    + """def pooled(x, padding=0, counts=False):
    y = {}F.avg_pool2d(x, (x.size(2), x.size(3)), padding=padding, count_include_pad=counts)
    return y


class Net(nn.Module):
    def forward(self, x):
        return pooled(x) + pooled(x, 1) + pooled(x, padding=2, counts=True) + pooled(x, (0, 1))
"""
)


def test_mean_where_there_is_no_padding() -> None:
    before = WITH_PADDING.format("")
    text = split_source(before, PLINIO).text
    assert (
        "torch.mean(x, (2, 3), keepdim=True)\n        if padding == 0\n        else F.avg" in text
    )
    again = split_source(text, PLINIO)
    assert again.text is text and not again.findings
    x = torch.randn(2, 3, 5, 7, dtype=torch.float64)
    assert torch.allclose(run(before).Net()(x), run(text).Net()(x), rtol=1e-12)


def test_adaptive_max_pool1d_of_torch_gives_indices_too() -> None:
    assert not stays(module("return torch.adaptive_max_pool1d(x, 2)[0]"))
    source = (
        HEAD
        + "from torch._C._nn import adaptive_max_pool2d\n"
        + module("return adaptive_max_pool2d(x, 2)[0]")
    )
    assert reason(source) == "it may give indices"


@pytest.mark.parametrize(
    "source",
    [
        module("return self.avg_pool2d(x, 2)", "self.avg_pool2d = nn.Identity()"),
        module("return F.avg_pool3d(x, 2)"),
        module("return F.lp_pool2d(x, 2, 2)"),
        module("return avg_pool2d(x, 2)", rest="def avg_pool2d(x, n):\n    return x\n"),
        module("F = self\nreturn F.max_pool2d(x, 2)", "self.max_pool2d = nn.Identity()"),
    ],
)
def test_what_is_not_torchs_is_no_finding(source: str) -> None:
    assert not stays(source)


@pytest.mark.parametrize(
    "source",
    [
        "from torch import nn\nfrom other import F\n" + module(POOL).split("\n\n\n", 1)[1],
        module(f"F = x.F\n{POOL}"),
        module(POOL).replace(
            "class Net", "try:\n    import own as F\nexcept ImportError:\n    pass\n\n\nclass Net"
        ),
        "from torch import nn\nfrom other import *\n" + module(POOL).split("\n\n\n", 1)[1],
    ],
)
def test_what_may_not_be_torchs(source: str) -> None:
    for each in stays(source):
        assert each.message == "F.avg_pool2d(x, 2): F.avg_pool2d is not known to be torch's"


def test_what_is_never_called() -> None:
    assert reason(module(f"return x\n{POOL}")) == "it is not seen to be called"


# --- nothing changes: the method --------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (HEAD + "def f(x):\n    return F.avg_pool2d(x, 2)\n", "it stands in no method of a module"),
        (
            module("return x", rest="y = F.avg_pool2d(torch.ones(1, 1, 2, 2), 2)\n"),
            "it stands in no method of a module",
        ),
        (
            module("return x", f"self.x = {POOL[7:]}").replace("(self)", "(self, x)", 1),
            "it stands in the constructor",
        ),
        (
            module(POOL).replace("    def forward(self,", "    @staticmethod\n    def pool("),
            "it stands in no method of a module",
        ),
        (
            module(POOL).replace("    def forward(self,", "    @classmethod\n    def pool(self,"),
            "it stands in no method of a module",
        ),
        (
            module(POOL).replace("    def forward(self,", "    def __init_subclass__(self,"),
            "it stands in no method of a module",
        ),
        (module(f"self = x\n{POOL}"), "self is not known to be the module"),
        (
            module(f"def f():\n    nonlocal self\n    self = x\n{POOL}"),
            "self is not known to be the module",
        ),
        (
            module("def f(self):\n    return F.avg_pool2d(self, 2)\nreturn f(x)"),
            "it stands in no method of a module",
        ),
        (
            module("return x").replace("(self, x)", "(self, x=F.avg_pool2d(torch.ones(2), 2))"),
            "it stands in no method of a module",
        ),
        (
            module("class A:\n    y = F.avg_pool2d(x, 2)\nreturn A.y"),
            "it stands in no method of a module",
        ),
        (
            module(POOL).replace("    def forward(self, x)", "    @wrap\n    def forward(net, x)"),
            "net is not known to be the module",
        ),
        (
            module("return x") + "    pool = lambda self, x: F.avg_pool2d(x, 2)\n"
            "    y = pool(None, torch.ones(1, 1, 2, 2))\n",
            "it stands in no method of a module",
        ),
    ],
)
def test_methods(source: str, why: str) -> None:
    assert reason(source) == why


@pytest.mark.parametrize("name", ["forward", "pool"])
def test_a_method_that_is_bound_anew(name: str) -> None:
    source = module(POOL) + f"    {name} = staticmethod(forward)\n"
    if name == "forward":
        assert reason(source) == "self is not known to be the module"
    else:
        assert split_source(source, PLINIO).text != source


@pytest.mark.parametrize(
    "taking",
    [
        "class Other(nn.Module):\n    forward = Net.forward\n",
        "def f(other, x):\n    return Net.forward(other, x)\n",
        "take = Net.forward\n",
    ],
)
def test_a_method_that_something_else_takes(taking: str) -> None:
    assert reason(module(POOL, rest=taking)).startswith("forward is taken from the class")


# --- nothing changes: the constructor ---------------------------------------------------------


@pytest.mark.parametrize(
    ("constructor", "why"),
    [
        ("if x:\n    return\nself.a = 1", "the constructor may not get to its end"),
        ("for i in x:\n    if i:\n        return", "the constructor may not get to its end"),
        ("while x:\n    pass", "the constructor may not get to its end"),
        ("raise ValueError", "the constructor may not get to its end"),
        ("self.a = 1; self.b = 2", "the constructor has no line of its own at its end"),
        ("self = x", "the constructor of Net is not a plain one"),
        ("self.a = self(x)", "forward() may be called by a constructor (line 9)"),
        ("self.a = 1\nprepare(self)", "a constructor hands on the module (line 10)"),
        ("self.a = self.forward(x)", "forward() may be called by a constructor (line 9)"),
        ("self.a = self.size(x)", "forward() may be called by a constructor (line 9)"),
        ("setattr(self, x, 1)", "an attribute of any name is set or read (line 9)"),
        (
            "self.a = nn.ReLU()\nfor m in self.children():\n    m.a = 1",
            "the modules in it are gone over (line 10)",
        ),
        (
            "for m in self.modules():\n    m.a = 1",
            "the modules in it may be gone over (line 9)",
        ),
        (
            "for m in self.modules():\n    if isinstance(m, nn.Module):\n        m.a = 1",
            "the modules in it may be gone over (line 9)",
        ),
        (
            "for m in self.modules():\n    if isinstance(m, (nn.Conv2d, nn.AvgPool2d)):\n"
            "        m.a = 1",
            "the modules in it may be gone over (line 9)",
        ),
        (
            "for m in self.modules():\n    if isinstance(m, nn.Conv2d):\n        m.a = 1\n"
            "    else:\n        m.a = 2",
            "the modules in it may be gone over (line 9)",
        ),
        (
            "for m in self.modules():\n    if isinstance(x, nn.Conv2d):\n        m.a = 1",
            "the modules in it may be gone over (line 9)",
        ),
        (
            "for m in self.modules():\n    if isinstance(m, nn.Conv2d):\n        m.a = 1\n"
            "    elif x:\n        m.a = 2",
            "the modules in it may be gone over (line 9)",
        ),
        (
            "for m in self.modules():\n    if isinstance(m, nn.Conv2d) or x:\n        m.a = 1",
            "the modules in it may be gone over (line 9)",
        ),
        ("self.apply(lambda m: m.a())", "the modules in it may be gone over (line 9)"),
        ("self.apply(x)", "the modules in it may be gone over (line 9)"),
        ("self.apply(print)", "the modules in it may be gone over (line 9)"),
        ("self.apply(*x)", "the modules in it may be gone over (line 9)"),
        (
            "def init(m):\n    m.a = 1\nself.apply(init)",
            "the modules in it may be gone over (line 11)",
        ),
        ("self.n = len(list(self.modules()))", "the modules in it may be gone over (line 9)"),
        ("self.a = self.__new__", "an instance is made without its constructor (line 9)"),
    ],
)
def test_constructors(constructor: str, why: str) -> None:
    source = module(POOL, constructor) + "\n    def size(self, x):\n        return self(x), 1\n"
    source = source.replace("self(x), 1", "self.forward(x)").replace("(self):", "(self, x=None):")
    assert reason(source) == why


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (
            HEAD + "class Net:\n    def __init__(self):\n        super().__init__()\n\n"
            "    def forward(self, x):\n        return F.avg_pool2d(x, 2)\n",
            "Net is not shown to be a module",
        ),
        (
            module(POOL).replace("(nn.Module)", "(nn.Sequential)"),
            "Net applies or lists the modules in it",
        ),
        (
            module(POOL)
            .replace("(nn.Module)", "(Base, nn.Module)")
            .replace("from torch", "from other import Base\nfrom torch"),
            "it is not known what other.Base adds to Net",
        ),
        (
            module(POOL).replace("(nn.Module)", "(nn.Module, metaclass=M)"),
            "it is not known what one of the bases adds to Net",
        ),
        (
            HEAD + "class Net(nn.Module):\n    def forward(self, x):\n"
            "        return F.avg_pool2d(x, 2)\n",
            "Net has no constructor of its own",
        ),
        (
            module(POOL).replace("super().__init__()", "self.a = 1"),
            "Net does not call the constructor of its base",
        ),
        (
            module(POOL).replace("super().__init__()", "if self:\n            super().__init__()"),
            "Net does not call the constructor of its base",
        ),
        (
            module(POOL).replace("super().__init__()", "super(nn.Module, self).__init__()"),
            "Net does not call the constructor of its base",
        ),
        (
            module(POOL) + "\n    def __init__(self):\n        super().__init__()\n",
            "the constructor of Net is not a plain one",
        ),
        (
            module(POOL)
            .replace("    def __init__", "    @wrap\n    def __init__")
            .replace("(self):\n        super", "(net):\n        super"),
            "the constructor of Net is not a plain one",
        ),
        (
            module(POOL) + "\n    def __getattr__(self, name):\n        return 1\n",
            "Net has a __getattr__ of its own",
        ),
        (
            module(POOL, rest="class Sub(Net):\n    def __new__(cls):\n        return 1\n"),
            "Sub has a __new__ of its own",
        ),
        (
            module(
                POOL,
                rest="class Sub(Net):\n    def __init__(self):\n        nn.Module.__init__(self)\n",
            ),
            "Sub may not call the constructor of Net",
        ),
        (
            module(
                POOL,
                rest="class Sub(Net):\n    def __init__(self):\n"
                "        super(Net, self).__init__()\n",
            ),
            "Sub may not call the constructor of Net",
        ),
        (
            module(POOL, rest="class Sub(Net):\n    def __init__(self):\n        self.a = 1\n"),
            "Sub may not call the constructor of Net",
        ),
        (
            module(
                POOL,
                rest="class Mix:\n    def __init__(self):\n        pass\n\n\n"
                "class Sub(Mix, Net):\n    pass\n",
            ),
            "Mix may not call the constructor of Net",
        ),
        (
            module(
                POOL,
                rest="class Sub(Net):\n    def __init__(self, x):\n"
                "        super().__init__()\n        self.a = self.forward(x)\n",
            ),
            "forward() may be called by a constructor (line 17)",
        ),
        (
            module(POOL, rest="def turn(net):\n    net.__class__ = Net\n"),
            "an instance is made without its constructor (line 15)",
        ),
        (
            module(POOL, rest="Net.__init__ = nn.Module.__init__\n"),
            "an instance is made without its constructor (line 14)",
        ),
        (
            module(POOL, rest="def cut(net):\n    return nn.Sequential(*net.children())\n"),
            "the modules in it may be gone over (line 15)",
        ),
        (
            module(POOL, rest="net = Net()\nparts = [*net.named_children()]\n"),
            "the modules in it are gone over (line 15)",
        ),
        (module(POOL).replace("class", "# gencode: skip[pool]\nclass"), None),
        (module(POOL, "# gencode: skip\nself.a = 1"), None),
    ],
)
def test_classes(source: str, why: str | None) -> None:
    if why is not None:
        assert reason(source) == why


def test_torch_is_another_in_the_constructor() -> None:
    source = module(POOL).replace("(self):", "(self, nn=None, torch=None):")
    assert reason(source) == "the name torch stands for something else"


def test_skipped() -> None:
    (finding,) = stays(module(f"{POOL}  # gencode: skip[pool]"))
    assert (finding.status, finding.code) == ("skipped", "pool")
    (finding,) = stays(module(POOL).replace("    def __", "    # gencode: skip\n    def __"))
    assert finding.message == (
        "F.avg_pool2d(x, 2): nothing is added to the constructor: # gencode: skip (line 7)"
    )


# --- what becomes of what ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "made"),
    [
        ("F.avg_pool2d(x, 2)", "nn.AvgPool2d(2)"),
        ("F.avg_pool2d(x, (2, 2), 1, 1)", "nn.AvgPool2d((2, 2), 1, 1)"),
        ("F.max_pool2d(x, 2, return_indices=False)", "nn.MaxPool2d(2)"),
        ("F.max_pool2d(x, 2, 1, 0, 1, True, False)", "nn.MaxPool2d(2, 1, 0, 1, ceil_mode=True)"),
        ("F.adaptive_max_pool2d(x, 1, False)", "nn.AdaptiveMaxPool2d(1)"),
        ("F.max_pool2d(x, -(-2))", "nn.MaxPool2d(-(-2))"),
        ("F.avg_pool2d(x, 2, None, 0, True)", "nn.AvgPool2d(2, None, 0, ceil_mode=True)"),
        (
            "F.avg_pool2d(x, 2, 1, 0, True, False)",
            "nn.AvgPool2d(2, 1, 0, ceil_mode=True, count_include_pad=False)",
        ),
        ("F.avg_pool2d(x, 2, divisor_override=3)", "nn.AvgPool2d(2, divisor_override=3)"),
        ("F.avg_pool2d(x, kernel_size=[2, 1])", "nn.AvgPool2d(kernel_size=[2, 1])"),
        ("F.avg_pool2d(input=x, kernel_size=2)", "nn.AvgPool2d(kernel_size=2)"),
        ("F.avg_pool2d(kernel_size=2, input=x)", "nn.AvgPool2d(kernel_size=2)"),
        ("F.max_pool2d(x, 2, 1, 0, 1, True)", "nn.MaxPool2d(2, 1, 0, 1, ceil_mode=True)"),
        ("F.max_pool2d(x, 3, stride=2)", "nn.MaxPool2d(3, stride=2)"),
        ("torch.max_pool2d(x, 3, 2)", "nn.MaxPool2d(3, 2)"),
        ("torch.nn.functional.max_pool2d(x, 3)", "nn.MaxPool2d(3)"),
        ("F.adaptive_avg_pool2d(x, (1, None))", "nn.AdaptiveAvgPool2d((1, None))"),
        ("F.adaptive_avg_pool2d(x, 1)", "nn.AdaptiveAvgPool2d(1)"),
        ("F.adaptive_max_pool2d(x, output_size=1)", "nn.AdaptiveMaxPool2d(output_size=1)"),
    ],
)
def test_calls(call: str, made: str) -> None:
    name = call.partition("(")[0].rpartition(".")[2]
    source = module(f"return {call}", "self.conv = nn.Conv2d(3, 3, 1)")
    after = module(
        f"return self.{name}(x)", f"self.conv = nn.Conv2d(3, 3, 1)\nself.{name} = {made}"
    )
    becomes(source, after)
    assert assert_same(source, (2, 3, 6, 6)) == after


@pytest.mark.parametrize(
    "call",
    [
        "F.avg_pool1d(x, 2, 1, 1, True, False)",
        "torch.avg_pool1d(x, (2,))",
        "F.max_pool1d(x, 3, 2, 1, 1, True)",
        "F.adaptive_avg_pool1d(x, 2)",
        "torch.adaptive_avg_pool1d(x, 2)",
        "F.adaptive_max_pool1d(x, 2)",
    ],
)
def test_one_dimension(call: str) -> None:
    assert_same(module(f"return {call}"), (2, 3, 7))


@pytest.mark.parametrize(
    ("imports", "call"),
    [
        ("from torch.nn.functional import avg_pool2d", "avg_pool2d(x, 2)"),
        ("from torch.nn.functional import avg_pool2d as ap", "ap(x, 2)"),
        ("from torch.nn import functional", "functional.avg_pool2d(x, 2)"),
        ("import torch.nn.functional", "torch.nn.functional.avg_pool2d(x, 2)"),
    ],
)
def test_spellings(imports: str, call: str) -> None:
    source = module(f"return {call}").replace("import torch.nn.functional as F", imports)
    assert "self.avg_pool2d = nn.AvgPool2d(2)" in assert_same(source, (2, 3, 6, 6))


def test_torch_is_imported() -> None:
    before = """\
    from torch.nn import Module
    from torch.nn.functional import max_pool2d


    class Net(Module):
        def __init__(self):
            Module.__init__(self)

        def forward(self, x):
            return max_pool2d(x, 2)
    """
    after = """\
    import torch
    from torch.nn import Module
    from torch.nn.functional import max_pool2d


    class Net(Module):
        def __init__(self):
            Module.__init__(self)
            self.max_pool2d = torch.nn.MaxPool2d(2)

        def forward(self, x):
            return self.max_pool2d(x)
    """
    becomes(before, after)


def test_equal_ones_are_one_module_and_others_another() -> None:
    forward = """
    x = F.max_pool2d(x, 2)
    x = F.max_pool2d(F.max_pool2d(x, 2), 3)
    return F.max_pool2d(x, 2)
    """
    after = """
    x = self.max_pool2d(x)
    x = self.max_pool2d_2(self.max_pool2d(x))
    return self.max_pool2d(x)
    """
    made = "self.max_pool2d_2 = nn.MaxPool2d(3)\nself.max_pool2d = nn.MaxPool2d(2)"
    source = module(forward)
    text = split_source(source, PLINIO).text
    assert {*text.split("\n")} == {*module(after, made).split("\n")}
    assert_same(source, (2, 3, 32, 32))


def test_names_that_are_taken() -> None:
    source = module(
        "return F.avg_pool2d(x, 2) + F.max_pool2d(x, 2)",
        'self.avg_pool2d = 1\nself.names = ["max_pool2d", f"max_{self.avg_pool2d}_2"]',
    )
    text = split_source(source, PLINIO).text
    assert "self.avg_pool2d_2(x) + self.max_pool2d_3(x)" in text or "self.max_pool2d_2(x)" in text
    assert_same(source, (2, 3, 4, 4))


def test_a_name_of_a_class_is_free_in_another_but_not_in_one_of_its_family() -> None:
    forward = "    def forward(self, x):\n        return F.avg_pool2d(x, 2)\n"
    constructor = "    def __init__(self):\n        super().__init__()\n\n"
    sub = f"class Sub(Net):\n{constructor}{forward.replace('2)', '3)')}"
    other = f"class Other(nn.Module):\n{constructor}{forward.replace('2)', '5)')}"
    text = split_source(module(POOL, rest=f"{sub}\n\n{other}"), PLINIO).text
    for line in (
        *("self.avg_pool2d = nn.AvgPool2d(2)", "self.avg_pool2d_2 = nn.AvgPool2d(3)"),
        *("self.avg_pool2d = nn.AvgPool2d(5)",),
    ):
        assert f"        {line}\n" in text


def test_where_a_pooling_may_stand() -> None:
    forward = """
    def pooled(y):
        return F.avg_pool2d(y, 2)

    ys = [F.avg_pool2d(y, 2) for y in (x, pooled(x))]
    return (lambda z: F.avg_pool2d(z, 2))(ys[0])
    """
    after = assert_same(module(forward), (1, 2, 8, 8))
    assert after.count("self.avg_pool2d(") == 3
    assert after.count("nn.AvgPool2d") == 1


def test_a_formatted_string() -> None:
    forward = 'return f"{F.avg_pool2d(x, 2)} {x.view(x.size(0), -1)}"'
    for each in stays(module(forward)):
        assert each.message.endswith("it stands in a formatted string")


def test_what_is_pooled_may_need_parentheses() -> None:
    text = split_source(module("y = F.avg_pool2d((yield x), 2)"), PLINIO).text
    assert "self.avg_pool2d((yield x))" in text
    assert_same(module("return F.avg_pool2d(y := x, 2) + F.avg_pool2d(y, 2)"), (1, 1, 4, 4))
    assert_same(module("return F.avg_pool2d(kernel_size=2, input=(y := x))"), (1, 1, 4, 4))


def test_another_name_of_the_instance() -> None:
    source = module(POOL).replace("(self, x)", "(net, x)")
    assert "net.avg_pool2d(x)" in assert_same(source, (1, 1, 4, 4))


@pytest.mark.parametrize(
    "constructor",
    [
        "if True:\n    self.a = 1\n    # that is all",
        "for m in self.modules():\n    if isinstance(m, (nn.Conv2d, nn.Linear)):\n        m.a = 1\n"
        "    elif isinstance(m, nn.BatchNorm2d) and m.affine or isinstance(m, nn.GroupNorm):\n"
        "        m.a = 2",
        "super().__init__()",
        "def helper():\n    return 1\nself.a = helper()",
        "self.conv = nn.Conv2d(\n    3, 3, 1\n)  # one",
        'def init(m):\n    "Set it."\n    if isinstance(m, (nn.Conv2d, nn.Linear)):\n'
        "        m.a = 1\n"
        "    else:\n        pass\nself.apply(init)",
        "import sys\nself.a = len(sys.modules)",
        "class Other:\n    pass\nother = Other()\nsetattr(other, str(1), 1)",
        "nn.Identity()(1)",
        "print(self)",
    ],
)
def test_constructors_that_get_to_their_end(constructor: str) -> None:
    assert_same(module(POOL, constructor), (1, 3, 4, 4))


def test_a_docstring_of_a_constructor() -> None:
    source = module(POOL).replace("        super()", '        """Make it."""\n        super()')
    assert_same(source, (1, 3, 4, 4))


def test_a_subclass_that_constructs_it() -> None:
    sub = """
    class Sub(Net):
        def __init__(self):
            super(Sub, self).__init__()
            self.a = 1


    class Third(Sub):
        def __init__(self):
            Sub.__init__(self)

        def forward(self, x):
            return super().forward(x) + Net.forward(self, x)
    """
    after = split_source(module(POOL, rest=sub), PLINIO).text
    x = torch.ones(1, 1, 4, 4)
    assert torch.equal(run(after).Third()(x), 2 * torch.ones(1, 1, 2, 2))


def test_handed_on_to_what_calls_nothing() -> None:
    note = "def note(module):\n    print(module.training)\n"
    assert_same(module(POOL, "note(self)", note), (1, 3, 4, 4))
    for body in ("module(0)", "keep(module)", "module.forward(0)"):
        assert "constructor" in reason(
            module(POOL, "note(self)", f"def note(module):\n    {body}\n")
        )


def test_it_is_the_last_child_and_has_no_state() -> None:
    source = module("return F.avg_pool2d(self.conv(x), 2)", "self.conv = nn.Conv2d(3, 3, 1)")
    made = run(split_source(source, PLINIO).text)
    net = made.Net()
    assert [name for name, _ in net.named_children()] == ["conv", "avg_pool2d"]
    assert list(net.state_dict()) == ["conv.weight", "conv.bias"]
    x = torch.ones(1, 3, 4, 4)
    assert torch.equal(copy.deepcopy(net)(x), net(x))
    sys.modules["model"] = made
    try:
        assert torch.equal(pickle.loads(pickle.dumps(net))(x), net(x))
    finally:
        del sys.modules["model"]


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_line_ends_and_indents(end: str) -> None:
    before = module(POOL, "self.a = 1").replace("    ", "\t").replace("\n", end)
    after = module("return self.avg_pool2d(x)", "self.a = 1\nself.avg_pool2d = nn.AvgPool2d(2)")
    assert split_source(before, PLINIO).text == after.replace("    ", "\t").replace("\n", end)


def test_several_lines() -> None:
    before = """
    x = F.max_pool2d(
        self.conv(x),
        kernel_size=(
            3,
            2,
        ),
    )  # halve
    return x
    """
    text = split_source(module(before, "self.conv = nn.Conv2d(3, 3, 1)"), PLINIO).text
    assert "    # halve" not in text
    assert "self.max_pool2d(\n" in text or "self.max_pool2d(self.conv(x))" in text
    assert dedent("        self.max_pool2d = nn.MaxPool2d(") in text


# --- what other files do with the module ------------------------------------------------------


@pytest.mark.parametrize(
    ("does", "is_rewritten"),
    [
        ("print(module.__class__.__name__)", True),
        ("pass", True),
        ("module.forward(None)", False),
        ("register(module)", False),
    ],
)
def test_a_function_of_another_file_that_is_given_the_module(
    does: str, is_rewritten: bool, tmp_path: Path
) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "used.py").write_text(
        f"from other import register\n\n\ndef note(module):\n    {does}\n"
    )
    text = module("return F.avg_pool2d(x, 2)", "self.conv = nn.Conv2d(3, 3, 1)\nnote(self)")
    path = tmp_path / "net.py"
    path.write_text(text.replace("import torch\n", "import torch\nfrom used import note\n", 1))
    assert main(["-i", "--select", "pool", str(path)]) == 0
    assert ("self.avg_pool2d = nn.AvgPool2d(2)" in path.read_text()) == is_rewritten


def test_a_class_with_a_base_in_another_file_stays(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "used.py").write_text(
        "from torch import nn\n\n\nclass Base(nn.Module):\n    pass\n"
    )
    text = module("return F.avg_pool2d(x, 2)", "self.conv = nn.Conv2d(3, 3, 1)")
    text = text.replace("(nn.Module)", "(Base)")
    path = tmp_path / "net.py"
    path.write_text(text.replace("import torch\n", "import torch\nfrom used import Base\n", 1))
    assert main(["-i", "--select", "pool", str(path)]) == 0
    assert "self.avg_pool2d" not in path.read_text()
