"""The daemon's lock: one daemon per archive, held as long as the process lives, whatever way it ends."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from levelhead import clock
from levelhead.durable import make_folder
from levelhead.errors import DiskFull, DiskReadOnly, StoreLocked
from levelhead.values import dataclass

LOCK = "lock"
"""The file in the archive's folder that one daemon holds."""


@contextmanager
def hold(path: Path, started_at: datetime) -> Iterator[None]:
    """Hold `path` (usually `archive/lock`); StoreLocked, naming the other process, when somebody else does.

    The kernel frees the lock when the process ends, so a file left by a crash stops nobody. The file holds the
    process number and the start time and is never removed, because removing a lock file makes two locks of it.
    """
    with _naming(path.parent):
        make_folder(path.parent)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(handle, path)
        with _naming(path.parent):
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()} {clock.to_text(started_at)}\n".encode(), 0)
        yield
        with suppress(OSError):  # the disk may have become one that cannot be written
            os.ftruncate(handle, 0)
    finally:
        os.close(handle)


@contextmanager
def _naming(folder: Path) -> Iterator[None]:
    """A disk that is full or cannot be written, in our words."""
    try:
        yield
    except OSError as exc:
        if exc.errno == errno.EROFS:
            raise DiskReadOnly(
                f"the disk of the archive {folder} cannot be written, it is read-only; see why, make it writable and "
                "start levelhead again"
            ) from exc
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(
                f"no room is left on the disk of the archive {folder}; make some, nothing was lost"
            ) from exc
        raise


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The process that holds a lock, and since when."""

    pid: int
    since: datetime


def holder(path: Path) -> Holder | None:
    """Who holds `path`, None when nobody does. Never gets in the way of a daemon that starts at this moment."""
    try:
        with path.open("rb") as file:
            pid, _, since = file.read(200).decode("utf-8", "replace").strip().partition(" ")
            if not pid.isdigit():
                return None  # cleared at the end of the last one, or never written
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return Holder(pid=int(pid), since=clock.from_text(since))
    except (OSError, ValueError):
        return None
    return None  # the kernel freed the lock of one that was killed


def _take(handle: int, path: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        pid, _, since = os.pread(handle, 200, 0).decode("utf-8", "replace").strip().partition(" ")
        who = f"process {pid}, started {since}" if pid and since else "another process"
        raise StoreLocked(
            f"the archive {path.parent} is in use by another levelhead daemon ({who}); "
            "stop that one first, or give this one an archive of its own"
        ) from exc
