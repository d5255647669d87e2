"""A 1d network with a grouped convolution in its second layer.

The model of PLiNIO's notebook on group convolutions, which PIT refuses as it is.
"""

import torch.nn as nn
import torch.nn.functional as F


class GroupedConv1d(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_shape = (16, 2)
        self.conv0 = nn.Conv1d(16, 16, 5, padding="same", groups=1)
        self.conv1 = nn.Conv1d(16, 8, 3, padding="same", groups=2)
        self.conv3 = nn.Conv1d(8, 16, 3, padding="same", groups=1)

    def forward(self, x):
        x0 = F.relu(self.conv0(x))
        x1 = F.relu(self.conv1(x0))
        x4 = F.relu(self.conv3(x1))
        return x4
