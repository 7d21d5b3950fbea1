"""The command line: formats for a reader, decides nothing. One file per group of commands."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
"""True for a type checker; see `levelhead`."""

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 "no", 2 the caller's mistake, 3 try again later."""
    if argv is None:
        # The program, not a caller in Python: whatever it makes belongs to its owner alone.
        os.umask(0o077)
    words = list(sys.argv[1:] if argv is None else argv)
    if words == ["--version"]:
        # Asked by scripts and packagers all the time; it needs no command to be known.
        from levelhead import __version__

        sys.stdout.write(f"levelhead {__version__}\n")
        return 0
    from levelhead.cli.running import run

    return run(words, ends=argv is None)
