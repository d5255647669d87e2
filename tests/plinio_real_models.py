"""Rewrite all of torchvision and timm, and have PLiNIO prune a large model of each.

Usage: python tests/plinio_real_models.py [torchvision/resnext50_32x4d timm/dla46x_c]
           [--no-norm] [--size 64]

Each model is built as it is installed and as it is split, with the same random weights and
statistics; PIT prunes random channels of the split one, and what it exports must compute what the
masked model does. PLiNIO must be importable. The exit status is 1 when anything differs.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from packages import PACKAGES, installed_directory
from real_models_worker import grouped_convs, relative_difference
from split_trees import split_by_command

MODELS = ("torchvision/resnext50_32x4d", "timm/dla46x_c")
HELPER = {"torchvision": "models.splitting", "timm": "layers.splitting"}
TOLERANCE = 1e-9  # in float64


def _start(package: str, model: str, tree: Path | None) -> torch.nn.Module:
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    if tree:
        sys.path.insert(0, str(tree))
    found = PACKAGES[package](package)
    assert tree is None or found.directory == tree / package, "another tree was imported"
    return found.build(model).eval()


@torch.no_grad()
def run_original(package: str, model: str, path: Path, size: int) -> None:
    """Store the state of a model with random weights, an input, and the output."""
    from plinio_checks import randomise

    net = _start(package, model, None)
    randomise(net)
    x = torch.rand(2, 3, size, size)
    torch.save(
        {"state": net.state_dict(), "x": x, "y": net(x), "grouped": len(grouped_convs(net))}, path
    )


@torch.no_grad()
def run_split(package: str, model: str, path: Path, tree: Path, found: Any) -> None:
    """Compare with what was stored, and prune."""
    from gencode.plinio_check.pruning import exported, norms, norms_after_cat, prune
    from gencode.plinio_check.sizes import true_size
    from plinio_checks import convert

    made = torch.load(path)
    x, y = made["x"], made["y"]
    net = _start(package, model, tree)
    net.load_state_dict(made["state"])
    found["grouped convolutions of the original"] = made["grouped"]
    found["left"] = len(grouped_convs(net))
    found["difference as split"] = relative_difference(y, net(x))
    traced = torch.fx.symbolic_trace(net)
    found["norms"] = len(norms(traced))
    found["norms after a concatenation"] = len(norms_after_cat(traced))

    start = time.monotonic()
    pit = convert("PIT", net, input_example=x[:1], input_shape=None, discrete_cost=True)
    found["seconds to convert"] = time.monotonic() - start
    found["difference as converted"] = relative_difference(y, pit(x))
    found["weights"] = true_size(net)
    found["channels masked"] = prune(pit)
    masked = pit(x)
    found["change by the masks"] = relative_difference(y, masked)
    found["change by another input"] = relative_difference(masked[:1], masked[1:])
    start = time.monotonic()
    small = exported(pit)
    found["seconds to export"] = time.monotonic() - start
    found["weights of the export"] = true_size(small)
    found["their count by PIT"] = int(pit.cost)
    found["difference as exported"] = relative_difference(masked, small(x))


def is_right(found: dict[str, Any]) -> bool:
    differences = [value for name, value in found.items() if name.startswith("difference")]
    return (
        "difference as exported" in found
        and max(differences) < TOLERANCE
        and min(value for name, value in found.items() if name.startswith("change")) > 1e-3
        and not found["left"]
        and not found["norms after a concatenation"]
        and found["weights of the export"] == found["their count by PIT"] < found["weights"]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("models", nargs="*", default=MODELS, metavar="PACKAGE/MODEL")
    parser.add_argument("--no-norm", action="store_true", help="leave norms after concatenations")
    parser.add_argument("--size", type=int, default=64, help="pixels of the input (default: 64)")
    arguments = parser.parse_args()
    options = ["--no-norm"] if arguments.no_norm else []
    passed = []
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch).resolve()
        for package in sorted({each.partition("/")[0] for each in arguments.models}):
            helper = ("--helper-module", HELPER[package])
            split_by_command(installed_directory(package), tree, *helper, *options)
        for each in arguments.models:
            found = tried(*each.split("/"), tree, arguments.size)
            passed.append(is_right(found))
            print(f"{each}: {'right' if passed[-1] else 'WRONG'}")
            for name, value in found.items():
                print(
                    f"    {name}: {value:.3g}"
                    if isinstance(value, float)
                    else f"    {name}: {value}"
                )
    return 0 if all(passed) else 1


def tried(package: str, model: str, tree: Path, size: int) -> dict[str, Any]:
    """Run the original and the split one in a process each: both are packages of one name."""
    context = multiprocessing.get_context("spawn")
    path = tree / "original.pt"
    with context.Manager() as manager:
        found = manager.dict()
        for target, more in ((run_original, (size,)), (run_split, (tree, found))):
            process = context.Process(target=target, args=(package, model, path, *more))
            process.start()
            process.join()
        return dict(found)


if __name__ == "__main__":
    sys.exit(main())
