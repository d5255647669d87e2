"""The rule for a norm behind a concatenation of what convolutions give."""

from __future__ import annotations

import copy
import pickle
import sys

import pytest

from gencode import Options, split_source
from gencode.facts.facts import Facts
from gencode.grouped_conv.source_facts import facts_of_source
from gencode.reading.classes import ClassIndex

torch = pytest.importorskip("torch")

from equivalence import randomise  # noqa: E402
from rules import HEAD, PLINIO, module, run, stays  # noqa: E402

CONSTRUCTOR = """
self.one = nn.Conv2d(3, 8, 1)
self.two = nn.Conv2d(3, 4, 3, padding=1)
self.bn = nn.BatchNorm2d(12)
"""
CAT = "torch.cat((self.one(x), self.two(x)), dim=1)"
FORWARD = f"return self.bn({CAT})"


def net(forward: str = FORWARD, constructor: str = CONSTRUCTOR, rest: str = "") -> str:
    return module(forward, constructor, rest)


# --- nothing changes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("forward", "why"),
    [
        (f"y = {CAT}\nreturn self.bn(y) + y", "what it gives has another use too"),
        (f"ys = [{CAT}]\nreturn self.bn(ys[0])", "what it gives has another use too"),
        (
            f"y = {CAT}\nif x.sum() > 0:\n    y = x\nreturn self.bn(y)",
            "the norm may take something else (line",
        ),
        (
            "return self.bn(torch.cat((self.one(x), self.two(x)), dim=2))",
            "it is not known to concatenate channels",
        ),
        (
            "return self.bn(torch.cat((self.one(x), self.two(x))))",
            "it is not known to concatenate channels",
        ),
        (
            "y = self.one(x)\nreturn self.bn(torch.cat((y, self.two(x)), 1)) + y.mean()",
            "y has another use too",
        ),
        (
            f"return self.bn({CAT}) + self.bn(torch.cat((self.one(x), self.two(x)), 1))",
            "something else is done with the norm",
        ),
        (
            "ys = []\nfor c in (self.one, self.two):\n    ys.append(c(x))\n"
            "return self.bn(torch.cat(ys, 1))",
            "it is not known which convolutions are gone over",
        ),
        (
            "ys = []\nfor c in (self.one, self.two):\n    ys.append(c(x))\n    print()\n"
            "return self.bn(torch.cat(ys, 1))",
            "what is concatenated is not written as a list",
        ),
        (
            "ys = [self.one(x)]\nys.append(self.two(x))\nreturn self.bn(torch.cat(ys, 1))",
            "what is concatenated is not written as a list",
        ),
        (
            "return self.bn(torch.cat([c(x) for c in (self.one, self.two)], 1))",
            "it is not known which convolutions are gone over",
        ),
        (
            "return self.bn(torch.cat([self.one(x), *[self.two(x)]], 1))",
            "is not known to be what a convolution gives",
        ),
        (
            "return self.bn(torch.cat([\n    self.one(x),  # first\n    self.two(x)], 1  # all\n))",
            "a comment in it would be lost",
        ),
        (f"return self.bn(input={CAT})", "it is not known what takes it"),
        (
            f"y = {CAT}\n\ndef last():\n    return self.bn(y)\n\nreturn last()",
            "the norm is applied elsewhere",
        ),
        (
            "return self.bn(torch.cat([self.one(x) for _ in (0, 1)], 1))",
            "what is concatenated is not written as a list",
        ),
    ],
)
def test_what_a_forward_does(forward: str, why: str) -> None:
    found = [each for each in stays(net(forward)) if each.code == "cat-norm"]
    assert any(why in each.message for each in found)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("self.bn = nn.BatchNorm2d(12, track_running_stats=False)", "may have no statistics"),
        ("self.bn = nn.SyncBatchNorm(12)", "the norm is of another kind"),
        ("self.kept = [self.bn]", "the norm is kept elsewhere too"),
        ("self.alias = self.bn", "the norm is kept elsewhere too"),
        ("nn.init.zeros_(self.bn.weight)", "something else is done with the norm"),
        ("self.bn = nn.BatchNorm2d(12) if G else nn.Identity()", "it is not known to be one"),
        ("self.one = nn.Conv2d(3, 8, 1) if G else nn.Conv2d(3, 8, 3)", "it is not known which"),
        ("self.optimizer = torch.optim.SGD(self.parameters(), lr=1)", "may notice"),
        ("if G:\n    return", "the constructor may not get to its end"),
        ("self.bn = made()", "the norm is built elsewhere"),
        ("same = self", "the constructor hands the module on"),
    ],
)
def test_what_a_constructor_does(line: str, why: str) -> None:
    name = line.partition(" =")[0]
    others = [each for each in CONSTRUCTOR.splitlines() if not each.startswith(f"{name} =")]
    source = net(constructor="\n".join([*others, line]))
    top = "from g import G, unknown\n\n\ndef made():\n    return nn.BatchNorm2d(12)\n\n\nclass Net"
    found = [each for each in stays(source.replace("class Net", top)) if each.code == "cat-norm"]
    assert any(why in each.message for each in found), found


COLLECTED = "return self.bn(torch.cat(ys, 1))"


@pytest.mark.parametrize(
    ("forward", "why"),
    [
        (
            "ys = []\nif self.training:\n    ys = []\n"
            f"for c in self.convs:\n    ys.append(c(x))\n{COLLECTED}",
            "what is concatenated is not written as a list",
        ),
        (
            "ys = []\nif self.training:\n    for c in self.convs:\n        ys.append(c(x))\n"
            f"{COLLECTED}",
            "what is concatenated is not written as a list",
        ),
        (
            f"ys = []\nfor c in self.convs:\n    ys.insert(0, c(x))\n{COLLECTED}",
            "what is concatenated is not written as a list",
        ),
        (
            "return self.bn(torch.cat([c(x) for c in self.convs for _ in (0, 1)], 1))",
            "what is concatenated is not written as a list",
        ),
        (
            "return self.bn(torch.cat([c(x) for c in self.either], 1))",
            "it is not known which convolutions are gone over",
        ),
        (
            "return self.bn(torch.cat([self.firsts[0](x), self.firsts[0](x)], 1))",
            "it is not known which convolution gives self.firsts[0](x)",
        ),
    ],
)
def test_what_is_collected(forward: str, why: str) -> None:
    more = (
        "self.firsts = nn.Sequential(nn.Conv2d(3, 6, 1), nn.ReLU())\n"
        "if G:\n    self.either = nn.ModuleList(nn.Conv2d(3, c, 1) for c in (8, 4))\n"
        "else:\n    self.either = nn.ModuleList(nn.Conv2d(3, c, 1) for c in (4, 8))\n"
    )
    source = net(forward, LISTED + more).replace("class Net", "from g import G\n\n\nclass Net")
    found = [each for each in stays(source) if each.code == "cat-norm"]
    assert any(why in each.message for each in found), found


@pytest.mark.parametrize(
    "line",
    [
        "self.one = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU())",
        "self.one = nn.Sequential(*[nn.Conv2d(3, 8, 1)] * G)",
        "self.one = unknown(nn.Conv2d(3, 8, 1))",
    ],
)
def test_what_may_be_no_convolution_is_not_spoken_of(line: str) -> None:
    source = net(constructor=CONSTRUCTOR + line)
    source = source.replace("class Net", "from g import G, unknown\n\n\nclass Net")
    assert not [each for each in stays(source) if each.status == "rewritten"]


def test_an_attribute_of_a_norms_name_is_another_objects() -> None:
    source = net(
        constructor=CONSTRUCTOR + "self.num_features = 12",
        rest="class Other(Net):\n    def width(self):\n        return self.num_features",
    )
    assert "NormOfParts(" in split_source(source, PLINIO).text


@pytest.mark.parametrize(
    ("rest", "why"),
    [
        ("def f(net):\n    return [p for p in net.parameters()]", "may notice"),
        ("def f(net):\n    return [m.num_features for m in net.all]", "may notice"),
        ("def f(net):\n    net.bn = None", "an attribute of its name is used"),
        ("def f():\n    Net().bn.eps = 1", "something else is done with the norm"),
        ("def f(net):\n    return list(net.modules())", "may be gone over"),
        ("class Other(Net):\n    def same(self):\n        self.bn = self.bn", "may be another one"),
    ],
)
def test_what_others_do(rest: str, why: str) -> None:
    found = [each for each in stays(net(rest=rest)) if each.code == "cat-norm"]
    assert any(why in each.message for each in found), found


def test_a_norm_of_what_is_no_convolution_is_none_of_its_business() -> None:
    found = stays(net("return self.bn(torch.cat((x, self.one(x)), 1))"))
    assert not found


def test_a_concatenation_that_no_norm_takes_is_none_of_its_business() -> None:
    found = stays(net(f"return self.last({CAT})", CONSTRUCTOR + "self.last = nn.Conv2d(12, 3, 1)"))
    assert not [each for each in found if each.code == "cat-norm"]


def test_no_class_is_added_beside_what_a_comment_leaves_alone() -> None:
    line = "one = torch.ones(1); two = torch.cat((one, one))  # gencode: skip\n\n\n"
    found = stays(net().replace("class Net", f"{line}class Net"))
    assert any("nothing is added there: " in each.message for each in found), found


def test_nothing_is_known_of_a_project_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    def given_up(index: ClassIndex) -> Facts:
        facts = copy.copy(facts_of_source(index))
        facts.is_complete = False
        return facts

    monkeypatch.setattr("gencode.grouped_conv.source_facts.facts_of_source", given_up)
    found = [each for each in stays(net()) if each.code == "cat-norm"]
    assert any("its project is too large" in each.message for each in found), found


def test_a_norm_stays_where_a_comment_says_so() -> None:
    source = net(FORWARD + "  # gencode: skip[cat-norm]")
    (finding,) = (each for each in stays(source) if each.code == "cat-norm")
    assert finding.status == "skipped"


def test_it_is_no_matter_of_the_target_grouped() -> None:
    assert not stays(net(), Options())


# --- what becomes of it -----------------------------------------------------------------------

LISTED = """
self.convs = nn.ModuleList(nn.Conv2d(3, c, 3, padding=1) for c in (8, 4))
self.bn = nn.BatchNorm2d(12, eps=0.1, momentum=0.3)
"""
GROUPED = """
self.one = nn.Conv2d(3, 6, 1, groups=3)
self.two = nn.Conv2d(3, 4, 3, padding=1)
self.bn = nn.BatchNorm2d(10)
"""
GROUPS = """
self.convs = nn.ModuleList(nn.Conv2d(6, 6, k, padding=k // 2, groups=k) for k in (1, 3))
self.bn = nn.BatchNorm2d(12)
"""
PATHS = """
self.one = nn.Sequential()
self.one.add_module("pool", nn.AvgPool2d(1))
self.one.add_module("conv", nn.Conv2d(3, 8, 1))
self.two = nn.Sequential(nn.ReLU(), nn.Conv2d(3, 4, 1))
self.bn = nn.BatchNorm2d(12)
"""
WRITTEN = {
    "of sequences": net(constructor=PATHS),
    "a loop": net(
        "ys = []\nfor c in self.convs:\n    ys.append(c(x))\nreturn self.bn(torch.cat(ys, 1))",
        LISTED,
    ),
    "of a grouped one": net(constructor=GROUPED),
    "of grouped ones": net(
        "x = torch.cat([x, x], 1)\nreturn self.bn(torch.cat([c(x) for c in self.convs], 1))", GROUPS
    ),
    "a loop over grouped ones": net(
        "x = torch.cat([x, x], 1)\nys = []\nfor c in self.convs:\n    ys.append(c(x))\n"
        "return self.bn(torch.cat(ys, 1))",
        GROUPS,
    ),
    "at once": net(),
    "by a variable": net(f"y = {CAT}\nreturn self.bn(y).relu()"),
    "of variables": net(
        "a = self.one(x)\nb = self.two(x)\ny = torch.cat([a, b], 1)\nreturn self.bn(y)"
    ),
    "of a list": net("return self.bn(torch.cat([c(x) for c in self.convs], 1))", LISTED),
    "without weights": net(
        constructor=CONSTRUCTOR.replace("BatchNorm2d(12", "BatchNorm2d(12, affine=False")
    ),
    "for ever": net(
        constructor=CONSTRUCTOR.replace("BatchNorm2d(12", "BatchNorm2d(12, momentum=None")
    ),
    "in the middle": net(
        "return self.last(torch.relu(self.bn(torch.cat([self.two(x), self.one(x)], 1))))",
        CONSTRUCTOR + "self.last = nn.Conv2d(12, 3, 1)",
    ),
    "with the old super": net().replace("super()", "super(Net, self)"),
    "twice": net(
        f"y = self.bn({CAT})\nreturn self.norm(torch.cat([self.three(y), self.four(y)], 1))",
        CONSTRUCTOR
        + "self.three = nn.Conv2d(12, 2, 1)\nself.four = nn.Conv2d(12, 5, 1)\n"
        + "self.norm = nn.BatchNorm2d(7)",
    ),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_it_computes_the_same_and_loads_the_state_of_the_original(name: str) -> None:
    source = WRITTEN[name]
    result = split_source(source, PLINIO)
    assert "NormOfParts(" in result.text
    again = split_source(result.text, PLINIO)
    assert again.text is result.text
    assert not [each for each in again.findings if each.code in ("cat-norm", "lone-norm")]
    one, other = run(source).Net().double(), run(result.text).Net().double()
    randomise(one)
    other.load_state_dict(one.state_dict())
    for training in (False, True, False):
        x = torch.randn(2, 3, 5, 5, dtype=torch.float64)
        results = []
        for each in (one.train(training), other.train(training)):
            given = x.clone().requires_grad_()
            y = each(given)
            y.square().sum().backward()
            results.append((y, given.grad))
        for a, b in zip(*results, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
    whole = [value for key, value in one.state_dict().items() if "num_batches" in key]
    parts = [value for key, value in other.state_dict().items() if "num_batches" in key]
    assert {*map(int, whole)} == {*map(int, parts)} == {1}
    assert len(parts) > len(whole)


def test_a_fresh_model_is_the_same() -> None:
    result = split_source(net(), PLINIO)
    torch.manual_seed(3)
    one = run(net()).Net()
    torch.manual_seed(3)
    other = run(result.text).Net()
    x = torch.randn(2, 3, 5, 5)
    torch.testing.assert_close(one(x), other(x))


def test_copies_and_pickles_are_models() -> None:
    made = run(split_source(net(), PLINIO).text)
    made.__name__ = "model"
    sys.modules["model"] = made
    try:
        model = made.Net().eval()
        x = torch.randn(1, 3, 5, 5)
        for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            assert torch.equal(model(x), other(x))
            other.load_state_dict(model.state_dict())
    finally:
        del sys.modules["model"]


def test_what_is_traced_is_the_same() -> None:
    model = run(split_source(net(), PLINIO).text).Net().eval()
    x = torch.randn(1, 3, 5, 5)
    assert torch.equal(torch.fx.symbolic_trace(model)(x), model(x))
    assert len([*model.bn.parts]) == 2


def test_the_class_is_there_once() -> None:
    source = net() + "\n\n" + net().removeprefix(HEAD).replace("class Net", "class Other")
    result = split_source(source, PLINIO)
    assert result.text.count("class NormOfParts") == 1
    assert result.text.count("NormOfParts(self.bn") == 2


def test_the_class_of_an_earlier_run_is_used() -> None:
    first = split_source(net(), PLINIO).text
    more = net().removeprefix(HEAD).replace("class Net", "class Other")
    text = split_source(f"{first}\n\n{more}", PLINIO).text
    assert text.startswith(first) and text.count("class NormOfParts") == 1
    assert text.count("NormOfParts(self.bn") == 2
