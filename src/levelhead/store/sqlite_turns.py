"""Whose turn it is to write: of the threads of this process one at a time, and of all processes one at a time."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator

from levelhead.errors import ProgrammerError, StoreLocked
from levelhead.store.sqlite_errors import primary
from levelhead.store.sqlite_open import Links

HURRIED_SECONDS = 1.0
"""How long a write waits for another one when somebody wants to end (`hurry`)."""

_TURN = 0.25
"""Seconds of waiting after which it is looked whether there still is time; nobody can call SQLite's own waiting off."""


class Turns:
    """The writers of one index: threads of one process queue here, and processes wait for each other."""

    def __init__(self, links: Links, busy_seconds: float) -> None:
        self._links = links
        self._busy_seconds = busy_seconds
        self.writes = 0
        # SQLite's own waiting is by polling and lets a busy writer starve others.
        self._writer = threading.Lock()
        self._hurried: Callable[[], bool] = lambda: False

    def hurry(self, asked: Callable[[], bool]) -> None:
        """Once `asked()` is true a write waits for another a second at most, and so does one that waits already."""
        self._hurried = asked

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection in a write transaction: commits at the end, rolls back on any exception."""
        with self.alone() as connection:
            try:
                # A transaction that only later turns into a writer could not wait for its turn.
                self.patiently(connection, "BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
                self.writes += 1
            finally:
                with contextlib.suppress(sqlite3.Error):
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def alone(self) -> Iterator[sqlite3.Connection]:
        """This thread's connection, while no other thread of this process writes; StoreLocked when one goes on."""
        link = self._links.mine()
        if link.writing:
            raise ProgrammerError("a transaction is opened inside another one of the same thread")
        if self._links.read_only:
            raise ProgrammerError(f"the index {self._links.path} was opened for reading only")
        self._queue()
        try:
            link.writing = True
            yield link.connection
        finally:
            link.writing = False
            self._writer.release()

    def _queue(self) -> None:
        turn = waited = self._turn
        while not self._writer.acquire(timeout=turn):
            if not self._patient(waited):
                raise StoreLocked(
                    f"the index {self._links.path} is busy with another write; try again in a moment"
                )
            waited += turn

    def patiently(self, connection: sqlite3.Connection, statement: str) -> None:
        """Run what writes, once no other process does; the busy error stays when one goes on for too long."""
        waited = self._turn
        with self._brief_waits(connection):
            while True:
                try:
                    connection.execute(statement)
                    return
                except sqlite3.OperationalError as exc:
                    if primary(exc) != sqlite3.SQLITE_BUSY or not self._patient(waited):
                        raise
                    waited += self._turn

    def empty_log(self) -> bool:
        """Put the log's pages into the index and empty it; False when somebody reads them all the while.

        Each try is a turn of its own, so that others write between two of them.
        """
        waited = self._turn
        while not self._log_emptied():
            if not self._patient(waited):
                return False
            waited += self._turn
        return True

    def _log_emptied(self) -> bool:
        with self.alone() as connection, self._brief_waits(connection):
            (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    @contextlib.contextmanager
    def _brief_waits(self, connection: sqlite3.Connection) -> Iterator[None]:
        connection.execute(f"PRAGMA busy_timeout = {round(1000 * self._turn)}")
        try:
            yield
        finally:
            connection.execute(f"PRAGMA busy_timeout = {round(1000 * self._busy_seconds)}")

    @property
    def _turn(self) -> float:
        return min(_TURN, self._busy_seconds)

    def _patient(self, waited: float) -> bool:
        longest = min(HURRIED_SECONDS, self._busy_seconds) if self._hurried() else self._busy_seconds
        return waited < longest
