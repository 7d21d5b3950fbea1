"""The folder of a pack while it is made: beside its place, and there only when everything is written."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from levelhead.durable import sync_folder
from levelhead.errors import DiskFull, Unavailable, UserError

PART = ".part"
"""What the name of an unfinished pack's folder ends with."""

MANIFEST = "manifest.sha256"
_PIECE = 1 << 20


class Folder:
    """A pack being written. Every file is new, belongs to its owner alone, and gets the same time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """A new file of this name (with `/` between folders); the folders above it are made."""
        handle = os.open(self.place(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            yield file

    def place(self, name: str) -> Path:
        """Where the file of this name goes; the folders above it are there afterwards."""
        path = self.path.joinpath(*name.split("/"))
        if not path.parent.is_dir():
            path.parent.mkdir(mode=0o700, parents=True)
        return path

    def take(self, source: Path, name: str) -> None:
        """Move a file from elsewhere here, under this name."""
        source.chmod(0o600)
        shutil.move(source, self.place(name))

    def write(self, name: str, data: bytes) -> None:
        """A new file of these bytes."""
        with self.open(name) as file:
            file.write(data)

    def names(self) -> list[str]:
        """All files that are there, in order of their names' bytes."""
        found = (path for path in self.path.rglob("*") if path.is_file())
        return sorted((path.relative_to(self.path).as_posix() for path in found), key=str.encode)

    def seal(self) -> str:
        """Write the manifest over all files, read back from the disk; returns the manifest's own SHA-256 in hex."""
        lines = b"".join(f"{_digest(self.place(name))}  {name}\n".encode() for name in self.names())
        self.write(MANIFEST, lines)
        return hashlib.sha256(lines).hexdigest()

    def set_times(self, moment: datetime) -> None:
        """Give every file and folder this time, so that archives made of the pack are the same too."""
        seconds = moment.timestamp()
        for path in sorted(self.path.rglob("*"), reverse=True):
            os.utime(path, (seconds, seconds))
        os.utime(self.path, (seconds, seconds))


@contextmanager
def new_folder(out: Path) -> Iterator[Folder]:
    """A folder to write a pack into, which becomes `out` when the block ends well and is removed otherwise.

    UserError when there is something at `out` already, DiskFull and Unavailable when it cannot be written.
    """
    must_be_free(out)
    part = out.with_name(out.name + PART)
    try:
        part.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise UserError(
            f"{part} is there: another export is at work, or one was ended; remove it or name another --out"
        ) from None
    except OSError as exc:
        raise _in_words(exc, out) from exc
    try:
        yield Folder(part)
        _make_durable(part, out)
    except OSError as exc:
        _remove(part)
        raise _in_words(exc, out) from exc
    except BaseException:
        _remove(part)
        raise


def must_be_free(out: Path) -> None:
    """UserError unless nothing, or an empty folder, is at `out`."""
    if not out.name:
        raise UserError(f"{str(out)!r} cannot be made anew: name a folder that is not there yet")
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise UserError(f"{out} is there and is no folder: name another --out")
    if out.is_dir() and any(out.iterdir()):
        raise UserError(f"{out} is not empty: name a folder that is not there yet")


def _make_durable(part: Path, out: Path) -> None:
    """All bytes to the disk, then the name. One sync of the system is far quicker than one for each of many files."""
    os.sync()
    part.rename(out)
    sync_folder(out.parent)


def _remove(part: Path) -> None:
    shutil.rmtree(part, ignore_errors=True)


def _in_words(exc: OSError, out: Path) -> Unavailable:
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(
            f"the disk is full, so that no pack was written to {out}; nothing of it is left there"
        )
    return Unavailable(f"no pack could be written to {out}: {exc.strerror or exc}")


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
