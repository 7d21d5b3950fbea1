"""What can be owed: the kinds of jobs, their keys and lanes, and the acts on drafts that several doors share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from levelhead.errors import UserError
from levelhead.facts import DraftSuperseded
from levelhead.lifecycle import DraftState
from levelhead.model import Job
from levelhead.store.api import WORK, DraftRow, Store, Tx, mailbox_lane

SCREEN = "screen"
"""Judge a message; its subject is the message's id. Added when the message is recorded."""
AUTHENTICATE = "authenticate"
"""Check a message's signatures; its subject is the message's id. Paid in a lane of its own."""
PLACE = "place"
"""Put a held draft into the Drafts folder; its subject is the draft's key, its lane that of the mailbox."""
REMOVE = "remove"
"""Take an obsolete draft out again."""
CLIMB = "climb"
"""Take the next rung of an alert's ladder; its subject is the alert's key."""
NOTIFY = "notify"
"""Tell one channel about one rung of an alert."""


def owe_place(tx: Tx, key: str, mailbox: str, due_at: datetime) -> None:
    """Owe the placing of a draft, or put it off, or bring it forward."""
    tx.add_job(mailbox_lane(mailbox), PLACE, f"{PLACE}:{key}", key, due_at)


def owe_remove(tx: Tx, key: str, mailbox: str) -> None:
    """Owe the removal of a draft, now."""
    tx.add_job(mailbox_lane(mailbox), REMOVE, f"{REMOVE}:{key}", key, tx.now)


def owe_climb(tx: Tx, alert: str, due_at: datetime) -> None:
    """Owe the next rung of an alert's ladder."""
    tx.add_job(WORK, CLIMB, f"{CLIMB}:{alert}", alert, due_at)


def owe_notify(tx: Tx, alert: str, rung: int, channel: str) -> None:
    """Owe a channel the word about a rung, now. A rung is told once: rungs count on when the last one repeats."""
    tx.add_job(WORK, NOTIFY, f"{NOTIFY}:{alert}:{rung}:{channel}", alert, tx.now)


def rung_and_channel(key: str) -> tuple[int, str]:
    """The rung and the channel that a notify job's key names."""
    _, _, rung, channel = key.split(":", 3)
    return int(rung), channel


def drop_climb(tx: Tx, alert: str) -> None:
    """The ladder of this alert is not climbed any more."""
    tx.drop_job(f"{CLIMB}:{alert}")


def withdraw(tx: Tx, draft: DraftRow) -> None:
    """Owe what follows when a draft is not wanted any more: nothing is placed, and what may be placed is removed.

    `draft` is the row as it was before the fact that ended it. Runs inside a transaction.
    """
    tx.drop_job(f"{PLACE}:{draft.key}")
    if draft.state in (DraftState.PLACING, DraftState.PLACED):
        owe_remove(tx, draft.key, draft.mailbox)


def supersede(tx: Tx, draft: DraftRow, by: str, why: str) -> None:
    """Record that the conversation went on without this draft. Runs inside a transaction."""
    tx.record(DraftSuperseded(key=draft.key, by=by, why=why))
    withdraw(tx, draft)


def is_over(rows: Store | Tx, job: Job) -> bool:
    """Whether what the job is about is gone, because its message was erased since the job was claimed.

    A handler that meets that raises (UserError for a row that is not there, StoreDamaged for bytes that are blank), and
    the worker settles. A handler that would write about it all the same looks into its transaction first.
    """
    look: dict[str, Callable[[str], object]] = {
        SCREEN: rows.message,
        AUTHENTICATE: rows.message,
        PLACE: rows.draft,
        REMOVE: rows.draft,
        CLIMB: rows.alert,
        NOTIFY: rows.alert,
    }
    return job.kind in look and not _found(look[job.kind], job.subject)


def is_there(rows: Store | Tx, message: str) -> bool:
    """Whether the message of this whole id is still in the archive."""
    return _found(rows.message, message)


def _found(look: Callable[[str], object], key: str) -> bool:
    try:
        look(key)
    except UserError:
        return False
    return True


def clean(text: str) -> str:
    """The text without halves of characters, which no ledger and no message could hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
