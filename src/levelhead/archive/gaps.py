"""The bytes of volumes that no message accounts for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from levelhead.archive.compare import Found, Kind
from levelhead.archive.volumes import Volumes

Stretch = tuple[int, int, int]
"""(volume, start, stop)."""


def gaps(volumes: Volumes, frames: Sequence[Stretch], found: Found) -> Iterator[Stretch]:
    """(volume, start, stop) of bytes that belong to no frame, or stop < start for bytes that are not there.

    `frames` are (volume, offset, length). start = stop for a volume in which no frame lies. OSError where a volume
    is gone; one that cannot be read is told to `found`.
    """
    frames = sorted(frames)
    ends = dict(_starts(volumes, found))
    for volume, offset, length in frames:
        if volume not in ends:
            continue  # each of its messages is missing or damaged already
        if offset > ends[volume]:
            yield volume, ends[volume], offset
        ends[volume] = max(ends[volume], offset + length)
    for volume, end in ends.items():
        size = volumes.path(volume).stat().st_size
        if size != end or not any(frame[0] == volume for frame in frames):
            yield volume, end, size


def _starts(volumes: Volumes, found: Found) -> Iterator[tuple[int, int]]:
    """(volume, where its first message lies) for each that can be read."""
    for number in volumes.numbers():
        try:
            yield number, volumes.start(number)
        except OSError as exc:
            found(Kind.DAMAGED, f"volume {number:06} cannot be read: {exc.strerror}")
