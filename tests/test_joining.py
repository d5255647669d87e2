"""Weights in parts are joined for the original, and for what has parts of other names."""

from __future__ import annotations

import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from torch import Tensor, nn  # noqa: E402

from cases import model  # noqa: E402
from equivalence import randomise, run_source  # noqa: E402
from gencode import Options, split_source  # noqa: E402
from gencode.checkpoint import convert  # noqa: E402
from gencode.checkpoint.joining import find_joins  # noqa: E402
from gencode.command import main  # noqa: E402

HERE = Path(__file__).parent
NETS = {"grouped_3d": "GroupedConv3d", "grouped_multi": "MultiGroupConv1d", "resnext": "resnext29"}
SOURCE = model(
    "self.conv = nn.Conv2d(8, 8, 3, groups=4)\nself.bn = nn.BatchNorm2d(8)",
    "return self.bn(self.conv(x))",
)


def with_taken(*names: str) -> str:
    """The source where some names of attributes are taken."""
    more = "".join(f"self.{each} = 0\n        " for each in names)
    return SOURCE.replace("self.bn = ", f"{more}self.bn = ")


def text(name: str) -> str:
    return (HERE / "zoo" / f"{name}.py").read_text(encoding="utf-8")


def built(text: str, name: str) -> nn.Module:
    module = run_source(text)
    net = getattr(module, name, None) or module.ResNeXt
    made: nn.Module = net().double()
    randomise(made)
    counts = (each for key, each in made.state_dict().items() if key.endswith("batches_tracked"))
    for each in counts:
        each.fill_(7)
    return made


def is_same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return list(one) == list(other) and all(map(torch.equal, one.values(), other.values()))


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("way", ["auto", "explicit", "loop", "built", "earlier"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_round_trip(name: str, way: str, prefix: str) -> None:
    original = built(text(name), NETS[name]).state_dict()
    if way == "earlier":
        source = (HERE / "earlier" / f"{name}.py").read_text(encoding="utf-8")
    else:
        source = split_source(text(name), Options(style=way, max_unroll=64)).text  # type: ignore[arg-type]
    split = built(source, NETS[name])
    old = OrderedDict((prefix + key, value) for key, value in original.items())
    there = convert(old, split)
    before = {key: value.clone() for key, value in there.state_dict.items()}
    back = convert(there.state_dict, built(text(name), NETS[name]))
    assert is_same(back.state_dict, old)
    assert is_same(there.state_dict, before)
    assert back.gone == back.new == ()
    expected: dict[str, tuple[str, ...]] = {}
    for key, parts in there.moved.items():
        expected |= dict.fromkeys(parts, (key,))
    assert back.moved == expected
    assert back.kept == there.kept


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("way", ["auto", "loop", "built"])
def test_from_what_an_earlier_version_has_split(name: str, way: str) -> None:
    earlier = built((HERE / "earlier" / f"{name}.py").read_text(encoding="utf-8"), NETS[name])
    options = Options(style=way, max_unroll=64)  # type: ignore[arg-type]
    now = built(split_source(text(name), options).text, NETS[name])
    converted = convert(earlier.state_dict(), now)
    assert converted.new == converted.gone == ()
    original = built(text(name), NETS[name])
    expected = convert(earlier.state_dict(), original).state_dict
    assert is_same(converted.state_dict, convert(expected, now).state_dict)


def test_each_part_is_named_with_where_it_went() -> None:
    earlier = built((HERE / "earlier/resnext.py").read_text(encoding="utf-8"), NETS["resnext"])
    now = built(split_source(text("resnext")).text, NETS["resnext"])
    moved = convert(earlier.state_dict(), now).moved
    old = next(key for key in moved if key.endswith(".norms.1.weight"))
    assert moved[old] == (old.replace(".norms.", ".parts."),)
    counts = moved[old.replace("weight", "num_batches_tracked")]
    assert counts[0] == old.replace("norms.1.weight", "parts.0.num_batches_tracked")


@pytest.mark.parametrize(
    ("source", "key"),
    [
        (SOURCE, "conv_0.weight"),
        (SOURCE.replace("self.conv", "self.__conv"), "_conv_0.weight"),
        (with_taken("conv_1"), "conv_group_0.weight"),
        (with_taken("conv_1", "conv_group_1"), "conv_branch_0.weight"),
        (with_taken("conv_1", "conv_group_1", "conv_branch_1"), "grouped_conv_0.weight"),
    ],
    ids=range(5),
)
def test_whatever_the_parts_are_called(source: str, key: str) -> None:
    options = Options(checkpoint=False)
    split = built(split_source(source, options).text, "Net")
    assert key in split.state_dict()
    original = built(source, "Net")
    back = convert(split.state_dict(), original).state_dict
    parts = [split.state_dict()[key.replace("_0", f"_{i}")] for i in range(4)]
    (whole,) = (each for each in back if each.endswith("conv.weight"))
    assert torch.equal(back[whole], torch.cat(parts))
    if not key.startswith("_"):  # by another style too, from what has nothing of the original
        again = built(split_source(source, Options(style="built")).text, "Net")
        assert is_same(
            convert(convert(split.state_dict(), again).state_dict, original).state_dict, back
        )


@pytest.mark.parametrize("norm", ["nn.utils.weight_norm", "nn.utils.parametrizations.weight_norm"])
def test_weight_norm(norm: str) -> None:
    source = model(f"self.conv = {norm}(nn.Conv2d(8, 8, 3, groups=g))")
    original = built(source.replace("(self)", "(self, g=4)"), "Net")
    split = built(split_source(source.replace("(self)", "(self, g=4)")).text, "Net")
    there = convert(original.state_dict(), split).state_dict
    assert is_same(convert(there, original).state_dict, original.state_dict())


@pytest.mark.parametrize("layout", ["parts.{}.weight", "convs.{}.weight", "{}.weight"])
def test_a_convolution_by_itself(layout: str) -> None:
    parts = {layout.format(i): torch.rand(2, 2, 1) for i in range(2)}
    state = convert(parts, nn.Conv1d(4, 4, 1, groups=2, bias=False)).state_dict
    assert torch.equal(state["weight"], torch.cat([*parts.values()]))


def test_a_model_that_looks_at_values_is_told_by_the_names() -> None:
    class Looking(nn.Conv1d):
        def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *more: Any) -> None:
            assert state[f"{prefix}weight"].max() < 1000
            super()._load_from_state_dict(state, prefix, *more)

    parts = {f"parts.{i}.weight": torch.rand(2, 2, 1) for i in range(2)}
    converted = convert(parts, Looking(4, 4, 1, groups=2, bias=False))
    assert converted.moved == dict.fromkeys(parts, ("weight",))


def state(**changes: Any) -> dict[str, Tensor]:
    """That of the parts of SOURCE, with some changes; what is None is left out."""
    net = built(split_source(SOURCE, Options(style="built")).text, "Net")
    changed = {
        **net.state_dict(),
        **{key.replace("__", "."): each for key, each in changes.items()},
    }
    return {key: each for key, each in changed.items() if each is not None}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"conv__parts__1__weight": None}, 'Unexpected key.*"conv.parts.2.weight"'),
        ({"conv__parts__3__weight": None}, "size mismatch for conv.weight"),
        ({"conv__parts__3__bias": None}, "size mismatch for conv.bias"),
        ({"conv__parts__0__weight": None}, 'Missing key.*"conv.weight"'),
        ({"conv__parts__1__weight": torch.rand(2, 2, 1, 1)}, 'Missing key.*"conv.weight"'),
        ({"conv__parts__1__weight": torch.rand(2, 2, 3, 3)}, 'Missing key.*"conv.weight"'),
        ({"conv__parts__1__weight": "a"}, 'Missing key.*"conv.weight"'),
        ({"conv__parts__4__weight": torch.rand(2, 2, 3, 3).double()}, "size mismatch"),
        ({"conv__weight": torch.rand(8, 2, 3, 3)}, 'Unexpected key.*"conv.parts.0.weight"'),
        ({"more": torch.rand(1)}, 'Unexpected key.*"more"'),
        (
            {"bn__parts__2__num_batches_tracked": torch.tensor(8)},
            "the parts of bn.num_batches_tracked are to have one value, and have 7, 7, 8, 7",
        ),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RuntimeError, match=f"(?s){message}"):
        convert(state(**changes), built(SOURCE, "Net"))


def test_what_the_model_has_itself_is_no_part() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = nn.ModuleList([nn.Conv1d(2, 2, 1), nn.Conv1d(2, 2, 1)])
            self.convs = nn.ModuleList([nn.Conv1d(2, 2, 1)])
            self.conv_0 = nn.Conv1d(2, 2, 1)

    own = Own()
    given = own.state_dict()
    assert find_joins(given, given.keys()) == {}
    converted = convert(given, Own())
    assert converted.moved == {} and is_same(converted.state_dict, given)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    Path("model.py").write_text(SOURCE, encoding="utf-8")
    torch.save(state(), "split.pt")


@pytest.mark.usefixtures("files")
def test_the_command_joins_for_the_original(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--convert-checkpoint", "split.pt", "new.pt", "--model", "model.py:Net"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == [
        "conv.parts.{0..3}.weight -> conv.weight",
        "conv.parts.{0..3}.bias -> conv.bias",
    ]
    assert lines[-1] == "new.pt: keys: 28 moved to 7"
    net = built(SOURCE, "Net").float()
    net.load_state_dict(torch.load("new.pt", weights_only=True))


@pytest.mark.usefixtures("files")
def test_the_command_says_what_does_not_fit(capsys: pytest.CaptureFixture[str]) -> None:
    torch.save(state(bn__parts__0__num_batches_tracked=torch.tensor(1)), "split.pt")
    assert main(["--convert-checkpoint", "split.pt", "new.pt", "--model", "model.py:Net"]) == 123
    assert capsys.readouterr().err == (
        "split.pt: does not fit the model: the parts of bn.num_batches_tracked are to have one"
        " value, and have 1, 7, 7, 7\n"
    )
    assert not Path("new.pt").exists()
