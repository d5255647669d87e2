"""What gets its convolution class in another way than by its own name."""

from __future__ import annotations

from textwrap import dedent, indent

import pytest

from cases import assert_unchanged, assert_wrapped, left
from gencode import Options, split_source

IMPORTS = """\
import functools
from functools import partial

import torch
import torch.nn as nn
import torch.nn.functional as F
from mylib import Conv2dSame, ConvNormAct, Mixin, conv3x3
"""


def subclass(body: str, bases: str = "nn.Conv2d") -> str:
    """A subclass with this body, of which one is built."""
    body = indent(dedent(body).strip() or "...", " " * 4)
    own = f"{IMPORTS}\n\nclass Own({bases}):\n{body}\n"
    return own + "\n\ndef f(g):\n    return Own(8, 8, 3, groups=g)\n"


@pytest.mark.parametrize(
    "body",
    [
        "",
        '"""Doc."""\nGAIN = 2',
        "def __init__(self, a, b, k, groups=1):\n"
        "    super().__init__(a, b, k, padding=k // 2, groups=groups)\n"
        "    self.k = max(1, k)\n    nn.init.zeros_(self.bias)",
        "def reset_parameters(self):\n    nn.init.zeros_(self.weight)\n"
        "    super().reset_parameters()",
        "def extra_repr(self):\n    return 'own'",
    ],
)
def test_a_subclass_that_adds_nothing_to_the_forward(body: str) -> None:
    result = assert_wrapped(subclass(body))
    assert result.records[0].note == "Own is a subclass of Conv2d"
    assert "def class_of_torch(" in result.text


RENORM = "self.weight.data = torch.renorm(self.weight.data, p=2, dim=0, maxnorm=1)"


@pytest.mark.parametrize(
    "statements",
    [
        RENORM,
        "self.weight.data = torch.renorm(self.weight, 2, 0, 1)",
        "w = self.weight.data\nself.weight.data = torch.renorm(w, 2, 0, 1)",
        f"if self.on:\n    {RENORM}",
        f"with torch.no_grad():\n    {RENORM}",
        f'"""Doc."""\n{RENORM}',
    ],
)
@pytest.mark.parametrize(
    "last",
    [
        "return super().forward(x)",
        "return super(Own, self).forward(x)",
        "return self._conv_forward(x, self.weight, self.bias)",
    ],
)
def test_a_subclass_that_constrains_each_filter(statements: str, last: str) -> None:
    method = "def forward(self, x):\n" + indent(f"{statements}\n{last}", " " * 4)
    text = split_source(subclass(method)).text
    assert "    return split_by_filter(Own(8, 8, 3, groups=g))\n" in text
    assert "warnings" not in text and "warnings" not in text


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("def forward(self, x):\n    return super().forward(x) * 2", "it has a forward of its own"),
        ("def forward(self, x):\n    pass", "it has a forward of its own"),
        ("def forward(self, x):\n    '''Doc.'''", "it has a forward of its own"),
        ("def forward(self, x):\n    return F.relu(x)", "it has a forward of its own"),
        (
            "def forward(self, x):\n    return self.groups * x",
            "its forward uses self.groups (line ",
        ),
        (
            "def __init__(self):\n    self.gain = nn.Parameter(x)\n"
            "def forward(self, x):\n    return self.groups * x",
            "its forward uses self.groups (line ",
        ),
        ("def _conv_forward(self, x, w, b): ...", "it has a _conv_forward of its own (line "),
        ("def forward(self, x):\n    return super().forward(x.flip(1))", "a forward of its own"),
        ("def forward(self, x):\n    return super().forward(y)", "a forward of its own"),
        (
            "def forward(self, x):\n    return self._conv_forward(x, w, self.bias)",
            "forward of its own",
        ),
        ("def forward(self, x, y):\n    return super().forward(x)", "a forward of its own"),
        ("def __init__(self):\n    self.forward = f", "its __init__ uses forward (line "),
        ("def fuse(self): ...", "it has a method of its own, fuse (line "),
        ("def __init__(self):\n    self.register_buffer('a', 1)", "calls register_buffer (line "),
        ("def __init__(self):\n    nn.utils.spectral_norm(self)", "calls spectral_norm"),
        ("def __init__(self):\n    helper(self)", "its __init__ calls helper"),
        ("def __init__(self):\n    self.gain = nn.Parameter(x)", "its __init__ makes a Parameter"),
        ("def __init__():\n    nn.ReLU()", "its __init__ makes a ReLU"),
        *(
            (
                f"def forward(self, x):\n    {each}\n    return super().forward(x)",
                "forward of its own",
            )
            for each in (
                "self.weight.data = torch.renorm(self.weight.data, p=2, dim=1, maxnorm=1)",
                "self.weight.data = torch.renorm(self.weight.data, p=2, dim=d, maxnorm=1)",
                "self.weight.data = torch.renorm(x, p=2, dim=0, maxnorm=1)",
                "self.weight.data = self.weight / self.weight.norm()",
                "self.weight.data = f(self.weight)",
                "self.weight.copy_(x)",
                "x.clamp_(0)",
                "self.weight.data.div_(2)",
                "x = F.pad(x, (1, 1, 1, 1, 1, 1))",
                "if x.sum() > 1:\n        self.weight.data.clamp_(-1, 1)",
                "if self.out_channels == 16:\n        self.weight.data.clamp_(-1, 1)",
                "self.weight.data.clamp_(max=self.weight.data.std())",
                "self.weight.data = torch.renorm(self.weight.data, 2, 0, 1 / self.out_channels)",
                "x.weight.data.clamp_(-1, 1)",
                "self.weight.data.clamp_(-1, 1)",
                "with f():\n        self.weight.data.clamp_(-1, 1)",
                "if self.on:\n        x = 1\n    else:\n        x = 2",
            )
        ),
    ],
)
def test_a_subclass_that_cannot_be_taken_to_pieces(body: str, reason: str) -> None:
    found = left(subclass(body))
    assert found.startswith("Own is a subclass of Conv2d: ") and reason in found


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ("isinstance(m, Own)", "it is asked for (line "),
        ("type(m) is Own", "it is asked for (line "),
        ("m.k", "k is used outside of it (line "),
        ("m.TAG", "TAG is used outside of it (line "),
        ("m.reset_parameters()", "reset_parameters is used outside of it (line "),
        ("Own.forward = f", "its forward is set or used (line "),
    ],
)
def test_a_subclass_that_is_told_from_torchs_own(more: str, reason: str) -> None:
    body = "TAG = 1\ndef __init__(self):\n    super().__init__(8, 8, 3, groups=2)\n    self.k = 1\n"
    body += "def reset_parameters(self):\n    nn.init.zeros_(self.weight)"
    found = left(subclass(body) + f"\n\ndef more(m):\n    {more}\n")
    assert found.startswith("Own is a subclass of Conv2d: ") and reason in found


def test_groups_that_a_constant_gives() -> None:
    assert_wrapped(
        f"{IMPORTS}G = 2\nclass Own(nn.Conv2d):\n    def __init__(self):\n"
        f"        super().__init__(8, 8, 3, groups=G)\nOwn()\n"
    )


@pytest.mark.parametrize("call", ["Own(8, 8, 2)", "Own(8, 8, g=4)", "Own(*x)", "Own(8, **x)"])
def test_groups_that_a_call_gives_another_name(call: str) -> None:
    assert_wrapped(
        f"{IMPORTS}class Own(nn.Conv2d):\n    def __init__(self, a, b, g=1):\n"
        f"        super().__init__(a, b, 3, groups=g)\n{call}\n"
    )


@pytest.mark.parametrize(
    ("bases", "reason"),
    [
        (
            "Mixin, nn.Conv2d",
            "Own is a subclass of Conv2d: its base class Mixin is not in this file",
        ),
        (
            "nn.modules.conv._ConvNd",
            "Own is a subclass of _ConvNd: it is a convolution of a kind of its own",
        ),
    ],
)
def test_a_subclass_of_something_else_too(bases: str, reason: str) -> None:
    assert left(subclass("", bases)) == reason


@pytest.mark.parametrize(
    "code",
    [
        "class Own(nn.Conv2d): ...\nOwn(8, 8, 3, **dict(bias=False))",
        "class Own(nn.Conv2d): ...\nOwn(8, 8, 3)",
        "class Own(nn.Conv2d):\n    def __init__(self, groups=1):\n"
        "        super().__init__(8, 8, 3, groups=groups)\nOwn()",
        "class Own(nn.Conv2d):\n    def __init__(self):\n"
        "        super().__init__(8, 8, 3, 1, 1, 1, 1)\nOwn()",
        "class Own(nn.Conv2d):\n    def __init__(self, a, g=1):\n"
        "        super().__init__(a, a, 3, groups=g)\nOwn(8), Own(8, 1), Own(8, g=1)",
        "class Own(nn.Linear): ...\nOwn(8, 8, 3, groups=2)",
        "ConvNormAct(8, 8, 3, groups=2)",
        "conv3x3(8, 8, groups=2)",
        "class Own(nn.Conv2d):\n    def __init__(self, a, *, g=1):\n"
        "        super().__init__(a, a, 3, groups=g)\nOwn(8, bias=False)",
        "def conv(a, b, groups): ...\nconv(8, 8, groups=2)",
        "def f(convert): convert(8, 8, 8, groups=2)",
        "def f(x): x.conv2d(y, w, groups=2)",
        "def f(conv): conv(x, groups=2)",
        "class A(nn.Module):\n    def __init__(self):\n        self.conv = make(nn.Conv2d)\n"
        "    def forward(self, x, kw):\n        return self.conv(x, **kw)",
        "partial(F.relu, groups=2)",
        "partial(groups=2)",
        "nn.utils.skip_init(nn.Linear, 8, 8, groups=2)",
        "functools.partial(ConvNormAct, groups=2)",
        "import flax\nflax.linen.Conv2d(8, 8, 3, groups=2)",
    ],
)
def test_what_builds_no_grouped_convolution(code: str) -> None:
    assert assert_unchanged(f"{IMPORTS}{code}\n").records == ()


@pytest.mark.parametrize(
    "code",
    [
        "def f(conv_layer): conv_layer(8, 8, 3, groups=g)",
        "def f(norm_conv2d_cls): norm_conv2d_cls(8, 8, 3, groups=g)",
        "def f(conv): conv(8, 8, 3, groups=g)",
        "class A:\n    def f(self): self.conv_layer(8, 8, 3, groups=g)",
        "def f(c=nn.Conv2d): c(8, 8, 3, **kw)",
        "kinds = {1: nn.Conv1d, 2: nn.Conv2d}\nkinds[n](8, 8, 3, groups=g)",
        "Conv2dSame(8, 8, 3, groups=g)",
        "getattr(nn, f'Conv{n}d')(8, 8, 3, groups=g)",
        "class Ops:\n    make = nn.Conv2d\nOps.make(8, 8, 3, groups=g)",
        "nn.Conv2d(8, 8, 3, **f())",
        "partial(nn.Conv2d, groups=g)",
        "partial(nn.ConvTranspose2d, 8, **kw)",
        "nn.utils.skip_init(nn.Conv2d, 8, 8, 3, groups=g)",
        "kind = nn.Conv2d if n else nn.Conv3d\npartial(kind, groups=g)",
    ],
)
def test_what_may_build_one(code: str) -> None:
    assert_wrapped(f"{IMPORTS}{code}\n")


def test_a_partial_of_a_class_in_parentheses() -> None:
    source = f"{IMPORTS}net = partial((nn.Conv2d), groups=2)\n"
    assert left(source) == "its class stands in parentheses"
    assert left(source.replace("(nn.Conv2d)", "( (nn.Conv2d))")).endswith("in parentheses")


def test_an_always_grouped_subclass_is_split_where_it_is_called() -> None:
    text = split_source(
        f"{IMPORTS}class Own(nn.Conv2d):\n    def __init__(self, w):\n"
        "        super().__init__(w, w, 3, groups=2)\n\n\nnet = Own(8)\n"
    ).text
    assert text.endswith("super().__init__(w, w, 3, groups=2)\n\n\nnet = split_conv(Own(8))\n")


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (
            "nn.Conv2d.__init__(self, 8, 8, 3, groups=2)",
            "Own is a subclass of Conv2d, to be split where it is called, which is not seen here",
        ),
        (
            "super().__init__(8, 8, 3, groups=2)\n        helper(self)",
            "Own is a subclass of Conv2d: its __init__ calls helper (line 11)",
        ),
    ],
)
def test_an_always_grouped_subclass_that_is_called_nowhere(call: str, reason: str) -> None:
    source = f"{IMPORTS}class Own(nn.Conv2d):\n    def __init__(self):\n        {call}\n"
    assert left(source) == reason


def test_an_initialiser_that_is_called_for_another_object() -> None:
    source = f"{IMPORTS}nn.Conv2d.__init__(x, 8, 8, 3, groups=2)\n"
    assert left(source) == "nn.Conv2d.__init__ is called for an object that is there"
    assert assert_unchanged(f"{IMPORTS}super().__init__(8, 8, 3, groups=2)\n").records == ()


def test_what_arrives_that_the_helper_does_not_split_is_as_it_was() -> None:
    torch = pytest.importorskip("torch")
    text = split_source(
        "import torch\nfrom torch import nn\n\n\ndef f(conv_layer):\n"
        "    return conv_layer(8, 8, 3, groups=2)\n"
    ).text
    namespace: dict[str, object] = {}
    exec(text, namespace)
    build = namespace["f"]
    assert callable(build)

    class Own(torch.nn.Conv2d):
        def forward(self, x: object) -> object:
            return super().forward(x)

    assert type(build(Own)) is Own
    lazy = build(lambda a, b, k, groups: torch.nn.LazyConv2d(b, k, groups=groups))
    assert type(lazy) is torch.nn.LazyConv2d
    under_norm = build(
        lambda *args, groups: torch.nn.utils.parametrizations.spectral_norm(
            torch.nn.Conv2d(*args, groups=groups)
        )
    )
    assert type(under_norm).__name__ == "ParametrizedConv2d" and under_norm.groups == 2
    assert type(build(lambda *args, groups: torch.nn.ReLU())) is torch.nn.ReLU
    assert {type(each) for each in build(torch.nn.Conv2d).parts} == {torch.nn.Conv2d}


def test_a_class_that_another_parameter_is_given() -> None:
    before = dedent("""\
        import torch.nn as nn


        class Block(nn.Module):
            def __init__(self, conv, norm, act, norm_args={}, **more):
                super().__init__()
                self.conv = conv(8, 8, 3)
                self.norm = norm(8, **norm_args)
                self.act = act(**more)


        Block(nn.Conv2d, nn.BatchNorm2d, act=nn.ReLU)
        """)
    text = split_source(before, Options(helper_module="split_groups")).text
    assert text is before
    for given in ("Block(a, nn.Conv2d, b)", "Block(a, norm=nn.Conv2d)", "Block(*[a, nn.Conv2d])"):
        assert (
            "self.norm = split_conv(self.norm)"
            in split_source(
                before.replace("Block(nn.Conv2d, nn.BatchNorm2d", f"{given}\nBlock(a, b"),
                Options(helper_module="split_groups"),
            ).text
        )
