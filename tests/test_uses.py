"""One that is used in another way than by calling it is wrapped where it is built, or left."""

from __future__ import annotations

import pytest

from cases import CONV, assert_becomes, assert_wrapped, left, model, wrapped
from gencode import Options, split_source

USED = "from copy import deepcopy as copied; import torchvision"


@pytest.mark.parametrize(
    ("forward", "words"),
    [
        ("return x", "no call of self.conv found"),
        ("return self.conv.forward(x)", "self.conv is not only called"),
        (
            "return torch.utils.checkpoint.checkpoint(self.conv, x)",
            "self.conv is not only called",
        ),
        ("if self.conv is not None:\n    x = self.conv(x)", "self.conv is not only called"),
        ("for conv in (self.conv, F):\n    x = conv(x)", "self.conv is not only called"),
        ("self.conv.register_forward_hook(F)\nself.conv(x)", "self.conv is not only called"),
        ("self.conv = F\nself.conv(x)", "also assigned or deleted elsewhere (line 12)"),
        ("del self.conv\nself.conv(x)", "also assigned or deleted elsewhere"),
        ("for self.conv in x: ...\nself.conv(x)", "also assigned or deleted elsewhere"),
        ("me = self\nme.conv(x)\nself.conv(x)", "me.conv may be the same attribute (line 13)"),
        ("super().conv(x)\nself.conv(x)", "super().conv may be the same attribute"),
        ("hasattr(self, 'conv')\nself.conv(x)", "'conv' appears in a string (line 12)"),
        ("f('conv')\nself.conv(x)", "'conv' appears in a string"),
        ("dict(name='conv')\nself.conv(x)", "'conv' appears in a string"),
        ("f(['conv'])\nself.conv(x)", "'conv' appears in a string"),
        ("f(x, return_nodes={'conv': 1})\nself.conv(x)", "'conv' appears in a string"),
        ("self.__dict__\nself.conv(x)", "goes through all modules or attributes"),
        ("x.conv(-x)", "x.conv may be the same attribute"),
        (
            "self.net = torchvision.resnet18()\nself.net.conv\nself.net = Net()\nself.conv(x)",
            "self.net.conv may be the same attribute",
        ),
        (
            "getattr(self, name)(x)\nself.conv(x)",
            "code goes through all modules or attributes (line 12)",
        ),
        ("getattr(self, f'co{n}v')\nself.conv(x)", "it may be reached by a computed name"),
        ("getattr(x, 'co' + n)\nself.conv(x)", "it may be reached by a computed name"),
        ("getattr(x, 'c%sv' % n)\nself.conv(x)", "it may be reached by a computed name"),
        ("getattr(x, '{}nv'.format(n))\nself.conv(x)", "it may be reached by a computed name"),
        ("setattr(self, name, x)\nself.conv(x)", "goes through all"),
        ("self.add_module(name, x)\nself.conv(x)", "goes through all"),
        ("for m in self.children(): ...\nself.conv(x)", "goes through all modules or attributes"),
        ("self._modules\nself.conv(x)", "goes through all modules or attributes"),
        ("list(net.children())\nself.conv(x)", "goes through all modules or attributes"),
        ("torch.compile(Net()).conv", "Net()).conv may be the same attribute"),
        ("net = copied(Net())\nnet.conv", "net.conv may be the same attribute"),
        ("return f'{self.conv(x)}'", "it is called inside an f-string"),
        ("return self.conv(*x)", "called with arguments behind * or **"),
        ("return self.conv(**x)", "called with arguments behind * or **"),
        ("return self.conv(output_size=x)", "it is called without an input"),
        ("return vars(), self.conv(f(x))", "reads its own local names"),
        ("return f(), self.conv(output_size=f(x), input=f(x))", "called with more than its input"),
        ("y += self.conv((y := y * 2))", "no statement can stand before its call"),
        ("class Inner:\n    y = self.conv(x)", "it is called in the body of a class"),
        ("class Inner:\n    y = [self.conv(z) for z in x]", "it is called in the body of a class"),
        ("self.__getattr__('co%s' % n)\nself.conv(x)", "it may be reached by a computed name"),
        ("for n in 'conv bn'.split(): ...\nself.conv(x)", "'conv' appears in a string"),
        ("call(self, f'co{n}', x)\nself.conv(x)", "it may be reached by a computed name"),
        ("match x:\n    case nn.Module(conv=c): self.conv(x)", "'conv' appears in a string"),
        (
            "def f(m): nn.utils.parametrizations.weight_norm(m)\nself.conv(x)",
            "it may be given another parametrization",
        ),
        ("nn.utils.weight_norm(m)\nself.conv(x)", "it may be given another parametrization"),
        ("return locals(), self.conv(f(x))", "reads its own local names"),
    ],
)
def test_a_use_that_a_module_in_its_place_allows(forward: str, words: str) -> None:
    assert words in wrapped(model(CONV, forward, top=USED))


@pytest.mark.parametrize(
    ("forward", "words"),
    [
        ("return self.conv.weight", "its weight is used directly (line 12)"),
        ("f('net.conv.weight')\nself.conv(x)", "'conv' appears in a string"),
        ("d = {'conv.weight': 1}\nself.conv(x)", "'conv' appears in a string"),
        ("re.match('(conv|bn).w', n)\nself.conv(x)", "'conv' appears in a string"),
        ("list(self.modules())[2](self.conv(x))", "each module is applied"),
        ("list(self.parameters())[2] + self.conv(x)", "one is chosen by its place"),
        ("for m in self.modules(): m(x)\nself.conv(x)", "each module is applied"),
        (
            "for i, m in enumerate(self.modules()): m.register_forward_hook(x)\nself.conv(x)",
            "they are counted",
        ),
        ("d[f'co{n}.weight']\nself.conv(x)", "it may be reached by a computed name"),
        (
            "for m in self.modules():\n    nn.utils.spectral_norm(m)\nself.conv(x)",
            "it may be given another parametrization with all modules (line 13)",
        ),
    ],
)
def test_a_use_that_no_module_in_its_place_allows(forward: str, words: str) -> None:
    assert words in left(model(CONV, forward, top=USED))


@pytest.mark.parametrize(
    "forward",
    [
        "print('con%s' % x), f'c{x}.pth', f'{x}x{x}'",
        "vars(args), args.__dict__, dir(args)",
        "for m in self.modules():\n    if isinstance(m, nn.Linear): nn.init.zeros_(m.weight)",
        "sum(p.numel() for p in self.parameters())",
        "next(self.parameters()).device, list(self.modules())",
        "for n, m in net.named_modules(): m.register_forward_hook(x)",
        "'''conv'''",
        "F.conv(x)",
        "torch.nn.conv",
        "getattr(self, 'other')",
        "getattr(self, f'layer{n}')",
        "getattr(F, name)",
        "for m in self.modules(): ...",
        "[m for m in self.modules()]",
        "eval = f; eval(x)",
        "nn.utils.clip_grad_norm_(x)",
        "layer = nn.Linear(1, 1); nn.utils.weight_norm(layer)",
        "nn.utils.weight_norm(self.other)",
        "f'{x}_{y}', f'{x}', 'a' + 'b', x + y, '%d' % x, '{}'.format(x), f'conv is {x}'",
        "self.register_buffer()",
    ],
)
def test_what_is_no_use(forward: str) -> None:
    source = model(
        CONV,
        f"{forward}\nreturn self.conv(x)",
        top="from torchvision.models import resnet\nimport json",
    )
    (record,) = split_source(source).records
    assert record.style == "explicit", record


@pytest.mark.parametrize(
    "forward",
    [
        "print('conv', x.shape), log.info('conv'), record_function('conv')",
        "raise ValueError('conv')",
        "assert x, 'conv'",
        "if x == 'conv': ...",
        "def f(mode='conv'): ...",
        "f(mode='conv'), p.add_argument(default='conv')",
        "y: Literal['conv', 'pool'] = x",
        "y = {'conv': x}, dict(conv=x)",
        "x.mean(1).conv(-1), x.conv(), x.conv(1, 2, y)",
        "out = {'conv': x}",
        "out['conv'] = x",
        "self.resnet = resnet(); self.resnet.conv.weight, self.resnet.children()",
        "json.load(f).conv",
        "resnet().conv",
        "net = resnet(pretrained)\nlist(net.children()), net.conv.weight",
    ],
)
def test_what_only_seems_a_use_leaves_it_to_be_split_where_it_is_built(forward: str) -> None:
    top = "from torchvision.models import resnet\nimport json"
    (record,) = split_source(model(CONV, f"{forward}\nreturn self.conv(x)", top=top)).records
    assert (record.status, record.style) == ("split", "built"), record


@pytest.mark.parametrize(
    "access",
    ["getattr(x, name)", "dict(x.named_modules())", "for n, p in x.named_parameters(): print(n)"],
)
@pytest.mark.parametrize(
    "use", ["out['conv'] = x", "y = {'conv': 1}", "if k == 'conv': ...", "y = dict(conv=1)"]
)
def test_a_key_may_name_a_module_where_names_are_computed(access: str, use: str) -> None:
    forward = f"{access}\n{use}\nreturn self.conv(x)"
    assert "in a string" in wrapped(model(CONV, forward))


@pytest.mark.parametrize(
    "base", ["nn.Sequential", "ResNet", "base.Model", "nn.Module, Mixin", "make_base()"]
)
def test_a_base_class_that_is_not_seen_may_use_it(base: str) -> None:
    source = model(CONV).replace("(nn.Module)", f"({base})")
    assert f"the base class {base.split(', ')[-1]} may use self.conv" == wrapped(source)


@pytest.mark.parametrize(
    "base",
    ["nn.Module, object", "torch.jit.ScriptModule", "pl.LightningModule, Generic[T]", "Base"],
)
def test_a_base_class_that_uses_no_such_attribute(base: str) -> None:
    top = "import pytorch_lightning as pl\nfrom typing import Generic\nclass Base(nn.Module): ..."
    source = model(CONV, top=top).replace("class Net(nn.Module)", f"class Net({base})")
    assert split_source(source).records[0].style == "explicit"


RELATIVES = {
    "a base class that calls it": (
        "class Base(nn.Module):\n    def run(self, x):\n        return self.conv(x)",
        "",
        "Base, from which its class inherits, uses self.conv too",
    ),
    "a base class that has it": (
        "class Base(nn.Module):\n    def __init__(self):\n        self.conv = None",
        "",
        "also assigned or deleted elsewhere",
    ),
    "a base class that declares it": (
        "class Base(nn.Module):\n    conv: nn.Module",
        "",
        "conv is also declared in the body of class Base",
    ),
    "a base class with a method of the name": (
        "class Base(nn.Module):\n    def conv(self): ...",
        "",
        "conv is also declared in the body of class Base",
    ),
    "a subclass that replaces it": (
        "class Base(nn.Module): ...",
        "class Sub(Net):\n    def cut(self):\n        self.conv = nn.Identity()",
        "also assigned or deleted elsewhere",
    ),
    "a second base of a subclass": (
        "class Base(nn.Module): ...",
        "class Mixin:\n    def f(self):\n        return self.conv\nclass Sub(Net, Mixin): ...",
        "Mixin, from which its class inherits, uses self.conv too",
    ),
}


@pytest.mark.parametrize(("base", "more", "words"), RELATIVES.values(), ids=RELATIVES)
def test_relatives(base: str, more: str, words: str) -> None:
    source = model(CONV, top=base).replace("class Net(nn.Module)", "class Net(Base)")
    assert words in wrapped(f"{source}\n\n{more}\n")


def test_a_subclass_that_reads_it() -> None:
    sub = "\n\nclass Sub(Net):\n    def get(self):\n        return self.conv"
    assert "self.conv is not only called" in wrapped(f"{model(CONV)}{sub}\n")
    assert "its weight is used directly (line 17)" in raising(f"{model(CONV)}{sub}.weight\n")
    sub = sub.replace("get", "forward").replace("(self)", "(self, x)")
    assert "its weight is used directly (line 17)" in left(f"{model(CONV)}{sub}.weight\n")


def raising(source: str) -> str:
    """What is said to raise of the only convolution of a source, which is split."""
    (warning,) = assert_wrapped(source).warnings
    assert warning.message.startswith("this will raise once the convolution is split: ")
    return warning.message


def test_it_is_no_warning_where_another_one_has_a_weight_once_it_is_split() -> None:
    """It would not raise: what is split has a weight as well, if only to be read."""
    init = f"{CONV}\n{CONV.replace('conv', 'other')}"
    use = "\n    def get(self):\n        return self.conv.weight\n"
    source = model(init, "return self.conv(x) + self.other(x) * self.other.weight.mean()") + use
    records = split_source(source).records
    assert [each.status for each in records] == ["left", "split"]
    assert records[0].detail == "its weight is used directly (line 16)"
    assert not split_source(source).warnings


def test_calls_in_a_subclass_are_rewritten() -> None:
    sub = "\n\nclass Sub(Net):\n    def late(self, x):\n        return self.conv(x)\n"
    assert split_source(model(CONV) + sub).text.count("conv_0 = self.conv_0(x[:, 0:8])") == 2


@pytest.mark.parametrize(
    "stranger",
    [
        "class Other(nn.Module):\n    def __init__(self):\n        self.conv = None\n",
        "class Other(nn.Module):\n    conv = None\n",
        "class Other(nn.Module):\n    try: conv = None\n    finally: ...\n",
        "class Other(imported.Base):\n    a = 1\n",
        "class Base2:\n    conv = 1\nclass Other(Base2):\n    a = 1\n",
    ],
)
def test_an_attribute_of_another_class(stranger: str) -> None:
    use = "\n    def forward(self, x):\n        return self.conv(x)\n"
    source = model(CONV, top="import imported") + "\n" + stranger + use
    text = split_source(source).text
    assert "conv_0 = self.conv_0(x[:, 0:8])" in text
    assert text.endswith("return self.conv(x)\n")


@pytest.mark.parametrize(
    ("stranger", "words"),
    [
        ("class Other(nn.Module):", "Other uses self.conv too, and may get it from here"),
        ("class Other:", "Other uses self.conv too, and may get it from here"),
        ("class Other(with_metaclass(F, Net)):\n    a = self.conv", "may be the same attribute"),
        ("def make(base):\n  class Other(base):", "Other uses self.conv too"),
        ("if F:\n  class B: ...\nelse:\n  class B: ...\nclass Other(B):", "Other uses self.conv"),
    ],
)
def test_a_class_that_may_be_related(stranger: str, words: str) -> None:
    body = "" if "\n    a" in stranger else "\n    def f(self, x):\n        return self.conv(x)\n"
    assert words in wrapped(model(CONV) + f"\n{stranger}{body}\n")


def test_a_base_class_behind_an_expression_is_found() -> None:
    source = model(CONV).replace("class Net(nn.Module)", "class Outer:\n  class Net(nn.Module)")
    source = source.replace("\n    ", "\n      ") + (
        "\n\nclass Sub(Outer.Net):\n    def f(self, x):\n        return self.conv(x)\n"
        "\n\nclass Sub2(with_meta(M, Sub)):\n    def g(self, x):\n        return self.conv(x)\n"
    )
    assert split_source(source).text.count("self.conv_0(x[:, 0:8])") == 3


def test_names_that_are_given_to_the_branches_of_another() -> None:
    init = "self.conv_0 = 1\n" + CONV + "\n" + CONV.replace("self.conv", "self.conv_group")
    result = split_source(model(init, "y = self.conv(x)\nreturn y + self.conv_group(x)"))
    assert [record.branches for record in result.records] == [
        ("conv_group_0", "conv_group_1"),
        ("conv_group_group_0", "conv_group_group_1"),
    ]


def test_different_convolutions_under_one_name() -> None:
    init = f"if F:\n    {CONV}\nelse:\n    {CONV.replace('=2', '=4')}"
    result = assert_wrapped(model(init))
    assert [record.note for record in result.records] == [
        "self.conv is assigned several convolutions"
    ] * 2
    assert [record.detail for record in result.records] == [
        "into 2 Conv2d of 8 -> 16 channels (built)",
        "into 4 Conv2d of 4 -> 8 channels (built)",
    ]


def test_a_plain_convolution_under_the_same_name() -> None:
    init = f"if F:\n    {CONV}\nelse:\n    self.conv = nn.Conv2d(16, 32, 3)"
    assert "also assigned or deleted elsewhere" in wrapped(model(init))


@pytest.mark.parametrize(
    ("taken", "stem"),
    [
        ("self.conv_0 = 1", "conv_group"),
        ("x.conv_0(groups=2)", "conv_group"),
        ("x.other(groups=2)", "conv"),
        ("self.conv_1 = 1\nself.conv_group_1 = 1", "conv_branch"),
        ("self.conv_0 = self.conv_group_0 = self.conv_branch_0 = 1", "grouped_conv"),
        ("f('conv_1')", "conv_group"),
        ("setattr(self, f'conv_{n}', 1)", "grouped_conv"),
    ],
)
def test_names_of_branches_that_are_taken(taken: str, stem: str) -> None:
    (record,) = split_source(model(f"{taken}\n{CONV}")).records
    assert record.branches == (f"{stem}_0", f"{stem}_1")


def test_names_of_branches_declared_in_the_class() -> None:
    source = model(CONV).replace("    def __init__", "    conv_1 = None\n\n    def __init__")
    assert split_source(source).records[0].branches == ("conv_group_0", "conv_group_1")


def test_no_name_for_the_branches_is_free() -> None:
    source = model(f"setattr(self, f'{{n}}_{{n}}', 1)\n{CONV}")
    assert wrapped(source) == "all names for its branches may be taken by other attributes"


def test_names_of_locals_that_are_taken() -> None:
    forward = "conv_0, conv_input = x\nreturn self.conv(f(conv_0))"
    assert split_source(model(CONV, forward)).text.endswith(
        "        conv_input_2 = f(conv_0)\n"
        "        conv_2_0 = self.conv_0(conv_input_2[:, 0:8])\n"
        "        conv_2_1 = self.conv_1(conv_input_2[:, 8:16])\n"
        "        return torch.cat((conv_2_0, conv_2_1), dim=1)\n"
    )


@pytest.mark.parametrize(
    "binding",
    [
        "def conv_0(): ...",
        "class conv_0: ...",
        "import conv_0",
        "import y as conv_0",
        "import conv_0.y",
        "try: ...\nexcept E as conv_0: ...",
        "match x:\n    case [conv_0]: ...",
        "match x:\n    case [*conv_0]: ...",
        "match x:\n    case {**conv_0}: ...",
        "global conv_0",
        "y = lambda conv_0: conv_0",
        "[conv_0 for conv_0 in x]",
        "print(conv_0)",
    ],
)
def test_every_way_to_have_a_local_name(binding: str) -> None:
    text = split_source(model(CONV, f"{binding}\nreturn self.conv(x)")).text
    assert "conv_2_0 = self.conv_0(x[:, 0:8])" in text


def test_two_attributes_whose_locals_would_be_the_same() -> None:
    init = CONV + "\n" + CONV.replace("self.conv", "self._conv")
    text = split_source(model(init, "y = self.conv(x)\nreturn y + self._conv(x)")).text
    assert "conv_0 = self.conv_0(x[:, 0:8])" in text
    assert "conv_2_0 = self._conv_0(x[:, 0:8])" in text or "conv_0 = self._conv_0(" in text


def test_a_private_name() -> None:
    source = model(CONV, "return self.conv(x)").replace("self.conv", "self.__conv")
    result = split_source(source)
    assert "self._conv_0(x[:, 0:8])" in result.text
    assert result.records[0].attribute == "_Net__conv"
    (record,) = split_source(source, Options(style="loop")).records
    assert record.branches == ("_Net__conv.0", "_Net__conv.1")
    assert "also reached as _Net__conv" in wrapped(source + "\nNet()._Net__conv\n")
    assert "also reached as _Net__conv" in wrapped(source + "\nf('_Net__conv')\n")
    other = "\n\nclass Sub(Net):\n    def f(self, x):\n        return self.__conv\n"
    assert split_source(source + other).text.endswith(other)
    dunder = model(CONV, "return self.conv(x)").replace("self.conv", "self.__conv__")
    assert split_source(dunder).records[0].branches == ("_conv_0", "_conv_1")
    assert split_source(dunder, Options(style="loop")).records[0].branches[0] == "__conv__.0"


def test_a_nameless_name() -> None:
    source = model(CONV, "return self.conv(x)").replace("self.conv", "self._")
    assert "conv_0 = self.__0(x[:, 0:8])" in split_source(source).text


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("@staticmethod\n    def f(self):", "self.conv may be the same attribute"),
        ("@classmethod\n    def f(self):", "self.conv may be the same attribute"),
        ("f = lambda self:", "self.conv may be the same attribute"),
        ("def f(*self):", "self.conv may be the same attribute"),
        ("def f(self=None, *, me=self):", "self.conv is not only called"),
    ],
)
def test_what_is_not_the_instance(head: str, words: str) -> None:
    body = "self.conv" if "lambda" in head else "\n        return self.conv"
    source = model(CONV) + f"\n    {head} {body}"
    assert words in wrapped(f"{source}\n")


def test_self_that_is_assigned_to() -> None:
    assert "may be the same attribute" in wrapped(model(CONV, "self = x\nreturn self.conv(x)"))


def test_a_refused_attribute_takes_no_other_with_it() -> None:
    init = "self.a = nn.Conv2d(4, 4, 1, groups=2)\nself.b = nn.Conv2d(4, 4, 1, groups=2)"
    result = split_source(model(init, "return [y for y in self.a(self.b(x))]"))
    assert [record.style for record in result.records] == ["built", "built"]
    result = split_source(model(init, "return self.a(self.b(x)) + self.use(self.a.weight)"))
    assert [record.status for record in result.records] == ["left", "split"]
    assert "self.a(" in result.text and "self.b_0(x[:, 0:2])" in result.text


def test_one_statement_that_builds_one_and_calls_another() -> None:
    result = split_source(
        model(CONV, "return self.conv(x) + nn.Conv2d(16, 32, 3, groups=int(x[0]))(x)")
    )
    assert [record.style for record in result.records] == ["built", "built"]
    assert result.records[0].note == "its call stands in a statement that builds another one"


def test_one_statement_in_both_styles() -> None:
    init = "self.a = nn.Conv2d(4, 4, 1, groups=2)\nself.b = nn.Conv2d(4, 4, 1, groups=4)"
    assert_becomes(
        model(
            init.replace("(4, 4, 1, groups=4)", "(8, 8, 1, groups=4)"), "return self.b(self.a(x))"
        ),
        model(
            """
            self.a_0 = nn.Conv2d(2, 2, 1)
            self.a_1 = nn.Conv2d(2, 2, 1)
            self.b = nn.ModuleList(nn.Conv2d(2, 2, 1) for _ in range(4))
            """,
            """
            a_0 = self.a_0(x[:, 0:2])
            a_1 = self.a_1(x[:, 2:4])
            b_input = torch.cat((a_0, a_1), dim=1)
            b = [conv(b_input[:, 2 * i : 2 * i + 2]) for i, conv in enumerate(self.b)]
            return torch.cat(b, dim=1)
            """,
        ),
        Options(max_unroll=2),
    )
