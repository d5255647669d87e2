"""The functions and methods of tensors."""

from __future__ import annotations

from typing import Final

from .classes import CONVOLUTIONS, SAME_CHANNELS, is_nn_class

ELEMENTWISE_FUNCTIONS: Final = (
    *("relu", "relu_", "relu6", "leaky_relu", "leaky_relu_", "prelu", "rrelu", "elu", "elu_"),
    *("celu", "selu", "gelu", "silu", "mish", "hardswish", "hardsigmoid", "hardtanh", "sigmoid"),
    *("logsigmoid", "tanh", "softplus", "softsign", "softshrink", "tanhshrink", "threshold"),
    *("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"),
    *("abs", "exp", "log", "sqrt", "rsqrt", "neg", "square", "sin", "cos", "erf", "pow", "clamp"),
    *("add", "sub", "mul", "multiply", "div", "divide", "subtract", "true_divide", "where"),
    *("maximum", "minimum", "softmax", "log_softmax", "nan_to_num", "round", "floor", "ceil"),
    *("normalize", "batch_norm", "instance_norm", "group_norm", "clone", "lerp", "addcmul"),
    *("zeros_like", "ones_like", "rand_like", "randn_like", "empty_like", "full_like"),
)
_POOLING_FUNCTIONS: Final = tuple(
    f"{adaptive}{kind}_pool{n}d"
    for adaptive in ("", "adaptive_")
    for kind in ("avg", "max")
    for n in (1, 2, 3)
)
_OTHER_FUNCTIONS: Final = (
    *("cat", "concat", "concatenate", "hstack", "vstack", "stack", "flatten", "unflatten"),
    *("permute", "transpose", "swapaxes", "movedim", "reshape", "squeeze", "unsqueeze", "chunk"),
    *("split", "tensor_split", "unbind", "narrow", "index_select", "gather", "roll", "flip"),
    *("mean", "sum", "amax", "amin", "max", "min", "std", "var", "norm", "prod", "cumsum", "topk"),
    *("matmul", "bmm", "mm", "einsum", "baddbmm", "addmm", "linear", "bilinear", "embedding"),
    *("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
    *("interpolate", "upsample", "pad", "unfold", "fold", "pixel_shuffle", "pixel_unshuffle"),
    *("grid_sample", "affine_grid", "layer_norm", "rms_norm", "local_response_norm", "lp_pool2d"),
    *("scaled_dot_product_attention", "meshgrid", "zeros", "ones", "full", "empty", "arange"),
    *("rand", "randn", "randint", "randperm", "linspace", "tensor", "as_tensor", "from_numpy"),
    *("bernoulli", "bincount", "argmax", "argmin", "sort", "argsort", "masked_fill", "tril"),
    *("triu", "diag", "outer", "dot", "cross", "logical_not", "logical_and", "logical_or"),
    *("isnan", "isinf", "isfinite", "eq", "ne", "lt", "le", "gt", "ge", "equal", "allclose"),
    *("one_hot", "cross_entropy", "nll_loss", "mse_loss", "l1_loss", "smooth_l1_loss"),
    *("binary_cross_entropy", "binary_cross_entropy_with_logits", "kl_div", "gumbel_softmax"),
    *("channel_shuffle", "repeat_interleave", "tile", "broadcast_to", "broadcast_tensors"),
)
_SAME_SHAPE: Final = frozenset(ELEMENTWISE_FUNCTIONS)
_SAME_RANK: Final = frozenset(
    (
        *(*ELEMENTWISE_FUNCTIONS, *_POOLING_FUNCTIONS, "cat", "concat", "concatenate", "permute"),
        *("transpose", "swapaxes", "movedim", "interpolate", "upsample", "pad", "roll", "flip"),
        *("layer_norm", "rms_norm", "local_response_norm", "chunk", "split", "tensor_split"),
        *("narrow", "index_select", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle"),
        *("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
        *("contiguous", "detach", "to", "float", "half", "double", "bfloat16", "type_as", "cuda"),
        *("cpu", "requires_grad_", "expand_as", "masked_fill", "masked_fill_", "cumsum", "type"),
    )
)
MAKE_TENSORS: Final = frozenset(
    f"torch.{name}"
    for name in (
        *("zeros", "ones", "full", "empty", "arange", "linspace", "eye", "rand", "randn"),
        *("randint", "randperm", "tensor", "from_numpy", "Tensor", "FloatTensor"),
        *("zeros_like", "ones_like", "rand_like", "randn_like", "empty_like", "full_like"),
        *(f"Tensor.new_{each}" for each in ("zeros", "ones", "full", "empty", "tensor")),
    )
)
"""Functions that give a new tensor, made of numbers."""
FUNCTIONS: Final[frozenset[str]] = MAKE_TENSORS | frozenset(
    f"{module}.{name}"
    for module in ("torch", "torch.nn.functional", "torch.Tensor")
    for name in (*ELEMENTWISE_FUNCTIONS, *_POOLING_FUNCTIONS, *_OTHER_FUNCTIONS)
)
"""Functions that give tensors (or tuples of them) and keep none of what they are given."""

NORM_FUNCTIONS: Final = frozenset(
    f"{module}.{name}_norm"
    for module in ("torch", "torch.nn.functional")
    for name in ("batch", "instance", "group", "layer", "rms", "local_response")
)
"""Functions that do what a norm of torch.nn does."""

SEVERAL: Final = frozenset(
    ("chunk", "split", "tensor_split", "unbind", "meshgrid", "broadcast_tensors")
)
"""Functions and methods that give several tensors."""

METHODS: Final = frozenset(
    (
        *ELEMENTWISE_FUNCTIONS,
        *_OTHER_FUNCTIONS,
        *(f"{each}_" for each in ELEMENTWISE_FUNCTIONS),
        *("view", "view_as", "reshape", "reshape_as", "contiguous", "expand", "expand_as"),
        *(
            "repeat",
            "detach",
            "detach_",
            "to",
            "cpu",
            "cuda",
            "float",
            "half",
            "double",
            "bfloat16",
        ),
        *("int", "long", "bool", "type", "type_as", "requires_grad_", "t", "select", "data"),
        *("unsqueeze_", "squeeze_", "masked_fill_", "index_add", "scatter", "scatter_", "gather"),
        *("zero_", "fill_", "copy_", "normal_", "uniform_", "clamp_", "any", "all", "nonzero"),
        *("logsumexp", "conj", "real", "imag", "view_as_real", "new_zeros", "new_ones", "new_full"),
        *("new_empty", "new_tensor", "numpy", "item", "tolist", "backward"),
    )
)
"""Methods of a tensor that keep no hold of what they are given."""


def rank_of(name: str, rank: int | None) -> int | None:
    """The rank of what a function or method gives, of the rank of what it is applied to."""
    return rank if name in _SAME_RANK else None


def keeps_channels(name: str) -> bool:
    """Whether a function or method keeps dimension 1, and mixes no channels."""
    return name in _SAME_SHAPE or name in _POOLING_FUNCTIONS


_SAME_BATCH: Final = frozenset(
    (
        *("relu", "relu_", "relu6", "leaky_relu", "leaky_relu_", "elu", "elu_", "celu", "selu"),
        *("gelu", "silu", "mish", "hardswish", "hardsigmoid", "hardtanh", "sigmoid", "tanh"),
        *("softplus", "softsign", "logsigmoid", "softshrink", "tanhshrink", "abs", "exp", "log"),
        *("sqrt", "rsqrt", "neg", "square", "dropout", "dropout1d", "dropout2d", "dropout3d"),
        *("alpha_dropout", "feature_alpha_dropout", "softmax", "log_softmax", "clone", "detach"),
        *("contiguous", "float", "half", "double", "bfloat16"),
        *_POOLING_FUNCTIONS,
    )
)
"""Functions and methods of one tensor, of which none can make another longer by broadcasting."""


def keeps_batch(path: str) -> bool:
    """Whether a module class or a function keeps dimension 0 of its only input, a batch."""
    module, _, name = path.rpartition(".")
    if is_nn_class(path):
        return path in SAME_CHANNELS | CONVOLUTIONS or name == "Linear"
    return module in ("torch", "torch.nn.functional", "torch.Tensor") and name in _SAME_BATCH
