"""WaveNet for several sensors, each of which has a group of channels to itself.

A. van den Oord, S. Dieleman, H. Zen, K. Simonyan, O. Vinyals, A. Graves, N. Kalchbrenner,
A. Senior, K. Kavukcuoglu, "WaveNet: A Generative Model for Raw Audio", arXiv 2016. The groups are
not the paper's: the sensors meet in the skip connections only.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F


class WaveNet(nn.Module):
    def __init__(self, sensors=3, channels=8, layers=4, kernel_size=2, classes=5):
        super().__init__()
        self.input_shape = (sensors, 48)
        self.kernel_size = kernel_size
        width = sensors * channels
        start = nn.Conv1d(sensors, width, 1, groups=sensors)
        nn.init.xavier_uniform_(start.weight)
        self.start_conv = start

        self.filter_convs = nn.ModuleList()
        self.gate_convs = nn.ModuleList()
        self.residual_convs = nn.ModuleList()
        self.skip_convs = nn.ModuleList()
        for i in range(layers):
            # The receptive field doubles with each layer.
            dilation = 2**i
            self.filter_convs.append(
                nn.Conv1d(width, width, kernel_size, dilation=dilation, groups=sensors)
            )
            self.gate_convs.append(
                nn.Conv1d(width, width, kernel_size, dilation=dilation, groups=sensors)
            )
            self.residual_convs.append(nn.Conv1d(width, width, 1, groups=sensors))
            self.skip_convs.append(nn.Conv1d(width, 16, 1))
        self.end_conv = nn.Conv1d(16, classes, 1)

    def forward(self, x):
        x = self.start_conv(x)
        skip = 0
        for i, (filter_conv, gate_conv) in enumerate(zip(self.filter_convs, self.gate_convs)):
            padded = F.pad(x, ((self.kernel_size - 1) * 2**i, 0))
            z = torch.tanh(filter_conv(padded)) * torch.sigmoid(gate_conv(padded))
            skip = skip + self.skip_convs[i](z)
            x = x + self.residual_convs[i](z)
        return self.end_conv(F.relu(skip))
