"""Code that goes over modules, weights or names, and would do something else for parts."""

from __future__ import annotations

from textwrap import dedent, indent

import pytest

from gencode import Options, split_source

TOP = """\
import functools
import re
import torch
from torch import nn

class Block(nn.Module):
    def __init__(self, g):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, groups=g)
        self.bn = nn.BatchNorm2d(8)

    def forward(self, x):
        return self.bn(self.conv(x))

class Net(nn.Module):
    def __init__(self, g):
        super().__init__()
        self.block = Block(g)
        self.last = nn.Conv2d(8, 8, 1)

    def forward(self, x):
        return self.last(self.block(x))

def walk(net, seen, other):
"""
FIRST = TOP.count("\n") + 1
MODULES = "for name, m in net.named_modules():\n    "
WEIGHTS = "for name, p in net.named_parameters():\n    "
MANY = "[Net(2).block.conv, nn.ReLU(), nn.GELU(), nn.ELU(), nn.Tanh(), nn.Linear(1, 1)][seen]"

DRAWN = "random weights and biases are drawn in turn"
SAME = {
    "counted in all": "return sum(p.numel() for p in net.parameters())",
    "frozen": WEIGHTS + "p.requires_grad = False",
    "initialised": MODULES + "if isinstance(m, nn.Conv2d): nn.init.zeros_(m.weight)",
    "by its data": MODULES + "if isinstance(m, nn.Conv2d): m.weight.data.normal_(0, 0.1)",
    "the mode": MODULES + "m.eval()",
    "the same for all": MODULES + "if isinstance(m, nn.BatchNorm2d): m.momentum = 0.3",
    "the device": "return next(net.parameters()).device",
    "the device of what may be none": (
        "p = next(net.parameters(), None)\n"
        "if p is not None:\n    return torch.ones(1, device=p.device)"
    ),
    "weights drawn": MODULES + "if isinstance(m, nn.Conv2d): nn.init.normal_(m.weight)",
    "weights and biases of others drawn": (
        MODULES + "if isinstance(m, nn.Linear):\n"
        "        nn.init.normal_(m.weight)\n        nn.init.normal_(m.bias)"
    ),
    "norms reset": MODULES + "if isinstance(m, nn.BatchNorm2d): m.reset_parameters()",
    "weights told from biases": WEIGHTS + "if p.dim() > 1: nn.init.uniform_(p)",
    "added up by what is applied": (
        "total = 0\ndef see(m):\n    nonlocal total\n"
        "    if isinstance(m, nn.Conv2d): total += m.weight.numel()\nnet.apply(see)"
    ),
    "asked for what some have": MODULES + "if hasattr(m, 'fuse'): m.fuse()",
    "some of what holds no convolution": (
        "net = nn.Sequential(nn.Sequential(Net(2)), nn.ReLU())\nreturn list(net.children())[1:]"
    ),
    "children of what is known, by place": (
        "net = nn.Sequential(Block(2).conv, nn.ReLU())\nreturn list(net.children())[1:]"
    ),
    "a printed one": MODULES + "print(name, m)",
    "noted by others": "net = Net(2)\nseen.append(net.block.conv)",
    "another name": MODULES + "if name == 'head': m.eval()",
    "the end of a name": WEIGHTS + "if name.endswith('.weight'): p.requires_grad = False",
    "elementwise": WEIGHTS + "p.data.mul_(0.5).abs_()",
    "of one group": MODULES + "print(9 * m.out_channels // m.groups)",
    "another walk": MODULES + "for each in m.children():\n        each.eval()",
    "another package": MODULES + "m.eval()\nfunctools.level = other",
    "the class as a key": MODULES + "print(seen[type(m)])",
    "hasattr of any name": "net = Net(2)\nreturn hasattr(net.block.conv, seen)",
    "text about others": "return eval('3')",
    "made of each": "n = []\nfor m in net.modules():\n    more = m.weight\n    n.append(more)",
    "the keys": "return [key for key, value in net.state_dict().items()]",
    "its walk": MODULES + "for p in m.parameters():\n        p.requires_grad = False",
    "another layer": "other.last.padding = 1\nreturn str(other.last)",
    "a linear layer": MODULES + "if isinstance(m, nn.Linear): print(m.weight.norm())",
    "another class": MODULES + "if isinstance(m, Net): print(m.last.in_channels)",
    "one of several": MODULES + "if isinstance(m, (nn.Linear, nn.GroupNorm)): seen(m)",
    "one of many": f"m = {MANY}\nreturn isinstance(m, nn.Linear)",
    "one of many, of several": f"m = {MANY}\nreturn isinstance(m, (nn.Linear, nn.ReLU))",
    "by its type": MODULES + "if type(m) is nn.Linear: seen(m)",
    "no attribute": WEIGHTS + "p.no_decay = True",
    "all of a weight": WEIGHTS + "p.data[:] = 0\n    p.data[...] = 0",
    "an arithmetic": WEIGHTS + "p.data = p.data * 0.9 + 1",
    "a sum of sizes": "n = 0\nfor p in net.parameters():\n    n += 4 * p.numel()\nreturn n",
    "an optimiser": "return torch.optim.SGD(net.parameters(), 0.1)",
    "some, for an optimiser": (
        "return torch.optim.Adam([p for p in net.parameters() if p.dim() > 1])"
    ),
    "a clipping": "nn.utils.clip_grad_norm_(net.parameters(), 1.0)",
    "a clipping of a list": "nn.utils.clip_grad_norm_([p for p in net.parameters()], 1.0)",
    "a clipping of all in a list": "nn.utils.clip_grad_norm_([*net.parameters()], 1.0)",
    "a clipping by value": WEIGHTS + "nn.utils.clip_grad_value_([p], 1.0)",
    "side by side": "for p, q in zip(net.parameters(), other.parameters()):\n    q.data.copy_(p)",
    "a dict by name": (
        "old = {name: p for name, p in net.named_parameters()}\n"
        "for name, p in other.named_parameters():\n    p.data.copy_(old[name])"
    ),
    "the class in a comparison": MODULES + "if m.__class__.__name__ == 'Linear': m.eval()",
    "the class in a table": MODULES + "seen.get(type(m), other)",
    "the class by its text": MODULES + "if str(m).startswith('Linear'): m.eval()",
    "a text that is logged": MODULES + "seen.info(f'{m}')",
    "a text in an error": MODULES + "if m.training: raise ValueError(str(m))",
    "a method of its own": MODULES + "if isinstance(m, Net): m.fuse()",
    "channels by the groups": MODULES + "seen.append(m.out_channels // m.groups)",
    "channels divided later": MODULES + "n = 9 * m.out_channels\nn //= m.groups",
    "a way to a part": "net.apply(lambda m: m.eval())",
    "the first, for its device": "for p in net.parameters():\n    return p.device",
    "a call in the class": "net = Net(2)\nnet.block.add_module('more', nn.ReLU())\nreturn net",
    "a name that is written": WEIGHTS + "print(name.upper())",
    "a pattern for another": WEIGHTS + "if re.search('head', name): p.requires_grad = False",
    "a list that grows": "found = []\nfor m in net.modules():\n    found.append(m)",
    "what is known to be kept": "net = Net(2)\nnet.block.conv.mark = 3\nnet.block.conv.eval()",
    "a comparison": "net = Net(2)\nreturn net.block.conv is other",
    "isinstance of another": (
        "net = Net(2)\nm = [net.block.conv][0]\nreturn isinstance(m, nn.Linear)"
    ),
    "hasattr of what there is": "net = Net(2)\nreturn hasattr(net.block.conv, 'kernel_size')",
    "its state": "net = Net(2)\nreturn net.block.conv.state_dict()",
    "a settings read": "net = Net(2)\nm = [net.block.conv][0]\nreturn m.kernel_size, m.forward",
    "a shown one": "net = Net(2)\nprint(f'{net.block.conv}')",
    "weights of one": (
        "m = functools.reduce(lambda a, b: a, [Net(2).block.conv, 1])\nreturn m.parameters()"
    ),
    "what one does not have": (
        "m = functools.reduce(lambda a, b: a, [Net(2).block.conv, 1])\nm.zero_grad()\nm.fuse()"
    ),
    "a layer that holds none": "net = Net(2)\nreturn nn.Linear(net.block.conv, 3)",
    "a function of tensors": "net = Net(2)\nreturn torch.relu(net)",
}
OTHERS = {
    "reset": (MODULES + "if hasattr(m, 'reset_parameters'): m.reset_parameters()", DRAWN),
    "both drawn": (
        MODULES + "nn.init.normal_(m.weight)\n    m.bias.data.uniform_()",
        DRAWN,
    ),
    "all drawn": (WEIGHTS + "nn.init.normal_(p)", DRAWN),
    "the last that is applied": (
        "last = None\ndef see(m):\n    nonlocal last\n    if isinstance(m, nn.Conv2d): last = m\n"
        "net.apply(see)",
        "one is chosen by its place",
    ),
    "counted by what is applied": (
        "count = 0\ndef see(m):\n    nonlocal count\n    count += 1\nnet.apply(see)",
        "they are counted",
    ),
    "listed by what is called": (
        "found = []\ndef see(m):\n    found.append(1)\nfor m in net.modules():\n    see(m)",
        "they are counted",
    ),
    "reduced": ("return functools.reduce(lambda n, m: n + 1, net.modules(), 0)", "are counted"),
    "names counted": ("return len([name for name, m in net.named_modules()])", "are counted"),
    "keys counted": ("return len({id(m): 1 for m in net.modules()})", "are counted"),
    "a place among names": (
        "return [name for name, m in net.named_modules()].index('last')",
        "one is chosen by its place",
    ),
    "matched": (
        "for m in net.modules():\n    match m:\n        case nn.Conv2d(groups=2): m.eval()",
        "what each module has is matched",
    ),
    "others put in": ("state = net.state_dict()\nstate.update(other)", "one is replaced"),
    "insides by variables": ("vars(net)['_modules']['block'] = other", "one is replaced"),
    "insides": ("net.__dict__['_modules'].update(block=other)", "one is replaced"),
    "yielded": (
        "def each():\n    for m in net.modules(): yield m\nreturn len([*each()])",
        "they are counted",
    ),
    "a size": (MODULES + "print(m.out_channels)", "out_channels is read of each module"),
    "channels times the groups": (
        MODULES + "seen.append(m.in_channels * m.groups)",
        "in_channels is read of each module",
    ),
    "channels of a norm": (MODULES + "m.eps = 1 / m.num_features", "num_features is read"),
    "the size of a weight": (MODULES + "print(m.weight.numel())", "numel() of a weight is taken"),
    "the largest": (MODULES + "print(m.weight.abs().max())", "max() of a weight is taken"),
    "clipped one by one": (
        WEIGHTS + "nn.utils.clip_grad_norm_(p, 1.0)",
        "the norm of each weight is taken by clip_grad_norm_()",
    ),
    "clipped one by one in a list": (
        WEIGHTS + "ps = [p]\n    nn.utils.clip_grad_norm_(max_norm=1.0, parameters=ps)",
        "the norm of each weight is taken by clip_grad_norm_()",
    ),
    "the norms of all": (
        "return torch._foreach_norm([*net.parameters()])",
        "each weight is handed on",
    ),
    "by a function": (MODULES + "print(torch.norm(m.weight))", "norm() of each weight is taken"),
    "of a parameter": (WEIGHTS + "print(p.data.std())", "std() of each weight is taken"),
    "of one, by a function": (WEIGHTS + "print(torch.max(p))", "max() of each weight is taken"),
    "handed on": (MODULES + "seen(m)", "each module is handed on"),
    "replaced": (MODULES + "setattr(m, name, other)", "a module in each is replaced"),
    "set": (MODULES + "m.groups = 1", "groups is set"),
    "asked for": (MODULES + "print(hasattr(m, 'weight'))", "what each module has is asked for"),
    "asked for by name": (
        MODULES + "print(hasattr(m, seen))",
        "what each module has is asked for",
    ),
    "the first weight": (
        "next(net.parameters()).requires_grad_(False)",
        "one is chosen by its place",
    ),
    "its class": (MODULES + "print(m._get_name())", "the class of each module is asked for"),
    "a name": (MODULES + "if name == 'block.conv': m.eval()", "one is chosen by its name"),
    "a suffix": (WEIGHTS + "print(name.endswith('bn.weight'))", "one is chosen by its name"),
    "in a name": (MODULES + "if 'conv' in name: m.eval()", "one is chosen by its name"),
    "a part of a name": (WEIGHTS + "print(name.split('.')[-2])", "the name of each is taken apart"),
    "a place": ("weights = [*net.parameters()]\nreturn weights[3]", "one is chosen by its place"),
    "a slice": ("return list(net.children())[:-1]", "one is chosen by its place"),
    "how many": ("return len(list(net.modules()))", "they are counted"),
    "by another function": (
        "def size(m): return m.out_channels\nreturn [size(m) for m in net.modules()]",
        "out_channels is read of each module",
    ),
    "what is in it": (
        "net = Net(2)\nreturn list(net.block.conv.children())",
        "what is in it is asked for, of a split convolution",
    ),
    "an attribute": (
        "net = Net(2)\nreturn getattr(net.block.conv, 'transposed', False)",
        "transposed is asked for of a split convolution",
    ),
    "the text of one": (
        "net = Net(2)\nreturn str(net.block.conv)",
        "the class is asked for of a split convolution",
    ),
    "the name of its class": (
        "net = Net(2)\nreturn net.block.conv._get_name()",
        "the class is asked for of a split convolution",
    ),
    "a size by a function": (WEIGHTS + "print(torch.numel(p))", "numel() of each weight is taken"),
    "its length": (WEIGHTS + "print(len(p))", "each weight is counted"),
    "a part of it": (MODULES + "m.weight.data[0] = 1", "a part of a weight is taken"),
    "a row of it": (WEIGHTS + "print(p[0])", "a part of each weight is taken"),
    "row by row": (WEIGHTS + "for row in p: print(row)", "each weight is gone over"),
    "its shape": (WEIGHTS + "print(p.shape)", "shape is read of each weight"),
    "to a stranger": (WEIGHTS + "seen(p)", "each weight is handed on"),
    "of what is made of it": (
        WEIGHTS + "print((p * 2).abs().max())",
        "max() of each weight is taken",
    ),
    "applied": ("net.apply(lambda m: m(seen))", "each module is applied"),
    "a forward": (MODULES + "print(m.forward.__func__)", "forward of each module is taken"),
    "its dict": (MODULES + "print(m.__dict__)", "__dict__ is read of each module"),
    "a hook": (
        MODULES + "m.register_forward_hook(seen)",
        "register_forward_hook() of each module is called",
    ),
    "to a function of torch": (
        MODULES + "nn.utils.weight_norm(m)",
        "each module is given to torch.nn.utils.weight_norm",
    ),
    "its text": (MODULES + "seen.append(str(m))", "the text of each module is taken"),
    "its type": (MODULES + "seen.add(type(m))", "the class of each module is asked for"),
    "its own class": (MODULES + "name = m.__class__", "the class of each module is asked for"),
    "the rank of a name": (WEIGHTS + "print(name[0])", "the name of each is taken apart"),
    "the length of a name": (WEIGHTS + "print(len(name))", "the name of each is measured"),
    "a pattern": (WEIGHTS + "re.search('conv', name)", "the name of each is handed on"),
    "a number": (WEIGHTS + "if name.endswith('0.weight'): seen()", "one is chosen by its name"),
    "what is not known": (WEIGHTS + "if name in seen: seen()", "one is chosen by its name"),
    "in a list": ("return 'conv' in net.state_dict()", "it is asked whether there is one"),
    "numbered": ("for i, p in enumerate(net.parameters()): seen(i)", "they are counted"),
    "beside others": ("for p, i in zip(net.parameters(), seen): pass", "they are counted"),
    "all but some": (
        "import itertools\nfor p in itertools.islice(net.parameters(), 2): p.zero_()",
        "one is chosen by its place",
    ),
    "the first": ("return next(net.parameters())", "one is chosen by its place"),
    "the first that is found": (
        MODULES + "if isinstance(m, nn.Conv2d): return m",
        "one is chosen by its place",
    ),
    "the last that is found": (MODULES + "found = m", "one is chosen by its place"),
    "until one is found": (
        MODULES + "if isinstance(m, nn.Conv2d):\n        break",
        "one is chosen by its place",
    ),
    "counted one by one": ("n = 0\n" + MODULES + "n += 1", "they are counted"),
    "counted at once": ("return sum(1 for m in net.modules())", "they are counted"),
    "by a key": (
        "return {n: p for n, p in net.named_parameters()}['x']",
        "one is chosen by its place",
    ),
    "set by a key": ("net.state_dict()['x'] = seen", "one is replaced"),
    "all of them": ("seen(net.parameters())", "handed on"),
    "by a path": ("return net.get_submodule(seen)", "one is chosen by its place"),
    "by a path in the model": ("return seen.get_parameter('conv')", "one is chosen by its place"),
    "a stranger": (
        "net = Net(2)\nseen(net.block.conv)",
        "it is not known what seen() does with it",
    ),
    "a list for a stranger": (
        "net = Net(2)\nseen([net.block.conv])",
        "it is not known what seen() does with it",
    ),
    "an attribute that is asked for": (
        "net = Net(2)\nreturn hasattr(net.block.conv, 'transposed')",
        "what it has is asked for of a split convolution",
    ),
    "its forward": (
        "net = Net(2)\nm = [net.block.conv][0]\nreturn m.forward.__func__",
        "forward.__func__ is asked for of a split convolution",
    ),
    "text of a model": ("net = Net(2)\nreturn len(str(net.block))", "the text of a model is taken"),
    "a replaced one": (
        "net = Net(2)\nsetattr(net.block, seen, other)",
        "what holds a split convolution is changed",
    ),
    "every hook": (
        "nn.modules.module.register_module_forward_hook(seen)",
        "torch.nn.modules.module.register_module_forward_hook is changed",
    ),
    "the class of one of many": (
        f"m = {MANY}\nreturn isinstance(m, nn.Conv2d)",
        "the class is asked for of a split convolution",
    ),
    "whether one of many is of what is not known": (
        f"m = {MANY}\nreturn isinstance(m, seen)",
        "the class is asked for of a split convolution",
    ),
    "the type of one of many": (
        f"m = {MANY}\nreturn type(m)",
        "the class is asked for of a split convolution",
    ),
    "the class by getattr": (
        MODULES + "name = getattr(m, '__class__')",
        "the class of each module is asked for",
    ),
    "a key by its place": ("return list(net.state_dict().keys())[0]", "one is chosen by its place"),
    "one that is thrown": ("net = Net(2)\nraise net.block.conv", "it is not known what other code"),
    "counted in a sum": (
        "return sum(isinstance(m, nn.Conv2d) for m in net.modules())",
        "they are counted",
    ),
    "counted in a variable": ("n = 0\n" + MODULES + "n = n + 1", "they are counted"),
    "counted by a list": ("n = []\n" + MODULES + "n.append(1)", "they are counted"),
    "one for each": (
        "rates = iter(seen)\n" + MODULES + "m.rate = next(rates)",
        "they are counted",
    ),
    "measured": ("return len([m for m in net.modules() if m.training])", "they are counted"),
    "how deep": (
        "def go(m, depth):\n    for c in m.children(): go(c, depth + 1)\ngo(net, 1)",
        "it depends on how deep each is",
    ),
    "text that is run": ("exec('net.block.conv.padding = 2')", "it is not known what exec() does"),
    "text that is not known": ("eval(seen)", "it is not known what eval() does"),
    "the groups of an optimiser": (
        "for group in seen.param_groups:\n    group['params'][0].zero_()",
        "one is chosen by its place",
    ),
    "by the base class": (
        "net = Net(2)\nnn.Module.__setattr__(net.block.conv, 'padding', 2)",
        "padding is set of a split convolution",
    ),
    "torch itself": ("nn.Conv2d.forward = other", "torch.nn.Conv2d.forward is changed"),
    "what is added to something that is not known": (
        "table = strangers.table()\ntable['a'] += [Net(2).block.conv]",
        "it is not known what operator does with it",
    ),
    "torch itself for a while": (
        "from unittest import mock\nwith mock.patch.object(nn.Conv2d, 'forward', other):\n    pass",
        "torch.nn.Conv2d.forward is changed",
    ),
}


def said(body: str, options: Options = Options()) -> dict[int, str]:
    """What is said of the last lines of a source, by their numbers."""
    warnings = split_source(TOP + indent(dedent(body), "    ") + "\n", options).warnings
    return {each.line: each.message for each in warnings}


REDUCED = "m = functools.reduce(lambda a, b: a, [CONV, 1])"


@pytest.mark.parametrize("name", SAME)
def test_what_is_the_same_for_each_part_is_not_said(name: str) -> None:
    assert said(SAME[name]) == {}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_another_for_parts_is_said(name: str) -> None:
    body, what = OTHERS[name]
    found = said(body)
    assert [each for each in found if each < FIRST] == []
    assert any(what in each for each in found.values())
    why = "each part is a convolution of its own" if what is DRAWN else "may give another result"
    assert all(why in each for each in found.values())


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("for m in map(lambda m: m, [CONV]): m.padding = (1, 1)", "its padding is set (line 25)"),
        (f"{REDUCED}\nimport copy\ncopy.deepcopy(m).stride = 2", "its stride is set (line 27)"),
        (f"{REDUCED}\nm.weight.data.zero_()", "its weight is set (line 26)"),
    ],
)
def test_what_is_done_with_another_name_for_it_raises(body: str, what: str) -> None:
    (message,) = said(body.replace("CONV", "Net(2).block.conv")).values()
    assert f"this will raise once the convolution is split: {what}" in message


def test_what_is_done_before_the_split_is_not_said() -> None:
    text = TOP.replace(
        "        self.bn = nn.BatchNorm2d(8)\n",
        "        self.bn = nn.BatchNorm2d(8)\n"
        "        for m in self.modules():\n"
        "            if isinstance(m, nn.BatchNorm2d): m.eps = 1 / m.num_features\n",
    )
    assert split_source(f"{text}    return net\n").warnings == ()


def test_a_convolution_that_stays_plain_is_not_spoken_of() -> None:
    body = "net = Net(2)\nreturn str(net.last)"
    assert said(body) == {}
    text = TOP.replace("groups=g", "groups=1") + "    return list(net.parameters())[3]\n"
    assert split_source(text).warnings == ()


def test_other_functions_that_nothing_calls_are_looked_at_too() -> None:
    more = "    return net\n\ndef prune(net):\n    return [m.out_channels for m in net.modules()]\n"
    found = split_source(TOP + more).warnings
    assert [each.line for each in found] == [FIRST + 3]


def test_what_is_too_much_to_follow_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gencode.facts.interpretation._BUDGET", 9)
    (record, *_) = split_source(f"{TOP}    return net\n").records
    assert "there is too much in this file" in record.detail


SEQUENTIAL = """\
import strangers
from torch import nn

class Net(nn.Module):
    def __init__(self, g):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(8, 8, 3, groups=g), nn.BatchNorm2d(8))
        self.kept = strangers.keep(BODY)

    def forward(self, x):
        return self.body(x)

    def more(self, x):
        """
OF_SEQUENTIAL = {
    "nn.Module.__setattr__(self.body, '1', x)": "what holds a split convolution is changed",
    "delattr(self.body, '1')": "what holds a split convolution is changed",
}


@pytest.mark.parametrize(
    "code",
    [
        "self.get_submodule('body.1')(x)",
        "self.get_submodule('body.0')(x).relu()",
        "object.__setattr__(self, 'b', self.body[-1])\n        self.b.eps = 1",
    ],
)
def test_the_norm_of_a_pair_that_is_taken_apart_stays(code: str) -> None:
    text = SEQUENTIAL.replace("strangers.keep(BODY)", "1") + code + "\n"
    (record,) = split_source(text).records
    assert "the norm stays after it: " in record.note
    assert "in each" not in record.detail


@pytest.mark.parametrize("code", OF_SEQUENTIAL)
def test_what_takes_a_pair_apart_is_said(code: str) -> None:
    text = SEQUENTIAL.replace("strangers.keep(BODY)", "1") + code + "\n"
    found = {each.line: each.message for each in split_source(text).warnings}
    assert OF_SEQUENTIAL[code] in found[text.count("\n")]


def test_a_model_that_a_constructor_hands_on_is_said() -> None:
    (warning,) = split_source(SEQUENTIAL.replace("BODY", "self") + "return x\n").warnings
    assert warning.message.startswith("it is not known what strangers.keep() does with a model")
    after = SEQUENTIAL.replace("strangers.keep(BODY)", "1") + "return strangers.keep(self)\n"
    assert split_source(after).warnings == ()


def test_what_is_run_again_in_the_backward_pass_is_run_as_ever() -> None:
    """A checkpoint keeps a module as it is."""
    forward = "self.last(torch.utils.checkpoint.checkpoint(self.block, x))"
    text = TOP.replace("self.last(self.block(x))", forward) + "    pass\n"
    assert forward in text
    assert split_source(text).warnings == ()


def test_a_graph_is_another_where_code_looks_at_it() -> None:
    traced = TOP + "    import torch.fx\n    return torch.fx.symbolic_trace(net)"
    assert split_source(f"{traced}\n").warnings == ()
    (warning,) = split_source(f"{traced}.graph\n").warnings
    assert warning.message.startswith("the graph of a model is taken")


def test_random_numbers_that_a_constructor_draws_are_no_reason_to_refuse() -> None:
    drawn = """
        for m in self.modules():
            m.reset_parameters()
"""
    text = TOP.replace(
        "        self.last = nn.Conv2d(8, 8, 1)\n", f"        self.last = None{drawn}"
    )
    result = split_source(f"{text}    return net\n")
    (record,) = result.records
    assert record.is_split
    assert any(DRAWN in each.message for each in result.warnings)


@pytest.mark.parametrize(
    "code",
    [
        "object.__setattr__(net, 'bn', other)",
        "nn.Module.__setattr__(net, 'bn', other)",
        "net.set_submodule('block.bn', other)",
    ],
)
def test_a_norm_that_may_be_replaced_stays(code: str) -> None:
    (record,) = split_source(f"{TOP}    {code}\n").records
    assert "self.bn stays after the concatenation: it may be" in record.note
