"""The module style: what is written, where, and under which names."""

from __future__ import annotations

from textwrap import dedent

import pytest

from cases import assert_becomes, assert_wrapped, left, model
from gencode import Options, helper_source, split_source

HELPER = '''\
def equal_parts(module, count):
    """Copies of a module, each with its equal part of the weights along dimension 0."""
    tensors = dict(module.named_parameters(recurse=False))
    parts = []
    for number in range(count):
        part = copy.deepcopy(module, {id(each): None for each in tensors.values()})
        for name, whole in tensors.items():
            values = whole.detach().chunk(count)[number].clone()
            part._parameters[name] = nn.Parameter(values, whole.requires_grad)
        parts.append(part)
    return parts


class SplitGroups(nn.Module):
    """A grouped convolution as plain ones, one for each slice of the channels."""

    def __init__(self, conv):
        super().__init__()
        # What may be asked of a convolution.
        self.in_channels = conv.in_channels
        self.out_channels = conv.out_channels
        self.groups = conv.groups
        self.kernel_size = conv.kernel_size
        self.stride = conv.stride
        self.padding = conv.padding
        self.output_padding = conv.output_padding
        self.dilation = conv.dilation
        self.padding_mode = conv.padding_mode
        self.width = conv.in_channels // conv.groups
        self.convs = nn.ModuleList(equal_parts(conv, conv.groups))
        for part in self.convs:
            part.in_channels = self.width
            part.out_channels = conv.out_channels // conv.groups
            part.groups = 1

    def forward(self, input):
        width = self.width
        outputs = [
            conv(input[:, width * i : width * i + width])
            for i, conv in enumerate(self.convs)
        ]
        return torch.cat(outputs, dim=1)


def is_grouped(conv):
    """Whether a convolution is grouped; a depthwise one is not."""
    return conv.groups > 1 and not conv.groups == conv.in_channels == conv.out_channels


def split_groups(conv):
    """Split a grouped convolution; return a plain or depthwise one as it is."""
    return SplitGroups(conv) if is_grouped(conv) else conv


'''


def without_helper(text: str) -> str:
    """A source without the classes and functions of the helper, which are all at one place."""
    lines = text.splitlines(keepends=True)
    start = next(at for at, line in enumerate(lines) if line.startswith("def equal_parts("))
    ends = [at for at, line in enumerate(lines) if line.startswith("    return SplitGroups")]
    return "".join(lines[:start] + lines[ends[-1] + 3 :])


def split(source: str, **options: str) -> str:
    """What a source becomes but for loading weights, and that it does not change any more."""
    chosen = Options(checkpoint=False, **options)
    text = split_source(dedent(source), chosen).text
    assert split_source(text, chosen).text is text
    return text


def test_all_that_is_emitted() -> None:
    before = """\
import torch
import torch.nn as nn


def conv3x3(width, groups=1):
    return nn.Conv2d(width, width, 3, groups=groups)  # padding?
"""
    after = f"""\
import copy

import torch
import torch.nn as nn


{HELPER}def conv3x3(width, groups=1):
    return split_groups(nn.Conv2d(width, width, 3, groups=groups))  # padding?
"""
    assert_becomes(before, after)


def test_the_helper_stands_above_the_comment_of_the_first_definition() -> None:
    text = split("""\
        import copy

        import torch
        from torch import nn

        X = 1

        # About f,
        # at length.
        @torch.no_grad()
        def f(g):
            return nn.Conv2d(8, 8, 1, groups=g)
        """)
    assert without_helper(text) == dedent("""\
        import copy

        import torch
        from torch import nn

        X = 1


        # About f,
        # at length.
        @torch.no_grad()
        def f(g):
            return split_groups(nn.Conv2d(8, 8, 1, groups=g))
        """)


def test_a_module_without_definitions() -> None:
    text = split("""\
        import copy
        import torch
        import torch.nn as nn
        g = int(input())
        net = nn.Sequential(nn.Conv2d(8, 8, 1, groups=g))
        """)
    assert text.index("g = int") < text.index("\n\ndef equal_parts(") < text.index("net = ")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import torch.nn as nn\n", "import copy\n\nimport torch\nimport torch.nn as nn\n"),
        (
            "import abc\nimport math\n\nimport torch\nfrom torch import nn\n",
            "import abc\nimport copy\nimport math\n\nimport torch\nfrom torch import nn\n",
        ),
        (
            "import abc\nfrom math import pi\n\nimport torch\nfrom torch import nn\n",
            "import abc\nimport copy\nfrom math import pi\n\nimport torch\nfrom torch import nn\n",
        ),
        (
            "import abc\n\nimport torch\nfrom torch import nn\n",
            "import abc\nimport copy\n\nimport torch\nfrom torch import nn\n",
        ),
        (
            '"""Doc."""\nimport torch as t\nfrom torch import nn\n',
            '"""Doc."""\nimport copy\n\nimport torch as t\nfrom torch import nn\n',
        ),
        (
            "from copy import deepcopy\nimport torch\nfrom torch import nn\n",
            "import copy\nfrom copy import deepcopy\nimport torch\nfrom torch import nn\n",
        ),
        (
            "import copy\nimport torch\nfrom torch import nn\nfrom utils import *\n",
            "import copy\nimport copy as copy_2\nimport torch\nfrom torch import nn\n"
            "from utils import *\n",
        ),
        (
            "import torch\nfrom torch import nn\ncopy = 3\n",
            "import copy as copy_2\n\nimport torch\nfrom torch import nn\ncopy = 3\n",
        ),
    ],
)
def test_the_imports_that_the_helper_needs(before: str, after: str) -> None:
    function = "\n\ndef f(g):\n    return nn.Conv2d(8, 8, 1, groups=g)\n"
    text = split(before + function)
    assert text.startswith(f"{after}\n\ndef equal_parts(module, count):\n")
    assert "\n\n\nclass SplitGroups(nn.Module):\n" in text
    compile(text, "model.py", "exec")


def test_imports_where_there_are_none() -> None:
    text = split("""\
        def f(g):
            import torch.nn as nn
            return nn.Conv2d(8, 8, 1, groups=g)
        """)
    assert text.startswith("import copy\n\nimport torch\n\n\ndef equal_parts(module, count):\n")
    assert "\n\n\nclass SplitGroups(torch.nn.Module):\n" in text


def test_a_definition_above_the_imports() -> None:
    text = split("""\
        def g(): ...

        import torch
        import torch.nn as nn

        def f(g):
            return nn.Conv2d(8, 8, 1, groups=g)
        """)
    assert text.startswith("import copy\nimport torch as torch_2\n") or text.startswith(
        "import copy\n\nimport torch as torch_2\n"
    )
    namespace: dict[str, object] = {}
    pytest.importorskip("torch")
    exec(text, namespace)
    assert "SplitGroups" in namespace


def test_names_that_are_taken() -> None:
    text = split("""\
        import copy
        import torch
        from torch import nn


        class SplitGroups: ...


        def split_groups(x): ...


        def f(g, is_grouped):
            return nn.Conv2d(8, 8, 1, groups=g)
        """)
    assert "class SplitGroups_2(nn.Module):" in text
    assert "def split_groups_2(conv):\n" in text
    assert "return SplitGroups_2(conv) if is_grouped_2(conv) else conv" in text
    assert text.endswith("    return split_groups_2(nn.Conv2d(8, 8, 1, groups=g))\n")


def test_windows_line_ends_and_tabs() -> None:
    source = (
        "import torch.nn as nn\r\n\r\nclass N(nn.Module):\r\n\tdef __init__(self, g):\r\n"
        "\t\tself.a = nn.Sequential(\r\n\t\t\tnn.Conv2d(8, 8, 1,\r\n\t\t\t\tgroups=g),  # c\r\n"
        "\t\t)\r\n"
    )
    text = split(source)
    assert text.count("\n") == text.count("\r\n")
    assert text.endswith(
        "\t\tself.a = nn.Sequential(\r\n"
        "\t\t\tsplit_groups(nn.Conv2d(8, 8, 1, groups=g)),  # c\r\n\t\t)\r\n"
    )
    assert "\r\n\tdef forward(self, input):\r\n\t\twidth = self.width\r\n" in text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "x = nn.Conv2d(\n    w,  # in\n    w,\n    1,\n    groups=g,\n)  # end",
            "x = split_groups(\n    nn.Conv2d(\n        w,  # in\n        w,\n        1,\n"
            "        groups=g,\n    )\n)  # end",
        ),
        (
            "return nn.Conv2d(w, w, 1,\n                 groups=g)",
            "return split_groups(nn.Conv2d(w, w, 1, groups=g))",
        ),
        (
            "x = [\n    nn.ReLU( ),\n    nn.Conv2d(w, w, kernel_size=3, stride=1, padding=1,"
            " groups=g, bias=False),\n]",
            "x = [\n    nn.ReLU( ),\n    split_groups(\n"
            "        nn.Conv2d(w, w, kernel_size=3, stride=1, padding=1, groups=g, bias=False)\n"
            "    ),\n]",
        ),
        (
            "x = nn.Conv2d(w, w, kernel_size=3, stride=1, padding=1, groups=g, bias=True), 'a'",
            "x = (\n    split_groups(\n        nn.Conv2d(w, w, kernel_size=3, stride=1,"
            " padding=1, groups=g, bias=True)\n    ),\n"
            "    'a',\n)",
        ),
        (
            "x = {'a': nn.Conv2d(w, w, kernel_size=3, stride=1, padding=1, groups=g, bias=False),"
            "\n     'b': 1 }",
            "x = {\n    'a': split_groups(\n        nn.Conv2d(w, w, kernel_size=3, stride=1,"
            " padding=1, groups=g, bias=False)\n    ),\n    'b': 1,\n}",
        ),
        (
            "for m in nn.Conv2d(w, w, 1, groups=g), nn.Conv2d(w, w, 1, groups=g): ...",
            "for m in split_groups(nn.Conv2d(w, w, 1, groups=g)), split_groups("
            "\n    nn.Conv2d(w, w, 1, groups=g)\n): ...",
        ),
        (
            "x = nn.Conv2d(w, w, 1, groups=g); y = 1",
            "x = split_groups(nn.Conv2d(w, w, 1, groups=g)); y = 1",
        ),
        (
            "x = \\\n    nn.Conv2d(w, w, 1, groups=g) \\\n    if g else None",
            "x = \\\n    split_groups(nn.Conv2d(w, w, 1, groups=g)) \\\n    if g else None",
        ),
    ],
)
def test_the_shape_of_a_statement(before: str, after: str) -> None:
    def source(code: str) -> str:
        lines = "".join(f"    {line}\n" for line in code.split("\n"))
        return f"import copy\nimport torch\nfrom torch import nn\n\n\ndef f(w, g):\n{lines}"

    assert without_helper(split(source(before))) == source(after)


def test_a_convolution_in_an_argument_of_another() -> None:
    assert_wrapped("""
        import torch.nn as nn
        def f(g, h):
            return nn.Conv2d(8, 8, 1, groups=g)(nn.Conv2d(8, 8, 1, groups=h)(g))
    """)


def test_a_helper_that_is_there_serves_a_new_convolution() -> None:
    source = "from torch import nn\n\n\ndef f(g):\n    return nn.Conv2d(8, 8, 1, groups=g)\n"
    text = split(source)
    more = "\n\ndef h(g):\n    return nn.Conv2d(4, 4, 1, groups=g)\n"
    again = split(text + more)
    assert again == text + more.replace(
        "nn.Conv2d(4, 4, 1, groups=g)", "split_groups(nn.Conv2d(4, 4, 1, groups=g))"
    )


def test_a_helper_that_lacks_what_is_needed_gets_one_beside_it() -> None:
    text = split("from torch import nn\n\n\ndef f(g):\n    return nn.Conv2d(8, 8, 1, groups=g)\n")
    again = split(text + "\n\ndef h(conv_layer, g):\n    return conv_layer(4, 4, 1, groups=g)\n")
    assert "    return split_groups_2(conv_layer(4, 4, 1, groups=g))\n" in again
    assert "    return split_groups(nn.Conv2d(8, 8, 1, groups=g))\n" in again


def test_a_helper_that_is_imported() -> None:
    source = """\
        import torch.nn as nn
        from functools import partial
        from .a import b


        def f(g, split_groups):
            return nn.Conv2d(8, 8, 1, groups=g), partial(nn.Conv2d, groups=g)
        """
    options = Options(checkpoint=False, helper_module="..splitting")
    result = split_source(dedent(source), options)
    assert result.imports_helper
    assert result.text == dedent("""\
        import torch.nn as nn
        from functools import partial
        from .a import b
        from ..splitting import split_groups as split_groups_2, build_split


        def f(g, split_groups):
            return split_groups_2(nn.Conv2d(8, 8, 1, groups=g)), partial(
                build_split, nn.Conv2d, groups=g
            )
        """)
    assert split_source(result.text, options).text is result.text


def test_an_import_of_the_helper_that_is_there() -> None:
    source = """\
        import torch.nn as nn
        from splitting import split_groups


        def f(g):
            return nn.Conv2d(8, 8, 1, groups=g)
        """
    text = split(source, helper_module="splitting")
    assert text == dedent(source).replace(
        "nn.Conv2d(8, 8, 1, groups=g)", "split_groups(nn.Conv2d(8, 8, 1, groups=g))"
    )


def test_an_import_where_there_is_no_other() -> None:
    source = "def f(g):\n    import torch.nn as nn\n    return nn.Conv2d(8, 8, 1, groups=g)\n"
    text = split(source, helper_module="splitting")
    assert text.startswith("from splitting import split_groups\ndef f(g):\n")


def test_what_is_all_written_out_needs_no_helper() -> None:
    options = Options(checkpoint=False, helper_module="a")
    result = split_source(model("self.conv = nn.Conv2d(4, 4, 1, groups=2)"), options)
    assert not result.imports_helper and "SplitGroups" not in result.text


def test_the_module_that_holds_the_helper() -> None:
    text = helper_source(Options(black={"line-length": 100}))
    assert split_source(text).text is text
    compile(text, "splitting.py", "exec")
    for name in ("split_groups", "split_by_filter", "build_split", "apply_to_parts", "parts_of"):
        assert f"def {name}(" in text
    assert max(map(len, text.splitlines())) <= 100


def test_what_else_has_the_name_of_a_helper_is_none() -> None:
    assert_wrapped("""
        import torch.nn as nn
        def f(g, build_split):
            return build_split(nn.Conv2d(8, 8, 1, groups=g))
    """)


def test_a_source_that_has_no_line_for_the_helper() -> None:
    source = "import torch.nn as nn; g = int(input()); net = nn.Conv2d(8, 8, 1, groups=g)\n"
    assert left(source) == "there is no line for the helper to stand on"
