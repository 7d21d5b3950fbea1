"""What an earlier backup holds is kept until the archive is known to be sound where the two differ.

An archive's files only grow, but for what an erasure writes anew. Bytes that were copied once and read otherwise now
were therefore changed in one of the two places, and only the archive can tell in which: a message by its digest, a
line of the ledger's files by the index. Where the archive is what is damaged, the copy must not be replaced by it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from levelhead.archive.absent import overtaken
from levelhead.archive.erased import Erased, erased
from levelhead.archive.folder import LEDGER, VOLUMES
from levelhead.archive.library import frame_of
from levelhead.archive.mirror import PER_FILE, Mirror
from levelhead.archive.volumes import Volumes
from levelhead.errors import StoreDamaged, UserError
from levelhead.store.api import Entry, MessageFilter, Store
from levelhead.tree import Frontier, leaf_hash

PIECE = 1 << 20
"""Bytes that are read at a time."""
_TRIES = 5

Progress = Callable[[int, int], None]
"""Told (bytes done, bytes in all)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One file of a backup: its name in it, where it comes from, and how many bytes of that."""

    name: str
    source: Path
    length: int


class Meter:
    """How many bytes are done, of how many."""

    def __init__(self, progress: Progress | None = None) -> None:
        self._progress = progress
        self._done = self._of = 0

    def expect(self, more: int) -> None:
        """So many are still to be done."""
        self._of = self._done + more

    def add(self, done: int) -> None:
        """So many more are done."""
        self._done += done
        if self._progress is not None:
            self._progress(self._done, self._of)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What of an earlier backup may stand, as long as nothing is erased: else a source has other bytes by now."""

    gone: Erased
    """The erasures before the first source was read."""
    lengths: Mapping[str, int]
    """Of each file that is as it was copied, and still the beginning of its source: its bytes."""


def standing(
    gone: Erased,
    pieces: Sequence[Piece],
    out: Path,
    before: Mapping[str, str],
    meter: Meter,
) -> Standing:
    """Compare each file with its digest of `before` and with its source; each is read once, and nothing is written.

    While an erasure is under way, which `gone` tells, nothing may stand: it may write a source anew at any moment.
    """
    lengths: dict[str, int] = {}
    for piece in () if gone.open else pieces:
        size = size_of(out / piece.name)
        if _fits(piece, out / piece.name, size, before.get(piece.name, "")):
            lengths[piece.name] = size
            meter.add(size)
    return Standing(gone=gone, lengths=lengths)


def _fits(piece: Piece, copy: Path, size: int, digest: str) -> bool:
    if not digest or not 0 < size <= piece.length or not piece.source.is_file():
        return False
    with piece.source.open("rb") as source:
        return hash_of(source, size) == digest == digest_of(copy)


def must_be_worth_copying(
    archive: Path, store: Store, pieces: Sequence[Piece], out: Path, meter: Meter
) -> None:
    """Raise StoreDamaged when bytes in the backup `out` would be replaced by damaged ones; writes nothing.

    What is in `out` of these pieces is compared with its source.
    """
    changed = dict[Path, list[tuple[int, int]]]()
    for piece in pieces:
        if stretches := list(_differing(piece.source, out / piece.name)):
            changed[out / piece.name] = stretches
        meter.add(size_of(out / piece.name))
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


def must_go_on(store: Store, about: Mapping[str, Any], out: Path) -> None:
    """UserError unless the ledger goes on from the one that the backup `out` holds, by what that says `about` itself.

    An archive that was put back from an older backup lacks what a newer one holds, and would cut that back to its own.
    """
    size, root = about.get("size"), about.get("root")
    if type(size) is not int:
        return  # it was never finished
    edge = Frontier()
    for entry in store.entries(0, size):
        edge.append(leaf_hash(entry.leaf))
    if (edge.size, edge.root().hex()) != (size, root):
        raise UserError(
            f"{out} holds entries that this archive does not have; was the archive put back from an older backup? "
            "Nothing was copied: name a new folder, and see what levelhead restore --check says of this one"
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
        for at in range(start, stop, PIECE):
            length = min(PIECE, stop - at)
            if ours.read(length) != theirs.read(length):
                yield at, at + length


# --- bytes -------------------------------------------------------------------------------------


def pour(source: Any, sink: Callable[[bytes], object], length: int) -> int:
    """Hand on so many bytes, or as many as there are; how many that were."""
    done = 0
    while done < length and (piece := source.read(min(PIECE, length - done))):
        sink(piece)
        done += len(piece)
    return done


def hash_of(source: Any, length: int) -> str:
    """SHA-256 of so many bytes, in hex."""
    digest = hashlib.sha256()
    pour(source, digest.update, length)
    return digest.hexdigest()


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def size_of(path: Path) -> int:
    """Bytes of a file; none where there is no file."""
    return path.stat().st_size if path.is_file() else 0
