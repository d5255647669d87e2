"""Norms that take what a module gives whose convolution is split: in the caller, or in a block."""

from __future__ import annotations

import pytest

from cases import model

torch = pytest.importorskip("torch")

from norms import check, notes  # noqa: E402

from equivalence import run_source  # noqa: E402
from gencode import Options, split_source  # noqa: E402
from plinio_rules import broken  # noqa: E402

SAME = """
class Same(nn.Module):
    def __init__(self, a, b, groups=1):
        super().__init__()
        self.conv = nn.Conv2d(a, b, 3, padding=1, groups=groups, bias=False)

    def forward(self, x):
        return self.conv(x)
"""
BLOCK = """
class Unit(nn.Module):
    def __init__(self, a, b, groups=1):
        super().__init__()
        self.bn = nn.BatchNorm2d(a)
        self.conv = nn.Conv2d(a, b, 3, groups=groups, bias=False)

    def forward(self, x):
        return self.conv(F.relu(self.bn(x)))
"""
BUILT = "self.unit = Same(16, 32, groups=2)\nself.bn = nn.BatchNorm2d(32)\n"
NESTED = "return self.bn(self.unit(x)).relu()"
BLOCKS = "self.one = Unit(16, 32, groups=2)\nself.two = Unit(32, 16)\n"
CHOICE = (
    "self.one = Unit(16, 32, groups=2)\nif kind:\n    self.two = Other(32)\n"
    "else:\n    self.two = Unit(32, 16)\n"
)
OTHER = """

class Other(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.bn = nn.BatchNorm2d(c)

    def forward(self, x):
        return self.bn(x) + x.mean()


kind = bool(torch.rand(1) > 2)
"""
BOTH = "x = self.one(x)\nif kind:\n    return self.two(x)\nreturn self.two(x).relu()"

# The constructor, forward, what stands before, and the sizes of the norms that come of it.
MOVES: dict[str, tuple[str, str, str, set[int]]] = {
    "in the caller": (BUILT, NESTED, SAME, {16}),
    "in a name": (BUILT, "y = self.unit(x)\nz = self.bn(y)\nreturn z.relu()", SAME, {16}),
    "its weight is set before": (BUILT + "nn.init.zeros_(self.bn.weight)", NESTED, SAME, {16}),
    "an instance norm": (BUILT.replace("BatchNorm2d(", "InstanceNorm2d("), NESTED, SAME, {16}),
    "another without a norm": (
        BUILT + "self.other = Same(32, 32, groups=4)",
        "return self.other(self.bn(self.unit(x)))",
        SAME,
        {16},
    ),
    "with a padding of its own": (
        BUILT,
        NESTED,
        SAME.replace("self.conv(x)", "self.conv(F.pad(x, (1, 1, 1, 1)))"),
        {16},
    ),
    "a choice": (
        BUILT.replace("Same(16, 32, groups=2)", "Same(16, 32, 2) if F else Same(16, 32, 4)"),
        NESTED,
        SAME,
        {16},
    ),
    "the first of the next block": (BLOCKS, "return self.two(self.one(x))", BLOCK, {16}),
    "called by another class": (
        BUILT,
        NESTED,
        SAME + "\n\ndef features(net: 'Net', x):\n    same = Same(16, 32)\n    return same(x)\n",
        {16},
    ),
    "of one that takes a tuple as well": (
        *(CHOICE, BOTH),
        BLOCK
        + OTHER.replace(
            "return self.bn(x) + x.mean()",
            "y = torch.cat(x, 1) if isinstance(x, tuple) else x\n        return self.bn(y)",
        ),
        {16},
    ),
    "applied in one of two branches": (
        BLOCKS + "kind = True\n",
        BOTH.replace("if kind", "if self.training"),
        BLOCK,
        {16},
    ),
    "of both that the next block is": (
        *(CHOICE, BOTH, BLOCK + OTHER.replace("self.bn(x) + x.mean()", "self.bn(x)"), {16}),
    ),
}


@pytest.mark.parametrize("form", MOVES)
def test_moves(form: str) -> None:
    init, forward, top, expected = MOVES[form]
    result = check(model(init, forward, top), expected, "built")
    behind = [each for each in result.warnings if "stays behind" in each.message]
    assert len(behind) == ("+ x.mean()" in top)
    assert "13" not in broken(run_source(result.text).Net().eval(), torch.randn(3, 16, 7, 6))


# The same, but the norm stays; it is said unless something else is between.
STAYS = {
    "used twice": (BUILT, "y = self.unit(x)\nreturn self.bn(y) + y", SAME),
    "a norm of two": (
        BUILT + "self.other = Same(16, 32, groups=2)",
        "return self.bn(self.unit(x)) + self.bn(self.other(x))",
        SAME,
    ),
    "not always": (
        BUILT,
        "y = self.unit(x)\nif self.training:\n    y = self.bn(y)\nreturn y",
        SAME,
    ),
    "kept inside": (
        BUILT,
        NESTED,
        SAME.replace("return self.conv(x)", "self.y = self.conv(x)\n        return self.y"),
    ),
    "an activation inside": (BUILT, NESTED, SAME.replace("self.conv(x)", "self.conv(x).relu()")),
    "something else inside": (
        BUILT,
        NESTED,
        SAME.replace(
            "        return self",
            "        if self.training:\n            return x\n        return self",
        ),
    ),
    "of one that the next block is": (CHOICE, BOTH, BLOCK + OTHER),
    "of one that takes a list as well": (
        *(CHOICE, BOTH),
        BLOCK
        + OTHER.replace(
            "return self.bn(x) + x.mean()",
            "y = torch.cat(x, 1) if isinstance(x, (list, tuple)) else x\n        return self.bn(y)",
        ),
    ),
    "another norm in each that the next block is": (
        *(CHOICE, BOTH, BLOCK + OTHER.replace("bn", "norm").replace(" + x.mean()", "")),
    ),
    "two modules": (
        "self.unit = Same(16, 32, 2)\nself.bn = nn.BatchNorm2d(32)\nif self.training is None:\n"
        "    self.unit = nn.Identity()",
        NESTED,
        SAME,
    ),
    "not always there": (
        "self.unit = None\nself.bn = nn.BatchNorm2d(32)\nif self.training:\n"
        "    self.unit = Same(16, 32, 2)",
        NESTED,
        SAME,
    ),
    "applied by others": (
        BUILT,
        "y = torch.utils.checkpoint.checkpoint(self.unit, x)\nreturn self.bn(self.unit(x)) + y",
        SAME,
    ),
    "a hook": (BUILT + "self.unit.register_forward_hook(print)", NESTED, SAME),
    "an alias": (BUILT + "self.conv = self.unit.conv", NESTED, SAME),
    "a walk that applies": (
        BUILT,
        "for each in self.modules():\n    each(x)\n" + NESTED,
        SAME,
    ),
    "another object's norm": (
        BUILT + "self.one = [self]",
        "y = self.unit(x)\nreturn self.one[0].bn(y)",
        SAME,
    ),
    "no norm in the next block": (
        BLOCKS,
        "return self.two(self.one(x))",
        BLOCK.replace("nn.BatchNorm2d(a)", "nn.Identity()"),
    ),
    "a norm that is read": (BUILT, NESTED, SAME + "\n\ndef mean():\n    return Net().bn.weight\n"),
    "a convolution that is not known": (
        BUILT,
        NESTED,
        SAME.replace("self.conv = ", "self.conv = kept or ") + "\n\nkept = id and None\n",
    ),
    "handed on": (BUILT + "kept(self.bn)", NESTED, SAME + "\n\nfrom elsewhere import kept\n"),
    "kept before the norm is there": (
        BUILT.replace("self.bn =", "self.keep = [self.unit]\nself.bn ="),
        NESTED,
        SAME,
    ),
    "asked for its class by the block": (
        BLOCKS,
        "return self.two(self.one(x))",
        BLOCK.replace("F.relu(self.bn(x))", "F.relu(self.bn(x)) + (0 if x is None else x.mean())"),
    ),
    "a next block that is replaced by its name": (
        BLOCKS + "setattr(self, 'two', Other(32))\n",
        BOTH,
        BLOCK + OTHER,
    ),
    "a next block that a function sets": (
        BLOCKS,
        BOTH,
        BLOCK + OTHER + "\n\ndef change(net: 'Net'):\n    net.two = Other(32)\n",
    ),
    "a next block with other uses behind": (
        BLOCKS + "self.three = self.two\n",
        BOTH,
        BLOCK,
    ),
    "a norm of the block that is called twice": (
        BLOCKS + "self.more = nn.Conv2d(16, 32, 1)",
        "return self.two(F.pad(self.more(self.two(self.one(x))), (2, 2, 2, 2)))",
        BLOCK,
    ),
}


@pytest.mark.parametrize("form", STAYS)
def test_stays(form: str) -> None:
    init, forward, top = STAYS[form]
    result = split_source(model(init, forward, top), Options(style="built"))
    assert "split_conv_norm" not in result.text
    assert "in each" not in result.records[0].detail + notes(result)


def test_torch_jit_takes_no_list() -> None:
    text = model(BUILT, NESTED, SAME) + "\n\nscripted = torch.jit.script(Net())\n"
    result = split_source(text, Options(style="built"))
    assert "split_conv_norm" not in result.text
    assert [each.line for each in result.warnings if "stays behind" in each.message] == [18]


def test_a_module_without_groups_gets_no_line() -> None:
    init = BUILT + "self.plain = Same(32, 16)\nself.last = nn.BatchNorm2d(16)"
    forward = "return self.last(self.plain(self.bn(self.unit(x))))"
    result = check(model(init, forward, SAME), {16}, "built")
    assert result.text.count("= split_conv_norm(") == 1
    assert "self.plain.conv" not in result.text
