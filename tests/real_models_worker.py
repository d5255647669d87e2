"""Build and run the models of an installed package, or of its split tree, in a process of its own.

The process that has the original says what a model computes with weights that follow from their
names; the one that has the split tree computes the same with weights of the same names, and
compares. No weight is handed over.
"""

from __future__ import annotations

import inspect
import sys
import traceback
import zlib
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

HELPER = "SplitGroups"  # the class of the module that stands for a grouped convolution
BATCH = 2
SMALL = 128  # pixels; tried before the size that the model was made for
LARGEST_DOUBLE = 300_000_000  # parameters; what has more is run in float32
# Of the largest value of a tensor. Another order of summation costs some 1e-15 or 1e-6 a layer,
# which hundreds of layers amplify; a wrong group changes the first digit.
TOLERANCES = {torch.float64: 1e-9, torch.float32: 1e-3}

Json = dict[str, Any]
Site = tuple[str, int]  # a path below the package's directory, and a line
Branches = Sequence[tuple[str, str, Sequence[str]]]  # owner, attribute, and paths below the owner
ConvNd = nn.modules.conv._ConvNd


class Package:
    """How to list, build and feed the models of a package."""

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
        raise NotImplementedError


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


PACKAGES: dict[str, type[Package]] = {"timm": Timm, "torchvision": Torchvision}
DECLARED: list[torch.library.Library] = []  # for as long as these live


def declare_missing_operators() -> None:
    """Let torchvision be imported where its compiled part does not fit torch.

    It describes these two operators whether or not they are there. Models that call them cannot be
    run then; all others can.
    """
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


# What a model consists of


def grouped_convs(model: nn.Module) -> dict[str, ConvNd]:
    """The convolutions that PLiNIO would not take for their groups, by their path."""
    return {
        path: each
        for path, each in model.named_modules()
        if isinstance(each, ConvNd)
        and each.groups != 1
        and not (each.groups == each.in_channels == each.out_channels and len(each.kernel_size) < 3)
    }


def stored(model: nn.Module) -> dict[str, Tensor]:
    """All parameters and buffers that a state dict holds, by their true path, past any hook."""
    found = {}
    for path, owner in model.named_modules(remove_duplicate=False):
        start = f"{path}." if path else ""
        buffers = {
            name: value
            for name, value in owner._buffers.items()
            if name not in owner._non_persistent_buffers_set
        }
        for name, value in {**owner._parameters, **buffers}.items():
            if value is not None:
                found[start + name] = value
    return found


def skeleton(model: nn.Module) -> list[str]:
    """A line for each module and each tensor of a model."""
    lines = []
    for path, each in model.named_modules():
        details = each.extra_repr() if isinstance(each, ConvNd) else ""
        lines.append(f"{path}: {type(each).__name__}({details})")
    return lines + [f"{key}: {tuple(value.shape)}" for key, value in stored(model).items()]


def original_tensors(model: nn.Module, branches: Branches = ()) -> dict[str, list[Tensor]]:
    """The tensors of a split model under the original's keys: of each group, in their order."""
    places = branch_places(model, branches)
    found: dict[str, dict[int, Tensor]] = {}
    for key, value in stored(model).items():
        whole, index = key, 0
        for path in prefixes(key):
            if path in places:
                whole, index = places[path][0] + key[len(path) :], places[path][1]
        found.setdefault(whole, {})[index] = value
    return {key: [parts[index] for index in sorted(parts)] for key, parts in found.items()}


def branch_places(model: nn.Module, branches: Branches) -> dict[str, tuple[str, int]]:
    """For the path of each branch: the path of the original's convolution, and the group."""
    places = {}
    for path, module in model.named_modules(remove_duplicate=False):
        start = f"{path}." if path else ""
        classes = [each.__name__ for each in type(module).__mro__]
        if HELPER in classes:
            places.update({f"{start}convs.{n}": (path, n) for n in range(len(module.convs))})
        for owner, attribute, paths in branches:
            if owner in classes:
                whole = start + attribute
                places.update({start + each: (whole, n) for n, each in enumerate(paths)})
    return places


def prefixes(key: str) -> Iterator[str]:
    parts = key.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts)))


# What its weights are, and what it computes


@torch.no_grad()
def fill(tensors: dict[str, list[Tensor]]) -> dict[str, tuple[int, ...]]:
    """Give floating tensors the values that follow from the original's keys; say their shapes."""
    shapes = {}
    for key in sorted(tensors):  # of tensors with two names, the last one counts
        parts = tensors[key]
        shape = parts[0].shape
        if len(parts) > 1:
            shape = torch.Size((sum(len(part) for part in parts), *shape[1:]))
        shapes[key] = tuple(shape)
        if parts[0].is_floating_point():
            values = drawn(key, shape)
            pieces = values.split([len(part) for part in parts]) if len(parts) > 1 else [values]
            for part, piece in zip(parts, pieces, strict=True):
                part.copy_(piece)
    return shapes


def drawn(key: str, shape: Sequence[int]) -> Tensor:
    """Random values of a moderate size, always the same ones for a key."""
    generator = torch.Generator().manual_seed(zlib.crc32(key.encode()))
    if len(shape) > 1:
        fan_in = max(torch.Size(shape[1:]).numel(), 1)
        return torch.randn(shape, generator=generator) / fan_in**0.5
    if key.endswith(("bias", "running_mean", "beta")):
        return torch.randn(shape, generator=generator) / 10
    return torch.rand(shape, generator=generator) + 0.5


def inputs(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(BATCH, *shape, generator=generator).to(dtype)


@torch.no_grad()
def outputs(model: nn.Module, x: Tensor, training: bool) -> list[Tensor]:
    """All tensors that a model gives back; what it draws at random is drawn with the same seed."""
    model.train(training)
    torch.manual_seed(0)
    found = list(tensors_in(model(x)))
    if not found:
        raise ValueError("it gives back no tensor")
    return found


def tensors_in(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from tensors_in(each)
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from tensors_in(each)


def statistics(tensors: dict[str, list[Tensor]]) -> dict[str, Tensor]:
    """The buffers that a step in train mode may have changed."""
    return {
        key: torch.cat(parts) if len(parts) > 1 else parts[0]
        for key, parts in tensors.items()
        if not isinstance(parts[0], nn.Parameter)
    }


def reference(model: nn.Module, shapes: Sequence[tuple[int, ...]]) -> Json:
    """All that an original computes with the weights of its keys, and how it was run.

    Raises:
        ValueError: it runs with no input, or its output says nothing.
    """
    keys = fill(original_tensors(model))
    count = sum(value.numel() for value in model.parameters())
    types = [torch.float64, torch.float32] if count <= LARGEST_DOUBLE else [torch.float32]
    errors = []
    for dtype in types:  # some models mix in float32, and some take only their own size
        model.to(dtype)
        for shape in shapes:
            try:
                found = outputs(model, inputs(shape, dtype), training=False)
            except Exception as error:
                errors.append(in_a_line(error))
                continue
            check_that_it_tells(found)
            made = {"shapes": keys, "dtype": dtype, "shape": shape, "outputs": found}
            return made | trained(model, made)
    raise ValueError(errors[-1])


def trained(model: nn.Module, made: Json) -> Json:
    try:
        found = outputs(model, inputs(made["shape"], made["dtype"]), training=True)
    except Exception as error:
        return {"trained": None, "note": f"in eval mode only: {in_a_line(error)}"}
    return {"trained": found, "statistics": statistics(original_tensors(model))}


def check_that_it_tells(found: list[Tensor]) -> None:
    """Raise where an output would be the same, or not a number, whatever the weights are."""
    for each in (each.double() for each in found if each.is_floating_point()):
        if not each.isfinite().all():
            raise ValueError("the output is not finite")
        between = (each - each[:1]).abs().max() if each.dim() else each.abs()
        if each.numel() > 1 and (each.std() == 0 or between < 1e-6 * each.abs().max()):
            raise ValueError("the output hardly depends on the input")


def comparison(model: nn.Module, made: Json, branches: Branches = ()) -> Json:
    """How a split model with the weights of the original's keys differs from it.

    Returns:
        ``difference``, the largest relative one; ``left``, each grouped convolution as its path,
        class and place; and ``reason`` where the two are not the same.
    """
    left = [
        [path, kind(each), getattr(each, "built_at", "")]
        for path, each in grouped_convs(model).items()
    ]
    keys = fill(original_tensors(model, branches))
    if keys != made["shapes"]:
        missing, unexpected = (
            sorted(one.items() - other.items())
            for one, other in ((made["shapes"], keys), (keys, made["shapes"]))
        )
        reason = f"its keys differ: missing {missing[:3]}, unexpected {unexpected[:3]}"
        return {"reason": reason, "left": left}
    model.to(made["dtype"])
    x = inputs(made["shape"], made["dtype"])
    pairs = list(zip(made["outputs"], outputs(model, x, training=False), strict=True))
    if made["trained"] is not None:
        pairs += zip(made["trained"], outputs(model, x, training=True), strict=True)
        found = statistics(original_tensors(model, branches))
        pairs += [(each, found[key]) for key, each in made["statistics"].items()]
    difference = max(relative_difference(*pair) for pair in pairs)
    outcome = {"difference": difference, "left": left}
    if difference > TOLERANCES[made["dtype"]]:
        outcome["reason"] = "it computes something else"
    return outcome


def relative_difference(expected: Tensor, found: Tensor) -> float:
    """The largest difference, relative to the largest value."""
    if expected.shape != found.shape:
        return float("inf")
    largest = expected.double().abs().max().item() if expected.numel() else 0.0
    difference = (expected.double() - found.double()).abs()
    if not difference.isfinite().all():
        return float("inf")
    return difference.max().item() / (largest or 1.0) if expected.numel() else 0.0


# Where a convolution comes from


def kind(conv: ConvNd) -> str:
    """The class of a convolution, and whether it has a forward of its own."""
    own = [each for each in type(conv).__mro__ if not each.__module__.startswith("torch.nn.")]
    has_forward = any({"forward", "_conv_forward"} & vars(each).keys() for each in own)
    return type(conv).__name__ + (" (a forward of its own)" if has_forward else "")


def note_where_convs_are_built(directory: Path, reasons: dict[Site, str]) -> None:
    """Let each convolution know the line that built it: a site's, else the innermost of a tree."""
    construct = ConvNd.__init__

    def noting(self: ConvNd, *args: Any, **kwargs: Any) -> None:
        construct(self, *args, **kwargs)
        self.__dict__["built_at"] = built_at(directory, reasons)

    ConvNd.__init__ = noting  # type: ignore[method-assign]


def built_at(directory: Path, reasons: dict[Site, str]) -> str:
    innermost = ""
    for frame, line in traceback.walk_stack(None):
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(directory):
            site = (path.relative_to(directory).as_posix(), line)
            innermost = innermost or f"{site[0]}:{line}: no site was found there"
            if site in reasons:
                return f"{site[0]}:{line}: {reasons[site]}"
    return innermost


# The process


def serve(
    connection: Connection, package: str, tree: str, branches: Branches, reasons: Any
) -> None:
    """Answer requests until the other side is gone.

    Args:
        connection: where requests come in as the name of a method of ``Worker`` and its arguments.
        package: the package's name.
        tree: the directory to import it from; empty for where it is installed.
        branches: see ``comparison``.
        reasons: why a site of the tree was left.
    """
    torch.set_num_threads(1)
    if tree:
        sys.path.insert(0, tree)
    worker = Worker(PACKAGES[package](package), branches)
    if tree:
        assert worker.package.directory == Path(tree, package), "another tree was imported"
        note_where_convs_are_built(worker.package.directory, reasons)
    while True:
        try:
            method, *arguments = connection.recv()
        except EOFError:
            return
        try:
            connection.send(getattr(worker, method)(*arguments))
        except Exception as error:
            connection.send({"error": in_a_line(error)})


class Worker:
    """What a process is asked to do; each answer is a dictionary, with ``error`` if it failed."""

    def __init__(self, package: Package, branches: Branches) -> None:
        self.package = package
        self.branches = branches

    def names(self) -> Json:
        return {"names": self.package.names()}

    def look(self, name: str) -> Json:
        """What a model consists of, without memory for its weights where it can be built so."""
        try:
            with torch.device("meta"):
                model = self.package.build(name)
        except Exception:
            model = self.package.build(name)
        return {
            "grouped": len(grouped_convs(model)),
            "parameters": sum(each.numel() for each in model.parameters()),
            "skeleton": skeleton(model),
        }

    def reference(self, name: str, path: str) -> Json:
        """Run the original, and store what it computes."""
        model = self._model(name)
        made = reference(model, self.package.shapes(name, model))
        torch.save(made, path)
        shape = [BATCH, *made["shape"]]
        return {"dtype": str(made["dtype"]), "input": shape, "note": made.get("note", "")}

    def compare(self, name: str, path: str) -> Json:
        """Run the split model, and compare with what was stored."""
        made = torch.load(path, weights_only=False)
        return comparison(self._model(name), made, self.branches)

    def _model(self, name: str) -> nn.Module:
        torch.manual_seed(0)
        return self.package.build(name)


def in_a_line(error: BaseException) -> str:
    """What went wrong, and the last line of source where it did."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}{where}"[:300]
