"""Every way to import torch's names, and what the emitted code calls them."""

from __future__ import annotations

import sys
from textwrap import dedent

import pytest

from cases import BARE, assert_becomes, assert_unchanged, assert_wrapped, wrapped
from gencode import Options, split_source

MODEL = """
class Net({module}):
    def __init__(self):
        super().__init__()
        self.conv = {conv}(4, 4, 1, groups=2)

    def forward(self, x):
        return self.conv(x)
"""


@pytest.mark.parametrize(
    ("imports", "module", "conv"),
    [
        ("import torch", "torch.nn.Module", "torch.nn.Conv2d"),
        ("import torch.nn", "torch.nn.Module", "torch.nn.Conv2d"),
        ("import torch.nn as nn", "nn.Module", "nn.Conv2d"),
        ("import torch as th", "th.nn.Module", "th.nn.Conv2d"),
        ("from torch import nn", "nn.Module", "nn.Conv2d"),
        ("from torch import nn as N", "N.Module", "N.modules.Conv2d"),
        ("from torch.nn import Conv2d as C, Module", "Module", "C"),
        ("from torch.nn.modules.conv import Conv2d\nfrom torch import nn", "nn.Module", "Conv2d"),
        ("from torch.nn import *", "Module", "Conv2d"),
        ("from math import *\nfrom torch.nn import *", "Module", "Conv2d"),
        ("from torch.nn import *\nfrom math import *", "Module", "Conv2d"),
        (
            "try:\n    import torch.nn as nn\nexcept ImportError:\n    nn = None",
            "nn.Module",
            "nn.Conv2d",
        ),
        ("import torch.nn as nn\nConv = nn.Conv2d", "nn.Module", "Conv"),
        ("import torch\nnn = torch.nn", "nn.Module", "nn.Conv2d"),
        ("import torch.nn as nn\nimport torch.nn as nn", "nn.Module", "nn.Conv2d"),
        (
            "try:\n    import torch\nexcept E:\n    torch = None",
            "torch.nn.Module",
            "torch.nn.Conv2d",
        ),
    ],
)
@pytest.mark.parametrize("style", ["explicit", "loop"])
def test_a_convolution_by_any_name(imports: str, module: str, conv: str, style: str) -> None:
    text = imports + "\n\n" + MODEL.format(module=module, conv=conv)
    result = split_source(text, Options(style=style))
    assert result.records[0].style == style
    assert f"{conv}(2, 2, 1)" in result.text


@pytest.mark.parametrize(
    "shadow",
    [
        "from torch import nn\nclass nn: ...",
        "import torch.nn as nn\nclass nn: ...",
        "from torch.nn import Conv2d\nclass Conv2d: ...",
    ],
)
def test_a_name_with_two_meanings_is_no_convolution_for_certain(shadow: str) -> None:
    conv = "Conv2d" if "Conv2d" in shadow else "nn.Conv2d"
    text = f"import torch\n{shadow}\n" + MODEL.format(module="torch.nn.Module", conv=conv)
    assert wrapped(text) == f"only if {conv} is a class of torch"


@pytest.mark.parametrize(
    "stars",
    ["from .layers import *", "from torch.nn import *\nfrom .layers import *"],
)
def test_a_star_import_may_bring_anything(stars: str) -> None:
    text = f"import torch\n{stars}\n" + MODEL.format(module="torch.nn.Module", conv="Conv2d")
    assert wrapped(text) == "only if Conv2d is a class of torch"


def test_a_name_that_only_harmless_stars_may_bring() -> None:
    text = "import torch\nfrom math import *\n" + MODEL.format(module="torch.nn.Module", conv="C")
    reason = wrapped(text.replace("C(", "Conv2d("))
    assert reason == "only if Conv2d is a class of torch"


def test_a_later_star_import_of_torch_wins() -> None:
    text = "from .layers import *\nfrom torch.nn import *\n" + MODEL.format(
        module="Module", conv="Conv2d"
    )
    assert split_source(text).records[0].style == "explicit"


def test_a_parameter_and_a_local_hide_the_import() -> None:
    text = """
    import torch.nn as nn

    def build(nn):
        return nn.Conv2d(4, 4, 1, groups=2)

    def other():
        nn = __import__("mynn")
        return nn.Conv2d(4, 4, 1, groups=2)
    """
    assert [record.note for record in assert_wrapped(text).records] == [
        "only if nn.Conv2d is a class of torch"
    ] * 2


def test_imports_inside_functions() -> None:
    assert_becomes(
        """\
        def make():
            import torch
            import torch.nn as nn

            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    from torch.nn import Conv2d

                    self.conv = Conv2d(4, 4, 1, groups=2)

                def forward(self, x):
                    return self.conv(x)

            return Net()
        """,
        """\
        def make():
            import torch
            import torch.nn as nn

            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    from torch.nn import Conv2d

                    self.conv_0 = Conv2d(2, 2, 1)
                    self.conv_1 = Conv2d(2, 2, 1)

                def forward(self, x):
                    conv_0 = self.conv_0(x[:, 0:2])
                    conv_1 = self.conv_1(x[:, 2:4])
                    return torch.cat((conv_0, conv_1), dim=1)

            return Net()
        """,
    )


@pytest.mark.parametrize(
    ("head", "after"),
    [
        ("import torch.nn as nn\n", "import torch\nimport torch.nn as nn\n"),
        ("import os\nfrom torch import nn\n", "import os\nimport torch\nfrom torch import nn\n"),
        (
            "# A comment.\nimport torch.nn as nn  # nn\n",
            "# A comment.\nimport torch\nimport torch.nn as nn  # nn\n",
        ),
        (
            "try:\n    from torch import nn\nexcept E:\n    nn = None\n",
            "try:\n    import torch\n    from torch import nn\nexcept E:\n    nn = None\n",
        ),
        (
            '"""Doc."""\nfrom __future__ import annotations\nfrom typing import TYPE_CHECKING\n'
            "if TYPE_CHECKING:\n    import torch\nimport torch.nn as nn\n",
            '"""Doc."""\nfrom __future__ import annotations\nfrom typing import TYPE_CHECKING\n'
            "if TYPE_CHECKING:\n    import torch\nimport torch\nimport torch.nn as nn\n",
        ),
        ("import os; import torch.nn as nn\n", "import torch\nimport os; import torch.nn as nn\n"),
        (
            "try:\n    import missing\n    from torch import hub\nexcept E:\n    hub = None\n"
            "from torch import nn\n",
            "try:\n    import missing\n    from torch import hub\nexcept E:\n    hub = None\n"
            "import torch\nfrom torch import nn\n",
        ),
        (
            "from __future__ import annotations; from torch import nn\n",
            "from __future__ import annotations; from torch import nn\n\nimport torch\n\n",
        ),
        (
            "'''Doc.'''; from torch import nn\nfrom os import path\n",
            "'''Doc.'''; from torch import nn\nimport torch\nfrom os import path\n",
        ),
    ],
)
def test_import_torch_is_added_where_it_is_missing(head: str, after: str) -> None:
    text = MODEL.format(module="nn.Module", conv="nn.Conv2d")
    result = split_source(head + text, BARE).text
    assert result.startswith(after + "\nclass Net(nn.Module):")
    compile(result, "net", "exec")


def test_import_torch_without_an_import_beside_it() -> None:
    text = dedent(
        '''\
        """Doc."""


        @register
        class Net(Base):
            def __init__(self):
                import torch.nn as nn

                self.conv = nn.Conv2d(4, 4, 1, groups=2)

            def forward(self, x):
                return self.conv(x)


        class Base: ...
        '''
    )
    bare = split_source(text, BARE).text
    assert bare.startswith('"""Doc."""\n\n\nimport torch\n\n\n@register\nclass')


def test_the_emitted_code_uses_the_names_that_are_there() -> None:
    text = "import torch as th\n" + MODEL.format(module="th.nn.Module", conv="th.nn.Conv2d")
    assert "return th.cat((conv_0, conv_1), dim=1)" in split_source(text).text
    assert "self.conv = th.nn.ModuleList(" in split_source(text, Options(style="loop")).text
    text = (
        "from torch.nn import Conv2d, Module, ModuleList\nfrom torch import cat\n"
        + MODEL.format(module="Module", conv="Conv2d")
    )
    result = split_source(text, Options(style="loop")).text
    assert "self.conv = ModuleList(Conv2d(2, 2, 1) for _ in range(2))" in result
    assert "return cat(conv, dim=1)" in result
    assert "import torch\n" not in result


@pytest.mark.parametrize(
    "text",
    [
        "import torch.nn as nn\n"
        + MODEL.format(module="nn.Module", conv="nn.Conv2d").replace(
            "(self, x)", "(self, x, torch)"
        ),
        "import torch.nn as nn\n"
        + MODEL.format(module="nn.Module", conv="nn.Conv2d").replace(
            "        return", "        if x:\n            import torch\n        return"
        ),
        "import torch.nn as nn\n"
        + MODEL.format(module="nn.Module", conv="nn.Conv2d")
        + "        import torch\n",
    ],
)
def test_no_torch_is_used_where_the_name_is_taken(text: str) -> None:
    assert wrapped(text) == "torch.cat is needed, but the name torch means something else"


@pytest.mark.parametrize("more", ["", "def lazy():\n    global torch\n    import torch\n"])
def test_torch_is_imported_by_another_name_where_its_own_is_taken(more: str) -> None:
    text = f"from torch import nn\ntorch = None\n{more}" + MODEL.format(
        module="nn.Module", conv="nn.Conv2d"
    )
    (record,) = split_source(text).records
    assert record.style == "built"
    assert record.note == "torch.cat is needed, but the name torch means something else"
    result = split_source(text).text
    assert "import torch as torch_2\n" in result
    assert "return torch_2.cat(self.split(input), dim=1)" in result
    assert split_source(result).text is result


@pytest.mark.parametrize(
    "swaps", ["    y = x\n" + "    x, y = y, x\n" * 9, "    h = x; x = h\n" * 9]
)
def test_names_that_are_defined_by_each_other(swaps: str) -> None:
    text = "from torch import nn\ndef conv(x, y):\n" + swaps + "    return x.conv2d(y, groups=2)\n"
    assert assert_unchanged(text).records == ()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the syntax is of Python 3.12")
def test_type_parameters() -> None:
    text = (
        "import torch.nn as nn\nkw = dict(bias=False)\n"
        "def f[T: (kw, int)](x): return nn.Conv2d(8, 8, 3, **kw)\n"
        "class C[kw]:\n    def f(self): return nn.Conv2d(8, 8, 3, **kw)\n"
    )
    assert len(assert_wrapped(text).records) == 2
