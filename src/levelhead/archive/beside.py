"""The mirror held against the index, entry by entry and then byte by byte; what does not fit is named."""

from __future__ import annotations

from collections.abc import Iterator

from levelhead.archive.absent import FILES, named_by, still_there
from levelhead.archive.compare import Found, Kind
from levelhead.archive.mirror import MIRRORED, Following, Mirror
from levelhead.errors import LevelheadError, NewerSchema, StoreDamaged
from levelhead.store.api import Entry, Store


def entries_of(mirror: Mirror | None, found: Found, following: Following = lambda seq: ()) -> Iterator[Entry]:
    """The mirror's entries, none without a mirror; what else stands in its files is named, as `Mirror.walk` does."""
    if mirror is None:
        return
    reached = -1
    try:
        for item in mirror.walk(following):
            if isinstance(item, str):
                found(Kind.UNEXPLAINED, item)
            else:
                yield item
                reached = item.seq
    except (StoreDamaged, OSError) as exc:
        found(Kind.DAMAGED, f"the mirror cannot be read after entry {reached}: {exc}")


def compare_mirror(
    store: Store | None, mirror: Mirror | None, size: int, found: Found, *, same: bool = False
) -> None:
    """Compare the mirror with the index, when both are there; it must hold at least the first `size` entries.

    `same` says that somebody has found all lines to be what they should, so that only foreign files are looked for.
    """
    if mirror is None:
        return
    try:
        for name in mirror.strangers():
            found(Kind.UNEXPLAINED, f"the file {name} in the folder of the ledger is not one of ours")
        if store is not None and not same:
            _compare(store, mirror, size, found)
    except OSError as exc:
        found(Kind.DAMAGED, f"the folder of the ledger cannot be read: {exc.strerror}")
    except NewerSchema:
        raise
    except (LevelheadError, ValueError, TypeError) as exc:
        found(Kind.DAMAGED, f"the index cannot be compared with the mirror: {exc}")


def _compare(store: Store, mirror: Mirror, size: int, found: Found) -> None:
    ours = store.entries()
    mine = next(ours, None)
    reached = -1
    only_there: list[int] = []
    # Asked before the files are read: what is noted meanwhile may stand where they were already read.
    known = store.meta(MIRRORED)
    noted = int(known or 0)

    def following(seq: int) -> Iterator[Entry]:
        # What was noted was whole once: only behind that can a crash have left half an entry.
        return store.entries(seq) if seq >= noted else iter(())

    for theirs in entries_of(mirror, found, following):
        if theirs.seq > reached + 1:
            found(Kind.MISSING, f"the mirror lacks the entries from {reached + 1} to {theirs.seq - 1}")
        reached = theirs.seq
        while mine is not None and mine.seq < theirs.seq:
            mine = next(ours, None)
        if mine is None:  # the ledger has grown since its last page was read
            ours = store.entries(theirs.seq)
            mine = next(ours, None)
        if mine is None or mine.seq > theirs.seq:
            found(Kind.UNEXPLAINED, f"the mirror has entry {theirs.seq}, and the index's ledger has not")
        elif mine.leaf == theirs.leaf and mine.payload is None and theirs.payload is not None:
            only_there.append(mine.seq)
        elif mine != theirs:
            found(Kind.DAMAGED, f"entry {mine.seq} is not the same in the mirror and in the index")
    _tell_of_payloads(store, only_there, found)
    # Behind what was once noted, the files lost something; between that and the index they are only a moment late.
    # Who writes notes it before anything else, so that nobody is just writing files without a note.
    due = min(size, noted) if known else size
    if reached + 1 < due:
        found(Kind.MISSING, f"the mirror ends after {reached + 1} of {size} entries")


def _tell_of_payloads(store: Store, only_there: list[int], found: Found) -> None:
    """Name the entries whose payloads are in the mirror alone: by their erasure, or one by one without any."""
    if not only_there:
        return
    named, left = named_by(store), dict[int, list[int]]()
    for seq in only_there:
        if seq in named:
            left.setdefault(named[seq], []).append(seq)
        else:
            found(Kind.DAMAGED, f"entry {seq} is not the same in the mirror and in the index")
    for erasure, seqs in left.items():
        found(*still_there(erasure, seqs, FILES))
