"""The templates can be replaced, and a faulty one is said to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from cases import CONV, model
from gencode import Options, TemplateError, split_source

BUILT_IN = Path(__file__).parents[1] / "templates"
EXPLICIT = "explicit.py.jinja"


def replaced(directory: Path, old: str, new: str, name: str = EXPLICIT) -> Options:
    text = (BUILT_IN / name).read_text(encoding="utf-8")
    assert old in text
    (directory / name).write_text(text.replace(old, new), encoding="utf-8")
    return Options(templates=directory)


def test_a_template_of_the_user_s(tmp_path: Path) -> None:
    options = replaced(tmp_path, "dim=1)", "1)")
    assert "return torch.cat((conv_0, conv_1), 1)" in split_source(model(CONV), options).text
    loop = Options(style="loop", templates=tmp_path)
    assert "nn.ModuleList(" in split_source(model(CONV), loop).text  # the built-in one


def test_the_import_is_a_template_too(tmp_path: Path) -> None:
    options = replaced(tmp_path, "{{ module }}", "{{ module }}  # added", "import.py.jinja")
    source = model(CONV).replace("import torch\n", "")
    assert split_source(source, options).text.startswith("import torch  # added\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{% macro definition(conv) %}", "template explicit.py.jinja line 1:"),
        ("\n{% macro definition(conv) %}{{ conv.unknown }}{% endmacro %}", "line 2: "),
        ("{% macro definition(conv) %}{{ conv.names.x.y }}{% endmacro %}", "has no attribute"),
        ("{{ 1 // 0 }}", "template explicit.py.jinja line 1: integer division"),
        ("\n\n{% macro definition(conv) %}{{ 1 // 0 }}{% endmacro %}", "line 3: integer division"),
        ("", "template explicit.py.jinja: it has no macro definition"),
        ("{% macro definition(conv) %}self.( = 1{% endmacro %}", "emits what is not Python"),
        ("{% extends 'other' %}", "template explicit.py.jinja line 1: other"),
    ],
)
def test_a_faulty_template(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / EXPLICIT).write_text(text, encoding="utf-8")
    with pytest.raises(TemplateError) as caught:
        split_source(model(CONV), Options(templates=tmp_path))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("{{ layer.self }}.{{ name }}{%", "1{%", EXPLICIT),
        ('join(", ") }})\n{% endfor', 'join(", ") }}, bias=1, bias=1)\n{% endfor', EXPLICIT),
        ("import {{ module }}", "return {{ module }}", "import.py.jinja"),
    ],
)
def test_what_black_takes_but_python_does_not(
    tmp_path: Path, old: str, new: str, name: str
) -> None:
    options = replaced(tmp_path, old, new, name)
    with pytest.raises(TemplateError, match="the templates emit what is not Python: "):
        split_source(model(CONV).replace("import torch\n", ""), options)


def test_an_import_that_is_no_python(tmp_path: Path) -> None:
    options = replaced(tmp_path, "import {{", "imporrt {{", "import.py.jinja")
    with pytest.raises(TemplateError, match="emits what is not Python: 'imporrt torch'"):
        split_source(model(CONV).replace("import torch\n", ""), options)


def test_an_import_of_several_lines(tmp_path: Path) -> None:
    options = replaced(
        tmp_path, "import {{ module }}", "# Added.\nimport {{ module }}", "import.py.jinja"
    )
    head = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F"
    source = model(CONV).replace(head, "try:\n    import torch.nn as nn\nfinally: ...")
    assert "try:\n    # Added.\n    import torch\n    import" in split_source(source, options).text


def test_a_value_that_is_a_sum_gets_parentheses(tmp_path: Path) -> None:
    options = replaced(tmp_path, "dim=1)\n{% endmacro %}", "dim=1) + 0\n{% endmacro %}")
    text = split_source(model(CONV, "return 2 * self.conv(x) * 3"), options).text
    assert "return 2 * (torch.cat((conv_0, conv_1), dim=1) + 0) * 3" in text


@pytest.mark.parametrize("part", ["statements", "value"])
def test_a_template_that_emits_no_python(tmp_path: Path, part: str) -> None:
    macro = "{% macro " + part + "(call) %}"
    options = replaced(tmp_path, macro, f"{macro}) ")
    with pytest.raises(TemplateError, match="emits what is not Python"):
        split_source(model(CONV), options)


def test_a_template_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / EXPLICIT).write_bytes(b"\xff")
    with pytest.raises(TemplateError, match=r"template explicit\.py\.jinja: "):
        split_source(model(CONV), Options(templates=tmp_path))


def test_a_directory_without_a_template(tmp_path: Path) -> None:
    (tmp_path / "explicit.jinja").write_text("", encoding="utf-8")
    words = r"has none of the templates activation\.py\.jinja, built\.py\.jinja, "
    for directory in (tmp_path, tmp_path / "missing"):
        with pytest.raises(TemplateError, match=words):
            split_source(model(CONV), Options(templates=directory))
