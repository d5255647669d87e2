"""A U-Net whose convolutions, up to the transposed ones that upsample, have groups.

O. Ronneberger, P. Fischer, T. Brox, "U-Net: Convolutional Networks for Biomedical Image
Segmentation", MICCAI 2015. The groups are a change for small devices.
"""

import torch
from torch import Tensor, nn


def double_conv(in_channels: int, out_channels: int, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1, groups=groups, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
        nn.Conv2d(out_channels, out_channels, 3, padding=1, groups=groups, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


class Up(nn.Module):
    """Twice the resolution at half the channels, then what the skip brings."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        # No overlap: each pixel becomes a square of four.
        self.up = nn.ConvTranspose2d(channels, channels // 2, 2, stride=2, groups=groups)
        self.conv = double_conv(channels, channels // 2, groups)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = self.up(x)
        return self.conv(torch.cat([skip, x], dim=1))


class UNet(nn.Module):
    def __init__(
        self, in_channels: int = 3, num_classes: int = 2, width: int = 16, groups: int = 4
    ) -> None:
        super().__init__()
        self.input_shape = (in_channels, 32, 32)
        # An image has too few channels for groups.
        self.inc = double_conv(in_channels, width)
        self.down1 = double_conv(width, width * 2, groups)
        self.down2 = double_conv(width * 2, width * 4, groups)
        self.pool = nn.MaxPool2d(2)
        self.up2 = Up(width * 4, groups)
        self.up1 = Up(width * 2, groups)
        self.outc = nn.Conv2d(width, num_classes, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        x1 = self.inc(x)
        x2 = self.down1(self.pool(x1))
        x3 = self.down2(self.pool(x2))
        x = self.up2(x3, x2)
        x = self.up1(x, x1)
        return self.outc(x)
