"""ResNeXt in one dimension, for signals such as an electrocardiogram of twelve leads.

S. Xie, R. Girshick, P. Dollár, Z. Tu, K. He, "Aggregated Residual Transformations for Deep Neural
Networks", CVPR 2017.
S. Hong, Y. Xu, A. Khare, S. Priambada, K. Maher, A. Aljiffry, J. Sun, A. Tumanov, "HOLMES: Health
OnLine Model Ensemble Serving for Deep Learning Models in Intensive Care Units", KDD 2020. Its
models of the electrocardiogram are such networks, of many widths and depths.
"""

import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    """Convolution, norm, relu in this order; other networks for signals have the norm first."""

    def __init__(self, in_channels, out_channels, stride, cardinality, dropout=0.2):
        super().__init__()
        width = out_channels // 2
        self.conv1 = nn.Conv1d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm1d(width)
        # over time; a group sees only its own channels
        self.conv2 = nn.Conv1d(width, width, 3, stride, 1, 1, cardinality, bias=False)
        self.bn2 = nn.BatchNorm1d(width)
        self.dropout = nn.Dropout(dropout)
        self.conv3 = nn.Conv1d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm1d(out_channels)

        self.shortcut = None
        if stride > 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv1d(in_channels, out_channels, 1, stride, bias=False),
                nn.BatchNorm1d(out_channels),
            )

    def forward(self, x):
        out = self.conv1(x)
        out = self.bn1(out)
        out = F.relu(out)

        out = self.conv2(out)
        out = self.bn2(out)
        out = F.relu(out)
        out = self.dropout(out)

        out = self.conv3(out)
        out = self.bn3(out)

        if self.shortcut is not None:
            x = self.shortcut(x)
        return F.relu(out + x)


class ResNeXt1d(nn.Module):
    def __init__(self, leads=12, base=32, cardinality=8, n_stages=3, n_blocks=2, n_classes=5):
        super().__init__()
        self.input_shape = (leads, 256)
        self.conv = nn.Conv1d(leads, base, 15, stride=2, padding=7, bias=False)
        self.bn = nn.BatchNorm1d(base)

        self.blocks = nn.ModuleList()
        channels = base
        for stage in range(n_stages):
            for i in range(n_blocks):
                stride = 2 if i == 0 else 1
                width = base * 2 ** (stage + 1)
                self.blocks.append(Block(channels, width, stride, cardinality))
                channels = width

        self.dense = nn.Linear(channels, n_classes)

    def forward(self, x):
        x = F.relu(self.bn(self.conv(x)))
        for block in self.blocks:
            x = block(x)
        x = x.mean(-1)  # over time, so that records of any length will do
        return self.dense(x)
