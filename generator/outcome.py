"""What goes into the pipeline and what comes out of it: plain, frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .codes import OF_GROUPED, TARGETS, Target, chosen, only_said, unknown

if TYPE_CHECKING:
    from .seen.schema import Seen

Style = Literal["auto", "explicit", "loop", "built"]
STYLES: tuple[Style, ...] = ("auto", "explicit", "loop", "built")
STYLE_NAMES: Mapping[str, Style] = {**{each: each for each in STYLES}, "module": "built"}
"""What a style may be called; ``module`` is what came before the built one."""

FindingStatus = Literal["rewritten", "left", "skipped"]
Obstacle = Literal["not proven", "no form", "costs parameters"]
"""What keeps a place as it is: whether it may be rewritten is not proven; no form is known that
PLiNIO takes; or there is one that has more parameters."""
WrittenStyle = Literal["explicit", "loop", "built"]
Status = Literal["split", "may be split", "kept", "left", "skipped", "function"]


def is_style(name: object) -> bool:
    """Whether something is what a style may be called."""
    return isinstance(name, str) and name in STYLE_NAMES


@dataclass(frozen=True)
class Options:
    """How a source is to be split.

    Attributes:
        style: ``"explicit"`` writes one attribute a group, ``"loop"`` an ``nn.ModuleList``,
            ``"built"`` a line that splits the convolution once it is built (``"module"`` is
            another name for it); ``"auto"`` takes explicit up to ``max_unroll`` groups and loop
            above. What these two cannot write is written in built style, whichever is asked for;
            what explicit would write at a length that takes minutes to format, as a loop.
        max_unroll: the largest group count that ``"auto"`` writes out; at least 1.
        templates: a directory whose templates replace the built-in ones of the same name.
        black: the ``[tool.black]`` table of the project that the source belongs to, and its
            ``requires-python``, by which black too tells the version of Python. Without a line
            length, that of the source itself counts.
        helper_module: the module to import the helper of the built style from, as it stands after
            ``from``, such as ``..splitting``; empty to emit the helper in the source itself.
        checkpoint: whether the new source loads the state dict of the original, as well as its own;
            in built style it always does. What is missing, unexpected or of another shape is
            an error, as in the original; in explicit and loop style it may be named as of the
            branches, and a norm in these may lack its ``num_batches_tracked``.
        norm: whether a BatchNorm or InstanceNorm that follows a grouped convolution becomes one
            for each branch, where that is the same: see ``grouped_conv.norms``.
        target: which rules apply, as ``codes.TARGETS`` has them.
        select: the codes of those that apply instead; None for those of the target.
        ignore: the codes of those that do not.
        seen: facts of a run, which are asked where a source by itself does not tell; None for none.

    Raises:
        ValueError: ``style`` is not one of ``STYLES``, ``max_unroll`` is no number from 1, or
            black's line length is not a number of columns; or there is no such target or rule.
    """

    style: Style = "auto"
    max_unroll: int = 4
    templates: Path | None = None
    black: Mapping[str, object] = field(default_factory=dict)
    helper_module: str = ""
    checkpoint: bool = True
    norm: bool = True
    target: Target = "grouped"
    select: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ()
    seen: Seen | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not is_style(self.style):
            raise ValueError(f"style is one of {', '.join(STYLES)}, not {self.style!r}")
        object.__setattr__(self, "style", STYLE_NAMES[self.style])
        if type(self.max_unroll) is not int or self.max_unroll < 1:
            raise ValueError(f"max_unroll is a number from 1, not {self.max_unroll!r}")
        length = self.black.get("line-length", self.black.get("line_length", 1))
        if type(length) is not int or length < 1:
            raise ValueError(f"black's line-length is a number of columns, not {length!r}")
        if self.target not in TARGETS:
            raise ValueError(f"target is one of {', '.join(TARGETS)}, not {self.target!r}")
        wrong = unknown((*(self.select or ()), *self.ignore))
        if wrong:
            raise ValueError(wrong)

    @property
    def codes(self) -> frozenset[str]:
        """The rules that apply."""
        return chosen(self.target, self.select, self.ignore)

    @property
    def branches_norms(self) -> bool:
        """Whether a norm is split with the convolution before it."""
        return self.norm and "branch-norm" in self.codes

    @property
    def changing(self) -> frozenset[str]:
        """Those of them that change something."""
        return self.codes - only_said(self.select)

    @property
    def asks_run(self) -> bool:
        """Whether anything is done by what was seen in a run: by rules, or in a style."""
        return bool(self.codes.difference(OF_GROUPED)) or self.style in ("explicit", "loop")

    @property
    def adds_identities(self) -> bool:
        """Whether an identity convolution is put behind a concatenation that is added to others."""
        return "sum-of-cats" in self.changing

    @property
    def flattens_cats(self) -> bool:
        """Whether what a concatenation gives may reach another one through layers, in parts."""
        return "flat-cat" in self.codes


@dataclass(frozen=True)
class Size:
    """What a source shows of the size of a convolution that is, or may be, split.

    Attributes:
        conv: the class of torch; empty where its name does not tell it.
        inputs: the channels that it takes: a number where that is known, or else the expression
            that is passed, in one line; empty where the source shows none.
        outputs: those that it gives, likewise.
        groups: likewise.
        kernel: the size of its kernel, likewise.
        norms: the norms that go into the branches.
        is_multiplier: whether it becomes depthwise ones, each of all that it takes.
    """

    conv: str
    inputs: str
    outputs: str
    groups: str
    kernel: str
    norms: tuple[str, ...] = ()
    is_multiplier: bool = False


@dataclass(frozen=True)
class Record:
    """What was done with one convolution that is, or may be, grouped.

    Attributes:
        line: of the expression that constructs it, from 1.
        column: of the same, in characters, from 1.
        name: how a person would call it, such as ``Net.conv1`` or ``nn.Conv2d(...)``.
        status: ``"split"``, where the source shows that it is grouped, and of torch;
            ``"may be split"``, where that is decided when it is built; ``"kept"`` (depthwise or
            plain, or never called); ``"left"`` as it was, for the stated reason; ``"skipped"``
            (left by the user's comment); or ``"function"``, of a call such as ``F.conv2d`` whose
            weight belongs to no module.
        detail: how it is split, or why it is not.
        note: why it was not written out in the style that was asked for, and what else there is
            to know of it.
        style: the style it is written in; None unless it is, or may be, split.
        owner: the name of the class that holds it; None where it was not found to be an attribute.
        attribute: the attribute that held it; None likewise.
        branches: the attribute path of each group's convolution below the owner, in the order of
            the groups: ``("conv1_0", "conv1_1")`` or ``("conv1.0", "conv1.1")``. Group ``g`` of G
            holds the ``g``-th equal part, along dimension 0, of the original's weight: of shape
            ``(out / G, in / G, *kernel)`` of ``(out, in / G, *kernel)``, transposed
            ``(in / G, out / G, *kernel)`` of ``(in, out / G, *kernel)``; and of its bias, of shape
            ``(out / G,)`` of ``(out,)``. It is given the channels ``g * in / G`` up to
            ``(g + 1) * in / G`` of an input of shape ``(N, in, ...)``. (torch 2.13, Conv2d and
            ConvTranspose2d; that of groups, in ``_ConvNd.__init__``.)
        size: of one that is, or may be, split.
    """

    line: int
    column: int
    name: str
    status: Status
    detail: str
    style: WrittenStyle | None = None
    owner: str | None = None
    attribute: str | None = None
    branches: tuple[str, ...] = ()
    note: str = ""
    size: Size | None = None

    @property
    def is_split(self) -> bool:
        """Whether it is split, or may be when it is built."""
        return self.status in ("split", "may be split")


@dataclass(frozen=True)
class Finding:
    """What a rule found at one place besides grouped convolutions.

    Attributes:
        code: of the rule.
        line: from 1.
        column: in characters, from 1.
        status: ``"rewritten"``; ``"left"`` as it was, for the stated reason; or ``"skipped"``.
        message: what it was, and what it is now or why it is as it was.
        obstacle: of one that is left, what is in the way.
    """

    code: str
    line: int
    column: int
    status: FindingStatus
    message: str
    obstacle: Obstacle | None = None


@dataclass(frozen=True)
class Warning:
    """Something that the user should know besides, where, and the code of the rule it is about."""

    line: int
    column: int
    message: str
    code: str = "grouped-conv"


@dataclass(frozen=True)
class Result:
    """The outcome of splitting one source.

    Attributes:
        text: the new source; the very string that was given when nothing is split.
        records: one for each convolution that is or may be grouped, in the order of the source.
        warnings: what the user should know besides, in the order of the source.
        findings: what the other rules found, in the order of the source.
        imports_helper: whether the text imports what ``helper_source`` gives.
        blocks: what of that it needs beside what is always there.
        codes: of the rules that were applied.
    """

    text: str
    records: tuple[Record, ...] = ()
    warnings: tuple[Warning, ...] = ()
    findings: tuple[Finding, ...] = ()
    imports_helper: bool = False
    blocks: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()


class SourceError(ValueError):
    """The source cannot be read as Python, or a comment in it that is for gencode.

    Attributes:
        message: what is wrong, in one line.
        line: where, from 1; 0 when it has no place.
        column: in characters, from 1; 0 when it has no place.
        source_line: the line at fault, without its end.
    """

    def __init__(self, message: str, line: int = 0, column: int = 0, source_line: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.source_line = source_line


class TemplateError(ValueError):
    """A template is missing, cannot be rendered within the limits, or emits what is not Python."""
