"""What each fact changes in the tables of the SQLite index; recording and rebuilding both come through here.

A step that drafts and alerts do not have raises WrongState before anything is written. A fact that is not in `_CHANGES`
changes no table: the ledger alone remembers it. Nothing here depends on anything but the tables, the fact and `now`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import datetime
from typing import Any

from levelhead import facts
from levelhead.clock import to_text
from levelhead.errors import ProgrammerError
from levelhead.facts import Fact
from levelhead.lifecycle import ALERT, DRAFT, step
from levelhead.model import Severity
from levelhead.store.sqlite_erase import erasure_keyed, messages_erased
from levelhead.store.sqlite_messages import mark_undone, message_judged, message_marked, relabelled
from levelhead.store.sqlite_read import SEQ, canonical
from levelhead.store.sqlite_rows import maybe_text, to_list


def project(connection: sqlite3.Connection, fact: Fact, now: datetime) -> None:
    """Change what `fact` is about; raises WrongState for an impossible step."""
    if isinstance(fact, facts.MessageArchived):
        raise ProgrammerError("an archived message is recorded with what its bytes say: use tx.archive")
    change = _CHANGES.get(type(fact))
    if change is not None:
        change(connection, fact, now)


# --- where messages are seen -------------------------------------------------------------------


def _sighted(connection: sqlite3.Connection, fact: facts.MessageSighted, now: datetime) -> None:
    seen, place = to_text(fact.seen_at), (fact.mailbox, fact.folder, fact.uidvalidity, fact.uid)
    connection.execute(
        "INSERT INTO sighting (mailbox, folder, uidvalidity, uid, message, internal_date, flags, first_seen, last_seen,"
        f" server_id, labels, by_id) VALUES (?, ?, ?, ?, {SEQ}, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        # A UID that shows another message than before is a server's fault; what is there now counts.
        " first_seen = CASE WHEN message = excluded.message THEN first_seen ELSE excluded.first_seen END,"
        " message = excluded.message, internal_date = excluded.internal_date, flags = excluded.flags,"
        " last_seen = excluded.last_seen, vanished_at = NULL, server_id = excluded.server_id,"
        " labels = excluded.labels, by_id = excluded.by_id",
        (*place, fact.id, maybe_text(fact.internal_date), to_list(fact.flags), seen, seen, *_by_gmail(fact)),
    )
    connection.execute(
        "DELETE FROM exclusion WHERE mailbox = ? AND folder = ? AND uidvalidity = ? AND uid = ?", place
    )
    if fact.sent is not None:
        connection.execute(
            "UPDATE message SET in_sent = ? WHERE id = ? AND (in_sent IS NULL OR in_sent < ?)",
            (fact.sent, fact.id, fact.sent),
        )


def _by_gmail(fact: facts.MessageSighted) -> tuple[str | None, str | None, bool | None]:
    """The columns `server_id`, `labels` and `by_id`."""
    said = fact.gmail
    return (None, None, None) if said is None else (said.id or None, to_list(said.labels), said.by_id)


def _brought(connection: sqlite3.Connection, fact: facts.MessageBrought, now: datetime) -> None:
    connection.execute(
        "INSERT INTO origin (message, source, internal_date, flags, brought_at)"
        f" VALUES ({SEQ}, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (fact.id, fact.source, maybe_text(fact.internal_date), to_list(fact.flags), to_text(fact.brought_at)),
    )


def _excluded(connection: sqlite3.Connection, fact: facts.MessageExcluded, now: datetime) -> None:
    connection.execute(
        "INSERT INTO exclusion (mailbox, folder, uidvalidity, uid, internal_date, reason, addresses, seen_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET internal_date = excluded.internal_date,"
        " reason = excluded.reason, addresses = excluded.addresses, seen_at = excluded.seen_at, vanished_at = NULL",
        (
            fact.mailbox,
            fact.folder,
            fact.uidvalidity,
            fact.uid,
            maybe_text(fact.internal_date),
            fact.reason,
            to_list(fact.addresses),
            to_text(fact.seen_at),
        ),
    )


def _vanished(connection: sqlite3.Connection, fact: facts.MessageVanished, now: datetime) -> None:
    uids = json.dumps(fact.uids)
    for table in ("sighting", "exclusion"):
        connection.execute(
            f"UPDATE {table} SET vanished_at = ? WHERE mailbox = ? AND folder = ? AND uidvalidity = ?"
            " AND uid IN (SELECT value FROM json_each(?)) AND vanished_at IS NULL",
            (to_text(fact.noticed_at), fact.mailbox, fact.folder, fact.uidvalidity, uids),
        )


def _flagged(connection: sqlite3.Connection, fact: facts.MessageFlagged, now: datetime) -> None:
    connection.execute(
        "UPDATE sighting SET flags = ? WHERE mailbox = ? AND folder = ? AND uidvalidity = ? AND uid = ?",
        (to_list(fact.flags), fact.mailbox, fact.folder, fact.uidvalidity, fact.uid),
    )


def _folder_opened(connection: sqlite3.Connection, fact: facts.FolderOpened, now: datetime) -> None:
    """Under a new UIDVALIDITY the cursor starts again; the last pass stays, because it parts history from news."""
    connection.execute(
        "INSERT INTO mailbox (name, state) VALUES (?, 'new') ON CONFLICT DO NOTHING", (fact.mailbox,)
    )
    connection.execute(
        "INSERT INTO folder (mailbox, folder, uidvalidity, first_uidnext) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET uidvalidity = excluded.uidvalidity, first_uidnext = excluded.first_uidnext,"
        " last_uid = 0, highestmodseq = 0 WHERE uidvalidity <> excluded.uidvalidity",
        (fact.mailbox, fact.folder, fact.uidvalidity, fact.uidnext),
    )


def _correspondent(connection: sqlite3.Connection, fact: facts.CorrespondentFound, now: datetime) -> None:
    connection.execute(
        "INSERT INTO correspondent (address, message, found_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (fact.address.lower(), fact.message, to_text(fact.found_at)),
    )


# --- drafts ------------------------------------------------------------------------------------


def _step_draft(connection: sqlite3.Connection, fact: Any, **columns: object) -> None:
    """Move a draft to its next state and set the columns that the fact brings."""
    row = connection.execute("SELECT state FROM draft WHERE key = ?", (fact.key,)).fetchone()
    state = step(DRAFT, "" if row is None else row[0], fact.name)
    _set(connection, "draft", fact.key, {"state": state, **columns})


def _set(connection: sqlite3.Connection, table: str, key: str, columns: dict[str, object]) -> None:
    assignments = ", ".join(f"{name} = ?" for name in columns)
    connection.execute(f"UPDATE {table} SET {assignments} WHERE key = ?", (*columns.values(), key))


def _draft_held(connection: sqlite3.Connection, fact: facts.DraftHeld, now: datetime) -> None:
    row = connection.execute("SELECT state FROM draft WHERE key = ?", (fact.key,)).fetchone()
    state = step(DRAFT, "" if row is None else row[0], fact.name)
    connection.execute(
        "INSERT INTO draft (key, state, message, client, thread, mailbox, subject, body, level, why, plugin,"
        " created_at, release_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            fact.key,
            state,
            fact.message,
            fact.client,
            canonical(connection, fact.thread),
            fact.mailbox,
            fact.subject,
            fact.body,
            fact.level,
            fact.why,
            fact.plugin,
            to_text(fact.created_at),
            to_text(fact.release_at),
        ),
    )


def _draft_moved(connection: sqlite3.Connection, fact: Fact, now: datetime) -> None:
    _step_draft(connection, fact)


def _draft_due(
    connection: sqlite3.Connection,
    fact: facts.DraftExtended | facts.DraftReleased | facts.DraftRescheduled,
    now: datetime,
) -> None:
    _step_draft(connection, fact, release_at=to_text(fact.release_at))


def _draft_placing(connection: sqlite3.Connection, fact: facts.DraftPlacing, now: datetime) -> None:
    _step_draft(
        connection,
        fact,
        folder=fact.folder,
        uidvalidity=fact.uidvalidity,
        uidnext_before=fact.uidnext,
        message_id=fact.message_id,
        digest=fact.digest,
    )


def _draft_placed(connection: sqlite3.Connection, fact: facts.DraftPlaced, now: datetime) -> None:
    _step_draft(connection, fact, folder=fact.folder, uidvalidity=fact.uidvalidity, uid=fact.uid)


# --- alerts ------------------------------------------------------------------------------------


def _step_alert(connection: sqlite3.Connection, fact: Any, **columns: object) -> None:
    """Move an alert to its next state and set the columns that the fact brings."""
    row = connection.execute("SELECT state FROM alert WHERE key = ?", (fact.key,)).fetchone()
    state = step(ALERT, "" if row is None else row[0], fact.name)
    _set(connection, "alert", fact.key, {"state": state, **columns})


def _alert_raised(connection: sqlite3.Connection, fact: facts.AlertRaised, now: datetime) -> None:
    row = connection.execute("SELECT state FROM alert WHERE key = ?", (fact.key,)).fetchone()
    state = step(ALERT, "" if row is None else row[0], fact.name)
    connection.execute(
        "INSERT INTO alert (key, state, rule, client, thread, message, severity, title, body, raised_at,"
        " next_rung_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            fact.key,
            state,
            fact.rule,
            fact.client,
            canonical(connection, fact.thread),
            fact.message,
            fact.severity,
            fact.title,
            fact.body,
            to_text(fact.raised_at),
            maybe_text(fact.next_rung_at),
        ),
    )


def _alert_counted(connection: sqlite3.Connection, fact: facts.AlertCounted, now: datetime) -> None:
    """One more of the same; an alert gets louder by it, never quieter."""
    row = connection.execute("SELECT severity, count FROM alert WHERE key = ?", (fact.key,)).fetchone()
    severity, count = row or (fact.severity, 0)
    louder = max(Severity(severity), Severity(fact.severity), key=lambda one: one.rank)
    _step_alert(connection, fact, count=count + 1, severity=louder)


def _alert_rescheduled(connection: sqlite3.Connection, fact: facts.AlertRescheduled, now: datetime) -> None:
    _step_alert(connection, fact, next_rung_at=to_text(fact.next_rung_at))


def _alert_climbed(connection: sqlite3.Connection, fact: facts.AlertClimbed, now: datetime) -> None:
    _step_alert(connection, fact, rung=fact.rung, next_rung_at=maybe_text(fact.next_rung_at))


def _alert_snoozed(connection: sqlite3.Connection, fact: facts.AlertSnoozed, now: datetime) -> None:
    """The next rung comes when the quiet ends, also when the ladder had come to its end before."""
    _step_alert(connection, fact, next_rung_at=to_text(fact.until))


def _alert_ended(connection: sqlite3.Connection, fact: Fact, now: datetime) -> None:
    _step_alert(connection, fact, next_rung_at=None)


def _alert_notified(connection: sqlite3.Connection, fact: facts.AlertNotified, now: datetime) -> None:
    connection.execute(
        "INSERT INTO notice (alert, rung, channel, detail, notified_at) VALUES (?, ?, ?, ?, ?)",
        (fact.key, fact.rung, fact.channel, fact.detail, to_text(fact.notified_at)),
    )


# --- the daemon --------------------------------------------------------------------------------


def _mailbox_lost(connection: sqlite3.Connection, fact: facts.MailboxLost, now: datetime) -> None:
    connection.execute(
        "INSERT INTO mailbox (name, state, kind, why, since) VALUES (?, 'lost', ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " state = excluded.state, kind = excluded.kind, why = excluded.why, since = excluded.since",
        (fact.mailbox, fact.kind, fact.why, to_text(fact.since)),
    )


def _mailbox_watched(connection: sqlite3.Connection, fact: facts.MailboxWatched, now: datetime) -> None:
    connection.execute(
        "INSERT INTO mailbox (name, state) VALUES (?, 'watched') ON CONFLICT DO UPDATE SET"
        " state = excluded.state, kind = '', why = '', since = NULL",
        (fact.mailbox,),
    )


def _plugin_loaded(connection: sqlite3.Connection, fact: facts.PluginLoaded, now: datetime) -> None:
    _set_plugin(connection, fact.plugin, "loaded", "")


def _plugin_refused(connection: sqlite3.Connection, fact: facts.PluginRefused, now: datetime) -> None:
    _set_plugin(connection, fact.plugin, "refused", fact.why)


def _plugin_set_aside(connection: sqlite3.Connection, fact: facts.PluginSetAside, now: datetime) -> None:
    _set_plugin(connection, fact.plugin, "set-aside", fact.why)


def _plugin_gone(connection: sqlite3.Connection, fact: facts.PluginGone, now: datetime) -> None:
    connection.execute("DELETE FROM plugin WHERE name = ?", (fact.plugin,))


def _set_plugin(connection: sqlite3.Connection, name: str, state: str, why: str) -> None:
    connection.execute(
        "INSERT INTO plugin (name, state, why) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET state = excluded.state, why = excluded.why",
        (name, state, why),
    )


_CHANGES: dict[type[Fact], Callable[[sqlite3.Connection, Any, datetime], None]] = {
    facts.MessageSighted: _sighted,
    facts.MessageBrought: _brought,
    facts.MessageExcluded: _excluded,
    facts.MessageVanished: _vanished,
    facts.MessageFlagged: _flagged,
    facts.MessageRelabelled: relabelled,
    facts.MessageJudged: message_judged,
    facts.MessageMarked: message_marked,
    facts.MarkUndone: mark_undone,
    facts.CorrespondentFound: _correspondent,
    facts.FolderOpened: _folder_opened,
    facts.ErasureKeyed: erasure_keyed,
    facts.MessagesErased: messages_erased,
    facts.DraftHeld: _draft_held,
    facts.DraftSuperseded: _draft_moved,
    facts.DraftExtended: _draft_due,
    facts.DraftReleased: _draft_due,
    facts.DraftRescheduled: _draft_due,
    facts.DraftCancelled: _draft_moved,
    facts.DraftExpired: _draft_moved,
    facts.DraftPlacing: _draft_placing,
    facts.DraftPlaced: _draft_placed,
    facts.DraftHandled: _draft_moved,
    facts.DraftRemoved: _draft_moved,
    facts.DraftLeft: _draft_moved,
    facts.DraftFailed: _draft_moved,
    facts.AlertRaised: _alert_raised,
    facts.AlertCounted: _alert_counted,
    facts.AlertNotified: _alert_notified,
    facts.AlertClimbed: _alert_climbed,
    facts.AlertRescheduled: _alert_rescheduled,
    facts.AlertAcknowledged: _alert_ended,
    facts.AlertSnoozed: _alert_snoozed,
    facts.AlertAnswered: _alert_ended,
    facts.AlertResolved: _alert_ended,
    facts.MailboxLost: _mailbox_lost,
    facts.MailboxWatched: _mailbox_watched,
    facts.PluginLoaded: _plugin_loaded,
    facts.PluginRefused: _plugin_refused,
    facts.PluginSetAside: _plugin_set_aside,
    facts.PluginGone: _plugin_gone,
}
