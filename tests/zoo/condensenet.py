"""CondenseNet in its condensed form: the learned groups have become an index and a grouped 1x1.

G. Huang, S. Liu, L. van der Maaten, K. Q. Weinberger, "CondenseNet: An Efficient DenseNet Using
Learned Group Convolutions", CVPR 2018. In training the 1x1 convolutions are dense, and lose the
connections that matter least; what is left of them is grouped.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F


class CondenseConv(nn.Module):
    """A pruned 1x1 convolution: pick the inputs that survived, then norm, ReLU and convolve."""

    def __init__(self, in_channels, out_channels, groups):
        super().__init__()
        self.groups = groups
        self.norm = nn.BatchNorm2d(in_channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size=1, groups=groups, bias=False)
        # Which input each group sees where; the one that was learned comes with the checkpoint.
        self.register_buffer("index", torch.randperm(in_channels))

    def forward(self, x):
        x = torch.index_select(x, 1, self.index)
        x = self.conv(self.relu(self.norm(x)))
        # The shuffle gives each group of the 3x3 that follows a share of every group here.
        batch, channels, height, width = x.shape
        x = x.view(batch, self.groups, channels // self.groups, height, width)
        return x.transpose(1, 2).reshape(batch, channels, height, width)


class DenseLayer(nn.Module):
    def __init__(self, in_channels, growth_rate, groups_1x1, groups_3x3, bottleneck=4):
        super().__init__()
        width = bottleneck * growth_rate
        self.conv_1 = CondenseConv(in_channels, width, groups_1x1)
        self.norm_2 = nn.BatchNorm2d(width)
        self.conv_2 = nn.Conv2d(
            width, growth_rate, kernel_size=3, padding=1, groups=groups_3x3, bias=False
        )

    def forward(self, x):
        out = self.conv_1(x)
        out = self.conv_2(F.relu(self.norm_2(out)))
        return torch.cat([x, out], dim=1)


class DenseBlock(nn.Sequential):
    def __init__(self, num_layers, in_channels, growth_rate, groups_1x1, groups_3x3):
        super().__init__()
        for i in range(num_layers):
            layer = DenseLayer(in_channels + i * growth_rate, growth_rate, groups_1x1, groups_3x3)
            self.add_module(f"denselayer_{i + 1}", layer)


class CondenseNet(nn.Module):
    input_shape = (3, 16, 16)

    def __init__(self, stages=(2, 2), growth=(8, 16), groups_1x1=4, groups_3x3=4, num_classes=10):
        super().__init__()
        channels = 2 * growth[0]
        self.features = nn.Sequential()
        self.features.add_module("init_conv", nn.Conv2d(3, channels, 3, padding=1, bias=False))
        for i, (num_layers, growth_rate) in enumerate(zip(stages, growth, strict=True)):
            block = DenseBlock(num_layers, channels, growth_rate, groups_1x1, groups_3x3)
            self.features.add_module(f"denseblock_{i + 1}", block)
            channels += num_layers * growth_rate
            # All resolutions are densely connected: a transition does nothing but pool.
            if i < len(stages) - 1:
                self.features.add_module(f"transition_{i + 1}", nn.AvgPool2d(2))
        self.features.add_module("norm_last", nn.BatchNorm2d(channels))
        self.features.add_module("relu_last", nn.ReLU(inplace=True))
        self.features.add_module("pool_last", nn.AdaptiveAvgPool2d(1))
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, x):
        features = self.features(x)
        return self.classifier(torch.flatten(features, 1))
