"""The two blocks of VarGNet: one keeps the resolution, the other halves it."""

from torch import nn

from .layers import pointwise_conv, var_group_conv


class VarGBlock(nn.Module):
    def __init__(self, channels, factor=2, group_base=8):
        super().__init__()
        width = factor * channels
        self.vargconv1 = var_group_conv(channels, width, group_base=group_base)
        self.pointconv1 = pointwise_conv(width, channels)
        self.vargconv2 = var_group_conv(channels, width, group_base=group_base)
        self.pointconv2 = pointwise_conv(width, channels, relu=False)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        y = self.pointconv1(self.vargconv1(x))
        y = self.pointconv2(self.vargconv2(y))
        return self.relu(x + y)


class DownSampling(nn.Module):
    """Two ways down, merged by their sum, and a third that keeps the features of before."""

    def __init__(self, inputs, outputs, group_base=8):
        super().__init__()
        self.left = var_group_conv(inputs, outputs, stride=2, group_base=group_base)
        self.right = var_group_conv(inputs, outputs, stride=2, group_base=group_base)
        self.merge = var_group_conv(outputs, outputs, group_base=group_base)
        self.shortcut = var_group_conv(inputs, outputs, 1, 2, group_base, relu=False)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        y = self.merge(self.left(x) + self.right(x))
        return self.relu(y + self.shortcut(x))
