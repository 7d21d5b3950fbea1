"""Waiting for the lock of a file, but not for ever: what stands still is told, and never stops us too."""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Callable
from pathlib import Path

from levelhead.clock import Clock
from levelhead.errors import StoreLocked

LONGEST = 30.0
"""Seconds; no program of ours holds such a lock for so long."""

HURRIED = 1.0
"""Seconds that are waited when somebody wants to end."""

_PAUSE = 0.01


def wait_for(
    handle: int,
    path: Path,
    clock: Clock,
    *,
    mode: int = fcntl.LOCK_EX,
    hurried: Callable[[], bool] = lambda: False,
) -> None:
    """Take the lock of the open file `path`; StoreLocked, naming it, when another program holds it for too long.

    Once `hurried()` is true, that is a second.
    """
    nothing = threading.Event()
    began = clock.monotonic()
    while True:
        try:
            fcntl.flock(handle, mode | fcntl.LOCK_NB)
            return
        except BlockingIOError as exc:
            longest = HURRIED if hurried() else LONGEST
            if clock.monotonic() >= began + longest:
                raise StoreLocked(
                    f"another program has held the lock {path} for {longest:.0f} seconds;"
                    " see whether one of them hangs, and try again"
                ) from exc
        clock.wait(nothing, _PAUSE)
