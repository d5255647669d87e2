"""A norm behind a module that concatenates what its convolutions give."""

from __future__ import annotations

import copy

import pytest

from gencode import Options, split_source
from gencode.facts.facts import Facts
from gencode.grouped_conv.source_facts import facts_of_source
from gencode.reading.classes import ClassIndex

torch = pytest.importorskip("torch")

from equivalence import randomise  # noqa: E402
from rules import HEAD, PLINIO, run, stays  # noqa: E402

ONLY = Options(target="plinio", select=("cat-norm",))
PYRAMID = """\
class Pyramid(nn.Module):
    def __init__(self, kernels):
        super().__init__()
        self.levels = nn.ModuleList([nn.Conv2d(3, 4, k, padding=k // 2) for k in kernels])

    def forward(self, x):
        out = [level(x) for level in self.levels]
        return torch.cat(out, dim=1)


def build(kernels):
    if len(kernels) == 1:
        return nn.Conv2d(3, 4, kernels[0], padding=kernels[0] // 2)
    return Pyramid(kernels)


"""
NET = """\
class Net(nn.Module):
    def __init__(self, kernels=(1, 3)):
        super().__init__()
        self.conv = build(kernels)
        self.bn = nn.BatchNorm2d(4 * len(kernels))

    def forward(self, x):
        return torch.relu(self.bn(self.conv(x)))
"""
SOURCE = HEAD + PYRAMID + NET


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("return torch.cat(out, dim=1)", "return torch.cat(out, dim=2)"),
        ("return torch.cat(out, dim=1)", "return torch.cat(out, dim=1) + 1"),
        ("return torch.cat(out, dim=1)", "y = torch.cat(out, dim=1)\n        return y"),
        ("return torch.cat(out, dim=1)", "return torch.cat(out[:2], dim=1)"),
        ("level(x) for level", "-level(x) for level"),
        ("in self.levels]", "in self.levels[:2]]"),
        ("in self.levels]", "in self.levels if level]"),
        ("self.bn(self.conv(x))", "self.bn(self.conv(x) + x)"),
        ("self.bn(self.conv(x))", "self.bn(self.conv(x)) + self.conv(x)"),
        ("return torch.relu", "y = self.conv(x)\n        print(y)\n        return torch.relu"),
        ("self.conv = build(kernels)", "self.conv = build(kernels)\n        self.more = self.conv"),
        ("self.conv = build(kernels)", "self.conv = build(kernels)\n        print(self.conv)"),
        ("self.conv = build(kernels)", "for _ in kernels:\n            self.conv = build(kernels)"),
        ("    return Pyramid(kernels)", "    made = Pyramid(kernels)\n    return made"),
        ("def build(", "@cached\ndef build("),
        ("class Pyramid(", "@registered\nclass Pyramid("),
        ("self.bn = nn.BatchNorm2d(", "self.bn = nn.SyncBatchNorm("),
        ("self.bn = nn.BatchNorm2d(", "self.bn = self.other = nn.BatchNorm2d("),
        (
            "    def forward(self, x):\n        return torch.relu",
            "    def forward(self, x):\n        self.conv.levels = x\n        return torch.relu",
        ),
        (
            "    def forward(self, x):\n        return torch.relu",
            "    def forward(self, x):\n"
            "        x = self.conv.forward(x)[:, :3]\n        return torch.relu",
        ),
        (
            "    def forward(self, x):\n        return torch.relu",
            "    def forward(self, x):\n"
            "        print(self.bn.running_mean)\n        return torch.relu",
        ),
        ("# end", "def apply(x):\n    return Net().conv(x)\n"),
        ("# end", "is_joined = 1\n"),
        ("return torch.cat(out, dim=1)", "return self.cat(out, dim=1)"),
        (
            "    def forward(self, x):\n        out",
            "    def grow(self, x):\n"
            "        self.levels = x\n\n    def forward(self, x):\n        out",
        ),
        ("return torch.relu", "this = self\n        return torch.relu"),
        (
            "self.conv = build(kernels)",
            "self.conv = build(kernels)\n        self.all = [self.conv]",
        ),
    ],
)
def test_what_is_not_shown_stays(before: str, after: str) -> None:
    source = f"{SOURCE}\n\n# end\n"
    assert before in source
    if "this" in after:
        after = after.replace("torch.relu", "torch.relu(self.bn(this.conv(x)))\n        torch.relu")
    found = stays(source.replace(before, after), ONLY)
    assert all(each.status == "left" for each in found)


@pytest.mark.parametrize("kernels", [(1, 3), (1, 3, 5), (3,)])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("self.bn(self.conv(x))", "self.bn(y)"),
        (
            "out = [level(x) for level in self.levels]",
            "out = []\n        for level in self.levels:\n            out.append(level(x))",
        ),
    ],
)
def test_it_computes_the_same(kernels: tuple[int, ...], before: str, after: str) -> None:
    source = SOURCE.replace(before, after) if before else SOURCE
    source = source.replace(
        "return torch.relu(self.bn(y))", "y = self.conv(x)\n        return torch.relu(self.bn(y))"
    )
    rewritten = split_source(source, PLINIO).text
    assert "if type(self.conv) is Pyramid:" in rewritten
    assert split_source(rewritten, PLINIO).text is rewritten
    one, other = run(source).Net(kernels).double(), run(rewritten).Net(kernels).double()
    randomise(one)
    other.load_state_dict(one.state_dict())
    x = torch.randn(2, 3, 6, 5, dtype=torch.float64)
    for mode in (True, False):
        one.train(mode), other.train(mode)
        torch.testing.assert_close(other(x), one(x), rtol=1e-12, atol=1e-12)
    assert hasattr(other.bn, "parts") == (len(kernels) > 1)


def test_a_module_of_its_own_concatenates_as_before() -> None:
    net = run(split_source(SOURCE, PLINIO).text)
    assert isinstance(net.Pyramid((1, 3))(torch.randn(2, 3, 6, 5)), torch.Tensor)
    assert isinstance(net.Net().conv(torch.randn(2, 3, 6, 5)), list)


def test_a_norm_that_may_be_split_with_a_convolution_in_its_place() -> None:
    source = SOURCE.replace("nn.Conv2d(3, 4, ", "nn.Conv2d(4, 4, groups=GROUPS, kernel_size=")
    source = source.replace("class Pyramid", "GROUPS = int('2')\n\n\nclass Pyramid", 1)
    rewritten = split_source(source, PLINIO).text
    assert "if type(self.conv) is Pyramid:" in rewritten
    assert split_source(rewritten, PLINIO).text is rewritten
    for kernels in ((1, 3), (3,)):
        one, other = run(source).Net(kernels).double(), run(rewritten).Net(kernels).double()
        randomise(one)
        other.load_state_dict(one.state_dict())
        x = torch.randn(2, 4, 6, 5, dtype=torch.float64)
        torch.testing.assert_close(other(x), one(x), rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(other.eval()(x), one.eval()(x), rtol=1e-12, atol=1e-12)


def test_nothing_is_known_of_a_project_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    def given_up(index: ClassIndex) -> Facts:
        facts = copy.copy(facts_of_source(index))
        facts.is_complete = False
        return facts

    monkeypatch.setattr("gencode.grouped_conv.source_facts.facts_of_source", given_up)
    found = stays(SOURCE, ONLY)
    assert any("its project is too large" in each.message for each in found), found
