"""Erasing in the SQLite index: what an erasure takes out, whose rows take the old ones' place, and what is left.

SQLite leaves deleted rows in unused parts of its pages and in its log; only `compact` of the store ends that.
"""

from __future__ import annotations

import contextlib
import math
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from levelhead import facts
from levelhead.errors import DiskFull, ProgrammerError
from levelhead.lifecycle import WrongState
from levelhead.store.api import Store
from levelhead.store.sqlite_errors import primary
from levelhead.store.sqlite_read import many
from levelhead.store.tombstones import tombstone
from levelhead.tree import Frontier

Ask = Callable[[str], Iterator[tuple[Any, ...]]]
"""Rows that a statement gives, one after the other."""

_FOLLOWING = (
    "message",
    "client",
    "client_label",
    "verdict",
    "opening",
    "mark",
    "correspondent",
    "thread",
    "mention",
    "sighting",
    "origin",
    "exclusion",
    "tombstone",
    "erasure",
    "draft",
    "alert",
    "notice",
)
"""Tables that follow from facts and messages alone, each after those that it refers to."""

_WORDS = ("message_text_data", "message_text_idx", "message_text_docsize", "message_text_config")
"""Where FTS5 keeps the words; it has no table of texts, because `message_text` is contentless."""


@runtime_checkable
class Snapshots(Protocol):
    """An SQLite index that can be read at one moment."""

    @property
    def path(self) -> Path: ...
    def snapshot(self) -> AbstractContextManager[Ask]: ...


# --- what facts change -------------------------------------------------------------------------


def erasure_keyed(connection: sqlite3.Connection, fact: facts.ErasureKeyed, now: datetime) -> None:
    """One archive has one key: under a second one what was erased before would not be known again."""
    if connection.execute("SELECT 1 FROM erasure").fetchone() is not None:
        raise WrongState("this archive's tombstones have their key already")
    connection.execute("INSERT INTO erasure (id, key) VALUES (1, ?)", (fact.key,))


def messages_erased(connection: sqlite3.Connection, fact: facts.MessagesErased, now: datetime) -> None:
    changed = connection.execute("UPDATE erasure SET last_seq = max(last_seq, ?)", (fact.last_seq,))
    if changed.rowcount != 1:
        raise WrongState("messages are erased before this archive's tombstones have a key")
    connection.executemany(
        "INSERT INTO tombstone (mac) VALUES (?) ON CONFLICT DO NOTHING", [(one,) for one in fact.tombstones]
    )


# --- what is asked and written -----------------------------------------------------------------


def erased(connection: sqlite3.Connection, ids: Iterable[str]) -> frozenset[str]:
    """Which of these ids have a tombstone; none before the first erasure, when there is no key to know them by."""
    row = connection.execute("SELECT key FROM erasure").fetchone()
    if row is None:
        return frozenset()
    bytes.fromhex(row[0])  # ValueError, which is damage; that of an id is a mistake of whoever asks
    try:
        wanted = {tombstone(row[0], id): id for id in ids}
    except ValueError as exc:
        raise ProgrammerError("a message's id is a number in hex") from exc
    found = connection.execute(
        "SELECT mac FROM tombstone WHERE mac IN (SELECT value FROM json_each(?))", (many(wanted),)
    )
    return frozenset(wanted[mac] for (mac,) in found.fetchall())


def erase(connection: sqlite3.Connection, entries: Iterable[int], size: int) -> None:
    """Take salt and payload of entries out of a ledger of that size."""

    def numbers() -> Iterator[tuple[int]]:
        for number in entries:
            if not 0 <= number < size:
                raise ProgrammerError(f"entry {number} is to be erased from a ledger of {size}")
            yield (number,)

    connection.executemany("UPDATE payload SET salt = NULL, payload = NULL WHERE seq = ?", numbers())


def take_over(connection: sqlite3.Connection, edge: Frontier, fresh: Store) -> None:
    """Put the rows of `fresh` in place of those here, in this transaction; `edge` is that of the ledger here."""
    if not isinstance(fresh, Snapshots):
        raise ProgrammerError("an index can take over from another SQLite index only")
    if fresh.path.samefile(file_of(connection)):
        raise ProgrammerError(f"the index {fresh.path} is to take over from itself")
    if (fresh.ledger_size(), fresh.ledger_root()) != (edge.size, edge.root()):
        raise ProgrammerError(
            f"the index {fresh.path} has another ledger ({fresh.ledger_size()} entries) than the one that is to"
            f" take over from it ({edge.size} entries)"
        )
    with fresh.snapshot() as ask:
        for table in reversed(_FOLLOWING):
            connection.execute(f"DELETE FROM {table}")
        for table in _FOLLOWING:
            _copy(connection, table, ask)
        # By FTS5 itself and not only by hand, so that this connection forgets what it remembers of the words; all
        # others look at the tables anew once they see that somebody has written.
        connection.execute("INSERT INTO message_text (message_text) VALUES ('delete-all')")
        for table in _WORDS:
            connection.execute(f"DELETE FROM {table}")
            _copy(connection, table, ask)


def _copy(connection: sqlite3.Connection, table: str, ask: Ask) -> None:
    """All rows of a table, one after the other: never many of them in memory."""
    found = connection.execute("SELECT name FROM pragma_table_info(?)", (table,)).fetchall()
    names = ", ".join(f'"{name}"' for (name,) in found)
    marks = ", ".join("?" * len(found))
    connection.executemany(
        f"INSERT INTO {table} ({names}) VALUES ({marks})", ask(f"SELECT {names} FROM {table}")
    )


def file_of(connection: sqlite3.Connection) -> Path:
    """The file that a connection is open on."""
    (path,) = connection.execute("SELECT file FROM pragma_database_list WHERE name = 'main'").fetchone()
    return Path(path)


# --- nothing is left ---------------------------------------------------------------------------


@contextlib.contextmanager
def room_for(connection: sqlite3.Connection) -> Iterator[None]:
    """A disk that gets full while the index is rewritten may be another one than the archive's: say which two."""
    try:
        yield
    except sqlite3.Error as exc:
        if primary(exc) != sqlite3.SQLITE_FULL:
            raise
        path = file_of(connection)
        megabytes = math.ceil(path.stat().st_size / 1e6)
        raise DiskFull(
            f"there is no room to rewrite the index {path}: a copy of its {megabytes} MB must fit"
            f" into {path.parent} and another into the folder for temporary files (SQLITE_TMPDIR names it);"
            " make some, nothing was lost"
        ) from exc
