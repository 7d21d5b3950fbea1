"""Questions to the SQLite index about messages, threads and clients. Each function takes a connection and only reads.

Lists are read in pages, because a cursor that stays open would hold an old snapshot and make this thread's next
write fail.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from levelhead import clock, facts
from levelhead.errors import StoreDamaged, UserError
from levelhead.lifecycle import OPEN_ALERTS, DraftState
from levelhead.model import Calibration, Past
from levelhead.store import sqlite_rows as rows
from levelhead.store.api import Counts, Entry, MessageFilter, MessageRow, Origin, Sighting
from levelhead.tree import Frontier

SHORTEST_PREFIX = 8
"""Hex digits that a message's id is shortened to at most."""

SEQ = "(SELECT seq FROM message WHERE id = ?)"
"""The number of the message whose id is bound here; tables refer to a message by it, because it is short."""

PAGE = 500
"""Rows read at once from a long list."""

BEYOND = 2**63 - 1
"""No number of a row is higher."""


def many(values: Iterable[str]) -> str:
    """Values as one JSON parameter, for `IN (SELECT value FROM json_each(?))`; no limit on how many."""
    return json.dumps(list(values))


def message(connection: sqlite3.Connection, prefix: str) -> MessageRow:
    """The one message whose id begins so; raises UserError when there is none, or more than one."""
    wanted = prefix.strip().lower()
    if len(wanted) < SHORTEST_PREFIX:
        raise UserError(
            f"{prefix!r} is too short for a message id; give at least {SHORTEST_PREFIX} characters"
        )
    found = connection.execute(
        f"SELECT {rows.MESSAGE} FROM message m WHERE m.id >= ? AND m.id < ? ORDER BY m.id LIMIT 2",
        (wanted, wanted + "g"),
    ).fetchall()
    if not found:
        raise UserError(f"no message has an id that begins with {prefix!r}; `levelhead messages` lists them")
    if len(found) > 1:
        raise UserError(f"several messages have an id that begins with {prefix!r}; give more of it")
    return rows.message(found[0])


def where(connection: sqlite3.Connection, wanted: MessageFilter) -> tuple[str, list[Any]]:
    """The filter as SQL over `message m`, always true for an empty one."""
    parts: list[str] = ["1"]
    values: list[Any] = []

    def add(part: str, value: object) -> None:
        parts.append(part)
        values.append(value)

    if wanted.client is not None:
        add("m.client = ?", wanted.client)
    if wanted.thread is not None:
        add("m.thread = ?", canonical(connection, wanted.thread))
    if wanted.since is not None:
        add("m.received_at >= ?", clock.to_text(wanted.since))
    if wanted.until is not None:
        add("m.received_at < ?", clock.to_text(wanted.until))
    if wanted.level is not None:
        add("m.level = ?", wanted.level.value)
    if wanted.direction is not None:
        add("m.direction = ?", wanted.direction.value)
    if wanted.attachment is not None:
        parts.append("m.attachments > 0" if wanted.attachment else "m.attachments = 0")
    return " AND ".join(parts), values


def messages_after(
    connection: sqlite3.Connection, wanted: MessageFilter, seq: int, limit: int
) -> list[MessageRow]:
    """The next messages beyond `seq`."""
    condition, values = where(connection, wanted)
    cursor = connection.execute(
        f"SELECT {rows.MESSAGE} FROM message m WHERE {condition} AND m.seq > ? ORDER BY m.seq LIMIT ?",
        (*values, seq, limit),
    )
    return [rows.message(row) for row in cursor.fetchall()]


def known(connection: sqlite3.Connection, ids: Sequence[str]) -> Mapping[str, int]:
    cursor = connection.execute(
        "SELECT id, seq FROM message WHERE id IN (SELECT value FROM json_each(?))", (many(ids),)
    )
    return dict(cursor.fetchall())


def last_seq(connection: sqlite3.Connection) -> int:
    row = connection.execute(
        "SELECT max(coalesce((SELECT max(seq) FROM message), 0), coalesce((SELECT last_seq FROM erasure), 0))"
    ).fetchone()
    return int(row[0])


def sightings(connection: sqlite3.Connection, message: str) -> tuple[Sighting, ...]:
    cursor = connection.execute(
        f"SELECT {rows.SIGHTING} FROM message m JOIN sighting s ON s.message = m.seq WHERE m.id = ?"
        " ORDER BY s.first_seen, s.mailbox, s.folder, s.uidvalidity, s.uid",
        (message,),
    )
    return tuple(rows.sighting(row) for row in cursor.fetchall())


def origins(connection: sqlite3.Connection, message: str) -> tuple[Origin, ...]:
    cursor = connection.execute(
        f"SELECT {rows.ORIGIN} FROM message m JOIN origin o ON o.message = m.seq WHERE m.id = ?"
        " ORDER BY o.brought_at, o.source",
        (message,),
    )
    return tuple(rows.origin(row) for row in cursor.fetchall())


def judged(connection: sqlite3.Connection, message: str) -> facts.MessageJudged | None:
    row = connection.execute(f"SELECT fact FROM verdict WHERE message = {SEQ}", (message,)).fetchone()
    if row is None:
        return None
    fact = facts.read(facts.MessageJudged.name, row[0])
    if not isinstance(fact, facts.MessageJudged):
        raise StoreDamaged(f"the verdict of message {message} is not a verdict")
    return fact


def marks(connection: sqlite3.Connection, message: str) -> str | None:
    row = connection.execute(f"SELECT level FROM mark WHERE message = {SEQ}", (message,)).fetchone()
    return None if row is None else str(row[0])


def copy_of(connection: sqlite3.Connection, message_id: str, body_digest: str) -> str:
    if not message_id or not body_digest:
        return ""
    row = connection.execute(
        "SELECT id FROM message WHERE message_id = ? AND message_id <> '' AND body_digest = ? ORDER BY seq LIMIT 1",
        (message_id, body_digest),
    ).fetchone()
    return "" if row is None else str(row[0])


def named(connection: sqlite3.Connection, message_ids: Iterable[str]) -> tuple[MessageRow, ...]:
    cursor = connection.execute(
        f"SELECT {rows.MESSAGE} FROM message m WHERE m.message_id <> ''"
        " AND m.message_id IN (SELECT value FROM json_each(?)) ORDER BY m.seq",
        (many(message_ids),),
    )
    return tuple(rows.message(row) for row in cursor.fetchall())


def canonical(connection: sqlite3.Connection, thread: str) -> str:
    """The key under which a thread goes today; the key itself when it was never joined to another."""
    row = connection.execute("SELECT canonical FROM thread WHERE key = ?", (thread,)).fetchone()
    return thread if row is None else str(row[0])


def threads_of(connection: sqlite3.Connection, client: str, message_ids: Iterable[str]) -> tuple[str, ...]:
    cursor = connection.execute(
        "SELECT DISTINCT home.key, home.first_seq FROM mention"
        " JOIN thread AS alias ON alias.key = mention.thread JOIN thread AS home ON home.key = alias.canonical"
        " WHERE mention.client = ? AND mention.message_id IN (SELECT value FROM json_each(?))"
        " ORDER BY home.first_seq, home.key",
        (client, many(message_ids)),
    )
    return tuple(key for key, _ in cursor.fetchall())


def past(connection: sqlite3.Connection, thread: str, before_seq: int | None, limit: int) -> tuple[Past, ...]:
    cursor = connection.execute(
        f"SELECT {rows.PAST} FROM message WHERE thread = ? AND seq < ? ORDER BY seq DESC LIMIT ?",
        (canonical(connection, thread), BEYOND if before_seq is None else before_seq, limit),
    )
    return tuple(rows.past(row) for row in reversed(cursor.fetchall()))


def calibration(connection: sqlite3.Connection, client: str) -> Calibration:
    """From running sums, so that asking costs the same however much a client has written."""
    row = connection.execute("SELECT judged, total, squares FROM client WHERE name = ?", (client,)).fetchone()
    # CROSS JOIN keeps SQLite from walking all of a client's messages to find the few that a person marked.
    marked = connection.execute(
        "SELECT mark.level, count(*) FROM mark CROSS JOIN message ON message.seq = mark.message"
        " WHERE message.client = ? GROUP BY mark.level",
        (client,),
    ).fetchall()
    count, total, squares = row or (0, 0, 0)
    if not count:
        return Calibration(marks=dict(marked))
    # Whole numbers of millionths up to the last step, so that no rounding makes a variance negative.
    variance = (count * squares - total * total) / (count * count)
    if variance < 0:
        raise ValueError(f"no scores have the sums of client {client}")
    labels = connection.execute(
        "SELECT label, judged FROM client_label WHERE client = ? ORDER BY label", (client,)
    ).fetchall()
    return Calibration(
        judged=count,
        mean=total / count / 1e6,
        deviation=variance**0.5 / 1e6,
        marks=dict(marked),
        labels=dict(labels),
    )


def first_contact(connection: sqlite3.Connection, client: str) -> datetime | None:
    row = connection.execute(
        "SELECT min(received_at) FROM message WHERE client = ? AND (direction <> 'out' OR in_sent IS NOT 0)",
        (client,),
    ).fetchone()
    return rows.moment(row[0])


def clients(connection: sqlite3.Connection) -> tuple[str, ...]:
    cursor = connection.execute("SELECT name FROM client WHERE messages > 0 AND name <> '' ORDER BY name")
    return tuple(name for (name,) in cursor.fetchall())


def correspondents(connection: sqlite3.Connection) -> frozenset[str]:
    return frozenset(
        address for (address,) in connection.execute("SELECT address FROM correspondent").fetchall()
    )


def counts(connection: sqlite3.Connection) -> Counts:
    row = connection.execute(
        "SELECT (SELECT coalesce(sum(messages), 0) FROM client),"
        " (SELECT count(*) FROM message WHERE level IS NULL),"
        " (SELECT count(*) FROM draft WHERE state = ?),"
        " (SELECT count(*) FROM alert WHERE state IN (?, ?))",
        (DraftState.HELD, *OPEN_ALERTS),
    ).fetchone()
    return Counts(messages=row[0], backlog=row[1], held=row[2], open_alerts=row[3])


def backlog(connection: sqlite3.Connection) -> Mapping[str, int]:
    cursor = connection.execute(
        "SELECT s.mailbox, count(DISTINCT s.message) FROM message m JOIN sighting s ON s.message = m.seq"
        " WHERE m.level IS NULL GROUP BY s.mailbox"
    )
    return dict(cursor.fetchall())


def entries(connection: sqlite3.Connection, start: int, stop: int, limit: int) -> list[Entry]:
    """Entries of the ledger from `start` up to, not including, `stop`."""
    cursor = connection.execute(
        f"SELECT {rows.ENTRY} FROM entry e LEFT JOIN payload p ON p.seq = e.seq"
        " WHERE e.seq >= ? AND e.seq < ? ORDER BY e.seq LIMIT ?",
        (start, stop, limit),
    )
    return [rows.entry(row) for row in cursor.fetchall()]


def entries_before(
    connection: sqlite3.Connection, seq: int, kind: str | None, limit: int
) -> list[tuple[Entry, str]]:
    """Entries below `seq` with the names of their facts, newest first."""
    condition, values = ("", ()) if kind is None else ("AND e.type = ?", (kind,))
    cursor = connection.execute(
        f"SELECT {rows.ENTRY}, e.type FROM entry e LEFT JOIN payload p ON p.seq = e.seq"
        f" WHERE e.seq < ? {condition} ORDER BY e.seq DESC LIMIT ?",
        (seq, *values, limit),
    )
    return [(rows.entry(row), row[4]) for row in cursor.fetchall()]


def load_frontier(connection: sqlite3.Connection) -> Frontier:
    """The edge of the ledger's tree; raises StoreDamaged when it does not belong to the entries that are there."""
    row = connection.execute(
        "SELECT (SELECT state FROM frontier), (SELECT coalesce(max(seq) + 1, 0) FROM entry)"
    ).fetchone()
    try:
        frontier = Frontier() if row[0] is None else Frontier.from_bytes(row[0])
    except ValueError as exc:
        raise StoreDamaged(f"the edge of the ledger's tree cannot be read: {exc}") from exc
    if frontier.size != row[1]:
        raise StoreDamaged(f"the ledger holds {row[1]} entries and its tree has {frontier.size} leaves")
    return frontier
