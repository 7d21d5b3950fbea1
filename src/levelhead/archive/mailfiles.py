"""Mail in files: single messages, mbox files (mboxrd, mboxo) and Maildirs, streamed message by message."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from levelhead.archive.frames import Sink
from levelhead.archive.packed import MAIL, is_packed
from levelhead.archive.spool import Spool
from levelhead.raw import Raw

BLOCK = 65_536
"""Bytes read at a time from an mbox, and as much again to the end of a line."""
LINE = 65_536
"""Bytes of a line that are looked at; it may be longer."""

_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
_ENVELOPE = re.compile(rb"From (?:-|\S*@|MAILER-DAEMON\b|.*\d:\d\d)|From *-?\r?\n\Z")
_FROM = re.compile(rb"^>*From ", re.MULTILINE)
_CERTAIN = re.compile(rb"From \S+ +(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) .*\d:\d\d")
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
    return is_folder(folder / "cur") and is_folder(folder / "new")


def is_folder(path: Path) -> bool:
    """True for a folder; what cannot be looked at is none, and whoever reads it finds out why."""
    return stat.S_ISDIR(_mode(path))


def is_special(path: Path) -> bool:
    """True for a pipe, a socket or a device: opening one may wait for ever, and it has no place to go back to."""
    mode = _mode(path)
    return mode != 0 and not stat.S_ISDIR(mode) and not stat.S_ISREG(mode)


def _mode(path: Path) -> int:
    """What kind of thing is at a path; 0 for nothing, and where we may not look."""
    try:
        return path.stat().st_mode
    except OSError:
        return 0


def sources(folder: Path) -> Iterator[Path]:
    """The mail below a folder, in order: Maildirs, .eml, .mbox and packed files, and folders that cannot be read."""
    try:
        inside = sorted(folder.iterdir())
    except OSError:
        yield folder  # whoever reads it finds out why not
        return
    parts = ("cur", "new", "tmp") if is_maildir(folder) else ()
    if parts:
        yield folder
    for path in inside:
        if is_folder(path):
            # A link to a folder above would never end.
            if not path.is_symlink() and path.name not in parts:
                yield from sources(path)
        elif (path.suffix.lower() in MAIL or is_packed(path)) and not is_special(path):
            yield path


def messages(path: Path, spool: Spool) -> Iterator[Found | Unread]:
    """What one source holds, in order; never raises for what cannot be read, DiskFull when the spool is full.

    A file whose name ends in .eml is one message, byte for byte, whatever it begins with; of others, one that begins
    with `From ` is an mbox.
    """
    if is_folder(path):
        yield from _maildir(path, spool)
        return
    try:
        yield from _file(path, spool)
    except OSError as exc:
        yield Unread(path=path, why=unreadable(exc))


def unreadable(exc: OSError) -> str:
    """Why a path cannot be read, as the end of the sentence that the path begins."""
    return f"cannot be read: {exc.strerror or exc}"


def _file(path: Path, spool: Spool) -> Iterator[Found | Unread]:
    one = path.suffix.lower() == ".eml"
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
        stream.seek(0)
        if not head:
            yield Unread(path=path, why="is empty")
        elif head.startswith(b"From ") and not one:
            yield from _mbox(stream, spool)
        elif one or any(_FIELD.match(line) for line in head.split(b"\n")[:50]):
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
            yield Unread(path=folder, why=unreadable(exc))
            return
        for path in inside:
            if is_folder(path) or is_special(path):
                continue
            try:
                yield _delivered(path, spool)
            except OSError as exc:
                yield Unread(path=path, why=unreadable(exc))


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


def _one_of_mbox(stream: BinaryIO, writer: Sink) -> bool:
    """Copy one message and read past the envelope line of the next; False when there is none.

    A blank line is held back until it is clear that it does not stand before an envelope line.
    """
    blank, begins = b"", True
    while block := stream.read(BLOCK):
        block += stream.readline(LINE)
        here, position = stream.tell() - len(block), 0
        for found in _FROM.finditer(block):
            if not found.start() and not begins:
                continue  # it stands in the middle of a line that is longer than a block
            text = blank + block[position : found.start()]
            line = block[found.start() : block.find(b"\n", found.start()) + 1 or len(block)]
            if not line.startswith(b">"):
                content, before = _without_blank(text, begins or position > 0)
                if _parts(line, _line_at(stream, here + found.start() + len(line)), after_blank=bool(before)):
                    writer.write(content)
                    stream.seek(here + found.start() + len(line))
                    if not line.endswith(b"\n"):
                        _past_line(stream)
                    return True
            writer.write(text)
            blank, position = b"", found.start() + line.startswith(b">")
        stream.seek(here + len(block))
        content, blank = _without_blank(blank + block[position:], begins and not position)
        writer.write(content)
        begins = block.endswith(b"\n")
    return False


def _without_blank(text: bytes, begins: bool) -> tuple[bytes, bytes]:
    """The text and the blank line that it ends with, if it does; `begins` when it begins a line."""
    for end in (b"\r\n", b"\n"):
        before = text[: -len(end)]
        if text.endswith(end) and (before.endswith(b"\n") or (begins and not before)):
            return before, end
    return text, b""


def _parts(line: bytes, following: bytes, *, after_blank: bool) -> bool:
    """Whether a line that begins with `From ` parts two messages, or is a sentence that nobody escaped."""
    if following and not (_FIELD.match(following) or following.startswith(b">From ")):
        return False
    return bool((_ENVELOPE if after_blank else _CERTAIN).match(line))


def _past_line(stream: BinaryIO) -> None:
    while (line := stream.readline(LINE)) and not line.endswith(b"\n"):
        pass


def _line_at(stream: BinaryIO, offset: int) -> bytes:
    stream.seek(offset)
    return stream.readline(LINE)
