"""A 3d network with a grouped and a depthwise convolution, neither of which PLiNIO takes in 3d."""

import torch
from torch import nn


class GroupedConv3d(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_shape = (4, 4, 8, 8)
        self.stem = nn.Conv3d(4, 16, 3, padding=1)
        # Half of the channels see half of the channels ...
        self.spatial = nn.Conv3d(16, 8, (1, 3, 3), padding=(0, 1, 1), groups=2)
        # ... and then each of them is filtered in time alone.
        self.temporal = nn.Conv3d(8, 8, (3, 1, 1), padding=(1, 0, 0), groups=8, bias=False)
        self.head = nn.Conv3d(8, 4, 1)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        x = torch.relu(self.spatial(x))
        x = torch.relu(self.temporal(x))  # depthwise
        return self.head(x)
