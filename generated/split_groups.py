# gencode helper 1 26affeae
"""Grouped convolutions as plain ones over slices of the channels."""

import copy
import warnings

import torch
from torch import nn


class Branches(nn.Module):
    """A layer in parts, one for each group of channels; loads the weights of the whole too."""

    settings = ()

    def __init__(self, whole, parts):
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.train(whole.training)
        for name in self.settings:
            super().__setattr__(name, getattr(whole, name))

    def __setattr__(self, name, value):
        if name in ("weight", "bias", *self.settings):
            raise AttributeError(f"{name} cannot be set: the parts have it")
        super().__setattr__(name, value)

    def share_out(self, whole):
        """Give the parts the weights of the whole."""
        self.load_state_dict(whole.state_dict())
        for part in self.parts:
            for name, weight in part.named_parameters():
                weight.requires_grad_(whole.get_parameter(name).requires_grad)
        return self

    def shares(self, whole):
        """The share of a tensor that each part has; a count of batches has none."""
        if whole.dim() == 0:
            return [whole.clone() for _ in self.parts]
        return whole.chunk(len(self.parts))

    def _load_from_state_dict(self, state_dict, prefix, *args):
        for name in self.parts[0].state_dict():
            old = prefix + name
            new = [f"{prefix}parts.{i}.{name}" for i in range(len(self.parts))]
            if old in state_dict and state_dict.keys().isdisjoint(new):
                state_dict.update(zip(new, self.shares(state_dict.pop(old))))
        super()._load_from_state_dict(state_dict, prefix, *args)


class SplitGroups(Branches):
    """A grouped convolution in parts; concatenates what they give."""

    settings = (
        "in_channels",
        "out_channels",
        "kernel_size",
        "stride",
        "padding",
        "dilation",
        "groups",
        "padding_mode",
        "output_padding",
    )

    def slices(self, x):
        """The channels of the input for each part."""
        width = self.in_channels // len(self.parts)
        return [x[:, width * i : width * (i + 1)] for i in range(len(self.parts))]

    def split(self, x):
        slices = self.slices(x)
        return [conv(slices[i]) for i, conv in enumerate(self.parts)]

    def forward(self, input):
        return torch.cat(self.split(input), dim=1)


class UnjoinedGroups(SplitGroups):
    """The same, before a norm that concatenates."""

    def forward(self, input):
        return self.split(input)


class JoinedGroups(Branches):
    """A norm in parts, behind UnjoinedGroups; concatenates what they give."""

    settings = "num_features", "eps", "momentum", "affine", "track_running_stats"

    def __init__(self, norm, groups):
        like = norm.running_mean if norm.weight is None else norm.weight
        place = {} if like is None else {"device": like.device, "dtype": like.dtype}
        width = norm.num_features // groups
        others = norm.eps, norm.momentum, norm.affine, norm.track_running_stats
        parts = [type(norm)(width, *others, **place) for _ in range(groups)]
        super().__init__(norm, parts)
        self.share_out(norm)

    def split(self, outputs):
        # type: (List[Tensor]) -> List[Tensor]
        return [norm(outputs[i]) for i, norm in enumerate(self.parts)]

    def forward(self, outputs):
        # type: (List[Tensor]) -> Tensor
        return torch.cat(self.split(outputs), dim=1)


class SplitTransposed(SplitGroups):
    """A transposed convolution in parts, which may be given the size of its output."""

    def forward(self, input, output_size=None):
        # type: (Tensor, Optional[List[int]]) -> Tensor
        return torch.cat(self.split(input, output_size), dim=1)

    def split(self, x, output_size=None):
        # type: (Tensor, Optional[List[int]]) -> List[Tensor]
        slices = self.slices(x)
        return [conv(slices[i], output_size) for i, conv in enumerate(self.parts)]


class UnjoinedTransposed(SplitTransposed):
    """The same, before a norm that concatenates."""

    def forward(self, input, output_size=None):
        # type: (Tensor, Optional[List[int]]) -> List[Tensor]
        return self.split(input, output_size)


def plain_parts(conv):
    """A plain convolution for each group of one, with room for its share of the weights."""
    groups = conv.groups
    shape = conv.in_channels // groups, conv.out_channels // groups, conv.kernel_size
    settings = {
        "stride": conv.stride,
        "padding": conv.padding,
        "dilation": conv.dilation,
        "bias": conv.bias is not None,
        "padding_mode": conv.padding_mode,
        "device": conv.weight.device,
        "dtype": conv.weight.dtype,
    }
    if conv.transposed:
        settings["output_padding"] = conv.output_padding
    parts = [nn.utils.skip_init(class_of_torch(conv), *shape, **settings) for _ in range(groups)]
    normalise = weight_norm_of(conv)
    return parts if normalise is None else [normalise(part) for part in parts]


def class_of_torch(layer):
    """The class of torch that a layer, or the subclass that it is of, has its forward from."""
    for kind in (
        nn.Conv1d,
        nn.Conv2d,
        nn.Conv3d,
        nn.ConvTranspose1d,
        nn.ConvTranspose2d,
        nn.ConvTranspose3d,
    ):
        if isinstance(layer, kind) and type(layer).forward is kind.forward:
            is_same = type(layer)._conv_forward is kind._conv_forward
            return kind if is_same else type(layer)
    return type(layer)


def weight_norm_of(conv):
    """The function that has given a convolution a weight in two parts, if one has."""
    names = [name for name, _ in conv.named_parameters()]
    if "weight_g" in names:
        return nn.utils.weight_norm
    if "parametrizations.weight.original1" in names:
        return nn.utils.parametrizations.weight_norm
    return None


def is_grouped(layer):
    """Whether it is a convolution neither plain nor, in 1d and 2d, depthwise."""
    kinds = nn.Conv1d, nn.Conv2d, nn.Conv3d
    transposed = nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d
    if class_of_torch(layer) not in (*kinds, *transposed) or layer.groups == 1:
        return False
    names = dict(layer.named_parameters())
    if "weight" not in names and weight_norm_of(layer) is None:
        warnings.warn(f"a convolution is left with its {layer.groups} groups", stacklevel=3)
        return False
    has_hooks = layer._forward_hooks or layer._forward_pre_hooks
    has_more = has_hooks or set(layer.state_dict()) - {"weight", "bias"}
    if has_more and weight_norm_of(layer) is None:
        return False  # it is more than a convolution of torch
    is_depthwise = layer.groups == layer.in_channels == layer.out_channels
    return len(layer.kernel_size) == 3 or layer.transposed or not is_depthwise


def split_conv(conv):
    """Split a grouped convolution; anything else stays."""
    if not is_grouped(conv):
        return conv
    kind = SplitTransposed if conv.transposed else SplitGroups
    return kind(conv, plain_parts(conv)).share_out(conv)


def split_conv_norm(conv, norm):
    """Split a grouped convolution and the norm after it; anything else stays.

    Of a convolution that is split already, the parts go on.
    """
    conv = split_conv(conv)
    if not is_split(conv) or not is_norm_of(norm, conv.out_channels):
        return conv, norm
    kind = UnjoinedTransposed if conv.parts[0].transposed else UnjoinedGroups
    return kind(conv, conv.parts), JoinedGroups(norm, len(conv.parts))


def is_split(layer):
    """Whether it is a convolution in parts and no more, be it by another copy of this helper."""
    if getattr(type(layer), "settings", None) != SplitGroups.settings:
        return False
    hooks = [each for name, each in vars(layer).items() if name.endswith("_hooks")]
    others = [each for name, each in layer.named_children() if name != "parts"]
    if any([*hooks, *others]):  # all that are not empty
        return False
    return layer.parts[0].groups == 1


def is_norm_of(norm, channels):
    """Whether it is a norm of each of so many channels by itself."""
    batch = nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d
    instance = nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d
    if type(norm) not in (*batch, *instance) or norm.num_features != channels:
        return False
    return norm.track_running_stats or type(norm) in instance


def split_layers(layers):
    """Split the grouped convolutions of an nn.Sequential, each with the norm after it."""
    modules = list(layers)
    shared = {conv: split_conv(conv) for conv in modules if modules.count(conv) > 1}
    for i, conv in enumerate(modules):
        if conv in shared:
            layers[i] = shared[conv]
        elif is_grouped(conv) or is_split(conv):
            norm = modules[i + 1] if conv is not modules[-1] else None
            if modules.count(norm) == 1:
                layers[i], layers[i + 1] = split_conv_norm(conv, norm)
            else:
                layers[i] = split_conv(conv)
    return layers


def split_pairs(convs, norms):
    """Split the grouped convolutions of a list, each with the norm at its place in another."""
    modules = [*convs, *norms]
    shared = {conv: split_conv(conv) for conv in convs if modules.count(conv) > 1}
    for i, conv in enumerate(convs):
        if conv in shared:
            convs[i] = shared[conv]
        elif is_grouped(conv) or is_split(conv):
            norm = norms[i] if i < len(norms) else None
            if modules.count(norm) == 1:
                convs[i], norms[i] = split_conv_norm(conv, norm)
            else:
                convs[i] = split_conv(conv)


def outputs_of(layer, x):
    """The outputs of a layer in parts, one by one, or the only one that there is."""
    return layer.split(x) if isinstance(layer, Branches) else [layer(x)]


def apply_padded(conv, x, pad):
    """Apply a convolution to a padded input, of which one in parts pads each slice."""
    if not isinstance(conv, SplitGroups):
        return conv(pad(x))
    slices = conv.slices(x)
    pads = pad if isinstance(pad, nn.ModuleList) else [pad] * len(slices)
    outputs = [part(pads[i](slices[i])) for i, part in enumerate(conv.parts)]
    if isinstance(conv, UnjoinedGroups):
        return outputs
    return torch.cat(outputs, dim=1)


def copy_padding(pad, conv):
    """A padding for each slice of a convolution in parts, or the only one there is."""
    if not isinstance(conv, SplitGroups):
        return pad
    return nn.ModuleList(copy.deepcopy(pad) for _ in conv.parts)
