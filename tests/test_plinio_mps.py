"""MPS folds every norm of a split model, trains it, and exports what it has trained."""

from __future__ import annotations

from typing import Any

import pytest

from gencode.outcome import Style
from plinio_models import IMPORTS, MODELS, SIZES

torch = pytest.importorskip("torch")
mps_of_plinio = pytest.importorskip("plinio.methods.mps")

from gencode.plinio_check.pruning import norms  # noqa: E402
from gencode.plinio_check.sizes import true_size  # noqa: E402
from plinio_checks import built, convert, example, has_index, split_from, variants  # noqa: E402

# PLiNIO's quantisers have no sign: of what is added without a ReLU, all below zero is lost.
UNSIGNED = "resnext"
BY_HAND = f"""{IMPORTS}
class ByHand(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_shape = (3, SIZE)
        self.stem = nn.ConvNd(3, 16, 3, padding=1)
        self.conv_0 = nn.ConvNd(8, 4, 3, padding=1, bias=False)
        self.conv_1 = nn.ConvNd(8, 4, 3, padding=1, bias=False)
        self.bn_0 = nn.BatchNormNd(4)
        self.bn_1 = nn.BatchNormNd(4)

    def forward(self, x):
        x = F.relu(self.stem(x))
        return torch.cat((self.bn_0(self.conv_0(x[:, :8])), self.bn_1(self.conv_1(x[:, 8:]))), 1)
"""


def bits(*weights: int) -> dict[str, Any]:
    return mps_of_plinio.get_default_qinfo(w_precision=weights, a_precision=(8,))


def train(mps: torch.nn.Module, x: torch.Tensor) -> None:
    """Two steps, which reach the weights of every branch."""
    mps.train()
    layers = [each for each in mps.modules() if isinstance(each, torch.nn.modules.conv._ConvNd)]
    before = [each.weight.detach().clone() for each in layers]
    optimizer = torch.optim.SGD(mps.parameters(), 1e-3)
    for _ in range(2):
        optimizer.zero_grad()
        (mps(x).square().mean() + 1e-5 * mps.cost).backward()
        assert all(each.weight.grad is not None for each in layers)
        optimizer.step()
    changed = [not each.weight.equal(value) for each, value in zip(layers, before, strict=True)]
    assert sum(changed) > len(layers) / 2  # the only channel of a branch may be all negative
    mps.eval()


@torch.no_grad()
def choose(mps: torch.nn.Module) -> None:
    """A random precision for each layer."""
    for name, parameter in mps.named_nas_parameters():
        if name.endswith("alpha"):
            parameter.copy_(torch.rand_like(parameter))


def correlation(one: torch.Tensor, other: torch.Tensor) -> float:
    return float(torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1])


@pytest.mark.parametrize(("name", "style"), variants())
def test_with_eight_bits_it_is_the_original(name: str, style: Style) -> None:
    original, split = split_from(MODELS[name], style)
    mps = convert("MPS", split, qinfo=bits(8))
    assert norms(split) or not norms(original)
    assert not norms(mps.seed)
    assert float(mps.cost) == 8 * true_size(split, biases=False)
    if not name.startswith(UNSIGNED):
        x = example(original)
        assert correlation(mps(x), original(x)) > 0.995
        assert correlation(mps.export().eval()(x), original(x)) > 0.995


@pytest.mark.parametrize(("name", "style"), variants())
def test_it_trains_and_exports(name: str, style: Style) -> None:
    original, split = split_from(MODELS[name], style)
    x = example(original)
    mps = convert("MPS", split, qinfo=bits(2, 4, 8))
    choose(mps)
    train(mps, x)
    small = mps.export().eval()
    assert not norms(small)
    assert small(x).std() > 0
    torch.testing.assert_close(small(x), mps(x))


# However a model is written, PLiNIO exports no convolution in 1d with precisions per channel;
# and in 2d and 3d another model, if the channels of a layer differ in them.
@pytest.mark.parametrize(("name", "style"), [each for each in variants() if "1d" not in each[0]])
def test_it_trains_with_precisions_per_channel(name: str, style: Style) -> None:
    original, split = split_from(MODELS[name], style)
    x = example(original)
    # Of channels of no bits behind an index it cannot say the cost.
    mps = convert(
        "MPS",
        split,
        qinfo=bits(2, 4, 8) if has_index(split) else bits(0, 2, 4, 8),
        w_search_type=mps_of_plinio.MPSType.PER_CHANNEL,
        disable_shared_quantizers=True,
    )
    assert not norms(mps.seed)
    train(mps, x)
    small = mps.export().eval()
    assert not norms(small)
    torch.testing.assert_close(small(x), mps(x))


@pytest.mark.parametrize("style", ["explicit", "loop", "built"])
@pytest.mark.parametrize("dimensions", SIZES)
def test_it_is_what_it_would_be_if_split_by_hand(dimensions: str, style: Style) -> None:
    original, _ = split_from(MODELS[f"last_{dimensions}d"])
    _, explicit = split_from(MODELS[f"last_{dimensions}d"], "explicit")
    _, split = split_from(MODELS[f"last_{dimensions}d"], style)
    size = ", ".join(map(str, SIZES[dimensions]))
    by_hand = built(BY_HAND.replace("Nd(", f"{dimensions}d(").replace("SIZE", size))
    by_hand.load_state_dict(explicit.state_dict())
    x = example(original)
    found = [convert("MPS", each, qinfo=bits(2, 4, 8)) for each in (split, by_hand)]
    for each in found:
        train(each, x)
    one, other = found
    assert float(one.cost) == float(other.cost)
    torch.testing.assert_close(one(x), other(x))
    torch.testing.assert_close(one.export().eval()(x), other.export().eval()(x))


@pytest.mark.parametrize("name", ["literal_1d", "literal_2d"])
def test_a_norm_after_the_concatenation_would_stay(name: str) -> None:
    original, split = split_from(MODELS[name], norm=False)
    mps = convert("MPS", split, qinfo=bits(8))
    assert norms(mps.seed)
    x = example(original)
    assert correlation(mps(x), original(x)) < 0.99


def test_channels_of_no_bits_behind_an_index_have_no_cost() -> None:
    """PLiNIO counts such channels as fewer, and the index goes past them: no fault of a split."""
    _, split = split_from(MODELS["multiplier_2d"])
    assert has_index(split)
    per_channel = mps_of_plinio.MPSType.PER_CHANNEL
    mps = convert("MPS", split, qinfo=bits(0, 8), w_search_type=per_channel)
    with pytest.raises(IndexError):
        assert mps.cost
