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

and in loop style::

    self.conv1 = nn.ModuleList(nn.Conv1d(8, 4, 3) for _ in range(2))
    ...
    conv1 = [conv(x[:, 8 * i : 8 * i + 8]) for i, conv in enumerate(self.conv1)]
    x = F.relu(torch.cat(conv1, dim=1))

What is split: Conv1d, Conv2d, Conv3d and their transposed variants of ``torch.nn``, by whatever
name they are imported, where ``groups`` is neither 1 nor, in 1d and 2d, that of a depthwise layer
(groups = in = out channels): by its numbers, or because all three have one value whatever that is
(``groups=c``, or ``d`` after ``d = c``, or ``int(c)``), or else ``groups`` is 1 (``groups=c if
depthwise else 1``). Depthwise layers with a multiplier are split, and in 3d all depthwise ones.
Where ``groups`` could only be among ``**kwargs``, and no call in the file puts it there, the
convolution is kept, and named in case another file does (not where ``__all__`` offers what is
called). ``F.conv2d(..., groups=...)`` has no module, and is left; it is kept where its weight is
none of a module's, as in a loss.

In which style:

- explicit, up to ``--max-unroll`` groups: one attribute and one line a group;
- loop, an ``nn.ModuleList``, for more;
- built, for everything else, and for depthwise layers with a multiplier that it alone splits well:
  see ``grouped_conv.built``.

Explicit and loop are for the simple case, which reads as if written by hand: ``in_channels``,
``out_channels`` and ``groups`` are known from the source (literals, constants, names and attributes
assigned once, and arithmetic with them); one statement of its own of a class assigns the
convolution to ``self.name``; and nothing is done with it but to call it on its input, in the class
itself or in its subclasses in the file, in statements before which others can stand. ``--style``
asks for a style wherever it can be written; the note of the message says why it was not. Where it
asks for explicit or loop, numbers may also have been seen in a run, always the same: what is built
with others then raises.

What only feeds another ``torch.cat`` of channels, at once or collected in a list, goes into that
one branch by branch, and what pads the input of a 1d convolution (``F.pad``, ``nn.ConstantPad1d``)
pads each slice; both in built style.

Code that goes over modules, weights or a state dict finds the parts of what is split: more of them,
of fewer channels, by other names. What does the same to each is not affected; what depends on
sizes, counts, classes or names, in a forward or in a tool beside it, is warned of with its place.
"""

import ast

from .built import helper as built_helper
from .built.blocks import ALL_BLOCKS, blocks_in
from .built.helper import helper_source
from .emitted_earlier import emitted as emitted_before
from .emitted_earlier import helper_of_earlier
from .rule import GroupedConv

__all__ = [
    "ALL_BLOCKS",
    "GroupedConv",
    "blocks_in",
    "emitted",
    "helper_of_earlier",
    "helper_source",
]


def emitted(tree: ast.Module) -> list[ast.stmt]:
    """The statements of a source that are the helper of a style."""
    return [*emitted_before(tree), *built_helper.emitted(tree)]
