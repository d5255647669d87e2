"""``python -m gencode``."""

import sys

from .command import main

sys.exit(main())
