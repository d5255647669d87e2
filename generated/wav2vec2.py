"""The front of wav2vec 2.0: a convolutional feature encoder and convolutional positions.

A. Baevski, Y. Zhou, A. Mohamed, M. Auli, "wav2vec 2.0: A Framework for Self-Supervised Learning of
Speech Representations", NeurIPS 2020. A feed-forward layer stands for the transformer.
"""

import torch.nn as nn
import torch.nn.functional as F


class SamePad(nn.Module):
    """Drops the step that an even kernel with padding k // 2 gives too much."""

    def __init__(self, kernel_size):
        super().__init__()
        self.remove = 1 if kernel_size % 2 == 0 else 0

    def forward(self, x):
        return x[:, :, : -self.remove] if self.remove > 0 else x


class ConvFeatureExtractionModel(nn.Module):
    def __init__(self, conv_layers, dropout=0.0):
        super().__init__()
        self.conv_layers = nn.ModuleList()
        in_d = 1
        for i, (dim, k, stride) in enumerate(conv_layers):
            block = [nn.Conv1d(in_d, dim, k, stride=stride, bias=False), nn.Dropout(p=dropout)]
            if i == 0:
                block.append(nn.GroupNorm(dim, dim))  # the only norm, over all of the recording
            self.conv_layers.append(nn.Sequential(*block, nn.GELU()))
            in_d = dim

    def forward(self, x):
        x = x.unsqueeze(1)  # (batch, samples) to (batch, 1, samples)
        for conv in self.conv_layers:
            x = conv(x)
        return x


class ConvolutionalPositionEmbedding(nn.Module):
    def __init__(self, dim, kernel_size, groups):
        super().__init__()
        self.conv = nn.Conv1d(
            dim, dim, kernel_size=kernel_size, padding=kernel_size // 2, groups=groups
        )
        # One magnitude for each step of the kernel, over all channels and so over all groups.
        self.conv = nn.utils.weight_norm(self.conv, name="weight", dim=2)
        self.padding = SamePad(kernel_size)

    def forward(self, x):
        x = x.transpose(1, 2)  # (batch, steps, dim) to (batch, dim, steps)
        x = F.gelu(self.padding(self.conv(x)))
        return x.transpose(1, 2)


class Wav2Vec2Encoder(nn.Module):
    input_shape = (2000,)

    def __init__(
        self,
        conv_layers=((16, 10, 5), (16, 3, 2), (16, 3, 2), (16, 2, 2)),
        dim=32,
        conv_pos=16,
        conv_pos_groups=4,
        vocab_size=32,
        dropout=0.1,
    ):
        super().__init__()
        self.feature_extractor = ConvFeatureExtractionModel(conv_layers)
        embed = conv_layers[-1][0]
        self.layer_norm = nn.LayerNorm(embed)
        self.post_extract_proj = nn.Linear(embed, dim)
        self.pos_conv = ConvolutionalPositionEmbedding(dim, conv_pos, conv_pos_groups)
        self.norm = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)
        self.ffn = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))
        self.lm_head = nn.Linear(dim, vocab_size)

    def forward(self, source):
        features = self.feature_extractor(source).transpose(1, 2)
        x = self.post_extract_proj(self.layer_norm(features))
        x = x + self.pos_conv(x)
        x = self.dropout(self.norm(x))
        x = x + self.ffn(x)
        return self.lm_head(x)
