"""Of each rule of plinio_rules: models that keep it, and models that break it and no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.nn.utils import prune  # noqa: E402

from plinio_graph import UntraceableError  # noqa: E402
from plinio_rules import broken, splits  # noqa: E402

Forward = Callable[[Any, Tensor], Any]


class Net(nn.Module):
    """A model of a few modules and a forward."""

    def __init__(self, forward: Forward, **modules: nn.Module) -> None:
        super().__init__()
        self._forward = forward
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, x: Tensor) -> Any:
        return self._forward(self, x)


class Each(nn.Module):
    """A list of modules, each called with its part of the input, as a helper holds them."""

    def __init__(self, *parts: nn.Module) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)


class Convs(Each):
    """The branches: a list of results, for norms of their own."""

    def forward(self, x: Tensor) -> list[Tensor]:
        outputs, start = [], 0
        for conv in self.parts:
            outputs.append(conv(x[:, start : start + conv.in_channels]))
            start += conv.in_channels
        return outputs


class Norms(Each):
    """One norm for each branch."""

    def forward(self, inputs: list[Tensor]) -> Tensor:
        return torch.cat([norm(x) for norm, x in zip(self.parts, inputs, strict=True)], dim=1)


class Joined(Convs):
    """The branches and their join."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat(super().forward(x), dim=1)


class Block(nn.Module):
    """What gencode makes of conv, norm, ReLU and a residual add."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = Convs(conv(), conv())
        self.bn = Norms(nn.BatchNorm2d(4), nn.BatchNorm2d(4))
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.bn(self.conv(x)) + x)


def conv(size: int = 2, ins: int = 4, outs: int = 4, **options: Any) -> nn.Module:
    return getattr(nn, f"Conv{size}d")(ins, outs, 3, padding=1, **options)


def halves(forward: Forward, size: int = 2, **modules: nn.Module) -> Net:
    """A model with a branch a and a branch b for 4 channels each."""
    return Net(forward, **({"a": conv(size), "b": conv(size)} | modules))


def joined(net: Any, x: Tensor) -> Tensor:
    """The branches a and b over the halves of the channels."""
    return torch.cat((net.a(x[:, 0:4]), net.b(x[:, 4:8])), dim=1)


def x(size: int = 2, channels: int = 8) -> Tensor:
    return torch.randn(2, channels, *[3] * size)


# Models that keep all rules


@pytest.mark.parametrize("size", [1, 2, 3])
def test_branches_as_attributes(size: int) -> None:
    net = halves(lambda net, x: F.relu(net.first(joined(net, x))), size, first=conv(size, 8, 8))
    assert broken(net, x(size)) == {}
    assert splits(net, x(size)) == [["a", "b"]]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_branches_with_norms_as_attributes(size: int) -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        conv1_0 = net.norm_a(net.a(x[:, 0:4]))
        conv1_1 = net.norm_b(net.b(x[:, 4:8]))
        return F.relu(torch.cat((conv1_0, conv1_1), dim=1))

    kind = getattr(nn, f"BatchNorm{size}d")
    net = halves(forward, size, norm_a=kind(4), norm_b=kind(4))
    assert broken(net, x(size)) == {}
    assert splits(net, x(size)) == [["a", "b"]]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_branches_and_norms_in_helpers(size: int) -> None:
    kind = getattr(nn, f"BatchNorm{size}d")
    net = Net(
        lambda net, x: F.relu(net.bn(net.conv(x))),
        conv=Convs(conv(size, 4, 2), conv(size, 4, 2)),
        bn=Norms(kind(2), kind(2)),
    )
    assert broken(net, x(size)) == {}
    assert splits(net, x(size)) == [["conv.parts.0", "conv.parts.1"]]


def test_several_splits_in_nested_blocks() -> None:
    body = nn.Sequential(conv(2, 3, 8), Block(), nn.Sequential(Block(), nn.ReLU()), conv(2, 8, 8))
    net = nn.Sequential(body, Joined(conv(), conv()), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert broken(net, x(2, 3)) == {}
    assert splits(net, x(2, 3)) == [
        ["0.1.conv.parts.0", "0.1.conv.parts.1"],
        ["0.2.0.conv.parts.0", "0.2.0.conv.parts.1"],
        ["1.parts.0", "1.parts.1"],
    ]


def test_a_loop_over_a_list_with_bounds_from_the_convolutions() -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        width = net.convs[0].in_channels
        each = [conv(x[:, width * i : width * (i + 1)]) for i, conv in enumerate(net.convs)]
        return torch.cat(each, 1)

    assert broken(Net(forward, convs=nn.Sequential(*(conv() for _ in range(3)))), x(2, 12)) == {}


def test_a_depth_multiplier() -> None:
    net = Joined(*(conv(2, 1, 3) for _ in range(4)))
    assert broken(net, x(2, 4)) == {}
    assert len(splits(net, x(2, 4))[0]) == 4


def test_a_depthwise_convolution_in_3d_is_split() -> None:
    assert broken(Joined(*(conv(3, 1, 1) for _ in range(4))), x(3, 4)) == {}


def test_depthwise_convolutions_that_are_left() -> None:
    net = nn.Sequential(conv(2, 8, 8, groups=8), nn.BatchNorm2d(8), Joined(conv(), conv()))
    assert broken(net, x()) == {}
    assert broken(nn.Sequential(conv(1, 2, 2, groups=2)), x(1, 2)) == {}


def test_relu_and_pad_after_the_slice() -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        a = net.a(F.pad(F.relu(x[:, 0:4]), (2, 0)))
        return torch.cat((a, net.b(net.pad(net.relu(x[:, 4:8])))), dim=1)

    net = halves(forward, 1, pad=nn.ConstantPad1d((2, 0), 0.0), relu=nn.ReLU())
    assert broken(net, x(1)) == {}
    assert splits(net, x(1)) == [["a", "b"]]


def test_a_flat_join_of_two_splits_of_one_source_and_more() -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        a, b = net.norm_a(net.a(x[:, 0:4])), net.norm_b(net.b(x[:, 4:8]))
        return net.norm(torch.cat([a, b, net.c(x[:, 0:4]), net.d(x[:, 4:8]), x], dim=1))

    norms = {"norm_a": nn.BatchNorm2d(4), "norm_b": nn.BatchNorm2d(4), "norm": nn.BatchNorm2d(24)}
    net = halves(forward, c=conv(), d=conv(), **norms)
    assert broken(net, x()) == {}
    assert splits(net, x()) == [["a", "b"], ["c", "d"]]


def test_what_the_author_does_elsewhere() -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        y = joined(net, x)
        y = torch.cat([y[:, :, 1:], y[..., 1:, :]], dim=2).contiguous()
        left, right = y.view(y.size(0), -1).chunk(2, dim=1)
        others = torch.hstack([y, y]), x[:, [0, 2]], y.transpose(1, 2)[:, 0:2]
        return F.linear(left, right), x.device, others

    net = halves(forward)
    assert broken(net, x()) == {}
    assert splits(net, x()) == [["a", "b"]]


@pytest.mark.parametrize(
    "forward",
    [
        lambda net, x: torch.cat((net.a(x[:, 0:4]), x[:, 4:8]), dim=1),
        lambda net, x: torch.cat((net.a(x[:, 0:4]), net.b(x[:, 4:8]))),
        lambda net, x: torch.stack((net.a(x[:, 0:4]), net.b(x[:, 4:8])), dim=1),
        lambda net, x: torch.cat((net.c(net.a(x[:, 0:4])), net.d(net.b(x[:, 4:8]))), dim=1),
        lambda net, x: net.whole(x[:, :, 1:]),
        lambda net, x: net.whole(x[0]),
        lambda net, x: net.whole(x.flatten()[0:72].view(1, 8, 3, 3)),
        lambda net, x: net.c(x.flatten(1)[:, 0:36].view(2, 4, 3, 3)),
        lambda net, x: torch.cat(net.whole(x).chunk(2, dim=1), dim=1),
        lambda net, x: net.whole(x[:, [7, 6, 5, 4, 3, 2, 1, 0]]),
    ],
)
def test_what_is_no_split(forward: Forward) -> None:
    net = halves(forward, c=conv(), d=conv(), whole=conv(2, 8, 8))
    assert broken(net, x()) == {}
    assert splits(net, x()) == []


def test_branches_of_different_widths() -> None:
    net = Joined(conv(2, 2, 4), conv(2, 6, 4))
    assert broken(net, x()) == {}
    assert splits(net, x()) == [["parts.0", "parts.1"]]


def test_the_model_itself_stays_as_it_is() -> None:
    net = halves(lambda net, x: net.norm(joined(net, x)), norm=nn.BatchNorm2d(8)).train()
    broken(net, x())
    assert net.training
    assert net.norm.num_batches_tracked == 0


# 1 to 5: which convolutions there may be


@pytest.mark.parametrize(
    ("rule", "left", "size", "channels"),
    [
        ("1", nn.Conv1d(8, 8, 3, groups=2), 1, 8),
        ("1", nn.Conv2d(8, 4, 3, groups=4), 2, 8),
        ("1", nn.Conv2d(4, 8, 3, groups=4), 2, 4),
        ("2", nn.Conv3d(8, 4, 3, groups=2), 3, 8),
        ("2", nn.Conv3d(8, 8, 3, groups=8), 3, 8),
    ],
)
def test_1_2_a_grouped_convolution(rule: str, left: nn.Module, size: int, channels: int) -> None:
    assert broken(nn.Sequential(left, nn.ReLU()), x(size, channels)) == {rule: ["0"]}


@pytest.mark.parametrize(
    ("found", "left", "size"),
    [
        ({"1": ["0"], "4": ["0"]}, nn.ConvTranspose1d(8, 8, 3, groups=2), 1),
        ({"2": ["0"], "4": ["0"]}, nn.ConvTranspose3d(8, 8, 3, groups=8), 3),
        ({"4": ["0"]}, nn.ConvTranspose2d(8, 8, 3, groups=8), 2),
        ({"4": ["0"]}, nn.ConvTranspose2d(8, 8, 3), 2),
    ],
)
def test_1_2_4_a_transposed_convolution(found: Any, left: nn.Module, size: int) -> None:
    assert broken(nn.Sequential(left), x(size)) == found


def test_1_a_grouped_convolution_that_is_not_called() -> None:
    assert broken(halves(joined, unused=conv(2, 8, 8, groups=2)), x()) == {"1": ["unused"]}


@pytest.mark.parametrize(
    ("found", "function", "size"),
    [
        ({"4": ["conv2d"]}, lambda x: F.conv2d(x, torch.ones(4, 8, 1, 1)), 2),
        ({"4": ["conv2d"]}, lambda x: F.conv2d(x, torch.ones(4, 8, 1, 1), None, 1, 0, 1), 2),
        ({"4": ["conv_transpose1d"]}, lambda x: F.conv_transpose1d(x, torch.ones(8, 4, 1)), 1),
        (
            {"1": ["conv2d"], "4": ["conv2d"]},
            lambda x: F.conv2d(x, torch.ones(8, 4, 1, 1), groups=2),
            2,
        ),
        (
            {"1": ["conv1d"], "4": ["conv1d"]},
            lambda x: F.conv1d(x, torch.ones(8, 4, 1), None, 1, 0, 1, 2),
            1,
        ),
        (
            {"2": ["conv3d"], "4": ["conv3d"]},
            lambda x: F.conv3d(x, torch.ones(8, 1, 1, 1, 1), groups=8),
            3,
        ),
    ],
)
def test_1_2_4_a_functional_convolution(found: Any, function: Any, size: int) -> None:
    assert broken(Net(lambda net, x: function(x)), x(size)) == found


@pytest.mark.parametrize("size", [1, 2])
def test_3_one_channel_to_one(size: int) -> None:
    net = Joined(*(conv(size, 1, 1) for _ in range(3)))
    assert broken(net, x(size, 3)) == {"3": ["parts.0", "parts.1", "parts.2"]}


def test_4_transposed_branches_break_no_other_rule() -> None:
    net = Joined(nn.ConvTranspose2d(4, 2, 3), nn.ConvTranspose2d(4, 2, 3))
    assert broken(net, x()) == {"4": ["parts.0", "parts.1"]}
    assert splits(net, x()) == [["parts.0", "parts.1"]]


class Standardised(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.weight - self.weight.mean(), self.bias)


def test_4_a_subclass() -> None:
    assert broken(nn.Sequential(Standardised(8, 8, 3)), x()) == {"4": ["0"]}


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
@pytest.mark.parametrize(
    "change",
    [
        lambda _: Standardised(4, 4, 3, padding=1),
        nn.utils.weight_norm,
        nn.utils.spectral_norm,
        nn.utils.parametrizations.weight_norm,
        lambda conv: prune.random_unstructured(conv, "weight", 0.5),
    ],
)
def test_5_a_branch_that_is_not_as_torch_has_it(change: Callable[[Any], nn.Module]) -> None:
    assert broken(halves(joined, b=change(conv())), x()) == {"5": ["b"]}


def test_5_a_grouped_branch_is_no_branch() -> None:
    net = halves(joined, b=conv(2, groups=2))
    assert broken(net, x()) == {"1": ["b"], "5": ["b"]}


def test_5_a_branch_that_is_called_twice() -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        return torch.cat((net.a(x[:, 0:4]), net.a(x[:, 4:8])), dim=1)

    assert broken(halves(forward), x()) == {"5": ["a"]}


# 6 to 9: what the branches are given


def with_slices(left: Callable[[Tensor], Tensor], right: Callable[[Tensor], Tensor]) -> Net:
    return halves(lambda net, x: torch.cat((net.a(left(x)), net.b(right(x))), dim=1))


@pytest.mark.parametrize(
    "right",
    [
        lambda x: x[:, 4:8, :, :],
        lambda x: x[:, 4:8, ...],
        lambda x: x[:, 4:8:1],
    ],
)
def test_6_other_spellings_of_a_slice_that_are_accepted(right: Callable[[Tensor], Tensor]) -> None:
    net = with_slices(lambda x: x[:, 0:4], right)
    assert broken(net, x()) == {}
    assert splits(net, x()) == [["a", "b"]]


@pytest.mark.parametrize(
    "right",
    [
        lambda x: x[..., 4:8, :, :],
        lambda x: x[:, ..., 4:8, :, :],
        lambda x: x[0:, 4:8],
        lambda x: x[:, 4:],
        lambda x: x[:, 4:8, 0:],
    ],
)
def test_6_a_slice_that_is_refused(right: Callable[[Tensor], Tensor]) -> None:
    net = with_slices(lambda x: x[:, 0:4], right)
    assert broken(net, x()) == {"6": ["getitem_1"]}
    assert splits(net, x()) == [["a", "b"]]


def test_6_a_slice_in_steps() -> None:
    net = halves(lambda net, x: net.a(x[:, 0:8:2]) + net.b(x[:, 4:8]))
    assert broken(net, x()) == {"6": ["getitem"]}


def test_7_bounds_from_another_tensor() -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        width = net.other(x).shape[1]
        return torch.cat((net.a(x[:, 0:width]), net.b(x[:, 4:8])), dim=1)

    net = halves(forward, other=conv(2, 8, 4))
    assert broken(net, x()) == {"7": ["getitem_1"]}


def test_7_bounds_from_the_source_ask_it_for_its_shape_too() -> None:
    net = with_slices(lambda x: x[:, 0:4], lambda x: x[:, 4 : x.size(1)])
    assert broken(net, x()) == {"7": ["getitem_1"], "11": ["size"]}


@pytest.mark.parametrize(
    ("names", "left", "right"),
    [
        (["chunk", "chunk_1"], lambda x: x.chunk(2, 1)[0], lambda x: torch.chunk(x, 2, 1)[1]),
        (["split", "split_1"], lambda x: x.split(4, 1)[0], lambda x: torch.split(x, 4, 1)[1]),
        (["tensor_split"], lambda x: x.tensor_split(2, 1)[0], lambda x: x[:, 4:8]),
        (["narrow"], lambda x: x.narrow(1, 0, 4), lambda x: x[:, 4:8]),
        (["narrow"], lambda x: x[:, 0:4], lambda x: torch.narrow(x, 1, 4, 4)),
        (
            ["index_select"],
            lambda x: x[:, 0:4],
            lambda x: torch.index_select(x, 1, torch.arange(4, 8)),
        ),
        (["getitem_1"], lambda x: x[:, 0:4], lambda x: x[:, [4, 5, 6, 7]]),
        (["getitem_1"], lambda x: x[:, 0:4], lambda x: x[:, torch.arange(4, 8)]),
        (["contiguous"], lambda x: x[:, 0:4].contiguous(), lambda x: x[:, 4:8]),
    ],
)
def test_8_channels_taken_in_other_ways(names: list[str], left: Any, right: Any) -> None:
    net = with_slices(left, right)
    assert broken(net, x()) == {"8": names}
    assert splits(net, x()) == [["a", "b"]]


def test_8_contiguous_before_the_join() -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        return torch.cat((net.a(x[:, 0:4]), net.b(x[:, 4:8]).contiguous()), dim=1)

    assert broken(halves(forward), x()) == {"8": ["contiguous"]}


@pytest.mark.parametrize(
    "first", [nn.BatchNorm2d(4), conv(groups=4), nn.MaxPool2d(1), nn.PReLU(), nn.Identity()]
)
def test_9_something_before_the_convolution(first: nn.Module) -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        return torch.cat((net.a(net.first(x[:, 0:4])), net.b(x[:, 4:8])), dim=1)

    net = halves(forward, first=first)
    assert broken(net, x()) == {"9": ["first"]}
    assert splits(net, x()) == [["a", "b"]]


@pytest.mark.parametrize(
    ("names", "left"),
    [
        (["relu"], lambda x: x[:, 0:4].relu()),  # the method is no ReLU for PLiNIO
        (["sigmoid"], lambda x: torch.sigmoid(x[:, 0:4])),
        (["sigmoid", "tanh"], lambda x: torch.tanh(torch.sigmoid(x[:, 0:4]))),
    ],
)
def test_9_a_function_before_the_convolution(names: list[str], left: Any) -> None:
    net = with_slices(left, lambda x: x[:, 4:8])
    assert broken(net, x()) == {"9": names}


def test_9_a_depthwise_convolution_as_a_branch() -> None:
    assert broken(halves(joined, b=conv(groups=4)), x()) == {"9": ["b"]}


# 10 to 12: the join, and what is around


@pytest.mark.parametrize(
    "join",
    [
        lambda parts: torch.cat(parts, 1),
        lambda parts: torch.cat(list(parts), dim=1),
        lambda parts: torch.cat(tensors=parts, dim=1),
    ],
)
def test_10_a_join_that_is_accepted(join: Callable[[Any], Tensor]) -> None:
    net = halves(lambda net, x: join((net.a(x[:, 0:4]), net.b(x[:, 4:8]))))
    assert broken(net, x()) == {}
    assert splits(net, x()) == [["a", "b"]]


@pytest.mark.parametrize(
    ("name", "join"),
    [
        ("cat", lambda parts: torch.cat(parts, dim=-3)),
        ("cat", lambda parts: torch.cat(parts, -3)),
        ("cat", lambda parts: torch.cat(parts, axis=1)),
        ("concat", lambda parts: torch.concat(parts, dim=1)),
        ("concatenate", lambda parts: torch.concatenate(parts, 1)),
        ("hstack", lambda parts: torch.hstack(parts)),
    ],
)
def test_10_another_join(name: str, join: Callable[[Any], Tensor]) -> None:
    net = halves(lambda net, x: join((net.a(x[:, 0:4]), net.b(x[:, 4:8]))))
    assert broken(net, x()) == {"10": [name]}


@pytest.mark.parametrize(
    ("name", "ask"),
    [
        ("dim", lambda x: x.dim()),
        ("size", lambda x: x.size()),
        ("getattr_1", lambda x: x.shape),
        ("getattr_1", lambda x: x.ndim),
        ("getattr_1", lambda x: torch._assert(x.shape[1] == 8, "8 channels")),
    ],
)
def test_11_a_question(name: str, ask: Callable[[Tensor], Any]) -> None:
    net = halves(lambda net, x: (joined(net, x), ask(x)))
    assert broken(net, x()) == {"11": [name]}


@pytest.mark.parametrize("place", ["slice", "relu", "conv", "norm"])
def test_11_a_question_in_a_branch(place: str) -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        way = {"slice": x[:, 0:4]}
        way["relu"] = F.relu(way["slice"])
        way["conv"] = net.a(way["relu"])
        way["norm"] = net.norm_a(way["conv"])
        asked = way[place].shape[1]
        return torch.cat((way["norm"], net.norm_b(net.b(x[:, 4:8]))), dim=1), asked

    net = halves(forward, norm_a=nn.BatchNorm2d(4), norm_b=nn.BatchNorm2d(4))
    found = {"11": ["getattr_1"]}
    if place == "conv":
        found["13"] = ["norm_a"]  # the question is a consumer of the convolution as well
    assert broken(net, x()) == found


def asserting(net: Any, x: Tensor) -> Tensor:
    assert x.shape[1] == 8
    return joined(net, x)


def choosing(net: Any, x: Tensor) -> Tensor:
    return joined(net, x) if x.dim() == 4 else joined(net, x[None])


@pytest.mark.parametrize("forward", [asserting, choosing])
def test_11_what_cannot_be_traced(forward: Forward) -> None:
    found = broken(halves(forward, grouped=conv(groups=2)), x())
    assert found.keys() == {"1", "11"}
    assert "control flow" in found["11"][0]
    with pytest.raises(UntraceableError, match="control flow"):
        splits(halves(forward), x())


def test_a_model_that_does_not_run_is_not_one_that_breaks_a_rule() -> None:
    with pytest.raises(RuntimeError, match="ShapeProp error"):
        broken(nn.Sequential(conv(2, 8, 8)), x(2, 4))


class ConvolutionOfBranches(nn.Conv2d):
    def __init__(self) -> None:
        super().__init__(8, 8, 3)
        self.inside = Joined(conv(), conv())

    def forward(self, x: Tensor) -> Tensor:
        return self.inside(x)


def test_12_a_helper_that_is_a_convolution() -> None:
    net = nn.Sequential(ConvolutionOfBranches())
    assert broken(net, x()) == {"12": ["0"]}
    assert splits(net, x()) == [["0.inside.parts.0", "0.inside.parts.1"]]


# 13 to 15: norms


NORMS = [("", f"BatchNorm{size}d", size) for size in (1, 2, 3)]
NORMS += [(" (instance norm)", f"InstanceNorm{size}d", size) for size in (1, 2, 3)]


def norm(kind: str, width: int = 4, **options: Any) -> nn.Module:
    return getattr(nn, kind)(width, **({"track_running_stats": True} | options))


@pytest.mark.parametrize(("suffix", "kind", "size"), NORMS)
def test_13_a_norm_after_the_join(suffix: str, kind: str, size: int) -> None:
    net = halves(lambda net, x: net.norm(joined(net, x)), size, norm=norm(kind, 8))
    assert broken(net, x(size)) == {f"13{suffix}": ["norm"]}


@pytest.mark.parametrize(
    "forward",
    [
        lambda net, x: net.norm(F.relu(joined(net, x))),
        lambda net, x: net.norm(net.norm(joined(net, x))),
        lambda net, x: (net.norm(y := joined(net, x)), y),
        lambda net, x: net.norm(torch.cat((F.relu(net.a(x[:, 0:4])), net.b(x[:, 4:8])), dim=1)),
    ],
)
def test_13_a_norm_that_cannot_be_in_the_branches(forward: Forward) -> None:
    assert broken(halves(forward, norm=nn.BatchNorm2d(8)), x()) == {}


@pytest.mark.parametrize(("suffix", "kind", "size"), NORMS)
def test_13_another_consumer_of_the_convolution(suffix: str, kind: str, size: int) -> None:
    def forward(net: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        a = net.a(x[:, 0:4])
        return torch.cat((net.norm_a(a), net.norm_b(net.b(x[:, 4:8]))), dim=1), a

    net = halves(forward, size, norm_a=norm(kind), norm_b=norm(kind))
    assert broken(net, x(size)) == {f"13{suffix}": ["norm_a"]}


def with_norms(forward: Forward, one: nn.Module, other: nn.Module) -> Net:
    return halves(forward, norm_a=one, norm_b=other)


def normed(net: Any, x: Tensor) -> Tensor:
    a, b = net.norm_a(net.a(x[:, 0:4])), net.norm_b(net.b(x[:, 4:8]))
    return torch.cat((a, b), dim=1)


def test_13_a_norm_not_right_after_its_convolution() -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        a, b = net.norm_a(F.relu(net.a(x[:, 0:4]))), net.norm_b(net.b(x[:, 4:8]))
        return torch.cat((a, b), dim=1)

    net = with_norms(forward, nn.BatchNorm2d(4), nn.BatchNorm2d(4))
    assert broken(net, x()) == {"13": ["norm_a"]}


def test_13_a_norm_for_two_branches() -> None:
    shared = nn.BatchNorm2d(4)
    assert broken(with_norms(normed, shared, shared), x()) == {"13": ["norm_a"]}


@pytest.mark.parametrize("kind", ["BatchNorm2d", "InstanceNorm2d"])
def test_14_alike_norms(kind: str) -> None:
    options = {"eps": 1e-3, "momentum": 0.3, "affine": False}
    assert broken(with_norms(normed, norm(kind, **options), norm(kind, **options)), x()) == {}


@pytest.mark.parametrize(
    "other",
    [
        nn.Identity(),
        nn.BatchNorm2d(4, eps=1e-3),
        nn.BatchNorm2d(4, momentum=0.2),
        nn.BatchNorm2d(4, affine=False),
        nn.SyncBatchNorm(4),
        nn.InstanceNorm2d(4, affine=True, track_running_stats=True),
    ],
)
def test_14_another_norm_in_another_branch(other: nn.Module) -> None:
    net = with_norms(normed, nn.BatchNorm2d(4), other)
    assert broken(net, x()) == {"14": ["cat"]}


def test_14_tracking_in_one_branch_only() -> None:
    net = with_norms(normed, nn.BatchNorm2d(4), nn.BatchNorm2d(4, track_running_stats=False))
    assert broken(net, x()) == {"14": ["cat"], "15": ["norm_b"]}


def test_14_norms_of_another_width() -> None:
    net = with_norms(normed, nn.BatchNorm2d(4), nn.BatchNorm2d(4))
    net.norm_a.num_features = net.norm_b.num_features = 8
    assert broken(net, x()) == {"14": ["cat"]}


@pytest.mark.parametrize(("suffix", "kind", "size"), NORMS)
def test_15_a_norm_without_statistics(suffix: str, kind: str, size: int) -> None:
    left = norm(kind, 8, track_running_stats=False)
    assert broken(halves(lambda net, x: net.norm(joined(net, x)), size, norm=left), x(size)) == {}
    pushed = [norm(kind, track_running_stats=False) for _ in range(2)]
    net = halves(normed, size, norm_a=pushed[0], norm_b=pushed[1])
    assert broken(net, x(size)) == {f"15{suffix}": ["norm_a", "norm_b"]}


# 17 to 19, and the channels


def test_17_a_join_of_a_join() -> None:
    net = halves(lambda net, x: torch.cat((joined(net, x), x), dim=1))
    assert broken(net, x()) == {"17": ["cat"]}


@pytest.mark.parametrize(
    "forward",
    [
        lambda net, x: (torch.cat((y := joined(net, x), x), dim=1), x + y),
        lambda net, x: torch.cat((joined(net, x), x), dim=2),
    ],
)
def test_17_a_join_that_cannot_be_flat(forward: Forward) -> None:
    assert broken(halves(forward), x()) == {}


@pytest.mark.parametrize("last", [conv(2, 2, 6), conv(2, 2, 4)])
def test_18_a_depth_multiplier_that_is_not_all_of_one_channel(last: nn.Module) -> None:
    assert broken(Joined(conv(2, 1, 3), conv(2, 1, 3), last), x(2, 4)) == {"18": ["cat"]}


def test_18_a_depth_multiplier_of_different_multiples() -> None:
    assert broken(Joined(conv(2, 1, 2), conv(2, 1, 3)), x(2, 2)) == {"18": ["cat"]}


@pytest.mark.parametrize(
    ("name", "pad"),
    [("pad", lambda net, x: F.pad(x, (2, 0))), ("padding", lambda net, x: net.padding(x))],
)
def test_19_a_pad_before_the_slices(name: str, pad: Forward) -> None:
    net = halves(lambda net, x: joined(net, pad(net, x)), 1, padding=nn.ConstantPad1d((2, 0), 0.0))
    assert broken(net, x(1)) == {"19": [name]}


def test_19_is_about_1d() -> None:
    assert broken(halves(lambda net, x: joined(net, F.pad(x, (2, 0)))), x()) == {}


@pytest.mark.parametrize(
    ("wrong", "left", "right"),
    [
        (["getitem", "getitem_1", "cat"], (4, 8), (0, 4)),  # not in order
        (["getitem_1", "cat"], (0, 4), (0, 4)),  # not disjoint
        (["getitem_1", "cat"], (0, 4), (2, 6)),
        (["getitem_1"], (0, 4), (8, 12)),  # not all
        (["getitem"], (4, 8), (8, 12)),
        (["cat"], (0, 4), (4, 8)),
        (["getitem_1", "cat"], (0, 4), (8, 16)),  # more than there are
    ],
)
def test_the_channels(wrong: list[str], left: tuple[int, int], right: tuple[int, int]) -> None:
    net = with_slices(lambda x: x[:, slice(*left)], lambda x: x[:, slice(*right)])
    assert broken(net, x(2, 12)) == {"channels": wrong}


def test_the_channels_past_the_last() -> None:
    net = with_slices(lambda x: x[:, 0:4], lambda x: x[:, 4:12])
    assert broken(net, x()) == {"channels": ["getitem_1", "cat"]}


def test_the_channels_of_more_than_one_split_in_a_join() -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        once = [net.a(x[:, 0:4]), net.b(x[:, 4:8])]
        return torch.cat([*once, net.c(x[:, 4:8])], dim=1)

    assert broken(halves(forward, c=conv()), x()) == {"channels": ["getitem_2"]}
