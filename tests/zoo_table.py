"""Measure the model zoo, and write the table of it: ``generated/zoo.json``, and the README there.

    PYTHONPATH=plinio .venv/bin/python tests/zoo_table.py [--plinio-commit COMMIT]

needs PLiNIO. The times are of this machine, in one thread; all else is the same on any.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from zoo_models import NAMES, ORIGINALS, SPLIT, built, files_of, records, rewrite

DATA = SPLIT / "zoo.json"
README = SPLIT / "README.md"
PART = re.compile(r"(?<=<!-- zoo -->\n).*?(?=<!-- end of zoo -->)", re.DOTALL)
EXACT = 1e-9
"""The largest relative difference in float64 that counts as equal."""
HEAD = (
    *("model", "grouped", "style", "parameters", "equal", "checkpoint"),
    *("PIT", "MPS", "SuperNet", "time", "still in PLiNIO's way"),
)


def facts(name: str) -> dict[str, Any]:
    """What is true of a model on any machine, but for PLiNIO."""
    import torch

    from equivalence import differences, grouped_left

    torch.manual_seed(0)
    original, split = built(ORIGINALS, name), built(SPLIT, name)
    before, after = map(_parameters, (original, split))
    assert before == after
    loads = _loads(original, split)
    found = differences(original, split, torch.randn(2, *original.input_shape))
    return {
        "model": name,
        "files": [path.as_posix() for path in files_of(name)],
        "grouped": len(grouped_left(original)),
        "left": len(grouped_left(split)),
        "styles": sorted({each.style for each in records(name) if each.style is not None}),
        "parameters": before,
        "equal": {kind: bool(each <= EXACT) for kind, each in found.items()},
        "loads checkpoint": loads,
    }


def _loads(original: Any, split: Any) -> bool:
    """Whether one loads the state dict of the other, and says nothing of missing or other keys."""
    try:
        split.load_state_dict(original.state_dict())
    except RuntimeError:
        return False
    return True


def _parameters(net: Any) -> int:
    return sum(each.numel() for each in net.parameters())


def plinio(name: str) -> dict[str, dict[str, str]]:
    """What PLiNIO's methods make of a model before and after, for each target."""
    from gencode.plinio_check.obstacle import METHODS
    from zoo_plinio import outcome

    with tempfile.TemporaryDirectory() as directory:
        tree = Path(directory) / "plinio"
        with contextlib.redirect_stderr(io.StringIO()):
            rewrite(name, tree)
        folders = {"before": ORIGINALS, "grouped": SPLIT, "plinio": tree}
        return {
            method: {
                when: outcome(method, lambda folder=folder: built(folder, name))
                for when, folder in folders.items()
            }
            for method in METHODS
        }


def time_ratio(name: str, rounds: int = 15) -> float:
    """The CPU time of a forward pass of the split model over that of the original: medians."""
    import torch

    torch.set_num_threads(1)
    nets = [built(folder, name).eval() for folder in (ORIGINALS, SPLIT)]
    x = torch.randn(4, *nets[0].input_shape)
    times: list[list[float]] = [[], []]
    with torch.no_grad():
        for _ in range(rounds):
            for net, found in zip(nets, times, strict=True):
                start = time.process_time()
                for _ in range(5):
                    net(x)
                found.append(time.process_time() - start)
    original, split = map(statistics.median, times)
    return round(split / original, 1)


def measured(commit: str) -> dict[str, Any]:
    """The table, as it is written to ``generated/zoo.json``."""
    import torch

    models = [{**facts(name), "plinio": plinio(name), "time": time_ratio(name)} for name in NAMES]
    return {"plinio": commit, "torch": torch.__version__.partition("+")[0], "models": models}


def rendered(table: dict[str, Any]) -> str:
    """The table for people."""
    rows = [HEAD, ("---",) * len(HEAD), *map(_cells, table["models"])]
    lines = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    measured_with = f"PLiNIO's commit {table['plinio']} and torch {table['torch']}"
    return f"{lines}\n{_totals(table)} Measured with {measured_with}.\n"


def _totals(table: dict[str, Any]) -> str:
    """How many models each method takes."""
    models = [each["plinio"] for each in table["models"]]
    taken = (
        f"{method} {' → '.join(str(_taken(models, method, when)) for when in models[0][method])}"
        for method in models[0]
    )
    return f"Of {len(models)} models PLiNIO takes: {', '.join(taken)}."


def _taken(models: list[dict[str, Any]], method: str, when: str) -> int:
    return sum(each[method][when] == "yes" for each in models)


def _cells(model: dict[str, Any]) -> tuple[str, ...]:
    name, outcomes = model["model"], model["plinio"]
    file = model["files"][0].removesuffix("__init__.py")
    found = [each["plinio"] for each in outcomes.values() if each["plinio"] != "yes"]
    return (
        f"[{name}](../tests/zoo/{file}), [split]({file})",
        f"{model['grouped'] - model['left']} of {model['grouped']}",
        ", ".join(model["styles"]) or "-",
        str(model["parameters"]),
        "all" if all(model["equal"].values()) else "not all",
        "loads" if model["loads checkpoint"] else "does not load",
        *(" → ".join(map(word, each.values())) for each in outcomes.values()),
        f"{model['time']:.1f}",
        ", ".join(dict.fromkeys(found)),
    )


def word(outcome: str) -> str:
    """An outcome in a word: the construct that is in the way stands in a column of its own."""
    words = {"yes": "yes", "wrongly": "miscounts", "pruned": "converts"}
    return words.get(outcome.rpartition(" ")[2], "no")


def commit_of_plinio() -> str:
    """The commit of the checkout that PLiNIO is imported from; empty where git does not know."""
    import plinio

    command = ["git", "-C", str(Path(plinio.__path__[0])), "rev-parse", "--short", "HEAD"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip()


def main() -> None:
    """Write both."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--plinio-commit", default=commit_of_plinio(), metavar="COMMIT")
    commit = parser.parse_args().plinio_commit
    if not commit:
        parser.error("--plinio-commit is needed: git does not know the checkout of PLiNIO")
    table = measured(commit)
    DATA.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    text = README.read_text(encoding="utf-8")
    README.write_text(PART.sub(lambda _: rendered(table), text), encoding="utf-8")


if __name__ == "__main__":
    main()
