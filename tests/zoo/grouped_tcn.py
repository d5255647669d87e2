"""A temporal convolutional network with causal, dilated and grouped convolutions.

S. Bai, J. Z. Kolter, V. Koltun, "An Empirical Evaluation of Generic Convolutional and Recurrent
Networks for Sequence Modeling", arXiv 2018. The groups, and batch norm for weight norm, are the
changes of variants for small devices.
"""

import torch.nn as nn
import torch.nn.functional as F


class TemporalBlock(nn.Module):
    def __init__(self, n_inputs, n_outputs, kernel_size, dilation, groups=4, dropout=0.2):
        super().__init__()
        # All on the left: no output sees what comes after it.
        self.padding = (kernel_size - 1) * dilation
        self.conv1 = nn.Conv1d(
            n_inputs, n_outputs, kernel_size, dilation=dilation, groups=groups, bias=False
        )
        self.bn1 = nn.BatchNorm1d(n_outputs)
        self.dropout1 = nn.Dropout(dropout)
        self.conv2 = nn.Conv1d(
            n_outputs, n_outputs, kernel_size, dilation=dilation, groups=groups, bias=False
        )
        self.bn2 = nn.BatchNorm1d(n_outputs)
        self.dropout2 = nn.Dropout(dropout)
        self.downsample = nn.Conv1d(n_inputs, n_outputs, 1) if n_inputs != n_outputs else None
        self.relu = nn.ReLU()

    def forward(self, x):
        out = F.pad(x, (self.padding, 0))
        out = self.dropout1(self.relu(self.bn1(self.conv1(out))))
        out = F.pad(out, (self.padding, 0))
        out = self.dropout2(self.relu(self.bn2(self.conv2(out))))
        res = x if self.downsample is None else self.downsample(x)
        return self.relu(out + res)


class TemporalConvNet(nn.Module):
    def __init__(self, num_inputs, num_channels, kernel_size=3, groups=4, dropout=0.2):
        super().__init__()
        layers = []
        for i, out_channels in enumerate(num_channels):
            in_channels = num_inputs if i == 0 else num_channels[i - 1]
            layers.append(
                TemporalBlock(
                    in_channels,
                    out_channels,
                    kernel_size,
                    dilation=2**i,  # the receptive field doubles with each block
                    groups=groups,
                    dropout=dropout,
                )
            )
        self.network = nn.Sequential(*layers)

    def forward(self, x):
        return self.network(x)


class TCN(nn.Module):
    input_shape = (8, 64)

    def __init__(self, input_size=8, output_size=5, num_channels=(16, 16, 32), groups=4):
        super().__init__()
        self.tcn = TemporalConvNet(input_size, num_channels, groups=groups)
        # Two groups are enough before the last step, which is all that the prediction sees.
        self.pad = nn.ConstantPad1d((2, 0), 0.0)
        self.mix = nn.Conv1d(num_channels[-1], 16, 3, groups=2)
        self.linear = nn.Linear(16, output_size)

    def forward(self, x):
        y = self.tcn(x)
        y = F.relu(self.mix(self.pad(y)))
        return self.linear(y[:, :, -1])
