"""Octave convolution in a ResNeXt block: part of the channels live at half the resolution.

Y. Chen, H. Fan, B. Xu, Z. Yan, Y. Kalantidis, M. Rohrbach, S. Yan, J. Feng, "Drop an Octave:
Reducing Spatial Redundancy in Convolutional Neural Networks with Octave Convolution", ICCV 2019.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F


class OctConv2d(nn.Module):
    """Four convolutions between the high and the low frequencies, two of which change resolution.

    Groups are shared out among the frequencies as the channels are: by alpha.
    """

    def __init__(self, channels, kernel_size, alpha=0.5, groups=1):
        super().__init__()
        low = int(alpha * channels)
        high = channels - low
        low_groups = int(alpha * groups)
        pad = kernel_size // 2
        self.paths = nn.ModuleDict(
            {
                "h2h": nn.Conv2d(high, high, kernel_size, 1, pad, 1, groups - low_groups),
                "l2l": nn.Conv2d(low, low, kernel_size, 1, pad, 1, low_groups),
                # Between the frequencies all channels mix.
                "h2l": nn.Conv2d(high, low, 1, bias=False),
                "l2h": nn.Conv2d(low, high, 1, bias=False),
            }
        )

    def forward(self, x):
        high, low = x
        up = F.interpolate(self.paths["l2h"](low), scale_factor=2)
        down = self.paths["h2l"](F.avg_pool2d(high, 2))
        return self.paths["h2h"](high) + up, self.paths["l2l"](low) + down


class OctBlock(nn.Module):
    def __init__(self, channels, groups):
        super().__init__()
        self.conv = OctConv2d(channels, 3, groups=groups)
        self.bn_h = nn.BatchNorm2d(channels // 2)
        self.bn_l = nn.BatchNorm2d(channels // 2)

    def forward(self, x):
        high, low = self.conv(x)
        return x[0] + F.relu(self.bn_h(high)), x[1] + F.relu(self.bn_l(low))


class OctResNeXt(nn.Module):
    input_shape = (3, 24, 24)

    def __init__(self, channels=32, cardinality=8, depth=2, num_classes=10):
        super().__init__()
        self.stem_h = nn.Conv2d(3, channels // 2, 3, padding=1)
        self.stem_l = nn.Conv2d(3, channels // 2, 3, padding=1)
        self.blocks = nn.Sequential(*(OctBlock(channels, cardinality) for _ in range(depth)))
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, x):
        high, low = self.blocks((self.stem_h(x), self.stem_l(F.avg_pool2d(x, 2))))
        features = torch.cat([high.mean((2, 3)), low.mean((2, 3))], dim=1)
        return self.fc(features)
