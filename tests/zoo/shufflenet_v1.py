"""ShuffleNet v1: pointwise convolutions in groups, whose channels are shuffled in between.

X. Zhang, X. Zhou, M. Lin, J. Sun, "ShuffleNet: An Extremely Efficient Convolutional Neural Network
for Mobile Devices", CVPR 2018. These are its three groups, at a quarter of the width.
"""

from collections import OrderedDict

import torch
import torch.nn as nn


def channel_shuffle(x, groups):
    """Channel i of group j becomes channel j of group i."""
    batch, channels, height, width = x.size()
    x = x.view(batch, groups, channels // groups, height, width)
    x = torch.transpose(x, 1, 2).contiguous()
    return x.view(batch, -1, height, width)


class ShuffleUnit(nn.Module):
    """A bottleneck that adds its input, or with stride 2 concatenates the pooled input."""

    def __init__(self, in_channels, out_channels, groups, first_group=False, stride=1):
        super().__init__()
        self.groups = groups
        self.stride = stride
        bottleneck = out_channels // 4
        if stride == 2:
            out_channels -= in_channels

        # The first unit of all has too few input channels for groups to be worth it.
        self.compress = nn.Sequential()
        self.compress.add_module(
            "conv1x1",
            nn.Conv2d(in_channels, bottleneck, 1, groups=1 if first_group else groups, bias=False),
        )
        self.compress.add_module("bn", nn.BatchNorm2d(bottleneck))
        self.compress.add_module("relu", nn.ReLU(inplace=True))

        self.depthwise = nn.Conv2d(
            bottleneck, bottleneck, 3, stride=stride, padding=1, groups=bottleneck, bias=False
        )
        self.bn = nn.BatchNorm2d(bottleneck)

        # no ReLU after this one: it comes after the sum or the concatenation
        self.expand = nn.Sequential(
            OrderedDict(
                [
                    ("conv1x1", nn.Conv2d(bottleneck, out_channels, 1, groups=groups, bias=False)),
                    ("bn", nn.BatchNorm2d(out_channels)),
                ]
            )
        )
        self.pool = nn.AvgPool2d(3, stride=2, padding=1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        out = self.compress(x)
        out = channel_shuffle(out, self.groups)
        out = self.bn(self.depthwise(out))
        out = self.expand(out)
        if self.stride == 2:
            return self.relu(torch.cat((self.pool(x), out), 1))
        return self.relu(x + out)


class ShuffleNet(nn.Module):
    input_shape = (3, 64, 64)

    def __init__(self, groups=3, stages=((60, 2), (120, 3), (240, 2)), num_classes=10):
        super().__init__()
        channels = 24
        self.conv1 = nn.Conv2d(3, channels, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)

        self.stages = nn.Sequential()
        for number, (out_channels, repeats) in enumerate(stages, start=2):  # the stem is stage 1
            stage = nn.Sequential()
            for i in range(repeats):
                first = number == 2 and i == 0
                unit = ShuffleUnit(channels, out_channels, groups, first, stride=1 if i else 2)
                stage.add_module(f"unit{i}", unit)
                channels = out_channels
            self.stages.add_module(f"stage{number}", stage)

        self.fc = nn.Linear(channels, num_classes)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.stages(x)
        x = x.mean(dim=(2, 3))
        return self.fc(x)
