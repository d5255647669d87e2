"""EEGNet: temporal filters, spatial filters for each of them, and a separable convolution.

V. J. Lawhern, A. J. Solon, N. R. Waytowich, S. M. Gordon, C. P. Hung, B. J. Lance, "EEGNet: A
Compact Convolutional Neural Network for EEG-based Brain-Computer Interfaces", Journal of Neural
Engineering 2018. The bound on the norm of the spatial filters is left out.
"""

import torch
import torch.nn as nn


class EEGNet(nn.Module):
    """EEGNet-F1,D: F1 temporal filters, and D spatial ones for each.

    kernel_length is half the sampling rate, so that a temporal filter sees 2 Hz and more.
    """

    def __init__(
        self,
        n_classes=4,
        channels=22,
        samples=128,
        kernel_length=64,
        F1=8,
        D=2,
        F2=16,
        dropout_rate=0.5,
    ):
        super().__init__()
        self.input_shape = (1, channels, samples)

        # Block 1. Each temporal filter is a band of frequencies ...
        self.pad = nn.ZeroPad2d(((kernel_length - 1) // 2, kernel_length // 2, 0, 0))
        self.temporal = nn.Conv2d(1, F1, (1, kernel_length), bias=False)
        self.bn1 = nn.BatchNorm2d(F1)
        # ... with D combinations of the electrodes of its own.
        self.spatial = nn.Conv2d(F1, F1 * D, (channels, 1), groups=F1, bias=False)
        self.bn2 = nn.BatchNorm2d(F1 * D)
        self.elu = nn.ELU()
        self.pool1 = nn.AvgPool2d((1, 4))
        self.dropout1 = nn.Dropout(dropout_rate)

        # Block 2: sum up each feature map in time, then mix them.
        self.separable = nn.Sequential(
            nn.Conv2d(F1 * D, F1 * D, (1, 16), padding="same", groups=F1 * D, bias=False),
            nn.Conv2d(F1 * D, F2, 1, bias=False),
        )
        self.bn3 = nn.BatchNorm2d(F2)
        self.pool2 = nn.AvgPool2d((1, 8))
        self.dropout2 = nn.Dropout(dropout_rate)

        self.classifier = nn.Linear(F2 * (samples // 32), n_classes)

    def forward(self, x):
        x = self.bn1(self.temporal(self.pad(x)))
        x = self.elu(self.bn2(self.spatial(x)))  # one row is left of all electrodes
        x = self.dropout1(self.pool1(x))
        x = self.elu(self.bn3(self.separable(x)))
        x = self.dropout2(self.pool2(x))
        return self.classifier(torch.flatten(x, 1))
