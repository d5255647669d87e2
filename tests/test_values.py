"""Which values are known from the source, and which are not."""

from __future__ import annotations

import pytest

from cases import left, model, wrapped
from gencode import split_source

KNOWN = {
    "a literal": ("", "4"),
    "arithmetic": ("", "2 * 3 - 16 // 8"),
    "a power": ("", "2**2"),
    "a negation": ("", "-(-4)"),
    "a module constant": ("G = 4", "G"),
    "a constant of a constant": ("W = 2\nG = W * 2", "G"),
    "an annotated constant": ("G: int = 4", "G"),
    "a constant of several": ("G, H = 4, 2", "G"),
    "an item of a tuple": ("SIZES = (2, 4)", "SIZES[1]"),
    "a conditional expression": ("WIDE = True", "4 if WIDE else 1"),
    "a comparison": ("W = 3", "4 if W < 8 else 1"),
    "a choice by or": ("W = 0", "W or 4"),
    "a choice by and": ("W = 2", "W and 4"),
    "a builtin": ("", "max(int(4.0), min(2, 3))"),
    "a local": ("", "local"),
    "a class constant": ("", "self.GROUPS"),
    "a class constant by the class": ("", "Net.GROUPS"),
    "an attribute assigned once": ("", "self.groups"),
    "an inherited constant": ("", "self.BASE"),
    "a constant after a star import": ("from .config import *\nG = 4", "G"),
    "a constant after a star import of math": ("from math import *\nG = 4", "G"),
    "a constant beside a computed read": (
        "class Cfg:\n    groups = 4\ngetattr(F, n)",
        "Cfg.groups",
    ),
    "an annotated constant of a class": ("class Cfg:\n    groups: int = 4", "Cfg.groups"),
}


def source(top: str, groups: str, more: str = "") -> str:
    text = model(
        f"local = 4\nself.groups = 4\nself.conv = nn.Conv2d(16, 16, 1, groups={groups})",
        top=top + "\nclass Base(nn.Module):\n    BASE = 4\n",
    )
    text = text.replace("class Net(nn.Module):\n", "class Net(Base):\n    GROUPS = 4\n\n")
    return text + more


@pytest.mark.parametrize(("top", "groups"), KNOWN.values(), ids=KNOWN)
def test_known(top: str, groups: str) -> None:
    (record,) = split_source(source(top, groups)).records
    assert (record.status, len(record.branches)) == ("split", 4)


UNKNOWN = {
    "a name assigned twice": ("G = 4\nG = 2", "G", ""),
    "a name changed by a function": ("G = 4\ndef f():\n    global G\n    G = 2", "G", ""),
    "a name changed in a loop": ("G = 4\nfor G in (): ...", "G", ""),
    "a name added to": ("G = 4\nG += 2", "G", ""),
    "a name deleted": ("G = 4\ndel G", "G", ""),
    "a name imported or set": (
        "try:\n    from c import G\nexcept ImportError:\n    G = 4",
        "G",
        "",
    ),
    "a name of a handler": ("try: ...\nexcept E as G: ...", "G", ""),
    "a name of a pattern": ("match F:\n    case [G, *H]: ...\n    case {**I}: ...", "G", ""),
    "a starred target": ("G, *H = 4, 2", "G", ""),
    "an uneven assignment": ("G, H = pair", "G", ""),
    "a name that is not there": ("", "G", ""),
    "a parameter": ("", "F.groups", ""),
    "a list": ("SIZES = [2, 4]", "SIZES[1]", ""),
    "an item that is not there": ("SIZES = (2, 4)", "SIZES[7]", ""),
    "an item of a number": ("G = 4", "G[0]", ""),
    "a slice": ("SIZES = (2, 4)", "SIZES[:1]", ""),
    "a division by zero": ("", "4 // 0", ""),
    "a sum of unlike things": ("", "4 + 'a'", ""),
    "a huge number": ("", "9**9**9", ""),
    "a huge sum": ("", "2**64 + 1", ""),
    "constants in a circle": ("G = H\nH = G", "G", ""),
    "a class constant of a subclass": ("", "self.GROUPS", "class Sub(Net):\n    GROUPS = 2\n"),
    "a class constant set elsewhere": ("", "self.GROUPS", "\nNet.GROUPS = 2\n"),
    "a class constant set by name": ("", "self.GROUPS", "\nsetattr(Net, 'GROUPS', 2)\n"),
    "an attribute set twice": ("", "self.groups", "\n    def g(self):\n        self.groups = 2\n"),
    "an attribute set by a loop": (
        "",
        "self.groups",
        "\n    def g(self):\n        for self.groups in F: ...\n",
    ),
    "an attribute that is not there": ("", "self.other", ""),
    "an attribute by a computed name": (
        "",
        "self.groups",
        "\n    def g(self, k):\n        setattr(self, k, 2)\n",
    ),
    "an attribute of an object": ("cfg = F", "cfg.groups", ""),
    "a name that a star import of math may bring": ("G = 4\nfrom math import *", "G", ""),
    "a name that a class reads before it binds it": (
        "G = 2\nclass Cfg:\n    H = G\n    G = 4",
        "Cfg.H",
        "",
    ),
    "a constant that a computed name may set": (
        "class Cfg:\n    groups = 4\nfor k in F:\n    setattr(Cfg, k, 2)",
        "Cfg.groups",
        "",
    ),
    "a name that may be set by name": ("G = 4\nglobals()['G'] = 2", "G", ""),
    "a name that code may set": ("G = 4\nexec('G = 2')", "G", ""),
    "a name that a star import may bring": ("G = 4\nfrom .config import *", "G", ""),
    "a starred call": ("S = (4,)", "max(*S)", ""),
}


@pytest.mark.parametrize(("top", "groups", "more"), UNKNOWN.values(), ids=UNKNOWN)
def test_unknown(top: str, groups: str, more: str) -> None:
    assert wrapped(source(top, groups, more)) == f"groups={groups} is known only at run time"


def test_what_is_no_int() -> None:
    for value in ("4.0", "'4'", "None"):
        reason = left(source(f"G = {value}", "G"))
        assert reason == "torch refuses it: groups=G is not an int"


def test_a_chain_of_constants_is_followed_once() -> None:
    chain = "".join(f"A{n + 1} = A{n} + A{n}\n" for n in range(20))
    (record,) = split_source(source(f"A0 = 4\n{chain}", "A0 if A20 else 1")).records
    assert len(record.branches) == 4


def test_a_walk_over_modules_changes_no_constant_of_the_module() -> None:
    text = source("G = 4", "G") + "\ndef main(net):\n    net.other.children()\n"
    assert "goes through all modules" in wrapped(text)  # not: unknown
    text = source("", "self.groups") + "\ndef main(net):\n    net.other.children()\n"
    assert "goes through all modules" in wrapped(text)


def test_attributes_that_are_assigned_together() -> None:
    text = model("self.w, self.g = 8, 2\nself.conv = nn.Conv2d(self.w, 8, 1, groups=self.g)")
    assert len(split_source(text).records[0].branches) == 2


def test_a_field_of_a_dataclass() -> None:
    text = model("self.conv = nn.Conv2d(16, 16, 1, groups=self.groups)")
    head = "@F.dataclass\nclass Net(nn.Module):\n    groups: int = 2\n\n"
    text = text.replace("class Net(nn.Module):\n", head)
    assert wrapped(text) == "groups=self.groups is known only at run time"


def test_a_global_beside_a_local_of_the_same_name() -> None:
    text = """
import torch
from torch import nn
G = 4
def make():
    G = 2
    class Net(nn.Module):
        def __init__(self):
            global G
            super().__init__()
            self.conv = nn.Conv2d(8, 8, 3, groups=G)
        def forward(self, x):
            return self.conv(x)
"""
    assert split_source(text).records[0].status == "may be split"


def test_a_local_of_a_function_that_another_changes() -> None:
    text = model("""
        groups = 4
        def change():
            nonlocal groups
            groups = 2
        change()
        self.conv = nn.Conv2d(16, 16, 1, groups=groups)
    """)
    assert wrapped(text) == "groups=groups is known only at run time"
