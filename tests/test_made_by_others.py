"""What bases and metaclasses do with a class of theirs, and with its instances."""

from __future__ import annotations

import pytest

from gencode import Result, split_source

NET = """\
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, groups=2)

    def forward(self, x):
        return self.conv(x)
"""
MADE = """\
class Meta(type):
    def __call__(cls, *args, **kwargs):
        made = super().__call__(*args, **kwargs)
        {}
        return made

class Net(nn.Module, metaclass=Meta):
"""
BASE = """\
class Base(nn.Module):
    def __init_subclass__(cls, width=0, **kwargs):
        super().__init_subclass__(**kwargs)
        init = cls.__init__

        def __init__(self):
            init(self)
            {}

        cls.__init__ = __init__

class Net(Base, width=3):
"""
OF_BASE = """\
class Base(nn.Module):
    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        kinds[cls.__name__] = cls

kinds = {}

class Net(Base):
"""
REGISTERED = """\
kinds = {}

class Meta(type):
    def __new__(cls, name, bases, space):
        kinds[name] = super().__new__(cls, name, bases, space)
        return kinds[name]

class Net(nn.Module, metaclass=Meta):
"""


def _split(head: str, top: str = "") -> Result:
    return split_source(f"from torch import nn\n{top}\n{head}{NET}")


@pytest.mark.parametrize(
    ("head", "why"),
    [
        (MADE.format("made.conv.padding = (1, 1)"), "its padding is set"),
        (MADE.format("for each in made.children(): each.stride = (2, 2)"), "its stride is set"),
        (BASE.format("self.conv.padding = (width, width)"), "its padding is set"),
        (BASE.format("self.conv.register_forward_hook(print)"), "what other code does"),
    ],
)
def test_what_is_done_with_a_new_instance_is_seen(head: str, why: str) -> None:
    result = _split(head)
    (record,) = result.records
    said = [record.detail] if record.status == "left" else [x.message for x in result.warnings]
    assert any(why in each for each in said)


@pytest.mark.parametrize("head", [MADE.format("made.eval()"), OF_BASE, REGISTERED])
def test_what_only_registers_or_sets_the_mode_is_harmless(head: str) -> None:
    result = _split(head)
    assert [each.status for each in result.records] == ["split"]
    assert not result.warnings
