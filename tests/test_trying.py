"""``--plinio`` as a command: PLiNIO's methods try a model; a stub of it has one fault."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from gencode.command import main, plinio_words  # noqa: E402
from gencode.load_model import ModelSource  # noqa: E402
from gencode.plinio_check.answer import answer_for, explained  # noqa: E402
from gencode.plinio_check.constructs import NORM_AFTER_CAT, construct, own_words  # noqa: E402
from gencode.plinio_check.faults import faults  # noqa: E402
from gencode.plinio_check.obstacle import METHODS, Obstacle  # noqa: E402
from gencode.plinio_check.outcome import Outcome, is_close, outcome_of  # noqa: E402
from gencode.plinio_check.pruning import exported, norms_after_cat, prune  # noqa: E402
from gencode.plinio_check.training import train  # noqa: E402
from gencode.proof import Asked, Failure, Place  # noqa: E402
from gencode.proof.prove import Written  # noqa: E402
from gencode.proof.trying import Tried  # noqa: E402
from gencode.proof.worker import main as worker  # noqa: E402
from gencode.proof.worker.failures import NoProofError  # noqa: E402
from gencode.proof.worker.running import Inputs  # noqa: E402

STUB = Path(__file__).parent / "plinio_stub"
NET = """\
import torch
from torch import nn


class Net(nn.Module):
    input_shape = (4, 6, 6)

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 8, 3, groups=2)
        self.fc = nn.Linear(8, 3)

    def forward(self, x):
        x = torch.relu(self.conv(x))
        return self.fc(x.mean((2, 3)))
"""
TRYING = "model.py: trying Net with PLiNIO, as it is and as rewritten (at most 600 s and 8 GB each)"


@pytest.fixture(autouse=True)
def in_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is run leaves nothing behind."""
    scratch, work = tmp_path / "scratch", tmp_path / "work"
    scratch.mkdir()
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    Path("model.py").write_text(NET)
    yield
    assert not any(scratch.glob("gencode-*"))


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The stub, here and in what is started."""
    for name in [each for each in sys.modules if each.partition(".")[0] == "plinio"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(STUB)
    monkeypatch.setenv("PYTHONPATH", str(STUB))
    import plinio.methods

    yield plinio.methods
    for name in [each for each in sys.modules if each.partition(".")[0] == "plinio"]:
        del sys.modules[name]


def without_plinio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gencode.command.proving.is_installed", lambda _: False)


def shown(err: str) -> list[str]:
    """What is said that is no more than text, without the lines of sources."""
    return [each for each in err.splitlines() if not each.startswith("    ")]


def test_what_plinio_makes_of_it_before_and_after(stub, capsys) -> None:
    typed = ["model.py", "-o", "new.py", "--target", "plinio", "--model", "Net", "--plinio"]
    assert main(typed) == 0
    err = shown(capsys.readouterr().err)
    assert TRYING in err
    start = err.index(
        "model.py: PLiNIO takes Net, as it is -> as rewritten: "
        "PIT no -> yes, MPS no -> yes, SuperNet no -> yes"
    )
    said = (
        "model.py:15: as it is, PIT, MPS and SuperNet: `.mean()` (ValueError: Unsupported node"
        " mean (op: call_method, target: mean)); rewritten where it is known to be equal (mean)"
    )
    assert err[start + 1] == said
    assert err[start + 2].startswith("model.py: grouped convolutions: 1 split")
    assert Path("new.py").exists()


def test_what_is_left_is_said_with_its_line_in_the_result(stub, capsys, monkeypatch) -> None:
    monkeypatch.setattr("gencode.command.proving.METHODS", ("PIT",))
    Path("model.py").write_text(NET.replace("x.mean((2, 3))", "x.mean((2, 3)).permute(0, 1)"))
    typed = ["model.py", "-o", "new.py", "--model", "Net", "--plinio", "--no-verify"]
    assert main(typed) == 0
    err = shown(capsys.readouterr().err)
    line = 1 + Path("new.py").read_text().splitlines().index(
        "        return self.fc(x.mean((2, 3)).permute(0, 1))"
    )
    start = f"new.py:{line}: as rewritten, PIT: `.mean()` (ValueError"
    assert any(each.startswith(start) for each in err)
    mend = "--target plinio rewrites it where it is known to be equal (mean)"
    assert any(each.startswith("new.py:") and each.endswith(mend) for each in err)
    permute = f"new.py:{line}: in the way of PIT and MPS: `.permute()`; "
    assert f"{permute}--target plinio rewrites it where it is known to be equal (shuffle)" in err
    assert not any("proved" in each for each in err)


def test_as_data_and_as_annotations(stub, capsys, monkeypatch) -> None:
    monkeypatch.setattr("gencode.command.proving.METHODS", ("PIT",))
    typed = ["model.py", "-o", "new.py", "--model", "Net", "--plinio", "--no-verify", "--format"]
    assert main([*typed, "json"]) == 0
    messages = json.loads(capsys.readouterr().out)["messages"]
    found = [each for each in messages if each["kind"] == "plinio"]
    assert [each["level"] for each in found] == ["notice", "notice", "warning"]
    data = found[-1]["data"]
    assert data["state"] == "as rewritten" and data["method"] == "PIT"
    assert data["model"] == {"place": "model.py", "expression": "Net"}
    obstacle = data["obstacle"]
    assert obstacle["what"] == "`.mean()`" and obstacle["code"] == "mean"
    assert obstacle["place"]["file"].endswith("new.py") and found[-1]["path"] == "new.py"
    assert main([*typed, "github"]) == 0
    assert "::warning file=new.py,line=" in capsys.readouterr().err


def test_without_plinio_what_a_trace_shows(monkeypatch, capsys) -> None:
    without_plinio(monkeypatch)
    assert main(["model.py", "-o", "new.py", "--model", "Net", "--plinio", "--no-verify"]) == 0
    err = shown(capsys.readouterr().err)
    assert f"gencode: {plinio_words.NOT_THERE}" in err
    assert any(": in the way of PIT and MPS: `.mean()`; --target plinio" in each for each in err)
    assert not any("PLiNIO takes" in each for each in err)


def test_what_does_not_change_is_tried_as_it_is(monkeypatch, capsys) -> None:
    without_plinio(monkeypatch)
    text = NET.replace(", groups=2", "").replace("x.mean((2, 3))", "torch.mean(x, (2, 3))")
    Path("model.py").write_text(text)
    assert main(["model.py", "--check", "--model", "Net", "--plinio"]) == 0
    err = shown(capsys.readouterr().err)
    assert [each for each in err if "way" in each or "proved" in each] == []
    Path("model.py").write_text(text.replace("torch.relu(", "torch.sin("))
    assert main(["model.py", "--check", "--model", "Net", "--plinio"]) == 0
    said = "model.py:14: in the way of PIT and MPS: `sin()`; no form is known that computes the"
    assert said in capsys.readouterr().err


def test_the_users_own_error_is_shown_once(stub, capsys) -> None:
    Path("model.py").write_text(NET.replace("        super", "        1 / 0\n        super"))
    typed = ["model.py", "-o", "new.py", "--model", "Net", "--plinio"]
    assert main([*typed, "--no-verify"]) == 0
    err = capsys.readouterr().err
    said = "model.py:9:9: as it is, PIT cannot try it: Net raises: ZeroDivisionError"
    said = said if sys.version_info >= (3, 11) else said.replace(":9:9:", ":9:1:")
    assert said in err and err.count("cannot try it") == 1
    assert main(typed) == 4
    err = capsys.readouterr().err
    assert "not proved: Net raises" in err and "trying" not in err


def test_a_method_that_takes_too_long(stub, capsys, monkeypatch) -> None:
    monkeypatch.setattr("gencode.command.proving.METHODS", ("PIT", "MPS"))
    Path("model.py").write_text(
        NET.replace("        super", "        while 1: pass\n        super")
    )
    typed = ["model.py", "-o", "new.py", "--model", "Net", "--plinio", "--no-verify"]
    assert main([*typed, "--time-limit", "0.5"]) == 0
    err = capsys.readouterr().err
    limit = "cannot try it: Net takes more than 0.5 s (--time-limit)"
    assert f"PIT {limit}" in err and f"MPS {limit}" in err


# What is said, whatever is found


MODEL = ModelSource("package.module", "Net")


def words(*found: Tried, codes: Sequence[str] = ()) -> list[str]:
    return [each.text for each in plinio_words.said(found, dict.fromkeys(codes, True))]


def obstacle(what: str, code: str = "", line: int = 3, said: str = "") -> Obstacle:
    return Obstacle(what, ("PIT",), code, Place("/net.py", line), said)


def test_what_to_do_about_it() -> None:
    def advice(one: Obstacle, codes: Sequence[str] = (), state="as rewritten") -> str:
        before = Tried(MODEL, "as it is", "PIT", one)
        after = Tried(MODEL, "as rewritten", "PIT", one)
        found = words(before, after, codes=codes)
        return found[1 if state == "as it is" else 2].partition("; ")[2]

    nested = obstacle("a torch.cat that reaches another one", "flat-cat")
    other = "--target plinio rewrites it where it is known to be equal (flat-cat)"
    assert advice(nested) == other
    assert advice(nested, state="as it is") == other
    assert advice(nested, ["flat-cat"], "as it is") == (
        "rewritten where it is known to be equal (flat-cat)"
    )
    assert advice(nested, ["flat-cat"]) == (
        "the rule flat-cat leaves it, and says above why; by hand: concatenate all at once"
    )
    before = Tried(MODEL, "as it is", "PIT", nested)
    (_, silent) = plinio_words.said([before], {"flat-cat": False})
    assert "; the rule flat-cat leaves it; by hand: " in silent.text
    sums = obstacle("a sum of two torch.cat, when pruned", "sum-of-cats")
    assert advice(sums, ["sum-of-cats"]) == (
        "--select grouped-conv,branch-norm,sum-of-cats rewrites some, which adds weights; or add"
        " part by part, and concatenate then"
    )
    traced = obstacle("`x`", said="TraceError: symbolically traced variables cannot")
    assert advice(traced).startswith("what a forward decides must be known")
    assert advice(obstacle("nn.GELU")).startswith("no form is known")
    assert advice(obstacle("`.mean()`", "mean"), ["mean"]) == (
        "the rule mean leaves it, and says above why"
    )


def test_what_is_the_same_is_said_once() -> None:
    one, long = obstacle("nn.GELU"), obstacle("nn.GELU", said="x" * 500)
    places = [obstacle("`*`", "multiply", line) for line in range(9)]
    found = words(
        Tried(MODEL, "as it is", "PIT", one, (one, *places, Obstacle("nn.ELU", METHODS))),
        Tried(MODEL, "as it is", "MPS", one),
        Tried(MODEL, "as it is", "SuperNet", long),
    )
    assert found[0] == "package.module: PLiNIO takes Net, as it is: PIT no, MPS no, SuperNet no"
    assert found[1].startswith("/net.py:3: as it is, PIT and MPS: nn.GELU; no form")
    assert found[2].startswith(f"/net.py:3: as it is, SuperNet: nn.GELU ({'x' * 160}...); no form")
    lines = ", ".join(f"/net.py:{line}" for line in range(1, 6))
    assert found[3].startswith(f"/net.py: in the way of PIT: `*`, and in {lines}, 3 more; --target")
    assert found[4].startswith("package.module: in the way of PIT, MPS and SuperNet: nn.ELU; no")
    assert len(found) == 5


def test_what_only_one_method_cannot_try() -> None:
    late = Tried(MODEL, "as it is", "PIT", failure=Failure("Net takes more than 1 s"))
    found = words(late, Tried(MODEL, "as it is", "MPS"))
    assert found == [
        "package.module: as it is, PIT cannot try it: Net takes more than 1 s",
        "package.module: PLiNIO takes Net, as it is: MPS yes",
    ]


# What is asked of a process, in this one


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.fc = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.conv(x))
        z = y[:, :4]
        return self.fc(torch.mean(torch.cat((z, y[:, 4:]), 1), (2, 3)))


X = torch.rand(2, 3, 6, 6)


@pytest.mark.parametrize("method", METHODS)
def test_a_model_that_is_taken(method: str, stub) -> None:
    assert outcome_of(method, Small().eval(), (X,)) == Outcome()
    assert outcome_of(method, Small().eval(), (X,), in_full=False) == Outcome()


@pytest.mark.parametrize(
    ("method", "wrong", "what"),
    [
        ("PIT", "cost", "a layer, counted wrongly"),
        ("MPS", "cost", "a layer, counted wrongly"),
        ("PIT", "computed", "converts it, and computes something else"),
        ("SuperNet", "computed", "converts it, and computes something else"),
        ("PIT", "export", "exports something else"),
        ("MPS", "export", "exports something else once it is trained"),
    ],
)
def test_what_a_method_gets_wrong(method: str, wrong: str, what: str, stub) -> None:
    stub.WRONG.add(wrong)
    assert outcome_of(method, Small().eval(), (X,)) == Outcome(what)


def test_what_is_miscounted_has_a_name(stub) -> None:
    stub.WRONG.add("cost")
    made = Small().eval()
    made.unused = nn.ConvTranspose2d(3, 3, 1)
    assert outcome_of("PIT", made, (X,)).what == "nn.ConvTranspose2d, counted wrongly"
    made.unused = nn.Conv2d(4, 4, 1, groups=2)
    assert outcome_of("PIT", made, (X,)).what == "a grouped convolution, counted wrongly"


def test_a_norm_in_float(stub) -> None:
    made = Small().eval()
    made.conv = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)).eval()
    assert outcome_of("MPS", made, (X,)).what == "conv.1 stays a BatchNorm in float, of 1"


def test_what_is_no_training(stub) -> None:
    pit = stub.PIT(Small().eval(), X)
    pit.seed.conv.out_features_masker.alpha.requires_grad_()
    pit.seed.conv.__class__ = nn.Conv2d
    assert train(pit, (X,)) == "seed.conv.out_features_masker.alpha has no gradient, of 1"
    pit.seed.fc.weight.data[0, 0] = float("nan")
    assert train(pit, (X,)) == "its loss is not finite"


def test_no_slice_is_emptied(stub) -> None:
    pit = stub.PIT(Small().eval(), X)
    masker = pit.seed.conv.out_features_masker
    for _ in range(9):
        assert prune(pit) == int((masker.alpha == 0).sum())
        assert masker.alpha[:4].any() and masker.alpha[7] == 1


def test_statistics_of_norms_are_exported() -> None:
    norm = nn.BatchNorm2d(3)
    norm.running_mean.copy_(torch.tensor([1.0, 2.0, 3.0]))
    layer = nn.Module()
    layer.bn, layer.out_features_masker = norm, None
    layer.features_mask = torch.tensor([1, 0, 1])
    pit, small = nn.Module(), nn.Module()
    pit.seed = nn.ModuleDict({"conv": layer})
    small.conv_exported_bn = nn.BatchNorm2d(2)
    pit.export = lambda: small
    assert exported(pit).conv_exported_bn.running_mean.tolist() == [1, 3]
    assert not small.training


def test_norms_behind_a_concatenation() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bn = nn.BatchNorm2d(6)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.bn(torch.cat((x, x), 1))

    assert norms_after_cat(torch.fx.symbolic_trace(Net())) == ["bn"]


def test_outputs_of_another_shape_are_not_the_same() -> None:
    assert is_close(X, X) and not is_close(X, X[:1]) and not is_close(X, (X, X))


def test_what_is_answered(stub) -> None:
    answer = answer_for("PIT", Small(), Inputs((X.double(),)))
    assert answer == {"others": [], "obstacle": None}
    assert answer_for("PIT", Small(), Inputs((), {"x": X})) == answer
    assert answer_for("", Small(), Inputs((X,))) == answer


def test_what_cannot_be_given_to_plinio(stub, monkeypatch) -> None:
    class ByName(Small):
        def forward(self, *, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x)

    with pytest.raises(NoProofError, match="is given x by keyword"):
        answer_for("PIT", ByName(), Inputs((), {"x": X}))
    monkeypatch.setitem(sys.modules, "plinio.methods", None)
    with pytest.raises(NoProofError, match="importing it raises"):
        answer_for("PIT", Small(), Inputs((X,)))


def test_no_memory_is_no_refusal(stub, monkeypatch) -> None:
    def none(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(stub, "PIT", none)
    with pytest.raises(MemoryError):
        outcome_of("PIT", Small().eval(), (X,))
    monkeypatch.setattr("gencode.plinio_check.faults.Traced", none)
    with pytest.raises(MemoryError):
        answer_for("", Small(), Inputs((X,)))


class Asking(nn.Module):
    """Asks for a value while it is traced."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if x.sum() > 0 else -x


def test_what_an_error_is_about() -> None:
    for text, what in (
        ("PIT currently supports only full, not other groupwise versions", "a grouped convolution"),
        ("Unsupported node m (op: call_module, target: fc)", "nn.Linear"),
        ("Unsupported node mul (op: call_function, target: <built-in function mul>)", "`*`"),
        ("Unsupported node x_1 (op: call_function, target: x)", "`x_1()`"),
        ("too late. Go on", "ValueError: too late"),
    ):
        assert construct(ValueError(text), Small()) == what
    assert own_words(ValueError("<function f at 0x7f4fd5928680>")) == "ValueError: <function f>"
    node = next(iter(torch.fx.symbolic_trace(Small()).graph.nodes))
    assert construct(KeyError(node), Small()) == "a depthwise convolution of the input"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the column is not known")
def test_the_expression_that_cannot_be_traced() -> None:
    (found,) = faults(Asking(), (X,))
    assert found.what == "`x if x.sum() > 0 else -x`" or found.what == "`x.sum() > 0`"
    assert found.place is not None and found.place.file == __file__
    assert found.place.source_line.strip() == "return x if x.sum() > 0 else -x"


def test_what_is_wrong_once_it_is_trained(stub, monkeypatch) -> None:
    checks = "gencode.plinio_check.outcome."
    monkeypatch.setattr(f"{checks}norms_after_cat", lambda _: ["bn"])
    stub.WRONG.add("export")
    assert outcome_of("PIT", Small().eval(), (X,)).what == NORM_AFTER_CAT
    stub.WRONG.clear()
    monkeypatch.setattr(f"{checks}train", lambda *_: "its loss is not finite")
    assert outcome_of("PIT", Small().eval(), (X,)).what == "its loss is not finite"
    monkeypatch.setattr(f"{checks}train", lambda *_: "")
    monkeypatch.setattr(f"{checks}is_constant", lambda _: True)
    assert "does not depend on anything" in outcome_of("MPS", Small().eval(), (X,)).what
    answers = iter([[], ["bn"], ["bn"]])
    monkeypatch.setattr(f"{checks}norms", lambda _: next(answers))
    assert outcome_of("MPS", Small().eval(), (X,)).what == "exports bn as a BatchNorm in float"
    sizes = iter([251, 1])
    monkeypatch.setattr(f"{checks}size_of_used", lambda *_, **__: next(sizes))
    found = outcome_of("PIT", Small().eval(), (X,)).what
    assert found == "the cost of what is pruned is 251, its weights are 1"


def test_what_a_trace_shows_explains_what_a_method_does() -> None:
    place, other = Place("net.py", 3), Place("net.py", 4)
    lone = Obstacle("a BatchNorm behind no convolution", ("PIT", "MPS"), "", place)
    view = Obstacle("`.view()`", ("PIT", "MPS"), "flatten", other)
    found = [lone, view]
    assert explained("PIT", Outcome(), found) is None
    wrong = explained("PIT", Outcome("exports something else"), found)
    assert wrong == Obstacle(lone.what, ("PIT",), "", place, "exports something else")
    at_line = explained("PIT", Outcome("KeyError: x", "KeyError: x", other), found)
    assert at_line == Obstacle("`.view()`", ("PIT",), "flatten", other, "KeyError: x")
    elsewhere = explained("PIT", Outcome("KeyError: x", "KeyError: x", Place("a.py", 1)), found)
    assert elsewhere == Obstacle("KeyError: x", ("PIT",), "", Place("a.py", 1), "KeyError: x")
    assert explained("SuperNet", Outcome("a layer, counted wrongly"), found) == Obstacle(
        "a layer, counted wrongly", ("SuperNet",)
    )
    grouped = Obstacle("a grouped convolution", METHODS, "grouped-conv", place)
    counted = explained("MPS", Outcome("a grouped convolution, counted wrongly"), [grouped])
    assert counted is not None and counted.said == "counted wrongly"


def test_a_process_that_tries(stub, monkeypatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    asked = {"role": "try", "method": "PIT", "place": "model.py", "is_file": True, "roots": []}
    asked |= {"expression": "Net", "shadow": "", "changed": [], "shapes": [], "inputs": None}
    answer = worker.answer(asked)
    assert answer["file"] == str(Path("model.py").absolute())
    assert answer["obstacle"]["what"] == "`.mean()`"
    assert [each["code"] for each in answer["others"]] == ["grouped-conv", "mean"]


def test_tried_before_anything_is_written(monkeypatch, capsys) -> None:
    seen = []

    def tried(asked: Asked, written: Written, methods: Sequence[str]) -> Iterator[Tried]:
        seen.append((asked, written, methods, Path("new.py").exists()))
        yield Tried(asked.models[0], "as it is", "PIT")

    monkeypatch.setattr("gencode.command.proving.tried", tried)
    monkeypatch.setattr("gencode.command.proving.is_installed", lambda _: True)
    typed = ["model.py", "-o", "new.py", "--no-verify", "--plinio"]
    assert main([*typed, "--model", "Net", "--model", "model.py:Net()"]) == 0
    assert [each[0].models[0].expression for each in seen] == ["Net", "Net()"]
    assert [each[2:] for each in seen] == [(METHODS, False)] * 2
    assert seen[0][1].changed == [Path("new.py").absolute()]
    assert main(["model.py", "--plinio"]) == 2
    assert "gencode: --plinio goes with --model" in capsys.readouterr().err
