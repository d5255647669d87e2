"""Run an original and its split source, and compare all that they compute."""

from __future__ import annotations

import importlib
import itertools
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from gencode import Options, Result, split_source

torch.set_num_threads(1)  # small tensors: more threads only wait for each other

Build = Callable[[ModuleType], nn.Module]
_numbers = itertools.count()


def run_source(text: str) -> ModuleType:
    """The module that a source is."""
    module = ModuleType(f"model_{next(_numbers)}")
    exec(compile(text, module.__name__, "exec"), module.__dict__)
    return module


def import_from(directory: str, name: str) -> ModuleType:
    """A module or package of a directory, imported anew."""
    path = Path(directory).resolve()
    sys.path.insert(0, str(path))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(path))
        own = {each.stem for each in path.iterdir()}
        for each in [key for key in sys.modules if key.partition(".")[0] in own]:
            del sys.modules[each]


def randomise(model: nn.Module) -> None:
    """Give all weights and statistics random values: a fresh BatchNorm would hide wrong groups."""
    for name, value in itertools.chain(model.named_parameters(), model.named_buffers()):
        if value.is_floating_point():
            positive = name.endswith(("running_var", "norm.weight", "bn.weight"))
            nn.init.uniform_(value, 0.5, 1.5) if positive else nn.init.normal_(value, std=0.5)


def carried_over(split: nn.Module, values: dict[str, Tensor]) -> dict[str, Tensor]:
    """What belongs to an original's state dict, as the split model loads it."""
    before = {name: each.clone() for name, each in split.state_dict().items()}
    split.load_state_dict(values)
    loaded = {name: each.clone() for name, each in split.state_dict().items()}
    split.load_state_dict(before)
    return loaded


def grouped_left(model: nn.Module) -> list[str]:
    """The convolutions of a model that PLiNIO would still not take for their groups."""
    return [
        name
        for name, each in model.named_modules()
        if isinstance(each, nn.modules.conv._ConvNd)
        and each.groups != 1
        and not (each.groups == each.in_channels == each.out_channels and _has_depthwise(each))
    ]


def _has_depthwise(conv: nn.modules.conv._ConvNd) -> bool:
    return conv.weight.dim() < 5 and not conv.transposed


def assert_equivalent(
    source: str,
    build: Build,
    *inputs: Tensor,
    options: Options = Options(),
    edit: tuple[str, str] = ("", ""),
) -> Result:
    """The split source, after an edit, computes what the original does, in eval and train mode."""
    result = split_source(source, options)
    styles = {record.style for record in result.records if record.is_split}
    assert styles
    assert split_source(result.text, options).text is result.text
    assert options.style == "auto" or styles <= {options.style, "built"}
    torch.manual_seed(0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        original, split = build(run_source(source)), build(run_source(result.text.replace(*edit)))
    left = [each for each in caught if "is left with its" in str(each.message)]
    assert_same_models(original, split, *inputs)
    as_it_was = [each for each in result.records if each.status in ("left", "skipped")]
    assert len(grouped_left(split)) == len(as_it_was) + len(left)
    assert grouped_left(original)
    return result


def assert_same_models(original: nn.Module, split: nn.Module, *inputs: Tensor) -> None:
    """A model loads the random weights of another, and computes what it does in both modes."""
    _load(original, split)
    for mode in (False, True):
        original.train(mode)
        split.train(mode)
        _assert_same(original, split, inputs)


def differences(original: nn.Module, split: nn.Module, *inputs: Tensor) -> dict[str, float]:
    """The largest differences of what two models compute, relative to the largest value.

    Of the outputs in eval mode, in train mode with the statistics of the norms after it, and of all
    gradients in both.
    """
    _load(original, split)
    values: dict[str, list[tuple[Tensor, Tensor]]] = {"eval": [], "train": [], "gradients": []}
    for mode in ("eval", "train"):
        original.train(mode == "train")
        split.train(mode == "train")
        pairs = list(zip(_run(split, inputs), _run(original, inputs), strict=True))
        values[mode] += pairs[: -len(inputs)]
        assert all(one.std() > 0 for _, one in values[mode]), "a constant proves nothing"
        gradients, found = carried_over(split, _gradients(original)), _gradients(split)
        values["gradients"] += pairs[-len(inputs) :]
        values["gradients"] += [
            (found[name], gradients[name]) for name, _ in split.named_parameters()
        ]
    state = carried_over(split, original.state_dict())
    values["train"] += [(each, state[name]) for name, each in split.state_dict().items()]
    return {kind: _difference(pairs) for kind, pairs in values.items()}


def _difference(pairs: list[tuple[Tensor, Tensor]]) -> float:
    scale = max(float(expected.abs().max()) for _, expected in pairs)
    return max(float((found - expected).abs().max()) for found, expected in pairs) / scale


def _load(original: nn.Module, split: nn.Module) -> None:
    """Give a model random weights and statistics, and have another load them."""
    original.double()
    split.double()
    randomise(original)
    split.load_state_dict(original.state_dict())


def _assert_same(original: nn.Module, split: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    expected, found = _run(original, inputs), _run(split, inputs)
    for one, other in zip(expected, found, strict=True):
        assert one.std() > 0, "a constant proves nothing"
        assert_close(other, one)
    # With the statistics of the norms, which are no parameters.
    gradients = carried_over(split, _gradients(original))
    for name, gradient in _gradients(split).items():
        assert_close(gradient, gradients[name], 1e-8)


def assert_close(found: Tensor, expected: Tensor, tolerance: float = 1e-9) -> None:
    """Two tensors of float64 are the same but for the order of the sums in them."""
    if found.shape == expected.shape and found.dtype == expected.dtype:
        if torch.allclose(found, expected, rtol=tolerance, atol=tolerance):
            return  # many times as fast as what says where they differ
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


def _gradients(model: nn.Module) -> dict[str, Tensor]:
    """The state of a model with the gradients in place of its parameters, or 0 for none."""
    gradients = {
        name: torch.zeros_like(each) if each.grad is None else each.grad
        for name, each in model.named_parameters(remove_duplicate=False)
    }
    return {name: gradients.get(name, each) for name, each in model.state_dict().items()}


def _run(model: nn.Module, inputs: tuple[Tensor, ...]) -> list[Tensor]:
    model.zero_grad()
    leaves = [each.clone().double().requires_grad_() for each in inputs]
    torch.manual_seed(1)
    outputs = list(_tensors(model(*leaves)))
    torch.manual_seed(2)
    sum((each * torch.randn_like(each)).sum() for each in outputs).backward()
    return outputs + [each.grad for each in leaves if each.grad is not None]


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _tensors(each)
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from _tensors(each)
