"""Rewrite all of timm or torchvision, and prove that its models still compute the same.

Usage: python tests/real_models.py timm torchvision [--only PATTERN] [--jobs 2] [--style auto]
           [--output DIR] [--tree DIR]

Splits every file of the installed package into a tree of its own, and does it again: that must
change nothing. Then every model of the package that has grouped convolutions and can be built
without a download is run as installed and as split, with the same weights and the same input, in
eval and train mode. A model without any must keep its modules and keys. The exit status is 1 when
anything failed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from gencode import Options
from gencode.outcome import STYLES
from packages import PACKAGES, installed_directory
from real_models_worker import Json, serve
from split_trees import Tree, split_again, split_tree

TOO_LARGE = 1_500_000_000  # parameters: 6 GB in float32
TIMEOUT = 600  # seconds for one step of one model


@dataclass
class Outcome:
    """What became of one model.

    Attributes:
        name: of the model.
        status: ``passed``, ``failed``; ``plain`` (without grouped convolutions, and unchanged);
            or ``left out``: the original cannot be built, run, or held in memory.
        reason: why it failed or was left out.
        note: how the proof is a lesser one.
        grouped: how many grouped convolutions the original has.
        left: those that the split model still has: path, class and place with a reason.
        behind: the norms of the split model that take a concatenation of convolutions: likewise.
        behind_before: how many the original has.
        norms: how many norms the split model has in the branches of a module.
        difference: the largest relative one.
        faintest: the least that a group matters to the outputs, and its convolution.
        dtype: that it was run in.
        input: the shape of its input.
        seconds: that it took.
    """

    name: str
    status: str = "failed"
    reason: str = ""
    note: str = ""
    grouped: int = 0
    parameters: int = 0
    left: list[list[str]] = field(default_factory=list)
    behind: list[list[str]] = field(default_factory=list)
    behind_before: int = 0
    norms: int = 0
    difference: float = 0.0
    faintest: list[Any] = field(default_factory=list)
    dtype: str = ""
    input: list[int] = field(default_factory=list)
    seconds: float = 0.0


# The processes


class Process:
    """A process that builds and runs models: of the installed package, or of a split one."""

    def __init__(self, package: str, tree: Tree | None) -> None:
        found = (str(tree.root), tree.reasons()) if tree else ("", {})
        self.arguments = (package, *found)
        self.process: Any = None

    def ask(self, *request: str) -> Json:
        """The answer; it has ``error`` if the request failed, the process died or took too long."""
        if self.process is None:
            self._start()
        try:
            self.connection.send(request)
            if self.connection.poll(TIMEOUT):
                return dict(self.connection.recv())
            error = f"it takes more than {TIMEOUT} s"
        except (EOFError, OSError):
            self.process.join()
            error = f"its process died (exit code {self.process.exitcode})"
        self.stop()
        return {"error": error}

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.process = context.Process(target=serve, args=(other, *self.arguments), daemon=True)
        self.process.start()
        other.close()

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.connection.close()
            self.process = None


# The models


def tried(name: str, original: Process, split: Process, scratch: Path) -> Outcome:
    """Run a model as it is installed, then as it is split, and compare."""
    outcome = Outcome(name)
    seen = original.ask("look", name)
    if "error" in seen:
        outcome.status, outcome.reason = "left out", f"cannot be built: {seen['error']}"
        return outcome
    outcome.grouped, outcome.parameters = seen["grouped"], seen["parameters"]
    if not seen["grouped"]:
        return unchanged(outcome, seen["skeleton"], split.ask("look", name))
    if seen["parameters"] > TOO_LARGE:
        outcome.status, outcome.reason = "left out", f"more than {TOO_LARGE:.1e} parameters"
        return outcome
    path = scratch / f"{name}.pt"
    made = original.ask("reference", name, str(path))
    if "error" in made:
        outcome.status, outcome.reason = "left out", f"cannot be run: {made['error']}"
        return outcome
    outcome.dtype, outcome.input, outcome.note = made["dtype"], made["input"], made["note"]
    outcome.faintest, outcome.behind_before = made["faintest"], len(made["behind"])
    found = split.ask("compare", name, str(path))
    path.unlink()
    outcome.left, outcome.difference = found.get("left", []), found.get("difference", 0.0)
    outcome.behind, outcome.norms = found.get("behind", []), found.get("norms", 0)
    outcome.reason = found.get("error") or found.get("reason", "")
    outcome.status = "failed" if outcome.reason else "passed"
    outcome.note = "; ".join(filter(None, (outcome.note, found.get("note", ""))))
    return outcome


def unchanged(outcome: Outcome, expected: list[str], found: Json) -> Outcome:
    """A model without grouped convolutions has the modules and tensors that it had."""
    if "error" in found:
        outcome.reason = f"plain, and cannot be built any more: {found['error']}"
    elif found["skeleton"] != expected:
        new = sorted(set(found["skeleton"]) - set(expected))
        gone = sorted(set(expected) - set(found["skeleton"]))
        outcome.reason = f"plain, and has other modules or keys: {new[:2]} for {gone[:2]}"
    else:
        outcome.status = "plain"
    return outcome


def all_tried(names: Sequence[str], package: str, tree: Tree, jobs: int) -> Iterator[Outcome]:
    """The outcomes of all models, as they come, from ``jobs`` pairs of processes."""
    pairs: SimpleQueue[tuple[Process, Process]] = SimpleQueue()
    for _ in range(jobs):
        pairs.put((Process(package, None), Process(package, tree)))

    def try_one(name: str) -> Outcome:
        original, split = pairs.get()
        start = time.monotonic()
        outcome = tried(name, original, split, Path(scratch))
        outcome.seconds = round(time.monotonic() - start, 1)
        pairs.put((original, split))
        return outcome

    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(jobs) as threads:
        for future in as_completed([threads.submit(try_one, name) for name in names]):
            yield future.result()
    while not pairs.empty():
        for process in pairs.get():
            process.stop()


def model_names(package: str) -> list[str]:
    process = Process(package, None)
    answer = process.ask("names")
    process.stop()
    if "error" in answer:
        raise SystemExit(f"{package} cannot be imported: {answer['error']}")
    return list(answer["names"])


# What is said


def print_tree(package: str, tree: Tree) -> None:
    records = [each for found in tree.records.values() for each in found]
    print(f"{package}: {len(tree.records)} files, {len(records)} sites")
    for status, count in Counter(each.status for each in records).most_common():
        print(f"{count:6} {status}")
        details = Counter(each.detail for each in records if each.status == status)
        for detail, number in details.most_common():
            print(f"{number:12} {detail}")
    print(f"  a second run changes {'nothing' if not tree.faults else 'or refuses:'}")
    for fault in tree.faults:
        print(f"      {fault}")


def print_outcomes(outcomes: list[Outcome], seconds: float) -> None:
    """A table of what became of the models, with each reason once."""
    grouped = [each for each in outcomes if each.grouped]
    ran = [each for each in grouped if each.status in ("passed", "failed")]
    print(f"  {len(outcomes)} models, {len(grouped)} with grouped convolutions")
    for status in ("passed", "failed", "left out", "plain"):
        chosen = [each for each in outcomes if each.status == status]
        print(f"{len(chosen):6} {status}")
        print_groups((each.reason, each.name) for each in chosen if each.reason)
    print_groups((f"{each.status} {each.note}", each.name) for each in ran if each.note)
    for dtype in sorted({each.dtype for each in ran}):
        largest = max((each.difference, each.name) for each in ran if each.dtype == dtype)
        count = sum(each.dtype == dtype for each in ran)
        print(f"  largest relative difference in {dtype}: {largest[0]:.1e} ({largest[1]}; {count})")
    for effect, path, name in sorted((*each.faintest, each.name) for each in ran)[:1]:
        print(f"  the group that matters least is {effect:.1e} of the output: {name} {path}")
    left = [(kind, place, each.name) for each in ran for _, kind, place in each.left]
    total = sum(each.grouped for each in ran)
    print(f"  of {total} grouped convolutions {len(left)} are left")
    print(f"  {sum(each.norms for each in ran)} norms are in branches")
    print(f"  {sum(len(each.behind) for each in ran)} take a concatenation of convolutions")
    print_groups((place, each.name) for each in ran for _, _, place in each.behind)
    print_groups((kind, name) for kind, _, name in left)
    print_groups((place, name) for _, place, name in left)
    print(f"  {seconds:.0f} s")


def print_groups(pairs: Iterator[tuple[str, str]]) -> None:
    """Each reason with how often it is given, for how many models, and three of them."""
    groups: dict[str, list[str]] = {}
    for reason, name in pairs:
        groups.setdefault(reason, []).append(name)
    for reason, names in sorted(groups.items(), key=lambda item: -len(item[1])):
        models = sorted(set(names))
        some = ", ".join(models[:3]) + (", ..." if len(models) > 3 else "")
        print(f"{len(names):12} {reason}\n{'':13}in {len(models)}: {some}")


def write_json(path: Path, tree: Tree, outcomes: list[Outcome]) -> None:
    document = {
        "sites": {
            name: [asdict(each) for each in found] for name, found in tree.records.items() if found
        },
        "faults": tree.faults,
        "models": [asdict(each) for each in outcomes],
    }
    path.write_text(json.dumps(document, indent=1), encoding="utf-8")


def sweep(package: str, root: Path, arguments: argparse.Namespace) -> bool:
    """Split one package and try its models; whether nothing failed."""
    options = Options(style=arguments.style)
    start = time.monotonic()
    if arguments.tree:
        tree = Tree(arguments.tree.resolve())
    else:
        tree = split_tree(installed_directory(package), root, options)
    split_again(tree, package, options)
    print_tree(package, tree)
    names = [name for name in model_names(package) if fnmatch(name, arguments.only)]
    outcomes = []
    for outcome in all_tried(names, package, tree, arguments.jobs):
        outcomes.append(outcome)
        if outcome.status != "plain":
            print(
                f"[{len(outcomes)}/{len(names)}] {outcome.name}: {outcome.status}",
                outcome.reason,
                file=sys.stderr,
                flush=True,
            )
    outcomes.sort(key=lambda each: each.name)
    print_outcomes(outcomes, time.monotonic() - start)
    if arguments.output:
        write_json(root / f"{package}.json", tree, outcomes)
    return not tree.faults and all(each.status != "failed" for each in outcomes)


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("packages", nargs="+", choices=PACKAGES)
    parser.add_argument("--only", default="*", metavar="PATTERN", help="of the models' names")
    parser.add_argument("--jobs", type=int, default=2, help="models at a time (default: 2)")
    parser.add_argument("--style", choices=STYLES, default="auto")
    parser.add_argument("--output", type=Path, metavar="DIR", help="keep trees and results here")
    parser.add_argument("--tree", type=Path, metavar="DIR", help="trees that are split already")
    return parser.parse_args()


def main() -> int:
    arguments = parsed_arguments()
    with tempfile.TemporaryDirectory() as scratch:
        root = (arguments.output or Path(scratch)).resolve()
        root.mkdir(parents=True, exist_ok=True)
        passed = [sweep(package, root, arguments) for package in arguments.packages]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
