"""What PLiNIO's methods make of networks: as written, split, rewritten.

Usage: python tests/plinio_networks.py [--only 'timm/*'] [--jobs 2] [--targets grouped plinio]
           [--methods PIT MPS SuperNet] [--as-written] [--ungrouped] [--trees DIR] [--facts]

Rewrites whole packages by the command for each target, builds the networks of networks.py, which
have grouped convolutions, from what is installed and from what is written, with random weights and
statistics, and gives each to PIT (converted, pruned by masks that differ per layer and channel,
exported, its cost compared with its weights, trained), MPS (converted, trained, exported, no
BatchNorm left in float) and SuperNet (converted, and its count of the weights checked). Prints the
first thing in the way of each with its line in the rewritten source, and totals. With --ungrouped
also 30 networks without grouped convolutions. With --facts the networks are run before, and rules
are told what was seen of them. PLiNIO must be importable.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from gencode.plinio_check.obstacle import METHODS
from gencode.plinio_check.places import keep_places
from networks import chosen, full_name
from packages import PACKAGES, installed_directory, shape_taken
from plinio_checks import randomise
from split_trees import run_command, split_by_command
from zoo_plinio import in_full

TIMEOUT = 300  # seconds for one method and one network
UNGROUPED: dict[str, tuple[str, ...]] = {
    "torchvision": (
        *("alexnet", "vgg11_bn", "resnet18", "densenet121", "squeezenet1_1", "googlenet"),
        *("inception_v3", "mobilenet_v2", "mobilenet_v3_small", "mnasnet0_5", "efficientnet_b0"),
        *("shufflenet_v2_x0_5",),
    ),
    "timm": (
        *("res2net50_14w_8s", "hrnet_w18_small", "dla34", "ghostnet_050", "efficientnet_lite0"),
        *("mobilenetv3_small_100", "xception41"),
    ),
    "pytorchcv": ("preresnet10", "seresnet10", "darknet_ref", "peleenet", "mobilenet_wd4"),
    "pretrainedmodels": ("bninception", "xception", "se_resnet50"),
    "models": ("ResNet18", "PreActResNet18", "SENet18"),
}
"""Networks of the same packages that have none but plain and depthwise convolutions."""
WRITTEN = "as written"


def answer(connection: Connection, package: str, name: str, tree: str, method: str) -> None:
    """Say what a method makes of a network, in a process of its own."""
    torch.set_num_threads(1)
    if tree:
        sys.path.insert(0, tree)
    try:
        found = PACKAGES[package](package)
        assert not tree or found.directory.is_relative_to(tree), "another tree was imported"
        torch.manual_seed(0)
        net = found.build(name).eval()
        net.input_shape = shape_taken(net, found.shapes(name, net))
        randomise(net)
        keep_places()
        connection.send(in_full(method, net, found.directory))
    except Exception as error:
        connection.send(f"{type(error).__name__}: {error}"[:200])


def asked(package: str, name: str, tree: str, method: str) -> str:
    """What a method makes of a network: the answer of a process that is killed after a time."""
    context = multiprocessing.get_context("spawn")
    connection, other = context.Pipe()
    process = context.Process(target=answer, args=(other, package, name, tree, method), daemon=True)
    process.start()
    other.close()
    try:
        return str(connection.recv()) if connection.poll(TIMEOUT) else f"more than {TIMEOUT} s"
    except EOFError:
        return "its process died"
    finally:
        process.kill()
        process.join()


def trees(
    package: str, root: Path, targets: Sequence[str], seen: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Where a package is rewritten, by target; what is there from before is taken as it is.

    Args:
        package: its name.
        root: where the trees are.
        targets: for what it is rewritten.
        seen: the networks that are run before, for rules to be told what was seen of them.
    """
    directory = installed_directory(package)
    for target in targets:
        tree = root / target
        if not (tree / directory.name).exists():
            tree.mkdir(parents=True, exist_ok=True)
            more = facts_of(package, directory, tree, seen) if seen else ()
            split_by_command(directory, tree, "--target", target, *more)
        yield target, str(tree)


def facts_of(package: str, directory: Path, root: Path, names: Sequence[str]) -> tuple[str, str]:
    """Have networks run, and say with which option rules are told what was seen."""
    file, build = root / f"{package}.json", Path(__file__).with_name("packages.py")
    models = [f"--model={build}:sized({package!r}, {name!r})" for name in names]
    options = ("--target", "plinio", "--no-verify", "--facts", str(file))
    run_command(str(directory / "__init__.py"), "-o", str(root / "ignored.py"), *options, *models)
    return "--facts", str(file)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="*", metavar="PATTERN", help="such as 'timm/*'")
    parser.add_argument("--jobs", type=int, default=2, help="networks at a time (default: 2)")
    parser.add_argument("--targets", nargs="*", default=["grouped", "plinio"])
    parser.add_argument("--methods", nargs="*", default=METHODS)
    parser.add_argument("--as-written", action="store_true", help="ask of these as well")
    parser.add_argument("--ungrouped", action="store_true", help="networks without groups as well")
    parser.add_argument("--facts", action="store_true", help="rewrite with facts of a run")
    parser.add_argument("--trees", type=Path, metavar="DIR", help="keep the trees here")
    arguments = parser.parse_args()
    asking = []
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(arguments.jobs) as threads:
        root = (arguments.trees or Path(scratch)).resolve()
        groups = [*chosen(arguments.only)]
        groups += chosen(arguments.only, UNGROUPED) if arguments.ungrouped else ()
        for package, names in groups:
            seen = names if arguments.facts else ()
            found = [*trees(package, root, arguments.targets, seen)]
            for target, tree in ([(WRITTEN, "")] if arguments.as_written else []) + found:
                for name in names:
                    for method in arguments.methods:
                        case = (package, name, tree, method)
                        asking.append(
                            (full_name(package, name), target, method, threads.submit(asked, *case))
                        )
        for name, target, method, future in asking:
            print(f"{name}\t{target}\t{method}\t{future.result()}", flush=True)
    for target in dict.fromkeys(each[1] for each in asking):
        for method in arguments.methods:
            own = [each[3].result() for each in asking if each[1:3] == (target, method)]
            print(f"{target}, {method}: {own.count('yes')} of {len(own)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
