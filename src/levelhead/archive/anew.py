"""A file written anew: beside the old one, whose place it takes whole and durable, or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HALF = ".part"
"""How the name of a file ends that is to take another's place; a crash may leave one, and the next attempt uses it."""


@contextmanager
def written_anew(path: Path, sync: Callable[[int], None] = os.fsync) -> Iterator[int]:
    """A handle of an empty file (mode 0600) that is renamed to `path` at the end; after an error it is gone.

    Whoever wants the new name to outlive a power cut synchronises the folder afterwards.
    """
    half = path.with_name(path.name + HALF)
    handle = os.open(half, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        try:
            yield handle
            sync(handle)
        finally:
            os.close(handle)
        half.rename(path)
    except BaseException:
        half.unlink(missing_ok=True)
        raise
