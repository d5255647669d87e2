"""``--report``: what the page has in it, and that nothing of a user's can act in it."""

from __future__ import annotations

import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

pytest.importorskip("pygments")

from browser import CHROMIUM, browser

from gencode.command import main
from gencode.command import paging as paging_module
from gencode.load_model import ModelSource
from gencode.outcome import Record, Size
from gencode.page.cards import card, instances
from gencode.page.highlighting import highlighted, lines_of, visible
from gencode.page.picture import MINUS, Shape, drawings
from gencode.page.sides import Row, side_by_side
from gencode.proof import Convolution, Place, Proof
from sources import BOTH, BROKEN, GROUPED, LEFT, PLAIN, text, write

VOID = {"meta", "rect", "path", "br", "link"}
BUILT = """\
from torch import nn


class Block(nn.Module):
    def __init__(self, width, groups):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, groups=groups)
        self.bn = nn.BatchNorm2d(width)

    def forward(self, x):
        return self.bn(self.conv(x)).permute(0, 2, 3, 1)
"""


class Read(HTMLParser):
    """What is in a page: its elements, closed as they are opened, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data

    def count(self, tag: str, name: str = "") -> int:
        """How many elements of a class there are."""
        classes = (str(each.get("class", "")).split() for at, each in self.found if at == tag)
        return sum(not name or name in each for each in classes)


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def page(*arguments: str, status: int = 0) -> Read:
    """The page of a run."""
    assert main([*arguments, "--report", "page.html"]) == status
    return Read(text("page.html"))


MODES = {
    "printed": ["net.py"],
    "written": ["net.py", "-o", "new.py"],
    "in place": ["-i", "net.py"],
    "listed": ["--list", "net.py"],
    "compared": ["--check", "net.py"],
    "of the other target": ["--list", "net.py", "--target", "plinio"],
    "with a rule": ["--diff", "net.py", "--select", "grouped-conv"],
}


@pytest.mark.parametrize("arguments", MODES.values(), ids=MODES)
def test_a_page_shows_the_split_in_every_mode(arguments: list[str], capsys) -> None:
    write({"net.py": GROUPED})
    found = page(*arguments, status=1 if "--check" in arguments else 0)
    assert found.count("svg") == 2 and found.count("table", "diff")
    assert "Net.conv" in found.text and "self.conv_0 = nn.Conv2d(8, 16, 3" in found.text
    assert text("net.py") == GROUPED or "-i" in arguments
    is_dry = bool({"--list", "--check", "--diff"} & {*arguments})
    assert ("to be split" in found.text) == is_dry


def test_a_page_asks_for_nothing(capsys) -> None:
    write({"net.py": BOTH})
    found = page("net.py", status=3)
    tags = {tag for tag, _ in found.found}
    assert not tags & {"script", "link", "img", "iframe", "object", "form"}
    urls = [each for _, at in found.found for name in ("src", "href") if (each := at.get(name))]
    assert urls and all(str(each).startswith("#") for each in urls)
    places = {at["id"] for _, at in found.found if "id" in at}
    assert {str(each)[1:] for each in urls} <= places
    raw = text("page.html")
    assert "url(" not in raw and "@import" not in raw and not re.search(r"\bon\w+=", raw)
    assert "default-src 'none'" in raw


def test_what_is_left_and_what_is_in_the_way_is_named_with_its_place(capsys) -> None:
    write({"net.py": LEFT, "built.py": BUILT})
    found = page("--list", "net.py", "built.py", status=3)
    assert "F.conv2d" in found.text
    assert "torch.Tensor.permute" in found.text and "no form known" in found.text
    assert "PIT" in found.text and "SuperNet" in found.text
    assert "11:16" in found.text


HOSTILE = "</code></td><script>alert(1)</script><img src=x onerror=alert(1)> & \"'"


def test_what_a_user_writes_is_text(capsys) -> None:
    source = GROUPED + f"\n# {HOSTILE} \u202e\x07\nnot_a_call = {HOSTILE!r}\n"
    name = "a<b onclick=x>&.py"
    write({name: source})
    found = page(name)
    assert not {"script", "img", "i"} & {tag for tag, _ in found.found}
    assert not any("onerror" in at or "onclick" in at for _, at in found.found)
    assert HOSTILE in found.text and name in found.text
    assert r"\u202e\x07" in found.text and "\u202e" not in text("page.html")


def test_what_a_template_or_a_path_hides_is_seen(capsys) -> None:
    name = "evil\n\x1b[31m.py"
    write({name: "x = ("})
    found = page("--check", name, status=123)
    assert r"evil\n\x1b[31m.py" in found.text
    assert found.count("div", "error") == 1


def test_a_tree_has_an_index_and_folds_up_what_is_quiet(capsys) -> None:
    write({"m/net.py": GROUPED, "m/plain.py": PLAIN, "m/broken.py": BROKEN, "m/built.py": BUILT})
    Path("m/net.py").write_text(GROUPED + "\n" * 20)
    found = page("m", "-o", "new", status=123)
    links = {str(at["href"]) for tag, at in found.found if tag == "a"}
    assert {"#files", "#messages"} <= links
    assert "1 file where there is nothing to do" in found.text
    assert "m/plain.py" in found.text and "m/broken.py:2" in found.text
    assert found.count("article") == 2
    assert "unchanged lines" in found.text and found.count("p", "fold")


def test_its_title_is_what_was_named(capsys) -> None:
    write({f"m/{name}.py": PLAIN for name in "abcd"})
    assert "gencode: m/a.py, m/b.py\n" in page("-i", "m/a.py", "m/b.py").text
    assert "gencode: 4 sources\n" in page("-i", *(f"m/{name}.py" for name in "abcd")).text
    assert "gencode: gencode\n" in page("-i").text


def test_nothing_to_do_is_said(capsys) -> None:
    write({"net.py": PLAIN})
    assert "There is nothing to do in net.py." in page("net.py").text
    assert "There is nothing to do." in page("-i").text


def test_the_page_is_written_as_a_whole_and_its_failure_is_said(capsys) -> None:
    write({"net.py": GROUPED})
    Path("page.html").write_text("old")
    os.link("page.html", "other.html")
    page("--check", "net.py", status=1)
    assert text("other.html") == "old" and "another hard link" in capsys.readouterr().err
    Path("page.html").unlink()
    Path("page.html").mkdir()
    assert main(["--check", "net.py", "--report", "page.html"]) == 123
    assert "page.html: cannot be written: Is a directory" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["net.py", "--report", "net.py"], "--report net.py: the name of a page ends with .html"),
        (
            ["--convert-checkpoint", "a", "b", "--model", "net.py:Net", "--report", "a.html"],
            "--convert-checkpoint does not go with --report",
        ),
    ],
)
def test_what_cannot_be_meant(arguments: list[str], message: str, capsys) -> None:
    write({"net.py": GROUPED})
    assert main(arguments) == 2
    assert message in capsys.readouterr().err and text("net.py") == GROUPED


def test_without_pygments_it_is_said_how_to_install_it(capsys, monkeypatch) -> None:
    monkeypatch.setattr(paging_module, "is_installed", lambda name: name != "pygments")
    write({"net.py": GROUPED})
    assert main(["-i", "net.py", "--report", "page.html"]) == 2
    assert "pip install '.[report]'" in capsys.readouterr().err
    assert text("net.py") == GROUPED and not Path("page.html").exists()


MODEL = (
    BUILT.replace(".permute(0, 2, 3, 1)", "")
    + """

class Net(nn.Module):
    input_shape = (12, 6, 6)

    def __init__(self):
        super().__init__()
        self.blocks = nn.Sequential(Block(12, 4), Block(12, 1), Block(12, 12), Block(12, 4))

    def forward(self, x):
        return self.blocks(nn.functional.pad(x, (1, 1, 1, 1)))
"""
)
CROSSES = """\
    def forward(self, x):
        raise RuntimeError("<i>no</i>")
"""


def test_a_proof_is_shown_and_gives_the_picture_its_numbers(capsys) -> None:
    pytest.importorskip("torch")
    write({"net.py": MODEL.replace("(12, 6, 6)", "(12, 8, 8)")})
    found = page("net.py", "-o", "new.py", "--model", "Net")
    words = " ".join(found.text.split())
    assert "Net computes the same" in words and "gradients in train mode" in words
    assert "0:3" in words and "9:12" in words and "groups = 4" in words
    assert "blocks.0.conv, blocks.3.conv" in words and "known only when" not in words
    assert "324 weights, before and after; without groups there would be 1,296." in words
    assert found.count("div", "proved") == 1 and found.count("svg") == 2


def test_what_is_not_proved_is_shown_with_its_place(capsys) -> None:
    pytest.importorskip("torch")
    head = MODEL.rpartition("    def forward")[0]
    source = head + CROSSES
    line = source.splitlines().index('        raise RuntimeError("<i>no</i>")') + 1
    write({"net.py": source})
    found = page("-i", "net.py", "--model", "Net", status=4)
    assert found.count("div", "failed") == 1 and found.count("i") == 0
    assert "<i>no</i>" in found.text and f"net.py:{line}" in found.text
    assert "nothing is written, as it is not proved" in found.text


# Side by side


def texts(rows: tuple[Row, ...], side: str) -> list[str]:
    cells = [getattr(each, side) for each in rows]
    return ["".join(piece.text for piece in cell.pieces) for cell in cells if cell is not None]


@pytest.mark.parametrize("after", [GROUPED, BOTH, LEFT, "", PLAIN + "x = 1\r\ny = 2"])
@pytest.mark.parametrize("before", [GROUPED, BUILT, "", "a\n\n\nb"])
def test_both_sides_have_all_lines_in_their_order(before: str, after: str) -> None:
    rows = tuple(row for block in side_by_side(before, after, True) for row in block.rows)
    assert texts(rows, "left") == lines_of(before)
    assert texts(rows, "right") == lines_of(after)
    for each in rows:
        is_same = each.kind == "same"
        assert is_same <= (each.left is not None and each.right is not None)
        if each.left and each.right:
            assert (texts((each,), "left") == texts((each,), "right")) == is_same


def test_what_differs_in_a_line_is_marked() -> None:
    (block,) = side_by_side("x = conv(8, groups=2)\n", "x = conv(8)\nz = f'''y'''\n", True)
    first, second = block.rows
    assert (first.kind, second.kind) == ("changed", "added")
    assert first.left is not None and first.right is not None
    marked = "".join(each.text for each in first.left.pieces if each.is_marked)
    assert marked == ", groups=2"
    assert not any(each.is_marked for each in first.right.pieces)


def test_what_stays_and_a_long_addition_are_folded_up() -> None:
    lines = "".join(f"x{each} = {each}\n" for each in range(30))
    added = "".join(f"helper{each}()\n" for each in range(50))
    before, after = f"{lines}end = 1\n", f"{lines}{added}end = 2\n"
    blocks = side_by_side(before, after, True)
    assert [each.folded for each in blocks] == ["27 unchanged lines", "", "50 lines added", ""]
    assert [len(each.rows) for each in blocks] == [27, 3, 50, 1]
    assert [len(each.rows) for each in side_by_side(before, after, False)] == [0, 3, 50, 1]


def test_many_lines_that_change_at_once_are_not_compared_in_pairs() -> None:
    one, other = ("".join(f"{name} = {n}\n" for n in range(40)) for name in "ab")
    rows = [row for block in side_by_side(one, other, True) for row in block.rows]
    assert {each.kind for each in rows} == {"removed", "added"}


def test_pieces_are_the_line() -> None:
    lines = lines_of("@d\ndef f(x):\r\n    '''a\n\n    b'''\n\treturn 'é' + x  # c\n\n")
    assert [("".join(each.text for each in one)) for one in highlighted(lines)] == lines
    kinds = {each.text: each.kind for one in highlighted(lines) for each in one}
    assert (kinds["def"], kinds["f"], kinds["# c"]) == ("k", "f", "c")
    assert visible("a\tb\u200b\x00") == r"a	b\u200b\x00"


# Pictures


def drawn(shape: Shape) -> tuple[list[str], list[str]]:
    before, after = drawings(shape)
    for each in (before, after):
        for rect in each.rects:
            assert rect.x >= 0 and rect.x + rect.width <= each.width and rect.height > 0
            assert rect.y + rect.height <= each.height
    return [each.text for each in before.texts], [each.text for each in after.texts]


def test_each_branch_has_its_slice() -> None:
    _, after = drawn(Shape("Conv1d", 16, 8, 2, "3"))
    assert [each for each in after if ":" in each] == ["0:8", "8:16"]
    assert after.count("Conv1d 3") == 2 and after.count("8 → 4") == 2


def test_of_many_branches_some_are_drawn() -> None:
    before, after = drawn(Shape("Conv2d", 128, 256, 32, "3x3", "bn1"))
    assert [each for each in after if ":" in each] == ["0:4", "4:8", "124:128"]
    assert after.count("bn1") == 3 and "…" in after and "groups = 32" in before
    blocks = [each for each in drawings(Shape("Conv2d", 64, 64, 8))[0].rects if each.radius == 0.5]
    assert len(blocks) == 8 and blocks[0].x < blocks[1].x and blocks[0].y < blocks[1].y


def test_what_is_not_known_has_letters() -> None:
    _, after = drawn(Shape("Conv2d", "C", "D", "G"))
    assert {"slice 0", "slice 1", f"slice G{MINUS}1", "C/G → D/G"} <= {*after}


def test_of_as_many_groups_as_channels_each_takes_one() -> None:
    assert "1 → D/C" in drawn(Shape("Conv2d", "C", "D", "C"))[1]


def test_a_multiplier_takes_all_channels() -> None:
    _, after = drawn(Shape("Conv2d", 8, 16, 8, is_multiplier=True))
    assert after.count("all") == 2 and after.count("8 → 8") == 2
    _, after = drawn(Shape("Conv2d", "C", "D", "C", is_multiplier=True))
    assert "D/C branches, then a cat" in after and after.count("all") == 3


def record(size: Size) -> Record:
    return Record(3, 5, "Net.conv", "may be split", "by split_conv()", size=size)


def test_a_card_says_what_letters_stand_for() -> None:
    found = card(record(Size("Conv2d", "width", "width", "", "3", ("a", "b" * 30))), ())
    (picture,) = found.pictures
    assert picture.letters == (("C", "width"), ("G", ""))
    assert "its norm" in {each.text for each in picture.after.texts}
    assert any("when it is built" in each for each in picture.said)
    (picture,) = card(record(Size("", "4 * c", "", "2", "3")), ()).pictures
    assert picture.letters == (("C", "4 * c"), ("D", ""))
    assert {"Conv 3", "C/2 → D/2"} <= {each.text for each in picture.after.texts}


def test_a_card_shows_what_was_built() -> None:
    place = Place("net.py", 3)
    built = [
        Convolution(f"layers.{each}", "Conv2d", 8, 8, groups, (3, 3), groups == 2, place)
        for each, groups in enumerate([2] * 6 + [8])
    ]
    found = card(record(Size("Conv2d", "a", "b", "c", "3")), built)
    assert len(found.pictures) == 1 and found.pictures[0].letters == ()
    first, second = found.seen
    assert (first.count, first.more, len(first.paths)) == (6, 2, 4)
    assert second.paths == ("layers.6",) and not second.first.is_split
    assert found.pictures[0].said[-1].startswith("288 weights, before and after")


def test_a_card_of_a_multiplier_says_that_each_branch_takes_all() -> None:
    place = Place("net.py", 3)
    built = Convolution("conv", "Conv2d", 8, 16, 8, (3, 3), True, place)
    (picture,) = card(
        record(Size("Conv2d", "", "", "c", "3", is_multiplier=True)), [built]
    ).pictures
    assert picture.said[0].startswith("Each of the 2 branches takes all 8 channels")


def test_only_what_is_built_at_a_known_line_belongs_to_one() -> None:
    sizes = "Conv2d", 8, 8, 2, (3, 3), True
    known = Convolution("a", *sizes, Place("net.py", 3))
    proof = Proof(ModelSource("net", "Net"), convolutions=(known, Convolution("b", *sizes)))
    assert {**instances([proof])} == {(os.path.realpath("net.py"), 3): [known]}


# In a browser

CONTRAST = """
(() => {
  const rgb = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = c => c.slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = at => {
    for (let e = at; e; e = e.parentElement) {
      const c = rgb(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] > 0.99) return c;
    }
    return [255, 255, 255];
  };
  let worst = [99, ''];
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (e.closest('svg') || !own) continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(behind(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < worst[0]) worst = [ratio, e.tagName + '.' + e.className + ': ' + e.textContent];
  }
  return worst;
})()
"""


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
def test_in_a_browser(tmp_path: Path, capsys) -> None:
    long = "x = " + "very_long_name_" * 30 + "\n"
    built = BUILT.replace("groups=groups", f"groups=groups.{'attribute_' * 9}")
    files = {"net": GROUPED + long, "built": built, "left": BOTH, "broken": BROKEN}
    write({f"m/{name}.py": source for name, source in files.items()})
    page("m", "-o", "new", "--target", "plinio", status=123)
    file = Path("page.html")
    with browser(tmp_path / "profile") as shown:
        for width, scheme in ((1280, "light"), (1280, "dark"), (375, "light"), (375, "dark")):
            shown.open(file, width, scheme)
            assert shown.complaints() == []
            wide = shown.value("document.documentElement.scrollWidth")
            assert wide <= width
            ratio, where = shown.value(CONTRAST)
            assert ratio >= 4.5, (scheme, where)
            paper = shown.value("getComputedStyle(document.body).backgroundColor")
            assert (paper == "rgb(21, 23, 27)") == (scheme == "dark")
        shown.printed(tmp_path / "page.pdf")
        assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
