"""Octave convolution in a ResNeXt: part of the channels live at half the resolution.

Y. Chen, H. Fan, B. Xu, Z. Yan, Y. Kalantidis, M. Rohrbach, S. Yan, J. Feng, "Drop an Octave:
Reducing Spatial Redundancy in Convolutional Neural Networks with Octave Convolution", ICCV 2019.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F


class OctConv2d(nn.Module):
    """Convolutions within and between the high and the low frequencies.

    Groups are shared out among the frequencies as the channels are: by alpha.
    """

    def __init__(self, channels, kernel_size, alpha=0.5, groups=1, is_last=False):
        super().__init__()
        low = int(alpha * channels)
        high = channels - low
        g = int(alpha * groups)
        pad = kernel_size // 2
        paths = {
            "h2h": nn.Conv2d(high, high, kernel_size, 1, pad, 1, groups - g, bias=False),
            "l2h": nn.Conv2d(low, high, 1, bias=False),
        }
        if not is_last:  # after the last one there is no low frequency any more
            paths["l2l"] = nn.Conv2d(low, low, kernel_size, 1, pad, 1, g, bias=False)
            paths["h2l"] = nn.Conv2d(high, low, 1, bias=False)
        self.paths = nn.ModuleDict(paths)
        self.is_last = is_last

    def forward(self, x_h, x_l):
        y_h = self.paths["h2h"](x_h) + F.interpolate(self.paths["l2h"](x_l), scale_factor=2)
        if self.is_last:
            return y_h, None
        return y_h, self.paths["l2l"](x_l) + self.paths["h2l"](F.avg_pool2d(x_h, 2))


class OctBlock(nn.Module):
    def __init__(self, channels, groups, is_last=False):
        super().__init__()
        self.conv = OctConv2d(channels, 3, groups=groups, is_last=is_last)
        self.bn_h = nn.BatchNorm2d(channels // 2)
        self.bn_l = None if is_last else nn.BatchNorm2d(channels // 2)

    def forward(self, x_h, x_l):
        y_h, y_l = self.conv(x_h, x_l)
        x_h = x_h + F.relu(self.bn_h(y_h))
        if self.bn_l is not None:
            x_l = x_l + F.relu(self.bn_l(y_l))
        return x_h, x_l


class OctResNeXt(nn.Module):
    input_shape = (3, 24, 24)

    def __init__(self, channels=32, cardinality=8, num_classes=10):
        super().__init__()
        self.stem_h = nn.Conv2d(3, channels // 2, 3, padding=1)
        self.stem_l = nn.Conv2d(3, channels // 2, 3, padding=1)
        self.block1 = OctBlock(channels, cardinality)
        self.block2 = OctBlock(channels, cardinality, is_last=True)
        self.fc = nn.Linear(channels // 2, num_classes)

    def forward(self, x):
        x_h, x_l = self.stem_h(x), self.stem_l(F.avg_pool2d(x, 2))
        x_h, x_l = self.block1(x_h, x_l)
        x_h, _ = self.block2(x_h, x_l)
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(x_h, 1), 1))
