"""``python -m gencode``."""

import sys

from .command.entry import main

sys.exit(main())
