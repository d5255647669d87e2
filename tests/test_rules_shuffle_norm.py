"""The rule for channel shuffles: norms behind them, and what the method returns."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import pytest

from gencode import Options, list_source, split_source
from gencode.file_split import split_path

torch = pytest.importorskip("torch")

from rules import HEAD, PLINIO, run, stays  # noqa: E402

SHUFFLE = Options(select=("shuffle",))
FUNCTION = """\
def permute(x, groups):
    n, c, h, w = x.shape
    return x.view(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)


"""
BLOCK = """\
class Block(nn.Module):
    def __init__(self, L, M):
        super().__init__()
        self.groups = M
        width = L * M
        self.first = nn.Conv2d(width, width, 3, padding=1, groups=L)
        self.second = nn.Conv2d(width, width, 1, groups=M)
        self.bn = nn.BatchNorm2d(width, eps=0.1)
        self.act = nn.ReLU()

    def forward(self, x):
        x = permute(self.second(self.first(x)), self.groups)
        return self.act(self.bn(x))


"""
NET = """\
class Net(nn.Module):
    def __init__(self, L=6, M=2, depth=2):
        super().__init__()
        layers = [nn.Conv2d(3, L * M, 1)]
        for i in range(depth):
            layers.append(Block(L, M))
        self.blocks = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(L * M, 5)

    def forward(self, x):
        return self.fc(torch.flatten(self.pool(self.blocks(x)), 1))
"""
FLAT = "torch.flatten(self.pool(self.blocks(x)), 1)"
SOURCE = HEAD + FUNCTION + BLOCK + NET
PLAIN = "self.second = nn.Conv2d(width, width, 1)"
GROUPED = "self.second = nn.Conv2d(width, width, 1, groups=M)"


def changed(*pairs: tuple[str, str]) -> str:
    """The source with some of its text replaced."""
    source = SOURCE
    for old, new in pairs:
        assert old in source
        source = source.replace(old, new)
    return source


def reason(*pairs: tuple[str, str]) -> str:
    """Why the shuffle stays, without the line."""
    (finding,) = stays(changed(*pairs), SHUFFLE)
    return finding.message.rpartition(": ")[2].partition(" (line")[0]


def assert_same(source: str, options: Options = SHUFFLE) -> str:
    """The rewritten net loads the original's state and its own, and computes the same."""
    after = split_source(source, options).text
    assert after != source
    assert split_source(after, options).text == after
    torch.manual_seed(0)
    one = run(source).Net().double()
    fresh(one)
    other = run(after).Net().double()
    other.load_state_dict(one.state_dict())
    reloaded = run(after).Net().double()
    reloaded.load_state_dict(other.state_dict())
    x = torch.randn(2, 3, 6, 6, dtype=torch.float64)
    for training in (True, False):
        expected = outcome(one.train(training), x)
        for each in (other, reloaded, copy.deepcopy(other)):
            for a, b in zip(expected, outcome(each.train(training), x), strict=True):
                torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-11)
    return after


def fresh(net: torch.nn.Module) -> None:
    for value in net.state_dict().values():
        if value.is_floating_point():
            value.uniform_(0.5, 1.5)


def outcome(net: torch.nn.Module, x: torch.Tensor) -> Sequence[torch.Tensor]:
    x = x.clone().requires_grad_()
    y = net(x)
    y.square().sum().backward()
    assert x.grad is not None
    return y.detach(), x.grad


# --- nothing changes --------------------------------------------------------------------------

NO_CONVOLUTION = "self.bn is a norm that follows no convolution of its own"
OTHER_KIND = "self.bn may be a norm of another kind"
MULTIPLIER = "self.second may be a depthwise multiplier"
LOST = "it is returned, to what is not followed"
NO_MIXING = "it is returned to what does not mix the channels"
DEPTHWISE = "it is returned to what may be depthwise"
OTHER_NUMBER = "M may be another number in what it is returned to"
IN_STEPS = "x = self.first(x)\n        x = self.second(x)\n        x = permute(x"
CALL = "layers.append(Block(L, M))"


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("self.second(self.first(x))", "self.act(self.second(self.first(x)))", NO_CONVOLUTION),
        ("self.second(self.first(x))", "self.second(input=self.first(x))", NO_CONVOLUTION),
        ("width, width, 1, groups=M)", "width, int(width), 1, groups=M)", MULTIPLIER),
        ("width, eps=0.1)", "width, track_running_stats=False)", OTHER_KIND),
        ("nn.BatchNorm2d(width, eps=0.1)", "nn.SyncBatchNorm(width)", OTHER_KIND),
        ("nn.BatchNorm2d(width, eps=0.1)", "nn.LazyBatchNorm2d()", OTHER_KIND),
        ("nn.BatchNorm2d(width, eps=0.1)", "(lambda: nn.BatchNorm2d(width))()", OTHER_KIND),
        (
            GROUPED,
            "self.second = nn.Conv2d(width, 2 * width, 1, groups=width)",
            MULTIPLIER,
        ),
        ("self.act = nn", "nn.init.ones_(self.bn.weight)\n        self.act = nn", "bn is used for"),
    ],
)
def test_other_norms(old: str, new: str, why: str) -> None:
    assert reason((old, new)).startswith(why)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        # who applies it is not known
        (f"return self.fc({FLAT})", "return x", LOST),
        (f"return self.fc({FLAT})", "return self.blocks(x)", LOST),
        ("        self.pool =", "        other(self.blocks)\n        self.pool =", LOST),
        ("forward(self, x):\n        x = permute", "apply_to(self, x):\n        x = permute", LOST),
        # who reads it does not mix
        ("self.pool = nn.AdaptiveAvgPool2d(1)", "self.pool = nn.Softmax(1)", NO_MIXING),
        ("self.pool = nn.AdaptiveAvgPool2d(1)", "self.pool = nn.BatchNorm2d(L * M)", NO_MIXING),
        (FLAT, "self.pool(self.blocks(x))", NO_MIXING),
        (FLAT, "torch.flatten(self.blocks(x), 0, 1)", NO_MIXING),
        ("self.pool(self.blocks(x))", "self.pool(self.blocks(x) + 1)", NO_MIXING),
        (
            "self.pool = nn.AdaptiveAvgPool2d(1)",
            "self.pool = nn.Conv2d(L * M, L * M, 1, groups=L * M)",
            DEPTHWISE,
        ),
        ("3, padding=1, groups=L)", "3, padding=1, groups=width)", DEPTHWISE),
        ("3, padding=1, groups=L)", "3, padding=1, groups=int(L))", DEPTHWISE),
        # the other object may have one channel in each group
        (CALL, "layers.append(Block(L, i))", OTHER_NUMBER),
        (CALL, "layers += [Block(L, M), Block(L * M, 1)]", OTHER_NUMBER),
        (CALL, f"{CALL}\n            L, M = L * M, 1", OTHER_NUMBER),
        (CALL, "layers.append(Block(*(L, M)))", OTHER_NUMBER),
        (CALL, "kind = Block\n            layers.append(kind(L, M))", OTHER_NUMBER),
    ],
)  # fmt: skip
def test_what_is_returned(old: str, new: str, why: str) -> None:
    assert reason((old, new)) == why


ONE = "x = permute(self.second(self.first(x)), self.groups)\n        return self.act(self.bn(x))"
STEPS = """\
y = self.second(self.first(x))
        {}z = permute(y, self.groups)
        {}return self.act(self.bn(z))"""
NOT_ALL = "self.bn is not all that reads what it gives"
READ = "what is shuffled is read elsewhere too"


@pytest.mark.parametrize(
    ("before", "between", "after", "why"),
    [
        ("", "", " + self.first(z)", NOT_ALL),
        ("", "assert z.shape[1] > 1\n        ", "", NOT_ALL),
        ("", "h = z.size(2)\n        ", " * h", NOT_ALL),
        ("assert y.shape[1] > 1\n        ", "", "", READ),
        ("h = y.size(2)\n        ", "", "", READ),
        ("", "assert y.shape[1] > 1\n        ", "", READ),
    ],
)
def test_what_else_reads_the_parts(before: str, between: str, after: str, why: str) -> None:
    """They are in a list, which nothing but the norm takes."""
    assert reason((ONE, STEPS.format(before, between) + after)) == why


def test_an_object_of_a_subclass() -> None:
    other = "class Other(Block):\n    pass\n\n\nclass Net("
    call = "layers += [Block(L, M), Other(L * M, 1)]"
    assert reason(("class Net(", other), (CALL, call)) == NO_CONVOLUTION


def test_one_function_that_builds_them() -> None:
    make = "def make(L, M):\n    return Block(L, M)\n\n\nclass Net("
    pairs = ("class Net(", make), (CALL, "layers += [make(L, M), make(L * M, 1)]")
    assert reason(*pairs) == OTHER_NUMBER


# --- what becomes of what ---------------------------------------------------------------------


def test_a_norm_behind_a_shuffle() -> None:
    after = assert_same(SOURCE)
    assert "        x = outputs_apart(self.second, self.first(x))\n" in after
    assert "        return self.act(self.bn(x))[:, self.order]\n" in after
    made = "        self.order = shuffled(width, M)\n"
    made += "        self.bn = NormBeforeShuffle(self.bn, self.order, self.second)\n"
    assert made in after
    assert "BeforeShuffle(self.bn, self.order)" not in after


def test_the_parts_of_a_split_convolution() -> None:
    after = assert_same(SOURCE, PLINIO)
    block = run(after).Block(3, 2)
    assert len(block.bn.parts) == len(block.second.parts) == 2
    assert after.index("split_conv(self.second)") < after.index("NormBeforeShuffle(self.bn")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("padding=1, groups=L)", "padding=1)"),  # it is split too, by what the second one slices
        ("width, 3, padding=1, groups=L)", "width, 3, padding=1, groups=width)"),
        (GROUPED, "self.second = nn.Conv2d(width, width, 1, groups=2)"),
        ("def __init__(self, L, M)", "def __init__(self, L, M, bias=None)"),
    ],
)
def test_what_is_split_with_it(old: str, new: str) -> None:
    pairs = [(old, new)]
    if "width)" in new:
        pairs.append(
            ("layers.append(Block(L, M))", "layers += [Block(L, M), nn.Conv2d(L * M, L * M, 1)]")
        )
    assert_same(changed(*pairs), PLINIO)


def test_a_norm_behind_a_plain_convolution() -> None:
    after = assert_same(changed((GROUPED, PLAIN)))
    assert "        x = self.second(self.first(x))\n" in after
    assert "self.bn = BeforeShuffle(self.bn, self.order)\n" in after
    assert "NormBeforeShuffle" not in after


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (CALL, "layers.append(Block(L, 2))"),
        (CALL, "layers.append(Block(M=M, L=L))"),
        ("width, eps=0.1)", "width, affine=False)"),
        (FLAT, "self.pool(self.blocks(x)).flatten(1)"),
        ("self.pool(self.blocks(x))", "self.pool(F.relu(self.blocks(x)))"),
        ("        x = permute(self.second(self.first(x))", f"        {IN_STEPS}"),
        ("return self.act(self.bn(x))", "x = self.bn(x)\n        return x"),
    ],
)  # fmt: skip
def test_other_spellings(old: str, new: str) -> None:
    assert "NormBeforeShuffle(self.bn" in assert_same(changed((old, new)))


def test_what_is_trained_and_where() -> None:
    module = run(split_source(SOURCE, PLINIO).text)
    norm = torch.nn.BatchNorm2d(6).double().eval()
    norm.weight.requires_grad_(False)
    conv = torch.nn.Conv2d(6, 6, 1)
    found = module.NormBeforeShuffle(norm, [0, 3, 1, 4, 2, 5], conv)
    (part,) = found.parts
    assert not found.training and not part.weight.requires_grad and part.bias.requires_grad
    assert part.weight.dtype == torch.float64


def test_the_order_of_the_weights_that_are_there() -> None:
    """What the constructor has drawn for a channel stays that of the channel."""
    norm = torch.nn.BatchNorm2d(4)
    norm.weight.data = torch.tensor([0.0, 1.0, 2.0, 3.0])
    module = run(split_source(SOURCE, PLINIO).text)
    order = module.shuffled(4, 2)
    found = module.NormBeforeShuffle(norm, order, torch.nn.Conv2d(4, 4, 1))
    assert found.parts[0].weight[order].tolist() == [0.0, 1.0, 2.0, 3.0]


def test_it_is_listed() -> None:
    (finding,) = list_source(SOURCE, SHUFFLE).findings
    assert finding.message.endswith(
        "[:, self.order] behind bn, whose weights are put in that order"
    )


@pytest.mark.parametrize(
    ("other", "is_known"),
    [
        ("from net import Net\n\nmodel = Net()\n", True),
        ("from net import Net\n\n\ndef run(x):\n    return Net().blocks(x)\n", False),
        ("from net import Block\n\nmade = Block(4, 1)\n", False),
    ],
)
def test_other_files(tmp_path: Path, other: str, is_known: bool) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "net.py").write_text(SOURCE)
    (tmp_path / "other.py").write_text(other)
    result = split_path(tmp_path / "net.py", SHUFFLE).result
    assert ("NormBeforeShuffle" in result.text) == is_known


@pytest.mark.parametrize(
    ("rest", "why"),
    [
        ("self.kept = self.blocks(x)\n        return x", "what it gives is kept"),
        ("return self.fc(self.pool(self.blocks(x)).flatten(start_dim=1))", NO_MIXING),
        ("return self.fc(self.two(self.blocks(x), x))", LOST),
    ],
)
def test_other_ways_on(rest: str, why: str) -> None:
    two = "class Two(nn.Module):\n    def forward(self, x, y):\n        return x\n\n\nclass Net("
    pool = "        self.two = Two()\n        self.pool ="
    pairs = ("class Net(", two), ("        self.pool =", pool), (f"return self.fc({FLAT})", rest)
    assert reason(*pairs) == why


def test_what_nobody_reads() -> None:
    one = "self.block = Block(L, M)\n        self.pool ="
    pairs = (
        (CALL, "pass"),
        ("self.pool =", one),
        ("return self.fc(", "self.block(x)\n        return ("),
    )
    assert reason(*pairs) == LOST


def test_a_plain_convolution_elsewhere() -> None:
    pool = "self.pool = nn.AdaptiveAvgPool2d(1)"
    conv = f"{pool}\n        self.conv = nn.Conv2d(L * M, L * M, 1)"
    after = assert_same(changed((pool, conv), ("self.blocks(x)", "self.conv(self.blocks(x))")))
    assert "NormBeforeShuffle(self.bn" in after


def test_one_after_the_other() -> None:
    """A convolution that is split already has its parts; one that has a norm of parts stays."""
    after = assert_same(split_source(SOURCE, Options(target="grouped")).text, PLINIO)
    assert after.index("split_conv(self.second)") < after.index("NormBeforeShuffle(self.bn")
    norm_first = split_source(SOURCE, SHUFFLE).text
    assert split_source(norm_first, PLINIO).text == norm_first
