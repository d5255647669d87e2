"""Split whole packages with the command, and run networks of theirs that have grouped convolutions.

Usage: python tests/networks.py [--only 'timm/*'] [--jobs 2] [--target plinio] [--output DIR]

Prints a table: what became of the grouped convolutions of each network, which norms take a
concatenation of convolutions, and whether it computes what it did, in float64 in eval and train
mode, with the original's state dict. The exit status is 1 where a network is not in order. What is
not installed is left out, and said.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

from packages import installed_directory
from real_models import Outcome, all_tried
from split_trees import Tree, split_by_command

# 27 that have grouped convolutions, built in all the ways that are found.
NETWORKS: dict[str, tuple[str, ...]] = {
    "torchvision": ("resnext50_32x4d", "regnet_y_400mf"),
    "timm": (
        *("seresnext26d_32x4d", "regnetx_002", "resnest14d", "skresnext50_32x4d", "dla46x_c"),
        *("res2next50", "repvgg_b1g4", "dpn48b", "cspresnext50", "visformer_tiny"),
    ),
    "pytorchcv": (
        *("ibn_resnext50_32x4d", "shufflenet_g3_wd4", "menet108_8x1_g3", "condensenet74_c4_g4"),
        *("igcv3_wd4", "airnext50_32x4d_r2", "resnestabc14"),
    ),
    "pretrainedmodels": ("resnext101_32x4d", "se_resnext50_32x4d", "dpn68"),
    "pytorchvideo": ("create_x3d", "create_csn"),
    "models": ("ResNeXt29_2x64d", "DPN26", "RegNetX_200MF"),
}
TITLES = {"models": "pytorch-cifar"}
HEADINGS = ("network", "grouped", "split", "left", "norms behind a cat", "before", "difference", "")


def chosen(
    pattern: str, networks: Mapping[str, Sequence[str]] = NETWORKS
) -> Iterator[tuple[str, list[str]]]:
    """The names of the networks that match, by their package."""
    for package, names in networks.items():
        found = [name for name in names if fnmatch(full_name(package, name), pattern)]
        if found:
            yield package, found


def full_name(package: str, name: str) -> str:
    return f"{TITLES.get(package, package)}/{name}"


def networks_tried(
    package: str, names: Sequence[str], root: Path, jobs: int, target: str
) -> tuple[Tree, list[Outcome]]:
    """Split a package, and try some of its networks."""
    try:
        directory = installed_directory(package)
    except SystemExit as error:
        return Tree(root), [Outcome(name, "left out", str(error)) for name in names]
    tree = split_by_command(directory, root, "--target", target)
    outcomes = []
    for outcome in all_tried(names, package, tree, jobs):
        print(full_name(package, outcome.name), outcome.status, file=sys.stderr, flush=True)
        outcomes.append(outcome)
    return tree, sorted(outcomes, key=lambda each: names.index(each.name))


# What is said


def row(name: str, outcome: Outcome) -> tuple[str, ...]:
    left = len(outcome.left)
    numbers = (outcome.grouped, outcome.grouped - left, left, len(outcome.behind))
    said = "; ".join(filter(None, (outcome.status, outcome.reason, outcome.note)))
    difference = f"{outcome.difference:.0e} {outcome.dtype.removeprefix('torch.')}"
    return (name, *map(str, numbers), str(outcome.behind_before), difference, said)


def print_table(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for each in rows:
        cells = [each[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(each[1:-1], widths[1:-1], strict=True)]
        print("  ".join((*cells, each[-1])).rstrip())


def print_places(name: str, outcome: Outcome) -> None:
    """What is grouped still, and which norms take a concatenation; those of one place together."""
    for what, found in (("grouped", outcome.left), ("behind a cat", outcome.behind)):
        places: dict[tuple[str, str], list[str]] = {}
        for path, kind, place in found:
            places.setdefault((kind, place), []).append(path)
        for (kind, place), paths in places.items():
            some = ", ".join(paths[:2]) + (", ..." if len(paths) > 2 else "")
            print(f"{name}: {what}: {len(paths)} {kind}: {some}\n    {place}")


def print_totals(outcomes: Sequence[Outcome]) -> None:
    ran = [each for each in outcomes if each.status != "left out"]
    for what, count in (
        ("no norm behind a concatenation", sum(not each.behind for each in ran)),
        ("nothing grouped left", sum(not each.left for each in ran)),
        ("equal", sum(each.status == "passed" for each in ran)),
    ):
        print(f"{what}: {count} of {len(outcomes)}")
    print(f"norms behind a concatenation: {sum(len(each.behind) for each in ran)}")
    grouped, left = sum(each.grouped for each in ran), sum(len(each.left) for each in ran)
    print(f"grouped convolutions: {grouped}, of which {left} are left")


def is_in_order(outcome: Outcome) -> bool:
    return outcome.status == "passed" and not outcome.left and not outcome.behind


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="*", metavar="PATTERN", help="such as 'timm/*'")
    parser.add_argument("--jobs", type=int, default=2, help="networks at a time (default: 2)")
    parser.add_argument("--target", default="grouped", help="grouped (default) or plinio")
    parser.add_argument("--output", type=Path, metavar="DIR", help="keep the trees here")
    arguments = parser.parse_args()
    named: list[tuple[str, Outcome]] = []
    faults = []
    with tempfile.TemporaryDirectory() as scratch:
        root = (arguments.output or Path(scratch)).resolve()
        root.mkdir(parents=True, exist_ok=True)
        for package, names in chosen(arguments.only):
            tree, outcomes = networks_tried(package, names, root, arguments.jobs, arguments.target)
            faults += [f"{package}: {fault}" for fault in tree.faults]
            named += [(full_name(package, each.name), each) for each in outcomes]
    print_table([HEADINGS, *(row(name, each) for name, each in named)])
    for name, each in named:
        print_places(name, each)
    print_totals([each for _, each in named])
    for fault in faults:
        print(fault)
    return 0 if not faults and all(is_in_order(each) for _, each in named) else 1


if __name__ == "__main__":
    sys.exit(main())
