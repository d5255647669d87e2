"""PLiNIO takes what gencode writes. Skipped where PLiNIO cannot be imported.

PLiNIO is not on PyPI: put a checkout of its repository on PYTHONPATH, with networkx, torchinfo,
tdigest and onnx installed.
"""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from cases import model
from gencode import Options, split_source

torch = pytest.importorskip("torch")
methods = pytest.importorskip("plinio.methods")

from equivalence import grouped_left, randomise, run_source  # noqa: E402

ZOO = Path(__file__).parent / "zoo"
MODELS = {path.stem: path.read_text(encoding="utf-8") for path in ZOO.glob("grouped_*.py")}
for dimensions, size in ((1, "(8, 12)"), (2, "(8, 6, 6)"), (3, "(8, 4, 6, 6)")):
    groups = {"multiplier": "8, 16, 1, groups=8", "narrowing": "8, 4, 1, groups=4"}
    for name, arguments in groups.items():
        MODELS[f"{name}_{dimensions}d"] = model(
            f"""
            self.input_shape = {size}
            self.stem = nn.Conv{dimensions}d(8, 8, 3, padding=1)
            self.conv = nn.Conv{dimensions}d({arguments})
            self.head = nn.Conv{dimensions}d({16 if name == "multiplier" else 4}, 5, 1)
            """,
            "x = F.relu(self.stem(x))\nx = F.relu(self.conv(x))\nreturn self.head(x)",
        )


def build(text: str) -> torch.nn.Module:
    module = run_source(text)
    own = (each for each in vars(module).values() if isinstance(each, type))
    (net,) = (each for each in own if each.__name__ != "SplitGroups")
    return net()


@pytest.fixture(params=sorted(MODELS))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=["explicit", "loop", "module"])
def style(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def split(style: str, name: str) -> torch.nn.Module:
    return built(name, style)


def built(name: str, style: str) -> torch.nn.Module:
    torch.manual_seed(0)
    net = build(split_source(MODELS[name], Options(style=style)).text)
    randomise(net)
    assert not grouped_left(net)
    return net.eval()


def convert(method: str, net: torch.nn.Module) -> torch.nn.Module:
    return getattr(methods, method)(copy.deepcopy(net), input_shape=net.input_shape)


def test_pit_refuses_the_original(name: str) -> None:
    with pytest.raises(AttributeError, match="PIT currently supports only"):
        convert("PIT", build(MODELS[name]))


@pytest.mark.parametrize("method", ["PIT", "SuperNet"])
def test_the_converted_model_computes_the_same(method: str, split: torch.nn.Module) -> None:
    x = torch.randn(2, *split.input_shape)
    converted = convert(method, split).eval()
    torch.testing.assert_close(converted(x), split(x))
    torch.testing.assert_close(converted.export().eval()(x), split(x))


def test_the_cost_counts_the_true_weights(split: torch.nn.Module) -> None:
    true = sum(each.numel() for each in split.parameters())
    assert float(convert("PIT", split).cost) == true


# Not those of narrow slices: PIT may prune all channels of one, split by whatever way.
@pytest.mark.parametrize("wide", ["grouped_1d", "grouped_2d"])
def test_what_pit_prunes_and_exports_is_the_masked_model(wide: str, style: str) -> None:
    split = built(wide, style)
    x = torch.randn(2, *split.input_shape)
    pit = convert("PIT", split).eval()
    torch.manual_seed(3)
    with torch.no_grad():
        for each, parameter in pit.named_nas_parameters():
            if each.endswith("alpha"):
                parameter.copy_((torch.rand_like(parameter) > 0.3).float())
                parameter[-1] = 1  # PIT keeps the last channel alive
    masked = pit(x)
    assert masked.std() > 0
    torch.testing.assert_close(pit.export().eval()(x), masked, rtol=1e-4, atol=1e-4)


def test_mps_converts_trains_and_exports(split: torch.nn.Module) -> None:
    x = torch.rand(2, *split.input_shape)
    mps = convert("MPS", split)
    mps(x).sum().backward()
    exported = mps.eval().export().eval()
    torch.testing.assert_close(exported(x), mps(x))
