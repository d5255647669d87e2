"""A 1d network with as many groups as it is asked for, in its second layer.

The second model of PLiNIO's notebook on group convolutions, before it was retyped there by hand.
"""

import torch.nn as nn
import torch.nn.functional as F


class MultiGroupConv1d(nn.Module):
    def __init__(self, in_channels=12, out_channels=24, groups=3):
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.groups = groups
        self.input_shape = (in_channels, 8)
        self.conv0 = nn.Conv1d(in_channels, in_channels, 5, padding="same")
        self.groupconv = nn.Conv1d(in_channels, out_channels, 3, padding="same", groups=groups)
        self.conv_final = nn.Conv1d(out_channels, in_channels, 3, padding="same")

    def forward(self, x):
        x0 = F.relu(self.conv0(x))
        x1 = self.groupconv(x0)
        x2 = self.conv_final(x1)
        return F.relu(x2)
