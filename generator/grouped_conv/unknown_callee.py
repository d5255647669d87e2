"""Tell whether what an unknown callee gives may be a convolution, by what is done with it.

    self.conv = build_conv_layer(cfg, c, c, 3, groups=groups)      # of another package
    self.last = Conv[Conv.CONV, 2](c, c, kernel_size=3, groups=groups)
    ...
    return self.last(self.conv(x))

Whatever it is, the helper can take it: what turns out to be no grouped convolution stays.
"""

from __future__ import annotations

import ast
import builtins
import re
from typing import Final, Literal

from .. import torch_api
from ..facts.facts import Facts
from ..facts.heap import Use
from ..facts.values import (
    STRANGE,
    Bound,
    ClassValue,
    Constant,
    External,
    Object,
    Parameter,
    Tensor,
    Unknown,
    Value,
)
from ..project_files import location_of
from ..reading.calls import values_given
from ..reading.classes import ClassIndex
from ..reading.names import meaning
from .called import is_conv_class, is_other_class
from .source_facts import facts_of_source

_KEEPS: Final = frozenset(("return", "escape"))
_OTHERS: Final = frozenset(
    (
        *("norm", "bn", "act", "activation", "attention", "attn", "pool", "head", "encoder"),
        *("decoder", "block", "blocks", "bottleneck", "stage", "cell", "net", "model", "backbone"),
    )
)
"""Words in the names of what makes layers of another kind."""
_HELD_NAME: Final = re.compile(
    r"(\w*_)?conv([123]?d)?(_?(layer|cls|class|type|op|fn|func|module|block|builder|factory))?",
    re.IGNORECASE,
)
_CONV_NAME: Final = re.compile(r"[A-Z]\w*Conv(Transpose)?[123]d|Conv(Transpose)?[123]d\w*")
_BLOCK_NAME: Final = re.compile(r"[123]d(.*[\da-z_])?(BN|Bn|bn|Norm|Act|ReLU|Relu|Block)")
_LEAST: Final = 4
"""What a convolution is given at least: two numbers of channels, the kernel and the groups."""


def may_build(index: ClassIndex, call: ast.Call) -> bool:
    """Whether a call of something unknown may build a convolution that is grouped.

    It is named as a convolution's class. Or it is given groups, and what it gives is called on a
    tensor; but a class of another name is that of a block, or of another layer.
    """
    if is_named_as_convolution(index, call):
        return role(index, call) != "other"
    has_groups = any(each.arg == "groups" for each in call.keywords)
    if not has_groups or len(call.args) + len(call.keywords) < _LEAST:
        return False
    name = name_of(call.func)
    if _HELD_NAME.fullmatch(name) and meaning(index.source, call.func).kind != "import":
        return role(index, call) != "other"
    is_other = name[:1].isupper() or not _OTHERS.isdisjoint(name.lower().split("_"))
    return not is_other and role(index, call) == "module"


def is_named_as_convolution(index: ClassIndex, call: ast.Call) -> bool:
    """Whether what is called has a name of a convolution's class, or is looked up by one.

    As by ``getattr(nn, f"Conv{n}d")``; and not a class of one with a norm or more behind it. Or it
    is given all that a function for convolutions is.
    """
    callee = call.func
    imported = meaning(index.source, callee).path.rpartition(".")[2]
    if any(
        _CONV_NAME.fullmatch(x) and not _BLOCK_NAME.search(x) for x in (name_of(callee), imported)
    ):
        return True
    if isinstance(callee, ast.Name):
        known = index.source.scope(callee).only_value(callee.id)
        callee = known[1] if known is not None else callee
    match callee:
        case ast.Call(func=ast.Name(id="getattr"), args=[module, text, *_]):
            is_of_nn = meaning(index.source, module).path.startswith("torch.nn")
            return is_of_nn and "Conv" in index.source.code(text)
    return _makes_any_conv(index, call)


def is_made_elsewhere(index: ClassIndex, call: ast.Call) -> bool:
    """Whether a call gives a convolution that another file of the project builds, perhaps grouped.

    That file splits it too; here it is told apart from what stands beside it, and so not where it
    is only handed on.
    """
    source = index.source
    parent = source.parent(call)
    is_local = isinstance(parent, ast.Assign) and isinstance(parent.targets[0], ast.Name)
    if location_of(source) is None or is_local or isinstance(parent, ast.Return):
        return False
    facts = facts_of_source(index)
    return facts.is_complete and any(
        isinstance(each, Object)
        and each.kind in torch_api.CONVOLUTIONS
        and each.site not in source.parent_of
        and not facts.is_plain(each)
        for each in facts.values(call)
    )


def hands_on_to_builder(index: ClassIndex, call: ast.Call, path: str) -> bool:
    """Whether a call hands on keywords to what a file of the project has that builds convolutions.

    As ``make(kind, 8, 8, **options)`` does, be it by a table of functions.
    """
    location = location_of(index.source)
    if location is None or all(each.arg is not None for each in call.keywords):
        return False
    text = location.text_of(path.rpartition(".")[0])
    return "Conv" in text and "**" in text


def _makes_any_conv(index: ClassIndex, call: ast.Call) -> bool:
    """Whether a class that is looked up somewhere is given all that a function for convolutions is.

    def build_conv_layer(cfg, *args, **kwargs):
        conv_layer = MODELS.get(cfg["type"])
        return conv_layer(*args, **kwargs)
    """
    source = index.source
    function = source.function_around(call)
    if function is None or function.args.kwarg is None:
        return False
    rest = [each.value for each in call.keywords if each.arg is None]
    is_all = all(isinstance(each, ast.Starred) for each in call.args) and any(
        isinstance(each, ast.Name) and each.id == function.args.kwarg.arg for each in rest
    )
    found = source.scope(call.func).lookup(name_of(call.func)) if is_all else None
    values = [each.value for each in found[1]] if found is not None else [call.func]
    words = [function.name, *(source.code(each) for each in (call.func, *filter(None, values)))]
    is_looked_up = any(isinstance(each, (ast.Call, ast.Subscript)) for each in values)
    return is_all and is_looked_up and any("conv" in each.lower() for each in words)


def name_of(callee: ast.expr) -> str:
    """The last name of what is called."""
    return str(getattr(callee, "attr", getattr(callee, "id", "")))


def role(index: ClassIndex, call: ast.Call) -> Literal["module", "unseen", "other"]:
    """What the result of a call is: called on a tensor, gone to where it may be, or no module."""
    facts = facts_of_source(index)
    if not facts.is_complete:
        return "unseen"
    found = facts.values(call)
    made = [each for each in found if isinstance(each, Object) and each.site is call]
    uses = [(each, use) for each in made for use in facts.uses(each)]
    if any(use.kind == "call" and _is_on_tensor(facts, each, use) for each, use in uses):
        return "module"
    is_kept = any(use.kind in _KEEPS and use.name != "operator" for _, use in uses)
    is_kept = is_kept or any([*facts.heap.holders(each)] for each in made)
    is_unseen = is_kept or not uses or len(made) < len(found)
    return "unseen" if is_unseen else "other"


def _is_on_tensor(facts: Facts, module: Value, use: Use) -> bool:
    """Whether a call is of a module with what may be a tensor."""
    call = use.node
    if not isinstance(call, ast.Call) or module not in facts.values(call.func):
        return True  # by an nn.Sequential
    given = values_given(call)
    return bool(given) and all(
        any(isinstance(each, (Tensor, Parameter, Unknown, Object)) for each in facts.values(one))
        for one in given[:1]
    )


def is_foreign(value: Value) -> bool:
    """Whether a value is nothing that the source, or torch, defines, or inherits from such."""
    match value:
        case ClassValue():
            return not is_other_class(value) and not is_conv_class(value)
        case External(path=path):
            root, _, rest = path.partition(".")  # a name that is not there counts as a builtin
            is_builtin = root == "builtins" and hasattr(builtins, rest.partition(".")[0])
            return root != "torch" and not is_builtin
        case Object(kind=kind):
            return kind == STRANGE
        case Bound(receiver=receiver, function=None):
            return not isinstance(receiver, (Tensor, Constant))
    return isinstance(value, (Unknown, Parameter))
