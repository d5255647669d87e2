"""The classes of torch.nn."""

from __future__ import annotations

import re
from typing import Final

_WITHIN_NN: Final = re.compile(r"torch\.nn\.(?:modules|parallel)\.(?:\w+\.)?(?=[A-Z])")
_CONTAINERS_OF_OTHERS: Final = re.compile(
    r"^(mmcv\.runner|mmengine\.model)\.(?=(Sequential|ModuleList|ModuleDict)$)"
)
"""They differ from torch's by a method that initialises what is in them."""
_CHOICE: Final = re.compile(r"plinio\.methods\.supernet\.(\w+\.)*SuperNetModule")
"""A list of modules of PLiNIO, which applies each to what it is given."""
_PLACES: Final = {"torch.functional": "torch", "torch._C._nn": "torch.nn.functional"}


def canonical(path: str) -> str:
    """The usual path of what may be imported from several: ``torch.nn.Conv2d``."""
    if not path.startswith("torch."):
        is_choice = _CHOICE.fullmatch(path) is not None
        return "torch.nn.ModuleList" if is_choice else _CONTAINERS_OF_OTHERS.sub("torch.nn.", path)
    path = _WITHIN_NN.sub("torch.nn.", path)
    module, _, name = path.rpartition(".")
    return f"{_PLACES[module]}.{name}" if module in _PLACES else path


CONVOLUTIONS: Final = frozenset(
    f"torch.nn.{lazy}Conv{transposed}{dimensions}d"
    for lazy in ("", "Lazy")
    for transposed in ("", "Transpose")
    for dimensions in (1, 2, 3)
)
BATCH_NORMS: Final = frozenset(
    f"torch.nn.{lazy}BatchNorm{dimensions}d" for lazy in ("", "Lazy") for dimensions in (1, 2, 3)
) | {"torch.nn.SyncBatchNorm"}
NAMED_BATCH_NORM: Final = re.compile(r"\bBatchNorm[123]d\b")
"""What a text that speaks of a BatchNorm of torch has in it."""
INSTANCE_NORMS: Final = frozenset(
    f"torch.nn.{lazy}InstanceNorm{dimensions}d" for lazy in ("", "Lazy") for dimensions in (1, 2, 3)
)
CONTAINERS: Final = frozenset(
    f"torch.nn.{each}" for each in ("Sequential", "ModuleList", "ParameterList")
)
TENSOR_CLASSES: Final = frozenset(
    ("torch.Tensor", "torch.nn.Parameter", "torch.nn.parameter.Parameter", "torch.nn.Buffer")
)
"""Tensors, of which a subclass may do something else."""
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
RANDOM: Final = frozenset(
    f"torch.nn.{each}"
    for each in (
        *("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "RReLU"),
        "FeatureAlphaDropout",
    )
)
"""Those of them that draw random numbers."""
BY_CHANNEL: Final = (ELEMENTWISE | POOLINGS) - {"torch.nn.PReLU"}
"""Modules that go over each channel by itself, and do the same to each."""
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
    name = path.removeprefix("torch.nn.")
    return name != path and name[:1].isupper() and "." not in name


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
