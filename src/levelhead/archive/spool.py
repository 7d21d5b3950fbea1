"""The spool: where bytes of a message wait while they are fetched, so that a large one never fills memory."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from levelhead.errors import DiskFull, ProgrammerError
from levelhead.raw import SPOOL_ABOVE, Raw

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Errors of the system that say that there is no room (for us)."""


class Spool:
    """A folder (mode 0700) of short-lived files named after the process that writes them."""

    def __init__(self, folder: Path, *, above: int = SPOOL_ABOVE) -> None:
        self.folder = folder
        self._above = above

    def writer(self) -> SpoolWriter:
        """A place to put the next message; it makes a file only when the message turns out to be large."""
        return SpoolWriter(self.folder, self._above)

    def clear(self) -> tuple[str, ...]:
        """Remove what processes that are gone have left; call once at start. Returns the names removed.

        Files of our own process number are leftovers too at that moment: in a container it is the same every time.
        """
        removed = []
        for path in sorted(self.folder.glob("*.spool")):
            owner = path.name.partition("-")[0]
            if owner.isdigit() and int(owner) != os.getpid() and _alive(int(owner)):
                continue
            path.unlink(missing_ok=True)
            removed.append(path.name)
        return tuple(removed)


class SpoolWriter:
    """One message on its way in: hashed while it is written, in memory until it is large.

    As a context manager it throws away what was not finished.
    """

    def __init__(self, folder: Path, above: int) -> None:
        self._folder = folder
        self._above = above
        self._hash = hashlib.sha256()
        self._size = 0
        self._held: list[bytes] = []
        self._path: Path | None = None
        self._file: BinaryIO | None = None
        self._ended = False

    def __enter__(self) -> SpoolWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._ended:
            self.discard()

    def write(self, data: bytes) -> None:
        """Take the next bytes; DiskFull when there is no room for them."""
        if self._ended:
            raise ProgrammerError("a spool writer was written to after its end")
        self._hash.update(data)
        self._size += len(data)
        try:
            if self._file is not None:
                self._file.write(data)
                return
            self._held.append(bytes(data))
            if self._size > self._above:
                self._spill()
        except OSError as exc:
            raise self._told(exc) from exc

    def finish(self) -> Raw:
        """The handle on all that was written."""
        self._ended = True
        digest = self._hash.hexdigest()
        if self._file is None:
            return Raw(digest=digest, size=self._size, data=b"".join(self._held))
        try:
            self._file.close()
        except OSError as exc:
            self.discard()
            raise self._told(exc) from exc
        return Raw(digest=digest, size=self._size, path=self._path)

    def discard(self) -> None:
        """Throw away what was written."""
        self._ended = True
        self._held.clear()
        try:
            if self._file is not None:
                with suppress(OSError):
                    self._file.close()
        finally:
            if self._path is not None:
                self._path.unlink(missing_ok=True)

    def _told(self, error: OSError) -> Exception:
        """A disk without room in our words; any other error as it is."""
        if error.errno not in NO_ROOM:
            return error
        return DiskFull(f"no room in {self._folder} for a message of {self._size} bytes or more; make some")

    def _spill(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = self._folder / f"{os.getpid()}-{secrets.token_hex(8)}.spool"
        self._file = os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        for piece in self._held:
            self._file.write(piece)
        self._held.clear()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
