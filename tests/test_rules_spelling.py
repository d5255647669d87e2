"""The rules that spell an expression in another way: multiply, mean, function, cat."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from gencode import Options, list_source, split_source  # noqa: E402
from gencode.command import main  # noqa: E402
from gencode.file_split import split_path  # noqa: E402
from rules import HEAD, PLINIO, assert_same, becomes, module, reason, run, stays  # noqa: E402

CONV = "self.conv = nn.Conv2d(4, 4, 1)\nself.gate = nn.Conv2d(4, 4, 1)\nself.scale = 3"


def net(forward: str) -> str:
    """A module whose ``x`` is what a convolution gives."""
    return module(f"x = self.conv(x)\n{forward}", CONV)


# --- nothing changes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "forward",
    [
        "return x + x - 1",
        "_, _, h, w = x.shape\nn = h * w\nreturn x[:, :, : h // 2]",
        "y = [x] * 2\nreturn y[0]",
        "return torch.multiply(x, x)",
        "return torch.mean(x, (2, 3))",
        "return torch.mean(x, dim=2, keepdim=True)",
        "return torch.cat((x, x), 1)",
        "return torch.cat((x, x), dim=1)",
        "return torch.sigmoid(x)",
        "y = torch.arange(4) * 2\nreturn x",
    ],
)
def test_what_is_as_it_is_to_be_is_no_finding(forward: str) -> None:
    assert not stays(net(forward))


@pytest.mark.parametrize(
    "source",
    [
        "import numpy as np\n\n\ndef scale(x):\n    return np.abs(x) * 2, x.mean((1, 2))\n",
        HEAD + "def scale(x, n):\n    return x * n, -x, x.mean(2)\n",
        HEAD + "def parts(x):\n    return x.split(',') * 2\n",
        HEAD
        + "class Scaler:\n    def forward(self, x):\n        x = F.relu(x)\n        return x * 2\n",
        module("return x", "x = torch.ones(2)\nself.y = x * 2"),
    ],
)
def test_what_plinio_does_not_see_is_no_finding(source: str) -> None:
    assert not stays(source)


@pytest.mark.parametrize(
    ("forward", "why"),
    [
        ("x *= self.gate(x)\nreturn x", "it changes the tensor in place"),
        ("x /= 2\nreturn x", "it changes the tensor in place"),
        ("return x / 0", "it is a quotient by zero"),
        ("return x / 1e-310", "the inverse of so large or small a number is not exact"),
        ("return x / 1e310", "the inverse of so large or small a number is not exact"),
        ("return x**3", "PLiNIO takes no power but a square"),
        ("return self.conv(x) ** 2", "self.conv(x) would be evaluated twice"),
        (
            "return x / self.conv(x)",
            "PLiNIO takes no quotient by what is not known to be a number",
        ),
        ("return 1 / x", "PLiNIO takes no quotient by what is not known to be a number"),
        (
            "return torch.div(x, 2, rounding_mode='floor')",
            "its arguments are not just the operands",
        ),
        ("return (  # twice\n    x * 2)", ""),
        ("return (x  # twice\n    * 2)", "a comment in it would be lost"),
        ("return x.mean()", "its dimensions are not literals"),
        ("return x.mean(1)", "PLiNIO takes no mean over the batch or the channels"),
        ("return x.mean((0, 2))", "PLiNIO takes no mean over the batch or the channels"),
        ("return x.mean(-3)", "PLiNIO takes no mean over the batch or the channels"),
        ("return x.mean(self.scale)", "its dimensions are not literals"),
        ("return torch.flatten(x, self.scale).mean(-1)", "has is not known"),
        ("return torch.cat([torch.flatten(x, self.scale)], -1)", "has is not known"),
        ("return torch.cat([*self.parts], dim=-3)", "self.parts has is not known"),
        (
            "return torch.concat([x, x], 1, out=x)",
            "its arguments are not just tensors and a dimension",
        ),
    ],
)
def test_why_something_stays(forward: str, why: str) -> None:
    source = net(forward)
    if why:
        assert reason(source).endswith(why)
    else:
        assert split_source(source, PLINIO).text == source.replace("x * 2", "torch.multiply(x, 2)")


def test_what_may_be_no_tensor_stays() -> None:
    assert reason(module("return x * self.scale")) == "x is not known to be a tensor"
    assert reason(module("if self.training:\n    F.relu(x)\nreturn x * 2")).startswith("x is not")
    for forward in (
        "y = torch.cat(x, 1)\nreturn y, x * 2",
        "y = F.interpolate(self.conv(self.y), scale_factor=x)\nreturn y, x * 2",
        "y = torch.pow(x, self.conv(self.y))\nreturn y, x * 2",
        "if isinstance(x, list):\n    return x * 2\nreturn F.relu(x)",
    ):
        assert "torch.multiply" not in split_source(module(forward, CONV), PLINIO).text
    numpy = f"import numpy\n{module('x = x.mean((2, 3), keepdim=True)' + chr(10) + 'return x')}"
    assert reason(numpy) == "x is not known to be a tensor"
    numpy = f"import numpy\n{net('return x * self.scale')}"
    assert "torch.multiply(x, self.scale)" in split_source(numpy, PLINIO).text
    numpy = f"import numpy\n{net('return x * self.other')}"
    assert reason(numpy) == "self.other may be an array of numpy"


def test_a_comment_leaves_it_alone() -> None:
    for forward in ("return x * 2", "return x.mean(2)", "return x.relu()", "return x / 2"):
        (finding,) = stays(net(f"{forward}  # gencode: skip"))
        assert finding.status == "skipped"


# --- what becomes of what ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x * 2", "torch.multiply(x, 2)"),
        ("2 * x", "torch.multiply(x, 2)"),
        ("self.scale * x", "torch.multiply(x, self.scale)"),
        ("x * self.gate(x)", "torch.multiply(x, self.gate(x))"),
        ("self.gate(x) * x * 0.5", "torch.multiply(torch.multiply(self.gate(x), x), 0.5)"),
        ("-x", "torch.multiply(x, -1)"),
        ("x**2", "torch.multiply(x, x)"),
        ("x / 2", "torch.multiply(x, 0.5)"),
        ("x / 6", "torch.multiply(x, 1 / 6)"),
        ("x / self.scale", "torch.multiply(x, 1 / self.scale)"),
        ("x / (self.scale + 1)", "torch.multiply(x, 1 / (self.scale + 1))"),
        ("x.mul(2)", "torch.multiply(x, 2)"),
        ("torch.mul(x, x)", "torch.multiply(x, x)"),
        ("torch.square(x)", "torch.multiply(x, x)"),
        ("x.pow(2)", "torch.multiply(x, x)"),
        ("torch.neg(x)", "torch.multiply(x, -1)"),
        ("x.div(4)", "torch.multiply(x, 0.25)"),
        ("F.relu(x + 3) / 6 * x", "torch.multiply(torch.multiply(F.relu(x + 3), 1 / 6), x)"),
        ("x.mean((2, 3))", "torch.mean(x, (2, 3))"),
        ("x.mean([2, 3], True)", "torch.mean(x, (2, 3), True)"),
        ("x.mean((-1, -2), keepdim=True)", "torch.mean(x, (3, 2), keepdim=True)"),
        ("torch.mean(x, dim=(-2, -1))", "torch.mean(x, (2, 3))"),
        ("x.mean(dim=2, keepdim=True)", "torch.mean(x, 2, keepdim=True)"),
        ("x.mean(3).mean(2)", "torch.mean(torch.mean(x, 3), 2)"),
        ("x.sigmoid()", "torch.sigmoid(x)"),
        ("x.log_softmax(dim=1)", "F.log_softmax(x, dim=1)"),
        ("x.relu() + x.tanh()", "torch.relu(x) + torch.tanh(x)"),
        ("F.sigmoid(input=x)", "torch.sigmoid(x)"),
        ("torch.concat([x, x], dim=1)", "torch.cat([x, x], dim=1)"),
        ("torch.cat(tensors=[x, x], axis=1)", "torch.cat([x, x], dim=1)"),
        ("torch.cat((x, x), -3)", "torch.cat((x, x), dim=1)"),
        ("torch.concat([x])", "torch.cat([x])"),
    ],
)
def test_expressions(before: str, after: str) -> None:
    becomes(net(f"return {before}"), net(f"return {after}"))


def test_a_parameter_that_is_given_to_torch_is_a_tensor() -> None:
    after = HEAD + "def swish(x):\n    return torch.multiply(x, torch.sigmoid(x))\n"
    for gate in ("torch.sigmoid(x)", "x.sigmoid()"):
        becomes(HEAD + f"def swish(x):\n    return x * {gate}\n", after)


def test_rules_meet_in_one_expression() -> None:
    before = net("return x.view(x.size(0), -1) * x.mean((2, 3)).sigmoid()")
    becomes(
        before,
        net("return torch.multiply(torch.flatten(x, 1), torch.sigmoid(torch.mean(x, (2, 3))))"),
    )


# --- it computes the same ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "forward",
    [
        "y = self.gate(x).sigmoid()\nreturn y * x * 2 - x / 4 + (-x) + x**2",
        "return x.mean((-2, -1), keepdim=True) * x",
        "return torch.concat([x, 0.5 * x], axis=1)",
    ],
)
def test_equal(forward: str) -> None:
    assert_same(net(forward), (2, 4, 3, 5), (1, 4, 2, 2))


def test_a_quotient_is_equal_but_for_rounding() -> None:
    source = net("return x / 3 / (self.scale + 4)")
    after = split_source(source, PLINIO).text
    assert after != source
    one, other = run(source).Net().double(), run(after).Net().double()
    other.load_state_dict(one.state_dict())
    x = torch.randn(2, 4, 3, 3, dtype=torch.float64)
    torch.testing.assert_close(one(x), other(x), rtol=1e-14, atol=1e-14)


# --- modules in place of functions ------------------------------------------------------------


@pytest.mark.parametrize(
    ("forward", "why"),
    [
        ("F.dropout(x, 0.5)", "is not told by the mode of the module"),
        ("F.dropout(x, 0.5, True)", "is not told by the mode of the module"),
        ("F.dropout(x, self.rate(), self.training)", "p may be another one in each call"),
        ("F.dropout(x, self.changed, self.training)", "p may be another one in each call"),
        ("F.dropout(x, p=self.other, training=self.training)", "p may be another one in each call"),
        ("F.dropout(*x)", "its input is unpacked"),
        ("F.dropout(x, **self.how)", "its arguments are unpacked"),
        ("F.interpolate(x, x.shape[2:])", "size may be another one in each call"),
        ("F.interpolate(x, scale_factor=2, antialias=True)", "it has no antialias"),
    ],
)
def test_a_function_stays(forward: str, why: str) -> None:
    constructor = f"{CONV}\nself.changed = 0.5\nif self.scale:\n    self.other = 0.5"
    source = module(f"self.changed = 1.0\nreturn {forward}", constructor)
    assert reason(source).endswith(why)


@pytest.mark.parametrize(
    ("before", "made", "after"),
    [
        ("F.silu(x, inplace=True)", "silu = nn.SiLU(inplace=True)", "self.silu(x)"),
        (
            "F.dropout(x, training=self.training)",
            "dropout = nn.Dropout()",
            "self.dropout(x)",
        ),
        (
            "F.dropout(x, self.scale, self.training, True)",
            "dropout = nn.Dropout(p=self.scale, inplace=True)",
            "self.dropout(x)",
        ),
        (
            "F.interpolate(x, scale_factor=2, mode='nearest')",
            'interpolate = nn.Upsample(scale_factor=2, mode="nearest")',
            "self.interpolate(x)",
        ),
    ],
)
def test_a_function_becomes_a_module(before: str, made: str, after: str) -> None:
    becomes(module(f"return {before}", CONV), module(f"return {after}", f"{CONV}\nself.{made}"))


def test_modules_are_equal_to_functions() -> None:
    forward = (
        "x = F.silu(self.conv(x))\n"
        "x = F.interpolate(x, scale_factor=2, mode='bilinear', align_corners=True)\n"
        "return F.interpolate(x, size=(3, 5)) + F.dropout(x[:, :, :3, :5], 0.0, self.training)"
    )
    assert_same(module(forward, CONV), (2, 4, 3, 5), (1, 4, 4, 4))


@pytest.mark.parametrize(
    ("forward", "why"),
    [
        ("a, b = x.split(self.scale, 1)", ""),
        ("a, b = self.conv(x).split(2, 1)", "self.conv(x) would be evaluated twice"),
        ("a, *b = x.split(2, 1)", "how many parts there are is not known"),
        ("a, b = x.split(self.f(), 1)", "the sizes of the parts are no plain expressions"),
        ("a, b = x.split([1, 1, 2], 1)", "there are not as many parts as names"),
        ("a, b = x.split(self.sizes, 1)", "self.sizes may be a list of sizes"),
        ("a, b = y.chunk(2, 1)", "how many channels y has is not known"),
        ("a, b = x.split(2, self.scale)", "it is not known to be taken apart by its channels"),
        ("a, b = torch.split(z, 2, 1)", "z is not known to be a tensor"),
    ],
)
def test_parts_stay(forward: str, why: str) -> None:
    source = module(f"y, z = x.view(2, 3), self.z\nx = self.conv(x)\n{forward}\nreturn a", CONV)
    if why:
        assert reason(source).endswith(why)
    else:
        after = "a, b = x[:, : self.scale], x[:, self.scale : 2 * self.scale]"
        becomes(source, source.replace(forward, after))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x.split(2, dim=1)", "x[:, :2], x[:, 2:4]"),
        ("x.split([1, 3], 1)", "x[:, :1], x[:, 1:4]"),
        ("torch.split(x, [1, self.scale], -3)", "x[:, :1], x[:, 1 : 1 + self.scale]"),
        ("x.chunk(chunks=2, dim=1)", "x[:, :2], x[:, 2:4]"),
        ("torch.chunk(x, 2, 1)", "x[:, :2], x[:, 2:4]"),
    ],
)
def test_parts_become_slices(before: str, after: str) -> None:
    source = net(f"a, b = {before}\nreturn torch.cat((b, a), 1)")
    becomes(source, source.replace(before, after))
    assert_same(source, (2, 4, 3, 5))


@pytest.mark.parametrize(
    ("given", "more"),
    [
        ("[h, 4 - h, 0]", ""),
        ("[h, *rest]", ""),
        ("sizes", ""),
        ("list(rest)", ""),
        ("[h, 4 - h]", "self.sizes.append(1)"),
        ("[h, 4 - h]", "self.sizes[0] = 1"),
        ("[h, 4 - h]", "self.sizes += [1]"),
        ("[h, 4 - h]", "keep(self.sizes)"),
        ("[h, 4 - h]", "if h > 1:\n    self.sizes = h"),
    ],
)
def test_parts_of_a_list_that_may_have_other_items_stay(given: str, more: str) -> None:
    constructor = f"{CONV}\nh = int(2.5)\nself.sizes = {given}\n{more}"
    source = module("x = self.conv(x)\na, b = x.split(self.sizes, 1)\nreturn a", constructor)
    assert reason(source).endswith("self.sizes may be a list of sizes")


@pytest.mark.parametrize("sizes", ["[h, 4 - h]", "(h, 4 - h)"])
@pytest.mark.parametrize(
    "call", ["x.split(self.n, 1)", "torch.split(x, split_size_or_sections=self.n, dim=1)"]
)
def test_parts_of_a_list_of_self_become_slices(sizes: str, call: str) -> None:
    forward = f"x = self.conv(x)\na, b = {call}\nreturn torch.cat((b, a), 1)"
    source = module(forward, f"{CONV}\nh = int(2.5)\nself.n = {sizes}")
    after = "x[:, : self.n[0]], x[:, self.n[0] : self.n[0] + self.n[1]]"
    becomes(source, source.replace(call, after))
    assert_same(source, (2, 4, 3, 5))


def test_what_is_no_part_of_the_channels_is_no_finding() -> None:
    assert not stays(net("a, b = x.split(1, 0)\nc, d = x.chunk(2, 2)\nreturn a, b, c, d"))
    assert not stays(module("a, b = x.split(',')\nreturn a", CONV))


@pytest.mark.parametrize("base", ["torch.Tensor", "nn.Parameter"])
def test_where_a_class_of_tensors_has_methods_nothing_is_spelled_anew(base: str) -> None:
    source = module("return self.conv(x) * 2", CONV)
    own = f"\n\nclass Loud({base}):\n    def __mul__(self, other):\n        return self + other\n"
    assert "may be of the class Loud, which has methods" in reason(source + own)
    plain = f"{source}\n\nclass Plain({base}):\n    pass\n"
    assert split_source(plain, PLINIO).text != plain


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_elu_is_the_same_everywhere(dtype: torch.dtype) -> None:
    source = module("return F.elu(x, 1.5)", "self.conv = nn.Conv2d(4, 4, 1)")
    after = split_source(source, PLINIO).text
    assert "self.elu = ELU(alpha=1.5)" in after
    _assert_same_everywhere(source, after, dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_leaky_relu_is_the_same_everywhere(dtype: torch.dtype) -> None:
    source = module("return F.leaky_relu(x, 0.2)", "self.conv = nn.Conv2d(4, 4, 1)")
    _assert_same_everywhere(source, split_source(source, PLINIO).text, dtype)


def _assert_same_everywhere(before: str, after: str, dtype: torch.dtype) -> None:
    """Values and gradients are the same, at zero, far away and at infinity too."""
    assert after != before
    sizes = (0.0, 1e-300, 1e-9, 0.1, 1, 9, 80, 1e4, float("inf"))
    points = [each * sign for each in sizes for sign in (1, -1)] + [float("nan")]
    found = []
    for text in (before, after):
        x = torch.tensor(points, dtype=dtype, requires_grad=True)
        y = run(text).Net()(x)
        (gradient,) = torch.autograd.grad(y.sum(), x)
        found.append((y.detach(), gradient))
    (one, slopes), (other, others) = found
    eps = torch.finfo(dtype).eps
    torch.testing.assert_close(other, one, rtol=2 * eps, atol=8 * eps, equal_nan=True)
    finite = torch.tensor(points).isfinite()
    torch.testing.assert_close(others[finite], slopes[finite], rtol=0, atol=8 * eps)


def test_functions_with_a_form_become_activations() -> None:
    source = module("return F.leaky_relu(self.conv(x), SLOPE) + F.hardswish(x)", CONV)
    source = source.replace("class Net", "SLOPE = 0.1\n\n\nclass Net")
    after = split_source(source, PLINIO).text
    assert "self.leaky_relu = LeakyReLU(negative_slope=SLOPE)" in after
    assert "self.hardswish = Hardswish()" in after
    assert split_source(after, PLINIO).text is after
    assert "F.leaky_relu" in split_source(source + "\n\nSLOPE += 1\n", PLINIO).text


def test_a_pooling_of_videos() -> None:
    constructor = "self.conv = nn.Conv3d(4, 4, 1)\nself.pool = nn.AdaptiveAvgPool3d({})"
    source = module("return torch.flatten(self.pool(self.conv(x)), 1)", constructor.format(1))
    assert "torch.mean(self.conv(x), (2, 3, 4), keepdim=True)" in split_source(source, PLINIO).text
    one, other = run(source).Net().double(), run(split_source(source, PLINIO).text).Net().double()
    other.load_state_dict(one.state_dict())
    x = torch.randn(2, 4, 3, 2, 5, dtype=torch.float64)
    torch.testing.assert_close(other(x), one(x))
    assert not stays(module("return self.pool(x)", constructor.format("(1, 2, 2)")))


# --- what has no effect -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("forward", "why"),
    [
        ("return x[:, :, 1:].contiguous().view(-1)", "viewed, changed or handed on"),
        ("return x.contiguous()", "viewed, changed or handed on"),
        ("return self.gate(x.transpose(2, 3).contiguous())", "in another order in memory"),
        ("y = x.contiguous()\ny += 1\nreturn y", "viewed, changed or handed on"),
        ("y = torch.abs(x.contiguous())\nreturn y.view(-1)", "viewed, changed or handed on"),
        ("return x.contiguous(memory_format=torch.channels_last)", ""),
        ("x = (x  # so\n    ).contiguous()\nreturn self.gate(x)", "a comment in it would be lost"),
    ],
)
def test_contiguous_stays(forward: str, why: str) -> None:
    source = net(forward)
    if why:
        assert why in reason(source)
    else:
        assert not stays(source)


def test_contiguous_is_dropped() -> None:
    before = net("y = torch.abs(x[:, :, 1:].contiguous())\nreturn self.gate(y)")
    becomes(before, before.replace(".contiguous()", ""))
    assert_same(before, (2, 4, 3, 5))


# --- what stays in the way --------------------------------------------------------------------


def test_what_plinio_refuses_is_listed() -> None:
    source = module(
        "x = self.act(self.conv(x))\nreturn F.softmax(x.permute(0, 2, 3, 1) * 2, dim=1)",
        f"{CONV}\nself.act = nn.GELU()\nself.loss = nn.KLDivLoss()",
    )
    found = list_source(source, PLINIO).findings
    assert [(each.code, each.message.partition(":")[0]) for each in found] == [
        ("unsupported", "nn.GELU()"),
        ("unsupported", "F.softmax(x.permute(0, 2, 3, 1) * 2, dim=1)"),
        ("multiply", "x.permute(0, 2, 3, 1) * 2 -> torch.multiply(x.permute(0, 2, 3, 1), 2)"),
        ("unsupported", "x.permute(0, 2, 3, 1)"),
    ]
    says = 'PLiNIO says "Unsupported node" of {} (op: {})'
    assert says.format("torch.nn.GELU", "call_module") in found[0].message
    assert says.format("torch.nn.functional.softmax", "call_function") in found[1].message
    assert says.format("torch.Tensor.permute", "call_method") in found[3].message
    assert [each.obstacle for each in found] == ["no form", "no form", None, "no form"]
    assert {each.code for each in split_source(source, PLINIO).findings} == {"multiply"}


@pytest.mark.parametrize(
    ("constructor", "forward", "obstacle"),
    [
        ("", "return x.view(-1, 2, 2)", "no form"),
        ("", "return x.split(2)[0]", "no form"),
        ("", "return x.split(2, 1)[0]", "no form"),
        ("", "return x.mul(self.scale, x)", "not proven"),
        ("self.act = make(nn.Hardswish)", "return self.act(x)", "not proven"),
        ("self.up = nn.ConvTranspose2d(4, 4, 2)", "return self.up(x)", "costs parameters"),
        ("self.pool = nn.AdaptiveAvgPool3d(2)", "return self.pool(x)", "no form"),
    ],
)
def test_what_is_in_the_way(constructor: str, forward: str, obstacle: str) -> None:
    rest = "def make(act):\n    return act()"
    source = module(f"x = self.conv(x)\n{forward}", f"{CONV}\n{constructor}", rest)
    (found,) = [each for each in list_source(source, PLINIO).findings if each.status == "left"]
    assert found.obstacle == obstacle


def test_what_another_rule_is_about_is_said_once_whatever_is_selected() -> None:
    source = net("return x.contiguous().view(x.size(0), -1)")
    assert {each.code for each in list_source(source, PLINIO).findings} == {"flatten", "noop"}
    only = Options(select=("unsupported",))
    assert not list_source(source, only).findings


def test_the_readiness_of_each_method(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.py"
    constructor = f"{CONV}\nself.act = nn.GELU()".replace("4, 4, 1)", "4, 4, 1, groups=2)", 1)
    forward = "self.conv.padding = (1, 1)\nreturn self.act(self.conv(x))"
    path.write_text(module(forward, constructor), encoding="utf-8")
    assert main(["--list", "--target", "plinio", str(path)]) == 3
    found = "2 places in its way, as far as sources show it"
    places = f"{found}: 1 without a form that is known, 1 not proven"
    assert capsys.readouterr().err.splitlines()[-3:] == [
        f"PIT: {places}",
        f"MPS: {places}",
        "SuperNet: 1 grouped convolution would be counted wrongly",
    ]


# --- activations ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("constructor", "forward", "why"),
    [
        (
            "self.act = nn.Hardswish(inplace=True)",
            "y = self.conv(x)\nreturn self.act(y) + y",
            "what it changes in place may be read elsewhere",
        ),
        ("self.act = nn.LeakyReLU(0.1, True)", "return self.act(x)", "may be read elsewhere"),
        (
            "self.act = nn.LeakyReLU(0.1, self.how)\nkeep(self.act)",
            "return self.act(self.conv(x))",
            "what it is applied to is not known",
        ),
        ("self.act = nn.ELU(0.1, True)", "return self.act(x)", "may be read elsewhere"),
        ("self.act = nn.Hardswish(True)", "return x", "what it is applied to is not known"),
        (
            "self.act = nn.Hardswish()",
            "return self.act(x) if type(self.act) is nn.Hardswish else x",
            "the class Hardswish is compared with others (line 15)",
        ),
    ],
)
def test_an_activation_stays(constructor: str, forward: str, why: str) -> None:
    assert why in reason(module(forward, f"{CONV}\n{constructor}"))


@pytest.mark.parametrize(
    "made",
    [
        "nn.LeakyReLU(0.2)",
        "nn.LeakyReLU(negative_slope=0.3, inplace=True)",
        "nn.Hardswish(inplace=True)",
        "nn.Hardsigmoid()",
        "nn.ELU(0.7, inplace=True)",
    ],
)
def test_activations_are_equal_but_for_rounding(made: str) -> None:
    source = module(
        "return self.act(self.conv(3 + x))",
        f"{CONV}\nself.act = {made}\nself.other = nn.LeakyReLU(0.5)",
    )
    after = split_source(source, PLINIO).text
    assert after.count("class LeakyReLU(nn.LeakyReLU)") == 1
    assert split_source(after, PLINIO).text is after
    one, other = run(source).Net().double(), run(after).Net().double()
    other.load_state_dict(one.state_dict())
    assert repr(other) == repr(one)
    x = torch.linspace(-9, 9, 96, dtype=torch.float64).reshape(2, 4, 3, 4)
    torch.testing.assert_close(other(x), one(x), rtol=1e-12, atol=1e-12)


def test_a_name_that_is_taken() -> None:
    source = module("return self.act(x)", "self.act = nn.Hardswish()")
    source = source.replace("class Net", "class Hardswish:\n    pass\n\n\nclass Net")
    assert "class Hardswish_2(nn.Hardswish)" in split_source(source, PLINIO).text


BLOCKS = """\
class Block(nn.Sequential):
    def __init__(self, act=nn.ReLU, inplace=True):
        layers = [nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)]
        if act is not None:
            layers.append(act(inplace=inplace))
        super().__init__(*layers)


class Gate(nn.Module):
    def __init__(self, act=nn.Hardsigmoid):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)
        self.act = act()

    def forward(self, x):
        return torch.multiply(x, self.act(self.conv(x)))


"""


def handing_on(constructor: str, forward: str = "return self.gate(self.block(x))") -> str:
    """A source whose ``Net`` gives the class of an activation to another module."""
    return module(forward, constructor).replace("class Net", f"{BLOCKS}class Net")


@pytest.mark.parametrize(
    ("constructor", "forward", "why"),
    [
        ("keep(act=nn.Hardswish)", "return x", "it is handed on to what is not known"),
        ("self.act = nn.Hardswish", "return x", "it is handed on to what is not known"),
        ("self.acts = dict(a=nn.Hardswish)", "return x", "it is handed on to what is not known"),
        (
            "act = nn.Hardswish\nself.block = Block(act)",
            "return self.block(x) if type(self.block[2]) is nn.Hardswish else x",
            "the class Hardswish is compared with others",
        ),
        (
            "act = nn.Hardswish\nself.block = Block(act)\nself.has = type(self.block[2]) is act",
            "return self.block(x)",
            "the class Hardswish is compared with others",
        ),
        (
            "self.conv = nn.Conv2d(4, 4, 1)\nact = nn.Hardswish\nself.act = act(inplace=True)",
            "y = self.conv(x)\nreturn self.act(y) + y",
            "what it changes in place may be read elsewhere",
        ),
    ],
)
def test_a_class_that_is_handed_on_stays(constructor: str, forward: str, why: str) -> None:
    source = handing_on(constructor, forward).replace("act=nn.Hardsigmoid", "act=nn.Sigmoid")
    assert why in reason(source)


def test_a_class_that_is_asked_for_is_not_handed_on() -> None:
    forward = "return x if isinstance(self, (nn.Hardswish, nn.LeakyReLU)) else x"
    assert not stays(module(forward))


def test_a_class_that_is_handed_on_becomes_the_new_one() -> None:
    source = handing_on("self.block = Block(act=nn.Hardswish)\nself.gate = Gate()")
    after = split_source(source, PLINIO).text
    assert "self.block = Block(act=Hardswish)" in after
    assert "def __init__(self, act=Hardsigmoid):" in after
    assert split_source(after, PLINIO).text is after
    one, other = run(source).Net().double().eval(), run(after).Net().double().eval()
    other.load_state_dict(one.state_dict())
    assert repr(other) == repr(one)
    x = torch.linspace(-9, 9, 96, dtype=torch.float64).reshape(2, 4, 3, 4)
    torch.testing.assert_close(other(x), one(x), rtol=1e-12, atol=1e-12)


# --- norms behind something else than their convolution ---------------------------------------


@pytest.mark.parametrize(
    ("forward", "given"),
    [
        ("return self.bn(self.conv(x))", ""),
        ("return self.bn(self.drop(self.conv(x)))", ""),
        ("return self.bn(self.bn(self.conv(x)))", ""),
        ("return self.bn(x)", ""),
        ("return self.bn(self.linear(x))", ""),
        ("return self.bn(F.layer_norm(self.conv(x), (4,)))", ""),
        ("return self.bn(self.other(x))", ""),
        ("return self.bn(torch.cat((self.conv(x), x), 1))", "torch.cat"),
        ("return self.bn(self.drop(torch.cat((self.conv(x), x), 1)))", "torch.cat"),
        ("return self.bn(self.conv(x) + x)", "operator"),
        ("return self.bn(self.conv(x).relu())", "torch.Tensor.relu"),
        ("return self.bn(self.pool(self.conv(x)))", "torch.nn.AvgPool2d"),
        ("return self.bn(self.act(self.conv(x)))", "torch.nn.ReLU"),
        ("for _ in range(3):\n    x = self.bn(self.act(x))\nreturn x", "torch.nn.ReLU"),
    ],
)
def test_a_norm_by_itself_is_listed(forward: str, given: str) -> None:
    source = module(
        forward,
        f"{CONV}\nself.bn = nn.BatchNorm2d(4)\nself.drop = nn.Dropout()\nself.act = nn.ReLU()\n"
        "self.pool = nn.AvgPool2d(2)\nself.linear = nn.Linear(4, 4)\nself.other = other()\n"
        "self.kept = [nn.BatchNorm2d(4), norms.BatchNorm(4)]",
    )
    found = [each for each in list_source(source, PLINIO).findings if each.code == "lone-norm"]
    assert [each.message for each in found] == [
        f"nn.BatchNorm2d(4): {given} gives what it takes, no convolution: PIT's export after"
        " pruning is wrong"
    ][: bool(given)]
    assert not [each for each in split_source(source, PLINIO).findings if each.code == "lone-norm"]


def test_a_norm_of_a_list_that_may_follow_a_convolution_is_not_spoken_of() -> None:
    layers = """
layers = []
for width in (8, 16):
    layers += [nn.Conv2d(8, width, 3), nn.BatchNorm2d(width), nn.ReLU()]
    if width == 8:
        layers += [nn.MaxPool2d(2)]
self.layers = nn.Sequential(*layers)
"""
    found = list_source(module("return self.layers(x)", layers), PLINIO).findings
    assert not [each for each in found if each.code == "lone-norm"]


def test_an_activation_of_a_star_import_is_told_by_the_project(tmp_path: Path) -> None:
    table = "from .basics import *\n\nTABLE = dict(leaky=nn.LeakyReLU)\n\n\ndef make(name):\n"
    files = {"__init__.py": "", "basics.py": "from torch import nn as nn\n"}
    files["table.py"] = f"{table}    return TABLE[name]\n"
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "acts").mkdir()
    for name, text in files.items():
        (tmp_path / "acts" / name).write_text(text)
    found = split_path(str(tmp_path / "acts" / "table.py"), PLINIO).result.findings
    assert [each.status for each in found] == ["left"]
    assert "nn.LeakyReLU: it is handed on to what is not known" in found[0].message
    (tmp_path / "acts" / "basics.py").write_text("import mine as nn\n")
    assert not split_path(str(tmp_path / "acts" / "table.py"), PLINIO).result.findings
