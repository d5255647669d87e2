"""The two blocks of VarGNet: one keeps the resolution, the other halves it."""

from torch import nn

from .layers import conv_bn, pointwise, var_group_conv


class VarGBlock(nn.Module):
    def __init__(self, channels, factor=2, group_base=8):
        super().__init__()
        self.vargconv1 = conv_bn(var_group_conv, channels, factor * channels, group_base=group_base)
        self.pointconv1 = conv_bn(pointwise, factor * channels, channels)
        self.vargconv2 = conv_bn(var_group_conv, channels, factor * channels, group_base=group_base)
        self.pointconv2 = conv_bn(pointwise, factor * channels, channels, relu=False)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        y = self.pointconv1(self.vargconv1(x))
        y = self.pointconv2(self.vargconv2(y))
        return self.relu(x + y)


class DownSampling(nn.Module):
    """Two ways down, merged by their sum, and a third that keeps the features of before."""

    def __init__(self, inputs, outputs, group_base=8):
        super().__init__()
        kwargs = {"stride": 2, "group_base": group_base}
        self.left = conv_bn(var_group_conv, inputs, outputs, **kwargs)
        self.right = conv_bn(var_group_conv, inputs, outputs, **kwargs)
        self.merge = conv_bn(var_group_conv, outputs, outputs, group_base=group_base)
        self.shortcut = conv_bn(var_group_conv, inputs, outputs, relu=False, **kwargs)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        y = self.merge(self.left(x) + self.right(x))
        return self.relu(y + self.shortcut(x))
