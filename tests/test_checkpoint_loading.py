"""A split model loads the state dict of its original, and nothing that does not fit.

What the code that does so looks like is in test_checkpoint_code.py.
"""

from __future__ import annotations

import copy
import importlib
import io
import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest

from cases import model
from gencode import Options, helper_source, split_source

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402

from equivalence import assert_equivalent, randomise, run_source  # noqa: E402
from gencode.checkpoint import convert  # noqa: E402

ZOO = Path(__file__).parent / "zoo"
HEAD = """\
from functools import partial

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils import weight_norm

"""
# Every kind of convolution, two levels deep in what can hold modules.
NESTED = (
    HEAD
    + """
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.one = nn.Conv2d(8, 8, 1)
        self.conv = nn.Conv2d(8, 8, 3, padding=1, groups=2)
        self.bare = nn.Conv2d(8, 16, 1, groups=8, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.up = nn.ConvTranspose2d(16, 8, 2, groups=4)

    def forward(self, x):
        x = self.norm(self.bare(self.conv(self.one(x))))
        return self.up(x) + self.up(F.relu(x))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.ConvTranspose2d(4, 8, 1, bias=False, groups=2)
        self.rows = nn.ModuleList([nn.Sequential(Block(), nn.BatchNorm2d(8)) for _ in range(2)])
        self.heads = nn.ModuleDict({"a": nn.Sequential(nn.Conv2d(8, 4, 1, groups=4)), "b": Block()})
        self.last = nn.Conv2d(8, 5, 1)

    def forward(self, x):
        x = self.stem(x)
        for row in self.rows:
            x = row(x)
        return self.heads["a"](x), self.last(self.heads["b"](x))
"""
)
STYLES = ("auto", "explicit", "loop", "built")
X = torch.linspace(-1, 1, 2 * 4 * 5 * 6).sin().reshape(2, 4, 5, 6)
X8 = torch.linspace(-1, 1, 2 * 8 * 5 * 6).sin().reshape(2, 8, 5, 6)

State = dict[str, Any]
Pair = tuple[nn.Module, nn.Module]


def build(module: ModuleType) -> nn.Module:
    return module.Net()


def pair(source: str, build: Callable[[ModuleType], nn.Module] = build, **options: Any) -> Pair:
    """An original with random values and its split version, which has not loaded them."""
    text = split_source(source, Options(**options)).text
    assert text != source
    torch.manual_seed(0)
    original = build(run_source(source)).double()
    randomise(original)
    return original, build(run_source(text)).double()


def assert_same(split: nn.Module, original: nn.Module, x: Tensor = X) -> None:
    """Both compute the same in eval mode, and no constant."""
    x = x.double()
    for one, other in zip(outputs(split.eval(), x), outputs(original.eval(), x), strict=True):
        assert other.std() > 0
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def outputs(net: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
    found = net(x)
    return found if isinstance(found, tuple) else (found,)


def loading(net: nn.Module, state: State, **how: Any) -> Any:
    """What comes of loading a state dict: the names that are reported, or the error."""
    try:
        found = net.load_state_dict(state, **how)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return found.missing_keys, found.unexpected_keys


def names_in(message: str) -> list[str]:
    """The names and lines of a message in the order of the alphabet."""
    return sorted(message.replace('"', "\n").splitlines())


def faults(net: nn.Module, state: State, original: nn.Module) -> dict[str, set[str]]:
    """What is wrong with a state dict: the names of each kind of fault, as the original has them.

    An attribute that is written out is reported by the names of its parts.
    """
    paths = {name.rpartition(".")[0] for name in (*original.state_dict(), *state)}
    old = {rf"{re.escape(path)}[._]\d+\.(?=\w+$)": f"{path}." for path in paths}
    message = loading(net, state)
    assert isinstance(message, str) and message.startswith("RuntimeError: Error(s) in loading ")
    found: dict[str, set[str]] = {}
    for line in message.splitlines()[1:]:
        kind = line.strip().partition(" ")[0]
        names = re.findall(r'"([^"]+)"|size mismatch for ([\w.]+)', line)
        for name in (re.sub(r"\.parts\.\d+\.", ".", "".join(each)) for each in names):
            new = {re.sub(part, whole, name) for part, whole in old.items()} - {name}
            found.setdefault(kind, set()).update(new or {name})
    return found


def assert_same_faults(both: Pair, state: State) -> None:
    """Both models say of a state dict that the same is missing, unexpected or of another shape."""
    original, split = both
    assert faults(split, state, original) == faults(original, state, original)


def spans(net: nn.Module) -> list[tuple[int, int]]:
    """The stretch of memory of each parameter and buffer."""
    own = [each for one in net.modules() for each in (one._parameters, one._buffers)]
    tensors = [each for values in own for each in values.values() if each is not None]
    starts = [each.data_ptr() for each in tensors]
    sizes = [each.numel() * each.element_size() for each in tensors]
    assert min(starts) > 0 and all(each.is_contiguous() for each in tensors)
    return sorted((start, start + size) for start, size in zip(starts, sizes, strict=True))


def assert_nothing_is_shared(net: nn.Module) -> None:
    for (_, end), (start, _) in itertools.pairwise(spans(net)):
        assert end <= start


@pytest.mark.parametrize("style", STYLES)
def test_every_kind_of_convolution_in_every_style(style: str) -> None:
    result = assert_equivalent(NESTED, build, X, options=Options(style=style))
    found = {record.style for record in result.records}
    assert found == {"auto": {"explicit", "loop", "built"}}.get(style, {style, "built"})


@pytest.mark.parametrize("groups", [4, 1, 8])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("conv", ["nn.Conv2d", "nn.ConvTranspose2d"])
def test_what_may_turn_out_plain_or_depthwise(groups: int, bias: bool, conv: str) -> None:
    source = f"""{HEAD}
class Net(nn.Module):
    def __init__(self, c=8, g=4):
        super().__init__()
        self.first = nn.Conv2d(c, 2 * c, 1, groups=4)
        self.conv = {conv}(2 * c, c, 1, groups=g)
        self.last = {conv}(c, c, 3, groups=g, bias={bias})

    def forward(self, x):
        return self.last(self.conv(self.first(x)))
"""

    def build(module: ModuleType) -> nn.Module:
        return module.Net(g=groups)

    result = assert_equivalent(source, build, X8, options=Options(style="loop"))
    assert [record.style for record in result.records] == ["built"] * 3
    _, split = pair(source, build, style="loop")
    is_split = groups == 4 or (groups == 8 and "Transpose" in conv)
    assert (len(split.last.parts) == groups) if is_split else isinstance(split.last, nn.Module)


@pytest.mark.parametrize(
    "code",
    [
        "def conv(g): return nn.Conv2d(8, 8, 3, groups=g)\ndef made(g): return conv(g)",
        "def made(g, layer=nn.Conv2d): return layer(8, 8, 3, groups=g, bias=False)",
        "made = lambda g: partial(nn.Conv2d, kernel_size=3, groups=g)(8, 8)",
        "class Own(nn.Conv2d):\n"
        "    def __init__(self, g):\n        super().__init__(8, 16, 3, groups=g)\n"
        "def made(g): return nn.Sequential(Own(g), nn.ReLU())",
        "class Bound(nn.Conv2d):\n"
        "    def forward(self, x):\n"
        "        self.weight.data = torch.renorm(self.weight.data, p=2, dim=0, maxnorm=1)\n"
        "        return super().forward(x)\n"
        "def made(g): return Bound(8, 8, 3, groups=g)",
        "def made(g): return nn.ConvTranspose2d(8, 4, 3, stride=2, groups=g)",
        "def made(g): return nn.Conv2d(8, 16, 3, groups=2 * g)",
    ],
)
def test_what_is_split_where_it_is_built(code: str) -> None:
    source = f"{HEAD}\n{code}\n" + dedent("""

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.nets = nn.ModuleList([nn.Sequential(made(4)), made(2), made(1)])
                self.net = made(4)

            def forward(self, x):
                return self.net(x), *[each(x) for each in self.nets]
    """)
    result = assert_equivalent(source, build, X8)
    assert {record.style for record in result.records} == {"built"}


def test_a_class_that_the_file_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is not torch's own may have more than a weight and a bias: it stays whole."""

    class Own(nn.Conv2d):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.register_buffer("seen", torch.arange(8.0))

    top = "def made(g, conv_layer): return conv_layer(8, 8, 1, groups=g)"
    source = model("self.conv = nn.Sequential(made(4, F.Own))", top=top)
    monkeypatch.setattr(nn.functional, "Own", Own, raising=False)
    original, split = pair(source)
    split.load_state_dict(original.state_dict())
    assert type(split.conv[0]) is Own
    assert_same(split, original, X8)
    assert type(split.conv[0]) is Own


WEIGHT_NORMS = ("weight_norm", "nn.utils.weight_norm", "nn.utils.parametrizations.weight_norm")


def weight_norm_net(norm: str) -> str:
    return f"""{HEAD}
class Net(nn.Module):
    def __init__(self, groups=4):
        super().__init__()
        self.first = {norm}(nn.Conv2d(4, 8, 3, groups=2, bias=False))
        self.rest = nn.Sequential({norm}(nn.ConvTranspose2d(8, 8, 1, groups=groups)))
        self.conv = nn.Conv2d(8, 8, 1, groups=groups)
        self.conv = {norm}(self.conv)
        self.plain = {norm}(nn.Conv2d(8, 4, 1))

    def forward(self, x):
        return self.plain(self.conv(self.rest(self.first(x))))
"""


@pytest.mark.parametrize("norm", WEIGHT_NORMS)
def test_weight_norm(norm: str) -> None:
    assert_equivalent(weight_norm_net(norm), build, X)
    original, _ = pair(weight_norm_net(norm))
    names = {name.partition(".")[2] for name in original.state_dict() if name.startswith("conv.")}
    wholes = {"weight_g", "weight_v"}
    if "parametrizations" in norm:
        wholes = {f"parametrizations.weight.original{i}" for i in range(2)}
    assert names == {"bias", *wholes}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("wide", [True, False])
def test_what_is_built_on_a_condition(style: str, wide: bool) -> None:
    source = f"""{HEAD}
class Net(nn.Module):
    def __init__(self, wide, groups=4):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 1, groups=2)
        if wide:
            self.two = nn.Conv2d(8, 16, 3, groups=2)
            self.many = nn.Conv2d(16, 8, 1, groups=8)
            self.some = nn.Conv2d(8, 8, 1, groups=groups)
        else:
            self.two = nn.Conv2d(8, 4, 3, bias=False, groups=2)

    def forward(self, x):
        x = self.two(self.conv(x))
        if x.shape[1] == 16:
            x = self.many(x)
            x = self.some(x)
        return x
"""

    def build(module: ModuleType) -> nn.Module:
        return module.Net(wide)

    result = assert_equivalent(source, build, X8, options=Options(style=style))
    assert style != "loop" or {record.style for record in result.records} == {"loop", "built"}
    original, split = pair(source, build, style=style)
    other = pair(source, lambda module: module.Net(not wide), style=style)[0].state_dict()
    assert_same_faults((original, split), other)
    loading(split, other, strict=False)  # names what is wrong too, but for shapes


@pytest.mark.parametrize("style", STYLES)
def test_private_names_and_those_of_a_subclass(style: str) -> None:
    source = f"""{HEAD}
class Base(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.__conv = nn.Conv2d(8, 8, 1, groups=2)
        self.__many = nn.Conv2d(8, 16, 1, groups=8)
        self._some = nn.Conv2d(16, c, 1, groups=4)
        self._ = nn.Conv2d(8, 8, 1, groups=2)  # whose branches have private names

    def forward(self, x):
        return self._(self._some(self.__many(self.__conv(x))))


class _Net(Base):
    def __init__(self):
        super().__init__()
        self.__conv = nn.Conv2d(8, 8, 1, bias=False, groups=4)
        self.__many = nn.Conv2d(8, 16, 1, groups=8)

    def forward(self, x):
        return self.__many(self.__conv(super().forward(x)))
"""
    assert_equivalent(source, lambda module: module._Net(), X8, options=Options(style=style))
    assert_equivalent(source, lambda module: module.Base(), X8, options=Options(style=style))


def test_a_subclass_that_builds_nothing_of_its_base() -> None:
    source = f"""{HEAD}
class Base(nn.Module):
    def __init__(self, c=8, g=2):
        super().__init__()
        self.conv = nn.Conv2d(c, c, 1, groups=g)

    def forward(self, x):
        return self.conv(x)


class Net(Base):
    def __init__(self):
        super(Base, self).__init__()
        self.other = nn.Conv2d(8, 8, 1)

    def forward(self, x):
        return self.other(x)
"""
    assert split_source(source, Options(style="loop")).records[0].style == "built"
    original, split = pair(source, style="loop")
    assert loading(split, original.state_dict()) == ([], [])
    assert_same_faults((original, split), {**original.state_dict(), "conv.bias": X})


def test_a_mixin_before_the_module() -> None:
    source = f"""{HEAD}
class Mixin:
    def build(self):
        self.conv = nn.Conv2d(8, 8, 1, groups=2)

    def run(self, x):
        return self.conv(x)


class Net(Mixin, nn.Module):
    def __init__(self):
        super().__init__()
        self.build()

    def forward(self, x):
        return self.run(x)
"""
    result = assert_equivalent(source, build, X8)
    assert result.records[0].style == "explicit"


NESTED_CLASSES = f"""{HEAD}
class Net(nn.Module):
    def forward(self, x):
        return self.conv(self.inner(x))

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 1, groups=4)
        self.build()

    def build(self):
        class Inner(nn.Module):
            def forward(self, x):
                return self.conv(x)

            def __init__(self):
                super().__init__()
                self.conv = nn.Conv2d(8, 8, 1, groups=2)

        self.inner = Inner()
"""


def test_a_class_inside_a_method() -> None:
    assert_equivalent(NESTED_CLASSES, build, X8)


@pytest.mark.parametrize("style", STYLES)
def test_data_parallel(style: str) -> None:
    original, split = pair(NESTED, style=style)
    state = nn.DataParallel(original).state_dict()
    assert all(name.startswith("module.") for name in state)
    nn.DataParallel(split).load_state_dict(state)
    assert_same(split, original)
    del state["module.rows.0.0.conv.bias"]
    assert_same_faults((nn.DataParallel(original), nn.DataParallel(split)), state)


@pytest.mark.parametrize("style", STYLES)
def test_a_part_of_the_model(style: str) -> None:
    original, split = pair(NESTED, style=style)
    for name in ("rows.1", "heads", "heads.b"):
        split.get_submodule(name).load_state_dict(original.get_submodule(name).state_dict())
    assert_same(split.heads["b"], original.heads["b"], X8)
    assert_same(split.rows[1], original.rows[1], X8)
    if style == "built":
        split.stem.load_state_dict(original.stem.state_dict())
        assert_same(split.stem, original.stem)


@pytest.mark.parametrize("style", STYLES)
def test_the_state_dict_of_the_split_model(style: str) -> None:
    original, split = pair(NESTED, style=style)
    split.load_state_dict(original.state_dict())
    _, other = pair(NESTED, style=style)
    state = split.state_dict()
    assert not state.keys() & {"stem.weight", "rows.0.0.conv.weight", "rows.0.0.bare.weight"}
    other.load_state_dict(state)
    assert_same(other, original)
    for name, value in other.state_dict().items():
        torch.testing.assert_close(value, state[name], rtol=0, atol=0)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("old", ["stem.", "rows.0.", "rows.0.0.conv.weight", ".bias", "up.", "a.0"])
def test_some_from_the_original_and_some_from_the_split_model(style: str, old: str) -> None:
    original, split = pair(NESTED, style=style)
    split.load_state_dict(original.state_dict())
    wholes, parts = original.state_dict(), split.state_dict()
    for name in original.state_dict():
        if name in parts:
            continue
        if old in name:
            for part in parts_of(name, split):
                del parts[part]
        else:
            del wholes[name]
    _, other = pair(NESTED, style=style)
    assert wholes.keys() - parts.keys() and parts.keys() - wholes.keys()
    other.load_state_dict({**wholes, **parts})
    assert_same(other, original)


def parts_of(name: str, split: nn.Module) -> list[str]:
    """The names in a split model's state dict that stand for one of its original's."""
    steps, state = name.split("."), split.state_dict()
    for at in range(1, len(steps)):
        path, leaf = ".".join(steps[:at]), ".".join(steps[at:])
        for form in ("{}_{}.{}", "{}.parts.{}.{}", "{}.{}.{}"):
            names = [form.format(path, number, leaf) for number in range(8)]
            found = [each for each in names if each in state]
            if found:
                return found
    raise AssertionError(f"{name} was not split")


@pytest.mark.parametrize("style", STYLES)
def test_the_state_dict_that_is_given_stays_as_it_is(style: str) -> None:
    original, split = pair(NESTED, style=style)
    state = original.state_dict()
    before = {name: (id(each), each.clone()) for name, each in state.items()}
    split.load_state_dict(state)
    with torch.no_grad():
        for each in split.parameters():
            each.zero_()
    assert list(state) == list(before)
    for name, (identity, value) in before.items():
        assert id(state[name]) == identity
        torch.testing.assert_close(state[name], value, rtol=0, atol=0)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_assign(style: str, device: str) -> None:
    """The parts may be views of what is given, but an optimizer's step moves each by itself."""
    original, copied = pair(NESTED, style=style)
    text = split_source(NESTED, Options(style=style)).text
    copied.load_state_dict(original.state_dict())
    with torch.device(device):
        split = build(run_source(text))
    assert {each.device.type for each in split.parameters()} == {device}
    assert {each.dtype for each in split.parameters()} == {torch.float32}
    state = copy.deepcopy(original.state_dict())
    assert loading(split, state, assign=True) == ([], [])
    assert {each.device.type for each in split.state_dict().values()} == {"cpu"}
    assert {each.dtype for each in split.parameters()} == {torch.float64}
    assert all(isinstance(each, nn.Parameter) and each.is_leaf for each in split.parameters())
    assert {each.requires_grad for each in split.parameters()} == {True}
    assert_same(split, original)
    assert_nothing_is_shared(split)
    for net in (split, copied):
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        for _ in range(2):
            optimizer.zero_grad()
            sum(each.sin().sum() for each in net.train()(X.double())).backward()
            optimizer.step()
    assert_same(split, copied)
    for name, value in split.state_dict().items():
        torch.testing.assert_close(value, copied.state_dict()[name], rtol=1e-9, atol=1e-9)


def test_assign_keeps_what_is_frozen() -> None:
    for style in STYLES:
        original, split = pair(NESTED, style=style)
        split.requires_grad_(False)
        split.load_state_dict(original.state_dict(keep_vars=True), assign=True)
        assert not any(each.requires_grad for each in split.parameters())


@pytest.mark.parametrize("style", STYLES)
def test_assign_leaves_what_is_missing_as_it_is(style: str) -> None:
    """An optimizer goes on with the very parameters that it was given."""
    _, split = pair(NESTED, style=style)
    before = dict(split.named_parameters())
    split.load_state_dict({}, assign=True, strict=False)
    assert all(each is before[name] for name, each in split.named_parameters())


@pytest.mark.parametrize("style", STYLES)
def test_a_state_dict_that_holds_parameters(style: str) -> None:
    original, split = pair(NESTED, style=style)
    split.load_state_dict(original.state_dict(keep_vars=True))
    assert_same(split, original)
    assert all(each.is_leaf for each in split.parameters())
    split.load_state_dict(original.state_dict(keep_vars=True), assign=True)
    assert_same(split, original)
    assert all(each.is_leaf for each in split.parameters())


@pytest.mark.parametrize("style", STYLES)
def test_modules_that_are_there_twice(style: str) -> None:
    source = f"""{HEAD}
class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 1, groups=2)
        self.many = nn.Conv2d(8, 16, 1, groups=8)

    def forward(self, x):
        return self.many(self.conv(x))[:, ::2]


class Net(nn.Module):
    def __init__(self, groups=4):
        super().__init__()
        block, conv = Block(), nn.Conv2d(8, 8, 1, groups=groups)
        self.one = nn.Sequential(block, conv)
        self.two = nn.ModuleList([conv, block, conv])
        self.three = conv

    def forward(self, x):
        for each in self.two:
            x = each(x)
        return self.three(self.one(x))
"""
    assert_equivalent(source, build, X8, options=Options(style=style))
    for assign in (False, True):
        original, split = pair(source, style=style)
        assert split.one[1] is split.two[0] is split.two[2] is split.three
        split.load_state_dict(original.state_dict(), assign=assign)
        assert_same(split, original, X8)
        assert_nothing_is_shared(split)


@pytest.fixture(params=STYLES)
def module(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ModuleType]:
    """The split model's module, imported from a file, as pickle needs it."""
    name = f"checkpoint_{request.param}"
    (tmp_path / f"{name}.py").write_text(split_source(NESTED, Options(style=request.param)).text)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        yield importlib.import_module(name)


def test_copies_and_what_was_saved_whole(module: ModuleType) -> None:
    original, _ = pair(NESTED)
    split = build(module).double()
    file = io.BytesIO()
    torch.save(split, file)
    file.seek(0)
    before = {name: each.clone() for name, each in split.state_dict().items()}
    for twin in (copy.deepcopy(split), torch.load(file, weights_only=False)):
        assert type(twin) is module.Net
        twin.load_state_dict(original.state_dict())
        assert_same(twin, original)
    for name, value in split.state_dict().items():  # the copies have values of their own
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def test_what_was_saved_in_a_file(tmp_path: Path) -> None:
    original, split = pair(NESTED)
    torch.save(original.state_dict(), tmp_path / "model.pt")
    for more in ({}, {"mmap": True}):
        state = torch.load(tmp_path / "model.pt", weights_only=True, **more)
        split.load_state_dict(state)
        assert_same(split, original)


SYMBOLIC = model(
    "self.conv = nn.Conv2d(4, c, 1, groups=2)\n"
    "self.some = nn.Conv2d(c, c, 1, groups=g)\n"
    "self.one = nn.Conv2d(c, c, 1, groups=g // 4)",
    "return self.one(self.some(self.conv(x)))",
).replace("(self)", "(self, c=8, g=4)", 1)
NORMS = (
    "nn.BatchNorm2d(8)",
    "nn.BatchNorm2d(8, affine=False)",
    "nn.InstanceNorm2d(8, affine=True, track_running_stats=True)",
    "nn.InstanceNorm2d(8, affine=True)",
)


def split_by_helper(norm: str) -> Pair:
    """A norm after a grouped convolution, and both of them split."""
    helper = run_source(helper_source())
    original = nn.Sequential(nn.Conv2d(4, 8, 1, groups=4), eval(norm)).double()
    split = nn.Sequential(*helper.split_conv_norm(*copy.deepcopy(original)))
    assert type(split[1]) is helper.JoinedGroups
    randomise(original)
    return original, split


@pytest.fixture(params=[*STYLES, "symbolic", *WEIGHT_NORMS, *NORMS])
def both(request: pytest.FixtureRequest) -> Pair:
    """An original and its split version, which has not loaded it."""
    if request.param in NORMS:
        return split_by_helper(request.param)
    if request.param in WEIGHT_NORMS:
        return pair(weight_norm_net(request.param))
    if request.param == "symbolic":
        return pair(SYMBOLIC, style="loop")
    return pair(NESTED, style=request.param)


def tried(state: State) -> list[str]:
    """The names of a state dict, of blocks of one class those of the first.

    Without a norm's number of batches, which a part makes up: see at the end.
    """
    return [
        name
        for name in state
        if not name.endswith("num_batches_tracked") and not name.startswith(("rows.1.", "heads.b."))
    ]


def test_each_that_is_missing(both: Pair) -> None:
    original, split = both
    for name in tried(original.state_dict()):
        state = original.state_dict()
        del state[name]
        if may_be_missing(name, split):
            assert loading(split, state) == ([], [])
            continue
        assert faults(split, state, original) == {"Missing": {name}}
        missing, unexpected = loading(split, state, strict=False)
        parts = [name] if name in split.state_dict() else parts_of(name, split)
        assert missing in ([name], parts) and not unexpected


def may_be_missing(name: str, split: nn.Module) -> bool:
    """Whether it is the number of batches of a norm that is written out."""
    return name.endswith("num_batches_tracked") and name not in split.state_dict()


def test_each_that_has_another_shape(both: Pair) -> None:
    original, split = both
    for name in tried(original.state_dict()):
        value = original.state_dict()[name]
        size = [*value.shape]
        shapes = [
            [*size, 2],
            [*size, 1] if size else [2, 1],
            [size[0] + 1, *size[1:]] if size else [3],
        ]
        if size:
            shapes += [[], [0], [1, *size], [*size[:-1], size[-1] + 1], size[1:]]
            shapes += [[size[0] // 2, *size[1:]], [size[0] // 2, 2, *size[1:]]]
        for shape in shapes:
            state = {**original.state_dict(), name: torch.ones(shape).to(value)}
            assert faults(original, state, original) == {"size": {name}}
            for strict in (True, False):
                message = loading(split, state, strict=strict)  # too few shares are missing
                assert isinstance(message, str) or (not strict and message[0]), (name, shape)


def test_what_is_right_is_loaded_all_the_same(both: Pair) -> None:
    """The error is raised at the end, as by torch."""
    original, split = both
    before = copy.deepcopy(split.state_dict())
    split.load_state_dict(original.state_dict())
    loaded = copy.deepcopy(split.state_dict())
    for name in set(tried(original.state_dict())) - before.keys():
        split.load_state_dict(before)
        wrong = {**original.state_dict(), name: torch.ones(99)}
        assert faults(split, wrong, original)["size"] == {name}
        own = parts_of(name, split)
        for each, value in split.state_dict().items():
            expected = (before if each in own else loaded)[each]
            torch.testing.assert_close(value, expected, rtol=0, atol=0)


def test_what_is_not_expected(both: Pair) -> None:
    original, split = both
    state = original.state_dict()
    paths = {name.rpartition(".")[0] for name in tried(state)}
    more = [f"{path}.{leaf}" for path in paths for leaf in ("bias", "foo", "0.foo", "weight.foo")]
    more += [*paths, "foo", "foo.bar", "module.conv.weight", "convs.0.weight"]
    for name in set(more) - state.keys():
        given = {**state, name: torch.ones(8)}
        assert "Unexpected" in faults(original, given, original)
        assert_same_faults(both, given)
        missing, unexpected = loading(split, given, strict=False)
        assert unexpected and not missing


def test_all_errors_at_once(both: Pair) -> None:
    original, split = both
    state = original.state_dict()
    given = {
        name: torch.ones(99) if i % 3 else state[name] for i, name in enumerate(state) if i % 4
    }
    given |= {"foo": torch.ones(8), "conv.foo.bar": torch.ones(8), "stem.foo": torch.ones(8)}
    counts = {name: value for name, value in state.items() if may_be_missing(name, split)}
    wrong = dict.fromkeys(state, torch.ones(99))
    for each in (
        given | counts,
        counts,
        wrong,
        {"foo": X, "conv.foo.bar": X, "stem.foo": X, **counts},
    ):
        assert_same_faults(both, each)


@pytest.mark.parametrize("style", ["auto", "explicit", "loop"])
def test_a_part_that_is_missing_in_a_state_dict_of_the_split_model(style: str) -> None:
    original, split = pair(NESTED, style=style)
    state = split.state_dict()
    (name, *_) = parts_of("rows.0.0.conv.bias", split)
    del state[name]
    assert loading(split, state, strict=False) == ([name], [])
    # With the whole beside some of its parts, or all, which is to be taken is not known.
    whole = {"rows.0.0.conv.bias": original.state_dict()["rows.0.0.conv.bias"]}
    assert loading(split, {**state, **whole}, strict=False) == ([name], [*whole])
    assert loading(split, {**split.state_dict(), **whole}, strict=False) == ([], [*whole])


@pytest.mark.parametrize("style", STYLES)
def test_a_state_dict_without_versions_may_lack_the_number_of_batches(style: str) -> None:
    original, split = pair(NESTED, style=style)
    state = {
        name: value
        for name, value in original.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    assert loading(split, state) == loading(original, state) == ([], [])
    assert_same(split, original)


def test_a_state_dict_from_before_batches_were_counted() -> None:
    original, split = pair(NESTED)
    state = original.state_dict()
    for name in [each for each in state if each.endswith("num_batches_tracked")]:
        del state[name]
        state._metadata[name.rpartition(".")[0]]["version"] = 1
    assert loading(split, state) == loading(original, state) == ([], [])
    assert_same(split, original)


@pytest.fixture(params=NORMS)
def norms(request: pytest.FixtureRequest) -> Pair:
    return split_by_helper(request.param)


def test_a_norm_that_is_split(norms: Pair) -> None:
    original, split = norms
    for net in norms:
        net.train()(X.double())
    split.load_state_dict(original.state_dict())
    assert_same(split, original)
    assert_nothing_is_shared(split)
    for one, other in zip(
        outputs(split.train(), X.double()), outputs(original.train(), X.double()), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
    assert_same(split, original)
    assert_nothing_is_shared(split)
    for name, value in original[1].state_dict().items():
        shares = [each.state_dict()[name] for each in split[1].parts]
        whole = torch.cat(shares) if value.dim() else torch.stack(shares).unique().squeeze()
        torch.testing.assert_close(whole, value, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_a_norm_that_is_split_and_assigned(norms: Pair, device: str) -> None:
    original, split = norms
    loading_into = copy.deepcopy(split).to(device) if device == "meta" else split
    assert loading(loading_into, original.state_dict(), assign=True) == ([], [])
    assert_same(loading_into, original)
    assert_nothing_is_shared(loading_into)


def test_a_norm_that_is_split_may_lack_its_number_of_batches(norms: Pair) -> None:
    original, split = norms
    state = dict(original.state_dict())
    state.pop("1.num_batches_tracked", None)
    for each in split[1].parts:
        if each.track_running_stats:
            each.num_batches_tracked.fill_(3)
    assert loading(original, state) == loading(split, state) == ([], [])
    assert_same(split, original)
    assert_nothing_is_shared(split)
    for each in split[1].parts:  # a model's own count stays
        assert not each.track_running_stats or each.num_batches_tracked == 3


EARLIER = Path(__file__).parent / "earlier" / "grouped_3d.py"


@pytest.mark.parametrize("path", [ZOO / "grouped_3d.py", EARLIER], ids=["now", "earlier"])
def test_a_state_dict_is_converted_and_its_moved_keys_are_named(path: Path) -> None:
    """An earlier gencode has emitted a function that does so."""
    source = (ZOO / "grouped_3d.py").read_text(encoding="utf-8")
    original = run_source(source).GroupedConv3d().double()
    randomise(original)
    text = split_source(path.read_text(encoding="utf-8")).text
    assert ("load_parts" in text) is (path is EARLIER)
    split = run_source(text).GroupedConv3d().double()
    moved = convert(original.state_dict(), split).moved
    assert moved == {
        "spatial.weight": ("spatial_0.weight", "spatial_1.weight"),
        "spatial.bias": ("spatial_0.bias", "spatial_1.bias"),
        "temporal.weight": tuple(f"temporal.{i}.weight" for i in range(8)),
    }
    assert_same(split, original, torch.randn(2, *original.input_shape))


@pytest.mark.parametrize("style", STYLES)
def test_what_is_converted_loads_without_any_code_for_it(style: str) -> None:
    original, split = pair(NESTED, style=style)
    converted = convert(original.state_dict(), split)
    assert converted.gone == converted.new == ()
    assert converted.moved.keys() == original.state_dict().keys() - split.state_dict().keys()
    _, bare = pair(NESTED, style=style, checkpoint=False)
    bare.load_state_dict(converted.state_dict)
    assert_same(bare, original)


def test_a_class_that_loads_its_weights_by_itself() -> None:
    own = """
    def _load_from_state_dict(self, state_dict, prefix, *args):
        for name in list(state_dict):
            if name.startswith(f"{prefix}old_"):
                state_dict[name.replace("old_", "")] = state_dict.pop(name)
        super()._load_from_state_dict(state_dict, prefix, *args)
"""
    source = model("self.conv = nn.Conv2d(8, 8, 1, groups=2)") + own
    result = assert_equivalent(source, build, X8)
    assert [(each.style, each.note) for each in result.records] == [
        ("built", "Net loads its weights by a _load_from_state_dict of its own")
    ]
    original, split = pair(source)
    state = {f"old_{name}": each for name, each in original.state_dict().items()}
    split.load_state_dict(state)
    assert_same(split, original, X8)
    subclass = model("self.conv = nn.Conv2d(8, 8, 1, groups=2)") + "\n\nclass Sub(Net):" + own
    original, split = pair(subclass, lambda module: module.Sub())
    assert split_source(subclass).records[0].style == "explicit"
    for given in (state, original.state_dict()):
        original.load_state_dict(given)
        split.load_state_dict(given)
        assert_same(split, original, X8)


def test_a_hook_of_the_class_sees_the_names_of_the_original() -> None:
    source = model(
        """
        self.conv = nn.Conv2d(8, 8, 1, groups=2)
        self._register_load_state_dict_pre_hook(self.rename)
        """
    )
    source += """
    def rename(self, state_dict, prefix, *args):
        for name in list(state_dict):
            if name.startswith(f"{prefix}old_"):
                state_dict[name.replace("old_", "")] = state_dict.pop(name)
"""
    original, split = pair(source)
    (record,) = split_source(source).records
    assert (record.style, record.note) == (
        "built",
        "a hook may change the weights that Net loads (line 10)",
    )
    assert split_source(source, Options(checkpoint=False)).records[0].style == "explicit"
    state = {f"old_{name}": each for name, each in original.state_dict().items()}
    split.load_state_dict(state)
    assert_same(split, original, X8)


def test_a_hook_of_another_class_changes_nothing() -> None:
    source = model("self.conv = nn.Conv2d(8, 8, 1, groups=2)")
    source += """

class Other(nn.Module):
    def __init__(self):
        super().__init__()
        self._register_load_state_dict_pre_hook(print)
"""
    (record,) = split_source(source).records
    assert (record.style, record.note) == ("explicit", "")
    original, split = pair(source)
    split.load_state_dict(original.state_dict())
    assert_same(split, original, X8)


def test_without_it_no_state_dict_of_the_original_is_loaded() -> None:
    """By the classes of the source, that is; what splits once it is built loads it always."""
    source = model("self.conv = nn.Conv2d(8, 8, 1, groups=2)")
    for style in STYLES:
        original, split = pair(source, style=style, checkpoint=False)
        assert "_load_from_state_dict" not in vars(type(split))
        _, unexpected = loading(split, original.state_dict(), strict=False)
        assert unexpected == ([] if style == "built" else ["conv.weight", "conv.bias"])
        split.load_state_dict(split.state_dict())


def not_yet(reason: str) -> pytest.MarkDecorator:
    """What does not load as it does in the original, and should."""
    return pytest.mark.xfail(strict=True, raises=(AssertionError, AttributeError), reason=reason)


def test_a_mixin_after_the_module() -> None:
    source = f"""{HEAD}
class Mixin:
    def build(self):
        self.conv = nn.Conv2d(8, 8, 1, groups=2)

    def run(self, x):
        return self.conv(x)


class Net(nn.Module, Mixin):
    def __init__(self):
        super().__init__()
        self.build()

    def forward(self, x):
        return self.run(x)
"""
    original, split = pair(source)
    assert loading(split, original.state_dict()) == ([], [])


@not_yet("torch renames them for each parametrized module, and by then they should be in parts")
def test_weights_from_before_parametrizations() -> None:
    original, split = pair(weight_norm_net("nn.utils.parametrizations.weight_norm"))
    old, _ = pair(weight_norm_net("nn.utils.weight_norm"))
    assert loading(original, old.state_dict()) == ([], [])
    assert loading(split, old.state_dict()) == ([], [])


@not_yet("it is taken for a tensor, or for nothing")
@pytest.mark.parametrize("value", [None, [1.0] * 8, torch.ones(8).numpy()])
def test_what_is_no_tensor(value: object) -> None:
    original, split = pair(NESTED)
    state = {**original.state_dict(), "rows.0.0.conv.bias": value}
    assert "expected torch.Tensor or Tensor-like" in loading(original, state)
    assert loading(split, state) == loading(original, state)


@not_yet("the parts of a norm have no version, so that each makes up its number of batches")
def test_a_number_of_batches_that_is_missing() -> None:
    original, split = split_by_helper(NORMS[0])
    state = original.state_dict()
    del state["1.num_batches_tracked"]
    assert "Missing key(s)" in loading(original, state)
    assert "Missing key(s)" in loading(split, state)


def test_the_whole_beside_some_of_its_parts() -> None:
    original, split = split_by_helper(NORMS[0])
    state = {**split.state_dict(), "0.bias": original.state_dict()["0.bias"]}
    assert "0.bias" in loading(split, state, strict=False)[1]


def test_a_norm_of_version_1() -> None:
    original, split = split_by_helper(NORMS[0])
    state = original.state_dict()
    del state["1.num_batches_tracked"]
    state._metadata["1"]["version"] = 1
    assert loading(original, state) == ([], [])
    assert loading(split, state) == ([], [])


def test_a_norm_on_the_meta_device_without_a_number_of_batches() -> None:
    original, split = split_by_helper(NORMS[0])
    state = dict(original.state_dict())
    del state["1.num_batches_tracked"]
    split.to("meta").load_state_dict(state, assign=True)
    assert not any(each.is_meta for each in split.state_dict().values())
