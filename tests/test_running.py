"""What a constructor or a forward runs must work with what is split; what nobody runs is said."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from gencode import Result, split_source
from gencode.project_files import Locator

LAYER = """\
import torch
from torch import nn
from torch.nn import init
{imports}

class Layer(nn.Module):
    def __init__(self, g):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 1, groups=g)

    def forward(self, x):
        return self.conv(x)


"""
REFUSED = "its bias is set"


def source(code: str, imports: str = "") -> str:
    return LAYER.format(imports=imports) + dedent(code)


def is_refused(result: Result) -> bool:
    """Whether the convolution stays for what is done with its bias; that is said in any case."""
    (record,) = result.records
    if record.is_split:
        assert any("this will raise" in each.message for each in result.warnings)
        return False
    assert REFUSED in record.detail
    return True


def of_base(base: str, method: str, more: str = "") -> str:
    return f"""
        class Net({base}):
            def __init__(self, g):
                super().__init__()
                self.layer = Layer(g)
                {more or "pass"}

            def forward(self, x):
                return self.layer(x)

            def {method}(self, module):
                self.fill(module)

            def fill(self, module):
                if isinstance(module, Layer):
                    init.constant_(module.conv.bias, 0)
    """


@pytest.mark.parametrize("method", ["_init_weights", "init_weights", "reset_parameters"])
@pytest.mark.parametrize(
    ("base", "imports"),
    [
        ("PreTrainedModel", "from transformers import PreTrainedModel"),
        ("BaseModule", "from mmengine.model import BaseModule"),
        ("made()", "from somewhere import made"),
        ("nn.Transformer", ""),
    ],
)
def test_what_a_base_class_calls_by_convention(base: str, imports: str, method: str) -> None:
    assert is_refused(split_source(source(of_base(base, method), imports)))


@pytest.mark.parametrize("more", ["", "class Own(Net, Strange): pass\n"])
def test_what_no_base_class_calls(more: str) -> None:
    text = source(of_base("nn.Module", "init_weights"), "from somewhere import Strange")
    assert is_refused(split_source(f"{text}\n\n{more}")) == bool(more)


@pytest.mark.parametrize(
    ("base", "imports"),
    [
        ("nn.Sequential", ""),
        ("LightningModule", "from lightning import LightningModule"),
        ("PreTrainedModel", "from transformers import PreTrainedModel"),
    ],
)
def test_other_methods(base: str, imports: str) -> None:
    method = "fuse" if base == "PreTrainedModel" else "init_weights"
    assert not is_refused(split_source(source(of_base(base, method), imports)))


@pytest.mark.parametrize(
    ("files", "is_run"),
    [
        ({"base.py": "self.apply(self.prepare)"}, True),
        ({"base.py": "for m in self.modules():\n            self.prepare(m)"}, True),
        ({"base.py": "self.kept = 1"}, False),
    ],
)
def test_what_a_base_class_of_the_project_runs(
    files: dict[str, str], is_run: bool, tmp_path: Path
) -> None:
    base = (
        "from torch import nn\n\n\nclass Base(nn.Module):\n    def __init__(self):\n"
        f"        super().__init__()\n\n    def finish(self):\n        {files['base.py']}\n"
    )
    text = source(of_base("Base", "prepare", "self.finish()"), "from .base import Base")
    assert is_refused(in_package(tmp_path, text, {"base.py": base})) == is_run


CALLER = """
from torch import nn
from .net import Layer, clean


class Outer(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = Layer(2)

    def {method}(self, x):
        self.inner()
        return self.layer(x)

    def inner(self):
        clean(self.layer)
"""


@pytest.mark.parametrize(
    ("name", "method", "is_run"),
    [
        ("outer.py", "forward", True),
        ("outer.py", "fuse", False),
        ("test_outer.py", "forward", False),
    ],
)
def test_what_another_file_calls_in_a_forward(
    name: str, method: str, is_run: bool, tmp_path: Path
) -> None:
    text = source("def clean(layer):\n    layer.conv.bias.data.zero_()\n")
    caller = CALLER.format(method=method)
    assert is_refused(in_package(tmp_path, text, {name: caller})) == is_run


@pytest.mark.parametrize(("method", "is_run"), [("forward", True), ("fuse", False)])
def test_a_method_that_another_file_calls(method: str, is_run: bool, tmp_path: Path) -> None:
    text = source("").rstrip() + "\n\n    def clean(self):\n        self.conv.bias.data.zero_()\n"
    caller = (
        CALLER.format(method=method)
        .replace(", clean", "")
        .replace("clean(self.layer)", "self.layer.clean()")
    )
    assert is_refused(in_package(tmp_path, text, {"outer.py": caller})) == is_run


@pytest.mark.parametrize(("name", "is_run"), [("outer.py", True), ("test_outer.py", False)])
def test_what_another_file_calls_that_speaks_of_it_too(
    name: str, is_run: bool, tmp_path: Path
) -> None:
    text = source("def clean(layer):\n    layer.conv.bias.data.zero_()\n")
    caller = CALLER.format(method="forward").replace(
        "clean(self.layer)", "clean(self.layer)\n        return self.layer.conv"
    )
    assert is_refused(in_package(tmp_path, text, {name: caller})) == is_run


@pytest.mark.parametrize(("method", "is_run"), [("forward", True), ("fuse", False)])
def test_what_another_file_does_itself(method: str, is_run: bool, tmp_path: Path) -> None:
    caller = (
        CALLER.format(method=method)
        .replace(", clean", "")
        .replace("clean(self.layer)", "self.layer.conv.bias.data.zero_()")
    )
    assert is_refused(in_package(tmp_path, source(""), {"outer.py": caller})) == is_run


def test_what_functions_call_in_a_circle(tmp_path: Path) -> None:
    text = source("def clean(layer):\n    layer.conv.bias.data.zero_()\n")
    caller = (
        "from .net import Layer, clean\n\n\n"
        "def one(m):\n    other(m)\n    clean(m)\n    m.conv\n\n\n"
        "def other(m):\n    one(m)\n    m.conv\n\n\n"
        "def both():\n    m = Layer(2)\n    one(m)\n    m.conv\n"
    )
    assert not is_refused(in_package(tmp_path, text, {"other.py": caller}))


def in_package(directory: Path, text: str, others: dict[str, str]) -> Result:
    """What becomes of a file of a package that has others."""
    (directory / "pyproject.toml").touch()
    package = directory / "package"
    package.mkdir()
    for name, other in {"__init__.py": "", "net.py": text, **others}.items():
        (package / name).write_text(other)
    return split_source(text, location=Locator().locate(package / "net.py"))


def test_what_an_imported_base_class_does_in_a_forward_is_said(
    tmp_path: Path,
) -> None:
    base = (
        "from torch import nn\nimport other\n\n\nclass Base(nn.Module):\n"
        "    def forward(self, x):\n        other.use(self)\n"
        "        for m in self.modules():\n            other.use(m)\n        return self.layer(x)\n"
    )
    text = source("class Net(Base):\n    layer = Layer(2)\n", "from .base import Base")
    result = in_package(tmp_path, text, {"base.py": base})
    (record,) = result.records
    assert record.is_split
    assert any("package/base.py, line 9: " in each.message for each in result.warnings)


KINDS = {
    "one of several": (
        "",
        "max([self.conv, self.head], key=len).padding = 1",
        "max() does with it",
    ),
    "what is added to what is not known": (
        "",
        "self.table = strangers.table()\n        self.table['a'] += [self.conv]",
        "operator does with it",
    ),
    "by its place": (
        "x = x + next(self.parameters()).shape[0]",
        "",
        "shape is read of each weight",
    ),
    "the class": ("x = x + len(str(self.net))", "", "the text of a model is taken"),
    "what is counted": ("x = x + len(list(self.modules()))", "", "they are counted"),
    "a stranger": ("x = x + strangers.use(self.conv)", "", "strangers.use() does with it"),
    "torch itself": ("", "nn.Conv2d.forward = strangers.forward", "Conv2d.forward is changed"),
}
KIND = """
import torch
import strangers
from torch import nn


class Net(nn.Module):
    def __init__(self, g):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 1, groups=g)
        self.head = nn.Conv2d(8, 8, 1)
        self.net = nn.Sequential(self.conv, nn.ReLU())
        {init}

    def forward(self, x):
        {forward}
        return self.head(self.net(x))

    {method}
"""


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_constructor_or_a_forward_does_is_refused_and_what_nobody_runs_is_said(
    kind: str,
) -> None:
    forward, init, what = KINDS[kind]
    (record,) = split_source(KIND.format(init=init, forward=forward, method="")).records
    assert record.status == "left"
    assert what in record.detail
    method = f"def other(self, x):\n        {init or forward}"
    result = split_source(KIND.format(init="", forward="", method=method))
    (record,) = result.records
    assert record.is_split
    is_owner = "model" in what
    assert is_owner or any(what in each.message for each in result.warnings)


@pytest.mark.parametrize("code", ["vars(self)[name]['conv'].padding = 1", "strangers.use(self)"])
def test_what_a_stranger_does_with_a_model_is_said(code: str) -> None:
    result = split_source(KIND.format(init=code, forward="", method=""))
    assert result.records[0].is_split
    assert any("it is not known what" in each.message for each in result.warnings)


def test_what_fuses_modules_is_said_wherever_it_is_given_a_model() -> None:
    method = "def fuse(self):\n        torch.quantization.fuse_modules(self, [['conv', 'net.1']])"
    result = split_source(KIND.format(init="", forward="", method=method))
    said = [each.message for each in result.warnings]
    assert any("a model is given to torch.quantization.fuse_modules" in each for each in said)


def test_a_class_that_sets_attributes_in_its_own_way_is_not_written_out() -> None:
    text = KIND.format(init="", forward="", method="").replace("groups=g", "groups=2")
    text = text.replace("self.net(x)", "self.conv(x)").replace("(self.conv, ", "(")
    assert split_source(text).records[0].style == "explicit"
    method = "\n    def __setattr__(self, name, value):\n        super().__setattr__(name, value)\n"
    assert split_source(text + method).records[0].style == "built"


@pytest.mark.parametrize("name", ["train", "__setattr__", "__getitem__"])
def test_what_torch_and_python_call_is_run_too(name: str) -> None:
    method = f"def {name}(self, *given):\n        print(next(self.parameters()).shape[0])"
    (record,) = split_source(KIND.format(init="", forward="", method=method)).records
    assert "shape is read of each weight" in record.detail


def test_what_is_given_with_a_tensor_is_applied_and_said() -> None:
    text = KIND.format(init="", forward="x = strangers.run(self.net, x)", method="")
    result = split_source(text)
    assert result.records[0].is_split
    assert "strangers.run() does with a model" in result.warnings[0].message


def test_what_others_give_a_function_is_said() -> None:
    """Nobody knows what it is; the constructor gives it something known."""
    named = (
        "def named(fn, m):\n    for name, each in m.named_children():\n        named(fn, each)\n"
        "    fn(m)\n\n\ndef known(m):\n    m.eval()\n"
    )
    text = KIND.format(init="named(known, self)", forward="", method="") + "\n\n" + named
    result = split_source(text)
    assert result.records[0].is_split


def test_a_norm_stays_where_a_forward_takes_what_the_convolution_gives() -> None:
    text = KIND.format(
        init="self.at = strangers.name()",
        forward="x = self.net.get_submodule(self.at)(x)",
        method="",
    ).replace("nn.ReLU()", "nn.BatchNorm2d(8)")
    (record,) = split_source(text).records
    assert "in each" not in record.detail
