"""The code that loads the state dict of the original: what it looks like, and where it stands.

What it does is in test_checkpoint_loading.py.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from textwrap import dedent, indent

import pytest

from cases import CONV, model
from gencode import Options, TemplateError, helper_source, split_source
from gencode.command import main

ROOT = Path(__file__).parents[1]
HEAD = "import torch\nimport torch.nn as nn\n\n\n"
METHOD = '''\
def _load_from_state_dict(self, state_dict, prefix, *args):
    """Let a state dict of the model before the split load as well."""
    for name in ("weight", "bias"):
        old = f"{prefix}conv.{name}"
        new = [f"{prefix}conv_{i}.{name}" for i in range(2)]
        if old in state_dict and state_dict.keys().isdisjoint(new):
            state_dict.update(zip(new, state_dict.pop(old).chunk(2)))
    super()._load_from_state_dict(state_dict, prefix, *args)
'''


def split(source: str, options: Options = Options()) -> str:
    """What a source becomes, which parses and does not change any more."""
    text = split_source(source, options).text
    ast.parse(text)
    assert split_source(text, options).text is text
    return text


def net(init: str, forward: str = "return x", more: str = "") -> str:
    """A model of some width and number of groups."""
    return (
        f"{HEAD}class Net(nn.Module):\n    def __init__(self, c, g):\n"
        f"        super().__init__()\n{indent(dedent(init), ' ' * 8)}\n"
        f"{indent(dedent(more), ' ' * 4)}\n"
        f"    def forward(self, x):\n{indent(dedent(forward), ' ' * 8)}\n"
    )


def method(text: str) -> str:
    """The only method that loads weights, as it stands in a class of the module."""
    assert text.count("    def _load_from_state_dict(") == 1
    lines = text[text.index("    def _load_from_state_dict(") :].splitlines()
    end = next((at for at, line in enumerate(lines) if not line and at), len(lines))
    return dedent("\n".join([*lines[:end], ""]))


@pytest.mark.parametrize("style", ["explicit", "loop"])
def test_all_that_is_emitted_and_where(style: str) -> None:
    bare = split_source(model(CONV), Options(style=style, checkpoint=False)).text
    start = bare.index("\n    def forward")
    code = METHOD if style == "explicit" else METHOD.replace("conv_{i}", "conv.{i}")
    expected = bare[:start] + "\n" + indent(code, " " * 4) + bare[start:]
    assert split(model(CONV), Options(style=style)) == expected


@pytest.mark.parametrize("style", ["explicit", "loop"])
def test_no_import_is_needed_for_it(style: str) -> None:
    source = model(CONV)
    assert split(source, Options(style=style)).startswith(source[: source.index("\n\n")])


@pytest.mark.parametrize(
    ("init", "names"),
    [
        ("groups=2", "weight bias"),
        ("groups=2, bias=c", "weight bias"),
        ("groups=2, bias=False", "weight"),
        ("1, 0, 1, 2, None)\nself.bn = nn.InstanceNorm2d(8", "weight"),
        ("groups=2, bias=False)\nself.bn = nn.InstanceNorm2d(8, affine=True", "weight bias"),
        (
            "groups=2, bias=False)\nself.bn = nn.InstanceNorm2d(8, 1e-5, 0.1, False, c",
            "weight running_mean running_var num_batches_tracked",
        ),
        (
            "groups=2)\nself.bn = nn.BatchNorm2d(8",
            "weight bias running_mean running_var num_batches_tracked",
        ),
        (
            "groups=2, bias=False)\nself.bn = nn.BatchNorm2d(8, affine=False",
            "weight running_mean running_var num_batches_tracked",
        ),
    ],
)
def test_what_cannot_be_in_a_state_dict_is_not_looked_for(init: str, names: str) -> None:
    norm = "self.bn" in init
    forward = "return self.bn(self.conv(x))" if norm else "return self.conv(x)"
    text = method(split(net(f"self.conv = nn.Conv2d(8, 8, 1, {init})", forward)))
    known = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    assert [each for each in known if f'"{each}"' in text] == names.split()
    assert ('"bn"' in text) is (norm and names != "weight")


def test_private_names_are_those_of_the_state_dict() -> None:
    source = model("self.__conv = nn.Conv2d(4, 4, 1, groups=2)", "return self.__conv(x)")
    for style, part in (("explicit", "_conv_"), ("loop", "_Net__conv.")):
        text = split(source, Options(style=style))
        assert 'f"{prefix}_Net__conv.{name}"' in text and f'f"{{prefix}}{part}{{i}}.' in text


def test_all_attributes_of_a_class_in_the_order_of_the_source() -> None:
    source = net(
        "self.b = nn.Conv2d(4, 4, 1, groups=2)\nself.later()\n"
        "self.wrapped = nn.Sequential(nn.Conv2d(4, 4, 1, groups=g))",
        "return self.b(self.a(self.d(x)))",
        """
        def later(self):
            self.a = nn.Conv2d(8, 8, 1, groups=8 // 2)
            self.d = nn.Conv2d(4, 4, 1, groups=2)
        """,
    )
    text = split(source).partition("class Net")[2]
    assert text.count("def _load_from_state_dict(") == 1
    rows = '("b", "b_", 2), ("a", "a_", 4), ("d", "d_", 2)'
    assert f"for attribute, part, count in ({rows}):\n" in text
    assert text.index("def _load") < text.index("def later(self):\n")
    text = split(source, Options(max_unroll=2)).partition("class Net")[2]
    rows = '("b", "b_", 2), ("a", "a.", 4), ("d", "d_", 2)'
    assert f"for attribute, part, count in ({rows}):\n" in text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # Comments in the block of the method that builds it stay there, others where they are.
        (
            """
            class Net(nn.Module):
                def forward(self, x):
                    return self.conv(x)

                def __init__(self):
                    super().__init__()
                    self.conv = nn.Conv2d(4, 4, 1, groups=2)  # beside
                    # below

                    # far below

                # of the class
                x = 1
            """,
            """
            class Net(nn.Module):
                def forward(self, x):
                    CALL

                def __init__(self):
                    super().__init__()
                    self.conv_0 = nn.Conv2d(2, 2, 1)  # beside
                    self.conv_1 = nn.Conv2d(2, 2, 1)
                    # below

                    # far below

                METHOD

                # of the class
                x = 1
            """,
        ),
        # A comment of less indent than the method ends the class.
        (
            """
            class Net(nn.Module):
                def forward(self, x):
                    return self.conv(x)

                def __init__(self):
                    super().__init__()
                    self.conv = nn.Conv2d(4, 4, 1, groups=2)
            # of the module

                    # odd
            x = 1
            """,
            """
            class Net(nn.Module):
                def forward(self, x):
                    CALL

                def __init__(self):
                    super().__init__()
                    self.conv_0 = nn.Conv2d(2, 2, 1)
                    self.conv_1 = nn.Conv2d(2, 2, 1)

                METHOD
            # of the module

                    # odd
            x = 1
            """,
        ),
        # The method that builds it need not be __init__, nor stand in the class itself.
        (
            """
            class Net(nn.Module):
                def __init__(self):
                    super().__init__()

                if X:
                    @torch.no_grad()
                    def build(self):
                        self.conv = nn.Conv2d(4, 4, 1, groups=2)
                else:
                    pass
                def forward(self, x):
                    return self.conv(x)
            """,
            """
            class Net(nn.Module):
                def __init__(self):
                    super().__init__()

                if X:
                    @torch.no_grad()
                    def build(self):
                        self.conv_0 = nn.Conv2d(2, 2, 1)
                        self.conv_1 = nn.Conv2d(2, 2, 1)
                else:
                    pass

                METHOD

                def forward(self, x):
                    CALL
            """,
        ),
        # Each class has its own, and one without anything split has none.
        (
            """
            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.conv = nn.Conv2d(4, 4, 1, groups=2)

                def forward(self, x):
                    return self.conv(x)


            class Plain(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.conv1 = nn.Conv2d(4, 4, 1)


            class Other(nn.Module):
                def forward(self, x):
                    return self.conv(x)

                def __init__(self):
                    super().__init__()
                    self.conv = nn.Conv2d(4, 4, 1, groups=2)
            """,
            """
            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.conv_0 = nn.Conv2d(2, 2, 1)
                    self.conv_1 = nn.Conv2d(2, 2, 1)

                METHOD

                def forward(self, x):
                    CALL


            class Plain(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.conv1 = nn.Conv2d(4, 4, 1)


            class Other(nn.Module):
                def forward(self, x):
                    CALL

                def __init__(self):
                    super().__init__()
                    self.conv_0 = nn.Conv2d(2, 2, 1)
                    self.conv_1 = nn.Conv2d(2, 2, 1)

                METHOD
            """,
        ),
        # A class inside the method that it ends, and inside a function.
        (
            """
            def make():
                class Net(nn.Module):
                    def forward(self, x):
                        return self.conv(x)

                    def __init__(self):
                        super().__init__()
                        self.conv = nn.Conv2d(4, 4, 1, groups=2)

                        class Inner(nn.Module):
                            def forward(self, x):
                                return self.conv(x)

                            def __init__(self):
                                super().__init__()
                                self.conv = nn.Conv2d(4, 4, 1, groups=2)
                                # inner
                            # of Inner

                        # outer
                return Net()
            """,
            """
            def make():
                class Net(nn.Module):
                    def forward(self, x):
                        CALL

                    def __init__(self):
                        super().__init__()
                        self.conv_0 = nn.Conv2d(2, 2, 1)
                        self.conv_1 = nn.Conv2d(2, 2, 1)

                        class Inner(nn.Module):
                            def forward(self, x):
                                CALL

                            def __init__(self):
                                super().__init__()
                                self.conv_0 = nn.Conv2d(2, 2, 1)
                                self.conv_1 = nn.Conv2d(2, 2, 1)
                                # inner

                            METHOD

                            # of Inner

                        # outer

                    METHOD
                return Net()
            """,
        ),
        (
            """
            class Net(nn.Module):
                def forward(self, x):
                    return self.conv(x)

                def __init__(self):
                    super().__init__()
                    self.conv = nn.Conv2d(4, 4, 1, groups=2)

                    class Inner(nn.Module):
                        def forward(self, x):
                            return self.conv(x)

                        def __init__(self):
                            super().__init__()
                            self.conv = nn.Conv2d(4, 4, 1, groups=2)
            """,
            """
            class Net(nn.Module):
                def forward(self, x):
                    CALL

                def __init__(self):
                    super().__init__()
                    self.conv_0 = nn.Conv2d(2, 2, 1)
                    self.conv_1 = nn.Conv2d(2, 2, 1)

                    class Inner(nn.Module):
                        def forward(self, x):
                            CALL

                        def __init__(self):
                            super().__init__()
                            self.conv_0 = nn.Conv2d(2, 2, 1)
                            self.conv_1 = nn.Conv2d(2, 2, 1)

                        METHOD

                METHOD
            """,
        ),
    ],
)
def test_where_the_method_stands(before: str, after: str) -> None:
    source, expected = HEAD + dedent(before).strip("\n") + "\n", HEAD
    for line in dedent(after).strip("\n").splitlines():
        space = line[: len(line) - len(line.lstrip())]
        code = {
            "CALL": "conv_0 = self.conv_0(x[:, 0:2])\nconv_1 = self.conv_1(x[:, 2:4])\n"
            "return torch.cat((conv_0, conv_1), dim=1)\n",
            "METHOD": METHOD,
        }.get(line.strip(), f"{line.strip()}\n")
        expected += indent(code, space)
    assert split(source) == expected


@pytest.mark.parametrize("style", ["explicit", "loop"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("space", ["    ", "\t", "  "])
@pytest.mark.parametrize("is_ended", [True, False])
def test_line_ends_tabs_and_a_last_line_without_an_end(
    style: str, end: str, space: str, is_ended: bool
) -> None:
    """The class ends with the method that builds the convolution, and the file with the class."""
    head, rest = model(CONV).split("    def __init__")
    init, forward = rest.split("\n\n    def forward")
    source = f"{head}    def forward{forward}\n    def __init__{init}\n"
    options = Options(style=style)
    expected = split(source, options)
    assert expected.endswith(", prefix, *args)\n")
    given = source if is_ended else source[:-1]
    text = split(given.replace("    ", space).replace("\n", end), options)
    assert not {"\r", "\n"} & set(text.replace(end, ""))
    found = text.replace(end, "\n")
    assert found == (expected if is_ended else expected[:-1]).replace("    ", space)


def test_one_line_is_left_between_the_methods() -> None:
    for empty in range(4):
        source = model(CONV).replace("\n\n    def forward", "\n" * (empty + 1) + "    def forward")
        text = split(source)
        assert "conv_1 = nn.Conv2d(8, 16, 3)\n\n    def _load_from_state_dict(" in text
        assert ", prefix, *args)\n" + "\n" * max(empty, 1) + "    def forward" in text


def test_only_what_is_an_attribute_is_loaded_by_its_class() -> None:
    source = model("self.nets = nn.Sequential(nn.Conv2d(4, 4, 1, groups=g))")
    text = split(source)
    assert text.count("def _load_from_state_dict") == 1
    assert "def _load_from_state_dict" not in text[text.index("class Net") :]


def test_a_class_that_has_the_method_is_split_where_it_is_built() -> None:
    for code in (
        "\n    def _load_from_state_dict(self, *args):\n        pass\n",
        "\n    _load_from_state_dict = other\n",
    ):
        result = split_source(model(CONV) + code)
        (record,) = result.records
        assert (record.status, record.style) == ("split", "built")
        assert record.note == "Net loads its weights by a _load_from_state_dict of its own"
        assert code in result.text
        (record,) = split_source(model(CONV) + code, Options(checkpoint=False)).records
        assert (record.style, record.note) == ("explicit", "")
        other = "\n\nclass Other:" + code
        assert [each.style for each in split_source(model(CONV) + other).records] == ["explicit"]


def test_a_convolution_added_to_a_class_that_was_split() -> None:
    text = split(model(CONV)).replace(
        "    def _load", "        self.more = nn.Conv2d(4, 4, 1, groups=2)\n\n    def _load"
    )
    (record,) = split_source(text).records
    assert record.style == "built"
    assert record.note == "Net loads its weights by a _load_from_state_dict of its own"


@pytest.mark.parametrize("style", ["explicit", "loop"])
def test_it_can_be_left_out(
    style: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(model(CONV))
    text = split(model(CONV), Options(style=style, checkpoint=False))
    assert "state_dict" not in text
    assert main(["model.py", "--style", style, "--no-checkpoint"]) == 0
    assert capsys.readouterr().out == text
    assert main(["model.py", "--style", style]) == 0
    assert capsys.readouterr().out == split(model(CONV), Options(style=style)) != text


@pytest.mark.parametrize("more", ["", "\nself.other = nn.Conv2d(16, 32, 3, groups=g)"])
def test_nothing_is_imported_for_what_is_written_out(more: str) -> None:
    """What is split where it is built loads its weights by a method of the helper."""
    options = Options(helper_module=".splitting")
    result = split_source(model(CONV + more), options)
    assert result.imports_helper is bool(more)
    imports = [line for line in result.text.splitlines() if "splitting" in line]
    assert imports == (["from .splitting import split_conv"] if more else [])
    assert indent(METHOD, " " * 4) in split(model(CONV + more), options)


TREE = {
    "__init__.py": "from .net import Net\n",
    "net.py": (
        "import torch.nn as nn\n\nfrom .layers import conv1x1\n\n\n"
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.conv = nn.Conv1d(8, 8, 1, groups=2)\n"
        "        self.more = nn.Sequential(conv1x1(8, 4), nn.Conv1d(8, 8, 1))\n\n"
        "    def forward(self, x):\n        return self.more(self.conv(x))\n"
    ),
    "layers.py": (
        "from torch import nn\n\n\ndef conv1x1(width, groups):\n"
        "    return nn.Conv1d(width, width, 1, groups=groups)\n"
    ),
}
SCRIPT = """\
import torch
from models import Net
net = Net()
{act}
print([round(each, 4) for each in net(torch.ones(1, 8, 5)).flatten().tolist()])
"""


def test_a_tree_that_imports_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path, text in TREE.items():
        file = Path("src", "models", path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    arguments = ["src/models", "-o", "out/models", "--helper-module", "splitting"]
    assert main(arguments) == 0
    assert "splitting" not in Path("out/models/net.py").read_text()
    assert "\nfrom .splitting import split_conv\n" in Path("out/models/layers.py").read_text()
    assert Path("out/models/splitting.py").read_text() == helper_source(blocks=frozenset())
    pytest.importorskip("torch")
    saved = run("src", "torch.save(net.state_dict(), '../net.pt')")
    assert run("out", "net.load_state_dict(torch.load('../net.pt'))") == saved


def run(directory: str, act: str) -> str:
    """What the model of a directory gives after some act."""
    command = [sys.executable, "-B", "-c", SCRIPT.format(act=act)]
    return subprocess.run(command, cwd=directory, check=True, capture_output=True, text=True).stdout


CHECKPOINT = "checkpoint.py.jinja"


def template() -> str:
    return (ROOT / "templates" / CHECKPOINT).read_text(encoding="utf-8")


WRAPPED = model("self.conv = nn.Conv2d(16, 32, 3, groups=g)")


def test_a_template_of_the_user_s(tmp_path: Path) -> None:
    text = template().replace("    super()._load", "    # Hooks come first.\n    super()._load")
    (tmp_path / CHECKPOINT).write_text(text, encoding="utf-8")
    found = split(model(CONV), Options(templates=tmp_path))
    assert found.count("        # Hooks come first.\n        super()._load") == 1
    assert "# Hooks" not in split(WRAPPED, Options(templates=tmp_path))
    bare = split(model(CONV), Options(templates=tmp_path, checkpoint=False))
    assert "# Hooks" not in bare


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("{% macro method(owner) %}", "{% macro method(owner) %", "line LINE: "),
        ("owner.tensors |", "owner.tensers |", "line LINE: "),
        ("{% macro method(owner) %}", "{% macro other(owner) %}", ": it has no macro method"),
        ("super()._load_from", "super(._load_from", "emits what is not Python"),
    ],
)
def test_a_faulty_template(tmp_path: Path, old: str, new: str, words: str) -> None:
    line = template()[: template().index(old)].count("\n") + 1
    (tmp_path / CHECKPOINT).write_text(template().replace(old, new), encoding="utf-8")
    with pytest.raises(TemplateError) as caught:
        split_source(model(CONV), Options(templates=tmp_path))
    assert words.replace("LINE", str(line)) in str(caught.value)
    assert "Python" in words or str(caught.value).startswith(f"template {CHECKPOINT}")
    assert "\n" not in str(caught.value)
