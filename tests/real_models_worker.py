"""Build and run the models of an installed package, or of its split tree, in a process of its own.

The process that has the original says what a model computes with weights that follow from their
names; the one that has the split tree computes the same with weights of the same names, and
compares. No weight is handed over.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import traceback
import zlib
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gencode.proof.worker.norms_behind import norms_behind_cats
from packages import PACKAGES, Package
from split_trees import Site

NORM = "JoinedGroups"  # the class of the module that stands for a norm in the branches
BATCH = 2
LARGEST_DOUBLE = 300_000_000  # parameters; what has more is run in float32
# Of the largest value of a tensor. Another order of summation costs some 1e-15 or 1e-6 a layer,
# which hundreds of layers amplify; a wrong group changes the first digit.
TOLERANCES = {torch.float64: 1e-9, torch.float32: 1e-3}
NOISE = 1e-6  # what a result is taken to be at least, relative to the largest beside it

Json = dict[str, Any]
Shapes = dict[str, tuple[int, ...]]  # of an original's tensors, by their keys
ConvNd = nn.modules.conv._ConvNd
NormBase = nn.modules.batchnorm._NormBase


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


class Parts(list[Tensor]):
    """The tensors that one of the original has become, side by side.

    Attributes:
        order: which of its rows each of theirs is, where they are not in their order.
    """

    order: Tensor | None = None

    def of(self, whole: Tensor) -> Tensor:
        """The rows of the original, as they stand side by side."""
        return whole if self.order is None else whole[self.order]

    def whole(self, parts: Tensor) -> Tensor:
        """What stands side by side, as rows of the original."""
        return parts if self.order is None else parts[self.order.argsort()]


@torch.no_grad()
def original_tensors(model: nn.Module, shapes: Shapes | None = None) -> dict[str, Parts]:
    """The tensors of a model under the original's keys: of each group, in their order.

    ``shapes`` are the original's; the split model is asked by loading a state dict in which each
    tensor holds a number of its own, and then one in which each row does.
    """
    tensors = stored(model)
    if shapes is None:
        return {key: Parts([value]) for key, value in tensors.items()}
    counts = {name: value.clone() for name, value in tensors.items() if not is_drawn(value)}
    keys = list(shapes)
    numbered = {key: torch.full(shapes[key], number) for number, key in enumerate(keys)}
    model.load_state_dict(numbered)
    found: dict[str, Parts] = {}
    for name, value in tensors.items():
        stays = tuple(value.shape) == shapes.get(name)
        key = name if stays or not value.numel() else keys[int(value.flatten()[0])]
        found.setdefault(key, Parts()).append(value)
    model.load_state_dict({key: rows(shape) for key, shape in shapes.items()})
    for parts in found.values():
        if parts[0].numel() and parts[0].dim():
            order = torch.cat([each.flatten(1)[:, 0] if each.dim() > 1 else each for each in parts])
            is_kept = torch.equal(order, torch.arange(len(order)).to(order))
            parts.order = None if is_kept else order.long()
    for name, value in counts.items():
        tensors[name].copy_(value)
    return found


def rows(shape: Sequence[int]) -> Tensor:
    """A tensor of some shape that holds the number of each row."""
    if not shape:
        return torch.zeros(())
    return torch.arange(shape[0]).float().view(-1, *[1] * (len(shape) - 1)).expand(*shape)


def is_drawn(value: Tensor) -> bool:
    """Whether a tensor is given random values."""
    return value.is_floating_point()


# What its weights are, and what it computes


@torch.no_grad()
def fill(tensors: Mapping[str, Parts]) -> dict[str, tuple[int, ...]]:
    """Give floating tensors the values that follow from the original's keys; say their shapes."""
    shapes = {}
    for key in sorted(tensors):  # of tensors with two names, the last one counts
        parts = tensors[key]
        shape = parts[0].shape
        if len(parts) > 1 and shape:
            shape = torch.Size((sum(len(part) for part in parts), *shape[1:]))
        shapes[key] = tuple(shape)
        if is_drawn(parts[0]):
            values = parts.of(drawn(key, shape))
            sizes = [len(part) for part in parts] if len(parts) > 1 else []
            pieces = values.split(sizes) if sizes else [values]
            for part, piece in zip(parts, pieces, strict=True):
                part.copy_(piece)
        elif shape and not parts[0].any():  # an index of zeros, which would hide what it takes
            parts[0].flatten().copy_(torch.randperm(parts[0].numel(), generator=seeded(key)))
    return shapes


def drawn(key: str, shape: Sequence[int]) -> Tensor:
    """Random values of a moderate size, always the same ones for a key."""
    generator = seeded(key)
    if len(shape) > 1:
        fan_in = max(torch.Size(shape[1:]).numel(), 1)
        return torch.randn(shape, generator=generator) / fan_in**0.5
    if key.endswith(("bias", "running_mean", "beta")):
        return torch.randn(shape, generator=generator) / 10
    return torch.rand(shape, generator=generator) + 0.5


def seeded(key: str) -> torch.Generator:
    return torch.Generator().manual_seed(zlib.crc32(key.encode()))


def inputs(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(BATCH, *shape, generator=generator).to(dtype)


def outputs(model: nn.Module, x: Tensor, training: bool) -> list[Tensor]:
    """All tensors that a model gives back; what it draws at random is drawn with the same seed."""
    model.train(training)
    torch.manual_seed(0)
    with torch.set_grad_enabled(x.requires_grad):
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


Results = dict[str, Tensor]


Tensors = dict[str, Parts]


def evaluated(model: nn.Module, x: Tensor, weights: Sequence[str], tensors: Tensors) -> Results:
    return {f"output {n}": each for n, each in enumerate(outputs(model, x, training=False))}


def trained(model: nn.Module, x: Tensor, weights: Sequence[str], tensors: Tensors) -> Results:
    """The outputs in train mode, and the buffers after that step."""
    found = {f"output {n} in training": y for n, y in enumerate(outputs(model, x, training=True))}
    for key, parts in tensors.items():
        if not isinstance(parts[0], nn.Parameter):
            is_taken_apart = len(parts) > 1 and parts[0].dim() > 0
            found[key] = parts.whole(torch.cat(parts) if is_taken_apart else parts[0].clone())
    return found


def differentiated(
    model: nn.Module, x: Tensor, weights: Sequence[str], tensors: Tensors
) -> Results:
    """The gradients, by the input and by some weights, of a random sum of the outputs.

    In train mode: what BatchNorm keeps near one neither saturates nor dies.
    """
    model.requires_grad_(False)
    leaves = {"the input": Parts([x]), **{key: tensors[key] for key in weights}}
    for parts in leaves.values():
        for part in parts:
            part.requires_grad_()
    found = [each for each in outputs(model, x, training=True) if each.requires_grad]
    torch.manual_seed(0)
    torch.stack([(each * torch.randn_like(each)).sum() for each in found]).sum().backward()
    return {
        f"gradient of {key}": parts.whole(torch.cat([gradient(part) for part in parts]))
        for key, parts in leaves.items()
    }


def gradient(leaf: Tensor) -> Tensor:
    return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad


# In this order: what trains changes the model.
STEPS = {"eval mode": evaluated, "train mode": trained, "gradients": differentiated}


def reference(model: nn.Module, shapes: Sequence[tuple[int, ...]]) -> Json:
    """All that an original computes with the weights of its keys, and how it was run.

    Raises:
        ValueError: it runs with no input, or its output says nothing.
    """
    keys = fill(original_tensors(model))
    dtype, shape = accepted_input(model, shapes)
    tensors = original_tensors(model)
    convs = grouped_convs(model)
    weights = [
        f"{path}.{key}" for path, conv in convs.items() for key, _ in conv.named_parameters()
    ]
    results, notes = {}, []
    for name, step in STEPS.items():
        try:
            results[name] = step(model, inputs(shape, dtype), weights, tensors)
        except Exception as error:
            notes.append(f"without {name}: {in_a_line(error)}")
    check_that_it_tells(results["eval mode"])
    made = {"shapes": keys, "dtype": dtype, "shape": shape, "weights": weights, "results": results}
    effect, path = faintest(convs, results)
    x = inputs(shape, dtype)
    made["behind"] = list(norms_behind_cats(model, lambda: model.eval()(x)))
    if effect < TOLERANCES[dtype]:
        notes.append(f"a wrong group of {path or 'any convolution'} might not be seen")
    return made | {"notes": notes, "faintest": [effect, path]}


def accepted_input(
    model: nn.Module, shapes: Sequence[tuple[int, ...]]
) -> tuple[torch.dtype, tuple[int, ...]]:
    """The first type and shape that a model runs with, which it is converted to."""
    count = sum(value.numel() for value in model.parameters())
    error = ""
    for dtype in (torch.float64, torch.float32) if count <= LARGEST_DOUBLE else (torch.float32,):
        model.to(dtype)
        for shape in shapes:
            try:
                outputs(model, inputs(shape, dtype), training=False)
            except Exception as reason:
                error = in_a_line(reason)
            else:
                return dtype, shape
    raise ValueError(error)


def check_that_it_tells(found: Results) -> None:
    """Raise where an output would be the same, or not a number, whatever the weights are."""
    for each in (each.double() for each in found.values() if each.is_floating_point()):
        if not each.isfinite().all():
            raise ValueError("the output is not finite")
        between = (each - each[:1]).abs().max() if each.dim() else each.abs()
        if each.numel() > 1 and (each.std() == 0 or between < 1e-6 * each.abs().max()):
            raise ValueError("the output hardly depends on the input")


def faintest(convs: dict[str, ConvNd], results: dict[str, Results]) -> tuple[float, str]:
    """The least that a group matters to the outputs, and the path of its convolution.

    That is the sum of weight times gradient, relative to the largest output. Where it is lost in
    rounding, the outputs would not tell a wrong group.
    """
    found = []
    outputs = [y for key, y in results.get("train mode", {}).items() if key.startswith("output ")]
    largest = max((each.abs().max().item() for each in outputs), default=1.0)
    for path, conv in convs.items():
        slopes = results.get("gradients", {}).get(f"gradient of {path}.weight")
        if slopes is not None:
            effects = (slopes * conv.weight.detach()).abs().reshape(conv.groups, -1).sum(1)
            found.append((effects.min().item() / largest, path))
    return min(found, default=(0.0, ""))


def comparison(model: nn.Module, made: Json) -> Json:
    """How a split model with the weights of the original's keys differs from it.

    Returns:
        ``difference``, the largest relative one; ``left``, each grouped convolution as its path,
        class and place; ``behind``, likewise each norm that takes a concatenation of convolutions
        and did not in the original; ``norms``, how many are in the branches of a module; and
        ``reason`` where the two are not the same.
    """
    convs = grouped_convs(model)
    left = with_places(convs)
    norms = [type(each).__name__ for each in model.modules()].count(NORM)
    expected = made["shapes"]
    model.to(made["dtype"])
    try:
        tensors = original_tensors(model, expected)
    except RuntimeError as error:
        said = " ".join(str(error).split())[:300]
        return {"reason": f"it does not load the original: {said}", "left": left}
    keys = fill(tensors)
    if keys != expected:
        missing = sorted(expected.items() - keys.items())
        unexpected = sorted(keys.items() - expected.items())
        reason = f"its keys differ: missing {missing[:3]}, unexpected {unexpected[:3]}"
        return {"reason": reason, "left": left}
    largest, where = 0.0, ""
    for step, results in made["results"].items():
        if step == "gradients" and made["dtype"] is torch.float32:
            continue  # of a deep model they say more of rounding than of what it computes
        x = inputs(made["shape"], made["dtype"])
        found = STEPS[step](model, x, made["weights"], tensors)
        if found.keys() != results.keys():
            return {"reason": f"{step}: it gives back something else", "left": left}
        # A gradient that ought to be zero, as of a bias before a BatchNorm, is all rounding.
        values = [result.abs().max().item() for result in results.values() if result.numel()]
        least = NOISE * max(values, default=0.0)
        for key, result in results.items():
            difference = relative_difference(result, found[key], least)
            largest, where = max((largest, where), (difference, key))
    x = inputs(made["shape"], made["dtype"])
    found_behind = norms_behind_cats(model, lambda: model.eval()(x))
    behind = {path: each for path, each in found_behind.items() if path not in made["behind"]}
    outcome = {"difference": largest, "left": left, "behind": with_places(behind), "norms": norms}
    if largest > TOLERANCES[made["dtype"]]:
        outcome["reason"] = "it computes something else"
        outcome["note"] = f"most in {where}"
    return outcome


def relative_difference(expected: Tensor, found: Tensor, least: float = 0.0) -> float:
    """The largest difference, relative to the largest value, or to one that is at least to be."""
    if expected.shape != found.shape:
        return float("inf")
    if not expected.numel():
        return 0.0
    expected, found = expected.detach().double(), found.detach().double()
    difference = (expected - found).abs().max().item()
    largest = max(expected.abs().max().item(), least)
    return difference / (largest or 1.0) if difference < float("inf") else float("inf")


# Where a module comes from


def kind(module: nn.Module) -> str:
    """The class of a module, and whether it has a forward of its own."""
    own = [each for each in type(module).__mro__ if not each.__module__.startswith("torch.nn.")]
    has_forward = any({"forward", "_conv_forward"} & vars(each).keys() for each in own)
    return type(module).__name__ + (" (a forward of its own)" if has_forward else "")


def with_places(modules: Mapping[str, nn.Module]) -> list[list[str]]:
    """Each module as its path, class and place."""
    return [[path, kind(each), getattr(each, "built_at", "")] for path, each in modules.items()]


def note_where_built(
    base: type[nn.Module], directory: Path, reasons: dict[Site, str] | None = None
) -> None:
    """Let each module of a class know the line that built it, and why a site there was left."""
    construct = base.__init__

    def noting(self: nn.Module, *args: Any, **kwargs: Any) -> None:
        construct(self, *args, **kwargs)
        self.__dict__["built_at"] = built_at(self, directory, reasons)

    base.__init__ = noting  # type: ignore[method-assign]


def built_at(module: nn.Module, directory: Path, reasons: dict[Site, str] | None) -> str:
    """The line that builds a module, past those of its own class: a site's, else the innermost."""
    innermost = ""
    for frame, line in traceback.walk_stack(None):
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(directory) and frame.f_locals.get("self") is not module:
            site = (path.relative_to(directory).as_posix(), line)
            innermost = innermost or f"{site[0]}:{line}"
            if reasons and site in reasons:
                return f"{site[0]}:{line}: {reasons[site]}"
    return innermost if reasons is None else f"{innermost}: no site was found there"


# The process


def serve(connection: Connection, package: str, tree: str, reasons: Any) -> None:
    """Answer requests until the other side is gone.

    Args:
        connection: where requests come in as the name of a method of ``Worker`` and its arguments.
        package: the package's name.
        tree: the directory to import it from; empty for where it is installed.
        reasons: why a site of the tree was left.
    """
    torch.set_num_threads(1)
    if tree:
        sys.path.insert(0, tree)
    worker = Worker(PACKAGES[package](package))
    if tree:
        assert worker.package.directory == Path(tree, package), "another tree was imported"
        note_where_built(ConvNd, worker.package.directory, reasons)
        note_where_built(NormBase, worker.package.directory)
    while True:
        try:
            method, *arguments = connection.recv()
        except EOFError:
            return
        try:
            connection.send(getattr(worker, method)(*arguments))
        except Exception as error:
            connection.send({"error": in_a_line(error)})
        release_memory()


def release_memory() -> None:
    """Give back what a model took: models are circles of references, and glibc keeps its heap."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


class Worker:
    """What a process is asked to do; each answer is a dictionary, with ``error`` if it failed."""

    def __init__(self, package: Package) -> None:
        self.package = package

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
        return {
            "dtype": str(made["dtype"]),
            "input": [BATCH, *made["shape"]],
            "faintest": made["faintest"],
            "behind": made["behind"],
            "note": "; ".join(made["notes"]),
        }

    def compare(self, name: str, path: str) -> Json:
        """Run the split model, and compare with what was stored."""
        made = torch.load(path, weights_only=False)
        return comparison(self._model(name), made)

    def _model(self, name: str) -> nn.Module:
        torch.manual_seed(0)
        return self.package.build(name)


def in_a_line(error: BaseException) -> str:
    """What went wrong, and the last line of source where it did."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}{where}"[:300]
