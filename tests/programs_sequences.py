"""What other code does with a Sequential, or in a constructor or a forward only with a model.

``<net>``, ``<conv>``, ``<seq>`` and the like stand for what :mod:`programs` puts there.
"""

from __future__ import annotations

from typing import Final

IN_SEQUENTIAL: Final = """
# pop
<seq>.pop(-1)

# deleted
del <seq>[-1]

# inserted
<seq>.insert(1, nn.ReLU())

# appended
<seq>.append(nn.ReLU())

# extended
<seq>.extend([nn.ReLU()])

# set
<seq>[1] = nn.Identity()

# set first
<seq>[0] = nn.Identity()

# sliced
<seq> = <seq>[:1]

# taken apart
<seq> = nn.Sequential(*list(<seq>.children())[:1])

# unpacked
first, *others = <seq>
<seq> = nn.Sequential(first, nn.ReLU(), *others)

# backwards
<seq> = nn.Sequential(*reversed(<seq>))

# added
<seq> = <seq> + nn.Sequential(nn.ReLU())

# module
<seq>.add_module("act", nn.ReLU())

# in modules
<seq>._modules["<second>"] = nn.Identity()

# item
<seq>.__setitem__(1, nn.Identity())

# by operator
operator.setitem(<seq>, 1, nn.Identity())

# deleted by name
delattr(<seq>, "<second>")

# counted
<net>.factor = len(<seq>)

# by parts
<net>.factor = sum(1 for _ in <seq>.modules())

# grown
<seq> += nn.Sequential(nn.ReLU())
"""

OF_OWNER: Final = """
# fx
<net>.factor = sum(n.op == 'call_module' for n in torch.fx.symbolic_trace(Run(<conv>)).graph.nodes)

# text
<net>.factor = len(str(<net>)) / 100

# stranger
strangers.walk(<net>)
"""
