"""What is not written out is split once it is built, and the record's note says why."""

from __future__ import annotations

from typing import Any

import pytest

from cases import CONV, assert_wrapped, model, wrapped
from gencode import split_source

HEAD = """
from functools import partial
import torch
import torch.nn as nn
import torch.nn.functional as F
if torch.cuda.is_available():
    import torch.nn as either
else:
    import flax.linen as either

from . import compat
from .compat import Conv2d as CompatConv

later = convs[0]

class Ops:
    conv = nn.Conv2d

    def __init__(self, conv_type=nn.Conv2d):
        self.conv_type = nn.Conv1d
        self.kept_type = conv_type

for looped in (nn.Conv1d, nn.Conv2d): ...
noted: type = [nn.Conv2d][0]
[first, second] = [nn.Conv1d, nn.Conv2d]

def convs_of():
    return nn.Conv2d

class Scaled(nn.Conv2d): ...
class Scaled2(Scaled): ...
chosen = nn.Conv2d if torch.cuda.is_available() else nn.Conv3d
convs = [nn.Conv1d, nn.Conv2d]
by_name = getattr(nn, "Conv2d")

def build(width, groups, kw, sizes, x, w, b, cls=nn.Conv2d):
    return """


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("nn.Conv2d(16, 16, 3, groups=groups)", "groups=groups is known only at run time"),
        ("nn.Conv2d(width, 16, 3, groups=2)", "in_channels=width is known only at run time"),
        ("nn.Conv2d(16, width, 3, groups=2)", "out_channels=width is known only at run time"),
        ("nn.Conv3d(width, width, 3, groups=width)", "groups=width is known only at run time"),
        ("nn.Conv2d(pop(), pop(), 3, groups=pop())", "groups=pop() is known only at run time"),
        (
            "nn.Conv2d(width * 2, width * 2, (width := 3), groups=width * 2)",
            "groups=width * 2 is known only at run time",
        ),
        ("nn.Conv2d(width, width, (width := 3), groups=width)", "groups=width is known only"),
        ("nn.Conv2d(width * 2, width * 4, 3, groups=width * 2)", "groups=width * 2 is known only"),
        ("nn.Conv3d(2 * width, 2 * width, 3, groups=2 * width)", "groups=2 * width is known only"),
        ("nn.Conv2d(16, 16, 3, **kw)", "groups may be in *args or **kwargs"),
        ("nn.Conv2d(groups=2, **kw)", "in_channels may be in *args or **kwargs"),
        ("nn.Conv2d(*sizes)", "groups may be in *args or **kwargs"),
        ("partial(nn.Conv2d, groups=2)", "a partial builds it only when it is called"),
        ("Scaled(16, 16, 3, groups=2)", "Scaled is a subclass of Conv2d"),
        ("Scaled(16, 16, 3, **kw)", "Scaled is a subclass of Conv2d"),
        ("Scaled2(16, 16, 3, groups=2)", "Scaled2 is a subclass of Conv2d"),
    ],
)
def test_numbers_and_classes_that_the_source_does_not_tell(call: str, words: str) -> None:
    assert words in wrapped(HEAD + call)


@pytest.mark.parametrize(
    "function",
    [
        "cls",
        "chosen",
        "convs[1]",
        "by_name",
        "convs_of()",
        "getattr(nn, f'Conv{width}d')",
        "getattr(nn, 'Conv%dd' % width)",
        "Ops.conv",
        "x.conv_type",
        "later",
        "x.kept_type",
        "compat.Conv2d",
        "CompatConv",
        "looped",
        "noted",
        "first",
        "__import__('torch').nn.Conv2d",
        "elsewhere.Conv2d",
        "either.Conv2d",
    ],
)
def test_a_class_that_is_known_only_at_run_time(function: str) -> None:
    source = f"{HEAD}{function}(16, 16, 3, groups=2)"
    assert wrapped(source) == f"only if {function} is a class of torch"


def test_what_turns_out_to_be_no_convolution_stays_as_it_is() -> None:
    torch = pytest.importorskip("torch")
    source = "from torch import nn\ndef build(*a, conv_layer=nn.Conv2d):\n"
    source += "    return conv_layer(*a, groups=2)\n"
    namespace: dict[str, Any] = {}
    exec(split_source(source).text, namespace)
    build = namespace["build"]
    assert build(conv_layer=dict) == {"groups": 2}
    assert [type(each) for each in build(4, 4, 1).parts] == [torch.nn.Conv2d] * 2
    assert type(build(2, 2, 1)) is torch.nn.Conv2d  # depthwise


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (
            "nn.Conv2d(16, 16, *sizes, groups=2)",
            "its arguments are in *args",
        ),
        ("nn.Conv2d(8, 8, w, padding=(w := 5), groups=2)", "one of its arguments binds a name"),
    ],
)
def test_arguments_that_cannot_be_passed_to_each_branch(call: str, reason: str) -> None:
    assert wrapped(model(f"self.conv = {call}")) == reason


def test_a_dict_that_may_come_to_hold_groups() -> None:
    for change in ("kw['groups'] = 2", "kw.update(groups=2)", "fill(kw)", "kw |= other"):
        source = f"import torch.nn as nn\nkw = dict(bias=False)\n{change}\nnn.Conv2d(8, 8, 3, **kw)"
        assert "groups may be in" in wrapped(source)


def test_a_class_that_is_passed_to_a_function() -> None:
    for call in ("block(nn.Conv2d, 2)", "block(conv=nn.Conv2d, groups=2)"):
        source = f"""
        import torch.nn as nn

        def block(conv, groups):
            return conv(16, 16, 3, groups=groups)

        {call}
        """
        assert wrapped(source) == "only if conv is a class of torch"


def test_a_class_that_is_passed_to_a_class() -> None:
    source = """
    import torch.nn as nn

    class Block(nn.Module):
        def __init__(self, conv):
            self.conv = conv(16, 16, 3, groups=2)

    Block(nn.Conv2d)
    """
    assert wrapped(source) == "only if conv is a class of torch"


def test_a_class_that_is_chosen_in_a_file_without_any_other() -> None:
    source = "from torch import nn\nC = getattr(nn, 'Conv%dd' % n)\nC(4, 4, 1, groups=2)\n"
    assert wrapped(source) == "only if C is a class of torch"


def test_a_subclass_that_is_always_grouped_is_split_where_it_is_called() -> None:
    source = """
    import torch.nn as nn

    class Grouped(nn.Conv2d):
        def __init__(self, width):
            super().__init__(width, width, 3, groups=2)

    conv = Grouped(8)
    """
    assert wrapped(source) == "Grouped is a subclass of Conv2d"


@pytest.mark.parametrize(
    "init",
    [
        "self.convs = nn.Sequential(nn.Conv2d(16, 32, 3, groups=2))",
        "conv = nn.Conv2d(16, 32, 3, groups=2)",
        "self.conv = self.alias = nn.Conv2d(16, 32, 3, groups=2)",
        "self.conv, self.size = nn.Conv2d(16, 32, 3, groups=2), 3",
        "self.conv = nn.Conv2d(16, 32, 3, groups=2) if F else None",
        "setattr(self, 'conv', nn.Conv2d(16, 32, 3, groups=2))",
        "self.add_module('conv', nn.Conv2d(16, 32, 3, groups=2))",
    ],
)
def test_what_is_not_an_attribute_of_self_alone(init: str) -> None:
    (record,) = assert_wrapped(model(init)).records
    assert "not of the form self.x" in record.note
    assert record.detail == "into 2 Conv2d of 8 -> 16 channels (built)"


@pytest.mark.parametrize("target", ["self.convs['a']", "other.conv", "self.convs"])
def test_what_is_given_to_something_unknown_is_left(target: str) -> None:
    call = "nn.Conv2d(16, 32, 3, groups=2)"
    call = f"wrap({call})" if target == "self.convs" else call
    (record,) = split_source(model(f"{target} = {call}")).records
    assert record.status == "left"
    who = "wrap()" if "wrap" in call else "other code"
    assert record.detail == f"it is not known what {who} does with it (line 9)"


def test_the_record_has_its_place() -> None:
    source = model("self.a = nn.Conv2d(16, 32, 3, groups=g)")
    (record,) = assert_wrapped(source).records
    line = source.splitlines()[record.line - 1]
    assert line[record.column - 1 :].startswith("nn.Conv2d(16")
    assert record.name == "Net.a"
    assert record.detail == "by split_conv() when built"


def test_what_is_split_once_it_is_built_beside_what_is_written_out() -> None:
    both = model(CONV + "\nself.other = nn.Conv2d(16, 32, 3, groups=g)")
    result = split_source(both)
    assert [record.style for record in result.records] == ["explicit", "built"]
    assert "self.conv_0" in result.text
    assert "        self.other = split_conv(self.other)\n" in result.text
