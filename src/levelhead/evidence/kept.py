"""What an earlier backup holds is kept until the archive is known to be sound where the two differ.

An archive's files only grow, but for what an erasure writes anew. Bytes that were copied once and read otherwise now
were therefore changed in one of the two places, and only the archive can tell in which: a message by its digest, a
line of the ledger's files by the index. Where the archive is what is damaged, the copy must not be replaced by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from levelhead.archive.absent import overtaken
from levelhead.archive.erased import erased
from levelhead.archive.folder import LEDGER, VOLUMES
from levelhead.archive.library import frame_of
from levelhead.archive.mirror import PER_FILE, Mirror
from levelhead.archive.volumes import Volumes
from levelhead.errors import StoreDamaged
from levelhead.store.api import Entry, MessageFilter, Store

_PIECE = 1 << 20
_TRIES = 5

Told = Callable[[int, int], None]
"""Told (bytes done, bytes in all)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One file of a backup: its name in it, where it comes from, and how many bytes of that."""

    name: str
    source: Path
    length: int


def must_be_worth_copying(
    archive: Path, store: Store, pieces: Sequence[Piece], out: Path, progress: Told | None = None
) -> None:
    """Raise StoreDamaged when bytes in the backup `out` would be replaced by damaged ones; writes nothing.

    Everything that is in `out` is compared with its source, but for the index.
    """
    changed = dict[Path, list[tuple[int, int]]]()
    of, done = sum(piece.length for piece in pieces), 0
    for piece in pieces:
        if stretches := list(_differing(piece.source, out / piece.name)):
            changed[out / piece.name] = stretches
        done += piece.length
        if progress is not None:
            progress(done, of)
    if not changed:
        return
    for attempt in range(1, _TRIES + 1):
        size = store.ledger_size()
        found = next(_damage(archive, store, changed), None)
        if found is None:
            return
        if attempt < _TRIES and overtaken(store, size):
            continue  # what was found may be what was being erased
        what, copy = found
        raise StoreDamaged(
            f"{what}; nothing was copied, and {copy} is kept as an earlier backup made it: see levelhead verify,"
            ' then "One message is damaged and I have a good backup" in docs/how-to/backup.md'
        )


def _damage(
    archive: Path, store: Store, changed: dict[Path, list[tuple[int, int]]]
) -> Iterator[tuple[str, Path]]:
    """What is damaged in the archive where it is not as in the copy, and the file of the copy that has it."""
    volumes = Volumes(archive / VOLUMES)
    gone = {(frame.volume, frame.offset) for frame in erased(store).frames}
    for row in store.messages(MessageFilter()):
        path = volumes.path(row.volume)
        copy = next((one for one in changed if one.parent.name == VOLUMES and one.name == path.name), None)
        if copy is None or (row.volume, row.offset) in gone:
            continue
        end = row.offset + row.length
        touched = any(start < end and row.offset < stop for start, stop in changed[copy])
        if touched and any(_differing(path, copy, row.offset, end)):
            try:
                volumes.check(row.id, frame_of(row))
            except StoreDamaged as exc:
                yield str(exc), copy
    files = sorted(path for path in changed if path.parent.name == LEDGER)
    if files and (problem := _ledger_damage(archive, store, min(int(path.name[:6]) for path in files))):
        yield problem, files[0]


def _ledger_damage(archive: Path, store: Store, number: int) -> str | None:
    """The first entry that the ledger's files, from this one on, and the index tell differently."""
    start = (number - 1) * PER_FILE
    gone = erased(store).entries
    try:
        for theirs, mine in zip(Mirror(archive / LEDGER).read(start), store.entries(start), strict=False):
            if not _same(theirs, mine, erased=mine.seq in gone):
                return f"entry {mine.seq} is not the same in the ledger's files and in the index"
    except StoreDamaged as exc:
        return str(exc)
    return None


def _same(theirs: Entry, mine: Entry, *, erased: bool) -> bool:
    """Whether a line and the index agree; of an erased entry either may still have the payload for a moment."""
    return theirs == mine or (erased and (theirs.seq, theirs.leaf) == (mine.seq, mine.leaf))


def _differing(
    source: Path, copy: Path, start: int = 0, stop: int | None = None
) -> Iterator[tuple[int, int]]:
    """Where bytes of the copy are not those of the source, as stretches of up to a mebibyte; none without a copy.

    All of the copy when there is no source. Of the ledger, whose copy a backup completes from the index, only as much
    as the source has.
    """
    if not copy.is_file():
        return
    size = copy.stat().st_size
    stop = size if stop is None else min(stop, size)
    if not source.is_file():
        yield start, stop
        return
    if copy.parent.name == LEDGER:
        stop = min(stop, source.stat().st_size)
    with source.open("rb") as ours, copy.open("rb") as theirs:
        ours.seek(start)
        theirs.seek(start)
        for at in range(start, stop, _PIECE):
            length = min(_PIECE, stop - at)
            if ours.read(length) != theirs.read(length):
                yield at, at + length
