"""What another file of the project does with what is split counts as if it stood in the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from gencode.command import main
from gencode.file_split import split_path
from gencode.grouped_conv import surroundings
from gencode.outcome import Options, Result
from sources import text, write

torch = pytest.importorskip("torch")

from equivalence import assert_same_models, import_from  # noqa: E402

UNIT = """
import torch
import torch.nn as nn


class Unit(nn.Module):
    def __init__(self, groups=2):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, padding=1, groups=groups)
        self.bn = nn.BatchNorm2d(8)

    def forward(self, x):
        return self.bn(self.conv(x))
"""
GIVEN = UNIT.replace("groups=2", "groups=2, norm=nn.BatchNorm2d").replace(
    "self.bn = nn.BatchNorm2d", "self.bn = norm"
)
NET = """
import torch
import torch.nn as nn

from unit import Unit

"""
KEPT = "self.bn stays after the concatenation: self.conv is used in another file (net.py, line 7)"


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def result(net: str, path: str = "net.py", unit: str = UNIT) -> Result:
    """What becomes of the unit beside another file."""
    write({"src/unit.py": unit, f"src/{path}": NET + net, "src/pyproject.toml": ""})
    return split_path("src/unit.py", Options()).result


def notes(found: Result) -> str:
    return "; ".join(f"{each.detail}; {each.note}" for each in found.records)


def said(found: Result) -> list[str]:
    return [each.message.partition(": the parts")[0] for each in found.warnings]


def both(function: str) -> Iterator[ModuleType]:
    """The net as written and as split, with what a function of it gives."""
    assert main(["src", "-o", "out"]) in (0, 3)
    for directory in ("src", "out"):
        yield import_from(directory, "net").__dict__[function]


# What keeps a norm after the concatenation, and what does not

USES = {
    "a subclass has another convolution": (
        "class Over(Unit):\n    def __init__(self):\n        super().__init__()\n"
        "        self.conv = nn.Conv2d(8, 8, 1)\n\ndef make():\n    return Over()\n"
    ),
    "a subclass takes what the convolution gives": (
        "class Over(Unit):\n    def forward(self, x):\n        return self.bn(self.conv(x) + x)\n"
        "\ndef make():\n    return Over()\n"
    ),
    "the norm is taken away": (
        "def make():\n    net = Unit()\n    net.bn = nn.Identity()\n    return net\n"
    ),
    "the convolution is replaced": (
        "def make():\n    net = Unit()\n    net.conv = nn.Conv2d(8, 8, 1)\n    return net\n"
    ),
    "the norm is deleted": (
        "def make():\n    net = Unit()\n    del net.bn\n    net.bn = torch.relu\n    return net\n"
    ),
    "it is set by name": (
        "def make():\n    net = Unit()\n    setattr(net, 'bn', nn.Identity())\n    return net\n"
    ),
    "it is set in a module that holds it": (
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.unit = Unit()\n        self.unit.bn = nn.ReLU()\n"
        "    def forward(self, x):\n        return self.unit(x)\n\ndef make():\n    return Net()\n"
    ),
    "what it gives is taken by itself": (
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.unit = Unit()\n"
        "    def forward(self, x):\n        return self.unit.conv(x)\n"
        "\ndef make():\n    return Net()\n"
    ),
    "an alias is made": (
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        unit = Unit()\n        self.first = [unit.conv]\n        self.unit = unit\n"
        "    def forward(self, x):\n        return self.first[0](x)\n"
        "\ndef make():\n    return Net()\n"
    ),
    "a class is given another forward": (
        "def forward(self, x):\n    return self.bn(self.conv(x) + x)\n\n"
        "def make():\n    Unit.forward = forward\n    return Unit()\n"
    ),
    "an instance is given another forward": (
        "import types\ndef forward(self, x):\n    return self.bn(self.conv(x) + x)\n\n"
        "def make():\n    unit = Unit()\n    unit.forward = types.MethodType(forward, unit)\n"
        "    return unit\n"
    ),
    "a function that is handed it": (
        "def strip(unit):\n    unit.bn = nn.Identity()\n    return unit\n\n"
        "def make():\n    return strip(Unit())\n"
    ),
}


@pytest.mark.parametrize("net", USES.values(), ids=USES.keys())
def test_a_norm_that_another_file_is_about_stays(net: str) -> None:
    """The function is the same, in eval and train."""
    found = result(net)
    assert "self.bn stays after the concatenation: self." in notes(found)
    assert "is used in another file (net.py, line" in notes(found)
    original, split = both("make")
    assert_same_models(original(), split(), torch.randn(2, 8, 6, 6))


USES |= {
    "a function sets it of what may be one": (
        "def strip(unit, kind=Unit):\n    unit.bn = nn.Identity()\n"
        "\ndef make():\n    return Unit()\n"
    ),
    "it is set in what is not known": (
        "def strip(unit, kind=Unit):\n    unit.bn = nn.Identity()\n    return unit\n\n"
        "def make():\n    return unknown(strip)(Unit())\n\n"
        "def unknown(function):\n    return functions[function.__name__]\n\n"
        "functions = {'strip': strip}\n"
    ),
}
HARMLESS = {
    "it is built": "def make():\n    return Unit()\n",
    "a subclass": "class Over(Unit):\n    pass\n\ndef make():\n    return Over()\n",
    "a subclass with more": (
        "class Over(Unit):\n    def __init__(self):\n        super().__init__()\n"
        "        self.act = nn.ReLU()\n    def forward(self, x):\n"
        "        return self.act(super().forward(x))\n\ndef make():\n    return Over()\n"
    ),
    "a subclass that does the same": (
        "class Over(Unit):\n    def forward(self, x):\n        y = self.conv(x)\n"
        "        y = self.bn(y)\n        return torch.relu(y)\n\ndef make():\n    return Over()\n"
    ),
    "a subclass with arguments": (
        "class Over(Unit):\n    def __init__(self, *args):\n        super().__init__(*args)\n"
        "        self.parts = args[1:]\n\n"
        "def make():\n    return Over(2) if Over(2, nn.BatchNorm2d).parts else None\n"
    ),
    "a module of its own in the place of the norm": (
        "class Frozen(nn.Module):\n    def __init__(self, width):\n        super().__init__()\n"
        "        self.register_buffer('weight', torch.ones(width))\n        self.eps = 0.0\n"
        "    def forward(self, x):\n        return (self.eps + x) * self.weight[:, None, None]\n\n"
        "def freeze(net):\n    for each in net.modules():\n"
        "        if isinstance(each, Frozen):\n            each.eps = 1.0\n    return net\n\n"
        "def make():\n    return freeze(Unit(2, Frozen))\n"
    ),
    "another class of the name": (
        "class Unit(Unit):\n    pass\n\ndef make():\n    net = nn.Module()\n    net.bn = 1\n"
        "    return Unit()\n"
    ),
}


@pytest.mark.parametrize("net", HARMLESS.values(), ids=HARMLESS.keys())
def test_what_another_file_does_that_is_harmless(net: str) -> None:
    """The norm is split all the same."""
    found = result(net, unit=GIVEN)
    assert "with Unit.bn in each" in notes(found) or "with self.bn in each" in notes(found)
    original, split = both("make")
    assert_same_models(original(), split(), torch.randn(2, 8, 6, 6))


def test_a_file_that_does_not_import_it() -> None:
    write({"src/other.py": "class Unit: ...\ndef f(x):\n    x = Unit()\n    x.bn = None\n"})
    assert "in each" in notes(result("def make():\n    return Unit()\n"))


# What is done with weights

READS = "def count(unit):\n    unit = Unit()\n    return unit.conv.weight.shape\n"


def test_a_weight_that_another_file_reads_is_given() -> None:
    found = result(
        "def make():\n    u = Unit(4)\n    u.size = u.conv.weight.abs().sum()\n    return u\n"
    )
    assert "reads" in found.blocks
    original, split = both("make")
    assert float(original().size.detach()) > 0
    one, other = original(), split()
    other.load_state_dict(one.state_dict())
    assert torch.equal(one.conv.weight, other.conv.weight)


def test_a_weight_that_a_constructor_of_another_file_sets() -> None:
    net = (
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.unit = Unit()\n        nn.init.zeros_(self.unit.conv.weight)\n"
    )
    (record,) = result(net).records
    assert record.status == "left"
    assert "its weight is set (net.py, line 11)" in record.detail


def test_a_weight_that_another_file_sets_outside_is_said() -> None:
    net = "def reset():\n    unit = Unit()\n    nn.init.zeros_(unit.conv.weight)\n"
    found = result(net)
    assert found.records[0].is_split
    assert "this will raise once the convolution is split: its weight is set (net.py, line 9)" in (
        found.warnings[0].message
    )


@pytest.mark.parametrize("path", ["tests/net.py", "test_net.py", "examples/run.py"])
def test_what_tests_and_scripts_do_is_said(path: str) -> None:
    """They keep nothing from being split, and no norm after it."""
    net = "def reset():\n    unit = Unit()\n    unit.bn = None\n    unit.conv.weight.fill_(0)\n"
    found = result(net + "reset()\n", path)
    assert "with Unit.bn in each" in notes(found) or "with self.bn in each" in notes(found)
    assert any(f"({path}, line 10)" in each for each in said(found))


# What goes over modules

WALKS = {
    "norms are replaced": (
        "def make():\n    net = Unit()\n    for _, m in net.named_modules():\n"
        "        for name, child in m.named_children():\n"
        "            if isinstance(child, nn.BatchNorm2d):\n"
        "                setattr(m, name, nn.GroupNorm(2, child.num_features))\n    return net\n",
        12,
    ),
    "hooks are set": (
        "def make():\n    net = Unit()\n    for m in net.modules():\n"
        "        if isinstance(m, nn.Conv2d):\n"
        "            m.register_forward_hook(lambda m, i, o: o * o.std())\n    return net\n",
        11,
    ),
    "one is chosen by its name": (
        "def make():\n    net = Unit()\n    for name, p in net.named_parameters():\n"
        "        if name.endswith('bn.weight'):\n            p.data.zero_()\n    return net\n",
        10,
    ),
}


@pytest.mark.parametrize(("net", "line"), WALKS.values(), ids=WALKS.keys())
def test_what_another_file_does_with_all_modules_is_said(net: str, line: int) -> None:
    assert any(each.startswith(f"net.py, line {line}: ") for each in said(result(net)))


def test_what_another_file_does_to_torch_is_said() -> None:
    """Be it one that has nothing to do with what is split."""
    write({"src/patches.py": "from torch import nn\nsetattr(nn.Conv2d, 'forward', print)\n"})
    message = "patches.py, line 2: torch.nn.Conv2d.forward is changed"
    assert message in said(result(""))


def test_what_a_constructor_runs_of_a_file_that_is_imported_is_said() -> None:
    walk = (
        "def walk(net):\n    for m in net.modules():\n        m.k = m.out_channels\n"
        "def other(net):\n    for m in net.modules():\n        m.k = m.out_channels\n"
        "class Other(nn.Module):\n    def forward(self, x):\n        other(self)\n"
    )
    unit = UNIT.replace("import torch\n", "from walks import Other, walk\n")
    unit = unit.replace("(8)\n", "(8)\n        walk(self)\n        self.other = Other()\n")
    write({"src/walks.py": "from torch import nn\n" + walk})
    assert any(
        "walks.py, line 4: out_channels is read" in each for each in said(result("", unit=unit))
    )


def test_what_a_function_does_that_is_handed_it() -> None:
    """It does not speak of it itself."""
    net = (
        "def hooked(net):\n    for m in net.modules():\n        if isinstance(m, nn.Conv2d):\n"
        "            m.register_forward_hook(lambda m, i, o: o * o.std())\n    return net\n"
        "def make():\n    net = Unit()\n    setattr(net, 'kind', 1)\n    return hooked(net)\n"
    )
    assert any(each.startswith("net.py, line 10: ") for each in said(result(net)))


def test_what_a_function_does_that_is_given_any_model_is_said() -> None:
    """It does not speak of it, and nobody is known to call it: of a file that imports it."""
    net = "def other(net):\n    for m in net.modules():\n        print(len(list(m.modules())))\n"
    assert "net.py, line 9: they are counted" in said(result(net + "def make(): return Unit()\n"))
    assert "net.py, line 9: they are counted" in said(result(net))
    assert (
        said(result(net.replace("modules())))", "buffers(), m))").replace("len(list", "(("))) == []
    )


# A tree, and a file by itself


def test_a_file_comes_out_the_same_alone_and_in_a_tree() -> None:
    files = {"unit.py": UNIT, "net.py": NET + USES["the norm is taken away"], "pyproject.toml": ""}
    write(files, "one")
    write(files, "two")
    assert main(["one/unit.py", "-i"]) == 0
    assert main(["two", "-i"]) == 0
    assert text("one/unit.py") == text("two/unit.py")


def test_a_second_run_changes_nothing() -> None:
    result(USES["the norm is taken away"])
    assert main(["src", "-i"]) == 0
    first = text("src/unit.py")
    assert main(["src", "-i"]) == 0
    assert text("src/unit.py") == first


def test_what_is_written_is_not_what_others_are_split_with() -> None:
    """In place too, each file is split with the others as they were."""
    files = {"a_unit.py": UNIT, "net.py": NET.replace("unit", "a_unit") + USES["an alias is made"]}
    write(files, "alone")
    write(files, "tree")
    write({"alone/pyproject.toml": "", "tree/pyproject.toml": ""})
    assert main(["alone/net.py", "-i"]) == 0
    assert main(["tree", "-i"]) == 0
    assert text("alone/net.py") == text("tree/net.py")


def test_too_many_files_to_follow(monkeypatch) -> None:
    """It is said; the file is split by what it shows itself."""
    monkeypatch.setattr(surroundings, "_MOST_READERS", 0)
    found = result(USES["the norm is taken away"])
    assert "in each" in notes(found)
    assert said(found) == [
        "1 other files use this, too many to follow: what others do with the convolution itself is"
        " not known"
    ]


def test_a_project_of_too_many_files(monkeypatch) -> None:
    monkeypatch.setattr("gencode.project_files._MOST_FILES", 1)
    assert "the project has too many files to look at: what others do" in said(result(""))[0]


def test_too_much_to_follow(monkeypatch) -> None:
    monkeypatch.setattr("gencode.facts.interpretation._BUDGET_OF_OTHERS", 5)
    found = result(USES["the norm is taken away"])
    assert "1 other files use this" in said(found)[0]


def test_too_much_to_follow_in_the_file_itself(monkeypatch) -> None:
    monkeypatch.setattr("gencode.facts.interpretation._BUDGET", 5)
    found = result(USES["the norm is taken away"])
    assert "there is too much in this file" in notes(found)


def test_an_initialisation_of_what_another_file_builds() -> None:
    """It sees the parts: a fresh model starts from another scale, which is said."""
    net = (
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.unit = Unit()\n        for m in self.modules():\n"
        "            if isinstance(m, nn.Conv2d):\n"
        "                nn.init.kaiming_normal_(m.weight, mode='fan_out')\n"
        "class Other(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        for m in self.modules():\n            if isinstance(m, nn.Conv2d):\n"
        "                nn.init.kaiming_normal_(m.weight, mode='fan_out')\n"
    )
    message = (
        "net.py, line 13: kaiming_normal_ by fan_out makes weights sqrt(groups) times as large"
    )
    assert said(result(net)) == [f"{message}: each part is a convolution of its own"]
    Path("src/net.py").unlink()
    assert said(result(net, "tests/net.py")) == []


# What another file builds

FACTORY = """
import torch.nn as nn


def conv3x3(channels, groups=1, **kwargs):
    return nn.Conv2d(channels, channels, 3, padding=1, groups=groups, **kwargs)


def block(channels, groups=1):
    return nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, groups=groups))
"""
OWNER = """
import torch
import torch.nn as nn

from factory import block, conv3x3


class Net(nn.Module):
    def __init__(self, groups=4):
        super().__init__()
        self.conv = conv3x3(8, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(8)
        self.plain = conv3x3(8, groups=1)
        self.block = block(8, groups=groups)

    def forward(self, x):
        return self.block(self.plain(self.bn(self.conv(x))))
"""


def test_a_convolution_that_another_file_builds_has_its_norm_beside_it() -> None:
    """The owner's file says so, though it names no convolution; what is no convolution stays."""
    write({"src/factory.py": FACTORY, "src/net.py": OWNER, "src/pyproject.toml": ""})
    found = split_path("src/net.py", Options()).result
    assert [each.line for each in found.records] == [11]
    assert "with Net.bn in each" in notes(found)
    assert "another file builds it" in notes(found)
    original, split = both("Net")
    assert_same_models(original(), split(), torch.randn(2, 8, 6, 6))
    assert "SplitGroups" in repr(split()) or "UnjoinedGroups" in repr(split())


def test_a_norm_that_a_function_of_another_file_gives() -> None:
    """It does no more with it: the norm is split all the same."""
    unit = UNIT.replace("nn.BatchNorm2d(8)", "build_norm(8)").replace(
        "import torch\n", "import torch\nfrom norm_makers import build_norm\n"
    )
    norms = (
        "import torch.nn as nn\n\n\ndef build_norm(width, kind='bn'):\n"
        "    kinds = {'bn': nn.BatchNorm2d, 'in': nn.InstanceNorm2d}\n"
        "    return kinds[kind](width)\n\n\n"
        "class Known:\n    bn = 1\n\n\n"
        "def known():\n    from unit import Unit\n    return Unit, Known.bn\n"
    )
    write({"src/norm_makers.py": norms})
    assert "with Unit.bn in each" in notes(result("def make():\n    return Unit()\n", unit=unit))
    original, split = both("make")
    assert_same_models(original(), split(), torch.randn(2, 8, 6, 6))


def test_a_norm_that_a_base_class_of_another_file_has() -> None:
    """It is applied there or here: it computes the same."""
    base = (
        "import torch.nn as nn\n\n\nclass Base(nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n        self.bn = nn.BatchNorm2d(8)\n"
        "\n    def forward(self, x):\n        return self.bn(self.conv(x))\n"
    )
    unit = UNIT.replace("nn.Module", "Base").replace("        self.bn = nn.BatchNorm2d(8)\n", "")
    unit = unit.partition("    def forward")[0].replace("import torch\n", "from base import Base\n")
    write({"src/base.py": base})
    result("def make():\n    return Unit()\n", unit=unit)
    original, split = both("make")
    assert_same_models(original(), split(), torch.randn(2, 8, 6, 6))


SEQUENCE = UNIT.replace(
    "        self.bn = nn.BatchNorm2d(8)\n",
    "        self.net = nn.Sequential(self.conv, nn.BatchNorm2d(8))\n        del self.conv\n",
).replace("self.bn(self.conv(x))", "self.net(x)")
SEQUENCE = SEQUENCE.replace("self.conv = nn", "conv = nn").replace("self.conv, ", "conv, ")
SEQUENCE = SEQUENCE.replace("        del self.conv\n", "")


@pytest.mark.parametrize(
    "change", ["net.net[1] = nn.Identity()", "net.net[1].eps = 1.0", "net.extra = [*net.net][1]"]
)
def test_a_norm_of_a_sequence_that_another_file_is_about_stays(change: str) -> None:
    found = result(f"def make():\n    net = Unit()\n    {change}\n    return net\n", unit=SEQUENCE)
    assert "the norm stays after it: it is used in another file (net.py, line 9)" in notes(found)
    original, split = both("make")
    assert_same_models(original(), split(), torch.randn(2, 8, 6, 6))


def test_a_norm_of_a_sequence_that_no_other_file_is_about() -> None:
    found = result(
        "def make():\n    net = Unit()\n    net.extra = net.net\n    return net\n", unit=SEQUENCE
    )
    assert "stays" not in notes(found)


def test_a_norm_outside_whose_convolution_another_file_applies() -> None:
    """What that gives there has no norm behind it: the norm stays where it is."""
    unit = (
        UNIT.replace("        self.bn = nn.BatchNorm2d(8)\n", "").replace(
            "self.bn(self.conv(x))", "self.conv(x)"
        )
        + "\n\nclass Outer(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.unit = Unit()\n        self.bn = nn.BatchNorm2d(8)\n"
        "\n    def forward(self, x):\n        return self.bn(self.unit(x))\n"
    )
    net = (
        "class Net(Unit):\n    def forward(self, x):\n        return self.conv(x)\n"
        "\ndef make():\n    return Net()\n"
    )
    found = result(net, unit=unit)
    assert "in each" not in notes(found)
    original, split = both("make")
    assert_same_models(original(), split(), torch.randn(2, 8, 6, 6))


KEYWORDS = UNIT.replace("groups=2", "**more").replace("groups=groups", "**more")


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ("", "kept"),
        ("groups=2", "may be split"),
        ("**options()", "may be split"),
        (
            ")\n\n\nclass Other(Unit):\n    def __init__(self, **kwargs):\n"
            "        super().__init__(**kwargs",
            "kept",
        ),
    ],
)
def test_the_keywords_that_another_file_gives(given: str, status: str) -> None:
    here = f"{KEYWORDS}\n\nUnit(dilation=1)\n"
    found = result(f"net = Unit({given})\n", unit=here)
    assert [each.status for each in found.records] == [status]


OWN = """
class {name}({base}):
    def __init__(self, inputs, outputs, size, groups=1):
        super().__init__()
        self.lin = nn.Linear(inputs // groups, outputs // groups)

    def forward(self, x):
        return self.lin(x)
"""


@pytest.mark.parametrize(
    ("base", "count"), [("nn.Module", 0), ("nn.ModuleDict", 0), ("unknown.Layer", 1)]
)
def test_a_class_of_another_file_that_is_named_as_a_convolution(base: str, count: int) -> None:
    own = "import torch.nn as nn\nimport unknown\n" + OWN.format(name="Conv2d", base=base)
    net = "from net import Conv2d\n\n\ndef make(n):\n    return Conv2d(8, 8, 3, groups=n)\n"
    assert len(result(own, unit=net).records) == count


def test_a_walk_of_another_file_that_applies_what_it_is_given() -> None:
    net = """
def run(layers, x):
    for each in layers.children():
        x = each(x)
    return x


def build(layers):
    return Unit(), run(layers, torch.zeros(1))
"""
    unit = UNIT.replace(
        "return self.bn(self.conv(x))",
        "y = self.conv(x)\n        print()\n        return self.bn(y)",
    )
    assert "Unit.bn in each" in notes(result(net, unit=unit))


TABLE = """
import torch.nn as nn

LAYERS = {}


def register(name):
    def wrap(function):
        LAYERS[name] = function
        return function
    return wrap


@register("conv")
def conv(width, **options):
    return nn.Conv2d(width, width, 3, padding=1, **options)


@register("norm")
def norm(width, **options):
    return nn.BatchNorm2d(width)


def make(name, *args, **options):
    return LAYERS[name](*args, **options)
"""


def test_a_table_of_functions_that_another_file_fills() -> None:
    net = """
from net import make


KINDS = [("conv", {"groups": 2}), ("norm", {})]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(*[make(name, 8, **options) for name, options in KINDS])

    def forward(self, x):
        return self.body(x)
"""
    found = result(TABLE, unit=f"import torch.nn as nn\n{net}")
    (record,) = found.records
    assert (record.name, record.status) == ("make", "may be split")
    (warning,) = found.warnings
    assert "nn.BatchNorm2d(width) stays behind the concatenation of make" in warning.message
