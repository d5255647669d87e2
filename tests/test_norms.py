"""The norm that follows a grouped convolution, as an attribute: it moves or stays."""

from __future__ import annotations

import pytest

from cases import model

torch = pytest.importorskip("torch")

from norms import WHOLE, check, notes, sizes  # noqa: E402

from equivalence import run_source  # noqa: E402
from gencode import Options, split_source  # noqa: E402
from gencode.outcome import Style  # noqa: E402

CONV = "self.conv = nn.Conv2d(16, 32, 3, groups=2)\n"
BUILT = CONV + "self.bn = nn.BatchNorm2d(32)\n"
TWICE = "self.conv = nn.Conv2d(16, 16, 1, groups=2)\nself.bn = nn.BatchNorm2d(16)\n"
NESTED = "return self.bn(self.conv(x)).relu()"
GUARDED = "x = self.conv(x)\nif self.use_bn:\n    x = self.bn(x)\nreturn x.relu()"
STYLES: tuple[Style, ...] = ("explicit", "loop", "built")

# What is written out in all styles: __init__ and forward.
WRITTEN = {
    "nested": (BUILT, NESTED),
    "nested in an activation": (BUILT, "return F.relu(self.bn(self.conv(x))) + 1"),
    "next": (BUILT, "x = self.conv(x)\nx = self.bn(x)\nreturn x.relu()"),
    "next with another name": (BUILT, "y = self.conv(x)\nz = self.bn(y)\nreturn z.relu()"),
    "next in an activation": (BUILT, "y = self.conv(x)\nx = F.relu(self.bn(y))\nreturn 2 * x"),
    "next in return": (BUILT, "y = self.conv(x)\nreturn F.relu(self.bn(y))"),
    "next with more lines": (
        BUILT,
        "# first\nx = self.conv(  # conv\n    x\n)  # end\n# then\n"
        "x = self.bn(\n    x  # bn\n)\nreturn x",
    ),
    "norm first": ("self.bn = nn.BatchNorm2d(32)\n" + CONV, NESTED),
    "under an if": (BUILT + "self.use_bn = True", GUARDED),
    "under an if that is not so": (BUILT + "self.use_bn = False", GUARDED),
    "built under an if": (
        CONV + "self.use_bn = True\nif self.use_bn:\n    self.bn = nn.BatchNorm2d(32)",
        GUARDED,
    ),
    "in one branch": (
        BUILT + "self.use_bn = True",
        "if self.use_bn:\n    return self.bn(self.conv(x))\nreturn self.conv(x)",
    ),
    "in a conditional expression": (
        BUILT + "self.use_bn = True",
        "return self.bn(self.conv(x)) if self.use_bn else self.conv(x)",
    ),
    "in a loop": (
        "self.conv = nn.Conv2d(16, 16, 1, groups=2)\nself.bn = nn.BatchNorm2d(16)",
        "y = x\nfor _ in range(2):\n    z = self.conv(y)\n    y = self.bn(z) + x\nreturn y",
    ),
    "keywords": (CONV + "self.bn = nn.BatchNorm2d(num_features=32, eps=0.1)", NESTED),
    "places": (CONV + "self.bn = nn.BatchNorm2d(32, 1e-2, 0.3)", NESTED),
    "momentum None": (CONV + "self.bn = nn.BatchNorm2d(32, momentum=None)", NESTED),
    "not affine": (CONV + "self.bn = nn.BatchNorm2d(32, affine=False)", NESTED),
    "SyncBatchNorm in eval": (
        CONV + "self.bn = nn.SyncBatchNorm(32)\nself.bn2 = nn.BatchNorm2d(16)",
        "return self.conv(x) * 2 if self.training else self.bn(self.conv(x))",
    ),
    "InstanceNorm": (CONV + "self.bn = nn.InstanceNorm2d(32)", NESTED),
    "InstanceNorm, affine": (CONV + "self.bn = nn.InstanceNorm2d(32, affine=True)", NESTED),
    "InstanceNorm, tracking": (
        CONV + "self.bn = nn.InstanceNorm2d(32, track_running_stats=True)",
        NESTED,
    ),
    "twice": (TWICE, "x = self.bn(self.conv(x))\nx = self.bn(self.conv(x))\nreturn x.relu()"),
    "twice, once with the norm": (TWICE, "return self.conv(self.bn(self.conv(x)).relu())"),
    "another norm behind it": (
        BUILT + "self.second = nn.BatchNorm2d(16)",
        "return self.bn(self.conv(self.second(x)))",
    ),
}


NOT_ALWAYS = (
    *("in one branch", "in a conditional expression"),
    *("SyncBatchNorm in eval", "twice, once with the norm"),
)
"""Those where the norm is not always applied: what is split once it is built joins always."""
BUILT_ALONE = (
    *("under an if", "under an if that is not so", "built under an if"),
    *("in a conditional expression", "SyncBatchNorm in eval"),
)
"""Those that are not written out, since it depends on something whether the norm is applied."""


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("form", WRITTEN)
def test_moves_and_is_written_out(form: str, style: Style) -> None:
    init, forward = WRITTEN[form]
    whole = 32 if "32" in init else 16
    is_built = style == "built" or form in BUILT_ALONE
    if is_built and form in NOT_ALWAYS:
        result = check(model(init, forward), {whole, 16} if "bn2" in init else {whole}, style)
        assert notes(result).endswith(
            "self.bn stays after the concatenation: it is not always applied"
        )
        assert "in each" not in result.records[0].detail
        return
    is_whole = is_built and form == "under an if that is not so"
    result = check(model(init, forward), {whole if is_whole else whole // 2}, style)
    assert {record.style for record in result.records} == {"built" if is_built else style}
    assert "in each" in result.records[0].detail
    assert bool(notes(result)) == (is_built and style != "built")


@pytest.mark.parametrize("style", STYLES)
def test_sync_batch_norm(style: Style) -> None:
    init = f"group = None\n{CONV}self.bn = nn.SyncBatchNorm(32, 0.1, process_group=group)"
    result = split_source(model(init, NESTED), Options(style=style))
    original, split = run_source(model(init, NESTED)).Net(), run_source(result.text).Net()
    assert sizes(split) == {16} and "in each" in result.records[0].detail
    split.load_state_dict(original.state_dict())
    x = torch.randn(2, 16, 7, 6)
    torch.testing.assert_close(split.eval()(x), original.eval()(x))


GET_NORM = """
def get_norm(name, c):
    if name == "bn":
        return nn.BatchNorm2d(c)
    if name == "gn":
        return nn.GroupNorm(4, c)
    return nn.Identity() if name == "identity" else None
"""
NOT_NONE = "x = self.conv(x)\nif self.bn is not None:\n    x = self.bn(x)\nreturn x.relu()"
CHOSEN = "y = self.conv(x)\ny = self.bn(y) if self.use_bn else y\nreturn y.relu()"
ELSE = (
    "x = self.conv(x)\nif self.use_bn:\n    x = self.bn(x)\nelse:\n    x = x * 2\nreturn x.relu()"
)
MORE = "x = self.conv(x)\nif self.use_bn:\n    x = self.bn(x)\n    x = x * 2\nreturn x.relu()"
ONLY_CALLED = "not only called"
RUN_TIME = "known only at run time"

# What is split when it is built, in all styles: the top, __init__, forward, the note, the sizes.
LATER = {
    "is not None": ("", BUILT, NOT_NONE, ONLY_CALLED, {16}),
    "is None": ("", CONV + "self.bn = None", NOT_NONE, "", set[int]()),
    "maybe None": (
        "",
        CONV + "self.bn = nn.BatchNorm2d(32) if x is None else None",
        NOT_NONE,
        ONLY_CALLED,
        {16},
    ),
    "is true": ("", BUILT, NOT_NONE.replace(" is not None", ""), ONLY_CALLED, {16}),
    "else": ("", BUILT + "self.use_bn = x is None", ELSE, "", {16}),
    "else that is so": ("", BUILT + "self.use_bn = False", ELSE, "", {32}),
    "more in the if": ("", BUILT + "self.use_bn = x is None", MORE, "", {16}),
    "more in the if, not so": ("", BUILT + "self.use_bn = False", MORE, "", {32}),
    "chosen": ("", BUILT + "self.use_bn = x is None", CHOSEN, "", {16}),
    "chosen not": ("", BUILT + "self.use_bn = False", CHOSEN, "", {32}),
    "or Identity": (
        "",
        CONV + "self.bn = nn.Identity()\nif x is None:\n    self.bn = nn.BatchNorm2d(32)",
        NESTED,
        RUN_TIME,
        {16},
    ),
    "a class in a variable": (
        "",
        CONV + "norm = nn.BatchNorm2d\nself.bn = norm(32)",
        NESTED,
        "",
        {16},
    ),
    "a partial": (
        "from functools import partial",
        CONV
        + "norm_layer = partial(nn.BatchNorm2d, eps=0.1, momentum=0.4)\nself.bn = norm_layer(32)",
        NESTED,
        RUN_TIME,
        {16},
    ),
    "a factory": (GET_NORM, CONV + 'self.bn = get_norm("bn", 32)', NOT_NONE, ONLY_CALLED, {16}),
    "a factory of GroupNorm": (
        GET_NORM,
        CONV + 'self.bn = get_norm("gn", 32)',
        NOT_NONE,
        "a GroupNorm goes over several channels",
        set[int](),
    ),
    "a factory of Identity": (
        GET_NORM,
        CONV + 'self.bn = get_norm("identity", 32)',
        NOT_NONE,
        "",
        set[int](),
    ),
    "a factory of None": (
        GET_NORM,
        CONV + 'self.bn = get_norm("", 32)',
        NOT_NONE,
        "",
        set[int](),
    ),
    "a subclass": (
        "class Own(nn.BatchNorm2d):\n    pass",
        CONV + "self.bn = Own(32)",
        NESTED,
        "self.bn stays after the concatenation: Own is a subclass of BatchNorm2d",
        {32},
    ),
    "a subclass with a forward": (
        "class Own(nn.BatchNorm2d):\n"
        "    def forward(self, x):\n        return super().forward(x) * 2",
        CONV + "self.bn = Own(32)",
        NESTED,
        "self.bn stays after the concatenation: Own is a subclass of BatchNorm2d",
        {32},
    ),
    "statistics by a variable": (
        "",
        CONV + "tracks = False\nself.bn = nn.BatchNorm2d(32, track_running_stats=tracks)",
        NESTED,
        "without running statistics",
        {32},
    ),
    "another number of channels": (
        "",
        CONV + "self.bn = nn.InstanceNorm2d(1)",
        NESTED,
        "num_features",
        {1},
    ),
    "its weight is set": (
        "",
        BUILT + "nn.init.zeros_(self.bn.weight)\nself.bn.weight.data.fill_(0.5)",
        NESTED,
        ONLY_CALLED,
        {16},
    ),
}


@pytest.mark.parametrize("style", ["auto", "built"])
@pytest.mark.parametrize("form", LATER)
def test_is_split_when_it_is_built(form: str, style: Style) -> None:
    top, init, forward, note, expected = LATER[form]
    source = model(init, forward, top).replace("def __init__(self)", "def __init__(self, x=None)")
    result = check(source, expected, style)
    if style == "auto" or "stays" in note:
        assert note in notes(result)
    if expected == {32} and "stays" in note:
        assert "in each" not in result.records[0].detail


@pytest.mark.parametrize(
    ("init", "test"),
    [
        ("self.use = bool(x) or True", "self.use"),
        ("self.use = x is None", "self.use"),
    ],
)
@pytest.mark.parametrize("has_norm", [True, False])
def test_a_condition_that_is_settled_where_both_are_built(
    init: str, test: str, has_norm: bool
) -> None:
    given = init if has_norm else init.replace("True", "False").replace("is None", "is not None")
    built = f"{CONV}{given}\nif {test}:\n"
    built += "    self.bn = nn.BatchNorm2d(32)"
    forward = f"x = self.conv(x)\nif {test}:\n    x = self.bn(x)\nreturn x.relu()"
    source = model(built, forward).replace("def __init__(self)", "def __init__(self, x=None)")
    result = check(source, {16} if has_norm else set(), "built")
    line = f"        if {test}:\n            self.conv, self.bn = split_conv_norm("
    assert line.replace("'", '"') in result.text
    assert "        else:\n            self.conv = split_conv(self.conv)\n" in result.text


TAKEN_BACK = """self.use = x is not None
if self.use:
    self.bn = nn.BatchNorm2d(32) if x else None
    if self.bn is None:
        self.use = False
    else:
        assert isinstance(self.bn, nn.BatchNorm2d)
"""


@pytest.mark.parametrize(("x", "expected"), [("None", set()), ("0", set()), ("1", {16})])
def test_a_flag_that_the_constructor_takes_back(x: str, expected: set[int]) -> None:
    forward = "x = self.conv(x)\nif self.use:\n    x = self.bn(x)\nreturn x.relu()"
    source = model(CONV + TAKEN_BACK, forward)
    source = source.replace("def __init__(self)", f"def __init__(self, x={x})")
    result = check(source, expected, "built")
    assert "        if self.use:\n            self.conv, self.bn =" in result.text


@pytest.mark.parametrize(
    ("before", "after", "test"),
    [
        ("self.use = True", "self.use = True", "self.use"),
        ("self.use = True", "self.use = None", "self.use"),
        ("self.use = True", "self.use = False", "not self.use"),
        ("self.use = True", "self.use = False", "self.use == False"),
        ("self.use = True", "def f(): self.use = False", "self.use"),
        ("if x:\n    self.use = True", "self.use = False", "self.use"),
    ],
)
def test_a_flag_that_may_be_given_back(before: str, after: str, test: str) -> None:
    init = f"{before}\n{BUILT}if x:\n    {after}"
    forward = f"x = self.conv(x)\nif {test}:\n    x = self.bn(x)\nreturn x.relu()"
    source = model(init, forward).replace("def __init__(self)", "def __init__(self, x=1)")
    result = split_source(source, Options(style="built"))
    assert f"self.bn stays after the concatenation: {NOT_KNOWN}" in notes(result)


NOT_KNOWN = "whether it is applied is not known where both are built"


@pytest.mark.parametrize(
    ("init", "test", "more", "reason"),
    [
        ("use", "self.use", "\n\ndef fuse(self):\n    self.use = False", NOT_KNOWN),
        ("use", "self.use", "\n\ndef fuse(self):\n    setattr(self, 'use', False)", NOT_KNOWN),
        ("use", "self.use", "\n\ndef fuse(self):\n    self.use.a = False", NOT_KNOWN),
        ("use = nn.Parameter(torch.ones(1)); self.b", "self.use", "", NOT_KNOWN),
        ("use", "self.use > 0", "", NOT_KNOWN),
        ("use", "not self.use or self.use", "", NOT_KNOWN),
        ("use", "self.use and self.bn", "", NOT_KNOWN),
        ("use", "self.training", "", NOT_KNOWN),
        ("use", "self.use and callable(F)", "", NOT_KNOWN),
        ("use", "self.a.training", "", NOT_KNOWN),
        ("use", "x.shape[0] > 1 and self.use", "", "what it takes has another use too"),
        ("use: torch.jit.Final[bool]", "self.use", "", "torch.jit takes no variable for one"),
    ],
)
def test_a_condition_that_is_not(init: str, test: str, more: str, reason: str) -> None:
    forward = f"x = self.conv(x)\nif {test}:\n    x = self.bn(x)\nreturn x.relu(){more}"
    source = model(f"{BUILT}self.{init} = True\nself.a = nn.Identity()", forward)
    result = check(source, {32}, "built")
    assert f"self.bn stays after the concatenation: {reason}" in notes(result)


def test_a_condition_that_is_of_the_class_too() -> None:
    forward = "x = self.conv(x)\nif self.use:\n    x = self.bn(x)\nreturn x.relu()"
    source = model(f"{BUILT}self.use = True", forward)
    for more in ("use = False", "@property\n    def use(self): return self.training"):
        text = source.replace("class Net(nn.Module):", f"class Net(nn.Module):\n    {more}\n")
        assert f"self.bn stays after the concatenation: {NOT_KNOWN}" in notes(
            split_source(text, Options(style="built"))
        )


@pytest.mark.parametrize("built", ["if x is None:", "if 1:", "if 1:\n  if self.use or 1:"])
def test_a_norm_that_is_built_under_another_condition(built: str) -> None:
    """It may not be there where the convolution never runs."""
    init = f"{CONV}self.use = x is not None\n{built} self.bn = nn.BatchNorm2d(32)"
    source = model(init, "x = self.conv(x)\nif self.use:\n    x = self.bn(x)\nreturn x.relu()")
    source = source.replace("def __init__(self)", "def __init__(self, x=None)")
    result = check(source, {32}, "built")
    assert "there is no place where both are built" in notes(result)


def test_a_norm_that_is_built_under_a_condition_that_changes() -> None:
    init = f"{CONV}self.use = True\nif self.use:\n    self.bn = nn.BatchNorm2d(32)"
    forward = "x = self.conv(x)\nif self.use:\n    x = self.bn(x)\nreturn x.relu()"
    result = check(model(init, f"{forward}\n\ndef fuse():\n    self.use = False"), {32}, "built")
    assert "self.bn stays after the concatenation: " in notes(result)


@pytest.mark.parametrize(
    ("bn", "forward"),
    [
        (
            "self.skip = nn.BatchNorm2d(32)\nself.bn = nn.BatchNorm2d(32) if x else self.skip",
            "x = self.conv(x)\nif self.bn is not self.skip:\n    x = self.bn(x)\nreturn x",
        ),
        (
            "self.skip = nn.BatchNorm2d(32)\nself.bn = x and nn.BatchNorm2d(32) or self.skip",
            "return self.skip(self.bn(self.conv(x)))",
        ),
        (
            "self.bn = nn.BatchNorm2d(32)",
            "try:\n    x = self.conv(x)\n    x = self.bn(x)\nexcept ValueError: ...\nreturn x",
        ),
    ],
)
def test_what_is_shared_or_may_be_gone_on_without_stays(bn: str, forward: str) -> None:
    source = model(f"{CONV}{bn}", forward).replace("def __init__(self)", "def __init__(self, x=0)")
    check(source, {32}, "built")


# What stays: __init__, forward, and the reason in the note.
STAYS = {
    "GroupNorm": (
        CONV + "self.bn = nn.GroupNorm(2, 32)\nself.other = nn.BatchNorm2d(32)",
        "return self.other(self.bn(self.conv(x)).relu())",
        "a GroupNorm goes over several channels",
    ),
    "LayerNorm": (
        CONV + "self.bn = nn.LayerNorm([32, 5, 4])\nself.other = nn.BatchNorm2d(32)",
        "return self.other(self.bn(self.conv(x)).relu())",
        "a LayerNorm goes over several channels",
    ),
    "no statistics": (
        CONV + "self.bn = nn.BatchNorm2d(32, track_running_stats=False)",
        NESTED,
        "without running statistics",
    ),
    "no statistics by place": (
        CONV + "self.bn = nn.BatchNorm2d(32, 1e-3, 0.2, True, False)",
        NESTED,
        "without running statistics",
    ),
    "read again": (BUILT, "y = self.conv(x)\nz = self.bn(y)\nreturn z + y", "another use"),
    "read before": (
        BUILT,
        "outs = []\ny = self.conv(x)\nouts.append(y)\ny = self.bn(y)\nreturn [y, *outs]",
        "another use",
    ),
    "read by a closure": (
        BUILT,
        "y = self.conv(x)\nz = self.bn(y)\nf = lambda: y\nreturn z + f()",
        "another use",
    ),
    "read by a function before": (
        BUILT,
        "f = lambda: y\ny = self.conv(x)\nz = self.bn(y)\nreturn z + f()",
        "another use",
    ),
    "in a variable of the module": (
        BUILT,
        "global y\ny = self.conv(x)\nz = self.bn(y)\nreturn z",
        "another use",
    ),
    "read in a comprehension": (
        BUILT,
        "y = self.conv(x)\nz = self.bn(y)\nreturn z + sum(y for _ in (1, 2))",
        "another use",
    ),
    "returned with it": (BUILT, "y = self.conv(x)\nreturn y, self.bn(y)", "another use"),
    "an elif": (
        BUILT + "self.use_bn = True",
        "x = self.conv(x)\nif self.use_bn:\n    x = self.bn(x)\nelif x.mean() > 0:\n    x = x * 2\n"
        "return x",
        "another use",
    ),
    "is None, else": (
        BUILT,
        "x = self.conv(x)\nif self.bn is None:\n    pass\nelse:\n    x = self.bn(x)\nreturn x",
        "another use",
    ),
    "shared": (
        BUILT + "self.conv2 = nn.Conv2d(32, 32, 1, groups=4)",
        "return self.bn(self.conv2(self.bn(self.conv(x))))",
        "it is called elsewhere too",
    ),
    "dropout between": (
        BUILT + "self.drop = nn.Identity()",
        "x = self.drop(self.conv(x))\nreturn self.bn(x)",
        "it does not follow directly",
    ),
    "pooling between": (
        BUILT + "self.pool = nn.AvgPool2d(2)",
        "x = self.conv(x)\nx = self.pool(x)\nreturn self.bn(x)",
        "it does not follow directly",
    ),
    "called without it": (
        BUILT,
        "y = self.bn(self.conv(x))\nreturn self.bn(y.relu())",
        "it is called elsewhere too",
    ),
    "two norms": (
        BUILT + "self.bn2 = nn.BatchNorm2d(32)",
        "return self.bn(self.conv(x)) * self.bn2(self.conv(x))",
        "another norm follows",
    ),
    "another name for it": (
        BUILT + "self.other = self.bn",
        "return self.other(self.bn(self.conv(x)).relu())",
        "it is held elsewhere too",
    ),
    "a variable for it": (
        CONV + "bn = nn.BatchNorm2d(32)\nself.bn = bn\nself.other = bn",
        "return self.other(self.bn(self.conv(x)).relu())",
        "it is held elsewhere too",
    ),
    "momentum": (BUILT + "self.bn.momentum = 0.3", NESTED, "its momentum is set"),
    "eps": (BUILT + "self.bn.eps = 0.3", NESTED, "its eps is set"),
    "a hook": (
        BUILT + "self.bn.register_forward_hook(lambda m, i, o: 2 * o)",
        NESTED,
        "its register_forward_hook is used",
    ),
}


@pytest.mark.parametrize("style", ["auto", "loop", "built"])
@pytest.mark.parametrize("form", STAYS)
def test_stays(form: str, style: Style) -> None:
    init, forward, reason = STAYS[form]
    result = check(model(init, forward), {WHOLE}, style)
    said = [*(each.note for each in result.records), *(each.message for each in result.warnings)]
    assert any(reason in each for each in said)
    assert "in each" not in result.records[0].detail


# Where the convolution may not be the only one to know of its outputs, in the built style.
HELD = {
    "another attribute": (
        "conv = nn.Conv2d(16, 16, 1, groups=2)\nself.conv = conv\nself.other = conv\n",
        "self.other(y)",
    ),
    "two targets": ("self.conv = self.other = nn.Conv2d(16, 16, 1, groups=2)\n", "self.other(y)"),
    "a list": (
        "self.conv = nn.Conv2d(16, 16, 1, groups=2)\nself.others = [self.conv]\n",
        "self.others[0](y)",
    ),
    "a hook": (
        "self.conv = nn.Conv2d(16, 16, 1, groups=2)\n"
        "self.conv.register_forward_hook(lambda m, i, o: 2 * o)\n",
        "y",
    ),
}


@pytest.mark.parametrize("form", HELD)
def test_stays_where_the_convolution_is_used_elsewhere(form: str) -> None:
    init, after = HELD[form]
    init += "self.bn = nn.BatchNorm2d(16)"
    result = check(model(init, f"y = self.bn(self.conv(x))\nreturn {after}"), {16}, "built")
    assert "self.bn stays after the concatenation" in notes(result)


@pytest.mark.parametrize("style", STYLES)
def test_stays_where_the_user_wants_it(style: Style) -> None:
    result = check(model(BUILT, NESTED), {WHOLE}, style, norm=False)
    assert notes(result) == ""
    assert "in each" not in result.records[0].detail


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("conv", "dimensions"),
    [(f"{kind}(16, 32, 2, groups=2)", d) for d in (1, 2, 3) for kind in ("Conv", "ConvTranspose")],
)
def test_all_classes(conv: str, dimensions: int, style: Style) -> None:
    name, _, arguments = conv.partition("(")
    for kind in ("Batch", "Instance"):
        init = f"self.conv = nn.{name}{dimensions}d({arguments}\n"
        init += f"self.bn = nn.{kind}Norm{dimensions}d(32)"
        check(model(init, NESTED), {16}, style, size=(4, 3, 5)[:dimensions])


@pytest.mark.parametrize("style", STYLES)
def test_depthwise_in_3d(style: Style) -> None:
    init = "self.conv = nn.Conv3d(16, 16, 3, groups=16)\nself.bn = nn.BatchNorm3d(16)"
    check(model(init, NESTED), {1}, style, size=(4, 3, 5))


@pytest.mark.parametrize(("groups", "expected"), [(1, 32), (2, 16), (4, 8), (16, 2)])
@pytest.mark.parametrize("style", ["auto", "loop"])
def test_groups_known_only_at_run_time(style: Style, groups: int, expected: int) -> None:
    source = model(
        "self.conv = nn.Conv2d(16, 32, 3, groups=groups)\nself.bn = nn.BatchNorm2d(32)", NESTED
    ).replace("def __init__(self)", "def __init__(self, groups=2)")
    check(source, {16}, style)
    if groups > 1:
        check(source, {expected}, style, build=lambda module: module.Net(groups))


BASE = """
class Base(nn.Module):
    def __init__(self):
        super().__init__()
        IN_BASE

    def forward(self, x):
        return self.bn(self.conv(x)).relu()


class Net(Base):
    def __init__(self):
        super().__init__()
        IN_NET
"""
HEAD = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n\n"


@pytest.mark.parametrize("in_base", ["pass", CONV.strip(), "self.bn = nn.BatchNorm2d(32)"])
def test_a_base_class(in_base: str) -> None:
    both = {CONV.strip(), "self.bn = nn.BatchNorm2d(32)"}
    in_net = "\n        ".join(sorted(both - {in_base}, reverse=True))
    source = HEAD + BASE.replace("IN_BASE", in_base).replace("IN_NET", in_net)
    result = check(source, {16} if in_base == "pass" else {32})
    reason = "there is no place where both are built, and nothing else has them"
    stays = f"self.bn stays after the concatenation: {reason}"
    assert (stays in notes(result)) is (in_base != "pass")


def test_a_base_class_whose_subclasses_differ() -> None:
    source = HEAD + BASE.replace("IN_BASE", CONV.strip()).replace(
        "IN_NET", "self.bn = nn.GroupNorm(2, 32)"
    )
    source += "\n\nclass Other(Base):\n    def __init__(self):\n        super().__init__()\n"
    source += "        self.bn = nn.BatchNorm2d(32)\n"
    check(source, set())
    result = check(source, {32}, build=lambda module: module.Other())
    assert "self.bn stays after the concatenation" in notes(result)


def test_a_norm_layer_parameter() -> None:
    source = (
        model(
            "if norm_layer is None:\n    norm_layer = nn.BatchNorm2d\n"
            + CONV
            + "self.bn = norm_layer(32)",
            NESTED,
            "from functools import partial",
        )
    ).replace("def __init__(self)", "def __init__(self, norm_layer=None)")
    check(source, {16})
    check(source, {16}, build=lambda each: each.Net(each.partial(each.nn.BatchNorm2d, eps=0.1)))
    check(source, {16}, build=lambda each: each.Net(each.nn.InstanceNorm2d))
    check(source, set(), build=lambda each: each.Net(lambda c: each.nn.GroupNorm(2, c)))
    check(source, set(), build=lambda each: each.Net(each.nn.Identity))


def test_a_norm_in_whose_place_a_sequence_is_filled() -> None:
    """What is added to that, before the split, is none of the norm's business."""
    init = """
    self.conv = nn.Conv2d(16, 32, 3, groups=groups)
    if groups > 1:
        self.bn = nn.BatchNorm2d(32)
    else:
        self.bn = nn.Sequential()
        self.bn.add_module("act", nn.ReLU())
    """
    result = split_source(model(init, "return self.bn(self.conv(x))", "groups=4"))
    assert "with Net.bn in each" in result.records[0].detail
    later = model(
        init, "self.bn.add_module('b', self.act)\nreturn self.bn(self.conv(x))", "groups=4"
    )
    assert "something is added to it (line" in split_source(later).records[0].note
