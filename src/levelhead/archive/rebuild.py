"""The index made again from volumes and ledger: the very same entries, so the same root, and all that follows.

Cursors follow from what was sighted, jobs from the states that messages, drafts and alerts are in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Protocol

import structlog

from levelhead import facts
from levelhead.archive.together import ParseMany, parsed_in_order
from levelhead.errors import NewerSchema, StoreDamaged, UserError
from levelhead.facts import Fact, MessageArchived, MessageAuthenticated
from levelhead.lifecycle import OPEN_ALERTS, DraftState
from levelhead.model import Direction, Parsed
from levelhead.raw import Raw
from levelhead.store.api import (
    EVIDENCE,
    WORK,
    AlertRow,
    DraftRow,
    Entry,
    MessageFilter,
    Store,
    Tx,
    mailbox_lane,
)
from levelhead.store.ledger import check, read_leaf

log = structlog.get_logger()

UNREADABLE = "its bytes in the volume cannot be read"
"""The defect of a message whose row was made again without its bytes."""

_AT_ONCE = 1_000

_CHECKED_WITHIN = timedelta(days=1)
"""For so long after a message came its signatures may still have to be checked."""

ReadRaw = Callable[[MessageArchived], Raw]


class ReplayTx(Protocol):
    """A write transaction that also puts back what is already in a ledger."""

    def replay(self, entry: Entry, fact: Fact | None, parsed: Parsed | None) -> None:
        """Append the entry as it is and change the tables of its fact; StoreDamaged unless it is the next one."""

    def restore_cursors(self) -> None:
        """Set every folder's cursor to the highest UID that was sighted or excluded there."""


class Replayable(Protocol):
    """A fresh index that can be filled from a ledger."""

    def transaction(self, now: datetime) -> AbstractContextManager[ReplayTx]: ...
    def ledger_size(self) -> int: ...
    def ledger_root(self) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What came of it: how many messages and facts, the root; ids without readable bytes, entries passed over."""

    messages: int
    facts: int
    root: bytes
    unreadable: tuple[str, ...] = ()
    passed_over: tuple[int, ...] = ()
    """Entries whose payload was erased or is of a kind that this program does not know; their leaves are kept."""


def rebuild(
    entries: Iterable[Entry],
    *,
    read_raw: ReadRaw,
    parse_many: ParseMany,
    store: Replayable,
    now: datetime,
) -> Rebuilt:
    """Fill the fresh index `store` from a ledger's entries and the messages' bytes.

    Whoever reads them from files gives them without the payloads that an erasure further on names (`erased.without`).
    A message whose bytes are damaged gets its row all the same, with that defect, so that it can be named. Raises
    StoreDamaged at the first entry that its leaf contradicts, that is out of order, or that the tables refuse.
    Afterwards the caller calls `restore_jobs`, and records `IndexRebuilt` if it wishes.
    """
    messages, total = 0, 0
    unreadable: list[str] = []
    passed_over: list[int] = []
    waiting = iter(entries)
    while batch := tuple(islice(waiting, _AT_ONCE)):
        with store.transaction(now) as tx:
            checked = ((entry, _fact_of(entry)) for entry in batch)
            with closing(parsed_in_order(checked, partial(_bytes_of, read_raw), parse_many)) as read:
                for entry, fact, parsed in read:
                    if isinstance(fact, MessageArchived):
                        messages += 1
                        if parsed is None:
                            unreadable.append(fact.id)
                            parsed = Parsed(defects=(UNREADABLE,))
                    elif fact is None:
                        passed_over.append(entry.seq)
                    _replay(tx, entry, fact, parsed)
        total += len(batch)
        log.debug("rebuild.going", facts=total, messages=messages)
    with store.transaction(now) as tx:
        tx.restore_cursors()
    return Rebuilt(
        messages=messages,
        facts=total,
        root=store.ledger_root(),
        unreadable=tuple(unreadable),
        passed_over=tuple(passed_over),
    )


def _fact_of(entry: Entry) -> Fact | None:
    """The fact of a checked entry; None when it was erased, or when a newer program wrote it."""
    if wrong := check(entry):
        raise StoreDamaged(wrong)
    if entry.payload is None:
        return None
    try:
        return facts.read(read_leaf(entry.leaf).type, entry.payload)
    except KeyError:
        return None
    except ValueError as exc:
        raise StoreDamaged(f"entry {entry.seq} cannot be read: {exc}") from exc


def _bytes_of(read_raw: ReadRaw, fact: MessageArchived) -> Raw | None:
    with suppress(StoreDamaged):
        return read_raw(fact)
    return None


def _replay(tx: ReplayTx, entry: Entry, fact: Fact | None, parsed: Parsed | None) -> None:
    try:
        tx.replay(entry, fact, parsed)
    except NewerSchema:
        raise
    except UserError as exc:
        raise StoreDamaged(f"entry {entry.seq} does not follow from those before it: {exc}") from exc


# --- what is owed ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """A job that a state calls for."""

    lane: str
    kind: str
    key: str
    subject: str
    due_at: datetime


def restore_jobs(store: Store, now: datetime) -> int:
    """Owe again what messages, drafts and alerts call for; returns how many jobs. Those already owed start anew."""
    count = 0
    owed = _owed(store, now)
    while batch := tuple(islice(owed, _AT_ONCE)):
        with store.transaction(now) as tx:
            _add(tx, batch)
        count += len(batch)
    return count


def _add(tx: Tx, owed: Iterable[Owed]) -> None:
    for job in owed:
        tx.add_job(job.lane, job.kind, job.key, job.subject, job.due_at)


def _owed(store: Store, now: datetime) -> Iterator[Owed]:
    for message in store.messages(MessageFilter()):
        if message.level is None:
            yield Owed(lane=WORK, kind="screen", key=f"screen:{message.id}", subject=message.id, due_at=now)
    yield from _owed_checks(store, now)
    for draft in store.drafts(states=(DraftState.HELD, DraftState.PLACING, DraftState.REMOVING)):
        yield _owed_for_draft(draft, now)
    for alert in store.alerts(states=OPEN_ALERTS):
        yield from _owed_for_alert(alert)


def _owed_checks(store: Store, now: datetime) -> Iterator[Owed]:
    """Checks of signatures that may not have been made yet; where none are made, nothing comes of them."""
    facts_there = (fact for _, fact in store.facts_about(kind=MessageAuthenticated.name))
    done = {fact.id for fact in facts_there if isinstance(fact, MessageAuthenticated)}
    for message in store.messages(MessageFilter(since=now - _CHECKED_WITHIN, direction=Direction.IN)):
        if not message.history and message.id not in done:
            key = f"authenticate:{message.id}"
            yield Owed(lane=EVIDENCE, kind="authenticate", key=key, subject=message.id, due_at=now)


def _owed_for_draft(draft: DraftRow, now: datetime) -> Owed:
    removing = draft.state == DraftState.REMOVING
    kind = "remove" if removing else "place"
    return Owed(
        lane=mailbox_lane(draft.mailbox),
        kind=kind,
        key=f"{kind}:{draft.key}",
        subject=draft.key,
        due_at=now if removing else draft.release_at,
    )


def _owed_for_alert(alert: AlertRow) -> Iterator[Owed]:
    if alert.next_rung_at is not None:
        key = f"climb:{alert.key}"
        yield Owed(lane=WORK, kind="climb", key=key, subject=alert.key, due_at=alert.next_rung_at)
