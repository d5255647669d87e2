"""Where the line that splits goes: after all that changes the whole, before all that keeps it."""

from __future__ import annotations

from textwrap import dedent, indent

import pytest

from cases import left, model
from gencode import Options, split_source

torch = pytest.importorskip("torch")


from equivalence import assert_equivalent, run_source  # noqa: E402

BUILT = Options(style="built")
START = "self.conv = nn.Conv2d(8, 8, 3, groups=2)\nself.bn = nn.BatchNorm2d(8)\n"
NESTED = "return self.bn(self.conv(x))"
TOP = """
import copy
flag = bool(torch.ones(1))
def init(m):
    if isinstance(m, nn.Conv2d):
        nn.init.xavier_uniform_(m.weight)
"""
METHODS = """
    @property
    def first(self):
        return self.conv

    def get(self):
        return self.conv

    def register(self):
        self.keep = [self.conv]

    def initialise(self):
        nn.init.xavier_uniform_(self.conv.weight)

    def again(self, n=2):
        nn.init.ones_(self.conv.weight)
        if n:
            self.again(n - 1)

    @staticmethod
    def init(m):
        init(m)

    @staticmethod
    def tag(m):
        m.tag = 1

    def collect(self, m):
        self.seen = list(self.parameters())

    def listed(self, m):
        self.seen = [p for p in m.parameters()]

    def every(self, *ms):
        self.seen = ms

    def set_to(self, w=None):
        self.conv.weight.data = w

    def collected(self, m, scale=1):
        self.seen = [m.weight] if hasattr(m, "weight") else []
"""
X = torch.linspace(-1, 1, 2 * 8 * 6 * 6).sin().reshape(2, 8, 6, 6)


def source(init: str, forward: str = NESTED) -> str:
    """A model with these statements in its constructor."""
    return model(dedent(init), forward, TOP) + METHODS


def after(init: str, forward: str = NESTED) -> list[str]:
    """The statements of the constructor that stand before each line that splits."""
    result = assert_equivalent(source(init, forward), lambda each: each.Net(), X, options=BUILT)
    lines = result.text[result.text.index("class Net") :].splitlines()
    split = [at for at, line in enumerate(lines) if " = split_conv" in line]
    return [lines[at - 1].strip() for at in split]


# What keeps the whole, which is called from there: the line is to stand before it.
KEEPING = [
    "self.keep = [self.conv]",
    "self.keep = [self.first]",
    "self.keep = [self.get()]",
    "self.keep = [self.conv or None]",
    "self.register()",
    "self.keep = {0: self.conv}",
    "self.keep = [getattr(self, 'conv')]",
    "self.keep = [getattr(self, 'co' + 'nv')]",
    "self.keep = [self._modules['conv']]",
    "self.keep = [self.get_submodule('conv')]",
    "self.keep = nn.ModuleList([self.conv])",
    "self.keep = nn.ModuleList([copy.deepcopy(self.conv)])",
    "self.keep = []; self.keep += [self.conv]",
    "self.keep = [(lambda x, c=self.conv: c(x))]",
    "self.keep = list(map(lambda name: getattr(self, name), ['conv']))",
    "self.keep = [self.conv.forward]",
    "self.keep = [c] if (c := self.conv) else []",
    "self.keep = [torch.compile(self.conv, backend='eager')]",
]


@pytest.mark.parametrize("statement", KEEPING)
def test_what_keeps_the_whole_comes_after(statement: str) -> None:
    forward = "return self.bn(self.keep[0](x))"
    assert after(START + statement, forward) == ["self.bn = nn.BatchNorm2d(8)"]


OTHERS = [
    "self.optimizer = torch.optim.SGD(self.parameters(), lr=1)",
    "self.optimizer = torch.optim.SGD(self.conv.parameters(), lr=1)",
    "weights = [p for p in self.parameters()]",
    "self.weights = dict(self.named_parameters())",
    "self.__dict__['ema'] = copy.deepcopy(self)",
    "self.load_state_dict(self.state_dict())",
    "self.share_memory()",
    "self.n = self(torch.ones(2, 8, 6, 6)).numel()",
    "for m in self.modules(): m.tag = 1",
    "for p in self.parameters(): p.scale = 1",
    "self.seen = []; self.apply(self.seen.append)",
    "self.apply(Net.tag)",
    "self.apply(self.tag)",
    "self.apply(self.collect)",
    "self.seen = []; self.apply(lambda *ms: self.seen.extend(ms))",
    "self.seen = self.apply(init).modules()",
    "self.apply(self.listed)",
    "self.apply(self.every)",
    "self.seen = [(self.conv or None) if self.training else None]",
    "self.seen = [m for m in list(self.modules())]",
    "other: nn.Module = self.conv",
    "self.names = sorted(locals())",
    "self.n = eval('1')",
]


@pytest.mark.parametrize("statement", OTHERS)
def test_what_may_keep_the_whole_comes_after(statement: str) -> None:
    assert after(START + statement) == ["self.bn = nn.BatchNorm2d(8)"]


@pytest.mark.parametrize(
    "statement",
    [
        "nn.init.xavier_uniform_(self.conv.weight)",
        "nn.init.normal_(self.conv.bias, std=float(self.conv.weight.std()))",
        "self.conv.weight.data = torch.ones(8, 4, 3, 3)",
        "self.initialise()",
        "self.apply(init)",
        "self.apply(fn=init)",
        "self.apply(lambda m: init(m))",
        "self.apply(Net.init)",
        "self.apply(self.init)",
        "Net.init(m=self.conv)",
        "self.again()",
        "for m in list(self.modules()): init(m)",
        "for i, m in enumerate(self.modules()): init(m)",
        "nn.init.zeros_(self.conv.weight[0])",
        "assert self.conv and self.bn",
        "self.conv.weight.data += 1",
        "self.conv.weight.data = torch.ones(8, 4, 3, 3) / 2",
        "self.conv.weight.data = torch.ones(8 * 4 * 9).view(8, 4, 3, 3)",
        "self.conv.weight.data = torch.ones(2, 8, 4, 3, 3)[1]",
        "self.conv.weight.data = torch.ones(8, 4, 3, 3) if flag else torch.zeros(8, 4, 3, 3)",
        "w = torch.ones(8, 4, 3, 3)\nw = w.view(8, 4, 3, 3)\nself.conv.weight.data = w",
        "self.n = sum(p.numel() for p in self.parameters())",
        "self.eval().requires_grad_(False)",
        "self.double()",
        "self.half().float()",
        "self.n = self.forward(torch.ones(2, 8, 6, 6)).numel()",
        "self.f = lambda x: self.conv(x)",
        "if flag: nn.init.zeros_(self.bn.bias)",
        "assert self.conv.out_channels == 8",
        "nn.Conv2d(4, 8, 3).load_state_dict(self.conv.state_dict())",
    ],
)
def test_what_changes_the_whole_comes_before(statement: str) -> None:
    assert after(START + statement) == [statement.splitlines()[-1]]


def test_a_seed_gives_what_was_initialised() -> None:
    text = source(START + "self.apply(init)\nself.conv.requires_grad_(False)\nself.conv.half()")
    nets = []
    for each in (text, split_source(text, BUILT).text):
        torch.manual_seed(0)
        nets.append(run_source(each).Net())
    whole, parts = nets[0].conv, nets[1].conv.parts
    assert torch.equal(whole.weight, torch.cat([each.weight for each in parts]))
    assert {each.dtype for each in nets[1].conv.parameters()} == {torch.float16}
    assert not any(each.requires_grad for each in nets[1].conv.parameters())
    assert all(each.requires_grad for each in nets[1].bn.parameters())


@pytest.mark.parametrize(
    ("function", "call"),
    [
        ("def f():\n    keep.append(self.conv)", "f()"),
        ("f = lambda: keep.append(self.conv)", "f()"),
        ("def f(c=self.conv):\n    keep.append(c)", "f()"),
        ("def f():\n    return self.conv", "keep.append(f())"),
        ("def g():\n    return self.conv\ndef f():\n    keep.append(g())", "f()"),
    ],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_a_function_of_the_constructor(function: str, call: str, is_first: bool) -> None:
    """It may be defined before there is anything that it keeps."""
    if is_first and "c=self" in function:
        return
    lines = [function, START] if is_first else [START, function]
    init = "\n".join(["keep = []", *lines, call, "self.keep = keep"])
    (found,) = after(init, "return self.bn(self.keep[0](x))")
    assert found in ("self.bn = nn.BatchNorm2d(8)", "return self.conv")


# Each way to build it, and what stands before the line, or what is split where it is built.
BUILDING: dict[str, list[str]] = {
    "try:\n    {}\nexcept ValueError:\n    self.conv = None": ["self.bn = nn.BatchNorm2d(8)"],
    "with torch.no_grad():\n    {}": ["self.bn = nn.BatchNorm2d(8)"],
    "if flag:\n    {}": ["{}"],
    "for i in range(2):\n    {}": ["for i in range(2):"],
    "match 1:\n    case 1:\n        {}\n    case _:\n        self.conv = nn.Identity()": [
        "case 1:"
    ],
    "{}\nif not flag:\n    return": ["if not flag:", "self.bn = nn.BatchNorm2d(8)"],
    "{}\nif not flag:\n    raise ValueError": ["self.bn = nn.BatchNorm2d(8)"],
    "{}\ndel self.conv\n{}": ["{}", "self.bn = nn.BatchNorm2d(8)"],
    "self.conv = None\nif flag:\n    {}": ["self.bn = nn.BatchNorm2d(8)"],
}


@pytest.mark.parametrize("building", BUILDING)
def test_a_path_through_the_constructor(building: str) -> None:
    made = "self.conv = nn.Conv2d(8, 8, 3, groups=2)"
    init = f"{building.replace('{}', made)}\nself.bn = nn.BatchNorm2d(8)"
    assert after(init) == [each.replace("{}", made) for each in BUILDING[building]]


def test_what_is_deleted_is_not_split_after_that() -> None:
    text = source(
        f"{START}self.two = nn.Conv2d(8, 8, 3, groups=2)\ndel self.conv", "return self.two(x)"
    )
    assert_equivalent(text, lambda each: each.Net(), X, options=BUILT)


@pytest.mark.parametrize(
    "statement",
    [
        "self.two.weight = self.conv.weight",
        "self.two.weight.data = self.conv.weight.data",
        "self.two.weight = nn.Parameter(self.conv.weight)",
        "w = self.conv.weight\nself.two.weight = w",
        "w = torch.ones(8, 4, 3, 3)\nfor m in (self.conv, self.two): m.weight.data = w",
        "self.two.weight.data = self.conv.weight.data.view(8, 4, 3, 3)",
        "self.two.weight.data = self.conv.weight.data[:]",
        "self.two.weight.data = torch.ones(8, 4, 3, 3) if flag else self.conv.weight.data",
        "w, _ = self.conv.weight.data, 0\nself.two.weight.data = w",
        "self.conv.weight = self.two.weight = nn.Parameter(torch.ones(8, 4, 3, 3))",
    ],
)
def test_weights_that_are_tied_stay(statement: str) -> None:
    text = source(f"{START}self.two = nn.Conv2d(8, 8, 3, groups=2)\n{statement}")
    result = split_source(text, BUILT)
    assert [each.status for each in result.records] == ["left"] * 2
    assert result.text is text


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("self.conv.weight = weight", "its weight is used directly"),
        ("self.set_to()", "its weight is set (line 58) once it is split (line 16)"),
        (
            "for w in [torch.ones(8, 4, 3, 3)]: pass\nself.conv.weight.data = w",
            ") once it is split (",
        ),
        ("self.tied = self.conv.weight", "its weight is used directly"),
        ("self.conv.weight.register_hook(print)", "its weight is used directly"),
        ("nn.utils.spectral_norm(self.conv)", "takes its weight as a whole"),
        (
            "self.keep = [nn.utils.weight_norm(self.conv)]",
            "weight_norm is applied to it (line 17) once it is split (line 16)",
        ),
        (
            "keep(self)\nnn.init.zeros_(self.conv.weight)",
            "its weight is set (line 18) once it is split (line 16)",
        ),
    ],
)
def test_what_can_be_neither_before_nor_after(statement: str, reason: str) -> None:
    assert reason in left(source(START + statement), BUILT)


@pytest.mark.parametrize(
    ("body", "before"),
    [
        ("self.keep = [self.conv]", "self.bn = nn.BatchNorm2d(8)"),
        ("nn.init.xavier_uniform_(self.conv.weight)", "super().do()"),
    ],
)
def test_a_method_of_a_base_class(body: str, before: str) -> None:
    base = f"class Base(nn.Module):\n    def do(self):\n        {body}\n\n\nclass Net(Base)"
    text = source(START + "super().do()").replace("class Net(nn.Module)", base)
    result = assert_equivalent(text, lambda each: each.Net(), X, options=BUILT)
    line = "self.conv, self.bn = split_conv_norm(self.conv, self.bn)"
    assert f"{before}\n        {line}\n" in result.text


def test_a_subclass_whose_constructor_goes_on() -> None:
    more = """
    class Sub(Net):
        def __init__(self):
            self.late = True
            super().__init__()
            self.more = nn.Conv2d(8, 8, 1, groups=4)

        def forward(self, x):
            return self.more(super().forward(x))
    """
    text = source(START).replace("super().__init__()", "super(Net, self).__init__()")
    text = text.replace("        self.late = True\n", "") + "\n\n" + dedent(more)
    text = text.replace("            self.late = True\n", "")
    result = assert_equivalent(text, lambda each: each.Sub(), X, options=BUILT)
    assert indent("self.more = split_conv(self.more)\n", " " * 8) in result.text


def test_a_copy_of_a_copy_is_split_before_both() -> None:
    init = "conv = nn.Conv2d(8, 8, 3, groups=2)\nfor _ in range(2):\n    conv = copy.deepcopy(conv)"
    text = model(f"{init}\nself.conv = conv", "return self.conv(x)", "import copy")
    result = assert_equivalent(text, lambda each: each.Net(), X, options=BUILT)
    assert "conv = split_conv(nn.Conv2d(8, 8, 3, groups=2))" in result.text
