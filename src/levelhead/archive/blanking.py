"""Frames of a volume replaced by blanks: a new file is written beside it and takes its place, or nothing changes.

Every other byte stays what and where it was. Whoever has the old file open reads on in it; its room is given back when
they are done.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Protocol

from levelhead.archive.anew import written_anew
from levelhead.archive.blank import is_blank, write_blank
from levelhead.archive.spool import NO_ROOM
from levelhead.errors import DiskFull, StoreDamaged

_PIECE = 1 << 20

Write = Callable[[int, bytes], int]
Sync = Callable[[int], None]


class Stretch(Protocol):
    """Where a frame lies: volume number (from 1), offset and length in bytes."""

    @property
    def volume(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def length(self) -> int: ...


def by_volume(frames: Iterable[Stretch]) -> Iterator[tuple[int, tuple[tuple[int, int], ...]]]:
    """The frames of each volume as (offset, length), in order, each once. StoreDamaged for two that overlap."""
    found: dict[int, set[tuple[int, int]]] = {}
    for frame in frames:
        found.setdefault(frame.volume, set()).add((frame.offset, frame.length))
    for number, places in sorted(found.items()):
        ordered = tuple(sorted(places))
        for (first, length), (second, _) in pairwise(ordered):
            if second < first + length:
                raise StoreDamaged(
                    f"the ledger says of two erased messages that they lie over each other in volume {number:06},"
                    f" at offsets {first} and {second}; nothing was blanked there"
                )
        yield number, ordered


def blank_volume(path: Path, places: Iterable[tuple[int, int]], write: Write, sync: Sync) -> int:
    """Make these (offset, length) of a volume blank, durably but for the folder's entry; how many bytes were not yet.

    A place that the file ends before is passed over; one that it ends within is blank to its own end afterwards.
    DiskFull when there is no room for the new file, OSError when the disk fails: the volume is as it was.
    """
    try:
        old = path.open("rb")
    except FileNotFoundError:
        return 0  # nothing of it is left, which the verifier tells
    with old:
        size = os.fstat(old.fileno()).st_size
        left = [place for place in places if place[0] < size and not is_blank(old, *place)]
        if not left:
            return 0
        try:
            with written_anew(path, sync) as handle:
                _write(old.fileno(), handle, left, size, write)
        except OSError as exc:
            if exc.errno not in NO_ROOM:
                raise
            raise DiskFull(
                f"no room in {path.parent} to write {path.name} anew without its erased messages ({exc.strerror});"
                f" make up to {size} bytes of room, and levelhead erase --finish goes on"
            ) from exc
    return sum(length for _, length in left)


def _write(old: int, new: int, places: Iterable[tuple[int, int]], size: int, write: Write) -> None:
    """Fill the empty file `new` with the bytes of `old` and blanks in these places."""
    at = 0
    for offset, length in places:
        _copy(old, new, at, offset, write)
        write_blank(new, offset, length)
        at = offset + length
    _copy(old, new, at, size, write)


def _copy(source: int, target: int, start: int, stop: int, write: Write) -> None:
    """Copy the bytes from `start` up to `stop` to where they were; what is a hole in the one is one in the other."""
    while start < stop:
        data = min(_next(source, start, os.SEEK_DATA, stop), stop)
        end = min(_next(source, data, os.SEEK_HOLE, stop), stop) if data < stop else stop
        os.lseek(target, data, os.SEEK_SET)
        while data < end:
            piece = os.pread(source, min(_PIECE, end - data), data)
            if not piece:
                raise StoreDamaged("a volume became shorter while it was written anew; nothing was changed")
            data += len(piece)
            while piece:
                piece = piece[write(target, piece) :]
        start = end
    if os.fstat(target).st_size < stop:
        os.ftruncate(target, stop)


def _next(file: int, at: int, what: int, otherwise: int) -> int:
    """Where the next data or the next hole begins, or `otherwise` when there is none."""
    try:
        return os.lseek(file, at, what)
    except OSError as exc:
        if exc.errno != errno.ENXIO:
            raise
        return otherwise
