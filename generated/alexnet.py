"""AlexNet with its two towers: the second, fourth and fifth convolutions have two groups.

A. Krizhevsky, I. Sutskever, G. E. Hinton, "ImageNet Classification with Deep Convolutional Neural
Networks", NeurIPS 2012. The towers were the halves of the network on two graphics cards.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

TOWERS = 2


def load_parts(owner, name, parts, state_dict, prefix, *others):
    """Hand what a checkpoint holds for a module on to the parts that it was split into.

    What is missing or has another shape is reported by its name in the checkpoint.
    """
    metadata, strict, missing_keys, unexpected_keys, error_msgs = others
    modules = dict(owner.named_modules())
    held = {
        f"{prefix}{part}.": modules[part].state_dict(keep_vars=True)
        for part in parts
        if part in modules
    }
    whole = f"{prefix}{name}." if name else prefix
    for key, value in next(iter(held.values()), {}).items():
        if any(path + key in state_dict for path in held):
            continue  # a checkpoint of the parts themselves
        full = whole + key
        shape = [len(held) * size for size in value.shape[:1]] + list(value.shape[1:])
        shares = [each[key] for each in held.values()]
        given = state_dict.pop(full, None)
        if full in unexpected_keys:
            unexpected_keys.remove(full)
        if given is None:
            # As in torch, an old checkpoint may lack the number of batches.
            is_old = metadata.get("version", 0) < owner._version
            if strict and not (is_old and key == "num_batches_tracked"):
                missing_keys.append(full)
        elif list(given.shape) != shape:
            error_msgs.append(
                f"size mismatch for {full}: copying a param with shape {given.shape} "
                f"from checkpoint, the shape in current model is torch.Size({shape})."
            )
        else:
            shares = given.chunk(len(held)) if shape else [given.clone() for _ in held]
        state_dict.update((path + key, share) for path, share in zip(held, shares))


class AlexNet(nn.Module):
    input_shape = (3, 227, 227)

    def __init__(self, num_classes=1000, hidden=4096, dropout=0.5):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, kernel_size=11, stride=4)
        self.conv2_0 = nn.Conv2d(48, 128, kernel_size=5, padding=2)
        self.conv2_1 = nn.Conv2d(48, 128, kernel_size=5, padding=2)
        # The towers see each other here, and nowhere else before the classifier.
        self.conv3 = nn.Conv2d(256, 384, kernel_size=3, padding=1)
        self.conv4_0 = nn.Conv2d(192, 192, kernel_size=3, padding=1)
        self.conv4_1 = nn.Conv2d(192, 192, kernel_size=3, padding=1)
        self.conv5_0 = nn.Conv2d(192, 128, kernel_size=3, padding=1)
        self.conv5_1 = nn.Conv2d(192, 128, kernel_size=3, padding=1)
        self.norm = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0)
        self.pool = nn.MaxPool2d(kernel_size=3, stride=2)
        self.dropout = nn.Dropout(dropout)
        self.fc6 = nn.Linear(256 * 6 * 6, hidden)
        self.fc7 = nn.Linear(hidden, hidden)
        self.fc8 = nn.Linear(hidden, num_classes)

    def _load_from_state_dict(self, state_dict, prefix, *args):
        super()._load_from_state_dict(state_dict, prefix, *args)
        parts = {
            "conv2": ["conv2_0", "conv2_1"],
            "conv4": ["conv4_0", "conv4_1"],
            "conv5": ["conv5_0", "conv5_1"],
        }
        for name, paths in parts.items():
            load_parts(self, name, paths, state_dict, prefix, *args)

    def forward(self, x):
        x = self.pool(self.norm(F.relu(self.conv1(x))))
        conv2_0 = self.conv2_0(x[:, 0:48])
        conv2_1 = self.conv2_1(x[:, 48:96])
        conv2 = torch.cat((conv2_0, conv2_1), dim=1)
        x = self.pool(self.norm(F.relu(conv2)))  # 27 x 27 to 13 x 13
        x = F.relu(self.conv3(x))
        conv4_0 = self.conv4_0(x[:, 0:192])
        conv4_1 = self.conv4_1(x[:, 192:384])
        x = F.relu(torch.cat((conv4_0, conv4_1), dim=1))
        conv5_0 = self.conv5_0(x[:, 0:192])
        conv5_1 = self.conv5_1(x[:, 192:384])
        x = self.pool(F.relu(torch.cat((conv5_0, conv5_1), dim=1)))
        x = torch.flatten(x, 1)
        x = self.dropout(F.relu(self.fc6(x)))
        x = self.dropout(F.relu(self.fc7(x)))
        return self.fc8(x)
