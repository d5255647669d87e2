"""The rule ``flat-cat`` where the concatenations are written: which become flat, and which stay."""

from __future__ import annotations

import pytest

from gencode import Options, list_source, split_source

torch = pytest.importorskip("torch")

from rules import assert_same, module, reason, stays  # noqa: E402

ONLY = Options(select=("flat-cat",))
LAYERS = """
    self.a = nn.Conv2d(4, 4, 1)
    self.b = nn.Conv2d(4, 4, 1)
    self.c = nn.Conv2d(4, 2, 1)
    self.act = nn.ReLU()
    self.act_in_place = nn.ReLU(True)
    """
FLAT = {
    "inside": "return torch.cat((x, torch.cat((self.a(x), x), 1)), 1)",
    "inside, one": "return torch.cat((x, torch.cat((self.a(x),), 1)), 1)",
    "inside, a list": "z = [self.a(x), x]\nreturn torch.cat((x, torch.cat(z, 1)), 1)",
    "a variable": "y = torch.cat([self.a(x), self.b(x)], dim=1)\nreturn torch.cat([y, x], 1)",
    "a layer": "y = self.act(torch.cat([self.a(x), x], dim=1))\nreturn torch.cat([y, x], 1)",
    "a layer in a statement": (
        "y = torch.cat([self.a(x), self.b(x)], 1)\ny = self.act(y)\nreturn torch.cat([y, x], 1)"
    ),
    "in place": (
        "y = torch.cat([self.a(x), self.a(x)], 1)\ny = self.act_in_place(y)\n"
        "return torch.cat([y, x], 1)"
    ),
    "two take it": (
        "y = torch.cat([self.a(x), self.b(x)], 1)\nz = torch.cat([x, y], 1)\n"
        "return torch.cat([y, x], 1) + z"
    ),
    "other names": (
        "y = torch.cat([self.a(x), self.b(x)], 1)\nz = F.relu(y)\nz = torch.tanh(z)\n"
        "return torch.cat([z, x], 1)"
    ),
    "variables": (
        "y = self.a(x)\nz = self.b(x)\ny = torch.cat([z, y], 1)\nreturn torch.cat([y, x], 1)"
    ),
    "a convolution reads it": (
        "y = torch.cat([self.c(x), self.c(x)], 1)\nz = self.a(y)\nreturn torch.cat([z, y], 1)"
    ),
    "a sum reads it": (
        "y = torch.cat([self.c(x), self.c(x)], 1)\nz = y + x\nreturn torch.cat([z, y], 1)"
    ),
    "a list that is used again": (
        "y = [x, self.a(x)]\nz = F.relu(torch.cat(y, 1))\ny.append(x)\nreturn torch.cat([z, *y], 1)"
    ),
    "a list that grows": (
        "out = []\nfor _ in range(2):\n    out.append(torch.cat([self.a(x), self.b(x)], 1))\n"
        "return torch.cat(out, 1)"
    ),
    "a comprehension": "return torch.cat([torch.cat([self.a(y)], 1) for y in (x, x + 1)], 1)",
    "in another turn of a loop": (
        "z = []\nfor _ in range(2):\n    y = torch.cat([self.a(x), self.b(x)], 1)\n"
        "    z.append(self.act(y))\n"
        "return torch.cat(z, 1)"
    ),
    "three": "return torch.cat((x, torch.cat((x, torch.cat((self.a(x), x), 1)), 1)), 1)",
}
STAYING = {
    "written into before it is read": (
        "x = x + 1\ny = torch.cat([self.a(x), x], 1)\nx += 1\nreturn torch.cat([y, x], 1)"
    ),
    "written into by a layer": (
        "x = x + 1\ny = torch.cat([self.a(x), x], 1)\nx = self.act_in_place(x)\n"
        "return torch.cat([y, x], 1)"
    ),
    "written into beside it": (
        "x = x + 1\nreturn torch.cat([torch.cat([self.a(x), x], 1), self.act_in_place(x)], 1)"
    ),
    "read elsewhere too": (
        "z = self.a(x)\ny = torch.cat([z, self.b(x)], 1)\nz += 1\nreturn torch.cat([y, z], 1)"
    ),
    "in place, into what is read": (
        "y = torch.cat([self.a(x), x], 1)\ny = self.act_in_place(y)\nreturn torch.cat([y, x], 1)"
    ),
    "in place, by a function": (
        "y = F.relu(torch.cat([self.a(x), x], 1), inplace=True)\nreturn torch.cat([y, x], 1)"
    ),
    "it grows": (
        "y = self.a(x)\nfor _ in range(2):\n    y = torch.cat((y, x), 1)\n"
        "return torch.cat([y, x], 1)"
    ),
    "it is written into": (
        "y = torch.cat([self.a(x), x], 1)\nz = F.relu(y, inplace=True)\nreturn torch.cat([z, y], 1)"
    ),
    "a view of it": (
        "y = torch.cat([self.a(x), x], 1)\nz = y[:, :2]\nz += 1\nreturn torch.cat([z, y], 1)"
    ),
    "updated": ("y = torch.cat([self.a(x), x], 1)\nz = y + 1\ny += 1\nreturn torch.cat([z, y], 1)"),
    "what mixes channels": (
        "y = torch.cat([self.a(x), x], 1)\ny = y.flip(1)\nreturn torch.cat([y, x], 1)"
    ),
    "random numbers": ("y = F.dropout(torch.cat([self.a(x), x], 1))\nreturn torch.cat([y, x], 1)"),
    "an unknown layer": "y = self.f(torch.cat([self.a(x), x], 1))\nreturn torch.cat([y, x], 1)",
    "one of two": (
        "y = torch.cat([self.a(x), x], 1)\nif x.shape[0] > 2:\n    y = x\n"
        "return torch.cat([y, x], 1)"
    ),
    "another dimension": "y = torch.cat([self.a(x), x], 1)\nreturn torch.cat([y, y], 2)",
    "the other of another dimension": (
        "y = torch.cat([self.a(x), x], 2)\nreturn torch.cat([y, y], 1)"
    ),
    "a function that is handed on": (
        "y = torch.cat([self.a(x), x], 1)\nself.later = lambda: y\nreturn torch.cat([y, x], 1)"
    ),
    "another function": (
        "y = torch.stack([self.a(x), x], 1)\nz = torch.cat([x], 0)\nreturn torch.cat([y, z], 1)"
    ),
    "a method of another name": (
        "y = self.cat([self.a(x), x], 1)\nreturn torch.cat([y, torch.cat([x], 0)], 1)"
    ),
    "a list that is read": (
        "z = [x]\nz.append(torch.cat([self.a(x), x], 1))\ny = z[-1]\n"
        "return torch.cat(z, 1) + len(z)"
    ),
}


@pytest.mark.parametrize("form", FLAT)
def test_it_is_flat_and_the_same(form: str) -> None:
    text = assert_same(module(FLAT[form], LAYERS), (2, 4, 3, 3), options=ONLY)
    found = [each for each in list_source(text, ONLY).findings if each.code == "flat-cat"]
    assert not found or form == "a sum reads it"  # which is a way of its own
    assert split_source(text, ONLY).text is text


@pytest.mark.parametrize("form", STAYING)
def test_what_is_not_known_to_be_the_same_stays(form: str) -> None:
    stays(module(STAYING[form], f"{LAYERS.rstrip()}\n    self.f = f"), ONLY)


def test_why_it_stays() -> None:
    source = module(STAYING["it is written into"], LAYERS)
    assert "another concatenation" in reason(source, ONLY)


@pytest.mark.parametrize(
    ("forward", "why"),
    [
        (
            "y = torch.cat(tensors=[self.a(x), x], dim=1)\nreturn torch.cat([y, x], 1)",
            "it is not given the tensors first",
        ),
        (
            "y = torch.cat([self.a(x), x], 1)\ny = self.act(y)\nreturn torch.cat([y, x], 1)",
            "what is concatenated may be written into before it is again",
        ),
        (
            "y = torch.cat([self.a(x), x], 1)\nreturn torch.cat([y, x], 1)",
            "what is concatenated may be written into before it is again",
        ),
        (
            "y = self.act_in_place(torch.cat([self.a(x), x], 1))\nreturn torch.cat([y, x], 1)",
            "self.act_in_place may write into what is concatenated",
        ),
        (
            "y = self.given(torch.cat([self.a(x), self.b(x)], 1))\nreturn torch.cat([y, x], 1)",
            "self.given is not known to be elementwise",
        ),
        (
            "y = torch.cat([self.a(x), self.b(x)], 1)\n"
            "return torch.cat([y, x], 1)  # gencode: skip[flat-cat]",
            "it is not changed: # gencode: skip[flat-cat] (line 18)",
        ),
        (
            "y = torch.cat([self.a(x), self.b(x)], 1)\n"
            "y = self.act(y)  # gencode: skip[flat-cat]\nreturn torch.cat([y, x], 1)",
            "it is not changed: # gencode: skip[flat-cat] (line 18)",
        ),
    ],
)
def test_which_reason_is_given(forward: str, why: str) -> None:
    source = module(
        forward, f"{LAYERS.rstrip()}\n    self.given = nn.ReLU() if given is None else given"
    )
    source = source.replace("__init__(self)", "__init__(self, given=None)")
    found = [each for each in stays(source, ONLY) if each.status == "left"]
    assert [each.message.partition(": ")[2] for each in found] == [why]


def test_a_comment_stays() -> None:
    forward = "y = torch.cat([self.a(x), self.b(x)], 1)  # one\nreturn torch.cat((y, x), 1)"
    text = assert_same(module(forward, LAYERS), (2, 4, 3, 3), options=ONLY)
    assert text.endswith(
        "y = [self.a(x), self.b(x)]  # one\n        return torch.cat((*y, x), 1)\n"
    )
    skipped = forward.replace("# one", "# gencode: skip[flat-cat]")
    (found,) = stays(module(skipped, LAYERS), ONLY)
    assert found.status == "skipped"
