"""What can be done with the original can be done with what it was split into, in every style."""

from __future__ import annotations

import copy
import importlib
import io
import pickle
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from equivalence import run_source  # noqa: E402
from gencode import Options, split_source  # noqa: E402
from gencode.outcome import Style  # noqa: E402

MODEL = """\
import torch
import torch.nn as nn
from torch import Tensor


class Net(nn.Module):
    def __init__(self, groups: int = 4):
        super().__init__()
        self.conv = nn.Conv2d(8, 16, 3, padding=1, groups=4)
        self.body = nn.Sequential(nn.Conv2d(16, 16, 1, groups=groups), nn.ReLU())
        self.same = nn.Conv2d(16, 8, 3, padding="same", padding_mode="circular", groups=groups)
        self.up = nn.ConvTranspose2d(8, 8, 2, stride=2, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        x = self.body(self.conv(x))
        return self.up(self.same(x))
"""
X = torch.linspace(-1, 1, 2 * 8 * 6 * 6).double().sin().reshape(2, 8, 6, 6)


@pytest.fixture(params=["auto", "explicit", "loop", "built"], scope="module")
def module(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The split model's module, imported from a file, as torch.jit.script needs it."""
    return imported(request.param, tmp_path_factory.mktemp("split"))


def imported(style: Style, directory: Path) -> ModuleType:
    result = split_source(MODEL, Options(style=style))
    assert [record.is_split for record in result.records] == [True] * 4
    (directory / f"split_{style}.py").write_text(result.text)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(directory)
        return importlib.import_module(f"split_{style}")


@pytest.fixture
def net(module: ModuleType) -> nn.Module:
    torch.manual_seed(0)
    net: nn.Module = module.Net().double().eval()
    return net


def assert_same(found: Any, net: nn.Module, x: torch.Tensor = X) -> None:
    torch.testing.assert_close(found(x), net(x))


def test_deepcopy(net: nn.Module) -> None:
    twin = copy.deepcopy(net)
    assert_same(twin, net)
    assert not {id(each) for each in twin.parameters()} & {id(each) for each in net.parameters()}


def test_pickle(net: nn.Module) -> None:
    assert_same(pickle.loads(pickle.dumps(net)), net)


def test_the_size_of_what_is_saved(net: nn.Module) -> None:
    """Each branch holds its own weight, and not a view of that of the whole."""
    sizes = [each.untyped_storage().nbytes() for each in net.parameters()]
    assert sizes == [each.numel() * each.element_size() for each in net.parameters()]


def test_dtype_and_device(net: nn.Module, module: ModuleType) -> None:
    assert net.float()(X.float()).dtype is torch.float32
    assert net.double()(X).dtype is torch.float64
    with torch.device("meta"):
        meta = module.Net()
    assert {each.device.type for each in meta.parameters()} == {"meta"}
    assert meta(X.float().to("meta")).shape == (2, 8, 12, 12)


def test_a_seed_gives_the_weights_of_the_original(tmp_path: Path) -> None:
    """In built style, where the whole is built first; the other styles draw for each branch."""
    torch.manual_seed(0)
    net = imported("built", tmp_path).Net().double()
    torch.manual_seed(0)
    assert_same(net, run_source(MODEL).Net().double())


def test_fx(net: nn.Module) -> None:
    assert_same(torch.fx.symbolic_trace(net), net)


def test_export(net: nn.Module) -> None:
    assert_same(torch.export.export(net, (X,)).module(), net)


def test_compile(net: nn.Module) -> None:
    assert_same(torch.compile(net, backend="eager", fullgraph=True), net)


def test_trace(net: nn.Module) -> None:
    assert_same(torch.jit.trace(net, X), net)


def test_script(net: nn.Module) -> None:
    assert_same(torch.jit.script(net), net)


def test_replicas_of_data_parallel(net: nn.Module) -> None:
    replica = net._replicate_for_data_parallel()
    assert type(replica) is type(net)
    for name, each in net.named_modules():
        twin = each._replicate_for_data_parallel()
        assert vars(twin).keys() >= {"_parameters", "_modules"}, name


def test_onnx(net: nn.Module) -> None:
    onnx = pytest.importorskip("onnx")
    file = io.BytesIO()
    torch.onnx.export(net, (X,), file, dynamo=False)
    nodes = onnx.load_from_string(file.getvalue()).graph.node
    groups = [each.i for node in nodes for each in node.attribute if each.name == "group"]
    assert set(groups) == {1} and len(groups) == 16
