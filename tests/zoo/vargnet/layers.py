"""The layers that VarGNet is made of."""

from torch import nn


def var_group_conv(inputs, outputs, kernel_size=3, stride=1, group_base=8, relu=True):
    """A convolution with ``group_base`` input channels in each group, however many there are."""
    layers = [
        nn.Conv2d(
            inputs,
            outputs,
            kernel_size,
            stride=stride,
            padding=kernel_size // 2,
            groups=inputs // group_base,
            bias=False,
        ),
        nn.BatchNorm2d(outputs),
    ]
    if relu:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def pointwise_conv(inputs, outputs, relu=True):
    layers = [nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
    if relu:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)
