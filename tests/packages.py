"""How to list, build and feed the models of a package.

Each can be had with ``pip install --no-deps``, and needs torch; pytorch-cifar is no package, but a
checkout that is on PYTHONPATH.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

SMALL = 128  # pixels; tried before the size that the model was made for


class Package:
    """A package that can be imported.

    Attributes:
        module: the package.
        directory: where it is.
    """

    def __init__(self, name: str) -> None:
        declare_missing_operators()
        self.module = import_module(name)
        self.directory = Path(str(self.module.__file__)).parent

    def names(self) -> list[str]:
        raise NotImplementedError

    def build(self, name: str) -> nn.Module:
        raise NotImplementedError

    def shapes(self, name: str, model: nn.Module) -> list[tuple[int, ...]]:
        """The shapes of an input without its batch dimension, the quickest first."""
        return [(3, SMALL, SMALL), (3, 224, 224)]


class Timm(Package):
    def names(self) -> list[str]:
        return list(self.module.list_models())

    def build(self, name: str) -> nn.Module:
        return self.module.create_model(name, pretrained=False)

    def shapes(self, name: str, model: nn.Module) -> list[tuple[int, ...]]:
        config: Any = model.default_cfg
        own = tuple(config["input_size"])
        return [own] if config.get("fixed_input_size") else [(own[0], SMALL, SMALL), own]


class Torchvision(Package):
    def names(self) -> list[str]:
        return list(self.module.models.list_models())

    def build(self, name: str) -> nn.Module:
        builder = self.module.models.get_model_builder(name)
        accepted = inspect.signature(builder).parameters
        return builder(**{key: None for key in ("weights", "weights_backbone") if key in accepted})

    def shapes(self, name: str, model: nn.Module) -> list[tuple[int, ...]]:
        models = self.module.models
        frames = (16,) if name in models.list_models(module=models.video) else ()
        return [(3, *frames, SMALL, SMALL), (3, *frames, 224, 224)]


class Pytorchcv(Package):
    def names(self) -> list[str]:
        return list(import_module(f"{self.module.__name__}.model_provider")._models)

    def build(self, name: str) -> nn.Module:
        provider = import_module(f"{self.module.__name__}.model_provider")
        return provider.get_model(name, pretrained=False)

    def shapes(self, name: str, model: nn.Module) -> list[tuple[int, ...]]:
        own = tuple(getattr(model, "in_size", (224, 224)))
        return [(3, SMALL, SMALL), (3, *own)]


class Pretrainedmodels(Package):
    def names(self) -> list[str]:
        return list(self.module.model_names)

    def build(self, name: str) -> nn.Module:
        return getattr(self.module, name)(pretrained=None)


class PytorchCifar(Package):
    def names(self) -> list[str]:
        return [
            name
            for name, each in vars(self.module).items()
            if inspect.isfunction(each) and not inspect.signature(each).parameters
        ]

    def build(self, name: str) -> nn.Module:
        return getattr(self.module, name)()

    def shapes(self, name: str, model: nn.Module) -> list[tuple[int, ...]]:
        return [(3, 32, 32)]


class Pytorchvideo(Package):
    """Its builders, for short and small clips."""

    BUILDERS: ClassVar[dict[str, dict[str, Any]]] = {
        "create_x3d": {"input_clip_length": 4, "input_crop_size": 64},
        "create_csn": {"head_pool_kernel_size": (1, 2, 2)},
    }

    def names(self) -> list[str]:
        return list(self.BUILDERS)

    def build(self, name: str) -> nn.Module:
        module = import_module(f"{self.module.__name__}.models.{name.removeprefix('create_')}")
        create: Callable[..., nn.Module] = getattr(module, name)
        return create(**self.BUILDERS[name])

    def shapes(self, name: str, model: nn.Module) -> list[tuple[int, ...]]:
        return [(3, 4, 64, 64)]


PACKAGES: dict[str, type[Package]] = {
    "timm": Timm,
    "torchvision": Torchvision,
    "pytorchcv": Pytorchcv,
    "pretrainedmodels": Pretrainedmodels,
    "pytorchvideo": Pytorchvideo,
    "models": PytorchCifar,
}
DECLARED: list[torch.library.Library] = []  # for as long as these live


def installed_directory(package: str) -> Path:
    found = find_spec(package)
    if found is None or found.origin is None:
        raise SystemExit(f"{package} is not installed")
    return Path(found.origin).parent


def shape_taken(net: nn.Module, shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The first shape of an input that a network takes, small ones first."""
    channels, *size = shapes[0]
    small = (channels, *(64 if each > 64 else each for each in size))
    for shape in (small, *shapes):
        try:
            with torch.no_grad():
                net(torch.rand(2, *shape))
        except (RuntimeError, AssertionError, ValueError):
            continue
        return shape
    raise ValueError("it takes no input")


def sized(package: str, name: str) -> nn.Module:
    """A network that says which input it takes."""
    found = PACKAGES[package](package)
    net = found.build(name).eval()
    net.input_shape = shape_taken(net, found.shapes(name, net))
    return net


def declare_missing_operators() -> None:
    """Let torchvision be imported where its compiled part does not fit torch.

    It describes these two operators whether or not they are there. Models that call them cannot be
    run then; all others can.
    """
    if DECLARED:
        return
    found = find_spec("torchvision")
    for each in Path(str(found.origin)).parent.glob("_C*.so") if found else ():
        try:
            torch.ops.load_library(str(each))
            return
        except OSError:
            pass
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    DECLARED.append(library)
