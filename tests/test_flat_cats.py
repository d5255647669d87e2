"""What a split convolution gives goes straight into a concatenation of channels around it."""

from __future__ import annotations

import pytest

from cases import model
from gencode import Options, split_source
from gencode.outcome import Style

torch = pytest.importorskip("torch")

from equivalence import assert_equivalent, run_source  # noqa: E402
from plinio_rules import broken  # noqa: E402

STYLES: list[Style] = ["explicit", "loop", "built"]
BUILT = """
    self.a = nn.Conv2d(8, 8, 1, groups=2)
    self.bn_a = nn.BatchNorm2d(8)
    self.b = nn.Conv2d(8, 4, 1, groups=4)
    """
NESTED = {
    "two": "return torch.cat((self.a(x), self.b(x)), dim=1)",
    "with another": "return torch.cat([x, self.a(x)], 1)",
    "with a norm": "return torch.cat([self.bn_a(self.a(x)), x, self.b(x)], axis=1)",
    "after what may raise": "return torch.cat([F.relu(x), self.bn_a(self.a(x)), self.b(x)], 1)",
    "of an expression": "return torch.cat([F.relu(x), self.a(x * 2), self.b(x)], 1)",
    "in a variable": "y = self.a(x)\nz = self.b(x)\nreturn torch.cat([y, z], 1)",
    "in a variable, with a norm": "y = self.bn_a(self.a(x))\nreturn torch.cat((x, y), dim=1)",
    "a norm after a variable": "y = self.a(x)\ny = self.bn_a(y)\nreturn torch.cat((x, y), dim=1)",
    "a norm of a variable": "y = self.a(x)\nz = self.bn_a(y)\nreturn torch.cat((x, z), dim=1)",
    "a norm of a variable inside": "y = self.a(x)\nreturn torch.cat((x, self.bn_a(y)), dim=1)",
    "by the name of the whole": "y = self.a(x)\ny = torch.cat([x, y], 1)\nreturn y",
    "read in a comprehension before": (
        "y = x\nz = [y for _ in (x, x)]\ny = self.a(z[0])\nreturn torch.cat([x, y], 1)"
    ),
    "under an if": "if x.shape[0]:\n    return torch.cat((x, self.a(x)), dim=1)\nreturn x",
}
KEPT = {
    "along another dimension": "return torch.cat((self.a(x), self.a(x)), dim=2)",
    "along an unknown one": "return torch.cat((self.a(x), x), dim=self.dim)",
    "read twice": "y = self.a(x)\nreturn torch.cat((x, y), dim=1) + y.mean()",
    "in a later block": "y = self.a(x)\nif x.shape[0]:\n    x = torch.cat((x, y), dim=1)\nreturn x",
    "not the only call": "y = self.a(x)\nz = self.a(x + 1)\nreturn torch.cat((y, z), dim=1)",
    "a list elsewhere": "return sum([self.a(x), x]) + torch.stack([self.a(x), x]).sum(0)",
    "deleted": "y = self.a(x)\nz = torch.cat((x, y), dim=1)\ndel y\nreturn z",
    "given a value under an if": (
        "y = self.a(x)\nif x.shape[0]:\n    y = x\nreturn torch.cat((x, y), dim=1)"
    ),
    "given one in other ways": (
        "y = self.a(x)\ny: object = x\nz = self.a(x)\nz, w = x, 1\nv = self.a(x)\n"
        "for v in (x,):\n    pass\nreturn torch.cat((x, y, z, v), dim=1)"
    ),
    "updated": "y = self.a(x)\ny += x\nreturn torch.cat((x, y), dim=1)",
    "updated afterwards": "y = self.a(x)\nz = torch.cat((x, y), dim=1)\ny += x\nreturn z",
    "seen by a function": (
        "def h():\n    return y\ny = self.a(x)\nz = torch.cat((x, y), dim=1)\nreturn z * h().sum()"
    ),
    "read by a function that is given": (
        "y = self.a(x)\nz = torch.cat((x, y), dim=1)\nself.later = lambda: y\n"
        "return z * call(self.later).sum()"
    ),
    "read in a comprehension": (
        "y = self.a(x)\nz = [y for _ in (x, x)]\nreturn torch.cat([z[0], y], 1)"
    ),
    "in a list by itself": "y = self.a(x)\nz = [x, y]\nreturn torch.cat(z, 1)",
    "in a list that is added": "return torch.cat([x] + [self.a(x)], 1)",
    "in a list of another name": "z = [x, self.a(x)]\nreturn torch.cat(z, 1)",
    "in parentheses": "y = self.a(x)\nreturn torch.cat(((y), (self.b(x))), dim=1)",
    "on a shared line": "y = self.a(x); x = x + 1\nreturn torch.cat((x, y), dim=1)",
    "a norm that may be skipped": (
        "y = self.a(x)\nif self.dim:\n    y = self.bn_a(y)\nreturn torch.cat((x, y), dim=1)"
    ),
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("form", NESTED)
def test_the_concatenation_is_flat(form: str, style: Style) -> None:
    source = model(BUILT, NESTED[form])
    x = torch.randn(2, 8, 5, 5)
    result = assert_equivalent(source, lambda module: module.Net(), x, options=Options(style=style))
    if form != "under an if":
        assert not broken(run_source(result.text).Net().eval(), x).get("17")


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("form", KEPT)
def test_what_has_another_use_is_concatenated_before(form: str, style: Style) -> None:
    source = model(BUILT + "self.dim = 1", KEPT[form], top="def call(f):\n    return f()")
    x = torch.randn(2, 8, 5, 5)
    assert_equivalent(source, lambda module: module.Net(), x, options=Options(style=style))


def test_how_it_reads() -> None:
    forward = "y = self.bn_a(self.a(x))  # one\nreturn torch.cat([y, self.b(x)], 1)"
    text = split_source(model(BUILT, forward)).text
    assert text.endswith(
        "        outputs = outputs_of(self.bn_a, self.a(x))  # one\n"
        "        return torch.cat([*outputs, *outputs_of(self.b, x)], 1)\n"
    )


@pytest.mark.parametrize("hook", ["register_forward_hook", "register_forward_pre_hook"])
def test_a_hook_is_called(hook: str) -> None:
    """It sees what a convolution gives as a whole."""
    change = "lambda m, i, o: o * 2" if hook == "register_forward_hook" else "lambda m, i: i[0] * 2"
    init = f"self.a = nn.Conv2d(8, 8, 1, groups=2)\nself.a.{hook}({change})"
    forward = "y = [each(x) for each in [self.a]]\nreturn torch.cat((self.a(x), y[0], x), 1)"
    x = torch.randn(2, 8, 5, 5)
    assert_equivalent(model(init, forward), lambda module: module.Net(), x)


def test_a_variable_of_the_module_may_be_read_by_others() -> None:
    source = (
        "import torch\nfrom torch import nn\n\nx = torch.ones(1, 8, 5, 5)\n"
        "conv = nn.Conv2d(8, 8, 1, groups=2)\ny = conv(x)\nz = torch.cat([x, y], 1)\n"
    )
    text = split_source(source).text
    assert "split_conv(" in text and "outputs_of(" not in text


# The rule flat-cat: through elementwise layers, and where others read the whole too.

PLINIO = Options(target="plinio")
LAYERS = f"""{BUILT.rstrip()}
    self.act = nn.ReLU()
    self.other = nn.Conv2d(8, 8, 1)
    self.drop = nn.Dropout(0.5)
    self.wide = nn.Conv2d(8, 16, 1)
    self.convs = nn.ModuleList([nn.Conv2d(8, 8, 1, groups=2) for _ in range(len("ab"))])
    self.norms = nn.ModuleList([nn.BatchNorm2d(8) for _ in range(len("ab"))])
    """
THROUGH = {
    "a layer": "y = self.act(self.bn_a(self.a(x)))\nreturn torch.cat((x, y), 1)",
    "a layer of a variable": (
        "y = self.bn_a(self.a(x))\ny = self.act(y)\nreturn torch.cat((x, y), 1)"
    ),
    "a function, inside": "return torch.cat([F.relu(self.bn_a(self.a(x)), inplace=True), x], 1)",
    "two layers": "y = self.act(torch.sigmoid(self.b(x)))\nreturn torch.cat([x, y], dim=1)",
    "two statements": (
        "y = self.b(x)\ny = torch.tanh(y)\nz = self.act(y)\nreturn torch.cat([x, z], dim=1)"
    ),
    "a list that grows": (
        "out = [x]\nfor _ in range(2):\n    out.append(self.act(self.a(x)))\n"
        "return torch.cat(out, 1)"
    ),
    "a comprehension": "return torch.cat([self.act(self.a(y)) for y in (x, x + 1)], 1)",
    "a sum reads it": "y = self.act(self.a(x))\nz = y + x\nreturn torch.cat((z, y), 1)",
    "a convolution reads it": (
        "y = self.bn_a(self.a(x))\nz = self.other(y)\nreturn torch.cat((z, y), 1)"
    ),
    "the next turn of a loop reads it": (
        "out = []\ny = x\nfor _ in range(3):\n    y = y + x\n    y = self.act(self.a(y))\n"
        "    out.append(y)\nreturn torch.cat(out, 1)"
    ),
    "the next turn of a loop reads it under a condition": (
        "s = torch.split(self.wide(x), 8, 1)\nout = []\ny = s[0]\n"
        "for i, (conv, norm) in enumerate(zip(self.convs, self.norms)):\n"
        "    if i == 0 or x.shape[0] > 9:\n        y = s[i]\n    else:\n        y = y + s[i]\n"
        "    y = conv(y)\n    y = norm(y)\n    y = self.act(y)\n    out.append(y)\n"
        "return torch.cat(out, 1)"
    ),
    "a list whose items are read": (
        "out = []\nout.append(self.act(self.a(x)))\nz = out[-1] + x\nout.append(z)\n"
        "out.append(self.other(out[0]))\nreturn torch.cat(out, 1)"
    ),
    "two take it": (
        "y = self.act(self.a(x))\nz = torch.cat((x, y), 1)\nreturn torch.cat((z.detach(), y), 1)"
    ),
}
WHOLE = {
    "a dropout": "y = self.drop(self.a(x))\nreturn torch.cat((x, y), 1)",
    "another convolution": "y = self.other(self.a(x))\nreturn torch.cat((x, y), 1)",
    "a reader that may write": (
        "y = self.a(x)\nz = F.relu(y, inplace=True)\nreturn torch.cat((z, y), 1)"
    ),
    "a view that is written into": (
        "y = self.a(x)\nz = y[:, :2]\nz.mul_(2)\nreturn torch.cat((z, y), 1)"
    ),
    "updated": "y = self.bn_a(self.a(x))\nz = y + 1\ny += x\nreturn torch.cat((z, y), 1)",
    "a list that is read": (
        "out = [x]\nout.append(self.act(self.a(out[-1])))\nout.append(out[-1] + x)\n"
        "return torch.cat(out, 1)"
    ),
    **{
        f"a list with {what}": (
            f"out = []\nout.append(self.bn_a(self.a(x)))\nz = out[0] + x\n{what}\n"
            "return torch.cat(out, 1)"
        )
        for what in (
            "out[0] = z",
            "out[0].mul_(2)",
            "out.insert(0, z)",
            "z = out[:1]",
            "out += [z]",
        )
    },
    "a list that is handed on": (
        "out = [x]\nout.append(self.act(self.a(x)))\nn = len(out)\nreturn torch.cat(out, 1) * n"
    ),
    "one of two values": (
        "y = self.act(self.a(x))\nif self.dim:\n    y = x\nz = y + 1\nreturn torch.cat((z, y), 1)"
    ),
    "given again": (
        "y = self.act(self.a(x))\nz = y\ny = x\ny = z\nw = y + 1\nreturn torch.cat((w, y), 1)"
    ),
    "along another dimension": "y = self.act(self.a(x))\nreturn torch.cat((x, y), 2)",
    "a layer with a hook": (
        "self.act.register_forward_hook(lambda m, i, o: o.flip(1))\n"
        "y = self.act(self.a(x))\nreturn torch.cat((x, y), 1)"
    ),
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("form", THROUGH)
def test_it_is_flat_through_layers(form: str, style: Style) -> None:
    source = model(LAYERS, THROUGH[form])
    x = torch.randn(2, 8, 5, 5)
    options = Options(style=style, target="plinio")
    result = assert_equivalent(source, lambda module: module.Net(), x, options=options)
    assert "outputs_of(" in result.text
    assert [each.status for each in result.findings if each.code == "flat-cat"] == ["rewritten"]
    if form != "two take it":  # of which the first is no part of the second, for what tells that
        assert not broken(run_source(result.text).Net().eval(), x).get("17")
    assert "apply_each" not in split_source(source, Options(style=style)).text
    again = split_source(result.text, options)
    assert again.text is result.text


@pytest.mark.parametrize("form", WHOLE)
def test_what_is_not_known_to_be_the_same_stays_whole(form: str) -> None:
    source = model(LAYERS + "self.dim = 1", WHOLE[form])
    x = torch.randn(2, 8, 5, 5)
    torch.manual_seed(0)
    result = split_source(source, PLINIO)
    assert "outputs_of(" not in result.text
    if "drop" not in form:
        assert_equivalent(source, lambda module: module.Net(), x, options=PLINIO)


def test_how_it_reads_through_layers() -> None:
    forward = (
        "y = self.other(x)\nout = []\nfor _ in range(2):\n    y = y + x\n"
        "    y = self.bn_a(self.a(y))  # one\n    y = self.act(y)\n    out.append(y)\n"
        "return torch.cat(out, 1)"
    )
    text = split_source(model(LAYERS, forward), PLINIO).text
    assert text.endswith(
        "            y = y + x\n"
        "            outputs = outputs_of(self.bn_a, self.a(y))  # one\n"
        "            outputs = [self.act(output) for output in outputs]\n"
        "            y = torch.cat(outputs, dim=1)\n"
        "            out.extend(outputs)\n"
        "        return torch.cat(out, 1)\n"
    )


@pytest.mark.parametrize("act", ["ReLU", "SiLU", "PReLU", "Softmax2d"])
def test_a_layer_that_is_given_is_asked_when_it_is_called(act: str) -> None:
    source = model(LAYERS, THROUGH["a layer"]).replace("self.act = nn.ReLU()", "self.act = act()")
    source = source.replace("def __init__(self)", "def __init__(self, act=nn.ReLU)")
    x = torch.randn(2, 8, 5, 5)
    made = getattr(torch.nn, act)
    result = assert_equivalent(source, lambda module: module.Net(made), x, options=PLINIO)
    assert "apply_each(self.act, " in result.text
