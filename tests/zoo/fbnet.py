"""FBNet, small: inverted residuals found by a search, some with grouped 1 x 1 convolutions.

B. Wu, X. Dai, P. Zhang, Y. Wang, F. Sun, Y. Wu, Y. Tian, P. Vajda, Y. Jia, K. Keutzer, "FBNet:
Hardware-Aware Efficient ConvNet Design via Differentiable Neural Architecture Search", CVPR 2019.
"""

from functools import partial

from torch import Tensor, nn


class ConvNormActivation(nn.Sequential):
    """A convolution, and what nearly always follows it."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        groups: int = 1,
        norm_layer=nn.BatchNorm2d,
        activation_layer=nn.ReLU,
        conv_layer=nn.Conv2d,
    ):
        padding = (kernel_size - 1) // 2
        layers = [
            conv_layer(
                in_channels,
                out_channels,
                kernel_size,
                stride,
                padding,
                groups=groups,
                bias=norm_layer is None,  # the norm has one of its own
            )
        ]
        if norm_layer is not None:
            layers.append(norm_layer(out_channels))
        if activation_layer is not None:
            layers.append(activation_layer(inplace=True))
        super().__init__(*layers)
        self.out_channels = out_channels


class InvertedResidual(nn.Module):
    """The block that the search calls e.g. k3_e1_g2, after its kernel, expansion and groups."""

    def __init__(self, inp: int, oup: int, kernel: int, expand: int, groups: int, stride: int):
        super().__init__()
        self.use_res_connect = stride == 1 and inp == oup
        norm_layer = partial(nn.BatchNorm2d, momentum=0.03)
        hidden = inp * expand
        layers = [ConvNormActivation(inp, hidden, 1, groups=groups, norm_layer=norm_layer)]
        if groups > 1:
            # as in ShuffleNet, so that the groups exchange channels
            layers.append(nn.ChannelShuffle(groups))
        layers += [
            # depthwise
            ConvNormActivation(hidden, hidden, kernel, stride, hidden, norm_layer),
            # linear: the bottleneck has no activation
            ConvNormActivation(hidden, oup, 1, 1, groups, norm_layer, activation_layer=None),
        ]
        self.conv = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        if self.use_res_connect:
            return x + self.conv(x)
        return self.conv(x)


class FBNet(nn.Module):
    input_shape = (3, 64, 64)

    def __init__(self, num_classes: int = 10, dropout: float = 0.2):
        super().__init__()
        settings = [
            # output channels, kernel, expansion, groups, stride
            (16, 3, 1, 1, 1),
            (24, 3, 6, 1, 2),
            (24, 3, 1, 2, 1),
            (32, 5, 6, 1, 2),
            (32, 3, 1, 2, 1),
            (64, 5, 3, 2, 2),
        ]
        features = [ConvNormActivation(3, 16, stride=2)]
        channels = 16
        for oup, kernel, expand, groups, stride in settings:
            features.append(InvertedResidual(channels, oup, kernel, expand, groups, stride))
            channels = oup
        features.append(ConvNormActivation(channels, 256, kernel_size=1))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(256, num_classes))

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        x = nn.functional.adaptive_avg_pool2d(x, 1).flatten(1)
        return self.classifier(x)
