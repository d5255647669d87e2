"""What PLiNIO takes of torch, as measured with its commit 3d6b5e0 and torch 2.13.

Its methods PIT and MPS refuse everything else that is traced, as an unsupported node.
"""

from __future__ import annotations

from typing import Final

MODULES: Final = frozenset(
    f"torch.nn.{each}"
    for each in (
        *("Conv1d", "Conv2d", "Conv3d", "Linear", "BatchNorm1d", "BatchNorm2d", "InstanceNorm1d"),
        *("AvgPool1d", "AvgPool2d", "MaxPool1d", "MaxPool2d", "AdaptiveAvgPool1d", "Flatten"),
        *("AdaptiveAvgPool2d", "ConstantPad1d", "ConstantPad2d", "ConstantPad3d", "Upsample"),
        *("ReLU", "ReLU6", "SiLU", "Sigmoid", "PReLU", "Dropout", "Identity", "BatchNorm3d"),
        *("Sequential", "ModuleList", "ModuleDict", "Module", "ParameterList", "ParameterDict"),
    )
)
"""Classes of modules; of ``BatchNorm3d`` those behind a convolution."""

FUNCTIONS: Final = frozenset(
    (
        *(f"torch.{each}" for each in ("add", "sub", "multiply", "relu", "sigmoid", "tanh")),
        *(f"torch.{each}" for each in ("mean", "cat", "flatten", "squeeze", "unsqueeze")),
        *(f"torch.{each}" for each in ("conv1d", "conv2d", "conv3d")),
        *(f"torch.nn.functional.{each}" for each in ("relu", "relu6", "log_softmax", "pad")),
        *(f"torch.nn.functional.{each}" for each in ("conv1d", "conv2d", "conv3d")),
        *(f"torch.Tensor.{each}" for each in ("flatten", "squeeze", "unsqueeze")),
    )
)
"""Functions, and methods of tensors."""

WITH_A_FORM: Final = frozenset(
    f"torch.nn.{each}" for each in ("LeakyReLU", "ELU", "Hardswish", "Hardsigmoid")
)
"""Classes that it refuses, and of which there is a form that it takes."""

REWRITTEN_BY: Final = {
    **dict.fromkeys(("view", "reshape"), "flatten"),
    **dict.fromkeys(("mul", "truediv", "pow", "neg", "square", "div", "divide"), "multiply"),
    **dict.fromkeys(("mean", "AdaptiveAvgPool3d"), "mean"),
    **dict.fromkeys(("split", "chunk"), "slices"),
    **dict.fromkeys(("sigmoid", "tanh", "relu", "log_softmax", "dropout", "silu"), "function"),
    **dict.fromkeys(("leaky_relu", "hardswish", "hardsigmoid", "interpolate"), "function"),
    **{f"{kind}_pool{size}d": "pool" for kind in ("avg", "max") for size in (1, 2)},
    **{f"adaptive_{kind}_pool{size}d": "pool" for kind in ("avg", "max") for size in (1, 2)},
    **dict.fromkeys(("concat", "concatenate"), "cat"),
    **dict.fromkeys(("size", "dim"), "shape-reads"),
    **dict.fromkeys(("softmax", "sum"), "two-way"),
    **{each.rpartition(".")[2]: "activation" for each in WITH_A_FORM},
    **{"contiguous": "noop", "batch_norm": "norm-subclass"},
}
"""By what is called in a traced model: the code of the rule that rewrites it, where it can."""
