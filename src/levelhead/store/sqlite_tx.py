"""One write transaction on the SQLite index: what a room may write, and what it may read without a race."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

from levelhead.clock import to_text, utc
from levelhead.errors import ProgrammerError, StoreDamaged, UserError
from levelhead.facts import Fact, MessageArchived, MessageJudged
from levelhead.model import Job, Outcome, Parsed
from levelhead.store import sqlite_erase, sqlite_jobs, sqlite_messages, sqlite_read, sqlite_state
from levelhead.store.api import AlertRow, DraftRow, Entry, FolderState, MessageRow, Origin, Store
from levelhead.store.ledger import entry_of, read_leaf
from levelhead.store.sqlite_errors import UNREADABLE, damaged
from levelhead.store.sqlite_project import project
from levelhead.store.sqlite_read import BEYOND, PAGE
from levelhead.tree import Frontier, leaf_hash

T = TypeVar("T")

Salt = Callable[[], bytes]
"""Gives 32 fresh random bytes at each call."""

_MOST_WORDS = 500
"""Messages whose words wait in memory for the end of a transaction."""


class SqliteTx:
    """An open `BEGIN IMMEDIATE`. Its ledger's edge lives in memory and is stored once, when the store commits."""

    def __init__(self, connection: sqlite3.Connection, now: datetime, salt: Salt) -> None:
        self._connection = connection
        self._now = utc(now)
        self._salt = salt
        self._frontier: Frontier | None = None
        self._words: list[sqlite_messages.Words] = []
        self._broken = False
        self._ended = False

    @property
    def now(self) -> datetime:
        """The time that the transaction was opened with."""
        return self._now

    # --- facts

    def record(self, fact: Fact) -> None:
        """Append the fact to the ledger and change its tables; raises WrongState, and then nothing is written."""
        self._change(partial(project, self._open(), fact, self._now))
        self._append(fact)

    def archive(self, fact: MessageArchived, parsed: Parsed) -> None:
        """Append an archived message to the ledger and make its row, thread and searchable words."""
        self._take_in(fact, parsed)
        self._append(fact)

    def play(self, fact: Fact, parsed: Parsed) -> None:
        """Change the tables of a fact that stands in another ledger; this one's ledger stays as it is."""
        if isinstance(fact, MessageArchived):
            self._take_in(fact, parsed)
        else:
            self._change(partial(project, self._open(), fact, self._now))

    def replay(self, entry: Entry, fact: Fact | None, parsed: Parsed | None) -> None:
        """Put an entry of a lost index back as it was; `fact` is None when its payload was erased or is unknown.

        Raises StoreDamaged when the entry is not the next one, ValueError for a leaf that cannot be read.
        """
        size = self._edge().size
        if entry.seq != size:
            raise StoreDamaged(
                f"entry {entry.seq} comes where entry {size} is expected; the ledger has a gap"
            )
        leaf = read_leaf(entry.leaf)
        if isinstance(fact, MessageArchived):
            self._take_in(fact, parsed or Parsed())
        elif fact is not None:
            self._change(partial(project, self._open(), fact, leaf.time))
        self._put(entry, leaf.type)

    def restore_cursors(self) -> None:
        """Set every folder's cursor to the highest UID that was sighted or excluded there."""
        sqlite_state.restore_cursors(self._open())

    def _take_in(self, fact: MessageArchived, parsed: Parsed) -> None:
        self._change(partial(sqlite_messages.archived, self._open(), fact, parsed))
        self._words.append(sqlite_messages.words_of(fact.seq, parsed))
        if len(self._words) >= _MOST_WORDS:
            self._flush_words()

    def _flush_words(self) -> None:
        sqlite_messages.index_words(self._open(), self._words)
        self._words = []

    def _change(self, change: Callable[[], None]) -> None:
        """A refusal leaves no trace and may be caught; after anything else the transaction can only be rolled back."""
        try:
            change()
        except UserError:
            raise
        except BaseException:
            self._broken = True
            raise

    def _append(self, fact: Fact) -> None:
        try:
            entry = entry_of(fact, seq=self._edge().size, time=self._now, salt=self._salt())
            self._put(entry, fact.name)
        except BaseException:
            self._broken = True
            raise

    def _put(self, entry: Entry, kind: str) -> None:
        connection = self._open()
        connection.execute(
            "INSERT INTO entry (seq, type, leaf) VALUES (?, ?, ?)", (entry.seq, kind, entry.leaf)
        )
        connection.execute(
            "INSERT INTO payload (seq, salt, payload) VALUES (?, ?, ?)",
            (entry.seq, entry.salt, entry.payload),
        )
        self._edge().append(leaf_hash(entry.leaf))

    def _edge(self) -> Frontier:
        if self._frontier is None:
            self._frontier = sqlite_read.load_frontier(self._open())
        return self._frontier

    # --- erasing

    def erase(self, entries: Iterable[int]) -> None:
        """Take salt and payload of these entries out of the ledger; ProgrammerError for one that it does not have."""
        self._change(partial(sqlite_erase.erase, self._open(), entries, self._edge().size))

    def take_over(self, fresh: Store) -> None:
        """Let everything that follows from facts be as in `fresh`, another SqliteStore with the same leaves."""
        self._words = []  # of messages that `fresh` has, as it has everything that was recorded up to now
        self._change(partial(sqlite_erase.take_over, self._open(), self._edge(), fresh))

    # --- cursors

    def advance(self, mailbox: str, folder: str, *, last_uid: int, highestmodseq: int | None = None) -> None:
        """Move a folder's cursor forward; a lower `last_uid` than the stored one is ignored."""
        changed = self._open().execute(
            "UPDATE folder SET last_uid = max(last_uid, ?), highestmodseq = coalesce(?, highestmodseq)"
            " WHERE mailbox = ? AND folder = ?",
            (last_uid, highestmodseq, mailbox, folder),
        )
        self._must_be_known(changed, mailbox, folder)

    def end_pass(self, mailbox: str, folder: str) -> None:
        """Note that a complete pass over the folder ended now."""
        changed = self._open().execute(
            "UPDATE folder SET last_pass = ? WHERE mailbox = ? AND folder = ?",
            (to_text(self._now), mailbox, folder),
        )
        self._must_be_known(changed, mailbox, folder)

    def _must_be_known(self, changed: sqlite3.Cursor, mailbox: str, folder: str) -> None:
        if changed.rowcount != 1:
            self._broken = True
            raise ProgrammerError(
                f"folder {folder!r} of {mailbox!r} has a cursor before FolderOpened was recorded"
            )

    # --- jobs and words

    def add_job(self, lane: str, kind: str, key: str, subject: str, due_at: datetime) -> None:
        """Owe something. A job of the same key is kept, with the new `due_at` and attempt 0."""
        sqlite_jobs.add(self._open(), lane, kind, key, subject, due_at)

    def drop_job(self, key: str) -> None:
        """Owe it no longer; nothing happens when there is no such job."""
        sqlite_jobs.drop(self._open(), key)

    def drop_jobs_about(self, subjects: Iterable[str]) -> None:
        """Owe nothing any more that is about these messages, drafts or alerts; nobody settles what is being paid."""
        sqlite_jobs.drop_about(self._open(), subjects)

    def move_jobs(self, by: timedelta) -> None:
        """Put off (or bring forward) by as much whatever is owed; of what is being paid now, only the lease's end."""
        sqlite_jobs.move(self._open(), by)

    def settle(self, job: Job, outcome: Outcome) -> None:
        """Done removes the job, Again puts it off, Never keeps it as failed; one owed anew meanwhile stays as it is."""
        sqlite_jobs.settle(self._open(), job, outcome)

    def set_meta(self, key: str, value: str) -> None:
        """Keep one word for ourselves; the word `schema` is the store's own."""
        if key == "schema":
            raise ProgrammerError("the word `schema` belongs to the store")
        self._open().execute(
            "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
            (key, value),
        )

    # --- reads

    def _ask(self, ask: Callable[..., T], *about: object) -> T:
        """An answer of the index; StoreDamaged for rows that no value can be made of."""
        try:
            return ask(self._open(), *about)
        except UnicodeEncodeError:
            raise  # the question is no text, and the index is not to blame
        except UNREADABLE as exc:
            raise damaged(exc, self._path()) from exc

    def _path(self) -> Path:
        return sqlite_erase.file_of(self._connection)

    def entries(self, start: int = 0) -> Iterator[Entry]:
        """Entries from `start` to the end, read in pages; those of this transaction too."""
        while page := self._ask(sqlite_read.entries, start, BEYOND, PAGE):
            if page[-1].seq < start:  # pages of a damaged file may lead back to where they came from
                raise damaged(ValueError("its entries are out of order"), self._path())
            yield from page
            start = page[-1].seq + 1

    def draft(self, key: str) -> DraftRow:
        return self._ask(sqlite_state.draft, key)

    def drafts(
        self, *, states: Sequence[str] | None = None, thread: str | None = None
    ) -> tuple[DraftRow, ...]:
        return self._ask(sqlite_state.drafts, states, thread)

    def alert(self, key: str) -> AlertRow:
        return self._ask(sqlite_state.alert, key)

    def alerts(
        self, *, states: Sequence[str] | None = None, thread: str | None = None, client: str | None = None
    ) -> tuple[AlertRow, ...]:
        return self._ask(sqlite_state.alerts, states, thread, client)

    def message(self, prefix: str) -> MessageRow:
        return self._ask(sqlite_read.message, prefix)

    def origins(self, message: str) -> tuple[Origin, ...]:
        return self._ask(sqlite_read.origins, message)

    def judged(self, message: str) -> MessageJudged | None:
        return self._ask(sqlite_read.judged, message)

    def folder(self, mailbox: str, folder: str) -> FolderState | None:
        return self._ask(sqlite_state.folder, mailbox, folder)

    def meta(self, key: str) -> str | None:
        return sqlite_state.meta(self._open(), key)

    # --- the store's side

    def finish(self) -> None:
        """Called by the store right before COMMIT: the ledger's edge is written, and no more is taken."""
        if self._broken:
            raise ProgrammerError(
                "a write in this transaction failed and was passed over; it can only be rolled back"
            )
        self._flush_words()
        if self._frontier is not None:
            self._open().execute(
                "INSERT INTO frontier (id, state) VALUES (1, ?) ON CONFLICT DO UPDATE SET state = excluded.state",
                (self._frontier.to_bytes(),),
            )
        self._ended = True

    def end(self) -> None:
        """Called by the store when the transaction is over, however it went."""
        self._ended = True

    def _open(self) -> sqlite3.Connection:
        if self._ended:
            raise ProgrammerError("a transaction is used after it ended")
        return self._connection
