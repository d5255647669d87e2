"""What is known of classes and their instances."""

from __future__ import annotations

import ast

from facts_asked import Asked

from gencode import torch_api
from gencode.facts.project import Module, Project
from gencode.facts.values import Instance
from gencode.facts.worklist import Worklist

SOURCE = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 1)
    def forward(self, x):
        return self.conv(x)
    def _private(self):
        return self.conv
    def _unused(self):
        return nn.ReLU()
    def public(self):
        return self._private()
class Child(Net):
    def __init__(self):
        self.a = 1
class Good(Net):
    def __init__(self):
        super().__init__()
class Walked(nn.Module):
    def m(self):
        for c in self.children():
            pass
class Row(nn.Sequential): pass
class Plain: pass
"""


def _class(asked: Asked, name: str) -> ast.ClassDef:
    found = [each for each in ast.walk(asked.tree) if isinstance(each, ast.ClassDef)]
    return next(each for each in found if each.name == name)


def test_classes() -> None:
    """A class is found with all that inherit from it."""
    asked = Asked(SOURCE)
    names = {each.name for each in asked.facts.classes(_class(asked, "Net"))}
    assert names == {"Net", "Child", "Good"}


def test_what_a_class_is() -> None:
    """A module, or none."""
    asked = Asked(SOURCE)
    modules = {
        each for each in ("Net", "Row", "Plain") if asked.facts.is_module(_class(asked, each))
    }
    assert modules == {"Net", "Row"}


def test_what_holds_a_value() -> None:
    """The attributes and containers that a value is stored in are known."""
    asked = Asked("class Box: pass\nb = Box()\nc = nn.Conv2d(1, 1, 1)\nb.c = c\nd = [c]\nc")
    (conv,) = asked.facts.values(asked.node("c"))
    holders = asked.facts.heap.holders(conv)
    assert {name for holder, name in holders if isinstance(holder, Instance)} == {"c"}
    assert "" in {name for _, name in holders}


def test_private_methods_are_interpreted_where_they_are_called() -> None:
    """One with an underscore is the class's own, and still interpreted if nothing calls it."""
    asked = Asked(SOURCE)
    assert asked.values("self._private()") == {"Conv2d", "Child.conv"}
    assert asked.values("nn.ReLU()") == {"ReLU"}


def test_what_is_no_function_in_a_class() -> None:
    """It is what it is, and not called with the instance."""
    asked = Asked("""
class A:
    m = len
    def f(self): pass
    f = 1
    for loop in [1]: pass
A().m
A().f
A().loop
class B(A): pass
B.m
""")
    assert asked.values("A().m") == {"builtins.len"}
    assert "1" in asked.values("A().f")
    assert "1" in asked.values("A().loop")
    assert asked.values("B.m") == {"builtins.len"}


def test_results_of_a_forward() -> None:
    """A tensor is the module's own; several keep their order."""
    asked = Asked("""
class Net(nn.Module):
    def forward(self, x):
        return F.relu(x), {"a": F.relu(x), "b": [1]}, nn.ReLU
class Any(nn.Module):
    def forward(self, x):
        return {F.relu(x)}
def f(x):
    net = Net()
    net(x)[0]
    net(x)[1]
    net(x)[2]
    net.forward(x)[0]
    for y in Any()(x):
        y
""")
    assert asked.values("net(x)[0]") == {"tensor of Net"}
    assert asked.values("net(x)[1]") == {"dict"}
    assert asked.values("net(x)[2]") == {"torch.nn.ReLU"}
    assert asked.values("net.forward(x)[0]") == {"tensor of torch.nn.functional.relu"}
    assert asked.values("y") == {"tensor of Any"}


def test_a_forward_that_is_replaced() -> None:
    """What is stored in ``forward`` is called as well."""
    asked = Asked("""
class Net(nn.Module):
    def __init__(self):
        self.forward = self.other
    def other(self, x):
        return nn.ReLU
    def forward(self, x):
        return nn.Tanh
Net()(1)
""")
    assert asked.values("Net()(1)") == {"torch.nn.ReLU", "torch.nn.Tanh"}


def test_the_rest_of_what_a_return_and_a_try_may_be() -> None:
    """Names of functions in a try are not those around it."""
    asked = Asked("""
def f(x):
    try:
        g = lambda: (inner := 1)
        [unseen for unseen in []]
    except E:
        return
    return x[0]
f(1)
""")
    assert asked.values("f(1)") == {"None", "anything"}


def test_a_class_of_another_file() -> None:
    """It is interpreted as far as it is used."""
    asked = Asked(
        "from helper import Base\nclass Net(Base):\n    def __init__(self):\n"
        "        super().__init__()\nclass Sub(Net):\n    def __init__(self):\n"
        "        super().__init__()\nclass Bare(Net): pass\nNet().conv",
        helper="class Base(nn.Module):\n    def __init__(self):\n"
        "        self.conv = nn.Conv2d(1, 1, 1)\n",
    )
    assert asked.values("Net().conv") == {"Conv2d"}
    names = [each.name for each in asked.facts.classes(_class(asked, "Net"))]
    assert names == ["Net", "Sub", "Bare"]


def test_a_weight_that_is_copied() -> None:
    """What is copied into a weight is an argument there."""
    asked = Asked("a = nn.Conv2d(1, 1, 1)\nw = F.relu(1)\na.weight.data.copy_(w)")
    assert "argument" in asked.uses("w")
    assert not asked.escapes("w")


def test_a_package_that_is_not_there() -> None:
    """A module in it may be all the same."""
    asked = Asked("from part import inner\ninner.value", part__inner="value = 1")
    assert asked.values("inner.value") == {"1"}


def test_what_waits_is_interpreted_at_the_end() -> None:
    """Outside of a unit nothing waits."""
    worklist = Worklist()
    worklist.wait()
    worklist.stop_waiting()
    worklist.run()
    assert worklist.current is None


def test_a_module_that_is_added_is_the_one_of_its_name() -> None:
    """The project is not asked for it."""
    project, module = Project(), Module("a", False, ast.parse(""))
    project.add(module)
    assert project.module("a") is module


def test_paths_of_torch() -> None:
    """A class is known by its usual path; what is none is told by its name."""
    assert torch_api.canonical("torch.nn.modules.conv.Conv2d") == "torch.nn.Conv2d"
    assert torch_api.canonical("torch._C._nn.gelu") == "torch.nn.functional.gelu"
    assert torch_api.canonical("os.path") == "os.path"
    assert torch_api.dimensions("torch.nn.Conv2d") == 2
    assert torch_api.dimensions("torch.nn.BatchNorm1d") is None
    assert torch_api.dimensions("torch.nn.Linear") is None
    assert torch_api.is_class("torch.nn.ReLU")
    assert not torch_api.is_class("torch.relu")
    assert not torch_api.is_nn_class("torch.nn.utils.Thing")
    assert torch_api.is_module_class("torch.nn.Module")
    assert not torch_api.is_module_class("torch.relu")
    assert torch_api.rank_of("relu", 4) == 4
    assert torch_api.rank_of("view", 4) is None
    assert torch_api.keeps_channels("relu")
    assert torch_api.keeps_batch("torch.relu")
    assert torch_api.keeps_batch("torch.nn.Linear")
    assert not torch_api.keeps_batch("torch.cat")


def test_a_change_of_what_lies_outside() -> None:
    """It is known where, and of what; of a module or constant it is nothing."""
    asked = Asked("nn.Conv2d.forward = 1\nimport math\nx = 3\nx.y = 1")
    assert [path for _, path in asked.facts.patched()] == ["torch.nn.Conv2d.forward"]


def test_methods_of_torch_that_are_given_their_object() -> None:
    """``nn.Module.__init__(self)`` keeps nothing, and ``add_module`` adds a module."""
    asked = Asked("""
        class Net(nn.Module):
            def __init__(self):
                nn.Module.__init__(self)
                nn.Module.add_module(self, "act", nn.ReLU())
                nn.Module.to(unknown, 1)
            def forward(self, x):
                return self.act
        """)
    (net,) = asked.facts.instances(_class(asked, "Net"))
    assert not any(use.kind == "escape" for use in asked.facts.uses(net))
    assert asked.values("self.act") == {"ReLU"}


def test_the_class_of_what_torch_makes() -> None:
    """It is that of torch; of an instance it may be one that inherits from its own."""
    asked = Asked("""
        a = type(nn.ReLU())
        b = nn.ReLU().__class__
        c = type(unknown)
        """)
    assert asked.values("type(nn.ReLU())") == asked.values("nn.ReLU().__class__")
    assert asked.values("type(nn.ReLU())") == {"torch.nn.ReLU"}
    assert asked.values("type(unknown)") == {"anything"}


def test_what_stands_behind_stars_goes_to_no_parameter_that_is_given() -> None:
    """``super().__init__(a, **more)`` gives neither ``self`` nor ``a`` anything else."""
    asked = Asked("""
        class Base(nn.Module):
            def __init__(self, a, b=1, **more):
                self.conv = nn.Conv2d(a, b, 1)
        class Net(Base):
            def __init__(self, **more):
                super().__init__(8, **more)
        Net(c=2)
        """)
    assert not asked.escapes("nn.Conv2d(a, b, 1)")


def test_stars_give_each_parameter_its_own() -> None:
    """``super().__init__(*args)`` keeps the order, however many each call gives."""
    asked = Asked("""
        class Base(nn.Module):
            def __init__(self, a, b=None, c=None):
                self.a = a
                self.b = b
                self.c = c
        class Net(Base):
            def __init__(self, *args):
                super().__init__(*args)
        Net(nn.ReLU())
        Net(nn.ReLU(), nn.GELU(), nn.ELU())
        """)
    net = _class(asked, "Net")
    found = {
        each: {getattr(one, "kind", "") for one in asked.facts.attribute(net, each)}
        for each in "abc"
    }
    assert "torch.nn.ReLU" in found["a"] and "torch.nn.GELU" not in found["a"]
    assert "torch.nn.GELU" in found["b"] and found["b"].isdisjoint(
        {"torch.nn.ReLU", "torch.nn.ELU"}
    )
    assert "torch.nn.ELU" in found["c"] and "torch.nn.GELU" not in found["c"]


def test_what_stands_behind_stars_and_more_may_go_anywhere() -> None:
    """One that is missing has what follows take its place."""
    asked = Asked("""
        class Base(nn.Module):
            def __init__(self, a, b=None):
                self.a = a
                self.b = b
        class Net(Base):
            def __init__(self, *args):
                super().__init__(*args, nn.ELU())
        Net()
        Net(nn.ReLU())
        """)
    net = _class(asked, "Net")
    for name in "ab":
        found = {getattr(each, "kind", "") for each in asked.facts.attribute(net, name)}
        assert "torch.nn.ELU" in found


def test_what_a_library_gives_is_of_no_class_of_the_project() -> None:
    """But where it is given something of the project, which may be in it."""
    asked = Asked("""
        import torchvision
        class Net(nn.Module):
            def __init__(self):
                self.conv = nn.Conv2d(1, 1, 1)
        torchvision.models.resnet18().conv.stride = 1
        torchvision.models.resnet18(Net()).conv.stride = 2
        """)
    assert asked.values("torchvision.models.resnet18()") == {"resnet18"}
    assert asked.values("torchvision.models.resnet18(Net())") == {"strange"}


def test_a_module_of_any_name_is_in_no_place_of_a_list() -> None:
    """``setattr(net, name, module)`` replaces what is a module, or nothing yet."""
    asked = Asked("""
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.names = []
        self.body = nn.ReLU()

    def replace(self, name):
        setattr(self, name, nn.Identity())
        return self.names, self.body
""")
    assert asked.values("self.names") == {"list"}
    assert asked.values("self.body") == {"Identity", "ReLU"}
