"""Erasure: messages taken out of the archive for good, while the ledger still verifies.

An index without them is played from the ledger beside the archive, as if the entries that tell of them had no payload.
Then one transaction records the erasure, takes those payloads out and lets the archive's index be as that one. What the
transaction cannot reach is rewritten afterwards: the database's file and its log, the ledger's files, the volumes. Each
of these steps may be repeated, so that an erasure which a crash broke off is finished by `finish`.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

import structlog

from levelhead.archive.erased import erased, ranges
from levelhead.archive.frames import Frame
from levelhead.archive.mirror import Mirror
from levelhead.archive.rebuild import ReplayTx, rebuild
from levelhead.archive.together import Parse, one_by_one
from levelhead.archive.volumes import Volumes
from levelhead.clock import Clock
from levelhead.errors import ProgrammerError, StoreDamaged, StoreLocked, UserError
from levelhead.evidence.cases import needed_of, open_cases, told
from levelhead.evidence.traces import Traces, traces_of
from levelhead.facts import (
    CorrespondentFound,
    ErasureFinished,
    ErasureKeyed,
    ErasureRefused,
    FramePart,
    MessageArchived,
    MessageExcluded,
    MessagesErased,
)
from levelhead.lifecycle import OPEN_ALERTS, DraftState
from levelhead.model import ERASED
from levelhead.policy.retention import Case
from levelhead.raw import Raw
from levelhead.store.api import Entry, MessageFilter, MessageRow, Sighting, Store, Tx
from levelhead.store.tombstones import tombstone

log = structlog.get_logger()

_MOVING = (DraftState.PLACING, DraftState.REMOVING)
_ROUNDS = 5

Tell = Callable[[str, int, int], None]
"""Hears what is being done, how much of it is done, and how much there is."""


class Held(UserError):
    """A case needs what was to be erased; the sentence says which, since when and why. The answer is no."""

    exit_status = 1

    def __init__(self, sentence: str, cases: tuple[Case, ...]) -> None:
        super().__init__(sentence)
        self.cases = cases


class FreshTx(Tx, ReplayTx, Protocol):
    """A write transaction on an index that is played from a ledger."""


class Fresh(Store, Protocol):
    """An empty index of the same backend, to be played from a ledger."""

    def transaction(self, now: datetime) -> AbstractContextManager[FreshTx]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What an erasure works on. `fresh` opens an empty index for a while, which is gone afterwards."""

    store: Store
    volumes: Volumes
    mirror: Mirror
    parse: Parse
    fresh: Callable[[], AbstractContextManager[Fresh]]
    leftovers: Callable[[], Sequence[Path]]
    """Older copies of the index that lie in the archive."""
    clock: Clock
    spool: Callable[[], object] = lambda: None
    """Removes large messages that processes which are gone have left on their way."""
    alone: Callable[[], AbstractContextManager[object]] = nullcontext
    """Keeps every other erasure away meanwhile; StoreLocked when there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be erased and why. `client` is whose it is, empty for messages of several.

    `whole`: the client's record goes altogether, with notes, alerts and drafts.
    """

    rows: tuple[MessageRow, ...]
    client: str
    whole: bool
    why: str
    actor: str

    @property
    def ids(self) -> frozenset[str]:
        """The ids of the messages."""
        return frozenset(row.id for row in self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """How much a wish takes with it, counted before or after it is granted."""

    messages: int
    bytes: int
    """In the volumes, compressed."""
    entries: int
    drafts: int
    alerts: int
    notes: int
    on_server: int
    """Places on servers where one of them still stands; levelhead deletes nothing there."""


# --- choosing ----------------------------------------------------------------------------------


def with_copies(store: Store, rows: Iterable[MessageRow]) -> tuple[MessageRow, ...]:
    """These messages and every copy of them that travelled another way, in order of their numbers."""
    wanted = {row.id: row for row in rows}
    while True:
        firsts = {row.same_as for row in wanted.values() if row.same_as}
        more = [
            row
            for row in store.messages(MessageFilter())
            if row.id not in wanted and (row.same_as in wanted or row.id in firsts)
        ]
        if not more:
            return tuple(sorted(wanted.values(), key=lambda row: row.seq))
        wanted |= {row.id: row for row in more}


def scope(store: Store, wish: Wish, tell: Callable[[int], None] = lambda seq: None) -> Scope:
    """How much a wish would take with it; changes nothing."""
    return _scope(store, traces_of(store, wish.ids, wish.client if wish.whole else "", tell=tell))


def _scope(store: Store, traces: Traces) -> Scope:
    return Scope(
        messages=len(traces.ids),
        bytes=sum(frame.length for frame in traces.frames),
        entries=len(traces.entries),
        drafts=len(traces.drafts),
        alerts=len(traces.alerts),
        notes=traces.notes,
        on_server=len(_standing(store, traces.ids)),
    )


def needed(store: Store, rows: Iterable[MessageRow], client: str = "") -> tuple[Case, ...]:
    """The open cases that need one of these messages, or something else of this client's record."""
    cases = open_cases(store)
    found = {case.name: case for by in needed_of(store, cases, rows).values() for case in by}
    found |= {case.name: case for case in cases if client and case.client == client}
    return tuple(sorted(found.values(), key=lambda case: (case.held_at, case.name)))


def refuse(store: Store, wish: Wish, cases: tuple[Case, ...], now: datetime) -> Held:
    """The refusal, recorded."""
    sentence = (
        f"nothing was erased: {told(cases)}. It stays until the case ends:"
        f" levelhead casehold end {shlex.quote(cases[0].name)} --why TEXT"
    )
    with store.transaction(now) as tx:
        names = tuple(case.name for case in cases)
        tx.record(ErasureRefused(client=wish.client, cases=names, why=sentence, actor=wish.actor))
    return Held(sentence, cases)


# --- erasing -----------------------------------------------------------------------------------


def erase(
    room: Room,
    wish: Wish,
    *,
    owner: Callable[[str], str],
    key: Callable[[], str],
    tell: Tell = lambda what, done, of: None,
) -> Scope:
    """Erase the messages of a wish for good; what went with them.

    `owner` tells whose an address is, `key` makes 32 random bytes in hex. Raises Held when a case needs one of them,
    which is recorded; UserError when an open alert about one is about a message that stays as well; StoreLocked when a
    draft about one is being placed right now or somebody else writes without end; StoreDamaged when a remaining message
    cannot be read. In each case nothing was erased. StoreLocked, DiskFull and OSError may also come when everything is
    decided: then the rest is done by `finish`.
    """
    if not wish.rows and not wish.whole:
        raise ProgrammerError("an erasure of no message")
    with room.alone():
        try:
            gone = _erase(room, wish, owner, key, tell)
        except Held as exc:
            raise refuse(room.store, wish, exc.cases, room.clock.now()) from None
        tell("files", 0, 1)
        _finish(room)
    return gone


def _erase(room: Room, wish: Wish, owner: Callable[[str], str], key: Callable[[], str], tell: Tell) -> Scope:
    """Everything up to the moment from which on the messages are erased for whoever asks."""
    store = room.store
    if store.known(tuple(wish.ids)).keys() != wish.ids:
        raise StoreLocked("some of these messages were erased a moment ago; nothing else was, look again")
    whole = wish.client if wish.whole else ""
    if cases := needed(store, wish.rows, whole):
        raise Held(told(cases), cases)
    size = store.ledger_size()
    traces = traces_of(store, wish.ids, whole, size=size, tell=lambda seq: tell("ledger", seq, size))
    with room.fresh() as fresh:
        _play(room, _blanked(store.entries(0, size), traces), fresh, lambda done: tell("index", done, size))
        _catch_up(room, traces, fresh)
        with room.volumes.lock(), store.transaction(room.clock.now()) as tx:
            _play(room, _new(tx, traces, fresh.ledger_size()), fresh)
            gone = _decide(room, tx, wish, traces, owner, key)
            _play(room, _blanked(tx.entries(fresh.ledger_size()), traces), fresh)
            tx.erase(traces.entries)
            tx.take_over(fresh)
            tx.drop_jobs_about([*traces.ids, *traces.drafts, *traces.alerts])
    return gone


def _catch_up(room: Room, traces: Traces, fresh: Fresh) -> None:
    """Most of what was written meanwhile, before anybody has to wait for us."""
    for _ in range(_ROUNDS):
        start = fresh.ledger_size()
        if room.store.ledger_size() == start:
            return
        _play(room, _looked_at(room.store.entries(start), traces), fresh)


def _new(tx: Tx, traces: Traces, start: int) -> Iterator[Entry]:
    return _looked_at(tx.entries(start), traces)


def _looked_at(entries: Iterable[Entry], traces: Traces) -> Iterator[Entry]:
    for entry in entries:
        traces.look(entry)
        yield from _blanked((entry,), traces)


def _blanked(entries: Iterable[Entry], traces: Traces) -> Iterator[Entry]:
    """The entries as they will be."""
    for entry in entries:
        yield replace(entry, salt=None, payload=None) if entry.seq in traces.entries else entry


def _play(
    room: Room, entries: Iterable[Entry], fresh: Fresh, tell: Callable[[int], None] = lambda done: None
) -> None:
    def read_raw(fact: MessageArchived) -> Raw:
        frame = Frame(volume=fact.volume, offset=fact.offset, length=fact.length, digest=fact.frame)
        return room.volumes.read_checked(fact.id, frame)

    def told() -> Iterator[Entry]:
        for entry in entries:
            if entry.seq % 1000 == 0:
                tell(entry.seq)
            yield entry

    now, parse_many = room.clock.now(), one_by_one(room.parse)
    made = rebuild(told(), read_raw=read_raw, parse_many=parse_many, store=fresh, now=now)
    if made.unreadable:
        raise StoreDamaged(
            f"the message {made.unreadable[0][:12]}, which stays, cannot be read; nothing was erased,"
            " levelhead verify says more"
        )


def _decide(
    room: Room, tx: Tx, wish: Wish, traces: Traces, owner: Callable[[str], str], key: Callable[[], str]
) -> Scope:
    """Record the erasure and what follows from it; nobody can write meanwhile."""
    store = room.store
    # A case may have been opened, and a draft's turn may have come, since the wish was looked at.
    if cases := needed(store, wish.rows, wish.client if wish.whole else ""):
        raise Held(told(cases), cases)
    for draft in tx.drafts(states=_MOVING):
        if draft.key in traces.drafts:
            raise StoreLocked(
                f"the draft {draft.key} is being placed or taken back right now; nothing was erased,"
                " try again in a moment"
            )
    for alert, message in traces.counted.items():
        if tx.alert(alert).state in OPEN_ALERTS:
            raise UserError(
                f"the open alert {alert} is about the message {message[:12]} as well, which stays; nothing was erased."
                f" See to it first: levelhead ack {alert}"
            )
    made = key_of(store)
    if made is None:
        made = key()
        tx.record(ErasureKeyed(key=made))
    gone = _scope(store, traces)
    standing = _standing(store, traces.ids)
    tx.record(
        MessagesErased(
            client=wish.client,
            messages=len(traces.ids),
            entries=ranges(sorted(traces.entries)),
            frames=tuple(sorted(traces.frames, key=lambda frame: (frame.volume, frame.offset))),
            tombstones=tuple(sorted(tombstone(made, id) for id in traces.ids)),
            last_seq=store.last_seq(),
            why=wish.why,
            actor=wish.actor,
            erased_at=tx.now,
        )
    )
    for sighting in standing:
        tx.record(_left_out(sighting, tx.now))
    for fact in traces.taught:
        # Whom I wrote to stays a correspondent, unless this client is to be forgotten altogether.
        if not wish.whole or owner(fact.address) != wish.client:
            tx.record(CorrespondentFound(address=fact.address, message="", found_at=fact.found_at))
    return gone


def _standing(store: Store, ids: Iterable[str]) -> tuple[Sighting, ...]:
    """Where these messages still stand on servers."""
    return tuple(
        sighting for id in sorted(ids) for sighting in store.sightings(id) if sighting.vanished_at is None
    )


def _left_out(sighting: Sighting, now: datetime) -> MessageExcluded:
    place = sighting.place
    return MessageExcluded(
        mailbox=place.mailbox,
        folder=place.folder,
        uidvalidity=place.uidvalidity,
        uid=place.uid,
        internal_date=sighting.internal_date,
        reason=ERASED,
        addresses=(),
        seen_at=now,
    )


def key_of(store: Store) -> str | None:
    """The key of the archive's tombstones; None before the first erasure."""
    for _, fact in store.facts_about(kind=ErasureKeyed.name):
        if isinstance(fact, ErasureKeyed):
            return fact.key
    return None


# --- finishing ---------------------------------------------------------------------------------


def finish(room: Room, *, again: bool = False) -> int:
    """Do what is left of erasures that are decided; how many were finished.

    `again` does it all once more for those that are finished, too: a file may have come back from a backup.
    StoreLocked when somebody reads the index without end or another erasure is at work, DiskFull, OSError: trying again
    goes on from there.
    """
    found = erased(room.store)
    if not (found.all if again else found.open):
        return 0
    with room.alone():
        return _finish(room)


def _finish(room: Room) -> int:
    if not room.store.compact():
        raise StoreLocked(
            "the index is being read, so that its log cannot be emptied; the messages are erased from the"
            " index, and the rest is done by: levelhead erase --finish"
        )
    room.spool()
    for path in room.leftovers():
        path.unlink(missing_ok=True)
        log.warning("erasure.leftover_removed", file=path.name)
    # The ledger's files must know of the erasure before they lose a payload to it.
    room.mirror.keep_up(room.store, room.clock.now())
    found = erased(room.store)
    room.mirror.erase(found.entries)
    room.volumes.blank(_of_nobody(room.store, found.frames))
    if found.open:
        with room.store.transaction(room.clock.now()) as tx:
            for entry, _ in found.open:
                tx.record(ErasureFinished(entry=entry))
        room.mirror.keep_up(room.store, room.clock.now())
    return len(found.open)


def _of_nobody(store: Store, frames: Iterable[FramePart]) -> Iterator[FramePart]:
    """The frames but those in which a message lies that the index has: whoever wrote that fact meant harm."""
    living = {(row.volume, row.offset) for row in store.messages(MessageFilter())}
    for frame in frames:
        if (frame.volume, frame.offset) in living:
            log.error("erasure.message_there", volume=frame.volume, offset=frame.offset)
        else:
            yield frame
