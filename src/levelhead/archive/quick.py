"""The ledger alone, recomputed in one reading: leaves, commitments, root, the mirror's bytes, checkpoints.

No fact is played and no volume is opened, so that the archived messages themselves are not looked at: `verify` does.
What looks right at a glance is right; what does not is looked at by the same code as there, which names it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from itertools import chain, repeat

from levelhead import facts
from levelhead.archive.absent import FILES, INDEX, Absent, overtaken
from levelhead.archive.beside import compare_mirror, entries_of
from levelhead.archive.compare import Finding, Kind, lacking
from levelhead.archive.erased import PROTECTED
from levelhead.archive.lines import lines_of
from levelhead.archive.mirror import Mirror
from levelhead.archive.verify import (
    Anchored,
    Anchors,
    Checkpoints,
    Progress,
    Report,
    Signed,
    no_anchors,
    no_checkpoints,
)
from levelhead.errors import LevelheadError, NewerSchema, StoreDamaged
from levelhead.facts import (
    AnchorStamped,
    AnchorWitnessed,
    CheckpointSigned,
    ErasureFinished,
    MessagesErased,
)
from levelhead.store.api import Entry, Store
from levelhead.store.ledger import CANONICAL, check, read_leaf
from levelhead.tree import HASH_SIZE, Tree, leaf_hash

_KEPT = (
    CheckpointSigned.name,
    AnchorStamped.name,
    AnchorWitnessed.name,
    MessagesErased.name,
    ErasureFinished.name,
)
_EVERY = 20_000
"""Entries between two words on the progress."""
_TRIES = 50
_STARTS = 3
_NO_LINES = (b"", b"")


def verify_quick(
    store: Store | None,
    mirror: Mirror,
    *,
    without: Finding | None = None,
    checkpoints: Checkpoints = no_checkpoints,
    anchors: Anchors = no_anchors,
    progress: Progress | None = None,
) -> Report:
    """Recompute the ledger; writes nothing. Without a store the mirror's entries are read; `without` says why.

    `progress` is told (entries done, entries). The report's `checked` is 0, because no message is read.
    """
    for _ in range(_STARTS):
        report = _glanced(store, mirror, without, checkpoints, anchors, progress)
        if report.ok or store is None or not overtaken(store, report.size):
            break
    return report


def _glanced(
    store: Store | None,
    mirror: Mirror,
    without: Finding | None,
    checkpoints: Checkpoints,
    anchors: Anchors,
    progress: Progress | None,
) -> Report:
    glance = _Glance(mirror, progress)
    if without is not None:
        glance.found(*without)
    if store is None:
        glance.read_files()
    else:
        glance.index(store)
    for finding in glance.absent.findings(FILES if glance.files_read else INDEX):
        glance.found(*finding)
    for problem in checkpoints(glance.signed, glance.tree()):
        glance.found(Kind.DAMAGED, problem)
    for problem in anchors(glance.anchored, glance.signed, glance.tree()):
        glance.found(Kind.DAMAGED, problem)
    return glance.report()


class _Glance:
    """One reading of the ledger, and what was found."""

    def __init__(self, mirror: Mirror, progress: Progress | None) -> None:
        self._mirror = mirror
        self._progress = progress
        self._leaves = bytearray()
        self._tree: Tree | None = None
        self._next = 0
        self._days: set[bytes] = set()
        """Days that are in the calendar, as leaves write them."""
        self.absent = Absent()
        self.files_read = False
        """Whether entries were read from the mirror because the index's cannot be."""
        self.signed: list[Signed] = []
        self.anchored: list[Anchored] = []
        self._findings: dict[Finding, None] = {}

    def found(self, kind: Kind, sentence: str) -> None:
        self._findings[Finding(kind, sentence)] = None

    def tree(self) -> Tree:
        """The tree over all leaves that were read."""
        if self._tree is None:
            starts = range(0, len(self._leaves), HASH_SIZE)
            self._tree = Tree(bytes(self._leaves[at : at + HASH_SIZE]) for at in starts)
        return self._tree

    def report(self) -> Report:
        def of(kind: Kind) -> tuple[str, ...]:
            return tuple(finding.sentence for finding in self._findings if finding.kind is kind)

        return Report(
            ok=not self._findings,
            size=self.tree().size,
            root=self.tree().root().hex(),
            checked=0,
            damaged=of(Kind.DAMAGED),
            missing=of(Kind.MISSING),
            unexplained=of(Kind.UNEXPLAINED),
        )

    def index(self, store: Store) -> None:
        """Read the index's entries with the mirror beside them, and compare the root."""
        try:
            size, root = _size_and_root(store)
        except StoreDamaged as exc:
            self.found(Kind.DAMAGED, str(exc))
            size, root = None, b""
        same = False
        try:
            same = self._beside(store.entries(0, size), size)
        except NewerSchema:
            raise
        except (LevelheadError, ValueError, TypeError) as exc:
            self.found(Kind.DAMAGED, f"the ledger cannot be read after entry {self._next - 1}: {exc}")
            self.read_files()
            return
        tree = self.tree()
        if size is not None and tree.size != size:
            self.found(
                Kind.MISSING, f"the ledger's tree has {size} leaves, and {tree.size} entries are there"
            )
        elif size is not None and root != tree.root():
            self.found(
                Kind.DAMAGED, "the ledger's root is not the root of its entries: one of them was changed"
            )
        compare_mirror(store, self._mirror, self._next, self.found, same=same)

    def read_files(self) -> None:
        """Read the entries of the mirror that were not read yet."""
        self.files_read = True
        self.read((one for one in entries_of(self._mirror, self.found) if one.seq >= self._next), 0)

    def _beside(self, entries: Iterator[Entry], size: int | None) -> bool:
        """Read entries, and whether the mirror's files are their lines, byte for byte, and nothing else."""
        lines = chain(self._lines(), repeat(_NO_LINES))
        same = True

        def compared() -> Iterator[Entry]:
            nonlocal same
            for entry in entries:
                same = same and next(lines) == _lines_of(entry)
                yield entry

        self.read(compared(), size or 0)
        return same and next(lines) == _NO_LINES

    def _lines(self) -> Iterator[tuple[bytes, bytes]]:
        try:
            yield from self._mirror.lines()
        except OSError:
            return  # they are not the same then, and whoever compares them says why

    def read(self, entries: Iterator[Entry], size: int) -> None:
        """Recompute each of these entries and take it into the tree; `size` is how many there should be."""
        for entry in entries:
            if entry.seq > self._next:
                self.found(Kind.MISSING, lacking(self._next, entry.seq))
            self._next = entry.seq + 1
            self._leaves += leaf_hash(entry.leaf)
            kind = self._right(entry)
            if kind is None:
                kind = self._looked_into(entry)
            if kind in PROTECTED:
                self.absent.kind(entry.seq, kind)
            if kind in _KEPT:
                self._keep(entry, kind)
            if self._progress is not None and self._next % _EVERY == 0:
                self._progress(self._next, max(size, self._next))
        if self._progress is not None:
            self._progress(self._next, self._next)

    def _right(self, entry: Entry) -> str | None:
        """The kind of an entry that is right at a glance; None for one that must be looked into."""
        leaf = CANONICAL.match(entry.leaf)
        if leaf is None or entry.salt is None or entry.payload is None:
            return None
        seq, _, day, kind, commit = leaf.groups()
        if int(seq) != entry.seq or not (day in self._days or self._is_day(day)):
            return None
        if hashlib.sha256(entry.salt + entry.payload).hexdigest().encode() != commit:
            return None
        return kind.decode()

    def _is_day(self, day: bytes) -> bool:
        try:
            datetime.strptime(day.decode(), "%Y-%m-%d")  # noqa: DTZ007  # only whether there is such a day
        except ValueError:
            return False
        self._days.add(day)
        return True

    def _looked_into(self, entry: Entry) -> str | None:
        if problem := check(entry):
            self.found(Kind.DAMAGED, problem)
            return None
        kind = read_leaf(entry.leaf).type
        if entry.payload is None:
            self.absent.kind(entry.seq, kind)
            self.absent.gone(entry.seq, kind)
            return None
        return kind

    def _keep(self, entry: Entry, kind: str) -> None:
        """Take down for the end what checkpoints, anchors and erasures say; facts of other kinds are not read here."""
        try:
            fact = facts.read(kind, entry.payload or b"")
        except ValueError as exc:
            self.found(Kind.DAMAGED, f"entry {entry.seq} cannot be read: {exc}")
            return
        if isinstance(fact, CheckpointSigned):
            self.signed.append((entry, fact))
        elif isinstance(fact, AnchorStamped | AnchorWitnessed):
            self.anchored.append((entry, fact))
        else:
            self.absent.fact(entry.seq, fact)


def _lines_of(entry: Entry) -> tuple[bytes, bytes] | None:
    """What the mirror must hold of an entry; None for one of which it can hold nothing."""
    try:
        return lines_of(entry)
    except StoreDamaged:
        return None


def _size_and_root(store: Store) -> tuple[int, bytes]:
    """Size and root of one moment, as far as a writer leaves us one."""
    for _ in range(_TRIES):
        size, root = store.ledger_size(), store.ledger_root()
        if size == store.ledger_size():
            break
    return size, root
