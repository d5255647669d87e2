"""SuperNet chooses among split convolutions, and exports the one that it has chosen."""

from __future__ import annotations

import pytest

from gencode.outcome import Style
from plinio_models import IMPORTS, MODELS

torch = pytest.importorskip("torch")
supernet = pytest.importorskip("plinio.methods.supernet.nn")

from gencode.plinio_check.pruning import norms  # noqa: E402
from gencode.plinio_check.sizes import true_size  # noqa: E402
from plinio_checks import convert, example, split_from, variants  # noqa: E402

CHOICE = f"""{IMPORTS}from plinio.methods.supernet.nn import SuperNetModule


def grouped(groups):
    return nn.Sequential(
        nn.Conv2d(8, 8, 3, padding=1, groups=groups, bias=False), nn.BatchNorm2d(8)
    )


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_shape = (3, 8, 8)
        self.stem = nn.Conv2d(3, 8, 3)
        self.choice = SuperNetModule(
            [
                nn.Conv2d(8, 8, 3, padding=1, groups=2),
                grouped(4),
                grouped(1),
                nn.Identity(),
            ]
        )
        self.head = nn.Conv2d(8, 5, 1)

    def forward(self, x):
        return self.head(F.relu(self.choice(F.relu(self.stem(x)))))
"""
# Of the stem and the head; then what each choice adds, one norm for each of its convolutions.
COMMON = 3 * 9 * 8 + 8 + 8 * 5 + 5
CHOICES = [(8 * 4 * 9 + 8, 0), (8 * 2 * 9, 4), (8 * 8 * 9, 1), (0, 0)]


@pytest.mark.parametrize(("name", "style"), variants())
def test_what_holds_no_choice_is_exported_as_it_is(name: str, style: Style) -> None:
    original, split = split_from(MODELS[name], style)
    x = example(original)
    found = convert("SuperNet", split, full_cost=True)
    assert float(found.cost) == true_size(split)
    small = found.export().eval()
    torch.testing.assert_close(small(x), original(x))
    assert true_size(small) == true_size(split)
    assert len(norms(small)) == len(norms(split))


@pytest.mark.parametrize("choice", range(len(CHOICES)))
def test_the_export_is_the_choice(choice: int) -> None:
    original, split = split_from(CHOICE)
    found = convert("SuperNet", split).eval()
    alpha = found.seed.choice.sn_combiner.alpha
    with torch.no_grad():
        alpha.fill_(0)
        alpha[choice] = 1
    found.update_softmax_options(hard=True)
    x = example(original)
    chosen = original.choice.sn_branches[choice]
    expected = original.head(torch.relu(chosen(torch.relu(original.stem(x)))))
    torch.testing.assert_close(found(x), expected)
    size, count = CHOICES[choice]
    assert float(found.cost) == size
    small = found.export().eval()
    torch.testing.assert_close(small(x), expected)
    assert true_size(small) == COMMON + size
    assert len(norms(small)) == count
