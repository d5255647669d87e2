"""The whole zoo is proved through the command: ``pytest -m proofs tests/test_proof_sweep.py``."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch")

from gencode.command import main
from zoo_models import NAMES, ORIGINALS, load, model_class

pytestmark = pytest.mark.proofs
LEFT = {"hifigan_discriminator": 1, "wav2vec2": 1}  # those that are there to be reported


@pytest.fixture(autouse=True)
def chosen(request: pytest.FixtureRequest) -> None:
    if "proofs" not in request.config.getoption("-m"):
        pytest.skip("a minute each: -m proofs chooses them")


@pytest.mark.parametrize("style", ["auto", "built"])
@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_proved(name: str, style: str, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    expression = model_class(load(ORIGINALS, name)).__name__
    if (ORIGINALS / name).is_dir():
        shutil.copytree(ORIGINALS / name, name)
        typed = ["-i", name, "--model", f"{name}:{expression}"]
    else:
        shutil.copy(ORIGINALS / f"{name}.py", ".")
        typed = ["-i", f"{name}.py", "--model", expression]
    status = main([*typed, "--style", style])
    err = capsys.readouterr().err
    assert status in (0, 3) and "not proved" not in err
    assert re.search(f": {expression} proved: ", err) or "running" not in err
    assert ("no grouped convolutions left" in err) is (name not in LEFT) or "running" not in err
