"""All text but the statements that change stays to the byte, and no comment is lost."""

from __future__ import annotations

import ast
from textwrap import dedent

import pytest

from cases import BARE, CONV, assert_becomes, assert_wrapped, model
from gencode import Options, SourceError, split_source

NET = dedent(
    """\
    import torch
    import torch.nn as nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(4, 4, 1, groups=2)

        def forward(self, x):
            return self.conv(x)
    """
)


def body(text: str) -> str:
    """What comes after the imports."""
    return text.split("import torch.nn.functional as F\n\n\n")[1]


def test_comments_inside_and_beside_a_definition() -> None:
    assert_becomes(
        """\
        import torch
        import torch.nn as nn


        class Net(nn.Module):
            def __init__(self):
                super().__init__()

                # The towers.

                self.conv = nn.Conv2d(  # two of them
                    4,  # in
                    4,
                    # a kernel

                    1,
                    groups=2,  # towers
                )  # end
                # after

            def forward(self, x):
                return self.conv(x)
        """,
        """\
        import torch
        import torch.nn as nn


        class Net(nn.Module):
            def __init__(self):
                super().__init__()

                # The towers.

                # two of them
                # in
                # a kernel
                # towers
                self.conv_0 = nn.Conv2d(2, 2, 1)  # end
                self.conv_1 = nn.Conv2d(2, 2, 1)
                # after

            def forward(self, x):
                conv_0 = self.conv_0(x[:, 0:2])
                conv_1 = self.conv_1(x[:, 2:4])
                return torch.cat((conv_0, conv_1), dim=1)
        """,
    )


def test_comments_inside_and_beside_a_call() -> None:
    assert_becomes(
        model(
            CONV,
            """
            # above
            x = F.relu(  # relu
                self.conv(  # conv
                    self.bn(
                        # inner
                        x
                    ),
                ),
                # last
                inplace=True,
            )  # beside
            # below
            return x
            """,
        ),
        model(
            "self.conv_0 = nn.Conv2d(8, 16, 3)\nself.conv_1 = nn.Conv2d(8, 16, 3)",
            """
            # above
            # conv
            # inner
            conv_input = self.bn(x)
            conv_0 = self.conv_0(conv_input[:, 0:8])
            conv_1 = self.conv_1(conv_input[:, 8:16])
            x = F.relu(  # relu
                torch.cat((conv_0, conv_1), dim=1),
                # last
                inplace=True,
            )  # beside
            # below
            return x
            """,
        ),
        Options(black={"line-length": 100}),
    )


def test_a_comment_beside_a_definition_that_is_broken_goes_above() -> None:
    long = "kernel_size=(3, 3), padding=(1, 1), padding_mode='circular', bias=False"
    text = split_source(model(f"self.conv = nn.Conv2d(4, 4, {long}, groups=2)  # a")).text
    assert "        # a\n        self.conv_0 = nn.Conv2d(\n" in text


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends(end: str, last: bool) -> None:
    source = NET if last else NET.rstrip()
    expected = split_source(source).text.replace("\n", end)
    assert split_source(source.replace("\n", end)).text == expected
    assert expected.endswith(end) is last


def test_mixed_line_ends_form_feeds_and_odd_white_space_stay() -> None:
    head = "# a\r\n\x0c\n  # b\n\t\n\x0cx = 1 \\\n  + 2 ;\r\ny = '''\r\n  \n'''\n"
    source = head + NET + "\x0c\n\n\x0cdef f( ):\n  return  1\n \t# end\r\n   "
    result = split_source(source, BARE)
    before, after = NET.split("            self.conv")[0], "\x0c\n\n\x0cdef f( ):"
    assert result.text.startswith(head + before[: before.index("self.conv = ")])
    assert result.text.endswith(source[source.index(after) :])


def test_tabs_and_other_indents() -> None:
    long = "padding=(1, 1), padding_mode='circular', bias=False, dilation=(1, 1), dtype=None"
    source = NET.replace("groups=2", f"{long}, groups=2")
    for indent in ("\t", "  ", "        "):
        options = Options(black={"line-length": 88})
        text = split_source(source.replace("    ", indent), options).text
        assert f"\n{indent * 2}self.conv_0 = nn.Conv2d(\n{indent * 3}2,\n{indent * 3}2,\n" in text
        assert f"\n{indent * 2}conv_0 = self.conv_0(x[:, 0:2])\n{indent * 2}conv_1" in text


def test_unicode_before_a_site() -> None:
    text = split_source(NET.replace("x)", "é)").replace("return self", "return 'ü', self")).text
    assert "        conv_0 = self.conv_0(é[:, 0:2])\n" in text
    assert "        return 'ü', torch.cat((conv_0, conv_1), dim=1)\n" in text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "if x:\n    y = self.conv \\\n        (x)  # c\nelse: y = 1",
            "if x:\n"
            "    conv_0 = self.conv_0(x[:, 0:8])\n"
            "    conv_1 = self.conv_1(x[:, 8:16])\n"
            "    y = torch.cat((conv_0, conv_1), dim=1)  # c\n"
            "else: y = 1",
        ),
        (
            "y = self.conv(x + \\\n  1)",
            "conv_input = x + 1\n"
            "conv_0 = self.conv_0(conv_input[:, 0:8])\n"
            "conv_1 = self.conv_1(conv_input[:, 8:16])\n"
            "y = torch.cat((conv_0, conv_1), dim=1)",
        ),
    ],
)
def test_where_a_statement_stands(before: str, after: str) -> None:
    text = split_source(model(CONV, before)).text
    assert dedent(text.split("    def forward(self, x):\n")[1]).rstrip("\n") == after


@pytest.mark.parametrize(
    "statement",
    [
        *("a = 1; y = self.conv(x); b = 2  # c", "if x: y = self.conv(x)", "raise self.conv(x)"),
        *("while self.conv(x)[0]: pass", "if x: pass\nelif self.conv(x): pass"),
        *("for y in self.conv(x): y = 1; z = 2", "with self.conv(x) as y: pass"),
        *("match self.conv(x):\n    case _: pass", "def f(y=self.conv(x)): return y"),
        *("@self.conv(x)\ndef f(): pass", "del self.conv(x)[0]", "y = x and self.conv(x)"),
        *("y = f(), self.conv(x)", "y = [self.conv(y) for y in x]", "y = f'{self.conv(x)}'"),
    ],
)
def test_where_no_statement_can_stand_before_a_call_it_is_split_once_it_is_built(
    statement: str,
) -> None:
    assert_wrapped(model(CONV, statement))


def test_strings_of_several_lines_keep_their_content() -> None:
    forward = "return self.conv(f('''\n  a\n\n b''', f'''{x}\n  c'''))"
    before, after = model(CONV, forward), split_source(model(CONV, forward)).text
    for text in (before, after):
        assert "\n          a\n\n         b" in text
        assert "{x}\n          c" in text
    assert "        conv_input = f(\n" in after


def test_the_project_s_black_configuration() -> None:
    source = model("self.conv = nn.Conv2d(4, 4, 1, padding_mode='zeros', bias=False, groups=2)")
    for config, line in [
        ({}, '        self.conv_0 = nn.Conv2d(2, 2, 1, padding_mode="zeros", bias=False)\n'),
        (
            {"skip-string-normalization": True},
            "        self.conv_0 = nn.Conv2d(2, 2, 1, padding_mode='zeros', bias=False)\n",
        ),
        (
            {"line-length": 60, "target-version": ["py310", "py999"], "include": "x"},
            "        self.conv_0 = nn.Conv2d(\n"
            '            2, 2, 1, padding_mode="zeros", bias=False\n',
        ),
        ({"target_version": "py310", "preview": True}, "        self.conv_0 = nn.Conv2d(2, 2, 1"),
        ({"line-length": 1}, "        self.conv_0 = nn.Conv2d(\n            2,\n"),
    ]:
        assert line in split_source(source, Options(black=config)).text


def test_a_line_that_was_too_long_before_is_not_reformatted() -> None:
    statement = f"y=[{'1,' * 50} F.relu(self.conv(x)) ]"
    text = split_source(model(CONV, statement)).text
    assert text.endswith(f"        y=[{'1,' * 50} F.relu(conv) ]\n")


def test_a_call_inside_a_definition_that_is_itself_replaced() -> None:
    init = CONV + "\nself.head = nn.Conv2d(4, 4, self.conv(x).shape[-1], groups=2)"
    result = split_source(model(init, "return self.head(self.conv(x))"))
    assert [record.style for record in result.records] == ["explicit", "built"]
    assert "its arguments may have side effects" in result.records[1].note
    assert "        head_kernel" not in result.text


def test_a_callee_and_an_annotation_over_several_lines() -> None:
    source = model("self.conv: dict[  # a\n  int, nn.Conv2d] = (nn\n  .Conv2d)(4, 4, 1, groups=2)")
    for text in (source, source.replace("\n", "\r\n")):
        result = split_source(text).text.replace("\r\n", "\n")
        assert (
            "        # a\n"
            "        self.conv_0: dict[int, nn.Conv2d] = nn.Conv2d(2, 2, 1)\n"
            "        self.conv_1: dict[int, nn.Conv2d] = nn.Conv2d(2, 2, 1)\n"
        ) in result


def test_a_form_feed_before_a_statement_is_not_repeated() -> None:
    source = model(CONV).replace("        return", "\f        return")
    text = split_source(source).text
    assert text.count("\f") == 1
    assert "\f        conv_0 = self.conv_0(x[:, 0:8])\n        conv_1 =" in text


def test_a_generator_and_a_name_in_parentheses() -> None:
    text = split_source(model(CONV, "y = self.conv(t for t in y)")).text
    assert "conv_input = (t for t in y)\n" in text
    text = split_source(model(CONV, "y = self.conv((x))")).text
    assert "self.conv_0(x[:, 0:8])" in text


@pytest.mark.parametrize("fault", ["refuses", "misplaces"])
def test_what_libcst_misreads(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import libcst

    def parse(text: str) -> libcst.Module:
        if fault == "refuses":
            raise libcst.ParserSyntaxError("no", lines=[""], raw_line=1, raw_column=0)
        return libcst.Module([])

    monkeypatch.setattr("libcst.parse_module", parse)
    with pytest.raises(SourceError, match="libcst misreads this") as caught:
        split_source(model(CONV))
    assert (caught.value.line, caught.value.column) == (9, 9)
    assert caught.value.source_line.strip() == CONV


def test_an_annotated_target_in_parentheses_is_left_in_them() -> None:
    result = assert_wrapped(model("(self.conv): nn.Module = nn.Conv2d(4, 4, 1, groups=2)"))
    assert "        (self.conv): nn.Module = nn.Conv2d(4, 4, 1, groups=2)\n" in result.text
    assert "        self.conv = split_conv(self.conv)\n" in result.text
    assert "not of the form self.x" in result.records[0].note


def test_a_trailing_comment_of_a_loop_that_is_broken_goes_above() -> None:
    init = "self.conv = nn.Conv2d(8, 8, 3, padding_mode='circular', bias=False, groups=8)  # a"
    text = split_source(model(init.replace("2d", "3d"))).text
    assert "        # a\n        self.conv = nn.ModuleList(\n" in text


WRAPPERS = """
class f(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.layer = layers[0]

    def forward(self, x):
        return self.layer(x)


make = build_a_model = f
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (  # as black has it, and so as black would have it
            """\
self.net = nn.Sequential(
    make(
        [
            # neighbours
            ('conv', nn.Conv2d(width, width, 3, groups=groups, bias=0)),  # all
            ('relu', nn.ReLU()),
        ]
    )
)  # net""",
            """\
self.net = nn.Sequential(
    make(
        [
            # neighbours
            (
                'conv',
                split_conv(nn.Conv2d(width, width, 3, groups=groups, bias=0)),
            ),  # all
            ('relu', nn.ReLU()),
        ]
    )
)  # net""",
        ),
        (
            """\
self.net.add_module(
    "conv",
    nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False, device=1),
)""",
            """\
self.net.add_module(
    "conv",
    split_conv(
        nn.Conv2d(
            width, width, 3, stride, 1, groups=groups, bias=False, device=1
        )
    ),
)""",
        ),
        (
            """\
self.net.add_module(
    "conv" ,
    nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False, device=1),
)""",
            """\
self.net.add_module(
    "conv" ,
    split_conv(
        nn.Conv2d(
            width, width, 3, stride, 1, groups=groups, bias=False, device=1
        )
    ),
)""",
        ),
        (
            "conv_2 = nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False)  # a",
            """\
conv_2 = nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False)  # a
conv_2 = split_conv(conv_2)""",
        ),
        (
            """\
def make(
    width, conv=nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False)
):  # a comment
    # another
    return conv""",
            """\
def make(
    width,
    conv=split_conv(
        nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False)
    ),
):  # a comment
    # another
    return conv""",
        ),
        (
            """\
if width:
    pass
elif width and make(nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False)):
    pass""",
            """\
if width:
    pass
elif width and make(
    split_conv(nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False))
):
    pass""",
        ),
        (
            """\
self.nets = [
    nn.Conv2d(width, width, 3, stride, 1, groups=groups) for _ in range(2)
]""",
            """\
self.nets = [
    split_conv(nn.Conv2d(width, width, 3, stride, 1, groups=groups))
    for _ in range(2)
]""",
        ),
        (  # not as black has it: no more moves than must
            """\
self.nets = build_a_model({
    'relu' : nn.ReLU(),
    'conv': nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False, dilation=1),
    **{'a' : nn.Conv2d(width, width, groups=groups)}})""",
            """\
self.nets = build_a_model({
    'relu' : nn.ReLU(),
    'conv': split_conv(
        nn.Conv2d(
            width, width, 3, stride, 1, groups=groups, bias=False, dilation=1
        )
    ),
    **{'a' : split_conv(nn.Conv2d(width, width, groups=groups))}})""",
        ),
        (
            """\
self.net = Net(
    a = '''
a
  b''',
    conv=nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False, name='''
a
  b'''), b=1)""",
            """\
self.net = Net(
    a = '''
a
  b''',
    conv=split_conv(
        nn.Conv2d(
            width,
            width,
            3,
            stride,
            1,
            groups=groups,
            bias=False,
            name='''
a
  b''',
        )
    ), b=1)""",
        ),
        (
            """\
self.nets = [
    nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False, d=1)  for _ in  range(2)]""",
            """\
self.nets = [
    split_conv(
        nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False, d=1)
    )  for _ in  range(2)]""",
        ),
        (
            """\
self.nets = [
    nn.Conv2d(width, width, 3, stride, 1, groups=groups),  # a comment
    'a']""",
            """\
self.nets = [
    split_conv(
        nn.Conv2d(width, width, 3, stride, 1, groups=groups)
    ),  # a comment
    'a']""",
        ),
        (
            """\
self.nets = [
    x for x in make(nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False))]""",
            """\
self.nets = [
    x
    for x in make(
        split_conv(nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False))
    )
]""",
        ),
        (  # in the middle of a line: on one, if it fits
            """\
self.net = build_a_model(nn.Conv2d(width, 3,
                                   groups=groups), 'a',
                         nn.ReLU())""",
            """\
self.net = build_a_model(split_conv(nn.Conv2d(width, 3, groups=groups)), 'a',
                         nn.ReLU())""",
        ),
        (
            """\
self.net = build_a_model(nn.Conv2d(width, 3,  # a
                                   groups=groups), 'a',
                         nn.ReLU())""",
            """\
self.net = build_a_model(split_conv(nn.Conv2d(width, 3,  # a
                                   groups=groups)), 'a',
                         nn.ReLU())""",
        ),
        (  # all of the statement, if nothing less helps, in lines as long as they were
            """\
self.net = build_a_model(nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False), 'a',
                         nn.ReLU())""",
            """\
self.net = build_a_model(
    split_conv(nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False)),
    'a',
    nn.ReLU(),
)""",
        ),
        (
            """\
@make(
    nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False, dilation=1))
def f(x):
    return x""",
            """\
@make(
    split_conv(
        nn.Conv2d(
            width, width, 3, stride, 1, groups=groups, bias=False, dilation=1
        )
    ))
def f(x):
    return x""",
        ),
        (
            "x = 1; aa = nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False); b = 'a'",
            """\
x = 1; aa = split_conv(
    nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False)
); b = 'a'""",
        ),
    ],
)
def test_an_expression_that_gets_too_long_for_its_line(before: str, after: str) -> None:
    options = Options(checkpoint=False, black={"line-length": 88})
    for end in ("\n", "\r\n"):
        source = model(before, top=WRAPPERS).replace("\n", end)
        text = split_source(source, options).text
        expected = model(after, top=WRAPPERS).replace("\n", end)
        assert text[text.index("class Net") :] == expected[expected.index("class Net") :]
        assert split_source(text, options).text is text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f(\n    CONV)", "f(\n    SPLIT  # the groups\n)"),
        ("f(\n    CONV)  # end", "f(\n    SPLIT  # the groups\n)  # end"),
        ("f(\n    CONV\n)", "f(\n    SPLIT  # the groups\n)"),
        ("f(\n    CONV,\n    b)", "f(\n    SPLIT,  # the groups\n    b)"),
        ("f(\n    CONV,  # more\n    b)", "f(\n    SPLIT,  # the groups  # more\n    b)"),
        ("f(f(\n    CONV), b)", "f(f(\n    SPLIT  # the groups\n), b)"),
        ("[\n    CONV] * 1", "[\n    SPLIT  # the groups\n] * 1"),
        ("{\n    1: CONV}", "{\n    1: SPLIT  # the groups\n}"),
        ("(b or\n    CONV)", "(b or\n    SPLIT  # the groups\n)"),
        ("b or \\\n    CONV", "b or \\\n    SPLIT  # the groups"),
        ("(\n    CONV or b)", "(\n    RAW or b)"),
        ("b and \\\n    CONV \\\n    or b", "b and \\\n    RAW \\\n    or b"),
        ("b and \\\n    CONV; b = 2", "b and \\\n    RAW; b = 2"),
        ("0, \\\n    CONV, b", "0, \\\n    RAW, b"),
    ],
)
def test_a_comment_inside_that_black_moves_behind_it(before: str, after: str) -> None:
    conv = "nn.Conv2d(8, 8, 3,\n              groups=b,  # the groups\n              padding=1)"
    wide = "split_conv(nn.Conv2d(8, 8, 3, groups=b, padding=1))"
    after = after.replace("SPLIT", wide).replace("RAW", f"split_conv({conv})")
    for options in (BARE, Options(checkpoint=False, black={"skip-magic-trailing-comma": True})):
        for end in ("\n", "\r\n"):
            source = model(f"a = {before}".replace("CONV", conv), top=WRAPPERS)
            source = source.replace("\n", end)
            text = split_source(source, options).text
            expected = model(f"a = {after}").replace("\n", end)
            assert text[text.index("class Net") :] == expected[expected.index("class Net") :]
            assert split_source(text, options).text is text


def test_a_block_over_what_has_such_a_comment() -> None:
    init = "for a in (\n    nn.Conv2d(8, 8, 3,  # one\n              groups=b),):\n    f(a)"
    text = split_source(model(init, top=WRAPPERS), BARE).text
    assert "        for a in (\n            split_conv(nn.Conv2d(8, 8, 3,  # one\n" in text
    ast.parse(text)


WIDE = "nn.Conv2d(width, width, 3, groups=groups)"
ALIASED = f"self.conv = {WIDE}; self.alias = self.conv"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"if groups: self.conv = {WIDE}", f"if groups: self.conv = split_conv({WIDE})"),
        (ALIASED, ALIASED.replace(WIDE, f"split_conv({WIDE})")),
        (
            f"self.conv = {WIDE}; self.width = width  # a",
            f"self.conv = {WIDE}; self.width = width  # a\nself.conv = split_conv(self.conv)",
        ),
        (
            f"self.conv = {WIDE}\nself.width = width; self.alias = self.conv",
            f"self.conv = {WIDE}\nself.conv = split_conv(self.conv)\n"
            "self.width = width; self.alias = self.conv",
        ),
    ],
)
def test_a_line_stands_between_lines(before: str, after: str) -> None:
    """Never where it would come after the rest of its line, or out of the block."""
    text = split_source(model(before), BARE).text
    expected = model(after)
    assert text[text.index("class Net") :] == expected[expected.index("class Net") :]
    assert split_source(text, BARE).text is text


def test_no_line_after_a_method_on_one_line() -> None:
    method = "    def __init__(self, width, groups): super().__init__(); self.conv = CONV\n"
    source = f"from torch import nn\n\n\nclass Net(nn.Module):\n{method}"
    text = split_source(source.replace("CONV", WIDE)).text
    assert text.endswith(f"class Net(nn.Module):\n{method.replace('CONV', f'split_conv({WIDE})')}")
