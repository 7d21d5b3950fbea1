"""Opening the index: one connection a thread, each with the same settings, and the form of the tables."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import weakref
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from levelhead.durable import sync_folder
from levelhead.errors import NewerSchema, ProgrammerError, StoreDamaged, Unavailable, UserError
from levelhead.model import READING
from levelhead.store.api import READ_BY
from levelhead.store.sqlite_errors import UNREADABLE, damaged, primary, translated
from levelhead.store.sqlite_schema import MIGRATIONS, SCHEMA, TABLES

INDEX_NAME = "index.sqlite"
"""What the index file is called when only its folder is named."""


class Link:
    """One open connection, closed at the latest when nobody refers to it any more."""

    def __init__(self, connection: sqlite3.Connection, serial: int) -> None:
        self.connection = connection
        self.serial = serial
        self.writing = False
        self.close = weakref.finalize(self, connection.close)


class Links:
    """The connections to one index: each thread has its own, none outlives `close`."""

    def __init__(self, path: Path, *, read_only: bool, busy_seconds: float) -> None:
        self.path = path
        self.read_only = read_only
        self._busy_seconds = busy_seconds
        self._local = threading.local()
        self._all: weakref.WeakSet[Link] = weakref.WeakSet()
        self._guard = threading.Lock()
        self._closed = False
        self._serial = 0

    def mine(self) -> Link:
        """This thread's connection, opened at its first use; raises sqlite3.Error, or Unavailable."""
        if self._closed:
            raise ProgrammerError(f"the index {self.path} is used after it was closed")
        link: Link | None = getattr(self._local, "link", None)
        if link is None:
            connection = (_read_connection if self.read_only else _write_connection)(
                self.path, self._busy_seconds
            )
            with self._guard:
                self._serial += 1
                link = Link(connection, self._serial)
                self._all.add(link)
            self._local.link = link
        return link

    def drop(self) -> None:
        """Close this thread's connection, because it saw an I/O error; the next use opens a fresh one."""
        link: Link | None = getattr(self._local, "link", None)
        self._local.link = None
        if link is not None:
            with contextlib.suppress(sqlite3.Error):
                link.close()

    def close(self) -> None:
        """Close every thread's connection; closing twice is allowed."""
        self._closed = True
        with self._guard:
            for link in list(self._all):
                link.close()


def resolve(path: Path, *, read_only: bool) -> Path:
    """The index file itself: `path`, or `index.sqlite` in it when it is a folder; made private when it may be written.

    Raises UserError when there is nothing to read, Unavailable when the file cannot be made.
    """
    file = path / INDEX_NAME if path.is_dir() else path
    if read_only:
        if not file.exists():
            raise UserError(
                f"there is no index {file} yet; the first `levelhead run` or `levelhead add` makes it"
            )
        return file
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(file)
    except OSError as exc:
        raise Unavailable(
            f"the index {file} cannot be made: {exc.strerror}; check the folder and its rights"
        ) from exc
    return file


def _make(file: Path) -> None:
    """An empty private file, unless there is one; whose that may be, only its rights are changed.

    It is not opened: whoever closes a file gives up all locks of the process on it, those of SQLite too.
    """
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        if file.stat().st_mode & 0o077:
            file.chmod(0o600)


def _write_connection(path: Path, busy_seconds: float) -> sqlite3.Connection:
    connection = _connect(f"{_uri(path)}?mode=rw", busy_seconds)
    try:
        mode = _ahead(connection, busy_seconds)
        # An I/O error can leave the old journal in place without an exception; the answer is what counts.
        if mode != "wal":
            raise Unavailable(
                f"the index {path} stays in journal mode {mode}; its disk does not allow write-ahead logs"
            )
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA cache_size = -16000")
        connection.execute("PRAGMA journal_size_limit = 67108864")
    except BaseException:
        connection.close()
        raise
    return connection


def _ahead(connection: sqlite3.Connection, busy_seconds: float) -> str:
    """Ask for a write-ahead log; the journal mode that the index is then in.

    Of programs that make one index at the same moment SQLite lets one change its mode and refuses the others at once,
    without the wait of `busy_timeout` (two readers that both want to write would wait for each other): so they ask
    again, for as long as they would have waited.
    """
    import tenacity  # here, because one who only reads asks for no log and need not wait for this import

    attempts = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_is_busy),
        stop=tenacity.stop_after_delay(busy_seconds),
        wait=tenacity.wait_random(0.005, 0.05),
        reraise=True,
    )
    (mode,) = attempts(lambda: connection.execute("PRAGMA journal_mode = wal").fetchone())
    return str(mode)


def _is_busy(exc: BaseException) -> bool:
    return isinstance(exc, sqlite3.Error) and primary(exc) == sqlite3.SQLITE_BUSY


def _read_connection(path: Path, busy_seconds: float) -> sqlite3.Connection:
    """A connection that cannot write; on a disk that cannot be written, the file is taken as it lies there."""
    connection = _connect(f"{_uri(path)}?mode=ro", busy_seconds)
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        return connection
    except sqlite3.OperationalError as exc:
        connection.close()
        if exc.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            raise
    wal = path.with_name(path.name + "-wal")
    if wal.exists() and wal.stat().st_size:
        raise Unavailable(
            f"the index {path} was copied while it was written and its folder cannot be written now;"
            " copy it to a folder that can"
        )
    return _connect(f"{_uri(path)}?mode=ro&immutable=1", busy_seconds)


def _connect(uri: str, busy_seconds: float) -> sqlite3.Connection:
    return sqlite3.connect(
        uri,
        uri=True,
        timeout=busy_seconds,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )


def _uri(path: Path) -> str:
    return "file:" + quote(str(path.absolute()))


def prepare(
    links: Links,
    *,
    tables: tuple[str, ...] = TABLES,
    migrations: Mapping[int, tuple[str, ...]] = MIGRATIONS,
    schema: int = SCHEMA,
) -> None:
    """Make the tables of a fresh index, or bring an older one to this form after a backup beside it.

    Raises NewerSchema for an index that a newer program wrote, StoreDamaged for a file that is no index of ours.
    """
    found = _schema_of(links)
    if found == schema:
        return
    if found is not None and found > schema:
        raise NewerSchema(
            f"the index {links.path} has form {found}, and this levelhead knows forms up to {schema};"
            " use the newer levelhead that wrote it"
        )
    if links.read_only:
        form = "no tables yet" if found is None else f"the older form {found}"
        raise UserError(f"the index {links.path} has {form}; `levelhead run --once` brings it up to date")
    connection = links.mine().connection
    connection.execute("BEGIN IMMEDIATE")
    try:
        _upgrade(links, _schema_of(links), tables, migrations, schema)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _upgrade(
    links: Links,
    found: int | None,
    tables: tuple[str, ...],
    migrations: Mapping[int, tuple[str, ...]],
    schema: int,
) -> None:
    """Runs under the write lock, so that of two programs that open at once only one does it."""
    connection = links.mine().connection
    if found is None:
        for statement in tables:
            connection.execute(statement)
        connection.execute("INSERT INTO meta (key, value) VALUES ('schema', ?)", (str(schema),))
        connection.execute("INSERT INTO meta (key, value) VALUES (?, ?)", (READ_BY, str(READING)))
        return
    if found < schema:
        _back_up(links.path, found)
        for step in range(found, schema):
            for statement in migrations[step]:
                connection.execute(statement)
        connection.execute("UPDATE meta SET value = ? WHERE key = 'schema'", (str(schema),))


def _schema_of(links: Links) -> int | None:
    """The number in `meta`; None for a file without any table."""
    connection = links.mine().connection
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if not tables:
        return None
    row = (
        connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
        if "meta" in tables
        else None
    )
    if row is None or not row[0].isdecimal():
        raise StoreDamaged(f"{links.path} is an SQLite file, but no index of levelhead")
    return int(row[0])


def _back_up(path: Path, schema: int) -> None:
    """A durable copy beside the index, as it was before the migration."""
    copy_index(path, path.with_name(f"{path.name}.form-{schema}.backup"))


def copy_index(path: Path, copy: Path) -> None:
    """A durable copy of an index in a file of its own, as it stands at one moment; what lies at `copy` is replaced.

    Raises sqlite3.Error and OSError; then nothing is there but what was there before.
    """
    half = copy.with_name(copy.name + ".part")
    half.unlink(missing_ok=True)
    os.close(os.open(half, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with (
            contextlib.closing(_connect(f"{_uri(path)}?mode=ro", 30.0)) as source,
            contextlib.closing(sqlite3.connect(half)) as target,
        ):
            source.backup(target)
            # A copy stays one file: without this it would want a write-ahead log of its own when it is read.
            target.execute("PRAGMA journal_mode = delete")
        sync_file(half)
    except BaseException:
        half.unlink(missing_ok=True)
        raise
    half.rename(copy)
    sync_folder(copy.parent)


def sync_file(path: Path) -> None:
    """Make a file's content durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def open_links(path: Path, *, read_only: bool, busy_seconds: float) -> Links:
    """Connections to a checked index; raises the errors of `resolve` and `prepare`, and those of SQLite translated."""
    links = Links(resolve(path, read_only=read_only), read_only=read_only, busy_seconds=busy_seconds)
    try:
        prepare(links)
    except sqlite3.Error as exc:
        links.close()
        raise translated(exc, links.path) from exc
    except UNREADABLE as exc:  # also what Python makes of an error whose words SQLite took from damaged bytes
        links.close()
        raise damaged(exc, links.path) from exc
    except BaseException:
        links.close()
        raise
    return links
