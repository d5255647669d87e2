"""weight_norm by way of a variable, which may be spectral_norm as well."""

from __future__ import annotations

import warnings
from textwrap import dedent

import pytest

from cases import assert_unchanged, assert_wrapped, left, model
from gencode import Options, split_source

BARE = Options(checkpoint=False)
NORMS = "from torch.nn.utils import remove_weight_norm, spectral_norm, weight_norm"
CONV = "nn.Conv1d(8, 16, 3, groups=g)"


def net(norm: str, use: str = f"self.conv = f({CONV})", top: str = "") -> str:
    """A model whose initialiser makes a variable of some norms, and uses it."""
    return model(f"{dedent(norm)}\n{use}", top=f"{NORMS}\n{dedent(top)}")


OTHER = "it may be given another parametrization"
SPECTRAL = "spectral_norm may be applied to it"
EITHER = "f = weight_norm if not spectral else spectral_norm"


@pytest.mark.parametrize(
    ("norm", "what", "line"),
    [
        ("f = weight_norm if g else norm", OTHER, 11),
        ("f = spectral_norm if g else norm", SPECTRAL, 11),
        ("f = spectral_norm if g else nn.utils.parametrizations.spectral_norm", SPECTRAL, 11),
        ("f = weight_norm\nif g:\n    f = norm", OTHER, 13),
        ("f = weight_norm\nif g:\n    f = 0", OTHER, 13),
        (
            "f = weight_norm\nif g:\n    f = spectral_norm\nelse:\n    from mylib import f",
            *(SPECTRAL, 15),
        ),
        ("f = weight_norm\nif g:\n    def f(m): return m", OTHER, 13),
        ("f = weight_norm if g else lambda m: m", OTHER, 11),
        ("f = weight_norm if g else functools.partial(weight_norm, dim=1)", OTHER, 11),
        ("from functools import partial\nf = partial(nn.utils.spectral_norm, dim=0)", SPECTRAL, 12),
        ("for f in (weight_norm, spectral_norm): ...", SPECTRAL, 11),
        ("f = weight_norm if g else nn.utils.remove_spectral_norm", OTHER, 11),
        ("f = g\n\n\ng = spectral_norm if f else weight_norm if g else f or 1", SPECTRAL, 14),
    ],
)
def test_a_variable_that_may_be_something_else(norm: str, what: str, line: int) -> None:
    assert left(net(norm)) == f"{what} (line {line})"


@pytest.mark.parametrize(
    "use",
    [
        f"self.conv = f({CONV}, dim=1)",
        f"self.conv = f({CONV}, 'weight', 1)",
        f"self.conv = f(module={CONV})",
    ],
)
def test_a_convolution_that_is_not_at_hand_as_a_whole(use: str) -> None:
    assert left(net(EITHER, use)) == f"{SPECTRAL} (line 11)"


@pytest.mark.parametrize("given", ["dim=2", "'weight', 1", "dim=2, name='weight'"])
@pytest.mark.parametrize("norm", ["f = nn.utils.weight_norm", "f = weight_norm if g else f"])
def test_a_variable_that_is_weight_norm_along_another_dimension(norm: str, given: str) -> None:
    reason = left(net(norm, f"self.conv = f({CONV}, {given})"))
    assert reason == "weight_norm with another dim than 0 couples its groups (line 11)"


TWO = """
try:
    from torch.nn.utils.parametrizations import weight_norm
except ImportError: ...
"""


def test_weight_norm_along_another_dimension_by_a_name_that_two_imports_give() -> None:
    reason = "weight_norm with another dim than 0 couples its groups (line 14)"
    assert left(net("", f"self.conv = weight_norm({CONV}, dim=1)", TWO)) == reason


@pytest.mark.parametrize(
    "passed",
    ["Block(g, norm)", "Block(g, f=norm)", "Block(g, *more)", "Block(g, **more)", "Block(*more)"],
)
def test_a_parameter_that_is_given_something_else(passed: str) -> None:
    reason = f"{SPECTRAL} (line 9)"
    assert left(block(f"{passed}\nBlock(4, spectral_norm)")) == reason


def block(more: str, default: str = "=weight_norm") -> str:
    """A class to which the norm is passed."""
    return (
        f"import torch.nn as nn\n{NORMS}\n\n\n"
        "class Block(nn.Module):\n"
        "    # The norm is a parameter.\n"
        f"    def __init__(self, g, f{default}):\n"
        "        super().__init__()\n"
        f"        self.conv = f({CONV})\n\n"
        "    def forward(self, x):\n"
        "        return self.conv(x)\n\n\n"
        f"{more}\n"
    )


def test_what_is_done_with_the_result_is_seen() -> None:
    use = f"self.convs = nn.ModuleList([f({CONV})])\nself.convs[0].weight_g.data.fill_(1)"
    assert "its weight_g is used" in left(net(EITHER, use))


def test_what_is_to_be_left_alone() -> None:
    use = f"self.conv = f({CONV})  # gencode: skip"
    (record,) = assert_unchanged(net(EITHER, use)).records
    assert record.status == "skipped"


@pytest.mark.parametrize(
    "norm",
    [
        EITHER,
        "f = weight_norm if spectral == False else spectral_norm",
        "f = spectral_norm if spectral else weight_norm",
        "if spectral:\n    f = spectral_norm\nelse:\n    f = weight_norm",
        "a = weight_norm\nif spectral:\n    a = nn.utils.spectral_norm\nf = a",
        "f: object = nn.utils.parametrizations.weight_norm if g else weight_norm",
        "f = weight_norm or spectral_norm",
        "f = dict(a=weight_norm, b=spectral_norm)['b' if spectral else 'a']",
        "if spectral:\n    from torch.nn.utils.parametrizations import spectral_norm as f\n"
        "else:\n    from torch.nn.utils.parametrizations import weight_norm as f",
    ],
)
def test_a_variable_that_is_weight_norm_or_spectral_norm(norm: str) -> None:
    assert_split_after(norm, f"self.conv = f({CONV})")


@pytest.mark.parametrize(
    "use",
    [
        f"self.conv = f({CONV}, name='weight')",
        f"self.conv = {CONV}\nself.conv = f(self.conv)",
        f"self.conv = f({CONV} if g > 1 else None)",
        f"def make():\n    return {CONV}\nself.conv = f(make())",
        f"self.conv = f(  # which?\n    {CONV})",
    ],
)
def test_what_the_variable_is_applied_to_in_other_ways(use: str) -> None:
    assert_split_after(EITHER, use)


def assert_split_after(norm: str, use: str) -> None:
    """The convolution is split by a line after the norm, and what PLiNIO does not take is said."""
    result = assert_wrapped(net(norm, use))
    assert "\n        self.conv = split_conv(self.conv)\n" in result.text
    (record,) = result.records
    notes = "PLiNIO takes no convolution under weight_norm"
    if "spectral" in norm:
        notes += "; under any other norm it keeps its groups"
    assert record.note.endswith(notes)


@pytest.mark.parametrize(
    ("more", "default"),
    [
        ("", "=weight_norm"),
        ("Block(4, spectral_norm)", "=weight_norm"),
        ("Block(4, f=spectral_norm if x else weight_norm)", "=weight_norm"),
        ("Block(4, weight_norm)\nBlock(4, spectral_norm)", ""),
        ("def make(f): return Block(4, f)\nmake(weight_norm)", "=spectral_norm"),
        ("class More(Block):\n    def __init__(self): super().__init__(4, f=weight_norm)", ""),
    ],
)
def test_a_parameter(more: str, default: str) -> None:
    text = split_source(block(more, default), BARE).text
    assert f"\n        self.conv = f({CONV})\n        self.conv = split_conv(self.conv)\n" in text
    assert "warnings.warn(" in text


def test_a_parameter_of_a_lambda() -> None:
    use = f"make = lambda f=weight_norm: f({CONV})\nself.conv = make()"
    text = split_source(net("", use), BARE).text
    assert f"        make = lambda f=weight_norm: split_conv(f({CONV}))\n" in text


def test_a_name_that_two_imports_give() -> None:
    use = f"self.conv = {CONV}\nself.conv = weight_norm(self.conv, dim=0)"
    text = assert_wrapped(net("", use, TWO)).text
    assert "        self.conv = split_conv(self.conv)\n" in text


def test_it_is_said_that_what_takes_it_away_raises() -> None:
    use = f"self.a = f({CONV})\nself.conv = {CONV}\nremove_weight_norm(self.conv)"
    result = assert_wrapped(net(EITHER, use))
    assert not result.warnings  # it is done to the whole
    use = f"self.conv = f({CONV})\n\ndef bare(self):\n    remove_weight_norm(self.conv)"
    text = net(EITHER, use).replace("        \n", "\n").replace("        def bare", "    def bare")
    text = text.replace("            remove", "        remove")
    (warning,) = assert_wrapped(text).warnings
    assert (
        "remove_weight_norm is applied to it (line 14) once it is split (line 11)"
        in warning.message
    )


def test_a_helper_that_cannot_do_it_is_not_taken_for_one_that_can() -> None:
    torch = pytest.importorskip("torch")
    from equivalence import grouped_left, run_source

    before = split_source(net("", f"self.conv = {CONV}", "g, spectral = 2, False"), BARE).text
    more = net(EITHER).partition("class Net")[2]
    module = run_source(split_source(f"{before}\n\nclass More{more}", BARE).text)
    for each in (module.Net(), module.More()):
        assert not grouped_left(each)
        assert each(torch.randn(2, 8, 9)).shape == (2, 16, 7)


def test_a_helper_module_imports_no_more_than_that() -> None:
    text = split_source(net(EITHER), Options(helper_module="splitting")).text
    assert "from splitting import split_conv\n" in text


def test_a_class_that_constrains_each_filter_is_not_split_under_weight_norm() -> None:
    top = """
    class Own(nn.Conv1d):
        def forward(self, x):
            self.weight.data.clamp_(-1, 1)
            return super().forward(x)
    """
    use = "self.conv = weight_norm(Own(8, 16, 3, groups=g))"
    reason = "Own is a subclass of Conv1d: it has a forward of its own (line 7)"
    for function, before in (("weight_norm", ""), ("f", EITHER)):
        assert left(net(before, use.replace("weight_norm", function), top)) == reason


DISCRIMINATOR = """
import torch
from torch import nn
from torch.nn.utils import parametrizations, spectral_norm, weight_norm


class Net(nn.Module):
    def __init__(self, spectral, cls=nn.Conv1d):
        super().__init__()
        norm_f = weight_norm if not spectral else spectral_norm
        self.convs = nn.ModuleList(
            [
                norm_f(nn.Conv1d(2, 8, 5, padding=2)),
                norm_f(nn.Conv1d(8, 8, 5, 2, groups=4, padding=2)),
                norm_f(nn.ConvTranspose1d(8, 8, 5, groups=2)),
                norm_f(cls(8, 16, 3, groups=4, padding=1)),
                norm_f(nn.Conv1d(16, 16, 3, groups=16)),
            ]
        )

    def forward(self, x):
        for conv in self.convs:
            x = torch.tanh(conv(x))
        return x
"""


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
@pytest.mark.parametrize("path", ["", "parametrizations."])
def test_equivalence(path: str) -> None:
    torch = pytest.importorskip("torch")
    from equivalence import assert_equivalent, grouped_left, run_source

    source = DISCRIMINATOR.replace("= weight_norm if", f"= {path}weight_norm if")
    source = source.replace("else spectral", f"else {path}spectral")
    x = torch.randn(2, 2, 32)
    assert_equivalent(source, lambda module: module.Net(False), x)
    result = assert_equivalent(source, lambda module: module.Net(True), x)
    original, split = run_source(source), run_source(result.text)
    with pytest.warns(UserWarning, match=r"is left with its \d groups") as caught:
        net = split.Net(True)
    assert len([each for each in caught if "is left" in str(each.message)]) == 3
    assert {each.filename for each in caught} == {split.__name__}
    assert net.state_dict().keys() == original.Net(True).state_dict().keys()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        net = split.Net(False)
    assert not grouped_left(net)
    keys = {key.rpartition(".")[2] for key in net.state_dict()}
    assert keys == {"bias", *(("original0", "original1") if path else ("weight_g", "weight_v"))}
    net.load_state_dict(original.Net(False).state_dict())


def test_what_the_source_does_not_show_is_given_the_whole() -> None:
    torch = pytest.importorskip("torch")
    from equivalence import grouped_left, run_source

    module = run_source(split_source(block("")).text)
    given = []

    def norm(conv: object) -> object:
        given.append(type(conv))
        return conv

    assert not grouped_left(module.Block(4, norm))
    assert given == [torch.nn.Conv1d]
    with pytest.warns(UserWarning, match="is left with its 4 groups"):
        net = module.Block(4, module.spectral_norm)
    assert grouped_left(net) == ["conv"]


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_what_is_no_convolution_is_left_alone() -> None:
    torch = pytest.importorskip("torch")
    from equivalence import run_source

    module = run_source(split_source(DISCRIMINATOR).text)
    linear = lambda *args, **kwargs: torch.nn.Linear(8, 16)  # noqa: E731
    with pytest.warns(UserWarning):
        net = module.Net(True, linear)
    assert type(net.convs[3]) is torch.nn.Linear and "weight_orig" in net.convs[3]._parameters
