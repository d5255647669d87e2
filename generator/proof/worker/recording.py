"""What a model does while it is built and run: each call of torch, by the expression that makes it.

An expression is told by its place in its file, as ``ast`` has it: Python's own table of positions
names it, from 3.11 on. Before that there are lines alone.
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dis import get_instructions
from types import CodeType, FrameType
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode, resolve_name

from .failures import is_the_users
from .running import Inputs, seed

Json = dict[str, Any]
Place = tuple[int, int, int, int]
Key = tuple[str, Place]
Spot = tuple[CodeType, int]  # a step of compiled code
_MODES: Final = ("eval", "train")
_MOST: Final = 500  # different things that are kept of one expression
_LONGEST: Final = 64  # items, or characters
_OF_MODULES: Final = f"{torch.nn.__path__[0]}/modules/".replace("\\", "/")
_OF_FUNCTIONS: Final = ("torch/functional.py", "torch/nn/functional.py", "torch/overrides.py")
_OF_FUNCTIONS_TOO: Final = ("torch/_tensor.py", "torch/_jit_internal.py", "torch/_VF.py")
_FROM: Final = "_gencode_from"
_PLAIN: Final = (int, float, bool, str, type(None))


class Recorder(TorchFunctionMode):
    """Notes what is seen of each expression.

    Attributes:
        seen: by expressions what was seen there, by all of it but the modes and the modules.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[Key, dict[str, Json]] = {}
        self.has_columns = hasattr(CodeType, "co_positions")
        self._paths: dict[int, str] = {}
        self._running: list[str] = []
        self._mode = ""
        self._is_busy = False
        self._built: list[tuple[nn.Module, Key]] = []
        self._users: dict[str, bool] = {}
        self._positions: dict[CodeType, list[Any]] = {}
        self._starts: dict[CodeType, list[int]] = {}
        self._done: Counter[Spot] = Counter()
        self._noted: Counter[Spot] = Counter()
        self._spots: dict[Key, set[Spot]] = {}

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if self._is_busy:
            return func(*args, **(kwargs or {}))
        found = self._expression(sys._getframe(1))
        given = self._given(args, kwargs or {}) if found else {}
        result = func(*args, **(kwargs or {}))
        name = resolve_name(func) or getattr(func, "__name__", str(func))
        if found:
            key, is_direct = found
            self._mark(result, key)
            self._note(key, "function", name, is_direct, given | {"gave": self._shown(result)})
        return result

    def called(self, call: Any, module: nn.Module, args: Any, kwargs: Any) -> Any:
        """Call a module, and note what it is given and gives."""
        found = None if self._is_busy else self._expression(sys._getframe(2))
        given = self._given(args, kwargs) if found else {}
        self._running.append(self._paths.get(id(module), "?"))
        try:
            result = call(module, *args, **kwargs)
        finally:
            self._running.pop()
        if found:
            key, is_direct = found
            kind = _path(type(module))
            if kind.startswith("torch.") or getattr(result, _FROM, None) is None:
                self._mark(result, key)
            self._note(key, "module", kind, is_direct, given | {"gave": self._shown(result)})
        return result

    def built(self, module: nn.Module, frame: FrameType) -> None:
        """Note that a module is built, past its own constructors."""
        found: FrameType | None = frame
        while found is not None:
            code = found.f_code
            own = found.f_locals.get(code.co_varnames[0]) if code.co_varnames else None
            if own is not module:
                break
            found = found.f_back
        key = self._expression(found)
        if key is not None and key[1]:
            self._built.append((module, key[0]))

    def note_built(self, model: nn.Module) -> None:
        """Note what has been built, now that it is done: the settings that are no weights."""
        self._paths = {id(each): path for path, each in model.named_modules()}
        for module, key in self._built:
            settings = {
                name: self._shown(value)
                for name, value in vars(module).items()
                if not name.startswith("_") and name != "training" and _is_plain(value)
            }
            self._running = [self._paths.get(id(module), "?")]
            self._note(key, "built", _path(type(module)), True, {"has": settings})
        self._running, self._built = [], []

    def run(self, model: nn.Module, inputs: Inputs) -> None:
        """Run a model in each mode, and note what it does."""
        given = inputs.mapped(lambda each: each.float() if each.is_floating_point() else each)
        for mode in _MODES:
            self._mode = mode
            model.train(mode == "train")
            taken = given.mapped(lambda each: each.clone())
            for each in taken.tensors().values():
                setattr(each, _FROM, "input")
            seed(1)
            with torch.no_grad(), _calls_noted(self), self, self._counting():
                model(*taken.arguments, **taken.keywords)
        for key, spots in self._spots.items():
            if any(self._noted[each] != self._done[each] for each in spots):
                self.seen[key]["not each time"] = {"kind": "not each time"}

    @contextmanager
    def _counting(self) -> Iterator[None]:
        """Count how often each step of the user's code is done: not all times something is seen.

        A debugger, or what measures coverage, sees nothing meanwhile.
        """
        before = sys.gettrace()

        def trace(frame: FrameType, event: str, argument: Any) -> Any:
            if not self._is_users(frame.f_code.co_filename):
                return None
            frame.f_trace_opcodes = True
            if event == "opcode":
                self._done[frame.f_code, frame.f_lasti] += 1
            return trace

        sys.settrace(trace)
        try:
            yield
        finally:
            sys.settrace(before)

    def _note(self, key: Key, kind: str, what: str, is_direct: bool, told: Json) -> None:
        found = {"kind": kind, "what": what, "direct": is_direct, **told}
        events = self.seen.setdefault(key, {})
        event = events.setdefault(repr(found), {**found, "modules": [], "modes": []})
        if len(events) > _MOST:
            events.pop(repr(found))
            events["too many"] = {"kind": "too many"}
            return
        for name, value in (("modules", self._owner()), ("modes", self._mode)):
            if value not in event[name] and (name == "modules" or value):
                event[name].append(value)

    def _owner(self) -> str:
        return self._running[-1] if self._running else ""

    def _expression(self, frame: FrameType | None) -> tuple[Key, bool] | None:
        """The user's expression that is evaluated, and whether it calls by itself what is called.

        None where that is called by a module of torch, and so by no expression of the user's.
        """
        is_direct = True
        while frame is not None:
            file = frame.f_code.co_filename
            if self._is_users(file):
                key = file, self._place(frame.f_code, frame.f_lasti, frame.f_lineno)
                if self._mode:
                    spot = frame.f_code, self._step(frame.f_code, frame.f_lasti)
                    self._noted[spot] += 1
                    self._spots.setdefault(key, set()).add(spot)
                return key, is_direct
            plain = file.replace("\\", "/")
            if plain.startswith(_OF_MODULES) and not plain.endswith("/module.py"):
                return None
            is_ours = frame.f_globals.get("__name__") == __name__
            if not is_ours and not plain.endswith((*_OF_FUNCTIONS, *_OF_FUNCTIONS_TOO)):
                is_direct = False
            frame = frame.f_back
        return None

    def _is_users(self, file: str) -> bool:
        if file not in self._users:
            self._users[file] = is_the_users(file)
        return self._users[file]

    def _place(self, code: CodeType, last: int, line: int) -> Place:
        if self.has_columns:
            if code not in self._positions:
                positions: Any = getattr(code, "co_positions", tuple)
                self._positions[code] = [*positions()]
            start, end, column, end_column = self._positions[code][last // 2]
            if None not in (start, end, column, end_column):
                return (start, column, end, end_column)
            self.has_columns = False  # Python was told to keep none
        return (line, -1, line, -1)

    def _step(self, code: CodeType, last: int) -> int:
        """Where an instruction begins, of which a frame may be said to be behind the start."""
        if code not in self._starts:
            self._starts[code] = [each.offset for each in get_instructions(code)]
        starts = self._starts[code]
        return starts[bisect_right(starts, last) - 1]

    def _mark(self, value: Any, key: Key) -> None:
        """Note of tensors which expression they stem from."""
        if isinstance(value, Tensor) and not isinstance(value, nn.Parameter):
            setattr(value, _FROM, key)
        elif isinstance(value, (tuple, list)) and len(value) <= _LONGEST:
            for each in value:
                self._mark(each, key)

    def _given(self, args: Any, kwargs: Mapping[str, Any]) -> Json:
        return {
            "given": [self._shown(each) for each in args],
            "named": {name: self._shown(each) for name, each in kwargs.items()},
        }

    def _shown(self, value: Any) -> Json:
        was, self._is_busy = self._is_busy, True  # what is asked here is not the user's
        try:
            return _shown(value)
        finally:
            self._is_busy = was


def _shown(value: Any) -> Json:
    """A value as plain data; of what has no such form its class alone."""
    if isinstance(value, Tensor):
        stems = getattr(value, _FROM, "")
        found: Json = {"shape": [*value.shape], "dtype": str(value.dtype).removeprefix("torch.")}
        if isinstance(value, nn.Parameter):
            found["parameter"] = True
        return {**found, "from": stems} if stems else found
    if isinstance(value, torch.Size):
        return {"size": [*value]}
    if type(value) in _PLAIN and (not isinstance(value, str) or len(value) <= _LONGEST):
        is_finite = not isinstance(value, float) or abs(value) < float("inf")
        return {"value": value} if is_finite else {"class": "float"}
    if type(value) in (tuple, list) and len(value) <= _LONGEST:
        return {"items": [*map(_shown, value)]}
    return {"class": _path(type(value))}


def _is_plain(value: Any) -> bool:
    is_of_plain = type(value) in (tuple, list) and all(type(each) in _PLAIN for each in value)
    return type(value) in _PLAIN or is_of_plain


def _path(cls: type) -> str:
    """What a class is called; of torch's modules the name that they are known by."""
    if cls.__module__.startswith("torch.nn.") and getattr(nn, cls.__name__, None) is cls:
        return f"torch.nn.{cls.__name__}"
    return f"{cls.__module__}.{cls.__qualname__}"


@contextmanager
def _calls_noted(recorder: Recorder) -> Iterator[None]:
    call = nn.Module.__call__

    def noting(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        return recorder.called(call, self, args, kwargs)

    nn.Module.__call__ = noting  # type: ignore[method-assign]
    try:
        yield
    finally:
        nn.Module.__call__ = call  # type: ignore[method-assign]


@contextmanager
def recording_what_is_built(recorder: Recorder) -> Iterator[None]:
    """Note where modules are built."""
    construct = nn.Module.__init__

    def noting(self: nn.Module, *args: Any, **kwargs: Any) -> None:
        construct(self, *args, **kwargs)
        recorder.built(self, sys._getframe(1))

    nn.Module.__init__ = noting  # type: ignore[method-assign]
    try:
        yield
    finally:
        nn.Module.__init__ = construct  # type: ignore[method-assign]
