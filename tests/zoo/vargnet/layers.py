"""The convolutions that VarGNet is made of."""

from torch import nn


def var_group_conv(inputs, outputs, kernel_size=3, stride=1, group_base=8):
    """A convolution with ``group_base`` input channels in each group, however many there are."""
    return nn.Conv2d(
        inputs,
        outputs,
        kernel_size,
        stride=stride,
        padding=kernel_size // 2,
        groups=inputs // group_base,
        bias=False,
    )


def pointwise(inputs, outputs):
    return nn.Conv2d(inputs, outputs, 1, bias=False)


def conv_bn(conv, inputs, outputs, relu=True, **kwargs):
    layers = [conv(inputs, outputs, **kwargs), nn.BatchNorm2d(outputs)]
    if relu:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)
