"""The assertions that the tests of rules of one construct each consist of."""

from __future__ import annotations

import ast
import types
from textwrap import dedent, indent

import torch

from gencode import Options, Result, split_source
from gencode.outcome import Finding

PLINIO = Options(target="plinio")
HEAD = """\
import torch
import torch.nn.functional as F
from torch import nn


"""


def module(forward: str, constructor: str = "", rest: str = "") -> str:
    """A source with a class around the lines of a constructor and of ``forward(self, x)``."""
    lines = [
        *("class Net(nn.Module):", "    def __init__(self):", "        super().__init__()"),
        *([indent(dedent(constructor).strip("\n"), "        ")] if constructor else []),
        *("", "    def forward(self, x):", indent(dedent(forward).strip("\n"), "        ")),
    ]
    tail = f"\n\n{dedent(rest).lstrip()}" if rest else ""
    return HEAD + "\n".join(lines) + "\n" + tail


def stays(source: str, options: Options = PLINIO) -> tuple[Finding, ...]:
    """Nothing is rewritten; what was found is given."""
    text = dedent(source)
    result = split_source(text, options)
    assert result.text is text, result.text
    assert not [each for each in result.findings if each.status == "rewritten"]
    return result.findings


def reason(source: str, options: Options = PLINIO) -> str:
    """Why the only place that is found stays as it is."""
    (finding,) = stays(source, options)
    assert finding.status == "left"
    return finding.message.rpartition(": ")[2]


def becomes(before: str, after: str, options: Options = PLINIO) -> Result:
    """The source becomes exactly that, which does not change any more."""
    result = split_source(dedent(before), options)
    assert result.text == dedent(after)
    ast.parse(result.text)
    again = split_source(result.text, options)
    assert again.text is result.text
    assert not [each for each in again.findings if each.status == "rewritten"]
    return result


def run(source: str) -> types.ModuleType:
    """A module of a source."""
    made = types.ModuleType("model")
    exec(compile(source, "model.py", "exec"), made.__dict__)
    return made


def assert_same(source: str, *shapes: tuple[int, ...], options: Options = PLINIO) -> str:
    """``Net`` computes the same as rewritten, to the last bit, and loads the original's state."""
    after = split_source(source, options).text
    assert after != source
    torch.manual_seed(0)
    one, other = run(source).Net().double(), run(after).Net().double()
    state = one.state_dict()
    assert list(other.state_dict()) == list(state)
    other.load_state_dict(state)
    for training in (True, False):
        for shape in shapes:
            x = torch.randn(*shape, dtype=torch.float64)
            results = []
            for net in (one.train(training), other.train(training)):
                given = x.clone().requires_grad_()
                given_back = net(given)
                given_back.sum().backward()
                results.append((given_back, given.grad))
            for a, b in zip(*results, strict=True):
                assert a.shape == b.shape
                assert torch.equal(a, b)
    return after
