"""Attention over two branches that a split convolution gives: of its parts, not of slices."""

from __future__ import annotations

from textwrap import indent

import pytest

from cases import own_text
from gencode import Options, Result, split_source
from gencode.outcome import Finding

torch = pytest.importorskip("torch")

from equivalence import assert_same_models, run_source  # noqa: E402

PLINIO = Options(target="plinio")
INIT = """
self.radix = radix
self.conv = nn.Conv2d(24, 8 * radix, 3, groups=radix * groups)
self.bn = nn.BatchNorm2d(8 * radix)
self.drop = drop() if drop is not None else nn.Identity()
self.act = act(inplace=True)
self.fc1 = nn.Conv2d(8, 6, 1, groups=groups)
self.fc2 = nn.Conv2d(6, 8 * radix, 1, groups=groups)
self.by_radix = BranchSoftmax(radix, groups)
"""
TAKEN = """
x = self.conv(x)
x = self.bn(x)
x = self.drop(x)
x = self.act(x)
"""
FORWARD = """
n, c, h, w = x.shape
x = x.view(n, self.radix, c // self.radix, h, w)
gap = torch.mean(x.sum(dim=1), (2, 3), keepdim=True)
a = self.fc2(F.relu(self.fc1(gap)))
a = self.by_radix(a).view(n, self.radix, -1, 1, 1)
out = torch.multiply(x, a).sum(dim=1)
return out
"""
SOFTMAX = """
class BranchSoftmax(nn.Module):
    def __init__(self, radix, cardinality):
        super().__init__()
        self.radix = radix
        self.cardinality = cardinality

    def forward(self, x):
        n = x.size(0)
        x = x.view(n, self.cardinality, self.radix, -1).transpose(1, 2)
        return F.softmax(x, dim=1).reshape(n, -1)
"""
OF_PARTS = """
        x = self.conv(x)
        half = self.fc1.in_channels
        first, second = halves_of(x, half, self.bn, self.drop, self.act)
        gap = torch.mean(first + second, (2, 3), keepdim=True)
        first_a, second_a = halves_of(F.relu(self.fc1(gap)), half, self.fc2)
        weight = torch.sigmoid(first_a - second_a)
"""
LINES = """
        self.fc2 = split_conv(self.fc2)
        self.fc2 = split_sliced_conv(self.fc2, by=self.fc1.in_channels)
"""
CONVS = "a = self.fc2(F.relu(self.fc1(gap)))"


def net(taken: str = TAKEN, init: str = INIT, forward: str = FORWARD) -> str:
    body = f"{taken.strip()}\n{forward.strip()}"
    return (
        "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n\n"
        f"{SOFTMAX}\n\nclass Net(nn.Module):\n"
        "    def __init__(self, radix=2, groups=1, act=nn.ReLU, drop=None):\n"
        f"        super().__init__()\n{indent(init.strip(), ' ' * 8)}\n\n"
        f"    def forward(self, x):\n{indent(body, ' ' * 8)}\n"
    )


def split(source: str, options: Options = PLINIO) -> Result:
    """The split source, which does not change any more."""
    result = split_source(source, options)
    again = split_source(result.text, options)
    assert again.text is result.text
    assert not [each for each in again.findings if each.status == "rewritten"]
    return result


def two_way(result: Result) -> Finding:
    (found,) = (each for each in result.findings if each.code == "two-way")
    return found


def of_slices(source: str, options: Options = PLINIO) -> str:
    """The result, which takes slices of what is put together."""
    result = split(source, options)
    text = own_text(result.text)
    assert "halves_of" not in result.text
    assert "split_sliced_conv" not in result.text
    assert "first, second = " in text
    assert "parts" not in two_way(result).message
    return text


# --- what stays -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "taken",
    [
        "x = self.act(self.conv(x))",
        "x = self.act(self.bn(self.conv(x) + 1))",
        "x = self.act(self.bn(self.conv(x)) + 1)",
        "x = F.relu(self.bn(self.conv(x)))",
        "x = self.act(input=self.bn(self.conv(x)))",
        "y = self.bn(self.conv(x))\nx = self.act(y)",
        "x = self.conv(x)\nif self.radix > 5:\n    x = -x\nx = self.act(self.bn(x))",
        TAKEN + "print(x)",
        TAKEN + "x = x + 1",
    ],
)
def test_what_is_given_otherwise_is_taken_in_slices(taken: str) -> None:
    of_slices(net(taken))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("out = torch", "gap = gap + x.size(0)\nout = torch"),  # of what is a list
        (CONVS, f"{CONVS}\nself.last = a"),
        (CONVS, "a = self.fc2(F.relu(self.fc1(gap)) + 1)\na = a + 1"),
        (CONVS, "a = self.fc2(input=F.relu(self.fc1(gap)))"),
        (CONVS, "a = self.bn2(self.fc2(F.relu(self.fc1(gap))))"),
    ],
)
def test_weights_that_are_made_otherwise_are_taken_in_slices(before: str, after: str) -> None:
    init = f"{INIT.strip()}\nself.bn2 = nn.BatchNorm2d(8 * radix)"
    assert before in FORWARD
    result = split(net(init=init, forward=FORWARD.replace(before, after)))
    assert "halves_of" not in result.text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("groups=radix * groups", "groups=1"),  # which nothing splits
        (
            "self.fc2 = nn.Conv2d(6, 8 * radix, 1, groups=groups)",
            "self.fc2 = nn.Conv2d(6, 8 * radix, 1)",
        ),
        ("self.conv = ", "self.act = act()\nself.act.register_forward_hook(print)\nself.conv = "),
    ],
)
def test_what_is_not_split_or_may_be_seen_is_taken_in_slices(before: str, after: str) -> None:
    assert before in INIT
    of_slices(net(init=INIT.replace(before, after)))


FC1 = "self.fc1 = nn.Conv2d(8, 6, 1, groups=groups)"


def test_a_layer_that_is_not_there_yet_does_not_tell_the_width() -> None:
    late = INIT.replace(FC1, "")
    of_slices(net(init=f"{late}self.both = [self.fc2]\n{FC1}"))
    text = own_text(split(net(init=late + FC1)).text)
    assert f"        {FC1}\n        self.conv, self.bn = split" in text  # which is late enough
    assert LINES in text


def test_without_its_rules_it_is_taken_in_slices() -> None:
    of_slices(net(), Options(target="plinio", ignore=("source-split",)))
    text = net(
        forward=FORWARD.replace("dim=1)\nreturn", "dim=1)  # gencode: skip[two-way]\nreturn")
    )
    result = split(text)
    assert "halves_of" not in result.text
    assert two_way(result).status == "skipped"


# --- what is taken of parts -------------------------------------------------------------------


def test_both_halves_are_taken_of_parts() -> None:
    result = split(net())
    text = own_text(result.text)
    assert OF_PARTS in text
    assert LINES in text
    assert two_way(result).message.endswith(", of what the parts of self.bn and self.fc2 give")
    (record,) = (each for each in result.records if each.name == "Net.fc2")
    assert "by split_conv() and split_sliced_conv() when built" in record.detail


@pytest.mark.parametrize(
    ("taken", "after"),
    [
        ("x = self.act(self.bn(self.conv(x)))", "halves_of(self.conv(x), half, self.bn, self.act)"),
        ("x = self.bn(self.conv(x))", "halves_of(self.conv(x), half, self.bn)"),
        (
            "y = self.conv(x)\nx = self.bn(y)\nx = self.act(x)",
            "halves_of(y, half, self.bn, self.act)",
        ),
    ],
)
def test_other_spellings(taken: str, after: str) -> None:
    assert f"first, second = {after}\n" in own_text(split(net(taken)).text)
    assert_same(net(taken))


def assert_same(source: str, *given: object) -> torch.nn.Module:
    torch.manual_seed(0)
    original = run_source(source).Net(*given)
    made = run_source(split(source).text).Net(*given)
    assert_same_models(original, made, torch.randn(3, 24, 6, 5))
    return made


@pytest.mark.parametrize(("radix", "groups"), [(2, 1), (1, 1), (2, 2), (3, 1), (4, 2)])
def test_it_computes_the_same(radix: int, groups: int) -> None:
    made = assert_same(net(), radix, groups)
    if (radix, groups) == (2, 1):
        assert len(made.bn.parts) == len(made.fc2.parts) == 2


def test_more_parts_than_two_are_put_together() -> None:
    init = INIT.replace("groups=radix * groups", "groups=2 * radix * groups")
    made = assert_same(net(init=init))
    assert len(made.bn.parts) == 4


class Mixing(torch.nn.ReLU):
    """An activation that goes over all channels together."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) + x.mean(1, keepdim=True)


@pytest.mark.parametrize("of", ["act", "drop"])
def test_a_layer_that_may_mix_the_channels_is_given_the_whole(of: str) -> None:
    mixing = Mixing if of == "act" else Mixing()
    more = (mixing, None) if of == "act" else (torch.nn.ReLU, lambda: mixing)
    assert_same(net(), 2, 1, *more)


def test_it_can_be_traced_and_kept_apart_in_a_helper() -> None:
    made = run_source(split(net()).text).Net().eval()
    x = torch.randn(2, 24, 6, 5)
    with torch.no_grad():
        torch.testing.assert_close(torch.fx.symbolic_trace(made)(x), made(x))
    result = split(net(), Options(target="plinio", helper_module="helper"))
    assert "import halves_of, split_conv, split_conv_norm, split_sliced_conv" in result.text
    assert {"source", "halves", "norm"} <= result.blocks
    taken = "halves_of = 0\n\n\n" + net()
    assert "first, second = halves_of_2(x, half, self.bn" in split(taken).text
