"""PyConvResNet: pyramids of kernels, in which larger kernels see fewer channels.

I. C. Duta, L. Liu, F. Zhu, L. Shao, "Pyramidal Convolution: Rethinking Convolutional Neural
Networks for Visual Recognition", arXiv 2020.
"""

import torch
import torch.nn as nn


class PyConv2d(nn.Module):
    def __init__(self, in_channels, out_channels, pyconv_kernels, pyconv_groups, stride=1):
        super().__init__()
        assert len(out_channels) == len(pyconv_kernels) == len(pyconv_groups)

        self.pyconv_levels = [None] * len(pyconv_kernels)
        for i in range(len(pyconv_kernels)):
            self.pyconv_levels[i] = nn.Conv2d(
                in_channels,
                out_channels[i],
                kernel_size=pyconv_kernels[i],
                stride=stride,
                padding=pyconv_kernels[i] // 2,
                groups=pyconv_groups[i],
                bias=False,
            )
        self.pyconv_levels = nn.ModuleList(self.pyconv_levels)

    def forward(self, x):
        out = []
        for level in self.pyconv_levels:
            out.append(level(x))
        return torch.cat(out, 1)


def get_pyconv(inplans, planes, pyconv_kernels, stride=1, pyconv_groups=(1,)):
    if len(pyconv_kernels) == 1:
        return nn.Conv2d(
            inplans,
            planes,
            kernel_size=pyconv_kernels[0],
            stride=stride,
            padding=pyconv_kernels[0] // 2,
            groups=pyconv_groups[0],
            bias=False,
        )
    levels = [planes // len(pyconv_kernels)] * len(pyconv_kernels)
    return PyConv2d(inplans, levels, pyconv_kernels, pyconv_groups, stride)


class PyConvBlock(nn.Module):
    expansion = 2

    def __init__(self, inplanes, planes, stride, pyconv_kernels, pyconv_groups):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, kernel_size=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = get_pyconv(planes, planes, pyconv_kernels, stride, pyconv_groups)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, planes * self.expansion, kernel_size=1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = nn.Sequential(
            nn.Conv2d(inplanes, planes * self.expansion, kernel_size=1, stride=stride, bias=False),
            nn.BatchNorm2d(planes * self.expansion),
        )

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return self.relu(out + self.downsample(x))


class PyConvResNet(nn.Module):
    input_shape = (3, 32, 32)

    def __init__(self, num_classes=10):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, kernel_size=3, stride=2, padding=1)
        # From stage to stage the pyramid loses its largest kernel, until one level is left.
        self.layer1 = PyConvBlock(
            16, 64, 1, pyconv_kernels=[3, 5, 7, 9], pyconv_groups=[1, 4, 8, 16]
        )
        self.layer2 = PyConvBlock(128, 32, 2, pyconv_kernels=[3, 5], pyconv_groups=[1, 4])
        self.layer3 = PyConvBlock(64, 32, 2, pyconv_kernels=[3], pyconv_groups=[4])
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(64, num_classes)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(self.stem(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))
