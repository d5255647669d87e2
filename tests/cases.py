"""The assertions that most tests consist of, and a model around a few lines."""

from __future__ import annotations

import ast
from dataclasses import replace
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
    """The source becomes exactly that, which parses and does not change any more.

    What loads the weights of the original is left out: it is the same in all models.
    """
    options = replace(options, checkpoint=False)
    result = split_source(dedent(before), options)
    assert result.text == dedent(after)
    ast.parse(result.text)
    assert split_source(result.text, options).text is result.text
    return result


def left(source: str, options: Options = Options()) -> str:
    """Why the only site of a source is left as it is."""
    (record,) = assert_unchanged(source, options).records
    assert record.status == "unsplit"
    return record.detail


def wrapped(source: str, options: Options = Options()) -> str:
    """Why the only site of a source is split by the helper, with nothing else changed."""
    (record,) = assert_wrapped(source, options).records
    return record.note


def assert_wrapped(source: str, options: Options = Options()) -> Result:
    """All that is split is split by the helper, in lines and calls of it, and nothing else changes.

    How many there are says nothing: one line splits all that an nn.Sequential holds.
    """
    text = dedent(source)
    options = replace(options, checkpoint=False)
    result = split_source(text, options)
    assert result.records
    assert {record.status for record in result.records} == {"split"}, result.records
    assert {record.style for record in result.records} == {"built"}
    before, after = ast.parse(text), ast.parse(result.text)
    splitting = _WithoutSplits()
    assert ast.dump(splitting.visit(after)) == ast.dump(_WithoutSplits().visit(before))
    assert splitting.count
    assert split_source(result.text, options).text is result.text
    return result


class _WithoutSplits(ast.NodeTransformer):
    """Takes the helper, its imports, the lines that call it and the calls of it out of a source."""

    def __init__(self) -> None:
        self.count = 0

    def visit_Module(self, module: ast.Module) -> ast.Module:
        module.body = [each for each in module.body if not _is_of_helper(each)]
        self.generic_visit(module)
        return module

    def visit_Assign(self, assign: ast.Assign) -> ast.stmt | None:
        return None if self._is_line(assign.value) else self._visited(assign)

    def visit_Expr(self, statement: ast.Expr) -> ast.stmt | None:
        is_line = self._is_line(statement.value) and isinstance(statement.value, ast.Call)
        return None if is_line else self._visited(statement)

    def _is_line(self, value: ast.expr) -> bool:
        """Whether a statement only splits what attributes or variables hold."""
        is_split = isinstance(value, ast.Call) and _name_of(value) in SPLITTING
        if not is_split or not isinstance(value, ast.Call):
            return False
        if not all(isinstance(each, (ast.Attribute, ast.Name)) for each in value.args):
            return False
        self.count += 1
        return True

    def _visited(self, statement: ast.stmt) -> ast.stmt:
        self.generic_visit(statement)
        return statement

    def visit_Call(self, call: ast.Call) -> ast.expr:
        self.generic_visit(call)
        if _name_of(call) in SPLITTING:
            self.count += 1
            return call.args[0]
        if call.args and getattr(call.args[0], "id", "") == "build_split":
            self.count += 1
            del call.args[0]
        return call


def _name_of(call: ast.Call) -> str:
    return str(getattr(call.func, "id", ""))


def _is_of_helper(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Import):
        return statement.names[0].name in ("copy", "torch", "warnings")
    return getattr(statement, "name", "") in HELPER


def without_helper(text: str) -> str:
    """A source without the classes and functions of the helper, which are all at one place."""
    found = [each for each in ast.parse(text).body if getattr(each, "name", "") in HELPER]
    if not found:
        return text
    lines = text.splitlines(keepends=True)
    end = found[-1].end_lineno or 0
    while end < len(lines) and not lines[end].strip():
        end += 1
    return "".join(lines[: found[0].lineno - 1] + lines[end:])


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


HELPER = (
    *("Branches", "SplitGroups", "UnjoinedGroups", "JoinedGroups", "SplitTransposed"),
    *("plain_parts", "class_of_torch", "weight_norm_of", "is_grouped", "is_norm_of"),
    *("split_conv", "split_conv_norm", "split_layers", "split_pairs", "split_by_filter"),
    *("build_split", "outputs_of", "apply_padded", "copy_padding"),
)
SPLITTING = (
    *("split_conv", "split_conv_norm", "split_layers", "split_pairs", "split_by_filter"),
    "copy_padding",
)
BARE = Options(checkpoint=False)
CONV = "self.conv = nn.Conv2d(16, 32, 3, groups=2)"
