"""T1, the recorder: bytes durable first, then message, sighting, facts, cursor and the job "screen" in one commit.

The index keeps, in the same commit, how far the volumes are accounted for (`END`). Whenever the volumes end anywhere
else, a crash or another process came between bytes and commit, and that is settled before anything is appended.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Protocol

import structlog

from levelhead.archive.answers import Answers
from levelhead.archive.blanking import Stretch
from levelhead.archive.buried import buried
from levelhead.archive.conversations import Conversations
from levelhead.archive.erased import erased
from levelhead.archive.frames import Damage, Frame, Member, Stamp
from levelhead.archive.library import Library
from levelhead.archive.parse import parse_headers
from levelhead.archive.seen import placed, receipts, received_at
from levelhead.archive.volumes import End, Repair, Volumes
from levelhead.clients.directory import Directory, Placed
from levelhead.clients.patterns import normal
from levelhead.clock import Clock
from levelhead.errors import LevelheadError, StoreDamaged
from levelhead.facts import (
    CorrespondentFound,
    ErasureKeyed,
    MessageArchived,
    MessagesErased,
    VolumeAdopted,
    VolumeRepaired,
)
from levelhead.model import Arrival, Direction, Parsed, Receipt
from levelhead.raw import Raw
from levelhead.store.api import EVIDENCE, WORK, Cursor, MessageFilter, MessageRow, Store, Tx

log = structlog.get_logger()

END = "volumes.end"
"""The meta key of how far the volumes are accounted for, as `VOLUME:OFFSET`."""

SCREEN = "screen"
"""The kind of the job that every new message owes."""

AUTHENTICATE = "authenticate"
"""The kind of the job that news of a client owes besides, where signatures are checked; its subject is the message."""

_ADOPTED_AT_ONCE = 200

Parse = Callable[[Raw], Parsed]
ParseMany = Callable[[Sequence[Raw]], Iterator[Parsed]]


class Mirror(Protocol):
    """The ledger's second form; brought up to date after each commit."""

    def catch_up(self, store: Store, /) -> object: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What was found beyond the index: ids `adopted`, tails `cut`, and one sentence for each damage left."""

    adopted: tuple[str, ...] = ()
    cut: tuple[Damage, ...] = ()
    damaged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Durable:
    """A message whose bytes are in a volume and which the index does not know yet."""

    raw: Raw
    seq: int
    frame: Frame
    stamp: Stamp
    source: str = ""
    adopted: bool = False
    teaches: bool = False
    """Whether those whom it is written to become correspondents, if it is mine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """A durable message, parsed and placed: ready to be committed."""

    fact: MessageArchived
    parsed: Parsed
    learned: tuple[str, ...]
    adopted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    """A known message in my name that a folder for sent mail shows for the first time, and whom it is written to."""

    id: str
    learned: tuple[str, ...]


class Recorder:
    """Writes messages down. Shared by all mailbox threads; other processes may record beside it."""

    def __init__(
        self,
        store: Store,
        volumes: Volumes,
        clock: Clock,
        *,
        parse: Parse,
        parse_many: ParseMany | None = None,
        directory: Directory,
        mirror: Mirror | None = None,
        authenticating: bool = False,
        keep: Callable[[str, Parsed], None] = lambda id, parsed: None,
    ) -> None:
        """`parse_many` reads a batch, where that is quicker than `parse` for one message after the other.

        `authenticating`: news of a client owes a check of its signatures. `keep` is told what was read of what is
        about to be recorded, which the judge needs next.
        """
        self._keep = keep
        self._store = store
        self._volumes = volumes
        self._clock = clock
        # Whom a message was from and written to, and where it asked for answers, stands in its headers, which code of
        # ours reads.
        self._headers = Library(store, volumes, parse_headers)
        self._parse_many = parse_many or (lambda messages: map(parse, messages))
        self._directory = directory
        self._mirror = mirror
        self._authenticating = authenticating
        self._mutex = threading.Lock()
        self._first_volume = 1
        self._given = directory.known - self._stored()
        """Correspondents that no fact of this archive tells of."""
        self.recorded: Callable[[], None] = lambda: None
        """Called when a batch is written down, by whoever wrote it: what it owes can be paid at once."""

    @property
    def directory(self) -> Directory:
        """Who is who by now; it grows when mail of mine to somebody new is recorded."""
        return self._directory

    def use(self, directory: Directory) -> None:
        """Go on with another directory (a reloaded configuration), keeping the correspondents found so far."""
        with self._mutex:
            self._given |= directory.known - self._stored()
            self._directory = directory.with_correspondents(self._directory.known)

    def record(self, arrivals: Sequence[Arrival], cursor: Cursor | None = None) -> tuple[Receipt, ...]:
        """Archive a batch and move the cursor, all or nothing; a receipt for each arrival in order.

        Known bytes only add a sighting. Bytes that were erased are not archived again: they are neither written nor
        read, and the place where they stand is left out for the reason `ERASED`. Only the very same bytes are known
        again: a copy with other Received lines, or with other line ends, is another message and is archived.

        DiskFull, StoreLocked or OSError: nothing counts and the cursor has not moved. The caller discards spooled
        bytes afterwards, in both cases.
        """
        with self._mutex:
            # Whoever erases holds this lock too, so that what is known stays known until it is noted.
            with self._volumes.lock():
                told = self._record(arrivals, cursor)
            self.recorded()
            self._catch_up()
        return told

    def adopt(self) -> Settled:
        """At start: cut an incomplete tail, take in whole frames that the index does not know, report damage."""
        with self._mutex:
            with self._volumes.lock():
                settled = self._settle()
            self._catch_up()
        return settled

    def place(self, parsed: Parsed) -> Placed:
        """Whose record a message belongs to, by its headers alone, and its direction."""
        return self._answers().place(parsed, self._directory)

    def buried(self, ids: Collection[str]) -> Mapping[str, MessagesErased]:
        """The erasure that took each of these messages, as far as one did."""
        return buried(self._store, ids) if ids else {}

    def _answers(self) -> Answers:
        return Answers(self._store, self._headers.parsed)

    # --- a batch -------------------------------------------------------------------------------

    def _record(self, arrivals: Sequence[Arrival], cursor: Cursor | None) -> tuple[Receipt, ...]:
        ids = [arrival.raw.digest for arrival in arrivals]
        known = dict(self._store.known(ids))
        if all(id in known for id in ids):
            directory, sent = self._sent(self._directory, arrivals, known)
            with self._store.transaction(self._clock.now()) as tx:
                self._note(tx, arrivals, frozenset(), sent, cursor)
            self._directory = directory
            return receipts(arrivals, known, (), ())
        self._settle()
        known |= self._store.known(ids)
        erased = self._store.erased([id for id in ids if id not in known])
        fresh: dict[str, Arrival] = {}
        for arrival in arrivals:
            if arrival.raw.digest not in known and arrival.raw.digest not in erased:
                fresh.setdefault(arrival.raw.digest, arrival)
        durable = self._make_durable(tuple(fresh.values()))
        self._directory = self._remembered()
        directory, read = self._read(durable)
        directory, sent = self._sent(directory, arrivals, known)
        for one in read:
            # Before the commit, because with it the judge is owed it.
            self._keep(one.fact.id, one.parsed)
        with self._store.transaction(self._clock.now()) as tx:
            self._write(tx, read, self._volumes.end())
            self._note(tx, arrivals, erased, sent, cursor)
        self._directory = directory
        seqs = {item.raw.digest: item.seq for item in durable}
        return receipts(arrivals, known | seqs, seqs, erased)

    def _remembered(self) -> Directory:
        """The directory without correspondents whom an erasure has forgotten since, or they would never be found again.

        Nothing but an erasure takes one away, so an archive that never saw one is not asked.
        """
        if not any(True for _ in self._store.facts_about(kind=ErasureKeyed.name, limit=1)):
            return self._directory
        known = self._directory.known & (self._stored() | self._given)
        return replace(self._directory, known=known) if known != self._directory.known else self._directory

    def _stored(self) -> frozenset[str]:
        return frozenset(normal(address) for address in self._store.correspondents())

    def _make_durable(self, fresh: Sequence[Arrival]) -> tuple[_Durable, ...]:
        first = self._store.last_seq() + 1
        stamps = [
            Stamp(received_at=arrival.internal_date, history=arrival.history, doubts=arrival.doubts)
            for arrival in fresh
        ]
        items = [(seq, arrival.raw) for seq, arrival in enumerate(fresh, first)]
        frames = self._volumes.append(items, stamps=stamps, first_volume=self._first_volume)
        return tuple(
            _Durable(
                raw=raw,
                seq=seq,
                frame=frame,
                stamp=stamp,
                source=arrival.source,
                # Who brings a file answers for what is in it; what a mailbox shows a stranger may have put there.
                teaches=arrival.sent or arrival.place is None,
            )
            for (seq, raw), frame, stamp, arrival in zip(items, frames, stamps, fresh, strict=True)
        )

    def _read(self, durable: Sequence[_Durable]) -> tuple[Directory, tuple[_Read, ...]]:
        """Parse and place the messages in order; what one of them teaches counts for the next."""
        directory = self._directory
        conversations, answers = Conversations(self._store), self._answers()
        read = []
        for item, parsed in zip(durable, self._parse_many([one.raw for one in durable]), strict=True):
            learned = _to_learn(directory, parsed) if item.teaches else ()
            directory = directory.with_correspondents(learned) if learned else directory
            fact = self._fact(item, parsed, answers.place(parsed, directory), conversations)
            read.append(_Read(fact=fact, parsed=parsed, learned=learned, adopted=item.adopted))
        return directory, tuple(read)

    def _fact(
        self, item: _Durable, parsed: Parsed, placed: Placed, conversations: Conversations
    ) -> MessageArchived:
        id = item.raw.digest
        thread, joins = conversations.thread(placed.client, parsed)
        return MessageArchived(
            id=id,
            seq=item.seq,
            volume=item.frame.volume,
            offset=item.frame.offset,
            length=item.frame.length,
            size=item.raw.size,
            client=placed.client,
            direction=placed.direction.value,
            thread=thread,
            thread_joins=joins,
            received_at=received_at(item.stamp.received_at, parsed.date, self._clock.now()),
            history=item.stamp.history,
            same_as=conversations.copy_of(parsed, id),
            source=item.source,
            frame=item.frame.digest,
            doubts=item.stamp.doubts,
        )

    def _write(self, tx: Tx, read: Sequence[_Read], end: End) -> None:
        for item in read:
            id = item.fact.id
            tx.archive(item.fact, item.parsed)
            if item.adopted:
                tx.record(VolumeAdopted(id=id, volume=item.fact.volume, offset=item.fact.offset))
            _learn(tx, item.learned, id)
            tx.add_job(WORK, SCREEN, f"{SCREEN}:{id}", id, tx.now)
            if self._authenticating and not item.fact.history and item.fact.direction == Direction.IN.value:
                tx.add_job(EVIDENCE, AUTHENTICATE, f"{AUTHENTICATE}:{id}", id, tx.now)
        _account(tx, end)

    def _sent(
        self, directory: Directory, arrivals: Sequence[Arrival], known: Mapping[str, int]
    ) -> tuple[Directory, tuple[_Sent, ...]]:
        """Messages of mine that were seen elsewhere before they are seen among sent mail, and the grown directory.

        A crash between bytes and commit leaves such ones as well: they are adopted without a place.
        """
        found = {}
        for id in {arrival.raw.digest: None for arrival in arrivals if arrival.sent}:
            if id not in known:
                continue
            row = self._store.message(id)
            if row.in_sent or row.direction is not Direction.OUT:
                continue
            learned = self._taught(row, directory)
            directory = directory.with_correspondents(learned)
            found[id] = _Sent(id=id, learned=learned)
        return directory, tuple(found.values())

    def _taught(self, row: MessageRow, directory: Directory) -> tuple[str, ...]:
        try:
            return _to_learn(directory, self._headers.parsed(row))
        except StoreDamaged:
            return ()  # the verifier tells of it

    def _note(
        self,
        tx: Tx,
        arrivals: Sequence[Arrival],
        erased: Collection[str],
        sent: Sequence[_Sent],
        cursor: Cursor | None,
    ) -> None:
        for arrival in arrivals:
            if (fact := placed(arrival, erased, tx)) is not None:
                tx.record(fact)
        for item in sent:
            _learn(tx, item.learned, item.id)
            # It counts as an answer from now on, so the judge has to look at it, even if once more.
            tx.add_job(WORK, SCREEN, f"{SCREEN}:{item.id}", item.id, tx.now)
        if cursor is not None:
            tx.advance(
                cursor.mailbox, cursor.folder, last_uid=cursor.last_uid, highestmodseq=cursor.highestmodseq
            )

    def _catch_up(self) -> None:
        if self._mirror is None:
            return
        try:
            self._mirror.catch_up(self._store)
        except (OSError, LevelheadError) as exc:
            log.warning("mirror.behind", error=type(exc).__name__)

    # --- what lies beyond the index ------------------------------------------------------------

    def _settle(self) -> Settled:
        """Bring volumes and index together again; called under the volumes' lock."""
        stored, end = self._store.meta(END), self._volumes.end()
        if stored is not None and _end(stored) > end:
            return self._lost(_end(stored), end)
        if end == (_end(stored) if stored is not None else (1, 0)):
            return Settled()
        after = _end(stored) if stored is not None else (1, 0)
        keep = after if stored is not None else self._reach()
        repair = self._volumes.repair(after, keep=keep, known=self._accounted)
        if any(damage.volume == self._volumes.end()[0] for damage in repair.damaged):
            self._first_volume = self._volumes.end()[0] + 1
        adopted = tuple(self._take_in(repair))
        settled = Settled(adopted=adopted, cut=repair.cut, damaged=tuple(map(str, repair.damaged)))
        if settled != Settled():
            counts = {"adopted": len(adopted), "cut": len(repair.cut), "damaged": len(repair.damaged)}
            log.warning("volumes.settled", **counts)
        return settled

    def _accounted(self, ids: Sequence[str]) -> frozenset[str]:
        """What the index knows, and what was erased: its bytes may still be there, until the erasure is finished."""
        known = self._store.known(ids)
        return self._store.erased([id for id in ids if id not in known]) | known.keys()

    def _lost(self, known: End, end: End) -> Settled:
        """The volumes end before the index does: nothing is cut, and new messages go to a volume of their own."""
        self._first_volume = known[0] + 1
        log.error("volumes.short", volume=known[0], offset=known[1])
        return Settled(
            damaged=(
                f"the volumes end at {end[0]:06} offset {end[1]}, but messages were written up to {known[0]:06} "
                f"offset {known[1]}; `levelhead verify` names what is missing, and a backup may still have it",
            )
        )

    def _reach(self) -> End | None:
        """How far the index reaches when it does not say so itself (it was made again); None when it is empty.

        What was erased counts: its place is accounted for, and nothing is cut there.
        """
        places: Iterator[Stretch] = chain(self._store.messages(MessageFilter()), erased(self._store).frames)
        return max(((place.volume, place.offset + place.length) for place in places), default=None)

    def _take_in(self, repair: Repair) -> Iterator[str]:
        with self._store.transaction(self._clock.now()) as tx:
            for cut in repair.cut:
                tx.record(VolumeRepaired(volume=cut.volume, cut_bytes=cut.length, at_offset=cut.offset))
        members = iter({member.digest: member for member in repair.whole}.values())
        while batch := tuple(islice(members, _ADOPTED_AT_ONCE)):
            durable = self._found(batch)
            directory, read = self._read(durable)
            with self._store.transaction(self._clock.now()) as tx:
                self._write(tx, read, (batch[-1].frame.volume, batch[-1].frame.end))
            self._directory = directory
            yield from (item.fact.id for item in read)
            for item in durable:
                item.raw.discard()
        with self._store.transaction(self._clock.now()) as tx:
            _account(tx, self._volumes.end())

    def _found(self, members: Sequence[Member]) -> tuple[_Durable, ...]:
        found = []
        last = self._store.last_seq()
        for member in members:
            last = max(last + 1, member.seq)
            raw = self._volumes.read_checked(member.digest, member.frame)
            found.append(_Durable(raw=raw, seq=last, frame=member.frame, stamp=member.stamp, adopted=True))
        return tuple(found)


def _to_learn(directory: Directory, parsed: Parsed) -> tuple[str, ...]:
    return tuple(a for a in directory.recipients_to_learn(parsed) if a not in directory.known)


def _learn(tx: Tx, addresses: Sequence[str], id: str) -> None:
    for address in addresses:
        tx.record(CorrespondentFound(address=address, message=id, found_at=tx.now))


def _account(tx: Tx, end: End) -> None:
    tx.set_meta(END, f"{end[0]}:{end[1]}")


def _end(text: str) -> End:
    volume, _, offset = text.partition(":")
    return int(volume), int(offset)
