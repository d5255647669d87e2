"""How a model builds and stores a grouped convolution and its norm.

``<net>`` and ``<groups>`` stand for what :mod:`programs` puts there.
"""

from __future__ import annotations

from typing import Final

BUILDS: Final = """
# attributes
self.conv = nn.Conv2d(8, 8, 3, padding=1, groups=<groups>)
self.bn = nn.BatchNorm2d(8)
--- run
self.bn(self.conv(x))
--- conv
<net>.conv
--- path
conv
--- norm
<net>.bn
--- norm path
bn

# statements
self.bn = nn.BatchNorm2d(8)
self.conv = nn.Conv2d(8, 8, 3, padding=1, groups=<groups>)
--- run
F.relu(self.bn(F.dropout(self.conv(x), 0.0)))
--- conv
<net>.conv
--- path
conv
--- norm
<net>.bn
--- norm path
bn

# alone
self.conv = nn.Conv2d(8, 8, 3, padding=1, groups=<groups>)
--- run
F.relu(self.conv(x))
--- conv
<net>.conv
--- path
conv

# sequential
self.body = nn.Sequential(
    nn.Conv2d(8, 8, 3, padding=1, groups=<groups>), nn.BatchNorm2d(8), nn.ReLU()
)
--- run
self.body(x)
--- conv
<net>.body[0]
--- path
body.0
--- norm
<net>.body[1]
--- norm path
body.1

# names
conv = nn.Conv2d(8, 8, 3, padding=1, groups=<groups>)
self.body = nn.Sequential(OrderedDict([("conv", conv), ("bn", nn.BatchNorm2d(8))]))
--- run
self.body(x)
--- conv
<net>.body.conv
--- path
body.conv
--- norm
<net>.body.bn
--- norm path
body.bn

# list
layers = [nn.Conv2d(8, 8, 3, padding=1, groups=<groups>)]
layers.append(nn.BatchNorm2d(8))
self.body = nn.Sequential(*layers)
--- run
self.body(x)
--- conv
<net>.body[0]
--- path
body.0
--- norm
<net>.body[-1]
--- norm path
body.1

# layers
self.layers = nn.ModuleList([nn.Conv2d(8, 8, 3, padding=1, groups=<groups>), nn.BatchNorm2d(8)])
--- run
self.layers[1](self.layers[0](x))
--- conv
<net>.layers[0]
--- path
layers.0
--- norm
<net>.layers[1]
--- norm path
layers.1

# iterated
self.layers = nn.ModuleList([nn.Conv2d(8, 8, 3, padding=1, groups=<groups>), nn.Conv2d(8, 8, 1)])
--- run
functools.reduce(lambda y, layer: layer(y), self.layers, x)
--- conv
<net>.layers[0]
--- path
layers.0

# dict
conv = nn.Conv2d(8, 8, 3, padding=1, groups=<groups>)
self.layers = nn.ModuleDict({"conv": conv, "bn": nn.BatchNorm2d(8)})
--- run
self.layers["bn"](self.layers["conv"](x))
--- conv
<net>.layers["conv"]
--- path
layers.conv
--- norm
<net>.layers["bn"]
--- norm path
layers.bn

# added
self.add_module("conv", nn.Conv2d(8, 8, 3, padding=1, groups=<groups>))
self.add_module("bn", nn.BatchNorm2d(8))
--- run
self.bn(self.conv(x))
--- conv
<net>.conv
--- path
conv
--- norm
<net>.bn
--- norm path
bn

# factory
self.conv = conv3x3(8, <groups>)
self.bn = nn.BatchNorm2d(8)
--- run
self.bn(self.conv(x))
--- conv
<net>.conv
--- path
conv
--- norm
<net>.bn
--- norm path
bn
--- top
def conv3x3(channels, groups):
    return nn.Conv2d(8, 8, 3, padding=1, groups=groups)

# block
self.block = Block(<groups>)
--- run
self.block(x)
--- conv
<net>.block.conv
--- path
block.conv
--- norm
<net>.block.bn
--- norm path
block.bn
--- top
class Block(nn.Module):
    def __init__(self, groups):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, padding=1, groups=groups)
        self.bn = nn.BatchNorm2d(8)

    def forward(self, x):
        return self.bn(self.conv(x))

# class
self.body = ConvNorm(<groups>)
--- run
self.body(x)
--- conv
<net>.body[0]
--- path
body.0
--- norm
<net>.body[1]
--- norm path
body.1
--- top
class ConvNorm(nn.Sequential):
    def __init__(self, groups):
        super().__init__(nn.Conv2d(8, 8, 3, padding=1, groups=groups), nn.BatchNorm2d(8))

# subclass
self.conv = Conv(<groups>)
--- run
self.conv(x)
--- conv
<net>.conv
--- path
conv
--- top
class Conv(nn.Conv2d):
    def __init__(self, groups):
        super().__init__(8, 8, 3, padding=1, groups=groups)

# partial
make = functools.partial(nn.Conv2d, kernel_size=3, padding=1, groups=<groups>)
self.conv = make(8, 8)
self.bn = nn.BatchNorm2d(8)
--- run
self.bn(self.conv(x))
--- conv
<net>.conv
--- path
conv
--- norm
<net>.bn
--- norm path
bn
"""
