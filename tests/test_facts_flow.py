"""Where a module goes: what reads it is seen to read it, or it is said to have escaped."""

from __future__ import annotations

import ast

import pytest
from facts_asked import Asked

from gencode.facts.values import Object

CONV = "nn.Conv2d(1, 1, 1)"


def _cases(text: str) -> dict[str, str]:
    """The sources of a text, each under a comment that names it."""
    cases: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith("# "):
            name = line.removeprefix("# ")
            cases[name] = ""
        elif name:
            cases[name] += line + "\n"
    return cases


FOLLOWED = _cases("""

# locals
def f(c):
    return locals()
f(CONV)["c"].here

# locals of a function in another one
def f():
    c = CONV
    def g():
        return locals(), c
    return g()[0]
f()["c"].here

# attributes that are set from locals
def keep(box, names):
    for name, value in names.items():
        if name != "self":
            setattr(box, name, value)
class Kept:
    def __init__(self, c, other):
        keep(self, vars())
    def f(self):
        self.c.here
Kept(CONV, 1)
# a variable
c = CONV
c.here

# several targets
a = b = CONV
b.here

# unpacking
a, b = CONV, 1
a.here

# unpacking a list in a tuple
a, [b, d] = 1, (2, CONV)
d.here

# a star among targets
a, *b = 1, CONV, 2
b[0].here

# what stands beside a star
a, *b = CONV, 1
a.here

# a walrus
if (c := CONV):
    c.here

# a walrus in a comprehension
c = 1
[c := CONV for _ in range(3)]
c.here

# a walrus behind and
c = CONV
unknown() and (c := 1)
c.here

# a walrus in one way of a condition
c = 1
(c := CONV) if unknown() else 0
c.here

# a condition
(CONV if unknown() else None).here

# or
(unknown() or CONV).here

# and
(unknown() and CONV).here

# or behind None
(None or CONV).here

# an attribute
n = Box()
n.c = CONV
n.c.here

# an attribute of two names
n = Box()
m = n
m.c = CONV
n.c.here

# an attribute of a class
Box.c = CONV
Box.c.here

# an attribute of a class, of an instance
Box.c = CONV
Box().c.here

# an attribute in the body of a class
class A:
    c = CONV
A().c.here

# in a branch of the body
class A:
    if unknown():
        c = CONV
A().c.here

# of a base
class A:
    c = CONV
class B(A): pass
B().c.here

# of a base, where a branch hides it
class A:
    c = CONV
class B(A):
    if unknown():
        c = 1
B().c.here

# getattr
n = Box()
n.c = CONV
getattr(n, 'c').here

# the default of getattr
getattr(Box(), 'c', CONV).here

# getattr of any name
n = Box()
n.c = CONV
getattr(n, unknown()).here

# getattr of any name of a Sequential
n = nn.Sequential(CONV)
getattr(n, unknown()).here

# getattr of any name of one of the project
class Row(nn.Sequential): pass
n = Row(CONV)
getattr(n, unknown()).here

# filter
for c in filter(None, [CONV]):
    c.here

# a function that filter is given
for c in filter(lambda c: c.here, [CONV]): pass

# reduce step by step
n = Box()
n.c = Box()
n.c.d = CONV
functools.reduce(getattr, 'c.d'.split('.'), n).here

# reduce without a first value
functools.reduce(lambda a, b: a, [CONV, 1]).here

# reduce over any number
functools.reduce(lambda a, b: b, [CONV for _ in unknown()], 1).here

# chain
for c in itertools.chain([1], [CONV]):
    c.here

# chain of one
for c in itertools.chain([CONV]):
    c.here

# chain.from_iterable
for c in itertools.chain.from_iterable([[1], [CONV]]):
    c.here

# islice
for c in itertools.islice([CONV], 1):
    c.here

# attrgetter
n = Box()
n.c = Box()
n.c.d = CONV
operator.attrgetter('c.d')(n).here

# getitem
operator.getitem([CONV], 0).here

# an operator of a class
class Chain:
    def __rshift__(self, other):
        return [other]
(Chain() >> CONV)[0].here

# an operator of a class, from the right
class Chain:
    def __radd__(self, other):
        return [other]
(CONV + Chain())[0].here

# an operator of a class, in place
class Chain:
    def __matmul__(self, other):
        return None
    def __imatmul__(self, other):
        self.items = [other]
        return self
chain = Chain()
chain @= CONV
chain.items[0].here

# SimpleNamespace
types.SimpleNamespace(c=CONV).c.here

# a weak reference
weakref.ref(CONV)().here

# checkpoint
def f(c):
    c.here
torch.utils.checkpoint.checkpoint(f, CONV, use_reentrant=False)

# get_submodule
class Sub(nn.Module):
    def __init__(self):
        super().__init__()
        self.rows = nn.ModuleList([CONV])
Sub().get_submodule('rows.0').here

# get_submodule of itself
CONV.get_submodule('').here

# _modules
class Sub(nn.Module):
    def __init__(self):
        super().__init__()
        self.other, self.c = 1, CONV
first, *_ = Sub()._modules.values()
first.here

# _modules of what holds any
class Sub(nn.Module):
    def __init__(self, name):
        super().__init__()
        setattr(self, name, 1)
        self.c = CONV
for c in Sub(unknown())._modules.values():
    c.here

# a descriptor
class Chosen:
    def __get__(self, box, owner):
        return box.c
class Held:
    chosen = Chosen()
h = Held()
h.c = CONV
h.chosen.here

# an attribute of something unknown
class Sub(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = CONV
def f(sub):
    sub.conv.here

# a list of something unknown
class Sub(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = [CONV]
for sub in unknown():
    sub.convs[0].here

# a property of something unknown
class Sub(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = CONV
    @property
    def chosen(self):
        return self.conv
def f(sub):
    sub.chosen.here

# a method of something unknown
class Sub(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = CONV
    def chosen(self):
        return self.conv
def f(sub):
    sub.chosen().here

# isinstance of what is not known
c = CONV
if isinstance(c, unknown):
    c.here

# isinstance of some of which one is not known
c = CONV
if isinstance(c, (nn.Linear, unknown())):
    c.here

# isinstance of lists of classes
c = CONV
if isinstance(c, (nn.Linear, (nn.GroupNorm, unknown()))):
    c.here

# isinstance of a list
c = [CONV]
if isinstance(c, nn.Conv2d):
    c[0].here

# isinstance of its class
c = CONV
if isinstance(c, (nn.Linear, nn.Conv2d)):
    c.here

# an attribute of something unknown, or a number
class Sub(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = 1
        self.conv = CONV
    def chosen(self):
        return self.conv
def f(sub):
    sub.chosen
    sub.conv.here

# add_module beside __getattr__
class Sub(nn.Module):
    def __init__(self):
        super().__init__()
        self.add_module('conv', CONV)
    def __getattr__(self, name):
        return unknown()
Sub().conv.here

# __getattr__ of something unknown
class Sub(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = CONV
    def __getattr__(self, name):
        return self.conv
def f(sub):
    sub.chosen.here

# what split_conv gives
def split_conv(conv):
    return SplitGroups(conv) if is_grouped(conv) else conv
split_conv(CONV).here

# what split_conv_norm gives
from pkg.split_groups import split_conv_norm
conv, norm = split_conv_norm(CONV, 1)
conv.here

# what build_split gives
from split_groups import build_split
build_split(lambda c: c, CONV).here

# setattr
n = Box()
setattr(n, 'c', CONV)
n.c.here

# the setattr of a base
n = Box()
object.__setattr__(n, 'c', CONV)
n.c.here

# setattr of any name
n = Box()
n.c = 1
setattr(n, unknown(), CONV)
n.c.here

# a list
[CONV][0].here

# a list from behind
[1, CONV][-1].here

# a place that is not known
[1, CONV][unknown()].here

# a tuple
(1, CONV)[1].here

# a slice
[1, CONV, 2][1:][0].here

# a slice from where it is not known
[1, CONV, 2][unknown():][0].here

# a star in a list
[1, *[CONV]][1].here

# a star of any order in a list
[1, *{CONV}][1].here

# a dict
{'a': CONV}['a'].here

# a dict by number
{1: 0, 2: CONV}[2].here

# a dict by what is not known
{'a': CONV}[unknown()].here

# stars in a dict
{**{'a': CONV}}['a'].here

# the get of a dict
{'a': CONV}.get('a').here

# the default of get
{}.get('a', CONV).here

# the setdefault of a dict
{}.setdefault('a', CONV).here

# what setdefault puts in
d = {}
d.setdefault('a', CONV)
d['a'].here

# an item that is set
d = {}
d['a'] = CONV
d['a'].here

# an item that is set by what is not known
d = {}
d[unknown()] = CONV
d['a'].here

# an item of a list
d = [1]
d[0] = CONV
d[0].here

# append
d = []
d.append(CONV)
d[0].here

# append by another name
d = []
e = d
e.append(CONV)
d[0].here

# insert
d = [1]
d.insert(0, CONV)
d[0].here

# extend
d = []
d.extend([CONV])
d[0].here

# extend by a dict
d = {}
d.update({'a': CONV})
d['a'].here

# update by name
d = {}
d.update(a=CONV)
d['a'].here

# update by pairs
d = {}
d.update([('a', CONV)])
d['a'].here

# pop
[CONV].pop().here

# the default of pop
{}.pop('a', CONV).here

# popitem
d = {}
d['a'] = CONV
for v in d.values():
    v.here

# added lists
([1] + [CONV])[1].here

# a list added to what may be another
((unknown() or [1]) + [CONV])[1].here

# a list times
([CONV] * 2)[1].here

# times a list
(2 * [CONV])[1].here

# a list added in place
d = []
d += [CONV]
d[0].here

# a list or not, added in place
d = [] if unknown() else ()
d += [CONV]
d[0].here

# a loop
for c in [CONV, 1]:
    c.here

# a loop over what is filled
d = []
d.append(CONV)
for c in d:
    c.here

# a loop over a set
for c in {CONV}:
    c.here

# a loop over values
for c in {'a': CONV}.values():
    c.here

# a loop over items
for k, c in {'a': CONV}.items():
    c.here

# a loop over keys
d = {'a': CONV}
for k in d:
    d[k].here

# a loop over the keys
d = {'a': CONV}
for k in d.keys():
    d[k].here

# zip
for a, c in zip([1], [CONV]):
    c.here

# zip of different lengths
for a, c in zip([1, 2], [CONV]):
    c.here

# enumerate
for i, c in enumerate([CONV]):
    c.here

# enumerate from 1
for i, c in enumerate([CONV], 1):
    c.here

# reversed
for c in reversed([CONV]):
    c.here

# sorted
sorted([CONV])[0].here

# sorted by a key
sorted([CONV], key=lambda c: c.here)

# sort by a key
[CONV].sort(key=lambda c: c.here)

# map
[*map(lambda c: c.here, [CONV])]

# what map gives
[*map(lambda c: c, [CONV])][0].here

# next
next(iter([CONV])).here

# the default of next
next(iter([]), CONV).here

# max
max([CONV, 1]).here

# max of several
max(CONV, 1).here

# a comprehension
[c for c in [CONV]][0].here

# a comprehension with a condition
[c for c in [CONV] if unknown()][0].here

# a comprehension of a dict
{k: c for k, c in [('a', CONV)]}['a'].here

# a comprehension of a set
for c in {c for c in [CONV]}:
    c.here

# a generator
for c in (c for c in [CONV]):
    c.here

# a generator's function
def f():
    yield CONV
for c in f():
    c.here

# a generator of what another one gives
def f():
    yield from [CONV]
next(f()).here

# a generator of itself
def f(c):
    yield c
    yield from f(c)
[*f(CONV)][0].here

# a generator's method
class C:
    def __iter__(self):
        yield CONV
for c in C():
    c.here

# a context manager
import contextlib
@contextlib.contextmanager
def f():
    yield CONV
with f() as c:
    c.here

# several attributes
class C:
    pass
o = C()
o.a, o.b = CONV, 1
operator.attrgetter('a', 'b')(o)[0].here

# an item set by a function
d = {}
operator.setitem(d, 'a', CONV)
d['a'].here

# a wrapper of torch
nn.DataParallel(CONV).module.here

# delegation
class C(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner
    def __getattr__(self, name):
        return super().__getattr__('inner').here
C(CONV).of_inner

# a tuple of a generator
tuple(c for c in [CONV])[0].here

# a copy
[CONV].copy()[0].here

# copy.copy
copy.copy([CONV])[0].here

# a dict of names
dict(a=CONV)['a'].here

# a dict of pairs
dict([('a', CONV)])['a'].here

# an OrderedDict
collections.OrderedDict([('a', CONV)])['a'].here

# a function
def f(c):
    c.here
f(CONV)

# a function by name
def f(a, c):
    c.here
f(c=CONV, a=1)

# a default
def f(c=CONV):
    c.here
f()

# a default by name alone
def f(*, c=CONV):
    c.here
f()

# a default that is the last of a loop
fs = []
for c in [CONV, 1]:
    def f(c=c):
        c.here
    fs.append(f)
fs[0]()

# the default of a lambda
(lambda c=CONV: c.here)()

# what a function returns
def f():
    return CONV
f().here

# what one of two ways returns
def f():
    if unknown():
        return 1
    return CONV
f().here

# star arguments
def f(*a):
    a[0].here
f(CONV)

# star arguments of a list
def f(a, c):
    c.here
f(*[1, CONV])

# star arguments of what is not known
def f(a, c):
    c.here
f(*unknown(), CONV)

# named star arguments
def f(**k):
    k['c'].here
f(c=CONV)

# named arguments of a dict
def f(c):
    c.here
f(**{'c': CONV})

# a closure
def f():
    c = CONV
    def g():
        c.here
    g()
f()

# a closure that is bound later
def f():
    c = 1
    def g():
        c.here
    for _ in range(2):
        g()
        c = CONV
f()

# nonlocal
def f():
    c = 1
    def g():
        nonlocal c
        c = CONV
    g()
    c.here
f()

# global
held = 1
def f():
    global held
    held = CONV
f()
held.here

# global, read in a function
held = 1
def f():
    global held
    held = CONV
f()
def g():
    held.here
g()

# a lambda
(lambda c: c.here)(CONV)

# a method
class A:
    def m(self, c):
        c.here
A().m(CONV)

# a method by the class
class A:
    def m(self, c):
        c.here
A.m(A(), CONV)

# a static method
class A:
    @staticmethod
    def m(c):
        c.here
A().m(CONV)

# a static method by the class
class A:
    @staticmethod
    def m(c):
        c.here
A.m(CONV)

# a class method
class A:
    @classmethod
    def m(cls, c):
        c.here
A().m(CONV)

# a class method by the class
class A:
    @classmethod
    def m(cls, c):
        c.here
A.m(CONV)

# an attribute of the class in a class method
class A:
    c = CONV
    @classmethod
    def m(cls):
        cls.c.here
A.m()

# a constructor
class A:
    def __init__(self, c):
        self.c = c
A(CONV).c.here

# a constructor of a base
class A:
    def __init__(self, c):
        self.c = c
class B(A):
    def __init__(self):
        super().__init__(CONV)
B().c.here

# a constructor of a base, by its name
class A:
    def __init__(self, c):
        self.c = c
class B(A):
    def __init__(self):
        A.__init__(self, CONV)
B().c.here

# super of a class and self
class A:
    def m(self, c):
        c.here
class B(A):
    def m(self, c):
        super(B, self).m(c)
B().m(CONV)

# super behind another class
class A:
    def m(self, c):
        c.here
class B(A):
    def m(self, c): pass
class D(B):
    def m(self, c):
        super(B, self).m(c)
D().m(CONV)

# a property
class A:
    @property
    def c(self):
        return CONV
A().c.here

# a setter
class A:
    @property
    def c(self):
        return self._c
    @c.setter
    def c(self, value):
        self._c = value
a = A()
a.c = CONV
a._c.here

# __setattr__
class A:
    def __setattr__(self, name, value):
        value.here
A().c = CONV

# __getattr__
class A:
    def __getattr__(self, name):
        return CONV
A().c.here

# __getitem__
class A:
    def __getitem__(self, i):
        return CONV
A()[0].here

# __setitem__
class A:
    def __setitem__(self, i, c):
        c.here
A()[0] = CONV

# __call__
class A:
    def __call__(self, c):
        return c
A()(CONV).here

# __enter__
class A:
    def __enter__(self):
        return CONV
    def __exit__(self, *a): pass
with A() as c:
    c.here

# partial
functools.partial(lambda a, c: c.here, 1)(CONV)

# what partial has
functools.partial(lambda c: c.here, CONV)()

# what partial has by name
functools.partial(lambda c: c.here, c=CONV)()

# partial of partial
f = lambda a, c: c.here
functools.partial(functools.partial(f, 1), CONV)()

# nonlocal of what is not bound yet
def f():
    def g():
        nonlocal c
        c = CONV
    g()
    def h():
        nonlocal c
        c.here
    h()
    c = 1
f()

# a list extended by a set
d = []
d.extend({CONV})
d[0].here

# appendleft
d = collections.deque()
d.appendleft(CONV)
d[0].here

# a list extended by name
d = nn.ModuleList()
d.extend(modules=[CONV])
d[0].here

# the values of a dict that is not known
d = {}
d[unknown()] = CONV
for c in d.values():
    c.here

# a list that is added in both ways
d = nn.ModuleList()
d.append(module=CONV)
d[0].here

# a copy of a dict
{'a': CONV}.copy()['a'].here

# the children of a net that are nets
class A(nn.Module):
    def __init__(self):
        self.c = CONV
n = Net()
n.a = A()
for a in n.children():
    a.c.here

# a Sequential of one of two
nn.Sequential(CONV if unknown() else nn.ReLU())[0].here

# partial of different numbers of arguments
def f(*a):
    return functools.partial(lambda x, y=0, z=0: (y.here, z.here), *a)
f(1, 2)(3)
f(1)(CONV)

# two instances of which one is called by its class
class A:
    def m(self, c):
        self.c = c
class B(A): pass
a = A() if unknown() else B()
A.m(a, CONV)
a.c.here

# nonlocal of a function that is further out
def f():
    c = 1
    def g():
        def h():
            nonlocal c
            c = CONV
        h()
    g()
    c.here
f()

# super in a class method
class A:
    @classmethod
    def m(cls, c):
        c.here
class B(A):
    @classmethod
    def m(cls, c):
        super().m(c)
B.m(CONV)

# a list that is filled in another branch
d = unknown() or None
if unknown():
    d = []
if unknown():
    d.append(CONV)
d[0].here

# a constructor of torch, by its name
class S(nn.Sequential): pass
class T(S):
    def __init__(self):
        S.__init__(self, CONV)
T()[0].here

# what iterates over itself
class A:
    def __iter__(self):
        return iter([CONV])
    def __next__(self):
        return CONV
for c in A():
    c.here
CONV.here

# partial of different arguments
def f(*a):
    return functools.partial(lambda x, y=0: x.here, *a)
f(1, 2)()
f(CONV)()

# a decorator of ours
def d(f):
    def g():
        f().here
    return g
@d
def h():
    return CONV
h()

# a class in a function
def f(c):
    class A:
        def m(self):
            c.here
    return A
f(1)().m()
f(CONV)().m()

# a class in a class
class A:
    class B:
        c = CONV
A.B.c.here

# a try
try:
    c = CONV
    c = 1
except E:
    c.here

# a try that fails
c = 1
try:
    c = CONV
    unknown()
except E:
    pass
c.here

# finally
c = CONV
try:
    c = 1
finally:
    c.here

# finally behind a return
def f():
    c = 1
    try:
        c = CONV
        return 1
    finally:
        c.here
f()

# with, which may swallow
c = CONV
with unknown():
    c = 1
c.here

# while
c = 1
while unknown():
    c.here
    c = CONV

# break
c = 1
for i in [1, 2]:
    c = CONV
    if unknown():
        break
    c = 1
c.here

# continue
c = 1
for i in [1, 2]:
    c.here
    c = CONV
    if unknown():
        continue
    c = 1

# the else of a loop
c = CONV
for i in [1]:
    pass
else:
    c.here

# a loop that may have no turn
c = CONV
for i in unknown():
    c = 1
c.here

# is not None
c = unknown() or CONV
if c is not None:
    c.here

# not None in an assert
c = CONV if unknown() else None
assert c is not None
c.here

# not
c = CONV if unknown() else None
if not c:
    pass
else:
    c.here

# a condition that holds
if 1 < 2:
    CONV.here

# a flag that may be changed from outside
n = Box()
n.flag = False
if n.flag:
    CONV.here

# match
match unknown():
    case 1:
        c = CONV
    case _:
        c = 1
c.here

# an annotated variable
c: object = CONV
c.here

# a deleted name
c = CONV
d = c
del c
d.here

# typing.cast
import typing
typing.cast(object, CONV).here

# type
class A:
    def m(self, c):
        c.here
type(A())().m(CONV)

# a recursion
def f(c, n):
    c.here
    f(c, n)
f(CONV, 1)

# recursion that swaps
def f(a, b):
    b.here
    f(b, a)
f(CONV, 1)

# a list that holds itself
d = [CONV]
d.append(d)
d[0].here

# a Sequential
nn.Sequential(1, CONV)[1].here

# a Sequential of a star
nn.Sequential(*[CONV])[0].here

# a Sequential of a dict
nn.Sequential(collections.OrderedDict([('a', CONV)])).a.here

# a module of a Sequential
s = nn.Sequential()
s.add_module('a', CONV)
s[0].here

# a ModuleList
nn.ModuleList([CONV])[0].here

# a ModuleList by name
nn.ModuleList(modules=[CONV])[0].here

# a ModuleDict
nn.ModuleDict({'a': CONV})['a'].here

# children
for c in nn.Sequential(CONV).children():
    c.here

# named_children
for n, c in nn.Sequential(CONV).named_children():
    c.here

# add_module
n = Net()
n.add_module('c', CONV)
n.c.here

# register_module by name
n = Net()
n.register_module('c', module=CONV)
n.c.here

# children of a net
n = Net()
n.c = CONV
for c in n.children():
    c.here

# a method that gives the module
CONV.cuda().here

# a method of a class that gives itself
n = Net()
n.c = CONV
n.eval().c.here

# a subclass of Sequential
class S(nn.Sequential):
    def __init__(self):
        super().__init__(CONV)
S()[0].here

# a subclass of Sequential without a constructor
class S(nn.Sequential): pass
S(CONV)[0].here

# an attribute of a subclass of Sequential
class S(nn.Sequential):
    def __init__(self):
        super().__init__()
        self.c = CONV
for c in S().children():
    c.here

# what forward gives beside a tensor
class A(nn.Module):
    def forward(self, x):
        return x, CONV
A()(1)[1].here
""")

ESCAPES = _cases("""
# _modules of a net
n = Net()
n.c = CONV
for c in n._modules.values():
    unknown(CONV)

# a bound method of ours
class A:
    def m(self):
        unknown(CONV)
unknown(A().m)

# super that is handed out
class A(nn.Module):
    def m(self):
        unknown(super(), CONV)

# a ModuleList of a star
nn.ModuleList(*unknown(), CONV)

# __iter__ of ours
class A:
    def __iter__(self):
        return CONV
for c in A():
    pass

# an attribute that is set by what is not known
class A:
    __setattr__ = unknown
A().m(CONV)

# a method of a size
def f(x):
    x.shape.frobnicate(CONV)

# any name of an instance and of a package
class A:
    def _m(self):
        unknown(CONV)
getattr(A(), unknown())
getattr(torch, unknown())

# globals beside a star
from foreign import *
held = CONV
globals()

# a constructor of what is not of ours, by its name
class S(unknown): pass
class T(S):
    def __init__(self):
        S.__init__(self, CONV)
        S.__init__(unknown(), CONV)
T()

# a method that torch is given
class A(nn.Module):
    def m(self):
        unknown(CONV)
nn.TransformerEncoderLayer(1, 1, activation=A().m)

# what is iterated over in a method
class A:
    def m(self): pass
for x in A().m: pass
unknown(CONV)

# a method of a module
import elsewhere
elsewhere.a.b(CONV)

# an item of a size
def f(x):
    x.shape['a'].m(CONV)

# a set attribute beside __setattr__
class A:
    __setattr__ = unknown
a = A()
a.c = unknown(CONV)

# an operand that is a method
class A:
    def m(self): pass
A().m + CONV

# a method of a function
(lambda: 1).frobnicate(CONV)

# a partial of several numbers of arguments
fs = []
for a in ([], [1]):
    fs.append(functools.partial(lambda *a: unknown(*a), *a))
fs[unknown()](CONV)

# a method of a weight
unknown().weight.a.frobnicate(CONV)

# an item of a tensor
def f(x):
    F.relu(x)[0] = CONV

# a call
unknown(CONV)

# a call by name
unknown(c=CONV)

# a call with a star
unknown(*[CONV])

# a call with two stars
unknown(**{'a': CONV})

# an alias of a call
f = unknown
f(CONV)

# a method of what is not known
unknown().m(CONV)

# a list
unknown([CONV])

# a list in a dict
unknown({'a': [CONV]})

# a list, filled later
d = []
unknown(d)
d.append(CONV)

# a partial
unknown(functools.partial(print, CONV))

# the function of a partial
unknown(functools.partial(CONV))

# a bound method
unknown(CONV.forward)

# await
async def f():
    await CONV
f()

# raise
raise CONV

# raise from
raise E from CONV

# with
with CONV as c:
    pass

# match
match CONV:
    case c:
        pass

# a match of a list
match [CONV]:
    case [c]:
        pass

# an argument of a decorator
@unknown(CONV)
def f(): pass

# a decorator of a class
@unknown(CONV)
class A: pass

# a keyword of a class
class A(metaclass=CONV): pass

# a base of a class
class A(CONV): pass

# an attribute of what is not known
unknown().c = CONV

# an attribute of a package
torch.c = CONV

# an item of what is not known
unknown()[0] = CONV

# an item of an attribute
Box().d[0] = CONV

# a key
{CONV: 1}

# a key that is set
d = {}
d[CONV] = 1

# a key of a comprehension
{c: 1 for c in [CONV]}

# the key of setdefault
{}.setdefault(CONV, 1)

# locals that are handed on
def f():
    c = CONV
    unknown(locals())
f()

# vars of the module
c = CONV
vars()

# vars of a dict
vars([CONV])

# globals
held = CONV
globals()

# eval
def f():
    c = CONV
    eval('c')
f()

# exec
held = CONV
exec('held')

# filter
filter(unknown, [CONV])

# reduce
functools.reduce(unknown, [CONV, 1])

# reduce over what is not known
functools.reduce(unknown, unknown(), CONV)

# cycle
itertools.cycle([CONV])

# attrgetter of an unknown name
operator.attrgetter(unknown())(CONV)

# getitem of no list
operator.getitem(CONV, 0)

# an unusual signature
zip(*[[CONV]], strict=unknown(), more=CONV)

# zip of a star
zip(*unknown(), [CONV])

# numpy
import numpy as np
np.array([CONV])

# a descriptor
class A:
    d = unknown()
    def m(self): pass
a = A()
a.d

# a list appended by a star
[].append(*unknown(), CONV)

# an iteration over a module
for x in CONV:
    pass

# an iteration over a method
for x in CONV.forward:
    pass

# a subscript of a module
unknown(CONV)[0]

# an operator
CONV + 1

# a sum
sum([CONV])

# an operator in place
c = CONV
c += 1

# minus
-CONV

# a method that is not known
CONV._frobnicate()

# a hook
CONV.register_forward_hook(unknown)

# get_extra_state
CONV.get_extra_state()

# _modules of a Sequential
s = nn.Sequential(CONV)
s._modules['0']

# a constructor of torch
nn.DataParallel(CONV)

# a constructor of what lies outside
class A(unknown): pass
A(CONV)

# a constructor that is not there
class A: pass
A(CONV)

# __new__
class A:
    def __new__(cls, c):
        return c
A(CONV)

# a constructor that is not a function
class A:
    __init__ = unknown
A(CONV)

# a named tuple
import typing
class A(typing.NamedTuple):
    c: object
A(CONV)

# the method of a parameter
def f(p, c):
    p.append(c)
def g(p):
    f(p, CONV)


# a set that is a parameter
def f(p):
    p.add(CONV)

# copy_ of what it has no place in
def f(p):
    p.copy_(CONV)

# a function of tensors
torch.relu(CONV)

# attributes of a partial
functools.partial(print, CONV).args

# super of what is not known
class A:
    def m(self):
        super(A, CONV).m()
A().m()

# super outside of a class
super(unknown, CONV)

# an item of a tuple that is no pair
dict([(1, 2, CONV)])

# a call of a module of ours that has no forward
class A: pass
A()(CONV)

# a call of what is made elsewhere
collections.Counter()(CONV)

# a tensor method
def f(x):
    nn.ReLU()(x).frobnicate(CONV)

# an argument of part
CONV.weight.frobnicate(CONV)

# a format of what is not known
unknown(f'{1:{unknown(CONV)}}')

# a partial in a partial, too deep
f = unknown
for i in unknown():
    f = functools.partial(f, CONV)
f()
""")

HARMLESS = _cases("""
# print
print(CONV)

# isinstance
isinstance(CONV, nn.Conv2d)

# a test
if CONV:
    pass

# is
CONV is None

# in
CONV in []

# an attribute that is a number
unknown(CONV.out_channels)

# init
nn.init.zeros_(CONV.weight)

# len
len([CONV])

# a method of the weight
CONV.weight.data.zero_()

# hasattr
hasattr(CONV, 'bias')

# no_grad
c = CONV
with torch.no_grad():
    c

# del
n = Box()
n.c = CONV
del n.c

# deepcopy
copy.deepcopy(CONV)

# load_state_dict
CONV.load_state_dict(unknown())

# train
CONV.train()

# an annotation
def f(c: unknown(1)): pass
f(CONV)

# a transparent decorator
@torch.no_grad()
def f(c):
    return c
f(CONV)

# the name of a function
def f(c=CONV): pass
unknown(f.__name__)
""")


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


def test_isinstance_of_another_class_rules_a_module_out() -> None:
    asked = _asked("c = CONV\nif isinstance(c, nn.Linear):\n    c.here")
    assert not _convs(asked) & asked.facts.values(asked.node("c.here").value)


@pytest.mark.parametrize("given", ["CONV.weight", "CONV.weight.data.view", "CONV.weight[0]"])
def test_a_weight_escapes_without_its_module(given: str) -> None:
    asked = _asked(f"unknown({given})")
    (conv,) = (each for each in _convs(asked) if isinstance(each, Object))
    found = {path for path, use in asked.facts.uses_with_parts(conv) if use.kind == "escape"}
    assert found
    assert "" not in found


@pytest.mark.parametrize("body", HARMLESS.values(), ids=HARMLESS)
def test_a_module_does_not_escape(body: str) -> None:
    """What is known to keep nothing is no reason to refuse."""
    asked = _asked(body)
    convs = _convs(asked)
    assert convs
    assert not [use for conv in convs for use in asked.facts.uses(conv) if use.kind == "escape"]


def test_uses_are_in_the_order_of_the_text() -> None:
    """Not in that in which they are met, which is another one from run to run."""
    asked = _asked("""
class Kept:
    def __init__(self):
        self.c = CONV
        self.second()
        self.first()

    def first(self):
        self.c.here

    def second(self):
        self.c.there
""")
    (conv,) = (each for each in _convs(asked) if isinstance(each, Object))
    lines = [use.node.lineno for use in asked.facts.uses(conv)]
    assert len(lines) > 1
    assert lines == sorted(lines)


def test_a_call_of_the_module_itself_sees_what_comes_later() -> None:
    """It is interpreted again once what it has read has grown, the function that it calls too."""
    asked = _asked("""
class Box:
    def fill(self):
        self.conv = CONV

def pick(box):
    return box.conv

found = pick(Box())
""")
    assert _convs(asked) & asked.facts.values(asked.node("pick(Box())"))
