"""The weights of an original, laid out for its split model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from torch import Tensor, nn  # noqa: E402

from gencode.checkpoint import convert  # noqa: E402

GROUPS = 3
LAYOUTS = ("{}_{}", "{}.{}", "{}.parts.{}")


class Net(nn.Module):
    """A model as its author wrote it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 6, 1)
        self.conv = nn.Conv2d(6, 12, 3, padding=1, groups=GROUPS)
        self.norm = nn.BatchNorm2d(12)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.norm(self.conv(self.stem(x))))


class Bare(nn.Module):
    """The same, split; it takes no weights but its own."""

    def __init__(self, layout: str = LAYOUTS[0]) -> None:
        super().__init__()
        self.layout = layout
        self.stem = nn.Conv2d(2, 6, 1)
        for group in range(GROUPS):
            put(self, layout.format("conv", group), nn.Conv2d(2, 4, 3, padding=1))
            put(self, layout.format("norm", group), nn.BatchNorm2d(4))

    def forward(self, x: Tensor) -> Tensor:
        parts = []
        for group, part in enumerate(self.stem(x).chunk(GROUPS, 1)):
            conv = self.get_submodule(self.layout.format("conv", group))
            norm = self.get_submodule(self.layout.format("norm", group))
            parts.append(norm(conv(part)))
        return torch.relu(torch.cat(parts, 1))


class Split(Bare):
    """The same, which takes the weights of the original."""

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *more: Any) -> None:
        for name in ("conv", "norm"):
            for key in [each for each in state_dict if each.startswith(f"{prefix}{name}.")]:
                end = key[len(f"{prefix}{name}.") :]
                if "." not in end:
                    share(state_dict, prefix, self.layout, name, end)
        super()._load_from_state_dict(state_dict, prefix, *more)


def share(state: dict[str, Any], prefix: str, layout: str, name: str, end: str) -> None:
    whole = state.pop(f"{prefix}{name}.{end}")
    parts = whole.chunk(GROUPS) if whole.dim() else [whole.clone() for _ in range(GROUPS)]
    for group, part in enumerate(parts):
        state[f"{prefix}{layout.format(name, group)}.{end}"] = part


def put(module: nn.Module, path: str, child: nn.Module) -> None:
    *parents, name = path.split(".")
    for each in parents:
        if each not in module._modules:
            module.add_module(each, nn.Module())
        module = module.get_submodule(each)
    module.add_module(name, child)


def trained() -> Net:
    """A model whose every value is its own."""
    model = Net()
    state = model.state_dict()
    for number, value in enumerate(state.values()):
        if value.is_floating_point():
            value.uniform_(0.5, 1.5)
        else:
            value.fill_(number)
    return model


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return list(one) == list(other) and all(map(torch.equal, one.values(), other.values()))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_converted_computes_the_same_in_a_model_without_hooks(layout: str) -> None:
    original, bare = trained(), Bare(layout)
    converted = convert(original.state_dict(), Split(layout))
    assert list(converted.state_dict) == list(bare.state_dict())
    bare.load_state_dict(converted.state_dict)
    Split(layout).load_state_dict(converted.state_dict)
    x = torch.randn(2, 2, 5, 5, dtype=torch.float64)
    expected = original.double().eval()(x)
    torch.testing.assert_close(bare.double().eval()(x), expected)
    assert expected.std() > 0.1


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_moved_key_is_named_with_where_it_went(layout: str) -> None:
    converted = convert(trained().state_dict(), Split(layout))
    ends = [("conv", each) for each in ("weight", "bias")] + [
        ("norm", each)
        for each in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    ]
    assert converted.moved == {
        f"{name}.{end}": tuple(f"{layout.format(name, group)}.{end}" for group in range(GROUPS))
        for name, end in ends
    }
    assert converted.kept == 2
    assert converted.gone == converted.new == ()


def test_every_part_has_the_values_of_its_group() -> None:
    old = trained().state_dict()
    new = convert(old, Split()).state_dict
    for group in range(GROUPS):
        part = slice(4 * group, 4 * group + 4)
        assert torch.equal(new[f"conv_{group}.weight"], old["conv.weight"][part])
        assert torch.equal(new[f"norm_{group}.running_var"], old["norm.running_var"][part])
        assert new[f"norm_{group}.num_batches_tracked"] == old["norm.num_batches_tracked"] > 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_precision_is_kept(dtype: torch.dtype) -> None:
    new = convert(trained().to(dtype).state_dict(), Split()).state_dict
    assert new["conv_0.weight"].dtype == new["stem.weight"].dtype == dtype
    assert new["norm_0.num_batches_tracked"].dtype == torch.int64


def test_what_is_converted_already_stays() -> None:
    once = convert(trained().state_dict(), Split()).state_dict
    again = convert(once, Split())
    assert same(again.state_dict, once)
    assert again.moved == {}
    assert again.kept == len(once)


def test_no_tensor_holds_more_memory_than_it_shows() -> None:
    old = trained().state_dict()
    new = convert(old, Split()).state_dict
    for value in new.values():
        assert value.is_contiguous()
        assert value.untyped_storage().nbytes() == value.numel() * value.element_size()
    places = [each.data_ptr() for each in (*old.values(), *new.values())]
    assert len(places) == len(set(places))


def test_what_is_one_tensor_under_two_keys_still_is() -> None:
    original, model = nn.ModuleList([Net(), Net()]), nn.ModuleList([Split(), Split()])
    original[1].conv.weight = original[0].conv.weight
    converted = convert(original.state_dict(), model)
    new = converted.state_dict
    assert new["0.conv_1.weight"].data_ptr() == new["1.conv_1.weight"].data_ptr()
    assert new["0.conv_1.bias"].data_ptr() != new["1.conv_1.bias"].data_ptr()
    assert converted.moved["1.conv.weight"] == tuple(f"1.conv_{g}.weight" for g in range(GROUPS))


def test_the_old_state_dict_is_left_as_it_is() -> None:
    old = trained().requires_grad_(False).state_dict(keep_vars=True)
    values, notes = {key: each.clone() for key, each in old.items()}, deepcopy(old._metadata)
    with torch.no_grad():
        model = Split()
        convert(old, model)
        model.conv_0.weight.zero_()
    assert same(old, values)
    assert old._metadata == notes
    assert not old["stem.weight"].requires_grad


def test_the_model_has_the_converted_weights() -> None:
    model = Split()
    new = convert(trained().state_dict(), model).state_dict
    assert same(model.state_dict(), new)
    assert model.conv_0.weight.requires_grad


# A prefix


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.module.", "conv."])
def test_a_prefix_that_the_model_has_not_is_kept(prefix: str) -> None:
    wrapped: nn.Module = trained()
    plain = convert(wrapped.state_dict(), Split())
    for name in reversed(prefix.split(".")[:-1]):
        parent = nn.Module()
        parent.add_module(name, wrapped)
        wrapped = parent
    converted = convert(wrapped.state_dict(), Split())
    assert same(
        converted.state_dict, {prefix + key: each for key, each in plain.state_dict.items()}
    )
    assert converted.moved[f"{prefix}conv.bias"] == tuple(
        f"{prefix}conv_{group}.bias" for group in range(GROUPS)
    )
    assert (len(converted.moved), converted.kept) == (len(plain.moved), plain.kept)
    split: nn.Module = Split()
    for name in reversed(prefix.split(".")[:-1]):
        parent = nn.Module()
        parent.add_module(name, split)
        split = parent
    assert converted.state_dict._metadata == split.state_dict()._metadata


def test_a_prefix_that_the_model_has_is_its_own() -> None:
    model = nn.ModuleDict({"module": Split()})
    old = nn.ModuleDict({"module": trained()}).state_dict()
    converted = convert(old, model)
    assert list(converted.state_dict) == list(model.state_dict())


class Single(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv_0, self.conv_1, self.conv_2 = (nn.Linear(2, 2) for _ in range(3))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *more: Any) -> None:
        for end in ("weight", "bias"):
            if f"{prefix}conv.{end}" in state_dict:
                share(state_dict, prefix, LAYOUTS[0], "conv", end)
        super()._load_from_state_dict(state_dict, prefix, *more)


def test_the_name_of_the_only_convolution_is_no_prefix() -> None:
    old = {"conv.weight": torch.randn(6, 2), "conv.bias": torch.randn(6)}
    assert set(convert(old, Single()).state_dict) == set(Single().state_dict())


# What there is to know of the versions of modules


def test_the_notes_are_those_of_the_split_model() -> None:
    old = trained().state_dict()
    expected = Split().state_dict()._metadata
    assert convert(old, Split()).state_dict._metadata == expected
    assert convert(dict(old), Split()).state_dict._metadata == expected


def test_a_checkpoint_from_before_batches_were_counted() -> None:
    old = trained().state_dict()
    del old["norm.num_batches_tracked"]
    old._metadata["norm"]["version"] = 1
    converted = convert(old, Split())
    assert converted.new == tuple(f"norm_{group}.num_batches_tracked" for group in range(GROUPS))
    assert converted.state_dict["norm_2.num_batches_tracked"] == 0
    Bare().load_state_dict(converted.state_dict)


# What does not fit


def test_a_state_dict_that_does_not_fit_is_refused_in_torch_s_words() -> None:
    old = trained().state_dict()
    del old["norm.bias"]
    with pytest.raises(RuntimeError, match=r'Missing key.*"norm_0.bias"'):
        convert(old, Split())
    with pytest.raises(RuntimeError, match=r"size mismatch for stem\.weight"):
        convert({**trained().state_dict(), "stem.weight": torch.zeros(1)}, Split())
    with pytest.raises(RuntimeError, match=r'Missing key.*"stem.weight"'):
        convert({}, Split())


def test_the_words_are_those_for_the_keys_without_the_prefix() -> None:
    old = {f"module.{key}": each for key, each in trained().state_dict().items()}
    del old["module.stem.bias"]
    with pytest.raises(RuntimeError) as caught:
        convert(old, Split())
    assert str(caught.value).splitlines()[1:] == ['\tMissing key(s) in state_dict: "stem.bias". ']


def test_a_model_that_takes_no_weights_of_the_original() -> None:
    with pytest.raises(RuntimeError, match="Unexpected key"):
        convert(trained().state_dict(), Bare())


def test_a_module_may_have_two_names() -> None:
    original, model = nn.ModuleDict({"a": trained()}), nn.ModuleDict({"a": Split()})
    original["b"], model["b"] = original["a"], model["a"]
    converted = convert(original.state_dict(), model)
    for name in "ab":
        assert converted.moved[f"{name}.conv.bias"] == tuple(
            f"{name}.conv_{group}.bias" for group in range(GROUPS)
        )
    assert (len(converted.moved), converted.kept) == (14, 4)
    assert converted.gone == converted.new == ()


def test_what_is_kept_under_two_names_may_have_been_saved_twice() -> None:
    original, model = nn.ModuleDict({"a": nn.Linear(2, 2)}), nn.ModuleDict({"a": nn.Linear(2, 2)})
    original["b"], model["b"] = original["a"], model["a"]
    converted = convert({key: each.clone() for key, each in original.state_dict().items()}, model)
    assert (converted.moved, converted.gone, converted.new) == ({}, (), ())


# Models that load in ways of their own


class Loading(nn.Module):
    """A model with a way of its own to load."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = (nn.Parameter(torch.zeros(2)) for _ in range(2))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *more: Any) -> None:
        if "old" in state_dict:
            self.take(state_dict)
        super()._load_from_state_dict(state_dict, prefix, *more)

    def take(self, state: dict[str, Any]) -> None:
        raise NotImplementedError


OLD = {"old": torch.tensor([1.0, 2.0]), "b": torch.tensor([3.0, 4.0])}


def test_a_key_may_be_made_of_several_others() -> None:
    class Joining(Loading):
        def take(self, state: dict[str, Any]) -> None:
            state["a"] = torch.stack((state.pop("old")[0], state["b"][1]))

    converted = convert(OLD, Joining())
    assert converted.moved == {"old": ("a",), "b": ("a", "b")}
    assert converted.kept == 0
    assert converted.state_dict["a"].tolist() == [1, 4]


def test_a_key_may_be_given_up_and_another_made_up() -> None:
    class Forgetting(Loading):
        def take(self, state: dict[str, Any]) -> None:
            state["b"] = state.pop("old")
            state["a"] = torch.ones(2)

    converted = convert(OLD, Forgetting())
    assert (converted.moved, converted.gone, converted.new) == ({"old": ("b",)}, ("b",), ("a",))
    assert converted.kept == 0


def test_a_model_that_looks_at_values() -> None:
    class Looking(Loading):
        def take(self, state: dict[str, Any]) -> None:
            if state["b"].max() > 10:
                raise ValueError("too large")
            state["a"] = state.pop("old")

    converted = convert(OLD, Looking())
    assert converted.state_dict["a"].tolist() == [1, 2]
    assert converted.state_dict["b"].tolist() == [3, 4]
    assert (converted.moved, converted.gone, converted.new) == ({}, ("old",), ("a",))


def test_a_model_that_copies() -> None:
    class Copying(Loading):
        def take(self, state: dict[str, Any]) -> None:
            with torch.no_grad():
                self.a.copy_(state.pop("old"))
            state["a"] = self.a

    converted = convert(OLD, Copying())
    assert converted.moved == {"old": ("a",)}
    assert converted.state_dict["a"].tolist() == [1, 2]


def test_a_model_that_does_not_load_its_own_layout_is_found_out() -> None:
    class Losing(Loading):
        def _load_from_state_dict(self, state_dict: Any, prefix: str, *more: Any) -> None:
            state_dict["a"] = state_dict.pop("old")
            super()._load_from_state_dict(state_dict, prefix, *more)

    with pytest.raises(KeyError):
        convert(OLD, Losing())


class Extra(nn.Module):
    def __init__(self, state: object = None) -> None:
        super().__init__()
        self.state = state
        self.register_buffer("empty", torch.zeros(0))

    def get_extra_state(self) -> object:
        return self.state

    def set_extra_state(self, state: object) -> None:
        self.state = state


def test_extra_state_and_empty_tensors_are_kept() -> None:
    original = nn.ModuleList([Extra({"step": 3}), trained()])
    converted = convert(original.state_dict(), nn.ModuleList([Extra(), Split()]))
    assert converted.state_dict["0._extra_state"] == {"step": 3}
    assert (len(converted.moved), converted.kept) == (7, 4)


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield
