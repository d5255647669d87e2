"""A 3d network with a grouped and a depthwise convolution, neither of which PLiNIO takes in 3d."""

import torch
from torch import nn


class GroupedConv3d(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_shape = (4, 4, 8, 8)
        self.stem = nn.Conv3d(4, 16, 3, padding=1)
        # Half of the channels see half of the channels ...
        self.spatial_0 = nn.Conv3d(8, 4, (1, 3, 3), padding=(0, 1, 1))
        self.spatial_1 = nn.Conv3d(8, 4, (1, 3, 3), padding=(0, 1, 1))
        # ... and then each of them is filtered in time alone.
        self.temporal = nn.ModuleList(
            nn.Conv3d(1, 1, (3, 1, 1), padding=(1, 0, 0), bias=False) for _ in range(8)
        )
        self.head = nn.Conv3d(8, 4, 1)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        spatial_0 = self.spatial_0(x[:, 0:8])
        spatial_1 = self.spatial_1(x[:, 8:16])
        x = torch.relu(torch.cat((spatial_0, spatial_1), dim=1))
        temporal = [conv(x[:, i : i + 1]) for i, conv in enumerate(self.temporal)]
        x = torch.relu(torch.cat(temporal, dim=1))  # depthwise
        return self.head(x)
