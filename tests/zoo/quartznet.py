"""QuartzNet with grouped pointwise convolutions, built from a configuration.

S. Kriman, S. Beliaev, B. Ginsburg, J. Huang, O. Kuchaiev, V. Lavrukhin, R. Leary, J. Li, Y. Zhang,
"QuartzNet: Deep Automatic Speech Recognition with 1D Time-Channel Separable Convolutions",
ICASSP 2020. Its section on smaller models puts groups and a shuffle into the pointwise layers.
"""

import torch.nn as nn

CONFIG = [
    {"filters": 32, "repeat": 1, "residual": False, "conv": {"kernel_size": 11, "stride": 2}},
    {"filters": 32, "repeat": 2, "residual": True, "conv": {"kernel_size": 13}, "groups": 4},
    {"filters": 48, "repeat": 2, "residual": True, "conv": {"kernel_size": 15}, "groups": 4},
    {"filters": 64, "repeat": 1, "residual": False, "conv": {"kernel_size": 17, "dilation": 2}},
]


def same_padding(kernel_size, dilation=1, **_):
    return dilation * (kernel_size - 1) // 2


class GroupShuffle(nn.Module):
    def __init__(self, groups):
        super().__init__()
        self.groups = groups

    def forward(self, x):
        n, channels, time = x.shape
        x = x.view(n, self.groups, channels // self.groups, time)
        return x.transpose(1, 2).reshape(n, channels, time)


class TimeChannelSeparable(nn.Sequential):
    """A depthwise convolution along time, then a pointwise one across channels."""

    def __init__(self, inputs, filters, pointwise, **kwargs):
        super().__init__(
            nn.Conv1d(inputs, inputs, groups=inputs, bias=False, **kwargs),
            nn.Conv1d(inputs, filters, 1, bias=False, **pointwise),  # may have groups
            nn.BatchNorm1d(filters),
        )
        if pointwise.get("groups", 1) > 1:
            self.append(GroupShuffle(pointwise["groups"]))


class JasperBlock(nn.Module):
    def __init__(self, inputs, filters, repeat, residual, conv, **pointwise):
        super().__init__()
        layers = []
        for number in range(repeat):
            width = inputs if number == 0 else filters
            padding = same_padding(**conv)
            layers += [TimeChannelSeparable(width, filters, pointwise, padding=padding, **conv)]
            layers += [nn.ReLU()]
        self.mconv = nn.Sequential(*layers[:-1])
        self.res = None
        if residual:
            self.res = nn.Sequential(nn.Conv1d(inputs, filters, 1), nn.BatchNorm1d(filters))
        self.out = nn.ReLU()

    def forward(self, x):
        y = self.mconv(x)
        if self.res is not None:
            y = y + self.res(x)
        return self.out(y)


class QuartzNet(nn.Module):
    def __init__(self, config=CONFIG, features=16, vocabulary=29):
        super().__init__()
        self.input_shape = (features, 64)
        blocks = []
        for each in config:
            blocks.append(JasperBlock(features, **each))
            features = each["filters"]
        self.encoder = nn.Sequential(*blocks)
        self.decoder = nn.Conv1d(features, vocabulary, 1)

    def forward(self, spectrogram):
        return self.decoder(self.encoder(spectrogram)).log_softmax(dim=1)
