"""Octave convolution in a ResNeXt: part of the channels live at half the resolution.

Y. Chen, H. Fan, B. Xu, Z. Yan, Y. Kalantidis, M. Rohrbach, S. Yan, J. Feng, "Drop an Octave:
Reducing Spatial Redundancy in Convolutional Neural Networks with Octave Convolution", ICCV 2019.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F


class OctConv2d(nn.Module):
    """Convolutions between the high and the low frequencies, two of which change resolution.

    Groups are shared out among the frequencies as the channels are: by alpha.
    """

    def __init__(self, channels, kernel_size, alpha=0.5, groups=1, mixes=True):
        super().__init__()
        low = int(alpha * channels)
        high = channels - low
        g = int(alpha * groups)
        pad = kernel_size // 2
        paths = {
            "h2h": nn.Conv2d(high, high, kernel_size, 1, pad, 1, groups - g, bias=False),
            "l2l": nn.Conv2d(low, low, kernel_size, 1, pad, 1, g, bias=False),
        }
        if mixes:  # between the frequencies, where groups would have nothing to match
            paths["h2l"] = nn.Conv2d(high, low, 1, bias=False)
            paths["l2h"] = nn.Conv2d(low, high, 1, bias=False)
        self.paths = nn.ModuleDict(paths)
        self.mixes = mixes

    def forward(self, x):
        x_h, x_l = x
        y_h, y_l = self.paths["h2h"](x_h), self.paths["l2l"](x_l)
        if self.mixes:
            y_h = y_h + F.interpolate(self.paths["l2h"](x_l), scale_factor=2)
            y_l = y_l + self.paths["h2l"](F.avg_pool2d(x_h, 2))
        return y_h, y_l


class OctBlock(nn.Module):
    def __init__(self, channels, groups, mixes=True):
        super().__init__()
        self.conv = OctConv2d(channels, 3, groups=groups, mixes=mixes)
        self.bn_h = nn.BatchNorm2d(channels // 2)
        self.bn_l = nn.BatchNorm2d(channels // 2)

    def forward(self, x):
        x_h, x_l = x
        y_h, y_l = self.conv(x)
        return x_h + F.relu(self.bn_h(y_h)), x_l + F.relu(self.bn_l(y_l))


class OctResNeXt(nn.Module):
    input_shape = (3, 24, 24)

    def __init__(self, channels=32, cardinality=8, num_classes=10):
        super().__init__()
        self.stem_h = nn.Conv2d(3, channels // 2, 3, padding=1)
        self.stem_l = nn.Conv2d(3, channels // 2, 3, padding=1)
        self.blocks = nn.Sequential(
            OctBlock(channels, cardinality), OctBlock(channels, cardinality, mixes=False)
        )
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, x):
        x_h, x_l = self.blocks((self.stem_h(x), self.stem_l(F.avg_pool2d(x, 2))))
        features = torch.cat([x_h.mean((2, 3)), x_l.mean((2, 3))], dim=1)
        return self.fc(features)
