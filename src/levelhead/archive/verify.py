"""The verifier: everything made again from raw bytes and ledger, beside the archive, and compared. Trusts nothing.

Each entry of the ledger is recomputed, each message is read from its volume, hashed and parsed, and all facts are
played into an empty index in a temporary folder. Whatever the real index says differently is named in one sentence.
The archive itself is only read. It may be in use meanwhile: what looks wrong is looked at again together with what
was written since.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from levelhead import facts
from levelhead.archive.absent import FILES, INDEX, Absent, living, named, overtaken, unblanked
from levelhead.archive.beside import compare_mirror, entries_of
from levelhead.archive.compare import Finding, Kind, compare_holdings, compare_messages, compare_rest, lacking
from levelhead.archive.erased import PROTECTED
from levelhead.archive.frames import Member
from levelhead.archive.gaps import Stretch, gaps
from levelhead.archive.mirror import Mirror
from levelhead.archive.readback import HELD, Batch, ReadBack, Reading
from levelhead.archive.spool import Spool
from levelhead.archive.together import ParseMany
from levelhead.archive.volumes import Volumes
from levelhead.errors import LevelheadError, NewerSchema, ProgrammerError, StoreDamaged, StoreLocked
from levelhead.facts import (
    AnchorStamped,
    AnchorWitnessed,
    CheckpointSigned,
    Fact,
    MessageArchived,
    MessageMarked,
)
from levelhead.model import Parsed
from levelhead.store.api import Entry, MessageFilter, Store
from levelhead.store.ledger import check, read_leaf
from levelhead.tree import Tree, leaf_hash

AT_ONCE = 500
"""Facts played in one transaction."""
CHARACTERS = 16_000_000
"""Of texts, as many as their messages may hold, in the facts of one transaction: two lots are in memory at once."""
PLAYED, PARTS = 12, 16
"""Of so many parts, each as large as the ledger, the entries are the first; what follows them takes the rest."""

_LONGEST_TEXT = 1_000_000
"""Characters that are kept of one message, however large that is (`body.TEXT_LIMIT`)."""
_TRIES = 50
_STARTS = 3
"""How often everything is looked at anew because an erasure came meanwhile."""

Progress = Callable[[int, int], None]
Signed = tuple[Entry, CheckpointSigned]
"""A checkpoint and the entry that holds it."""
Checkpoints = Callable[[Sequence[Signed], Tree], Iterator[str]]
"""Says what is wrong with the checkpoints of a ledger, whose tree was made of its leaves again."""
Anchored = tuple[Entry, AnchorStamped | AnchorWitnessed]
"""What somebody outside said of a checkpoint, and the entry that holds it."""
Anchors = Callable[[Sequence[Anchored], Sequence[Signed], Tree], Iterator[str]]
"""Says what is wrong with the anchors of a ledger, given its checkpoints too."""


def no_checkpoints(signed: Sequence[Signed], tree: Tree) -> Iterator[str]:
    """For who does not look at checkpoints, because there is nothing that they could be held against."""
    return iter(())


def no_anchors(anchored: Sequence[Anchored], signed: Sequence[Signed], tree: Tree) -> Iterator[str]:
    """For who does not look at anchors."""
    return iter(())


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome. `size` and `root` are the recomputed ledger's, `checked` counts messages read and hashed."""

    ok: bool
    size: int
    root: str
    checked: int
    damaged: tuple[str, ...]
    missing: tuple[str, ...]
    unexplained: tuple[str, ...]
    outdated: tuple[str, ...] = ()
    """What an earlier program read otherwise in the same bytes: no damage, and `levelhead rebuild` ends it."""


def verify(
    store: Store | None,
    volumes: Volumes,
    mirror: Mirror | None = None,
    *,
    without: Finding | None = None,
    parse_many: ParseMany,
    open_store: Callable[[Path], Store],
    checkpoints: Checkpoints = no_checkpoints,
    anchors: Anchors = no_anchors,
    deep: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Compare index, ledger, mirror and volumes with each other; writes nothing to them.

    Without a store, or from where a damaged one cannot be read on, the mirror's entries are played and the messages
    are checked against them; `without` says why there is none.
    `open_store` makes an empty store at a path (for the temporary copy), `progress` is told (done, of).
    `deep` also reads every byte of the volumes that no message accounts for, and says what it is.
    """
    for _ in range(_STARTS):
        with tempfile.TemporaryDirectory(prefix="levelhead-verify-") as folder:
            copy = open_store(Path(folder) / "copy.sqlite")
            reading = Reading(volumes, Spool(Path(folder) / "spool", above=HELD), parse_many)
            try:
                check = _Check(store, reading, mirror, copy, progress)
                if without is not None:
                    check.found(*without)
                check.all(checkpoints, anchors, deep=deep)
                if check.report().ok or not check.overtaken():
                    break
            finally:
                copy.close()
    return check.report()


class _Check:
    """One run: what was played so far, and what was found."""

    def __init__(
        self,
        store: Store | None,
        reading: Reading,
        mirror: Mirror | None,
        copy: Store,
        progress: Progress | None,
    ) -> None:
        self._store = store
        self._reading = reading
        self._volumes = reading.volumes
        self._mirror = mirror
        self._copy = copy
        self._progress = progress
        self._tree = Tree()
        self._signed: list[Signed] = []
        self._anchored: list[Anchored] = []
        self._absent = Absent()
        self._named: frozenset[int] = frozenset()
        self._next = 0
        self._size_at_start = 0
        self._checked = 0
        self.broken_off = False
        """Whether the index's own entries cannot be read on."""
        self.unread: set[str] = set()
        self._findings: dict[Finding, None] = {}
        self._played = False
        """Whether the entries that were there at the start are played."""
        self._gathered: list[Finding] | None = None
        """What is found in a batch whose turn has not come yet."""

    def found(self, kind: Kind, sentence: str) -> None:
        """Note a finding, once."""
        if self._gathered is not None:
            self._gathered.append(Finding(kind, sentence))
        else:
            self._findings[Finding(kind, sentence)] = None

    def report(self) -> Report:
        def of(kind: Kind) -> tuple[str, ...]:
            return tuple(finding.sentence for finding in self._findings if finding.kind is kind)

        return Report(
            ok=all(finding.kind is Kind.OUTDATED for finding in self._findings),
            size=self._tree.size,
            root=self._tree.root().hex(),
            checked=self._checked,
            damaged=of(Kind.DAMAGED),
            missing=of(Kind.MISSING),
            unexplained=of(Kind.UNEXPLAINED),
            outdated=of(Kind.OUTDATED),
        )

    def all(self, checkpoints: Checkpoints, anchors: Anchors, *, deep: bool) -> None:
        """Look at everything."""
        sound = self.sound()
        size = self.ledger()
        self._played = True
        if self._store is not None:
            compare_messages(self._store, self._copy, self.unread, self.again, self.found)
            self._tell(PLAYED + 1)
            compare_rest(self._store, self._copy, self.again, self.found)
            if sound:
                compare_holdings(
                    self._store, self._copy, self.unread, self.again, self.found, self.nobody_writing
                )
        self._tell(PLAYED + 3)
        self.space(deep)
        compare_mirror(None if self.broken_off else self._store, self._mirror, size, self.found)
        for finding in self._absent.findings(FILES if self.broken_off or self._store is None else INDEX):
            self.found(*finding)
        self.checkpoints(checkpoints, anchors)
        self._tell(PARTS)

    def _tell(self, parts: int) -> None:
        """Say how far it is once all entries are played."""
        if self._progress is not None:
            self._progress(parts * self._next, PARTS * self._next)

    def overtaken(self) -> bool:
        """Whether an erasure came meanwhile, so that what was played before is not what is there."""
        return self._store is not None and overtaken(self._store, self._size_at_start)

    # --- the ledger ----------------------------------------------------------------------------

    def sound(self) -> bool:
        """Whether the database has nothing to say against itself; what it has is noted."""
        problems = () if self._store is None else self._store.integrity()
        for problem in problems:
            self.found(Kind.DAMAGED, f"the index contradicts itself: {problem}")
        return not problems

    def ledger(self) -> int:
        """Play all entries and compare the tree's root; how many entries there are."""
        # What an erasure names is not played even if its payload is still there, as after a crash.
        self._named = named(self._store, entries_of(self._mirror, lambda kind, sentence: None), self.found)
        if self._store is None:
            self.again()
            return self._next
        for _ in range(_TRIES):
            try:
                size, root = self._store.ledger_size(), self._store.ledger_root()
                if size == self._store.ledger_size():
                    break  # nobody wrote between the two
            except StoreDamaged as exc:
                self.again()
                self.found(Kind.DAMAGED, str(exc))
                return self._next
        self._size_at_start = size
        # Up to there and no further: a daemon at work writes faster than this can read.
        self.again(size)
        if self._tree.size != size:
            self.found(
                Kind.MISSING, f"the ledger's tree has {size} leaves, and {self._tree.size} entries are there"
            )
        elif root != self._tree.root():
            self.found(
                Kind.DAMAGED, "the ledger's root is not the root of its entries: one of them was changed"
            )
        return self._next

    def again(self, upto: int | None = None) -> bool:
        """Play what was written since, all of it or the entries before `upto`; True when there was something."""
        before = self._next
        # While one batch is played, the messages of the next are read: other processes parse them.
        with closing(self._reading.ahead(self._batches(upto))) as read:
            for batch, back in read:
                self._play(batch, back)
        return self._next > before

    def _batches(self, upto: int | None) -> Iterator[Batch]:
        """The entries that were not played yet, some at a time, each with what is wrong with them."""
        entries = self._entries(upto)
        full = True
        while full:
            batch, characters, full = Batch(), 0, False
            self._gathered = batch.found
            try:
                for entry in entries:
                    fact = self._take(entry)
                    if fact is not None:
                        batch.facts.append((entry, fact))
                    if isinstance(fact, MessageArchived):
                        characters += min(fact.size, _LONGEST_TEXT)
                    full = len(batch.facts) >= AT_ONCE or characters >= CHARACTERS
                    if full:
                        break
            finally:
                self._gathered = None
            batch.end = self._next
            if batch.facts or batch.found:
                yield batch

    def _entries(self, upto: int | None) -> Iterator[Entry]:
        """The entries that were not played yet, from the mirror where the index cannot be read."""
        if self._store is not None and not self.broken_off:
            try:
                yield from self._store.entries(self._next, upto)
                return
            except NewerSchema:
                raise
            except (LevelheadError, ValueError, TypeError) as exc:
                self.found(Kind.DAMAGED, f"the ledger cannot be read after entry {self._next - 1}: {exc}")
            self.broken_off = True
        yield from (entry for entry in entries_of(self._mirror, self.found) if entry.seq >= self._next)

    def _take(self, entry: Entry) -> Fact | None:
        """Recompute one entry; its fact, or None when it cannot be believed."""
        if entry.seq > self._next:
            self.found(Kind.MISSING, lacking(self._next, entry.seq))
        self._next = entry.seq + 1
        self._tree.append(leaf_hash(entry.leaf))
        if problem := check(entry):
            self.found(Kind.DAMAGED, problem)
            return None
        kind = read_leaf(entry.leaf).type
        self._absent.kind(entry.seq, kind)
        if entry.payload is None:
            self._absent.gone(entry.seq, kind)
        if entry.payload is None or (entry.seq in self._named and kind not in PROTECTED):
            return None
        try:
            fact = facts.read(kind, entry.payload)
        except KeyError:
            self.found(
                Kind.UNEXPLAINED, f"entry {entry.seq} tells of {kind!r}, which this levelhead does not know"
            )
        except ValueError as exc:
            self.found(Kind.DAMAGED, f"entry {entry.seq} cannot be read: {exc}")
        else:
            if isinstance(fact, CheckpointSigned):
                self._signed.append((entry, fact))
            elif isinstance(fact, AnchorStamped | AnchorWitnessed):
                self._anchored.append((entry, fact))
            self._absent.fact(entry.seq, fact)
            return fact
        return None

    def checkpoints(self, look: Checkpoints, anchors: Anchors) -> None:
        """Hold each checkpoint in the ledger, and what others said of it, against the entries that it covers."""
        for problem in look(self._signed, self._tree):
            self.found(Kind.DAMAGED, problem)
        for problem in anchors(self._anchored, self._signed, self._tree):
            self.found(Kind.DAMAGED, problem)

    # --- playing facts into the copy -----------------------------------------------------------

    def _play(self, batch: Batch, back: ReadBack) -> None:
        for finding in (*batch.found, *back.found):
            self.found(*finding)
        self.unread |= back.unread
        self._checked += sum(isinstance(fact, MessageArchived) for _, fact in batch.facts)
        # The time of a mark stands in its leaf alone, so that a mark is played at its own time and by itself.
        for _, together in groupby(
            back.read, lambda one: one[0].seq if isinstance(one[1], MessageMarked) else -1
        ):
            self._play_together(list(together))
        if self._progress is not None and batch.facts and not self._played:
            self._progress(PLAYED * batch.end, PARTS * max(batch.end, self._size()))

    def _play_together(self, read: list[tuple[Entry, Fact, Parsed]]) -> None:
        try:
            self._commit(read)
        except (LevelheadError, ProgrammerError, ValueError):
            # Facts of a tampered ledger may not follow from each other: find which, one by one.
            for one in read:
                try:
                    self._commit([one])
                except (LevelheadError, ProgrammerError, ValueError) as exc:
                    self.found(
                        Kind.DAMAGED,
                        f"entry {one[0].seq} ({one[1].name}) does not follow from those before it: {exc}",
                    )

    def _size(self) -> int:
        try:
            return self._next if self._store is None else self._store.ledger_size()
        except StoreDamaged:
            return self._next

    def _commit(self, read: list[tuple[Entry, Fact, Parsed]]) -> None:
        with self._copy.transaction(read_leaf(read[-1][0].leaf).time) as tx:
            for _, fact, parsed in read:
                tx.play(fact, parsed)

    # --- the volumes' bytes --------------------------------------------------------------------

    def space(self, deep: bool) -> None:
        """Every byte of every volume must belong to one message; what does not is named."""
        try:
            self._space(deep)
        except OSError as exc:
            self.found(
                Kind.DAMAGED, f"{exc.filename or 'the folder of the volumes'} cannot be read: {exc.strerror}"
            )

    def _space(self, deep: bool) -> None:
        known = self._absent.erased()
        for finding in (
            *unblanked(self._volumes, known),
            *living(self._copy.messages(MessageFilter()), known),
        ):
            self.found(*finding)
        strange, foreign = self._strange_stretches(), self._volumes.strangers()
        if strange or foreign:
            with self.nobody_writing():
                self.again()
                strange, foreign = self._strange_stretches(), self._volumes.strangers()
        for number, start, stop in strange:
            if stop < start:
                self.found(
                    Kind.MISSING, f"volume {number:06} ends {start - stop} bytes before its last message does"
                )
                continue
            if stop == start:
                self.found(Kind.UNEXPLAINED, f"volume {number:06} holds no message")
                continue
            what = (
                f"volume {number:06} has {stop - start} bytes at offset {start} that no message accounts for"
            )
            self.found(Kind.UNEXPLAINED, what)
            if deep:
                self._look_into(number, start, stop)
        for name in foreign:
            self.found(Kind.UNEXPLAINED, f"the file {name} in the folder of the volumes is not one of ours")

    @contextmanager
    def nobody_writing(self) -> Iterator[None]:
        """Wait until a batch that is just being written is committed; on a copy that is read-only nobody writes."""
        with ExitStack() as stack:
            with suppress(OSError, StoreLocked):
                stack.enter_context(self._volumes.lock())
            yield

    def _strange_stretches(self) -> list[Stretch]:
        frames = [(row.volume, row.offset, row.length) for row in self._copy.messages(MessageFilter())]
        frames += [(blank.volume, blank.offset, blank.length) for blank in self._absent.erased().frames]
        return list(gaps(self._volumes, frames, self.found))

    def _look_into(self, number: int, start: int, stop: int) -> None:
        for item in self._volumes.walk(number, start):
            if (item.frame.offset if isinstance(item, Member) else item.offset) >= stop:
                return
            if isinstance(item, Member):
                what = f"the whole message {item.digest[:12]} lies in volume {number:06} at offset {item.frame.offset}"
                self.found(Kind.UNEXPLAINED, f"{what}, and no entry of the ledger tells of it")
            else:
                self.found(Kind.UNEXPLAINED, str(item))
