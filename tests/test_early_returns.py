"""A constructor that is left early: each way out passes the line that splits."""

from __future__ import annotations

import re
from functools import partial
from textwrap import dedent, indent
from types import ModuleType

import pytest

from cases import left
from gencode import Options, split_source

torch = pytest.importorskip("torch")


from equivalence import assert_equivalent, assert_same_models, run_source  # noqa: E402

LINE = "self.conv, self.bn = split_conv_norm(self.conv, self.bn)"
ALONE = "self.conv = split_conv(self.conv)"
BUILT = Options(style="built")
X = torch.linspace(-1, 1, 2 * 8 * 6 * 6).sin().reshape(2, 8, 6, 6)
START = "self.conv = nn.Conv2d(8, 8, 3, groups=2)\nself.bn = nn.BatchNorm2d(8)"
FORWARD = "return self.bn(self.conv(x))"


def source(init: str, forward: str = FORWARD) -> str:
    """A model with these statements in a constructor that is told which way to go."""
    return (
        "from copy import deepcopy\nimport torch\nfrom torch import nn\n\n\n"
        "class Net(nn.Module):\n    def __init__(self, way=0):\n        super().__init__()\n"
        f"        self.flag = way < 5\n{indent(init, ' ' * 8)}\n\n"
        f"    def forward(self, x):\n{indent(forward, ' ' * 8)}\n"
    )


def build(name: str, way: int, module: ModuleType) -> torch.nn.Module:
    """A model of one of the classes of a source."""
    return getattr(module, name)(way)  # type: ignore[no-any-return]


def init_of(init: str, ways: int = 2, forward: str = FORWARD) -> str:
    """What becomes of a constructor; each way through it is run."""
    text = source(init, forward)
    for way in range(ways):
        result = assert_equivalent(text, partial(build, "Net", way), X, options=BUILT)
    lines = result.text.splitlines()
    start = lines.index("        self.flag = way < 5") + 1
    return dedent("\n".join(lines[start : lines.index("    def forward(self, x):", start) - 1]))


# A constructor, in which L stands for where the line is to come.
EXITS = {
    "nested": "{}\nif way:\n    L\n    return\nnn.init.ones_(self.conv.weight)\nL",
    "a comment": "{}\nif way:\n    L\n    # nothing more\n    # to do\n    return\nself.n = 1\nL",
    "at the end": "{}\nL\nreturn",
    "None": "{}\nif way:\n    L\n    return None\nself.n = 1\nL",
    "both": "{}\nL\nif way:\n    return\nelse:\n    with torch.no_grad():\n        return",
    "in a loop": "{}\nfor m in self.modules():\n    if way:\n        L\n        return\nL",
    "with": "{}\nwith torch.no_grad():\n    if way:\n        L\n        return\nL",
    "try": "{}\ntry:\n    int('x' * way)\n    L\n    return\nexcept ValueError:\n    self.n = 1\nL",
    "before both": "if way > 5:\n    return\n{}\nL",
    "in one branch": "if way:\n    {}\n    L\n    return\n{}\nself.n = 1\nL",
    "of a function": "def f():\n    return 1\n{}\nself.n = f()\nL",
    "of a function in it": "{}\ndef f():\n    return 1\nself.n = f()\nL",
    "kept behind": "{}\nif way:\n    L\n    return\nL\nself.__dict__['ema'] = deepcopy(self)",
    "kept there": "{}\nL\nif way:\n    self.__dict__['ema'] = deepcopy(self)\n    return",
}


@pytest.mark.parametrize("form", EXITS)
def test_each_exit(form: str) -> None:
    expected = []
    for line in EXITS[form].splitlines():
        code = line.strip().replace("L", LINE) if line.strip() == "L" else line.strip()
        code = START if code == "{}" else code
        expected.append(indent(code, line[: len(line) - len(line.lstrip())]))
    text = "\n".join(expected)
    before = "\n".join(each for each in text.splitlines() if each.strip() != LINE)
    assert init_of(before) == text


def test_the_convolution_alone() -> None:
    init = "self.conv = nn.Conv2d(8, 8, 3, groups=2)\nif way:\n    return\nself.n = 1"
    found = init_of(init, forward="return self.conv(x)")
    assert found.count("self.conv = split_conv(self.conv)\n") == 1
    assert "    self.conv = split_conv(self.conv)\n    return\n" in found


def test_a_sequence() -> None:
    init = (
        "self.body = nn.Sequential(nn.Conv2d(8, 8, 3, groups=2), nn.BatchNorm2d(8))\n"
        "if way:\n    return\nself.body.append(nn.ReLU())"
    )
    found = init_of(init, forward="return self.body(x)")
    assert "if way:\n    split_layers(self.body)\n    return\n" in found
    assert found.endswith("\nsplit_layers(self.body)")


def test_a_flag_for_the_norm() -> None:
    forward = "x = self.conv(x)\nif self.flag:\n    x = self.bn(x)\nreturn x"
    early = f"{START}\nif way:\n    return\nself.n = 1"
    found = init_of(early, forward=forward)
    assert found.count("split_conv_norm") == 2
    late = f"{START}\nif way:\n    self.on = True\n    return\nself.on = False"
    assert "split_conv_norm" not in init_of(late, forward=forward.replace("flag", "on"))


# Where there is no place before the return: it is split where it is built, and the norm stays.
@pytest.mark.parametrize(
    "leaving",
    [
        "if way: return",
        "if way:\n    self.n = 1; return",
        "try:\n    if way:\n        return\nfinally:\n    self.n = 1",
    ],
)
def test_no_place_before_the_return(leaving: str) -> None:
    found = init_of(f"{START}\n{leaving}\nself.n = 2")
    assert found.startswith("self.conv = split_conv(nn.Conv2d(8, 8, 3, groups=2))\n")
    assert "split_conv_norm" not in found


def test_what_is_run_after_the_return() -> None:
    init = "try:\n    if way:\n        return\nfinally:\n    nn.init.ones_(self.conv.weight)"
    assert left(source(f"{START}\n{init}"), BUILT) == (
        "its weight is set (line 16) once it is split (line 10)"
    )


# C stands for the convolution, N for the norm; the first number of ways leaves one of them out.
@pytest.mark.parametrize(
    ("init", "ways"),
    [
        ("C\nfor i in range(2):\n    if i:\n        return\n    N\nN", 1),
        ("for i in range(2):\n    if i:\n        return\n    C\n    N\nC\nN", 1),
        ("if way:\n    C\nelse:\n    self.n = 1\n    C\n    if self.n:\n        return\nN", 2),
        ("if not way:\n    C\n    N\nelse:\n    return", 1),
        ("C\nif self.flag:\n    if way:\n        return\n    N", 2),
    ],
)
def test_what_may_not_be_there_yet(init: str, ways: int) -> None:
    for name, code in zip("CN", START.splitlines(), strict=True):
        init = re.sub(rf"^( *){name}$", rf"\1{code}", init, flags=re.MULTILINE)
    forward = "x = self.conv(x)\nreturn self.bn(x) if hasattr(self, 'bn') else x"
    assert "split_conv_norm" not in init_of(init, ways, forward)


def test_a_method_that_gives_it_back() -> None:
    method = f"\n    def build(self):\n{indent(START, ' ' * 8)}\n        return self.conv\n"
    text = source("self.build()") + method
    result = assert_equivalent(text, partial(build, "Net", 0), X, options=BUILT)
    assert f"        {LINE}\n        return self.conv\n" in result.text


def test_a_comment_that_leaves_a_return_alone() -> None:
    init = f"{START}\nif way:  # gencode: skip\n    return\nself.n = 1"
    assert "split_conv_norm" not in init_of(init)


# What the constructor of a subclass does, and the lines that split in both.
BOTH = "self.conv = nn.Conv2d(8, 8, 3, groups=4)\nself.bn = nn.BatchNorm2d(8, eps=1)"
SUBCLASSES = {
    "reads": ("self.n = self.conv.out_channels", [LINE]),
    "replaces both": (BOTH, [LINE, LINE]),
    "replaces both at times": (f"if self.flag:\n{indent(BOTH, '    ')}", [LINE, LINE]),
    "replaces both by plain ones": (BOTH.replace("4", "1"), [LINE]),
    "replaces both by another kind": (
        BOTH.replace("nn.BatchNorm2d(8, eps=1)", "nn.GroupNorm(2, 8)"),
        [LINE, LINE],
    ),
    "replaces the convolution": (BOTH.splitlines()[0], [ALONE, ALONE]),
    "replaces the norm": (BOTH.splitlines()[1], [ALONE]),
    "replaces the one or the other": (
        f"if self.flag:\n    {BOTH.splitlines()[0]}\nelse:\n    {BOTH.splitlines()[1]}",
        [ALONE, ALONE],
    ),
    "sets the norm": ("nn.init.ones_(self.bn.weight)", [ALONE]),
}


@pytest.mark.parametrize("form", SUBCLASSES)
def test_a_subclass_that_goes_on(form: str) -> None:
    code, expected = SUBCLASSES[form]
    init = (
        f"    def __init__(self, way=0):\n        super().__init__(way)\n{indent(code, ' ' * 8)}\n"
    )
    text = f"{source(START)}\n\nclass Sub(Net):\n{init}\n\nclass Other(Net):\n    pass\n"
    result = assert_equivalent(text, partial(build, "Net", 0), X, options=BUILT)
    modules = run_source(text), run_source(result.text)
    for name in ("Sub", "Other"):
        assert_same_models(*(build(name, 0, each) for each in modules), X)
    own = result.text[result.text.index("class Net(") :].splitlines()
    lines = [each.strip() for each in own if " = split_conv" in each]
    assert [each for each in lines if not each.endswith("))")] == expected


def test_a_subclass_that_initialises_it() -> None:
    code = "        super().__init__()\n        nn.init.xavier_uniform_(self.conv.weight)\n"
    text = f"{source(START)}\n\nclass Sub(Net):\n    def __init__(self):\n{code}"
    reason = "its weight is set (line 20) once it is split (line 11)"
    assert left(text, BUILT) == reason


def test_what_others_replace() -> None:
    code = f"\n\ndef f(m):\n    if isinstance(m, Net):\n{indent(START, ' ' * 8)}\n"
    result = split_source(source(START) + code.replace("self", "m"), BUILT)
    assert "split_conv_norm(" not in result.text
