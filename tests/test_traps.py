"""The traps that real models hold, each original and its split source run and compared."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import dedent

import pytest

torch = pytest.importorskip("torch")

from equivalence import assert_equivalent, grouped_left, run_source  # noqa: E402
from gencode import Result, split_source  # noqa: E402

IMPORTS = """\
import functools
from collections import OrderedDict

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils import spectral_norm, weight_norm


"""
X = torch.linspace(-1, 1, 2 * 8 * 5 * 5).sin().reshape(2, 8, 5, 5)


def check(text: str, call: str = "Net()", x: torch.Tensor = X) -> Result:
    """Everything is split, and computes the same."""
    source = IMPORTS + dedent(text)
    result = assert_equivalent(source, lambda module: eval(call, module.__dict__), x)
    assert {record.status for record in result.records} <= {"split", "may be split", "kept"}
    assert split_source(result.text).text is result.text
    return result


@pytest.fixture
def float64() -> Iterator[None]:
    """What a model builds when it runs is of float64 too."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def unsplit(text: str) -> list[str]:
    """Why convolutions stay as they are."""
    result = split_source(IMPORTS + dedent(text))
    return [record.detail for record in result.records if record.status == "left"]


def test_1_called_only_in_the_forward_of_the_base_class() -> None:
    check("""
        class Base(nn.Module):
            def forward(self, x):
                return self.conv(x)

        class Net(Base):
            def __init__(self):
                super().__init__()
                self.conv = nn.Conv2d(8, 8, 3, groups=2)
    """)


def test_2_a_factory_that_serves_plain_callers_too() -> None:
    result = check("""
        def conv3x3(in_planes, out_planes, stride=1, groups=1, dilation=1):
            return nn.Conv2d(in_planes, out_planes, kernel_size=3, stride=stride,
                             padding=dilation, groups=groups, bias=False, dilation=dilation)

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.plain = conv3x3(8, 8)
                self.depthwise = conv3x3(8, 8, groups=8)
                self.grouped = conv3x3(8, 16, 2, 4)

            def forward(self, x):
                return self.grouped(self.depthwise(self.plain(x)))
    """)
    net = run_source(result.text).Net()
    assert type(net.plain) is type(net.depthwise) is torch.nn.Conv2d


def test_3_layers_of_a_held_class_passed_to_the_base_class() -> None:
    check("""
        class ConvNormAct(nn.Sequential):
            def __init__(self, c, groups=1, conv_layer=None):
                if conv_layer is None:
                    conv_layer = nn.Conv2d
                layers = [conv_layer(c, c, 3, groups=groups)]
                layers.append(nn.BatchNorm2d(c))
                super().__init__(*layers)

        class Net(nn.Sequential):
            def __init__(self):
                super().__init__(ConvNormAct(8, 4), ConvNormAct(8))
    """)


def test_4_a_sequence_that_contains_it_or_itself() -> None:
    check(
        """
        class Net(nn.Module):
            def __init__(self, act, groups):
                super().__init__()
                if act:
                    self.conv = nn.Sequential(nn.Conv2d(8, 8, 3, groups=groups), nn.ReLU())
                else:
                    self.conv = nn.Conv2d(8, 8, 3, groups=groups)

            def forward(self, x):
                return self.conv(x)

        class Both(nn.Sequential):
            def __init__(self):
                super().__init__(Net(True, 2), Net(False, 4))
    """,
        "Both()",
    )


def test_5_none_in_the_other_branch() -> None:
    check(
        """
        class Net(nn.Module):
            def __init__(self, wide=True):
                super().__init__()
                self.conv1 = nn.Conv2d(8, 8, 3, groups=2)
                if wide:
                    self.conv2 = nn.Conv2d(8, 8, 3, groups=2)
                else:
                    self.conv2 = None

            def forward(self, x):
                x = self.conv1(x)
                if self.conv2 is not None:
                    x = self.conv2(x)
                return x

        class Both(nn.Sequential):
            def __init__(self):
                super().__init__(Net(), Net(False))
    """,
        "Both()",
        X.repeat(1, 1, 2, 2),
    )


FUSE = """
    class Net(nn.Module):
        def __init__(self, groups=4):
            super().__init__()
            self.conv = nn.Conv2d(8, 16, 3, 2, 1, groups=groups)
            self.bn = nn.BatchNorm2d(16)
            self.fused = None

        def forward(self, x):
            if self.fused is not None:
                return self.fused(x)
            return self.bn(self.conv(x))

        def fuse(self):
            kernel = self.conv.weight
            std = (self.bn.running_var + self.bn.eps).sqrt()
            t = self.bn.weight / std
            fused = nn.Conv2d(
                self.conv.in_channels, self.conv.out_channels, self.conv.kernel_size,
                self.conv.stride, self.conv.padding, groups=self.conv.groups,
                device=self.conv.weight.device,
            )
            bias = self.conv.bias if self.conv.bias is not None else 0
            fused.weight.data = kernel * t.reshape(-1, 1, 1, 1)
            fused.bias.data.copy_(self.bn.bias + (bias - self.bn.running_mean) * t)
            self.fused = fused
"""


@pytest.mark.usefixtures("float64")
def test_6_weight_stride_and_groups_read_to_fuse_it() -> None:
    result = check(FUSE)
    net = run_source(result.text).Net().eval()
    with torch.no_grad():
        net.bn.running_mean.uniform_(-1, 1)
        net.bn.running_var.uniform_(0.5, 2)
    before = net(X.double())
    net.fuse()
    torch.testing.assert_close(net(X.double()), before)
    assert grouped_left(net) == []


@pytest.mark.usefixtures("float64")
def test_6_a_fuse_that_makes_a_convolution_of_the_weights_of_another() -> None:
    result = check("""
        @torch.no_grad()
        def fuse(conv, bn):
            fused = nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size,
                              groups=conv.groups).requires_grad_(False).to(conv.weight.device)
            w_conv = conv.weight.clone().view(conv.out_channels, -1)
            w_bn = torch.diag(bn.weight.div(torch.sqrt(bn.eps + bn.running_var)))
            fused.weight.copy_(torch.mm(w_bn, w_conv).view(fused.weight.shape))
            b_conv = torch.zeros(conv.weight.shape[0]) if conv.bias is None else conv.bias
            b_bn = bn.bias - bn.weight.mul(bn.running_mean).div(
                torch.sqrt(bn.running_var + bn.eps))
            fused.bias.copy_(torch.mm(w_bn, b_conv.reshape(-1, 1)).reshape(-1) + b_bn)
            return fused

        class Net(nn.Module):
            def __init__(self, groups=4):
                super().__init__()
                self.conv = nn.Conv2d(8, 16, 3, groups=groups, bias=False)
                self.bn = nn.BatchNorm2d(16)

            def forward(self, x):
                return self.bn(self.conv(x))

            def fuse(self):
                self.conv, self.bn = fuse(self.conv, self.bn), nn.Identity()
    """)
    net = run_source(result.text).Net().eval()
    with torch.no_grad():
        net.bn.running_mean.uniform_(-1, 1)
        net.bn.running_var.uniform_(0.5, 2)
    before = net(X.double())
    net.fuse()
    torch.testing.assert_close(net(X.double()), before)
    assert grouped_left(net) == []


def test_6_a_weight_that_is_used_as_such() -> None:
    (reason,) = unsplit("""
        class Net(nn.Module):
            def __init__(self, groups):
                super().__init__()
                self.conv = nn.Conv2d(8, 16, 3, groups=groups)
                self.tied = self.conv.weight
    """)
    assert reason == "its weight is used directly (line 15)"


def test_7_groups_by_place_beside_device_and_dtype() -> None:
    check("""
        class Net(nn.Module):
            def __init__(self, groups=4, device=None, dtype=None):
                super().__init__()
                dd = {"device": device, "dtype": dtype}
                self.conv = nn.Conv2d(8, 8, 3, 1, 1, 1, groups, bias=False, **dd)
                self.plain = nn.Conv2d(8, 8, 3, **dd)

            def forward(self, x):
                return self.plain(self.conv(x))
    """)


@pytest.mark.parametrize(
    "norm",
    ["weight_norm", "nn.utils.weight_norm", "nn.utils.parametrizations.weight_norm"],
)
@pytest.mark.parametrize("more", ["", ", dim=0", ', name="weight"', ', "weight", 0'])
def test_8_weight_norm_by_filter(norm: str, more: str) -> None:
    result = check(f"""
        class Net(nn.Module):
            def __init__(self, groups=4):
                super().__init__()
                self.first = {norm}(nn.Conv2d(8, 8, 3, groups=groups){more})
                self.conv = nn.Conv2d(8, 16, 3, groups=groups)
                self.conv = {norm}(self.conv{more})
                self.up = {norm}(nn.ConvTranspose2d(16, 8, 3, groups=groups){more})
                self.plain = {norm}(nn.Conv2d(8, 8, 1){more})

            def forward(self, x):
                return self.plain(self.up(self.conv(self.first(x))))
    """)
    notes = [record.note for record in result.records]
    assert all("PLiNIO takes no convolution under weight_norm" in note for note in notes)


def test_8_weight_norm_that_is_taken_away_again() -> None:
    result = check("""
        class Net(nn.Module):
            def __init__(self, groups=4):
                super().__init__()
                self.convs = nn.ModuleList(
                    [weight_norm(nn.Conv2d(8, 8, 1, groups=groups)) for _ in range(2)]
                )

            def forward(self, x):
                for conv in self.convs:
                    x = conv(x)
                return x

            def remove_weight_norm(self):
                for conv in self.convs:
                    nn.utils.remove_weight_norm(conv)
    """)
    (warning,) = result.warnings
    assert (
        "remove_weight_norm is applied to it (line 25) once it is split (line 15)"
        in warning.message
    )
    with pytest.raises(ValueError, match="weight_norm of 'weight' not found"):
        run_source(result.text).Net().remove_weight_norm()


@pytest.mark.parametrize(
    ("norm", "reason"),
    [
        ("weight_norm(self.conv, dim=2)", "weight_norm with another dim than 0"),
        ("weight_norm(self.conv, dim=None)", "weight_norm with another dim than 0"),
        ("spectral_norm(self.conv)", "spectral_norm takes its weight as a whole"),
        (
            'nn.utils.parametrize.register_parametrization(self.conv, "weight", nn.ReLU())',
            "register_parametrization takes its weight as a whole",
        ),
        ("nn.utils.prune.l1_unstructured(self.conv, 'weight', 3)", "l1_unstructured takes"),
    ],
)
def test_8_a_norm_that_couples_the_groups(norm: str, reason: str) -> None:
    (found,) = unsplit(f"""
        class Net(nn.Module):
            def __init__(self, groups):
                super().__init__()
                self.conv = nn.Conv2d(8, 16, 3, groups=groups)
                self.conv = {norm}
    """)
    assert reason in found and "line 15" in found


def test_9_children_that_are_zipped() -> None:
    check("""
        class Towers(nn.Module):
            def __init__(self, groups):
                super().__init__()
                self.one = nn.Conv2d(8, 8, 1, groups=groups)
                self.two = nn.Conv2d(8, 8, 1, groups=groups)

            def forward(self, xs):
                return [each(x) for x, each in zip(xs, self._modules.values())]

        class Net(nn.Module):
            def __init__(self, groups=2):
                super().__init__()
                self.towers = Towers(groups)
                self.convs = nn.ModuleList(nn.Conv2d(8, 8, 3, groups=4) for _ in range(2))
                self.bns = nn.ModuleList(nn.BatchNorm2d(8) for _ in range(2))

            def forward(self, x):
                for conv, bn in zip(self.convs, self.bns):
                    x = bn(conv(x))
                return sum(self.towers([x, 2 * x]))
    """)


def test_10_an_item_of_a_comprehension_beside_a_depthwise_one() -> None:
    result = check("""
        class Net(nn.Module):
            def __init__(self, c=8):
                super().__init__()
                self.blocks = nn.ModuleList(
                    [
                        nn.Sequential(
                            nn.Conv2d(c, c, 3, padding=1, groups=c),
                            nn.Conv2d(c, c, 1, groups=2 + 2 * i),
                        )
                        for i in range(2)
                    ]
                )

            def forward(self, x):
                for block in self.blocks:
                    x = block(x)
                return x
    """)
    assert [record.status for record in result.records] == ["kept", "may be split"]


def test_11_a_literal_that_may_be_depthwise() -> None:
    result = check("""
        class Net(nn.Module):
            def __init__(self, width=8):
                super().__init__()
                self.conv = nn.Conv2d(width, width, 3, groups=4)

            def forward(self, x):
                return self.conv(x)
    """)
    module = run_source(result.text)
    assert type(module.Net(4).conv) is torch.nn.Conv2d
    assert type(module.Net(8).conv).__name__ == "SplitGroups"


def test_12_groups_that_a_condition_sets() -> None:
    check("""
        class Block(nn.Module):
            def __init__(self, in_planes, groups):
                super().__init__()
                g = 1 if in_planes == 24 else groups
                self.conv = nn.Conv2d(in_planes, 24, 1, groups=g, bias=False)

            def forward(self, x):
                return self.conv(x)

        class Net(nn.Sequential):
            def __init__(self):
                super().__init__(Block(8, 4), Block(24, 4))
    """)


def test_13_a_sequence_of_the_module() -> None:
    check(
        """
        net = nn.Sequential(
            nn.Conv2d(8, 16, (3, 3), (1, 1), (1, 1), 1, 4, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
        )
    """,
        "net",
    )


def test_14_a_transposed_one_with_the_size_of_its_output() -> None:
    result = check("""
        class Net(nn.Module):
            def __init__(self, groups=2):
                super().__init__()
                self.up = nn.ConvTranspose2d(8, 8, 3, stride=2, groups=groups)
                self.odd = nn.ConvTranspose2d(
                    8, 8, 3, stride=2, output_padding=1, groups=groups
                )

            def forward(self, x):
                y = self.up(x, output_size=(12, 12)) + self.up(x, [12, 12])
                return y[:, :, :11, :11] + self.up(x) + self.odd(x)[:, :, :11, :11]
    """)
    assert all("transposed" in each.message for each in result.warnings)


def test_15_a_name_in_a_string_elsewhere() -> None:
    check("""
        class Net(nn.Module):
            def __init__(self, groups=2):
                super().__init__()
                self.init_cfg = dict(override=dict(name="conv2"))
                self.conv2 = nn.Conv2d(8, 8, 3, groups=2)
                setattr(self, "conv3", nn.Conv2d(8, 8, 1, groups=groups))
                for i in range(2):
                    self.add_module(f"conv_{i}", nn.Conv2d(8, 8, 1, groups=groups))

            def forward(self, x):
                x = getattr(self, "conv3")(self.conv2(x))
                for i in range(2):
                    x = getattr(self, f"conv_{i}")(x)
                return x
    """)


def test_16_a_subclass_whose_forward_uses_groups() -> None:
    source = """
        class SameConv(nn.Conv2d):
            def forward(self, x):
                return F.conv2d(F.pad(x, (1, 1, 1, 1)), self.weight, self.bias, self.stride,
                                self.padding, self.dilation, self.groups)

        class Net(nn.Module):
            def __init__(self, groups=4):
                super().__init__()
                self.conv = SameConv(8, 8, 3, groups=groups)

            def forward(self, x):
                return self.conv(x)
    """
    check(source)
    (reason,) = unsplit(source.replace("self.dilation, self", "self.groups, self"))
    assert reason == "SameConv is a subclass of Conv2d: its forward uses self.groups (line 12)"


def test_16_a_subclass_without_a_forward() -> None:
    result = check("""
        class Padded(nn.Conv2d):
            def __init__(self, c, k, groups):
                super().__init__(c, c, k, padding=k // 2, groups=groups, bias=False)
                nn.init.kaiming_normal_(self.weight)

        class Net(nn.Module):
            def __init__(self, groups=4):
                super().__init__()
                self.conv = Padded(8, 3, groups)

            def forward(self, x):
                return self.conv(x)
    """)
    net = run_source(result.text).Net()
    assert {type(each) for each in net.conv.parts} == {torch.nn.Conv2d}


def test_16_a_subclass_that_bounds_the_norm_of_each_filter() -> None:
    result = check("""
        class Conv2dWithConstraint(nn.Conv2d):
            def __init__(self, *args, max_norm=1, **kwargs):
                self.max_norm = max_norm
                super().__init__(*args, **kwargs)

            def forward(self, x):
                self.weight.data = torch.renorm(
                    self.weight.data, p=2, dim=0, maxnorm=self.max_norm
                )
                return super().forward(x)

        class Net(nn.Module):
            def __init__(self, groups=4):
                super().__init__()
                self.conv = Conv2dWithConstraint(8, 16, 3, max_norm=0.5, groups=groups)

            def forward(self, x):
                return self.conv(x)
    """)
    (record,) = result.records
    assert "PLiNIO takes no subclass" in record.note
    net = run_source(result.text).Net()
    assert {each.max_norm for each in net.conv.parts} == {0.5}
    net(X)
    norms = torch.cat([each.weight.flatten(1) for each in net.conv.parts]).norm(dim=1)
    assert norms.max() <= 0.5 + 1e-6


def test_17_settings_that_are_read_in_the_initialiser() -> None:
    check("""
        class Net(nn.Module):
            def __init__(self, groups=4):
                super().__init__()
                self.conv = nn.Conv2d(8, 8, (3, 1), groups=groups, stride=(2, 1))
                self.pad = nn.ZeroPad2d(self.conv.kernel_size[0] // 2)
                names = ("in_channels", "out_channels", "kernel_size", "stride", "padding")
                more = ("dilation", "groups", "padding_mode", "output_padding")
                self.settings = [getattr(self.conv, each) for each in names + more]

            def forward(self, x):
                return self.conv(self.pad(x)) * self.settings[3][0]
    """)


def test_18_parameters_that_are_all_set_to_zero() -> None:
    result = check("""
        def zero_module(module):
            for p in module.parameters():
                p.detach().zero_()
            return module

        class Net(nn.Module):
            def __init__(self, groups=4):
                super().__init__()
                self.conv = zero_module(nn.Conv2d(8, 8, 1, groups=groups))

            def forward(self, x):
                return self.conv(x)
    """)
    assert not any(each.any() for each in run_source(result.text).Net().parameters())


def test_19_weights_that_are_taken_from_another_model() -> None:
    result = check("""
        class Net(nn.Module):
            def __init__(self, conv=nn.Conv2d(8, 8, 1)):
                super().__init__()
                groups = conv.groups if conv.groups > 1 else 4
                self.conv = nn.Conv2d(8, 8, 1, groups=groups)
                if conv.groups > 1:
                    self.conv.load_state_dict(conv.state_dict())

            def forward(self, x):
                return self.conv(x)
    """)
    whole = torch.nn.Conv2d(8, 8, 1, groups=2)
    net = run_source(result.text).Net(whole)
    assert grouped_left(net) == []
    torch.testing.assert_close(net(X), whole(X))
