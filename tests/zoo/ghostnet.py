"""GhostNet, small: each feature map of a plain convolution yields further ones by cheap filters.

K. Han, Y. Wang, Q. Tian, J. Guo, C. Xu, C. Xu, "GhostNet: More Features from Cheap Operations",
CVPR 2020. The paper settles on one ghost for each map, here some blocks make two. Its squeeze and
excitation is left out.
"""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class GhostModule(nn.Module):
    def __init__(self, inp, oup, kernel_size=1, ratio=2, dw_size=3, stride=1, relu=True):
        super().__init__()
        self.oup = oup
        init_channels = math.ceil(oup / ratio)
        new_channels = init_channels * (ratio - 1)

        self.primary_conv = nn.Sequential(
            nn.Conv2d(inp, init_channels, kernel_size, stride, kernel_size // 2, bias=False),
            nn.BatchNorm2d(init_channels),
            nn.ReLU(inplace=True) if relu else nn.Sequential(),
        )
        # ratio - 1 ghosts of each intrinsic feature map
        self.cheap_operation = nn.Sequential(
            nn.Conv2d(
                init_channels,
                new_channels,
                dw_size,
                1,
                dw_size // 2,
                groups=init_channels,
                bias=False,
            ),
            nn.BatchNorm2d(new_channels),
            nn.ReLU(inplace=True) if relu else nn.Sequential(),
        )

    def forward(self, x):
        x1 = self.primary_conv(x)
        x2 = self.cheap_operation(x1)
        out = torch.cat([x1, x2], dim=1)
        return out[:, : self.oup, :, :]  # rounding up may have made a few too many


class GhostBottleneck(nn.Module):
    """A ghost module that expands, a depthwise convolution if strided, and one that reduces."""

    def __init__(self, inp, hidden, oup, kernel_size, stride, ratio):
        super().__init__()
        self.stride = stride
        pad = kernel_size // 2
        self.ghost1 = GhostModule(inp, hidden, ratio=ratio)
        if stride > 1:
            self.conv_dw = nn.Conv2d(
                hidden, hidden, kernel_size, stride, pad, groups=hidden, bias=False
            )
            self.bn_dw = nn.BatchNorm2d(hidden)
        self.ghost2 = GhostModule(hidden, oup, ratio=ratio, relu=False)

        self.shortcut = nn.Sequential()
        if inp != oup or stride > 1:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inp, inp, kernel_size, stride, pad, groups=inp, bias=False),
                nn.BatchNorm2d(inp),
                nn.Conv2d(inp, oup, 1, bias=False),
                nn.BatchNorm2d(oup),
            )

    def forward(self, x):
        out = self.ghost1(x)
        if self.stride > 1:
            out = self.bn_dw(self.conv_dw(out))
        return self.ghost2(out) + self.shortcut(x)


class GhostNet(nn.Module):
    input_shape = (3, 32, 32)
    cfgs = [
        # kernel, hidden, out, stride, ratio
        (3, 16, 16, 1, 2),
        (3, 48, 24, 2, 3),
        (5, 72, 40, 2, 3),
        (3, 100, 40, 1, 2),
    ]

    def __init__(self, num_classes=10, dropout=0.2):
        super().__init__()
        self.conv_stem = nn.Conv2d(3, 16, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        inp = 16
        self.blocks = nn.Sequential()
        for k, hidden, oup, stride, ratio in self.cfgs:
            self.blocks.append(GhostBottleneck(inp, hidden, oup, k, stride, ratio))
            inp = oup
        self.conv_head = nn.Conv2d(inp, 160, 1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(160, num_classes))

    def forward(self, x):
        x = F.relu(self.bn1(self.conv_stem(x)))
        x = self.blocks(x)
        x = F.relu(self.conv_head(F.adaptive_avg_pool2d(x, 1)))
        return self.classifier(x.flatten(1))
