"""The multi-scale discriminator of HiFi-GAN, which listens to raw audio at three sampling rates.

J. Kong, J. Kim, J. Bae, "HiFi-GAN: Generative Adversarial Networks for Efficient and High Fidelity
Speech Synthesis", NeurIPS 2020. All widths are a sixteenth of the paper's. For the audio at its
full rate the norm is the spectral one, under which convolutions keep their groups; those of the
other two discriminators are under weight norm, and split.
"""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn import AvgPool1d, Conv1d
from torch.nn.utils import spectral_norm, weight_norm

LRELU_SLOPE = 0.1


class DiscriminatorS(nn.Module):
    """Long kernels that see much of the past, and groups so that they are not too large."""

    def __init__(self, use_spectral_norm=False):
        super().__init__()
        norm_f = weight_norm if not use_spectral_norm else spectral_norm
        self.convs = nn.ModuleList(
            [
                norm_f(Conv1d(1, 8, 15, 1, padding=7)),
                norm_f(Conv1d(8, 8, 41, 2, groups=4, padding=20)),
                norm_f(Conv1d(8, 16, 41, 2, groups=8, padding=20)),
                # Sixteen groups from here on: the paper has them from the third convolution.
                norm_f(Conv1d(16, 32, 41, 4, groups=16, padding=20)),
                norm_f(Conv1d(32, 64, 41, 4, groups=16, padding=20)),
                norm_f(Conv1d(64, 64, 41, 1, groups=16, padding=20)),
                norm_f(Conv1d(64, 64, 5, 1, padding=2)),
            ]
        )
        self.conv_post = norm_f(Conv1d(64, 1, 3, 1, padding=1))

    def forward(self, x):
        fmap = []
        for conv in self.convs:
            x = F.leaky_relu(conv(x), LRELU_SLOPE)
            fmap.append(x)
        x = self.conv_post(x)
        fmap.append(x)
        return torch.flatten(x, 1), fmap


class MultiScaleDiscriminator(nn.Module):
    input_shape = (1, 2048)

    def __init__(self):
        super().__init__()
        # The audio as it is, then at half and at a quarter of its rate.
        self.discriminators = nn.ModuleList(
            [
                DiscriminatorS(use_spectral_norm=True),
                DiscriminatorS(),
                DiscriminatorS(),
            ]
        )
        self.meanpools = nn.ModuleList([AvgPool1d(4, 2, padding=2), AvgPool1d(4, 2, padding=2)])

    def forward(self, y):
        scores, fmaps = [], []
        for i, d in enumerate(self.discriminators):
            if i != 0:
                y = self.meanpools[i - 1](y)
            score, fmap = d(y)
            scores.append(score)
            fmaps.append(fmap)
        return scores, fmaps
