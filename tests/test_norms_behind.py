"""Norms that stay behind a concatenation, wherever the flow of tensors shows them: each is said."""

from __future__ import annotations

from textwrap import indent

import pytest

from gencode import Options, split_source

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"
CONV = "self.conv = nn.Conv2d(8, 16, 3, groups=g)\n"
BN = "self.bn = nn.BatchNorm2d(16)"
CALL = "return self.conv(x)"
NESTED = "return self.bn(self.conv(x))"
LOOP = "for layer in self.body:\n    x = layer(x)\nreturn x"


def module(init: str, forward: str, name: str = "Net", given: str = "g", x: str = "x") -> str:
    """A class with what its constructor and its forward do."""
    return (
        f"\nclass {name}(nn.Module):\n"
        f"    def __init__(self, {given}):\n        super().__init__()\n"
        f"{indent(init.strip(), ' ' * 8)}\n\n"
        f"    def forward(self, {x}):\n{indent(forward, ' ' * 8)}\n"
    )


def called(init: str = CONV, forward: str = CALL, x: str = "x", norm: str = BN) -> str:
    """A class that has the convolution, and one that has the norm behind an instance of it."""
    given = "g, norms" if "norms" in norm else "g"
    inner, outer = module(init, forward, "Same", x=x), f"self.conv = Same(g)\n{norm}"
    return inner + module(outer, NESTED.replace("bn", norm[5:].partition(" ")[0]), given=given)


# The classes of a source, and the lines of the norms that are said to stay.
SOURCES = {
    "no norm": (
        module(f"{CONV}self.bn = nn.BatchNorm2d(3)", "return self.conv(self.bn(x)).relu()"),
        [],
    ),
    "split with it": (module(CONV + BN, NESTED), []),
    "a list that forward goes through": (
        module(
            "self.body = nn.ModuleList([nn.Conv2d(8, 16, 3, groups=g), nn.BatchNorm2d(16)])", LOOP
        ),
        [8],
    ),
    "in the caller": (called(), []),
    "in the caller, which is given something else as well": (
        called(forward="return self.conv(x), x").replace(
            NESTED, "x, y = self.conv(x)\n        return self.bn(x)"
        ),
        [17],
    ),
    "behind a module whose forward is not known": (
        "class Other(nn.Module):\n    forward = strange.forward\n\n\n"
        + module(f"{CONV}self.other = Other()\n{BN}", "return self.bn(self.other(self.conv(x)))"),
        [],
    ),
    "in the caller, of what else it is given": (
        called(forward="return self.conv(x), x").replace(
            NESTED, "x, y = self.conv(x)\n        return self.bn(y)"
        ),
        [],
    ),
    "in the caller, where it may be left out": (
        called().replace(
            NESTED, "x = self.conv(x)\n        return self.bn(x) if self.training else x"
        ),
        [17],
    ),
    "behind a pooling, in the caller": (
        called(
            f"{CONV}self.pool = nn.AvgPool2d(2)",
            "x = self.pool(self.conv(x))\nwhile x.shape[2] > 4:\n    x = self.pool(x)\nreturn x",
        ),
        [21],
    ),
    "an activation between": (called(forward="return torch.relu(self.conv(x))"), []),
    "a subclass of a norm": (
        "\nclass Norm(nn.BatchNorm2d):\n    pass\n"
        + module("self.body = nn.ModuleList([nn.Conv2d(8, 16, 3, groups=g), Norm(16)])", LOOP),
        [15],
    ),
    "what may be a norm, by its name": (called(norm="self.norm = norms[0]"), [20]),
    "an initialiser that is not known": (
        module(CONV, "y = self.conv(x)\ntrunc_normal_(y)\nnn.BatchNorm1d(y)\nreturn y"),
        [],
    ),
    "what is a norm by no sign": (
        module(
            'self.body = nn.ModuleDict({"conv": nn.Conv2d(8, 16, 3, groups=g)})\n'
            "self.other = others[0]",
            'return self.other(self.body["conv"](x))',
            given="g, others",
        ),
        [],
    ),
    "a factory whose other convolutions are plain": (
        "\ndef conv(g=1):\n    return nn.Conv2d(8, 16, 3, groups=g)\n"
        + module(
            "self.plain = nn.ModuleList([conv(), nn.BatchNorm2d(16)])\n"
            "self.body = nn.ModuleList([conv(g), nn.BatchNorm2d(16)])",
            f"{LOOP.replace('body', 'plain').removesuffix('return x')}{LOOP}",
        ),
        [12],
    ),
    "resized, padded and changed where it is": (
        module(
            CONV + BN,
            "y = F.pad(F.interpolate(self.conv(x), scale_factor=2.0), (1, 1))\n"
            "y += 1\ny[:, 0] = 0\nreturn self.bn(y.contiguous())",
        ),
        [9],
    ),
    "behind a sum of two": (
        module(CONV + BN, "y = self.conv(x)\ny += self.conv(x + 1)\nreturn self.bn(y)"),
        [],
    ),
    "collected by an operator": (
        module("self.body = nn.ModuleList()", LOOP, "Chain", given="*_")
        + "\n    def __rshift__(self, layer):\n        self.body.append(layer)\n"
        + "        return self\n"
        + module(
            "self.conv = Chain() >> nn.Conv2d(8, 16, 3, groups=g) >> nn.BatchNorm2d(16)", CALL
        ),
        [22],
    ),
    "two that are not known, through a property": (
        "from strange import build, build_norm\n"
        + module(
            "self.conv = build(8, 16, 3, groups=g)\nself.name, after = build_norm(16)\n"
            "self.add_module(self.name, after)",
            "y = self.conv(x)\nprint(y)\nreturn self.norm(y)",
        )
        + "\n    @property\n    def norm(self):\n        return getattr(self, self.name)\n",
        [16],
    ),
    "two convolutions before one norm": (
        called(
            CONV.replace("conv", "one") + CONV.replace("conv", "two"),
            "while y:\n    y = self.one(x)\nif x.sum() > 0:\n    return self.one(x)\n"
            "return self.two(x)",
            "x, y",
        ),
        [22],
    ),
}


def said(text: str, options: Options = Options()) -> dict[int, str]:
    """What is said of norms that stay, by their lines."""
    warnings = split_source(text, options).warnings
    return {each.line: each.message for each in warnings if "stays behind" in each.message}


@pytest.mark.parametrize("name", SOURCES)
def test_a_norm_that_stays_is_said(name: str) -> None:
    classes, lines = SOURCES[name]
    assert [*said(HEAD + classes)] == lines


@pytest.mark.parametrize("style", ["explicit", "loop"])
def test_a_norm_behind_what_is_written_out(style: str) -> None:
    classes, lines = SOURCES["in the caller, where it may be left out"]
    text = HEAD + classes.replace("groups=g", "groups=2")
    result = split_source(text, Options(style=style))  # type: ignore[arg-type]
    assert result.records[0].style == style
    assert [each.line for each in result.warnings] == lines


def test_what_is_said() -> None:
    text = HEAD + SOURCES["in the caller, where it may be left out"][0]
    assert said(text) == {
        17: "nn.BatchNorm2d(16) stays behind the concatenation of Same.conv, whose output has"
        " another use: PIT's export after pruning is wrong then, and MPS does not fold it"
    }
    text = HEAD + SOURCES["what may be a norm, by its name"][0]
    assert said(text)[20].startswith("self.norm, which may be a norm, stays behind the")


def test_who_wants_norms_to_stay_is_told_nothing() -> None:
    text = HEAD + SOURCES["in the caller, where it may be left out"][0]
    assert said(text, Options(norm=False)) == {}
    assert said(text, Options(ignore=("branch-norm",))) == {}
