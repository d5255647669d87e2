"""What else a source does with a norm that moves, and what is done with the split model."""

from __future__ import annotations

import copy
import importlib
import pickle
import sys
import types
from pathlib import Path

import pytest

from cases import model

torch = pytest.importorskip("torch")

from norms import check, notes  # noqa: E402
from torch import nn  # noqa: E402

from equivalence import assert_same_models, carried_over, run_source  # noqa: E402
from gencode import Options, helper_source, split_source  # noqa: E402
from gencode.outcome import Style  # noqa: E402

BUILT = "self.conv = nn.Conv2d(16, 32, 3, groups=2)\nself.bn = nn.BatchNorm2d(32)\n"
NESTED = "return self.bn(self.conv(x)).relu()"
SEQUENCE = "self.net = nn.Sequential(nn.Conv2d(16, 32, 3, groups=2), nn.BatchNorm2d(32))\n"
STYLES: tuple[Style, ...] = ("explicit", "loop", "built")
EACH = "for m in self.modules():\n    if isinstance(m, nn.BatchNorm2d):\n"

# A statement of __init__, and whether the norm moves nevertheless.
STATEMENTS = {
    "nn.init.zeros_(self.bn.weight)": True,
    "self.bn.weight.data.fill_(0.5)": True,
    "self.bn.weight.data = torch.arange(32.0)": True,
    "with torch.no_grad():\n    self.bn.bias.copy_(torch.arange(32.0))": True,
    "self.bn.weight.requires_grad = False": True,
    "self.bn.weight.requires_grad_(False)": True,
    "self.bn.requires_grad_(False)": True,
    "self.bn.eval()": True,
    "if self.bn.affine:\n    nn.init.zeros_(self.bn.weight)": True,
    "self.size = self.bn.num_features + self.bn.eps": True,
    EACH + "        m.momentum = 0.3\n        m.eps = 0.2": True,
    EACH + "        nn.init.constant_(m.weight, 0.5)\n        m.eval()": True,
    EACH + "        for p in m.parameters():\n            p.requires_grad = False": True,
    "self.bn.weight = nn.Parameter(torch.zeros(32))": True,
    "self.bn.bias.data[:3] = 3.0": True,
    "self.bn.running_mean.fill_(2.0)": False,
    "self.bn.momentum = 0.3": False,
    "for p in self.bn.parameters():\n    p.requires_grad = False": False,
    "if isinstance(self.bn, nn.BatchNorm2d):\n    nn.init.zeros_(self.bn.weight)": True,
    "assert isinstance(self.bn, nn.Module)": True,
    "assert issubclass(type(self.bn), nn.Module)": True,
    "if hasattr(self.bn, 'weight'):\n    nn.init.zeros_(self.bn.weight)": True,
    "for m in self.children():\n    if isinstance(m, nn.BatchNorm2d):\n        m.eps = 0.2": False,
    "for n, p in self.named_parameters():\n    if 'bn.weight' in n:\n        p.data.zero_()": True,
    "for n, p in self.named_parameters():\n    if n == 'bn.bias':\n        p.data.fill_(2)": True,
}


def facts(split: nn.Module) -> list[tuple[object, ...]]:
    """What a statement of __init__ may have changed of norms, for 32 channels."""
    found = []
    for each in split.modules():
        if isinstance(each, nn.BatchNorm2d):
            grads = tuple(p.requires_grad for p in each.parameters())
            fact = (each.eps, each.momentum, each.training, grads)
            found += [fact] * (each.num_features // 16)
    return found


@pytest.mark.parametrize("style", ["auto", "built"])
@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_statement_about_the_norm(statement: str, style: Style) -> None:
    source = model(BUILT + statement, NESTED)
    result = check(source, {16 if STATEMENTS[statement] else 32}, style)
    assert ("stays" in notes(result)) is not STATEMENTS[statement]
    original = run_source(source).Net()
    split = run_source(result.text).Net()
    assert facts(split) == facts(original)
    values = {k: v for k, v in original.state_dict().items() if k.startswith("bn")}
    expected = carried_over(split, original.state_dict())
    for name, value in split.state_dict().items():
        if "bn" in name:
            torch.testing.assert_close(value, expected[name])
    assert values


IN_ANOTHER_CLASS = """
class Block(nn.Module):
    def __init__(self, groups):
        super().__init__()
        self.conv2 = nn.Conv2d(16, 32, 1, groups=groups)
        self.bn2 = nn.BatchNorm2d(32)

    def forward(self, x):
        return self.bn2(self.conv2(x))
"""


@pytest.mark.parametrize(
    "statement",
    ["nn.init.constant_(m.bn2.weight, 0.25)", "m.bn2.weight.data.fill_(0.25)"],
)
def test_the_last_norm_of_each_block_is_initialised(statement: str) -> None:
    """It stays whole: another constructor sets its weight by its name."""
    init = "self.block = Block(2)\nself.other = Block(1)\nfor m in self.modules():\n"
    init += f"    if isinstance(m, Block):\n        {statement}"
    source = model(init, "return self.block(x) + self.other(x)", IN_ANOTHER_CLASS)
    result = check(source, {32})
    assert "self.bn2 stays after the concatenation: its weight is set" in notes(result)
    split = run_source(result.text).Net()
    named = split.named_parameters()
    weights = [each for name, each in named if "bn2" in name and name.endswith("weight")]
    assert [each.numel() for each in weights] == [32, 32]
    assert all((each == 0.25).all() for each in weights)


@pytest.mark.parametrize("name", ["BatchNorm", "BatchNorm2d"])
def test_an_initialisation_by_the_name_of_the_class(name: str) -> None:
    top = f"""
    def init(m):
        name = m.__class__.__name__
        if name.find("Conv") != -1:
            nn.init.normal_(m.weight, 0.0, 0.02)
        elif name.find("{name}") != -1:
            nn.init.constant_(m.weight, 0.5)
    """
    result = check(model(BUILT + "self.apply(init)", NESTED, top), {16}, "built")
    split = run_source(result.text).Net()
    assert all((each.weight == 0.5).all() for each in split.bn.parts)


def test_an_initialisation_by_a_part_of_the_name_of_the_class() -> None:
    top = """
    def init(m):
        if "Norm" in type(m).__name__:
            nn.init.constant_(m.weight, 0.5)
    """
    check(model(BUILT + "self.apply(init)", NESTED, top), {16}, "built")


@pytest.fixture(params=[(style, init) for style in STYLES for init in (BUILT, SEQUENCE)])
def split(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> nn.Module:
    """A model with a norm in each branch, in a file that pickle and TorchScript find."""
    style, init = request.param
    text = split_source(
        model(init, NESTED if init is BUILT else "return self.net(x)"), Options(style=style)
    ).text
    (tmp_path / "split_for_norms.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "split_for_norms", raising=False)
    module = importlib.import_module("split_for_norms")
    torch.manual_seed(0)
    made = module.Net().double()
    for _ in range(3):
        made(torch.randn(4, 16, 7, 6).double() * 3 + 1)
    assert isinstance(made, nn.Module)
    return made.eval()


def test_the_result_is_copied_and_kept(split: nn.Module) -> None:
    x = torch.randn(2, 16, 7, 6).double()
    expected = split(x)
    torch.testing.assert_close(copy.deepcopy(split)(x), expected)
    torch.testing.assert_close(pickle.loads(pickle.dumps(split))(x), expected)


@pytest.mark.parametrize(
    "forward",
    [
        NESTED,
        "return self.bn(self.conv(x)) * self.conv(x, output_size=[9, 8])",
        pytest.param(
            "return torch.cat([self.bn(self.conv(x)), x], 1)",
            marks=pytest.mark.xfail(strict=True, reason="outputs_of takes any module"),
        ),
    ],
)
def test_a_transposed_convolution_is_scripted(
    forward: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    init = BUILT.replace("Conv2d", "ConvTranspose2d")
    text = split_source(model(init, forward), Options(style="built")).text
    (tmp_path / "split_transposed.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "split_transposed", raising=False)
    torch.jit.script(importlib.import_module("split_transposed").Net())


def test_a_norm_that_may_be_left_out_is_scripted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = "x = self.conv(x)\nif self.use_bn:\n    x = self.bn(x)\nreturn x.relu()"
    source = model(BUILT + "self.use_bn: torch.jit.Final[bool] = True", forward)
    text = split_source(source, Options(style="built")).text
    (tmp_path / "split_left_out.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    torch.jit.script(importlib.import_module("split_left_out").Net())


@pytest.mark.filterwarnings("ignore")
def test_the_result_is_traced_and_scripted(split: nn.Module) -> None:
    x = torch.randn(2, 16, 7, 6).double()
    expected = split(x)
    torch.testing.assert_close(torch.jit.trace(split, x)(x), expected)
    torch.testing.assert_close(torch.jit.script(split)(x), expected)


def test_the_result_is_traced_symbolically(split: nn.Module) -> None:
    x = torch.randn(2, 16, 7, 6).double()
    torch.testing.assert_close(torch.fx.symbolic_trace(split)(x), split(x))


def test_the_norms_of_the_result_are_converted(split: nn.Module) -> None:
    x = torch.randn(2, 16, 7, 6).double()
    expected = split(x)
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(split)
    names = [type(each).__name__ for each in converted.modules()]
    assert names.count("SyncBatchNorm") == 2
    torch.testing.assert_close(converted.eval()(x), expected)


@pytest.mark.parametrize("init", [BUILT, SEQUENCE])
@pytest.mark.parametrize("style", STYLES)
def test_the_old_state_dict_loads_back_and_forth(style: Style, init: str) -> None:
    source = model(init, NESTED if init is BUILT else "return self.net(x)")
    split = run_source(split_source(source, Options(style=style)).text)
    one, other = split.Net(), split.Net()
    original = run_source(source).Net()
    one.load_state_dict(original.state_dict())
    other.load_state_dict(one.state_dict())
    values = original.state_dict()
    key = next(each for each in values if each.endswith("running_var"))
    missing = {k: v for k, v in values.items() if k != key}
    with pytest.raises(RuntimeError, match=r"Missing key.*running_var"):
        other.load_state_dict(missing)
    values[key] = values[key][:-1]
    with pytest.raises(RuntimeError, match=r"size mismatch for .*running_var"):
        other.load_state_dict(values)


# Comments, lines and white space around the norm's statements: __init__ and forward.
TEXTS = {
    "comments": (
        "# c1\nself.conv = nn.Conv2d(16, 32, 3, groups=2)  # c2\n# c3\n"
        "self.bn = nn.BatchNorm2d(  # c4\n    32,  # c5\n    # c6\n)  # c7\n# c8",
        "# c9\nx = self.conv(x)  # c10\n# c11\nx = self.bn(x)  # c12\n# c13\nreturn x",
    ),
    "comments under an if": (
        BUILT + "self.use = True",
        "x = self.conv(x)  # c1\n# c2\nif self.use:  # c3\n    # c4\n    x = self.bn(x)  # c5\n"
        "    # c6\n# c7\nreturn x",
    ),
    "comments inside": (
        BUILT,
        "x = self.bn(  # c1\n    # c2\n    self.conv(x)  # c3\n)  # c4\nreturn x",
    ),
    "semicolons": (
        "self.conv = nn.Conv2d(16, 32, 3, groups=2); self.bn = nn.BatchNorm2d(32)  # c1",
        "x = self.conv(x); x = self.bn(x); x = x.relu()  # c2\nreturn x",
    ),
    "one line": (
        BUILT + "self.use = True",
        "x = self.conv(x)\nif self.use: x = self.bn(x)\nreturn x",
    ),
    "an annotation": (
        "self.conv: nn.Module = nn.Conv2d(16, 32, 3, groups=2)\n"
        "self.bn: nn.Module = nn.BatchNorm2d(32)",
        NESTED,
    ),
    "a continuation": (BUILT, "x = \\\n    self.bn(self.conv(x))\nreturn x"),
    "in a with": (
        BUILT,
        "with torch.enable_grad():\n    x = self.conv(x)\n    x = self.bn(x)\nreturn x",
    ),
    "a long line": (
        BUILT.replace("conv", "a_convolution_with_a_name_that_is_long").replace(
            "bn", "the_norm_that_follows_directly"
        ),
        "x = self.the_norm_that_follows_directly(self.a_convolution_with_a_name_that_is_long(x))\n"
        "return x",
    ),
}


@pytest.mark.parametrize("style", ["auto", "loop", "built"])
@pytest.mark.parametrize("form", TEXTS)
def test_the_text_around_the_norm(form: str, style: Style) -> None:
    source = model(*TEXTS[form])
    for text in (source, source.replace("\n", "\r\n"), source.replace("    ", "\t")):
        result = split_source(text, Options(style=style))
        module = run_source(result.text).Net()
        found = {each.num_features for each in module.modules() if hasattr(each, "momentum")}
        stays = style == "built" and "if self.use" in text  # it is not always applied
        assert found >= ({32} if stays else {16})
        for number in range(1, 14):
            assert text.count(f"# c{number}\n") == result.text.count(f"# c{number}\n")
        assert ("\r\n" in text) == ("\r\n" in result.text)
        assert not ("\r\n" in text and "\n" in result.text.replace("\r\n", ""))


def test_a_helper_module(monkeypatch: pytest.MonkeyPatch) -> None:
    options = Options(style="built", helper_module="splitting_for_norms")
    helper = types.ModuleType("splitting_for_norms")
    exec(helper_source(), helper.__dict__)
    monkeypatch.setitem(sys.modules, "splitting_for_norms", helper)
    for init, forward in ((BUILT, NESTED), (SEQUENCE, "return self.net(x)")):
        result = split_source(model(init, forward), options)
        assert "class JoinedGroups" not in result.text
        original, made = run_source(model(init, forward)).Net(), run_source(result.text).Net()
        assert_same_models(original, made, torch.randn(2, 16, 7, 6))
        assert sum(isinstance(each, nn.BatchNorm2d) for each in made.modules()) == 2
