"""What runs in the process that has the user's model, and nowhere else: the one part with torch.

``main`` is asked in a file and answers in another one; ``reference`` says what an original computes
with random weights, ``comparison`` whether the result computes the same.
"""
