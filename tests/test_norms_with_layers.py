"""Which classes of a project are surely a BatchNorm with layers of its own behind."""

from __future__ import annotations

import ast
from textwrap import dedent, indent

import pytest

from gencode.grouped_conv.norms.layered import Layered, layered
from gencode.reading.parsing import parse
from gencode.reading.source import Source

INIT = """\
    def __init__(self, width, act=nn.ReLU, drop=None):
        super().__init__(width)
        self.drop = nn.Identity() if drop is None else drop()
        self.act = act()
"""
TOP = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\nfrom . import other\n"
TORCH = """\
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
        if self.training:
            bn_training = True
        else:
            bn_training = (self.running_mean is None) and (self.running_var is None)
        x = F.batch_norm(
            x,
            self.running_mean if not self.training or self.track_running_stats else None,
            self.running_var if not self.training or self.track_running_stats else None,
            self.weight,
            self.bias,
            bn_training,
            factor,
            self.eps,
        )
"""
BEHIND = "        x = self.drop(x)\n        x = self.act(x)\n        return x\n"


def found(
    forward: str,
    init: str = INIT,
    base: str = "nn.BatchNorm2d",
    body: str = "",
    top: str = "",
    end: str = "",
    header: str = "def forward(self, x):",
) -> Layered | None:
    """What a class with these lines is."""
    text = (
        f"{TOP}{dedent(top)}\n\nclass NormAct({base}):\n{indent(dedent(body), '    ')}\n{init}\n"
        f"    {header}\n{indent(dedent(forward), '        ')}\n\n\n{dedent(end)}"
    )
    source = Source(text, parse(text))
    return layered(
        source,
        next(
            each
            for each in source.tree.body
            if isinstance(each, ast.ClassDef) and each.name == "NormAct"
        ),
    )


def changed(old: str, new: str, text: str = TORCH) -> str:
    """A copy of torch's forward with something else in it."""
    assert old in text
    return text.replace(old, new) + BEHIND


BOTH = Layered("torch.nn.BatchNorm2d", ("drop", "act"))


# --- what is none -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self.eps", "1e-5"),
        ("self.eps", "self.eps + 1"),
        ("            self.eps,\n", ""),
        ("self.bias", "None"),
        ("self.bias", "self.weight"),
        ("            self.bias", "            self.bias + 1"),
        ("            x,\n", "            self.drop(x),\n"),
        ("            x,\n", "            x + 1,\n"),
        ("            x,\n", "            self.weight,\n"),
        ("            factor,\n", "            0.1,\n"),
        ("            factor,\n", "            self.momentum,\n"),
        ("            factor,\n            self.eps", "            eps=self.eps"),
        ("            factor,\n", "            *factor,\n"),
        ("            self.eps,\n", "            self.eps,\n            **self.more,\n"),
        ("            self.eps,\n", "            self.eps,\n            1,\n"),
        ("bn_training = True", "bn_training = False"),
        ("            bn_training,", "            True,"),
        ("            bn_training,", "            self.act,"),
        ("factor = self.momentum", "factor = 0.1"),
        ("1.0 / float", "2.0 / float"),
        ("1.0 / float(self.num_batches_tracked)", "1.0 / self.num_batches_tracked"),
        ("1.0 / float(self.num_batches_tracked)", "1.0 / self.momentum"),
        ("self.num_batches_tracked.add_(1)", "self.num_batches_tracked.add_(2)"),
        ("self.num_batches_tracked.add_(1)", "self.running_mean.add_(1)"),
        ("                self.num_batches_tracked.add_(1)\n", ""),
        ("self.training and self.track_running_stats", "self.track_running_stats"),
        ("self.training and self.track_running_stats", "self.weight is not None"),
        ("self.training and self.track_running_stats", "self.momentum"),
        ("self.training and self.track_running_stats", "self.training is True"),
        ("self.training and self.track_running_stats", "self.training == True"),
        ("F.batch_norm", "F.instance_norm"),
        ("F.batch_norm", "torch.batch_norm"),
        ("F.batch_norm", "other.batch_norm"),
        ("        x = F", "        y = F"),
        ("        x = F", "        self.x = F"),
        ("        x = F", "        x += F"),
        (
            "        x = F",
            "        F.batch_norm(x, self.running_mean, self.running_var)\n        x = F",
        ),
        ("        x = F", "        x = x.float()\n        x = F"),
        ("        x = F", "        other.change(x)\n        x = F"),
        ("        x = F", "        other.change(x > 0)\n        x = F"),
        ("        x = F", "        self.note(x.dim() == 4)\n        x = F"),
        ("        x = F", "        torch.manual_seed(0)\n        x = F"),
        ("        x = F", "        assert x.sum() > 0\n        x = F"),
        ("        x = F", "        assert other.ask(x.dim())\n        x = F"),
        ("        x = F", "        if x.dim() == 4:\n            return x\n        x = F"),
        ("        x = F", "        for _ in ():\n            pass\n        x = F"),
        ("running_mean if", "running_var if"),
    ],
)
def test_a_forward_that_is_not_torch_s(old: str, new: str) -> None:
    assert found(changed(old, new)) is None


@pytest.mark.parametrize(
    "lines",
    [
        "return x",
        "return super().forward(x)[0]",
        "return super().forward(self.drop(x))",
        "return super().forward(x, 1)",
        "return super().train(x)",
        "return super(NormAct, x).forward(x)",
        "return nn.BatchNorm2d.forward(x, x)",
        "return nn.BatchNorm1d.forward(self, x)",
        "return self.act(super().forward(x), 1)",
        "return self.act(super().forward(x)) + 1",
        "return self.act(x), super().forward(x)",
        "return self.act(self.act(super().forward(x)))",
        "return self.other(super().forward(x))",
        "return self.weight(super().forward(x))",
        "return other.act(super().forward(x))",
        "return self.act(self.act)",
        "y = super().forward(x)\nself.act(y)\nreturn y",
        "y = super().forward(x)\nz = self.act(y)\nreturn y",
        "y = super().forward(x)\nreturn super().forward(x)",
        "return super().forward(super().forward(x))",
        "self.num_batches_tracked += 1\nreturn super().forward(x)",
        "x = super().forward(x)\nif self.training:\n    x = self.act(x)\nreturn x",
        "x = super().forward(x)\nif self.momentum is None:\n    x = self.act(x)\nreturn x",
        "x = super().forward(x)\nif self.drop is not None:\n    x = self.act(x)\nreturn x",
        "x = super().forward(x)\nif self.flag:\n    x = self.act(x)\nreturn x",
        "x = super().forward(x)\nif x.dim() == 4:\n    x = self.act(x)\nreturn x",
        "x = super().forward(x)\nif hasattr(self, 'act'):\n    x = self.act(x)\nreturn x",
        "x = super().forward(x)\nwith torch.no_grad():\n    return self.act(x)",
        "x = super().forward(x)\nx = x if self.act is None else self.drop(x)\nreturn x",
        "x: torch.Tensor\nreturn x",
        "self = other.norm\nreturn super().forward(x)",
        "if self.eps:\n    pass\nreturn super().forward(x)",
        "if other.flag:\n    x = 1\nreturn super().forward(x)",
        "if F.batch_norm:\n    x = 1\nreturn super().forward(x)",
        "return super().forward(x)\nreturn x",
        "x = super().forward(x)\nif self.drop is not None:\n    y = self.drop(x)\nreturn x",
        "return",
        "pass",
    ],
)
def test_another_forward(lines: str) -> None:
    assert found(lines) is None


GOOD = "return self.act(self.drop(super().forward(x)))"


@pytest.mark.parametrize(
    "settings",
    [
        {"base": "nn.SyncBatchNorm"},
        {"base": "nn.InstanceNorm2d"},
        {"base": "nn.Module"},
        {"base": "other.BatchNorm2d"},
        {"base": "nn.BatchNorm2d, other.Mixin"},
        {"base": ""},
        {"base": "nn.BatchNorm2d, metaclass=other.Meta"},
        {"header": "def forward(self, x, mask=None):"},
        {"header": "def forward(self, x, *rest):"},
        {"header": "def forward(self, x, **rest):"},
        {"header": "def forward(self, *, x):"},
        {"header": "def forward(self, x=1):"},
        {"header": "def forward(self, x, /):"},
        {"header": "@other.wrapped\n    def forward(self, x):"},
        {"header": "async def forward(self, x):"},
        {"header": "def call(self, x):"},
        {"body": "def train(self, mode=True): ..."},
        {"body": "def _check_input_dim(self, x): ..."},
        {"body": "def act(self, x): return x"},
        {"body": "eps = 1"},
        {"body": "x: int = 1"},
        {"body": "__slots__ = ()"},
        {"body": "if True:\n    x = 1"},
        {"init": ""},
        {"init": "    def __init__(): ..."},
        {"init": "    @other.wrapped\n" + INIT},
        {"init": INIT + "        self.more = nn.Linear(1, 1)\n"},
        {"init": INIT + "        self.more += width\n"},
        {"init": INIT + "        self.eps = 1\n"},
        {"init": INIT + "        del self.more\n"},
        {"init": INIT + "        self.register_buffer('more', None)\n"},
        {"init": INIT + "        other.change(self)\n"},
        {"init": INIT + "        self._modules['more'] = nn.Linear(1, 1)\n"},
        {"init": INIT + "        setattr(self, 'more', 1)\n"},
        {"init": INIT + "        self.double()\n"},
        {"init": INIT.replace("act", "split")},
        {"end": "NormAct.forward = other.forward\n"},
        {"end": "def f():\n    del NormAct.forward\n"},
        {"end": "setattr(NormAct, 'forward', other.forward)\n"},
    ],
    ids=str,
)
def test_another_class(settings: dict[str, str]) -> None:
    assert found(GOOD, **settings) is None


@pytest.mark.parametrize(
    "decorator",
    [
        "def noted(cls):\n    return other.wrap(cls)\n",
        "def noted(cls):\n    cls.forward = other.forward\n    return cls\n",
        "def noted(cls):\n    other.change(cls)\n    return cls\n",
        "def noted(cls):\n    KNOWN.add(cls, 1)\n    return cls\n",
        "def noted(cls):\n    KNOWN.add(cls)\n",
        "def noted(cls, more=1):\n    return cls\n",
        "@other.wrapped\ndef noted(cls):\n    return cls\n",
        "noted = other.noted\n",
        "class noted: ...\n",
    ],
)
def test_a_decorator_that_may_do_something(decorator: str) -> None:
    assert found(GOOD, top=f"KNOWN = set()\n{decorator}\n@noted") is None


# --- what is one ------------------------------------------------------------------------------


@pytest.mark.parametrize("behind", [BEHIND, "        return self.act(self.drop(x))\n"])
def test_copies_of_torch_s_forward(behind: str) -> None:
    assert found(TORCH + behind) == BOTH


@pytest.mark.parametrize(
    "check",
    [
        '"""Why."""',
        "pass",
        "assert x.dim() == 4, f'{x.dim()} of 4'",
        "assert x.ndim in (2, 3) and not len(x.shape) == 1",
        "assert x.size(1) == self.num_features",
        "torch._assert(x.ndim == 4, f'{x.ndim}')",
        "if len(x.shape) != 4:\n            raise ValueError(x.shape)",
    ],
)
def test_checks_of_the_shape(check: str) -> None:
    assert found(f"        {check}\n{TORCH}{BEHIND}") == BOTH


@pytest.mark.parametrize(
    "lines",
    [
        GOOD,
        "x = super(NormAct, self).forward(x)\nreturn self.act(self.drop(x))",
        "y = nn.BatchNorm2d.forward(self, x)\nreturn self.act(self.drop(y))",
    ],
)
def test_torch_s_forward_itself(lines: str) -> None:
    assert found(lines) == BOTH
    assert found(lines, base="nn.modules.batchnorm.BatchNorm2d") == BOTH


def test_other_layers() -> None:
    assert found(
        "return self.act(super().forward(x))",
        init="""\
    def __init__(self, width, act):
        super().__init__(width)
        self.act, flag = act, 1
        self.width: int = width
        self.name = "norm"
        nn.init.zeros_(self.bias)
""",
    ) == Layered("torch.nn.BatchNorm2d", ("act",))
    assert found("return super().forward(x)") is None  # its layers would be lost


@pytest.mark.parametrize("test", ["self.act is not None", "self.act", "not self.act is None"])
def test_layers_that_may_be_none(test: str) -> None:
    optional = Layered("torch.nn.BatchNorm2d", ("drop", "act"), frozenset(("act",)))
    lines = f"x = self.drop(super().forward(x))\nif {test}:\n    x = self.act(x)\nreturn x"
    assert found(lines) == optional
    lines = f"x = self.drop(super().forward(x))\nreturn self.act(x) if {test} else x"
    assert found(lines) == optional


def test_decorators_and_what_is_of_no_matter() -> None:
    noted = "def noted(cls):\n    '''Note it.'''\n    KNOWN.add(cls)\n    return cls\n"
    end = "other.net.norm = None\nsetattr(other, 'norm', None)\n"
    body = "'''A norm.'''\n__constants__ = ['eps']\nmore: int\n\ndef extra_repr(self): ...\n"
    assert found(GOOD, top=f"KNOWN = set()\n{noted}\n@noted", body=body, end=end) == BOTH
    assert found(GOOD, init=INIT.replace("super()", "super(NormAct, self)")) == BOTH


def test_a_decorator_of_another_file() -> None:
    head = f"{TOP}\n@other.noted\nclass NormAct(nn.BatchNorm2d):\n{INIT}\n"
    text = f"{head}    def forward(self, x):\n        {GOOD}\n"
    source = Source(text, parse(text))
    noted = ast.parse("def noted(cls):\n    return cls\n").body[0]
    node = source.tree.body[-1]
    assert isinstance(node, ast.ClassDef)
    assert layered(source, node) is None
    assert layered(source, node, lambda each: noted) == BOTH
