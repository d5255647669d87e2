"""Many files: in processes, with a progress bar, and ended by a signal."""

from __future__ import annotations

import io
import multiprocessing
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import pytest

import gencode
from gencode import Options
from gencode.command import main
from gencode.command.batch import split_all
from gencode.command.delivery import Writing
from gencode.command.extras import is_installed
from gencode.command.jobs import JobMaker
from gencode.command.progress import above_progress, progress
from gencode.command.signals import ended_in_order, leave_interrupts_to_the_parent
from gencode.settings import Settings
from sources import BOTH, BROKEN, GROUPED, LEFT, PLAIN, SPLIT, on_disk, text, write

FORKS = pytest.mark.skipif(
    multiprocessing.get_start_method() != "fork", reason="processes do not see what is patched"
)


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes for the smallest of files."""
    monkeypatch.setattr("gencode.command.batch._WORTHWHILE", 0)
    monkeypatch.setattr("gencode.command.batch._processors", lambda: 2)


FILES = {
    "a.py": GROUPED,
    "b.py": BOTH,
    "c.py": BROKEN,
    "d.py": b"x = '\xff'\n",
    "e.py": PLAIN,
    "f/a.py": GROUPED,
    "f/b.py": LEFT,
    "g.txt": "g",
    "h.py": "",
    **{f"i/{number:02}.py": GROUPED for number in range(20)},
}


def test_processes_do_the_same_in_the_same_order(processes, monkeypatch, capsys) -> None:
    write(FILES, "models")
    commands = [["models", "-o", "out"], ["--diff", "--check", "models"], ["--list", "models"]]
    commands += [["-i", "models/f", "models", "missing.py"]]
    done = []
    for count in (2, 1):
        monkeypatch.setattr("gencode.command.batch._processors", lambda count=count: count)
        write(FILES, "models")
        done.append([])
        for command in commands:
            done[-1] += [main(command), capsys.readouterr(), on_disk()]
            assert multiprocessing.active_children() == []
    assert done[0] == done[1]
    assert done[0][0] == 123


def test_standard_input_is_read_by_this_process(processes, monkeypatch, capsys) -> None:
    write(dict.fromkeys(FILES, PLAIN), "models")
    for source in ("-", "/dev/stdin"):
        done = subprocess.run(
            [sys.executable, "-c", SLOW.format(processes=2), "--list", "--check", source, "models"],
            input=GROUPED.encode(),
            capture_output=True,
        )
        assert done.returncode == 1
        assert b"Net.conv to be split" in done.stdout


def test_processes_are_for_many_files_only(monkeypatch) -> None:
    monkeypatch.setattr(
        "gencode.command.batch._in_processes", lambda *_: pytest.fail("in processes")
    )
    write({"a.py": GROUPED, "b.py": GROUPED})
    assert main(["-i", "a.py", "b.py"]) == 0
    write({"a.py": GROUPED + "#" * 2_000_000})
    assert main(["a.py"]) == 0
    monkeypatch.setattr("gencode.command.batch._processors", lambda: 1)
    assert main(["-i", "a.py", "b.py"]) == 0


def test_the_processors_are_those_that_may_be_used(monkeypatch) -> None:
    from gencode.command.batch import _processors

    assert _processors() >= 1
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 7}, raising=False)
    assert _processors() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 9)
    assert _processors() == 9
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert _processors() == 1


def test_a_faulty_template_ends_all_processes(processes, capsys) -> None:
    write({f"{number}.py": GROUPED for number in range(40)}, "models")
    write({"mine/explicit.py.jinja": "{%"})
    was = on_disk()
    assert main(["-i", "models", "--templates", "mine"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("gencode: template explicit.py.jinja line 1: ") and err.count("\n") == 1
    assert multiprocessing.active_children() == []
    assert on_disk() == was


def test_a_fault_of_ours_is_said_and_the_others_go_on(monkeypatch, capsys) -> None:
    write({"a.py": GROUPED, "b.py": GROUPED + "# odd\n", "c.py": GROUPED})
    original = gencode.split_source

    def faulty(source: str, options: Options, location: object) -> gencode.Result:
        if "# odd" in source:
            raise KeyError("odd")
        return original(source, options)

    monkeypatch.setattr("gencode.file_split.split_source", faulty)
    assert main(["-i", "."]) == 123
    assert (
        "b.py: is left as it is, by a fault of gencode: KeyError: 'odd'" in capsys.readouterr().err
    )
    assert (text("a.py"), text("b.py"), text("c.py")) == (SPLIT, GROUPED + "# odd\n", SPLIT)


@FORKS
def test_a_process_that_ends_abruptly(processes, monkeypatch, capsys) -> None:
    write({f"{number:02}.py": GROUPED for number in range(30)}, "models")
    write({"models/15.py": GROUPED + "# the end\n"})
    original = gencode.split_source

    def dying(source: str, options: Options, location: object) -> gencode.Result:
        if "# the end" in source:
            os._exit(9)
        return original(source, options)

    monkeypatch.setattr("gencode.file_split.split_source", dying)
    assert main(["-i", "models"]) == 123
    said = capsys.readouterr().err.splitlines()
    failed = [each.partition(":")[0] for each in said if " is not split: a process that " in each]
    assert "models/15.py" in failed
    for number in range(30):
        name = f"models/{number:02}.py"
        assert (text(name) == SPLIT) is (name not in failed)
    assert len(said) == 31
    assert multiprocessing.active_children() == []


@FORKS
@pytest.mark.parametrize(("count", "is_broken"), [(1, False), (2, False), (2, True)])
def test_all_that_is_split_can_be_taken(
    count: int, is_broken: bool, processes, monkeypatch
) -> None:
    monkeypatch.setattr("gencode.command.batch._processors", lambda: count)
    write({"a.py": GROUPED, "b.py": PLAIN, "c.py": BROKEN})
    if is_broken:
        monkeypatch.setattr("gencode.file_split.split_source", lambda *_: os._exit(9))
    jobs = JobMaker(Settings({}), in_place=True).of_sources(["a.py", "b.py", "c.py"], None)
    kinds = [type(each) for each in split_all(jobs, only_list=False)]
    if is_broken:
        assert kinds == [gencode.FileError] * 3
    else:
        assert kinds == [gencode.FileSplit, gencode.FileSplit, gencode.SourceError]


@FORKS
def test_no_more_is_split_once_a_run_has_ended(processes, monkeypatch) -> None:
    write({f"{number:02}.py": GROUPED for number in range(60)}, "models")
    original, delivered = Writing.source, []

    def interrupted(self: Writing, *arguments: object) -> object:
        delivered.append(arguments)
        if len(delivered) == 3:
            sys.exit(143)
        return original(self, *arguments)

    def noting(source: str, options: Options, location: object) -> gencode.Result:
        with Path("split").open("a", encoding="utf-8") as file:
            file.write("x")
        return split(source, options)

    split = gencode.split_source
    monkeypatch.setattr("gencode.file_split.split_source", noting)
    monkeypatch.setattr(Writing, "source", interrupted)
    with pytest.raises(SystemExit) as caught:  # which keeps all frames, as that of a signal does
        main(["models", "-o", "out"])
    assert multiprocessing.active_children() == []
    assert caught.value.code == 143
    assert len(text("split")) < 60
    assert len([*Path("out").iterdir()]) == 2


# Signals

SLOW = """
import sys, time
import gencode.command.batch, gencode.file_split
from gencode.command import main

def slow(*arguments):
    time.sleep(0.05)
    return original(*arguments)

original, gencode.file_split.split_source = gencode.file_split.split_source, slow
gencode.command.batch._WORTHWHILE = 0
gencode.command.batch._processors = lambda: {processes}
sys.exit(main(sys.argv[1:]))
"""

# What the tests themselves were started with, as by nohup or in the background, is inherited.
HEARD = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
"""


def children(process: int) -> set[int]:
    try:
        found = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="utf-8")
    except OSError:
        return set()
    return {int(each) for each in found.split()}


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").split()[2] != "Z"
    except OSError:
        return False


def until(condition: Callable[[], object]) -> None:
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("nothing happens")


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize(
    ("number", "to_all", "status"),
    [
        (signal.SIGINT, True, 130),  # as a terminal sends it
        (signal.SIGINT, False, 130),
        (signal.SIGTERM, False, 143),
        (signal.SIGTERM, True, 143),
        (signal.SIGHUP, True, 129),
    ],
)
def test_a_signal_in_the_middle(number: int, to_all: bool, status: int, processes: int) -> None:
    names = [f"models/{number:03}.py" for number in range(150)]
    write(dict.fromkeys(names, GROUPED))
    run = subprocess.Popen(
        [sys.executable, "-c", HEARD + SLOW.format(processes=processes), "models", "-o", "out"],
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    until(lambda: Path("out/005.py").exists())
    workers = children(run.pid)
    (os.killpg if to_all else os.kill)(run.pid, number)
    _, err = run.communicate()
    assert run.returncode == status
    until(lambda: not any(map(is_running, workers)))
    assert len(workers) == (2 if processes == 2 and Path("/proc/self/task").exists() else 0)

    said = err.decode().splitlines()
    line = re.compile(r"models/\d+\.py:9:21: Net.conv split into 2 Conv2d of 8 -> 16 channels .*")
    assert [each for each in said if not line.fullmatch(each)] == []
    done = sorted(Path("out").iterdir())
    assert {text(str(each)).partition("\n")[2] for each in done} == {SPLIT}
    assert {each.name for each in done} < {Path(name).name for name in names}


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_is_ignored_from_the_start(number: int, processes: int) -> None:
    names = [f"models/{number:03}.py" for number in range(20)]
    write(dict.fromkeys(names, GROUPED))
    ignored = f"import signal\nsignal.signal({number}, signal.SIG_IGN)\n"
    run = subprocess.Popen(
        [sys.executable, "-c", ignored + SLOW.format(processes=processes), "-i", "models"],
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    until(lambda: text(names[2]) == SPLIT)
    os.killpg(run.pid, number)
    _, err = run.communicate()
    assert run.returncode == 0, err
    assert {text(name) for name in names} == {SPLIT}


@pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda *_: None])
def test_a_signal_that_is_ignored_or_handled_stays_so(handler: object, monkeypatch) -> None:
    before = signal.signal(signal.SIGHUP, handler)
    try:
        with ended_in_order():
            assert signal.getsignal(signal.SIGHUP) is handler
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
            with pytest.raises(SystemExit) as caught:
                signal.raise_signal(signal.SIGTERM)
            assert caught.value.code == 128 + signal.SIGTERM
        assert signal.getsignal(signal.SIGHUP) is handler
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_signals_of_a_worker() -> None:
    before = signal.getsignal(signal.SIGINT)
    hang_up = signal.getsignal(signal.SIGHUP)
    try:
        with ended_in_order():
            leave_interrupts_to_the_parent()
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        leave_interrupts_to_the_parent()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
        signal.signal(signal.SIGHUP, hang_up)


def test_a_thread_that_cannot_handle_signals() -> None:
    write({"a.py": GROUPED})
    done: list[int] = []
    thread = threading.Thread(target=lambda: done.append(main(["-i", "a.py"])))
    thread.start()
    thread.join()
    assert done == [0] and text("a.py") == SPLIT


def test_a_signal_once_a_file_is_in_its_place(monkeypatch) -> None:
    write({"a.py": GROUPED, "b.py": GROUPED})
    original = Path.replace

    def ended(source: Path, target: Path) -> None:
        original(source, target)
        raise SystemExit(143)

    monkeypatch.setattr(Path, "replace", ended)
    with pytest.raises(SystemExit):
        main(["-i", "a.py", "b.py"])
    assert {name: text(name) for name in sorted(on_disk())} == {"a.py": SPLIT, "b.py": GROUPED}


# Progress

BAR = re.compile(r"\d+%\|[^|]*\| *\d+/40 ")


@pytest.mark.parametrize("processes", [1, 2])
def test_progress_on_a_terminal(processes: int) -> None:
    pty = pytest.importorskip("pty")
    termios, fcntl = pytest.importorskip("termios"), pytest.importorskip("fcntl")
    names = [f"models/{number:02}.py" for number in range(40)]
    write(dict.fromkeys(names, GROUPED))
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, b"\x18\0\x64\0\0\0\0\0")  # 24 lines of 100 columns
    code = SLOW.format(processes=processes).replace("0.05", f"{processes / 20}")
    run = subprocess.Popen(
        [sys.executable, "-c", code, "-i", "models"], stderr=theirs, stdout=subprocess.PIPE
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            shown += os.read(ours, 4096)
        except OSError:  # all is read
            break
    os.close(ours)
    out, _ = run.communicate()
    assert (run.returncode, out) == (0, b"")
    screen = shown.decode()
    assert BAR.search(screen)
    # What is left once the cursor has gone back over a line, without colours and columns.
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in screen.split("\n")]
    left = [" ".join(re.sub(r"\x1b\[[\d;]*m", "", line).split()) for line in lines]
    how = "into 2 Conv2d of 8 -> 16 channels (explicit)"
    said = [[f"{name}:9:21: Net.conv split {how}"] for name in names]
    if is_installed("rich"):
        said = [[name, f"9:21 split Net.conv {how}"] for name in names]
    summary = "models: files: 40 split; grouped convolutions: 40 split"
    assert left == [*chain.from_iterable(said), summary, ""]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_above_what_is_written(monkeypatch) -> None:
    monkeypatch.setattr("gencode.command.progress._SECONDS", 0)
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress(40) as advance:
        advance()
        with above_progress():
            sys.stderr.write("a message\n")
        for _ in range(39):
            advance()
    screen = sys.stderr.getvalue()
    assert BAR.search(screen)
    lines = screen.split("\n")
    assert lines[0].rpartition("\r")[2] == "a message"
    assert lines[-1].endswith("\r") and len(lines) == 2
    with above_progress():  # when there is none any more
        sys.stderr.write("more\n")
    assert sys.stderr.getvalue() == f"{screen}more\n"


def test_what_is_written_where_there_was_never_a_bar(monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, "tqdm", raising=False)
    with above_progress():
        assert "tqdm" not in sys.modules


@pytest.mark.parametrize("stream", [None, io.StringIO(), Terminal()])
def test_no_progress(stream: io.StringIO | None, monkeypatch) -> None:
    monkeypatch.setattr("gencode.command.progress._SECONDS", 0)
    monkeypatch.setattr(sys, "stderr", stream)
    with progress(1 if isinstance(stream, Terminal) else 40) as advance:
        advance()
    assert stream is None or stream.getvalue() == ""


def test_what_goes_between_processes_can() -> None:
    error = gencode.FileError("cannot be read", "a.py")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.path) == ("cannot be read", "a.py")
    wrong = gencode.SourceError("is wrong", 3, 4, "x = ")
    again = pickle.loads(pickle.dumps(wrong))
    assert (again.message, again.line, again.column, again.source_line, str(again)) == (
        *("is wrong", 3, 4, "x = ", "is wrong"),
    )
    assert str(pickle.loads(pickle.dumps(gencode.TemplateError("is faulty")))) == "is faulty"
    assert str(pickle.loads(pickle.dumps(gencode.ConfigError("is faulty")))) == "is faulty"
    write({"a.py": BOTH})
    result = gencode.split_file("a.py", "b.py")
    assert pickle.loads(pickle.dumps(result)) == result
    options = Options(style="loop", templates=Path("a"), black={"line-length": 3})
    assert pickle.loads(pickle.dumps(options)) == options
