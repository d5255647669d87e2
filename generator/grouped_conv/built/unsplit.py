"""A source as it was before gencode split what it builds, as far as its lines tell."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping

from ...reading.parts import walk


def unsplit(tree: ast.Module, copies: Collection[ast.stmt], names: Mapping[str, str]) -> str | None:
    """The code before, without comments; None if it calls the helper in another way.

    Args:
        tree: of the source.
        copies: the classes and functions of the helper in it.
        names: by the name of each what it usually is called.
    """
    kept = [each for each in tree.body if each not in copies]
    code = ast.parse(ast.unparse(ast.Module(kept, [])))  # the tree of others stays as it is
    before = ast.unparse(ast.fix_missing_locations(_Unsplit(names).visit(code)))
    left = (each.id for each in walk(ast.parse(before)) if isinstance(each, ast.Name))
    return None if any(names.get(each, "").islower() for each in left) else before


class _Unsplit(ast.NodeTransformer):
    """Takes the lines away that split what is built, and the calls around expressions."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        """``conv = split_conv(conv)``, ``conv, norm = split_conv_norm(conv, norm)``."""
        value, target = node.value, node.targets[0]
        if isinstance(value, ast.Call) and self._usual(value.func):
            given = target.elts if isinstance(target, ast.Tuple) else [target]
            is_same = map(ast.unparse, given), map(ast.unparse, value.args[: len(given)])
            if [*is_same[0]] == [*is_same[1]]:
                return ast.Pass()
        self.generic_visit(node)
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        """``split_layers(layers)``, ``split_pairs(convs, norms)``."""
        if isinstance(node.value, ast.Call) and self._usual(node.value.func):
            return ast.Pass()
        self.generic_visit(node)
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """``split_conv(nn.Conv2d(...))``, ``partial(build_split, nn.Conv2d, ...)`` and so on."""
        self.generic_visit(node)
        if node.args and self._usual(node.args[0]) == "build_split":
            node.args = node.args[1:]
        match self._usual(node.func), node.args:
            case "split_conv" | "split_layers" | "split_by_filter", [whole]:
                return whole
            case "outputs_of", [layer, x]:
                return ast.List([ast.Call(layer, [x], [])], ast.Load())
            case "apply_padded", [conv, x, pad]:
                return ast.Call(conv, [ast.Call(pad, [x], [])], [])
        return node

    def _usual(self, function: ast.expr) -> str:
        return self._names.get(function.id, "") if isinstance(function, ast.Name) else ""
