"""Facts of a run: what a model was seen to do, by the expressions of its source.

``schema`` is what is kept of them, in a file too; ``at`` asks them of an expression. They are
a guide and a guard: what a source says by itself counts, and what is written never has a number
that was only seen. Seen is what ran: all calls of an expression must be of one kind.
"""
