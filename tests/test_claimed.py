"""What is said of a convolution is true: split, may be split, or none of torch's at all."""

from __future__ import annotations

from textwrap import dedent

import pytest

from cases import assert_unchanged
from gencode import Record, split_source
from gencode.command import main

NET = """\
import torch
import torch.nn.functional as F
from torch import nn

{top}


class Net(nn.Module):
    def __init__(self, c=8, groups=2, cfg=None, **kwargs):
        super().__init__()
        {init}

    def forward(self, x):
        {forward}
"""


def net(init: str, forward: str = "return self.conv(x)", top: str = "import lib") -> str:
    init, forward = init.replace("\n", "\n        "), forward.replace("\n", "\n        ")
    return NET.format(top=dedent(top), init=init, forward=forward)


def records(source: str) -> tuple[Record, ...]:
    return split_source(source).records


@pytest.mark.parametrize(
    ("build", "status"),
    [
        ("nn.Conv2d(8, 16, 3, groups=2)", "split"),
        ("nn.Conv2d(c, 2 * c, 3, groups=2)", "split"),
        ("nn.Conv2d(c, c, 3, groups=groups)", "may be split"),
        ("nn.Conv2d(c, 2 * c, 3, groups=c)", "may be split"),
        ("lib.Conv2d(8, 16, 3, groups=2)", "may be split"),
        ("lib.QuantConv2d(8, 16, 3, groups=2)", "may be split"),
    ],
)
def test_split_is_said_only_of_what_the_source_shows_to_be_grouped(build: str, status: str) -> None:
    (record,) = records(net(f"self.conv = {build}"))
    assert record.status == status
    assert record.is_split


FACTORIES = [
    ("self.conv = build_conv_layer(cfg, c, c, 3, groups=groups)", ""),
    ("self.conv = lib.create(c, c, kernel_size=3, groups=groups)", ""),
    ("self.conv = Conv[Conv.CONV, 2](in_channels=c, out_channels=c, kernel_size=3, groups=2)", ""),
    ("self.conv = LAYERS.get(cfg)(c, c, 3, groups=groups)", ""),
    ("maker = lib.Maker()\nself.conv = maker.make(c, c, 3, groups=groups)", ""),
    ("self.conv = nn.Sequential(build_conv_layer(cfg, c, c, 3, groups=groups), nn.ReLU())", ""),
    ("self.conv = make(c, groups)", "def make(c, g):\n    return get_layer(c, c, 3, groups=g)"),
]
IMPORTS = "from lib import Conv, LAYERS, build_conv_layer, get_layer\n"


@pytest.mark.parametrize(("init", "top"), FACTORIES)
def test_what_an_unknown_callee_gives_is_split_where_it_is_called_on_a_tensor(
    init: str, top: str
) -> None:
    source = net(init, top=IMPORTS + "import lib\n" + top)
    (record,) = records(source)
    assert record.status == "may be split"
    assert "is a class of torch" in record.note
    assert "split_conv(" in split_source(source).text.partition("class Net")[2] + record.detail
    is_called = "Sequential" in init  # by anybody
    assert is_called or records(net(init, "return x", IMPORTS + "import lib\n" + top)) == ()


@pytest.mark.parametrize(
    ("init", "forward"),
    [
        ("self.n = lib.count(c, c, 3, groups=groups) + 1", "return x * self.n"),
        ("self.conv = lib.Block(c, c, 3, groups=groups)", "return self.conv(x)"),
        ("self.conv = lib.make_norm(c, 1e-5, True, groups=groups)", "return self.conv(x)"),
        ("self.conv = lib.shuffle(groups=groups)", "return self.conv(x)"),
        ("self.conv = lib.Conv2d(c, c, 3, **kwargs)", "return self.conv(x)"),
        ("self.conv = lib.conv(c, c, 3, groups=1)", "return self.conv(x)"),
        ("self.n = lib.Conv2d(c, c, 3, groups=groups) + 1", "return x * self.n"),
        ("self.conv = lib.get(c, c, 3, groups=groups)", "return self.conv('name')"),
        ("self.make = lib.get(c, c, 3, groups=groups)", "return self.make()"),
        ("self.conv = nn.GroupNorm(2, c)", "conv = 1\nreturn nn.functional.x(x, 1, 2, groups=2)"),
    ],
)
def test_what_is_no_convolution(init: str, forward: str) -> None:
    assert assert_unchanged(net(init, forward)).records == ()


BUILDERS = """\
def build_conv_layer(cfg, *args, **kwargs):
    conv_layer = MODELS.get(cfg["type"])
    layer = conv_layer(*args, **kwargs)
    return layer
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ('MODELS.get(cfg["type"])', "MODELS[cfg]"),
        (
            '    conv_layer = MODELS.get(cfg["type"])\n    layer = conv_layer(',
            "    layer = MODELS[0](",
        ),
        ("(*args, **kwargs)\n    return layer", "(**kwargs, **cfg)\n    return layer"),
    ],
)
def test_a_class_of_a_registry_that_is_given_all_that_a_function_for_convolutions_is(
    before: str, after: str
) -> None:
    source = f"from lib import MODELS\nfrom torch import nn\n\n\n{BUILDERS.replace(before, after)}"
    (record,) = records(source)
    assert record.status == "may be split"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("conv", "norm"),
        ("(*args, **kwargs)\n    return", "(4, *args, **kwargs)\n    return"),
        ("(*args, **kwargs)\n    return", "(*args)\n    return"),
        ("    return layer", "    return layer + 1"),
        ("MODELS.get(", "unknown("),
        ('MODELS.get(cfg["type"])', "MODELS"),
        ("conv_layer = ", "from nn import GELU as conv_layer\n    other = "),
    ],
)
def test_a_class_of_a_registry_for_something_else(before: str, after: str) -> None:
    builders = BUILDERS.replace(before, after)
    top = (
        "from lib import MODELS\nfrom torch import nn\n\n\ndef unknown(x):\n    return print\n\n\n"
    )
    assert assert_unchanged(f"{top}{builders}").records == ()


UP = """\
def fill(up):
    w = up.weight.data
    for i in range(w.size(2)):
        w[0, 0, i, 0] = 1 / (i + 1)
    for c in range(1, w.size(0)):
        w[c, 0, :, :] = w[0, 0, :, :]


def fill_again(up, times=2):
    fill(up)
    if times:
        fill_again(up, times - 1)
"""


@pytest.mark.parametrize("store", ["setattr(self, 'up_' + str(c), up)", "self.ups.append(up)"])
@pytest.mark.parametrize(
    "use", ["fill(up)", "fill(up)\nup.weight.requires_grad_(False)", "fill_again(up)"]
)
def test_a_transposed_depthwise_one_is_split_once_its_weight_is_filled(
    store: str, use: str
) -> None:
    torch = pytest.importorskip("torch")
    from equivalence import assert_equivalent

    init = f"self.ups = nn.ModuleList()\nup = nn.ConvTranspose2d(c, c, 4, groups=c)\n{use}\n{store}"
    forward = "return (self.ups[0] if len(self.ups) else getattr(self, 'up_8'))(x)"
    source = net(init, forward, UP)
    result = assert_equivalent(source, lambda module: module.Net(), torch.randn(2, 8, 3, 3))
    assert [each.status for each in result.records] == ["may be split"]


def test_what_is_made_of_a_weight_is_not_the_weight() -> None:
    top = "KEPT = []\n\n\ndef fill(up):\n    w = up.weight * 2\n    KEPT.append((w + 1).data / 2)"
    init = "up = nn.ConvTranspose2d(8, 8, 4, groups=8)\nfill(up)\nsetattr(self, 'conv', up)"
    assert "split_conv(up))" in split_source(net(init, top=top)).text


@pytest.mark.parametrize(
    "body",
    [
        "KEPT.append(up)",
        "global w\n    w = up",
        "KEPT[0] = up",
        "up.other = up",
        "unknown(up)",
        "lambda: up",
        "KEPT.w = up.weight",
    ],
)
def test_what_a_function_keeps_is_split_before(body: str) -> None:
    top = f"KEPT = []\n\n\ndef fill(up):\n    {body}"
    init = "up = nn.ConvTranspose2d(8, 8, 4, groups=8)\nfill(up)\nsetattr(self, 'conv', up)"
    assert "split_conv(up))" not in split_source(net(init, top=top)).text


@pytest.mark.parametrize("style", ["explicit", "loop", "built"])
def test_a_transposed_depthwise_one_in_each_style(style: str) -> None:
    torch = pytest.importorskip("torch")
    from equivalence import assert_equivalent
    from gencode import Options

    source = net("self.conv = nn.ConvTranspose2d(4, 4, 3, groups=4)", top="")
    options = Options(style=style)  # type: ignore[arg-type]
    result = assert_equivalent(
        source, lambda module: module.Net(), torch.randn(2, 4, 3, 3), options=options
    )
    assert [each.status for each in result.records] == ["split"]


WEIGHTS = {
    "a window": ("", "F.conv2d(x, window(3, x.size(1)), groups=x.size(1))"),
    "a buffer": (
        "self.register_buffer('k', torch.ones(8, 1, 3, 3) / 9)",
        "F.conv2d(x, self.k, groups=8)",
    ),
    "a plain attribute": (
        "self.k = torch.tensor([[[[1.0]]]]).repeat(8, 1, 1, 1)",
        "F.conv2d(x, self.k, groups=8)",
    ),
    "a modulated weight": (
        "self.w = nn.Parameter(torch.ones(1, 8, 8, 1, 1))",
        "F.conv2d(x.flatten(0, 1)[None], (self.w * x.mean()).flatten(0, 1), groups=len(x))",
    ),
    "a dynamic weight": (
        "self.fc = nn.Linear(8, 72)",
        "F.conv2d(x, self.fc(x.mean((2, 3))).view(-1, 1, 3, 3).to(x), groups=8)",
    ),
    "a correlation": ("self.head = nn.Conv2d(8, 8, 3)", "correlate(x, self.head(x))"),
}
FUNCTIONS = """\
def window(size, c):
    g = torch.ones(size)
    return (g[:, None] * g[None]).expand(c, 1, size, size)


def correlate(x, kernel):
    b, c = kernel.shape[:2]
    return F.conv2d(x.view(1, b * c, 5, 5), kernel.view(b * c, 1, 3, 3), groups=b * c)
"""


@pytest.mark.parametrize("kind", WEIGHTS)
def test_a_function_whose_weight_belongs_to_no_module(kind: str) -> None:
    init, value = WEIGHTS[kind]
    found = assert_unchanged(net(init or "pass", f"return {value}", FUNCTIONS)).records
    assert {each.status for each in found} == {"function"}
    assert {(each.name, each.detail) for each in found} == {
        ("F.conv2d", "its weight belongs to no module")
    }


@pytest.mark.parametrize(
    ("init", "value"),
    [
        ("self.w = nn.Parameter(torch.ones(8, 4, 3, 3))", "F.conv2d(x, self.w, groups=2)"),
        ("self.w = nn.Parameter(torch.ones(8, 4, 3, 3))", "F.conv2d(x, self.w.to(x), groups=2)"),
        ("self.c = nn.Conv2d(8, 4, 3)", "F.conv2d(x, self.c.weight, groups=2)"),
        ("self.w = lib.window()", "F.conv2d(x, self.w, groups=2)"),
        ("pass", "F.conv2d(x, cfg.weight, groups=2)"),
    ],
)
def test_a_function_whose_weight_may_be_a_module_s(init: str, value: str) -> None:
    (record,) = assert_unchanged(net(init, f"return {value}")).records
    assert record.status == "left"


def test_where_there_is_too_much_to_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gencode.facts.interpretation._BUDGET", 1)
    assert [each.status for each in records(net("self.conv = lib.Conv2d(c, c, 3, groups=2)"))] == [
        "left"
    ]
    init, value = WEIGHTS["a dynamic weight"]
    assert [each.status for each in records(net(init, f"return {value}"))] == ["left"]
    assert records(net("self.conv = lib.create(c, c, 3, groups=groups)")) == ()


def test_functions_are_counted_by_themselves(tmp_path, capsys) -> None:
    source = tmp_path / "loss.py"
    source.write_text(net("pass", "return F.conv2d(x, torch.ones(4, 1, 3, 3), groups=4)"))
    assert main([str(source), "-o", str(tmp_path / "out.py")]) == 0
    assert capsys.readouterr().err.endswith("no grouped convolutions; 1 function call\n")
