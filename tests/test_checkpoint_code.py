"""The code that loads the state dict of the original: what it looks like, and where it stands.

What it does is in test_checkpoint_loading.py.
"""

from __future__ import annotations

import ast
from pathlib import Path
from textwrap import dedent, indent

import pytest

from cases import CONV, model
from gencode import Options, TemplateError, helper_source, split_source
from gencode.command import main
from sources import write

ROOT = Path(__file__).parents[1]
HEAD = "import torch\nimport torch.nn as nn\n\n\n"
METHOD = """\
def _load_from_state_dict(self, state_dict, prefix, *args):
    super()._load_from_state_dict(state_dict, prefix, *args)
"""
LOAD_CONV = 'load_parts(self, "conv", ["conv_0", "conv_1"], state_dict, prefix, *args)\n'


def split(source: str, options: Options = Options()) -> str:
    """What a source becomes, which parses and does not change any more."""
    text = split_source(source, options).text
    ast.parse(text)
    assert split_source(text, options).text is text
    return text


def without_function(text: str) -> str:
    """A source without the function that hands the weights on."""
    start = text.index("def load_parts")
    end = text.index("\n\n\n", start) + 3
    assert text[start:end].rstrip().endswith("for path, share in zip(held, shares))")
    return text[:start] + text[end:]


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
    """The function is that of generated/, whose freshness is tested elsewhere."""
    generated = (ROOT / "generated" / "grouped_1d.py").read_text(encoding="utf-8")
    function = generated[generated.index("def load_parts(") : generated.index("class ")]
    options = Options(style=style)
    source = model(CONV)
    bare = split_source(source, Options(style=style, checkpoint=False)).text
    names = '["conv_0", "conv_1"]' if style == "explicit" else '[f"conv.{i}" for i in range(2)]'
    load = f'load_parts(self, "conv", {names}, state_dict, prefix, *args)\n'
    if style == "loop":
        load = f'load_parts(\n    self, "conv", {names}, state_dict, prefix, *args\n)\n'
    start = bare.index("class Net")
    end = bare.index("\n    def forward")
    expected = (
        bare[:start].rstrip("\n")
        + "\n\n\n"
        + function
        + bare[start:end]
        + "\n"
        + indent(METHOD + indent(load, " " * 4), " " * 4)
        + bare[end:]
    )
    assert split(source, options) == expected


@pytest.mark.parametrize("style", ["explicit", "loop"])
def test_no_import_is_needed_for_it(style: str) -> None:
    source = model(CONV)
    assert split(source, Options(style=style)).startswith(source[: source.index("\n\n")])


@pytest.mark.parametrize(
    ("init", "paths"),
    [
        ("self.conv = nn.Conv2d(c, 2 * c, 3, groups=4)", '[f"conv.{i}" for i in range(4)]'),
        (
            "self.conv = nn.Conv2d(c, c, 3, groups=4)",
            '[f"conv.{i}" for i in range(len(getattr(self, "conv", ())))]',
        ),
        (
            "self.conv = nn.Conv2d(c, c, 3, groups=g)",
            '[f"conv.{i}" for i in range(len(getattr(self, "conv", ())))]',
        ),
        (
            "if g:\n    self.conv = nn.Conv2d(c, c, 3, groups=g)\n"
            "else:\n    self.conv = nn.Conv2d(c, g, 3, groups=c)",
            '[f"conv.{i}" for i in range(len(getattr(self, "conv", ())))]',
        ),
    ],
)
def test_the_parts_of_a_loop(init: str, paths: str) -> None:
    options = Options(style="loop", black={"line-length": 130})
    load = f'load_parts(self, "conv", {paths}, state_dict, prefix, *args)'
    assert method(split(net(init, "return self.conv(x)"), options)) == f"{METHOD}    {load}\n"


def test_a_line_that_is_too_long_is_broken_as_the_project_has_it() -> None:
    init = "self.conv = nn.Conv2d(c, c, 3, groups=g)"
    text = split(net(init, "return self.conv(x)"), Options(style="loop"))
    assert method(text) == METHOD + (
        '    load_parts(\n        self,\n        "conv",\n'
        '        [f"conv.{i}" for i in range(len(getattr(self, "conv", ())))],\n'
        "        state_dict,\n        prefix,\n        *args,\n    )\n"
    )


def test_private_names_are_those_of_the_state_dict() -> None:
    text = split(model("self.__conv = nn.Conv2d(4, 4, 1, groups=2)", "return self.__conv(x)"))
    assert '"_Net__conv", ["_conv_0", "_conv_1"]' in text
    text = split(
        model("self.__conv = nn.Conv2d(4, 4, 1, groups=2)", "return self.__conv(x)"),
        Options(style="loop"),
    )
    assert '"_Net__conv"' in text and 'f"_Net__conv.{i}" for i in range(2)' in text


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
    text = split(source)
    before, after = text.split("    def _load_from_state_dict(self, state_dict, prefix, *args):\n")[
        1:
    ]
    assert before.startswith("        super()") and "convs." in before  # that of the helper
    assert after.startswith(
        "        super()._load_from_state_dict(state_dict, prefix, *args)\n"
        "        parts = {\n"
        '            "b": ["b_0", "b_1"],\n'
        '            "a": ["a_0", "a_1", "a_2", "a_3"],\n'
        '            "d": ["d_0", "d_1"],\n'
        "        }\n"
        "        for name, paths in parts.items():\n"
        "            load_parts(self, name, paths, state_dict, prefix, *args)\n\n"
        "    def later(self):\n"
    )
    assert "wrapped" not in after[: after.index("def later")]


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
                    def build(self): self.conv = nn.Conv2d(4, 4, 1, groups=2)
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
        # What is built in several methods: after the first.
        (
            """
            class Net(nn.Module):
                def one(self):
                    self.conv = nn.Conv2d(4, 4, 1, groups=2)

                def two(self):
                    self.conv = nn.Conv2d(4, 4, 1, groups=2)

                def forward(self, x):
                    return self.conv(x)
            """,
            """
            class Net(nn.Module):
                def one(self):
                    self.conv_0 = nn.Conv2d(2, 2, 1)
                    self.conv_1 = nn.Conv2d(2, 2, 1)

                METHOD

                def two(self):
                    self.conv_0 = nn.Conv2d(2, 2, 1)
                    self.conv_1 = nn.Conv2d(2, 2, 1)

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
            "METHOD": METHOD + indent(LOAD_CONV, " " * 4),
        }.get(line.strip(), f"{line.strip()}\n")
        expected += indent(code, space)
    assert without_function(split(source, Options(black={"line-length": 100}))) == expected


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
    options = Options(style=style, black={"line-length": 100})
    expected = without_function(split(source, options))
    assert expected.endswith(", prefix, *args)\n")
    given = source if is_ended else source[:-1]
    text = split(given.replace("    ", space).replace("\n", end), options)
    assert not {"\r", "\n"} & set(text.replace(end, ""))
    text = text.replace(end, "\n")
    assert f"\n{space}_, strict, " in text
    found = without_function(text)
    assert found == (expected if is_ended else expected[:-1]).replace("    ", space)


def test_one_line_is_left_between_the_methods() -> None:
    for empty in range(4):
        source = model(CONV).replace("\n\n    def forward", "\n" * (empty + 1) + "    def forward")
        text = without_function(split(source))
        assert "conv_1 = nn.Conv2d(8, 16, 3)\n\n    def _load_from_state_dict(" in text
        assert ", prefix, *args)\n" + "\n" * max(empty, 1) + "    def forward" in text


def test_only_what_is_an_attribute_is_loaded_by_its_class() -> None:
    source = model("self.nets = nn.Sequential(nn.Conv2d(4, 4, 1, groups=g))")
    text = split(source)
    assert text.count("def _load_from_state_dict") == 1
    assert "def _load_from_state_dict" not in text[text.index("class Net") :]
    assert method(text) == METHOD + (
        '    parts = [f"convs.{i}" for i in range(self.groups)]\n'
        "    load_parts(self, parts, state_dict, prefix, *args)\n"
    )


def test_a_name_that_is_taken() -> None:
    for more in ("def load_parts(x): return x\n", "def f(load_parts): return load_parts\n"):
        text = split(model(CONV, top=more))
        assert "def load_parts_2(owner, name," in text
        assert '        load_parts_2(self, "conv", ["conv_0", "conv_1"]' in text


def test_the_function_that_is_there_serves_another_class() -> None:
    more = "\n\n" + model(CONV).replace("Net", "More").replace("conv", "more").split("\n\n\n")[1]
    for options in (Options(), Options(helper_module=".splitting")):
        text = split(model(CONV), options)
        both = split(text + more, options)
        assert both.startswith(text + "\n\nclass More")
        assert '"more", ["more_0", "more_1"]' in both
        assert both.count("load_parts(self, ") == 2 and "load_parts_2" not in both


def test_a_class_that_has_the_method_is_split_where_it_is_built() -> None:
    for code in (
        "\n    def _load_from_state_dict(self, *args):\n        pass\n",
        "\n    _load_from_state_dict = other\n",
    ):
        result = split_source(model(CONV) + code)
        (record,) = result.records
        assert (record.status, record.style) == ("split", "module")
        assert record.note == "Net loads its weights by a _load_from_state_dict of its own"
        assert result.text.endswith(code)
        (record,) = split_source(model(CONV) + code, Options(checkpoint=False)).records
        assert (record.style, record.note) == ("explicit", "")
        other = "\n\nclass Other:" + code
        assert [each.style for each in split_source(model(CONV) + other).records] == ["explicit"]


def test_a_convolution_added_to_a_class_that_was_split() -> None:
    text = split(model(CONV)).replace(
        "    def _load", "        self.more = nn.Conv2d(4, 4, 1, groups=2)\n\n    def _load"
    )
    (record,) = split_source(text).records
    assert record.style == "module"
    assert record.note == "Net loads its weights by a _load_from_state_dict of its own"


@pytest.mark.parametrize("style", ["explicit", "loop", "module"])
def test_it_can_be_left_out(
    style: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    source = model(CONV + "\nself.other = nn.Sequential(nn.Conv2d(4, 4, 1, groups=g))")
    Path("model.py").write_text(source)
    text = split(source, Options(style=style, checkpoint=False))
    for word in ("load_parts", "_load_from_state_dict", "state_dict"):
        assert word not in text
    assert main(["model.py", "--style", style, "--no-checkpoint"]) == 0
    assert capsys.readouterr().out == text
    assert main(["model.py", "--style", style]) == 0
    assert capsys.readouterr().out == split(source, Options(style=style)) != text


def test_the_module_that_holds_the_helper() -> None:
    text = helper_source()
    assert "def load_parts(owner, name, parts, state_dict, prefix, *others):\n" in text
    assert text.count("def _load_from_state_dict(") == 2
    bare = helper_source(Options(checkpoint=False))
    assert "load_parts" not in bare and "state_dict" not in bare
    compile(bare, "splitting.py", "exec")


@pytest.mark.parametrize(
    ("init", "names"),
    [
        (CONV, ["load_parts"]),
        ("self.conv = nn.Conv2d(16, 32, 3, groups=g)", ["split_groups"]),
        (
            f"{CONV}\nself.other = nn.Conv2d(16, 32, 3, groups=g)",
            ["split_groups", "load_parts"],
        ),
    ],
)
def test_what_is_imported_of_the_helper(init: str, names: list[str]) -> None:
    """What is split where it is built loads its weights by a method of the helper."""
    options = Options(helper_module=".splitting")
    text = split(model(init), options)
    assert split_source(model(init), options).imports_helper
    imports = [line for line in text.splitlines() if "splitting" in line]
    assert imports == [f"from .splitting import {', '.join(names)}"]
    assert "def load_parts" not in text
    assert ("_load_from_state_dict" in text) is ("load_parts" in names)


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


def test_a_tree_that_imports_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write({f"src/models/{path}": text for path, text in TREE.items()})
    arguments = ["src/models", "-o", "out/models", "--helper-module", "splitting"]
    assert main(arguments) == 0
    assert "\nfrom .splitting import load_parts\n" in Path("out/models/net.py").read_text()
    assert "\nfrom .splitting import split_groups\n" in Path("out/models/layers.py").read_text()
    assert Path("out/models/splitting.py").read_text() == helper_source()
    arguments[3:3] = ["--no-checkpoint"]
    arguments[2] = "bare/models"
    assert main(arguments) == 0
    assert "load_parts" not in Path("bare/models/net.py").read_text()
    assert "load_parts" not in Path("bare/models/splitting.py").read_text()


def test_what_a_tree_imports_loads_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    from equivalence import assert_same_models, import_from

    monkeypatch.chdir(tmp_path)
    write({f"src/models/{path}": text for path, text in TREE.items()})
    assert main(["src/models", "-o", "out/models", "--helper-module", "splitting"]) == 0
    original, split = (import_from(each, "models").Net() for each in ("src", "out"))
    assert_same_models(original, split, torch.randn(2, 8, 5))


CHECKPOINT = "checkpoint.py.jinja"


def template() -> str:
    return (ROOT / "templates" / CHECKPOINT).read_text(encoding="utf-8")


def test_a_template_of_the_user_s(tmp_path: Path) -> None:
    text = template().replace("    super()._load", "    # Hooks come first.\n    super()._load")
    text = text.replace("    modules = dict", "    print(parts)\n    modules = dict")
    (tmp_path / CHECKPOINT).write_text(text, encoding="utf-8")
    found = split(model(CONV), Options(templates=tmp_path))
    assert found.count("        # Hooks come first.\n        super()._load") == 1
    assert found.count("    print(parts)\n    modules = ") == 1
    wrapped = model("self.conv = nn.Conv2d(16, 32, 3, groups=g)")
    found = split(wrapped, Options(templates=tmp_path))
    assert found.count("    print(parts)\n    modules = ") == 1 and "# Hooks" not in found
    for source in (model(CONV), wrapped):
        assert "print(parts)" not in split(source, Options(templates=tmp_path, checkpoint=False))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("{% macro method(owner) %}", "{% macro method(owner) %", "line LINE: "),
        ("{{ each.paths }}", "{{ each.path }}", "line LINE: "),
        ("def {{ helper.names.load }}", "def {{ helper.names.lod }}", "line LINE: "),
        ("{% macro method(owner) %}", "{% macro other(owner) %}", ": it has no macro method"),
        ("super()._load_from", "super(._load_from", "emits what is not Python"),
        ("shares = given.chunk", "shares == = given.chunk", "emits what is not Python"),
    ],
)
def test_a_faulty_template(tmp_path: Path, old: str, new: str, words: str) -> None:
    """It is named, though that of the helper makes use of it."""
    line = template()[: template().index(old)].count("\n") + 1
    (tmp_path / CHECKPOINT).write_text(template().replace(old, new), encoding="utf-8")
    with pytest.raises(TemplateError) as caught:
        split_source(model(CONV), Options(templates=tmp_path))
    assert words.replace("LINE", str(line)) in str(caught.value)
    assert "Python" in words or str(caught.value).startswith(f"template {CHECKPOINT}")
    assert "\n" not in str(caught.value)


def test_a_template_of_the_helper_that_asks_for_what_this_one_lacks(tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).write_text("{% macro method(owner) %}pass{% endmacro %}")
    with pytest.raises(TemplateError, match="has no attribute 'definition'"):
        split_source(model(CONV), Options(templates=tmp_path))
