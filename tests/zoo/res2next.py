"""Res2NeXt: within a block, each part of the channels also sees what the part before it became.

S.-H. Gao, M.-M. Cheng, K. Zhao, X.-Y. Zhang, M.-H. Yang, P. Torr, "Res2Net: A New Multi-scale
Backbone Architecture", TPAMI 2019.
"""

import math

import torch
from torch import nn
from torch.nn import AdaptiveAvgPool2d, BatchNorm2d, Conv2d, Linear, ModuleList, ReLU, Sequential


class Bottle2neckX(nn.Module):
    expansion = 4

    def __init__(
        self,
        inplanes,
        planes,
        base_width,
        cardinality,
        stride=1,
        downsample=None,
        scale=4,
        stype="normal",
    ):
        super().__init__()
        width = math.floor(planes * base_width / 16) * cardinality
        self.conv1 = Conv2d(inplanes, width * scale, kernel_size=1, bias=False)
        self.bn1 = BatchNorm2d(width * scale)

        # One part of the channels goes through as it is, so there is one convolution less.
        nums = scale - 1
        self.convs = ModuleList(
            [
                Conv2d(width, width, 3, stride, padding=1, groups=cardinality, bias=False)
                for _ in range(nums)
            ]
        )
        self.bns = ModuleList([BatchNorm2d(width) for _ in range(nums)])
        # In the first block of a stage the parts do not see each other.
        self.pool = nn.AvgPool2d(3, stride, padding=1) if stype == "stage" else None

        self.conv3 = Conv2d(width * scale, planes * self.expansion, kernel_size=1, bias=False)
        self.bn3 = BatchNorm2d(planes * self.expansion)
        self.relu = ReLU(inplace=True)
        self.downsample = downsample
        self.width = width
        self.stype = stype

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))

        spx = torch.split(out, self.width, 1)
        outs = []
        for i, (conv, bn) in enumerate(zip(self.convs, self.bns, strict=True)):
            sp = spx[i] if i == 0 or self.stype == "stage" else outs[-1] + spx[i]
            outs.append(self.relu(bn(conv(sp))))
        outs.append(spx[-1] if self.pool is None else self.pool(spx[-1]))

        out = self.bn3(self.conv3(torch.cat(outs, 1)))
        residual = x if self.downsample is None else self.downsample(x)
        return self.relu(out + residual)


class Res2NeXt(nn.Module):
    input_shape = (3, 64, 64)

    def __init__(self, layers=(2, 2), base_width=4, cardinality=4, scale=4, num_classes=10):
        super().__init__()
        self.inplanes = 16
        self.block_args = {"base_width": base_width, "cardinality": cardinality, "scale": scale}
        self.stem = Sequential(
            Conv2d(3, self.inplanes, kernel_size=7, stride=2, padding=3, bias=False),
            BatchNorm2d(self.inplanes),
            ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
        )
        self.layer1 = self._make_layer(16, layers[0])
        self.layer2 = self._make_layer(32, layers[1], stride=2)
        self.avgpool = AdaptiveAvgPool2d(1)
        self.fc = Linear(self.inplanes, num_classes)

    def _make_layer(self, planes, blocks, stride=1):
        outplanes = planes * Bottle2neckX.expansion
        downsample = Sequential(
            Conv2d(self.inplanes, outplanes, kernel_size=1, stride=stride, bias=False),
            BatchNorm2d(outplanes),
        )
        layers = [
            Bottle2neckX(
                self.inplanes,
                planes,
                stride=stride,
                downsample=downsample,
                stype="stage",
                **self.block_args,
            )
        ]
        self.inplanes = outplanes
        layers += [Bottle2neckX(outplanes, planes, **self.block_args) for _ in range(1, blocks)]
        return Sequential(*layers)

    def forward(self, x):
        x = self.layer2(self.layer1(self.stem(x)))
        return self.fc(self.avgpool(x).flatten(1))
