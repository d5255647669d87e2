"""Programs that get at a convolution in all ways: ``python tests/programs.py 3000``.

Each is put together by a seed from how a model builds and stores a grouped convolution, how other
code gets at it or at its norm, what is done there, and where. What gencode makes of it computes the
same, or the convolution is left, or what is done is spoken of.
"""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

sys.path.insert(0, str(Path(__file__).parent))

import torch
from programs_made import Program, program
from torch import nn
from torch.nn import functional

from equivalence import randomise, run_source
from gencode import split_source


def strangers() -> ModuleType:
    """A module that gencode does not know, which does what it likes."""

    def touch(module: nn.Module) -> None:
        if isinstance(module, nn.Conv2d):
            module.padding = (2, 2)

    def walk(module: nn.Module) -> None:
        for each in module.modules():
            if getattr(each, "out_channels", 0) == 8:
                each.weight.data.mul_(0.5)

    found = ModuleType("strangers")
    vars(found).update(
        touch=touch,
        walk=walk,
        is_conv=lambda module: isinstance(module, nn.Conv2d),
        weigh=lambda weight: weight.detach().abs().max(),
    )
    return found


@contextlib.contextmanager
def torch_as_it_is() -> Iterator[None]:
    """Undo what a program does to torch."""
    kept = nn.Conv2d.forward, functional.batch_norm, functional.relu
    sys.modules["strangers"] = strangers()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        nn.Conv2d.forward, functional.batch_norm, functional.relu = kept
        nn.modules.module._global_forward_hooks.clear()
        del sys.modules["strangers"]


def outputs(text: str, one: Program, state: dict[str, torch.Tensor]) -> list[torch.Tensor]:
    """What a model computes, before and after what is done to it; ``state`` is filled, or loaded.

    Raises:
        Exception: of the program.
    """
    with torch_as_it_is():
        module = run_source(text)
        sys.modules[module.__name__] = module
        try:
            torch.manual_seed(0)
            net = module.Net().double()
            if not state:
                randomise(net)
                state.update({key: value.clone() for key, value in net.state_dict().items()})
            net.load_state_dict(state)
            found = _computed(net)
            if one.has_surgery:
                net.surgery() if hasattr(net, "surgery") else module.surgery(net)
                found += _computed(net)
            return found
        finally:
            del sys.modules[module.__name__]


def _computed(net: nn.Module) -> list[torch.Tensor]:
    torch.manual_seed(1)
    x = torch.randn(2, 8, 9, 9, dtype=torch.double)
    return [net.train(mode)(x).detach().clone() for mode in (False, True)]


def verdict(one: Program) -> str:
    """What becomes of a program; what begins with ``silent`` must not be."""
    state: dict[str, torch.Tensor] = {}
    try:
        expected = outputs(one.text, one, state)
    except Exception as error:
        return f"no program: {type(error).__name__}"
    result = split_source(one.text)
    if not any(each.is_split for each in result.records):
        return "left"
    if split_source(result.text).text != result.text:
        return "silent: changes again"
    said = _is_said(one, result.warnings)
    try:
        found = outputs(result.text, one, state)
    except Exception as error:
        return f"said, and raises {type(error).__name__}" if said else f"silent: {error!r}"
    if _are_same(expected, found):
        return "equal, and said" if said else "equal"
    return "said" if said else "silent: another value"


def _is_said(one: Program, found: object) -> bool:
    assert isinstance(found, tuple)
    return any(each.line in one.lines for each in found)


def _are_same(expected: list[torch.Tensor], found: list[torch.Tensor]) -> bool:
    return all(
        one.shape == other.shape and torch.allclose(one, other, rtol=1e-9, atol=1e-9)
        for one, other in zip(expected, found, strict=True)
    )


def main() -> int:
    """Try many, and show those of which something is not said."""
    first, count = int(sys.argv[2]) if sys.argv[2:] else 0, int(sys.argv[1])
    found: Counter[str] = Counter()
    for seed in range(first, first + count):
        one = program(seed)
        came = verdict(one)
        found[came.partition(":")[0]] += 1
        if came.startswith("silent") or "-v" in sys.argv:
            print(f"{seed}: {one.parts}: {came}", flush=True)
    print(dict(found))
    return int("silent" in found)


if __name__ == "__main__":
    sys.exit(main())
