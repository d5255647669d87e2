"""What the plan decides about a grouped convolution."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from ..outcome import WrittenStyle
from ..reading.calls import Argument
from ..reading.naming import mangled
from .classify import Candidate
from .joining import Feed
from .norms.following import Following
from .norms.written import NormDefinition
from .padding import Padding


@dataclass(frozen=True)
class SplitNorm:
    """The norm after a grouped convolution, which is written out with it.

    Attributes:
        attribute: its attribute.
        definitions: where it is built.
        names: the attribute of each group's norm; empty in loop style.
        following: how it is applied, by the call of the convolution.
    """

    attribute: str
    definitions: tuple[NormDefinition, ...]
    names: tuple[str, ...]
    following: Mapping[ast.Call, Following]


@dataclass(frozen=True)
class SplitAttribute:
    """An attribute that holds a grouped convolution, and how it is to be written.

    Attributes:
        candidates: where it is built; all have the same class, in_channels and groups.
        calls: all calls of it.
        style: how it is written.
        names: the attribute of each group's convolution; empty in loop style, where ``attribute``
            becomes a list of them.
        norm: the norm after it, if that is written out as well.
        note: why it is not, if there is one.
    """

    candidates: tuple[Candidate, ...]
    calls: tuple[ast.Call, ...]
    style: WrittenStyle
    names: tuple[str, ...]
    norm: SplitNorm | None = None
    note: str = ""

    @property
    def owner(self) -> ast.ClassDef:
        """The class that it is an attribute of."""
        return self.candidates[0].owner

    @property
    def attribute(self) -> str:
        """Its name."""
        return self.candidates[0].attribute

    @property
    def stem(self) -> str:
        """What the local variables for it are named after."""
        return self.attribute.strip("_") or "conv"

    @property
    def groups(self) -> int | None:
        """The number of groups, where it is known."""
        return self.candidates[0].groups

    @property
    def width(self) -> int | None:
        """The input channels of one group, where they are known."""
        in_channels, groups = self.candidates[0].in_channels, self.groups
        return None if in_channels is None or groups is None else in_channels // groups

    @property
    def may_be_plain(self) -> bool:
        """Whether it may turn out plain, or depthwise, when it is built."""
        return any(each.may_be_plain for each in self.candidates)

    @property
    def paths(self) -> tuple[str, ...]:
        """The attribute path of each group's convolution below the owner, where it is known."""
        if self.style == "explicit":
            return self.names
        name = mangled(self.candidates[0].owner, self.attribute)
        return tuple(f"{name}.{i}" for i in range(self.groups or 0))


@dataclass(frozen=True)
class NamedArgument:
    """An argument of a call, the parameter that it goes to, and the variable that is to hold it.

    Attributes:
        argument: as it stands.
        parameter: the parameter's name; empty behind ``**``.
        variable: the local variable for its value, where that must be computed once and is no
            plain name; else empty.
    """

    argument: Argument
    parameter: str
    variable: str = ""


@dataclass(frozen=True)
class Definition:
    """A statement ``self.name = nn.Conv2d(...)`` that is to be replaced.

    Attributes:
        candidate: the statement and the convolution that it builds.
        attribute: what becomes of it.
        arguments: of the constructor, in the order of the text.
        module_list: how the source spells ``torch.nn.ModuleList``; in loop style.
        counter: the loop variable, which is not used; in loop style.
        count: a variable for the number of convolutions, where it may turn out depthwise.
    """

    candidate: Candidate
    attribute: SplitAttribute
    arguments: tuple[NamedArgument, ...]
    module_list: str = ""
    counter: str = ""
    count: str = ""

    def statements(self) -> list[ast.stmt]:
        """The statement, and those that build the norm that is written out with it."""
        norm = self.attribute.norm
        norms = norm.definitions if norm is not None else ()
        return [self.candidate.statement, *(each.statement for each in norms)]


@dataclass(frozen=True)
class Use:
    """A call ``self.name(x)`` that is to be replaced.

    Attributes:
        call: the expression.
        attribute: what is called.
        arguments: of the call, in the order of the text.
        hoisted: whether the groups' calls stand in statements of their own before its statement.
        cat: how the source spells ``torch.cat``.
        output: the local variable for the result as a whole; in loop style, for the list.
        outputs: the local variables for the results of the groups; in explicit style.
        width: the local variable for the input channels of a group, where a statement reads them.
        whole: that for the result as a whole, where there may turn out to be one convolution only
            and statements may stand before; in loop style.
        is_alone: whether its statement does no more than to return that, or to assign it to that.
        item: the loop variable over the groups' convolutions; in loop style.
        counter: the loop variable that counts them; in loop style.
        norm_item: the loop variable over the groups' norms; in loop style.
        following: how a norm is applied to the result that is written out as well.
        feed: the concatenation that takes the results of the groups one by one.
        padding: what pads the input, and is to pad each slice.
        module_list: how the source spells ``torch.nn.ModuleList``, where it is padded.
    """

    call: ast.Call
    attribute: SplitAttribute
    arguments: tuple[NamedArgument, ...]
    hoisted: bool
    cat: str
    output: str
    outputs: tuple[str, ...] = ()
    width: str = ""
    whole: str = ""
    is_alone: bool = False
    item: str = ""
    counter: str = ""
    norm_item: str = ""
    following: Following | None = None
    feed: Feed | None = None
    padding: Padding | None = None
    module_list: str = ""

    def changed(self) -> list[ast.expr]:
        """For each statement that changes, an expression in it."""
        found: list[ast.expr] = [self.call]
        if self.following is not None:
            found.append(self.following.norm)
        if self.feed is not None:
            found.append(self.feed.cat)
        if self.padding is not None:
            found.append(self.padding.call)
            found += [self.padding.store] if self.padding.store is not None else []
        return found

    @property
    def guarded(self) -> ast.If | None:
        """The ``if`` under which a norm is applied."""
        guard = self.following.guard if self.following is not None else None
        return guard if isinstance(guard, ast.If) else None
