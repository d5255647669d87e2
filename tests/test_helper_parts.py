"""The helper of the module style has what a file needs of it, and no more."""

from __future__ import annotations

import ast
from pathlib import Path
from textwrap import dedent

import pytest

from cases import model
from gencode import Options, split_source

torch = pytest.importorskip("torch")

from norms import sizes  # noqa: E402
from torch import nn  # noqa: E402

from equivalence import assert_equivalent, assert_same_models, run_source  # noqa: E402

MODULE = Options(style="module")
BARE = Options(style="module", checkpoint=False)
CONV = "self.conv = nn.Conv2d(8, 8, 1, groups=2)\n"
NESTED = "return self.bn(self.conv(x)).relu()"
KIND, CLASS = "_NormBase", "startswith"
CHANNELS, STATISTICS, SHARED = "num_features", "running_mean", "count"
ALL = {KIND, CLASS, CHANNELS, STATISTICS}
X = torch.randn(3, 8, 5, 6)
README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def definition(text: str, name: str) -> str:
    """One class or function of a source; empty where it has none of this name."""
    found = (each for each in ast.parse(text).body if getattr(each, "name", "") == name)
    return "".join(ast.unparse(each) for each in found)


def checked(text: str) -> set[str]:
    """What a helper checks before it splits a norm."""
    return {each for each in ALL if each in definition(text, "split_norm")}


TOP = """
from functools import partial
from .somewhere import get_norm, Other
flag = bool(torch.ones(1))
class Own(nn.BatchNorm2d): ...
class Act(nn.Module):
    def forward(self, x):
        return x.relu()
class More(Act): ...
def batch_norm(c):
    return nn.BatchNorm2d(c)
def named_norm(c):
    norm = nn.BatchNorm2d(c)
    return norm
def chosen_norm(c, kind):
    if kind == "bn":
        return nn.BatchNorm2d(c)
    elif kind == "gn":
        return nn.GroupNorm(2, c)
def norm_or_none(c, flag):
    if flag:
        return nn.BatchNorm2d(c)
def cached_norm(c, norm=nn.BatchNorm2d(8)):
    return norm
@partial
def decorated_norm(c):
    return nn.BatchNorm2d(c)
def generated_norm(c):
    yield nn.BatchNorm2d(c)
def endless_norm(c):
    return endless_norm(c)
norm_class = nn.BatchNorm2d
"""
# What is given to the attribute of a norm, and what is left to be checked of it.
NORMS = {
    "nn.BatchNorm2d(8)": set[str](),
    "nn.BatchNorm2d(8, 1e-3, momentum=None)": set[str](),
    "nn.SyncBatchNorm(8)": set[str](),
    "norm_class(8)": set[str](),
    "batch_norm(8)": set[str](),
    "named_norm(8)": set[str](),
    "nn.BatchNorm2d(8) if flag else nn.BatchNorm2d(8, affine=False)": set[str](),
    "nn.InstanceNorm2d(8)": {CHANNELS},
    "nn.BatchNorm2d(8) if flag else nn.InstanceNorm2d(8)": {CHANNELS},
    "nn.BatchNorm2d(8, track_running_stats=flag)": {STATISTICS},
    "nn.BatchNorm2d(*[8])": {STATISTICS},
    "nn.BatchNorm2d(8, **{})": {STATISTICS},
    "nn.BatchNorm2d(8, track_running_stats=False) if not flag else nn.BatchNorm2d(8)": {STATISTICS},
    "nn.BatchNorm2d(8) if flag else None": {KIND},
    "nn.BatchNorm2d(8) if flag else nn.Identity()": {KIND},
    "nn.BatchNorm2d(8) if flag else nn.GroupNorm(2, 8)": {KIND},
    "nn.BatchNorm2d(8) if flag else Act()": {KIND},
    "nn.BatchNorm2d(8) if flag else More()": {KIND},
    "chosen_norm(8, 'bn')": {KIND},
    "norm_or_none(8, True)": {KIND},
    "nn.BatchNorm2d(8) if flag else nn.LazyBatchNorm2d()": ALL,
    "nn.BatchNorm2d(8) if flag else Other()": ALL,
    "nn.BatchNorm2d(8) or None": ALL,
    "Own(8)": ALL,
    "partial(nn.BatchNorm2d, 8)()": ALL,
    "cached_norm(8)": ALL,
    "generated_norm(8)": ALL,
    "decorated_norm(8)": ALL,
    "endless_norm(8)": ALL,
    "get_norm(8)": ALL,
    "[nn.BatchNorm2d(8)][0]": ALL,
}


@pytest.mark.parametrize("norm", NORMS)
def test_what_is_checked_of_the_norm_of_an_attribute(norm: str) -> None:
    text = split_source(model(f"{CONV}self.bn = {norm}", NESTED, TOP), MODULE).text
    assert checked(text) == NORMS[norm]
    assert "self.bn = split_norm(" in text
    assert ("__mro__" in definition(text, "equal_parts")) is (CLASS in NORMS[norm])
    assert split_source(text, MODULE).text is text


@pytest.mark.parametrize("norm", [each for each in NORMS if NORMS[each] != ALL])
def test_such_a_norm_computes_the_same(norm: str) -> None:
    top = TOP.replace("from .somewhere import get_norm, Other", "")
    eval_only = "if self.training:\n    return x\n" if "Sync" in norm else ""
    source = model(f"{CONV}self.bn = {norm}", eval_only + NESTED, top)
    result = assert_equivalent(source, lambda module: module.Net(), X, options=MODULE)
    assert sizes(run_source(result.text).Net()) == {4}


@pytest.mark.parametrize(
    "reset", ["nn.Identity()", "nn.BatchNorm2d(8, track_running_stats=not flag)"]
)
def test_another_norm_in_the_place_of_one_that_was_split(reset: str) -> None:
    init = f"{CONV}self.bn = nn.BatchNorm2d(8)\nif flag:\n    self.bn = {reset}"
    source = model(init, NESTED, "flag = bool(torch.ones(1))")
    result = assert_equivalent(source, lambda module: module.Net(), X, options=MODULE)
    assert checked(result.text) == ({KIND} if "Identity" in reset else {STATISTICS}) & ALL


SEQUENCES = {
    "nn.Sequential(CONV, nn.BatchNorm2d(8), nn.ReLU())": {KIND},
    "nn.Sequential(CONV, nn.BatchNorm2d(8), More(), CONV, Act())": {KIND},
    "nn.Sequential(conv(), nn.BatchNorm2d(8))": {KIND},
    "nn.Sequential(CONV, nn.BatchNorm2d(8), nn.Sequential(CONV, nn.InstanceNorm2d(8)))": {
        KIND,
        CHANNELS,
    },
    'nn.Sequential(OrderedDict([("c", CONV), ("n", nn.BatchNorm2d(8))]))': {KIND},
    'nn.Sequential(OrderedDict({"c": CONV, "n": nn.BatchNorm2d(8)}))': {KIND},
    "nn.Sequential(OrderedDict(c=CONV, n=nn.BatchNorm2d(8)))": {KIND},
    "nn.Sequential(\n    CONV,\n    nn.BatchNorm2d(8),\n)": {KIND},
    "nn.Sequential(CONV, nn.BatchNorm2d(8, track_running_stats=flag))": {KIND, STATISTICS},
    "nn.Sequential(CONV, nn.BatchNorm2d(8), act)": {KIND, SHARED},
    "nn.Sequential(*[CONV, nn.BatchNorm2d(8)])": ALL | {SHARED},
    "nn.Sequential(*layers)": ALL | {SHARED},
    "nn.Sequential(OrderedDict(named))": ALL | {SHARED},
    "nn.Sequential(named_dict)": ALL | {SHARED},
    "nn.Sequential(CONV, nn.BatchNorm2d(8), CONV, Own(8))": ALL | {SHARED},
    "nn.Sequential(CONV, nn.BatchNorm2d(8), wrap(nn.ReLU()))": ALL | {SHARED},
}
LISTS = """
layers = [CONV]
layers.append(nn.BatchNorm2d(8))
named = [("c", CONV), ("n", nn.BatchNorm2d(8))]
named_dict = OrderedDict()
named_dict["c"] = CONV
named_dict["n"] = nn.BatchNorm2d(8)
act = nn.ReLU()
"""


@pytest.mark.parametrize("built", SEQUENCES)
def test_what_is_checked_in_an_nn_sequential(built: str) -> None:
    top = TOP.replace(
        "from .somewhere import get_norm, Other", "from collections import OrderedDict"
    )
    top += "def conv():\n    return nn.Conv2d(8, 8, 1, groups=2)\ndef wrap(m):\n    return m\n"
    lists = LISTS if any(each in built for each in ("layers", "named", "act)")) else ""
    init = f"{lists if '*' in built or 'named' in built else 'act = nn.ReLU()'}\nself.net = {built}"
    source = model(init.replace("CONV", "nn.Conv2d(8, 8, 1, groups=2)"), "return self.net(x)", top)
    result = assert_equivalent(source, lambda module: module.Net(), X, options=MODULE)
    found = checked(result.text) | ({SHARED} & {*_words(definition(result.text, "split_norms"))})
    assert found == SEQUENCES[built]
    assert sizes(run_source(result.text).Net()) == {4}


def _words(code: str) -> list[str]:
    return [getattr(each, "attr", "") for each in ast.walk(ast.parse(code))]


@pytest.mark.parametrize("is_last", [True, False])
def test_all_nn_sequential_of_a_file_are_looked_at(is_last: bool) -> None:
    made = "nn.Sequential(nn.Conv2d(8, 8, 1, groups=2), nn.BatchNorm2d(8))"
    more = "layers = [nn.Conv2d(8, 8, 1, groups=2)]\nlayers.append(Own(8))\n"
    more += "self.more = nn.Sequential(*layers)"
    top = "class Own(nn.BatchNorm2d):\n    def forward(self, x):\n        return 2 * x\n"
    lines = [f"self.net = {made}", more] if is_last else [more, f"self.net = {made}"]
    source = model("\n".join(lines), "return self.more(self.net(x))", top)
    result = assert_equivalent(source, lambda module: module.Net(), X, options=MODULE)
    assert checked(result.text) == ALL
    assert sizes(run_source(result.text).Net()) == {4, 8}


def test_a_padding_in_an_nn_sequential_has_no_norm_checked() -> None:
    init = "layers = [nn.ZeroPad1d(1)]\nlayers.append(nn.Conv1d(8, 8, 3, groups=2))\n"
    source = model(init + "self.net = nn.Sequential(*layers, nn.ReLU())", "return self.net(x)")
    result = assert_equivalent(source, lambda each: each.Net(), torch.randn(2, 8, 9))
    assert "__mro__" not in result.text


@pytest.mark.parametrize(
    ("convs", "words"),
    [
        (["nn.Conv1d"], "a depthwise one is not."),
        (["nn.Conv2d", "nn.ConvTranspose1d"], "a depthwise one is not."),
        (["nn.Conv3d"], "Whether a convolution is grouped."),
        (["nn.Conv3d", "nn.Conv2d"], "but for 3d."),
        (["build(nn.Conv3d)"], "but for 3d."),
        (["Own2d"], "a depthwise one is not."),
        (["Own3d"], "Whether a convolution is grouped."),
    ],
)
def test_what_is_grouped(convs: list[str], words: str) -> None:
    top = """
    def build(cls):
        return lambda *sizes, groups: cls(*sizes, groups=groups)
    class Own2d(nn.Conv2d): ...
    class Own3d(nn.Conv3d): ...
    """
    for width in (8, 4):  # grouped, and depthwise
        init = "".join(
            f"self.conv{i} = {each}({width}, 8, 1, groups=4)\n" for i, each in enumerate(convs)
        )
        text = split_source(model(init, "return x", top), MODULE).text
        assert words in text or width == 4
        net = run_source(text).Net()
        for each in net.modules():
            if isinstance(each, nn.modules.conv._ConvNd) and each.groups > 1:
                assert each.groups == each.in_channels == each.out_channels != 8
                assert not isinstance(each, nn.Conv3d)


def test_a_subclass_needs_no_look_at_what_it_is() -> None:
    top = "class Own(nn.Conv2d):\n    def __init__(self, *a, **k):\n"
    top += "        super().__init__(*a, **k)\n"
    source = model("self.conv = Own(8, 8, 1, groups=2)", top=top)
    result = assert_equivalent(source, lambda module: module.Net(), X)
    assert "isinstance" not in definition(result.text, "split_groups")
    assert {type(each) for each in run_source(result.text).Net().conv.convs} == {nn.Conv2d}
    lazy = source.replace("nn.Conv2d", "nn.LazyConv2d").replace("Own(8, 8", "Own(8")
    assert "isinstance" in definition(split_source(lazy).text, "split_groups")


UP = "self.up = nn.ConvTranspose2d(8, 8, 2, stride=2, groups=groups)\n"
UPS = "self.ups = nn.ModuleList([nn.ConvTranspose2d(8, 8, 2, stride=2, groups=groups)])\n"
# Whether what is called may be given the size of its output.
TRANSPOSED = {
    "return self.up(x)": False,
    "return F.interpolate(self.up(x), scale_factor=2)": False,
    "return F.adaptive_avg_pool2d(self.up(x), output_size=2)": False,
    "return self.up(x, [10, 12])": True,
    "return self.up(x, output_size=[10, 12])": True,
    "return self.up(*[x])": True,
    "return self.up(x, **{})": True,
    "return self.up.forward(x, [10, 12])": True,
    "return self.up.__call__(x, [10, 12])": True,
    "return apply(self.up, x)": True,
    "return (lambda up: up(x, output_size=[10, 12]))(self.up)": True,
    "for up in self.ups:\n    x = up(x)\nreturn x": False,
    "for up in self.ups:\n    x = up(x, [10, 12])\nreturn x": True,
}


@pytest.mark.parametrize("forward", TRANSPOSED)
def test_the_size_of_the_output_of_a_transposed_convolution(forward: str) -> None:
    top = "def apply(f, x):\n    return f(x, output_size=[10, 12])\n" if "apply" in forward else ""
    source = model(UPS if "ups" in forward else UP, forward, top)
    source = source.replace("def __init__(self)", "def __init__(self, groups=2)")
    result = assert_equivalent(source, lambda module: module.Net(), X)
    assert ("class SplitGroupsTransposed(" in result.text) is TRANSPOSED[forward]
    made = "return SplitGroups(conv) if is_grouped(conv) else conv\n"
    if TRANSPOSED[forward]:
        made = "    return SplitGroupsTransposed(conv) if conv.transposed else SplitGroups(conv)\n"
        made = f"    if not is_grouped(conv):\n        return conv\n{made}"
    assert made in result.text
    plain = run_source(result.text).Net(groups=1)
    assert plain(X).dim() == 4


FEEDS = {
    "return torch.cat([x, self.conv(x)], 1)": ({"SplitGroups"}, "[x, *outputs_of(self.conv, x)]"),
    "return torch.cat([x, self.bn(self.conv(x))], 1)": (
        {"JoinGroups"},
        "[x, *outputs_of(self.bn, self.conv(x))]",
    ),
    "y = torch.cat([x, self.bn(self.conv(x))], 1)\nreturn torch.cat((y, self.more(x)), 1)": (
        {"SplitGroups", "JoinGroups"},
        "(y, *outputs_of(self.more, x))",
    ),
    "y = self.conv(x)\nz = self.more(x)\nreturn torch.cat([y, z], 1)": (
        {"SplitGroups"},
        "outputs = outputs_of(self.conv, x)\n        outputs_2 = outputs_of(self.more, x)\n"
        "        return torch.cat([*outputs, *outputs_2], 1)",
    ),
    "outputs = x + 1\nx = self.conv(x)\nreturn torch.cat([outputs, x], 1)": (
        {"SplitGroups"},
        "outputs_2 = outputs_of(self.conv, x)\n        return torch.cat([outputs, *outputs_2], 1)",
    ),
}


@pytest.mark.parametrize("forward", FEEDS)
def test_the_outputs_that_go_into_a_concatenation(forward: str) -> None:
    owners, code = FEEDS[forward]
    init = CONV + "self.bn = nn.BatchNorm2d(8)\nself.more = nn.Conv2d(8, 8, 1, groups=4)"
    result = assert_equivalent(model(init, forward), lambda module: module.Net(), X, options=MODULE)
    assert code in result.text
    found = {
        each
        for each in ("SplitGroups", "JoinGroups")
        if each in definition(result.text, "outputs_of")
    }
    assert found == owners
    for each in ("SplitGroups", "JoinGroups"):
        assert ("def outputs(" in definition(result.text, each)) is (each in owners)


CONV1D = "self.conv = nn.Conv1d(8, 8, 3, groups=2)\n"
PAD = "self.pad = nn.ConstantPad1d((2, 0), 0.5)\n"
COMMON, OWN, BOTH = "conv(pad(slices[i]))", "conv(paddings[i](slices[i]))", "isinstance(pad, "
PADDINGS = {
    "return self.conv(F.pad(x, (2, 0)))": COMMON,
    "return self.conv(self.pad(x))": OWN,
    "x = self.conv(self.pad(x))\nreturn self.conv(self.pad(x))": OWN,
    "x = self.conv(self.pad(x))\nreturn self.conv(F.pad(x, (2, 0)))": BOTH,
}


@pytest.mark.parametrize("init", [CONV1D + PAD, PAD + CONV1D])
@pytest.mark.parametrize("forward", PADDINGS)
def test_what_pads_the_slices(init: str, forward: str) -> None:
    source, x = model(init, forward), torch.randn(2, 8, 9)
    result = assert_equivalent(source, lambda module: module.Net(), x, options=MODULE)
    found = [each for each in (COMMON, OWN, BOTH) if each in result.text]
    assert found == ([OWN, BOTH] if PADDINGS[forward] == BOTH else [PADDINGS[forward]])
    assert result.text.count("= copy_padding(") == (found != [COMMON])


def test_slices_are_written_once() -> None:
    init = CONV1D + "self.net = nn.Sequential(nn.ZeroPad1d(1), nn.Conv1d(8, 8, 3, groups=4))\n"
    init += "self.more = nn.Conv1d(16, 8, 1, groups=2)\nself.bn = nn.BatchNorm1d(8)"
    forward = (
        "x = self.net(self.conv(F.pad(x, (2, 0))))\nx = torch.cat([x, self.bn(self.conv(x))], 1)"
    )
    source = model(init, f"{forward}\nreturn self.more(x)")
    source = source.replace("torch.cat([x, self", "torch.cat([x[..., 2:], self")
    x = torch.randn(2, 8, 9)
    result = assert_equivalent(source, lambda module: module.Net(), x, options=MODULE)
    assert result.text.count("width * i : width * i + width") == 1


NAMED = "self.a = nn.Conv2d(8, 8, 1, groups=2)\n"
LOADS = {
    "module": (CONV, "return self.conv(x)"),
    "named": (NAMED, "return self.a(x)"),
    "both": (
        NAMED + "self.net = nn.Sequential(nn.Conv2d(8, 8, 1, groups=2))",
        "return self.net(self.a(x))",
    ),
    "module, norm": (CONV + "self.bn = nn.BatchNorm2d(8)", NESTED),
    "named, norm": (NAMED + "self.bn = nn.BatchNorm2d(8)", "return self.bn(self.a(x))"),
}


@pytest.mark.parametrize("form", LOADS)
def test_what_loads_the_weights(form: str) -> None:
    style = "module" if "module" in form else "auto"
    options = Options(style=style)
    source = model(*LOADS[form])
    result = assert_equivalent(source, lambda module: module.Net(), X, options=options)
    load = definition(result.text, "load_parts")
    is_named = "module" not in form
    assert ("def load_parts(owner, name, parts," in load) is is_named
    assert ("if part in modules" in load) is is_named
    assert ("if name else prefix" in load) is (form == "both")
    assert ("num_batches_tracked" in load) is ("norm" in form)
    assert ('load_parts(self, "", parts' in result.text) is (form == "both")


# What a file is split from first, what is added to it then, and whether the helper will do.
ADDED = {
    "the same": ("nn.Conv2d(8, 8, 1, groups=g)", "nn.Conv2d(8, 8, 3, padding=1, groups=g)", True),
    "3d to 2d": ("nn.Conv2d(8, 8, 1, groups=g)", "nn.Conv3d(8, 8, 1, groups=g)", False),
    "2d to 3d": ("nn.Conv3d(8, 8, 1, groups=g)", "nn.Conv2d(8, 8, 1, groups=g)", False),
    "3d to 3d": ("nn.Conv3d(8, 8, 1, groups=g)", "nn.Conv3d(8, 8, 1, groups=g)", True),
    "a subclass": ("nn.Conv2d(8, 8, 1, groups=g)", "Own(8, 8, 1, groups=g)", False),
    "to a subclass": ("Own(8, 8, 1, groups=g)", "nn.Conv2d(8, 8, 1, groups=g)", True),
    "a norm": (
        "nn.Conv2d(8, 8, 1, groups=g)",
        "nn.Sequential(nn.Conv2d(8, 8, 1, groups=g), nn.BatchNorm2d(8))",
        False,
    ),
    "to a norm": (
        "nn.Sequential(nn.Conv2d(8, 8, 1, groups=g), nn.BatchNorm2d(8))",
        "nn.Conv2d(8, 8, 1, groups=g)",
        True,
    ),
    "another norm": (
        "nn.Sequential(nn.Conv2d(8, 8, 1, groups=g), nn.BatchNorm2d(8))",
        "nn.Sequential(nn.Conv2d(8, 8, 1, groups=g), nn.BatchNorm2d(8, eps=0.1))",
        True,
    ),
    "a norm with a forward": (
        "nn.Sequential(nn.Conv2d(8, 8, 1, groups=g), nn.BatchNorm2d(8))",
        "nn.Sequential(nn.Conv2d(8, 8, 1, groups=g), OwnNorm(8))",
        False,
    ),
    "to a norm with a forward": (
        "nn.Sequential(nn.Conv2d(8, 8, 1, groups=g), OwnNorm(8))",
        "nn.Sequential(nn.Conv2d(8, 8, 1, groups=g), nn.BatchNorm2d(8))",
        True,
    ),
    "a norm of any number": (
        "nn.Sequential(nn.Conv2d(8, 8, 1, groups=g), nn.BatchNorm2d(8))",
        "nn.Sequential(nn.Conv2d(8, 8, 1, groups=g), nn.InstanceNorm2d(1))",
        False,
    ),
    "a norm without statistics": (
        "nn.Sequential(nn.Conv2d(8, 8, 1, groups=g), nn.BatchNorm2d(8))",
        "nn.Sequential(nn.Conv2d(8, 8, 1, groups=g), nn.BatchNorm2d(8, track_running_stats=g > 9))",
        False,
    ),
}
ADDITION = """\


class {name}(nn.Module):
    def __init__(self, g=2):
        super().__init__()
        self.net = nn.Sequential(nn.Sequential({built}), nn.Tanh())

    def forward(self, x):
        return self.net(x)
"""
START = """\
import torch
from torch import nn


class Own(nn.Conv2d): ...


class OwnNorm(nn.BatchNorm2d):
    def forward(self, x):
        return 2 * super().forward(x)
"""


@pytest.mark.parametrize("form", ADDED)
def test_a_convolution_added_to_a_file_that_has_a_helper(form: str) -> None:
    first, then, will_do = ADDED[form]
    first, then = (
        each.removeprefix("nn.Sequential(").replace("))", ")") if "Norm" in each else each
        for each in (first, then)
    )
    source = START + ADDITION.format(name="First", built=first)
    text = split_source(source, MODULE).text
    more = ADDITION.format(name="Then", built=then)
    again = split_source(text + more, MODULE).text
    assert ("split_groups_2" not in again) is will_do
    assert again.startswith(text[: text.index("def load_parts")])
    assert split_source(again, MODULE).text is again
    original, split = run_source(source + more), run_source(again)
    for name, built in (("First", first), ("Then", then)):
        x = torch.randn(2, 8, 4, 5, 3) if "3d" in built else X
        one, other = getattr(original, name)(), getattr(split, name)()
        assert_same_models(one, other, x)
        assert not any(
            isinstance(each, nn.modules.conv._ConvNd) and each.groups > 1
            for each in other.modules()
        )


@pytest.mark.parametrize(
    ("first", "then", "word"),
    [
        ("return self.conv(x)", "return torch.cat([x, self.conv(x)], 1)", "split_groups_2"),
        (
            "return torch.cat([x, self.bn(self.conv(x))], 1)",
            "return torch.cat([x, self.conv(x)], 1)",
            "outputs_of_2",
        ),
        (
            "return torch.cat([x, self.conv(x)], 1)",
            "return torch.cat([x, self.bn(self.conv(x))], 1)",
            "outputs_of_2",
        ),
        ("return torch.cat([x, self.conv(x)], 1)", "return torch.cat([self.conv(x), x], 1)", ""),
        ("return self.conv(F.pad(x, (2, 0)))", "return self.conv(self.pad(x))", "apply_padded_2"),
        ("return self.conv(self.pad(x))", "return self.conv(F.pad(x, (2, 0)))", "apply_padded_2"),
        ("return self.conv(self.pad(x))", "return self.conv(self.pad(x) * 1)", ""),
        (
            "return self.conv(F.pad(self.net(x), (2, 0)))",
            "return self.conv(self.pad(x))",
            "apply_padded_2",
        ),
    ],
)
def test_a_call_added_to_a_file_that_has_a_helper(first: str, then: str, word: str) -> None:
    init = CONV1D + PAD + "self.bn = nn.BatchNorm1d(8)\n"
    init += "self.net = nn.Sequential(nn.ZeroPad1d(1), nn.Conv1d(8, 8, 3, groups=2))"
    if "cat" in then:
        init = init.replace("8, 3,", "8, 1,")
    text = split_source(model(init, first), MODULE).text
    more = model(init, then).split("\n\n\n")[1].replace("Net", "More")
    again = split_source(f"{text}\n\n{more}", MODULE).text
    assert word in again if word else "_2(" not in again
    x = torch.randn(2, 8, 9)
    assert_same_models(run_source(model(init, then)).Net(), run_source(again).More(), x)
    assert split_source(again, MODULE).text is again


@pytest.mark.parametrize(
    ("first", "then"), [("module", "named"), ("named", "named, norm"), ("named, norm", "named")]
)
def test_a_class_added_to_a_file_that_loads_weights(first: str, then: str) -> None:
    options = Options(style="module" if first == "module" else "auto")
    text = split_source(model(*LOADS[first]), options).text
    source = model(*LOADS[then]).replace("self.a", "self.c").replace("self.bn", "self.norm")
    more = source.split("\n\n\n")[1].replace("Net", "More")
    text = split_source(f"{text}\n\n{more}").text
    assert ("load_parts_2" in text) is (first != "named, norm")
    assert_same_models(run_source(source).Net(), run_source(text).More(), X)


def test_weights_are_loaded_by_a_helper_that_can() -> None:
    text = split_source(model(CONV), Options(style="module", checkpoint=False)).text
    more = model(NAMED, "return self.a(x)").split("\n\n\n")[1].replace("Net", "More")
    text = split_source(f"{text}\n\n{more}").text
    assert text.count("def load_parts(") == 1
    last = model(CONV).split("\n\n\n")[1].replace("Net", "Last")
    text = split_source(f"{text}\n\n{last}", MODULE).text
    assert_same_models(run_source(model(CONV)).Net(), run_source(text).Last(), X)


def test_the_length_of_the_helper_is_what_the_readme_says() -> None:
    source = dedent("""\
        import torch
        from torch import nn


        def conv3x3(width, stride=1, groups=1):
            return nn.Conv2d(width, width, 3, stride=stride, padding=1, groups=groups, bias=False)
        """)
    options = Options(black={"line-length": 100})
    text = split_source(source, options).text
    lines = text[: text.index("def conv3x3")].count("\n")
    assert 92 <= lines <= 98 and "some 95 lines" in README
    text = split_source(model(NAMED, "return self.a(x)"), options).text
    lines = text[text.index("def load_parts") : text.index("class Net")].count("\n") - 2
    assert 27 <= lines <= 33 and "some 30 lines" in README
