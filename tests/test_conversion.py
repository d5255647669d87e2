"""``--convert-checkpoint``: from file to file, and what is said of it."""

from __future__ import annotations

import pickle
import sys
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from torch import Tensor, nn  # noqa: E402

from gencode.command import main  # noqa: E402
from gencode.key_lists import compressed  # noqa: E402
from gencode.load_model import ModelSource, load_model  # noqa: E402

# As gencode writes it, but for the weights of the original, which it takes by hand.
SPLIT = """\
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, bias=True):
        super().__init__()
        self.stem = nn.Conv1d(2, 4, 1)
        self.conv = nn.ModuleList(nn.Conv1d(1, 2, 1, bias=bias) for _ in range(4))

    def _load_from_state_dict(self, state_dict, prefix, *more):
        for name in ("weight", "bias"):
            whole = state_dict.pop(f"{prefix}conv.{name}", None)
            if whole is not None:
                for group, part in enumerate(whole.chunk(4)):
                    state_dict[f"{prefix}conv.{group}.{name}"] = part
        super()._load_from_state_dict(state_dict, prefix, *more)

class Bare(Net):
    _load_from_state_dict = nn.Module._load_from_state_dict

class Odd(Net):
    def _load_from_state_dict(self, *_):
        raise KeyError("odd")

class Silent(Net):
    def _load_from_state_dict(self, *_):
        raise RuntimeError

def tied():
    model = nn.ModuleList([Net(), Net()])
    return model
"""
MOVED = """\
conv.weight -> conv.{0..3}.weight
conv.bias -> conv.{0..3}.bias
"""
SUMMARY = "keys: 2 moved to 8, 2 kept\n"


class Original(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv1d(2, 4, 1)
        self.conv = nn.Conv1d(4, 8, 1, groups=4)


@pytest.fixture(autouse=True)
def in_a_directory_with_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    Path("split.py").write_text(SPLIT, encoding="utf-8")


def run(old: str = "old.pt", new: str = "new.pt", model: str = "Net", key: str = "") -> int:
    more = ["--checkpoint-key", key] if key else []
    return main(["--convert-checkpoint", old, new, "--model", f"split.py:{model}", *more])


def save(contents: object, path: str = "old.pt", **more: Any) -> None:
    torch.save(contents, path, **more)


def load(path: str = "new.pt") -> Any:
    return torch.load(path, weights_only=True)


def weights(**more: Any) -> dict[str, Tensor]:
    torch.manual_seed(0)
    return Original().to(**more).state_dict()


def listing() -> list[str]:
    return sorted(each.name for each in Path().iterdir())


def is_converted(new: Mapping[str, Tensor], old: Mapping[str, Tensor]) -> bool:
    whole = {
        **{key: new[key] for key in ("stem.weight", "stem.bias")},
        "conv.weight": torch.cat([new[f"conv.{group}.weight"] for group in range(4)]),
        "conv.bias": torch.cat([new[f"conv.{group}.bias"] for group in range(4)]),
    }
    return len(new) == 10 and all(torch.equal(whole[key], old[key]) for key in old)


def test_a_state_dict_is_converted_and_its_moved_keys_are_named(capfd) -> None:
    save(weights())
    assert run() == 0
    out, err = capfd.readouterr()
    assert out == ""
    assert err == f"{MOVED}new.pt: {SUMMARY}"
    assert is_converted(load(), weights())


def test_what_was_converted_already_is_written_as_it_is(capsys) -> None:
    save(weights())
    run()
    capsys.readouterr()
    assert run("new.pt", "newer.pt") == 0
    assert capsys.readouterr().err == "newer.pt: keys: none moved, 10 kept\n"
    assert is_converted(load("newer.pt"), weights())


def test_a_file_may_be_replaced(capsys) -> None:
    save(weights())
    assert run(new="old.pt") == 0
    assert is_converted(load("old.pt"), weights())
    assert listing() == ["old.pt", "split.py"]


def test_half_precision_is_kept() -> None:
    save(weights(dtype=torch.float16))
    assert run() == 0
    assert load()["conv.0.weight"].dtype == torch.float16
    assert is_converted(load(), weights(dtype=torch.float16))


def test_a_file_of_the_old_format() -> None:
    save(weights(), _use_new_zipfile_serialization=False)
    assert run() == 0
    assert is_converted(load(), weights())


def test_a_file_is_no_larger_than_its_tensors() -> None:
    model = nn.Conv1d(4, 40_000, 1, groups=4)
    save({**weights(), "conv.weight": model.weight.detach(), "conv.bias": model.bias.detach()})
    Path("split.py").write_text(SPLIT.replace("(1, 2, 1", "(1, 10_000, 1"), encoding="utf-8")
    assert run() == 0
    assert Path("new.pt").stat().st_size < Path("old.pt").stat().st_size + 10_000


def test_tied_weights_stay_tied() -> None:
    original = nn.ModuleList([Original(), Original()])
    original[1].conv.weight = original[0].conv.weight
    save(original.state_dict())
    assert run(model="tied") == 0
    new = load()
    assert new["0.conv.2.weight"].data_ptr() == new["1.conv.2.weight"].data_ptr()
    assert new["0.conv.2.weight"].data_ptr() != new["0.conv.1.weight"].data_ptr()


def test_keys_that_vanish_or_appear_are_named(capsys) -> None:
    text = SPLIT.replace('state_dict.pop(f"{prefix}conv.{name}", None)', "None").replace(
        "super()._load",
        'state_dict.pop("conv.bias", None)\n'
        '        state_dict.setdefault("conv.0.bias", torch.zeros(2))\n        super()._load',
    )
    Path("split.py").write_text(text, encoding="utf-8")
    old = {f"conv.{group}.weight": torch.ones(2, 1, 1) for group in range(4)}
    old |= {f"conv.{group}.bias": torch.ones(2) for group in (1, 2, 3)}
    save({**old, **{key: each for key, each in weights().items() if key != "conv.weight"}})
    assert run() == 0
    assert capsys.readouterr().err == (
        "conv.bias is gone\n"
        "conv.0.bias is new, with a value of the model's own\n"
        "new.pt: keys: none moved, 1 gone, 1 new, 9 kept\n"
    )


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["a.b.weight"], "a.b.weight"),
        (["conv_0.bias", "conv_1.bias"], "conv_{0,1}.bias"),
        ([f"a.0.conv.{n}.bias" for n in range(12)], "a.0.conv.{0..11}.bias"),
        (["conv10.bias", "conv11.bias", "conv12.bias"], "conv{10..12}.bias"),
        (["conv.0.bias", "conv.1.bias", "conv.3.bias"], "conv.{0,1,3}.bias"),
        (["a.01", "a.02", "a.03"], "a.{01,02,03}"),
        (["a.weight", "b.weight"], "a.weight, b.weight"),
        (["a.0.b.0", "a.1.b.1"], "a.0.b.0, a.1.b.1"),
        (["a.0.weight", "a.1.weight2"], "a.0.weight, a.1.weight2"),
    ],
)
def test_keys_in_a_few_words(keys: list[str], expected: str) -> None:
    assert compressed(keys) == expected


# What a file has besides

OPTIMIZER = {"state": {0: {"exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 0.1}]}


@pytest.mark.parametrize("key", ["state_dict", "model", "net", "ema"])
def test_all_else_in_a_file_is_kept(key: str, capsys) -> None:
    more = {"best": torch.tensor(0.5), "empty": {}, "by number": {0: torch.zeros(2)}}
    save(OrderedDict({"epoch": 3, key: weights(), **more}))
    assert run() == 0
    assert capsys.readouterr().err == f"{MOVED}new.pt: {SUMMARY}"
    new = load()
    assert list(new) == ["epoch", key, *more]
    assert (new["epoch"], new["best"], new["empty"]) == (3, 0.5, {})
    assert is_converted(new[key], weights())
    assert new[key]._metadata["conv.0"] == {"version": 1}


def test_a_prefix_stays(capsys) -> None:
    save({"state_dict": {f"module.{key}": each for key, each in weights().items()}})
    assert run() == 0
    assert "module.conv.bias -> module.conv.{0..3}.bias\n" in capsys.readouterr().err
    new = load()["state_dict"]
    assert is_converted({key.removeprefix("module."): new[key] for key in new}, weights())


def test_what_no_longer_fits_is_warned_of(capsys) -> None:
    save({"model": weights(), "optimizer": OPTIMIZER, "optimizers": [OPTIMIZER], "ema": weights()})
    assert run(key="model") == 0
    assert capsys.readouterr().err == (
        "old.pt: warning: optimizer: kept as it was, but it is of the old parameters\n"
        "old.pt: warning: optimizers: kept as it was, but it is of the old parameters\n"
        "old.pt: warning: ema: kept as it was, with the old keys\n"
        f"{MOVED}new.pt: {SUMMARY}"
    )
    new = load()
    assert is_converted(new["model"], weights())
    assert new["ema"].keys() == weights().keys()
    assert new["optimizer"]["param_groups"] == OPTIMIZER["param_groups"]


@pytest.mark.parametrize(
    ("contents", "key", "message"),
    [
        (
            {"model": weights(), "ema": weights(), "epoch": 3},
            "",
            "holds several state dicts, model, ema: name one with --checkpoint-key",
        ),
        ({"epoch": 3, 4: 5}, "", "holds no dict of tensors alone; it has epoch, 4"),
        ({"model": {**weights(), "epoch": 3}}, "", "holds no dict of tensors alone; it has model"),
        (
            {**weights(), "epoch": 3},
            "",
            "holds no dict of tensors alone; it has stem.weight, stem.bias, ",
        ),
        (
            dict.fromkeys("abcdefghij"),
            "",
            "holds no dict of tensors alone; it has a, b, c, d, e, f, g, h, ...",
        ),
        ({}, "", "holds no dict of tensors alone; it is empty"),
        ([weights()], "", "holds no state dict, but a list"),
        (weights(), "ema", "holds no state dict under 'ema'; it has stem.weight, "),
        ({"model": weights(), "epoch": 3}, "epoch", "holds no state dict under 'epoch'; it has "),
    ],
)
def test_a_file_without_one_state_dict(contents: object, key: str, message: str, capsys) -> None:
    save(contents)
    assert run(key=key) == 123
    err = capsys.readouterr().err
    assert err.startswith(f"old.pt: {message}")
    assert err.count("\n") == 1
    assert not Path("new.pt").exists()


# safetensors


def test_safetensors_both_ways(capsys) -> None:
    files = pytest.importorskip("safetensors.torch")
    files.save_file(weights(dtype=torch.bfloat16), "old.safetensors", {"author": "me"})
    assert run("old.safetensors", "new.SafeTensors") == 0
    assert capsys.readouterr().err == f"{MOVED}new.SafeTensors: {SUMMARY}"
    assert is_converted(files.load_file("new.SafeTensors"), weights(dtype=torch.bfloat16))
    with files.safe_open("new.SafeTensors", "pt") as file:
        assert file.metadata() == {"author": "me", "format": "pt"}
    assert run("new.SafeTensors", "new.pt") == 0
    assert is_converted(load(), weights(dtype=torch.bfloat16))


def test_what_safetensors_cannot_hold_is_left_out_and_said(capsys) -> None:
    files = pytest.importorskip("safetensors.torch")
    save({"epoch": 3, "model": weights(), "optimizer": OPTIMIZER})
    assert run(new="new.safetensors") == 0
    assert capsys.readouterr().err.startswith(
        "old.pt: warning: epoch, optimizer: left out, as a file of safetensors holds one state"
        " dict alone\n"
    )
    assert is_converted(files.load_file("new.safetensors"), weights())
    with files.safe_open("new.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt"}


def test_tied_weights_are_written_twice_to_safetensors() -> None:
    files = pytest.importorskip("safetensors.torch")
    original = nn.ModuleList([Original(), Original()])
    original[1].conv.weight = original[0].conv.weight
    save(original.state_dict())
    assert run(new="new.safetensors", model="tied") == 0
    new = files.load_file("new.safetensors")
    assert torch.equal(new["0.conv.2.weight"], new["1.conv.2.weight"])
    assert len(new) == 20


def test_files_that_safetensors_does_not_take(capsys) -> None:
    pytest.importorskip("safetensors")
    Path("old.safetensors").write_bytes(b"nothing of the kind")
    assert run("old.safetensors") == 123
    err = capsys.readouterr().err
    assert err.startswith("old.safetensors: is no file of safetensors: SafetensorError: ")
    text = SPLIT.replace(
        "    def _load", "    def get_extra_state(self): return 3\n\n    def _load"
    )
    text = text.replace("def tied", "Net.set_extra_state = lambda *_: None\n\ndef tied")
    Path("split.py").write_text(text, encoding="utf-8")
    save({**weights(), "_extra_state": 3})
    assert run(new="new.safetensors") == 123
    err = capsys.readouterr().err
    assert err.startswith("new.safetensors: cannot be written: ValueError: Key `_extra_state`")
    assert run() == 0
    assert load()["_extra_state"] == 3
    assert listing() == ["new.pt", "old.pt", "old.safetensors", "split.py"]


def test_safetensors_that_is_not_installed(capsys, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    Path("old.safetensors").write_bytes(b"")
    for names in [("old.safetensors", "new.pt"), ("old.pt", "new.safetensors")]:
        save(weights())
        assert run(*names) == 2
        err = capsys.readouterr().err
        assert err.startswith("gencode: this needs safetensors[torch] (")
        assert err.endswith("): pip install 'safetensors[torch]'\n")


# What goes wrong


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return touch, ()


def touch() -> None:
    Path("executed").touch()


@pytest.mark.parametrize("is_new", [True, False])
def test_no_code_in_a_file_is_run(is_new: bool, capsys) -> None:
    save({"model": weights(), "evil": Evil()}, _use_new_zipfile_serialization=is_new)
    assert run() == 123
    assert capsys.readouterr().err == (
        f"old.pt: is not read, as loading it may run code ({__name__}.touch); if you trust the"
        " file, save its state dict alone, from torch.load('old.pt', weights_only=False)\n"
    )
    assert listing() == ["old.pt", "split.py"]
    torch.load("old.pt", weights_only=False)
    assert Path("executed").exists()


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_plain_pickle_is_not_read(protocol: int, capsys, recwarn) -> None:
    Path("old.pt").write_bytes(pickle.dumps({"a": Evil()}, protocol=protocol))
    assert run() == 123
    err = capsys.readouterr().err
    assert err.startswith("old.pt: is no")
    assert err.count("\n") == 1
    assert not recwarn
    assert not Path("executed").exists()


@pytest.mark.parametrize("data", [b"", b"nothing of the kind", b"PK\3\4 nothing"])
def test_a_file_that_is_no_checkpoint(data: bytes, capsys) -> None:
    Path("old.pt").write_bytes(data)
    assert run() == 123
    err = capsys.readouterr().err
    assert err.startswith("old.pt: is no checkpoint that torch can read")
    assert err.count("\n") == 1


def test_torchscript_is_not_read(capsys, recwarn) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(Original().conv).save("old.pt")
    assert run() == 123
    err = capsys.readouterr().err
    assert "with TorchScript archives" in err
    assert "weights_only` set to `False`" not in err
    assert not recwarn


def test_files_that_cannot_be_read_or_written(capsys) -> None:
    save(weights())
    Path("directory.pt").mkdir()
    for old, new, message in [
        ("missing.pt", "new.pt", "missing.pt: cannot be read: No such file or directory"),
        ("directory.pt", "new.pt", "directory.pt: cannot be read: Is a directory"),
        ("old.pt", "directory.pt", "directory.pt: cannot be written: Is a directory"),
        (
            "old.pt",
            "missing/new.pt",
            "missing/new.pt: cannot be written: No such file or directory",
        ),
    ]:
        assert run(old, new) == 123
        assert capsys.readouterr().err == f"{message}\n"


def test_a_model_that_cannot_be_built(capsys) -> None:
    save(weights())
    assert run(model="Missing") == 123
    assert capsys.readouterr().err == (
        "split.py: Missing raises: NameError: name 'Missing' is not defined\n"
    )
    arguments = ["--convert-checkpoint", "old.pt", "new.pt", "--model"]
    assert main([*arguments, "missing.py:Net"]) == 123
    assert capsys.readouterr().err == "missing.py: cannot be read: No such file or directory\n"
    assert not Path("new.pt").exists()


def test_a_checkpoint_that_does_not_fit_leaves_what_was_there(capsys) -> None:
    Path("new.pt").write_bytes(b"before")
    save({**weights(), "stem.weight": torch.zeros(3)})
    assert run() == 123
    assert capsys.readouterr().err == (
        "old.pt: does not fit the model: Error(s) in loading state_dict for Net:\n"
        "    size mismatch for stem.weight: copying a param with shape torch.Size([3]) from"
        " checkpoint, the shape in current model is torch.Size([4, 2, 1]).\n"
    )
    assert Path("new.pt").read_bytes() == b"before"


def test_a_model_that_takes_no_weights_of_the_original(capsys) -> None:
    save(weights())
    assert run(model="Bare") == 123
    assert capsys.readouterr().err == (
        "old.pt: does not fit the model: Error(s) in loading state_dict for Bare:\n"
        '    Missing key(s) in state_dict: "conv.0.weight", "conv.0.bias", "conv.1.weight",'
        ' "conv.1.bias", "conv.2.weight", "conv.2.bias", "conv.3.weight", "conv.3.bias".\n'
        '    Unexpected key(s) in state_dict: "conv.weight", "conv.bias".\n'
        "    Is it a checkpoint of this model, split or not, built as it was then? If the source"
        " was split with\n    --no-checkpoint, the model takes no weights of the original: split it"
        " again without.\n"
    )


def test_a_long_complaint_is_shortened(capsys) -> None:
    save({**weights(), **{f"other.{number}": torch.zeros(1) for number in range(30)}})
    assert run() == 123
    assert '"other.6", "other.7", and 22 more.\n' in capsys.readouterr().err
    save({f"{number}.stem.weight": torch.zeros(number) for number in range(20)})
    Path("split.py").write_text(SPLIT.replace("[Net(), Net()]", "[Net() for _ in range(20)]"))
    assert run(model="tied") == 123
    err = capsys.readouterr().err.splitlines()
    assert err[8].startswith("    size mismatch for 6.stem.weight: ")
    assert err[9] == "    and 13 more"


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("Odd", "cannot be loaded by the model: KeyError: 'odd'"),
        ("Silent", "does not fit the model: "),
    ],
)
def test_a_model_that_fails_in_a_way_of_its_own(model: str, message: str, capsys) -> None:
    save(weights())
    assert run(model=model) == 123
    assert capsys.readouterr().err == f"old.pt: {message}\n"


def test_the_messages_are_those_of_the_readme(capsys) -> None:
    root = Path(__file__).parents[1]
    Path("model.py").write_bytes((root / "tests/zoo/grouped_1d.py").read_bytes())
    Path("model_split.py").write_bytes((root / "generated/grouped_1d.py").read_bytes())
    model = load_model(ModelSource(Path("model.py"), "GroupedConv1d"))
    save(model.state_dict())
    readme = (root / "README.md").read_text(encoding="utf-8")
    command = readme.partition("`gencode --convert-checkpoint ")[2].partition("`")[0]
    assert main(["--convert-checkpoint", *command.split()]) == 0
    assert f"```text\n{capsys.readouterr().err}```\n" in readme
