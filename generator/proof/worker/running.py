"""Run a model once: its outputs, and the gradients of a random sum of them."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn

Tensors = dict[str, Tensor]
BATCH = 2


@dataclass(frozen=True)
class Inputs:
    """What a model is called with."""

    arguments: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)

    def mapped(self, function: Callable[[Tensor], Tensor]) -> Inputs:
        """The same with each tensor replaced."""
        return Inputs(_mapped(self.arguments, function), _mapped(dict(self.keywords), function))

    def tensors(self) -> Tensors:
        """All tensors, by what they are called in a message."""
        return dict(tensors_in((self.arguments, dict(self.keywords)), "input"))


@dataclass
class Run:
    """What a model gave.

    Attributes:
        outputs: by what they are called in a message.
        gradients: of the parameters by their paths, and of the inputs by their numbers.
        no_gradients: why there are none, where there are none.
        draws: whether it took random numbers.
    """

    outputs: Tensors
    gradients: Tensors = field(default_factory=dict)
    no_gradients: str = ""
    draws: bool = False


def inputs_of(value: object) -> Inputs:
    """What an expression gives: a tuple of arguments, a dict of them, or one."""
    if isinstance(value, dict):
        return Inputs((), value)
    return Inputs(tuple(value) if type(value) is tuple else (value,))


def random_inputs(shapes: Sequence[Sequence[int]]) -> Inputs:
    """A batch of random numbers of each shape."""
    generator = torch.Generator().manual_seed(0)
    drawn = (torch.randn(BATCH, *shape, generator=generator).double() for shape in shapes)
    return Inputs(tuple(drawn))


def run(
    model: nn.Module,
    inputs: Inputs,
    training: bool,
    watching: AbstractContextManager[object] | None = None,
    with_gradients: bool = True,
) -> Run:
    """Run a model in a mode, with what it draws at random drawn from the same seed each time.

    Raises:
        Exception: whatever the model raises.
    """
    model.train(training)
    model.zero_grad(set_to_none=True)
    leaves: list[Tensor] = []

    def given(value: Tensor) -> Tensor:
        if not value.is_floating_point() or not with_gradients:
            return value.clone()
        leaves.append(value.clone().requires_grad_())
        return leaves[-1].clone()  # no leaf, so that it may be changed in place

    taken = inputs.mapped(given)
    seed(1)
    before = torch.get_rng_state()
    with torch.set_grad_enabled(with_gradients), watching or nullcontext():
        value = model(*taken.arguments, **taken.keywords)
    done = Run({name: each.detach().clone() for name, each in tensors_in(value)})
    done.draws = not torch.equal(before, torch.get_rng_state())
    if with_gradients:
        _differentiate(model, value, leaves, done)
    return done


def _differentiate(model: nn.Module, value: object, leaves: list[Tensor], done: Run) -> None:
    sums = []
    generator = torch.Generator().manual_seed(2)
    for _, each in tensors_in(value):
        if each.requires_grad and each.is_floating_point():
            factors = torch.randn(each.shape, generator=generator, dtype=torch.float64)
            sums.append((each * factors.to(each.dtype)).sum())
    if not sums:
        done.no_gradients = "its outputs cannot be differentiated"
        return
    try:
        torch.stack([each.double() for each in sums]).sum().backward()  # type: ignore[no-untyped-call]
    except Exception as error:
        done.no_gradients = f"backward raises {type(error).__name__}"
        return
    for name, parameter in model.named_parameters(remove_duplicate=False):
        done.gradients[name] = _gradient(parameter)
    for number, leaf in enumerate(leaves):
        done.gradients[f"input {number}"] = _gradient(leaf)


def _gradient(leaf: Tensor) -> Tensor:
    return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad.detach().clone()


def seed(number: int) -> None:
    """Start the random numbers of torch, Python and, if it is imported, NumPy."""
    torch.manual_seed(number)
    random.seed(number)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(number)


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Have tensors that are made without a type be of this one."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def tensors_in(value: object, name: str = "output") -> Iterator[tuple[str, Tensor]]:
    """All tensors in what a model gives back, with a name for each."""
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from tensors_in(each, f"{name}[{key!r}]")
    elif isinstance(value, (tuple, list)):
        for number, each in enumerate(value):
            yield from tensors_in(each, f"{name}[{number}]")
    elif is_dataclass(value):
        for one in fields(value):
            yield from tensors_in(getattr(value, one.name), f"{name}.{one.name}")


def _mapped(value: Any, function: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor):
        return function(value)
    if type(value) in (tuple, list):
        return type(value)(_mapped(each, function) for each in value)
    if type(value) is dict:
        return {key: _mapped(each, function) for key, each in value.items()}
    return value


def difference(expected: Tensor, found: Tensor, least: float = 0.0) -> float:
    """The largest difference, relative to the largest value, or to one that is at least to be."""
    if expected.shape != found.shape:
        return float("inf")
    if not expected.numel():
        return 0.0
    expected, found = expected.detach().double(), found.detach().double()
    is_same = (expected == found) | (expected.isnan() & found.isnan())  # an infinity is no number
    by = torch.where(is_same, 0.0, (expected - found).abs()).max().item()
    size = torch.where(expected.isfinite(), expected.abs(), 0.0).max().item()
    return by / (max(size, least) or 1.0) if by < float("inf") else float("inf")
