"""A 1d network with a grouped convolution in its second layer.

The model of PLiNIO's notebook on group convolutions, which PIT refuses as it is.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F


class GroupedConv1d(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_shape = (16, 2)
        self.conv0 = nn.Conv1d(16, 16, 5, padding="same", groups=1)
        self.conv1_0 = nn.Conv1d(8, 4, 3, padding="same")
        self.conv1_1 = nn.Conv1d(8, 4, 3, padding="same")
        self.conv3 = nn.Conv1d(8, 16, 3, padding="same", groups=1)

    def forward(self, x):
        x0 = F.relu(self.conv0(x))
        conv1_0 = self.conv1_0(x0[:, 0:8])
        conv1_1 = self.conv1_1(x0[:, 8:16])
        x1 = F.relu(torch.cat((conv1_0, conv1_1), dim=1))
        x4 = F.relu(self.conv3(x1))
        return x4
