"""The SQLite index looked through from end to end: whether it contradicts itself, and its rows for a comparison."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from levelhead.store import sqlite_rows as rows
from levelhead.store.api import Holding, Row
from levelhead.store.sqlite_read import PAGE, many

MOST_PROBLEMS = 20
"""Problems that `integrity` names; one broken page makes thousands."""

IDS = "(SELECT value FROM json_each(?))"


class Columns(NamedTuple):
    """Where rows of one kind stand: the table, the columns that order them, and the others that are compared."""

    table: str
    keys: tuple[str, ...]
    others: tuple[str, ...]


_COLUMNS: Mapping[Holding, Columns] = {
    Holding.MESSAGE: Columns(
        "message",
        ("id",),
        ("source", "mentions", "body_digest", "language", "automatic", "defects"),
    ),
    Holding.MARK: Columns(
        "(SELECT m.id, k.level, k.why, k.actor, k.marked_at FROM mark k JOIN message m ON m.seq = k.message)",
        ("id",),
        ("level", "why", "actor", "marked_at"),
    ),
    Holding.THREAD: Columns("thread", ("key",), ("client", "canonical", "first_seq")),
    Holding.MENTION: Columns("mention", ("client", "message_id", "thread"), ()),
    Holding.CLIENT: Columns("client", ("name",), ("messages", "judged", "total", "squares")),
    Holding.CLIENT_LABEL: Columns("client_label", ("client", "label"), ("judged",)),
    Holding.CORRESPONDENT: Columns("correspondent", ("address",), ("message", "found_at")),
    Holding.EXCLUSION: Columns(
        "exclusion",
        ("mailbox", "folder", "uidvalidity", "uid"),
        ("internal_date", "reason", "addresses", "seen_at", "vanished_at"),
    ),
    Holding.ORIGIN: Columns(
        "(SELECT m.id, o.source, o.internal_date, o.flags, o.brought_at"
        " FROM origin o JOIN message m ON m.seq = o.message)",
        ("id", "source"),
        ("internal_date", "flags", "brought_at"),
    ),
    Holding.OPENING: Columns("opening", ("message",), ("text",)),
    Holding.TOMBSTONE: Columns("tombstone", ("mac",), ()),
    Holding.ERASURE: Columns("erasure", ("id",), ("key", "last_seq")),
    Holding.PART: Columns(
        "(SELECT type, name FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\')",
        ("type", "name"),
        (),
    ),
}


def integrity(connection: sqlite3.Connection) -> tuple[str, ...]:
    """What SQLite itself finds wrong, and entries that are filed under another kind than their leaf says."""
    found = connection.execute(f"PRAGMA integrity_check({MOST_PROBLEMS})").fetchall()
    problems = [", ".join(str(row[0]).split("\n")) for row in found if row[0] != "ok"]
    if problems:
        return tuple(problems)
    cursor = connection.execute(
        "SELECT seq, type FROM entry WHERE json_valid(CAST(leaf AS TEXT))"
        " AND type IS NOT json_extract(CAST(leaf AS TEXT), '$.type') ORDER BY seq LIMIT ?",
        (MOST_PROBLEMS,),
    )
    return tuple(
        f"entry {seq} is filed under {kind!r}, and its leaf says otherwise" for seq, kind in cursor.fetchall()
    )


def page(connection: sqlite3.Connection, what: Holding, after: tuple[Any, ...] | None) -> list[Row]:
    """The next rows of a kind beyond a key, in order; ValueError when they are in no order."""
    table, keys, others = _COLUMNS[what]
    names, marks = ", ".join(keys), ", ".join("?" * len(keys))
    condition = "" if after is None else f"WHERE ({names}) > ({marks})"
    cursor = connection.execute(
        f"SELECT {', '.join((*keys, *others))} FROM {table} {condition} ORDER BY {names} LIMIT ?",
        (*(after or ()), PAGE),
    )
    found: list[Row] = [
        (row[: len(keys)], dict(zip(others, row[len(keys) :], strict=True))) for row in cursor.fetchall()
    ]
    order = [key for key, _ in found] if after is None else [after, *(key for key, _ in found)]
    if any(one >= other for one, other in pairwise(order)):
        raise ValueError(f"its rows of {what.value} are out of order")
    return found


_PRINTS = (
    f"SELECT {rows.MESSAGE} FROM message m WHERE m.id IN {IDS}",
    f"SELECT {rows.SIGHTING} FROM message m JOIN sighting s ON s.message = m.seq WHERE m.id IN {IDS}"
    " ORDER BY s.message, s.mailbox, s.folder, s.uidvalidity, s.uid",
    f"SELECT m.id, v.fact FROM message m JOIN verdict v ON v.message = m.seq WHERE m.id IN {IDS}",
    f"SELECT m.id, k.level FROM message m JOIN mark k ON k.message = m.seq WHERE m.id IN {IDS}",
)
"""Rows of messages, each with its id in front: all that `message`, `sightings`, `judged` and `marks` are made of."""


def prints(connection: sqlite3.Connection, ids: Sequence[str]) -> Mapping[str, object]:
    """For each of these messages that is there all such rows, as they are stored."""
    named = many(ids)
    found: dict[str, list[tuple[Any, ...]]] = {}
    for number, question in enumerate(_PRINTS):
        for row in connection.execute(question, (named,)):
            found.setdefault(row[0], []).append((number, *row[1:]))
    return found


def lost_words(connection: sqlite3.Connection) -> Iterator[Row]:
    """Words that stand in fewer messages, or in more, when they are looked for than when all of them are listed."""
    connection.execute(
        "CREATE VIRTUAL TABLE IF NOT EXISTS temp.term USING fts5vocab(main, message_text, row)"
    )
    cursor = connection.execute(
        "SELECT term FROM temp.term AS t WHERE doc <>"
        " (SELECT count(*) FROM message_text WHERE message_text MATCH '\"' || t.term || '\"') ORDER BY term"
    )
    return iter([((term,), {}) for (term,) in cursor.fetchall()])


def words(connection: sqlite3.Connection) -> Iterator[Row]:
    """For each message a digest of the words that it is found by, each with its places, in order of ids."""
    connection.execute(
        "CREATE VIRTUAL TABLE IF NOT EXISTS temp.word USING fts5vocab(main, message_text, instance)"
    )
    digests: dict[int, Any] = {}
    for term, seq, column, place in connection.execute("SELECT term, doc, col, offset FROM temp.word"):
        digest = digests.get(seq)
        if digest is None:
            digest = digests[seq] = hashlib.sha256()
        digest.update(f"{term} {column} {place}\n".encode())
    ids = dict(connection.execute("SELECT seq, id FROM message").fetchall())
    found = [((str(ids.get(seq, f"number {seq}")),), one.hexdigest()) for seq, one in digests.items()]
    return iter([(key, {"words": digest}) for key, digest in sorted(found)])
