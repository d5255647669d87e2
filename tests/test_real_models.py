"""What compares whole packages sees that weights belong to other keys, and what is wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cases import model
from gencode import Options, split_source

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402
from torch.nn.utils.parametrizations import weight_norm  # noqa: E402

from equivalence import run_source  # noqa: E402
from real_models_worker import comparison, grouped_convs, kind, reference  # noqa: E402

Slices = Callable[[Tensor, int], list[Tensor]]


class SplitGroups(nn.Module):
    """The least that stands for a grouped convolution; how it slices may be wrong."""

    def __init__(self, conv: type, slices: Slices, *args: int, groups: int, **kwargs: bool) -> None:
        super().__init__()
        self.slices = slices
        inputs, outputs = args[0] // groups, args[1] // groups
        self.convs = nn.ModuleList(
            conv(inputs, outputs, *args[2:], **kwargs) for _ in range(groups)
        )

    def _load_from_state_dict(
        self, state_dict: dict[str, Tensor], prefix: str, *args: object
    ) -> None:
        for key in list(state_dict):
            name = key.removeprefix(prefix)
            for number, part in enumerate(state_dict.pop(key).chunk(len(self.convs))):
                state_dict[f"{prefix}convs.{number}.{name}"] = part
        super()._load_from_state_dict(state_dict, prefix, *args)

    def forward(self, x: Tensor) -> Tensor:
        slices = self.slices(x, len(self.convs))
        return torch.cat([conv(part) for conv, part in zip(self.convs, slices, strict=True)], dim=1)


def right(x: Tensor, groups: int) -> list[Tensor]:
    return list(x.chunk(groups, dim=1))


def reversed_groups(x: Tensor, groups: int) -> list[Tensor]:
    return list(x.chunk(groups, dim=1))[::-1]


def strided_groups(x: Tensor, groups: int) -> list[Tensor]:
    return [x[:, each::groups] for each in range(groups)]


def shifted_groups(x: Tensor, groups: int) -> list[Tensor]:
    return right(x.roll(1, dims=1), groups)


def cut_off(x: Tensor, groups: int) -> list[Tensor]:
    return [part.detach() for part in right(x, groups)]


class Net(nn.Module):
    def __init__(self, slices: Slices | None = None, extra: int = 0) -> None:
        super().__init__()

        def conv(kind: type, *args: int, **kwargs: int) -> nn.Module:
            return SplitGroups(kind, slices, *args, **kwargs) if slices else kind(*args, **kwargs)

        # Twelve groups: their keys are not in the order of their names.
        self.stem = nn.Sequential(conv(nn.Conv2d, 24, 48, 3, groups=12), nn.BatchNorm2d(48))
        self.up = conv(nn.ConvTranspose2d, 48, 24, 2, groups=2, bias=False)
        self.depthwise = nn.Conv2d(24, 24, 1, groups=24)
        self.normed = conv(nn.Conv2d, 24, 12, 1, groups=3)
        for each in getattr(self.normed, "convs", [self.normed]):
            weight_norm(each)
        self.head = nn.Linear(12, 5 + extra)

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        x = torch.relu(self.stem(x))
        x = self.normed(self.depthwise(self.up(x)))
        return self.head(x.mean((2, 3))), {"features": torch.dropout(x, 0.5, self.training)}


SHAPES = [(23, 6, 6), (24, 6, 6)]  # the first one is not accepted


def test_the_weights_of_the_groups_are_parts_of_the_original_s() -> None:
    found = comparison(Net(right), reference(Net(), SHAPES))
    assert found["left"] == []
    assert "reason" not in found
    assert found["difference"] < 1e-12


@pytest.mark.parametrize("slices", [reversed_groups, strided_groups, shifted_groups])
def test_wrong_slices_are_seen(slices: Slices) -> None:
    found = comparison(Net(slices), reference(Net(), SHAPES))
    assert found["reason"] == "it computes something else"
    assert found["difference"] > 0.01


def test_a_difference_in_train_mode_only_is_seen() -> None:
    split = Net(right)
    split.stem[1].momentum = 0.2
    assert comparison(split, reference(Net(), SHAPES))["difference"] > 0.01


def test_a_difference_in_gradients_only_is_seen() -> None:
    found = comparison(Net(cut_off), reference(Net(), SHAPES))
    assert found["reason"] == "it computes something else"
    assert found["note"].startswith("most in gradient of ")


def test_how_much_a_group_matters_is_known() -> None:
    assert reference(Net(), SHAPES)["faintest"][0] > 1e-3
    original = Net()
    original.up.register_forward_hook(lambda conv, x, y: y * torch.arange(24).view(-1, 1, 1).ge(12))
    assert reference(original, SHAPES)["faintest"][0] == 0


def test_keys_that_are_not_the_original_s_are_named() -> None:
    made = reference(Net(), SHAPES)
    reason = comparison(Net(right, extra=1), made)["reason"]
    assert "it does not load the original" in reason
    assert "size mismatch for head.bias" in reason
    split = Net(right)
    split.head.bias = None
    assert 'Unexpected key(s) in state_dict: "head.bias"' in comparison(split, made)["reason"]


def test_an_output_that_says_nothing_is_no_proof() -> None:
    dead = Net()
    dead.forward = lambda x: dead.head(torch.zeros(len(x), 12, dtype=x.dtype))
    with pytest.raises(ValueError, match="hardly depends"):
        reference(dead, SHAPES)
    with pytest.raises(ValueError, match="expected input"):
        reference(Net(), SHAPES[:1])


def test_what_is_left_is_named_with_its_class() -> None:
    class Standardised(nn.Conv2d):
        def forward(self, x: Tensor) -> Tensor:
            return x

    left = comparison(Net(), reference(Net(), SHAPES))["left"]
    assert [path for path, _, _ in left] == ["stem.0", "up", "normed"]
    assert list(grouped_convs(nn.Conv3d(2, 2, 1, groups=2))) == [""]
    assert kind(nn.Conv2d(2, 2, 1)) == "Conv2d"
    assert kind(Standardised(2, 2, 1)) == "Standardised (a forward of its own)"


@pytest.mark.parametrize("style", ["explicit", "loop"])
def test_the_groups_are_found_in_other_styles(style: str) -> None:
    text = model(
        "self.conv = nn.Conv2d(36, 24, 3, groups=12)",
        "return self.conv(x)",
    )
    result = split_source(text, Options(style=style))
    original, split = (
        next(each for each in vars(run_source(each)).values() if isinstance(each, type))()
        for each in (text, result.text)
    )
    made = reference(original, [(36, 5, 5)])
    assert comparison(split, made)["difference"] < 1e-12
    del made["shapes"]["conv.bias"]
    assert "it does not load the original" in comparison(split, made)["reason"]
