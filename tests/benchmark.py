"""How long gencode takes over a tree of sources, relative to parsing them with ast.

Usage: python tests/benchmark.py [DIRECTORY ...]; by default the models of timm, if installed.
"""

from __future__ import annotations

import ast
import statistics
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from gencode import Options, split_source
from gencode.command import batch
from gencode.command.jobs import Job
from gencode.rewriting.formatting import formatted


def seconds(action: Callable[[str], object], texts: list[str]) -> float:
    """The median of five runs over all texts."""
    taken = []
    for _ in range(5):
        formatted.cache_clear()
        start = time.process_time()
        for text in texts:
            action(text)
        taken.append(time.process_time() - start)
    return statistics.median(taken)


def elapsed(paths: list[Path], processes: int) -> float:
    """The median of three runs over all files, as the command splits them."""
    batch._processors = lambda: processes
    jobs = [Job("source", str(path), "itself", path) for path in paths]
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        for _ in batch.split_all(jobs, only_list=False):
            pass
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def directories() -> list[Path]:
    if sys.argv[1:]:
        return [Path(each) for each in sys.argv[1:]]
    found = find_spec("timm")
    if found is None or found.origin is None:
        raise SystemExit("timm is not installed: name a directory")
    return [Path(found.origin).parent / "models"]


def main() -> None:
    paths = [path for each in directories() for path in sorted(each.rglob("*.py"))]
    texts = [path.read_text(encoding="utf-8") for path in paths]
    parsing = seconds(ast.parse, texts)
    size = sum(map(len, texts)) / 1e6
    print(f"{len(texts)} files, {size:.1f} MB; ast.parse {parsing:.2f} s = 1")
    print(f"split_source            {seconds(split_source, texts) / parsing:.2f} x ast.parse")
    grouped = [text for text in texts if split_source(text).records]
    if grouped:
        ratio = seconds(split_source, grouped) / seconds(ast.parse, grouped)
        print(f"  files with records    {ratio:.2f} x ast.parse ({len(grouped)} files)")
    for processes in (1, 2):
        taken = elapsed(paths, processes)
        print(f"  in {processes} of the processes  {taken / parsing:.2f} x ast.parse, elapsed")
    lines = 40
    source = (
        "import torch\nfrom torch import nn\n\n\nclass Net(nn.Module):\n    def __init__(self):\n"
    )
    for number in range(lines):
        source += f"        self.conv{number} = nn.Conv2d(64, 64, 3, groups=4)\n"
    source += "\n    def forward(self, x):\n"
    for number in range(lines):
        source += f"        x = torch.relu(self.conv{number}(x))\n"
    split_source(source)  # imports libcst, jinja2 and black
    for options in (Options(), Options(style="loop")):
        taken = seconds(lambda text, options=options: split_source(text, options), [source])
        each = taken / lines * 1000
        print(f"one split convolution and its call, {options.style:8}  {each:.1f} ms")


if __name__ == "__main__":
    main()
