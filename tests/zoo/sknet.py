"""SKNet: units that choose between kernels of two sizes, each with 32 groups in the paper.

X. Li, W. Wang, X. Hu, J. Yang, "Selective Kernel Networks", CVPR 2019.
"""

import torch
from torch import nn


class SKConv(nn.Module):
    def __init__(self, features, G=8, r=4, stride=1):
        super().__init__()
        d = max(features // r, 8)
        self.branches = nn.ModuleDict(
            {
                "3x3": nn.Conv2d(features, features, 3, stride, padding=1, groups=G, bias=False),
                # a dilated 3x3 kernel instead of a 5x5 one
                "5x5": nn.Conv2d(
                    features, features, 3, stride, padding=2, dilation=2, groups=G, bias=False
                ),
            }
        )
        self.norms = nn.ModuleDict({name: nn.BatchNorm2d(features) for name in self.branches})
        self.relu = nn.ReLU(inplace=True)
        self.gap = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(
            nn.Conv2d(features, d, 1, bias=False), nn.BatchNorm2d(d), nn.ReLU(inplace=True)
        )
        self.fcs = nn.ModuleDict({name: nn.Conv2d(d, features, 1) for name in self.branches})

    def forward(self, x):
        feats = {name: self.relu(self.norms[name](conv(x))) for name, conv in self.branches.items()}
        z = self.fc(self.gap(sum(feats.values())))
        attention = torch.stack([self.fcs[name](z) for name in feats]).softmax(dim=0)
        return sum(feat * weight for feat, weight in zip(feats.values(), attention))


class SKUnit(nn.Module):
    def __init__(self, in_features, mid_features, out_features, stride=1):
        super().__init__()
        self.conv1 = nn.Sequential(
            nn.Conv2d(in_features, mid_features, 1, bias=False),
            nn.BatchNorm2d(mid_features),
            nn.ReLU(inplace=True),
        )
        self.conv2_sk = SKConv(mid_features, stride=stride)
        self.conv3 = nn.Sequential(
            nn.Conv2d(mid_features, out_features, 1, bias=False), nn.BatchNorm2d(out_features)
        )
        self.shortcut = nn.Sequential()
        if stride != 1 or in_features != out_features:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_features, out_features, 1, stride, bias=False),
                nn.BatchNorm2d(out_features),
            )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        residual = self.shortcut(x)
        x = self.conv3(self.conv2_sk(self.conv1(x)))
        return self.relu(x + residual)


class SKNet(nn.Module):
    input_shape = (3, 32, 32)

    def __init__(self, num_classes=10):
        super().__init__()
        self.basic_conv = nn.Conv2d(3, 16, 3, stride=2, padding=1)
        self.stage_1 = SKUnit(16, 16, 32)
        self.stage_2 = SKUnit(32, 32, 64, stride=2)
        self.gap = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(64, num_classes)

    def forward(self, x):
        x = self.stage_2(self.stage_1(self.basic_conv(x)))
        return self.classifier(self.gap(x).flatten(1))
