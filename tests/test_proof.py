"""What is proved, and what is not: an original and what was made of it, in this process."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")


from torch import nn  # noqa: E402

import zoo_models  # noqa: E402
from equivalence import run_source  # noqa: E402
from gencode import Options, split_source  # noqa: E402
from gencode.proof.worker.comparison import Verdict, compare  # noqa: E402
from gencode.proof.worker.failures import NoProofError  # noqa: E402
from gencode.proof.worker.reference import reference  # noqa: E402
from gencode.proof.worker.running import Inputs, inputs_of, random_inputs  # noqa: E402
from gencode.proof.worker.weights import randomise  # noqa: E402
from zoo_models import ORIGINALS, SPLIT  # noqa: E402

HEAD = """\
import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
"""
BODY = """\
        self.conv0 = nn.Conv2d(4, 8, 3)
        self.conv1 = nn.Conv2d(8, 8, 3, padding=1, groups=2)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 12, 3, padding=1, groups=4)
        self.fc = nn.Linear(12, 3)

    def forward(self, x):
        x = F.relu(self.conv0(x))
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.conv2(x)
        return self.fc(x.mean((2, 3)))
"""
NET = HEAD + BODY
X = random_inputs([(4, 6, 6)])


def verdict(
    source: str,
    inputs: Inputs = X,
    edit: tuple[str, str] = ("", ""),
    options: Options = Options(),
) -> Verdict:
    """What is found of a source once it is split, and then edited."""
    text = split_source(source, options).text
    assert text != source and edit[0] in text
    torch.manual_seed(0)
    original = run_source(source).Net()
    torch.manual_seed(0)
    result = run_source(text.replace(*edit, 1)).Net()
    return compare(result, inputs, reference(original, inputs))


def assert_proved(source: str, inputs: Inputs = X, options: Options = Options()) -> Verdict:
    found = verdict(source, inputs, options=options)
    assert found.reason == "" and found.culprit is None
    assert found.parameters[0] == found.parameters[1] > 0
    assert found.multiply_adds[0] == found.multiply_adds[1] > 0
    return found


# What is wrong


WRONG = {
    "groups in another order": (
        *("explicit", "torch.cat((conv1_0, conv1_1)", "torch.cat((conv1_1, conv1_0)"),
        *("bn1", "the order of its parts bn1_1, bn1_0"),
    ),
    "groups in another order, without a norm": (
        *("explicit", "conv2_0, conv2_1, conv2_2,", "conv2_1, conv2_0, conv2_2,"),
        *("conv2", "the order of its parts conv2_1, conv2_0, conv2_2, conv2_3"),
    ),
    "groups in another order in a loop": (
        *("loop", "torch.cat(conv2, dim=1)", "torch.cat(conv2[::-1], dim=1)"),
        *("conv2", "the order of its parts conv2.3, conv2.2, conv2.1, conv2.0"),
    ),
    "groups in another order in the helper": (
        *("built", "torch.cat(self.split(input), dim=1)", "torch.cat(self.split(input)[::-1], 1)"),
        *("conv2", "the order of its parts conv2.parts.3,"),
    ),
    "a slice off by one": (
        *("explicit", "conv1_1(x[:, 4:8])", "conv1_1(x[:, 3:7])"),
        *("conv1", "its part conv1_1"),
    ),
    "a slice off by one in a loop": (
        *("loop", "x[:, 2 * i : 2 * i + 2]", "x[:, i : i + 2]"),
        *("conv2", "its part conv2.1"),
    ),
    "a slice off by one in the helper": (
        *("built", "x[:, width * i : width * (i + 1)]", "x[:, i : i + width]"),
        *("conv1", "its part conv1.parts.1"),
    ),
    "another padding": (
        *("explicit", "3, 3, padding=1)", '3, 3, padding=1, padding_mode="circular")'),
        *("conv2", "its part conv2_0"),
    ),
    "a larger output": (
        *("built", '"padding": conv.padding', '"padding": (2, 2)'),
        *("conv1", "its part conv1.parts.0"),
    ),
    "a norm left out of a branch": (
        *("explicit", "self.bn1_1(self.conv1_1(x[:, 4:8]))", "self.conv1_1(x[:, 4:8])"),
        *("bn1", "its part bn1_1 does not run"),
    ),
    "a norm with another epsilon": (
        *("explicit", "bn1_1 = nn.BatchNorm2d(4)", "bn1_1 = nn.BatchNorm2d(4, eps=1e-3)"),
        *("bn1", "its part bn1_1"),
    ),
    "a norm with another momentum": (
        *("explicit", "bn1_1 = nn.BatchNorm2d(4)", "bn1_1 = nn.BatchNorm2d(4, momentum=0.2)"),
        *("bn1", ""),
    ),
    "a wrong share of a state dict": (
        *("explicit", "whole.chunk(count)", "whole.chunk(count)[::-1]"),
        *("conv1", "its part conv1_0"),
    ),
    "a wrong share in the helper": (
        *("built", "whole.chunk(len(self.parts))", "whole.chunk(len(self.parts))[::-1]"),
        *("conv1", "its part conv1.parts.0"),
    ),
    "a bias dropped": (
        *("explicit", "conv2_3 = nn.Conv2d(2, 3, 3,", "conv2_3 = nn.Conv2d(2, 3, 3, bias=False,"),
        *("conv2_3", ""),
    ),
    "a norm dropped": (
        *("built", "self.conv1, self.bn1 = split_conv_norm(", "self.bn1 = nn.Identity("),
        *("bn1", ""),
    ),
    "no gradient": ("explicit", "x[:, 6:8])", "x[:, 6:8].detach())", "conv0", ""),
    "something cut off": ("explicit", "F.relu(torch.cat", "F.relu6(torch.cat", "conv2", None),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(name: str) -> None:
    style, old, new, path, what = WRONG[name]
    found = verdict(NET, edit=(old, new), options=Options(style=style))
    assert found.reason
    assert found.culprit is not None and found.culprit.path == path
    assert what is None or found.culprit.what.startswith(what)


def test_what_is_no_longer_trained() -> None:
    frozen = "self.fc = nn.Linear(12, 3)\n        self.conv2_1.weight.requires_grad_(False)"
    found = verdict(NET, edit=("self.fc = nn.Linear(12, 3)", frozen))
    assert found.reason.startswith("differs: whether conv2_1.weight is trained, by 1.0e+00")
    assert found.culprit is not None and found.culprit.path == "conv2"


def test_another_number_of_parameters_or_products() -> None:
    more = "self.fc = nn.Linear(12, 3)\n        self.register_parameter('more', None)"
    assert not verdict(NET, edit=("self.fc = nn.Linear(12, 3)", more)).reason
    twice = ("return self.fc(", "self.fc(x.mean((2, 3)))\n        return self.fc(")
    before = verdict(NET).multiply_adds[0]
    assert verdict(NET, edit=twice).reason == f"has {before + 72} multiply-adds, and had {before}"


def test_other_outputs() -> None:
    two = ("return self.fc(x.mean((2, 3)))", "return self.fc(x.mean((2, 3))), x")
    assert "gives 2 tensors in eval mode, and gave 1" in verdict(NET, edit=two).reason
    shape = ("return self.fc(x.mean((2, 3)))", "return self.fc(x.mean((2, 3)))[:1]")
    reason = "differs: output in eval mode is of shape (1, 3), and was of (2, 3)"
    assert verdict(NET, edit=shape).reason == reason


# What proves nothing


def no_proof(source: str, inputs: Inputs = X) -> str:
    with pytest.raises(NoProofError) as caught:
        verdict(source, inputs)
    return str(caught.value)


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        ("torch.zeros_like(self.fc(x.mean((2, 3))))", "gives a constant in eval mode, whatever"),
        ("x / 0", "gives what is not finite in eval mode (output)"),
        ("{'x': x, 'y': (x.log(),)}", "gives what is not finite in eval mode (output['y'][0])"),
        ("None", "gives back no tensor"),
        ("x + torch.empty(()).uniform_(generator=self.own)", "gives other outputs each time"),
    ],
)
def test_outputs_that_say_nothing(returned: str, reason: str) -> None:
    source = NET.replace("return self.fc(x.mean((2, 3)))", f"return {returned}")
    source = source.replace("self.fc =", "self.own = torch.Generator()\n        self.fc =")
    assert no_proof(source).startswith(reason)


def test_a_convolution_that_does_not_run() -> None:
    source = NET.replace(
        "x = self.conv2(x)", "x = self.conv2(x) if len(x) > 9 else x.repeat(1, 2, 1, 1)[:, :12]"
    )
    found = verdict(source)
    assert found.reason == "does not run conv2, which is split: nothing is known of it"
    assert found.culprit is not None and found.culprit.path == "conv2"


def test_a_convolution_that_does_not_matter_is_looked_at_itself() -> None:
    source = NET.replace(
        "x = self.conv2(x)", "self.conv2(x)\n        x = x.repeat(1, 2, 1, 1)[:, :12]"
    )
    assert assert_proved(source).by_itself == ["conv2"]
    wrong = ("conv2_1(x[:, 2:4])", "conv2_1(x[:, 1:3])")
    found = verdict(source, edit=wrong)
    assert found.reason == "gives outputs that hardly depend on group 0 of conv2, which is split"


def test_so_is_one_with_a_norm(monkeypatch) -> None:
    unused = "self.bn1(self.conv1(x))\n        x = F.relu(x)"
    source = NET.replace("x = F.relu(self.bn1(self.conv1(x)))", unused)
    for style in ("explicit", "built"):
        found = assert_proved(source, options=Options(style=style))
        assert found.by_itself == ["conv1"]


def test_what_cannot_be_copied_is_still_compared() -> None:
    source = NET.replace(
        "self.fc =", "self.lock = __import__('threading').Lock()\n        self.fc ="
    )
    assert_proved(source)
    found = verdict(source, edit=("conv2_1(x[:, 2:4])", "conv2_1(x[:, 1:3])"))
    assert found.reason and found.culprit is not None and found.culprit.path == "fc"


def test_a_group_that_is_dead_with_some_weights_is_tried_with_others(monkeypatch) -> None:
    drawn = []

    def randomised(model: nn.Module, seed: int, with_buffers: bool) -> None:
        drawn.append(seed)
        randomise(model, seed, with_buffers)
        if seed == 0:
            model.conv2.weight.data[3:6] = 0

    monkeypatch.setattr("gencode.proof.worker.reference.randomise", randomised)
    made = reference(run_source(NET).Net(), X)
    assert drawn == [0, 1] and made.state["conv2.weight"].all()


def test_buffers_that_must_be_what_they_are_stay_so() -> None:
    source = body(
        "self.register_buffer('size', torch.tensor([2.0, 3.0, 4.0, 5.0]))",
        "(self, x):\n        assert self.size[0] == 2\n        return self.conv(x) * self.size\n",
    )
    made = reference(run_source(source).Net(), random_inputs([(8, 4)]))
    assert made.state["size"].tolist() == [2, 3, 4, 5]
    assert made.notes == ["buffers other than statistics as they were built"]


# What there may be in a model


def body(init: str, forward: str) -> str:
    """A model with a grouped convolution of 8 channels of two, in 1d."""
    lines = [*init.splitlines(), "self.conv = nn.Conv1d(8, 8, 3, padding=1, groups=2)"]
    inside = "".join(f"        {each}\n" for each in lines)
    return f"{HEAD}{inside}\n    def forward{forward}"


def test_the_model_itself_in_all_styles() -> None:
    for style in ("explicit", "loop", "built"):
        found = assert_proved(NET, options=Options(style=style))
        assert (found.split, found.grouped, found.behind) == (2, [], [])
        assert found.modes == ["eval", "train"] and found.difference < 1e-12


def test_several_inputs_and_outputs_by_name() -> None:
    source = body(
        "self.line = nn.Linear(5, 8)",
        "(self, x, y, scale=1, *, mask):\n"
        "        both = self.conv(x) * scale + self.line(y)[:, :, None]\n"
        "        return {'whole': both, 'parts': [both[:1], (both * mask).sum()], 'size': 3}\n",
    )
    x, y = torch.randn(2, 8, 4), torch.randn(2, 5)
    mask = torch.tensor([True, False, True, True])
    assert_proved(source, inputs_of({"x": x, "y": y, "mask": mask}))


def test_integers_and_buffers() -> None:
    source = body(
        "self.words = nn.Embedding(7, 8)\n"
        "self.register_buffer('order', torch.arange(4).flip(0))\n"
        "self.register_buffer('scale', torch.rand(8, 1))\n"
        "self.register_buffer('mask', torch.tensor([0, 0, float('-inf'), 0]))\n"
        "self.register_buffer('noise', torch.rand(4), persistent=False)\n"
        "self.register_buffer('seen', torch.zeros(8, 1))",
        "(self, words):\n"
        "        x = self.conv(self.words(words).transpose(1, 2)) * self.scale\n"
        "        if self.training:\n"
        "            self.seen.add_(x.detach().mean((0, 2))[:, None])\n"
        "        return (x[:, :, self.order] + self.noise + self.seen + self.mask).softmax(2)\n",
    )
    words = inputs_of(torch.randint(7, (2, 4)))
    assert_proved(source, words)
    state = reference(run_source(source).Net(), words).state
    assert state["order"].tolist() == [3, 2, 1, 0] and state["seen"].any()
    assert state["mask"].tolist() == [0, 0, float("-inf"), 0]


def test_random_buffers_that_no_state_dict_holds() -> None:
    source = body(
        "self.register_buffer('noise', torch.rand(4), persistent=False)",
        "(self, x):\n        return self.conv(x) * self.noise\n",
    )
    original, result = run_source(source).Net(), run_source(split_source(source).text).Net()
    inputs = random_inputs([(8, 4)])
    assert not compare(result, inputs, reference(original, inputs)).reason


def test_what_is_changed_in_place() -> None:
    source = body(
        "self.norm = nn.BatchNorm1d(8)\nself.act = nn.ReLU(inplace=True)",
        "(self, x):\n        x += 1\n        y = self.act(self.norm(self.conv(x)))\n"
        "        y[:, 0] = 2\n        return y.mul_(x)\n",
    )
    assert_proved(source, random_inputs([(8, 4)]))


def test_a_way_that_the_shape_decides() -> None:
    source = body(
        "",
        "(self, x):\n        if x.shape[-1] % 2:\n            x = F.pad(x, (0, 1))\n"
        "        for _ in range(x.shape[-1] // 2):\n            x = torch.tanh(self.conv(x))\n"
        "        return x\n",
    )
    assert_proved(source, random_inputs([(8, 3)]))
    wrong = ("torch.cat((conv_0, conv_1)", "torch.cat((conv_1, conv_0)")
    found = verdict(source, random_inputs([(8, 3)]), edit=wrong)
    assert found.culprit is not None and found.culprit.path == "conv"


def test_dropout_is_seeded_and_said() -> None:
    source = body(
        "self.drop = nn.Dropout()", "(self, x):\n        return self.conv(self.drop(x))\n"
    )
    made = reference(run_source(source).Net(), random_inputs([(8, 4)]))
    assert made.notes == ["random numbers, as of dropout, from the same seed"]
    assert_proved(source, random_inputs([(8, 4)]))


def test_what_cannot_run_in_float64_runs_in_float32() -> None:
    source = body(
        "", "(self, x):\n        assert x.dtype is torch.float32\n        return self.conv(x)\n"
    )
    made = reference(run_source(source).Net(), random_inputs([(8, 4)]))
    assert made.dtype is torch.float32 and made.tolerance == 1e-3 and made.notes == ["in float32"]
    assert_proved(source, random_inputs([(8, 4)]))


def test_what_is_computed_with_fewer_digits_is_said() -> None:
    source = body("", "(self, x):\n        return self.conv(x.float().double())\n")
    made = reference(run_source(source).Net(), random_inputs([(8, 4)]))
    assert made.tolerance == 1e-3 and made.notes == ["some of it computes in float32"]


def test_what_cannot_be_trained_or_differentiated_is_said() -> None:
    source = body(
        "",
        "(self, x):\n        if self.training:\n            raise ValueError('not here')\n"
        "        return self.conv(x).argmax(1)\n",
    )
    made = reference(run_source(source).Net(), random_inputs([(8, 4)]))
    assert made.notes == [
        "not in train mode, where it raises ValueError: not here",
        "without gradients in eval mode: its outputs cannot be differentiated",
    ]
    assert_proved(source, random_inputs([(8, 4)]))
    wrong = ("torch.cat((conv_0, conv_1)", "torch.cat((conv_1, conv_0)")
    assert verdict(source, random_inputs([(8, 4)]), edit=wrong).reason


def test_weights_that_are_tied_frozen_or_normalised() -> None:
    source = body(
        "self.one = nn.Linear(4, 4)\nself.two = nn.Linear(4, 4)\n"
        "self.two.weight = self.one.weight\nself.one.bias.requires_grad_(False)\n"
        "self.norm = nn.utils.weight_norm(nn.Conv1d(8, 8, 1))",
        "(self, x):\n        return self.two(self.norm(self.conv(self.one(x))))\n",
    )
    assert_proved(source, random_inputs([(8, 4)]))


def test_a_norm_that_stays_behind_is_counted() -> None:
    found = verdict(NET, options=Options(norm=False))
    assert not found.reason and found.behind == ["bn1"]


def test_a_convolution_that_is_left_is_counted() -> None:
    source = NET.replace("groups=4)", "groups=4)  # gencode: skip")
    found = assert_proved(source)
    assert found.grouped == ["conv2"] and found.split == 1


def test_an_error_of_the_model_is_its_own() -> None:
    def fails(source: str) -> str:
        with pytest.raises(Exception) as caught:
            verdict(source)
        return repr(caught.value)

    inside = NET.replace("x = self.conv2(x)", "x = self.conv2(x) @ torch.zeros(2, 2)")
    assert "cannot be multiplied" in fails(inside)
    only = NET.replace("x = self.conv2(x)", "raise KeyError('missing')")
    assert fails(only) == "KeyError('missing')"


@pytest.mark.parametrize("name", ["deep_roots", "eegnet", "grouped_multi", "resnext_1d"])
def test_models_of_the_zoo(name: str) -> None:
    original, result = (zoo_models.built(each, name) for each in (ORIGINALS, SPLIT))
    inputs = random_inputs([original.input_shape])
    found = compare(result, inputs, reference(original, inputs))
    assert found.reason == "" and found.split and not found.grouped


def test_what_was_compared_is_told_of_each_kind() -> None:
    found = assert_proved(NET)
    assert {*found.compared} == {
        *(
            "outputs in eval mode",
            "outputs in train mode",
            "outputs in eval mode with large inputs",
        ),
        *("gradients in eval mode", "gradients in train mode"),
        *("buffers after a step", "which parameters are trained"),
    }
    assert all(each.count and each.difference <= each.tolerance for each in found.compared.values())
    assert max(each.difference for each in found.compared.values()) == found.difference
    wrong = verdict(NET, edit=("self.fc(x.mean((2, 3)))", "self.fc(x.mean((2, 3))) * 1.01"))
    assert wrong.compared["outputs in eval mode"].difference > 1e-3


def test_the_convolutions_with_groups_are_told_as_they_run() -> None:
    deep = "        self.conv3 = nn.Conv2d(12, 12, 1, groups=12)\n\n    def forward"
    source = NET.replace("\n    def forward", deep)
    source = source.replace("self.fc(x.mean", "self.fc(self.conv3(x).mean")
    found = {each.path: each for each in assert_proved(source).convolutions}
    sizes = {path: (each.inputs, each.outputs, each.groups) for path, each in found.items()}
    assert sizes == {"conv1": (8, 8, 2), "conv2": (8, 12, 4), "conv3": (12, 12, 12)}
    assert [each.is_split for each in found.values()] == [True, True, False]
    assert (found["conv1"].kind, found["conv1"].kernel) == ("Conv2d", (3, 3))
