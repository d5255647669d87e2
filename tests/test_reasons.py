"""What is not done with a convolution is no reason to leave it: it is done with another object."""

from __future__ import annotations

from textwrap import dedent
from types import ModuleType

import pytest

from cases import assert_wrapped, left, wrapped
from gencode import split_source

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from equivalence import assert_equivalent  # noqa: E402

TOP = """\
import copy
from collections import OrderedDict
import torch
from torch import nn
from torch.nn.utils import spectral_norm, weight_norm
from torch.nn.utils.parametrizations import weight_norm as normalised
from torch.nn.utils.parametrize import is_parametrized, remove_parametrizations
from torch.nn.utils import prune


"""
NET = (
    TOP
    + """\
class Net(nn.Module):
    def __init__(self, g):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 1, groups=g)

    def forward(self, x):
        return self.conv(x)


"""
)
RUN_TIME = "groups=g is known only at run time"


@pytest.mark.parametrize(
    "other",
    [
        "class Other(nn.Sequential):\n"
        "    def __init__(self, conv_type, g):\n"
        "        super().__init__()\n"
        "        self.in_channels = 8\n"
        "        conv = conv_type(8, 8, kernel_size=3, groups=g)\n"
        "        self.add_module('conv', conv)\n",
        "class Other(nn.Sequential):\n"
        "    def __init__(self, name):\n"
        "        super().__init__()\n"
        "        conv = nn.Conv2d(8, 8, 3, groups=2)\n"
        "        self.__setattr__(name, conv)\n",
    ],
)
def test_an_attribute_of_what_holds_it(other: str) -> None:
    (record,) = split_source(TOP + other).records
    assert record.is_split


@pytest.mark.parametrize(
    "code",
    [
        "m = Plain().conv\nspectral_norm(m)",
        "m = weight_norm(Plain().conv, dim=1)",
        "for m in [Plain().conv]: m.weight.grad",
        "for m in nn.ModuleList([nn.Linear(8, 8)]): spectral_norm(m)",
    ],
)
def test_what_is_done_with_the_convolution_of_another_class(code: str) -> None:
    plain = "class Plain(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    source = f"{NET}{plain}        self.conv = nn.Conv2d(8, 8, 1)\n\n\n{code}\n"
    assert wrapped(source) == RUN_TIME


@pytest.mark.parametrize(
    "code",
    [
        "m = Net(2).conv\nspectral_norm(m)",
        "def walk(m):\n    spectral_norm(m)\nwalk(Net(2).conv)",
        "def walk(m):\n    for each in m.modules(): spectral_norm(each)\nwalk(Net(2))",
        "def walk(m):\n    spectral_norm(m)",
        "def walk(m):\n    m.apply(spectral_norm)",
        "m = copy.copy(Net(2).conv)\nm.weight.grad",
        "m = copy.deepcopy(copy.copy(Net(2).conv))\nm.weight.grad",
    ],
)
def test_what_may_be_done_with_it(code: str) -> None:
    assert left(NET + code + "\n") if "apply" not in code else split_source(NET + code).text


@pytest.mark.parametrize(
    "code",
    [
        "def weight_of(m): return m.weight if is_parametrized(m) else m.weight.data",
        "def clean(m): remove_parametrizations(m, 'weight')",
        "def clean(m):\n    for each in m.modules():\n        if prune.is_pruned(each):\n"
        "            prune.remove(each, 'weight')",
    ],
)
def test_what_asks_for_a_parametrization_or_takes_it_away(code: str) -> None:
    assert wrapped(NET + code + "\n") == RUN_TIME


NORMALISED = (
    NET.replace("groups=g)\n", "groups=g)\n        self.conv = normalised(self.conv)\n")
    + "    def clean(self):\n        "
)


def test_what_takes_a_parametrization_away_outside_of_every_forward() -> None:
    text = NORMALISED.rstrip("\n ").replace("\n\n\n    def clean", "\n\n    def clean")
    result = assert_wrapped(
        f"{text}\n        self.conv = remove_parametrizations(self.conv, 'weight')\n"
    )
    (warning,) = result.warnings
    assert "remove_parametrizations needs its parametrization (line 21)" in warning.message


def test_what_asks_whether_it_is_parametrized_where_it_is() -> None:
    text = NORMALISED.rstrip("\n ").replace("\n\n\n    def clean", "\n\n    def clean")
    reason = left(f"{text}\n        return is_parametrized(self.conv)\n")
    assert reason == "its parametrization is asked for (line 21)"


@pytest.mark.parametrize(
    "test",
    [
        "type(m) is nn.BatchNorm2d",
        "type(m) == nn.BatchNorm2d and m.affine",
        "type(m) in (nn.BatchNorm2d, nn.Linear) and m.bias is not None",
        "isinstance(m, nn.BatchNorm2d) and m.affine",
        "isinstance(m, (nn.BatchNorm2d, nn.Linear))",
        "m is not None and isinstance(m, Marked)",
        "not (not isinstance(m, Marked))",
    ],
)
def test_a_class_that_a_convolution_never_is(test: str) -> None:
    code = (
        "class Marked(nn.BatchNorm2d): pass\n\n\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, g):\n"
        "        super().__init__()\n"
        "        layers = OrderedDict()\n"
        "        layers['conv'] = nn.Conv2d(8, 8, 1, groups=g)\n"
        "        layers['norm'] = nn.BatchNorm2d(8)\n"
        "        layers['marked'] = Marked(8)\n"
        "        self.layers = nn.Sequential(layers)\n\n"
        "    def forward(self, x):\n"
        "        return self.layers(x)\n\n"
        "    def init(self):\n"
        "        for m in self.layers:\n"
        f"            if {test}:\n"
        "                m.weight.data[:] = 1.0\n"
    )
    result = split_source(TOP + code)
    assert [each.is_split for each in result.records] == [True]
    said = [each.message for each in result.warnings if "raise" in each.message]
    assert said == []


@pytest.mark.parametrize(
    "test",
    [
        "type(m) is nn.Conv2d",
        "type(m) in (nn.BatchNorm2d, nn.Conv2d)",
        "type(m) is type(m)",
        "type(m) is kind",
        "print(type(m))",
        "type(m) is Own",
    ],
)
def test_a_class_that_it_may_be(test: str) -> None:
    code = "class Own(nn.Conv2d): pass\n\n\ndef init(kind):\n    m = Net(2).conv\n    return "
    assert "code asks for its class" in left(NET + code + test + "\n")


UNKNOWN_CALLERS = """\
def normalise(m):
    return spectral_norm(m)


def of_all(held):
    for each in held.parts:
        normalise(each)


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = normalise(nn.Linear(8, 8))
"""


def test_a_function_not_all_of_whose_callers_are_followed() -> None:
    assert "it may be given another parametrization" in left(NET + UNKNOWN_CALLERS)


def test_a_variable_that_nothing_is_known_of(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "norm = spectral_norm if Net else copy.copy\nnorm(Net(2).conv)\n"
    assert "spectral_norm may be applied" in left(NET + code)
    monkeypatch.setattr("gencode.facts.interpretation._BUDGET", 5)
    assert "there is too much in this file" in left(NET + code)


BRANCHES = """\
def made(m, n):
    if isinstance(m, nn.Conv2d):
        new = nn.Conv2d(m.in_channels, n, 1, groups=m.groups)
        nn.init.normal_(new.weight, std=0.5)
        new.weight.data[:1] = 3.0
        return new
    elif isinstance(m, nn.Linear):
        new = nn.Linear(m.in_features, n)
        nn.init.normal_(new.weight)
        return new
    raise TypeError(m)
"""


def test_branches_that_use_one_variable() -> None:
    result = assert_wrapped(TOP + BRANCHES)
    assert "        return split_conv(new)\n    elif" in result.text
    assert not result.warnings

    def build(module: ModuleType) -> nn.Module:
        torch.manual_seed(1)
        made = module.made(nn.Conv2d(8, 8, 1, groups=4), 16)
        assert isinstance(made, nn.Module)
        return made

    assert_equivalent(TOP + BRANCHES, build, torch.randn(2, 8, 3, 3))


@pytest.mark.parametrize(
    "statement",
    [
        "new.weight.grad = None",
        "new.weight[0].zero_().sum()",
        "weights.append(new.weight)",
        "nn.init.normal_(*new.weight)",
    ],
)
def test_what_follows_in_the_function_that_builds_it(statement: str) -> None:
    """It would raise whenever it is run, and nobody could build one."""
    code = f"def made(g, weights):\n    new = nn.Conv2d(8, 8, 1, groups=g)\n    {statement}\n"
    assert "weight is used directly" in left(TOP + code + "    return new, 1\n")


LOADING = (
    TOP
    + """\
class Net(nn.Module):
    def __init__(self, state, g):
        super().__init__()
        if g > 1:
            self.conv = nn.Conv2d(8, 8, 1, groups=g, bias=False)
        else:
            self.conv = nn.Identity()
        if g > 1:
            self.conv.load_state_dict({"weight": state})

    def forward(self, x):
        return self.conv(x)
"""
)


def test_a_state_dict_of_the_original_that_is_loaded() -> None:
    state = torch.randn(8, 2, 1, 1)
    assert wrapped(LOADING) == RUN_TIME
    assert_equivalent(LOADING, lambda module: module.Net(state, 4), torch.randn(2, 8, 3, 3))


INITIALISED = (
    TOP
    + """\
class Net(nn.Module):
    def __init__(self, mode, g):
        super().__init__()
        if mode == "wide":
            self.conv = nn.Conv2d(8, 16, 1, groups=g)
        elif mode == "deep":
            self.conv = nn.Sequential(nn.Conv2d(8, 8, 1, groups=g), nn.Conv2d(8, 16, 1))
        {statement}

    def forward(self, x):
        return self.conv(x)
"""
)


@pytest.mark.parametrize(
    "statement",
    [
        "nn.init.kaiming_normal_(self.conv.weight)",
        "self.scale = self.conv.weight.std() if g > 1 else 1",
        "self.scale = [self.conv.weight.std() for _ in range(g)]",
        "self.conv.weight.data *= 2",
        "first = self.conv.weight.shape[0] > 1 and g",
    ],
)
def test_an_attribute_that_is_surely_there_as_it_is_read(statement: str) -> None:
    text = INITIALISED.format(statement=statement)
    result = split_source(text)
    assert [each.is_split for each in result.records] == [True, True]
    is_sure = "if g" not in statement and " for _" not in statement
    assert ("self.conv = split_conv(self.conv)\n\n    def forward" in result.text) == is_sure

    def build(module: ModuleType) -> nn.Module:
        torch.manual_seed(1)
        made = module.Net("wide", 4)
        assert isinstance(made, nn.Module)
        return made

    assert_equivalent(text, build, torch.randn(2, 8, 3, 3))


@pytest.mark.parametrize(
    "statement",
    [
        "if g: nn.init.kaiming_normal_(self.conv.weight)",
        "g > 1 and nn.init.zeros_(self.conv.weight)",
        "[nn.init.zeros_(self.conv.weight) for _ in range(g - 1)]",
        "g > 1 < len(nn.init.zeros_(self.conv.weight))",
    ],
)
def test_an_attribute_that_may_not_be_there(statement: str) -> None:
    (first, _) = split_source(INITIALISED.format(statement=statement)).records
    assert "is set" in first.detail or "is used directly" in first.detail


BLOCKS = """\
class Block(nn.Module):
    def __init__(self, n, g):
        super().__init__()
        self.layers = nn.Sequential(
            *[nn.Sequential(nn.Conv1d(n, n, 1, groups=g), {layers}) for _ in range(2)]
        )

    def forward(self, x):
        return self.layers(x)
"""


@pytest.mark.parametrize(
    "layers",
    ["nn.BatchNorm1d(n), nn.GELU()", "Transpose(), nn.LayerNorm(n), Transpose()", "nn.ReLU()"],
)
def test_no_norm_stays_in_what_holds_the_blocks(layers: str) -> None:
    forward = "    def forward(self, x):\n        return x.transpose(1, 2)\n\n\n"
    transpose = "class Transpose(nn.Module):\n" + forward
    text = TOP + transpose + BLOCKS.format(layers=layers)
    result = split_source(text)
    assert [each.note for each in result.records] == [RUN_TIME]
    assert_equivalent(text, lambda module: module.Block(8, 2), torch.randn(2, 8, 5))


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (["y = self.conv(x)", "z = torch.nn.functional.normalize(y)", "return z, y"], ""),
        (["y = self.conv(x)", "z = torch.norm(y)", "return z, y"], ""),
        (
            ["x = self.conv(x)", "if self.training:", "    x = self.drop(x)", "return self.bn(x)"],
            "self.bn stays after the concatenation: what it takes has another use too (line 16)",
        ),
        (
            ["y = self.conv(x)", "x = self.drop(y)", "return x, self.bn(y)"],
            "self.bn stays after the concatenation: what it takes has another use too (line 15)",
        ),
        (
            ["x = self.conv(x)", "return nn.functional.instance_norm(x)"],
            "nn.functional.instance_norm stays behind the concatenation of Net.conv",
        ),
    ],
)
def test_what_is_a_norm_and_why_it_stays(statements: list[str], said: str) -> None:
    code = (
        "class Net(nn.Module):\n    def __init__(self, g):\n        super().__init__()\n"
        "        self.conv = nn.Conv2d(8, 8, 1, groups=g)\n        self.drop = nn.Dropout(0.5)\n"
        "        self.bn = nn.BatchNorm2d(8)\n\n    def forward(self, x):\n"
    )
    top = "import torch\nfrom torch import nn\n\n\n"
    text = top + code + "".join(f"        {each}\n" for each in statements)
    result = split_source(text)
    found = [*(each.note for each in result.records), *(each.message for each in result.warnings)]
    assert any(said in each for each in found) and ("stays" in "".join(found)) is bool(said)


NETS = {
    "a method of the Sequential itself": """
        class Net(nn.Sequential):
            def __init__(self, g, name="conv"):
                super().__init__()
                self.in_channels = 8
                conv = nn.Conv2d(8, 8, 1, groups=g)
                self.__setattr__(name, conv)
    """,
    "the class of a norm is asked for": """
        class Net(nn.Module):
            def __init__(self, g):
                super().__init__()
                layers = OrderedDict(conv=nn.Conv2d(8, 8, 1, groups=g), act=nn.ReLU())
                layers["norm"] = nn.BatchNorm2d(8)
                self.layers = nn.Sequential(nn.Sequential(layers))
                for block in self.layers:
                    for layer in block:
                        if type(layer) is nn.BatchNorm2d and layer.affine:
                            layer.weight.data[:] = 0.5

            def forward(self, x):
                return self.layers(x)
    """,
    "the weight norm of another": """
        class Other(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = nn.Conv2d(8, 8, 1)

        class Net(nn.Module):
            def __init__(self, g):
                super().__init__()
                self.conv = nn.Conv2d(8, 8, 1, groups=g)
                layer = Other()
                self.other = normalised(layer.conv, name="weight")

            def forward(self, x):
                return self.conv(x) + self.other(x)
    """,
    "its own weight norm, and what takes it away": """
        class Net(nn.Module):
            def __init__(self, g):
                super().__init__()
                self.conv = normalised(nn.Conv2d(8, 8, 1, groups=g))

            def forward(self, x):
                return self.conv(x)

            def clean(self):
                for each in self.children():
                    remove_parametrizations(each, "weight")
    """,
}


@pytest.mark.parametrize("name", NETS)
def test_what_is_split_computes_the_same(name: str) -> None:
    def build(module: ModuleType) -> nn.Module:
        torch.manual_seed(1)
        made = module.Net(4)
        assert isinstance(made, nn.Module)
        return made

    result = assert_equivalent(TOP + dedent(NETS[name]), build, torch.randn(2, 8, 3, 3))
    assert any(each.is_split for each in result.records)
