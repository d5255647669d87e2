"""A tree whose files import the helper from a module of it works as the original does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gencode.command import main

pytest.importorskip("torch")

FILES = {
    "__init__.py": "from .nets import Net\n",
    "nets/__init__.py": "from .net import Net\n",
    "nets/net.py": (
        "import torch.nn as nn\n\nfrom ..layers import conv3x3\n\n\n"
        "class Net(nn.Sequential):\n    def __init__(self, groups=4):\n"
        "        super().__init__(conv3x3(8, groups), nn.Conv1d(8, 8, 1, groups=groups))\n"
    ),
    "layers.py": (
        "from torch import nn\n\n\ndef conv3x3(width, groups):\n"
        "    return nn.Conv1d(width, width, 3, groups=groups)\n"
    ),
}
SCRIPT = """\
import torch
from {package} import Net
torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
net = Net()
assert all(m.groups == 1 for m in net.modules() if isinstance(m, torch.nn.Conv1d)) is {is_split}
print([round(each, 9) for each in net(torch.ones(1, 8, 5)).flatten().tolist()])
"""


@pytest.mark.parametrize("name", ["splitting", "common.splitting"])
@pytest.mark.parametrize("is_package", [True, False])
def test_imports_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, is_package: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    for path, text in FILES.items():
        file = Path("src", "models", path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    source, output = ("src/models", "out/models") if is_package else ("src", "out")
    assert main([source, "-o", output, "--helper-module", name]) == 0
    helper = Path(output, *name.split(".")).with_suffix(".py")
    assert "class SplitGroups" in helper.read_text()
    assert "class SplitGroups" not in Path("out/models/layers.py").read_text()
    assert run("src", is_split=False) == run("out", is_split=True)
    again = "again/models" if is_package else "again"
    assert main([output, "-o", again, "--helper-module", name]) == 0
    for file in Path(output).rglob("*.py"):
        assert file.read_bytes() == Path(again, file.relative_to(output)).read_bytes()


def run(directory: str, is_split: bool) -> str:
    """What the model of a directory gives for a seed."""
    script = SCRIPT.format(package="models", is_split=is_split)
    command = [sys.executable, "-B", "-c", script]
    return subprocess.run(command, cwd=directory, check=True, capture_output=True, text=True).stdout
