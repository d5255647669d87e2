"""A 2d network with a grouped convolution in its second layer: the counterpart of grouped_1d."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class GroupedConv2d(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_shape = (16, 8, 8)
        self.conv0 = nn.Conv2d(16, 16, 5, padding="same", groups=1)
        self.conv1_0 = nn.Conv2d(8, 4, 3, padding="same")
        self.conv1_1 = nn.Conv2d(8, 4, 3, padding="same")
        self.conv3 = nn.Conv2d(8, 16, 3, padding="same", groups=1)

    def forward(self, x):
        x0 = F.relu(self.conv0(x))
        conv1_0 = self.conv1_0(x0[:, 0:8])
        conv1_1 = self.conv1_1(x0[:, 8:16])
        x1 = F.relu(torch.cat((conv1_0, conv1_1), dim=1))
        x4 = F.relu(self.conv3(x1))
        return x4
