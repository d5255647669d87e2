"""What is done with a convolution besides calling it: before it is split, or after, or never."""

from __future__ import annotations

from textwrap import dedent, indent

import pytest

from cases import left, wrapped
from gencode import split_source

TOP = """\
import copy
import math
from collections import OrderedDict
import torch
import torch.nn as nn
import torch.nn.functional as F
from timm.layers import trunc_normal_


class Net(nn.Module):
    def __init__(self, g):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 1, groups=g)
"""


def net(code: str) -> str:
    """A model with some more statements in its initialiser."""
    return TOP + indent(dedent(code).strip() + "\n", " " * 8)


def later(code: str) -> str:
    """A model with some statements in its forward, when the convolution has been split."""
    return f"{TOP}\n    def forward(self, x):\n{indent(dedent(code).strip(), ' ' * 8)}\n"


INITIALISATIONS = (
    "nn.init.normal_(self.conv.weight, std=0.01)",
    "nn.init.normal_(self.conv.weight.data, 0.0, 0.02)",
    "nn.init.constant_(self.conv.bias, math.sqrt(2))",
    'nn.init.kaiming_uniform_(self.conv.weight, a=1, mode="fan_in")',
    'nn.init.kaiming_normal_(self.conv.weight, mode="fan_out")',
    "trunc_normal_(self.conv.weight, std=0.02)",
    "self.conv.weight.data.normal_(0, 0.01)",
    "self.conv.bias.data.fill_(g - 1)",
    "self.conv.weight.requires_grad = False",
    "self.conv.weight.requires_grad_(False)",
    "self.conv.reset_parameters()",
    "nn.init.xavier_uniform_(self.conv.weight)",
    "nn.init.kaiming_normal_(self.conv.weight.data, 0, *options)",
    "nn.init.orthogonal_(self.conv.weight, 1 / g)",
    "nn.init.normal_(self.conv.bias, std=float(self.conv.weight.std()))",
    "self.conv.weight.data = torch.ones(8, 8 // g, 1, 1)",
    "self.conv.bias.data.copy_(self.conv.bias * 2)",
)


@pytest.mark.parametrize(
    "code",
    [
        "if g: nn.init.xavier_uniform_(self.conv.weight)",
        "nn.init.orthogonal_(copy.copy(self.conv).weight)",
        "a = 1; nn.init.normal_(self.conv.weight)",
        "getattr(self, n + '').weight.data = k",
        "(self.conv if f() else self.conv).weight.data.copy_(k)",
        "if g: self.conv.weight.data = k",
        "self.conv.weight.data[0] = 1",
        "self.conv.weight.data *= 2",
        "self.conv.weight[0].data.fill_(1)",
        "nn.init.normal_(self.conv.weight.data[:, 1:], std=k)",
    ],
)
def test_a_weight_that_is_set_once_it_is_split(code: str) -> None:
    assert "once it is split (line 13)" in left(later(code))


@pytest.mark.parametrize("statement", INITIALISATIONS)
def test_an_initialisation(statement: str) -> None:
    """The whole has it in the constructor; what is split has no weight that can be set."""
    assert wrapped(net(statement)) == "groups=g is known only at run time"
    text = split_source(net(statement)).text
    assert text.endswith(f"        {statement}\n        self.conv = split_conv(self.conv)\n")
    assert "once it is split (line 13)" in left(later(statement))


@pytest.mark.parametrize("groups", [1, 2, 8])
@pytest.mark.parametrize("kind", ["Conv1d", "ConvTranspose2d"])
def test_a_fresh_model_is_initialised_as_the_original(groups: int, kind: str) -> None:
    torch = pytest.importorskip("torch")
    from equivalence import carried_over, run_source

    code = """
        nn.init.orthogonal_(self.conv.weight)
        nn.init.xavier_normal_(self.conv.weight.data, gain=math.sqrt(2))
        nn.init.uniform_(self.conv.bias, -1, next(iter([1])))
        """
    text = net(code).replace("Conv2d", kind).replace("8, 8, 1", "8, 16, 3").partition("from timm")
    text = text[0] + text[2].partition("\n")[2]
    states = []
    for each in (text, split_source(text).text):
        torch.manual_seed(0)
        states.append(run_source(each).Net(groups))
    expected = carried_over(states[1], states[0].state_dict())
    found = states[1].state_dict()
    assert expected.keys() == found.keys()
    for name, value in found.items():
        torch.testing.assert_close(value, expected[name])
    assert all(each.requires_grad and each.is_leaf for each in states[1].parameters())


READS = (
    "x.to(self.conv.weight.device)",
    "x = self.conv.weight.dtype",
    "x = self.conv.weight * 2",
    "x = self.conv.weight.sum()",
    "self.n = self.conv.weight.numel()",
    "x = -self.conv.weight",
    "x = self.conv.weight.shape",
    "x = self.conv.weight.abs().sum() + 1",
    "x = F.pad(self.conv.weight, [1, 1])",
    "x = torch.norm(input=self.conv.bias)",
    "x.copy_(self.conv.weight)",
    "x = len(self.conv.weight)",
    "w = self.conv.weight\nx = w + 1",
    "w = self.conv.weight\nw = w.view(-1)",
    "w, b = self.conv.weight, self.conv.bias\nx = w + b",
    "x = (self.conv.weight if g else self.conv.bias) > 0",
    "x = f'{self.conv.weight * 2}'",
    "x = (self.conv  # which?\n    .weight) * 2",
)


@pytest.mark.parametrize("code", READS)
def test_a_weight_that_is_read(code: str) -> None:
    assert wrapped(later(code)) == wrapped(net(code)) == "groups=g is known only at run time"
    assert "def weight(self):" in split_source(later(code)).text


def test_a_weight_that_is_read_has_the_values_of_the_whole() -> None:
    torch = pytest.importorskip("torch")
    from equivalence import assert_equivalent

    forward = """
        penalty = self.conv.weight.abs().sum() if self.conv.bias is None else self.conv.bias.sum()
        return self.conv(x) * penalty + self.other.weight.sum(0).mean()
        """
    text = later(forward).replace("from timm.layers import trunc_normal_\n", "")
    more = "        self.other = nn.Conv2d(8, 8, 1, groups=g, bias=False)\n\n    def forward"
    text = text.replace("\n    def forward", more, 1)
    assert_equivalent(text, lambda module: module.Net(2), torch.randn(2, 8, 3, 4))


@pytest.mark.parametrize(
    "code",
    [
        "self.tied = self.conv.weight",
        "self.tied.weight = self.conv.weight",
        "x = nn.Parameter(self.conv.weight)",
        "self.conv.weight = nn.Parameter(k)",
        "w = self.conv.weight\nw.mul_(2)",
        "w = self.conv.weight\nself.use(w)",
        "w = self.conv.weight\ndef f():\n    nonlocal w",
        "global w\nw = self.conv.weight\ndef f():\n    global w\n    w.mul_(2)",
        "self.conv.weight.data.view(-1).fill_(1)",
        "self.conv.weight.grad",
        "w = self.conv.weight.data\nw *= 2",
        "torch.mul(x, 2, out=self.conv.weight.data)",
        "torch.squeeze(self.conv.weight).mul_(2)",
        "F.relu_(self.conv.weight)",
        "F.relu(self.conv.weight, inplace=True)",
        "x = self.conv.weight is x",
        "x = self.conv.weight in x",
        "self.conv.weight += 1",
        "self.use(self.conv.weight)",
        "torch.relu_(self.conv.weight)",
        "torch.nn.utils.clip_grad_norm_(self.conv.weight, 1)",
        "nn.init.normal_(self.other, self.conv.weight)",
        "x = nn.init.normal_(self.conv.weight)",
        "x = nn.init.xavier_uniform_(self.conv.weight)",
        "xavier_uniform_(self.conv.weight)",
        "nn.init.normal_(self.get(self.conv).weight, 0), nn.init.zeros_(self.conv.bias)",
        "[self.conv.weight]",
        "f((self.conv.weight, 1))",
        "w = x = self.conv.weight",
        "self.w, b = self.conv.weight, 1",
        "(w, b), c = self.conv.weight, 1",
        "w, b = c = self.conv.weight, 1",
        "return self.conv.weight",
    ],
)
def test_a_weight_that_is_used_by_itself(code: str) -> None:
    assert "is used directly" in left(later(code))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("self.conv.stride = (2, 2)", "its stride is set (line 16)"),
        ("self.conv.padding_mode += 'x'", "its padding_mode is set"),
        ("del self.conv.groups", "its groups is set"),
        ("setattr(self.conv, 'stride', 2)", "its stride may be reached by name"),
        ("setattr(self.conv, name, 2)", "its weight may be reached by name"),
        ("getattr(self.conv, 'weight')", "its weight may be reached by name"),
        ("delattr(self.conv, 'bias')", "its bias may be reached by name"),
        ("isinstance(self.conv, nn.Conv2d)", "code asks for its class"),
        ("isinstance(self.conv, (nn.Linear, nn.Conv2d))", "code asks for its class"),
        ("KINDS = (nn.Conv2d,)\nisinstance(self.conv, KINDS)", "code asks for its class"),
        ("def f(kinds=f()): isinstance(self.conv, kinds)\nf()", "code asks for its class"),
        ("isinstance(self.conv, lambda: 1)", "code asks for its class"),
        ("type(self.conv)", "code asks for its class"),
        ("from torch.nn.modules.conv import _ConvNd\nisinstance(self.conv, _ConvNd)", "its class"),
        ("class Own(nn.Conv2d): ...\nisinstance(self.conv, Own)", "code asks for its class"),
        ("match self.conv:\n    case nn.Conv2d(): ...", "code asks for its class"),
        ("vars(self.conv)", "code asks for its class"),
        ("self.conv.__dict__['stride'] = 2", "its __dict__ is used"),
        ("self.conv.__setattr__('stride', 2)", "its __setattr__ is used"),
        ("object.__setattr__(self.conv, 'stride', 2)", "needs a convolution"),
        ("nn.Conv2d.forward(self.conv, x)", "needs a convolution"),
        ("getattr(self.conv, name)", "its weight is read by a computed name"),
        ("self.conv.register_buffer('mark', x)", "it is given more than a convolution has"),
        ("self.conv.add_module('act', nn.ReLU())", "it is given more than a convolution has"),
        ("torch.nn.utils.fusion.fuse_conv_bn_eval(self.conv, bn)", "needs a convolution"),
        ("self.conv.forward = f", "its forward is used"),
        ("self.conv.weight_g.data.fill_(1)", "its weight_g is used"),
        ("norm = nn.utils.spectral_norm\nnorm(self.conv)", "spectral_norm takes its weight"),
        (
            "norm = f if g else nn.utils.spectral_norm\nnorm(self.conv)",
            "spectral_norm may be applied",
        ),
        (
            "def f(norm=nn.utils.weight_norm): norm(self.conv)\nf()",
            "norm is applied to it (line 16) once",
        ),
        ("self.conv.register_forward_hook(lambda m, x, y: m.stride)", "a hook may look"),
        ("def f(m, x, y): m\nself.conv.register_forward_hook(f)", "a hook may look at it"),
        ("self.conv.register_forward_pre_hook(self.hook)", "a hook may look at it"),
        (
            "nn.utils.weight_norm(  # by filter\n    self.conv)",
            "weight_norm is applied to it (line 16)",
        ),
        ("len(list(self.conv.parameters()))", "code distinguishes individual parameters"),
        ("[p.norm() for p in self.conv.parameters()]", "code distinguishes individual parameters"),
        (
            "w = self.conv.weight\nnn.init.zeros_(self.conv.weight)\nx = w * 2",
            "its weight is set (line 17) once",
        ),
        ("self.conv.__class__", "its __class__ is used"),
        ("self.conv.state_dict()", "its state_dict is used"),
        ("w, b = self.conv.parameters()", "code distinguishes individual parameters"),
        ("next(self.conv.parameters())", "code distinguishes individual parameters"),
        ("self.conv.parameters()[0]", "code distinguishes individual parameters"),
        ("f(self.conv.parameters())[0]", "code distinguishes individual parameters"),
        ("nn.utils.spectral_norm(self.conv)", "spectral_norm takes its weight as a whole"),
        ("nn.utils.weight_norm(module=self.conv)", "couples its groups"),
        ("nn.utils.weight_norm(self.conv, *x)", "couples its groups"),
        ("nn.utils.weight_norm(self.conv, 'bias')", "couples its groups"),
        ("for m in self.children():\n    isinstance(m, nn.Conv2d)", "code asks for its class"),
        ("self.get_submodule('conv').weight.grad", "is used directly"),
        ("getattr(self, 'conv').weight.grad", "is used directly"),
        ("getattr(self, f'co{n}').weight.grad", "is used directly"),
        ("self._modules['conv'].weight.grad", "is used directly"),
    ],
)
def test_a_use_that_only_the_whole_can_take(code: str, words: str) -> None:
    assert words in left(later(code))


@pytest.mark.parametrize(
    "code",
    [
        "self.layers = [self.conv]\nfor m in self.layers: m.weight.grad",
        "layers = []\nlayers.append(self.conv)\nlayers[0].weight.grad",
        "d = {}\nd['k'] = self.conv\nfor k, m in d.items(): m.weight.grad",
        "d = dict(k=self.conv)\nd['k'].weight.grad",
        "a, (b, *c) = 1, (2, self.conv)\nfor m in c: m.weight.grad",
        "(c := self.conv).weight.grad",
        "c = d = self.conv\nd.weight.grad",
        "c: nn.Module = self.conv\nc.weight.grad",
        "layers = [1]\nlayers += [self.conv]\nlayers[1].weight.grad",
        "layers = [1] + [self.conv]\nlayers[1].weight.grad",
        "m = self.conv if g else None\nm.weight.grad",
        "m = None or self.conv\nm.weight.grad",
        "for i, m in enumerate([*[self.conv]]): m.weight.grad",
        "[m.weight.grad for m in (self.conv, 1)]",
        "ms = [self.conv for _ in range(2)]\nms[0].weight.grad",
        "ms = {1: self.conv}.values()\nfor m in ms: m.weight.grad",
        "net = nn.Sequential(self.conv).eval()\nnet[0].weight.grad",
        "def f(m):\n    m.weight.grad\nf(self.conv)",
        "def f(a, *ms, k=1):\n    ms[0].weight.grad\nf(1, self.conv)",
        "def f(a, *, k=1):\n    k.weight.grad\nf(1, k=self.conv)",
        "def f(**ks):\n    ks['k'].weight.grad\nf(k=self.conv)",
        "def f(a, b):\n    b.weight.grad\nf(*[1, self.conv])",
        "def f():\n    return self.conv\nf().weight.grad",
        "f = lambda: self.conv\nf().weight.grad",
        "f = [lambda: self.conv][0]\nf().weight.grad",
        "def f(): return self.conv\ng = f\ng().weight.grad",
        "def f(): return self.conv\ndef h(m=f):\n    m().weight.grad\nh()",
        "def h(a=1, m=self.conv):\n    m.weight.grad\nh()",
        "h = lambda m=self.conv: m.weight.grad\nh()",
        "self.body = nn.Sequential(OrderedDict(c=self.conv))\nself.body.c.weight.grad",
        "self.body = nn.Sequential(OrderedDict([('c', self.conv)]))\nself.body.c.weight.grad",
        "self.d = nn.ModuleDict({'q': self.conv})\nself.d.q.weight.grad",
        "for i in range(2): setattr(self, f'c{i}', self.conv)\nself.c0.weight.grad",
        "class B(nn.Sequential):\n    def __init__(self, m):\n        super().__init__(m)\n"
        "    def f(self):\n        for m in self: m.weight.grad\nB(self.conv)",
        "class B(nn.Sequential):\n    def __init__(self, m):\n        super().__init__(m)\n"
        "    def f(self):\n        self[0].weight.grad\nB(self.conv)",
        "class B(nn.ModuleList):\n    def __init__(self, m):\n        super().__init__()\n"
        "        self.append(m)\n"
        "    def f(self):\n        [m.weight.grad for m in self.children()]\nB(self.conv)",
        "class B(nn.Sequential):\n    def __init__(self, m):\n        super().__init__(m)\n"
        "b = B(self.conv)\nb[0].weight.grad",
        "class B:\n    @property\n    def c(self): return self.m\n"
        "    def __init__(self, m): self.m = m\n    def f(self): self.c.weight.grad\nB(self.conv)",
        "f = lambda: self.conv if g else f\nf().weight.grad",
        "def f():\n    yield self.conv\nfor m in f(): m.weight.grad",
        "net = nn.Sequential(self.conv)\nnet._modules['0'].weight.grad",
        "def f(k):\n    k.weight.grad\nf(**{'k': self.conv})",
        "def f(*, k):\n    k.weight.grad\nf(**{'k': self.conv})",
        "class B:\n    @staticmethod\n    def f(m):\n        m.weight.grad\nB.f(self.conv)",
        "setattr(self, 'other', self.conv)\nself.other.weight.grad",
        "self.add_module('other', self.conv)\nself.other.weight.grad",
        "copy.deepcopy(self.conv).weight.grad",
        "Block(self.conv)\nclass Block:\n    def __init__(self, m):\n        m.weight.grad",
        "class B:\n    def __init__(self, m):\n        self.m = m\n    def f(self):\n"
        "        self.m.weight.grad\nB(self.conv)",
    ],
)
def test_the_object_is_followed(code: str) -> None:
    assert "is used directly" in left(later(code))


@pytest.mark.parametrize(
    "code",
    [
        "class B(nn.Sequential):\n    def __init__(self, m):\n        super().__init__(m)\n"
        "        f(self)\n        self.out_channels = 8\nB(self.conv)",
        "class A(nn.Module, metaclass=self.conv): ...",
        "f(self.conv.eval)",
    ],
)
def test_what_is_lost_sight_of_is_refused_where_a_constructor_does_it(code: str) -> None:
    assert "it is not known what" in left(later(code))


@pytest.mark.parametrize(
    "code",
    [
        "for p in self.conv.parameters(): p.requires_grad = False",
        "self.conv.register_forward_hook(lambda m, x, y: f(y))",
        "self.conv.register_forward_hook()",
        "def f(): ...\nself.conv.register_forward_hook(f)",
        "isinstance(self.conv, Other)",
        "class B(nn.Sequential):\n    def __init__(self, m):\n        super().__init__(m)\n"
        "        self.out_channels = 8\nB(self.conv)",
        "torch.optim.SGD(self.conv.parameters())",
        "torch.optim.SGD([dict(params=self.conv.parameters())])",
        "for m in self.children():\n    if isinstance(m, nn.Module): m.to(1)",
        "d = next(self.conv.parameters()).device",
        "isinstance(self.conv, nn.Module)",
        "if isinstance(self.conv, nn.Linear): self.conv.weight.grad",
        "ms = [self.conv, x]\nfor i in range(2):\n"
        "    if isinstance(ms[i], nn.Linear): ms[i].weight.grad",
        "isinstance(self.conv, (nn.Linear, nn.ReLU))",
        "x = self.conv.stride[0] + self.conv.groups",
        "getattr(self.conv, 'stride')",
        "setattr(self.conv, 'tag', 1)",
        "self.conv.tag = 1",
        "self.conv.register_forward_hook(f)",
        "for m in self.children():\n    if isinstance(m, nn.Linear): m.weight.grad",
        "for m in self.modules():\n    if isinstance(m, nn.Conv2d): m.weight.grad",
        "self.other = nn.Linear(1, 1)\nself.other.weight.grad",
        "m = self.conv(x)\nm.weight.grad",
        "m = 1 if self.conv else 2\nm.weight.grad",
        "def f(m):\n    m.weight.grad\nf(1)",
        "f = lambda: f()\nf().weight.grad",
        "unknown = self.conv\nother.weight.grad",
        "def f(): return 1\nself.f(self.conv)",
        "self.use(self.conv)\nclass A:\n    use = 1",
        "unknown.append(self.conv)",
        "f().append(self.conv)",
        "def f(a): ...\nf(1, 2, self.conv)",
    ],
)
def test_what_a_module_in_its_place_allows(code: str) -> None:
    assert wrapped(net(code)) == "groups=g is known only at run time"
