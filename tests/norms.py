"""Where the norms of a split model are."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import torch
from torch import Tensor, nn

from equivalence import assert_equivalent, run_source
from gencode import Options, Result
from gencode.outcome import Style

WHOLE = 32
"""The channels of each grouped convolution in these tests."""


def sizes(model: nn.Module) -> set[int]:
    """The num_features of all norms of a model that go over each channel by itself."""
    kinds = nn.modules.batchnorm._NormBase
    return {each.num_features for each in model.modules() if isinstance(each, kinds)}


def net(module: ModuleType) -> nn.Module:
    """What most tests build."""
    model = module.Net()
    assert isinstance(model, nn.Module)
    return model


def check(
    source: str,
    expected: set[int],
    style: Style = "auto",
    build: Callable[[ModuleType], nn.Module] = net,
    size: tuple[int, ...] = (7, 6),
    norm: bool = True,
) -> Result:
    """The split model computes the same, and has norms of these sizes and no others."""
    torch.manual_seed(0)
    x: Tensor = torch.randn(3, 16, *size)
    options = Options(style=style, norm=norm)
    result = assert_equivalent(source, build, x, options=options)
    assert sizes(build(run_source(result.text))) == expected
    return result


def notes(result: Result) -> str:
    """What is noted about the convolutions of a source."""
    return "; ".join(record.note for record in result.records)
