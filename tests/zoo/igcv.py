"""Interleaved group convolutions: two grouped ones whose groups are complementary.

T. Zhang, G.-J. Qi, B. Xiao, J. Wang, "Interleaved Group Convolutions", ICCV 2017.
"""

from torch import nn


def permute(x, partitions):
    """Deal the channels of each partition out, so that they end in as many different ones."""
    n, c, h, w = x.shape
    return x.view(n, partitions, c // partitions, h, w).transpose(1, 2).reshape(n, c, h, w)


class IGCBlock(nn.Module):
    """L primary partitions of M channels, then M secondary partitions of L channels."""

    def __init__(self, L, M, stride=1):
        super().__init__()
        self.primary_partitions = L
        self.secondary_partitions = M
        channels = L * M
        # Spatial, within each primary partition ...
        self.primary = nn.Conv2d(
            channels, channels, 3, stride=stride, padding=1, groups=L, bias=False
        )
        # ... and pointwise, across all of them: a secondary one takes a channel of each.
        self.secondary = nn.Conv2d(channels, channels, 1, groups=M, bias=False)
        self.bn = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        x = self.primary(x)
        x = permute(x, self.primary_partitions)
        x = self.secondary(x)
        x = permute(x, self.secondary_partitions)
        return self.relu(self.bn(x))


class IGCNet(nn.Module):
    """IGC-L*M*: the network is named after its partitions."""

    def __init__(self, L=6, M=4, blocks=(2, 2, 2), num_classes=10):
        super().__init__()
        self.input_shape = (3, 16, 16)
        self.stem = nn.Sequential(
            nn.Conv2d(3, L * M, 3, padding=1, bias=False),
            nn.BatchNorm2d(L * M),
            nn.ReLU(inplace=True),
        )
        layers = []
        for stage, depth in enumerate(blocks):
            if stage > 0:
                # Twice as many primary partitions at half the resolution.
                layers.append(nn.Conv2d(L * M, 2 * L * M, 1, bias=False))
                L *= 2
            for i in range(depth):
                stride = 2 if stage > 0 and i == 0 else 1
                layers.append(IGCBlock(L, M, stride))
        self.stages = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(L * M, num_classes)

    def forward(self, x):
        x = self.stages(self.stem(x))
        return self.fc(self.pool(x).flatten(1))
