"""What keeps nothing of what it is given, and what is the same for the parts of a layer."""

from __future__ import annotations

import re
from typing import Final

from .functions import ELEMENTWISE_FUNCTIONS

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

ELEMENT_BY_ELEMENT: Final = (
    frozenset(
        name
        for each in ELEMENTWISE_FUNCTIONS
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
        *("erfinv", "erfinv_", "erf_", "exponential_", "log_normal_", "cauchy_", "geometric_"),
        *("expm1", "expm1_", "log1p", "log1p_", "exp2", "log2", "log10", "tan", "sinh", "cosh"),
        *("acos", "asin", "atan", "sin_", "cos_", "tanh_", "reciprocal", "reciprocal_", "trunc"),
        *("frac", "ceil_", "floor_", "round_", "remainder", "fmod", "heaviside", "sgn", "erfc"),
        *("logical_and", "logical_or", "sign", "sign_", "cpu", "is_set_to", "untyped_storage"),
    )
)
"""Methods and functions that do the same with each element, or give what is the same of all."""

ELEMENTWISE_ON_WEIGHTS: Final = re.compile(
    r"torch\.optim\.(?!Adafactor|Muon|LBFGS)\w+|torch\.nn\.utils\.clip_grad_(norm|value)_|torch\.distributed\..*"
    r"|torch\._foreach_(?!norm|max)\w+"
)
"""Functions that treat the elements of weights alike, or all weights together."""

OF_OTHERS: Final = re.compile(
    r"(torchvision\.(models\.(?!feature_extraction|_utils)|datasets|io|transforms)|argparse|json|yaml)\b"
)
"""Libraries that know no class of a project: nothing that they give by themselves is of one."""

MATTERS_TO_PARTS: Final = re.compile(
    r"torch\.nn\.((Lazy)?Conv|\w*BatchNorm|InstanceNorm|Module\b|modules\.(module|conv|batchnorm)\b)"
    r"|torch\.nn\.functional\.(conv|batch_norm|instance_norm)|torch\.(conv|batch_norm|Tensor)"
)
"""What of torch does something else with what is split, if it is changed."""

CHANGES_VALUES: Final = re.compile(
    r"torch\.(ao\.)?quantization\.|torch\.nn\.utils\.(prune|fusion|parametrize|parametrizations)\b"
)
"""Functions that are given modules, and fuse, quantise or prune them one by one."""

HOLDS_MODULES: Final = re.compile(
    r"torch\.nn\.((Distributed)?DataParallel|Transformer(En|De)coder)"
)
"""Classes of torch that are given modules, and are no containers."""

WRAPS_MODULE: Final = re.compile(r"torch\.nn\.(Distributed)?DataParallel")
"""Those that have what they are given as an attribute of that name."""

TRACE: Final = "torch.fx.symbolic_trace"
"""The function that gives a model as a graph of what it calls."""
CHANGES_ALL: Final = re.compile(r"torch\.nn\.modules\.module\.register_module_\w+")
"""Functions that change what every module does."""
