"""How other code gets at a module that it names, in the programs of programs.py.

``<net>``, ``<conv>``, ``<act>`` and the like stand for what :mod:`programs` puts there.
"""

from __future__ import annotations

from typing import Final

ACCESSES: Final = """
# itself
m = <conv>
<act>

# written
<direct>

# map
for m in map(lambda each: each, [<conv>]):
    <act>

# zip
for _, m in zip(range(1), [<conv>]):
    <act>

# filter
for m in filter(None, (<conv>,)):
    <act>

# chosen
m = [each for each in (<conv>, <net>.last) if each is not <net>.last][0]
<act>

# default
def use(m=<conv>):
    <act>

use()

# closure
def get():
    return <conv>

m = get()
<act>

# lambda
get = lambda: <conv>
m = get()
<act>

# generator
def each():
    yield <conv>

for m in each():
    <act>

# registry
REGISTRY["conv"] = <conv>
m = REGISTRY["conv"]
<act>
--- top
REGISTRY = {}

# seen
SEEN.append(<conv>)
m = SEEN[-1]
<act>
--- top
SEEN = []

# weak
m = weakref.ref(<conv>)()
<act>

# walrus
if (m := <conv>) is not None:
    <act>

# match
match <conv>:
    case nn.Module() as m:
        <act>

# star
*_, m = [<net>.last, <conv>]
<act>

# swap
m, _ = <conv>, <net>.last
<act>

# copy
m = copy.copy(<conv>)
<act>

# dataclass
held = Held(<conv>)
m = held.module
<act>
--- top
@dataclasses.dataclass
class Held:
    module: nn.Module

# named tuple
m = Pair(<conv>, 1).module
<act>
--- top
Pair = collections.namedtuple("Pair", ["module", "number"])

# namespace
m = types.SimpleNamespace(module=<conv>).module
<act>

# getter
m = operator.attrgetter("<path>")(<net>)
<act>

# by steps
m = functools.reduce(getattr, "<path>".split("."), <net>)
<act>

# submodule
m = <net>.get_submodule("<path>")
<act>

# property
m = <net>.chosen
<act>
--- member
@property
def chosen(self):
    return <selfconv>

# method
m = <net>.chosen()
<act>
--- member
def chosen(self):
    return <selfconv>

# cached
m = <net>.chosen
<act>
--- member
@functools.cached_property
def chosen(self):
    return <selfconv>

# descriptor
m = <net>.chosen
<act>
--- top
class Chosen:
    def __get__(self, net, owner):
        return <ofnet>
--- member
chosen = Chosen()

# getattr
m = <net>.chosen
<act>
--- member
def __getattr__(self, name):
    if name == "chosen":
        return <selfconv>
    return super().__getattr__(name)

# tuple
<net>.kept = (<conv>,)
m = <net>.kept[0]
<act>

# hidden
object.__setattr__(<net>, "hidden", <conv>)
m = <net>.hidden
<act>

# context
with contextlib.nullcontext(<conv>) as m:
    <act>

# default dict
d = {}
m = d.setdefault("a", <conv>)
<act>

# chain
for m in itertools.chain([<conv>]):
    <act>

# decorated
m = chosen(<net>)
<act>
--- top
def kept(function):
    @functools.wraps(function)
    def inner(*args):
        return function(*args)

    return inner


@kept
def chosen(net):
    return <ofnet>

# lru
m = chosen(<net>)
<act>
--- top
@functools.lru_cache(None)
def chosen(net):
    return <ofnet>

# visitor
Visitor().visit(<conv>)
--- top
class Visitor:
    def visit(self, module):
        name = "visit_" + type(module).__name__
        getattr(self, name, self.other)(module)

    def visit_Conv2d(self, m):
        <actonly>

    def visit_BatchNorm2d(self, m):
        <actonly>

    def other(self, m):
        pass

# dispatch
use(<conv>)
--- top
@functools.singledispatch
def use(m):
    pass


@use.register
def _(m: nn.Conv2d):
    <actonly>


@use.register
def _(m: nn.BatchNorm2d):
    <actonly>

# by class
action = {nn.Conv2d: use, nn.BatchNorm2d: use}.get(type(<conv>))
if action is not None:
    action(<conv>)
--- top
def use(m):
    <actonly>
"""
