"""The methods and attributes of modules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from .classes import BATCH_NORMS, CONVOLUTIONS, ELEMENTWISE, HOLDING, INSTANCE_NORMS, POOLINGS

GIVES_MODULE: Final = re.compile(
    r"torch\.nn\.utils\.(.*\.)?((remove_)?(weight|spectral)_norm|orthogonal)"
)
"""Functions that change a module, and give it back."""
GIVES_SELF: Final = frozenset(
    (
        *("to", "to_empty", "cpu", "cuda", "float", "double", "half", "bfloat16", "type", "eval"),
        *("train", "requires_grad_", "apply", "share_memory", "xpu", "ipu"),
    )
)
"""Methods of a module that return the module."""

WALKS: Final[Mapping[str, str]] = {
    "children": "children",
    "named_children": "children",
    "modules": "modules",
    "named_modules": "modules",
    "parameters": "parameters",
    "named_parameters": "parameters",
    "buffers": "buffers",
    "named_buffers": "buffers",
    "state_dict": "state",
}
"""Methods of a module that go over what is in it."""

BY_PATH: Final[Mapping[str, str]] = {
    "get_submodule": "modules",
    "get_parameter": "parameters",
    "get_buffer": "buffers",
}
"""Methods of a module that give one of what is in it by its path, and what goes over all that."""

DICTS: Final[Mapping[str, str]] = {
    "state_dict": "state",
    "_modules": "children",
    "_parameters": "parameters",
    "_buffers": "buffers",
}
"""What of a module is a dict of such things, by their names."""

WALKED: Final[Mapping[str, str]] = {
    "children": "? module",
    "modules": "? module",
    "parameters": "? parameter",
    "buffers": "? parameter",
    "state": "? parameter",
}
"""The kind of the object that stands for all that such a method goes over."""
WALKED_NAME: Final = "? name"
"""The kind of the one that stands for their names."""

HARMLESS_METHODS: Final = frozenset(
    ("extra_repr", "zero_grad", "_get_name", "load_state_dict", "compile", "set_extra_state")
)
"""Other methods of a module that keep nothing that they are given, and give nothing of it."""

RESETS: Final = frozenset(("reset_parameters", "reset_running_stats"))
"""Methods of a layer that give its weights their first values, and keep nothing."""

CHECKPOINT_HOOKS: Final = frozenset(
    (
        *("_register_load_state_dict_pre_hook", "_register_state_dict_hook"),
        *("register_load_state_dict_pre_hook", "register_load_state_dict_post_hook"),
        *("register_state_dict_pre_hook", "register_state_dict_post_hook"),
    )
)
"""Methods of a module by which it calls something when a state dict is made or loaded."""

TENSORS: Final = frozenset(
    ("weight", "bias", "running_mean", "running_var", "num_batches_tracked", "weight_g", "weight_v")
)
"""Attributes of a convolution or a norm that are tensors."""

ADDS: Final = frozenset(
    (
        *("add_module", "register_module", "register_buffer", "register_parameter"),
        *("__setattr__",),
    )
)
"""Methods of a module that set an attribute of it by name."""

GIVES_CHILDREN: Final = frozenset(("_modules", "_parameters", "_buffers", "__dict__"))
"""Attributes of a module in which all that it has can be reached by name."""

GIVES_ACCESS: Final = frozenset(
    (
        *(*GIVES_SELF, *WALKS, *ADDS, *GIVES_CHILDREN, "forward", "__call__", "_call_impl"),
        *("get_submodule", "get_parameter", "get_buffer", "register_forward_hook"),
        *("register_forward_pre_hook", "__getattr__", "__setattr__", "__delattr__"),
    )
)
"""Attributes of a module through which code that has them can use or change it."""

FORWARD: Final = frozenset(("forward", "__call__", "_call_impl"))
"""Methods of a module that apply it."""

MODULE_ATTRIBUTES: Final = GIVES_ACCESS | HARMLESS_METHODS | {"training"}
"""Attributes that every module has from its base class, as far as they are known."""

_TOLD: Final = (
    *(CONVOLUTIONS | BATCH_NORMS | INSTANCE_NORMS | ELEMENTWISE | POOLINGS),
    *(HOLDING | {"torch.nn.Module"}),
)
_METHODS: Final = MODULE_ATTRIBUTES | frozenset(
    (
        *("set_submodule", "get_extra_state", "mtia", "register_backward_hook"),
        *("register_full_backward_hook", "register_full_backward_pre_hook"),
        *CHECKPOINT_HOOKS,
        *("reset_parameters", "reset_running_stats", "convert_sync_batchnorm"),
        *("initialize_parameters", "has_uninitialized_params"),
        *("append", "clear", "copy", "extend", "fromkeys", "get", "insert", "items", "keys", "pop"),
        *("popitem", "setdefault", "update", "values"),
    )
)


def may_have_method(kind: str, name: str) -> bool:
    """Whether a class of torch may have a method; it surely has no others."""
    return kind not in _TOLD or name in _METHODS or name.startswith("_")


ABOUT_TENSORS: Final = frozenset(
    ("device", "dtype", "requires_grad", "is_cuda", "shape", "ndim", "layout", "is_leaf")
)
"""Attributes of a tensor that tell something of it, and do not give it."""

PLAIN: Final = frozenset(
    (
        *(
            "training",
            "in_channels",
            "out_channels",
            "kernel_size",
            "stride",
            "padding",
            "dilation",
        ),
        *("groups", "padding_mode", "output_padding", "transposed", "num_features", "eps", "p"),
        *("momentum", "affine", "track_running_stats", "in_features", "out_features", "inplace"),
        *("num_groups", "num_channels", "normalized_shape", "output_size", "negative_slope"),
        *("elementwise_affine", "scale_factor", "mode", "align_corners", "embedding_dim"),
        *("num_embeddings", "hidden_size", "num_layers", "batch_first", "bidirectional"),
    )
)
"""Attributes of modules that are numbers, texts and the like."""

FUNCTION_ATTRIBUTES: Final = frozenset(
    ("__name__", "__qualname__", "__doc__", "__module__", "__annotations__", "__signature__")
)
"""Attributes of a function from which it cannot be reached."""
