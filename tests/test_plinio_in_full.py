"""What is asked of a network that PLiNIO takes, and where one says that it does not."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from textwrap import dedent

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("plinio.methods")

from torch import nn  # noqa: E402

from gencode.plinio_check.obstacle import METHODS  # noqa: E402
from gencode.plinio_check.places import keep_places  # noqa: E402
from gencode.plinio_check.training import train  # noqa: E402
from plinio_checks import randomise  # noqa: E402
from zoo_plinio import TAKEN, in_full  # noqa: E402

SOURCE = """
import torch
from torch import nn


class Net(nn.Module):
    input_shape = (3, 8, 8)

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.bn = nn.BatchNorm2d(8)
        self.fc = nn.Linear(8, 4)

    def forward(self, x):
        x = torch.relu(self.bn(self.conv(x)))
        x = torch.mean(x, (2, 3))
        return self.fc(x)
"""


def net(directory: Path, source: str = SOURCE) -> nn.Module:
    """The model of a source in a package of its own."""
    file = directory / "package" / "net.py"
    file.parent.mkdir()
    file.write_text(dedent(source))
    spec = importlib.util.spec_from_file_location("package.net", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    torch.manual_seed(0)
    made: nn.Module = module.Net().eval()
    randomise(made)
    return made


@pytest.mark.parametrize("method", METHODS)
def test_a_network_that_is_taken(method: str, tmp_path: Path) -> None:
    made = net(tmp_path)
    assert in_full(method, made, tmp_path) == TAKEN


@pytest.mark.parametrize("method", METHODS)
def test_what_is_not_used_is_not_counted(method: str, tmp_path: Path) -> None:
    source = SOURCE.replace("self.fc =", "self.idle = nn.Conv2d(3, 8, 1)\n        self.fc =")
    made = net(
        tmp_path,
        source.replace("        x = torch.relu", "        self.idle(x)\n        x = torch.relu"),
    )
    made.aux = nn.Linear(8, 8)
    assert in_full(method, made, tmp_path) == TAKEN


@pytest.mark.parametrize("method", ["PIT", "MPS"])
def test_the_line_of_what_is_refused(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.fx.proxy.TracerBase, "record_stack_traces", False)
    keep_places()
    made = net(
        tmp_path, SOURCE.replace("torch.mean(x, (2, 3))", "x.permute(0, 1, 3, 2)[:, :, 0, 0]")
    )
    found = in_full(method, made, tmp_path / "package")
    assert found == "`.permute()` at package/net.py:17"


def test_a_line_of_the_network_itself(tmp_path: Path) -> None:
    made = net(
        tmp_path,
        SOURCE.replace("return self", "assert isinstance(x, torch.Tensor)\n        return self"),
    )
    found = in_full("PIT", made.eval(), tmp_path / "package")
    assert found.endswith(" at package/net.py:18")


def test_what_does_not_train_is_said(tmp_path: Path) -> None:
    made = net(tmp_path)
    made.cost = torch.zeros(())
    made.named_nas_parameters = lambda: [("alpha", nn.Parameter(torch.ones(3)))]
    x = torch.rand(2, 3, 8, 8)
    assert train(made, [x]) == "alpha has no gradient, of 1"
    made.fc.weight.data[0, 0] = float("nan")
    assert train(made, [x]) == "its loss is not finite"


def test_a_norm_in_float_is_said(tmp_path: Path) -> None:
    made = net(
        tmp_path, SOURCE.replace("self.bn(self.conv(x))", "self.bn(torch.relu(self.conv(x)))")
    )
    found = in_full("MPS", made, tmp_path)
    assert found == "bn stays a BatchNorm in float, of 1"
