"""The rule norm-subclass: a norm with layers of its own becomes a module that holds the norm."""

from __future__ import annotations

import copy
import importlib
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent, indent
from types import ModuleType
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from equivalence import (  # noqa: E402
    assert_same_models,
    grouped_left,
    import_from,
    randomise,
)
from gencode import Options, list_source, project_files, split_source  # noqa: E402
from gencode.command import main  # noqa: E402
from rules import HEAD, PLINIO, becomes, reason, run, stays  # noqa: E402

INIT = """\
def __init__(self, width, act=nn.ReLU, **settings):
    super().__init__(width, **settings)
    self.drop = nn.Identity()
    self.act = act()
"""
FORWARD = "return self.act(self.drop(super().forward(x)))"
COPY = """\
# As in torch,
# to the letter.
assert x.ndim == 4

# The factor.
if self.momentum is None:
    factor = 0.0
else:
    factor = self.momentum
if self.training and self.track_running_stats:
    if self.num_batches_tracked is not None:
        self.num_batches_tracked.add_(1)
        if self.momentum is None:
            factor = 1.0 / float(self.num_batches_tracked)
        else:
            factor = self.momentum
'''Which statistics.'''
if self.training:
    bn_training = True
else:
    bn_training = (self.running_mean is None) and (self.running_var is None)

x = F.batch_norm(
    x,
    # none where they are not tracked
    self.running_mean if not self.training or self.track_running_stats else None,
    self.running_var if not self.training or self.track_running_stats else None,
    self.weight,
    self.bias,
    bn_training,
    factor,
    self.eps,
)
"""
BEHIND = "x = self.drop(x)\nx = self.act(x)  # at last\nreturn x"
X = torch.linspace(-1, 1, 3 * 8 * 5 * 6).double().sin().reshape(3, 8, 5, 6)


def norm(
    forward: str = FORWARD, init: str = INIT, base: str = "nn.BatchNorm2d", body: str = ""
) -> str:
    """A class of norms with layers."""
    parts = (body, init, f"def forward(self, x):\n{indent(forward, '    ')}")
    inside = "\n\n".join(part.strip("\n") for part in parts if part)
    return f"class NormAct({base}):\n{indent(inside, '    ')}\n"


def source(rest: str = "", **parts: str) -> str:
    return HEAD + norm(**parts) + (f"\n\n{dedent(rest).lstrip()}" if rest else "")


HOLDER = split_source(source(), PLINIO).text.removeprefix(HEAD).partition("class NormAct")[0]
HELD = norm("return self.act(self.drop(self.bn(x)))", base="NormWithLayers")
NET = """
    class Net(nn.Module):
        def __init__(self, groups=2, **settings):
            super().__init__()
            self.conv = nn.Conv2d(8, 8, 3, groups=groups)
            self.norm = NormAct(8, nn.PReLU, **settings)

        def forward(self, x):
            return self.norm(self.conv(x))
"""


# --- nothing changes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "class Norm(nn.BatchNorm2d):\n    pass\n",
        HEAD + "class Norm(nn.BatchNorm2d):\n    def extra_repr(self):\n        return ''\n",
        HEAD + norm(base="nn.InstanceNorm2d"),
        HEAD + norm(base="nn.Module"),
        HEAD + norm(base="BatchNorm2d"),
        "from other import BatchNorm2d, nn\n\n\n" + norm(base="BatchNorm2d"),
        "class BatchNorm2d:\n    pass\n\n\n" + norm(base="BatchNorm2d"),
        HEAD + norm(base="nn.BatchNorm2d, Mixin"),
        HEAD + "def make(nn):\n" + indent(norm(), "    "),
    ],
)
def test_what_is_none(text: str) -> None:
    assert not stays(text)


NOT_TORCHS = "its forward is not known to be torch's with layers behind"


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"forward": "return self.act(x)"}, NOT_TORCHS),
        ({"forward": "return super().forward(x) + 1"}, NOT_TORCHS),
        ({"forward": (COPY + BEHIND).replace("self.eps", "1e-5")}, NOT_TORCHS),
        ({"body": "def reset_parameters(self):\n    pass\n"}, NOT_TORCHS),
        (
            {
                "init": INIT.partition("    self.drop")[0] + "    self.bn = act()\n",
                "forward": "return self.bn(super().forward(x))",
            },
            "it has a bn of its own (line 9)",
        ),
        (
            {"init": INIT + "    super().reset_parameters()\n"},
            "it uses reset_parameters of the norm (line 11)",
        ),
        (
            {"body": "def extra_repr(self):\n    return super().extra_repr()\n"},
            "it uses extra_repr of the norm (line 8)",
        ),
        (
            {"body": "def extra_repr(self):\n    return str(self.__dict__)\n"},
            "it goes over the attributes of the norm (line 8)",
        ),
        (
            {"forward": "assert x.size(1) > 2\n" + FORWARD},
            "it checks more of its input than the norm does",
        ),
        (
            {"forward": COPY.replace("x = F", "assert x.shape[1] == 2\nx = F") + BEHIND},
            "it checks more of its input than the norm does",
        ),
        ({"forward": COPY.replace("factor = 0.0", "factor = 0.0  # gencode: skip") + BEHIND}, None),
        ({"forward": FORWARD + "  # gencode: skip"}, None),
    ],
)
def test_why_a_class_stays(parts: dict[str, str], why: str | None) -> None:
    found = stays(source(**parts))
    if why is not None:
        assert [each.message.rpartition(": ")[2] for each in found] == [why]


@pytest.mark.parametrize(
    ("rest", "why"),
    [
        ("class Other(NormAct):\n    pass\n", "Other inherits from it (line 16)"),
        ("NormAct.forward = F.relu\n", NOT_TORCHS),
        ("is_norm = isinstance(NormAct(3), nn.BatchNorm2d)\n", "asks"),
        ("is_norm = issubclass(NormAct, nn.BatchNorm2d)\n", "asks"),
        ("is_norm = type(NormAct(3)) in (nn.BatchNorm1d, nn.BatchNorm2d)\n", "asks"),
        ("is_norm = NormAct(3).__class__ == nn.BatchNorm2d\n", "asks"),
        ("has_bn = hasattr(NormAct(3), 'bn')\n", "an attribute is asked for by its name (line 16)"),
        ("def build(one):\n    return isinstance(one, NORMS)\n\n\nbuild(NormAct(3))\n", "asks"),
    ],
)
def test_what_else_is_done_with_it(rest: str, why: str) -> None:
    said = "it matters whether something is a norm of torch"
    assert reason(source(rest)).startswith(said if why == "asks" else why)


IN_NET = """
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = NormAct(8)
{}

        def forward(self, x):
            return self.norm(x)
"""


def in_net(lines: str) -> str:
    return source(IN_NET.format(indent(dedent(lines), " " * 12)))


BN = "isinstance(m, nn.BatchNorm2d)"


def walk(*lines: str, over: str = "m in self.modules()") -> str:
    return "\n    ".join((f"for {over}:", *lines))


@pytest.mark.parametrize(
    "lines",
    [
        "assert isinstance(self.norm, nn.BatchNorm2d)",
        "if isinstance(self.norm, nn.modules.batchnorm._BatchNorm):\n    self.norm.eps = 1",
        "found = [m for m in self.modules() if isinstance(m, nn.BatchNorm2d)]",
        walk(f"if {BN}:", "    m.eps = 1", over="m in self.children()"),
        walk("if type(m) is nn.BatchNorm2d:", "    m.eps = 1"),
        walk(f"if {BN}:", "    m.eval()"),
        walk(f"{BN} and m.eval()"),
        walk("if hasattr(m, 'weight'):", "    m.weight.data.mul_(2)"),
        walk("if isinstance(m, NormAct):", "    m.eps = 1", f"elif {BN}:", "    m.eps = 2"),
        walk("if n.endswith('norm.weight'):", "    p[0] = 0", over="n, p in self.named_buffers()"),
        walk("if n.endswith('.bn'):", "    p.eps = 1", over="n, p in self.named_modules()"),
        walk("if type(m).__name__ == 'BatchNorm2d':", "    m.eps = 1"),
        walk("if 'BatchNorm' in m.__class__.__name__:", "    m.eps = 1"),
    ],
)
def test_a_constructor_that_would_do_something_else(lines: str) -> None:
    stays_as_it_is = split_source(in_net(lines), PLINIO)
    (finding,) = [each for each in stays_as_it_is.findings if each.code == "norm-subclass"]
    assert finding.status == "left", finding


@pytest.mark.parametrize(
    "lines",
    [
        walk(f"if {BN}:", "    nn.init.ones_(m.weight)"),
        walk("if isinstance(m, (nn.Linear, NormAct)):", "    nn.init.ones_(m.weight)"),
        walk("if hasattr(m, 'reset_parameters'):", "    m.reset_parameters()"),
        "assert isinstance(self.norm, nn.Module)\nassert isinstance(self.norm, NormAct)",
        "assert not isinstance(self.norm, (nn.GroupNorm, nn.LayerNorm))",
        "other = nn.BatchNorm2d(3)\nassert isinstance(other, nn.BatchNorm2d)",
        walk(
            "if n.endswith('fc.weight'):", "    p.zero_()", over="n, p in self.named_parameters()"
        ),
        walk("if n.startswith('b'):", "    p.zero_()", over="n, p in self.named_parameters()"),
    ],
)
def test_a_constructor_that_does_the_same(lines: str) -> None:
    assert HOLDER in split_source(in_net(lines), PLINIO).text


def test_functions_that_are_applied_or_go_on_by_themselves() -> None:
    rest = """
        def init(m):
            if isinstance(m, nn.BatchNorm2d):
                nn.init.ones_(m.weight)


        def frozen(module):
            if isinstance(module, NormAct):
                return nn.Identity()
            if isinstance(module, nn.BatchNorm2d):
                return nn.Flatten()
            for name, child in module.named_children():
                module.add_module(name, frozen(child))
            return module


        def start(m):
            if isinstance(m, nn.BatchNorm2d):
                nn.init.ones_(m.weight)


        norm = frozen(NormAct(3).apply(init))
        for each in norm.modules():
            start(each)
    """
    assert HOLDER in split_source(source(rest), PLINIO).text


def test_what_no_model_runs_is_said() -> None:
    rest = """
        def fuse(net):
            if isinstance(net.norm, nn.BatchNorm2d):
                return net.norm.weight
            for m in net.modules():
                if isinstance(m, nn.BatchNorm2d):
                    m.requires_grad_(False)
    """
    result = split_source(source(rest), PLINIO)
    assert HOLDER in result.text
    assert [each.message for each in result.warnings] == [
        "it matters whether something is a norm of torch: "
        "NormAct holds one now, and is none (line 17)",
        "norms are treated with what they hold: "
        "NormAct holds its norm beside its layers now (line 20)",
    ]
    assert {each.code for each in result.warnings} == {"norm-subclass"}


# --- what becomes of what ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (FORWARD, "return self.act(self.drop(self.bn(x)))"),
        ("x = super(NormAct, self).forward(x)\n" + BEHIND, "x = self.bn(x)\n" + BEHIND),
        (
            "y = nn.BatchNorm2d.forward(self, x)\nreturn self.act(self.drop(y))",
            "y = self.bn(x)\nreturn self.act(self.drop(y))",
        ),
        (COPY + BEHIND, "x = self.bn(x)\n" + BEHIND),
        ('"""Applied."""\n' + COPY + BEHIND, '"""Applied."""\nx = self.bn(x)\n' + BEHIND),
        ("assert len(x.shape) == 4\n" + FORWARD, "return self.act(self.drop(self.bn(x)))"),
        ("self._check_input_dim(x)\n\n" + FORWARD, "return self.act(self.drop(self.bn(x)))"),
        (
            "if x.dim() != 4:\n    raise ValueError\n" + FORWARD,
            "return self.act(self.drop(self.bn(x)))",
        ),
    ],
)
def test_a_forward(before: str, after: str) -> None:
    result = becomes(source(forward=before), HEAD + HOLDER + norm(after, base="NormWithLayers"))
    (finding,) = result.findings
    assert finding.message == "nn.BatchNorm2d -> NormWithLayers"


def test_several_classes_have_one_base_for_each_dimension() -> None:
    second = norm().replace("NormAct", "Second")
    third = norm(base="nn.BatchNorm1d").replace("NormAct", "Third")
    text = split_source(f"{HEAD}{norm()}\n\n{second}\n\n{third}", PLINIO).text
    assert text.count(HOLDER) == 1
    assert "class Second(NormWithLayers):" in text and "class Third(NormWithLayers_2):" in text
    made = run(text)
    assert type(made.Third(3).bn) is nn.BatchNorm1d and type(made.Second(3).bn) is nn.BatchNorm2d


def test_a_name_that_is_taken() -> None:
    text = split_source(source("NormWithLayers = 1\n"), PLINIO).text
    assert "class NormAct(NormWithLayers_2):" in text


# --- it is what it was ------------------------------------------------------------------------


@pytest.mark.parametrize("forward", [FORWARD, COPY + BEHIND])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"eps": 0.1, "momentum": None},
        {"affine": False},
        {"track_running_stats": False},
        {"momentum": 0.5},
    ],
)
def test_it_computes_the_same(forward: str, settings: dict[str, Any]) -> None:
    text = source(NET, forward=forward)
    after = split_source(text, Options(select=("norm-subclass",))).text
    one, other = run(text).Net(**settings), run(after).Net(**settings)
    assert type(other.norm.bn) is nn.BatchNorm2d
    assert_same_models(one, other, X)
    randomise(one)
    other.load_state_dict(one.state_dict(), assign=True)
    for net in (one.double().train(), other.double().train()):
        net(X)
    other_state = {key.replace(".bn.", "."): each for key, each in other.state_dict().items()}
    assert other_state.keys() == one.state_dict().keys()
    for key, value in one.state_dict().items():
        assert torch.equal(value, other_state[key]), key
    other.load_state_dict(other.state_dict())


def test_errors_of_a_checkpoint() -> None:
    made = run(split_source(source(), PLINIO).text)
    state = nn.BatchNorm2d(4).state_dict()
    one = made.NormAct(4)
    with pytest.raises(RuntimeError, match=r"bn\.bias"):
        one.load_state_dict({key: value for key, value in state.items() if key != "bias"})
    with pytest.raises(RuntimeError, match="Unexpected"):
        one.load_state_dict({**state, **one.state_dict()})


def test_what_is_read_and_set() -> None:
    made = run(split_source(source(), PLINIO).text)
    one = made.NormAct(4, eps=0.25)
    assert one.weight is one.bn.weight and one.running_var is one.bn.running_var
    assert (one.num_features, one.eps, one.affine, hasattr(one, "other")) == (4, 0.25, True, False)
    one.momentum, one.weight = 0.5, nn.Parameter(torch.full((4,), 2.0))
    assert one.bn.momentum == 0.5 and next(iter(one.state_dict())) == "bn.weight"
    assert one.bn.weight[0] == 2
    one.reset_parameters()
    assert one.bn.weight[0] == 1
    one.act = nn.Tanh()
    assert isinstance(one.act, nn.Tanh)


@pytest.mark.parametrize("groups", [1, 2])
def test_what_is_done_with_a_model(groups: int, tmp_path: Path) -> None:
    (tmp_path / "held_net.py").write_text(split_source(source(NET), PLINIO).text)
    module = import_from(str(tmp_path), "held_net")
    net, x = module.Net(groups).eval(), X.float()
    expected = net(x)
    sys.modules["held_net"] = module
    try:
        copies = [copy.deepcopy(net), pickle.loads(pickle.dumps(net))]
    finally:
        del sys.modules["held_net"]
    traced = torch.fx.symbolic_trace(net)
    exported = torch.export.export(net, (x,)).module()
    for each in (*copies, traced, exported, torch.jit.script(net)):
        torch.testing.assert_close(each(x), expected)


# --- with grouped convolutions, and other files -----------------------------------------------


def test_with_a_grouped_convolution_in_the_file() -> None:
    text = source(NET)
    after = split_source(text, PLINIO).text
    grouped = split_source(text).text
    grouped_first = split_source(grouped, PLINIO).text
    held = Options(select=("norm-subclass",))
    norm_first = split_source(split_source(text, held).text, PLINIO).text
    for each in (after, grouped_first, norm_first):
        net = run(each).Net()
        assert not grouped_left(net)
        assert [type(part) for part in net.norm.parts] == [nn.BatchNorm2d] * 2
        assert_same_models(run(text).Net(), net, X)
        assert split_source(each, PLINIO).text is each
        assert split_source(each).text is each
        assert net.state_dict().keys() == run(grouped).Net().state_dict().keys()
        whole = run(split_source(text, held).text).Net()
        assert "norm.bn.weight" in whole.state_dict()
        assert_same_models(whole, net, X)


FILES = {
    "net/__init__.py": "from .blocks import Net\n",
    "net/norms.py": source(),
    "net/blocks.py": f"{HEAD.rstrip()}\nfrom .norms import NormAct\n\n\n{dedent(NET).lstrip()}",
}


def written(root: Path, files: dict[str, str] = FILES) -> None:
    for path, text in {"pyproject.toml": "", **files}.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@pytest.fixture
def imported() -> Iterator[Callable[[Path], ModuleType]]:
    """Import the package of a directory, which goes on importing from there."""

    def forget() -> None:
        for each in [key for key in sys.modules if key.partition(".")[0] == "net"]:
            del sys.modules[each]

    def load(directory: Path) -> ModuleType:
        forget()
        sys.path.insert(0, str(directory))
        try:
            return importlib.import_module("net")
        finally:
            sys.path.remove(str(directory))

    yield load
    forget()


RUNS = [
    ["-i --target plinio net"],
    ["-i --target plinio net/norms.py", "-i --target plinio net"],
    ["-i --target plinio net/norms.py", "-i net"],
    ["-i net", "-i --target plinio net"],
    ["-i --target plinio net/blocks.py", "-i --target plinio net/norms.py"],
    ["-i --target plinio net/norms.py", "-i --target plinio net/blocks.py"],
]


@pytest.mark.parametrize("runs", RUNS)
def test_in_whatever_order_files_are_rewritten(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    imported: Callable[[Path], ModuleType],
    runs: list[str],
) -> None:
    source, output = tmp_path / "src", tmp_path / "out"
    written(source)
    written(output)
    monkeypatch.chdir(output)
    for each in runs:
        assert main(each.split()) == 0
    assert "NormWithLayers" in Path("net/norms.py").read_text()
    original = import_from(str(source), "net")
    split = imported(output)
    for groups in (1, 2, 8):
        one, other = original.Net(groups), split.Net(groups)
        assert not grouped_left(other)
        assert groups != 2 or len(other.norm.parts) == 2
        assert groups != 1 or type(other.norm.bn) is nn.BatchNorm2d
        assert_same_models(one, other, X)
    before = {each: each.read_bytes() for each in Path().rglob("*.py")}
    for each in runs:
        assert main(each.split()) == 0
    assert before == {each: each.read_bytes() for each in Path().rglob("*.py")}


OTHER = f"{HEAD}from .norms import NormAct\n"


@pytest.mark.parametrize(
    ("path", "text", "status"),
    [
        ("net/other.py", "from .norms import NormAct\n\nclass Other(NormAct):\n    pass\n", "left"),
        ("net/other.py", "from .norms import NormAct\n\nNormAct.eps = 1\n", "left"),
        (
            "net/other.py",
            f"{OTHER}\nok = isinstance(NormAct(3), nn.BatchNorm2d)\n",
            "left",
        ),
        (
            "net/other.py",
            f"{OTHER}\nok = NormAct, isinstance(nn.BatchNorm2d(3), nn.BatchNorm2d)\n",
            "rewritten",
        ),
        (
            "net/other.py",
            f"{OTHER}\n\ndef has(norm=NormAct(3)):\n    return isinstance(norm, nn.BatchNorm2d)\n",
            "said",
        ),
        (
            "tests/other.py",
            f"{HEAD}from net.norms import NormAct\n\nok = isinstance(NormAct(3), nn.BatchNorm2d)\n",
            "rewritten",
        ),
        ("net/other.py", "def fuse(m):\n    return m.bn if hasattr(m, 'bn') else m\n", "said"),
        ("net/other.py", "import torch\n\nok = hasattr(torch, 'bn')\n", "said"),
        (
            "net/other.py",
            f"{HEAD}def ask(one):\n    return isinstance(one, nn.BatchNorm2d)\n",
            "said",
        ),
    ],
)
def test_what_another_file_does(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    path: str,
    text: str,
    status: str,
) -> None:
    written(tmp_path, {**FILES, path: text})
    monkeypatch.chdir(tmp_path)
    assert main(["-i", "--select", "norm-subclass", "net/norms.py"]) == 0
    changed = "NormWithLayers" in Path("net/norms.py").read_text()
    assert changed == (status != "left")
    said = capsys.readouterr().err
    assert ("warning" in said) == (status == "said"), said
    assert (f"{path}, line" in said) == (status in ("left", "said")), said


def test_a_project_that_is_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(project_files, "_MOST_FILES", 2)
    assert main(["-i", "--select", "norm-subclass", "net/norms.py"]) == 0
    assert "the project is too large for all that uses it" in capsys.readouterr().err


def test_a_decorator_of_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noting = "ALL = set()\n\n\ndef noted(cls):\n    ALL.add(cls)\n    return cls\n"
    norms = f"{HEAD.rstrip()}\nfrom .noting import noted\n\n\n@noted\n{norm()}"
    written(tmp_path, {**FILES, "net/noting.py": noting, "net/norms.py": norms})
    monkeypatch.chdir(tmp_path)
    assert main(["-i", "--target", "plinio", "net"]) == 0
    assert f"{HOLDER}@noted\nclass NormAct(NormWithLayers):" in Path("net/norms.py").read_text()


def test_what_stays_is_said_once() -> None:
    text = source(forward=(COPY + BEHIND).replace("self.eps", "1e-5"))
    (finding,) = list_source(text, PLINIO).findings
    assert finding.code == "norm-subclass" and finding.message.endswith(NOT_TORCHS)


def test_classes_with_other_layers_beside_a_grouped_convolution() -> None:
    """A file has one sequence of layers; the norm of another class stays behind."""
    second = norm(
        "return self.act(super().forward(x))", INIT.replace("    self.drop = nn.Identity()\n", "")
    )
    rest = f"{second}\n\n{dedent(NET)}".replace("NormAct", "Second")
    held = split_source(source(rest), Options(select=("norm-subclass",))).text
    (record,) = split_source(held).records
    assert "Second is more than a norm" in record.note
    assert_same_models(run(held).Net(), run(split_source(held).text).Net(), X)
