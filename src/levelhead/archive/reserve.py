"""The reserve: a file that takes up room, so that a disk which runs full leaves enough to say so and to go on.

On a full disk even deleting rows and writing the log back fail, so that nothing but removing a file makes room.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

RESERVE = "reserve"
"""The file in the archive's folder; it holds nothing."""

RESERVE_BYTES = 4 * 1024**2
"""An alert, its delivery and the verdicts on some hundred messages fit."""

LOW_BYTES = 1024**2
"""A disk with less free than this is full: SQLite could not even finish what it has begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What a disk says of itself: the bytes that we may still write, and whether it can be written at all."""

    free: int
    read_only: bool


class Reserve:
    """The reserve of the archive in `folder`. Every call may raise OSError when the folder itself is gone."""

    def __init__(
        self,
        folder: Path,
        *,
        size: int = RESERVE_BYTES,
        statvfs: Callable[[Path], os.statvfs_result] = os.statvfs,
        allocate: Callable[[int, int, int], None] = os.posix_fallocate,
    ) -> None:
        """`statvfs` and `allocate` are those of `os`, and the place where a test makes the disk full."""
        self.folder = folder
        self.size = size
        self._statvfs = statvfs
        self._allocate = allocate

    @property
    def path(self) -> Path:
        return self.folder / RESERVE

    @property
    def there(self) -> bool:
        """Whether it is there in its full size."""
        with suppress(FileNotFoundError):
            return self.path.stat().st_size >= self.size
        return False

    def room(self) -> Room:
        """How the disk is at this moment."""
        disk = self._statvfs(self.folder)
        return Room(free=disk.f_bavail * disk.f_frsize, read_only=bool(disk.f_flag & os.ST_RDONLY))

    def refused(self) -> bool:
        """Whether nothing can be written there, found out by trying: a disk that failed need not say so."""
        try:
            os.utime(self.folder)
        except OSError as exc:
            return exc.errno == errno.EROFS
        return False

    def make(self) -> bool:
        """Take the room up, where as much again stays free; False when that cannot be, and nothing is taken then."""
        if self.there:
            return True
        if self.room().free < 2 * self.size:
            return False
        try:
            handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                self._allocate(handle, 0, self.size)
            finally:
                os.close(handle)
        except OSError:
            self.give()
            return False
        return True

    def give(self) -> bool:
        """Make room by removing it; False when there was none, or nothing can be removed."""
        try:
            self.path.unlink()
        except OSError:
            return False
        return True

    def make_way(self) -> bool:
        """Give it on a disk that is full already, so that a daemon can start and say so."""
        with suppress(FileNotFoundError):
            return self.room().free < LOW_BYTES and self.give()
        return False
