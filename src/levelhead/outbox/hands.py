"""Hands (T4): what a person does to drafts, alerts and verdicts; each is one transaction with its actor recorded."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from levelhead.clock import Clock, to_text
from levelhead.errors import UserError
from levelhead.facts import (
    AlertAcknowledged,
    AlertSnoozed,
    DraftCancelled,
    DraftExtended,
    DraftReleased,
    MarkUndone,
    MessageMarked,
    NoteTaken,
)
from levelhead.lifecycle import DRAFT, step
from levelhead.model import Level
from levelhead.outbox.owed import clean, drop_climb, owe_climb, owe_place, withdraw
from levelhead.store.api import AlertRow, DraftRow, MessageRow, Store


class Hands:
    """One person's hands on the store. Keys and ids may be unique prefixes; what does not fit raises UserError.

    An act that comes too late (a release after the draft was placed) raises WrongState, a UserError. `mailboxes` are
    the configured ones (None: not known); what is held for another one cannot be released.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        actor: str,
        *,
        stale_after: timedelta = timedelta(days=14),
        mailboxes: Collection[str] | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._actor = actor
        self._stale_after = stale_after
        self._mailboxes = mailboxes

    def release(self, key: str, why: str) -> DraftRow:
        """End a draft's cool-down now; it is placed next. `why` is recorded and must not be empty."""
        _said("release", "why you end the cool-down early", why)
        with self._store.transaction(self._clock.now()) as tx:
            draft = tx.draft(key)
            step(DRAFT, draft.state, DraftReleased.name)
            if self._mailboxes is not None and draft.mailbox not in self._mailboxes:
                raise UserError(
                    f"draft {draft.key} belongs to the mailbox {draft.mailbox}, which is not configured any more:"
                    " name it again in a [[mailbox]] table, or cancel the draft"
                )
            tx.record(DraftReleased(key=draft.key, release_at=tx.now, why=clean(why), actor=self._actor))
            owe_place(tx, draft.key, draft.mailbox, tx.now)
            return tx.draft(draft.key)

    def extend(self, key: str, duration: timedelta) -> DraftRow:
        """Make a draft's cool-down longer by `duration`, from its end or from now, whichever is later."""
        _positive(duration)
        with self._store.transaction(self._clock.now()) as tx:
            draft = tx.draft(key)
            step(DRAFT, draft.state, DraftExtended.name)
            until = _plus(max(draft.release_at, tx.now), duration)
            last = tx.message(draft.message).received_at + self._stale_after
            if until > last:
                raise UserError(
                    f"draft {draft.key} cannot be held until {to_text(until)}: after {to_text(last)} its answer is"
                    " out of place ([cooldown] stale_after); cancel it instead"
                )
            tx.record(DraftExtended(key=draft.key, release_at=until, actor=self._actor))
            owe_place(tx, draft.key, draft.mailbox, until)
            return tx.draft(draft.key)

    def cancel(self, key: str) -> DraftRow:
        """Throw a draft away; one that stands in the Drafts folder is taken out of it, if nobody has edited it."""
        with self._store.transaction(self._clock.now()) as tx:
            draft = tx.draft(key)
            tx.record(DraftCancelled(key=draft.key, actor=self._actor))
            withdraw(tx, draft)
            return tx.draft(draft.key)

    def ack(self, key: str) -> AlertRow:
        """Say "I have it": no later rung of the alert's ladder tells anybody."""
        with self._store.transaction(self._clock.now()) as tx:
            alert = tx.alert(key)
            tx.record(AlertAcknowledged(key=alert.key, actor=self._actor))
            drop_climb(tx, alert.key)
            return tx.alert(alert.key)

    def snooze(self, key: str, duration: timedelta) -> AlertRow:
        """Keep an alert quiet for `duration` from now; its ladder goes on afterwards."""
        _positive(duration)
        with self._store.transaction(self._clock.now()) as tx:
            alert = tx.alert(key)
            until = _plus(tx.now, duration)
            tx.record(AlertSnoozed(key=alert.key, until=until, actor=self._actor))
            owe_climb(tx, alert.key, until)
            return tx.alert(alert.key)

    def mark(self, id: str, level: Level, why: str = "") -> MessageRow:
        """Say what level a message really is; only this client's calibration follows, and `undo_mark` takes it back."""
        if level is Level.UNKNOWN:
            raise UserError(
                "a message is marked calm, tense, heated or hostile; unknown is not something you can know"
            )
        with self._store.transaction(self._clock.now()) as tx:
            message = tx.message(id)
            tx.record(MessageMarked(id=message.id, level=level.value, why=clean(why), actor=self._actor))
            return tx.message(message.id)

    def undo_mark(self, id: str) -> MessageRow:
        """Take the mark of a message back; UserError when it has none."""
        with self._store.transaction(self._clock.now()) as tx:
            message = tx.message(id)
            if self._store.marks(message.id) is None:
                raise UserError(f"message {message.id[:12]} has no mark to take back")
            tx.record(MarkUndone(id=message.id, actor=self._actor))
            return message

    def note(self, client: str, text: str, *, known: frozenset[str] | None = None) -> None:
        """Write down a call or a decision about a client. `known` names the configured clients besides the archived."""
        _said("note", "what you want to write down", text)
        if known is not None and client not in known | frozenset(self._store.clients()):
            raise UserError(f"no client is called {client!r}; `levelhead messages` shows who is")
        with self._store.transaction(self._clock.now()) as tx:
            tx.record(NoteTaken(client=client, text=clean(text), actor=self._actor))


def _said(act: str, what: str, text: str) -> None:
    if not text.strip():
        raise UserError(f"{act} needs a text that says {what}")


def _positive(duration: timedelta) -> None:
    if duration <= timedelta(0):
        raise UserError("the duration must be longer than nothing, such as 30m or 4h")


def _plus(moment: datetime, duration: timedelta) -> datetime:
    try:
        return moment + duration
    except OverflowError:
        raise UserError("the duration is longer than calendars go") from None
