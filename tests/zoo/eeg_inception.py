"""EEG-Inception: temporal filters of several lengths, each with its own spatial filters.

E. Santamaría-Vázquez, V. Martínez-Cagigal, F. Vaquerizo-Villar, R. Hornero, "EEG-Inception: A Novel
Deep Convolutional Neural Network for Assistive ERP-Based Brain-Computer Interfaces", IEEE
Transactions on Neural Systems and Rehabilitation Engineering 2020.
"""

import torch
from torch import nn


class EEGInception(nn.Module):
    def __init__(
        self,
        n_channels=8,
        n_samples=64,
        scales=(32, 16, 8),
        filters=4,
        depth_multiplier=2,
        n_classes=2,
    ):
        super().__init__()
        self.input_shape = (1, n_channels, n_samples)
        self.scales = scales
        spatial = filters * depth_multiplier
        for i, scale in enumerate(scales):
            # padding="same" warns of even kernels, which pads one more on the right.
            setattr(
                self, f"temporal{i}", nn.Conv2d(1, filters, (1, scale + 1), padding=(0, scale // 2))
            )
            setattr(self, f"bn_temporal{i}", nn.BatchNorm2d(filters))
            # Each temporal filter looks at the electrodes in depth_multiplier ways.
            setattr(
                self,
                f"spatial{i}",
                nn.Conv2d(filters, spatial, (n_channels, 1), groups=filters, bias=False),
            )
            setattr(self, f"bn_spatial{i}", nn.BatchNorm2d(spatial))
        self.activation = nn.ELU()
        self.pool = nn.AvgPool2d((1, 4))
        self.dropout = nn.Dropout(0.25)
        self.mixing = nn.Conv2d(spatial * len(scales), 12, (1, 8), padding="same", bias=False)
        self.bn_mixing = nn.BatchNorm2d(12)
        self.fc = nn.Linear(12 * (n_samples // 16), n_classes)

    def branch(self, i, x):
        x = getattr(self, f"bn_temporal{i}")(getattr(self, f"temporal{i}")(x))
        x = self.dropout(self.activation(x))
        x = getattr(self, f"bn_spatial{i}")(getattr(self, f"spatial{i}")(x))
        return self.dropout(self.activation(x))

    def forward(self, x):
        x = torch.cat([self.branch(i, x) for i in range(len(self.scales))], dim=1)
        x = self.pool(x)
        x = self.dropout(self.activation(self.bn_mixing(self.mixing(x))))
        return self.fc(torch.flatten(self.pool(x), 1))
