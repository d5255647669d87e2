"""Where a module goes: what reads it is seen to read it, or it is said to have escaped."""

from __future__ import annotations

import ast

import pytest
from facts_asked import Asked

CONV = "nn.Conv2d(1, 1, 1)"

FOLLOWED = {
    "a variable": "c = CONV\nc.here",
    "several targets": "a = b = CONV\nb.here",
    "unpacking": "a, b = CONV, 1\na.here",
    "unpacking a list in a tuple": "a, [b, d] = 1, (2, CONV)\nd.here",
    "a star among targets": "a, *b = 1, CONV, 2\nb[0].here",
    "what stands beside a star": "a, *b = CONV, 1\na.here",
    "a walrus": "if (c := CONV):\n    c.here",
    "a walrus in a comprehension": "c = 1\n[c := CONV for _ in range(3)]\nc.here",
    "a walrus behind and": "c = CONV\nunknown() and (c := 1)\nc.here",
    "a walrus in one way of a condition": "c = 1\n(c := CONV) if unknown() else 0\nc.here",
    "a condition": "(CONV if unknown() else None).here",
    "or": "(unknown() or CONV).here",
    "and": "(unknown() and CONV).here",
    "or behind None": "(None or CONV).here",
    "an attribute": "n = Box()\nn.c = CONV\nn.c.here",
    "an attribute of two names": "n = Box()\nm = n\nm.c = CONV\nn.c.here",
    "an attribute of a class": "Box.c = CONV\nBox.c.here",
    "an attribute of a class, of an instance": "Box.c = CONV\nBox().c.here",
    "an attribute in the body of a class": "class A:\n    c = CONV\nA().c.here",
    "in a branch of the body": "class A:\n    if unknown():\n        c = CONV\nA().c.here",
    "of a base": "class A:\n    c = CONV\nclass B(A): pass\nB().c.here",
    "of a base, where a branch hides it": "class A:\n    c = CONV\nclass B(A):\n    if unknown():\n        c = 1\nB().c.here",
    "getattr": "n = Box()\nn.c = CONV\ngetattr(n, 'c').here",
    "the default of getattr": "getattr(Box(), 'c', CONV).here",
    "getattr of any name": "n = Box()\nn.c = CONV\ngetattr(n, unknown()).here",
    "setattr": "n = Box()\nsetattr(n, 'c', CONV)\nn.c.here",
    "setattr of any name": "n = Box()\nn.c = 1\nsetattr(n, unknown(), CONV)\nn.c.here",
    "a list": "[CONV][0].here",
    "a list from behind": "[1, CONV][-1].here",
    "a place that is not known": "[1, CONV][unknown()].here",
    "a tuple": "(1, CONV)[1].here",
    "a slice": "[1, CONV, 2][1:][0].here",
    "a slice from where it is not known": "[1, CONV, 2][unknown():][0].here",
    "a star in a list": "[1, *[CONV]][1].here",
    "a star of any order in a list": "[1, *{CONV}][1].here",
    "a dict": "{'a': CONV}['a'].here",
    "a dict by number": "{1: 0, 2: CONV}[2].here",
    "a dict by what is not known": "{'a': CONV}[unknown()].here",
    "stars in a dict": "{**{'a': CONV}}['a'].here",
    "the get of a dict": "{'a': CONV}.get('a').here",
    "the default of get": "{}.get('a', CONV).here",
    "the setdefault of a dict": "{}.setdefault('a', CONV).here",
    "what setdefault puts in": "d = {}\nd.setdefault('a', CONV)\nd['a'].here",
    "an item that is set": "d = {}\nd['a'] = CONV\nd['a'].here",
    "an item that is set by what is not known": "d = {}\nd[unknown()] = CONV\nd['a'].here",
    "an item of a list": "d = [1]\nd[0] = CONV\nd[0].here",
    "append": "d = []\nd.append(CONV)\nd[0].here",
    "append by another name": "d = []\ne = d\ne.append(CONV)\nd[0].here",
    "insert": "d = [1]\nd.insert(0, CONV)\nd[0].here",
    "extend": "d = []\nd.extend([CONV])\nd[0].here",
    "extend by a dict": "d = {}\nd.update({'a': CONV})\nd['a'].here",
    "update by name": "d = {}\nd.update(a=CONV)\nd['a'].here",
    "update by pairs": "d = {}\nd.update([('a', CONV)])\nd['a'].here",
    "pop": "[CONV].pop().here",
    "the default of pop": "{}.pop('a', CONV).here",
    "popitem": "d = {}\nd['a'] = CONV\nfor v in d.values():\n    v.here",
    "added lists": "([1] + [CONV])[1].here",
    "a list added to what may be another": "((unknown() or [1]) + [CONV])[1].here",
    "a list times": "([CONV] * 2)[1].here",
    "times a list": "(2 * [CONV])[1].here",
    "a list added in place": "d = []\nd += [CONV]\nd[0].here",
    "a list or not, added in place": "d = [] if unknown() else ()\nd += [CONV]\nd[0].here",
    "a loop": "for c in [CONV, 1]:\n    c.here",
    "a loop over what is filled": "d = []\nd.append(CONV)\nfor c in d:\n    c.here",
    "a loop over a set": "for c in {CONV}:\n    c.here",
    "a loop over values": "for c in {'a': CONV}.values():\n    c.here",
    "a loop over items": "for k, c in {'a': CONV}.items():\n    c.here",
    "a loop over keys": "d = {'a': CONV}\nfor k in d:\n    d[k].here",
    "a loop over the keys": "d = {'a': CONV}\nfor k in d.keys():\n    d[k].here",
    "zip": "for a, c in zip([1], [CONV]):\n    c.here",
    "zip of different lengths": "for a, c in zip([1, 2], [CONV]):\n    c.here",
    "enumerate": "for i, c in enumerate([CONV]):\n    c.here",
    "enumerate from 1": "for i, c in enumerate([CONV], 1):\n    c.here",
    "reversed": "for c in reversed([CONV]):\n    c.here",
    "sorted": "sorted([CONV])[0].here",
    "sorted by a key": "sorted([CONV], key=lambda c: c.here)",
    "sort by a key": "[CONV].sort(key=lambda c: c.here)",
    "map": "[*map(lambda c: c.here, [CONV])]",
    "what map gives": "[*map(lambda c: c, [CONV])][0].here",
    "next": "next(iter([CONV])).here",
    "the default of next": "next(iter([]), CONV).here",
    "max": "max([CONV, 1]).here",
    "max of several": "max(CONV, 1).here",
    "a comprehension": "[c for c in [CONV]][0].here",
    "a comprehension with a condition": "[c for c in [CONV] if unknown()][0].here",
    "a comprehension of a dict": "{k: c for k, c in [('a', CONV)]}['a'].here",
    "a comprehension of a set": "for c in {c for c in [CONV]}:\n    c.here",
    "a generator": "for c in (c for c in [CONV]):\n    c.here",
    "a tuple of a generator": "tuple(c for c in [CONV])[0].here",
    "a copy": "[CONV].copy()[0].here",
    "copy.copy": "copy.copy([CONV])[0].here",
    "a dict of names": "dict(a=CONV)['a'].here",
    "a dict of pairs": "dict([('a', CONV)])['a'].here",
    "an OrderedDict": "collections.OrderedDict([('a', CONV)])['a'].here",
    "a function": "def f(c):\n    c.here\nf(CONV)",
    "a function by name": "def f(a, c):\n    c.here\nf(c=CONV, a=1)",
    "a default": "def f(c=CONV):\n    c.here\nf()",
    "a default by name alone": "def f(*, c=CONV):\n    c.here\nf()",
    "a default that is the last of a loop": "fs = []\nfor c in [CONV, 1]:\n    def f(c=c):\n        c.here\n    fs.append(f)\nfs[0]()",
    "the default of a lambda": "(lambda c=CONV: c.here)()",
    "what a function returns": "def f():\n    return CONV\nf().here",
    "what one of two ways returns": "def f():\n    if unknown():\n        return 1\n    return CONV\nf().here",
    "star arguments": "def f(*a):\n    a[0].here\nf(CONV)",
    "star arguments of a list": "def f(a, c):\n    c.here\nf(*[1, CONV])",
    "star arguments of what is not known": "def f(a, c):\n    c.here\nf(*unknown(), CONV)",
    "named star arguments": "def f(**k):\n    k['c'].here\nf(c=CONV)",
    "named arguments of a dict": "def f(c):\n    c.here\nf(**{'c': CONV})",
    "a closure": "def f():\n    c = CONV\n    def g():\n        c.here\n    g()\nf()",
    "a closure that is bound later": "def f():\n    c = 1\n    def g():\n        c.here\n    for _ in range(2):\n        g()\n"
    "        c = CONV\nf()",
    "nonlocal": "def f():\n    c = 1\n    def g():\n        nonlocal c\n        c = CONV\n    g()\n"
    "    c.here\nf()",
    "global": "held = 1\ndef f():\n    global held\n    held = CONV\nf()\nheld.here",
    "global, read in a function": "held = 1\ndef f():\n    global held\n    held = CONV\nf()\ndef g():\n    held.here\ng()",
    "a lambda": "(lambda c: c.here)(CONV)",
    "a method": "class A:\n    def m(self, c):\n        c.here\nA().m(CONV)",
    "a method by the class": "class A:\n    def m(self, c):\n        c.here\nA.m(A(), CONV)",
    "a static method": "class A:\n    @staticmethod\n    def m(c):\n        c.here\nA().m(CONV)",
    "a static method by the class": "class A:\n    @staticmethod\n    def m(c):\n        c.here\nA.m(CONV)",
    "a class method": "class A:\n    @classmethod\n    def m(cls, c):\n        c.here\nA().m(CONV)",
    "a class method by the class": "class A:\n    @classmethod\n    def m(cls, c):\n        c.here\nA.m(CONV)",
    "an attribute of the class in a class method": "class A:\n    c = CONV\n    @classmethod\n    def m(cls):\n        cls.c.here\nA.m()",
    "a constructor": "class A:\n    def __init__(self, c):\n        self.c = c\nA(CONV).c.here",
    "a constructor of a base": "class A:\n    def __init__(self, c):\n        self.c = c\nclass B(A):\n"
    "    def __init__(self):\n        super().__init__(CONV)\nB().c.here",
    "a constructor of a base, by its name": "class A:\n    def __init__(self, c):\n        self.c = c\nclass B(A):\n"
    "    def __init__(self):\n        A.__init__(self, CONV)\nB().c.here",
    "super of a class and self": "class A:\n    def m(self, c):\n        c.here\nclass B(A):\n    def m(self, c):\n"
    "        super(B, self).m(c)\nB().m(CONV)",
    "super behind another class": "class A:\n    def m(self, c):\n        c.here\nclass B(A):\n    def m(self, c): pass\n"
    "class D(B):\n    def m(self, c):\n        super(B, self).m(c)\nD().m(CONV)",
    "a property": "class A:\n    @property\n    def c(self):\n        return CONV\nA().c.here",
    "a setter": "class A:\n    @property\n    def c(self):\n        return self._c\n    @c.setter\n"
    "    def c(self, value):\n        self._c = value\na = A()\na.c = CONV\na._c.here",
    "__setattr__": "class A:\n    def __setattr__(self, name, value):\n        value.here\nA().c = CONV",
    "__getattr__": "class A:\n    def __getattr__(self, name):\n        return CONV\nA().c.here",
    "__getitem__": "class A:\n    def __getitem__(self, i):\n        return CONV\nA()[0].here",
    "__setitem__": "class A:\n    def __setitem__(self, i, c):\n        c.here\nA()[0] = CONV",
    "__call__": "class A:\n    def __call__(self, c):\n        return c\nA()(CONV).here",
    "__enter__": "class A:\n    def __enter__(self):\n        return CONV\n    def __exit__(self, *a): pass\n"
    "with A() as c:\n    c.here",
    "partial": "functools.partial(lambda a, c: c.here, 1)(CONV)",
    "what partial has": "functools.partial(lambda c: c.here, CONV)()",
    "what partial has by name": "functools.partial(lambda c: c.here, c=CONV)()",
    "partial of partial": "f = lambda a, c: c.here\nfunctools.partial(functools.partial(f, 1), CONV)()",
    "partial of different arguments": "def f(*a):\n    return functools.partial(lambda x, y=0: x.here, *a)\nf(1, 2)()\nf(CONV)()",
    "a decorator of ours": "def d(f):\n    def g():\n        f().here\n    return g\n@d\ndef h():\n    return CONV\nh()",
    "a class in a function": "def f(c):\n    class A:\n        def m(self):\n            c.here\n    return A\n"
    "f(1)().m()\nf(CONV)().m()",
    "a class in a class": "class A:\n    class B:\n        c = CONV\nA.B.c.here",
    "a try": "try:\n    c = CONV\n    c = 1\nexcept E:\n    c.here",
    "a try that fails": "c = 1\ntry:\n    c = CONV\n    unknown()\nexcept E:\n    pass\nc.here",
    "finally": "c = CONV\ntry:\n    c = 1\nfinally:\n    c.here",
    "finally behind a return": "def f():\n    c = 1\n    try:\n        c = CONV\n        return 1\n    finally:\n"
    "        c.here\nf()",
    "with, which may swallow": "c = CONV\nwith unknown():\n    c = 1\nc.here",
    "while": "c = 1\nwhile unknown():\n    c.here\n    c = CONV",
    "break": "c = 1\nfor i in [1, 2]:\n    c = CONV\n    if unknown():\n        break\n    c = 1\nc.here",
    "continue": "c = 1\nfor i in [1, 2]:\n    c.here\n    c = CONV\n    if unknown():\n"
    "        continue\n    c = 1",
    "the else of a loop": "c = CONV\nfor i in [1]:\n    pass\nelse:\n    c.here",
    "a loop that may have no turn": "c = CONV\nfor i in unknown():\n    c = 1\nc.here",
    "is not None": "c = unknown() or CONV\nif c is not None:\n    c.here",
    "not None in an assert": "c = CONV if unknown() else None\nassert c is not None\nc.here",
    "not": "c = CONV if unknown() else None\nif not c:\n    pass\nelse:\n    c.here",
    "a condition that holds": "if 1 < 2:\n    CONV.here",
    "a flag that may be changed from outside": "n = Box()\nn.flag = False\nif n.flag:\n    CONV.here",
    "match": "match unknown():\n    case 1:\n        c = CONV\n    case _:\n        c = 1\nc.here",
    "an annotated variable": "c: object = CONV\nc.here",
    "a deleted name": "c = CONV\nd = c\ndel c\nd.here",
    "typing.cast": "import typing\ntyping.cast(object, CONV).here",
    "type": "class A:\n    def m(self, c):\n        c.here\ntype(A())().m(CONV)",
    "a recursion": "def f(c, n):\n    c.here\n    f(c, n)\nf(CONV, 1)",
    "recursion that swaps": "def f(a, b):\n    b.here\n    f(b, a)\nf(CONV, 1)",
    "a list that holds itself": "d = [CONV]\nd.append(d)\nd[0].here",
    "a Sequential": "nn.Sequential(1, CONV)[1].here",
    "a Sequential of a star": "nn.Sequential(*[CONV])[0].here",
    "a Sequential of a dict": "nn.Sequential(collections.OrderedDict([('a', CONV)])).a.here",
    "a module of a Sequential": "s = nn.Sequential()\ns.add_module('a', CONV)\ns[0].here",
    "a ModuleList": "nn.ModuleList([CONV])[0].here",
    "a ModuleList by name": "nn.ModuleList(modules=[CONV])[0].here",
    "a ModuleDict": "nn.ModuleDict({'a': CONV})['a'].here",
    "children": "for c in nn.Sequential(CONV).children():\n    c.here",
    "named_children": "for n, c in nn.Sequential(CONV).named_children():\n    c.here",
    "add_module": "n = Net()\nn.add_module('c', CONV)\nn.c.here",
    "register_module by name": "n = Net()\nn.register_module('c', module=CONV)\nn.c.here",
    "children of a net": "n = Net()\nn.c = CONV\nfor c in n.children():\n    c.here",
    "a method that gives the module": "CONV.cuda().here",
    "a method of a class that gives itself": "n = Net()\nn.c = CONV\nn.eval().c.here",
    "a subclass of Sequential": "class S(nn.Sequential):\n    def __init__(self):\n        super().__init__(CONV)\nS()[0].here",
    "a subclass of Sequential without a constructor": "class S(nn.Sequential): pass\nS(CONV)[0].here",
    "an attribute of a subclass of Sequential": "class S(nn.Sequential):\n    def __init__(self):\n        super().__init__()\n"
    "        self.c = CONV\nfor c in S().children():\n    c.here",
    "what forward gives beside a tensor": "class A(nn.Module):\n    def forward(self, x):\n        return x, CONV\nA()(1)[1].here",
}

ESCAPES = {
    "a call": "unknown(CONV)",
    "a call by name": "unknown(c=CONV)",
    "a call with a star": "unknown(*[CONV])",
    "a call with two stars": "unknown(**{'a': CONV})",
    "an alias of a call": "f = unknown\nf(CONV)",
    "a method of what is not known": "unknown().m(CONV)",
    "a list": "unknown([CONV])",
    "a list in a dict": "unknown({'a': [CONV]})",
    "a list, filled later": "d = []\nunknown(d)\nd.append(CONV)",
    "a partial": "unknown(functools.partial(print, CONV))",
    "the function of a partial": "unknown(functools.partial(CONV))",
    "a bound method": "unknown(CONV.forward)",
    "a weight": "unknown(CONV.weight)",
    "the method of a weight": "unknown(CONV.weight.data.view)",
    "yield": "def f():\n    yield CONV\nf()",
    "yield from": "def f():\n    yield from [CONV]\nf()",
    "await": "async def f():\n    await CONV\nf()",
    "raise": "raise CONV",
    "raise from": "raise E from CONV",
    "with": "with CONV as c:\n    pass",
    "match": "match CONV:\n    case c:\n        pass",
    "a match of a list": "match [CONV]:\n    case [c]:\n        pass",
    "an argument of a decorator": "@unknown(CONV)\ndef f(): pass",
    "a decorator of a class": "@unknown(CONV)\nclass A: pass",
    "a keyword of a class": "class A(metaclass=CONV): pass",
    "a base of a class": "class A(CONV): pass",
    "an attribute of what is not known": "unknown().c = CONV",
    "an attribute of a package": "torch.c = CONV",
    "an item of what is not known": "unknown()[0] = CONV",
    "an item of an attribute": "Box().d[0] = CONV",
    "a key": "{CONV: 1}",
    "a key that is set": "d = {}\nd[CONV] = 1",
    "a key of a comprehension": "{c: 1 for c in [CONV]}",
    "the key of setdefault": "{}.setdefault(CONV, 1)",
    "locals": "def f():\n    c = CONV\n    return locals()\nf()",
    "vars": "def f():\n    c = CONV\n    return vars()\nf()",
    "vars of a dict": "vars([CONV])",
    "globals": "held = CONV\nglobals()",
    "eval": "def f():\n    c = CONV\n    eval('c')\nf()",
    "exec": "held = CONV\nexec('held')",
    "filter": "filter(unknown, [CONV])",
    "reduce": "functools.reduce(unknown, [CONV])",
    "chain": "itertools.chain([CONV])",
    "an unusual signature": "zip(*[[CONV]], strict=unknown(), more=CONV)",
    "zip of a star": "zip(*unknown(), [CONV])",
    "numpy": "import numpy as np\nnp.array([CONV])",
    "a descriptor": "class A:\n    d = unknown()\n    def m(self): pass\na = A()\na.d",
    "a list appended by a star": "[].append(*unknown(), CONV)",
    "an iteration over a module": "for x in CONV:\n    pass",
    "an iteration over a method": "for x in CONV.forward:\n    pass",
    "a subscript of a module": "CONV[0]",
    "an operator": "CONV + 1",
    "a sum": "sum([CONV])",
    "an operator in place": "c = CONV\nc += 1",
    "minus": "-CONV",
    "a method that is not known": "CONV.frobnicate()",
    "a hook": "CONV.register_forward_hook(unknown)",
    "get_submodule": "CONV.get_submodule('')",
    "_modules of a Sequential": "s = nn.Sequential(CONV)\ns._modules['0']",
    "a constructor of torch": "nn.DataParallel(CONV)",
    "a constructor of what lies outside": "class A(unknown): pass\nA(CONV)",
    "a constructor that is not there": "class A: pass\nA(CONV)",
    "__new__": "class A:\n    def __new__(cls, c):\n        return c\nA(CONV)",
    "a constructor that is not a function": "class A:\n    __init__ = unknown\nA(CONV)",
    "a named tuple": "import typing\nclass A(typing.NamedTuple):\n    c: object\nA(CONV)",
    "the method of a parameter": "def f(p, c):\n    p.append(c)\ndef g(p):\n    f(p, CONV)\n",
    "a set that is a parameter": "def f(p):\n    p.add(CONV)",
    "copy_ of what it has no place in": "def f(p):\n    p.copy_(CONV)",
    "a function of tensors": "torch.relu(CONV)",
    "attributes of a partial": "functools.partial(print, CONV).args",
    "super of what is not known": "class A:\n    def m(self):\n        super(A, CONV).m()\nA().m()",
    "super outside of a class": "super(unknown, CONV)",
    "more arguments than can be told": "def f(n, *a):\n    f(n, *a)\nf(1, CONV)",
    "names that are not told": "def f(n, **k):\n    f(n, **k)\nf(1, c=CONV)",
    "an item of a tuple that is no pair": "dict([(1, 2, CONV)])",
    "a call of a module of ours that has no forward": "class A: pass\nA()(CONV)",
    "a call of what is made elsewhere": "collections.Counter()(CONV)",
    "a tensor method": "def f(x):\n    nn.ReLU()(x).frobnicate(CONV)",
    "an argument of part": "CONV.weight.frobnicate(CONV)",
    "a format of what is not known": "unknown(f'{1:{unknown(CONV)}}')",
    "a partial in a partial, too deep": "f = unknown\nfor i in unknown():\n    f = functools.partial(f, CONV)\nf()",
}

HARMLESS = {
    "print": "print(CONV)",
    "isinstance": "isinstance(CONV, nn.Conv2d)",
    "a test": "if CONV:\n    pass",
    "is": "CONV is None",
    "in": "CONV in []",
    "an attribute that is a number": "unknown(CONV.out_channels)",
    "init": "nn.init.zeros_(CONV.weight)",
    "len": "len([CONV])",
    "a method of the weight": "CONV.weight.data.zero_()",
    "hasattr": "hasattr(CONV, 'bias')",
    "no_grad": "c = CONV\nwith torch.no_grad():\n    c",
    "del": "n = Box()\nn.c = CONV\ndel n.c",
    "deepcopy": "copy.deepcopy(CONV)",
    "load_state_dict": "CONV.load_state_dict(unknown())",
    "train": "CONV.train()",
    "an annotation": "def f(c: unknown(1)): pass\nf(CONV)",
    "a transparent decorator": "@functools.lru_cache()\ndef f(c):\n    return c\nf(CONV)",
    "the name of a function": "def f(c=CONV): pass\nunknown(f.__name__)",
}


def _asked(body: str) -> Asked:
    asked = Asked("class Box: pass\nclass Net(nn.Module): pass\n" + body.replace("CONV", CONV))
    assert asked.facts.is_complete
    return asked


def _convs(asked: Asked) -> set[object]:
    found = [each for each in ast.walk(asked.tree) if isinstance(each, ast.Call)]
    convs = [each for each in found if ast.unparse(each) == CONV]
    return {value for each in convs for value in asked.facts.values(each)}


@pytest.mark.parametrize("body", FOLLOWED.values(), ids=FOLLOWED)
def test_a_module_is_followed(body: str) -> None:
    """What is read at ``.here`` may be the convolution."""
    asked = _asked(body)
    read = [n for n in ast.walk(asked.tree) if isinstance(n, ast.Attribute) and n.attr == "here"]
    assert _convs(asked)
    assert _convs(asked) & {value for n in read for value in asked.facts.values(n.value)}


@pytest.mark.parametrize("body", ESCAPES.values(), ids=ESCAPES)
def test_a_module_escapes(body: str) -> None:
    """What is handed to what is not known has escaped."""
    asked = _asked(body)
    if "CONV" not in body:
        assert any(use.kind == "escape" for use in asked.used("a"))
        return
    convs = _convs(asked)
    assert any(use.kind == "escape" for conv in convs for use in asked.facts.uses(conv))


@pytest.mark.parametrize("body", HARMLESS.values(), ids=HARMLESS)
def test_a_module_does_not_escape(body: str) -> None:
    """What is known to keep nothing is no reason to refuse."""
    asked = _asked(body)
    convs = _convs(asked)
    assert convs
    assert not [use for conv in convs for use in asked.facts.uses(conv) if use.kind == "escape"]
