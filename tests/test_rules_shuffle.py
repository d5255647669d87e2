"""The rule for channel shuffles."""

from __future__ import annotations

import copy
import importlib
import pickle
import re
import sys
from pathlib import Path
from textwrap import dedent, indent

import pytest

from gencode import Options, list_source, split_source
from gencode.file_split import split_path

torch = pytest.importorskip("torch")

from rules import HEAD, run, stays  # noqa: E402

SHUFFLE = Options(select=("shuffle",))
FUNCTION = """\
def channel_shuffle(x, groups):
    n, c, h, w = x.size()
    x = x.view(n, groups, c // groups, h, w)
    x = torch.transpose(x, 1, 2).contiguous()
    return x.view(n, c, h, w)


"""
APART = "    x = x.view(n, groups, c // groups, h, w)\n"
NO_CONVOLUTION = "self.expand is not known to be a convolution"
START = "y = channel_shuffle(self.reduce(x), self.groups)\n"
LAYERS = """\
self.groups = groups
self.reduce = nn.Conv2d(3, width, 1)
self.depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width)
self.bn = nn.BatchNorm2d(width)
self.side = nn.Conv2d(width, 2, 1)
self.gate = nn.Conv2d(2, width, 1)
self.gate_bn = nn.BatchNorm2d(width)
self.expand = nn.Conv2d(width, 5, 1)
self.act = nn.ReLU()
"""
FORWARD = """\
x = channel_shuffle(self.reduce(x), self.groups)
x = self.bn(self.depthwise(x))
return self.expand(x)
"""
MODULE = """\
class Shuffle(nn.Module):
    def __init__(self, groups):
        super().__init__()
        self.groups = groups

    def forward(self, x):
        n, c, h, w = x.size()
        x = x.view(n, self.groups, c // self.groups, h, w)
        return x.transpose(1, 2).reshape(n, c, h, w)


"""
WITH_MODULE = """\
x = self.shuffle(self.reduce(x))
x = self.bn(self.depthwise(x))
return self.expand(x)
"""
MENET = """\
x = self.reduce(x)
x = channel_shuffle(x, self.groups)
y = self.act(self.side(x))
x = self.bn(self.depthwise(x))
x = x * torch.sigmoid(self.gate_bn(self.gate(y)))
return self.expand(self.act(x))
"""


def net(
    forward: str = FORWARD, layers: str = LAYERS, rest: str = "", function: str = FUNCTION
) -> str:
    lines = [
        "class Net(nn.Module):",
        "    def __init__(self, width=12, groups=3):",
        "        super().__init__()",
        indent(layers, "        "),
        "    def forward(self, x):",
        indent(dedent(forward), "        "),
        rest,
    ]
    return HEAD + function + "\n".join(lines).rstrip() + "\n"


def reason(source: str) -> str:
    """Why the only shuffle stays."""
    (finding,) = stays(source, SHUFFLE)
    return re.sub(r" \(line \d+\)", "", finding.message.rpartition(": ")[2])


def assert_same(source: str, steps: int = 2) -> str:
    """The rewritten net loads the original's state and its own, and computes the same."""
    after = split_source(source, SHUFFLE).text
    assert after != source
    again = split_source(after, SHUFFLE)
    assert again.text == after
    torch.manual_seed(0)
    one = run(source).Net().double()
    for value in one.state_dict().values():
        if value.is_floating_point():
            value.uniform_(0.5, 1.5)
    x = torch.randn(2, 3, 6, 6, dtype=torch.float64)
    other = run(after).Net().double()
    other.load_state_dict(one.state_dict())
    reloaded = run(after).Net().double()
    reloaded.load_state_dict(other.state_dict())
    for training in (True, False):
        expected = given_back(one.train(training), x)
        for each in (other, reloaded, copy.deepcopy(other)):
            for a, b in zip(expected, given_back(each.train(training), x), strict=True):
                torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
    return after


def given_back(net: torch.nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    x = x.clone().requires_grad_()
    y = net(x)
    y.square().sum().backward()
    assert x.grad is not None
    return y, x.grad


# --- nothing changes: what is no shuffle ------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "    x = x.view(n, groups, c // 3, h, w)\n    return x.transpose(1, 2).reshape(n, c, h, w)",
        "    x = x.view(n, groups, c // groups, h, w)\n    return x.reshape(n, c, h, w)",
        f"{APART}    return x.transpose(1, 3).reshape(n, c, h, w)",
        "    x = x.view(n, groups, c // groups, h, w)\n    return x.transpose(1, 2)",
        "    x = x.view(n, groups, c // groups, w, h)\n"
        "    return x.transpose(1, 2).reshape(n, c, h, w)",
        "    x = x.view(n, groups, c // groups, h, w)\n    x = x.transpose(1, 2)\n"
        "    return x.reshape(n, c, w, h)",
        "    x = x.relu().view(n, groups, c // groups, h, w)\n"
        "    return x.transpose(1, 2).reshape(n, c, h, w)",
        "    if groups > 1:\n        x = x + 1\n    x = x.view(n, groups, c // groups, h, w)\n"
        "    return x.transpose(1, 2).reshape(n, c, h, w)",
        "    x = x.view(c, groups, n // groups, h, w)\n"
        "    return x.transpose(1, 2).reshape(n, c, h, w)",
        f"{APART}    return x.permute(0, 2, 1, 4, 3).reshape(n, c, h, w)",
    ],
)
def test_what_is_no_shuffle(body: str) -> None:
    function = f"def channel_shuffle(x, groups):\n    n, c, h, w = x.size()\n{body}\n\n\n"
    assert not stays(net(function=function), SHUFFLE)


@pytest.mark.parametrize(
    "head",
    [
        "@torch.jit.script\ndef channel_shuffle(x, groups):\n",
        "def channel_shuffle(x, groups, *more):\n",
    ],
)
def test_what_is_no_plain_function(head: str) -> None:
    function = FUNCTION.replace("def channel_shuffle(x, groups):\n", head)
    assert not stays(net(function=function), SHUFFLE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("groups", "groups.count"),
        ("    return x.view", "    x = x.view"),
        ("    n, c", "    a, b = groups\n    n, c"),
        ("n, c, h, w = x.size()", "n, c, *h = x.size()"),
        ("groups, c // groups", "groups[0], c // groups[0]"),
        ("    n, c", "    size = groups[2:]\n    n, c"),
        ("x.view(n, c, h", "x.view(n, c * groups, h"),
        ("torch.transpose(x, 1, 2)", "x.transpose(dim0=1, dim1=2)"),
        ("torch.transpose(x, 1, 2)", "torch.transpose(x, groups, 2)"),
        ("torch.transpose(x, 1, 2)", "x"),
        ("x.view(n, c, h, w)", "x.flatten(2)"),
        ("x.view(n, groups, c // groups, h, w)", "x.view(n, groups, c // groups, *x.shape)"),
        ("x = x.view(", "x = torch.Tensor.view(x, "),
        ("x = x.view(", "x = x.data.view("),
        ("    return x.view(n, c, h, w)", "    return x.view(n, c, h, w).data"),
        ("groups, c // groups", "groups, 4"),
        ("c // groups", "h // groups"),
        ("c // groups", "3 // groups"),
        ("groups, c // groups", "h, w"),
        ("groups, c // groups", "-1, -1"),
        ("    return", "    h = x.size(3)\n    return"),
        ("    n, c", "    x = channel_shuffle(x, groups)\n    n, c"),
    ],
)
def test_what_is_nearly_a_shuffle(old: str, new: str) -> None:
    assert old in FUNCTION
    body = FUNCTION.replace("channel_shuffle(x, groups):", "DEF").replace(old, new)
    assert not stays(net(function=body.replace("DEF", "channel_shuffle(x, groups):")), SHUFFLE)


@pytest.mark.parametrize("given", ["", ", self.groups, 1", ", self.groups, other=1", ", *self.of"])
def test_a_call_with_other_arguments(given: str) -> None:
    assert not stays(net(FORWARD.replace(", self.groups", given)), SHUFFLE)


def test_shuffles_of_a_shuffle() -> None:
    twice = (
        "def twice(x, groups):\n    x = channel_shuffle(x, groups)\n"
        "    return channel_shuffle(x, groups)\n\n\n"
    )
    findings = stays(
        net(FORWARD.replace("channel_shuffle", "twice"), "", "", FUNCTION + twice), SHUFFLE
    )
    assert {each.message.rpartition(": ")[2] for each in findings} == {
        "it stands in no method of a module"
    }


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n\n    def forward", "\n        self.groups = groups\n\n    def forward"),
        ("        self.groups = groups", "        if groups:\n            self.groups = groups"),
        ("self.groups, c // self.groups", "x.groups, c // x.groups"),
        ("forward(self, x)", "forward(self, x, y=2)"),
        ("class Shuffle(", "class Base("),
    ],
)
def test_what_is_no_module_of_a_shuffle(old: str, new: str) -> None:
    assert old in MODULE
    module = MODULE.replace(old, new) + "class Shuffle(Base):\n    pass\n\n\n" * ("Base" in new)
    layers = f"{LAYERS}self.shuffle = Shuffle(groups)\n"
    assert not stays(net(WITH_MODULE, layers, function=module), SHUFFLE)


@pytest.mark.parametrize(
    "change",
    [
        "        groups = groups + 1\n        self.groups = groups",
        "        self.groups = groups + 1",
    ],
)
def test_a_module_with_other_groups_than_it_is_given(change: str) -> None:
    module = MODULE.replace("        self.groups = groups", change)
    layers = f"{LAYERS}self.shuffle = Shuffle(groups)\n"
    why = "self.shuffle.groups is not known to be what the constructor is given"
    assert reason(net(WITH_MODULE, layers, function=module)) == why


def test_what_is_not_known() -> None:
    source = net(function="from other import channel_shuffle\n\n\n")
    assert not stays(source, SHUFFLE)
    assert not stays(net(function="channel_shuffle = nn.PixelShuffle(2)\n\n\n"), SHUFFLE)


# --- nothing changes: who reads it ------------------------------------------------------------


@pytest.mark.parametrize(
    ("forward", "why"),
    [
        (
            "return channel_shuffle(self.reduce(x), self.groups)",
            "it is returned, to what is not followed",
        ),
        (
            "x = channel_shuffle(self.act(self.reduce(x)), self.groups)\n"
            "return self.expand(self.bn(x))",
            "self.bn is a norm that follows no convolution of its own",
        ),
        (
            f"{START}return self.expand(self.bn(self.act(self.depthwise(y))))",
            "self.bn is a norm that follows no convolution of its own",
        ),
        (
            f"{START}self.kept = y\nreturn self.expand(y)",
            "what it gives is kept",
        ),
        (
            f"{START}other(y)\nreturn self.expand(y)",
            "what reads what it gives is not known",
        ),
        (
            f"{START}return self.expand(y + 1 * y)",
            "it is added, or else put together with something",
        ),
        (
            f"{START}return torch.cat([self.expand(y), y], 1)",
            "what it gives is kept",
        ),
        (
            f"{START}y = self.depthwise(y) * x\nreturn self.expand(y)",
            "what it is multiplied by is not known",
        ),
        (
            f"{START}g = self.gate(x[:, :2])\n"
            "y = self.depthwise(y) * g\nreturn self.expand(y) + g[:, :1]",
            "what it is multiplied by is read elsewhere too",
        ),
        (
            f"{START}z = self.depthwise(y)\n"
            "return self.expand(self.depthwise(y) * 2) + self.expand(z)",
            "depthwise is applied twice",
        ),
        (
            "r = self.reduce(x)\ny = channel_shuffle(r, self.groups)\n"
            "return self.expand(self.depthwise(y)) + self.expand(r)",
            "what is shuffled is read elsewhere too",
        ),
        (
            f"{START}if self.training:\n    y = self.reduce(x)\n"
            "return self.expand(self.depthwise(y))",
            "something else may be read in its place",
        ),
        (
            f"{START}return self.expand(self.depthwise(F.relu(y)))",
            "relu reads what it gives",
        ),
        (
            "y = channel_shuffle(self.reduce(x), int(x.shape[2]))\nreturn self.expand(y)",
            "int(x.shape[2]) is not known to be what the constructor is given",
        ),
        (f"{START}return x", "what reads what it gives is not known"),
        (f"{START}conv = self.depthwise\nreturn self.expand(conv(y))", "conv is no attribute"),
        (
            f"{START}return self.expand(y, [6, 6])",
            "a layer is given more than what it is applied to",
        ),
        (
            f"{START}d = self.depthwise(y)\ng = d if self.training else self.gate(x[:, :2])\n"
            "return self.expand(d * g)",
            "what it is multiplied by may be itself",
        ),
        *(
            (
                f"{START}g = {gate}\nreturn self.expand(self.depthwise(y) * g)",
                "what it is multiplied by comes of no convolution",
            )
            for gate in (
                "nn.PReLU()(self.gate(x[:, :2]))",
                "torch.softmax(self.gate(x[:, :2]), 1)",
                "self.gate(x[:, :2]).abs()",
                "torch.ones(12, 1, 1)",
            )
        ),
    ],
)
def test_readers(forward: str, why: str) -> None:
    assert reason(net(forward)) == why


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (
            "self.expand = nn.Conv2d(width, 5, 1)",
            "self.expand = nn.Conv2d(width, 12, 1, groups=2 * groups)",
            "self.expand may be depthwise",
        ),
        (
            "nn.Conv2d(width, width, 3, padding=1, groups=width)",
            "nn.Conv2d(width, width, 3, padding=1, groups=12)",
            "self.depthwise may be depthwise",
        ),
        (
            "self.bn = nn.BatchNorm2d(width)",
            "self.bn = nn.BatchNorm2d(width)\nself.last = self.bn",
            "bn is used for something else",
        ),
        (
            "self.bn = nn.BatchNorm2d(width)",
            "self.bn = nn.BatchNorm2d(width)\nnn.init.zeros_(self.bn.weight)",
            "bn is used for something else",
        ),
        (
            "self.bn = nn.BatchNorm2d(width)",
            "if groups > 1:\n    self.bn = nn.BatchNorm2d(width)",
            "bn is not set once by the constructor",
        ),
        (
            "self.bn = nn.BatchNorm2d(width)",
            "self.bn = nn.BatchNorm2d(width)\nself.names = ['bn.weight']",
            "bn is spoken of by its name",
        ),
        (
            "self.bn = nn.BatchNorm2d(width)",
            "self.bn = nn.BatchNorm2d(width)  # gencode: skip",
            "skip",
        ),
        (
            "self.bn = nn.BatchNorm2d(width)",
            "norm = nn.BatchNorm2d(width)\nself.bn = norm",
            "bn is not built where it is set",
        ),
        ("nn.Conv2d(width, 5, 1)", "nn.PReLU(width)", NO_CONVOLUTION),
        ("nn.Conv2d(width, 5, 1)", "nn.LazyConv2d(5, 1)", NO_CONVOLUTION),
        ("nn.Conv2d(width, 5, 1)", "nn.Conv2d(*(width, 5, 1))", NO_CONVOLUTION),
        ("nn.Conv2d(width, 5, 1)", "(lambda i: nn.Conv2d(i, 5, 1))(width)", NO_CONVOLUTION),
        (
            "nn.Conv2d(width, 5, 1)",
            "[nn.Conv2d(width, 12, 1, groups=groups) for groups in (6,)][0]",
            NO_CONVOLUTION,
        ),
        (
            "nn.Conv2d(width, 5, 1)",
            "nn.Conv2d(width, 12, 1, groups=int(groups))",
            "self.expand may be depthwise",
        ),
        (
            "self.bn = nn.BatchNorm2d(width)",
            "self.bn = nn.BatchNorm2d(width)\nself.add_module('bn', nn.ReLU())",
            "bn is spoken of by its name",
        ),
        (
            "self.groups = groups",
            "self.groups = -groups",
            "self.groups is not known to be what the constructor is given",
        ),
        (
            "self.groups = groups",
            "self.groups = groups\nself.groups = 2",
            "self.groups is not known to be what the constructor is given",
        ),
        (
            "self.groups = groups",
            "groups = groups + 1\nself.groups = groups",
            "self.groups is not known to be what the constructor is given",
        ),
    ],
)
def test_layers(old: str, new: str, why: str) -> None:
    assert old in LAYERS
    assert reason(net(layers=LAYERS.replace(old, new))) == why


@pytest.mark.parametrize("kind", ["Conv2d(2, width, 1, groups=2)", "ConvTranspose2d(2, width, 1)"])
def test_a_gate_of_no_plain_convolution(kind: str) -> None:
    layers = LAYERS.replace("Conv2d(2, width, 1)", kind)
    forward = f"{START}return self.expand(self.depthwise(y) * self.gate(x[:, :2]))"
    why = "what it is multiplied by comes of no plain convolution"
    assert reason(net(forward, layers)) == why


def test_channels_that_are_not_known() -> None:
    layers = LAYERS.replace("nn.Conv2d(width, 5", "nn.Conv2d(int(width), 5")
    why = "the number of channels is not known when it is built"
    assert reason(net(f"{START}return self.expand(y)", layers)) == why


def test_a_module_with_two_constructors() -> None:
    # The one that sets the groups is not the one that is called.
    second = "    def __init__(self, groups):\n        super().__init__()\n\n    def forward"
    module = MODULE.replace("    def forward", second)
    layers = f"{LAYERS}self.shuffle = Shuffle(groups)\n"
    why = "self.shuffle.groups is not known to be what the constructor is given"
    assert reason(net(WITH_MODULE, layers, function=module)) == why


def test_a_function_that_splits_what_it_builds() -> None:
    split = CONV.replace(CALL, f"split_conv({CALL})")
    head = "from split_groups import split_conv\n\n\n"
    layers = LAYERS.replace("nn.Conv2d(width, 5, 1)", "conv(width, 6)")
    after = split_source(net(layers=layers, function=head + split + FUNCTION), SHUFFLE).text
    assert "self.expand(x[:, self.order])" in after
    layer = split.replace("    return", "    layer = 1\n    return").replace(CALL, "layer")
    deep = split.replace(CALL, "conv(i, o)")
    for function in (layer, deep):
        stays(net(layers=layers, function=head + function + FUNCTION), SHUFFLE)


CONV = "def conv(i, o, groups=1):\n    return nn.Conv2d(i, o, 1, groups=groups)\n\n\n"
CALL = "nn.Conv2d(i, o, 1, groups=groups)"
CONV_OF = "def conv_of(i, o):\n    return conv(i, o)\n\n\n"


@pytest.mark.parametrize("call", ["conv(width, 6)", "conv(width, 6, groups)", "conv_of(width, 6)"])
def test_a_function_that_builds_a_convolution(call: str) -> None:
    layers = LAYERS.replace("nn.Conv2d(width, 5, 1)", call)
    assert "self.expand(x[:, self.order])" in assert_same(
        net(layers=layers, function=CONV + CONV_OF + FUNCTION)
    )


@pytest.mark.parametrize(
    ("function", "call", "why"),
    [
        (
            # ``groups`` is one number where the layer is built, and another one in the constructor.
            "def conv(i, groups):\n    return nn.Conv2d(i, 12, 1, groups=groups)\n\n\n",
            "conv(width, 2 * groups)",
            "self.expand may be depthwise",
        ),
        (
            "G = 12\n\n\n" + CONV.replace("groups=groups", "groups=G"),
            "conv(width, 12)",
            "self.expand may be depthwise",
        ),
        (CONV.replace("    return", "    i = i * 1\n    return"), "conv(width, 6)", NO_CONVOLUTION),
        (CONV.replace(CALL, "nn.Linear(i, o)"), "conv(width, 6)", NO_CONVOLUTION),
        (CONV.replace("groups=1)", "*rest, groups=1)"), "conv(width, 6)", NO_CONVOLUTION),
        (
            CONV
            + CONV_OF
            + "".join(
                CONV_OF.replace("conv(", f"conv_{i}(").replace("conv_of", f"conv_{i + 1}")
                for i in range(5)
            ).replace("conv_0", "conv_of"),
            "conv_5(width, 6)",
            NO_CONVOLUTION,
        ),
    ],
)
def test_a_function_of_which_it_is_not_known(function: str, call: str, why: str) -> None:
    layers = LAYERS.replace("nn.Conv2d(width, 5, 1)", call)
    assert reason(net(layers=layers, function=function + FUNCTION)) == why


def test_what_another_method_uses() -> None:
    rest = "\n    def fuse(self):\n        return self.depthwise.weight\n"
    assert reason(net(rest=rest)) == "depthwise is used for something else"


def test_the_layers_of_another_class_do_not_matter() -> None:
    other = "class Other(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    other += "        self.bn = nn.BatchNorm2d(2)\n\n"
    other += "    def forward(self, x):\n        return self.bn(x)\n"
    assert_same(f"{net()}\n\n{other}")


# --- what becomes of what ---------------------------------------------------------------------


def test_an_index_in_its_place() -> None:
    before = net("x = self.reduce(x)\nx = channel_shuffle(x, self.groups)\nreturn self.expand(x)")
    after = split_source(before, SHUFFLE).text
    assert "        x = x[:, self.order]\n        return self.expand(x)\n" in after
    assert "        self.order = shuffled(width, groups)\n" in after
    assert "BeforeShuffle" not in after
    assert_same(before)


def test_two_readers() -> None:
    after = assert_same(net(MENET))
    assert "self.side(x[:, self.order])" in after
    assert "self.expand(self.act(x)[:, self.order])" in after
    assert "channel_shuffle(x, self.groups)" not in after


@pytest.mark.parametrize(
    "body",
    [
        "    n, c, h, w = x.shape\n    x = x.reshape(n, groups, -1, h, w)\n"
        "    return x.permute(0, 2, 1, 3, 4).flatten(1, 2)",
        "    n, c, h, w = x.data.size()\n    size = c // groups\n"
        "    x = x.view(n, groups, size, h, w)\n"
        "    x = x.transpose(1, 2).contiguous()\n    return x.view(n, -1, h, w)",
        "    assert x.shape[1] % groups == 0\n    n, c, h, w = x.size()\n"
        "    size = int(c / groups)\n"
        "    x = x.view((n, groups, size, h, w))\n    x = torch.transpose(x, 2, 1)\n"
        "    return x.reshape(n, groups * size, h, w)",
        "    n, c, h, w = x.size()\n    x = x.view(n, c // groups, groups, h, w)\n"
        "    return x.transpose(1, 2).reshape(n, c, h, w)",
        "    n = x.size(0)\n    c = x.size(1)\n"
        "    x = x.view(n, groups, c // groups, *x.shape[2:])\n"
        "    return torch.flatten(x.transpose(1, 2), 1, 2)",
        "    return F.channel_shuffle(x, groups)",
        "    n, c, h, w = x.size()\n    x = x.view(n, 3, c // 3, h, w)\n"
        "    return x.transpose(1, 2).reshape(n, c, h, w)",
        "    n = x.size()[0]\n    c = x.shape[1]\n    h, w = x.shape[2:]\n"
        "    x = x.view(n, groups, c // groups, h, w)\n"
        "    return x.transpose(1, 2).reshape(n, -1, h, w)",
    ],
)
def test_other_spellings(body: str) -> None:
    assert_same(net(function=f'def channel_shuffle(x, groups):\n    """Shuffle."""\n{body}\n\n\n'))


@pytest.mark.parametrize(
    "rest",
    [
        "d = self.depthwise(y)\nreturn self.expand(d * d)",
        "return self.expand(torch.relu(self.depthwise(y)))",
        "return self.expand(torch.mul(self.depthwise(y), self.gate(x[:, :2])))",
        "return self.expand(self.depthwise(y).mul(self.gate(x[:, :2])))",
        "return self.expand(self.depthwise(y) * 2)",
        "d = self.depthwise(y)\ne = d if self.training else self.act(d)\n"
        "return self.expand(self.act(e))",
        "return self.expand(self.depthwise(y) * self.act(self.gate(x[:, :2])))",
        "assert y.shape[1] == y.size(1)\nreturn self.expand(self.depthwise(y))",
    ],
)
def test_other_readers(rest: str) -> None:
    assert "BeforeShuffle(self.depthwise, self.order)" in assert_same(net(START + rest))


@pytest.mark.parametrize(
    "other",
    [
        "more = nn.Sequential()\nmore.add_module('bn', nn.ReLU())\n",
        "self.more = nn.Sequential(OrderedDict([('bn', nn.ReLU())]))\n",
    ],
)
def test_the_name_of_a_layer_of_another_module(other: str) -> None:
    assert_same(
        net(layers=LAYERS + other, function="from collections import OrderedDict\n\n\n" + FUNCTION)
    )


def test_groups_by_many_steps() -> None:
    steps = ["a0 = groups * 1", *(f"a{i + 1} = a{i} * 1" for i in range(7)), "self.groups = a7"]
    assert_same(net(layers=LAYERS.replace("self.groups = groups", "\n".join(steps))))
    steps = ["self.a0 = groups", *(f"self.a{i + 1} = self.a{i}" for i in range(7))]
    layers = LAYERS.replace("self.groups = groups", "\n".join((*steps, "self.groups = self.a7")))
    assert reason(net(layers=layers)) == (
        "self.groups is not known to be what the constructor is given"
    )


def test_a_sum_that_is_shuffled() -> None:
    layers = LAYERS.replace("nn.Conv2d(width, 5", "nn.Conv2d(3, 5")
    forward = "return self.expand(channel_shuffle(x + 1, groups=self.groups))"
    assert "self.expand((x + 1)[:, self.order])" in assert_same(net(forward, layers))


def test_what_is_shuffled_in_a_call() -> None:
    forward = "return self.expand(self.depthwise(channel_shuffle(self.reduce(x), self.groups)))"
    after = assert_same(net(forward))
    assert "self.expand(self.depthwise(self.reduce(x))[:, self.order])" in after


@pytest.mark.parametrize("lengths", ["self.groups, c // self.groups", "3, c // 3"])
def test_a_module_with_its_own_steps(lengths: str) -> None:
    module = MODULE.replace("self.groups, c // self.groups", lengths).replace(
        "groups)", "groups=3)", 1
    )
    layers = f"{LAYERS}self.shuffle = Shuffle()\n"
    assert "shuffled(width, 3)" in assert_same(net(WITH_MODULE, layers, function=module))


def write(folder: Path, **files: str) -> Path:
    """A project of some files, and where ``net.py`` is."""
    (folder / "pyproject.toml").touch()
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder / "net.py"


def test_a_function_of_another_file(tmp_path: Path) -> None:
    text = net(function="from ops import channel_shuffle\n\n\n")
    path = write(tmp_path, net=text, ops=HEAD + FUNCTION)
    result = split_path(path, SHUFFLE).result
    assert "x = self.reduce(x)" in result.text
    assert "self.expand(x[:, self.order])" in result.text


def test_another_file_that_may_use_a_layer(tmp_path: Path) -> None:
    other = "from net import Net\n\nprint(Net().bn)\n"
    result = split_path(write(tmp_path, net=net(), use=other), SHUFFLE).result
    assert result.text == net()
    (finding,) = result.findings
    assert finding.message.endswith("use.py may use bn")


def test_a_module() -> None:
    module = (
        FUNCTION + "class Shuffle(nn.Module):\n    def __init__(self, channels, groups):\n"
        "        super().__init__()\n        self.groups = groups\n\n"
        "    def forward(self, x):\n        return channel_shuffle(x, self.groups)\n\n\n"
    )
    layers = f"{LAYERS}self.shuffle = Shuffle(width, groups=groups)\n"
    after = assert_same(
        net(
            MENET.replace("channel_shuffle(x, self.groups)", "self.shuffle(x)"),
            layers,
            function=module,
        )
    )
    assert "self.order = shuffled(width, groups)" in after


def test_the_module_of_torch() -> None:
    layers = f"{LAYERS}self.shuffle = nn.ChannelShuffle(groups)\n"
    forward = WITH_MODULE
    after = assert_same(net(forward, layers, function=""))
    assert "self.order = shuffled(width, groups)" in after


def test_two_in_a_class() -> None:
    layers = f"{LAYERS}self.other = nn.Conv2d(5, 4, 1)\n"
    forward = FORWARD.replace("return self.expand(x)", "") + (
        "x = self.expand(x)\nx = self.reduce(x[:, :3])\nreturn self.side(channel_shuffle(x, 2))"
    )
    with_two = net(
        forward,
        layers,
    )
    after = assert_same(with_two)
    assert "self.order_2 = shuffled(width, 2)" in after
    assert after.count("def shuffled(") == 1


@pytest.mark.parametrize("groups", [1, 2, 3, 4, 6, 12])
def test_groups(groups: int) -> None:
    assert_same(net().replace("groups=3", f"groups={groups}"))


def test_a_convolution_with_as_many_groups() -> None:
    layers = LAYERS.replace("nn.Conv2d(width, 5, 1)", "nn.Conv2d(width, 6, 1, groups=groups)")
    assert_same(net(layers=layers))


def test_groups_of_two_cases() -> None:
    layers = LAYERS.replace("nn.Conv2d(width, 5, 1)", "nn.Conv2d(width, 6, 1, groups=groups)")
    layers = layers.replace("self.groups = groups", "g = 1 if width == 24 else groups")
    layers += "self.shuffle = nn.ChannelShuffle(g)\n"
    forward = WITH_MODULE
    assert "shuffled(width, g)" in assert_same(net(forward, layers))
    other = net(forward, layers.replace("= 1 if", "= 2 if"))
    assert reason(other) == "self.expand may be depthwise"


def test_partitions_that_complement_each_other() -> None:
    layers = (
        "self.groups = groups\nwide = groups * width\nself.reduce = nn.Conv2d(3, wide, 1)\n"
        "self.expand = nn.Conv2d(wide, wide, 1, groups=width)\n"
    )
    after = assert_same(
        net("return self.expand(channel_shuffle(self.reduce(x), self.groups))", layers)
    )
    assert "shuffled(wide, groups)" in after


def test_a_checkpoint_of_another_width_does_not_load() -> None:
    after = run(split_source(net(), SHUFFLE).text)
    with pytest.raises(RuntimeError, match="size mismatch"):
        after.Net(6).load_state_dict(run(net()).Net(12).state_dict())


def test_it_is_built_with_the_weights_of_the_original() -> None:
    results = []
    for text in (net(), split_source(net(), SHUFFLE).text):
        torch.manual_seed(0)
        made = run(text).Net().eval()
        results.append(made(torch.ones(1, 3, 5, 5)))
    torch.testing.assert_close(*results)


def test_it_can_be_pickled(monkeypatch: pytest.MonkeyPatch) -> None:
    module = run(split_source(net(), SHUFFLE).text)
    monkeypatch.setitem(sys.modules, "model", module)
    made = module.Net().eval()
    x = torch.randn(1, 3, 5, 5)
    assert torch.equal(pickle.loads(pickle.dumps(made))(x), made(x))


@pytest.mark.parametrize("take", [torch.fx.symbolic_trace, torch.jit.script])
def test_it_can_be_traced_and_scripted(take, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "shuffled_net.py").write_text(split_source(net(MENET), SHUFFLE).text)
    monkeypatch.syspath_prepend(tmp_path)
    made = importlib.import_module("shuffled_net").Net().eval()
    monkeypatch.delitem(sys.modules, "shuffled_net")
    x = torch.randn(1, 3, 5, 5)
    assert torch.equal(take(made)(x), made(x))


def test_the_split_of_grouped_convolutions_goes_with_it() -> None:
    layers = LAYERS.replace("nn.Conv2d(width, 5, 1)", "nn.Conv2d(width, 6, 1, groups=groups)")
    at_once = split_source(net(layers=layers), Options(target="plinio")).text
    assert "split_conv(" in at_once
    assert "self.expand(x[:, self.order])" in at_once
    first = split_source(net(layers=layers)).text
    assert "self.expand(x[:, self.order])" in split_source(first, Options(target="plinio")).text


def test_what_is_listed() -> None:
    (found,) = list_source(net(), SHUFFLE).findings
    assert found.message.endswith(
        "-> [:, self.order] behind depthwise, bn, whose weights are put in that order"
    )


def test_nothing_is_said_of_the_function_itself() -> None:
    plinio = Options(target="plinio")
    assert {each.code for each in list_source(net(), plinio).findings} == {"shuffle"}
    layers = f"{LAYERS}self.shuffle = Shuffle(groups)\n"
    held = net(WITH_MODULE, layers, function=MODULE)
    assert {each.code for each in list_source(held, plinio).findings} == {"shuffle"}
    listed = net(
        WITH_MODULE,
        layers.replace("Shuffle(groups)", "nn.Sequential(Shuffle(groups))"),
        function=MODULE,
    )
    codes = {each.code for each in list_source(listed, plinio).findings}
    assert codes == {"shape-reads", "unsupported"}


def test_comments_stay() -> None:
    forward = FORWARD.replace("x = self.bn", "# depthwise\nx = self.bn").replace(
        "return", "# wide\nreturn"
    )
    after = assert_same(net(forward))
    assert "# depthwise" in after
    assert "# wide" in after
