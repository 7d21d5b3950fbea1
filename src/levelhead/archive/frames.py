"""The format of a volume: one tar member in one zstd frame for each message. Reads and writes streams, opens no file.

A frame (RFC 8878) says its content size and carries a checksum. Its content is a ustar header, the message and
zero bytes up to a multiple of 512. Volumes are frames one after the other, so that decompressing a whole volume
gives an ordinary tar archive. The first frame of a volume is its head: a pax global header, which every tar reads
over, with a comment that says the volume's schema. Volumes without one are of schema 1 too. In the place of an erased
message stands a blank (`blank.py`), which decompresses to nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Protocol, cast

import zstandard

from levelhead.archive.blank import BLANK_MAGIC, blank_length
from levelhead.errors import NewerSchema, ProgrammerError, UserError
from levelhead.raw import Raw

MAGIC = b"\x28\xb5\x2f\xfd"
"""How every zstd frame begins."""
BLOCK = 512
"""Bytes; tar's unit."""
LARGEST = 8 * 1024**3 - 1
"""Bytes; the largest member that a ustar header can describe."""
LEVEL = 3
SCHEMA = 1
"""The form of the volumes that this program writes, and the latest that it reads."""
PIECE = 256 * 1024
"""Bytes held at a time when a message is streamed."""

_NAME = re.compile(r"(\d{10,})-([0-9a-f]{64})\.eml\Z")
_COMMENT = re.compile(rb"\d+ comment=(\{.*\})\n\Z", re.DOTALL)
_HEAD_MOST = 64 * 1024
_FRAME_HEADER_MOST = 18
_LARGEST_BLOCK = 128 * 1024
_NEWS, _HISTORY = 0o600, 0o400
_GROUP_MOST = 31
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What a volume says of a message beside its bytes, so that a crash before the index commit loses no decision."""

    received_at: datetime | None = None
    """The server's date in whole seconds, or None: it becomes the member's time (0 for None or before 1970)."""
    history: bool = False
    """True for what was there before we watched: the member's mode is then 0400 instead of 0600."""
    doubts: tuple[str, ...] = ()
    """Defects that its bytes alone do not show, as `size-mismatch`: together the name of the member's group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Where a message's frame lies: volume number (from 1), offset and length in bytes."""

    volume: int
    offset: int
    length: int
    digest: str = field(default="", compare=False)
    """SHA-256 of the frame's own bytes in lower-case hex, or empty when it is not known."""

    @property
    def end(self) -> int:
        """The offset just after the frame."""
        return self.offset + self.length


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A whole frame found by walking a volume; its bytes hash to `digest`."""

    seq: int
    digest: str
    size: int
    frame: Frame
    stamp: Stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """A stretch of a volume that is no whole frame; `cut_short` when it is a frame that the file ends within."""

    volume: int
    offset: int
    length: int
    why: str
    cut_short: bool

    def __str__(self) -> str:
        return (
            f"volume {self.volume:06} at offset {self.offset}: {self.length} bytes are damaged ({self.why})"
        )


class BadFrame(Exception):
    """Bytes that are no whole frame of ours; stays inside the archive room."""

    def __init__(self, why: str, *, cut_short: bool = False) -> None:
        super().__init__(why)
        self.cut_short = cut_short


class Blank(BadFrame):
    """A blank in the place of a frame: its message was erased."""

    def __init__(self) -> None:
        super().__init__("its message was erased")


class Sink(Protocol):
    """Whatever takes bytes."""

    def write(self, data: bytes, /) -> object: ...


# --- writing -----------------------------------------------------------------------------------


def member_name(seq: int, digest: str) -> str:
    """The name of a message inside its volume."""
    return f"{seq:010}-{digest}.eml"


def compressor() -> zstandard.ZstdCompressor:
    """What compresses frames; for one thread at a time, and worth keeping for a batch."""
    return zstandard.ZstdCompressor(level=LEVEL, write_checksum=True, write_content_size=True)


def write_frame(
    sink: Sink, seq: int, raw: Raw, stamp: Stamp, zstd: zstandard.ZstdCompressor
) -> tuple[int, str]:
    """Write one frame, a large message in pieces; its length and SHA-256. UserError above `LARGEST`."""
    if raw.size > LARGEST:
        raise UserError(
            f"the message {raw.digest[:12]} has {raw.size} bytes; the largest that can be kept has 8 GiB"
        )
    length, digest = 0, hashlib.sha256()
    for piece in _compressed(_header(seq, raw, stamp), raw, zstd):
        sink.write(piece)
        digest.update(piece)
        length += len(piece)
    return length, digest.hexdigest()


def volume_head(schema: int = SCHEMA) -> bytes:
    """The frame that begins a volume and says its schema."""
    comment = json.dumps({"levelhead": "volume", "schema": schema}, separators=(",", ":"))
    header = tarfile.TarInfo.create_pax_global_header({"comment": comment})
    return compressor().compress(header)


def _compressed(header: bytes, raw: Raw, zstd: zstandard.ZstdCompressor) -> Iterator[bytes]:
    padding = bytes(-raw.size % BLOCK)
    if raw.data is not None:
        yield zstd.compress(b"".join((header, raw.data, padding)))
        return
    chunks = zstd.compressobj(size=len(header) + raw.size + len(padding))
    with raw.open() as stream:
        for piece in chain((header,), _pieces(stream), (padding,)):
            yield chunks.compress(piece)
    yield chunks.flush()


def _header(seq: int, raw: Raw, stamp: Stamp) -> bytes:
    info = tarfile.TarInfo(member_name(seq, raw.digest))
    info.size = raw.size
    info.mode = _HISTORY if stamp.history else _NEWS
    info.gname = " ".join(stamp.doubts)
    if len(info.gname) > _GROUP_MOST:
        raise ProgrammerError(f"the defects {info.gname} have no room in a tar header")
    if stamp.received_at is not None:
        info.mtime = max(0, int(stamp.received_at.timestamp()))
    return info.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    while piece := stream.read(PIECE):
        yield piece


# --- reading -----------------------------------------------------------------------------------


def frame_length(volume: BinaryIO, offset: int) -> int:
    """The length of the frame at `offset`, found without decompressing it; BadFrame when there is none."""
    volume.seek(offset)
    head = volume.read(_FRAME_HEADER_MOST)
    if not head:
        raise BadFrame("the file ends here", cut_short=True)
    if head.startswith(BLANK_MAGIC):
        raise _no_frame(volume, offset)
    if not head.startswith(MAGIC[: len(head)]):
        raise BadFrame("no zstd frame begins here")
    try:
        parameters = zstandard.get_frame_parameters(head)
        position = offset + zstandard.frame_header_size(head)
    except zstandard.ZstdError as exc:
        raise BadFrame("the frame's header is unreadable", cut_short=len(head) < _FRAME_HEADER_MOST) from exc
    last = False
    while not last:
        volume.seek(position)
        mark = volume.read(3)
        if len(mark) < 3:
            raise BadFrame("the file ends within the frame", cut_short=True)
        word = int.from_bytes(mark, "little")
        last, kind, size = bool(word & 1), (word >> 1) & 3, word >> 3
        if kind == 3 or size > _LARGEST_BLOCK:
            raise BadFrame("a block's header is not possible")
        position += 3 + (1 if kind == 1 else size)
    position += 4 if parameters.has_checksum else 0
    if position > volume.seek(0, os.SEEK_END):
        raise BadFrame("the file ends within the frame", cut_short=True)
    return position - offset


def _no_frame(volume: BinaryIO, offset: int) -> BadFrame:
    """What is to be said of a skippable frame at `offset`, where a message was looked for."""
    if blank_length(volume, offset):
        return Blank()
    return BadFrame("it is no whole blank, which the place of an erased message must be")


def head_length(volume: BinaryIO, name: str) -> int:
    """The length of a volume's head, 0 for an older volume that has none; `name` is what an error calls the volume.

    BadFrame when no whole frame begins the file, NewerSchema when a newer program wrote it.
    """
    length = frame_length(volume, 0)
    if length > _HEAD_MOST:
        return 0
    volume.seek(0)
    try:
        head = volume.read(length)
        if zstandard.frame_content_size(head) > _HEAD_MOST:
            return 0  # what a damaged head announces would be made room for before a byte of it is read
        content = zstandard.ZstdDecompressor().decompress(head, max_output_size=_HEAD_MOST)
    except zstandard.ZstdError:
        return 0
    if content[156:157] != tarfile.XGLTYPE:
        return 0
    try:
        size = tarfile.TarInfo.frombuf(content[:BLOCK], "ascii", "strict").size
        said = _COMMENT.match(content[BLOCK : BLOCK + size])
        schema = json.loads(said[1])["schema"] if said else None
    except (tarfile.HeaderError, ValueError, TypeError, KeyError) as exc:
        raise BadFrame("the volume's head cannot be read") from exc
    if type(schema) is not int:
        raise BadFrame("the volume's head does not say its schema")
    if schema > SCHEMA:
        raise NewerSchema(
            f"{name} has form {schema}, and this levelhead knows forms up to {SCHEMA};"
            " use the newer levelhead that wrote it"
        )
    return length


def volume_start(volume: BinaryIO, path: Path) -> int:
    """Where a volume's first message lies: after the head, or 0 in an older volume or after a damaged head."""
    try:
        return head_length(volume, f"the volume {path}")
    except BadFrame:
        return 0


def check_member(volume: BinaryIO, number: int, offset: int, keep: Sink | None = None) -> Member:
    """The whole frame at `offset`, decompressed and hashed; BadFrame when it is not whole, or not ours.

    The message's bytes are written to `keep` on the way; they count only when nothing was raised.
    """
    frame = Frame(volume=number, offset=offset, length=frame_length(volume, offset))
    stream = MemberStream(volume, frame)
    digest = hashlib.sha256()
    while piece := stream.read(PIECE):
        digest.update(piece)
        if keep is not None:
            keep.write(piece)
    frame = replace(frame, digest=stream.end())
    if digest.hexdigest() != stream.digest:
        raise BadFrame("the bytes do not hash to the name of the member")
    return Member(seq=stream.seq, digest=stream.digest, size=stream.size, frame=frame, stamp=stream.stamp)


class MemberStream:
    """The bytes of one message, read from its frame in pieces; a damaged frame raises BadFrame while reading."""

    def __init__(self, volume: BinaryIO, frame: Frame) -> None:
        volume.seek(frame.offset)
        if volume.read(len(BLANK_MAGIC)) == BLANK_MAGIC:
            raise _no_frame(volume, frame.offset)
        self._window = _Window(volume, frame)
        source = cast(BinaryIO, self._window)
        self._reader = zstandard.ZstdDecompressor().stream_reader(source, read_size=PIECE, closefd=False)
        try:
            info = tarfile.TarInfo.frombuf(self._take(BLOCK), "ascii", "strict")
        except (tarfile.HeaderError, UnicodeDecodeError) as exc:
            raise BadFrame("the frame holds no tar member") from exc
        named = _NAME.match(info.name)
        if named is None or info.type != tarfile.REGTYPE:
            raise BadFrame("the tar member is not named as ours are")
        self.seq, self.digest, self.size = int(named[1]), named[2], info.size
        received_at = _EPOCH + timedelta(seconds=info.mtime) if info.mtime else None
        doubts = tuple(info.gname.split())
        self.stamp = Stamp(received_at=received_at, history=info.mode == _HISTORY, doubts=doubts)
        self._left = info.size

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes (all that are left when negative), empty at the end."""
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._take(wanted) if wanted else b""
        self._left -= len(data)
        return data

    def end(self) -> str:
        """Read on to the frame's end, so that its checksum is compared; the SHA-256 of the frame. BadFrame if off."""
        padding = -self.size % BLOCK
        if self._left or self._take(padding) != bytes(padding) or self._more() or self._window.left:
            raise BadFrame("the frame holds more or less than its member")
        return self._window.hash.hexdigest()

    def _take(self, size: int) -> bytes:
        data = bytearray()
        try:
            while len(data) < size:
                piece = self._reader.read(min(PIECE, size - len(data)))
                if not piece:
                    raise BadFrame("the frame holds less than its member")
                data += piece
        except zstandard.ZstdError as exc:
            raise BadFrame(f"the frame does not decompress: {exc}") from exc
        return bytes(data)

    def _more(self) -> bool:
        try:
            return bool(self._reader.read(1))
        except zstandard.ZstdError as exc:
            raise BadFrame(f"the frame does not decompress: {exc}") from exc


class _Window:
    """The part of a file that is one frame, as a source for the decompressor; hashed on its way."""

    def __init__(self, volume: BinaryIO, frame: Frame) -> None:
        self._volume = volume
        self._position = frame.offset
        self.left = frame.length
        self.hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        self._volume.seek(self._position)
        data = self._volume.read(self.left if size < 0 else min(size, self.left))
        self._position += len(data)
        self.left -= len(data)
        self.hash.update(data)
        return data
