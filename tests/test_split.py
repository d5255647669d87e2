"""What a definition and a call become, in both styles."""

from __future__ import annotations

import ast

import pytest

from cases import BARE, CONV, assert_becomes, model, own_text
from gencode import Options, split_source

LOOP = Options(style="loop", checkpoint=False)


def split(init: str, forward: str, options: Options = BARE) -> tuple[list[str], list[str]]:
    """The lines of the two methods that a model's become."""
    text = split_source(model(init, forward), options).text
    assert split_source(text, options).text is text
    ast.parse(text)
    one, other = (
        own_text(text).split("super().__init__()\n")[1].split("    def forward(self, x):\n")
    )
    return _lines(one), _lines(other)


def _lines(text: str) -> list[str]:
    return [line[8:] for line in text.rstrip().splitlines() if line.strip()]


def test_the_example_of_the_notebook() -> None:
    assert_becomes(
        """\
        import torch.nn as nn
        import torch.nn.functional as F
        import torch


        class UnsupportedGroupedConv_1D(nn.Module):
            def __init__(self):
                super(UnsupportedGroupedConv_1D, self).__init__()
                self.input_shape = (16, 2)
                self.conv0 = nn.Conv1d(16, 16, 5, padding="same", groups=1)
                self.conv1 = nn.Conv1d(16, 8, 3, padding="same", groups=2)
                self.conv3 = nn.Conv1d(8, 16, 3, padding="same", groups=1)

            def forward(self, x):
                x0  = F.relu(self.conv0(x))
                x1 = F.relu(self.conv1(x0))
                x4 = F.relu(self.conv3(x1))
                return x4
        """,
        """\
        import torch.nn as nn
        import torch.nn.functional as F
        import torch


        class UnsupportedGroupedConv_1D(nn.Module):
            def __init__(self):
                super(UnsupportedGroupedConv_1D, self).__init__()
                self.input_shape = (16, 2)
                self.conv0 = nn.Conv1d(16, 16, 5, padding="same", groups=1)
                self.conv1_0 = nn.Conv1d(8, 4, 3, padding="same")
                self.conv1_1 = nn.Conv1d(8, 4, 3, padding="same")
                self.conv3 = nn.Conv1d(8, 16, 3, padding="same", groups=1)

            def forward(self, x):
                x0  = F.relu(self.conv0(x))
                conv1_0 = self.conv1_0(x0[:, 0:8])
                conv1_1 = self.conv1_1(x0[:, 8:16])
                x1 = F.relu(torch.cat((conv1_0, conv1_1), dim=1))
                x4 = F.relu(self.conv3(x1))
                return x4
        """,
    )


@pytest.mark.parametrize(
    ("conv", "branch"),
    [
        ("nn.Conv2d(16, 32, 3, groups=2)", "nn.Conv2d(8, 16, 3)"),
        ("nn.Conv2d(16, 32, 3, 1, 1, 1, 2)", "nn.Conv2d(8, 16, 3, 1, 1, 1)"),
        ("nn.Conv2d(16, 32, 3, 1, 1, 1, 2, False)", "nn.Conv2d(8, 16, 3, 1, 1, 1, bias=False)"),
        (
            "nn.Conv2d(16, 32, 3, 1, 1, 1, 2, False, 'circular')",
            'nn.Conv2d(8, 16, 3, 1, 1, 1, bias=False, padding_mode="circular")',
        ),
        ("nn.Conv2d(16, 32, (3, 3), groups=2 * 1)", "nn.Conv2d(8, 16, (3, 3))"),
        (
            "nn.Conv2d(groups=2, out_channels=32, kernel_size=3, in_channels=16)",
            "nn.Conv2d(out_channels=16, kernel_size=3, in_channels=8)",
        ),
        ("nn.Conv2d(16, 32, 3, groups=2, **kw)", "nn.Conv2d(8, 16, 3, groups=1, **kw)"),
        ("nn.Conv2d(16, 32, 3, 1, 1, 1, 2, **kw)", "nn.Conv2d(8, 16, 3, 1, 1, 1, groups=1, **kw)"),
        ("nn.Conv2d(16, 32, kernel_size=k, groups=2)", "nn.Conv2d(8, 16, kernel_size=k)"),
        ("nn.Conv2d(16, 32, [k, k // 2], groups=2)", "nn.Conv2d(8, 16, [k, k // 2])"),
        ("nn.Conv2d(16, 32, max(k, 3), groups=2)", "nn.Conv2d(8, 16, max(k, 3))"),
        (
            "nn.Conv2d(16, 32, 3, groups=2, device=torch.device('cpu'))",
            'nn.Conv2d(8, 16, 3, device=torch.device("cpu"))',
        ),
        ("nn.Conv1d(16, 32, 3, groups=2)", "nn.Conv1d(8, 16, 3)"),
        ("nn.Conv3d(16, 32, 3, groups=2)", "nn.Conv3d(8, 16, 3)"),
        ("nn.ConvTranspose2d(16, 32, 3, groups=2)", "nn.ConvTranspose2d(8, 16, 3)"),
        (
            "nn.ConvTranspose2d(16, 32, 3, 2, 1, 1, 2, False, 1)",
            "nn.ConvTranspose2d(8, 16, 3, 2, 1, 1, bias=False, dilation=1)",
        ),
        ("nn.Conv3d(2, 2, 1, groups=2)", "nn.Conv3d(1, 1, 1)"),
        ("nn.Conv2d(2, 4, 1, groups=2)", "nn.Conv2d(1, 2, 1)"),
        ("nn.Conv2d(4, 2, 1, groups=2)", "nn.Conv2d(2, 1, 1)"),
    ],
)
def test_arguments_of_the_branches(conv: str, branch: str) -> None:
    init, _ = split(f"self.conv = {conv}", "return self.conv(x)")
    assert init == [f"self.conv_0 = {branch}", f"self.conv_1 = {branch}"]


@pytest.mark.parametrize(
    ("statement", "after"),
    [
        ("x = self.conv(x)", "x = CAT"),
        ("return self.conv(x)", "return CAT"),
        ("self.conv(x)", "CAT"),
        ("y = z = self.conv(x)", "y = z = CAT"),
        ("y: torch.Tensor = self.conv(x)", "y: torch.Tensor = CAT"),
        ("self.last[0] = self.conv(x)", "self.last[0] = CAT"),
        ("y += self.conv(x)", "y += CAT"),
        ("y = self.conv(input=x)", "y = CAT"),
        ("y=F.relu( self.conv( x ) )", "y=F.relu( CAT )"),
        ("y = x + self.conv(x)", "y = x + CAT"),
        ("y = self.conv(x) + f()", "y = CAT + f()"),
        (
            "y = F.relu(self.bn(self.conv(x)), inplace=True)",
            "y = F.relu(self.bn(CAT), inplace=True)",
        ),
        ("y = self.conv(x).relu().mean((2, 3))", "y = CAT.relu().mean((2, 3))"),
        ("y = [x, self.conv(x)], f()", "y = [x, CAT], f()"),
        ("y = self.conv(x) if flag else x", None),
        ("y = flag and self.conv(x)", None),
        ("y = self.conv(x) and flag", "y = CAT and flag"),
        ("y = -self.conv(x)", "y = -CAT"),
        ("y = x < self.conv(x)", "y = x < CAT"),
        ("y = x < y < self.conv(x)", None),
        ("y = f() + self.conv(x)", None),
        ("y = self.scale * self.conv(x)", None),
        ("y = (x + 1) * self.conv(x)", None),
        ("y = {1: self.conv(x)}", None),
        ("self.total += self.conv(x)", None),
        ("y = lambda: self.conv(x)", None),
        ("y = [self.conv(x) for z in y]", None),
        ("y = [z for z in self.conv(x)]", None),
        ("y = (z := self.conv(x))", "y = (z := CAT)"),
        ("assert self.conv(x).sum()", None),
        ("y = self.norms[0](self.conv(x))", "y = self.norms[0](CAT)"),
        ("y = self.layers[f()](self.conv(x))", None),
        ("y = f(x)(self.conv(x))", None),
        ("y = SCALE * self.conv(x)", "y = SCALE * CAT"),
    ],
)
def test_a_call_is_moved_before_its_statement_only_where_it_is_evaluated_first(
    statement: str, after: str | None
) -> None:
    _, forward = split(CONV, statement)
    if after is None:
        assert "conv_0 = " not in "\n".join(forward)
    else:
        cat = "torch.cat((conv_0, conv_1), dim=1)"
        assert forward == [
            "conv_0 = self.conv_0(x[:, 0:8])",
            "conv_1 = self.conv_1(x[:, 8:16])",
            after.replace("CAT", cat),
        ]


@pytest.mark.parametrize(
    "statement", ["y = z * self.conv(x)", "z += self.conv(x)", "z(self.conv(x))"]
)
def test_a_name_that_a_function_may_bind_anew_is_read_first(statement: str) -> None:
    for declaration in ("global z\nz = 1", "z = 1\ndef f():\n    nonlocal z\n    z = 2"):
        _, forward = split(CONV, f"{declaration}\nz = 3\n{statement}")
        assert "conv_0 = " not in "\n".join(forward)


def test_an_argument_that_is_no_name_is_evaluated_once() -> None:
    _, forward = split(CONV, "y = F.relu(self.conv(self.bn(x)))")
    assert forward == [
        "conv_input = self.bn(x)",
        "conv_0 = self.conv_0(conv_input[:, 0:8])",
        "conv_1 = self.conv_1(conv_input[:, 8:16])",
        "y = F.relu(torch.cat((conv_0, conv_1), dim=1))",
    ]


def test_calls_inside_calls_and_beside_each_other() -> None:
    init = "self.a = nn.Conv2d(16, 16, 1, groups=2)\nself.b = nn.Conv2d(16, 16, 1, groups=2)"
    _, forward = split(init, "return self.b(F.relu(self.a(x)))")
    assert forward == [
        "a_0 = self.a_0(x[:, 0:8])",
        "a_1 = self.a_1(x[:, 8:16])",
        "b_input = F.relu(torch.cat((a_0, a_1), dim=1))",
        "b_0 = self.b_0(b_input[:, 0:8])",
        "b_1 = self.b_1(b_input[:, 8:16])",
        "return torch.cat((b_0, b_1), dim=1)",
    ]
    _, forward = split(init, "return self.a(x) + self.b(x)")  # which is split once it is built
    assert forward[2:] == ["return torch.cat((a_0, a_1), dim=1) + self.b(x)"]
    _, forward = split(init.splitlines()[0], "return self.a(self.a(x))")
    assert forward[2:] == [
        "a_input = torch.cat((a_0, a_1), dim=1)",
        "a_2_0 = self.a_0(a_input[:, 0:8])",
        "a_2_1 = self.a_1(a_input[:, 8:16])",
        "return torch.cat((a_2_0, a_2_1), dim=1)",
    ]


def test_a_concatenation_that_makes_the_line_too_long_gets_its_own() -> None:
    _, forward = split(CONV, f"a_rather_long_name = F.relu(self.{'n' * 30}(self.conv(x)))")
    assert forward[2:] == [
        "conv = torch.cat((conv_0, conv_1), dim=1)",
        f"a_rather_long_name = F.relu(self.{'n' * 30}(conv))",
    ]
    _, forward = split(CONV, f"y = F.relu(self.conv(x))  # {'a comment ' * 4}")
    assert forward[2] == "conv = torch.cat((conv_0, conv_1), dim=1)"


def test_many_groups_are_a_loop() -> None:
    init, forward = split("self.conv = nn.Conv2d(64, 32, 3, groups=16)", "y = F.relu(self.conv(x))")
    assert init == ["self.conv = nn.ModuleList(nn.Conv2d(4, 2, 3) for _ in range(16))"]
    assert forward == [
        "conv = [branch(x[:, 4 * i : 4 * i + 4]) for i, branch in enumerate(self.conv)]",
        "y = F.relu(torch.cat(conv, dim=1))",
    ]


def test_a_loop_over_single_channels() -> None:
    init, forward = split("self.up = nn.Conv3d(8, 8, 3, groups=8)", "y = self.up(x)")
    assert init == ["self.up = nn.ModuleList(nn.Conv3d(1, 1, 3) for _ in range(8))"]
    assert forward[0] == "up = [conv(x[:, i : i + 1]) for i, conv in enumerate(self.up)]"


def test_loop_variables_hide_no_name() -> None:
    init, _ = split(f"for _ in x:\n    {CONV}", "return self.conv(x)", LOOP)
    assert init[1] == "    self.conv = nn.ModuleList(nn.Conv2d(8, 16, 3) for _ in range(2))"
    init, _ = split(CONV.replace(" 3,", " _,"), "return self.conv(x)", LOOP)
    assert init == ["self.conv = nn.ModuleList(nn.Conv2d(8, 16, _) for __2 in range(2))"]
    _, forward = split(
        "self.a = nn.Conv2d(16, 16, 1, groups=2)", "for i in conv:\n    x = self.a(x)", LOOP
    )
    assert (
        forward[1] == "    a = [branch(x[:, 8 * j : 8 * j + 8]) for j, branch in enumerate(self.a)]"
    )


def test_the_style_is_chosen_by_the_number_of_groups_or_by_the_user() -> None:
    init = "self.conv = nn.Conv2d(16, 16, 1, groups=4)"
    for options, loop in [
        (Options(), False),
        (Options(max_unroll=3), True),
        (Options(style="explicit", max_unroll=1), False),
        (LOOP, True),
    ]:
        lines, _ = split(init, "return self.conv(x)", options)
        assert ("ModuleList" in lines[0]) is loop


def test_every_method_and_every_definition() -> None:
    assert_becomes(
        """\
        import torch
        from torch import nn


        class Net(nn.Module):
            def __init__(self, wide):
                super().__init__()
                if wide:
                    self.conv = nn.Conv2d(8, 8, 5, padding=2, groups=2)

            def features(self, x):
                return self.conv(x)

            async def later(me, x):
                return me.conv(x)

            def forward(self, x):
                def inner(y):
                    return self.conv(y)

                return inner(x)
        """,
        """\
        import torch
        from torch import nn


        class Net(nn.Module):
            def __init__(self, wide):
                super().__init__()
                if wide:
                    self.conv_0 = nn.Conv2d(4, 4, 5, padding=2)
                    self.conv_1 = nn.Conv2d(4, 4, 5, padding=2)

            def features(self, x):
                conv_0 = self.conv_0(x[:, 0:4])
                conv_1 = self.conv_1(x[:, 4:8])
                return torch.cat((conv_0, conv_1), dim=1)

            async def later(me, x):
                conv_0 = me.conv_0(x[:, 0:4])
                conv_1 = me.conv_1(x[:, 4:8])
                return torch.cat((conv_0, conv_1), dim=1)

            def forward(self, x):
                def inner(y):
                    conv_0 = self.conv_0(y[:, 0:4])
                    conv_1 = self.conv_1(y[:, 4:8])
                    return torch.cat((conv_0, conv_1), dim=1)

                return inner(x)
        """,
    )


def test_an_annotation_stays_with_the_branches() -> None:
    init, _ = split("self.conv: nn.Conv2d = nn.Conv2d(4, 4, 1, groups=2)", "return self.conv(x)")
    assert init[0] == "self.conv_0: nn.Conv2d = nn.Conv2d(2, 2, 1)"


def test_the_record_says_what_became_of_it() -> None:
    (record,) = split_source(model(CONV)).records
    assert (record.status, record.style, record.owner, record.attribute) == (
        "split",
        "explicit",
        "Net",
        "conv",
    )
    assert record.branches == ("conv_0", "conv_1")
    (record,) = split_source(model(CONV), LOOP).records
    assert record.branches == ("conv.0", "conv.1")


def test_plinio_takes_no_transposed_convolution_and_is_said_not_to() -> None:
    result = split_source(model("self.conv = nn.ConvTranspose1d(4, 4, 3, groups=2)"))
    (warning,) = result.warnings
    assert "PLiNIO takes no transposed convolution" in warning.message
    assert (warning.line, warning.column) == (result.records[0].line, result.records[0].column)
