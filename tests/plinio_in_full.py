"""What PLiNIO makes of a model that it takes: it is trained and exported, and costs what it weighs.

And where in the source of a model that is which they refuse.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import torch
from plinio.methods.mps import get_default_qinfo
from torch import Tensor, fx, nn

from plinio_checks import convert, exported, norms, true_size
from zoo_plinio import TAKEN, is_close

STEPS = 2
BITS = (2, 4, 8)


class InFull:
    """What else is asked of a model that a method takes.

    Args:
        net: the model, as it was before the method changed it.
    """

    def __init__(self, net: nn.Module) -> None:
        self._net = net

    def __call__(self, method: str, converted: nn.Module, x: Tensor) -> str:
        """``TAKEN``, or what is wrong with it."""
        if method == "PIT":
            return self._pit(converted, x)
        return self._mps(x) if method == "MPS" else TAKEN

    def _pit(self, pit: nn.Module, x: Tensor) -> str:
        """Of one with masks that differ from layer to layer and from channel to channel."""
        cost, size = float(pit.cost), true_size(exported(pit))
        if cost != size:
            return f"the cost of what is pruned is {cost:.0f}, its weights are {size}"
        fault = trained(pit, x)
        if fault:
            return fault
        return _compared(exported(pit), pit, x)

    def _mps(self, x: Tensor) -> str:
        """Of one with another precision for each layer."""
        qinfo = get_default_qinfo(w_precision=BITS, a_precision=(8,))
        mps = convert("MPS", self._net, copies=False, qinfo=qinfo)
        late = norms(mps.seed)
        if late:
            return f"{late[0]} stays a BatchNorm in float, of {len(late)}"
        for name, parameter in mps.named_nas_parameters():
            if name.endswith("alpha"):
                nn.init.uniform_(parameter)
        fault = trained(mps, x)
        if fault:
            return fault
        small = mps.export().eval()
        if norms(small):
            return f"exports {norms(small)[0]} as a BatchNorm in float"
        return _compared(small, mps, x)


def trained(net: nn.Module, x: Tensor) -> str:
    """What is wrong with a few steps of training, if anything; the model is in eval mode again."""
    net.train()
    optimizer = torch.optim.SGD(net.parameters(), 1e-4)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = _first(net(x)).square().mean() + 1e-9 * net.cost
        if not loss.isfinite():
            return "its loss is not finite"
        loss.backward()
        without = [name for name, each in net.named_nas_parameters() if _lacks_gradient(each)]
        if without:
            return f"{without[0]} has no gradient, of {len(without)}"
        optimizer.step()
    net.eval()
    return ""


@torch.no_grad()
def _compared(small: nn.Module, net: nn.Module, x: Tensor) -> str:
    """Whether what is exported of a trained model is that model."""
    expected = net(x)
    if expected.std() == 0:
        return "its output does not depend on anything once it is trained"
    return TAKEN if is_close(small(x), expected) else "exports something else once it is trained"


def _lacks_gradient(parameter: nn.Parameter) -> bool:
    """Whether there is a choice that is not trained: one of one is none."""
    return parameter.requires_grad and parameter.numel() > 1 and parameter.grad is None


def _first(output: Tensor | tuple[Tensor, ...]) -> Tensor:
    """The main output of a network that has others when it is trained."""
    return output[0] if isinstance(output, tuple) else output


# Where


def keep_places() -> None:
    """Have all tracers note at which line each node of a graph is made."""
    fx.proxy.TracerBase.record_stack_traces = True


def place_in(directory: Path, error: Exception) -> str:
    """The line in a package that the node stands on that an error is about; empty if not known."""
    for frame in reversed([*_frames(error.__traceback__)]):
        if Path(frame.tb_frame.f_code.co_filename).is_relative_to(directory):
            return _said(directory, frame.tb_frame.f_code.co_filename, frame.tb_lineno)
        for value in frame.tb_frame.f_locals.values():
            if isinstance(value, fx.Node) and value.stack_trace:
                return _place_of_node(directory, value.stack_trace)
    return ""


def _frames(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _place_of_node(directory: Path, stack_trace: str) -> str:
    """The innermost line of a package in the text of a stack."""
    found = ""
    for line in stack_trace.splitlines():
        file, _, rest = line.strip().removeprefix('File "').partition('", line ')
        if rest and Path(file).is_relative_to(directory):
            found = _said(directory, file, int(rest.partition(",")[0]))
    return found


def _said(directory: Path, file: str, line: int) -> str:
    return f"{Path(file).relative_to(directory.parent).as_posix()}:{line}"
