"""A 1d network with a grouped convolution in its second layer.

The model of PLiNIO's notebook on group convolutions, which PIT refuses as it is.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F


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


class GroupedConv1d(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_shape = (16, 2)
        self.conv0 = nn.Conv1d(16, 16, 5, padding="same", groups=1)
        self.conv1_0 = nn.Conv1d(8, 4, 3, padding="same")
        self.conv1_1 = nn.Conv1d(8, 4, 3, padding="same")
        self.conv3 = nn.Conv1d(8, 16, 3, padding="same", groups=1)

    def _load_from_state_dict(self, state_dict, prefix, *args):
        super()._load_from_state_dict(state_dict, prefix, *args)
        load_parts(self, "conv1", ["conv1_0", "conv1_1"], state_dict, prefix, *args)

    def forward(self, x):
        x0 = F.relu(self.conv0(x))
        conv1_0 = self.conv1_0(x0[:, 0:8])
        conv1_1 = self.conv1_1(x0[:, 8:16])
        x1 = F.relu(torch.cat((conv1_0, conv1_1), dim=1))
        x4 = F.relu(self.conv3(x1))
        return x4
