"""The model zoo: its split versions are fresh, and compute what the originals do."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from gencode import Options, split_source

ROOT = Path(__file__).parents[1]
ZOO = sorted((ROOT / "tests" / "zoo").glob("*.py"))
HAND_MADE = """
class ByHand(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_shape = SHAPE
        self.conv0 = nn.ConvNd(16, 16, 5, padding="same", groups=1)
        self.conv1_0 = nn.ConvNd(8, 4, 3, padding="same")
        self.conv1_1 = nn.ConvNd(8, 4, 3, padding="same")
        self.conv3 = nn.ConvNd(8, 16, 3, padding="same", groups=1)

    def forward(self, x):
        x0 = F.relu(self.conv0(x))
        x1 = F.relu(self.conv1_0(x0[:, 0:8]))
        x2 = F.relu(self.conv1_1(x0[:, 8:16]))
        x3 = torch.cat((x1, x2), dim=1)
        x4 = F.relu(self.conv3(x3))
        return x4
"""


def source(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", ZOO, ids=lambda path: path.stem)
def test_the_split_version_is_fresh(path: Path) -> None:
    result = split_source(source(path))
    assert (ROOT / "generated" / path.name).read_text(encoding="utf-8") == result.text
    assert {record.status for record in result.records} == {"split"}
    assert split_source(result.text).text is result.text


def test_nothing_else_is_generated() -> None:
    generated = {path.name for path in (ROOT / "generated").glob("*.py")}
    assert generated == {path.name for path in ZOO}


@pytest.mark.parametrize("path", ZOO, ids=lambda path: path.stem)
def test_equivalence(path: Path) -> None:
    torch = pytest.importorskip("torch")
    from equivalence import assert_equivalent

    small = {"alexnet": {"num_classes": 5, "hidden": 8}}.get(path.stem, {})
    name = next(
        each.name for each in ast.parse(source(path)).body if isinstance(each, ast.ClassDef)
    )

    def build(module):
        return getattr(module, name)(**small)

    namespace: dict = {}
    exec(source(path), namespace)
    shape = getattr(namespace[name](**small), "input_shape")  # noqa: B009
    torch.manual_seed(0)
    assert_equivalent(source(path), build, torch.randn(2, *shape))


@pytest.mark.parametrize("style", ["auto", "explicit"])
@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_the_notebook_s_model_comes_out_like_the_one_made_by_hand(
    dimensions: int, style: str
) -> None:
    torch = pytest.importorskip("torch")
    from equivalence import randomise, run_source

    shape = (16, *(2, 6, 5)[:dimensions])
    original = source(ROOT / "tests" / "zoo" / "grouped_1d.py")
    original = original.replace("1d", f"{dimensions}d").replace("(16, 2)", str(shape))
    result = split_source(original, Options(style=style))
    generated = getattr(run_source(result.text), f"GroupedConv{dimensions}d")()
    head = "import torch\nfrom torch import nn\nfrom torch.nn import functional as F\n"
    text = HAND_MADE.replace("Nd", f"{dimensions}d").replace("SHAPE", str(shape))
    by_hand = run_source(head + text).ByHand()
    assert str(generated).partition("(")[2] == str(by_hand).partition("(")[2]
    randomise(by_hand)
    generated.load_state_dict(by_hand.state_dict())
    x = torch.randn(2, *shape)
    torch.testing.assert_close(generated(x), by_hand(x), rtol=0, atol=0)
