"""A volume walked from frame to frame without the index: whole frames, and the damage between them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import BinaryIO

from levelhead.archive.blank import BLANK_MAGIC, blank_length
from levelhead.archive.frames import MAGIC, PIECE, BadFrame, Damage, Member, check_member

_BEGINS = re.compile(re.escape(MAGIC) + b"|" + re.escape(BLANK_MAGIC))


def walk(
    volume: BinaryIO, number: int, offset: int, *, believe_lengths: bool = False
) -> Iterator[Member | Damage]:
    """Everything in volume `number`, open as `volume`, from the beginning of a frame on; blanks are stepped over.

    After damage it goes on at the next whole frame or blank. `believe_lengths` as for `Volumes.walk`.
    """
    size = os.fstat(volume.fileno()).st_size
    while offset < size:
        if blank := blank_length(volume, offset):
            offset += blank
            continue
        try:
            member = check_member(volume, number, offset)
        except BadFrame as exc:
            ends = exc.cut_short and believe_lengths
            following = None if ends else _next_whole(volume, number, offset + 1)
            stop = size if following is None else following
            yield Damage(
                volume=number,
                offset=offset,
                length=stop - offset,
                why=str(exc),
                cut_short=exc.cut_short and following is None,
            )
            offset = stop
        else:
            yield member
            offset = member.frame.end


def _next_whole(volume: BinaryIO, number: int, offset: int) -> int | None:
    """The offset of the next whole frame or blank at or after `offset`, or None."""
    while True:
        volume.seek(offset)
        window = volume.read(PIECE)
        if begins := _BEGINS.search(window):
            if _is_whole(volume, number, offset + begins.start()):
                return offset + begins.start()
            offset += begins.start() + 1
        elif len(window) < PIECE:
            return None
        else:
            offset += len(window) - len(MAGIC) + 1


def _is_whole(volume: BinaryIO, number: int, offset: int) -> bool:
    if blank_length(volume, offset):
        return True
    try:
        check_member(volume, number, offset)
    except BadFrame:
        return False
    return True
