"""Kill runs over a tree at random moments: ``python tests/kills.py 200``.

Each file must then be the old or the new one, whole, and the next run must leave nothing behind of
what the killed one left. Half of the runs are slow where they write, so that many are killed there.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from gencode import temporaries
from gencode.command import main
from sources import GROUPED, PLAIN, on_disk, write

FILES: dict[str, str | bytes] = {
    **{f"{name}.py": GROUPED for name in ("a", "b", "sub/c", "sub/deep/d")},
    **{f"data/{number}": bytes([number]) * 40_000 for number in range(6)},
    "plain.py": PLAIN,
}


def tree() -> None:
    """Sources, and an output that is there already: with old files, links and directories."""
    write(FILES, "models")
    Path("models/link").symlink_to("a.py")
    Path("models/folder").symlink_to("sub")
    write({name: "old" for name in FILES if not name.startswith("sub/deep")}, "out")
    write({"link": "old"}, "out")
    Path("out/folder").symlink_to("elsewhere")
    Path("out/sub/deep").symlink_to("elsewhere")


def slowly() -> None:
    """Have this process be slow where it writes, and half of the time have files names at once."""

    def copy(source, target) -> None:
        while data := source.read(4_000):
            target.write(data)
            target.flush()
            time.sleep(0.005)

    def waiting(original):
        def done(*arguments, **more):
            time.sleep(0.02)
            result = original(*arguments, **more)
            time.sleep(0.02)
            return result

        return done

    shutil.copyfileobj = copy
    for name in ("replace", "unlink", "mkdir", "rename", "symlink_to"):
        setattr(Path, name, waiting(getattr(Path, name)))
    if random.random() < 0.5:
        temporaries._NAMELESS = 0


def started(arguments: list[str], is_slow: bool) -> int:
    """A process that runs the command, of which all is imported already."""
    process = os.fork()
    if process == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        if is_slow:
            slowly()
        os._exit(main(arguments))
    return process


def waited_for(process: int) -> float:
    start = time.monotonic()
    _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) == 0, status
    return time.monotonic() - start


def killed(arguments: list[str], seconds: float, is_slow: bool) -> bool:
    process = started(arguments, is_slow)
    time.sleep(seconds)
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    return os.WIFSIGNALED(status)


def try_kills(arguments: list[str], written: str, count: int) -> str:
    """Kill that many runs, each over a tree of its own; what there is to say of it."""
    took = []
    for is_slow in (False, True):
        before = fresh(written)
        took.append(waited_for(started(arguments, is_slow)))
    after = on_disk(written)
    middle = left = 0
    for number in range(count):
        fresh(written)
        is_slow = number % 2 == 1
        is_killed = killed(arguments, random.uniform(0, took[is_slow]), is_slow)
        found = on_disk(written)
        whole = {name: each for name, each in found.items() if not is_left(name)}
        check(before, whole, after)
        middle += is_killed and found not in (before, after)
        left += whole != found
        waited_for(started(arguments, False))
        assert on_disk(written) == after, on_disk(written).keys() ^ after.keys()
    return (
        f"{count} kills, {middle} in the middle, {left} left something; none torn, none left then"
    )


def is_left(name: str) -> bool:
    return any(map(temporaries.is_temporary, Path(name).parts))


def check(before: dict[str, object], found: dict[str, object], after: dict[str, object]) -> None:
    """See that all that is found is as it was, or as it is to be."""
    for name, each in found.items():
        assert each in [whole[name] for whole in (before, after) if name in whole], name
    # Where a directory takes the place of a link there is a moment without either.
    assert before.keys() - found.keys() <= {"sub/deep"}


def fresh(written: str) -> dict[str, object]:
    for each in ("models", "out"):
        shutil.rmtree(each, ignore_errors=True)
    tree()
    return on_disk(written)


if __name__ == "__main__":
    random.seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        half = int(sys.argv[1]) // 2
        print("-i:", try_kills(["-i", "models"], "models", half), flush=True)
        print("-o:", try_kills(["models", "-o", "out"], "out", half), flush=True)
        os.chdir("/")
