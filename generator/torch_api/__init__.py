"""What is known of torch: the one table of its classes, functions and methods.

Source of the facts: torch 2.13, ``torch.nn``, ``torch.nn.functional`` and ``torch.Tensor``. What is
not in here is not known, and so counts as harmful.
"""

from .classes import *  # noqa: F403
from .functions import *  # noqa: F403
from .harmless import *  # noqa: F403
from .methods import *  # noqa: F403
