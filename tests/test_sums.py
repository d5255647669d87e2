"""What split convolutions give is added up: said, and an identity put behind where asked for."""

from __future__ import annotations

import copy
import pickle
import sys
from pathlib import Path

import pytest

from cases import model
from gencode import Options, Result, list_source, split_source
from gencode.outcome import Finding

torch = pytest.importorskip("torch")

from equivalence import import_from, randomise, run_source  # noqa: E402

PLINIO = Options(target="plinio")
ASKED = Options(select=("grouped-conv", "branch-norm", "flat-cat", "sum-of-cats"))
LAYERS = {
    "stem": "nn.Conv2d(3, 8, 3, padding=1)",
    "two": "nn.Conv2d(3, 16, 3, padding=1)",
    "a": "nn.Conv2d(8, 8, 3, padding=1, groups=2)",
    "bn_a": "nn.BatchNorm2d(8)",
    "b": "nn.Conv2d(8, 8, 1, groups=4)",
    "seq": "nn.Sequential(nn.Conv2d(8, 8, 1, groups=2), nn.BatchNorm2d(8), nn.ReLU())",
    "last": "nn.Conv2d(8, 4, 1)",
}
SUMS = {
    "of two": "x = self.stem(x)\nreturn self.last(self.a(x) + self.b(x))",
    "of a trunk": (
        "x = self.stem(x)\nx = F.relu(x + self.bn_a(self.a(x)))\nx = x + self.b(x)\n"
        "return self.last(x)"
    ),
    "in place": ("x = self.stem(x)\ny = self.bn_a(self.a(x))\ny += self.b(x)\nreturn self.last(y)"),
    "by torch": (
        "x = self.stem(x)\nx = torch.add(x, self.bn_a(self.a(x)))\n"
        "return self.last(torch.add(x, self.b(x)))"
    ),
    "of an nn.Sequential": "x = self.stem(x)\nx = x + self.seq(x)\nreturn self.last(x + self.b(x))",
}
ALONE = {
    "with a plain one": "x = self.stem(x)\nreturn self.last(x + self.a(x))",
    "with a slice of a plain one": (
        "x, y = torch.split(self.two(x), 8, 1)\nreturn self.last(x + self.a(y))"
    ),
    "no sum": "x = self.stem(x)\nreturn self.last(self.bn_a(self.a(x)))",
    "behind a plain one": "x = self.stem(x)\nreturn self.last(self.a(x)) + self.last(self.b(x))",
}


def net(forward: str, more: str = "", top: str = "") -> str:
    """A model with those of the layers that a forward applies, and some more lines."""
    lines = [f"self.{name} = {made}" for name, made in LAYERS.items() if f"self.{name}(" in forward]
    return model("\n".join([*lines, more]), forward, top=top)


def sums(result: Result) -> list[Finding]:
    return [each for each in result.findings if each.code == "sum-of-cats"]


@pytest.mark.parametrize("form", SUMS)
def test_without_being_asked_it_is_only_listed(form: str) -> None:
    source = net(SUMS[form])
    text = split_source(source, PLINIO).text
    assert "add_identity" not in text and not sums(split_source(source, PLINIO))
    found = sums(list_source(source, PLINIO))
    assert found and {each.status for each in found} == {"left"}
    assert all("--select sum-of-cats" in each.message for each in found)
    assert sums(list_source(text, PLINIO))  # once it is split as well
    assert not sums(list_source(source))


@pytest.mark.parametrize("form", ALONE)
def test_one_concatenation_may_be_added(form: str) -> None:
    source = net(ALONE[form])
    assert not sums(list_source(source, PLINIO))
    assert "add_identity" not in split_source(source, ASKED).text


def test_a_function_builds_plain_ones_as_well() -> None:
    top = "def conv(groups=1):\n    return nn.Conv2d(8, 8, 1, groups=groups)"
    for groups, count in (("", 0), ("groups=2", 1)):
        source = net(
            "x = self.stem(x)\ny = self.last(self.g(x))\nx = x + self.h(x)\nx = x + x\n"
            "return y + self.last(x)",
            f"self.g = conv(2)\nself.h = conv({groups})",
            top,
        )
        assert len(sums(list_source(source, PLINIO))) == count


@pytest.mark.parametrize("form", SUMS)
def test_an_identity_changes_nothing_but_what_plinio_takes(form: str) -> None:
    source = net(SUMS[form])
    result = split_source(source, ASKED)
    assert {each.status for each in sums(result)} == {"rewritten"}
    assert split_source(result.text, ASKED).text is result.text
    torch.manual_seed(0)
    one, other = (run_source(each).Net().double() for each in (source, result.text))
    randomise(one)
    other.load_state_dict(one.state_dict())
    again = copy.deepcopy(other)
    again.load_state_dict(other.state_dict())
    for changed in (other, again):
        original = copy.deepcopy(one)
        for training in (True, False):
            x = torch.randn(2, 3, 6, 6, dtype=torch.float64)
            before, after = x.clone().requires_grad_(), x.clone().requires_grad_()
            expected = original.train(training)(before)
            found = changed.train(training)(after)
            torch.testing.assert_close(found, expected)
            expected.square().sum().backward()
            found.square().sum().backward()
            torch.testing.assert_close(after.grad, before.grad)
    identities = [each for name, each in other.named_parameters() if ".same." in name]
    assert identities and not any(each.requires_grad for each in identities)


def test_how_it_reads() -> None:
    text = split_source(net(SUMS["of a trunk"]), ASKED).text
    assert text.count("add_identity(self.bn_a)\n") == 1
    assert text.count("self.b = add_identity(split_conv(self.b))\n") == 1


@pytest.mark.parametrize(
    "code",
    [
        "for m in self.modules():\n    if hasattr(m, 'weight'):\n        m.weight.data.fill_(1)",
        "for p in self.parameters():\n    nn.init.normal_(p)",
        "self.apply(print)",
        "[print(each) for _, each in self.named_children()]",
    ],
)
def test_what_goes_over_all_modules_would_meet_it(code: str) -> None:
    source = net(SUMS["of two"], code)
    result = split_source(source, ASKED)
    assert "add_identity" not in result.text
    assert all("goes over all modules (line " in each.message for each in sums(result))
    assert {each.status for each in sums(result)} == {"left"}


def test_an_optimiser_meets_nothing_that_learns() -> None:
    top = "def train(net):\n    return torch.optim.SGD(net.parameters(), 0.1)"
    assert "add_identity(" in split_source(net(SUMS["of two"], top=top), ASKED).text


def test_it_is_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = split_source(net(SUMS["of a trunk"]), ASKED).text
    (tmp_path / "summed.py").write_text(text)
    module = import_from(str(tmp_path), "summed")
    monkeypatch.setitem(sys.modules, "summed", module)
    made = module.Net().eval()
    x = torch.randn(1, 3, 6, 6)
    torch.testing.assert_close(pickle.loads(pickle.dumps(made))(x), made(x))
    torch.testing.assert_close(torch.jit.script(made)(x), made(x))


@pytest.mark.parametrize("form", SUMS)
def test_plinio_takes_the_sums(form: str) -> None:
    pytest.importorskip("plinio.methods")
    from zoo_plinio import outcome

    def built(options: Options) -> torch.nn.Module:
        made = run_source(split_source(net(SUMS[form]), options).text).Net()
        made.input_shape = (3, 6, 6)
        return made

    assert outcome("PIT", lambda: built(PLINIO)) != "yes"
    for method in ("PIT", "MPS", "SuperNet"):
        assert outcome(method, lambda: built(ASKED)) == "yes"


def test_a_checkpoint_goes_there_and_back() -> None:
    from gencode.checkpoint import convert

    source = net(SUMS["of a trunk"])
    one, other = (run_source(each).Net() for each in (source, split_source(source, ASKED).text))
    randomise(one)
    state = one.state_dict()
    there = convert(state, other).state_dict
    back = convert(there, one).state_dict
    assert list(back) == list(state) and all(map(torch.equal, back.values(), state.values()))
    there["bn_a.same.weight"] = there["bn_a.same.weight"] * 2  # which has learned
    with pytest.raises(RuntimeError, match=r"bn_a\.same\.weight"):
        convert(there, one)
