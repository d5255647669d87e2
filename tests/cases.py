"""The two assertions that most tests consist of, and a model around a few lines."""

from __future__ import annotations

import ast
from textwrap import dedent, indent

from gencode import Options, Result, split_source


def assert_unchanged(source: str, options: Options = Options()) -> Result:
    """Nothing is split; what was found is in the result."""
    text = dedent(source)
    result = split_source(text, options)
    assert result.text is text
    assert not [record for record in result.records if record.status == "split"]
    return result


def assert_becomes(before: str, after: str, options: Options = Options()) -> Result:
    """The source becomes exactly that, which parses and does not change any more."""
    result = split_source(dedent(before), options)
    assert result.text == dedent(after)
    ast.parse(result.text)
    assert split_source(result.text, options).text is result.text
    return result


def reason(source: str, options: Options = Options()) -> str:
    """Why the only site of a source is not written out: left as it is, or split by the helper."""
    (record,) = split_source(dedent(source), options).records
    if record.status == "unsplit":
        assert_unchanged(source, options)
        return record.detail
    assert record.style == "module"
    return record.note


def model(init: str = "", forward: str = "return self.conv(x)", top: str = "") -> str:
    """A model with these lines in its methods and after its imports."""
    return (
        "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n"
        f"{dedent(top)}\n\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        f"{indent(dedent(init).strip(), ' ' * 8)}\n\n"
        "    def forward(self, x):\n"
        f"{indent(dedent(forward).strip(), ' ' * 8)}\n"
    )


CONV = "self.conv = nn.Conv2d(16, 32, 3, groups=2)"
