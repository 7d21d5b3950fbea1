"""`python -m levelhead` is the same program as `levelhead`."""

from __future__ import annotations

import sys

from levelhead.cli import main

if __name__ == "__main__":
    sys.exit(main())
