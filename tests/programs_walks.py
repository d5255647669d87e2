"""How other code gets at a module among all, in the programs of programs.py.

``<net>``, ``<kind>``, ``<act>`` and the like stand for what :mod:`programs` puts there.
"""

from __future__ import annotations

from typing import Final

WALKS: Final = """
# modules
for m in <net>.modules():
    if isinstance(m, <kind>):
        <act>

# not the last
for m in <net>.modules():
    if isinstance(m, <kind>) and m is not <net>.last:
        <act>

# wide
for m in <net>.modules():
    if isinstance(m, <kind>) and <size> >= 8:
        <act>

# has
for m in <net>.modules():
    if hasattr(m, "<setting>"):
        <act>

# leaves
for m in <net>.modules():
    if not list(m.children()) and not isinstance(m, nn.ReLU):
        <act>

# class name
for m in <net>.modules():
    if m.__class__.__name__ == "<kindname>":
        <act>

# exact
for m in <net>.modules():
    if type(m) is <kind>:
        <act>

# name
for name, m in <net>.named_modules():
    if name == "<path>":
        <act>

# suffix
for name, m in <net>.named_modules():
    if name.endswith("<lastname>"):
        <act>

# pattern
for name, m in <net>.named_modules():
    if re.search(r"<lastname>$", name):
        <act>

# members
for name, m in <net>.named_modules():
    if name in ["<path>", "other"]:
        <act>

# depth
for name, m in <net>.named_modules():
    if name.count('.') <= <dots> and isinstance(m, <kind>):
        <act>

# by name
m = dict(<net>.named_modules())["<path>"]
<act>

# first
m = next(each for each in <net>.modules() if isinstance(each, <kind>))
<act>

# place
m = [each for each in <net>.modules() if isinstance(each, <kind>)][0]
<act>

# second
found = [each for each in <net>.modules() if isinstance(each, <kind>)]
m = found[min(1, len(found) - 1)]
<act>

# apply
def use(m):
    if isinstance(m, <kind>):
        <act>

<net>.apply(use)

# children
def visit(module):
    for m in module.children():
        if isinstance(m, <kind>):
            <act>
        else:
            visit(m)

visit(<net>)

# stack
stack = [<net>]
while stack:
    m = stack.pop()
    stack.extend(m.children())
    if isinstance(m, <kind>):
        <act>

# inner dict
stack = [<net>]
while stack:
    m = stack.pop()
    stack.extend(m._modules.values())
    if isinstance(m, <kind>):
        <act>

# counted
for i, m in enumerate(each for each in <net>.modules() if isinstance(each, <kind>)):
    if i < 1:
        <act>
"""
