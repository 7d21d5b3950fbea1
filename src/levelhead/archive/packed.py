"""Mail in packed files that somebody hands us by name: .zip and .tar, .tar.gz, .tgz, as exports of mail accounts are.

Only what its owner names on the command line is unpacked, never what came by mail. Nothing of a packed file decides
where something is written: each message file in it is copied under a name of ours, one after the other.
"""

from __future__ import annotations

import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
MAIL = (".eml", ".mbox")
"""What is taken out of a packed file; whatever else an export holds is passed over."""

BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, NotImplementedError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file of mail that was taken out: its name in the packed file, and where it lies now."""

    name: str
    path: Path


def is_packed(path: Path) -> bool:
    """Whether the name says that a file is a packed one."""
    return path.name.lower().endswith(ENDINGS)


def members(path: Path, folder: Path) -> Iterator[Member]:
    """The files of mail in a packed file, each copied into `folder` and removed again when the next is asked for.

    Raises OSError, with a sentence's end as its text, for a file that is damaged or protected by a password.
    """
    try:
        with closing(_open_each(path)) as found:
            for number, (name, stream) in enumerate(found):
                target = folder / f"packed-{number}{Path(name).suffix.lower()}"
                with target.open("xb") as out:
                    shutil.copyfileobj(stream, out)
                try:
                    yield Member(name=name, path=target)
                finally:
                    target.unlink(missing_ok=True)
    except BROKEN as exc:
        raise OSError(0, f"it is damaged ({str(exc) or type(exc).__name__})") from exc
    except RuntimeError as exc:  # what zipfile raises where it is not told a password
        raise OSError(0, "it is protected by a password; unpack it yourself") from exc


def _open_each(path: Path) -> Generator[tuple[str, IO[bytes]], None, None]:
    if path.name.lower().endswith(".zip"):
        with zipfile.ZipFile(path) as packed:
            for info in packed.infolist():
                if not info.is_dir() and info.filename.lower().endswith(MAIL):
                    with packed.open(info) as stream:
                        yield info.filename, stream
        return
    with tarfile.open(path, "r|*") as tar:
        for entry in tar:
            inside = tar.extractfile(entry) if entry.isreg() else None
            if inside is not None and entry.name.lower().endswith(MAIL):
                yield entry.name, inside
