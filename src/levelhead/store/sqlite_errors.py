"""What SQLite's errors mean in our words, and which of them make a connection unfit for further use."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

from levelhead.errors import (
    DiskFailed,
    DiskFull,
    DiskReadOnly,
    ProgrammerError,
    StoreDamaged,
    StoreLocked,
    Unavailable,
)

UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, IndexError, ArithmeticError, RecursionError)
"""What comes of making values from rows that are not as we wrote them."""

_ROOM_NEEDED = 1 << 20
"""Bytes; with less than this free, a failed write is called a full disk (SQLite says only "I/O error")."""

_OF_READING = (
    sqlite3.SQLITE_IOERR_READ,
    sqlite3.SQLITE_IOERR_SHORT_READ,
    sqlite3.SQLITE_IOERR_CORRUPTFS,
    sqlite3.SQLITE_IOERR_DATA,
)
"""I/O errors that say that what was written once cannot be had any more."""

_OF_DAMAGE = (
    "Could not decode to UTF-8",
    "no such table: ",
    "no such column: ",
    "no such module: ",
    "no such fts5 table: ",
    "invalid fts5 file format",
    "vtable constructor failed: ",
    "malformed JSON",
)
"""How messages begin that bear the code of a wrong statement, or none, when bytes in the file were changed. Our
statements are all run by the tests, so that a table or column which is missing is missing from the file."""


def primary(exc: sqlite3.Error) -> int:
    """The primary result code (sqlite.org/rescode.html), 0 for an error that Python raised by itself."""
    code: int = getattr(exc, "sqlite_errorcode", 0) or 0
    return code & 0xFF


def poisons(exc: sqlite3.Error) -> bool:
    """Whether the connection must not be used again: after most of these nobody knows what its cache holds.

    SQLite opens a file for reading alone where an error of a moment keeps it from opening it for writing, and that
    connection would refuse every write from then on (SQLITE_READONLY).
    """
    return primary(exc) in (
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_READONLY,
    )


def translated(exc: sqlite3.Error, path: Path) -> Exception:
    """The error to raise instead, as one sentence that names the index and what to do."""
    match primary(exc):
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreLocked(
                f"the index {path} is busy with another program's write; try again in a moment"
            )
        case sqlite3.SQLITE_FULL:
            return _full(path)
        case sqlite3.SQLITE_IOERR:
            if _no_room(path):
                return _full(path)
            if getattr(exc, "sqlite_errorcode", 0) in _OF_READING:
                return damaged(exc, path)
            if _cannot_be_written(path):
                return read_only(path.parent)
            return DiskFailed(
                f"the disk under the index {path} failed ({exc}); what was being written does not count"
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_TOOBIG:
            return damaged(exc, path)
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN if _cannot_be_written(path):
            return read_only(path.parent)
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_AUTH:
            return Unavailable(
                f"the index {path} cannot be opened for this ({exc}); check its owner and rights"
            )
        case sqlite3.SQLITE_NOMEM | sqlite3.SQLITE_INTERRUPT | sqlite3.SQLITE_PROTOCOL:
            return Unavailable(f"the index {path} cannot be used right now ({exc}); try again")
    if str(exc).startswith(_OF_DAMAGE):
        return damaged(exc, path)
    return ProgrammerError(f"the index {path} refused a statement: {exc}")


def damaged(exc: Exception, path: Path) -> StoreDamaged:
    """What an index that is not as we wrote it is called, whoever noticed."""
    return StoreDamaged(f"the index {path} is damaged ({exc}); levelhead rebuild makes it again")


def read_only(folder: Path) -> DiskReadOnly:
    """What is said of a disk that cannot be written, whoever noticed."""
    return DiskReadOnly(
        f"the disk of {folder} cannot be written, it is read-only; see why, make it writable and start levelhead again"
    )


def _full(path: Path) -> DiskFull:
    return DiskFull(f"no room is left on the disk of {path.parent}; make some, nothing was lost")


def _cannot_be_written(path: Path) -> bool:
    """Whether it is the whole disk, and not the rights of this one file."""
    try:
        if os.statvfs(path.parent).f_flag & os.ST_RDONLY:
            return True
        os.utime(path.parent)  # a disk that failed can take no write and not say so
    except OSError as exc:
        return exc.errno == errno.EROFS
    return False


def _no_room(path: Path) -> bool:
    try:
        disk = os.statvfs(path.parent)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < _ROOM_NEEDED
