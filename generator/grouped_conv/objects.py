"""What a source does with the object that a convolution is, besides calling it.

A module that holds the branches can take the place of a convolution wherever it is called, kept,
listed or handed on. It has no weight and no bias of its own, it is no ``nn.Conv2d`` to isinstance,
and to set its stride has no effect. So each such use is carried over to the branches where that is
exact, and is else a reason to leave the convolution as it is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from typing import Final

from .. import torch_api
from ..facts.facts import Facts
from ..facts.heap import BY_ANY_NAME
from ..reading.classes import REPARAMETRISING, ClassIndex
from ..reading.convolutions import SETTINGS
from ..reading.names import meaning
from .called import holds_conv
from .questions import (
    are_treated_alike,
    asks_for_others,
    may_be_conv,
    may_look_at_module,
    reparametrising,
)
from .reading import is_only_read
from .weight_norm import (
    ASKING,
    REMOVING,
    WEIGHT_NORMS,
    has_defaults,
    is_weight_norm,
    possible_norms,
)
from .weights import Application, Obstacle, Uses, Weights

_WEIGHTS: Final = ("weight", "bias")
_INSIDES: Final = frozenset(
    (
        *("__class__", "_parameters", "_conv_forward", "register_parameter", "get_parameter"),
        *("state_dict", "named_parameters", "__dict__", "__setattr__"),
        *("weight_g", "weight_v", "weight_orig", "weight_mask", "parametrizations"),
        *("extra_repr", "_reversed_padding_repeated_twice"),
    )
)
_PARAMETRISING: Final = re.compile(r"(spectral|weight)_norm|parametriz|prune")
_ADDING: Final = torch_api.ADDS - {"__setattr__"}
_HOOKS: Final = frozenset(("register_forward_hook", "register_forward_pre_hook"))
_NEEDING: Final = re.compile(
    r"torch\..*(fuse_\w+|_ConvNd\.forward|Conv(Transpose)?[123]d\.\w+)|object\.__setattr__"
)


def find_uses(index: ClassIndex, facts: Facts, expressions: Iterable[ast.expr]) -> Uses:
    """What is done with an object that is to be split, from the expressions that may be it."""
    search = _Search(index, facts)
    for each in sorted(expressions, key=index.source.span):
        search.look_at(each)
    return search.found()


class _Search:
    def __init__(self, index: ClassIndex, facts: Facts) -> None:
        self.index = index
        self.facts = facts
        self.source = index.source
        self.weights = Weights(index)
        self.uses = self.weights.uses
        self.asking: list[Obstacle] = []

    def found(self) -> Uses:
        """All that was noted; whether it is parametrized it may be asked where it never is."""
        if self.uses.applications:
            self.uses.obstacles += self.asking
        return self.uses

    def look_at(self, node: ast.expr) -> None:
        """Note what is done with one expression that may be the object."""
        parent = self.source.parent(node)
        if self._is_ruled_out(node):
            return
        if isinstance(parent, ast.Attribute):
            self._attribute(node, parent)
        elif isinstance(parent, ast.Match):
            self._refuse(node, "code asks for its class", parent)
        elif isinstance(parent, ast.Call) and node in parent.args:
            self._argument(node, parent)
        elif isinstance(parent, ast.keyword):
            call = self.source.parent(parent)
            if isinstance(call, ast.Call):
                self._argument(node, call)

    def _is_ruled_out(self, node: ast.expr) -> bool:
        """Whether a class is asked for before, as in ``if isinstance(m, nn.Linear): m.weight``."""
        inner: ast.AST = node
        for outer in self.source.ancestors(node):
            if isinstance(outer, ast.If) and inner in outer.body:
                match outer.test:
                    case ast.Call(func=ast.Name(id="isinstance"), args=[asked, classes]):
                        is_same = ast.dump(asked) == ast.dump(node)
                        is_torchs = meaning(self.source, classes).path.startswith("torch.nn.")
                        if is_same and is_torchs and not holds_conv(self.index, classes):
                            return not _is_base(meaning(self.source, classes).path)
            inner = outer
        return False

    def _attribute(self, node: ast.expr, attribute: ast.Attribute) -> None:
        name = attribute.attr
        if name in _WEIGHTS:
            self.weights.look_at(attribute)
        elif name in SETTINGS and _is_set(attribute):
            self._refuse(node, f"its {name} is set", attribute, is_loud=True)
        elif name in _ADDING and _adds_more(self.source.parent(attribute)):
            self._bar(node, "it is given more than a convolution has", attribute)
        elif name in _INSIDES or (name == "forward" and _is_set(attribute)):
            self._refuse(node, f"its {name} is used", attribute)
        elif name == "reset_parameters":
            self.weights.note_write(attribute)
        elif name in _HOOKS and may_look_at_module(self.source, attribute):
            self._refuse(node, "a hook may look at it", attribute)
        elif name == "parameters" and not are_treated_alike(self.source, attribute):
            self._refuse(node, "code distinguishes individual parameters", attribute)

    def _argument(self, node: ast.expr, call: ast.Call) -> None:
        function = call.func
        path = meaning(self.source, function).path
        name = function.id if isinstance(function, ast.Name) else ""
        if name == "isinstance" and len(call.args) == 2 and node is call.args[0]:
            if may_be_conv(self.facts, call.args[1]):
                self._refuse(node, "code asks for its class", call)
        elif name in ("type", "vars") and len(call.args) == 1:
            if not asks_for_others(self.source, self.facts, call):
                self._refuse(node, "code asks for its class", call)
        elif name in ("getattr", "setattr", "hasattr", "delattr") and len(call.args) > 1:
            self._named(node, call, str(getattr(call.args[1], "value", "")))
        elif _NEEDING.fullmatch(path or self.source.code(function)):
            self._refuse(
                node, f"{self.source.code(function)} needs a convolution", call, is_loud=True
            )
        elif REPARAMETRISING.fullmatch(path) or path in WEIGHT_NORMS:
            self._reparametrisation(node, call, path)
        elif REMOVING.fullmatch(path):
            what = f"{path.rpartition('.')[2]} needs its parametrization"
            self._refuse(node, what, call, is_loud=True)
        elif ASKING.fullmatch(path):
            reason = f"its parametrization is asked for ({self.source.line(call)})"
            self.asking.append(Obstacle(node, reason))
        elif not path and not self._possible_norm(node, call):
            self._variable_norm(node, call)

    def _named(self, node: ast.expr, call: ast.Call, name: str) -> None:
        """Look at ``getattr(conv, name)`` and the like; ``name`` is empty where it is computed."""
        function = getattr(call.func, "id", "")
        sets = function in ("setattr", "delattr")
        if name in _WEIGHTS and function == "hasattr":
            self.uses.reads[call] = self.uses.asked[call] = None
        elif name in _WEIGHTS and not sets and is_only_read(self.index, call):
            self.uses.reads[call] = None
        elif not name and not sets and self._reads_weight(node, call):
            self._refuse(node, "its weight is read by a computed name", call, is_loud=True)
        elif node is call.args[0] and (name in _WEIGHTS or (sets and name in ("", *SETTINGS))):
            self._refuse(node, f"its {name or 'weight'} may be reached by name", call)

    def _reads_weight(self, node: ast.expr, call: ast.Call) -> bool:
        """Whether a weight of what an expression may be is read by a call, or anything of it."""
        found = (use for value in self.facts.values(node) for use in self.facts.uses(value))
        return any(each.node is call and each.name in (*_WEIGHTS, BY_ANY_NAME) for each in found)

    def _reparametrisation(self, node: ast.expr, call: ast.Call, path: str) -> None:
        name = path.rpartition(".")[2]
        if path not in WEIGHT_NORMS:
            self._bar(node, f"{name} takes its weight as a whole", call)
        elif not is_weight_norm(self.source, call) or node is not call.args[0]:
            self._bar(node, f"{name} with another dim than 0 couples its groups", call)
        else:
            self.uses.applications[call] = Application(call, frozenset((path,)))

    def _possible_norm(self, node: ast.expr, call: ast.Call) -> bool:
        """Note a call of a variable that is weight_norm, or may turn out not to be."""
        norms = possible_norms(self.facts, call)
        if norms is None or node is not call.args[0]:
            return False
        paths, is_open = norms
        may_couple = is_open or not paths <= WEIGHT_NORMS
        self.uses.applications[call] = Application(call, paths, may_couple)
        return True

    def _variable_norm(self, node: ast.expr, call: ast.Call) -> None:
        """Note a call of a variable that may be spectral_norm, or be so in a way not known."""
        found = reparametrising(self.facts, call.func)
        others = sorted(path.rpartition(".")[2] for path in found - WEIGHT_NORMS)
        if others:
            self._bar(node, f"{others[0]} may be applied to it", call)
        elif found and node in call.args[:1] and not has_defaults(call):
            self._bar(node, "weight_norm with another dim than 0 couples its groups", call)
        elif found or (not self.facts.is_complete and _PARAMETRISING.search(self.source.text)):
            self._bar(node, "it may be given another parametrization", call)

    def _bar(self, node: ast.expr, what: str, place: ast.AST) -> None:
        """Note what no split one can take, be it done to the whole."""
        self.uses.bars.append(Obstacle(node, f"{what} ({self.source.line(place)})"))

    def _refuse(self, node: ast.expr, what: str, place: ast.AST, is_loud: bool = False) -> None:
        """Note what only the whole can take."""
        where = self.source.line(place)
        self.uses.obstacles.append(Obstacle(node, f"{what} ({where})", is_loud))


def _adds_more(call: ast.AST) -> bool:
    """Whether a call such as ``register_buffer`` sets what may be no weight and no bias."""
    match call:
        case ast.Call(args=[ast.Constant(value=name), *_]):
            return name not in _WEIGHTS
    return True


def _is_base(path: str) -> bool:
    """Whether a class of torch is one that a convolution, or a container, inherits from."""
    return path.rpartition(".")[2] in ("Module", "_ConvNd", "Sequential", "ModuleList")


def _is_set(attribute: ast.Attribute) -> bool:
    return not isinstance(attribute.ctx, ast.Load)
