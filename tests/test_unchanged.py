"""What needs no change comes back as the same object, and says so only where it may matter."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cases import CONV, assert_unchanged, left, model
from gencode import Options, SourceError, split_source
from gencode.reading.convolutions import CONV_CLASSES, kind_of


@pytest.mark.parametrize(
    "source",
    [
        "",
        "\n",
        "x = 1",
        "# Conv2d(16, 16, 3, groups=2)\n",
        '"""nn.Conv2d(16, 16, 3, groups=2)"""\n',
        "class Conv2d: ...\nConv2d(16, 16, 3, groups=2)\n",
        "from keras.layers import Conv2D\nConv2D(16, 3, groups=2)\n",
        "import flax.linen as nn\nnn.Conv2d(16, 16, 3, groups=2)\n",
        "from torch.nn import Linear as Conv2d\nConv2d(16, 16, groups=2)\n",
        "import torch.nn as nn\nnn.Conv2d(16, 16, 3, 1, 1, 1)\n",
        "import torch.nn as nn\nnn.Conv2d(16, 16, 3, groups=1)\n",
        "import torch.nn as nn\nnn.Conv2d(16, 16, 3, 1, 1, 1, 1)\n",
        "import torch.nn as nn\nG = 1\nnn.Conv2d(16, 16, 3, groups=G)\n",
        "import torch.nn as nn\nnn.Conv2d(16, 16, 3, groups=2 - 1)\n",
        "import torch.nn as nn\nnn.ConvTranspose2d(16, 16, 3, 1, 0, 0, 1)\n",
        "import torch.nn as nn\nnn.LazyConv2d(16, 3, 1, 1, 1, 1)\n",
        "import torch.nn as nn\nkw = {'bias': False}\nnn.Conv2d(16, 16, 3, **kw)\n",
        "import torch.nn as nn\nkw = dict(bias=False)\nnn.Conv2d(16, 16, 3, **kw)\n",
        "import torch.nn as nn\nnn.Conv2d(16, 16, 3, **{'bias': False})\n",
        "import torch.nn as nn\nnn.Conv2d(16, 16, 3, **dict(bias=False))\n",
        "import torch.nn as nn\nnn.GroupNorm(4, 16, groups=4)\n",
        "import torch\ntorch.conv2d(x, w, None, 1, 0, 1, 1)\n",
        "def conv2d(*a, groups): ...\nconv2d(x, groups=2)\n",
        "from functools import partial\nconv2d = partial(print, groups=2)\n",
        "import torch.nn as nn\nclass C(nn.Conv2d): ...\nC(8, 8, 3, **dict(bias=False))\n",
        "import torch.nn as nn\nclass C(nn.Module):\n    def __init__(s, conv2d):\n"
        "        super().__init__(groups=2)\n",
        "import torch.nn as nn\nC = getattr(nn, 'x')\nD = getattr(x, 'Conv2d')\n"
        "C(8, 8, 3, groups=2)\nD(8, 8, 3, groups=2)\n",
        "def conv(f):\n    with f as g: g(8, groups=2)\n    import f as h; f(h)(8, groups=2)\n",
        "import torch.nn.functional as F\nF.conv2d(x, w, **dict(bias=1))\n",
        "a = b\nb = a\na.convert(8, groups=2)\n",
        "def pick():\n    return convert\npick()(8, groups=2)\n",
        "nn = N\nN = nn\nN.GroupNorm(groups=2)  # no Conv2d\n",
    ],
)
def test_no_grouped_convolution(source: str) -> None:
    assert assert_unchanged(source).records == ()


@pytest.mark.parametrize(
    "call",
    [
        "nn.Conv1d(16, 16, 3, groups=16)",
        "nn.Conv2d(16, 16, 3, 1, 1, 1, 16)",
        "nn.Conv2d(width, width, 3, groups=width)",
        "nn.Conv2d(cfg.width, out_channels=cfg.width, kernel_size=3, groups=cfg.width)",
        "nn.Conv2d(width * 2, width * 2, 3, groups=width * 2)",
        "nn.Conv2d(cfg.widths[0], cfg.widths[0], 3, groups=(cfg.widths[0]))",
        "nn.Conv2d(int(width / 2), int(width / 2), 3, 1, 1, 1, int(width / 2))",
    ],
)
def test_depthwise_is_kept_and_said_to_be(call: str) -> None:
    source = (
        f"import torch.nn as nn\n\ndef build(width, cfg):\n    conv = {call}\n    return conv\n"
    )
    (record,) = assert_unchanged(source).records
    assert (record.status, record.line, record.column) == ("kept", 4, 12)
    assert record.name == "conv"
    assert record.detail == "depthwise, which PLiNIO takes as it is"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("nn.Conv2d(16, 16, 3, groups=3)", "torch refuses it: groups=3 does not divide"),
        ("nn.Conv2d(16, 16, 3, groups=0)", "torch refuses it: 0 groups, 16 to 16 channels"),
        ("nn.Conv2d(16, 16, 3, groups=-2)", "torch refuses it: -2 groups"),
        ("nn.Conv2d(0, 16, 3, groups=2)", "torch refuses it: 2 groups, 0 to 16 channels"),
        ("nn.LazyConv2d(16, 3, groups=2)", "a lazy convolution learns its in_channels"),
        ("nn.LazyConv2d(16, 3, 1, 0, 1, 2)", "a lazy convolution learns its in_channels"),
        ("F.conv2d(x, w, groups=2)", "F.conv2d is a function"),
        ("torch.conv_transpose1d(x, w, b, 1, 0, 0, width)", "is a function"),
        ("F.conv2d(x, w, **dict(groups=2))", "F.conv2d is a function"),
        ("Raw(16, 16, 3, groups=2)", "Raw is a subclass of _ConvNd"),
        ("nn.Conv2d.__init__(x, 16, 16, 3, groups=2)", "is called for an object that is there"),
        ("nn.Conv2d(8, 8, 3, 1, 1, 1, 2, True, 'zeros', None, None, 5)", "takes fewer arguments"),
    ],
)
def test_what_cannot_be_split_is_left_with_the_reason(call: str, words: str) -> None:
    source = f"""
import torch
import torch.nn as nn
import torch.nn.functional as F

class Raw(nn.modules.conv._ConvNd): ...

def build(width, x, w, b):
    return {call}
"""
    assert words in left(source)


def test_functions_of_a_submodule_by_a_star_import() -> None:
    source = "from torch.nn import *\nfunctional.conv2d(x, w, groups=2)\n"
    assert "functional.conv2d is a function" in left(source)


def test_a_function_by_a_star_import() -> None:
    source = "from torch.nn.functional import *\nconv2d(x, w, None, 1, 0, 1, 2)\n"
    assert "conv2d is a function" in left(source)


def test_a_subclass_that_is_always_grouped() -> None:
    source = """
    import torch.nn as nn

    class Grouped(nn.Conv2d):
        def __init__(self, width):
            super().__init__(width, width, 3, groups=2)
    """
    assert left(source) == (
        "Grouped is a subclass of Conv2d, to be split where it is called, which is not seen here"
    )


def test_the_reason_has_its_place() -> None:
    source = model("self.a = nn.LazyConv2d(32, 3, groups=2)")
    (record,) = assert_unchanged(source).records
    line = source.splitlines()[record.line - 1]
    assert line[record.column - 1 :].startswith("nn.LazyConv2d(32")
    assert record.name == "Net.a"


def test_what_is_split_beside_what_is_not() -> None:
    both = model(CONV + "\nself.other = nn.LazyConv2d(32, 3, groups=2)")
    result = split_source(both)
    assert [record.status for record in result.records] == ["split", "left"]
    assert "self.conv_0" in result.text
    assert "self.other = nn.LazyConv2d(32, 3, groups=2)" in result.text


@pytest.mark.parametrize(
    ("name", "numbers", "kind"),
    [
        ("Conv2d", (16, 16, 1), "plain"),
        ("Conv1d", (16, 16, 16), "depthwise"),
        ("ConvTranspose2d", (16, 16, 16), "grouped"),
        ("Conv3d", (16, 16, 16), "grouped"),
        ("Conv2d", (16, 32, 16), "grouped"),
        ("Conv2d", (32, 16, 16), "grouped"),
        ("Conv2d", (1, 1, 1), "plain"),
        ("Conv2d", (16, 24, 16), "invalid"),
        ("Conv2d", (24, 16, 16), "invalid"),
        ("Conv2d", (16, 16, 0), "invalid"),
        ("Conv2d", (0, 0, 2), "invalid"),
    ],
)
def test_the_kinds_of_convolutions(name: str, numbers: tuple[int, int, int], kind: str) -> None:
    assert kind_of(CONV_CLASSES[name], *numbers) == kind


def test_another_name_of_the_built_style() -> None:
    assert Options(style="module") == Options(style="built")  # type: ignore[arg-type]
    assert replace(Options(), style="module").style == "built"


def test_options_that_make_no_sense() -> None:
    with pytest.raises(
        ValueError, match="style is one of auto, explicit, loop, built, not 'round'"
    ):
        Options(style="round")
    with pytest.raises(ValueError, match="max_unroll is a number from 1, not 0"):
        Options(max_unroll=0)
    with pytest.raises(ValueError, match="line-length is a number of columns, not 'a'"):
        Options(black={"line_length": "a"})


@pytest.mark.parametrize("text", ["x = '\0'", "x = " + "-" * 100_000 + "1"])
def test_a_text_that_python_cannot_parse(text: str) -> None:
    with pytest.raises(SourceError):
        split_source(text)


def test_a_text_that_is_nested_too_deeply() -> None:
    with pytest.raises(SourceError, match="nested too deeply"):
        split_source(model(CONV, f"return {'1 + ' * 1500} self.conv(x)"))


def test_a_text_that_is_nested_deeply() -> None:
    chain = "".join(f"    elif x == {n}: pass\n" for n in range(700))
    text = f"def conv(x):\n    if x: pass\n{chain}    return {'1 + ' * 2000} x.f(groups=2)\n"
    assert assert_unchanged(text).records == ()
