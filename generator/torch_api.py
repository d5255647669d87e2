"""What is known of torch: the one table of its classes, functions and methods.

Source of the facts: torch 2.13, ``torch.nn``, ``torch.nn.functional`` and ``torch.Tensor``. What is
not in here is not known, and so counts as harmful.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_WITHIN_NN: Final = re.compile(r"torch\.nn\.modules\.(?:\w+\.)?(?=[A-Z])")
_PLACES: Final = {"torch.functional": "torch", "torch._C._nn": "torch.nn.functional"}


def canonical(path: str) -> str:
    """The usual path of what may be imported from several: ``torch.nn.Conv2d``."""
    if not path.startswith("torch."):
        return path
    path = _WITHIN_NN.sub("torch.nn.", path)
    module, _, name = path.rpartition(".")
    return f"{_PLACES[module]}.{name}" if module in _PLACES else path


# --- classes of torch.nn ---------------------------------------------------------------------

CONVOLUTIONS: Final = frozenset(
    f"torch.nn.{lazy}Conv{transposed}{dimensions}d"
    for lazy in ("", "Lazy")
    for transposed in ("", "Transpose")
    for dimensions in (1, 2, 3)
)
BATCH_NORMS: Final = frozenset(
    f"torch.nn.{lazy}BatchNorm{dimensions}d" for lazy in ("", "Lazy") for dimensions in (1, 2, 3)
) | {"torch.nn.SyncBatchNorm"}
INSTANCE_NORMS: Final = frozenset(
    f"torch.nn.{lazy}InstanceNorm{dimensions}d" for lazy in ("", "Lazy") for dimensions in (1, 2, 3)
)
CONTAINERS: Final = frozenset(
    f"torch.nn.{each}" for each in ("Sequential", "ModuleList", "ParameterList")
)
MAPPINGS: Final = frozenset(("torch.nn.ModuleDict", "torch.nn.ParameterDict"))
HOLDING: Final = CONTAINERS | MAPPINGS
"""Modules that have items."""
ELEMENTWISE: Final = frozenset(
    f"torch.nn.{each}"
    for each in (
        *("ReLU", "ReLU6", "LeakyReLU", "PReLU", "RReLU", "ELU", "CELU", "SELU", "GELU", "SiLU"),
        *("Mish", "Hardswish", "Hardsigmoid", "Hardtanh", "Hardshrink", "Sigmoid", "LogSigmoid"),
        *("Tanh", "Softplus", "Softsign", "Softshrink", "Tanhshrink", "Threshold", "Identity"),
        *("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"),
    )
)
POOLINGS: Final = frozenset(
    f"torch.nn.{adaptive}{kind}Pool{dimensions}d"
    for adaptive in ("", "Adaptive")
    for kind in ("Avg", "Max")
    for dimensions in (1, 2, 3)
)
SAME_CHANNELS: Final = (
    BATCH_NORMS
    | INSTANCE_NORMS
    | ELEMENTWISE
    | POOLINGS
    | frozenset(
        f"torch.nn.{each}"
        for each in (
            *("GroupNorm", "LocalResponseNorm", "Upsample", "UpsamplingNearest2d"),
            *("UpsamplingBilinear2d", "Softmax2d", "ZeroPad1d", "ZeroPad2d", "ZeroPad3d"),
            *(
                f"{kind}Pad{n}d"
                for kind in ("Reflection", "Replication", "Constant")
                for n in (1, 2, 3)
            ),
        )
    )
)
"""Modules that keep rank and dimension 1 of what they are applied to."""
LAYERS: Final = CONVOLUTIONS | SAME_CHANNELS | {"torch.nn.Linear", "torch.nn.Bilinear"}
"""Modules that have no items."""


def dimensions(path: str) -> int | None:
    """How many dimensions behind the channels a class of torch.nn works on, by its name."""
    found = re.fullmatch(r"torch\.nn\.(?:[A-Za-z]+)([123])d", path)
    if found is None or path.endswith(("BatchNorm1d", "Dropout1d")):  # which take two ranks
        return None
    return int(found.group(1))


def is_class(path: str) -> bool:
    """Whether a path is that of a class, by the way it is written."""
    name = path.rpartition(".")[2]
    return name[:1].isupper() and not name.isupper()


def is_nn_class(path: str) -> bool:
    """Whether a path is that of a module class of torch."""
    return path.startswith("torch.nn.") and is_class(path) and path.count(".") == 2


def is_module_class(path: str) -> bool:
    """Whether a path is that of torch's base class of modules, or of one of its modules."""
    return path == "torch.nn.Module" or is_nn_class(path)


_BASES: Final = {
    **dict.fromkeys(("UpsamplingBilinear2d", "UpsamplingNearest2d"), "Upsample"),
    **{f"ZeroPad{n}d": f"ConstantPad{n}d" for n in (1, 2, 3)},
    **{"ReLU6": "Hardtanh", "NLLLoss2d": "NLLLoss"},
}


def may_be_instance(kind: str, path: str) -> bool:
    """Whether what a class makes may be an instance of another: not of a sister class of torch."""
    if not is_nn_class(kind) or not is_nn_class(path):
        return True
    name, asked = kind.rpartition(".")[2], path.rpartition(".")[2]
    others = "Module", name.removeprefix("Lazy"), _BASES.get(name)
    return asked in (name, *others) or asked.endswith("Base")


# --- functions of tensors --------------------------------------------------------------------

_ELEMENTWISE_FUNCTIONS: Final = (
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
_SAME_SHAPE: Final = frozenset(_ELEMENTWISE_FUNCTIONS)
_SAME_RANK: Final = frozenset(
    (
        *(*_ELEMENTWISE_FUNCTIONS, *_POOLING_FUNCTIONS, "cat", "concat", "concatenate", "permute"),
        *("transpose", "swapaxes", "movedim", "interpolate", "upsample", "pad", "roll", "flip"),
        *("layer_norm", "rms_norm", "local_response_norm", "chunk", "split", "tensor_split"),
        *("narrow", "index_select", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle"),
        *("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
        *("contiguous", "detach", "to", "float", "half", "double", "bfloat16", "type_as", "cuda"),
        *("cpu", "requires_grad_", "expand_as", "masked_fill", "masked_fill_", "cumsum", "type"),
    )
)
FUNCTIONS: Final[frozenset[str]] = frozenset(
    f"{module}.{name}"
    for module in ("torch", "torch.nn.functional", "torch.Tensor")
    for name in (*_ELEMENTWISE_FUNCTIONS, *_POOLING_FUNCTIONS, *_OTHER_FUNCTIONS)
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
        *_ELEMENTWISE_FUNCTIONS,
        *_OTHER_FUNCTIONS,
        *(f"{each}_" for each in _ELEMENTWISE_FUNCTIONS),
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


# --- methods of modules ----------------------------------------------------------------------

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
    *(CONTAINERS | MAPPINGS | {"torch.nn.Module"}),
)
_METHODS: Final = MODULE_ATTRIBUTES | frozenset(
    (
        *("set_submodule", "get_extra_state", "mtia", "register_backward_hook"),
        *("register_full_backward_hook", "register_full_backward_pre_hook"),
        *("register_state_dict_pre_hook", "register_state_dict_post_hook"),
        *("register_load_state_dict_pre_hook", "register_load_state_dict_post_hook"),
        *("reset_parameters", "reset_running_stats", "convert_sync_batchnorm"),
        *("initialize_parameters", "has_uninitialized_params"),
        *("append", "clear", "copy", "extend", "fromkeys", "get", "insert", "items", "keys", "pop"),
        *("popitem", "setdefault", "update", "values"),
    )
)


def may_have_method(kind: str, name: str) -> bool:
    """Whether a class of torch may have a method; it surely has no others."""
    return kind not in _TOLD or name in _METHODS or name.startswith("_")


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

# --- what keeps nothing ----------------------------------------------------------------------

INITIALISERS: Final = re.compile(r"torch\.nn\.init\.\w+_")
HARMLESS: Final = re.compile(
    r"builtins\.(all|any|bool|callable|chr|float|format|hash|hex|id|input|int|isinstance|issubclass"
    r"|len|ord|print|range|repr|round|slice|str|bin|complex|divmod|object)"
    r"|math\.\w+|numpy\.(prod|sqrt|log2?|log10|exp|floor|ceil|round|linspace|arange|cumsum|abs"
    r"|random\.(rand|randn|randint|uniform|normal|seed|random))"
    r"|warnings\.\w+|logging\.\w+|time\.\w+"
    r"|os\.(getenv|path\.\w+|environ\.get|makedirs|listdir|cpu_count)"
    r"|random\.(random|randint|uniform|gauss|seed|randrange)"
    r"|operator\.(add|sub|mul|floordiv|truediv|mod|neg|eq|ne|lt|le|gt|ge)"
    r"|torch\.(Size|device|is_tensor|is_grad_enabled|is_floating_point|manual_seed|_assert|finfo)"
    r"|torch\.(jit\.(is_scripting|is_tracing)|is_autocast_enabled|get_default_dtype|numel)"
    r"|torch\.(cuda\.(is_available|device_count|empty_cache|synchronize)|onnx\.is_in_onnx_export)"
)
"""Functions that keep no hold of what they are given, do not change it, and give none of it."""

CONTEXTS: Final = re.compile(
    r"torch\.(no_grad|enable_grad|inference_mode|set_grad_enabled|autocast|(cuda\.)?amp\.autocast"
    r"|autograd\.(profiler\.record_function|set_detect_anomaly))"
)
"""Contexts that keep nothing of what they are given and swallow no exception."""

TRANSPARENT_DECORATORS: Final = re.compile(
    r"builtins\.(staticmethod|classmethod|property)|functools\.(wraps|lru_cache|cache)"
    r"|torch\.(no_grad|enable_grad|inference_mode)|torch\.jit\.(ignore|unused|export|script\w*)"
    r"|torch\.(compiler|fx)\.\w+|typing\.\w+|abc\.\w+|contextlib\.contextmanager"
)
"""Decorators behind which a function still does what it says."""

# --- what is the same for the parts of a layer -------------------------------------------------

ELEMENT_BY_ELEMENT: Final = (
    frozenset(
        name
        for each in _ELEMENTWISE_FUNCTIONS
        if each not in ("softmax", "log_softmax", "normalize", "batch_norm", "instance_norm")
        for name in (each, f"{each}_")
    )
    - {"group_norm", "group_norm_", "lerp"}
) | frozenset(
    (
        *("zero_", "fill_", "copy_", "normal_", "uniform_", "trunc_normal_", "lerp_", "addcdiv_"),
        *("addcdiv", "addcmul_", "masked_fill_", "masked_fill", "nan_to_num_", "bernoulli_"),
        *("dim", "ndimension", "element_size", "is_floating_point", "is_complex", "data_ptr"),
        *("is_contiguous", "contiguous", "detach", "detach_", "to", "cpu", "cuda", "float", "half"),
        *("double", "bfloat16", "type", "type_as", "requires_grad_", "retain_grad", "numpy"),
        *("register_hook", "backward", "get_device", "is_pinned", "pin_memory", "share_memory_"),
        *("new_zeros", "new_ones", "new_empty", "new_full", "new_tensor", "isnan", "isinf"),
        *("isfinite", "any", "all", "eq", "ne", "lt", "le", "gt", "ge", "logical_not", "is_tensor"),
        *("logical_and", "logical_or", "sign", "sign_", "cpu", "is_set_to", "untyped_storage"),
    )
)
"""Methods and functions that do the same with each element, or give what is the same of all."""

ELEMENTWISE_ON_WEIGHTS: Final = re.compile(
    r"torch\.optim\.(?!Adafactor|Muon|LBFGS)\w+|torch\.nn\.utils\.clip_grad_(norm|value)_|torch\.distributed\..*"
    r"|torch\._foreach_\w+"
)
"""Functions that treat the elements of weights alike, or all weights together."""

MATTERS_TO_PARTS: Final = re.compile(
    r"torch\.nn\.((Lazy)?Conv|\w*BatchNorm|InstanceNorm|Module\b|modules\.(module|conv|batchnorm)\b)"
    r"|torch\.nn\.functional\.(conv|batch_norm|instance_norm)|torch\.(conv|batch_norm|Tensor)"
)
"""What of torch does something else with what is split, if it is changed."""

HOLDS_MODULES: Final = re.compile(r"torch\.nn\.(DataParallel|Transformer(En|De)coder)")
"""Classes of torch that are given modules, and are no containers."""

CHANGES_ALL: Final = re.compile(r"torch\.nn\.modules\.module\.register_module_\w+")
"""Functions that change what every module does."""
