"""Programs that get at a convolution in all ways; more by ``python tests/programs.py 3000``."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
import programs
from programs import verdict
from programs_made import program


@pytest.mark.parametrize("seed", range(60))
def test_nothing_is_silent(seed: int) -> None:
    one = program(seed)
    assert not verdict(one).startswith("silent"), one.parts


def test_what_is_not_said_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "_is_said", lambda one, found: False)
    assert verdict(program(9)) == "silent: another value"
