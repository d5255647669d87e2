"""ResNeSt: ResNeXt's groups, each in splits that compete for attention.

H. Zhang, C. Wu, Z. Zhang, Y. Zhu, H. Lin, Z. Zhang, Y. Sun, T. He, J. Mueller, R. Manmatha, M. Li,
A. Smola, "ResNeSt: Split-Attention Networks", CVPRW 2022.
"""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn import BatchNorm2d, Conv2d, ReLU


class RadixSoftmax(nn.Module):
    """Softmax over the splits of each cardinal group; sigmoid if there is only one."""

    def __init__(self, radix, cardinality):
        super().__init__()
        self.radix = radix
        self.cardinality = cardinality

    def forward(self, x):
        if self.radix == 1:
            return torch.sigmoid(x)
        batch = x.size(0)
        # From group, split, channel, as fc2 gives them, to split, group, channel.
        x = x.view(batch, self.cardinality, self.radix, -1).transpose(1, 2)
        return F.softmax(x, dim=1).reshape(batch, -1, 1, 1)


class SplAtConv2d(nn.Module):
    def __init__(
        self, in_channels, channels, kernel_size, stride=1, padding=0, groups=1, bias=False, radix=2
    ):
        super().__init__()
        self.radix = radix
        self.cardinality = groups
        inter_channels = max(in_channels * radix // 4, 16)
        # All splits of all cardinal groups at once.
        self.conv = Conv2d(
            in_channels,
            channels * radix,
            kernel_size,
            stride,
            padding,
            groups=groups * radix,
            bias=bias,
        )
        self.bn0 = BatchNorm2d(channels * radix)
        self.relu = ReLU(inplace=True)
        self.fc1 = Conv2d(channels, inter_channels, 1, groups=self.cardinality)
        self.bn1 = BatchNorm2d(inter_channels)
        self.fc2 = Conv2d(inter_channels, channels * radix, 1, groups=self.cardinality)
        self.rsoftmax = RadixSoftmax(radix, groups)

    def forward(self, x):
        x = self.relu(self.bn0(self.conv(x)))
        splits = torch.chunk(x, self.radix, dim=1)
        gap = F.adaptive_avg_pool2d(sum(splits), 1)
        gap = self.relu(self.bn1(self.fc1(gap)))
        atten = self.rsoftmax(self.fc2(gap))
        attens = torch.chunk(atten, self.radix, dim=1)
        return sum(att * split for att, split in zip(attens, splits, strict=True))


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, inplanes, planes, stride=1, radix=2, cardinality=1):
        super().__init__()
        self.conv1 = Conv2d(inplanes, planes, kernel_size=1, bias=False)
        self.bn1 = BatchNorm2d(planes)
        # The stride is a pooling's, ahead of the convolution.
        self.avd = nn.AvgPool2d(3, stride, padding=1) if stride > 1 else nn.Identity()
        self.conv2 = SplAtConv2d(planes, planes, 3, padding=1, groups=cardinality, radix=radix)
        self.conv3 = Conv2d(planes, planes * self.expansion, kernel_size=1, bias=False)
        self.bn3 = BatchNorm2d(planes * self.expansion)
        self.relu = ReLU(inplace=True)
        self.downsample = nn.Sequential(
            nn.AvgPool2d(stride, stride),
            Conv2d(inplanes, planes * self.expansion, kernel_size=1, bias=False),
            BatchNorm2d(planes * self.expansion),
        )

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.conv2(self.avd(out))
        out = self.bn3(self.conv3(out))
        return self.relu(out + self.downsample(x))


class ResNeSt(nn.Module):
    input_shape = (3, 32, 32)

    def __init__(self, planes=(16, 32), radix=2, cardinality=2, num_classes=10):
        super().__init__()
        self.conv1 = Conv2d(3, 16, 3, stride=2, padding=1, bias=False)
        self.bn1 = BatchNorm2d(16)
        self.layer1 = Bottleneck(16, planes[0], 1, radix, cardinality)
        self.layer2 = Bottleneck(4 * planes[0], planes[1], 2, radix, cardinality)
        self.fc = nn.Linear(4 * planes[1], num_classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer2(self.layer1(x))
        return self.fc(x.mean((2, 3)))
