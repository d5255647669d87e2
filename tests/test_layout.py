"""How wide the new lines are, and where what is new stands at the top of a file."""

from __future__ import annotations

from pathlib import Path

import black
import pytest

from cases import BARE
from gencode import Options, split_source
from gencode.command import main
from gencode.formatters import layout
from sources import write

ARGUMENTS = "channels, channels, kernel_size, stride, dilation=dilation, groups=groups"
CALL = f"        self.conv = nn.Conv1d({ARGUMENTS})"  # of more than 100 columns
LINE = "        self.conv = split_conv(self.conv)\n"
SHORT = "        self.conv = f(nn.Conv2d(2, 2, kernel_size, stride, bias=bias, groups=groups))"
INNER = SHORT[SHORT.index("nn.") : -1]
WRAPPED_SHORT = f"        self.conv = f(split_conv({INNER}))\n"  # of 98 columns
BROKEN_SHORT = f"        self.conv = f(\n            split_conv({INNER})\n        )\n"
HEAD = "import torch\nfrom torch import nn\n\n\n"
NET = """\
class Net(nn.Module):
    def __init__(self, channels, kernel_size, stride, dilation, groups, bias):
        super().__init__()
{}

    def forward(self, x):
        return self.conv(x)
"""


WRAPPER = """

class f(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)
"""


def of(line: str, more: str = "") -> str:
    return HEAD + more + NET.format(line) + WRAPPER


def split(source: str, **black: object) -> str:
    return split_source(source, Options(checkpoint=False, black=black)).text


def test_new_lines_are_as_wide_as_the_file_is() -> None:
    assert WRAPPED_SHORT in split(of(SHORT, f"value = {'a + ' * 23}a\n\n\n"))
    assert WRAPPED_SHORT in split(of(SHORT, f"value = {'a + ' * 90}a\n\n\n"))
    assert BROKEN_SHORT in split(of(SHORT))
    assert BROKEN_SHORT in split(of(SHORT, f"value = {'a + ' * 19}a\n\n\n"))


@pytest.mark.parametrize("width", [60, 88, 100])
def test_the_helper_and_a_line_are_as_wide_as_the_file_is(width: int) -> None:
    source = black.format_str(
        HEAD
        + NET.format(
            "        self.convolution = nn.Conv2d(16, 16, 3, groups=groups)\n"
            "        self.normalization = nn.BatchNorm2d(16)"
        ).replace("self.conv(x)", "self.normalization(self.convolution(x))"),
        mode=black.Mode(line_length=width),
    )
    text = split(source, **{"line-length": width})
    assert text == black.format_str(text, mode=black.Mode(line_length=width))
    line = "self.convolution, self.normalization = split_conv_norm(self.convolution, "
    assert (line in text) is (width == 100)


def test_a_construction_that_is_too_long_keeps_its_line() -> None:
    for length in (110, 88):  # 88, which it does not keep to
        assert f"{CALL}\n{LINE}" in split(of(CALL), **{"line-length": length})
        text = split(of(CALL.replace("nn.", "f(nn.") + ")"), **{"line-length": length})
        assert f"nn.Conv1d({ARGUMENTS})" in text
        assert "        self.conv = f(\n            split_conv(" in text


@pytest.mark.parametrize(
    "line",
    [
        f"# {'a comment ' * 10}",
        f"TEXT = '{'a string ' * 12}'",
        f"TEXT = f'{'a string ' * 12}{{x}}'",
        f'TEXT = """A docstring.\n\nOf {"many words " * 10}\n"""',
        f"value = function({'a, ' * 30}a)  # type: ignore",
    ],
)
def test_what_no_formatter_breaks_says_nothing_of_the_width(line: str) -> None:
    assert BROKEN_SHORT in split(of(SHORT, f"{line}\n\n\n"))


def test_a_short_string_in_a_long_line_does_not_hide_it() -> None:
    line = f"value = function({'a, ' * 30}'b')\n\n\n"
    assert WRAPPED_SHORT in split(of(SHORT, line))


BLACK, RUFF = "[tool.black]\n", "[tool.ruff]\n"


@pytest.mark.parametrize(
    ("files", "is_wide"),
    [
        ({"pyproject.toml": RUFF + "line-length = 120\n"}, True),
        ({"ruff.toml": "line-length = 120\n"}, True),
        ({".ruff.toml": "line-length = 120\n", "ruff.toml": "line-length = 80\n"}, True),
        ({"pyproject.toml": RUFF + "line-length = 80", "ruff.toml": "line-length = 120"}, True),
        ({"pyproject.toml": BLACK + "line-length = 80\n" + RUFF + "line-length = 120"}, False),
        ({"pyproject.toml": BLACK + "line_length = 120\n" + RUFF + "line-length = 80"}, True),
        ({"pyproject.toml": "[project]\n", "../pyproject.toml": RUFF + "line-length = 120"}, True),
        ({"pyproject.toml": RUFF + "line-length = 'wide'\n"}, False),
        ({"pyproject.toml": "tool = { ruff = 120 }\n"}, False),
        ({"pyproject.toml": "[tool.ruff\n"}, False),  # which is not ours to find fault with
        ({"ruff.toml": "line-length = \n"}, False),
        ({}, False),
    ],
)
def test_the_width_is_that_of_the_project(
    files: dict[str, str], is_wide: bool, tmp_path: Path, monkeypatch, capsys
) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    write({"model.py": of(SHORT), **files})
    assert main(["--no-checkpoint", "model.py"]) == 0
    assert (WRAPPED_SHORT in capsys.readouterr().out) is is_wide


WIDE_FILE = f"value = function({'a, ' * 30}a)\n\n\n"


@pytest.mark.parametrize(
    ("configuration", "is_wide"),
    [(BLACK, False), (RUFF, True), (RUFF + "[tool.ruff.format]\n", False)],
)
def test_a_formatter_has_a_width_where_nothing_is_said_of_it(
    configuration: str, is_wide: bool, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    write({"model.py": of(SHORT, WIDE_FILE), "pyproject.toml": configuration})
    assert main(["--no-checkpoint", "model.py"]) == 0
    assert (WRAPPED_SHORT in capsys.readouterr().out) is is_wide


def test_what_else_ruff_is_told(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    call = "        self.conv = nn.Conv2d(4, 4, 1, padding_mode='zeros', groups=2)"
    write({"model.py": of(call), "ruff.toml": '[format]\nquote-style = "single"\n'})
    assert main(["--no-checkpoint", "model.py"]) == 0
    assert "self.conv_0 = nn.Conv2d(2, 2, 1, padding_mode='zeros')\n" in capsys.readouterr().out
    ruff = {"target-version": "py310", "format": {"skip-magic-trailing-comma": True}}
    black = {"line-length": 88, "target-version": ["py310"], "skip-magic-trailing-comma": True}
    assert layout(None, ruff) == black
    assert layout(black, {"line-length": 60}) == black


TORCH = "import torch\nfrom torch import nn\n"
IMPORT = "\nfrom .splitting import split_by_filter\n"
OWN = """\
class Own(nn.Conv2d):
    def forward(self, x):
        return super().forward(x)
"""  # each part is a copy of


@pytest.mark.parametrize(
    ("top", "with_helper", "with_import"),
    [
        (  # behind what says something of the module
            '"""Doc."""\n\n__all__ = ["Net"]\n__version__: str = "1"\n\nfrom torch import nn\n',
            '"""Doc."""\n\n__all__ = ["Net"]\n__version__: str = "1"\n\nimport copy\n\n' + TORCH,
            '"""Doc."""\n\n__all__ = ["Net"]\n__version__: str = "1"\n\nfrom torch import nn\n'
            + IMPORT,
        ),
        (
            'from torch import nn\n\n__all__ = ["Net"]\n',
            f'import copy\n\n{TORCH}\n__all__ = ["Net"]\n',
            f'from torch import nn\n{IMPORT}\n__all__ = ["Net"]\n',
        ),
        (  # but before what may need it
            "from torch import nn\n\n__net__ = build()\nimport math\n",
            f"import copy\n\n{TORCH}\n__net__ = build()\nimport math\n",
            f"from torch import nn\n{IMPORT}\n__net__ = build()\nimport math\n",
        ),
        (  # after what is imported only at times
            "import math\n\nif TYPE_CHECKING:\n    import a\nfrom torch import nn\n\nx = 1\n",
            "import copy\nimport math\n\nif TYPE_CHECKING:\n    import a\n" + TORCH + "\nx = 1\n",
            "import math\n\nif TYPE_CHECKING:\n    import a\nfrom torch import nn\n"
            + IMPORT
            + "\nx = 1\n",
        ),
        (
            "try:\n    from torch import nn\nexcept ImportError:\n    nn = None\n\n__all__ = []\n",
            "import copy\n\ntry:\n    import torch\n    from torch import nn\n"
            "except ImportError:\n    nn = None\n\n__all__ = []\n",
            "try:\n    from torch import nn\nexcept ImportError:\n    nn = None\n"
            + IMPORT
            + "\n__all__ = []\n",
        ),
        (
            "try:\n    from torch import nn\nexcept ImportError:\n    nn = None\n__all__ = []\n",
            "import copy\n\ntry:\n    import torch\n    from torch import nn\n"
            "except ImportError:\n    nn = None\n__all__ = []\n",
            "try:\n    from torch import nn\nexcept ImportError:\n    nn = None\n"
            + IMPORT
            + "\n__all__ = []\n",
        ),
    ],
)
def test_new_imports_stand_among_the_imports(top: str, with_helper: str, with_import: str) -> None:
    source = f"{top}\n\n{OWN}\n\n{NET.format('        self.conv = Own(8, 8, 3, groups=groups)')}"
    assert split_source(source, BARE).text.startswith(f"{with_helper}\n\nclass ")
    text = split_source(source, Options(helper_module=".splitting")).text
    assert text.startswith(f"{with_import}\n\n{OWN}")


def test_what_is_not_needed_is_not_imported() -> None:
    assert split(of(SHORT)).startswith(f"{TORCH}\n\nclass ")


def test_an_elif_is_as_wide_as_what_else_stands_there() -> None:
    condition = "torch.cat([{}, *self.others(x)], dim=1) is x and self.training"
    line = f"        if x is None:\n            pass\n        elif {condition}:\n            pass\n"
    source = of(SHORT.replace("f(nn.", "nn.")[:-1]).removesuffix(WRAPPER)
    source += f"\n    def other(self, x):\n{line.format('self.conv(x)')}"
    expected = condition.format("*outputs_of(self.conv, x)")
    whole = f"        elif {expected}:\n"
    length = len(whole) - 1
    assert whole in split(source, **{"line-length": length})
    for narrower in (length - 1, length - 2):
        text = split(source, **{"line-length": narrower})
        assert f"        elif (\n            {expected}\n        ):\n" in text
