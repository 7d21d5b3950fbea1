"""The index in one SQLite file: `store.api.Store` on the standard library's sqlite3.

Each thread has a connection of its own; each write is a `BEGIN IMMEDIATE` and durable when it returns
(write-ahead log, `synchronous = FULL`). SQLite's errors leave here as those of `levelhead.errors`.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from levelhead import facts
from levelhead.errors import ProgrammerError, StoreDamaged, UserError
from levelhead.model import Calibration, Job, Past
from levelhead.store import (
    sqlite_compare,
    sqlite_erase,
    sqlite_jobs,
    sqlite_read,
    sqlite_search,
    sqlite_state,
)
from levelhead.store.api import (
    AlertRow,
    Counts,
    DraftRow,
    Entry,
    Excluded,
    FolderState,
    Hit,
    Holding,
    KnownUids,
    MailboxRow,
    MessageFilter,
    MessageRow,
    Origin,
    PluginRow,
    Row,
    Sighting,
)
from levelhead.store.ledger import SALT_SIZE
from levelhead.store.sqlite_errors import UNREADABLE, damaged, poisons, translated
from levelhead.store.sqlite_open import Links, copy_index, open_links
from levelhead.store.sqlite_read import BEYOND, PAGE
from levelhead.store.sqlite_turns import Turns

if TYPE_CHECKING:
    from levelhead.facts import AlertNotified, Fact, MessageJudged
    from levelhead.store.sqlite_tx import Salt, SqliteTx

T = TypeVar("T")

BUSY_SECONDS = 30.0
"""How long a write waits for another one before it is StoreLocked."""


def _random_salt() -> bytes:
    return os.urandom(SALT_SIZE)


def open_store(
    path: Path, *, salt: Salt = _random_salt, read_only: bool = False, busy_seconds: float = BUSY_SECONDS
) -> SqliteStore:
    """Open the index file `path` (or `index.sqlite` in the folder `path`), making it unless `read_only`.

    `salt` gives 32 fresh random bytes for each entry of the ledger. A read-only store works beside a running daemon
    and on a copy that cannot be written. Raises NewerSchema, StoreDamaged, StoreLocked, Unavailable; UserError when
    there is nothing to read.
    """
    return SqliteStore(open_links(path, read_only=read_only, busy_seconds=busy_seconds), salt, busy_seconds)


class SqliteStore:
    """One open index; safe to use from several threads and beside other processes."""

    def __init__(self, links: Links, salt: Salt, busy_seconds: float) -> None:
        self._links = links
        self._salt = salt
        self._turns = Turns(links, busy_seconds)

    @property
    def path(self) -> Path:
        """The index file."""
        return self._links.path

    def close(self) -> None:
        """Close the connections of all threads; the store cannot be used afterwards."""
        self._links.close()

    def copy_to(self, path: Path) -> None:
        """The index at one moment, in a file of its own."""
        if path.exists():
            raise UserError(f"there is a file {path} already; an index is never overwritten")
        with self._errors():
            copy_index(self.path, path)

    def version(self) -> int:
        """Changes when anything was committed by anybody; compare numbers of one thread with each other only."""
        serial = self._links.mine().serial
        (seen,) = self._read(lambda connection: connection.execute("PRAGMA data_version").fetchone())
        return (serial << 64) | (self._turns.writes << 32) | int(seen)

    # --- writing

    def hurry(self, asked: Callable[[], bool]) -> None:
        """Once `asked()` is true a write waits for another a second at most, and so does one that waits already."""
        self._turns.hurry(asked)

    @contextlib.contextmanager
    def transaction(self, now: datetime) -> Iterator[SqliteTx]:
        """One write transaction: commits at the end, rolls back on any exception."""
        # Here, because one who only reads needs none of what it loads.
        from levelhead.store.sqlite_tx import SqliteTx

        with self._errors(), self._turns.writing() as connection:
            tx = SqliteTx(connection, now, self._salt)
            try:
                yield tx
                tx.finish()
            finally:
                tx.end()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """SQLite's errors in our words; a connection that saw a disk fail is closed and not used again."""
        try:
            yield
        except sqlite3.Error as exc:
            if poisons(exc):
                self._links.drop()
            raise translated(exc, self.path) from exc
        except UnicodeDecodeError as exc:  # SQLite took the words of its error from damaged bytes
            raise damaged(exc, self.path) from exc

    def _read(self, ask: Callable[[sqlite3.Connection], T]) -> T:
        """An answer of the index; StoreDamaged also for rows that no value can be made of."""
        with self._errors():
            try:
                return ask(self._links.mine().connection)
            except UnicodeEncodeError:
                raise  # the question is no text, and the index is not to blame
            except UNREADABLE as exc:
                raise damaged(exc, self.path) from exc

    def _must_follow(self, before: int, number: int | None, what: str) -> None:
        """Pages of a damaged file may lead back to where they came from, and nobody shall walk round for ever."""
        if number is not None and number <= before:
            raise damaged(ValueError(f"its {what} are out of order"), self.path)

    # --- messages

    def known(self, ids: Sequence[str]) -> Mapping[str, int]:
        return self._read(lambda connection: sqlite_read.known(connection, ids))

    def message(self, prefix: str) -> MessageRow:
        return self._read(lambda connection: sqlite_read.message(connection, prefix))

    def messages(self, wanted: MessageFilter, *, limit: int | None = None) -> Iterator[MessageRow]:
        seq, left = 0, BEYOND if limit is None else limit
        while left > 0:
            size = min(PAGE, left)
            page = self._messages_after(wanted, seq, size)
            self._must_follow(seq, page[-1].seq if page else None, "messages")
            yield from page
            if len(page) < size:
                return
            seq, left = page[-1].seq, left - size

    def _messages_after(self, wanted: MessageFilter, seq: int, size: int) -> list[MessageRow]:
        return self._read(lambda connection: sqlite_read.messages_after(connection, wanted, seq, size))

    def last_seq(self) -> int:
        return self._read(sqlite_read.last_seq)

    def erased(self, ids: Iterable[str]) -> frozenset[str]:
        wanted = tuple(ids)
        return self._read(lambda connection: sqlite_erase.erased(connection, wanted))

    def sightings(self, message: str) -> tuple[Sighting, ...]:
        return self._read(lambda connection: sqlite_read.sightings(connection, message))

    def origins(self, message: str) -> tuple[Origin, ...]:
        return self._read(lambda connection: sqlite_read.origins(connection, message))

    def judged(self, message: str) -> MessageJudged | None:
        return self._read(lambda connection: sqlite_read.judged(connection, message))

    def marks(self, message: str) -> str | None:
        return self._read(lambda connection: sqlite_read.marks(connection, message))

    def copy_of(self, message_id: str, body_digest: str) -> str:
        return self._read(lambda connection: sqlite_read.copy_of(connection, message_id, body_digest))

    def named(self, message_ids: Iterable[str]) -> tuple[MessageRow, ...]:
        wanted = tuple(message_ids)
        return self._read(lambda connection: sqlite_read.named(connection, wanted))

    def threads_of(self, client: str, message_ids: Iterable[str]) -> tuple[str, ...]:
        wanted = tuple(message_ids)
        return self._read(lambda connection: sqlite_read.threads_of(connection, client, wanted))

    def past(self, thread: str, *, before_seq: int | None = None, limit: int = 50) -> tuple[Past, ...]:
        return self._read(lambda connection: sqlite_read.past(connection, thread, before_seq, limit))

    def calibration(self, client: str) -> Calibration:
        return self._read(lambda connection: sqlite_read.calibration(connection, client))

    def first_contact(self, client: str) -> datetime | None:
        return self._read(lambda connection: sqlite_read.first_contact(connection, client))

    def clients(self) -> tuple[str, ...]:
        return self._read(sqlite_read.clients)

    def correspondents(self) -> frozenset[str]:
        return self._read(sqlite_read.correspondents)

    def search(self, query: str, wanted: MessageFilter, *, limit: int = 50) -> Iterator[Hit]:
        """Best first."""
        found = self._read(lambda connection: sqlite_search.search(connection, query, wanted, limit))
        return iter([Hit(message=row, opening=opening) for row, opening in found])

    # --- folders

    def folder(self, mailbox: str, folder: str) -> FolderState | None:
        return self._read(lambda connection: sqlite_state.folder(connection, mailbox, folder))

    def folders(self, mailbox: str | None = None) -> tuple[FolderState, ...]:
        return self._read(lambda connection: sqlite_state.folders(connection, mailbox))

    def live_uids(
        self, mailbox: str, folder: str, uidvalidity: int, *, first: int = 1, last: int | None = None
    ) -> frozenset[int]:
        here = (mailbox, folder, uidvalidity)
        return self._read(lambda connection: sqlite_state.live_uids(connection, *here, first, last))

    def known_uids(self, mailbox: str, folder: str, uidvalidity: int, first: int, last: int) -> KnownUids:
        here = (mailbox, folder, uidvalidity, first, last)
        return self._read(lambda connection: sqlite_state.known_uids(connection, *here))

    def excluded(self, mailbox: str, folder: str, uidvalidity: int) -> Iterator[Excluded]:
        """Those that are still on the server, by UID."""
        page = self._excluded_after(mailbox, folder, uidvalidity, 0)
        while page:
            yield from page
            page = self._excluded_after(mailbox, folder, uidvalidity, page[-1].place.uid)

    def _excluded_after(self, mailbox: str, folder: str, uidvalidity: int, uid: int) -> list[Excluded]:
        return self._read(
            lambda connection: sqlite_state.excluded_after(
                connection, mailbox, folder, uidvalidity, uid, PAGE
            )
        )

    def named_by_server(self, mailbox: str, server_id: str) -> tuple[tuple[str, int], ...]:
        return self._read(lambda connection: sqlite_state.named_by_server(connection, mailbox, server_id))

    # --- what is owed

    def claim(self, lane: str, now: datetime, *, limit: int, lease_seconds: float) -> tuple[Job, ...]:
        if not self._read(lambda connection: sqlite_jobs.any_due(connection, lane, now)):
            return ()
        with self._errors(), self._turns.writing() as connection:
            return sqlite_jobs.claim(connection, lane, now, limit, lease_seconds)

    def next_due(self, lane: str) -> datetime | None:
        return self._read(lambda connection: sqlite_jobs.next_due(connection, lane))

    def failed_jobs(self) -> tuple[tuple[Job, str], ...]:
        return self._read(sqlite_jobs.failed)

    # --- drafts, alerts, the daemon

    def draft(self, key: str) -> DraftRow:
        return self._read(lambda connection: sqlite_state.draft(connection, key))

    def drafts(
        self, *, states: Sequence[str] | None = None, thread: str | None = None, message: str | None = None
    ) -> tuple[DraftRow, ...]:
        return self._read(lambda connection: sqlite_state.drafts(connection, states, thread, message))

    def alert(self, key: str) -> AlertRow:
        return self._read(lambda connection: sqlite_state.alert(connection, key))

    def alerts(
        self,
        *,
        states: Sequence[str] | None = None,
        thread: str | None = None,
        client: str | None = None,
        message: str | None = None,
    ) -> tuple[AlertRow, ...]:
        return self._read(lambda connection: sqlite_state.alerts(connection, states, thread, client, message))

    def notified(self, alert: str) -> tuple[AlertNotified, ...]:
        return self._read(lambda connection: sqlite_state.notified(connection, alert))

    def mailboxes(self) -> tuple[MailboxRow, ...]:
        return self._read(sqlite_state.mailboxes)

    def plugins(self) -> tuple[PluginRow, ...]:
        return self._read(sqlite_state.plugins)

    def counts(self) -> Counts:
        return self._read(sqlite_read.counts)

    def backlog(self) -> Mapping[str, int]:
        return self._read(sqlite_read.backlog)

    def meta(self, key: str) -> str | None:
        return self._read(lambda connection: sqlite_state.meta(connection, key))

    # --- the whole of it

    def compact(self) -> bool:
        """VACUUM, then a checkpoint that empties the log, so that no byte of what was deleted is left in either."""
        with self._errors():
            with self._turns.alone() as connection, sqlite_erase.room_for(connection):
                self._turns.patiently(connection, "VACUUM")
            return self._turns.empty_log()

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[sqlite_erase.Ask]:
        """The index as it stands at one moment, to be asked in SQL; its errors leave in our words."""
        link = self._links.mine()
        if link.writing:
            raise ProgrammerError("an index is read as a whole inside a transaction of the same thread")
        with self._errors():
            link.connection.execute("BEGIN")
        try:
            yield partial(self._rows, link.connection)
        finally:
            with contextlib.suppress(sqlite3.Error):
                link.connection.execute("ROLLBACK")

    def _rows(self, connection: sqlite3.Connection, statement: str) -> Iterator[tuple[Any, ...]]:
        with self._errors():
            yield from connection.execute(statement)

    def integrity(self) -> tuple[str, ...]:
        """SQLite's own check, and that each entry is filed under the kind that its leaf says."""
        try:
            return self._read(sqlite_compare.integrity)
        except StoreDamaged as exc:
            return (str(exc),)

    def holdings(self, what: Holding) -> Iterator[Row]:
        if what is Holding.WORD:
            yield from self._read(sqlite_compare.words)
            return
        if what is Holding.LOST_WORD:
            yield from self._read(sqlite_compare.lost_words)
            return
        page = self._rows_after(what, None)
        while page:
            yield from page
            page = self._rows_after(what, page[-1][0])

    def prints(self, ids: Sequence[str]) -> Mapping[str, object]:
        return self._read(lambda connection: sqlite_compare.prints(connection, ids))

    def _rows_after(self, what: Holding, after: tuple[Any, ...] | None) -> list[Row]:
        return self._read(lambda connection: sqlite_compare.page(connection, what, after))

    # --- the ledger

    def ledger_size(self) -> int:
        return self._read(sqlite_read.load_frontier).size

    def ledger_root(self) -> bytes:
        """The RFC 9162 Merkle tree head over all leaves, from the stored edge of the tree."""
        return self._read(sqlite_read.load_frontier).root()

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[Entry]:
        end = BEYOND if stop is None else stop
        page = self._entries(start, end)
        while page:
            self._must_follow(start - 1, page[-1].seq, "entries")
            yield from page
            start = page[-1].seq + 1
            page = self._entries(start, end)

    def _entries(self, start: int, end: int) -> list[Entry]:
        return self._read(lambda connection: sqlite_read.entries(connection, start, end, PAGE))

    def facts_about(
        self, *, kind: str | None = None, limit: int | None = None
    ) -> Iterator[tuple[Entry, Fact]]:
        before, left = BEYOND, BEYOND if limit is None else limit
        size = min(PAGE, left)
        while left > 0 and (page := self._entries_before(before, kind, size)):
            for entry, name in page:
                fact = _readable(entry, name)
                if fact is not None and left > 0:
                    left -= 1
                    yield entry, fact
            before = page[-1][0].seq

    def _entries_before(self, seq: int, kind: str | None, size: int) -> list[tuple[Entry, str]]:
        return self._read(lambda connection: sqlite_read.entries_before(connection, seq, kind, size))


def _readable(entry: Entry, name: str) -> Fact | None:
    """The fact of an entry; None when it was erased, or is of a kind that this program does not know."""
    if entry.payload is None:
        return None
    try:
        return facts.read(name, entry.payload)
    except (KeyError, ValueError):
        return None
