"""It ends on anything; what is too much is not known, and has escaped."""

from __future__ import annotations

import ast
import gc

import pytest
from facts_asked import Asked

from gencode import split_source
from gencode.facts import interpretation
from gencode.facts.facts import Facts
from gencode.facts.project import Module, Project
from gencode.facts.worklist import Unit, Worklist

ENDLESS = {
    "a class that holds itself": (
        "class A(nn.Module):\n    def __init__(self):\n        self.a = A()\n"
        "    def forward(self, x):\n        return self.a(x)"
    ),
    "results of results": (
        "class A(nn.Module):\n    def __init__(self):\n        self.a = A()\n"
        "    def forward(self, x):\n        return [self.a(x), [self.a(x)]]"
    ),
    "a number that counts": (
        "class A:\n    def __init__(self):\n        self.n = 0\n    def m(self):\n"
        "        self.n = self.n + 1"
    ),
    "a text that grows": (
        "class A:\n    def __init__(self):\n        self.n = 'a'\n    def m(self):\n"
        "        self.n = self.n + self.n"
    ),
    "a list that grows": "d = []\nwhile unknown():\n    d = d + [d]\n    d.extend(d)\n    d += d",
    "tuples of tuples": "d = ()\nfor i in unknown():\n    d = (d, tuple(d))",
    "partials of partials": "f = print\nwhile unknown():\n    f = functools.partial(f, f)\nf()",
    "recursion": "def f(x):\n    return [f(x), g(x)]\ndef g(x):\n    return f([x])\nf(1)",
    "a recursion of closures": "def f(x):\n    def g():\n        return f(g)\n    return g()\nf(1)",
    "Sequentials in each other": (
        "a = nn.Sequential()\nb = nn.Sequential(a)\na.append(b)\na.append(b)\na(1)\nb(1)"
    ),
    "a class that is its own base": "class A(A): pass\nA().x",
    "classes in a circle": "class A(B): pass\nclass B(A): pass\nA().x\nB().x",
    "no order of bases": "class A: pass\nclass B(A): pass\nclass C(A, B): pass\nC().x",
    "a decorator of itself": "@f\ndef f(x):\n    return f\nf(f)",
    "attributes of attributes": "a = unknown()\nwhile a:\n    a = a.b.c.d.e.f",
    "setattr of all": (
        "class A: pass\na = A()\nfor i in unknown():\n    setattr(a, i, getattr(a, i))"
    ),
    "a generator of itself": "def f():\n    yield from f()\nfor x in f():\n    x",
    "copies": "d = [1]\nwhile unknown():\n    d = copy.deepcopy([d, *d])",
}


@pytest.mark.parametrize("source", ENDLESS.values(), ids=ENDLESS)
def test_it_ends(source: str) -> None:
    """Nothing is told apart without end."""
    assert Asked(source).facts.is_complete


def test_too_many_values_escape() -> None:
    """Where an expression may be too many things, they have escaped."""
    makers = "\n".join(f"d.append(nn.Conv2d({n}, 1, 1))" for n in range(30))
    asked = Asked(f"d = []\n{makers}\nc = d[unknown()]\nc")
    assert asked.values("c") == {"anything"}
    assert asked.escapes("nn.Conv2d(7, 1, 1)")


def test_too_many_tensors_are_one() -> None:
    """One tensor stands for too many, and what it is made of is known."""
    makers = "\n".join(f"    d.append(F.relu(x + {n}))" for n in range(30))
    asked = Asked(f"def f(x):\n    d = []\n{makers}\n    y = d[unknown()]\n    y\n    y.sin()")
    assert asked.values("y") == {"tensor of any of several"}
    both = Asked(f"def f(x):\n    d = [x]\n{makers}\n    y = d[unknown()]\n    y")
    assert both.values("y") == {"tensor of any of several", "anything"}


def test_too_many_inputs_are_one() -> None:
    """A module may be applied to many tensors at one place."""
    items = ", ".join(f"F.relu(x + {n})" for n in range(20))
    asked = Asked(f"conv = nn.Conv2d(1, 1, 1)\ndef f(x):\n    conv([{items}])")
    assert asked.values("conv([" + items + "])") == {"tensor of Conv2d"}
    (conv,) = asked.facts.values(asked.node("conv"))
    assert any(each.kind == "call" for each in asked.facts.uses(conv))


def test_too_many_items_have_no_order() -> None:
    """A container with very many items is one of any order."""
    items = ", ".join(str(n) for n in range(80))
    asked = Asked(
        f"d = [{items}]\ne = {{{', '.join(f'{n}: {n}' for n in range(80))}}}\nd[70]\ne[70]"
    )
    assert "anything" in asked.values("d[70]")
    assert asked.values("e[70]")


def test_too_many_callees_are_merged() -> None:
    """A call of very many functions is one of any of them."""
    functions = "\n".join(f"def f{n}(c):\n    return c" for n in range(12))
    names = ", ".join(f"f{n}" for n in range(12))
    asked = Asked(
        f"{functions}\nconv = nn.Conv2d(1, 1, 1)\nfs = ({names}, nn.ReLU())\nfs[unknown()](conv)"
    )
    assert "Conv2d" in asked.values("fs[unknown()](conv)")
    assert "argument" in asked.uses("conv")


def test_too_many_calls_are_merged() -> None:
    """A function that is called at very many places is interpreted once for the rest."""
    calls = "\n".join(f"f(nn.Conv2d({n}, 1, 1)).a{n}" for n in range(40))
    asked = Asked(f"def f(c):\n    return c\n{calls}")
    assert asked.values("f(nn.Conv2d(0, 1, 1))") == {"Conv2d"}
    assert "Conv2d" in asked.values("f(nn.Conv2d(39, 1, 1))")


def test_a_deep_chain_of_calls_is_merged() -> None:
    """So is one that lies very deep."""
    chain = "\n".join(f"def f{n}(c):\n    return f{n + 1}(c)" for n in range(8))
    asked = Asked(f"def f8(c):\n    c.here\n{chain}\nf0(nn.Conv2d(1, 1, 1))")
    assert "Conv2d" in asked.values("c")


def test_a_large_function_is_merged() -> None:
    """A large function is interpreted once, whoever calls it."""
    body = "\n".join(f"    a{n} = {n} + 1" for n in range(60))
    asked = Asked(f"def f(c, *a, **k):\n{body}\n    c.here\nf(nn.Conv2d(1, 1, 1))")
    assert "Conv2d" in asked.values("c")


def test_one_that_would_take_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known then."""
    monkeypatch.setattr(interpretation, "_BUDGET", 10)
    tree = ast.parse("\n".join(f"a{n} = {n}" for n in range(99)))
    assert not Facts([Module("", False, tree)], Project()).is_complete


def test_one_that_is_too_deep_is_given_up() -> None:
    """The same where Python can go no deeper."""
    tree: ast.expr = ast.Constant(1)
    for _ in range(3000):
        tree = ast.UnaryOp(ast.Invert(), tree)
    whole = ast.Module([ast.Expr(tree)], [])
    assert not Facts([Module("", False, whole)], Project()).is_complete


def test_a_node_of_a_kind_that_is_not_known() -> None:
    """It is handed all that is in it."""
    tree = ast.parse("from torch import nn\nconv = nn.Conv2d(1, 1, 1)\nconv")

    class Future(ast.stmt):
        _fields = ("value", "names")

    last = tree.body[-1]
    assert isinstance(last, ast.Expr)
    node = Future(value=last.value, names=[ast.alias("a")], lineno=3, col_offset=0)
    tree.body[-1] = node
    facts = Facts([Module("", False, tree)], Project())
    (conv,) = facts.values(last.value)
    assert any(each.kind == "escape" for each in facts.uses(conv))


def test_the_worklist_runs_again_what_read_something_that_grew() -> None:
    """A unit is run once, and again for each growth of what it read."""
    worklist, runs = Worklist(), []

    def first() -> None:
        runs.append("first")
        worklist.read("key")

    def second() -> None:
        runs.append("second")
        if runs.count("second") == 1:
            worklist.grew("key")

    worklist.read("outside")
    worklist.add(Unit("a"), first)
    worklist.add(Unit("b"), second)
    worklist.add(Unit("b"), second)
    worklist.demand(Unit("b"), second)
    worklist.run()
    assert runs == ["first", "second", "first"]


def test_a_collector_that_rests_goes_on_to_rest() -> None:
    """What the caller turned off is not turned on behind its back."""
    gc.disable()
    try:
        split_source("x = 1")
        assert not gc.isenabled()
    finally:
        gc.enable()
    split_source("x = 1")
    assert gc.isenabled()


@pytest.mark.parametrize(("count", "is_anything"), [(30, False), (50, True)])
def test_a_call_of_too_many_methods(count: int, is_anything: bool) -> None:
    """They are not told apart any more: it gives what is not known."""
    layers = "".join(f"        self.run = nn.Linear({n}, 1)\n" for n in range(count))
    asked = Asked(
        f"class A(nn.Module):\n    def __init__(self):\n        super().__init__()\n{layers}"
        "    def forward(self, x):\n        return self.run(x)\n"
    )
    assert asked.facts.is_complete
    assert (asked.values("self.run(x)") == {"strange"}) is is_anything


def test_a_layer_that_may_be_any_of_many() -> None:
    """Where an item may be more than some modules, their results are one: that comes to an end."""
    of = "Run(lambda x: x, nn.Sequential(nn.Conv2d(8, 8, 1), nn.ReLU()), nn.Sequential(nn.ReLU()))"
    asked = Asked(f"""
        class Run(nn.Sequential):
            def __init__(self, f, *layers):
                super().__init__(*layers)
                self.f = f

            def forward(self, x):
                return [self.f(layer(x)) for layer in self._modules.values()]

        net = nn.Sequential({", ".join([of] * 40)})
        """)
    assert asked.facts.is_complete
    assert asked.consumers("nn.Conv2d(8, 8, 1)") == {"ReLU"}
