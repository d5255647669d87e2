"""What PIT prunes of a split model, and exports, computes what the masked model did."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest

from gencode import Options, helper_source, split_source
from gencode.codes import Target
from gencode.outcome import Style
from plinio_models import MODELS, SIDE_BY_SIDE

torch = pytest.importorskip("torch")
pytest.importorskip("plinio.methods")

from equivalence import run_source  # noqa: E402
from gencode.plinio_check.pruning import exported, norms_after_cat, prune  # noqa: E402
from gencode.plinio_check.sizes import true_size  # noqa: E402
from plinio_checks import (  # noqa: E402
    convert,
    example,
    has_index,
    randomise,
    split_from,
    variants,
)


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def pit_of(name: str, split: torch.nn.Module) -> torch.nn.Module:
    pit = convert("PIT", split, discrete_cost=True)
    if name.startswith("last"):
        # PIT does not keep all channels of layers whose concatenation is the model's output.
        for each, layer in pit.seed.named_modules():
            if each.startswith("conv") and hasattr(layer, "train_features"):
                layer.train_features = False
    return pit


@pytest.mark.parametrize(("name", "style"), variants())
def test_the_pruned_export_is_the_masked_model(name: str, style: Style) -> None:
    original, split = split_from(MODELS[name], style)
    x = example(original)
    pit = pit_of(name, split)
    expected = original(x)
    torch.testing.assert_close(pit(x), expected, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(exported(pit)(x), expected, rtol=1e-9, atol=1e-9)
    assert float(pit.cost) == true_size(split)

    assert prune(pit)
    masked = pit(x)
    assert masked.std() > 0
    assert (masked - expected).std() > 0.01 * expected.std()
    small = exported(pit)
    torch.testing.assert_close(small(x), masked, rtol=1e-9, atol=1e-9)
    assert true_size(small) == float(pit.cost) < true_size(split)


RESNEXT = """
import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    def __init__(self, groups):
        super().__init__()
        self.conv1 = nn.Conv2d(16, 16, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 16, 3, padding=1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(16)
        self.conv3 = nn.Conv2d(16, 16, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(16)

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(x + self.bn3(self.conv3(y)))


class Net(nn.Module):
    input_shape = 3, 8, 8

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.one = Block(8)
        self.two = Block(4)
        self.head = nn.Conv2d(16, 5, 1)

    def forward(self, x):
        return self.head(self.two(self.one(self.stem(x))))
"""


RES2NET = """
class Block(nn.Module):
    def __init__(self, groups):
        super().__init__()
        self.width = 4
        self.conv1 = nn.Conv2d(16, 16, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.convs = nn.ModuleList(
            nn.Conv2d(4, 4, 3, padding=1, groups=groups // groups) for _ in range(3)
        )
        self.bns = nn.ModuleList(nn.BatchNorm2d(4) for _ in range(3))
        self.conv3 = nn.Conv2d(16, 16, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(16)

    def forward(self, x):
        out = self.conv1(x)
        out = F.relu(self.bn1(out))
        spx = torch.split(out, self.width, 1)
        spo, sp = [], spx[0]
        for i, (conv, bn) in enumerate(zip(self.convs, self.bns)):
            sp = spx[i] if i == 0 else sp + spx[i]
            sp = F.relu(bn(conv(sp)))
            spo.append(sp)
        spo.append(spx[3])
        return F.relu(x + self.bn3(self.conv3(torch.cat(spo, 1))))


class Net(nn.Module):"""
RES2NET = (
    RESNEXT[: RESNEXT.index("class Block")] + RES2NET + RESNEXT.partition("Net(nn.Module):")[2]
)


@pytest.mark.parametrize(
    ("source", "target"), [(RESNEXT, "grouped"), (RESNEXT, "plinio"), (RES2NET, "plinio")]
)
def test_without_protected_channels_what_is_sliced_must_be_split_too(
    source: str, target: Target
) -> None:
    original = run_source(source).Net().eval()
    split = run_source(split_source(source, Options(target=target)).text).Net().eval()
    right = []
    for seed in range(6):
        torch.manual_seed(seed)
        randomise(original)
        split.load_state_dict(original.state_dict())
        pit = convert("PIT", split, discrete_cost=True)
        x = example(original)
        torch.testing.assert_close(pit(x), original(x), rtol=1e-9, atol=1e-9)
        prune(pit, protects=False)
        masked = pit(x)
        try:
            small = exported(pit)
            right.append(bool((small(x) - masked).abs().max() < 1e-9))
        except RuntimeError:  # of sizes that do not fit
            right.append(False)
            continue
        assert true_size(small) == float(pit.cost) < true_size(split)
    assert all(right) if target == "plinio" else not any(right[:3])


@pytest.mark.parametrize("name", ["literal_1d", "literal_2d"])
def test_a_norm_after_the_concatenation_would_not_do(name: str) -> None:
    original, split = split_from(MODELS[name], norm=False)
    pit = pit_of(name, split)
    assert norms_after_cat(pit.seed)
    prune(pit)
    x = example(original)
    masked = pit(x)
    assert (exported(pit)(x) - masked).std() > 0.1 * masked.std()


def test_a_norm_after_the_concatenation_is_refused_in_3d() -> None:
    _, split = split_from(MODELS["literal_3d"], norm=False)
    with pytest.raises(ValueError, match="Unsupported node"):
        convert("PIT", split)


@pytest.mark.parametrize("style", ["explicit", "loop", "built"])
def test_outputs_side_by_side_are_concatenated_once(style: Style) -> None:
    original, split = split_from(SIDE_BY_SIDE, style)
    pit = convert("PIT", split, discrete_cost=True)
    assert prune(pit)
    x = example(original)
    torch.testing.assert_close(exported(pit)(x), pit(x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("style", ["explicit", "loop", "built"])
def test_receptive_fields_of_causal_branches_may_differ(style: Style) -> None:
    original, split = split_from(MODELS["causal_1d"], style)
    pit = convert("PIT", split, discrete_cost=True)
    branches = [each for name, each in pit.seed.named_modules() if name.startswith("conv")]
    masks = [each.timestep_masker.beta for each in branches if hasattr(each, "timestep_masker")]
    assert len(masks) == 2
    with torch.no_grad():
        masks[0][:3] = 0
        masks[1][:1] = 0
    x = example(original)
    expected = pit(x)
    assert (expected - original(x)).std() > 0.01
    torch.testing.assert_close(exported(pit)(x), expected, rtol=1e-9, atol=1e-9)


def assert_exported_as_masked(pit: torch.nn.Module, x: torch.Tensor) -> None:
    torch.testing.assert_close(exported(pit)(x), pit(x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["multiplier_1d", "multiplier_2d"])
def test_any_channel_before_depthwise_ones_can_be_pruned(name: str, seed: int) -> None:
    original, split = split_from(MODELS[name])
    assert has_index(split)
    pit = pit_of(name, split)
    torch.manual_seed(seed)
    prune(pit)
    assert pit.seed.stem.features_mask.sum() < 8
    assert_exported_as_masked(pit, example(original))

    _, plain = split_from(MODELS[name], "loop")
    pit = pit_of(name, plain)
    with torch.no_grad():
        pit.seed.stem.out_features_masker.alpha[2] = 0
    with pytest.raises(RuntimeError):
        exported(pit)(example(original))


@pytest.mark.parametrize("pool", ["MaxPool", "AvgPool"])
def test_a_linear_layer_may_read_depthwise_ones(pool: str) -> None:
    text = MODELS["multiplier_2d"].replace("nn.Conv2d(16, 24, 1)", f"nn.{pool}2d(2)")
    text = text.replace("nn.Conv2d(24, 5, 1)", "nn.Linear(16 * 3 * 3, 5)")
    text = text.replace("self.head(F.relu(self.point(x)))", "self.head(self.point(x).flatten(1))")
    original, split = split_from(text)
    assert has_index(split)
    pit = pit_of("", split)
    x = example(original)
    assert prune(pit)
    assert_exported_as_masked(pit, x)


@pytest.mark.parametrize("name", ["multiplier_1d", "multiplier_2d"])
def test_before_a_depthwise_convolution_there_are_plain_ones(name: str) -> None:
    text = MODELS[name].replace("(16, 24, 1)", "(16, 16, 3, padding=1, groups=16)")
    original, split = split_from(text.replace("(24, 5, 1)", "(16, 5, 1)"))
    assert not has_index(split)
    x = example(original)
    helper = run_source(helper_source())
    multiplier = copy.deepcopy(original)
    multiplier.conv, multiplier.bn = helper.split_conv_norm(
        multiplier.conv, multiplier.bn, multiplier=True
    )
    torch.testing.assert_close(multiplier(x), split(x))
    pit = pit_of(name, split)
    assert prune(pit)
    assert_exported_as_masked(pit, x)
    pit = pit_of(name, multiplier)  # it would be wrong without a word
    assert prune(pit)
    assert (exported(pit)(x) - pit(x)).std() > 0.02 * pit(x).std()


JOINED = """
import torch
from torch import nn


class Net(nn.Module):
    input_shape = 3, 8, 8

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.wide = nn.Conv2d(8, 8, 3, padding=1, groups=2)
        self.slim = nn.Conv2d(8, 6, 1)
        self.bn = nn.BatchNorm2d(14)
        self.head = nn.Conv2d(14, 5, 1)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        return self.head(torch.relu(self.bn(torch.cat((self.wide(x), self.slim(x)), dim=1))))
"""


@pytest.mark.parametrize("codes", [(), ("cat-norm",)])
def test_a_norm_behind_a_concatenation_that_an_author_wrote(codes: tuple[str, ...]) -> None:
    original = run_source(JOINED).Net().eval()
    options = Options(target="plinio", ignore=codes)
    split = run_source(split_source(JOINED, options).text).Net().eval()
    torch.manual_seed(1)
    randomise(original)
    split.load_state_dict(original.state_dict())
    pit = convert("PIT", split, discrete_cost=True)
    x = example(original)
    torch.testing.assert_close(pit(x), original(x), rtol=1e-9, atol=1e-9)
    assert prune(pit)
    masked = pit(x)
    small = exported(pit)
    assert true_size(small) == float(pit.cost) < true_size(split)
    assert bool((small(x) - masked).detach().abs().max() < 1e-9) is not bool(codes)
