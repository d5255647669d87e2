"""Where tensors go: what is applied to what a convolution gives, and what is known of its shape."""

from __future__ import annotations

import ast

import pytest
from facts_asked import Asked

from gencode.facts.order import in_order
from gencode.facts.values import Object, Tensor

CONV = "nn.Conv2d(4, 8, 3)"
NORM = "tensor of BatchNorm2d"


def _built(body: str) -> Asked:
    lines = "\n".join("        " + line for line in body.replace("CONV", CONV).splitlines())
    source = f"""
class Net(nn.Module):
    def __init__(self, flag, n):
        super().__init__()
{lines}
        self.seq = seq
    def forward(self, x):
        return self.seq(x)
"""
    return Asked(source)


IN_ORDER = {
    "arguments": ("seq = nn.Sequential(CONV, nn.BatchNorm2d(8), nn.ReLU())", {"BatchNorm2d"}),
    "the last": ("seq = nn.Sequential(nn.ReLU(), CONV)", {"return"}),
    "a list": ("seq = nn.Sequential(*[CONV, nn.BatchNorm2d(8)])", {"BatchNorm2d"}),
    "a filled list": (
        "layers = []\nlayers.append(CONV)\nlayers.append(nn.ReLU())\nseq = nn.Sequential(*layers)",
        {"ReLU"},
    ),
    "one that may be missing": (
        "layers = [CONV]\nif flag:\n    layers.append(nn.BatchNorm2d(8))\n"
        "layers.append(nn.ReLU())\n"
        "seq = nn.Sequential(*layers)",
        {"BatchNorm2d", "ReLU"},
    ),
    "a list made in the branch": (
        "layers = [nn.ReLU()]\nif flag:\n    layers = [CONV]\n    layers.append(nn.Tanh())\n"
        "seq = nn.Sequential(*layers)",
        {"Tanh", "ReLU", "Conv2d", "return"},
    ),
    "a loop of known turns": (
        "layers = []\nfor i in range(2):\n    layers.append(CONV)\n    layers.append(nn.ReLU())\n"
        "seq = nn.Sequential(*layers)",
        {"ReLU"},
    ),
    "a loop": (
        "layers = []\nfor i in range(n):\n    layers.append(CONV)\n    layers.append(nn.ReLU())\n"
        "seq = nn.Sequential(*layers)",
        {"ReLU"},
    ),
    "a loop that begins anew": (
        "layers = []\nfor i in range(n):\n    layers.append(nn.ReLU())\n    layers.append(CONV)\n"
        "seq = nn.Sequential(*layers)",
        {"ReLU", "return"},
    ),
    "a branch in a loop": (
        "layers = []\nfor i in range(n):\n    layers.append(CONV)\n    if flag:\n"
        "        layers.append(nn.ReLU())\nseq = nn.Sequential(*layers)",
        {"ReLU", "Conv2d", "return"},
    ),
    "continue in a loop": (
        "layers = []\nfor i in range(n):\n    layers.append(CONV)\n    if flag:\n        continue\n"
        "    layers.append(nn.ReLU())\nseq = nn.Sequential(*layers)",
        {"ReLU", "Conv2d", "return"},
    ),
    "loops one behind the other": (
        "layers = []\nfor i in range(n):\n    layers.append(CONV)\nfor i in range(n):\n"
        "    layers.append(nn.ReLU())\nseq = nn.Sequential(*layers)",
        {"ReLU", "Conv2d", "return"},
    ),
    "a loop in a loop": (
        "layers = []\nfor i in range(n):\n    for j in range(n):\n        layers.append(CONV)\n"
        "    layers.append(nn.ReLU())\nseq = nn.Sequential(*layers)",
        {"ReLU", "Conv2d", "return"},
    ),
    "a list made in each turn": (
        "stages = []\nfor i in range(n):\n    layers = []\n    layers.append(CONV)\n"
        "    layers.append(nn.ReLU())\n    stages.append(nn.Sequential(*layers))\n"
        "seq = nn.Sequential(*stages)",
        {"ReLU"},
    ),
    "a comprehension": (
        "seq = nn.Sequential(*[CONV for i in range(n)])",
        {"Conv2d", "return"},
    ),
    "a comprehension of known turns": (
        "seq = nn.Sequential(*[CONV for i in range(2)], nn.ReLU())",
        {"Conv2d", "ReLU"},
    ),
    "a function that is called in a loop": (
        "layers = []\ndef add():\n    layers.append(CONV)\nfor i in range(n):\n    add()\n"
        "    layers.append(nn.ReLU())\nseq = nn.Sequential(*layers)",
        {"ReLU"},
    ),
    "a function that is called in a branch": (
        "layers = [CONV]\ndef add():\n    layers.append(nn.ReLU())\nif flag:\n    add()\n"
        "seq = nn.Sequential(*layers)",
        {"ReLU", "return"},
    ),
    "one of two lists": (
        "a, b = [CONV], [nn.Tanh()]\n(a if flag else b).append(nn.ReLU())\nseq = nn.Sequential(*a)",
        {"ReLU", "return"},
    ),
    "an early return": (
        "def make():\n    s = nn.Sequential(CONV)\n    self.kept = s\n"
        "    if flag:\n        return s\n"
        "    s.append(nn.ReLU())\n    return s\nseq = make()",
        {"ReLU", "return"},
    ),
    "an order that is not known": (
        "seq = nn.Sequential(CONV, nn.ReLU())\nseq.insert(0, nn.Tanh())",
        {"ReLU", "Tanh", "Conv2d", "return"},
    ),
    "a star of what is not known": (
        "seq = nn.Sequential(*unknown(), CONV, nn.ReLU())",
        {"ReLU"},
    ),
    "two lists": (
        "seq = nn.Sequential(*([CONV] + [nn.ReLU()]))",
        {"ReLU"},
    ),
    "one of several lists": (
        "seq = nn.Sequential(*([CONV] if flag else [nn.ReLU()]))",
        {"ReLU", "Conv2d", "return"},
    ),
    "names": (
        "seq = nn.Sequential()\nseq.add_module('a', CONV)\nseq.add_module('b', nn.ReLU())",
        {"ReLU"},
    ),
    "a name that is given again": (
        "seq = nn.Sequential()\nseq.add_module('a', CONV)\nseq.add_module('b', nn.ReLU())\n"
        "seq.add_module('a', nn.Tanh())",
        {"ReLU"},
    ),
    "an OrderedDict": (
        "seq = nn.Sequential(collections.OrderedDict([('a', CONV), ('b', nn.ReLU())]))",
        {"ReLU"},
    ),
    "an OrderedDict that is filled": (
        "d = collections.OrderedDict()\nd['a'] = CONV\nd['b'] = nn.ReLU()\nd['a'] = nn.Tanh()\n"
        "seq = nn.Sequential(d)",
        {"ReLU"},
    ),
    "one of several dicts": (
        "seq = nn.Sequential({'a': CONV} if flag else {'b': nn.ReLU()})",
        {"ReLU", "Conv2d", "return"},
    ),
    "a Sequential in a Sequential": (
        "seq = nn.Sequential(nn.Sequential(nn.ReLU(), CONV), nn.Tanh())",
        {"Tanh"},
    ),
    "a Sequential that holds itself": (
        "seq = nn.Sequential(CONV)\nseq.append(seq)",
        {"Conv2d", "return"},
    ),
    "a slice": ("seq = nn.Sequential(CONV, nn.ReLU(), nn.Tanh())[:2]", {"ReLU"}),
    "a slice with a step": (
        "seq = nn.Sequential(CONV, nn.ReLU(), nn.Tanh())[::2]",
        {"ReLU", "Tanh"},
    ),
    "a slice that is not known": (
        "seq = nn.Sequential(CONV, nn.ReLU(), nn.Tanh())[: int(n)]",
        {"ReLU", "Tanh", "Conv2d", "return"},
    ),
    "the children of another": (
        "seq = nn.Sequential(*nn.Sequential(CONV, nn.ReLU()).children())",
        {"ReLU"},
    ),
    "reversed": ("seq = nn.Sequential(*reversed([nn.ReLU(), CONV]))", {"ReLU"}),
    "a set": ("seq = nn.Sequential(*{CONV, nn.ReLU()})", {"ReLU", "Conv2d", "return"}),
    "an item that is deleted": (
        "seq = nn.Sequential(CONV, nn.ReLU())\ndel seq[1]",
        {"ReLU", "Conv2d", "return"},
    ),
    "None": ("seq = nn.Sequential(CONV, nn.ReLU() if flag else None)", {"ReLU"}),
    "a function of ours": (
        "seq = nn.Sequential(CONV, nn.Identity() if flag else nn.ReLU())",
        {"Identity", "ReLU"},
    ),
    "a list of another class": (
        "class S(nn.Sequential):\n    def __init__(self):\n        super().__init__(CONV)\n"
        "        self.a = nn.ReLU()\nseq = S()",
        {"ReLU"},
    ),
    "a subclass that is filled at several places": (
        "class S(nn.Sequential): pass\nseq = S(CONV)\nother = S(nn.ReLU())",
        {"ReLU", "Conv2d", "return"},
    ),
    "a method that anybody may call": (
        "seq = nn.Sequential(CONV, nn.ReLU())\nself.seq = seq\n"
        "def more():\n    self.seq.append(nn.Tanh())\nunknown(more)",
        {"ReLU", "Tanh", "Conv2d", "return"},
    ),
    "a subclass of a convolution": (
        "class C(nn.Tanh): pass\nseq = nn.Sequential(CONV, C())",
        {"C"},
    ),
    "a forward that calls the Sequential's own": (
        "class S(nn.Sequential):\n    def forward(self, x):\n"
        "        return super().forward(x) + 1\n"
        "seq = S(CONV, nn.ReLU())",
        {"ReLU"},
    ),
}


@pytest.mark.parametrize(("body", "expected"), IN_ORDER.values(), ids=IN_ORDER)
def test_what_follows_in_a_sequential(body: str, expected: set[str]) -> None:
    """Each module that may be applied to what a convolution gives is known."""
    asked = _built(body)
    assert asked.facts.is_complete
    consumers = asked.consumers(CONV)
    assert consumers - {"anything"} == expected


FLOWS = {
    "a function": ("F.relu(y)", {"torch.nn.functional.relu"}),
    "a method": ("y.relu()", {"torch.Tensor.relu"}),
    "a method of a view": ("y.T", {"torch.Tensor.T", "read"}),
    "an operator": ("y + 1", {"operator", "operand"}),
    "two operators": ("-y", {"operator", "operand"}),
    "a module, by its forward": ("nn.ReLU().forward(y)", {"ReLU"}),
    "a comparison": ("y > 1", {"compare", "operand", "operator"}),
    "is": ("y is None", {"compare"}),
    "cat": ("torch.cat([y, x], 1)", {"torch.cat"}),
    "split": ("y.split(2)", {"torch.Tensor.split"}),
    "an item": ("y[0]", {"item", "torch.Tensor.__getitem__"}),
    "unpacking": ("a, b = y", {"iterate", "torch.Tensor.unbind"}),
    "a loop": ("for a in y: pass", {"iterate", "torch.Tensor.unbind"}),
    "an unknown function": ("unknown(y)", {"escape"}),
    "an unknown method": ("y.frobnicate()", {"escape", "method"}),
    "in place": ("x.add_(y)", {"torch.Tensor.add_"}),
    "in place, itself": ("y.add_(1)", {"torch.Tensor.add_", "write"}),
    "plus in place": ("y += 1", {"operator", "operand"}),
    "the sum": ("sum([y, y])", {"operator", "operand"}),
    "abs": ("abs(y)", {"operator", "operand"}),
    "max": ("max(y, x)", {"compare"}),
    "its size": ("y.size(0)", set()),
    "its shape": ("y.shape", {"read"}),
    "its numel": ("y.numel()", set()),
    "an attribute": ("self.kept = y", set()),
    "an attribute that is read": (
        "self.kept = y\nself.kept.relu()",
        {"torch.Tensor.relu"},
    ),
    "a function of ours": ("(lambda z: z.relu())(y)", {"argument", "torch.Tensor.relu"}),
    "a test": ("assert y", {"test"}),
    "a module of ours": ("Other()(y)", {"argument", "Other"}),
    "a module of another's": ("Foreign()(y)", {"escape"}),
    "a loop that carries it": (
        "for i in unknown():\n    y = F.relu(y)",
        {"torch.nn.functional.relu"},
    ),
    "many": ("F.pad([y] * 2 + [self.seq(x) for _ in range(12)])", {"torch.nn.functional.pad"}),
    "an item that is set": ("x[0] = y", {"escape"}),
    "a buffer": ("self.register_buffer('b', y)\nself.b.relu()", {"torch.Tensor.relu"}),
}


@pytest.mark.parametrize(("body", "expected"), FLOWS.values(), ids=FLOWS)
def test_what_a_tensor_is_given_to(body: str, expected: set[str]) -> None:
    """Each use of what a convolution gives is known."""
    lines = "\n".join("        " + line for line in body.splitlines())
    asked = Asked(f"""
class Other(nn.Module):
    def forward(self, x):
        return x
class Foreign(unknown, nn.Module): pass
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.seq = {CONV}
    def forward(self, x):
        y = self.seq(x)
{lines}
""")
    assert asked.facts.is_complete
    consumers = asked.consumers(CONV)
    assert {each for each in consumers if each not in ("method", "escape")} == expected - {
        "method",
        "escape",
    }
    assert ("escape" in consumers) == ("escape" in expected)


SHAPES = {
    "x": (None, None),
    "self.conv(x)": (4, 8),
    "self.lazy(x)": (4, 16),
    "self.unknown(x)": (4, None),
    "self.act(self.conv(x))": (4, 8),
    "self.pool(self.conv(x))": (4, 8),
    "self.norm1(x)": (None, None),
    "F.relu(self.conv(x))": (4, 8),
    "F.adaptive_avg_pool2d(self.conv(x), 1)": (4, 8),
    "self.conv(x).relu()": (4, 8),
    "self.conv(x) + 1": (4, 8),
    "self.conv(x).data": (4, 8),
    "self.conv(x).flatten(1)": (2, None),
    "torch.flatten(self.conv(x), 1)": (2, None),
    "torch.flatten(self.conv(x), 1, 2)": (None, None),
    "self.conv(x).flatten()": (None, None),
    "torch.cat([self.conv(x), self.conv(x)], 1)": (4, None),
    "self.flat(self.conv(x))": (2, None),
    "self.flat2(self.conv(x))": (None, None),
    "self.linear(torch.flatten(self.conv(x), 1))": (2, None),
    "self.loss(x)": (None, None),
    "self.other(x)": (None, None),
    "self.conv if self.other else 1": (None, None),
}


def test_shapes() -> None:
    """Rank and channels are known where all that leads there is."""
    lines = "\n".join(f"        {each}" for each in SHAPES)
    asked = Asked(f"""
class Net(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.conv = {CONV}
        self.lazy = nn.LazyConv2d(16, 1)
        self.unknown = nn.Conv2d(4, n, 1)
        self.act = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.norm1 = nn.BatchNorm1d(8)
        self.flat = nn.Flatten()
        self.flat2 = nn.Flatten(2)
        self.linear = nn.Linear(8, 2)
        self.loss = nn.L1Loss()
        self.other = Net(1)
    def forward(self, x):
{lines}
""")
    for text, expected in SHAPES.items():
        for value in asked.facts.values(asked.node(text)):
            shape = asked.facts.shape(value)
            assert (shape.rank, shape.channels) == expected, text


def test_the_shape_of_a_tensor_that_is_made_of_itself() -> None:
    """Nothing is known of it, and it is found out."""
    asked = Asked("""
class Net(nn.Module):
    def forward(self, x):
        while unknown():
            x = F.relu(x)
        return F.relu(x)
""")
    (value,) = asked.facts.values(asked.node("F.relu(x)"))
    assert asked.facts.shape(value).rank is None


def test_the_shape_of_what_goes_through_modules_in_a_loop() -> None:
    """What each gives has the rank of what its forward returns, and so has what goes round."""
    asked = Asked("""
class Block(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.conv = nn.Conv1d(n, n, 3)
    def forward(self, x):
        return F.relu(self.conv(x) + x)
class Flat(nn.Module):
    def forward(self, x):
        return torch.flatten(self.pool(x), 1)
class Net(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.first = nn.Conv1d(3, n, 3)
        self.blocks = nn.ModuleList([Block(n) for _ in range(n)])
        self.others = nn.ModuleList([Flat() for _ in range(n)])
    def forward(self, x):
        x = self.first(x)
        for block in self.blocks:
            x = block(x)
        y = x
        for other in self.others:
            y = other(y)
        return x.mean(-1), y.sum(-1)
""")
    assert _ranks(asked, "x.mean(-1)") == {3}
    assert len(_ranks(asked, "y.sum(-1)") | {3}) > 1


def _ranks(asked: Asked, text: str) -> set[int | None]:
    """The ranks that what a method is called of may have."""
    receiver = asked.node(text).func.value  # type: ignore[attr-defined]
    return {asked.facts.shape(each).rank for each in asked.facts.values(receiver)}


def test_the_copy_of_a_convolution_has_its_channels() -> None:
    """A copy is constructed with what the original was."""
    asked = Asked(f"""
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = copy.deepcopy({CONV})
    def forward(self, x):
        return self.conv(x)
""")
    (value,) = asked.facts.values(asked.node("self.conv(x)"))
    assert asked.facts.shape(value).channels == 8


def test_the_shape_of_what_a_module_of_ours_gives() -> None:
    """Nothing is known of it."""
    asked = Asked("""
class Other(nn.Module):
    def forward(self, x):
        return F.relu(x)
def f(x):
    Other()(x)
    a, b = x
    a
""")
    (value,) = asked.facts.values(asked.node("Other()(x)"))
    assert asked.facts.shape(value).rank is None
    assert asked.values("a") == {"anything"}


def test_channels_that_differ_are_not_known() -> None:
    """A place that makes several convolutions has no one number of channels."""
    asked = Asked("""
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        for i in (8, 16):
            self.conv = nn.Conv2d(4, i, 1)
    def forward(self, x):
        return self.conv(x)
""")
    (value,) = asked.facts.values(asked.node("self.conv(x)"))
    assert asked.facts.shape(value).channels is None


SIZES = {
    "x.size(0)": {"size 0 of parameter x"},
    "x.size()": {"size None of parameter x"},
    "x.shape[0]": {"size 0 of parameter x"},
    "x.shape[unknown()]": set(),
    "x.size(unknown())": {"anything"},
    "b": {"size 0 of parameter x"},
    "self.kept": {"anything"},
    "kept": {"anything"},
    "kept[0]": {"anything"},
}


def test_sizes() -> None:
    """A size is that of one tensor, and of none any more where it is kept for later."""
    asked = Asked("""
class Net(nn.Module):
    def forward(self, x):
        x.size(0)
        x.size()
        x.shape[0]
        x.size(unknown())
        b, c = x.shape
        b
        self.kept = x.size(0)
        self.kept
        kept = []
        kept.append(x.size(0))
        kept[0]
""")
    for text in ("x.size(0)", "x.size()", "x.shape[0]", "x.size(unknown())", "b", "self.kept"):
        assert asked.values(text) == SIZES[text], text
    assert asked.values("kept[0]") == {"anything"}


def test_the_batch_of_a_tensor() -> None:
    """It is followed through what keeps dimension 0, and no further."""
    asked = Asked(f"""
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = {CONV}
    def forward(self, x, z):
        F.relu(self.conv(x))
        F.relu(self.conv(x) + z)
        while unknown():
            x = F.relu(x)
        x
""")
    facts = asked.facts
    (kept,) = facts.values(asked.node("F.relu(self.conv(x))"))
    assert facts.batches(kept)[-1] in facts.values(asked.node("self.conv(x)").args[0])  # type: ignore[attr-defined]
    (lost,) = facts.values(asked.node("F.relu(self.conv(x) + z)"))
    assert facts.batches(lost)[-1] in facts.values(asked.node("self.conv(x) + z"))
    assert all(facts.batches(each) for each in facts.values(asked.node("x")))


def test_a_place_in_a_loop_gives_another_tensor_in_each_turn() -> None:
    """What it gave in the turn before is not what it gives in this one."""
    asked = Asked("""
class Net(nn.Module):
    def forward(self, xs):
        before = None
        for x in xs:
            y = F.relu(x)
            if before is not None:
                y.view(before.size(0), -1)
            before = y
""")
    (now,) = asked.facts.values(asked.node("F.relu(x)"))
    sizes = asked.facts.values(asked.node("before.size(0)"))
    assert sizes
    assert now not in {getattr(each, "of", None) for each in sizes}
    assert isinstance(asked.node("before.size(0)"), ast.Call)


def test_what_the_layers_of_a_sequential_give_is_in_their_order() -> None:
    """All of it is given where that is called: a set of it would be in any order."""
    tree = ast.parse("net(x)\nReLU()\nPool()")
    call, *layers = [each for each in ast.walk(tree) if isinstance(each, ast.Call)]
    made = [Object(each, "torch.nn.ReLU", (), None) for each in layers]
    tensors = [Tensor(call, each, (), None, None) for each in made]
    assert in_order(tensors) == in_order(reversed(tensors)) == tensors
