"""A 2d network with a grouped convolution in its second layer: the counterpart of grouped_1d."""

import torch.nn as nn
import torch.nn.functional as F


class GroupedConv2d(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_shape = (16, 8, 8)
        self.conv0 = nn.Conv2d(16, 16, 5, padding="same", groups=1)
        self.conv1 = nn.Conv2d(16, 8, 3, padding="same", groups=2)
        self.conv3 = nn.Conv2d(8, 16, 3, padding="same", groups=1)

    def forward(self, x):
        x0 = F.relu(self.conv0(x))
        x1 = F.relu(self.conv1(x0))
        x4 = F.relu(self.conv3(x1))
        return x4
