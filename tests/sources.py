"""Sources that tests of the command are about, and what is on the disk."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

import gencode
from cases import CONV, model

GROUPED = model(CONV)
SPLIT = gencode.split_source(GROUPED).text
PLAIN = "import torch\n"
LEFT = model("self.other = F.conv2d(x, w, groups=2)")
BOTH = model(CONV + "\nself.other = F.conv2d(x, w, groups=2)")
BROKEN = "import torch.nn as nn\nclass Net(nn.Module:\n    pass\n"


def write(files: dict[str, str | bytes], root: str = ".") -> None:
    """Write files, in directories that are made for them."""
    for name, text in files.items():
        path = Path(root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())


def text(path: str) -> str:
    """What is in a file, with its line ends."""
    return Path(path).read_bytes().decode()


def deny(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """No file of that name can be opened that was found and not typed: not by root either."""
    original = os.open

    def denied(path: object, *arguments: object, **more: object) -> int:
        if Path(str(path)).name == name:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return original(path, *arguments, **more)

    monkeypatch.setattr(os, "open", denied)


def on_disk(root: str = ".") -> dict[str, object]:
    """All that is below a directory: what is in files, what links point to, and the modes."""
    found: dict[str, object] = {}
    for each in sorted(Path(root).rglob("*")):
        name = each.relative_to(root).as_posix()
        if each.is_symlink():
            found[name] = each.readlink()
        elif each.is_file():
            found[name] = each.read_bytes(), stat.S_IMODE(each.stat().st_mode)
        else:
            found[name] = None
    return found
