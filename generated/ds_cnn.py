"""DS-CNN: keywords in one second of speech, with depthwise separable convolutions.

Y. Zhang, N. Suda, L. Lai, V. Chandra, "Hello Edge: Keyword Spotting on Microcontrollers", arXiv
2017. All of its groups are depthwise, and stay as they are.
"""

import torch
from torch.nn import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Linear,
    Module,
    ReLU,
    Sequential,
)


class DepthwiseSeparable(Sequential):
    def __init__(self, channels):
        super().__init__(
            # One 3x3 filter for each channel ...
            Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
            BatchNorm2d(channels),
            ReLU(),
            # ... and a 1x1 that mixes them.
            Conv2d(channels, channels, 1, bias=False),
            BatchNorm2d(channels),
            ReLU(),
        )


class DSCNN(Module):
    """DS-CNN-S: 49 frames of 10 cepstral coefficients in, a score for each of 12 words out."""

    input_shape = (1, 49, 10)

    def __init__(self, num_classes=12, channels=64, num_blocks=4, dropout=0.2):
        super().__init__()
        self.conv1 = Sequential(
            Conv2d(1, channels, (10, 4), stride=2, padding=(5, 1), bias=False),
            BatchNorm2d(channels),
            ReLU(),
        )
        self.blocks = Sequential(*(DepthwiseSeparable(channels) for _ in range(num_blocks)))
        self.dropout = Dropout(dropout)
        self.pool = AdaptiveAvgPool2d(1)
        self.fc = Linear(channels, num_classes)

    def forward(self, x):
        x = self.blocks(self.conv1(x))
        x = self.pool(self.dropout(x))
        return self.fc(torch.flatten(x, 1))
