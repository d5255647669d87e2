"""What a variable may be where a test has asked for its class."""

from __future__ import annotations

from textwrap import indent

import pytest
from facts_asked import Asked

CLASSES = """
import typing

class Own(nn.Module):
    pass

class Derived(Own):
    pass

class Norm(nn.BatchNorm2d):
    pass

class Strange(unknown()):
    pass

class HasWeight(typing.Protocol):
    weight: object
"""


def kinds(test: str, made: str, before: str = "") -> set[str]:
    """What is left of what a variable may be where a test holds."""
    values = "".join(f"    if unknown():\n        m = {each}\n" for each in made.split("; "))
    source = f"{CLASSES}\ndef f(k):\n    m = None\n{values}{indent(before, ' ' * 4)}\n"
    return Asked(f"{source}    if {test}:\n        out(m)\n").values("m")


MADE = "nn.Conv2d(1, 1, 1); nn.BatchNorm2d(1); nn.ReLU6(); Derived(); Norm(1); unknown()"


@pytest.mark.parametrize(
    ("test", "left"),
    [
        ("isinstance(m, nn.Conv2d)", {"Conv2d", "strange"}),
        ("isinstance(m, (nn.Linear, nn.BatchNorm2d))", {"BatchNorm2d", "Norm", "strange"}),
        ("isinstance(m, nn.Hardtanh)", {"ReLU6", "strange"}),
        ("isinstance(m, Own)", {"Derived", "strange"}),
        ("isinstance(m, Norm)", {"Norm", "strange"}),
        ("isinstance(m, Own) and k", {"Derived", "strange"}),
        ("not (not isinstance(m, Own))", {"Derived", "strange"}),
        ("type(m) is nn.BatchNorm2d", {"BatchNorm2d", "Norm", "strange"}),
        ("type(m) == Own", {"Derived", "strange"}),
        ("type(m) in (Own, nn.Linear)", {"Derived", "strange"}),
    ],
)
def test_a_class_rules_others_out(test: str, left: set[str]) -> None:
    assert kinds(test, MADE) - {"None"} == left


@pytest.mark.parametrize(
    "test",
    [
        "isinstance(m, nn.Module)",
        "isinstance(m, Strange)",
        "isinstance(m, HasWeight)",
        "isinstance(m, k)",
        "isinstance(m, nn.modules.conv._ConvNd)",
        "not isinstance(m, nn.Linear)",
        "type(m) is not nn.Linear",
        "isinstance(m, nn.Linear) or k",
        "k(m, nn.Linear)",
        "unknown(m, nn.Linear)",
    ],
)
def test_what_rules_nothing_out(test: str) -> None:
    assert kinds(test, MADE) >= {"Conv2d", "BatchNorm2d", "ReLU6", "Derived", "Norm"}


def test_an_instance_of_a_class_that_is_not_known() -> None:
    assert kinds("isinstance(m, nn.Linear)", "Strange()") - {"None"} == {"Strange"}
    assert kinds("isinstance(m, Own)", "Strange()") - {"None"} == {"Strange"}


def test_a_variable_of_another_function_stays_what_it_was() -> None:
    asked = Asked(
        "def f():\n    m = nn.Conv2d(1, 1, 1)\n    def g():\n"
        "        if isinstance(m, nn.Linear):\n            out(m)\n    g()\n"
    )
    assert asked.values("m") == {"Conv2d"}
