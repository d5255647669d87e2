"""What says of whole networks which norms take a concatenation sees these, and no others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cases import model
from gencode import Options, split_source

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from equivalence import run_source  # noqa: E402
from gencode.proof.worker.norms_behind import norms_behind_cats as behind  # noqa: E402
from real_models_worker import fill, original_tensors  # noqa: E402

Follows = Callable[["Net", list[Tensor]], Tensor]
X = torch.randn(2, 4, 6, 6)


def norms_behind_cats(model: nn.Module, x: Tensor) -> dict[str, nn.Module]:
    return behind(model.eval(), lambda: model(x))


class Net(nn.Module):
    """Two convolutions, and a norm behind what is made of them."""

    def __init__(self, follows: Follows, norm: type[nn.Module] = nn.BatchNorm2d) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(2, 3, 1) for _ in range(2))
        self.follows = follows
        self.block = nn.Sequential(nn.Identity(), norm(6))
        self.order = torch.randperm(6)

    def forward(self, x: Tensor) -> Tensor:
        return self.block(self.follows(self, [conv(x[:, :2]) for conv in self.convs]))


def joined(net: Net, parts: list[Tensor]) -> Tensor:
    return torch.cat(parts, dim=1)


TAKEN = [
    joined,
    lambda net, parts: torch.cat(parts, -3),
    lambda net, parts: torch.concat(tensors=parts, axis=1),
    lambda net, parts: torch.cat([parts[0][:, [1, 0, 2]], F.dropout(parts[1], training=False)], 1),
    lambda net, parts: joined(net, parts)[:, net.order].contiguous(),
    lambda net, parts: torch.cat([torch.cat(parts[:1], 1), parts[1]], 1),
]
NOT_TAKEN = [
    lambda net, parts: torch.cat([parts[0], parts[0]], 2).repeat(1, 2, 1, 1),
    lambda net, parts: torch.cat([parts[0], torch.relu(parts[1])], 1),
    lambda net, parts: torch.relu(joined(net, parts)),
    lambda net, parts: joined(net, parts).relu_(),
    lambda net, parts: joined(net, parts)[:, :6],
    lambda net, parts: F.conv2d(joined(net, parts), torch.randn(6, 6, 1, 1)),
]


@pytest.mark.parametrize("follows", TAKEN)
def test_a_norm_that_takes_a_concatenation_is_found(follows: Follows) -> None:
    assert list(norms_behind_cats(Net(follows), X)) == ["block.1"]


@pytest.mark.parametrize("follows", NOT_TAKEN)
def test_a_norm_that_takes_anything_else_is_not(follows: Follows) -> None:
    assert not norms_behind_cats(Net(follows), X)


def test_a_norm_is_found_by_what_it_does() -> None:
    class Own(nn.BatchNorm2d):
        def forward(self, x: Tensor) -> Tensor:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias)

    found = norms_behind_cats(Net(joined, Own), X)
    assert [type(each) for each in found.values()] == [Own]
    assert norms_behind_cats(Net(joined, nn.InstanceNorm2d), X)
    assert not norms_behind_cats(Net(joined, nn.LocalResponseNorm), X)


@pytest.mark.parametrize("style", ["explicit", "loop", "built"])
def test_the_norms_of_split_convolutions_are_found(style: str) -> None:
    text = model(
        "self.conv = nn.Conv2d(4, 6, 3, groups=2)\nself.bn = nn.BatchNorm2d(6)",
        "return self.bn(self.conv(x))",
    )
    for norm, found in ((True, []), (False, ["bn"])):
        split = run_source(split_source(text, Options(style=style, norm=norm)).text)
        net = next(each for each in vars(split).values() if is_net(each))()
        assert list(norms_behind_cats(net, X)) == found


def is_net(value: object) -> bool:
    return isinstance(value, type) and value.__name__ == "Net"


def test_an_index_of_zeros_hides_nothing() -> None:
    net = Net(joined)
    net.register_buffer("index", torch.zeros(6, dtype=torch.long))
    fill(original_tensors(net))
    assert sorted(net.index.tolist()) == list(range(6))
    assert net.index.tolist() != list(range(6))
    assert net.block[1].num_batches_tracked == 0
