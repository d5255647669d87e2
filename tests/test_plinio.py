"""PLiNIO takes what gencode writes. Skipped where PLiNIO cannot be imported.

PLiNIO is not on PyPI: put a checkout of its repository on PYTHONPATH, with networkx, torchinfo,
tdigest and onnx installed.
"""

from __future__ import annotations

import pytest

from gencode.outcome import Style
from plinio_models import MODELS

torch = pytest.importorskip("torch")
pytest.importorskip("plinio.methods")

from equivalence import grouped_left  # noqa: E402
from gencode.plinio_check.pruning import norms_after_cat  # noqa: E402
from plinio_checks import built, convert, split_from, variants  # noqa: E402


@pytest.mark.parametrize("name", sorted(MODELS))
def test_pit_refuses_the_original(name: str) -> None:
    errors = AttributeError, torch.fx.proxy.TraceError  # it traces no norm of one's own
    with pytest.raises(errors, match=r"PIT currently supports only|symbolically traced"):
        convert("PIT", built(MODELS[name]))


@pytest.mark.parametrize(("name", "style"), variants())
def test_no_norm_follows_a_concatenation(name: str, style: Style) -> None:
    _, split = split_from(MODELS[name], style)
    assert not grouped_left(split)
    assert not norms_after_cat(torch.fx.symbolic_trace(split))
