"""A norm of the project with layers of its own is split; they follow the concatenation."""

from __future__ import annotations

import copy
import importlib
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gencode import Options, helper_source, split_source
from gencode.command import main
from gencode.pipeline import helper_blocks

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from equivalence import (  # noqa: E402
    assert_equivalent,
    assert_same_models,
    grouped_left,
    import_from,
    run_source,
)

X = torch.linspace(-1, 1, 3 * 8 * 5 * 6).double().sin().reshape(3, 8, 5, 6)
IMPORTS = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n"
NORM = """

class NormAct(nn.BatchNorm2d):
    def __init__(self, width, act=nn.PReLU, **settings):
        super().__init__(width, **settings)
        self.drop = nn.Dropout(0.5)
        self.act = act() if act is not None else None

    def forward(self, x):
        x = self.drop(super().forward(x))
        if self.act is not None:
            x = self.act(x)
        return x
"""
NET = """

class Net(nn.Module):
    def __init__(self, groups=2, act=nn.PReLU, **settings):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, groups=groups)
        self.bn = NormAct(8, act, **settings)

    def forward(self, x):
        return self.bn(self.conv(x))
"""
TEXT = f"{IMPORTS}{NORM}{NET}"


def norms_whole(net: nn.Module) -> list[str]:
    """The norms that are not in parts."""
    found = [name for name, each in net.named_modules() if isinstance(each, nn.BatchNorm2d)]
    return [each for each in found if ".parts." not in each]


# --- what stays --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self.drop(super().forward(x))", "self.drop(super().forward(x) + 1)"),
        (
            "return self.bn(self.conv(x))",
            "assert isinstance(self.bn, NormAct)\n        return self.bn(self.conv(x))",
        ),
        (
            "return self.bn(self.conv(x))",
            "assert type(self.bn) == NormAct\n        return self.bn(self.conv(x))",
        ),
        ("class Net", "NormAct.forward = F.relu\n\n\nclass Net"),
    ],
)
def test_a_class_that_is_more_or_is_asked_for(old: str, new: str) -> None:
    text = TEXT.replace(old, new)
    assert text != TEXT
    result = split_source(text)
    assert "JoinedLayers" not in result.text and "split_conv_norm" not in result.text
    (record,) = result.records
    assert "self.bn stays after the concatenation" in record.note


def test_a_class_of_a_name_that_another_one_has_too() -> None:
    other = "if F:\n    class NormAct(nn.BatchNorm2d):\n        pass\n\n\nclass Net"
    assert "JoinedLayers" not in split_source(TEXT.replace("class Net", other)).text


def test_a_class_that_is_asked_for_where_no_model_runs() -> None:
    end = "\n\ndef freeze(one):\n    return isinstance(one, NormAct), NormAct is None, F == one\n"
    assert "JoinedLayers" in split_source(TEXT + end).text


def test_another_class_with_other_layers() -> None:
    """One text has one sequence of layers."""
    other = NORM.replace("NormAct", "Other").replace("drop", "first")
    net = NET.replace("NormAct", "Other").replace("Net", "OtherNet")
    result = split_source(f"{TEXT}{other}{net}")
    assert result.blocks == {"norm", "with_layers - NormAct drop act?"}
    notes = [each.note for each in result.records]
    assert "stays" not in notes[0] and "Other is a subclass of BatchNorm2d" in notes[1]


def test_the_helper_cannot_import_it() -> None:
    result = split_source(TEXT, Options(helper_module="splitting"))
    assert result.blocks == {"norm"}
    (warning,) = result.warnings
    assert warning.message == "NormAct stays behind the concatenation: the helper cannot import it"


def test_no_other_norm_needs_it() -> None:
    net = NET.replace("NormAct(8, act, **settings)", "nn.BatchNorm2d(8)")
    assert split_source(f"{TEXT}").blocks - split_source(f"{IMPORTS}{NORM}{net}").blocks


# --- what becomes of it ------------------------------------------------------------------------


@pytest.mark.parametrize("groups", [1, 2, 4, 8])
@pytest.mark.parametrize("act", ["nn.PReLU", "nn.ReLU", "None"])
def test_it_computes_the_same(groups: int, act: str) -> None:
    text = TEXT.replace("nn.Dropout(0.5)", "nn.Identity()")

    def build(module: ModuleType) -> Any:
        return module.Net(2, eval(act))

    result = assert_equivalent(text, build, X)
    assert "with Net.bn in each" in result.records[0].detail
    original, split = run_source(text), run_source(result.text)
    assert_same_models(original.Net(groups), split.Net(groups), X)
    assert not norms_whole(split.Net(2)) and norms_whole(original.Net(2)) == ["bn"]


@pytest.mark.parametrize(
    "settings", [{"eps": 0.1, "momentum": None}, {"affine": False}, {"momentum": 0.5}]
)
def test_the_settings_of_the_norm(settings: dict[str, Any]) -> None:
    text = TEXT.replace("nn.Dropout(0.5)", "nn.Identity()")
    split = run_source(split_source(text).text)
    assert_same_models(run_source(text).Net(**settings), split.Net(**settings), X)
    assert type(split.Net(**settings).bn).__name__ == "JoinedLayers"
    assert type(split.Net(track_running_stats=False).bn).__name__ == "NormAct"


def test_the_text_that_applies_it_itself() -> None:
    forward = """\
        training = self.training or not self.track_running_stats
        factor = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                factor = 1.0 / float(self.num_batches_tracked)
        x = F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, training,
            factor, self.eps)
        x = self.drop(x)
"""
    text = TEXT.replace("        x = self.drop(super().forward(x))\n", forward)
    text = text.replace("nn.Dropout(0.5)", "nn.Identity()")
    for momentum in (0.1, None):
        assert_equivalent(text, lambda module, m=momentum: module.Net(momentum=m), X)


LISTED = """

class Net(nn.Module):
    def __init__(self, groups=2):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(8, 8, 3, groups=groups), NormAct(8), nn.ReLU())
        self.convs = nn.ModuleList([nn.Conv2d(8, 8, 1, groups=groups) for _ in range(2)])
        self.norms = nn.ModuleList([NormAct(8) for _ in range(2)])

    def forward(self, x):
        x = self.net(x)
        for conv, norm in zip(self.convs, self.norms):
            x = norm(conv(x))
        return x
"""


def test_in_a_sequential_and_in_lists() -> None:
    text = f"{IMPORTS}{NORM}{LISTED}".replace("nn.Dropout(0.5)", "nn.Identity()")
    result = assert_equivalent(text, lambda module: module.Net(), X)
    split = run_source(result.text).Net()
    assert not norms_whole(split)


def test_a_layer_that_is_no_module() -> None:
    """A function in its place is none of the children that move."""
    net = run_source(split_source(TEXT).text).Net(act=lambda: torch.relu)
    assert type(net.bn).__name__ == "NormAct" and type(net.conv).__name__ == "SplitGroups"
    net(X.float())


@pytest.fixture
def split(tmp_path: Path) -> ModuleType:
    (tmp_path / "split_net.py").write_text(split_source(TEXT).text)
    return import_from(str(tmp_path), "split_net")


def test_layers_keep_their_names_and_are_the_same(split: ModuleType) -> None:
    original = run_source(TEXT).Net()
    net = split.Net()
    keys = {name for name in net.state_dict() if ".parts." not in name}
    assert keys == {"bn.act.weight"} < original.state_dict().keys()
    norm = split.NormAct(8)
    norm.act.weight.requires_grad_(False)
    norm.act.eval()
    joined = split.JoinedLayers(norm, 2)
    assert joined.act is norm.act and joined.drop is norm.drop
    assert joined.training and not joined.act.training
    assert [name for name, each in joined.named_parameters() if not each.requires_grad] == [
        "act.weight"
    ]
    assert [type(each) for each in joined.parts] == [nn.BatchNorm2d] * 2
    net.load_state_dict(original.state_dict(), assign=True)
    net.load_state_dict(net.state_dict())
    with pytest.raises(RuntimeError, match=r"Missing key.*bn\.act\.weight"):
        net.load_state_dict({k: v for k, v in original.state_dict().items() if "act" not in k})
    meta = split.NormAct(8, device="meta", dtype=torch.float64)
    assert split.JoinedLayers(meta, 2).parts[0].weight.is_meta


@pytest.mark.parametrize("act", [nn.PReLU, None])
def test_what_is_done_with_a_model(split: ModuleType, act: Any) -> None:
    net, x = split.Net(act=act).eval(), X.float()
    expected = net(x)
    sys.modules["split_net"] = split
    try:
        copies = [copy.deepcopy(net), pickle.loads(pickle.dumps(net))]
    finally:
        del sys.modules["split_net"]
    traced = torch.fx.symbolic_trace(net)
    exported = torch.export.export(net, (x,)).module()
    for each in (*copies, traced, exported, torch.jit.script(net)):
        torch.testing.assert_close(each(x), expected)


def test_with_a_depthwise_multiplier() -> None:
    """Its index would be before the layers: there are plain ones instead."""
    text = helper_source(
        blocks=frozenset(("norm", "multiplier", "with_layers - NormAct drop act?"))
    )
    helper = run_source(f"{text}{NORM}".replace("nn.Dropout(0.5)", "nn.Identity()"))
    conv, norm = nn.Conv2d(8, 16, 3, groups=8), helper.NormAct(16)
    found = nn.Sequential(*helper.split_conv_norm(conv, norm, multiplier=True))
    assert [type(each).__name__ for each in found] == ["UnjoinedGroups", "JoinedLayers"]
    assert_same_models(nn.Sequential(conv, norm), found, X)
    plain = helper.split_conv_norm(conv, nn.BatchNorm2d(16), multiplier=True)
    assert type(plain[1]).__name__ == "JoinedMultiplier"


def test_outputs_of_it_come_as_one() -> None:
    blocks = frozenset(("norm", "outputs", "with_layers - NormAct drop act?"))
    helper = run_source(f"{helper_source(blocks=blocks)}{NORM}")
    conv, norm = helper.split_conv_norm(nn.Conv2d(8, 8, 3, groups=2), helper.NormAct(8).eval())
    (output,) = helper.outputs_of(norm.eval(), conv(X.float()))
    torch.testing.assert_close(output, norm(conv(X.float())))


# --- the text of the helper --------------------------------------------------------------------


def test_the_blocks_are_known_again() -> None:
    for blocks in (
        {"norm", "with_layers - NormAct act"},
        {"norm", "with_layers .layers.norms NormAct drop act?", "outputs"},
        {"norm", "with_layers . A a", "with_layers .b A a?", "with_layers ..x.y B c d?", "pairs"},
    ):
        assert helper_blocks(helper_source(blocks=frozenset(blocks))) == blocks


def test_a_copy_that_knows_norms_stays() -> None:
    text = split_source(TEXT).text
    result = split_source(text, Options(helper_module=".splitting"))
    assert result.text is text
    (warning,) = result.warnings
    assert "it knows norms of this project" in warning.message


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('behind = "drop", "act"', "behind = names()"),
        ("kinds = {NormAct: JoinedLayers}", "kinds = {NormAct: Other}"),
        ("kinds = {NormAct: JoinedLayers}", "kinds = known()"),
        ("kinds = {NormAct: JoinedLayers}", "kinds = {**known}"),
    ],
)
def test_a_copy_that_somebody_has_edited(old: str, new: str) -> None:
    text = split_source(TEXT).text
    assert old in text
    text = text.replace(old, new)
    result = split_source(text, Options(helper_module=".splitting"))
    assert result.text is text
    (warning,) = result.warnings
    assert "not as gencode emits it" in warning.message
    assert split_source(text).text is text


# --- in a tree ---------------------------------------------------------------------------------

PLAIN = NORM.replace("nn.Dropout(0.5)", "nn.Identity()")
FILES = {
    "net/__init__.py": "from .blocks import Block, Own\n",
    "net/layers/__init__.py": "from .norms import NormAct\n",
    "net/layers/noting.py": "ALL = []\n\ndef noted(cls):\n    ALL.append(cls)\n    return cls\n",
    "net/layers/norms.py": f"{IMPORTS}from .noting import noted\n\n\n@noted\n{PLAIN.lstrip()}",
    "net/blocks.py": (
        f"{IMPORTS}from . import layers\n"
        f"{NET.replace('Net', 'Block').replace('NormAct', 'layers.NormAct')}"
        f"{PLAIN}{NET.replace('Net', 'Own')}"
    ),
}


def written(root: Path, files: dict[str, str] = FILES) -> None:
    for path, text in {"pyproject.toml": "", **files}.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path, str], ModuleType]]:
    """Import from a directory what goes on importing from there."""

    def load(directory: Path, name: str) -> ModuleType:
        forget()
        monkeypatch.syspath_prepend(directory)
        return importlib.import_module(name)

    def forget() -> None:
        for each in [key for key in sys.modules if key.partition(".")[0] in ("net", "norms")]:
            del sys.modules[each]

    yield load
    forget()


Load = Callable[[Path, str], ModuleType]


def test_the_helper_of_a_package_imports_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, imported: Load
) -> None:
    source, output = tmp_path / "src", tmp_path / "out"
    written(source)
    written(output)
    monkeypatch.chdir(output)
    assert main(["-i", "net"]) == 0
    helper = Path("net/split_groups.py").read_text()
    assert "    from .blocks import NormAct\n" in helper
    assert "    from .layers.norms import NormAct as NormAct_2\n" in helper
    original, split = import_from(str(source), "net"), imported(output, "net")
    for name in ("Block", "Own"):
        one, other = (getattr(each, name)() for each in (original, split))
        assert not grouped_left(other) and not norms_whole(other)
        assert_same_models(one, other, X)
    before = {each: each.read_bytes() for each in Path().rglob("*.py")}
    assert main(["-i", "net"]) == 0
    assert before == {each: each.read_bytes() for each in Path().rglob("*.py")}


OTHER = f"{IMPORTS}from .layers.norms import NormAct\n{NET}"


def test_a_copy_in_a_file_of_a_package_imports_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, imported: Load
) -> None:
    written(tmp_path, {**FILES, "net/other.py": OTHER})
    monkeypatch.chdir(tmp_path)
    assert main(["net/other.py", "-o", "net/split.py"]) == 0
    assert "    from .layers.norms import NormAct\n" in Path("net/split.py").read_text()
    assert not norms_whole(imported(tmp_path, "net.split").Net())


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("net/layers/norms.py", "super().forward(x)", "super().forward(x) * 2"),
        ("net/layers/norms.py", "from .noting import noted", "noted = print"),
        ("net/layers/norms.py", "from .noting import noted", "from .gone import noted"),
        ("net/layers/norms.py", "from .noting import noted", "from .norms import noted"),
        ("net/layers/norms.py", "class NormAct", "if noted:\n    NormAct = 1\n\n\nclass NormAct"),
        (
            "net/layers/norms.py",
            "        x = self.drop",
            "        assert isinstance(x, NormAct)\n        x = self.drop",
        ),
        (
            "net/other.py",
            "        return self.bn",
            "        assert not isinstance(x, NormAct)\n        return self.bn",
        ),
    ],
)
def test_a_class_of_another_file_that_is_more_or_is_asked_for(
    path: str, old: str, new: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {**FILES, "net/other.py": OTHER}
    assert old in files[path]
    written(tmp_path, {**files, path: files[path].replace(old, new)})
    monkeypatch.chdir(tmp_path)
    assert main(["net/other.py", "-o", "net/split.py"]) == 0
    assert "    from .layers.norms import NormAct" not in Path("net/split.py").read_text()


@pytest.mark.parametrize(
    ("path", "module", "spelled"),
    [
        ("net/layers/other.py", ".norms", ".norms"),
        ("net/layers/other.py", "net.layers.norms", "net.layers.norms"),
        ("src/net.py", "norms", "norms"),
        ("src/net.py", "other.norms", ""),
        ("net/other.py", ". import layers\nfrom more.norms", ""),
        ("net/layers/other.py", "..blocks", "..blocks"),
        ("net/other.py", "more.norms", "more.norms"),
    ],
)
def test_how_a_copy_imports_it(
    path: str, module: str, spelled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    norms = f"{IMPORTS}{PLAIN}"
    files = {"more/__init__.py": "", "more/norms.py": norms, "src/norms.py": norms}
    written(tmp_path, {**FILES, **files, path: OTHER.replace(".layers.norms", module)})
    monkeypatch.chdir(tmp_path)
    assert main([path, "-o", "split.py"]) == 0
    text = Path("split.py").read_text()
    assert (f"    from {spelled} import NormAct\n" in text) == bool(spelled)
    assert ("JoinedLayers" in text) == bool(spelled)


def test_a_norm_that_no_import_of_the_file_leads_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the helper would have to call its module is not known: the norm is in a base class."""
    norms = f"{IMPORTS}{PLAIN}"
    base = f"{IMPORTS}from norms import NormAct\n\n\ndef make_norm(c):\n    return NormAct(c)\n"
    net = f"{IMPORTS}import base\n{NET.replace('NormAct(', 'base.make_norm(')}"
    written(tmp_path, {"norms.py": norms, "base.py": base, "net.py": net})
    monkeypatch.chdir(tmp_path)
    assert main(["net.py", "-o", "split.py"]) == 0
    assert "stays behind the concatenation: the helper cannot import it" in capsys.readouterr().err
    assert "JoinedLayers" not in Path("split.py").read_text()


NAMED = f"{IMPORTS}from . import layers\n{NET}".replace(
    "NormAct(8", "getattr(layers, norm)(8"
).replace("groups=2", "groups=2, norm='NormAct'")


@pytest.mark.parametrize("other", ["", "first"])
def test_a_norm_that_may_be_of_any_class(
    other: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    imported: Load,
) -> None:
    more = FILES["net/layers/norms.py"].replace("drop", other or "drop").replace("NormAct", "Other")
    files = {"net/layers/zzz.py": more, "tests/norms.py": more, "net/other.py": NAMED}
    written(tmp_path, {**FILES, **files, "net/blocks.py": "", "net/__init__.py": ""})
    monkeypatch.chdir(tmp_path)
    assert main(["net/other.py", "-o", "net/split.py"]) == 0
    text = Path("net/split.py").read_text()
    assert "    from .layers.norms import NormAct\n" in text and "tests" not in text
    assert ("    from .layers.zzz import Other\n" in text) == (not other)
    assert "stays behind" not in capsys.readouterr().err
    assert not norms_whole(imported(tmp_path, "net.split").Net())


def test_a_file_has_one_sequence_of_layers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    norms = FILES["net/layers/norms.py"]
    other = norms.replace("NormAct", "Other").replace("drop", "first")
    net = OTHER.replace("NormAct", "Other").replace("Net", "OtherNet").removeprefix(IMPORTS)
    net = net.replace("layers.norms", "layers.others")
    written(tmp_path, {**FILES, "net/layers/others.py": other, "net/other.py": OTHER + net})
    monkeypatch.chdir(tmp_path)
    assert main(["net/other.py", "-o", "net/split.py"]) == 0
    assert "Other stays behind the concatenation: the helper in a file" in capsys.readouterr().err
    assert "from .layers.others" not in Path("net/split.py").read_text().partition("class Net")[0]


@pytest.mark.parametrize("options", [[], ["--helper-module", "splitting"]])
def test_beside_a_script(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], imported: Load
) -> None:
    net = f"{IMPORTS}from norms import NormAct\n{NET}{PLAIN.replace('NormAct', 'Own')}"
    net += NET.replace("Net", "OwnNet").replace("NormAct", "Own")
    written(tmp_path / "src", {"norms.py": f"{IMPORTS}{PLAIN}", "net.py": net})
    assert main([str(tmp_path / "src"), "-o", str(tmp_path / "out"), *options]) == 0
    module = imported(tmp_path / "out", "net")
    assert not norms_whole(module.Net())
    said = "Own stays behind the concatenation: the helper cannot import it"
    assert (said in capsys.readouterr().err) == bool(options)
    assert norms_whole(module.OwnNet()) == ["bn"] * bool(options)
