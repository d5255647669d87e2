"""The files of a project: what names are bound to, and what another file does."""

from __future__ import annotations

import ast

import pytest
from facts_asked import Asked

from gencode.facts.project import Module, Project

HELPER = """
from .others import *
from typing import *
from . import others
from .missing import gone
from .others import lost
import other.inner as inner
import other
def make(c):
    return nn.Conv2d(c, c, 1)
for looped in [1]:
    pass
if unknown():
    either = 1
else:
    either = 2
annotated: int = 3
declared: int
counted = 0
def count():
    global counted
    counted += 1
layers = []
pair = (1, 2)
again = make(2)
early = late()
def late():
    return 5
itself = itself
own = others.inner_name
def large(conv):
    LARGE
""".replace("LARGE", "\n    ".join(f"a{n} = {n} + 1" for n in range(60)))
FILES = {
    "pkg": "",
    "pkg__helper": HELPER,
    "pkg__others": "starred = 7\nfrom .deeper import *\ninner_name = 8\nfrom . import helper",
    "pkg__deeper": "deep = 9\nfrom .others import *",
    "other": "",
    "other__inner": "value = 4",
    "broken": "def (",
}

NAMES = {
    "helper.make": {"function make"},
    "helper.make(4)": {"Conv2d"},
    "helper.looped": {"anything"},
    "helper.either": {"1", "2"},
    "helper.annotated": {"3"},
    "helper.declared": set(),
    "helper.counted": {"0", "anything"},
    "helper.layers": {"list"},
    "helper.layers[0]": {"anything"},
    "helper.pair[0]": {"1"},
    "helper.again": {"Conv2d"},
    "helper.early": {"5"},
    "helper.starred": {"7"},
    "helper.deep": {"9"},
    "helper.own": {"8"},
    "helper.gone": {"anything"},
    "helper.lost": {"anything"},
    "helper.inner.value": {"4"},
    "helper.other.inner": {"module other.inner"},
    "helper.other.missing": {"anything"},
    "helper.others": {"module pkg.others"},
    "helper.itself": set(),
    "helper.large(1)": {"strange"},
    "make": {"function make"},
    "deep": {"9"},
    "broken.a": {"broken.a"},
    "torch.nn.ReLU": {"torch.nn.ReLU"},
    "beyond": {"anything"},
    "len": {"builtins.len"},
    "below.value": {"4"},
    "unknown": {"elsewhere.unknown"},
}


@pytest.mark.parametrize("text", NAMES)
def test_names(text: str) -> None:
    """A name is what the file that binds it says."""
    asked = Asked(
        "from . import helper\nfrom .helper import make, deep\nimport broken\nimport pkg.helper\n"
        f"from .... import beyond\nfrom other import inner as below\n{text}",
        name="pkg.asked",
        **FILES,
    )
    assert asked.facts.is_complete
    assert asked.values(text) == NAMES[text]


def test_a_star_of_what_is_not_known() -> None:
    """It may bind any name but those that are bound behind it."""
    asked = Asked("from foreign import *\nfrom typing import *\nanything_at_all\nnn")
    assert "anything" in asked.values("anything_at_all")
    assert asked.values("nn") == {"torch.nn", "anything"}
    asked = Asked("from foreign import *\nfrom torch import nn as here\nhere")
    assert asked.values("here") == {"torch.nn"}


def test_where_relative_imports_lead() -> None:
    """The dots go up from the package that the module lies in."""
    tree = ast.parse("")
    module, package = Module("a.b.c", False, tree), Module("a.b", True, tree)
    assert module.absolute(0, "x.y") == "x.y"
    assert module.absolute(1, "x") == "a.b.x"
    assert module.absolute(1, None) == "a.b"
    assert package.absolute(1, "x") == "a.b.x"
    assert module.absolute(4, "x") == ""
    assert Module("", False, tree).absolute(1, "x") == ""


def test_a_module_that_was_added_counts_as_the_one_of_its_name() -> None:
    """It is what is asked about; the project may have another text of it."""
    tree = ast.parse("")
    there, other, given = (Module(name, False, tree) for name in ("a", "b", "a"))
    found = {"a": there, "b": other, "beside": there}
    project = Project(lambda name, importer: found.get(name))
    project.add(given)
    assert project.module("") is None
    assert project.module("a") is given
    assert project.module("beside", other) is given
    assert project.module("b", given) is other
    assert project.module("c") is None


def test_another_file_may_hand_out_what_it_gets() -> None:
    """What another file does with a module counts as if it stood in the same."""
    asked = Asked(
        "from helper import keep, use\nconv = nn.Conv2d(1, 1, 1)\nother = nn.Conv2d(1, 1, 1)\n"
        "keep(conv)\nuse(other)",
        helper="kept = []\ndef keep(c):\n    unknown(c)\ndef use(c):\n    c(1)\n",
    )
    assert asked.escapes("conv")
    assert not asked.escapes("other")


def test_a_module_that_imports_itself_in_a_circle() -> None:
    """It ends, and both are known."""
    asked = Asked(
        "from first import a, b\na\nb",
        first="from second import b\na = 1",
        second="from first import a\nb = 2",
    )
    assert asked.values("a") == {"1"}
    assert asked.values("b") == {"2"}


def test_bindings() -> None:
    """Each statement that binds a name of the module itself is found."""
    tree = ast.parse("""
import a.b, c as d
from e import f as g, h
for i in x: j = 1
else: k = 1
while x: l = 1
with x as m: n = 1
try: o = 1
except E: p = 1
finally: q = 1
match x:
    case 1: r = 1
def s(): hidden = 1
class t: hidden = 1
del u
(v := 1)
""")
    assert {*Module("", False, tree).bindings} == {*"adghijklmnopqrstuv"}


def test_a_star_in_a_block() -> None:
    """It binds no name that is known."""
    asked = Asked("try:\n    from foreign import *\nexcept ImportError:\n    pass\nanything_at_all")
    assert "anything" in asked.values("anything_at_all")
