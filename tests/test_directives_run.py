"""A model in which comments leave something alone computes what the original does."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from cases import model  # noqa: E402
from equivalence import assert_equivalent  # noqa: E402
from gencode import Result, split_source  # noqa: E402

CONV = "self.conv = nn.Conv2d(16, 32, 3, padding=1, groups=2)"
NORM = "self.bn = nn.BatchNorm2d(32)"
MARK = "  # gencode: skip"
X = torch.linspace(-1, 1, 3 * 16 * 5 * 5).sin().reshape(3, 16, 5, 5)


def check(init: str, forward: str, top: str = "", x: torch.Tensor = X) -> Result:
    """The same is computed by the model, which is written in every style that it can be."""
    source = model(init, forward, top)
    for style in ("explicit", "loop", "built"):
        marked = source.replace("class Net", f"# gencode: style={style}\nclass Net")
        result = assert_equivalent(marked, lambda module: module.Net(), x)
    return result


@pytest.mark.parametrize(
    ("init", "forward"),
    [
        (f"{CONV}\n{NORM}", f"x = self.bn(self.conv(x)){MARK}\nreturn x"),
        (f"{CONV}\n{NORM}", f"x = self.conv(x){MARK}\nx = self.bn(x)\nreturn x"),
        (f"{CONV}\n{NORM}", f"x = self.conv(x)\nx = self.bn(x){MARK}\nreturn x"),
        (f"{CONV}\n{NORM}{MARK}", "x = self.conv(x)\nx = self.bn(x)\nreturn x"),
        (f"{NORM}\n{CONV}", f"x = self.conv(x)\nx = self.bn(x){MARK}\nreturn x"),
        (
            f"{CONV}\n{NORM}",
            f"x = self.conv(x)\nif self.training:{MARK}\n    x = self.bn(x)\nreturn x",
        ),
        (
            f"{CONV}\n{NORM}",
            f"x = self.conv(x)\nif self.training:\n    x = self.bn(x){MARK}\nreturn x",
        ),
        (
            f"{CONV}\n{NORM}",
            f"x = self.conv(x)\nif self.training:\n    x = self.bn(x)\nelse:{MARK}\n    x = 2 * x\n"
            "return x",
        ),
        (
            f"{CONV}\n{NORM}",
            f"y = self.bn(self.conv(x))\nreturn y + self.conv(2 * x){MARK}",
        ),
        (CONV, f"y = self.conv(x)\nreturn torch.cat([y, x], 1){MARK}"),
        (CONV, f"y = self.conv(x){MARK}\nreturn torch.cat([y, x], 1)"),
        (f"{CONV}\nself.w = nn.Linear(1, 1)", f"if True:{MARK}\n    return self.conv(x)"),
    ],
)
def test_beside_a_marked_statement(init: str, forward: str) -> None:
    assert check(init, forward).records[0].status == "split"


@pytest.mark.parametrize(
    ("init", "forward"),
    [
        ("CONV\nself.pad = nn.ConstantPad1d((2, 0), 0.5)", "return self.conv(self.pad(x))"),
        ("self.pad = nn.ConstantPad1d((2, 0), 0.5)\nCONV", "return self.conv(self.pad(x))"),
        ("CONV", "x = F.pad(x, (2, 0))\nreturn self.conv(x)"),
    ],
)
def test_beside_a_marked_padding(init: str, forward: str) -> None:
    init = init.replace("CONV", "self.conv = nn.Conv1d(16, 32, 3, groups=2)")
    x = X.flatten(2)
    for line in (line for line in f"{init}\n{forward}".split("\n") if "nn.Conv1d" not in line):
        check(init.replace(line, line + MARK), forward.replace(line, line + MARK), x=x)


@pytest.mark.parametrize(
    ("uses", "forward"),
    [
        ("", "return self.conv(x)"),
        ("self.bn = nn.BatchNorm2d(32)", "return self.bn(self.conv(x))"),
        (
            "self.bn = nn.BatchNorm2d(32)",
            "x = self.conv(x)\nreturn self.bn(x) if self.training else x",
        ),
        ("", "return self.conv(x) + self.conv.weight.sum()"),
        ("", "y = self.conv(x)\nreturn torch.cat([x, y], 1)"),
    ],
)
def test_two_assignments_of_which_one_is_skipped(uses: str, forward: str) -> None:
    body = model(
        f"if many:\n    {CONV}{MARK}\nelse:\n    {CONV}\n{uses}",
        forward,
    ).replace("(self):", "(self, many):")
    source = parts(body)
    result = assert_equivalent(source, lambda module: module.Net(), X)
    assert [each.status for each in result.records] == ["skipped", "split"]


@pytest.mark.parametrize(
    "uses",
    [
        "nn.init.normal_(self.conv.weight)\nself.conv.bias.data.fill_(0.5)",
        "self.conv.weight.data.copy_(self.conv.weight * 2)",
        "self.conv = nn.utils.weight_norm(self.conv)",
    ],
)
def test_what_is_done_to_both_of_two_of_which_one_is_skipped(uses: str) -> None:
    """A line after that would split both, and one before would find nothing initialised."""
    body = model(f"if many:\n    {CONV}{MARK}\nelse:\n    {CONV}\n{uses}")
    records = split_source(body).records
    assert [each.status for each in records] == ["skipped", "left"]


def parts(body: str) -> str:
    """A model of two objects of a class, one of them with many."""
    return body.replace("class Net", "class Part") + (
        "\n\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.one, self.other = Part(True), Part(False)\n\n"
        "    def forward(self, x):\n        return self.one(x), self.other(x)\n"
    )


def test_a_real_looking_model() -> None:
    top = """
        def conv3x3(c, groups):
            return nn.Conv2d(c, c, 3, padding=1, groups=groups, bias=False)

        class Block(nn.Module):
            def __init__(self, c):
                super().__init__()
                self.conv1 = conv3x3(c, 4)
                self.bn1 = nn.BatchNorm2d(c)
                self.conv2 = nn.Conv2d(c, c, 3, padding=1, groups=8)  # gencode: style=loop
                self.bn2 = nn.BatchNorm2d(c)

            def forward(self, x):
                out = F.relu(self.bn1(self.conv1(x)))
                return F.relu(x + self.bn2(self.conv2(out)))

        class Head(nn.Module):  # gencode: skip (spectral norm is to come)
            def __init__(self, c):
                super().__init__()
                self.conv = nn.Conv2d(c, c, 1, groups=2)

            def forward(self, x):
                return self.conv(x)
        """
    init = """
        layers = [Block(16)]
        layers.append(nn.Conv2d(16, 16, 1, groups=4))  # gencode: skip
        layers.append(nn.BatchNorm2d(16))
        layers.append(nn.Conv2d(16, 32, 1, groups=4))
        layers.append(nn.BatchNorm2d(32))
        self.layers = nn.Sequential(*layers)
        self.more = nn.Sequential(
            nn.Conv2d(32, 32, 1, groups=4),
            nn.BatchNorm2d(32),
            nn.Conv2d(32, 32, 1, groups=4),  # gencode: skip
            nn.BatchNorm2d(32),
        )
        self.head = Head(32)
        """
    result = check(init, "return self.head(self.more(self.layers(x)))", top)
    assert [each.status for each in result.records].count("skipped") == 3
