"""A line behind a statement, where a call in it would break the author's lines."""

from __future__ import annotations

from difflib import ndiff
from textwrap import indent

import pytest

from cases import assert_becomes
from gencode import Options, split_source

torch = pytest.importorskip("torch")


from equivalence import assert_equivalent  # noqa: E402

OPTIONS = Options(helper_module="split_groups", checkpoint=False)
CONV = "nn.Conv2d(\n    8, 8, 3,\n    groups=g)"
POOL = """
class Pool(nn.Module):
    def __init__(self, pool, norm=None):
        super().__init__()
        self.norm = norm
        self.pool = pool

    def forward(self, x):
        return self.pool(x)
"""


def source(body: str, top: str = POOL) -> str:
    """A class with these lines in its constructor; CONV stands for a convolution in three."""
    body = indent(body.replace("CONV", CONV), " " * 8)
    return (
        f"import torch\nimport torch.nn as nn\n\n{top}\n\nclass Net(nn.Module):\n"
        f"    def __init__(self, g=2, h=print, more=(), key='a'):\n"
        f"        super().__init__()\n{body}\n\n"
        "    @property\n    def given(self):\n        return self.kept\n"
    )


def changed(before: str) -> list[str]:
    """What is added and removed, but for the import of the helper; a second run adds nothing."""
    result = split_source(before, OPTIONS)
    assert all(each.is_split for each in result.records)
    assert split_source(result.text, OPTIONS).text is result.text
    lines = ndiff(before.splitlines(), result.text.splitlines())
    found = [f"{each[0]} {each[1:].strip()}" for each in lines if each[0] in "+-"]
    return [each for each in found if "import" not in each and each[1:].strip()]


LINES = {
    "conv = CONV\nself.a = [conv]\nself.b = [conv]": "conv = split_conv(conv)",
    "net: list = nn.Sequential(CONV)\nself.a = [net]": "net[0] = split_conv(net[0])",
    "self.net = nn.Sequential(nn.ReLU(), CONV)": "self.net[1] = split_conv(self.net[1])",
    "self.net = nn.Sequential(nn.Sequential(CONV))": "self.net[0][0] = split_conv(self.net[0][0])",
    "self.net = nn.Sequential(nn.Sequential(CONV, nn.BatchNorm2d(8)), nn.ReLU())": (
        "split_layers(self.net[0])"
    ),
    "self.net = nn.ModuleList([nn.ReLU(), CONV])": "self.net[1] = split_conv(self.net[1])",
    "self.net = nn.ModuleDict({'a': CONV})": 'self.net["a"] = split_conv(self.net["a"])',
    "self.add_module('c', CONV)": "self.c = split_conv(self.c)",
    "self.register_module('c', CONV)": "self.c = split_conv(self.c)",
    "self.net = nn.Sequential()\nself.net.add_module('c', CONV)": (
        "self.net.c = split_conv(self.net.c)"
    ),
    "self.net = nn.Sequential()\ngetattr(self, key)\nself.net.add_module('c', CONV)": (
        "self.net.c = split_conv(self.net.c)"
    ),
    "self.a = [None, None]\nfor i in range(2):\n    self.a[i] = CONV": (
        "self.a[i] = split_conv(self.a[i])"
    ),
    "a = {}\na['b'] = CONV\nself.a = [a]\nself.b = [a]": 'a["b"] = split_conv(a["b"])',
    "self.a = nn.ModuleDict()\nself.a[key] = CONV": "self.a[key] = split_conv(self.a[key])",
    "self.net = nn.Sequential(nn.Conv2d(8, 8, kernel_size=3, stride=1, padding=1, groups=g))": (
        "self.net[0] = split_conv(self.net[0])"
    ),
}


@pytest.mark.parametrize("body", LINES)
def test_a_line_behind_what_stores_it(body: str) -> None:
    assert changed(source(body)) == [f"+ {LINES[body]}"]


def test_several_lines_behind_one_statement() -> None:
    assert changed(source("self.net = nn.Sequential(CONV, nn.ReLU(), CONV)")) == [
        "+ self.net[0] = split_conv(self.net[0])",
        "+ self.net[2] = split_conv(self.net[2])",
    ]


@pytest.mark.parametrize(
    "body",
    [
        "self.net = nn.Sequential(nn.Conv2d(8, 8, 3, groups=g))",
        "self.net = nn.Sequential(*more, CONV)",
        "self.net = nn.Sequential(more, conv=CONV)",
        "self.net = nn.ModuleList([*more, CONV])",
        "self.net = nn.ModuleList([CONV], *more)",
        "self.net = nn.ModuleDict({h(): CONV})",
        "self.net = nn.ModuleDict({**{'a': CONV}})",
        "self.net = nn.Sequential([CONV])",
        "a = self.net = nn.Sequential(CONV)",
        "a, self.net = nn.Sequential(CONV), nn.ReLU()",
        "self.given = nn.Sequential(CONV)",
        "a = [0]\na[h()] = CONV",
        "self.net = nn.Sequential()\nsetattr(self, key, h())\nself.net.add_module('c', CONV)",
        "self.net = nn.Sequential()\nif g:\\\n    self.a = nn.Sequential(CONV)",
        "self.add_module(key, CONV)",
        "self.add_module('0', CONV)",
        "a = 1; conv = CONV; self.a = [conv]; self.b = [conv]",
        "self.add_module(name='c', module=CONV)",
        "h(self.add_module('c', CONV))",
        "h.add_module('c', CONV)",
        "h().add_module('c', CONV)",
    ],
)
def test_a_call_where_it_is_not_known_what_is_stored(body: str) -> None:
    text = split_source(source(body), OPTIONS).text
    assert "split_conv(nn.Conv2d(" in text
    assert split_source(text, OPTIONS).text is text


@pytest.mark.parametrize("body", ["h(CONV)", "h.a[0] = CONV", "h.net = nn.Sequential(CONV)"])
def test_what_is_handed_to_what_is_not_known_stays(body: str) -> None:
    before = source(body)
    assert split_source(before, OPTIONS).text is before


def test_what_a_class_does_with_it_is_not_followed() -> None:
    text = split_source(source("self.a = Pool(CONV)"), OPTIONS).text
    assert "split_conv(nn.Conv2d(" in text
    assert split_source(text, OPTIONS).text is text


def test_a_comment_that_leaves_a_block_alone() -> None:
    body = "if g:  # gencode: skip\n    self.add_module('c', CONV)"
    before = source(body)
    assert split_source(before, OPTIONS).text is before


@pytest.mark.parametrize(
    ("body", "applied"),
    [
        ("self.add_module('c', CONV)\nself.net = nn.Sequential(CONV, nn.ReLU())", "self.c(x)"),
        ("self.net = nn.Sequential(Pool(norm=g, pool=CONV), nn.Sequential(CONV))", "x"),
        ("self.d = nn.ModuleDict({'a': CONV})\nself.net = Pool(CONV)", "self.d['a'](x)"),
        ("def build():\n    return CONV\nself.net = nn.Sequential(build(), nn.ReLU())", "x"),
        ("self.net = nn.Sequential(nn.Sequential(CONV, nn.BatchNorm2d(8)), nn.ReLU())", "x"),
    ],
)
def test_it_is_the_same(body: str, applied: str) -> None:
    forward = f"    def forward(self, x):\n        return self.net({applied})\n"
    x = torch.linspace(-1, 1, 2 * 8 * 7 * 7).sin().reshape(2, 8, 7, 7)
    assert_equivalent(f"{source(body)}\n{forward}", lambda module: module.Net(), x)


def test_a_variable_for_what_is_returned() -> None:
    assert_becomes(
        """\
        import torch.nn as nn


        def conv3x3(channels, groups=1):
            return nn.Conv2d(
                channels,
                channels,
                3,
                groups=groups,
            )


        def block(conv, channels, groups):
            if conv:
                return nn.Sequential(
                    nn.Conv2d(channels, channels, 3, groups=groups),
                    nn.BatchNorm2d(channels),
                )  # why
            return nn.Conv2d(
                channels, channels, 3, groups=groups
            )
        """,
        """\
        import torch.nn as nn

        from split_groups import split_conv, split_layers


        def conv3x3(channels, groups=1):
            conv = nn.Conv2d(
                channels,
                channels,
                3,
                groups=groups,
            )
            return split_conv(conv)


        def block(conv, channels, groups):
            if conv:
                layers = nn.Sequential(
                    nn.Conv2d(channels, channels, 3, groups=groups),
                    nn.BatchNorm2d(channels),
                )  # why
                return split_layers(layers)
            conv_2 = nn.Conv2d(
                channels, channels, 3, groups=groups
            )
            return split_conv(conv_2)
        """,
        OPTIONS,
    )


def test_what_nobody_has_formatted_keeps_its_lines() -> None:
    assert_becomes(
        """\
        import torch.nn as nn


        def conv3x3(channels, groups=1):
            return nn.Conv2d(
                in_channels=channels,
                out_channels=channels, kernel_size = 3,
                groups=groups)


        def aligned(channels, groups=1):
            return nn.Conv2d(channels, channels, 3,
                             groups=groups)
        """,
        """\
        import torch.nn as nn

        from split_groups import split_conv


        def conv3x3(channels, groups=1):
            return split_conv(nn.Conv2d(
                in_channels=channels,
                out_channels=channels, kernel_size = 3,
                groups=groups))


        def aligned(channels, groups=1):
            return split_conv(nn.Conv2d(channels, channels, 3, groups=groups))
        """,
        OPTIONS,
    )


def test_a_call_as_formatters_lay_it_out_is_formatted_again() -> None:
    before = (
        "import torch.nn as nn\n\n\ndef f(g):\n"
        "    return [ 'a', nn.Conv2d(\n        8,\n        8, kernel_size=3, groups=g\n    )]\n"
    )
    text = split_source(before, OPTIONS).text
    assert "    return [ 'a', split_conv(nn.Conv2d(8, 8, kernel_size=3, groups=g))]\n" in text
