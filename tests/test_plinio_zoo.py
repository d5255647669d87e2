"""The table of the zoo says what PLiNIO makes of each model before and after, for each target."""

from __future__ import annotations

import json

import pytest

from zoo_models import NAMES
from zoo_table import DATA, plinio, word

pytest.importorskip("torch")
pytest.importorskip("plinio.methods")

TABLE = json.loads(DATA.read_text(encoding="utf-8"))


def words(found: dict[str, dict[str, str]]) -> list[list[str]]:
    """The outcomes without constructs: which one PLiNIO meets first may be another each time."""
    return [[*map(word, each.values())] for each in found.values()]


@pytest.mark.parametrize("name", NAMES)
def test_what_plinio_takes(name: str) -> None:
    (found,) = (model for model in TABLE["models"] if model["model"] == name)
    assert words(plinio(name)) == words(found["plinio"])


@pytest.mark.parametrize("name", NAMES)
def test_no_grouped_convolution_is_in_its_way(name: str) -> None:
    (found,) = (model for model in TABLE["models"] if model["model"] == name)
    for target in ("grouped", "plinio"):
        after = [each[target] for each in found["plinio"].values()]
        assert any("grouped" in each for each in after) == bool(found["left"])
