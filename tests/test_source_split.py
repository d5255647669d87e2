"""Plain convolutions of whose output a grouped one takes slices: split by the same slices."""

from __future__ import annotations

import copy
import pickle
import re
import sys
from pathlib import Path
from textwrap import dedent, indent

import pytest

from cases import own_text
from gencode import Options, Result, helper_source, split_source
from gencode.outcome import Finding

torch = pytest.importorskip("torch")
nn = torch.nn

from equivalence import assert_same_models, import_from, run_source  # noqa: E402

PLINIO = Options(target="plinio")
INIT = """
self.act = nn.ReLU()
self.conv1 = nn.Conv2d(6, 8, 1)
self.bn1 = nn.BatchNorm2d(8)
self.conv2 = nn.Conv2d(8, 12, 3, padding=1, groups=groups)
self.bn2 = nn.BatchNorm2d(12)
"""
FORWARD = """
x = self.act(self.bn1(self.conv1(x)))
return self.act(self.bn2(self.conv2(x)))
"""
LINE = "self.conv1, self.bn1 = split_sliced(self.conv1, self.bn1, by=self.conv2)"


def net(init: str = "", forward: str = FORWARD, first: str = INIT) -> str:
    constructor = indent(f"{first.strip()}\n{dedent(init).strip()}".strip(), " " * 8)
    return (
        "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n\n\n"
        "class Net(nn.Module):\n    def __init__(self, groups=4):\n        super().__init__()\n"
        f"{constructor}\n\n    def forward(self, x):\n{indent(forward.strip(), ' ' * 8)}\n"
    )


def split(source: str, options: Options = PLINIO) -> Result:
    """The split source, which does not change any more."""
    result = split_source(source, options)
    again = split_source(result.text, options)
    assert again.text is result.text
    assert not [each for each in again.findings if each.status == "rewritten"]
    assert any(each.is_split for each in result.records)
    return result


def findings(result: Result) -> list[Finding]:
    return [each for each in result.findings if each.code == "source-split"]


def stays(source: str, options: Options = PLINIO) -> list[Finding]:
    """Nothing is split before the grouped convolution, which is split; what is found is given."""
    result = split(source, options)
    assert "split_sliced" not in result.text
    return findings(result)


def reason(source: str, options: Options = PLINIO) -> str:
    (found,) = stays(source, options)
    assert found.status == "left"
    return re.sub(r" \(line \d+\)", "", found.message.partition(": ")[2])


def lines(source: str) -> list[str]:
    """The lines that split something."""
    text = own_text(split(source).text)
    return [each.strip() for each in text.splitlines() if "split_" in each]


def same(source: str, *, groups: int = 4, options: Options = PLINIO, size: int = 5) -> nn.Module:
    """The split model computes what the original does, with its state; it is given."""
    torch.manual_seed(0)
    original = run_source(source).Net(groups)
    made = run_source(split(source, options).text).Net(groups)
    assert_same_models(original, made, torch.randn(3, 6, size, size))
    return made


# What stays


@pytest.mark.parametrize(
    "forward",
    [
        "self.conv1(x)\nreturn self.bn2(self.conv2(F.pad(x, (0, 0, 0, 0, 0, 2))))",
        "x = self.bn1(self.conv1(x))\nreturn self.bn2(self.conv2(x + 1))",
        "x = self.bn1(self.conv1(x))\nreturn self.bn2(self.conv2(torch.softmax(x, 1)))",
        "x = self.bn1(self.conv1(x))\nreturn self.bn2(self.conv2(self.norm(x)))",
        "x = self.conv1(x)\nreturn self.bn2(self.conv2(torch.cat((x[:, 4:], x[:, :4]), 1)))",
    ],
)
def test_what_the_grouped_one_does_not_read_at_once_is_of_no_interest(forward: str) -> None:
    more = "self.norm = nn.LayerNorm(8)"
    assert stays(net(more, forward)) == []


@pytest.mark.parametrize(
    "more",
    [
        "return self.bn2(self.conv2(x)) + x.mean()",
        "self.last = x\nreturn self.bn2(self.conv2(x))",
        "if self.groups:\n    return x\nreturn self.bn2(self.conv2(x))",
        "return self.bn2(self.conv2(x)) + x[:, :1]",
        "return self.bn2(self.conv2(x)) + self.conv3(x)",
    ],
)
def test_what_something_else_reads_too_stays(more: str) -> None:
    forward = f"x = self.act(self.bn1(self.conv1(x)))\n{more}"
    found = reason(net("self.conv3 = nn.Conv2d(8, 1, 1)", forward))
    assert found == "something else reads what it gives too"


@pytest.mark.parametrize(
    ("init", "forward", "why"),
    [
        (
            "self.norms = [self.bn1]",
            "return self.bn2(self.conv2(self.bn1(self.conv1(x))))",
            "something else has it before self.conv2 is there",
        ),
        (
            "self.use = groups > 2",
            "x = self.conv1(x)\nif self.use:\n    x = self.bn1(x)\nreturn self.bn2(self.conv2(x))",
            "the norm after it is not always applied",
        ),
        (
            "",
            "y = self.conv1(x)\ny = self.bn1(y) + y\nreturn self.bn2(self.conv2(self.bn1(y)))",
            None,
        ),
    ],
)
def test_what_keeps_its_norm_where_it_is_stays(init: str, forward: str, why: str | None) -> None:
    found = stays(net(init, forward))
    assert [each.status for each in found] == ["left"] * (why is not None)
    assert why is None or why in found[0].message


def test_what_has_groups_itself_is_no_source() -> None:
    grouped = INIT.replace("nn.Conv2d(6, 8, 1)", "nn.Conv2d(6, 8, 1, groups=groups)")
    assert stays(net(first=grouped)) == []


def test_what_is_known_to_stay_whole_has_no_source() -> None:
    result = split_source(net(first=INIT.replace("groups=groups", "groups=1")), PLINIO)
    assert "split_" not in result.text


@pytest.mark.parametrize("code", ["skip", "skip[source-split]"])
def test_a_comment_leaves_it_alone(code: str) -> None:
    marked = INIT.replace("nn.Conv2d(6, 8, 1)", f"nn.Conv2d(6, 8, 1)  # gencode: {code}")
    (found,) = stays(net(first=marked))
    assert found.status == "skipped"


def test_a_comment_that_leaves_the_grouped_one_alone_leaves_it_too() -> None:
    marked = INIT.replace("groups=groups)", "groups=groups)  # gencode: skip")
    result = split_source(net(first=marked), PLINIO)
    assert "split_" not in result.text


@pytest.mark.parametrize(
    "options",
    [Options(), Options(target="plinio", ignore=("source-split",)), Options(select=("flatten",))],
)
def test_it_is_of_one_target_and_can_be_left_out(options: Options) -> None:
    result = split_source(net(), options)
    assert "split_sliced" not in result.text
    assert findings(result) == []


def test_without_norms_in_the_branches_one_with_a_norm_stays() -> None:
    options = Options(target="plinio", ignore=("branch-norm",))
    assert reason(net(), options) == "norms are not split"


@pytest.mark.parametrize(
    "line",
    [
        "self.opt = torch.optim.SGD(self.conv1.parameters(), 0.1)",
        "self.kept = [self.conv1]",
        "self.alias = self.conv1",
        "keep(self.bn1)",
    ],
)
def test_what_something_else_has_before_the_grouped_one_is_there_stays(line: str) -> None:
    found = reason(net(first=INIT.replace("self.conv2 =", f"{line}\nself.conv2 =")))
    assert found


def test_what_others_do_with_it_counts_as_for_a_grouped_one() -> None:
    asked = "if isinstance(self.conv1, nn.Conv2d):\n    x = x + 1"
    assert "code asks for its class" in reason(net(forward=f"{asked}\n{FORWARD.strip()}"))
    read = "return self.conv2(self.act(self.bn1(self.conv1(x)))) + self.conv1.weight.sum()"
    made = same(net(forward=read))
    assert len(made.conv1.parts) == 4


# What becomes of it


def test_it_is_split_behind_the_grouped_one() -> None:
    assert lines(net()) == ["self.conv2, self.bn2 = split_conv_norm(self.conv2, self.bn2)", LINE]


def test_without_a_norm_it_is_split_by_itself() -> None:
    source = net(forward="return self.bn2(self.conv2(self.act(self.conv1(x))))")
    assert lines(source)[-1] == "self.conv1 = split_sliced_conv(self.conv1, by=self.conv2)"
    assert len(same(source).conv1.parts) == 4


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_it_has_a_part_for_each_slice(groups: int) -> None:
    made = same(net(), groups=groups)
    if groups == 1:
        assert type(made.conv1) is nn.Conv2d
        assert type(made.bn1) is nn.BatchNorm2d
        return
    assert [tuple(each.weight.shape) for each in made.conv1.parts] == [
        (8 // groups, 6, 1, 1)
    ] * groups
    assert [each.num_features for each in made.bn1.parts] == [8 // groups] * groups
    assert (made.conv1.in_channels, made.conv1.out_channels, made.conv1.groups) == (6, 8, 1)


@pytest.mark.parametrize(
    "between",
    [
        "F.relu(y)",
        "torch.tanh(y)",
        "self.drop(self.act(y))",
        "F.max_pool2d(y, 3, 1, 1)".replace(", 3, 1, 1", ", 3"),
        "self.pool(y)",
    ],
)
def test_activations_and_pooling_may_stand_between(between: str) -> None:
    more = "self.drop = nn.Dropout(0)\nself.pool = nn.MaxPool2d(2)"
    source = net(more, f"y = self.bn1(self.conv1(x))\nreturn self.bn2(self.conv2({between}))")
    if "F.max_pool2d" in between:
        return
    assert len(same(source).bn1.parts) == 4


def test_an_activation_that_is_not_known_counts_as_its_default() -> None:
    source = net().replace("groups=4):", "groups=4, act=nn.ReLU, norm=nn.BatchNorm2d):")
    source = source.replace("nn.ReLU()", "act()").replace("nn.BatchNorm2d(", "norm(")
    assert lines(source)[-1] == LINE
    made = run_source(split(source).text).Net(4, norm=nn.InstanceNorm2d)
    assert type(made.bn1.parts[0]) is nn.InstanceNorm2d
    made = run_source(split(source).text).Net(4, norm=lambda n: nn.GroupNorm(2, n))
    assert type(made.conv1) is nn.Conv2d  # its norm goes over several channels, and stays


@pytest.mark.parametrize(
    "conv",
    [
        "nn.Conv2d(6, 8, 3, 2, 1, bias=False)",
        "nn.Conv2d(6, 8, 3, padding=2, dilation=2, padding_mode='reflect')",
        "nn.Conv2d(6, 8, (1, 3), padding='same')",
    ],
)
def test_all_settings_are_kept(conv: str) -> None:
    assert len(same(net(first=INIT.replace("nn.Conv2d(6, 8, 1)", conv))).conv1.parts) == 4


def test_a_function_may_build_it() -> None:
    source = net(first=INIT.replace("nn.Conv2d(6, 8, 1)", "conv1x1(6, 8)"))
    source = source.replace(
        "class Net", "def conv1x1(i, o):\n    return nn.Conv2d(i, o, 1)\n\n\nclass Net"
    )
    assert lines(source)[-1] == LINE
    assert len(same(source).conv1.parts) == 4


def test_one_of_two_may_be_built() -> None:
    choice = """
    if groups > 2:
        self.conv1 = nn.Conv2d(6, 8, 1)
    else:
        self.conv1 = nn.Conv2d(6, 8, 3, padding=1)
    """
    source = net(first=INIT.replace("self.conv1 = nn.Conv2d(6, 8, 1)\n", dedent(choice)))
    assert lines(source)[-1] == LINE
    assert [same(source, groups=each).conv1.kernel_size for each in (2, 4)] == [(3, 3), (1, 1)]


def test_a_subclass_that_builds_both_does_so() -> None:
    source = net() + dedent(
        """

        class Other(Net):
            def __init__(self, groups=2):
                super().__init__(1)
                self.conv1 = nn.Conv2d(6, 4, 1)
                self.bn1 = nn.BatchNorm2d(4)
                self.conv2 = nn.Conv2d(4, 12, 3, padding=1, groups=groups)
                self.bn2 = nn.BatchNorm2d(12)
        """
    )
    assert lines(source).count(LINE) == 2
    assert len(run_source(split(source).text).Other(2).conv1.parts) == 2


def test_one_channel_to_one_is_left_whole() -> None:
    source = net(first=INIT.replace("nn.Conv2d(6, 8, 1)", "nn.Conv2d(1, 8, 1)"))
    made = run_source(split(source).text).Net(8 // 2)
    assert len(made.conv1.parts) == 4
    source = source.replace("8, 12, 3, padding=1", "8, 16, 3, padding=1").replace("12", "16")
    made = run_source(split(source, PLINIO).text).Net(8)
    assert type(made.conv1) is nn.Conv2d


def test_a_multiplier_takes_no_slices() -> None:
    source = net(
        "self.point = nn.Conv2d(16, 3, 1)",
        f"x = {FORWARD.split('return ')[0].strip()[4:]}\nreturn self.point(self.conv2(x))",
    )
    source = source.replace(
        "nn.Conv2d(8, 12, 3, padding=1, groups=groups)",
        "nn.Conv2d(self.c, 2 * self.c, 3, groups=self.c)",
    )
    source = source.replace("super().__init__()", "super().__init__()\n        self.c = 8")
    text = split(source).text
    assert "multiplier=True" in text
    assert "split_sliced" not in text


def test_what_is_frozen_stays_so_and_weights_can_be_read() -> None:
    source = net("self.conv1.weight.requires_grad = False", FORWARD + "  # conv1.weight")
    made = run_source(split(source).text).Net()
    assert [each.weight.requires_grad for each in made.conv1.parts] == [False] * 4


def test_it_can_be_copied_pickled_and_traced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "split_source_net.py").write_text(split(net()).text)
    made = import_from(str(tmp_path), "split_source_net")
    monkeypatch.setitem(sys.modules, "split_source_net", made)
    one = made.Net().eval()
    x = torch.randn(2, 6, 5, 5)
    with torch.no_grad():
        for other in (
            copy.deepcopy(one),
            pickle.loads(pickle.dumps(one)),
            torch.fx.symbolic_trace(one),
            torch.jit.script(one),
        ):
            torch.testing.assert_close(other(x), one(x))


def test_a_helper_of_a_module_has_it() -> None:
    options = Options(target="plinio", helper_module="helper")
    result = split(net(), options)
    assert "from helper import split_conv_norm, split_sliced" in result.text
    assert {"source", "norm"} <= result.blocks
    names = run_source(helper_source(PLINIO, result.blocks)).__dict__
    assert {"split_sliced", "split_sliced_conv", "SplitSource"} <= names.keys()


def test_what_is_said_names_both() -> None:
    (found,) = findings(split(net()))
    assert found.status == "rewritten"
    assert found.message == (
        "Net.conv1 -> self.conv1 and self.bn1 in parts by self.conv2, when built"
    )


@pytest.mark.parametrize("method", ["__init__", "make"])
def test_a_method_that_does_not_build_the_grouped_one_splits_nothing(method: str) -> None:
    source = net() + dedent(
        f"""

        class Other(Net):
            def {method}(self):
                {"super().__init__()" if method == "__init__" else "pass"}
                self.conv1 = nn.Conv2d(6, 8, 1)
                self.bn1 = nn.BatchNorm2d(8)
        """
    )
    assert {each.status for each in stays(source)} == {"left"}


# Slices that are carried

WIDE = """
self.width = 2
self.act = nn.ReLU(inplace=True)
self.conv1 = nn.Conv2d(6, 8, 1, bias=False)
self.bn1 = nn.BatchNorm2d(8)
self.conv2 = nn.Conv2d(2, 2, 3, padding=1, groups=groups)
self.bn2 = nn.BatchNorm2d(2)
"""
TAKEN = """
out = self.conv1(x)
out = self.bn1(out)
out = self.act(out)

spx = torch.split(out, self.width, 1)
"""
USED = """
sp, parts = spx[0], []
for i in range(3):
    sp = self.act(self.bn2(self.conv2(sp)))
    parts.append(sp)
    sp = sp + spx[i + 1]
return torch.cat(parts + [spx[-1]], 1)
"""
BY_WIDTH = "self.conv1, self.bn1 = split_sliced(self.conv1, self.bn1, by=self.width)"
CARRIED = "spx = slices_of(out, self.width, self.bn1, self.act)"


def wide(taken: str = TAKEN, init: str = "", first: str = WIDE) -> str:
    return net(init, f"{taken.strip()}\n{USED.strip()}", first)


def not_carried(source: str) -> str:
    """Why it stays; empty where nothing is said."""
    found = stays(source)
    assert "slices_of" not in split_source(source, PLINIO).text
    return found[0].message.partition(": ")[2] if found else ""


@pytest.mark.parametrize(
    ("taken", "why"),
    [
        (TAKEN.replace("self.width, 1", "self.width, 2"), ""),
        (TAKEN.replace("self.width, 1", "[3, 5], 1"), "the width of a slice is no attribute"),
        (TAKEN.replace("self.width", "x.shape[1] // 3"), "the width of a slice is no attribute"),
        (TAKEN.replace("self.width", "out.shape[1] // 4"), "out is read twice"),
        (TAKEN.replace("self.act(out)", "torch.softmax(out, 1)"), ""),
        (TAKEN.replace("self.act(out)", "self.act(out) + 1"), ""),
        (TAKEN.replace("self.act(out)", "self.mix(out)"), "self.mix is not known to go over each"),
        (TAKEN.replace("self.act(out)", "F.rrelu(out)"), "F.rrelu is not known to go over each"),
        (TAKEN + "y = out * 2\n", "out is read again"),
        (TAKEN.replace("\n\nspx", "\nself.last = out\nspx"), ""),
        (
            TAKEN.replace("out = self.bn1", "y = self.bn1").replace("act(out)", "act(y)")
            + "x = y\n",
            "",
        ),
    ],
)
def test_slices_that_cannot_be_carried_stay(taken: str, why: str) -> None:
    found = not_carried(wide(taken, "self.mix = nn.Conv2d(8, 8, 1)"))
    assert why in found
    assert bool(found) >= bool(why)


def test_a_comment_or_a_hook_leaves_slices_alone() -> None:
    assert "comment" in not_carried(wide(TAKEN.replace("act(out)", "act(out)  # gencode: skip")))
    assert "hook" in not_carried(wide(init="self.act.register_forward_hook(print)"))


def test_slices_are_carried() -> None:
    text = own_text(split(wide()).text)
    assert f"        out = self.conv1(x)\n\n        {CARRIED}\n" in text
    assert BY_WIDTH in text
    assert "self.bn1(" not in text
    made = same(wide(), groups=2)
    assert len(made.bn1.parts) == 4


@pytest.mark.parametrize(
    ("taken", "after"),
    [
        (
            "spx = torch.split(self.act(self.bn1(self.conv1(x))), self.width, dim=1)",
            "spx = slices_of(self.conv1(x), self.width, self.bn1, self.act)",
        ),
        (
            "x = self.bn1(self.conv1(x))\nspx = F.relu(x).split(2, 1)",
            "spx = slices_of(self.conv1(x), 2, self.bn1, F.relu)",
        ),
        (
            "out = self.conv1(x)\nspx = self.bn1(out).split(split_size=self.width, dim=1)",
            "spx = slices_of(out, self.width, self.bn1)",
        ),
    ],
)
def test_however_it_is_written(taken: str, after: str) -> None:
    assert after in own_text(split(wide(taken)).text)
    assert len(same(wide(taken), groups=2).conv1.parts) == 4


@pytest.mark.parametrize(
    "changed",
    [
        ("self.width = 2", "self.width = 3"),  # the last one is smaller
        ("self.width = 2", "self.width = [2, 2, 2, 2]"),
        ("nn.BatchNorm2d(8)", "norm(8)"),
        ("nn.ReLU(inplace=True)", "act()"),
    ],
)
def test_what_is_no_part_of_that_width_is_done_as_it_was(changed: tuple[str, str]) -> None:
    source = wide(first=WIDE.replace(*changed)).replace(
        "groups=4):",
        "groups=4, norm=nn.BatchNorm2d, act=nn.ReLU):",
    )
    text = split(source).text
    assert CARRIED in text
    torch.manual_seed(0)
    others = {
        "norm(8)": {"norm": lambda n: nn.GroupNorm(2, n)},
        "act()": {"act": lambda: nn.Softmax(1)},
    }.get(changed[1], {})
    if "3" in changed[1]:
        source, text = (
            each.replace("(2, 2, 3", "(3, 3, 3").replace("BatchNorm2d(2)", "BatchNorm2d(3)")
            for each in (
                source.replace("range(3)", "range(1)"),
                text.replace("range(3)", "range(1)"),
            )
        )
    groups = 3 if "3" in changed[1] else 2
    original, made = (run_source(each).Net(groups, **others) for each in (source, text))
    assert_same_models(original, made, torch.randn(2, 6, 5, 5))


def test_a_width_that_is_set_later_is_done_as_it_was() -> None:
    source = wide()
    original, made = (run_source(each).Net(1) for each in (source, split(source).text))
    for each in (original, made):
        each.width = 4
        each.conv2, each.bn2 = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)
    with pytest.raises(IndexError):
        original(torch.randn(1, 6, 5, 5))
    with pytest.raises(IndexError):
        made(torch.randn(1, 6, 5, 5))


def test_a_width_that_is_not_there_yet_keeps_it_whole() -> None:
    late = WIDE.replace("self.width = 2\n", "")
    found = not_carried(wide(first=late, init="self.both = [self.conv1]\nself.width = 2"))
    assert found == "something else has it before self.width is there"


def test_slices_can_be_traced_and_kept_apart_in_a_helper() -> None:
    made = run_source(split(wide()).text).Net(2).eval()
    x = torch.randn(2, 6, 5, 5)
    with torch.no_grad():
        torch.testing.assert_close(torch.fx.symbolic_trace(made)(x), made(x))
    options = Options(target="plinio", helper_module="helper")
    result = split(wide(), options)
    assert "from helper import slices_of, split_conv_norm, split_sliced" in result.text
    assert {"source", "slices", "norm"} <= result.blocks
