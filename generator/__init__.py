"""Split the grouped convolutions of a PyTorch model's source into plain ones.

``split_source`` does it, on a text; ``gencode`` is the command around it.
"""

from .outcome import Options, Record, Result, SourceError, TemplateError, Warning
from .pipeline import helper_source, split_source

__version__ = "0.1.0"
__all__ = [
    "Options",
    "Record",
    "Result",
    "SourceError",
    "TemplateError",
    "Warning",
    "__version__",
    "helper_source",
    "split_source",
]
