"""What PLiNIO makes of a model: it is given to PIT, MPS and SuperNet, or looked at without them.

``outcome.outcome_of`` gives a model to a method, which is to convert it, to count its weights, to
compute the same, to train, and to export what computes the same after pruning or quantisation. Of
what it does not take, ``constructs.py`` says what that is, and ``places.py`` where it stands.
``faults.py`` finds in the traced model what the methods are known not to take, without PLiNIO.

All of it imports torch, and so runs in the process that has the user's model: see ``proof``.
PLiNIO itself is imported where a model is given to it, and nowhere else.
"""
