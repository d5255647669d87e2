"""The helper where a convolution is split already when its norm comes to be split as well."""

from __future__ import annotations

import copy
import pickle
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gencode import helper_source
from gencode.grouped_conv import ALL_BLOCKS

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from equivalence import assert_same_models, import_from, run_source  # noqa: E402

X = torch.linspace(-1, 1, 3 * 8 * 5 * 6).double().sin().reshape(3, 8, 5, 6)


def imported(directory: Path, text: str) -> ModuleType:
    """A module in a file: torch.jit reads it."""
    (directory / "copied.py").write_text(text)
    return import_from(str(directory), "copied")


@pytest.fixture(scope="module")
def helper(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return imported(tmp_path_factory.mktemp("one"), helper_source())


@pytest.fixture(scope="module", params=["all", "norm"])
def other(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """A copy of the helper in another file, with all blocks or no more than it needs."""
    blocks = ALL_BLOCKS if request.param == "all" else frozenset(("norm", "layers", "pairs"))
    return imported(tmp_path_factory.mktemp("other"), helper_source(blocks=blocks))


def conv(**settings: Any) -> nn.Conv2d:
    return nn.Conv2d(8, 8, 3, groups=2, **settings)


# --- what stays as it is ---------------------------------------------------------------------


def assert_stays(helper: ModuleType, split: Any, norm: Any) -> None:
    layers = nn.Sequential(split, norm)
    before = [*layers]
    assert helper.split_conv_norm(split, norm) == (split, norm)
    assert [*helper.split_layers(layers)] == before


@pytest.mark.parametrize("norm", [nn.Identity(), nn.GroupNorm(2, 8), nn.BatchNorm2d(4)])
def test_before_no_norm_of_its_channels(helper: ModuleType, norm: Any) -> None:
    assert_stays(helper, helper.split_conv(conv()), norm)


def test_what_only_looks_as_if_it_were_split(helper: ModuleType) -> None:
    class Own(nn.Module):
        settings = helper.JoinedGroups.settings

        def __init__(self) -> None:
            super().__init__()
            self.parts = nn.ModuleList([nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3)])
            self.in_channels = self.out_channels = 8

    assert_stays(helper, Own(), nn.BatchNorm2d(8))
    assert_stays(helper, helper.JoinedGroups(nn.BatchNorm2d(8), 2), nn.BatchNorm2d(8))
    assert_stays(helper, torch.jit.script(helper.split_conv(conv())), nn.BatchNorm2d(8))


@pytest.mark.parametrize(
    "register",
    [
        lambda split: split.register_forward_hook(lambda *_: None),
        lambda split: split.register_forward_pre_hook(lambda *_: None),
        lambda split: split.register_full_backward_hook(lambda *_: None),
        lambda split: split.register_load_state_dict_pre_hook(lambda *_: None),
        lambda split: split.add_module("mine", nn.Identity()),
    ],
)
def test_what_has_hooks_or_more_children(helper: ModuleType, register: Any) -> None:
    split = helper.split_conv(conv())
    register(split)
    assert_stays(helper, split, nn.BatchNorm2d(8))


def test_what_a_copy_has_split_in_a_way_that_this_one_does_not_know(helper: ModuleType) -> None:
    other = run_source(helper_source(blocks=frozenset(("norm", "layers"))))
    transposed = helper.split_conv(nn.ConvTranspose2d(8, 8, 3, groups=2))
    multiplier = helper.split_conv(nn.Conv2d(4, 8, 3, groups=4), multiplier=True)
    padded = nn.Sequential(nn.ConstantPad1d(1, 0.0), nn.Conv1d(8, 8, 3, groups=2))
    helper.split_layers(padded)
    assert len(padded[1].pads) == 2
    for split in (transposed, multiplier):
        assert_stays(other, split, nn.BatchNorm2d(8))
    assert_stays(other, padded[1], nn.BatchNorm1d(8))
    again = run_source(helper_source())
    assert_stays(again, multiplier, nn.BatchNorm2d(8))


# --- what becomes of what --------------------------------------------------------------------


def pair(helper: ModuleType, other: ModuleType, conv: Any, norm: Any, **given: Any) -> Any:
    """The two, split by one copy of the helper one after the other, and by another."""
    return nn.Sequential(*other.split_conv_norm(helper.split_conv(conv, **given), norm))


@pytest.mark.parametrize("norm", [nn.BatchNorm2d(8), nn.InstanceNorm2d(8, affine=True)])
def test_the_parts_go_on(helper: ModuleType, other: ModuleType, norm: Any) -> None:
    for first in (helper, other):
        whole = conv(bias=False)
        split = first.split_conv(whole)
        parts = [*split.parts]
        found = nn.Sequential(*other.split_conv_norm(split, norm))
        assert [type(each).__name__ for each in found] == ["UnjoinedGroups", "JoinedGroups"]
        assert all(one is two for one, two in zip(found[0].parts, parts, strict=True))
        assert (found[0].stride, found[0].groups) == (whole.stride, 2)
        assert_same_models(nn.Sequential(whole, norm), found, X)
        assert split(X).shape == (3, 8, 3, 4)


def test_the_parts_of_other_kinds(helper: ModuleType) -> None:
    for whole, given, kind in (
        (nn.ConvTranspose2d(8, 8, 3, groups=2), {}, helper.UnjoinedTransposed),
        (nn.Conv2d(8, 16, 3, groups=8), {"multiplier": True}, helper.UnjoinedMultiplier),
        (nn.Conv2d(8, 16, 3, groups=8), {}, helper.UnjoinedGroups),
    ):
        norm = nn.BatchNorm2d(whole.out_channels)
        found = pair(helper, helper, whole, norm, **given)
        assert type(found[0]) is kind
        assert_same_models(nn.Sequential(whole, norm), found, X)


def test_the_parts_of_a_filter_by_filter_convolution_keep_their_class(helper: ModuleType) -> None:
    class Own(nn.Conv2d):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) * 2

    whole, norm = Own(8, 8, 3, groups=2), nn.BatchNorm2d(8)
    found = nn.Sequential(*helper.split_conv_norm(helper.split_by_filter(whole), norm))
    assert type(found[0]) is helper.UnjoinedGroups and type(found[0].parts[0]) is Own
    assert_same_models(nn.Sequential(whole, norm), found, X)


def test_weight_norm_goes_on(helper: ModuleType) -> None:
    whole, norm = nn.utils.parametrizations.weight_norm(conv()), nn.BatchNorm2d(8)
    assert_same_models(nn.Sequential(whole, norm), pair(helper, helper, whole, norm), X)


def test_a_padding_goes_on() -> None:
    helper = run_source(helper_source(blocks=frozenset(("norm", "layers", "pads"))))
    x = torch.randn(3, 8, 5)
    layers = [nn.ReflectionPad1d(1), nn.Conv1d(8, 8, 3, groups=2), nn.BatchNorm1d(8)]
    original, split = nn.Sequential(*layers), helper.split_layers(nn.Sequential(*layers[:2]))
    found = nn.Sequential(nn.Identity(), *helper.split_conv_norm(split[1], layers[2]))
    assert_same_models(original, found, x)
    # One that is split before stays behind its padding: something else may call it, too.
    conv = helper.split_conv(layers[1])
    found = helper.split_layers(nn.Sequential(layers[0], conv, layers[2]))
    assert type(found[0]) is nn.ReflectionPad1d
    assert_same_models(original, found, x)


def test_a_norm_that_takes_the_place_of_another(helper: ModuleType) -> None:
    """A subclass gives a norm of its own behind what the constructor of its base has split."""
    whole = conv()
    unjoined, _ = helper.split_conv_norm(whole, nn.BatchNorm2d(8))
    norm = nn.BatchNorm2d(8)
    found = nn.Sequential(*helper.split_conv_norm(unjoined, norm))
    assert_same_models(nn.Sequential(whole, norm), found, X)


def test_layers_and_pairs(helper: ModuleType, other: ModuleType) -> None:
    convs, norms = [conv(), conv(padding=1)], [nn.BatchNorm2d(8), nn.BatchNorm2d(8)]
    original = nn.Sequential(convs[0], norms[0], nn.ReLU(), convs[1], norms[1])
    split = [helper.split_conv(each) for each in convs]
    found = nn.Sequential(split[0], norms[0], nn.ReLU(), split[1], norms[1])
    assert other.split_layers(found) is found
    assert_same_models(original, found, X)
    lists = nn.ModuleList(helper.split_conv(each) for each in convs), nn.ModuleList(norms)
    other.split_pairs(*lists)
    assert [type(each).__name__ for each in lists[0]] == ["UnjoinedGroups"] * 2
    one = nn.ModuleList([helper.split_conv(convs[0])]), nn.ModuleList()
    other.split_pairs(*one)
    assert type(one[0][0]).__name__ == "SplitGroups"


def test_one_that_stands_twice(helper: ModuleType) -> None:
    split, norm = helper.split_conv(nn.Conv2d(8, 8, 1, groups=2)), nn.BatchNorm2d(8)
    layers = nn.Sequential(split, norm, split)
    helper.split_layers(layers)
    assert layers[0] is split and layers[2] is split and layers[1] is norm


# --- as today --------------------------------------------------------------------------------


def test_parameters_stay_the_same_objects(helper: ModuleType, other: ModuleType) -> None:
    split = helper.split_conv(conv())
    split.parts[0].weight.requires_grad_(False)
    split.eval()
    before = dict(split.named_parameters())
    found, joined = other.split_conv_norm(split, nn.BatchNorm2d(8).eval())
    assert all(before[name] is each for name, each in found.named_parameters())
    flags = [each.requires_grad for each in found.parameters()]
    assert flags == [each.requires_grad for each in before.values()]
    assert not any(each.training for each in (*found.modules(), *joined.modules()))


@pytest.mark.parametrize("assign", [True, False])
def test_state_dicts(helper: ModuleType, other: ModuleType, assign: bool) -> None:
    original = nn.Sequential(conv(), nn.BatchNorm2d(8)).eval()
    found = pair(helper, other, conv(), nn.BatchNorm2d(8)).eval()
    for state in (original.state_dict(), {**found.state_dict()}):
        found.load_state_dict(state, assign=assign)
    original.load_state_dict(original.state_dict())
    found.load_state_dict(original.state_dict(), assign=assign)
    torch.testing.assert_close(found(X.float()), original(X.float()))


def test_the_meta_device_and_other_types(helper: ModuleType, other: ModuleType) -> None:
    settings = {"device": "meta", "dtype": torch.float64}
    found = pair(helper, other, conv(**settings), nn.BatchNorm2d(8, **settings))
    tensors = [each for each in found.state_dict().values() if each.dim() > 0]
    assert {(each.device.type, each.dtype) for each in tensors} == {("meta", torch.float64)}


def test_what_is_done_with_a_model(helper: ModuleType, other: ModuleType) -> None:
    found = pair(helper, other, conv(), nn.BatchNorm2d(8)).eval()
    x = X.float()
    expected = found(x)
    sys.modules[other.__name__] = other
    try:
        copies = [copy.deepcopy(found), pickle.loads(pickle.dumps(found))]
    finally:
        del sys.modules[other.__name__]
    traced = torch.fx.symbolic_trace(found)
    exported = torch.export.export(found, (x,)).module()
    for each in (*copies, traced, exported):
        torch.testing.assert_close(each(x), expected)
    torch.testing.assert_close(torch.jit.script(found)(x), expected)
