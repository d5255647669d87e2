"""A channel-separated network for video: its 3x3x3 convolutions are depthwise (ir-CSN).

D. Tran, H. Wang, L. Torresani, M. Feiszli, "Video Classification with Channel-Separated
Convolutional Networks", ICCV 2019.
"""

from torch import nn


class Conv3DDepthwise(nn.Conv3d):
    """A 3x3x3 filter for each channel: space and time, but no interaction of channels."""

    def __init__(self, planes, stride=1):
        super().__init__(
            planes,
            planes,
            kernel_size=(3, 3, 3),
            stride=stride,
            padding=1,
            groups=planes,
            bias=False,
        )

    @staticmethod
    def get_downsample_stride(stride):
        return (stride, stride, stride)


class Bottleneck(nn.Module):
    """Interaction-reduced: the 3x3x3 convolution is depthwise, with no 1x1x1 to make up for it."""

    expansion = 4

    def __init__(self, inplanes, planes, conv_builder, stride=1, downsample=None):
        super().__init__()
        self.conv1 = nn.Sequential(
            nn.Conv3d(inplanes, planes, kernel_size=1, bias=False),
            nn.BatchNorm3d(planes),
            nn.ReLU(inplace=True),
        )
        self.conv2 = nn.Sequential(
            conv_builder(planes, stride),
            nn.BatchNorm3d(planes),
            nn.ReLU(inplace=True),
        )
        # All interaction of channels is in the 1x1x1 convolutions, here and above.
        self.conv3 = nn.Sequential(
            nn.Conv3d(planes, planes * self.expansion, kernel_size=1, bias=False),
            nn.BatchNorm3d(planes * self.expansion),
        )
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x):
        residual = x if self.downsample is None else self.downsample(x)
        out = self.conv3(self.conv2(self.conv1(x)))
        return self.relu(out + residual)


class VideoResNet(nn.Module):
    def __init__(self, layers=(1, 2), width=8, num_classes=10, conv_builder=Conv3DDepthwise):
        super().__init__()
        self.input_shape = (3, 4, 16, 16)  # frames before height and width
        self.inplanes = width
        self.stem = nn.Sequential(
            nn.Conv3d(3, width, (3, 7, 7), stride=(1, 2, 2), padding=(1, 3, 3), bias=False),
            nn.BatchNorm3d(width),
            nn.ReLU(inplace=True),
        )
        self.layer1 = self._make_layer(conv_builder, width, layers[0], stride=1)
        self.layer2 = self._make_layer(conv_builder, 2 * width, layers[1], stride=2)
        self.avgpool = nn.AdaptiveAvgPool3d(1)
        self.fc = nn.Linear(2 * width * Bottleneck.expansion, num_classes)

    def _make_layer(self, conv_builder, planes, blocks, stride):
        downsample = None
        outplanes = planes * Bottleneck.expansion
        if stride != 1 or self.inplanes != outplanes:
            ds_stride = conv_builder.get_downsample_stride(stride)
            downsample = nn.Sequential(
                nn.Conv3d(self.inplanes, outplanes, kernel_size=1, stride=ds_stride, bias=False),
                nn.BatchNorm3d(outplanes),
            )
        layers = [Bottleneck(self.inplanes, planes, conv_builder, stride, downsample)]
        self.inplanes = outplanes
        for _ in range(1, blocks):
            layers.append(Bottleneck(self.inplanes, planes, conv_builder))
        return nn.Sequential(*layers)

    def forward(self, x):
        x = self.layer2(self.layer1(self.stem(x)))
        return self.fc(self.avgpool(x).flatten(1))
