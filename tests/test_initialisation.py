"""Warnings where a fresh model would start from another scale than the original."""

from __future__ import annotations

from textwrap import dedent, indent

import pytest

from cases import CONV, model
from gencode import Options, split_source

BY_FAN_OUT = "by fan_out makes weights sqrt(groups) times as large"


ROOT = "which makes weights sqrt(groups) times as large"
APPLIED = "def init(self):\n    self.apply(Net.f)\n@staticmethod\ndef f(m):\n"


def messages(code: str) -> list[str]:
    """The warnings for an initialiser, and where they point, of a model that is split."""
    text = model(CONV) + "\n" + indent(dedent(code).strip(), " " * 4) + "\n"
    result = split_source(text)
    assert [record.is_split for record in result.records] == [True]
    lines = text.splitlines()
    return [
        f"{lines[each.line - 1][each.column - 1 :].partition('(')[0]}: "
        + each.message.partition(":")[0]
        for each in result.warnings
    ]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            "nn.init.kaiming_normal_(m.weight, mode='fan_out', nonlinearity='relu')",
            f"nn.init.kaiming_normal_: kaiming_normal_ {BY_FAN_OUT}",
        ),
        (
            "nn.init.kaiming_uniform_(m.weight, 0, 'fan_out')",
            f"nn.init.kaiming_uniform_: kaiming_uniform_ {BY_FAN_OUT}",
        ),
        (
            "nn.init.kaiming_normal_(m.weight, **options)",
            f"nn.init.kaiming_normal_: kaiming_normal_ {BY_FAN_OUT}",
        ),
        (
            "nn.init.xavier_uniform_(m.weight)",
            "nn.init.xavier_uniform_: xavier_uniform_ depends on all filters of a convolution,"
            " which makes weights up to sqrt(groups) times as large",
        ),
        (
            "nn.init.orthogonal_(m.weight)",
            "nn.init.orthogonal_: orthogonal_ depends on all filters of a convolution",
        ),
        (
            "fan_in, fan_out = nn.init._calculate_fan_in_and_fan_out(m.weight)",
            "nn.init._calculate_fan_in_and_fan_out: _calculate_fan_in_and_fan_out depends on the"
            " number of groups",
        ),
        (
            "n = m.kernel_size[0] * m.out_channels\n        m.weight.data.normal_(0, 2 / n)",
            "m.out_channels\n        : out_channels of a part is that of one group",
        ),
        (
            "n = m.out_channels * 9\n        m.weight.data.normal_(0, (2 / n) ** 0.5)",
            f"m.out_channels\n        : out_channels of a part is that of one group, {ROOT}",
        ),
        (
            "m.weight.data = torch.randn(2) * math.sqrt(2. / m.out_channels)",
            f"m.out_channels): out_channels of a part is that of one group, {ROOT}",
        ),
        (
            "m.weight.data.copy_(torch.randn(2) * sqrt(1 / m.in_channels))",
            f"m.in_channels)): in_channels of a part is that of one group, {ROOT}",
        ),
        (
            "nn.init.kaiming_normal(m.weight, mode='fan_out')",
            f"nn.init.kaiming_normal: kaiming_normal {BY_FAN_OUT}",
        ),
        (
            "m.weight.data.normal_(0, 1 / m.weight.size(0))",
            "m.weight.size: the size of a part's weight is that of one group",
        ),
        (
            "if m.groups > 1: m.weight.data.zero_()",
            "m.groups > 1: m.weight.data.zero_: the groups of a part are 1",
        ),
        (
            "m.weight.data.div_(m.weight.data.norm())",
            "m.weight.data.norm: the norm of a part's weight is that of one group",
        ),
    ],
)
@pytest.mark.parametrize(
    "loop",
    [
        "def init(self):\n    for m in self.modules():\n        {}",
        "def init(self):\n    for n, m in self.named_modules():\n"
        "      if isinstance(m, (nn.Conv2d, nn.Linear)):\n        {}",
        f"{APPLIED}    if m.__class__.__name__.find('Conv') != -1:\n        {{}}",
        f"{APPLIED}    if type(m) is nn.Conv2d:\n        {{}}",
        f"{APPLIED}    if not isinstance(m, nn.Conv2d):\n        return\n    if 1:\n        {{}}",
        f"{APPLIED}    if isinstance(m, nn.Linear):\n        pass\n"
        "    elif isinstance(m, nn.modules.conv._ConvNd):\n        {}",
        "def init(self, how):\n    for m in self.modules():\n      if how == 'a':\n        {}",
        "def f(self, m):\n    if hasattr(m, 'weight'):\n        {}\n"
        "def init(self):\n    self.apply(self.f)",
        "@staticmethod\ndef f(m, x=1):\n        {}\n"
        "def init(self):\n    from functools import partial\n    self.apply(partial(Net.f, x=2))",
        "def f(self, m):\n        {}\ndef init(self):\n    for m in self.modules():\n"
        "        if isinstance(m, nn.Conv2d):\n            self.f(m=m)",
        "def f(self, m):\n    for each in m.children():\n        self.f(each)\n"
        "    if isinstance(m, nn.Conv2d):\n        {}\ndef init(self):\n    self.f(self)",
        "def f(self, m):\n        {}\n        self.g(m)\ndef g(self, m):\n    self.f(m)\n"
        "def init(self):\n    for m in self.modules():\n        self.g(m)",
    ],
)
def test_what_differs(loop: str, statement: str, message: str) -> None:
    said = messages(loop.format(statement))
    (found,) = (each for each in said if "what each module has is asked for" not in each)
    assert found.split() == message.split() or found.startswith(message.split("\n")[0])


@pytest.mark.parametrize(
    "code",
    [
        "def init(self):\n    for m in self.modules():\n        nn.init.kaiming_normal_(m.weight)",
        "def init(self):\n    for m in self.modules():\n"
        "        nn.init.kaiming_normal_(m.weight, mode='fan_in')",
        "def init(self):\n    for m in self.modules():\n        nn.init.normal_(m.weight, 0, 1)",
        "def init(self):\n    for m in self.modules():\n        if isinstance(m, nn.Linear):\n"
        "            nn.init.xavier_uniform_(m.weight)",
        "def init(self):\n    for m in self.modules():\n        if isinstance(m, nn.Conv2d):\n"
        "            pass\n        else:\n            nn.init.normal_(m.weight)",
        "def init(self):\n    for m in self.modules():\n        if isinstance(m, nn.Linear):\n"
        "            pass\n        elif isinstance(m, nn.BatchNorm2d):\n"
        "            nn.init.xavier_uniform_(m.weight)",
        # The branches have as much fan_out as one group of the whole.
        "def init(self):\n    for m in self.modules():\n        if isinstance(m, nn.Conv2d):\n"
        "            n = m.kernel_size[0] * m.out_channels // m.groups\n"
        "            m.weight.data.normal_(0, 2 / n)",
        "def init(self, fc):\n    nn.init.xavier_uniform_(fc.weight)\n"
        "def other(self):\n    self.init(self.fc)",
        "def init(self, fc):\n    nn.init.xavier_uniform_(fc.weight)\n"
        "def other(self, fc):\n    self.init(fc)",
        "def size(self, m):\n    return m.out_channels",
        "def init(self):\n    nn.init.xavier_uniform_(self.fc.weight)",
        "def init(m):\n    nn.init.xavier_uniform_(m)",
        "my_uniform_(x)\nself.out_channels = 1",
    ],
)
def test_what_is_the_same(code: str) -> None:
    assert messages(code) == []


LOOP = """
for m in self.modules():
    if isinstance(m, nn.Conv2d):
        n = m.kernel_size[0] * m.out_channels
        m.weight.data.normal_(0, 2 / n)
"""


def test_the_groups_of_something_else_do_not_divide() -> None:
    init = "self.groups = groups\nself.conv = nn.Conv2d(64, 64, 3, groups=groups)"
    method = f"    def init(self):\n{indent(LOOP.strip(), ' ' * 8)}\n"
    (warning,) = split_source(f"{model(init)}\n{method}").warnings
    assert warning.message.startswith("out_channels of a part is that of one group: ")


def test_what_is_initialised_before_it_is_split_is_initialised_as_in_the_original() -> None:
    result = split_source(model(f"self.conv = nn.Conv2d(64, 64, 3, groups=groups)\n{LOOP}"))
    assert [each.is_split for each in result.records] == [True]
    assert result.warnings == ()


FAN_OUT = 'nn.init.kaiming_normal_({}, mode="fan_out")'
OWNER = f"""
def by_module(m, mode="fan_out"):
    nn.init.kaiming_normal_(m.weight, mode=mode)

def by_weight(w):
    {FAN_OUT.format("w")}

def all_of(net):
    for m in net.modules():
        if isinstance(m, nn.Conv2d):
            {FAN_OUT.format("m.weight")}

class Bottleneck(nn.Module):
    def __init__(self, groups=2):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, groups=groups)

    def forward(self, x):
        return self.conv(x)

class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = Bottleneck()

    def start(self):
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                {FAN_OUT.format("m.weight")}
"""


@pytest.mark.parametrize(
    ("init", "initialiser"),
    [
        (f"for m in self.modules():\n    {FAN_OUT.format('m.weight')}", "m.weight"),
        (f"for p in self.parameters():\n    {FAN_OUT.format('p')}", "p"),
        (f"for _, p in self.named_parameters():\n    {FAN_OUT.format('p')}", "p"),
        (f"self.apply(lambda m: {FAN_OUT.format('m.weight')})", "m.weight"),
        (
            f"self.apply(lambda m: {FAN_OUT.format('m.weight')} if type(m) is nn.Conv2d else m)",
            "m.weight",
        ),
        ("for m in self.modules():\n    by_module(m)", "m.weight, mode=mode"),
        ("self.apply(by_module)", "m.weight, mode=mode"),
        ("for m in self.modules():\n    if type(m) is nn.Conv2d: by_weight(m.weight)", "w"),
        ("for m in self.modules():\n    by_weight(m.weight.data)", "w"),
        ("all_of(self)", "m.weight"),
        ("self.start()", "m.weight"),
    ],
)
def test_an_outer_constructor_that_initialises(init: str, initialiser: str) -> None:
    """It sees the parts: the place and the factor are said, be it in a base class or a function."""
    text = model(init, "return self.body(x)", OWNER).replace("Net(nn.Module)", "Net(Base)")
    result = split_source(text)
    assert [each.is_split for each in result.records] == [True]
    found = [each for each in result.warnings if BY_FAN_OUT in each.message]
    lines = [text.splitlines()[each.line - 1] for each in found]
    assert any(f"kaiming_normal_({initialiser}" in each for each in lines)


def test_an_outer_constructor_that_takes_the_children_one_by_one() -> None:
    init = f"for m in self.body.children():\n    {FAN_OUT.format('m.weight')}"
    text = model(init, "return self.body(x)", OWNER).replace("Net(nn.Module)", "Net(Base)")
    (record,) = split_source(text).records
    assert "its weight is set" in record.detail


def test_a_subclass_of_the_class_whose_constructor_initialises() -> None:
    base = "class Base(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    base += f"        self.build()\n        for m in self.modules():\n            {FAN_OUT}\n"
    text = model("pass", "return self.conv(x)", base.format("m.weight"))
    text = text.replace("Net(nn.Module)", "Net(Base)")
    text += "\n    def build(self):\n        self.conv = nn.Conv2d(8, 8, 3, groups=2)\n"
    (warning,) = split_source(text, Options(style="built")).warnings
    assert BY_FAN_OUT in warning.message


def test_a_fresh_model_starts_as_said() -> None:
    """The factor is right: a part has the fan_out of one group."""
    torch = pytest.importorskip("torch")
    weights = [torch.empty(64, 16, 3, 3), torch.empty(16, 16, 3, 3)]
    for each in weights:
        torch.manual_seed(0)
        torch.nn.init.kaiming_normal_(each, mode="fan_out")
    assert weights[1].std() / weights[0].std() == pytest.approx(4**0.5, rel=0.05)


def test_a_loop_of_the_module() -> None:
    (warning,) = split_source(
        model(CONV) + "\nfor m in Net().modules():\n    nn.init.orthogonal_(m.weight)\n"
    ).warnings
    assert warning.message.startswith("orthogonal_ depends on all filters of a convolution: ")


def test_no_warning_where_nothing_is_split() -> None:
    text = model(
        "self.conv = nn.LazyConv2d(8, 1, groups=2)\n"
        "for m in self.modules(): nn.init.xavier_uniform_(m.weight)"
    )
    assert split_source(text).warnings == ()
