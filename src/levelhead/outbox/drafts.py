"""Drafts on the server (T3): placed exactly once after the cool-down, removed only while they are still ours.

Before an APPEND the intent is recorded with the folder's UIDNEXT. After a crash our own Message-ID decides first;
where it is not found, an unchanged UIDNEXT means that nothing was appended and a changed one that a person has
handled the draft, which is then never placed again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from levelhead.clock import Clock
from levelhead.errors import CommandRefused, ConnectionLost, LoginRefused, ServerBusy, TlsFailed
from levelhead.facts import (
    DraftExpired,
    DraftHandled,
    DraftLeft,
    DraftPlaced,
    DraftPlacing,
    DraftRemoved,
    Fact,
)
from levelhead.lifecycle import DraftState
from levelhead.model import Done, Job
from levelhead.outbox.compose import Composed, same_draft, stripped
from levelhead.outbox.conversation import goes_on
from levelhead.outbox.owed import is_there, owe_place, supersede
from levelhead.outbox.work import Settled
from levelhead.store.api import DraftRow, MessageFilter, MessageRow, Store, Tx

log = structlog.get_logger()

THROUGH = (ConnectionLost, ServerBusy, LoginRefused, TlsFailed)
"""Errors that are not a draft's fault; a mailbox's Worker lets them through. A refused command is the draft's own."""


class OpenDrafts(Protocol):
    """The Drafts folder as it was when it was opened."""

    @property
    def folder(self) -> str: ...
    @property
    def uidvalidity(self) -> int: ...
    @property
    def uidnext(self) -> int: ...


class DraftsFolder(Protocol):
    """One mailbox's Drafts folder, spoken to by the mailbox's own thread. Every method raises a MailboxError."""

    def open(self) -> OpenDrafts:
        """Open the folder anew (SELECT), so that UIDNEXT is fresh."""

    def find(self, message_id: str) -> tuple[int, ...]:
        """UIDs of messages with exactly this Message-ID, lowest first."""

    def append(self, data: bytes, at: datetime) -> int | None:
        """Append with the flags `\\Draft` and `\\Seen`; the UID when the server tells it (RFC 4315)."""

    def fetch(self, uid: int) -> bytes | None:
        """The message's bytes, None when there is none of this UID."""

    def remove(self, uid: int) -> bool:
        """Remove this one message (UID EXPUNGE); False, and nothing done, when the server cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Visit:
    """One visit to the folder for one draft."""

    job: Job
    row: DraftRow
    folder: DraftsFolder
    opened: OpenDrafts
    composed: Composed

    @property
    def known_folder(self) -> bool:
        """Whether the folder is still the one, under the numbers, in which the draft was to be placed."""
        return (self.opened.folder, self.opened.uidvalidity) == (self.row.folder, self.row.uidvalidity)


class Placer:
    """Places and removes drafts; one call pays one job.

    `stale_after` counts from the message that is answered. With `drafting` False what is held expires instead.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        compose: Callable[[DraftRow, datetime], Composed],
        stale_after: timedelta,
        *,
        drafting: bool = True,
    ) -> None:
        self._store = store
        self._clock = clock
        self._compose = compose
        self._stale_after = stale_after
        self._drafting = drafting

    def place(self, job: Job, drafts: DraftsFolder) -> Done | Settled:
        """Place the draft that the job names when its hold has ended. To be called after Sent has been synced.

        Raises MailboxError; called again, it goes on where it was. Done when there is nothing left to place.
        """
        row = self._store.draft(job.subject)
        if row.state not in (DraftState.HELD, DraftState.PLACING):
            return Done()
        if self._waits_or_is_over(job, row):
            return Settled()
        visit = self._visit(job, row, drafts)
        there = drafts.find(row.message_id or visit.composed.message_id)
        again = row.state == DraftState.PLACING
        if again and not there and not _nothing_appended(visit):
            return self._finish(
                visit, DraftHandled(key=row.key, why="it is not in the Drafts folder any more")
            )
        if not (again and there):
            intended = self._intend(visit)
            if intended is None:
                return Settled()
            visit = intended
        return self._found(visit, there) if there else self._append(visit)

    def remove(self, job: Job, drafts: DraftsFolder) -> Done | Settled:
        """Take the obsolete draft that the job names out of the folder, if it is still exactly what we placed.

        Raises MailboxError; called again, it goes on where it was.
        """
        row = self._store.draft(job.subject)
        if row.state != DraftState.REMOVING:
            return Done()
        visit = self._visit(job, row, drafts)
        uid = _whereabouts(visit)
        kept = drafts.fetch(uid) if uid else None
        if not uid or kept is None:
            return self._finish(
                visit, DraftHandled(key=row.key, why="it is not in the Drafts folder any more")
            )
        if not _ours(visit, uid, kept):
            return self._finish(visit, DraftHandled(key=row.key, why="it was edited, so it is yours"))
        if not drafts.remove(uid):
            why = "the server cannot remove one message alone (no UIDPLUS), so the draft was left"
            return self._finish(visit, DraftLeft(key=row.key, why=why))
        return self._finish(visit, DraftRemoved(key=row.key))

    # --- before the folder is touched

    def _waits_or_is_over(self, job: Job, row: DraftRow) -> bool:
        """Whether the draft is not to be placed now; then the reason is recorded and the job settled."""
        about = self._store.message(row.message)
        newer = self._gone_on(row, about)
        with self._store.transaction(self._clock.now()) as tx:
            current = tx.draft(row.key)
            if current.state not in (DraftState.HELD, DraftState.PLACING):
                tx.settle(job, Done())
            elif newer is not None and is_there(tx, newer.id):
                supersede(tx, current, newer.id, "the conversation went on before the draft was placed")
                tx.settle(job, Done())
            elif current.state == DraftState.HELD and (why := self._expired(about, tx.now)):
                tx.record(DraftExpired(key=row.key, why=why))
                tx.settle(job, Done())
            elif current.state == DraftState.HELD and current.release_at > tx.now:
                owe_place(tx, row.key, row.mailbox, current.release_at)
                tx.settle(job, Done())
            else:
                return False
        return True

    def _expired(self, about: MessageRow, now: datetime) -> str:
        """Why a held draft is not to be placed at all any more, or empty."""
        if not self._drafting:
            return "drafting was switched off"
        if now - about.received_at > self._stale_after:
            return f"the message it answers is more than {self._stale_after.days} days old"
        return ""

    def _gone_on(self, row: DraftRow, about: MessageRow) -> MessageRow | None:
        """A later message of the conversation that a person wrote, whether it has been judged yet or not.

        Sent is synced right before a draft is placed, but what it brought may still wait to be judged.
        """
        for message in self._store.messages(MessageFilter(thread=row.thread)):
            later = (message.received_at, message.seq) > (about.received_at, about.seq)
            if later and goes_on(self._store, message):
                return message
        return None

    # --- at the folder

    def _visit(self, job: Job, row: DraftRow, drafts: DraftsFolder) -> _Visit:
        composed = self._compose(row, self._clock.now())
        return _Visit(job=job, row=row, folder=drafts, opened=drafts.open(), composed=composed)

    def _intend(self, visit: _Visit) -> _Visit | None:
        """Record that the draft is about to be appended; None, and settled, when it is not wanted any more."""
        with self._store.transaction(self._clock.now()) as tx:
            row = tx.draft(visit.row.key)
            early = row.state == DraftState.HELD and row.release_at > tx.now
            if row.state not in (DraftState.HELD, DraftState.PLACING) or early:
                # Somebody extended or cancelled it in this moment, and the job is owed anew or dropped.
                tx.settle(visit.job, Done())
                return None
            _placing(tx, visit, _digest(visit.composed.data))
            return replace(visit, row=tx.draft(row.key))

    def _append(self, visit: _Visit) -> Settled:
        uid = visit.folder.append(visit.composed.data, self._clock.now())
        if uid is None:
            fresh = [
                one for one in visit.folder.find(visit.composed.message_id) if one >= visit.opened.uidnext
            ]
            if not fresh:
                raise CommandRefused(f"the folder {visit.opened.folder} took a draft and does not show it")
            uid = fresh[0]
        return self._placed(visit, uid, visit.folder.fetch(uid))

    def _found(self, visit: _Visit, uids: tuple[int, ...]) -> Settled:
        """Our Message-ID is there: either we placed it, or a person has edited what we placed."""
        uid = _first_of_ours(visit, uids)
        kept = visit.folder.fetch(uid)
        if kept is None:
            return self._finish(
                visit, DraftHandled(key=visit.row.key, why="it is not in the Drafts folder any more")
            )
        if not _ours(visit, uid, kept):
            return self._finish(visit, DraftHandled(key=visit.row.key, why="it was edited, so it is yours"))
        return self._placed(visit, uid, kept)

    def _placed(self, visit: _Visit, uid: int, kept: bytes | None) -> Settled:
        """Record where the draft stands and what the server made of it."""
        key, opened = visit.row.key, visit.opened
        lost = stripped(visit.composed.data, kept) if kept is not None else ()
        with self._store.transaction(self._clock.now()) as tx:
            # Superseded or cancelled while it was on its way: then its removal is owed already.
            if tx.draft(key).state == DraftState.PLACING:
                if kept is not None and _digest(kept) != tx.draft(key).digest:
                    # A server may add headers; what counts later is what it holds now.
                    _placing(tx, visit, _digest(kept))
                tx.record(
                    DraftPlaced(
                        key=key,
                        folder=opened.folder,
                        uidvalidity=opened.uidvalidity,
                        uid=uid,
                        stripped=lost,
                        placed_at=tx.now,
                    )
                )
            tx.settle(visit.job, Done())
        log.debug("draft.placed", key=key, mailbox=visit.row.mailbox)
        if lost:
            log.warning("draft.stripped", key=key, mailbox=visit.row.mailbox, headers=lost)
        return Settled()

    def _finish(self, visit: _Visit, fact: Fact) -> Settled:
        with self._store.transaction(self._clock.now()) as tx:
            tx.record(fact)
            tx.settle(visit.job, Done())
        log.debug(fact.name, key=visit.row.key, mailbox=visit.row.mailbox)
        return Settled()


def _placing(tx: Tx, visit: _Visit, digest: str) -> None:
    """Record the intent, or what the server holds, with UIDNEXT as it was before the draft."""
    row, opened = visit.row, visit.opened
    before = row.uidnext_before if row.state == DraftState.PLACING and visit.known_folder else opened.uidnext
    tx.record(
        DraftPlacing(
            key=row.key,
            folder=opened.folder,
            uidvalidity=opened.uidvalidity,
            uidnext=before,
            message_id=row.message_id or visit.composed.message_id,
            digest=digest,
        )
    )


def _nothing_appended(visit: _Visit) -> bool:
    """Whether the folder proves that nothing has been appended since the intent was recorded."""
    return visit.known_folder and visit.opened.uidnext == visit.row.uidnext_before


def _first_of_ours(visit: _Visit, uids: tuple[int, ...]) -> int:
    """The UID that the first APPEND after the intent got, if it is among them; else the newest."""
    before = visit.row.uidnext_before
    return before if visit.known_folder and before in uids else uids[-1]


def _whereabouts(visit: _Visit) -> int:
    """The UID of the draft to remove, 0 when it is not there."""
    if visit.row.uid and visit.known_folder:
        return visit.row.uid
    uids = visit.folder.find(visit.row.message_id)
    return _first_of_ours(visit, uids) if uids else 0


def _ours(visit: _Visit, uid: int, kept: bytes) -> bool:
    """Whether what stands at this UID is what we appended, unedited.

    A message never changes under its UID, so the very UID that was next when we appended proves it; otherwise the
    bytes that were read back right after placing do, or, where a crash came before that, the same people and words.
    """
    row = visit.row
    if _digest(kept) == row.digest:
        return True
    if row.uid:
        return False
    if visit.known_folder and uid == row.uidnext_before:
        return True
    return same_draft(visit.composed.data, kept)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
