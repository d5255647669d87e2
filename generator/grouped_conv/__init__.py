"""Grouped convolutions, as plain ones over slices of the channels.

Before::

    self.conv1 = nn.Conv1d(16, 8, 3, groups=2)
    ...
    x = F.relu(self.conv1(x))

After, in explicit style::

    self.conv1_0 = nn.Conv1d(8, 4, 3)
    self.conv1_1 = nn.Conv1d(8, 4, 3)
    ...
    conv1_0 = self.conv1_0(x[:, 0:8])
    conv1_1 = self.conv1_1(x[:, 8:16])
    x = F.relu(torch.cat((conv1_0, conv1_1), dim=1))
"""

import ast

from .built import helper as built_helper
from .built.helper import ALL_BLOCKS, blocks_in, helper_source
from .emitted_earlier import emitted as emitted_before
from .emitted_earlier import helper_of_earlier
from .gate import may_apply
from .plan import make_plan

__all__ = [
    "ALL_BLOCKS",
    "blocks_in",
    "emitted",
    "helper_of_earlier",
    "helper_source",
    "make_plan",
    "may_apply",
]


def emitted(tree: ast.Module) -> list[ast.stmt]:
    """The statements of a source that are the helper of a style."""
    return [*emitted_before(tree), *built_helper.emitted(tree)]
