"""A run as one page of HTML: pictures, sources side by side, the proof, and the readiness.

``contents.py`` is what a page is made of, in plain data; ``html`` of ``render.py`` makes the text,
from the templates in templates/report/. Between them, ``cards.py`` says what is shown of each
convolution, ``picture.py`` draws it, ``sides.py`` puts two texts side by side, ``highlighting.py``
colours them, which needs Pygments. A page has no script and asks for nothing from elsewhere.
"""
