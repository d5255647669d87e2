"""The built style: what is written, where, and under which names."""

from __future__ import annotations

import re
from textwrap import dedent, indent

import pytest

from cases import assert_wrapped, left, model, without_helper
from gencode import Options, helper_source, split_source


def split(source: str, **options: str) -> str:
    """What a source becomes but for loading weights, and that it does not change any more."""
    chosen = Options(checkpoint=False, **options)
    text = split_source(dedent(source), chosen).text
    assert split_source(text, chosen).text is text
    return text


HELPER = '''\
class Branches(nn.Module):
    """A layer in parts, one for each group of channels; loads the weights of the whole too."""

    settings = ()

    def __init__(self, whole, parts):
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.train(whole.training)
        for name in self.settings:
            super().__setattr__(name, getattr(whole, name))

    def __setattr__(self, name, value):
        if name in ("weight", "bias", *self.settings):
            raise AttributeError(f"{name} cannot be set: the parts have it")
        super().__setattr__(name, value)
'''


def test_all_that_is_emitted() -> None:
    """The smallest helper: a class and its base, and three functions."""
    before = """\
import torch
import torch.nn as nn


def conv3x3(width, groups=1):
    return nn.Conv2d(width, width, 3, groups=groups)  # padding?
"""
    text = split(before)
    assert HELPER in text
    assert re.findall(r"^(?:class|def) (\w+)", text, re.MULTILINE) == [
        *("Branches", "SplitGroups", "plain_parts", "is_grouped", "split_conv", "conv3x3")
    ]
    assert without_helper(text) == before.replace(
        "nn.Conv2d(width, width, 3, groups=groups)",
        "split_conv(nn.Conv2d(width, width, 3, groups=groups))",
    )


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
            return split_conv(nn.Conv2d(8, 8, 1, groups=g))
        """)


def test_a_module_without_definitions() -> None:
    text = split("""\
        import copy
        import torch
        import torch.nn as nn
        g = int(input())
        net = nn.Sequential(nn.Conv2d(8, 8, 1, groups=g))
        """)
    assert text.index("g = int") < text.index("\n\nclass Branches(") < text.index("net = ")


NEEDS_COPY = """

class Bound(nn.Conv2d):
    def forward(self, x):
        self.weight.data = torch.renorm(self.weight.data, p=2, dim=0, maxnorm=1)
        return super().forward(x)


def f(g):
    return Bound(8, 8, 1, groups=g)
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import torch.nn as nn\n", "import torch\nimport torch.nn as nn\n"),
        ("import torch\nfrom torch import nn\n", "import torch\nfrom torch import nn\n"),
        ("import torch as t\nfrom torch import nn\n", "import torch as t\nfrom torch import nn\n"),
    ],
)
def test_the_imports_that_the_helper_needs(before: str, after: str) -> None:
    text = split(before + "\n\ndef f(g):\n    return nn.Conv2d(8, 8, 1, groups=g)\n")
    assert text.startswith(f"{after}\n\nclass Branches(nn.Module):\n")
    compile(text, "model.py", "exec")


@pytest.mark.parametrize(
    ("before", "after"),
    [
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
            '"""Doc."""\nimport torch\nfrom torch import nn\n',
            '"""Doc."""\nimport copy\n\nimport torch\nfrom torch import nn\n',
        ),
        (
            "from copy import deepcopy\nimport torch\nfrom torch import nn\n",
            "import copy\nfrom copy import deepcopy\nimport torch\nfrom torch import nn\n",
        ),
        (
            "import torch\nfrom torch import nn\ncopy = 3\n",
            "import copy as copy_2\n\nimport torch\nfrom torch import nn\ncopy = 3\n",
        ),
    ],
)
def test_an_import_of_copy(before: str, after: str) -> None:
    text = split(before + NEEDS_COPY)
    assert text.startswith(after)
    compile(text, "model.py", "exec")


def test_imports_where_there_are_none() -> None:
    text = split("""\
        def f(g):
            import torch.nn as nn
            return nn.Conv2d(8, 8, 1, groups=g)
        """)
    assert text.startswith("import torch\n\n\nclass Branches(torch.nn.Module):\n")


def test_a_definition_above_the_imports() -> None:
    text = split("""\
        def g(): ...

        import torch
        import torch.nn as nn

        def f(g):
            return nn.Conv2d(8, 8, 1, groups=g)
        """)
    assert text.startswith("import torch as torch_2\n")
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


        def split_conv(x): ...


        def f(g, is_grouped):
            return nn.Conv2d(8, 8, 1, groups=g)
        """)
    assert "class SplitGroups_2(Branches):" in text
    assert "def split_conv_2(conv):\n" in text
    assert "    if not is_grouped_2(conv):\n        return conv\n" in text
    assert "return SplitGroups_2(conv, plain_parts(conv)).share_out(conv)" in text
    assert text.endswith("    return split_conv_2(nn.Conv2d(8, 8, 1, groups=g))\n")


def test_windows_line_ends_and_tabs() -> None:
    source = (
        "import torch.nn as nn\r\n\r\nclass N(nn.Module):\r\n\tdef __init__(self, g):\r\n"
        "\t\tself.a = nn.Sequential(\r\n\t\t\tnn.Conv2d(8, 8, 1,\r\n\t\t\t\tgroups=g),  # c\r\n"
        "\t\t)\r\n"
    )
    text = split(source)
    assert text.count("\n") == text.count("\r\n")
    assert text.endswith(
        "\t\tself.a = nn.Sequential(\r\n\t\t\tnn.Conv2d(8, 8, 1,\r\n\t\t\t\tgroups=g),  # c\r\n"
        "\t\t)\r\n\t\tself.a[0] = split_conv(self.a[0])\r\n"
    )
    assert "\r\n\tdef split(self, x):\r\n\t\twidth = " in text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "x = nn.Conv2d(\n    w,  # in\n    w,\n    1,\n    groups=g,\n)  # end",
            "x = nn.Conv2d(\n    w,  # in\n    w,\n    1,\n    groups=g,\n)  # end\n"
            "x = split_conv(x)",
        ),
        (
            "x = [nn.Conv2d(\n    w,  # in\n    w, 1, groups=g)]  # end",
            "x = [split_conv(nn.Conv2d(\n    w,  # in\n    w, 1, groups=g))]  # end",
        ),
        (
            "return nn.Conv2d(w, w, 1,\n                 groups=g)",
            "return split_conv(nn.Conv2d(w, w, 1, groups=g))",
        ),
        (
            "x = [\n    nn.ReLU( ),\n    nn.Conv2d(w, w, kernel_size=3, stride=1, padding=1,"
            " groups=g, bias=False),\n]",
            "x = [\n    nn.ReLU( ),\n    split_conv(\n"
            "        nn.Conv2d(w, w, kernel_size=3, stride=1, padding=1, groups=g, bias=False)\n"
            "    ),\n]",
        ),
        (
            "x = nn.Conv2d(w, w, kernel_size=3, stride=1, padding=1, groups=g, bias=True), 'a'",
            "x = (\n    split_conv(\n        nn.Conv2d(w, w, kernel_size=3, stride=1,"
            " padding=1, groups=g, bias=True)\n    ),\n"
            "    'a',\n)",
        ),
        (
            "x = {'a': nn.Conv2d(w, w, kernel_size=3, stride=1, padding=1, groups=g, bias=False),"
            "\n     'b': 1 }",
            "x = {\n    'a': split_conv(\n        nn.Conv2d(w, w, kernel_size=3, stride=1,"
            " padding=1, groups=g, bias=False)\n    ),\n    'b': 1,\n}",
        ),
        (
            "for m in nn.Conv2d(w, w, 1, groups=g), nn.Conv2d(w, w, 1, groups=g): ...",
            "for m in split_conv(nn.Conv2d(w, w, 1, groups=g)), split_conv("
            "\n    nn.Conv2d(w, w, 1, groups=g)\n): ...",
        ),
        (
            "x = nn.Conv2d(w, w, 1, groups=g); y = 1",
            "x = split_conv(nn.Conv2d(w, w, 1, groups=g)); y = 1",
        ),
        (
            "x = \\\n    nn.Conv2d(w, w, 1, groups=g) \\\n    if g else None",
            "x = \\\n    split_conv(nn.Conv2d(w, w, 1, groups=g)) \\\n    if g else None",
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
        "nn.Conv2d(4, 4, 1, groups=g)", "split_conv(nn.Conv2d(4, 4, 1, groups=g))"
    )


def test_a_helper_that_lacks_what_is_needed_gets_one_beside_it() -> None:
    text = split("from torch import nn\n\n\ndef f(g):\n    return nn.Conv2d(8, 8, 1, groups=g)\n")
    more = "nn.Sequential(nn.Conv2d(4, 4, 1, groups=g), nn.BatchNorm2d(4))"
    again = split(f"{text}\n\ndef h(g):\n    return {more}\n")
    assert (
        f"    return split_layers_2({more})\n" in again
        or f"    return split_layers({more})\n" in again
    )
    assert "    return split_conv(nn.Conv2d(8, 8, 1, groups=g))\n" in again
    compile(again, "model.py", "exec")


def test_a_helper_that_is_imported() -> None:
    source = """\
        import torch.nn as nn
        from functools import partial
        from .a import b


        def f(g, split_conv):
            return nn.Conv2d(8, 8, 1, groups=g), partial(nn.Conv2d, groups=g)
        """
    options = Options(checkpoint=False, helper_module="..splitting")
    result = split_source(dedent(source), options)
    assert result.imports_helper
    assert result.text == dedent("""\
        import torch.nn as nn
        from functools import partial
        from ..splitting import build_split, split_conv as split_conv_2
        from .a import b


        def f(g, split_conv):
            return split_conv_2(nn.Conv2d(8, 8, 1, groups=g)), partial(
                build_split, nn.Conv2d, groups=g
            )
        """)
    assert split_source(result.text, options).text is result.text


def test_an_import_of_the_helper_that_is_there() -> None:
    source = """\
        import torch.nn as nn
        from splitting import split_conv


        def f(g):
            return nn.Conv2d(8, 8, 1, groups=g)
        """
    text = split(source, helper_module="splitting")
    assert text == dedent(source).replace(
        "nn.Conv2d(8, 8, 1, groups=g)", "split_conv(nn.Conv2d(8, 8, 1, groups=g))"
    )


def test_an_import_where_there_is_no_other() -> None:
    source = "def f(g):\n    import torch.nn as nn\n    return nn.Conv2d(8, 8, 1, groups=g)\n"
    text = split(source, helper_module="splitting")
    assert text.startswith("from splitting import split_conv\ndef f(g):\n")


@pytest.mark.parametrize(
    ("imports", "path", "place"),
    [
        ("from ..a import b\nfrom ..t import b\nfrom . import c", "..split_groups", 1),
        ("from ..a import b\nfrom ..t import b\nfrom . import c", "...split_groups", 0),
        ("from ..a import b\nfrom .c import d\n# t\nfrom .t import d", ".split_groups", 2),
        ("from .c import d\nfrom .t import d\nfrom ..a import b", "..split_groups", 3),
        ("from .c import d\nfrom .t import d\nfrom ..u import b", "..split_groups", 2),
        ("from .t import d\nfrom .c import d", ".split_groups", 2),
        ("from .a import d\nfrom .b import d", ".split_groups", 2),
        ("import a; from .b import d\nfrom .t import d", "..split_groups", 2),
        ("from .a import d\nfrom .b import d", "split_groups", 2),
    ],
)
def test_where_the_import_of_the_helper_stands(imports: str, path: str, place: int) -> None:
    conv = "def f(g):\n    return nn.Conv2d(8, 8, 1, groups=g)\n"
    before = f"import torch.nn as nn\n\n{imports}\n\n\n{conv}"
    lines = imports.split("\n")
    lines.insert(place, f"from {path} import split_conv")
    after = "\n".join(lines)
    text = split_source(before, Options(helper_module=path)).text
    wrapped = "split_conv(nn.Conv2d(8, 8, 1, groups=g))"
    assert text == before.replace(imports, after).replace("nn.Conv2d(8, 8, 1, groups=g)", wrapped)


def test_what_is_all_written_out_needs_no_helper() -> None:
    options = Options(checkpoint=False, helper_module="a")
    result = split_source(model("self.conv = nn.Conv2d(4, 4, 1, groups=2)"), options)
    assert not result.imports_helper and "SplitGroups" not in result.text


def test_the_module_that_holds_the_helper() -> None:
    text = helper_source(Options(black={"line-length": 100}))
    assert split_source(text).text is text
    compile(text, "splitting.py", "exec")
    for name in ("split_conv", "split_conv_norm", "split_layers", "split_pairs", "build_split"):
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
    assert left(source) == "no place to insert the helper"


# What a function does with a convolution; the helper's calls in it stand as split_conv<CONV>.
PUT = {
    "in a class by its name": "x = split_layers<Sequential(CONV, NORM)>",
    "what is added to": "x = Sequential(CONV)\nx.append(NORM)\nsplit_layers<x>\nreturn x",
    "chosen from a list": "a = [split_conv<CONV>]\nreturn Sequential(*[c for c in a if c], NORM)",
    "changed in a list": (
        "def k(): return CONV\na = [split_conv<k()>]\nreturn split_conv<k()>, [h(c) for c in a]"
    ),
    "a longer list": "a = [CONV]\nreturn split_layers<Sequential(*(a + [NORM]))>",
    "two lists": "a = [split_conv<CONV>]\nb = a + [NORM]\nreturn Sequential(*a), h(b)",
    "a method that adds nothing": "c = CONV\na = []\na.index(split_conv<c>)",
    "run before": "c = CONV\nh(c(x))\nreturn Sequential(split_conv<c>, NORM)",
    "run later": "c = split_conv<CONV>\nh(lambda x: c(x))\nreturn Sequential(c, NORM)",
    "in two places that are not seen": "def k(): return [split_conv<CONV>]\nh(k())\nh(k())",
    "no list": "def list(x): return x\nc = list(split_conv<CONV>)\nreturn h(c)",
    "a variable that is given itself": "c = CONV\nc = [split_conv<c>]",
    "what is not made use of": "def k(): return CONV\nk()\nreturn split_conv<k()>",
    "a norm of it": "c = CONV\nc = split_conv<nn.utils.weight_norm(c)>\nreturn c(x)",
    "the class in a partial": (
        "p = partial(build_split, nn.Conv2d, groups=g)\n"
        "return p, split_conv<h(nn.Conv2d)(8, 8, 1, groups=g)>"
    ),
}


@pytest.mark.parametrize("form", PUT)
def test_where_a_function_splits_what_it_builds(form: str) -> None:
    code = PUT[form].replace("CONV", "nn.Conv2d(8, 8, 1, groups=g)")
    code = indent(code.replace("NORM", "nn.BatchNorm2d(8)"), "    ")
    head = "import copy, torch, warnings\nfrom functools import partial\nfrom torch import nn\n"
    head += "from torch.nn import Sequential\n\n\ndef f(g, h, x):\n"
    before = re.sub(r"\n +split_layers<x>|split_\w+<|>|build_split, ", "", code)
    assert without_helper(split(head + before)) == head + re.sub("<(.*)>", r"(\1)", code)


@pytest.mark.parametrize(
    ("init", "forward", "after"),
    [
        # What follows in a try may not be reached.
        ("try:\n    CONV\n    self.conv.half()\nexcept ValueError: ...", "", "    CONV"),
        ("try:\n    CONV\n    self.x = 1\nfinally: ...", "", "    CONV"),
        # An attribute that is padded for, but called by another name.
        (
            "CONV\nself.pad = nn.ZeroPad1d(1)",
            "conv = self.conv\nreturn conv(self.pad(x))",
            "self.pad",
        ),
    ],
)
def test_the_line_after_which_an_attribute_is_split(init: str, forward: str, after: str) -> None:
    conv = "self.conv = nn.Conv1d(8, 8, 3, groups=int(g))"
    before = model(init.replace("CONV", conv), forward or "return self.conv(x)")
    lines = split(before).splitlines()
    at = next(at for at, each in enumerate(lines) if each.endswith(" = split_conv(self.conv)"))
    assert lines[at - 1].startswith(" " * 8 + after.replace("CONV", conv))
    assert "\n".join([*lines[:at], *lines[at + 1 :], ""]).endswith(before.split("class Net")[1])


def test_a_comment_for_one_of_two_that_a_function_builds() -> None:
    """It is left alone, and so is the other one where what else it is given is left alone too."""
    source = """
        import torch.nn as nn
        def f(g):
            return nn.Conv2d(8, 8, 1, groups=g)
        class Net(nn.Module):
            def __init__(self):
                c = f(2)
                self.a = c  # gencode: skip
                self.b = f(4)
        """
    assert dedent(source).split("class")[1] + "        self.b = split_conv(self.b)\n" in split(
        source
    )
    other = "        self.b = nn.Conv2d(8, 8, 1)  # gencode: skip\n"
    assert left(dedent(source) + other) == (
        "a comment leaves another assignment to its attribute alone"
    )


MERGED = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, g=2):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 1, groups=g)
        self.other = nn.Conv2d(8, 8, 1, groups=g)

    def forward(self, x):
        return self.conv(x) + self.other(x)

    def merge(self):
        self.conv.weight.data += self.other.weight.sum()
"""


def test_a_second_run_knows_that_the_helper_gives_weights_which_are_only_to_be_read() -> None:
    result = split_source(MERGED, Options(helper_module="splitting"))
    assert [each.status for each in result.records] == ["left", "may be split"]
    assert split_source(result.text, Options(helper_module="splitting")).text is result.text


def test_what_reads_a_weight_raises_where_what_sets_one_would_go_on_to_no_effect() -> None:
    pytest.importorskip("torch")
    from equivalence import run_source

    result = split_source(MERGED)
    assert [each.status for each in result.records] == ["may be split"] * 2
    assert "def weight(" not in result.text
    assert [each.message.rpartition(": ")[2] for each in result.warnings] == [
        "its weight is set (line 15) once it is split (line 9)",
        "its weight is read (line 15)",
    ]
    with pytest.raises(AttributeError, match="weight"):
        run_source(result.text).Net().merge()
    assert split_source(result.text).text is result.text


def test_a_helper_that_gives_no_weights_is_not_taken_for_one_that_does() -> None:
    torch = pytest.importorskip("torch")
    from equivalence import run_source

    before = split_source(MERGED.partition("\n    def merge")[0]).text
    assert "def weight(" not in before
    more = MERGED.partition("class Net")[2].replace("self.conv.weight.data += ", "return ")
    net = run_source(split_source(f"{before}\n\nclass More{more}").text).More()
    expected = torch.cat([each.weight for each in net.other.parts]).sum()
    torch.testing.assert_close(net.merge(), expected)
