"""Network in Network with root modules: filter groups that become fewer with depth.

Y. Ioannou, D. Robertson, R. Cipolla, A. Criminisi, "Deep Roots: Improving CNN Efficiency with
Hierarchical Filter Groups", CVPR 2017. Each grouped layer is followed by a 1x1 one that mixes.
"""

from functools import partial

import torch.nn as nn

conv5x5 = partial(nn.Conv2d, kernel_size=5, padding=2)


class RootModule(nn.Sequential):
    def __init__(
        self, channels, filters, conv=partial(nn.Conv2d, kernel_size=3, padding=1, groups=4)
    ):
        super().__init__(
            conv(channels, filters),
            nn.ReLU(inplace=True),
            nn.Conv2d(filters, filters, 1),
            nn.ReLU(inplace=True),
        )


class RootNiN(nn.Module):
    """NiN for small images, as a root-8: eight groups, then four, then none."""

    input_shape = (3, 32, 32)

    def __init__(self, num_classes=10):
        super().__init__()
        self.features = nn.Sequential(
            RootModule(3, 32, conv5x5),
            nn.MaxPool2d(3, stride=2, padding=1),
            nn.Dropout(0.5),
            RootModule(32, 32, partial(conv5x5, groups=8)),
            nn.AvgPool2d(3, stride=2, padding=1),
            nn.Dropout(0.5),
            RootModule(32, 32),
            nn.Conv2d(32, num_classes, 1),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, x):
        return self.pool(self.features(x)).flatten(1)
