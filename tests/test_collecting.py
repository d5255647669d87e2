"""What a loop collects for a concatenation is collected branch by branch."""

from __future__ import annotations

from textwrap import dedent

import pytest

from cases import model
from gencode import split_source

BUILT = """
    self.convs = nn.ModuleList(nn.Conv2d(8, 8, k, groups=groups) for k in (1, 1))
    self.conv = nn.Conv2d(8, 8, 1, groups=groups)
    """
LOOP = "for conv in self.convs:"
COLLECT = f"out = []\n{LOOP}\n    out.append(conv(x))\n"


def becomes(body: str) -> str:
    """What becomes of the body of a forward."""
    text = model(BUILT, dedent(body).strip()).replace("__init__(self)", "__init__(self, groups=2)")
    result = split_source(text)
    assert {record.style for record in result.records} == {"built"}
    assert split_source(result.text).text is result.text
    _, _, forward = result.text.rpartition("def forward(self, x):\n")
    return dedent(forward)


def collected(body: str) -> str:
    return dedent(body).strip() + "\n"


@pytest.mark.parametrize(
    "body",
    [
        f"{COLLECT}return torch.cat(out, dim=2)",
        f"{COLLECT}return torch.cat(out, dim=1), out",
        f"{COLLECT}return torch.cat(out, 1) + torch.cat(out, 1)",
        f"{COLLECT}return torch.cat(out + [x], 1)",
        f"{COLLECT}return torch.cat(out[1:], 1)",
        f"{COLLECT}out = out[:1]\nreturn torch.cat(out, 1)",
        f"out = self.out\n{LOOP}\n    out.append(conv(x))\nreturn torch.cat(out, 1)",
        f"{COLLECT}return torch.stack(out, 1)",
        f"out = []\n{LOOP}\n    out.append(F.relu(conv(x)))\nreturn torch.cat(out, 1)",
        f"out = []\n{LOOP}\n    y = out.append(conv(x))\nreturn torch.cat(out, 1)",
        f"out = []\n{LOOP}\n    out.append(conv(x, None))\nreturn torch.cat(out, 1)",
        f"out = []\n{LOOP}\n    out.append(conv(*x))\nreturn torch.cat(out, 1)",
        f"out = []\n{LOOP}\n    out.append(conv(input=x))\nreturn torch.cat(out, 1)",
        f"out = []\n{LOOP}\n    out.append(\n        conv(x)  # why\n    )\n"
        "return torch.cat(out, 1)",
        f"out = []\n{LOOP}\n    out.append(conv(x))  # gencode: skip\nreturn torch.cat(out, 1)",
        f"{COLLECT}f = lambda out: torch.cat(out, 1)\nreturn f(x)",
        f"out = []\n{LOOP}\n    self.out.append(conv(x))\nreturn torch.cat(out, 1)",
        f"{COLLECT}return torch.cat(out, 1), lambda: out",
        f"{COLLECT}part = out\nreturn torch.cat(out, 1), lambda: part",
        "return torch.cat([F.relu(conv(x)) for conv in self.convs], 1)",
        "return torch.cat([\n    conv(x)  # why\n    for conv in self.convs\n], 1)",
        "return torch.cat([conv(x) for conv in self.convs], 1)  # gencode: skip",
        "return torch.cat(tuple(conv(x) for conv in self.convs), 1)",
        "return torch.stack([conv(x) for conv in self.convs], 1)",
        "async def g():\n    return torch.cat([conv(x) async for conv in self.convs], 1)\n"
        "return g()",
        "self.out = [conv(x) for conv in self.convs]\nreturn torch.cat(self.out, 1)",
    ],
)
def test_what_stays(body: str) -> None:
    assert becomes(body) == collected(body)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            f"out = [x]\n{LOOP}\n    out.append(conv(x * 2))  # each\nreturn torch.cat(out, 1)",
            f"out = [x]\n{LOOP}\n    out.extend(outputs_of(conv, x * 2))  # each\n"
            "return torch.cat(out, 1)",
        ),
        (
            "out = []\nout.append(self.conv(x))\nout.append(x)\nreturn torch.cat(out, dim=1)",
            "out = []\nout.extend(outputs_of(self.conv, x))\nout.append(x)\n"
            "return torch.cat(out, dim=1)",
        ),
        (
            "return torch.cat([conv(x) for conv in self.convs], 1)",
            "return torch.cat(\n    [output for conv in self.convs"
            " for output in outputs_of(conv, x)], 1\n)",
        ),
        (
            "out = [self.convs[i](x) for i in range(2) if i]\nreturn torch.cat(out, axis=1)",
            "out = [output for i in range(2) if i for output in outputs_of(self.convs[i], x)]\n"
            "return torch.cat(out, axis=1)",
        ),
        (
            "output = [(conv(x)) for (conv) in self.convs]\nreturn torch.cat(output, 1)",
            "output = [\n    (output_2) for (conv) in self.convs"
            " for output_2 in outputs_of(conv, x)\n]\nreturn torch.cat(output, 1)",
        ),
        (
            "out = [conv(x) for conv in self.convs if conv.weight.sum() < 9]\n"
            "return torch.cat(out, 1)",
            "out = [\n    output\n    for conv in self.convs\n"
            "    if conv.weight.sum() < 9\n"
            "    for output in outputs_of(conv, x)\n]\nreturn torch.cat(out, 1)",
        ),
    ],
)
def test_what_becomes_of_it(before: str, after: str) -> None:
    assert becomes(before) == collected(after)


@pytest.mark.parametrize("groups", [1, 2, 8])
@pytest.mark.parametrize(
    "body",
    [
        f"out = [x]\n{LOOP}\n    out.append(conv(x * 2))\nreturn torch.cat(out, 1)",
        "return torch.cat([conv(y) for conv in self.convs for y in (x, -x)], 1)",
    ],
)
def test_it_computes_the_same_in_one_concatenation(groups: int, body: str) -> None:
    torch = pytest.importorskip("torch")
    from equivalence import assert_same_models, run_source
    from plinio_rules import broken

    text = model(BUILT, body).replace("__init__(self)", "__init__(self, groups)")
    split = run_source(split_source(text).text).Net(groups)
    x = torch.randn(2, 8, 5, 5)
    assert_same_models(run_source(text).Net(groups), split, x)
    assert "17" not in broken(split.float(), x)
