"""What is done with a convolution besides calling it: carried over, allowed, or a reason."""

from __future__ import annotations

from textwrap import dedent, indent

import pytest

from cases import left, wrapped
from gencode import split_source

TOP = """\
import copy
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


def carried(code: str) -> str:
    """What becomes of statements that are about a convolution that is split."""
    result = split_source(net(code))
    assert [record.style for record in result.records] == ["module"]
    assert split_source(result.text).text is result.text
    return dedent(result.text.split("self.conv = split_groups(nn.Conv2d(8, 8, 1, groups=g))\n")[1])


@pytest.mark.parametrize(
    "statement",
    [
        "nn.init.normal_(conv.weight, std=0.01)",
        "nn.init.normal_(conv.weight.data, 0.0, 0.02)",
        "nn.init.constant_(conv.bias, 0)",
        "nn.init.kaiming_normal_(conv.weight)",
        'nn.init.kaiming_uniform_(conv.weight, a=1, mode="fan_in")',
        "torch.nn.init.zeros_(conv.bias)",
        "trunc_normal_(conv.weight, std=0.02)",
        "conv.weight.data.normal_(0, 0.01)",
        "conv.bias.data.zero_()",
        "conv.bias.data.fill_(g - 1)",
        "conv.weight.requires_grad = False",
        "conv.reset_parameters()",
    ],
)
def test_a_statement_is_repeated_for_each_part(statement: str) -> None:
    expected = f"for conv in parts_of(self.conv):\n    {statement}\n"
    assert carried(statement.replace("conv.", "self.conv.", 1)) == expected


def test_a_loop_variable_of_its_own() -> None:
    assert carried("conv = part = 1\nnn.init.zeros_(self.conv.bias)  # none") == (
        "conv = part = 1\nfor conv_2 in parts_of(self.conv):\n"
        "    nn.init.zeros_(conv_2.bias)  # none\n"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("if self.conv.bias is not None: ...", "if parts_of(self.conv)[0].bias is not None: ..."),
        ("x.to(self.conv.weight.device)", "x.to(parts_of(self.conv)[0].weight.device)"),
        ("x = self.conv.weight.dtype", "x = parts_of(self.conv)[0].weight.dtype"),
        ("x = self.conv.weight * 2", 'x = whole(self.conv, "weight") * 2'),
        ("x = -self.conv.weight", 'x = -whole(self.conv, "weight")'),
        ("x = self.conv.weight.shape", 'x = whole(self.conv, "weight").shape'),
        ("x = self.conv.weight.abs().sum() + 1", 'x = whole(self.conv, "weight").abs().sum() + 1'),
        ("x = F.pad(self.conv.weight, [1, 1])", 'x = F.pad(whole(self.conv, "weight"), [1, 1])'),
        ("x = torch.norm(input=self.conv.bias)", 'x = torch.norm(input=whole(self.conv, "bias"))'),
        ("x.copy_(self.conv.weight)", 'x.copy_(whole(self.conv, "weight"))'),
        ("x = len(self.conv.weight)", 'x = len(whole(self.conv, "weight"))'),
        ("w = self.conv.weight\nx = w + 1", 'w = whole(self.conv, "weight")\nx = w + 1'),
        ("w = self.conv.weight\nw = w.view(-1)", 'w = whole(self.conv, "weight")\nw = w.view(-1)'),
        (
            "w, b = self.conv.weight, self.conv.bias\nx = w + b",
            'w, b = whole(self.conv, "weight"), whole(self.conv, "bias")\nx = w + b',
        ),
        (
            "x = (self.conv.weight if g else self.conv.bias) > 0",
            'x = (whole(self.conv, "weight") if g else whole(self.conv, "bias")) > 0',
        ),
        (
            "self.conv.weight.data = k",
            'for part, value in parts_with(self.conv, "weight", k):\n    part.weight.data = value',
        ),
        (
            "self.conv.bias.copy_(k + 1)",
            'for part, value in parts_with(self.conv, "bias", k + 1):\n    part.bias.copy_(value)',
        ),
        (
            "self.conv.bias.data.copy_(self.conv.bias * 2)",
            'for part, value in parts_with(self.conv, "bias", whole(self.conv, "bias") * 2):\n'
            "    part.bias.data.copy_(value)",
        ),
    ],
)
def test_what_reads_or_gives_a_weight(before: str, after: str) -> None:
    assert carried(before) == f"{after}\n"


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
        "self.conv.weight.data[0] = 1",
        "self.conv.weight.grad",
        "self.conv.weight += 1",
        "self.conv.weight.data *= 2",
        "self.use(self.conv.weight)",
        "torch.relu_(self.conv.weight)",
        "torch.nn.utils.clip_grad_norm_(self.conv.weight, 1)",
        "nn.init.normal_(self.other, self.conv.weight)",
        "nn.init.kaiming_normal_(self.conv.weight, mode='fan_out')",
        "nn.init.kaiming_normal_(self.conv.weight, 0, mode)",
        "nn.init.kaiming_normal_(self.conv.weight, **options)",
        "nn.init.xavier_uniform_(self.conv.weight)",
        "nn.init.orthogonal_(self.conv.weight)",
        "nn.init.normal_(self.conv.weight, std=f())",
        "x = nn.init.normal_(self.conv.weight)",
        "if g: nn.init.normal_(self.conv.weight)",
        "a = 1; nn.init.normal_(self.conv.weight)",
        "nn.init.normal_(self.get(self.conv).weight, 0), nn.init.zeros_(self.conv.bias)",
        "[self.conv.weight]",
        "f((self.conv.weight, 1))",
        "w = x = self.conv.weight",
        "self.w, b = self.conv.weight, 1",
        "(w, b), c = self.conv.weight, 1",
        "w, b = c = self.conv.weight, 1",
        "getattr(self, n + '').weight.data = k",
        "(self.conv if f() else self.conv).weight.data.copy_(k)",
        "if g: self.conv.weight.data = k",
        "copy.copy(self.conv).weight.data = k",
        "return self.conv.weight",
    ],
)
def test_a_weight_that_is_used_by_itself(code: str) -> None:
    assert "is used by itself" in left(net(code)) or "several" in left(net(code))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("self.conv.stride = (2, 2)", "its stride is set (line 12)"),
        ("self.conv.padding_mode += 'x'", "its padding_mode is set"),
        ("del self.conv.groups", "its groups is set"),
        ("setattr(self.conv, 'stride', 2)", "its stride may be reached by name"),
        ("setattr(self.conv, name, 2)", "its weight may be reached by name"),
        ("getattr(self.conv, 'weight')", "its weight may be reached by name"),
        ("hasattr(self.conv, 'bias')", "its bias may be reached by name"),
        ("isinstance(self.conv, nn.Conv2d)", "its class is asked for"),
        ("isinstance(self.conv, (nn.Linear, nn.Conv2d))", "its class is asked for"),
        ("KINDS = (nn.Conv2d,)\nisinstance(self.conv, KINDS)", "its class is asked for"),
        ("type(self.conv)", "its class is asked for"),
        ("self.conv.__class__", "its __class__ is used"),
        ("self.conv.state_dict()", "its state_dict is used"),
        ("w, b = self.conv.parameters()", "its parameters are told apart"),
        ("next(self.conv.parameters())", "its parameters are told apart"),
        ("self.conv.parameters()[0]", "its parameters are told apart"),
        ("f(self.conv.parameters())[0]", "going through all modules"),
        ("nn.utils.spectral_norm(self.conv)", "spectral_norm takes its weight as a whole"),
        ("nn.utils.weight_norm(module=self.conv)", "couples its groups"),
        ("nn.utils.weight_norm(self.conv, *x)", "couples its groups"),
        ("nn.utils.weight_norm(self.conv, 'bias')", "couples its groups"),
        ("for m in self.children():\n    isinstance(m, nn.Conv2d)", "its class is asked for"),
        ("self.get_submodule('conv').weight.grad", "is used by itself"),
        ("getattr(self, 'conv').weight.grad", "is used by itself"),
        ("getattr(self, f'co{n}').weight.grad", "is used by itself"),
        ("vars(self)['_modules']['conv'].weight.grad", "is used by itself"),
        ("self._modules['conv'].weight.grad", "is used by itself"),
    ],
)
def test_a_use_that_cannot_be_carried_over(code: str, words: str) -> None:
    assert words in left(net(code))


@pytest.mark.parametrize(
    "code",
    [
        "self.layers = [self.conv]\nfor m in self.layers: m.weight.grad",
        "layers = []\nlayers.append(self.conv)\nlayers[0].weight.grad",
        "d = {}\nd['k'] = self.conv\nfor k, m in d.items(): m.weight.grad",
        "d = dict(k=self.conv)\nd['k'].weight.grad",
        "a, (b, *c) = 1, (2, self.conv)\nc.weight.grad",
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
        "ms = {1: self.conv}.values()\nms.weight.grad",
        "net = nn.Sequential(self.conv).eval()\nnet[0].weight.grad",
        "def f(m):\n    m.weight.grad\nf(self.conv)",
        "def f(a, *ms, k=1):\n    ms[0].weight.grad\nf(1, self.conv)",
        "def f(a, *, k=1):\n    k.weight.grad\nf(1, k=self.conv)",
        "def f(**ks):\n    ks['k'].weight.grad\nf(k=self.conv)",
        "def f(a, b):\n    b.weight.grad\nf(*[1, self.conv])",
        "def f():\n    return self.conv\nf().weight.grad",
        "def f():\n    yield self.conv\nfor m in f(): m.weight.grad",
        "f = lambda: self.conv\nf().weight.grad",
        "f = [lambda: self.conv][0]\nf().weight.grad",
        "f = lambda: self.conv if g else f\nf().weight.grad",
        "net = nn.Sequential(self.conv)\nnet._modules['0'].weight.grad",
        "def f(k):\n    k.weight.grad\nf(**{'k': self.conv})",
        "def f(*, k):\n    k.weight.grad\nf(**{'k': self.conv})",
        "class B:\n    @staticmethod\n    def f(m):\n        m.weight.grad\nB.f(self.conv)",
        "setattr(self, 'other', self.conv)\nself.other.weight.grad",
        "self.add_module('other', self.conv)\nself.other.weight.grad",
        "copy.deepcopy(self.conv).weight.grad",
        "self.use(self.conv)\ndef f(): ...\nclass A:\n    def use(self, m): m.weight.grad",
        "Block(self.conv)\nclass Block:\n    def __init__(self, m):\n        m.weight.grad",
        "class B:\n    def __init__(self, m):\n        self.m = m\n    def f(self):\n"
        "        self.m.weight.grad\nB(self.conv)",
    ],
)
def test_the_object_is_followed(code: str) -> None:
    assert "is used by itself" in left(net(code))


@pytest.mark.parametrize(
    "code",
    [
        "for p in self.conv.parameters(): p.requires_grad = False",
        "torch.optim.SGD(self.conv.parameters())",
        "torch.optim.SGD([dict(params=self.conv.parameters())])",
        "for m in self.children():\n    if isinstance(m, nn.Module): m.to(1)",
        "d = next(self.conv.parameters()).device",
        "isinstance(self.conv, nn.Module)",
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
        "class A(nn.Module, metaclass=self.conv): ...",
        "unknown = self.conv\nother.weight.grad",
        "def f(): return 1\nself.f(self.conv)",
        "self.use(self.conv)\nclass A:\n    use = 1",
        "f(self.conv.eval)",
        "unknown.append(self.conv)",
        "f().append(self.conv)",
        "def f(a): ...\nf(1, 2, self.conv)",
    ],
)
def test_what_a_module_in_its_place_allows(code: str) -> None:
    assert wrapped(net(code)) == "groups=g is known only at run time"
