"""A 3d network with a grouped and a depthwise convolution, neither of which PLiNIO takes in 3d."""

import torch
from torch import nn


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


class GroupedConv3d(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_shape = (4, 4, 8, 8)
        self.stem = nn.Conv3d(4, 16, 3, padding=1)
        # Half of the channels see half of the channels ...
        self.spatial_0 = nn.Conv3d(8, 4, (1, 3, 3), padding=(0, 1, 1))
        self.spatial_1 = nn.Conv3d(8, 4, (1, 3, 3), padding=(0, 1, 1))
        # ... and then each of them is filtered in time alone.
        self.temporal = nn.ModuleList(
            nn.Conv3d(1, 1, (3, 1, 1), padding=(1, 0, 0), bias=False) for _ in range(8)
        )
        self.head = nn.Conv3d(8, 4, 1)

    def _load_from_state_dict(self, state_dict, prefix, *args):
        super()._load_from_state_dict(state_dict, prefix, *args)
        parts = {
            "spatial": ["spatial_0", "spatial_1"],
            "temporal": [f"temporal.{i}" for i in range(8)],
        }
        for name, paths in parts.items():
            load_parts(self, name, paths, state_dict, prefix, *args)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        spatial_0 = self.spatial_0(x[:, 0:8])
        spatial_1 = self.spatial_1(x[:, 8:16])
        x = torch.relu(torch.cat((spatial_0, spatial_1), dim=1))
        temporal = [conv(x[:, i : i + 1]) for i, conv in enumerate(self.temporal)]
        x = torch.relu(torch.cat(temporal, dim=1))  # depthwise
        return self.head(x)
