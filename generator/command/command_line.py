"""What can be typed: the parser, and what ``--help`` says of each option."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from .. import __version__
from ..codes import CODES, TARGETS, unknown
from ..outcome import STYLE_NAMES, STYLES
from ..printable import printable
from .conversion_options import add_conversion_options
from .formats import FORMATS
from .help_text import DESCRIPTION, EPILOG, USAGE
from .model_options import add_model_options


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, also with names of files that a hook gives."""

    def error(self, message: str) -> NoReturn:
        super().error(printable(message))


def parser() -> argparse.ArgumentParser:
    """The parser; what is not typed is None, or not set."""
    made = _Parser(
        prog="gencode",
        usage=USAGE,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument(
        "sources",
        metavar="SOURCE",
        nargs="*",
        help="a file, or a directory for all the *.py in it; - for standard input",
    )
    made.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    _add_destinations(made.add_argument_group("where the code goes"))
    _add_rules(made.add_argument_group("what is rewritten"))
    _add_styles(made.add_argument_group("how it is split"))
    _add_selection(made.add_argument_group("which files, and what they share"))
    add_model_options(made)
    add_conversion_options(made)
    return made


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse a command line, by default that of the process.

    Raises:
        SystemExit: with status 2 where it is faulty, after a message on standard error.
    """
    made = parser()
    _offer_completion(made)
    typed = list(sys.argv[1:] if arguments is None else arguments)
    # What is behind -- is a SOURCE, which argparse knows only where arguments are not intermixed.
    end = typed.index("--") if "--" in typed else len(typed)
    namespace = made.parse_intermixed_args(typed[:end])
    namespace.sources = [*namespace.sources, *typed[end + 1 :]]
    return namespace


def given(namespace: argparse.Namespace) -> dict[str, Any]:
    """The options of a configuration that are typed."""
    names = (
        *("style", "max_unroll", "templates", "checkpoint", "norm", "exclude", "helper_module"),
        *("target", "select", "ignore"),
    )
    values = {name: getattr(namespace, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def _add_destinations(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "-o",
        "--output",
        metavar="OUTPUT",
        help="write there; a directory is written to a directory, several sources to one that is"
        " there, each under its name; - for standard output, which is the default for a file",
    )
    group.add_argument(
        "-i", "--in-place", action="store_true", help="write each source over itself"
    )
    group.add_argument(
        "--check",
        action="store_true",
        help="write nothing; exit with 1 if something would change, with -o if OUTPUT would",
    )
    group.add_argument(
        "--diff",
        action="store_true",
        help="write nothing; print what would change, as patch -p0 takes it; --check, --diff and"
        " --list may be combined",
    )
    group.add_argument(
        "--list",
        action="store_true",
        help="write nothing; print what would be done with each grouped convolution",
    )
    group.add_argument(
        "--format",
        choices=FORMATS,
        default="text",
        help="how to report: text; json, one document on standard output, or on standard error"
        " where code goes there (python -m pydoc gencode.command.formats); github, with annotations"
        " of a workflow (default: text)",
    )
    group.add_argument(
        "--report",
        metavar="FILE.html",
        help="write a page besides: each split convolution as a picture, sources before and after"
        " side by side, the proof, and what stays in PLiNIO's way; it needs Pygments",
    )
    group.add_argument(
        "--generated",
        action="store_true",
        help="generate what pyproject.toml configures, as without a SOURCE, and fail where it"
        " configures nothing",
    )


def _add_rules(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--target",
        choices=[*TARGETS],
        help="grouped, only what grouped convolutions need (the default); plinio, what PLiNIO"
        " refuses by its spelling as well: equal to the last bit, with the same state dicts; what"
        " is not known to be so is left and said, which is no reason for status 3",
    )
    rules = f"rules, with commas between them: {', '.join(CODES)}"
    group.add_argument(
        "--select", metavar="CODES", type=_codes, help=f"apply these {rules}; and no others"
    )
    group.add_argument("--ignore", metavar="CODES", type=_codes, help="do not apply these rules")


def _add_styles(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--style",
        choices=STYLES,
        type=lambda typed: STYLE_NAMES.get(typed, typed),
        help="explicit, one attribute and one call a group; loop, an nn.ModuleList; built, a line"
        " that splits it once it is built (module is another name for it), which is taken for what"
        " the others cannot write; auto, explicit for few groups, loop for more, built for the rest"
        " (the default)",
    )
    group.add_argument(
        "--max-unroll",
        metavar="N",
        type=_positive,
        help="the most groups that auto writes out in explicit style (default: 4)",
    )
    group.add_argument(
        "--templates",
        metavar="DIR",
        type=_directory,
        help="take templates from this directory where it has them: changed copies of gencode's"
        " own, whose heads say what their macros are given",
    )
    group.add_argument(
        "--checkpoint",
        action=argparse.BooleanOptionalAction,
        help="whether what is written in explicit and loop style loads the weights of the original"
        " by their names there, as the built style always does (default: yes)",
    )
    group.add_argument(
        "--norm",
        action=argparse.BooleanOptionalAction,
        help="whether a BatchNorm that follows a grouped convolution goes into the branches"
        " (default: yes)",
    )


def _add_selection(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--exclude",
        metavar="PATTERN",
        action="append",
        help="leave what it matches as it is, or copy it unchanged; in gitignore's syntax, relative"
        " to the directory, and may be repeated",
    )
    group.add_argument(
        "--helper-module",
        metavar="NAME",
        help="of a directory: write the helper that split sources need to this module, such as"
        " layers.splitting, and import it (default: split_groups in each outermost package)",
    )
    group.add_argument(
        "--no-helper-module",
        dest="helper_module",
        action="store_false",
        default=None,
        help="have each source carry a helper of its own",
    )


def _offer_completion(made: argparse.ArgumentParser) -> None:
    """Have the shell complete what is typed, where argcomplete is installed and asks for it."""
    if "_ARGCOMPLETE" in os.environ:
        with suppress(ImportError):
            import argcomplete

            argcomplete.autocomplete(made)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1")
    return int(text)


def _codes(text: str) -> tuple[str, ...]:
    codes = tuple(each.strip() for each in text.split(","))
    wrong = unknown(codes)
    if wrong:
        raise argparse.ArgumentTypeError(wrong)
    return codes


def _directory(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is not a directory")
    return path
