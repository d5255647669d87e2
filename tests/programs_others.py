"""More that is done with a model, in the programs of programs.py: by its insides, by Python's own.

``<net>``, ``<top>`` and the like stand for what :mod:`programs` puts there.
"""

from __future__ import annotations

from typing import Final

OTHERS: Final = """
# by the base of objects
object.__setattr__(<net>, "<top>", nn.Identity())

# by the base of modules
nn.Module.__setattr__(<net>, "<top>", nn.Identity())

# by path
<net>.set_submodule("<path>", nn.Identity())

# insides
<net>.__dict__["_modules"]["<top>"] = nn.Identity()

# variables
vars(<net>)["_modules"]["<top>"] = nn.Identity()

# updated insides
<net>._modules.update({"<top>": nn.Identity()})

# traced
<net>.factor = len(torch.fx.symbolic_trace(copy.deepcopy(<net>)).graph.nodes) / 8

# names counted
<net>.factor = len([name for name, _ in <net>.named_modules()]) / 3

# keys counted
<net>.factor = len({id(m): name for name, m in <net>.named_modules()}) / 3

# place of a name
<net>.factor = [name for name, _ in <net>.named_modules()].index("last") / 3

# reduced
<net>.factor = functools.reduce(lambda count, m: count + 1, <net>.modules(), 0) / 3

# matched
for m in <net>.modules():
    match m:
        case nn.Conv2d(out_channels=8):
            m.weight.data.mul_(0.5)

# drawn
torch.manual_seed(5)
for m in <net>.modules():
    if isinstance(m, nn.Conv2d):
        nn.init.normal_(m.weight)
        nn.init.uniform_(m.bias)

# drawn weights
torch.manual_seed(5)
for m in <net>.modules():
    if isinstance(m, nn.Conv2d):
        nn.init.uniform_(m.weight)
        nn.init.zeros_(m.bias)

# all drawn
torch.manual_seed(5)
for p in <net>.parameters():
    p.data.uniform_(-1, 1)

# all weights drawn
torch.manual_seed(5)
for p in <net>.parameters():
    if p.dim() > 1:
        p.data.uniform_(-1, 1)

# kept by what is applied
kept = []
def see(m):
    if isinstance(m, nn.Conv2d):
        <net>.__dict__["kept"] = m
        kept.append(1)
<net>.apply(see)
<net>.factor = len(kept) / 2

# counted by what is applied
count = 0
def see(m):
    nonlocal count
    count += 1
<net>.apply(see)
<net>.factor = count / 3

# yielded
def convs(module):
    for m in module.modules():
        if isinstance(m, nn.Conv2d):
            yield m
for m in convs(<net>):
    m.weight.data.sub_(m.weight.data.mean())

# yielded from
def leaves(module):
    yield module
    for child in module.children():
        yield from leaves(child)
<net>.factor = len([*leaves(<net>)]) / 3
"""

WAYS: Final = """
# delegated
m = Delegate(<conv>)
<act>
--- top
class Delegate:
    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        return getattr(self.inner, name)

# managed
with managed(<conv>) as m:
    <act>
--- top
@contextlib.contextmanager
def managed(layer):
    yield layer

# getter of two
m, _ = operator.attrgetter("<path>", "last")(<net>)
<act>

# parallel
m = operator.attrgetter("<path>")(nn.DataParallel(<net>).module)
<act>

# generator function
m = next(yielded(<conv>))
<act>
--- top
def yielded(layer):
    yield layer
"""
