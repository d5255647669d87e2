"""How much gencode takes on. ``gencode --help`` names each of these."""

from __future__ import annotations

from typing import Final

LONGEST_CODE: Final = 20_000
"""The characters that are taken apart or formatted at once, and that are written out for all groups
of a convolution: libcst and black take some seconds over so many."""

MOST_GROUPS: Final = 100_000
"""The groups of a convolution that is written out; all of its branches have names in a record."""

TEMPLATE_SECONDS: Final = 10
"""How long the templates of a user may take over one source."""

TEMPLATE_MEGABYTES: Final = 512
"""The memory of the process that renders them, where the system has such a limit."""

TEMPLATE_CHARACTERS: Final = 200_000
"""The size of such a template, and of all that they add to one source: black takes its time."""

MODEL_SECONDS: Final = 600
"""How long a model that --model names may take to be built and run, as it is and as split each."""

MODEL_GIGABYTES: Final = 8
"""The memory that it may take, where the system has such a limit."""
