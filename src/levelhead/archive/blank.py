"""Blanks: what stands in a volume in the place of an erased message. Reads and writes streams, opens no file.

A blank is one or several skippable frames of zstd (RFC 8878, section 3.1.2): the magic number, four bytes that say how
many follow, and so many zero bytes, which are written as a hole, so that the disk gets the room back. It takes exactly
the bytes that the message's frame took: every other frame keeps its offset, and zstd and tar read over it.
"""

from __future__ import annotations

import os
from typing import BinaryIO

from levelhead.errors import ProgrammerError

BLANK_MAGIC = b"\x50\x2a\x4d\x18"
"""How a skippable frame of ours begins: 0x184D2A50, the first of the sixteen numbers that RFC 8878 sets aside."""
HEADER = 8
"""Bytes before the zeros: the magic number and their count; no blank is shorter."""
MOST = HEADER + 0xFFFF_FFFF
"""Bytes; the longest skippable frame. A longer blank is several, one behind the other."""

_PIECE = 1 << 20


def parts(length: int, most: int = MOST) -> tuple[int, ...]:
    """The lengths of the skippable frames that make up a blank; ProgrammerError for one that is too short to be."""
    if length < HEADER:
        raise ProgrammerError(f"a blank of {length} bytes cannot be: its header alone has {HEADER}")
    found = []
    while length:
        part = min(length, most)
        if 0 < length - part < HEADER:
            part -= HEADER  # so that what is left can hold a header too
        found.append(part)
        length -= part
    return tuple(found)


def write_blank(handle: int, offset: int, length: int, *, most: int = MOST) -> None:
    """Append a blank of `length` bytes to a file that ends at `offset`; its zeros become a hole.

    ProgrammerError when the file reaches further: what stood there would still be there. OSError from the disk.
    """
    if (size := os.fstat(handle).st_size) > offset:
        raise ProgrammerError(f"a blank at offset {offset} would lie in a file that has {size} bytes")
    for part in parts(length, most):
        os.pwrite(handle, BLANK_MAGIC + (part - HEADER).to_bytes(4, "little"), offset)
        offset += part
    os.ftruncate(handle, offset)


def blank_length(volume: BinaryIO, offset: int) -> int:
    """How many bytes from `offset` on are blank: the length of all blanks that lie there one behind the other.

    0 when there is none. One that holds anything but zeros, or that the file ends within, is none.
    """
    end = offset
    while length := _one(volume, end):
        end += length
    return end - offset


def is_blank(volume: BinaryIO, offset: int, length: int) -> bool:
    """Whether exactly these bytes are one blank, or several one behind the other."""
    at, end = offset, offset + length
    while at < end and (part := _one(volume, at)):
        at += part
    return at == end


def _one(volume: BinaryIO, offset: int) -> int:
    """The length of the skippable frame of ours at `offset`, 0 for none."""
    volume.seek(offset)
    head = volume.read(HEADER)
    if len(head) < HEADER or not head.startswith(BLANK_MAGIC):
        return 0
    left = length = int.from_bytes(head[len(BLANK_MAGIC) :], "little")
    while left:
        piece = volume.read(min(left, _PIECE))
        if not piece or piece.count(0) != len(piece):
            return 0
        left -= len(piece)
    return HEADER + length
