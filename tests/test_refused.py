"""What is no reason to leave a convolution: it is split, and computes the same."""

from __future__ import annotations

import pytest

from cases import assert_unchanged
from gencode import split_source

torch = pytest.importorskip("torch")

from equivalence import assert_equivalent, assert_same_models, run_source  # noqa: E402

HEAD = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n\n\n"


def statuses(source: str) -> list[str]:
    return [each.status for each in split_source(source).records]


def assert_same_after(source: str, use: str) -> None:
    """Models compute the same, also once some code has run on both."""
    result = split_source(source)
    original, split = run_source(source), run_source(result.text)
    models = [module.Net(4).double() for module in (original, split)]
    x = torch.randn(2, 8, 5, 5, dtype=torch.double)
    assert_same_models(*models, x)
    for module, model in zip((original, split), models, strict=True):
        exec(use, {**vars(module), "net": model.eval()})
    torch.testing.assert_close(models[1](x), models[0](x))


# --- what is done to what holds a convolution, or to another one ------------------------------

HELD = """
class Block(nn.Sequential):
    def __init__(self, channels, groups):
        super().__init__()
        self.{name} = channels
        {build}
        {add}


class Net(nn.Module):
    def __init__(self, groups=4):
        super().__init__()
        self.block = Block(8, groups)
        {more}

    def forward(self, x):
        return self.block(x)
"""


@pytest.mark.parametrize("name", ["in_channels", "stride", "padding", "groups"])
@pytest.mark.parametrize(
    "add",
    [
        "self.add_module('conv', conv)",
        "for name, each in dict(conv=conv).items():\n            self.add_module(name, each)",
        "setattr(self, 'conv', conv)",
    ],
)
def test_an_attribute_of_the_container(name: str, add: str) -> None:
    build = "conv = nn.Conv2d(channels, 8, 3, groups=groups)"
    more = f"self.block.{name} = 3"
    source = HEAD + HELD.format(name=name, build=build, add=add, more=more)
    assert_equivalent(source, lambda module: module.Net(), torch.randn(2, 8, 5, 5))


def test_an_attribute_of_the_convolution_itself_is_a_reason() -> None:
    build = "conv = nn.Conv2d(channels, 8, 3, groups=groups)"
    source = HELD.format(
        name="a", build=build, add="self.conv = conv", more="self.block.conv.stride = 2"
    )
    assert statuses(HEAD + source) == ["left"]


@pytest.mark.parametrize(
    "use",
    [
        "self.b = nn.utils.spectral_norm(conv)",
        "conv.stride = 2",
    ],
)
def test_what_a_variable_holds_later(use: str) -> None:
    add = f"self.conv = conv\n        conv = nn.Linear(8, 8)\n        {use}"
    build = "conv = nn.Conv2d(channels, 8, 3, groups=groups)"
    source = HEAD + HELD.format(name="a", build=build, add=add, more="pass")
    assert statuses(source.replace("(nn.Sequential)", "(nn.Module)")) == ["may be split"]
    assert statuses(source.replace("conv = nn.Linear(8, 8)", "pass")) == ["left"]


def test_the_weight_of_what_a_variable_holds_later() -> None:
    add = "self.conv = conv\n        conv = nn.Linear(8, 8)\n        keep(conv.weight)"
    build = "conv = nn.Conv2d(channels, 8, 3, groups=groups)"
    result = split_source(HEAD + HELD.format(name="a", build=build, add=add, more="pass"))
    assert [each.status for each in result.records] == ["may be split"]
    assert not result.warnings


# --- weights that are read, set and changed by what no forward calls --------------------------

FUSED = """
class Unit(nn.Module):
    def __init__(self, groups):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, padding=1, groups=groups, bias=False)
        self.other = nn.Conv2d(8, 8, 1, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(8)

    def forward(self, x):
        return self.bn(self.conv(x) + self.other(x))

    def merge(self):
        {body}


class Net(nn.Module):
    def __init__(self, groups=4):
        super().__init__()
        self.unit = Unit(groups)

    def forward(self, x):
        return self.unit(x)
"""


def fused(body: str, top: str = "") -> str:
    return HEAD + top + FUSED.format(body=body.replace("\n", "\n        "))


@pytest.mark.parametrize(
    "change",
    [
        "self.conv.weight.data += w",
        "self.conv.weight.data *= 2",
        "self.conv.weight.data.add_(w)",
        "self.conv.weight.data.clamp_(-1, 1)",
        "self.conv.weight.data[:, :, 1:2] += w",
        "self.conv.weight.data = self.conv.weight.data + w",
        "self.conv.weight.data.copy_(self.conv.weight.detach().clone() + w)",
        "self.conv.weight = nn.Parameter(self.conv.weight + w)",
    ],
)
def test_a_weight_that_a_method_changes_is_warned_of_and_raises(change: str) -> None:
    source = fused(f"w = torch.ones(1)\n{change}")
    result = assert_equivalent(source, lambda module: module.Net(), torch.randn(2, 8, 5, 5))
    assert any("raise" in each.message for each in result.warnings)
    with pytest.raises(AttributeError):
        run_source(result.text).Net().unit.merge()


@pytest.mark.parametrize(
    ("body", "top"),
    [
        ("return F.pad(self.conv.weight, (1, 1)) * 1", ""),
        ("return torch.zeros_like(self.conv.weight)", ""),
        ("return fold(self.conv.weight, self.bn)", "def fold(w, bn): return w * bn.eps\n\n\n"),
        ("return fold(bn=self.bn, w=self.conv.weight)", "def fold(w, bn): return w * 2\n\n\n"),
        ("return fold(self.conv.weight)", "def fold(w):\n    v = w\n    return v + 1\n\n\n"),
        ("return hasattr(self.conv, 'weight') and hasattr(self.conv, 'bias')", ""),
        ("return getattr(self.conv, 'weight') * 2", ""),
        ("k = self.conv.weight.clone()\nk[0] = 0\nreturn k", ""),
    ],
)
def test_a_weight_that_is_only_read_is_put_together(body: str, top: str) -> None:
    source = fused(body, top)
    result = assert_equivalent(source, lambda module: module.Net(), torch.randn(2, 8, 5, 5))
    assert not [each for each in result.warnings if "raise" in each.message]
    original, split = (run_source(each).Net() for each in (source, result.text))
    split.load_state_dict(original.state_dict())
    expected, found = original.unit.merge(), split.unit.merge()
    assert expected is found or torch.equal(expected, found)


@pytest.mark.parametrize(
    ("body", "top"),
    [
        ("return keep(self.conv.weight)", "def keep(w): return w\n\n\n"),
        ("return keep(self.conv.weight)", "def keep(w): w += 1\n\n\n"),
        ("return keep(self.conv.weight)", "def keep(*w): return w[0] * 2\n\n\n"),
        ("return keep(self.conv.weight)", "def keep(w): KEPT.append(w)\n\n\n"),
        ("return unknown(self.conv.weight)", ""),
        ("return unknown.fold(self.conv.weight)", "def fold(w): return w * 2\n\n\n"),
    ],
)
def test_a_weight_that_a_function_may_keep_is_not_put_together(body: str, top: str) -> None:
    result = split_source(fused(body, top))
    assert "its weight is used directly" in "".join(each.message for each in result.warnings)


DEPLOYED = """
class Unit(nn.Module):
    def __init__(self, groups):
        super().__init__()
        self.dense = nn.Sequential(
            nn.Conv2d(8, 8, 3, padding=1, groups=groups, bias=False), nn.BatchNorm2d(8)
        )

    def forward(self, x):
        return self.merged(x) if hasattr(self, "merged") else self.dense(x)

    def join(self, conv, bn):
        t = (bn.weight / (bn.running_var + bn.eps).sqrt()).reshape(-1, 1, 1, 1)
        weights = conv.weight * t
        bias = bn.bias - bn.running_mean * t.flatten()
        conv = nn.Conv2d(8, 8, 3, padding=1, groups=conv.groups)
        {store}
        return conv

    def merge(self):
        {merge}
        del self.dense


class Net(nn.Module):
    def __init__(self, groups=4):
        super().__init__()
        self.unit = Unit(groups)

    def forward(self, x):
        return self.unit(x)
"""


@pytest.mark.parametrize(
    "store",
    [
        "conv.weight = nn.Parameter(weights)\n        conv.bias = nn.Parameter(bias)",
        "conv.weight.data = weights\n        conv.bias.data = bias",
        "conv = conv.double()\n        conv.weight.data.copy_(weights)\n"
        "        conv.bias.data.copy_(bias)",
    ],
)
@pytest.mark.parametrize(
    "merge",
    [
        "self.merged = self.join(self.dense[0], self.dense[1])",
        "self.dense = self.join(self.dense[0], self.dense[1])\n"
        "        self.dense.weight = nn.Parameter(self.dense.weight * 1)\n"
        "        self.merged = self.dense",
    ],
)
def test_a_weight_that_is_set_of_what_has_just_been_built(store: str, merge: str) -> None:
    source = HEAD + DEPLOYED.format(store=store, merge=merge)
    assert set(statuses(source)) == {"may be split"}
    assert_same_after(source, "net.unit.merge()")


@pytest.mark.parametrize(
    "use",
    [
        "w = unit.weight * 2",
        "w = torch.zeros(tuple(unit.weight.shape))",
        "w = unit.__class__(unit.in_channels, 8, 1)",
    ],
)
def test_what_is_there_for_its_weight_alone(use: str) -> None:
    body = f"unit = nn.Conv2d(8, 8, 1, groups=4)\n{use}\nreturn w"
    found = [each for each in split_source(fused(body)).records if each.name == "unit"]
    assert [(each.status, each.detail) for each in found] == [("kept", "never called")]


@pytest.mark.parametrize("use", ["return unit", "self.unit = unit", "f(unit)", "return unit(w)"])
def test_what_is_there_for_more_than_its_weight(use: str) -> None:
    body = f"unit = nn.Conv2d(8, 8, 1, groups=4)\nw = unit.weight * 2\n{use}"
    found = [each for each in split_source(fused(body)).records if each.line == 20]
    assert [each.status for each in found] != ["kept"]


# --- subclasses -------------------------------------------------------------------------------

PADDED = """
{top}
class Own(nn.Conv{n}d):
    {body}


class Net(nn.Module):
    def __init__(self, groups=2):
        super().__init__()
        self.conv = Own(4, 8, 3, groups=groups)

    def forward(self, x):
        return self.conv(x)
"""


def padded(body: str, top: str = "", n: int = 2) -> str:
    return HEAD + PADDED.format(body=body.replace("\n", "\n    "), top=top, n=n)


SLICED = {
    "super": ("def forward(self, x):\n    return super().forward(F.pad(x, (1, 1, 1, 1)))", "", 2),
    "causal": (
        "def __init__(self, *args, **kwargs):\n"
        "    super().__init__(*args, **kwargs)\n    self.left = self.kernel_size[0] - 1\n\n"
        "def forward(self, x):\n    x = F.pad(x, pad=[self.left, 0])\n    y = super().forward(x)\n"
        "    return y",
        "",
        1,
    ),
    "cut": ("def forward(self, x):\n    return super().forward(x)[:, :, : x.shape[-1] - 3]", "", 1),
    "cut behind": ("def forward(self, x):\n    return super().forward(x)[..., :-1, 1:]", "", 2),
    "_conv_forward": (
        "def forward(self, x):\n    if self.training:\n        x = F.pad(x, [1, 1, 1, 1])\n"
        "    return self._conv_forward(x, self.weight, self.bias)",
        "",
        2,
    ),
    "a function of the file": (
        "def forward(self, x):\n    x = pad_same(x, self.weight.shape[-2:], self.stride)\n"
        "    return F.conv2d(x, self.weight, self.bias, self.stride, groups=self.groups)",
        "def extra(n, k, s):\n    return max((-(n // -s) - 1) * s + k - n, 0)\n\n\n"
        "def pad_same(x, k, s, value: float = 0):\n    h, w = x.size()[-2:]\n"
        "    a, b = extra(h, k[0], s[0]), extra(w, k[1], s[1])\n    if a > 0 or b > 0:\n"
        "        x = F.pad(x, (b // 2, b - b // 2, a // 2, a - a // 2), value=value)\n"
        "    return x\n\n\n",
        2,
    ),
    "a method": (
        "def extra(self, n, k):\n    return (k - 1) * self.dilation[0]\n\n"
        "def forward(self, x):\n    a = self.extra(x.size(2), self.kernel_size[0])\n"
        "    pads = (a // 2, a - a // 2)\n    return super().forward(F.pad(x, pads))",
        "",
        1,
    ),
    "a static method": (
        "@staticmethod\ndef extra(k):\n    return [one // 2 for n in k for one in (n, n)]\n\n"
        "def forward(self, x):\n    p = self.extra(self.kernel_size)\n"
        "    return super().forward(F.pad(x, (p[0], p[0]) + (p[1], p[1])) if p else x)",
        "",
        2,
    ),
    "a module that pads": (
        "def __init__(self, *args, **kwargs):\n    super().__init__(*args, **kwargs)\n"
        "    self.static = nn.ZeroPad2d((1, 0, 1, 0)) if self.stride[0] == 1 else nn.Identity()\n\n"
        "def forward(self, x):\n    return super().forward(self.static(x))",
        "",
        2,
    ),
    "a test for None": (
        "def forward(self, x):\n    x = F.pad(x, (1, 0)) if x is not None else x\n"
        "    return super().forward(x)",
        "",
        1,
    ),
    "a loop": (
        "def forward(self, x):\n    for _ in range(2):\n        x = F.pad(x, (1, 1))\n"
        "    return super().forward(x)",
        "",
        2,
    ),
    "a function that convolves": (
        "def forward(self, x):\n    return same(x, self.weight, self.bias, groups=self.groups)",
        "def same(x, w, b=None, groups: int = 1):\n    p = w.shape[-1] // 2\n"
        "    return F.conv2d(F.pad(x, (p, p)), w, b, (1, 1), groups=groups)\n\n\n",
        2,
    ),
    "spelt out": (
        "def forward(self, x):\n    a: int = 1\n"
        "    b = max(a, math.ceil(0.5)) if a is not None else 0\n"
        "    y = x.contiguous()\n    p = (a, a, b, b) if b else [0, 0, 0, 0]\n"
        "    return super().forward(F.pad(y, p))",
        "import math\n",
        2,
    ),
    "a condition": (
        "def forward(self, x):\n    assert x.dim() == 4, 'an image'\n    if x.shape[2] > 2:\n"
        "        return super().forward(x)\n    else:\n"
        "        return super().forward(F.pad(x, (0, 1)))",
        "",
        2,
    ),
}


@pytest.mark.parametrize("kind", SLICED)
def test_a_forward_that_pads_or_cuts_in_space(kind: str) -> None:
    body, top, n = SLICED[kind]
    x = torch.randn(2, 4, *[7] * n)
    result = assert_equivalent(padded(body, top, n), lambda module: module.Net(), x)
    assert [each.status for each in result.records] == ["may be split"]


@pytest.mark.parametrize(
    "forward",
    [
        "return super().forward(x + x.mean())",
        "return super().forward(x * self.scale)",
        "return super().forward(F.pad(x, (0, 0, 0, 0, 1, 1)))",
        "return super().forward(F.pad(x, self.pads))",
        "return super().forward(x)[:, 1:]",
        "return super().forward(x)[:, 0]",
        "return super().forward(F.pad(x, (x.size(1), 0)))",
        "return super().forward(F.pad(x, (x.shape[1], 0)))",
        "return super().forward(F.pad(x, (x.shape[-3], 0)))",
        "return super().forward(F.pad(x, (self.in_channels, 0)))",
        "return super().forward(F.pad(x, (self.weight.size(1), 0)))",
        "return super().forward(F.pad(x, [1] * self.n))",
        "return super().forward(F.pad(x, (random.randint(0, 1), 0)))",
        "return super().forward(F.pad(x, (self.count(), 0)))",
        "return super().forward(F.pad(x, (options[0](), 0)))",
        "global y\n    y = 1\n    return super().forward(x)",
        "return super().forward(F.pad(x, ((lambda: 1)(), 0)))",
        "w = self.weight.data\n    return F.conv2d(x, w * 2, self.bias, groups=self.groups)",
        "return F.conv2d(x, self.weight, self.gain, groups=self.groups)",
        "return same(x, self.weight, self.groups)",
        "self.count = 1\n    return super().forward(x)",
        "return F.conv2d(x, self.weight * 2, self.bias, groups=self.groups)",
        "return F.conv2d(x, self.weight, self.bias, groups=2)",
        "return F.conv2d(x, self.weight, self.bias, **self.options)",
        "return F.conv2d(x, self.weight, self.bias)",
        "return F.conv2d(x, self.bias, self.weight, groups=self.groups)",
        "return super().forward(F.pad(x))",
        "return super().forward(deep(x.sum()))",
        "self = x\n    return super().forward(x)",
        "return super().forward(unknown(x))",
        "return super().forward(self.unknown(x))",
        "if x.max() > 1:\n        x = F.pad(x, (1, 1))\n    return super().forward(x)",
        "x, y = x\n    return super().forward(x)",
        "x = 1\n    return super().forward(x)",
        "self.last = x\n    return super().forward(x)",
        "x += 1\n    return super().forward(x)",
        "return super().forward(x), x",
        "return",
        "p = [k for k in x]\n    return super().forward(F.pad(x, p))",
        "p = [k for k in self.kernel_size if x]\n    return super().forward(F.pad(x, (p[0], 0)))",
        "return super().forward(F.pad(x, (x.size(self.dim), 0)))",
        "return super().forward(F.pad(x, (sum(x.size()), 0)))",
        "return super().forward(F.pad(x, (math.ceil(x), 0)))",
        "return super().forward(F.pad(x, (x.numel(), 0)))",
        "return super().forward(x[0])",
        "return super().forward(deep(x))",
        "return super().forward(F.pad(x, (deep(x), 0)))",
    ],
)
def test_a_forward_that_does_more(forward: str) -> None:
    top = "import math\nimport random\n\n\ndef deep(x):\n    return deep(x)\n\n\n"
    top += "def same(x, w, g):\n    p = (g, 0)\n"
    top += "    return F.conv2d(F.pad(x, p), w, groups=g)\n\n\n"
    found = assert_unchanged(padded(f"def forward(self, x):\n    {forward}", top)).records
    assert [each.status for each in found if each.name == "Net.conv"] == ["left"]


def test_the_function_in_the_forward_of_a_subclass_is_none_by_itself() -> None:
    body = "def forward(self, x):\n    return F.conv2d(x, self.weight * 2, groups=self.groups)"
    assert [each.name for each in split_source(padded(body)).records] == ["Net.conv"]
