"""The rule for shapes that are read to be checked, or for nothing."""

from __future__ import annotations

import pytest

from gencode import Options, list_source

torch = pytest.importorskip("torch")

from rules import HEAD, assert_same, becomes, module, reason, run, stays  # noqa: E402

CONV = "self.conv = nn.Conv2d(3, 4, 3)"
CHECKED = "dropped: an input of another shape is not refused here any more"


def net(forward: str, rest: str = "") -> str:
    return module(f"{forward}\nreturn self.conv(x)", CONV, rest)


# --- nothing changes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "forward",
    [
        "n, c, h, w = x.shape",  # PLiNIO takes these
        "n = x.shape[0]",
        "n = x.ndim",
        "assert self.training",
        "assert isinstance(x, torch.Tensor)",
        "sizes = [1]\nassert len(sizes) == 1",
        "sizes = torch.ones(3)\nassert sizes.dim() == 1",
        "if x.shape[1] != 3:\n    x = x[:, :3]",
        "if x.shape[1] != 3:\n    raise ValueError\nelse:\n    x = x + 1",
        "y = self.conv(x)\ny.sizes = x.stride()",
        "assert x == torch.pi",
    ],
)
def test_what_is_no_read_or_check(forward: str) -> None:
    assert not [each for each in stays(net(forward)) if each.code == "shape-reads"]


@pytest.mark.parametrize(
    "source",
    [
        HEAD + "def check(x):\n    assert F.relu(x).shape[1] == 3\n    return x\n",
        HEAD + "def check():\n    y = nn.ReLU()(torch.rand(3, 3))\n    assert y.size() == (3, 3)\n",
        module("return self.conv(x)", f"{CONV}\ny = self.conv(x)\nassert y.dim() == 4"),
        HEAD
        + "class Data:\n    def forward(self, x):\n        assert x.dim() == 4\n        return x\n",
    ],
)
def test_what_stands_in_no_method_of_a_module(source: str) -> None:
    assert not stays(source)


@pytest.mark.parametrize(
    ("forward", "why"),
    [
        ("n = x.size(0)\nself.n = n", "n is used (line 13)"),
        ("n, c = x.size()[:2]\nself.keep(lambda: c)", "c is used (line 13)"),
        ("n = x.size(0)\nn += 1", "n is used (line 13)"),
        ("n = x.size(0)\ndel n", "n is used (line 13)"),
        ("global n\nn = x.size(0)", "n is no variable of its own"),
        (
            "n = 1\ndef count():\n    nonlocal n\n    n = x.size(0)\ncount()",
            "n is no variable of its own",
        ),
        ("n = x.size(0)\nself.keep(locals())", "all variables may be read (line 13)"),
        ("n, self.n = x.size()[:2]", "it is kept in something else than variables"),
        ("n, *self.n = x.size()", "it is kept in something else than variables"),
        ("assert check(x.shape)", "check(x.shape) calls something else"),
        ("assert x.dim() == self.count()", "x.dim() == self.count() calls something else"),
        ("assert (n := x.dim()) == 4", "(n := x.dim()) == 4 is no plain condition"),
        ("assert self.conv(x).dim() == 4", "self.conv(x).dim() == 4 calls something else"),
        ("assert x.dim() == 4; x = x", "it has no lines of its own"),
        ("for i in range(2):\n    assert x.dim() == 4", "its block does nothing else"),
        ("assert (  # of images\n    x.dim() == 4\n)", "a comment in it would be lost"),
        (
            "if x.dim() != 4:\n    # of images\n    raise ValueError",
            "a comment in it would be lost",
        ),
    ],
)
def test_what_is_left(forward: str, why: str) -> None:
    assert reason(net(forward)) == why


def test_a_block_of_checks_is_not_emptied() -> None:
    found = stays(net("if self.training:\n    assert x.dim() == 4\n    n = x.size(0)"))
    assert {each.message.rpartition(": ")[2] for each in found} == {"its block does nothing else"}


def test_what_may_be_an_array_is_left() -> None:
    source = f"import numpy as np\n{net('n = x.size(0)')}".replace("self.conv(x)", "x")
    assert not [each for each in stays(source) if each.status == "rewritten"]


def test_a_comment_bars_it() -> None:
    (found,) = stays(net("assert x.dim() == 4  # gencode: skip[shape-reads]"))
    assert found.status == "skipped"


# --- what becomes of what ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "forward",
    [
        "assert x.dim() == 4",
        'assert x.shape[1] == self.conv.in_channels, f"not {x.shape[1]}"',
        "assert len(x.size()) == 4 and x.shape[2] % 2 == 0",
        "n, c, h, w = x.shape\nassert h == w",
        "if x.ndim != 4:\n    raise ValueError('a batch')\n",
        'torch._assert(x.dim() == 4, "")',
        "assert tuple(x.size()[1:]) == (3, 8, 8)",
        "assert 'c' in 'abc' and x.dim() == 4",
    ],
)
def test_a_check(forward: str) -> None:
    read = forward.partition("\n")[0] if "n, c, h, w" in forward else ""
    result = becomes(net(f"x = F.relu(x)\n{forward}"), net(f"x = F.relu(x)\n{read}".rstrip()))
    (found,) = result.findings
    assert found.message.endswith(CHECKED)


@pytest.mark.parametrize(
    "forward",
    [
        "n, c, h, w = x.size()",
        "n = x.size(0)",
        "n = c = x.size(0)",
        "[n, (c)] = x.size()[:2]",
        "h, w = x.shape[2:]",
        "n, *_ = x.size()",
        "rank = x.dim()",
    ],
)
def test_what_nothing_uses(forward: str) -> None:
    if "c = x" in forward and forward.count("=") == 2:
        assert not [each for each in stays(net(forward)) if each.status == "rewritten"]
        return
    (found,) = becomes(net(f"x = F.relu(x)\n{forward}"), net("x = F.relu(x)")).findings
    assert found.message.endswith("dropped: nothing uses it")


def test_what_another_rule_has_used() -> None:
    before = module("n, c = x.size()[:2]\nreturn self.conv(x).view(n, -1)", CONV)
    becomes(before, module("return torch.flatten(self.conv(x), 1)", CONV))


def test_what_a_module_has_for_old_torch() -> None:
    _, body = net('_assert(x.dim() == 4, "")').split("\n\n\n", 1)
    for path in ("torch", ".trace_utils"):
        head = f"{HEAD.rstrip()}\nfrom {path} import _assert\n\n\n"
        becomes(head + body, head + net("").split("\n\n\n", 1)[1].replace("        \n", ""))
    own = f"{HEAD}def _assert(what, why):\n    print(what)\n\n\n"
    assert not stays(own + body)


def test_comments_around_it_stay() -> None:
    before = net("# a batch\nassert x.dim() == 4  # of images\nx = F.relu(x)")
    after = net("# a batch\n# of images\nx = F.relu(x)")
    becomes(before, after)


def test_it_may_be_chosen() -> None:
    source = net("assert x.dim() == 4\nx = x.mean(2, keepdim=True)")
    result = list_source(source, Options(select=("shape-reads",)))
    assert [each.code for each in result.findings] == ["shape-reads"]


def test_it_computes_the_same_and_can_be_traced() -> None:
    source = net("assert x.dim() == 4\nn, c, h, w = x.size()\nif h != w:\n    raise ValueError\n")
    after = assert_same(source, (2, 3, 8, 8), (1, 3, 4, 4))
    made = run(after).Net()
    traced = torch.fx.symbolic_trace(made)
    assert {each.op for each in traced.graph.nodes} == {"placeholder", "call_module", "output"}
    with pytest.raises(torch.fx.proxy.TraceError):
        torch.fx.symbolic_trace(run(source).Net())
