"""The rule for ``view`` and ``reshape`` that flatten."""

from __future__ import annotations

from functools import partial

import pytest

from gencode import Options, split_source

torch = pytest.importorskip("torch")

import rules  # noqa: E402
from rules import HEAD, PLINIO, assert_same, becomes, module, stays  # noqa: E402

FLATTEN = Options(target="plinio", select=("flatten",))
reason = partial(rules.reason, options=FLATTEN)


# --- nothing changes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        "x.view(-1, 512)",
        "x.view(2, -1)",
        "x.view(-1)",
        "x.view(x.size(0), 512)",
        "x.view(x.size(0), 4, -1)",
        "x.view(*x.shape[:2], -1)",
        "x.view(x.size(0), -1.0)",
        "x.view(torch.float64)",
        "x.view(x.size(0), n=-1)",
        "torch.reshape(x, (x.size(0), -1))",
        "torch.flatten(x, 1)",
    ],
)
def test_what_does_not_flatten_is_no_finding(code: str) -> None:
    assert not stays(module(f"return {code}"))


@pytest.mark.parametrize(
    ("forward", "first"),
    [
        ("return x.view(x.size(1), -1)", "x.size(1)"),
        ("return x.view(x.shape[-1], -1)", "x.shape[-1]"),
        ("return x.view(x.size(0) * 2, -1)", "x.size(0) * 2"),
        ("return x.view(x.size(0) // 2, -1)", "x.size(0) // 2"),
        ("n = self.n\nreturn x.view(n, -1)", "n"),
        ("n = x.size(1)\nreturn x.view(n, -1)", "n"),
        ("return x[:2].view(x.size(0), -1)", "x.size(0)"),
        ("y = x[:2]\nreturn y.view(x.size(0), -1)", "x.size(0)"),
        ("n = x.size(0)\nx = x[:2]\nreturn x.view(n, -1)", "n"),
        ("n = x.size(0)\nx = x.transpose(0, 1)\nreturn x.view(n, -1)", "n"),
        ("n = x.size(0)\nx = torch.cat([x, x])\nreturn x.view(n, -1)", "n"),
        ("n = x.size(0)\nx = torch.add(x, self.other)\nreturn x.view(n, -1)", "n"),
        ("n = x.size(0)\nx = x + self.other\nreturn x.view(n, -1)", "n"),
        ("n = x.size(0)\nx = nn.Flatten(0)(x)\nreturn x.view(n, -1)", "n"),
        ("n = 2 if self.training else x.size(0)\nreturn x.view(n, -1)", "n"),
        ("n = x.size(0)\nn += 1\nreturn x.view(n, -1)", "n"),
        ("len = max\nreturn x.view(len(x), -1)", "len(x)"),
    ],
)
def test_another_length_is_left(forward: str, first: str) -> None:
    assert reason(module(forward)) == f"{first} is not known to be the length of its dimension 0"


def test_a_length_of_a_turn_before_is_left() -> None:
    forward = """
    for i in range(3):
        y = x[: i + 1]
        if i:
            x = y.view(n, -1)
        n = y.size(0)
    return x
    """
    assert "length" in reason(module(forward))


@pytest.mark.parametrize(
    "forward",
    [
        "if self.n is None:\n    self.n = x.size(0)\nreturn x.view(self.n, -1)",
        "if self.n is None:\n    self.n = x.size(0)\nn = self.n\nreturn x.view(n, -1)",
        "n = x.size(0)\nold, self.old = self.old, x\nreturn old.view(n, -1)",
        "self.n = x.size(0)\nself.sizes = [x]\nn = self.sizes[0].size(0)\nreturn x.view(n, -1)",
        "n = x.size(0)\nself.later = lambda: x\nreturn self.later().view(n, -1)",
        "n = x.size(0)\nself.later = x.relu\ny = self.later()\nreturn y.view(n, -1)",
        "n = x.size(0)\nself.later = self.keep(x)\ny = self.later()\nreturn y.view(n, -1)",
    ],
)
def test_what_another_call_may_have_kept_is_left(forward: str) -> None:
    rest = """
    def keep(self, x):
        return x.relu
    """
    source = module(forward, "self.n = None") + "\n".join(rest.splitlines())
    assert reason(source).endswith(("dimension 0", "known to be a tensor"))


def test_what_is_kept_in_a_variable_of_the_module_is_left() -> None:
    source = """
    import torch
    from torch import nn

    saved = None


    def keep(x):
        global saved
        saved = x


    class Net(nn.Module):
        def forward(self, x):
            n = x.size(0)
            old = saved
            keep(x)
            return old.view(n, -1)
    """
    assert reason(source).endswith(("dimension 0", "tensor"))


@pytest.mark.parametrize("change", ["x.unsqueeze_(0)", "x.t_()", "x.resize_(1, 2)"])
def test_what_is_reshaped_in_place_is_left(change: str) -> None:
    source = module(f"n = x.size(0)\n{change}\nreturn x.view(n, -1)")
    assert reason(source) == "a tensor is reshaped in place (line 12)"


@pytest.mark.parametrize(
    "source",
    [
        """
        import numpy as np
        import torch


        def rows(a):
            return a.reshape(a.shape[0], -1)
        """,
        """
        import torch


        def rows(a):
            return a.reshape(len(a), -1)
        """,
        """
        import numpy as np
        import torch
        from torch import nn


        class Net(nn.Module):
            def forward(self, x):
                return torch.from_numpy(x.reshape(x.shape[0], -1))
        """,
        """
        import torch


        class Grid:
            def size(self, place):
                return 2

            def view(self, n, m):
                return n


        def f():
            grid = Grid()
            return grid.view(grid.size(0), -1)
        """,
    ],
)
def test_what_may_be_no_tensor_is_left(source: str) -> None:
    findings = stays(source)
    assert all(each.message.endswith("is not known to be a tensor") for each in findings)


def test_a_file_without_torch_is_not_looked_at() -> None:
    assert not stays("def f(a):\n    return a.view(a.size(0), -1)\n")


def test_a_comment_is_not_lost() -> None:
    source = module("return x.view(  # rows\n    x.size(0), -1\n)")
    assert reason(source) == "a comment in it would be lost"


def test_torch_is_another() -> None:
    source = module("return x.view(x.size(0), -1)").replace("import torch\n", "torch = None\n")
    assert reason(source) == "the name torch stands for something else"


def test_skipped() -> None:
    for code in ("skip", "skip[flatten]", "skip[pool, flatten]"):
        source = module(f"return x.view(x.size(0), -1)  # gencode: {code}")
        (finding,) = stays(source)
        assert finding.status == "skipped"
        assert finding.code == "flatten"
    source = module("return x.view(x.size(0), -1)  # gencode: skip[pool]")
    assert split_source(source, PLINIO).text != source


# --- what becomes of what ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x.view(x.size(0), -1)", "torch.flatten(x, 1)"),
        ("x.view((x.size(0), -1))", "torch.flatten(x, 1)"),
        ("x.view([x.size(0), -1])", "torch.flatten(x, 1)"),
        ("x.reshape(x.shape[0], -1)", "torch.flatten(x, 1)"),
        ("x.reshape(x.size(0), -1)", "torch.flatten(x, 1)"),
        ("x.reshape(x.size()[0], -1)", "torch.flatten(x, 1)"),
        ("x.view(len(x), -1)", "torch.flatten(x, 1)"),
        ("F.relu(x).reshape(x.shape[0], -1)", "torch.flatten(F.relu(x), 1)"),
        ("self.fc(x.view(x.size(0), -1))", "self.fc(torch.flatten(x, 1))"),
        ("F.relu(x).view(x.size(0), -1)", "torch.flatten(F.relu(x), 1)"),
        ("x.abs().view(x.size(0), -1)", "torch.flatten(x.abs(), 1)"),
        ("x.contiguous().view(x.size(0), -1)", "torch.flatten(x.contiguous(), 1)"),
        (
            "x.view(x.size(0), -1).view(x.size(0), -1)",
            "torch.flatten(x, 1).view(x.size(0), -1)",
        ),
        ("[y.view(y.size(0), -1) for y in x]", "[torch.flatten(y, 1) for y in x]"),
    ],
)
def test_expressions(before: str, after: str) -> None:
    becomes(module(f"return {before}"), module(f"return {after}"))


@pytest.mark.parametrize(
    "before",
    [
        "n = x.size(0)",
        "n = x.shape[0]",
        "n, c = x.size()",
        "n, c, h, w = x.shape",
    ],
)
def test_a_length_in_a_variable(before: str) -> None:
    lines = f"{before}\nx = F.relu(x)\nfor i in range(2):\n    y = x.view(n, -1)\nreturn y"
    after = lines.replace("x.view(n, -1)", "torch.flatten(x, 1)")
    becomes(module(lines), module(after), FLATTEN)


def test_what_torch_gives_is_no_array() -> None:
    before = f"import numpy\n{HEAD}def f(x):\n    x = F.relu(x)\n"
    becomes(
        f"{before}    return x.reshape(x.shape[0], -1)\n",
        f"{before}    return torch.flatten(x, 1)\n",
    )


@pytest.mark.parametrize(
    "forward",
    [
        "n = self.saved.size(0)\nreturn F.relu(self.saved).view(n, -1)",
        "y, z = x\nn = y.size(0)\nreturn y.abs().view(n, -1)",
        "for y in self.net(x):\n    n = y.size(0)\n    x = y.abs().view(n, -1)\nreturn x",
        "y = (self.net(x) for _ in x)\ny = next(y)\nn = y.size(0)\nreturn y.abs().view(n, -1)",
    ],
)
def test_what_is_not_of_one_call_is_left(forward: str) -> None:
    stays(module(forward, "self.net = nn.Conv2d(3, 3, 1)\nself.saved = torch.ones(2, 3)"))


def test_a_result_of_something_unknown() -> None:
    before = HEAD + "from other import net\n\n\ndef f(x):\n    y = net(x)\n"
    becomes(
        f"{before}    return y.view(y.size(0), -1)\n", f"{before}    return torch.flatten(y, 1)\n"
    )


def test_torch_is_imported() -> None:
    before = """\
    import torch.nn as nn


    class Net(nn.Module):
        def forward(self, x):
            return x.view(x.size(0), -1)
    """
    after = """\
    import torch
    import torch.nn as nn


    class Net(nn.Module):
        def forward(self, x):
            return torch.flatten(x, 1)
    """
    becomes(before, after)


def test_comments_and_lines_stay() -> None:
    before = "x = (\n    x  # all\n    + 1\n).view(x.size(0), -1)  # rows\nreturn x"
    (finding,) = stays(module(before))
    assert finding.message.endswith("is not known to be the length of its dimension 0")
    before = 'y = x\nx = y.view(y.size(0), -1)  # "rows"\nreturn x'
    becomes(module(before), module(before.replace("y.view(y.size(0), -1)", "torch.flatten(y, 1)")))


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_line_ends(end: str) -> None:
    before = module("x = x.view(x.size(0), -1)\nreturn x").replace("\n", end)
    assert split_source(before, PLINIO).text == before.replace(
        "x.view(x.size(0), -1)", "torch.flatten(x, 1)"
    )


def test_what_is_not_selected_stays() -> None:
    source = module("return F.avg_pool2d(x, 2).view(x.size(0), -1)")
    assert "F.avg_pool2d(x, 2), 1" in split_source(source, FLATTEN).text


# --- it computes the same ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "forward",
    [
        "return x.view(x.size(0), -1)",
        "return x.transpose(1, 2).reshape(x.shape[0], -1) + x.view(x.shape[0], -1)",
        "n, c = x.shape[0], 2\nx = self.conv(x)\nm = x.size(0)\nreturn torch.relu(x).view(m, -1)",
        "y = x.view(x.size(0), -1)\ny = y * 1\ny += 1\nreturn y + x.view(x.size(0), -1)",
    ],
)
def test_equal(forward: str) -> None:
    source = module(forward, "self.conv = nn.Conv2d(4, 4, 1)")
    assert "torch.flatten" in assert_same(source, (2, 4, 3, 5), (1, 4, 1, 1))


def test_what_may_be_no_tensor() -> None:
    """A dict has no ``view``, but what may be one is no tensor for sure."""
    forward = "x = {} if self.training else x\nreturn x.view(x.size(0), -1)"
    assert reason(module(forward)).endswith("known to be a tensor")
