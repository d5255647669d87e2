"""How trees are gone through, and for how long they are kept."""

from __future__ import annotations

import ast
import gc
from pathlib import Path

import pytest

from gencode import split_source
from gencode.reading.parts import walk
from gencode.reading.source import Source

MARKS = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)
MODEL = """from torch import nn


class Block(nn.Module):
    def __init__(self, conv=nn.Conv2d, **kwargs):
        super().__init__()
        layers = [nn.Conv2d(8, 8, 1, groups=2), nn.BatchNorm2d(8)]
        self.layers = nn.Sequential(*layers)
        self.conv = conv(8, 8, 3, **kwargs)

    def forward(self, x):
        return self.conv(self.layers(x))


class Net(nn.Module):
    def __init__(self, block=Block):
        super().__init__()
        self.block = block(groups=4)
"""
SYNTAX = """
@decorated(1)
async def f(a, /, b: int = 1, *c, d=2, e, **g) -> None:
    global x
    async with a as b, c: pass
    async for i in [*j, *(k async for k in l if k)]: await m
    else: del n[1:2:3], o.p
    return {**q, 1: 2}, {r for s in t}, lambda u=1, *v: (w := 1)
class C(B[1], metaclass=M):
    y: int
    try: raise E from F
    except (G, H) as error: assert -1 < 2 != 3, not (4 or 5)
    finally: z += f"{a!r:>{b}}"
match a:
    case {"b": [1, *c], **d} | D(e, f=None) if g: from . import h as i, j
    case _ as k: import l.m
"""


@pytest.mark.parametrize("text", [SYNTAX, Path(__file__).read_text(encoding="utf-8")])
def test_all_of_a_tree_is_gone_through_but_for_marks(text: str) -> None:
    tree = ast.parse(text)
    assert [*walk(tree)] == [each for each in ast.walk(tree) if not isinstance(each, MARKS)]


def test_no_source_is_kept_when_it_is_split() -> None:
    """Whole trees that caches hold on to cost as much as all else: the garbage collector goes
    through them again and again."""
    gc.collect()
    before = sum(isinstance(each, Source) for each in gc.get_objects())
    assert split_source(MODEL).records
    gc.collect()
    assert sum(isinstance(each, Source) for each in gc.get_objects()) == before
