"""What is gone from an archive, held against the erasures that its ledger tells of; what does not fit is named.

A payload may be missing when a `messages.erased` names its entry, and a blank may lie where one says so. What one names
and is still there, and one that was broken off, is to be finished.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from levelhead.archive.blank import is_blank
from levelhead.archive.compare import Finding, Found, Kind
from levelhead.archive.erased import Erased, Erasures, erased, erased_of, numbers
from levelhead.archive.frames import BadFrame, check_member
from levelhead.archive.volumes import Volumes
from levelhead.errors import LevelheadError
from levelhead.facts import ErasureFinished, Fact, FramePart, MessagesErased
from levelhead.store.api import Entry, MessageRow, Store

INDEX, FILES = "the index", "the ledger's files"
"""Where payloads lie."""

_FINISH = "levelhead erase --finish takes it out"


class Absent:
    """Collects, while a ledger is read entry by entry, which payloads are gone and which should be."""

    def __init__(self) -> None:
        self._erasures = Erasures()
        self._gone: dict[int, str] = {}

    def kind(self, seq: int, kind: str) -> None:
        """Take down what an entry tells of, whether or not its payload is there."""
        self._erasures.kind(seq, kind)

    def gone(self, seq: int, kind: str) -> None:
        """Take down that an entry has no payload."""
        self._gone[seq] = kind

    def fact(self, seq: int, fact: Fact) -> None:
        """Take down what a fact says of erasures, if anything."""
        self._erasures.fact(seq, fact)

    def erased(self) -> Erased:
        """The erasures that were read so far."""
        return self._erasures.erased()

    def findings(self, where: str) -> Iterator[Finding]:
        """What is wrong, once the whole ledger was read from `where`."""
        known = self.erased()
        yield from (Finding(Kind.DAMAGED, problem) for problem in known.problems)
        for seq, kind in self._gone.items():
            if seq not in known.entries:
                yield Finding(
                    Kind.MISSING, f"the payload of entry {seq} ({kind}) was taken out of the ledger"
                )
        for seq, fact in known.all:
            if left := [one for one in numbers(fact.entries) if one not in self._gone]:
                yield still_there(seq, left, where)
        for seq, _ in known.open:
            yield Finding(
                Kind.MISSING,
                f"the erasure in entry {seq} is not finished, so that something of what it erased may still be"
                " in the archive; levelhead erase --finish finishes it",
            )


def still_there(seq: int, left: Sequence[int], where: str) -> Finding:
    """That these entries, which the erasure in entry `seq` names, still have payloads."""
    what = f"the payload of entry {left[0]}" + (f" and {len(left) - 1} more" if len(left) > 1 else "")
    is_or_are = "are" if len(left) > 1 else "is"
    return Finding(
        Kind.UNEXPLAINED, f"{what} {is_or_are} still in {where} after the erasure in entry {seq}; {_FINISH}"
    )


def unblanked(volumes: Volumes, known: Erased) -> Iterator[Finding]:
    """Frames of erased messages that are not blank. OSError for a volume that cannot be read.

    One that the volume's file ends before or within is not told of here.
    """
    for seq, fact in known.all:
        whole = []
        for frame in fact.frames:
            state = _state(volumes, frame)
            if state == "gone":
                yield Finding(
                    Kind.MISSING, f"volume {frame.volume:06}, where erased messages lay, is missing"
                )
            elif state == "whole":
                whole.append(frame)
            elif state == "other":
                yield Finding(
                    Kind.DAMAGED,
                    f"volume {frame.volume:06} has {frame.length} bytes at offset {frame.offset}, where a message"
                    f" lay that the erasure in entry {seq} erased, and they are neither blank nor that message;"
                    f" {_FINISH}",
                )
        if whole:
            yield Finding(
                Kind.UNEXPLAINED,
                f"{len(whole)} of {len(fact.frames)} messages that the erasure in entry {seq} erased still lie in"
                f" their volumes, the first in volume {whole[0].volume:06} at offset {whole[0].offset}; {_FINISH}",
            )


def _state(volumes: Volumes, frame: FramePart) -> str:
    """`blank`, `whole`, `other`, `cut` for one that the file ends before or within, `gone` without a file."""
    try:
        file = volumes.path(frame.volume).open("rb")
    except FileNotFoundError:
        return "gone"
    with file:
        if is_blank(file, frame.offset, frame.length):
            return "blank"
        if frame.offset + frame.length > file.seek(0, 2):
            return "cut"
        try:
            whole = check_member(file, frame.volume, frame.offset).frame.length == frame.length
        except BadFrame:
            whole = False
        return "whole" if whole else "other"


def living(rows: Iterable[MessageRow], known: Erased) -> Iterator[Finding]:
    """Messages of the ledger that lie where an erasure says that one was erased."""
    gone = {(frame.volume, frame.offset): seq for seq, fact in known.all for frame in fact.frames}
    for row in rows if gone else ():
        if (seq := gone.get((row.volume, row.offset))) is not None:
            yield Finding(
                Kind.DAMAGED,
                f"the erasure in entry {seq} names the place of message {row.id[:12]}, which the ledger still tells of",
            )


def overtaken(store: Store, size: int) -> bool:
    """Whether an erasure was recorded or finished since the ledger had `size` entries; False if that cannot be read."""
    kinds = (MessagesErased.name, ErasureFinished.name)
    try:
        latest = [entry.seq for kind in kinds for entry, _ in store.facts_about(kind=kind, limit=1)]
    except (LevelheadError, ValueError, TypeError):
        return False  # who reads the ledger tells of it
    return any(seq >= size for seq in latest)


def named(store: Store | None, files: Iterator[Entry], found: Found) -> frozenset[int]:
    """All entries that erasures name, as the index says, or without one that can be read its ledger's files."""
    try:
        if store is not None:
            return erased(store).entries
    except (LevelheadError, ValueError, TypeError) as exc:
        found(Kind.DAMAGED, f"the index cannot say what was erased: {exc}")
    return erased_of(files).entries


def named_by(store: Store) -> dict[int, int]:
    """For each entry that an erasure in an index names the entry of the first one that does."""
    found: dict[int, int] = {}
    for seq, fact in erased(store).all:
        for one in numbers(fact.entries):
            found.setdefault(one, seq)
    return found
