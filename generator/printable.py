"""Text from outside, such as a file's name, in one line that does nothing to a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""A text with what cannot be printed escaped, as Python escapes it: ``\n``, ``\x1b``.

    That is all that ends a line, moves the cursor, turns the direction of writing or has no form:
    with it, a name could pass for a message of ours.
    """
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
