"""Split the grouped convolutions of a PyTorch model's source into plain ones.

``split_source`` does it, on a text, and ``split_file`` on a file; ``gencode`` is the command around
them. The model is neither imported nor run, and nothing is printed::

    import gencode

    result = gencode.split_source(text, gencode.Options(style="loop"))
    result.text  # the new source
    result.records  # what was done with each grouped convolution, or why not
    result.findings  # what other rules have done, as with Options(target="plinio"), or why not
    result.warnings  # what else to know, with its place

    split = gencode.split_file("model.py")  # with the options of pyproject.toml; writes nothing
    split.before, split.after  # the bytes of the file, and of the split source
    split.result  # as above
    gencode.split_file("model.py", "model_split.py")  # the same, and writes the output

    gencode.list_source(text).records  # what would be done, quicker

What goes wrong is a ``SourceError`` (with its place), ``FileError``, ``ConfigError`` or
``TemplateError``. All results and errors can be pickled. ``gencode.checkpoint.convert`` lays a
state dict out as a model has it, and needs torch.
"""

from .config import ConfigError
from .file_split import FileSplit, split_file
from .files import FileError
from .outcome import Options, Record, Result, Size, SourceError, TemplateError, Warning
from .pipeline import helper_source, list_source, split_source

__version__ = "0.1.0"
__all__ = [
    "ConfigError",
    "FileError",
    "FileSplit",
    "Options",
    "Record",
    "Result",
    "Size",
    "SourceError",
    "TemplateError",
    "Warning",
    "__version__",
    "helper_source",
    "list_source",
    "split_file",
    "split_source",
]
