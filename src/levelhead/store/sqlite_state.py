"""Questions to the SQLite index about what is under way: folders, drafts, alerts, mailboxes, plugins, our own words."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from levelhead import clock, facts
from levelhead.errors import UserError
from levelhead.store import sqlite_rows as rows
from levelhead.store.api import AlertRow, DraftRow, Excluded, FolderState, KnownUids, MailboxRow, PluginRow
from levelhead.store.sqlite_read import canonical, many

_LAST = "\U0010ffff"
"""Sorts after everything that can follow a prefix."""


def folder(connection: sqlite3.Connection, mailbox: str, folder: str) -> FolderState | None:
    row = connection.execute(
        f"SELECT {rows.FOLDER} FROM folder WHERE mailbox = ? AND folder = ?", (mailbox, folder)
    ).fetchone()
    return None if row is None else rows.folder(row)


_HIGHEST_UID = 2**63 - 1
"""Above what any server may give (RFC 3501: 32 bits)."""


def folders(connection: sqlite3.Connection, mailbox: str | None) -> tuple[FolderState, ...]:
    cursor = connection.execute(
        f"SELECT {rows.FOLDER} FROM folder WHERE mailbox = coalesce(?, mailbox) ORDER BY mailbox, folder",
        (mailbox,),
    )
    return tuple(rows.folder(row) for row in cursor.fetchall())


def live_uids(
    connection: sqlite3.Connection, mailbox: str, folder: str, uidvalidity: int, first: int, last: int | None
) -> frozenset[int]:
    here = (mailbox, folder, uidvalidity, first, _HIGHEST_UID if last is None else last)
    condition = (
        "WHERE mailbox = ? AND folder = ? AND uidvalidity = ? AND uid BETWEEN ? AND ? AND vanished_at IS NULL"
    )
    cursor = connection.execute(
        f"SELECT uid FROM sighting {condition} UNION ALL SELECT uid FROM exclusion {condition}",
        (*here, *here),
    )
    return frozenset(uid for (uid,) in cursor.fetchall())


def known_uids(
    connection: sqlite3.Connection, mailbox: str, folder: str, uidvalidity: int, first: int, last: int
) -> KnownUids:
    """In one statement, so that what moves from one table to the other meanwhile is seen in one of them."""
    condition = "WHERE mailbox = ? AND folder = ? AND uidvalidity = ? AND uid BETWEEN ? AND ?"
    here = (mailbox, folder, uidvalidity, first, last)
    archived: set[int] = set()
    vanished: set[int] = set()
    excluded: dict[int, str] = {}
    for uid, gone, reason in connection.execute(
        f"SELECT uid, vanished_at IS NOT NULL, NULL FROM sighting {condition} UNION ALL"
        f" SELECT uid, 0, reason FROM exclusion {condition} AND vanished_at IS NULL",
        (*here, *here),
    ):
        if reason is not None:
            excluded[uid] = reason
        else:
            (vanished if gone else archived).add(uid)
    return KnownUids(archived=frozenset(archived), excluded=excluded, vanished=frozenset(vanished))


def excluded_after(
    connection: sqlite3.Connection, mailbox: str, folder: str, uidvalidity: int, uid: int, limit: int
) -> list[Excluded]:
    """The next excluded messages beyond `uid` that are still on the server."""
    cursor = connection.execute(
        f"SELECT {rows.EXCLUDED} FROM exclusion WHERE mailbox = ? AND folder = ? AND uidvalidity = ? AND uid > ?"
        " AND vanished_at IS NULL ORDER BY uid LIMIT ?",
        (mailbox, folder, uidvalidity, uid, limit),
    )
    return [rows.excluded(row) for row in cursor.fetchall()]


def named_by_server(
    connection: sqlite3.Connection, mailbox: str, server_id: str
) -> tuple[tuple[str, int], ...]:
    cursor = connection.execute(
        "SELECT m.id, m.size FROM sighting s JOIN message m ON m.seq = s.message"
        " WHERE s.mailbox = ? AND s.server_id = ? ORDER BY s.message DESC LIMIT 8",
        (mailbox, server_id),
    )
    return tuple(cursor.fetchall())


def restore_cursors(connection: sqlite3.Connection) -> None:
    """Set every folder's cursor to the highest UID that was sighted or excluded under its UIDVALIDITY."""
    here = "s.mailbox = folder.mailbox AND s.folder = folder.folder AND s.uidvalidity = folder.uidvalidity"
    connection.execute(
        "UPDATE folder SET last_uid = max(last_uid,"
        f" (SELECT coalesce(max(s.uid), 0) FROM sighting s WHERE {here}),"
        f" (SELECT coalesce(max(s.uid), 0) FROM exclusion s WHERE {here}))"
    )


def draft(connection: sqlite3.Connection, key: str) -> DraftRow:
    return rows.draft(_by_prefix(connection, "draft", rows.DRAFT, key, "`levelhead held` lists them"))


def drafts(
    connection: sqlite3.Connection,
    states: Sequence[str] | None,
    thread: str | None,
    message: str | None = None,
) -> tuple[DraftRow, ...]:
    """Oldest first."""
    found = _chosen(
        connection, "draft", rows.DRAFT, "created_at", states, thread=thread, client=None, message=message
    )
    return tuple(rows.draft(row) for row in found)


def alert(connection: sqlite3.Connection, key: str) -> AlertRow:
    return rows.alert(_by_prefix(connection, "alert", rows.ALERT, key, "`levelhead alerts --all` lists them"))


def alerts(
    connection: sqlite3.Connection,
    states: Sequence[str] | None,
    thread: str | None,
    client: str | None,
    message: str | None = None,
) -> tuple[AlertRow, ...]:
    """Oldest first."""
    found = _chosen(
        connection, "alert", rows.ALERT, "raised_at", states, thread=thread, client=client, message=message
    )
    return tuple(rows.alert(row) for row in found)


def notified(connection: sqlite3.Connection, alert: str) -> tuple[facts.AlertNotified, ...]:
    cursor = connection.execute(
        "SELECT alert, rung, channel, detail, notified_at FROM notice WHERE alert = ? ORDER BY id", (alert,)
    )
    return tuple(
        facts.AlertNotified(
            key=key, rung=rung, channel=channel, detail=detail, notified_at=clock.from_text(at)
        )
        for key, rung, channel, detail, at in cursor.fetchall()
    )


def mailboxes(connection: sqlite3.Connection) -> tuple[MailboxRow, ...]:
    cursor = connection.execute(f"SELECT {rows.MAILBOX} FROM mailbox ORDER BY name")
    return tuple(rows.mailbox(row) for row in cursor.fetchall())


def plugins(connection: sqlite3.Connection) -> tuple[PluginRow, ...]:
    cursor = connection.execute(f"SELECT {rows.PLUGIN} FROM plugin ORDER BY name")
    return tuple(rows.plugin(row) for row in cursor.fetchall())


def meta(connection: sqlite3.Connection, key: str) -> str | None:
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row[0])


def _by_prefix(connection: sqlite3.Connection, table: str, columns: str, key: str, hint: str) -> rows.Row:
    """The row of exactly that key, else the only one whose key begins so; `table` is also its name in sentences."""
    wanted = key.strip()
    found: list[rows.Row] = connection.execute(
        f"SELECT {columns} FROM {table} WHERE key >= ? AND key < ? ORDER BY key LIMIT 2",
        (wanted, wanted + _LAST),
    ).fetchall()
    if not wanted or not found:
        raise UserError(f"no {table} has a key that begins with {key!r}; {hint}")
    if len(found) > 1 and found[0][0] != wanted:
        raise UserError(f"several {table}s have a key that begins with {key!r}; give more of it")
    return found[0]


def _chosen(
    connection: sqlite3.Connection,
    table: str,
    columns: str,
    order: str,
    states: Sequence[str] | None,
    *,
    thread: str | None,
    client: str | None,
    message: str | None,
) -> list[rows.Row]:
    parts: list[str] = ["1"]
    values: list[Any] = []
    if states is not None:
        parts.append("state IN (SELECT value FROM json_each(?))")
        values.append(many(states))
    if thread is not None:
        parts.append("thread = ?")
        values.append(canonical(connection, thread))
    if client is not None:
        parts.append("client = ?")
        values.append(client)
    if message is not None:
        parts.append("message = ?")
        values.append(message)
    return connection.execute(
        f"SELECT {columns} FROM {table} WHERE {' AND '.join(parts)} ORDER BY {order}, key", values
    ).fetchall()
