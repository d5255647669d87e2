"""VarGNet as a whole."""

import torch
from torch import nn

from .blocks import DownSampling, VarGBlock


class VarGNet(nn.Module):
    input_shape = (3, 32, 32)

    def __init__(self, channels=(16, 32), depth=1, group_base=8, num_classes=10):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        stages, width = [], 8
        for each in channels:
            stages.append(DownSampling(width, each, group_base))
            stages += [VarGBlock(each, group_base=group_base) for _ in range(depth)]
            width = each
        self.stages = nn.Sequential(*stages)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(width, num_classes)

    def forward(self, x):
        x = self.pool(self.stages(self.stem(x)))
        return self.fc(torch.flatten(x, 1))
