"""Put the programs of programs.py together, each by a seed."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import indent
from typing import Final, TypeAlias

from programs_accesses import ACCESSES
from programs_acts import ACTS
from programs_builds import BUILDS
from programs_others import OTHERS, WAYS
from programs_sequences import IN_SEQUENTIAL, OF_OWNER
from programs_surgeries import SURGERIES
from programs_walks import WALKS

TOP = """\
import collections, contextlib, copy, dataclasses, functools, inspect, itertools, operator
import pickle, re, types, weakref
from collections import OrderedDict

import torch
import torch.fx
import torch.nn.functional as F
import torch.nn.utils.prune as prune
from torch import nn

import strangers
"""
HALF = """
class Half(nn.Module):
    def forward(self, weight):
        return weight / weight.abs().max()

class Louder(nn.Conv2d):
    def forward(self, x):
        return super().forward(x) * 2

class Run(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x)

"""
PLACES = ("constructor", "forward", "method", "function")


Part: TypeAlias = dict[str, str]


@dataclass(frozen=True)
class Program:
    """A program, and what it is put together from.

    Attributes:
        text: of it.
        parts: what these are called.
        lines: where something is done.
        has_surgery: whether that is done by a function, which is called afterwards.
    """

    text: str
    parts: str
    lines: frozenset[int]
    has_surgery: bool


def _parts(text: str) -> dict[str, Part]:
    """The parts of a text: each begins with its name, and may have several pieces."""
    found: dict[str, Part] = {}
    for each in re.split(r"^# ", text, flags=re.MULTILINE)[1:]:
        name, _, code = each.partition("\n")
        first, *others = re.split(r"^--- ", code, flags=re.MULTILINE)
        found[name] = {"": first.strip("\n")}
        for other in others:
            piece, _, code = other.partition("\n")
            found[name][piece] = code.strip("\n")
    return found


_BUILDS, _ACTS = _parts(BUILDS), _parts(ACTS)
_ACCESSES = _parts(ACCESSES) | _parts(WALKS) | _parts(WAYS)
_SURGERIES = _parts(SURGERIES) | _parts(OTHERS)
_IN_SEQUENTIAL, _OF_OWNER = _parts(IN_SEQUENTIAL), _parts(OF_OWNER)
_BY_CHANCE: Final = "called for more"
"""What gives another number in the constructor, where the weights are random."""


def program(seed: int) -> Program:
    """The program that a seed stands for."""
    chosen = random.Random(seed)
    build_name = chosen.choice([*_BUILDS])
    build, place = _BUILDS[build_name], chosen.choice(PLACES)
    groups = chosen.choice(["2", "groups"])
    net = "net" if place == "function" else "self"
    pick = _of_one if chosen.random() < 0.6 else _of_all
    name, code = pick(chosen, build, net, place)
    parts = f"{build_name}, groups={groups}: {name} in {place}"
    return _put_together(build, groups, place, parts, code)


def _of_one(chosen: random.Random, build: Part, net: str, place: str) -> tuple[str, Part]:
    """What is done with one module: its name, and the code of it."""
    access_name = chosen.choice([*_ACCESSES])
    access = _ACCESSES[access_name]
    what = "norm" if "norm" in build and chosen.random() < 0.3 else "conv"
    module = build[what]
    path = build["norm path" if what == "norm" else "path"]
    acts = [name for name in _ACTS if place != "constructor" or name != _BY_CHANCE]
    if "<actonly>" in access.get("top", ""):  # where no model is known
        acts = [name for name in acts if "<net>" not in _ACTS[name][""]]
    act_name = chosen.choice(acts)
    kind = "BatchNorm2d" if what == "norm" else "Conv2d"
    setting = "num_features" if what == "norm" else "out_channels"
    names = {
        **{"net": net, "conv": module.replace("<net>", net), "path": path},
        **{"selfconv": module.replace("<net>", "self"), "ofnet": module.replace("<net>", "net")},
        **{"lastname": path.rpartition(".")[2], "dots": str(path.count("."))},
        **{"kind": f"nn.{kind}", "kindname": kind, "setting": setting, "groups": "1"},
    }
    of_m = {**names, "m": "m", "size": f"m.{setting}"}
    act = _filled(_ACTS[act_name][""], of_m)
    direct = {**names, "m": names["conv"], "size": f"{names['conv']}.{setting}"}
    acts_there = {"act": act, "actonly": act, "direct": _filled(_ACTS[act_name][""], direct)}
    code = {piece: _filled(text, {**of_m, **acts_there}) for piece, text in access.items()}
    return f"{act_name} of the {what} by {access_name}", code


def _of_all(chosen: random.Random, build: Part, net: str, place: str) -> tuple[str, Part]:
    """What is done with the model, or the Sequential in it."""
    known = _SURGERIES | (_IN_SEQUENTIAL if ".body" in build["conv"] else {})
    known |= _OF_OWNER if place in ("constructor", "forward") else {}
    name = chosen.choice([*known])
    path = build["path"]
    names = {
        **{"net": net, "conv": build["conv"].replace("<net>", net), "seq": f"{net}.body"},
        **{"top": path.partition(".")[0], "path": path, "lastname": path.rpartition(".")[2]},
        **{"second": build.get("norm path", "").rpartition(".")[2]},
    }
    return name, {"": _filled(known[name][""], names)}


def _filled(text: str, names: Mapping[str, str]) -> str:
    """A text with what its holes stand for; one that is alone in its line keeps its depth."""
    found: list[str] = []
    for line in text.splitlines():
        hole = re.fullmatch(r"(\s*)<(\w+)>", line)
        if hole is not None:
            found += indent(names[hole[2]], hole[1]).splitlines()
        else:
            found.append(re.sub(r"<(\w+)>", lambda each: names[each[1]], line))
    return "\n".join(found)


def _put_together(build: Part, groups: str, place: str, parts: str, code: Part) -> Program:
    inside = "groups=2" if groups == "groups" else ""
    lines = [*TOP.splitlines(), *HALF.splitlines(), *build.get("top", "").splitlines()]
    where: set[int] = set()
    done = code[""]

    def put(text: str, depth: int, is_meant: bool = False) -> None:
        start = len(lines) + 1
        lines.extend(indent(text, "    " * depth).splitlines())
        if is_meant:
            where.update(range(start, len(lines) + 1))

    put(f"\n{code.get('top', '')}", 0, True)
    put(f"class Net(nn.Module):\n    def __init__(self, {inside}):\n        super().__init__()", 0)
    put("self.factor = 1.0", 2)
    put(_filled(build[""], {"groups": groups}), 2)
    put("self.last = nn.Conv2d(8, 8, 3, padding=1)", 2)
    put(done if place == "constructor" else "", 2, True)
    put("def forward(self, x):", 1)
    put(done if place == "forward" else "", 2, True)
    put(f"y = {build['run']}\nreturn self.last(y) * self.factor", 2)
    put(code.get("member", ""), 1, True)
    put(f"def surgery(self):\n{indent(done, '    ')}" if place == "method" else "", 1, True)
    put(f"def surgery(net):\n{indent(done, '    ')}" if place == "function" else "", 0, True)
    has_surgery = place in ("method", "function")
    return Program("\n".join(lines) + "\n", parts, frozenset(where), has_surgery)
