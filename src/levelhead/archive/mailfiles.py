"""Mail in files: single messages, mbox files (mboxrd, mboxo) and Maildirs, streamed message by message."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from levelhead.archive.frames import Sink
from levelhead.archive.spool import Spool
from levelhead.raw import Raw

LINE = 65_536
"""Bytes read at a time; a longer line is read in pieces."""

_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
_ENVELOPE = re.compile(rb"From (?:-|\S*@|MAILER-DAEMON\b|.*\d:\d\d)|From *-?\r?\n\Z")
_CERTAIN = re.compile(rb"From \S+ +(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) .*\d:\d\d")
_ESCAPED = re.compile(rb">+From ")
_PIECE = 1 << 20
_HEAD = 65_536
_FLAGS = {
    "D": "\\Draft",
    "F": "\\Flagged",
    "P": "$Forwarded",
    "R": "\\Answered",
    "S": "\\Seen",
    "T": "\\Deleted",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One message in a file, with what the file's name and time say; `modified` is set for Maildirs only."""

    raw: Raw
    flags: tuple[str, ...] = ()
    modified: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A file or folder that gave no message; `why` goes on the sentence that its path begins."""

    path: Path
    why: str


def is_maildir(folder: Path) -> bool:
    """True for a folder with `cur` and `new`; `tmp` holds nothing that was delivered."""
    return (folder / "cur").is_dir() and (folder / "new").is_dir()


def sources(folder: Path) -> Iterator[Path]:
    """The mail below a folder, in order: Maildirs, files whose names end in .eml or .mbox, and unreadable folders."""
    try:
        inside = sorted(folder.iterdir())
    except OSError:
        yield folder  # whoever reads it finds out why not
        return
    parts = ("cur", "new", "tmp") if is_maildir(folder) else ()
    if parts:
        yield folder
    for path in inside:
        if path.is_dir():
            # A link to a folder above would never end.
            if not path.is_symlink() and path.name not in parts:
                yield from sources(path)
        elif path.suffix.lower() in (".eml", ".mbox"):
            yield path


def messages(path: Path, spool: Spool) -> Iterator[Found | Unread]:
    """What one source holds, in order; never raises for what cannot be read, DiskFull when the spool is full."""
    if path.is_dir():
        yield from _maildir(path, spool)
        return
    try:
        yield from _file(path, spool)
    except OSError as exc:
        yield Unread(path=path, why=f"cannot be read: {exc.strerror}")


def _file(path: Path, spool: Spool) -> Iterator[Found | Unread]:
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
        stream.seek(0)
        if not head:
            yield Unread(path=path, why="is empty")
        elif head.startswith(b"From ") and not (path.suffix.lower() == ".eml" and _is_one(stream)):
            yield from _mbox(stream, spool)
        elif path.suffix.lower() == ".eml" or any(_FIELD.match(line) for line in head.split(b"\n")[:50]):
            yield Found(raw=_whole(stream, spool))
        else:
            yield Unread(
                path=path, why="does not look like a message: no header field stands near its beginning"
            )


def _whole(stream: BinaryIO, spool: Spool) -> Raw:
    with spool.writer() as writer:
        while piece := stream.read(_PIECE):
            writer.write(piece)
        return writer.finish()


# --- Maildir -----------------------------------------------------------------------------------


def _maildir(folder: Path, spool: Spool) -> Iterator[Found | Unread]:
    for part in ("cur", "new"):
        try:
            inside = sorted(path for path in (folder / part).iterdir() if not path.name.startswith("."))
        except OSError as exc:
            yield Unread(path=folder, why=f"cannot be read: {exc.strerror}")
            return
        for path in inside:
            if path.is_dir():
                continue
            try:
                yield _delivered(path, spool)
            except OSError as exc:
                yield Unread(path=path, why=f"cannot be read: {exc.strerror}")


def _delivered(path: Path, spool: Spool) -> Found | Unread:
    with path.open("rb") as stream:
        modified = datetime.fromtimestamp(os.fstat(stream.fileno()).st_mtime, UTC)
        raw = _whole(stream, spool)
    if not raw.size:
        return Unread(path=path, why="is empty")
    return Found(raw=raw, flags=maildir_flags(path.name), modified=modified)


def maildir_flags(name: str) -> tuple[str, ...]:
    """The IMAP flags that a Maildir file's name bears after `:2,`."""
    _, _, letters = name.rpartition(":2,") if ":2," in name else ("", "", "")
    return tuple(_FLAGS[letter] for letter in letters if letter in _FLAGS)


# --- mbox --------------------------------------------------------------------------------------


def _mbox(stream: BinaryIO, spool: Spool) -> Iterator[Found]:
    """Each message without its envelope line, the blank line behind it, and one `>` of each escaped `From `."""
    _past_line(stream)
    more = True
    while more:
        with spool.writer() as writer:
            more = _one_of_mbox(stream, writer)
            raw = writer.finish()
        if raw.size:
            yield Found(raw=raw)


def _is_one(stream: BinaryIO) -> bool:
    """Whether an mbox has a single message, so that a .eml file with an envelope line can be kept as it is."""
    _past_line(stream)
    more = _one_of_mbox(stream, _Nowhere())
    stream.seek(0)
    return not more


class _Nowhere:
    """Takes bytes and forgets them."""

    def write(self, data: bytes, /) -> None:
        pass


def _one_of_mbox(stream: BinaryIO, writer: Sink) -> bool:
    """Copy one message and read past the envelope line of the next; False when there is none."""
    blank = b""
    for line, begins in _lines(stream):
        if begins and line.startswith(b"From ") and _parts(line, _next_line(stream), after_blank=bool(blank)):
            if not line.endswith(b"\n"):
                _past_line(stream)
            return True
        writer.write(blank)
        blank = b""
        if begins and line in (b"\n", b"\r\n"):
            blank = line
        else:
            writer.write(line[1:] if begins and _ESCAPED.match(line) else line)
    return False


def _parts(line: bytes, following: bytes, *, after_blank: bool) -> bool:
    """Whether a line that begins with `From ` parts two messages, or is a sentence that nobody escaped."""
    if following and not (_FIELD.match(following) or following.startswith(b">From ")):
        return False
    return bool((_ENVELOPE if after_blank else _CERTAIN).match(line))


def _past_line(stream: BinaryIO) -> None:
    while (line := stream.readline(LINE)) and not line.endswith(b"\n"):
        pass


def _next_line(stream: BinaryIO) -> bytes:
    here = stream.tell()
    line = stream.readline(LINE)
    stream.seek(here)
    return line


def _lines(stream: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """Lines with their ends, the long ones in pieces; True for a piece that begins a line."""
    begins = True
    while line := stream.readline(LINE):
        yield line, begins
        begins = line.endswith(b"\n")
