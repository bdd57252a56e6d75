"""Entry point of ``python -m bitrill``: the same as the command ``bitrill``."""

import sys

from .cli import main

sys.exit(main())
