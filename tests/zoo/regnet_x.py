"""RegNetX: a network whose widths follow a line, and whose groups all have the same width.

I. Radosavovic, R. P. Kosaraju, R. Girshick, K. He, P. Dollár, "Designing Network Design Spaces",
CVPR 2020.
"""

import math
from collections import OrderedDict
from itertools import groupby

from torch import nn


def block_widths(w_0, w_a, w_m, depth, group_width):
    """The width of each block.

    Block j should be u = w_0 + w_a * j wide. So that there are stages of constant width, u is
    rounded to the nearest w_0 * w_m**s with a whole s, and that to whole groups.
    """
    widths = []
    for j in range(depth):
        u = w_0 + w_a * j
        s = round(math.log(u / w_0, w_m))
        widths.append(round(w_0 * w_m**s / group_width) * group_width)
    return widths


class XBlock(nn.Module):
    """The residual bottleneck of ResNeXt with a bottleneck ratio of 1: all widths are equal."""

    def __init__(self, in_width, width, stride, group_width):
        super().__init__()
        # What is fixed is the width of a group, so the wider stages have more groups.
        groups = width // group_width
        self.f = nn.Sequential(
            OrderedDict(
                [
                    ("a", nn.Conv2d(in_width, width, 1, bias=False)),
                    ("a_bn", nn.BatchNorm2d(width)),
                    ("a_relu", nn.ReLU(inplace=True)),
                    # the only convolution that looks at neighbours
                    ("b", nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False)),
                    ("b_bn", nn.BatchNorm2d(width)),
                    ("b_relu", nn.ReLU(inplace=True)),
                    ("c", nn.Conv2d(width, width, 1, bias=False)),
                    ("c_bn", nn.BatchNorm2d(width)),
                ]
            )
        )
        self.proj = None
        if in_width != width or stride != 1:
            self.proj = nn.Sequential(
                nn.Conv2d(in_width, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        shortcut = x if self.proj is None else self.proj(x)
        return self.relu(shortcut + self.f(x))


class RegNetX(nn.Module):
    """By default a stage each of 24, 48, 96 and 192 channels, with 1, 1, 3 and 1 blocks."""

    input_shape = (3, 64, 64)

    def __init__(self, w_0=24, w_a=24, w_m=2.0, depth=6, group_width=8, num_classes=10):
        super().__init__()
        width = 32
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )
        stages = []
        # Blocks of equal width are a stage; the first of them halves the resolution.
        for stage_width, blocks in groupby(block_widths(w_0, w_a, w_m, depth, group_width)):
            layers = []
            for i, _ in enumerate(blocks):
                layers.append(XBlock(width, stage_width, 2 if i == 0 else 1, group_width))
                width = stage_width
            stages.append(nn.Sequential(*layers))
        self.stages = nn.Sequential(*stages)
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, num_classes)
        )

    def forward(self, x):
        return self.head(self.stages(self.stem(x)))
