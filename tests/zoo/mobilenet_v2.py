"""MobileNetV2 with groups in its pointwise convolutions too, which makes it an IGCV3.

M. Sandler, A. Howard, M. Zhu, A. Zhmoginov, L.-C. Chen, "MobileNetV2: Inverted Residuals and Linear
Bottlenecks", CVPR 2018; K. Sun, M. Li, D. Liu, J. Wang, "IGCV3: Interleaved Low-Rank Group
Convolutions for Efficient Deep Neural Networks", BMVC 2018.
"""

import torch
import torch.nn as nn


class ConvBNReLU(nn.Sequential):
    def __init__(self, in_planes, out_planes, kernel_size=3, stride=1, groups=1):
        padding = (kernel_size - 1) // 2
        super(ConvBNReLU, self).__init__(
            nn.Conv2d(
                in_planes, out_planes, kernel_size, stride, padding, groups=groups, bias=False
            ),
            nn.BatchNorm2d(out_planes),
            nn.ReLU6(inplace=True),
        )


class Permutation(nn.Module):
    """Puts the channels such that each group of the next layer has some of each group before."""

    def __init__(self, channels, groups):
        super(Permutation, self).__init__()
        self.order = [i for group in range(groups) for i in range(group, channels, groups)]

    def forward(self, x):
        return x[:, self.order]


class InvertedResidual(nn.Module):
    def __init__(self, inp, oup, stride, expand_ratio, groups):
        super(InvertedResidual, self).__init__()
        hidden_dim = int(round(inp * expand_ratio))
        self.use_res_connect = stride == 1 and inp == oup

        layers = []
        if expand_ratio != 1:
            # pw, with groups
            layers.append(ConvBNReLU(inp, hidden_dim, kernel_size=1, groups=groups))
            layers.append(Permutation(hidden_dim, groups))
        layers.extend(
            [
                # dw
                ConvBNReLU(hidden_dim, hidden_dim, stride=stride, groups=hidden_dim),
                # pw-linear, with groups
                nn.Conv2d(hidden_dim, oup, 1, 1, 0, groups=groups, bias=False),
                nn.BatchNorm2d(oup),
            ]
        )
        self.conv = nn.Sequential(*layers)

    def forward(self, x):
        if self.use_res_connect:
            return x + self.conv(x)
        return self.conv(x)


class MobileNetV2(nn.Module):
    input_shape = (3, 32, 32)

    def __init__(self, num_classes=10, groups=2):
        super(MobileNetV2, self).__init__()
        input_channel, last_channel = 16, 64
        settings = [
            # t, c, n, s
            [1, 8, 1, 1],
            [4, 16, 2, 2],
            [4, 24, 2, 2],
        ]
        features = [ConvBNReLU(3, input_channel, stride=2)]
        for t, c, n, s in settings:
            for i in range(n):
                stride = s if i == 0 else 1
                features.append(InvertedResidual(input_channel, c, stride, t, groups))
                input_channel = c
        features.append(ConvBNReLU(input_channel, last_channel, kernel_size=1))
        self.features = nn.Sequential(*features)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(last_channel, num_classes))

    def forward(self, x):
        x = self.pool(self.features(x))
        return self.classifier(torch.flatten(x, 1))
