"""Split the grouped convolutions of a PyTorch model's source into plain ones.

``split_source`` does it, on a text, and ``split_file`` on a file; ``gencode`` is the command around
them.
"""

from .config import ConfigError
from .file_split import FileSplit, split_file
from .files import FileError
from .outcome import Form, Options, Record, Result, SourceError, TemplateError, Warning
from .pipeline import helper_source, list_source, split_source

__version__ = "0.1.0"
__all__ = [
    "ConfigError",
    "FileError",
    "FileSplit",
    "Form",
    "Options",
    "Record",
    "Result",
    "SourceError",
    "TemplateError",
    "Warning",
    "__version__",
    "helper_source",
    "list_source",
    "split_file",
    "split_source",
]
