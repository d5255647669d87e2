"""What may happen in the code of a project: an abstract interpretation of its syntax trees.

Rules ask ``facts.Facts``; nothing else here is for them.
"""
