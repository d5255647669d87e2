"""What pads the input of a 1d convolution pads each slice."""

from __future__ import annotations

from textwrap import dedent

import pytest

from cases import model
from gencode import Options, split_source
from gencode.outcome import Style

torch = pytest.importorskip("torch")

from equivalence import assert_equivalent, run_source  # noqa: E402
from plinio_rules import broken  # noqa: E402

STYLES: list[Style] = ["explicit", "loop", "built"]
CONV = "self.conv = nn.Conv1d(8, 8, 3, groups=2)\n"
PAD = "self.pad = nn.ConstantPad1d((2, 0), 0.5)\n"
MOVED = {
    "inside the call": (CONV, "return self.conv(F.pad(x, (2, 0)))"),
    "of an expression": (CONV, "return self.conv(F.pad(x * 2, pad=(2, 0), value=1.0))"),
    "in the statement before": (CONV, "x = F.pad(x, [1, 1], 'replicate')\nreturn self.conv(x)"),
    "to another name": (CONV, "y = F.pad(x, (2, 0))\nz = self.conv(y)\nreturn z + x.mean()"),
    "to a name that may have another value later": (
        CONV,
        "y = F.pad(x, (2, 0))\nz = self.conv(y)\nfor y in (z,):\n    z = z * 2\nreturn z",
    ),
    "a module": (CONV + PAD, "return self.conv(self.pad(x))"),
    "a module built before": (PAD + CONV, "x = self.pad(x)\nreturn self.conv(x)"),
    "a module of two calls": (
        CONV + PAD,
        "x = self.conv(self.pad(x))\nreturn self.conv(self.pad(x))",
    ),
    "a norm behind": (
        CONV + "self.bn = nn.BatchNorm1d(8)",
        "x = F.pad(x, (2, 0))\nx = self.conv(x)\nx = self.bn(x)\nreturn x",
    ),
    "in an nn.Sequential": (
        "self.net = nn.Sequential(nn.ConstantPad1d((2, 0), 0.0), nn.Conv1d(8, 8, 3, groups=2))",
        "return self.net(x)",
    ),
    "before a norm in an nn.Sequential": (
        """
        layers = [nn.ReflectionPad1d(1)]
        layers.append(nn.Conv1d(8, 8, 3, groups=4))
        layers.append(nn.BatchNorm1d(8))
        self.net = nn.Sequential(*layers)
        """,
        "return self.net(x)",
    ),
}
SHARED = {
    "of a conv and another": (CONV + PAD, "y = self.pad(x)\nreturn self.conv(y) + y[..., 2:]"),
    "a module of others": (
        PAD + CONV + "self.other = nn.Conv1d(8, 8, 3)",
        "return self.conv(self.pad(x)) + self.other(self.pad(x))",
    ),
    "channels as well": (
        "self.conv = nn.Conv1d(10, 8, 3, groups=2)",
        "return self.conv(F.pad(x, (2, 0, 1, 1)))",
    ),
    "an unknown amount": (
        CONV + "self.amount = (2, 0)",
        "return self.conv(F.pad(x, self.amount))",
    ),
    "with a comment": (CONV, "return self.conv(F.pad(x,  # causal\n    (2, 0)))"),
    "what runs once": (CONV, "return self.conv(F.pad(x, (x.shape[0].bit_length(), 0)))"),
    "a pad given twice": (
        CONV + PAD + "if x_is_padded:\n    self.pad = nn.ZeroPad1d(1)",
        "return self.conv(self.pad(x))",
    ),
    "in a call by keyword": (
        CONV + PAD,
        "y = self.conv(self.pad(x))\nreturn self.conv(input=F.pad(x, (2, 0))) + y",
    ),
    "in a string": (CONV + PAD + "self.names = ['pad']", "return self.conv(self.pad(x))"),
    "an nn.Sequential taken apart": (
        "self.net = nn.Sequential(nn.ZeroPad1d(1), nn.Conv1d(8, 8, 3, groups=2))",
        "y = self.net[0](x)\nreturn self.net[1](y) + y[..., 2:]",
    ),
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("form", MOVED)
def test_each_slice_is_padded(form: str, style: Style) -> None:
    source = model(*MOVED[form])
    x = torch.randn(2, 8, 9)
    in_sequence = "nn.Sequential" in MOVED[form][0]
    options = Options(style="auto" if in_sequence else style)
    result = assert_equivalent(source, lambda module: module.Net(), x, options=options)
    rules = broken(run_source(result.text).Net().eval(), x)
    assert not rules.get("19") and not rules.get("13")


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("form", SHARED)
def test_what_pads_more_computes_the_same(form: str, style: Style) -> None:
    source = model(*SHARED[form], top="x_is_padded = False")
    in_sequence = "nn.Sequential" in SHARED[form][0]
    assert_equivalent(
        source,
        lambda module: module.Net(),
        torch.randn(2, 8, 9),
        options=Options(style="auto" if in_sequence else style),
    )


def test_a_convolution_that_turns_out_plain() -> None:
    init = "self.conv = nn.Conv1d(8, 8, 3, groups=g)\n" + PAD
    source = model(init, "return self.conv(self.pad(x))", top="g = int(torch.tensor(2))")
    assert_equivalent(source, lambda module: module.Net(), torch.randn(2, 8, 9))
    text = split_source(source).text
    assert "copy_padding(" in text
    plain = run_source(text.replace("g = int(torch.tensor(2))", "g = 1")).Net()
    assert plain(torch.randn(2, 8, 9)).shape == (2, 8, 9)


APART = (
    "self.conv = nn.Conv1d(8, 8, 3, groups=g)\nself.bn = nn.BatchNorm1d(8)\nself.act = nn.ReLU()"
)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "out = F.pad(x, (2, 0))  # causal\nout = self.act(self.bn(self.conv(out)))\nreturn out",
            "out = apply_padded(self.conv, x, lambda part: F.pad(part, (2, 0)))  # causal\n"
            "out = self.act(self.bn(out))\nreturn out",
        ),
        (
            "x = F.pad(x, (2, 0))\nreturn self.bn(self.conv(x)) * 2",
            "x = apply_padded(self.conv, x, lambda part: F.pad(part, (2, 0)))\n"
            "return self.bn(x) * 2",
        ),
        (  # the call is all of its statement
            "x = F.pad(x, (2, 0))\nx = self.conv(x)\nreturn self.bn(x)",
            "x = apply_padded(self.conv, x, lambda part: F.pad(part, (2, 0)))\nreturn self.bn(x)",
        ),
        (  # the name is one for what is padded
            "padded = F.pad(x, (2, 0))\nreturn self.bn(self.conv(padded))",
            "return self.bn(apply_padded(self.conv, x, lambda part: F.pad(part, (2, 0))))",
        ),
        (  # something else is evaluated first
            "x = F.pad(x, (2, 0))\nreturn self.act(self.other) + self.bn(self.conv(x))",
            "return self.act(self.other) + self.bn(\n"
            "    apply_padded(self.conv, x, lambda part: F.pad(part, (2, 0)))\n)",
        ),
        (
            "x = F.pad(x, (2, 0))\nreturn self.bn(self.conv(x)) if self.training else None",
            "return (\n"
            "    self.bn(apply_padded(self.conv, x, lambda part: F.pad(part, (2, 0))))\n"
            "    if self.training\n    else None\n)",
        ),
    ],
)
def test_a_statement_that_pads_stays_one_in_the_built_style(before: str, after: str) -> None:
    text = split_source(model(APART, before)).text
    assert dedent(text.rpartition("    def forward(self, x):\n")[2]) == after + "\n"
