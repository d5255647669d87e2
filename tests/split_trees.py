"""Split all sources of a package into a tree: one by one, or as a whole by the command."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from gencode import Options, Record, SourceError, split_source
from gencode.files import decoded, read_bytes

Site = tuple[str, int]  # a path below the package's directory, and a line
Records = dict[str, tuple[Record, ...]]  # by the path below the package's directory


@dataclass
class Tree:
    """A split package.

    Attributes:
        root: the directory that holds the package's.
        records: of its first run.
        again: of a run over what was written.
        faults: the files that could not be split, or changed in the second run, and how.
        said: by the command, of what it had written, where that has split it.
    """

    root: Path
    records: Records = field(default_factory=dict)
    again: Records = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    said: dict[Site, str] = field(default_factory=dict)

    def reasons(self) -> dict[Site, str]:
        """Why the sites of what was written are left."""
        found = {
            (name, each.line): each.detail
            for name, records in self.again.items()
            for each in records
        }
        return found | self.said


def split_tree(package_dir: Path, out: Path, options: Options) -> Tree:
    """Split all sources of a package into ``out``, and copy what else it has."""
    tree = Tree(out)
    target = out / package_dir.name
    shutil.copytree(package_dir, target, ignore=shutil.ignore_patterns("__pycache__"))
    for path in sorted(target.rglob("*.py")):
        name = path.relative_to(target).as_posix()
        source = decoded(read_bytes(str(path)))
        try:
            result = split_source(source.text, options)
        except SourceError as error:
            tree.faults.append(f"{name}:{error.line}: {error.message}")
            continue
        tree.records[name] = result.records
        if result.text is not source.text:
            path.write_bytes(source.encoded(result.text))
    return tree


def split_again(tree: Tree, package: str, options: Options) -> None:
    """Split what was written once more: nothing may change."""
    directory = tree.root / package
    for path in sorted(directory.rglob("*.py")):
        name = path.relative_to(directory).as_posix()
        source = decoded(read_bytes(str(path)))
        try:
            result = split_source(source.text, options)
        except SourceError as error:
            tree.faults.append(f"{name}:{error.line}: what was written: {error.message}")
            continue
        tree.again[name] = result.records
        if result.text != source.text:
            tree.faults.append(f"{name}: a second run changes it")


def split_by_command(package_dir: Path, out: Path, *options: str) -> Tree:
    """Copy a package into ``out``, split it there with the command, and ask for what is left.

    Raises:
        SystemExit: the command has failed.
    """
    target = out / package_dir.name
    shutil.copytree(package_dir, target, ignore=shutil.ignore_patterns("__pycache__"))
    run_command("-i", str(target), *options)
    changes, said = run_command("--diff", str(target), *options)
    tree = Tree(out, faults=[f"a second run changes it:\n{changes}"] if changes else [])
    for line in said.splitlines():
        found = re.match(r"(.+?\.py):(\d+):\d+: (.*)", line)
        if found:
            path, number, message = found.groups()
            tree.said[Path(path).relative_to(target).as_posix(), int(number)] = message
    return tree


def run_command(*arguments: str) -> tuple[str, str]:
    """What the command says to standard output and error; it may leave something (status 3)."""
    command = [sys.executable, "-m", "gencode", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(done.stderr)
    return done.stdout, done.stderr
