"""What expressions may be, where that is a constant, a builtin or not known at all."""

from __future__ import annotations

import pytest
from facts_asked import Asked

VALUES = {
    "1 + 2": {"3"},
    "7 // 2": {"3"},
    "1 / 0": {"anything"},
    "1 < 'a'": {"anything"},
    "2 ** 3": {"8"},
    "2 ** 30": {"anything"},
    "'a' * 3": {"anything"},
    "'a' + 'b'": {"'ab'"},
    "10 ** 3 + 1": {"1001"},
    "2000000000 + 1": {"anything"},
    "-3": {"-3"},
    "-'a'": {"anything"},
    "~1": {"anything"},
    "not 1": {"False"},
    "not unknown()": {"anything"},
    "1 < 2": {"True"},
    "1 < 2 < 3": {"anything"},
    "1 in [1]": {"anything"},
    "None is None": {"True"},
    "[] is None": {"False"},
    "[] is not None": {"True"},
    "(None if unknown() else []) is None": {"anything"},
    "unknown() is None": {"anything"},
    "1 if 1 else 2": {"1"},
    "1 if unknown() else 2": {"1", "2"},
    "0 or 2": {"2"},
    "1 or 2": {"1"},
    "0 and 2": {"0"},
    "f'{1}a'": {"'1a'"},
    "f'{1!r}a'": {"anything"},
    "f'{1:02}a'": {"anything"},
    "f'{unknown()}a'": {"anything"},
    "1 .real": {"anything"},
    "nn.Conv2d(1, 1, 1).bias is None": {"anything"},
    "torch.relu(1) is None": {"False"},
    "torch.relu is None": {"False"},
    "unknown is None": {"anything"},
    "Box().m is None": {"False"},
    "Box()(1) is None": {"anything"},
    "b'a'": {"b'a'"},
    "...": {"anything"},
    "len": {"builtins.len"},
    "'a'.upper()": {"anything"},
    "1()": set(),
    "[][0]": set(),
    "[1, 2][True]": {"2"},
    "[1, 2][5]": {"1", "2"},
    "[1, 2][:1]": {"list"},
    "[1, 2][:1][0]": {"1"},
    "[1, 2][::0][0]": {"1", "2"},
    "{1: 'a'}[1]": {"'a'"},
    "{'a': 1}['b']": set(),
    "{'a': 1}.get('a')": {"1", "None"},
    "{'a': 1}.pop('a')": {"1"},
    "[1].index(1)": {"anything"},
    "[1].frobnicate()": {"strange"},
    "[1].clear()": {"1"},
    "[*range(3)][1]": {"1"},
    "[*range(1, 3)][1]": {"2"},
    "[*range(99)][1]": {"anything"},
    "[*range(unknown())][0]": {"anything"},
    "[*range(1, 2, 0)][0]": {"anything"},
    "range(1, 2, 3, 4)": {"anything"},
    "[*'ab'][0]": {"anything"},
    "[*1]": {"list"},
    "abs(1)": {"1"},
    "max(1, 2)": {"2"},
    "max(1, '2')": {"1", "'2'", "anything"},
    "dict(a=1)['a']": {"1"},
    "dict(1, 2)": {"strange"},
    "dict(*unknown())": {"strange"},
    "set([1]).pop()": {"1"},
    "getattr(unknown(), 'a')": {"anything"},
    "getattr(unknown(), 'not a name')": {"anything"},
    "hasattr(1, 'a')": {"anything"},
    "setattr(unknown(), 'a', 1)": {"None"},
    "delattr(unknown(), 'a')": {"None"},
    "type(1)": {"anything"},
    "type(Box())": {"class Box", "anything"},
    "copy.copy(1)": {"1"},
    "copy.deepcopy(Box())": {"Box"},
    "copy.copy(unknown())": {"strange"},
    "copy.deepcopy(nn.ReLU())": {"ReLU"},
    "functools.partial(len)": {"partial builtins.len"},
    "torch.nn.modules.conv.Conv2d": {"torch.nn.Conv2d"},
    "torch.no_grad()": {"no_grad"},
    "torch.Size([1])": {"anything"},
    "collections.Counter()": {"Counter"},
    "unknown()": {"strange"},
    "unknown().a": {"anything"},
    "Box.a": {"class Box.a"},
    "Box": {"class Box"},
    "Box().m": {"Box.m"},
    "Box().m()": {"1"},
    "lambda: 1": {"function lambda"},
    "(lambda: 1)()": {"1"},
    "(lambda: 1).__name__": {"anything"},
    "[i for i in range(2)][1]": {"1"},
    "[i for i in range(2) if 1][1]": {"1"},
    "[i for i in range(2) if i][1]": {"0", "1"},
    "[1] + unknown()": {"anything", "list"},
    "([1] + [2])[1]": {"2"},
    "([1] + unknown())[0]": set(),
    "[1] + 1": {"anything"},
    "[1] * nn.ReLU()": {"list"},
    "nn.ReLU().inplace": {"ReLU.inplace"},
    "nn.Conv2d(1, 1, 1).weight.data.shape": {"size None of Conv2d.weight.data"},
    "nn.Conv2d(1, 1, 1).weight[0]": {"Conv2d.weight"},
    "nn.Conv2d(1, 1, 1)[0]": set(),
    "nn.Conv2d(1, 1, 1).shape": {"size None of Conv2d"},
    "super()": {"anything"},
    "nn.Sequential(a=1)": {"Sequential"},
    "nn.Sequential.__init__": {"torch.nn.Sequential.__init__"},
    "Net().parameters()": {"list"},
    "[*Net().parameters()][0]": {"? parameter"},
    "Net().zero_grad()": {"anything"},
    "Net().frobnicate()": {"anything"},
    "Net()._frobnicate()": {"strange"},
    "unknown()._modules.values()": {"list", "strange"},
    "Net().training": {"Net.training"},
    "Strange().a": {"anything", "Strange.a"},
    "Foreign().a": {"Foreign.a"},
    "Empty().a": {"anything"},
}


@pytest.mark.parametrize("text", VALUES)
def test_values(text: str) -> None:
    """An expression is what Python makes of it, or not known."""
    asked = Asked(f"""
class Box:
    def m(self):
        return 1
class Empty: pass
class Net(nn.Module): pass
class Strange(unknown()): pass
class Foreign(unknown): pass
{text}
""")
    assert asked.facts.is_complete
    expected = VALUES[text]
    if text == "([1] + unknown())[0]":
        assert {"1", "anything"} <= asked.values(text)
    else:
        assert asked.values(text) == expected


STATEMENTS = {
    "an addition in place": ("i = 1\ni += 2\ni", {"3"}),
    "one that is unknown": ("i = unknown()\ni += 2\ni", {"anything"}),
    "one of a list": ("i = []\ni += [1]\ni[0]", {"1", "anything"}),
    "a list or a number": ("i = [] if unknown() else 1\ni += [1]\ni", {"anything", "list"}),
    "a list times": ("i = [1]\ni *= 2\ni[0]", {"1", "anything"}),
    "a number that grows in a loop": ("i = 0\nfor j in unknown():\n    i += 1\ni", None),
    "a loop that counts": ("i = 0\nwhile i < 3:\n    i += 1\ni", None),
    "a number in a loop": ("for j in unknown():\n    i = 5\ni", {"5"}),
    "a while that never begins": ("i = 1\nwhile False:\n    i = 2\ni", {"1"}),
    "a loop over nothing": ("i = 1\nfor j in []:\n    i = 2\ni", {"1"}),
    "a loop that ends at once": (
        "for i in [1, 2]:\n    break\ni",
        {"1"},
    ),
    "a loop that returns": (
        "def f():\n    for i in [1, 2]:\n        return i\nf()",
        {"1"},
    ),
    "an unknown loop that returns": (
        "def f():\n    for i in unknown():\n        return 1\nf()",
        {"1", "None"},
    ),
    "an if of which no way goes on": (
        "def f():\n    if unknown():\n        return 1\n    else:\n"
        "        return 2\n    return 3\nf()",
        {"1", "2"},
    ),
    "an if that is known": ("if 1:\n    i = 1\nelse:\n    i = 2\ni", {"1"}),
    "an if that is known not to be": ("if 0:\n    i = 1\nelse:\n    i = 2\ni", {"2"}),
    "elif": (
        "if unknown():\n    i = 1\nelif unknown():\n    i = 2\nelse:\n    i = 3\ni",
        {"1", "2", "3"},
    ),
    "narrowing": ("i = 1 if unknown() else None\nif i is None:\n    i", {"None"}),
    "narrowing of a parameter": ("def f(p):\n    if p is None:\n        p\nf(1)", None),
    "narrowing with and": (
        "i = 1 if unknown() else None\nif i is not None and unknown():\n    i",
        {"1"},
    ),
    "narrowing with or": (
        "i = 1 if unknown() else None\nif i is None or unknown():\n    i",
        {"1", "None"},
    ),
    "a try without an exception": ("try:\n    i = 1\nexcept E as e:\n    i = 2\ni", {"1", "2"}),
    "a try that always returns": (
        "def f():\n    try:\n        return 1\n    except E:\n        return 2\n    return 3\nf()",
        {"1", "2"},
    ),
    "a try of all": ("try:\n    i = 1\nexcept:\n    raise\ni", {"1"}),
    "a try with else": ("try:\n    i = 1\nexcept E:\n    i = 2\nelse:\n    i = 3\ni", {"2", "3"}),
    "a with that swallows nothing": (
        "i = 1\nwith torch.no_grad() as g:\n    i = 2\ni",
        {"2"},
    ),
    "match": (
        "i = 0\nmatch unknown():\n    case [a, *b] if a:\n        i = 1\n    case {**r}:\n"
        "        i = 2\n    case _:\n        raise E\ni",
        {"0", "1", "2"},
    ),
    "del": ("d = [1]\ndel d[0]\nd[0]", {"1", "anything"}),
    "an annotation alone": ("i: int\ni = 1\ni", {"1"}),
    "assert": ("i = 1 if unknown() else None\nassert i is not None, 'a'\ni", {"1"}),
    "a star": ("a, *b = [1, 2, 3]\nb[0]", {"1", "2", "3", "anything"}),
    "an import in a function": (
        "def f():\n    import torch.nn as n, os.path\n    from torch import nn as m\n"
        "    return n.ReLU\nf()",
        {"torch.nn.ReLU"},
    ),
    "pass": ("pass\n1", {"1"}),
    "a class in a function": ("def f():\n    class A:\n        a = 1\n    return A.a\nf()", {"1"}),
    "a try with a star": ("try:\n    i = 1\nexcept* E:\n    i = 2\ni", {"1", "2"}),
}


@pytest.mark.parametrize(("source", "expected"), STATEMENTS.values(), ids=STATEMENTS)
def test_statements(source: str, expected: set[str] | None) -> None:
    """The last expression of a source is what the statements before it make of it."""
    try:
        asked = Asked(source)
    except SyntaxError:
        pytest.skip("this Python does not have it")
    assert asked.facts.is_complete
    last = source.split("\n")[-1].strip()
    if expected is None:
        assert asked.values("p" if "def f(p)" in source else last) >= (
            {"None"} if "def f(p)" in source else {"anything"}
        )
    else:
        assert asked.values(last) == expected


def test_what_is_not_known_is_noted_by_name() -> None:
    """An attribute of anything may be that of what has escaped."""
    asked = Asked("""
m = unknown()
m.a
m.b = 1
m.c()
getattr(m, "d")
getattr(m, unknown())
setattr(m, "e", 1)
delattr(m, "f")
F.relu(1).g
""")
    assert {*"abcdefg", "*"} <= {*asked.facts._interpreter.loose}


def test_uses_have_kinds() -> None:
    """What is done with a value is told apart."""
    asked = Asked("""
conv = nn.Conv2d(1, 1, 1)
conv(1)
conv.weight
conv.weight.data.zero_()
conv.bias = None
conv.cuda()
conv[0]
if conv: pass
conv == 1
print(conv)
conv.apply(print)
conv.modules()
""")
    expected = {"call", "read weight", "method weight.data.zero_", "write bias", "method cuda"}
    expected |= {"item", "test", "compare", "argument", "read *apply", "read *modules"}
    assert expected <= asked.uses("conv")
