"""The command: ``gencode model.py -o model_split.py``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from . import __version__
from .conversion_options import Conversion, add_conversion_options, conversion_of
from .extras import needing
from .files import (
    STDIN,
    ConfigError,
    FileError,
    UsageError,
    black_config,
    is_directory,
    read_source,
    write_atomically,
    write_to_stdout,
)
from .outcome import STYLES, Options, SourceError, TemplateError
from .pipeline import split_source
from .report import Report, Status

_DESCRIPTION = """\
Rewrite the source of a PyTorch model so that every grouped convolution is a set
of plain convolutions over slices of the channels, whose outputs are concatenated.
The model is read, not run. The new source goes to standard output or to FILE,
what was done with each convolution, or why not, to standard error.
"""

_EPILOG = """\
examples:
  gencode model.py                       print the split source
  gencode model.py -o model_split.py     write it to a file
  gencode - < model.py > model_split.py  read standard input
  gencode models/ -o split/              write a directory anew, with all that is in it
  gencode --style loop model.py          an nn.ModuleList and a loop for each
  gencode --style module model.py        change nothing but the constructions
  gencode --templates mine/ model.py     with templates of your own
  gencode --convert-checkpoint old.pt new.pt --model model_split.py:Net
                                         write the original's weights for the split model

exit status:
  0    done, or nothing to do
  2    wrong usage: an unknown option, a faulty template or configuration file, a missing package
  3    a grouped convolution was left unsplit, for the stated reason; all else is written
  123  a file could not be read, parsed, converted or written; others of a directory are split
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    Args:
        arguments: of the command line, without the program's name; by default those of the process.
    """
    parser = _parser()
    parsed = parser.parse_args(arguments)
    report = Report(sys.stderr)
    try:
        asked = conversion_of(parsed, parser.parse_args([]))
        if asked is not None:
            return _convert(asked, report)
        if parsed.source is None:
            parser.error("the following arguments are required: MODEL")
        return _run(parsed, report)
    except (TemplateError, ConfigError, UsageError) as error:
        return report.wrong_usage(str(error))
    except KeyboardInterrupt:
        return 130  # what a shell says of a command that was interrupted


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gencode",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "source",
        metavar="MODEL",
        nargs="?",
        help="the source to read, or a directory; - for standard input",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="write there; - for standard output, the default; a directory needs another one",
    )
    parser.add_argument(
        "--style",
        choices=STYLES,
        default="auto",
        help="how to write a split convolution: explicit, one attribute and one call a group;"
        " loop, an nn.ModuleList; module, a helper around the construction, which is taken for"
        " what the others cannot write; auto, explicit for few groups, loop for more, module for"
        " the rest (the default)",
    )
    parser.add_argument(
        "--max-unroll",
        metavar="N",
        type=_positive,
        default=4,
        help="the most groups that auto writes out in explicit style (default: %(default)s)",
    )
    parser.add_argument(
        "--templates",
        metavar="DIR",
        type=_directory,
        help="take templates from this directory where it has them",
    )
    parser.add_argument(
        "--no-checkpoint",
        dest="checkpoint",
        action="store_false",
        help="leave out what loads the weights of the original by their names there",
    )
    parser.add_argument(
        "--no-norm",
        dest="norm",
        action="store_false",
        help="leave a BatchNorm that follows a grouped convolution after the concatenation",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    _add_options_of_trees(parser)
    add_conversion_options(parser)
    return parser


def _add_options_of_trees(parser: argparse.ArgumentParser) -> None:
    tree = parser.add_argument_group("for a directory")
    tree.add_argument(
        "--exclude",
        metavar="PATTERN",
        action="append",
        default=[],
        help="copy what it matches unchanged; in gitignore's syntax, and may be repeated",
    )
    tree.add_argument(
        "--helper-module",
        metavar="NAME",
        help="write the helper that split sources need to this module, such as layers.splitting,"
        " and import it, instead of having it in each of them",
    )


def _convert(asked: Conversion, report: Report) -> Status:
    # Imports torch, and so only for this.
    with needing("torch"):
        from .checkpoint.conversion import convert_checkpoint
    return convert_checkpoint(asked, report)


def _run(parsed: argparse.Namespace, report: Report) -> Status:
    path: str = parsed.source
    if is_directory(path):
        return _run_tree(parsed, report)
    if parsed.exclude or parsed.helper_module is not None:
        raise UsageError("--exclude and --helper-module are for a directory")
    shown = "<stdin>" if path == STDIN else path or "''"
    to_stdout = parsed.output in (None, STDIN)
    output = "<stdout>" if to_stdout else parsed.output or "''"
    try:
        source = read_source(path)
        result = split_source(source.text, _options(parsed, path))
        data = source.encoded(result.text)
    except FileError as error:
        return report.failure(shown, str(error))
    except SourceError as error:
        return report.source_error(shown, error)
    try:
        if to_stdout:
            write_to_stdout(data)
        else:
            write_atomically(Path(parsed.output), data)
    except FileError as error:
        return report.failure(output, str(error))
    return report.result(shown, result)


def _run_tree(parsed: argparse.Namespace, report: Report) -> Status:
    # Slow to import, and so only for a directory.
    from .helper_module import helper_module
    from .mirror import Mirror
    from .tree import Tree

    if parsed.output in (None, "", STDIN):
        raise UsageError(f"{parsed.source} is a directory: name one to write it to, with -o")
    name: str | None = parsed.helper_module
    try:
        tree = Tree(Path(parsed.source), Path(parsed.output), parsed.exclude)
        helper = None if name is None else helper_module(name, tree.root)
        return Mirror(tree, partial(_options, parsed), report, helper).write()
    except OSError as error:
        path = str(error.filename or parsed.source)
        return report.failure(path, f"cannot be read: {error.strerror}")


def _options(parsed: argparse.Namespace, path: str) -> Options:
    black = black_config(path)
    try:
        return Options(
            parsed.style,
            parsed.max_unroll,
            parsed.templates,
            black,
            checkpoint=parsed.checkpoint,
            norm=parsed.norm,
        )
    except ValueError as error:
        raise ConfigError(f"pyproject.toml: {error}") from error


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1")
    return int(text)


def _directory(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is not a directory")
    return path
