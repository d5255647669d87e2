"""Norms that an object is given together with the convolution that it applies before them."""

from __future__ import annotations

import pytest

from sources import write

torch = pytest.importorskip("torch")

from norms import check, notes  # noqa: E402

from gencode import Options, split_source  # noqa: E402
from gencode.file_split import split_path  # noqa: E402

BLOCK = """
class Block(nn.Module):
    def __init__(self, conv, norm=None):
        super().__init__()
        self.conv = conv
        self.norm = norm

    def forward(self, x):
        x = self.conv(x)
        if self.norm is not None:
            x = self.norm(x)
        return x.relu()
"""
MAKE = """
def make(groups=2, norm=nn.BatchNorm2d):
    conv = nn.Conv2d(16, 32, 3, groups=groups)
    norm = norm(32) if norm else None
    return Block(conv, norm)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = make()

    def forward(self, x):
        return self.block(x)
"""
HEAD = "import torch\nimport torch.nn as nn\n"
KEEPING = """
def keep(self, given):
    for name, value in given.items():
        if name != "self":
            setattr(self, name, value)
"""


def source(block: str = BLOCK, make: str = MAKE) -> str:
    return f"{HEAD}\n{block}\n{make}"


SEQUENCE = MAKE.replace("norm(32) if norm else None", "nn.Sequential(norm(32), nn.ReLU())")
MOVES = {
    "as attributes": (source(), {16}),
    "by locals": (
        KEEPING + BLOCK.replace("self.conv = conv\n        self.norm = norm", "keep(self, vars())"),
        {16},
    ),
    "by name": (
        source(make=MAKE.replace("Block(conv, norm)", "Block(norm=norm, conv=conv)")),
        {16},
    ),
    "without one": (source(make=MAKE.replace("norm=nn.BatchNorm2d", "norm=None")), set()),
    "always": (
        source(BLOCK.replace("        if self.norm is not None:\n    ", ""), MAKE),
        {16},
    ),
    "the first of a sequence": (source(make=SEQUENCE), {16}),
    "no norm in the sequence": (
        source(make=SEQUENCE.replace("norm(32)", "norm(32) if groups > 2 else nn.Identity()")),
        set(),
    ),
    "asked whether it is there": (
        source(BLOCK.replace("x = self.conv(x)", "assert self.norm\n        x = self.conv(x)")),
        {16},
    ),
    "a class that is not known": (
        source(
            make=MAKE.replace("groups=2,", "groups=2, kind=nn.Conv2d,").replace(
                "conv = nn.Conv2d", "conv = kind"
            )
        ),
        {16},
    ),
}
MOVES["by locals"] = f"{HEAD}{MOVES['by locals'][0]}{MAKE}", {16}


@pytest.mark.parametrize("form", MOVES)
def test_moves(form: str) -> None:
    text, expected = MOVES[form]
    result = check(text, expected, "built")
    assert "norm = split_conv_norm(conv, norm)" in result.text or "norm[0]" in result.text
    assert not result.warnings


def changed(old: str, new: str, block: str = BLOCK, make: str = MAKE) -> str:
    assert old in block + make
    return source(block.replace(old, new), make.replace(old, new))


RETURN = "    return Block(conv, norm)\n"
STAYS = {
    "applied before": changed("x = self.conv(x)", "x = self.conv(self.norm(x)) if x.dim() else x"),
    "applied to something else too": changed("x.relu()", "x + self.norm(x)"),
    "the output has another use": changed("x.relu()", "self.conv(x)[:, :1]"),
    "not always": changed("self.norm is not None", "self.training"),
    "another one else": changed(
        "        return x.r", "        else:\n            x = x + 1\n        return x.r"
    ),
    "kept elsewhere": changed(
        RETURN, f"    KEPT.append(norm)\n{RETURN}", make="KEPT = []\n" + MAKE
    ),
    "the convolution is kept elsewhere": changed(
        "self.conv = conv", "self.conv = conv\n        self.other = conv"
    ),
    "of another object": changed(
        RETURN, "    other = Block(conv)\n    return Block(other, norm)\n"
    ),
    "made once for all": changed(
        "    norm = norm(32) if norm else None\n", "    norm = norm or None\n"
    ).replace("norm=nn.BatchNorm2d", "norm=nn.BatchNorm2d(32)"),
    "in another sequence too": source(
        make=SEQUENCE.replace(
            "    norm = nn.Sequential(norm(32)",
            "    first = norm(32)\n    nn.Sequential(first)\n    norm = nn.Sequential(first",
        )
    ),
    "a sequence whose norm is set": source(
        make=SEQUENCE.replace(
            "    norm = nn.Sequential(norm(32)",
            "    first = norm(32)\n    first.eps = 1\n    norm = nn.Sequential(first",
        )
    ),
    "handed on": changed(
        RETURN, f"    look(norm)\n{RETURN}", make="from elsewhere import look\n" + MAKE
    ),
    "its weight is set": changed(
        "self.norm = norm", "self.norm = norm\n        self.norm.weight.data.zero_()"
    ),
    "a norm over several channels": changed("norm=nn.BatchNorm2d", "norm=None").replace(
        "norm(32) if norm else None", "nn.GroupNorm(2, 32)"
    ),
    "the norm is made under a condition": changed(
        "    norm = norm(32) if norm else None\n", "    if norm:\n        norm = norm(32)\n"
    ),
    "read between": changed(RETURN, f"    print(conv)\n{RETURN}"),
    "no name": changed("Block(conv, norm)", "Block(conv, [norm][0])"),
    "on one line": changed(
        "    norm = norm(32) if norm else None\n    return", "    norm = norm(32); return"
    ),
    "skipped there": changed("Block(conv, norm)", "Block(conv, norm)  # gencode: skip"),
    "skipped at the norm": changed("norm else None", "norm else None  # gencode: skip"),
    "the second of a sequence": source(
        make=SEQUENCE.replace("norm(32), nn.ReLU()", "nn.ReLU(), norm(32)")
    ),
    "a sequence that is kept": source(
        make=SEQUENCE.replace(RETURN, f"    KEPT.append(norm)\n{RETURN}").replace(
            "\ndef m", "KEPT = []\n\n\ndef m", 1
        )
    ),
    "a sequence whose norm is kept": source(
        make=SEQUENCE.replace(RETURN, f"    KEPT.append(norm[0])\n{RETURN}").replace(
            "\ndef m", "KEPT = []\n\n\ndef m", 1
        )
    ),
    "applied by others": source(
        make=MAKE + "\n\ndef use(block: Block, x):\n    return make().conv(x)\n"
    ),
}


@pytest.mark.parametrize("form", STAYS)
def test_stays(form: str) -> None:
    """Be it without a word of why, a warning says what stays."""
    result = split_source(STAYS[form], Options(style="built"))
    assert result.records
    assert "= split_conv_norm(" not in result.text
    assert "in each" not in result.records[0].detail + notes(result)


def test_no_norm_moves_where_that_is_not_wanted() -> None:
    result = split_source(source(), Options(style="built", norm=False))
    assert "Block(split_conv(conv), norm)" in result.text
    assert "= split_conv_norm(" not in result.text


def test_an_object_of_a_class_of_another_file(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    make = f"{HEAD}from block import Block\n{MAKE}"
    write({"block.py": f"{HEAD}{BLOCK}", "make.py": make, "pyproject.toml": ""})
    result = split_path("make.py", Options()).result
    assert "conv, norm = split_conv_norm(conv, norm)" in result.text
    assert not result.warnings
