"""The helper that splits what has been built: its blocks, and what becomes of anything."""

from __future__ import annotations

import ast
import re
from types import ModuleType
from typing import Any

import black
import pytest

from gencode import helper_source
from gencode.grouped_conv import ALL_BLOCKS
from gencode.pipeline import helper_blocks

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from equivalence import assert_same_models, run_source  # noqa: E402

X = torch.linspace(-1, 1, 3 * 8 * 5 * 6).double().sin().reshape(3, 8, 5, 6)
NEEDED = {
    "layers": {"norm"},
    "pairs": {"norm"},
    "weight_norm": {"subclass"},
    "sync": {"norm"},
    "pads": {"layers"},
}


def with_needed(*blocks: str) -> frozenset[str]:
    found = set(blocks)
    for _ in range(2):
        found |= {each for one in found for each in NEEDED.get(one, ())}
    return frozenset(found)


@pytest.mark.parametrize("block", ["", *sorted(ALL_BLOCKS)])
def test_each_block(block: str) -> None:
    blocks = with_needed(block) - {""}
    text = helper_source(blocks=blocks)
    assert helper_blocks(text) == blocks
    assert black.format_str(text, mode=black.Mode()) == text
    run_source(text)


def test_a_text_that_somebody_has_changed_is_not_known() -> None:
    text = helper_source()
    assert helper_blocks(text) == ALL_BLOCKS
    assert helper_blocks(text.replace("chunk", "split")) is None
    assert helper_blocks(text.partition("\n")[2]) is None
    assert helper_blocks("") is None


def test_no_name_of_a_class_is_taken_for_a_layer() -> None:
    """Code that initialises by the name of a class looks for these words in it."""
    names = [
        each.name for each in ast.parse(helper_source()).body if isinstance(each, ast.ClassDef)
    ]
    assert names and not re.search("Conv|BatchNorm|Norm|Linear", " ".join(names))


@pytest.fixture(scope="module")
def helper() -> ModuleType:
    return run_source(helper_source())


def others() -> list[Any]:
    return [
        None,
        nn.Identity(),
        nn.Conv2d(8, 8, 3),
        nn.Conv2d(8, 8, 3, groups=8),
        nn.Linear(8, 8),
        nn.BatchNorm2d(8),
        nn.Sequential(nn.Conv2d(8, 8, 3, groups=2)),
    ]


def test_what_is_not_grouped_comes_back_as_it_is(helper: ModuleType) -> None:
    for each in others():
        norm = nn.BatchNorm2d(8)
        assert helper.split_conv(each) is each
        assert helper.split_conv_norm(each, norm) == (each, norm)
    split = helper.split_conv(nn.Conv2d(8, 8, 3, groups=2))
    assert helper.split_conv(split) is split


@pytest.mark.parametrize(
    "norm",
    [
        None,
        nn.Identity(),
        nn.GroupNorm(2, 8),
        nn.BatchNorm2d(4),
        nn.BatchNorm2d(8, track_running_stats=False),
        type("Own", (nn.BatchNorm2d,), {})(8),
    ],
    ids=lambda norm: type(norm).__name__,
)
def test_what_is_no_norm_of_its_channels_stays(helper: ModuleType, norm: Any) -> None:
    conv, after = helper.split_conv_norm(nn.Conv2d(8, 8, 3, groups=2), norm)
    assert type(conv) is helper.SplitGroups and after is norm


@pytest.mark.parametrize("kind", [nn.BatchNorm2d, nn.InstanceNorm2d])
@pytest.mark.parametrize("affine", [True, False])
def test_a_norm_in_parts(helper: ModuleType, kind: Any, affine: bool) -> None:
    pair = nn.Conv2d(8, 8, 3, groups=4, bias=False), kind(8, 1e-3, 0.3, affine)
    original, split = nn.Sequential(*pair), nn.Sequential(*helper.split_conv_norm(*pair))
    assert [type(each) for each in split] == [helper.UnjoinedGroups, helper.JoinedGroups]
    assert split[1].eps == 1e-3 and split[1].momentum == 0.3
    assert_same_models(original, split, X)


def test_settings_are_read_and_not_set(helper: ModuleType) -> None:
    split = helper.split_conv(nn.Conv2d(8, 8, 3, 2, 1, groups=2))
    assert (split.in_channels, split.stride, split.padding, split.groups) == (8, (2, 2), (1, 1), 2)
    with pytest.raises(AttributeError, match="stride cannot be set"):
        split.stride = 1
    split.mark = 1


def test_layers_that_stand_twice_are_split_once_or_not_at_all(helper: ModuleType) -> None:
    conv, norm = nn.Conv2d(8, 8, 1, groups=2), nn.BatchNorm2d(8)
    layers = nn.Sequential(conv, norm, conv, norm)
    state = {name: each.clone() for name, each in layers.state_dict().items()}
    helper.split_layers(layers)
    assert layers[0] is layers[2] and layers[1] is norm
    layers.load_state_dict(state)


def test_what_is_frozen_in_eval_mode_stays_so(helper: ModuleType) -> None:
    conv = nn.Conv2d(8, 8, 3, groups=2).eval()
    conv.weight.requires_grad_(False)
    split = helper.split_conv(conv)
    assert not split.training and not any(each.training for each in split.parts)
    flags = {name.rpartition(".")[2]: each.requires_grad for name, each in split.named_parameters()}
    assert flags == {"weight": False, "bias": True}
