"""What a terminal shows: the same as plain text, in columns and few colours."""

from __future__ import annotations

import io
import os
import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("rich")

from gencode.command import main, terminal
from gencode.command.formats import Said
from sources import BOTH, BROKEN, GROUPED, write

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Tty(io.TextIOWrapper):
    """A terminal that remembers."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), "utf-8", newline="")

    def isatty(self) -> bool:
        return True

    @property
    def seen(self) -> str:
        self.flush()
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode()


@pytest.fixture(autouse=True)
def on_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)


def watched(monkeypatch: pytest.MonkeyPatch) -> Tty:
    """A terminal in the place of both streams; a fixture's would be replaced by pytest's own."""
    made = Tty()
    monkeypatch.setattr(sys, "stderr", made)
    monkeypatch.setattr(sys, "stdout", made)
    return made


def rows(shown: str) -> list[list[str]]:
    """The columns of each line, without colours."""
    return [re.split(r"  +", line.strip()) for line in ESCAPE.sub("", shown).splitlines()]


def test_places_are_in_columns_below_the_name_of_their_file(monkeypatch) -> None:
    tty = watched(monkeypatch)
    write({"net.py": BOTH})
    assert main(["-i", "net.py"]) == 3
    found = rows(tty.seen)
    assert found[0] == ["net.py"]
    split = ["9:21", "split", "Net.conv", "into 2 Conv2d of 8 -> 16 channels (explicit)"]
    assert found[1] == split
    assert found[2][:3] == ["10:22", "not split", "Net.other"]
    assert found[-1] == ["net.py: grouped convolutions: 1 split, 1 not split"]
    assert "\x1b[32msplit" in tty.seen and "\x1b[1;31mnot split" in tty.seen
    assert all(len(ESCAPE.sub("", each)) <= 80 for each in tty.seen.splitlines())


def test_a_list_is_a_table_only_where_standard_output_is_a_terminal(
    monkeypatch,
) -> None:
    tty = watched(monkeypatch)
    write({"net.py": GROUPED})
    main(["--list", "net.py"])
    assert rows(tty.seen)[1][1] == "to be split"
    monkeypatch.setattr(sys, "stdout", plain := io.TextIOWrapper(io.BytesIO()))
    main(["--list", "net.py"])
    assert isinstance(plain.buffer, io.BytesIO)
    line = b"net.py:9:21: Net.conv to be split into 2 Conv2d of 8 -> 16 channels (explicit)\n"
    assert plain.buffer.getvalue() == line


@pytest.mark.parametrize("why", ["dumb", "no rich", "github"])
def test_plain_text_elsewhere(why: str, monkeypatch) -> None:
    tty = watched(monkeypatch)
    write({"net.py": GROUPED})
    if why == "dumb":
        monkeypatch.setenv("TERM", "dumb")
    elif why == "no rich":
        monkeypatch.setattr(terminal, "is_installed", lambda _: False)
    main(["-i", "net.py", *(["--format", "github"] if why == "github" else [])])
    assert "net.py:9:21: Net.conv split into" in tty.seen and "\x1b" not in tty.seen


def test_without_colours_there_are_columns(monkeypatch) -> None:
    tty = watched(monkeypatch)
    monkeypatch.setenv("NO_COLOR", "1")
    write({"net.py": BOTH})
    main(["-i", "net.py"])
    assert "\x1b" not in tty.seen and rows(tty.seen)[1][:2] == ["9:21", "split"]
    with terminal.waiting("running Net"):
        pass
    assert "running" not in tty.seen


def test_an_error_has_its_line_and_what_hides_is_seen(monkeypatch) -> None:
    tty = watched(monkeypatch)
    name = "[red]a\x1b[31m\n.py"
    write({name: BROKEN, "b.py": GROUPED.replace("conv", "conv_éß")})
    assert main(["--check", name, "b.py"]) == 123
    assert r"[red]a\x1b[31m\n.py:2:20: " in ESCAPE.sub("", tty.seen)
    assert "    class Net(nn.Module:" in tty.seen and "\x1b[1;31m" in tty.seen


def test_names_that_look_like_markup_are_shown(monkeypatch) -> None:
    tty = watched(monkeypatch)
    said = Said(
        "record", "", "[b].py", 3, 1, columns=("split", "Net.[bold]x[/bold] :smile:", "[red]c")
    )
    terminal.Terminal(tty, lists=False).say(said)
    assert rows(tty.seen) == [["[b].py"], ["3:1", "split", "Net.[bold]x[/bold] :smile:", "[red]c"]]


def test_what_is_said_besides_has_no_colour(monkeypatch) -> None:
    tty = watched(monkeypatch)
    voice = terminal.Terminal(tty, lists=False)
    voice.say(Said("proof", "proved", "a.py", data=1), Said("proof", "a note", "a.py"))
    voice.say(Said("summary", "PIT: fine"), Said("summary", "one", "a.py"))
    voice.say(Said("warning", "mind", "a.py", level="warning"))
    lines = tty.seen.splitlines()
    assert lines[0].startswith("\x1b[32ma.py: proved") and lines[1:3] == [
        "a.py: a note",
        "PIT: fine",
    ]
    assert lines[3].startswith("\x1b[1m") and lines[4].startswith("\x1b[33m")


def test_as_wide_as_the_terminal(monkeypatch) -> None:
    long = Said("record", "", "net.py", 3, 1, columns=("split", "Net.conv", "word " * 40))
    ours, theirs = os.openpty()
    try:
        import fcntl
        import struct
        import termios

        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 60, 0, 0))
        with open(theirs, "w", closefd=False) as stream:
            shown = terminal.Terminal(stream, lists=False)._text([long], stream)
    finally:
        os.close(ours)
        os.close(theirs)
    widths = [len(ESCAPE.sub("", each)) for each in shown.splitlines()]
    assert 50 < max(widths) <= 60 and len(widths) > 4


def test_nobody_listens(monkeypatch) -> None:
    voice = terminal.Terminal(None, lists=False)
    voice.say(Said("summary", "one"))
    assert not terminal.is_terminal(None)


def test_that_it_goes_on_is_shown_and_taken_away(monkeypatch) -> None:
    tty = watched(monkeypatch)
    with terminal.waiting("running [b]Net"):
        pass
    assert "running [b]Net" in tty.seen and tty.seen.rstrip().endswith("\x1b[2K")
