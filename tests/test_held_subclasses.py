"""A convolution's subclass that is called as a variable, and the methods that it may have."""

from __future__ import annotations

from textwrap import dedent, indent

import pytest
from forms import forms

from cases import assert_unchanged, assert_wrapped, left
from gencode import Options, Result, split_source
from gencode.grouped_conv.subclasses import _is_of_torch

BARE = Options(checkpoint=False)
OWN = """\
import functools

import torch
import torch.nn as nn
from mylib import Base, REGISTRY, register


class Own(nn.Conv3d):
    RATE = 2

    def __init__(self, planes, stride=1):
        super().__init__(planes, planes, 3, stride, 1, groups=planes, bias=False)

    @staticmethod
    def get_downsample_stride(stride):
        return stride, stride, stride


class Plain(nn.Conv3d):
    def __init__(self, planes, stride=1):
        super().__init__(planes, planes, 1, stride)


"""


def own(code: str) -> str:
    return OWN + dedent(code).strip() + "\n"


def with_method(method: str) -> str:
    """A subclass with this method besides, of which one is built."""
    text = OWN.replace(
        "    @staticmethod\n", indent(dedent(method), " " * 4) + "\n    @staticmethod\n"
    )
    return f"{text}net = Own(8)\n"


@pytest.mark.parametrize(
    "method",
    [
        "def fuse(self): ...",
        "@functools.cache\ndef fuse(self): ...",
        "@register\n@staticmethod\ndef fuse(x): ...",
        "@torch.jit.export\ndef fuse(self): ...",
        "@classmethod\ndef make(cls, planes): return cls(planes)",
        "@classmethod\ndef make(cls): cls.RATE = 3",
        "@classmethod\ndef make(cls): setattr(cls, 'forward', None)",
        "@classmethod\ndef make(cls): return cls.__subclasses__()",
        "@classmethod\ndef make(cls): return cls.forward",
        "@property\ndef make(self): return self",
        "@property\ndef make(self): return self.weight.data.zero_()",
        "@property\ndef make(self): self.stride = 2",
        "@property\ndef weight(self): return 1",
        "@property\ndef stride(self): return 1",
        "@staticmethod\ndef train(mode=True): ...",
        "@staticmethod\ndef _apply(fn): ...",
        "@staticmethod\ndef __call__(x): ...",
    ],
)
def test_a_method_that_may_touch_the_convolution(method: str) -> None:
    name = method.partition("def ")[2].partition("(")[0]
    assert f"it has a method of its own, {name} (line " in left(with_method(method))


def test_a_decorator_that_only_has_the_name() -> None:
    source = with_method("@property\ndef make(self): return 1").replace(
        "class Own", "property = register\nclass Own"
    )
    assert "it has a method of its own, make" in left(source)


@pytest.mark.parametrize(
    "method",
    [
        "@staticmethod\ndef more(x): x.groups = 2",
        "@staticmethod\ndef more(): ...",
    ],
)
def test_a_method_that_cannot(method: str) -> None:
    result = assert_wrapped(with_method(method))
    assert result.text.endswith("net = split_conv(Own(8))\n")


def test_the_names_of_torch_are_all_known() -> None:
    torch = pytest.importorskip("torch")
    conv = torch.nn.ConvTranspose2d(1, 1, 1)
    methods = {each for each in dir(conv) if callable(getattr(conv, each))}
    assert all(map(_is_of_torch, methods - {"T_destination"}))


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ("net = Own(8)\nnet.get_downsample_stride(2)", "get_downsample_stride is used outside"),
        (
            "def f(m): m.get_downsample_stride(2)\nf(Own(8))",
            "get_downsample_stride is used outside",
        ),
        ("def f(m): m.RATE\nf(Own(8))\nf(Own)", "RATE is used outside of it (line "),
        ("both = [Own, Own(8)]\nboth[1].RATE", "RATE is used outside of it (line "),
        ("net = Own(8)\nOwn.RATE = 3", "RATE is used outside of it (line "),
        ("def f(c=Own): return c(8)\nf().RATE", "RATE is used outside of it (line "),
        ("def f(m, c=Own): return isinstance(m, c) or c(8)", "it is asked for (line "),
        ("def f(m, c=Own): return type(m) is c or c(8)", "it is asked for (line "),
        ("def f(m, c=Own): return isinstance(m, (nn.Linear, c)) or c(8)", "it is asked for"),
        ("def f(m, c=Own): return m.__class__ is Own or c(8)", "it is asked for (line "),
        ("def f(m, c=Own): return Own == m.__class__ or c(8)", "it is asked for (line "),
        ("def f(m, c=Own): return m.__class__ in (nn.Linear, c) or c(8)", "it is asked for"),
        ("def f(m, c=Own): return issubclass(m.__class__, Own) or c(8)", "it is asked for"),
        ("def f(m, c=Own): return issubclass(type(m), c) or c(8)", "it is asked for (line "),
    ],
)
def test_an_object_that_is_told_from_torchs_own(more: str, reason: str) -> None:
    assert f"Own is a subclass of Conv3d: {reason}" in left(own(more))


@pytest.mark.parametrize(
    ("method", "use"),
    [
        ("def reset_parameters(self): super().reset_parameters()", "c.reset_parameters(net)"),
    ],
)
def test_a_method_that_the_class_is_asked_for_and_an_object_given(method: str, use: str) -> None:
    source = with_method(method) + f"\n\ndef f(c=Own):\n    {use}\n"
    assert "is used outside of it (line " in left(source)


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        (
            "def forward(self, x): return super().forward(x) * 2",
            "Conv3d: it has a forward of its own",
        ),
        (
            "def forward(self, x):\n    self.weight.data = torch.renorm(self.weight, 2, 0, 1)\n"
            "    return super().forward(x)",
            "to be split where it is called, which is not seen where it is passed on (line ",
        ),
    ],
)
def test_a_class_with_a_forward_of_its_own_stays(method: str, reason: str) -> None:
    source = with_method(method).replace("net = Own(8)", "def f(c=Own): return c(8)")
    assert reason in left(source)


def test_a_class_that_inherits_from_it_and_has_a_forward_of_its_own() -> None:
    more = "class More(Own):\n    def forward(self, x): return x\ndef f(c=More): return c(8)"
    reason = "to be split where it is called, which is not seen where it is passed on (line 26)"
    assert left(own(more)) == f"Own is a subclass of Conv3d, {reason}"


@pytest.mark.parametrize("call", ["c(8)", "c(8, 8, 3, groups=2)"])
def test_a_variable_that_may_also_hold_a_class_that_cannot_be_split(call: str) -> None:
    more = "def pick(x): return x\nclass Gain(Plain):\n    def fuse(self): ...\n"
    more += "def f(c=Own, d=Gain):\n"
    (record,) = split_source(own(f"{more}    {call}\n    c = d")).records
    assert record.status == "may be split"
    for line in ("if d: c = d", "if d: c = pick(d)"):
        source = own(f"{more}    {line}\n    {call}")
        reason = "Gain is a subclass of Conv3d: it has a method of its own, fuse (line 26)"
        assert left(source) == reason


@pytest.mark.parametrize(
    "more",
    [
        "",
        "def f(c: Own = None) -> Own: return c(8)",
        "def f(c):\n    c: Own\n    return c(8)",
        "def f(c):\n    d: Own = c\n    return d(8)",
        "from typing import Union\ndef f(c: Union[Own, None]): return c(8)",
        "__all__ = ['Own']",
        "class More(Own): ...",
        "make = functools.partial(Own, 8)",
    ],
)
def test_a_class_that_is_called_nowhere(more: str) -> None:
    reason = "Own is a subclass of Conv3d, to be split where it is called, which is not seen here"
    assert left(own(more)) == reason


@pytest.mark.parametrize(
    "more",
    [
        "register(Own)",
        "register(kind=Own)",
        "register([Own])",
        "nn.utils.skip_init(Own, 8)",
        "class A:\n    def forward(self, x): return self.conv(x)\nregister.conv = Own",
        "register.kind = Own",
        "REGISTRY.register(Own)\nREGISTRY['Own'](8)",
        "def f(make): make(Own)",
        "class A(Base):\n    def __init__(self): super().__init__(conv=Own)",
        "def f(**kw): register(**kw)\nf(c=Own)",
        "net = Own(8)\nregister(Own)",
        "def f(c=Own):\n    register(c)\n    return c(8)",
        "class A(nn.Module):\n    def __init__(self, c): super().__init__(c)\n"
        "class B(A, Base): ...\nB(Own)",
        "def f(m, c): super(Plain, m).__init__(c)\nf(m, Own)",
    ],
)
def test_a_class_that_is_passed_on_to_where_it_is_not_seen(more: str) -> None:
    source = own(more)
    result = split_source(source)
    (record,) = [each for each in result.records if each.status == "left"]
    assert record.detail.startswith(
        "Own is a subclass of Conv3d, to be split where it is called, "
        "which is not seen where it is passed on (line "
    )
    line = int(record.detail.partition("(line ")[2].rstrip(")"))
    words = ("register(", "register.", "partial(", "skip_init(", "make(", "super(")
    assert any(each in source.splitlines()[line - 1] for each in words)
    others = [each.status for each in result.records if each is not record]
    assert others == ["may be split"] * ("Own(8)" in more or "c(8)" in more)


CALLED = [
    "def f(conv_builder=Own): return conv_builder(8, 2)",
    "def f(conv_builder): return conv_builder(8)\nf(Own)",
    "def f(a, *, build): return build(planes=8)\nf(1, build=Own)",
    "def f(**kw): return kw['build'](8)\nf(build=Own)",
    "def f(**kw): return kw.get('build')(8)\nf(build=Own)",
    "build = Own if torch else Plain\nbuild(8)",
    "table = {'a': Own, 'b': nn.Conv3d}\ntable[name](8)",
    "for kind in (Own, Plain):\n    net = kind(8)",
    "nets = [kind(8) for kind in [Own] * 4]",
    "def pick(): return Own\npick()(8)",
    "make = lambda kind=Own: kind(8)",
    "class A:\n    kind = Own\n    def f(self): return self.kind(8)",
    "class A:\n    def __init__(self, c): self.c = c\n    def f(self): return self.c(8)\nA(Own)",
    "make = functools.partial(Own, 8)\ndef f(): return make()",
    "class A:\n    def __init__(self, c=Own): self.make(c)\n    def make(self, d): return d(8)",
    "class A:\n    def __init__(self, k): k(8)\ndef f(block): block(Own)\nf(A)",
    "def use(k): k(8)\ndef f(run): run(Own)\nf(use)",
    "def f(c=Own):\n    print(c, type(c), repr(c), issubclass(c, nn.Module))\n    return c(8)",
    "class A(nn.Module):\n    def f(self, c=Own):\n        return super(A, self).f(), c(8)",
    "def f(c=Own):\n    a = c.get_downsample_stride(2), Own.RATE, c.RATE\n    return c(8, a)",
    "class A:\n    kind = Own\n    def f(self): return Own.RATE, A.kind(8)",
    "class A:\n    kind = Own\n    def f(self): return type(self).kind(8)",
    "class A:\n    kind = Own\n    def f(self): return self.__class__.kind(8)",
    "class A:\n    kind = Own\n    def f(self): return getattr(self, 'kind')(8)",
    "class A:\n    def __init__(self): self.kind = Own\ndef f(a): return a.kind(8)",
    "class A:\n    def pick(self): return Own\ndef f(a): return a.pick()(8)",
    "def f(m, c=Own): return m.__class__ is A or m.__class__.__name__, c(8)\nclass A: ...",
    "class More(Own): ...\ndef f(build=More):\n    return build(8, build.get_downsample_stride(2))",
]


@pytest.mark.parametrize("code", CALLED)
def test_a_class_that_is_called_as_a_variable(code: str) -> None:
    result = assert_wrapped(own(code))
    (record,) = result.records
    (form,) = forms(own(code), [record])
    assert "may be " in record.note
    assert record.note.endswith(", a subclass of Conv3d")
    assert form.callee == "subclass"
    assert "def class_of_torch(" in result.text


@pytest.mark.parametrize("use", ["A.kind(8)", "type(self).kind(8)", "self.__class__.kind(8)"])
def test_an_attribute_of_a_class_that_is_called_in_two_ways(use: str) -> None:
    code = f"class A:\n    kind = Own\n    def f(self): return self.kind(8), {use}"
    result = assert_wrapped(own(code))
    assert result.text.endswith(f"return split_conv(self.kind(8)), split_conv({use})\n")
    assert len(result.records) == 2


BLOCK = """
class Block(nn.Module):
    def __init__(self, planes=8, conv=nn.Conv3d, depth=1):
        super().__init__()
        self.norm = nn.BatchNorm3d(planes)
        self.convs = [conv(planes) for _ in range(int(depth))]


"""


@pytest.mark.parametrize(
    "code",
    [
        "kw = dict(conv=Own)\nBlock(8, **kw)",
        "Block(*[8, Own])",
        "Block(**{'conv': Own})",
        "class More(Block):\n    def __init__(self, **kw): super().__init__(**kw)\nMore(conv=Own)",
    ],
)
def test_a_class_that_is_passed_by_a_star(code: str) -> None:
    (record,) = assert_wrapped(OWN + BLOCK.lstrip() + code + "\n").records
    assert record.name == "conv"


@pytest.mark.parametrize(
    "code",
    [
        "def f(kind=Plain): return kind(8)",
        "def f(kind=Own): return kind(8, groups=1)",
        "class A(nn.Conv3d): ...\ndef f(kind=A): return kind(8, 8, 3)",
        "class A(nn.Linear): ...\ndef f(kind=A): return kind(8, 8)",
    ],
)
def test_a_variable_that_builds_no_grouped_convolution(code: str) -> None:
    source = own(f"{code}\nnn.Conv3d(8, 8, 3, groups=1)")
    if "Own" not in code:
        source = source.replace("groups=planes, ", "")
    assert assert_unchanged(source).records == ()


def test_groups_that_are_given_to_a_variable() -> None:
    code = "class A(nn.Conv3d): ...\ndef f(kind=A, n=2): return kind(8, 8, 3, groups=n)"
    source = own(code).replace("groups=planes, ", "")
    assert_wrapped(source)


def test_a_variable_that_is_named_like_a_class() -> None:
    code = "class Gain(Plain):\n    def fuse(self): ...\n"
    code += "def f(conv_layer=Own): conv_layer(8, 8, 3, groups=2)"
    (record,) = assert_wrapped(own(code)).records
    assert record.note == "only if conv_layer is a class of torch"
    source = own(code.replace("=Own", "=Gain")).replace("groups=planes, ", "")
    assert "Gain is a subclass of Conv3d: it has a method of its own, fuse" in left(source)


def test_another_name_of_the_class() -> None:
    result = assert_wrapped(own("Other = Own\nnet = Other(8)"))
    assert result.records[0].note == "Other is a subclass of Conv3d"


def test_what_is_called_by_its_name_and_as_a_variable() -> None:
    result = assert_wrapped(own("def f(build=Own): return build(8)\nnet = Own(8)"))
    assert [record.name for record in result.records] == ["build", "net"]


VIDEO = """
class Block(nn.Module):
    def __init__(self, planes, conv_builder, stride=1):
        super().__init__()
        self.conv = nn.Sequential(
            conv_builder(planes, stride),
            nn.BatchNorm3d(planes),
            nn.ReLU(inplace=True),
        )
        self.shortcut = nn.Conv3d(
            planes, planes, 1, stride=conv_builder.get_downsample_stride(stride)
        )

    def forward(self, x):
        return self.conv(x) + self.shortcut(x)


class Net(nn.Module):
    def __init__(self, block=Block, makers=(Own, Plain)):
        super().__init__()
        self.layers = nn.Sequential(*(block(4, maker, 2) for maker in makers))

    def forward(self, x):
        return self.layers(x)
"""


def video() -> str:
    """A model that is built as torchvision builds its models for video."""
    static = OWN[OWN.index("    @staticmethod") : OWN.index("class Plain")].rstrip()
    return (
        OWN.replace("planes, 1, stride)\n", f"planes, 1, stride)\n\n{static}\n").replace(
            "from mylib import Base, REGISTRY, register\n", ""
        )
        + VIDEO.lstrip()
    )


def split_video() -> Result:
    result = split_source(video())
    assert [each.status for each in result.records] == ["may be split"]
    assert "            conv_builder(planes, stride),\n" in result.text
    assert "\n        split_layers(self.conv)\n" in result.text
    return result


def test_equivalence() -> None:
    torch = pytest.importorskip("torch")
    from equivalence import assert_equivalent, run_source

    split_video()
    result = assert_equivalent(video(), lambda module: module.Net(), torch.randn(2, 4, 3, 6, 6))
    split = run_source(result.text)
    net = split.Net()
    assert {type(each) for each in net.layers[0].conv[0].parts} == {torch.nn.Conv3d}
    assert len(net.layers[0].conv[1].parts) == 4
    assert type(net.layers[1].conv[0]) is split.Plain
    assert type(net.layers[1].conv[1]) is torch.nn.BatchNorm3d


def test_whatever_else_arrives_is_returned_as_it_is() -> None:
    torch = pytest.importorskip("torch")
    from equivalence import run_source

    split = run_source(split_video().text)

    class Factory:
        def __call__(self, planes: int, stride: int) -> object:
            return built

        def get_downsample_stride(self, stride: int) -> int:
            return stride

    class Conv(torch.nn.Conv3d):
        def forward(self, x: object) -> object:
            return super().forward(x)

    for built in (torch.nn.Conv3d(4, 4, 1), torch.nn.Identity(), torch.nn.Linear(4, 4)):
        assert split.Block(4, Factory()).conv[0] is built
    built = Conv(4, 4, 1, groups=4)
    assert split.Block(4, Factory()).conv[0] is built
