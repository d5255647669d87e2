"""How a source builds a convolution: what the zoo is to be spread over."""

from __future__ import annotations

from dataclasses import astuple

import pytest
from forms import Form, forms

from cases import model
from gencode import split_source

CONV = "nn.Conv2d(4, 8, 1, groups=2)"


def form(init: str, top: str = "") -> Form:
    """The form of the first convolution of a model."""
    text = model(init, "return x", top)
    return forms(text, split_source(text).records)[0]


@pytest.mark.parametrize(
    ("context", "code"),
    [
        ("attribute", "self.conv = {}"),
        ("attribute", "self.conv: nn.Module = {}"),
        ("attribute", "self.conv = {} if x else None"),
        ("attribute", "self.conv = nn.utils.weight_norm({})"),
        ("attribute", "self.conv = y = {}"),
        ("variable", "conv = {}"),
        ("variable", "a, b = {}, 1"),
        ("item", "layers['a'] = {}"),
        ("return", "return {}"),
        ("return", "f = lambda: {}"),
        ("default", "def f(conv={}): pass"),
        ("default", "f = lambda conv={}: conv"),
        ("Sequential", "self.a = nn.Sequential({}, nn.ReLU())"),
        ("Sequential", "self.a = nn.Sequential(*[nn.ReLU(), {}])"),
        ("Sequential", "self.a = nn.Sequential(OrderedDict([('a', {})]))"),
        ("Sequential", "self.a = nn.modules.container.Sequential({})"),
        ("ModuleList", "self.a = nn.ModuleList([nn.utils.weight_norm({})])"),
        ("ModuleDict", "self.a = nn.ModuleDict({{'a': {}}})"),
        ("list", "a = [{}]"),
        ("list", "a += [{}]"),
        ("list", "return [{}]"),
        ("list", "f(*[{}])"),
        ("dict", "a = {{'a': {}}}"),
        ("list", "a = {{'a': [{}]}}"),
        ("comprehension", "self.a = nn.ModuleList([{} for _ in y])"),
        ("comprehension", "self.a = nn.ModuleList({} for _ in y)"),
        ("comprehension", "a = {{k: {} for k in y}}"),
        ("append", "a.append({})"),
        ("append", "a.extend([{}])"),
        ("append", "a.insert(0, {})"),
        ("add_module", "self.add_module('a', {})"),
        ("add_module", "self.register_module('a', {})"),
        ("setattr", "setattr(self, 'a', {})"),
        ("__init__", "super().__init__({}, nn.ReLU())"),
        ("__init__", "nn.Sequential.__init__(self, {})"),
        ("expression", "for conv in ({},): pass"),
        ("expression", "{}"),
    ],
)
def test_the_context(context: str, code: str) -> None:
    found = form(code.format(CONV))
    assert astuple(found) == (context, "class", "2", "literal", False)


@pytest.mark.parametrize(
    ("origin", "groups"),
    [
        ("literal", "2"),
        ("constant", "GROUPS"),
        ("constant", "unbound"),
        ("parameter", "groups"),
        ("variable", "g"),
        ("attribute", "self.groups"),
        ("attribute", "config['groups']"),
        ("arithmetic", "groups * 2"),
        ("arithmetic", "max(groups, 2)"),
        ("arithmetic", "-1"),
        ("conditional", "1 if g else 2"),
        ("conditional", "groups or 2"),
        ("in_channels", "width"),
    ],
)
@pytest.mark.parametrize("is_positional", [True, False])
def test_where_the_groups_come_from(origin: str, groups: str, is_positional: bool) -> None:
    passed = f"1, 0, 1, {groups}" if is_positional else f"groups={groups}"
    conv = f"nn.Conv2d(width, 2 * width, 1, {passed})"
    text = model(f"g = f()\nself.conv = {conv}", top="GROUPS = 4")
    text = text.replace("__init__(self)", "__init__(self, width, groups, config)", 1)
    (record,) = split_source(text).records
    (found,) = forms(text, [record])
    assert astuple(found) == ("attribute", "class", groups, origin, is_positional)


@pytest.mark.parametrize(
    ("expected", "top", "call"),
    [
        (("class", "", "unpacked"), "", "nn.Conv2d(4, 8, 1, **options)"),
        (("class", "", "unpacked"), "", "nn.Conv2d(*options)"),
        (("held", "2", "literal"), "", "conv_layer(4, 8, 1, groups=2)"),
        (
            ("partial", "2", "literal"),
            "from functools import partial",
            "partial(nn.Conv2d, groups=2)",
        ),
        (
            ("subclass", "2", "literal"),
            "class Same(nn.Conv2d):\n    pass",
            "Same(4, 8, 1, groups=2)",
        ),
        (
            ("subclass", "", "subclass"),
            "class Own(nn.Conv2d):\n    def __init__(self, width):\n"
            "        super().__init__(width, 2 * width, 1, groups=width)",
            "Own(4)",
        ),
        (("other", "2", "literal"), "", "F.conv2d(x, w, None, 1, 0, 1, groups=2)"),
    ],
)
def test_the_callee(expected: tuple[str, str, str], top: str, call: str) -> None:
    text = model(f"self.conv = {call}", top=top).replace("(self):", "(self, conv_layer, options):")
    found = forms(text, split_source(text).records)[-1]
    assert (found.callee, found.groups, found.origin) == expected


def test_the_parameter_of_a_factory() -> None:
    top = "def conv(groups):\n    return nn.Conv2d(4, 8, 1, groups=groups)"
    assert astuple(form("", top)) == ("return", "class", "groups", "factory", False)
    top = "conv = lambda groups: nn.Conv2d(4, 8, 1, groups=groups)"
    assert form("", top).origin == "factory"


def test_a_constant_of_the_class() -> None:
    text = model("self.conv = nn.Conv2d(4, 8, 1, groups=g)")
    text = text.replace(
        "    def __init__", "    g = 2\n    conv = nn.Conv2d(4, 8, 1, groups=g)\n\n    def __init__"
    )
    assert forms(text, split_source(text).records)[0].origin == "constant"
