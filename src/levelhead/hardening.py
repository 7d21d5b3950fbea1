"""What a process keeps to itself: its memory, and an environment that may hold secrets."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from collections.abc import Mapping

from levelhead.errors import ProgrammerError

_PR_SET_DUMPABLE = 4

_HANDED_ON = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TZ", "LANG", "LANGUAGE", "VIRTUAL_ENV"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "LD_LIBRARY_PATH", "LD_PRELOAD", "XDG_CACHE_HOME"),
)
_HANDED_ON_FAMILIES = ("LC_", "PYTHON", "FAKETIME", "OMP_", "OPENBLAS_", "MKL_", "MALLOC_")
"""Beginnings of names; settings of the interpreter, of C libraries and of a clock that a test has set."""


def leave_no_trace() -> None:
    """From now on this process leaves no core file, and no other of its user can look into it.

    RLIMIT_CORE 0, and prctl(PR_SET_DUMPABLE, 0) on Linux: memory and environment in /proc belong to root, and no
    debugger attaches. A program that it starts has these rights anew; the limit is inherited.
    """
    if resource.getrlimit(resource.RLIMIT_CORE) != (0, 0):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux" and ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0):
        raise ProgrammerError(f"prctl(PR_SET_DUMPABLE) failed: {os.strerror(ctypes.get_errno())}")


def handed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """What of an environment a worker needs: where programs, home and locale are, and no word that may be a secret."""
    return {
        name: value
        for name, value in environment.items()
        if name in _HANDED_ON or name.startswith(_HANDED_ON_FAMILIES)
    }
