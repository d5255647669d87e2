"""Give a model to one of PLiNIO's methods, and say what that makes of it."""

from __future__ import annotations

import contextlib
import copy
import io
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import torch
from torch import Tensor, nn

from ..proof.prove import Place
from ..proof.worker.failures import is_of_memory
from ..proof.worker.measures import grouped_convs, is_refused
from ..proof.worker.running import tensors_in
from .constructs import GROUPED, NORM_AFTER_CAT, construct, own_words
from .places import place_of
from .pruning import exported, norms, norms_after_cat, prune
from .sizes import size_of_used
from .training import is_constant, train

ANOTHER: Final = "exports something else"
MISCOUNTED: Final = "counted wrongly"
BITS: Final = (2, 4, 8)
_DRAWS: Final = 3  # of masks: some of a wrong sum are such that it does not matter
_CLOSE: Final = 1e-4  # of the largest value, in float32


@dataclass(frozen=True)
class Outcome:
    """What a method makes of a model.

    Attributes:
        what: what it refuses, or gets wrong; empty where it takes the model.
        said: its own words, where it refuses it.
        place: the line of the model's source that it is about, where it is known.
    """

    what: str = ""
    said: str = ""
    place: Place | None = None


class _Wrong(Exception):
    """What a method gets wrong of a model that it takes."""


def outcome_of(method: str, net: nn.Module, inputs: Sequence[Any], in_full: bool = True) -> Outcome:
    """What a method makes of a model.

    It is to convert it, to count its true weights and to compute the same; PIT after pruning by
    masks that differ from layer to layer and from channel to channel, and export, too. In full it
    is also trained, PIT's export of what is trained is compared, and MPS has several precisions to
    choose from, is to fold all norms, and exports the same. The model is copied, and stays.

    Args:
        method: of PLiNIO.
        net: the model, in eval mode.
        inputs: what to call it with.
        in_full: whether all of that is asked.

    Raises:
        Exception: whatever the model itself raises.
        ImportError: PLiNIO cannot be imported.
    """
    methods = import_module("plinio.methods")
    with torch.no_grad():
        expected = net(*inputs)
    trying = _Trying(getattr(methods, method), net, inputs, in_full)
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # of torch.fx, about what is caught here
            trying.run(method, expected)
    except _Wrong as error:
        return Outcome(str(error))
    except Exception as error:
        if is_of_memory(error):
            raise
        return Outcome(construct(error, net), own_words(error), place_of(error))
    return Outcome()


class _Trying:
    """Gives one model to a method."""

    def __init__(self, method: Any, net: nn.Module, inputs: Sequence[Any], in_full: bool) -> None:
        self._method = method
        self._net = net
        self._inputs = inputs
        self._in_full = in_full

    def run(self, method: str, expected: object) -> None:
        """Have all be done that is asked.

        Raises:
            _Wrong: the method gets something wrong.
            Exception: what the method raises.
        """
        match method:
            case "PIT":
                self._pit(expected)
            case "MPS":
                self._mps()
            case _:
                self._see_same(self._counted(full_cost=True), expected)

    def _pit(self, expected: object) -> None:
        pit = self._counted(discrete_cost=True)
        self._see_same(pit, expected)
        for _ in range(_DRAWS):
            self._see_pruned(pit)
        if self._in_full:
            small: Any = exported(pit)
            cost, size = pit.cost.item(), size_of_used(small, self._inputs, small.graph, True)
            if cost != size:
                raise _Wrong(f"the cost of what is pruned is {cost:.0f}, its weights are {size}")
            self._see_trained(pit)
            self._see_exported(exported(pit), pit)

    @torch.no_grad()
    def _see_pruned(self, pit: Any) -> None:
        """See that what is exported of a model with random masks is that model."""
        prune(pit)
        if not is_close(exported(pit)(*self._inputs), pit(*self._inputs)):
            raise _Wrong(NORM_AFTER_CAT if norms_after_cat(pit.seed) else ANOTHER)

    def _mps(self) -> None:
        self._counted(bits=1, qinfo=_quantizers((8,)))
        if not self._in_full:
            return
        mps = self._converted(qinfo=_quantizers(BITS))
        late = norms(mps.seed)
        if late:
            raise _Wrong(f"{late[0]} stays a BatchNorm in float, of {len(late)}")
        for name, parameter in mps.named_nas_parameters():
            if name.endswith("alpha"):
                nn.init.uniform_(parameter)
        self._see_trained(mps)
        small = mps.export().eval()
        if norms(small):
            raise _Wrong(f"exports {norms(small)[0]} as a BatchNorm in float")
        self._see_exported(small, mps)

    def _converted(self, **arguments: Any) -> Any:
        """The model in the method, which changes what it is given."""
        example = self._inputs[0] if len(self._inputs) == 1 else (*self._inputs,)
        return self._method(copied(self._net), input_example=example, **arguments)

    def _counted(self, bits: int = 0, **arguments: Any) -> Any:
        """The same, once its cost is seen to be its weights, or eight bits for each of these."""
        converted = self._converted(**arguments)
        graph = None if arguments.get("full_cost") else converted.seed.graph
        size = size_of_used(self._net, self._inputs, graph, biases=not bits) * (8 if bits else 1)
        if converted.cost.item() != size:
            raise _Wrong(f"{_miscounted(self._net)}, {MISCOUNTED}")
        return converted

    def _see_same(self, converted: Any, expected: object) -> None:
        with torch.no_grad():
            if not is_close(converted(*self._inputs), expected):
                raise _Wrong("converts it, and computes something else")

    def _see_trained(self, converted: Any) -> None:
        fault = train(converted, self._inputs)
        if fault:
            raise _Wrong(fault)

    @torch.no_grad()
    def _see_exported(self, small: nn.Module, converted: Any) -> None:
        """See that what is exported of a trained model is that model."""
        expected = converted(*self._inputs)
        if is_constant(expected):
            raise _Wrong("its output does not depend on anything once it is trained")
        if not is_close(small(*self._inputs), expected):
            raise _Wrong("exports something else once it is trained")


def copied(net: nn.Module) -> nn.Module:
    """A copy; weight_norm keeps a weight that it has computed, which deepcopy alone refuses."""
    values = [value for module in net.modules() for value in vars(module).values()]
    tensors = [value for value in values if isinstance(value, Tensor)]
    return copy.deepcopy(net, {id(each): each.detach().clone() for each in tensors})


def is_close(found: object, expected: object) -> bool:
    """Whether the outputs of a model are the expected ones, in float32."""
    one, other = dict(tensors_in(found)), dict(tensors_in(expected))
    return one.keys() == other.keys() and all(
        one[name].shape == each.shape
        and bool((one[name] - each).abs().max() <= _CLOSE * each.abs().max())
        for name, each in other.items()
    )


def _miscounted(net: nn.Module) -> str:
    """What is most likely counted wrongly: what has other weights than it seems."""
    if any(map(is_refused, grouped_convs(net).values())):
        return GROUPED
    transposed = (each for each in net.modules() if getattr(each, "transposed", False))
    kind = next((type(each).__name__ for each in transposed), "")
    return f"nn.{kind}" if kind else "a layer"


def _quantizers(bits: tuple[int, ...]) -> Any:
    mps = import_module("plinio.methods.mps")
    return mps.get_default_qinfo(w_precision=bits, a_precision=(8,))
