"""Norms that are built, kept, or named in unusual ways: what is computed stays the same."""

from __future__ import annotations

import pytest

from cases import model
from gencode import Options, split_source
from gencode.outcome import Style

torch = pytest.importorskip("torch")

from equivalence import assert_equivalent  # noqa: E402

CONV = "self.conv = nn.Conv1d(8, 8, 3, groups=2)\n"
BN = "self.bn = nn.BatchNorm1d(8)\n"
CALL = "return self.bn(self.conv(x))"
TOP = """
flag = bool(torch.ones(1))
g = int(torch.tensor(2))
def make(groups=1, **kwargs):
    return nn.Conv1d(8, 8, 3, groups=groups, **kwargs)
def other(groups=1):
    groups = groups * 1
    return nn.Conv1d(8, 8, 3, groups=groups)
def wrap(module):
    return module
def keep(module):
    return None
def init_(module):
    return None
def above(module):
    super().run(module)
layers = [nn.Conv1d(8, 8, 3, groups=g), nn.BatchNorm1d(8)]
NET = nn.Sequential(*layers)
"""
FORMS = {
    "one or the other": (CONV + "self.bn = flag and nn.BatchNorm1d(8) or nn.Identity()", CALL),
    "neither is one": (CONV + "self.bn = nn.ReLU() if flag else nn.Identity()", CALL),
    "a name for it": (CONV + "bn = nn.BatchNorm1d(8)\nself.bn = bn", CALL),
    "an unknown name": (CONV + "for bn in [nn.BatchNorm1d(8)]:\n    self.bn = bn", CALL),
    "under a with": ("with torch.no_grad():\n    " + CONV.strip() + "\n" + BN, CALL),
    "in both branches": (
        f"if flag:\n    {CONV.strip()}\nelse:\n    {CONV.replace('2)', '4)').strip()}\n{BN}",
        CALL,
    ),
    "each with its own": (
        f"if flag:\n    {CONV.strip()}\n    {BN.strip()}\nelse:\n"
        f"    self.conv = nn.Conv1d(8, 8, 1)\n    {BN.strip()}",
        CALL,
    ),
    "replaced later": (CONV + BN + "if not flag:\n    self.conv = nn.Conv1d(8, 8, 3)", CALL),
    "replaced before": ("self.conv = nn.Conv1d(8, 8, 3)\n" + CONV + BN, CALL),
    "built under different conditions": (
        f"if flag:\n    {BN.strip()}\n{CONV}if not flag:\n    {BN.strip()}",
        CALL,
    ),
    "named in a list": (CONV + BN + "self.names = ['conv', 'bn']", CALL),
    "named by a keyword": (CONV + BN + "self.config = dict(name='bn')", CALL),
    "named for a comparison": (CONV + BN + "self.is_bn = str(flag) == 'bn'", CALL),
    "named in a sum": (CONV + BN + "self.label = 'b' + 'n' + str(flag)\nself.l = 'bn'", CALL),
    "with a computed name": (CONV + BN + "setattr(self, f'b{str(flag)[:0]}n', self.bn)", CALL),
    "handed on": (CONV + BN + "self.kept = [].append(self.bn)\nprint(self.bn)", CALL),
    "tested": (CONV + BN, "if self.conv and self.bn:\n    x = x * 2\n" + CALL),
    "without statistics, by keyword": (
        CONV + "self.bn = nn.BatchNorm1d(8, track_running_stats=flag)",
        CALL,
    ),
    "by options": (CONV + "options = {'eps': 0.1}\nself.bn = nn.BatchNorm1d(8, **options)", CALL),
    "by an option that is drawn": (
        CONV + "self.bn = nn.BatchNorm1d(8, eps=float(torch.ones(1)))",
        CALL,
    ),
    "as one of two": (CONV + "self.bn, self.act = nn.BatchNorm1d(8), nn.ReLU()", CALL),
    "under an if on one line": (
        CONV + BN,
        "x = self.conv(x)\nif x.shape: x = x + 0\nx = self.conv.__call__ and self.bn(x)\nreturn x",
    ),
    "an if on one line": (
        CONV + BN + "self.on = True",
        "x = self.conv(x)\nif self.on: x = self.bn(x)\nreturn x",
    ),
    "not directly": (CONV + BN, "y = self.conv(x)\nx = x + 1\nreturn self.bn(y)"),
    "handed more": (CONV + "self.norm = lambda a, b=0: a + b", "return self.norm(self.conv(x), 1)"),
    "in lists": (
        "self.convs = nn.ModuleList([make(g)])\nself.bns = nn.ModuleList([nn.BatchNorm1d(8)])",
        "for conv, bn in zip(self.convs, self.bns):\n    x = conv(x)\n    x = bn(x)\nreturn x",
    ),
    "behind stars": ("self.conv = make(*[g])\n" + BN, CALL),
    "behind double stars": ("self.conv = make(**dict(groups=g))\n" + BN, CALL),
    "of a factory without groups": (
        "self.conv = make(g)\nself.plain = make()\nself.bn = nn.BatchNorm1d(8)\n"
        "self.norm = nn.BatchNorm1d(8)",
        "return self.bn(self.conv(self.norm(self.plain(x))))",
    ),
    "spread in an nn.Sequential": (
        "layers = [make(g)]\nself.net = nn.Sequential(*[*layers, nn.BatchNorm1d(8)])",
        "return self.net(x)",
    ),
    "by next": (
        "layers = iter([make(g), nn.BatchNorm1d(8)])\n"
        "self.net = nn.Sequential(next(layers), next(layers))",
        "return self.net(x)",
    ),
    "named by a format": (
        "self.net = nn.Sequential()\nself.net.add_module('{}'.format('c'), make(g))\n"
        "self.net.add_module(str(1), nn.BatchNorm1d(8))",
        "return self.net(x)",
    ),
    "yielded": (
        "def layers():\n    yield make(g)\n    yield nn.BatchNorm1d(8)\n"
        "self.net = nn.Sequential(*layers())",
        "return self.net(x)",
    ),
    "under an if, in a loop style": (
        "self.conv = nn.Conv1d(8, 16, 3, groups=g)\nself.bn = nn.BatchNorm1d(16)\nself.on = True",
        "x = self.conv(x)\nif self.on:\n    x = self.bn(x)\nreturn x",
    ),
    "in an nn.Sequential of the module": ("self.net = NET", "return self.net(x)"),
    "named by strings in a list": (
        "from collections import OrderedDict\n"
        "self.net = nn.Sequential(OrderedDict([(str(0), make(g)),"
        " ('{}'.format(1), nn.BatchNorm1d(8))]))",
        "return self.net(x)",
    ),
    "a variable of a loop": (
        "for bn in [nn.BatchNorm1d(8)]:\n    self.net = nn.Sequential(make(g), bn)",
        "return self.net(x)",
    ),
    "taken by next": (CONV + BN + "self.first = next(iter([self.conv]))", CALL),
    "a function that is kept": ("self.maker = make\nself.conv = make(g)\n" + BN, CALL),
    "a function around it": (CONV + "self.bn = wrap(nn.BatchNorm1d(8))", CALL),
    "kept by a function": (CONV + BN + "keep(self.bn)", CALL),
    "initialised": (CONV + BN + "init_(self.conv)", CALL),
    "of another value of groups": ("self.conv = other(g)\n" + BN, CALL),
    "handed to what calls super": (CONV + BN + "if not flag:\n    above(self.conv)", CALL),
    "by a loop": (CONV + "for self.bn in [nn.BatchNorm1d(8)]:\n    pass", CALL),
    "a convolution by a loop": (CONV + "for self.conv in [self.conv]:\n    pass\n" + BN, CALL),
    "built twice before": (BN + "if flag:\n    self.bn = nn.BatchNorm1d(8)\n" + CONV, CALL),
    "beside a dict": (
        "other = {}\nother['a'] = 1\nlayers = [make(g)]\nlayers.append(nn.BatchNorm1d(8))\n"
        "self.net = nn.Sequential(*layers)",
        "return self.net(x)",
    ),
    "named by an f-string": (
        "from collections import OrderedDict\n"
        "self.net = nn.Sequential(OrderedDict([(f'c{g}', make(g)),"
        " ('n' + str(g), nn.BatchNorm1d(8))]))",
        "return self.net(x)",
    ),
    "kept in a list as well": (
        "layer = make(g)\nself.net = nn.Sequential(layer, nn.BatchNorm1d(8))\n"
        "self.first = next(iter([layer]))",
        "return self.net(x)",
    ),
    "a block that is kept": (
        "def block():\n"
        "    return nn.Sequential(nn.Conv1d(8, 8, 3, groups=g), nn.BatchNorm1d(8))\n"
        "self.maker = block\nself.net = block()",
        "return self.net(x)",
    ),
    "given again by a loop": (CONV + BN + "for self.bn in [self.bn]:\n    pass", CALL),
    "a convolution given again by a loop": (
        CONV + "for self.conv in nn.ModuleList([nn.Conv1d(8, 8, 3, groups=4)]):\n    pass\n" + BN,
        CALL,
    ),
    "of an item": (CONV + BN, "return self.bn(self.conv(x[:]))"),
    "a norm before, in a loop style": (
        "self.bn = nn.BatchNorm1d(16)\nself.conv = nn.Conv1d(8, 16, 3, groups=g)",
        CALL,
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_is_computed(form: str) -> None:
    init, forward = FORMS[form]
    source = model(init, forward, top=TOP)
    styles: dict[str, Style] = {}
    for style in ("auto", "loop", "built"):
        styles.setdefault(split_source(source, Options(style=style)).text, style)
    for style in styles.values():
        x = torch.randn(4, 8, 9)
        assert_equivalent(source, lambda module: module.Net(), x, options=Options(style=style))


@pytest.mark.parametrize("form", ["a mixin's", "of a block elsewhere"])
def test_other_classes(form: str) -> None:
    top = """
    class Base(nn.Module):
        def forward(self, x):
            return self.bn(self.conv(x))

    class Block(Base):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv1d(8, 8, 3, groups=2)
            self.bn = nn.BatchNorm1d(8)

    class Late(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv1d(8, 8, 1, groups=2)
            self.later()

        def later(self):
            self.on = True
            self.bn = nn.BatchNorm1d(8)

        def forward(self, x):
            return self.bn(self.conv(x))

    class Given(nn.Module):
        def __init__(self, layer):
            super().__init__()
            self.layer = layer

        def forward(self, x):
            return self.layer(x)

    class Giving(Given):
        def __init__(self):
            super().__init__(nn.Conv1d(8, 8, 1, groups=2))

    class Held(nn.Sequential):
        def __init__(self, *layers):
            super().__init__(*layers)
    """
    init = "self.late = nn.Sequential(Late(), Giving())\nself.block = Block()\n"
    init += "self.held = Held(nn.Conv1d(8, 8, 1, groups=2), nn.BatchNorm1d(8))"
    forward = "return self.held(self.late(self.block(x)))"
    if form == "of a block elsewhere":
        forward = "x = self.block.bn(self.block.conv(x))\nreturn self.held(x)"
    source = model(init, forward, top=top)
    assert_equivalent(source, lambda module: module.Net(), torch.randn(4, 8, 9))


def test_a_norm_that_torch_refuses() -> None:
    source = model(CONV + "self.bn = nn.BatchNorm1d(eps=0.1)", CALL)
    (record,) = split_source(source).records
    assert "num_features of self.bn after it are not known" in record.note
