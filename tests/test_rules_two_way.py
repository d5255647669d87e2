"""Softmax attention over two branches, as a sigmoid."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")

from gencode import Options, split_source  # noqa: E402
from gencode.rules.rule import Asking  # noqa: E402
from rules import HEAD, PLINIO, run, stays  # noqa: E402

ONLY = Options(target="plinio", select=("two-way",))
CONSTRUCTOR = """\
class {name}(nn.Module):
    def __init__(self, radix=2, groups=1, use_conv=True):
        super().__init__()
        self.radix = radix
        self.groups = groups
        self.use_conv = use_conv
        self.conv = nn.Conv2d(3, 4 * radix, 3)
        self.bn = nn.BatchNorm2d(4 * radix)
        self.fc1 = nn.Conv2d(4, 6, 1)
        self.fc2 = nn.Conv2d(6, 4 * radix, 1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.softmax = nn.Softmax(dim=1)
        self.by_radix = BranchSoftmax(radix, groups)

    def forward(self, x):
"""
SOFTMAX = """\
class BranchSoftmax(nn.Module):
    def __init__(self, radix, cardinality):
        super().__init__()
        self.radix = radix
        self.cardinality = cardinality

    def forward(self, x):
        if self.radix == 1:
            return torch.sigmoid(x)
        batch = x.size(0)
        x = x.view(batch, self.cardinality, self.radix, -1).transpose(1, 2)
        return F.softmax(x, dim=1).reshape(batch, -1)


"""
CHAINED = """\
        x = self.bn(self.conv(x))
        n, c, h, w = x.shape
        x = x.reshape((n, self.radix, c // self.radix, h, w))
        gap = torch.mean(x.sum(dim=1), (2, 3), keepdim=True)
        a = self.fc2(torch.relu(self.fc1(gap)))
        a = torch.softmax(a.view(n, self.radix, -1), dim=1)
        return (x * a.unsqueeze(-1).unsqueeze(-1)).sum(dim=1)
"""
BY_MODULE = """\
        x = self.bn(self.conv(x))
        n, c, h, w = x.size()
        if self.radix > 1:
            x = x.view(n, self.radix, c // self.radix, h, w)
            gap = x.sum(dim=1)
        else:
            gap = x
        gap = self.pool(gap)
        if not self.use_conv:
            gap = gap * x.size(0)
        a = self.fc2(self.fc1(gap) if self.use_conv else self.fc1(-gap))
        a = self.by_radix(a).view(n, -1, 1, 1)
        if self.radix > 1:
            out = (x * a.reshape((n, self.radix, c // self.radix, 1, 1))).sum(dim=1)
        else:
            out = x * a
        return out.contiguous()
"""
BY_CLASS = """\
        x = self.bn(self.conv(x))
        n = x.size(0)
        x = x.view(n, self.radix, x.size(1) // self.radix, x.size(2), x.size(3))
        a = self.fc2(F.relu(self.fc1(self.pool(torch.sum(x, dim=1)))))
        a = a.view(n, self.groups, self.radix, -1)
        a = torch.transpose(a, 1, 2).contiguous()
        a = self.softmax(a).view(n, self.radix, -1, 1, 1)
        x = x * a
        x = x.sum(dim=1)
        return x
"""


def source(forward: str) -> str:
    """A source with a class of this forward."""
    return HEAD + SOFTMAX + CONSTRUCTOR.format(name="Net") + forward


def told(forward: str) -> list[str]:
    """What is said of a forward that stays, as far as this rule is concerned."""
    return [each.message for each in stays(source(forward), ONLY)]


# --- nothing changes --------------------------------------------------------------------------


def test_a_sum_of_products_without_branches_is_no_two_way_attention() -> None:
    assert not stays(HEAD + "def softmax(x, y):\n    return torch.multiply(x, y).sum(dim=1)\n")
    (said,) = told("        return (self.conv(x) * self.softmax(self.conv(x))).sum(dim=1)\n")
    assert said.endswith("it is not shown to be attention over two branches")


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("c // self.radix, h, w", "c // self.radix, w, h", "takes the branches apart"),
        ("a.view(n, self.radix, -1)", "a.view(n, -1, self.radix)", "takes the branches apart"),
        ("dim=1)\n        return", "dim=2)\n        return", "not a softmax over two of them"),
        ("x.sum(dim=1)", "x.sum(dim=2)", "it sums something else than the branches (line "),
        ("x.sum(dim=1)", "x.mean(dim=1)", "x is used with its branches apart (line "),
        (").sum(dim=1)\n", ").sum(dim=1) + x.mean()\n", "x is used with its branches apart (line "),
        (
            "a = self.fc2(",
            "a = torch.relu(",
            "a is not known to be what a convolution gives (line ",
        ),
        (
            "self.fc1(gap)",
            "self.fc1(torch.cat((gap, gap), 1))",
            "how many channels a branch has is not known",
        ),
        ("gap = ", "c = lambda: 0\n        gap = ", "it has functions of its own (line "),
        (
            "        a = self",
            "        for _ in x: pass\n        a = self",
            "it is no plain statement (line ",
        ),
        (
            "        gap",
            "        x = y = x\n        gap",
            "x is used with its branches apart (line ",
        ),
    ],
)
def test_what_is_not_shown_stays(before: str, after: str, why: str) -> None:
    assert before in CHAINED
    (said,) = told(CHAINED.replace(before, after))
    assert why in said


BRANCHES = "x = x.reshape((n, self.radix, c // self.radix, h, w))\n"
OTHER_SUM = "z = self.conv(gap)\n        z = z.view(n, 2, -1, h, w).sum(dim=1)"
MEANWHILE = "y = x.view(n, 2, -1, h, w)\n        x = torch.relu(x)\n"


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("c // self.radix, h", "c // h, h", "takes the branches apart"),
        ("c // self.radix, h", "c // 3, h", "takes the branches apart"),
        ("c // self.radix, h", "int(c / 2), h", "takes the branches apart"),
        ("c // self.radix, h, w", "c // self.radix, h", "takes the branches apart"),
        (
            "n, c, h, w = x.shape",
            "n, c, h, w = x.shape\n        k = x.size(7)",
            "takes the branches",
        ),
        (
            "a = torch.softmax(a.view(n, self.radix, -1), dim=1)",
            "a = a.view(n, 2, -1)",
            "a is used with",
        ),
        (
            "x = x.reshape((n, self.radix, c // self.radix, h, w))",
            "y = x.reshape(n, 2, -1, h, w)\n        print(y.size(0))",
            "y is used with its branches apart (line ",
        ),
        (
            f"{BRANCHES}        gap = torch.mean(x.sum",
            f"{MEANWHILE}        gap = torch.mean(y.sum",
            "x is bound to something else meanwhile (line ",
        ),
        (
            "        a = self",
            f"        {OTHER_SUM}\n        a = self",
            "there is more than one tensor of branches (line ",
        ),
        (
            "gap = torch.mean(x.sum(dim=1)",
            "gap = torch.mean(torch.ones(n, 4, h, w)",
            "the weights are not made of the sum of the branches (line ",
        ),
        ("gap = ", "a, b = 1, x.sum(dim=1)\n        x = x + 1\n        gap = ", "x is used with"),
        (
            "        gap",
            "        if self.radix is 2:\n            x = -x\n        gap",
            "x is used",
        ),
        ("        gap", "        def f(): pass\n        gap", "forward is no plain method (line "),
        ("        gap", "        global N\n        gap", "forward is no plain method (line "),
    ],
)
def test_what_is_done_otherwise_stays(before: str, after: str, why: str) -> None:
    assert before in CHAINED
    (said,) = told(CHAINED.replace(before, after))
    assert why in said


@pytest.mark.parametrize("length", ["x.size(3)", "x.shape[-1]", "x.size(1)"])
def test_a_length_of_what_is_apart_is_not_read_of_the_whole(length: str) -> None:
    before = "        a = self.fc2(torch.relu(self.fc1(gap)"
    used = f"        k = {length}\n{before} / k"
    (said,) = told(CHAINED.replace(before, used))
    assert "x is used with its branches apart (line " in said
    chosen = before.replace("(gap)", f"(gap) / {length} if self.use_conv else gap * {length}")
    (said,) = told(CHAINED.replace(before, chosen))
    assert "x is used with its branches apart (line " in said


@pytest.mark.parametrize(
    "header",
    [
        "@torch.no_grad()\n    def forward(self, x):",
        "def forward(self, x, *, y=1):",
        "def forward(self, x, **given):",
        "async def forward(self, x):",
    ],
)
def test_what_is_no_plain_method_stays(header: str) -> None:
    text = source(CHAINED)
    before, _, after = text.rpartition("def forward(self, x):")
    (said,) = [each.message for each in stays(before + header + after, ONLY)]
    assert said.endswith("forward is no plain method")


def test_what_is_in_no_module_is_not_meant() -> None:
    function = "def forward(self, x):\n" + CHAINED
    assert not stays(HEAD + function, ONLY)
    plain = "        softmax = x\n        return (x * softmax).sum(dim=1)\n"
    assert not told(plain)  # it moves nothing about


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (
            "        batch",
            "        torch.relu(x)\n        batch",
            "more than move the branches about",
        ),
        ("return F", "x = torch.relu(x)\n        return F", "more than move the branches about"),
        (".transpose(1, 2)\n", ".transpose(1, 2).sum(dim=1)\n", "it sums the branches (line "),
    ],
)
def test_a_module_that_does_more_than_move_them(before: str, after: str, why: str) -> None:
    assert before in SOFTMAX
    text = source(BY_MODULE).replace(SOFTMAX, SOFTMAX.replace(before, after))
    (said,) = [each.message for each in stays(text, ONLY)]
    assert why in said


@pytest.mark.parametrize("given", ["", "None", "dim=2", "dim=radix"])
def test_a_softmax_over_what_is_not_known_stays(given: str) -> None:
    text = source(BY_CLASS).replace("nn.Softmax(dim=1)", f"nn.Softmax({given})")
    (said,) = [each.message for each in stays(text, ONLY)]
    assert "a is used with its branches apart (line " in said


def test_a_project_that_is_too_large_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_large(asking: Asking) -> Asking:
        return replace(asking, facts=SimpleNamespace(is_complete=False))

    monkeypatch.setattr(Asking, "in_project", too_large)
    (said,) = told(CHAINED)
    assert said.endswith("its project is too large for what happens in it to be known")


def test_where_there_is_the_choice_it_is_not_made_again() -> None:
    after = split_source(source(CHAINED), PLINIO).text
    assert after.count("forward_of_two") == 2
    again = split_source(after, PLINIO)
    assert again.text == after
    assert not [each for each in again.findings if each.code == "two-way"]


@pytest.mark.parametrize(
    "line", ["    def forward(self, x):\n        x = self.bn", "        return (x"]
)
def test_it_is_left_out_where_a_comment_says_so(line: str) -> None:
    text = source(CHAINED)
    assert line in text
    text = text.replace(line, f"{line[: len(line) - len(line.lstrip())]}# gencode: skip\n{line}")
    assert "forward_of_two" not in split_source(text, PLINIO).text


# --- what becomes of what ---------------------------------------------------------------------


def test_the_forward_for_two() -> None:
    text = split_source(source(BY_MODULE), PLINIO).text
    assert (
        '''
    def forward_of_two(self, x):
        """The forward for two branches: their weights are w and 1 - w."""
        x = self.bn(self.conv(x))
        half = self.fc1.in_channels
        first, second = x[:, :half], x[:, half : 2 * half]
        gap = first + second
        gap = self.pool(gap)
        a = self.fc2(self.fc1(gap))
        weight = torch.sigmoid(a[:, :half] - a[:, half : 2 * half])
        out = torch.multiply(first - second, weight) + second
        return out
'''
        in text
    )
    assert (
        """
        if (
            self.radix == 2
            and self.use_conv
            and self.by_radix.radix == 2
            and self.by_radix.cardinality == 1
        ):
            return self.forward_of_two(x)
"""
        in text
    )


@pytest.mark.parametrize("forward", [CHAINED, BY_MODULE, BY_CLASS])
@pytest.mark.parametrize(("radix", "groups"), [(2, 1), (1, 1), (4, 1), (2, 2), (3, 1)])
def test_it_computes_the_same(forward: str, radix: int, groups: int) -> None:
    text = split_source(source(forward), PLINIO).text
    torch.manual_seed(0)
    if radix == 1 and forward is not BY_MODULE:
        return
    one, other = (run(each).Net(radix, groups).double() for each in (source(forward), text))
    other.load_state_dict(one.state_dict())
    if (radix, groups) == (2, 1):
        other.softmax = other.by_radix.forward = None  # it does without
    for training in (True, False):
        x = torch.randn(3, 3, 8, 7, dtype=torch.float64)
        found = []
        for net in (one.train(training), other.train(training)):
            given = x.clone().requires_grad_()
            result = net(given)
            (result**2).sum().backward()
            found.append((result, given.grad, net.conv.weight.grad, net.bn.running_mean))
        for a, b in zip(*found, strict=True):
            assert a.shape == b.shape
            assert (a - b).abs().max() < 1e-12


def assert_same(before: str, after: str, radix: int, groups: int = 1) -> None:
    """Two sources compute the same, by the same parameters, to rounding."""
    torch.manual_seed(0)
    one, other = (run(each).Net(radix, groups).double() for each in (before, after))
    other.load_state_dict(one.state_dict())
    x = torch.randn(3, 3, 8, 7, dtype=torch.float64)
    for training in (True, False):
        a, b = (net.train(training)(x) for net in (one, other))
        assert a.shape == b.shape
        assert (a - b).abs().max() < 1e-12


SPELLINGS = {
    "a shape": (CHAINED, "a.view(n, ", "a.view(x.shape[0], "),
    "what is left of a shape": (CHAINED, "c // self.radix, h, w", "c // self.radix, *x.shape[2:]"),
    "numbers": (CHAINED, "c // self.radix", "c * h // h // self.radix"),
    "times two": (CHAINED, "c // self.radix", "2 * c // self.radix // 2"),
    "the batch of it": (BY_MODULE, "self.fc1(gap) if", "self.fc1(gap) / x.size(0) if"),
    "by shape": (BY_MODULE, "self.fc1(gap) if", "self.fc1(gap) / x.shape[0] if"),
    "by keyword": (BY_MODULE, "self.pool(gap)", "self.pool(input=gap)"),
    "starred": (CHAINED, "gap = ", "ones = torch.ones(*[n, 1])\n        gap = "),
    "of nothing": (CHAINED, "gap = ", "g = torch.is_grad_enabled()\n        gap = "),
    "two at once": (CHAINED, "gap = ", "p, q = n, 1\n        gap = "),
    "what has no branches": (CHAINED, "        a = ", "        f = gap.view(n, -1)\n        a = "),
    "an item": (CHAINED, "self.fc1(gap)", "self.fc1(gap)[:, :]"),
    "a condition": (
        CHAINED,
        "        a = ",
        "        if n > 2:\n            gap = -gap\n        a = ",
    ),
    "of channels": (
        CHAINED,
        "        a = ",
        "        if c > 2:\n            gap = -gap\n        a = ",
    ),
    "of values": (CHAINED, "fc1(gap)", "fc1(gap if gap.mean() > 0 else -gap)"),
    "of a setting": (
        CHAINED,
        "        a = ",
        "        if self.use_conv:\n            gap = -gap\n        a = ",
    ),
    "both ways": (
        CHAINED,
        "        a = ",
        "        gap = torch.relu(gap) if gap.mean() > 0 else torch.tanh(gap)\n"
        "        gap = torch.relu(torch.sigmoid(gap))\n        a = ",
    ),
    "one of two": (
        BY_MODULE,
        "self.fc2(self.fc1(gap) if self.use_conv else self.fc1(-gap))",
        "self.fc2(self.fc1(gap)) if self.use_conv else self.fc1(-gap)",
    ),
    "by function": (CHAINED, "(x * a.unsqueeze(-1)", "x.mul(a.unsqueeze(-1)"),
    "of a call": (
        CHAINED,
        "        a = ",
        "        if torch.is_tensor(gap):\n            gap = -gap\n        a = ",
    ),
    "a length, in what is chosen": (BY_MODULE, "self.fc1(gap) if", "self.fc1(gap) / h if"),
    "the batch as a length": (
        CHAINED,
        "        a = self.fc2(torch.relu(self.fc1(gap)",
        "        k = x.size(0)\n        a = self.fc2(torch.relu(self.fc1(gap) / k",
    ),
    "a length of no use": (CHAINED, "        a = ", "        k = x.size(3)\n        a = "),
    "another name": (CHAINED, "gap = ", "y = x\n        y = y.sum(dim=1)\n        gap = "),
    "and": (BY_MODULE, "if self.radix > 1:", "if self.radix > 1 and self.use_conv:"),
    "not equal": (BY_MODULE, "self.radix > 1", "self.radix != 1"),
    "at least": (BY_MODULE, "self.radix > 1", "self.radix >= 2"),
    "less": (BY_MODULE, "self.radix > 1", "1 < self.radix"),
    "at most": (BY_MODULE, "self.radix > 1", "2 <= self.radix"),
    "one way": (
        BY_MODULE,
        "self.by_radix(a)",
        "self.by_radix(a) if self.radix > 1 else torch.sigmoid(a)",
    ),
}


@pytest.mark.parametrize("form", SPELLINGS)
def test_other_spellings(form: str) -> None:
    forward, before, after = SPELLINGS[form]
    assert before in forward
    text = source(forward.replace(before, after))
    result = split_source(text, ONLY).text
    assert "return self.forward_of_two(x)" in result
    of_two = result.partition("def forward_of_two")[2]
    assert "softmax" not in of_two and "by_radix" not in of_two
    for radix in (2, 4):
        assert_same(text, result, radix)


def test_a_module_that_chooses_by_an_expression() -> None:
    before = "x = x.view(batch, self.cardinality, self.radix, -1).transpose(1, 2)"
    text = source(BY_MODULE).replace(before, f"{before} if self.radix > 1 else x")
    result = split_source(text, ONLY).text
    assert "self.by_radix.radix == 2" in result
    assert_same(text, result, 2)


def test_a_module_of_the_project_without_softmax_is_called() -> None:
    plain = "class Plain(nn.Module):\n    def forward(self, x):\n        return x + 1\n\n\n"
    text = source(CHAINED.replace("self.fc1(gap)", "self.fc1(gap) + self.plain(gap).sum()"))
    text = text.replace("class Net", f"{plain}class Net")
    text = text.replace("        self.fc1 = ", "        self.plain = Plain()\n        self.fc1 = ")
    result = split_source(text, ONLY).text
    assert result.count("self.fc1(gap) + self.plain(gap).sum()") == 2
    assert_same(text, result, 2)


def test_a_docstring_stays_first() -> None:
    docstring = '        """What it gives."""\n'
    text = split_source(source(docstring + CHAINED), PLINIO).text
    assert (
        f"{docstring}        if self.radix == 2:\n            return self.forward_of_two(x)\n"
        in text
    )
    assert text.count("What it gives") == 1
