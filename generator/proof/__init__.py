"""Prove that a result computes what its original does, by running both on random weights.

The user's model runs in processes of its own, the original and the result apart, each with a limit
of time and memory. ``prove.py`` is asked, in this process and without torch; ``shadow.py`` lays the
result out as it is to be written, in a directory of links; ``process.py`` runs one process;
``worker`` is what runs there. Nothing of gencode is on the path that the user's code imports from.

What is proved: that the result loads the original's state dict strictly, and with it, all weights,
buffers and statistics being random, gives the same outputs in eval and in train mode, the same
gradients of inputs and parameters (those of a whole by what its parts take of it), and the same
statistics after a step; that it has as many parameters, and multiplies and adds as often. A run
that would say nothing is no proof.
"""

from .prove import (
    Asked,
    Compared,
    Convolution,
    Failure,
    Place,
    Proof,
    facts_of_runs,
    prove,
)

__all__ = [
    "Asked",
    "Compared",
    "Convolution",
    "Failure",
    "Place",
    "Proof",
    "facts_of_runs",
    "prove",
]
