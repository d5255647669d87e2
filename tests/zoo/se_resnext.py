"""SE-ResNeXt: ResNeXt whose blocks weigh their channels by squeeze and excitation.

J. Hu, L. Shen, G. Sun, "Squeeze-and-Excitation Networks", CVPR 2018.
"""

import math
from collections import OrderedDict

import torch.nn as nn


class SEModule(nn.Module):
    def __init__(self, channels, reduction):
        super().__init__()
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        # fully connected layers, as convolutions of a single position
        self.fc1 = nn.Conv2d(channels, channels // reduction, kernel_size=1)
        self.relu = nn.ReLU(inplace=True)
        self.fc2 = nn.Conv2d(channels // reduction, channels, kernel_size=1)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x):
        scale = self.avg_pool(x)
        scale = self.relu(self.fc1(scale))
        scale = self.sigmoid(self.fc2(scale))
        return x * scale


class Bottleneck(nn.Module):
    """What the blocks of all SE networks do; a subclass says with which layers."""

    def forward(self, x):
        residual = x

        out = self.conv1(x)
        out = self.bn1(out)
        out = self.relu(out)

        out = self.conv2(out)
        out = self.bn2(out)
        out = self.relu(out)

        out = self.conv3(out)
        out = self.bn3(out)

        if self.downsample is not None:
            residual = self.downsample(x)

        # The excitation comes before the sum, so the identity passes untouched.
        out = self.se_module(out) + residual
        return self.relu(out)


class SEResNeXtBottleneck(Bottleneck):
    expansion = 4

    def __init__(
        self, inplanes, planes, groups, reduction, stride=1, downsample=None, base_width=4
    ):
        super().__init__()
        width = math.floor(planes * (base_width / 16)) * groups
        self.conv1 = nn.Conv2d(inplanes, width, kernel_size=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        # ResNeXt has the stride in the 3x3 convolution, not in the first
        self.conv2 = nn.Conv2d(
            width, width, kernel_size=3, stride=stride, padding=1, groups=groups, bias=False
        )
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, planes * self.expansion, kernel_size=1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.se_module = SEModule(planes * self.expansion, reduction=reduction)
        self.downsample = downsample


class SEResNeXt(nn.Module):
    input_shape = (3, 64, 64)

    def __init__(self, layers=(1, 2, 1), groups=8, reduction=16, inplanes=16, num_classes=10):
        super().__init__()
        self.inplanes = inplanes
        layer0 = [
            ("conv1", nn.Conv2d(3, inplanes, kernel_size=7, stride=2, padding=3, bias=False)),
            ("bn1", nn.BatchNorm2d(inplanes)),
            ("relu1", nn.ReLU(inplace=True)),
            ("pool", nn.MaxPool2d(3, stride=2, ceil_mode=True)),
        ]
        self.layer0 = nn.Sequential(OrderedDict(layer0))
        self.layer1 = self._make_layer(16, layers[0], groups, reduction)
        self.layer2 = self._make_layer(32, layers[1], groups, reduction, stride=2)
        self.layer3 = self._make_layer(64, layers[2], groups, reduction, stride=2)
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.last_linear = nn.Linear(64 * SEResNeXtBottleneck.expansion, num_classes)

    def _make_layer(self, planes, blocks, groups, reduction, stride=1):
        outplanes = planes * SEResNeXtBottleneck.expansion
        downsample = nn.Sequential(
            nn.Conv2d(self.inplanes, outplanes, kernel_size=1, stride=stride, bias=False),
            nn.BatchNorm2d(outplanes),
        )
        block = SEResNeXtBottleneck
        layers = [block(self.inplanes, planes, groups, reduction, stride, downsample)]
        self.inplanes = outplanes
        layers += [block(outplanes, planes, groups, reduction) for _ in range(1, blocks)]
        return nn.Sequential(*layers)

    def forward(self, x):
        x = self.layer0(x)
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.last_linear(self.avg_pool(x).flatten(1))
