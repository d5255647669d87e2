"""Depthwise convolutions with several outputs a channel: depthwise ones, or else plain ones."""

from __future__ import annotations

import copy
import pickle
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cases import assert_becomes, assert_wrapped, model, own_text
from gencode import Options, Result, helper_source, split_source

SIZES = "self.c, self.k"
CONV = "nn.Conv2d(self.c, self.k * self.c, 3, padding=1, groups=self.c, bias=False)"
POINT = "self.point = nn.Conv2d(self.k * self.c, 5, 1)"
INIT = f"""
self.c, self.k = 8, 2
self.conv = {CONV}
self.bn = nn.BatchNorm2d(self.k * self.c)
"""


def net(
    init: str = POINT, forward: str = "return self.point(F.relu(self.bn(self.conv(x))))"
) -> str:
    return model(f"{INIT}{init}", forward)


def split(source: str, options: Options = Options()) -> Result:
    result = split_source(source, options)
    assert split_source(result.text, options).text is result.text
    return result


def is_multiplied(source: str, options: Options = Options()) -> bool:
    """Whether it becomes depthwise ones; if not, the only record says why."""
    result = split(source, options)
    record = result.records[0]
    found = "multiplier=True" in own_text(result.text)
    assert found != ("one convolution for each channel: " in record.note)
    assert found == ("depthwise" in record.detail)
    return found


def reason(source: str, options: Options = Options()) -> str:
    """Why the only convolution that is split does not become depthwise ones."""
    assert not is_multiplied(source, options)
    why = split(source, options).records[0].note.partition("one convolution for each channel: ")[2]
    return re.sub(r" \(line \d+\)", "", why)


# What must not become depthwise ones


@pytest.mark.parametrize(
    ("init", "forward", "why"),
    [
        # What reads it is no plain convolution.
        (
            "self.next = nn.Conv2d(16, 16, 3, groups=16)",
            "return self.next(F.relu(self.bn(self.conv(x))))",
            "a Conv2d with groups reads it",
        ),
        (
            "self.next = nn.Conv2d(16, 16, 3, groups=self.c)",
            "return self.next(self.bn(self.conv(x)))",
            "a Conv2d with groups reads it",
        ),
        (
            "self.next = nn.Conv2d(16, 16, *self.rest)",
            "return self.next(self.bn(self.conv(x)))",
            "a Conv2d with groups reads it",
        ),
        (
            "self.next = nn.ConvTranspose2d(16, 16, 3)",
            "return self.next(self.bn(self.conv(x)))",
            "a ConvTranspose2d with groups reads it",
        ),
        (
            "self.bn2 = nn.BatchNorm2d(16)",
            "return self.bn2(F.relu(self.bn(self.conv(x))))",
            "a BatchNorm2d reads it",
        ),
        (
            "self.fc = nn.Linear(16, 5)",
            "return self.fc(self.bn(self.conv(x)))",
            "a Linear reads it",
        ),
        (
            "self.next = nn.Sequential(nn.ReLU(), nn.BatchNorm2d(16))",
            "return self.next(self.bn(self.conv(x)))",
            "a BatchNorm2d reads it",
        ),
        # One of two that read it is not.
        (
            POINT,
            "x = self.bn(self.conv(x))\nreturn self.point(x) + x.mean()",
            "what reads it is not known",
        ),
        (
            POINT,
            "x = self.bn(self.conv(x))\nx += 1\nreturn self.point(x)",
            "what reads it is not known",
        ),
        (
            POINT,
            "x = self.bn(self.conv(x))\nif self.c:\n    return x\nreturn self.point(x)",
            "what reads it is not known",
        ),
        # Who reads it is not known.
        ("", "return self.bn(self.conv(x))", "what reads it is not known"),
        ("", "self.x = self.bn(self.conv(x))", "what reads it is not known"),
        ("", "x = self.bn(self.conv(x))", "what reads it is not known"),
        (POINT, "return f(self.bn(self.conv(x)))", "what reads it is not known"),
        (POINT, "return self.f(self.bn(self.conv(x)))", "what reads it is not known"),
        (
            POINT,
            "return self.point(torch.flatten(self.bn(self.conv(x)), 2))",
            "what reads it is not known",
        ),
        (
            POINT,
            "return self.point(torch.flatten(self.bn(self.conv(x)), start_dim=2))",
            "what reads it is not known",
        ),
        (
            "self.next = nn.Sequential(nn.Flatten(2), nn.Linear(16, 5))",
            "return self.next(self.bn(self.conv(x)))",
            "a Flatten reads it",
        ),
        (
            f"self.pool = nn.MaxPool2d(2, return_indices=True)\n{POINT}",
            "y, at = self.pool(self.bn(self.conv(x)))\nreturn self.point(y)",
            "what reads it is not known",
        ),
        (
            POINT,
            "return self.point(self.bn(self.conv(x)).flatten(0))",
            "what reads it is not known",
        ),
        (
            POINT,
            "return self.point(F.layer_norm(self.bn(self.conv(x)), [4]))",
            "what reads it is not known",
        ),
        # What it reads may be another.
        (
            "self.point = make(16, 5)",
            "return self.point(self.bn(self.conv(x)))",
            "what reads it is not known",
        ),
        (
            f"{POINT}\nself.point, y = make()",
            "return self.point(self.bn(self.conv(x)))",
            "what reads it is not known",
        ),
        (
            f"{POINT}\nsetattr(self, 'point', y)",
            "return self.point(self.bn(self.conv(x)))",
            "what reads it is not known",
        ),
        (
            "self.next = nn.Sequential(nn.Conv2d(16, 5, 1))\nself.next.insert(0, make())",
            "return self.next(self.bn(self.conv(x)))",
            "what reads it is not known",
        ),
        # The norm does not join.
        (
            POINT,
            "x = self.conv(x)\nif self.c:\n    x = self.bn(x)\nreturn self.point(x)",
            "the norm is not always applied",
        ),
        # It is called elsewhere, or nowhere.
        ("", "return x", "what reads it is not known"),
    ],
)
def test_what_reads_it_is_not_plain(init: str, forward: str, why: str) -> None:
    assert reason(net(init, forward)) == why


def test_without_norms_the_norm_reads_it() -> None:
    assert reason(net(), Options(norm=False)) == "a BatchNorm2d reads it"


@pytest.mark.parametrize(
    "conv",
    [
        "nn.Conv3d(self.c, 2 * self.c, 3, groups=self.c)",
        "nn.ConvTranspose2d(self.c, 2 * self.c, 3, groups=self.c)",
        "nn.Conv2d(self.c, 2 * self.c, 3, groups=self.k)",
        "nn.Conv2d(self.c, 2 * self.c, 3, groups=4)",
        "nn.Conv2d(self.a(), 2 * self.c, 3, groups=self.a())",
        "make(self.c, 2 * self.c, 3, groups=self.c)",
    ],
)
def test_others_are_split_as_before(conv: str) -> None:
    result = split(net().replace(CONV, conv).replace("BatchNorm2d", "GroupNorm"))
    assert "multiplier" not in result.text
    assert not any("for each channel" in each.note for each in result.records)


@pytest.mark.parametrize("style", ["explicit", "loop"])
def test_styles_that_are_asked_for_have_no_other_form(style: Any) -> None:
    numbers = re.sub(r"self\.c\b", "4", net().replace("self.c, self.k = 8, 2", ""))
    source = numbers.replace("self.k", "2")
    assert reason(source, Options(style=style)) == f"{style} style has no other form"
    assert is_multiplied(source)


def test_a_module_reads_it_whose_forward_is_not_known() -> None:
    top = "class Other(nn.Module):\n    forward = strange.forward"
    init, forward = f"{INIT}self.other = Other()", "return self.other(self.bn(self.conv(x)))"
    assert reason(model(init, forward, top)) == "what reads it is not known"


def test_in_a_list_with_its_norms() -> None:
    init = (
        f"self.c, self.k = 8, 2\nself.convs = nn.ModuleList([{CONV} for _ in range(2)])\n"
        f"self.bns = nn.ModuleList([nn.BatchNorm2d(16) for _ in range(2)])\n{POINT}"
    )
    forward = (
        "for conv, bn in zip(self.convs, self.bns):\n    y = self.point(bn(conv(x)))\nreturn y"
    )
    assert reason(model(init, forward)) == "what reads it is not known"


def test_a_norm_that_may_be_left_out_of_what_could_be_written_out() -> None:
    forward = "x = self.conv(x)\nif self.flag:\n    x = self.bn(x)\nreturn self.point(x)"
    numbers = re.sub(
        r"self\.c\b",
        "4",
        net("self.flag = True\n" + POINT, forward).replace("self.c, self.k = 8, 2", ""),
    )
    source = numbers.replace("self.k", "2")
    assert reason(source) == "the norm is not always applied"


SEQUENCE = "nn.Conv2d(8, 16, 3, groups=8), nn.BatchNorm2d(16), nn.ReLU()"


@pytest.mark.parametrize(
    ("init", "why"),
    [
        (
            f"self.conv = nn.Sequential({SEQUENCE}, nn.Conv2d(16, 16, 3, groups=16))",
            "a Conv2d with groups reads it",
        ),
        (f"self.conv = nn.Sequential({SEQUENCE}, make())", "its nn.Sequential may hold others"),
        (
            f"self.conv = nn.Sequential({SEQUENCE}, nn.Conv2d(16, 5, 1))".replace(
                "(16),", "(16, **k),"
            ),
            "the norm after it may stay",
        ),
        (
            f"self.conv = nn.Sequential({SEQUENCE}, nn.Conv2d(16, 5, 1), make())",
            "its nn.Sequential may hold others",
        ),
        (f"self.conv = nn.Sequential({SEQUENCE})", "what reads it is not known"),
        (
            f"self.conv = nn.Sequential({SEQUENCE}, nn.Conv2d(16, 5, 1))\nself.conv[1].eps = 1",
            "a BatchNorm2d reads it",
        ),
        (
            f"self.conv = nn.Sequential({SEQUENCE}, nn.Conv2d(16, 5, 1))\nself.conv.pop(2)",
            "a Conv2d with groups reads it",
        ),
        (
            f"c = nn.Sequential({SEQUENCE}, nn.Conv2d(16, 5, 1))\nc.pop(2)\nself.conv = c",
            "a Conv2d with groups reads it",
        ),
        (
            f"c = nn.Sequential({SEQUENCE})\nself.conv = c",
            "what reads it is not known",
        ),
        (
            f"self.conv = nn.Sequential(*[{SEQUENCE}], *more)",
            "its nn.Sequential may hold others",
        ),
        (
            "self.conv = nn.ModuleList([nn.Conv2d(8, 16, 3, groups=8)])",
            "what reads it is not known",
        ),
        (
            "self.conv = nn.Sequential(nn.Conv2d(8, 16, 3, groups=8), *more)",
            "what reads it is not known",
        ),
        (
            f"self.conv = nn.Sequential({SEQUENCE}, nn.Conv2d(16, 5, 1), nn.BatchNorm2d(5),"
            " nn.Conv2d(5, 5, 3, groups=5))",
            "what reads it is not known",
        ),
    ],
)
def test_what_reads_it_in_a_sequence_is_not_plain(init: str, why: str) -> None:
    assert reason(model(init)) == why


# What becomes depthwise ones


def test_a_line_says_so() -> None:
    before = """\
from split_groups import split_conv_norm
from torch import nn


class Block(nn.Module):
    def __init__(self, c, k):
        super().__init__()
        self.conv = nn.Conv2d(c, k * c, 3, groups=c)
        self.bn = nn.BatchNorm2d(k * c)
        self.pointwise = nn.Conv2d(k * c, c, 1)

    def forward(self, x):
        return self.pointwise(self.bn(self.conv(x)))
"""
    line = "self.conv, self.bn = split_conv_norm(self.conv, self.bn, multiplier=True)"
    after = before.replace("\n    def forward", f"        {line}\n\n    def forward")
    result = assert_becomes(before, after, Options(helper_module="split_groups"))
    (record,) = result.records
    assert (
        record.detail
        == "into depthwise ones by split_conv_norm() when built, with Block.bn in each"
    )
    assert record.note == "groups=c is known only at run time"


def test_the_record_says_how_many() -> None:
    source = model(
        "self.conv = nn.Conv2d(8, 24, 3, groups=8)\nself.point = nn.Conv2d(24, 5, 1)",
        "return self.point(self.conv(x))",
    )
    (record,) = assert_wrapped(source).records
    assert record.detail == "into 3 depthwise Conv2d of 8 channels (built)"
    assert record.note == "only built style makes depthwise ones of it"


@pytest.mark.parametrize(
    ("init", "forward"),
    [
        (POINT, "return self.point(self.bn(self.conv(x)))"),
        (f"{POINT}\nself.all = [self.conv]", "return self.point(self.bn(self.conv(x)))"),
        (f"{POINT}\nh(self.point)", "return self.point(self.bn(self.conv(x)))"),
        (POINT, "y = self.bn(self.conv(x))\ny = F.relu(y)\nreturn self.point(y) + self.point(y)"),
        (POINT, "return self.point(torch.sigmoid(F.max_pool2d(self.bn(self.conv(x)), 2)))"),
        (
            POINT,
            "x = self.bn(self.conv(x))\nfor _ in '12':\n    x = F.relu(x)\nreturn self.point(x)",
        ),
        (
            f"self.act, self.pool, self.drop = 1, 2, 3\nself.act = nn.SiLU()\n{POINT}",
            "return self.point(F.dropout(self.bn(self.conv(x)), 0.5))",
        ),
        (
            f"self.act = nn.SiLU()\nself.pool = nn.AvgPool2d(2)\nself.drop = nn.Dropout()\n{POINT}",
            "return self.point(self.drop(self.pool(self.act(self.bn(self.conv(x))))))",
        ),
        (
            "self.next = nn.Sequential(nn.ReLU(), nn.Conv2d(16, 5, 1, groups=1), nn.Tanh())",
            "return self.next(self.bn(self.conv(x)))",
        ),
        (
            "self.next = nn.Sequential(nn.ReLU())\n" + POINT + "\nnn.init.ones_(self.point.weight)",
            "return self.point(self.next(self.bn(self.conv(x))))",
        ),
        ("self.fc = nn.Linear(256, 5)", "return self.fc(torch.flatten(self.bn(self.conv(x)), 1))"),
        (
            "self.fc = nn.Linear(256, 5)",
            "return self.fc(torch.flatten(self.bn(self.conv(x)), start_dim=1))",
        ),
        ("self.fc = nn.Linear(256, 5)", "return self.fc(self.bn(self.conv(x)).flatten(1))"),
        (
            "self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 5))",
            "return self.head(self.bn(self.conv(x)))",
        ),
    ],
)
def test_what_reads_it_is_plain(init: str, forward: str) -> None:
    assert is_multiplied(net(init, forward))


@pytest.mark.parametrize(
    "init",
    [
        f"self.conv = nn.Sequential({SEQUENCE}, nn.Conv2d(16, 5, 1))",
        f"c = nn.Sequential({SEQUENCE}, nn.Conv2d(16, 5, 1))\nself.conv = c",
        f"self.conv = nn.Sequential({SEQUENCE})\nself.conv.append(nn.Conv2d(16, 5, 1))",
        "self.conv = nn.Sequential(nn.Conv2d(8, 16, 3, groups=8), nn.Conv2d(16, 5, 1))",
        f"self.conv = nn.Sequential(*[{SEQUENCE}], nn.Conv2d(16, 5, 1), nn.ReLU())",
    ],
)
def test_what_reads_it_in_a_sequence_is_plain(init: str) -> None:
    assert is_multiplied(model(init))


def test_a_sequence_before_a_plain_one() -> None:
    forward = "return self.point(self.conv(x))"
    assert is_multiplied(
        model(f"self.conv = nn.Sequential({SEQUENCE})\nself.point = nn.Conv2d(16, 5, 1)", forward)
    )


def test_one_that_only_may_be_one() -> None:
    group = "self.c if self.k else 1"
    source = net().replace("groups=self.c", f"groups={group}")
    assert is_multiplied(source)


def test_each_way_of_building_one_gets_the_same_line() -> None:
    other = "nn.Conv2d(self.c, self.k * self.c, 5, padding=2, groups=4, bias=False)"
    source = net().replace(f"self.conv = {CONV}", f"self.conv = {CONV} if k else {other}")
    result = assert_wrapped(source)
    assert own_text(result.text).count("split_conv_norm(") == 1
    assert [each.status for each in result.records] == ["split", "split"]
    assert "multiplier=True" in own_text(result.text)


def test_all_convolutions_of_a_sequence_are_looked_at() -> None:
    twice = f"{SEQUENCE}, nn.Conv2d(16, 8, 1), {SEQUENCE}, nn.Conv2d(16, 5, 1)"
    text = own_text(split(model(f"self.conv = nn.Sequential({twice})")).text)
    assert "multiplier=True" in text
    once = f"{SEQUENCE}, nn.Conv2d(16, 8, 1), {SEQUENCE}"
    assert "multiplier" not in own_text(split(model(f"self.conv = nn.Sequential({once})")).text)


def test_a_comment_leaves_one_alone() -> None:
    source = net().replace(CONV, f"{CONV}  # gencode: skip")
    (record,) = split_source(source).records
    assert record.status == "skipped"


def test_a_comment_at_the_attribute_of_what_a_function_builds() -> None:
    source = model(
        "self.conv = make(8, 2)  # gencode: skip\nself.point = nn.Conv2d(16, 5, 1)",
        "return self.point(self.conv(x))",
        top="def make(c, k):\n    return nn.Conv2d(c, k * c, 3, groups=c)",
    )
    assert "multiplier" not in own_text(split_source(source).text)


# What they compute

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from equivalence import assert_equivalent, assert_same_models, run_source  # noqa: E402

X = torch.linspace(-1, 1, 2 * 8 * 7 * 7).double().sin().reshape(2, 8, 7, 7)


@pytest.fixture(scope="module")
def helper() -> ModuleType:
    return run_source(helper_source())


@pytest.mark.parametrize(
    "source",
    [
        net(),
        net("self.fc = nn.Linear(16 * 49, 5)", "return self.fc(self.bn(self.conv(x)).flatten(1))"),
        net(forward="return self.point(F.relu(self.conv(x)))").replace("bias=False", "stride=2"),
        model(f"self.conv = nn.Sequential({SEQUENCE}, nn.Conv2d(16, 5, 1))"),
        model("self.conv = nn.Sequential(nn.Conv2d(8, 24, 3, groups=8), nn.Conv2d(24, 5, 1))"),
    ],
)
def test_it_computes_the_same(source: str) -> None:
    assert is_multiplied(source)
    result = assert_equivalent(source, lambda module: module.Net(), X)
    found = run_source(result.text).Net()
    assert any(type(each).__name__.endswith("Multiplier") for each in found.modules())


def pairs(size: int, multiplier: int, norm: str = "BatchNorm") -> tuple[nn.Module, nn.Module]:
    conv = getattr(nn, f"Conv{size}d")(4, 4 * multiplier, 3, 2, 1, groups=4, bias=norm == "")
    return conv, getattr(nn, f"{norm}{size}d")(4 * multiplier) if norm else nn.Identity()


@pytest.mark.parametrize("norm", ["BatchNorm", "InstanceNorm"])
@pytest.mark.parametrize("multiplier", [2, 3])
@pytest.mark.parametrize("size", [1, 2])
def test_in_parts(helper: ModuleType, size: int, multiplier: int, norm: str) -> None:
    x = torch.randn(3, 4, *[9] * size, dtype=torch.float64)
    pair = pairs(size, multiplier, norm)
    original, alone = nn.Sequential(*pair), helper.split_conv(pair[0], multiplier=True)
    whole = nn.Sequential(*helper.split_conv_norm(*pair, multiplier=True))
    assert [type(each).__name__ for each in whole] == ["UnjoinedMultiplier", "JoinedMultiplier"]
    assert type(alone) is helper.Multiplier
    for each in (alone, whole[0]):
        assert [(one.groups, one.in_channels, one.out_channels) for one in each.parts] == [
            (4, 4, 4)
        ] * multiplier
    assert_same_models(original, whole, x)
    assert_same_models(pair[0], alone, x)


def test_what_is_no_multiplier_is_split_as_ever(helper: ModuleType) -> None:
    for conv in (nn.Conv2d(4, 8, 3, groups=2), nn.Conv3d(4, 8, 3, groups=4)):
        assert type(helper.split_conv(conv, multiplier=True)) is helper.SplitGroups
        norm = nn.BatchNorm2d(8)
        found = helper.split_conv_norm(conv, norm, multiplier=True)
        assert [type(each) for each in found] == [helper.UnjoinedGroups, helper.JoinedGroups]
    transposed = nn.ConvTranspose2d(4, 8, 3, groups=4)
    assert type(helper.split_conv(transposed, multiplier=True)) is helper.SplitTransposed
    for conv in (nn.Conv2d(4, 8, 3), nn.Conv2d(4, 4, 3, groups=4), None):
        assert helper.split_conv(conv, multiplier=True) is conv


@pytest.mark.parametrize("norm", [nn.GroupNorm(2, 8), nn.BatchNorm2d(8, track_running_stats=False)])
def test_before_a_norm_that_stays_there_is_none(helper: ModuleType, norm: nn.Module) -> None:
    conv = nn.Conv2d(4, 8, 3, groups=4)
    found, after = helper.split_conv_norm(conv, norm, multiplier=True)
    assert type(found) is helper.SplitGroups and after is norm


def test_in_a_sequence_of_layers(helper: ModuleType) -> None:
    def conv() -> nn.Module:
        return nn.Conv2d(8, 16, 3, groups=8)

    relu, norm = nn.ReLU(), nn.BatchNorm2d(16)
    layers = nn.Sequential(
        *(conv(), nn.BatchNorm2d(16), relu, nn.Conv2d(16, 8, 1), conv(), relu, nn.Conv2d(16, 8, 1)),
        *(conv(), norm, nn.Conv2d(16, 16, 1), norm),
    )
    found = helper.split_layers(copy.deepcopy(layers), multiplier=True)
    names = {0: "UnjoinedMultiplier", 1: "JoinedMultiplier", 4: "Multiplier", 7: "SplitGroups"}
    assert {at: type(found[at]).__name__ for at in names} == names
    assert_same_models(layers, found, X)
    assert type(helper.split_layers(layers)[0]) is helper.UnjoinedGroups


def test_what_it_gives_is_one_output_in_a_concatenation(helper: ModuleType) -> None:
    conv, norm = pairs(2, 2)
    x = torch.randn(1, 4, 5, 5)
    for split_up in (
        [helper.split_conv(conv, multiplier=True)],
        helper.split_conv_norm(conv, norm, multiplier=True),
    ):
        value = x if len(split_up) == 1 else split_up[0](x)
        (output,) = helper.outputs_of(split_up[-1], value)
        torch.testing.assert_close(output, nn.Sequential(conv, norm)[: len(split_up)](x))


def test_padding_is_done_for_each(helper: ModuleType) -> None:
    conv, norm, pad = *pairs(1, 2), nn.ConstantPad1d((2, 0), 0.0)
    x = torch.randn(1, 4, 9)
    split = helper.split_conv(conv, multiplier=True)
    pads = helper.copy_padding(pad, split)
    assert len(pads) == 2
    torch.testing.assert_close(helper.apply_padded(split, x, pads), conv(pad(x)))
    unjoined, joined = helper.split_conv_norm(conv, norm, multiplier=True)
    expected = norm.eval()(conv(pad(x)))
    torch.testing.assert_close(joined.eval()(helper.apply_padded(unjoined, x, pad)), expected)
    layers = nn.Sequential(pad, copy.deepcopy(conv), norm)
    found = helper.split_layers(copy.deepcopy(layers), multiplier=True)
    assert type(found[0]) is nn.Identity and len(found[1].pads) == 2
    torch.testing.assert_close(found.eval()(x), layers.eval()(x))


def test_its_weight_can_be_read(helper: ModuleType) -> None:
    conv, norm = nn.Conv2d(4, 12, 3, groups=4), nn.BatchNorm2d(12)
    nn.init.normal_(norm.weight)
    split = helper.split_conv(conv, multiplier=True)
    joined = helper.split_conv_norm(conv, norm, multiplier=True)[1]
    for one, other in ((split, conv), (joined, norm)):
        assert one.weight.equal(other.weight) and one.bias.equal(other.bias)
    plain = helper.split_conv(conv)
    assert plain.weight.equal(conv.weight)


@pytest.mark.parametrize("api", ["weight_norm", "parametrizations.weight_norm"])
def test_under_weight_norm(helper: ModuleType, api: str) -> None:
    normalise: Any = nn.utils
    for name in api.split("."):
        normalise = getattr(normalise, name)
    conv = normalise(nn.Conv2d(8, 16, 3, groups=8))
    found = helper.split_conv(conv, multiplier=True)
    assert type(found) is helper.Multiplier
    assert_same_models(conv, found, X)


def test_it_loads_both_states_and_no_other(helper: ModuleType) -> None:
    conv, norm = pairs(2, 3)
    original = nn.Sequential(conv, norm)
    state = {name: torch.randn_like(each.double()) for name, each in original.state_dict().items()}
    split = nn.Sequential(*helper.split_conv_norm(conv, norm, multiplier=True)).double()
    split.load_state_dict(state)
    assert split[0].parts[1].weight.equal(state["0.weight"][1::3])
    assert split[1].parts[2].running_var.equal(state["1.running_var"][2::3])
    assert split[1].parts[2].num_batches_tracked == int(state["1.num_batches_tracked"])
    own = split.state_dict()
    split.load_state_dict(own)
    with pytest.raises(RuntimeError, match="size mismatch"):
        split.load_state_dict(state | {"0.weight": torch.zeros(9, 1, 3, 3)})
    with pytest.raises(RuntimeError, match="Missing"):
        split.load_state_dict({name: each for name, each in state.items() if name != "0.weight"})
    with pytest.raises(RuntimeError, match="Unexpected"):
        split.load_state_dict(own | {"0.weight": state["0.weight"]})


def test_what_the_whole_was_the_parts_are(helper: ModuleType) -> None:
    conv = nn.Conv2d(4, 8, 3, groups=4, dtype=torch.bfloat16, device="meta").eval()
    conv.bias.requires_grad_(False)
    for part in helper.split_conv(conv, multiplier=True).parts:
        assert part.weight.dtype is torch.bfloat16 and part.weight.is_meta
        assert part.weight.requires_grad and not part.bias.requires_grad
        assert not part.training


def test_it_is_copied_pickled_traced_and_scripted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "of_multiplier.py").write_text(helper_source(), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    import of_multiplier  # type: ignore[import-not-found]

    conv, norm = pairs(2, 2)
    x = torch.randn(2, 4, 5, 5)
    joined = nn.Sequential(*of_multiplier.split_conv_norm(conv, norm, multiplier=True)).eval()
    alone = of_multiplier.split_conv(conv, multiplier=True)
    for net, expected in ((joined, norm.eval()(conv(x))), (alone, conv(x))):
        for other in (
            copy.deepcopy(net),
            pickle.loads(pickle.dumps(net)),
            torch.fx.symbolic_trace(net),
            torch.jit.script(net),
            torch.export.export(net, (x,)).module(),
        ):
            torch.testing.assert_close(other(x), expected)
    del sys.modules["of_multiplier"]


def test_weights_are_drawn_as_in_the_original() -> None:
    source = net()
    nets = []
    for text in (source, split(source).text):
        torch.manual_seed(0)
        nets.append(run_source(text).Net().eval())
    torch.testing.assert_close(nets[1](X.float()), nets[0](X.float()))
