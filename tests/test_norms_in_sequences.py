"""The norm that follows a grouped convolution in an nn.Sequential or in a list that becomes one."""

from __future__ import annotations

import pytest

from cases import left, model, own_text
from gencode import split_source

torch = pytest.importorskip("torch")

from norms import check, notes  # noqa: E402

from equivalence import run_source  # noqa: E402

CONV = "nn.Conv2d(16, 32, 3, groups=2)"
NORM = "nn.BatchNorm2d(32)"
SAME, SMALL = "nn.Conv2d(16, 16, 1, groups=2)", "nn.BatchNorm2d(16)"
TOP = "import copy\nfrom collections import OrderedDict"
NET = "return self.net(x)"
EACH = "for each in self.nets:\n    x = each(x)\nreturn x"

# __init__ and forward; CONV and NORM stand for the two.
MOVES = {
    "a literal": ("self.net = nn.Sequential(CONV, NORM, nn.ReLU())", NET),
    "a list": ("layers = [CONV, NORM, nn.ReLU()]\nself.net = nn.Sequential(*layers)", NET),
    "a tuple": ("layers = (CONV, NORM, nn.ReLU())\nself.net = nn.Sequential(*layers)", NET),
    "append": (
        "layers = []\nlayers.append(CONV)\nif x is None:\n    layers.append(NORM)\n"
        "self.net = nn.Sequential(*layers)",
        NET,
    ),
    "extend": ("layers = []\nlayers.extend([CONV, NORM])\nself.net = nn.Sequential(*layers)", NET),
    "+=": ("layers = [CONV]\nlayers += [NORM]\nself.net = nn.Sequential(*layers)", NET),
    "what a function makes for two": (
        "def make():\n    return SAME\nself.a = nn.Sequential(make(), SMALL)\n"
        "self.b = nn.Sequential(make(), SMALL)",
        "return self.b(self.a(x))",
    ),
    "lists put together": ("self.net = nn.Sequential(*([CONV] + [NORM]))", NET),
    "a choice": ("self.net = nn.Sequential(CONV, *([NORM] if x is None else []))", NET),
    "in a loop": (
        "layers = []\nfor _ in range(2):\n    layers += [SAME, SMALL]\n"
        "self.net = nn.Sequential(*layers)",
        NET,
    ),
    "OrderedDict": ('self.net = nn.Sequential(OrderedDict([("c", CONV), ("b", NORM)]))', NET),
    "OrderedDict of a dict": ('self.net = nn.Sequential(OrderedDict({"c": CONV, "b": NORM}))', NET),
    "OrderedDict by items": (
        'd = OrderedDict()\nd["c"] = CONV\nd["b"] = NORM\nself.net = nn.Sequential(d)',
        NET,
    ),
    "add_module": (
        "self.net = nn.Sequential()\n"
        'self.net.add_module("c", CONV)\nself.net.add_module("b", NORM)',
        NET,
    ),
    "add_module in a loop": (
        "self.net = nn.Sequential()\nfor i in range(2):\n"
        '    self.net.add_module(f"c{i}", SAME)\n    self.net.add_module("b%d" % i, SMALL)',
        NET,
    ),
    "add_module to a variable": (
        'net = nn.Sequential()\nnet.add_module("c", CONV)\nnet.add_module("b", NORM)\n'
        "self.net = net",
        NET,
    ),
    "add_module under an if": (
        'if x is None:\n    net = nn.Sequential()\n    net.add_module("c", CONV)\n'
        '    net.add_module("b", NORM)\n    self.net = net',
        NET,
    ),
    "append to it": ("net = nn.Sequential(CONV)\nnet.append(NORM)\nself.net = net", NET),
    "variables": ("conv = CONV\nbn = NORM\nself.net = nn.Sequential(conv, bn)", NET),
    "nn.ModuleList": (
        "self.nets = nn.ModuleList([nn.Sequential(SAME, SMALL) for _ in range(2)])",
        EACH,
    ),
    "nn.ModuleList.append": (
        "self.nets = nn.ModuleList()\nfor _ in range(2):\n"
        "    self.nets.append(nn.Sequential(SAME, SMALL))",
        EACH,
    ),
    "nn.Sequential in nn.Sequential": (
        "self.net = nn.Sequential(nn.Sequential(CONV, NORM), nn.ReLU())",
        NET,
    ),
    "a copy": (
        "self.net = nn.Sequential(SAME, SMALL)\nself.net2 = copy.deepcopy(self.net)",
        "return self.net2(self.net(x))",
    ),
    "InstanceNorm": ("self.net = nn.Sequential(CONV, nn.InstanceNorm2d(32, affine=True))", NET),
    "a norm class in a variable": (
        "norm = nn.BatchNorm2d\nself.net = nn.Sequential(CONV, norm(32), nn.ReLU())",
        NET,
    ),
    "a copy of it": (
        "self.net = nn.Sequential(CONV, NORM)\nself.twin = copy.deepcopy(self.net)",
        "return self.net(x) + self.twin(x)",
    ),
    "setting all modules": (
        "self.net = nn.Sequential(CONV, NORM)\nfor m in self.modules():\n"
        "    if isinstance(m, nn.BatchNorm2d):\n        m.momentum = 0.3\n        m.eps = 0.2",
        NET,
    ),
}


def source(init: str, forward: str) -> str:
    """A model with a convolution and a norm in it."""
    for name, code in (("SAME", SAME), ("SMALL", SMALL), ("CONV", CONV), ("NORM", NORM)):
        init = init.replace(name, code)
    return model(init, forward, TOP).replace("def __init__(self)", "def __init__(self, x=None)")


@pytest.mark.parametrize("form", MOVES)
def test_moves(form: str) -> None:
    text = source(*MOVES[form])
    result = check(text, {16 if CONV in text else 8})
    assert {record.style for record in result.records} == {"built"}
    assert all("in each" in record.detail for record in result.records)


# What takes an nn.Sequential apart, or has a module in two of them.
STAYS = {
    "an index": (
        "self.net = nn.Sequential(CONV, NORM)",
        "y = self.net[0](x)\nreturn y, self.net[1](y)",
    ),
    "a slice": (
        "self.net = nn.Sequential(CONV, NORM)",
        "y = self.net[:1](x)\nreturn y, self.net[1:](y)",
    ),
    "slices": (
        "net = nn.Sequential(CONV, NORM)\nself.a = nn.Sequential(*list(net)[:1])\nself.b = net[1:]",
        "y = self.a(x)\nreturn y, self.b(y)",
    ),
    "a loop": (
        "self.net = nn.Sequential(CONV, NORM)",
        "outs = []\nfor each in self.net:\n    x = each(x)\n    outs.append(x)\nreturn outs",
    ),
    "children": (
        "self.net = nn.Sequential(CONV, NORM)",
        "outs = []\nfor each in self.net.children():\n    x = each(x)\n"
        "    outs.append(x)\n"
        "return outs",
    ),
    "named children": (
        "self.net = nn.Sequential(CONV, NORM)",
        "outs = []\nfor _, each in self.net.named_children():\n    x = each(x)\n"
        "    outs.append(x)\n"
        "return outs",
    ),
    "_modules": (
        "self.net = nn.Sequential(CONV, NORM)",
        "outs = []\nfor _, each in self.net._modules.items():\n    x = each(x)\n"
        "    outs.append(x)\n"
        "return outs",
    ),
    "enumerate": (
        "self.net = nn.Sequential(CONV, NORM)",
        "outs = []\nfor i, each in enumerate(self.net):\n    x = each(x)\n"
        "    outs.append(x)\n"
        "return outs",
    ),
    "numbers": (
        "self.net = nn.Sequential(CONV, NORM)",
        "outs = []\nfor i in range(len(self.net)):\n    x = self.net[i](x)\n    outs.append(x)\n"
        "return outs",
    ),
    "names": (
        "self.net = nn.Sequential(OrderedDict(c=CONV, b=NORM))",
        'outs = []\nfor name in ("c", "b"):\n    x = getattr(self.net, name)(x)\n'
        "    outs.append(x)\n"
        "return outs",
    ),
    "a name": (
        'self.net = nn.Sequential(OrderedDict([("c", CONV), ("b", NORM)]))',
        'y = getattr(self.net, "c")(x)\nreturn y, getattr(self.net, "b")(y)',
    ),
    "an attribute of it": (
        'self.net = nn.Sequential(OrderedDict([("c", CONV), ("b", NORM)]))',
        "y = self.net.c(x)\nreturn y, self.net.b(y)",
    ),
    "get_submodule": (
        'self.net = nn.Sequential(OrderedDict([("c", CONV), ("b", NORM)]))',
        'y = self.net.get_submodule("c")(x)\nreturn y, self.net.get_submodule("b")(y)',
    ),
    "unpacked": (
        "net = nn.Sequential(CONV, NORM)\nself.a, self.b = net.children()",
        "y = self.a(x)\nreturn y, self.b(y)",
    ),
    "in nn.ModuleList": (
        "self.nets = nn.ModuleList([nn.Sequential(SAME, SMALL) for _ in range(2)])",
        "for each in self.nets:\n    y = each[0](x)\n    x = each[1](y) + y\nreturn x",
    ),
    "in nn.ModuleList, by numbers": (
        "self.nets = nn.ModuleList([nn.Sequential(SAME, SMALL) for _ in range(2)])",
        "y = self.nets[0][0](x)\nreturn self.nets[0][1](y) + y",
    ),
    "in nn.ModuleList, unpacked": (
        "self.nets = nn.ModuleList([nn.Sequential(SAME, SMALL) for _ in range(2)])",
        "for conv, bn in self.nets:\n    y = conv(x)\n    x = bn(y) + y\nreturn x",
    ),
    "in nn.Sequential": (
        "self.net = nn.Sequential(nn.Sequential(CONV, NORM), nn.ReLU())",
        "y = self.net[0][0](x)\nreturn self.net[0][1](y) + y",
    ),
    "the same convolution twice": (
        "conv = SAME\nself.net = nn.Sequential(conv, SMALL, conv, nn.ReLU())",
        NET,
    ),
    "the same norm twice": ("bn = SMALL\nself.net = nn.Sequential(SAME, bn, SAME, bn)", NET),
    "both twice": ("conv = SAME\nbn = SMALL\nself.net = nn.Sequential(conv, bn, conv, bn)", NET),
    "one of two": (
        "self.conv = SAME\nself.net = nn.Sequential(self.conv, SMALL, SAME, SMALL)",
        "return self.net(self.conv(x))",
    ),
    "a norm in two": (
        "bn = SMALL\nself.a = nn.Sequential(SAME, bn)\nself.b = nn.Sequential(SAME, bn)",
        "return self.b(self.a(x))",
    ),
    "a norm in a loop": (
        "bn = SMALL\nself.nets = nn.ModuleList()\nfor _ in range(2):\n"
        "    self.nets.append(nn.Sequential(SAME, bn))",
        EACH,
    ),
    "a convolution in two": (
        "conv = SAME\nself.a = nn.Sequential(conv, SMALL)\nself.b = nn.Sequential(conv, nn.ReLU())",
        "return self.b(self.a(x))",
    ),
    "a convolution in a loop": (
        "conv = SAME\nself.nets = nn.ModuleList()\nfor _ in range(2):\n"
        "    self.nets.append(nn.Sequential(conv, SMALL))",
        EACH,
    ),
    "a convolution in an attribute": (
        "self.conv = SAME\nself.net = nn.Sequential(self.conv, SMALL)",
        "return self.conv(self.net(x))",
    ),
    "a norm in an attribute": (
        "self.bn = SMALL\nself.net = nn.Sequential(SAME, self.bn)",
        "return self.bn(self.net(x).relu())",
    ),
    "both in attributes": (
        "self.conv = CONV\nself.bn = NORM\nself.net = nn.Sequential(self.conv, self.bn)",
        NET,
    ),
    "a list in two": (
        "layers = [SAME, SMALL]\nself.a = nn.Sequential(*layers)\nself.b = nn.Sequential(*layers)",
        "return self.b(self.a(x))",
    ),
    "a list that grows": (
        "layers = [SAME, SMALL]\nself.a = nn.Sequential(*layers)\nlayers.append(nn.ReLU())\n"
        "self.b = nn.Sequential(*layers)",
        "return self.b(self.a(x))",
    ),
    "nn.ModuleList as well": (
        "layers = [SAME, SMALL]\nself.net = nn.Sequential(*layers)\n"
        "self.list = nn.ModuleList(layers)",
        "return self.list[0](self.net(x))",
    ),
    "momentum by its number": (
        "self.net = nn.Sequential(CONV, NORM)\nself.net[1].momentum = 0.3",
        NET,
    ),
    "momentum by its name": (
        'self.net = nn.Sequential(OrderedDict([("c", CONV), ("b", NORM)]))\n'
        "self.net.b.momentum = 0.3",
        NET,
    ),
    "momentum in a loop": (
        "self.net = nn.Sequential(CONV, NORM)\nfor each in self.net.children():\n"
        "    if isinstance(each, nn.BatchNorm2d):\n        each.momentum = 0.3",
        NET,
    ),
    "momentum in loops": (
        "self.net = nn.Sequential(nn.Sequential(CONV, NORM))\nfor layers in self.net:\n"
        "    for each in layers:\n        if isinstance(each, nn.BatchNorm2d):\n"
        "            each.momentum = 0.3",
        NET,
    ),
    "another one in its place": (
        "self.net = nn.Sequential(CONV, NORM)\nself.net[1] = nn.BatchNorm2d(32, eps=0.1)",
        NET,
    ),
    "nothing in its place": (
        "self.net = nn.Sequential(CONV, nn.BatchNorm2d(3), NORM)\ndel self.net[1]",
        NET,
    ),
}


@pytest.mark.parametrize("form", STAYS)
def test_stays_where_it_is_used_by_itself(form: str) -> None:
    text = source(*STAYS[form])
    result = check(text, {32 if CONV in text else 16})
    assert "stays after" in notes(result)
    assert not any("in each" in record.detail for record in result.records)


def test_an_item_that_is_applied_by_its_path_is_left() -> None:
    init = "self.net = nn.Sequential(CONV, NORM)\nself.at = '0' + ''.join(())"
    text = source(init, "return self.net.get_submodule(self.at)(x) + self.net(x)")
    assert "each module is applied" in left(text)


def test_stays_where_it_is_added_to_outside_of_functions() -> None:
    top = f"LAYERS = nn.Sequential()\nLAYERS.append({CONV})\nLAYERS.append({NORM})\n"
    result = check(
        source("self.net = LAYERS", NET).replace("\nclass Net", f"\n{top}\nclass Net"), {32}
    )
    assert "in each" not in result.records[0].detail


def test_stays_where_the_convolution_is_an_attribute_as_well() -> None:
    text = source("self.conv = CONV\nself.net = nn.Sequential(self.conv, NORM)", NET)
    result = check(text, {32})
    assert "the norm stays after it: it is held elsewhere too" in notes(result)


def test_a_weight_of_the_norm_is_set_by_its_number() -> None:
    init = "self.net = nn.Sequential(CONV, NORM)\nnn.init.zeros_(self.net[-1].weight)"
    result = check(source(init, NET), {16})
    assert not any(each.weight.any() for each in run_source(result.text).Net().net[1].parts)


def test_a_convolution_that_turns_out_shared_is_split_once() -> None:
    top = """
    import functools

    @functools.lru_cache
    def make():
        return nn.Conv2d(16, 16, 1, groups=2)
    """
    text = model("self.net = nn.Sequential(make(), nn.BatchNorm2d(16), make())", NET, top)
    result = check(text, {16})
    net = run_source(result.text).Net().net
    assert net[0] is net[2]


# What is no nn.Sequential of the two: it stays, and computes the same.
ELSEWHERE = {
    "filter": ("self.net = nn.Sequential(*filter(None, [SAME, SMALL, None]))", NET),
    "numbers": (
        "self.convs = nn.ModuleList([SAME for _ in range(2)])\n"
        "self.bns = nn.ModuleList([SMALL for _ in range(2)])",
        "outs = []\nfor i in range(2):\n    x = self.convs[i](x)\n    outs.append(x)\n"
        "    x = self.bns[i](x)\nreturn outs",
    ),
    "shared convolutions": (
        "self.convs = nn.ModuleList([SAME for _ in range(2)])\n"
        "self.bns = nn.ModuleList([nn.ModuleList([SMALL for _ in range(2)]) for _ in range(2)])",
        "outs = []\nfor bns in self.bns:\n    y = x\n    for conv, bn in zip(self.convs, bns):\n"
        "        y = bn(conv(y)).relu()\n    outs.append(y)\nreturn outs",
    ),
    "nn.ModuleDict": (
        'self.net = nn.ModuleDict({"c": SAME, "b": SMALL})',
        'return self.net["b"](self.net["c"](x))',
    ),
    "nn.ModuleList of both": (
        "self.nets = nn.ModuleList([nn.ModuleList([SAME, SMALL]) for _ in range(2)])",
        "for conv, bn in self.nets:\n    y = conv(x)\n    x = bn(y) + y\nreturn x",
    ),
    "nn.Sequential around one": ("self.net = nn.Sequential(nn.Sequential(SAME), SMALL)", NET),
    "nn.Sequential around the other": ("self.net = nn.Sequential(SAME, nn.Sequential(SMALL))", NET),
    "insert": ("layers = [SMALL]\nlayers.insert(0, SAME)\nself.net = nn.Sequential(*layers)", NET),
    "a list put into another": (
        "layers = [SAME]\nlayers = [SMALL, *layers]\nself.net = nn.Sequential(*layers)",
        NET,
    ),
    "setattr": ('setattr(self, "c", SAME)\nsetattr(self, "b", SMALL)', "return self.b(self.c(x))"),
    "setattr in a loop": (
        "for i in range(2):\n    setattr(self, f'conv{i}', SAME)\n"
        "    setattr(self, f'bn{i}', SMALL)",
        "for i in range(2):\n    x = getattr(self, f'conv{i}')(x)\n"
        "    x = getattr(self, f'bn{i}')(x)\n"
        "return x",
    ),
    "GroupNorm": ("self.net = nn.Sequential(SAME, nn.GroupNorm(2, 16), nn.ReLU(), SMALL)", NET),
    "something between": ("self.net = nn.Sequential(SAME, nn.ReLU(), SMALL)", NET),
    "no statistics": (
        "self.net = nn.Sequential(SAME, nn.BatchNorm2d(16, track_running_stats=False))",
        NET,
    ),
}


@pytest.mark.parametrize("form", ELSEWHERE)
def test_stays_where_there_is_no_sequence_of_the_two(form: str) -> None:
    check(source(*ELSEWHERE[form]), {16})


HEAD = "import torch\nimport torch.nn as nn\nfrom collections import OrderedDict\n\n"
RUN = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = MADE

    def forward(self, x):
        return self.net(x)
"""
CONV_BN = """
class Block(nn.Sequential):
    def __init__(self, i, o, groups=1, norm_layer=None, conv_layer=nn.Conv2d):
        if norm_layer is None:
            norm_layer = nn.BatchNorm2d
        super(Block, self).__init__(
            conv_layer(i, o, 1, groups=groups, bias=False),
            norm_layer(o),
            nn.ReLU6(),
        )
"""
LAYERS = """
class Block(nn.Sequential):
    def __init__(self, i, o, groups=1, norm_layer=nn.BatchNorm2d, conv_layer=nn.Conv2d):
        layers = [conv_layer(i, o, 1, groups=groups)]
        if norm_layer is not None:
            layers.append(norm_layer(o))
        layers.append(nn.ReLU())
        super().__init__(*layers)
        self.out_channels = o
"""
ADDED = """
class Block(nn.Sequential):
    def __init__(self, i, o, groups=1):
        super().__init__()
        self.add_module("conv1", nn.Conv2d(i, o, 1, groups=groups)),
        self.add_module("norm1", nn.BatchNorm2d(o)),
        self.add_module("relu1", nn.ReLU(inplace=True)),
        self.add_module("conv2", nn.Conv2d(o, o, 1, groups=groups)),
        self.add_module("norm2", nn.BatchNorm2d(o)),
FORWARD
"""
FUNCTION = """
def Block(i, o, groups=1, act=True):
    block = nn.Sequential()
    block.add_module("conv", nn.Conv2d(i, o, 1, groups=groups))
    block.add_module("norm", nn.BatchNorm2d(o))
    if not act:
        return block
    block.add_module("relu", nn.ReLU())
    return block
"""
RETURNED = """
def Block(i, o, groups=1):
    return nn.Sequential(nn.Conv2d(i, o, 1, groups=groups), nn.BatchNorm2d(o), nn.ReLU())
"""
LISTED = """
def layers(i, o, groups):
    found = [nn.Conv2d(i, o, 1, groups=groups)]
    found.append(nn.BatchNorm2d(o))
    return found


def Block(i, o, groups=1):
    return nn.Sequential(*layers(i, o, groups))
"""
GIVEN = """
def conv1x1(i, o, groups=1):
    return nn.Conv2d(i, o, 1, groups=groups)


class Block(nn.Module):
    def __init__(self, i, o, groups=1, norm_layer=nn.BatchNorm2d):
        super().__init__()
        self.conv = conv1x1(i, i)
        self.down = nn.Sequential(conv1x1(i, o, groups), norm_layer(o))

    def forward(self, x):
        return self.down(self.conv(x))
"""
WITH_FORWARD = """
    def forward(self, x):
        return torch.cat([x, super().forward(x)], 1)
"""
MADE = "nn.Sequential(Block(16, 32, 2), nn.ReLU())"


@pytest.mark.parametrize(
    ("top", "expected"),
    [
        (CONV_BN, {16}),
        (LAYERS, {16}),
        (ADDED.replace("FORWARD", ""), {16}),
        (ADDED.replace("FORWARD", WITH_FORWARD), {16}),
        (FUNCTION, {16}),
        (RETURNED, {16}),
        (LISTED, {16}),
        (GIVEN, {16}),
    ],
)
def test_what_builds_a_sequence(top: str, expected: set[int]) -> None:
    check(HEAD + top + RUN.replace("MADE", MADE), expected)


@pytest.mark.parametrize("top", [CONV_BN, LAYERS, FUNCTION, RETURNED, LISTED, GIVEN])
def test_what_builds_a_sequence_for_many(top: str) -> None:
    made = "nn.Sequential(Block(16, 32, 4), Block(32, 32), Block(32, 32, 32), Block(32, 64, 32))"
    check(HEAD + top + RUN.replace("MADE", made), {8, 32, 2})


@pytest.mark.parametrize(
    "forward",
    [
        "y = self[0](x)\n        return self[1](y) + y.mean()",
        "y = self.conv1(x)\n        return super().forward(x) + y.mean()",
        "for each in self:\n            x = each(x) + 1\n        return x",
        "for each in self._modules.values():\n            x = each(x) + 1\n        return x",
        "for each in self.children():\n            x = each(x) + 1\n        return x",
    ],
)
def test_a_subclass_with_a_forward_that_takes_it_apart(forward: str) -> None:
    own = f"\n    def forward(self, x):\n        {forward}\n"
    check(HEAD + ADDED.replace("FORWARD", own) + RUN.replace("MADE", MADE), {32})


def test_what_a_function_builds_is_taken_apart_elsewhere() -> None:
    run = RUN.replace("MADE", "Block(16, 32, 2)").replace("self.net(x)", "self.net[0](x).relu()")
    result = check(HEAD + RETURNED + run, {32})
    assert "the norm stays after it" in notes(result)


def test_a_function_that_returns_before_it_has_added_all() -> None:
    run = RUN.replace("MADE", "Block(16, 32, 2, act=False)")
    check(HEAD + FUNCTION + run, {16})


def test_a_norm_that_is_not_seen_where_the_sequence_is_built() -> None:
    run = RUN.replace("MADE", "Block(16, 32, 2)\n        self.net[1].momentum = 0.3")
    check(HEAD + LISTED + run, {32})


def test_the_record_names_no_block_that_is_no_norm() -> None:
    run = RUN.replace("MADE", "Block(16, 32, 2)\n        self.more = Block(32, 32)")
    result = check(HEAD + RETURNED + run.replace("self.net(x)", "self.more(self.net(x))"), {16, 32})
    assert "Net.more" not in result.records[0].detail


@pytest.mark.parametrize("name", ["net", "self.net"])
@pytest.mark.parametrize(
    ("together", "apart"),
    [
        ("net.append(nn.ReLU())", ""),
        ("if torch.rand(1) > 2:\n    net.append(nn.ReLU())", "self.act = nn.ReLU()"),
        ("act = nn.ReLU()\nself.act = act\nnet.append(self.act)", "other = nn.Sequential(act)"),
        ("net.append(nn.ReLU())", "other.append(nn.ReLU())"),
        ("", "self.one = net\nnet.append(nn.ReLU())"),
        ("", "print(net[1])\nnet.append(nn.ReLU())"),
        ("", "if x: return\nnet.append(nn.ReLU())"),
    ],
)
def test_norms_are_split_after_the_last_of_a_series(name: str, together: str, apart: str) -> None:
    """Be it later where nothing has taken it by itself, and never before a norm is in it."""
    head = f"net = nn.Sequential()\nnet.append({CONV})\nnet.append({NORM})"
    text = model("\n".join(filter(None, [head, together, apart])))
    for each in ("net.", "net = ", "= net\n", "(net"):
        text = text.replace(each, each.replace("net", name))
    lines = own_text(split_source(text).text).splitlines()
    (place,) = [number for number, each in enumerate(lines) if "split_layers(" in each]
    assert lines[place] == f"        split_layers({name})"
    last = together.splitlines()[-1].replace("net", name) if together else f"append({NORM})"
    assert last in "\n".join(lines[:place])
    if name == "net" and apart:
        assert apart.splitlines()[0].replace("net", name) in "\n".join(lines[place:])
    del lines[place]
    assert (
        "\n".join(lines).partition("class Net")[2].strip() == text.partition("class Net")[2].strip()
    )


def test_nothing_is_split_together_with_what_is_left_alone() -> None:
    init = f"net = nn.Sequential()\nnet.append({CONV})\nnet.append({NORM})\n"
    init += "net.append(nn.Conv2d(32, 32, 1, groups=2))  # gencode: skip\nself.net = net"
    result = split_source(model(init, NET))
    assert [each.status for each in result.records] == ["split", "skipped"]
    assert "the norm after it stays after the concatenation" in result.records[0].note
    assert "split_layers" not in own_text(result.text)


def test_what_may_use_a_module_ends_a_series() -> None:
    use = "self.init()"
    init = f"self.net = nn.Sequential()\nself.net.append({CONV})\n"
    init += f"self.net.append({NORM})\n{use}\nself.net.append(nn.ReLU())"
    text = split_source(model(init)).text
    assert f"        split_layers(self.net)\n        {use}\n" in text


def test_a_slice_of_a_list_is_looked_into() -> None:
    made = "Made()"
    top = "class Made(nn.Sequential):\n    def __init__(self):\n"
    top += f"        super().__init__({CONV}, {NORM})"
    for listed, sequence in [
        (f"{made}, nn.ReLU()", "*layers[:-1]"),
        (f"{made}, nn.ReLU()", "*layers[1:][::2]"),
    ]:
        init = f"layers = [{listed}]\nself.net = nn.Sequential({sequence})"
        text = split_source(model(init, NET, top)).text
        assert text.count("split_layers(self)") == 1
    given = f"def make(layers):\n    return nn.Sequential(*layers[:2])\n\n{top}"
    text = split_source(model(f"self.net = make([{made}])", NET, given)).text
    assert "    return nn.Sequential(*layers[:2])\n" in text
    assert text.count("split_layers(self)") == 1
