"""Dual path network: one path adds as in ResNeXt, the other concatenates as in DenseNet.

Y. Chen, J. Li, H. Xiao, X. Jin, S. Yan, J. Feng, "Dual Path Networks", NeurIPS 2017.
"""

from collections import OrderedDict

import torch
import torch.nn as nn
import torch.nn.functional as F


class CatBnAct(nn.Module):
    """Joins the two paths if they are still apart."""

    def __init__(self, in_chs):
        super().__init__()
        self.bn = nn.BatchNorm2d(in_chs, eps=0.001)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x):
        if isinstance(x, tuple):
            x = torch.cat(x, dim=1)
        return self.act(self.bn(x))


class BnActConv2d(nn.Module):
    """The norm and the activation come before the convolution, as in a pre-activation ResNet."""

    def __init__(self, in_chs, out_chs, kernel_size, stride=1, padding=0, groups=1):
        super().__init__()
        self.bn = nn.BatchNorm2d(in_chs, eps=0.001)
        self.act = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(
            in_chs, out_chs, kernel_size, stride, padding, groups=groups, bias=False
        )

    def forward(self, x):
        return self.conv(self.act(self.bn(x)))


class DualPathBlock(nn.Module):
    """num_1x1_c channels are added to the residual path, and inc to the dense path."""

    def __init__(self, in_chs, num_1x1_a, num_3x3_b, num_1x1_c, inc, groups, block_type="normal"):
        super().__init__()
        self.num_1x1_c = num_1x1_c
        self.proj = None
        stride = 2 if block_type == "down" else 1
        if block_type != "normal":
            # The dense path starts with twice its increment.
            self.proj = BnActConv2d(in_chs, num_1x1_c + 2 * inc, 1, stride)
        self.cat = CatBnAct(in_chs)
        self.c1x1_a = nn.Conv2d(in_chs, num_1x1_a, 1, bias=False)
        self.c3x3_b = BnActConv2d(num_1x1_a, num_3x3_b, 3, stride, 1, groups)
        self.c1x1_c = BnActConv2d(num_3x3_b, num_1x1_c + inc, 1)

    def forward(self, x):
        if self.proj is None:
            shortcut_res, shortcut_dense = x
        else:
            shortcut = self.proj(torch.cat(x, dim=1) if isinstance(x, tuple) else x)
            shortcut_res = shortcut[:, : self.num_1x1_c]
            shortcut_dense = shortcut[:, self.num_1x1_c :]

        out = self.c1x1_c(self.c3x3_b(self.c1x1_a(self.cat(x))))
        res = shortcut_res + out[:, : self.num_1x1_c]
        dense = torch.cat([shortcut_dense, out[:, self.num_1x1_c :]], dim=1)
        return res, dense


class DPN(nn.Module):
    input_shape = (3, 64, 64)

    def __init__(self, k_sec=(2, 2, 1), inc_sec=(8, 16, 12), k_r=32, groups=8, num_classes=10):
        super().__init__()
        in_chs = 16
        blocks = OrderedDict()
        blocks["conv1_1"] = nn.Conv2d(3, in_chs, 7, stride=2, padding=3, bias=False)
        blocks["conv1_bn"] = nn.BatchNorm2d(in_chs, eps=0.001)
        blocks["conv1_act"] = nn.ReLU(inplace=True)
        blocks["conv1_pool"] = nn.MaxPool2d(3, stride=2, padding=1)

        # conv2 keeps the resolution, conv3 and conv4 halve it
        for sec, (k, inc) in enumerate(zip(k_sec, inc_sec, strict=True)):
            r = k_r * 2**sec
            bw = 64 * 2**sec
            block_type = "proj" if sec == 0 else "down"
            for i in range(k):
                name = f"conv{sec + 2}_{i + 1}"
                blocks[name] = DualPathBlock(in_chs, r, r, bw, inc, groups, block_type)
                in_chs = bw + (3 + i) * inc
                block_type = "normal"

        blocks["conv5_bn_ac"] = CatBnAct(in_chs)
        self.features = nn.Sequential(blocks)
        self.classifier = nn.Conv2d(in_chs, num_classes, kernel_size=1)

    def forward(self, x):
        x = self.features(x)
        x = F.adaptive_avg_pool2d(x, 1)
        return self.classifier(x).flatten(1)
