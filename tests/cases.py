"""The assertions that most tests consist of, and a model around a few lines."""

from __future__ import annotations

import ast
from dataclasses import fields, replace
from textwrap import dedent, indent

from gencode import Options, Result, split_source
from gencode.grouped_conv.built.helper import SPLITTING, Names


def assert_unchanged(source: str, options: Options = Options()) -> Result:
    """Nothing is split; what was found is in the result."""
    text = dedent(source)
    result = split_source(text, options)
    assert result.text is text
    assert not [record for record in result.records if record.is_split]
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
    assert record.status == "left"
    return record.detail


def wrapped(source: str, options: Options = Options()) -> str:
    """Why the only site of a source is split once it is built, with nothing else changed."""
    (record,) = assert_wrapped(source, options).records
    return record.note


def assert_wrapped(source: str, options: Options = Options()) -> Result:
    """All that is split is handed to the helper, by lines or in calls, and nothing else changes."""
    text = dedent(source)
    options = replace(options, checkpoint=False)
    result = split_source(text, options)
    assert result.records
    assert all(record.is_split for record in result.records), result.records
    assert {record.style for record in result.records} == {"built"}
    before, after = ast.parse(text), ast.parse(result.text)
    unwrapping = _Unwrapping()
    assert ast.dump(unwrapping.visit(after)) == ast.dump(_Unwrapping().visit(before))
    assert unwrapping.count > 0
    assert split_source(result.text, options).text is result.text
    return result


def own_text(text: str) -> str:
    """A source without the helper and its imports."""
    tree = ast.parse(text)
    lines = text.splitlines(keepends=True)
    for each in reversed([each for each in tree.body if _is_of_helper(each)]):
        assert each.end_lineno is not None
        del lines[each.lineno - 1 : each.end_lineno]
    return "".join(lines)


class _Unwrapping(ast.NodeTransformer):
    """Takes the helper, its imports, its lines and the calls of it out of a source."""

    def __init__(self) -> None:
        self.count = 0

    def visit_Module(self, module: ast.Module) -> ast.Module:
        module.body = [each for each in module.body if not _is_of_helper(each)]
        self.generic_visit(module)
        return module

    def visit_Assign(self, statement: ast.Assign) -> ast.stmt | None:
        match statement:
            case ast.Assign(targets=[target], value=ast.Call(args=arguments) as value):
                targets = target.elts if isinstance(target, ast.Tuple) else [target]
                same = [ast.unparse(each) for each in targets]
                if _splits(value) and same == [ast.unparse(each) for each in arguments]:
                    self.count += 1
                    return None
        return self.generic_visit(statement)  # type: ignore[return-value]

    def visit_Expr(self, statement: ast.Expr) -> ast.stmt | None:
        if _splits(statement.value) and statement.value.func.id in IN_PLACE:
            self.count += 1
            return None
        return self.generic_visit(statement)  # type: ignore[return-value]

    def visit_Call(self, call: ast.Call) -> ast.expr:
        self.generic_visit(call)
        if _splits(call):
            self.count += 1
            return call.args[0]
        if call.args and getattr(call.args[0], "id", "") == "build_split":
            self.count += 1
            del call.args[0]
        return call


def _splits(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and getattr(value.func, "id", "") in SPLITTING


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


HELPER = {getattr(Names, each.name) for each in fields(Names)}
IN_PLACE = ("split_layers", "split_pairs")
BARE = Options(checkpoint=False)
CONV = "self.conv = nn.Conv2d(16, 32, 3, groups=2)"
